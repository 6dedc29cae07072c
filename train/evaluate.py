"""What a trained network says of a set of pictures, and how that compares with the labels."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rfcalc.grid import Column, Grid

from .batches import as_input
from .formats import Split
from .precision import Precision

if TYPE_CHECKING:
    from rich.console import RenderableType

BATCH = 500


@dataclass(frozen=True)
class Evaluation:
    """Predictions for a set of labelled pictures, and the figures that follow from them."""

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    loss: float

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
        """How often a picture of a class (row) was taken for one of a class (column)."""
        count = len(self.classes)
        pairs = np.bincount(self.labels * count + self.predictions, minlength=count**2)
        return pairs.reshape(count, count).astype(np.int64)

    @property
    def per_class(self) -> dict[str, float]:
        """Accuracy of each class in percent; nan for one without pictures."""
        table = self.confusion
        return {
            name: 100 * float(table[i, i]) / int(table[i].sum()) if table[i].sum() else float("nan")
            for i, name in enumerate(self.classes)
        }

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal of that width: the accuracy of each class, and of all."""
        totals = self.confusion.sum(1)
        rows = ((name, f"{n:,}", f"{p:.2f} %") for (name, p), n in zip(self.per_class.items(), totals, strict=True))
        columns = (Column("class", left=True), Column("pictures"), Column("accuracy"))
        return Grid(columns, tuple(rows), (f"accuracy {self.accuracy:.2f} %, loss {self.loss:.4f}",)).to_rich(width)

    @property
    def misclassified(self) -> NDArray[np.int64]:
        """Indexes of the wrong ones, the surest mistakes first."""
        wrong = np.flatnonzero(self.predictions != self.labels)
        order: NDArray[np.int64] = wrong[np.argsort(-self.probabilities[wrong].max(1), kind="stable")]
        return order

    def to_json(self) -> dict[str, Any]:
        per_class = {name: None if isnan(value) else round(value, 4) for name, value in self.per_class.items()}
        return {
            "pictures": len(self.labels),
            "accuracy": round(self.accuracy, 4),
            "loss": self.loss,
            "per_class": per_class,
            "confusion": self.confusion.tolist(),
        }

    def lines(self) -> list[str]:
        """For a terminal."""
        width = max(map(len, self.classes))
        lines = [f"accuracy {self.accuracy:.2f} % of {len(self.labels):,} pictures, loss {self.loss:.4f}", ""]
        lines += [f"{name:>{width}}  {value:6.2f} %" for name, value in self.per_class.items()]
        return lines


@dataclass(frozen=True)
class Eye:
    """How a network is shown pictures: normalisation, device, precision."""

    mean: Tensor
    std: Tensor
    device: torch.device
    precision: Precision

    def input(self, pictures: Tensor) -> Tensor:
        return self.precision.lay_out(as_input(pictures, self.mean, self.std))


@torch.no_grad()
def evaluated(net: nn.Module, split: Split, classes: tuple[str, ...], eye: Eye, mirrored: bool = False) -> Evaluation:
    """Runs the network over all pictures; `mirrored` averages each with its mirror image."""
    net.eval()
    found = []
    for begin in range(0, len(split.labels), BATCH):
        pictures = eye.input(torch.from_numpy(split.pictures[begin : begin + BATCH]).to(eye.device))
        with eye.precision.running(eye.device):
            views = [net(pictures), net(eye.precision.lay_out(pictures.flip(3)))] if mirrored else [net(pictures)]
        found.append(torch.stack([view.flatten(1).float().softmax(1) for view in views]).mean(0).cpu())
    probabilities = torch.cat(found)
    right = probabilities[torch.arange(len(probabilities)), torch.from_numpy(split.labels)]
    loss = float(-right.clamp_min(1e-12).log().double().mean())
    return Evaluation(classes, split.labels, probabilities.numpy(), loss)
