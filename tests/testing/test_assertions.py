"""What the assertions of `rfcalc.testing` take, when they fail, and what they say then."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import rfcalc
from rfcalc.errors import RfcalcError
from rfcalc.testing import (
    assert_macs,
    assert_meets_targets,
    assert_params,
    assert_receptive_field,
    assert_same_geometry,
    assert_sees,
)

SMALL = """
name: small
input: [1, 9, 9]
layers:
- conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1}
- conv: {name: b, out_channels: 4, kernel_size: 3, padding: 1}
- global_avg_pool: {name: pool}
- linear: {name: head, out_features: 2}
"""  # fields 3, 5, 5 + 8; parameters 4*(9+1) + 4*(36+1) + 2*(4+1) = 40 + 148 + 10; MACs 81*4*9 + 81*4*36 + 8
A, B = SMALL.splitlines()[4:6]


def net(layers: str, shape: str = "[2, 9, 9]") -> rfcalc.Arch:
    return rfcalc.loads(f"{{name: t, input: {shape}, layers: [{layers}]}}")


def says(call: Callable[[], None]) -> str:
    with pytest.raises(AssertionError) as failure:
        call()
    return str(failure.value)


def test_everything_that_stands_for_a_network(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    for target in (str(path), path, rfcalc.loads(SMALL)):
        assert_receptive_field(target, equals=5)
        assert_params(target, equals=198)
    assert_receptive_field("s9", at_least=44)
    assert_macs("s9", (3, 64, 64), equals=rfcalc.load("s9", (3, 64, 64)).macs)


def test_a_torch_module() -> None:
    nn = pytest.importorskip("torch.nn")
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2))
    assert_receptive_field(module, (3, 32, 32), equals=4)
    assert_params(module, (3, 32, 32), equals=8 * 28)
    fact = says(lambda: assert_receptive_field(module, (3, 32, 32), at_least=5))
    assert "what adds to it: 0 1 -> 3 and 1 3 -> 4\none edit that does it: 0: dilation 1 -> 2 (then field 6," in fact
    with pytest.raises(RfcalcError, match="say what it is given with input"):
        assert_params(module, at_most=1)


# --- receptive fields ----------------------------------------------------------------------------------------------


def test_a_field_that_is_too_small_says_where_it_comes_from_and_what_helps() -> None:
    fact = says(lambda: assert_receptive_field(rfcalc.loads(SMALL), at_least=7))
    assert fact == (
        "small: the receptive field before pool is 5, below at_least=7: 2 pixels missing\n"
        "what adds to it: a 1 -> 3 and b 3 -> 5\n"
        "one edit that does it: a: dilation 1 -> 2 (then field 7, params 198, MACs 14,588)"
    )
    dilated = rfcalc.loads(SMALL.replace(A, A.replace("padding: 1", "padding: 2, dilation: 2")))
    assert_receptive_field(dilated, equals=7)  # the edit does what it says
    assert (dilated.params, dilated.macs) == (198, 14_588)


def test_each_bound_and_each_place() -> None:
    arch = rfcalc.loads(SMALL)
    assert_receptive_field(arch, at_least=5, at_most=5)
    assert_receptive_field(arch, equals=13, after_global_pool=True)
    assert_receptive_field(arch, equals=3, layer="a")
    one = "small: the receptive field"
    assert says(lambda: assert_receptive_field(arch, at_most=4)).startswith(
        f"{one} before pool is 5, above at_most=4: 1 pixel too many\n"
    )
    assert says(lambda: assert_receptive_field(arch, equals=4, layer="a")).startswith(
        f"{one} of a is 3, not 4: 1 pixel missing\n"
    )
    assert says(lambda: assert_receptive_field(arch, at_least=14, after_global_pool=True)).startswith(
        f"{one} of the last layer is 13, below at_least=14"
    )


def test_axes_are_held_each_to_its_own() -> None:
    arch = net("conv: {out_channels: 1, kernel_size: [3, 1]}")
    assert_receptive_field(arch, equals=(3, 1))
    assert_receptive_field(arch, at_least=1, at_most=(3, 1))
    assert "is 3x1, below at_least=3: 2 pixels missing" in says(lambda: assert_receptive_field(arch, at_least=3))
    with pytest.raises(RfcalcError, match=r"at_least=\(3, 1, 1\): must be a whole number, or 2 of them"):
        assert_receptive_field(arch, at_least=(3, 1, 1))


def test_unknown_is_no_number_and_a_bound_is_one_way() -> None:
    unknown = net("conv: {out_channels: 2, kernel_size: 3}, opaque: {operation: fft}")
    for bounds in ({"at_least": 1}, {"at_most": 10**6}):
        assert "is unknown (fft): it is not known to be" in says(lambda b=bounds: assert_receptive_field(unknown, **b))  # type: ignore[misc]
    bound = net("conv: {out_channels: 2, kernel_size: 3}, whole: {operation: flip, bound: true}")
    assert_receptive_field(bound, at_most=9)
    fact = says(lambda: assert_receptive_field(bound, at_least=3))
    assert "is at most 9, an upper bound (flip): it is not known to be at_least=3" in fact
    assert "is at most 9, above at_most=8: 1 pixel too many" in says(lambda: assert_receptive_field(bound, at_most=8))
    blind = net("pad: {padding: [[9, 0], [9, 0]]}, pad: {padding: [[0, -9], [0, -9]]}, opaque: {operation: fft}")
    assert_receptive_field(blind, layer="pad2", at_most=1)


def test_what_makes_no_sense_is_bad_input() -> None:
    with pytest.raises(RfcalcError, match=r"^say at_least, at_most or equals$"):
        assert_receptive_field("s9")
    with pytest.raises(RfcalcError, match="equals stands alone"):
        assert_params("s9", equals=1, at_most=2)
    with pytest.raises(RfcalcError, match=r"at_most=1\.5: must be a whole number$"):
        assert_params("s9", at_most=1.5)  # type: ignore[arg-type]
    with pytest.raises(RfcalcError, match=r"s9 has no layer 'C99': did you mean"):
        assert_receptive_field("s9", at_least=1, layer="C99")
    with pytest.raises(RfcalcError, match="did you mean s9"):
        assert_receptive_field("s8", at_least=1)


# --- counts --------------------------------------------------------------------------------------------------------


def test_counts_say_which_layers_hold_most() -> None:
    fact = says(lambda: assert_params(rfcalc.loads(SMALL), at_most=190))
    head, most, edit = fact.splitlines()
    assert head == "small: 198 params, above at_most=190: 8 too many"
    assert most == "most are in b 148, a 40 and head 10"
    assert re.match(r"one edit that does it: .* \(then field \d+, params (\d+), MACs", edit)
    assert int(re.findall(r"params (\d+)", edit)[0]) <= 190
    assert says(lambda: assert_params("s9", layer="C1", equals=900)).startswith(
        "s9: C1 has 960 params, not 900: 60 too many"
    )
    assert_params("s9", layer="C1", at_least=960, at_most=960)
    assert "5 missing" in says(lambda: assert_macs(rfcalc.loads(SMALL), at_least=14_593))


def test_unknown_macs_are_at_least_what_is_known() -> None:
    arch = net("conv: {out_channels: 2, kernel_size: 3}, opaque: {name: rnn, operation: gru}")  # 49*2*18 = 1,764
    assert_macs(arch, at_least=1764)
    fact = says(lambda: assert_macs(arch, at_most=10**9))
    assert fact == (
        "t: at least 1,764 MACs: those of rnn are unknown, so that they are not known to be at_most=1,000,000,000"
    )
    assert says(lambda: assert_macs(arch, at_most=1763)).startswith(
        "t: at least 1,764 MACs, above at_most=1,763: 1 too"
    )
    assert "below at_least=1,765" in says(lambda: assert_macs(arch, at_least=1765))


def test_targets() -> None:
    assert_meets_targets("s9")
    with pytest.raises(RfcalcError, match=r"^small states no targets$"):
        assert_meets_targets(rfcalc.loads(SMALL))
    arch = rfcalc.loads(SMALL + "targets: {min_receptive_field: 6, max_params: 200, must_use: [dilation]}\n")
    head, field, word, used, edit = says(lambda: assert_meets_targets(arch)).splitlines()
    assert head == "small misses 2 of 3 targets:"
    assert (field, word) == ("  min_receptive_field 6, but is 5", "  must_use dilation, but is not used")
    assert used == "it uses: bias, conv, global_avg_pool, linear"
    assert edit.startswith("one edit that does it: a: dilation 1 -> 2 (then field 7, params 198")


# --- what is seen --------------------------------------------------------------------------------------------------


def test_a_pixel_that_is_skipped() -> None:
    arch = net("max_pool: {name: p, kernel_size: 1, stride: 2}, conv: {name: c, out_channels: 1, kernel_size: 3}")
    assert_sees(arch, "c", (0, 0))
    assert says(lambda: assert_sees(arch, "c", (1, 0))) == (
        "t: no unit of c sees pixel (1, 0)\n"
        "it is lost in p: p (max_pool): 2x9x9 -> 2x5x5, stride 2, jump 2, r 1, params 0, MACs 0"
    )


def test_one_unit() -> None:
    arch = net("conv: {name: c, out_channels: 1, kernel_size: 3, padding: 1}")
    assert_sees(arch, "c", (0, 1), unit=(1, 0))
    assert says(lambda: assert_sees(arch, "c", (0, 2), unit=(1, 0))) == (
        "t: unit (1, 0) of c does not see pixel (0, 2)\nunits 0…1 x 1…3 of 9x9 see it"
    )
    with pytest.raises(RfcalcError, match="t has no pixel 9,0: its image is 9x9"):
        assert_sees(arch, "c", (9, 0))
    with pytest.raises(RfcalcError, match="c has no unit 9,9"):
        assert_sees(arch, "c", (0, 0), unit=(9, 9))


def test_a_cross_has_no_corners() -> None:
    """Axes are not taken one by one: beside a 5x1 and a 1x5 window nobody sees the corner of the square."""
    arch = net(
        "conv: {name: a, out_channels: 1, kernel_size: [5, 1], padding: same},"
        "conv: {name: b, from: input, out_channels: 1, kernel_size: [1, 5], padding: same},"
        "add: {name: s, from: [a, b]}"
    )
    assert_sees(arch, "s", (4, 6), unit=(4, 4))
    assert "does not see" in says(lambda: assert_sees(arch, "s", (6, 6), unit=(4, 4)))


def test_what_is_unknown_is_not_seen() -> None:
    opaque = net("opaque: {name: o, operation: gru}")
    assert says(lambda: assert_sees(opaque, "o", (0, 0))) == (
        "t: it is unknown whether o sees pixel (0, 0): unknown (gru)"
    )
    flipped = net("whole: {name: f, operation: flip, bound: true}")
    assert "known as a bound only, upper bound (flip)" in says(lambda: assert_sees(flipped, "f", (0, 0)))
    assert_sees(net("whole: {name: w, operation: attention}"), "w", (8, 0), unit=(0, 8))


# --- geometry ------------------------------------------------------------------------------------------------------


def test_the_same_geometry_under_other_names_and_widths() -> None:
    other = SMALL.replace("name: b, out_channels: 4", "name: second, out_channels: 9").replace("small", "wide")
    assert_same_geometry(rfcalc.loads(SMALL), rfcalc.loads(other.replace("- global", "- relu\n- global")))


def test_where_two_networks_part() -> None:
    one, other = rfcalc.loads(SMALL), rfcalc.loads(SMALL.replace(B, B.replace("kernel_size: 3", "kernel_size: 2")))
    head, first, second = says(lambda: assert_same_geometry(one, other)).splitlines()
    assert head == (
        "small and small differ from b (conv) and b (conv) on: size 9 and 10, receptive field 5 and 4, "
        "start 0.5 and 0, pixels read 5 and 4"
    )
    assert "r 5" in first
    assert "r 4" in second
    longer = rfcalc.loads(SMALL.replace("- global", "- max_pool: {name: p, kernel_size: 2}\n- global"))
    assert "small has 4 layers that change the geometry" not in says(lambda: assert_same_geometry(one, longer))
    assert says(lambda: assert_same_geometry(net("relu"), net("relu, max_pool: {name: p, kernel_size: 2}"))) == (
        "t has 0 layers that change the geometry, t 1: t goes on with p"
    )
    assert says(lambda: assert_same_geometry("s9", "mnist28")) == "s9 takes images of 32x32, mnist28 of 28x28"
