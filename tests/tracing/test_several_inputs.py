"""Torch models with several inputs: told by the table, proved and measured for each, refused where one input fits."""

from __future__ import annotations

from collections import UserDict, deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from rfcalc import zoo
from rfcalc.engine.arch import Arch, features_of
from rfcalc.engine.ports import Focus
from rfcalc.errors import RfcalcError
from rfcalc.measure import effective_field
from rfcalc.network import build
from rfcalc.proof import module as proof
from rfcalc.proof.module import prove
from rfcalc.proof.predict import Prediction, predictions
from rfcalc.report.unit import unit_view
from rfcalc.tracing.trace import load_target, trace
from tests.command import run

TWO = """
from torch import nn


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 5, padding=2)

    def forward(self, left, right):
        return self.a(left) + self.b(right)
"""


@pytest.fixture
def target(tmp_path: Path) -> str:
    (tmp_path / "two.py").write_text(TWO)
    return f"{tmp_path}/two.py:Two"


def test_the_table_tells_each_input(target: str) -> None:
    result = run("table", target, "--input", "3,8,8", "--input", "3,8,8")
    assert (result.code, result.err) == (0, "")
    assert "receptive field 3 of left, 5 of right" in result.out


def test_a_further_input_is_nothing_that_a_network_uses(target: str) -> None:
    assert features_of(load_target(target, [(3, 8, 8), (3, 8, 8)])) == {"conv", "add", "bias"}


@pytest.mark.parametrize(("verb", "what"), [("convert", "a spec"), ("code", "a written module")])
def test_what_has_one_input_refuses_two(target: str, verb: str, what: str) -> None:
    result = run(verb, target, "--input", "3,8,8", "--input", "3,8,8")
    assert (result.code, result.err) == (2, f"rfcalc: Two has 2 inputs (left, right): {what} has one\n")


def test_no_module_is_built_of_two(target: str) -> None:
    with pytest.raises(RfcalcError, match=r"Two has 2 inputs \(left, right\): a built module has one"):
        build(load_target(target, [(3, 8, 8), (3, 8, 8)]))


# --- fields on each input ----------------------------------------------------------------------------------------


class Siamese(nn.Module):
    """One part for both images; the field of each map on the other image is none."""

    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, stride=2), nn.Flatten())

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        a, b = self.f(left), self.f(right)
        return functional.pairwise_distance(a, b), b


PAIR = ((1, 9, 9), (1, 9, 9))


def test_each_output_has_its_field_on_each_input() -> None:
    """3 + 2 = 5 pixels for a value of the map of 3x3, laid out flat or not; all 9 for what reads all of it."""
    outputs = trace(Siamese(), PAIR).table().to_json()["outputs"]
    assert [output["receptive_field"] for output in outputs] == [{"left": 9, "right": 9}, {"left": 0, "right": 5}]
    lines = trace(Siamese(), PAIR).table().totals
    assert "output 0: one number, receptive field 9 of left, 9 of right" in lines
    assert "receptive field of left: 9, no global pooling" in lines


def test_the_fields_are_those_of_the_input_that_is_asked_for() -> None:
    fields = {}
    for of in ("left", "right"):
        arch = trace(Siamese(), Focus(PAIR, of))
        assert arch.of == of
        fields[of] = [arch[name].out.axes[0].receptive_field for name in ("f.2", "f.2_2")]
        assert (unit_view(arch, "f.2").fields is None) == (of == "right")
    assert fields == {"left": [5, None], "right": [None, 5]}
    assert [trace(Siamese(), Focus(PAIR, of)).params for of in ("left", "right")] == [188, 188]


def test_check_proves_the_fields_on_every_input() -> None:
    report = prove(Siamese(), PAIR)
    assert (report.ok, report.proved, report.image) == (True, True, "left")
    (other,) = report.others
    assert (other.image, other.pixels, other.rows_in_full > 3) == ("right", 81, True)
    assert report.to_json()["others"][0]["image"] == "right"
    assert "all 81 pixels of left, one at a time" in report.remarks[0]


