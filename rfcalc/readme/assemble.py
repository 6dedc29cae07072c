"""A reading of the rows as a network: named nodes in order, shortcuts that leave no trace, and the image in front."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ..arch import Node, walk
from ..ops import LAYERS
from ..spec import make
from .context import Context
from .fits import fits
from .graph import COMMON_TAPS
from .habits import Habits, Shape
from .printout import PrintedRow, Printout
from .reading import Decision, Hidden, Item, Reading

USUAL_SIZES = frozenset(
    (28, 32, 48, 56, 64, 84, 96, 112, 128, 150, 160, 192, 224, 227, 240, 256, 299, 320, 384, 416, 448, 512)
)
RESIDUAL = re.compile(
    r"basic_?block|bottleneck|resid|res_?block|res_?unit|inverted_?res|mbconv|pre_?act", re.IGNORECASE
)
ACTIVATIONS = frozenset(("relu", "relu6", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "hardswish"))
MIB, MEGA = 1024**2, 10**6
ROUNDED = 0.005 + 1e-9
"""How far a size in MB, printed with two digits, may be from the exact one."""
OTHER_SIZE = 15.0
"""What an image costs that a stated size in MB speaks against."""
T = TypeVar("T")


# --- the image ---------------------------------------------------------------------------------------------------


def images(items: Sequence[Item], printout: Printout, context: Context, habits: Habits) -> list[Shape]:
    """Shapes that the image may have, the likeliest first; empty where the first row tells nothing."""
    given = [item.row.given for item in items if item.row.given]
    root = items[-1].row.given if items and items[-1].op is None else None
    if root or given:
        shape = root or given[0] or ()
        return [Shape(shape[0], shape[1:])] if len(shape) > 1 else [Shape(shape[0], (1,))]
    first = next((item for item in items if item.op and item.shape), None)
    if first is None or first.shape is None:
        return []
    found = dict.fromkeys(image_candidates(first, context))
    rest = values_behind(items, printout)
    costs = {image: image_cost(image, first, printout, context, habits, rest) for image in found}
    limit = min(100.0, min(costs.values(), default=0.0) + OTHER_SIZE)
    return sorted((image for image in found if costs[image] < limit), key=lambda image: costs[image])


def image_candidates(first: Item, context: Context) -> Iterator[Shape]:
    """Images that could stand in front of the first layer."""
    out = first.shape
    assert out is not None
    known = [shape for _, shape, _ in context.datasets]
    yield from (Shape(shape[0], shape[1:]) for shape in known)
    if first.op in ("linear", "flatten"):
        values = [out.channels] if first.op == "flatten" else [first.params // out.channels - b for b in (0, 1)]
        usual = {784: (1, 28, 28), 3072: (3, 32, 32), 1024: (1, 32, 32), 12288: (3, 64, 64)}
        for count in values:
            yield from (Shape(s[0], s[1:]) for s in [usual.get(count, (count, 1))] if count > 0)
    elif not out.flat:
        channels = {out.channels}
        if first.op == "conv":
            weights = [first.params // out.channels - bias for bias in (0, 1)]
            channels = {w // taps for w in weights for taps in COMMON_TAPS if w > 0 and w % taps == 0} | {1, 3}
        elif first.op == "conv_transpose":
            channels = {max(1, first.params // (out.channels * taps)) for taps in COMMON_TAPS}
        for count in sorted(channels):
            for grow in (1, 2, 3, 4, 7, 8, 14, 16, 32):
                yield Shape(count, tuple(n * grow for n in out.sizes))
            for stride in (1, 2, 3, 4):
                for more in range(-4, 11):
                    yield Shape(count, tuple(max(1, (n - 1) * stride + 1 + more) for n in out.sizes))
    else:
        yield Shape(out.channels, (1,))


def image_cost(
    image: Shape, first: Item, printout: Printout, context: Context, habits: Habits, rest: int | None
) -> float:
    """How unlikely an image is: 100 where the first layer cannot read it. `rest` is how many values the estimated total
    size counts beside the image's, where that is known."""
    assert first.shape is not None
    found = fits(first.row.type, image, first.shape, first.params, habits)
    if not found:
        return 100.0
    cost = found[0].cost + {3: 0.0, 1: 0.1}.get(image.channels, 5.0 + 0.001 * image.channels)
    cost += sum(0.0 if n in USUAL_SIZES and (image.channels, n) != (3, 28) else 0.9 for n in image.sizes[:1])
    if context.image == (image.channels, *image.sizes):
        cost -= 6.0
    torchinfo = printout.style == "torchinfo"
    unit, batch = (MEGA, max(first.row.batch, 1)) if torchinfo else (MIB, abs(first.row.batch))
    values = {"input_mb": image.elements * batch}
    if rest is not None:
        values["total_mb"] = image.elements * batch + rest
    for key, count in values.items():
        if total := printout.totals.get(key):
            cost += OTHER_SIZE * (abs(count * 4 / unit - total.value) > ROUNDED)
    return cost


