"""Printed summaries back into networks: the five documents, networks of branches and blocks, random ones, and text that
holds nothing to rebuild."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import rfcalc
from rfcalc.engine.arch import PrintedAs, Row
from rfcalc.errors import RfcalcError
from rfcalc.readme.infer.infer import infer
from rfcalc.readme.infer.inference import Inference
from rfcalc.report.cells import cells_of
from rfcalc.report.torchsummary import to_torchsummary
from rfcalc.spec.writer import dump
from tests import printouts
from tests.command import run
from tests.printed_networks import Spec, plain, wild
from tests.strategies import load

SETTINGS = ("kernel_size", "stride", "padding", "dilation", "groups", "bias")


def layer(found: Inference, row: int) -> dict[str, Any]:
    """What JSON says of the printed row of that number."""
    return next(entry for entry in found.to_json()["layers"] if entry["row"] == row)


def settings_of(entry: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(json.dumps(entry[key]) for key in SETTINGS)


def truth_of(row: Row) -> tuple[Any, ...]:
    cells = {**cells_of(row), "bias": row.layer.bias}  # type: ignore[attr-defined]
    return settings_of(cells)


def shown_settings(found: Inference, row: int) -> set[tuple[Any, ...]]:
    """The settings of the choice and of all alternatives of one row."""
    entry = layer(found, row)
    same = [a for a in entry["alternatives"] if a["op"] == entry["op"]]
    return {settings_of(entry), *(settings_of({**entry, **a}) for a in same)}


# --- the documents -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "params", "before", "after"),
    [
        (printouts.S9_TEXT,      "s9",        180_298, 103, 119),
        (printouts.DILATED_TEXT, "dilated93", 150_576,  93, 117),
        (printouts.VALID_TEXT,   "valid149k", 149_584,  29,  48),
    ],
)  # fmt: skip
def test_a_documents_network_is_the_shipped_spec(text: str, name: str, params: int, before: int, after: int) -> None:
    """Layer by layer, but for the dropout rate, which no printout shows."""
    found, shipped = infer(text), rfcalc.load(name)
    assert found.arch is not None
    for ours, theirs in zip(found.arch.rows, shipped.rows, strict=True):
        assert ours.layer == theirs.layer or ours.layer.op == theirs.layer.op == "dropout"
    plain_json = found.to_json()
    assert (plain_json["params"], plain_json["unexplained"]) == (params, [])
    fields = plain_json["receptive_field"]
    assert (fields["before_global_pool"], fields["after_global_pool"]) == (before, after)
    assert fields["range"][0] <= before <= fields["range"][1]


def test_the_stated_field_decides_the_dilation() -> None:
    """45 + (3 - 1) * 3 * 8 = 93; the shapes alone would be read as dilation 1: 45 + (3 - 1) * 8 = 61."""
    told, untold = infer(printouts.DILATED_TEXT), infer(printouts.DILATED_TEXT.replace("is : 93", "is large"))
    assert [layer(found, 50)["dilation"] for found in (told, untold)] == [3, 1]
    assert (told.decided_by, untold.decided_by) == (93, None)
    fields = {a["dilation"]: a["receptive_field"]["before_global_pool"] for a in layer(untold, 50)["alternatives"]
              if (a["kernel_size"], a["stride"]) == (3, 1)}  # fmt: skip
    assert (fields[2], fields[3], fields[4]) == (77, 93, 109)


def test_a_stated_field_that_nothing_gives_is_said() -> None:
    found = infer(printouts.DILATED_TEXT.replace("is : 93", "is : 2000"))
    assert found.decided_by is None
    assert any("no likely reading gives the stated receptive field of 2000" in note for note in found.notes)
    assert layer(found, 50)["dilation"] == 1


def test_the_words_of_the_text_decide_between_candidates() -> None:
    """From 16 to 7: dilated with padding, as the text says, or neither; each names the other as its alternative."""
    told = infer(printouts.S9_TEXT)
    untold = infer(printouts.S9_TEXT.replace("strided and dilated", "a convolution"))
    pairs = [(layer(found, 18)["padding"], layer(found, 18)["dilation"]) for found in (told, untold)]
    assert pairs == [(1, 2), (0, 1)]
    assert settings_of(layer(untold, 18)) in shown_settings(told, 18)
    assert settings_of(layer(told, 18)) in shown_settings(untold, 18)


def test_a_document_without_sizes_or_words_still_adds_up() -> None:
    found = infer(printouts.summary(printouts.S9))
    assert found.arch is not None
    assert found.arch.params == 180_298
    assert found.arch.input == (3, 32, 32)


# --- what is likelier ---------------------------------------------------------------------------------------------


def rows(*layers: tuple[str, int, int, int]) -> str:
    """A print of (class, channels, size, parameters)."""
    shapes = ((kind, f"[-1, {c}, {n}, {n}]", count) for kind, c, n, count in layers)
    return "\n".join(f"{kind}-{number} {shape} {count}" for number, (kind, shape, count) in enumerate(shapes, 1))


def test_a_small_map_is_halved_by_a_stride_only_where_others_are() -> None:
    """From 5 to 3: (5 - 3) / 1 + 1 = 3 without padding, (5 + 2 - 3) / 2 + 1 = 3 with a stride of 2."""
    pooled = [("Conv2d", 8, 20, 224), ("MaxPool2d", 8, 10, 0), ("Conv2d", 8, 10, 584), ("MaxPool2d", 8, 5, 0)]
    strided = [("Conv2d", 8, 20, 224), ("Conv2d", 8, 10, 584), ("Conv2d", 8, 5, 584), ("ReLU", 8, 5, 0)]
    small = ("Conv2d", 8, 3, 584)
    found = [layer(infer(rows(*front, small), (3, 20, 20)), 5) for front in (pooled, strided)]
    assert [(entry["stride"], entry["padding"]) for entry in found] == [(1, 0), (2, 1)]


def test_a_norm_of_the_writers_own_is_one_by_what_it_does() -> None:
    """A weight and a bias for each of 8 channels, the map as it was; 17 of them are no norm's."""
    text = rows(("Conv2d", 8, 30, 216), ("GhostBatchNorm", 8, 30, 16), ("Conv2d", 8, 28, 576))
    found = infer(text, (3, 32, 32))
    assert found.arch is not None
    assert [row.layer.op for row in found.arch.rows] == ["conv", "batch_norm", "conv"]
    assert not infer(text.replace(" 16\n", " 17\n"), (3, 32, 32)).ok


