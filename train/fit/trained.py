"""A trained network: a run's weights or a shipped spec's, with what they are good for nothing without."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rfcalc import zoo
from rfcalc.engine.arch import Arch
from rfcalc.errors import need

from ..data.sets import Data
from ..recipe.errors import TrainError
from .precision import Precision
from .process_group import device_of_run
from .record import Record
from .target import Target, target_of, target_of_run, weights_of_run


@dataclass(frozen=True)
class Trained:
    """A trained network, and what its weights are good for nothing without."""

    title: str
    target: Target
    weights: Mapping[str, Any]
    facts: Mapping[str, Any]
    """Mean, std and classes; see about_weights."""
    device: torch.device
    precision: Precision
    data: str | None = None
    limit: int | None = None
    val: int = 0
    folder: Path | None = None
    """Where its evaluation is written by default."""

    def network(self) -> nn.Module:
        net = self.target.make(0)
        net.load_state_dict(self.weights)
        return net.eval()


def trained_network(run: str | os.PathLike[str], checkpoint: str) -> Trained:
    """The network of a run's folder, or of a shipped spec that has weights beside it; raises TrainError."""
    name = os.fspath(run)
    if not Path(name).exists() and name in zoo.names():
        return shipped(name)
    record = Record(run)
    about = record.about()
    target, options = target_of_run(record), about["options"]
    return Trained(
        str(record.folder), target, weights_of_run(record, checkpoint), about_weights(about, target.arch),
        device_of_run(about), Precision.from_plain(about["precision"]), options["data"], options["limit"],
        options["val"] or 0, record / "evaluation",
    )  # fmt: skip


def shipped(name: str) -> Trained:
    """A shipped spec with its weights, archs/NAME.safetensors, in float32."""
    folder = files("rfcalc.archs")
    with_weights = sorted(f.name.partition(".")[0] for f in folder.iterdir() if f.name.endswith(".safetensors"))
    if name not in with_weights:
        there = f"; there are some for {', '.join(with_weights)}" if with_weights else ""
        raise TrainError(f"no weights are shipped for {name}{there}; name the folder of a run")
    need("safetensors", "train")
    weights, facts = read_safetensors((folder / f"{name}.safetensors").read_bytes())
    return Trained(name, target_of(name), weights, facts, torch.device("cpu"), Precision())


def about_weights(about: Mapping[str, Any], arch: Arch) -> dict[str, Any]:
    """What weights are good for nothing without: the input, how images are normalised, and the classes."""
    return {
        "name": arch.name,
        "input": list(arch.input),
        "mean": about["normalization"]["mean"],
        "std": about["normalization"]["std"],
        "classes": about["data"]["classes"],
        "data": about["data"]["name"],
    }


def read_safetensors(content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """A state dict, and the facts beside it."""
    from safetensors.torch import load

    length = int.from_bytes(content[:8], "little")  # the format: a header of JSON, after its length in 8 bytes
    header = json.loads(content[8 : 8 + length])
    return load(content), json.loads(header["__metadata__"]["rfcalc"])


def same_classes(title: str, learned: Sequence[str], data: Data) -> None:
    """Raises TrainError where a label would stand for another class than the one that was learned under it."""
    differ = [(i, a, b) for i, (a, b) in enumerate(zip_longest(learned, data.classes)) if a != b]
    if differ:
        index, ours, theirs = differ[0]
        raise TrainError(
            f"{title} was trained on other classes than those of {data.name}: "
            f"class {index} is {ours or 'none'} there and {theirs or 'none'} here ({len(differ)} differ)"
        )
