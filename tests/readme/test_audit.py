"""Stated figures against the arithmetic: the five documents, tables of all kinds, sentences; and above all, that a
right figure is never called wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfcalc.engine.arch import Arch, Row
from rfcalc.engine.geometry import Window
from rfcalc.readme.audit.audit import audit
from rfcalc.readme.audit.verdict import Audit
from rfcalc.readme.read.read import read_document
from rfcalc.report.torchsummary import to_torchsummary
from tests import printouts
from tests.command import run
from tests.printed_networks import Spec, plain, wild
from tests.strategies import load


def verdicts(found: Audit, quantity: str) -> list[tuple[Any, Any, str]]:
    """What was said of one quantity: stated, computed, verdict."""
    return [(c.stated, c.computed, c.verdict) for c in found.claims if c.quantity == quantity]


def wrong(found: Audit) -> set[str]:
    return {claim.quantity for claim in found.claims if claim.verdict == "wrong"}


# --- the documents -----------------------------------------------------------------------------------------------


def test_the_first_documents_table_is_right_and_not_of_cifar() -> None:
    found = audit(printouts.FIELD_TEXT)
    assert verdicts(found, "table") == [("10 rows", None, "right")]
    assert verdicts(found, "input") == [("CIFAR (3x32x32)", "1x28x28", "wrong")]
    assert (found.cells, found.exit_code) == ((), 1)


def test_the_second_documents_slips() -> None:
    """104K, the last block's field and size, and C10 that names two layers; the blocks before it are right."""
    found = audit(printouts.LISTING_TEXT)
    assert verdicts(found, "params") == [("104K", 92_784, "wrong")]
    assert [(c.column, c.stated, c.computed, c.line) for c in found.cells] == [
        ("n_out", 16, 8, 12),
        ("r_out", 23, 59, 12),
    ]
    (document,) = read_document(printouts.LISTING_TEXT).models
    noted = [{key: f.cells[key] for key in ("r_out", "n_out")} for f in document.facts if "r_out" in f.cells]
    assert [list(one.values()) for one in noted] == [[3, 32], [9, 32], [11, 16], [23, 16], [27, 8], [23, 16]]
    assert ("C10", None, "wrong") in verdicts(found, "layer name")
    assert ("C13", None, "undetermined") in verdicts(found, "layer name")
    (params,) = [claim for claim in found.claims if claim.quantity == "params"]
    assert "were the pools, which state channels, convolutions, it would be 104,304" in params.why


@pytest.mark.parametrize("text", [printouts.S9_TEXT, printouts.DILATED_TEXT])
def test_the_third_and_fourth_document_hold(text: str) -> None:
    found = audit(text)
    assert (wrong(found), found.cells, found.exit_code) == (set(), (), 0)


def test_a_field_chosen_to_fit_is_not_called_right() -> None:
    (field,) = [claim for claim in audit(printouts.DILATED_TEXT).claims if claim.quantity == "receptive_field"]
    assert (field.computed, field.verdict) == (93, "undetermined")


def test_the_fifth_document_contradicts_itself() -> None:
    found = audit(printouts.VALID_TEXT)
    assert ("< 50k", 149_584, "wrong") in verdicts(found, "params")
    assert wrong(found) == {"params"}


def test_class_accuracies_against_the_whole() -> None:
    """89 … 86 sum to 840: their mean is 84.0, and 85 is met only if all were cut off; with 94 for 84 it is 85.0."""
    figures = (89, 97, 83, 65, 79, 75, 85, 89, 92, 86)
    names = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

    def text(last: int) -> str:
        lines = [f"Accuracy of {name} : {n} %\n" for name, n in zip(names, (*figures[:-1], last), strict=True)]
        return "\n".join(["# CIFAR-10", "Test Accuracy = 85%", *lines])

    quantity = "mean of the class accuracies"
    assert verdicts(audit(text(86)), quantity) == [("85", 84.0, "undetermined")]
    assert verdicts(audit(text(96)), quantity) == [("85", 85.0, "right")]
    assert verdicts(audit(text(86).replace("CIFAR-10", "")), quantity) == []


# --- summaries ---------------------------------------------------------------------------------------------------


