"""Receptive-field tables made by hand: their rows as numbers, and the ways in which such a table can be meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

from ..geometry import Number
from .columns import column_of, numbers_in
from .text import TextTable

KINDS = {
    "resample": r"transpos|deconv|upsampl|up-sampl|unpool|shuffle|interpol",
    "join": r"\badd|concat|\bskip|shortcut|residual|branch|merge",
    "global": r"\bgap\d*\b|\bgmp\b|global|gavg|glob|adaptive",
    "pool": r"pool|\bmp\d*\b|池化",
    "input": r"\binput|image|eingabe|entree|entrada|输入",
    "flat": r"linear|\bfc\d*\b|dense|fully|flatten|全连接",
    "pointwise": r"relu|batch|\bbn\d*\b|norm|dropout|\bdo\b|softmax|activation|激活",
}
PATTERNS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in KINDS.items()}
CONV = re.compile(r"con\w{0,6}v|\bdw|depthwise|pointwise|卷积|faltung|\d\s*[x×]\s*\d", re.IGNORECASE)
SPATIAL = (
    "n_in",
    "n_out",
    "kernel_size",
    "effective",
    "stride",
    "padding",
    "dilation",
    "j_in",
    "j_out",
    "r_in",
    "r_out",
)


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row along one axis: `cells` holds the numbers under the engine's words; `same` is the padding's word."""

    number: int
    line: int
    name: str
    kind: str
    cells: Mapping[str, Number]
    same: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """How a table is meant where its headings leave it open.

    `sides` says for a column without a side (n, j, r, ch) which it is; `effective`, that the kernel holds its
    dilation already; `start`, where the first row begins: at the image (jump 1, field 1), at field 0, or with the
    figures it states; `ignores_pool`, that global pooling leaves the field alone.
    """

    sides: tuple[tuple[str, str], ...] = ()
    effective: bool = False
    start: str = "image"
    ignores_pool: bool = False

    @property
    def oddness(self) -> float:
        """How far the reading is from the usual one, in tenths of a slip."""
        odd = {"image": 0.0, "zero": 8.0, "stated": 15.0}[self.start]
        odd += sum({"r": 2.0}.get(quantity, 1.0) for quantity, side in self.sides if side == "in")
        return odd + 2.0 * self.effective + 8.0 * self.ignores_pool

    def applied(self, row: TableRow) -> TableRow:
        """The row with every column on its side."""
        names = {quantity: f"{quantity}_{side}" for quantity, side in self.sides}
        cells = {names.get(key, key): value for key, value in row.cells.items()}
        return replace(row, cells=cells)


@dataclass(frozen=True, slots=True)
class FieldTable:
    """A receptive-field table: its columns under the engine's words, and the rows of each axis."""

    table: TextTable
    columns: Mapping[str, int]
    axes: tuple[tuple[TableRow, ...], ...]

    @property
    def line(self) -> int:
        return self.table.line

    def readings(self) -> Iterator[Reading]:
        """Every way to read the table that its columns allow."""
        open_ones = [q for q in ("n", "j", "r", "ch") if q in self.columns]
        choices = [self._sides(quantity) for quantity in open_ones]
        rows = self.axes[0]
        dilated = any(row.cells.get("dilation", 1) != 1 for row in rows) and "effective" not in self.columns
        pools = any(row.kind == "global" for row in rows)
        for sides in product(*choices):
            for effective, start, pool in product(
                (False, True) if dilated else (False,),
                ("image", "zero", "stated"),
                (False, True) if pools else (False,),
            ):
                yield Reading(tuple(zip(open_ones, sides, strict=True)), effective, start, pool)

    def _sides(self, quantity: str) -> tuple[str, ...]:
        taken = [side for side in ("in", "out") if f"{quantity}_{side}" in self.columns]
        free = tuple(side for side in ("out", "in") if side not in taken)
        return free or ("out",)


def field_table(table: TextTable) -> FieldTable | None:
    """The table as a receptive-field table; None when its headings, or its cells, are not those of one."""
    columns: dict[str, int] = {}
    for place, heading in enumerate(table.headings):
        column = column_of(heading)
        if column:
            columns.setdefault(column, place)
    kernel = {"kernel_size", "effective"} & columns.keys()
    chain = {column for column in columns if column[0] in "jr" and column[:1] + column[1:] in JR}
    if not (chain and len(columns) > 2) and not (kernel and {"stride"} & columns.keys() and SIZES & columns.keys()):
        return None
    parsed = [parse_row(table, columns, i) for i in range(len(table.rows))]
    rows = [row for row in parsed if row is not None]
    if not rows:
        return None
    return FieldTable(table, columns, tuple(along(rows, axis) for axis in range(max(width(row) for row in rows))))


JR = frozenset(("j", "r", "j_in", "j_out", "r_in", "r_out"))
SIZES = frozenset(("n", "n_in", "n_out"))
Values = dict[str, tuple[Number, ...]]


def parse_row(table: TextTable, columns: Mapping[str, int], index: int) -> tuple[TableRow, Values] | None:
    """A row and its cells as numbers per axis; None for one without any number."""
    cells = table.rows[index]
    name = cells[columns["name"]] if "name" in columns else ""
    values: Values = {}
    for column, place in columns.items():
        if column != "name" and (numbers := numbers_in(cells[place])):
            values[column] = numbers
    if not values:
        return None
    split_shapes(values)
    padding = cells[columns["padding"]].casefold() if "padding" in columns else ""
    if padding.strip() in ("valid", "none", "no"):
        values["padding"] = (0,)
    row = TableRow(index + 1, table.lines[index], name[:60], kind_of(name), {}, padding.strip() == "same")
    return row, values


def split_shapes(values: Values) -> None:
    """Takes the channels out of sizes such as 28x28x16 or [16, 28, 28], and of kernels such as 3x3x16."""
    for size, channels in (("n_in", "ch_in"), ("n_out", "ch_out"), ("n", "ch")):
        numbers = values.get(size, ())[-3:]
        if len(numbers) == 3:
            last = numbers[0] == numbers[1] or numbers[1] != numbers[2]
            values[size] = numbers[:2] if last else numbers[1:]
            values.setdefault(channels, (numbers[2] if last else numbers[0],))
    for column in ("kernel_size", "effective", "stride", "padding", "dilation"):
        if column in values:
            values[column] = values[column][:2]


def kind_of(name: str) -> str:
    """What kind of operation a name means; conv where it says nothing else."""
    for kind, pattern in PATTERNS.items():
        if pattern.search(name):
            return "conv" if kind in ("pointwise", "input") and CONV.search(name) else kind
    return "conv" if not name or CONV.search(name) else "other"


def width(row: tuple[TableRow, Values]) -> int:
    """On how many axes the row states figures of their own."""
    return max((len(set(numbers[:2])) for column, numbers in row[1].items() if column in SPATIAL), default=1)


def along(rows: list[tuple[TableRow, Values]], axis: int) -> tuple[TableRow, ...]:
    return tuple(
        replace(row, cells={column: numbers[min(axis, len(numbers) - 1)] for column, numbers in values.items()})
        for row, values in rows
    )
