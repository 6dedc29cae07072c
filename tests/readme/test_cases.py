"""Small documents of every kind that people publish, each with its right value, worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rfcalc.errors import RfcalcError
from rfcalc.readme.audit.audit import audit
from rfcalc.readme.audit.verdict import Audit
from rfcalc.readme.infer.infer import infer, list_models
from rfcalc.readme.read.text import decode
from tests import printouts
from tests.command import run

CASES = Path(__file__).parent / "documents"
SHARED = Path(__file__).parent.parent / "cases" / "readme"
CellOf = tuple[int | str, str, int, int, str]


def audited(name: str) -> Audit:
    path = CASES / name
    return audit((path if path.exists() else SHARED / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "name",
    [
        "accuracies.md",  # of two runs
        "norms.md",  # of two networks
        "epochs.md",  # of two epochs
        "branches.md",  # rows of parallel branches
        "arithmetic.md",  # the value stands after the last =
        "excerpt.md",  # three rows are no whole network
        "recursive.txt",  # a layer used again counts once
        "collapsed.txt",  # 2,176 = 32*64 + 2*64
        "tree.txt",
        "comments.md",
        "global.md",  # the pool's own stride is 6
        "triples.md",
        "tool.txt",
        "own_layers.md",  # classes and functions of the document's own, a residual block
        "unknown_layers.md",  # nothing is known of what Mixed sees
        "above.md",  # a comment above two layers: what comes out is the second's
        "buffers.md",  # 4 * 8 and 4 * 16: mean and variance counted
        "hidden.txt",  # 4 parameters below the depth of the print
        *[
            "acc1.md",
            "acc2.md",
            "acc3.md",
            "branch.md",
            "fangyh.txt",
            "jform.md",
            "jform2.md",
            "rfcomment.ipynb",
            "rfcomment.md",
        ],
        *["rfcomment2.ipynb", "rfcomment2.md", "rfcomment3.txt", "ti.ipynb", "ti.txt", "ti_ascii0.ipynb"],
    ],
)
def test_right_documents_are_not_accused(name: str) -> None:
    found = audited(name)
    assert (found.exit_code, found.cells) == (0, ()), found.claims


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("table.csv",        [(2, "r_out", 8, 7, "local")]),  # 5 + 2
        *((f"t.{form}", [(2, "r_out", 6, 5, "local")]) for form in ("csv", "html", "rst")),
        *((name, [(2, "r_out", 6, 5, "local")]) for name in ("t2.rst", "t3.rst", "tab.tsv")),
        ("table.tsv",        [(2, "r_out", 8, 7, "local")]),
        ("table.html",       [(2, "r_out", 8, 7, "local")]),
        ("simple.rst",       [(2, "r_out", 8, 7, "local")]),
        ("listed.rst",       [(2, "r_out", 8, 7, "local")]),
        ("grid.rst",         [(2, "r_out", 8, 7, "local")]),
        ("named.md",         [(3, "r_out", 18, 17, "local")]),  # 9 + 2*4
        ("weights.md",       [(3, "r_out", 7, 5, "local"), (4, "r_out", 11, 9, "inherited")]),  # 1x1: 5; 5 + 2*2
        ("discriminator.md", [(5, "r_out", 68, 69, "local")]),  # 3+6+12+24 = 45; 45 + 3*8
        ("low.md", [(1, "r_out", 3, 5, "local"), (2, "r_out", 7, 9, "inherited"), (3, "r_out", 11, 17, "local")]),
        ("keras.md",         [("conv2d_1", "params", 1178, 1168, "local")]),  # 9*8*16 + 16
    ],
)  # fmt: skip
def test_slips_are_named(name: str, cells: list[CellOf]) -> None:
    found = audited(name)
    assert [(c.row, c.column, c.stated, c.computed, c.kind) for c in found.cells] == cells
    assert found.exit_code == 1


@pytest.mark.parametrize(
    ("name", "quantity", "expected"),
    [
        ("parameters.md",    "params",          [("1,716", 1732, "wrong")]),  # 168+12+54+72+1296+130
        ("discriminator.md", "receptive_field", [("68", 69, "wrong")]),
        ("excerpt.md",       "params",          [("98,712", None, "undetermined")]),
        ("rfcomment.ipynb",  "code comments",   [("2 layers", None, "right")]),
        ("tool.txt",         "table",           [("3 rows", None, "undetermined")]),
    ],
)  # fmt: skip
def test_claims(name: str, quantity: str, expected: list[tuple[Any, Any, str]]) -> None:
    claims = [claim for claim in audited(name).claims if claim.quantity == quantity]
    assert [(claim.stated, claim.computed, claim.verdict) for claim in claims] == expected


def test_a_field_of_stated_layers_is_right() -> None:
    """3; depthwise 5; 1x1 5; dilated 5 + 2*2 = 9."""
    fields = [claim for claim in audited("parameters.md").claims if claim.quantity == "receptive_field"]
    assert [claim.verdict for claim in fields if claim.stated == "9"] == ["right"]


@pytest.mark.parametrize(
    ("old", "new", "cell"),
    [
        ("output: 32, RF: 3", "output: 30, RF: 3", (1, "n_out", 30, 32, "local")),  # no input is stated: CIFAR's 32
        ("RF: 5",             "RF: 7",             (3, "r_out", 7, 5, "local")),  # 3 + 2, in a class of its own
        ("RF: 11",            "RF: 9",             (5, "r_out", 9, 11, "local")),  # 5 + 2 + 2*2, the shortcut sees less
        ("output: 16",        "output: 15",        (5, "n_out", 15, 16, "local")),
        ("RF: 21",            "RF: 17",            (7, "r_out", 17, 21, "local")),  # 13 + 2*4
    ],
)  # fmt: skip
def test_a_slip_after_layers_of_the_documents_own(old: str, new: str, cell: CellOf) -> None:
    found = audit((CASES / "own_layers.md").read_text(encoding="utf-8").replace(old, new, 1))
    assert [(c.row, c.column, c.stated, c.computed, c.kind) for c in found.cells] == [cell]


def test_a_join_whose_other_way_sees_more_is_not_judged() -> None:
    """A shortcut of 9x9 sees more than two 3x3, of which the first steps by 2 and which see 7: no field of the block is
    known. One of 5x5 sees less: 5 + 2 + 2*2."""
    text = (CASES / "own_layers.md").read_text(encoding="utf-8")
    text = text.replace("RF: 11", "RF: 90")
    assert audit(text.replace("inputs, outputs, 1, stride", "inputs, outputs, 9, padding=4, stride")).exit_code == 0
    for shortcut in (text, text.replace("inputs, outputs, 1, stride", "inputs, outputs, 5, padding=2, stride")):
        assert [(c.column, c.stated, c.computed) for c in audit(shortcut).cells] == [("r_out", 90, 11)]


def test_running_statistics_are_a_convention() -> None:
    claims = audited("buffers.md").claims
    assert [(c.quantity, c.verdict) for c in claims] == [("row params", "convention")]


def test_a_depth_limit_leaves_the_total_open() -> None:
    assert [c.verdict for c in audited("hidden.txt").claims if c.quantity == "params"] == ["undetermined"]


def test_multiply_adds_of_a_tree() -> None:
    """2*(260*24*24 + 5020*8*8) + 16050 + 510 = 958,640 as older versions count a batch of two."""
    text = (SHARED / "ti.txt").read_text(encoding="utf-8")
    verdicts = [
        [c.verdict for c in audit(text.replace("0.96", figure)).claims if c.quantity == "mult-adds"]
        for figure in ("0.96", "0.98", "0.97")
    ]
    assert verdicts == [["right"], ["right"], ["wrong"]]


PRINTED = """
```
Net(
  (conv1): Conv2d(1, 4, kernel_size=(3, 3), stride=(1, 1))
  (norm): BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
  (conv2): Conv2d(4, 8, kernel_size=(3, 3), stride=(2, 2), bias=False)
  (fc): Linear(in_features=1152, out_features=10, bias=True)
)
```
"""


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("It has 11,866 parameters.",                    "right"),  # 40 + 8 + 288 + 11,530
        ("It has 11,886 parameters.",                    "wrong"),
        ("It has 2,000,000 parameters.",                 "undetermined"),  # of another network, it seems
        ("A smaller model has 9,500 parameters.",        "undetermined"),
    ],
)  # fmt: skip
def test_layers_in_code_are_counted(text: str, verdict: str) -> None:
    claims = [c for c in audit(f"{PRINTED}\n{text}\n").claims if c.quantity == "params"]
    assert [c.verdict for c in claims] == [verdict], claims


def test_a_part_of_a_network_accuses_nobody() -> None:
    text = PRINTED.replace("Conv2d(1, 4", "Conv2d(16, 4")
    assert audit(f"{text}\nIt has 11,886 parameters.\n").exit_code == 0


def test_a_lagging_column_is_a_named_convention() -> None:
    for name in ("triples.md", "named.md", "low.md"):
        assert [c.stated for c in audited(name).claims if c.verdict == "convention"] == ["jump column"]


def test_places_in_a_notebook() -> None:
    assert [claim.where for claim in audited("rfcomment.ipynb").claims][-1] == "cell 1, line 2"


def test_a_collapsed_shortcut_is_opened() -> None:
    found = infer((CASES / "collapsed.txt").read_text(encoding="utf-8"))
    assert found.arch is not None, found.unexplained
    assert found.arch.params == 59_306
    adds = [entry for entry in found.to_json()["layers"] if entry["op"] == "add"]
    assert len(adds) == 1


def test_a_keras_summary_is_inferred() -> None:
    """Kernels 3 and 3, valid: 3*9*8 + 8 = 224; the right count of the second is 1,168."""
    text = (CASES / "keras.md").read_text(encoding="utf-8").replace("1178", "1168").replace("28442", "28442")
    found = infer(text, (3, 32, 32))
    assert found.arch is not None
    convs = [entry for entry in found.to_json()["layers"] if entry["op"] == "conv"]
    assert [(entry["kernel_size"], entry["padding"]) for entry in convs] == [(3, 0), (3, 0)]
    assert found.arch.params == 28_442


def test_code_settles_what_shapes_leave_open() -> None:
    """From 24 to 24 channels, 16 to 16: 3x3 dilated by 2 and padded by 2, which no shape shows."""
    summary = "Conv2d-1 [-1, 24, 16, 16] 672\nConv2d-2 [-1, 24, 16, 16] 5,208\n"
    calls = ("self.a = nn.Conv2d(3, 24, 3, padding=1)", "self.b = nn.Conv2d(24, 24, 3, padding=2, dilation=2)")
    code = "```python\n" + "\n".join(calls) + "\n```\n"
    assert infer(summary, (3, 16, 16)).to_json()["receptive_field"]["before_global_pool"] == 5
    assert infer(code + summary, (3, 16, 16)).to_json()["receptive_field"]["before_global_pool"] == 7


# --- sections ----------------------------------------------------------------------------------------------------


def two_models() -> str:
    small, large = printouts.summary(printouts.S9[:5]), printouts.summary(printouts.S9)
    return f"# Model 1\n\n{small}\n\nIt has 19,456 parameters.\n\n# Model 2\n\n{large}\n\nIt has 180,298 parameters.\n"


def test_a_claim_belongs_to_its_section() -> None:
    params = [c for c in audit(two_models()).claims if c.quantity == "params" and isinstance(c.stated, str)]
    assert [(c.stated, c.computed, c.verdict, c.section) for c in params] == [
        ("19,456", 19_456, "right", "Model 1"),
        ("180,298", 180_298, "right", "Model 2"),
    ]
    swapped = audit(two_models().replace("It has 19,456", "It has 180,298"))
    assert [(c.stated, c.computed) for c in swapped.claims if c.verdict == "wrong"] == [("180,298", 19_456)]


def test_models_are_listed_and_chosen(tmp_path: Path) -> None:
    assert [line.partition(" (")[0] for line in list_models(two_models())] == ["1: Model 1", "2: Model 2"]
    assert infer(two_models(), model="2").params == infer(two_models(), model="model 2").params == 180_298
    with pytest.raises(RfcalcError, match="--model 3 fits none of them; 1: Model 1"):
        infer(two_models(), model="3")
    path = tmp_path / "two.md"
    path.write_text(two_models(), encoding="utf-8")
    assert "2: Model 2" in run("infer", "--list", str(path)).out
    assert "params 180,298" in run("infer", "--model", "Model 2", str(path)).out


@pytest.mark.parametrize(
    "sentence",
    [
        "The first try had 300,000 parameters.",
        "The budget is 100K parameters.",
        "## Target\n\n- 100K parameters",
        "**Target:**\n\n- Less than 100K parameters",
        "- reduce the number of parameters to 8k or 10k",
        "Now let us see whether 150,000 or 170,000 parameters are enough.",
        "We set this parameter to be 2000 after some tries.",
        "The model has about 170K parameters.",
        "# Model 7\n\nIt has 300,000 parameters.\n\n# Model 8\n\nIt has 400,000 parameters.",
    ],
)
def test_other_networks_and_demands_are_not_results(sentence: str) -> None:
    found = audit(f"# Net\n\n{printouts.summary(printouts.S9)}\n\n{sentence}\n")
    assert found.exit_code == 0, found.claims


@pytest.mark.parametrize(
    "text",
    [
        "| Kernel | Params | RF |\n|-|-|-|\n| 3x3 | 9 | 3 |\n| 5x5 | 25 | 5 |\n| 7x7 | 49 | 7 |\n",
        "| Stack | RF |\n|-|-|\n| one 5x5 conv | 5 |\n| two 3x3 convs | 5 |\n| three 3x3 convs | 7 |\n",
        "| Model | Params | Test accuracy |\n|-|-|-|\n| conv net | 7,690 | 99.2 |\n| conv net 2 | 12,061 | 99.4 |\n",
    ],
)
def test_rows_that_stand_alone_are_no_network(text: str) -> None:
    """Kernels, stacks and models side by side: no row reads the one above."""
    found = audit(text)
    assert (found.exit_code, found.cells) == (0, ())


def test_a_bare_total_counts_only_below_its_table() -> None:
    assert audit(f"# Net\n\n{printouts.summary(printouts.S9)}\n\n# Images\n\nTotal: 60,000.\n").exit_code == 0


def test_no_word_is_split_in_a_narrow_terminal() -> None:
    done = run("audit", str(CASES / "low.md"), COLUMNS="50")
    words = {word for line in audited("low.md").lines(1000) for word in line.split()}
    assert {word for line in done.out.splitlines() for word in line.split()} <= words


# --- forms -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "what"), [(b"\x89PNG\r\n", "an image"), (b"%PDF-1.7", "a PDF")])
def test_what_is_no_text_is_refused(data: bytes, what: str) -> None:
    with pytest.raises(RfcalcError, match=f"x.md: this is {what}, not text: copy the figures out"):
        decode(data, "x.md")


def test_an_address_is_refused() -> None:
    done = run("audit", "https://example.org/README.md")
    assert done.code == 2
    assert "rfcalc reads files, not addresses" in done.err


def test_several_inputs_and_forms(tmp_path: Path) -> None:
    right, wrong = CASES / "arithmetic.md", CASES / "table.csv"
    assert run("audit", str(right), str(wrong)).code == 1
    github = run("audit", str(wrong), "--format", "github").out
    assert f"::error file={wrong},line=3::row 2, r_out: 8 should be 7" in github
    markdown = run("audit", str(wrong), "--format", "markdown").out
    assert "| line 3 | 2 | r_out | 8 | 7 | local | 5 + (3 - 1) * 1 |" in markdown
    nothing = run("audit", "-", "--format", "json", stdin="Nothing.")
    assert (nothing.code, nothing.out.split()) == (0, ["{", '"claims":', "[],", '"cells":', "[]", "}"])


def test_the_tally_and_the_exit_code_agree() -> None:
    for path in CASES.iterdir():
        found = audit(path.read_text(encoding="utf-8"))
        assert bool(found.exit_code) == any("wrong" in line for line in found.tally), path.name
        assert not found.cells or found.exit_code == 1