@pytest.mark.parametrize(("size", "image", "padding"), [(34, 32, 2), (30, 32, 0), (32, 32, 1)])
def test_the_image_has_a_size_that_images_have(size: int, image: int, padding: int) -> None:
    found = infer(rows(("Conv2d", 8, size, 216), ("ReLU", 8, size, 0)))
    assert (found.image.sizes, layer(found, 1)["padding"]) == ((image, image), padding)


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 32)])
def test_a_padded_first_convolution_is_no_tripled_image(channels: int, size: int) -> None:
    """The others have no padding: still 28 to 28 is a padding of 1, not (84 - 3) / 3 + 1 = 28."""
    first = ("Conv2d", 16, size, 16 * 9 * channels)
    found = infer(rows(first, ("Conv2d", 16, size - 2, 2304), ("Conv2d", 16, size - 4, 2304)))
    assert (found.image.channels, *found.image.sizes) == (channels, size, size)
    assert [layer(found, row)["padding"] for row in (1, 2, 3)] == [1, 0, 0]


def test_a_large_stem_halves_an_image_of_224() -> None:
    """64 * 49 * 3 = 9408 weights make 112 of 224 by a stride of 2, or of 112: the smaller image is half as likely."""
    found = infer(rows(("Conv2d", 64, 112, 9408), ("BatchNorm2d", 64, 112, 128), ("ReLU", 64, 112, 0)))
    assert (found.image.sizes, layer(found, 1)["stride"]) == ((224, 224), 2)


def test_channels_of_the_image_are_those_of_images() -> None:
    """16 * 26 = 416 weights are 25 taps and a bias, not 26 channels."""
    found = infer(rows(("Conv2d", 16, 28, 416), ("Conv2d", 16, 26, 2320), ("ReLU", 16, 26, 0)))
    assert (found.image.channels, layer(found, 1)["kernel_size"]) == (1, 5)


def test_the_words_of_the_text_count_as_rows() -> None:
    """One dilated convolution in seven where the text speaks of any: a plain one stays likelier."""
    front = [("Conv2d", 8, 32, 216), ("Conv2d", 8, 32, 576), ("Conv2d", 8, 30, 576), ("Conv2d", 8, 28, 576)]
    for words in ("", "a dilated convolution\n\n"):
        found = infer(words + rows(*front), (3, 32, 32))
        assert [layer(found, row)["dilation"] for row in (1, 2, 3, 4)] == [1, 1, 1, 1]


