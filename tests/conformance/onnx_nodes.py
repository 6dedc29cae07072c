"""ONNX's node tests of convolutions, pools, resizes and pads, built by the onnx package in memory: the table's shape
against the expected output, and every field against the model's own run."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from onnx import numpy_helper

import rfcalc
from rfcalc.errors import RfcalcError
from rfcalc.proof.exchanged import prove_onnx

from .outcome import Outcome, told

OPERATORS = (
    "Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool",
    "GlobalMaxPool", "Resize", "Upsample", "Pad", "DepthToSpace", "SpaceToDepth", "MaxUnpool", "DeformConv", "Col2Im",
)  # fmt: skip
MOST = 2**14
"""Values of an input; larger ones are held against their shape only, for the evaluator works in Python."""


def outcomes(operators: tuple[str, ...] = OPERATORS, most: int = MOST) -> Iterator[Outcome]:
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")
        for case in cases(operators):
            yield outcome(case, Path(folder) / "net.onnx", most)


def cases(operators: tuple[str, ...]) -> list[Any]:
    from onnx.backend.test.case.node import collect_testcases

    found = {case.name: case for case in collect_testcases(None)}
    return [
        case
        for case in found.values()
        if case.model
        and any(node.op_type in operators for node in case.model.graph.node)
        and "_expanded" not in case.name
    ]


def outcome(case: Any, path: Path, most: int) -> Outcome:
    model = with_weights(case)
    onnx.save(model, path)
    (inputs, outputs) = case.data_sets[0]
    try:
        arch = rfcalc.load(str(path))
    except RfcalcError as error:
        return Outcome(case.name, "refused", str(error).replace(str(path), "the file"))
    stated = {port.name: port.shape for port in arch.outputs}
    for value, expected in zip(model.graph.output, outputs, strict=True):
        shape = getattr(expected, "shape", None)
        if value.name in stated and shape is not None and stated[value.name] != tuple(shape[1:]):
            return Outcome(case.name, "wrong", f"{stated[value.name]}, not {tuple(shape[1:])}")
    if not stated:
        return Outcome(case.name, "unknown", "; ".join(arch.notes))
    if inputs[0].size <= most:
        try:
            report = prove_onnx(str(path))
        except RfcalcError as error:
            return Outcome(case.name, "unknown", str(error).replace(str(path), "the file"))
        if not report.ok:
            return Outcome(case.name, "wrong", told(report))
    status = arch.rows[-1].status
    return Outcome(case.name, "right" if status in ("exact", "whole input") else "unknown", status)


def with_weights(case: Any) -> onnx.ModelProto:
    """The model of a test, all inputs but the first as weights with the values that the test gives them."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    rest = model.graph.input[1:]
    for value, array in zip(rest, case.data_sets[0][0][1:], strict=True):
        model.graph.initializer.append(numpy_helper.from_array(array, value.name))
    del model.graph.input[1:]
    return model
