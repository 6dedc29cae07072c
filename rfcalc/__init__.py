"""Receptive fields, sizes, parameters and costs of convolutional networks, worked out, proved and trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .arch import Arch, Node, ReceptiveField, Row
from .errors import RfcalcError, SpecError, need
from .spec import loads
from .specfile import dump
from .zoo import load, names

if TYPE_CHECKING:
    from .network import build
    from .trace_torch import trace

__version__ = "0.1.0"
__all__ = [
    "Arch",
    "Node",
    "ReceptiveField",
    "RfcalcError",
    "Row",
    "SpecError",
    "build",
    "dump",
    "load",
    "loads",
    "names",
    "trace",
]

_TORCH_SIDE = {"build": "network", "trace": "trace_torch"}


def __getattr__(name: str) -> Any:
    """What needs torch is imported when it is first asked for."""
    if name not in _TORCH_SIDE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    need("torch", "torch")
    return getattr(import_module(f".{_TORCH_SIDE[name]}", __name__), name)
