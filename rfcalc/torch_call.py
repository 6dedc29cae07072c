"""One call of a torch function by the module that is traced, and the table of what each function means in layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from .errors import RfcalcError
from .torch_graph import Graph, Map, Unfit
from .torch_layout import shape_of

if TYPE_CHECKING:
    from .torch_tracer import Tracer

HOMES = (torch, torch.Tensor, torch.nn.functional, torch._C._nn, torch.special)
ALIASES = {"axis": "dim", "axes": "dims", "keepdims": "keepdim", "tensor": "input", "x": "input"}


class NeedsValues(RfcalcError):
    """The program asks for values where there are shapes only."""

    def __init__(self, name: str) -> None:
        what = ASKING.get(name, f".{name}()")
        super().__init__(f"{what} needs the values of a tensor, and tracing knows shapes only")


ASKING = {
    "__bool__": "a condition on a tensor",
    "__float__": "float()",
    "__int__": "int()",
    "__index__": "an index that is a tensor",
    "__contains__": "in",
    "__array__": "numpy",
    "mask": "picking by a mask",
}


class Entry(NamedTuple):
    """What a function means: adds layers and returns where the result's values stand, or the results' in their order;
    and the names of the function's arguments, in their order."""

    handler: Callable[[Call], Map | list[Map] | None]
    parameters: tuple[str, ...]


OPS: dict[Any, Entry] = {}


def ops(names: str, parameters: str = "input") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers what the torch functions and methods of these names mean, in-place forms included."""

    def register(handler: Callable[..., Any]) -> Callable[..., Any]:
        for found in functions(names, in_place=True):
            OPS[found] = Entry(handler, tuple(parameters.split()))
        return handler

    return register


def functions(names: str, in_place: bool = False) -> Iterator[Any]:
    """Every torch function, method and property of these names, perhaps with their in-place forms."""
    for name in names.split():
        for spelling in (name, f"{name}_") if in_place else (name,):
            for home in HOMES:
                found = getattr(home, spelling, None)
                if found is not None:
                    yield found.__get__ if type(found).__name__ in ("getset_descriptor", "property") else found


def tensors_in(*values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from tensors_in(*value)
        elif isinstance(value, dict):
            yield from tensors_in(*value.values())


class Call:
    """A function, its arguments by name, and what is known of the tensors among them."""

    __slots__ = (
        "args",
        "cost",
        "dtype",
        "func",
        "given",
        "graph",
        "kwargs",
        "name",
        "ordered",
        "ran",
        "result",
        "tensors",
        "tracer",
    )

    def __init__(
        self, tracer: Tracer, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], names: tuple[str, ...],
        tensors: list[Tensor],
    ) -> None:  # fmt: skip
        self.tracer, self.graph, self.func, self.args, self.kwargs = tracer, tracer.graph, func, args, kwargs
        self.tensors = tensors
        self.given = dict(zip(names, args, strict=False))
        for key, value in kwargs.items():
            self.given[ALIASES.get(key, key)] = value
        self.name = str(getattr(func, "__name__", "operation"))
        self.ran, self.ordered = False, False
        self.result: Any = None
        self.cost: Callable[[int], int] | None = None  # MACs for so many values in the result
        self.dtype: torch.dtype | None = None

    @property
    def operation(self) -> str:
        """The function's name as people know it: sub for __rsub__ and sub_."""
        name = self.name.strip("_")
        return name[1:] if self.name.startswith("__r") and name[1:] in ("sub", "div", "pow", "matmul") else name

    def get(self, name: str, default: Any = None) -> Any:
        value = self.given.get(name)
        return default if value is None else value

    def is_map(self, name: str) -> bool:
        return self.tracer.find(self.given.get(name)) is not None

    def map(self, name: str = "input") -> Map:
        """Where the values of an argument stand; Unfit when it holds nothing of the image."""
        found = self.tracer.find(self.given.get(name))
        if found is None:
            raise Unfit(f"{name} holds nothing of the image")
        return found

    def maps(self) -> list[Map]:
        """Every argument that holds something of the image, in order."""
        found = [self.tracer.find(tensor) for tensor in self.tensors]
        return [m for m in found if m is not None]

    def weights(self) -> int:
        """How many parameters stand behind the arguments that no layer before has counted."""
        return self.tracer.charge(self.tensors)

    def run(self) -> Any:
        """What the function makes of these shapes; torch's own errors come through."""
        if not self.ran:
            self.result = self.tracer.on_meta(self.func, self.args, self.kwargs)
            self.ran = True
        return self.result

    def expect(self, holds: bool) -> None:
        """Where a condition does not hold that torch sets, torch says so; where it does not mind, Unfit."""
        if not holds:
            self.run()
            raise Unfit("an argument that torch takes")

    def shape(self) -> tuple[int, ...]:
        """The shape of the first tensor that the function makes."""
        return tuple(next(tensors_in(self.run())).shape)

    def dim(self, name: str, m: Map, default: int | None = None) -> int:
        """A dimension's number, counted from the front; Unfit where there is none."""
        value = self.get(name, default)
        length = len(m.dims)
        if not isinstance(value, int) or not -length <= value < length:
            raise Unfit(f"{name}={value}")
        return value % length

    def dims(self, name: str, m: Map) -> list[int]:
        """The dimensions that an argument names, all of them where it names none."""
        value = self.get(name)
        if value is None:
            return list(range(len(m.dims)))
        length = len(m.dims)
        values = list(value) if isinstance(value, list | tuple) else [value]
        if not all(isinstance(v, int) and -length <= v < length for v in values):
            raise Unfit(f"{name}={value}")
        return [v % length for v in values]

    def pointwise(self, m: Map, op: str, params: int = 0, **settings: Any) -> Map:
        """A layer that works on each value where it stands."""
        out = Map(self.graph.emit(op, [m.node], params, **settings), m.dims)
        if m in self.graph.viewed:
            self.graph.viewed[out] = self.graph.viewed[m]
        return out

    def size(self, m: Map, dim: int) -> int:
        return shape_of(m.dims)[dim]


def pointwise_function(call: Call, graph: Graph, m: Map, name: str) -> Map:
    """A function of each value that has no layer type of its own, with the weights it may hold."""
    node = graph.emit("pointwise", [m.node], call.weights(), None, name, operation=name)
    return Map(node, m.dims)
