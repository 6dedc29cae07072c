"""Edits of a YAML text that leave the rest of it as its author wrote it: comments, order, line breaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from ..spec.yamlfile import plain


def flow(value: Any) -> str:
    """A value on one line, as YAML writes it."""
    text: str = yaml.safe_dump(plain(value), default_flow_style=True, width=10**9, sort_keys=False).strip()
    return text.removesuffix("...").strip()


class YamlText:
    """A document's text and the places of its values; changes are collected and made at once, from the end on."""

    def __init__(self, text: str, document: Any) -> None:
        self.text = text
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        self.nodes: dict[int, Any] = {}
        for value, node in value_nodes(document, root):
            if isinstance(value, list):
                self.nodes[id(value)] = node
        self.root = root
        self.changes: list[tuple[int, int, str]] = []

    def item(self, place: tuple[int, int]) -> Any:
        return self.nodes[place[0]].value[place[1]]

    def replace(self, node: Any, text: str) -> None:
        self.changes.append((node.start_mark.index, node.end_mark.index, text))

    def state(self, place: tuple[int, int], settings: Mapping[str, Any], scalar: str | None) -> None:
        """States settings of an item, in whatever form it is written."""
        item = self.item(place)
        if isinstance(item, yaml.ScalarNode):  # - conv_bn
            self.replace(item, f"{item.value}: {flow(dict(settings))}")
            return
        _, value = item.value[0]
        if not isinstance(value, yaml.MappingNode):
            self.state_short(value, dict(settings), scalar)
            return
        known = {key.value: node for key, node in value.value}
        for key in [key for key in settings if key in known]:
            self.replace(known[key], flow(settings[key]))
        if new := {key: v for key, v in settings.items() if key not in known}:
            self.add(value, new)

    def state_short(self, value: Any, settings: dict[str, Any], scalar: str | None) -> None:
        """- max_pool: 2, with its one value replaced, or written out with the new settings after it."""
        if scalar is not None and set(settings) == {scalar}:
            self.replace(value, flow(settings[scalar]))
            return
        empty = isinstance(value, yaml.ScalarNode) and not value.value
        old = {} if empty or scalar is None else {scalar: yaml.safe_load(self.source(value))}
        text = flow({**old, **settings})
        self.replace(value, f" {text}" if empty else text)

    def source(self, node: Any) -> str:
        return self.text[node.start_mark.index : node.end_mark.index]

    def add(self, mapping: Any, settings: Mapping[str, Any]) -> None:
        """New keys after the last one of a mapping."""
        parts = [f"{key}: {flow(value)}" for key, value in settings.items()]
        if not mapping.value:
            self.replace(mapping, "{" + ", ".join(parts) + "}")
            return
        first, last = mapping.value[0][0], mapping.value[-1][1]
        between = ", " if mapping.flow_style else "\n" + " " * first.start_mark.column
        self.changes.append((last.end_mark.index, last.end_mark.index, "".join(between + part for part in parts)))

    def put_in(self, place: tuple[int, int], op: str, settings: Mapping[str, Any]) -> None:
        """A new layer in front of an item."""
        item = self.item(place)
        start, column = item.start_mark.index, item.start_mark.column
        text = f"{op}: {flow(settings)}" if settings else op
        if self.nodes[place[0]].flow_style:
            new = f"{text}, "
        else:
            dash = self.text.rfind("-", 0, start)
            line = self.text.rfind("\n", 0, start) + 1
            indent = " " * (dash - line if dash >= line else column - 2)
            new = f"{text}\n{indent}- "
        self.changes.append((start, start, new))

    def drop(self, section: str, keys: list[tuple[str, ...]]) -> None:
        """Takes entries, named by their keys, out of a top-level section, and what that leaves empty."""
        top = {key.value: (key, value) for key, value in (self.root.value if self.root else ())}
        if section in top:
            self.prune(*top[section], set(keys))

    def prune(self, key: Any, mapping: Any, gone: set[tuple[str, ...]]) -> None:
        """Rewrites a mapping without the given entries, in place; an empty one goes with its key."""
        left: list[tuple[Any, Any]] = []
        for inner, value in mapping.value:
            below = {path[1:] for path in gone if path[0] == inner.value}
            if () in below:
                continue
            if below and {k.value for k, _ in value.value} <= {path[0] for path in below if len(path) == 1}:
                continue
            left.append((inner, value))
        if not left:
            self.cut_lines(key, mapping)
            return
        kept = {k.value for k, _ in left}
        if mapping.flow_style:
            parts = ", ".join(self.text[k.start_mark.index : v.end_mark.index] for k, v in left)
            if len(left) < len(mapping.value):
                self.replace(mapping, "{" + parts + "}")
                return
        for inner, value in mapping.value:
            below = {path[1:] for path in gone if path[0] == inner.value and len(path) > 1}
            if inner.value not in kept:
                self.cut_lines(inner, value)
            elif below:
                self.prune(inner, value, below)

    def cut_lines(self, key: Any, value: Any) -> None:
        """Takes an entry of a block mapping out, with its lines."""
        start = self.text.rfind("\n", 0, key.start_mark.index) + 1
        end = content_end(value)
        line_end = self.text.find("\n", end)
        self.changes.append((start, len(self.text) if line_end < 0 else line_end + 1, ""))

    def done(self) -> str:
        out = self.text
        for start, end, text in sorted(self.changes, key=lambda change: change[:2], reverse=True):
            out = out[:start] + text + out[end:]
        return out


def content_end(node: Any) -> int:
    """Where a value's own text ends; a block mapping's mark lies after the comments that follow it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return content_end(last[1] if isinstance(node, yaml.MappingNode) else last)


def value_nodes(value: Any, node: Any) -> Iterator[tuple[Any, Any]]:
    """The values of a document beside the nodes of its text."""
    yield value, node
    if isinstance(value, dict) and isinstance(node, yaml.MappingNode):
        for (_, inner_node), inner in zip(node.value, value.values(), strict=True):
            yield from value_nodes(inner, inner_node)
    elif isinstance(value, list) and isinstance(node, yaml.SequenceNode):
        for inner, inner_node in zip(value, node.value, strict=True):
            yield from value_nodes(inner, inner_node)
