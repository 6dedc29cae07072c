"""The tensors that a function returns, bound to where their values stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .call import Call, MemoryLayout
from .dims import shape_of
from .graph import Map, Unsupported
from .moves import assigned, known_by_shape
from .shapes import tensors_in, without_values
from .spellings import is_in_place
from .state import TraceState

ResultMaps = Map | Sequence[Map | None] | None
"""Where the values of a function's results stand: of its one result, of several in their order, of none."""


class Results:
    """Gives a program what a function returns: tensors without values, which the state then knows."""

    def __init__(self, state: TraceState) -> None:
        self.state, self.graph, self.known = state, state.graph, state.known

    def give(self, call: Call, out: ResultMaps) -> Any:
        """What a function returns whose results stand at `out`. Raises Unsupported where that cannot be."""
        if out is None:
            return None
        result, tensors, maps = self.made(call, out)
        for tensor in tensors[len(maps) :]:
            self.known.put_off(tensor, self.also(call, maps[0], tuple(tensor.shape)))
        empty = [tensor for tensor, m in zip(tensors, maps, strict=False) if m is None]  # or weights in another shape
        if empty:
            self.kept(empty)
            self.state.charges.made_from(empty, call.tensors)
        found = [(tensor, m) for tensor, m in zip(tensors, maps, strict=False) if m is not None]
        for tensor, m in found:
            if tuple(tensor.shape) != shape_of(m.dims) or not self.graph.holds(m):
                raise Unsupported(f"{call.name} gives {tuple(tensor.shape)}, its layers {shape_of(m.dims)}")
        if is_in_place(call.name) or call.given.get("inplace") is True:
            target, mixes = call.tensors[0], len(call.maps()) > 1 or call.name == "copy_"
            self.state.writes.written(target, found[0][1], call.tensors, mixes)
            return target
        for tensor, m in found:
            self.known.bind(tensor, m)
        return result

    def made(self, call: Call, out: Map | Sequence[Map | None]) -> tuple[Any, list[Tensor], list[Map | None]]:
        """What the function returns, the tensors in it, and their maps: made from the map alone where that tells its
        shape, else by the function itself."""
        if isinstance(out, Map) and not call.ran and not self.state.verify:
            result: Any = self.empty(call, out)
            return result, [result], [out]
        result = call.run()
        tensors = list(tensors_in(result))
        return result, tensors, [out] * len(tensors) if isinstance(out, Map) else list(out)

    def also(self, call: Call, m: Map | None, shape: tuple[int, ...]) -> Callable[[], Map]:
        """Another result of a function, of another shape: its layer is made when something reads it."""

        def make() -> Map:
            if m is None:
                raise Unsupported("another result of an empty one")
            op = "opaque" if self.graph.drafts[m.node - 1].layer.op.startswith("opaque") else "whole"
            bound = {"bound": True} if op == "whole" else {}
            found = assigned(self.graph, shape, m.dims if len(shape) == len(m.dims) else ())
            return known_by_shape(self.graph, op, [m], found, call.operation, 0, **bound)

        return make

    def kept(self, result: Any) -> Any:
        """A result that holds nothing of the image."""
        for tensor in tensors_in(result):
            self.known.keep(tensor)
        return result

    # --- tensors without values ---

    def empty(self, call: Call, m: Map) -> Tensor:
        """A tensor without values for a result whose shape the layers tell."""
        like, shape = next(t for t in call.tensors if self.known.find(t) is not None), shape_of(m.dims)
        dtype = call.dtype or like.dtype
        if not dtype.is_floating_point and call.dtype is None:
            return next(tensors_in(call.run()))
        if not all(tensor.is_contiguous() for tensor in call.tensors):
            if call.memory is MemoryLayout.KEPT:
                return self.laid_out_alike(call, like, shape, dtype)
            last = torch.channels_last
            maps = [tensor for tensor in call.tensors if self.known.find(tensor) is not None]
            ordered = call.memory is MemoryLayout.CHANNELS_LAST and len(shape) == 4
            if ordered and all(t.dim() == 4 and t.is_contiguous(memory_format=last) for t in maps):
                return torch.empty(shape, dtype=dtype, device="meta", memory_format=last)
        return torch.empty(shape, dtype=dtype, device="meta")

    def laid_out_alike(self, call: Call, like: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """The result of a function value by value, in the order in memory that torch gives it."""
        others = [t for t in call.tensors if t is not like and t.dim()]
        if tuple(like.shape) == shape and all(t.stride() == like.stride() for t in others):
            return without_values(like, dtype)
        return next(tensors_in(call.run()))
