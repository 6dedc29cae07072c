"""A program's networks as a graph, without what no rest can bring under the limits of parameters and MACs.

First all networks are explored by their shapes alone, without where units look: far fewer states, and the same costs.
So what the rest costs at least is known for every state before the states with fields are explored, and what prefixes
cost at least at every node: where the two exceed a limit, nothing is explored. Every network within the limits is left.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .goal import Asked
from .graph import SearchEdge, SearchGraph
from .memo import Memo
from .merged import CutState, Entangled, Merged, States
from .program import LayerStep, Program
from .runner import LayerResult, Option, Values
from .small import HUGE, Caps, rest_of

SHARE = 3
"""Shapes alone may take one part in so many of the time."""
SHAPES_EDGES = 1_000_000
"""With more, there would be too little room left for the graph with fields."""


class ShapeSearch(Merged):
    """Explores by shapes alone, and knows the node of every state in front of every layer."""

    def __init__(self, program: Program, memo: Memo, deadline: float, most_edges: int) -> None:
        super().__init__(program, memo, deadline, most_edges=most_edges)
        self.nodes: dict[int, dict[CutState, int]] = {}

    def step(self, step: LayerStep, frontier: States) -> States:
        nodes = self.nodes[step.number] = {state: self.node(edges) for state, edges in frontier.items()}
        return super().step(step, {state: [SearchEdge(node, 0, 0, 1, 0)] for state, node in nodes.items()})

    def result(self, step: LayerStep, option: Option, inputs: tuple[int, ...]) -> LayerResult | None:
        found = super().result(step, option, inputs)
        return found and found._replace(handle=self.memo.shape_alone(found.handle), phases=0)


class Rest:
    """What the rest of the networks that end as asked costs at least, after every state of shapes."""

    def __init__(self, shapes: ShapeSearch, asked: Asked) -> None:
        self.shapes = shapes
        graph = shapes.graph
        costs = rest_of(graph.incoming, [f.node for f in graph.finals if asked.holds(asked.field, f.words)])
        self.whole = costs[0]
        self.after: list[dict[tuple[int, int], tuple[int, int]]] = [{} for _ in graph.incoming]
        """For every node and for what a layer costs there, the least parameters and MACs from there on. Layers that
        lead to no end are left out."""
        for node, edges in enumerate(graph.incoming):
            if (least := costs[node]).least_params < HUGE:
                for source, params, macs, _, _ in edges:
                    p, m = self.after[source].get((params, macs), (HUGE, HUGE))
                    found = min(p, least.least_params + params), min(m, least.least_macs + macs)
                    self.after[source][params, macs] = found
        self.ways_of: dict[tuple[int, CutState], list[Way] | None] = {}

    def ways(self, step: LayerStep, shape: CutState, given: Values, inputs: tuple[int, ...]) -> list[Way] | None:
        """The layers that lead from a state of shapes to networks that end as asked; None where that is not known."""
        key = step.number, shape
        if key not in self.ways_of:
            node = self.shapes.nodes[step.number].get(shape)
            self.ways_of[key] = None if node is None else list(self.ways_from(node, step, given, inputs))
        return self.ways_of[key]

    def ways_from(self, node: int, step: LayerStep, given: Values, inputs: tuple[int, ...]) -> Iterator[Way]:
        for option in self.shapes.layers_of(step, given):
            made = self.shapes.memo.output(option.number, option.node, inputs)
            if made and (least := self.after[node].get((made.params, made.macs))):
                yield Way(option, *least)


class Way(NamedTuple):
    """One way to build a layer, and what it and all after it cost at least."""

    option: Option
    params: int
    macs: int


KnownParts = dict[tuple[int, Values, int, tuple[int, ...]], LayerResult | None]
"""What layers made of maps under the values of their choices (with what these add to the rank), from one exploration
to the next."""


class Capped(Merged):
    """Explores what can stay within caps."""

    def __init__(
        self,
        program: Program,
        memo: Memo,
        deadline: float,
        enough: int,
        caps: Caps,
        rest: Rest,
        known: KnownParts,
        most_edges: int | None = None,
    ) -> None:
        super().__init__(program, memo, deadline, enough, most_edges)
        self.caps, self.rest, self.known = caps, rest, known
        self.params, self.macs = [0], [0]
        """What prefixes cost at least at every node."""

    def node(self, edges: list[SearchEdge]) -> int:
        self.params.append(min([self.params[source] + params for source, params, _, _, _ in edges]))
        self.macs.append(min([self.macs[source] + macs for source, _, macs, _, _ in edges]))
        return super().node(edges)

    def reachable(
        self, step: LayerStep, state: CutState, edges: list[SearchEdge], given: Values, inputs: tuple[int, ...]
    ) -> Sequence[LayerResult]:
        """Only what can lead to a network within the caps."""
        bare = self.memo.shape_alone
        shape = CutState(state.chosen, tuple([m if m < 0 else bare(m) for m in state.maps]), state.words, 0)
        if -1 in inputs:
            return []
        ways = self.rest.ways(step, shape, given, tuple([bare(m) for m in inputs]))
        if ways is None:
            return self.results_of(step, given, inputs)
        params = self.caps.params - min([self.params[edge.source] + edge.params for edge in edges])
        macs = self.caps.macs - min([self.macs[edge.source] + edge.macs for edge in edges])
        found = []
        for way, least_params, least_macs in ways:
            if least_params <= params and least_macs <= macs:
                key = step.number, way.values, way.rank, inputs
                if key not in self.known:
                    self.known[key] = self.result(step, way, inputs)
                if one := self.known[key]:
                    found.append(one)
        return found


class Explorer:
    """Explores a family's networks as often as it is asked to. Beyond `most_edges` Entangled is raised; with None a
    graph that is too large is not complete."""

    def __init__(
        self, program: Program, words: Sequence[str], with_field: bool, deadline: float, most_edges: int | None
    ) -> None:
        self.program, self.deadline, self.most_edges = program, deadline, most_edges
        self.memo = Memo(words, with_field)
        self.shapes = self.by_shapes() if with_field else None
        self.rests: dict[tuple[int, int], Rest] = {}
        self.known: KnownParts = {}

    def by_shapes(self) -> ShapeSearch | None:
        """All networks by shapes alone; None where these are too many already."""
        now = time.monotonic()
        most = SHAPES_EDGES if self.most_edges is None else self.most_edges
        shapes = ShapeSearch(self.program, self.memo, now + (self.deadline - now) / SHARE, most)
        try:
            shapes.explore()
        except Entangled:
            if self.most_edges is not None:
                raise
            return None
        return shapes

    def rest(self, asked: Asked) -> Rest | None:
        """What networks that end as asked cost, their fields left aside; None where it is not known."""
        if self.shapes is None:
            return None
        key = asked.wanted, asked.unwanted
        if key not in self.rests:
            self.rests[key] = Rest(self.shapes, asked)
        return self.rests[key]

    def graph(self, asked: Asked, caps: Caps, enough: int, most_edges: int | None = None) -> SearchGraph:
        """All networks that end as asked and stay within the caps, and some others; fields that are `enough` count as
        one."""
        most = self.most_edges if most_edges is None else most_edges
        if rest := self.rest(asked):
            return Capped(self.program, self.memo, self.deadline, enough, caps, rest, self.known, most).explore()
        return Merged(self.program, self.memo, self.deadline, enough, most).explore()
