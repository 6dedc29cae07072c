"""Where an epoch's row goes besides metrics.csv, which stays the truth: one small adapter for each tracker.

An adapter takes the run's folder, name and settings, and gives two functions: one that logs a row, one that ends the
run. Each writes locally by default; where else, its own environment variables say.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rfcalc.errors import need, suggestion

from ..recipe.errors import TrainError

EpochRow = Mapping[str, Any]
Log = Callable[[dict[str, Any]], None]
Adapter = tuple[Callable[[dict[str, float], int], None], Callable[[], None]]


def tensorboard(folder: Path, name: str, settings: EpochRow) -> Adapter:
    """Event files in the run's folder `tensorboard`."""
    need("tensorboard", "train")
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(folder / "tensorboard")

    def log(values: dict[str, float], epoch: int) -> None:
        for key, value in values.items():
            writer.add_scalar(key, value, epoch)
        writer.flush()

    return log, writer.close


def mlflow(folder: Path, name: str, settings: EpochRow) -> Adapter:
    """MLFLOW_TRACKING_URI, else a file store in the run's folder `mlflow`."""
    need("mlflow", "track")
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # newer versions ask before they write files
    from mlflow.tracking import MlflowClient

    client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or (folder / "mlflow").resolve().as_uri())
    found = client.get_experiment_by_name("rfcalc")
    experiment = found.experiment_id if found else client.create_experiment("rfcalc")
    run = client.create_run(experiment, run_name=name).info.run_id
    for key, value in settings.items():
        client.log_param(run, key, str(value)[:500])

    def log(values: dict[str, float], epoch: int) -> None:
        for key, value in values.items():
            client.log_metric(run, key, value, step=epoch)

    return log, lambda: client.set_terminated(run)


def wandb(folder: Path, name: str, settings: EpochRow, module: str = "wandb") -> Adapter:
    """Weights & Biases, in the run's folder `wandb` unless WANDB_MODE says otherwise; or Trackio, in its own local
    folder, with the same calls."""
    need(module, "track")
    from importlib import import_module

    library = import_module(module)
    where = {"dir": str(folder), "mode": os.environ.get("WANDB_MODE", "offline")} if module == "wandb" else {}
    run = library.init(project="rfcalc", name=name, config=dict(settings), **where)
    return lambda values, epoch: run.log(values, step=epoch), run.finish


TRACKERS: dict[str, Callable[[Path, str, EpochRow], Adapter]] = {
    "tensorboard": tensorboard, "mlflow": mlflow, "trackio": partial(wandb, module="trackio"), "wandb": wandb,
}  # fmt: skip


def known(names: Sequence[str]) -> None:
    """Raises TrainError for a tracker that is not there."""
    for name in names:
        if name not in TRACKERS:
            near = suggestion(name, list(TRACKERS))
            raise TrainError(f"--track {name}: there are {', '.join(TRACKERS)}{near}")


@contextmanager
def logged(names: Sequence[str], folder: Path, settings: EpochRow) -> Iterator[Log]:
    """A function that gives each epoch's row to the trackers asked for."""
    with ExitStack() as open_runs:
        logs = []
        for name in names:
            log, finish = TRACKERS[name](folder, folder.name, settings)
            open_runs.callback(finish)
            logs.append(log)

        def row_to_all(row: dict[str, Any]) -> None:
            values = {key.replace("_", "/", 1): float(value) for key, value in row.items() if key != "epoch"}
            for log in logs:
                log(values, int(row["epoch"]))

        yield row_to_all
