"""YAML as plain values that remember their lines, read so that no file can run code, exhaust memory or recurse away.

The parser's events are read one by one: its own composer recurses, and a file of brackets would crash the process.
"""

from __future__ import annotations

from collections import abc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..engine.kinds import describe
from ..errors import SpecError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SPEC_ENDINGS = (".yaml", ".yml")
MAX_BYTES = 2**26
MAX_VALUES = 2_000_000
MAX_DEPTH = 64
MAX_NUMBER = 1000
"""Characters of the longest number; longer ones cost time that grows with the square, and are slips: left as text."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBERS = {f"tag:yaml.org,2002:{kind}": f"construct_yaml_{kind}" for kind in ("int", "float", "bool", "null")}
_PLAIN_TAGS = (None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", *_NUMBERS)


class NotYaml(SpecError):
    """A text that cannot be read as YAML, and the line that what is wrong begins on: where an open bracket stands, not
    the end of the file where it is missed."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__([problem])
        self.line = line


class Mapping(dict[str, Any]):
    """A mapping, with the line it starts on, the line of every key, and how deep it nests."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line, self.height = line, 1
        self.lines: dict[str, int] = {}


class Sequence(list[Any]):
    """A list, with the line it starts on, the line of every item, and how deep it nests."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line, self.height = line, 1
        self.lines: list[int] = []


