"""The printed arithmetic is evaluated again: it must give the figures of the table."""

import re
from fractions import Fraction
from math import ceil, floor

import pytest

import rfcalc
from rfcalc.report.cells import cells_of, text
from rfcalc.report.explain import explain, pattern, row_lines


def printed(arch: rfcalc.Arch, row: rfcalc.Row) -> dict[str, tuple[str, str]]:
    """The `quantity = sum = figure` lines of a layer: quantity -> (sum, figure)."""
    found = {}
    for line in row_lines(arch, row):
        if match := re.fullmatch(r" +(\w+) = (.+) = ([\d,./-]+)", line):
            found[match[1]] = (match[2], match[3])
    return found


def evaluated(expression: str) -> Fraction:
    exact = re.sub(r"(\d+\.\d+|\d+)", r"Fraction('\1')", expression)
    return Fraction(eval(exact, {"__builtins__": {}, "Fraction": Fraction, "floor": floor, "ceil": ceil}))


@pytest.mark.parametrize("name", rfcalc.names())
def test_every_printed_sum_comes_to_its_figure(name: str) -> None:
    arch = rfcalc.load(name)
    checked = 0
    for row in arch.rows:
        cells = cells_of(row)
        for quantity, (expression, figure) in printed(arch, row).items():
            assert evaluated(expression) == evaluated(figure.replace(",", "")), (row.name, quantity)
            assert figure == text(cells[quantity]), (row.name, quantity)
            checked += 1
    assert checked >= 4 * sum(bool(row.params) and not row.layer.norm and not row.out.flat for row in arch.rows)


def test_a_block_is_explained_layer_by_layer() -> None:
    out = explain(rfcalc.load("s9"), "C1")
    assert [line.split(":")[0] for line in out.splitlines() if line and line[0] != " "] == ["C1.conv", "C1.batch_norm"]


def test_axes_that_differ_are_explained_apart() -> None:
    arch = rfcalc.loads("{input: [1, 9, 9], layers: [conv: {name: c, out_channels: 1, kernel_size: [3, 1]}]}")
    out = explain(arch, "c")
    assert "axis 0:\n    n_out = floor((9 + 0 + 0 - 3) / 1) + 1 = 7\n" in out
    assert "axis 1:\n    n_out = floor((9 + 0 + 0 - 1) / 1) + 1 = 9\n" in out


def test_holes_and_borders_are_shown() -> None:
    conv = "conv: {name: c, out_channels: 1, kernel_size: 3, dilation: 2, padding: 2}"
    arch = rfcalc.loads(f"{{input: [1, 9], layers: [{conv}]}}")
    assert "reads 3 of the 5 pixels: #.#.#" in explain(arch, "c")
    assert "outside the image of 9: 40% of unit 0's (corner) and 0% of unit 4's (centre)" in explain(arch, "c")


def test_phases_of_a_transposed_convolution() -> None:
    layer = "conv_transpose: {name: t, out_channels: 1, kernel_size: 3, stride: 2, padding: 1}"
    out = explain(rfcalc.loads(f"{{input: [1, 8], layers: [{layer}]}}"), "t")
    assert "n_out = (8-1)*2 - 1 - 1 + 3 = 15" in out
    assert "j_out = 1/2 = 0.5" in out
    assert "r_out = 2, the largest over the phases: unit 0 sees 0…0 (1); unit 1 sees 0…1 (2)" in out


def test_pattern_of_long_and_unknown_fields() -> None:
    assert pattern(1, 100) == "#" + "." * 59 + "…"
    assert pattern(-1, 100) == "too long a field to tell"
