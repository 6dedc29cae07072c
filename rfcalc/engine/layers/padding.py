"""Padding before and after each axis, and what a read beyond the map meets there."""

from __future__ import annotations

from typing import Any

from ...errors import ShapeError
from ..geometry import Border, FeatureMap, Taps


def symmetric(padding: Any) -> bool:
    return all(before == after for before, after in padding)


def before(padding: Any) -> tuple[int, ...]:
    return tuple(pair[0] for pair in padding)


def pad_argument(padding: Any) -> tuple[int, ...]:
    """Padding as torch's pad takes it: the last axis first."""
    return tuple(side for pair in reversed(padding) for side in pair)


BORDERS: dict[str, Border] = {
    "zeros": "drop",
    "constant": "drop",
    "reflect": "reflect",
    "replicate": "replicate",
    "circular": "circular",
}
PAD_NAMES = {"zeros": "ZeroPad", "reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}


def with_border(taps: list[Taps], mode: str) -> tuple[Taps, ...]:
    if BORDERS[mode] == "drop":
        return tuple(taps)
    return tuple(Taps(tap.advance, tap.reads, BORDERS[mode]) for tap in taps)


def check_border(mode: str, padding: Any, x: FeatureMap) -> None:
    """Reflected padding must be smaller than the map, wrapped padding no larger: there is nothing more to copy."""
    limits = {"reflect": -1, "circular": 0}
    for pair, axis in zip(padding, x.axes, strict=True) if mode in limits else ():
        limit = axis.size + limits[mode]
        if max(pair) > limit:
            raise ShapeError(f"{mode} padding of {max(pair)} on a map of size {axis.size}: at most {limit}")
