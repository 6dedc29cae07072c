"""From rows to a drawing: where each box stands, which way each edge runs, how far each frame reaches.

Places are (along, across) until the very end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .fold import Fold
from .parts import DRAWING_MARGIN, FRAME, GUTTER, LANE, Box, Edge, Frame, Layout, Point
from .rows import crossings, spread_across
from .sheet import Sheet

Bounds = tuple[float, float, float, float]
"""Along from, across from, along to, across to."""


@dataclass
class LanePlan:
    """What is being worked out, column by column: the centre of every item, lanes of skips, frames."""

    sheet: Sheet
    level: frozenset[tuple[int, int]] = frozenset()
    """Skips that need no lane, being straight lines."""
    centres: dict[int, Point] = field(default_factory=dict)
    lanes: dict[tuple[int, int], float] = field(default_factory=dict)
    frames: list[tuple[int, tuple[int, ...], Bounds]] = field(default_factory=list)

    def bounds(self, box: int) -> Bounds:
        (a, c), (length, width) = self.centres[box], self.sheet.sizes[box]
        return a - length / 2, c - width / 2, a + length / 2, c + width / 2


def placed_columns(sheet: Sheet, columns: Sequence[range]) -> Layout:
    """The drawing with the given columns; names and text of its boxes are not filled in."""
    plan, offset, ends = LanePlan(sheet), 0.0, []
    for rows in columns:
        place_column(plan, rows, column_middles(sheet, rows))
        around = bounds_around(column_bounds(plan, rows))
        move_column(plan, rows, -around[0], offset - around[1])
        ends.append((around[2] - around[0], offset + around[3] - around[1]))
        offset = ends[-1][1] + GUTTER
    heads = heads_of(plan, columns, ends)
    edges = [*link_edges(plan, heads), *skip_edges(plan, heads)]
    return turned(plan, edges)


# --- boxes -------------------------------------------------------------------------------------------------------


def folded_in_two(sheet: Sheet, fold: Fold) -> Layout:
    """The drawing of a network that goes down on the left and up again on the right."""
    plan = LanePlan(sheet, level=frozenset(fold.skips))
    left, right = range(fold.last + 1), range(fold.last + 1, len(sheet.ranks))
    for rows in (left, right):
        place_column(plan, rows, fold.middles)
    one, other = bounds_around(column_bounds(plan, left)), bounds_around(column_bounds(plan, right))
    move_column(plan, right, 0.0, one[3] - other[1] + 2 * GUTTER)
    edges = [Edge(s, t, False, neighbour_line(plan, s, t, fold)) for s, t in sheet.graph.links]
    edges += [Edge(s, t, True, level_line(plan, s, t)) for s, t in fold.skips]
    return turned(plan, [*edges, *skip_edges(plan, {})])


def neighbour_line(plan: LanePlan, source: int, target: int, fold: Fold) -> tuple[Point, ...]:
    """The line between neighbours of a folded chain: down, across at the bottom, or up."""
    rank, across = plan.sheet.graph.ranks[source], plan.centres[source][1]
    if rank == fold.last:
        return across_fold(plan, source, target)
    near, far = (2, 0) if rank < fold.last else (0, 2)
    return (plan.bounds(source)[near], across), (plan.bounds(target)[far], across)


def across_fold(plan: LanePlan, source: int, target: int) -> tuple[Point, ...]:
    """From the end of the left side to the end of the right one: into the head or the side of the shorter one."""
    (here, across), (there, other) = plan.centres[source], plan.centres[target]
    if here > plan.bounds(target)[2]:
        return (here, plan.bounds(source)[3]), (here, other), (plan.bounds(target)[2], other)
    if there > plan.bounds(source)[2]:
        return (plan.bounds(source)[2], across), (there, across), (there, plan.bounds(target)[1])
    return level_line(plan, source, target)


def level_line(plan: LanePlan, source: int, target: int) -> tuple[Point, ...]:
    level = min(max(plan.centres[source][0], plan.bounds(target)[0]), plan.bounds(target)[2])
    return (level, plan.bounds(source)[3]), (level, plan.bounds(target)[1])


def column_middles(sheet: Sheet, rows: range) -> dict[int, float]:
    """The centre of each row of a column, counted from where its first one begins."""
    start = sheet.starts[rows.start]
    return {rank: sheet.starts[rank] - start + sheet.length(rank) / 2 for rank in rows}


def place_column(plan: LanePlan, rows: range, middle: Mapping[int, float] | Sequence[float]) -> None:
    """Boxes, then the lanes beside them, then the frames around both."""
    sheet = plan.sheet
    items = [sheet.ranks[rank] for rank in rows]
    widths = {i: sheet.size(i)[1] for row in items for i in row}
    across = spread_across(items, widths, sheet.apart, sheet.graph, sheet.homes)
    for rank in rows:
        plan.centres.update({i: (middle[rank], across[i]) for i in sheet.ranks[rank]})
    place_lanes(plan, rows)
    plan.frames.extend(frames(plan, rows))


def place_lanes(plan: LanePlan, rows: range) -> None:
    """Short skips nearest to the boxes; each lane clears what stands in the rows that it passes, frames included that
    do not hold the lane itself."""
    sheet, ranks = plan.sheet, plan.sheet.graph.ranks
    reach = {rank: max(plan.centres[i][1] + sheet.size(i)[1] / 2 for i in sheet.ranks[rank]) for rank in rows}
    framed = {rank: set(sheet.frames_at(rank)) for rank in rows}
    here = [(s, t) for s, t in sheet.graph.skips if ranks[t] in rows and (s, t) not in plan.level]
    for s, t in sorted(here, key=lambda skip: (ranks[skip[1]] - ranks[skip[0]], skip)):
        passed, around = range(max(ranks[s], rows.start), ranks[t] + 1), holders(sheet, s, t)
        lane = max(reach[rank] + FRAME * min(len(framed[rank] - around), 2) for rank in passed) + LANE
        plan.lanes[s, t] = lane
        for rank in passed:
            reach[rank] = lane


def holders(sheet: Sheet, source: int, target: int) -> set[int]:
    """The frames that a skip's lane is inside: they hold its target and every box that it passes."""
    ranks = sheet.graph.ranks
    passed = {i for rank in range(ranks[source] + 1, ranks[target]) for i in sheet.boxes(rank)}
    return {n for n, block in enumerate(sheet.blocks) if passed | {target} <= block.groups}


