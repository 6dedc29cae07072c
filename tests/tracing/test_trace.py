"""Torch modules as tables: well-known layouts against their published counts and the shipped specs, everything left as
it was found, and errors of the user's code told in one message."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from torch import Tensor, nn

import rfcalc
from rfcalc.engine.arch import Arch, Row
from rfcalc.errors import RfcalcError
from rfcalc.network import build
from rfcalc.spec.writer import dump
from rfcalc.testing import TORCH_OPS, archs
from rfcalc.tracing.dispatch import Tracer
from rfcalc.tracing.inputs import inputs_of
from rfcalc.tracing.outputs import conclude_outputs
from rfcalc.tracing.run import run
from rfcalc.tracing.trace import load_target, trace
from tests.classic_models import BasicBlock, ResNet
from tests.models import LAYOUTS, layout
from tests.same_table import assert_same

# --- layouts -----------------------------------------------------------------------------------------------------

MACS = {  # in billions, as torchvision and the papers state them
    "resnet18": 1.814, "resnet50": 4.089, "vgg16": 15.470, "inception_v3": 5.713, "densenet121": 2.834,
    "mobilenet_v2": 0.301, "mobilenet_v3_large": 0.217, "mobilenet_v3_small": 0.057, "efficientnet_b0": 0.386,
    "convnext_tiny": 4.456, "regnet_y_400mf": 0.402, "shufflenet_v2": 0.145,
}  # fmt: skip
FIELDS = {  # before global pooling: Distill 2019 (its resnets and vgg), and worked out from the strides and kernels
    "resnet18": 435, "resnet50": 427, "vgg16": 212, "inception_v3": 1311, "densenet121": 2071, "mobilenet_v2": 491,
}  # fmt: skip


@pytest.fixture(scope="module")
def traced() -> dict[str, Arch]:
    return {name: trace(layout(name), shape, name) for name, (_, shape, _) in LAYOUTS.items()}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_have_their_published_counts(traced: dict[str, Arch], name: str) -> None:
    arch = traced[name]
    assert arch.params + sum(arch.unused.values()) == LAYOUTS[name][2]
    assert {row.status for row in arch.rows} <= {"exact", "whole input"}
    assert str(arch.out) == ("1x256x256" if name == "unet" else "1000")
    if name in MACS:
        assert round(arch.known_macs / 1e9, 3) == MACS[name]
        assert not arch.uncounted
    if name in FIELDS:
        assert arch.receptive_field.before_global_pool == (FIELDS[name],) * 2


def test_only_squeeze_and_excitation_shows_the_whole_input(traced: dict[str, Arch]) -> None:
    for name, arch in traced.items():
        excites = name in ("mobilenet_v3_large", "mobilenet_v3_small", "efficientnet_b0", "regnet_y_400mf")
        assert ("whole input" in {row.status for row in arch.rows}) == excites, name
        assert not {"whole", "whole_join", "opaque", "pointwise"} & {row.layer.op for row in arch.rows}, name


def test_the_second_classifier_of_inception_is_reported_as_unused(traced: dict[str, Arch]) -> None:
    arch = traced["inception_v3"]
    assert arch.unused == {"aux_conv": 768 * 128 + 2 * 128 + 128 * 768 * 25 + 2 * 768, "aux_fc": 769_000}
    assert arch.params == 23_834_568
    assert arch.notes == ("3,326,696 parameters are never used in forward: aux_conv and aux_fc",)


def facts(row: Row) -> tuple[Any, ...]:
    axes = tuple((axis.receptive_field, axis.jump, axis.start) for axis in row.out.axes)
    return row.layer.op, str(row.out), axes, row.params, row.macs


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vgg16", "mobilenet_v2", "densenet121", "unet"])
def test_layouts_equal_the_shipped_specs(traced: dict[str, Arch], name: str) -> None:
    ours, shipped = Counter(map(facts, traced[name].rows)), Counter(map(facts, rfcalc.load(name).rows))
    if name == "densenet121":  # the spec joins each layer's output at once, the module all of a block's anew
        ours, shipped = (Counter({f: n for f, n in c.items() if f[0] != "concat"}) for c in (ours, shipped))
    assert ours == shipped


@pytest.mark.parametrize("name", LAYOUTS)
def test_shapes_equal_what_torch_works_out_itself(name: str) -> None:
    module, shape = layout(name), LAYOUTS[name][1]
    tracer = Tracer(module, inputs_of(module, shape), 2, verify=True)  # runs each function on meta tensors and compares
    conclude_outputs(tracer, run(tracer, module), name)
    assert "whole" not in {draft.layer.op for draft in tracer.graph.drafts}


@pytest.mark.parametrize("name", ["resnet18", "shufflenet_v2", "mobilenet_v3_small"])
def test_rows_have_the_shapes_and_counts_of_a_real_run(name: str) -> None:
    module = LAYOUTS[name][0]().eval()
    arch = trace(module, (3, 64, 64))
    seen: dict[str, tuple[int, ...]] = {}

    def hook(path: str) -> Callable[..., None]:
        return lambda module, args, output: seen.update({path: tuple(output.shape[1:])})

    for path, part in module.named_modules():
        part.register_forward_hook(hook(path))
    with torch.no_grad():
        module(torch.zeros(1, 3, 64, 64))
    rows = {row.name: row for row in arch.rows}
    modules = dict(module.named_modules())
    checked = 0
    for path in rows.keys() & seen.keys():
        out = rows[path].out
        assert seen[path] == (out.channels, *(() if out.flat else out.sizes)), path
        assert rows[path].params == sum(p.numel() for p in modules[path].parameters())
        checked += 1
    assert checked > 50


def test_the_same_network_gives_the_same_rows_with_weights_and_without() -> None:
    small: Callable[[], nn.Module] = lambda: ResNet(BasicBlock, (1, 1, 1, 1), 10)  # noqa: E731
    with torch.device("meta"):
        bare = small()
    assert list(map(facts, trace(bare, (3, 64, 64)).rows)) == list(map(facts, trace(small(), (3, 64, 64)).rows))


@pytest.mark.parametrize("name", LAYOUTS)
def test_traced_layouts_can_be_written_as_specs(traced: dict[str, Arch], name: str) -> None:
    arch = traced[name]
    again = rfcalc.loads(dump(arch))
    assert [(row.name, *facts(row)) for row in again.rows] == [(row.name, *facts(row)) for row in arch.rows]
    assert (again.name, again.input, again.notes) == (arch.name, arch.input, arch.notes)


# --- left as it was found ----------------------------------------------------------------------------------------


class Restless(nn.Module):
    """Changes whatever it can when it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn, self.drop = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout2d(0.5)
        self.normed = nn.utils.spectral_norm(nn.Conv2d(4, 4, 3))
        self.seen: Tensor
        self.register_buffer("seen", torch.zeros(1))
        self.calls = 0
        self.kept: list[Tensor] = []
        self.named = {"a": 1}

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.kept.append(x)
        self.named["last"] = self.calls
        self.extra = x
        self.seen += 1
        self.conv.weight.data.mul_(2)
        self.bn.bias.data = torch.ones(4)
        self.conv.weight.requires_grad_(False)
        torch.manual_seed(int(torch.randint(9, (1,))) + random.randint(0, 9) + int(np.random.rand() * 9))
        torch.set_default_dtype(torch.float64)
        return self.normed(self.drop(self.bn(self.conv(x + torch.randn(1)))))  # type: ignore[no-any-return]


