"""A module proved by its own run: what is right passes, whatever it is made of; what is wrong in a table is found."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from rfcalc import zoo
from rfcalc.engine.arch import Arch
from rfcalc.engine.geometry import Axis, Field, Strand
from rfcalc.errors import RfcalcError
from rfcalc.proof import pixels
from rfcalc.proof.check import check_target
from rfcalc.proof.module import prove, prove_recorded
from rfcalc.proof.module_report import ModuleReport
from rfcalc.replay.rows import Recorded, record
from rfcalc.tracing.user_code import load_module
from tests.cases import CASES, FOLDER, Case
from tests.classic_models import DenseNet121, InceptionV3, resnet18
from tests.command import run
from tests.models import LAYOUTS
from tests.student_models import CASES as STUDENTS

pytestmark = pytest.mark.filterwarnings("ignore")
KNOWN = [case for case in CASES if "refused" not in case.note and "error" not in case.note]
SMALLER = {"3,384,384": (3, 96, 96), "3,256,256": (3, 64, 64), "3,224,224": (3, 64, 64), "1,57,57,57": (1, 54, 54, 54)}
"""What is proved does not hang on these sizes, but its time does."""


def given(case: Case) -> Any:
    """What the module of a case is given."""
    if case.target.startswith("list_input"):
        return ([tuple(map(int, text.split(","))) for text in case.inputs],)
    if case.target.endswith(":Strict"):
        return ({"image": (3, 32, 32)},)
    if case.target == "tokens/model.py:Chars":
        return zoo.read_inputs(["ids=int64:100"])
    return SMALLER.get(case.inputs[0]) or zoo.read_inputs(case.inputs)


def traced(case: Case) -> tuple[nn.Module, Recorded]:
    """The module of a case; the test is left out where the tracer refuses it, with its words."""
    try:
        module = load_module(f"{FOLDER / case.file}:{case.name}")
        return module, record(module, given(case))
    except RfcalcError as error:
        pytest.skip(str(error)[:200])


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: f"{case.target} {case.inputs[0]}")
def test_no_right_table_is_accused(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    module, recorded = traced(case)
    monkeypatch.setattr(pixels, "LEAST_PIXELS", 6)  # what is large here is slow as well
    report = prove_recorded(module, recorded)
    assert report.findings == ()
    assert report.pixels > 0


@pytest.mark.parametrize("name", STUDENTS)
def test_what_students_write(name: str) -> None:
    torch.manual_seed(0)
    report = prove(STUDENTS[name].make(), STUDENTS[name].shape)
    assert report.proved
    assert report.every_pixel


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (resnet18, (3, 64, 64)),
        (LAYOUTS["shufflenet_v2"][0], (3, 32, 32)),
        (LAYOUTS["mobilenet_v3_small"][0], (3, 32, 32)),
        pytest.param(DenseNet121, (3, 32, 32), marks=pytest.mark.deep),
        pytest.param(InceptionV3, (3, 75, 75), marks=pytest.mark.deep),
        *(
            pytest.param(LAYOUTS[name][0], (3, 32, 32), marks=pytest.mark.deep)
            for name in ("mobilenet_v2", "convnext_tiny", "unet", "regnet_y_400mf")
        ),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
def test_the_tracer_is_right_about_known_networks(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    report = prove(make(), shape)
    assert report.findings == ()
    assert report.proved
    assert report.checked["receptive_field"] + sum(row.through for row in report.rows) == report.layers


def test_a_network_of_convolutions_and_relus_is_reached_in_full() -> None:
    report = prove(resnet18(), (3, 64, 64))
    assert report.rows_in_full == report.layers
    assert not report.every_pixel


# --- everything that a module can be made of ---------------------------------------------------------------------


class Twice(torch.autograd.Function):
    """A function with a backward pass of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 3, 1, 1) * 2

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("nobody may ask for it")


