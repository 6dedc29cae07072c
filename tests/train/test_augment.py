"""Augmentation: strict names and arguments, our own transforms against slow versions, and streams that never meet."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rfcalc.train import preview
from rfcalc.train.data.augment import Augmentation, read_own
from rfcalc.train.data.batches import Batches, EpochBatches, Share, mean_and_std
from rfcalc.train.data.formats import Split
from rfcalc.train.data.synthetic import draw
from rfcalc.train.data.transforms import Place, reflected
from rfcalc.train.recipe.errors import RecipeError
from rfcalc.train.recipe.recipe import Transform

CPU = torch.device("cpu")
FILL = torch.tensor([10, 20, 30], dtype=torch.uint8)


def place(count: int, epoch: int = 0, batch: int = 0, rank: int = 0, seed: int = 0) -> Place:
    return Place(seed, epoch, batch, rank, torch.arange(count))


def images(count: int, height: int = 7, width: int = 9) -> Tensor:
    return torch.randint(
        0, 256, (count, height, width, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def augmentation(*transforms: Any, in_batches: bool = False) -> Augmentation:
    listed = [Transform(t) if isinstance(t, str) else Transform(*t) for t in transforms]
    return Augmentation(listed, (0.5, 0.4, 0.3), in_batches)


def own(name: str, batch: Tensor, at: Place, **settings: Any) -> Tensor:
    return read_own(Transform(name, settings))(batch, at, FILL)


# --- our own ---------------------------------------------------------------------------------------------------------


def test_flip_turns_about_half() -> None:
    batch = images(400)
    made = own("flip", batch, place(400))
    turned = (made == batch.flip(2)).flatten(1).all(1)
    kept = (made == batch).flatten(1).all(1)
    assert bool((turned ^ kept).all())
    assert 150 < int(turned.sum()) < 250
    assert torch.equal(own("flip", batch, place(400), p=1), batch.flip(2))
    assert torch.equal(own("flip", batch, place(400), p=0), batch)


def test_alternating_flip_shows_each_image_both_ways_in_two_epochs() -> None:
    batch = images(400)
    even, odd, again = (own("alternating_flip", batch, place(400, epoch)) for epoch in (0, 1, 2))
    assert torch.equal(even, odd.flip(2))
    assert torch.equal(even, again)
    assert 150 < int((even == batch).flatten(1).all(1).sum()) < 250


@pytest.mark.parametrize("mode", ["reflect", "zeros"])
def test_pad_crop_is_a_crop_of_the_padded_image(mode: str) -> None:
    """Each result must be one of the 81 crops of the image that numpy pads."""
    batch, padding = images(30), 4
    made = own("pad_crop", batch, place(30), padding=padding, mode=mode)
    places = set()
    for before, after in zip(batch.numpy(), made.numpy(), strict=True):
        border = ((padding, padding), (padding, padding), (0, 0))
        padded = np.pad(before, border, mode="reflect" if mode == "reflect" else "constant")
        found = [(i, j) for i in range(9) for j in range(9) if (padded[i : i + 7, j : j + 9] == after).all()]
        assert found
        places.add(found[0])
    assert len(places) > 20


def test_reflected_places_fold_at_the_edges() -> None:
    assert reflected(torch.tensor([-2, -1, 0, 3, 4, 5, 8]), 4).tolist() == [2, 1, 0, 3, 2, 1, 2]
    assert reflected(torch.tensor([-1, 0, 1]), 1).tolist() == [0, 0, 0]


def test_cutout_fills_one_square_inside() -> None:
    batch = torch.full((200, 7, 9, 3), 99, dtype=torch.uint8)
    made = own("cutout", batch, place(200), size=3)
    holes = (made == FILL).all(3)
    assert (holes.sum((1, 2)) == 9).all()
    assert (holes.any(1).sum(1) == 3).all()
    assert len({tuple(hole.flatten().tolist()) for hole in holes}) > 25  # of 5 * 7 places
    half = (own("cutout", batch, place(200), size=3, p=0.5) == FILL).all(3).any(1).any(1)
    assert 70 < int(half.sum()) < 130


def test_color_changes_brightness_then_saturation_then_contrast() -> None:
    batch = images(50) // 4 + 90  # dark and light enough that nothing is cut off
    assert torch.equal(own("color", batch, place(50), brightness=0, contrast=0, saturation=0), batch)
    bright = own("color", batch, place(50), brightness=0.2, contrast=0, saturation=0)
    factors = bright.flatten(1).float().sum(1) / batch.flatten(1).float().sum(1)
    assert torch.allclose(bright.float(), (batch.float() * factors[:, None, None, None]), atol=1)
    assert 0.8 <= float(factors.min()) < 0.83
    assert 1.17 < float(factors.max()) <= 1.2
    gray = own("color", batch, place(50), brightness=0, contrast=0, saturation=0.9)
    assert torch.allclose(gray.float().mean(3), batch.float().mean(3), atol=1)
    spread = (gray.float() - gray.float().mean(3, keepdim=True)).std((1, 2, 3)) / (
        batch.float() - batch.float().mean(3, keepdim=True)
    ).std((1, 2, 3))
    assert float(spread.min()) < 0.3
    flat = own("color", batch, place(50), brightness=0, contrast=0.9, saturation=0)
    assert torch.allclose(flat.float().mean((1, 2, 3)), batch.float().mean((1, 2, 3)), atol=0.5)
    assert float((flat.float().std((1, 2, 3)) / batch.float().std((1, 2, 3))).min()) < 0.3


# --- albumentations --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ("HorizontalFlipp",                        "unknown transform 'HorizontalFlipp': did you mean HorizontalFlip?"),
        ("flipp",                                  "unknown transform 'flipp': did you mean flip?"),
        (("flip", {"q": 1}),                       "augmentation: unknown setting 'flip.q': did you mean flip.p?"),
        (("flip", {"p": 2}),                       "augmentation: flip.p must be from 0 to 1, not 2"),
        (("pad_crop", {"mode": "wrap"}),           "pad_crop.mode must be one of reflect, zeros, not 'wrap'"),
        (("CoarseDropout", {"max_holes": 1}),      "max_holes is an old argument's name: write num_holes_range"),
        (("CoarseDropout", {"fill_value": 0.47}),  "fill_value is an old argument's name: write fill, in pixel units"),
        (("HorizontalFlip", {"always_apply": True}), "always_apply is an old argument's name: write p: 1"),
        (("ToGray", {"pp": 1}),                    "augmentation: ToGray: unknown argument 'pp': did you mean p?"),
        (("HorizontalFlip", {"p": 7}),             "augmentation: HorizontalFlip: "),
        (("ShiftScaleRotate", {"shift": 1}),       "unknown argument 'shift': did you mean shift_limit?"),
        (("ShiftScaleRotate", {"rotate_limit": "x"}), "ShiftScaleRotate: rotate_limit must be a number, not 'x'"),
    ],
)  # fmt: skip
def test_mistakes_are_named(transform: Any, message: str) -> None:
    for in_batches in (False, True):  # whoever does the transform
        with pytest.raises(RecipeError) as caught:
            augmentation(transform, in_batches=in_batches)
        assert message in str(caught.value)


def test_single_images_come_before_batches() -> None:
    with pytest.raises(RecipeError, match="ToGray works on single images: put it before flip"):
        augmentation("flip", "ToGray")


def test_a_hole_is_as_large_as_it_says_and_of_the_mean() -> None:
    hole = {"num_holes_range": [1, 1], "hole_height_range": [4, 4], "hole_width_range": [4, 4], "fill": "mean", "p": 1}
    made = augmentation(("CoarseDropout", hole)).on_images(np.full((20, 16, 16, 3), 7, np.uint8), 0, 0, 0, 0)
    holes = (made == [128, 102, 76]).all(3)
    assert (holes.sum((1, 2)) == 16).all()


def test_shift_scale_rotate_stays_within_its_limits() -> None:
    """A dot on black, shifted by at most a quarter of 40 pixels and nothing else."""
    limits = {"shift_limit": 0.25, "scale_limit": 0, "rotate_limit": 0, "p": 1}
    dots = np.zeros((60, 40, 40, 3), np.uint8)
    dots[:, 20, 20] = 255
    made = augmentation(("ShiftScaleRotate", limits)).on_images(dots, 0, 0, 0, 0)
    rows, columns = (made[..., 0].max(axis).argmax(1) - 20 for axis in (2, 1))
    assert max(abs(rows).max(), abs(columns).max()) <= 10
    assert min(np.ptp(rows), np.ptp(columns)) > 12


def test_shift_scale_rotate_does_what_affine_does() -> None:
    """Its matrix, put into albumentations' Affine as fixed values, must give the same images."""
    import albumentations as library  # type: ignore[import-untyped]
    import cv2

    smooth = np.stack([cv2.GaussianBlur(p, (5, 5), 2) for p in images(8, 24, 24).numpy()])
    limits = {"shift_limit": 0.2, "scale_limit": 0.3, "rotate_limit": 40, "p": 1}
    (ours,) = augmentation(("ShiftScaleRotate", limits)).singles
    drawn = {"angle": 30.0, "zoom": 1.25, "right": 0.125, "down": -0.25}
    theirs = library.Affine(
        rotate=(30, 30), scale=(1.25, 1.25), translate_percent={"x": (0.125, 0.125), "y": (-0.25, -0.25)},
        keep_ratio=True, border_mode=cv2.BORDER_REFLECT_101, p=1,
    )  # fmt: skip
    for image in smooth:
        made, expected = (a.astype(int) for a in (ours.apply(image, **drawn), theirs(image=image)["image"]))
        assert abs(made - expected).mean() < 0.1
        assert abs(made - image).mean() > 10


