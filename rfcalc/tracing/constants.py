"""Functions of numbers and weights, which hold nothing of the image: worked out for real where they are small."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from .call import NeedsValues
from .rules.kinds import FACTORIES, OBSERVES, PRODUCT_FUNCTIONS, READ_VALUES
from .shapes import on_cpu, tensors_in
from .spellings import is_in_place, name_of
from .state import TraceState

MOST_REAL_VALUES = 2**14
"""Tensors of up to so many values that hold nothing of the image are worked out for real, for a program may ask for
their values; larger ones have shapes only."""


def memory(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def values_in(tensors: list[Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors)


class Constants:
    """Works out what does not depend on the image, and never writes into what was there before the program ran."""

    def __init__(self, state: TraceState) -> None:
        self.known, self.charges, self.shapes = state.known, state.charges, state.shapes
        self.foreign: dict[int, Tensor] = {}

    def call(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a function makes of numbers and weights alone."""
        tensors, name = list(tensors_in(args, kwargs)), name_of(func)
        if tensors and is_in_place(name) and not self.may_write(tensors[0]):
            return None if name.startswith("__set") else tensors[0]
        result = self.worked_out(func, args, kwargs, tensors)
        foreign = [memory(tensor) for tensor in tensors if not self.may_write(tensor)]
        for tensor in tensors_in(result):
            self.known.keep(tensor)
            if memory(tensor) in foreign:
                self.foreign[id(tensor)] = tensor
        self.charges.made_from(tensors_in(result), tensors)
        return result

    def worked_out(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[Tensor]) -> Any:
        """For real where the values are there and few, else on shapes alone; raises NeedsValues where that is not
        enough."""
        real = not any(tensor.is_meta for tensor in tensors) and name_of(func) not in OBSERVES
        if func in FACTORIES:
            return self.factory(func, args, kwargs)
        if func in PRODUCT_FUNCTIONS:
            return self.product(func, args, kwargs, real and values_in(tensors) <= MOST_REAL_VALUES)
        if real and (func in READ_VALUES or values_in(tensors) <= MOST_REAL_VALUES):
            return func(*args, **on_cpu(kwargs))
        if func in READ_VALUES:
            raise NeedsValues(name_of(func))
        return self.shapes.run(func, args, kwargs)

    def product(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], real: bool) -> Any:
        """A product of weights and numbers alone, whose cost is the same for every image: counted apart."""
        with FlopCounterMode(display=False) as counter:
            result = func(*args, **on_cpu(kwargs)) if real else self.shapes.run(func, args, kwargs)
        self.charges.constant_macs += counter.get_total_flops() // 2  # it counts a multiply-add as two
        return result

    def factory(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        wanted = func(*args, **{**kwargs, "device": "meta"})
        return wanted if wanted.numel() > MOST_REAL_VALUES else func(*args, **on_cpu(kwargs))

    def may_write(self, tensor: Tensor) -> bool:
        """Whether the program has made a tensor, and its memory, since it began to run."""
        return id(tensor) in self.known.made and id(tensor) not in self.foreign

    # --- made after the shape of a tensor of the image ---

    def like(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        """A new tensor that has the shape of another, and none of its values."""
        named = {key: a_number(value) for key, value in kwargs.items()}
        made: Tensor = self.shapes.run(func, (*args[:1], *map(a_number, args[1:])), named)
        return self.known.keep(made)


def a_number(value: Any) -> Any:
    """Any number of a tensor's type in its stead: what a new tensor is full of does not matter for its shape."""
    return torch.zeros((), dtype=value.dtype).item() if isinstance(value, Tensor) else value
