"""The trainer: a spec that has passed its check, a recipe and pictures in; a complete record out.

train, evaluate, preview and export are what the verbs of the command line call. Loads torch.
"""

from .finished import evaluate, export
from .kinds import DataError, RecipeError, TrainError
from .loop import Stopped
from .preview import preview
from .report import Result
from .run import train

__all__ = [
    "DataError",
    "RecipeError",
    "Result",
    "Stopped",
    "TrainError",
    "evaluate",
    "export",
    "preview",
    "train",
]
