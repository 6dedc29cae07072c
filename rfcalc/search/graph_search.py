"""What a graph of networks answers: how many meet every target, which are best, what stands in the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from .best import THIN, Found, best, front, unbeaten
from .capped import Explorer
from .goal import Asked, End, Goal, TargetBounds
from .graph import SearchEdge, SearchGraph
from .labels import Direction, LabelRule, node_labels
from .list_search import ListSearch
from .memo import UNCOUNTED
from .merged import Entangled
from .program import Program
from .small import HUGE, SMALL_FAMILY, Caps, OutOfTime, Small, count, minimised, rest_of

FEW_EDGES = 20_000
"""Where a small family has more, its networks hardly merge: a table of them all is quicker from about here on. For each
`FEW_EDGES_EACH` assignments, since the table takes longer too. Of a larger family so many are explored for its count
alone: some quarter of a second."""
FEW_EDGES_EACH = 100_000
FIRST_SHIFTS = (10, 8, 6, 4, 2)
"""How far above its least a figure may be in the networks that are explored first: 1/2**10 of its span, 1/2**8, ...,
after those of the very least. Four times as much each time: all tries together cost little more than the last."""


UNTOLD = "all networks, but not what each target leaves to the others"


class Part(NamedTuple):
    """Networks that meet what is asked: those whose MACs are known, or those whose are not, with 0 in their place."""

    small: Small
    uncounted: bool


class View(NamedTuple):
    """A graph that has every network that ends as asked and stays within the caps."""

    graph: SearchGraph
    asked: Asked
    caps: Caps


class GraphSearch(TargetBounds):
    """A family's networks as a graph, and what is asked of it. Raises Entangled where they are few and do not merge."""

    def __init__(self, program: Program, goal: Goal, choices: int, deadline: float) -> None:
        self.program, self.goal, self.choices, self.deadline = program, goal, choices, deadline
        self.complete, self.covered = True, ""
        self.reached: dict[str, int] = {}
        """The least parameters and MACs of the designs found so far."""
        few = FEW_EDGES * max(1, choices // FEW_EDGES_EACH) if choices <= SMALL_FAMILY else None
        with_field = goal.wants_field or goal.field > 0
        self.explorer = Explorer(program, goal.words, with_field, deadline, few)
        self.enough = 0 if goal.wants_field else goal.field
        self.whole = self.all_within()
        shapes = self.explorer.shapes
        finals = shapes.graph.finals if shapes else self.whole.graph.finals if self.whole else []
        self.uncounted = any(f.words & UNCOUNTED for f in finals)
        self.refused = None if finals else self.explorer.memo.refused

    # --- graphs ---

    def all_within(self) -> View | None:
        """All networks that meet every target; None where they are so many that only the best are looked for."""
        asked, caps = self.goal.asked(), self.goal.caps
        if not self.least_first or self.choices <= SMALL_FAMILY or not self.explorer.shapes:
            return View(self.explored(asked, caps, self.enough), asked, caps)
        try:
            return View(self.explorer.graph(asked, caps, self.enough, FEW_EDGES), asked, caps)
        except Entangled:
            return None

    @property
    def least_first(self) -> str:
        """The one figure that is to be least, parameters or MACs; "" where the objective is another."""
        match self.goal.objective:
            case (("minimize", "params" | "macs" as figure),):
                return figure
        return ""

    def explored(self, asked: Asked, caps: Caps, enough: int) -> SearchGraph:
        """All networks that end as asked, within the caps; all fields that are `enough` count as one."""
        graph = self.explorer.graph(asked, caps, enough)
        if not graph.complete:
            self.out_of_time(graph.covered)
        return graph

    def views(self, figure: str, asked: Asked, caps: Caps) -> Iterator[View]:
        """Ever more networks: first those with the least of a figure, all that are asked for at last."""
        if self.covers(asked, caps):
            yield self.view(asked, caps)
            return
        if rest := self.explorer.rest(asked):
            least, most = rest.whole[:2] if figure == "params" else rest.whole[2:]
            most = min(most, caps.params if figure == "params" else caps.macs)
            counted = asked._replace(unwanted=asked.unwanted | UNCOUNTED) if figure == "macs" else asked
            reached = self.reached.get(figure, HUGE)
            bounds = [least, *(least + (most - least >> shift) for shift in FIRST_SHIFTS), reached]
            for bound in sorted({bound for bound in bounds if bound <= min(most, reached)}):
                within = caps._replace(**{figure: bound})
                yield View(self.explored(counted, within, self.enough), counted, within)
        yield self.view(asked, caps)

    def covers(self, asked: Asked, caps: Caps) -> bool:
        """Whether the graph of all that meet every target has these networks too."""
        if not self.whole:
            return False
        return self.explorer.rest(asked) is None or (asked, caps) == self.whole[1:]

    def view(self, asked: Asked, caps: Caps) -> View:
        """All networks that end as asked, within the caps."""
        if self.whole and self.covers(asked, caps):
            return View(self.whole.graph, asked, caps)
        return View(self.explored(asked, caps, self.enough), asked, caps)

    def parts(self, view: View, with_field: bool = False) -> list[Part]:
        """The networks that meet what is asked of their ends; those that nothing tells apart end in one node."""
        found: list[Part] = []
        graph, asked, _ = view
        for uncounted in (False, True):
            ends = {
                f.node: End(f.field if with_field else 0, uncounted)
                for f in graph.finals
                if asked.holds(f.field, f.words) and bool(f.words & UNCOUNTED) == uncounted
            }
            if ends and (small := minimised(without_macs(graph) if uncounted else graph, ends)):
                found.append(Part(small, uncounted))
        return found

    def out_of_time(self, what: str) -> None:
        self.complete = False
        self.covered = self.covered or what

    # --- how many, and the best ---

    def feasible(self) -> int | None:
        """How many assignments meet every target; None where that is not counted."""
        if not self.whole or not self.whole.graph.complete:
            return None
        counts = [count(part.small, self.goal.caps, self.choices, self.deadline) for part in self.parts(self.whole)]
        return None if None in counts else sum(n for n in counts if n is not None)

    def rule(self) -> LabelRule:
        """What labels to keep for the objective: a figure that is to be large under a cap is a subset sum."""
        senses = {figure: sense for sense, figure in self.goal.objective}

        def direction(figure: str, cap: int) -> Direction:
            return "min" if senses.get(figure) != "maximize" else "max" if cap == HUGE else "each"

        first = "" if len(senses) != 1 else "macs" if "macs" in senses else "params"
        caps = self.goal.caps
        return LabelRule(direction("params", caps.params), direction("macs", caps.macs), first)

    def best(self, most: int | None, count: int) -> list[Found]:
        """The `count` best networks, or the whole front; at most `most`."""
        if self.goal.has_front:
            return self.best_of(self.whole, most) if self.whole else []
        found: list[Found] = []
        for view in self.views(self.least_first, self.goal.asked(), self.goal.caps):
            found = self.best_of(view, most or count)
            if len(found) == (most or count) or (found and not self.complete):
                break  # what is not in view has more of what is to be least
        self.reached = {"params": min((one.params for one in found), default=HUGE)}
        self.reached["macs"] = min((one.macs for one in found if not one.end.uncounted), default=HUGE)
        return found

    def best_of(self, view: View, most: int | None) -> list[Found]:
        """The best of the networks in view, or their front."""
        found: list[Found] = []
        goal = replace(self.goal, caps=view.caps)
        for part in self.parts(view, goal.wants_field):
            for limit in (None, THIN):
                try:
                    if most is None or goal.has_front:
                        found += front(part.small, goal, self.rule(), self.deadline, limit)
                    else:
                        found += best(part.small, goal, self.rule(), most, self.deadline, limit)
                    break
                except OutOfTime:
                    self.out_of_time(f"all networks, but only {THIN} sums of parameters and MACs at each point")
        return ranked(found, goal, most)

    # --- bounds ---

    def bounds(self, met: bool) -> dict[str, object]:
        """For each target the best that the others leave; `met` says whether some network meets them all. The largest
        field needs a graph of its own, and is left out of large families that meet their targets."""
        found: dict[str, object] = {}
        targets = [*self.program.head.targets]
        if met and self.choices > SMALL_FAMILY:
            targets = [target for target in targets if target != "min_receptive_field"]
        try:
            for target in targets:
                if time.monotonic() > self.deadline:
                    raise OutOfTime
                found[target] = self.bound(target, met)
        except Entangled:
            with suppress(OutOfTime):
                return ListSearch(self.program, self.goal, self.deadline).bounds(met)
            self.out_of_time(UNTOLD)
        except OutOfTime:
            self.out_of_time(UNTOLD)
        return found

    def least(self, figure: str, caps: Caps) -> int | None:
        for view in self.views(figure, self.goal.asked(), caps):
            found = []
            for small, uncounted in self.parts(view):
                if figure == "macs" and uncounted:
                    continue
                labels = node_labels(small, view.caps, LabelRule(first=figure), self.deadline)[
                    small.finals[End(0, uncounted)]
                ]
                found += [int(labels[0 if figure == "params" else 1].min())] if labels else []
            if found:
                return min(found)
        return None

    def largest_field(self) -> int | None:
        """Fields are tried from the middle, since a smaller one is never harder."""
        asked, caps = self.goal.asked("min_receptive_field"), self.goal.caps
        if self.whole and self.enough == 0:
            view = View(self.whole.graph, asked, caps)
        else:
            view = View(self.explored(asked, caps, 0), asked, caps)
        fields = sorted({f.field for f in view.graph.finals if asked.holds(f.field, f.words) and f.field})
        low, high = -1, len(fields) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self.possible(view._replace(asked=asked._replace(field=fields[middle]))):
                low = middle
            else:
                high = middle - 1
        return fields[low] if low >= 0 else None

    def possible_but_for(self, target: str) -> Callable[[Asked], bool]:
        view = self.view(self.goal.asked(target), self.goal.caps)
        return lambda asked: self.possible(view._replace(asked=asked))

    def possible(self, view: View) -> bool:
        """Whether any network that ends as asked stays within the caps."""
        graph, asked, caps = view
        ends = [f.node for f in graph.finals if asked.holds(f.field, f.words)]
        if not ends:
            return False
        costs = rest_of(graph.incoming, ends)[0]
        if costs.least_params > caps.params or costs.least_macs > caps.macs:
            return False
        if costs.most_params <= caps.params or costs.most_macs <= caps.macs:
            return True  # one cap binds nobody, and the other is met by the least
        for small, uncounted in self.parts(view):
            if node_labels(small, caps, LabelRule(first="params"), self.deadline)[small.finals[End(0, uncounted)]]:
                return True
        return False


def without_macs(graph: SearchGraph) -> SearchGraph:
    """A graph in which nothing costs MACs, for networks whose MACs are unknown."""
    return SearchGraph([[SearchEdge(e.source, e.params, 0, e.ways, e.rank) for e in edges] for edges in graph.incoming])


def ranked(found: list[Found], goal: Goal, most: int | None) -> list[Found]:
    """The best of several lists, or what of several fronts nothing beats."""
    found = sorted(found, key=lambda one: one.key(goal))
    if goal.has_front:
        found = unbeaten(found, lambda one: one.key(goal)[0])
    return found[:most]
