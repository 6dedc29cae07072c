"""Sweeps, small: what is combined, what the index holds, going on after every kind of loss, halving, and a cluster."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, stdev
from typing import Any, cast

import pytest
import torch

from rfcalc.errors import MissingExtra, RfcalcError
from rfcalc.train import Stopped, TrainError
from rfcalc.train.fit.loop import Training
from rfcalc.train.fit.record import cores
from rfcalc.train.recipe.options import Options
from rfcalc.train.report import images, plots
from rfcalc.train.report import report as ending
from rfcalc.train.sweep import SweepOptions, sweep
from rfcalc.train.sweep.compared import SweepRun, index_row
from rfcalc.train.sweep.halving import round_budgets, round_verdicts
from rfcalc.train.sweep.here import threads_of
from rfcalc.train.sweep.job import RETRIES, alone_in
from rfcalc.train.sweep.plan import Contender, Job, choices, setting_choices, sweep_plan

SPEC = """
name: {name}
input: [3, 8, 8]
layers:
  - conv: {{out_channels: {width}, kernel_size: 3, padding: 1}}
  - batch_norm
  - relu
  - global_avg_pool
  - linear: 10
train: {{epochs: {epochs}, batch_size: 32, optimizer: {{lr: 0.1}}}}
"""
TIMES = ("images_per_second", "train_seconds", "seconds")
COMMON: dict[str, Any] = {"data": "synthetic", "limit": 96, "precision": "float32", "device": "cpu", "quiet": True}


def spec(folder: Path, name: str = "tiny", width: int = 4, epochs: int = 2) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(SPEC.format(name=name, width=width, epochs=epochs))
    return str(path)


@pytest.fixture(autouse=True)
def plain_runs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread, by which sums come out the same bit for bit, and no drawings of single runs."""
    for module, names in ((plots, ("run_curves", "confusion")), (images, ("misclassified", "augmentations"))):
        for name in names:
            monkeypatch.setattr(module, name, lambda *about: b"")
    monkeypatch.setattr(images, "figure_bytes", lambda *about: b"")
    monkeypatch.setattr(ending, "plot", lambda *about: None)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rows_in(out: Path) -> list[dict[str, str]]:
    with (out / "index.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def learned(out: Path) -> dict[str, list[dict[str, str]]]:
    """Every run's metrics, without what the clock says."""
    found = {}
    for path in sorted(out.glob("*/metrics.csv")):
        with path.open(encoding="utf-8") as file:
            rows = [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]
        found[path.parent.name] = rows
    return found


# --- combinations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.05,0.1", ["0.05", "0.1"]),
        ("[flip, pad_crop],null", ["[flip, pad_crop]", "null"]),
        ("{name: cosine, end: 0}, constant", ["{name: cosine, end: 0}", "constant"]),
        ("'a,b',c", ["'a,b'", "c"]),
        ("[HorizontalFlip: {p: 0.5}, cutout]", ["[HorizontalFlip: {p: 0.5}, cutout]"]),
    ],
)
def test_values_between_commas(text: str, values: list[str]) -> None:
    assert choices(text) == values


def test_settings_are_combined_and_a_key_given_twice_adds_values() -> None:
    assert setting_choices([]) == [()]
    assert setting_choices(["a=1", "b=x,y", "a=2"]) == [("a=1", "b=x"), ("a=1", "b=y"), ("a=2", "b=x"), ("a=2", "b=y")]


def test_every_combination_is_planned_once(tmp_path: Path) -> None:
    spec(tmp_path / "designs", "b", 6)
    spec(tmp_path / "designs", "a", 4)
    (tmp_path / "designs" / "notes.txt").write_text("no spec")
    plan = sweep_plan(
        [str(tmp_path / "designs"), str(tmp_path / "designs" / "a.yaml")],
        SweepOptions().given(recipe=["fast,best"], seeds=3, settings=["optimizer.lr=0.05,0.1"], **COMMON),
    )
    titles = [candidate.title for candidate in plan.candidates]
    assert titles[:4] == [
        "a fast optimizer.lr=0.05", "a fast optimizer.lr=0.1", "a best optimizer.lr=0.05", "a best optimizer.lr=0.1",
    ]  # fmt: skip
    assert len(titles) == 2 * 2 * 2
    assert plan.notes == ("4 of 12 combinations are named twice and run once",)
    names = {candidate.job(plan.out, seed).name for candidate in plan.candidates for seed in plan.seeds}
    assert len(names) == 8 * 3
    assert [c.full for c in plan.candidates[:3:2]] == [8, 50]