class Everything(nn.Module):
    def __init__(self, body: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.body = body
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        self.back = nn.Conv2d(4, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self, x)


def in_place(self: Any, x: Tensor) -> Tensor:
    y = self.conv(x)
    y += 1
    y[:, 0] = x[:, 0]
    return F.relu_(y)


BODIES: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "checkpoint": lambda self, x: checkpoint(self.conv, x, use_reentrant=False),
    "custom autograd": lambda self, x: Twice.apply(self.conv(x)),  # type: ignore[no-untyped-call]
    "in place": in_place,
    "reused": lambda self, x: self.back(self.conv(self.back(self.conv(x)))),
    "group norm": lambda self, x: self.conv(F.group_norm(self.conv(x), 2)[:, :2]),
    "instance norm": lambda self, x: F.instance_norm(self.conv(x)),
    "layer norm over places": lambda self, x: F.layer_norm(self.conv(x), (4, 12, 12)),
    "batch statistics": lambda self, x: F.batch_norm(self.conv(x), None, None, training=True),
    "overflow": lambda self, x: torch.exp(torch.exp(self.conv(x * 10))),
    "attention": lambda self, x: F.scaled_dot_product_attention(*[self.conv(x).flatten(2).mT] * 3).mT,
    "low precision": lambda self, x: self.conv(x.half().float()).bfloat16(),
    "float32 by hand": lambda self, x: torch.matmul(torch.ones(12, 12, dtype=torch.float32), self.conv(x)),
    "random numbers": lambda self, x: self.conv(x) + torch.randn(12, 12),
    "dropout left on": lambda self, x: self.back(F.dropout(self.conv(x))),
    "negative": lambda self, x: F.max_pool2d(1 - self.conv(x), 3),
    "complex": lambda self, x: torch.fft.ifft2(torch.fft.fft2(self.conv(x))).real,
}


@pytest.mark.parametrize("name", BODIES)
def test_whatever_it_is_made_of(name: str) -> None:
    report = prove(Everything(BODIES[name]), (2, 12, 12))
    assert report.findings == ()
    assert report.checked["receptive_field"] > 0


def test_norms_are_held_and_that_is_said() -> None:
    for name in ("group norm", "instance norm", "layer norm over places", "batch statistics"):
        report = prove(Everything(BODIES[name]), (2, 12, 12))
        assert len(report.to_json()["statistics_held"]) == 1
        assert any("statistics over places held constant" in line for line in report.remarks)
    by_hand = prove(Everything(lambda self, x: self.conv(x) - self.conv(x).mean((2, 3), keepdim=True)), (2, 12, 12))
    assert by_hand.to_json()["statistics_held"] == []


def test_a_norm_over_channels_alone_is_not_held() -> None:
    report = prove(Everything(lambda self, x: F.layer_norm(self.conv(x).movedim(1, -1), (4,))), (2, 12, 12))
    assert report.to_json()["statistics_held"] == []


def test_infinity_proves_nothing() -> None:
    report = prove(Everything(lambda self, x: self.conv(x) / torch.zeros(12, 12)), (2, 12, 12))
    assert report.ok
    assert not report.proved
    assert report.to_json()["not_finite"] == ["div"]


def test_what_is_unknown_is_named_and_the_rest_proved() -> None:
    report = prove(Everything(lambda self, x: torch.fft.fft2(self.conv(x)).real), (2, 12, 12))
    assert report.ok
    assert report.unknown[0] == "fft_fft2"
    assert report.checked["receptive_field"] == 1


# --- nothing is left behind --------------------------------------------------------------------------------------


