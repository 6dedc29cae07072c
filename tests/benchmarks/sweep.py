"""What a sweep costs beside the training itself, in CPU seconds per run: python tests/benchmarks/sweep.py [DATA]

Two runs of s9, of which the second counts: the first also loads and tries out what a process needs once. CPU seconds,
since they hardly depend on what else the machine does.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from rfcalc.train import run
from rfcalc.train.fit import start
from rfcalc.train.sweep import driver, job

IMPORTED = time.process_time()
CLOCK: dict[str, float] = {}


def timed(name: str, act: Callable[..., Any]) -> Callable[..., Any]:
    """The function, with the CPU seconds of its latest call kept under a name."""

    def called(*arguments: Any, **named: Any) -> Any:
        began = time.process_time()
        try:
            return act(*arguments, **named)
        finally:
            CLOCK[name] = time.process_time() - began

    return called


def main(data: str) -> None:
    torch.set_num_threads(1)
    for module, name in (
        (run, "fit"),
        (run, "load_data"),
        (run, "finish"),
        (start, "checked"),
        (driver, "planned"),
        (job, "train"),
    ):
        setattr(module, name, timed(name, getattr(module, name)))
    with tempfile.TemporaryDirectory() as folder:
        driver.sweep(["s9"], data=data, limit=640, epochs=1, recipe=["fast"], seeds=2, device="cpu",
                     precision="float32", out=f"{folder}/sweep", quiet=True)  # fmt: skip
        size = sum(path.stat().st_size for path in Path(folder).glob("sweep/*/*")) / 2e6
    beside = CLOCK["train"] - CLOCK["fit"]
    parts = ", ".join(f"{name} {CLOCK[name]:.2f}" for name in ("load_data", "checked", "finish"))
    print(f"beside the training: {beside:.2f} CPU seconds per run ({parts}); the plan, once: {CLOCK['planned']:.2f}")
    print(f"{size:.1f} MB per run; importing the trainer: {IMPORTED:.2f} CPU seconds")


if __name__ == "__main__":
    main(*sys.argv[1:2] or ["synthetic"])
