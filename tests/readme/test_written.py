"""Random networks written as tables and code in random styles: nothing right is accused, a planted slip is named; and
every table that rfcalc prints itself is right."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import rfcalc
from rfcalc.readme.audit.audit import audit
from rfcalc.zoo import names
from tests.command import run
from tests.printed_networks import Spec, plain, wild
from tests.readme.written import Written, code, windows, written
from tests.strategies import load

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/results/*/report.md"), ROOT / "README.md"]
NAMED = 0.95
"""Of planted slips, at least so many are named with their right value, and nothing else with them."""
LONG_ENOUGH = 3
"""Rows that tell a convention from a slip."""


@settings(max_examples=80)
@given(st.one_of(plain(), wild()), st.integers(0, 10**9))
def test_what_is_written_rightly_is_never_accused(spec: Spec, seed: int) -> None:
    rng = random.Random(seed)
    arch = load(spec)
    if windows(arch):
        for text in (written(arch, rng).text, code(arch, rng)):
            found = audit(text)
            assert (found.exit_code, found.cells) == (0, ()), text
            assert any(claim.verdict == "right" for claim in found.claims) or len(windows(arch)) < LONG_ENOUGH, text


def slip(table: Written, rng: random.Random) -> tuple[int, str, int]:
    """A figure that follows from the others, and another value for it."""
    padded = table.named == "letters" or any("padding" in key for key in table.keys)
    places = [(row, key) for row in range(len(table.rows)) for key in table.keys if key[:2] in ("r_", "j_")]
    counted = sum(name == "conv" for name, _ in table.rows) >= LONG_ENOUGH
    places += [
        (i, "params") for i, (name, _) in enumerate(table.rows) if name == "conv" and counted and "params" in table.keys
    ]
    places += [(row, key) for row in range(1, len(table.rows)) for key in table.keys if key[:2] == "n_" and padded]
    row, key = rng.choice(places)
    value = table.rows[row][1][key] + rng.choice([-2, -1, 1, 2, 3])
    return row, key, value if value > 0 else table.rows[row][1][key] + 1


def test_a_planted_slip_is_named() -> None:
    """At least 95 in 100, alone and with its right value."""
    hits: list[bool] = []

    @settings(max_examples=100, phases=[Phase.generate])
    @given(st.one_of(plain(), wild()), st.integers(0, 10**9))
    def each(spec: Spec, seed: int) -> None:
        rng = random.Random(seed)
        arch = load(spec)
        if len(windows(arch)) >= LONG_ENOUGH:
            table = written(arch, rng)
            row, key, value = slip(table, rng)
            found = audit(table.changed(row, key, value).text)
            local = [(c.row, c.column, c.stated, c.computed) for c in found.cells if c.kind == "local"]
            hits.append(local == [(row + 1 + table.first, key, value, table.rows[row][1][key])])

    each()
    assert len(hits) > 40
    assert sum(hits) >= NAMED * len(hits), hits


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("form", ["markdown", "csv", "html", "torchsummary"])
def test_our_own_tables_are_right(name: str, form: str) -> None:
    found = audit(rfcalc.load(name).table().to_text(form))
    assert (found.exit_code, found.cells) == (0, ())
    assert any(claim.verdict == "right" for claim in found.claims)
    if form != "torchsummary":  # a print leaves open what its shapes do not show
        assert {claim.verdict for claim in found.claims} == {"right"}


def test_data_is_no_prose() -> None:
    assert audit(rfcalc.load("s9").table().to_text("json")).claims == ()


@pytest.mark.parametrize("name", ["s9", "resnet18"])
def test_what_a_terminal_shows_is_right(name: str) -> None:
    done = run("audit", "-", stdin=run("table", name).out)
    assert (done.code, "right" in done.out) == (0, True), done.out


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_our_own_documents_are_right(path: Path) -> None:
    found = audit(path.read_text(encoding="utf-8"))
    assert found.exit_code == 0, [claim for claim in found.claims if claim.verdict == "wrong"]
    assert not [claim for _, claims in found.sections for claim in claims if claim.verdict == "undetermined"]
