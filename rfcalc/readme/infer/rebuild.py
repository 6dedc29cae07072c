"""A reading of the rows as a network: named nodes in order, shortcuts that leave no trace, and the image in front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...engine.arch import Node, PrintedAs, walk
from ...engine.layers import LAYERS, Layer
from ...engine.layers.base import make
from ..read.printout import Printout
from ..read.rows import PrintedRow
from . import costs
from .candidates import candidates
from .priors import Candidate, Prior, Shape
from .states import Decision, Reading


def alternate(reading: Reading, prior: Prior) -> None:
    """Turns kernels such as 1x7, whose orientation nothing shows, so that each crosses the one in front of it, as
    factorised convolutions do."""
    tall: dict[int, bool] = {}
    for number, decision in enumerate(reading.decisions):
        candidate, item = decision.candidate, decision.item
        before = tall.get(decision.source)
        kernel = candidate["kernel_size"] if candidate and candidate.op == "conv" else None
        if isinstance(kernel, tuple) and len(set(kernel)) > 1 and item.shape:
            if before is not None and before == (kernel[0] > kernel[-1]) and not item.row.kernel:
                found = candidates(item.row.type, reading.shapes[decision.source], item.shape, item.params, prior)
                near = [f for f in found if f.cost <= found[0].cost + costs.TURNED_FACTOR]
                if turned := [f for f in near if f["kernel_size"] == kernel[::-1]]:
                    reading.decisions[number] = replace(decision, candidate=turned[0])
                    kernel = kernel[::-1]
            tall[item.place] = kernel[0] > kernel[-1]
        elif before is not None and item.op and LAYERS[item.op].pointwise:
            tall[item.place] = before


# --- nodes -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Assembly:
    """The network's nodes, and for each of them the decision that it comes from (None: it left no row)."""

    image: Shape
    nodes: tuple[Node, ...]
    decisions: tuple[Decision | None, ...]
    printed: Mapping[str, PrintedAs]
    """How the print shows some of the nodes, by their names."""

    def exchanged(self, changes: Mapping[int, Sequence[Candidate]]) -> Assembly:
        """With some layers exchanged, each for a chain whose last one stands for the row."""
        axes, decisions, printed = len(self.image.sizes), list[Decision | None](), dict(self.printed)
        for index, (node, decision) in enumerate(zip(self.nodes, self.decisions, strict=True), 1):
            *front, last = changes.get(index, (decision.candidate if decision else None,))
            printed |= {front_name(node, number): PrintedAs(functional=True) for number in range(len(front))}
            decisions += [None] * len(front)
            decisions.append(decision and replace(decision, candidate=last))
        layers = {index: [found.layer(axes) for found in chain] for index, chain in changes.items()}
        return Assembly(self.image, exchange(self.nodes, layers), tuple(decisions), printed)


def front_name(node: Node, number: int) -> str:
    """The name of a layer without a row in front of one."""
    return f"{node.name}_front{number}"


def exchange(nodes: Sequence[Node], changes: Mapping[int, Sequence[Layer]]) -> tuple[Node, ...]:
    """The nodes with some layers exchanged, each for one or a chain of several."""
    moved = {0: 0}
    made: list[Node] = []
    for index, node in enumerate(nodes, 1):
        inputs = tuple(moved[i] for i in node.inputs)
        *front, layer = changes.get(index, (node.layer,))
        for number, extra in enumerate(front):
            made.append(Node(front_name(node, number), extra, inputs))
            inputs = (len(made),)
        made.append(replace(node, layer=layer, inputs=inputs))
        moved[index] = len(made)
    return tuple(made)


