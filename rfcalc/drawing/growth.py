"""How field and jump grow from layer to layer, against the image's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from typing import TYPE_CHECKING, Any

from ..engine.arch import Arch, Row
from ..report.findings import findings
from .boxes import box_groups, shortened, titles
from .style import Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLOT_WIDTHS = (3.6, 14.0)
"""Inches: a paper's column, and what a screen shows at once."""
INCHES_PER_LAYER = 0.19
PLOT_HEIGHT = 3.4
MARKERS = ("o", "s", "D")
MARKS = {"border": "border layer: adds no new context", "gridding": "gridding: skips pixels within its field"}
"""The findings that mark layers, and what is said of them."""


@dataclass(frozen=True, slots=True)
class Course:
    """The drawn layers in order: their names and rows; which of them add no context (border), which leave holes."""

    names: tuple[str, ...]
    rows: tuple[Row, ...]
    marked: Mapping[str, list[int]]

    @property
    def lines(self) -> list[tuple[list[float], list[float]]]:
        """Fields and jumps of each axis, or of one where all are alike."""
        looks = [[(axis.receptive_field, axis.jump) for axis in row.out.axes] for row in self.rows]
        count = 1 if all(look == each[0] for each in looks for look in each) else len(looks[0])
        axes = [[row.out.axes[axis] for row in self.rows] for axis in range(count)]
        return [([as_float(a.receptive_field) for a in each], [as_float(a.jump) for a in each]) for each in axes]


def as_float(value: Any) -> float:
    """Not a number where it is unknown, which leaves a gap in the line."""
    return float("nan") if value is None else float(value)


def course_of(arch: Arch) -> Course:
    """A point for each box of the network's drawing; a finding marks the box that holds its layer."""
    groups = box_groups(arch)[1:]
    full = titles(arch, groups)
    marked: dict[str, set[str]] = {kind: set() for kind in MARKS}
    for finding in findings(arch):
        if finding.kind in marked:
            marked[finding.kind] |= set(finding.layers)
    held = [{arch.rows[i - 1].name for i in group.layers} for group in groups]
    found = {kind: [i for i, each in enumerate(held) if each & layers] for kind, layers in marked.items()}
    rows = tuple(arch.rows[group.layers[-1] - 1] for group in groups)
    return Course(tuple(full[group.layers[0]] for group in groups), rows, found)


def draw(arch: Arch, look: Style) -> Figure:
    from matplotlib.figure import Figure

    course = course_of(arch)
    count = len(course.rows)
    width = min(max(INCHES_PER_LAYER * count + 0.9, PLOT_WIDTHS[0]), PLOT_WIDTHS[1])
    figure = Figure(figsize=(width, PLOT_HEIGHT), layout="constrained")
    axes = figure.subplots()
    axes.set_yscale("log", base=2)
    axes.set_title(f"{shortened(arch.name)}: receptive field and jump", loc="left")
    draw_sizes(axes, arch, look)
    draw_courses(axes, course, look)
    draw_marks(axes, course, look)
    label_axes(axes, course, width)
    return figure


def draw_sizes(axes: Axes, arch: Arch, look: Style) -> None:
    """A line at each size of the image, its name in the margin."""
    for size in sorted(set(arch.sizes)):
        axes.axhline(size, color=look.ink, linewidth=0.9, zorder=2)
        axes.annotate(f"image {size}", (0.01, size), xycoords=("axes fraction", "data"), xytext=(0, 2),
                      textcoords="offset points", ha="left", va="bottom", color=look.ink)  # fmt: skip


def draw_courses(axes: Axes, course: Course, look: Style) -> None:
    """A line for field and one for jump; where axes differ, for each axis."""
    places, lines = range(len(course.rows)), course.lines
    for axis, (fields, jumps) in enumerate(lines):
        where = "" if len(lines) == 1 else f", axis {axis}"
        mark: dict[str, Any] = {"marker": MARKERS[axis], "markersize": 3.5, "linewidth": 1.4, "zorder": 3}
        axes.plot(places, fields, color=look.series[2 * axis], label=f"receptive field{where}", **mark)
        axes.plot(places, jumps, color=look.series[2 * axis + 1], linestyle=look.dashes[1],
                  label=f"jump{where}", **mark | {"markersize": 2.5})  # fmt: skip


def draw_marks(axes: Axes, course: Course, look: Style) -> None:
    """Shaded and hatched bands behind what the findings name."""
    for (kind, name), hatch in zip(MARKS.items(), ("//", "xx"), strict=True):
        for n, (first, last) in enumerate(runs(course.marked[kind])):
            axes.axvspan(first - 0.5, last + 0.5, facecolor=look.frame, edgecolor=look.warning, hatch=hatch,
                         linewidth=0, alpha=0.55, zorder=0, label=name if not n else None)  # fmt: skip


def runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbouring places as their first and last.

    >>> runs([1, 2, 3, 7])
    [(1, 3), (7, 7)]
    """
    found = []
    for _, run in groupby(enumerate(places), lambda numbered: numbered[1] - numbered[0]):
        neighbours = [place for _, place in run]
        found.append((neighbours[0], neighbours[-1]))
    return found


def label_axes(axes: Axes, course: Course, width: float) -> None:
    from matplotlib.ticker import FuncFormatter

    count, places = len(course.rows), ticks(course.names, int((width - 0.7) / 0.165))
    axes.set_xticks(places, [shortened(tick_name(course.names, i, len(places)), 22) for i in places], rotation=90)
    axes.set(xlim=(-0.6, count - 0.4), ylabel="pixels")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.grid(axis="y", zorder=0)
    axes.figure.legend(loc="outside lower left", ncols=max(int(width / 1.75), 1))


def ticks(names: Sequence[str], most: int) -> list[int]:
    """The places that get a name: all, or where there are too many those at which an outermost block begins, or every
    so many of these."""
    places = list(range(len(names)))
    if len(places) > most:
        places = [i for i in places if not i or names[i].split(".")[0] != names[i - 1].split(".")[0]]
    return places[:: max(ceil(len(places) / most), 1)]


def tick_name(names: Sequence[str], place: int, shown: int) -> str:
    return names[place] if shown == len(names) else names[place].split(".")[0]
