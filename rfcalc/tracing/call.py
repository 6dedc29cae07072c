"""One call of a torch function by the module that is traced: its arguments by name, and what they hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from operator import index
from typing import Any

import torch
from torch import Tensor

from ..errors import RfcalcError
from .graph import Graph, Map, Unsupported
from .order import written_out
from .placing import PlacedTensor, located
from .shapes import tensors_in
from .spellings import name_of
from .state import TraceState

ALIASES = {"axis": "dim", "axes": "dims", "keepdims": "keepdim", "tensor": "input", "x": "input", "A": "input"}


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


class MemoryLayout(Enum):
    """How torch lays out what a function makes, which decides whether a later `view` of it is allowed."""

    CONTIGUOUS = "whatever comes in"
    CHANNELS_LAST = "contiguous, or channels last where that comes in"
    KEPT = "as what comes in"


@dataclass(slots=True, eq=False)
class Call:
    """A function, its arguments by name, and what is known of the tensors among them."""

    state: TraceState
    func: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    names: tuple[str, ...]
    """Of the function's arguments, in their order."""
    tensors: list[Tensor]
    name: str = field(init=False)
    graph: Graph = field(init=False)
    given: dict[str, Any] = field(init=False)
    find: Callable[[Any], Map | None] = field(init=False)
    ran: bool = False
    result: Any = None
    memory: MemoryLayout = MemoryLayout.CONTIGUOUS
    cost: Callable[[int], int] | None = None
    """MACs for so many values in the result."""
    dtype: torch.dtype | None = None

    def __post_init__(self) -> None:
        self.name, self.graph, self.find = name_of(self.func), self.state.graph, self.state.known.find
        named = {ALIASES.get(key, key): value for key, value in self.kwargs.items()}
        self.given = dict(zip(self.names, self.args, strict=False)) | named

    @property
    def operation(self) -> str:
        """The function's name as people know it: sub for __rsub__ and sub_."""
        name = self.name.strip("_").removeprefix("linalg_")
        return name[1:] if self.name.startswith("__r") and name[1:] in ("sub", "div", "pow", "matmul") else name

    def get(self, name: str, default: Any = None) -> Any:
        value = self.given.get(name)
        return default if value is None else value

    def is_map(self, name: str) -> bool:
        return self.find(self.given.get(name)) is not None

    def map(self, name: str = "input") -> Map:
        """Where the values of an argument stand, repeats written out as a layer where it is a map; Unsupported when it
        holds nothing of the image."""
        found = self.find(self.given.get(name))
        if found is None:
            raise Unsupported(f"{name} holds nothing of the image")
        return written_out(self.graph, found)

    def maps(self) -> list[Map]:
        """Every argument that holds something of the image, in order."""
        found = [self.find(tensor) for tensor in self.tensors]
        return [m for m in found if m is not None]

    def weights(self) -> int:
        """How many parameters stand behind the arguments that no layer before has counted."""
        return self.state.charges.charge(self.tensors)

    def run(self) -> Any:
        """What the function makes of these shapes; torch's own errors come through."""
        if not self.ran:
            self.result = self.state.shapes.run(self.func, self.args, self.kwargs)
            self.ran = True
        return self.result

    def expect(self, holds: bool) -> None:
        """Where a condition does not hold that torch sets, torch says so; where it does not mind, Unsupported."""
        if not holds:
            self.run()
            raise Unsupported("an argument that torch takes")

    def shape(self) -> tuple[int, ...]:
        """The shape of the first tensor that the function makes."""
        return tuple(next(tensors_in(self.run())).shape)

    def dim(self, name: str, m: Map, default: int | None = None) -> int:
        """A dimension's number, counted from the front; Unsupported where there is none."""
        value = self.get(name, default)
        length = len(m.dims)
        if not isinstance(value, int) or not -length <= value < length:
            raise Unsupported(f"{name}={value}")
        return value % length

    def dims(self, name: str, m: Map) -> list[int]:
        """The dimensions that an argument names, all of them where it names none."""
        value = self.get(name)
        if value is None:
            return list(range(len(m.dims)))
        length = len(m.dims)
        values = list(value) if isinstance(value, list | tuple) else [value]
        if not all(isinstance(v, int) and -length <= v < length for v in values):
            raise Unsupported(f"{name}={value}")
        return [v % length for v in values]

    def pointwise(self, m: Map, op: str, params: int = 0, **settings: Any) -> Map:
        """A layer that works on each value where it stands."""
        self.memory = MemoryLayout.KEPT
        return self.graph.pointwise(m, op, params, **settings)

    def function(self, m: Map, name: str = "") -> Map:
        """A function of each value that has no layer type of its own, with the weights it may hold."""
        self.memory = MemoryLayout.KEPT
        return self.graph.function(m, name or self.operation, self.weights())

    def windows(self, n: int, names: str) -> dict[str, tuple[Any, ...]]:
        """Settings of a window on n axes: those given, or torch's defaults."""
        return {name: tupled(self.get(name, 0 if name.endswith("padding") else 1), n) for name in names.split()}


def tupled(value: Any, n: int) -> tuple[Any, ...]:
    """A setting for n axes, given as one number, a list of one, or a list of n."""
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    plain = tuple(v if v is None or isinstance(v, float) else index(v) for v in values)  # numpy's integers too
    return plain * n if len(plain) == 1 else plain


def placed(call: Call, n: int, all_channels: bool = True) -> PlacedTensor:
    """The input of a layer with n spatial dimensions, as `located` finds it; torch says what is wrong with it."""
    at = located(call.graph, call.map(), n, all_channels)
    if None in at.axes.values():
        call.run()  # a dimension that is no axis must stay of size 1, which only its own window tells
    call.memory = MemoryLayout.CHANNELS_LAST
    return at
