"""Transforms of whole batches at once, on whatever device they lie: this project's own, in lower case, and those of
albumentations that recipes use most, under its names and with its arguments, in its distribution.

A batch is uint8, N x height x width x channels. What a batch draws depends on its place alone, and is drawn on the
CPU: the same on every device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import pi
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from rfcalc.engine.kinds import AsFloat, Choice, Integer, setting

from ..recipe.errors import RecipeError
from .seeds import generator

C = TypeVar("C", bound=type)


@dataclass(frozen=True)
class Place:
    """Which batch is being augmented: what its random numbers depend on. `indexes` says which images it holds."""

    seed: int
    epoch: int
    batch: int
    rank: int
    indexes: Tensor


def inside_of(places: Tensor, size: int | Tensor) -> Tensor:
    return (places >= 0) & (places < size)


def words(batch: Tensor) -> Tensor:
    """A row for each image, in words of eight bytes where they fit: torch moves element by element."""
    flat = batch.flatten(1)
    return flat.view(torch.int64) if flat.shape[1] % 8 == 0 else flat


def changed(batch: Tensor, chosen: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """The batch with the images of those numbers changed; a new one."""
    batch = batch.contiguous()
    picked = words(batch).index_select(0, chosen).view(torch.uint8).view(len(chosen), *batch.shape[1:])
    made = change(picked).contiguous()
    return words(batch).index_copy(0, chosen, words(made)).view(torch.uint8).view(batch.shape)


def flipped(batch: Tensor, chosen: Tensor) -> Tensor:
    """Those of the images that are chosen (yes or no for each) flipped horizontally."""
    return changed(batch, chosen.nonzero()[:, 0], lambda images: images.flip(2))


# --- our own ---------------------------------------------------------------------------------------------------------

OWN_TRANSFORMS: dict[str, Any] = {}


def own(name: str) -> Callable[[C], C]:
    """Registers one of this project's transforms under its name in recipes."""

    def register(cls: C) -> C:
        OWN_TRANSFORMS[name] = cls
        return cls

    return register


def draws(place: Place, name: str, count: int, low: int, high: int) -> Tensor:
    """`count` whole numbers from low to high - 1 for each image."""
    random = generator(place.seed, name, place.epoch, place.batch, place.rank)
    return torch.randint(low, high, (count, len(place.indexes)), generator=random).to(place.indexes.device)


@own("flip")
@dataclass(frozen=True)
class Flip:
    """Flips each image horizontally with probability p."""

    p: float = setting(AsFloat(0, 1), 0.5)

    def __call__(self, batch: Tensor, place: Place, fill: Tensor) -> Tensor:
        return flipped(batch, draws(place, "flip", 1, 0, 10**6)[0] < self.p * 10**6)


@own("alternating_flip")
@dataclass(frozen=True)
class AlternatingFlip:
    """Flips half of the images in even epochs and the other half in odd ones (Jordan 2024, arXiv 2404.00498)."""

    def __call__(self, batch: Tensor, place: Place, fill: Tensor) -> Tensor:
        scattered = (place.indexes * 2654435761 + place.seed) >> 15  # Knuth's multiplier: halves that look random
        return flipped(batch, (scattered + place.epoch) % 2 == 0)


@own("pad_crop")
@dataclass(frozen=True)
class PadCrop:
    """Pads by `padding` on all sides, reflected or with zeros (black), and cuts the old size out at a random place."""

    padding: int = setting(Integer(), 4)
    mode: str = setting(Choice(("reflect", "zeros")), "reflect")

    def __call__(self, batch: Tensor, place: Place, fill: Tensor) -> Tensor:
        count, height, width, channels = batch.shape
        shifts = draws(place, "pad_crop", 2, -self.padding, self.padding + 1)
        rows, columns = (
            shift[:, None] + torch.arange(size, device=batch.device)
            for shift, size in zip(shifts, (height, width), strict=True)
        )
        first = torch.arange(count, device=batch.device)[:, None] * height  # row of each image
        lines = words(batch.reshape(count * height, -1)).index_select(0, (first + reflected(rows, height)).flatten())
        values = reflected(columns, width)[..., None] * channels + torch.arange(channels, device=batch.device)
        places = values.view(count, 1, -1).expand(-1, height, -1)
        moved = lines.view(torch.uint8).view(count, height, -1).gather(2, places).view(batch.shape)
        if self.mode == "reflect":
            return moved
        inside = inside_of(rows, height)[:, :, None] & inside_of(columns, width)[:, None, :]
        return moved * inside[..., None]


