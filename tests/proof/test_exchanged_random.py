"""Random networks as torch's exporter writes them: the file's MACs are the network's, and its run accuses
nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

pytest.importorskip("onnx")

import torch

import rfcalc
from rfcalc.engine.arch import Arch
from rfcalc.proof.exchanged import prove_onnx
from rfcalc.testing import archs
from tests.interchange.test_reader import exported

OPS = (
    "conv", "conv_transpose", "max_pool", "avg_pool", "global_avg_pool", "global_max_pool", "upsample", "pad", "expand",
    "pixel_shuffle", "channel_slice", "channel_pad", "add", "concat", "multiply", "flatten", "linear", "relu",
    "sigmoid", "batch_norm", "softmax",
)  # fmt: skip
"""What the exporter writes whatever the settings."""


@settings(max_examples=max(settings().max_examples // 10, 1))
@given(arch=archs(max_layers=5, ops=OPS))
def test_random_exports_hold(arch: Arch, tmp_path_factory: pytest.TempPathFactory) -> None:
    net = rfcalc.build(arch)
    with torch.no_grad():  # the exporter writes tensors that are equal once
        for tensor in [*net.parameters(), *net.buffers()]:
            tensor.copy_(torch.rand(tensor.shape))
    folder: Path = tmp_path_factory.mktemp("random")
    path = exported(net, arch.input, folder / "net.onnx")
    assert rfcalc.load(path).macs == arch.macs
    report = prove_onnx(path)
    assert report.ok, str(report)
