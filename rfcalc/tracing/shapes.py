"""torch's functions run on shapes alone, for the shapes of what they make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor

from ..errors import RfcalcError
from .spellings import name_of

Sought = TypeVar("Sought")
MODEST = 2**24
"""Of a function that torch cannot run on shapes alone, at most so many values are made up."""


def instances_in(kind: type[Sought], *values: Any) -> Iterator[Sought]:
    """What is of a kind in arguments or results, lists, tuples and dicts looked into."""
    for value in values:
        if isinstance(value, kind):
            yield value
        elif isinstance(value, list | tuple):
            yield from instances_in(kind, *value)
        elif isinstance(value, dict):
            yield from instances_in(kind, *value.values())


def tensors_in(*values: Any) -> Iterator[Tensor]:
    """The tensors in arguments or results."""
    return instances_in(Tensor, *values)


def zeros(value: Any) -> Any:
    """The same arguments, every tensor full of zeros."""
    if isinstance(value, Tensor):
        return torch.zeros(value.shape, dtype=value.dtype)
    return type(value)(map(zeros, value)) if type(value) in (list, tuple) else value


def on_cpu(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {**kwargs, "device": "cpu"} if kwargs.get("device") is not None else kwargs


def without_values(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A tensor of the same shape, laid out in the same order (empty_like would be many times slower)."""
    strides = tensor.stride()
    if 0 in strides:
        return torch.empty(tensor.shape, dtype=dtype, device="meta")
    return torch.empty_strided(tensor.shape, strides, dtype=dtype, device="meta")


class Shapes:
    """Runs functions on tensors without values: each tensor that has values gets a twin that has none."""

    def __init__(self) -> None:
        self.twins: dict[int, tuple[Tensor, Tensor]] = {}

    def run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a function makes of these shapes; torch's own errors come through."""
        given = {key: "meta" if key == "device" else self.twin(value) for key, value in kwargs.items()}
        try:
            return func(*self.twin(args), **given)
        except NotImplementedError as error:
            return self.on_zeros(func, args, kwargs, error)

    def on_zeros(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> Any:
        """Runs a function that has no form for shapes alone on zeros, to learn the shape of what it makes."""
        if sum(tensor.numel() for tensor in tensors_in(args, kwargs)) > MODEST:
            raise RfcalcError(f"{name_of(func)} cannot be run on shapes alone") from error
        result = func(*zeros(args), **{key: zeros(value) for key, value in on_cpu(kwargs).items()})
        return self.twin(result)

    def twin(self, value: Any) -> Any:
        """The same arguments, every tensor without its values."""
        if isinstance(value, Tensor):
            if value.is_meta:
                return value
            if id(value) not in self.twins:
                self.twins[id(value)] = (value, without_values(value, value.dtype))
            return self.twins[id(value)][1]
        if type(value) in (list, tuple):
            return type(value)(map(self.twin, value))
        return value
