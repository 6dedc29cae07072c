"""The effective receptive field: by hand, against the prediction, and without a trace in the model."""

from __future__ import annotations

import json
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import nn

import rfcalc
from rfcalc import Arch
from rfcalc.errors import RfcalcError
from rfcalc.measure import Impossible, OwnImages, effective_field, field_of, spread_of
from rfcalc.network import build, seeded
from rfcalc.replay.images import read_images
from rfcalc.tracing.user_code import load_module, load_shapes
from tests.command import run

K3 = "conv: {out_channels: 2, kernel_size: 3, padding: 1, bias: false}"


def net(layers: str, shape: str = "[1, 41, 41]") -> Arch:
    return rfcalc.loads(f"{{name: t, input: {shape}, layers: [{layers}]}}")


def uniform(model: nn.Module) -> nn.Module:
    """The model with all weights of a layer the same, and no bias."""
    for name, parameter in model.named_parameters():
        nn.init.constant_(parameter, 0.0 if name.endswith("bias") else 0.5)
    return model


# --- figures -----------------------------------------------------------------------------------------------------


def test_one_convolution_by_hand() -> None:
    """All nine weights alike: a variance of (1 + 0 + 1)/3; of the pixels in order of distance the fifth, at 1, fills
    half, the ninth, at sqrt(2), 95 %."""
    found = effective_field(uniform(build(net(K3))), "conv1", arch=net(K3), count=1)
    for mass in (found.measured, found.predicted):
        assert mass is not None
        assert mass.centre == pytest.approx((20.5, 20.5))
        assert mass.std == pytest.approx((sqrt(2 / 3), sqrt(2 / 3)))
        assert mass.radii == pytest.approx((1, sqrt(2)))


@pytest.mark.parametrize(
    "layers",
    [
        f"{K3}, max_pool: 2, {K3}",
        f"avg_pool: {{kernel_size: 3, stride: 2, padding: 1}}, upsample: {{scale_factor: 2, mode: bilinear}}, {K3}",
        "conv: {out_channels: 3, kernel_size: [5, 3], stride: [2, 1], dilation: [1, 3], padding: 2}, conv_transpose: "
        "{out_channels: 2, kernel_size: 4, stride: 2}",
    ],
)
def test_uniform_weights_give_what_is_predicted(layers: str) -> None:
    """Max pools aside, which pick one unit of each window: here they are averaged."""
    arch = net(layers.replace("max_pool", "avg_pool"))
    found = effective_field(uniform(build(arch)), arch=arch, count=2)
    assert found.predicted is not None
    assert found.measured.std == pytest.approx(found.predicted.std, rel=1e-4)
    assert found.measured.radii == pytest.approx(found.predicted.radii, rel=1e-4)


def test_the_effective_field_grows_with_the_root_of_the_depth() -> None:
    arch = net(", ".join([K3] * 12))
    found = effective_field(arch, count=1)
    assert found.receptive_field == (25, 25)
    assert found.predicted is not None
    assert found.predicted.std == pytest.approx([sqrt(12 * 2 / 3)] * 2)
    assert 2 < found.measured.std[0] < 4  # the field is 25 wide, evenly used it would have 7.2


def test_the_spread_of_a_point_and_of_a_line() -> None:
    point = torch.zeros(5, 7, dtype=torch.float64)
    point[2, 3] = 1
    assert (spread_of(point).std, spread_of(point).radii) == ((0.0, 0.0), (0.0, 0.0))
    line = torch.full((4,), 0.25, dtype=torch.float64)  # at 0.5 to 3.5 around 2: variance (2.25 + 0.25)/2
    assert spread_of(line).std == pytest.approx((sqrt(1.25),))
    assert spread_of(line).radii == pytest.approx((0.5, 1.5))


# --- which layer -------------------------------------------------------------------------------------------------


def test_the_default_is_the_layer_before_global_pooling() -> None:
    found = effective_field(rfcalc.load("s9"), count=1)
    assert (found.layer, found.unit, found.receptive_field) == ("C13", (1, 1), (103, 103))


def test_a_block_stands_for_its_last_layer() -> None:
    assert effective_field(rfcalc.load("s9"), "C4", count=1).layer == "C4.dropout"


def test_an_unknown_layer_is_named() -> None:
    with pytest.raises(RfcalcError, match=r"s9 has no layer 'C99'"):
        effective_field(rfcalc.load("s9"), "C99", count=1)


def test_a_layer_behind_flatten_has_one_unit() -> None:
    found = effective_field(net("flatten, linear: 3", "[1, 4, 4]"), "linear2", count=1)
    assert found.unit == ()
    assert found.gradient.shape == (4, 4)
    assert len(found.measured.std) == 2
    assert found.predicted is not None
    assert found.predicted.std == pytest.approx([sqrt(1.25)] * 2)


