"""`rfcalc check` passes what is right, be it random, traced, very large or very deep; and the report it gives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.resources import files

import pytest
import torch
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import rfcalc
from rfcalc import Arch
from rfcalc.engine import paths
from rfcalc.engine.arch import Node
from rfcalc.engine.layers.base import make
from rfcalc.network import build
from rfcalc.proof import axis as proof
from rfcalc.proof import check
from rfcalc.proof import path_counting as probe
from tests.checking import CONV, GEOMETRY, break_taps, checked, found, printed
from tests.strategies import archs

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")

# --- what holds --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", rfcalc.names())
def test_torch_agrees_with_every_shipped_table(name: str) -> None:
    arch = rfcalc.load(name)
    report = check.check(arch)
    assert report.proved
    assert all(report.checked[kind] == len(arch.rows) for kind in ("output_shape", "params", *GEOMETRY))
    assert report.checked["paths_on_image"] > 0
    assert all(ground.canvas for ground in report.grounds)


def test_s9_holds_with_all_that_it_states() -> None:
    report = check.check(rfcalc.load("s9"))
    assert report.ok
    (ground,) = report.grounds
    # 13 distinct maps of 32, 32, 16, 16, 16, 7, 7, 7, 7, 3, 3, 3, 3 units and two of 1; each unit counts 32 pixels
    assert ground.units == 2 * 32 + 3 * 16 + 4 * 7 + 4 * 3 + 2
    assert report.checked["paths_on_image"] == 32 * ground.units
    assert ground.axes == (0, 1)
    # unit 0 of the last layer begins 45 pixels in front of the image, 48 with the jump of 8; 8 more are to spare
    assert ground.canvas is not None
    assert ground.canvas.left == 48 + 8
    assert "all axes: image 32, all 154 units of its maps; canvas 146, the image from pixel 56 on" in printed(report)


@given(archs())
def test_random_networks_hold(arch: Arch) -> None:
    report = check.check(arch)
    assert found(report) == []
    assert all(ground.canvas and ground.all_units for ground in report.grounds)


LINEAR = ("conv", "conv_transpose", "avg_pool", "adaptive_avg_pool", "global_avg_pool", "pad", "upsample", "linear",
          "flatten", "pixel_shuffle", "pixel_unshuffle")  # fmt: skip


@given(archs())
def test_the_real_modules_reach_what_the_path_counter_reaches(arch: Arch) -> None:
    """All axes and channels at once: the built network itself, its weights made positive, what is not linear taken out.
    Of a chain each unit's pixels are a box, whose sides are those that the double shows along each axis."""
    assume(all(row.layer.pointwise or row.layer.op in LINEAR for row in arch.rows))
    net = build(arch, seed=0).double()
    for step, row in zip(net.steps, arch.rows, strict=True):
        if row.layer.pointwise:
            net.get_submodule(".".join(step.path[:-1]))._modules[step.path[-1]] = nn.Identity()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.abs_().add_(0.1)
    x = torch.ones(1, *arch.input, dtype=torch.float64, requires_grad=True)
    out = net(x).sum(1)[0]
    unit = tuple(size // 2 for size in out.shape)
    (gradient,) = torch.autograd.grad(out[unit], x)
    sides = [reached(arch, axis, unit[axis] if unit else 0) for axis in range(len(arch.sizes))]
    box = torch.ones((), dtype=torch.bool)
    for side in sides:
        box = box.unsqueeze(-1) & torch.tensor(side)
    assert torch.equal(gradient[0].sum(0) > 1e-9, box)


def reached(arch: Arch, axis: int, unit: int) -> list[bool]:
    """Which pixels have a path to a unit of the last layer, along one axis."""
    steps, size = paths.steps_of(arch, axis), arch.sizes[axis]
    width, scales, _ = paths.counting(steps)
    *_, units = paths.on_image(steps, size, width, scales)
    counts = paths.unpacked(units[unit], width)
    return [i < len(counts) and counts[i] > 0 for i in range(size)]


@settings(max_examples=25)
@given(st.data())
def test_the_s9_family_sees_44_pixels_whatever_its_widths(data: st.DataObject) -> None:
    """RF >= 44 does not hang on channels."""
    spec = yaml.safe_load((files("rfcalc.archs") / "s9.yaml").read_text(encoding="utf-8"))
    for key in ("claims", "targets"):
        spec.pop(key)
    spec.pop("train", None)
    width = st.sampled_from([1, 8, 10, 24, 48])
    for item in spec["layers"]:
        (settings_of_layer,) = item.values() if isinstance(item, dict) else ({},)
        if isinstance(settings_of_layer, dict) and "out_channels" in settings_of_layer:
            settings_of_layer["out_channels"] = data.draw(width)
    depthwise = next(i for i, item in enumerate(spec["layers"]) if item.get("conv", {}).get("groups") == "depthwise")
    into = next(iter(spec["layers"][depthwise - 1].values()))["out_channels"]
    spec["layers"][depthwise]["conv"]["out_channels"] = into * data.draw(st.sampled_from([1, 2]))
    arch = rfcalc.loads(yaml.safe_dump(spec))
    assert all(field is not None and field >= 44 for field in arch.receptive_field.before_global_pool)
    assert check.check(arch).ok


@pytest.mark.parametrize(
    "layers",
    [
        "channel_slice: {start: 1}, channel_pad: {before: 2, after: 1}, channel_shuffle: 2, channel_norm, scale: 4",
        "shift: 1, roll: [3, 1], conv: {out_channels: 1, kernel_size: 3}",
        "unfold: {kernel_size: [3, 2], stride: 2, padding: 1}, relu",
        "global_avg_pool, expand: {size: 5}, conv: {out_channels: 2, kernel_size: 3, padding: 1}",
        "flatten, linear: 8, unflatten: {out_channels: 2, size: 2}, upsample: 2",
    ],
)
def test_layers_that_only_traced_models_have(layers: str) -> None:
    """Their modules are none of torch's: what they read is measured on the real map."""
    assert found(checked(layers, "[2, 6, 7]")) == []


def test_layers_known_on_the_image_only_have_no_canvas() -> None:
    report = checked("conv: {out_channels: 2, kernel_size: 3}, roll: [3]")
    assert report.grounds[0].canvas is None
    assert "no canvas: the units that roll2 reads are known on the image only" in printed(report)
    assert report.checked["receptive_field"] == 0
    assert report.checked["paths_on_image"] == 2 * 14 * 16


def test_shared_weights_are_not_held_against_a_lone_module() -> None:
    conv = make("conv", 1, out_channels=2, kernel_size=1)
    arch = Arch("t", (2, 8), (Node("a", conv, (0,)), Node("b", conv, (1,), params=0)))
    report = check.check(arch)
    assert report.ok
    assert report.checked["params"] == 1


# --- networks too large or too deep for the plain way ------------------------------------------------------------


def test_large_networks_run_on_the_meta_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "MAX_MACS", 1000)
    report = check.check(rfcalc.load("s9"))
    assert report.ok
    assert report.on_meta
    assert "shapes: on torch's meta device" in printed(report)


