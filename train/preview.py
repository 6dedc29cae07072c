"""`rfcalc preview`: the pictures of a set, and what each augmentation makes of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from rfcalc import zoo

from . import pictures
from .augment import Augmentation, Place, only
from .batches import colours_of
from .data import Data, load_data
from .formats import Pictures
from .recipe import Transform, recipe_for
from .record import Record

SHOWN = 10
DEFAULTS = {
    "CoarseDropout": {"num_holes_range": [1, 1], "hole_height_range": [0.5, 0.5], "hole_width_range": [0.5, 0.5],
                      "fill": "mean"},
}  # fmt: skip
"""How a transform is shown that is named without arguments: one hole of half the size, as the first document has it."""


def preview(
    target: str | os.PathLike[str], data: str | os.PathLike[str] | None = None, augment: Sequence[str] | None = None,
    out: str | os.PathLike[str] | None = None, recipe: str | None = None,
) -> Path:  # fmt: skip
    """Writes one picture, by default preview-NAME.png: some of the data, one of each class in turn, and below it what
    each transform makes of it: those named in `augment`, else those of the recipe. Returns its path."""
    arch = zoo.load(target)
    transforms = [named(name) for name in augment] if augment else list(recipe_for(arch, recipe).augmentation)
    found = load_data(arch, data, 500 if data == "synthetic" else None)  # drawing them all would take seconds
    rows = augmentation_rows(found, transforms)
    path = Path(out) if out is not None else Path(f"preview-{arch.name}.png")
    title = f"{found.name}: {', '.join(found.classes[:SHOWN])}{', …' if len(found.classes) > SHOWN else ''}"
    return Record(path.parent).write(path.name, pictures.augmentations(rows, title))


def named(name: str) -> Transform:
    return Transform(name.strip(), DEFAULTS.get(name.strip(), {}))


def augmentation_rows(data: Data, transforms: Sequence[Transform]) -> list[tuple[str, Pictures]]:
    """The originals and, for each transform, what it makes of them when it is applied to every one."""
    indexes = one_of_each(data)
    originals = data.train.pictures[indexes]
    mean, _ = colours_of(data.train)
    rows = [("original", originals)]
    for transform in transforms:
        alone = Augmentation([only(transform)], mean)
        changed = alone.on_pictures(originals, 0, 0, 0, 0)
        place = Place(0, 0, 0, 0, torch.from_numpy(indexes))
        rows.append((transform.name, alone.on_batch(torch.from_numpy(changed), place).numpy()))
    return rows


def one_of_each(data: Data) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The first picture of each class, for up to SHOWN classes, and further ones where there are few classes."""
    found: list[int] = []
    for turn in range(SHOWN):
        for label in range(len(data.classes)):
            places = np.flatnonzero(data.train.labels == label)
            if turn < len(places) and len(found) < SHOWN:
                found.append(int(places[turn]))
    return np.array(found, dtype=np.int64)
