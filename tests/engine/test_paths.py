"""The engine's path counts: by hand, against the oracle's pixels, and on nets that outgrow machine words."""

from __future__ import annotations

from math import comb, sqrt

import pytest
from hypothesis import given

import rfcalc
from rfcalc import Arch
from rfcalc.engine import paths
from tests.oracle import Oracle
from tests.strategies import archs


def net(layers: str, sizes: str = "8") -> Arch:
    return rfcalc.loads(f"{{input: [1, {sizes}], layers: [{layers}]}}")


def on_image(arch: Arch, axis: int = 0) -> list[list[list[int]]]:
    """The counts of every unit of every layer, a row of pixels each."""
    steps, size = paths.steps_of(arch, axis), arch.sizes[axis]
    width, scales, _ = paths.counting(steps)
    maps = []
    for units in paths.on_image(steps, size, width, scales):
        counts = [paths.unpacked(unit, width) for unit in units]
        maps.append([row + [0] * (size - len(row)) for row in counts])
    return maps


def on_canvas(arch: Arch, axis: int, units: range) -> list[list[tuple[int, list[int]]]]:
    """The first pixel and the counts of some units of every layer."""
    steps = paths.steps_of(arch, axis)
    width, scales, _ = paths.counting(steps)
    maps = []
    for strands in paths.on_canvas(steps, width, scales):
        counts = [paths.unit_of(strands, unit, width) for unit in units]
        maps.append([(c.first, paths.unpacked(c.packed, width)) for c in counts])
    return maps


K3 = "conv: {out_channels: 1, kernel_size: 3, padding: 1}"
CASES = [
    # layers, size, unit -> counts by pixel, the sum written out
    (K3, 4, 0, [1, 1, 0, 0]),
    (f"{K3}, {K3}", 5, 2, [1, 2, 3, 2, 1]),  # [1,1,1] * [1,1,1]
    (f"{K3}, {K3}", 5, 0, [2, 2, 1, 0, 0]),  # units 0 and 1: [1,1,0] + [1,1,1]
    ("conv: {out_channels: 1, kernel_size: 3, dilation: 2}", 5, 0, [1, 0, 1, 0, 1]),
    ("conv: {out_channels: 1, kernel_size: 3, padding: 1, padding_mode: reflect}", 4, 0, [1, 2, 0, 0]),  # -1 meets 1
    ("conv: {out_channels: 1, kernel_size: 3, padding: 1, padding_mode: replicate}", 4, 3, [0, 0, 1, 2]),
    ("conv: {out_channels: 1, kernel_size: 3, padding: 1, padding_mode: circular}", 4, 0, [1, 1, 0, 1]),
    ("conv_transpose: {out_channels: 1, kernel_size: 3, stride: 2}", 3, 2, [1, 1, 0]),  # 2*0 + tap 2, 2*1 + tap 0
    ("max_pool: {kernel_size: 3, stride: 2, ceil_mode: true}", 4, 1, [0, 0, 1, 1]),  # the window ends after the map
    ("global_avg_pool", 4, 0, [1, 1, 1, 1]),
    ("flatten, linear: 2", 3, 0, [1, 1, 1]),
    ("adaptive_avg_pool: 2", 5, 1, [0, 0, 1, 1, 1]),  # floor(5/2) to 5
    ("upsample: {scale_factor: 2, mode: linear}", 3, 1, [3, 1, 0]),  # at 1/4 between 0 and 1, in quarters
    ("upsample: {scale_factor: 2, mode: linear}", 3, 0, [4, 0, 0]),  # before unit 0: clamped, 1 + 3
    (f"relu: {{name: a}}, {K3}, add: [a, conv2]", 3, 1, [1, 2, 1]),  # [0,1,0] + [1,1,1]
    (f"relu: {{name: a}}, {K3}, concat: [a, conv2, a]", 3, 1, [1, 3, 1]),
    ("identity: {name: a}, global_avg_pool: {name: g}, multiply: [a, g]", 3, 1, [1, 2, 1]),  # itself, and the mean
    ("identity: {name: a}, avg_pool: {kernel_size: 2}, upsample: {name: u, scale_factor: 2, mode: linear}, add: [a, u]",
     4, 1, [3, 3 + 4, 1, 1]),  # in quarters: 3 of [1,1,0,0], 1 of [0,0,1,1], 4 of [0,1,0,0]
]  # fmt: skip


@pytest.mark.parametrize(("layers", "size", "unit", "counts"), CASES)
def test_counts_by_hand(layers: str, size: int, unit: int, counts: list[int]) -> None:
    assert on_image(net(layers, str(size)))[-1][unit] == counts


def test_each_axis_has_its_own() -> None:
    arch = net("conv: {out_channels: 1, kernel_size: [1, 2], stride: [2, 1]}", "4, 3")
    assert on_image(arch, 0)[0] == [[1, 0, 0, 0], [0, 0, 1, 0]]
    assert on_image(arch, 1)[0] == [[1, 1, 0], [0, 1, 1]]