def test_a_pool_reads_three_maps_one_after_the_other() -> None:
    """5 + 8 + 11 = 24 channels; no two maps have that many."""
    found = infer(
        rows(("Conv2d", 5, 32, 135), ("Conv2d", 8, 32, 360), ("Conv2d", 11, 32, 792), ("MaxPool2d", 24, 16, 0)),
        (3, 32, 32),
    )
    assert found.arch is not None
    assert list(found.arch.sources(found.arch.rows[-2])) == ["conv1", "conv2", "conv3"]


# --- graphs ------------------------------------------------------------------------------------------------------


def test_residual_blocks() -> None:
    """Shortcuts with a convolution show in the rows; those without are known by the container's name, and that is
    said."""
    found = infer(printouts.summary(printouts.resnet18(), (3, 224, 224)))
    assert found.arch is not None
    assert (found.arch.params, found.arch.receptive_field.before_global_pool) == (11_689_512, (435, 435))
    adds = {entry["name"]: entry["from"] for entry in found.to_json()["layers"] if entry["op"] == "add"}
    assert len(adds) == 8
    assert adds["add_before_relu26"] == ["batch_norm23", "batch_norm25"]
    assert any("5 shortcuts in BasicBlock" in note for note in found.notes)
    assert layer(found, 24)["from"] == ["relu17"]
    assert found.arch.printed["relu33"].containers == ("BasicBlock",)


@pytest.mark.parametrize(
    ("rows", "image"),
    [(printouts.resnet18(), (3, 224, 224)), (printouts.inception(), (3, 32, 32)), (printouts.dense(), (3, 32, 32))],
)
def test_rows_of_containers_come_back_too(rows: list[printouts.Row], image: tuple[int, ...]) -> None:
    text = printouts.summary(rows, image)
    found = infer(text)
    assert found.arch is not None
    assert to_torchsummary(found.arch) == text
    assert to_torchsummary(rfcalc.loads(dump(found.arch))) == text


def test_branches_are_concatenated() -> None:
    found = infer(printouts.summary(printouts.inception(), (3, 32, 32)))
    (concat,) = [entry for entry in found.to_json()["layers"] if entry["op"] == "concat"]
    assert len(concat["from"]) == 4
    assert [layer(found, row)["from"] for row in (4, 7, 13, 20)] == [["max_pool3"]] * 3 + [["max_pool19"]]


def test_what_leaves_no_row_is_found_and_leaves_none() -> None:
    text = printouts.summary(printouts.FUNCTIONAL, (1, 28, 28))
    found = infer(text)
    assert found.arch is not None
    hidden = [node.layer.op for node in found.arch.nodes if found.arch.printed.get(node.name, PrintedAs()).functional]
    assert hidden == ["max_pool", "max_pool"]
    assert to_torchsummary(found.arch) == text
    again = rfcalc.loads(dump(found.arch))
    assert to_torchsummary(again) == text


@pytest.mark.parametrize(
    ("row", "old", "new", "why"),
    [
        (18, "18,464", "18,471",        "18,471 parameters are no multiple of its 32 outputs"),
        (21, "64",     "65",            "a norm of 32 channels has 64 parameters or none, not 65"),
        (20, "0",      "5",             "such a layer has no parameters, but 5 are printed"),
        (18, "18,464", "3,200,096",     "no setting makes 32x7x7 with 3,200,096 parameters of 64x16x16"),
    ],
)  # fmt: skip
def test_an_impossible_row_is_named(row: int, old: str, new: str, why: str) -> None:
    name = f"{printouts.S9[row - 1][0]}-{row} "
    lines = printouts.summary(printouts.S9, (3, 32, 32)).split("\n")
    at = next(i for i, line in enumerate(lines) if name in line)
    head, _, tail = lines[at].rpartition(old)
    lines[at] = head + new + tail
    found = infer("\n".join(lines)).to_json()
    problem = found["problems"][0]
    assert (problem["row"], problem["line"]) == (row, at + 1)
    assert why in problem["why"]
    assert row in found["unexplained"]


def test_an_impossible_first_row_is_named() -> None:
    with pytest.raises(RfcalcError, match="line 4: Conv2d-1: 897 parameters are no multiple of its 32 outputs"):
        infer(printouts.summary(printouts.S9).replace(" 896", " 897"))


# --- random networks ---------------------------------------------------------------------------------------------


