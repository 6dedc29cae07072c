"""The training itself: a plan in, a history out, read from top to bottom."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn

from ..data.batches import Batches
from ..data.seeds import seed_of
from ..data.sets import Data
from ..recipe.errors import TrainError
from ..recipe.recipe import Recipe
from .evaluate import Evaluation, Preprocessing, evaluated
from .objective import Objective
from .optim import Average, optimizer_of, set_lr
from .process_group import ProcessGroup
from .progress import Display
from .record import Record

ASK_EVERY = 8
"""Steps between two questions whether another process, or the GPU's loss, says to stop."""


class Stopped(TrainError):
    """A training that was interrupted and has saved its state; `code` is the exit code that a shell expects."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message, code)  # both, so that it passes between processes whole
        self.code = code

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class TrainPlan:
    """All that a training needs, decided before it starts."""

    recipe: Recipe
    data: Data
    batches: Batches
    preprocessing: Preprocessing
    objective: Objective
    seed: int
    group: ProcessGroup
    record: Record
    display: Display
    again: str = ""
    """The command that goes on with the run."""
    log: Callable[[dict[str, Any]], None] = lambda row: None


@dataclass
class Position:
    """Where a training stands: the epoch and the batch that come next, running sums, and the rows of past epochs."""

    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    correct: float = 0.0
    seen: int = 0
    train_seconds: float = 0.0
    """Of this epoch, evaluation left out."""
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best: float = -1.0


def fit(plan: TrainPlan, net: nn.Module, saved: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Trains the network, which is already on its device and laid out; goes on from a saved state where there is one.

    Returns the history, a row for each epoch; the network ends with the weights that the last row was measured with.
    Raises Stopped when interrupted, TrainError when the loss is no longer a number or the disk is full; the state
    saved before stays.
    """
    training = Training(plan, net, saved)
    with interruptions() as training.asked:
        while training.position.epoch < plan.recipe.epochs:
            training.epoch()
            training.close_epoch()
    if training.average:
        training.average.swap()
    return training.position.history


