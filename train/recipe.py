"""Recipes: everything that a training does, as data. Read from YAML, checked as a whole, written back as YAML.

A spec's `train:` section, one of the shipped recipes, or a file of the user's. A shipped recipe of a document lists
under `stated` which of its settings the document gives; the others are this project's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from rfcalc import yamlfile
from rfcalc.arch import Arch, unknown_name
from rfcalc.errors import SettingError, SpecError
from rfcalc.settings import Choice, Flag, Integer, Optional, describe, setting, settings_of

from .kinds import Colours, Number, RecipeError, Text
from .schedule import SCHEDULES, Schedule


@dataclass(frozen=True)
class Optimizer:
    """SGD, AdamW or Muon. `lr` is the peak of the schedule. Without `decay_norms` neither norms nor biases decay.
    `norm_bias_lr` multiplies the rate of the norms' biases (64 in short runs, Jordan 2024, arXiv 2404.00498),
    `matrix_lr` that of Muon's matrices, all weights but the last; the others it moves as SGD does."""

    name: str = setting(Choice(("sgd", "adamw", "muon")), "sgd")
    lr: float = setting(Number(0, 1000), 0.1)
    momentum: float = setting(Number(0, 0.9999), 0.9)
    nesterov: bool = setting(Flag(), False)
    weight_decay: float = setting(Number(0, 10), 0.0)
    decay_norms: bool = setting(Flag(), True)
    norm_bias_lr: float = setting(Number(0, 1000), 1.0)
    matrix_lr: float = setting(Number(0, 1000), 0.3)


@dataclass(frozen=True)
class Ema:
    """The moving average of the weights that is evaluated in their place: every `every` steps the average moves
    towards the weights by 1 - decay. With `lookahead` the weights then go on from the average (Zhang et al. 2019,
    arXiv 1907.08610)."""

    decay: float = setting(Number(0, 1), 0.99)
    every: int = setting(Integer(), 5)
    lookahead: bool = setting(Flag(), False)


@dataclass(frozen=True)
class Normalization:
    """What is taken from, and what divides, pixel values between 0 and 1; by default the training pictures' own."""

    mean: tuple[float, ...] | None = setting(Optional(Colours(0)), None)
    std: tuple[float, ...] | None = setting(Optional(Colours(1e-6)), None)


@dataclass(frozen=True)
class Transform:
    """One augmentation: its name, and its arguments as the recipe gives them."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def to_plain(self) -> Any:
        return {self.name: plain(self.arguments)} if self.arguments else self.name


@dataclass(frozen=True)
class Plain:
    """A recipe's settings that stand by themselves, outside any section."""

    source: str = setting(Text(), "")
    epochs: int = setting(Integer(), 50)
    batch_size: int = setting(Integer(), 128)
    label_smoothing: float = setting(Number(0, 0.999), 0.0)
    dropout: float | None = setting(Optional(Number(0, 0.999)), None)
    initialization: str = setting(Choice(("torch", "identity")), "torch")
    whiten: bool = setting(Flag(), False)


@dataclass(frozen=True)
class Recipe:
    """A whole recipe. `plain` holds the single settings, whose names are in the class of that name."""

    name: str
    plain: Plain
    optimizer: Optimizer
    schedule: Schedule
    ema: Ema | None
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
            "normalization": section(self.normalization),
            "augmentation": [transform.to_plain() for transform in self.augmentation],
            "stated": list(self.stated),
        }


SECTIONS = {"optimizer": Optimizer, "ema": Ema, "normalization": Normalization}
KEYS = ("name", *settings_of(Plain), *SECTIONS, "schedule", "augmentation", "stated")


def section(value: Any) -> dict[str, Any]:
    return {name: plain(getattr(value, name)) for name in settings_of(type(value))}