def printed_back(spec: Spec, told: bool) -> tuple[rfcalc.Arch, Inference, str]:
    """A network, and what is made of its print."""
    arch = load(spec)
    text = to_torchsummary(arch)
    return arch, infer(text, arch.input if told else None), text


def convolutions(arch: rfcalc.Arch) -> list[Row]:
    return [row for row in arch.rows if row.layer.op == "conv"]


@pytest.mark.parametrize("count", [40, pytest.param(200, marks=pytest.mark.deep)])
def test_plain_networks_come_back_at_first_choice(count: int) -> None:
    """At least 95 in 100 convolutions, the input untold."""
    right: Counter[bool] = Counter()

    @settings(max_examples=count, phases=[Phase.generate])
    @given(plain())
    def each(spec: Spec) -> None:
        arch, found, _ = printed_back(spec, told=False)
        for row in convolutions(arch):
            right[settings_of(layer(found, row.index)) == truth_of(row)] += 1

    each()
    assert sum(right.values()) > 4 * count
    assert right[True] >= 0.95 * sum(right.values()), right


@pytest.mark.parametrize("count", [30, pytest.param(150, marks=pytest.mark.deep)])
def test_the_truth_is_always_shown_and_the_print_always_comes_back(count: int) -> None:
    """For the first convolution the truth can only be shown after the true input."""

    @settings(max_examples=count)
    @given(st.one_of(plain(), wild()), st.booleans())
    def each(spec: Spec, told: bool) -> None:
        arch, found, text = printed_back(spec, told)
        assert found.arch is not None, found.unexplained
        assert to_torchsummary(found.arch) == text
        assert to_torchsummary(rfcalc.loads(dump(found.arch))) == text
        for row in convolutions(arch):
            if row.node.inputs != (0,) or found.arch.input == arch.input:
                assert truth_of(row) in shown_settings(found, row.index)

    each()


# --- other text --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no network found"),
        ("Nothing here is a table.", "no network found"),
        (
            "| layer | kernel | r_out |\n|---|---|---|\n| conv | 3 | 3 |\n| conv | 3 | 5 |\n",
            "line 1: a receptive-field table that does not state all output channels",
        ),
        ("Mystery-1 [-1, 8, 32, 32] 0", "line 1: the summary has no layer that rfcalc knows"),
    ],
)
def test_text_without_a_summary(text: str, message: str) -> None:
    with pytest.raises(RfcalcError, match=message):
        infer(text)


@pytest.mark.parametrize("cut", range(4, 45, 5))
def test_half_a_table_is_read_as_far_as_it_goes(cut: int) -> None:
    lines = printouts.summary(printouts.S9).split("\n")
    found = infer("\n".join(lines[:cut]))
    assert found.params == sum(params for _, _, params in printouts.S9[: cut - 3])


@pytest.mark.parametrize("count", [40, pytest.param(300, marks=pytest.mark.deep)])
def test_garbage_never_crashes(count: int) -> None:
    lines = printouts.S9_TEXT.split("\n")

    @settings(max_examples=count)
    @given(st.text(st.characters(codec="utf-8"), max_size=400), st.integers(0, 60))
    def each(noise: str, at: int) -> None:
        for text in (noise, "\n".join([*lines[:at], noise, *lines[at:]])):
            with suppress(RfcalcError):  # what it says is tested above; anything else is a crash
                infer(text)

    each()


# --- the command line --------------------------------------------------------------------------------------------


def test_infer_on_the_command_line(tmp_path: Path) -> None:
    out = tmp_path / "net.yaml"
    done = run("infer", "-", "-o", str(out), stdin=printouts.S9_TEXT)
    assert done.code == 0, done.err
    assert "params 180,298" in done.out
    assert rfcalc.load(out).params == 180_298
    done = run("infer", "-", "--format", "json", "--input", "3,32,32", stdin=printouts.S9_TEXT)
    found = json.loads(done.out)
    assert {"layers", "receptive_field", "params", "unexplained"} <= found.keys()
    keys = {"row", "op", "out_channels", *SETTINGS, "from", "alternatives"}
    assert all(keys <= entry.keys() for entry in found["layers"])
    assert next(e for e in found["layers"] if e["row"] == 18)["out_channels"] == 32


def test_infer_without_a_summary_on_the_command_line() -> None:
    done = run("infer", "-", stdin="nothing")
    assert done.code == 2
    assert "no network found" in done.err
    assert "Traceback" not in done.err
