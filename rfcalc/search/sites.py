"""Where a spec states each setting: the written layer or the use of a block whose text decides it, for every layer of
the network. An edit of that text changes all layers that it decides, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..engine.arch import Arch, Node
from ..engine.layers import LAYERS
from ..errors import SpecError
from ..spec import yamlfile
from ..spec.names import ListFrame
from ..spec.reader import Reader

YamlPlace = tuple[int, int]
"""A written item: the list it stands in (its identity), and its number there."""


@dataclass(frozen=True, slots=True)
class Written:
    """One item as it is written: its place, operation or block, raw value, and line."""

    place: YamlPlace
    op: str
    value: Any
    line: int
    scalar: str | None
    """The setting or parameter that a bare value stands for."""
    label: str
    """What the item is called in the network: C6, body.0.conv, or its name in its block where it makes several."""

    def raw(self, key: str) -> tuple[bool, Any]:
        """Whether a setting is stated here, and as what."""
        if isinstance(self.value, Mapping):
            return key in self.value, self.value.get(key)
        return self.value is not None and key == self.scalar, self.value


@dataclass(frozen=True, slots=True)
class SettingOrigin:
    """The one text that decides a setting: an item and the key there."""

    place: YamlPlace
    key: str


@dataclass(frozen=True, slots=True)
class Built:
    """A layer of the network, with the item that makes it and the uses of blocks around it, the innermost last."""

    node: Node
    item: Written
    uses: tuple[Written, ...]
    turns: tuple[int, ...]
    """Of each use of a block: which of all uses, turns of repetitions counted one by one, it is."""

    def origin(self, setting: str) -> SettingOrigin | None:
        """Where its setting is decided; None where arithmetic decides it."""
        key, chain = setting, [self.item, *reversed(self.uses)]
        for written in chain:
            _, raw = written.raw(key)
            if not (isinstance(raw, str) and "$" in raw):
                return SettingOrigin(written.place, key)
            if not raw.startswith("$") or not raw[1:].isidentifier():
                return None
            key = raw[1:]
        return None


class SiteReader(Reader):
    """Reads a spec and remembers where each layer is written."""

    def __init__(self, document: yamlfile.Mapping, path: str) -> None:
        super().__init__(document, path)
        self.built: list[Built] = []
        self.uses: list[Written] = []
        self.turns: list[int] = []
        self.count = 0
        self.place: YamlPlace = (0, 0)
        self.items: dict[YamlPlace, Written] = {}
        self.lists: dict[int, Any] = {}

    def read_layers(self, layers: Any, frame: ListFrame, current: int) -> int:
        outer = self.place
        self.lists[id(layers)] = layers
        for number, (item, line) in enumerate(zip(layers, layers.lines, strict=True)):
            self.place = id(layers), number
            current = self.read_item(item, line, frame, current)
        self.place = outer
        return current

    def item(self, op: str, value: Any, line: int, name: str, scalar: str | None) -> Written:
        known = self.items.get(self.place)
        inner = name.rpartition(".")[2]
        around = f"{self.uses[-1].op}." if self.uses and self.uses[-1].place != self.place else ""
        label = name if known is None or known.label == name else f"{around}{inner}"
        found = self.items[self.place] = Written(self.place, op, value, line, scalar, label)
        return found

    def node(self, op: str, name: str, values: dict[str, Any], inputs: tuple[int, ...], line: int) -> Node:
        node = super().node(op, name, values, inputs, line)
        item = self.lists[self.place[0]][self.place[1]]
        value = next(iter(item.values())) if isinstance(item, dict) else None
        written = self.item(op, value, line, name, LAYERS[op].scalar)
        self.built.append(Built(node, written, tuple(self.uses), tuple(self.turns)))
        return node

    def read_block(self, block_name: str, value: Any, line: int, frame: ListFrame, current: int) -> int:
        parameters = self.blocks[block_name].get("parameters") or {}
        name = value.get("name") if isinstance(value, dict) else None
        label = f"{frame.prefix}{name}" if isinstance(name, str) else block_name
        self.uses.append(self.item(block_name, value, line, label, next(iter(parameters), None)))
        self.count += 1
        self.turns.append(self.count)
        end = super().read_block(block_name, value, line, frame, current)
        self.uses.pop()
        self.turns.pop()
        return end


@dataclass(frozen=True)
class Sites:
    """A spec with the places of its layers."""

    arch: Arch
    built: tuple[Built, ...]
    items: Mapping[YamlPlace, Written]
    document: yamlfile.Mapping
    text: str


def read_sites(text: str, path: str) -> Sites:
    """A spec and where it states what; raises SpecError."""
    document = yamlfile.parse(text, path)
    if not isinstance(document, yamlfile.Mapping):
        raise SpecError([f"{path}: is no mapping; a spec has at least input and layers"])
    reader = SiteReader(document, path)
    return Sites(reader.arch(), tuple(reader.built), reader.items, document, text)
