"""The spec language: YAML to `Arch`. Blocks and repeats are written out, names resolved, values normalised; every
problem is collected with its file, line and layer, and raised together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from . import claims, opaque, yamlfile  # noqa: F401 - opaque registers its layer types
from .arch import Arch, Node, place, unknown_name, walk
from .errors import SettingError, SpecError
from .ops import LAYERS, Join, Layer
from .settings import describe, read_integer, settings_of

MAX_LAYERS = 250_000
MAX_USES = 32
"""How deep blocks may use blocks."""
RESERVED = ("name", "from")
COUNTS = ("params", "macs")
"""Keys of a layer, not of a block: a count where the layer's type does not tell it (shared or fixed weights)."""
TOP_KEYS = ("name", "input", "source", "notes", "blocks", "layers", "claims", "targets", "train")


def make(op: str, axes: int, /, **values: Any) -> Layer:
    """A layer of the given type for maps with that many axes, its settings as the spec language writes them.

    >>> make("conv", 2, out_channels=8, kernel_size=3).kernel_size
    (3, 3)
    """
    cls = LAYERS[op]
    known = settings_of(cls)
    problems = [_unknown_key(key, [*known, *RESERVED, *COUNTS]) for key in values if key not in known]
    missing = [
        key for key, meta in known.items() if meta["default"] is MISSING and not meta["like"] and key not in values
    ]
    if missing:
        problems.append("needs " + " and ".join(missing))
    read: dict[str, Any] = {}
    for key, meta in known.items():
        if key in missing or (meta["like"] and key not in values and meta["like"] not in read):
            continue
        try:
            if key in values:
                read[key] = meta["kind"].read(values[key], axes)
            else:
                read[key] = read[meta["like"]] if meta["like"] else meta["kind"].read(meta["default"], axes)
        except SettingError as error:
            problems.append(f"{key} {error}")
    if problems:
        raise SettingError("; ".join(problems))
    return cls(**read)


def _unknown_key(key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, 1)
    return f"{key}: did you mean {near[0]}?" if near else f"{key} is no setting; there are {', '.join(known)}"


def load(path: str) -> Arch:
    """The network in a YAML file; raises SpecError."""
    return loads(yamlfile.read_text(path), path)


def loads(text: str, path: str = "<text>") -> Arch:
    """The network in a YAML text; raises SpecError with every independent problem.

    >>> loads("{input: [3, 32, 32], layers: [conv: {out_channels: 8, kernel_size: 3}]}").params
    224
    """
    document = yamlfile.parse(text, path)
    if not isinstance(document, yamlfile.Mapping):
        what = "is empty" if document is None else f"is no mapping but {describe(document)}"
        raise SpecError([f"{path}: {what}; a spec has at least input and layers"])
    return _Reader(document, path).arch()


def take_counts(values: dict[str, Any]) -> tuple[int | None, int | None]:
    """Parameters and MACs that a layer states itself, out of its settings."""
    counts = []
    for key in COUNTS:
        value = values.pop(key, None)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise SettingError(f"{key} must be a whole number, not {describe(value)}")
        counts.append(value)
    return counts[0], counts[1]


@dataclass
class _Scope:
    """Names that a layer may refer to: those of its block or repeat, then those around it."""

    entry: int
    outer: _Scope | None = None
    names: dict[str, int] = field(default_factory=dict)

    def find(self, name: str) -> int | None:
        if name == "input":
            return self.entry
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None


@dataclass(frozen=True)
class _Frame:
    """Where a list of layers stands: its name prefix, scope, the arguments for its $names, and how deep."""

    prefix: str
    scope: _Scope
    arguments: Mapping[str, Any]
    depth: int = 0

    def inside(self, name: str, entry: int, arguments: Mapping[str, Any]) -> _Frame:
        return _Frame(f"{self.prefix}{name}.", _Scope(entry, self.scope), arguments, self.depth + 1)


class _Stop(Exception):
    """Reading cannot go on; the problem is on the list."""


