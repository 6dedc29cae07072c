"""Pools, resizes and transposed convolutions of onnx's reference evaluator, which walks their outputs one by one in
Python, as products of arrays.

Nothing of what they read is worked out here: the evaluator itself runs the operator along each axis alone, on images
of a single one, and tells so which unit reads which place, and with what weight. What an operator does along several
axes is what it does along one after the other; whoever uses this holds the first result against the evaluator's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from .tensors import Array

Shortcut = Callable[[Array], Array]

MOST_PLACES = 1024
"""Places along an axis whose reads are asked for: as many images are needed."""
PER_AXIS = ("kernel_shape", "strides", "dilations", "output_padding", "output_shape")
"""Attributes with a value for each axis."""


def shortcut(node: NodeProto, inputs: Sequence[Any], opset: int) -> Shortcut | None:
    """What a node does to its first input, the others staying as they are; None where no product of arrays says it."""
    x = inputs[0]
    learn = LEARNERS.get(node.op_type)
    if learn is None or len(node.output) > 1 or x.dtype.kind != "f" or x.ndim < 3 or max(x.shape[2:]) > MOST_PLACES:
        return None
    try:
        return learn(node, inputs, opset)
    except (IndexError, ValueError, TypeError, NotImplementedError):  # the evaluator takes no such images: its own way
        return None


# --- what the evaluator tells of one axis -------------------------------------------------------------------------


def alone(node: NodeProto, opset: int, given: Sequence[tuple[str, Array]], **attributes: Any) -> Array:
    """The operator of a node on other inputs and attributes, run by the evaluator."""
    renamed = helper.make_node(node.op_type, [name for name, _ in given], ["y"], **attributes)
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in given[:1]
    ]
    weights = [numpy_helper.from_array(array, name) for name, array in given[1:] if name]
    result = helper.make_tensor_value_info("y", TensorProto.UNDEFINED, None)
    graph = helper.make_graph([renamed], "alone", inputs, [result], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    (out,) = ReferenceEvaluator(model).run(None, {given[0][0]: given[0][1]})
    return np.asarray(out)


def attributes_of(node: NodeProto) -> dict[str, Any]:
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return {key: value.decode() if isinstance(value, bytes) else value for key, value in given.items()}


def along(attributes: dict[str, Any], axis: int, axes: int) -> dict[str, Any]:
    """The attributes of an operator that works along one of its axes alone, the others being of size 1."""
    out = dict(attributes)
    for key in PER_AXIS:
        if key in out:
            idle = 0 if key == "output_padding" else 1
            out[key] = [value if i == axis else idle for i, value in enumerate(out[key][:axes])]
    if "pads" in out:
        out["pads"] = [value if i % axes == axis else 0 for i, value in enumerate(out["pads"])]
    return out


def ones_at(places: int, axis: int, axes: int, dtype: Any) -> Array:
    """For each place along an axis an image with one channel that is 1 there; the other axes are of size 1."""
    return np.eye(places, dtype=dtype).reshape(places, 1, *(places if i == axis else 1 for i in range(axes)))


def told(node: NodeProto, x: Array, opset: int, axis: int) -> Array:
    """What the operator makes of a single one, at each place along an axis: (places, units)."""
    axes = x.ndim - 2
    images = ones_at(x.shape[2 + axis], axis, axes, x.dtype)
    out = alone(node, opset, [("x", images)], **along(attributes_of(node), axis, axes))
    return out.reshape(len(images), -1)


def reads_of(node: NodeProto, x: Array, opset: int, axis: int) -> Array:
    """Which place along an axis each unit of a maximum reads: (places, units). The evaluator cannot always pad along
    one axis alone; then the ones fill the others."""
    try:
        return told(node, x, opset, axis) > 0
    except (IndexError, ValueError):
        axes = x.ndim - 2
        lines = ones_at(x.shape[2 + axis], axis, axes, x.dtype)
        images = np.broadcast_to(lines, (len(lines), 1, *x.shape[2:])).copy()
        out = alone(node, opset, [("x", images)], **attributes_of(node))
        return np.asarray(out.max(tuple(i for i in range(1, out.ndim) if i != 2 + axis)) > 0)


def through(x: Array, matrices: Sequence[Array]) -> Array:
    """Each of the last axes of an array multiplied by its matrix (places, units)."""
    for i, matrix in enumerate(matrices, x.ndim - len(matrices)):
        x = np.moveaxis(np.moveaxis(x, i, -1) @ matrix, -1, i)
    return x


# --- the operators -----------------------------------------------------------------------------------------------


def means(node: NodeProto, inputs: Sequence[Any], opset: int) -> Shortcut:
    """AveragePool: along each axis the share that a place has in a unit."""
    x = inputs[0]
    shares = [told(node, x, opset, axis) for axis in range(x.ndim - 2)]
    return lambda images: through(images, shares).astype(images.dtype)


def norms(node: NodeProto, inputs: Sequence[Any], opset: int) -> Shortcut:
    """LpPool: along each axis whether a unit reads a place; powers are added up."""
    x, p = inputs[0], attributes_of(node).get("p", 2)
    reads = [told(node, x, opset, axis) for axis in range(x.ndim - 2)]
    return lambda images: (through(np.abs(images) ** p, reads) ** (1 / p)).astype(images.dtype)


def maxima(node: NodeProto, inputs: Sequence[Any], opset: int) -> Shortcut | None:
    """MaxPool: along each axis the places that a unit reads, repeated to the longest list."""
    x, lists = inputs[0], []
    for axis in range(x.ndim - 2):
        places = [np.flatnonzero(unit) for unit in reads_of(node, x, opset, axis).T]
        if not all(map(len, places)):
            return None
        longest = max(map(len, places))
        lists.append(np.array([np.resize(unit, longest) for unit in places]))

    def largest(images: Array) -> Array:
        for i, places in enumerate(lists, 2):
            images = np.moveaxis(np.moveaxis(images, i, -1)[..., places].max(-1), -1, i)
        return images

    return largest


def resized(node: NodeProto, inputs: Sequence[Any], opset: int) -> Shortcut | None:
    """Resize: along each axis the weight of a place in a unit."""
    x, attributes = inputs[0], attributes_of(node)
    policy = attributes.pop("keep_aspect_ratio_policy", "stretch")
    if attributes.get("coordinate_transformation_mode") == "tf_crop_and_resize" or policy != "stretch" or opset < 11:
        return None
    axes = attributes.pop("axes", range(x.ndim))
    _, _, scales, sizes = (*inputs, None, None, None)[:4]
    weights = []
    for i, size in enumerate(x.shape[2:], 2):
        at = [axis % x.ndim for axis in axes].index(i) if i in [axis % x.ndim for axis in axes] else None
        images = np.eye(size, dtype=x.dtype)
        if at is None:
            weights.append(images)
            continue
        given = [("x", images), ("", images)]
        if sizes is not None and len(sizes):
            given += [("", images), ("sizes", np.array([size, sizes[at]], np.int64))]
        else:
            given += [("scales", np.array([1, scales[at]], np.float32))]
        weights.append(alone(node, opset, given, **attributes))
    return lambda images: through(images, weights).astype(images.dtype)


def transposed(node: NodeProto, inputs: Sequence[Any], opset: int) -> Shortcut | None:
    """ConvTranspose: along each axis the units that a place reaches by each of the kernel's taps."""
    x, weight, bias = (*inputs, None)[:3]
    attributes = attributes_of(node)
    groups, axes = attributes.pop("group", 1), x.ndim - 2
    attributes.setdefault("kernel_shape", list(weight.shape[2:]))
    taps = []
    for i, size in enumerate(x.shape[2:]):
        kernels = ones_at(weight.shape[2 + i], i, axes, x.dtype).swapaxes(0, 1)  # one channel out for each tap
        given = [("x", ones_at(size, i, axes, x.dtype)), ("w", kernels)]
        reached = alone(node, opset, given, **along(attributes, i, axes), group=1)
        taps.append(reached.reshape(*reached.shape[:2], -1))  # (places, taps, units)
    kernel = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])

    def spread(images: Array) -> Array:
        n = len(images)
        parts = images.reshape(n, groups, -1, *images.shape[2:])
        # what each place gives each tap: (images, channels, taps of each axis, places of each axis)
        out = np.einsum("ngc...,gcok->ngok...", parts, kernel.reshape(*kernel.shape[:3], -1), optimize=True)
        out = out.reshape(n, groups * kernel.shape[2], *kernel.shape[3:], *images.shape[2:])
        # taps and places of the first axis that is left become its units, after the others
        for done, reached in enumerate(taps):
            out = np.moveaxis(out, (2, 2 + axes - done), (-2, -1))
            out = out.reshape(*out.shape[:-2], -1) @ reached.swapaxes(0, 1).reshape(-1, reached.shape[-1])
        if bias is not None:
            out = out + bias.reshape(1, -1, *(1,) * axes)
        return np.asarray(out.astype(images.dtype))

    return spread


LEARNERS: dict[str, Callable[[NodeProto, Sequence[Any], int], Shortcut | None]] = {
    "AveragePool": means,
    "LpPool": norms,
    "MaxPool": maxima,
    "Resize": resized,
    "ConvTranspose": transposed,
}
