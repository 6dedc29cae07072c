"""How many figures were held against torch, on what ground, and which did not hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..engine.arch import Arch, Row
from .causes import cause_of

if TYPE_CHECKING:
    from .path_counting import Canvas


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A figure that does not hold: what is said, what was measured or computed, and the likely cause.

    `kind` tells who says it: the table, which torch contradicts; the spec's claim or its target, which the table
    contradicts. `where` names axis, unit and pixel.
    """

    layer: str | None
    quantity: str
    expected: Any
    measured: Any
    kind: str = "table"
    where: str = ""
    cause: str = ""


@dataclass
class Tally:
    """Counts what is compared and keeps what differs."""

    arch: Arch
    checked: Counter[str] = field(default_factory=Counter)
    mismatches: list[Mismatch] = field(default_factory=list)
    wrong: dict[int, set[str]] = field(default_factory=dict)
    """The quantities that differ, by the layer's number."""

    def compare(self, row: Row, quantity: str, expected: Any, measured: Any, where: str = "") -> None:
        self.checked[quantity] += 1
        if expected != measured:
            self.differ(row, quantity, expected, measured, where)

    def differ(self, row: Row, quantity: str, expected: Any, measured: Any, where: str = "") -> None:
        cause = cause_of(self.arch, row, quantity, expected, measured, self.wrong)
        self.wrong.setdefault(row.index, set()).add(quantity)
        self.mismatches.append(Mismatch(row.name, quantity, expected, measured, where=where, cause=cause))


@dataclass(frozen=True, slots=True)
class Ground:
    """What the gradients of some axes, which are alike, were taken on."""

    axes: tuple[int, ...]
    image: int
    units: int
    """Units probed on the image."""
    all_units: bool
    canvas: Canvas | None
    reason: str
    """Why there is no canvas."""
    beyond: int
    """Layers with more paths than floats can count: there only which pixels are reached is compared."""


def not_holding(count: int) -> str:
    return f"{count:,} figures do not hold" if count > 1 else "1 figure does not hold"