def test_a_wrong_field_on_the_second_input_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def narrow(arch: Arch, points: Any) -> dict[int, Prediction]:
        found = predictions(arch, points)
        if arch.of == "left":
            return found
        return {i: replace(p, may=tuple(np.zeros_like(m) for m in p.may)) for i, p in found.items()}

    monkeypatch.setattr(proof, "predictions", narrow)
    report = prove(Siamese(), PAIR)
    assert (report.findings, report.ok, bool(report.others[0].findings)) == ((), False, True)


def test_the_default_row_depends_on_the_input_that_is_measured() -> None:
    for of, layer in (("left", "f.2"), ("right", "f.2_2")):
        found = effective_field(Siamese(), input=Focus(PAIR, of), count=1)
        assert (found.layer, found.receptive_field, found.image) == (layer, (5, 5), of)
        assert f"of {of}" in found.grid.caption[0]


@pytest.mark.parametrize(
    ("of", "told"), [("rigt", "Cond has no input 'rigt'"), ("v", "v of Cond has no places: there are no fields on it")]
)
def test_an_input_without_places_or_a_wrong_name_is_told(of: str, told: str) -> None:
    with pytest.raises(RfcalcError, match=told):
        trace(Cond(), Focus(((3, 8, 8), (10,)), of))


# --- vectors and single numbers ----------------------------------------------------------------------------------


class Cond(nn.Module):
    """An image, and a vector that weighs its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.l = nn.Conv2d(3, 8, 3), nn.Linear(10, 8)

    def forward(self, x: Tensor, v: Tensor) -> Tensor:
        out: Tensor = self.a(x) * self.l(v)[:, :, None, None]
        return out


class Timed(nn.Module):
    """An image and its timestep, as diffusion models embed it: sines of 4 frequencies, then a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.t = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 8)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        angles = t[:, None].float() * torch.exp(-torch.arange(4))[None]
        out: Tensor = self.a(x) + self.t(torch.cat([angles.sin(), angles.cos()], dim=-1))[:, :, None, None]
        return out


def test_a_vector_alone_is_channels_at_one_place() -> None:
    """16 * 32 + 32 and 32 * 4 + 4 parameters, 16 * 32 and 32 * 4 MACs."""
    net = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
    arch = trace(net, zoo.read_inputs(["16"]))
    assert (arch.input, arch.params, arch.macs, str(arch.out)) == ((16,), 544 + 132, 512 + 128, "4")
    assert "input 16, output 4" in arch.table().totals[0]
    assert prove(net, (16,)).ok
    assert trace(net, torch.zeros(2, 16)).nodes == arch.nodes
    with pytest.raises(RfcalcError, match="takes a vector: it has no places"):
        effective_field(net, input=(16,))
    with pytest.raises(RfcalcError, match=r"a tensor of shape \(16,\) is no batch: one vector is \(1, 16\)"):
        trace(net, torch.zeros(16))


def test_one_number_for_each_image() -> None:
    given = zoo.read_inputs(["3,8,8", "int64:"])
    arch = trace(Timed(), given)
    assert [(port.name, port.shape) for port in arch.inputs] == [("x", (3, 8, 8)), ("t", ())]
    assert (arch.params, arch.receptive_field.after_global_pool, arch.of) == (224 + 72, (3, 3), "")
    assert arch.nodes == trace(Timed(), {"x": (3, 8, 8), "t": torch.tensor([5])}).nodes
    assert arch.nodes == trace(Timed(), (torch.zeros(4, 3, 8, 8), torch.arange(4))).nodes
    assert prove(Timed(), given).ok
    with pytest.raises(
        RfcalcError, match=r"t: a tensor of shape \(3,\) is no batch: one number for each of 4 images is"
    ):
        trace(Timed(), (torch.zeros(4, 3, 8, 8), torch.arange(3)))
    with pytest.raises(RfcalcError, match="is given t alone, one number for each image: give it an image"):
        trace(OfTime(), zoo.read_inputs(["int64:"]))


