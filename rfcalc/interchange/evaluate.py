"""An ONNX model run on values by onnx's reference evaluator, every tensor of its graph seen; what the evaluator gets
wrong is run here (`OWN`). With weights drawn for a proof, all numbers in float64 where the model stands it, and norms
whose statistics are held."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from ..errors import RfcalcError, first_line
from ..tracing.dims import CHANNEL
from .file import opset_of
from .own import OWN, attributes_of
from .reader import STANDARD, OnnxReading
from .resizing import Shortcut, shortcut
from .tensors import Array

FRACTIONAL = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
"""Types of numbers that are brought to one type."""

# --- weights -----------------------------------------------------------------------------------------------------


def summed_by_transposed(shape: tuple[int, ...], node: NodeProto) -> float:
    groups: int = attributes_of(node).get("group", 1)
    return prod(shape) / max(shape[1] * groups, 1)


def summed_by_matrix(shape: tuple[int, ...], node: NodeProto) -> float:
    across = node.op_type == "Gemm" and attributes_of(node).get("transB")
    return shape[-1] if across else shape[-2] if len(shape) > 1 else 1


BIAS = 10.0
"""Biases are small beside sums of positive weights that add up to about one."""
SUMS: dict[str, Callable[[tuple[int, ...], NodeProto], float]] = {
    "kernel": lambda shape, node: prod(shape[1:]),
    "transposed": summed_by_transposed,
    "matrix": summed_by_matrix,
    "recurrent": lambda shape, node: shape[-1],
    "one": lambda shape, node: 1.0,
    "bias": lambda shape, node: BIAS,
}
"""By what a weight is: how many values an output adds up with it."""
DRAWN = {
    "Conv": "x kernel bias", "ConvTranspose": "x transposed bias", "Gemm": "x matrix bias", "MatMul": "matrix matrix",
    "BatchNormalization": "x one bias", "InstanceNormalization": "x one bias", "GroupNormalization": "x one bias",
    "LayerNormalization": "x one bias", "RMSNormalization": "x one", "PRelu": "x one", "Add": "bias bias",
    "Mul": "one one", "LSTM": "x recurrent recurrent bias", "GRU": "x recurrent recurrent bias",
    "RNN": "x recurrent recurrent bias",
}  # fmt: skip
"""By operator what its inputs are, x being none that is drawn."""
NEUTRAL = {("BatchNormalization", 3): 0.0, ("BatchNormalization", 4): 1.0}
"""Means and variances that change nothing."""


def redrawn(model: ModelProto, seed: int, double: bool) -> ModelProto:
    """The model with positive weights, from 1/2 to 3/2 over the number of values that an output adds up; numbers alone,
    and what is no weight, stay."""
    out = ModelProto()
    out.CopyFrom(model)
    generator = np.random.default_rng(seed)
    readers = {name: (node, i) for node in reversed(out.graph.node) for i, name in enumerate(node.input) if name}
    for tensor in out.graph.initializer:
        if tensor.data_type in FRACTIONAL:
            array = drawn_tensor(tensor, readers.get(tensor.name), generator)
            tensor.CopyFrom(numpy_helper.from_array(array.astype(np.float64 if double else array.dtype), tensor.name))
    if double:
        in_double(out)
    return out


def drawn_tensor(tensor: TensorProto, reader: tuple[NodeProto, int] | None, generator: np.random.Generator) -> Array:
    shape, dtype = tuple(tensor.dims), helper.tensor_dtype_to_np_dtype(tensor.data_type)
    if reader is not None:
        node, place = reader
        if (node.op_type, place) in NEUTRAL:
            return np.full(shape, NEUTRAL[node.op_type, place], dtype)
        kinds = DRAWN.get(node.op_type, "").split()
        if place < len(kinds) and kinds[place] in SUMS and prod(shape) > 1:
            summed = SUMS[kinds[place]](shape, node)
            return ((generator.random(shape) + 0.5) / max(summed, 1.0)).astype(dtype)
    return numpy_helper.to_array(tensor)


def in_double(model: ModelProto) -> None:
    """All numbers with a fraction, of inputs, constants and casts, in double precision."""
    for value in model.graph.input:
        if value.type.tensor_type.elem_type in FRACTIONAL:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i in FRACTIONAL:
                attribute.i = TensorProto.DOUBLE
            tensor = attribute.t
            if attribute.name == "value" and tensor.data_type in FRACTIONAL:
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))


# --- a run -------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class ModelRun:
    """A model ready to be run. The first run notes the statistics of norms over places, the others use them."""

    model: ModelProto
    reading: OnnxReading
    dtype: Any
    held: dict[str, tuple[Array, Array]] = field(default_factory=dict)
    shortcuts: dict[str, Shortcut | None] = field(default_factory=dict)
    """By a node's first output, what says it in products of arrays, once its result was the evaluator's own."""
    evaluator: ReferenceEvaluator = field(init=False)

    def __post_init__(self) -> None:
        try:
            self.evaluator = ReferenceEvaluator(self.model)
        except NotImplementedError as error:  # an operator that it does not know
            raise refused(error, self.reading.arch.name, "its start") from error

    def tensors(self, images: Array) -> Iterator[tuple[NodeProto, dict[str, Array]]]:
        """Node after node what it makes, and all tensors so far. `images` are (images, channels, sizes…)."""
        found: dict[str, Any] = {"": None, **self.evaluator.rt_inits_, **self.feeds(images)}
        for protocol, call in zip(self.model.graph.node, self.evaluator.rt_nodes_, strict=True):
            inputs = [found[name] for name in protocol.input]
            with np.errstate(all="ignore"):
                if node_over_places(protocol, self.reading):
                    results: Any = [self.normed(protocol, inputs)]
                elif call.need_context():
                    results = call.run(*inputs, context=found)
                else:
                    results = self.results(protocol, call, inputs)
            found.update(zip(protocol.output, results, strict=False))
            yield protocol, found

    def results(self, node: NodeProto, call: Any, inputs: list[Any]) -> Any:
        """What the evaluator makes of a node or, where it would take it long, what comes to the same."""
        if node.op_type in OWN and node.domain in STANDARD and len(node.output) == 1:
            return [OWN[node.op_type](node, *inputs)]
        if node.op_type == "Pad":
            inputs = cropped(inputs)
        name = node.output[0]
        if name not in self.shortcuts:
            results, quick = call.run(*inputs), shortcut(node, inputs, opset_of(self.model))
            fits = quick is not None and agree(results[0], quick(inputs[0]))
            self.shortcuts[name] = quick if fits else None
            if not fits:
                return results
        known = self.shortcuts[name]
        return call.run(*inputs) if known is None else [known(inputs[0])]

    def feeds(self, images: Array) -> dict[str, Array]:
        """The images in their place, and beside them inputs that stay the same in every run."""
        generator, out = np.random.default_rng(0), {}
        for i, given in enumerate(self.reading.inputs):
            shape = (given.batch, *given.shape) if given.slot.dims else ()
            if i == self.reading.first:
                moved = np.moveaxis(images, 1, -1) if given.slot.channels_last else images
                x = moved.reshape(shape)
            else:
                x = generator.random(shape) + 0.5
            whole = not given.slot.dtype.startswith(("float", "double", "bfloat"))
            kind = np.dtype(given.slot.dtype) if whole else self.dtype
            out[given.slot.name] = np.asarray(x).astype(kind)
        return out

    def normed(self, node: NodeProto, inputs: list[Any]) -> Array:
        """A norm with the statistics of the first run."""
        x, shape, dims, eps, centred = norm_view(node, inputs)
        view = x.reshape(shape)
        if node.output[0] not in self.held:
            mean = view.mean(dims, keepdims=True) if centred else np.zeros((), x.dtype)
            self.held[node.output[0]] = mean, 1 / np.sqrt(np.square(view - mean).mean(dims, keepdims=True) + eps)
        mean, scale = self.held[node.output[0]]
        out = ((view - mean) * scale).reshape(x.shape)
        last = node.op_type in LAST_NORMS
        for i, weight in enumerate(w for w in inputs[1:3] if w is not None):
            spread = weight if last else weight.reshape(1, -1, *(1 for _ in x.shape[2:]))
            if not last and weight.size != x.shape[1]:  # before opset 21 a group norm has a weight for each group
                spread = np.repeat(weight, x.shape[1] // weight.size).reshape(1, -1, *(1 for _ in x.shape[2:]))
            out = out * spread if i == 0 else out + spread
        return np.asarray(out)


def cropped(inputs: list[Any]) -> list[Any]:
    """The inputs of a Pad with what its negative numbers cut off gone, since the evaluator takes none."""
    x, pads, value, axes = (*inputs, None, None, None)[:4]
    if pads is None or pads.min(initial=0) >= 0:
        return inputs
    kept, dims = [slice(None)] * x.ndim, range(x.ndim) if axes is None else axes
    for dim, before, after in zip(dims, *np.minimum(pads, 0).reshape(2, -1), strict=True):
        kept[dim] = slice(-before, x.shape[dim] + after)
    return [x[tuple(kept)], np.maximum(pads, 0), value, axes]


def agree(one: Array, other: Array) -> bool:
    """Whether two results are the same but for rounding."""
    close = 1e-9 if one.dtype == np.float64 else 1e-3
    return one.shape == other.shape and np.allclose(one, other, close, close * float(np.abs(one).max(initial=0.0)))


def node_over_places(node: NodeProto, reading: OnnxReading) -> bool:
    """Whether a norm's statistics mix places, or images, of what it is given."""
    m = reading.maps.get(node.input[0]) if node.input else None
    if m is None or node.op_type not in NORM_OPS or len(node.output) > 1:
        return False
    last = node.op_type in LAST_NORMS
    axis = attributes_of(node).get("axis", -1) % len(m.dims) if last else 2
    return any(atom.axis != CHANNEL for run in m.dims[axis:] for atom in run)


