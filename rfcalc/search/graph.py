"""Networks as a graph: a node is a point that prefixes have in common, an edge is what is built between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class SearchEdge(NamedTuple):
    """From a node: parameters, MACs, how many assignments, and the rank of the first of them."""

    source: int
    params: int
    macs: int
    ways: int
    rank: int


START = SearchEdge(0, 0, 0, 1, 0)


class Final(NamedTuple):
    """A node where networks end: the field before global pooling (0: unknown) and the words used."""

    node: int
    field: int
    words: int


@dataclass
class SearchGraph:
    """Nodes in topological order, 0 the start, each with its incoming edges."""

    incoming: list[list[SearchEdge]] = field(default_factory=lambda: [[]])
    finals: list[Final] = field(default_factory=list)
    complete: bool = True
    covered: str = ""
    edges: int = 0

    def node(self, edges: list[SearchEdge]) -> int:
        self.incoming.append(edges)
        self.edges += len(edges)
        return len(self.incoming) - 1


def assignments_to(incoming: Sequence[Sequence[SearchEdge]]) -> list[int]:
    """How many assignments lead to each node."""
    counts = [1]
    for edges in incoming[1:]:
        counts.append(sum(counts[e.source] * e.ways for e in edges))
    return counts


def paths(graph: SearchGraph, ends: list[SearchEdge]) -> int:
    """How many assignments end in the given edges."""
    counts = assignments_to(graph.incoming)
    return sum(counts[e.source] * e.ways for e in ends)
