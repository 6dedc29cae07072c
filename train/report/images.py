"""Images of a data set on a sheet, with captions: misclassified ones, and what a recipe's augmentation makes of some.

A sheet is measured in inches, the unit of its axes, so that an image and its caption keep their places together.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from rfcalc.drawing.style import DPI, LIGHT, METADATA, SIZE, drawing_style
from rfcalc.report.cells import clipped

from ..data.formats import Images
from ..fit.evaluate import Evaluation
from ..fit.record import Record
from ..recipe.errors import TrainError

P = ParamSpec("P")

FIGURE_ENDINGS = ("png", "svg", "pdf", "jpg")
BESIDE = ("png", "svg")
"""The formats in which a record holds each of its plots."""

# Inches.
MARGIN, TITLE, GAP = 0.15, 0.32, 0.14
LINE_INCHES = SIZE * 1.3 / 72
"""From one line of a caption to the next."""
WIDE, SMALL = 1.1, 0.6
"""Width of an image that is looked at, and of one in a row of many."""
TITLE_LETTERS = 15
"""Letters of SIZE points on an image's width."""


# --- figures in the project's style ----------------------------------------------------------------------------------


def styled(build: Callable[P, Figure]) -> Callable[P, Figure]:
    """Builds a figure with the drawing room's fonts, colours and lines, and lays it out once for all formats."""

    @wraps(build)
    def built(*given: P.args, **named: P.kwargs) -> Figure:
        with drawing_style(LIGHT):
            figure = build(*given, **named)
            if engine := figure.get_layout_engine():
                engine.execute(figure)
                figure.set_layout_engine("none")
            return figure

    return built


def ending_of(name: str | os.PathLike[str]) -> str:
    """The format that a file's name asks for; raises TrainError for one that is not there."""
    ending = Path(name).suffix.lower().removeprefix(".").replace("jpeg", "jpg")
    if ending not in FIGURE_ENDINGS:
        shown = f"the ending .{ending}" if ending else "no ending"
        raise TrainError(f"{os.fspath(name)}: {shown}; a plot is written as .{', .'.join(FIGURE_ENDINGS)}")
    return ending


def figure_bytes(figure: Figure, ending: str = "png") -> bytes:
    """The figure in one of FIGURE_ENDINGS, the same bytes every time."""
    buffer = io.BytesIO()
    with drawing_style(LIGHT):
        figure.savefig(buffer, format=ending, dpi=DPI, metadata=METADATA.get(ending))
    return buffer.getvalue()


def write_plot(record: Record, name: str, figure: Figure) -> None:
    """NAME.png, and NAME.svg beside it."""
    for ending in BESIDE:
        record.write(f"{name}.{ending}", figure_bytes(figure, ending))


# --- sheets of images ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FigureSheet:
    """A figure whose axes count inches from the upper left corner."""

    figure: Figure
    axes: Axes

    @staticmethod
    def of(width: float, height: float, title: str) -> FigureSheet:
        figure = Figure(figsize=(width, height))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        axes.text(MARGIN, MARGIN, title, ha="left", va="top", fontsize=SIZE + 2)
        return FigureSheet(figure, axes)

    def put(self, image: Images, left: float, top: float, width: float, height: float) -> None:
        """One image (height x width x channels), framed, so that its edge is seen on white."""
        pixels = image if image.shape[-1] == 3 else np.repeat(image[..., :1], 3, axis=-1)
        self.axes.imshow(pixels, extent=(left, left + width, top + height, top), interpolation="nearest")
        edge = Rectangle((left, top), width, height, fill=False, edgecolor=LIGHT.frame_edge, linewidth=0.5)
        self.axes.add_patch(edge)

    def whole(self) -> Figure:
        """Done: images set limits of their own, so the sheet's come last."""
        width, height = self.figure.get_size_inches()
        self.axes.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
        return self.figure


@styled
def misclassified(result: Evaluation, images: Images, title: str, across: int = 6, down: int = 4) -> Figure:
    """The surest mistakes, each with what it was taken for, how surely, and below that what it is."""
    wrong = result.misclassified[: across * down]
    across = max(min(across, len(wrong)), 3)
    high = WIDE * images.shape[1] / images.shape[2]
    pitch = high + 2 * LINE_INCHES + 2 * GAP
    rows = -(-len(wrong) // across)
    wide, tall = across * (WIDE + GAP) - GAP + 2 * MARGIN, MARGIN + TITLE + max(rows * pitch, LINE_INCHES) + MARGIN / 2
    sheet = FigureSheet.of(wide, tall, title if len(wrong) else f"{title}: none")
    for place, index in enumerate(wrong):
        left, top = MARGIN + place % across * (WIDE + GAP), MARGIN + TITLE + place // across * pitch
        sheet.put(images[index], left, top, WIDE, high)
        for number, (text, colour) in enumerate(captions(result, index)):
            sheet.axes.text(left, top + high + 0.04 + number * LINE_INCHES, text, ha="left", va="top", color=colour)
    return sheet.whole()


def captions(result: Evaluation, index: int) -> tuple[tuple[str, str], tuple[str, str]]:
    """Two lines with their colours: the class that was predicted with its probability, and the true one."""
    predicted, true = (result.classes[labels[index]] for labels in (result.predictions, result.labels))
    sure = f" {certainty(float(result.probabilities[index].max()))}"
    return (clipped(predicted, TITLE_LETTERS - len(sure)) + sure, LIGHT.warning), (
        "is " + clipped(true, TITLE_LETTERS - 3), LIGHT.ink
    )  # fmt: skip


def certainty(share: float) -> str:
    """A probability in whole percent; 100 % is said of certainty alone.

    >>> certainty(0.9), certainty(0.9996), certainty(1.0)
    ('90 %', '99 %', '100 %')
    """
    return f"{100 if share == 1 else min(round(100 * share), 99)} %"


@dataclass(frozen=True)
class SheetRow:
    """A row of a sheet: its name, a note below the name, and its images."""

    name: str
    note: str
    images: Images


@styled
def augmentations(rows: Sequence[SheetRow], title: str) -> Figure:
    """A row of images for each name: the originals, what each transform makes of them, and all together."""
    across = len(rows[0].images)
    high = SMALL * rows[0].images.shape[1] / rows[0].images.shape[2]
    names = max(len(text) for row in rows for text in (row.name, row.note)) * SIZE * 0.62 / 72 + GAP
    pitch = max(high, 2 * LINE_INCHES) + GAP / 2
    sheet = FigureSheet.of(
        names + across * (SMALL + GAP / 2) + 2 * MARGIN, TITLE + len(rows) * pitch + 2 * MARGIN, title
    )
    for number, row in enumerate(rows):
        top = MARGIN + TITLE + number * pitch
        middle = top + high / 2
        sheet.axes.text(MARGIN, middle, row.name, ha="left", va="bottom" if row.note else "center")
        sheet.axes.text(MARGIN, middle, row.note, ha="left", va="top", color=LIGHT.muted)
        for place, image in enumerate(row.images):
            sheet.put(image, MARGIN + names + place * (SMALL + GAP / 2), top, SMALL, high)
    return sheet.whole()
