"""What one unit sees, and which units see a pixel: by hand, and against a slow walk from unit to unit."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import product

import pytest
from hypothesis import assume, given, settings

import rfcalc
from rfcalc import Arch
from rfcalc.engine.reach import places_read, reach
from rfcalc.errors import RfcalcError
from rfcalc.report.unit import pixel_view, unit_or_pixel, unit_view
from rfcalc.testing import archs
from tests.command import run

CONV = "conv: {name: c, out_channels: 1, kernel_size: 3, stride: 2, dilation: 2, padding: 1}"
CROSS = (
    "conv: {name: a, out_channels: 1, kernel_size: [5, 1], padding: [2, 0]}, "
    "conv: {name: b, from: input, out_channels: 1, kernel_size: [1, 5], padding: [0, 2]}, add: [a, b]"
)


def net(layers: str, shape: str = "[1, 9, 9]") -> Arch:
    return rfcalc.loads(f"{{name: t, input: {shape}, layers: [{layers}]}}")


def test_a_unit_by_hand() -> None:
    """Taps 2 apart, from 2*u - 1 on: unit 0 reads -1, 1, 3, unit 3 reads 5, 7, 9 of a map of 9."""
    view = unit_view(net(CONV), "c", (0, 3))
    assert view.to_json() == {
        "layer": "c", "unit": [0, 3], "rows": [-1, 3], "columns": [5, 9], "read": 9, "of": 25,
        "clipped": 25 - 4 * 4, "status": "exact",
    }  # fmt: skip
    assert view.grid.rows == (
        ("rows", "-1", "3", "3", "5", "1", "#.#.#"),
        ("columns", "5", "9", "3", "5", "1", "#.#.#"),
    )
    assert view.grid.caption[1] == "reads 9 of 25; 9 of them lie beyond the 9x9 map"


def test_the_centre_unit_is_the_default_and_a_block_its_last_layer() -> None:
    view = unit_view(rfcalc.load("s9"), "C4")
    assert (view.layer, view.unit) == ("C4.dropout", (8, 8))
    assert view.to_json()["rows"] == [11, 21]


def test_in_another_layers_units() -> None:
    """Two kernels of 3 after a stride of 2: 5 units of the layer in front, 2*4 + 3 = 11 pixels."""
    conv = "conv: {{name: {0}, out_channels: 1, kernel_size: 3, padding: 1, stride: {1}}}"
    arch = net(", ".join(conv.format(*pair) for pair in (("a", 2), ("b", 1), ("c", 1))), "[1, 32, 32]")
    view = unit_view(arch, "c", (4, 5), "a")
    assert (view.to_json()["rows"], view.to_json()["columns"], view.to_json()["from"]) == ([2, 6], [3, 7], "a")
    pixels = unit_view(arch, "c", (4, 5)).to_json()
    assert pixels["rows"] == [2 * 2 - 1, 6 * 2 + 1]


def test_a_branch_that_does_not_hang_on_the_layer_adds_nothing() -> None:
    arch = net(CROSS)
    assert unit_view(arch, "add3", (4, 4), "a").to_json()["columns"] == [4, 4]
    assert unit_view(arch, "add3", (4, 4)).to_json()["columns"] == [2, 6]
    lost = unit_view(arch, "b", (4, 4), "a")
    assert (lost.fields, lost.to_json()["rows"], lost.read) == (None, None, 0)
    assert lost.grid.caption[-1] == "it sees nothing of them"


def test_which_units_see_a_pixel() -> None:
    """Unit u reads 2*u - 1, 2*u + 1, 2*u + 3: pixel 4 is even, no unit reads it; pixel 5 is read by 1, 2 and 3."""
    data = pixel_view(net(CONV), (5, 4)).to_json()
    assert data == {"pixel": [5, 4], "layers": [{"layer": "c", "rows": None, "columns": None, "units": 0, "of": 16}]}
    data = pixel_view(net(CONV), (5, 1)).to_json()
    assert data["layers"] == [{"layer": "c", "rows": [1, 3], "columns": [0, 1], "units": 6, "of": 16}]


def test_a_mirrored_border_sees_the_pixel_twice() -> None:
    """Of a pad of 2, unit u sees pixel u - 2. Pixel 1 stands in front of the border too, at -1: units 3 and 1. Pixel 2
    stands at -2 and at 6: units 4, 0 and 8."""
    arch = net("pad: {name: p, padding: 2, mode: reflect}", "[1, 5]")
    assert [pixel_view(arch, (p,)).layers[0].spans for p in (1, 2)] == [((1, 3, 2),), ((0, 8, 3),)]


@settings(max_examples=40)
@given(archs())
def test_reach_equals_a_walk_from_unit_to_unit(arch: Arch) -> None:
    """Borders dropped: one read after the other, as a person would follow them."""
    assume(all(not row.layer.op.startswith(("whole", "opaque")) for row in arch.rows))
    seen = reach(arch, [range(size) for size in arch.sizes], copies=False)
    for axis in range(len(arch.sizes)):
        maps: list[list[set[int]]] = [[{i} for i in range(arch.sizes[axis])]]
        for row in arch.rows:
            maps.append(walked(row, [maps[i] for i in row.node.inputs], axis))
            found = seen[row.index]
            assert found is not None
            assert [{i for i in range(arch.sizes[axis]) if m >> i & 1} for m in found.along(axis)] == maps[-1]


def walked(row: rfcalc.Row, inputs: list[list[set[int]]], axis: int) -> list[set[int]]:
    size = row.out.axes[axis].size
    wide = [units * size if len(units) == 1 else units for units in inputs]
    if row.layer.joins:
        return [set().union(*(units[i] for units in wide)) for i in range(size)]
    if row.layer.pointwise or (row.x.flat and row.out.flat):
        return inputs[0]
    tap = row.layer.taps(row.x)[axis]
    reads = [[p for p in places_read(tap, u) if 0 <= p < len(inputs[0])] for u in range(size)]
    return [set().union(*(inputs[0][p] for p in at)) for at in reads]


def test_a_cross_has_two_boxes() -> None:
    found = reach(net(CROSS), [range(9), range(9)])[3]
    assert found is not None
    assert len(found.boxes) == 2
    sees = {
        (y, x) for box in found.boxes for y, x in product(range(9), repeat=2) if box[0][4] >> y & box[1][4] >> x & 1
    }
    cross = {(y, 4) for y in range(2, 7)} | {(4, x) for x in range(2, 7)}
    assert sees == cross


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (("c", (9, 0), None, None), "c has no unit 9,0: its map is 4x4, counted from 0"),
        (("c", (0,), None, None), "c has no unit 0: its map is 4x4, counted from 0"),
        (("d", None, None, None), "t has no layer 'd'"),
        (("c", None, "c", None), "c does not come before c"),
        ((None, None, None, (9, 0)), "t has no pixel 9,0: its image is 9x9, counted from 0"),
        ((None, None, None, None), "name a layer and, if you like, its unit; or a pixel with --pixel Y,X"),
    ],
)
def test_mistakes_are_told(given_: tuple[object, ...], message: str) -> None:
    with pytest.raises(RfcalcError) as told:
        unit_or_pixel(net(CONV), *given_)  # type: ignore[arg-type]
    assert str(told.value).startswith(message)


def test_the_command_loads_no_torch() -> None:
    done = run("unit", "s9", "C4", "0,0", "--format", "json")
    data = json.loads(done.out)
    assert (data["rows"], data["columns"], data["read"], data["of"], data["clipped"]) == (
        [-5, 5],
        [-5, 5],
        121,
        121,
        85,
    )
    code = "import sys, rfcalc; from rfcalc.report.unit import unit_or_pixel; "
    code += "unit_or_pixel(rfcalc.load('s9'), 'C4', None, None, None); "
    subprocess.run([sys.executable, "-c", code + "assert 'torch' not in sys.modules"], check=True)
    assert "C2.conv" in run("unit", "s9", "--pixel", "3,4").out
