"""What the trainer raises for its users' mistakes."""

from __future__ import annotations

from rfcalc.errors import RfcalcError


class RecipeError(RfcalcError):
    """Everything found wrong with a recipe, a line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class DataError(RfcalcError):
    """Images or labels that cannot be used: the file and what is wrong with it."""


class TrainError(RfcalcError):
    """A training that cannot start or go on, and what to do about it."""
