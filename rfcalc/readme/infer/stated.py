"""Layers that a document states itself, in a table with kernels, a list or code, as a network: row by row, each layer
by the settings that stand there, what is open by sizes and jumps, then by torch's defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from ...engine.arch import image_axes
from ...engine.geometry import FeatureMap, Number
from ...engine.layers import LAYERS
from ...engine.layers.base import make
from ...errors import RfcalcError
from ..read.context import Context
from ..read.facts import LayerFact, StatedModel
from ..read.headings import WINDOW_SETTINGS
from ..read.printout import Printout, Total
from ..read.rows import PrintedRow
from . import costs
from .inference import Unexplained
from .priors import PRINTED, Shape, candidate
from .states import Decision, Hidden, Item, Reading

POINTWISE_OPS = (
    ("batch|bn", "batch_norm"), ("layer.?norm", "layer_norm"), ("instance", "instance_norm"), ("leaky", "leaky_relu"),
    ("relu6", "relu6"), ("gelu", "gelu"), ("silu|swish", "silu"), ("relu", "relu"), ("log.?soft", "log_softmax"),
    ("soft", "softmax"), ("sigmoid", "sigmoid"), ("tanh", "tanh"), ("drop", "dropout"),
)  # fmt: skip
"""Words for layers that leave a map as it is, in the order in which they are tried; any other is an identity."""


class Builder:
    """The layers so far, and the map that the next one reads."""

    def __init__(self, model: StatedModel, image: Shape) -> None:
        self.model, self.shape, self.image = model, image, image
        self.ends = [0]
        """What comes out of each row, as the reading numbers it; the image first."""
        self.stated: list[dict[str, Number | None]] = [{"r": 1, "j": 1}]
        """The field and the jump that each row states of what comes out of it."""
        self.reads: dict[int, tuple[int, ...]] = {}
        """The rows that each one reads."""
        self.loose: dict[int, None] = {}
        """Those that none reads yet, in order."""
        self.blocks: dict[str, int] = {}
        """The first row of each block that names show."""
        for place, fact in enumerate(model.facts, 1):
            for block in accumulate(name_parts(fact)[:-1], "{}.{}".format):
                self.blocks.setdefault(block, place)
        self.reading = Reading([], [], 0, 0.0, {0: image})
        self.rows: list[PrintedRow] = []
        self.unexplained: list[Unexplained] = []
        self.other_sizes: list[str] = []
        self.guessed: list[str] = []
        """Joins whose other map no figure tells."""
        self.biased = bias_of(model)

    def build(self) -> None:
        """All rows; stops at the first that stays unexplained."""
        rows = self.model.graph or tuple((fact, (place,)) for place, fact in enumerate(self.model.facts))
        for place, (fact, reads) in enumerate(rows):
            follows = place + 1 < len(rows) and rows[place + 1][1] == (place + 1,)
            below = rows[place + 1][0] if follows else None
            try:
                self.enter(fact, reads if self.model.graph else self.read_by(fact))
                for op, settings in self.layers(fact, below):
                    self.place(fact, op, settings)
            except RfcalcError as error:
                row = PrintedRow(fact.number, fact.torch or fact.kind, None, None, fact.line)
                self.unexplained.append(Unexplained(row.index, fact.name or row.label, fact.line, str(error)))
                return
            self.loose[len(self.ends)] = None
            self.ends.append(self.reading.last)
            self.stated.append({q: fact.cells.get(f"{q}_out", fact.cells.get(q)) for q in ("r", "j")})
            self.compare(fact)

    def read_by(self, fact: LayerFact) -> tuple[int, ...]:
        """The rows of a table that a row reads: the one above, unless that makes other figures than those which come
        in by its own words. Then a row that makes them, or the ends of all branches together."""
        last = len(self.ends) - 1
        if fact.kind == "join":
            return self.joined_by(fact, last)
        given = {q: fact.cells[f"{q}_in"] for q in ("ch", "n", "r", "j") if f"{q}_in" in fact.cells}
        loose = list(self.loose)
        fields = [self.stated[place]["r"] or 0 for place in loose]
        fitting = next((place for place in range(last, -1, -1) if self.makes(place, given)), None)
        reads: tuple[int, ...] = (last,)
        if fitting is not None and (fitting != last or not given):
            whole = "ch" not in given and fitting in loose and self.stated[fitting]["r"] == max(fields)
            reads = tuple(loose) if whole and given else (fitting,)
        elif fitting is None and given.get("ch") == sum(self.map_of(place).channels for place in loose):
            reads = tuple(loose)
        return reads

    def joined_by(self, fact: LayerFact, last: int) -> tuple[int, ...]:
        """The rows of a table that a join reads: the ends of all branches; else beside the row above what its own block
        reads, the block being known by the names, or for channels that are missing the latest map that has them."""
        op, above = join_of(fact), self.map_of(last)
        missing = int(fact.cells.get("ch_out", 0)) - (above.channels if op == "concat" else 0)
        ends = tuple(place for place in self.loose if self.map_of(place).sizes == above.sizes)
        if len(ends) > 1 and (op == "concat" or all(self.map_of(place) == above for place in ends)):
            return ends
        latest = range(last - 1, -1, -1) if op == "concat" else ()
        entry = self.reads.get(self.blocks.get(".".join(name_parts(fact)[:-1]), 0), ())
        found = next((i for i in (*entry, *latest) if self.map_of(i) == Shape(missing, above.sizes)), None)
        if found is None:
            return (last,)
        self.guessed.append(fact.name.split()[0])
        return found, last

    def makes(self, place: int, given: Mapping[str, Number]) -> bool:
        """Whether what comes out of a row is what comes in of another, as far as both are known."""
        shape = self.map_of(place)
        made = {**self.stated[place], "ch": shape.channels, "n": shape.sizes[0] if shape.sizes else None}
        return all(made[quantity] in (None, value) for quantity, value in given.items())

    def map_of(self, place: int) -> Shape:
        return self.reading.shapes[self.ends[place]]

    def enter(self, fact: LayerFact, reads: Sequence[int]) -> None:
        """The map that a row reads: one of another row, or a join of several."""
        self.reads[len(self.ends)] = tuple(reads)
        for place in reads:
            self.loose.pop(place, None)
        self.reading.last = self.ends[reads[0]]
        self.shape = self.reading.shapes[self.reading.last]
        if len(reads) > 1:
            op = join_of(fact)
            refs = tuple(self.ends[place] for place in reads)
            maps = [self.reading.shapes[ref] for ref in refs]
            made = make(op, len(self.image.sizes)).output([feature_map(shape) for shape in maps])
            self.hide(op, refs, Shape(made.channels, () if made.flat else made.sizes))

    def place(self, fact: LayerFact, op: str, settings: Mapping[str, Any]) -> None:
        """One layer more: what it makes by the engine, and its count."""
        axes, given = len(self.image.sizes), self.shape
        settings = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
        for key, value in settings.items():
            if isinstance(value, tuple) and key in WINDOW_SETTINGS and len(value) != axes:
                raise RfcalcError(f"{key} {value} is of {len(value)} axes, the input has {axes}")
        if op == "linear" and not given.flat and "n_in" not in fact.cells:
            self.hide("flatten", (self.reading.last,), Shape(given.elements, ()))
            given = self.shape
        if given.flat and (op.startswith("conv") or "pool" in op):
            raise RfcalcError(f"{op} reads a map, and {given.channels} units without sizes come in")
        layer = make(op, axes, **settings)
        x = feature_map(given)
        if fact.cells.get("ch_in") not in (None, given.channels) and op in ("conv", "linear", "conv_transpose"):
            raise RfcalcError(f"takes {fact.cells['ch_in']} channels, the layer above makes {given.channels}")
        out = layer.output((x,))
        self.shape = Shape(out.channels, () if out.flat else out.sizes)
        known = {key: fact.cells[key] for key in WINDOW_SETTINGS if key in fact.cells}
        if op == "conv":  # what a description leaves out is as by default
            known |= {"stride": 1, "dilation": 1, "groups": 1, **settings}
        elif op == "upsample":
            known["mode"] = settings.get("mode", "nearest")
        known = {key: value for key, value in known.items() if key in (*WINDOW_SETTINGS, "mode")}
        params, printed = layer.params(x), (self.shape.channels, *self.shape.sizes)
        row = PrintedRow(
            fact.number, layer.torch_class(x), printed, params, fact.line, known=tuple(known.items()),
            recursive=fact.again,
        )  # fmt: skip
        self.rows.append(row)
        item = Item(len(self.rows), row, op, self.shape, params)
        self.reading.decisions.append(Decision(item, self.reading.last, candidate(op, 0.0, **settings), True))
        self.reading.last = item.place
        self.reading.shapes[item.place] = self.shape

    def hide(self, op: str, inputs: tuple[int, ...], shape: Shape) -> None:
        """An operation that leaves no row: a join, a flatten in front of a linear layer."""
        self.shape = shape
        self.reading.hidden.append(Hidden(op, (), inputs, shape))
        self.reading.last = -len(self.reading.hidden)
        self.reading.shapes[self.reading.last] = shape

    def compare(self, fact: LayerFact) -> None:
        """Remembers a stated size that the layers do not make."""
        stated = fact.cells.get("n_out", fact.cells.get("n"))
        if stated is not None and self.shape.sizes and stated != self.shape.sizes[0] and fact.kind != "input":
            self.other_sizes.append(f"row {fact.number} makes {self.shape.sizes[0]}, the text says {stated}")

    # --- what a row is ---

    def layers(self, fact: LayerFact, below: LayerFact | None) -> Iterator[tuple[str, dict[str, Any]]]:
        """The layers of a row: rfcalc's type, and the settings."""
        axes = int(match[1]) if (match := re.search(r"([123])[dD]$", fact.torch)) else len(self.image.sizes)
        if axes != len(self.image.sizes) and fact.kind in ("conv", "pool"):
            raise RfcalcError(f"{fact.torch} works along {axes} axes, the input has {len(self.image.sizes)}")
        if fact.several and fact.worded:
            raise RfcalcError("the row stands for several layers")
        if fact.kind == "conv":
            yield from self.convolution(fact, below)
        elif fact.kind == "pool":
            yield self.pool(fact, below)
        elif fact.kind == "global":
            word = "max" if re.search(r"max|gmp", f"{fact.torch} {fact.name}", re.IGNORECASE) else "avg"
            size = stated_size(fact, below)
            if "adaptive" in fact.name.lower() and size not in (None, 1):
                yield f"adaptive_{word}_pool", {"output_size": size}
            else:
                yield f"global_{word}_pool", {}
        elif fact.kind == "flat":
            yield from self.flat(fact)
        elif fact.kind == "pointwise":
            yield pointwise(fact)
        elif "conv_transpose" in operations(fact) and not fact.torch:
            window = {**self.window(fact, below), "bias": self.bias(fact)}
            yield "conv_transpose", {"out_channels": int(fact.cells["ch_out"]), **window}
        elif fact.kind != "input" and not (fact.kind == "join" and self.reading.last < 0):
            yield named_layer(fact)
        activation = dict(fact.settings).get("activation")  # what Keras adds to a layer
        if isinstance(activation, str) and activation in LAYERS:
            yield activation, {}
        yield from ((op, {}) for op in operations(fact)[1:])

    def convolution(self, fact: LayerFact, below: LayerFact | None) -> Iterator[tuple[str, dict[str, Any]]]:
        given, cells = self.shape.channels, fact.cells
        window = self.window(fact, below)
        if fact.torch.startswith("Separable"):
            yield "conv", {"out_channels": given, **window, "groups": given, "bias": False}
            window = {"kernel_size": 1}
        groups = given if fact.torch.startswith("Depthwise") else int(cells.get("groups", 1))
        out = cells.get("ch_out", given if groups == given != 1 else None)
        if out is None:
            raise RfcalcError("its output channels are not stated")
        grouped = {"groups": groups} if groups != 1 else {}
        yield "conv", {"out_channels": int(out), **window, **grouped, "bias": self.bias(fact)}

    def pool(self, fact: LayerFact, below: LayerFact | None) -> tuple[str, dict[str, Any]]:
        average = re.search(r"av(?:g|erage)|mean", f"{fact.torch} {fact.name}", re.IGNORECASE)
        window = self.window(fact, below)
        window.pop("dilation", None)
        op = "avg_pool" if average else "max_pool"
        out = make(op, len(self.image.sizes), **window).output((feature_map(self.shape),))
        rounded = self.shape.sizes and stated_size(fact, below) == out.sizes[0] + 1  # no smaller padding was found
        window |= {"ceil_mode": True} if rounded or dict(fact.settings).get("ceil_mode") is True else {}
        return op, window

    def flat(self, fact: LayerFact) -> Iterator[tuple[str, dict[str, Any]]]:
        flattens = re.search(r"flatten|view|reshape", fact.torch or fact.name, re.IGNORECASE)
        if "ch_out" in fact.cells and not flattens:
            yield "linear", {"out_features": int(fact.cells["ch_out"]), "bias": self.bias(fact)}
        elif not flattens:
            raise RfcalcError("its output features are not stated")
        elif not self.shape.flat:
            yield "flatten", {}

    def bias(self, fact: LayerFact) -> bool:
        """Whether a layer has biases: as stated, as its own count shows, as the other rows' do."""
        shown = bias_shown(fact, self.shape)
        return bool(fact.cells.get("bias", self.biased if shown is None else shown))

    # --- windows ---

    def window(self, fact: LayerFact, below: LayerFact | None) -> dict[str, Any]:
        """Kernel, stride, padding and dilation, those that are as by default left out."""
        cells = fact.cells
        kernel = cells.get("kernel_size")
        if not isinstance(kernel, int) or kernel < 1:
            raise RfcalcError("its kernel is not stated")
        dilation = int(cells.get("dilation", 1))
        n = self.shape.sizes[0] if self.shape.sizes else None
        m = stated_size(fact, below)
        stride = stride_of(fact, kernel, n, m)
        usual = {"stride": kernel if fact.kind == "pool" else 1, "dilation": 1, "padding": 0}
        found = {"kernel_size": kernel, "stride": stride, "dilation": dilation}
        found["padding"] = self.padding(fact, (kernel, stride, dilation), n, m)
        return {key: value for key, value in found.items() if usual.get(key) != value}

    def padding(self, fact: LayerFact, window: tuple[int, int, int], n: int | None, m: Number | None) -> Any:
        if fact.same:
            return "same" if window[1] == 1 else "tf_same"
        if isinstance(stated := fact.cells.get("padding"), int):
            return stated
        kernel, stride, dilation = window
        spread = dilation * (kernel - 1)
        keeps = spread // 2
        if n is None or m is None or spread > costs.LARGEST_SPREAD:
            return 0 if fact.kind == "pool" or spread > costs.LARGEST_SPREAD else keeps
        return next((p for p in (0, keeps, *range(spread)) if (n + 2 * p - spread - 1) // stride + 1 == m), keeps)


def operations(fact: LayerFact) -> list[str]:
    """What a row does by our own tables' words, one after the other: conv1 conv, relu."""
    words = fact.name.rsplit(" ", fact.name.count(", ") + 1)[-fact.name.count(", ") - 1 :]
    found = [word.rstrip(",") for word in words]
    return found if not fact.torch and set(found) <= LAYERS.keys() else []


def feature_map(shape: Shape) -> FeatureMap:
    return FeatureMap(shape.channels, image_axes(shape.sizes))


def join_of(fact: LayerFact) -> str:
    """What a row does with several maps: as its name says, else one after the other."""
    word = re.search(r"\b(add|multiply)\b", fact.name) if fact.kind == "join" else None
    return word[1] if word else "concat"


def name_parts(fact: LayerFact) -> list[str]:
    """A layer's name as the blocks that it stands in, and its own."""
    return fact.name.partition(" ")[0].split(".")


def pointwise(fact: LayerFact) -> tuple[str, dict[str, Any]]:
    """A norm, an activation or dropout, by torch's class or by its name."""
    settings = dict(fact.settings)
    if fact.torch == "GroupNorm" and isinstance(settings.get("num_groups"), int):
        return "group_norm", {"num_groups": settings["num_groups"]}
    if fact.torch in PRINTED and fact.torch != "GroupNorm":
        return PRINTED[fact.torch], {}
    words = f"{fact.torch} {settings.get('activation', '')} {fact.name}"
    return next((op for pattern, op in POINTWISE_OPS if re.search(pattern, words, re.IGNORECASE)), "identity"), {}


def named_layer(fact: LayerFact) -> tuple[str, dict[str, Any]]:
    """A layer of another kind by torch's class and the arguments of its call."""
    op = PRINTED.get(fact.torch)
    if fact.kind == "join":
        raise RfcalcError("which maps it joins is not stated")
    if op is None or op == "pad" or LAYERS[op].joins:
        raise RfcalcError(f"rfcalc cannot tell what it does{f': {fact.torch}' if fact.torch else ''}")
    words = {"ch_out": "out_channels"}
    known = {words.get(key, key): value for key, value in fact.settings if value is not None and key != "ch_in"}
    return op, {key: list(value) if isinstance(value, tuple) else value for key, value in known.items()}


def stated_size(fact: LayerFact, below: LayerFact | None) -> Number | None:
    """The size after a row: its own, or the one that the next row says comes in."""
    own = fact.cells.get("n_out", fact.cells.get("n"))
    return own if own is not None or below is None else below.cells.get("n_in")


def stride_of(fact: LayerFact, kernel: int, n: int | None, m: Number | None) -> int:
    """The stated stride; else by jumps, by sizes, and by torch's default."""
    cells = fact.cells
    if isinstance(stride := cells.get("stride"), int) and stride > 0:
        return stride
    before, after = cells.get("j_in"), cells.get("j_out")
    if isinstance(before, int) and isinstance(after, int) and before > 0 and after % before == 0:
        return after // before or 1
    if n and isinstance(m, int) and m > 1:
        return max(1, n // m)
    return kernel if fact.kind == "pool" else 1


def bias_shown(fact: LayerFact, given: Shape | None = None) -> bool | None:
    """Whether a row's count has biases in it; None where it states none, or no such one."""
    cells = fact.cells
    channels, groups = cells.get("ch_in", given.channels if given else None), cells.get("groups", 1)
    stated, out = cells.get("params"), cells.get("ch_out")
    if groups < 1 or channels is None or stated is None or out is None or fact.kind not in ("conv", "flat", "resample"):
        return None
    taps = 1 if fact.kind == "flat" else cells.get("kernel_size", 1) ** 2
    weights = taps * channels * out // groups
    return {weights: False, weights + out: True}.get(stated)


def bias_of(model: StatedModel) -> bool:
    """Whether convolutions have biases where nothing says it of them: as the first that shows it, else torch's way; a
    listing names all that it counts."""
    return next((shown for fact in model.facts if (shown := bias_shown(fact)) is not None), model.form != "listing")


def buildable(model: StatedModel) -> bool:
    """Whether a model states enough to build layers of: convolutions with kernels and channels."""
    convs = [fact for fact in model.facts if fact.kind == "conv"]
    return len(convs) > 1 and all("kernel_size" in f.cells and ("ch_out" in f.cells or f.torch) for f in convs)


def stated_input(model: StatedModel, context: Context, image: Sequence[int] | None) -> Shape:
    """The input: as the caller says, as the first row does, or the data set's that the text names."""
    if image:
        return Shape(image[0], tuple(image[1:]))
    first = next((fact for fact in model.facts if fact.kind not in ("pointwise", "other")), model.facts[0])
    cells = first.cells
    given = cells.get("ch_out", cells.get("ch")) if first.kind == "input" else cells.get("ch_in")
    sizes = [axis[first.number - 1 if first in axis else 0].cells for axis in model.axes]
    own = [c.get("n_in", c.get("n_out", c.get("n")) if first.kind == "input" else None) for c in sizes]
    named = context.image
    if given is None and named and own[0] in (None, named[1]):
        given = named[0]
    if own[0] is None and named and given == named[0]:
        own = list(named[1:])
    if given is None or own[0] is None:
        what = "channels" if given is None else "size"
        raise RfcalcError(f"line {first.line}: the input's {what} is not stated: state the input with --input")
    axes = int(match[1]) if (match := re.search(r"([123])[dD]$", first.torch)) else 2
    return Shape(int(given), tuple(int(n or 0) for n in (own * axes)[:axes]))


def printout_of(builder: Builder) -> Printout:
    """The rows as a print would have them."""
    model = builder.model
    exact = model.total if model.total and model.total.step == 1 and model.total.relation == "=" else None
    total = {"params": Total(str(int(exact.value)), exact.line)} if exact else {}
    return Printout(model.form, tuple(builder.rows), total, model.line, lines=model.lines)


def notes_of(builder: Builder) -> tuple[str, ...]:
    """What was taken for granted, and stated sizes that the layers do not make."""
    model, notes = builder.model, []
    convs = [fact for fact in model.facts if fact.kind == "conv"]
    told = model.form in ("code", "listing") or model.states("params")
    if not told and any("bias" not in fact.cells for fact in convs):
        notes.append("biases are not stated: taken as torch's default, with them")
    if any("padding" not in fact.cells and not fact.same for fact in convs) and not model.states("n_out"):
        notes.append("paddings are not stated: taken so that convolutions keep their maps")
    if builder.guessed:
        names = ", ".join([*builder.guessed[: costs.NOTED_ROWS], *["…"][: len(builder.guessed) - costs.NOTED_ROWS]])
        notes.append(f"what {names} joins is taken from names: the input of its block, or the latest map that fits")
    if builder.other_sizes:
        notes.append("; ".join(builder.other_sizes[: costs.NOTED_ROWS]))
    return tuple(notes)
