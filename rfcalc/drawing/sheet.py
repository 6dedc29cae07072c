"""A graph of boxes with sizes, to be placed: its rows, and the room that they take along the network and across it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from .boxes import FramedBlock
from .parts import BOX_GAP, BOXES_APART, FRAME, LABEL_HEIGHT, LANE, TRACK
from .rows import BoxGraph, arrange, neighbours


@dataclass(frozen=True)
class Sheet:
    """Boxes with sizes (along, across) and frames, not placed yet."""

    graph: BoxGraph
    blocks: tuple[FramedBlock, ...]
    sizes: tuple[tuple[float, float], ...]
    horizontal: bool

    @cached_property
    def ranks(self) -> tuple[tuple[int, ...], ...]:
        """The items of each row in order: boxes by their place, and from the number of boxes on the places that long
        edges keep."""
        return arrange(self.graph)

    @cached_property
    def down(self) -> dict[int, list[int]]:
        return neighbours(self.graph)[1]

    @cached_property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The first and the last row of each frame."""
        rows = [[self.graph.ranks[i] for i in block.groups] for block in self.blocks]
        return tuple((min(row), max(row)) for row in rows)

    @property
    def label(self) -> tuple[float, float]:
        """Room for a frame's name, along and across: it stands above what the frame holds."""
        return (0.0, LABEL_HEIGHT) if self.horizontal else (LABEL_HEIGHT, 0.0)

    @cached_property
    def homes(self) -> dict[int, int]:
        """The innermost frame of every box, and of an edge's places that of both its ends."""
        found = {i: n for n, block in enumerate(self.blocks) for i in block.groups}
        for chain in self.graph.chains:
            if found.get(chain[0]) == (home := found.get(chain[-1])) is not None:
                found.update(dict.fromkeys(chain[1:-1], home))
        return found

    @cached_property
    def sources(self) -> dict[int, int]:
        """The box that an edge comes from, by the edge's places."""
        return {item: chain[0] for chain in self.graph.chains for item in chain[1:-1]}

    def size(self, item: int) -> tuple[float, float]:
        """Of a box; an edge keeps a place as wide as the box that it comes from, so that branches run straight."""
        return self.sizes[item] if item < len(self.sizes) else (0.0, self.sizes[self.sources[item]][1])

    def apart(self, one: int, other: int) -> float:
        """The gap between neighbours of a row: with room for the names of frames that begin in it."""
        begun = sum(other in block.groups and one not in block.groups for block in self.blocks)
        return BOXES_APART + min(begun, 2) * self.label[1]

    @cached_property
    def rank(self) -> dict[int, int]:
        """The row of each box, and of each edge's place."""
        return {item: rank for rank, row in enumerate(self.ranks) for item in row}

    def boxes(self, rank: int) -> list[int]:
        return [i for i in self.ranks[rank] if i < len(self.sizes)]

    def frames_at(self, rank: int) -> list[int]:
        """The frames that hold a box of a row."""
        return [n for n, block in enumerate(self.blocks) if any(i in block.groups for i in self.boxes(rank))]

    def tracks(self, rank: int) -> dict[tuple[int, ...], int]:
        """The lines across the gap after a row: items that lead to the same ones share theirs."""
        found = [tuple(self.down[i]) for i in self.ranks[rank] if i in self.down]
        return {targets: n for n, targets in enumerate(dict.fromkeys(found))}

    @cached_property
    def gaps(self) -> tuple[float, ...]:
        """The room between each row and the one after it: for arrows, the frames that begin and end, and lines."""
        found = []
        for rank in range(len(self.ranks) - 1):
            first = sum(span[0] == rank + 1 for span in self.spans)
            last = sum(span[1] == rank for span in self.spans)
            across = len(self.tracks(rank)) if len(self.ranks[rank]) + len(self.ranks[rank + 1]) > 2 else 0
            found.append(BOX_GAP + min(first, 2) * (FRAME + self.label[0]) + min(last, 2) * FRAME + across * TRACK)
        return tuple(found)

    @cached_property
    def starts(self) -> tuple[float, ...]:
        """Where each row begins, and at last where another would, all being in one column."""
        places = [0.0]
        for rank in range(len(self.ranks)):
            gap = self.gaps[rank] if rank < len(self.gaps) else 0.0
            places.append(places[-1] + self.length(rank) + gap)
        return tuple(places)

    def length(self, rank: int) -> float:
        return max(self.sizes[i][0] for i in self.boxes(rank))

    def along(self, rows: range) -> float:
        """The extent of some rows along the network."""
        return self.starts[rows.stop - 1] + self.length(rows.stop - 1) - self.starts[rows.start]

    def across(self, rows: range) -> float:
        """About the extent of some rows across it."""
        widest = max(
            sum(self.size(i)[1] for i in row) + sum(self.apart(a, b) for a, b in pairwise(row))
            for row in (self.ranks[rank] for rank in rows)
        )
        beside = max(
            sum(self.graph.ranks[s] <= rank < self.graph.ranks[t] for s, t in self.graph.skips) for rank in rows
        )
        nested = max(len(self.frames_at(rank)) for rank in rows)
        return widest + beside * LANE + min(nested, 2) * (2 * FRAME + self.label[1])
