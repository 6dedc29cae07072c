"""What the layers of an ONNX file are called: the names that its exporter kept of the modules, made readable."""

from __future__ import annotations

import ast
import re

from onnx import NodeProto

SCOPES = "pkg.torch.onnx.name_scopes"
"""Where torch's exporter notes the modules that a node came from, the outermost first, the function last."""
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]+")
CHOSEN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_./:-]*")
"""Names of tensors that somebody chose, not numbers that an exporter counted."""
COUNTED_NAME = re.compile(r"(node_|onnx::)?(\w*?[_:])?\d+|(node|val|tensor|output|t|n|op)_?\d*", re.IGNORECASE)
"""Names that an exporter counted up: Conv_12, node_Conv_12, val_3, t5."""


def scope_of(node: NodeProto) -> tuple[str, ...]:
    """The modules that a node came from, as paths, the outermost first; empty where its name tells of none.

    >>> scope_of(NodeProto(op_type="Conv", name="/layer1/layer1.0/conv1/Conv"))
    ('layer1', 'layer1.0', 'layer1.0.conv1')
    """
    for entry in node.metadata_props:
        if entry.key == SCOPES:
            found = noted(entry.value)
            return tuple(clean(path) for path in found[:-1] if path)
    if node.name.startswith("/"):
        return nested([part for part in node.name.split("/") if part][:-1])
    if "/" in node.name:  # TensorFlow's: the scopes, then the operation
        *scopes, last = [part for part in node.name.split("/") if part]
        return nested(scopes if node.op_type.lower() in last.lower() else [*scopes, last])
    name = node.name if says_something(node.name) else next((out for out in node.output if says_something(out)), "")
    return (clean(name),) if name else ()


def noted(text: str) -> list[str]:
    """A list of names as Python writes it."""
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return []
    return [str(name) for name in found] if isinstance(found, list) else []


def says_something(name: str) -> bool:
    """Whether a name says something: not empty, no bare number, nor what an exporter counts up."""
    return bool(CHOSEN_NAME.fullmatch(name)) and not COUNTED_NAME.fullmatch(name)


def nested(parts: list[str]) -> tuple[str, ...]:
    """Scopes as paths: layer1, layer1.0, conv1 are layer1, layer1.0, layer1.0.conv1."""
    paths: list[str] = []
    before, base = "", ""
    for part in parts:
        inner = bool(before) and part.startswith(f"{before}.")
        base = base if inner or not paths else paths[-1]
        paths.append(clean(f"{base}.{part}".lstrip(".")))
        before = part
    return tuple(paths)


def clean(name: str) -> str:
    return NOT_IN_NAMES.sub("_", name).strip("._") or "_"
