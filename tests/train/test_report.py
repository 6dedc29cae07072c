"""report.md: the README of an assignment, which our own audit takes."""

from __future__ import annotations

import re
from typing import Any

import pytest

import rfcalc
from rfcalc.readme.audit.audit import audit
from rfcalc.train.recipe.reader import recipe_for
from rfcalc.train.report.page import fields, macs, narrow_table, report, target_rows
from rfcalc.zoo import names

HISTORY = [
    {"epoch": i, "lr": 0.1, "train_loss": 1.0, "train_accuracy": 70.0, "test_loss": 1.0, "test_accuracy": 80.0 + i}
    for i in range(1, 8)
]
FIGURES: dict[str, Any] = {
    "test_accuracy": 87.0, "train_accuracy": 70.0,
    "best": {"epoch": 7, "test_accuracy": 87.0, "chosen_by": "test_accuracy"},
    "last5_mean": 85.0, "test_accuracy_tta": 87.5, "epochs": 7, "seconds": 700.0, "train_seconds": 600.0,
    "images_per_second": 583.3, "test": {"per_class": {"cat": 80.0, "dog": 90.0}},
}  # fmt: skip
ABOUT: dict[str, Any] = {
    "seed": 0, "checked": True, "head": "trained on the last layer's scores", "processes": 1, "began": "2026-01-01",
    "augmentation": ["HorizontalFlip: in batches"],
    "data": {"name": "CIFAR-10", "train": 50_000, "test": 10_000, "fingerprint": "ab" * 32, "published": True},
    "precision": {"name": "float32", "exceptions": {}, "why": "asked for"}, "versions": {"torch": "2.13.0"},
    "machine": {"cores": 2},
}  # fmt: skip
DOCUMENTS = ("c12", "dilated93", "s9", "valid149k")


def page(name: str) -> str:
    arch = rfcalc.load(name)
    return report(arch, recipe_for(arch, None), ABOUT, FIGURES, HISTORY)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_report_passes_our_own_audit(name: str) -> None:
    """Nothing is wrong, and the table's figures are among those that were worked out."""
    found = audit(page(name))
    assert found.exit_code == 0, found.to_json()
    tables = [item for item in found.to_json()["claims"] if item["quantity"] == "table"]
    assert [item["verdict"] for item in tables] == ["right"]


def test_the_audit_would_find_a_wrong_figure() -> None:
    wrong = re.sub(r"(\| C4.conv.*) 11 \|", r"\1 12 |", page("s9"))
    assert wrong != page("s9")
    assert audit(wrong).exit_code == 1


def test_targets_stand_as_asked_needed_and_got() -> None:
    assert target_rows(rfcalc.load("s9"), FIGURES) == [
        ("min receptive field", "at least 44", "103", "yes"),
        ("max params", "at most 200,000", "180,298", "yes"),
        ("must use", "depthwise", "used", "yes"),
        ("must use", "dilation", "used", "yes"),
        ("must not use", "max_pool", "not used", "yes"),
        ("train accuracy of the source", "81.62 %", "70.00 %", "no"),
        ("test accuracy of the source", "85.47 %", "87.00 %", "yes"),
    ]
    assert "| max params | at most 200,000 | 180,298 | yes |" in page("s9")


def test_the_report_has_the_parts_of_an_assignments_readme() -> None:
    text = page("s9")
    assert re.findall(r"^## (.*)$", text, re.M) == [
        "Targets", "Network", "Curves", "Classes", "Mistakes", "Recipe", "Ran on"
    ]  # fmt: skip
    assert "| optimizer.name | sgd | document |" in text
    assert "| optimizer.lr | 0.05 | ours |" in text
    assert len(next(line for line in text.splitlines() if line.startswith("| C1.conv")).split("|")) == 11


def test_the_network_is_drawn_above_its_table() -> None:
    network = page("s9").split("## Network")[1].split("## Curves")[0]
    assert network.index("![network](network.svg)") < network.index("| C1.conv")


@pytest.mark.parametrize("name", names())
def test_a_report_settles_its_own_figures(name: str) -> None:
    """Its table has a row for each layer, so that parameters, multiply-adds and fields follow."""
    arch = rfcalc.load(name)
    text = f"{arch.params:,} parameters, {macs(arch)} for one image. {fields(arch)}\n\n{narrow_table(arch)}"
    claims = audit(text).claims
    assert {claim.verdict for claim in claims} == {"right"}, claims
    assert {"params", "macs"} <= {claim.quantity for claim in claims}
