"""A spec that is still being written: as much of the network as stands before the first thing that is wrong."""

import pytest

import rfcalc
from rfcalc.spec.draft import draft
from rfcalc.zoo import spec_text

HEAD = """\
name: net
input: [3, 16, 16]
blocks:
  pair:
    parameters: {width: null}
    layers:
      - conv: {name: one, out_channels: $width, kernel_size: 3, padding: 1}
      - relu
layers:
  - pair: {name: A, width: 8}
  - conv: {name: B, out_channels: 8, kernel_size: 3}
"""
WHOLE = ["A.one", "A.relu", "B"]
AFTER = """\
  - add: [C, C]
targets:
  max_params: 10
"""


def names(text: str) -> list[str]:
    arch = draft(text, "net.yaml").arch
    return [row.name for row in arch.rows] if arch else []


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        ("  - conv: {name: C, out_ch", 12),  # a bracket that is open
        ("  - conv: {name: C, out_channels: 8, kernel_size: [3", 12),
        ("  - conv:\n      name: C\n      stride: [2", 14),  # the item begins two lines above
        ("  - conv:\n      name: C\n      out_channels: 8\n      kernel_size: 3\n      stride: [2", 16),
        ("  - conv: {name: C, out_channels: 8, kernal_size: 3}", 12),  # no setting
        ("  - conv: {name: C, out_channels: 8, kernel_size: 99}", 12),  # does not fit
        ("  - pair: {name: C}", 12),  # a block that misses its parameter
        ("  - conv: {name: C, from: D, out_channels: 8, kernel_size: 1}", 12),  # no such layer
        ("  - con", 12),
        ("  - conv: {name: 'C", 12),  # a quote that is open
        ("  -conv: 3", 12),
        ("  - {}", 12),
        ("\t- relu", 12),
    ],
)
@pytest.mark.parametrize("after", ["", AFTER], ids=["nothing below", "more below"])
def test_a_network_goes_as_far_as_its_first_error(broken: str, line: int, after: str) -> None:
    found = draft(f"{HEAD}{broken}\n{after}", "net.yaml")
    assert found.arch is not None
    assert [row.name for row in found.arch.rows] == WHOLE
    assert not found.whole
    assert found.problems[0].line in (line, 12)
    assert not found.problems[0].text.startswith("net.yaml")
    assert found.arch.targets == {}
    assert found.arch.name == "net"


def test_what_is_right_is_whole() -> None:
    text = spec_text("s9")[1]
    found = draft(text, "s9.yaml")
    assert (found.arch, found.problems, found.whole) == (rfcalc.loads(text, "s9.yaml"), (), True)


@pytest.mark.parametrize("section", ["targets: {max_params: many}", "claims: {colour: 3}", "nonsense: 1"])
def test_what_is_wrong_beside_the_layers_leaves_them_whole(section: str) -> None:
    found = draft(f"{HEAD}{section}\n", "net.yaml")
    assert found.arch is not None
    assert [row.name for row in found.arch.rows] == WHOLE
    assert found.whole
    assert [problem.line for problem in found.problems] == [12]


@pytest.mark.parametrize("text", ["", "[", "name: x", "layers: 3", "input: [3, 8, 8]\nlayers:\n", "a: b: c", "\0", "*a",
                                  "\ud800", "choices: {}", "- - - -", "input: [0]\nlayers: [relu]"])  # fmt: skip
def test_where_nothing_can_be_read_there_is_no_network(text: str) -> None:
    found = draft(text, "net.yaml")
    assert found.arch is None
    assert found.problems


def test_within_a_block_the_layers_before_the_error_are_there() -> None:
    text = HEAD.replace("      - relu\n", "      - relu: {slope: 3}\n")
    found = draft(text, "net.yaml")
    assert found.arch is not None
    assert [row.name for row in found.arch.rows] == ["A.one"]
    assert found.problems[0].line == 8
    assert found.arch.blocks == {"A": "pair"}


@pytest.mark.parametrize("name", ["s9", "googlenet", "valid149k"])
def test_a_text_typed_from_its_beginning_never_shrinks_by_whole_lines(name: str) -> None:
    """Line after line a spec grows to its whole network, and what is read is always its beginning."""
    lines = spec_text(name)[1].splitlines(keepends=True)
    full = rfcalc.load(name).nodes
    step = max(1, len(lines) // 60)
    seen = []
    for count in [*range(0, len(lines), step), len(lines)]:
        arch = draft("".join(lines[:count]), "x.yaml").arch
        nodes = arch.nodes if arch else ()
        assert [node.name for node in nodes] == [node.name for node in full[: len(nodes)]]
        seen.append(len(nodes))
    assert seen == sorted(seen)
    assert seen[-1] == len(full)
