"""The plots of a record: curves, confusion, several runs together. In the drawing room's style, without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rfcalc.drawing.style import LIGHT, SIZE

from ..fit.evaluate import Evaluation
from ..fit.record import Record
from .compare import RunComparison, compare_runs
from .images import ending_of, figure_bytes, styled

PART_LINES = {
    "test": ("test", LIGHT.series[0], LIGHT.dashes[0], 1.6),
    "val": ("validation", LIGHT.series[1], LIGHT.dashes[3], 1.4),
    "train": ("train, augmented", LIGHT.series[2], LIGHT.dashes[1], 1.1),
}
"""How each part is called and drawn: colour, dashes, width. The headline's comes first."""
FEW_EPOCHS = 3
"""With fewer epochs a line is too short to be seen, and each has a dot."""
NAMED, COUNTED = 100, 20
"""Most classes whose names and whose counts have room at SIZE points."""
FAINT = 0.45
"""Exponent of the confusion's shades: a share of 2 % is to be seen beside one of 95 %."""


# --- the course of one run -------------------------------------------------------------------------------------------


@styled
def run_curves(
    history: Sequence[Mapping[str, Any]], title: str, target: float | None = None, chosen_by: str = "test_accuracy"
) -> Figure:
    """Accuracy, loss and learning rate over the epochs, each in a panel of its own; the best epoch is marked, and a
    line stands at `target`, the accuracy in percent that the network's source states."""
    figure = Figure(figsize=(8.0, 4.4), layout="constrained")
    panels = figure.subplot_mosaic([["accuracy", "loss"], ["accuracy", "rate"]], width_ratios=(5, 4))
    accuracy, loss, rate = panels["accuracy"], panels["loss"], panels["rate"]
    epochs = [row["epoch"] for row in history]
    best = max(history, key=lambda row: row[chosen_by])
    for part in PART_LINES:
        if f"{part}_loss" in history[-1]:
            part_line(accuracy, epochs, [row[f"{part}_accuracy"] for row in history], part, said(part, history, best))
            part_line(loss, epochs, [row[f"{part}_loss"] for row in history], part)
    if target is not None:
        accuracy.axhline(
            target, color=LIGHT.ink, linewidth=0.8, linestyle=LIGHT.dashes[2], label=f"the source's {target:g} %"
        )
    mark_best((accuracy, loss), best, chosen_by)
    rate.plot(epochs, [row["lr"] for row in history], color=LIGHT.ink, linewidth=1.1, marker=dot(epochs))
    rate.set(title="Learning rate", xlabel="epoch")
    loss.set(title="Loss")
    for axes, kind in ((loss, "_loss"), (rate, "lr")):  # from 0, with room above the highest point
        highest = max(value for row in history for key, value in row.items() if key.endswith(kind))
        axes.set_ylim(0, 1.05 * highest or 1)
    accuracy.set(title="Accuracy in %", xlabel="epoch")
    accuracy.legend(loc="best", frameon=True, framealpha=1, facecolor=LIGHT.paper, edgecolor="none")
    for axes in (accuracy, loss, rate):
        over_epochs(axes)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def part_line(axes: Axes, epochs: Sequence[int], values: Sequence[float], part: str, label: str | None = None) -> None:
    _, colour, dashes, width = PART_LINES[part]
    marker = dot(epochs)
    axes.plot(epochs, values, color=colour, linestyle=dashes, linewidth=width, label=label, marker=marker)


def dot(points: Sequence[Any]) -> str | None:
    return "." if len(points) < FEW_EPOCHS else None


def said(part: str, history: Sequence[Mapping[str, Any]], best: Mapping[str, Any]) -> str:
    """A line's name with its figures: the last epoch's, and of what was tested the best epoch's."""
    key = f"{part}_accuracy"
    last = f"{PART_LINES[part][0]}, {history[-1][key]:.2f}"
    return last if part == "train" or best is history[-1] else f"{last} (epoch {best['epoch']}: {best[key]:.2f})"


