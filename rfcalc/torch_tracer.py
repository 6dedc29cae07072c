"""Watches a running program: every torch function that it calls becomes the layers that say what the function does.

Tensors have shapes only (torch's meta device); `Tracer` remembers which of them hold something of the image, and where.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from . import torch_ops, torch_products  # noqa: F401 - they register what torch's layer functions mean
from .errors import RfcalcError
from .torch_call import OPS, Call, Entry, NeedsValues, functions, tensors_in
from .torch_graph import Frame, Graph, Map, Unfit
from .torch_layout import shape_of
from .torch_moves import assigned, known_by_shape, shape_like
from .torch_values import sees_all, unknown
from .torch_views import ABOUT, FRESH, MOVES, VALUES

SMALL = 2**14
"""Tensors of up to so many values that hold nothing of the image are worked out for real, for a program may ask for
their values; larger ones have shapes only."""

MODEST = 2**24
"""Of a function that torch cannot run on shapes alone, at most so many values are made up."""

FACTORIES = frozenset(
    functions("zeros ones empty full rand randn randint randperm arange linspace logspace eye range tril_indices")
)


def name_of(func: Any) -> str:
    return str(getattr(func, "__name__", "an operation"))


def is_in_place(name: str) -> bool:
    """Whether a function of this name writes into its first argument."""
    return (name.endswith("_") and not name.endswith("__")) or name in ("__setitem__", "__set__")


def zeros(value: Any) -> Any:
    """The same arguments, every tensor full of zeros."""
    if isinstance(value, Tensor):
        return torch.zeros(value.shape, dtype=value.dtype)
    return type(value)(map(zeros, value)) if type(value) in (list, tuple) else value


def on_cpu(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {**kwargs, "device": "cpu"} if kwargs.get("device") is not None else kwargs


def base_of(tensor: Tensor) -> Tensor:
    """The tensor whose memory a view shows."""
    return tensor if tensor._base is None else tensor._base


def memory(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def without_values(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """A tensor of the same shape, laid out in the same order (empty_like would be many times slower)."""
    strides = tensor.stride()
    if 0 in strides:
        return torch.empty(tensor.shape, dtype=dtype, device="meta")
    return torch.empty_strided(tensor.shape, strides, dtype=dtype, device="meta")


class Tracer(TorchFunctionMode):
    """Sees every torch function that a program calls and grows the graph by what it means."""

    def __init__(self, module: nn.Module, shape: tuple[int, ...], batch: int, verify: bool = False) -> None:
        super().__init__()
        self.graph, self.verify = Graph(shape, batch), verify
        self.known: dict[int, tuple[Tensor, Map]] = {}
        self.later: dict[int, tuple[Tensor, Callable[[], Map], Map | None]] = {}
        self.made: dict[int, Tensor] = {}
        self.foreign: dict[int, Tensor] = {}
        self.views: dict[int, dict[int, Tensor]] = {}
        self.twins: dict[int, tuple[Tensor, Tensor]] = {}
        self.behind: dict[int, frozenset[int]] = {}
        self.parameters = {id(p): (name, p) for name, p in module.named_parameters()}
        self.charged: dict[int, None] = {}
        self.paths = {id(m): name for name, m in module.named_modules()}
        self.module = module
        self.own: dict[int, Tensor] | None = None
        self.error: BaseException | None = None
        self.failed = ""
        self.image = torch.empty((batch, *shape), device="meta")
        self.bind(self.image, self.graph.home(0))

    # --- what tensors hold ---

    def find(self, tensor: Any) -> Map | None:
        """Where the values of a tensor stand in what some node made; None for one that holds nothing of the image."""
        found = self.known.get(id(tensor))
        if found is not None:
            return found[1]
        if id(tensor) in self.later:
            m = self.later.pop(id(tensor))[1]()
        elif isinstance(tensor, Tensor) and tensor.is_meta and id(tensor) not in self.made and not self.owns(tensor):
            m = self.out_of_nowhere(tensor)
        else:
            return None
        self.bind(tensor, m)
        return m

    def owns(self, tensor: Tensor) -> bool:
        """Whether a tensor without values is one that the module came with."""
        if self.own is None:
            held = [*self.module.parameters(), *self.module.buffers()]
            held += tensors_in([list(part.__dict__.values()) for part in self.module.modules()])
            self.own = {id(t): t for t in held}
        return id(tensor) in self.own

    def out_of_nowhere(self, tensor: Tensor) -> Map:
        """A tensor that no function has been seen to make: scripted code does that, and may have read anything."""
        found = assigned(self.graph, tuple(tensor.shape), self.graph.home(0).dims)
        return known_by_shape(self.graph, "opaque", [self.graph.home(0)], found, "hidden", 0)

    def bind(self, tensor: Tensor, m: Map) -> None:
        self.later.pop(id(tensor), None)
        self.known[id(tensor)] = (tensor, m)
        if tensor._base is not None:
            self.views.setdefault(id(tensor._base), {})[id(tensor)] = tensor

    def charge(self, tensors: Iterable[Tensor]) -> int:
        """Parameters behind these tensors that no layer has counted yet."""
        count = 0
        for tensor in tensors:
            for key in self.behind_of(tensor):
                if key not in self.charged:
                    self.charged[key] = None
                    count += self.parameters[key][1].numel()
        return count

    # --- calls ---

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in ABOUT:
            return func(*args, **kwargs)
        tensors = list(tensors_in(args, kwargs))
        if func is torch.Tensor.__setitem__:
            self.written_back(args[0], args[2])
        if not [tensor for tensor in tensors if self.find(tensor) is not None]:
            return self.constant(func, args, kwargs)
        if func in VALUES:
            raise NeedsValues(name_of(func))
        if func in MOVES:
            return self.moved(func, args, kwargs)
        if func in FRESH:
            return self.fresh(func, args, kwargs)
        entry = OPS.get(func)
        return self.operation(Call(self, func, args, kwargs, entry.parameters if entry else (), tensors), entry)

    def operation(self, call: Call, entry: Entry | None) -> Any:
        """One function on tensors of the image: its layers, and the tensors that it returns."""
        if call.name == "__set__":  # x.data = y
            return self.replaced(call.args[0], call.args[1])
        if entry is None and not any(True for _ in tensors_in(call.run())):
            return call.result
        mark, charged = len(self.graph.drafts), len(self.charged)
        try:
            return self.give(call, entry.handler(call) if entry else unknown(call, call.operation))
        except Unfit:
            self.graph.rewind(mark)
            while len(self.charged) > charged:
                self.charged.popitem()
        try:
            return self.give(call, sees_all(call, call.operation))
        except Unfit as reason:
            raise RfcalcError(f"{call.name} cannot be followed: {reason}") from None

    def give(self, call: Call, out: Map | list[Map] | None) -> Any:
        """The tensors that a function returns, bound to where their values stand."""
        if out is None:
            return None
        if isinstance(out, Map) and not call.ran and not self.verify:
            tensor = self.empty(call, out)
            result: Any = tensor
            pairs = [(tensor, out)]
        else:
            result = call.run()
            tensors = list(tensors_in(result))
            maps = out if isinstance(out, list) else [out] * len(tensors)
            pairs = list(zip(tensors, maps, strict=False))
            for tensor in tensors[len(maps) :]:
                self.later[id(tensor)] = (tensor, self.also(call, maps[0], tuple(tensor.shape)), None)
        for tensor, m in pairs:
            if tuple(tensor.shape) != shape_of(m.dims) or not self.graph.holds(m):
                raise Unfit(f"{call.name} gives {tuple(tensor.shape)}, its layers {shape_of(m.dims)}")
        if is_in_place(call.name) or call.given.get("inplace") is True:
            target = call.tensors[0]
            self.rebind(target, call, pairs[0][1])
            return target
        for tensor, m in pairs:
            self.bind(tensor, m)
        return result

    def replaced(self, target: Tensor, value: Any) -> None:
        """A tensor that stands for another one from now on."""
        m = self.find(value)
        if m is not None:
            self.bind(target, m)
        elif isinstance(value, Tensor):
            self.known.pop(id(target), None)
            self.keep(target)

    def also(self, call: Call, m: Map, shape: tuple[int, ...]) -> Callable[[], Map]:
        """Another result of a function, of another shape: its layer is made when something reads it."""

        def make() -> Map:
            op = "opaque" if self.graph.drafts[m.node - 1].layer.op.startswith("opaque") else "whole"
            bound = {"bound": True} if op == "whole" else {}
            found = assigned(self.graph, shape, m.dims if len(shape) == len(m.dims) else ())
            return known_by_shape(self.graph, op, [m], found, call.operation, 0, **bound)

        return make

    def empty(self, call: Call, m: Map) -> Tensor:
        """A tensor without values for a result whose shape the layers tell."""
        like, shape = next(t for t in call.tensors if self.find(t) is not None), shape_of(m.dims)
        dtype = call.dtype or like.dtype
        if not dtype.is_floating_point and call.dtype is None:
            return next(tensors_in(call.run()))
        if tuple(like.shape) == shape:
            return without_values(like, dtype)
        last = torch.channels_last
        kept = call.ordered and like.dim() == 4 and not like.is_contiguous() and like.is_contiguous(memory_format=last)
        order = last if kept else torch.contiguous_format
        return torch.empty(shape, dtype=dtype, device="meta", memory_format=order)

    def rebind(self, target: Tensor, call: Call, m: Map) -> None:
        """A tensor whose values have been written anew; others that share its memory may have been written with it."""
        self.bind(target, m)
        if len(call.maps()) < 2 and call.name not in ("__setitem__", "copy_"):
            return
        base = base_of(target)
        for other in (base, *self.views.get(id(base), {}).values()):
            if other is not target and not any(other is tensor for tensor in call.tensors):
                old = self.known.pop(id(other), (other, None))[1]
                if id(other) in self.later:
                    old = self.later[id(other)][2]
                self.later[id(other)] = (other, self.written(other, m, old), old)

    def written_back(self, target: Tensor, value: Any) -> None:
        """x[0] += y writes into a view of x, and then the view into x: what x was before must still be known."""
        held = self.later.get(id(target))
        if held is not None and held[2] is not None and isinstance(value, Tensor) and base_of(value) is base_of(target):
            self.bind(target, held[2])

    def written(self, tensor: Tensor, m: Map, old: Map | None) -> Callable[[], Map]:
        def make() -> Map:
            found = shape_like(self.graph, old) if old else assigned(self.graph, tuple(tensor.shape), ())
            maps = [old, m] if old else [m]
            return known_by_shape(self.graph, "whole", maps, found, "assignment", 0, bound=True)

        return make

    # --- tensors that hold nothing of the image ---

    def constant(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A function of numbers and weights: worked out where it is small, but never written into what was there."""
        if func in MOVES:
            return self.moved(func, args, kwargs)
        tensors = list(tensors_in(args, kwargs))
        if tensors and is_in_place(name_of(func)) and not self.may_write(tensors[0]):
            return None if name_of(func).startswith("__set") else tensors[0]
        real = not any(tensor.is_meta for tensor in tensors)
        if func in FACTORIES:
            result = self.factory(func, args, kwargs)
        elif real and (func in VALUES or sum(tensor.numel() for tensor in tensors) <= SMALL):
            result = func(*args, **on_cpu(kwargs))
        elif func in VALUES:
            raise NeedsValues(name_of(func))
        else:
            result = self.on_meta(func, args, kwargs)
        behind = frozenset(key for tensor in tensors for key in self.behind_of(tensor))
        foreign = [memory(tensor) for tensor in tensors if not self.may_write(tensor)]
        for tensor in tensors_in(result):
            self.keep(tensor)
            if memory(tensor) in foreign:
                self.foreign[id(tensor)] = tensor
            if behind:
                self.behind[id(tensor)] = behind
        return result

    def may_write(self, tensor: Tensor) -> bool:
        """Whether the program has made a tensor, and its memory, since it began to run."""
        return id(tensor) in self.made and id(tensor) not in self.foreign

    def behind_of(self, tensor: Tensor) -> frozenset[int]:
        """The parameters that a tensor has been made from."""
        found = self.behind.get(id(tensor), frozenset())
        return found | {id(tensor)} if id(tensor) in self.parameters else found

    def factory(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        wanted = func(*args, **{**kwargs, "device": "meta"})
        return wanted if wanted.numel() > SMALL else func(*args, **on_cpu(kwargs))

    def moved(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A change of type; a change of device is none."""
        x, rest = args[0], [*args[1:], *kwargs.values()]
        named = getattr(torch, name_of(func), None)
        types = [value for value in (*rest, named) if isinstance(value, torch.dtype)]
        types += [value.dtype for value in rest if isinstance(value, Tensor)]
        if not isinstance(x, Tensor) or (name_of(func) == "type" and not rest):
            return func(*args, **kwargs)
        if not types or types[0] == x.dtype:
            return x
        result = x.to(types[0])
        m = self.find(x)
        if m is not None:
            self.bind(result, m)
        else:
            self.keep(result)
            self.behind[id(result)] = self.behind_of(x)
        return result

    def fresh(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A tensor that has the shape of another, and none of its values."""
        if is_in_place(name_of(func)):
            self.known.pop(id(args[0]), None)
            return self.keep(args[0])
        return self.keep(self.on_meta(func, args, kwargs))

    def keep(self, tensor: Tensor) -> Tensor:
        """Remembers a tensor that the program made itself, and what it is a view of."""
        self.made[id(tensor)] = tensor
        if tensor._base is not None:
            self.views.setdefault(id(tensor._base), {})[id(tensor)] = tensor
        return tensor

    def on_meta(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs a function on shapes alone."""
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

    # --- modules ---

    def enter(self, module: nn.Module, args: Any) -> None:
        path = self.paths.get(id(module))
        if path is None:  # made while the program runs
            path = f"{self.graph.frame.path}.{type(module).__name__.lower()}".lstrip(".")
        self.graph.frame = Frame(path, self.graph.frame)

    def leave(self, module: nn.Module, args: Any, output: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None and error is not self.error:
            self.error, self.failed = error, self.graph.frame.path
        self.graph.frame = self.graph.frame.outer or self.graph.frame
