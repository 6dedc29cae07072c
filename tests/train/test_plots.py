"""The record's plots: what they show, read back from the figures, and that nothing on them is too small or lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import rfcalc
from rfcalc.drawing.style import SIZE
from rfcalc.train.data.formats import Split
from rfcalc.train.data.sets import Data
from rfcalc.train.fit.evaluate import Evaluation
from rfcalc.train.recipe.recipe import Transform
from rfcalc.train.report.images import SheetRow, augmentations, figure_bytes, misclassified
from rfcalc.train.report.plots import PART_LINES, confusion, run_curves
from rfcalc.train.report.preview import augmentation_rows
from rfcalc.train.report.report import stated_accuracy

CLASSES = ("cat", "dog", "a_very_long_name_of_a_class")
HISTORY = [
    {"epoch": i, "lr": 0.1 * i, "train_loss": 2.0 - i / 10, "train_accuracy": 50.0 + i, "test_loss": 2.0 - i / 9,
     "test_accuracy": 60.0 + (i if i < 5 else 8 - i)} for i in range(1, 8)
]  # fmt: skip


def result() -> Evaluation:
    """Seven images of three classes: two cats taken for dogs (90 and 99.96 %), a dog for the long one (60 %)."""
    labels = np.array([0, 0, 0, 1, 1, 2, 2])
    sure = np.array([(0, 0.7), (1, 0.9), (1, 0.9996), (1, 0.8), (2, 0.6), (2, 0.7), (2, 0.8)])
    probabilities = np.full((7, 3), 0.0, dtype=np.float32)
    for row, (predicted, share) in zip(probabilities, sure, strict=True):
        row[:] = (1 - share) / 2
        row[int(predicted)] = share
    return Evaluation(CLASSES, labels, probabilities, 1.0)


def texts(figure: Figure) -> list[Any]:
    from matplotlib.text import Text

    return [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]


def placed(figure: Figure) -> list[Any]:
    """All texts but the ticks', of which some lie beyond an axis and are not drawn."""
    legends = [text for axes in figure.axes if (legend := axes.get_legend()) for text in legend.get_texts()]
    labels = [part for axes in figure.axes for part in (axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts)]
    return [text for text in (*figure.texts, *legends, *labels) if text.get_text()]


def ys(line: Any) -> list[float]:
    found: list[float] = np.asarray(line.get_ydata()).tolist()
    return found


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in texts(figure)]


# --- curves ----------------------------------------------------------------------------------------------------------


def test_the_learning_rate_has_a_panel_of_its_own() -> None:
    panels = {axes.get_title(): axes for axes in run_curves(HISTORY, "t").axes}
    assert set(panels) == {"Accuracy in %", "Loss", "Learning rate"}
    (rate,) = panels["Learning rate"].lines
    assert ys(rate) == [row["lr"] for row in HISTORY]


def test_the_best_epoch_is_marked_and_the_sources_figure_is_a_line() -> None:
    accuracy = next(a for a in run_curves(HISTORY, "t", 62.5).axes if a.get_title() == "Accuracy in %")
    lines = {str(line.get_label()): line for line in accuracy.lines}
    ring = lines["best epoch, 4"]
    assert (np.asarray(ring.get_xdata()).tolist(), ys(ring)) == ([4], [64.0])
    assert set(ys(lines["the source's 62.5 %"])) == {62.5}
    assert ys(lines["test, 61.00 (epoch 4: 64.00)"]) == [row["test_accuracy"] for row in HISTORY]
    assert len({str(dashes) for _, _, dashes, _ in PART_LINES.values()}) == len(PART_LINES)  # told apart in grey


def test_a_short_runs_lines_are_neither_hidden_nor_cut_off() -> None:
    """Two epochs, the tested accuracy below: the legend lies beside its line, and the panels reach above the points."""
    figure = run_curves(
        [{**row, "test_accuracy": 11.0, "train_accuracy": 10.0 * row["epoch"]} for row in HISTORY[:2]], "t"
    )
    figure.canvas.draw()
    panels = {axes.get_title(): axes for axes in figure.axes}
    accuracy = panels["Accuracy in %"]
    box = accuracy.get_legend().get_window_extent()  # type: ignore[union-attr]
    assert not any(box.contains(*accuracy.transData.transform((epoch, 11.0))) for epoch in np.linspace(1, 2, 50))
    highest = max(max(row["train_loss"], row["test_loss"]) for row in HISTORY[:2])
    assert panels["Loss"].get_ylim()[1] == pytest.approx(1.05 * highest)


def test_validation_chooses_the_best_epoch_where_there_is_one() -> None:
    history = [{**row, "val_loss": 1.0, "val_accuracy": 50.0 - row["epoch"]} for row in HISTORY]
    accuracy = next(a for a in run_curves(history, "t", None, "val_accuracy").axes if a.get_title() == "Accuracy in %")
    assert {"best epoch, 1", "validation, 43.00 (epoch 1: 49.00)", "test, 61.00 (epoch 1: 61.00)"} <= {
        str(line.get_label()) for line in accuracy.lines
    }


def test_the_line_is_what_the_networks_source_states() -> None:
    assert [stated_accuracy(rfcalc.load(name)) for name in ("s9", "vgg16")] == [85.47, None]


# --- mistakes --------------------------------------------------------------------------------------------------------


