"""Layer types that a traced module can need beside those of the spec language: what happens to channels, values and
places outside the usual layers, and operations that are known by name and shape only.

Imported for its layer types, which it registers as `ops` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import Any

from .errors import RfcalcError, ShapeError
from .geometry import UNIT, Axis, FeatureMap, Strand, Taps, Window, join, union
from .ops import Join, Layer, Multiply, Norm, before, layer, make_windows, product
from .settings import Count, Flag, Flags, Integers, Optional, PaddingKind, PerAxis, Word, setting


def function(nn: Any, call: Callable[[Any], Any], text: str) -> Any:
    """A torch module without weights that does `call`."""

    class Function(nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return call(x)

        def extra_repr(self) -> str:
            return text

    return Function()


def unbuildable(operation: str) -> RfcalcError:
    return RfcalcError(f"{operation} is known by its shapes only: no torch module can be made of it")


# --- channels ----------------------------------------------------------------------------------------------------


class ChannelLayer(Layer):
    """Rearranges channels; each unit reads the unit at its place."""

    pointwise = False

    def output(self, inputs: Sequence[FeatureMap]) -> FeatureMap:
        (x,) = inputs
        self.check(x)
        return FeatureMap(self.channels(x), x.axes, x.flat)


@layer("channel_slice")
@dataclass(frozen=True, slots=True)
class ChannelSlice(ChannelLayer):
    """The channels from start on, up to stop, every step-th: x[:, start:stop:step]."""

    start: int = setting(Count(0), 0)
    stop: int | None = setting(Optional(Count()), None)
    step: int = setting(Count(), 1)

    def channels(self, x: FeatureMap) -> int:
        return len(range(self.start, self.stop or x.channels, self.step))

    def check(self, x: FeatureMap) -> None:
        if not self.start < (self.stop or x.channels) <= x.channels:
            raise ShapeError(f"channels {self.start} to {self.stop or x.channels} are not among the {x.channels}")

    def module(self, nn: Any, x: FeatureMap) -> Any:
        kept = slice(self.start, self.stop, self.step)
        return function(nn, lambda t: t[:, kept], f"channels {kept.start}:{kept.stop or ''}:{kept.step}")


@layer("channel_pad")
@dataclass(frozen=True, slots=True)
class ChannelPad(ChannelLayer):
    """More channels, which hold nothing of the image, before and after those that come in."""

    before: int = setting(Count(0), 0)
    after: int = setting(Count(0), 0)

    def channels(self, x: FeatureMap) -> int:
        return self.before + x.channels + self.after

    def module(self, nn: Any, x: FeatureMap) -> Any:
        sides = (0, 0) * (0 if x.flat else len(x.axes)) + (self.before, self.after)
        return function(nn, lambda t: nn.functional.pad(t, sides), f"{self.before} before, {self.after} after")


@layer("channel_shuffle")
@dataclass(frozen=True, slots=True)
class ChannelShuffle(ChannelLayer):
    """Channels by turns from each group (torch.nn.ChannelShuffle)."""

    torch_name = "ChannelShuffle"
    scalar = "groups"
    groups: int = setting(Count())

    def check(self, x: FeatureMap) -> None:
        if x.channels % self.groups:
            raise ShapeError(f"groups={self.groups} must divide {x.channels} channels")


@layer("channel_mix")
@dataclass(frozen=True, slots=True)
class ChannelMix(ChannelLayer):
    """Channels made of the channels at the same place, by the named operation (mean over channels, glu, …)."""

    operation: str = setting(Word())
    out_channels: int = setting(Count())

    def channels(self, x: FeatureMap) -> int:
        return self.out_channels

    def module(self, nn: Any, x: FeatureMap) -> Any:
        raise unbuildable(self.operation)


@layer("channel_norm")
@dataclass(frozen=True, slots=True)
class ChannelNorm(Norm):
    """Layer normalisation over the channels of each place alone (torch.nn.LayerNorm, channels last)."""

    scalar = "affine"
    affine: bool = setting(Flag(), True)

    def module(self, nn: Any, x: FeatureMap) -> Any:
        class ChannelNorm(nn.LayerNorm):  # type: ignore[misc]
            def forward(self, x: Any) -> Any:
                return super().forward(x.movedim(1, -1)).movedim(-1, 1)

        return ChannelNorm(x.channels, elementwise_affine=self.affine)


# --- single values -----------------------------------------------------------------------------------------------


@layer("pointwise")
@dataclass(frozen=True, slots=True)
class Pointwise(Layer):
    """A function of each value by itself, known by name: exp, clamp, mul by a number."""

    scalar = "operation"
    operation: str = setting(Word())

    def module(self, nn: Any, x: FeatureMap) -> Any:
        raise unbuildable(self.operation)


@dataclass(frozen=True, slots=True)
class Learned(Layer):
    """Each value with a learned weight: one for all, one for each channel, or one for each value."""

    scalar = "weights"
    weights: int = setting(Count())

    def params(self, x: FeatureMap) -> int:
        return self.weights

    def sums(self, x: FeatureMap, out: FeatureMap) -> tuple[str, str]:
        return str(self.weights), ""

    def learned(self, x: FeatureMap, combine: Callable[[Any, Any], Any], start: float) -> Any:
        """A module that combines each value with its weight."""
        import torch

        sizes = () if x.flat else x.sizes
        shapes = {1: (), x.elements: (x.channels, *sizes), x.channels: (x.channels, *(1 for _ in sizes))}
        if self.weights not in shapes:
            raise RfcalcError(f"{self.weights} weights are not one for all, for each channel or for each value of {x}")

        class Learned(torch.nn.Module):
            def __init__(self, shape: tuple[int, ...]) -> None:
                super().__init__()
                self.weight = torch.nn.Parameter(torch.full(shape, start))

            def forward(self, x: Any) -> Any:
                return combine(x, self.weight)

        return Learned(shapes[self.weights])


@layer("scale")
class Scale(Learned):
    """Each value times a learned weight (layer scale); `weights` says how many there are."""

    def module(self, nn: Any, x: FeatureMap) -> Any:
        return self.learned(x, lambda t, weight: t * weight, 1.0)


@layer("shift")
class Shift(Learned):
    """Each value plus a learned weight (a bias, the embedding of a position); `weights` says how many there are."""

    def module(self, nn: Any, x: FeatureMap) -> Any:
        return self.learned(x, lambda t, weight: t + weight, 0.0)


@layer("elementwise")
@dataclass(frozen=True, slots=True)
class Elementwise(Multiply):
    """Maps value by value through the torch function of that name (sub, maximum, …), or added, with axes of size 1
    and single channels broadcast."""

    operation: str = setting(Word())

    def combine(self, torch: Any, tensors: Sequence[Any]) -> Any:
        call = getattr(torch, self.operation, None)
        if call is None:
            raise unbuildable(self.operation)
        return reduce(call, tensors)


# --- places ------------------------------------------------------------------------------------------------------


@layer("expand")
@dataclass(frozen=True, slots=True)
class Expand(Layer):
    """One channel, or one place on an axis, repeated: every unit sees what the one unit sees (torch.Tensor.expand)."""

    pointwise = False
    keeps_flat = False
    out_channels: int | None = setting(Optional(Count()), None)
    size: PerAxis | None = setting(Optional(Integers()), None)

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        pairs = zip((x.channels, *x.sizes), (self.channels(x), *self.sizes(x)), strict=True)
        if any(old not in (1, new) for old, new in pairs):
            raise ShapeError(f"cannot repeat {x} to {'x'.join(map(str, (self.channels(x), *self.sizes(x))))}")

    def channels(self, x: FeatureMap) -> int:
        return self.out_channels or x.channels

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return self.size or x.sizes

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return ()

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return tuple(
            SHARED if axis.size < size else UNIT.taps() for axis, size in zip(x.axes, self.sizes(x), strict=True)
        )

    def module(self, nn: Any, x: FeatureMap) -> Any:
        shape = (-1, self.channels(x), *self.sizes(x))
        return function(nn, lambda t: t.expand(shape), f"to {shape[1:]}")


SHARED = Taps(0, (range(1),))
"""Every unit reads unit 0."""


@layer("unflatten")
@dataclass(frozen=True, slots=True)
class Unflatten(Layer):
    """A map without axes, or of size 1 on each, as a map with axes; each unit counts as seeing all that its values see
    (torch.nn.Unflatten)."""

    pointwise = False
    out_channels: int = setting(Count())
    size: PerAxis = setting(Integers(), 1)

    def check(self, x: FeatureMap) -> None:
        if max(x.sizes) > 1 or x.channels != self.out_channels * prod(self.size):
            raise ShapeError(f"cannot make {product(self.out_channels, *self.size)} values of {x}")

    def channels(self, x: FeatureMap) -> int:
        return self.out_channels

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return self.size

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return ()

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return tuple(SHARED if size > 1 else UNIT.taps() for size in self.size)

    def module(self, nn: Any, x: FeatureMap) -> Any:
        shape = (self.out_channels, *self.size)
        return function(nn, lambda t: t.reshape(-1, *shape), f"to {shape}")


@layer("roll")
@dataclass(frozen=True, slots=True)
class Roll(Layer):
    """Every axis turned by so many places, what leaves at the end entering at the start (torch.roll)."""

    pointwise = False
    keeps_flat = False
    scalar = "shifts"
    shifts: PerAxis = setting(Integers(-(2**20)))

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return ()

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return x.sizes

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return tuple(Taps(1, (range(-shift, -shift + 1),), "circular") for shift in self.shifts)

    def module(self, nn: Any, x: FeatureMap) -> Any:
        axes = tuple(range(2, 2 + len(self.shifts)))
        return function(nn, lambda t: t.roll(self.shifts, axes), f"{self.shifts}")


@layer("unfold")
@dataclass(frozen=True, slots=True)
class Unfold(Layer):
    """Each window's values as channels of one place (torch.nn.Unfold, the places kept on their axes)."""

    pointwise = False
    keeps_flat = False
    scalar = "kernel_size"
    kernel_size: PerAxis = setting(Integers())
    stride: PerAxis = setting(Integers(), 1)
    padding: Any = setting(PaddingKind(pairs=False), 0)
    dilation: PerAxis = setting(Integers(), 1)

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return make_windows(self.kernel_size, self.stride, self.padding, self.dilation)

    def channels(self, x: FeatureMap) -> int:
        return x.channels * prod(self.kernel_size)

    def module(self, nn: Any, x: FeatureMap) -> Any:
        sizes = self.sizes(x)
        windows = (self.kernel_size, self.dilation, before(self.padding), self.stride)
        text = f"kernel_size={self.kernel_size}, stride={self.stride}"
        return function(nn, lambda t: nn.functional.unfold(t, *windows).unflatten(2, sizes), text)


