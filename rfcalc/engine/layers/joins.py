"""Layers that make one map of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import Any

from ...errors import ShapeError
from ..geometry import FeatureMap, join
from ..kinds import Word, setting
from .base import Layer, layer, unbuildable


class Join(Layer):
    """Several maps into one: unit i sees what unit i of each input sees."""

    joins = True
    pointwise = False

    def output(self, inputs: Sequence[FeatureMap]) -> FeatureMap:
        if len({x.flat for x in inputs}) > 1:
            raise ShapeError(f"joins flat and unflattened maps: {self.shapes(inputs)}")
        self.check_shapes(inputs)
        axes = zip(*(x.axes for x in inputs), strict=True)
        apart = any(x.apart for x in inputs)
        return FeatureMap(self.joined_channels(inputs), tuple(join(a) for a in axes), inputs[0].flat, apart)

    @staticmethod
    def shapes(inputs: Sequence[FeatureMap]) -> str:
        return " and ".join(map(str, inputs))

    def check_shapes(self, inputs: Sequence[FeatureMap]) -> None:
        if len({x.sizes for x in inputs}) > 1:
            raise ShapeError(f"joins maps of different sizes: {self.shapes(inputs)}")

    def joined_channels(self, inputs: Sequence[FeatureMap]) -> int:
        raise NotImplementedError

    def combine(self, torch: Any, tensors: Sequence[Any]) -> Any:
        """The tensor that torch makes of the inputs' tensors."""
        raise NotImplementedError


@layer("add")
class Add(Join):
    """The sum of maps of one shape."""

    def joined_channels(self, inputs: Sequence[FeatureMap]) -> int:
        if len({x.channels for x in inputs}) > 1:
            raise ShapeError(f"joins maps of different channels: {self.shapes(inputs)}")
        return inputs[0].channels

    def combine(self, torch: Any, tensors: Sequence[Any]) -> Any:
        return sum(tensors[1:], tensors[0])


@layer("concat")
class Concat(Join):
    """Maps of one size, their channels one after the other."""

    def joined_channels(self, inputs: Sequence[FeatureMap]) -> int:
        return sum(x.channels for x in inputs)

    def combine(self, torch: Any, tensors: Sequence[Any]) -> Any:
        return torch.cat(list(tensors), 1)


@layer("multiply")
class Multiply(Join):
    """The product of maps; an axis of size 1, or a single channel, is broadcast (squeeze-and-excitation, gates)."""

    def check_shapes(self, inputs: Sequence[FeatureMap]) -> None:
        for sizes in zip(*((x.channels, *x.sizes) for x in inputs), strict=True):
            if len(set(sizes) - {1}) > 1:
                raise ShapeError(f"joins maps that do not broadcast: {self.shapes(inputs)}")

    def joined_channels(self, inputs: Sequence[FeatureMap]) -> int:
        return max(x.channels for x in inputs)

    def combine(self, torch: Any, tensors: Sequence[Any]) -> Any:
        return prod(tensors[1:], start=tensors[0])


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
