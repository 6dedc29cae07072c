"""What a user asks of a run: the one list of `rfcalc train`'s options, of train()'s keywords, and of run.json's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from rfcalc.spec.yamlfile import plain

from .errors import TrainError


def option(default: Any, help: str, *, decides: bool = False, **typers: Any) -> Any:
    """An option with its help. `decides`: it has a say in the run's outcome, so a run that goes on keeps it. `typers`:
    how the command line names and checks it (typer.Option's keywords, and `flag` for its name)."""
    return field(default=default, metadata={"help": help, "decides": decides, "typer": typers})


DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps", "gpu")
"""auto: cuda where torch finds one, else cpu. gpu: cuda, else mps."""
PRECISIONS = ("auto", "float32", "bf16")


@dataclass(frozen=True)
class Options:
    """What is asked of a run; None where the default holds."""

    recipe: str | None = option(None, "fast, best or a file; by default the spec's own", decides=True)
    data: str | None = option(
        None, "a folder, a set, or synthetic; else RFCALC_DATA, else CIFAR-10", decides=True, metavar="DIR"
    )
    epochs: int | None = option(None, "in place of the recipe's", decides=True, min=1)
    seed: int | None = option(None, "fixes everything", decides=True)
    limit: int | None = option(None, "train on fewer images", decides=True, min=1)
    val: int | None = option(None, "set training images apart for validation", decides=True, min=1)
    precision: str | None = option(None, f"{', '.join(PRECISIONS)}; auto, the default, tests bf16 here", decides=True)
    settings: tuple[str, ...] = option((), "optimizer.lr=0.05", decides=True, flag="--set", metavar="KEY=VALUE")
    unchecked: bool = option(False, "train a network that fails its check", decides=True, flag="--unchecked")
    input: str | None = option(None, "what a torch model is given", decides=True, metavar="C,H,W")
    start: str | None = option(
        None, "a finished run whose weights this one starts from", decides=True, flag="--from", metavar="RUN"
    )
    device: str = option("auto", ", ".join(DEVICES))
    out: str | None = option(None, "the record; by default runs/NAME, runs/NAME-2, …", metavar="DIR")
    resume: bool = option(False, "go on where the record stands", flag="--resume")
    track: tuple[str, ...] = option((), "tensorboard, mlflow, trackio or wandb, beside metrics.csv", metavar="NAME")
    workers: int | None = option(None, "processes that augment; by default as there are cores to spare", min=0)
    quiet: bool = option(False, "print nothing", flag="--quiet")

    def given(self, **values: Any) -> Options:
        """These options with other values where they are not None, paths as text and lists as tuples; raises TypeError
        for unknown names."""
        return replace(self, **{key: at_the_door(value) for key, value in values.items() if value is not None})

    def to_plain(self) -> dict[str, Any]:
        """What run.json holds: the options that decide the outcome."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.metadata["decides"]}

    def changed(self, before: Mapping[str, Any]) -> list[str]:
        """Options that are given and differ from those of the run that is to go on; the data is known by its
        fingerprint, wherever it lies."""
        asked = {key: value for key, value in self.to_plain().items() if key != "data"}
        return [key for key, value in asked.items() if value not in (None, [], False, before.get(key))]

    def resumed(self, before: Mapping[str, Any]) -> Options:
        """The options of a run that goes on: as it began, but for where its data lies now."""
        return self.given(**{**before, "data": self.data or before["data"]})


def refuse_values(options: Any, **least: int) -> None:
    """Raises TrainError for a number below the least that it may be, and for a precision that there is not."""
    for name, bound in least.items():
        value = getattr(options, name)
        if value is not None and value < bound:
            raise TrainError(f"--{name} {value}: must be at least {bound}")
    if options.precision is not None and options.precision not in PRECISIONS:
        raise TrainError(f"--precision {options.precision}: there are {', '.join(PRECISIONS)}")


def at_the_door(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return tuple(value) if isinstance(value, list) else value