def test_large_networks_are_probed_in_portions_at_corners_and_centres(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "MAX_MAP_VALUES", 200)
    monkeypatch.setattr(probe, "MAX_MAP_VALUES", 200)
    report = check.check(rfcalc.load("s9"))
    assert report.ok
    (ground,) = report.grounds
    # nine of the units of each of five maps with more, all of the others': 5*9 + 4*7 + 4*3 + 2
    assert (ground.units, ground.all_units) == (87, False)
    assert "87 units, corners and centres of its maps" in printed(report)


def test_units_are_taken_from_both_ends_and_the_middle() -> None:
    assert proof.sampled(100, 9) == (0, 1, 2, 48, 49, 50, 97, 98, 99)
    assert proof.sampled(4, 9) == (0, 1, 2, 3)


def test_counts_beyond_floats_are_shifted_then_reduced_to_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve convolutions of three taps have up to 3**12 paths, 20 bits: with a limit of 8 the first five count as they
    are, the next ones shifted, and from 2*8 bits on only whether a pixel is reached is compared."""
    monkeypatch.setattr(proof, "COUNTABLE", 8)
    layers = "repeat: {times: 12, layers: [conv: {out_channels: 1, kernel_size: 3, padding: 1}]}"
    report = checked(layers)
    assert report.ok
    assert report.grounds[0].beyond == 2
    assert "in 2 layers whether, not how often, a pixel is reached" in printed(report)
    break_taps(monkeypatch, reads=lambda t: range(t.start, t.stop - t.step, t.step))
    assert {f[1] for f in found(checked(layers))} >= {"receptive_field", "paths_on_canvas", "paths_on_image"}


def test_a_canvas_may_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "MAX_CANVAS", 100)
    report = check.check(rfcalc.load("s9"))
    assert report.ok
    assert report.grounds[0].canvas is None
    assert "no canvas: one on which nothing is clipped would be too large" in printed(report)


def test_a_join_of_interpolated_and_plain_maps_holds() -> None:
    up = "upsample: {name: u, scale_factor: %d, mode: linear}"
    report = checked(f"relu: {{name: a}}, max_pool: {{kernel_size: 3}}, {up % 3}, add: [a, u], {CONV}", "[2, 18]")
    assert report.ok
    assert report.checked["paths_on_canvas"] > 0


@pytest.mark.parametrize(
    "resampling",
    [
        "size: 7, mode: linear",
        "size: 3, mode: linear",
        "size: 8, mode: linear, align_corners: true",
        "scale_factor: 1.5, mode: linear",
        "scale_factor: 3, mode: linear, align_corners: true",
        "size: 1, mode: linear, align_corners: true",
        "size: 7",
        "scale_factor: 2.5",
    ],
)
def test_resampling_keeps_its_ratio_on_the_canvas(resampling: str) -> None:
    report = checked(
        f"{CONV}, upsample: {{{resampling}}}, conv: {{out_channels: 1, kernel_size: 3, padding: 1}}", "[1, 5]"
    )
    assert found(report) == []
    assert report.grounds[0].canvas is not None


def test_one_unit_resampled_with_aligned_corners_is_the_same_everywhere() -> None:
    up = "upsample: {size: 4, mode: linear, align_corners: true}"
    report = checked(f"global_avg_pool, {up}, {CONV}", "[1, 5]")
    assert found(report) == []
    assert report.grounds[0].canvas is not None


def test_jumps_behind_a_gate_are_those_of_the_trunk() -> None:
    """The gate brings the whole image to every unit, so that ends of fields do not show the jump."""
    gate = "global_avg_pool: {name: g}, sigmoid, multiply: [t, sigmoid4]"
    layers = f"relu, conv: {{name: t, out_channels: 2, kernel_size: 3, stride: 2}}, {gate}, max_pool: 2"
    report = checked(layers, "[2, 20]")
    assert report.ok
    assert report.checked["jump"] == report.layers == 6


def test_a_wrong_jump_behind_a_gate_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = "relu: {name: t}, global_avg_pool: {name: g}, multiply: [t, g], max_pool: {name: p, kernel_size: 2}"
    break_taps(monkeypatch, advance=1)
    report = checked(layers, "[2, 20]")
    assert ("p", "jump", 3, 2) in found(report)


def test_counts_that_no_float_holds() -> None:
    """Each addition of eight times the same makes eight times the paths: 700 of them 2**2100 times as many."""
    times8 = "relu: {name: r}, add: [r, r, r, r, r, r, r, r]"
    layers = "adaptive_avg_pool: 2, conv: {out_channels: 1, kernel_size: 3, padding: 1}"  # 0 times infinity would show
    report = checked(f"{layers}, repeat: {{times: 700, layers: [{times8}]}}", "[1, 5]")
    assert report.ok
    assert report.grounds[0].beyond > 0


def test_very_large_counts_are_compared_too() -> None:
    """100 convolutions have up to 3**100 paths, 159 bits, far beyond what floats hold exactly."""
    assert checked("repeat: {times: 100, layers: [conv: {out_channels: 1, kernel_size: 3, padding: 1}]}").ok


# --- the report --------------------------------------------------------------------------------------------------


def test_the_json_of_a_report() -> None:
    report = json.loads(json.dumps(check.check(rfcalc.load("c12")).to_json()))
    assert (report["ok"], report["proved"], report["checked"]["layers"]) == (False, True, 55)
    assert report["checked"]["receptive_field"] == 55
    assert report["findings"][1] == {
        "layer": "C12",
        "quantity": "receptive_field",
        "expected": 23,
        "measured": 59,
        "kind": "claim",
        "where": "",
        "cause": "copied from an earlier layer: C8 has receptive_field 23",
    }
    assert report["grounds"][0]["canvas"].keys() == {"size", "image_from"}
    assert {"quantity": "params", "layer": None, "stated": "104K", "computed": 92784, "holds": False} in report[
        "claims"
    ]


def test_fractions_go_into_json_as_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    break_taps(monkeypatch, reads=lambda r: range(r.start + 1, r.stop + 1, r.step))
    starts = [f for f in checked(CONV).to_json()["findings"] if f["quantity"] == "start"]
    assert (starts[0]["expected"], starts[0]["measured"]) == (1.5, 0.5)


def test_torchs_random_state_stays_as_it_was() -> None:
    before = torch.get_rng_state()
    check.check(rfcalc.load("mnist28"))
    assert torch.equal(before, torch.get_rng_state())


def loaded_modules(code: str) -> Sequence[str]:
    script = f"import sys, rfcalc\nfrom rfcalc.proof import check\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_check_loads_nothing_heavy_beside_torch() -> None:
    """sympy alone costs half a second: torch loads it when a gradient is asked for in another way."""
    modules = loaded_modules("check.check(rfcalc.load('s9'))")
    assert "torch" in modules
    assert not {"sympy", "pandas", "matplotlib"} & set(modules)


def test_windows_as_channels_of_one_axis_hold() -> None:
    """torch's unfold takes two axes; of one it made a map without a batch."""
    report = checked(
        "conv: {out_channels: 3, kernel_size: 3}, unfold: {kernel_size: 3, stride: 2, padding: 1}", "[2, 13]"
    )
    assert report.ok
    assert report.checked["output_shape"] == 2
