"""Augmentation: a recipe's list of transforms, each on whole batches where it can be, else by albumentations.

Names in CamelCase are albumentations'. Those that transforms.py has as well are done on whole batches; the others, and
all that stand before one of them, by albumentations itself, one image after another, built with strict checks. Names in
lower case are this project's; they stand after those of albumentations' own. Pixels are uint8 throughout.
"""

from __future__ import annotations

import inspect
import os
import random
import warnings
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from itertools import compress
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rfcalc.engine.kinds import AsFloat
from rfcalc.errors import SettingError, unknown_name

from ..recipe.errors import RecipeError
from ..recipe.reader import RecipeReading
from ..recipe.recipe import Transform
from .formats import Images
from .seeds import seed_of
from .transforms import OWN_TRANSFORMS, Batched, Place, ShiftScaleRotate, batched

UNKNOWN_TRANSFORM = "augmentation: unknown transform"

# --- on single images ----------------------------------------------------------------------------------------------

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
ARGUMENT_LIMITS = {"scale_limit": 0.99, "rotate_limit": 180}


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
        from .shift import SingleShiftScaleRotate

        return SingleShiftScaleRotate(*limits_of(transform))
    cls = getattr(library, name, None)
    if not inspect.isclass(cls) or not issubclass(cls, library.BasicTransform):
        raise RecipeError(
            [transform.place + unknown_name(name, [*OWN_TRANSFORMS, *names_of(library)], UNKNOWN_TRANSFORM)]
        )
    known = [key for key in inspect.signature(cls.__init__).parameters if key not in ("self", "always_apply")]
    problems = [argument_problem(name, key, known) for key in arguments if key not in known]
    if problems:
        raise RecipeError([transform.place + problem for problem in problems])
    values = {key: argument(value, fill) for key, value in arguments.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # albumentations only warns of what it does not understand
            return library.Compose([cls(**values)], strict=True).transforms[0]
    except (ValueError, TypeError, Warning) as error:
        fact = " ".join(str(error).split())
        raise RecipeError([f"{transform.place}augmentation: {name}: {fact[:300]}"]) from None


def names_of(library: Any) -> list[str]:
    return [name for name in dir(library) if name[:1].isupper()]


def argument_problem(name: str, key: str, known: Sequence[str]) -> str:
    if key in OLD_ARGUMENTS:
        return f"augmentation: {name}: {key} is an old argument's name: {OLD_ARGUMENTS[key]}"
    return unknown_name(key, known, f"augmentation: {name}: unknown argument")


def limits_of(transform: Transform) -> tuple[float, float, float, float]:
    """ShiftScaleRotate's shift, scale, rotate and p; albumentations has given it up for Affine."""
    problems = [argument_problem("ShiftScaleRotate", key, [*SHIFT_SCALE_ROTATE]) for key in transform.arguments
                if key not in SHIFT_SCALE_ROTATE]  # fmt: skip
    values = {}
    for key, default in SHIFT_SCALE_ROTATE.items():
        try:
            values[key] = AsFloat(0, ARGUMENT_LIMITS.get(key, 1)).read(transform.arguments.get(key, default), 1)
        except SettingError as error:
            problems.append(f"augmentation: ShiftScaleRotate: {key} {error}")
    if problems:
        raise RecipeError([transform.place + problem for problem in problems])
    shift, scale, rotate, p = values.values()
    return shift, scale, rotate, p


def argument(value: Any, fill: Sequence[int]) -> Any:
    """YAML's value as albumentations wants it: `mean` is the data's mean pixel, BORDER_… and INTER_… are OpenCV's."""
    if value == "mean":
        return tuple(fill)
    if isinstance(value, str) and value.startswith(("BORDER_", "INTER_")):
        import cv2

        return getattr(cv2, value, value)
    return tuple(argument(v, fill) for v in value) if isinstance(value, list | tuple) else value


# --- both together ---------------------------------------------------------------------------------------------------

OnBatch = Callable[[Tensor, Place, Tensor], Tensor]


class Augmentation:
    """A recipe's list, ready to use. Raises RecipeError for names and arguments that do not exist."""

    def __init__(self, transforms: Sequence[Transform], mean: Sequence[float], in_batches: bool = True) -> None:
        """`mean` is the mean pixel of the data, from 0 to 1 for each channel: what holes can be filled with. Without
        `in_batches` albumentations does all that it can."""
        self.fill = [round(255 * value) for value in mean]
        found = [self.on_batches(transform, index, in_batches) for index, transform in enumerate(transforms)]
        late = max((i for i, made in enumerate(found) if made is None), default=-1)
        first = next((t for t in transforms[: late + 1] if t.name.islower()), None)
        if first:
            single = transforms[late]
            fact = f"augmentation: {single.name} works on single images: put it before {first.name}"
            raise RecipeError([single.place + fact])
        self.singles = [built(transform, self.fill) for transform in transforms[: late + 1]]
        in_whole = [made for made in found[late + 1 :] if made]
        self.own: list[OnBatch] = [on_batch for on_batch, _ in in_whole]
        self.chances: list[float | None] = [*(transform.p for transform in self.singles), *(p for _, p in in_whole)]
        """How likely each transform is for an image; None for one that draws no such thing."""
        self.probabilities = [transform.p for transform in self.singles]
        for transform in self.singles:
            transform.p = 1.0  # whether it is applied is drawn for a whole batch, in on_images
        by = f"albumentations {version('albumentations')}" if self.singles else ""
        self.by = [f"{t.name}: {by if i <= late else 'in batches'}" for i, t in enumerate(transforms)]
        """Who does each transform, for the record."""

    def on_batches(self, transform: Transform, index: int, in_batches: bool) -> tuple[OnBatch, float | None] | None:
        """A transform as it is done on whole batches, with its probability; None for what only albumentations does."""
        if transform.name.islower():
            mine = read_own(transform)
            return mine, getattr(mine, "p", None)
        made: Batched | None
        if transform.name == "ShiftScaleRotate":
            made = ShiftScaleRotate(*limits_of(transform))
        else:
            made = batched(transform.name, dict(transform.arguments), self.fill)
        if made is None or not in_batches:
            return None
        stream = f"{transform.name} {index}"  # two of one name draw differently
        return lambda batch, place, fill: made.on(batch, place, stream), made.p

    def on_images(self, images: Images, seed: int, epoch: int, batch: int, rank: int) -> Images:
        """A batch's images through albumentations, one after another; seeded once for each batch."""
        if not self.singles:
            return images
        number = seed_of(seed, "albumentations", epoch, batch, rank)
        numpys, pythons = np.random.default_rng(number), random.Random(number)
        for transform in self.singles:
            transform.set_random_state(numpys, pythons)
        applied = numpys.random((len(images), len(self.singles))) < self.probabilities
        try:
            changed = [self.on_image(image, row) for image, row in zip(images, applied, strict=True)]
            return np.stack(changed).reshape(images.shape)
        except (ValueError, TypeError) as error:
            raise RecipeError([f"augmentation: albumentations cannot take these images: {error}"]) from None

    def on_image(self, image: Images, applied: Iterable[bool]) -> Images:
        for transform in compress(self.singles, applied):
            image = transform(image=image)["image"]
        return image

    def on_batch(self, batch: Tensor, place: Place) -> Tensor:
        """A batch (uint8, N x height x width x channels) through the transforms that take it whole."""
        fill = torch.tensor(self.fill, dtype=torch.uint8, device=batch.device)
        for transform in self.own:
            batch = transform(batch, place, fill)
        return batch


def read_own(transform: Transform) -> OnBatch:
    """One of this project's transforms with its settings; raises RecipeError."""
    if transform.name not in OWN_TRANSFORMS:
        known = [*OWN_TRANSFORMS, *names_of(albumentations())]
        raise RecipeError([transform.place + unknown_name(transform.name, known, UNKNOWN_TRANSFORM)])
    reading = RecipeReading("")
    name, given = transform.name, dict(transform.arguments)
    made: OnBatch = reading.section(OWN_TRANSFORMS[name], given, f"{name}.", {}, name)
    if reading.problems:
        raise RecipeError([f"{transform.place}augmentation: {problem}" for problem in reading.problems])
    return made


def only(transform: Transform) -> Transform:
    """The transform as a preview shows it: applied to every image."""
    cls = OWN_TRANSFORMS.get(transform.name)
    always = {"p": 1} if cls is None or "p" in cls.__dataclass_fields__ else {}
    return Transform(transform.name, {**transform.arguments, **always})
