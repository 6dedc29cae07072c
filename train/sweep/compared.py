"""What came of a sweep: a row for each run, read from its record; and the runs of a candidate together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from rfcalc.report.cells import DASH, decimals, text
from rfcalc.report.grid import Column, Grid

from ..fit.progress import clock
from ..fit.record import Record
from ..recipe.errors import TrainError
from ..report.page import field_text
from .job import FAILED, is_finished
from .plan import Contender, Job, SweepPlan

if TYPE_CHECKING:
    from rich.console import RenderableType

SWEEP_FIGURES = ("epochs", "val_accuracy", "test_accuracy", "test_accuracy_tta", "train_accuracy", "seconds")
"""Columns of the index that result.json gives."""


@dataclass(frozen=True)
class SweepRun:
    """One run of the sweep: whose it is, and in which round, by number from 1 and budget of epochs (None: a whole
    run)."""

    candidate: Contender
    seed: int
    job: Job
    round: int
    budget: int | None


def index_row(run: SweepRun, keys: Sequence[str], note: str = "") -> dict[str, Any]:
    """The run's row of index.csv; empty where a figure is not known."""
    candidate, arch = run.candidate, run.candidate.arch
    settings = dict(setting.partition("=")[::2] for setting in candidate.settings)
    state, told, figures = state_of(run)
    return {
        "run": run.job.name,
        "network": candidate.label,
        "recipe": candidate.recipe_name,
        **{key: settings[key] for key in keys},
        "seed": run.seed,
        "round": run.round,
        "state": state,
        "note": note or told,
        "params": arch.params,
        "macs": arch.macs,
        "receptive_field": field_text(arch.receptive_field.before_global_pool),
        "planned_epochs": candidate.epochs(run.budget),
        **{name: figures.get(name) for name in SWEEP_FIGURES},
    }


def state_of(run: SweepRun) -> tuple[str, str, Mapping[str, Any]]:
    """Finished, failed, unfinished or waiting; what is to be said of it; and its figures once it is finished."""
    record = Record(run.job.folder)
    if is_finished(run.job.folder):
        return "finished", "", record.read_json("result.json")
    if (record / FAILED).is_file():
        return "failed", record.read_text(FAILED).splitlines()[0], {}
    if record.has_state:
        rows = record.read_text("metrics.csv").count("\n") - 1 if (record / "metrics.csv").is_file() else 0
        return "unfinished", f"{rows} of {run.candidate.epochs(run.budget)} epochs done", {}
    return "waiting", "", {}


@dataclass(frozen=True)
class Summary:
    """The finished whole runs of one candidate."""

    candidate: Contender
    rows: tuple[Mapping[str, Any], ...]
    wanted: int
    """Seeds that were asked for."""

    def values(self, name: str) -> list[float]:
        return [row[name] for row in self.rows if row[name] is not None]

    def mean(self, name: str) -> float | None:
        found = self.values(name)
        return mean(found) if found else None

    def deviation(self, name: str) -> float | None:
        """Of the sample; one run has none."""
        found = self.values(name)
        return stdev(found) if len(found) > 1 else None

    def text(self, name: str) -> str:
        value, spread = self.mean(name), self.deviation(name)
        if value is None:
            return DASH
        return f"{value:.2f}" if spread is None else f"{value:.2f} ± {spread:.2f}"


