"""`rfcalc check model.onnx`: right tables hold on the model's own run, wrong ones are found, and no torch is needed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

from onnx import TensorProto, helper

import rfcalc
from rfcalc.engine.arch import Arch
from rfcalc.interchange import own, reader
from rfcalc.proof import exchanged
from rfcalc.proof.exchanged import prove_onnx
from tests.interchange.build import model, node, written
from tests.interchange.test_reader import CASES

LINEAR = ("conv", "same_lower", "conv_transpose", "pool_one_side", "scale", "linear", "depthwise", "gemm", "channels")
"""Cases all of whose last row must be reached."""
BOUNDED = ("antialias", "flip", "prelu", "quantized", "lstm", "cubic", "instance_norm")


@pytest.mark.parametrize("name", [*LINEAR, *BOUNDED])
def test_right_tables_hold(name: str, tmp_path: Path) -> None:
    nodes, weights, shape, *_ = CASES[name]
    report = prove_onnx(written(model(nodes, (1, *shape), weights), tmp_path))
    assert (report.ok, report.proved, report.numbers) == (True, True, "")
    assert report.every_pixel
    assert report.rows[-1].in_full == (name in LINEAR or name == "instance_norm")


@pytest.mark.parametrize("op", ["Expand", "Tile", "Add"])
def test_repeated_images_are_no_wrong_shape(op: str, tmp_path: Path) -> None:
    """One image becomes three: MACs count each copy, 3 * (4 * 3 * 9 * 7 * 7)."""
    other = {"Expand": np.array([3, 1, 9, 9]), "Tile": np.array([3, 1, 1, 1]), "Add": (3, 1, 1, 1)}[op]
    nodes = [node(op, "x s", "a"), node("Conv", "a w", "y")]
    path = written(model(nodes, (1, 3, 9, 9), {"w": (4, 3, 3, 3), "s": other}), tmp_path)
    report = prove_onnx(path)
    assert (report.ok, report.proved, report.rows[-1].in_full) == (True, True, True)
    assert rfcalc.load(path).macs == 3 * 5292


def test_what_exporters_write_is_run(tmp_path: Path) -> None:
    """Numbers as Constant nodes, and padding that cuts off: 9 - 2 + 1 = 8 rows, 9 - 1 = 8 columns."""
    pads = helper.make_node(
        "Constant", [], ["pads"], value=helper.make_tensor("c", TensorProto.INT64, [8], [0, 0, -2, 0, 0, 0, 1, -1])
    )
    nodes = [node("Conv", "x w", "a", pads=[1] * 4), pads, node("Pad", "a pads", "b"), node("Conv", "b v", "y")]
    report = prove_onnx(written(model(nodes, (1, 3, 9, 9), {"w": (4, 3, 3, 3), "v": (4, 4, 3, 3)}), tmp_path))
    assert (report.ok, report.proved, report.rows[-1].in_full) == (True, True, True)


@pytest.mark.parametrize("sizes", [(9,), (5, 4, 3)])
def test_a_global_maximum_is_proved_on_any_number_of_axes(sizes: tuple[int, ...], tmp_path: Path) -> None:
    report = prove_onnx(written(model([node("GlobalMaxPool", "x")], (1, 3, *sizes)), tmp_path))
    assert (report.ok, report.proved, report.rows[-1].in_full) == (True, True, True)


def test_an_evaluator_that_breaks_onnxs_rules_accuses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(own.OWN, "Relu", lambda node, x: x[..., :-1])
    with pytest.raises(rfcalc.RfcalcError, match=r"makes \(1, 3, 5, 4\) where ONNX's own rule is \(1, 3, 5, 5\)"):
        prove_onnx(written(model([node("Relu", "x")], (1, 3, 5, 5)), tmp_path))


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool", "LpPool"])
def test_dilated_and_padded_pools_are_proved(op: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "kernel_shape": [3, 2],
        "strides": [2, 1],
        "dilations": [2, 3],
        "auto_pad": "SAME_LOWER",
    }
    report = prove_onnx(written(model([node(op, "x", **settings)], (1, 2, 8, 7)), tmp_path))
    assert (report.ok, report.proved) == (True, True)


@pytest.mark.parametrize(
    ("op", "settings", "message"),
    [
        ("GlobalLpPool", {}, "No registered implementation for operator 'GlobalLpPool'"),
        ("Resize", {"mode": "wrong"}, "while net ran on values"),
    ],
)
def test_what_the_evaluator_refuses_is_refused(op: str, settings: Any, message: str, tmp_path: Path) -> None:
    weights = {"s": np.array([1, 1, 2, 2], np.float32)} if op == "Resize" else {}
    built = model([node(op, "x - s" if weights else "x", **settings)], (1, 1, 5, 5), weights)
    with pytest.raises(rfcalc.RfcalcError, match=message):
        prove_onnx(written(built, tmp_path))


def network(tmp_path: Path) -> str:
    """A residual block, a pool, and a classifier, for two images at a time."""
    nodes = [
        node("Conv", "x w1", "a", pads=[1, 1, 1, 1]), node("Relu", "a", "r"), node("Conv", "r w2", "b", pads=[2] * 4,
        dilations=[2, 2]), node("Add", "a b", "s"), node("MaxPool", "s", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("GlobalAveragePool", "p", "g"), node("Flatten", "g", "f"), node("Gemm", "f w3 c", "y"),
    ]  # fmt: skip
    weights = {"w1": (4, 3, 3, 3), "w2": (4, 4, 3, 3), "w3": (4, 5), "c": (5,)}
    return written(model(nodes, (2, 3, 8, 8), weights), tmp_path)


def test_a_network_is_proved_in_full(tmp_path: Path) -> None:
    report = prove_onnx(network(tmp_path))
    assert (report.ok, report.pixels, report.every_pixel) == (True, 64, True)
    assert [row.in_full for row in report.rows] == [True] * 7
    assert report.counts == {"output_shape": 7, "params": 1}


def spoilt(monkeypatch: pytest.MonkeyPatch, name: str, **settings: Any) -> None:
    """Reads every file with other settings of one layer than it has."""
    right = reader.reading_of

    def wrong(path: Any, input: Any = None) -> reader.OnnxReading:
        found = right(path, input)
        nodes = tuple(replace(n, layer=replace(n.layer, **settings)) if n.name == name else n for n in found.arch.nodes)
        arch = Arch(found.arch.name, found.arch.input, nodes)
        return replace(found, arch=arch)

    monkeypatch.setattr(exchanged, "reading_of", wrong)


@pytest.mark.parametrize(
    ("layer", "settings", "where"),
    [
        ("a", {"padding": ((2, 0), (1, 1))}, "axis 0"),  # the field lies one pixel off
        ("a", {"kernel_size": (1, 3), "padding": ((0, 0), (1, 1))}, "axis 0"),  # it is too small
        ("b", {"dilation": (1, 2), "padding": ((1, 1), (2, 2))}, "axis 0"),
        ("b", {"dilation": (3, 2), "padding": ((3, 3), (2, 2))}, "has no effect"),  # too large
    ],
)
def test_wrong_tables_are_found(
    layer: str, settings: dict[str, Any], where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoilt(monkeypatch, layer, **settings)
    report = prove_onnx(network(tmp_path))
    found = next(f for f in report.findings if f.quantity == "receptive_field")
    assert found.layer == layer
    assert where in f"{found.where} {found.measured}"


def test_values_that_overflow_prove_nothing(tmp_path: Path) -> None:
    nodes = [node("Mul", "x big", "a"), node("Mul", "a big", "b"), node("Exp", "b", "y")]
    report = prove_onnx(written(model(nodes, (1, 1, 5, 5), {"big": np.array(1e30, np.float32)}), tmp_path))
    assert (report.ok, report.proved, report.unproved) == (True, False, ["y"])


def test_a_model_that_refuses_float64_runs_in_its_own_numbers(tmp_path: Path) -> None:
    """Its own Cast is made to double, its Where is given a constant of single precision inside a branch."""
    inner = helper.make_node("Constant", [], ["c"], value=helper.make_tensor("c", TensorProto.FLOAT, [1], [2.0]))
    branch = helper.make_graph(
        [inner, node("Conv", "x w", "t")], "t", [], [helper.make_tensor_value_info("t", TensorProto.FLOAT, None)]
    )
    choice = helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)
    built = model([choice], (1, 3, 6, 6), {"yes": np.array(True), "w": (4, 3, 3, 3)})
    assert prove_onnx(written(built, tmp_path)).ok


def test_no_torch_is_needed(tmp_path: Path) -> None:
    code = f"import sys, rfcalc; print(rfcalc.check({network(tmp_path)!r}).ok); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n")


def test_a_measured_field_needs_torch_modules(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(
        rfcalc.RfcalcError, match=r"a measured field needs a torch module: rfcalc code .*net.onnx writes one"
    ):
        rfcalc.effective_field(network(tmp_path))