def summary_with(old: str, new: str) -> str:
    text = printouts.summary(printouts.S9, (3, 32, 32))
    assert text.count(old) == 1
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "quantity", "computed"),
    [
        ("Total params: 180,298",  "Total params: 180,198", "params",                         180_298),
        ("(MB): 4.01",             "(MB): 5.01",            "forward/backward pass size (MB)", 4.0135),
        ("(MB): 0.69",             "(MB): 0.96",            "params size (MB)",                0.6878),
        ("(MB): 4.71",             "(MB): 4.17",            "estimated total size (MB)",       4.713),
        ("Non-trainable params: 0", "Non-trainable params: 7", "non-trainable params", 0),
        ("ReLU-20 ",               "ReLU-21 ",              "rows",                            None),
    ],
)  # fmt: skip
def test_a_wrong_figure_below_a_summary(old: str, new: str, quantity: str, computed: object) -> None:
    found = audit("CIFAR-10\n\n" + summary_with(old, new))
    assert wrong(found) == {quantity}
    assert {c for _, c, verdict in verdicts(found, quantity) if verdict == "wrong"} == {computed}


def test_a_wrong_count_is_a_cell() -> None:
    """A norm of 32 channels has 64; the total shows that the slip is in the row."""
    lines = printouts.summary(printouts.S9, (3, 32, 32)).split("\n")
    at = next(i for i, line in enumerate(lines) if "BatchNorm2d-12 " in line)
    lines[at] = lines[at].replace(" 64", " 46")
    found = audit("\n".join(lines))
    assert [(c.row, c.column, c.stated, c.computed, c.kind, c.line) for c in found.cells] == [
        (12, "params", 46, 64, "local", at + 1)
    ]


# --- receptive-field tables --------------------------------------------------------------------------------------


ROWS: list[tuple[Any, ...]] = [(name, *cells) for name, cells in printouts.FIELD_ROWS]


def table_with(*changes: tuple[int, str, int]) -> str:
    """The first document's table with some cells changed: (row from 1, heading, value)."""
    rows = [list(row) for row in ROWS]
    for row, heading, value in changes:
        rows[row - 1][1 + printouts.FIELD_HEADINGS.index(heading)] = value
    return printouts.field_table(rows=rows)


def cells_of(found: Audit) -> list[tuple[Any, ...]]:
    return [(c.row, c.column, c.stated, c.computed, c.kind) for c in found.cells]


@pytest.mark.parametrize(
    ("row", "heading", "value", "right", "why"),
    [
        (5, "r_out", 12, 10, "6 + (3 - 1) * 2"),
        (3, "j_out",  4,  2, "1 * 2"),
        (3, "n_out", 11, 12, "(24 + 2 * 0 - (2 - 1) - 1) // 2 + 1"),
        (6, "j_in",   4,  2, "as row 5 makes it"),
    ],
)  # fmt: skip
def test_a_local_slip_is_reported_once(row: int, heading: str, value: int, right: int, why: str) -> None:
    found = audit(table_with((row, heading, value)))
    assert cells_of(found) == [(row, heading, value, right, "local")]
    assert found.cells[0].why == why


def test_what_follows_from_a_slip_is_inherited() -> None:
    """The fifth row's field 2 too large, and the author went on from there."""
    changes = [(5, "r_out", 12)]
    for row in range(6, 11):
        changes += [(row, h, ROWS[row - 1][1 + printouts.FIELD_HEADINGS.index(h)] + 2) for h in ("r_in", "r_out")]
    found = cells_of(audit(table_with(*changes)))
    assert found[0] == (5, "r_out", 12, 10, "local")
    assert len(found) == 11
    assert {cell[4] for cell in found[1:]} == {"inherited"}
    assert found[-1] == (10, "r_out", 30, 28, "inherited")


CONVENTIONS = [
    ([(*r[:10], r[10] - 1, r[11] - 1) for r in ROWS],                "fields count from 0"),
    ([r if r[0] != "GAP" else (*r[:11], 18) for r in ROWS][:8],      "global pooling"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "stated"), CONVENTIONS)
