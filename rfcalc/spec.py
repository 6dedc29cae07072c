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
from .layerkeys import LAYER_KEYS, RESERVED, take_containers, take_counts, take_functional
from .ops import LAYERS, Join, Layer
from .settings import describe, read_integer, settings_of

MAX_LAYERS = 250_000
MAX_PROBLEMS = 50
"""How many are listed; reading stops there."""
MAX_USES = 32
"""How deep blocks may use blocks."""
TOP_KEYS = ("name", "input", "source", "notes", "blocks", "layers", "claims", "targets", "train")


def make(op: str, axes: int, /, **values: Any) -> Layer:
    """A layer of the given type for maps with that many axes, its settings as the spec language writes them.

    >>> make("conv", 2, out_channels=8, kernel_size=3).kernel_size
    (3, 3)
    """
    cls = LAYERS[op]
    known = settings_of(cls)
    problems = [_unknown_key(key, [*known, *LAYER_KEYS]) for key in values if key not in known]
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


def is_list(layers: Any) -> bool:
    """Whether these are layers to write out: none at all would make a name that stands for nothing."""
    return isinstance(layers, list) and bool(layers)


def stated_name(value: Any, default: str) -> str:
    """The name under which others refer to a layer that could not be read."""
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) else default


class _Stop(Exception):
    """Reading cannot go on; the problem is on the list."""


