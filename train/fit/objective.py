"""What a step minimises: cross-entropy with label smoothing, of mixed images, and towards a teacher's scores."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..data.seeds import seed_of
from ..data.sets import Data
from ..recipe.errors import TrainError
from ..recipe.recipe import Distillation, Recipe
from .evaluate import Preprocessing
from .model import scores_only
from .precision import Precision
from .trained import same_classes, trained_network


@dataclass(frozen=True)
class Objective:
    """A recipe's loss. Batches are mixed with themselves in reverse: their order is random anyway."""

    recipe: Recipe
    seed: int
    teacher: Teacher | None = None

    def share(self, epoch: int, batch: int, batches: int) -> float:
        """How much of each image of a batch is its own, at least 0.5 (Zhang et al. 2018, arXiv 1710.09412, with
        lambda ~ Beta(alpha, alpha)); a rising mixup takes of the other image what the run's part done allows."""
        mixup = self.recipe.mixup
        if mixup is None:
            return 1.0
        drawn = np.random.default_rng(seed_of(self.seed, "mixup", epoch, batch)).beta(mixup.alpha, mixup.alpha)
        done = (epoch + batch / batches) / self.recipe.epochs if mixup.rising else 1.0
        return 1 - done * min(drawn, 1 - drawn)

    def mixed(self, inputs: Tensor, share: float) -> Tensor:
        return inputs if share == 1 else torch.lerp(inputs.flip(0), inputs, share)

    def loss(self, scores: Tensor, labels: Tensor, share: float, inputs: Tensor) -> Tensor:
        """The mean over a batch of scores (images x classes) for mixed inputs."""
        found = self.cross_entropy(scores, labels)
        if share < 1:
            found = share * found + (1 - share) * self.cross_entropy(scores, labels.flip(0))
        return self.teacher.drawn(found, scores, inputs) if self.teacher else found

    def cross_entropy(self, scores: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(scores, labels, label_smoothing=self.recipe.plain.label_smoothing)


class Teacher:
    """A trained network whose scores are learned besides the labels (Hinton et al. 2015, arXiv 1503.02531)."""

    def __init__(self, about: Distillation, data: Data, student: Preprocessing) -> None:
        """`student`: how the images are prepared for the network that learns. Raises TrainError where the teacher
        cannot be had, or learned other classes or sizes."""
        found = trained_network(about.teacher, "last")
        same_classes(found.title, found.facts["classes"], data)
        if tuple(found.facts["input"]) != data.shape:
            shapes = ("x".join(map(str, shape)) for shape in (found.facts["input"], data.shape))
            raise TrainError("{} takes images of {}, and these are of {}".format(found.title, *shapes))
        self.about, self.student = about, student
        net = found.network()
        scores_only(net, found.target.arch)
        self.net = net.to(student.device).requires_grad_(False).eval()
        self.run_in(student.precision)
        mean, std = (torch.tensor(found.facts[key], device=student.device).mul(255).view(1, -1, 1, 1)
                     for key in ("mean", "std"))  # fmt: skip
        self.scale, self.shift = student.std / std, (student.mean - mean) / std

    def run_in(self, precision: Precision) -> Teacher:
        """From now on in this precision; the layers that the student runs otherwise are not the teacher's."""
        self.precision = replace(precision, exceptions=())
        self.net = self.precision.prepare(self.net)
        return self

    @torch.no_grad()
    def scores(self, inputs: Tensor) -> Tensor:
        """Logits (images x classes), averaged over the views, for images normalized as the student sees them."""
        own = torch.addcmul(self.shift, inputs, self.scale)
        views = [own, own.flip(3)] if self.about.flipped else [own]
        with self.precision.running(self.student.device):
            found: Tensor = sum(self.net(self.precision.lay_out(view)).flatten(1).float() for view in views)
        return found / len(views)

    def drawn(self, loss: Tensor, scores: Tensor, inputs: Tensor) -> Tensor:
        """The loss with its share of what tells the scores from the teacher's, both softened by the temperature; its
        square keeps the gradient as large as at 1."""
        weight, temperature = self.about.weight, self.about.temperature
        softened, wanted = (values.div(temperature).log_softmax(1) for values in (scores, self.scores(inputs)))
        apart = functional.kl_div(softened, wanted, reduction="batchmean", log_target=True)
        return (1 - weight) * loss + weight * temperature**2 * apart
