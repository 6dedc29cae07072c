"""`rfcalc compare runs/a runs/b`: what differs between runs, and what came of it. Reads their records only."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from rfcalc.report import cells
from rfcalc.report.cells import decimals
from rfcalc.report.grid import Column, Grid, as_json
from rfcalc.spec import reader as spec

from ..fit.record import Record, csv_text
from ..recipe.errors import TrainError

if TYPE_CHECKING:
    from rich.console import RenderableType

RUN_FIGURES = {
    "test_accuracy": "test accuracy, last epoch", "best": "test accuracy, best epoch",
    "last5_mean": "mean of the last five", "test_accuracy_tta": "with test-time augmentation",
    "test_loss": "test loss", "train_accuracy": "train accuracy",
    "epochs": "epochs", "images_per_second": "images/s", "seconds": "seconds",
}  # fmt: skip


@dataclass(frozen=True)
class RecordedRun:
    """A run as its record tells it; `figures` is empty for one that has not ended."""

    name: str
    settings: Mapping[str, Any]
    figures: Mapping[str, Any]
    history: Sequence[Mapping[str, str]]


def read_run(folder: str) -> RecordedRun:
    """Raises TrainError for a folder that holds no run."""
    record = Record(folder)
    about, recipe = record.about(), yaml.safe_load(record.read_text("recipe.yaml"))
    arch = spec.loads(record.read_text("spec.yaml"), str(record / "spec.yaml"))
    network = {"network": arch.name, "params": arch.params, "macs": arch.macs,
               "receptive_field": list(arch.receptive_field.before_global_pool)}  # fmt: skip
    run = {"seed": about["seed"], "data": about["data"]["name"], "fingerprint": about["data"]["fingerprint"],
           "training images": about["data"]["train"], "validation images": about["data"].get("val", 0),
           "from": about["options"].get("start"), "precision": about["precision"]["name"],
           "processes": about["processes"], "processor": about["machine"]["processor"],
           "device": about["machine"]["device"], "torch": about["versions"]["torch"]}  # fmt: skip
    figures = record.read_json("result.json") if (record / "result.json").is_file() else {}
    text = record.read_text("metrics.csv") if (record / "metrics.csv").is_file() else ""
    settings = {**network, **dotted(recipe), **run, "spec": record.read_text("spec.yaml")}
    return RecordedRun(str(record.folder), settings, figures, tuple(csv.DictReader(io.StringIO(text))))


def dotted(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under dotted names."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= dotted(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def compare_runs(folders: Sequence[str]) -> RunComparison:
    """Two or more runs side by side; raises TrainError for fewer, or for what is no run."""
    if len(folders) < 2:
        raise TrainError("compare needs two runs or more")
    return RunComparison(tuple(map(read_run, folders)))


@dataclass(frozen=True)
class RunComparison:
    runs: tuple[RecordedRun, ...]

    def differing(self) -> dict[str, list[Any]]:
        """The settings that are not the same in all runs. `spec` stands for networks that share all figures."""
        keys = dict.fromkeys(key for run in self.runs for key in run.settings)
        found = {key: [run.settings.get(key) for run in self.runs] for key in keys}
        changed = {key: values for key, values in found.items() if any(v != values[0] for v in values[1:])}
        networks = [key for key in ("network", "params", "macs", "receptive_field") if key in changed]
        if changed.pop("spec", None) and not networks:
            changed["network"] = [f"{run.settings['network']} (another spec.yaml)" for run in self.runs]
        return changed

    def figures(self) -> dict[str, list[Any]]:
        def figure(run: RecordedRun, key: str) -> Any:
            value = run.figures.get(key)
            return value["test_accuracy"] if isinstance(value, Mapping) else value

        return {heading: [figure(run, key) for run in self.runs] for key, heading in RUN_FIGURES.items()}

    def per_class(self) -> dict[str, list[Any]]:
        """Accuracy in percent of every class that any of the runs was tested on."""
        each = [run.figures.get("test", {}).get("per_class", {}) for run in self.runs]
        return {name: [found.get(name) for found in each] for name in dict.fromkeys(n for e in each for n in e)}

    def to_json(self) -> dict[str, Any]:
        return {
            "runs": [run.name for run in self.runs],
            "settings": self.differing(),
            "figures": self.figures(),
            "per_class": self.per_class(),
            "curves": [list(run.history) for run in self.runs],
        }

    def grids(self) -> list[Grid]:
        """What differs, the final figures, and the classes; the last column holds the second run minus the first."""
        return [
            self.grid("setting", self.differing(), False, () if self.differing() else ("the same settings",)),
            self.grid("figure", self.figures(), len(self.runs) == 2),
            self.grid("class, accuracy in %", self.per_class(), len(self.runs) == 2),
        ]

    def grid(self, heading: str, rows: Mapping[str, list[Any]], change: bool, caption: tuple[str, ...] = ()) -> Grid:
        columns = [Column(heading, left=True), *(Column(run.name) for run in self.runs)]
        shown = recorded_text if heading == "setting" else rounded_figure
        cells = [
            (name, *map(shown, values), *([difference(*values)] if change else [])) for name, values in rows.items()
        ]
        return Grid((*columns, *([Column("change")] if change else [])), tuple(cells), caption)

    def render(self, width: int | None = None) -> RenderableType:
        from rich.console import Group

        return Group(*(grid.to_rich(width) for grid in self.grids()))

    def to_text(self, form: str) -> str:
        """As CSV the curves, a row for each epoch of each run; in any other form all of it."""
        if form == "json":
            return as_json(self.to_json())
        if form != "csv":
            return "\n".join(grid.to_text(form) for grid in self.grids())
        columns = ["run", *dict.fromkeys(key for run in self.runs for row in run.history for key in row)]
        return csv_text(columns, ({"run": run.name, **row} for run in self.runs for row in run.history))


def recorded_text(value: Any) -> str:
    if isinstance(value, float) and abs(value) >= 1:
        return decimals(value)
    return cells.text(value) if value is None or type(value) is int else str(value)


def difference(first: Any, second: Any) -> str:
    return decimals(None if first is None or second is None else second - first, "+,.2f")


def rounded_figure(value: Any) -> str:
    """A figure as one reads it: two places of seconds and percent, whole numbers as they are."""
    return decimals(value) if isinstance(value, float) else recorded_text(value)
