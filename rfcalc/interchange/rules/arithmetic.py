"""Values in step, functions of each value, and many places into one."""

from __future__ import annotations

from math import isclose, prod
from typing import Any

import numpy as np

from ...tracing.dims import CHANNEL, run_of, shape_of, size_of, with_run
from ...tracing.graph import Map, Unsupported
from ...tracing.moves import along, bounded_by_all, joined_maps, reduced, stretched, with_numbers
from ..node import Op, rule
from ..tensors import Fixed

# --- values in step ----------------------------------------------------------------------------------------------

JOIN_OPS = {
    "Add": "add", "Sum": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Pow": "pow", "Max": "maximum",
    "Min": "minimum", "Mod": "remainder", "And": "logical_and", "Or": "logical_or", "Xor": "logical_xor", "Equal": "eq",
    "Less": "lt", "LessOrEqual": "le", "Greater": "gt", "GreaterOrEqual": "ge", "Where": "where", "Mean": "mean",
    "BitShift": "shift", "BitwiseAnd": "bitwise_and", "BitwiseOr": "bitwise_or", "BitwiseXor": "bitwise_xor",
}  # fmt: skip
"""Operators on several tensors, by the names that torch has for them."""
QUANTIZED = {"QLinearAdd": "add", "QLinearMul": "mul"}
"""onnxruntime's, between whose tensors stand their scales and zero points."""


@rule(" ".join([*JOIN_OPS, *QUANTIZED]))
def arithmetic(op: Op) -> Map:
    """Several maps join; one map keeps its places, whatever numbers or weights it meets."""
    if op.type in QUANTIZED:
        op = Op(op.program, op.node, (op.input(0), op.input(3)))
    name, maps = {**JOIN_OPS, **QUANTIZED}[op.type], op.maps
    if len(maps) > 1:
        m = joined_maps(op.graph, name, maps)
        learned = op.learned()
        return op.graph.function(m, name, learned) if learned else m
    (m,) = maps
    others = [x for x in op.inputs if isinstance(x, Fixed)]
    return with_numbers(op.graph, m, [x.shape for x in others], name, op.learned())


# --- each value --------------------------------------------------------------------------------------------------

ACTIVATION_OPS = {
    "Relu": "relu", "Selu": "selu", "Gelu": "gelu", "FastGelu": "gelu", "Mish": "mish", "Sigmoid": "sigmoid",
    "QLinearSigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus", "HardSwish": "hardswish",
}  # fmt: skip
"""Operators for which there is a layer type."""
FUNCTIONS = (
    "Abs Neg Exp Log Sqrt Reciprocal Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Erf Sign Round Floor Ceil "
    "Celu Softsign Shrink ThresholdedRelu IsNaN IsInf Not BitwiseNot Binarizer QuickGelu Bernoulli QuantizeLinear "
    "DequantizeLinear BitCast"
)
"""Operators on each value that no layer type stands for."""


@rule(" ".join(ACTIVATION_OPS))
def activation(op: Op) -> Map:
    return op.graph.pointwise(op.map(), ACTIVATION_OPS[op.type])


@rule(FUNCTIONS)
def function(op: Op) -> Map:
    return op.graph.function(op.map(), {"QuantizeLinear": "quantize", "DequantizeLinear": "dequantize"}.get(
        op.type, op.type.lower()
    ))  # fmt: skip


@rule("Swish")
def swish(op: Op) -> Map:
    plain = isclose(op.attr("alpha", 1.0), 1.0)
    return op.graph.pointwise(op.map(), "silu") if plain else op.graph.function(op.map(), "swish")


@rule("HardSigmoid")
def hard_sigmoid(op: Op) -> Map:
    plain = isclose(op.attr("alpha", 0.2), 1 / 6, rel_tol=1e-6) and isclose(op.attr("beta", 0.5), 0.5)
    return op.graph.pointwise(op.map(), "hardsigmoid") if plain else op.graph.function(op.map(), "hardsigmoid")


@rule("LeakyRelu QLinearLeakyRelu")
def leaky_relu(op: Op) -> Map:
    return op.graph.pointwise(op.map(), "leaky_relu", negative_slope=decimal(op.attr("alpha", 0.01)))


@rule("Elu")
def elu(op: Op) -> Map:
    return op.graph.pointwise(op.map(), "elu", alpha=decimal(op.attr("alpha", 1.0)))


def decimal(value: float) -> float:
    """A number in single precision as the decimal that was written down."""
    return float(f"{value:.7g}")


@rule("PRelu")
def prelu(op: Op) -> Map:
    m, slope = op.map(), op.fixed(1)
    channels = op.graph.maps[m.node].channels
    per_channel = size_of(m.dims[1]) == channels and slope.count == channels if len(m.dims) > 1 else False
    if slope.count != 1 and not per_channel:
        return op.graph.function(m, "prelu", op.weights(1))
    return op.graph.pointwise(m, "prelu", op.weights(1), num_parameters=slope.count)