def test_each_transform_meets_its_share_on_its_own() -> None:
    """A flip across, one down and an inversion leave eight different images: of 6,000 each combination has its
    share to within five standard deviations."""
    probabilities = {"HorizontalFlip": 0.5, "VerticalFlip": 0.3, "InvertImg": 0.05}
    made = augmentation(*((name, {"p": p}) for name, p in probabilities.items()))
    image = images(1, 6, 6).numpy()[0]
    batch = np.repeat(image[None], 6000, 0)
    out = made.on_images(batch, 0, 0, 0, 0)
    for kinds in itertools.product((False, True), repeat=3):
        expected = image[:, ::-1] if kinds[0] else image
        expected = expected[::-1] if kinds[1] else expected
        expected = 255 - expected if kinds[2] else expected
        share = math.prod(p if kind else 1 - p for p, kind in zip(probabilities.values(), kinds, strict=True))
        found = float((out == expected).all((1, 2, 3)).mean())
        assert found == pytest.approx(share, abs=5 * (share * (1 - share) / 6000) ** 0.5)


# --- streams ---------------------------------------------------------------------------------------------------------


def streams(made: Augmentation) -> list[bytes]:
    """What becomes of one and the same batch in other epochs, batches, processes and seeds."""
    batch = np.repeat(images(1, 16, 16).numpy(), 12, 0)
    keys = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    return [
        made.on_batch(torch.from_numpy(made.on_images(batch, *key)), place(12, *key[1:], seed=key[0])).numpy().tobytes()
        for key in keys
    ]