def values_behind(items: Sequence[Item], printout: Printout) -> int | None:
    """How many values torchsummary's estimated total counts beside the image's; None where the rows are not all there,
    by the other totals."""
    stated, params = printout.totals, sum(item.params for item in items)
    passed = 2 * sum(item.shape.elements * abs(item.row.batch) for item in items if item.shape)
    if printout.style == "torchinfo" or not {"params", "pass_mb"} <= stated.keys():
        return None
    whole = stated["params"].value == params and abs(passed * 4 / MIB - stated["pass_mb"].value) <= ROUNDED
    return passed + params if whole else None


# --- habits ------------------------------------------------------------------------------------------------------


def first_habits(context: Context) -> Habits:
    """What the text alone says of how the network is written."""
    pools = context.says("pools") and not context.says("no_pools") and not context.says("strided")
    return Habits(
        bias=False if context.says("no_bias") else None,
        dilated=context.says("dilated"),
        grouped=context.says("grouped"),
        hidden_pool=1.2 if pools else 9.0,
        hidden_upsample=2.5 if context.says("upsamples") else 9.0,
        reuse=2.5 if context.says("upsamples") or context.says("concatenates") else 5.0,
        wide_stem=context.says("wide_stem"),
    )


def learned_habits(reading: Reading, habits: Habits, skip: int = 0) -> Habits:
    """Habits that a reading shows, but for its first convolutions, on top of those that the text gave."""
    convs = [d.fit for d in reading.decisions if d.fit and d.fit.op == "conv"][skip:]
    biases = Counter(bool(conv["bias"]) for conv in convs)
    plain = [conv for conv in convs if isinstance(conv["kernel_size"], int) and isinstance(conv["padding"], int)]
    plain = [conv for conv in plain if conv["kernel_size"] > 1 and conv["dilation"] == 1]
    paddings: dict[int, Counter[int]] = {}
    for conv in plain:
        paddings.setdefault(conv["kernel_size"], Counter())[conv["padding"]] += 1
    keeps = sum(2 * conv["padding"] + 1 == conv["kernel_size"] for conv in plain)
    valid = sum(conv["padding"] == 0 for conv in plain)
    grouped = sum(isinstance(conv["groups"], int) and conv["groups"] > 1 for conv in convs)
    used = {d.source for d in reading.decisions if d.source < 0 and d.forced}
    hidden = {reading.hidden[-ref - 1].op for ref in used}
    pools = "max_pool" in hidden
    grows = any(d.item.op in ("conv_transpose", "upsample") for d in reading.decisions)
    stem = convs[0]["kernel_size"] if convs else 0
    return replace(
        habits,
        bias=habits.bias if habits.bias is not None else majority(biases),
        padding=tuple(sorted((k, p) for k, c in paddings.items() if (p := majority(c)) is not None)),
        pads=None if keeps == valid else keeps > valid,
        grouped=habits.grouped or grouped > 1,
        factored=sum(isinstance(conv["kernel_size"], tuple) for conv in convs) > 1,
        hidden_pool=0.2 if pools else habits.hidden_pool,
        hidden_upsample=1.0 if "upsample" in hidden else habits.hidden_upsample,
        reuse=1.5 if "concat" in hidden or grows else habits.reuse,
        wide_stem=habits.wide_stem or (isinstance(stem, int) and stem >= 7 and convs[0]["stride"] != 1),
    )


