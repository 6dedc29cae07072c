"""Channels that pass from row to row, and through pools unchanged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import isqrt

from ...engine.geometry import Number
from ..read.facts import LayerFact, StatedModel
from .verdict import Cell

FEW = 4
"""One row in so many."""
FLATTENS = re.compile(r"flatten|reshape|view", re.IGNORECASE)


def channel_slips(rows: Sequence[LayerFact], branched: bool, square: bool) -> tuple[list[Cell], int]:
    """The cells that cannot be right, and how many were looked at. Where rows stand beside each other only pools are:
    what a row reads is not known. `square` says that maps are."""
    passing = () if branched else [r for r in rows if r.kind != "pointwise" or {"ch_in", "ch_out"} & r.cells.keys()]
    flattened = list(_flattened(passing)) if square else []
    first = {slip.row: slip.computed for slip in _between_rows(passing) if slip and slip.column == "ch_out"}
    if first and square:  # the units behind may be those of the channels as they are mended
        again = [
            replace(r, cells={**r.cells, "ch_out": first[r.number] or 0}) if r.number in first else r for r in passing
        ]
        flattened = list(_flattened(again))
    right = {slip.row: slip.computed for slip in flattened if slip and slip.column == "ch_out" and slip.computed}
    mended = [replace(r, cells={**r.cells, "ch_out": right[r.number]}) if r.number in right else r for r in passing]
    between = [*_between_rows(mended), *flattened]
    checked = len(between)
    slips = [slip for slip in between if slip]
    for row in rows:
        given, made = row.cells.get("ch_in"), row.cells.get("ch_out")
        if row.kind in ("pool", "global") and not row.several and given is not None and made is not None:
            checked += 1
            if made != given and not any(slip.row == row.number for slip in slips):
                slips.append(_slip(row, "ch_out", given, "a pool keeps its channels"))
    return slips, checked


def said_slips(model: StatedModel, sized: bool = False) -> tuple[list[Cell], int]:
    """The channels that comments state otherwise than the code that they stand beside, and how many were looked at;
    none where most do, for then the figures are something else, unless words call them channels, or the sizes of the
    same maps are right (`sized`)."""
    found: list[Cell] = []
    checked, made = 0, None
    block: Number | None = None
    """What comes into a convolution that no comment speaks of: one on the pool behind it may speak of both."""
    for row in model.facts:
        given, out = row.cells.get("ch_in", None if model.graph else made), row.cells.get("ch_out")
        if row.kind in ("pool", "global", "pointwise") and model.ordered and not model.graph:
            given = out = made if out is None else out
        if row.kind == "flat" and out is not None and (size := row.cells.get("n_out", 1)) > 1:
            out = None if out % size**2 else out // size**2  # its units are reshaped to a map
        if row.kind == "flat" and "ch_in" in row.cells and given is not None and (size := row.cells.get("n_in", 1)) > 1:
            given = None if given % size**2 else given // size**2  # they are those of a map
        for side, own in (("in", given), ("out", out)):
            stated = row.cells.get(f"said_{side}")
            if stated is not None and own is not None and not (side == "in" and stated == block):
                checked += 1
                if stated != own:
                    line = row.line_of(f"said_{side}")
                    found.append(Cell(row.number, f"ch_{side}", stated, own, "local", line, "as the code has it"))
        if row.kind != "pointwise":
            spoken = row.kind != "conv" or row.cells.keys() & {"said_in", "said_out"}
            block = None if spoken else row.cells.get("ch_in")
        made = row.cells.get("ch_out", made if row.kind in ("pool", "global", "pointwise") else None)
    said = [row.cells.keys() for row in model.facts if row.cells.keys() & {"said_in", "said_out"}]
    told = sized or len(said) > sum(bool(keys & {"n_in", "n_out"}) for keys in said) * FEW
    few = 2 * len(found) <= checked
    return (found, checked) if few or (told and not of_a_neighbour(model, found)) else ([], 0)


def of_a_neighbour(model: StatedModel, found: Sequence[Cell]) -> bool:
    """Whether most of the channels that differ are those of the next convolution, or of the one in front."""
    outs = [(row.number, row.cells["ch_out"]) for row in model.facts if row.kind == "conv" and "ch_out" in row.cells]
    slips = {cell.row: cell.stated for cell in found if cell.column == "ch_out"}
    near = [
        sum(slips.get(number) == other for (number, _), (_, other) in zip(rows, others, strict=False))
        for rows, others in ((outs, outs[1:]), (outs[1:], outs))
    ]
    return 2 * max(near) > len(slips) > 1


def _between_rows(rows: Sequence[LayerFact]) -> list[Cell | None]:
    """What each row takes beside what the row above gives, where both are stated; None where they agree."""
    found: list[Cell | None] = []
    for above, row, *below in triples(rows):
        pool, given = row.kind in ("pool", "global"), above.cells.get("ch_out")
        smaller = pool and 0 < row.cells.get("n_out", 0) < above.cells.get("n_out", 0)  # no branch of its own
        shown = smaller and not row.several and "flat" not in row.name.lower()
        taken = row.cells.get("ch_in", row.cells.get("ch_out") if shown else None)
        # into a dense layer comes every unit of a map
        flattened = row.kind == "flat" and above.kind not in ("global", "flat")
        reshaped = above.kind == "join" or (above.kind == "flat" and row.kind != "flat")
        heads = above.kind == row.kind == "flat" and above.cells.get("ch_in") == taken != given
        alone = above.several or reshaped or flattened or heads or apart(above.name, row.name)
        if given is None or taken is None or alone:
            continue
        if "ch_in" not in row.cells and (above.kind != "conv" or taken == 2 * given):
            continue  # levels of a network, whose convolutions are not listed
        pooled = above.kind in ("pool", "global") and above.cells.get("ch_in") == taken
        if given == taken or pooled:  # the pool's own ch_out is the slip
            found.append(None)
            continue
        late = pool and "ch_in" in row.cells and row.cells.get("ch_out") == taken
        why = "" if late else f"rows {above.number} and {row.number} disagree; one of the two is the slip"
        above_slips = late or (above.kind == "conv" and roundness(given) < roundness(taken))
        if pool and "ch_in" not in row.cells:
            units = given * row.cells.get("n_out", 1) ** 2
            above_slips = above_slips and not any(one.cells.get("ch_in") in (given, units) for one in below)
            found.append(_slip(above if above_slips else row, "ch_out", taken if above_slips else given, why))
        else:
            found.append(_slip(above, "ch_out", taken, why) if above_slips else _slip(row, "ch_in", given, why))
    return found


def apart(above: str, row: str) -> bool:
    """Whether two modules belong to different ones, so that what the second reads need not be the first's."""
    paths = [re.match(r"(?:[A-Za-z]\w*\.)+", name) for name in (above, row)]
    return any(paths) and len({path and path[0] for path in paths}) > 1


