"""The end of a run: its figures, plots and report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from rfcalc.drawing import plot
from rfcalc.engine.arch import Arch
from rfcalc.report.claims import claims_of
from rfcalc.spec.stated import Stated

from ..data.sets import Data
from ..fit.evaluate import Evaluation, evaluated
from ..fit.loop import TrainPlan, choosing
from ..fit.progress import clock, epochs_text
from ..fit.record import Record
from . import images, plots
from .images import write_plot
from .page import report
from .preview import augmentation_rows


@dataclass(frozen=True)
class Result:
    """A finished run: its folder and the figures of result.json."""

    folder: Path
    figures: dict[str, Any]

    @property
    def accuracy(self) -> float:
        """On the test images after the last epoch, in percent."""
        return float(self.figures["test_accuracy"])

    def lines(self) -> list[str]:
        """For a terminal."""
        f = self.figures
        last5 = f"last five {f['last5_mean']:.2f} %, " if f["last5_mean"] is not None else ""
        return [
            f"test accuracy {f['test_accuracy']:.2f} % after {epochs_text(f['epochs'])} "
            f"(best epoch {f['best']['test_accuracy']:.2f} %, {last5}"
            f"with test-time augmentation {f['test_accuracy_tta']:.2f} %)",
            f"{f['images_per_second']:,.0f} images/s, {clock(f['seconds'])} in all; see {self.folder / 'report.md'}",
        ]


def finish_run(plan: TrainPlan, net: nn.Module, arch: Arch, history: list[dict[str, Any]]) -> Result:
    """Evaluates the trained network once more and writes the figures, plots and report."""
    record, used, data = plan.record, plan.recipe, plan.data
    test, flipped = (evaluated(net, data.test, data.classes, plan.preprocessing, flip) for flip in (False, True))
    figures = result_figures(history, data, test, flipped)
    record.write_json("result.json", figures)
    title = f"{arch.name}: {epochs_text(len(history))}, recipe {used.name}"
    write_plot(record, "curves", plots.run_curves(history, title, stated_accuracy(arch), choosing(data)))
    write_evaluation(record, test, data)
    rows = augmentation_rows(data, used.augmentation)
    write_plot(record, "augmentations", images.augmentations(rows, "Augmentation, each on its own and all together"))
    record.write("report.md", report(arch, used, record.about(), figures, history))
    for ending in images.BESIDE:
        plot(arch, record / f"network.{ending}")
    result = Result(record.folder, figures)
    for line in result.lines():
        plan.display.say(line)
    return result


def write_evaluation(record: Record, test: Evaluation, data: Data) -> None:
    write_plot(record, "confusion", plots.confusion(test, f"Test accuracy {test.accuracy:.2f} %"))
    title = "The surest mistakes: what they were taken for, how surely, and what they are"
    write_plot(record, "misclassified", images.misclassified(test, data.test.images, title))


def stated_accuracy(arch: Arch) -> float | None:
    """The test accuracy, in percent, that the network's source states, if it does."""
    return next((float(Stated.of(c.stated).value) for c in claims_of(arch) if c.quantity == "test_accuracy"), None)


def result_figures(
    history: Sequence[Mapping[str, Any]], data: Data, test: Evaluation, flipped: Evaluation
) -> dict[str, Any]:
    """result.json: the headline is the last epoch's; what the documents quote beside it stands under its own name."""
    last, chosen_by = history[-1], choosing(data)
    best = max(history, key=lambda row: row[chosen_by])
    last5 = [row["test_accuracy"] for row in history[-5:]]
    seconds = sum(row["train_seconds"] for row in history)
    return {
        "test_accuracy": test.accuracy,
        "test_loss": test.loss,
        "train_accuracy": last["train_accuracy"],
        "train_loss": last["train_loss"],
        **({"val_accuracy": last["val_accuracy"]} if data.val else {}),
        "best": {"epoch": best["epoch"], "test_accuracy": best["test_accuracy"], "chosen_by": chosen_by},
        "last5_mean": sum(last5) / 5 if len(last5) == 5 else None,
        "test_accuracy_tta": flipped.accuracy,
        "epochs": len(history),
        "images_per_second": sum(r["images_per_second"] * r["train_seconds"] for r in history) / seconds,
        "train_seconds": seconds,
        "seconds": last["seconds"],
        "test": test.to_json(),
    }
