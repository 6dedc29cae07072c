"""report.md: a run as the README that an assignment asks for. What it states stands up to `rfcalc audit`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rfcalc.engine.arch import Arch
from rfcalc.report.cells import DASH, text
from rfcalc.report.claims import Claim, claims_of, targets_of
from rfcalc.report.grid import Column, Grid
from rfcalc.spec.stated import Stated

from ..fit.precision import Precision
from ..fit.progress import clock
from ..recipe import recipe

TABLE_COLUMNS = ("N_out", "Ch_out", "kernel", "stride", "dilation", "groups", "r_out", "params", "status")
"""The columns of the network's table that fit beside a text; `rfcalc table` has all of them."""
HISTORY_PARTS = ("train", "val", "test")
EPOCH_COLUMNS = ("epoch", "lr", *(f"{part}_{figure}" for part in HISTORY_PARTS for figure in ("loss", "accuracy")))
EPOCHS_SHOWN = 5
"""Epochs in the table of the last ones."""


def report(
    arch: Arch, used: recipe.Recipe, about: Mapping[str, Any], figures: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
) -> str:  # fmt: skip
    """The record as one page of Markdown."""
    targets, head = target_rows(arch, figures), about["head"]
    parts = [
        f"# {arch.name}",
        run_headline(figures, about),
        *(["## Targets", markdown_table(("asked", "needed", "got", "met"), targets)] if targets else []),
        "## Network",
        f"{arch.params:,} parameters, {macs(arch)} for one image. {fields(arch)} {head[:1].upper()}{head[1:]}.",
        "![network](network.svg)",
        narrow_table(arch),
        "## Curves",
        "![curves](curves.png)",
        epochs_table(history[-EPOCHS_SHOWN:]),
        "## Classes",
        markdown_table(("class", "accuracy"), [(n, f"{v:.2f} %" if v is not None else DASH) for n, v in
                                      figures["test"]["per_class"].items()]),
        "![confusion](confusion.png)",
        "## Mistakes",
        "The surest ones, with the true and the predicted class.",
        "![misclassified](misclassified.png)",
        "## Recipe",
        markdown_table(("setting", "value", "from"), recipe.rows(used)),
        "![augmentations](augmentations.png)",
        "## Ran on",
        ran_on(arch, about),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def run_headline(figures: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    best, mean = figures["best"], figures["last5_mean"]
    last5 = [("test accuracy, mean of the last five epochs", f"{mean:.2f} %")] if mean is not None else []
    rows = [
        ("test accuracy, last epoch", f"**{figures['test_accuracy']:.2f} %**"),
        (f"test accuracy, best epoch ({best['epoch']}, by {best['chosen_by'].replace('_', ' ')})",
         f"{best['test_accuracy']:.2f} %"),
        *last5,
        ("test accuracy, averaged with the flipped image", f"{figures['test_accuracy_tta']:.2f} %"),
        ("train accuracy, last epoch, augmented", f"{figures['train_accuracy']:.2f} %"),
        ("epochs", f"{figures['epochs']}"),
        ("time", f"{clock(figures['seconds'])}, of which {clock(figures['train_seconds'])} training"),
        ("training speed", f"{figures['images_per_second']:,.0f} images/s"),
        ("seeds", f"one: {about['seed']}"),
    ]  # fmt: skip
    unchecked = "" if about["checked"] else "\n\n**The network was not checked** (`--unchecked`)."
    return markdown_table(("", ""), rows) + unchecked


def target_rows(arch: Arch, figures: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """The spec's targets, and the accuracies that its source states: what is asked, what it takes, what came out."""
    rows = [
        (t.quantity.replace("_", " "), target_bound(t), text(t.computed), "yes" if t.holds else "no")
        for t in targets_of(arch)
    ]
    for claim in claims_of(arch):
        if claim.quantity in ("train_accuracy", "test_accuracy"):
            got = figures[claim.quantity]
            met = "yes" if got >= claim.stated else "no"
            name = claim.quantity.replace("_", " ")
            rows.append((f"{name} of the source", f"{claim.stated} %", f"{got:.2f} %", met))
    return rows


def target_bound(target: Claim) -> str:
    bound = {"min": "at least ", "max": "at most "}.get(target.quantity[:3], "")
    return f"{bound}{int(Stated.of(target.stated).value):,}" if bound else str(target.stated)


def macs(arch: Arch) -> str:
    return "an unknown number of MACs" if arch.macs is None else f"{arch.macs:,} MACs"


def fields(arch: Arch) -> str:
    """The receptive fields; one that is not known is said to be so."""
    if any(None in side for side in arch.receptive_field):
        return "The receptive field is not known."
    before, after = map(field_text, arch.receptive_field)
    if arch.global_row is None:
        return f"The receptive field is {after}."
    return f"The receptive field is {before} before global pooling and {after} after."


def narrow_table(arch: Arch) -> str:
    grid = arch.table().grid
    kept = [i for i, column in enumerate(grid.columns) if column.heading in TABLE_COLUMNS]
    pool = arch.global_row.name if arch.global_row else None  # it may be a pool or a convolution as large as its map
    names = (row_title(row[0], row[1]) + (" (the whole map: global)" if row[0] == pool else "") for row in grid.rows)
    rows = tuple((name, *(row[i] for i in kept)) for name, row in zip(names, grid.rows, strict=True))
    return Grid((grid.columns[0], *(grid.columns[i] for i in kept)), rows).to_text("markdown").strip()


def row_title(name: str, operation: str) -> str:
    """A row's name and what it does; a norm that is named after itself stands below its layer and needs no more."""
    kind = operation.partition(",")[0]
    return operation if kind.endswith("_norm") and name.endswith(f".{kind}") else f"{name}: {operation}"


def epochs_table(history: Sequence[Mapping[str, Any]]) -> str:
    columns = [column for column in EPOCH_COLUMNS if column in history[-1]]
    rows = [[str(row["epoch"]), f"{row['lr']:.4g}", *(f"{row[c]:.4f}" for c in columns[2:])] for row in history]
    return markdown_table([column.replace("_", " ") for column in columns], rows)


def ran_on(arch: Arch, about: Mapping[str, Any]) -> str:
    data, machine = about["data"], about["machine"]
    published = {True: "the published set, by its fingerprint", False: "not the published set", None: "not compared"}
    rows = [
        *([("the network is from", arch.source)] if arch.source else []),
        ("data", f"{data['name']}, {data['train']:,} training and {data['test']:,} test images"),
        ("fingerprint", f"`{data['fingerprint']}` ({published[data['published']]})"),
        ("machine", ", ".join(f"{key} {value}" for key, value in machine.items())),
        ("processes", str(about["processes"])),
        ("precision", Precision.from_plain(about["precision"]).describe()),
        ("augmentation", ", ".join(about["augmentation"]) or "none"),
        ("versions", ", ".join(f"{key} {value}" for key, value in about["versions"].items())),
        ("began", about["began"]),
    ]
    return markdown_table(("", ""), rows)


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    columns = tuple(Column(head, left=True) for head in heads)
    return Grid(columns, tuple(tuple(map(str, row)) for row in rows)).to_markdown().strip()


def field_text(value: Sequence[Any]) -> str:
    """A receptive field: one number where all axes agree.

    >>> field_text((93, 93)), field_text((5, 3, 5)), field_text((5, None))
    ('93', '5x3x5', '5x–')
    """
    sides = [DASH if side is None else str(side) for side in value]
    return sides[0] if len(set(sides)) == 1 else "x".join(sides)