class OldNorm(nn.Module):
    """Refuses to be copied: the old weight norm keeps a tensor with a history; and a lock."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.utils.weight_norm(nn.Conv2d(2, 4, 3))
        self.norm = nn.BatchNorm2d(4)
        self.lock = threading.Lock()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.conv(x))
        return y


def test_a_module_that_cannot_be_copied_is_restored_to_the_bit() -> None:
    model = OldNorm().train()
    model.norm.eval()
    model(torch.randn(2, 2, 9, 9)).sum().backward()
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    before = {name: (tensor, tensor.detach().clone(), tensor.data_ptr()) for name, tensor in tensors.items()}
    grads = {name: p.grad for name, p in model.named_parameters()}
    state, hooks = torch.get_rng_state(), [dict(m._forward_pre_hooks) for m in model.modules()]
    report = prove(model, (2, 9, 9))
    assert report.proved
    after = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for name, (tensor, values, pointer) in before.items():
        assert after[name] is tensor
        assert torch.equal(tensor, values)
        assert tensor.data_ptr() == pointer
        assert tensor.dtype == values.dtype
    assert all(p.grad is grads[name] for name, p in model.named_parameters())
    assert [m.training for m in (model, model.conv, model.norm)] == [True, True, False]
    assert torch.equal(torch.get_rng_state(), state)
    assert [dict(m._forward_pre_hooks) for m in model.modules()] == hooks
    assert torch.get_default_dtype() == torch.float32


def test_a_module_of_shapes_only_is_refused() -> None:
    with torch.device("meta"):
        model = nn.Conv2d(1, 1, 3)
    with pytest.raises(RfcalcError, match=r"weight has a shape but no values"):
        prove(model, (1, 5, 5))


# --- what is wrong is found --------------------------------------------------------------------------------------


def broken(module: nn.Module, shape: tuple[int, ...], name: str, change: Callable[[Field], Field]) -> ModuleReport:
    """The proof of a module whose table states another field in one row."""
    recorded = record(module, shape)
    rows = list(recorded.arch.rows)
    i = next(i for i, row in enumerate(rows) if row.name == name)
    axes = [changed_axis(rows[i].out.axes[0], change), *rows[i].out.axes[1:]]
    rows[i] = replace(rows[i], out=replace(rows[i].out, axes=tuple(axes)))
    arch: Arch = replace(recorded.arch)
    arch.__dict__["rows"] = tuple(rows)
    return prove_recorded(module, replace(recorded, arch=arch))


def changed_axis(axis: Axis, change: Callable[[Field], Field]) -> Axis:
    strands = [Strand(s.advance, tuple(f and change(f) for f in s.fields)) for s in axis.strands]
    return replace(axis, strands=tuple(strands))


def plain(layers: Sequence[nn.Module]) -> nn.Module:
    return nn.Sequential(*layers)


MUTATIONS = {
    "shifted": lambda f: f.moved(1),
    "shifted back": lambda f: f.moved(-1),
    "one too short": lambda f: Field(f.first, f.last - 1),
    "one too long": lambda f: Field(f.first, f.last + 1),
    "a hole": lambda f: Field(f.first, f.last, (1 << f.width) - 1 - (1 << f.width // 2)),
    "another hole": lambda f: Field(f.first, f.last, (1 << f.width) - 1 - 2),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("name", ["0", "2", "3"])
def test_a_wrong_field_is_found(name: str, mutation: str) -> None:
    model = plain([nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 2, 5, stride=2), nn.MaxPool2d(2)])
    assert prove(model, (1, 24, 24)).proved
    report = broken(model, (1, 24, 24), name, MUTATIONS[mutation])
    assert [(f.layer, f.quantity) for f in report.findings] == [(name, "receptive_field")]


@pytest.mark.parametrize("mutation", ["shifted", "shifted back", "one too short", "a hole"])
def test_a_wrong_field_of_a_deep_network_on_few_pixels_is_found(mutation: str) -> None:
    report = broken(resnet18(), (3, 64, 64), "layer2.0.conv1", MUTATIONS[mutation])
    assert not report.every_pixel
    assert [f.layer for f in report.findings] == ["layer2.0.conv1"]


def test_a_wrong_rule_of_the_tracer_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution of the right size whose padding is said to lie one pixel further to the front than it does."""
    from rfcalc.engine.layers import Conv

    windows = Conv.windows

    def shifted(self: Conv, x: Any) -> Any:
        return tuple(replace(w, padding=(w.padding[0] + 1, w.padding[1] - 1)) for w in windows(self, x))

    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 1, 3, padding=1))
    assert prove(model, (1, 9, 9)).proved
    monkeypatch.setattr(Conv, "windows", shifted)
    report = prove(model, (1, 9, 9))
    assert not report.ok
    assert {finding.layer for finding in report.findings} >= {"0", "2"}


