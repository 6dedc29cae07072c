"""Sweeps: networks, recipes, settings and seeds, every combination an ordinary run, compared in one index.

In: what is asked for (options.py). Out: a folder of runs, and `Sweep`. Read driver.py (the journey), plan.py (which
runs), here.py with worker.py, and cluster.py (where they run), job.py (one run), halving.py (which go on), compared.py
and report.py (what came of them). `sweep` is what the verb calls; it loads torch when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .options import SweepOptions

if TYPE_CHECKING:
    from .compared import Sweep
    from .driver import sweep

__all__ = ["Sweep", "SweepOptions", "sweep"]

_LOADS_TORCH = {"Sweep": "compared", "sweep": "driver"}


def __getattr__(name: str) -> Any:
    if name not in _LOADS_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LOADS_TORCH[name]}", __name__), name)
