"""Layers that change the size of a map: interpolation, pixels to channels and back, padding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, lcm
from typing import Any

from ...errors import SettingError, ShapeError
from ..geometry import MAX_PHASES, SHARED, Border, FeatureMap, Taps, TooManyPhases, Window
from ..kinds import Choice, EachAxis, Factor, Flag, Integer, Optional, PaddingKind, PerAxis, setting
from .base import Layer, SpatialLayer, layer, make_windows, unbuildable
from .padding import PAD_NAMES, check_border, pad_argument, with_border

LINEAR_MODES = ("linear", "bilinear", "trilinear")
"""What torch calls the same interpolation on one axis, two and three."""


@layer("upsample")
@dataclass(frozen=True, slots=True)
class Upsample(SpatialLayer):
    """Interpolation to a size or by a factor (torch.nn.Upsample): the nearest unit, or the two around, per axis."""

    torch_name = "Upsample"
    windowed = False
    scalar = "scale_factor"
    scale_factor: tuple[Fraction, ...] | None = setting(Optional(EachAxis(Factor())), None)
    size: PerAxis | None = setting(Optional(EachAxis(Integer())), None)
    mode: str = setting(Choice(("nearest", *LINEAR_MODES)), "nearest")
    align_corners: bool = setting(Flag(), False)

    def __post_init__(self) -> None:
        if (self.scale_factor is None) == (self.size is None):
            raise SettingError("needs either scale_factor or size")
        linear = LINEAR_MODES[len(self.scale_factor or self.size or ()) - 1]
        if self.mode not in ("nearest", linear):
            raise SettingError(f"mode {self.mode} does not fit the axes of the input: nearest or {linear} does")
        if self.align_corners and self.mode == "nearest":
            raise SettingError("align_corners has no meaning with mode nearest")

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        if self.size is not None:
            return self.size
        factors = self.scale_factor or ()
        # in floats, as torch does: 100 * 0.29 is 28.99…, and the map has size 28
        return tuple(int(axis.size * float(factor)) for axis, factor in zip(x.axes, factors, strict=True))

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        outs, linear, corners = self.sizes(x), self.mode != "nearest", self.align_corners
        return tuple(
            SHARED if axis.size == 1 < out else interpolation_taps(self.ratio(i, axis.size, out), linear, corners)
            for i, (axis, out) in enumerate(zip(x.axes, outs, strict=True))
        )

    def ratio(self, i: int, size: int, out: int) -> Fraction:
        """Units of the map that comes in from one unit of axis i to the next."""
        if self.align_corners:
            return Fraction(size - 1, out - 1) if out > 1 else Fraction(0)
        return Fraction(size, out) if self.scale_factor is None else 1 / self.scale_factor[i]

    def arguments(self, x: FeatureMap) -> tuple[Any, ...]:
        factors = None if self.scale_factor is None else tuple(map(float, self.scale_factor))
        return self.size, factors, self.mode, self.align_corners if self.mode != "nearest" else None


def interpolation_taps(ratio: Fraction, linear: bool, align_corners: bool) -> Taps:
    """Output unit i reads around i*ratio (corners aligned, or nearest) or (i + 1/2)*ratio - 1/2, torch's rule."""
    if not linear:
        return resampled_taps(Fraction(0), ratio, "nearest", "floor", "drop")  # it never reads beyond the map
    return resampled_taps(Fraction(0) if align_corners else (ratio - 1) / 2, ratio, "linear", "floor")


