"""Families whose choices tie distant layers, whose layers choose what they read, and whose MACs nobody knows."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import rfcalc
from rfcalc.search import design, family, graph_search, list_search
from rfcalc.search.front import Answer
from rfcalc.search.goal import Goal
from rfcalc.search.small import OutOfTime

from ..command import run
from . import brute


def answered(stated: dict[str, Any], most: int | None = 3) -> Answer:
    return design.design(family.loads(yaml.safe_dump(stated, sort_keys=False)), most)


def entangled(number: int, objective: dict[str, Any] | None, targets: dict[str, Any]) -> dict[str, Any]:
    """So many choices of two values, each used in the first half and again, otherwise, in the second."""
    names = [f"c{i}" for i in range(number)]
    first = [{"conv": {"out_channels": f"4*${name}", "kernel_size": 3, "padding": "same"}} for name in names]
    second = [
        {"conv": {"out_channels": f"4 + ${name}", "kernel_size": f"2*${name} + 1", "dilation": f"${name}",
                  "padding": "same", "bias": False}}
        for name in names
    ]  # fmt: skip
    choices = {name: [1, 2 + i % 2] for i, name in enumerate(names)}
    document = {"input": [3, 16, 16], "choices": choices, "layers": [*first, *second, "global_avg_pool"]}
    return {**document, "targets": targets, **({"objective": objective} if objective else {})}


TARGETS = {"min_receptive_field": 60, "max_params": 12_000, "max_macs": 2_800_000}


@cache
def everyone(number: int) -> tuple[int, list[brute.Member]]:
    return brute.members(entangled(number, None, {}))


@pytest.mark.parametrize("objective", [None, {"maximize": "params"}, {"minimize": "macs"}])
@pytest.mark.parametrize("edges", [graph_search.FEW_EDGES, -1])
def test_entangled_families_are_what_brute_force_says(
    objective: dict[str, Any] | None, edges: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_search, "FEW_EDGES", edges)
    stated = entangled(7, objective, TARGETS)
    total, found = everyone(7)
    good = [m for m in found if brute.meets(m, TARGETS)]
    assert 0 < len(good) < total == 2**7
    answer = answered(stated)
    assert (answer.choices, answer.feasible, answer.complete) == (total, len(good), True)
    pairs = [(s, f) for s, f in (objective or {}).items()] or brute.FRONT
    ordered = (brute.ranked if objective else brute.front)(good, pairs)[:3]
    assert [dict(one.choices) for one in answer.designs] == [m.choices for m in ordered]
    for target in TARGETS:
        assert answer.bounds[target].best == brute.bound(found, TARGETS, target)


@pytest.mark.deep
def test_seventeen_choices_used_twice_are_answered() -> None:
    begin = time.process_time()
    answer = answered(entangled(17, {"maximize": "params"}, {**TARGETS, "max_params": 60_000, "max_macs": 14_000_000}))
    assert (answer.choices, answer.complete) == (2**17, True)
    assert answer.feasible
    assert time.process_time() - begin < 60


def test_ranks_too_large_for_an_array_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty alternatives of which each chooses for itself: few networks, but ranks of some 40 digits."""
    monkeypatch.setattr(graph_search, "FEW_EDGES", -1)
    ways = {f"w{i}": [{"conv": {"out_channels": 4 + i % 3, "kernel_size": "$k"}}] * 2 for i in range(40)}
    stated = {
        "input": [3, 16, 16],
        "choices": {"way": [*ways], "k": {"values": [1, 3], "each": True}},
        "layers": [{"choose": {"by": "way", **ways}}],
        "objective": {"maximize": "params"},
    }
    answer = answered(stated, 4)
    total, found = brute.members(stated)
    assert (answer.choices, answer.feasible) == (total, len(found)) == (160, 160)
    ordered = brute.ranked(found, [("maximize", "params")])[:4]
    assert [dict(one.choices) for one in answer.designs] == [m.choices for m in ordered]


# --- layers that choose what they read ---


