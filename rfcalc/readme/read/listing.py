"""A network written out in a line of text, C1(in = 3, out = 16, kernel = 3) -> POOL1(16, 16, 3, stride = 2) -> …, with
fields and sizes noted after it: as layers, and as a network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ...engine.arch import Arch, Node, Row, walk
from ...engine.layers.base import make
from ...errors import SettingError
from .text import LONGEST_LINE, Line, clean

ARROW = re.compile(r"\s*(?:-{1,3}>|=>|→|➡|⇒|⟶|>>)\s*")
LAYER = re.compile(r"(?P<name>[A-Za-z][A-Za-z_]{0,20}\d{0,4})\s{0,3}\((?P<arguments>[^()]{0,120})\)")
NOTE = re.compile(r"#?\s*\b(?P<what>RF|receptive field|size)\s*[=:]\s*(?P<number>\d{1,9})", re.IGNORECASE)
ONE_BY_ONE = re.compile(r"followed by (?:a )?1\s*[x×]\s*1", re.IGNORECASE)
NORM = re.compile(r"\bbn\b|batch[\s-]?norm", re.IGNORECASE)
EVERYWHERE = re.compile(r"(?:every|each|all)\b.{0,20}layer", re.IGNORECASE)
SEPARABLE = re.compile(r"depth[\s-]?wise\s+separable", re.IGNORECASE)
PADDING_FOR_ALL = re.compile(
    r"padding\W{1,4}(?:is|=|of)?\W{0,3}(?P<padding>\d)\W{0,3}.{0,12}\b(?:all|every|each)\b", re.IGNORECASE
)
KINDS = {
    "conv": re.compile(r"^(?:c|cnv|conv\w*|dw\w*|pw\w*|layer|convblock)\d*$", re.IGNORECASE),
    "global_avg_pool": re.compile(r"^(?:gap|globalavg\w*|global_avg\w*)\d*$", re.IGNORECASE),
    "avg_pool": re.compile(r"^(?:avg\w*|ap)\d*$", re.IGNORECASE),
    "max_pool": re.compile(r"^(?:max\w*|pool\w*|mp)\d*$", re.IGNORECASE),
    "linear": re.compile(r"^(?:fc|linear|dense)\d*$", re.IGNORECASE),
}
WORDS = {
    "in": "in_channels", "out": "out_channels", "kernel": "kernel_size", "k": "kernel_size", "ks": "kernel_size",
    "s": "stride", "p": "padding", "pad": "padding", "d": "dilation", "dil": "dilation", "g": "groups",
    "group": "groups", "in_ch": "in_channels", "out_ch": "out_channels", "filter": "kernel_size",
}  # fmt: skip
POSITIONS = ("in_channels", "out_channels", "kernel_size", "stride", "padding")


@dataclass(frozen=True, slots=True)
class ListedLayer:
    """One layer of a listing: its stated settings, and whether a 1x1 convolution is said to follow it."""

    name: str
    op: str
    settings: dict[str, int]
    line: int
    pointwise: bool = False

    @property
    def depthwise_like(self) -> bool:
        return self.op == "conv" and self.settings.get("groups", 1) > 1


@dataclass(frozen=True, slots=True)
class ListedNote:
    """A field or size that a line states for the map after the layers in front of it."""

    what: str
    stated: int
    after: int
    line: int
    label: str


@dataclass(frozen=True)
class Listing:
    """A network written out in text. `norms`: batch norm is said to follow every layer; `separable` names the layers
    called depthwise separable; `padding` is the one said to be every layer's."""

    layers: tuple[ListedLayer, ...]
    notes: tuple[ListedNote, ...]
    lines: frozenset[int]
    norms: bool = False
    separable: frozenset[str] = frozenset()
    padding: tuple[int, int] | None = None
    mentioned: tuple[tuple[str, int], ...] = field(default=())


def find_listing(lines: Sequence[Line]) -> Listing | None:
    """The network listed in the text; None where fewer than three layers with channels stand in lines with arrows."""
    layers: list[ListedLayer] = []
    notes: list[ListedNote] = []
    used: set[int] = set()
    for line in lines:
        text = line.text
        if len(text) > LONGEST_LINE or "(" not in text or not (ARROW.search(text) or (layers and NOTE.search(text))):
            continue
        found = list(read_layers(text, line.number))
        if found:
            layers += found
            used.add(line.number)
            label = text.partition("=")[0].strip() if "=" in text.partition("(")[0] else ""
            for note in NOTE.finditer(text):
                what = "size" if note["what"].lower() == "size" else "receptive_field"
                notes.append(ListedNote(what, int(note["number"]), len(layers), line.number, clean(label)[:40]))
    if sum("out_channels" in layer.settings and layer.op == "conv" for layer in layers) < 3:
        return None
    return with_remarks(layers, notes, used, lines)


def with_remarks(
    layers: Sequence[ListedLayer], notes: Sequence[ListedNote], used: set[int], lines: Iterable[Line]
) -> Listing:
    """The listing with what the sentences around it say of its layers."""
    names, norms, separable, padding = {layer.name for layer in layers}, False, set[str](), None
    prefix = re.compile(r"\b" + re.sub(r"\d+$", "", layers[0].name) + r"\d{1,3}\b")
    mentioned: dict[str, int] = {}
    for line in lines:
        if line.number in used or len(line.text) > LONGEST_LINE or line.code:
            continue
        norms = norms or bool(NORM.search(line.text) and EVERYWHERE.search(line.text))
        named = prefix.findall(line.text)
        for name in named:
            if name not in names:
                mentioned.setdefault(name, line.number)
        if SEPARABLE.search(line.text):
            before = line.text[: SEPARABLE.search(line.text).end()]  # type: ignore[union-attr]
            separable |= set(prefix.findall(before))
        if padding is None and (match := PADDING_FOR_ALL.search(line.text)):
            padding = (int(match["padding"]), line.number)
    return Listing(
        tuple(layers), tuple(notes), frozenset(used), norms, frozenset(separable), padding, tuple(mentioned.items())
    )


