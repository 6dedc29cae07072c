"""The page's own follower, asked through node: one process for a whole session of tests."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rfcalc import Arch
from rfcalc.page.taps import steps_json

SCRIPT = Path(__file__).parent / "follow.mjs"
SOURCES = Path(__file__).parent.parent.parent / "rfcalc" / "page" / "web"


@cache
def process() -> subprocess.Popen[str]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the page's script is not run")
    if not SOURCES.is_dir():
        pytest.skip("the page's sources are not here: this is an installed package")
    return subprocess.Popen([node, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(net: dict[str, Any], asks: list[dict[str, Any]]) -> list[Any]:
    """The answers to questions about a network's taps."""
    running = process()
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(json.dumps({"net": net, "asks": asks}) + "\n")
    running.stdin.flush()
    answer = running.stdout.readline()
    assert answer, "the script failed: its message is above"
    return list(json.loads(answer))


def taps(arch: Arch) -> dict[str, Any]:
    """What the page knows of a network: its taps, and the names of its maps."""
    return steps_json(arch) | {"names": ["input", *(row.name for row in arch.rows)]}


def along(net: dict[str, Any], axis: int) -> dict[str, Any]:
    """The network along one axis alone."""
    steps = [
        step | {"reads": step["reads"] and [[each[axis]] for each in step["reads"]]} for step in net["steps"]
    ]  # fmt: skip
    return net | {"sizes": [[sizes[axis]] for sizes in net["sizes"]], "steps": steps}
