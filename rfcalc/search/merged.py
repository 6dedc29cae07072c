"""A program's networks as one graph: prefixes are shared, and those after which everything looks alike are one node.

A state stands for all prefixes that agree in what the rest can see: the maps that it may read (where their units look
included), the choices that it depends on, the features used. What is built between two states is an edge: its
parameters and MACs, the number of assignments it stands for, and their rank.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..engine.layers import LAYERS
from .graph import START, Final, SearchEdge, SearchGraph, paths
from .memo import PHASES_ALLOWED, Handle, Memo, smallest_field, without_looks
from .program import LayerStep, Program, ProgramPart, Repeat
from .runner import LayerResult, Reorder, Runner, Values, picks_of

MAX_EDGES = 4_000_000
"""More would not fit one gigabyte, beside those of shapes alone (capped.py)."""
BEAM = 400
"""How many states go on at each point once time or memory has run out."""


class CutState(NamedTuple):
    """What the rest of a program can see, in the order of a cut: values (-1: not chosen yet), handles (-1: there is
    none), the wanted words used so far, and how many ways units look in turn."""

    chosen: Values
    maps: tuple[int, ...]
    words: int
    phases: int


States = dict[CutState, list[SearchEdge]]


class Entangled(Exception):
    """Too few prefixes look alike for so many edges."""


class Merged(Runner[States]):
    """Runs a program with states that are made one where they look alike."""

    def __init__(
        self, program: Program, memo: Memo, deadline: float, enough: int = 0, most_edges: int | None = None
    ) -> None:
        """`enough` is a field that all larger ones are as good as; 0: none is. Beyond `most_edges` Entangled is raised;
        without that limit a graph that is too large or takes too long is not complete."""
        super().__init__(program, memo)
        self.deadline, self.most_edges = deadline, most_edges
        self.graph = SearchGraph()
        self.enough = enough if enough and grows(program.items) else 0
        self.ended: dict[int, int] = {}
        self.steps = 0

    # --- the whole program ---

    def explore(self) -> SearchGraph:
        first = CutState((-1,) * len(self.program.shared), (self.image,), 0, 0)
        for state, edges in self.whole({first: [START]}, (0,)).items():
            if state.maps[0] not in (-1, self.image):  # else it has no layer at all
                self.graph.finals.append(Final(self.node(edges), self.memo.field_at(state.maps[0]), state.words))
        return self.graph

    def count(self) -> int:
        """How many assignments there are, whatever they build."""
        ends = self.whole({CutState((-1,) * len(self.program.shared), (), 0, 0): [START]}, ())
        return paths(self.graph, [edge for edges in ends.values() for edge in edges])

    def within_budget(self, frontier: States) -> States:
        """All states, or some of them once time or memory has run out."""
        graph = self.graph
        if graph.complete:
            self.steps += 1
            if not self.spent():
                return frontier
            if self.most_edges is not None:
                raise Entangled
            graph.complete = False
            graph.covered = f"all networks up to part {self.steps:,}, after it at most {BEAM:,} states a part"
        if len(frontier) <= BEAM:
            return frontier
        states = list(frontier)
        kept = {states[i * len(states) // BEAM] for i in range(BEAM)}
        return {state: edges for state, edges in frontier.items() if state in kept}

    def spent(self) -> bool:
        most = MAX_EDGES if self.most_edges is None else self.most_edges
        return self.graph.edges > most or time.monotonic() > self.deadline

    def pending(self, edges: list[SearchEdge]) -> SearchEdge:
        """Edges that end in one state as one, through a node of their own where they are several."""
        return edges[0] if len(edges) == 1 else SearchEdge(self.node(edges), 0, 0, 1, 0)

    def node(self, edges: list[SearchEdge]) -> int:
        return self.graph.node(edges)

    # --- from cut to cut ---

    def reordered(self, frontier: States, to: Reorder) -> States:
        out: States = {}
        for state, edges in frontier.items():
            ways = to.ways
            for i, size in to.gone:
                ways *= size if state.chosen[i] < 0 else 1
            chosen = tuple([state.chosen[i] if i >= 0 else -1 for i in to.chosen])
            maps = tuple([state.maps[i] if i >= 0 else -1 for i in to.maps])
            moved = edges if ways == 1 else [e._replace(ways=e.ways * ways) for e in edges]
            out.setdefault(self.settled(chosen, maps, state.words, state.phases), []).extend(moved)
        return out

    def settled(self, chosen: Values, maps: tuple[int, ...], words: int, phases: int) -> CutState:
        """A state without differences that no later part can see."""
        if len(maps) == 1 and maps[0] >= 0:
            if maps[0] not in self.ended:
                self.ended[maps[0]] = self.without_end(maps[0])
            maps = (self.ended[maps[0]],)
        return CutState(chosen, maps, words, phases)

    def without_end(self, number: int) -> int:
        """The only map that the rest can see, without where its units look once that tells nothing more: a layer saw
        the whole map, or the field is enough and can only grow."""
        handle = self.memo.handles[number]
        x = self.memo.maps[handle.map]
        seen = handle.whole[1] if handle.whole else smallest_field(x) if self.enough else 0
        if handle.depthwise is None or not (handle.whole or (self.enough and seen >= self.enough)):
            return number
        field = min(seen, self.enough) if self.enough else seen
        bare = self.memo.map_number(without_looks(x))
        return self.memo.handle_number(Handle(bare, handle.depthwise, (0, field)))

    def bind(self, frontier: States, order: tuple[int, ...], numbers: tuple[int, ...]) -> States:
        for number in numbers:
            place, weight = order.index(number), self.weights[number]
            out: States = {}
            for state, edges in frontier.items():
                if state.chosen[place] >= 0:
                    out.setdefault(state, []).extend(edges)
                    continue
                base = self.pending(edges)
                for value in range(self.variables[number].size):
                    chosen = (*state.chosen[:place], value, *state.chosen[place + 1 :])
                    edge = base._replace(rank=base.rank + weight * value)
                    out.setdefault(state._replace(chosen=chosen), []).append(edge)
            frontier = out
        return frontier

    def parted(
        self, frontier: States, places: Sequence[int], part: Callable[[Values], int | None], parts: int
    ) -> list[States]:
        out: list[States] = [{} for _ in range(parts)]
        for state, edges in frontier.items():
            number = part(tuple([state.chosen[i] for i in places]))
            if number is not None:
                out[number][state] = edges
        return out

    def united(self, frontiers: list[States]) -> States:
        out: States = {}
        for frontier in frontiers:
            for state, edges in frontier.items():
                out.setdefault(state, []).extend(edges)
        return out

    # --- layers ---

    def reachable(
        self, step: LayerStep, state: CutState, edges: list[SearchEdge], given: Values, inputs: tuple[int, ...]
    ) -> Sequence[LayerResult]:
        """What a layer makes of its maps after the prefixes of a state."""
        return self.results_of(step, given, inputs)

    def step(self, step: LayerStep, frontier: States) -> States:
        before, after = step.before, step.after
        inputs = [before.maps.index(number) for number in step.inputs]
        uses = picks_of(before.variables, step.uses)
        map_picks = picks_of(before.maps, after.maps)
        var_picks = [
            (1, step.uses.index(v)) if v in step.uses else (0, before.variables.index(v)) for v in after.variables
        ]
        gone = [
            (i, self.variables[v].size)
            for i, v in enumerate(before.variables)
            if v not in after.variables and v not in step.uses
        ]
        one_map = len(after.maps) == 1
        out: States = {}
        for count, (state, edges) in enumerate(frontier.items()):
            if not count % 256 and self.graph.complete and self.spent():
                break  # what is missing is said by `within_budget`
            chosen, maps, words, phases = state
            given = tuple([chosen[i] if i >= 0 else -1 for i in uses])
            results = self.reachable(step, state, edges, given, tuple([maps[i] for i in inputs]))
            if not results:
                continue
            source, params, macs, ways, rank = self.pending(edges)
            for i, size in gone:
                ways *= size if chosen[i] < 0 else 1
            kept = [maps[i] if i >= 0 else -2 for i in map_picks]
            for result in results:
                if phases + result.phases > PHASES_ALLOWED:
                    continue
                values = result.values
                new_chosen = tuple([values[i] if used else chosen[i] for used, i in var_picks])
                new_maps = tuple([m if m > -2 else result.handle for m in kept])
                new = (new_chosen, new_maps, words | result.words, phases + result.phases)
                target = self.settled(*new) if one_map else CutState(*new)
                edge = SearchEdge(source, params + result.params, macs + result.macs, ways, rank + result.rank)
                if (found := out.get(target)) is None:
                    out[target] = [edge]
                else:
                    found.append(edge)
        return out


class CountWalk(Merged):
    """Counts a program's assignments; one whose repetition has no number of turns counts as one without turns."""

    def times(self, item: Repeat, values: Values) -> int:
        return max(0, super().times(item, values))


GROW = {
    "conv", "max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool", "global_avg_pool", "global_max_pool",
    "linear", "flatten", "pad", "add", "concat", "multiply",
}  # fmt: skip
"""Layers, beside those that work on each value by itself, after which no field is smaller than before them."""


def grows(items: Sequence[ProgramPart]) -> bool:
    """Whether fields can only grow on every way through these items."""
    steps = [item for item in items if isinstance(item, LayerStep)]
    inside = all(s.op in GROW or (LAYERS[s.op].pointwise and not LAYERS[s.op].joins) for s in steps)
    return inside and all(grows(way) for item in items for way in item.ways)
