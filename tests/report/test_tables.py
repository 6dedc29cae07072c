"""Tables in every form, against the documents' printouts and against their own sums."""

import csv
import io
import json
import re
import time
from fractions import Fraction
from pathlib import Path
from typing import get_args

import pytest

import rfcalc
from rfcalc.cli.parameters import TableFormat
from rfcalc.report.cells import agreed, text
from rfcalc.report.grid import Column, Grid, rendered
from rfcalc.report.table import COLUMNS
from tests.command import run

SHOWN = [column for key, column in COLUMNS.items() if key != "status"]

CONTRACT = [
    "index", "name", "op", "from", "n_in", "n_out", "ch_in", "ch_out", "kernel_size", "stride", "padding", "dilation",
    "groups", "j_in", "j_out", "r_in", "r_out", "start_in", "start_out", "params", "macs",
]  # fmt: skip

# the printouts of the third to fifth documents, a row each: type, shape after the batch, parameters
PRINTED = {
    "s9": """Conv2d 32 32 32 896|ReLU 32 32 32 0|BatchNorm2d 32 32 32 64|Dropout 32 32 32 0|Conv2d 64 32 32 18,496
        |ReLU 64 32 32 0|BatchNorm2d 64 32 32 128|Dropout 64 32 32 0|Conv2d 32 16 16 18,464|Conv2d 32 16 16 9,248
        |ReLU 32 16 16 0|BatchNorm2d 32 16 16 64|Dropout 32 16 16 0|Conv2d 64 16 16 18,496|ReLU 64 16 16 0
        |BatchNorm2d 64 16 16 128|Dropout 64 16 16 0|Conv2d 32 7 7 18,464|Conv2d 32 7 7 9,248|ReLU 32 7 7 0
        |BatchNorm2d 32 7 7 64|Dropout 32 7 7 0|Conv2d 32 7 7 320|Conv2d 64 7 7 2,112|ReLU 64 7 7 0
        |BatchNorm2d 64 7 7 128|Dropout 64 7 7 0|Conv2d 32 3 3 18,464|Conv2d 32 3 3 9,248|ReLU 32 3 3 0
        |BatchNorm2d 32 3 3 64|Dropout 32 3 3 0|Conv2d 64 3 3 18,496|ReLU 64 3 3 0|BatchNorm2d 64 3 3 128
        |Dropout 64 3 3 0|Conv2d 64 3 3 36,928|AdaptiveAvgPool2d 64 1 1 0|Conv2d 10 1 1 650""",
    "dilated93": """Conv2d 16 32 32 432|BatchNorm2d 16 32 32 32|ReLU 16 32 32 0|Dropout 16 32 32 0
        |Conv2d 32 32 32 4,608|BatchNorm2d 32 32 32 64|ReLU 32 32 32 0|Dropout 32 32 32 0|Conv2d 32 32 32 320
        |Conv2d 64 32 32 2,112|BatchNorm2d 64 32 32 128|ReLU 64 32 32 0|Conv2d 64 16 16 36,864
        |BatchNorm2d 64 16 16 128|ReLU 64 16 16 0|Dropout 64 16 16 0|Conv2d 16 16 16 1,024|BatchNorm2d 16 16 16 32
        |ReLU 16 16 16 0|Conv2d 32 16 16 4,608|BatchNorm2d 32 16 16 64|ReLU 32 16 16 0|Dropout 32 16 16 0
        |Conv2d 32 16 16 9,216|BatchNorm2d 32 16 16 64|ReLU 32 16 16 0|Dropout 32 16 16 0|Conv2d 64 8 8 18,432
        |BatchNorm2d 64 8 8 128|ReLU 64 8 8 0|Dropout 64 8 8 0|Conv2d 16 8 8 1,024|BatchNorm2d 16 8 8 32
        |ReLU 16 8 8 0|Conv2d 32 8 8 4,608|BatchNorm2d 32 8 8 64|ReLU 32 8 8 0|Dropout 32 8 8 0
        |Conv2d 64 8 8 18,432|BatchNorm2d 64 8 8 128|ReLU 64 8 8 0|Dropout 64 8 8 0|Conv2d 64 4 4 36,864
        |BatchNorm2d 64 4 4 128|ReLU 64 4 4 0|Dropout 64 4 4 0|Conv2d 16 4 4 1,024|BatchNorm2d 16 4 4 32
        |ReLU 16 4 4 0|Conv2d 64 4 4 9,216|BatchNorm2d 64 4 4 128|ReLU 64 4 4 0|AdaptiveAvgPool2d 64 1 1 0
        |Conv2d 10 1 1 640""",
    "valid149k": """Conv2d 32 32 32 864|ReLU 32 32 32 0|BatchNorm2d 32 32 32 64|Dropout 32 32 32 0
        |Conv2d 64 32 32 18,432|ReLU 64 32 32 0|BatchNorm2d 64 32 32 128|Dropout 64 32 32 0|Conv2d 16 32 32 1,040
        |Conv2d 16 28 28 2,304|ReLU 16 28 28 0|BatchNorm2d 16 28 28 32|Conv2d 32 28 28 4,608|ReLU 32 28 28 0
        |BatchNorm2d 32 28 28 64|Dropout 32 28 28 0|Conv2d 64 28 28 18,432|ReLU 64 28 28 0|BatchNorm2d 64 28 28 128
        |Dropout 64 28 28 0|Conv2d 32 28 28 2,080|Conv2d 32 24 24 9,216|ReLU 32 24 24 0|BatchNorm2d 32 24 24 64
        |Conv2d 64 24 24 18,432|ReLU 64 24 24 0|BatchNorm2d 64 24 24 128|Dropout 64 24 24 0|Conv2d 64 24 24 576
        |Conv2d 256 24 24 16,384|ReLU 256 24 24 0|BatchNorm2d 256 24 24 512|Dropout 256 24 24 0
        |Conv2d 32 24 24 8,224|Conv2d 32 20 20 9,216|ReLU 32 20 20 0|BatchNorm2d 32 20 20 64|Conv2d 64 20 20 18,432
        |ReLU 64 20 20 0|BatchNorm2d 64 20 20 128|Dropout 64 20 20 0|Conv2d 64 20 20 576|Conv2d 256 20 20 16,384
        |ReLU 256 20 20 0|BatchNorm2d 256 20 20 512|Dropout 256 20 20 0|AvgPool2d 256 1 1 0|Linear 10 2,560""",
}
TOTALS = {  # parameters; input, forward/backward, params and estimated total in MB as the documents print them
    "s9": ("180,298", ["0.01", "4.01", "0.69", "4.71"]),
    "dilated93": ("150,576", ["0.01", "4.74", "0.57", "5.33"]),
    "valid149k": ("149,584", None),  # its document prints no sizes
}


