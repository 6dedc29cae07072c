"""Whole runs, small: the record, going on after every kind of interruption, refusals, and two processes."""

from __future__ import annotations

import csv
import errno
import importlib.machinery
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
import types
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

import rfcalc
from rfcalc.errors import MissingExtra
from rfcalc.network import build
from rfcalc.readme.audit.audit import audit
from rfcalc.readme.audit.verdict import RUN
from rfcalc.train import Result, Stopped, TrainError, evaluate, export, train
from rfcalc.train.fit.loop import Training
from rfcalc.train.fit.record import Record
from rfcalc.train.fit.trained import read_safetensors
from rfcalc.train.report import images, plots
from rfcalc.train.report import report as ending

SPEC = """
name: tiny
input: [3, 12, 12]
layers:
  - conv: {out_channels: 12, kernel_size: 3, padding: 1}
  - batch_norm
  - relu
  - max_pool: 2
  - dropout: 0.1
  - conv: {out_channels: 16, kernel_size: 3, padding: 1}
  - batch_norm
  - relu
  - global_avg_pool
  - linear: 10
claims: {params: 999}
train:
  epochs: 3
  batch_size: 32
  optimizer: {name: muon, lr: 0.1, nesterov: true, weight_decay: 0.0005, decay_norms: false}
  schedule: {name: one_cycle}
  label_smoothing: 0.05
  ema: {decay: 0.9, every: 2}
  augmentation: [HorizontalFlip: {p: 0.5}, pad_crop: {padding: 1}]
"""
TIMES = ("images_per_second", "train_seconds", "seconds")


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    path.write_text(SPEC)
    return str(path)


def start(spec: str, out: Path, **options: Any) -> Result:
    common: dict[str, Any] = {"data": "synthetic", "limit": 800, "precision": "float32", "device": "cpu", "quiet": True}
    return train(spec, out=out, **(common | options))


