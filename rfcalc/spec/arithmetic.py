"""Small integer arithmetic with $names in a spec's values: `2*$width`, `$width // 2`, `$a + $b`.

A text becomes a tree, once; names are then replaced by what they stand for, which may itself be a tree whose names have
no value yet (the choices of a family, rfcalc.search).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..engine.kinds import describe
from ..errors import SettingError

MAX_TEXT = 100
"""Characters of an expression; longer ones are no settings, and would nest too deep to read."""
MAX_NAMES = 1000
"""Names in a tree whose blocks hand expressions on to blocks; each level may double it."""
TOKEN = re.compile(r"\s*(?:(\d+)|\$([A-Za-z_]\w*(?:-[A-Za-z_]\w*)*)|(//|[-+*%()]))")
LEVELS = (("+", "-"), ("*", "//", "%"))


@dataclass(frozen=True, slots=True)
class Name:
    """A $name in a text."""

    name: str


@dataclass(frozen=True, slots=True)
class Open:
    """A value that is not known yet, told from others by its key."""

    key: int


@dataclass(frozen=True, slots=True)
class Sum:
    """An operation on two values: + - * // or %."""

    operator: str
    left: Any
    right: Any


def fill(value: Any, lookup: Callable[[str], Any]) -> Any:
    """A setting's value, lists and mappings included, with every $name replaced by lookup(name) and the arithmetic
    done; what depends on an `Open` value stays a tree. Raises SettingError.

    >>> fill(["2*$w + 1", {"a": "$w"}, "same"], {"w": 8}.__getitem__)
    [17, {'a': 8}, 'same']
    """
    if isinstance(value, str) and "$" in value:
        tree = parsed_expression(value)
        return value if tree is None else reduced_tree(tree, lookup, value)
    if isinstance(value, Mapping):
        return {key: fill(v, lookup) for key, v in value.items()}
    if isinstance(value, list):
        return [fill(v, lookup) for v in value]
    return value


def reduced_tree(tree: Any, lookup: Callable[[str], Any], text: str) -> Any:
    """A tree with its names looked up, and worked out as far as it is known."""
    if isinstance(tree, Name):
        return lookup(tree.name)
    if not isinstance(tree, Sum):
        return tree
    found = combined(tree.operator, reduced_tree(tree.left, lookup, text), reduced_tree(tree.right, lookup, text), text)
    if sum(1 for _ in open_keys(found)) > MAX_NAMES:
        raise SettingError(f"{text}: more than {MAX_NAMES:,} names, those of the blocks around included")
    return found


def combined(operator: str, left: Any, right: Any, text: str) -> Any:
    for side in (left, right):
        if not isinstance(side, Open | Sum) and (isinstance(side, bool) or not isinstance(side, int)):
            raise SettingError(f"{text}: arithmetic needs integers, not {describe(side)}")
    if isinstance(left, Open | Sum) or isinstance(right, Open | Sum):
        return Sum(operator, left, right)
    if operator in ("//", "%") and right == 0:
        raise SettingError(f"{text} divides by 0")
    results = {"+": left + right, "-": left - right, "*": left * right}
    return results[operator] if operator in results else left // right if operator == "//" else left % right


def valued(value: Any, values: Mapping[int, Any]) -> Any:
    """A setting's value with every `Open` value replaced; raises SettingError."""
    if isinstance(value, Open):
        return values[value.key]
    if isinstance(value, Sum):
        left, right = valued(value.left, values), valued(value.right, values)
        return combined(value.operator, left, right, f"{left} {value.operator} {right}")
    if isinstance(value, Mapping):
        return {key: valued(v, values) for key, v in value.items()}
    return [valued(v, values) for v in value] if isinstance(value, list) else value


def open_keys(value: Any) -> Iterator[int]:
    """The keys of the values in it that are not known yet, as often as they stand."""
    if isinstance(value, Open):
        yield value.key
    elif isinstance(value, Sum):
        yield from open_keys(value.left)
        yield from open_keys(value.right)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from open_keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from open_keys(item)


@lru_cache(maxsize=4096)
def parsed_expression(text: str) -> Any:
    """The tree of an expression; None for a text that is none, and raises SettingError for one that starts like one.

    >>> parsed_expression("2*$width")
    Sum(operator='*', left=2, right=Name(name='width'))
    """
    tokens, place = [], 0
    while place < len(text) <= MAX_TEXT and (match := TOKEN.match(text, place)):
        number, name, sign = match.groups()
        tokens.append(int(number) if number else Name(name) if name else sign)
        place = match.end()
    try:
        if text[place:].strip():
            raise ValueError
        tree, rest = _sum(tokens, 0, 0)
        if rest < len(tokens):
            raise ValueError
        return tree
    except (ValueError, IndexError):
        if text.startswith("$"):
            raise SettingError(f"cannot read {describe(text)}: $name, whole numbers, + - * // % and brackets") from None
        return None


def _sum(tokens: list[Any], at: int, level: int) -> tuple[Any, int]:
    """The tree of the tokens from `at` on whose operators bind at least as tightly as the level's."""
    if level == len(LEVELS):
        return _operand(tokens, at)
    left, at = _sum(tokens, at, level + 1)
    while at < len(tokens) and tokens[at] in LEVELS[level]:
        operator = tokens[at]
        right, at = _sum(tokens, at + 1, level + 1)
        left = Sum(operator, left, right)
    return left, at


def _operand(tokens: list[Any], at: int) -> tuple[Any, int]:
    if tokens[at] == "(":
        inner, at = _sum(tokens, at + 1, 0)
        if tokens[at] != ")":
            raise ValueError
        return inner, at + 1
    if tokens[at] == "-":
        inner, at = _operand(tokens, at + 1)
        return Sum("-", 0, inner), at
    if isinstance(tokens[at], str):
        raise ValueError
    return tokens[at], at + 1