def majority(counts: Counter[T]) -> T | None:
    """The value that more than half of the votes have."""
    value, votes = counts.most_common(1)[0] if counts else (None, 0)
    return value if 2 * votes > counts.total() else None


# --- kernels that are not square ---------------------------------------------------------------------------------


def alternate(reading: Reading, habits: Habits) -> None:
    """Turns kernels such as 1x7, whose orientation nothing shows, so that each crosses the one in front of it, as
    factorised convolutions do."""
    tall: dict[int, bool] = {}
    for number, decision in enumerate(reading.decisions):
        fit, item = decision.fit, decision.item
        before = tall.get(decision.source)
        kernel = fit["kernel_size"] if fit and fit.op == "conv" else None
        if isinstance(kernel, tuple) and len(set(kernel)) > 1 and item.shape:
            if before is not None and before == (kernel[0] > kernel[-1]) and not item.row.kernel:
                found = fits(item.row.type, reading.shapes[decision.source], item.shape, item.params, habits)
                turned = [f for f in found if f["kernel_size"] == kernel[::-1] and f.cost <= found[0].cost + 0.01]
                if turned:
                    reading.decisions[number] = replace(decision, fit=turned[0])
                    kernel = kernel[::-1]
            tall[item.place] = kernel[0] > kernel[-1]
        elif before is not None and item.op and LAYERS[item.op].pointwise:
            tall[item.place] = before


# --- containers --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    """A container: the places of its first leaf and of the container's own row, and its class."""

    first: int
    row: int
    type: str


def find_blocks(items: Sequence[Item]) -> list[Block]:
    """Containers and where they begin: as a tree says, or for containers of one class that follow one another, where
    the layers that all of them share begin."""
    blocks = []
    by_type: dict[str, list[int]] = {}
    for item in items:
        if item.op is None:
            if item.row.first is not None:
                blocks.append(Block(item.row.first + 1, item.place, item.row.type))
            else:
                by_type.setdefault(item.row.type, []).append(item.place)
    for name, rows in by_type.items():
        gaps = [[i.place for i in items[a:b] if i.op] for a, b in zip([0, *rows], rows, strict=False)]
        template = min(gaps[1:], key=len, default=[])
        kinds = [items[place - 1].row.type for place in template]
        for row, places in zip(rows, gaps, strict=True):
            first = aligned(items, places, kinds)
            if first is not None:
                blocks.append(Block(with_projection(items, places, first), row, name))
    return sorted(blocks, key=lambda block: (block.row, block.first))


def with_projection(items: Sequence[Item], places: Sequence[int], first: int) -> int:
    """The beginning of a block, moved to a shortcut's convolution (and norm) that stands in front of the rest."""
    front = [place for place in places if place < first]
    ops = [items[place - 1].op for place in front]
    return front[0] if ops in (["conv"], ["conv", "batch_norm"]) else first


def aligned(items: Sequence[Item], places: Sequence[int], kinds: Sequence[str]) -> int | None:
    """Where the template's classes begin among the places, matched from the end with others in between."""
    left, first = list(kinds), None
    for place in reversed(places):
        if left and items[place - 1].row.type == left[-1]:
            left.pop()
            first = place
    return None if left or first is None else first


def add_shortcuts(reading: Reading, items: Sequence[Item], blocks: Sequence[Block]) -> list[Block]:
    """Adds the shortcuts that no shape shows: in blocks whose class is residual by name, or whose like have a visible
    one. Changes the reading; returns the blocks that got one."""
    graph = _Readers(reading)
    summed = {(block.first, block.row) for block in blocks if graph.sums_within(block)}
    visible = {block.type for block in blocks if (block.first, block.row) in summed}
    given = []
    for block in blocks:
        residual = block.type in visible or RESIDUAL.search(block.type) is not None
        leaves = [place for place in range(block.first, block.row) if place in graph.sources]
        residual = residual and sum(items[place - 1].op == "conv" for place in leaves) > 1
        if not residual or not leaves or (block.first, block.row) in summed:
            continue
        entry, last = graph.sources[leaves[0]], leaves[-1]
        active = items[last - 1].op in ACTIVATIONS and len(leaves) > 1 and graph.sources[last] > 0
        end = graph.sources[last] if active else last
        shape = reading.shapes.get(last)
        if shape and entry != end and shape == reading.shapes.get(entry) == reading.shapes.get(end):
            total = graph.add(entry, end)
            if active:
                graph.sources[last] = total
            else:
                graph.redirect(end, total, block.row)
            given.append(block)
    reading.decisions[:] = [replace(d, source=graph.sources[d.item.place]) for d in reading.decisions]
    return given


