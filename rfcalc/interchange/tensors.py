"""Tensors that hold nothing of the image: weights, and the numbers that a program works out from shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, numpy_helper
from onnx.checker import ValidationError
from onnx.helper import tensor_dtype_to_np_dtype
from onnx.reference import ReferenceEvaluator

from ..errors import RfcalcError, first_line
from ..tracing.graph import Unsupported

Array = NDArray[Any]
SMALL_TENSOR = 2**14
"""Tensors of up to so many values are worked out for real, for the program may use them as shapes; of larger ones only
the shape is followed."""
BY_VALUE = frozenset(["NonZero", "Compress", "Unique", "Range", "ConstantOfShape", "Constant", "If", "Loop"])
"""Operators whose result has a shape that depends on values."""
KEEPS_NUMBERS = frozenset(["Identity", "Cast", "CastLike", "DequantizeLinear"])
"""Operators after which whole numbers, or a single one, are still the weights that they were."""


class Origin(NamedTuple):
    """A tensor of the file: how many numbers it holds, and whether it is one of its weights (initializers) rather than
    a number that the program writes down (Constant)."""

    name: str
    numbers: int
    initializer: bool


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """A tensor that is the same for every image. `read` gives its values, where they can be told; `origins` are the
    tensors of the file that it was made from."""

    shape: tuple[int, ...]
    dtype: Any
    read: Callable[[], Array] | None
    origins: tuple[Origin, ...] = ()
    known: list[Array] = field(default_factory=list)

    @property
    def count(self) -> int:
        return prod(self.shape)

    def values(self) -> Array:
        """Its values; Unsupported where only its shape was followed."""
        if not self.known:
            if self.read is None:
                raise Unsupported("numbers that were not worked out")
            self.known.append(self.read())
        return self.known[0]

    @property
    def fractional(self) -> bool:
        return np.issubdtype(self.dtype, np.floating) or self.dtype.kind == "V"  # bfloat16 and its like


def fixed(values: Any) -> Fixed:
    """A tensor of these values."""
    array = np.asarray(values)
    return Fixed(array.shape, array.dtype, lambda: array)


MAX_NUMBERS = 2**48
"""More numbers than any tensor of a file can hold."""


def of_file(tensor: TensorProto, folder: str, where: str, initializer: bool = True) -> Fixed:
    """A tensor of the file, or of a file beside it, which is read when its values are asked for."""

    def read() -> Array:
        try:
            return numpy_helper.to_array(tensor, folder)
        except (OSError, ValueError, TypeError, RuntimeError, ValidationError) as error:
            raise RfcalcError(f"{where}: the values of {tensor.name} cannot be read: {first_line(error)}") from error

    shape = tuple(tensor.dims)
    if min(shape, default=0) < 0 or prod(shape) > MAX_NUMBERS:
        raise RfcalcError(f"{where}: damaged: {tensor.name} has the shape {shape}")
    try:
        dtype = np.dtype(tensor_dtype_to_np_dtype(tensor.data_type))
    except KeyError:
        raise RfcalcError(f"{where}: damaged: {tensor.name} holds numbers of type {tensor.data_type}") from None
    return Fixed(shape, dtype, read, (Origin(tensor.name, prod(shape), initializer),))


# --- worked out ---------------------------------------------------------------------------------------------------


def folded(node: NodeProto, inputs: Sequence[Fixed | None], opsets: dict[str, int]) -> list[Fixed]:
    """What an operator makes of tensors that hold nothing of the image: for real where they are small, else its shape,
    found out on zeros. Raises Unsupported where onnx's own evaluator does not know the operator."""
    given = [x for x in inputs if x is not None]
    real = all(x.read is not None for x in given) and (
        node.op_type in BY_VALUE or sum(x.count for x in given) <= SMALL_TENSOR
    )
    if not real and node.op_type in BY_VALUE:
        raise Unsupported(f"{node.op_type} of numbers that were not worked out")
    feeds = {
        name: x.values() if real or (x.dtype.kind in "iu" and x.count <= SMALL_TENSOR and x.read) else zeros_of(x)
        for name, x in zip(node.input, inputs, strict=True)
        if x is not None
    }
    results = evaluated_node(node, feeds, opsets)
    origins = origins_of(node, inputs)
    return [fixed_result(array, real, origins) for array in results]


def evaluated_node(node: NodeProto, feeds: dict[str, Array], opsets: dict[str, int]) -> list[Array]:
    try:
        with np.errstate(all="ignore"):
            return list(ReferenceEvaluator(node, opsets=opsets).run(None, feeds))
    except RfcalcError:
        raise
    except Exception as error:  # whatever an operator's implementation stumbles over
        raise Unsupported(f"{node.op_type}: {error}") from error


def zeros_of(x: Fixed) -> Array:
    """Zeros of a tensor's shape, without memory for each."""
    return np.broadcast_to(np.zeros((), dtype=x.dtype), x.shape)


def fixed_result(array: Array, real: bool, origins: tuple[Origin, ...]) -> Fixed:
    found = np.asarray(array)
    return Fixed(found.shape, found.dtype, (lambda: found) if real else None, origins)


def origins_of(node: NodeProto, inputs: Sequence[Fixed | None]) -> tuple[Origin, ...]:
    """The weights behind a result: those of what has a fraction and more than one number; scales and zero points, axes
    and exponents are no weights of it."""
    first = node.op_type in KEEPS_NUMBERS
    parts = [
        x for x in (inputs[:1] if first else inputs) if x is not None and (first or (x.fractional and x.count > 1))
    ]
    return tuple(dict.fromkeys(origin for x in parts for origin in x.origins))