def test_conventions_are_named_and_not_wrong(rows: list[tuple[Any, ...]], stated: str) -> None:
    found = audit(printouts.field_table(rows=rows))
    assert (found.exit_code, found.cells) == (0, ())
    assert any(stated in (claim.stated, claim.quantity) and claim.verdict == "convention" for claim in found.claims)


# --- a right figure is never wrong -------------------------------------------------------------------------------

SPELLINGS = {
    "n_in": ("N_in", "n<sub>in</sub>", "Input size", "nin", "Input"),
    "n_out": ("N_out", "Output size", "n out", "Output"),
    "padding": ("Padding", "P", "pad"),
    "kernel": ("Kernel", "K", "kernel size", "Kernel_size"),
    "stride": ("Stride", "S", "strides"),
    "dilation": ("Dilation", "D"),
    "j_in": ("j_in", "Jin", "jump in"),
    "j_out": ("j_out", "Jump", "j"),
    "r_in": ("r_in", "RF in"),
    "r_out": ("r_out", "RF", "Receptive Field", "r"),
}


def windows(arch: Arch) -> list[tuple[Row, Window]]:
    """The rows that a table made by hand has: convolutions and pools, up to the first layer that sees the whole map."""
    rows = arch.rows[: arch.global_row.index - 1 if arch.global_row else None]
    return [(row, row.layer.windows(row.x)[0]) for row in rows if row.layer.op in ("conv", "max_pool")]


@st.composite
def field_tables(draw: st.DrawFn) -> str:
    """A right table of a random network: some columns, in any order and spelling, counting fields from 1 or 0."""
    arch = load(draw(st.one_of(plain(), wild())))
    shift = draw(st.integers(0, 1))
    lines = []
    for row, window in windows(arch):
        before, after = row.x.axes[0], row.out.axes[0]
        lines.append({
            "n_in": before.size, "n_out": after.size, "padding": window.padding[0], "kernel": window.kernel_size,
            "stride": window.stride, "dilation": window.dilation, "j_in": before.jump, "j_out": after.jump,
            "r_in": (before.receptive_field or 0) - shift, "r_out": (after.receptive_field or 0) - shift,
        })  # fmt: skip
    dilated = any(line["dilation"] != 1 for line in lines)
    needed = ["kernel", "stride", "r_out", *(["dilation"] if dilated else [])]
    others = [key for key in SPELLINGS if key not in needed and (key != "dilation" or dilated)]
    keys = draw(st.permutations([*needed, *(key for key in others if draw(st.booleans()))]))
    headings = ["Layer", *(draw(st.sampled_from(SPELLINGS[key])) for key in keys)]
    names = ["conv" if row.layer.op == "conv" else "maxpool" for row, _ in windows(arch)]
    return printouts.markdown(
        headings, [(name, *(line[k] for k in keys)) for name, line in zip(names, lines, strict=True)]
    )


@settings(max_examples=100)
@given(field_tables())
def test_a_right_table_is_never_wrong(text: str) -> None:
    found = audit(text)
    assert (wrong(found), found.cells) == (set(), ()), text


@settings(max_examples=60)
@given(st.one_of(plain(), wild()), st.sampled_from(["before", "after"]))
def test_right_sentences_are_never_wrong(spec: Spec, which: str) -> None:
    """Whatever settings no shape shows: what the text says of the network at hand is true here."""
    arch = load(spec)
    field = int((getattr(arch.receptive_field, f"{which}_global_pool")[0]) or 0)
    text = (
        f"The model has {arch.params:,} parameters, under {arch.params // 1000 + 1}K parameters.\n"
        f"The final receptive field is {field}.\n\nRF > {field - 1}\n\n{to_torchsummary(arch)}"
    )
    found = audit(text)
    assert (wrong(found), found.cells) == (set(), ()), [c for c in found.claims if c.verdict == "wrong"]
    assert verdicts(found, "params")[-1][2] == "right"


