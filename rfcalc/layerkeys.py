"""What every layer of a spec takes beside its settings."""

from __future__ import annotations

from typing import Any

from .errors import SettingError
from .ops import Layer
from .settings import describe

RESERVED = ("name", "from")
COUNTS = ("params", "macs")
"""Keys of a layer, not of a block: a count where the layer's type does not tell it (shared or fixed weights)."""
LAYER_KEYS = (*RESERVED, *COUNTS, "functional", "containers")
"""What every layer takes beside its settings."""


def take_counts(values: dict[str, Any]) -> tuple[int | None, int | None]:
    """Parameters and MACs that a layer states itself, out of its settings."""
    counts = []
    for key in COUNTS:
        value = values.pop(key, None)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise SettingError(f"{key} must be a whole number, not {describe(value)}")
        counts.append(value)
    return counts[0], counts[1]


def take_functional(values: dict[str, Any], layer: type[Layer]) -> bool:
    """Whether a layer is called without a module, out of its settings."""
    value = values.pop("functional", False)
    if not isinstance(value, bool):
        raise SettingError(f"functional must be true or false, not {describe(value)}")
    if value and layer.params is not Layer.params:
        raise SettingError("functional: a layer that can hold parameters needs a module for them")
    return value


def take_containers(values: dict[str, Any]) -> tuple[str, ...]:
    """The classes of modules that end with a layer, out of its settings."""
    value = values.pop("containers", [])
    if not isinstance(value, list) or not all(isinstance(name, str) and name.isidentifier() for name in value):
        raise SettingError(f"containers must list names of classes, not {describe(value)}")
    return tuple(value)
