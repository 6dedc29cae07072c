"""The kinds of value that a recipe's settings take, beyond those of the spec language."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rfcalc.errors import RfcalcError, SettingError
from rfcalc.settings import Real, describe


class RecipeError(RfcalcError):
    """Everything found wrong with a recipe, a line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class DataError(RfcalcError):
    """Pictures or labels that cannot be used: the file and what is wrong with it."""


class TrainError(RfcalcError):
    """A training that cannot start or go on, and what to do about it."""


@dataclass(frozen=True)
class Number(Real):
    """A real number. YAML takes 5e-4, without a dot, for text; here it is the number it looks like."""

    def read(self, value: Any, axes: int) -> float:
        if isinstance(value, str):
            with suppress(ValueError):
                value = float(value)
        return float(super().read(value, axes))


@dataclass(frozen=True)
class Colours:
    """One number for each channel: a mean or a standard deviation of pixel values between 0 and 1."""

    minimum: float

    def read(self, value: Any, axes: int) -> tuple[float, ...]:
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= 64:
            raise SettingError(f"must list a number for each channel, not {describe(value)}")
        return tuple(Number(self.minimum, 1).read(v, 1) for v in value)

    def write(self, value: Any) -> Any:
        return list(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "number", "minimum": self.minimum, "maximum": 1}}


@dataclass(frozen=True)
class Text:
    """A sentence, kept as it is."""

    def read(self, value: Any, axes: int) -> str:
        if not isinstance(value, str):
            raise SettingError(f"must be text, not {describe(value)}")
        return value

    def write(self, value: Any) -> Any:
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}