def mark_best(panels: Sequence[Axes], best: Mapping[str, Any], chosen_by: str) -> None:
    """A thin line at the best epoch in each panel, and a ring where it was chosen."""
    colour = PART_LINES[chosen_by.partition("_")[0]][1]
    for axes in panels:
        axes.axvline(best["epoch"], color=LIGHT.muted, linewidth=0.6, zorder=0)
    ring: dict[str, Any] = {"marker": "o", "markersize": 6.5, "markerfacecolor": LIGHT.paper, "markeredgecolor": colour}
    label = f"best epoch, {best['epoch']}"
    panels[0].plot([best["epoch"]], [best[chosen_by]], linestyle="none", zorder=4, label=label, **ring)


def over_epochs(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.grid(axis="y")
    axes.set_axisbelow(True)


# --- mistakes --------------------------------------------------------------------------------------------------------


@styled
def confusion(result: Evaluation, title: str) -> Figure:
    """How often each class was taken for which: shades, and counts where there is room; nothing where it never was."""
    table, count = result.confusion, len(result.classes)
    side = min(max(4.0, 0.52 * count + 1.6), 14.0)
    figure = Figure(figsize=(side + 0.9, side), layout="constrained")
    axes = figure.subplots()
    share = table / np.maximum(table.sum(1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", norm=PowerNorm(FAINT, 0, 1))
    bar = figure.colorbar(
        image, ax=axes, shrink=0.75, label="share of the true class", ticks=[0, 0.02, 0.1, 0.3, 0.6, 1]
    )
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.set(xlabel="predicted", ylabel="true")
    axes.xaxis.set_label_position("top")
    axes.tick_params(top=True, bottom=False, labeltop=True, labelbottom=False, length=0)
    axes.spines[:].set_visible(False)
    if count <= NAMED:
        axes.set_xticks(range(count), result.classes, rotation=45, ha="left", rotation_mode="anchor")
        axes.set_yticks(range(count), result.classes)
    if count <= COUNTED:
        between_cells(axes, count)
        for row, column in np.argwhere(table):
            colour = LIGHT.paper if share[row, column] > 0.3 else LIGHT.ink
            axes.text(column, row, f"{table[row, column]:,}", ha="center", va="center", color=colour)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def between_cells(axes: Axes, count: int) -> None:
    """Thin lines, so that an empty cell is seen to be one."""
    edges = np.arange(count + 1) - 0.5
    axes.hlines(edges, -0.5, count - 0.5, color=LIGHT.rule, linewidth=0.5)
    axes.vlines(edges, -0.5, count - 0.5, color=LIGHT.rule, linewidth=0.5)


# --- several runs ----------------------------------------------------------------------------------------------------


def plot_runs(folders: Sequence[str], output: str) -> Path:
    """Writes the curves of several runs as one plot, in the format of the file's ending; returns its path."""
    path, ending = Path(output), ending_of(output)
    return Record(path.parent).write(path.name, figure_bytes(curves_together(compare_runs(folders)), ending))


@styled
def curves_together(comparison: RunComparison) -> Figure:
    """Test accuracy and loss of several runs over their epochs."""
    figure = Figure(figsize=(8.0, 3.4), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, quantity in zip(panels, ("accuracy", "loss"), strict=True):
        for place, run in enumerate(comparison.runs):
            points = [(int(row["epoch"]), float(row[f"test_{quantity}"])) for row in run.history]
            axes.plot(
                *zip(*points, strict=True) if points else ((), ()),
                label=run.name if quantity == "accuracy" else None,
                color=LIGHT.series[place % len(LIGHT.series)],
                linestyle=LIGHT.dashes[place % len(LIGHT.dashes)],
                marker=dot(points),
            )
        axes.set(xlabel="epoch", title=f"Test {quantity}{' in %' if quantity == 'accuracy' else ''}")
        over_epochs(axes)
    panels[0].legend(loc="best", fontsize=SIZE)
    return figure