def read_layers(text: str, line: int) -> Iterator[ListedLayer]:
    """The layers of one line, each with the words between it and the next."""
    matches = list(LAYER.finditer(text))
    for number, match in enumerate(matches):
        op = next((op for op, pattern in KINDS.items() if pattern.match(match["name"])), None)
        settings = read_arguments(match["arguments"], op)
        if op is None or not settings:
            continue
        end = matches[number + 1].start() if number + 1 < len(matches) else len(text)
        follows = bool(ONE_BY_ONE.search(text[match.end() : end]))
        yield ListedLayer(match["name"], op, settings, line, follows)


def read_arguments(arguments: str, op: str | None) -> dict[str, int]:
    """Settings by position (in, out, kernel, stride, padding; of a pool kernel, stride) and by name."""
    settings: dict[str, int] = {}
    plain = []
    for part in arguments.split(","):
        key, equals, value = part.rpartition("=")
        number = re.fullmatch(r"\s*(\d{1,6})(?:\s*[x×]\s*\d{1,6})?\s*", value)
        if number is None:
            continue
        if equals:
            word = re.sub(r"[\s-]+", "_", key.strip().lower())
            settings[WORDS.get(word, word)] = int(number[1])
        else:
            plain.append(int(number[1]))
    positions = POSITIONS if op == "conv" or len(plain) > 2 else ("kernel_size", "stride")
    if op == "linear":
        positions = ("in_channels", "out_channels")
    return dict(zip(positions, plain, strict=False)) | settings


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to read what a listing leaves open."""

    bias: bool = False
    norms: bool = True
    separable: bool = True
    pools_weigh: bool = False
    padding: int | None = None


def build(
    listing: Listing, image: tuple[int, ...], variant: Variant
) -> tuple[Arch | None, tuple[Row | None, ...], str]:
    """The network as listed, the row after each listed layer (its last one), and a problem where it does not fit."""
    nodes: list[Node] = []
    ends: list[int] = []

    def add(name: str, op: str, **settings: object) -> None:
        made = f"{name}_{len(nodes) + 1}"
        nodes.append(Node(made, make(op, len(image) - 1, **settings), (len(nodes),)))

    try:
        for number, layer in enumerate(listing.layers):
            last = number == len(listing.layers) - 1 or not any(
                other.op == "conv" for other in listing.layers[number + 1 :]
            )
            add_layer(add, layer, listing, variant, last)
            ends.append(len(nodes))
    except SettingError as error:
        return None, (), str(error)
    rows, problems = walk(image, nodes, "")
    by_index = {row.index: row for row in rows}
    arch = None if problems else Arch("listed", image, tuple(nodes), "a network listed in text")
    return arch, tuple(by_index.get(end) for end in ends), problems[0] if problems else ""


def add_layer(add: object, layer: ListedLayer, listing: Listing, variant: Variant, last: bool) -> None:
    """One listed layer, the 1x1 convolution and the norm that follow it."""
    assert callable(add)
    settings = layer.settings
    kernel, stride = settings.get("kernel_size", 1), settings.get("stride", 1)
    dilation = settings.get("dilation", 1)
    if layer.op == "conv" or (variant.pools_weigh and "out_channels" in settings and layer.op == "max_pool"):
        keeps = dilation * (kernel - 1) // 2
        padding = settings.get("padding", keeps if variant.padding is None else variant.padding)
        out = settings.get("out_channels", 0)
        add(
            layer.name, "conv", out_channels=out, kernel_size=kernel, stride=stride, padding=padding,
            dilation=dilation, groups=settings.get("groups", 1), bias=variant.bias,
        )  # fmt: skip
        if layer.pointwise or (variant.separable and layer.name in listing.separable and layer.depthwise_like):
            add(f"{layer.name}_pointwise", "conv", out_channels=out, kernel_size=1, bias=variant.bias)
        if variant.norms and not last and layer.op == "conv":
            add(f"{layer.name}_norm", "batch_norm")
    elif layer.op == "max_pool":
        default = settings.get("stride", kernel)
        padding = settings.get("padding", (kernel - 1) // 2 if kernel > default or default == 1 else 0)
        add(layer.name, "max_pool", kernel_size=kernel, stride=default, padding=padding)
    elif layer.op == "linear":
        add(layer.name, "linear", out_features=settings.get("out_channels", 0), bias=variant.bias)
    elif layer.op == "avg_pool":
        add(layer.name, "avg_pool", kernel_size=kernel, stride=settings.get("stride", kernel))
    else:
        add(layer.name, "global_avg_pool")


def chain_breaks(listing: Listing) -> Iterator[tuple[ListedLayer, int, int]]:
    """Layers whose stated input channels are not what the layer in front of them makes: (layer, stated, made)."""
    made: int | None = None
    for layer in listing.layers:
        given = layer.settings.get("in_channels")
        if given is not None and made is not None and given != made:
            yield layer, given, made
        made = layer.settings.get("out_channels", made)
