"""A further input of a network, in the place of a layer: specs have one input, traced modules may have more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..geometry import Axis, FeatureMap, Strand
from ..kinds import PerAxis
from .joins import Join

BLIND = (Strand(1, (None,)),)
"""Units that see nothing of the image."""


@dataclass(frozen=True, slots=True)
class Source(Join):
    """What comes in beside the image: a map of its own, whose units see nothing of the image."""

    op = "input"
    out_channels: int
    size: PerAxis
    flat: bool = False

    def output(self, inputs: Sequence[FeatureMap]) -> FeatureMap:
        return FeatureMap(self.out_channels, tuple(Axis(size, BLIND) for size in self.size), self.flat)


@dataclass(frozen=True, slots=True)
class Weights(Source):
    """What a network returns and has made of its weights alone, or of nothing: the same for every image."""

    op = "weights"


def is_blind(x: FeatureMap) -> bool:
    """Whether the units of a map see nothing of the image, on an axis where what they see is known."""
    return any(axis.strands and axis.receptive_field is None for axis in x.axes)


def blind(x: FeatureMap) -> FeatureMap:
    """The same map, its units seeing nothing."""
    return FeatureMap(x.channels, tuple(Axis(axis.size, BLIND) for axis in x.axes), x.flat)


def lit(x: FeatureMap) -> FeatureMap:
    """The same map, each of its units seeing itself alone."""
    return FeatureMap(x.channels, tuple(Axis.image(axis.size) for axis in x.axes), x.flat)
