"""What units see of the image: the fields of chosen layers, one within the other, and one unit's path counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from ..engine.arch import Arch, Row
from ..engine.geometry import UNKNOWN, Field
from ..errors import RfcalcError
from ..report.unit import last_row_of, unit_in
from .boxes import box_groups, shortened, titles
from .counts import is_countable, path_counts
from .style import Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LAYERS_CHOSEN = 5
"""Layers that are chosen where none are named: more squares in one another cannot be told apart."""
PANEL_INCHES = 3.4
"""Inches: a panel is as wide as a paper's column."""


@dataclass(frozen=True, slots=True)
class SeenByUnit:
    """A unit and what it sees along each axis; a map with channels only has no unit to name."""

    row: Row
    name: str
    unit: tuple[int, ...]
    fields: tuple[Field, ...]

    @property
    def at(self) -> str:
        return "" if self.row.out.flat else f" unit {','.join(map(str, self.unit))}"

    @property
    def text(self) -> str:
        size = "\N{MULTIPLICATION SIGN}".join(str(field.width) for field in self.fields)
        holes = any(field.mask for field in self.fields)
        return f"{shortened(self.name, 24)}{self.at}: {size}{', with holes' if holes else ''}"


def chosen_rows(arch: Arch, layers: Sequence[str]) -> list[Row]:
    """The rows of the named layers, of a block its last; by default the last layer of every map size in front of the
    global pool. Raises RfcalcError for an unknown name, or a field that is unknown."""
    if layers:
        rows = [last_row_of(arch, name) for name in layers]
    else:
        end = arch.global_row.node.inputs[0] if arch.global_row else len(arch.rows)
        last = {row.out.sizes: row for row in arch.rows[: max(end, 1)] if is_countable(row)}
        rows = list(last.values())[-LAYERS_CHOSEN:]
    unknown = [row for row in rows if any(axis.widest is None for axis in row.out.axes)]
    if unknown or not rows:
        raise RfcalcError(f"{unknown[0].name}: {unknown[0].status}" if unknown else f"{arch.name}: no field is known")
    return sorted(rows, key=lambda row: row.index)


def units(arch: Arch, rows: Sequence[Row], unit: Sequence[int] | None) -> list[SeenByUnit]:
    """The unit of the last layer, by default its centre, and of each other layer the unit that looks nearest to where
    that one does. Raises RfcalcError for a unit that is not on the map."""
    last = rows[-1]
    at = unit_in(last, unit)
    centres = [middle(axis.at(i)) for axis, i in zip(last.out.axes, at, strict=True)]
    names = titles(arch, box_groups(arch))
    return [seen_at(row, names[row.index], at if row is last else nearest(row, centres)) for row in rows]


def seen_at(row: Row, name: str, unit: tuple[int, ...]) -> SeenByUnit:
    fields = [axis.at(i) for axis, i in zip(row.out.axes, unit, strict=True)]
    found = tuple(field for field in fields if field)
    if len(found) < len(fields):
        raise RfcalcError(f"{row.name}: unit {','.join(map(str, unit))} reads nothing of the image")
    return SeenByUnit(row, name, unit, found)


def middle(field: Field | None) -> float:
    return (field.first + field.last + 1) / 2 if field else 0.0


def nearest(row: Row, centres: Sequence[float]) -> tuple[int, ...]:
    """Per axis the unit whose field's middle is nearest to a place."""
    return tuple(
        min(range(axis.size), key=lambda i, axis=axis, at=at: abs(middle(axis.at(i)) - at))  # type: ignore[misc]
        for axis, at in zip(row.out.axes, centres, strict=True)
    )


# --- the figure --------------------------------------------------------------------------------------------------