def test_a_join_brings_interpolations_to_one_scale() -> None:
    up = "upsample: {size: 3, name: u%d, mode: linear, from: a}"
    arch = net(f"max_pool: {{kernel_size: 2, name: a, stride: 1}}, {up % 1}, {up % 2}, add: [u1, u2]", "3")
    scales = paths.counting(paths.steps_of(arch, 0)).scales
    # 2 to 3 units: unit 1 stands halfway between the two, so each weighs 1/2; all counts are over one scale
    assert [c / scales[-1] for c in on_image(arch)[-1][1]] == [1.0, 2.0, 1.0]


def test_nothing_is_clipped_on_the_canvas() -> None:
    (_, unit), _ = on_canvas(net(f"{K3}, {K3}"), 0, range(2))[-1]
    assert unit == [1, 2, 3, 2, 1]
    assert on_canvas(net(f"{K3}, {K3}"), 0, range(2))[-1][0][0] == -2


def test_branches_of_different_jumps_add_up_unit_by_unit() -> None:
    arch = net("max_pool: {kernel_size: 2, name: p}, pad: {padding: [[0, -4]], from: input}, add: [p, pad2]", "8")
    # unit i of the pool sees 2i and 2i + 1, unit i of the cropped image sees i
    assert on_canvas(arch, 0, range(3))[-1] == [(0, [2, 1]), (1, [1, 1, 1]), (2, [1, 0, 1, 1])]
    assert on_image(arch)[-1][1] == [0, 1, 1, 1, 0, 0, 0, 0]


@given(archs())
def test_the_pixels_with_a_path_are_the_oracles(arch: Arch) -> None:
    """On the image, borders included, and on the canvas."""
    oracle = Oracle(arch)
    for axis in range(len(arch.sizes)):
        for row, units in zip(arch.rows, on_image(arch, axis), strict=True):
            assert [{i for i, n in enumerate(unit) if n} for unit in units] == oracle.real(row.index, axis)
        for row, ends in zip(arch.rows, on_canvas(arch, axis, range(-1, 3)), strict=True):
            for unit, (first, counts) in zip(range(-1, 3), ends, strict=True):
                assert {first + i for i, n in enumerate(counts) if n} == oracle.pixels(row.index, axis, unit)


def test_counts_grow_beyond_machine_words() -> None:
    """Convolutions of two taps count as Pascal's triangle does: 200 of them have the binomials of 200."""
    arch = net("repeat: {times: 200, layers: [conv: {out_channels: 1, kernel_size: 2}]}", "201")
    (unit,) = on_image(arch)[-1]
    assert unit == [comb(200, i) for i in range(201)]
    width = paths.counting(paths.steps_of(arch, 0)).width
    assert width == 256  # 2**200 in all, in words of 64 bits


def test_packed_counts_come_apart_again() -> None:
    assert paths.unpacked(5 + (7 << 64) + (2**63 << 192), 64) == [5, 7, 0, 2**63]


def test_what_a_layer_depends_on_reaches_beyond_the_map() -> None:
    arch = net(f"{K3}, max_pool: 2, {K3}")
    # units 0 to 3 after: of the pool -1 to 4, of the first convolution -2 to 9, of the image -3 to 10
    assert paths.needed_spans(paths.steps_of(arch, 0), [0, 0, 3]) == [(-3, 10), (-2, 9), (-1, 4), (0, 3)]


def test_a_shared_unit_depends_on_unit_0_alone() -> None:
    arch = net("global_avg_pool: {name: g}, multiply: [input, g]", "6")
    assert paths.needed_spans(paths.steps_of(arch, 0), [0, 5])[1] == (0, 0)


# --- the spread of a gradient under uniform weights --------------------------------------------------------------


@pytest.mark.parametrize("layers", [K3, f"{K3}, max_pool: 2, {K3}, {K3}", f"{K3}, flatten, linear: 3"])
def test_a_chain_spreads_as_its_paths_do(layers: str) -> None:
    arch = net(layers)
    counts = on_image(arch)[-1][0]
    shares = paths.uniform_gradient(arch, 0, len(arch.rows), 0)
    assert shares == pytest.approx([n / sum(counts) for n in counts])


def test_the_spread_grows_with_the_root_of_the_depth() -> None:
    """A kernel of 3 has the variance (1 + 0 + 1)/3; n of them have n times that."""
    arch = net(f"repeat: {{times: 12, layers: [{K3}]}}", "101")
    shares = paths.uniform_gradient(arch, 0, 12, 50)
    assert sum(shares) == pytest.approx(1)
    assert sqrt(sum(share * (i - 50) ** 2 for i, share in enumerate(shares))) == pytest.approx(sqrt(12 * 2 / 3))


def test_a_join_weighs_its_branches() -> None:
    """Half of an addition comes from each branch; of a concatenation by channels, here 1 and 3."""
    branch = "conv: {name: c, out_channels: 3, kernel_size: 3, padding: 1}"
    assert paths.uniform_gradient(net(f"{branch}, concat: [input, c]", "3"), 0, 2, 1) == pytest.approx(
        [0.25, 0.25 + 0.25, 0.25]
    )
    added = net(f"{K3.replace('{', '{name: c, ', 1)}, add: [input, c]", "3")
    assert paths.uniform_gradient(added, 0, 2, 1) == pytest.approx([1 / 6, 1 / 2 + 1 / 6, 1 / 6])
