"""ONNX files as tables: operators against sums by hand and against onnx's own evaluator, exports of torch modules
against the tracer, and one message for whatever is wrong with a file."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import rfcalc
from rfcalc.errors import RfcalcError
from rfcalc.interchange.names import scope_of
from tests.interchange.build import filled, load, model, node, written

# --- operators ---------------------------------------------------------------------------------------------------
# nodes, weights, input without batch -> output, field (per axis, or one for all), params, MACs, status of the last row

W = "x w b"
CASES: dict[str, tuple[list[Any], dict[str, Any], tuple[int, ...], str, Any, int, int | None, str]] = {
    # 9 -> (9-3)/2+1 = 4; 8 * (3*3*3 + 1) = 224; 8*4*4 * 27 = 3456
    "conv": ([node("Conv", W, strides=[2, 2])], {"w": (8, 3, 3, 3), "b": (8,)}, (3, 9, 9), "8x4x4", 3, 224, 3456, "exact"),
    # SAME_UPPER of 10 by 2: 5 windows reach 4*2+3 = 11, one more than there is: after the last; SAME_LOWER: in front
    "same_upper": ([node("Conv", "x w", strides=[2, 2], auto_pad="SAME_UPPER")], {"w": (4, 3, 3, 3)}, (3, 10, 10),
                   "4x5x5", 3, 108, 2700, "exact"),
    "same_lower": ([node("Conv", "x w", strides=[2, 2], auto_pad="SAME_LOWER")], {"w": (4, 3, 3, 3)}, (3, 10, 10),
                   "4x5x5", 3, 108, 2700, "exact"),
    # depthwise: 3 * (5*5 + 1) = 78; dilated by 2: 2*4+1 = 9 -> one window; 3 * 25 = 75
    "depthwise": ([node("Conv", W, group=3, dilations=[2, 2])], {"w": (3, 1, 5, 5), "b": (3,)}, (3, 9, 9), "3x1x1", 9,
                  78, 75, "exact"),
    # (4-1)*2 + 3 - 2 + 1 = 8; each unit reads at most 2; 16 * 3 * 9 * 5 = 2160
    "conv_transpose": ([node("ConvTranspose", "x w", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])],
                       {"w": (3, 5, 3, 3)}, (3, 4, 4), "5x8x8", 2, 135, 2160, "exact"),
    # asked for 7: (4-1)*2 + 3 - 7 = 2 cut off, one on each side
    "output_shape": ([node("ConvTranspose", "x w", strides=[2, 2], output_shape=[7, 7])], {"w": (3, 5, 3, 3)}, (3, 4, 4),
                     "5x7x7", 2, 135, 2160, "exact"),
    # (9 - 3) / 1 + 1 = 7: ONNX's default stride is 1
    "max_pool": ([node("MaxPool", "x", kernel_shape=[3, 3])], {}, (3, 9, 9), "3x7x7", 3, 0, 0, "exact"),
    # padding over half the kernel: 9 + 2 + 2 - 3 = 10 -> 11
    "much_padding": ([node("MaxPool", "x", kernel_shape=[3, 3], pads=[2, 2, 2, 2])], {}, (3, 9, 9), "3x11x11", 3, 0, 0,
                     "exact"),
    # padding in front only: (9 + 1 - 2) / 2 = 4 -> 5
    "pool_one_side": ([node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2], pads=[1, 1, 0, 0])], {}, (3, 9, 9),
                      "3x5x5", 2, 0, 0, "exact"),
    # (9 - 2) / 2 = 3.5, up: 5
    "ceil": ([node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)], {}, (3, 9, 9), "3x5x5", 2, 0, 0,
             "exact"),
    # dilated by 2: 2*2+1 = 5 -> 5, with holes
    "dilated_mean": ([node("AveragePool", "x", kernel_shape=[3, 3], dilations=[2, 2])], {}, (3, 9, 9), "3x5x5", 5, 0, 0,
                     "exact"),
    "pool_same": ([node("AveragePool", "x", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_LOWER")], {}, (3, 10, 10),
                  "3x5x5", 3, 0, 0, "exact"),
    "global": ([node("GlobalAveragePool", "x")], {}, (3, 9, 9), "3x1x1", 9, 0, 0, "exact"),
    "lp_pool": ([node("LpPool", "x", kernel_shape=[3, 3], p=2)], {}, (3, 9, 9), "3x7x7", 3, 0, 0, "exact"),
    # scale and bias count, mean and variance do not
    "batch_norm": ([node("BatchNormalization", "x s b m v")], {"s": (3,), "b": (3,), "m": (3,), "v": (3,)}, (3, 9, 9),
                   "3x9x9", 1, 6, 0, "exact"),
    "instance_norm": ([node("InstanceNormalization", "x s b")], {"s": (3,), "b": (3,)}, (3, 9, 9), "3x9x9", 1, 6, 0,
                      "exact"),
    "prelu": ([node("PRelu", "x s")], {"s": (3, 1, 1)}, (3, 9, 9), "3x9x9", 1, 3, 0, "exact"),
    # a row of three numbers is a weight, one number is not
    "scale": ([node("Mul", "x s", "t"), node("Add", "t one")], {"s": (3, 1, 1), "one": (1,)}, (3, 9, 9), "3x9x9", 1, 3, 0,
              "exact"),
    # 9 -> 18 by repeating
    "nearest": ([node("Resize", "x - s", coordinate_transformation_mode="asymmetric", nearest_mode="floor")],
                {"s": np.array([1, 1, 2, 2], np.float32)}, (3, 9, 9), "3x18x18", 1, 0, 0, "exact"),
    # a unit between two reads both
    "linear": ([node("Resize", "x - s", mode="linear")], {"s": np.array([1, 1, 2, 2], np.float32)}, (3, 9, 9), "3x18x18",
               2, 0, 0, "exact"),
    "cubic": ([node("Resize", "x - - z", mode="cubic")], {"z": np.array([1, 3, 18, 18], np.int64)}, (3, 9, 9), "3x18x18",
              4, 0, 0, "exact"),
    "antialias": ([node("Resize", "x - - z", mode="linear", antialias=1)], {"z": np.array([1, 3, 4, 4], np.int64)},
                  (3, 9, 9), "3x4x4", 9, 0, 0, "upper bound (resize)"),
    "one_to_many": ([node("Resize", "x - - z", mode="linear")], {"z": np.array([1, 3, 8, 8], np.int64)}, (3, 1, 1),
                    "3x8x8", 1, 0, 0, "whole input"),
    "depth_to_space": ([node("DepthToSpace", "x", blocksize=2)], {}, (12, 4, 4), "3x8x8", 1, 0, 0, "exact"),
    "space_to_depth": ([node("SpaceToDepth", "x", blocksize=2)], {}, (3, 8, 8), "12x4x4", 2, 0, 0, "exact"),
    "reflect": ([node("Pad", "x p", mode="reflect")], {"p": np.array([0, 0, 2, 1, 0, 0, 2, 1], np.int64)}, (3, 9, 9),
                "3x13x11", 1, 0, 0, "exact"),
    "slice": ([node("Slice", "x a e d s")], {"a": np.array([1], np.int64), "e": np.array([9], np.int64),
              "d": np.array([2], np.int64), "s": np.array([2], np.int64)}, (3, 9, 9), "3x4x9", 1, 0, 0, "exact"),
    "flip": ([node("Slice", "x a e d s")], {"a": np.array([-1], np.int64), "e": np.array([-(2**62)], np.int64),
             "d": np.array([3], np.int64), "s": np.array([-1], np.int64)}, (3, 9, 9), "3x9x9", (1, 9), 0, 0,
             "upper bound (flip)"),
    # 3*9*9 = 243 values, 10 * 243 + 10
    "gemm": ([node("Flatten", "x", "f"), node("Gemm", "f w b", transB=1)], {"w": (10, 243), "b": (10,)}, (3, 9, 9), "10", 9,
             2440, 2430, "exact"),
    "matmul": ([node("Transpose", "x", "t", perm=[0, 2, 3, 1]), node("MatMul", "t w")], {"w": (3, 7)}, (3, 9, 9), "7x9x9",
               1, 21, 1701, "exact"),
    "mean": ([node("ReduceMean", "x a", keepdims=0)], {"a": np.array([2, 3], np.int64)}, (3, 9, 9), "3x1x1", 9, 0, 0,
             "exact"),
    "softmax": ([node("Softmax", "x", axis=1)], {}, (3, 9, 9), "3x9x9", 1, 0, 0, "exact"),
    # before opset 13 over the axis and all after it; the table of opset 20 is the one of one axis
    "channels": ([node("Split", "x", "a b c", axis=1, num_outputs=3), node("Concat", "a c", "y", axis=1)], {}, (3, 9, 9),
                 "2x9x9", 1, 0, 0, "exact"),
    # int8 weights, scales and zero points beside them: 4*3*9 weights and 4 biases
    "quantized": ([node("QuantizeLinear", "x s z", "q"), node("QLinearConv", "q s z w s z s z b")],
                  {"s": np.float32(0.1), "z": np.uint8(0), "w": np.ones((4, 3, 3, 3), np.uint8), "b": np.ones(4, np.int32)},
                  (3, 9, 9), "4x7x7", 3, 112, 5292, "exact"),
    "dequantized": ([node("DequantizeLinear", "w s z", "v"), node("Conv", "x v")],
                    {"s": np.float32(0.1), "z": np.int8(0), "w": np.ones((4, 3, 3, 3), np.int8)}, (3, 9, 9), "4x7x7", 3,
                    108, 5292, "exact"),
    # 4 gates of 5 units: 20 * (3 + 5) weights and 40 biases; 6 steps
    "lstm": ([node("Transpose", "x", "t", perm=[2, 0, 1]), node("LSTM", "t w r b", "s", hidden_size=5),
              node("Squeeze", "s a", "u"), node("Transpose", "u", "y", perm=[1, 2, 0])],
             {"w": (1, 20, 3), "r": (1, 20, 5), "b": (1, 40), "a": np.array([1], np.int64)}, (3, 6), "5x6", 6, 200, 960,
             "upper bound (lstm)"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_operators(name: str, tmp_path: Path) -> None:
    nodes, weights, shape, out, field, params, macs, status = CASES[name]
    arch = load(model(nodes, (1, *shape), weights), tmp_path)
    fields = field if isinstance(field, tuple) else (field,) * len(arch.sizes)
    assert (str(arch.out), tuple(axis.receptive_field for axis in arch.out.axes)) == (out, fields)
    assert (arch.params, arch.macs, arch.rows[-1].status) == (params, macs, status)
    if name == "output_shape":  # which the evaluator adds up wrongly: the same in pads
        nodes = [node("ConvTranspose", "x w", strides=[2, 2], pads=[1, 1, 1, 1])]
    run: Any = ReferenceEvaluator(model(nodes, (1, *shape), weights)).run(None, {"x": filled((1, *shape))})
    assert arch.outputs[0].shape == run[0].shape[1:]


def test_same_lower_pads_in_front(tmp_path: Path) -> None:
    lower, upper = (load(model(CASES[f"same_{side}"][0], (1, 3, 10, 10), {"w": (4, 3, 3, 3)}), tmp_path)
                    for side in ("lower", "upper"))  # fmt: skip
    assert [str(a.out.axes[0].at(0))[:20] for a in (lower, upper)] == ["Field(first=-1, last", "Field(first=0, last="]
    assert "padding: tf_same" in rfcalc.dump(upper)


# --- programs ----------------------------------------------------------------------------------------------------


def test_shape_arithmetic_is_worked_out(tmp_path: Path) -> None:
    """Shape, Gather, Mul, Concat, Reshape: how torch's older exporter writes x.view(b, -1)."""
    nodes = [
        node("Shape", "x", "s"), node("Gather", "s zero", "b", axis=0), node("Unsqueeze", "b first", "u"),
        node("Concat", "u rest", "shape", axis=0), node("Reshape", "x shape", "f"), node("MatMul", "f w", "y"),
    ]  # fmt: skip
    weights = {"zero": np.int64(0), "first": np.array([0]), "rest": np.array([-1]), "w": (27, 5)}
    arch = load(model(nodes, ("batch", 3, 3, 3), weights), tmp_path)
    assert [row.layer.op for row in arch.rows] == ["flatten", "linear"]
    assert (arch.params, arch.macs) == (135, 135)


