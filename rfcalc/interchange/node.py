"""One node of an ONNX graph: its attributes, its inputs, and the table of what each operator means in layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from onnx import NodeProto, helper

from ..tracing.dims import shape_of
from ..tracing.graph import Graph, Map, Unsupported
from .tensors import Fixed, Origin

Value = Map | Fixed
"""What a tensor of the program holds: a map, or nothing of the image."""
OpResult = Value | list[Any]
OpRule = Callable[["Op"], OpResult]
OP_RULES: dict[str, OpRule] = {}
NO_WEIGHTS = frozenset(["Resize", "Upsample", "Pad", "RoiAlign", "QuantizeLinear", "DequantizeLinear"])
"""Operators whose further inputs are settings."""


def rule(names: str) -> Callable[[OpRule], OpRule]:
    """Registers what the operators of these names mean."""

    def register(handler: OpRule) -> OpRule:
        OP_RULES.update(dict.fromkeys(names.split(), handler))
        return handler

    return register


class NodeReader(Protocol):
    """What a node asks of the reader that reads it."""

    graph: Graph
    opset: int

    def charge(self, origins: Sequence[Origin]) -> int: ...
    def shape(self, name: str) -> tuple[int, ...]: ...
    def uses(self, name: str) -> int: ...


@dataclass(slots=True)
class Op:
    """A node with its inputs looked up; None stands for one that is left out."""

    program: NodeReader
    node: NodeProto
    inputs: tuple[Value | None, ...]
    macs: int | None = None
    """What it costs where no rule can say in layers what it does."""
    attributes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.attributes = {a.name: helper.get_attribute_value(a) for a in self.node.attribute if not a.ref_attr_name}

    @property
    def graph(self) -> Graph:
        return self.program.graph

    @property
    def type(self) -> str:
        return str(self.node.op_type)

    def attr(self, name: str, default: Any = None) -> Any:
        value = self.attributes.get(name, default)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else value

    # --- inputs ---

    def input(self, index: int) -> Value | None:
        return self.inputs[index] if index < len(self.inputs) else None

    def map(self, index: int = 0) -> Map:
        """Where the values of an input stand; Unsupported when it holds nothing of the image."""
        found = self.input(index)
        if not isinstance(found, Map):
            raise Unsupported(f"input {index} holds nothing of the image")
        return found

    def fixed(self, index: int) -> Fixed:
        """An input that holds nothing of the image; Unsupported for another."""
        found = self.input(index)
        if not isinstance(found, Fixed):
            raise Unsupported(f"input {index} is made of the image, or missing")
        return found

    @property
    def maps(self) -> list[Map]:
        return [x for x in self.inputs if isinstance(x, Map)]

    def shape_in(self, index: int = 0) -> tuple[int, ...]:
        found = self.input(index)
        if found is None:
            raise Unsupported(f"input {index} is missing")
        return shape(found)

    def ints(self, name: str, index: int | None = None, default: Sequence[int] | None = None) -> list[int]:
        """Whole numbers that an attribute states, or an input, as newer opsets have it."""
        return [int(v) for v in self.numbers(name, index, default)]

    def numbers(self, name: str, index: int | None = None, default: Sequence[Any] | None = None) -> list[Any]:
        value = self.attributes.get(name)
        if value is None and index is not None and self.input(index) is not None:
            value = self.fixed(index).values().reshape(-1).tolist()
        if value is None:
            value = default
        if value is None:
            raise Unsupported(f"{self.type} without {name}")
        return list(value) if isinstance(value, list | tuple | range) else [value]

    def given(self, name: str, index: int) -> bool:
        """Whether an attribute or an input states something."""
        return name in self.attributes or self.input(index) is not None

    def dim(self, value: int, length: int) -> int:
        """A dimension's number, counted from the front."""
        if not -length <= value < length:
            raise Unsupported(f"axis {value}")
        return value % length

    # --- weights ---

    def weights(self, *indexes: int) -> int:
        """Numbers that no layer before has counted among inputs that are weights whatever they are."""
        found = [x for i in indexes if isinstance(x := self.input(i), Fixed)]
        return self.program.charge([origin for x in found for origin in x.origins])

    def learned(self) -> int:
        """Numbers that count as weights among those that meet the image in arithmetic: initializers with a fraction and
        more than one number."""
        found = [x for x in self.inputs if isinstance(x, Fixed) and x.fractional]
        return self.program.charge([o for x in found for o in x.origins if o.initializer and o.numbers > 1])

    def all_weights(self) -> int:
        """Numbers that count as weights where no rule says which inputs are weights: of a product all tensors of more
        than one number, else what counts in arithmetic; sizes and scales of a resampling are none."""
        if self.type in NO_WEIGHTS:
            return 0
        if self.macs is None:
            return self.learned()
        found = [x for x in self.inputs if isinstance(x, Fixed)]
        return self.program.charge([o for x in found for o in x.origins if o.numbers > 1])


def shape(value: Value) -> tuple[int, ...]:
    return value.shape if isinstance(value, Fixed) else shape_of(value.dims)
