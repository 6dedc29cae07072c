"""Specs that mean harm, and anything at all: each is refused in no time and little memory, and nothing in it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import rfcalc
from rfcalc import Arch, RfcalcError, SpecError
from rfcalc.engine.kinds import describe, settings_of
from rfcalc.engine.layers import LAYERS
from rfcalc.testing.networks import Spec
from tests.strategies import specs

IMAGE = "input: [3, 32, 32]\n"

# --- files -------------------------------------------------------------------------------------------------------


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    latin, binary, wide = tmp_path / "latin.yaml", tmp_path / "binary.yaml", tmp_path / "wide.yaml"
    latin.write_bytes("name: café".encode("latin-1"))
    binary.write_bytes(bytes(range(256)))
    wide.write_bytes("input: [3, 8]".encode("utf-16"))
    facts = {
        str(tmp_path / "missing.yaml"): "No such file or directory",
        str(tmp_path / "no" / "folder.yaml"): "No such file or directory",
        str(tmp_path) + os.sep: "Is a directory",
        str(latin): "is not UTF-8 text: byte 9 is 0xe9",
        str(binary): "is not UTF-8 text: byte 128 is 0x80",
        str(wide): "is not UTF-8 text: byte 0 is 0xff",
    }
    for path, fact in facts.items():
        with pytest.raises(SpecError) as error:
            rfcalc.load(path)
        assert str(error.value) == f"{path}: {fact}"


def test_file_that_is_far_too_large(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    with file.open("wb") as stream:
        stream.truncate(2**26 + 1)
    with pytest.raises(SpecError, match=r"large\.yaml: is larger than 67,108,864 bytes$"):
        rfcalc.load(str(file))


def test_name_that_no_file_can_have() -> None:
    with pytest.raises(SpecError, match=r"^'a\\x00\.yaml': embedded null byte$"):
        rfcalc.load("a\0.yaml")
    with pytest.raises(RfcalcError, match=r"^no such file and no shipped spec 's8'"):
        rfcalc.load("s8")
    with pytest.raises(RfcalcError, match=r"^no such file and no shipped spec ''"):
        rfcalc.load("")


# --- what would crash, hang or run something ---------------------------------------------------------------------

DOUBLED = "".join(f"  b{i}: {{layers: [b{i + 1}, b{i + 1}]}}\n" for i in range(30))
DOLLARS = "".join(f"  b{i}: {{parameters: {{x: 0}}, layers: [b{i + 1}: {{x: [$x, $x]}}]}}\n" for i in range(30))
LAUGHS = "a0: &a0 [ha, ha]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))
CHAIN = "a0: &a0 [ha]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 200))
CONVT = "conv_transpose: {out_channels: 1, kernel_size: 1048576, stride: 65536}"
BOMBS = {
    "lists in lists": ("[" * 100_000, "1: nested more than 64 deep"),
    "mappings in mappings": ("{a: " * 100_000, "1: nested more than 64 deep"),
    "dashes": ("- " * 100_000, "1: nested more than 64 deep"),
    "blocks of lines": ("".join(" " * i + "a:\n" for i in range(2000)), "65: nested more than 64 deep"),
    "questions": ("? " * 100_000, "1: nested more than 64 deep"),
    "billion laughs": (LAUGHS, "8: more than 2,000,000 values, aliases counted each time they are used"),
    "a long chain of aliases": (CHAIN, "64: nested more than 64 deep"),
    "blocks that double": (
        f"{IMAGE}blocks:\n{DOUBLED}  b30: {{layers: [relu]}}\nlayers: [b0]",
        "34: the spec makes more than 250,000 layers",
    ),
    "parameters that double": (
        f"{IMAGE}blocks:\n{DOLLARS}  b30: {{parameters: {{x: 0}}, layers: [dropout: $x]}}\nlayers: [b0: {{name: b}}]",
        None,
    ),
    "repeats in repeats": (
        IMAGE + "layers: [" + "repeat: {times: 1000, layers: [" * 20 + "relu" + "]}" * 20 + "]",
        "2: the spec makes more than 250,000 layers",
    ),
    "repeats of broken layers": (
        IMAGE + "layers: [repeat: {times: 100000, layers: [conv: {out_channels: 8}]}]",
        "2: repeat1.0.conv (conv): needs kernel_size",
    ),
    "a long number": (
        f"{IMAGE}layers: [linear: {'1' * 1_000_000}]",
        f"2: linear1 (linear): out_features must be an integer, not '{'1' * 36}...",
    ),
    "a number to base 60": (
        f"{IMAGE}layers: [linear: 1{':59' * 100_000}]",
        f"2: linear1 (linear): out_features must be an integer, not '1{':59' * 11}:5...",
    ),
}


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
import rfcalc
try:
    rfcalc.loads(sys.stdin.read(), "net.yaml")
except rfcalc.SpecError as error:
    print(error)
"""


