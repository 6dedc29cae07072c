"""Small ONNX models, built in memory and written to a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

import rfcalc
from rfcalc.engine.arch import Arch

OPSET = 20
"""What models are written for unless a case says otherwise."""


def node(op: str, inputs: str, outputs: str = "y", **attributes: Any) -> NodeProto:
    """A node; `inputs` and `outputs` are names in one text, a comma alone stands for one that is left out."""
    names = [name.strip("-") for name in inputs.split()]
    return helper.make_node(op, names, outputs.split(), **attributes)


def model(
    nodes: Sequence[NodeProto], shape: Sequence[int | str] = (1, 3, 9, 9), weights: Mapping[str, Any] | None = None,
    opset: int = OPSET, outputs: str = "y", dtype: int = TensorProto.FLOAT, **more: Sequence[int | str],
) -> onnx.ModelProto:  # fmt: skip
    """A model with the input x of that shape, further inputs in `more`; a weight that is given as a shape is filled."""
    tensors = [numpy_helper.from_array(filled(value), name) for name, value in (weights or {}).items()]
    inputs = [helper.make_tensor_value_info("x", dtype, shape)]
    inputs += [helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in more.items()]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs.split()]
    graph = helper.make_graph(list(nodes), "net", inputs, results, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def filled(value: Any) -> np.ndarray[Any, Any]:
    if isinstance(value, tuple):
        return np.random.default_rng(0).uniform(0.5, 1.5, value).astype(np.float32)
    return np.asarray(value)


def load(built: onnx.ModelProto, folder: Path, input: Any = None) -> Arch:
    return rfcalc.load(written(built, folder), input)


def written(built: onnx.ModelProto, folder: Path, name: str = "net.onnx") -> str:
    path = folder / name
    onnx.save(built, path)
    return str(path)
