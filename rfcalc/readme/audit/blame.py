"""A stated setting that must be the slip, for with another one every figure of its row is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...engine.geometry import Number
from ..read.facts import LayerFact
from .window import RowWindows, StatedMap, StatedSettings

REPAIRS = {"kernel_size": range(1, 12), "stride": range(1, 5), "padding": range(6), "dilation": range(1, 7)}
"""What a setting may have been meant to be; few layers have more."""


def blamed(
    windows: RowWindows,
    rows: Sequence[LayerFact],
    row: LayerFact,
    own: StatedMap,
    stated: Mapping[str, Number],
    settings: StatedSettings,
    read: bool,
) -> tuple[str, Number, StatedSettings] | None:
    """A stated setting that must be the slip: changed alone, it makes every output of the row right.

    With a single output amiss either may be the slip; then the setting is blamed only when it stands alone in
    its column and the value that fits is the usual one, or when the stated size is `read` by the row below and no
    stride makes it.
    """
    local = windows.step(own, settings)
    amiss = [q for q in stated if local[q] is not None and local[q] != stated[q]]
    void = [column for column in ("kernel_size", "stride") if row.kind != "input" and row.cells.get(column, 1) <= 0]
    if not void and (not amiss or all(windows.accepts(q, row, own, settings, stated[q]) for q in amiss)):
        return None
    for column in void or REPAIRS:
        strided = read and row.kind == "conv" and column == "stride"
        doubted = row.several or (row.worded and len(amiss) == 1 and not strided)
        if column not in row.cells or doubted or (column == "dilation" and windows.reading.effective):
            continue
        for value in REPAIRS[column]:
            changed = replace(settings, **{column: value})  # type: ignore[arg-type]
            after = windows.step(own, changed)
            if value != row.cells[column] and all(after[q] in (None, stated[q]) for q in stated):
                if len(amiss) > 1 or void or (strided and value == 1) or usual(rows, row, column, value):
                    return column, value, changed
                break
    return None


def usual(rows: Sequence[LayerFact], row: LayerFact, column: str, value: Number) -> bool:
    """Whether most rows of the kind have `value` in a column and no other has what this row states; of a kind
    that stands alone, whether the value is the one that such a row has everywhere."""
    peers = [r for r in rows if r is not row and r.kind == row.kind and column in r.cells]
    if column == "dilation":  # nobody writes one down by accident
        return False
    if column == "padding" and value == 0 and row.cells.get("kernel_size") == 1:
        return True
    if column == "padding":  # it goes with the kernel
        peers = [r for r in peers if r.cells.get("kernel_size") == row.cells.get("kernel_size")]
    alike = [r.cells[column] for r in peers]
    if alike:
        return 2 * alike.count(value) > max(len(alike), 2) and row.cells[column] not in alike
    everywhere = {"padding": 0, "stride": 1 if row.kind == "global" else 2, "kernel_size": row.cells.get("stride")}
    others = [r.cells[column] for r in rows if r is not row and column in r.cells]
    return value == everywhere.get(column) and (column != "padding" or 2 * others.count(value) > len(others))