@pytest.mark.parametrize("name", PRINTED)
def test_torchsummary_equals_the_documents_printout(name: str) -> None:
    lines = rfcalc.load(name).table().to_text("torchsummary").splitlines()
    expected = [entry.split() for entry in PRINTED[name].split("|")]
    rows = lines[3 : 3 + len(expected)]
    for number, (row, (kind, *shape, params)) in enumerate(zip(rows, expected, strict=True), 1):
        printed = f"[-1, {', '.join(shape)}]"
        assert row == f"{f'{kind}-{number}':>20}  {printed:>25} {params:>15}"
    total, sizes = TOTALS[name]
    assert lines[3 + len(expected)] == "=" * 64
    assert f"Total params: {total}" in lines
    if sizes:
        assert [line.split(": ")[1] for line in lines if "(MB)" in line] == sizes


@pytest.mark.parametrize("name", rfcalc.names())
def test_columns_add_up_to_the_totals(name: str) -> None:
    arch = rfcalc.load(name)
    everything = arch.table(all_layers=True)
    assert len(everything) == len(arch.nodes)
    for table in (everything, arch.table()):
        assert sum(row["params"] for row in table) == arch.params
        assert sum(row["macs"] for row in table) == arch.macs
    summary = arch.table().to_text("torchsummary")
    printed = [int(line.split()[-1].replace(",", "")) for line in re.findall(r"^ .*-\d+ .*$", summary, re.M)]
    assert sum(printed) == arch.params
    assert f"Total params: {sum(printed):,}" in summary


def test_json_contract() -> None:
    found = json.loads(rfcalc.load("s9").table().to_text("json"))
    assert {key: found[key] for key in ("name", "input", "params", "macs", "receptive_field", "aligned")} == {
        "name": "s9",
        "input": [3, 32, 32],
        "params": 180298,
        "macs": 33771936,
        "receptive_field": {"before_global_pool": 103, "after_global_pool": 119},
        "aligned": True,
    }
    assert [layer["index"] for layer in found["layers"]] == list(range(1, 40))
    assert all(list(layer)[: len(CONTRACT)] == CONTRACT for layer in found["layers"])
    row = next(layer for layer in found["layers"] if layer["name"] == "C10")
    assert {key: row[key] for key in CONTRACT} == {
        "index": 28, "name": "C10", "op": "conv", "from": ["dropout27"], "n_in": 7, "n_out": 3, "ch_in": 64,
        "ch_out": 32, "kernel_size": 3, "stride": 2, "padding": 1, "dilation": 2, "groups": 1, "j_in": 4, "j_out": 8,
        "r_in": 39, "r_out": 55, "start_in": 2.5, "start_out": 6.5, "params": 18464, "macs": 165888,
    }  # fmt: skip


