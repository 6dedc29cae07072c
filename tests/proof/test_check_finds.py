"""What `rfcalc check` finds when the engine, the module or the spec's claims are wrong, and the cause it names."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from torch import nn

import rfcalc
from rfcalc.engine import geometry
from rfcalc.engine import layers as ops
from rfcalc.engine.geometry import Taps, Window
from rfcalc.engine.layers import PAD_NAMES, BatchNorm, Conv, ConvTranspose
from rfcalc.errors import RfcalcError
from rfcalc.proof import axis as proof
from rfcalc.proof import check, kernels
from rfcalc.proof.report import Report
from tests.checking import CONV, GEOMETRY, NET, break_taps, checked, found, net, printed

# --- a broken engine ---------------------------------------------------------------------------------------------


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
    monkeypatch.setitem(ops.padding.BORDERS, "reflect", "replicate")
    report = checked(
        "conv: {name: c, out_channels: 1, kernel_size: 3, padding: 1, padding_mode: reflect}, relu", "[1, 5]"
    )
    # unit 0 reads pixels -1, 0 and 1: mirrored, pixel 1 twice; clamped, pixel 0 twice
    assert found(report) == [("c", "paths_on_image", 2, 1)]
    assert report.findings[0].where == "unit 0, pixel 0"
    assert report.findings[0].cause == "this layer's padding or border: what a read outside the map meets"


def test_wrong_counts_between_right_ends_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    weights_at = Taps.weights_at
    monkeypatch.setattr(Taps, "weights_at", lambda taps, unit: (2, *weights_at(taps, unit)[1:]))
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
    with pytest.raises(RfcalcError, match=r"^opaque1 \(opaque\): fft is known by its shapes only"):
        checked("opaque: {operation: fft}")


def test_a_norm_of_one_value_needs_a_batch() -> None:
    """torch refuses it for a single image, for there is nothing to compare its value with."""
    assert checked("global_avg_pool, group_norm: 2").ok


def test_pads_of_every_mode_are_known() -> None:
    place = kernels.ModulePlace(0, 1, (1, 4), (1, 6))
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
