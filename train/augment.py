"""Augmentation: albumentations' transforms by name, on one picture after another, and this project's own, which change
a whole batch at once and cost next to nothing.

Names in CamelCase are albumentations', built with strict checks. Those in lower case (flip, alternating_flip, pad_crop,
cutout) are the project's; in a recipe they stand behind all of the others. Pixels are uint8 throughout.
"""

from __future__ import annotations

import inspect
import os
import random
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rfcalc.arch import unknown_name
from rfcalc.errors import SettingError
from rfcalc.settings import Choice, Integer, Kind

from .formats import Pictures
from .kinds import Number, RecipeError
from .recipe import Transform
from .seeds import generator, seed_of

# --- on batches ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Which batch is being augmented: what its random numbers depend on. `indexes` says which pictures it holds."""

    seed: int
    epoch: int
    batch: int
    rank: int
    indexes: Tensor


def draws(place: Place, name: str, count: int, low: int, high: int) -> Tensor:
    """`count` whole numbers from low to high - 1 for each picture, drawn on the CPU: the same on every device."""
    random = generator(place.seed, name, place.epoch, place.batch, place.rank)
    return torch.randint(low, high, (count, len(place.indexes)), generator=random).to(place.indexes.device)


def flip(batch: Tensor, place: Place, fill: Tensor, p: float = 0.5) -> Tensor:
    """Mirrors each picture left to right with probability p."""
    chosen = draws(place, "flip", 1, 0, 10**6)[0] < p * 10**6
    return torch.where(chosen[:, None, None, None], batch.flip(2), batch)


def alternating_flip(batch: Tensor, place: Place, fill: Tensor) -> Tensor:
    """Mirrors half of the pictures in even epochs and the other half in odd ones (Jordan 2024, arXiv 2404.00498)."""
    scattered = (place.indexes * 2654435761 + place.seed) >> 15  # Knuth's multiplier: halves that look random
    chosen = (scattered + place.epoch) % 2 == 0
    return torch.where(chosen[:, None, None, None], batch.flip(2), batch)


def pad_crop(batch: Tensor, place: Place, fill: Tensor, padding: int = 4, mode: str = "reflect") -> Tensor:
    """Pads by `padding` on all sides, mirrored or with zeros (black), and cuts the old size out at a random place."""
    count, height, width, _ = batch.shape
    shifts = draws(place, "pad_crop", 2, -padding, padding + 1)
    rows, columns = (
        shift[:, None] + torch.arange(size, device=batch.device)
        for shift, size in zip(shifts, (height, width), strict=True)
    )
    picture = torch.arange(count, device=batch.device)[:, None, None]
    moved = batch[picture, mirrored(rows, height)[:, :, None], mirrored(columns, width)[:, None, :]]
    if mode == "reflect":
        return moved
    inside = inside_of(rows, height)[:, :, None] & inside_of(columns, width)[:, None, :]
    return moved * inside[..., None]


def mirrored(places: Tensor, size: int) -> Tensor:
    """Places beyond an edge, mirrored at the edge pixel's middle."""
    period = max(2 * (size - 1), 1)
    folded = places % period
    return torch.where(folded >= size, period - folded, folded)


def inside_of(places: Tensor, size: int) -> Tensor:
    return (places >= 0) & (places < size)


def cutout(batch: Tensor, place: Place, fill: Tensor, size: int = 8, p: float = 1.0) -> Tensor:
    """Fills a square of `size` pixels, at a random place inside the picture, with the mean colour."""
    _, height, width, _ = batch.shape
    corner = draws(place, "cutout", 3, 0, 10**6)
    chosen = corner[2] < p * 10**6
    rows, columns = (
        (torch.arange(length, device=batch.device) - (at % max(length - size + 1, 1))[:, None])
        for at, length in zip(corner[:2], (height, width), strict=True)
    )
    hole = inside_of(rows, size)[:, :, None] & inside_of(columns, size)[:, None, :] & chosen[:, None, None]
    return torch.where(hole[..., None], fill, batch)


