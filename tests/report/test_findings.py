"""Each finding appears with its reason where it should, and nowhere else."""

import pytest

import rfcalc
from rfcalc.errors import listed
from rfcalc.report.findings import findings

CONV = "conv: {name: %s, out_channels: 4, kernel_size: 3, padding: 1}"


def kinds(layers: str, shape: str = "[4, 16, 16]") -> dict[str, str]:
    arch = rfcalc.loads(f"{{input: {shape}, layers: [{layers}]}}")
    return {finding.kind: finding.text for finding in findings(arch)}


def test_a_plain_net_has_none() -> None:
    assert kinds(", ".join(CONV % name for name in "abc")) == {}


def test_border_layers() -> None:
    found = kinds(", ".join(CONV % name for name in "abcdefghij"))
    # nine 3x3 convolutions see 1 + 9*2 = 19 >= 16 pixels, eight see 17: the ninth is the first with 17 before it
    assert found["border"].startswith("from i on, the field that enters (17x17) already covers the whole image (16x16)")
    assert found["border"].endswith("i and j")


def test_a_one_by_one_convolution_and_a_global_pool_are_no_border_layers() -> None:
    wide = "conv: {out_channels: 4, kernel_size: 17, padding: 8}"
    assert "border" not in kinds(f"{wide}, conv: {{out_channels: 2, kernel_size: 1}}, global_avg_pool")


def test_gridding_lasts_or_is_closed() -> None:
    dilated = "conv: {name: %s, out_channels: 4, kernel_size: 3, dilation: 2, padding: 2}"
    found = kinds(f"{dilated % 'a'}, {dilated % 'b'}")
    assert found["gridding"] == (
        "a: dilation or stride leaves holes, to the output; a unit of a reads 3 of the 5 pixels that its field spans "
        "along an axis"
    )
    assert "until later layers close the holes" in kinds(f"{dilated % 'a'}, {CONV % 'b'}")["gridding"]


def test_strides_that_skip() -> None:
    found = kinds("conv: {name: a, out_channels: 4, kernel_size: 1, stride: 2}")
    assert found["skips"] == "a: stride 2 with kernel 1 never reads 1 of every 2 units of the 16 along an axis"
    dilated = kinds("conv: {name: a, out_channels: 4, kernel_size: 3, stride: 2, dilation: 2, padding: 1}")
    assert "stride 2 with kernel 3 and dilation 2 never reads 1 of every 2 units" in dilated["skips"]
    assert "skips" not in kinds("conv: {out_channels: 4, kernel_size: 3, stride: 2}, max_pool: 2")
    assert "skips" not in kinds("conv_transpose: {out_channels: 4, kernel_size: 1, stride: 2}")


def test_misaligned_joins_show_both_centres() -> None:
    cut = "pad: {name: b, from: input, padding: [[0, -2], [0, -2]]}"
    found = kinds(f"conv: {{name: a, out_channels: 4, kernel_size: 3}}, {cut}, add: {{name: c, from: [a, b]}}")
    assert found["misaligned"] == (
        "c joins maps that look at different places along axis 0: a (jump 1, unit 0 centred at 1.5); "
        "b (jump 1, unit 0 centred at 0.5)"
    )
    strided = "conv: {name: b, from: input, out_channels: 4, kernel_size: 2, stride: 2}"
    jumps = kinds(f"conv: {{name: a, out_channels: 4, kernel_size: 9}}, {strided}, add: {{name: c, from: [a, b]}}")
    assert "a (jump 1, unit 0 centred at 4.5); b (jump 2, unit 0 centred at 1)" in jumps["misaligned"]


def test_aligned_joins_are_not_reported() -> None:
    assert not {"misaligned"} & set(kinds(f"{CONV % 'a'}, add: [a, input]"))
    up = "max_pool: 2, conv_transpose: {name: u, out_channels: 4, kernel_size: 2, stride: 2}, concat: [u, input]"
    assert "misaligned" not in kinds(up)
    gate = f"{CONV % 'a'}, global_avg_pool, conv: {{name: g, out_channels: 4, kernel_size: 1}}, multiply: [a, g]"
    assert "misaligned" not in kinds(gate)
    assert all(f.kind != "misaligned" for f in findings(rfcalc.load("resnet50")))


def test_bias_before_batch_norm() -> None:
    found = kinds(f"{CONV % 'a'}, batch_norm, relu, {CONV % 'b'}, relu, batch_norm")
    assert found["bias"].startswith("a: the batch norm that follows subtracts the mean")
    assert "4 parameters" in found["bias"]
    assert "bias" not in kinds("conv: {out_channels: 4, kernel_size: 3, bias: false}, batch_norm")


@pytest.mark.parametrize(
    ("layer", "fact"),
    [
        ("conv: {name: z, out_channels: 4, kernel_size: 3, padding: 1}", "z: kernel 3, stride 1 on a map of size 1"),
        ("global_avg_pool: {name: z}", "z reduces a map of size 1: it changes nothing"),
        ("conv: {name: z, out_channels: 4, kernel_size: 1, stride: 2}", "z: kernel 1, stride 2 on a map of size 1"),
    ],
)
def test_layers_that_reduce_a_map_of_size_1(layer: str, fact: str) -> None:
    assert kinds(f"global_avg_pool, {layer}")["size-1"].startswith(fact)
    assert "size-1" not in kinds("global_avg_pool, conv: {out_channels: 4, kernel_size: 1}")


def test_layers_that_nothing_reads() -> None:
    found = kinds(f"{CONV % 'a'}, {CONV % 'b'}, conv: {{name: c, from: a, out_channels: 2, kernel_size: 1}}")
    assert found["unused"] == "b: no output depends on what they make"


def test_the_shipped_nets() -> None:
    found = {f.kind: f.layers for f in findings(rfcalc.load("s9"))}
    assert found["border"] == ("C10", "C11.conv", "C12.conv", "C13")
    assert findings(rfcalc.load("mnist28")) == ()


def test_long_lists_are_shortened() -> None:
    assert listed([str(i) for i in range(20)]) == "0, 1, 2, 3, … 15 more … and 19"