def draw(arch: Arch, look: Style, layers: Sequence[str], unit: Sequence[int] | None, image: str | PathLike[str] | None
         ) -> Figure:  # fmt: skip
    from matplotlib.figure import Figure

    found = units(arch, chosen_rows(arch, layers), unit)
    backdrop = None if image is None else read_backdrop(image)
    frame = view(arch, found)
    ratio = min(max((frame[3] - frame[1]) / (frame[2] - frame[0]), 0.25), 2.0)
    tall = 0.82 * PANEL_INCHES * ratio + 0.7 + 0.17 * len(found)
    figure = Figure(figsize=(2 * PANEL_INCHES + 0.4, tall), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_fields(left, arch, found, look, backdrop, frame)
    draw_counts(figure, right, arch, found[-1], look)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower left", handlelength=2.4)
    return figure


def read_backdrop(path: str | PathLike[str]) -> Any:
    """An image file as an array; raises RfcalcError when it is none."""
    from matplotlib.image import imread

    try:
        return imread(fspath(path))
    except FileNotFoundError as error:
        raise RfcalcError(f"{fspath(path)}: {error.strerror}") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise RfcalcError(f"{fspath(path)}: no image that can be read ({type(error).__name__})") from error


def plane(values: Sequence[Any], strip: Any) -> tuple[Any, Any]:
    """Rows and columns of what is drawn: the last two axes; a 1-D network has a strip of one row."""
    return (values[-2], values[-1]) if len(values) > 1 else (strip, values[-1])


STRIP = 6
"""Pixels that the strip of a 1-D network is drawn high."""
WHOLE_STRIP = Field(0, STRIP - 1)


def view(arch: Arch, found: Sequence[SeenByUnit]) -> tuple[float, float, float, float]:
    """Left, top, right and bottom in pixels: the image, and as much of the fields outside as half of its size."""
    height, width = plane(arch.sizes, STRIP)
    rows, columns = zip(*(plane(seen.fields, WHOLE_STRIP) for seen in found), strict=True)
    room = max(height, width) / 2
    left, top = min(0, *(f.first for f in columns)), min(0, *(f.first for f in rows))
    right, bottom = max(width, *(f.last + 1 for f in columns)), max(height, *(f.last + 1 for f in rows))
    edge = max(width, height) * 0.03
    return (
        max(left, -room) - edge,
        max(top, -room) - edge,
        min(right, width + room) + edge,
        min(bottom, height + room) + edge,
    )


def set_view(axes: Axes, frame: tuple[float, float, float, float], rows: bool) -> None:
    names = ("column, pixels", "row, pixels") if rows else ("position, pixels", "")
    left, top, right, bottom = frame
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", xlabel=names[0], ylabel=names[1])
    axes.yaxis.set_visible(rows)
    axes.spines[:].set_visible(False)


def draw_fields(axes: Axes, arch: Arch, found: Sequence[SeenByUnit], look: Style, backdrop: Any, frame: Any) -> None:
    height, width = plane(arch.sizes, STRIP)
    draw_backdrop(axes, height, width, look, backdrop)
    for n, seen in reversed(list(enumerate(found))):
        draw_field(axes, seen, look, n, height, width, pale=backdrop is not None)
    set_view(axes, frame, len(arch.sizes) > 1)
    axes.set_title(f"{shortened(arch.name)}: what a unit sees", loc="left")
    if len(arch.sizes) == 3:
        depth = "; ".join(f"{s.fields[0].first}-{s.fields[0].last}" for s in found[-1:])
        axes.set_title(f"plane {depth} of axis 0", loc="right")


def draw_backdrop(axes: Axes, height: int, width: int, look: Style, backdrop: Any) -> None:
    """The image, or a grid of its pixels, of eight where they are many."""
    from matplotlib.patches import Rectangle

    if backdrop is not None:
        grey: dict[str, Any] = {"cmap": "gray"} if backdrop.ndim == 2 else {}
        axes.imshow(backdrop, extent=(0, width, height, 0), interpolation="nearest", zorder=1, **grey)
    else:
        step = 1 if max(height, width) <= 64 else 8
        axes.add_patch(Rectangle((0, 0), width, height, facecolor=look.frame, edgecolor="none", zorder=1))
        axes.vlines(range(0, width + 1, step), 0, height, color=look.rule, linewidth=0.4, zorder=1.5)
        axes.hlines(range(0, height + 1, step), 0, width, color=look.rule, linewidth=0.4, zorder=1.5)
    axes.add_patch(Rectangle((0, 0), width, height, fill=False, edgecolor=look.ink, linewidth=1.0, zorder=2))


def draw_field(axes: Axes, seen: SeenByUnit, look: Style, n: int, height: int, width: int, pale: bool) -> None:
    """The outline of a field; the pixels that it reads tinted where it has holes; hatched what lies outside."""
    from matplotlib.patches import Rectangle

    colour = look.series[n % len(look.series)]
    rows, columns = plane(seen.fields, WHOLE_STRIP)
    corner, size = (columns.first, rows.first), (columns.width, rows.width)
    if any(field.mask not in (0, UNKNOWN) for field in (rows, columns)):
        for row in places_of(rows):
            axes.broken_barh([(c, 1) for c in places_of(columns)], (row, 1), facecolor=colour, alpha=0.45, linewidth=0,
                             zorder=3)  # fmt: skip
    else:
        axes.add_patch(Rectangle(corner, *size, facecolor=colour, alpha=0.10, linewidth=0, zorder=2.5))
    for x, y, w, h in outside_parts(rows, columns, height, width):
        axes.add_patch(Rectangle((x, y), w, h, fill=False, edgecolor=colour, hatch="////", linewidth=0, zorder=2.6))
    for line, under in ((3.0, True), (1.5, False)) if pale else ((1.5, False),):
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=look.paper if under else colour, linewidth=line,
                                 linestyle=look.dashes[n % len(look.dashes)] if not under else "-", zorder=5,
                                 label=None if under else seen.text))  # fmt: skip


