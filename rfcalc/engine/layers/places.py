"""Layer types that move, repeat or gather places."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from ...errors import RfcalcError, ShapeError
from ..geometry import SHARED, UNIT, FeatureMap, Taps, Window
from ..kinds import Count, EachAxis, Flag, Integer, Optional, PaddingKind, PerAxis, Word, setting
from .base import Layer, SpatialLayer, WindowLayer, function_module, layer, product_text
from .padding import before


@layer("expand")
@dataclass(frozen=True, slots=True)
class Expand(SpatialLayer):
    """One channel, or one place on an axis, repeated: every unit sees what the one unit sees (torch.Tensor.expand)."""

    windowed = False
    out_channels: int | None = setting(Optional(Count()), None)
    size: PerAxis | None = setting(Optional(EachAxis(Integer())), None)

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        pairs = zip((x.channels, *x.sizes), (self.channels(x), *self.sizes(x)), strict=True)
        if any(old not in (1, new) for old, new in pairs):
            raise ShapeError(f"cannot repeat {x} to {'x'.join(map(str, (self.channels(x), *self.sizes(x))))}")

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return self.size or x.sizes

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return tuple(
            SHARED if axis.size < size else UNIT.taps() for axis, size in zip(x.axes, self.sizes(x), strict=True)
        )

    def module(self, nn: Any, x: FeatureMap) -> Any:
        shape = (-1, self.channels(x), *self.sizes(x))
        return function_module(nn, lambda t: t.expand(shape), f"to {shape[1:]}")


@layer("unflatten")
@dataclass(frozen=True, slots=True)
class Unflatten(Layer):
    """A map without axes, or of size 1 on each, as a map with axes (torch.nn.Unflatten): each unit holds some of its
    values, which is an upper bound where those come from places apart."""

    pointwise = False
    windowed = False
    out_channels: int = setting(Count())
    size: PerAxis = setting(EachAxis(Integer()), 1)

    def check(self, x: FeatureMap) -> None:
        if max(x.sizes) > 1 or x.channels != self.out_channels * prod(self.size):
            raise ShapeError(f"cannot make {product_text(self.out_channels, *self.size)} values of {x}")

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return self.size

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return tuple(SHARED if size > 1 else UNIT.taps() for size in self.size)

    def output(self, inputs: Sequence[FeatureMap]) -> FeatureMap:
        out = Layer.output(self, inputs)
        if not out.apart or max(self.size) == 1:
            return out
        axes = tuple(axis if axis.doubt else replace(axis, doubt=self.op) for axis in out.axes)
        return FeatureMap(out.channels, axes, apart=True)

    def module(self, nn: Any, x: FeatureMap) -> Any:
        made = nn.Unflatten(1, (self.out_channels, *self.size))
        return made if x.flat else nn.Sequential(OrderedDict(flatten=nn.Flatten(), unflatten=made))


@layer("roll")
@dataclass(frozen=True, slots=True)
class Roll(SpatialLayer):
    """Every axis turned by so many places, what leaves at the end entering at the start (torch.roll)."""

    windowed = False
    scalar = "shifts"
    shifts: PerAxis = setting(EachAxis(Integer(-(2**20))))

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return x.sizes

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return tuple(Taps(1, (range(-shift, -shift + 1),), "circular") for shift in self.shifts)

    def module(self, nn: Any, x: FeatureMap) -> Any:
        axes = tuple(range(2, 2 + len(self.shifts)))
        return function_module(nn, lambda t: t.roll(self.shifts, axes), f"{self.shifts}")


@layer("unfold")
@dataclass(frozen=True, slots=True)
class Unfold(WindowLayer):
    """Each window's values as channels of one place (torch.nn.Unfold, the places kept on their axes)."""

    scalar = "kernel_size"
    kernel_size: PerAxis = setting(EachAxis(Integer()))
    stride: PerAxis = setting(EachAxis(Integer()), 1)
    padding: Any = setting(PaddingKind(pairs=False), 0)
    dilation: PerAxis = setting(EachAxis(Integer()), 1)

    def channels(self, x: FeatureMap) -> int:
        return x.channels * prod(self.kernel_size)

    def module(self, nn: Any, x: FeatureMap) -> Any:
        sizes = self.sizes(x)
        windows = (self.kernel_size, self.dilation, before(self.padding), self.stride)
        text = f"kernel_size={self.kernel_size}, stride={self.stride}"
        if len(sizes) > 2:
            raise RfcalcError("torch.nn.Unfold takes maps of two axes")
        if len(sizes) == 2:
            return function_module(nn, lambda t: nn.functional.unfold(t, *windows).unflatten(2, sizes), text)
        # torch takes three dimensions for a map without a batch: one axis gets a second one of size 1 in front
        rows = tuple((one, *values) for one, values in zip((1, 1, 0, 1), windows, strict=True))
        return function_module(nn, lambda t: nn.functional.unfold(t.unsqueeze(2), *rows), text)


@layer("reduce")
@dataclass(frozen=True, slots=True)
class Reduce(SpatialLayer):
    """All places on the given axes into one, by the named operation (sum, std, …); a window as large as the axis."""

    operation: str = setting(Word())
    axes: tuple[bool, ...] = setting(EachAxis(Flag()), True)

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return tuple(Window(axis.size) if whole else UNIT for axis, whole in zip(x.axes, self.axes, strict=True))