def test_json_per_axis_and_null() -> None:
    spec = """{input: [2, 9, 8], layers: [
        conv: {out_channels: 4, kernel_size: [3, 1], padding: [[0, 1], 0], stride: [2, 1]}, flatten, linear: 3]}"""
    conv, flat, linear = rfcalc.loads(spec).table().to_json()["layers"]
    assert (conv["kernel_size"], conv["stride"], conv["padding"]) == ([3, 1], [2, 1], [[0, 1], 0])
    assert (conv["n_in"], conv["n_out"], conv["r_out"], conv["start_out"]) == ([9, 8], [4, 8], [3, 1], [1.5, 0.5])
    assert (flat["n_in"], flat["n_out"], flat["ch_out"], flat["kernel_size"]) == ([4, 8], None, 128, [4, 8])
    assert (linear["n_in"], linear["n_out"], linear["ch_in"], linear["params"]) == (None, None, 128, 3 * 129)
    assert linear["r_out"] == [9, 8]  # 3 + 3*2, 1 + 7*1


def test_rows_fold_what_changes_nothing() -> None:
    arch = rfcalc.load("s9")
    assert [row["op"] for row in arch.table()][:3] == ["conv, relu", "batch_norm, dropout", "conv, relu"]
    assert [row["op"] for row in arch.table(all_layers=True)][:4] == ["conv", "relu", "batch_norm", "dropout"]


def test_a_branch_is_not_folded_into_a_row_that_it_does_not_follow() -> None:
    spec = """{input: [2, 8], layers: [conv: {name: a, out_channels: 2, kernel_size: 3, padding: 1}, relu,
        conv: {name: b, out_channels: 2, kernel_size: 1}, relu: {name: c, from: a}, add: [b, c]]}"""
    assert [row["op"] for row in rfcalc.loads(spec).table()] == ["conv, relu", "conv", "relu", "add"]


def test_csv_and_markdown_carry_every_digit() -> None:
    table = rfcalc.load("vgg16").table()
    rows = list(csv.DictReader(io.StringIO(table.to_text("csv"))))
    assert list(rows[0]) == list(COLUMNS)
    assert sum(int(row["params"]) for row in rows) == 138357544
    lines = table.to_text("markdown").splitlines()
    assert lines[0].split(" | ")[:3] == ["| layer", "operation", "N_in"]
    assert {line.count("|") for line in lines[: 2 + len(table)]} == {len(SHOWN) + 1}
    assert "params 138,357,544" in table.to_text("markdown")
    assert all(f"{f.kind}: {f.text}" in table.to_text("markdown") for f in table.findings)


def test_html_and_latex_escape() -> None:
    grid = Grid((Column("a & b", left=True),), (("<x_1>",),), ("50 %",))
    assert '<td style="text-align:left">&lt;x_1&gt;</td>' in grid.to_html()
    assert r"<x\_1> \\" in grid.to_latex()
    assert r"a \& b \\" in grid.to_latex()
    assert r"50 \%" in grid.to_latex()


def test_latex_compiles_in_shape() -> None:
    lines = rfcalc.load("mnist28").table().to_text("latex").splitlines()
    body = [line for line in lines if line.endswith(r"\\")]
    assert {line.count("&") for line in body} == {len(SHOWN) - 1}
    assert lines[0] == r"\begin{tabular}{ll" + "r" * (len(SHOWN) - 2) + "}"


def test_to_pandas_and_notebook() -> None:
    arch = rfcalc.load("s9")
    frame = arch.table().to_pandas()
    assert int(frame["params"].sum()) == arch.params
    assert frame["groups"].isna().sum() == sum(row["groups"] is None for row in arch.table())
    assert frame.loc[frame["name"] == "C10", "r_out"].item() == 55
    assert arch._repr_html_().count("<tr>") == len(arch.table()) + 1


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
@pytest.mark.parametrize("name", rfcalc.names())
def test_a_narrow_terminal_drops_columns_and_cuts_no_digit(name: str, width: int) -> None:
    grid = rfcalc.load(name).table().grid
    fitted, dropped = grid.fitted(width)
    kept = [c.heading for c in fitted.columns]
    needed = {"layer", "N_out", "r_out", "params"}
    assert needed <= set(kept)
    assert len(kept) + len(dropped) == len(SHOWN)
    if len(kept) > len(needed):
        assert sum(fitted.widths()) + 2 * (len(kept) - 1) <= width
    for row, whole in zip(fitted.rows, grid.rows, strict=True):
        assert set(row) <= set(whole)


