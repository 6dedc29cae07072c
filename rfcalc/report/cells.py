"""A figure as text or JSON: the one place where that is decided."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ..engine.arch import Row
from ..engine.geometry import FeatureMap

DASH = "–"


def number(value: Any) -> Any:
    """A figure, or several, as JSON knows it: fractions become floats, tuples lists."""
    if isinstance(value, Fraction):
        return float(value)
    return [number(v) for v in value] if isinstance(value, tuple | list) else value


def agreed(values: tuple[Any, ...]) -> Any:
    """One value where all axes agree, else a list of them; None when there are none or any is unknown."""
    if not values or None in values:
        return None
    numbers = [number(v) for v in values]
    return numbers[0] if all(n == numbers[0] for n in numbers) else numbers


def cells_of(row: Row) -> dict[str, Any]:
    """One row under the keys of the JSON contract: a number, a list per axis, or None."""
    x, out, windows = row.x, row.out, row.windows
    pads = tuple(w.padding[0] if w.padding[0] == w.padding[1] else w.padding for w in windows)
    fields = {
        key + side: agreed(tuple(getattr(axis, attribute) for axis in which.axes))
        for key, attribute in (("j", "jump"), ("r", "receptive_field"), ("start", "start"))
        for side, which in (("_in", x), ("_out", out))
    }
    return {
        "index": row.index,
        "name": row.name,
        "op": row.layer.op,
        "n_in": map_sizes(x),
        "n_out": map_sizes(out),
        "ch_in": x.channels,
        "ch_out": out.channels,
        "kernel_size": agreed(tuple(w.kernel_size for w in windows)),
        "stride": agreed(tuple(w.stride for w in windows)),
        "padding": agreed(pads),
        "dilation": agreed(tuple(w.dilation for w in windows)),
        "groups": row.groups,
        **fields,
        "params": row.params,
        "macs": row.macs,
        "status": row.status,
    }


def map_sizes(x: FeatureMap) -> Any:
    return None if x.flat else agreed(x.sizes)


def text(value: Any) -> str:
    """A figure as people read it: – when unknown, 1,024 with separators, 3x1 where axes differ, 2/3 where no decimal
    is exact; words as they are.

    >>> [text(value) for value in (None, 1024, (3, 1), 2 / 3, Fraction(1, 2), True)]
    ['–', '1,024', '3x1', '2/3', '0.5', 'true']
    """
    if value is None:
        return DASH
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Fraction):
        value = float(value) if value.denominator > 1 else value.numerator
    if isinstance(value, list | tuple):
        return "x".join(f"({','.join(map(text, v))})" if isinstance(v, list | tuple) else text(v) for v in value)
    if isinstance(value, float):
        exact = Fraction(value).limit_denominator(10_000)
        return f"{value:g}" if float(f"{value:g}") == value else str(exact)
    return f"{value:,}" if isinstance(value, int) else str(value)


def decimals(value: float | None, form: str = ",.2f") -> str:
    """A measured figure with so many places; – when unknown."""
    return DASH if value is None else f"{value:{form}}"


def percent(share: Fraction | float | None) -> str:
    """A share of one in whole percent.

    >>> percent(0.256), percent(None)
    ('26%', '–')
    """
    return DASH if share is None else f"{float(share):.0%}"


def clipped(words: str, letters: int) -> str:
    """
    >>> clipped("automobile", 10), clipped("aquarium_fish", 10)
    ('automobile', 'aquarium_…')
    """
    return words if len(words) <= letters else f"{words[: letters - 1]}…"
