"""`rfcalc design`: the networks of a family that meet its targets, the best of them, and the truth about the rest."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from .. import zoo
from ..engine.arch import Node
from ..errors import RfcalcError, place, refusals_of
from ..report import cells
from ..spec.arithmetic import valued
from ..spec.reader import loads as load_spec
from ..spec.writer import dump
from ..spec.written import node_of
from . import family
from .best import Found
from .front import Answer, Bound, Design, is_plot, plot_designs
from .goal import Goal
from .graph_search import GraphSearch
from .list_search import ListSearch
from .memo import Memo
from .merged import CountWalk, Entangled
from .program import NO_CUT, Choose, LayerStep, Program, ProgramPart, Repeat, liveness, without_layers
from .small import SMALL_FAMILY, OutOfTime

DESIGN_SECONDS = 300.0
DESIGNS_TOLD = 5
"""How many designs are told with an objective, unless asked for; a front is told whole."""
NEVER = 1e18


def designed(target: str, most: int | None, seconds: float, outputs: Sequence[str]) -> Answer:
    """The answer for a family's file or name; each output is a folder for the specs or a file for the plot."""
    path, text = zoo.family_text(target)
    answer = design(family.loads(text, path), most, seconds)
    for output in outputs if answer.designs else ():
        if is_plot(output):
            plot_designs(answer, output)
        else:
            write_all(answer, output)
    return answer


def design(program: Program, most: int | None = None, seconds: float = DESIGN_SECONDS) -> Answer:
    """Everything that is asked about a family, in order. `most` limits the designs; raises RfcalcError."""
    deadline = time.monotonic() + seconds
    # 1. How many assignments there are, whatever they build.
    choices = assignments_of(program)
    # 2. All networks: as one graph, states that look alike made one, or in a table.
    search = searched(program, choices, deadline)
    # 3. How many meet every target, and which of them are best.
    feasible = search.feasible()
    found = search.best(most, DESIGNS_TOLD) if feasible != 0 else []
    # 4. What stands in the way, target by target.
    if feasible is None and not found and search.complete:
        feasible = 0
    reached = search.bounds(bool(found))
    targets = program.head.targets
    bounds = {target: Bound(targets[target], reached[target]) for target in targets if target in reached}
    # 5. Each design as a spec, walked by the engine again.
    designs = tuple(written_design(program, one, number) for number, one in enumerate(found, 1))
    facts = (search.complete, search.covered, designs, bounds, search.uncounted, refusal(program, search.refused))
    return Answer(program, choices, feasible, *facts)


def refusal(program: Program, refused: tuple[Node, str] | None) -> str:
    """Where and why the first layer could not be built, of a family none of whose networks can."""
    if refused is None:
        return ""
    node, fact = refused
    return f"{place(program.head.path, node.line)}{node.name} ({node.layer.op}): {fact}"


def assignments_of(program: Program) -> int:
    """How many assignments a family has."""
    items = without_layers(program.items)
    bare = replace(program, items=items, end=0)
    liveness(items, NO_CUT)
    counted = CountWalk(bare, Memo((), False), NEVER)
    found = counted.count()
    if not counted.graph.complete:
        raise RfcalcError(f"{program.head.name}: too many alternatives depend on each other to say how many there are")
    return found


def searched(program: Program, choices: int, deadline: float) -> GraphSearch | ListSearch:
    """All networks, made one where they look alike; where they are few and do not, one by one."""
    goal = Goal.of(program.head, program.objective)
    try:
        return GraphSearch(program, goal, choices, deadline)
    except Entangled:
        with suppress(OutOfTime):
            return ListSearch(program, goal, deadline)
    return GraphSearch(program, goal, SMALL_FAMILY + 1, deadline)


# --- designs -----------------------------------------------------------------------------------------------------


def written_design(program: Program, found: Found, number: int) -> Design:
    """An assignment as a spec; the engine walks what is written, and must find the figures that the search found."""
    indexes = program.decode(found.rank)
    maker = Maker(program, indexes)
    maker.run(program.items)
    head = program.head
    plain_name = re.sub(r"[^\w.-]+", "_", head.name)  # it names a file
    name = f"{plain_name}-{number}"
    arch = replace(head, name=name, nodes=tuple(maker.nodes))
    text = dump(arch)
    arch = load_spec(text, f"{name}.yaml")
    macs = None if found.end.uncounted else found.macs
    if (arch.params, arch.macs) != (found.params, macs):
        raise RfcalcError(
            f"{name}: the search found {found.params:,} parameters and {cells.text(macs)} MACs, the engine "
            f"{arch.params:,} and {cells.text(arch.macs)}: please report this family"
        )
    return Design(maker.choices(), arch, text)


class Maker:
    """Builds the one network of an assignment."""

    def __init__(self, program: Program, indexes: Sequence[int]) -> None:
        self.program, self.axes = program, len(program.head.sizes)
        self.indexes = indexes
        self.values = {n: v.values[indexes[n]] for n, v in enumerate(program.variables)}
        self.nodes: list[Node] = []
        self.numbers: dict[int, int] = {0: 0}
        self.reached: list[int] = list(program.shared)

    def run(self, items: Sequence[ProgramPart]) -> None:
        for item in items:
            self.reached += item.fresh
            if isinstance(item, LayerStep):
                self.step(item)
            elif isinstance(item, Choose):
                branch = item.branches[self.indexes[item.by]]
                self.run(branch.items)
                self.stand(branch.ends)
            elif isinstance(item, Repeat):
                times = valued(item.times, self.values)
                for turn in item.turns[:times]:
                    self.run(turn)
                self.stand(item.exits[times])

    def step(self, step: LayerStep) -> None:
        inputs = tuple(self.numbers[i] for i in step.inputs)
        name = step.name if step.stated else f"{step.name}{len(self.nodes) + 1}"
        self.nodes.append(node_of(step.op, name, valued(step.values, self.values), inputs, step.line, self.axes))
        self.numbers[step.number] = len(self.nodes)

    def stand(self, ends: Mapping[int, int]) -> None:
        """Numbers that stand for whichever layer came last, or nothing where the way made none."""
        self.numbers |= {number: self.numbers[end] for number, end in ends.items() if end in self.numbers}

    def choices(self) -> dict[str, Any]:
        """The value of each choice; of one that is made at each place, a list in the order of the places."""
        found: dict[str, Any] = {}
        for number in self.reached:
            variable = self.program.variables[number]
            if variable.place:
                found.setdefault(variable.name, []).append(self.values[number])
            else:
                found[variable.name] = self.values[number]
        return found


def write_all(answer: Answer, folder: str) -> None:
    """Each design's spec in a file of its own; raises RfcalcError where they cannot be written."""
    with refusals_of(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
        for one in answer.designs:
            (Path(folder) / f"{one.arch.name}.yaml").write_text(one.spec, encoding="utf-8")
