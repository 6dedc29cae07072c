"""The kinds of value that settings take, of layers and of recipes: how each is read, normalised to one value per axis,
and described.

A layer type declares its settings as dataclass fields made by `setting`; the spec reader, the JSON Schema and the
spec writer all work from these kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields
from fractions import Fraction
from reprlib import Repr
from typing import Any, Protocol

from ..errors import SettingError

MAX_CHANNELS = 64
"""Of an image; more is a slip."""
MAX_SETTING = 2**20
"""No kernel, stride, size or channel count is larger: a larger number is a slip, and would cost memory."""

PerAxis = tuple[int, ...]
Padding = tuple[tuple[int, int], ...] | str


class Kind(Protocol):
    """How one setting is read. `read` raises SettingError; `write` gives back the shortest YAML that reads the same."""

    def read(self, value: Any, axes: int) -> Any: ...
    def write(self, value: Any) -> Any: ...
    def schema(self) -> dict[str, Any]: ...


YAML_WORDS = {"None": "null", "True": "true", "False": "false"}
_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist = 3, 6, 6
_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 100


def describe(value: Any) -> str:
    """A value as an error message shows it: short, and with strings in quotes. Never more of it is looked at: the
    arguments of nested blocks can hold one another a billion times over."""
    text = YAML_WORDS[repr(value)] if value is None or isinstance(value, bool) else _SHORT.repr(_plain(value))
    return text if len(text) <= 40 else text[:37] + "..."


def _plain(value: Any) -> Any:
    """Lists and mappings that remember their lines, as Python's own."""
    if isinstance(value, list):
        return list(value)
    return dict(value) if isinstance(value, dict) else value


def read_integer(value: Any, minimum: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise SettingError(f"must be an integer, not {describe(value)}")
    if value < minimum:
        raise SettingError(f"must be at least {minimum}, not {describe(value)}")
    if value > MAX_SETTING:
        raise SettingError(f"must be at most {MAX_SETTING:,}, not {describe(value)}")
    return value


def shortest(values: tuple[Any, ...]) -> Any:
    """One value where all axes agree, else a list."""
    return values[0] if len(set(values)) == 1 else list(values)


@dataclass(frozen=True)
class AsIs:
    """What is written as it is kept."""

    def write(self, value: Any) -> Any:
        return value


@dataclass(frozen=True)
class Integer(AsIs):
    minimum: int = 1

    def read(self, value: Any, axes: int) -> int:
        return read_integer(value, self.minimum)

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": MAX_SETTING}


@dataclass(frozen=True)
class EachAxis:
    """One value for every axis, or a list with one for each."""

    kind: Kind

    def read(self, value: Any, axes: int) -> tuple[Any, ...]:
        return tuple(self.kind.read(v, axes) for v in per_axis(value, axes))

    def write(self, value: Any) -> Any:
        return shortest(tuple(map(self.kind.write, value)))

    def schema(self) -> dict[str, Any]:
        return one_or_list(self.kind.schema())


def per_axis(value: Any, axes: int) -> list[Any]:
    if not isinstance(value, list | tuple):
        return [value] * axes
    if len(value) != axes:
        raise SettingError(f"needs one value for each of {axes} axes, not {len(value)}: {describe(value)}")
    return list(value)


def one_or_list(item: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1, "maxItems": 3}]}


