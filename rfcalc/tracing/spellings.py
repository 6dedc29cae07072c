"""Every spelling under which torch offers a function: as a function, a method, a property, in place."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from types import FunctionType
from typing import Any

import torch

HOMES = (torch, torch.Tensor, torch.nn.functional, torch._C._nn, torch.special, torch.linalg)
"""Where torch keeps functions on tensors."""


def functions(names: str, in_place: bool = False) -> Iterator[Any]:
    """Every torch function, method and property of these names, perhaps with their in-place forms."""
    for name in names.split():
        for spelling in (name, f"{name}_") if in_place else (name,):
            for home in HOMES:
                found = getattr(home, spelling, None)
                if found is not None:
                    got = type(found).__name__ == "getset_descriptor" or isinstance(found, property)
                    yield original(found.__get__ if got else found)


@lru_cache(maxsize=4096)
def original(func: Any) -> Any:
    """The function of torch's that another library has put one of its own around, as TorchLens leaves them for the rest
    of the process; any other function is itself."""
    if getattr(func, "__name__", "") == "__get__" and isinstance(getattr(func, "__self__", None), property):
        wrapper = func.__self__.fget
        held = torch._C.TensorBase.__dict__.get(name_of(wrapper))
        return held.__get__ if held is not None and is_foreign(wrapper) else func
    if not is_foreign(func):
        return func
    cells = [cell.cell_contents for cell in func.__closure__ or ()]
    inside = [func.__wrapped__] if hasattr(func, "__wrapped__") else cells
    for value in inside:
        if callable(value) and name_of(value) == name_of(func) and not is_foreign(value):
            return value
    return func


def is_foreign(func: Any) -> bool:
    """Whether a function in torch's place was written in Python elsewhere."""
    return isinstance(func, FunctionType) and func.__globals__.get("__name__", "").split(".")[0] != "torch"


def name_of(func: Any) -> str:
    return str(getattr(func, "__name__", "operation"))


def is_in_place(name: str) -> bool:
    """Whether a function of this name writes into its first argument."""
    return (name.endswith("_") and not name.endswith("__")) or name in ("__setitem__", "__set__")
