"""The spec language: YAML to `Arch`. Blocks and repeats are written out, names resolved, values normalised; every
problem is collected with its file, line and layer, and raised together."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..engine.arch import Arch, Node, PrintedAs, sizes_of, walk
from ..engine.kinds import describe, read_integer
from ..engine.layers import LAYERS, Layer
from ..engine.layers.base import RESERVED, unknown_key
from ..errors import SettingError, SpecError, place, unknown_name
from . import arithmetic, yamlfile
from .claims import NICKNAMES
from .document import SpecDocument
from .names import ListFrame, Names, Scope
from .problems import MAX_PROBLEMS, Stop
from .written import is_list, node_of, settings, stated_name, take_printed

MAX_LAYERS = 250_000
MAX_USES = 32
"""How deep blocks may use blocks."""
TOP_KEYS = ("name", "input", "source", "notes", "blocks", "layers", "claims", "targets", "train")


def load(path: str) -> Arch:
    """The network in a YAML file; raises SpecError."""
    return loads(yamlfile.read_text(path), path)


def loads(text: str, path: str = "<text>") -> Arch:
    """The network in a YAML text; raises SpecError with every independent problem.

    >>> loads("{input: [3, 32, 32], layers: [conv: {out_channels: 8, kernel_size: 3}]}").params
    224
    """
    return Reader(yamlfile.mapping(text, path, "a spec has at least input and layers"), path).arch()


class Reader(SpecDocument):
    """Reads one document: its layers are written out, one node for each."""

    def __init__(self, document: yamlfile.Mapping, path: str) -> None:
        super().__init__(document, path)
        self.names = Names(self.nodes, self.problems)

    @property
    def found(self) -> int:
        return len(self.problems) + len(self.names.unresolved)

    def arch(self) -> Arch:
        """From a document to an `Arch`, step by step; every step adds what it finds wrong to the list of problems, and
        goes on with what can be read."""
        document = self.document
        if "choices" in document:
            line = document.lines["choices"]
            raise SpecError([f"{place(self.path, line)}a family of networks, not one: rfcalc design answers for it"])
        # 1. the keys; what comes in, which fixes the number of axes; the blocks, which layers may use
        self.known_keys(document, TOP_KEYS, "")
        self.read_input()
        self.read_blocks()
        layers = document.get("layers")
        shapes: list[str] = []
        if not is_list(layers):
            self.problem(document.lines.get("layers"), "layers must be a list with at least one layer")
        elif self.input:
            with suppress(Stop):  # its reason is on the list of problems
                # 2. a few lines can stand for billions of layers: they are counted before any is written out
                self.count_layers(layers)
                # 3. blocks and repeats written out, names resolved, settings read: one node for each layer
                self.read_layers(layers, ListFrame("", Scope(0), {}), 0)
                # 4. the same walk that makes the table's rows tells which layers cannot take their input
                shapes = walk(self.input, self.nodes, self.path)[1]
            # 5. names that were not found, now that all are known; what follows from shapes is told last
            self.names.explain()
            self.names.check_dotted()
            self.problems.extend(shapes)
        # 6. source, notes, claims, targets; then either no problem at all, or all of them at once
        arch = self.finish()
        self.problems.raise_any()
        return arch

    # --- layers ---

    def count_layers(self, layers: Any) -> None:
        """Stops before writing out blocks and repeats that would make too many layers."""
        count, known = 0, dict[int, int]()
        for item, line in zip(layers, layers.lines, strict=True):
            count += self.least(item, known, 0)
            if count > MAX_LAYERS:
                self.problem(line, f"the spec makes more than {MAX_LAYERS:,} layers")
                raise Stop

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

    def read_layers(self, layers: Any, frame: ListFrame, current: int) -> int:
        """Reads layers that follow one another from node `current` on; returns the node they end with."""
        for item, line in zip(layers, layers.lines, strict=True):
            current = self.read_item(item, line, frame, current)
        return current

    def read_item(self, item: Any, line: int, frame: ListFrame, current: int) -> int:
        if self.found >= MAX_PROBLEMS:
            raise Stop
        if len(self.nodes) >= MAX_LAYERS:
            self.problem(line, f"the spec makes more than {MAX_LAYERS:,} layers")
            raise Stop
        if isinstance(item, str):
            op, value = item, None
        elif isinstance(item, yamlfile.Mapping) and len(item) == 1:
            ((op, value),) = item.items()
        else:
            keys = f", not {describe(item)}"
            if isinstance(item, dict) and item:
                keys = f"; it has {', '.join([*item][:5])} side by side"
            fact = f"a layer is written as `- relu` or `- conv: {{out_channels: 8, …}}`{keys}"
            return self.broken(frame, line, "layer", fact)
        if op in LAYERS:
            return self.read_layer(op, value, line, frame, current)
        if op == "repeat":
            return self.read_repeat(value, line, frame, current)
        if op in self.blocks:
            return self.read_block(op, value, line, frame, current)
        if op not in (self.document.get("blocks") or ()):  # else it is a block that is on the list of problems
            self.problem(line, unknown_name(op, [*LAYERS, *self.blocks, "repeat"], "unknown layer", NICKNAMES))
        return self.broken(frame, line, stated_name(value, op))

    def broken(self, frame: ListFrame, line: int, name: str, fact: str = "") -> int:
        """Stands in for a layer that could not be read, so that what does not depend on it is still checked."""
        if fact:
            self.problem(line, fact)
        self.nodes.append(None)
        return self.names.put(frame, name, len(self.nodes))

    def read_layer(self, op: str, value: Any, line: int, frame: ListFrame, current: int) -> int:
        cls, where = LAYERS[op], f"{op}: "
        try:
            values = settings(cls, self.filled(value, frame, line))
            name = self.names.take(values, frame, op, line)
            where = f"{frame.prefix}{name} ({op}): "
            inputs = self.names.inputs(values, cls, frame, current, where, line)
            printed = take_printed(values, cls)
            node = None if inputs is None else self.node(op, frame.prefix + name, values, inputs, line)
        except SettingError as error:
            return self.broken(frame, line, stated_name(value, op), f"{where}{error}")
        if node is None:
            return self.broken(frame, line, name)
        self.nodes.append(node)
        if printed != PrintedAs():
            self.printed[frame.prefix + name] = printed
        return self.names.put(frame, name, len(self.nodes))

    def node(self, op: str, name: str, values: dict[str, Any], inputs: tuple[int, ...], line: int) -> Node:
        """The layer in its place; raises SettingError for values that it cannot have."""
        return node_of(op, name, values, inputs, line, len(sizes_of(self.input)))

    def filled(self, value: Any, frame: ListFrame, line: int) -> Any:
        """A value with its $names replaced by the arguments of the block, and its arithmetic done."""

        def argument(name: str) -> Any:
            if name in frame.arguments:
                return frame.arguments[name]
            known = [f"${other}" for other in frame.arguments]
            raise SettingError(unknown_name(f"${name}", known, "unknown parameter"))

        return arithmetic.fill(value, argument)

    # --- blocks and repeats ---

    def read_repeat(self, value: Any, line: int, frame: ListFrame, current: int) -> int:
        keys = ("name", "times", "layers")
        if not isinstance(value, yamlfile.Mapping) or not is_list(value.get("layers")):
            fact = "repeat must be a mapping with times and layers"
            return self.broken(frame, line, stated_name(value, "repeat"), fact)
        self.known_keys(value, keys, "repeat: ")
        head, where = {key: value[key] for key in ("name", "times") if key in value}, "repeat: "
        try:
            head = self.filled(head, frame, line)
            name = self.names.take(head, frame, "repeat", line)
            where = f"{frame.prefix}{name} (repeat): times "
            times = read_integer(head.get("times"), 1)
            if times * len(value["layers"]) > MAX_LAYERS:
                raise SettingError(f"{times:,} of {len(value['layers']):,} layers makes more than {MAX_LAYERS:,}")
        except SettingError as error:
            return self.broken(frame, line, stated_name(value, "repeat"), f"{where}{error}")
        self.descend(frame, line, "repeat")
        found = self.found
        for turn in range(times):
            current = self.read_layers(
                value["layers"], frame.inside(f"{name}.{turn}", current, frame.arguments), current
            )
            if self.found > found:
                break  # the next turn would only find the same
        return self.names.put(frame, name, current)

    def read_block(self, block_name: str, value: Any, line: int, frame: ListFrame, current: int) -> int:
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
            name = self.names.take(arguments, frame, block_name, line)
            where = f"{frame.prefix}{name} ({block_name}): "
            entry = self.names.inputs(arguments, Layer, frame, current, where, line)
            problems = [unknown_key(key, [*parameters, *RESERVED]) for key in arguments if key not in parameters]
            left = {key: default for key, default in parameters.items() if key not in arguments}
            arguments = {**self.defaults(left, line), **arguments}
            problems += [f"needs {key}" for key, argument in arguments.items() if argument is None]
            if problems:
                raise SettingError("; ".join(problems))
        except SettingError as error:
            return self.broken(frame, line, stated_name(value, block_name), f"{where}{error}")
        if entry is None:
            return self.broken(frame, line, name)
        self.descend(frame, line, block_name)
        self.used[frame.prefix + name] = block_name
        current = self.read_layers(block["layers"], frame.inside(name, entry[0], arguments), entry[0])
        return self.names.put(frame, name, current)

    def defaults(self, parameters: Mapping[str, Any], line: int) -> dict[str, Any]:
        """The defaults of those parameters of a block that its use does not give."""
        return dict(parameters)

    def descend(self, frame: ListFrame, line: int, name: str) -> None:
        if frame.depth >= MAX_USES:
            self.problem(line, f"{name}: blocks and repeats more than {MAX_USES} deep; a block may not use itself")
            raise Stop
