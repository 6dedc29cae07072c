"""Layers stated without kernels, joined to the network of the same document that makes the same maps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...engine.arch import Arch, Row
from ...engine.layers.pooling import Pool
from ..infer.costs import FEWEST_AGREEING
from ..read.facts import LayerFact, StatedModel
from .verdict import Cell

WINDOWED = ("conv", "pool", "other")
SIZES, FIELDS = {"n", "n_out"}, {"r", "r_out"}
MOST_ODD = 4
"""One row in so many may state another map than its layer makes: a slip shows in its own row and in the next."""


def with_kernels(model: StatedModel, archs: Iterable[Arch]) -> tuple[StatedModel, tuple[Cell, ...]]:
    """The model with the windows of the first network that makes its maps, row by row, and the settings that it states
    otherwise; where it states fields alone, of the one that has as many layers of its kinds. As it is where it states
    kernels itself, or no network fits."""
    if any(model.states(key) for key in ("kernel_size", "effective")):
        return model, ()
    sized = any(model.states(key) for key in ("n", "n_in", "n_out"))
    figures, find = (SIZES, layers_for_facts) if sized else (FIELDS, layers_of_kinds)
    places = [i for i, f in enumerate(model.facts) if f.kind in WINDOWED and figures & f.cells.keys()]
    for arch in archs if len(places) >= FEWEST_AGREEING else ():
        if rows := find([model.facts[place] for place in places], arch):
            found, slips = list(model.facts), []
            for place, row in zip(places, rows, strict=True):
                fact, settings = found[place], settings_in_row(row)
                found[place] = replace(fact, cells={**fact.cells, **settings})
                slips += [
                    Cell(fact.number, key, fact.cells[key], value, "local", fact.line, f"as {row.name} has it")
                    for key, value in settings.items()
                    if fact.cells.get(key, value) != value
                ]
            return replace(model, axes=(tuple(found),)), tuple(slips)
    return model, ()


def layers_for_facts(facts: Sequence[LayerFact], arch: Arch) -> list[Row] | None:
    """The layer of each fact, in order: the choice with the fewest odd rows, and then the most layers that widen the
    field or the jump, none of which is passed over; None where that cannot be, or too many rows are odd."""
    rows = windowed(arch)
    ends: dict[int, tuple[int, int, list[Row]]] = {-1: (0, 0, [])}
    for fact in facts:
        following: dict[int, tuple[int, int, list[Row]]] = {}
        for last, (odd, narrow, path) in ends.items():
            for place in range(last + 1, len(rows)):
                row = rows[place]
                cost = odd + (not makes(row, fact)), narrow + (not widens(row))
                if place not in following or cost < following[place][:2]:
                    following[place] = *cost, [*path, row]
                if widens(row):
                    break
        ends = following
    odd, _, path = min(ends.values(), key=lambda end: end[:2], default=(len(facts), 0, []))
    return path if odd * MOST_ODD <= len(facts) else None


def layers_of_kinds(facts: Sequence[LayerFact], arch: Arch) -> list[Row] | None:
    """The layers of a network that has a convolution for each row of one, a pool for each of another, and no more."""
    rows = windowed(arch)
    kinds = ["pool" if isinstance(row.layer, Pool) else "conv" for row in rows]
    return rows if kinds == [fact.kind for fact in facts] else None


def windowed(arch: Arch) -> list[Row]:
    return [row for row in arch.rows if not row.layer.pointwise and not row.layer.reduces and row.windows]


def widens(row: Row) -> bool:
    return row.windows[0].kernel_size > 1 or row.windows[0].stride > 1


def makes(row: Row, fact: LayerFact) -> bool:
    """Whether every size and channel count that is stated of a row is the layer's."""
    cells = fact.cells
    if (isinstance(row.layer, Pool), fact.kind) in ((True, "conv"), (False, "pool")):
        return False
    out, given = row.out.axes[0].size, row.x.axes[0].size
    own = {"n": out, "n_out": out, "n_in": given, "ch": row.out.channels, "ch_out": row.out.channels}
    own["ch_in"] = row.x.channels
    return all(own[key] == cells[key] for key in own if key in cells)


def settings_in_row(row: Row) -> dict[str, int]:
    window = row.windows[0]
    return {key: getattr(window, key) for key in ("kernel_size", "stride", "dilation")} | {"padding": window.padding[0]}
