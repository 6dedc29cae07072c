"""One row of a printed summary, in torch's words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ...engine.geometry import Number


@dataclass(frozen=True, slots=True)
class PrintedRow:
    """One printed row: `index` as printed (17 of Conv2d-17, "3-1" of torchinfo), the shape without the batch (None
    where none, or several, are printed), the number of parameters (None: not printed).

    `first` is, for a container of a tree, the place in the rows of its first child; None for a leaf and where the
    layout does not say. `moving` counts the statistics that Keras counts among a norm's parameters; `stated` has the
    fields, jumps and sizes of further columns, `known` the settings that code or another table states of the layer.
    """

    index: int | str
    type: str
    shape: tuple[int, ...] | None
    params: int | None
    line: int
    batch: int = -1
    first: int | None = None
    given: tuple[int, ...] | None = None
    kernel: tuple[int, ...] | None = None
    recursive: bool = False
    moving: int = 0
    stated: tuple[tuple[str, Number], ...] = ()
    known: tuple[tuple[str, Any], ...] = ()

    @property
    def label(self) -> str:
        return f"{self.type}-{self.index}" if isinstance(self.index, int) or self.index[:1].isdigit() else self.index


def printed_shape(text: str) -> tuple[int, tuple[int, ...] | None]:
    """The batch and the rest of a printed shape; None for no shape, several, or sizes below 1."""
    numbers = [int(part) for part in re.findall(r"-?\d+", text)] if text.count("[") == 1 else []
    batch, *rest = numbers or [-1]
    return batch, tuple(rest) if rest and min(rest) > 0 else None


def count_of(text: str) -> int | None:
    digits = text.replace(",", "")
    return int(digits) if digits.isdigit() else None
