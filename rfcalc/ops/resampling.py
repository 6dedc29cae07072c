"""Layers that change the size of a map: interpolation, pixels to channels and back, padding."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import lcm
from typing import Any

from ..errors import SettingError, ShapeError
from ..geometry import MAX_PHASES, FeatureMap, Taps, Window
from ..settings import (
    Choice,
    Factors,
    Flag,
    Integer,
    Integers,
    Optional,
    PaddingKind,
    PerAxis,
    setting,
)
from .base import (
    PAD_NAMES,
    Layer,
    check_border,
    layer,
    make_windows,
    pad_argument,
    with_border,
)


@layer("upsample")
@dataclass(frozen=True, slots=True)
class Upsample(Layer):
    """Interpolation to a size or by a factor (torch.nn.Upsample): the nearest unit, or the two around, per axis."""

    torch_name = "Upsample"
    pointwise = False
    keeps_flat = False
    scalar = "scale_factor"
    scale_factor: tuple[Fraction, ...] | None = setting(Optional(Factors()), None)
    size: PerAxis | None = setting(Optional(Integers()), None)
    mode: str = setting(Choice(("nearest", "linear", "bilinear", "trilinear")), "nearest")
    align_corners: bool = setting(Flag(), False)

    def __post_init__(self) -> None:
        if (self.scale_factor is None) == (self.size is None):
            raise SettingError("needs either scale_factor or size")
        linear = ("linear", "bilinear", "trilinear")[len(self.scale_factor or self.size or ()) - 1]
        if self.mode not in ("nearest", linear):
            raise SettingError(f"mode {self.mode} does not fit the axes of the input: nearest or {linear} does")
        if self.align_corners and self.mode == "nearest":
            raise SettingError("align_corners has no meaning with mode nearest")

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return ()

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        if self.size is not None:
            return self.size
        factors = self.scale_factor or ()
        # in floats, as torch does: 100 * 0.29 is 28.99…, and the map has size 28
        return tuple(int(axis.size * float(factor)) for axis, factor in zip(x.axes, factors, strict=True))

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        if self.scale_factor is None or self.align_corners:
            sizes = [axis.size for axis in x.axes]
            ends = 1 if self.align_corners else 0
            outs = self.sizes(x)
            ratios = [
                Fraction(n - ends, m - ends) if m > ends else Fraction(0) for n, m in zip(sizes, outs, strict=True)
            ]
        else:
            ratios = [1 / factor for factor in self.scale_factor]
        return tuple(interpolation_taps(ratio, self.mode != "nearest", self.align_corners) for ratio in ratios)

    def arguments(self, x: FeatureMap) -> tuple[Any, ...]:
        factors = None if self.scale_factor is None else tuple(map(float, self.scale_factor))
        return self.size, factors, self.mode, self.align_corners if self.mode != "nearest" else None


@lru_cache(maxsize=4096)
def interpolation_taps(ratio: Fraction, linear: bool, align_corners: bool) -> Taps:
    """Output unit i reads around i*ratio (corners aligned, or nearest) or (i + 1/2)*ratio - 1/2, torch's rule."""
    if ratio.denominator > MAX_PHASES:
        raise ShapeError(
            f"a resampling by {1 / ratio} gives units that look {ratio.denominator:,} different ways in turn"
        )
    shift = Fraction(0) if align_corners or not linear else (ratio - 1) / 2
    places = [i * ratio + shift for i in range(ratio.denominator)]
    if not linear:
        return Taps(ratio.numerator, tuple(range(int(p), int(p) + 1) for p in places))
    scale = lcm(*(p.denominator for p in places))
    reads, weights = [], []
    for place in places:
        low = place.numerator // place.denominator
        behind = int((place - low) * scale)
        reads.append(range(low, low + (2 if behind else 1)))
        weights.append((scale - behind, behind) if behind else (scale,))
    return Taps(ratio.numerator, tuple(reads), "replicate", tuple(weights), scale)


@layer("pixel_shuffle")
@dataclass(frozen=True, slots=True)
class PixelShuffle(Layer):
    """Channels to space: r*r channels become an r x r patch (torch.nn.PixelShuffle)."""

    torch_name = "PixelShuffle"
    pointwise = False
    keeps_flat = False
    scalar = "upscale_factor"
    upscale_factor: int = setting(Integer())

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        check_two_axes(x)
        if x.channels % self.upscale_factor**2:
            raise ShapeError(f"{x.channels} channels are no multiple of {self.upscale_factor}*{self.upscale_factor}")

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return ()

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return tuple(axis.size * self.upscale_factor for axis in x.axes)

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return (interpolation_taps(Fraction(1, self.upscale_factor), False, False),) * len(x.axes)

    def channels(self, x: FeatureMap) -> int:
        return x.channels // self.upscale_factor**2


@layer("pixel_unshuffle")
@dataclass(frozen=True, slots=True)
class PixelUnshuffle(Layer):
    """Space to channels: each r x r patch becomes r*r channels (torch.nn.PixelUnshuffle)."""

    torch_name = "PixelUnshuffle"
    pointwise = False
    keeps_flat = False
    scalar = "downscale_factor"
    downscale_factor: int = setting(Integer())

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        check_two_axes(x)
        for axis in x.axes:
            if axis.size % self.downscale_factor:
                raise ShapeError(f"downscale_factor={self.downscale_factor} must divide the map's size of {axis.size}")

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return (Window(self.downscale_factor, self.downscale_factor),) * len(x.axes)

    def channels(self, x: FeatureMap) -> int:
        return x.channels * self.downscale_factor**2


def check_two_axes(x: FeatureMap) -> None:
    if len(x.axes) != 2:
        raise ShapeError(f"needs a map with 2 axes, not {len(x.axes)}")


@layer("pad")
@dataclass(frozen=True, slots=True)
class Pad(Layer):
    """Padding alone; negative numbers cut off (torch.nn.ZeroPad2d, ReflectionPad2d, …)."""

    torch_axes = True
    pointwise = False
    keeps_flat = False
    scalar = "padding"
    padding: Any = setting(PaddingKind(minimum=-(2**20)))
    mode: str = setting(Choice(("zeros", "reflect", "replicate", "circular")), "zeros")

    def __post_init__(self) -> None:
        if self.mode != "zeros" and min(min(pair) for pair in self.padding) < 0:
            raise SettingError(f"padding can be negative with mode zeros only, not with {self.mode}")

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        check_border(self.mode, self.padding, x)
        for pair, axis in zip(self.padding, x.axes, strict=True):
            if (cut := -sum(min(side, 0) for side in pair)) > axis.size:  # torch cuts before it pads
                raise ShapeError(f"cuts {cut} off a map of size {axis.size}")

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        ones = (1,) * len(x.axes)
        return make_windows(ones, ones, self.padding, ones)

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return tuple(axis.size + sum(pair) for axis, pair in zip(x.axes, self.padding, strict=True))

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return with_border([window.taps() for window in self.windows(x)], self.mode)

    def torch_class(self, x: FeatureMap) -> str:
        return f"{PAD_NAMES[self.mode]}{len(x.axes)}d"

    def arguments(self, x: FeatureMap) -> tuple[Any, ...]:
        return (pad_argument(self.padding),)
