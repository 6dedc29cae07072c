"""Layer types that rearrange channels; each unit reads the unit at its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import ShapeError
from ..geometry import FeatureMap
from ..kinds import Count, Flag, Optional, Word, setting
from .base import Layer, function_module, layer
from .pointwise import Norm


class ChannelLayer(Layer):
    """Rearranges channels; each unit reads the unit at its place."""

    pointwise = False

    def output(self, inputs: Sequence[FeatureMap]) -> FeatureMap:
        (x,) = inputs
        self.check(x)
        return FeatureMap(self.channels(x), x.axes, x.flat, x.apart)


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
        return function_module(nn, lambda t: t[:, kept], f"channels {kept.start}:{kept.stop or ''}:{kept.step}")


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
        return function_module(nn, lambda t: nn.functional.pad(t, sides), f"{self.before} before, {self.after} after")


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
