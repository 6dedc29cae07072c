"""Several networks side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..engine.arch import Arch, features_of
from ..engine.layers import LAYER_FEATURES
from .cells import agreed, percent, text
from .grid import Column, Grid, as_json

if TYPE_CHECKING:
    from rich.console import RenderableType

COMPARED = {
    "input": "input",
    "layers": "layers",
    "params": "params",
    "macs": "MACs",
    "before_global_pool": "r before global pooling",
    "after_global_pool": "r after",
    "jump": "jump of the last map",
    "smallest": "size of the last map",
    "outside": "share of its centre field outside the image",
    "uses": "uses",
}


def compared_figures(arch: Arch) -> dict[str, Any]:
    """The figures by which networks are compared; the last map is the one before global pooling."""
    last = arch.global_row.x if arch.global_row else arch.out
    before, after = map(agreed, arch.receptive_field)
    used = features_of(arch)
    outside = [axis.outside(axis.size // 2, size) for axis, size in zip(last.axes, arch.sizes, strict=True)]
    return {
        "name": arch.name,
        "input": list(arch.input),
        "layers": len(arch.nodes),
        "params": arch.params,
        "macs": arch.macs,
        "before_global_pool": before,
        "after_global_pool": after,
        "jump": agreed(tuple(axis.jump for axis in last.axes)),
        "smallest": agreed(last.sizes),
        "outside": agreed(tuple(outside)),
        "uses": [word for word in LAYER_FEATURES if word in used],
        "fields_by_size": fields_by_size(arch),
    }


def fields_by_size(arch: Arch) -> list[dict[str, Any]]:
    """The largest field reached at every size of map, from the image on: how the design spends its depth."""
    reached: dict[Any, dict[str, Any]] = {}
    for row in arch.rows:
        if not row.out.flat and not row.sees_whole_map:
            fields = [axis.receptive_field for axis in row.out.axes]
            entry = reached.setdefault(row.out.sizes, {"n": agreed(row.out.sizes), "r": None, "params": 0})
            entry["params"] += row.params
            if None not in fields:
                entry["r"] = agreed(tuple(fields))
    return list(reached.values())


@dataclass(frozen=True)
class Comparison:
    """The figures of several networks, and the same as a grid."""

    grid: Grid
    figures: tuple[dict[str, Any], ...]

    def to_json(self) -> list[dict[str, Any]]:
        """The figures of each network."""
        return list(self.figures)

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal of that width."""
        return self.grid.to_rich(width)

    def to_text(self, form: str) -> str:
        """In a text form: json, or one of the grid's."""
        return as_json(self.to_json()) if form == "json" else self.grid.to_text(form)

    def __str__(self) -> str:
        return self.grid.plain()

    def _repr_html_(self) -> str:
        return self.grid.to_html()


def compare(archs: Sequence[Arch]) -> Comparison:
    """A column for each network; those that share a name are told apart by where they come from."""
    found = [compared_figures(arch) for arch in archs]
    columns = (Column("", left=True), *(Column(heading, left=False) for heading in headings(archs)))
    rows = [(label, *(compared_cell(key, entry[key]) for entry in found)) for key, label in COMPARED.items()]
    depth = max(len(entry["fields_by_size"]) for entry in found)
    for i in range(depth):
        steps = [entry["fields_by_size"][i : i + 1] for entry in found]
        label = f"stage {i + 1}: size, field, params"
        cells = (f"{text(s[0]['n'])}, {text(s[0]['r'])}, {text(s[0]['params'])}" if s else "" for s in steps)
        rows.append((label, *cells))
    return Comparison(Grid(columns, tuple(rows)), tuple(found))


def headings(archs: Sequence[Arch]) -> list[str]:
    names = [arch.name for arch in archs]
    return [f"{n} ({a.path})" if names.count(n) > 1 and a.path else n for n, a in zip(names, archs, strict=True)]


def catalogue(archs: Sequence[Arch]) -> Comparison:
    """A row for each network."""
    found = []
    for arch in archs:
        entry = compared_figures(arch)
        keys = ("name", "input", "params", "macs", "before_global_pool", "after_global_pool")
        found.append({**{key: entry[key] for key in keys}, "source": arch.source})
    heads = ("name", "input", "params", "MACs", "r before pool", "r after", "source")
    ranks = (0, 4, 0, 2, 1, 3, 5)
    columns = tuple(Column(h, rank, left=h in ("name", "source")) for h, rank in zip(heads, ranks, strict=True))
    return Comparison(Grid(columns, tuple(tuple(map(text, entry.values())) for entry in found)), tuple(found))


def compared_cell(key: str, value: Any) -> str:
    if key == "uses":
        return ", ".join(value)
    return percent(value) if key == "outside" and not isinstance(value, list) else text(value)