@pytest.mark.parametrize("name", BOMBS)
def test_bomb(name: str) -> None:
    """In a process of its own, of one gigabyte: a bomb that works would take the tests with it."""
    text, fact = BOMBS[name]
    command = [sys.executable, "-c", LIMITED]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    path = "b." + ".".join(f"b{i}" for i in range(1, 31))
    nested = f"33: {path}.dropout (dropout): p must be a number, not [[[[...], [...]], [[...], [...]]], [[..."
    assert done.stdout == f"net.yaml:{fact or nested}\n"


TAGS = [
    "!!python/object/apply:os.system ['touch {file}']",
    "!!python/object/new:os.system ['touch {file}']",
    "!!python/object/apply:subprocess.check_output {{args: [['touch', '{file}']]}}",
    "!!python/module:antigravity x",
    "!!python/name:os.system x",
    "!!python/tuple [1, 2]",
]


@pytest.mark.parametrize("tag", TAGS)
def test_nothing_in_a_spec_runs(tag: str, tmp_path: Path) -> None:
    file = tmp_path / "ran"
    with pytest.raises(SpecError, match=r"^net\.yaml:3: unknown tag '"):
        rfcalc.loads(f"{IMAGE}layers: [relu]\nname: {tag.format(file=file)}\n", "net.yaml")
    assert not file.exists()


def test_description_of_a_value_is_short() -> None:
    value: list[Any] = [0]
    for _ in range(100):
        value = [value, value]
    assert describe(value) == "[[[[...], [...]], [[...], [...]]], [[..."
    assert describe("x" * 10**6) == f"'{'x' * 36}..."
    assert len(describe({str(i): [i] * 100 for i in range(100)})) == 40


# --- anything at all ---------------------------------------------------------------------------------------------

WORDS = ["name", "input", "layers", "blocks", "parameters", "times", "from", "claims", "targets", "$x", "a", "b"]
SETTINGS = sorted({name for layer in LAYERS.values() for name in settings_of(layer)})
words = st.sampled_from([*WORDS, *SETTINGS, *LAYERS, "repeat", "same", "valid", "depthwise", "bilinear"])
numbers = st.one_of(
    st.integers(-3, 9),
    st.sampled_from([0.5, -1.5, 1e300, float("inf"), float("nan"), 10**400, 2**20, 2**31, -(10**400), 1e-320]),
)
plain = st.one_of(st.none(), st.booleans(), numbers, words, st.text(max_size=5), st.dates())
values = st.recursive(
    plain,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
    max_leaves=12,
)
"""Any plain YAML, with the language's own words in likely and unlikely places."""
settings_of_a_layer = st.dictionaries(words, values, max_size=4)
items = st.one_of(
    words,
    st.builds(lambda op, value: {op: value}, words, st.one_of(values, settings_of_a_layer)),
    st.builds(lambda n, layers: {"repeat": {"times": n, "layers": layers}}, numbers, st.lists(words, max_size=3)),
)
sections = {
    "input": st.one_of(values, st.lists(st.integers(1, 9), min_size=2, max_size=4)),
    "layers": st.one_of(values, st.lists(items, max_size=6)),
}
more_sections = {
    "blocks": st.dictionaries(
        words,
        st.one_of(
            values, st.fixed_dictionaries({"layers": st.lists(items, max_size=3)}, optional={"parameters": values})
        ),
        max_size=3,
    ),
    **dict.fromkeys(("name", "source", "notes", "claims", "targets", "train", "other"), values),
}


