"""What a change of type asks for."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .spellings import name_of


def asks_only(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a function that changes types only asks for one here (`x.type()`), or is called on no tensor."""
    return not isinstance(args[0], Tensor) or (name_of(func) == "type" and len(args) + len(kwargs) == 1)


def wanted_type(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.dtype | None:
    """The type that `x.to(…)`, `x.half()`, `x.type_as(y)`, … ask for; None where they ask for a device alone."""
    rest = [*args[1:], *kwargs.values()]
    types = [named for value in (*rest, getattr(torch, name_of(func), None)) if (named := named_type(value))]
    types += [value.dtype for value in rest if isinstance(value, Tensor)]
    return types[0] if types else None


def named_type(value: Any) -> torch.dtype | None:
    """A type, given as itself or as the old name of its tensors (`torch.HalfTensor`)."""
    if isinstance(value, str) and value.startswith("torch.") and value.endswith("Tensor"):
        value = getattr(torch, value.removeprefix("torch."), None)
    found = value if isinstance(value, torch.dtype) else getattr(value, "dtype", None)
    return found if isinstance(found, torch.dtype) and not isinstance(value, Tensor) else None