BatchTransform = Callable[..., Tensor]
OWN: dict[str, tuple[BatchTransform, dict[str, Kind]]] = {
    "flip": (flip, {"p": Number(0, 1)}),
    "alternating_flip": (alternating_flip, {}),
    "pad_crop": (pad_crop, {"padding": Integer(), "mode": Choice(("reflect", "zeros"))}),
    "cutout": (cutout, {"size": Integer(), "p": Number(0, 1)}),
}

# --- on single pictures ----------------------------------------------------------------------------------------------

OLD_ARGUMENTS = {
    "always_apply": "write p: 1",
    "max_holes": "write num_holes_range: [least, most]",
    "min_holes": "write num_holes_range: [least, most]",
    "max_height": "write hole_height_range: [least, most]",
    "min_height": "write hole_height_range: [least, most]",
    "max_width": "write hole_width_range: [least, most]",
    "min_width": "write hole_width_range: [least, most]",
    "fill_value": "write fill, in pixel units from 0 to 255",
    "mask_fill_value": "leave it out, or write fill_mask",
    "value": "write fill, in pixel units from 0 to 255",
    "var_limit": "write std_range: [least, most], as fractions of 255",
}
SHIFT_SCALE_ROTATE = {"shift_limit": 0.0625, "scale_limit": 0.1, "rotate_limit": 45, "p": 0.5}
"""ShiftScaleRotate's arguments and albumentations' defaults."""
LIMITS = {"scale_limit": 0.99, "rotate_limit": 180}


def albumentations() -> Any:
    """The library, kept from asking a package registry for its newest version, and from starting threads."""
    from rfcalc.errors import need

    need("albumentations", "train")
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    import albumentations as library  # type: ignore[import-untyped]
    import cv2

    cv2.setNumThreads(0)
    return library


