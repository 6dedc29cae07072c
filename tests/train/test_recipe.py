"""Recipes: read strictly, written back whole, and schedules as pure functions."""

from __future__ import annotations

import doctest
import importlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from jsonschema import Draft202012Validator
from torch import nn

import rfcalc
from rfcalc.report.claims import targets_of
from rfcalc.train.fit.optim import Average, parameter_groups
from rfcalc.train.recipe import recipe as recipes
from rfcalc.train.recipe.errors import RecipeError
from rfcalc.train.recipe.reader import names, read, recipe_as_yaml, recipe_for, recipe_values
from rfcalc.train.recipe.recipe import Ema, Optimizer
from rfcalc.train.recipe.schedule import SCHEDULES, Cosine, OneCycle, Schedule, StepSchedule
from rfcalc.train.recipe.schema import recipe_schema
from rfcalc.train.recipe.starter import starter
from tests.command import run

DOCUMENTS = {"c12": 50, "dilated93": 24, "s9": 50, "valid149k": 24}
"""Epochs: c12's and s9's are stated, the others ours."""


@pytest.mark.parametrize(("name", "epochs"), DOCUMENTS.items())
def test_the_documents_recipes_read_and_are_written_back_whole(name: str, epochs: int) -> None:
    found = recipe_for(rfcalc.load(name), None)
    assert (found.epochs, "epochs" in found.stated) == (epochs, name in ("c12", "s9"))
    assert read(found.to_plain(), name, "again") == found


@pytest.mark.parametrize("name", ["best", "fast", "ours"])
def test_the_shipped_recipes_read(name: str) -> None:
    assert names() == ["best", "fast", "ours"]
    assert recipe_for(rfcalc.load("s9"), name).name == name


def test_what_a_document_states_is_marked_and_the_rest_is_ours() -> None:
    rows = {name: whose for name, _, whose in recipes.rows(recipe_for(rfcalc.load("s9"), None))}
    stated = {name for name, whose in rows.items() if whose == "document"}
    assert stated == {"epochs", "optimizer.name", "schedule.name", "schedule.step_size"}
    transforms = [(v, whose) for name, v, whose in recipes.rows(recipe_for(rfcalc.load("dilated93"), None))
                  if name == "augmentation"]  # fmt: skip
    assert [v.split()[0] for v, whose in transforms if whose == "document"] == [
        "HorizontalFlip",
        "ShiftScaleRotate",
        "CoarseDropout",
    ]


def test_the_rows_say_what_holds_where_nothing_is_set() -> None:
    sgd, muon = ({name: value for name, value, _ in recipes.rows(recipe_for(rfcalc.load("s9"), name, ["dropout=null"]))}
                 for name in (None, "best"))  # fmt: skip
    assert (sgd["dropout"], sgd["ema"]) == ("the spec's own", "none")
    assert sgd["normalization.mean"] == sgd["normalization.std"] == "the training images' own"
    assert "optimizer.matrix_lr" not in sgd
    assert muon["optimizer.matrix_lr"] == "0.3"


