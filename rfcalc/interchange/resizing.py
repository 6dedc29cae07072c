"""Resizes of onnx's reference evaluator, which walks their outputs one by one in Python, as products of arrays.

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

from .own import attributes_of
from .tensors import Array

Shortcut = Callable[[Array], Array]

MOST_PLACES = 1024
"""Places along an axis whose reads are asked for: as many images are needed."""


def shortcut(node: NodeProto, inputs: Sequence[Any], opset: int) -> Shortcut | None:
    """What a node does to its first input, the others staying as they are; None where no product of arrays says it."""
    if node.op_type != "Resize":
        return None
    x = inputs[0]
    if x.dtype.kind != "f" or x.ndim < 3 or max(x.shape[2:]) > MOST_PLACES:
        return None
    try:
        return quick_resize(node, inputs, opset)
    except (IndexError, ValueError, TypeError, NotImplementedError):  # the evaluator takes no such images: its own way
        return None


def run_alone(node: NodeProto, opset: int, given: Sequence[tuple[str, Array]], **attributes: Any) -> Array:
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


def through_matrices(x: Array, matrices: Sequence[Array]) -> Array:
    """Each of the last axes of an array multiplied by its matrix (places, units)."""
    for i, matrix in enumerate(matrices, x.ndim - len(matrices)):
        x = np.moveaxis(np.moveaxis(x, i, -1) @ matrix, -1, i)
    return x


def quick_resize(node: NodeProto, inputs: Sequence[Any], opset: int) -> Shortcut | None:
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
        weights.append(run_alone(node, opset, given, **attributes))
    return lambda images: through_matrices(images, weights).astype(images.dtype)
