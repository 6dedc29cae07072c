"""What is written for one layer: its settings in any short form, and the layer that they make."""

from __future__ import annotations

from typing import Any

from ..engine.arch import Node, PrintedAs
from ..engine.kinds import describe, settings_of
from ..engine.layers import LAYERS, Join, Layer
from ..engine.layers.base import COUNTS, make
from ..errors import SettingError


def is_list(layers: Any) -> bool:
    """Whether these are layers to write out: none at all would make a name that stands for nothing."""
    return isinstance(layers, list) and bool(layers)


def stated_name(value: Any, default: str) -> str:
    """The name under which others refer to a layer that could not be read."""
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) else default


def settings(layer: type[Layer], value: Any) -> dict[str, Any]:
    """The settings as a mapping, whatever short form they are written in."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return dict(value)
    if issubclass(layer, Join):
        return {"from": value}
    if layer.scalar is None:
        raise SettingError(f"takes no settings, not {describe(value)}" if not settings_of(layer) else "needs a mapping")
    return {layer.scalar: value}


def node_of(op: str, name: str, values: dict[str, Any], inputs: tuple[int, ...], line: int, axes: int) -> Node:
    """A layer with the settings that the spec states, for maps with so many axes; raises SettingError."""
    values = dict(values)
    counts = take_counts(values)
    take_printed(values, LAYERS[op])
    return Node(name, make(op, axes, **values), inputs, line, *counts)


def take_counts(values: dict[str, Any]) -> tuple[int | None, int | None]:
    """Parameters and MACs that a layer states itself, out of its settings."""
    counts = []
    for key in COUNTS:
        value = values.pop(key, None)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise SettingError(f"{key} must be a whole number, not {describe(value)}")
        counts.append(value)
    return counts[0], counts[1]


def take_printed(values: dict[str, Any], layer: type[Layer]) -> PrintedAs:
    """How a torchsummary print shows a layer, out of its settings."""
    functional, containers = values.pop("functional", False), values.pop("containers", [])
    if not isinstance(functional, bool):
        raise SettingError(f"functional must be true or false, not {describe(functional)}")
    if functional and layer.params is not Layer.params:
        raise SettingError("functional: a layer that can hold parameters needs a module for them")
    if not isinstance(containers, list) or not all(isinstance(c, str) and c.isidentifier() for c in containers):
        raise SettingError(f"containers must list names of classes, not {describe(containers)}")
    return PrintedAs(functional, tuple(containers))
