"""A family as a program: layers, choices and repetitions in the order in which a network is built.

Every layer has a number, which is its place in the family written out in full; `current` and named maps are such
numbers too. After a choice or a repetition another number stands for whichever layer came last (as phi nodes do in
compilers). What may still be needed at each point, choices and maps, is worked out once, from the end to the start
(`liveness`): states of a search that agree in it are one state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..engine.arch import Arch


@dataclass(frozen=True, slots=True)
class Variable:
    """One choice: `place` tells the places of a choice that is made anew at each, 0 for a choice made once."""

    name: str
    place: int
    values: tuple[Any, ...]

    @property
    def size(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Cut:
    """What may be needed after a point: choices (their numbers) and maps (the numbers of layers), in order."""

    variables: tuple[int, ...]
    maps: tuple[int, ...]


NO_CUT = Cut((), ())


@dataclass(slots=True)
class ProgramPart:
    """A part of the program. `fresh` are the choices that are made here and nowhere before."""

    fresh: tuple[int, ...] = ()
    before: Cut = NO_CUT
    after: Cut = NO_CUT

    @property
    def ways(self) -> list[list[ProgramPart]]:
        """The parts inside it, in as many lists as there are ways or turns."""
        return []


@dataclass(slots=True)
class LayerStep(ProgramPart):
    """A layer: its settings with open values, the maps that it reads, and the choices that its settings depend on."""

    number: int = 0
    op: str = ""
    name: str = ""
    stated: bool = True
    """Whether the family names it; else its name follows from its place in the network."""
    values: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[int, ...] = ()
    line: int = 0
    uses: tuple[int, ...] = ()


@dataclass(slots=True)
class MadeChoices(ProgramPart):
    """Choices made for what follows: those in the arguments of a block."""


@dataclass(slots=True)
class Branch:
    """One way through a choice or a repetition: its parts, and what it makes of the numbers that stand for the last
    layer or a name after it."""

    items: list[ProgramPart]
    ends: dict[int, int]
    before: Cut = NO_CUT


@dataclass(slots=True)
class Choose(ProgramPart):
    """One of several lists of layers, by the value of a choice."""

    by: int = 0
    branches: list[Branch] = field(default_factory=list)
    """One for each value of the choice, in their order."""

    @property
    def ways(self) -> list[list[ProgramPart]]:
        return [branch.items for branch in self.branches]


@dataclass(slots=True)
class Repeat(ProgramPart):
    """Layers repeated `times` (which has open values); `turns` holds the longest chain, `exits` what each number of
    turns makes of the numbers after it."""

    times: Any = None
    uses: tuple[int, ...] = ()
    line: int = 0
    turns: list[list[ProgramPart]] = field(default_factory=list)
    exits: list[dict[int, int]] = field(default_factory=list)
    inner: list[Cut] = field(default_factory=list)
    """The cut in front of each turn."""
    points: list[Cut] = field(default_factory=list)
    """The cut after that many turns, where it either ends or goes on."""

    @property
    def ways(self) -> list[list[ProgramPart]]:
        return self.turns


@dataclass(frozen=True)
class Program:
    """A family ready to be searched. `head` carries name, input, targets and recipe; it has no layers."""

    head: Arch
    variables: tuple[Variable, ...]
    shared: tuple[int, ...]
    """The choices that are made once, in the order of the file."""
    items: list[ProgramPart]
    end: int
    """The number that stands for the last layer."""
    objective: tuple[tuple[str, str], ...] = ()
    """("maximize", "params"), …"""
    unused: tuple[str, ...] = ()
    """The choices that no layer names."""

    def weights(self) -> list[int]:
        """For each choice what one step in its values counts in an assignment's rank: assignments are ordered by the
        choices made once, in the order of the file, then by those made at each place, in the order of the layers."""
        order = [*self.shared, *(n for n in range(len(self.variables)) if n not in set(self.shared))]
        found, weight = [0] * len(self.variables), 1
        for number in reversed(order):
            found[number] = weight
            weight *= self.variables[number].size
        return found

    def decode(self, rank: int) -> list[int]:
        """The values (their indexes) of all choices in the assignment of that rank."""
        return [rank // weight % v.size for weight, v in zip(self.weights(), self.variables, strict=True)]


# --- what may still be needed ------------------------------------------------------------------------------------


def sorted_cut(variables: set[int], maps: set[int]) -> Cut:
    return Cut(tuple(sorted(variables)), tuple(sorted(maps)))


def merged_cut(*cuts: Cut) -> Cut:
    return sorted_cut({v for c in cuts for v in c.variables}, {m for c in cuts for m in c.maps})


def renamed(after: Cut, ends: Mapping[int, int]) -> Cut:
    """A cut with the numbers that stand for several layers replaced by the one of a branch; those that the branch does
    not make are left out."""
    made = {ends.get(m, m) for m in after.maps}
    return sorted_cut(set(after.variables), {m for m in made if m >= 0})


def liveness(items: Sequence[ProgramPart], after: Cut) -> Cut:
    """Sets `before` and `after` of every item; returns what is needed in front of the first."""
    for item in reversed(items):
        item.after = after
        after = item.before = needed_before(item, after)
    return after


def needed_before(item: ProgramPart, after: Cut) -> Cut:
    variables, maps = set(after.variables), set(after.maps)
    if isinstance(item, LayerStep):
        variables |= set(item.uses)
        maps = (maps - {item.number}) | set(item.inputs)
    elif isinstance(item, Choose):
        for branch in item.branches:
            branch.before = liveness(branch.items, renamed(after, branch.ends))
        joined = merged_cut(*(branch.before for branch in item.branches))
        variables, maps = set(joined.variables) | {item.by}, set(joined.maps)
    elif isinstance(item, Repeat):
        found = repeat_before(item, after)
        variables, maps = set(found.variables), set(found.maps)
    return sorted_cut(variables - set(item.fresh), maps)


def repeat_before(item: Repeat, after: Cut) -> Cut:
    """A repetition may end after every turn, and needs its number of turns until then."""
    held = sorted_cut(set(item.uses), set())
    leaves = [merged_cut(renamed(after, ends), held) for ends in item.exits]
    item.points, item.inner = list(leaves), [NO_CUT] * len(item.turns)
    for turn in reversed(range(len(item.turns))):
        item.inner[turn] = merged_cut(liveness(item.turns[turn], item.points[turn + 1]), held)
        item.points[turn] = merged_cut(item.inner[turn], leaves[turn])
    return item.points[0]


def without_layers(items: Sequence[ProgramPart]) -> list[ProgramPart]:
    """The choices alone: what decides how many assignments there are. A choice between ways that choose nothing, once
    made, decides nothing more."""
    found: list[ProgramPart] = []
    for item in items:
        if isinstance(item, Choose):
            branches = [Branch(without_layers(branch.items), {}) for branch in item.branches]
            if any(branch.items for branch in branches):
                found.append(Choose(item.fresh, by=item.by, branches=branches))
                continue
        elif isinstance(item, Repeat):
            turns = [without_layers(turn) for turn in item.turns]
            if any(turns):
                exits: list[dict[int, int]] = [{}] * len(item.exits)
                found.append(Repeat(item.fresh, times=item.times, uses=item.uses, turns=turns, exits=exits))
                continue
        found += [MadeChoices(item.fresh)] if item.fresh else []
    return found