@layer("reduce")
@dataclass(frozen=True, slots=True)
class Reduce(Layer):
    """All places on the given axes into one, by the named operation (sum, std, …); a window as large as the axis."""

    pointwise = False
    keeps_flat = False
    operation: str = setting(Word())
    axes: tuple[bool, ...] = setting(Flags(), True)

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return tuple(Window(axis.size) if whole else UNIT for axis, whole in zip(x.axes, self.axes, strict=True))

    def module(self, nn: Any, x: FeatureMap) -> Any:
        raise unbuildable(self.operation)


# --- operations known by name and shape --------------------------------------------------------------------------


def hull(axis: Axis) -> Axis:
    """The one unit that sees what all units of an axis see between them."""
    return axis.through(Taps(0, (range(axis.size),)), 1)


def mixed(axes: Sequence[Axis], size: int, operation: str, bound: bool) -> Axis:
    """The axis of a map each of whose units sees all units of the given axes or, if only a bound, some of them.

    The hull is exact where axes without doubt alone make it up, and where no unit sees less than the others.
    """
    for axis in axes:
        if not axis.strands:
            return Axis(size, (), axis.doubt)
    hulls = [hull(axis) for axis in axes]
    seen = union(axis.at(0) for axis in hulls)
    sure = union(axis.at(0) for axis in hulls if not axis.doubt)
    doubt = "" if sure == seen else next(axis.doubt for axis in axes if axis.doubt)
    if bound and not all(axis.size == 1 or is_shared(axis, seen) for axis in axes):
        doubt = operation
    return Axis(size, (Strand(0, (seen,)),), doubt)