def reflected(places: Tensor, size: int) -> Tensor:
    """Places beyond an edge, reflected at the edge pixel's middle."""
    period = max(2 * (size - 1), 1)
    folded = places % period
    return torch.where(folded >= size, period - folded, folded)


@own("cutout")
@dataclass(frozen=True)
class Cutout:
    """Fills a square of `size` pixels, at a random place inside the image, with the mean pixel."""

    size: int = setting(Integer(), 8)
    p: float = setting(AsFloat(0, 1), 1.0)

    def __call__(self, batch: Tensor, place: Place, fill: Tensor) -> Tensor:
        _, height, width, _ = batch.shape
        corner = draws(place, "cutout", 3, 0, 10**6)
        chosen = corner[2] < self.p * 10**6
        rows, columns = (
            (torch.arange(length, device=batch.device) - (at % max(length - self.size + 1, 1))[:, None])
            for at, length in zip(corner[:2], (height, width), strict=True)
        )
        hole = inside_of(rows, self.size)[:, :, None] & inside_of(columns, self.size)[:, None, :]
        return torch.where((hole & chosen[:, None, None])[..., None], fill, batch)


@own("color")
@dataclass(frozen=True)
class Color:
    """Each image's brightness, contrast about its mean gray, and saturation about its gray times a factor between
    1 - and 1 + that much."""

    brightness: float = setting(AsFloat(0, 1), 0.1)
    contrast: float = setting(AsFloat(0, 1), 0.1)
    saturation: float = setting(AsFloat(0, 1), 0.1)

    def __call__(self, batch: Tensor, place: Place, fill: Tensor) -> Tensor:
        draw, device = Draw(place, "color"), batch.device
        bright, contrast, saturation = (
            draw.uniform(1 - most, 1 + most).float().to(device).view(-1, 1, 1, 1)
            for most in (self.brightness, self.contrast, self.saturation)
        )
        images = batch.float() * bright
        gray = images.mean(3, keepdim=True)
        images = gray + (images - gray) * saturation
        level = gray.mean((1, 2), keepdim=True)
        return (level + (images - level) * contrast).round_().clamp_(0, 255).to(torch.uint8)


# --- albumentations' -------------------------------------------------------------------------------------------------


