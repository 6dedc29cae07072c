"""How a run begins: what was asked for, and whether it is new or goes on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from rfcalc import yamlfile, zoo
from rfcalc.arch import Arch

from .kinds import TrainError
from .precision import CHOICES
from .recipe import Recipe, read, recipe_for
from .record import Record


@dataclass(frozen=True)
class Options:
    """What decides a run's outcome, as the user asked for it; None where the default holds."""

    recipe: str | None = None
    data: str | None = None
    epochs: int | None = None
    seed: int | None = None
    limit: int | None = None
    val: int | None = None
    precision: str | None = None
    settings: tuple[str, ...] = ()
    unchecked: bool = False

    def changed(self, before: dict[str, Any]) -> list[str]:
        """Options that are given and differ from those of the run that is to go on; the data is known by its
        fingerprint, wherever it lies."""
        now = {key: list(v) if isinstance(v, tuple) else v for key, v in vars(self).items() if key != "data"}
        return [key for key, value in now.items() if value not in (None, [], False, before.get(key))]


def spec_text(target: str | os.PathLike[str]) -> tuple[str, str]:
    """A spec as it is written, and the name to call it by in messages."""
    text = os.fspath(target)
    if text in zoo.names() and not Path(text).is_file():
        return (files("rfcalc.archs") / f"{text}.yaml").read_text(encoding="utf-8"), f"{text}.yaml"
    if not text.endswith((".yaml", ".yml")) and os.sep not in text and not Path(text).is_file():
        zoo.load(text)  # says which names there are
    return yamlfile.read_text(text), text


@dataclass(frozen=True)
class Start:
    """How a run begins: what it is to do, and the state from which it goes on, if it does."""

    text: str
    """The spec as it is written."""
    options: Options
    recipe: Recipe
    state: dict[str, Any] | None = None
    about: dict[str, Any] | None = None
    """run.json of the run that goes on."""
    notes: tuple[str, ...] = ()


def opened(record: Record, arch: Arch, text: str, options: Options, resume: bool) -> Start:
    """A new run, or one that goes on; raises TrainError where that would mix two runs."""
    if options.precision is not None and options.precision not in CHOICES:
        raise TrainError(f"--precision {options.precision}: there are {', '.join(CHOICES)}")
    if options.epochs is not None and options.epochs < 1:
        raise TrainError(f"--epochs {options.epochs}: must be at least 1")
    if not resume or not record.has_state:
        if record.has_state:
            raise TrainError(f"{record.folder} holds a run: go on with it (--resume) or name another folder (--out)")
        recipe = recipe_for(arch, options.recipe, options.settings, options.epochs)
        checked(arch, options.unchecked)
        return Start(text, options, recipe)
    about = record.read_json("run.json")
    changed = options.changed(about["options"])
    if changed:
        was = ", ".join(f"{key}: {about['options'].get(key)}" for key in changed)
        raise TrainError(f"{record.folder} was begun with {was}; a run goes on as it began")
    if record.read_text("spec.yaml") != text:
        raise TrainError(f"{record.folder} trains another spec than {arch.path}; see {record / 'spec.yaml'}")
    recipe = read(yaml.safe_load(record.read_text("recipe.yaml")), arch.name, str(record / "recipe.yaml"))
    state, problems = record.load()
    if state is None:
        raise TrainError("\n".join([*problems, f"{record.folder}: no whole state to go on from"]))
    before = {**about["options"], "settings": tuple(about["options"]["settings"])}
    data = options.data or before["data"]
    return Start(text, Options(**{**before, "data": data}), recipe, state, about, tuple(problems))


def checked(arch: Arch, unchecked: bool) -> None:
    """Raises TrainError where torch disagrees with the spec's figures or a target is missed. A figure that the spec
    only reports of its source may be wrong: that is the source's business."""
    from rfcalc.check import check

    if unchecked:
        return
    wrong = [finding for finding in check(arch).findings if finding.kind != "claim"]
    if wrong:
        lines = [f"{f.layer or arch.name}: {f.quantity} expected {f.expected}, measured {f.measured}" for f in wrong]
        raise TrainError("\n".join([f"{arch.name} fails its check (--unchecked trains it all the same):", *lines]))