def test_networks_of_one_name_are_told_apart_by_their_files(tmp_path: Path) -> None:
    paths = [tmp_path / "one.yaml", tmp_path / "two.yaml"]
    for path, width in zip(paths, (4, 6), strict=True):
        path.write_text(SPEC.format(name="same", width=width, epochs=2))
    plan = sweep_plan([str(path) for path in paths], SweepOptions().given(**COMMON))
    assert [candidate.label for candidate in plan.candidates] == ["one", "two"]


def test_a_folders_name_follows_what_decides_the_run(tmp_path: Path) -> None:
    """The same folder for the same run wherever its files lie; another one as soon as anything differs."""
    here, there = spec(tmp_path / "here"), spec(tmp_path / "there")

    def name(path: str, **options: Any) -> str:
        (candidate,) = sweep_plan([path], SweepOptions().given(**(COMMON | options))).candidates
        return candidate.job(tmp_path, 0).name

    names = [name(here), name(here, val=16), name(here, limit=64), name(here, epochs=1),
             name(here, settings=["optimizer.lr=0.2"]), name(spec(tmp_path / "wide", width=5))]  # fmt: skip
    assert name(there) == names[0]
    assert len(set(names)) == len(names)


def test_a_job_comes_through_its_text_unchanged() -> None:
    job = Job("/runs/x", "a.yaml", Options(settings=("optimizer.lr=0.1",), seed=2, val=5))
    assert Job.from_json(job.to_json()) == job


# --- the index -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def designs(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("designs")
    for name, width in (("small", 3), ("large", 8)):
        spec(folder, name, width)
    return str(folder)


def test_the_index_and_the_report_hold_every_run(designs: str, tmp_path: Path) -> None:
    found = sweep([designs], seeds=2, val=32, out=tmp_path / "s", **COMMON)
    rows = rows_in(tmp_path / "s")
    assert [(row["network"], row["seed"], row["state"]) for row in rows] == [
        ("large", "0", "finished"), ("large", "1", "finished"), ("small", "0", "finished"), ("small", "1", "finished"),
    ]  # fmt: skip
    # conv 8*(3*3*3 + 1) = 224, norm 2*8 = 16, linear 10*(8 + 1) = 90; conv 64*8*27 = 13,824 and linear 80 MACs
    assert (rows[0]["params"], rows[0]["macs"], rows[0]["receptive_field"]) == ("330", "13904", "3")
    assert found.exit_code == 0
    for label in ("large", "small"):
        (summary,) = [s for s in found.summaries if s.candidate.label == label]
        for figure in ("val_accuracy", "test_accuracy"):
            values = [float(row[figure]) for row in rows if row["network"] == label]
            assert summary.text(figure) == f"{mean(values):.2f} ± {stdev(values):.2f}"
    by_accuracy = [s.mean("val_accuracy") or 0.0 for s in found.summaries]
    assert by_accuracy == sorted(by_accuracy, reverse=True)
    assert found.front()[-1] is found.summaries[0] or by_accuracy[0] == by_accuracy[1]
    report = (tmp_path / "s" / "report.md").read_text()
    assert "4 runs: 4 finished" in report
    assert "by validation accuracy" in report
    assert (tmp_path / "s" / "accuracy.png").stat().st_size > 5000
    for row in rows:
        assert {"run.json", "spec.yaml", "last.pt", "report.md"} <= {
            p.name for p in (tmp_path / "s" / row["run"]).iterdir()
        }


