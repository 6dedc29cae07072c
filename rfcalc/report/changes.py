"""What differs between two tables of one network, an older one and a newer: row by row, in the words of the table."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from ..engine.arch import Arch
from .cells import cells_of, text
from .grid import Column, Grid
from .table import COLUMNS, Table

RowCells = Mapping[str, str]
"""One row as text, by the keys of the table."""
NOT_COMPARED = ("name",)
CHANGED_COLUMNS = ("op", "n_out", "ch_out", "r_out", "params", "macs")
"""What is told of a layer that has come or gone."""


@dataclass(frozen=True, slots=True)
class Change:
    """A layer that differs: what it was and what it is, where both are there; None where it has come or gone."""

    layer: str
    old: RowCells | None
    new: RowCells | None

    @property
    def cells(self) -> dict[str, tuple[str, str]]:
        """The cells that differ, old and new; empty for a layer that has come or gone."""
        if self.old is None or self.new is None:
            return {}
        return {k: (self.old[k], self.new[k]) for k in COLUMNS if k in self.old and self.old[k] != self.new[k]}

    def __str__(self) -> str:
        if self.old is None or self.new is None:
            row, sign = (self.new, "+") if self.old is None else (self.old, "-")
            shown = ", ".join(f"{heading(key)} {(row or {}).get(key, '')}" for key in CHANGED_COLUMNS)
            return f"{sign} {self.layer}: {shown}"
        return f"  {self.layer}: " + ", ".join(f"{heading(k)} {a} -> {b}" for k, (a, b) in self.cells.items())


def heading(key: str) -> str:
    return COLUMNS[key].heading


def rows_of(arch: Arch) -> tuple[RowCells, ...]:
    """Every layer of a network as text."""
    return tuple({key: text(value) for key, value in cells_of(row).items() if key in COLUMNS} for row in arch.rows)


def to_csv(arch: Arch) -> str:
    """The table as it is kept to be compared with later ones: a line for each layer."""
    return Table(arch, all_layers=True).to_csv()


def from_csv(stored: str) -> tuple[RowCells, ...]:
    """The rows of a table that was kept; numbers get their separators back. Raises ValueError where it is none."""
    rows = list(csv.DictReader(io.StringIO(stored)))
    if not rows or "name" not in rows[0]:
        raise ValueError("is no table of rfcalc: it has no column called name")
    return tuple({key: shown_cell(value or "") for key, value in row.items() if key in COLUMNS} for row in rows)


def shown_cell(cell: str) -> str:
    if not cell:
        return text(None)
    return f"{int(cell):,}" if cell.isdecimal() else cell


def changes(old: Sequence[RowCells], new: Sequence[RowCells]) -> tuple[Change, ...]:
    """The layers that differ, in the order of the new table; those that are gone stand where they stood.

    >>> import rfcalc
    >>> before, after = (
    ...     rfcalc.loads(f"{{input: [3, 8, 8], layers: [conv: {{out_channels: 4, kernel_size: {k}}}]}}") for k in (3, 5)
    ... )
    >>> print(*changes(rows_of(before), rows_of(after)))
      conv1: N_out 6 -> 4, kernel 3 -> 5, r_out 3 -> 5, start 1.5 -> 2.5, params 112 -> 304, MACs 3,888 -> 4,800
    """
    before, after = {row["name"]: row for row in old}, {row["name"]: row for row in new}
    found: list[Change] = []
    left = iter(before)
    for name, row in after.items():
        if name in before:
            found += [Change(gone, before[gone], None) for gone in takewhile(name.__ne__, left) if gone not in after]
        change = Change(name, before.get(name), row)
        if change.old is None or change.cells:
            found.append(change)
    told = {change.layer for change in found}
    return (*found, *(Change(gone, before[gone], None) for gone in before if gone not in after and gone not in told))


def lines(found: Sequence[Change]) -> str:
    return "\n".join(map(str, found))


def grid(found: Sequence[Change]) -> Grid:
    """The rows that differ, with the columns that differ in any of them; `old → new` where a cell does."""
    keys = [k for k in COLUMNS if k not in NOT_COMPARED and any(shows(change, k) for change in found)]
    columns = (Column("", left=True), Column("layer", left=True), *(COLUMNS[k] for k in keys))
    return Grid(columns, tuple((sign(c), c.layer, *(change_cell(c, k) for k in keys)) for c in found))


def shows(change: Change, key: str) -> bool:
    return key in change.cells or (key in CHANGED_COLUMNS and (change.old is None or change.new is None))


def sign(change: Change) -> str:
    return "new" if change.old is None else "gone" if change.new is None else "changed"


def change_cell(change: Change, key: str) -> Any:
    if key in change.cells:
        return " → ".join(change.cells[key])
    return (change.new or change.old or {}).get(key, "")
