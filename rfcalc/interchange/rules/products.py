"""Matrix products."""

from __future__ import annotations

from math import prod

from ...tracing.dims import shape_of, size_of
from ...tracing.graph import Map, Unsupported
from ...tracing.moves import joined_maps
from ...tracing.multiply import LETTERS, einsum_terms, linear_on, products, sum_of_products
from ..node import Op, Value, rule, shape


@rule("Gemm")
def gemm(op: Op) -> Map:
    """alpha * A * B + beta * C."""
    a = op.map(0)
    if op.attr("transA", 0):
        a = Map(a.node, a.dims[::-1])
    rows, columns = op.shape_in(1)
    if op.attr("transB", 0):
        rows, columns = columns, rows
    op.macs = prod(shape_of(a.dims)) * columns // op.graph.batch
    if size_of(a.dims[-1]) != rows:
        raise Unsupported(f"{shape_of(a.dims)} times {rows}x{columns}")
    if isinstance(op.input(2), Map) or isinstance(op.input(1), Map):
        return general(op, a)
    return linear_on(op.graph, a, columns, op.input(2) is not None, lambda: op.weights(1, 2))


def general(op: Op, a: Map) -> Map:
    """A product of two maps, or one to which a map is added."""
    b = op.input(1)
    if isinstance(b, Map):
        other = Map(b.node, b.dims[::-1]) if op.attr("transB", 0) else b
        out = sum_of_maps(op, [(a, "xy"), (other, "yz")], "xz")
    else:
        out = linear_on(op.graph, a, op.shape_in(1)[0 if op.attr("transB", 0) else 1], False, lambda: op.weights(1))
    c = op.input(2)
    return joined_maps(op.graph, "add", [out, c]) if isinstance(c, Map) else out


@rule("MatMul MatMulInteger QLinearMatMul")
def matmul(op: Op) -> Map:
    """A product of tensors, or of a tensor and weights."""
    right = 3 if op.type == "QLinearMatMul" else 1  # after scale and zero point of the first
    a, b = op.input(0), op.input(right)
    if a is None or b is None:
        raise Unsupported("a product of one tensor")
    rows, columns = shape(a), shape(b)
    if min(len(rows), len(columns)) < 2:
        raise Unsupported("a product with a vector")
    op.macs = prod(rows) * columns[-1] // op.graph.batch
    if isinstance(a, Map) and not isinstance(b, Map) and len(columns) == 2:
        if rows[-1] != columns[0]:
            raise Unsupported(f"{rows} times {columns}")
        return linear_on(op.graph, a, columns[1], False, lambda: op.weights(right))
    batch = LETTERS[: max(len(rows), len(columns)) - 2]
    outer, inner = (batch[len(batch) - (len(s) - 2) :] for s in (rows, columns))
    return sum_of_maps(op, [(a, outer + "xy"), (b, inner + "yz")], batch + "xz")


@rule("Einsum")
def einsum(op: Op) -> Map:
    values = [value for value in op.inputs if value is not None]
    terms, out = einsum_terms(op.attr("equation"), [len(shape(value)) for value in values])
    return sum_of_maps(op, list(zip(values, terms, strict=True)), out)


def sum_of_maps(op: Op, operands: list[tuple[Value, str]], out: str) -> Map:
    """A sum of products as einsum writes it."""
    sizes: dict[str, int] = {}
    for value, letters in operands:
        for letter, size in zip(letters, shape(value), strict=True):
            if size > 1 < sizes.get(letter, 1) != size:
                raise Unsupported("sizes that do not go together")
            sizes[letter] = max(size, sizes.get(letter, 1))
    op.macs = products([letters for _, letters in operands], out, sizes) // op.graph.batch
    found = [(value if isinstance(value, Map) else None, letters) for value, letters in operands]
    count = range(len(op.inputs))
    return sum_of_products(op.graph, found, sizes, out, op.macs, lambda: op.weights(*count), label(op))


def label(op: Op) -> str:
    return {"Einsum": "einsum"}.get(op.type, "matmul")