@given(st.fixed_dictionaries(sections, optional=more_sections))
def test_any_structure_is_right_or_refused(document: dict[str, Any]) -> None:
    survive(yaml.safe_dump(document, allow_unicode=True))


@given(st.fixed_dictionaries({"op": st.sampled_from(sorted(LAYERS)), "axes": st.integers(1, 3)}), st.data())
def test_any_settings_are_right_or_refused(layer: dict[str, Any], data: st.DataObject) -> None:
    """Settings of the layer's own, with values that are numbers or lists of them more often than not."""
    names = [*settings_of(LAYERS[layer["op"]]), "from", "name"]
    likely = st.one_of(
        st.integers(1, 3), numbers, st.lists(st.integers(0, 3), min_size=layer["axes"], max_size=3), plain
    )
    stated = data.draw(st.dictionaries(st.sampled_from(names), likely))
    survive(yaml.safe_dump({"input": [4, 6, 7, 5][: layer["axes"] + 1], "layers": ["relu", {layer["op"]: stated}]}))


@given(specs(max_layers=3), values, st.data())
def test_any_slip_is_right_or_refused(spec: Spec, value: Any, data: st.DataObject) -> None:
    """A network in which one value, anywhere, has been replaced by another, or one key by another word."""
    place: Any = spec
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.integers(0, 3)) == 0:
            break
        place = place[key]
    if isinstance(place, dict) and data.draw(st.booleans()):
        place[data.draw(words)] = place.pop(key)
    else:
        place[key] = value
    survive(yaml.safe_dump(spec))


@given(st.text(alphabet=st.sampled_from("[]{}:,-&*!#|>%@'\"?$ \n\tab01.~<=é\0"), max_size=60))
def test_any_text_is_right_or_refused(text: str) -> None:
    survive(text)
    survive(IMAGE + "layers:\n- " + text)


def survive(text: str) -> None:
    """Loads a text, and traces what it says; only SpecError may come of it, with place and fact on every line."""
    arch = spec_or_problems(text)
    if isinstance(arch, list):
        assert arch
        assert all(problem.startswith("net.yaml:") and len(problem) < 1000 for problem in arch)
    else:
        assert len(arch.rows) == len(arch.nodes) > 0
        assert len(arch.table(all_layers=True).rows) >= len(arch.nodes)


def spec_or_problems(text: str) -> Arch | list[str]:
    try:
        return rfcalc.loads(text, "net.yaml")
    except SpecError as error:
        return error.problems


def test_a_transposed_convolution_of_great_stride_leaves_the_field_unknown_and_counts_the_rest() -> None:
    arch = rfcalc.loads(f"input: [1, 1]\nlayers: [{CONVT}, pad: [[0, -1048575]], {CONVT}]")
    assert [row.status for row in arch.rows] == ["exact", "exact", "unknown (too many phases)"]
    assert arch.macs is not None
    assert arch.out.sizes == arch.rows[0].out.sizes


def test_many_layers_of_many_phases_are_unknown_before_they_cost_minutes() -> None:
    wide = "conv_transpose: {out_channels: 1, kernel_size: 65536, stride: 65536}"
    narrow = "conv: {out_channels: 1, kernel_size: 3}"
    text = f"{{input: [1, 2], layers: [{wide}, repeat: {{times: 5000, layers: [{narrow}]}}]}}"
    arch = rfcalc.loads(text)
    known = 2**18 // 65535  # maps of 65,536 phases within the budget
    assert [row.status for row in arch.rows[:known]] == ["exact"] * 4
    assert {row.status for row in arch.rows[known:]} == {"unknown (too many phases)"}
    assert arch.params == 65536 + 1 + 5000 * 4
    assert arch.out.sizes == (2 * 65536 - 5000 * 2,)
