"""The part of a graph that leads to accepted networks, made small: nodes with the same rest are one. What the rest
costs at least and at most is known at every node, and cuts what no network can make good. And how many they are.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .graph import SearchEdge, SearchGraph, assignments_to

COUNT_BUDGET = 6_000_000
"""Labels looked at for a count of the feasible assignments: some three seconds."""
SMALL_FAMILY = 1_000_000
"""Families up to this size are always counted."""
MAX_INTEGER = 2**62
HUGE = MAX_INTEGER


class Caps(NamedTuple):
    """The most parameters and MACs; HUGE where there is no target."""

    params: int = HUGE
    macs: int = HUGE


class RestCosts(NamedTuple):
    """What the rest of a network costs after a node: at least and at most, each figure by itself."""

    least_params: int
    most_params: int
    least_macs: int
    most_macs: int


@dataclass(frozen=True)
class Small:
    """A graph of accepted networks only, in which nodes with the same rest are one. `finals` maps what tells networks
    apart at their end (a field, or nothing) to the node where they end."""

    incoming: list[list[SearchEdge]]
    finals: dict[Any, int]
    rest: list[RestCosts]


class OutOfTime(Exception):
    """The budget is spent."""


def minimised(graph: SearchGraph, classes: Mapping[int, Hashable]) -> Small | None:
    """The part of a graph that leads to the given nodes, nodes of one class or with the same rest made one.

    None where no network leads there."""
    leaving: list[list[tuple[int, ...]]] = [[] for _ in graph.incoming]
    same: dict[Hashable, int] = {}
    stands: list[int] = [-1] * len(graph.incoming)
    kept: list[int] = []
    for node in range(len(graph.incoming) - 1, -1, -1):
        if node in classes:
            key: Hashable = ("end", classes[node])
        elif leaving[node]:
            key = frozenset(leaving[node])  # no two of them are equal: their ranks differ
        else:
            continue
        stands[node] = same.setdefault(key, node)
        if stands[node] == node:
            kept.append(node)
        leaving[node] = []
        for source, *edge in graph.incoming[node]:
            leaving[source].append((stands[node], *edge))
    if stands[0] < 0:
        return None
    kept.reverse()
    number = {node: i for i, node in enumerate(kept)}
    incoming: list[list[SearchEdge]] = [[] for _ in kept]
    for node, edges in enumerate(graph.incoming):
        if stands[node] >= 0:  # of nodes that are one, the edges out of one of them
            into = incoming[number[stands[node]]]
            into += [SearchEdge(number[s], p, m, w, r) for s, p, m, w, r in edges if stands[s] == s]
    finals = {label: number[stands[node]] for node, label in classes.items() if stands[node] >= 0}
    return Small(incoming, finals, rest_of(incoming, finals.values()))


def rest_of(incoming: list[list[SearchEdge]], ends: Any) -> list[RestCosts]:
    """What the rest costs after every node; at least HUGE where nothing leads to an end."""
    lp, mp, lm, mm = ([worst] * len(incoming) for worst in (HUGE, -1, HUGE, -1))
    for end in ends:
        lp[end] = mp[end] = lm[end] = mm[end] = 0
    for node in range(len(incoming) - 1, -1, -1):
        a, b, c, d = lp[node], mp[node], lm[node], mm[node]
        if a == HUGE:
            continue  # it leads to no end
        for source, params, macs, _, _ in incoming[node]:
            lp[source], mp[source] = min(lp[source], a + params), max(mp[source], b + params)
            lm[source], mm[source] = min(lm[source], c + macs), max(mm[source], d + macs)
    return list(map(RestCosts, lp, mp, lm, mm))


# --- counting ----------------------------------------------------------------------------------------------------


def count(small: Small, caps: Caps, size: int, deadline: float) -> int | None:
    """How many assignments end in the graph within the caps; None where that would take too long."""
    whole = small.rest[0]
    if whole.most_params <= caps.params and whole.most_macs <= caps.macs:
        counts = assignments_to(small.incoming)
        return sum(counts[node] for node in small.finals.values())
    if size > MAX_INTEGER:
        return None
    try:
        return capped_count(small, caps, None if size <= SMALL_FAMILY else COUNT_BUDGET, deadline)
    except OutOfTime:
        return None


def capped_count(small: Small, caps: Caps, budget: int | None, deadline: float) -> int:
    """Counts by label. A figure so low that no rest can bring it over its cap is as good as any other such figure."""
    import numpy as np

    found: list[Any] = [None] * len(small.incoming)
    found[0] = tuple(np.array([v], np.int64) for v in (0, 0, 1))
    users = uses_of(small)
    spent, ends = 0, set(small.finals.values())
    for node, edges in enumerate(small.incoming):
        if edges:
            parts = [(found[e.source], e) for e in edges if found[e.source] is not None]
            spent += sum(len(labels[0]) for labels, _ in parts)
            if budget is not None and spent > budget:
                raise OutOfTime
            if parts:
                p = np.concatenate([labels[0] + e.params for labels, e in parts])
                m = np.concatenate([labels[1] + e.macs for labels, e in parts])
                c = np.concatenate([labels[2] * e.ways for labels, e in parts])
                found[node] = summed_labels(*within_caps(p, m, c, small.rest[node], caps))
        release(edges, users, found, ends)
        if time.monotonic() > deadline:
            raise OutOfTime
    return sum(int(found[node][2].sum()) for node in ends if found[node] is not None)


def within_caps(p: Any, m: Any, c: Any, rest: RestCosts, caps: Caps) -> tuple[Any, Any, Any]:
    import numpy as np

    ok = (p <= caps.params - rest.least_params) & (m <= caps.macs - rest.least_macs)
    p = np.maximum(p[ok], min(caps.params - rest.most_params, HUGE))
    m = np.maximum(m[ok], min(caps.macs - rest.most_macs, HUGE))
    return p, m, c[ok]


def summed_labels(p: Any, m: Any, c: Any) -> Any:
    """Labels once each, with their counts added up; None for none."""
    import numpy as np

    if not len(p):
        return None
    order = np.lexsort((m, p))
    p, m, c = p[order], m[order], c[order]
    new = np.concatenate(([True], (p[1:] != p[:-1]) | (m[1:] != m[:-1])))
    return p[new], m[new], np.add.reduceat(c, np.flatnonzero(new))


def uses_of(small: Small) -> list[int]:
    uses = [0] * len(small.incoming)
    for edges in small.incoming:
        for edge in edges:
            uses[edge.source] += 1
    return uses


def release(edges: Sequence[SearchEdge], users: list[int], found: list[Any], keep: set[int]) -> None:
    """Forgets what nobody will ask for again."""
    for edge in edges:
        users[edge.source] -= 1
        if not users[edge.source] and edge.source not in keep:
            found[edge.source] = None