@layer("resample")
@dataclass(frozen=True, slots=True)
class Resample(SpatialLayer):
    """Interpolation by the rules of ONNX's Resize that torch's has not: other coordinates, other roundings, cubic.

    Output unit i stands at a place of the map that comes in, which `coordinates` tells; it reads the unit nearest to
    that place by `rounding`, the two around it (linear), or the four (cubic). `scale_factor` is what coordinates are
    worked out with, where it is not the ratio of the two sizes.
    """

    windowed = False
    size: PerAxis = setting(EachAxis(Integer()))
    scale_factor: tuple[Fraction, ...] | None = setting(Optional(EachAxis(Factor())), None)
    mode: str = setting(Choice(("nearest", "linear", "cubic")), "nearest")
    coordinates: str = setting(
        Choice(("half_pixel", "half_pixel_symmetric", "align_corners", "asymmetric", "tf_half_pixel_for_nn")),
        "half_pixel",
    )
    rounding: str = setting(Choice(("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")), "round_prefer_floor")

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return self.size

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return tuple(
            SHARED if axis.size == 1 < out else resampled_taps(*self.line(i, axis.size, out), self.mode, self.rounding)
            for i, (axis, out) in enumerate(zip(x.axes, self.size, strict=True))
        )

    def line(self, i: int, size: int, out: int) -> tuple[Fraction, Fraction]:
        """Where unit 0 of the output stands, and how far it is to the next, in units of the map that comes in."""
        factor = Fraction(out, size) if self.scale_factor is None else self.scale_factor[i]
        if self.coordinates == "align_corners":
            return Fraction(0), Fraction(size - 1, out - 1) if out > 1 else Fraction(0)
        step, half = 1 / factor, Fraction(1, 2)
        starts = {
            "asymmetric": Fraction(0),
            "tf_half_pixel_for_nn": step / 2,
            "half_pixel": (step - 1) / 2,
            # the centres of both maps meet, whatever the rounding of the size cuts off
            "half_pixel_symmetric": Fraction(size, 2) * (1 - Fraction(out) / (factor * size)) + step / 2 - half,
        }
        return starts[self.coordinates], step

    def module(self, nn: Any, x: FeatureMap) -> Any:
        raise unbuildable(f"resample by {self.coordinates}")


ROUNDINGS: dict[str, Callable[[Fraction], int]] = {
    "floor": floor,
    "ceil": ceil,
    "round_prefer_floor": lambda place: ceil(place - Fraction(1, 2)),
    "round_prefer_ceil": lambda place: floor(place + Fraction(1, 2)),
}


@lru_cache(maxsize=4096)
def resampled_taps(start: Fraction, step: Fraction, mode: str, rounding: str, border: Border = "replicate") -> Taps:
    """Output unit i stands at start + i*step; a read beyond the map meets its border."""
    if step.denominator > MAX_PHASES:
        raise TooManyPhases(
            f"a resampling by {1 / step} gives units that look {step.denominator:,} different ways in turn"
        )
    places = [start + i * step for i in range(step.denominator)]
    if mode == "nearest":
        nearest = [ROUNDINGS[rounding](place) for place in places]
        return Taps(step.numerator, tuple(range(n, n + 1) for n in nearest), border)
    around = (0, 1) if mode == "linear" else (-1, 2)
    reads = tuple(
        range(floor(p) + around[0], floor(p) + around[1] + 1) if p.denominator > 1 else range(int(p), int(p) + 1)
        for p in places
    )
    if mode == "cubic":  # its weights depend on a setting and may be negative: all but those of whole places count
        return Taps(step.numerator, reads, border)
    scale = lcm(*(p.denominator for p in places))
    past = [int((p - floor(p)) * scale) for p in places]
    weights = tuple((scale - b, b) if b else (scale,) for b in past)
    return Taps(step.numerator, reads, border, weights, scale)


@layer("pixel_shuffle")
@dataclass(frozen=True, slots=True)
class PixelShuffle(SpatialLayer):
    """Channels to space: r*r channels become an r x r patch (torch.nn.PixelShuffle)."""

    torch_name = "PixelShuffle"
    windowed = False
    scalar = "upscale_factor"
    upscale_factor: int = setting(Integer())

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        check_two_axes(x)
        if x.channels % self.upscale_factor**2:
            raise ShapeError(f"{x.channels} channels are no multiple of {self.upscale_factor}*{self.upscale_factor}")

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return tuple(axis.size * self.upscale_factor for axis in x.axes)

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        patch = interpolation_taps(Fraction(1, self.upscale_factor), False, False)
        return tuple(SHARED if axis.size == 1 < self.upscale_factor else patch for axis in x.axes)

    def channels(self, x: FeatureMap) -> int:
        return x.channels // self.upscale_factor**2


@layer("pixel_unshuffle")
@dataclass(frozen=True, slots=True)
class PixelUnshuffle(SpatialLayer):
    """Space to channels: each r x r patch becomes r*r channels (torch.nn.PixelUnshuffle)."""

    torch_name = "PixelUnshuffle"
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
class Pad(SpatialLayer):
    """Padding alone; negative numbers cut off (torch.nn.ZeroPad2d, ReflectionPad2d, …)."""

    torch_axes = True
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