def test_parameters_that_the_table_lost_are_found() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3))
    recorded = record(model, (1, 9, 9))
    arch = replace(recorded.arch, unused={"ghost": 5})
    (finding,) = prove_recorded(model, replace(recorded, arch=arch)).findings
    assert (finding.quantity, finding.expected, finding.measured) == ("params", 63, 58)


def test_a_cross_is_no_square() -> None:
    """A 5x1 and a 1x5 window: the hull is a square, of which a cross is reached, and must be."""

    class Cross(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(1, 1, (5, 1), padding=(2, 0)), nn.Conv2d(1, 1, (1, 5), padding=(0, 2))

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.a(x) + self.b(x)
            return y

    report = prove(Cross(), (1, 9, 9))
    assert report.proved
    assert report.rows_in_full == 3
    wide = broken(Cross(), (1, 9, 9), "b", lambda f: Field(f.first - 2, f.last + 2))
    assert [f.layer for f in wide.findings] == ["b"]


def test_one_unit_resized_sees_the_whole_image() -> None:
    for name in ("Pool", "Nearest"):
        report = check_target(f"{FOLDER / 'up_from_one' / 'model.py'}:{name}", (1, 32, 32))
        assert isinstance(report, ModuleReport)
        assert report.proved


def test_sizes_that_depend_on_the_input_and_clamped_borders_are_held_against_the_module() -> None:
    bodies = [
        lambda self, x: F.interpolate(F.adaptive_avg_pool2d(self.conv(x), (5, 7)), size=x.shape[2:], mode="bilinear"),
        lambda self, x: F.interpolate(self.conv(x), scale_factor=1.7, mode="bilinear", align_corners=True),
        lambda self, x: self.conv(F.pad(x, (3, 2, 1, 4), mode="replicate")),
        lambda self, x: self.conv(F.pad(x, (3, 2, 1, 4), mode="circular")),
        lambda self, x: F.adaptive_max_pool2d(self.conv(x), x.shape[2] // 3),
    ]
    for body in bodies:
        report = prove(Everything(body), (2, 13, 11))
        assert report.proved
        assert report.rows_in_full == report.layers


# --- the command -------------------------------------------------------------------------------------------------


def test_the_command_runs_the_module_itself() -> None:
    done = run("check", "bare_parameters/everyday.py:MinusHalf", "--input", "3,16,16", cwd=str(FOLDER))
    assert (done.code, done.err) == (0, "")
    assert "all 256 pixels, one at a time; every unit of every row compared bit for bit" in done.out
    assert "MinusHalf: all holds" in done.out


def test_a_program_that_strays_on_values_is_told(tmp_path: Path) -> None:
    class Stray(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.conv(x)
            return torch.relu(y) if y.is_meta else torch.tanh(y)

    report = prove(Stray(), (1, 9, 9))
    assert report.ok
    assert not report.proved
    assert report.strayed == "on values, call 2 of the program is tanh; on shapes it was relu"
    assert report.unseen == ["relu"]


def test_rounding_behind_an_interpolation_is_no_change() -> None:
    """Unit 4 of a map three times as large lies on unit 1; in floats its neighbour comes in with 2e-16."""
    for factor in (3, 5, 7, 1.3):
        net = nn.Upsample(scale_factor=factor, mode="bilinear")
        assert prove(nn.Sequential(net, nn.Conv2d(1, 1, 3)), (1, 11, 11)).findings == ()
