"""Resizes as products of arrays come to what onnx's evaluator makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

from onnx import NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from rfcalc.interchange.evaluate import agree
from rfcalc.interchange.resizing import shortcut

OPSET = 20
RANDOM = np.random.default_rng(0)
SCALES = {"": np.zeros(0, np.float32), "scales": np.array([1, 1, 2, 1.7], np.float32)}
CASES: list[tuple[str, tuple[int, ...], dict[str, Any], dict[str, Any]]] = [
    ("Resize", (1, 2, 5, 6), SCALES, {"mode": "linear"}),
    ("Resize", (1, 2, 5, 6), SCALES, {"mode": "cubic", "coordinate_transformation_mode": "align_corners"}),
]  # fmt: skip


def evaluated(node: NodeProto, x: np.ndarray[Any, Any], weights: dict[str, Any]) -> Any:
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.DOUBLE, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)],
        [numpy_helper.from_array(array, name) for name, array in weights.items() if name],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    return ReferenceEvaluator(model).run(None, {"x": x})[0]  # type: ignore[index]


@pytest.mark.parametrize(("op", "shape", "weights", "attributes"), CASES)
def test_a_product_of_arrays_is_what_the_evaluator_makes(
    op: str, shape: tuple[int, ...], weights: dict[str, Any], attributes: dict[str, Any]
) -> None:
    node = helper.make_node(op, ["x", *weights], ["y"], **attributes)
    x = RANDOM.random(shape)
    quick = shortcut(node, [x, *weights.values()], OPSET)
    assert quick is not None
    other = RANDOM.random(shape)  # not the image that it was learnt for
    assert agree(evaluated(node, other, weights), quick(other))
    assert not agree(evaluated(node, other, weights), quick(x))


def test_what_no_product_says_is_left_to_the_evaluator() -> None:
    crop = helper.make_node(
        "Resize", ["x", "roi", "scales"], ["y"], coordinate_transformation_mode="tf_crop_and_resize"
    )
    assert shortcut(crop, [RANDOM.random((1, 1, 4, 4)), np.zeros(8), np.ones(4)], OPSET) is None
    assert shortcut(helper.make_node("Relu", ["x"], ["y"]), [RANDOM.random((1, 1, 4, 4))], OPSET) is None
