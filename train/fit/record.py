"""The record of a run: a folder of files, each written whole or not at all, and checkpoints that prove themselves.

spec.yaml, recipe.yaml   as used
run.json                 options, versions, machine, data, precision, what the check said
metrics.csv              a row for each epoch
result.json              the figures of a finished run
last.pt, previous.pt     the state to go on from, and the one before
best.pt                  weights of the best epoch
report.md and images     the above, put together
"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import platform
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
import yaml

import rfcalc
from rfcalc.errors import listed
from rfcalc.report.grid import as_json

from ..recipe.errors import TrainError

RUN_PARTS = ("options", "seed", "data", "normalization", "precision", "versions", "machine")
"""What run.json says of every run, whatever the version."""
RECORDED_PACKAGES = ("torch", "numpy", "albumentations", "opencv-python-headless", "matplotlib")


class Record:
    """A run's folder."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    @property
    def has_state(self) -> bool:
        """Whether a run has got as far as saving its state here."""
        return (self / "run.json").is_file() and any((self / name).exists() for name in ("last.pt", "previous.pt"))

    def try_out(self) -> None:
        """Raises TrainError where the folder cannot be made or written; leaves nothing new behind."""
        made = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        probe = self / ".writable"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
            for path in made:
                path.rmdir()
        except OSError as error:
            raise TrainError(f"--out {self.folder}: cannot be written ({error.strerror or error})") from None

    def write(self, name: str, content: str | bytes) -> Path:
        """Writes a file whole or not at all; raises TrainError where the disk does not take it."""
        path, data = self / name, content.encode() if isinstance(content, str) else content
        partial = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise TrainError(self.refusal(path, len(data), error)) from None
        return path

    def refusal(self, path: Path, size: int, error: OSError) -> str:
        full = "the disk is full: " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
        has_state = (self / "last.pt").exists()
        kept = "; the state saved before is whole: make room and go on with --resume" if has_state else ""
        return f"{path}: {full}{size:,} bytes cannot be written ({error.strerror or error}){kept}"

    def write_json(self, name: str, value: Any) -> None:
        self.write(name, as_json(value))

    def write_yaml(self, name: str, value: Any) -> None:
        self.write(name, yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120))

    def write_csv(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.write(name, csv_text(list(rows[0]) if rows else [], rows))

    def read_json(self, name: str) -> dict[str, Any]:
        try:
            value = json.loads(self.read_text(name))
        except ValueError as error:
            raise TrainError(f"{self / name}: not JSON: {error}") from None
        if not isinstance(value, dict):
            raise TrainError(f"{self / name}: not a JSON object")
        return value

    def about(self) -> dict[str, Any]:
        """run.json, with the parts that records of older versions call by another name or do not have: `colours` for
        the normalization, no list of what augmented. Raises TrainError where a part is missing that nothing replaces.
        """
        found = self.read_json("run.json")
        about = {"augmentation": [], **found}
        if "normalization" not in about and "colours" in found:
            about["normalization"] = about.pop("colours")
        if missing := [part for part in RUN_PARTS if part not in about]:
            raise TrainError(f"{self / 'run.json'} does not say {listed(missing)}: is it a run of rfcalc?")
        return about

    def read_text(self, name: str) -> str:
        try:
            return (self / name).read_text(encoding="utf-8")
        except OSError as error:
            raise TrainError(f"{self / name}: {error.strerror}; is {self.folder} the folder of a run?") from None

    # --- checkpoints ---

    def save(self, state: Mapping[str, Any]) -> None:
        """Makes the state the last one; the one that was last becomes the one before. At every moment one is whole."""
        self.write_tensors("next.pt", state)
        if (self / "last.pt").exists():
            (self / "last.pt").replace(self / "previous.pt")
        (self / "next.pt").replace(self / "last.pt")

    def write_tensors(self, name: str, values: Mapping[str, Any]) -> Path:
        buffer = io.BytesIO()
        torch.save(dict(values), buffer)
        return self.write(name, buffer.getvalue())

    def load(self) -> tuple[dict[str, Any] | None, list[str]]:
        """The newest state that is whole, None where there is none, and what is wrong with those that are newer."""
        problems: list[str] = []
        for name in ("last.pt", "previous.pt"):
            if (self / name).exists():
                try:
                    return load_whole(self / name), problems
                except TrainError as error:
                    problems.append(str(error))
        return None, problems


def load_whole(path: Path) -> dict[str, Any]:
    """A checkpoint, once the checksums inside it hold; raises TrainError for one that is cut off or changed."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged:
            raise TrainError(f"{path}: damaged: the checksum of {damaged} is wrong")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, ValueError) as error:
        raise TrainError(f"{path}: not a whole checkpoint: {str(error).splitlines()[0]}") from None
    if not isinstance(state, dict):
        raise TrainError(f"{path}: holds a {type(state).__name__}, not a state")
    return state


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A line for each row, under the columns' names; what a row does not have is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


# --- what the run ran on ------------------------------------------------------------------------------------------


def versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "rfcalc": rfcalc.__version__}
    for package in RECORDED_PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def machine(device: torch.device) -> dict[str, Any]:
    """What sets the speed; nothing that says whose machine it is."""
    about: dict[str, Any] = {
        "processor": processor(),
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": str(device),
    }
    if device.type == "cuda":
        about["gpu"] = torch.cuda.get_device_name(device)
    return about


def processor() -> str:
    return said_of_cpu("model name") or platform.processor() or platform.machine()


def said_of_cpu(*keys: str) -> str:
    """What Linux says of the first core under one of these keys; nothing where it does not say."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith(keys):
                return line.partition(":")[2].strip()
    return ""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