def built(transform: Transform, fill: Sequence[int]) -> Any:
    """One of albumentations' transforms; raises RecipeError with what an old or unknown argument is called now."""
    library, arguments = albumentations(), dict(transform.arguments)
    name = transform.name
    if name == "ShiftScaleRotate":
        return shift_scale_rotate(arguments)
    cls = getattr(library, name, None)
    if not inspect.isclass(cls) or not issubclass(cls, library.BasicTransform):
        names = [n for n in library.__all__ if n[:1].isupper()] if hasattr(library, "__all__") else dir(library)
        raise RecipeError([unknown_name(name, [*OWN, *names], "augmentation: unknown transform")])
    known = [key for key in inspect.signature(cls.__init__).parameters if key not in ("self", "always_apply")]
    problems = [explained(name, key, known) for key in arguments if key not in known]
    if problems:
        raise RecipeError(problems)
    values = {key: argument(value, fill) for key, value in arguments.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # albumentations only warns of what it does not understand
            return library.Compose([cls(**values)], strict=True).transforms[0]
    except (ValueError, TypeError, Warning) as error:
        fact = " ".join(str(error).split())
        raise RecipeError([f"augmentation: {name}: {fact[:300]}"]) from None


def explained(name: str, key: str, known: Sequence[str]) -> str:
    if key in OLD_ARGUMENTS:
        return f"augmentation: {name}: {key} is an old argument's name: {OLD_ARGUMENTS[key]}"
    return unknown_name(key, known, f"augmentation: {name}: unknown argument")


def shift_scale_rotate(arguments: Mapping[str, Any]) -> Any:
    """ShiftScaleRotate, which albumentations has given up for Affine, with the limits that it had."""
    problems = [explained("ShiftScaleRotate", key, [*SHIFT_SCALE_ROTATE]) for key in arguments
                if key not in SHIFT_SCALE_ROTATE]  # fmt: skip
    values = {}
    for key, default in SHIFT_SCALE_ROTATE.items():
        try:
            values[key] = Number(0, LIMITS.get(key, 1)).read(arguments.get(key, default), 1)
        except SettingError as error:
            problems.append(f"augmentation: ShiftScaleRotate: {key} {error}")
    if problems:
        raise RecipeError(problems)
    from .shift import ShiftScaleRotate

    return ShiftScaleRotate(*values.values())


def argument(value: Any, fill: Sequence[int]) -> Any:
    """YAML's value as albumentations wants it: `mean` is the data's mean colour, BORDER_… and INTER_… are OpenCV's."""
    if value == "mean":
        return tuple(fill)
    if isinstance(value, str) and value.startswith(("BORDER_", "INTER_")):
        import cv2

        return getattr(cv2, value, value)
    return tuple(argument(v, fill) for v in value) if isinstance(value, list | tuple) else value


# --- both together ---------------------------------------------------------------------------------------------------


class Augmentation:
    """A recipe's list, ready to use. Raises RecipeError for names and arguments that do not exist."""

    def __init__(self, transforms: Sequence[Transform], mean: Sequence[float]) -> None:
        """`mean` is the data's mean colour, from 0 to 1 for each channel: what holes can be filled with."""
        self.fill = [round(255 * value) for value in mean]
        singles = [transform for transform in transforms if not transform.name.islower()]
        self.own = [self.read_own(transform) for transform in transforms if transform.name.islower()]
        if [t.name for t in transforms] != [t.name for t in singles] + [name for name, _, _ in self.own]:
            late = next(t.name for t in transforms[::-1] if not t.name.islower())
            raise RecipeError([f"augmentation: {late} works on single pictures: put it before {self.own[0][0]}"])
        self.singles = [built(transform, self.fill) for transform in singles]
        self.rates = [transform.p for transform in self.singles]
        for transform in self.singles:
            transform.p = 1.0  # whether it is applied is drawn for a whole batch, in on_pictures

    @staticmethod
    def read_own(transform: Transform) -> tuple[str, BatchTransform, dict[str, Any]]:
        if transform.name not in OWN:
            raise RecipeError([unknown_name(transform.name, [*OWN], "augmentation: unknown transform")])
        function, kinds = OWN[transform.name]
        values = {}
        for key, value in transform.arguments.items():
            if key not in kinds:
                raise RecipeError([unknown_name(key, [*kinds], f"augmentation: {transform.name}: unknown argument")])
            try:
                values[key] = kinds[key].read(value, 1)
            except SettingError as error:
                raise RecipeError([f"augmentation: {transform.name}: {key} {error}"]) from None
        return transform.name, function, values

    def on_pictures(self, pictures: Pictures, seed: int, epoch: int, batch: int, rank: int) -> Pictures:
        """A batch's pictures through albumentations, one after another; seeded once for each batch."""
        if not self.singles:
            return pictures
        number = seed_of(seed, "albumentations", epoch, batch, rank)
        numpys, pythons = np.random.default_rng(number), random.Random(number)
        for transform in self.singles:
            transform.set_random_state(numpys, pythons)
        applied = numpys.random((len(pictures), len(self.singles))) < self.rates
        try:
            changed = [self.on_picture(picture, row) for picture, row in zip(pictures, applied, strict=True)]
            return np.stack(changed).reshape(pictures.shape)
        except (ValueError, TypeError) as error:
            raise RecipeError([f"augmentation: albumentations cannot take these pictures: {error}"]) from None

    def on_picture(self, picture: Pictures, applied: Iterable[bool]) -> Pictures:
        for transform in compress(self.singles, applied):
            picture = transform(image=picture)["image"]
        return picture

    def on_batch(self, batch: Tensor, place: Place) -> Tensor:
        """A batch (uint8, N x height x width x channels) through the project's own transforms."""
        fill = torch.tensor(self.fill, dtype=torch.uint8, device=batch.device)
        for _, function, values in self.own:
            batch = function(batch, place, fill, **values)
        return batch


def only(transform: Transform) -> Transform:
    """The transform as a preview shows it: applied to every picture."""
    if transform.name in OWN:
        always = {"p": 1} if "p" in OWN[transform.name][1] else {}
        return Transform(transform.name, {**transform.arguments, **always})
    return Transform(transform.name, {**transform.arguments, "p": 1})
