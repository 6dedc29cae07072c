"""Recipes: everything that a training does, as data; reader.py reads them from YAML, and to_plain writes them back.

A spec's `train:` section, one of the shipped recipes, or a file of the user's. A shipped recipe of a document lists
under `stated` which of its settings the document gives; the others are this project's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rfcalc.engine.kinds import (
    AsFloat,
    Choice,
    Flag,
    Integer,
    Optional,
    PerChannel,
    Sentence,
    setting,
    settings_of,
)
from rfcalc.spec.yamlfile import plain

from .schedule import Schedule


@dataclass(frozen=True)
class Optimizer:
    """SGD, AdamW or Muon. `lr` is the peak of the schedule. Without `decay_norms` neither norms nor biases decay.
    `norm_bias_lr` multiplies the learning rate of the norms' biases (64 in short runs, Jordan 2024, arXiv 2404.00498),
    `matrix_lr` that of Muon's matrices, all weights but the last; the others it moves as SGD does."""

    name: str = setting(Choice(("sgd", "adamw", "muon")), "sgd")
    lr: float = setting(AsFloat(0, 1000), 0.1)
    momentum: float = setting(AsFloat(0, 0.9999), 0.9)
    nesterov: bool = setting(Flag(), False)
    weight_decay: float = setting(AsFloat(0, 10), 0.0)
    decay_norms: bool = setting(Flag(), True)
    norm_bias_lr: float = setting(AsFloat(0, 1000), 1.0)
    matrix_lr: float = setting(AsFloat(0, 1000), 0.3)


@dataclass(frozen=True)
class Ema:
    """The moving average of the weights that is evaluated in their place: every `every` steps the average moves
    towards the weights by 1 - decay. With `lookahead` the weights then go on from the average (Zhang et al. 2019,
    arXiv 1907.08610)."""

    decay: float = setting(AsFloat(0, 1), 0.99)
    every: int = setting(Integer(), 5)
    lookahead: bool = setting(Flag(), False)


@dataclass(frozen=True)
class Mixup:
    """Images mixed in pairs, and their labels with them (Zhang et al. 2018, arXiv 1710.09412): the share of each is
    drawn from Beta(alpha, alpha). `rising`: in the beginning not at all, at the end in full."""

    alpha: float = setting(AsFloat(0.01, 100), 0.2)
    rising: bool = setting(Flag(), False)


@dataclass(frozen=True)
class Distillation:
    """A trained network whose scores are learned besides the labels (Hinton et al. 2015, arXiv 1503.02531): a shipped
    spec that has weights, or the folder of a run. `weight` is its share in the loss. `flipped`: its scores are averaged
    with those of the horizontal flip, as in test-time augmentation."""

    teacher: str = setting(Sentence())
    weight: float = setting(AsFloat(0, 1), 0.5)
    temperature: float = setting(AsFloat(0.1, 100), 2.0)
    flipped: bool = setting(Flag(), False)


@dataclass(frozen=True)
class Normalization:
    """What is taken from, and what divides, pixel values between 0 and 1; by default the training images' own."""

    mean: tuple[float, ...] | None = setting(Optional(PerChannel(0)), None)
    std: tuple[float, ...] | None = setting(Optional(PerChannel(1e-6)), None)


@dataclass(frozen=True)
class Transform:
    """One augmentation: its name, and its arguments as the recipe gives them."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    place: str = field(default="", compare=False)
    """File and line, as error messages begin with them."""

    def to_plain(self) -> Any:
        return {self.name: plain(self.arguments)} if self.arguments else self.name


@dataclass(frozen=True)
class Plain:
    """A recipe's settings that stand by themselves, outside any section."""

    source: str = setting(Sentence(), "")
    epochs: int = setting(Integer(), 50)
    batch_size: int = setting(Integer(), 128)
    label_smoothing: float = setting(AsFloat(0, 0.999), 0.0)
    dropout: float | None = setting(Optional(AsFloat(0, 0.999)), None)
    initialization: str = setting(Choice(("torch", "identity")), "torch")
    whiten: bool = setting(Flag(), False)
    in_batches: bool = setting(Flag(), True)


@dataclass(frozen=True)
class Recipe:
    """A whole recipe. `plain` holds the single settings, whose names are in the class of that name."""

    name: str
    plain: Plain
    optimizer: Optimizer
    schedule: Schedule
    ema: Ema | None
    mixup: Mixup | None
    distillation: Distillation | None
    normalization: Normalization
    augmentation: tuple[Transform, ...]
    stated: tuple[str, ...]

    @property
    def epochs(self) -> int:
        return self.plain.epochs

    @property
    def batch_size(self) -> int:
        return self.plain.batch_size

    def lr(self, epoch: float) -> float:
        return self.optimizer.lr * self.schedule.factor(epoch, self.epochs)

    def to_plain(self) -> dict[str, Any]:
        """The recipe as YAML or JSON holds it; reading it back gives the same recipe."""
        return {
            "name": self.name,
            **section(self.plain),
            "optimizer": section(self.optimizer),
            "schedule": {"name": self.schedule.name, **section(self.schedule)},
            "ema": section(self.ema) if self.ema else None,
            **{key: section(value) for key in ("mixup", "distillation") if (value := getattr(self, key))},
            "normalization": section(self.normalization),
            "augmentation": [transform.to_plain() for transform in self.augmentation],
            "stated": list(self.stated),
        }


RECIPE_SECTIONS: dict[str, Any] = {
    "optimizer": Optimizer, "ema": Ema, "mixup": Mixup, "distillation": Distillation, "normalization": Normalization,
}  # fmt: skip
OPTIONAL_SECTIONS = ("ema", "mixup", "distillation")
"""What a recipe does without unless it says how."""
RECIPE_KEYS = ("name", "extends", *settings_of(Plain), *RECIPE_SECTIONS, "schedule", "augmentation", "stated")


def section(value: Any) -> dict[str, Any]:
    return {name: plain(getattr(value, name)) for name in settings_of(type(value))}


IMAGES_OWN = "the training images' own"
UNSET = {"dropout": "the spec's own", "normalization.mean": IMAGES_OWN, "normalization.std": IMAGES_OWN}
"""What holds where a setting is None."""


def rows(recipe: Recipe) -> list[tuple[str, str, str]]:
    """The recipe as (setting, value, whose it is) for the report; ours unless the document states it."""
    found = []
    for key, value in recipe.to_plain().items():
        if key in ("name", "source", "stated"):
            continue
        if isinstance(value, dict):
            found += [(f"{key}.{name}", v) for name, v in value.items()]
        elif key == "augmentation":
            found += [("augmentation", item) for item in value] or [("augmentation", "none")]
        else:
            found.append((key, value))
    if recipe.optimizer.name != "muon":
        found = [row for row in found if row[0] != "optimizer.matrix_lr"]
    found = [(name, UNSET.get(name) if value is None else value) for name, value in found]
    return [
        (name, in_report(value), "document" if is_documents(name, value, recipe) else "ours") for name, value in found
    ]


def is_documents(name: str, value: Any, recipe: Recipe) -> bool:
    """A transform counts as stated under augmentation.ITS_NAME."""
    if name == "augmentation":
        name += "." + (value if isinstance(value, str) else next(iter(value)))
    return name in recipe.stated


def in_report(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {in_report(v)}" for key, v in value.items())
    if isinstance(value, list):
        return "[" + ", ".join(in_report(v) for v in value) + "]"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
