"""Transforms of whole batches against albumentations: pixel for pixel with fixed draws, and in distribution."""

from __future__ import annotations

from collections import Counter
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from rfcalc.train.data.augment import Augmentation, albumentations, built
from rfcalc.train.data.shift import SingleShiftScaleRotate
from rfcalc.train.data.transforms import CoarseDropout, Draw, Place, ShiftScaleRotate, ToGray, batched
from rfcalc.train.recipe.errors import RecipeError
from rfcalc.train.recipe.recipe import Transform

RANDOM = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (40, 12, 9, 3), dtype=torch.uint8, generator=RANDOM)
HOLES = {"num_holes_range": [1, 3], "hole_height_range": [2, 5], "hole_width_range": [1, 4], "fill": [7, 8, 9]}


def place(count: int, batch: int = 0) -> Place:
    return Place(0, 0, batch, 0, torch.arange(count))


def theirs(name: str, **arguments: Any) -> Any:
    return built(Transform(name, arguments), (128, 102, 76))


# --- pixel for pixel -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["HorizontalFlip", "VerticalFlip", "ToGray"])
def test_what_draws_nothing_is_the_same_pixel_for_pixel(name: str) -> None:
    made = batched(name, {"p": 1}, ())
    assert made is not None
    expected = np.stack([theirs(name, p=1)(image=image)["image"] for image in IMAGES.numpy()])
    assert np.array_equal(made.on(IMAGES, place(40), "x").numpy(), expected)
    assert not np.array_equal(expected, IMAGES.numpy())


def test_gray_is_opencvs_for_every_colour_of_a_fine_grid() -> None:
    levels = torch.arange(0, 256, 3, dtype=torch.uint8)
    colours = torch.cartesian_prod(levels, levels, levels)[None, None].contiguous()
    expected = theirs("ToGray", p=1)(image=colours[0].numpy())["image"]
    assert np.array_equal(ToGray(1).apply(colours).numpy().reshape(-1), expected.reshape(-1))


@pytest.mark.parametrize("fill", [[7, 8, 9], 3, "mean"])
def test_holes_are_theirs_pixel_for_pixel(fill: Any) -> None:
    ours = batched("CoarseDropout", {**HOLES, "fill": fill, "p": 1}, (128, 102, 76))
    assert isinstance(ours, CoarseDropout)
    drawn = ours.draws(Draw(place(40), "x"), 12, 9)
    reference = theirs("CoarseDropout", **{**HOLES, "fill": fill}, p=1)
    expected = []
    for i, image in enumerate(IMAGES.numpy()):
        d = {key: int(value[i]) for key, value in drawn.items()}
        holes = [(d[f"left {k}"], d[f"top {k}"], d[f"left {k}"] + d[f"width {k}"], d[f"top {k}"] + d[f"height {k}"])
                 for k in range(d["count"])]  # fmt: skip
        expected.append(reference.apply(image, holes=np.array(holes), seed=0))
    assert np.array_equal(ours.apply(IMAGES, **drawn).numpy(), np.stack(expected))


@pytest.mark.parametrize(("height", "width", "channels"), [(32, 32, 3), (13, 20, 3), (9, 9, 1)])
def test_shift_scale_rotate_is_opencvs_within_rounding(height: int, width: int, channels: int) -> None:
    """One level; OpenCV before 5 interpolates in steps of 1/32 of a pixel, and may differ by 255/32, 8 levels."""
    smooth = torch.randint(0, 256, (60, height, width, channels), dtype=torch.uint8, generator=RANDOM)
    ours = ShiftScaleRotate(0.2, 0.3, 40, 1)
    drawn = ours.draws(Draw(place(60), "x"), height, width)
    single = SingleShiftScaleRotate(0.2, 0.3, 40, 1)
    found = ours.apply(smooth, **drawn).numpy().astype(int)
    each = [{key: float(value[i]) for key, value in drawn.items()} for i in range(60)]
    expected = np.stack([single.apply(image, **d) for image, d in zip(smooth.numpy(), each, strict=True)]).astype(int)
    assert abs(found - expected).max() <= LIMIT
    assert abs(found - expected).mean() < 0.02 * LIMIT
    assert abs(found - smooth.numpy()).mean() > 20


LIMIT = 1 if int(cv2.__version__.partition(".")[0]) >= 5 else 8

# --- in distribution -------------------------------------------------------------------------------------------------


def close(first: Counter[Any], second: Counter[Any], count: int) -> None:
    """Two samples of one distribution: each share to within five standard deviations of their difference."""
    for key in first | second:
        a, b = first[key] / count, second[key] / count
        p = (a + b) / 2
        assert abs(a - b) <= 5 * (2 * p * (1 - p) / count) ** 0.5, (key, a, b)


