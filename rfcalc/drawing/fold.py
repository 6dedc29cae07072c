"""A chain with nested skips (an encoder and a decoder) folded at its middle: down on the left, up again on the right,
so that every skip from one side to the other is a straight line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from .parts import BOX_GAP, FRAME
from .sheet import Sheet

FEWEST_NESTED = 2
"""Nested skips that make a fold worth while."""


@dataclass(frozen=True, slots=True)
class Fold:
    """The last row of the left side; the skips from side to side, the outermost first, as (source, target); and the
    centre of every row along the network."""

    last: int
    skips: tuple[tuple[int, int], ...]
    middles: tuple[float, ...]


def fold_of(sheet: Sheet) -> Fold | None:
    """Where a network folds: every row holds one box, and the skips across the fold are nested, no two from one box."""
    if any(len(row) > 1 for row in sheet.ranks):
        return None
    ranks = sheet.graph.ranks
    around = [[(s, t) for s, t in sheet.graph.skips if ranks[s] <= row < ranks[t]] for row in range(len(sheet.ranks))]
    most = max(map(len, around))
    if most < FEWEST_NESTED:
        return None
    places = [row for row, skips in enumerate(around) if len(skips) == most]
    torn = {row: sum(first <= row < end for first, end in sheet.spans) for row in places}
    last = min(places, key=lambda row: (torn[row], abs(2 * row - len(ranks))))
    skips = sorted(around[last])
    if any(a[0] == b[0] or a[1] <= b[1] for a, b in pairwise(skips)) or skips[-1][0] >= last:
        return None
    return Fold(last, tuple(skips), folded_middles(sheet, last, [(ranks[s], ranks[t]) for s, t in skips]))


def folded_middles(sheet: Sheet, last: int, anchors: Sequence[tuple[int, int]]) -> tuple[float, ...]:
    """The rows of both sides, those that a skip joins on one level; between them the shorter side is stretched."""
    down = row_centres(sheet, range(last + 1), rising=False)
    up = row_centres(sheet, range(len(sheet.ranks) - 1, last, -1), rising=True)
    top = len(sheet.ranks) - 1
    sides = [(s, top - t) for s, t in anchors]
    level = max(down[sides[0][0]], up[sides[0][1]])
    levels = [level]
    for (a, b), (c, d) in pairwise(sides):
        level += max(down[c] - down[a], up[d] - up[b])
        levels.append(level)
    left = stretched_to(down, [side[0] for side in sides], levels)
    right = stretched_to(up, [side[1] for side in sides], levels)
    return (*left, *reversed(right))


def row_centres(sheet: Sheet, rows: range, rising: bool) -> list[float]:
    """The centre of each row from the topmost one's, as close as frames allow; a frame's name stands above it."""
    found = []
    for above, below in pairwise(rows):
        first, ending = (above, below) if rising else (below, above)
        begins = sum(span[0] == first for span in sheet.spans)
        ends = sum(span[1] == ending for span in sheet.spans)
        named = ends if rising else begins
        room = BOX_GAP + min(begins + ends, 4) * FRAME + min(named, 2) * sheet.label[0]
        found.append(sheet.length(above) / 2 + room + sheet.length(below) / 2)
    return [0.0, *accumulate(found)]


def stretched_to(places: Sequence[float], fixed: Sequence[int], levels: Sequence[float]) -> list[float]:
    """The places with those named moved to their levels, what lies between in proportion, the rest along with them."""
    above, below = levels[0] - places[fixed[0]], levels[-1] - places[fixed[-1]]
    found = [place + (above if i < fixed[0] else below) for i, place in enumerate(places)]
    for (i, j), (a, b) in zip(pairwise(fixed), pairwise(levels), strict=True):
        share = (b - a) / (places[j] - places[i])
        found[i : j + 1] = [a + (place - places[i]) * share for place in places[i : j + 1]]
    return found