@dataclass(frozen=True)
class PaddingKind:
    """An integer, a list per axis of integers or [before, after] pairs, or one of the words that the layer knows."""

    words: tuple[str, ...] = ()
    minimum: int = 0
    pairs: bool = True

    def read(self, value: Any, axes: int) -> Padding:
        if isinstance(value, str):
            if value not in self.words:
                known = f" or one of {', '.join(self.words)}" if self.words else ""
                raise SettingError(f"must be integers{known}, not {describe(value)}")
            return value
        return tuple(self._pair(v) for v in per_axis(value, axes))

    def _pair(self, value: Any) -> tuple[int, int]:
        if not isinstance(value, list | tuple):
            return (read_integer(value, self.minimum),) * 2
        if not self.pairs:
            raise SettingError(f"must be an integer on each axis, not {describe(value)}")
        if len(value) != 2:
            raise SettingError(f"must be an integer or [before, after] on each axis, not {describe(value)}")
        return read_integer(value[0], self.minimum), read_integer(value[1], self.minimum)

    def write(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        sides = [before if before == after else [before, after] for before, after in value]
        return sides[0] if len(set(value)) == 1 and not isinstance(sides[0], list) else sides

    def schema(self) -> dict[str, Any]:
        integer = Integer(self.minimum).schema()
        pair = [{"type": "array", "items": integer, "minItems": 2, "maxItems": 2}] if self.pairs else []
        numbers = one_or_list({"anyOf": [integer, *pair]})
        return {"anyOf": [numbers, {"enum": list(self.words)}]} if self.words else numbers


@dataclass(frozen=True)
class Flag(AsIs):
    def read(self, value: Any, axes: int) -> bool:
        if not isinstance(value, bool):
            raise SettingError(f"must be true or false, not {describe(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Real(AsIs):
    minimum: float
    maximum: float

    def read(self, value: Any, axes: int) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SettingError(f"must be a number, not {describe(value)}")
        if not self.minimum <= value <= self.maximum:
            raise SettingError(f"must be from {self.minimum:g} to {self.maximum:g}, not {describe(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class AsFloat(Real):
    """A real number, as a float. YAML takes 5e-4, without a dot, for text; here it is the number it looks like."""

    def read(self, value: Any, axes: int) -> float:
        if isinstance(value, str):
            with suppress(ValueError):
                value = float(value)
        return float(super().read(value, axes))


@dataclass(frozen=True)
class PerChannel:
    """One number for each channel: a mean or a standard deviation of pixel values between 0 and 1."""

    minimum: float

    def read(self, value: Any, axes: int) -> tuple[float, ...]:
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_CHANNELS:
            raise SettingError(f"must list a number for each channel, not {describe(value)}")
        return tuple(AsFloat(self.minimum, 1).read(v, axes) for v in value)

    def write(self, value: Any) -> Any:
        return list(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": Real(self.minimum, 1).schema(), "minItems": 1, "maxItems": MAX_CHANNELS}


@dataclass(frozen=True)
class Sentence(AsIs):
    """A sentence."""

    def read(self, value: Any, axes: int) -> str:
        if not isinstance(value, str):
            raise SettingError(f"must be text, not {describe(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


@dataclass(frozen=True)
class Choice(AsIs):
    words: tuple[str, ...]

    def read(self, value: Any, axes: int) -> str:
        if value not in self.words or not isinstance(value, str):
            raise SettingError(f"must be one of {', '.join(self.words)}, not {describe(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}


@dataclass(frozen=True)
class Factor:
    """A scale factor: an integer or a decimal, kept as an exact fraction."""

    def read(self, value: Any, axes: int) -> Fraction:
        if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
            raise SettingError(f"must be a number, not {describe(value)}")
        if not 0 < value <= MAX_SETTING:
            raise SettingError(f"must be above 0 and at most {MAX_SETTING:,}, not {describe(value)}")
        factor = value if isinstance(value, Fraction) else Fraction(str(value))
        if factor.numerator > 4096:
            raise SettingError(f"must be a simple ratio, not {describe(value)}; state the size instead")
        return factor

    def write(self, value: Any) -> Any:
        return int(value) if value.denominator == 1 else float(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_SETTING}


MAX_COUNT = 2**48


@dataclass(frozen=True)
class Count(AsIs):
    """A whole number of channels, weights or multiply-adds, which may be far larger than a kernel or a size."""

    minimum: int = 1

    def read(self, value: Any, axes: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise SettingError(f"must be an integer, not {describe(value)}")
        if not self.minimum <= value <= MAX_COUNT:
            raise SettingError(f"must be from {self.minimum} to {MAX_COUNT:,}, not {describe(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": MAX_COUNT}


@dataclass(frozen=True)
class Word(AsIs):
    """The name of an operation."""

    def read(self, value: Any, axes: int) -> str:
        if not isinstance(value, str) or not value or not value.isprintable() or len(value) > 100:
            raise SettingError(f"must be the name of an operation, not {describe(value)}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": 100}


@dataclass(frozen=True)
class Optional:
    """Another kind, or nothing; `word` is a name that stands for nothing (`depthwise`)."""

    kind: Kind
    word: str | None = None

    def read(self, value: Any, axes: int) -> Any:
        return None if value is None or value == self.word else self.kind.read(value, axes)

    def write(self, value: Any) -> Any:
        return self.word if value is None else self.kind.write(value)

    def schema(self) -> dict[str, Any]:
        nothing = {"const": self.word} if self.word else {"type": "null"}
        return {"anyOf": [self.kind.schema(), nothing]}


def setting(kind: Kind, default: Any = MISSING, like: str | None = None) -> Any:
    """A dataclass field for one setting; `default` as YAML writes it, `like` another setting whose value it takes."""
    return field(metadata={"kind": kind, "default": default, "like": like})


def required_settings(layer_class: type) -> list[str]:
    """The settings that a layer type cannot do without."""
    return [key for key, meta in settings_of(layer_class).items() if meta["default"] is MISSING and not meta["like"]]


def settings_of(layer_class: type) -> dict[str, Mapping[str, Any]]:
    """The settings of a layer type by name: kind, default and like."""
    return {f.name: f.metadata for f in fields(layer_class)}
