"""`rfcalc design` against the slow truth, and the command line's contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

import rfcalc
from rfcalc.report.claims import targets_of
from rfcalc.search import design, family
from rfcalc.search.front import Design
from rfcalc.testing import families
from rfcalc.testing.drawn_families import DRAWN_VALUES

from ..command import run
from . import brute

OBJECTIVES: list[dict[str, Any] | None] = [
    None,
    {"maximize": "params"},
    {"minimize": "params"},
    {"minimize": "macs"},
    {"maximize": "macs"},
    {"maximize": "receptive_field"},
    {"minimize": "receptive_field"},
    {"maximize": "params", "minimize": "macs"},
    {"maximize": "receptive_field", "minimize": "params"},
    {"maximize": ["params", "macs"]},
]
WORDS = ("depthwise_separable", "dilation", "strided", "max_pool")
MOST_MEMBERS = 120
WAYS: dict[str, dict[str, Any]] = {
    "a graph": {},
    "a table": {"graph_search.FEW_EDGES": -1},  # as where networks do not merge
    "a good answer first": {"best.QUICK": 0},  # as in large graphs
    "least first": {"graph_search.SMALL_FAMILY": 0, "graph_search.FEW_EDGES": -1},  # as in large families
    "counted or least first": {"graph_search.SMALL_FAMILY": 0, "graph_search.FEW_EDGES": 50},
}
"""The ways in which a family is searched, and what makes a small one go them."""


@st.composite
def small_families(draw: st.DrawFn) -> str:
    names = draw(st.lists(st.sampled_from(sorted(DRAWN_VALUES)), min_size=2, max_size=4, unique=True))
    return draw(families(choices=names, max_layers=3))


def targets(data: st.DataObject, found: list[brute.Member]) -> dict[str, Any]:
    """Targets around the figures of members, so that they bind."""

    def maybe(value: st.SearchStrategy[Any]) -> Any:
        return data.draw(st.none() | value)

    members = st.sampled_from(found)
    some_words = st.lists(st.sampled_from(WORDS), min_size=1, max_size=2, unique=True)
    t = {
        "min_receptive_field": maybe(st.builds(lambda m, more: m.field + more, members, st.sampled_from([0, 1, 5]))),
        "max_params": maybe(st.builds(lambda m, more: max(0, m.params + more), members, st.sampled_from([0, -1, 10]))),
        "max_macs": maybe(st.builds(lambda m, more: max(0, m.macs + more), members, st.sampled_from([0, -1]))),
        "must_use": maybe(some_words),
        "must_not_use": maybe(some_words),
    }
    return {target: wanted for target, wanted in t.items() if wanted is not None}


def pairs_of(objective: dict[str, Any] | None) -> list[tuple[str, str]]:
    stated = [(s, f) for s, fs in (objective or {}).items() for f in (fs if isinstance(fs, list) else [fs])]
    return stated or brute.FRONT


def figures(one: Design) -> tuple[Any, ...]:
    field = min(f or 0 for f in one.arch.receptive_field.before_global_pool)
    return one.arch.params, one.arch.macs, field, one.choices


def held_against_brute_force(way: str, text: str, data: st.DataObject) -> None:
    assume(design.assignments_of(family.loads(text)) <= MOST_MEMBERS)
    stated = yaml.safe_load(text)
    total, found = brute.members(stated)
    assume(found)
    for _ in range(3):
        t, objective = targets(data, found), data.draw(st.sampled_from(OBJECTIVES))
        most = data.draw(st.integers(1, 7))
        document = dict(stated, targets=t, **({"objective": objective} if objective else {}))
        note(f"targets: {t}\nobjective: {objective}\nmost: {most}")
        with pytest.MonkeyPatch.context() as patched:
            for name, value in WAYS[way].items():
                patched.setattr(f"rfcalc.search.{name}", value)
            answer = design.design(family.loads(yaml.safe_dump(document, sort_keys=False)), most)
        good = [m for m in found if brute.meets(m, t)]
        wanted = pairs_of(objective)
        wanted_ones = (brute.ranked if len(wanted) == 1 else brute.front)(good, wanted)[:most]
        assert (answer.choices, answer.complete) == (total, True)
        if answer.feasible is None:  # large families of which the least is asked need not be counted
            assert "least first" in way
            assert objective in OBJECTIVES[2:4]
            assert good
        else:
            assert answer.feasible == len(good)
        assert [figures(one) for one in answer.designs] == [(m.params, m.macs, m.field, m.choices) for m in wanted_ones]
        left_out = {"min_receptive_field"} if "least first" in way and good else set()
        assert set(answer.bounds) == set(t) - left_out
        for target, bound in answer.bounds.items():
            reached = len(bound.best) if isinstance(bound.best, list) else bound.best
            assert reached == brute.bound(found, t, target), (target, t)


def often(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )


@pytest.mark.parametrize("way", WAYS)
@often(5)
@given(small_families(), st.data())
def test_it_says_what_brute_force_says(way: str, text: str, data: st.DataObject) -> None:
    held_against_brute_force(way, text, data)


@pytest.mark.deep
@pytest.mark.parametrize("way", WAYS)
@often(100)
@given(small_families(), st.data())
def test_it_says_what_brute_force_says_of_many_families(way: str, text: str, data: st.DataObject) -> None:
    held_against_brute_force(way, text, data)


def test_a_family_of_one_is_the_spec() -> None:
    text = "{name: one, input: [3, 8, 8], layers: [conv: {out_channels: 4, kernel_size: 3}, relu]}"
    answer = design.design(family.loads(text))
    assert (answer.choices, answer.feasible) == (1, 1)
    assert answer.designs[0].arch.nodes[0].layer == rfcalc.loads(text).nodes[0].layer


def test_places_and_repetitions_choose_anew_and_one_layer_chooses_once() -> None:
    text = """