def is_shared(axis: Axis, seen: Any) -> bool:
    """Whether every unit of the axis sees all that is seen."""
    return any(not strand.advance and strand.fields == (seen,) for strand in axis.strands)


@dataclass(frozen=True, slots=True)
class Opaque(Layer):
    """An operation whose output is known by its shape: channels, sizes and flat, each as they come in if not stated."""

    pointwise = False
    operation: str = setting(Word())
    out_channels: int | None = setting(Optional(Count()), None)
    size: PerAxis | None = setting(Optional(Integers()), None)
    flat: bool | None = setting(Optional(Flag()), None)

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return ()

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        raise RfcalcError(f"{self.operation}: which units it reads is not known one by one")

    def output(self, inputs: Sequence[FeatureMap]) -> FeatureMap:
        x = inputs[0]
        flat = x.flat if self.flat is None else self.flat
        sizes = self.size or ((1,) * len(x.axes) if flat else x.sizes)
        if flat and max(sizes) > 1:
            raise ShapeError(f"a flat map has no size of {'x'.join(map(str, sizes))}")
        axes = tuple(self.axis([m.axes[i] for m in inputs], size, i) for i, size in enumerate(sizes))
        return FeatureMap(self.out_channels or x.channels, axes, flat)

    def axis(self, axes: Sequence[Axis], size: int, index: int) -> Axis:
        """Where the units of the output look along one axis."""
        return Axis(size, (), self.operation)

    def macs(self, x: FeatureMap, out: FeatureMap) -> int | None:
        return None

    def module(self, nn: Any, x: FeatureMap) -> Any:
        raise unbuildable(self.operation)

    def combine(self, torch: Any, tensors: Sequence[Any]) -> Any:
        raise unbuildable(self.operation)