@pytest.fixture(scope="module")
def whole(one_thread: None, spec: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    start(spec, folder)
    return folder


@pytest.fixture(autouse=True)
def undrawn(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run's images are looked at; drawing those of the others would only take time."""
    for module, names in ((plots, ("run_curves", "confusion")), (images, ("misclassified", "augmentations"))):
        for name in names:
            monkeypatch.setattr(module, name, lambda *about: b"")
    monkeypatch.setattr(images, "figure_bytes", lambda *about: b"")
    monkeypatch.setattr(ending, "plot", lambda *about: None)


def metrics(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def learned(folder: Path) -> list[dict[str, str]]:
    """The metrics without what the clock says."""
    return [{key: value for key, value in row.items() if key not in TIMES} for row in metrics(folder)]


def same_end(one: Path, other: Path) -> bool:
    """Whether two runs ended with the same weights, averages and optimizer state, bit for bit, and the same metrics."""
    first, second = (torch.load(folder / "last.pt", weights_only=True) for folder in (one, other))
    return learned(one) == learned(other) and all(equal(first[key], second[key]) for key in first if key != "position")


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


# --- the record ------------------------------------------------------------------------------------------------------


PLOTS = ("curves", "confusion", "misclassified", "augmentations", "network")


def test_a_run_learns_and_leaves_a_whole_record(whole: Path) -> None:
    names = {path.name for path in whole.iterdir()}
    assert names >= {
        "spec.yaml", "recipe.yaml", "run.json", "metrics.csv", "result.json", "report.md", "last.pt", "previous.pt",
        "best.pt",
        *(f"{plot}.{ending}" for plot in PLOTS for ending in ("png", "svg")),
    }  # fmt: skip
    assert not any(name.endswith(".part") for name in names)
    result, rows = json.loads((whole / "result.json").read_text()), metrics(whole)
    assert len(rows) == 3
    assert result["test_accuracy"] > 90
    assert result["test_accuracy"] == pytest.approx(float(rows[-1]["test_accuracy"]))
    assert result["last5_mean"] is None
    assert result["best"]["test_accuracy"] == max(float(row["test_accuracy"]) for row in rows)
    confusion = torch.tensor(result["test"]["confusion"])
    assert int(confusion.sum()) == 160
    assert 100 * int(confusion.diagonal().sum()) / 160 == pytest.approx(result["test_accuracy"])


def test_the_record_says_what_ran_on_what(whole: Path, spec: str) -> None:
    about = json.loads((whole / "run.json").read_text())
    assert (whole / "spec.yaml").read_text() == Path(spec).read_text()
    assert about["versions"]["torch"] == torch.__version__
    assert about["data"]["published"] is None
    assert len(about["data"]["fingerprint"]) == 64
    assert about["machine"]["threads"] == torch.get_num_threads()
    texts = [path.read_text() for path in whole.iterdir() if path.suffix in (".json", ".yaml", ".csv", ".md")]
    assert len(texts) == 6
    assert platform.node() not in (w for text in texts for w in text.split())


def test_the_report_quotes_the_figures(whole: Path) -> None:
    report = (whole / "report.md").read_text()
    accuracy = json.loads((whole / "result.json").read_text())["test_accuracy"]
    assert f"**{accuracy:.2f} %**" in report
    assert re.findall(r"!\[\w+\]\((\w+)\.(?:png|svg)\)", report) == ["network", *PLOTS[:4]]
    assert "| optimizer.lr | 0.1 | ours |" in report
    assert "| linear" in report


def test_the_report_is_right_by_our_own_audit(whole: Path) -> None:
    claims = audit((whole / "report.md").read_text()).claims
    assert {claim.verdict for claim in claims if claim.why != RUN} == {"right"}, claims
    assert {"params", "macs", "receptive_field"} <= {claim.quantity for claim in claims}


def test_images_are_images(whole: Path) -> None:
    import cv2

    for path in whole.glob("*.png"):
        image = cv2.imread(str(path))
        assert image is not None
        assert image.std() > 5, path


def test_plain_lines_where_there_is_no_terminal(spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start(spec, tmp_path / "run", quiet=False, epochs=1, limit=64)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "synthetic: 64 training images, 12 test images, 10 classes"
    assert lines[2].startswith("epoch 1/1  lr 0.")
    assert lines[3].startswith("test accuracy ")
    assert "\x1b" not in "".join(lines)


def test_a_seed_fixes_everything_and_another_changes_it(whole: Path, spec: str, tmp_path: Path) -> None:
    start(spec, tmp_path / "again")
    start(spec, tmp_path / "other", seed=1)
    assert same_end(whole, tmp_path / "again")
    assert learned(whole)[0] != learned(tmp_path / "other")[0]


def test_a_finished_run_goes_on_to_the_same_end(whole: Path, spec: str, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / "report.md").unlink()
    again = start(spec, tmp_path / "run", resume=True)
    assert again.figures == json.loads((whole / "result.json").read_text())
    assert (tmp_path / "run" / "report.md").read_text() == (whole / "report.md").read_text()


def test_validation_chooses_the_best_epoch(spec: str, tmp_path: Path) -> None:
    start(spec, tmp_path / "run", val=100)
    rows, result = metrics(tmp_path / "run"), json.loads((tmp_path / "run" / "result.json").read_text())
    best = max(rows, key=lambda row: float(row["val_accuracy"]))
    assert result["best"]["chosen_by"] == "val_accuracy"
    assert result["best"]["epoch"] == int(best["epoch"])
    assert result["test_accuracy"] == pytest.approx(float(rows[-1]["test_accuracy"]))


# --- interrupted -----------------------------------------------------------------------------------------------------


def at_step(monkeypatch: pytest.MonkeyPatch, number: int, act: Any) -> None:
    """Does something at the end of the `number`-th step, counted from 1."""
    steps, before = [0], Training.step

    def step(self: Training, *arguments: Any) -> Any:
        made = before(self, *arguments)
        steps[0] += 1
        return act(made) if steps[0] == number else made

    monkeypatch.setattr(Training, "step", step)


def interrupt(sign: signal.Signals) -> Any:
    def act(made: Any) -> Any:
        os.kill(os.getpid(), sign)
        return made

    return act


@pytest.mark.parametrize(  # an epoch has 25 steps
    ("number", "sign"), [(7, signal.SIGTERM), (25, signal.SIGINT), (33, signal.SIGTERM)]
)
def test_an_interrupted_run_ends_bit_for_bit_the_same(
    whole: Path, spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, sign: signal.Signals
) -> None:
    with monkeypatch.context() as patched:
        at_step(patched, number, interrupt(sign))
        with pytest.raises(Stopped) as caught:
            start(spec, tmp_path / "run")
    assert caught.value.code == 128 + sign
    assert f"--out {tmp_path / 'run'} --resume" in str(caught.value)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    torch.manual_seed(99)  # whatever the state of randomness is
    start(spec, tmp_path / "run", resume=True)
    assert same_end(whole, tmp_path / "run")


SCRIPT = """
import os
import sys
import torch
from rfcalc.train import train
torch.set_num_threads(1)
if __name__ == "__main__":
    train(sys.argv[1], data="synthetic", limit=800, precision="float32", device="cpu", out=sys.argv[2],
          settings=sys.argv[3:])
    names = [open(f"/proc/self/task/{task}/comm").read() for task in os.listdir("/proc/self/task")]
    print("threads left:", sum("gloo" in name for name in names), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "go.py"
    path.write_text(SCRIPT)
    return path


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


OWN = "augmentation=[flip, pad_crop]"  # spares each process the import of albumentations


def written(path: Path) -> int:
    """When a file was last written, 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def test_kill_9_loses_at_most_an_epoch(script: Path, spec: str, tmp_path: Path) -> None:
    """Killed as soon as its third state is there, wherever it then was; compared with a run that was not killed."""
    start(spec, tmp_path / "whole", settings=["epochs=16", OWN])
    folder, seen = tmp_path / "killed", {0}
    command = [sys.executable, str(script), spec, str(folder), "epochs=16", OWN]
    running = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while len(seen) < 4 and time.monotonic() < until and running.poll() is None:
        seen.add(written(folder / "last.pt"))
        time.sleep(0.001)
    running.kill()
    assert running.wait() == -signal.SIGKILL
    state, problems = Record(folder).load()
    assert state is not None
    assert problems == []
    assert 2 <= state["position"]["epoch"] < 16
    start(spec, folder, resume=True, settings=["epochs=16", OWN])
    assert len(metrics(folder)) == 16
    assert same_end(tmp_path / "whole", folder)


@pytest.fixture
def broken(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run stopped in its third epoch, which has two checkpoints."""
    with monkeypatch.context() as patched:
        at_step(patched, 60, interrupt(signal.SIGTERM))
        with pytest.raises(Stopped):
            start(spec, tmp_path / "run")
    return tmp_path / "run"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [cut, flipped, Path.unlink])
def test_a_damaged_checkpoint_is_noticed_and_the_one_before_used(
    broken: Path, whole: Path, spec: str, damage: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(broken / "last.pt")
    start(spec, broken, resume=True, quiet=False)
    told = capsys.readouterr().out
    assert ("last.pt: " in told and "going on with the state before" in told) == (damage is not Path.unlink)
    assert same_end(whole, broken)


def test_two_damaged_checkpoints_are_an_error(broken: Path, spec: str) -> None:
    cut(broken / "last.pt")
    cut(broken / "previous.pt")
    with pytest.raises(TrainError, match="no whole state to go on from"):
        start(spec, broken, resume=True)


def test_a_full_disk_keeps_the_last_good_state(
    whole: Path, spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves, before = [0], Record.save

    def save(self: Record, state: Any) -> None:
        saves[0] += 1
        if saves[0] == 2:
            monkeypatch.setattr(os, "fsync", full)
        before(self, state)

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Record, "save", save)
        with pytest.raises(TrainError, match=r"the disk is full: [\d,]+ bytes cannot be written .* --resume"):
            start(spec, tmp_path / "run")
        monkeypatch.undo()
    assert not list((tmp_path / "run").glob("*.part"))
    start(spec, tmp_path / "run", resume=True)
    assert same_end(whole, tmp_path / "run")


def test_a_loss_that_is_no_number_stops(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_step(monkeypatch, 30, lambda made: (made[0] * float("nan"), made[1]))
    with pytest.raises(TrainError, match=r"the loss is nan in epoch 2, step 5: .* the state after epoch 1 is kept in"):
        start(spec, tmp_path / "run")
    state, _ = Record(tmp_path / "run").load()
    assert state is not None
    assert state["position"]["epoch"] == 1


# --- refused ---------------------------------------------------------------------------------------------------------


def test_a_run_is_not_overwritten_and_goes_on_as_it_began(whole: Path, spec: str, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    with pytest.raises(TrainError, match="holds a run: go on with it"):
        start(spec, folder)
    with pytest.raises(TrainError, match="was begun with seed: None; a run goes on as it began"):
        start(spec, folder, resume=True, seed=3)
    edit(folder, limit=700)
    with pytest.raises(TrainError, match="was trained on other images"):
        start(spec, folder, resume=True, limit=None)
    other = tmp_path / "other.yaml"
    other.write_text(SPEC.replace("kernel_size: 3", "kernel_size: 5"))
    with pytest.raises(TrainError, match="trains another spec"):
        start(str(other), folder, resume=True, limit=None)


def test_a_run_goes_on_with_what_its_spec_says_besides(whole: Path, tmp_path: Path) -> None:
    """A comment, a claim and a target are no other network."""
    shutil.copytree(whole, tmp_path / "run")
    other = tmp_path / "other.yaml"
    other.write_text(SPEC.replace("claims: {params: 999}", "claims: {params: 998}   # counted again"))
    assert start(str(other), tmp_path / "run", resume=True).figures["test_accuracy"]


def edit(folder: Path, **options: Any) -> None:
    """Changes the options that a run's record holds."""
    about = json.loads((folder / "run.json").read_text())
    about["options"].update(options)
    (folder / "run.json").write_text(json.dumps(about))


def test_a_spec_that_misses_its_target_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(SPEC + "targets: {max_params: 100}\n")
    with pytest.raises(TrainError, match=r"tiny fails its check .*\n.*max_params"):
        start(str(path), tmp_path / "run", epochs=1)
    start(str(path), tmp_path / "run", epochs=1, limit=64, unchecked=True)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["checked"] is False
    assert "**The network was not checked**" in (tmp_path / "run" / "report.md").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": "nothing"}, "no such folder, and no set called 'nothing'"),
        ({"data": "/cifar10"}, "/cifar10: no such folder"),
        ({"data": __file__}, f"{__file__}: not a folder"),
        ({"device": "gpux"}, "--device gpux: no such device; there are auto, cpu, cuda, cuda:N, mps, gpu"),
        ({"device": "meta"}, "--device meta: no such device; there are auto, cpu, cuda, cuda:N, mps, gpu"),
        ({"device": "mps"}, "--device mps: torch finds no such GPU here"),
        ({"precision": "fp8"}, "--precision fp8: there are auto, float32, bf16"),
        ({"epochs": 0}, "--epochs 0: must be at least 1"),
        ({"limit": 0}, "--limit 0: must be at least 1"),
        ({"val": -5}, "--val -5: must leave some"),
        ({"settings": ["normalization={mean: [0.5], std: [0.5]}"]}, "normalization lists 1 and 1 numbers for 3 chann"),
    ],
)
def test_wrong_options_are_named(spec: str, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(rfcalc.RfcalcError) as caught:
        start(spec, tmp_path / "run", **options)
    assert message in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_tensorboard_gets_each_epochs_row(spec: str, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    start(spec, tmp_path / "run", track=["tensorboard"], epochs=2)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"test/accuracy", "train/loss", "lr"} <= set(events.Tags()["scalars"])
    written = [(event.step, event.value) for event in events.Scalars("test/accuracy")]
    assert written == [(int(row["epoch"]), pytest.approx(float(row["test_accuracy"]), rel=1e-6)) for row in rows]


def test_mlflow_gets_each_epochs_row(spec: str, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    start(spec, tmp_path / "run", track=["mlflow"], epochs=2)
    client = MlflowClient((tmp_path / "run" / "mlflow").as_uri())
    experiment = client.get_experiment_by_name("rfcalc")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    rows = metrics(tmp_path / "run")
    history = client.get_metric_history(run.info.run_id, "test/accuracy")
    assert [(m.step, m.value) for m in history] == [(int(r["epoch"]), float(r["test_accuracy"])) for r in rows]
    assert (run.data.params["network"], run.data.params["epochs"], run.info.status) == ("tiny", "2", "FINISHED")


def test_trackers_with_the_interface_of_wandb(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """wandb and trackio offer init, log and finish; here a stand-in with those three notes what it is given."""
    for name in ("wandb", "trackio"):
        noted: list[Any] = []
        library = types.ModuleType(name)
        library.__spec__ = importlib.machinery.ModuleSpec(name, None)
        run = types.SimpleNamespace(
            log=lambda v, step, n=noted: n.append((step, v)), finish=lambda n=noted: n.append("end")
        )
        asked: dict[str, Any] = {}
        library.init = lambda run=run, asked=asked, **about: asked.update(about) or run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, library)
        start(spec, tmp_path / name, track=[name], epochs=2)
        rows = metrics(tmp_path / name)
        assert [entry[0] for entry in noted[:2]] == [1, 2]
        assert noted[1][1]["test/accuracy"] == float(rows[1]["test_accuracy"])
        assert noted[2:] == ["end"]
        assert asked.get("mode") == {"wandb": "offline", "trackio": None}[name]  # neither asks for an account


def test_wandb_itself_writes_here_without_an_account(spec: str, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    start(spec, tmp_path / "run", track=["wandb"])
    assert list((tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb"))


def test_trackio_itself_writes_here_without_an_account(spec: str, tmp_path: Path) -> None:
    pytest.importorskip("trackio")
    code = (
        "import sys; from rfcalc.train import train; train(sys.argv[1], out=sys.argv[2], track=['trackio'], "
        "data='synthetic', limit=64, epochs=1, precision='float32', device='cpu', quiet=True)"
    )
    where = {**os.environ, "TRACKIO_DIR": str(tmp_path / "kept")}
    subprocess.run([sys.executable, "-c", code, spec, str(tmp_path / "run")], check=True, env=where)
    assert (tmp_path / "kept" / "rfcalc.db").is_file()


def test_a_tracker_that_is_not_there_is_told(spec: str, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"--track tensorbord: there are .*: did you mean tensorboard\?"):
        start(spec, tmp_path / "run", track=["tensorbord"])


def test_tensorboard_must_be_installed(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(MissingExtra, match="this needs tensorboard"):
        start(spec, tmp_path / "run", track=["tensorboard"])


# --- finished runs ---------------------------------------------------------------------------------------------------


def test_evaluation_finds_the_records_figures_again(whole: Path, tmp_path: Path) -> None:
    result = json.loads((whole / "result.json").read_text())
    found = evaluate(whole, out=tmp_path)
    assert found.to_json() == result["test"]
    assert (tmp_path / "confusion.png").is_file()
    best = evaluate(whole, checkpoint="best", out=tmp_path)
    assert best.accuracy == pytest.approx(result["best"]["test_accuracy"])
    with pytest.raises(TrainError, match=r"is .* the folder of a run"):
        evaluate(tmp_path / "nothing")


def test_an_exported_network_is_the_averaged_one(whole: Path, tmp_path: Path) -> None:
    (path,) = export(whole, ["state-dict"], out=tmp_path)
    weights = torch.load(path, weights_only=True)
    state = torch.load(whole / "last.pt", weights_only=True)
    build(rfcalc.load(str(whole / "spec.yaml"))).load_state_dict(weights)
    assert all(torch.equal(weights[name], value) for name, value in state["average"].items())
    assert any(not torch.equal(weights[name], value) for name, value in state["weights"].items())
    with pytest.raises(
        TrainError, match="no export called tflite; there are state-dict, safetensors, onnx, hub-folder"
    ):
        export(whole, ["tflite"])


def test_shipped_weights_are_exported_too(tmp_path: Path) -> None:
    """Here, unless a folder is named; only a hub folder needs the record of a run."""
    written = export("ours_fast", ["state-dict", "safetensors", "onnx"], out=tmp_path)
    assert [path.name for path in written] == ["ours_fast.state-dict.pt", "ours_fast.safetensors", "ours_fast.onnx"]
    shipped = (resources.files("rfcalc.archs") / "ours_fast.safetensors").read_bytes()
    (weights, facts), (again, same) = map(read_safetensors, (shipped, written[1].read_bytes()))
    assert equal(weights, again)
    assert facts == same
    with pytest.raises(TrainError, match="ours_fast: a hub folder is made of the folder of a run"):
        export("ours_fast", ["hub-folder"], out=tmp_path)


def test_safetensors_hold_the_weights_and_what_they_need(whole: Path, tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import load_file

    (path,) = export(whole, ["safetensors"], out=tmp_path)
    (plain,) = export(whole, ["state-dict"], out=tmp_path)
    assert equal(load_file(path), dict(torch.load(plain, weights_only=True)))
    with safe_open(path, "pt") as file:
        facts = json.loads(file.metadata()["rfcalc"])
    about = json.loads((whole / "run.json").read_text())
    assert (facts["mean"], facts["classes"]) == (about["normalization"]["mean"], about["data"]["classes"])


def test_a_hub_folder_loads_without_rfcalc(whole: Path, tmp_path: Path) -> None:
    (folder,) = export(whole, ["hub-folder"], out=tmp_path)
    (plain,) = export(whole, ["state-dict"], out=tmp_path)
    net = build(rfcalc.load(str(whole / "spec.yaml"))).eval()
    net.load_state_dict(torch.load(plain, weights_only=True))
    x = torch.randn(2, 3, 12, 12)
    torch.save((x, net(x).detach()), tmp_path / "expected.pt")
    code = (
        "import sys, torch; x, expected = torch.load(sys.argv[2], weights_only=True);"
        "net = torch.hub.load(sys.argv[1], 'tiny', source='local');"
        "assert torch.allclose(net(x).flatten(1), expected.flatten(1), atol=1e-6);"
        "assert not any(name.startswith('rfcalc') for name in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(folder), str(tmp_path / "expected.pt")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    card = (folder / "README.md").read_text()
    accuracy = json.loads((whole / "result.json").read_text())["test_accuracy"]
    assert f"| synthetic | {accuracy:.2f} % |" in card
    exec(
        compile(
            card.partition("```python\n")[2].partition("```")[0].replace("PATH/OF/THIS/FOLDER", str(folder)),
            "card",
            "exec",
        ),
        {},
    )


def test_onnx_gives_the_same_scores_or_says_what_is_missing(whole: Path, tmp_path: Path) -> None:
    if find_spec("onnx") is None:
        with pytest.raises(MissingExtra, match="this needs onnx"):
            export(whole, ["onnx"], out=tmp_path)
        return
    import onnx  # type: ignore[import-not-found, unused-ignore]
    from onnx.reference import ReferenceEvaluator  # type: ignore[import-not-found, unused-ignore]

    (path,) = export(whole, ["onnx"], out=tmp_path)
    x = torch.randn(3, 3, 12, 12)
    net = build(rfcalc.load(str(whole / "spec.yaml"))).eval()
    (weights,) = export(whole, ["state-dict"], out=tmp_path)
    net.load_state_dict(torch.load(weights, weights_only=True))
    (scores,) = ReferenceEvaluator(onnx.load(path)).run(None, {"image": x.numpy()})
    assert torch.allclose(torch.from_numpy(scores), net(x), atol=1e-4)


# --- two processes ---------------------------------------------------------------------------------------------------

PLAIN = """
name: plain
input: [3, 8, 8]
layers: [conv: {out_channels: 8, kernel_size: 3}, relu, global_avg_pool, linear: 10]
"""


def test_two_processes_learn_what_one_does(script: Path, tmp_path: Path) -> None:
    """Without batch norm, dropout and augmentation, shared batches give the gradients of whole ones, up to rounding."""
    spec, ours = tmp_path / "plain.yaml", ["epochs=2", "batch_size=16", "optimizer.lr=0.05"]
    spec.write_text(PLAIN + "train: {optimizer: {momentum: 0.9}, ema: {decay: 0.9}}\n")
    start(str(spec), tmp_path / "one", settings=ours)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0",
               "--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0"]  # fmt: skip
    command += [str(script), str(spec), str(tmp_path / "two"), *ours]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch 1/2") == 1
    assert done.stderr.count("threads left: 0") == 2  # one that goes on while Python ends may abort the process
    assert json.loads((tmp_path / "two" / "run.json").read_text())["processes"] == 2
    one, two = (torch.load(tmp_path / name / "last.pt", weights_only=True) for name in ("one", "two"))
    for name, value in one["weights"].items():
        assert torch.allclose(value, two["weights"][name], atol=1e-4), name
    for first, second in zip(metrics(tmp_path / "one"), metrics(tmp_path / "two"), strict=True):
        assert float(first["train_loss"]) == pytest.approx(float(second["train_loss"]), abs=1e-4)
        assert float(first["train_accuracy"]) == pytest.approx(float(second["train_accuracy"]), abs=0.5)