# --- sentences ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("It has 180,298 parameters.",                   ("params", "right")),
        ("It has about 180K parameters.",                ("params", "right")),
        ("It has 190,298 parameters.",                   ("params", "wrong")),
        ("Parameters are kept under 200K.",              ("params", "right")),
        ("Parameters are kept under 100K.",              ("params", "wrong")),
        ("The parameters must stay under 100K.",         ("params", "undetermined")),
        ("The previous model had 500K parameters.",      ("params", "undetermined")),
        ("The layout is from another README: 104K parameters.", ("params", "undetermined")),
        ("RF > 44",                                      ("receptive_field", "right")),
        ("Receptive field: 103",                         ("receptive_field", "undetermined")),
        ("The receptive field is 44.",                   ("receptive_field", "wrong")),
        ("The receptive field is 2000.",                 ("receptive_field", "undetermined")),
        ("RF < 40",                                      ("receptive_field", "wrong")),
        ("The receptive field after conv 3 is 7.",       ("receptive_field", "undetermined")),
        ("A depthwise convolution is used.",             ("uses_depthwise", "right")),
        ("Dilated convolutions are used.",               ("uses_dilation", "undetermined")),
        ("Test accuracy: 85.4",                          ("test accuracy", "undetermined")),
    ],
)  # fmt: skip
def test_sentences_beside_a_summary(sentence: str, expected: tuple[str, str]) -> None:
    found = audit(f"{sentence}\n\n{printouts.summary(printouts.S9, (3, 32, 32))}")
    assert [(c.quantity, c.verdict) for c in found.claims if c.line == 1] == [expected]


def test_accuracies_against_each_other() -> None:
    found = audit("Test accuracy: 85.1\n\nTrain accuracy: 80.0\n\nThe final test accuracy is 86.7\n")
    assert verdicts(found, "test accuracy") == [("85.1", 86.7, "wrong"), ("86.7", 85.1, "wrong")]
    assert verdicts(found, "train accuracy") == [("80.0", None, "undetermined")]


# --- other text, and the command line ----------------------------------------------------------------------------


@given(st.text(st.characters(codec="utf-8"), max_size=400), st.integers(0, 30))
def test_garbage_never_crashes(noise: str, at: int) -> None:
    lines = printouts.FIELD_TEXT.split("\n")
    for text in (noise, "\n".join([*lines[:at], noise, *lines[at:]])):
        assert audit(text).exit_code in (0, 1)


def test_headings_in_another_language() -> None:
    """Known words are read, unknown columns left out; a table of which too little is known is undetermined."""
    cells = [(row[0], row[1], row[2], row[6], row[7]) for row in ROWS]
    for headings in (("Schicht", "Eingabe", "Ausgabe", "Kern", "Schritt"), ("層", "入力", "出力", "核", "歩幅")):
        found = audit(printouts.markdown(headings, cells))
        assert (wrong(found), found.cells) == (set(), ())


def test_a_long_file() -> None:
    """Prose, the table, and a summary of 3,000 rows whose total is right."""
    rows = printouts.stack(("RB", (8, 32, 32), 224), *[("RB", (8, 32, 32), 584)] * 999)
    text = "Nothing to see here. \n" * 30_000 + printouts.FIELD_TEXT + printouts.summary(rows)
    found = audit(text)
    assert verdicts(found, "table") == [("10 rows", None, "right")]
    assert (224 + 16 + 999 * (584 + 16), "right") in [(c, v) for _, c, v in verdicts(found, "params")]


def test_audit_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(table_with((5, "r_out", 12)), encoding="utf-8")
    done = run("audit", str(path))
    assert done.code == 1, done.err
    assert "1 slip, 0 inherited" in done.out
    found = json.loads(run("audit", "-", "--format", "json", stdin=path.read_text(encoding="utf-8")).out)
    (cell,) = found["cells"]
    assert {key: cell[key] for key in ("row", "column", "stated", "computed", "kind")} == {
        "row": 5, "column": "r_out", "stated": 12, "computed": 10, "kind": "local",
    }  # fmt: skip
    assert all(
        {"quantity", "stated", "computed", "verdict", "where", "why"} <= claim.keys() for claim in found["claims"]
    )
    assert run("audit", "-", stdin=printouts.S9_TEXT).code == 0


def test_a_file_that_is_not_there() -> None:
    done = run("audit", "no-such-file.md")
    assert done.code == 2
    assert "no-such-file.md: No such file or directory" in done.err
