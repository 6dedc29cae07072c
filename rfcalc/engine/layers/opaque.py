"""Operations that are known by name and shape only: a traced module can need them beside those of the spec language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import RfcalcError, ShapeError
from ..geometry import Axis, FeatureMap, Strand, Taps, join, union
from ..kinds import Count, EachAxis, Flag, Integer, Optional, PerAxis, Word, setting
from .base import Layer, layer, unbuildable
from .joins import Join


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
    windowed = False
    operation: str = setting(Word())
    out_channels: int | None = setting(Optional(Count()), None)
    size: PerAxis | None = setting(Optional(EachAxis(Integer())), None)
    flat: bool | None = setting(Optional(Flag()), None)

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        raise RfcalcError(f"{self.operation}: which units it reads is not known one by one")

    def output(self, inputs: Sequence[FeatureMap]) -> FeatureMap:
        x = inputs[0]
        flat = x.flat if self.flat is None else self.flat
        sizes = self.size or ((1,) * len(x.axes) if flat else x.sizes)
        if flat and max(sizes) > 1:
            raise ShapeError(f"a flat map has no size of {'x'.join(map(str, sizes))}")
        axes = tuple(self.axis([m.axes[i] for m in inputs], size, i) for i, size in enumerate(sizes))
        return FeatureMap(self.out_channels or x.channels, axes, flat, any(m.apart for m in inputs))

    def axis(self, axes: Sequence[Axis], size: int, index: int) -> Axis:
        """Where the units of the output look along one axis."""
        return Axis(size, (), self.operation)

    def macs(self, x: FeatureMap, out: FeatureMap) -> int | None:
        return None

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

    axes: tuple[bool, ...] = setting(EachAxis(Flag()), True)
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
