"""What a document states of layers, whatever printed it. Readers make these; nothing here is judged.

A Markdown table, a print, code and a listing all become `LayerFact`s: a name, an operation, and the figures that are
stated, each under the engine's word (n_in, n_out, ch_in, ch_out, kernel_size, stride, padding, dilation, groups, j_in,
j_out, r_in, r_out, start, params). What is not stated is absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from ...engine.geometry import Number, Window
from ...errors import ShapeError
from .sentences import Statement

LARGEST_SETTING = 2**20
"""Kernels, strides and sizes beyond this are no layer's, and cost nothing to refuse."""
KEEPING = ("pointwise", "join")
"""Kinds of layers that leave size and field alone, one by one."""

IMAGE_SIZES = (28, 32, 64, 96, 112, 128, 160, 192, 224, 227, 256, 299, 320, 384, 416, 448, 512, 608, 640, 1024)
"""Usual ones."""


@dataclass(frozen=True, slots=True)
class LayerFact:
    """One layer along one axis: its number in its model, the line, the name as written, the sort of operation, and its
    figures; `same` is the padding's word, `several` that the row stands for more than one layer,
    `worded` that its kernel is part of a name, `again` that its weights are those of an earlier row; `torch` and
    `settings` are the class and the arguments of a call, `places` the lines of figures that stand on others."""

    number: int
    line: int
    name: str
    kind: str
    cells: Mapping[str, Number]
    same: bool = False
    several: bool = False
    worded: bool = False
    again: bool = False
    torch: str = ""
    settings: tuple[tuple[str, Any], ...] = ()
    places: tuple[tuple[str, int], ...] = ()

    def noting(self, notes: Mapping[str, Number], line: int) -> LayerFact:
        """With what a comment on a line states, as far as the layer does not state it itself."""
        counts = self.kind in ("conv", "flat", "resample")  # of others the figure says something else
        if self.kind == "flat" and any(key[:2] in ("j_", "r_") for key in notes):
            return self  # it speaks of the window above, which may be called without a layer of its own
        if self.kind == "flat" and "ch_in" not in self.cells:  # a class that is not told how many units come in
            notes = {key: n for key, n in notes.items() if key != "n_in"}
        units = {"n_out"} if self.kind == "global" and notes.get("n_out", 1) != 1 else set[str]()
        notes = {key: n for key, n in notes.items() if (counts or key != "params") and key not in units}
        new = tuple((key, line) for key in notes if key not in self.cells and line != self.line)
        return replace(self, cells={**notes, **self.cells}, places=(*self.places, *new))

    def size_behind(self, n: int) -> int | None:
        """The size that the window makes of a map of n by its stated settings; None where they do not tell, or it does
        not fit."""
        settings = [self.cells.get(key) for key in ("kernel_size", "stride", "padding")] + [
            self.cells.get("dilation", 1)
        ]
        kernel, stride, padding, dilation = (int(n) if isinstance(n, int) else -1 for n in settings)
        if min(kernel, stride, dilation) < 1 or padding < 0 or max(kernel, stride, padding, dilation) > LARGEST_SETTING:
            return None
        try:
            return Window(kernel, stride, (padding, padding), dilation).output_size(n)
        except ShapeError:
            return None

    def line_of(self, figure: str) -> int:
        return dict(self.places).get(figure, self.line)


@dataclass(frozen=True)
class StatedModel:
    """The layers that one table, listing or piece of code states, for each axis (a second one only where they differ).

    `form` says what it was read from; `total` is a row of totals; `problems` what code does
    between the layers that no layer does, `graph` all its layers where they are no chain, each with the places of those
    that it reads (0: the input),
    `ordered` that they stand in the order in which the code calls them, `followed` that the layers along its main path
    see all that the whole does; `params` what all layers of code hold together, where each shows it; `sums` the
    counts whose arithmetic does not give their figure: number and line of the row, column, what is stated, what it
    gives; `outs` the outputs of counts that are products of weights alone."""

    form: str
    line: int
    axes: tuple[tuple[LayerFact, ...], ...]
    total: Statement | None = None
    lines: frozenset[int] = field(default=frozenset(), repr=False)
    title: str = ""
    problems: tuple[str, ...] = ()
    graph: tuple[tuple[LayerFact, tuple[int, ...]], ...] = ()
    ordered: bool = False
    followed: bool = True
    params: int | None = None
    sums: tuple[tuple[int, int, str, Number, Number], ...] = ()
    outs: int = 0

    @property
    def facts(self) -> tuple[LayerFact, ...]:
        return self.axes[0]

    def states(self, quantity: str) -> bool:
        return any(quantity in fact.cells for fact in self.facts)


def numbered(facts: Iterable[LayerFact]) -> tuple[LayerFact, ...]:
    """The layers with their numbers; a norm has that of the layer above it."""
    found = tuple(facts)
    numbers = accumulate(int(fact.kind not in KEEPING) for fact in found)
    return tuple(replace(fact, number=number) for number, fact in zip(numbers, found, strict=True))