class OfTime(nn.Module):
    def forward(self, t: Tensor) -> Tensor:
        return t.float()


@pytest.mark.parametrize("text", ["", "3,0,8", "t=int64:x", "1,2,3,4,5"])
def test_an_input_that_is_no_shape_is_told(text: str) -> None:
    with pytest.raises(RfcalcError, match=f"--input {text}: (must be|after the type must come)"):
        zoo.read_inputs([text])


# --- losses and distances ----------------------------------------------------------------------------------------


class Losses(nn.Module):
    """The same map of 8x8 (a field of 3) against another, in the ways that torch has for it."""

    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        x, y = self.c(a), self.c(b)
        classes = torch.zeros(x.shape[0], 8, 8, dtype=torch.long)
        return {
            "l1": functional.l1_loss(x, y, reduction="none"),
            "classes": functional.cross_entropy(x, classes, reduction="none"),
            "lines": functional.pairwise_distance(x, y),
            "angle": functional.cosine_similarity(x, y),
            "triplet": functional.triplet_margin_loss(x, y, x, reduction="none"),
            "mean": functional.mse_loss(x, y),
        }


def test_losses_are_known() -> None:
    """Along the last axis a line of 8 units sees 8 + 2 pixels; the mean sees them on both axes."""
    arch = trace(Losses(), ((3, 8, 8), (3, 8, 8)))
    found = {}
    for port in arch.outputs:
        row = arch.rows[port.node - 1]
        found[port.name] = (port.shape, [axis.receptive_field for axis in row.out.axes], row.status)
    assert found == {
        "l1": ((4, 8, 8), [3, 3], "exact"),
        "classes": ((8, 8), [3, 3], "exact"),
        "lines": ((4, 8), [3, 10], "exact"),
        "angle": ((8, 8), [3, 3], "exact"),
        "triplet": ((4, 8), [3, 10], "exact"),
        "mean": ((), [10, 10], "exact"),
    }
    assert prove(Losses(), ((3, 8, 8), (3, 8, 8))).ok


class Everything(nn.Module):
    """Returns a weight, and numbers made of weights, before its maps, one of them twice, in containers of all kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.idle = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3), nn.Linear(3, 5)
        self.scale = nn.Parameter(torch.ones(4))
        self.register_buffer("steps", torch.zeros(7))

    def forward(self, x: Tensor) -> Any:
        y = self.a(x)
        weights = {"scale": self.scale, "bias": [self.idle.bias.exp(), self.steps]}
        return UserDict(weights=weights, maps=deque([self.b(y), y, y]), count=3, grid=x.new_zeros(2, 5, 8, 8))


def test_weights_that_are_returned_are_outputs_and_not_unused() -> None:
    module = Everything()
    arch = trace(module, (3, 8, 8))
    maps = arch.seen_from(arch.inputs[0])
    assert [(port.name, port.shape, maps[port.node].axes[0].receptive_field) for port in arch.outputs] == [
        ("weights.scale", (4,), None),
        ("weights.bias.0", (5,), None),
        ("weights.bias.1", (7,), None),
        ("maps.0", (2, 4, 4), 5),
        ("maps.1", (4, 6, 6), 3),
        ("maps.2", (4, 6, 6), 3),
        ("grid", (5, 8, 8), None),
    ]
    assert arch.unused == {"idle.weight": 15}
    assert arch.params == 4 + 5 + (4 * 27 + 4) + (2 * 36 + 2)
    assert not [f for f in arch.table().findings if f.kind == "unused"]
    assert "output weights.scale: 4, receptive field 0" in str(arch)
    assert prove(module, (3, 8, 8)).proved