class Assembler:
    """Nodes for all rows and hidden operations, in an order in which each follows what it reads."""

    def __init__(self, reading: Reading, image: Shape, printout: Printout) -> None:
        self.reading, self.image = reading, image
        leaves = {decision.item.place for decision in reading.decisions}
        rows = enumerate(printout.rows, 1) if printout.style == "torchsummary" else ()
        self.containers = [(place, row) for place, row in rows if place not in leaves]
        self.ended: list[PrintedRow] = []
        """Containers that end here, with the layer placed last or a hidden one that comes next."""
        self.nodes: list[Node] = []
        self.printed: dict[str, PrintedAs] = {}
        self.decisions: list[Decision | None] = []
        self.index: dict[int, int] = {0: 0}
        self.names: set[str] = {"input"}

    def assembly(self) -> Assembly:
        """Raises RfcalcError where a layer cannot be made."""
        for number, decision in enumerate(self.reading.decisions, 1):
            assert decision.candidate is not None
            index = decision.item.row.index
            name = f"{decision.candidate.op}{index if isinstance(index, int) else number}"
            self.end_containers(decision.item.place)
            self.hidden(decision.source, name)
            self.ended.clear()
            layer = decision.candidate.layer(len(self.image.sizes))
            shared = 0 if decision.item.row.recursive else None
            node = Node(self.unique(name), layer, (self.index[decision.source],), params=shared)
            self.place(decision.item.place, node, decision)
        self.end_containers(None)
        self.hidden(self.reading.last, "end")
        return Assembly(self.image, tuple(self.nodes), tuple(self.decisions), self.printed)

    def place(self, ref: int, node: Node, decision: Decision | None) -> None:
        self.nodes.append(node)
        self.decisions.append(decision)
        self.index[ref] = len(self.nodes)
        self.contain(self.reading.shapes[ref])

    def end_containers(self, place: int | None) -> None:
        """Those that print their row in front of the one at `place`, or of the end."""
        here = [row for at, row in self.containers if place is None or at < place]
        self.containers = self.containers[len(here) :]
        self.ended += here
        if self.nodes:
            self.contain(self.reading.shapes[next(reversed(self.index))])

    def contain(self, shape: Shape) -> None:
        """Lets the layer placed last be the end of the containers that print its shape."""
        while self.ended and self.ended[0].shape == (shape.channels, *shape.sizes):
            last = self.nodes[-1].name
            functional, containers = self.printed.get(last, PrintedAs())
            self.printed[last] = PrintedAs(functional, (*containers, self.ended.pop(0).type))

    def hidden(self, ref: int, before: str) -> None:
        """Places a hidden operation, and those that it reads, unless they stand already."""
        waiting = [] if ref in self.index else [ref]
        while waiting:
            hidden = self.reading.hidden[-waiting[-1] - 1]
            missing = [given for given in hidden.inputs if given not in self.index]
            if missing:
                waiting += missing
                continue
            ref = waiting.pop()
            if ref not in self.index:
                layer = make(hidden.op, len(self.image.sizes), **dict(hidden.settings))
                name = self.unique(f"{hidden.op}_before_{before}")
                if not layer.joins:
                    self.printed[name] = PrintedAs(functional=True)
                self.place(ref, Node(name, layer, tuple(self.index[i] for i in hidden.inputs)), None)

    def unique(self, name: str) -> str:
        """The name, numbered where it stands already."""
        while name in self.names:
            name = f"{name}_{len(self.nodes)}"
        self.names.add(name)
        return name


def misfits(assembly: Assembly) -> list[tuple[Decision, str]]:
    """Rows whose layer does not make what is printed, by the engine's walk; none where all is well."""
    rows, problems = walk((assembly.image.channels, *assembly.image.sizes), assembly.nodes, "")
    found = []
    for row in rows:
        decision = assembly.decisions[row.index - 1]
        if decision is not None and decision.item.shape is not None:
            shape = Shape(row.out.channels, () if row.out.flat else row.out.sizes)
            counts = decision.item.row.recursive or row.params == decision.item.params
            if shape != decision.item.shape or not counts:
                found.append((decision, f"would make {row.out} with {row.params:,} parameters"))
    names = {node.name: decision for node, decision in zip(assembly.nodes, assembly.decisions, strict=True)}
    for problem in problems:
        name, _, fact = problem.partition(" (")
        decision = names.get(name) or next(d for d in assembly.decisions if d)
        found.append((decision, fact.partition("): ")[2] or problem))
    return found
