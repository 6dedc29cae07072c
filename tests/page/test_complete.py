"""What the live page's editor offers at a place of a text: by the schema, and by the names in the text itself."""

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc.engine.layers import LAYERS
from rfcalc.spec.draft import draft
from rfcalc.zoo import spec_text
from tests.page.node import SOURCES

SCRIPT = Path(__file__).parent / "complete.mjs"
HEAD = """\
name: net  # a comment: no key
input: [3, 16, 16]
source: >-
  text: with a colon
  - and a dash
blocks:
  pair:
    parameters: {width: null, depth: 2}
    layers:
      - conv: {name: one, out_channels: $width, kernel_size: 3}
  trio: {parameters: {size: 3}, layers: [relu]}
layers:
  - pair: {name: A, width: 8}
"""


@cache
def process() -> subprocess.Popen[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the page's script is not run")
    if not SOURCES.is_dir():
        pytest.skip("the page's sources are not here: this is an installed package")
    return subprocess.Popen([node, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(text: str, names: tuple[str, ...] = ("A.one", "B")) -> dict[str, Any]:
    """What the editor makes of a text whose end is the cursor's place."""
    running = process()
    assert running.stdin is not None
    assert running.stdout is not None
    asked = {"text": text, "whole": text, "names": names, "layers": [*LAYERS], "schema": rfcalc.schema()}
    running.stdin.write(json.dumps(asked) + "\n")
    running.stdin.flush()
    found: dict[str, Any] = json.loads(running.stdout.readline())
    return found


def labels(text: str) -> list[str]:
    offered = said(text)["offered"]
    return [option["label"] for option in offered["options"]] if offered else []


@pytest.mark.parametrize(
    ("text", "path", "expects", "word"),
    [
        ("", "", "key", ""),
        ("na", "", "key", "na"),
        ("name: x", "name", "value", "x"),
        (f"{HEAD}", "", "key", ""),
        (f"{HEAD}  ", "layers", "key", ""),
        (f"{HEAD}  - repeat: {{times: 2, layers: [pair: {{wid", "layers/-/repeat/layers/-/pair", "key", "wid"),
        (f"{HEAD}  - co", "layers/-", "item", "co"),
        (f"{HEAD}  - conv: {{na", "layers/-/conv", "key", "na"),
        (f"{HEAD}  - conv: {{name: B, stride: 2, ", "layers/-/conv", "key", ""),
        (f"{HEAD}  - conv: {{name: B, padding_mode: ci", "layers/-/conv/padding_mode", "value", "ci"),
        (f"{HEAD}  - conv: {{stride: [1, ", "layers/-/conv/stride/-", "item", ""),
        (f"{HEAD}  - conv: {{stride: [1, 2], ", "layers/-/conv", "key", ""),
        (f"{HEAD}  - conv: {{name: 'a, b: c', ", "layers/-/conv", "key", ""),
        (f"{HEAD}  - conv: {{stride: 1,  # more, here: [\n      ", "layers/-/conv", "key", ""),
        (f"{HEAD}  - conv:\n      na", "layers/-/conv", "key", "na"),
        (f"{HEAD}  - conv:\n      name: B\n      st", "layers/-/conv", "key", "st"),
        (f"{HEAD}  - add: [", "layers/-/add/-", "item", ""),
        (f"{HEAD}  - repeat:\n      times: 2\n      layers:\n        - re", "layers/-/repeat/layers/-", "item", "re"),
        (f"{HEAD}targets:\n  max", "targets", "key", "max"),
        (f"{HEAD}targets: {{must_use: [de", "targets/must_use/-", "item", "de"),
        (f"{HEAD}  - relu\n  - conv: {{}}\ntar", "", "key", "tar"),
        (f"{HEAD}# comm", "layers/-/pair", "text", "comm"),
        ("source: >-\n  some te", "source", "text", "te"),
        ("notes:\n- a\n- b", "notes/-", "item", "b"),
        ("layers:\n- conv: {a: 1}\n- re", "layers/-", "item", "re"),
    ],
)
def test_the_place_in_the_document(text: str, path: str, expects: str, word: str) -> None:
    found = said(text)
    assert ("/".join(found["path"]), found["expects"], found["word"]) == (path, expects, word)


def test_keys_are_those_that_yaml_reads() -> None:
    keys = said(HEAD)["keys"]
    assert keys[""] == ["name", "input", "source", "blocks", "layers"]
    assert keys["blocks"] == ["pair", "trio"]
    assert keys["blocks\npair\nparameters"] == ["width", "depth"]
    assert keys["blocks\ntrio\nparameters"] == ["size"]


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("", ["name", "input", "layers", "targets"]),
        (f"{HEAD}  - ", ["conv", "max_pool", "repeat", "add", "pair", "trio"]),
        (f"{HEAD}  - conv: {{", ["out_channels", "kernel_size", "stride", "groups", "name", "from"]),
        (f"{HEAD}  - conv: {{padding_mode: ", ["circular", "reflect", "replicate", "zeros"]),
        (f"{HEAD}  - conv: {{bias: ", ["true", "false"]),
        (f"{HEAD}  - conv: {{from: ", ["input", "A.one", "B"]),
        (f"{HEAD}  - add: [", ["input", "A.one", "B"]),
        (f"{HEAD}  - pair: {{", ["width", "depth", "name", "from"]),
        (f"{HEAD}targets:\n  ", ["min_receptive_field", "max_params", "must_use"]),
        (f"{HEAD}targets: {{must_use: [", ["depthwise", "dilation", "conv"]),
        ("blocks:\n  a:\n    layers:\n      - ", ["conv", "relu", "a"]),
    ],
)
def test_what_is_offered(text: str, offered: list[str]) -> None:
    found = labels(text)
    assert [label for label in offered if label not in found] == []


def test_only_what_fits_is_offered() -> None:
    assert "conv" not in labels("")
    assert "out_channels" not in labels(f"{HEAD}  - max_pool: {{")
    assert "conv" not in labels(f"{HEAD}  - pair: {{")
    assert labels(f"{HEAD}  - conv: {{name: ") == []
    assert labels("source: >-\n  some te") == []
    assert labels(f"{HEAD}# co") == []


def test_what_is_needed_comes_first_and_says_so() -> None:
    options = {option["label"]: option for option in said(f"{HEAD}  - conv: {{")["offered"]["options"]}
    assert (options["out_channels"]["detail"], options["out_channels"]["boost"]) == ("needed", 1)
    assert options["stride"]["detail"] == "= 1"
    assert options["stride"]["apply"] == "stride: "


def test_every_layer_type_is_offered_and_described() -> None:
    options = {option["label"]: option for option in said("layers:\n  - ")["offered"]["options"]}
    assert set(LAYERS) <= set(options)
    assert all(options[op]["info"] for op in LAYERS)


@pytest.mark.parametrize("name", rfcalc.names())
def test_every_shipped_spec_is_read_as_yaml_reads_it(name: str) -> None:
    """The keys of all mappings, by another reader than the engine's."""
    import yaml

    text = spec_text(name)[1]
    expected: dict[str, list[str]] = {}

    def walk(value: Any, path: tuple[str, ...]) -> None:
        if isinstance(value, dict):
            expected.setdefault("\n".join(path), []).extend(map(str, value))
        for key, inner in value.items() if isinstance(value, dict) else (("-", each) for each in value):
            if isinstance(inner, dict | list):
                walk(inner, (*path, str(key)))

    walk(yaml.safe_load(text), ())
    found = {path: keys for path, keys in said(text)["keys"].items() if keys}
    assert found == {path: keys for path, keys in expected.items() if keys}


def test_the_place_is_found_wherever_a_text_ends() -> None:
    """No end of a text upsets the scanner, and none is offered what a draft of it then refuses as unknown."""
    text = spec_text("s9")[1]
    for end in range(0, len(text), 41):
        found = said(text[:end])
        assert found["expects"] in ("key", "value", "item", "text")
    for label in labels(f"{HEAD}  - relu: {{"):
        problems = draft(f"{HEAD}  - relu: {{{label}: 1}}\n").problems
        assert not any("did you mean" in problem.text for problem in problems)