def test_weights_count_once_and_unused_ones_apart(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w", "t", pads=[1, 1, 1, 1]), node("Conv", "t w", pads=[1, 1, 1, 1])]
    arch = load(model(nodes, weights={"w": (3, 3, 3, 3), "lost": (7,)}), tmp_path)
    assert ([row.params for row in arch.rows], dict(arch.unused)) == ([81, 0], {"lost": 7})
    assert arch.notes == ("7 weights are never used: lost",)


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w", "a"), node("Add", "a side", "sum"), node("GlobalMaxPool", "sum", "top")]
    built = model(nodes, (1, 3, 9, 9), {"w": (4, 3, 3, 3)}, outputs="sum top", side=(1, 4, 7, 7))
    arch = load(built, tmp_path)
    assert [(port.name, port.shape) for port in arch.inputs] == [("x", (3, 9, 9)), ("side", (4, 7, 7))]
    assert [(port.name, port.shape) for port in arch.outputs] == [("sum", (4, 7, 7)), ("top", (4, 1, 1))]
    (first, second) = arch.inputs
    sums = [arch.seen_from(port)[arch.outputs[0].node].axes[0].receptive_field for port in (first, second)]
    assert sums == [3, 1]


def test_channels_last_inputs(tmp_path: Path) -> None:
    """TensorFlow's exporter moves channels to the front first."""
    nodes = [node("Transpose", "x", "t", perm=[0, 3, 1, 2]), node("Conv", "t w")]
    arch = load(model(nodes, (1, 9, 8, 3), {"w": (4, 3, 3, 3)}), tmp_path)
    assert (arch.input, str(arch.out), arch.rows[-1].status) == ((3, 9, 8), "4x7x6", "exact")


def test_an_operator_that_nobody_knows_is_named_and_the_rest_is_known(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x w", "a"), helper.make_node("Wobble", ["a", "v"], ["b"], "shaky", domain="my.own"),
        node("Relu", "b"),
    ]  # fmt: skip
    built = model(nodes, weights={"w": (4, 3, 3, 3), "v": (4,)})
    built.opset_import.append(helper.make_opsetid("my.own", 1))
    built.graph.value_info.append(helper.make_tensor_value_info("b", TensorProto.FLOAT, (1, 4, 7, 7)))
    arch = load(built, tmp_path)
    assert [row.status for row in arch.rows] == ["exact", "unknown (wobble)", "unknown (wobble)"]
    assert (arch.params, arch.uncounted, str(arch.out)) == (112, ("shaky",), "4x7x7")


def test_what_has_a_shape_by_value_is_left_out_and_said(tmp_path: Path) -> None:
    nodes = [node("Conv", "x w", "a"), node("NonZero", "a", "where")]
    arch = load(model(nodes, weights={"w": (4, 3, 3, 3)}, outputs="where"), tmp_path)
    assert [row.name for row in arch.rows] == ["a"]
    assert arch.notes == ("what follows where (NonZero) is not worked out: its shape depends on values",)


def test_an_empty_part_adds_nothing(tmp_path: Path) -> None:
    """As exporters write a shift by nothing."""
    nodes = [
        node("Abs", "shape", "sizes"), node("Expand", "x sizes", "e"), node("Slice", "e none none", "a"),
        node("Concat", "e a", "b", axis=0), node("Relu", "b"),
    ]  # fmt: skip
    arch = load(model(nodes, weights={"shape": np.array([1, 3, 9, 9]), "none": np.array([0])}), tmp_path)
    assert [(row.layer.op, str(row.out)) for row in arch.rows] == [("relu", "3x9x9")]


def test_shapes_that_the_model_does_not_tell_are_told_by_the_node(tmp_path: Path) -> None:
    """Inference over the model loses numbers that are worked out; those of the node alone are known: 9 rows, each with
    the two beside it. A Transpose may count its dimensions from the back."""
    numbers = np.arange(7)[:, None] + np.arange(3)
    nodes = [
        node("Expand", "x sizes", "a"), node("Abs", "shape", "sizes"), node("Gather", "a table", "b", axis=2),
        node("Transpose", "b", "c", perm=[0, 1, -1, 2, 3]), node("CumSum", "c dim"),
    ]  # fmt: skip
    weights = {"shape": np.array([1, 3, 9, 9]), "table": numbers, "dim": np.array(2)}
    arch = load(model([nodes[1], nodes[0], *nodes[2:]], weights=weights), tmp_path)
    assert arch.outputs[0].shape == (3, 9, 7, 3)
    assert arch.notes == ()


def test_conditions_on_shapes_take_their_branch(tmp_path: Path) -> None:
    def branch(name: str, op: str) -> onnx.GraphProto:
        value = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        return helper.make_graph([node(op, "x", name)], name, [], [value])

    choice = helper.make_node("If", ["yes"], ["y"], then_branch=branch("t", "Relu"), else_branch=branch("e", "Sigmoid"))
    arch = load(model([choice], weights={"yes": np.array(False)}), tmp_path)
    assert [row.layer.op for row in arch.rows] == ["sigmoid"]


def test_local_functions_are_written_out(tmp_path: Path) -> None:
    built = model([helper.make_node("Twice", ["x"], ["y"], domain="my.own")])
    body = [node("Relu", "a", "b"), node("Sigmoid", "b", "c")]
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("my.own", 1)]
    built.functions.append(helper.make_function("my.own", "Twice", ["a"], ["c"], body, opsets))
    built.opset_import.append(opsets[1])
    assert [row.layer.op for row in load(built, tmp_path).rows] == ["relu", "sigmoid"]


