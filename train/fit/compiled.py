"""Kernels in C++: compiled by the compiler of the machine that trains, for its CPU, and kept for its next run."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from ctypes import CDLL
from functools import cache
from hashlib import sha256
from pathlib import Path

import torch

from ..data.sets import cache_folder
from .record import said_of_cpu

COMPILERS = ("c++", "g++", "clang++")
FLAGS = ("-std=c++17", "-O2", "-march=native", "-fno-math-errno", "-shared", "-fPIC", "-fopenmp")
MAPS = Path("/proc/self/maps")
"""Where Linux lists the libraries that this process has loaded."""


@cache
def library(source: str) -> CDLL | None:
    """The compiled kernels of a source beside this file; None where there is no compiler, or it fails."""
    file = compiled_file(source)
    try:
        if file is not None and not file.exists():
            made = file.with_suffix(f".{os.getpid()}")
            path = Path(__file__).with_name(source)
            subprocess.run([str(compiler()), *FLAGS, str(path), "-o", str(made)], capture_output=True, check=True)
            made.replace(file)
        return CDLL(str(file)) if file else None
    except (OSError, subprocess.CalledProcessError):
        return None


def compiler() -> str | None:
    return os.environ.get("CXX") or next(filter(shutil.which, COMPILERS), None)


@cache
def compiled_file(source: str) -> Path | None:
    """Where the kernels of this source, compiler and CPU are kept for the next run; None without a compiler."""
    try:
        version = subprocess.run([str(compiler()), "--version"], capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    path = Path(__file__).with_name(source)
    about = path.read_bytes() + version + repr((FLAGS, said_of_cpu("flags", "Features"))).encode()
    return library_folder() / f"{path.stem}-{sha256(about).hexdigest()[:16]}.so"


def compiled(source: str) -> bool:
    """Whether there is nothing to compile."""
    file = compiled_file(source)
    return file is None or file.exists()


def library_folder() -> Path:
    """Beside the sets; a folder that ends with this process where that cannot be written."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(passing_folder().name)
    return folder if os.access(folder, os.W_OK) else Path(passing_folder().name)


@cache
def passing_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="rfcalc-")


def threads_agree() -> bool:
    """Whether the kernels may start threads: the library that they ask for by its name is torch's own, as Linux tells
    it. The threads of two libraries would stand in each other's way."""
    if torch.get_num_threads() == 1:
        return True
    own = Path(torch.__file__).resolve().parent / "lib" / "libgomp.so.1"
    with suppress(OSError):
        return str(own.resolve()) in MAPS.read_text(encoding="utf-8")
    return False