input: [3, 16, 16]
choices: {k: {values: [1, 3, 5], each: true}, n: {from: 1, to: 2}, unused: [1, 2]}
layers:
  - repeat: {times: $n, layers: [conv: {out_channels: 4, kernel_size: $k, padding: $k // 2}]}
  - conv: {out_channels: 4, kernel_size: $k, padding: $k // 2}
"""
    answer = design.design(family.loads(text), most=100)
    assert answer.choices == answer.feasible == 2 * (3 * 3 + 3 * 3 * 3)  # n = 1 and 2, twice for what nothing uses
    assert answer.designs[0].arch.out.sizes == (16, 16)


def test_names_of_alternatives_are_known_behind_them() -> None:
    text = """
input: [3, 16, 16]
choices: {way: [a, b, c], width: [4, 8]}
layers:
  - conv: {name: C0, out_channels: $width, kernel_size: 1}
  - choose:
      by: way
      a: [conv: {name: X, out_channels: $width, kernel_size: 3, padding: 1}]
      b: [conv: {name: X, out_channels: 4, kernel_size: 5, padding: 2}]
      c: []
  - add: [C0, X]
"""
    answer = design.design(family.loads(text))
    assert (answer.choices, answer.feasible) == (6, 3)  # a with both widths, b with 4; c names no X
    assert [one.choices for one in answer.designs] == [{"way": "a", "width": 4}, {"way": "b", "width": 4}]


BAD = {
    "choices: [1]": "choices must be a mapping",
    "choices: {a: {values: []}}": "must be a list of 1 to",
    "choices: {a: {from: 3, to: 1}}": "from 3 to 1",
    "choices: {a: [1]}\nobjective: {maximise: params}": "did you mean maximize?",
    "choices: {a: [1]}\nobjective: {maximize: parameters}": "must name params, macs, receptive_field",
    "choices: {a: [x, y]}\nextra: 1": "extra",
}


@pytest.mark.parametrize(("head", "message"), BAD.items())
def test_bad_families_are_refused_with_their_place(head: str, message: str) -> None:
    with pytest.raises(rfcalc.SpecError, match=message):
        family.loads(f"input: [3, 8, 8]\n{head}\nlayers: [relu]\n", "bad.yaml")


def test_layers_are_not_blamed_for_a_choice_that_has_no_values() -> None:
    text = "input: [3, 8, 8]\nchoices: {a: []}\nlayers:\n  - conv: {out_channels: $a, kernel_size: 3}\n"
    with pytest.raises(rfcalc.SpecError) as caught:
        family.loads(text, "bad.yaml")
    assert str(caught.value).splitlines() == [
        "bad.yaml:2: choice a: must be a list of 1 to 10,000 values, or have from and to, not []"
    ]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("conv: {out_channels: $widht, kernel_size: 3}", r"'\$widht': did you mean \$width\?"),
        ("conv: {out_channels: $width, kernal_size: 3}", "did you mean kernel_size"),
        ("conv: {out_channels: $width // 0, kernel_size: 3}", "divides by 0"),
        ("conv: {out_channels: 2*$word, kernel_size: 3}", "arithmetic needs integers, not 'a'"),
        ("choose: {by: word, a: [relu]}", "needs a list of layers for word: b"),
        ("choose: {by: word, a: [relu], b: [], c: []}", "word has no value 'c'"),
        ("choose: {by: wort, a: [relu], b: []}", "unknown choice 'wort': did you mean word"),
        ("conv: {from: nowhere, out_channels: $width, kernel_size: 3}", "unknown layer 'nowhere'"),
        ("repeat: {times: $word, layers: [relu]}", "times must be an integer"),
        ("conv: {name: $word, out_channels: 4, kernel_size: 1}", "name cannot be chosen"),
        (
            "conv: {from: $width + 1, out_channels: 4, kernel_size: 1}",
            "from must be the name of a layer, or one choice",
        ),
        ("conv: {out_channels: $width % (4 - 4), kernel_size: 1}", "divides by 0"),
        ("conv: {out_channels: 3 % $zero, kernel_size: 1}", "3 % 0 divides by 0"),
        ("conv: {out_channels: 0 - $width, kernel_size: 1}", "out_channels must be at least 1, not -4"),
        ("choose: {by: width, 4: [relu], 6: []}", "width has no value '6'"),
    ],
)
def test_slips_are_told_with_their_line(layer: str, message: str) -> None:
    text = f"input: [3, 8, 8]\nchoices: {{width: [4, 8], word: [a, b], zero: [0, 1, 3]}}\nlayers:\n  - {layer}\n"
    with pytest.raises(rfcalc.SpecError, match=f"slip.yaml:4: .*{message}"):
        family.loads(text, "slip.yaml")


def test_alternatives_may_be_numbers_and_words_of_yaml() -> None:
    text = """
input: [3, 8, 8]
choices: {n: [1, 2], flag: [true, false], none: [null, 3]}
layers:
  - choose: {by: n, 1: [relu], 2: [conv: {out_channels: 4, kernel_size: 1}]}
  - choose: {by: flag, true: [relu], false: []}
  - choose: {by: none, null: [relu], 3: []}
objective: {maximize: params}
"""
    answer = design.design(family.loads(text), 1)
    assert (answer.choices, answer.feasible) == (8, 8)
    assert answer.designs[0].choices == {"n": 2, "flag": True, "none": None}


def test_a_number_of_turns_that_cannot_be_makes_no_network() -> None:
    text = """
input: [3, 8, 8]
choices: {n: [0, 1, 2, -1], k: {values: [1, 3], each: true}}
layers:
  - repeat: {times: 4 // $n - 1, layers: [conv: {out_channels: 4, kernel_size: $k, padding: same}]}
  - relu
"""
    answer = design.design(family.loads(text), 1)
    assert answer.choices == 1 + 2**3 + 2 + 1  # by 0: none; 3 turns; 1 turn; -5 turns
    assert answer.feasible == 2**3 + 2


def test_what_is_not_used_and_what_cannot_be_built_is_told(tmp_path: Path) -> None:
    text = """input: [3, 8, 8]
choices: {unused: [1, 2], also: {values: [1, 2], each: true}, w: [4, 8]}
layers:
  - conv: {out_channels: $w, kernel_size: 9}
"""
    (tmp_path / "none.yaml").write_text(text, encoding="utf-8")
    done = run("design", "none.yaml", cwd=str(tmp_path))
    assert done.code == 1
    assert "no layer uses the choices unused, also" in done.out
    fact = "none.yaml:4: conv (conv): kernel_size=9 does not fit a map of size 8"
    assert f"no network of this family can be built; the first reason: {fact}" in done.out


FAMILY = """
name: little
input: [3, 16, 16]
choices: {width: [4, 8], k: {values: [3, 5], each: true}}
layers:
  - conv: {out_channels: $width, kernel_size: $k, padding: same}
  - conv: {out_channels: 2*$width, kernel_size: $k, padding: same}
  - global_avg_pool
targets: {min_receptive_field: %d, max_params: %d}
objective: {minimize: params}
"""


def test_the_command_prints_the_contract_and_writes_specs_that_load(tmp_path: Path) -> None:
    (tmp_path / "little.yaml").write_text(FAMILY % (7, 3000), encoding="utf-8")
    done = run("design", "little.yaml", "--format", "json", "-o", "out", cwd=str(tmp_path))
    found = json.loads(done.out)
    assert done.code == 0
    assert list(found) == ["choices", "feasible", "complete", "designs", "bounds"]
    assert (found["choices"], found["feasible"]) == (
        8,
        4,
    )  # of both widths: 3 and 5, 5 and 3, 5 and 5; 8, 5, 5 too large
    first = found["designs"][0]
    assert list(first) == ["choices", "params", "macs", "receptive_field", "spec"]
    assert first["choices"] == {"width": 4, "k": [5, 3]}
    assert first["params"] == 4 * (25 * 3 + 1) + 8 * (9 * 4 + 1)
    arch = rfcalc.load(str(tmp_path / "out" / "little-1.yaml"))
    assert arch.params == first["params"]
    assert all(claim.holds for claim in targets_of(arch))


def test_what_stands_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "little.yaml").write_text(FAMILY % (9, 900), encoding="utf-8")
    done = run("design", "little.yaml", "--format", "json", cwd=str(tmp_path))
    found = json.loads(done.out)
    assert (done.code, found["feasible"], found["designs"]) == (1, 0, [])
    least = 4 * (25 * 3 + 1) + 8 * (25 * 4 + 1)
    assert found["bounds"] == {
        "min_receptive_field": {"wanted": 9, "best": 7},
        "max_params": {"wanted": 900, "best": least},
    }
    assert (
        "no network that meets the others has fewer than 1,112 parameters"
        in run("design", "little.yaml", cwd=str(tmp_path)).out
    )


def test_bad_input_ends_with_2_and_a_family_is_no_spec(tmp_path: Path) -> None:
    assert run("design", "nothing.yaml", cwd=str(tmp_path)).code == 2
    (tmp_path / "little.yaml").write_text(FAMILY % (9, 900), encoding="utf-8")
    done = run("table", "little.yaml", cwd=str(tmp_path))
    assert (done.code, done.err) == (
        2, "rfcalc: little.yaml:4: a family of networks, not one: rfcalc design answers for it\n",
    )  # fmt: skip
    assert "assignment" not in rfcalc.names()


def test_when_time_runs_out_it_says_so() -> None:
    answer = design.design(family.loads(FAMILY % (7, 3000)), seconds=0)
    assert (answer.complete, answer.feasible) == (False, None)
    assert answer.covered


def test_the_plot_is_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "little.yaml").write_text(FAMILY % (7, 3000), encoding="utf-8")
    assert run("design", "little.yaml", "-o", "front.svg", cwd=str(tmp_path)).code == 0
    assert (tmp_path / "front.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")


def test_the_assignment_is_answered_completely() -> None:
    """Some 3 * 10^14 networks; the design that wins is walked by the engine."""
    path, text = rfcalc.zoo.family_text("assignment")
    answer = design.design(family.loads(text, path), 1, 600)
    assert answer.choices >= 10**9
    assert answer.complete
    (best,) = answer.designs
    assert 199_000 < best.arch.params < 200_000
    assert all(claim.holds for claim in targets_of(best.arch))