def snapshot(module: nn.Module) -> Any:
    return (
        {key: value.clone() for key, value in module.state_dict().items()},
        [(part.training, sorted(part.__dict__), len(part._forward_hooks)) for part in module.modules()],
        [(p.requires_grad, p.grad, p.device, p.dtype, id(p)) for p in module.parameters()],
        random.getstate(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        str(np.random.get_state()),
        torch.get_rng_state().tolist(),
    )


@pytest.mark.parametrize("mode", ["train", "eval", "mixed"])
def test_module_and_process_are_left_as_they_were(mode: str) -> None:
    module = Restless()
    module.train(mode != "eval")
    if mode == "mixed":
        module.bn.eval()
    module.conv.register_forward_hook(lambda *_: None)
    kept, before = module.kept, snapshot(module)
    arch = trace(module, (3, 8, 8))
    assert [row.layer.op for row in arch.rows] == ["pointwise", "conv", "batch_norm", "dropout_spatial", "conv"]
    after = snapshot(module)
    state, was = after[0], before[0]
    assert state.keys() == was.keys()
    assert all(torch.equal(state[key], was[key]) for key in was)
    assert after[1:] == before[1:]
    assert (module.calls, module.kept, module.named) == (0, [], {"a": 1})
    assert module.kept is kept
    assert not hasattr(module, "extra")
    assert not torch.nn.modules.module._global_forward_hooks
    assert not torch.nn.modules.module._global_forward_pre_hooks


def test_a_program_that_fails_leaves_everything_as_it_was_too() -> None:
    class Fails(Restless):
        def forward(self, x: Tensor) -> Tensor:
            super().forward(x)
            raise ValueError("late")

    module = Fails()
    before = snapshot(module)
    with pytest.raises(RfcalcError, match="ValueError: late"):
        trace(module, (3, 8, 8))
    assert snapshot(module)[1:] == before[1:]
    assert not isinstance(torch.relu(torch.zeros(1)), Tracer)
    assert torch.zeros(1).device.type == "cpu"


def test_a_batch_norm_in_training_mode_takes_one_image() -> None:
    module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(3)).train()
    assert [row.layer.op for row in trace(module, (3, 4, 4)).rows] == ["global_avg_pool", "batch_norm"]
    assert module[2].num_batches_tracked == 0


