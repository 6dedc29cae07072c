"""The trainer's speed: `python tests/benchmarks/training.py [SPEC [RECIPE] | --to-85]`, with nothing else running.

Images a second of the full trainer, of a bare loop on random tensors (same network, precision, layout), of that loop
with torch's own dropout, with torch's own batch norms and activations, with torch's own weight gradients, and of the
loop that tutorials show (float32, plain layout, DataLoader, the same augmentation). They take turns, so that a slow
spell of the machine meets all; the median counts. Evaluation is in none of them. With PLAIN_MEMORY=1 glibc is left as
it is: what keeping memory gains is the difference of two runs.

With --to-85, ours_fast and the tutorial's loop of s9 train slices in turns, and what counts is the time that each takes
to 85 %: s9's epochs are those of docs/results/s9, ours_fast's its recipe's.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from rfcalc.train.data.augment import Augmentation, albumentations, built
from rfcalc.train.data.batches import mean_and_std
from rfcalc.train.fit import fused
from rfcalc.train.fit.dropout import FastDropout
from rfcalc.train.fit.loop import Training
from rfcalc.train.fit.memory import keep_memory
from rfcalc.train.fit.model import prepared
from rfcalc.train.fit.optim import optimizer_of
from rfcalc.train.fit.precision import Precision
from rfcalc.train.fit.process_group import ProcessGroup, process_group
from rfcalc.train.fit.progress import Display
from rfcalc.train.fit.record import Record
from rfcalc.train.fit.start import RunStart
from rfcalc.train.fit.target import Target, target_of
from rfcalc.train.recipe.options import Options
from rfcalc.train.recipe.reader import recipe_for
from rfcalc.train.recipe.recipe import Recipe
from rfcalc.train.run import train_plan

TURNS = 7
STEPS = 12
CPU = torch.device("cpu")
HISTORY = Path(__file__).parents[2] / "docs" / "results" / "s9" / "metrics.csv"
IMAGES, WANTED = 50_000, 85.0
SLICE = 60
"""Steps of ours_fast in a turn."""


def begun(target: Target, recipe: Recipe, folder: str, group: ProcessGroup, steps: int) -> Training:
    """The trainer, ready for epochs of so many steps on made-up images."""
    options = Options(data="synthetic", limit=steps * recipe.batch_size)
    display = Display(recipe.epochs, quiet=True)
    plan, net = train_plan(RunStart(target, options, recipe), Record(folder), group, display, lambda row: None)
    return Training(plan, net, None)


def full(training: Training, number: int) -> float:
    """An epoch of the trainer as it is: augmentation, average, progress."""
    training.position.epoch, training.position.batch = number, 0
    begin = time.perf_counter()
    training.epoch()
    return training.steps * training.plan.recipe.batch_size / (time.perf_counter() - begin)


def bare(net: nn.Module, precision: Precision, recipe: Recipe, images: Tensor, labels: Tensor) -> float:
    optimizer = optimizer_of(net, recipe.optimizer)
    begin = time.perf_counter()
    for _ in range(STEPS):
        with precision.running(CPU):
            scores = net(images)
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(scores.flatten(1).float(), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return STEPS * len(labels) / (time.perf_counter() - begin)


def with_torch_dropout(net: nn.Module) -> nn.Module:
    for module in net.modules():
        for name, child in module.named_children():
            if isinstance(child, FastDropout):
                setattr(module, name, nn.Dropout(child.p))
    return net


class Tutorial(Dataset[tuple[Tensor, int]]):
    """A image at a time, augmented and normalised, as tutorials have it."""

    def __init__(self, training: Training) -> None:
        plan = training.plan
        self.split = plan.data.train
        mean, std = mean_and_std(self.split)
        self.mean, self.std = np.array(mean, np.float32) * 255, np.array(std, np.float32) * 255
        fill = Augmentation((), mean).fill
        listed = [built(transform, fill) for transform in plan.recipe.augmentation if not transform.name.islower()]
        self.compose = albumentations().Compose(listed)

    def __len__(self) -> int:
        return len(self.split.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.compose(image=self.split.images[index])["image"]
        values = ((image - self.mean) / self.std).transpose(2, 0, 1)
        return torch.from_numpy(np.ascontiguousarray(values)), int(self.split.labels[index])


def tutorial(net: nn.Module, dataset: Tutorial, size: int) -> float:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    begin = time.perf_counter()
    for images, labels in DataLoader(
        dataset, size, shuffle=True, num_workers=min(2, os.cpu_count() or 1), drop_last=True
    ):
        optimizer.zero_grad()
        functional.cross_entropy(net(images).flatten(1), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return STEPS * size / (time.perf_counter() - begin)


def main(name: str = "s9", recipe_name: str | None = None) -> None:
    if not os.environ.get("PLAIN_MEMORY"):
        keep_memory()
    target = target_of(name)
    recipe = recipe_for(target.arch, recipe_name)
    with tempfile.TemporaryDirectory() as folder, process_group("cpu") as group:
        fused.WORTH = 0  # as in a run of whole epochs
        training = begun(target, recipe, folder, group, STEPS)
        plan = training.plan
        precision = plan.preprocessing.precision
        print(f"{name}, recipe {recipe.name}, {torch.get_num_threads()} threads, {precision.describe()}")
        nets = [
            prepared(target, recipe, 0, plan.data.train, plan.preprocessing.mean, plan.preprocessing.std)
            for _ in range(5)
        ]
        other, slow, plain, norms, weights = nets
        with_torch_dropout(slow), with_torch_dropout(plain)
        for net in (other, slow):
            precision.prepare(net).train()
        replace(precision, fused=False).prepare(norms).train()
        replace(precision, tiled=False).prepare(weights).train()
        images = precision.lay_out(torch.randn(recipe.batch_size, *target.arch.input))
        labels = torch.arange(recipe.batch_size) % len(plan.data.classes)
        dataset = Tutorial(training)
        speeds: dict[str, list[float]] = {
            "full": [],
            "bare": [],
            "torch dropout": [],
            "torch norms": [],
            "torch gradients": [],
            "tutorial": [],
        }
        for turn in range(TURNS + 1):
            found: dict[str, Any] = {
                "full": full(training, turn),
                "bare": bare(other, precision, recipe, images, labels),
                "torch dropout": bare(slow, precision, recipe, images, labels),
                "torch norms": bare(norms, precision, recipe, images, labels),
                "torch gradients": bare(weights, precision, recipe, images, labels),
                "tutorial": tutorial(plain, dataset, recipe.batch_size),
            }
            for key, value in found.items() if turn else ():  # the first turn warms up
                speeds[key].append(value)
    speed = {key: median(values) for key, values in speeds.items()}
    print("  ".join(f"{key} {value:,.0f} images/s" for key, value in speed.items()))
    least_of = {
        ("full", "tutorial"): 2.0,
        ("full", "bare"): 0.9,
        ("bare", "torch dropout"): 1,
        ("bare", "torch norms"): 1,
        ("bare", "torch gradients"): 1,
    }
    for (ours, theirs), least in least_of.items():
        ratios = [a / b for a, b in zip(speeds[ours], speeds[theirs], strict=True)]
        print(f"{ours} / {theirs}: {median(ratios):.2f} (at least {least})")


def race() -> None:
    """How many times sooner ours_fast has trained to 85 % than a tutorial's loop of s9 with its README's recipe."""
    keep_memory()
    fused.WORTH = 0
    with HISTORY.open(encoding="utf-8") as file:
        theirs = next(int(row["epoch"]) for row in csv.DictReader(file) if float(row["test_accuracy"]) >= WANTED)
    fast, s9 = target_of("ours_fast"), target_of("s9")
    recipe, old = recipe_for(fast.arch, None), recipe_for(s9.arch, None)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two, process_group("cpu") as group:
        ours, other = begun(fast, recipe, one, group, SLICE), begun(s9, old, two, group, STEPS)
        about = other.plan.preprocessing
        plain = with_torch_dropout(prepared(s9, old, 0, other.plan.data.train, about.mean, about.std))
        dataset, pairs = Tutorial(other), []
        for turn in range(TURNS + 1):
            pairs.append((full(ours, turn % recipe.epochs), tutorial(plain, dataset, old.batch_size)))
    pairs = pairs[1:]  # the first turn warms up
    print("ours_fast {:,.0f} images/s  tutorial {:,.0f} images/s".format(*map(median, zip(*pairs, strict=True))))
    ratios = [(theirs * IMAGES / slow) / (recipe.epochs * IMAGES / quick) for quick, slow in pairs]
    print(
        f"to {WANTED:.0f} %: {theirs} epochs against {recipe.epochs}, {median(ratios):.1f} times as long (at least 60)"
    )


if __name__ == "__main__":
    race() if sys.argv[1:] == ["--to-85"] else main(*sys.argv[1:])
