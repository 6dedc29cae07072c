"""Residual blocks in a printed summary: where they begin and end, and their shortcuts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .states import Hidden, Item, Reading

RESIDUAL = re.compile(
    r"basic_?block|bottleneck|resid|res_?block|res_?unit|inverted_?res|mbconv|pre_?act", re.IGNORECASE
)


ACTIVATIONS = frozenset(("relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "hardswish"))


@dataclass(frozen=True, slots=True)
class RowBlock:
    """A container: the places of its first leaf and of the container's own row, and its class."""

    first: int
    row: int
    type: str


def find_blocks(items: Sequence[Item]) -> list[RowBlock]:
    """Containers and where they begin: as a tree says, or for containers of one class that follow one another, where
    the layers that all of them share begin."""
    blocks = []
    by_type: dict[str, list[int]] = {}
    for item in items:
        if item.op is None:
            if item.row.first is not None:
                blocks.append(RowBlock(item.row.first + 1, item.place, item.row.type))
            else:
                by_type.setdefault(item.row.type, []).append(item.place)
    for name, rows in by_type.items():
        gaps = [[i.place for i in items[a:b] if i.op] for a, b in zip([0, *rows], rows, strict=False)]
        template = min(gaps[1:], key=len, default=[])
        kinds = [items[place - 1].row.type for place in template]
        for row, places in zip(rows, gaps, strict=True):
            first = aligned(items, places, kinds)
            if first is not None:
                blocks.append(RowBlock(with_projection(items, places, first), row, name))
    return sorted(blocks, key=lambda block: (block.row, block.first))


def with_projection(items: Sequence[Item], places: Sequence[int], first: int) -> int:
    """The beginning of a block, moved to a shortcut's convolution (and norm) that stands in front of the rest."""
    front = [place for place in places if place < first]
    ops = [items[place - 1].op for place in front]
    return front[0] if ops in (["conv"], ["conv", "batch_norm"]) else first


def aligned(items: Sequence[Item], places: Sequence[int], kinds: Sequence[str]) -> int | None:
    """Where the template's classes begin among the places, matched from the end with others in between."""
    left, first = list(kinds), None
    for place in reversed(places):
        if left and items[place - 1].row.type == left[-1]:
            left.pop()
            first = place
    return None if left or first is None else first


def add_shortcuts(reading: Reading, items: Sequence[Item], blocks: Sequence[RowBlock]) -> list[RowBlock]:
    """Adds the shortcuts that no shape shows: in blocks whose class is residual by name, or whose like have a visible
    one. Changes the reading; returns the blocks that got one."""
    graph = _Readers(reading)
    summed = {(block.first, block.row) for block in blocks if graph.sums_within(block)}
    visible = {block.type for block in blocks if (block.first, block.row) in summed}
    given = []
    for block in blocks:
        residual = block.type in visible or RESIDUAL.search(block.type) is not None
        leaves = [place for place in range(block.first, block.row) if place in graph.sources]
        residual = residual and sum(items[place - 1].op == "conv" for place in leaves) > 1
        if not residual or not leaves or (block.first, block.row) in summed:
            continue
        entry, last = graph.sources[leaves[0]], leaves[-1]
        active = items[last - 1].op in ACTIVATIONS and len(leaves) > 1 and graph.sources[last] > 0
        end = graph.sources[last] if active else last
        shape = reading.shapes.get(last)
        if shape and entry != end and shape == reading.shapes.get(entry) == reading.shapes.get(end):
            total = graph.add(entry, end)
            if active:
                graph.sources[last] = total
            else:
                graph.redirect(end, total, block.row)
            given.append(block)
    reading.decisions[:] = [replace(d, source=graph.sources[d.item.place]) for d in reading.decisions]
    return given


class _Readers:
    """Who reads what in a reading, kept so that a map can be replaced after a place."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.sources = {d.item.place: d.source for d in reading.decisions}
        self.direct: dict[int, list[int]] = {}
        self.within: dict[int, list[int]] = {}
        self.first_reader: dict[int, int] = {}
        for place, source in self.sources.items():
            self.direct.setdefault(source, []).append(place)
            self.note(source, place)

    def note(self, ref: int, place: int) -> None:
        """Remembers the first row that reads a hidden map, and what that map is made of."""
        waiting = [ref]
        while waiting:
            ref = waiting.pop()
            if ref < 0 and ref not in self.first_reader:
                self.first_reader[ref] = place
                for given in self.reading.hidden[-ref - 1].inputs:
                    self.within.setdefault(given, []).append(ref)
                    waiting.append(given)

    def sums_within(self, block: RowBlock) -> bool:
        """Whether a sum of maps made inside a block stands in it or right after it."""
        made = (ref for place in range(block.first, block.row) for ref in self.within.get(place, ()))
        return any(self.reading.hidden[-ref - 1].op == "add" for ref in made)

    def add(self, entry: int, end: int) -> int:
        shape = self.reading.shapes[end]
        self.reading.hidden.append(Hidden("add", (), (entry, end), shape))
        total = -len(self.reading.hidden)
        self.reading.shapes[total] = shape
        return total

    def redirect(self, old: int, new: int, row: int) -> None:
        """Makes everything after a container read the sum instead of the container's last layer."""
        for place in self.direct.get(old, ()):
            if place > row:
                self.sources[place] = new
                self.direct.setdefault(new, []).append(place)
        for ref in self.within.get(old, ()):
            hidden = self.reading.hidden[-ref - 1]
            if self.first_reader[ref] > row:
                inputs = tuple(new if given == old else given for given in hidden.inputs)
                self.reading.hidden[-ref - 1] = hidden._replace(inputs=inputs)
                self.within.setdefault(new, []).append(ref)
        if self.reading.last == old:
            self.reading.last = new
