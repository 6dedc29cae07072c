"""What a trained network says of a set of images, and how that compares with the labels."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rfcalc.report.cells import DASH
from rfcalc.report.grid import Column, Grid

from ..data.batches import as_input
from ..data.formats import Split
from .precision import Precision

if TYPE_CHECKING:
    from rich.console import RenderableType

EVALUATION_BATCH = 500


@dataclass(frozen=True)
class Evaluation:
    """Predictions for a set of labelled images, and the figures that follow from them."""

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    loss: float
    notes: tuple[str, ...] = ()
    """Which images they were, and where the evaluation was written."""

    @property
    def predictions(self) -> NDArray[np.int64]:
        found: NDArray[np.int64] = self.probabilities.argmax(1).astype(np.int64)
        return found

    @property
    def accuracy(self) -> float:
        """In percent."""
        return 100 * float((self.predictions == self.labels).mean())

    @property
    def confusion(self) -> NDArray[np.int64]:
        """How often an image of a class (row) was taken for one of a class (column)."""
        count = len(self.classes)
        pairs = np.bincount(self.labels * count + self.predictions, minlength=count**2)
        return pairs.reshape(count, count).astype(np.int64)

    @property
    def per_class(self) -> dict[str, float]:
        """Accuracy of each class in percent; nan for one without images."""
        table = self.confusion
        with np.errstate(invalid="ignore"):
            shares = 100 * table.diagonal() / table.sum(1)
        return dict(zip(self.classes, shares.tolist(), strict=True))

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal of that width: the accuracy of each class, and of all."""
        totals = self.confusion.sum(1)
        rows = (
            (name, f"{n:,}", DASH if isnan(p) else f"{p:.2f} %")
            for (name, p), n in zip(self.per_class.items(), totals, strict=True)
        )
        columns = (Column("class", left=True), Column("images"), Column("accuracy"))
        return Grid(
            columns, tuple(rows), (f"accuracy {self.accuracy:.2f} %, loss {self.loss:.4f}", *self.notes)
        ).to_rich(width)

    @property
    def misclassified(self) -> NDArray[np.int64]:
        """Indexes of the wrong ones, the surest mistakes first."""
        wrong = np.flatnonzero(self.predictions != self.labels)
        order: NDArray[np.int64] = wrong[np.argsort(-self.probabilities[wrong].max(1), kind="stable")]
        return order

    def to_json(self) -> dict[str, Any]:
        per_class = {name: None if isnan(value) else round(value, 4) for name, value in self.per_class.items()}
        return {
            "images": len(self.labels),
            "accuracy": round(self.accuracy, 4),
            "loss": self.loss,
            "per_class": per_class,
            "confusion": self.confusion.tolist(),
        }


@dataclass(frozen=True)
class Preprocessing:
    """How a network is shown images: normalisation, device, precision."""

    mean: Tensor
    std: Tensor
    device: torch.device
    precision: Precision

    def input(self, images: Tensor) -> Tensor:
        return self.precision.lay_out(as_input(images, self.mean, self.std))


@torch.no_grad()
def evaluated(
    net: nn.Module, split: Split, classes: tuple[str, ...], preprocessing: Preprocessing, flipped: bool = False
) -> Evaluation:
    """Runs the network over all images; `flipped` (test-time augmentation) averages each with its horizontal flip."""
    net.eval()
    found = []
    for begin in range(0, len(split.labels), EVALUATION_BATCH):
        images = preprocessing.input(
            torch.from_numpy(split.images[begin : begin + EVALUATION_BATCH]).to(preprocessing.device)
        )
        with preprocessing.precision.running(preprocessing.device):
            views = [net(images), net(preprocessing.precision.lay_out(images.flip(3)))] if flipped else [net(images)]
        found.append(torch.stack([view.flatten(1).float().softmax(1) for view in views]).mean(0).cpu())
    probabilities = torch.cat(found)
    right = probabilities[torch.arange(len(probabilities)), torch.from_numpy(split.labels)]
    loss = float(-right.clamp_min(1e-12).log().double().mean())
    return Evaluation(classes, split.labels, probabilities.numpy(), loss)
