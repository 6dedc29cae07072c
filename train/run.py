"""`rfcalc train`: a run from what the user asks for to its finished record."""

from __future__ import annotations

import os
from contextlib import closing
from typing import Any

from torch import nn

from .data.augment import Augmentation
from .data.batches import Batches, normalization_tensors
from .data.sets import load_data
from .fit.evaluate import Preprocessing
from .fit.loop import TrainPlan, fit
from .fit.memory import keep_memory
from .fit.model import prepared
from .fit.objective import Objective, Teacher
from .fit.precision import Precision
from .fit.process_group import ProcessGroup, process_group
from .fit.progress import Display, Download
from .fit.record import Record
from .fit.start import RunStart, begin, normalization_for, opened_run, precision_for, record_folder, same_data
from .fit.target import Target, is_run, start_from, target_of
from .fit.trackers import Log, known, logged
from .recipe.errors import TrainError
from .recipe.options import Options
from .report.report import Result, finish_run


def train(target: str | os.PathLike[str], options: Options | None = None, **given: Any) -> Result:
    """Trains a spec (a YAML file, a shipped one's name) or a torch model (FILE.py:Name, with input="3,32,32") and
    leaves the record in `out`, by default runs/NAME.

    The options are an `Options`, or its fields as keywords: recipe="fast", data="synthetic", settings=["epochs=3"].
    With `resume` a run goes on where its record stands, and takes from it what is not given; `target` may then be its
    folder. Raises an RfcalcError for
    whatever cannot be done; loop.Stopped when interrupted, with the exit code to give.
    """
    options = (options or Options()).given(**given)
    name = os.fspath(target)
    if options.resume and not options.out and is_run(name):
        options = options.given(out=name)
    known(options.track)
    keep_memory()
    # What is trained: its table, and how to make it; and where its record is to lie.
    network = target_of(name, options.input)
    with process_group(options.device) as group:
        return trained_by_one(network, options, group)


def trained_by_one(network: Target, options: Options, group: ProcessGroup) -> Result:
    """What one process of a training does."""
    record = Record(group.agree(record_folder(options, network.arch.name)))
    if group.is_first:
        record.try_out()
    # A new run is checked against torch; one that goes on is held against its record.
    start = opened_run(record, network, options)
    display = Display(start.recipe.epochs, options.quiet or not group.is_first)
    tracked = options.track if group.is_first else ()
    with logged(tracked, record.folder, start.settings) as log, closing(display):
        plan, net = train_plan(start, record, group, display, log)
        # The epochs, each saved as it ends.
        history = fit(plan, net, start.state)
    # The first rank evaluates once more and writes the report.
    return finish_run(plan, net, network.arch, history) if group.is_first else Result(record.folder, {})


def train_plan(
    start: RunStart, record: Record, group: ProcessGroup, display: Display, log: Log
) -> tuple[TrainPlan, nn.Module]:
    """Everything ready: data, batches, precision, network; the record begun."""
    options, recipe, network, seed = start.options, start.recipe, start.target, start.seed
    if recipe.batch_size % group.world:
        raise TrainError(f"batch_size {recipe.batch_size} cannot be shared by {group.world} processes")
    # The images; where they must be downloaded, the first rank does so while the others wait.
    data = group.first_then_others(
        lambda: load_data(network.arch, options.data, options.limit, options.val or 0, Download())
    )
    for text in (*start.notes, data.describe()):
        display.say(text)
    same_data(start, data, record)
    # Normalization and augmentation, and with them the batches.
    mean_std = normalization_for(recipe, data)
    tensors = normalization_tensors(*mean_std, group.device)
    augmentation = Augmentation(recipe.augmentation, mean_std[0], recipe.plain.in_batches)
    batches = Batches(data.train, augmentation, recipe.batch_size, seed, group.device, group.share, options.workers)
    display.steps = len(batches)

    def make() -> nn.Module:
        return prepared(network, recipe, seed, data.train, *tensors).to(group.device)

    # The teacher, if there is one, which must know these classes and sizes.
    plain = Preprocessing(*tensors, group.device, Precision())
    teacher = Teacher(recipe.distillation, data, plain) if recipe.distillation else None
    # The precision, tried out on the first batch; then the network that will learn.
    steps = len(batches) * recipe.epochs
    precision = precision_for(
        start, group, make, lambda: plain.input(next(iter(batches.epoch(0)))[0]), display.say, steps
    )
    display.say(f"precision: {precision.describe()}")
    net = make()
    if options.start and not start.about:
        start_from(net, options.start)
    net = precision.prepare(net)
    # What it learns: labels, mixed images, a teacher's scores.
    preprocessing = Preprocessing(*tensors, group.device, precision)
    objective = Objective(recipe, seed, teacher.run_in(precision) if teacher else None)
    # The record begins once nothing more can be refused.
    if group.is_first and not start.about:
        begin(record, start, data, mean_std, precision, augmentation.by, group)
    return TrainPlan(
        recipe, data, batches, preprocessing, objective, seed, group, record, display, again(start, record), log
    ), net


def again(start: RunStart, record: Record) -> str:
    """The command that goes on with a run."""
    model, shape = start.target.model, start.options.input
    what = f"{model} --input {shape}" if model else str(record / "spec.yaml")
    return f"rfcalc train {what} --out {record.folder} --resume"