@pytest.mark.parametrize("transform", [("ShiftScaleRotate", {"p": 1}), ("pad_crop", {}), ("cutout", {})])
@pytest.mark.parametrize("in_batches", [True, False])
def test_no_two_seeds_epochs_batches_or_processes_share_a_stream(transform: Any, in_batches: bool) -> None:
    first, second = (streams(augmentation(transform, in_batches=in_batches)) for _ in range(2))
    assert first == second
    assert len(set(first)) == 5


def some() -> Split:
    return draw(40, 8, 8, 3, 4, seed=0)


def served(epoch: int, start: int = 0, **options: Any) -> list[bytes]:
    made = Batches(some(), augmentation(("ShiftScaleRotate", {"p": 1}), "flip"), 8, 0, CPU, **options)
    return [images.numpy().tobytes() + labels.numpy().tobytes() for images, labels in made.epoch(epoch, start)]


def test_workers_change_nothing_and_an_epoch_can_begin_anywhere() -> None:
    alone = served(3, workers=0)
    assert served(3, workers=2) == alone
    assert served(3, start=2, workers=0) == alone[2:]
    assert len(set(alone)) == len(alone) == 5
    assert served(4, workers=0) != alone


def test_processes_share_every_batch_among_them() -> None:
    whole = EpochBatches(some(), augmentation(), 0, 2, 8, Share())
    shares = [EpochBatches(some(), augmentation(), 0, 2, 8, Share(rank, 2)) for rank in (0, 1)]
    for batch in range(5):
        parts = [set(share.indexes(batch).tolist()) for share in shares]
        assert parts[0] | parts[1] == set(whole.indexes(batch).tolist())
        assert len(parts[0]) == len(parts[1]) == 4
    assert sorted(np.concatenate([whole.indexes(b) for b in range(5)]).tolist()) == list(range(40))


def test_labels_stay_with_their_images() -> None:
    split = some()
    by_image = {p.tobytes(): int(y) for p, y in zip(split.images, split.labels, strict=True)}
    for batch, labels in Batches(split, augmentation(), 8, 0, CPU).epoch(0):
        assert [by_image[p.numpy().tobytes()] for p in batch] == labels.tolist()


def test_mean_and_std_are_those_of_the_pixels() -> None:
    split = some()
    mean, std = mean_and_std(split)
    values = split.images.reshape(-1, 3) / 255
    assert mean == pytest.approx(values.mean(0), abs=1e-6)
    assert std == pytest.approx(values.std(0), abs=1e-6)


def test_a_preview_shows_named_transforms(tmp_path: Path) -> None:
    import cv2

    names = ["HorizontalFlip", "VerticalFlip", "CoarseDropout", "ToGray", "RandomRotate90"]
    path = preview("s9", "synthetic", names, tmp_path / "p.png")
    recipe = preview("s9", "synthetic", out=tmp_path / "q.png", recipe="fast")
    heights = [0 if (image := cv2.imread(str(p))) is None else image.shape[0] for p in (path, recipe)]
    assert heights[0] > heights[1] > 200  # 6 rows, and 3 with 2 of all together