def test_a_run_that_fails_leaves_the_others(designs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss that is no number, or a bug, is the end of its run and not of the sweep; the same command tries again."""
    before = Training.step

    def step(self: Training, *arguments: Any) -> Any:
        if self.plan.recipe.optimizer.lr == 0.3:
            raise ValueError("no such thing")
        loss, scores = before(self, *arguments)
        return loss * float("nan" if self.plan.recipe.optimizer.lr == 0.2 else 1), scores

    options: dict[str, Any] = {**COMMON, "settings": ["optimizer.lr=0.1,0.2,0.3"], "epochs": 1, "out": tmp_path / "s"}
    with monkeypatch.context() as patched:
        patched.setattr(Training, "step", step)
        found = sweep([f"{designs}/small.yaml"], **options)
    rows = rows_in(tmp_path / "s")
    assert [row["state"] for row in rows] == ["finished", "failed", "failed"]
    assert rows[1]["note"].startswith("the loss is nan in epoch 1, step 1")
    assert rows[2]["note"] == "ValueError: no such thing"
    assert "Traceback" in (tmp_path / "s" / rows[2]["run"] / "failed.txt").read_text()
    assert (found.exit_code, len(found.failed)) == (1, 2)
    assert sweep([f"{designs}/small.yaml"], **options).exit_code == 0
    assert not list((tmp_path / "s").glob("*/failed.txt"))


def test_a_network_that_fails_its_check_fails_alone(designs: str, tmp_path: Path) -> None:
    wrong = Path(spec(tmp_path, "wrong", 5))
    wrong.write_text(wrong.read_text() + "targets: {max_params: 10}\n")
    found = sweep([f"{designs}/small.yaml", str(wrong)], epochs=1, out=tmp_path / "s", **COMMON)
    rows = rows_in(tmp_path / "s")
    assert [row["state"] for row in rows] == ["finished", "failed"]
    assert rows[1]["note"].startswith("wrong fails its check")
    assert (found.exit_code, len(found.failed)) == (1, 1)
    assert "## Failed\n\n- wrong-" in (tmp_path / "s" / "report.md").read_text()


def test_more_seeds_later_keep_what_is_there_and_strangers_are_told(designs: str, tmp_path: Path) -> None:
    out, small = tmp_path / "s", f"{designs}/small.yaml"
    sweep([small], seeds=1, epochs=1, out=out, **COMMON)
    (first,) = out.glob("*/result.json")
    before = first.stat().st_mtime_ns
    sweep([small], seeds=2, epochs=1, out=out, **COMMON)
    assert [row["seed"] for row in rows_in(out)] == ["0", "1"]
    assert first.stat().st_mtime_ns == before
    found = sweep([small], seeds=1, epochs=2, out=out, **COMMON)
    assert len(found.others) == 2
    assert "2 other runs in this folder are not of this sweep" in (out / "report.md").read_text()


# --- refused before anything runs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"halving": True},
            "--halving decides by validation images, never by the test images: set some apart with --v",
        ),
        ({"settings": ["optimizer.lr"]}, "--set optimizer.lr: write it as name=value,value, such as optimizer.lr=0.05"),
        ({"settings": ["optimizer.lr=0.1,0.1"]}, "--set optimizer.lr: 0.1 is given twice"),
        ({"settings": ["optimizer.lr=0.1,"]}, "a value between the commas is empty"),
        ({"settings": ["optimizer.lt=0.1,0.2"]}, "optimizer.lt"),
        ({"recipe": ["fast,bset"]}, "no such file and no shipped recipe 'bset': did you mean best?"),
        ({"seeds": 0}, "--seeds 0: must be at least 1"),
        ({"jobs": 0}, "--jobs 0: must be at least 1"),
        ({"on": "spark"}, "--on spark: there are ray, for a cluster that this machine is in, and ray://HOST:PORT"),
        ({"on": "ray", "jobs": 2}, "--jobs 2: with --on the cluster's CPUs and GPUs decide"),
        ({"gpus": 1.0}, "--cpus and --gpus go with --on"),
        ({"data": "nothing"}, "no such folder, and no set called 'nothing'"),
        ({"device": "gpux"}, "--device gpux: no such device"),
        ({"val": 500}, "--val 500: must leave some of the 96 training images"),
        ({"precision": "fp8"}, "--precision fp8: there are auto, float32, bf16"),
    ],
)
def test_wrong_options_are_named(designs: str, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(RfcalcError) as caught:
        sweep([designs], out=tmp_path / "s", **(COMMON | options))
    assert message in str(caught.value)
    assert not (tmp_path / "s").exists()


def test_wrong_networks_are_named_all_at_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        path = Path(spec(tmp_path / "d", name))
        path.write_text(path.read_text().replace("kernel_size", "kernal_size"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainError, match=r"(?s)one\.yaml:5: .*kernal_size.*two\.yaml:5: .*kernal_size"):
        sweep([str(tmp_path / "d")], out=tmp_path / "s", **COMMON)
    with pytest.raises(TrainError, match="empty: a folder without a spec"):
        sweep([str(tmp_path / "empty")], out=tmp_path / "s", **COMMON)
    with pytest.raises(TrainError, match="sweep needs a spec"):
        sweep([], out=tmp_path / "s", **COMMON)


def test_ray_must_be_installed(designs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"this needs ray, which is not installed: .*\bray\b"):
        sweep([designs], on="ray", out=tmp_path / "s", **COMMON)


# --- interrupted -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A network whose runs last long enough to be killed."""
    return spec(tmp_path_factory.mktemp("long"), "long", 4, 300)


def at_step(monkeypatch: pytest.MonkeyPatch, number: int, act: Any) -> None:
    steps, before = [0], Training.step

    def step(self: Training, *arguments: Any) -> Any:
        steps[0] += 1
        if steps[0] == number:
            act()
        return before(self, *arguments)

    monkeypatch.setattr(Training, "step", step)


def test_ctrl_c_leaves_all_to_go_on(designs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run has 2 epochs of 3 steps: the 10th step is in the second run's second epoch."""
    sweep([designs], seeds=2, out=tmp_path / "whole", **COMMON)
    with monkeypatch.context() as patched:
        at_step(patched, 10, lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(Stopped) as caught:
            sweep([designs], seeds=2, out=tmp_path / "s", **COMMON)
    assert caught.value.code == 130
    assert "goes on with: " in str(caught.value)
    rows = rows_in(tmp_path / "s")
    assert [row["state"] for row in rows] == ["finished", "unfinished", "waiting", "waiting"]
    assert rows[1]["note"] == "1 of 2 epochs done"
    assert "## Not finished" in (tmp_path / "s" / "report.md").read_text()
    kept = (tmp_path / "s" / rows[0]["run"] / "result.json").stat().st_mtime_ns
    sweep([designs], seeds=2, out=tmp_path / "s", **COMMON)
    assert [row["state"] for row in rows_in(tmp_path / "s")] == ["finished"] * 4
    assert (tmp_path / "s" / rows[0]["run"] / "result.json").stat().st_mtime_ns == kept
    assert learned(tmp_path / "s") == learned(tmp_path / "whole")


def command(target: str, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "rfcalc", "sweep", target, "--seeds", "2", "--data", "synthetic", "--limit", "96",
            "--precision", "float32", "--device", "cpu", "--out", str(out), "--quiet", *more]  # fmt: skip


def wait_for(seen: Any, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < until
        time.sleep(0.002)


def unfinished(out: Path) -> list[Path]:
    """Runs with a state to go on from, and no end."""
    return [path.parent for path in out.glob("*/last.pt") if not (path.parent / "report.md").exists()]


def children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name_and_rest = path.read_text().rpartition(")")
        except OSError:  # gone meanwhile
            continue
        if int(name_and_rest[2].split()[1]) == pid:
            found.append(int(path.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds child processes by /proc")
@pytest.mark.deep
def test_jobs_equal_serial_bit_for_bit_whoever_is_killed(long: str, tmp_path: Path) -> None:
    """First a process that trains is killed, then, in the middle of a run, the sweep itself: its process that trains
    saves and ends, and the same command goes on."""
    out = tmp_path / "s"
    running = subprocess.Popen(command(long, out, "--jobs", "2"))
    wait_for(lambda: unfinished(out))
    killed = children(running.pid)
    os.kill(killed[0], signal.SIGKILL)
    wait_for(lambda: len(children(running.pid)) == 2 and killed[0] not in children(running.pid))
    orphans = children(running.pid)
    wait_for(lambda: unfinished(out))
    running.kill()
    running.wait()
    left = unfinished(out)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans))
    assert left
    again = subprocess.run(command(long, out, "--jobs", "2"), check=False, timeout=300)
    assert again.returncode == 0
    rows = rows_in(out)
    assert [(row["seed"], row["state"]) for row in rows] == [("0", "finished"), ("1", "finished")]
    sweep([long], seeds=2, out=tmp_path / "whole", **COMMON)
    assert learned(out) == learned(tmp_path / "whole")


def test_a_process_that_always_dies_is_given_up(designs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its runs are failed, with the reason, and the sweep ends all the same."""
    monkeypatch.setattr("rfcalc.train.sweep.here.asked_for", lambda process, job: False)
    monkeypatch.setattr("rfcalc.train.sweep.here.subprocess.Popen", lambda *a, **k: Dead())
    sweep([designs], out=tmp_path / "s", jobs=2, **COMMON)
    rows = rows_in(tmp_path / "s")
    assert {(row["state"], row["note"]) for row in rows} == {
        ("failed", f"its process was lost {1 + RETRIES} times (no memory left?)")
    }


class Dead:
    """A process that is no more."""

    stdin = stdout = None

    def wait(self) -> int:
        return -9

    def poll(self) -> int:
        return -9


def test_threads_are_shared_fairly(monkeypatch: pytest.MonkeyPatch) -> None:
    assert threads_of(1) == 1  # OMP_NUM_THREADS asks for no more
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert [threads_of(n) for n in (1, cores(), 10 * cores())] == [cores(), 1, 1]
    monkeypatch.setattr("rfcalc.train.sweep.here.cores", lambda: 16)
    assert [threads_of(n) for n in (1, 3, 4)] == [16, 5, 4]


def test_one_process_at_a_time_has_a_run(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    folder, order = str(tmp_path / "run"), []

    def other() -> None:
        with alone_in(folder):
            order.append("other")

    thread = threading.Thread(target=other)
    with alone_in(folder):
        thread.start()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "other"]


# --- halving ---------------------------------------------------------------------------------------------------------


def of_widths(tmp_path: Path, widths: list[int], epochs: int, **options: Any) -> tuple[Contender, ...]:
    """Candidates, named c4 for a width of 4; the same folder of designs for the same widths."""
    for width in widths:
        spec(tmp_path / "d", f"c{width}", width, epochs)
    return sweep_plan([str(tmp_path / "d")], SweepOptions().given(**(COMMON | options))).candidates


def test_the_better_half_goes_on_and_ties_go_to_the_smaller(tmp_path: Path) -> None:
    five = of_widths(tmp_path, [4, 5, 6, 7, 8], 30)
    value = dict(zip(five, (50.0, 70.0, 60.0, 60.0, None), strict=True))
    found = round_verdicts(five, value, 3)
    assert [found[c].cut for c in five] == [
        "cut after 3 epochs: validation accuracy 50.00 %, rank 4 of 5; 3 go on", "", "", "",
        "cut after 3 epochs: a run did not finish",
    ]  # fmt: skip
    assert [found[c].rank for c in five] == [4, 1, 2, 3, 5]
    assert [bool(v.cut) for v in round_verdicts(five[2:4], value, 3).values()] == [
        False,
        True,
    ]  # 60 both: the smaller stays


@pytest.mark.parametrize(
    ("epochs", "expected"), [(2, [None]), (3, [None]), (8, [3, None]), (24, [3, 8, None]), (50, [3, 8, 24, None])]
)
def test_rounds_are_shorter_than_the_recipe(tmp_path: Path, epochs: int, expected: list[int | None]) -> None:
    path = spec(tmp_path, "a", 4, epochs)
    plan = sweep_plan([path], SweepOptions().given(halving=True, val=16, **COMMON))
    assert round_budgets(plan) == expected
    assert [plan.candidates[0].epochs(budget) for budget in expected] == [*expected[:-1], epochs]
    assert round_budgets(sweep_plan([path], SweepOptions().given(val=16, **COMMON))) == [None]


def test_halving_cuts_by_validation_and_says_why(tmp_path: Path) -> None:
    of_widths(tmp_path, [3, 8], 4)
    options: dict[str, Any] = {**COMMON, "seeds": 2, "val": 32, "settings": ["optimizer.lr=0.001,0.1"], "halving": True}
    found = sweep([str(tmp_path / "d")], out=tmp_path / "s", **options)
    rows = rows_in(tmp_path / "s")
    short, whole = ([row for row in rows if row["round"] == number] for number in "12")
    assert [len(short), len(whole)] == [8, 4]
    assert {row["planned_epochs"] for row in short} == {"3"}
    assert {row["epochs"] for row in whole} == {"4"}
    score: dict[tuple[str, str], list[float]] = {}
    for row in short:
        score.setdefault((row["network"], row["optimizer.lr"]), []).append(float(row["val_accuracy"]))
    best = sorted(score, key=lambda key: (-mean(score[key]), key[0] == "c8"))[:2]
    assert {(row["network"], row["optimizer.lr"]) for row in whole} == set(best)
    for row in short:
        went_on = (row["network"], row["optimizer.lr"]) in best
        assert row["note"].startswith("goes on" if went_on else "cut after 3 epochs: validation accuracy ")
    assert len(found.summaries) == 2
    assert (tmp_path / "s" / "report.md").read_text().count(": cut after 3 epochs") == 4
    before = (tmp_path / "s" / "index.csv").read_text()
    sweep([str(tmp_path / "d")], out=tmp_path / "s", **options)
    assert (tmp_path / "s" / "index.csv").read_text() == before


def test_a_recipe_as_short_as_a_round_is_run_once(tmp_path: Path) -> None:
    """One of 3 epochs and one of 4: in the first round both have 3, which is all of the first."""
    spec(tmp_path / "d", "short", 4, 3)
    spec(tmp_path / "d", "longer", 5, 4)
    sweep([str(tmp_path / "d")], out=tmp_path / "s", halving=True, val=32, **COMMON)
    names = [row["run"] for row in rows_in(tmp_path / "s")]
    assert len(names) == len(set(names))


def test_a_row_of_a_run_that_waits_is_empty_where_nothing_is_known(designs: str, tmp_path: Path) -> None:
    (candidate,) = sweep_plan([f"{designs}/small.yaml"], SweepOptions().given(**COMMON)).candidates
    row = index_row(SweepRun(candidate, 0, candidate.job(tmp_path, 0), 1, None), ())
    assert (row["state"], row["test_accuracy"], row["seconds"], row["params"]) == ("waiting", None, None, 130)


def test_one_recipe_stands_without_a_list() -> None:
    assert SweepOptions().given(recipe="fast", settings="optimizer.lr=0.1,0.2") == SweepOptions(
        recipe=("fast",), settings=("optimizer.lr=0.1,0.2",)
    )


# --- a cluster -------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed (the extra `sweep`)")
@pytest.mark.deep
def test_a_node_killed_in_the_middle_loses_nothing(long: str, tmp_path: Path) -> None:
    """A cluster of nodes on this machine, as Ray's own tests have it. Each of two nodes has a run with a state saved
    when one of them is killed; the other takes its run over."""
    ray, nodes = (cast(Any, import_module(name)) for name in ("ray", "ray.cluster_utils"))
    cluster = nodes.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    first, _ = (cluster.add_node(num_cpus=1) for _ in range(2))
    ray.init(address=cluster.address, logging_level="error")
    out, mid = tmp_path / "s", list[Path]()

    def kill() -> None:
        wait_for(lambda: len(unfinished(out)) == 2, 240)
        cluster.remove_node(first, allow_graceful=False)
        mid.extend(unfinished(out))

    killer = threading.Thread(target=kill, daemon=True)
    try:
        killer.start()
        found = sweep([long], seeds=2, on="ray", out=out, **COMMON)
        killer.join()
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert len(mid) == 2
    assert found.exit_code == 0
    rows = rows_in(out)
    assert [(row["seed"], row["state"], row["epochs"]) for row in rows] == [(s, "finished", "300") for s in "01"]
    assert len({row["run"] for row in rows}) == 2
    sweep([long], seeds=2, out=tmp_path / "whole", **COMMON)
    assert learned(out) == learned(tmp_path / "whole")
