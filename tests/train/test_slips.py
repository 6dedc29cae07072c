"""Slips of the hand on train, preview, eval and compare: each is answered at once, with what to do."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from jsonschema import Draft202012Validator
from torch import nn

import rfcalc
from rfcalc import errors
from rfcalc.errors import MissingExtra, need
from rfcalc.measure import field_of
from rfcalc.report.claims import targets_of
from rfcalc.train import Result, TrainError, compare_runs, evaluate, export, preview, train
from rfcalc.train.data import sets
from rfcalc.train.data.download import Remote, fetch
from rfcalc.train.fit import precision, process_group, start, trained
from rfcalc.train.fit.precision import Precision, settled_precision
from rfcalc.train.fit.progress import Display
from rfcalc.train.fit.target import target_of
from rfcalc.train.recipe.options import DEVICES, PRECISIONS, Options
from tests.command import run

SPEC = """
name: tiny
input: [3, 8, 8]
layers: [conv: {out_channels: 8, kernel_size: 3}, batch_norm, relu, global_avg_pool, linear: 10]
train: {epochs: 1, batch_size: 32, optimizer: {momentum: 0.9}, augmentation: [flip]}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    (tmp_path / "tiny.yaml").write_text(SPEC)
    return str(tmp_path / "tiny.yaml")


def begin(spec: str, **options: Any) -> Result:
    common: dict[str, Any] = {"data": "synthetic", "limit": 64, "precision": "float32", "device": "cpu", "quiet": True}
    return train(spec, **(common | options))


# --- where the record lies -------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*about: Any) -> None:
        raise AssertionError("work was done before --out was tried")

    monkeypatch.setattr(sets, "read_data", never)
    monkeypatch.setattr(start, "demand_checked", never)
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "run", Path("/proc/nothing")):
        with pytest.raises(TrainError, match=rf"--out {out}: cannot be written \("):
            begin(spec, out=out)


def test_a_refused_run_leaves_no_folder(spec: str, tmp_path: Path) -> None:
    with pytest.raises(rfcalc.RfcalcError, match="no such folder"):
        begin(spec, out=tmp_path / "deep" / "run", data="nothing")
    assert not (tmp_path / "deep").exists()


def test_resuming_nothing_is_an_error(spec: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for out in (tmp_path / "nothing", tmp_path / "empty"):
        with pytest.raises(TrainError, match="holds no run to go on with: leave out --resume to begin one there"):
            begin(spec, out=out, resume=True)
    assert not (tmp_path / "nothing").exists()


def test_runs_are_numbered_and_resume_takes_the_last(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = [begin(spec).folder for _ in range(3)]
    assert found == [Path("runs/tiny"), Path("runs/tiny-2"), Path("runs/tiny-3")]
    assert begin(spec, resume=True).folder == Path("runs/tiny-3")
    assert begin("runs/tiny", resume=True).folder == Path("runs/tiny")  # a run's own folder is that run


# --- devices and precisions ------------------------------------------------------------------------------------------


def test_help_and_errors_name_the_same_devices_and_precisions() -> None:
    shown = " ".join(run("train", "--help", COLUMNS="200").out.split())
    assert ", ".join(DEVICES) in shown
    assert ", ".join(PRECISIONS) in shown
    for device in DEVICES:
        if device not in ("cpu", "auto"):
            with pytest.raises(TrainError, match=f"--device {device}: "):
                process_group.device_of(device)
    with pytest.raises(TrainError, match=", ".join(DEVICES)):
        process_group.device_of("tpu")


def test_gpu_is_another_word_for_the_gpu_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainError, match="--device gpu: torch finds no GPU here"):
        process_group.device_of("gpu")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert process_group.device_of("gpu") == torch.device("mps")
    assert process_group.device_of("auto") == torch.device("cpu")  # no run has been seen on mps: it must be asked for
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert process_group.device_of("gpu") == process_group.device_of("auto") == torch.device("cuda:0")


def no_network() -> nn.Module:
    raise AssertionError("the network was made for a test that is not needed")


def no_batch() -> torch.Tensor:
    raise AssertionError("a batch was made for a test that is not needed")


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))