class Plain(nn.Module):
    """A model that works in place and uses one module twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.act = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.drop(self.act(self.norm(self.conv(x))))
        y: torch.Tensor = self.head(x.mean((2, 3)))
        return y


def test_any_module_will_do() -> None:
    images = torch.randn(30, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    with seeded(0):
        model = Plain()
    found = effective_field(model, images=images)
    assert (found.name, found.layer, found.unit, found.images) == ("Plain", "drop", (4, 4), 30)
    assert found.predicted is not None
    assert found.predicted.std == pytest.approx((sqrt(2 / 3), sqrt(2 / 3)))
    assert found.receptive_field == (3, 3)
    named = effective_field(model, "conv", images=images)
    assert named.measured.std[0] < 1  # 3x3 pixels
    assert (named.gradient > 0).sum() == 9


# --- weights and images ------------------------------------------------------------------------------------------


def test_weights_from_a_file_change_the_answer(tmp_path: Path) -> None:
    arch = net(K3)
    model = build(arch, seed=0)
    with torch.no_grad():
        weight: Any = model.state_dict()["conv1.weight"]
        weight.zero_()
        weight[:, :, 0, 2] = 1  # one tap: up and to the right
    torch.save(model.state_dict(), tmp_path / "w.pt")
    torch.save({"state_dict": model.state_dict(), "epoch": 3}, tmp_path / "nested.pt")
    for name in ("w.pt", "nested.pt"):
        found = effective_field(arch, weights=tmp_path / name, count=1)
        assert found.measured.centre == (19.5, 21.5)
        assert found.measured.std == (0.0, 0.0)
    assert effective_field(arch, weights=model.state_dict(), count=1).measured.centre == (19.5, 21.5)


def test_wrong_weights_are_explained(tmp_path: Path) -> None:
    arch = net(K3)
    with pytest.raises(RfcalcError, match=r"nowhere.pt: No such file or directory"):
        effective_field(arch, weights=tmp_path / "nowhere.pt")
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(RfcalcError, match=r"text.pt: no state dict \("):
        effective_field(arch, weights=tmp_path / "text.pt")
    torch.save(torch.zeros(3), tmp_path / "tensor.pt")
    with pytest.raises(RfcalcError, match=r"tensor.pt: no state dict but Tensor"):
        effective_field(arch, weights=tmp_path / "tensor.pt")
    with pytest.raises(RfcalcError, match=r"weights: missing keys: conv1\.weight; unexpected keys: other"):
        effective_field(arch, weights={"other": torch.zeros(1)})


def test_no_code_in_a_file_of_weights_is_run(tmp_path: Path) -> None:
    torch.save({"a": Touch(tmp_path / "touched")}, tmp_path / "bad.pt")
    with pytest.raises(RfcalcError, match="no state dict"):
        effective_field(net(K3), weights=tmp_path / "bad.pt")
    assert not (tmp_path / "touched").exists()


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_images_must_fit() -> None:
    arch = net(K3)
    with pytest.raises(RfcalcError, match="the images are 3x8x8, t takes 1x41x41"):
        effective_field(arch, images=torch.zeros(2, 3, 8, 8))
    with pytest.raises(RfcalcError, match="needs at least one image, not 0"):
        effective_field(arch, images=torch.zeros(0, 1, 41, 41))
    with pytest.raises(RfcalcError, match="needs at least one image, not 0"):
        effective_field(arch, count=0)
    with pytest.raises(RfcalcError, match="a module needs images, or an arch"):
        effective_field(Plain())


def test_no_gradient_is_an_error() -> None:
    arch = net("conv: {name: c, out_channels: 1, kernel_size: 1}")
    with pytest.raises(RfcalcError, match="c: its centre unit's gradient by the image is zero or not finite"):
        effective_field(arch, weights={"c.weight": torch.zeros(1, 1, 1, 1), "c.bias": torch.zeros(1)})
    with pytest.raises(RfcalcError, match="does not depend on the image"):
        effective_field(Constant(), "inner", images=torch.zeros(1, 1, 4, 4))


class Constant(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.inner(torch.ones(1, 1, 4, 4, requires_grad=True))
        return made


# --- a module for its shapes only is no module ---------------------------------------------------------------------

LARGE = """
from torch import nn
class Large(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 64, 9), nn.Conv2d(64, 64, 3)
    def forward(self, x):
        return self.two(self.one(x))