@pytest.mark.parametrize(("opset", "axes"), [(11, (0, 1)), (13, (0,))])
def test_a_softmax_means_what_its_opset_says(opset: int, axes: tuple[int, ...], tmp_path: Path) -> None:
    """Before opset 13 it runs over its axis and all after it."""
    arch = load(model([node("Softmax", "x", axis=2)], opset=opset), tmp_path)
    assert tuple(i for i, axis in enumerate(arch.out.axes) if axis.receptive_field == 9) == axes


def test_weights_beside_the_file_need_not_be_there(tmp_path: Path) -> None:
    built = model([node("Conv", "x w")], weights={"w": (64, 3, 3, 3)})
    path = tmp_path / "net.onnx"
    onnx.save(built, path, save_as_external_data=True, location="net.data", size_threshold=0)
    (tmp_path / "net.data").unlink()
    assert rfcalc.load(str(path)).params == 64 * 27


# --- what is wrong with a file -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "given", "message"),
    [
        (("n", 3, "height", "width"), None, r"net.onnx: input x \(n, 3, height, width\) leaves height and width open; "
         r"give its sizes, such as --input 3,224,224"),
        (("n", 3, "height", "width"), (4, 9, 9), r"input x \(n, 3, height, width\) is 3 where --input 4,9,9 says 4"),
        ((1, 3, 9, 9), (3, 9), r"input x \(1, 3, 9, 9\) takes 3 numbers beside the batch, not --input 3,9"),
        ((1, 3, 9, 9), {"image": (3, 9, 9)}, "has no input image; it has x"),
        ((1, 3), None, r"input x \(1, 3\): no input has a size beside channels: nothing has a field"),
        ((1, 3, 9, 9, 9, 9), None, "must be a batch, channels and 1 to 3 sizes"),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit(shape: tuple[Any, ...], given: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(RfcalcError, match=message):
        load(model([node("Relu", "x")], shape), tmp_path, given)


def test_open_sizes_are_asked_for_with_input(tmp_path: Path) -> None:
    built = model([node("Conv", "x w")], ("n", 3, "h", "w"), {"w": (4, 3, 3, 3)})
    assert str(load(built, tmp_path, (3, 20, 10)).out) == "4x18x8"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "net.onnx: No such file or directory"),
        (b"", "net.onnx: no ONNX model: it holds no graph"),
        (b"layers: [conv]", "net.onnx: no ONNX model, or a damaged one"),
        (b"\x08\x0a\x12", "net.onnx: no ONNX model, or a damaged one"),
    ],
)
def test_broken_files_get_one_message(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(RfcalcError, match=message):
        rfcalc.load(str(tmp_path / "net.onnx"))


def test_models_that_are_none_get_one_message(tmp_path: Path) -> None:
    newer = model([node("Relu", "x")])
    newer.opset_import[0].version = 99
    with pytest.raises(RfcalcError, match=r"written for opset 99; the onnx installed here knows up to \d+"):
        load(newer, tmp_path)
    with pytest.raises(RfcalcError, match=r"no valid ONNX model: .*Nodes in a graph must be topologically sorted"):
        load(model([node("Relu", "nowhere")]), tmp_path)
    with pytest.raises(RfcalcError, match=r"no valid ONNX model: .*Relu"):
        load(model([node("Relu", "x x")]), tmp_path)


def test_damaged_models_get_one_message(tmp_path: Path) -> None:
    scales = np.array([1, 1, 2, 2, 2], np.float32)  # one more than the map has dimensions
    with pytest.raises(RfcalcError, match=r"net.onnx: node \w+ \(Resize\): damaged, or not known here: ValueError"):
        load(model([node("Resize", "x - s")], weights={"s": scales}), tmp_path)
    built = model([node("Conv", "x w")], weights={"w": (2, 3, 3, 3)})
    built.graph.initializer[0].data_type = 99
    with pytest.raises(RfcalcError, match=r"net.onnx: .*(99|valid)"):
        load(built, tmp_path)
    built = model([node("Relu", "x")])
    built.graph.input[0].type.tensor_type.elem_type = 56
    with pytest.raises(RfcalcError, match=r"56|valid"):
        load(built, tmp_path)
    data = model([node("Relu", "x", "y", name="name")]).SerializeToString().replace(b"name", b"n\xff\xfee")
    (tmp_path / "net.onnx").write_bytes(data)
    with pytest.raises(RfcalcError, match=r"a name in it is not UTF-8"):
        rfcalc.load(str(tmp_path / "net.onnx"))


# --- names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "op", "path"),
    [
        ("/layer1/layer1.0/conv1/Conv", "Conv", "layer1.0.conv1"),
        ("/features/features.0/features.0.0/Relu", "Relu", "features.0.0"),
        ("/model/head/head.1/Gemm", "Gemm", "model.head.1"),
        ("model/block1_conv1/Conv2D", "Conv", "model.block1_conv1"),
        ("Conv_12", "Conv", ""),
        ("stem conv", "Conv", ""),
        ("backbone.stem", "Conv", "backbone.stem"),
    ],
)
def test_names_are_those_of_the_modules(name: str, op: str, path: str) -> None:
    assert (scope_of(helper.make_node(op, [], ["12"], name)) or ("",))[-1] == path