def test_a_setting_of_the_users_own_is_not_the_documents() -> None:
    found = recipe_for(rfcalc.load("s9"), None, ["schedule.step_size=5"], epochs=3)
    assert (found.epochs, found.to_plain()["schedule"]["step_size"]) == (3, 5)
    assert found.stated == ("optimizer.name", "schedule.name")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3},                                    "t: unknown setting 'epoch': did you mean epochs?"),
        ({"epochs": 0},                                   "t: epochs must be at least 1, not 0"),
        ({"optimizer": {"lr": -1}},                       "t: optimizer.lr must be from 0 to 1000, not -1"),
        ({"optimizer": {"rates": 1}},                     "t: unknown setting 'optimizer.rates'"),
        ({"optimizer": {"name": "x"}},                    "t: optimizer.name must be one of sgd, adamw, muon, not 'x'"),
        ({"optimizer": {"nesterov": True, "momentum": 0}}, "t: optimizer.nesterov needs a momentum above 0"),
        ({"optimizer": 3},                                "t: optimizer must be a mapping, not 3"),
        ({"schedule": "onecycle"},                        "t: schedule: unknown 'onecycle': did you mean one_cycle?"),
        ({"schedule": {"name": "step"}},                  "t: schedule.step_size is missing"),
        ({"schedule": {"gamma": 1}},                      "t: schedule.name is missing"),
        ({"schedule": {"name": "cosine", "gamma": 1}},    "t: unknown setting 'schedule.gamma'"),
        ({"augmentation": "flip"},                        "t: augmentation must be a list, not 'flip'"),
        ({"augmentation": [3]},                           "t: augmentation: write `- HorizontalFlip: {p: 0.5}`, not 3"),
        ({"normalization": {"mean": [0.5]}},              "t: normalization needs both mean and std, or neither"),
        ({"normalization": {"mean": [2], "std": [1]}},    "t: normalization.mean must be from 0 to 1, not 2"),
        ({"ema": {"decay": 2}},                           "t: ema.decay must be from 0 to 1, not 2"),
        ({"stated": ["epoch"]},                           "t: stated: unknown setting 'epoch': did you mean epochs?"),
        ({"label_smoothing": "much"},                     "t: label_smoothing must be a number, not 'much'"),
    ],
)  # fmt: skip
def test_mistakes_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read(values, "t", "t")
    assert message in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        read({"epochs": 0, "batch_size": 0, "optimizer": {"lr": "x"}}, "t", "t")
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("lr", "--set lr: write it as name=value"),
        ("epochs.x=1", "--set epochs.x=1: epochs has no settings of its own"),
        ("optimizer.lr=[1", ": not YAML"),
        ("optimizer.lrr=1", "--set optimizer.lrr=1: unknown setting 'optimizer.lrr': did you mean optimizer.lr?"),
    ],
)
def test_wrong_settings_are_named(setting: str, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe_for(rfcalc.load("s9"), "fast", [setting])
    assert message in str(caught.value)


def test_numbers_that_yaml_takes_for_text() -> None:
    assert recipe_for(rfcalc.load("s9"), "fast", ["optimizer.weight_decay=5e-4"]).optimizer.weight_decay == 0.0005


def test_a_spec_without_a_recipe_says_which_there_are() -> None:
    with pytest.raises(RecipeError, match="vgg16 has no train: section; there are the recipes best, fast, ours"):
        recipe_for(rfcalc.load("vgg16"), None)
    with pytest.raises(RecipeError, match="no shipped recipe 'fats': did you mean fast"):
        recipe_for(rfcalc.load("s9"), "fats")


def wrong(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        recipe_for(rfcalc.load("s9"), str(path))
    return caught.value.problems


def test_mistakes_are_told_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    text = "epochs: 0\noptimizer:\n  name: sgd\n  lr: x\n  rates: 3\nepoch: 3\naugmentation:\n  - flip\n  - 3\nema: 3\n"
    assert [problem.partition(": ")[0].removeprefix(f"{path}:") for problem in wrong(path, text)] == [
        "6", "4", "5", "10", "9", "1"
    ]  # fmt: skip
    spec = tmp_path / "s.yaml"
    spec.write_text("input: [3, 8, 8]\nlayers: [relu]\ntrain:\n  epochs: 3\n  optimizer: {lrr: 1}\n")
    with pytest.raises(RecipeError, match=rf"{spec}:5: unknown setting 'optimizer.lrr'"):
        recipe_for(rfcalc.load(spec), None)


def test_a_set_value_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("epochs: 0\noptimizer: {lr: 1}\n")
    with pytest.raises(RecipeError) as caught:
        recipe_for(rfcalc.load("s9"), str(path), ["optimizer.lr=x"])
    assert caught.value.problems == [
        "--set optimizer.lr=x: optimizer.lr must be a number, not 'x'", f"{path}:1: epochs must be at least 1, not 0"
    ]  # fmt: skip


def test_a_recipe_extends_another(tmp_path: Path) -> None:
    """Sections are merged, lists replaced, a schedule of another name too; what is stated is not inherited."""
    (tmp_path / "base.yaml").write_text("extends: fast\nstated: [epochs]\noptimizer: {lr: 0.2}\nema: null\n")
    (tmp_path / "mine.yaml").write_text("extends: base.yaml\nepochs: 3\nschedule: cosine\naugmentation: [flip]\n")
    fast, found = recipe_for(rfcalc.load("s9"), "fast"), recipe_for(rfcalc.load("s9"), str(tmp_path / "mine.yaml"))
    assert (found.name, found.epochs, found.stated, found.ema) == ("mine", 3, (), None)
    assert found.optimizer == replace(fast.optimizer, lr=0.2)
    assert found.schedule == Cosine(warmup_epochs=0.0, end=0.0)
    assert [transform.name for transform in found.augmentation] == ["flip"]
    assert found.plain.label_smoothing == fast.plain.label_smoothing
    spec = rfcalc.loads("{input: [3, 8, 8], layers: [relu], train: {extends: fast, epochs: 2}}")
    assert recipe_for(spec, None).optimizer == fast.optimizer


def test_what_cannot_be_extended_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    assert wrong(path, "epochs: 1\nextends: fats") == [
        f"{path}:2: extends fats: no such file and no shipped recipe 'fats': did you mean fast?"
    ]
    (tmp_path / "b.yaml").write_text("extends: a.yaml")
    assert "extends a.yaml: " in wrong(path, "extends: b.yaml")[0]
    assert "which extends this one" in wrong(path, "extends: b.yaml")[0]
    (tmp_path / "b.yaml").write_text("epoch: 1")
    assert wrong(path, "extends: b.yaml") == [
        f"{path}:1: extends b.yaml: {tmp_path}/b.yaml:1: unknown setting 'epoch': did you mean epochs?"
    ]
    assert wrong(path, "extends: [fast]") == [f"{path}:1: extends must name a recipe, not ['fast']"]


def test_the_specs_augmentation_survives_a_recipe_that_names_none(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("epochs: 3\n")
    dilated = rfcalc.load("dilated93")
    found, own = recipe_for(dilated, str(tmp_path / "mine.yaml")), recipe_for(dilated, None)
    assert found.augmentation == own.augmentation
    assert found.stated == tuple(name for name in own.stated if name.startswith("augmentation"))
    assert [transform.name for transform in recipe_for(dilated, "fast").augmentation] == [
        "alternating_flip",
        "pad_crop",
    ]
    (tmp_path / "mine.yaml").write_text("augmentation: []\n")
    assert recipe_for(dilated, str(tmp_path / "mine.yaml")).augmentation == ()


def test_a_recipe_is_shown_so_that_it_reads_the_same(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: fast\nepochs: 3\n")
    for name in ("fast", "best", "ours", "s9", str(tmp_path / "mine.yaml")):
        (tmp_path / "again.yaml").write_text(run("recipe", name).out)
        again = recipe_for(rfcalc.load("s9"), str(tmp_path / "again.yaml"))
        expected = recipe_for(rfcalc.load("s9"), None if name == "s9" else name)
        assert replace(again, name="") == replace(expected, name="")
    assert recipe_as_yaml("fast").startswith("# Ours: ")
    assert "name: muon" in recipe_as_yaml("ours")  # with what it extends


def test_recipes_are_listed() -> None:
    found = json.loads(run("list", "--recipes", "--format", "json").out)
    assert [(entry["name"], entry["epochs"], entry["optimizer"]) for entry in found] == [
        ("best", 50, "muon"), ("fast", 8, "muon"), ("ours", 50, "muon")
    ]  # fmt: skip
    assert "docs/training.md" in run("list", "--recipes").out


def test_a_starter_spec_checks_and_trains(tmp_path: Path) -> None:
    assert run("new", "mine", cwd=str(tmp_path)).out == "mine.yaml\n"
    arch = rfcalc.load(tmp_path / "mine.yaml")
    assert (arch.name, arch.input, arch.out.channels) == ("mine", (3, 32, 32), 10)
    assert run("check", "mine.yaml", cwd=str(tmp_path)).code == 0
    assert recipe_for(arch, None).epochs > 0
    assert sum(line.lstrip().startswith("#") or " # " in line for line in shown_lines(tmp_path / "mine.yaml")) > 8
    again = run("new", "mine", cwd=str(tmp_path))
    assert (again.code, "mine.yaml: is there already" in again.err) == (2, True)
    assert run("new", "small", "--input", "1,28,28", "--classes", "7", "-o", str(tmp_path / "x.yaml")).code == 0
    small = rfcalc.load(tmp_path / "x.yaml")
    assert (small.name, small.input, small.out.channels) == ("small", (1, 28, 28), 7)


@pytest.mark.parametrize("shape", [(3, 4, 4), (64, 32, 32), (1, 16, 16, 16), (3, 32)])
def test_a_starter_spec_meets_its_own_targets(shape: tuple[int, ...]) -> None:
    for classes in (2, 1000):
        arch = rfcalc.loads(starter("mine", shape, classes, "mine.yaml"))
        assert [claim.holds for claim in targets_of(arch)] == [True, True]
    arch = rfcalc.loads(starter("mine", (3, 32, 32), 10, "mine.yaml"))
    assert [str(claim.stated) for claim in targets_of(arch)] == ["50K", "17"]


def shown_lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_a_recipe_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("epochs: 7\n")
    found = recipe_for(rfcalc.load("s9"), str(tmp_path / "mine.yaml"))
    assert (found.name, found.epochs, found.schedule.name) == ("mine", 7, "constant")


def test_schedules_agree_with_torch() -> None:
    """Torch's own schedulers, stepped once for each epoch, or each step, are the oracle."""
    epochs, parameter = 10, nn.Parameter(torch.zeros(1))
    optimizers = [torch.optim.SGD([parameter], lr=1.0) for _ in range(2)]
    pairs: list[tuple[Schedule, Any]] = [
        (StepSchedule(step_size=3, gamma=0.5), torch.optim.lr_scheduler.StepLR(optimizers[0], 3, 0.5)),
        (Cosine(warmup_epochs=0.0, end=0.1), torch.optim.lr_scheduler.CosineAnnealingLR(optimizers[1], epochs, 0.1)),
    ]
    for (ours, theirs), optimizer in zip(pairs, optimizers, strict=True):
        for epoch in range(epochs):
            assert ours.factor(epoch, epochs) == pytest.approx(optimizer.param_groups[0]["lr"]), (ours, epoch)
            optimizer.step()
            theirs.step()


def test_one_cycle_agrees_with_torch() -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1.0, total_steps=101, pct_start=0.3, div_factor=25, final_div_factor=1e9, cycle_momentum=False
    )
    ours = OneCycle(warmup=0.29, start=0.04, end=0.0)  # torch's peak is one step early: 0.3 * 101 - 1 = 29.3
    for step in range(100):
        expected = optimizer.param_groups[0]["lr"]
        assert ours.factor(step / 10, 10) == pytest.approx(expected, abs=0.02)
        optimizer.step()
        theirs.step()


@pytest.mark.parametrize("name", [*SCHEDULES])
def test_every_schedule_stays_between_nothing_and_its_peak(name: str) -> None:
    schedule = read({"schedule": {"name": name, **({"step_size": 2} if name == "step" else {})}}, "t", "t").schedule
    factors = [schedule.factor(step / 7, 5) for step in range(36)]
    assert 0 <= min(factors) <= max(factors) <= 1
    assert max(factors) == pytest.approx(1, abs=0.05)


def test_norms_and_biases_do_not_decay_when_so_asked() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))
    asked = Optimizer("sgd", 0.1, 0.9, True, 0.01, False, 64.0, 0.3)
    shapes = [
        ([len(p.shape) for p in g["params"]], g["weight_decay"], g["factor"]) for g in parameter_groups(net, asked)
    ]
    assert shapes == [([4, 2], 0.01, 1.0), ([1, 1, 1], 0.0, 1.0), ([1], 0.0, 64.0)]


def test_the_average_follows_and_swaps() -> None:
    net = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(net.weight)
    average = Average(net, Ema(decay=0.5, every=2, lookahead=False))
    nn.init.ones_(net.weight)
    average.update(1)  # before its first turn it is the weights themselves
    assert average.values["weight"].tolist() == [[1, 1]]
    nn.init.constant_(net.weight, 12)
    average.update(2)  # after one turn the decay is (1 + 1) / (10 + 1), under 0.5
    assert average.values["weight"].tolist() == [[pytest.approx(10)] * 2]
    nn.init.ones_(net.weight)
    average.update(3)
    assert average.values["weight"].tolist() == [[pytest.approx(10)] * 2]
    average.swap()
    assert net.weight.tolist() == [[pytest.approx(10)] * 2]
    average.swap()
    assert net.weight.tolist() == [[1, 1]]


def test_lookahead_goes_on_from_the_average() -> None:
    net = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(net.weight)
    average = Average(net, Ema(decay=0.5, every=2, lookahead=True))
    nn.init.ones_(net.weight)
    average.update(1)
    assert net.weight.tolist() == [[1, 1]]
    nn.init.constant_(net.weight, 12)
    average.update(2)
    assert net.weight.tolist() == average.values["weight"].tolist() == [[pytest.approx(10)] * 2]


TRAIN = Path(rfcalc.train.__file__).parent
SHOWN = [path.relative_to(TRAIN) for path in sorted(TRAIN.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("module", [".".join(path.with_suffix("").parts) for path in SHOWN])
def test_doctests(module: str) -> None:
    found = doctest.testmod(importlib.import_module(f"rfcalc.train.{module}"))
    assert found.failed == 0
    assert found.attempted > 0


# --- the schema ------------------------------------------------------------------------------------------------------

SCHEMA = Draft202012Validator(recipe_schema())
SHIPPED = [*(rfcalc.load(name).train for name in DOCUMENTS), *(recipe_values(name) for name in names())]


@pytest.mark.parametrize("values", [*SHIPPED, {}, {"ema": None, "schedule": "cosine", "augmentation": ["flip"]}])
def test_the_schema_takes_what_the_reader_takes(values: dict[str, Any]) -> None:
    SCHEMA.validate(values)
    read(values, "t", "t")
    SCHEMA.validate(read(values, "t", "t").to_plain())


@pytest.mark.parametrize(
    "values",
    [
        {"epoch": 3}, {"epochs": 0}, {"optimizer": {"lr": -1}}, {"optimizer": {"name": "x"}}, {"optimizer": 3},
        {"schedule": "onecycle"}, {"schedule": "step"}, {"schedule": {"name": "step"}}, {"schedule": {"gamma": 1}},
        {"schedule": {"name": "cosine", "gamma": 1}}, {"augmentation": "flip"}, {"augmentation": [3]},
        {"normalization": {"mean": [2], "std": [1]}}, {"ema": {"decay": 2}}, {"stated": ["epoch"]},
        {"augmentation": [{"flip": 3}]}, {"augmentation": [{"flip": {}, "cutout": {}}]}, {"label_smoothing": "much"},
    ],
)  # fmt: skip
def test_the_schema_refuses_what_the_reader_refuses(values: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid(values)
    with pytest.raises(RecipeError):
        read(values, "t", "t")


def test_the_schema_loads_nothing_heavy() -> None:
    code = "import sys; from rfcalc.train.recipe.schema import recipe_schema; recipe_schema(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "pandas", "matplotlib"} & set(done.stdout.split())
