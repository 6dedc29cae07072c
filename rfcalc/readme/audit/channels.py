"""Channels that pass from row to row, and through pools unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ...engine.geometry import Number
from ..read.facts import LayerFact
from .verdict import Cell


def channel_slips(rows: Sequence[LayerFact], branched: bool) -> tuple[list[Cell], int]:
    """The cells that cannot be right, and how many were looked at. Where rows stand beside each other only pools are:
    what a row reads is not known."""
    between = _between_rows(() if branched else rows)
    checked = len(between)
    slips = [slip for slip in between if slip]
    for row in rows:
        given, made = row.cells.get("ch_in"), row.cells.get("ch_out")
        if row.kind in ("pool", "global") and given is not None and made is not None:
            checked += 1
            if made != given and not any(slip.row == row.number for slip in slips):
                slips.append(_slip(row, "ch_out", given, "a pool keeps its channels"))
    return slips, checked


def _between_rows(rows: Sequence[LayerFact]) -> list[Cell | None]:
    """What each row takes beside what the row above gives, where both are stated; None where they agree."""
    found: list[Cell | None] = []
    for above, row in pairwise(rows):
        given, taken = above.cells.get("ch_out"), row.cells.get("ch_in")
        flattened = row.kind == "flat" and above.kind != "global"  # every unit of the map comes in
        if given is None or taken is None or above.several or above.kind in ("flat", "join") or flattened:
            continue
        pooled = above.kind in ("pool", "global") and above.cells.get("ch_in") == taken
        if given == taken or pooled:  # the pool's own ch_out is the slip
            found.append(None)
            continue
        late = row.kind in ("pool", "global") and row.cells.get("ch_out") == taken
        why = "" if late else f"rows {above.number} and {row.number} disagree; one of the two is the slip"
        above_slips = late or (above.kind == "conv" and roundness(given) < roundness(taken))
        found.append(_slip(above, "ch_out", taken, why) if above_slips else _slip(row, "ch_in", given, why))
    return found


def _slip(row: LayerFact, column: str, computed: Number, why: str) -> Cell:
    return Cell(row.number, column, row.cells[column], computed, "local", row.line, why)


def roundness(channels: Number) -> int:
    """How often 2 divides a number of channels: 16 is a likelier choice than 17."""
    return (int(channels) & -int(channels)).bit_length() if channels == int(channels) and channels > 0 else 0