class _Reader:
    """Reads one document; `problems` grows, and is raised once at the end."""

    def __init__(self, document: yamlfile.Mapping, path: str) -> None:
        self.document, self.path = document, path
        self.problems: list[str] = []
        self.nodes: list[Node | None] = []
        self.unresolved: list[tuple[str, str, str]] = []
        self.inner: dict[str, int] = {}
        self.dotted: list[tuple[str, int]] = []
        self.input: tuple[int, ...] = ()
        self.blocks: dict[str, yamlfile.Mapping] = {}

    def problem(self, line: int | None, fact: str) -> None:
        text = place(self.path, line) + fact
        if text not in self.problems:
            self.problems.append(text)

    @property
    def found(self) -> int:
        return len(self.problems) + len(self.unresolved)

    def arch(self) -> Arch:
        document = self.document
        self.known_keys(document, TOP_KEYS, "")
        self.read_input()
        self.read_blocks()
        layers = document.get("layers")
        shapes: list[str] = []
        if not is_list(layers):
            self.problem(document.lines.get("layers"), "layers must be a list with at least one layer")
        elif self.input:
            with suppress(_Stop):  # its reason is on the list of problems
                self.count_layers(layers)
                self.read_layers(layers, _Frame("", _Scope(0), {}), 0)
                shapes = walk(self.input, self.nodes, self.path)[1]
            self.explain_unresolved()
            self.check_dotted()
            self.problems += shapes
        arch = self.finish()
        if self.problems:
            more = len(self.problems) - MAX_PROBLEMS
            rest = [f"{place(self.path)}and {more:,} more problems"] if more > 0 else []
            raise SpecError(self.problems[:MAX_PROBLEMS] + rest)
        return arch

    def finish(self) -> Arch:
        document = self.document
        texts = {key: self.text(key) for key in ("name", "source")}
        notes = document.get("notes") or []
        if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
            self.problem(document.lines.get("notes"), "notes must be a list of sentences")
            notes = []
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
            elif not isinstance(block, yamlfile.Mapping) or not is_list(block.get("layers")):
                self.problem(line, f"block {name} must be a mapping with layers, and parameters if it has any")
            elif not isinstance(block.get("parameters") or {}, dict):
                self.problem(line, f"block {name}: parameters must map names to defaults (null: none)")
            elif taken := [key for key in RESERVED if key in (block.get("parameters") or {})]:
                self.problem(line, f"block {name}: no parameter can be called {taken[0]}, which every layer has")
            else:
                self.known_keys(block, ("parameters", "layers"), f"block {name}: ")
                self.blocks[name] = block

    # --- layers ---

    def count_layers(self, layers: Any) -> None:
        """Stops before writing out blocks and repeats that would make too many layers."""
        count, known = 0, dict[int, int]()
        for item, line in zip(layers, layers.lines, strict=True):
            count += self.least(item, known, 0)
            if count > MAX_LAYERS:
                self.problem(line, f"the spec makes more than {MAX_LAYERS:,} layers")
                raise _Stop

    def least(self, item: Any, known: dict[int, int], depth: int) -> int:
        """At least how many layers an item makes; `known` holds the counts of lists of layers already looked at."""
        (op, value), *_ = [*item.items(), ("", None)] if isinstance(item, dict) else [(item, None)]
        times = 1
        if op == "repeat" and isinstance(value, dict):
            layers, stated = value.get("layers"), value.get("times")
            times = stated if isinstance(stated, int) and stated > 1 else 1
        else:
            layers = self.blocks[op].get("layers") if isinstance(op, str) and op in self.blocks else None
        if not isinstance(layers, list) or depth > MAX_USES:
            return 1
        if id(layers) not in known:
            known[id(layers)] = 1  # should the block use itself, which is found out as it is written out
            known[id(layers)] = sum(self.least(inner, known, depth + 1) for inner in layers)
        return min(times * known[id(layers)], MAX_LAYERS + 1)

    def read_layers(self, layers: Any, frame: _Frame, current: int) -> int:
        """Reads layers that follow one another from node `current` on; returns the node they end with."""
        for item, line in zip(layers, layers.lines, strict=True):
            current = self.read_item(item, line, frame, current)
        return current

    def read_item(self, item: Any, line: int, frame: _Frame, current: int) -> int:
        if self.found >= MAX_PROBLEMS:
            raise _Stop
        if len(self.nodes) >= MAX_LAYERS:
            self.problem(line, f"the spec makes more than {MAX_LAYERS:,} layers")
            raise _Stop
        if isinstance(item, str):
            op, value = item, None
        elif isinstance(item, yamlfile.Mapping) and len(item) == 1:
            ((op, value),) = item.items()
        else:
            keys = f", not {describe(item)}"
            if isinstance(item, dict) and item:
                keys = f"; it has {', '.join([*item][:5])} side by side"
            self.problem(line, f"a layer is written as `- relu` or `- conv: {{out_channels: 8, …}}`{keys}")
            return self.broken(frame, line, "layer")
        if op in LAYERS:
            return self.read_layer(op, value, line, frame, current)
        if op == "repeat":
            return self.read_repeat(value, line, frame, current)
        if op in self.blocks:
            return self.read_block(op, value, line, frame, current)
        if op not in (self.document.get("blocks") or ()):  # else it is a block that is on the list of problems
            self.problem(line, unknown_name(op, [*LAYERS, *self.blocks, "repeat"], "unknown layer"))
        return self.broken(frame, line, stated_name(value, op))

    def broken(self, frame: _Frame, line: int, name: str) -> int:
        """Stands in for a layer that could not be read, so that what does not depend on it is still checked."""
        self.nodes.append(None)
        return self.put(frame, name, len(self.nodes))

    def put(self, frame: _Frame, name: str, node: int) -> int:
        """Makes a node known under its name, and under its full one to those outside its block."""
        frame.scope.names[name] = self.inner[frame.prefix + name] = node
        return node

    def read_layer(self, op: str, value: Any, line: int, frame: _Frame, current: int) -> int:
        cls, where = LAYERS[op], f"{op}: "
        try:
            values = self.values(cls, op, self.filled(value, frame, line))
            name = self.take_name(values, frame, op, line)
            where = f"{frame.prefix}{name} ({op}): "
            inputs = self.take_inputs(values, cls, frame, current, where, line)
            counts, functional = take_counts(values), take_functional(values, cls)
            containers = take_containers(values)
            layer = make(op, len(self.input) - 1, **values)
        except SettingError as error:
            self.problem(line, f"{where}{error}")
            return self.broken(frame, line, stated_name(value, op))
        if inputs is None:
            return self.broken(frame, line, name)
        self.nodes.append(Node(frame.prefix + name, layer, inputs, line, *counts, functional, containers))
        return self.put(frame, name, len(self.nodes))

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
            if frame.prefix and op not in frame.scope.names:
                return op
            place_in_arch = len(self.nodes) + 1
            while f"{op}{place_in_arch}" in frame.scope.names:  # a name that the spec gives another layer
                place_in_arch += 1
            return f"{op}{place_in_arch}"
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
            if found is None and "." in name:
                found = self.inner.get(frame.prefix + name, self.inner.get(name))
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
        if not isinstance(value, yamlfile.Mapping) or not is_list(value.get("layers")):
            self.problem(line, "repeat must be a mapping with times and layers")
            return self.broken(frame, line, stated_name(value, "repeat"))
        self.known_keys(value, keys, "repeat: ")
        head, where = {key: value[key] for key in ("name", "times") if key in value}, "repeat: "
        try:
            head = self.filled(head, frame, line)
            name = self.take_name(head, frame, "repeat", line)
            where = f"{frame.prefix}{name} (repeat): times "
            times = read_integer(head.get("times"), 1)
            if times * len(value["layers"]) > MAX_LAYERS:
                raise SettingError(f"{times:,} of {len(value['layers']):,} layers makes more than {MAX_LAYERS:,}")
        except SettingError as error:
            self.problem(line, f"{where}{error}")
            return self.broken(frame, line, stated_name(value, "repeat"))
        self.descend(frame, line, "repeat")
        found = self.found
        for turn in range(times):
            current = self.read_layers(
                value["layers"], frame.inside(f"{name}.{turn}", current, frame.arguments), current
            )
            if self.found > found:
                break  # the next turn would only find the same
        return self.put(frame, name, current)

    def read_block(self, block_name: str, value: Any, line: int, frame: _Frame, current: int) -> int:
        block = self.blocks[block_name]
        parameters: dict[str, Any] = block.get("parameters") or {}
        where = f"{block_name}: "
        try:
            given = self.filled(value, frame, line)
            if given is not None and not isinstance(given, dict):
                if not parameters:
                    raise SettingError(f"takes no parameters, not {describe(given)}")
                given = {next(iter(parameters)): given}
            arguments = dict(given or {})
            name = self.take_name(arguments, frame, block_name, line)
            where = f"{frame.prefix}{name} ({block_name}): "
            entry = self.take_inputs(arguments, Layer, frame, current, where, line)
            problems = [_unknown_key(key, [*parameters, *RESERVED]) for key in arguments if key not in parameters]
            arguments = {**parameters, **arguments}
            problems += [f"needs {key}" for key, argument in arguments.items() if argument is None]
            if problems:
                raise SettingError("; ".join(problems))
        except SettingError as error:
            self.problem(line, f"{where}{error}")
            return self.broken(frame, line, stated_name(value, block_name))
        if entry is None:
            return self.broken(frame, line, name)
        self.descend(frame, line, block_name)
        current = self.read_layers(block["layers"], frame.inside(name, entry[0], arguments), entry[0])
        return self.put(frame, name, current)

    def descend(self, frame: _Frame, line: int, name: str) -> None:
        if frame.depth >= MAX_USES:
            self.problem(line, f"{name}: blocks and repeats more than {MAX_USES} deep; a block may not use itself")
            raise _Stop
