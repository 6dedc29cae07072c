"""One unit of one layer: the pixels that it sees, exactly; and the other way round, the units that see a pixel.

From the engine's fields and reads alone; no framework is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from ..engine.arch import Arch, Row, image_of
from ..engine.geometry import FeatureMap, Field, shape_text
from ..engine.layers.sources import blind, lit
from ..engine.reach import reach
from ..errors import RfcalcError, unknown_name
from .cells import DASH, text
from .explain import pattern
from .grid import Column, Grid

if TYPE_CHECKING:
    from rich.console import RenderableType

AXIS_NAMES = {1: ("columns",), 2: ("rows", "columns"), 3: ("planes", "rows", "columns")}
"""What the axes of a map are called."""


@dataclass(frozen=True, slots=True)
class UnitView:
    """What one unit sees of the image, or of another layer's map: per axis the first and last place, beyond the borders
    too; None along all axes where it sees nothing."""

    name: str
    layer: str
    unit: tuple[int, ...]
    source: str
    """The layer whose units are counted; empty for the image's pixels."""
    sizes: tuple[int, ...]
    fields: tuple[Field, ...] | None
    status: str
    image: str = ""
    """Of a network of several inputs: the one whose pixels are counted."""

    @property
    def places(self) -> str:
        return f"units of {self.source}" if self.source else f"pixels of {self.image}" if self.image else "pixels"

    @property
    def read(self) -> int | None:
        """How many places of the rectangle are read; None when unknown. Axes are taken as independent, which they are
        but where branches join."""
        if self.fields is None:
            return 0
        counts = [field.pixels for field in self.fields]
        return None if None in counts else prod(c for c in counts if c is not None)

    @property
    def of(self) -> int:
        """How many places the rectangle holds."""
        return prod(field.width for field in self.fields) if self.fields else 0

    @property
    def clipped(self) -> int:
        """How many places of the rectangle lie beyond the map."""
        if self.fields is None:
            return 0
        return self.of - prod(map(inside, self.fields, self.sizes))

    def to_json(self) -> dict[str, Any]:
        """{"layer", "unit", "rows": [first, last], "columns": [first, last], "read", "of", "clipped"}; null for what is
        not seen or unknown."""
        fields = self.fields or (None,) * len(self.sizes)
        named = zip(AXIS_NAMES[len(self.sizes)], fields, strict=True)
        spans = {name: field and [field.first, field.last] for name, field in named}
        out: dict[str, Any] = {"layer": self.layer, "unit": list(self.unit), **spans}
        out |= {"read": self.read, "of": self.of, "clipped": self.clipped, "status": self.status}
        out |= {"image": self.image} if self.image else {}
        return {**out, "from": self.source} if self.source else out

    @property
    def grid(self) -> Grid:
        numbers = ("first", "last", "read", "of", "beyond the map")
        columns = (Column("axis", left=True), *map(Column, numbers), Column("which", left=True))
        unit = ", ".join(map(str, self.unit))
        caption = [f"{self.name}, {self.layer}, unit ({unit}): {self.places}, counted from 0"]
        if self.fields is None:
            return Grid(columns, (), (*caption, "it sees nothing of them"))
        rows = tuple(map(axis_cells, AXIS_NAMES[len(self.sizes)], self.fields, self.sizes))
        caption.append(
            f"reads {text(self.read)} of {self.of:,}; {self.clipped:,} of them lie beyond the "
            f"{shape_text(self.sizes)} map"
        )
        if self.status not in ("exact", "whole input"):
            caption.append(f"at most: {self.status}")
        return Grid(columns, rows, tuple(caption))

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal of that width: a line per axis, then what is read and what lies beyond."""
        return self.grid.to_rich(width)


def inside(field: Field, size: int) -> int:
    """How many places of a field a map of that size has."""
    return max(0, min(field.last, size - 1) - max(field.first, 0) + 1)


def axis_cells(name: str, field: Field, size: int) -> tuple[str, ...]:
    shape = pattern(field.mask, field.width) if field.mask else "all"
    counts = map(text, (field.pixels, field.width, field.width - inside(field, size)))
    return (name, str(field.first), str(field.last), *counts, shape)


def unit_view(arch: Arch, layer: str, unit: Sequence[int] | None = None, source: str | None = None) -> UnitView:
    """The exact rectangle of places that a unit sees: of the image's pixels or, with `source`, of that layer's units;
    by default the centre unit. Raises RfcalcError for an unknown layer or unit, and where the field is unknown.

    >>> import rfcalc
    >>> view = unit_view(rfcalc.load("s9"), "C1.conv", (0, 3))
    >>> view.to_json()["rows"], view.to_json()["columns"], view.read, view.clipped
    ([-1, 1], [2, 4], 9, 3)
    """
    row = last_row_of(arch, layer)
    at = unit_in(row, unit)
    begin = None if source is None else last_row_of(arch, source)
    if begin is not None and begin.index >= row.index:
        raise RfcalcError(f"{begin.name} does not come before {row.name}")
    x, sizes, status = row.out, arch.sizes, row.status
    if begin is not None:
        x, sizes = map_from(arch, begin, row), begin.out.sizes
        status = next((f"upper bound ({axis.doubt})" for axis in x.axes if axis.doubt), "exact")
    for axis in x.axes:
        if not axis.strands:
            raise RfcalcError(f"{row.name}: its field is unknown ({axis.doubt})")
    fields = tuple(axis.at(place) for axis, place in zip(x.axes, at, strict=True))
    seen = tuple(field for field in fields if field is not None)
    whole = seen if len(seen) == len(fields) else None
    return UnitView(arch.name, row.name, at, begin.name if begin else "", sizes, whole, status, arch.of)


def last_row_of(arch: Arch, layer: str) -> Row:
    """The row of a layer or, of a block, its last one."""
    rows = [row for row in arch.rows if row.name == layer] or [r for r in arch.rows if r.name.startswith(f"{layer}.")]
    if not rows:
        raise RfcalcError(unknown_name(layer, [row.name for row in arch.rows], f"{arch.name} has no layer"))
    return rows[-1]


def unit_in(row: Row, unit: Sequence[int] | None) -> tuple[int, ...]:
    """The unit that is asked for, or the centre one; raises RfcalcError for one that the map does not have."""
    if unit is None:
        return tuple(size // 2 for size in row.out.sizes)
    demand_on_map(unit, row.out.sizes, f"{row.name} has no unit", "its map")
    return tuple(unit)


def demand_on_map(at: Sequence[int], sizes: tuple[int, ...], fact: str, what: str) -> None:
    """Raises RfcalcError for a place that a map of these sizes does not have."""
    if len(at) != len(sizes) or any(not 0 <= i < size for i, size in zip(at, sizes, strict=True)):
        raise RfcalcError(f"{fact} {','.join(map(str, at))}: {what} is {shape_text(sizes)}, counted from 0")


def map_from(arch: Arch, begin: Row, row: Row) -> FeatureMap:
    """The map after a layer, its fields counted in another layer's units: the layers between are walked with that
    one's map as the image, and maps that do not hang on it see nothing."""
    maps = [FeatureMap(arch.input[0], blind(image_of(arch.input)).axes)]
    for other in arch.rows[: row.index]:
        if other.index > begin.index:
            maps.append(other.layer.output(tuple(maps[i] for i in other.node.inputs)))
        else:
            seen = lit if other.index == begin.index else blind
            maps.append(replace(other.out, axes=seen(other.out).axes))
    return maps[row.index]