class Training:
    """A training under way: the network and all that changes while it learns."""

    def __init__(self, plan: TrainPlan, net: nn.Module, saved: dict[str, Any] | None) -> None:
        self.plan, self.net = plan, net
        self.optimizer = optimizer_of(net, plan.recipe.optimizer)
        self.average = Average(net, plan.recipe.ema) if plan.recipe.ema else None
        self.position = self.restored(saved) if saved else Position()
        self.wrapped = plan.group.wrap(net)
        self.steps = len(plan.batches)
        self.asked: list[int] = []
        self.clock = time.perf_counter()

    def epoch(self) -> None:
        """The rest of the epoch in which the training stands."""
        plan, position, group = self.plan, self.position, self.plan.group
        sums = Sums(position, group.device)
        self.wrapped.train()
        for batch, (images, labels) in enumerate(plan.batches.epoch(position.epoch, position.batch), position.batch):
            step = position.epoch * self.steps + batch + 1
            set_lr(self.optimizer, plan.recipe.lr(position.epoch + batch / self.steps))
            torch.manual_seed(seed_of(plan.seed, "step", position.epoch, batch, group.rank))  # dropout's
            share = plan.objective.share(position.epoch, batch, self.steps)
            loss, scores = self.step(images, labels, share)
            if self.average:
                self.average.update(step)
            sums.add(loss, scores, labels)
            position.batch = batch + 1
            position.train_seconds += self.lap()
            plan.display.batch(
                position.epoch, batch + 1, sums.count * group.world / position.train_seconds, sums.running
            )
            if group.device.type == "cpu" or step % ASK_EVERY == 0:
                self.refuse_nan(float(loss))
            if (group.world == 1 or step % ASK_EVERY == 0) and group.any(bool(self.asked)):
                sums.store(position)
                self.stop()
        sums.store(position)

    def step(self, images: Tensor, labels: Tensor, share: float) -> tuple[Tensor, Tensor]:
        """One step on one batch, each image's `share` of which is its own; returns the loss and the scores, without
        their graph."""
        preprocessing, objective = self.plan.preprocessing, self.plan.objective
        inputs = objective.mixed(preprocessing.input(images), share)
        with preprocessing.precision.running(self.plan.group.device):
            scores = self.wrapped(inputs)
        scores = scores.flatten(1).float()
        loss = objective.loss(scores, labels, share, inputs)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return loss.detach(), scores.detach()

    def close_epoch(self) -> None:
        """Measures the epoch, saves, and stops if that was asked for."""
        plan, average = self.plan, self.average
        row = self.train_row()
        if average:
            average.swap()
        if plan.group.is_first:
            row |= measured(plan, self.net)
        self.lap()
        row |= {"train_seconds": self.position.train_seconds, "seconds": self.position.seconds}
        done = self.position
        self.position = Position(done.epoch + 1, seconds=done.seconds, history=[*done.history, row], best=done.best)
        if plan.group.is_first:
            self.keep_best()
        if average:
            average.swap()
        if plan.group.is_first:
            self.save()
            plan.display.epoch(row)
            plan.log(row)
        if plan.group.any(bool(self.asked)) and self.position.epoch < plan.recipe.epochs:
            self.stop()

    def train_row(self) -> dict[str, Any]:
        """What the training itself shows of the epoch, all processes together."""
        position = self.position
        loss_sum, correct, seen = self.plan.group.total(position.loss_sum, position.correct, position.seen)
        self.refuse_nan(loss_sum)
        return {
            "epoch": position.epoch + 1,
            "lr": self.plan.recipe.lr(position.epoch + (self.steps - 1) / self.steps),
            "train_loss": loss_sum / seen,
            "train_accuracy": 100 * correct / seen,
            "images_per_second": seen / position.train_seconds,
        }

    def lap(self) -> float:
        """Seconds since the last lap, which count for the whole run."""
        now = time.perf_counter()
        passed, self.clock = now - self.clock, now
        self.position.seconds += passed
        return passed

    def refuse_nan(self, loss: float) -> None:
        if math.isfinite(loss):
            return
        epoch, last = self.position.epoch, self.plan.record / "last.pt"
        kept = f"the state after epoch {epoch} is kept in {last}" if epoch else "nothing was saved yet"
        where = f"epoch {epoch + 1}, step {self.position.batch}"
        raise TrainError(f"the loss is {loss} in {where}: a lower optimizer.lr may help; {kept}")

    # --- saving and going on ---------------------------------------------------------------------------------------

    def save(self) -> None:
        """The whole state, and the metrics so far. Random numbers need no saving: see seeds.py."""
        state = {
            "position": vars(self.position),
            "weights": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.values if self.average else None,
        }
        self.plan.record.save(state)
        if self.position.history:
            self.plan.record.write_csv("metrics.csv", self.position.history)

    def restored(self, saved: dict[str, Any]) -> Position:
        self.net.load_state_dict(saved["weights"])
        self.optimizer.load_state_dict(saved["optimizer"])
        if self.average:
            self.average.load(saved["average"])
        return Position(**saved["position"])

    def keep_best(self) -> None:
        value = self.position.history[-1][choosing(self.plan.data)]
        if value > self.position.best:
            self.position.best = value
            self.plan.record.write_tensors("best.pt", {"epoch": self.position.epoch, "weights": self.net.state_dict()})

    def stop(self) -> None:
        """Saves, if need be in the middle of an epoch, and leaves."""
        position = self.position
        if self.plan.group.is_first:
            self.save()
        where = f"epoch {position.epoch + 1}, step {position.batch}" if position.batch else f"epoch {position.epoch}"
        code = 128 + (self.asked[0] if self.asked else signal.SIGTERM)
        raise Stopped(f"stopped after {where}, and saved; go on with: {self.plan.again}", code)


class Sums:
    """An epoch's sums of loss and of right answers, kept on the device so that no step waits for them."""

    def __init__(self, position: Position, device: torch.device) -> None:
        self.dtype = torch.float32 if device.type == "mps" else torch.float64  # mps has no doubles
        self.loss = torch.tensor(position.loss_sum, dtype=self.dtype, device=device)
        self.correct = torch.tensor(position.correct, dtype=self.dtype, device=device)
        self.count = position.seen

    def add(self, loss: Tensor, scores: Tensor, labels: Tensor) -> None:
        self.loss += loss.to(self.dtype) * len(labels)
        self.correct += (scores.argmax(1) == labels).sum()
        self.count += len(labels)

    def running(self) -> tuple[float, float]:
        """Mean loss, and accuracy in percent, of this process's images so far."""
        return float(self.loss) / self.count, 100 * float(self.correct) / self.count

    def store(self, position: Position) -> None:
        position.loss_sum, position.correct, position.seen = float(self.loss), float(self.correct), self.count


def measured(plan: TrainPlan, net: nn.Module) -> dict[str, float]:
    """Loss and accuracy on the test images, and on those set aside for validation."""
    found: dict[str, float] = {}
    for part, split in (("val", plan.data.val), ("test", plan.data.test)):
        if split is not None:
            result: Evaluation = evaluated(net, split, plan.data.classes, plan.preprocessing)
            found |= {f"{part}_loss": result.loss, f"{part}_accuracy": result.accuracy}
    return found


def choosing(data: Data) -> str:
    """The column by which an epoch counts as the best; never the headline without a validation split."""
    return "val_accuracy" if data.val else "test_accuracy"


@contextmanager
def interruptions() -> Iterator[list[int]]:
    """Collects Ctrl-C and SIGTERM, to be obeyed after the step; a second Ctrl-C ends at once."""
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(number)

    try:
        before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread, which alone may set handlers
        before = {}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
