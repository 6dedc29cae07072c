"""The shipped specs by name, and the one door for whatever a user names."""

from __future__ import annotations

import os
from importlib.resources import as_file, files
from pathlib import Path

from . import spec
from .arch import Arch, unknown_name
from .errors import RfcalcError


def names() -> list[str]:
    """The shipped specs, in alphabetical order."""
    return sorted(
        entry.name.removesuffix(".yaml") for entry in files("rfcalc.archs").iterdir() if entry.name.endswith(".yaml")
    )


def load(target: str | os.PathLike[str]) -> Arch:
    """The network that a path to a YAML file, or the name of a shipped spec, stands for; raises RfcalcError.

    >>> load("s9").params
    180298
    """
    text = os.fspath(target)
    if text.endswith((".yaml", ".yml")) or os.sep in text or Path(text).is_file():
        return spec.load(text)
    if text not in names():
        raise RfcalcError(unknown_name(text, names(), "no such file and no shipped spec") + " (rfcalc list shows them)")
    with as_file(files("rfcalc.archs") / f"{text}.yaml") as path:
        return spec.loads(path.read_text(encoding="utf-8"), f"{text}.yaml")
