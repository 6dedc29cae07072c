"""The shipped specs by name, and the one door for whatever a user names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path

from . import spec
from .arch import Arch, unknown_name
from .errors import RfcalcError, need


def names() -> list[str]:
    """The shipped specs, in alphabetical order."""
    return sorted(
        entry.name.removesuffix(".yaml") for entry in files("rfcalc.archs").iterdir() if entry.name.endswith(".yaml")
    )


def load(target: str | os.PathLike[str], input: Sequence[int] | None = None) -> Arch:
    """The network that a target stands for: a path to a YAML file, the name of a shipped spec, or a torch model as
    `path/to/file.py:Name` or `package.module:Name`. `input` (channels, then sizes) is what a torch model is given;
    a spec is worked out for it in place of its own. Raises RfcalcError.

    >>> load("s9").params, load("s9", (3, 64, 64)).macs
    (180298, 137033632)
    """
    text = os.fspath(target)
    if is_torch_model(text):
        need("torch", "torch")
        from .trace_torch import load_target

        return load_target(text, None if input is None else tuple(input))
    arch = _load_spec(text)
    if input is None:
        return arch
    if len(input) != len(arch.input):
        raise RfcalcError(f"{arch.name} takes an input of {len(arch.input)} numbers, not {len(input)}: {list(input)}")
    resized = replace(arch, input=tuple(input))
    resized.rows  # noqa: B018 - raises SpecError where the other size does not fit
    return resized


def is_torch_model(target: str) -> bool:
    """Whether a target names a torch model rather than a spec."""
    return ":" in target and not Path(target).exists()


def read_shape(text: str) -> tuple[int, ...]:
    """The shape of an input as it is typed: channels, then 1 to 3 sizes; raises RfcalcError.

    >>> read_shape("3,224,224")
    (3, 224, 224)
    """
    parts = text.replace("x", ",").split(",")
    if not 2 <= len(parts) <= 4 or not all(part.strip().isdecimal() and int(part) for part in parts):
        raise RfcalcError(f"--input {text}: must be channels and 1 to 3 sizes, such as 3,224,224")
    return tuple(map(int, parts))


def _load_spec(text: str) -> Arch:
    if text.endswith((".yaml", ".yml")) or os.sep in text or Path(text).is_file():
        return spec.load(text)
    if text not in names():
        raise RfcalcError(unknown_name(text, names(), "no such file and no shipped spec") + " (rfcalc list shows them)")
    with as_file(files("rfcalc.archs") / f"{text}.yaml") as path:
        return spec.loads(path.read_text(encoding="utf-8"), f"{text}.yaml")
