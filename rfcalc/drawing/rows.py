"""The rows of a layered drawing: ranks by longest path, which edges are skips, order and places in each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 12
"""Barycentre sweeps; the best order seen is kept, and shipped networks need two."""


@dataclass(frozen=True, slots=True)
class BoxGraph:
    """Boxes in topological order. `links` are the edges whose places are kept in every row they cross: (source,
    target); `skips` the edges beside which another path leads. `chains` has, for each link, the items that it passes:
    its source, a place in each row between, its target; places are numbered from `count` on."""

    count: int
    ranks: tuple[int, ...]
    links: tuple[tuple[int, int], ...]
    skips: tuple[tuple[int, int], ...]
    chains: tuple[tuple[int, ...], ...]


def graph_of(sources: Sequence[Sequence[int]]) -> BoxGraph:
    """The graph in which box i reads the boxes `sources[i]`, each before it."""
    ranks: list[int] = []
    above: list[int] = []
    links: list[tuple[int, int]] = []
    skips: list[tuple[int, int]] = []
    for place, read in enumerate(sources):
        ranks.append(max((ranks[s] + 1 for s in read), default=0))
        reached = [above[s] for s in read]
        above.append(0)
        for s in read:
            passed = any(bits >> s & 1 for bits in reached)
            (skips if passed else links).append((s, place))
            above[place] |= above[s] | 1 << s
    chains, free = [], len(sources)
    for source, target in links:
        between = ranks[target] - ranks[source] - 1
        chains.append((source, *range(free, free + between), target))
        free += between
    return BoxGraph(len(sources), tuple(ranks), tuple(links), tuple(skips), tuple(chains))


def neighbours(graph: BoxGraph) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """What every item is joined to in the row above and in the row below."""
    up: dict[int, list[int]] = {}
    down: dict[int, list[int]] = {}
    for chain in graph.chains:
        for a, b in pairwise(chain):
            down.setdefault(a, []).append(b)
            up.setdefault(b, []).append(a)
    return up, down


def arrange(graph: BoxGraph) -> tuple[tuple[int, ...], ...]:
    """The items of every row in an order with few crossings."""
    rows: list[list[int]] = [[] for _ in range(max(graph.ranks) + 1)]
    for place, rank in enumerate(graph.ranks):
        rows[rank].append(place)
    for chain in graph.chains:
        for step, item in enumerate(chain[1:-1], 1):
            rows[graph.ranks[chain[0]] + step].append(item)
    up, down = neighbours(graph)
    rows = [sorted(row, key=lambda i: (first_box(i, up), i)) for row in rows]
    best, fewest = [list(row) for row in rows], crossings(rows, down)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        forwards = sweep % 2 == 0
        order = range(1, len(rows)) if forwards else range(len(rows) - 2, -1, -1)
        for rank in order:
            fixed = {item: i for i, item in enumerate(rows[rank - 1 if forwards else rank + 1])}
            rows[rank] = by_barycentre(rows[rank], up if forwards else down, fixed)
        if (count := crossings(rows, down)) < fewest:
            best, fewest = [list(row) for row in rows], count
    return tuple(tuple(row) for row in best)


def first_box(item: int, up: Mapping[int, list[int]]) -> int:
    """The box at which a branch began: where several boxes read one, branches stay in the order of the network."""
    while len(up.get(item, ())) == 1 and len(up.get(up[item][0], ())) == 1:
        item = up[item][0]
    return item


def by_barycentre(row: list[int], joined: Mapping[int, list[int]], fixed: Mapping[int, int]) -> list[int]:
    """A row in the order of its neighbours' mean places; an item without any keeps its own."""

    def mean(item: int) -> float:
        places = [fixed[other] for other in joined.get(item, ())]
        return sum(places) / len(places) if places else float(row.index(item))

    return sorted(row, key=mean)


def crossings(rows: Sequence[Sequence[int]], down: Mapping[int, list[int]]) -> int:
    """Pairs of lines between neighbouring rows that cross."""
    total = 0
    for above, below in pairwise(rows):
        place = {item: i for i, item in enumerate(below)}
        ends = [place[b] for a in above for b in sorted(down.get(a, ()), key=place.__getitem__)]
        total += sum(x > y for i, x in enumerate(ends) for y in ends[i + 1 :])
    return total


STIFF = 1e6
"""How much less a line of boxes within one block gives way than a box beside it: such lines stay straight."""


def spread_across(
    rows: Sequence[Sequence[int]],
    widths: Mapping[int, float],
    apart: Callable[[int, int], float],
    graph: BoxGraph,
    homes: Mapping[int, int],
) -> dict[int, float]:
    """The centre of every item along its row, around 0: near the mean of its neighbours, those in its own block
    (`homes`) first, no two neighbours closer than `apart` says. Swept down, up and down again."""
    sides = neighbours(graph)
    at: dict[int, float] = {}
    for row in rows:
        room = [widths[i] for i in row], [1.0] * len(row), [apart(a, b) for a, b in pairwise(row)]
        at.update(zip(row, kept_apart([0.0] * len(row), *room), strict=True))
    stiff = {i: STIFF if any(same_home(i, o, homes) for side in sides for o in side.get(i, ())) else 1.0 for i in at}
    for down in (True, False, True):
        for row in rows if down else reversed(rows):
            wanted = [mean_of(i, [o for o in sides[not down].get(i, ()) if o in at], at, homes) for i in row]
            room = [widths[i] for i in row], [stiff[i] for i in row], [apart(a, b) for a, b in pairwise(row)]
            at.update(zip(row, kept_apart(wanted, *room), strict=True))
    return at


def same_home(one: int, other: int, homes: Mapping[int, int]) -> bool:
    return one in homes and homes[one] == homes.get(other)


def mean_of(item: int, joined: Sequence[int], at: Mapping[int, float], homes: Mapping[int, int]) -> float:
    own = [at[o] for o in joined if same_home(item, o, homes)] or [at[o] for o in joined] or [at[item]]
    return sum(own) / len(own)


def kept_apart(
    wanted: Sequence[float], widths: Sequence[float], weights: Sequence[float], gaps: Sequence[float]
) -> list[float]:
    """The places nearest to those wanted (weighted least squares) at which items of these widths, in this order, have
    these gaps between them at least.

    >>> kept_apart([0, 0, 9], [2, 2, 2], [1, 1, 1], [1, 1])
    [-1.5, 1.5, 9.0]
    """
    offsets = [0.0]
    for (a, b), gap in zip(pairwise(widths), gaps, strict=True):
        offsets.append(offsets[-1] + (a + b) / 2 + gap)
    pools: list[tuple[float, float, int]] = []
    for place, weight, offset in zip(wanted, weights, offsets, strict=False):
        mean, heavy, count = float(place - offset), weight, 1
        while pools and pools[-1][0] > mean:
            before, much, many = pools.pop()
            mean, heavy, count = (before * much + mean * heavy) / (much + heavy), much + heavy, many + count
        pools.append((mean, heavy, count))
    flat = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(flat, offsets, strict=False)]