def _flattened(rows: Sequence[LayerFact]) -> Iterator[Cell | None]:
    """The units that a dense or flattening layer takes beside those of the map above, which it may leave out a pool of;
    None where they agree."""
    for above, row in pairwise(rows):
        n, channels = above.cells.get("n_out"), above.cells.get("ch_out")
        column = "ch_in" if "ch_in" in row.cells else "ch_out"
        taken = row.cells.get(column) if column == "ch_in" or FLATTENS.search(row.name) else None
        if row.kind != "flat" or above.kind not in ("conv", "pool") or above.several:
            continue
        if n is None or channels is None or taken is None or min(n, channels, taken) <= 0:
            continue
        units = n * n * channels
        if taken in (units, n * channels, channels):
            yield None
        elif not any(units == taken * k * k for k in (2, 3, 4)):
            side = isqrt(int(taken // channels))
            if above.kind == "pool" and "padding" not in above.cells and side * side * channels == taken:
                yield _slip(above, "n_out", side, f"of it row {row.number} takes {taken:,} units")
            else:
                yield Cell(row.number, column, taken, units, "local", row.line, f"{n} * {n} * {channels}")


def triples(rows: Sequence[LayerFact]) -> Iterator[Sequence[LayerFact]]:
    """Each row with the one above it, and the one below where there is one."""
    return (rows[place : place + 3] for place in range(len(rows) - 1))


def _slip(row: LayerFact, column: str, computed: Number, why: str) -> Cell:
    return Cell(row.number, column, row.cells[column], computed, "local", row.line, why)


def roundness(channels: Number) -> int:
    """How often 2 divides a number of channels: 16 is a likelier choice than 17."""
    return (int(channels) & -int(channels)).bit_length() if channels == int(channels) and channels > 0 else 0