@layer("opaque")
class OpaqueLayer(Opaque):
    """An operation that reads nobody knows what (fft, gru, …): its field and all that follow from it are unknown."""


@layer("opaque_join")
class OpaqueJoin(Opaque, Join):
    """An operation on several maps that reads nobody knows what: the field is unknown."""


@dataclass(frozen=True, slots=True)
class WholeMap(Opaque):
    """Every unit sees every unit of its inputs, on the axes where `axes` says so; with `bound`, some of them."""

    axes: tuple[bool, ...] = setting(Flags(), True)
    bound: bool = setting(Flag(), False)

    def axis(self, axes: Sequence[Axis], size: int, index: int) -> Axis:
        if self.axes[index]:
            return mixed(axes, size, self.operation, self.bound)
        if any(axis.size not in (1, size) for axis in axes):
            raise ShapeError(f"{self.operation} leaves axis {index} alone, but makes size {size} of {axes[0].size}")
        return join(axes) if len(axes) > 1 else axes[0]

    def macs(self, x: FeatureMap, out: FeatureMap) -> int | None:
        return 0


@layer("whole")
class Whole(WholeMap):
    """An operation each of whose units sees all of its input (attention, a softmax over places), on every axis or on
    those given; `bound`: it sees some of it, such as the one unit that a flip brings there."""


@layer("whole_join")
class WholeJoin(WholeMap, Join):
    """An operation on several maps each of whose units sees all of them (attention, matmul), on every axis or on those
    given; `bound`: it sees some of it, such as maps laid side by side."""