def test_where_nothing_can_go_the_widest_column_folds() -> None:
    columns = (Column("layer", left=True), Column("n"), Column("what", left=True))
    grid = Grid(columns, (("conv.long", "1,024", "a"), ("層", "7", "")), ("the end",))
    wide = ["layer          n  what", "conv.long  1,024  a   ", "層             7      "]
    narrow = ["layer      n  what", "conv.  1,024  a   ", "long              ", "層         7      "]
    for width, rows in ((None, wide), (22, wide), (18, narrow)):
        assert rendered(grid.to_rich(width), width or 80).splitlines() == [*rows, "", "the end"]


def test_a_long_table_prints_in_less_time_than_it_takes_to_work_out() -> None:
    """A table of rich's took a millisecond for each row, eight times as long as all of the rest."""
    spec = {"input": [3, 64, 64], "layers": [{"conv": {"out_channels": 8, "kernel_size": 3, "padding": 1}}] * 1000}
    table = rfcalc.loads(json.dumps(spec)).table()
    str(table.rows)
    start = time.process_time()
    grid = table.grid
    middle = time.process_time()
    grid.plain()
    assert time.process_time() - middle < 2 * (middle - start) + 0.2


def test_the_terminal_gets_at_most_its_width() -> None:
    for name in ("s9", "resnet50"):
        out = run("table", name, COLUMNS="80").out
        rows = out.splitlines()
        assert max(map(len, rows)) <= 80
        assert "no room for: " in out
    assert "18,496" in run("table", "s9", COLUMNS="80").out


def test_a_pipe_gets_every_column() -> None:
    head = run("table", "s9").out.splitlines()[0].split()
    assert head == [column.heading for column in SHOWN]


@pytest.mark.parametrize("form", get_args(TableFormat))
def test_every_form_goes_to_a_file_too(form: str, tmp_path: Path) -> None:
    target = tmp_path / "table.out"
    assert run("table", "mnist28", "--format", form, "-o", str(target)).out == ""
    assert target.read_text(encoding="utf-8") == run("table", "mnist28", "--format", form).out
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("form", get_args(TableFormat))
def test_no_form_is_written_as_an_image(form: str, tmp_path: Path) -> None:
    done = run("table", "mnist28", "--format", form, "-o", str(tmp_path / "table.png"))
    assert done.code == 2
    assert done.err.endswith("table.png: this is text, which is not written under the ending of an image\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (18496, "18,496"),
        (0.5, "0.5"),
        (float(Fraction(2, 3)), "2/3"),
        ([3, 1], "3x1"),
        ([[0, 1], 0], "(0,1)x0"),
    ],
)
def test_cells(value: object, shown: str) -> None:
    assert text(value) == shown


def test_agreed() -> None:
    assert agreed((3, 3)) == 3
    assert agreed((3, 1)) == [3, 1]
    assert agreed((3, None)) is None
    assert agreed(()) is None
    assert agreed((Fraction(1, 2), Fraction(1, 2))) == 0.5


FFT = """{input: [2, 8, 8], layers: [conv: {name: a, out_channels: 2, kernel_size: 3, padding: 1},
    opaque: {name: fft, operation: fft2}, conv: {name: b, out_channels: 4, kernel_size: 3, padding: 1},
    global_avg_pool, linear: 3]}"""


def test_an_unknown_is_named_and_no_number_stands_for_it() -> None:
    arch = rfcalc.loads(FFT)
    found = arch.table().to_json()
    assert (found["params"], found["macs"]) == (38 + 76 + 15, None)
    assert found["receptive_field"] == {"before_global_pool": None, "after_global_pool": None}
    fft, b = found["layers"][1:3]
    assert (fft["macs"], fft["r_out"], fft["j_out"], fft["start_out"], fft["n_out"]) == (None, None, None, None, 8)
    assert (b["status"], b["r_out"], b["pixels_read"], b["outside_corner"]) == ("unknown (fft2)", None, None, None)
    assert (b["params"], b["macs"]) == (4 * (9 * 2 + 1), 8 * 8 * 4 * 9 * 2)
    shown = str(arch.table())
    assert "MACs – (partial: 6,924 without fft)" in shown  # 8*8*2*9*2 + 8*8*4*9*2 + 3*4
    assert "receptive field – before global pooling, – after" in shown


def test_the_status_has_a_column_only_where_it_says_something() -> None:
    assert "status" in rfcalc.loads(FFT).table().columns
    assert "status" not in rfcalc.load("s9").table().columns
    gate = """{input: [4, 8, 8], layers: [conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1}, global_avg_pool,
        conv: {name: g, out_channels: 4, kernel_size: 1}, multiply: {name: m, from: [a, g]}]}"""
    assert [row["status"] for row in rfcalc.loads(gate).table()][-1] == "whole input"
