"""`rfcalc preview`: the images of a set, and what each augmentation makes of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from rfcalc import zoo

from ..data.augment import Augmentation, only
from ..data.batches import mean_and_std
from ..data.formats import Images
from ..data.sets import Data, load_data
from ..data.transforms import Place
from ..fit.record import Record
from ..recipe.reader import recipe_for
from ..recipe.recipe import Transform
from . import images
from .images import SheetRow

CLASSES_SHOWN = 10
PREVIEW_DEFAULTS = {
    "CoarseDropout": {"num_holes_range": [1, 1], "hole_height_range": [0.5, 0.5], "hole_width_range": [0.5, 0.5],
                      "fill": "mean"},
}  # fmt: skip
"""How a transform is shown that is named without arguments: one hole of half the size, as the first document has it."""


def preview(
    target: str | os.PathLike[str], data: str | os.PathLike[str] | None = None, augment: Sequence[str] | None = None,
    out: str | os.PathLike[str] | None = None, recipe: str | None = None, input: str | None = None,
) -> Path:  # fmt: skip
    """Writes one image, by default preview-NAME.png, in the format of its ending: some of the data, one of each class
    in turn, and below it what each transform makes of it: those named in `augment`, else those of the recipe, and then
    what these do together. Returns its path."""
    ending = images.ending_of(out) if out is not None else "png"
    arch = zoo.load(target, None if input is None else zoo.read_shape(input))
    transforms = [transform_of(name) for name in augment] if augment else list(recipe_for(arch, recipe).augmentation)
    found = load_data(arch, data, 500 if data == "synthetic" else None)  # drawing them all would take seconds
    rows = augmentation_rows(found, transforms, together=not augment)
    path = Path(out if out is not None else f"preview-{arch.name}.png")
    title = (
        f"{found.name}: {', '.join(found.classes[:CLASSES_SHOWN])}{', …' if len(found.classes) > CLASSES_SHOWN else ''}"
    )
    return Record(path.parent).write(path.name, images.figure_bytes(images.augmentations(rows, title), ending))


def transform_of(name: str) -> Transform:
    return Transform(name.strip(), PREVIEW_DEFAULTS.get(name.strip(), {}))


def augmentation_rows(data: Data, transforms: Sequence[Transform], together: bool = True) -> list[SheetRow]:
    """The originals; for each transform, what it makes of them when it is applied to every one, and how often a
    training applies it; then what all of them make of them `together`, as a training does, in two epochs."""
    indexes = one_of_each(data)
    originals = data.train.images[indexes]
    mean, _ = mean_and_std(data.train)
    rows = [SheetRow("original", "", originals)]
    for transform in transforms:
        chance = Augmentation([transform], mean).chances[0]
        changed = applied(Augmentation([only(transform)], mean), originals, indexes, 0)
        rows.append(SheetRow(transform.name, how_often(transform, chance) if together else "", changed))
    if together and transforms:
        whole = Augmentation(transforms, mean)
        both = (applied(whole, originals, indexes, epoch) for epoch in (0, 1))
        rows += [SheetRow(f"all, epoch {number}", "as they fall", changed) for number, changed in enumerate(both, 1)]
    return rows


def applied(augmentation: Augmentation, originals: Images, indexes: NDArray[np.int64], epoch: int) -> Images:
    place = Place(0, epoch, 0, 0, torch.from_numpy(indexes))
    on_images = augmentation.on_images(originals, 0, epoch, 0, 0)
    changed: Images = augmentation.on_batch(torch.from_numpy(on_images), place).numpy()
    return changed


def how_often(transform: Transform, chance: float | None) -> str:
    if chance is None:
        return "every other epoch" if transform.name == "alternating_flip" else "always"
    return "always" if chance == 1 else f"p = {chance:g}"


def one_of_each(data: Data) -> NDArray[np.int64]:
    """The first image of each class, for up to CLASSES_SHOWN classes, and further ones where there are few classes."""
    places = [np.flatnonzero(data.train.labels == label) for label in range(len(data.classes))]
    found = [at[turn] for turn in range(CLASSES_SHOWN) for at in places if turn < len(at)][:CLASSES_SHOWN]
    return np.array(found, dtype=np.int64)
