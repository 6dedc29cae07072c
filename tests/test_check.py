"""`rfcalc check`: it passes what is right, and finds each kind of mistake when the engine or the module is broken."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from importlib.resources import files
from typing import Any

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from torch import nn

import rfcalc
from rfcalc import Arch, check, geometry, kernels, opaque, ops, paths, probe, proof
from rfcalc.arch import Node
from rfcalc.check import Report
from rfcalc.errors import RfcalcError
from rfcalc.geometry import Taps, Window
from rfcalc.ops import PAD_NAMES, BatchNorm, Conv, ConvTranspose
from rfcalc.spec import make

from .strategies import archs

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")

GEOMETRY = ("receptive_field", "jump", "start", "holes")


def net(layers: str, shape: str = "[2, 16]") -> Arch:
    return rfcalc.loads(f"{{name: t, input: {shape}, layers: [{layers}]}}")


def checked(layers: str, shape: str = "[2, 16]") -> Report:
    return check.check(net(layers, shape))


def found(report: Report) -> list[tuple[str | None, str, Any, Any]]:
    return [(f.layer, f.quantity, f.expected, f.measured) for f in report.findings]


def printed(report: Report) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(report.render(200))
    return capture.get()


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
    assert opaque.ChannelSlice.op in ops.LAYERS
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
    monkeypatch.setattr(proof, "MAX_VALUES", 200)
    monkeypatch.setattr(probe, "MAX_VALUES", 200)
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
    report = checked(f"repeat: {{times: 700, layers: [{times8}]}}, adaptive_avg_pool: 2", "[1, 5]")
    assert report.ok
    assert report.grounds[0].beyond > 0


def test_very_large_counts_are_compared_too() -> None:
    """100 convolutions have up to 3**100 paths, 159 bits, far beyond what floats hold exactly."""
    assert checked("repeat: {times: 100, layers: [conv: {out_channels: 1, kernel_size: 3, padding: 1}]}").ok


# --- a broken engine ---------------------------------------------------------------------------------------------

CONV = "conv: {name: c, out_channels: 2, kernel_size: 3, padding: 2, dilation: 2}"
NET = f"relu, {CONV}, max_pool: {{name: p, kernel_size: 2}}"


def break_taps(monkeypatch: pytest.MonkeyPatch, reads: Any = None, advance: int = 0) -> None:
    """Makes the engine read other units than it should through windows of more than one tap."""
    window_taps = geometry._window_taps

    def broken(kernel_size: int, stride: int, before: int, dilation: int) -> Taps:
        taps = window_taps(kernel_size, stride, before, dilation)
        if kernel_size == 1:
            return taps
        return Taps(taps.advance + advance, tuple(map(reads, taps.reads)) if reads else taps.reads)

    monkeypatch.setattr(geometry, "_window_taps", broken)


def causes(report: Report) -> dict[tuple[str | None, str], str]:
    return {(f.layer, f.quantity): f.cause for f in report.findings}


def test_it_holds_unbroken() -> None:
    assert checked(NET).ok


def test_a_wrong_size_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    size = Window.output_size
    monkeypatch.setattr(
        Window, "output_size", lambda self, n, ceil=False: size(self, n, ceil) - (self.kernel_size == 3)
    )
    report = checked(NET)
    assert found(report)[:2] == [("c", "output_shape", (2, 15), (2, 16)), ("p", "output_shape", (2, 7), (2, 8))]
    assert causes(report)["c", "output_shape"].startswith("this layer's size rule")
    assert causes(report)["p", "output_shape"] == "follows from c"


def test_a_missing_bias_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    params = Conv.params
    monkeypatch.setattr(Conv, "params", lambda self, x: params(self, x) - self.out_channels)
    report = checked(NET)
    assert found(report) == [("c", "params", 12, 14)]
    assert causes(report)["c", "params"] == "a bias of 2 that only one side counts"


def test_a_forgotten_norm_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BatchNorm, "params", lambda self, x: 0)
    report = checked("batch_norm: {name: n}", "[3, 8]")
    assert found(report) == [("n", "params", 0, 6)]
    assert causes(report)["n", "params"] == "weights and biases of the norm that only one side counts"


def test_a_forgotten_dilation_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    break_taps(monkeypatch, reads=lambda r: range(r.start, r.start + len(r)))
    report = checked(NET)
    assert ("c", "receptive_field", 3, 5) in found(report)
    assert ("p", "receptive_field", 4, 6) in found(report)
    assert causes(report)["c", "receptive_field"] == "this layer's kernel_size or dilation"
    assert causes(report)["p", "receptive_field"] == "follows from c"


def test_a_wrong_stride_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    break_taps(monkeypatch, advance=1)
    report = checked(NET)
    assert ("c", "jump", 2, 1) in found(report)
    assert ("p", "jump", 6, 2) in found(report)
    assert causes(report)["c", "jump"] == "this layer's stride"


def test_a_wrong_padding_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    break_taps(monkeypatch, reads=lambda r: range(r.start + 1, r.stop + 1, r.step))
    report = checked(NET)
    assert [f for f in found(report) if f[1] in GEOMETRY] == [
        ("c", "start", 1.5, 0.5),  # the table's, torch's: the middle of pixel 0
        ("p", "start", 3, 1),  # twice one too far; torch's two units look around pixels 0 and 1
    ]
    assert causes(report)["c", "start"] == "this layer's padding"


def test_holes_in_other_places_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ends are right, the pixels between are not."""
    break_taps(monkeypatch, reads=lambda r: range(r.start, r.stop, r.step // 2 or 1))
    report = checked(CONV)
    assert [f for f in found(report) if f[1] in GEOMETRY] == [("c", "holes", 0, 2)]
    assert holes_of(report).where == "unit 0, pixel 1 of the field"


def holes_of(report: Report) -> Any:
    return next(f for f in report.findings if f.quantity == "holes")


def test_holes_of_the_same_number_in_other_places_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads 0, 1, 2 and 6 against 0, 2, 4 and 6: neither ends nor numbers tell."""
    through = geometry.Strand.through

    def broken(self: geometry.Strand, taps: Taps) -> geometry.Strand:
        strand = through(self, taps)
        moved = [f and f._replace(mask=0b1000111) if f and f.width == 7 else f for f in strand.fields]
        return geometry.Strand(strand.advance, tuple(moved))

    monkeypatch.setattr(geometry.Strand, "through", broken)
    report = checked("conv: {name: c, out_channels: 1, kernel_size: 4, dilation: 2}")
    assert found(report) == [("c", "holes", 3, 3)]
    assert holes_of(report).where == "unit 0, pixel 1 of the field"


def test_a_wrong_border_is_found_on_the_image_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ops.base.BORDERS, "reflect", "replicate")
    report = checked(
        "conv: {name: c, out_channels: 1, kernel_size: 3, padding: 1, padding_mode: reflect}, relu", "[1, 5]"
    )
    # unit 0 reads pixels -1, 0 and 1: mirrored, pixel 1 twice; clamped, pixel 0 twice
    assert found(report) == [("c", "paths_on_image", 2, 1)]
    assert report.findings[0].where == "unit 0, pixel 0"
    assert report.findings[0].cause == "this layer's padding or border: what a read outside the map meets"


def test_wrong_counts_between_right_ends_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    weights_of = paths.weights_of
    monkeypatch.setattr(paths, "weights_of", lambda taps, p: (2, *weights_of(taps, p)[1:]))
    monkeypatch.setattr(proof, "EXACT", 0)  # as if counts were too large for equality
    report = checked(CONV)
    assert found(report) == [("c", "paths_on_canvas", 2, 1)]
    assert report.findings[0].where == "unit 0, pixel -2"


def test_a_wrong_axis_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    module = Conv.module
    monkeypatch.setattr(Conv, "module", lambda self, n, x: swapped(module(self, n, x)))
    report = check.check(net("conv: {name: c, out_channels: 1, kernel_size: 3, padding: [1, 0]}", "[1, 6, 6]"))
    assert ("c", "output_shape", (1, 6, 4), (1, 4, 6)) in found(report)
    assert [(f.where, f.expected, f.measured) for f in report.findings if f.quantity == "start"] == [
        ("axis 0", 0.5, 1.5),
        ("axis 1", 1.5, 0.5),
    ]


def swapped(conv: Any) -> nn.Module:
    conv.padding = tuple(reversed(conv.padding))
    assert isinstance(conv, nn.Module)
    return conv


# --- a broken module ---------------------------------------------------------------------------------------------


def test_a_module_with_another_stride_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def module(self: ConvTranspose, nn_: Any, x: Any) -> Any:
        return nn.ConvTranspose1d(x.channels, self.out_channels, self.kernel_size[0], 3)

    monkeypatch.setattr(ConvTranspose, "module", module)
    report = checked("conv_transpose: {name: up, out_channels: 2, kernel_size: 3, stride: 2}", "[2, 5]")
    assert found(report)[0] == ("up", "output_shape", (2, 11), (2, 15))  # 4*2 + 3, 4*3 + 3
    assert ("up", "jump", Fraction(1, 2), 0) in found(report)  # units 0 and 2 both look at pixel 0


def test_a_module_that_torch_refuses_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops.LAYERS["pad"], "check", lambda self, x: None)
    report = checked("relu, pad: {name: mirrored, padding: 4, mode: reflect}, tanh", "[1, 3]")
    assert [f[:2] for f in found(report)] == [("mirrored", "output_shape")]
    assert report.findings[0].measured == "torch refuses"
    assert "Padding size should be less than" in report.findings[0].cause
    assert report.checked["output_shape"] == 1
    assert report.grounds == ()


def test_what_torch_cannot_build_is_an_error() -> None:
    with pytest.raises(RfcalcError, match="fft is known by its shapes only"):
        checked("opaque: {operation: fft}")


def test_a_norm_of_one_value_needs_a_batch() -> None:
    """torch refuses it for a single image, for there is nothing to compare its value with."""
    assert checked("global_avg_pool, group_norm: 2").ok


def test_pads_of_every_mode_are_known() -> None:
    place = kernels.Place(0, 1, (1, 4), (1, 6))
    modes = [kernels.kernel_of(getattr(nn, f"{name}1d")(1), place) for name in PAD_NAMES.values()]
    assert [getattr(kernel, "mode", None) for kernel in modes] == ["constant", "reflect", "replicate", "circular"]


# --- claims and targets ------------------------------------------------------------------------------------------


def test_c12_comes_out_with_what_its_source_got_wrong() -> None:
    report = check.check(rfcalc.load("c12"))
    assert not report.ok
    assert report.proved
    assert [(f.kind, *row) for f, row in zip(report.findings, found(report), strict=True)] == [
        ("claim", None, "params", "104K", 92_784),
        ("claim", "C12", "receptive_field", 23, 59),
        ("claim", "C12", "size", 16, 8),
    ]
    assert [f.cause for f in report.findings] == [
        "max pools counted as convolutions of the same window",
        "copied from an earlier layer: C8 has receptive_field 23",
        "copied from an earlier layer: C8 has size 16",
    ]
    assert "c12: 3 figures do not hold; torch agrees with the table" in printed(report)


SPEC = """
name: t
input: [3, 16, 16]
layers:
  - conv: {name: a, out_channels: 8, kernel_size: 3, dilation: 2, bias: %s}
  - max_pool: {name: p, kernel_size: 2}
  - batch_norm: {name: n}
  - conv: {name: b, out_channels: 4, kernel_size: 3}
  - global_avg_pool: {name: g}
claims: {%s}
targets: {%s}
"""
# a: 3*3*3*8 = 216 and 8 biases, n: 2*8 = 16, b: 3*3*8*4 = 288 and 4 biases: 532 in all
# fields: a 5, p 6, b 6 + 2*2 = 10, g 10 + 3*2 = 16; sizes 12, 6, 4, 1; MACs 144*216 + 16*288 = 35,712
WRONG = [
    ("params: 520", "counted without biases"),
    ("params: 516", "counted without the norms"),
    ("params: 504", "counted without biases and norms"),
    ("params: 240", "counted without b"),
    ("params: 824", "b counted twice"),
    ("macs: 71424", "two operations counted for one multiply-add"),
    ("macs: 36928", "biases counted as multiply-adds"),  # 144*8 + 16*4 = 1,216
    ("receptive_field: {before_global_pool: 16}", "the other convention: 10 before global pooling, 16 after"),
    ("receptive_field: {after_global_pool: 6}", "the field of n"),
    ("layers: {b: {receptive_field: 6}}", "the field that enters b, not the one that leaves it"),
    ("layers: {b: {receptive_field: 5}}", "copied from an earlier layer: a has receptive_field 5"),
    ("layers: {a: {receptive_field: 3}}", "the pixels that are read, without the holes between them"),
    ("layers: {p: {size: 12}}", "the size that enters p, not the one that leaves it"),
    ("layers: {b: {channels: 8}}", "the channels that enters b, not the one that leaves it"),
    ("params: 999", ""),
]


@pytest.mark.parametrize(("claim", "cause"), WRONG)
def test_a_wrong_claim_is_found_with_its_likely_cause(claim: str, cause: str) -> None:
    report = check.check(rfcalc.loads(SPEC % ("true", claim, "")))
    assert report.checked["claims"] == 1
    assert [(f.kind, f.cause) for f in report.findings] == [("claim", cause)]


def test_biases_that_the_layer_does_not_have() -> None:
    report = check.check(rfcalc.loads(SPEC % ("false", "layers: {a: {params: 224}}", "")))
    assert report.findings[0].cause == "counted with biases that the layers do not have"


def test_right_claims_hold() -> None:
    claims = (
        "params: 532, macs: 35.7K, receptive_field: {before_global_pool: 10, after_global_pool: 16}, test_accuracy: 9"
    )
    report = check.check(rfcalc.loads(SPEC % ("true", claims, "")))
    assert report.ok
    assert report.checked["claims"] == 4
    assert "only training can tell: test_accuracy 9" in printed(report)


def test_missed_targets_are_found() -> None:
    targets = (
        "min_receptive_field: 44, max_params: 500, max_macs: 40000, must_use: [depthwise, dilation], "
        "must_not_use: [max_pool]"
    )
    report = check.check(rfcalc.loads(SPEC % ("true", "", targets)))
    assert report.checked["targets"] == 6
    assert found(report) == [
        (None, "min_receptive_field", 44, 10),
        (None, "max_params", 500, 532),
        (None, "must_use", "depthwise", "not used"),
        (None, "must_not_use", "max_pool", "used"),
    ]
    assert {f.kind for f in report.findings} == {"target"}


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
    script = f"import sys, rfcalc\nfrom rfcalc import check\n{code}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_check_loads_nothing_heavy_beside_torch() -> None:
    """sympy alone costs half a second: torch loads it when a gradient is asked for in another way."""
    modules = loaded_modules("check.check(rfcalc.load('s9'))")
    assert "torch" in modules
    assert not {"sympy", "pandas", "matplotlib"} & set(modules)