"""


def test_a_model_from_a_file_is_measured_with_its_weights(tmp_path: Path) -> None:
    """Tracing makes weights as large as these (64*64*9 values) without memory; measuring must not see such ones."""
    target = f"{tmp_path / 'large.py'}:Large"
    (tmp_path / "large.py").write_text(LARGE, encoding="utf-8")
    shapes = load_shapes(target)
    assert shapes.module.state_dict()["two.weight"].is_meta
    with seeded(0):
        found = field_of(target, input=(3, 24, 24), count=1)
    with seeded(0):
        module = load_module(target)
    assert torch.equal(found.gradient, effective_field(module, arch=rfcalc.load(target, (3, 24, 24)), count=1).gradient)
    with pytest.raises(RfcalcError, match="not on ShapesOnly"):
        effective_field(shapes, images=torch.zeros(1, 3, 24, 24))  # type: ignore[arg-type]
    with pytest.raises(RfcalcError, match=r"Large: one\.weight has a shape only"):
        effective_field(shapes.module, images=torch.zeros(1, 3, 24, 24))


# --- nothing is left behind --------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_answer() -> None:
    arch = rfcalc.load("mnist28")
    first, second, other = (effective_field(arch, count=2, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first.gradient, second.gradient)
    assert not torch.equal(first.gradient, other.gradient)


def test_model_images_and_random_state_stay_as_they_were() -> None:
    with seeded(0):
        model = Plain().train()
    model.norm.eval()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    weights = {key: torch.full_like(value, 2) for key, value in state.items()}
    images = torch.randn(30, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    kept, random = images.clone(), torch.get_rng_state()
    with torch.no_grad():
        effective_field(model, images=images)
        effective_field(model, images=images, weights=weights)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert [m.training for m in (model, model.norm, model.drop)] == [True, False, True]
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(images, kept)
    assert not images.requires_grad
    assert torch.equal(torch.get_rng_state(), random)


def test_modes_and_hooks_come_back_after_a_mistake() -> None:
    model = Plain().train()
    with pytest.raises(RfcalcError, match="to have 3 channels, but got 7"):
        effective_field(model, images=torch.zeros(1, 7, 9, 9))
    assert model.drop.training
    assert not any(module._forward_hooks for module in model.modules())


# --- how it is shown ---------------------------------------------------------------------------------------------


def test_table_and_json() -> None:
    found = effective_field(rfcalc.load("s9"), "C2", count=2)
    data = json.loads(json.dumps(found.to_json()))
    assert (data["layer"], data["unit"], data["receptive_field"], data["images"]) == ("C2.dropout", [16, 16], 5, 2)
    # two kernels of 3: a variance of 2*2/3; 9 pixels of 25 within 1.42 hold 49/81, with those at 2 it is 61/81
    assert data["predicted"]["std"] == pytest.approx([sqrt(4 / 3)] * 2)
    assert data["predicted"]["radius_50"] == pytest.approx(sqrt(2))
    assert data["measured"].keys() == {"centre", "std", "radius_50", "radius_95"}
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(found.render())
    text = capture.get()
    assert "s9, C2.dropout, unit (16, 16): mean absolute gradient over 2 images" in text
    assert "receptive field 5; predicted from path counts" in text
    assert next(line for line in text.splitlines() if line.startswith("standard deviation, axis 1")).endswith("1.15")


# --- the module that is given ------------------------------------------------------------------------------------


class Odd(nn.Module):
    """Functional calls, a module used twice, a loop, and a second branch."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.head = nn.Linear(3 * 9 * 9, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = nn.functional.relu(self.conv(x))
        y = self.conv(y) + x
        y = nn.functional.interpolate(y, scale_factor=2)[:, :, ::2, ::2]
        out: torch.Tensor = self.head(y.flatten(1))
        return out


def test_every_row_that_the_table_prints_can_be_asked_for() -> None:
    torch.manual_seed(1)  # with some weights no channel of the centre passes the ReLU, for which there is a message
    model = Odd()
    names = [row.name for row in rfcalc.trace(model, (3, 9, 9)).rows]
    assert {"conv", "relu", "conv_2", "add", "upsample", "slice"} <= set(names)
    fields = {name: field_of(model, name, (3, 9, 9), count=4) for name in names}
    assert [fields[name].receptive_field for name in ("conv", "conv_2", "add", "head")] == [
        (3, 3),
        (5, 5),
        (5, 5),
        (13, 13),
    ]
    assert (fields["conv"].gradient > 0).sum() == 9
    assert fields["head"].unit == ()
    assert field_of(model, input=(3, 9, 9), count=1).layer == "slice"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_types_of_numbers(dtype: torch.dtype) -> None:
    found = field_of(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(dtype), input=(3, 9, 9), count=1)
    assert (found.gradient > 0).sum() == 9


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, dtype=torch.complex64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.conv(x.to(torch.complex64))
        return out