class _Reader:
    """Reads one document; `problems` grows, and is raised once at the end."""

    def __init__(self, document: yamlfile.Mapping, path: str) -> None:
        self.document, self.path = document, path
        self.problems: list[str] = []
        self.nodes: list[Node | None] = []
        self.unresolved: list[tuple[str, str, str]] = []
        self.dotted: list[tuple[str, int]] = []
        self.input: tuple[int, ...] = ()
        self.blocks: dict[str, yamlfile.Mapping] = {}

    def problem(self, line: int | None, fact: str) -> None:
        text = place(self.path, line) + fact
        if text not in self.problems:
            self.problems.append(text)

    def arch(self) -> Arch:
        document = self.document
        self.known_keys(document, TOP_KEYS, "")
        self.read_input()
        self.read_blocks()
        layers = document.get("layers")
        if not isinstance(layers, list) or not layers:
            self.problem(document.lines.get("layers"), "layers must be a list with at least one layer")
        elif self.input:
            with suppress(_Stop):  # its reason is on the list of problems
                self.read_layers(layers, _Frame("", _Scope(0), {}), 0)
            self.explain_unresolved()
            self.check_dotted()
            self.problems += walk(self.input, self.nodes, self.path)[1]
        arch = self.finish()
        if self.problems:
            raise SpecError(self.problems)
        return arch

    def finish(self) -> Arch:
        document = self.document
        texts = {key: self.text(key) for key in ("name", "source")}
        notes = document.get("notes") or []
        if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
            self.problem(document.lines.get("notes"), "notes must be a list of sentences")
        sections: dict[str, Mapping[str, Any]] = {}
        for key, read in (("claims", claims.read_claims), ("targets", claims.read_targets), ("train", None)):
            section = document.get(key)
            if section is not None and not isinstance(section, yamlfile.Mapping):
                self.problem(document.lines.get(key), f"{key} must be a mapping, not {describe(section)}")
            elif section and read:
                names = {node.name for node in self.nodes if node}
                for line, fact in read(section, names):
                    self.problem(line, fact)
            sections[key] = dict(section) if isinstance(section, dict) else {}
        return Arch(
            name=texts["name"] or Path(self.path).stem,
            input=self.input,
            nodes=tuple(node for node in self.nodes if node),
            source=texts["source"],
            notes=tuple(notes),
            path=self.path,
            **sections,
        )

    def text(self, key: str) -> str:
        value = self.document.get(key, "")
        if isinstance(value, str):
            return value.strip()
        self.problem(self.document.lines[key], f"{key} must be text, not {describe(value)}")
        return ""

    def known_keys(self, mapping: yamlfile.Mapping, known: tuple[str, ...], where: str) -> None:
        for key in mapping:
            if key not in known:
                self.problem(mapping.lines[key], where + _unknown_key(key, list(known)))

    def read_input(self) -> None:
        value, line = self.document.get("input"), self.document.lines.get("input")
        if not isinstance(value, list) or not 2 <= len(value) <= 4:
            stated = "is missing" if value is None else f"is {describe(value)}"
            self.problem(line, f"input {stated}: it must list channels and 1 to 3 sizes, such as [3, 32, 32]")
            return
        try:
            self.input = tuple(read_integer(v, 1) for v in value)
        except SettingError as error:
            self.problem(line, f"input {error}")

    def read_blocks(self) -> None:
        blocks = self.document.get("blocks")
        if blocks is None:
            return
        if not isinstance(blocks, yamlfile.Mapping):
            self.problem(self.document.lines["blocks"], f"blocks must be a mapping, not {describe(blocks)}")
            return
        for name, block in blocks.items():
            line = blocks.lines[name]
            if name in LAYERS or name == "repeat":
                self.problem(line, f"block {name}: there is a layer of that name")
            elif not isinstance(block, yamlfile.Mapping) or not isinstance(block.get("layers"), list):
                self.problem(line, f"block {name} must be a mapping with layers, and parameters if it has any")
            elif not isinstance(block.get("parameters", {}), dict):
                self.problem(line, f"block {name}: parameters must map names to defaults (null: none)")
            else:
                self.known_keys(block, ("parameters", "layers"), f"block {name}: ")
                self.blocks[name] = block

    # --- layers ---

    def read_layers(self, layers: Any, frame: _Frame, current: int) -> int:
        """Reads layers that follow one another from node `current` on; returns the node they end with."""
        for item, line in zip(layers, layers.lines, strict=True):
            current = self.read_item(item, line, frame, current)
        return current

    def read_item(self, item: Any, line: int, frame: _Frame, current: int) -> int:
        if isinstance(item, str):
            op, value = item, None
        elif isinstance(item, yamlfile.Mapping) and len(item) == 1:
            ((op, value),) = item.items()
        else:
            keys = f"; it has {', '.join(item)} side by side" if isinstance(item, dict) else f", not {describe(item)}"
            self.problem(line, f"a layer is written as `- relu` or `- conv: {{out_channels: 8, …}}`{keys}")
            return self.broken(frame, line, "layer")
        if op in LAYERS:
            return self.read_layer(op, value, line, frame, current)
        if op == "repeat":
            return self.read_repeat(value, line, frame, current)
        if op in self.blocks:
            return self.read_block(op, value, line, frame, current)
        self.problem(line, unknown_name(op, [*LAYERS, *self.blocks, "repeat"], "unknown layer"))
        name = value.get("name") if isinstance(value, dict) else None
        return self.broken(frame, line, name if isinstance(name, str) else op)

    def broken(self, frame: _Frame, line: int, name: str) -> int:
        """Stands in for a layer that could not be read, so that what does not depend on it is still checked."""
        self.nodes.append(None)
        frame.scope.names[name] = len(self.nodes)
        return len(self.nodes)

    def read_layer(self, op: str, value: Any, line: int, frame: _Frame, current: int) -> int:
        if len(self.nodes) >= MAX_LAYERS:
            self.problem(line, f"the spec makes more than {MAX_LAYERS:,} layers")
            raise _Stop
        cls, where = LAYERS[op], f"{op}: "
        try:
            values = self.values(cls, op, self.filled(value, frame, line))
            name = self.take_name(values, frame, op, line)
            where = f"{frame.prefix}{name} ({op}): "
            inputs = self.take_inputs(values, cls, frame, current, where, line)
            counts = take_counts(values)
            layer = make(op, len(self.input) - 1, **values)
        except SettingError as error:
            self.problem(line, f"{where}{error}")
            stated = value.get("name") if isinstance(value, dict) else None
            return self.broken(frame, line, stated if isinstance(stated, str) else op)
        if inputs is None:
            return self.broken(frame, line, name)
        self.nodes.append(Node(frame.prefix + name, layer, inputs, line, *counts))
        frame.scope.names[name] = len(self.nodes)
        return len(self.nodes)

    @staticmethod
    def values(layer: type[Layer], op: str, value: Any) -> dict[str, Any]:
        """The settings as a mapping, whatever short form they are written in."""
        if value is None:
            return {}
        if isinstance(value, dict):
            return dict(value)
        if issubclass(layer, Join):
            return {"from": value}
        if layer.scalar is None:
            raise SettingError(
                f"takes no settings, not {describe(value)}" if not settings_of(layer) else "needs a mapping"
            )
        return {layer.scalar: value}

    def filled(self, value: Any, frame: _Frame, line: int) -> Any:
        """A value with its $names replaced by the arguments of the block."""
        if isinstance(value, str) and value.startswith("$"):
            if value[1:] not in frame.arguments:
                raise SettingError(unknown_name(value, [f"${name}" for name in frame.arguments], "unknown parameter"))
            return frame.arguments[value[1:]]
        if isinstance(value, dict):
            return {key: self.filled(v, frame, line) for key, v in value.items()}
        if isinstance(value, list):
            return [self.filled(v, frame, line) for v in value]
        return value

    def take_name(self, values: dict[str, Any], frame: _Frame, op: str, line: int) -> str:
        """The layer's stated name, or one from its operation and place."""
        if (name := values.pop("name", None)) is None:
            place_in_arch = f"{op}{len(self.nodes) + 1}"
            return place_in_arch if not frame.prefix or op in frame.scope.names else op
        if not isinstance(name, str) or not name or any(c in name for c in "$ \t\n"):
            raise SettingError(f"name must be a word, not {describe(name)}")
        if "." in name:
            if frame.prefix or not all(name.split(".")):
                raise SettingError(f"name must be a word without dots, not {describe(name)}")
            self.dotted.append((name, line))
        if name == "input":
            raise SettingError("name: input is what enters the network or the block")
        if name in frame.scope.names:
            first = self.nodes[frame.scope.names[name] - 1]
            where = f", first on line {first.line}" if first and first.line != line else ""
            raise SettingError(f"the name {name} stands twice{where}")
        return name

    def take_inputs(
        self, values: dict[str, Any], cls: type[Layer], frame: _Frame, current: int, where: str, line: int
    ) -> tuple[int, ...] | None:
        """The nodes that a layer reads; None when a name in `from` is unknown (which is then on the list)."""
        stated = values.pop("from", None)
        names = stated if isinstance(stated, list) else [stated]
        if issubclass(cls, Join):
            if not isinstance(stated, list) or len(stated) < 2:
                raise SettingError("needs a list of at least two layers to join")
        elif stated is None:
            return (current,)
        elif not isinstance(stated, str):
            raise SettingError(f"from must be the name of one layer, not {describe(stated)}")
        inputs = []
        for name in names:
            if not isinstance(name, str):
                raise SettingError(f"from must hold names of layers, not {describe(name)}")
            found = frame.scope.find(name)
            if found is None:
                self.unresolved.append((name, frame.prefix, f"{place(self.path, line)}{where}"))
            inputs.append(found)
        return None if None in inputs else tuple(i for i in inputs if i is not None)

    def explain_unresolved(self) -> None:
        lines = {node.name: node.line for node in self.nodes if node}
        for name, prefix, where in self.unresolved:
            later = next((n for n in (prefix + name, name) if n in lines), None)
            if later:
                fact = f"from {name}: that layer comes later, on line {lines[later]}"
            else:
                fact = unknown_name(name, list(lines), "from: unknown layer")
            if where + fact not in self.problems:
                self.problems.append(where + fact)

    def check_dotted(self) -> None:
        """A stated name such as C1.conv must not be one that the block C1 makes."""
        seen = Counter(node.name for node in self.nodes if node) if self.dotted else Counter()
        for name, line in self.dotted:
            if seen[name] > 1:
                self.problem(line, f"the name {name} stands twice")

    # --- blocks and repeats ---

    def read_repeat(self, value: Any, line: int, frame: _Frame, current: int) -> int:
        keys = ("name", "times", "layers")
        if not isinstance(value, yamlfile.Mapping) or not isinstance(value.get("layers"), list):
            self.problem(line, "repeat must be a mapping with times and layers")
            return self.broken(frame, line, "repeat")
        self.known_keys(value, keys, "repeat: ")
        head = {key: value[key] for key in ("name", "times") if key in value}
        try:
            head = self.filled(head, frame, line)
            name = self.take_name(head, frame, "repeat", line)
        except SettingError as error:
            self.problem(line, f"repeat: {error}")
            return self.broken(frame, line, "repeat")
        try:
            times = read_integer(head.get("times"), 1)
        except SettingError as error:
            self.problem(line, f"repeat: times {error}")
            return self.broken(frame, line, name)
        self.descend(frame, line, "repeat")
        for turn in range(times):
            current = self.read_layers(
                value["layers"], frame.inside(f"{name}.{turn}", current, frame.arguments), current
            )
        frame.scope.names[name] = current
        return current

    def read_block(self, block_name: str, value: Any, line: int, frame: _Frame, current: int) -> int:
        block = self.blocks[block_name]
        parameters: dict[str, Any] = block.get("parameters") or {}
        try:
            given = self.filled(value, frame, line)
            if given is not None and not isinstance(given, dict):
                if not parameters:
                    raise SettingError(f"takes no parameters, not {describe(given)}")
                given = {next(iter(parameters)): given}
            arguments = dict(given or {})
            name = self.take_name(arguments, frame, block_name, line)
            entry = self.take_inputs(arguments, Layer, frame, current, f"{frame.prefix}{name} ({block_name}): ", line)
            problems = [_unknown_key(key, [*parameters, *RESERVED]) for key in arguments if key not in parameters]
            arguments = {**parameters, **arguments}
            problems += [f"needs {key}" for key, argument in arguments.items() if argument is None]
            if problems:
                raise SettingError("; ".join(problems))
        except SettingError as error:
            self.problem(line, f"{block_name}: {error}")
            return self.broken(frame, line, block_name)
        if entry is None:
            return self.broken(frame, line, name)
        self.descend(frame, line, block_name)
        current = self.read_layers(block["layers"], frame.inside(name, entry[0], arguments), entry[0])
        frame.scope.names[name] = current
        return current

    def descend(self, frame: _Frame, line: int, name: str) -> None:
        if frame.depth >= MAX_USES:
            self.problem(line, f"{name}: blocks and repeats more than {MAX_USES} deep; a block may not use itself")
            raise _Stop
