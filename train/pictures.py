"""The pictures of a record: curves, confusion, misclassified pictures, augmentations. Drawn without a display."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .evaluate import Evaluation
from .formats import Pictures

COLOURS = {"train": "#4477aa", "val": "#228833", "test": "#cc6677"}


def png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight", pad_inches=0.15, metadata={"Software": None})
    return buffer.getvalue()


def curves(history: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """Loss and accuracy of every part, and the rate, over the epochs."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    for part, colour in COLOURS.items():
        if f"{part}_loss" in history[-1]:
            style = {"color": colour, "label": part, "marker": "." if len(epochs) < 3 else None}
            loss.plot(epochs, [row[f"{part}_loss"] for row in history], **style)
            accuracy.plot(epochs, [row[f"{part}_accuracy"] for row in history], **style)
    loss.set(xlabel="epoch", ylabel="loss", title="Loss", ylim=(0, None))
    accuracy.set(xlabel="epoch", ylabel="accuracy (%)", title="Accuracy")
    rate = loss.twinx()
    rate.plot(epochs, [row["lr"] for row in history], color="#999999", linewidth=0.8, linestyle=":")
    rate.set(ylabel="learning rate (dotted)", ylim=(0, None))
    for axes in (loss, accuracy):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle(title)
    return png(figure)


def confusion(result: Evaluation, title: str) -> bytes:
    """How often each class was taken for which, with the counts written in where there is room."""
    table = result.confusion
    count = len(table)
    side = min(max(4.5, 0.62 * count + 2), 14)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    axes = figure.subplots()
    share = table / np.maximum(table.sum(1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, shrink=0.75, label="share of the true class")
    axes.set(xlabel="predicted", ylabel="true", title=title)
    if count <= 20:
        axes.set_xticks(range(count), result.classes, rotation=45, ha="right")
        axes.set_yticks(range(count), result.classes)
        for row, column in np.ndindex(count, count):
            dark = share[row, column] > 0.5
            axes.text(column, row, f"{table[row, column]:,}", ha="center", va="center", fontsize=8,
                      color="white" if dark else "#333333")  # fmt: skip
    return png(figure)


def misclassified(result: Evaluation, pictures: Pictures, title: str, across: int = 8, down: int = 4) -> bytes:
    """The surest mistakes, each with its true and its predicted label."""
    wrong = result.misclassified[: across * down]
    cells = []
    for index in wrong:
        true, predicted = (result.classes[labels[index]] for labels in (result.labels, result.predictions))
        cells.append(f"true: {true}\npredicted: {predicted}")
    return grid(pictures[wrong], cells, title if len(wrong) else f"{title}: none", across)


def augmentations(rows: Sequence[tuple[str, Pictures]], title: str) -> bytes:
    """A row of pictures for each name: the originals, then what each transform makes of them."""
    across = len(rows[0][1])
    figure, axes = canvas(2.1 + 0.95 * across, 0.95 * len(rows) + 0.5, title)
    height, width = mosaic(axes, np.concatenate([pictures for _, pictures in rows]), across, gap=0.1)
    for row, (name, _) in enumerate(rows):
        axes.text(-0.15 * width, (row + 0.45) * height, name, ha="right", va="center", fontsize=9)
    return png(figure)


def grid(pictures: Pictures, captions: Sequence[str], title: str, across: int) -> bytes:
    """Pictures with a caption of two lines above each."""
    across = max(min(across, len(pictures)), 3)
    down = max(-(-len(pictures) // across), 1)
    figure, axes = canvas(1.5 * across, 1.5 * down * pictures.shape[1] / pictures.shape[2] + 0.9, title)
    if len(pictures):
        height, width = mosaic(axes, pictures, across, gap=0.3)
        for index, caption in enumerate(captions):
            left, top = index % across * width, index // across * height
            axes.text(left + width / 2.6, top - 0.04 * height, caption, ha="center", va="bottom", fontsize=8)
    return png(figure)


def canvas(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.axis("off")
    figure.suptitle(title, fontsize=11)
    return figure, axes


def mosaic(axes: Axes, pictures: Pictures, across: int, gap: float) -> tuple[float, float]:
    """Draws pictures side by side, `across` in a row, as one image: a hundred axes would take seconds. `gap` is the
    room between two as a fraction of a picture. Returns a cell's height and width in the axes' coordinates."""
    count, height, width, _ = pictures.shape
    down = -(-count // across)
    cell_height, cell_width = (size + max(round(gap * size), 1) for size in (height, width))
    sheet = np.full((down * cell_height, across * cell_width, 3), 255, dtype=np.uint8)
    for index, picture in enumerate(pictures):
        top, left = index // across * cell_height, index % across * cell_width
        sheet[top : top + height, left : left + width] = picture if picture.shape[-1] in (1, 3) else picture[..., :3]
    extent = (0.0, float(across * cell_width), float(down * cell_height), 0.0)
    axes.imshow(sheet, interpolation="nearest", extent=extent)
    return cell_height, cell_width