@dataclass(frozen=True)
class Sweep:
    """A sweep as far as it has come: its rows in the order of the plan, rounds one after the other."""

    plan: SweepPlan
    rows: tuple[Mapping[str, Any], ...]
    summaries: tuple[Summary, ...]
    """Of the candidates that were to be run whole, the best first."""
    others: tuple[str, ...] = ()
    """Folders beside these, of runs that do not belong to this sweep."""

    @property
    def folder(self) -> Path:
        return self.plan.out

    @property
    def failed(self) -> list[Mapping[str, Any]]:
        return [row for row in self.rows if row["state"] == "failed"]

    @property
    def exit_code(self) -> int:
        """0 when every run of the sweep has finished, else 1."""
        return 0 if all(row["state"] == "finished" for row in self.rows) else 1

    def front(self) -> list[Summary]:
        """The candidates that none beats in accuracy without more parameters, from small to large."""
        found: list[Summary] = []
        for summary in sorted(self.known, key=lambda s: (s.candidate.arch.params, -self.score(s))):
            if not found or self.score(summary) > self.score(found[-1]):
                found.append(summary)
        return found

    @property
    def known(self) -> list[Summary]:
        """The candidates whose accuracy is known."""
        return [summary for summary in self.summaries if summary.mean(self.plan.chosen_by) is not None]

    def score(self, summary: Summary) -> float:
        """What candidates are compared by."""
        return summary.mean(self.plan.chosen_by) or 0.0

    def grid(self) -> Grid:
        """A row for each candidate that was run whole, the best first."""
        front = self.front()
        columns = (
            Column("network", left=True), Column("recipe", left=True),
            *(Column(key, left=True) for key in self.plan.keys),
            *(Column(heading) for heading, _ in self.figures()), Column("front"),
        )  # fmt: skip
        rows = tuple(
            (s.candidate.label, s.candidate.recipe_name, *(x.partition("=")[2] for x in s.candidate.settings),
             *(text(s) for _, text in self.figures()), "yes" if s in front else "")
            for s in self.summaries
        )  # fmt: skip
        return Grid(columns, rows, self.caption())

    def figures(self) -> list[tuple[str, Callable[[Summary], str]]]:
        val = [("val accuracy", lambda s: s.text("val_accuracy"))] if self.plan.options.val else []
        return [
            *val,
            ("test accuracy", lambda s: s.text("test_accuracy")),
            ("seeds", lambda s: f"{len(s.rows)} of {s.wanted}"),
            ("params", lambda s: text(s.candidate.arch.params)),
            ("MACs", lambda s: text(s.candidate.arch.macs)),
            ("field", lambda s: field_text(s.candidate.arch.receptive_field.before_global_pool)),
            ("seconds", lambda s: decimals(s.mean("seconds"), ".1f")),
        ]

    def caption(self) -> tuple[str, ...]:
        count, seconds = len(self.rows), sum(row["seconds"] or 0.0 for row in self.rows)
        states = [(state, sum(row["state"] == state for row in self.rows)) for state in RUN_STATES]
        told = ", ".join(f"{number} {state}" for state, number in states if number)
        return (
            f"{count} run{'s' * (count != 1)}: {told}; {clock(seconds)} of training in all",
            "Accuracy in % after the last epoch: mean ± standard deviation over the seeds. Sorted, and the front of "
            f"accuracy against parameters found, by {FIGURE_NAMES[self.plan.chosen_by]}.",
        )

    def render(self, width: int | None = None) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        return Group(self.grid().to_rich(width), Text(f"see {self.folder / 'report.md'} and index.csv beside it"))


RUN_STATES = ("finished", "unfinished", "failed", "waiting")
FIGURE_NAMES = {
    "val_accuracy": "validation accuracy",
    "test_accuracy": "test accuracy, which flatters the first a little: --val sets images apart to choose by",
}


def sweep_of(plan: SweepPlan, rows: Mapping[SweepRun, Mapping[str, Any]], started: Sequence[Contender]) -> Sweep:
    """The sweep from its rows; `started` are the candidates of the last round, that of whole runs."""
    summaries = [
        Summary(candidate, tuple(row for run, row in rows.items() if run.candidate is candidate and run.budget is None
                                 and row["state"] == "finished"), len(plan.seeds))
        for candidate in started
    ]  # fmt: skip
    best_first = sorted(summaries, key=lambda s: -(value if (value := s.mean(plan.chosen_by)) is not None else -1.0))
    ours = {run.job.name for run in rows}
    return Sweep(plan, tuple(rows.values()), tuple(best_first), others_in(plan.out, ours))


def others_in(out: Path, ours: set[str]) -> tuple[str, ...]:
    """Folders of runs in `out` that this sweep does not know: of a command with other options, or of changed files."""
    if not out.is_dir():
        raise TrainError(f"{out}: no such folder")
    return tuple(sorted(p.name for p in out.iterdir() if (p / "run.json").is_file() and p.name not in ours))
