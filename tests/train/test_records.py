"""What passes between runs, versions and processes: old records, weights to start from, interruptions, layouts."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from rfcalc.train import Result, Stopped, TrainError, compare_runs, evaluate, export, train
from rfcalc.train import run as journey
from rfcalc.train.fit import precision
from rfcalc.train.fit.precision import Precision
from rfcalc.train.fit.trained import read_safetensors
from tests.command import run

SPEC = """
name: tiny
input: [3, 8, 8]
layers: [conv: {out_channels: 8, kernel_size: 3}, batch_norm, relu, global_avg_pool, linear: 10]
train: {epochs: 1, batch_size: 32, optimizer: {momentum: 0.9}, augmentation: [flip]}
"""


def begin(spec: str, **options: Any) -> Result:
    common: dict[str, Any] = {"data": "synthetic", "limit": 64, "device": "cpu", "quiet": True}
    return train(spec, **(common | options))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(SPEC)
    begin(str(folder / "tiny.yaml"), out=folder / "a")
    return folder


# --- records of older versions ---------------------------------------------------------------------------------------


def changed(finished: Path, folder: Path, change: Any) -> Path:
    """A copy of the run, its run.json as `change` leaves it."""
    shutil.copytree(finished / "a", folder)
    about = json.loads((folder / "run.json").read_text())
    change(about)
    (folder / "run.json").write_text(json.dumps(about))
    return folder


def as_older_versions_wrote_it(about: dict[str, Any]) -> None:
    """`colours` for the normalization, no list of what augmented, no layout, and fewer options."""
    about["colours"] = about.pop("normalization")
    del about["augmentation"], about["precision"]["layout"]
    for option in ("input", "start"):
        del about["options"][option]


def test_a_record_of_an_older_version_is_read(finished: Path, tmp_path: Path) -> None:
    old = changed(finished, tmp_path / "old", as_older_versions_wrote_it)
    found, whole = evaluate(old, write=False), evaluate(finished / "a", write=False)
    assert found.to_json()["confusion"] == whole.to_json()["confusion"]
    assert found.loss == pytest.approx(whole.loss)
    (weights, facts), (ours, expected) = (
        read_safetensors(export(folder, ["safetensors"], out=tmp_path / folder.name)[0].read_bytes())
        for folder in (old, finished / "a")
    )
    assert facts == expected
    assert all(torch.equal(weights[name], value) for name, value in ours.items())
    assert "precision" not in compare_runs([str(old), str(finished / "a")]).differing()
    assert begin(str(old / "spec.yaml"), out=old, resume=True, limit=None, device="cpu").accuracy == found.accuracy


def test_a_record_without_what_every_version_wrote_is_told(finished: Path, tmp_path: Path) -> None:
    broken = changed(finished, tmp_path / "broken", lambda about: [about.pop(key) for key in ("data", "normalization")])
    with pytest.raises(TrainError, match=r"run\.json does not say data and normalization: is it a run of rfcalc\?"):
        evaluate(broken, write=False)


# --- what is refused before any work ---------------------------------------------------------------------------------


def no_data(*about: Any) -> None:
    raise AssertionError("data was read for a run that cannot start")


def test_a_run_to_start_from_is_looked_for_first(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journey, "load_data", no_data)
    spec = str(finished / "tiny.yaml")
    with pytest.raises(TrainError, match="--from NONE: no folder of a run"):
        begin(spec, out=tmp_path / "run", start="NONE")
    shutil.copytree(finished / "a", tmp_path / "half")
    (tmp_path / "half" / "result.json").unlink()
    with pytest.raises(TrainError, match=r"half: that run has not ended; go on with it \(--resume\)"):
        begin(spec, out=tmp_path / "run", start=str(tmp_path / "half"))
    assert not (tmp_path / "run").exists()


def test_a_training_takes_one_input() -> None:
    done = run("train", "s9", "--input", "3,32,32", "--input", "3,8,8", "--data", "synthetic")
    assert (done.code, done.err) == (2, "rfcalc: --input 3,32,32 --input 3,8,8: a training takes one input\n")


# --- between processes -----------------------------------------------------------------------------------------------


def test_an_interruption_passes_between_processes_whole() -> None:
    found = pickle.loads(pickle.dumps(Stopped("stopped after epoch 3", 143)))
    assert (str(found), found.code, type(found)) == ("stopped after epoch 3", 143, Stopped)


# --- float32 in channels_last ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "device", "layout"),
    [
        ({"avx2"}, "cpu", "channels_last"),
        ({"avx2", "avx512_bf16"}, "cpu", "plain"),  # nothing was measured there
        (set(), "cpu", "plain"),
        ({"avx2"}, "mps", "plain"),
    ],
)
def test_float32_is_laid_out_as_it_was_measured(
    flags: set[str], device: str, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "cpu_flags", lambda: flags)
    found = precision.settled_precision("float32", torch.device(device), nn.Identity, lambda: torch.ones(1), print)
    assert (found.name, found.layout) == ("float32", layout)
    assert Precision.from_plain(json.loads(json.dumps(found.to_plain()))) == found


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_both_layouts_compute_the_same(axes: int) -> None:
    """Output and gradients, dilated and grouped convolutions too; only maps of two axes have a layout to choose."""
    conv = getattr(nn, f"Conv{axes}d")
    torch.manual_seed(0)
    first = conv(4, 8, 3, padding=1)
    net = nn.Sequential(first, nn.ReLU(), conv(8, 8, 3, padding=2, dilation=2, groups=8), nn.Flatten())
    x, results = torch.randn(2, 4, *[6] * axes), []
    for way in (Precision(), Precision(layout="channels_last")):
        way.prepare(net)
        assert (first.weight.stride(1) == 1) == (way.channels_last and axes == 2)
        made = net(way.lay_out(x))
        results.append([made.detach(), *torch.autograd.grad(made.square().sum(), list(net.parameters()))])
    for plain, last in zip(*results, strict=True):
        torch.testing.assert_close(last, plain, rtol=1e-4, atol=1e-5)


def test_the_record_says_the_layout(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "cpu_flags", lambda: {"avx2"})
    begin(str(finished / "tiny.yaml"), out=tmp_path / "run")
    about = json.loads((tmp_path / "run" / "run.json").read_text())["precision"]
    assert about == {"name": "float32", "exceptions": {}, "why": "this CPU has neither AVX512-BF16 nor AMX",
                     "layout": "channels_last", "fused": False, "tiled": False}  # fmt: skip
    assert "| precision | float32 and channels_last (this CPU" in (tmp_path / "run" / "report.md").read_text()