READS = """
input: [3, 12, 12]
choices: {src: [A, B, C], other: {values: [A, B], each: true}, k: [1, 3]}
layers:
  - conv: {name: A, out_channels: 4, kernel_size: $k, padding: same}
  - conv: {name: B, out_channels: 4, kernel_size: 3, padding: same}
  - conv: {name: D, from: $other, out_channels: 6, kernel_size: 1}
  - conv: {name: C, from: $src, out_channels: 4, kernel_size: 5, padding: same}
  - add: [$src, $other]
  - concat: [D, $other]
"""


@pytest.mark.parametrize("edges", [graph_search.FEW_EDGES, -1])
def test_a_layer_may_choose_what_it_reads(edges: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_search, "FEW_EDGES", edges)
    stated = yaml.safe_load(READS)
    total, found = brute.members(stated)
    answer = answered(stated, None)
    assert (answer.choices, answer.feasible) == (total, len(found)) == (48, 32)  # src: C comes after it is read
    ordered = brute.front(found, brute.FRONT)
    assert [dict(one.choices) for one in answer.designs] == [m.choices for m in ordered]


@pytest.mark.parametrize(
    ("src", "message"),
    [
        ("[A, E]", "slip.yaml:5: conv2 .conv.: from: unknown layer 'E'"),
        ("[A, 3]", "slip.yaml:5: .*from must be the name of one layer, not 3"),
        ("[C]", "slip.yaml:5: .*from C: that layer comes later, on line 6"),
    ],
)
def test_what_it_cannot_read_is_told(src: str, message: str) -> None:
    text = f"""input: [3, 8, 8]
choices: {{src: {src}}}
layers:
  - conv: {{name: A, out_channels: 4, kernel_size: 1}}
  - conv: {{from: $src, out_channels: 4, kernel_size: 1}}
  - relu: {{name: C}}
"""
    with pytest.raises(rfcalc.SpecError, match=message):
        family.loads(text, "slip.yaml")


# --- MACs that nobody knows ---


UNKNOWN = """
name: unknown
input: [3, 12, 12]
choices: {way: [known, fft], width: [4, 6]}
layers:
  - conv: {out_channels: $width, kernel_size: 3, padding: same}
  - choose:
      by: way
      known: [conv: {out_channels: 5, kernel_size: 3, padding: same}]
      fft: [opaque: {operation: fft}]
"""
LITTLE, MORE = 4 * 28, 6 * 28
"""The parameters of the first convolution, of both widths."""


@pytest.mark.parametrize("edges", [graph_search.FEW_EDGES, -1])
def test_unknown_macs_are_no_number(edges: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_search, "FEW_EDGES", edges)
    stated = yaml.safe_load(UNKNOWN)
    least = answered({**stated, "objective": {"minimize": "params"}})
    assert least.feasible == 4
    assert [(one.arch.params, one.arch.macs) for one in least.designs[:2]] == [(LITTLE, None), (MORE, None)]
    macs = answered({**stated, "objective": {"minimize": "macs"}}, 4)  # the unknown ones come last, by parameters
    assert [one.arch.macs is None for one in macs.designs] == [False, False, True, True]
    assert [one.arch.params for one in macs.designs[2:]] == [LITTLE, MORE]
    limited = answered({**stated, "targets": {"max_macs": 10**9, "max_params": LITTLE}})
    assert limited.feasible == 0  # those with so few parameters are not known to meet max_macs
    assert limited.bounds["max_params"].best == LITTLE + 5 * (9 * 4 + 1)
    assert limited.bounds["max_macs"].best is None


def test_unknown_macs_are_printed_as_such(tmp_path: Path) -> None:
    (tmp_path / "u.yaml").write_text(UNKNOWN + "objective: {minimize: params}\n", encoding="utf-8")
    done = run("design", "u.yaml", "-o", "out", cwd=str(tmp_path))
    assert done.code == 0
    assert "networks with a layer whose MACs are unknown come last by their MACs" in done.out
    assert next(line for line in done.out.splitlines() if line.startswith("1 ")).split()[:3] == ["1", "112", "–"]
    assert rfcalc.load(str(tmp_path / "out" / "unknown-1.yaml")).macs is None


def test_the_table_gives_up_in_time() -> None:
    program = family.loads(yaml.safe_dump(entangled(12, None, TARGETS)))
    with pytest.raises(OutOfTime):
        list_search.ListSearch(program, Goal.of(program.head, program.objective), 0.0)