@rule("Clip")
def clip(op: Op) -> Map:
    m = op.map()
    bounds = [op.numbers(name, i, (None,)) for i, name in ((1, "min"), (2, "max"))]
    return op.graph.pointwise(m, "relu6") if bounds == [[0], [6]] else op.graph.function(m, "clamp")


@rule("Dropout")
def dropout(op: Op) -> list[Map]:
    m, rate = op.map(), op.numbers("ratio", 1, (0.5,))
    out = op.graph.pointwise(m, "dropout", p=decimal(rate[0]))
    return [out, out] if len(op.node.output) > 1 else [out]


@rule("Identity Cast CastLike")
def same(op: Op) -> Map:
    return op.map()


@rule("Softmax LogSoftmax Hardmax")
def softmax(op: Op) -> Map:
    """Along one dimension; before opset 13 along that one and all after it."""
    m, old = op.map(), op.program.opset < 13
    dim = op.dim(int(op.attr("axis", 1 if old else -1)), len(m.dims))
    dims = range(dim, len(m.dims)) if old else [dim]
    name = {"Softmax": "softmax", "LogSoftmax": "log_softmax"}.get(op.type, "hardmax")
    whole = run_of(CHANNEL, op.graph.maps[m.node].channels)
    if name != "hardmax" and m.dims[dim] == whole and not any(m.dims[i] for i in dims if i != dim):
        return op.graph.pointwise(m, name)
    return along(op.graph, m, list(dims), name)


# --- many places into one ----------------------------------------------------------------------------------------

REDUCTIONS = {
    "ReduceMean": "mean", "ReduceMax": "max", "ReduceMin": "min", "ReduceSum": "sum", "ReduceProd": "prod",
    "ReduceL1": "norm", "ReduceL2": "norm", "ReduceLogSum": "logsum", "ReduceLogSumExp": "logsumexp",
    "ReduceSumSquare": "sumsquare",
}  # fmt: skip


@rule(" ".join(REDUCTIONS))
def reduction(op: Op) -> Map:
    m = op.map()
    axes = op.ints("axes", 1, ())
    if not axes and op.attr("noop_with_empty_axes", 0):
        return op.graph.function(m, "sumsquare") if op.type == "ReduceSumSquare" else m
    dims = [op.dim(a, len(m.dims)) for a in axes] or list(range(len(m.dims)))
    return reduced(op.graph, m, dims, bool(op.attr("keepdims", 1)), REDUCTIONS[op.type])


@rule("ArgMax ArgMin")
def arg(op: Op) -> Map:
    m = op.map()
    dim = op.dim(int(op.attr("axis", 0)), len(m.dims))
    return reduced(op.graph, m, [dim], bool(op.attr("keepdims", 1)), op.type.lower())


@rule("CumSum CumProd ReverseSequence")
def mixed_along(op: Op) -> Map:
    """Places of a dimension that add up or change places: a unit sees some of them."""
    m = op.map()
    axis = int(op.attr("time_axis", 0)) if op.type == "ReverseSequence" else op.ints("axis", 1)[0]
    return along(op.graph, m, [op.dim(axis, len(m.dims))], op.type.lower(), bound=True)


@rule(
    "GridSample GatherElements GatherND ScatterElements Scatter ScatterND Col2Im MaxUnpool MaxRoiPool RoiAlign TopK "
    "DeformConv AffineGrid"
)
def moved_about(op: Op) -> Any:
    """Places that are moved about by numbers made of the image."""
    weights = op.all_weights()
    if op.type == "DeformConv":
        kernel = op.fixed(1).shape
        out = op.program.shape(op.node.output[0])
        op.macs = prod(out) // prod(out[:2]) * prod(kernel)
    shapes = [op.program.shape(name) for name in op.node.output if name]
    label = "".join(f"_{c.lower()}" if c.isupper() else c for c in op.type).lstrip("_")
    first = bounded_by_all(op.graph, op.maps, shapes[0], label, weights, op.macs)
    return first if len(shapes) == 1 or shapes[0] != shapes[1] else [first, first]


@rule("RandomNormalLike RandomUniformLike EyeLike")
def fresh(op: Op) -> Fixed:
    """A tensor that has the shape of another, and none of its values."""
    return Fixed(op.shape_in(), np.dtype(np.float32), None)


@rule("Tile")
def tile(op: Op) -> Map:
    """Repeated side by side: channels, or dimensions of size 1."""
    graph, m, times = op.graph, op.map(), op.ints("repeats", 1)
    shape = [size * n for size, n in zip(shape_of(m.dims), times, strict=True)]
    longer = [i for i, n in enumerate(times) if n > 1 and m.dims[i]]
    if not longer:
        return stretched(m, shape)
    whole = run_of(CHANNEL, graph.maps[m.node].channels)
    if len(longer) > 1 or m.dims[longer[0]] != whole:
        raise Unsupported("places repeated side by side")
    total = shape[longer[0]]
    node = graph.mix(m.node, "repeat", total)
    return stretched(Map(node, with_run(m.dims, longer[0], run_of(CHANNEL, total))), shape)