# --- the other way round -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Watchers:
    """The units of one layer that see a pixel: per axis the first and last one and how many; None where none does, an
    unknown field where `known` is false."""

    layer: str
    spans: tuple[tuple[int, int, int], ...] | None
    sizes: tuple[int, ...]
    known: bool


@dataclass(frozen=True, slots=True)
class PixelView:
    """Which units of every layer see a pixel (the projective field), borders and padding included."""

    name: str
    pixel: tuple[int, ...]
    layers: tuple[Watchers, ...]
    image: str = ""
    """Of a network of several inputs: the one whose pixel it is."""

    def to_json(self) -> dict[str, Any]:
        """{"pixel", "layers": [{"layer", "rows": [first, last], "columns": [first, last], "units", "of"}]}."""
        image = {"image": self.image} if self.image else {}
        return {"pixel": list(self.pixel), **image, "layers": [watchers_json(w) for w in self.layers]}

    @property
    def grid(self) -> Grid:
        axes = AXIS_NAMES[len(self.pixel)]
        columns = (Column("layer", left=True), *(Column(name) for name in axes), Column("units"), Column("of"))
        rows = tuple(watchers_cells(w) for w in self.layers)
        pixel = f"({', '.join(map(str, self.pixel))}){f' of {self.image}' if self.image else ''}"
        return Grid(columns, rows, (f"{self.name}: the units that see pixel {pixel}",))

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal of that width: a line per layer."""
        return self.grid.to_rich(width)


def units_in(watchers: Watchers) -> int | None:
    if not watchers.known:
        return None
    return prod(count for _, _, count in watchers.spans) if watchers.spans else 0


def watchers_json(watchers: Watchers) -> dict[str, Any]:
    spans = watchers.spans or (None,) * len(watchers.sizes)
    named = zip(AXIS_NAMES[len(watchers.sizes)], spans, strict=True)
    return {
        "layer": watchers.layer,
        **{name: span and [span[0], span[1]] for name, span in named},
        "units": units_in(watchers),
        "of": prod(watchers.sizes),
    }


def watchers_cells(watchers: Watchers) -> tuple[str, ...]:
    spans = [f"{a}…{b}" for a, b, _ in watchers.spans] if watchers.spans else [DASH] * len(watchers.sizes)
    units = units_in(watchers)
    return (watchers.layer, *spans, "unknown" if units is None else f"{units:,}", f"{prod(watchers.sizes):,}")


def pixel_view(arch: Arch, pixel: Sequence[int]) -> PixelView:
    """The units of every layer that see a pixel, borders included. Axes are taken as independent, which they are but
    where branches join. Raises RfcalcError for a pixel that the image does not have.

    >>> import rfcalc
    >>> [(w.layer, w.spans) for w in pixel_view(rfcalc.load("s9"), (0, 5)).layers[:1]]
    [('C1.conv', ((0, 1, 2), (4, 6, 3)))]
    """
    demand_on_map(pixel, arch.sizes, f"{arch.name} has no pixel", "its image")
    seen = reach(arch, [[p] for p in pixel])
    found = []
    for row in arch.rows:
        at = seen[row.index]
        spans = None
        if at is not None:
            units = [[u for u, mask in enumerate(at.along(i)) if mask] for i in range(len(pixel))]
            spans = tuple((u[0], u[-1], len(u)) for u in units) if all(units) else None
        found.append(Watchers(row.name, spans, row.out.sizes, at is not None))
    return PixelView(arch.name, tuple(pixel), tuple(found), arch.of)


def unit_or_pixel(
    arch: Arch, layer: str | None, unit: Sequence[int] | None, source: str | None, pixel: Sequence[int] | None
) -> UnitView | PixelView:
    """What `rfcalc unit` is asked: a layer's unit, or a pixel. Raises RfcalcError for neither or both."""
    if (layer is None) == (pixel is None):
        raise RfcalcError("name a layer and, if you like, its unit; or a pixel with --pixel Y,X")
    if pixel is not None:
        return pixel_view(arch, pixel)
    return unit_view(arch, layer or "", unit, source)