@pytest.mark.parametrize(
    "sizes", [{}, {"hole_height_range": [2, 5], "hole_width_range": [1, 40]}, {"hole_height_range": [0.3, 0.6]}]
)
def test_holes_come_in_their_sizes_and_places(sizes: dict[str, Any]) -> None:
    count, height, width = 4000, 12, 9
    ours = batched("CoarseDropout", {"num_holes_range": [1, 3], **sizes, "p": 1}, ())
    assert isinstance(ours, CoarseDropout)
    drawn = {key: value.numpy() for key, value in ours.draws(Draw(place(count), "x"), height, width).items()}
    mine = [(drawn["count"][i], drawn["top 0"][i], drawn["height 0"][i], drawn["left 0"][i], drawn["width 0"][i])
            for i in range(count)]  # fmt: skip
    reference, others = theirs("CoarseDropout", num_holes_range=[1, 3], **sizes), []
    reference.set_random_seed(0)
    for _ in range(count):
        holes = reference.get_params_dependent_on_data({"shape": (height, width)}, {})["holes"]
        x, y, right, bottom = (int(v) for v in holes[0])
        others.append((len(holes), y, bottom - y, x, right - x))
    for part in range(5):
        close(Counter(int(m[part]) for m in mine), Counter(int(o[part]) for o in others), count)
    close(Counter((int(m[1]), int(m[2])) for m in mine), Counter((int(o[1]), int(o[2])) for o in others), count)


def test_shift_scale_rotate_draws_within_its_limits_and_evenly() -> None:
    """A uniform distribution's mean and variance, to within five standard errors, and its reach."""
    drawn = ShiftScaleRotate(0.25, 0.1, 30, 1).draws(Draw(place(20_000), "x"), 32, 32)
    for key, low, high in (("angle", -30, 30), ("zoom", 0.9, 1.1), ("right", -0.25, 0.25), ("down", -0.25, 0.25)):
        values, span = drawn[key], high - low
        assert low <= float(values.min()) < low + span / 500
        assert high - span / 500 < float(values.max()) <= high
        assert float(values.mean()) == pytest.approx((low + high) / 2, abs=5 * span / 12**0.5 / 20_000**0.5)
        assert float(values.var()) == pytest.approx(span**2 / 12, rel=0.03)
    pairs = torch.corrcoef(torch.stack([*drawn.values()]))
    assert (pairs - torch.eye(4)).abs().max() < 5 / 20_000**0.5


@pytest.mark.parametrize("p", [0.0, 0.05, 0.5, 1.0])
def test_each_is_applied_to_its_share(p: float) -> None:
    images = IMAGES[:1].expand(4000, -1, -1, -1)
    made = batched("VerticalFlip", {"p": p}, ())
    assert made is not None
    changed = (made.on(images, place(4000), "x") != images).flatten(1).any(1)
    assert float(changed.float().mean()) == pytest.approx(p, abs=5 * (p * (1 - p) / 4000) ** 0.5)


# --- who does what ---------------------------------------------------------------------------------------------------


def by(*transforms: Any, **options: Any) -> list[str]:
    listed = [Transform(t) if isinstance(t, str) else Transform(*t) for t in transforms]
    return [who.partition(" 2.")[0] for who in Augmentation(listed, (0.5, 0.4, 0.3), **options).by]


def test_batches_are_chosen_where_they_can_be_and_the_order_stays() -> None:
    assert by("HorizontalFlip", "ToGray", "flip") == [
        "HorizontalFlip: in batches",
        "ToGray: in batches",
        "flip: in batches",
    ]
    assert by("HorizontalFlip", "InvertImg", "ToGray", "flip") == [
        "HorizontalFlip: albumentations", "InvertImg: albumentations", "ToGray: in batches", "flip: in batches"
    ]  # fmt: skip
    assert by("HorizontalFlip", "flip", in_batches=False) == ["HorizontalFlip: albumentations", "flip: in batches"]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("CoarseDropout", {"fill": "random"}), ("ToGray", {"method": "max"}), ("CoarseDropout", {"fill_mask": 3}),
        ("ToGray", {"num_output_channels": 1}), ("InvertImg", {}), ("HorizontalFlip", {"p": 2}),
        ("CoarseDropout", {"num_holes_range": [2, 1]}), ("CoarseDropout", {"max_holes": 1}),
        ("CoarseDropout", {"fill": 300}),
    ],
)  # fmt: skip
def test_what_only_albumentations_does_or_explains_is_left_to_it(name: str, arguments: dict[str, Any]) -> None:
    assert batched(name, arguments, (1, 2, 3)) is None


def test_two_of_one_name_draw_differently() -> None:
    flips = Augmentation([Transform("HorizontalFlip"), Transform("HorizontalFlip")], (0.5, 0.4, 0.3))
    images = IMAGES[:1].expand(400, -1, -1, -1)
    changed = (flips.on_batch(images, place(400)) != images).flatten(1).any(1)
    assert 150 < int(changed.sum()) < 250  # were they the same, none would change


def test_images_that_a_transform_cannot_take_are_told() -> None:
    gray: Tensor = IMAGES[..., :1]
    with pytest.raises(RecipeError, match="ToGray takes images of 3 channels, not 1"):
        ToGray(1).on(gray, place(40), "x")
    with pytest.raises(RecipeError, match="fill has 3 values for 1 channels"):
        CoarseDropout(fill=(1, 2, 3), p=1).on(gray, place(40), "x")
    with pytest.raises(RecipeError, match="a hole of 40 pixels in an image of 12"):
        CoarseDropout(hole_height_range=(40, 50), hole_width_range=(1, 2), p=1).on(IMAGES, place(40), "x")


def test_albumentations_is_not_loaded_for_what_batches_do() -> None:
    import subprocess
    import sys

    code = (
        "import sys, rfcalc; from rfcalc.train.data.augment import Augmentation;"
        "from rfcalc.train.recipe.reader import recipe_for;"
        "Augmentation(recipe_for(rfcalc.load('s9'), None).augmentation, (0.5, 0.5, 0.5));"
        "print('albumentations' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert albumentations().__name__ == "albumentations"