def frames(plan: LanePlan, rows: range) -> Iterator[tuple[int, tuple[int, ...], Bounds]]:
    """The frames' parts in a column, inner ones first; one that would hold a box of another block is left out."""
    sheet = plan.sheet
    boxes = [i for rank in rows for i in sheet.boxes(rank)]
    done: list[tuple[int, tuple[int, ...], Bounds]] = []
    for n in sorted(range(len(sheet.blocks)), key=lambda n: len(sheet.blocks[n].groups)):
        inside = tuple(i for i in boxes if i in sheet.blocks[n].groups)
        if not inside:
            continue
        parts = [plan.bounds(i) for i in inside]
        parts += [around for other, held, around in done if set(held) <= set(inside)]
        parts += [lane_bounds(plan, skip) for skip in plan.lanes if skip[1] in inside and n in holders(sheet, *skip)]
        a, c, b, d = bounds_around(parts)
        label = sheet.label
        around = (a - FRAME - label[0], c - FRAME - label[1], b + FRAME, d + FRAME)
        if not any(overlap(around, plan.bounds(i)) for i in boxes if i not in inside):
            done.append((n, inside, around))
    yield from done


def lane_bounds(plan: LanePlan, skip: tuple[int, int]) -> Bounds:
    """The place of a lane; how far it reaches along the network is left to the boxes that it passes."""
    middle, lane = plan.centres[skip[1]][0], plan.lanes[skip]
    return middle, lane, middle, lane


def bounds_around(parts: Sequence[Bounds]) -> Bounds:
    a, c, b, d = zip(*parts, strict=True)
    return min(a), min(c), max(b), max(d)


def overlap(one: Bounds, other: Bounds) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def column_bounds(plan: LanePlan, rows: range) -> list[Bounds]:
    boxes = [i for rank in rows for i in plan.sheet.boxes(rank)]
    lanes = [lane_bounds(plan, skip) for skip in plan.lanes if skip[1] in boxes]
    framed = [around for _, held, around in plan.frames if held[0] in boxes]
    return [*map(plan.bounds, boxes), *lanes, *framed]


def move_column(plan: LanePlan, rows: range, along: float, across: float) -> None:
    items = {i for rank in rows for i in plan.sheet.ranks[rank]}
    for i in items:
        plan.centres[i] = (plan.centres[i][0] + along, plan.centres[i][1] + across)
    for skip in plan.lanes:
        if skip[1] in items:
            plan.lanes[skip] += across
    plan.frames = [
        (n, held, (a + along, c + across, b + along, d + across) if held[0] in items else (a, c, b, d))
        for n, held, (a, c, b, d) in plan.frames
    ]


# --- edges -------------------------------------------------------------------------------------------------------


def link_edges(plan: LanePlan, heads: Heads) -> Iterator[Edge]:
    graph = plan.sheet.graph
    for (source, target), chain in zip(graph.links, graph.chains, strict=True):
        head = heads.get((source, graph.ranks[target]))
        if head:
            points = [*head, (head[-1][0], plan.centres[chain[1]][1]), *straight(plan, chain[1:])]
        else:
            points = [(plan.bounds(source)[2], plan.centres[source][1]), *straight(plan, chain)]
        yield Edge(source, target, False, tuple(points))


Heads = dict[tuple[int, int], list[Point]]


