"""`rfcalc code`: what it writes runs without rfcalc, is the network that `rfcalc.build` makes, and reads well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from torch import nn

import rfcalc
from rfcalc.engine.arch import Arch
from rfcalc.errors import RfcalcError
from rfcalc.network import build
from rfcalc.readme.infer.infer import infer
from rfcalc.source import layers
from rfcalc.source.writer import source
from rfcalc.testing import TORCH_OPS, archs
from tests.command import run
from tests.models import layout
from tests.same_table import assert_same


def class_in(text: str) -> Any:
    """The network's class: the last one of the file."""
    names: dict[str, Any] = {"__name__": "written"}
    exec(compile(text, "written.py", "exec"), names)
    return [v for v in names.values() if isinstance(v, type) and v.__module__ == "written"][-1]


def holds(arch: Arch) -> None:
    """The file's network has the built one's state dict, and the same outputs bit for bit."""
    network, built = class_in(source(arch))().eval(), build(arch, seed=0).eval()
    assert list(network.state_dict()) == list(built.state_dict())
    built.load_state_dict(network.state_dict())
    network.load_state_dict(built.state_dict())
    x = torch.randn(1, *arch.input)
    with torch.no_grad():
        try:
            built(x)
        except ValueError as error:  # torch's norms over places refuse a map of one place
            if "Expected more than 1" not in str(error):
                raise
            return
        assert torch.equal(network(x), built(x))


@pytest.mark.parametrize("name", rfcalc.names())
def test_shipped_specs(name: str) -> None:
    arch = rfcalc.load(name)
    holds(arch)
    traced = rfcalc.trace(class_in(source(arch))(), arch.input)
    assert_same(arch, traced)
    assert traced.receptive_field == arch.receptive_field
    assert [(r.out, r.params, r.macs) for r in traced.rows if r.params] == [
        (r.out, r.params, r.macs) for r in arch.rows if r.params
    ]


@given(archs(ops=TORCH_OPS))
def test_random_specs(arch: Arch) -> None:
    holds(arch)
    assert_same(arch, rfcalc.trace(class_in(source(arch))(), arch.input))


@pytest.mark.parametrize("name", ["resnet18", "shufflenet_v2", "mobilenet_v3_small", "convnext_tiny", "unet"])
def test_traced_models(name: str) -> None:
    holds(rfcalc.trace(layout(name), (3, 64, 64)))


NAMES = """
input: [3, 8, 8]
layers:
- conv: {name: train, out_channels: 4, kernel_size: 3}
- conv: {name: class, out_channels: 4, kernel_size: 1}
- conv: {name: "a-b'c\\"d", out_channels: 4, kernel_size: 1}
- conv: {name: forward, out_channels: 4, kernel_size: 1}
- conv: {name: x, out_channels: 4, kernel_size: 1}
- conv: {name: self, out_channels: 4, kernel_size: 1}
- add: [train, self, x]
- conv: {name: "7", out_channels: 4, kernel_size: 1}
- concat: [class, "7", torch_]
"""


def test_any_name_can_be_written() -> None:
    holds(rfcalc.loads(NAMES.replace(", torch_", ", forward")))


def test_blocks_are_classes_and_alike_ones_share_one() -> None:
    text = source(rfcalc.load("googlenet"))
    assert text.count("class ") == 3
    assert "class Inception(nn.Module):" in text
    assert "self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)" in text
    assert "# 192x28x28, field 27" in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_block_with_two_inputs_and_two_outputs() -> None:
    text = (
        "input: [2, 8, 8]\nblocks:\n  two:\n    layers:\n    - conv: {name: a, out_channels: 2, kernel_size: 3}\n"
        "    - conv: {name: b, out_channels: 2, kernel_size: 1}\nlayers:\n- two: {name: t}\n- add: [t.a, t.b]\n"
        "- two: {name: u}\n- concat: [u.a, u.b]\n"
    )
    arch = rfcalc.loads(text)
    holds(arch)
    assert source(arch).count("class Two") == 1
    assert "a, b = self.u(x)" in source(arch)


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(RfcalcError, match=r"pointwise1 \(pointwise\): exp is known by its shapes only"):
        source(rfcalc.loads("{input: [3, 8, 8], layers: [pointwise: exp]}"))


def test_the_file_needs_no_rfcalc(tmp_path: Path) -> None:
    assert run("code", "s9", "-o", str(tmp_path / "model.py")).code == 0
    code = "import sys, model; model.S9(); print('rfcalc' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_every_default_that_is_left_out_is_torchs() -> None:
    """Settings that a spec cannot state (eps, momentum, slopes) are written where they are not torch's own."""
    call = layers.call_of(nn.BatchNorm2d(4, eps=1e-3, momentum=0.2))
    assert str(call) == "nn.BatchNorm2d(4, eps=0.001, momentum=0.2)"
    assert str(layers.call_of(nn.MaxPool2d(3, 2, 1))) == "nn.MaxPool2d(3, stride=2, padding=1)"
    assert str(layers.call_of(nn.Conv2d(4, 4, (3, 1), padding=(1, 0)))) == ("nn.Conv2d(4, 4, (3, 1), padding=(1, 0))")


@pytest.mark.parametrize("name", ["c12", "mobilenet_v2", "vgg16", "resnet18", "resnet50"])
def test_code_that_rfcalc_writes_says_its_input(name: str) -> None:
    """The docstring has it: "c12: input 3x32x32, output ..."."""
    shipped = rfcalc.load(name)
    found = infer(f"```python\n{source(shipped)}\n```").arch
    assert found is not None
    assert (found.input, found.params) == (shipped.input, shipped.params)
    assert found.receptive_field == shipped.receptive_field