class _Readers:
    """Who reads what in a reading, kept so that a map can be replaced behind a place."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.sources = {d.item.place: d.source for d in reading.decisions}
        self.direct: dict[int, list[int]] = {}
        self.within: dict[int, list[int]] = {}
        self.first_reader: dict[int, int] = {}
        for place, source in self.sources.items():
            self.direct.setdefault(source, []).append(place)
            self.note(source, place)

    def note(self, ref: int, place: int) -> None:
        """Remembers the first row that reads a hidden map, and what that map is made of."""
        waiting = [ref]
        while waiting:
            ref = waiting.pop()
            if ref < 0 and ref not in self.first_reader:
                self.first_reader[ref] = place
                for given in self.reading.hidden[-ref - 1].inputs:
                    self.within.setdefault(given, []).append(ref)
                    waiting.append(given)

    def sums_within(self, block: Block) -> bool:
        """Whether a sum of maps made inside a block stands in it or right behind it."""
        made = (ref for place in range(block.first, block.row) for ref in self.within.get(place, ()))
        return any(self.reading.hidden[-ref - 1].op == "add" for ref in made)

    def add(self, entry: int, end: int) -> int:
        shape = self.reading.shapes[end]
        self.reading.hidden.append(Hidden("add", (), (entry, end), shape))
        total = -len(self.reading.hidden)
        self.reading.shapes[total] = shape
        return total

    def redirect(self, old: int, new: int, row: int) -> None:
        """Makes everything behind a container read the sum instead of the container's last layer."""
        for place in self.direct.get(old, ()):
            if place > row:
                self.sources[place] = new
                self.direct.setdefault(new, []).append(place)
        for ref in self.within.get(old, ()):
            hidden = self.reading.hidden[-ref - 1]
            if self.first_reader[ref] > row:
                inputs = tuple(new if given == old else given for given in hidden.inputs)
                self.reading.hidden[-ref - 1] = hidden._replace(inputs=inputs)
                self.within.setdefault(new, []).append(ref)
        if self.reading.last == old:
            self.reading.last = new


# --- nodes -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Assembly:
    """The network's nodes, and for each of them the decision that it comes from (None: it left no row)."""

    image: Shape
    nodes: tuple[Node, ...]
    decisions: tuple[Decision | None, ...]


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
        self.decisions: list[Decision | None] = []
        self.index: dict[int, int] = {0: 0}
        self.names: set[str] = {"input"}

    def assembly(self) -> Assembly:
        """Raises RfcalcError where a layer cannot be made."""
        for number, decision in enumerate(self.reading.decisions, 1):
            assert decision.fit is not None
            index = decision.item.row.index
            name = f"{decision.fit.op}{index if isinstance(index, int) else number}"
            self.end_containers(decision.item.place)
            self.hidden(decision.source, name)
            self.ended.clear()
            layer = make(decision.fit.op, len(self.image.sizes), **dict(decision.fit.settings))
            self.place(decision.item.place, Node(self.unique(name), layer, (self.index[decision.source],)), decision)
        self.end_containers(None)
        self.hidden(self.reading.last, "end")
        return Assembly(self.image, tuple(self.nodes), tuple(self.decisions))

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
            node = self.nodes[-1]
            self.nodes[-1] = replace(node, containers=(*node.containers, self.ended.pop(0).type))

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
                node = Node(name, layer, tuple(self.index[i] for i in hidden.inputs), functional=not layer.joins)
                self.place(ref, node, None)

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
            if shape != decision.item.shape or row.params != decision.item.params:
                found.append((decision, f"would make {row.out} with {row.params:,} parameters"))
    names = {node.name: decision for node, decision in zip(assembly.nodes, assembly.decisions, strict=True)}
    for problem in problems:
        name, _, fact = problem.partition(" (")
        decision = names.get(name) or next(d for d in assembly.decisions if d)
        found.append((decision, fact.partition("): ")[2] or problem))
    return found
