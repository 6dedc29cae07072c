"""Layers stated without kernels, joined to the network of the same document that makes the same maps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ...engine.arch import Arch, Row
from ...engine.layers.pooling import Pool
from ..infer.evidence import FEWEST
from ..read.facts import LayerFact, StatedModel

WINDOWED = ("conv", "pool", "other")


def with_kernels(model: StatedModel, archs: Iterable[Arch]) -> StatedModel:
    """The model with the kernels of the first network that makes its maps, row by row; as it is where it states
    kernels itself, or no network makes its maps."""
    if any(model.states(key) for key in ("kernel_size", "effective")):
        return model
    for arch in archs:
        if facts := joined(model.facts, arch):
            return replace(model, axes=(facts,))
    return model


def joined(facts: Sequence[LayerFact], arch: Arch) -> tuple[LayerFact, ...] | None:
    """Each row with the window of the layer that makes its map; None where a row has no such layer, or a layer that
    widens the field or the jump has no row."""
    rows, found, agreed = windowed(arch), [], 0
    for fact in facts:
        if fact.kind not in WINDOWED or not {"n", "n_out"} & fact.cells.keys():
            found.append(fact)
            continue
        row = next_like(fact, rows)
        if row is None:
            return None
        window = row.windows[0]
        settings = {"kernel_size": window.kernel_size, "stride": window.stride, "padding": window.padding[0]}
        found.append(replace(fact, cells={**settings, "dilation": window.dilation, **fact.cells}))
        agreed += 1
    return tuple(found) if agreed >= FEWEST else None


def windowed(arch: Arch) -> Iterator[Row]:
    return (row for row in arch.rows if not row.layer.pointwise and not row.layer.reduces and row.windows)


def next_like(fact: LayerFact, rows: Iterator[Row]) -> Row | None:
    """The next layer that makes the row's map; one that is passed over may change neither field nor jump."""
    for row in rows:
        if makes(row, fact):
            return row
        if row.windows[0].kernel_size > 1 or row.windows[0].stride > 1:
            return None
    return None


def makes(row: Row, fact: LayerFact) -> bool:
    """Whether every size and channel count that is stated of a row is the layer's."""
    cells, pool = fact.cells, isinstance(row.layer, Pool)
    if (pool, fact.kind) in ((True, "conv"), (False, "pool")):
        return False
    own = {"n": row.out.axes[0].size, "n_out": row.out.axes[0].size, "n_in": row.x.axes[0].size}
    own |= {"ch_out": row.out.channels, "ch": row.out.channels, "ch_in": row.x.channels}
    return all(own[key] == cells[key] for key in own if key in cells)
