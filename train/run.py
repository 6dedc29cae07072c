"""`rfcalc train`: a run from what the user asks for to its finished record."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rfcalc import spec
from rfcalc.arch import Arch

from .augment import Augmentation
from .batches import Batches, colour_tensors, colours_of
from .data import Data, load_data
from .evaluate import Eye
from .kinds import TrainError
from .loop import Plan, fit
from .memory import keep_memory
from .model import prepared, softmax_head
from .precision import Precision, decide
from .progress import Display, Download
from .recipe import Recipe
from .record import Record, machine, versions
from .report import Result, finish
from .start import Options, Start, opened, spec_text
from .team import Team, team

Log = Callable[[dict[str, Any]], None]


def train(
    target: str | os.PathLike[str],
    *,
    recipe: str | None = None,
    data: str | os.PathLike[str] | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    device: str = "auto",
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    settings: Sequence[str] = (),
    limit: int | None = None,
    val: int | None = None,
    unchecked: bool = False,
    precision: str | None = None,
    tensorboard: bool = False,
    workers: int | None = None,
    quiet: bool = False,
) -> Result:
    """Trains a spec (a YAML file, or a shipped one's name) and leaves the record in `out`, by default runs/NAME.

    `recipe` is a shipped recipe, a file, or None for the spec's own; `settings` change it: "optimizer.lr=0.05".
    `data` is a folder, a set's name or `synthetic`; None stands for RFCALC_DATA, else CIFAR-10. With `resume` a run
    goes on where its record stands, and takes from it what is not given. Raises an RfcalcError for whatever cannot be
    done; loop.Stopped when interrupted, with the exit code to give.
    """
    options = Options(
        recipe,
        None if data is None else os.fspath(data),
        epochs,
        seed,
        limit,
        val,
        precision,
        tuple(settings),
        unchecked,
    )
    keep_memory()
    text, name = spec_text(target)
    arch = spec.loads(text, name)
    record = Record(out if out is not None else Path("runs") / arch.name)
    with team(device) as members, logged(tensorboard and members.leads, record) as log:
        start = opened(record, arch, text, options, resume)
        display = Display(start.recipe.epochs, quiet or not members.leads)
        plan, net = planned(start, arch, Helpers(record, members, display, log, workers))
        try:
            history = fit(plan, net, start.state)
        finally:
            display.close()
        if not members.leads:
            return Result(record.folder, {})
        return finish(record, arch, start.recipe, plan.data, history, net, plan.eye, display.say)


@dataclass(frozen=True)
class Helpers:
    """What a run works with, beside what it is to do."""

    record: Record
    members: Team
    display: Display
    log: Log
    workers: int | None


def planned(start: Start, arch: Arch, helpers: Helpers) -> tuple[Plan, torch.nn.Module]:
    """Everything ready: data, batches, precision, network; the record begun."""
    options, recipe, seed, members = start.options, start.recipe, start.options.seed or 0, helpers.members
    if recipe.batch_size % members.world:
        raise TrainError(f"batch_size {recipe.batch_size} cannot be shared by {members.world} processes")
    data = members_first(members, lambda: load_data(arch, options.data, options.limit, options.val or 0, Download()))
    colours = colours_for(recipe, data)
    tensors = colour_tensors(*colours, members.device)
    augmentation = Augmentation(recipe.augmentation, colours[0])
    batches = Batches(data.train, augmentation, recipe.batch_size, seed, members.device, members.share, helpers.workers)

    def make() -> torch.nn.Module:
        return prepared(arch, recipe, seed, data.train, *tensors).to(members.device)

    for text in (*(f"{note}; going on with the state before" for note in start.notes), data.describe()):
        helpers.display.say(text)
    precision = known_precision(start, data, helpers.record) or settled(options, batches, make, members, tensors)
    helpers.display.say(f"precision: {precision.describe()}")
    helpers.display.steps = len(batches)
    eye = Eye(*tensors, members.device, precision)
    plan = Plan(recipe, data, batches, eye, seed, members, helpers.record, helpers.display, helpers.log)
    if members.leads and not start.about:
        begin(plan, arch, start, colours)
    return plan, precision.prepare(make())


def members_first(members: Team, load: Callable[[], Data]) -> Data:
    """Lets the leading process download while the others wait."""
    data = load() if members.leads else None
    members.agree(None)
    return data or load()


def colours_for(recipe: Recipe, data: Data) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation by which pictures are normalised: the recipe's, else the training pictures' own."""
    mean, std = recipe.normalization.mean, recipe.normalization.std
    if mean is None or std is None:
        return colours_of(data.train)
    if len(mean) != data.shape[0] or len(std) != data.shape[0]:
        raise TrainError(f"normalization lists {len(mean)} and {len(std)} numbers for {data.shape[0]} channels")
    return mean, std


def known_precision(start: Start, data: Data, record: Record) -> Precision | None:
    """That of a run that goes on; raises TrainError where its pictures are others."""
    if start.about is None:
        return None
    if start.about["data"]["fingerprint"] != data.fingerprint:
        raise TrainError(f"{record.folder} was trained on other pictures than these ({data.name})")
    return Precision.from_plain(start.about["precision"])


def settled(
    options: Options,
    batches: Batches,
    make: Callable[[], torch.nn.Module],
    members: Team,
    colours: tuple[Tensor, Tensor],
) -> Precision:
    """The precision, decided by the leading process on the first batch."""
    chosen = None
    if members.leads:
        pictures, _ = next(iter(batches.epoch(0)))
        plain = Eye(*colours, members.device, Precision()).input(pictures)
        chosen = decide(options.precision or "auto", make, plain).to_plain()
    return Precision.from_plain(members.agree(chosen))


def begin(plan: Plan, arch: Arch, start: Start, colours: Any) -> None:
    """Writes what is known of a run before it starts; run.json, which makes it one, last."""
    data, record, options = plan.data, plan.record, start.options
    record.write("spec.yaml", start.text)
    record.write_yaml("recipe.yaml", start.recipe.to_plain())
    parts = {"train": data.train, "val": data.val, "test": data.test}
    about = {
        "name": arch.name,
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "options": {**vars(options), "settings": list(options.settings)},
        "seed": plan.seed,
        "checked": not options.unchecked,
        "head": head(arch),
        "data": {
            "name": data.name,
            "classes": list(data.classes),
            **{part: len(split.labels) if split else 0 for part, split in parts.items()},
            "fingerprint": data.fingerprint,
            "published": data.published,
        },
        "colours": {"mean": colours[0], "std": colours[1]},
        "precision": plan.eye.precision.to_plain(),
        "processes": plan.team.world,
        "versions": versions(),
        "machine": machine(plan.team.device),
    }
    record.write_json("run.json", about)


def head(arch: Arch) -> str:
    name = softmax_head(arch)
    return f"trained on the scores in front of the softmax {name}" if name else "trained on the last layer's scores"


@contextmanager
def logged(wanted: bool, record: Record) -> Iterator[Log]:
    """A function that writes each epoch's row as TensorBoard events, if they are wanted."""
    if not wanted:
        yield lambda row: None
        return
    from rfcalc.errors import need

    need("tensorboard", "train")
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(record / "tensorboard")

    def log(row: dict[str, Any]) -> None:
        for key, value in row.items():
            if key != "epoch":
                writer.add_scalar(key.replace("_", "/", 1), value, row["epoch"])
        writer.flush()

    try:
        yield log
    finally:
        writer.close()