class Draw:
    """The random numbers of one transform for one batch: a value for each image, one draw after another."""

    def __init__(self, place: Place, name: str) -> None:
        self.random = generator(place.seed, name, place.epoch, place.batch, place.rank)
        self.count = len(place.indexes)

    def uniform(self, low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(self.count, generator=self.random, dtype=torch.float64)

    def integers(self, low: int, beyond: int | Tensor) -> Tensor:
        """Whole numbers from low to beyond - 1."""
        return low + (self.uniform(0, 1) * (beyond - low)).floor().long()


class Batched:
    """A transform that is applied to each image with probability p: what it draws, and what it does with that."""

    p: float

    def draws(self, draw: Draw, height: int, width: int) -> dict[str, Tensor]:
        """What each image draws, a value for each image on the CPU."""
        return {}

    def apply(self, batch: Tensor, **drawn: Tensor) -> Tensor:
        """The batch with each image changed as it has drawn."""
        raise NotImplementedError

    def on(self, batch: Tensor, place: Place, name: str) -> Tensor:
        draw = Draw(place, name)
        chosen = (draw.uniform(0, 1) < self.p).nonzero()[:, 0]
        drawn = self.draws(draw, *batch.shape[1:3])
        if not len(chosen):
            return batch
        mine = {key: value[chosen].to(batch.device) for key, value in drawn.items()}
        return changed(batch, chosen.to(batch.device), lambda images: self.apply(images, **mine))


@dataclass(frozen=True)
class HorizontalFlip(Batched):
    p: float = 0.5

    def apply(self, batch: Tensor, **drawn: Tensor) -> Tensor:
        return batch.flip(2)


@dataclass(frozen=True)
class VerticalFlip(Batched):
    p: float = 0.5

    def apply(self, batch: Tensor, **drawn: Tensor) -> Tensor:
        return batch.flip(1)


GRAY, GRAY_BITS = (9798, 19235, 3735), 15
"""OpenCV's weights for red, green and blue: 0.299, 0.587 and 0.114 in 15 bits."""


@dataclass(frozen=True)
class ToGray(Batched):
    """Gray in all three channels, as the weighted average that OpenCV takes."""

    p: float = 0.5

    def apply(self, batch: Tensor, **drawn: Tensor) -> Tensor:
        if batch.shape[3] != 3:
            raise RecipeError([f"augmentation: ToGray takes images of 3 channels, not {batch.shape[3]}"])
        red, green, blue = (channel.int() * weight for channel, weight in zip(batch.unbind(3), GRAY, strict=True))
        gray = (red + green + blue + (1 << GRAY_BITS - 1)) >> GRAY_BITS
        return gray.to(torch.uint8)[..., None].expand_as(batch)


@dataclass(frozen=True)
class CoarseDropout(Batched):
    """Holes of random sizes at random places. Sizes are pixels where the height's upper bound is 1 or more, else
    fractions of the image's, as in albumentations."""

    num_holes_range: tuple[int, int] = (1, 2)
    hole_height_range: tuple[float, float] = (0.1, 0.2)
    hole_width_range: tuple[float, float] = (0.1, 0.2)
    fill: tuple[int, ...] = (0,)
    p: float = 0.5

    def draws(self, draw: Draw, height: int, width: int) -> dict[str, Tensor]:
        least, most = self.num_holes_range
        found = {"count": draw.integers(least, most + 1)}
        for hole in range(most):
            rows = self.sizes(draw, self.hole_height_range, height)
            columns = self.sizes(draw, self.hole_width_range, width)
            found |= {f"height {hole}": rows, f"width {hole}": columns}
            found |= {
                f"top {hole}": draw.integers(0, height - rows + 1),
                f"left {hole}": draw.integers(0, width - columns + 1),
            }
        return found

    def sizes(self, draw: Draw, bounds: tuple[float, float], size: int) -> Tensor:
        low, high = bounds
        if self.hole_height_range[1] < 1:
            return (size * draw.uniform(low, high)).long()
        if int(low) > size:
            raise RecipeError([f"augmentation: CoarseDropout: a hole of {int(low)} pixels in an image of {size}"])
        return draw.integers(int(low), int(min(high, size)) + 1)

    def apply(self, batch: Tensor, **drawn: Tensor) -> Tensor:
        _, height, width, channels = batch.shape
        if len(self.fill) not in (1, channels):
            raise RecipeError(
                [f"augmentation: CoarseDropout: fill has {len(self.fill)} values for {channels} channels"]
            )
        # columns and channels as one axis: an innermost axis of three is slow
        rows, columns = (torch.arange(size, device=batch.device) for size in (height, width * channels))
        hole = torch.zeros(len(batch), height, width * channels, dtype=torch.bool, device=batch.device)
        for i in range(self.num_holes_range[1]):
            high = inside_of(rows - drawn[f"top {i}"][:, None], drawn[f"height {i}"][:, None])
            high &= (drawn["count"] > i)[:, None]
            wide = inside_of(columns // channels - drawn[f"left {i}"][:, None], drawn[f"width {i}"][:, None])
            hole |= high[:, :, None] & wide[:, None, :]
        fill = torch.tensor(self.fill, device=batch.device).to(torch.uint8)
        fill = fill.expand(channels).repeat(width)
        return torch.where(hole, fill, batch.flatten(2)).view(batch.shape)


@dataclass(frozen=True)
class ShiftScaleRotate(Batched):
    """Turns by up to `rotate` degrees about the middle, scales by 1 - scale to 1 + scale, shifts by up to `shift` of
    the size on each axis; what comes in from outside is reflected. Values between pixels are interpolated linearly."""

    shift: float
    scale: float
    rotate: float
    p: float

    def draws(self, draw: Draw, height: int, width: int) -> dict[str, Tensor]:
        return {
            "angle": draw.uniform(-self.rotate, self.rotate),
            "zoom": draw.uniform(1 - self.scale, 1 + self.scale),
            "right": draw.uniform(-self.shift, self.shift),
            "down": draw.uniform(-self.shift, self.shift),
        }

    def apply(self, batch: Tensor, **drawn: Tensor) -> Tensor:
        """Each pixel of the result looks where it came from: shifted back, scaled back, turned back."""
        _, height, width, _ = batch.shape
        angle, zoom, right, down = (drawn[key] for key in ("angle", "zoom", "right", "down"))
        cosine, sine = torch.cos(angle * pi / 180) / zoom, torch.sin(angle * pi / 180) / zoom
        x = (torch.arange(width, device=batch.device) - (width - 1) / 2) - (right * width)[:, None]
        y = (torch.arange(height, device=batch.device) - (height - 1) / 2) - (down * height)[:, None]
        # grid_sample's coordinates: -1 and 1 are the middles of the outermost pixels, half a width and height away
        across, along = max((width - 1) / 2, 0.5), max((height - 1) / 2, 0.5)
        grid = torch.empty(len(batch), height, width, 2, device=batch.device)
        grid[..., 0] = from_both(cosine[:, None] * x / across, -sine[:, None] * y / across)
        grid[..., 1] = from_both(sine[:, None] * x / along, cosine[:, None] * y / along)
        images = batch.permute(0, 3, 1, 2).float()
        moved = functional.grid_sample(images, grid, "bilinear", "reflection", align_corners=True)
        return moved.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def from_both(columns: Tensor, rows: Tensor) -> Tensor:
    """The sum of a value for each column and one for each row: n x width and n x height to n x height x width."""
    return columns.float()[:, None, :] + rows.float()[:, :, None]


def coarse_dropout(arguments: dict[str, Any], fill: Sequence[int]) -> CoarseDropout | None:
    """None for arguments that are albumentations' business: other fills, and mistakes, which it explains."""
    values = {"fill": 0, **arguments}
    values["fill"] = tuple(fill) if values["fill"] == "mean" else values["fill"]
    if values.pop("fill_mask", None) is not None or not is_pixel(values["fill"]):
        return None
    values["fill"] = tuple(values["fill"]) if isinstance(values["fill"], list | tuple) else (values["fill"],)
    for key in ("num_holes_range", "hole_height_range", "hole_width_range"):
        if key in values:
            pair = values[key]
            if not (isinstance(pair, list | tuple) and len(pair) == 2 and all(map(is_number, pair))):
                return None
            values[key] = tuple(pair)
            least = 1 if key == "num_holes_range" else 0
            if not least <= pair[0] <= pair[1] or (least and not all(isinstance(v, int) for v in pair)):
                return None
    return CoarseDropout(**values) if values.keys() <= set(CoarseDropout.__dataclass_fields__) else None


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_pixel(value: Any) -> bool:
    values = value if isinstance(value, list | tuple) else [value]
    return bool(values) and all(is_number(v) and 0 <= v <= 255 for v in values)


def to_gray(arguments: dict[str, Any]) -> ToGray | None:
    """None for other ways to gray than the usual one."""
    rest = dict(arguments)
    usual = rest.pop("num_output_channels", 3) == 3 and rest.pop("method", "weighted_average") == "weighted_average"
    return ToGray(**rest) if usual and rest.keys() <= {"p"} else None


def batched(name: str, arguments: dict[str, Any], fill: Sequence[int]) -> Batched | None:
    """One of albumentations' transforms as a batch's; None where there is none, or for arguments beyond it."""
    p = arguments.get("p", 0.5)
    if not is_number(p) or not 0 <= p <= 1:
        return None
    if name == "CoarseDropout":
        return coarse_dropout(arguments, fill)
    if name == "ToGray":
        return to_gray(arguments)
    flips: dict[str, type[HorizontalFlip | VerticalFlip]] = {
        "HorizontalFlip": HorizontalFlip, "VerticalFlip": VerticalFlip,
    }  # fmt: skip
    return flips[name](**arguments) if name in flips and arguments.keys() <= {"p"} else None
