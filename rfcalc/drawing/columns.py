"""Where a long drawing is cut into columns: at rows after which a single box leads on, best between blocks."""

from __future__ import annotations

from itertools import pairwise
from math import log

from .parts import GUTTER
from .sheet import Sheet

PAGE_SHAPE = 1.35
"""Width to height that a drawing comes nearest to: it fits a page's width, and a screen."""
MOST_COLUMNS = 24
"""Columns that are tried."""
TORN = 0.2
"""What cutting through a frame costs: as much as missing a column's even height by 45 %."""
TEAR = 0.15
"""And what a torn frame costs a whole drawing: as much as a shape that is 16 % off."""


def in_columns(sheet: Sheet, columns: int | None = None) -> list[range]:
    """The rows of each column."""
    places = cut_places(sheet)
    if columns is not None:
        return split_at(sheet, places, columns)
    tried = [split_at(sheet, places, count) for count in range(1, min(len(places) + 1, MOST_COLUMNS) + 1)]

    def cost(parts: list[range]) -> float:
        torn = sum(places[rows.stop - 1] for rows in parts[:-1])
        return abs(log(page_shape(sheet, parts) / PAGE_SHAPE)) + uneven(sheet, parts) + TEAR * torn

    return min(tried, key=cost)


def cut_places(sheet: Sheet) -> dict[int, int]:
    """The rows after which a column may end, since all that leads on comes from one box; with the number of frames
    that this tears."""
    graph, last = sheet.graph, len(sheet.ranks) - 1
    crossing: list[set[int]] = [set() for _ in range(last)]
    for source, target in (*graph.links, *graph.skips):
        for rank in range(graph.ranks[source], graph.ranks[target]):
            crossing[rank].add(source)
    return {
        rank: sum(first <= rank < end for first, end in sheet.spans)
        for rank in range(last)
        if len(crossing[rank]) == 1 and crossing[rank] == set(sheet.ranks[rank])
    }


def uneven(sheet: Sheet, parts: list[range]) -> float:
    """0 where all columns are equally high; the logarithm of the longest over the mean."""
    heights = [sheet.along(rows) for rows in parts]
    return log(max(heights) * len(heights) / sum(heights))


def page_shape(sheet: Sheet, parts: list[range]) -> float:
    """Width to height of the whole drawing."""
    along = max(map(sheet.along, parts))
    across = sum(map(sheet.across, parts)) + GUTTER * (len(parts) - 1)
    return along / across if sheet.horizontal else across / along


def split_at(sheet: Sheet, places: dict[int, int], count: int) -> list[range]:
    """At most `count` columns, each cut at the place nearest to where even columns would end."""
    whole, ends = sheet.along(range(len(sheet.ranks))), [-1]
    for n in range(1, count):
        left = [rank for rank in places if rank > ends[-1]]
        if left:
            off = {rank: (sheet.along(range(rank + 1)) * count / whole - n) ** 2 + TORN * places[rank] for rank in left}
            ends.append(min(left, key=off.__getitem__))
    ends.append(len(sheet.ranks) - 1)
    return [range(a + 1, b + 1) for a, b in pairwise(ends)]