def test_a_cpu_without_bf16_is_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "cpu_flags", lambda: {"avx2", "avx512f"})
    said: list[str] = []
    found = settled_precision("auto", torch.device("cpu"), no_network, no_batch, said.append)
    assert (found.name, found.why, said) == ("float32", "this CPU has neither AVX512-BF16 nor AMX", [])
    assert settled_precision("float32", torch.device("cpu"), no_network, no_batch, said.append) == Precision(
        layout="channels_last"
    )


@pytest.mark.parametrize("flags", [{"avx512_bf16"}, {"amx_bf16"}, set()])
def test_a_test_is_announced_and_its_verdict_kept(flags: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """For one machine and network: another network is tested anew."""
    monkeypatch.setattr(precision, "cpu_flags", lambda: flags)
    seconds = iter((1.0, 0.5) * 2)
    monkeypatch.setattr(precision, "step_seconds", lambda *about: next(seconds))
    said: list[str] = []

    def find(make: Callable[[], nn.Module]) -> Precision:
        return settled_precision("auto", torch.device("cpu"), make, lambda: torch.randn(4, 3, 8, 8), said.append)

    first = find(small)
    assert find(small) == first
    assert (first.name, len(said)) == ("bf16", 1)
    assert "testing bf16 against float32" in said[0]
    assert find(lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 2))).name == "bf16"
    assert len(said) == 2


def test_a_spoilt_verdict_is_tested_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "cpu_flags", lambda: {"amx_bf16"})
    monkeypatch.setattr(precision, "step_seconds", lambda how, *rest: 1.0)
    path = Path(os.environ["XDG_CACHE_HOME"]) / "rfcalc" / "precision.json"
    for spoilt in ("{", "[]", '{"x": 1}'):
        path.parent.mkdir(exist_ok=True)
        path.write_text(spoilt)
        said: list[str] = []
        batch = torch.randn(4, 3, 8, 8)
        assert settled_precision("auto", torch.device("cpu"), small, batch.clone, said.append).name == "float32"
        assert len(said) == 1


# --- words -----------------------------------------------------------------------------------------------------------


def test_one_epoch_is_no_plural_and_has_no_last_five(spec: str, tmp_path: Path) -> None:
    one, two = (begin(spec, out=tmp_path / str(n), epochs=n) for n in (1, 2))
    assert "after 1 epoch (best" in one.lines()[0]
    assert "after 2 epochs (best" in two.lines()[0]
    assert "last five" not in " ".join(one.lines()) + (tmp_path / "2" / "report.md").read_text()
    assert two.figures["last5_mean"] is None
    five = begin(spec, out=tmp_path / "5", epochs=5)
    assert f"last five {five.figures['last5_mean']:.2f} %" in five.lines()[0]


def test_the_bar_shows_running_loss_and_accuracy() -> None:
    display = Display(2)
    display.live, display.steps = True, 40
    for batch in range(1, 18):
        display.batch(0, batch, 1234.0, lambda batch=batch: (batch / 10, 5.0 * batch))  # type: ignore[misc]
    assert display.bar.tasks[0].fields["told"] == "loss 1.700, 85.0 %  1,234 images/s"
    display.close()


def test_the_time_left_follows_the_last_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    display = Display(20)
    for epoch, seconds in ((10, 1000.0), (11, 1010.0)):  # resumed on a faster machine
        display.epoch({"epoch": epoch, "lr": 0.1, "images_per_second": 1.0, "seconds": seconds})
    assert [line.split("  ")[-1] for line in capsys.readouterr().out.splitlines()] == ["16 min left", "90 s left"]


# --- what is missing -------------------------------------------------------------------------------------------------


