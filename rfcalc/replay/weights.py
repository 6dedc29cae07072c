"""Weights for a module: a state dict, the file of one, or the folder of a run; loaded strictly."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import RfcalcError, listed
from .ready import UNCOPIED

OF_A_RUN = ("best.pt", "last.pt")
"""The checkpoints of a run, the one that counts first."""


def loaded(model: nn.Module, weights: str | PathLike[str] | Mapping[str, Any]) -> nn.Module:
    """A copy of the model with the weights of a state dict, of its file, or of a run's folder (its best epoch). Raises
    RfcalcError, with the names of the keys that are missing or too many and the shapes that differ."""
    where = "weights" if isinstance(weights, Mapping) else fspath(weights)
    state = weights if isinstance(weights, Mapping) else read_state(weights)
    if {"position", "weights"} <= state.keys():  # last.pt of a run
        state = {**state["weights"], **(state.get("average") or {})}
    for key in ("state_dict", "model", "weights"):
        if isinstance(state.get(key), Mapping):
            state = state[key]
    try:
        copy = deepcopy(model)
    except UNCOPIED as error:
        raise RfcalcError(f"{where}: {type(model).__name__} cannot be copied ({error}): load them yourself") from error
    if problems := differences(copy, state):
        raise RfcalcError(f"{where}: {'; '.join(problems)}")
    try:
        copy.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        raise RfcalcError(f"{where}: {' '.join(str(error).split())}") from error
    return copy


def differences(model: nn.Module, state: Mapping[str, Any]) -> list[str]:
    """What of a state dict does not fit a model."""
    own = model.state_dict()
    missing, more = [key for key in own if key not in state], [key for key in state if key not in own]
    problems = []
    if missing:
        problems.append(f"missing keys: {listed(missing)}")
    if more:
        problems.append(f"unexpected keys: {listed(list(map(str, more)))}")
    for key, value in own.items():
        given = getattr(state.get(key), "shape", None)
        if given is not None and hasattr(value, "shape") and given != value.shape:
            problems.append(f"{key} is {tuple(given)}, the model's {tuple(value.shape)}")
    return problems


def read_state(weights: str | PathLike[str]) -> Mapping[str, Any]:
    """The state dict in a file, or in the checkpoint of a run's folder; no code in it is run."""
    where = fspath(weights)
    file = Path(where)
    if file.is_dir():
        found = [file / name for name in OF_A_RUN if (file / name).is_file()]
        if not found:
            raise RfcalcError(f"{where}: holds none of {', '.join(OF_A_RUN)}")
        file = found[0]
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise RfcalcError(f"{where}: {error.strerror or error}") from error
    except Exception as error:  # whatever torch's unpickler stumbles over
        told = f"{type(error).__name__}: {error}".splitlines()[0]
        raise RfcalcError(f"{where}: no state dict ({told})") from error
    if not isinstance(state, Mapping):
        raise RfcalcError(f"{where}: no state dict but {type(state).__name__}")
    return state