def test_the_confusion_shows_every_count_but_no_zero_and_names_over_the_columns() -> None:
    table, figure = result().confusion, confusion(result(), "t")
    axes = figure.axes[0]
    shown = {(round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in axes.texts}
    assert shown == {(0, 0): "1", (0, 1): "2", (1, 1): "1", (1, 2): "1", (2, 2): "2"}
    assert sum(map(int, shown.values())) == table.sum() == 7
    assert [tick.get_text() for tick in axes.get_xticklabels()] == list(CLASSES)
    assert axes.xaxis.get_ticks_position() == "top"
    assert axes.get_xlabel() == "predicted"


def test_a_hundred_classes_have_their_names_and_no_counts() -> None:
    names = tuple(f"class {i}" for i in range(100))
    figure = confusion(Evaluation(names, np.arange(100), np.eye(100, dtype=np.float32), 0.0), "t")
    assert not figure.axes[0].texts
    assert len(figure.axes[0].get_xticklabels()) == 100


def test_each_caption_stands_right_below_its_own_image_and_says_how_sure_it_was() -> None:
    images = np.arange(7, dtype=np.uint8)[:, None, None, None].repeat(8, 1).repeat(8, 2).repeat(3, 3)
    figure = misclassified(result(), images, "t")
    (axes,) = figure.axes
    captions: dict[int, list[str]] = {}
    places = {int(np.asarray(image.get_array())[0, 0, 0]): image.get_extent() for image in axes.images}
    for text in axes.texts[1:]:
        x, y = text.get_position()
        above = {index: (left, bottom) for index, (left, _, bottom, _) in places.items() if bottom <= y and left <= x}
        nearest = min(above, key=lambda index: (y - above[index][1]) + (x - above[index][0]))
        captions.setdefault(nearest, []).append(text.get_text())
    assert captions == {2: ["dog 99 %", "is cat"], 1: ["dog 90 %", "is cat"], 4: ["a_very_lo… 60 %", "is dog"]}


def test_no_mistakes_are_told_as_such() -> None:
    right = Evaluation(CLASSES, np.arange(3), np.eye(3, dtype=np.float32), 0.0)
    assert words(misclassified(right, np.zeros((3, 8, 8, 1), np.uint8), "Mistakes")) == ["Mistakes: none"]


# --- augmentation ----------------------------------------------------------------------------------------------------


def data() -> Data:
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 255, (4, 8, 8, 3), dtype=np.uint8), np.array([0, 1, 0, 1])
    return Data("d", Split(images, labels), Split(images, labels), ("a", "b"), "f", None)


def test_the_rows_are_the_transforms_alone_with_their_probabilities_and_all_together() -> None:
    """In even epochs the alternating flip turns one half of the images, in odd ones the other."""
    steps = [
        Transform("VerticalFlip", {"p": 1}), Transform("ToGray", {"p": 0.05}), Transform("HorizontalFlip"),
        Transform("alternating_flip"), Transform("cutout", {"size": 2, "p": 0.25}), Transform("pad_crop"),
    ]  # fmt: skip
    rows = augmentation_rows(data(), steps)
    assert [(row.name, row.note) for row in rows] == [
        ("original", ""), ("VerticalFlip", "always"), ("ToGray", "p = 0.05"), ("HorizontalFlip", "p = 0.5"),
        ("alternating_flip", "every other epoch"), ("cutout", "p = 0.25"), ("pad_crop", "always"),
        ("all, epoch 1", "as they fall"), ("all, epoch 2", "as they fall"),
    ]  # fmt: skip
    first, second = (row.images for row in augmentation_rows(data(), [steps[0], steps[3]])[-2:])
    upside_down = data().train.images[:, ::-1]
    for image, other, plain in zip(first, second, upside_down, strict=True):
        mirrored = plain[:, ::-1]
        assert sorted([image.tobytes(), other.tobytes()]) == sorted([plain.tobytes(), mirrored.tobytes()])


def test_transforms_that_are_only_looked_at_have_no_probability_and_no_order() -> None:
    """`preview --augment`: each alone, even those that a recipe would refuse in this order."""
    rows = augmentation_rows(data(), [Transform("cutout"), Transform("RandomRotate90")], together=False)
    assert [(row.name, row.note) for row in rows] == [("original", ""), ("cutout", ""), ("RandomRotate90", "")]


# --- all of them -----------------------------------------------------------------------------------------------------


def every_plot() -> list[Figure]:
    images = data().train.images[[0, 1, 2, 3, 0, 1, 2]]
    return [run_curves(HISTORY, "t", 60.0), confusion(result(), "t"), misclassified(result(), images, "t"),
            augmentations([SheetRow("original", "", images), SheetRow("flip", "p = 0.5", images)], "t")]  # fmt: skip


@pytest.mark.parametrize("number", range(4))
def test_no_text_is_small_or_cut_off_and_a_plot_is_the_same_each_time(number: int) -> None:
    figure = every_plot()[number]
    figure.draw_without_rendering()
    page = figure.bbox
    assert min(text.get_fontsize() for text in texts(figure)) >= SIZE
    for text in placed(figure):
        box = text.get_window_extent()
        assert page.x0 <= box.x0 < box.x1 <= page.x1, text
        assert page.y0 <= box.y0 < box.y1 <= page.y1, text
    svg = figure_bytes(figure, "svg")
    assert b">t</text>" in svg
    assert svg == figure_bytes(every_plot()[number], "svg")


def test_captions_have_room_beside_one_another() -> None:
    images = np.zeros((7, 8, 8, 3), np.uint8)
    figure = misclassified(result(), images, "t")
    figure.draw_without_rendering()
    (axes,) = figure.axes
    boxes = [text.get_window_extent() for text in axes.texts[1:]]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i] if abs(a.y0 - b.y0) < 1)
    frames = [patch.get_window_extent() for patch in axes.patches if isinstance(patch, Rectangle)]
    assert not any(box.overlaps(frame) for box in boxes for frame in frames)