def plain(value: Any) -> Any:
    """Tuples as lists, mappings as dicts, all the way down."""
    if isinstance(value, Mapping):
        return {key: plain(v) for key, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def names() -> list[str]:
    """The shipped recipes.

    >>> names()
    ['best', 'fast']
    """
    folder = files("rfcalc.train") / "recipes"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def recipe_for(arch: Arch, recipe: str | None, settings: Iterable[str] = (), epochs: int | None = None) -> Recipe:
    """The recipe of a run: the spec's own, a shipped one by name, or a file; then --set, then --epochs.

    Raises RecipeError with everything that is wrong with it.
    """
    if recipe is None:
        if not arch.train:
            raise RecipeError(
                [f"{arch.name} has no train: section; choose a recipe with --recipe: {', '.join(names())}, or a file"]
            )
        name, values, where = arch.name, dict(arch.train), f"{arch.path or arch.name}: train"
    else:
        name, values, where = *read_file(recipe), recipe
    overrides = [*settings, *([] if epochs is None else [f"epochs={epochs}"])]
    for override in overrides:
        put(values, override)
    if overrides and isinstance(values.get("stated"), list):  # what is set here is no longer the document's
        mine = tuple(override.partition("=")[0] for override in overrides)
        values["stated"] = [s for s in values["stated"] if not str(s).startswith(mine)]
    return read(values, name, where)


def read_file(recipe: str) -> tuple[str, dict[str, Any]]:
    if recipe in names():
        text = (files("rfcalc.train") / "recipes" / f"{recipe}.yaml").read_text(encoding="utf-8")
        return recipe, dict(yamlfile.parse(text, f"{recipe}.yaml"))
    path = Path(recipe)
    if not path.is_file():
        raise RecipeError([unknown_name(recipe, names(), "no such file and no shipped recipe")])
    values = yamlfile.parse(yamlfile.read_text(recipe), recipe)
    if not isinstance(values, dict):
        raise RecipeError([f"{recipe}: a recipe is a mapping, not {describe(values)}"])
    return path.stem, dict(values)


def put(values: dict[str, Any], text: str) -> None:
    """Carries out one `--set optimizer.lr=0.05`; the value is read as YAML."""
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise RecipeError([f"--set {text}: write it as name=value, such as optimizer.lr=0.05"])
    *parents, last = path.split(".")
    for parent in parents:
        inner = values.get(parent)
        if inner is not None and not isinstance(inner, dict):
            raise RecipeError([f"--set {text}: {parent} has no settings of its own"])
        values[parent] = dict(inner or {})
        values = values[parent]
    try:
        values[last] = yamlfile.parse(value, f"--set {path}")
    except SpecError as error:
        raise RecipeError(error.problems) from None


def read(values: Mapping[str, Any], name: str, where: str) -> Recipe:
    """Checks a recipe as a whole; raises RecipeError with a line for each problem."""
    problems: list[str] = [unknown_name(key, KEYS, "unknown setting") for key in values if key not in KEYS]
    sections: dict[str, Any] = {}
    for key, cls in SECTIONS.items():
        sections[key] = None
        if key != "ema" or values.get(key) is not None:
            sections[key] = read_section(cls, values.get(key), f"{key}.", problems)
    shape = read_schedule(values.get("schedule"), problems)
    transforms = read_transforms(values.get("augmentation"), problems)
    single = {key: value for key, value in values.items() if key in settings_of(Plain)}
    top = read_section(Plain, single, "", problems)
    stated = values.get("stated") or []
    if not isinstance(stated, list) or not all(isinstance(item, str) for item in stated):
        problems.append(f"stated must list names of settings, not {describe(stated)}")
    else:
        problems += [unknown_name(item, KEYS, "stated: unknown setting") for item in stated if not known(item)]
    problems += contradictions(sections)
    if problems:
        raise RecipeError([f"{where}: {problem}" for problem in problems])
    return Recipe(str(values.get("name") or name), top, sections["optimizer"], shape, sections["ema"],
                  sections["normalization"], transforms, tuple(stated))  # fmt: skip


def contradictions(sections: Mapping[str, Any]) -> list[str]:
    """What no single setting shows: two that cannot go together."""
    problems = []
    optimizer, normalization = sections["optimizer"], sections["normalization"]
    if optimizer and optimizer.name != "adamw" and optimizer.nesterov and not optimizer.momentum:
        problems.append("optimizer.nesterov needs a momentum above 0")
    if normalization and (normalization.mean is None) != (normalization.std is None):
        problems.append("normalization needs both mean and std, or neither")
    return problems


def known(path: str) -> bool:
    return path.split(".", maxsplit=1)[0] in KEYS


def read_section(cls: Any, value: Any, prefix: str, problems: list[str]) -> Any:
    """One dataclass of settings from a mapping; None when a problem was added."""
    if value is not None and not isinstance(value, dict):
        problems.append(f"{prefix.rstrip('.')} must be a mapping, not {describe(value)}")
        return None
    given, before, read_values = dict(value or {}), len(problems), {}
    for name, about in settings_of(cls).items():
        if name not in given and about["default"] is MISSING:
            problems.append(f"{prefix}{name} is missing")
            continue
        try:
            read_values[name] = about["kind"].read(given.pop(name, about["default"]), 1)
        except SettingError as error:
            problems.append(f"{prefix}{name} {error}")
    problems += [unknown_name(prefix + key, [prefix + name for name in settings_of(cls)], "unknown setting")
                 for key in given]  # fmt: skip
    return cls(**read_values) if len(problems) == before else None


def read_schedule(value: Any, problems: list[str]) -> Any:
    """A schedule by its name, which decides which settings it takes."""
    given = {"name": value} if isinstance(value, str) else dict(value) if isinstance(value, dict) else None
    if value is not None and given is None:
        problems.append(f"schedule must be a name or a mapping, not {describe(value)}")
        return None
    name = (given or {"name": "constant"}).pop("name", None)
    if not isinstance(name, str) or name not in SCHEDULES:
        fact = "schedule.name is missing; there are " + ", ".join(SCHEDULES)
        problems.append(unknown_name(name, list(SCHEDULES), "schedule: unknown") if isinstance(name, str) else fact)
        return None
    return read_section(SCHEDULES[name], given, "schedule.", problems)


def read_transforms(value: Any, problems: list[str]) -> tuple[Transform, ...]:
    """The list of augmentations. Their names and arguments are checked where they are built, in augment.py."""
    if value is not None and not isinstance(value, list):
        problems.append(f"augmentation must be a list, not {describe(value)}")
        return ()
    transforms = []
    for item in value or ():
        if isinstance(item, str):
            transforms.append(Transform(item))
        elif isinstance(item, dict) and len(item) == 1 and isinstance(next(iter(item.values())), dict | type(None)):
            ((name, arguments),) = item.items()
            transforms.append(Transform(name, dict(arguments or {})))
        else:
            problems.append(f"augmentation: write `- HorizontalFlip: {{p: 0.5}}`, not {describe(item)}")
    return tuple(transforms)


PICTURES_OWN = "the training pictures' own"
UNSET = {"dropout": "the spec's own", "normalization.mean": PICTURES_OWN, "normalization.std": PICTURES_OWN}
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
    return [(name, text(value), "document" if is_stated(name, value, recipe) else "ours") for name, value in found]


def is_stated(name: str, value: Any, recipe: Recipe) -> bool:
    """A transform counts as stated under augmentation.ITS_NAME."""
    if name == "augmentation":
        name += "." + (value if isinstance(value, str) else next(iter(value)))
    return name in recipe.stated


def text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {text(v)}" for key, v in value.items())
    if isinstance(value, list):
        return "[" + ", ".join(text(v) for v in value) + "]"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