# --- what goes wrong ---------------------------------------------------------------------------------------------


@dataclass
class Bad:
    """A forward that cannot be traced, and what its error must say."""

    forward: Callable[..., Any]
    message: str


def _sum_condition(self: Any, x: Tensor) -> Tensor:
    if x.sum() > 0:
        return x
    return -x


BAD = {
    "condition": Bad(_sum_condition, r"test_trace\.py:\d+: a condition on a tensor needs the values of a tensor"),
    "item": Bad(lambda self, x: x * x.max().item(), r"test_trace\.py:\d+: \.item\(\) needs the values"),
    "numpy": Bad(lambda self, x: x.cpu().numpy(), r"\.numpy\(\) needs the values of a tensor"),
    "mask": Bad(lambda self, x: x[x > 0], r"picking by a mask needs the values of a tensor"),
    "linear": Bad(
        lambda self, x: self.linear(x.flatten(1)),
        r"test_trace\.py:\d+: RuntimeError: mat1 and mat2 shapes cannot be multiplied \(2x192 and 100x4\) "
        r"\(in linear of Bad, for images of 2x3x8x8\)",
    ),
    "conv": Bad(
        lambda self, x: self.conv(x), r"weight of size \[4, 5, 3, 3\], expected input\[2, 3, 8, 8\] to have 5 channels"
    ),
    "batch_norm": Bad(lambda self, x: self.bn(x), r"running_mean should contain 3 elements not 7 \(in bn of Bad"),
    "view": Bad(lambda self, x: x.view(-1, 7), r"shape '\[-1, 7\]' is invalid for input of size 384"),
    "cat": Bad(lambda self, x: torch.cat([x, x[:, :, 1:]], 1), r"Expected 8 in dimension 2 but got 7"),
    "add": Bad(lambda self, x: x + x[:, :, 1:], r"RuntimeError: .* 7 .* 8"),
    "pool": Bad(lambda self, x: F.max_pool2d(x, 9), r"Output size is too small"),
    "own": Bad(lambda self, x: os.environ["NO_SUCH_WEIGHTS"], r"KeyError: 'NO_SUCH_WEIGHTS' \(in forward of Bad"),
    "exit": Bad(lambda self, x: sys.exit(3), r"SystemExit: 3"),
    "deep": Bad(lambda self, x: self.forward(x), r"RecursionError"),
    "none": Bad(lambda self, x: None, r"forward of Bad returns no tensor but NoneType"),
    "constant": Bad(lambda self, x: torch.zeros(2, 3), r"what forward of Bad returns first does not depend on the im"),
    "two": Bad(lambda self, x, y: x + y, r"forward of Bad takes 2 inputs \(x, y\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_errors_are_one_plain_message(case: Bad) -> None:
    module_class = type("Bad", (nn.Module,), {"forward": case.forward})
    module = module_class()
    module.linear, module.conv, module.bn = nn.Linear(100, 4), nn.Conv2d(5, 4, 3), nn.BatchNorm2d(7)
    with pytest.raises(RfcalcError, match=case.message) as caught:
        trace(module, (3, 8, 8))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("module", "shape", "message"),
    [
        (nn.Sequential(nn.LazyConv2d(4, 3)), (3, 8, 8), "Sequential.0 is lazy and has no weights yet"),
        (nn.Conv2d(3, 4, 3), (3,), r"Expected 3D .* input to conv2d, but got input of size: \[2, 3\]"),
        (nn.Conv2d(3, 4, 3), (3, 8, 0), r"input \[3, 8, 0\]: must be"),
        (nn.Conv2d(3, 4, 3), (3, 8, 8.0), r"input \[3, 8, 8.0\]: must be"),
        (F.relu, (3, 8, 8), "trace takes a torch module, not function"),
    ],
)
def test_what_cannot_be_traced_is_refused(module: Any, shape: Any, message: str) -> None:
    with pytest.raises(RfcalcError, match=message):
        trace(module, shape)


# --- by name -----------------------------------------------------------------------------------------------------

SOURCE = """
import torch
from torch import nn
import helper_of_these_tests

class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.conv = nn.Conv2d(3, helper_of_these_tests.WIDTH, 3, padding=1)
        self.large = nn.Linear(width * 64, 1000)
    def forward(self, x):
        print("running")
        return self.large(self.conv(x).flatten(1))

class Needs(nn.Module):
    def __init__(self, classes, width):
        super().__init__()

class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.x = undefined_name

def small():
    return nn.Sequential(nn.Conv2d(3, 4, 3))

def scalar():
    return 3

def from_values():  # asks for the values of a large tensor that it has made
    net = nn.Conv2d(3, 4000, 3)
    assert float(net.weight.abs().sum()) > 0
    return net

net = Net()
SIZE = 3
class Holder:
    inner = Net
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nets.py").write_text(SOURCE)
    (tmp_path / "helper_of_these_tests.py").write_text("WIDTH = 8\n")
    (tmp_path / "wrong.py").write_text("import torch\ndef broken(:\n")
    (tmp_path / "lacks.py").write_text("import torch\nimport no_such_package_at_all\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["Net", "net", "small", "Holder.inner", "from_values"])
def test_models_are_found_by_file_and_name(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    load_target(f"nets.py:{name}", (3, 8, 8))  # on first use torch and numpy load more of their own
    before, path = set(sys.modules), list(sys.path)
    arch = load_target(f"nets.py:{name}", (3, 8, 8))
    assert arch.name == name
    assert arch.source == f"traced from nets.py:{name}"
    assert arch.rows[0].layer.op == "conv"
    assert arch.params == {"small": 112, "from_values": 4000 * 28}.get(name, 8 * 28 + 513 * 1000)
    assert capsys.readouterr().out == ""  # what a model prints must not get among the figures
    assert set(sys.modules) == before
    assert not [m for m in before if str(folder) in str(getattr(sys.modules[m], "__file__", ""))]
    assert "helper_of_these_tests" not in sys.modules
    assert sys.path == path
    assert not (folder / "__pycache__").exists()


def test_models_are_found_by_module_and_name(folder: Path) -> None:
    assert load_target("nets:Net", (3, 8, 8)).params == 8 * 28 + 513 * 1000
    assert str(load_target("torch.nn:Identity", (3, 8, 8)).out) == "3x8x8"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nets.py:Nett", r"nets\.py has no model 'Nett': did you mean Net\?"),
        ("nets.py:Needs", r"nets\.py:Needs needs classes and width: write a function without arguments"),
        ("nets.py:SIZE", r"nets\.py:SIZE is something of type int, no torch module"),
        ("nets.py:scalar", r"nets\.py:scalar makes something of type int, no torch module"),
        ("nets.py:Broken", r"nets\.py:22: NameError: name 'undefined_name' is not defined \(while nets\.py:Broken"),
        ("absent.py:Net", r"absent\.py: no such file"),
        ("no_such_package_at_all.nets:Net", r"there is no module no_such_package_at_all"),
        ("wrong.py:Net", r"wrong\.py:2: SyntaxError: .* \(while wrong\.py was imported\)"),
        ("lacks.py:Net", r"lacks\.py:2: ModuleNotFoundError: No module named 'no_such_package_at_all'"),
        ("nets.py:", r"nets\.py:: a torch model is named as path/to/file\.py:Name or package\.module:Name"),
    ],
)  # fmt: skip
def test_targets_that_cannot_be_loaded_say_why(folder: Path, target: str, message: str) -> None:
    before = list(sys.path)
    with pytest.raises(RfcalcError, match=message) as caught:
        load_target(target, (3, 8, 8))
    assert "\n" not in str(caught.value)
    assert sys.path == before


def test_a_target_without_the_size_of_its_image_says_so(folder: Path) -> None:
    with pytest.raises(RfcalcError, match=re.escape("say what it is given with --input, such as --input 3,224,224")):
        load_target("nets.py:Net", None)


def test_making_a_model_leaves_the_random_state_alone(folder: Path) -> None:
    state = torch.get_rng_state()
    load_target("nets.py:from_values", (3, 8, 8))
    assert torch.equal(torch.get_rng_state(), state)


# --- there and back ----------------------------------------------------------------------------------------------


@given(archs(ops=TORCH_OPS))
def test_what_is_built_of_a_random_spec_traces_back_to_it(arch: Arch) -> None:
    assert_same(arch, trace(build(arch), arch.input))


REARRANGED = {  # input; layers: where a view, a repeat or a dimension of size 1 once hid a layer
    "a unit unfolded": ("[3, 1]", "unfold: {kernel_size: 1, stride: 3}"),
    "a unit unfolded among zeros": ("[1, 1]", "unfold: {kernel_size: 2, stride: 2, padding: 1}"),
    "a channel repeated, then shuffled": ("[1, 7]", "expand: {out_channels: 4}, channel_shuffle: 2, conv: {K: 3}"),
    "a unit repeated, then all in line": ("[4, 9, 1]", "expand: {size: [9, 3]}, flatten: , linear: 5"),
    "a unit repeated, then normed": ("[2, 6, 1]", "expand: {size: [6, 4]}, layer_norm: "),
    "a unit repeated, all but one cut off": (
        "[3, 12]", "global_avg_pool: , expand: {size: 2}, pad: {padding: [[-1, 0]]}, conv: {K: 2, padding: same}",
    ),
    "units repeated in both factors": (
        "[2, 6, 4]", "global_avg_pool: {name: g}, expand: {size: [3, 4]}, multiply: [g, expand2], flatten: , gelu: ",
    ),
    "values given a place": ("[8, 6]", "linear: 4, unflatten: {out_channels: 4}"),
    "values given places": ("[8, 6]", "linear: 4, unflatten: {out_channels: 1, size: 4}, conv: {K: 3, padding: same}"),
    "places given another shape": ("[3, 2, 6]", "flatten: , unflatten: {out_channels: 4, size: [3, 3]}, avg_pool: 3"),
    "places become channels": ("[1, 20]", "flatten: , unflatten: {out_channels: 20}, conv: {K: 1}"),
    "places given back": ("[2, 6]", "conv: {K: 3}, flatten: , unflatten: {out_channels: 2, size: 4}, conv: {K: 3}"),
    "channels given places": ("[6, 4, 4]", "global_max_pool: , unflatten: {out_channels: 2, size: [3, 1]}, linear: 2"),
    "a softmax of all in line": ("[1, 11, 4]", "conv: {K: 5, padding: same}, flatten: , log_softmax: "),
    "a softmax of all in line, given back": ("[2, 9]", "flatten: , softmax: , unflatten: {out_channels: 2, size: 9}"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REARRANGED)
def test_rearranged_values_keep_their_table(kind: str) -> None:
    shape, layers = REARRANGED[kind]
    arch = rfcalc.loads(f"{{input: {shape}, layers: [{layers.replace('K:', 'out_channels: 2, kernel_size:')}]}}")
    assert_same(arch, trace(build(arch), arch.input))


class Mended(nn.Module):
    """One map where another is above 0, a learned value elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.body = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 8, 1)
        self.weight = nn.Parameter(torch.zeros(8, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(self.gate(x) > 0, self.body(x), self.weight)


def test_a_weight_that_meets_several_maps_counts() -> None:
    arch = trace(Mended(), (3, 8, 8))
    assert arch.params == 8 * (27 + 1) + 8 * (3 + 1) + 8
    assert arch.rows[-1].params == 8


COLD = """
import sys
sys.path.insert(0, {root!r})
from tests.models import layout
from rfcalc.tracing.trace import trace
for name in ("resnet18", "mobilenet_v3_small", "shufflenet_v2", "unet"):
    trace(layout(name), (3, 64, 64))
print("sympy" in sys.modules)
"""


def test_no_function_is_run_whose_first_run_loads_a_compiler() -> None:
    """torch's meta functions for convolutions, sums and norms import sympy and much else, a second of work."""
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", COLD.format(root=root)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