def heads_of(plan: LanePlan, columns: Sequence[range], ends: Sequence[tuple[float, float]]) -> Heads:
    """For the last box of a column and every row of the next one: the way round the column's end to the next one's
    head, from where lines go on to every box that reads it."""
    found: Heads = {}
    out = GUTTER / 3
    for (rows, after), end in zip(pairwise(columns), ends, strict=False):
        (source,) = plan.sheet.ranks[rows[-1]]
        leave, back = plan.centres[source][1], end[1] + GUTTER / 2
        way = [(plan.bounds(source)[2], leave), (end[0] + out, leave), (end[0] + out, back), (-out, back)]
        found.update({(source, rank): way for rank in after})
    return found


def straight(plan: LanePlan, chain: Sequence[int]) -> list[Point]:
    """Down from item to item, aside in the gaps where the next one stands elsewhere, to the head of the last one."""
    points: list[Point] = []
    for above, below in pairwise(chain):
        before, after = plan.centres[above][1], plan.centres[below][1]
        if abs(before - after) > 0.01:
            across = gap_line(plan, above, below)
            points += [(across, before), (across, after)]
    return [*points, (plan.bounds(chain[-1])[0], plan.centres[chain[-1]][1])]


def gap_line(plan: LanePlan, above: int, below: int) -> float:
    """Where in the gap between two items' rows the line from one to the other crosses."""
    sheet = plan.sheet
    rank = sheet.rank[above]
    tracks = sheet.tracks(rank)
    share = (tracks[tuple(sheet.down[above])] + 1) / (len(tracks) + 1)
    start = plan.centres[above][0] + sheet.length(rank) / 2
    end = plan.centres[below][0] - sheet.length(rank + 1) / 2
    return start + (end - start) * share


def skip_edges(plan: LanePlan, heads: Heads) -> Iterator[Edge]:
    """From the side of the source to its lane, along it, and into the side of the target."""
    entering: dict[int, list[tuple[int, int]]] = {}
    ranks = plan.sheet.graph.ranks
    leaving = {s for s, t in plan.lanes if (s, ranks[t]) not in heads}
    for skip in sorted(plan.lanes, key=plan.lanes.__getitem__):
        entering.setdefault(skip[1], []).append(skip)
    for (s, t), lane in plan.lanes.items():
        ports = len(entering.get(s, ())) + 1
        head = heads.get((s, ranks[t]))
        out = [*head, (head[-1][0], lane)] if head else side_way(plan, s, ports / (ports + 1), lane, leaving=True)
        ports = len(entering[t]) + (t in leaving)
        into = side_way(plan, t, (entering[t].index((s, t)) + 1) / (ports + 1), lane, leaving=False)
        yield Edge(s, t, True, (*out, *into))


def side_way(plan: LanePlan, box: int, share: float, lane: float, leaving: bool) -> list[Point]:
    """The way from a box's side to a lane, or from the lane into it; where another box stands between, through the gap
    after the box, or in front of it."""
    a, _, b, d = plan.bounds(box)
    if plan.sheet.ranks[plan.sheet.graph.ranks[box]][-1] == box:  # nothing stands between it and the lanes
        at = a + (b - a) * share
        way = [(at, d), (at, lane)]
    else:
        beside = plan.centres[box][1] + plan.sheet.sizes[box][1] / 4
        edge, gap = (b, b + LANE / 2) if leaving else (a, a - LANE / 2)
        way = [(edge, beside), (gap, beside), (gap, lane)]
    return way if leaving else way[::-1]


# --- the drawing -------------------------------------------------------------------------------------------------


def turned(plan: LanePlan, edges: Sequence[Edge]) -> Layout:
    """Along and across as x and y, from the left upper corner."""
    sheet = plan.sheet
    every = [plan.bounds(i) for i in range(len(sheet.sizes))] + [around for _, _, around in plan.frames]
    every += [(a, c, a, c) for edge in edges for a, c in edge.points]
    low_a, low_c, high_a, high_c = bounds_around(every)

    def point(a: float, c: float) -> Point:
        a, c = a - low_a + DRAWING_MARGIN, c - low_c + DRAWING_MARGIN
        return (a, c) if sheet.horizontal else (c, a)

    def rectangle(around: Bounds) -> tuple[float, float, float, float]:
        x, y = point(around[0], around[1])
        right, bottom = point(around[2], around[3])
        return x, y, right - x, bottom - y

    boxes = []
    for i, rank in enumerate(sheet.graph.ranks):
        order = sheet.ranks[rank].index(i)
        boxes.append(Box("", (), "", rank, order, *rectangle(plan.bounds(i)), ()))
    framed = [
        Frame(sheet.blocks[n].name, sheet.blocks[n].label, *rectangle(around), held)
        for n, held, around in reversed(plan.frames)
    ]
    lines = tuple(Edge(e.source, e.target, e.skip, tuple(point(*p) for p in e.points)) for e in edges)
    width, height = high_a - low_a + 2 * DRAWING_MARGIN, high_c - low_c + 2 * DRAWING_MARGIN
    if not sheet.horizontal:
        width, height = height, width
    crossed = crossings(sheet.ranks, sheet.down)
    return Layout("", tuple(boxes), lines, tuple(framed), width, height, sheet.horizontal, crossed)
