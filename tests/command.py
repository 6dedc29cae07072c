"""The command line, run as its own process as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


def run(*arguments: str, stdin: str = "", cwd: str | None = None, **environment: str) -> Result:
    """`rfcalc ARGUMENTS`: exit code and what it printed. COLUMNS is unset unless given."""
    env = {key: value for key, value in os.environ.items() if key != "COLUMNS"} | environment
    command = [sys.executable, "-m", "rfcalc", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, input=stdin, cwd=cwd)
    return Result(done.returncode, done.stdout, done.stderr)
