"""The smallest change to a stated table that makes its figures right: a setting, a missing or a doubled row, a column
that stands a row too low."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf

from ..read.facts import LayerFact
from .counts import ways_of
from .walk import rewalked
from .walked import Walked

MOST_EDITS = 2
FEWEST_EXPLAINED = 3
"""Slips that one edit must explain: with fewer, the slips themselves are the shorter story."""
REPAIRED_SETTINGS = {"kernel_size": (1, 2, 3, 5, 7), "stride": (1, 2, 3, 4), "dilation": (1, 2, 3, 4)}
MISSING_ROWS = (("pool", 2, 2), ("pool", 3, 2), ("conv", 3, 1), ("conv", 3, 2))
TableEdit = tuple[str, tuple[LayerFact, ...]]


def repaired(walked: Walked) -> tuple[str, Walked] | None:
    """The edits as words, and the walk with them; None where no few edits make every row right."""
    if len(walked.local) < 2 or len(walked.slips) < FEWEST_EXPLAINED or len(walked.model.axes) > 1:
        return None
    if walked.model.form == "code":  # its settings are what runs
        return None
    best, words = walked, []
    for _ in range(MOST_EDITS):
        tried = [(rewalked(walked, rows), text) for text, rows in edits(best)]
        found = [pair for pair in tried if weight(pair[0]) < weight(best) and as_checked(pair[0], best)]
        if not found:
            return None
        best, text = min(found, key=lambda pair: weight(pair[0]))
        words.append(text)
        if not best.slips:
            explained = len(walked.slips) >= FEWEST_EXPLAINED * len(words)
            return (" and ".join(words), best) if explained and best.checked >= len(best.rows) else None
    return None


def weight(walked: Walked) -> int:
    return len(walked.slips)


def as_checked(after: Walked, before: Walked) -> bool:
    """Whether all figures that followed from others still do, but for those that an edit takes out."""
    stated, left = (sum(len(row.cells) for row in walked.rows) for walked in (before, after))
    return after.checked >= before.checked - max(0, stated - left)


def edits(walked: Walked) -> Iterator[TableEdit]:
    """Single edits at the first row with a slip, and of whole columns; each as words and rows."""
    rows = walked.rows
    first = next(place for place, row in enumerate(rows) if row.number == walked.slips[0].row)
    for place in {first, max(0, first - 1)}:
        for key, values in REPAIRED_SETTINGS.items():
            for value in values:
                row = rows[place]
                changed = replace(row, cells={**row.cells, key: value})
                skips = row.kind == "pool" and changed.cells.get("kernel_size", inf) < changed.cells.get("stride", 0)
                if row.cells.get(key) not in (None, value) and keeps_count(row, changed) and not skips:
                    yield f"{key} {value} in row {row.number}", (*rows[:place], changed, *rows[place + 1 :])
    for kind, kernel, stride in MISSING_ROWS:
        made = LayerFact(0, rows[first].line, f"missing {kind}", kind, {"kernel_size": kernel, "stride": stride})
        yield f"a {kernel}/{stride} {kind} in front of row {rows[first].number}", (*rows[:first], made, *rows[first:])
    for column in ("r_out", "j_out"):
        if shifted := raised(rows, column):
            yield f"every {column} a row higher", shifted


def keeps_count(row: LayerFact, changed: LayerFact) -> bool:
    """Whether a row with another setting still has the parameters that it states, if it had them before."""
    stated = row.cells.get("params")
    return stated not in ways_of(row, None)[0] or stated in ways_of(changed, None)[0]


def raised(rows: Sequence[LayerFact], column: str) -> tuple[LayerFact, ...]:
    """The rows with a column moved up by one; the last row states none then."""
    if not all(column in row.cells for row in rows):
        return ()
    above = [replace(row, cells={**row.cells, column: below.cells[column]}) for row, below in pairwise(rows)]
    return (*above, replace(rows[-1], cells={k: v for k, v in rows[-1].cells.items() if k != column}))
