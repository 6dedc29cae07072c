"""What a stated model comes to: each row's map as it should be, and the cells that differ."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..read.facts import LayerFact, StatedModel
from .readings import TableReading, begins_inside, cost
from .verdict import Cell
from .window import StatedMap, unstrided

CLEAR = 2
"""Different fields in front of the first slip that show how the others are meant."""


@dataclass(frozen=True)
class Walked:
    """What a stated model comes to under one reading: its slips, and each row's map in and out as it should be.
    `checked` counts the figures that follow from others, `windows` the rows whose kernel or stride is stated; `ways`
    are the ways of stating figures that its rows follow."""

    model: StatedModel
    reading: TableReading
    rows: tuple[LayerFact, ...]
    slips: tuple[Cell, ...]
    checked: int
    trail: tuple[tuple[StatedMap, StatedMap], ...] = field(repr=False)
    ways: tuple[str, ...] = ()

    @property
    def local(self) -> tuple[Cell, ...]:
        return tuple(slip for slip in self.slips if slip.kind == "local")

    @property
    def oddness(self) -> float:
        inherited = len(self.slips) - len(self.local)
        first = next((row.number for row in self.rows if "r_out" in row.cells), None)
        unlike = self.reading.start == "zero" and any((s.row, s.column) == (first, "r_out") for s in self.local)
        inside = self.reading.start == "stated" and bool(self.rows) and begins_inside(self.rows[0].cells)
        odd = self.reading.oddness - (cost("stated") - cost("inside")) * inside
        return cost("local") * (len(self.local) + unlike) + cost("inherited") * inherited + odd

    @property
    def windows(self) -> int:
        known = ("kernel_size", "effective", "stride")
        return sum(any(key in row.cells for key in known) and row.kind != "input" for row in self.rows)

    @property
    def assumed(self) -> bool:
        """Whether a stride that nothing states was taken for 1."""
        return unstrided(self.rows)

    @property
    def standalone(self) -> bool:
        """Whether each row states the field of its own kernel alone, as tables that compare kernels do."""
        known = [row.cells for row in self.rows if "kernel_size" in row.cells and "r_out" in row.cells]
        alone = [cells["r_out"] == cells.get("dilation", 1) * (cells["kernel_size"] - 1) + 1 for cells in known]
        return len(alone) > 1 and all(alone) and bool(self.slips)

    @property
    def begins_right(self) -> bool:
        """Whether the fields in front of the first one that is not are right and grow: what the figures mean is clear
        then, and each later one follows from settings that are known, whatever sizes are stated."""
        first = min((int(slip.row) for slip in self.slips if slip.column[0] in "jr"), default=len(self.rows) + 1)
        return len({row.cells["r_out"] for row in self.rows if "r_out" in row.cells and row.number < first}) >= CLEAR

    @property
    def understood(self) -> bool:
        """Whether enough of the figures follow the arithmetic for the rest to be called wrong."""
        return not self.standalone and 2 * len(self.local) <= self.checked
