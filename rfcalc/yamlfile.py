"""YAML as plain values that remember their lines, read so that no file can run code, exhaust memory or recurse away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from .errors import SpecError

MAX_VALUES = 2_000_000
MAX_DEPTH = 64

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Mapping(dict[str, Any]):
    """A mapping, with the line it starts on and the line of every key."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: dict[str, int] = {}


class Sequence(list[Any]):
    """A list, with the line it starts on and the line of every item."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line
        self.lines: list[int] = []


def read_text(path: str) -> str:
    """A file's text; raises SpecError for one that is missing or not UTF-8."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(
            [f"{path}: is not UTF-8 text: byte {error.start} is 0x{error.object[error.start]:02x}"]
        ) from None
    except OSError as error:
        raise SpecError([f"{path}: {error.strerror or error}"]) from None


def parse(text: str, path: str) -> Any:
    """The one document in `text`; raises SpecError with file and line."""
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            return None if node is None else _Reader(loader, path).value(node, 0)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise SpecError([f"{path}{line}: not YAML: {error.problem or error.context}"]) from None
    except yaml.YAMLError as error:
        raise SpecError([f"{path}: not YAML: {' '.join(str(error).split())}"]) from None
    except RecursionError:
        raise SpecError([f"{path}: nested more than {MAX_DEPTH} deep"]) from None


class _Reader:
    def __init__(self, loader: Any, path: str) -> None:
        self.loader, self.path, self.left = loader, path, MAX_VALUES

    def fail(self, node: yaml.Node, fact: str) -> SpecError:
        return SpecError([f"{self.path}:{node.start_mark.line + 1}: {fact}"])

    def value(self, node: yaml.Node, depth: int) -> Any:
        self.left -= 1
        if self.left < 0:
            raise self.fail(node, f"more than {MAX_VALUES:,} values, aliases counted each time they are used")
        if depth > MAX_DEPTH:
            raise self.fail(node, f"nested more than {MAX_DEPTH} deep")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, depth)
        if isinstance(node, yaml.SequenceNode):
            items = Sequence(node.start_mark.line + 1)
            for item in node.value:
                items.append(self.value(item, depth + 1))
                items.lines.append(item.start_mark.line + 1)
            return items
        return self.scalar(node)

    def mapping(self, node: yaml.MappingNode, depth: int) -> Mapping:
        values = Mapping(node.start_mark.line + 1)
        for key_node, value_node in node.value:
            key = self.value(key_node, depth + 1)
            if not isinstance(key, str):
                raise self.fail(key_node, f"a key must be a word, not {key!r}")
            if key in values:
                raise self.fail(key_node, f"{key} stands twice, first on line {values.lines[key]}")
            values[key] = self.value(value_node, depth + 1)
            values.lines[key] = key_node.start_mark.line + 1
        return values

    def scalar(self, node: yaml.Node) -> Any:
        try:
            value = self.loader.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            problem = getattr(error, "problem", None) or error
            raise self.fail(node, f"cannot read {str(node.value)[:40]!r}: {problem}") from None
        return value if isinstance(value, str | int | float | bool | None) else str(node.value)
