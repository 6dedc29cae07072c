"""Names: which node each stands for, in which scope; what a layer reads; and names that nothing answers to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..engine.arch import Node
from ..engine.kinds import describe
from ..engine.layers import Join, Layer
from ..errors import SettingError, unknown_name
from .problems import ProblemList


@dataclass
class Scope:
    """Names that a layer may refer to: those of its block or repeat, then those around it."""

    entry: int
    outer: Scope | None = None
    names: dict[str, int] = field(default_factory=dict)

    def find(self, name: str) -> int | None:
        if name == "input":
            return self.entry
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None


@dataclass(frozen=True)
class ListFrame:
    """Where a list of layers stands: its name prefix, scope, the arguments for its $names, and how deep."""

    prefix: str
    scope: Scope
    arguments: Mapping[str, Any]
    depth: int = 0

    def inside(self, name: str, entry: int, arguments: Mapping[str, Any]) -> ListFrame:
        return ListFrame(f"{self.prefix}{name}.", Scope(entry, self.scope), arguments, self.depth + 1)


class Names:
    """The names of one document, as its nodes are read; a name that is not known yet may be explained at the end."""

    def __init__(self, nodes: list[Node | None], problems: ProblemList) -> None:
        self.nodes, self.problems = nodes, problems
        self.inner: dict[str, int] = {}
        self.unresolved: list[tuple[str, str, str]] = []
        self.dotted: list[tuple[str, int]] = []

    def put(self, frame: ListFrame, name: str, node: int) -> int:
        """Makes a node known under its name, and under its full one to those outside its block."""
        frame.scope.names[name] = self.inner[frame.prefix + name] = node
        return node

    def take(self, values: dict[str, Any], frame: ListFrame, op: str, line: int) -> str:
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

    def inputs(
        self, values: dict[str, Any], cls: type[Layer], frame: ListFrame, current: int, where: str, line: int
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
                self.unresolved.append((name, frame.prefix, self.problems.place(line) + where))
            inputs.append(found)
        return None if None in inputs else tuple(i for i in inputs if i is not None)

    def explain(self) -> None:
        lines = {node.name: node.line for node in self.nodes if node}
        for name, prefix, where in self.unresolved:
            later = next((n for n in (prefix + name, name) if n in lines), None)
            if later:
                fact = f"from {name}: that layer comes later, on line {lines[later]}"
            else:
                fact = unknown_name(name, list(lines), "from: unknown layer")
            self.problems.append(where + fact)

    def check_dotted(self) -> None:
        """A stated name such as C1.conv must not be one that the block C1 makes."""
        seen = Counter(node.name for node in self.nodes if node) if self.dotted else Counter()
        for name, line in self.dotted:
            if seen[name] > 1:
                self.problems.add(line, f"the name {name} stands twice")