def test_a_missing_package_is_answered_by_a_command_that_works_here(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingExtra) as caught:
        need("no_such_package", "train")
    assert f"this needs no_such_package, which is not installed: {sys.executable} -m pip install" in str(caught.value)
    assert "rfcalc" not in str(caught.value).rpartition("install ")[2]


def test_a_missing_package_comes_with_its_bounds_and_what_else_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    stated = ["torch>=2.4; extra == 'train'", 'albumentations==2.0.8; extra == "train"', "numpy>=1; extra == 'train'"]
    real = metadata.distribution

    def distribution(name: str) -> Any:
        if name in ("torch", "albumentations"):
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "requires", lambda name: stated)
    monkeypatch.setattr(metadata, "distribution", distribution)
    assert errors.missing_of("torch", "train") == ["torch>=2.4", "albumentations==2.0.8"]
    assert errors.install_command("torch", "train").endswith("install 'torch>=2.4' albumentations==2.0.8")
    assert errors.missing_of("cv2", "train") == ["opencv-python-headless", "torch>=2.4", "albumentations==2.0.8"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert errors.install_command("torch", "train").startswith(f"uv pip install --python {sys.executable} ")


def test_mlflow_is_asked_for_by_the_name_it_is_installed_under(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = ["mlflow-skinny>=2.16; extra == 'track'"]
    monkeypatch.setattr(errors, "requirements", lambda: stated)
    monkeypatch.setattr(errors, "installed", lambda name: None)
    assert errors.missing_of("mlflow", "track") == ["mlflow-skinny>=2.16"]


def test_options_are_plain_and_unknown_ones_are_no_options() -> None:
    assert Options().given(settings=["epochs=1"], limit=None).settings == ("epochs=1",)
    with pytest.raises(TypeError, match="colour"):
        Options().given(colour=3)


@pytest.mark.parametrize(
    ("setting", "message"),
    [("augmentation=[flop]", "unknown transform 'flop': did you mean flip"),
     ("distillation={teacher: nothing}", "distillation.teacher: nothing/run.json: ")],
)  # fmt: skip
def test_a_slip_in_a_recipe_is_told_before_the_check_and_the_data(
    setting: str, message: str, spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*about: Any) -> None:
        raise AssertionError("work was done before the recipe was read")

    monkeypatch.setattr(start, "demand_checked", never)
    with pytest.raises(rfcalc.RfcalcError, match=message):
        begin(spec, out=tmp_path / "run", settings=[setting])


# --- endings ---------------------------------------------------------------------------------------------------------

BEGINNINGS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "jpg": b"\xff\xd8"}


@pytest.mark.parametrize(("name", "form"), [(f"p.{form}", form) for form in BEGINNINGS] + [("p.JPEG", "jpg")])
def test_an_ending_decides_a_plots_format(name: str, form: str, tmp_path: Path) -> None:
    path = preview("s9", "synthetic", ["HorizontalFlip"], tmp_path / name)
    assert path.read_bytes().startswith(BEGINNINGS[form])
    assert path.read_bytes() == preview("s9", "synthetic", ["HorizontalFlip"], tmp_path / f"again-{name}").read_bytes()


@pytest.mark.parametrize("name", ["p.xyz", "p", "p.yaml"])
def test_an_ending_that_is_no_plots_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"a plot is written as \.png, \.svg, \.pdf, \.jpg"):
        preview("s9", "synthetic", None, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_text_is_not_written_under_an_images_ending(tmp_path: Path) -> None:
    for name in ("t.png", "t.svg"):
        done = run("table", "s9", "-o", str(tmp_path / name))
        assert (done.code, done.out) == (2, "")
        assert "this is text, which is not written under the ending of an image" in done.err
    assert not list(tmp_path.iterdir())


# --- finished runs ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(SPEC)
    for name, options in (("a", {}), ("b", {"seed": 1, "epochs": 2})):
        begin(str(folder / "tiny.yaml"), out=folder / name, **options)
    return folder


def folders(tmp_path: Path, names: tuple[str, ...]) -> Path:
    """Ten classes of one plain image each, in train and test."""
    import cv2

    for part in ("train", "test"):
        for i, name in enumerate(names):
            (tmp_path / "own" / part / name).mkdir(parents=True)
            cv2.imwrite(str(tmp_path / "own" / part / name / "1.png"), np.full((8, 8, 3), 20 * i, np.uint8))
    return tmp_path / "own"


def test_other_classes_are_refused(finished: Path, tmp_path: Path) -> None:
    data = folders(tmp_path, tuple("abcdefghij"))
    with pytest.raises(TrainError, match=r"on other classes than those of own: class 0 is square there and a here"):
        evaluate(finished / "a", data, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_same_classes_in_another_order_are_refused(finished: Path, tmp_path: Path) -> None:
    """Folders are read in the order of their names; a label would then stand for another class."""
    names = tuple(json.loads((finished / "a" / "run.json").read_text())["data"]["classes"])
    with pytest.raises(TrainError, match="was trained on other classes"):
        evaluate(finished / "a", folders(tmp_path, names), out=tmp_path / "out")


def test_eval_says_what_it_looked_at_and_where_it_wrote(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "a", tmp_path / "a")
    done = run("eval", str(tmp_path / "a"))
    assert "12 test images of synthetic, as few as with the run's --limit 64" in done.out
    assert f"written to {tmp_path / 'a' / 'evaluation'}: evaluation.json, confusion and" in done.out
    assert (tmp_path / "a" / "evaluation" / "confusion.png").is_file()
    whole = evaluate(tmp_path / "a", "synthetic", out=tmp_path / "whole")
    assert whole.notes[0] == "2,000 test images of synthetic"


def test_a_class_without_images_has_no_accuracy(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "a", tmp_path / "a")
    about = json.loads((tmp_path / "a" / "run.json").read_text())
    about["options"]["limit"] = 20  # and four to test
    (tmp_path / "a" / "run.json").write_text(json.dumps(about))
    assert re.search(r"striped disc +0 +–", run("eval", str(tmp_path / "a")).out)


def test_json_is_printed_and_nothing_written_unless_asked(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "a", tmp_path / "a")
    before = sorted((tmp_path / "a").rglob("*"))
    done = run("eval", str(tmp_path / "a"), "--format", "json")
    result = json.loads((tmp_path / "a" / "result.json").read_text())
    assert json.loads(done.out)["accuracy"] == pytest.approx(result["test_accuracy"], abs=1e-4)
    assert sorted((tmp_path / "a").rglob("*")) == before
    run("eval", str(tmp_path / "a"), "--format", "json", "--out", str(tmp_path / "out"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "evaluation.json", "confusion.png", "confusion.svg", "misclassified.png", "misclassified.svg"
    }  # fmt: skip


def test_runs_are_compared(finished: Path) -> None:
    a, b = str(finished / "a"), str(finished / "b")
    found = compare_runs([a, b]).to_json()
    results = [json.loads((finished / name / "result.json").read_text()) for name in "ab"]
    assert found["settings"] == {"epochs": [1, 2], "seed": [0, 1]}
    assert found["figures"]["test accuracy, last epoch"] == [result["test_accuracy"] for result in results]
    assert found["per_class"]["disc"] == [result["test"]["per_class"]["disc"] for result in results]
    assert [len(curve) for curve in found["curves"]] == [1, 2]
    assert json.loads(run("compare", a, b, "--format", "json").out) == found
    shown = run("compare", a, b).out
    assert re.search(r"epochs +1 +2", shown)
    change = results[1]["test_accuracy"] - results[0]["test_accuracy"]
    assert re.search(rf"test accuracy, last epoch .*{re.escape(f'{change:+.2f}')}", shown)


def test_what_a_run_started_from_is_compared(finished: Path, tmp_path: Path) -> None:
    kept = begin(str(finished / "a"), out=tmp_path / "c", start=str(finished / "a"), val=8)
    found = compare_runs([str(finished / "a"), str(kept.folder)]).to_json()["settings"]
    assert (found["from"], found["validation images"]) == ([None, str(finished / "a")], [0, 8])


def test_curves_of_runs_as_csv_and_as_a_plot(finished: Path, tmp_path: Path) -> None:
    a, b = str(finished / "a"), str(finished / "b")
    rows = list(csv.DictReader(run("compare", a, b, "--format", "csv").out.splitlines()))
    assert [(row["run"], row["epoch"]) for row in rows] == [(a, "1"), (b, "1"), (b, "2")]
    assert run("compare", a, b, "-o", str(tmp_path / "c.svg")).code == 0
    assert (tmp_path / "c.svg").read_bytes().startswith(b"<?xml")


def test_runs_of_other_networks_and_unfinished_ones_are_compared(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "wide.yaml").write_text(SPEC.replace("out_channels: 8", "out_channels: 9"))
    begin(str(tmp_path / "wide.yaml"), out=tmp_path / "wide")
    (tmp_path / "wide" / "result.json").unlink()
    found = compare_runs([str(finished / "a"), str(tmp_path / "wide")]).to_json()
    assert found["settings"]["params"][1] > found["settings"]["params"][0]
    assert found["figures"]["test accuracy, last epoch"][1] is None
    with pytest.raises(TrainError, match=r"is .* the folder of a run"):
        compare_runs([str(finished / "a"), str(tmp_path)])


def test_a_runs_folder_stands_for_its_network(finished: Path) -> None:
    assert rfcalc.load(str(finished / "a")).params == rfcalc.load(str(finished / "tiny.yaml")).params
    assert "tiny: input 3x8x8" in run("table", str(finished / "a")).out
    assert run("check", str(finished / "a")).code == 0


def test_field_takes_a_runs_checkpoints(finished: Path) -> None:
    """The weights in the checkpoint change what is measured; the average of the weights counts, as in eval."""
    folder = finished / "a"
    plain = field_of(str(folder / "spec.yaml"), count=2)
    trained = [field_of(str(folder), count=2, weights=str(folder / name)) for name in ("last.pt", "best.pt")]
    assert not torch.equal(plain.gradient, trained[0].gradient)
    assert torch.equal(trained[0].gradient, trained[1].gradient)
    assert torch.equal(field_of(str(folder), count=2).gradient, trained[1].gradient)  # a run's own weights


# --- words that are near ---------------------------------------------------------------------------------------------


def test_a_python_file_without_a_models_name_says_how_it_is_named(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("from torch import nn\nclass Block(nn.Module): ...\nclass Net(nn.Module): ...\nclass Other: ...\n")
    done = run("table", str(path), "--input", "3,32,32")
    assert done.err == f"rfcalc: {path} is Python: name the model in it, such as {path}:Net, and its --input\n"
    path.write_text("def (")
    assert f"such as {path}:Name" in run("table", str(path)).err


@pytest.mark.parametrize(
    ("op", "meant"), [("gap", "global_avg_pool"), ("GAP", "global_avg_pool"), ("fc", "linear"), ("dense", "linear")]
)
def test_what_people_call_a_layer_is_answered(op: str, meant: str) -> None:
    with pytest.raises(rfcalc.SpecError, match=f"unknown layer '{op}': did you mean {meant}?"):
        rfcalc.loads(f"{{input: [3, 8, 8], layers: [{op}]}}")


def test_what_people_call_a_feature_or_a_transform_is_answered() -> None:
    with pytest.raises(rfcalc.SpecError, match=r"not 'gap': did you mean global_avg_pool\?"):
        rfcalc.loads("{input: [3, 8, 8], layers: [relu], targets: {must_use: [gap]}}")
    with pytest.raises(rfcalc.RfcalcError, match=r"unknown transform 'horizontalflip': did you mean HorizontalFlip\?"):
        preview("s9", "synthetic", ["horizontalflip"])


@pytest.mark.parametrize("target", ["200", "0.2K", "0.1K", "195"])
def test_targets_take_rounded_figures(target: str) -> None:
    text = (
        f"{{input: [3, 8, 8], layers: [conv: {{out_channels: 4, kernel_size: 4}}], targets: {{max_params: {target}}}}}"
    )
    arch = rfcalc.loads(text)
    assert arch.params == 4 * (3 * 16 + 1)  # 196
    expected = {"200": 200, "0.2K": 200, "0.1K": 100, "195": 195}[target] >= 196
    assert [claim.holds for claim in targets_of(arch)] == [expected]
    assert Draft202012Validator(rfcalc.schema()).is_valid(yaml.safe_load(text))


def test_an_offline_download_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(rfcalc.train.DataError, match=r"without a network: --data DIR takes a copy .* synthetic"):
        fetch(Remote("http://127.0.0.1:9/x.tar.gz", "0"), tmp_path)


# --- prolonged -------------------------------------------------------------------------------------------------------


def test_a_finished_run_is_prolonged_into_a_new_one(finished: Path, tmp_path: Path) -> None:
    """With a learning rate of 0 the new run ends with the weights that it started from."""
    kept = begin(str(finished / "b"), out=tmp_path / "c", start=str(finished / "b"), settings=["optimizer.lr=0"])
    before, after = (torch.load(f / "last.pt", weights_only=True)["weights"] for f in (finished / "b", kept.folder))
    learned = [name for name in before if "running" not in name and "tracked" not in name]
    assert all(torch.equal(before[name], after[name]) for name in learned)
    assert json.loads((kept.folder / "run.json").read_text())["options"]["start"] == str(finished / "b")
    assert begin(str(finished / "b"), out=tmp_path / "c", resume=True).figures == kept.figures


def test_what_cannot_be_started_from_is_told(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "wide.yaml").write_text(SPEC.replace("out_channels: 8", "out_channels: 9"))
    with pytest.raises(TrainError, match=r"those of another network: .*is \(8, 3, 3, 3\), the model's"):
        begin(str(tmp_path / "wide.yaml"), out=tmp_path / "run", start=str(finished / "a"), data="nothing")
    with pytest.raises(TrainError, match=r"--from .*: no folder of a run"):
        begin(str(finished / "a"), out=tmp_path / "run", start=str(tmp_path))
    assert not (tmp_path / "run").exists()


def test_more_epochs_for_a_finished_run_are_answered_with_how(finished: Path) -> None:
    with pytest.raises(
        TrainError, match=rf"begun with epochs: None; .* --from {finished / 'a'} begins another with its"
    ):
        begin(str(finished / "tiny.yaml"), out=finished / "a", resume=True, epochs=9)


# --- shipped weights -------------------------------------------------------------------------------------------------


def test_a_shipped_spec_is_evaluated_with_its_weights(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the run's own weights, under the name of a spec that has none yet."""
    export(finished / "b", ["safetensors"], out=finished)
    monkeypatch.setattr(trained, "files", lambda package: finished)
    monkeypatch.setattr("rfcalc.zoo.names", lambda: ["tiny"])
    monkeypatch.setattr(trained, "target_of", lambda name: target_of(str(finished / "tiny.yaml")))
    monkeypatch.chdir(finished)
    before = sorted(finished.rglob("*"))
    found, whole = evaluate("tiny", "synthetic"), evaluate(finished / "b", "synthetic", write=False)
    assert np.allclose(found.probabilities, whole.probabilities, atol=1e-6)
    assert sorted(finished.rglob("*")) == before


def test_a_spec_without_weights_says_so() -> None:
    with pytest.raises(TrainError, match=r"no weights are shipped for vgg16.*; name the folder of a run"):
        evaluate("vgg16", "synthetic")
