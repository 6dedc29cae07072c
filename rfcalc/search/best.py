"""The best networks of a graph, or those that no other beats. Ranks are added up last, along their labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import merge
from itertools import islice
from typing import NamedTuple, TypeVar

from .goal import End, Goal
from .graph import SearchEdge
from .labels import LabelArrays, LabelRule, node_labels
from .small import HUGE, Small

Ranked = TypeVar("Ranked")
THIN = 64
"""Labels kept at a node once time has run out."""
QUICK = 200
"""Nodes of a graph for which it does not pay to look for a good answer first."""

WantedLabels = dict[int, set[tuple[int, int]]]


def ranks_of(
    small: Small, labels: list[LabelArrays | None], ends: WantedLabels, most: int
) -> dict[tuple[int, int, int], list[int]]:
    """For each (node, parameters, MACs) in `ends`, the `most` first assignments that end there, by rank."""
    steps = traced_back(small, labels, ends)
    found: dict[tuple[int, int, int], list[int]] = {(0, 0, 0): [0]}
    for key in sorted(steps):
        ways = [
            [rank + edge.rank for rank in found[edge.source, key[1] - edge.params, key[2] - edge.macs]]
            for edge in steps[key]
        ]
        found[key] = list(islice(merge(*ways), most))
    return {(node, *label): found[node, *label] for node, wanted in ends.items() for label in wanted}


def traced_back(
    small: Small, labels: list[LabelArrays | None], ends: WantedLabels
) -> dict[tuple[int, int, int], list[SearchEdge]]:
    """For every label on the way to the wanted ones the edges by which it is reached, from the ends backwards."""
    wanted: WantedLabels = {node: set(found) for node, found in ends.items()}
    steps: dict[tuple[int, int, int], list[SearchEdge]] = {}
    for node in range(max(wanted, default=0), 0, -1):
        for params, macs in wanted.pop(node, ()):
            used = []
            for edge in small.incoming[node]:
                before = params - edge.params, macs - edge.macs
                if has(labels[edge.source], *before):
                    used.append(edge)
                    wanted.setdefault(edge.source, set()).add(before)
            steps[node, params, macs] = used
    return steps


def has(labels: LabelArrays | None, params: int, macs: int) -> bool:
    if labels is None:
        return False
    p, m = labels
    first, after = p.searchsorted((params, params + 1))
    return macs in m[first:after].tolist()


class Found(NamedTuple):
    """One assignment, and what it costs."""

    end: End
    params: int
    macs: int
    rank: int

    def key(self, goal: Goal) -> tuple[tuple[int, ...], int, int, int]:
        """By which the best come first: the objective, fewer parameters, fewer MACs (unknown ones last), the first."""
        order = goal.order(self.end.field, self.params, self.macs, self.end.uncounted)
        return order, self.params, self.macs + self.end.uncounted * HUGE, self.rank


class RankedLabel(NamedTuple):
    """A label where networks end, in the order of the best."""

    order: tuple[int, ...]
    params: int
    macs: int
    node: int
    end: End


def best(small: Small, goal: Goal, rule: LabelRule, most: int, deadline: float, limit: int | None) -> list[Found]:
    """The `most` best assignments: the objective first, then fewer parameters, fewer MACs, first in the file."""
    for width in (1, most):
        wide = rule._replace(width=width)
        if limit is None and len(small.incoming) > QUICK:
            wide = wide._replace(reached=within_reach(small, goal, wide, deadline))
        labels = node_labels(small, goal.caps, wide, deadline, limit)
        found = collected(small, labels, goal)
        top = [entry for entry in found if entry[:3] <= found[min(width, len(found)) - 1][:3]]
        ranks = ranks_of(small, labels, wanted_of(top), most)
        out = [Found(e.end, e.params, e.macs, rank) for e in top for rank in ranks[e.node, e.params, e.macs]]
        out.sort(key=lambda one: one.key(goal))
        if len(out) >= most or width == most:
            return out[:most]
    return []


def wanted_of(entries: list[RankedLabel]) -> WantedLabels:
    wanted: WantedLabels = {}
    for entry in entries:
        wanted.setdefault(entry.node, set()).add((entry.params, entry.macs))
    return wanted


def within_reach(small: Small, goal: Goal, rule: LabelRule, deadline: float) -> int | None:
    """What the deciding figure comes to in the worst of the `width` best that a few labels at each node lead to."""
    found = collected(small, node_labels(small, goal.caps, rule, deadline, THIN), goal)
    if len(found) < rule.width or len(small.finals) > 1:
        return None
    entry = found[rule.width - 1]
    return entry.params if rule.first == "params" else entry.macs


def collected(small: Small, labels: list[LabelArrays | None], goal: Goal) -> list[RankedLabel]:
    """All labels at the ends in their order."""
    found = []
    for end, node in small.finals.items():
        at = labels[node]
        if at is not None:
            pairs = zip(at[0].tolist(), at[1].tolist(), strict=True)
            found += [RankedLabel(goal.order(end.field, p, m, end.uncounted), p, m, node, end) for p, m in pairs]
    return sorted(found)


def front(small: Small, goal: Goal, rule: LabelRule, deadline: float, limit: int | None) -> list[Found]:
    """Every assignment whose figures (less is better) no other's beat, one for each set of figures."""
    labels = node_labels(small, goal.caps, rule, deadline, limit)
    on_front = unbeaten(collected(small, labels, goal), lambda entry: entry.order)
    ranks = ranks_of(small, labels, wanted_of(on_front), 1)
    return [Found(e.end, e.params, e.macs, ranks[e.node, e.params, e.macs][0]) for e in on_front]


def unbeaten(entries: Iterable[Ranked], order: Callable[[Ranked], tuple[int, ...]]) -> list[Ranked]:
    """Of entries that come in the order of their figures, those that no other beats; of equal ones the first."""
    found: list[Ranked] = []
    for entry in entries:
        if not any(all(a <= b for a, b in zip(order(other), order(entry), strict=True)) for other in found):
            found.append(entry)
    return found