def places_of(field: Field) -> list[int]:
    """The places that a field reads."""
    return [field.first + i for i in range(field.width) if field.bits >> i & 1]


def outside_parts(rows: Field, columns: Field, height: int, width: int) -> list[tuple[int, int, int, int]]:
    """The parts of a field outside the image, as left, top, width, height, none over another."""
    left, right, top, bottom = columns.first, columns.last + 1, rows.first, rows.last + 1
    inner = max(min(right, width), left), max(min(bottom, height), top)
    start = min(max(left, 0), right), min(max(top, 0), bottom)
    parts = [
        (left, top, right - left, start[1] - top),
        (left, inner[1], right - left, bottom - inner[1]),
        (left, start[1], start[0] - left, inner[1] - start[1]),
        (inner[0], start[1], right - inner[0], inner[1] - start[1]),
    ]
    return [part for part in parts if part[2] > 0 and part[3] > 0]


def draw_counts(figure: Figure, axes: Axes, arch: Arch, seen: SeenByUnit, look: Style) -> None:
    """How many paths lead from each pixel to the last layer's unit; pixels from which none does stay blank."""
    import numpy as np
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    height, width = plane(arch.sizes, STRIP)
    edge = max(height, width) * 0.03
    set_view(axes, (-edge, -edge, width + edge, height + edge), len(arch.sizes) > 1)
    axes.set_title(f"paths to {shortened(seen.name, 24)}{seen.at}", loc="left")
    draw_backdrop(axes, height, width, look, None)
    if not is_countable(seen.row):
        axes.text(width / 2, height / 2, seen.row.status, ha="center", va="center", wrap=True, zorder=6)
        return
    counts = path_counts(arch, seen.row, seen.unit)
    counts = counts[min(max(int(middle(seen.fields[0])), 0), arch.sizes[0] - 1)] if counts.ndim == 3 else counts
    counts = np.atleast_2d(counts)
    shown = np.ma.masked_equal(counts, 0.0)
    drawn = axes.imshow(shown, extent=(0, width, height, 0), cmap=look.heat, vmin=0, interpolation="nearest", zorder=3)
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, label="paths", ticks=MaxNLocator(4, integer=True))
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: count_text(value)))
    bar.outline.set_visible(False)


def count_text(value: float) -> str:
    """A count of paths; a large one in powers of ten.

    >>> count_text(1200.0), count_text(1.4e8)
    ('1,200', '1.4e8')
    """
    return f"{value:,g}" if value < 1e5 else f"{value:.3g}".replace("e+0", "e").replace("e+", "e")