# --- exports of torch modules ------------------------------------------------------------------------------------


def exported(module: Any, shape: tuple[int, ...], path: Path) -> str:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), (torch.zeros(1, *shape),), str(path), dynamo=False, do_constant_folding=False,
            training=torch.onnx.TrainingMode.EVAL,
        )  # fmt: skip
    return str(path)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2", "s9", "mnist28"])
def test_exports_give_the_table_of_the_module(name: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from rfcalc.tracing.trace import trace
    from tests.models import LAYOUTS, layout

    if name in LAYOUTS:
        module, shape = layout(name).to_empty(device="cpu"), LAYOUTS[name][1]
    else:
        module, shape = rfcalc.build(name), rfcalc.load(name).input
    with torch.no_grad():  # the exporter writes tensors that are equal once
        for tensor in [*module.parameters(), *module.buffers()]:
            tensor.copy_(torch.rand(tensor.shape))
    read, traced = rfcalc.load(exported(module, shape, tmp_path / "net.onnx")), trace(module, shape)
    assert (read.params, read.macs, read.receptive_field) == (traced.params, traced.macs, traced.receptive_field)
    convolutions = [
        [(row.name, str(row.out), row.params, row.macs, row.out.axes) for row in arch.rows if row.layer.op == "conv"]
        for arch in (read, traced)
    ]
    assert len(convolutions[0]) > 1
    assert convolutions[0] == convolutions[1]


def test_a_table_loads_no_torch(tmp_path: Path) -> None:
    path = written(model([node("Conv", "x w")], weights={"w": (4, 3, 3, 3)}), tmp_path)
    code = f"import sys, rfcalc; print(rfcalc.load({path!r}).params); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "108\n")
