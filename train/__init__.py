"""The trainer: a network that has passed its check, a recipe and images in; a complete record out.

train, evaluate, preview and export are what the verbs of the command line call. They load torch when first asked for;
the options and recipes do not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .recipe.errors import DataError, RecipeError, TrainError
from .recipe.options import Options

if TYPE_CHECKING:
    from .fit.loop import Stopped
    from .report.compare import compare_runs
    from .report.finished import evaluate, export
    from .report.plots import plot_runs
    from .report.preview import preview
    from .report.report import Result
    from .run import train

__all__ = [
    "DataError",
    "Options",
    "RecipeError",
    "Result",
    "Stopped",
    "TrainError",
    "compare_runs",
    "evaluate",
    "export",
    "plot_runs",
    "preview",
    "train",
]

_LOADS_TORCH = {
    "Result": "report.report",
    "Stopped": "fit.loop",
    "compare_runs": "report.compare",
    "evaluate": "report.finished",
    "export": "report.finished",
    "plot_runs": "report.plots",
    "preview": "report.preview",
    "train": "run",
}


def __getattr__(name: str) -> Any:
    if name not in _LOADS_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LOADS_TORCH[name]}", __name__), name)
