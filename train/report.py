"""The end of a run: its figures, pictures and report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rfcalc.arch import Arch

from . import pictures, recipe
from .data import Data
from .evaluate import Evaluation, Eye, evaluated
from .loop import choosing
from .preview import augmentation_rows
from .progress import clock
from .record import Record

COLUMNS = ("epoch", "lr", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy")


@dataclass(frozen=True)
class Result:
    """A finished run: its folder and the figures of result.json."""

    folder: Path
    figures: dict[str, Any]

    @property
    def accuracy(self) -> float:
        """On the test pictures after the last epoch, in percent."""
        return float(self.figures["test_accuracy"])

    def lines(self) -> list[str]:
        """For a terminal."""
        f = self.figures
        return [
            f"test accuracy {f['test_accuracy']:.2f} % after {f['epochs']} epochs "
            f"(best epoch {f['best']['test_accuracy']:.2f} %, last five {f['last5_mean']:.2f} %, "
            f"averaged with the mirrored picture {f['test_accuracy_mirrored']:.2f} %)",
            f"{f['images_per_second']:,.0f} images/s, {clock(f['seconds'])} in all; see {self.folder / 'report.md'}",
        ]


def finish(
    record: Record, arch: Arch, used: recipe.Recipe, data: Data, history: list[dict[str, Any]], net: nn.Module,
    eye: Eye, say: Callable[[str], None],
) -> Result:  # fmt: skip
    """Evaluates the trained network once more and writes the figures, pictures and report."""
    test = evaluated(net, data.test, data.classes, eye)
    mirrored = evaluated(net, data.test, data.classes, eye, mirrored=True)
    figures = figures_of(history, data, test, mirrored)
    record.write_json("result.json", figures)
    record.write("curves.png", pictures.curves(history, f"{arch.name}: {len(history)} epochs, recipe {used.name}"))
    write_evaluation(record, test, data)
    rows = augmentation_rows(data, used.augmentation)
    record.write("augmentations.png", pictures.augmentations(rows, "Augmentations of the recipe, each on its own"))
    record.write("report.md", report(arch, used, record.read_json("run.json"), figures, history))
    result = Result(record.folder, figures)
    for line in result.lines():
        say(line)
    return result


def write_evaluation(record: Record, test: Evaluation, data: Data) -> None:
    record.write("confusion.png", pictures.confusion(test, f"Test accuracy {test.accuracy:.2f} %"))
    title = "The surest mistakes"
    record.write("misclassified.png", pictures.misclassified(test, data.test.pictures, title))


def figures_of(
    history: Sequence[Mapping[str, Any]], data: Data, test: Evaluation, mirrored: Evaluation
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
        "last5_mean": sum(last5) / len(last5),
        "test_accuracy_mirrored": mirrored.accuracy,
        "epochs": len(history),
        "images_per_second": sum(r["images_per_second"] * r["train_seconds"] for r in history) / seconds,
        "train_seconds": seconds,
        "seconds": last["seconds"],
        "test": test.to_json(),
    }


def report(
    arch: Arch, used: recipe.Recipe, about: Mapping[str, Any], figures: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
) -> str:  # fmt: skip
    """The record as one page of Markdown."""
    parts = [
        f"# {arch.name}",
        arch.source,
        headline(figures, about),
        "## Network",
        f"{arch.params:,} parameters, {arch.macs:,} multiply-adds for one image, receptive field "
        f"{field(arch.receptive_field.before_global_pool)} before global pooling and "
        f"{field(arch.receptive_field.after_global_pool)} after. {sentence(about['head'])}.",
        arch.table().to_text("markdown").strip(),
        "## Recipe",
        table(("setting", "value", "from"), recipe.rows(used)),
        "![augmentations](augmentations.png)",
        "## Epochs",
        "![curves](curves.png)",
        "The last five:",
        epochs_table(history[-5:]),
        "## Classes",
        table(("class", "accuracy"), [(n, f"{v:.2f} %" if v is not None else "–") for n, v in
                                      figures["test"]["per_class"].items()]),
        "![confusion](confusion.png)",
        "## Mistakes",
        "![misclassified](misclassified.png)",
        "## Ran on",
        ran_on(about),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def headline(figures: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    best = figures["best"]
    rows = [
        ("test accuracy, last epoch", f"**{figures['test_accuracy']:.2f} %**"),
        (f"test accuracy, best epoch ({best['epoch']}, by {best['chosen_by'].replace('_', ' ')})",
         f"{best['test_accuracy']:.2f} %"),
        ("test accuracy, mean of the last five epochs", f"{figures['last5_mean']:.2f} %"),
        ("test accuracy, averaged with the mirrored picture", f"{figures['test_accuracy_mirrored']:.2f} %"),
        ("train accuracy, last epoch, augmented", f"{figures['train_accuracy']:.2f} %"),
        ("epochs", f"{figures['epochs']}"),
        ("time", f"{clock(figures['seconds'])}, of which {clock(figures['train_seconds'])} training"),
        ("training speed", f"{figures['images_per_second']:,.0f} images/s"),
        ("seeds", f"one: {about['seed']}"),
    ]  # fmt: skip
    unchecked = "" if about["checked"] else "\n\n**The spec was not checked** (`--unchecked`)."
    return table(("", ""), rows) + unchecked


def epochs_table(history: Sequence[Mapping[str, Any]]) -> str:
    columns = [column for column in COLUMNS if column in history[-1]]
    rows = [[str(row["epoch"]), f"{row['lr']:.4g}", *(f"{row[c]:.4f}" for c in columns[2:])] for row in history]
    return table([column.replace("_", " ") for column in columns], rows)


def ran_on(about: Mapping[str, Any]) -> str:
    data, machine = about["data"], about["machine"]
    published = {True: "the published set, by its fingerprint", False: "not the published set", None: "not compared"}
    rows = [
        ("data", f"{data['name']}, {data['train']:,} training and {data['test']:,} test pictures"),
        ("fingerprint", f"`{data['fingerprint']}` ({published[data['published']]})"),
        ("machine", ", ".join(f"{key} {value}" for key, value in machine.items())),
        ("processes", str(about["processes"])),
        ("precision", about["precision"]["name"] + f" ({about['precision']['why']})"),
        ("versions", ", ".join(f"{key} {value}" for key, value in about["versions"].items())),
        ("began", about["began"]),
    ]
    return table(("", ""), rows)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def field(value: Sequence[Any]) -> str:
    return "x".join(str(v) if v is not None else "–" for v in dict.fromkeys(value))


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def device_of_run(about: Mapping[str, Any]) -> torch.device:
    """The kind of device that a run was trained on, where it is there, else the CPU."""
    wanted = torch.device(str(about["machine"]["device"]))
    return wanted if wanted.type == "cpu" or torch.cuda.is_available() else torch.device("cpu")
