"""A program run for all its assignments at once: the walk from part to part, the same however assignments are held.

A frontier is what has been built so far: merged.py holds it as states, which are one where they look alike; listed.py
as a table with a row for each assignment. The engine works out every layer, once for each map that it meets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, Generic, NamedTuple, TypeVar

from ..engine.arch import Node
from ..errors import SettingError
from ..spec.arithmetic import valued
from ..spec.written import node_of
from .memo import Handle, Memo
from .program import Choose, Cut, LayerStep, MadeChoices, Program, ProgramPart, Repeat

Values = tuple[int, ...]
"""Values of some choices, as their indexes; -1 for a choice that is not made yet."""


class Option(NamedTuple):
    """One way to build a layer: the values of the choices that it depends on, its number, itself, and what the values
    that were still open add to the rank."""

    values: Values
    number: int
    node: Node
    rank: int


class LayerResult(NamedTuple):
    """What a layer makes of its maps, with the values of the choices that it depends on."""

    values: Values
    handle: int
    params: int
    macs: int
    words: int
    phases: int
    rank: int


class Reorder(NamedTuple):
    """From one cut to another: where its choices and its maps stood before (-1: nowhere), where the choices stood that
    are forgotten and how many values they have, and how many assignments one stands for from here on."""

    chosen: list[int]
    maps: list[int]
    gone: list[tuple[int, int]]
    ways: int


Ends = Mapping[int, int]
NO_ENDS: Ends = {}
Frontier = TypeVar("Frontier")


class Runner(Generic[Frontier]):
    """Takes a frontier through a program's parts. Subclasses say what a frontier is."""

    def __init__(self, program: Program, memo: Memo) -> None:
        self.program, self.variables, self.weights = program, program.variables, program.weights()
        self.axes = len(program.head.sizes)
        self.memo = memo
        self.image = memo.image_handle(program.head.input)
        self.results: dict[tuple[int, Values, tuple[int, ...]], list[LayerResult]] = {}
        self.possible: dict[tuple[int, Values], list[Option]] = {}
        self.options: dict[tuple[int, Values], tuple[int, Node] | None] = {}

    # --- what a frontier is ---

    def step(self, step: LayerStep, frontier: Frontier) -> Frontier:
        """Every assignment through a layer, with all values that its open choices can have."""
        raise NotImplementedError

    def reordered(self, frontier: Frontier, to: Reorder) -> Frontier:
        """The frontier in the order of another cut."""
        raise NotImplementedError

    def bind(self, frontier: Frontier, order: tuple[int, ...], numbers: tuple[int, ...]) -> Frontier:
        """The frontier with all the given choices made; `order` is that of its choices."""
        raise NotImplementedError

    def parted(
        self, frontier: Frontier, places: Sequence[int], part: Callable[[Values], int | None], parts: int
    ) -> list[Frontier]:
        """The frontier in so many parts, by the values of the choices at these places; None leaves out."""
        raise NotImplementedError

    def united(self, frontiers: list[Frontier]) -> Frontier:
        """Frontiers of one cut together."""
        raise NotImplementedError

    def within_budget(self, frontier: Frontier) -> Frontier:
        """The frontier, or as much of it as there is room and time for."""
        raise NotImplementedError

    # --- from part to part ---

    def whole(self, frontier: Frontier, maps: tuple[int, ...]) -> Frontier:
        """The first frontier, in which only these maps are there, through the whole program."""
        items, start = self.program.items, Cut(self.program.shared, maps)
        return self.run(items, self.project(frontier, start, items[0].before if items else Cut((), maps)))

    def project(
        self, frontier: Frontier, before: Cut, after: Cut, ends: Ends = NO_ENDS, fresh: tuple[int, ...] = ()
    ) -> Frontier:
        """The frontier in the order of another cut. What no later part needs is forgotten; a choice that was never made
        there counts with all its values. `ends` tells which map a number that stands for several stands for here."""
        ways = prod(self.variables[number].size for number in fresh if number not in after.variables)
        if before == after and not ends and ways == 1:
            return frontier
        gone = [(i, self.variables[v].size) for i, v in enumerate(before.variables) if v not in after.variables]
        maps = tuple(ends.get(m, m) for m in after.maps)
        to = Reorder(picks_of(before.variables, after.variables), picks_of(before.maps, maps), gone, ways)
        return self.reordered(frontier, to)

    def run(self, items: Sequence[ProgramPart], frontier: Frontier) -> Frontier:
        for item in items:
            if isinstance(item, LayerStep):
                frontier = self.step(item, frontier)
            elif isinstance(item, Choose):
                frontier = self.choose(item, frontier)
            elif isinstance(item, Repeat):
                frontier = self.repeat(item, frontier)
            elif isinstance(item, MadeChoices):
                frontier = self.project(frontier, item.before, item.after, fresh=item.fresh)
            frontier = self.within_budget(frontier)
        return frontier

    def choose(self, item: Choose, frontier: Frontier) -> Frontier:
        """Every way for the assignments that go it, then all of them together."""
        known = item.by in item.before.variables
        wide = item.before if known else Cut((*item.before.variables, item.by), item.before.maps)
        frontier = self.bind(self.project(frontier, item.before, wide), wide.variables, (item.by,))
        ways = self.parted(frontier, [wide.variables.index(item.by)], lambda v: v[0], len(item.branches))
        out = []
        for branch, way in zip(item.branches, ways, strict=True):
            inside = self.run(branch.items, self.project(way, wide, branch.before))
            last = branch.items[-1].after if branch.items else branch.before
            out.append(self.project(inside, last, item.after, branch.ends))
        return self.united(out)

    def repeat(self, item: Repeat, frontier: Frontier) -> Frontier:
        """Assignments leave a repetition after as many turns as they chose; those that chose no number cannot be."""
        point = item.points[0]
        frontier = self.bind(self.project(frontier, item.before, point), point.variables, item.uses)
        known: dict[Values, int] = {}

        def times(values: Values) -> int:
            if values not in known:
                known[values] = self.times(item, values)
            return known[values]

        out = []
        for turn, point in enumerate(item.points):
            places = [point.variables.index(v) for v in item.uses]

            def part(values: Values, turn: int = turn) -> int | None:
                return None if times(values) < turn else int(times(values) > turn)

            ending, going = self.parted(frontier, places, part, 2)
            out.append(self.project(ending, point, item.after, item.exits[turn]))
            if turn < len(item.turns):
                frontier = self.run(item.turns[turn], self.project(going, point, item.inner[turn]))
        return self.united(out)

    def times(self, item: Repeat, values: Values) -> int:
        """How many turns; -1 where the values make no number of them."""
        try:
            found = valued(item.times, self.chosen(item.uses, values))
        except SettingError:
            return -1
        return found if isinstance(found, int) and not isinstance(found, bool) else -1

    def chosen(self, uses: tuple[int, ...], values: Values) -> dict[int, Any]:
        """What the choices of a part are, by their numbers."""
        return {v: self.variables[v].values[i] for v, i in zip(uses, values, strict=True)}

    # --- layers ---

    def results_of(self, step: LayerStep, given: Values, inputs: tuple[int, ...]) -> list[LayerResult]:
        """What a layer makes of given maps for every value of the choices that are still open."""
        key = step.number, given, inputs
        found = self.results.get(key)
        if found is None:
            made = (
                [self.result(step, option, inputs) for option in self.layers_of(step, given)]
                if -1 not in inputs
                else []
            )
            found = self.results[key] = [one for one in made if one]
        return found

    def result(self, step: LayerStep, option: Option, inputs: tuple[int, ...]) -> LayerResult | None:
        """What one way to build a layer makes of given maps; None where it cannot take them."""
        values, number, node, rank = option
        if not (made := self.memo.output(number, node, inputs)):
            return None
        out, depthwise, params, macs, words, phases, whole = made
        seen = None if whole is None else (step.number, whole)
        handle = self.memo.handle_number(Handle(out, depthwise, self.memo.common_whole(inputs) or seen))
        return LayerResult(values, handle, params, macs, words, phases, rank)

    def layers_of(self, step: LayerStep, given: Values) -> list[Option]:
        """What a layer can be under given values, for all values of its other choices."""
        key = step.number, given
        if key not in self.possible:
            found = self.possible[key] = []
            open_or_given = zip(step.uses, given, strict=True)
            for values in product(*(range(self.variables[v].size) if i < 0 else (i,) for v, i in open_or_given)):
                if option := self.option(step, values):
                    chosen = zip(step.uses, given, values, strict=True)
                    rank = sum(self.weights[v] * value for v, old, value in chosen if old < 0)
                    found.append(Option(values, *option, rank))
        return self.possible[key]

    def option(self, step: LayerStep, values: Values) -> tuple[int, Node] | None:
        """A layer with all its choices made; None where it cannot be."""
        key = (step.number, values)
        if key not in self.options:
            try:
                settings = valued(step.values, self.chosen(step.uses, values))
                node = node_of(step.op, step.name, settings, (), step.line, self.axes)
            except SettingError:
                self.options[key] = None
            else:
                number = self.memo.layer_number(node)
                self.options[key] = number, node
        return self.options[key]


def picks_of(order: tuple[int, ...], wanted: tuple[int, ...]) -> list[int]:
    """Where each of the wanted numbers stands in a cut's order; -1 where it does not."""
    found = {number: i for i, number in enumerate(order)}
    return [found.get(number, -1) for number in wanted]