class Steps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lstm = nn.Conv1d(2, 3, 3), nn.LSTM(3, 4, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.lstm(self.conv(x).transpose(1, 2))[0]
        return out


class Folded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.conv(x.reshape(-1, 1, 4, 5))
        return out


@pytest.mark.parametrize(
    ("model", "shape"),
    [(Complex(), (1, 9, 9)), (Steps(), (2, 12)), (Folded(), (1, 20))],
    ids=["complex", "lstm", "folded"],
)
def test_models_out_of_the_ordinary(model: nn.Module, shape: tuple[int, ...]) -> None:
    found = field_of(model, input=shape, count=1)
    assert found.gradient.shape == shape[1:]


def test_another_unit() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3, stride=2))
    found = field_of(model, "0", (1, 9, 9), count=1, unit=(0, 3))
    assert found.gradient.nonzero().min(0).values.tolist() == [0, 6]
    with pytest.raises(RfcalcError, match="0 has no unit 4,0: its map is 4x4, counted from 0"):
        field_of(model, "0", (1, 9, 9), count=1, unit=(4, 0))


def test_json_holds_the_map() -> None:
    data = field_of(nn.Conv2d(1, 2, 3), input=(1, 5, 5), count=1).to_json()
    assert (len(data["map"]), len(data["map"][0])) == (5, 5)
    assert sum(map(sum, data["map"])) == pytest.approx(1)


FILE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 5)
        self.scale = float(torch.rand(1))

    def forward(self, x):
        return self.conv(x) * self.scale
"""


def test_a_class_is_measured_with_its_own_weights_and_a_seed_repeats_them(tmp_path: Path) -> None:
    """4,800 weights, which a table takes the shapes of alone; nothing of that build may reach a measurement."""
    (tmp_path / "net.py").write_text(FILE)
    target = f"{tmp_path / 'net.py'}:Net"
    first, second, other = (field_of(target, "conv", (3, 9, 9), count=1, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first.gradient, second.gradient)
    assert not torch.equal(first.gradient, other.gradient)
    assert (first.gradient > 0).sum() == 25
    assert load_module(target).conv.weight.std() > 0.01  # type: ignore[union-attr, operator]
    with torch.device("meta"):
        shapes = nn.Conv2d(3, 64, 5)
    with pytest.raises(RfcalcError, match="has a shape only"):
        field_of(shapes, input=(3, 9, 9))


def test_a_spread_beyond_the_field_is_an_internal_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table whose convolution reads one unit only, against a gradient of three."""
    monkeypatch.setattr("rfcalc.engine.reach.places_read", lambda taps, unit: [unit])
    with pytest.raises(Impossible, match=r"internal error: 0: \d+\.\d% of the gradient of unit \(4, 4\) lies outside"):
        field_of(nn.Sequential(nn.Conv2d(1, 1, 3, padding=1)), input=(1, 9, 9), count=1)


def test_a_norm_over_places_may_spread_beyond_the_field() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.GroupNorm(2, 4))
    assert (field_of(model, "1", (1, 9, 9), count=1).gradient > 0).sum() > 9


def test_own_images(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for i in range(3):
        image.new("RGB", (20, 10), (255, 0, 51 * i)).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("no image")
    x = read_images([str(tmp_path)], (3, 4, 6), mean=[0.5], std=[0.5, 1, 2])
    assert x.shape == (3, 3, 4, 6)
    assert x[:, :, 0, 0].tolist() == [[1.0, -0.5, pytest.approx((0.2 * i - 0.5) / 2)] for i in range(3)]
    found = field_of(nn.Conv2d(3, 2, 3), input=(3, 9, 9), images=OwnImages((str(tmp_path / "0.png"),)))
    assert found.images == 1
    for paths, message in (
        (["nowhere"], "nowhere: no such file or folder"),
        ([str(tmp_path / "notes.txt")], "notes.txt: no image that can be read"),
    ):
        with pytest.raises(RfcalcError, match=message):
            read_images(paths, (3, 4, 6))
    with pytest.raises(RfcalcError, match="2 numbers for 3 channels"):
        read_images([str(tmp_path)], (3, 4, 6), mean=[0.5, 0.5])
    with pytest.raises(RfcalcError, match="1, 3 or 4 channels"):
        read_images([str(tmp_path)], (5, 4, 6))


def test_no_plot_is_written(tmp_path: Path) -> None:
    done = run("field", "mnist28", "--count", "1", "-o", str(tmp_path / "f.png"))
    said = "this is text, which is not written under the ending of an image"
    assert (done.code, done.err) == (2, f"rfcalc: {tmp_path / 'f.png'}: {said}\n")
    assert not (tmp_path / "f.png").exists()