LAST_NORMS = ("LayerNormalization", "RMSNormalization")
"""Norms over the last dimensions, from `axis` on."""
NORM_OPS = (*LAST_NORMS, "InstanceNormalization", "GroupNormalization", "MeanVarianceNormalization")


def norm_view(node: NodeProto, inputs: list[Any]) -> tuple[Array, tuple[int, ...], tuple[int, ...], float, bool]:
    """Its input, the view and the dimensions of it that share a mean, epsilon, and whether the mean is taken off."""
    given, x = attributes_of(node), inputs[0]
    shape, eps = x.shape, float(given.get("epsilon", 1e-5))
    if node.op_type == "GroupNormalization":
        groups = int(given["num_groups"])
        shape = (x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])
        return x, shape, tuple(range(2, len(shape))), eps, True
    if node.op_type == "InstanceNormalization":
        return x, shape, tuple(range(2, x.ndim)), eps, True
    if node.op_type == "MeanVarianceNormalization":
        return x, shape, tuple(given.get("axes", (0, 2, 3))), 1e-9, True
    axis = int(given.get("axis", -1)) % x.ndim
    return x, shape, tuple(range(axis, x.ndim)), eps, node.op_type == "LayerNormalization"


def refused(error: Exception, name: str, node: str) -> RfcalcError:
    return RfcalcError(f"while {name} ran on values, at {node}: {type(error).__name__}: {first_line(error)}")
