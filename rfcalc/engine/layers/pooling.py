"""Pools, and the layers that see the whole map: global and adaptive pools, flatten, linear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

from ...errors import SettingError, ShapeError
from ..geometry import MAX_PHASES, SHARED, Axis, FeatureMap, Taps, TooManyPhases, Window
from ..kinds import EachAxis, Flag, Integer, PaddingKind, PerAxis, setting
from .base import Layer, SpatialLayer, WindowLayer, axes_through, layer, product_text, unbuildable
from .padding import before


@layer("linear")
@dataclass(frozen=True, slots=True)
class Linear(Layer):
    """Fully connected layer on the whole map, flattened first where it is not flat yet (torch.nn.Linear)."""

    torch_name = "Linear"
    scalar = "out_features"
    pointwise = False
    out_features: int = setting(Integer())
    bias: bool = setting(Flag(), True)

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return whole_windows(x)

    def output(self, inputs: Sequence[FeatureMap]) -> FeatureMap:
        return FeatureMap(self.out_features, flattened(inputs[0]), flat=True)

    def params(self, x: FeatureMap) -> int:
        return self.out_features * (x.elements + self.bias)

    def macs(self, x: FeatureMap, out: FeatureMap) -> int:
        return self.out_features * x.elements

    def sums(self, x: FeatureMap, out: FeatureMap) -> tuple[str, str]:
        return f"{self.out_features}*({x.elements}{' + 1' * self.bias})", product_text(self.out_features, x.elements)

    def arguments(self, x: FeatureMap) -> tuple[Any, ...]:
        return x.elements, self.out_features, self.bias


@layer("flatten")
class Flatten(Layer):
    """All axes into channels (torch.nn.Flatten); each value counts as seeing what any of them sees."""

    torch_name = "Flatten"
    pointwise = False

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return whole_windows(x)

    def output(self, inputs: Sequence[FeatureMap]) -> FeatureMap:
        (x,) = inputs
        return FeatureMap(x.elements, flattened(x), flat=True, apart=x.apart or x.elements > x.channels)


def whole_windows(x: FeatureMap) -> tuple[Window, ...]:
    return () if x.flat else tuple(Window(axis.size) for axis in x.axes)


def flattened(x: FeatureMap) -> tuple[Axis, ...]:
    return x.axes if x.flat else axes_through(x.axes, tuple(w.taps() for w in whole_windows(x)), (1,) * len(x.axes))


@dataclass(frozen=True, slots=True)
class Pool(WindowLayer):
    """A pool over windows of its own kernel_size, by default side by side."""

    torch_axes = True
    scalar = "kernel_size"
    kernel_size: PerAxis = setting(EachAxis(Integer()))
    stride: PerAxis = setting(EachAxis(Integer()), like="kernel_size")
    padding: Any = setting(PaddingKind(pairs=False), 0)
    dilation: PerAxis = setting(EachAxis(Integer()), 1)
    ceil_mode: bool = setting(Flag(), False)

    def __post_init__(self) -> None:
        for kernel, (side, _) in zip(self.kernel_size, self.padding, strict=True):
            if 2 * side > kernel:  # torch's rule, which leaves dilation out of account
                raise SettingError(f"padding={side} must be at most half of kernel_size={kernel}")

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return tuple(w.output_size(a.size, self.ceil_mode) for w, a in zip(self.windows(x), x.axes, strict=True))


@layer("max_pool")
@dataclass(frozen=True, slots=True)
class MaxPool(Pool):
    """Maximum over each window (torch.nn.MaxPool1d to 3d)."""

    torch_name = "MaxPool"

    def arguments(self, x: FeatureMap) -> tuple[Any, ...]:
        return self.kernel_size, self.stride, before(self.padding), self.dilation, False, self.ceil_mode


@layer("avg_pool")
@dataclass(frozen=True, slots=True)
class AvgPool(Pool):
    """Mean over each window (torch.nn.AvgPool1d to 3d); with dilation, which torch's has not, known by its shapes."""

    torch_name = "AvgPool"

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        for kernel, axis in zip(self.kernel_size, x.axes, strict=True):
            if len(x.axes) == 3 and kernel > axis.size:
                raise ShapeError(
                    f"kernel_size={kernel} does not fit a map of size {axis.size}: on 3 axes padding does not help"
                )

    def module(self, nn: Any, x: FeatureMap) -> Any:
        if max(self.dilation) > 1:
            raise unbuildable("avg_pool with dilation")
        return Pool.module(self, nn, x)

    def arguments(self, x: FeatureMap) -> tuple[Any, ...]:
        return self.kernel_size, self.stride, before(self.padding), self.ceil_mode


@dataclass(frozen=True, slots=True)
class AdaptivePool(SpatialLayer):
    """A pool to a size of its own: unit i of m reads floor(i*n/m) to ceil((i+1)*n/m), torch's bins.

    To size 1 it is one window as large as the map with stride 1 (the convention of the hand-made tables), to the size
    that is already there the identity.
    """

    reduces = True
    torch_axes = True
    scalar = "output_size"
    output_size: PerAxis = setting(EachAxis(Integer()))

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return self.output_size

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        if any(axis.size % size for axis, size in zip(x.axes, self.sizes(x), strict=True)):
            return ()
        shares = [(axis.size // size, size) for axis, size in zip(x.axes, self.sizes(x), strict=True)]
        return tuple(Window(share, 1 if size == 1 else share) for share, size in shares)

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return tuple(map(adaptive_taps, (axis.size for axis in x.axes), self.sizes(x)))


def adaptive_taps(size: int, out: int) -> Taps:
    common = gcd(size, out)
    if out // common > MAX_PHASES:
        raise TooManyPhases(f"a pool from size {size:,} to {out:,} has {out // common:,} different bins")
    if out == 1:
        return Window(size).taps()
    if size == 1:
        return SHARED
    return Taps(size // common, tuple(range(i * size // out, -(-(i + 1) * size // out)) for i in range(out // common)))


@layer("adaptive_avg_pool")
class AdaptiveAvgPool(AdaptivePool):
    """Mean to a fixed size (torch.nn.AdaptiveAvgPool1d to 3d)."""

    torch_name = "AdaptiveAvgPool"


@layer("adaptive_max_pool")
class AdaptiveMaxPool(AdaptivePool):
    """Maximum to a fixed size (torch.nn.AdaptiveMaxPool1d to 3d)."""

    torch_name = "AdaptiveMaxPool"


class GlobalPool(SpatialLayer):
    """A pool of the whole map to size 1: a window as large as the map, stride 1."""

    reduces = True
    torch_axes = True

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return whole_windows(x)

    def arguments(self, x: FeatureMap) -> tuple[Any, ...]:
        return (1,)


@layer("global_avg_pool")
class GlobalAvgPool(GlobalPool):
    """Mean of the whole map (torch.nn.AdaptiveAvgPool2d(1))."""

    torch_name = "AdaptiveAvgPool"


@layer("global_max_pool")
class GlobalMaxPool(GlobalPool):
    """Maximum of the whole map (torch.nn.AdaptiveMaxPool2d(1))."""

    torch_name = "AdaptiveMaxPool"
