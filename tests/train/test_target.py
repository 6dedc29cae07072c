"""Torch models trained as they are: their own weights, scores, checkpoint and export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import rfcalc
from rfcalc.train import Result, TrainError, evaluate, export, preview, train
from rfcalc.train.fit.model import scores_only
from rfcalc.train.fit.target import Target, target_of

MODEL = """
import torch
from torch import nn
from torch.nn import functional

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.second = nn.Conv2d(16, 32, 3, padding=1)
        self.head = nn.Linear(32 * 4 * 4, 10)

    def forward(self, x):
        x = functional.max_pool2d(self.norm(self.first(x)).relu(), 3)
        return {"scores": self.head(self.second(x).relu().flatten(1)), "map": x}

class Softmaxed(Net):
    def forward(self, x):
        return functional.softmax(super().forward(x)["scores"], dim=1)

given = Softmaxed()
"""
RECIPE = ["epochs=2", "batch_size=32", "optimizer.lr=0.05", "augmentation=[flip]"]


@pytest.fixture
def model(tmp_path: Path) -> str:
    (tmp_path / "net.py").write_text(MODEL)
    return f"{tmp_path / 'net.py'}:Net"


def start(model: str, out: Path, **options: Any) -> Result:
    common: dict[str, Any] = {"data": "synthetic", "limit": 600, "precision": "float32", "device": "cpu", "quiet": True}
    return train(model, out=out, **(common | {"input": "3,12,12", "recipe": "fast", "settings": RECIPE} | options))


def test_a_torch_model_is_trained_as_it_is(model: str, tmp_path: Path) -> None:
    found = start(model, tmp_path / "run")
    assert found.accuracy > 60
    assert (tmp_path / "run" / "module.txt").read_text() == f"{model}\n"
    assert rfcalc.load(tmp_path / "run" / "spec.yaml").params == rfcalc.load(model, (3, 12, 12)).params
    weights = torch.load(tmp_path / "run" / "last.pt", weights_only=True)["weights"]
    assert {"first.weight", "norm.running_mean", "head.bias"} <= set(weights)
    assert evaluate(tmp_path / "run", out=tmp_path / "again").accuracy == found.accuracy
    (path,) = export(tmp_path / "run", ["state-dict"], out=tmp_path)
    target_of(model, "3,12,12").make(0).load_state_dict(torch.load(path, weights_only=True))


def test_a_seed_fixes_a_torch_model_and_it_goes_on_as_it_began(model: str, tmp_path: Path) -> None:
    one, two = (start(model, tmp_path / name) for name in ("one", "two"))
    again = start(model, tmp_path / "one", resume=True)
    assert one.figures["test"] == two.figures["test"] == again.figures["test"]
    assert start(model, tmp_path / "other", seed=1).figures["test_loss"] != one.figures["test_loss"]
    with pytest.raises(TrainError, match="was begun with input: 3,12,12; a run goes on as it began"):
        start(model, tmp_path / "one", resume=True, input="3,13,13")


def test_probabilities_are_trained_by_their_logarithm(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(MODEL)
    target = target_of(f"{tmp_path / 'net.py'}:Softmaxed", "3,12,12")
    plain, trained = target.make(3).eval(), target.make(3).eval()
    scores_only(trained, target.arch)
    x = torch.randn(2, 3, 12, 12)
    assert torch.allclose(trained(x).softmax(1), plain(x), atol=1e-6)
    assert trained(x).min() < 0


def test_a_module_that_brings_its_weights_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("import torch\ntorch.manual_seed(7)\n" + MODEL)
    target = target_of(f"{tmp_path / 'net.py'}:given", "3,12,12")
    first, second = (target.make(seed).state_dict() for seed in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not any(value.is_meta for value in first.values())


def test_a_model_that_has_changed_is_not_evaluated(model: str, tmp_path: Path) -> None:
    start(model, tmp_path / "run", settings=[*RECIPE, "epochs=1"], limit=64)
    (tmp_path / "net.py").write_text(MODEL.replace("Conv2d(16, 32, 3, padding=1)", "Conv2d(16, 32, 1)"))
    with pytest.raises(TrainError, match="is no longer the network that"):
        evaluate(tmp_path / "run")
    with pytest.raises(TrainError, match="trains another spec"):
        start(model, tmp_path / "run", settings=[*RECIPE, "epochs=1"], limit=64, resume=True)


def test_a_torch_model_without_its_input_or_with_another_head_is_refused(model: str, tmp_path: Path) -> None:
    with pytest.raises(rfcalc.RfcalcError, match="say what it is given with --input"):
        start(model, tmp_path / "run", input=None)
    (tmp_path / "net.py").write_text(MODEL.replace("4 * 4, 10)", "4 * 4, 30)"))
    with pytest.raises(rfcalc.RfcalcError, match="gives 30 classes"):
        start(model, tmp_path / "run")


def test_preview_takes_a_torch_model(model: str, tmp_path: Path) -> None:
    assert preview(model, "synthetic", ["HorizontalFlip"], tmp_path / "p.png", input="3,12,12").stat().st_size > 5000


def test_a_spec_for_another_input_is_recorded_as_it_is_trained(tmp_path: Path) -> None:
    target = target_of("s9", "3,24,24")
    assert isinstance(target, Target)
    assert rfcalc.loads(target.text).input == target.arch.input == (3, 24, 24)
    assert isinstance(target.make(0), nn.Module)


def test_a_hub_folder_calls_the_model_as_it_was_named(tmp_path: Path) -> None:
    sized = MODEL + "\ndef sized(width): return Net()\n"
    (tmp_path / "net.py").write_text(sized)
    run = start(f"{tmp_path / 'net.py'}:sized(width=3)", tmp_path / "run", settings=[*RECIPE, "epochs=1"])
    (folder,) = export(run.folder, ["hub-folder"], out=tmp_path)
    assert "net = module.sized(width=3)\n" in (folder / "hubconf.py").read_text()
    assert "| synthetic |" in (folder / "README.md").read_text()
    assert "\n1 epoch, seed 0" in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    "line",
    [
        "from parts import act",
        *(pytest.param(line, marks=pytest.mark.deep) for line in ("import parts.inner as p", "from .parts import act")),
    ],
)
def test_a_model_of_several_files_makes_no_hub_folder(line: str, model: str, tmp_path: Path) -> None:
    run = start(model, tmp_path / "run", settings=[*RECIPE, "epochs=1"])
    (tmp_path / "net.py").write_text(f"{MODEL}\ndef later():\n    {line}\n")
    (tmp_path / "parts.py").write_text("")
    with pytest.raises(TrainError, match=r"net\.py imports \.?parts.* beside it: a hub folder takes a model that lies"):
        export(run.folder, ["hub-folder"], out=tmp_path)
    assert not list(tmp_path.glob("Net-hub/model.py"))


def test_the_record_holds_the_traced_spec(model: str, tmp_path: Path) -> None:
    start(model, tmp_path / "run", settings=[*RECIPE, "epochs=1"], limit=64)
    about = json.loads((tmp_path / "run" / "run.json").read_text())
    assert about["options"]["input"] == "3,12,12"
    assert (tmp_path / "run" / "spec.yaml").read_text() == target_of(model, "3,12,12").text


def test_a_model_is_checked_as_it_is_and_an_unknown_field_is_said_to_be_so(tmp_path: Path) -> None:
    text = MODEL.replace("functional.max_pool2d(", "torch.fft.fft2(").replace("relu(), 3)", "relu()).real")
    (tmp_path / "net.py").write_text(text.replace("4 * 4", "12 * 12"))
    model = f"{tmp_path / 'net.py'}:Net"
    start(model, tmp_path / "run", limit=64, settings=[*RECIPE, "epochs=1"])
    report = (tmp_path / "run" / "report.md").read_text()
    assert "The receptive field is not known." in report


def test_a_model_that_fails_its_check_is_not_trained(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*about: Any) -> None:
        raise rfcalc.RfcalcError("it asks for values")

    monkeypatch.setattr("rfcalc.proof.check.check_target", refuse)
    with pytest.raises(TrainError, match=r"cannot be checked \(--unchecked trains it all the same\): it asks"):
        start(model, tmp_path / "run")
    assert not (tmp_path / "run").exists()
