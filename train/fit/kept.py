"""Verdicts of the precision test, kept for the next run of the same network on the same machine."""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import sha256
from typing import Any

import torch
from torch import Tensor, nn

from ..data.sets import cache_folder
from ..recipe.errors import TrainError
from .record import Record, machine, versions

VERDICT_FILE = "precision.json"


def verdict_key(wanted: str, device: torch.device, net: nn.Module, batch: Tensor) -> str:
    """What the verdict depends on: machine, threads, torch, the layers and their order, the shape of a batch."""
    parts = wanted, machine(device), versions()["torch"], repr(net), [str(p.shape) for p in net.parameters()]
    return sha256(repr((*parts, tuple(batch.shape))).encode()).hexdigest()


def kept_verdict(key: str) -> dict[str, Any] | None:
    known, whole = every().get(key), {"name", "exceptions", "why", "layout", "fused", "tiled"}
    return known if isinstance(known, dict) and known.keys() == whole else None


def every() -> dict[str, Any]:
    with suppress(OSError, ValueError):  # none was kept, or the file is no longer whole: the test runs again
        found = json.loads((cache_folder() / VERDICT_FILE).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def keep_verdict(key: str, verdict: dict[str, Any]) -> None:
    """Keeps a verdict; where the folder cannot be written, the next run tests again."""
    with suppress(TrainError):
        Record(cache_folder()).write(VERDICT_FILE, json.dumps({**every(), key: verdict}, indent=1))