def read_text(path: str) -> str:
    """A file's text; raises SpecError for one that is missing, too large or not UTF-8."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SpecError([f"{path}: is larger than {MAX_BYTES:,} bytes"])
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(
            [f"{path}: is not UTF-8 text: byte {error.start} is 0x{error.object[error.start]:02x}"]
        ) from None
    except OSError as error:
        raise SpecError([f"{path}: {error.strerror or error}"]) from None
    except ValueError as error:  # a name that no file can have
        raise SpecError([f"{path!r}: {error}"]) from None


def parse(text: str, path: str, key_of: Callable[[Any], str] | None = None) -> Any:
    """The one document in `text`, None for an empty one; raises NotYaml with file and line. Keys must be words,
    unless `key_of` makes words of numbers, true, false and null."""
    try:
        loader = _Loader(text)
        try:
            return _Reader(loader, path, key_of).document()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise NotYaml(f"{path}{line}: not YAML: {error.problem or error.context}", error_line(error)) from None
    except yaml.reader.ReaderError as error:
        number = text.encode()[: error.position].count(b"\n") + 1
        fact = f"the character {error.character:#04x} cannot stand in it"
        raise NotYaml(f"{path}:{number}: not YAML: {fact}", number) from None
    except yaml.YAMLError as error:
        raise NotYaml(f"{path}: not YAML: {' '.join(str(error).split())}", 1) from None
    except UnicodeEncodeError as error:  # half a character, which no file holds
        raise NotYaml(f"{path}: not YAML: {error.reason} at {error.start}", 1) from None


def plain(value: Any) -> Any:
    """Tuples as lists, mappings as dicts, all the way down."""
    if isinstance(value, abc.Mapping):
        return {key: plain(v) for key, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def names_in(folder: Traversable) -> list[str]:
    """The names of the YAML files in a folder, in alphabetical order."""
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def mapping(text: str, path: str, needs: str, key_of: Callable[[Any], str] | None = None) -> Mapping:
    """The mapping that a text is; raises SpecError with what it needs for any other."""
    document = parse(text, path, key_of)
    if not isinstance(document, Mapping):
        what = "is empty" if document is None else f"is no mapping but {describe(document)}"
        raise SpecError([f"{path}: {what}; {needs}"])
    return document


def error_line(error: yaml.MarkedYAMLError) -> int:
    """The line that what is wrong begins on: of an open bracket or quote its own; a block begins long before."""
    inner = error.context_mark if "block" not in (error.context or "") else None
    return min((mark.line + 1 for mark in (error.problem_mark, inner) if mark), default=1)


class _Reader:
    """Values from events. An alias shares its anchor's value, and counts as often as it is used."""

    def __init__(self, loader: Any, path: str, key_of: Callable[[Any], str] | None) -> None:
        self.loader, self.path, self.left = loader, path, MAX_VALUES
        self.key_of = key_of
        self.anchors: dict[str, tuple[Any, int]] = {}

    def fail(self, event: Any, fact: str) -> NotYaml:
        line = event.start_mark.line + 1
        return NotYaml(f"{self.path}:{line}: {fact}", line)

    def document(self) -> Any:
        self.loader.get_event()  # the stream starts
        if isinstance(self.loader.get_event(), yaml.StreamEndEvent):
            return None
        value = self.value(self.loader.get_event(), 0)
        self.loader.get_event()  # the document ends
        after = self.loader.get_event()
        if not isinstance(after, yaml.StreamEndEvent):
            raise self.fail(after, "a second document; a file holds one")
        return value

    def value(self, event: Any, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, depth)
        self.spend(event, 1)
        if event.tag not in _PLAIN_TAGS:
            raise self.fail(event, f"unknown tag {event.tag[:80]!r}")
        left = self.left
        if isinstance(event, yaml.ScalarEvent):
            value = self.scalar(event)
        else:
            self.check_depth(event, depth + 1)
            value = (self.mapping if isinstance(event, yaml.MappingStartEvent) else self.items)(event, depth + 1)
        if event.anchor:
            self.anchors[event.anchor] = value, 1 + left - self.left
        return value

    def spend(self, event: Any, values: int) -> None:
        self.left -= values
        if self.left < 0:
            raise self.fail(event, f"more than {MAX_VALUES:,} values, aliases counted each time they are used")

    def check_depth(self, event: Any, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self.fail(event, f"nested more than {MAX_DEPTH} deep")

    def alias(self, event: Any, depth: int) -> Any:
        if event.anchor not in self.anchors:
            raise self.fail(event, f"*{event.anchor} stands for nothing yet: &{event.anchor} must end before it")
        value, count = self.anchors[event.anchor]
        self.spend(event, count)
        self.check_depth(event, depth + getattr(value, "height", 0))
        return value

    def items(self, start: Any, depth: int) -> Sequence:
        items = Sequence(start.start_mark.line + 1)
        while not isinstance(event := self.loader.get_event(), yaml.SequenceEndEvent):
            item = self.value(event, depth)
            items.append(item)
            items.lines.append(event.start_mark.line + 1)
            items.height = max(items.height, 1 + getattr(item, "height", 0))
        return items

    def mapping(self, start: Any, depth: int) -> Mapping:
        values = Mapping(start.start_mark.line + 1)
        while not isinstance(event := self.loader.get_event(), yaml.MappingEndEvent):
            key = self.value(event, depth)
            if self.key_of and not isinstance(key, str | list | dict):
                key = self.key_of(key)
            if not isinstance(key, str):
                what = "a list or mapping" if isinstance(key, list | dict) else repr(key)
                raise self.fail(event, f"a key must be a word, not {what}")
            if key in values:
                raise self.fail(event, f"{key} stands twice, first on line {values.lines[key]}")
            value = values[key] = self.value(self.loader.get_event(), depth)
            values.lines[key] = event.start_mark.line + 1
            values.height = max(values.height, 1 + getattr(value, "height", 0))
        return values

    def scalar(self, event: Any) -> Any:
        """Text, a number, true, false or null; dates and all else that YAML knows stay as they are written."""
        if len(event.value) > MAX_NUMBER:
            return event.value
        tag = event.tag
        if tag is None or tag == "!":
            tag = self.loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag not in _NUMBERS:
            return event.value
        node = yaml.ScalarNode(tag, event.value, event.start_mark)
        try:
            return getattr(self.loader, _NUMBERS[tag])(node)
        except (ValueError, LookupError):
            raise self.fail(event, f"cannot read {event.value[:40]!r} as {tag.rpartition(':')[2]}") from None
