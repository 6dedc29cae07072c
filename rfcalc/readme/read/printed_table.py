"""Summaries printed as Markdown or HTML tables: a class, a shape and a count in each row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from .cells import kind_of_operation
from .headings import column_of
from .layer_table import SHARE, TOTAL_ROW, order_of_shapes, shape_in
from .printout import Printout, Total
from .rows import PrintedRow, count_of
from .tables import TextTable

PRINTED_CLASS = re.compile(
    r"\b((?:Conv(?:Transpose)?|MaxPool|AvgPool|Adaptive(?:Avg|Max)Pool|BatchNorm|InstanceNorm|Dropout)[123]d|"
    r"Linear|Flatten|ReLU6?|LeakyReLU|GELU|SiLU|Sigmoid|Tanh|Softmax|LogSoftmax|Dropout|GroupNorm|LayerNorm|Identity)\b(?:-(\d+))?"
)

ACTIVATION = re.compile(r"activ|nonlin", re.IGNORECASE)
"""Headings of columns that name what runs behind the layer."""


def printed_tables(tables: Sequence[TextTable]) -> Iterator[Printout]:
    """The tables whose rows name torch's classes and state shapes with channels and counts, and no kernels."""
    for table in tables:
        columns = [column_of(heading) for heading in table.headings]
        outs = next((i for key in ("n_out", "n") for i, column in enumerate(columns) if column == key), None)
        if outs is None or "params" not in columns or "kernel_size" in columns or "r" in columns or "r_out" in columns:
            continue
        if any(SHARE.search(cells[columns.index("params")]) for cells in table.rows):
            continue
        order = order_of_shapes(table, {outs: "n_out"})
        words = [
            i
            for i, column in enumerate(columns)
            if column in ("name", None) and not ACTIVATION.search(table.headings[i])
        ]
        rows: list[PrintedRow] = []
        totals: dict[str, Total] = {}
        for cells, line in zip(table.rows, table.lines, strict=True):
            joined, count = " ".join(cells), count_of(cells[columns.index("params")].strip() or "0")
            named = (class_in(cells[place]) for place in words)
            match, (sizes, channels) = next(filter(None, named), None), shape_in(cells[outs], order)
            if TOTAL_ROW.search(joined) and count:
                totals["params"] = Total(str(count), line)
            elif match:
                shape = (int(channels), *map(int, sizes)) if channels else tuple(map(int, sizes)) or None
                rows.append(
                    PrintedRow(int(match[2]) if match[2] else f"row {len(rows) + 1}", match[1], shape, count, line)
                )
        if len(rows) > 1 and 3 * len(rows) >= 2 * len(table.rows) and all(row.shape for row in rows):
            lines = frozenset((table.line, *table.lines))
            yield Printout("torchsummary", tuple(with_buffers(rows)), totals, table.line, headed=True, lines=lines)


def class_in(cell: str) -> re.Match[str] | None:
    """The class that a cell names; none where it names several, or another layer in front, as "Conv2D + ReLU" does."""
    match = PRINTED_CLASS.search(cell) if len(PRINTED_CLASS.findall(cell)) == 1 else None
    first = match and (match.start() == 0 or kind_of_operation(cell[: match.end()]) == kind_of_operation(match[1]))
    return match if first else None


def with_buffers(rows: Sequence[PrintedRow]) -> Iterator[PrintedRow]:
    """The rows with their norms' running mean and variance set apart, where every norm counts them: four figures a
    channel, or one more for the batches seen."""
    norms = [row for row in rows if row.type.startswith("BatchNorm") and row.shape]
    all_do = all(row.shape and (row.params or 0) - 4 * row.shape[0] in (0, 1) for row in norms)
    for row in rows:
        counted = all_do and row in norms and row.shape
        yield replace(row, moving=(row.params or 0) - 2 * row.shape[0]) if counted and row.shape else row
