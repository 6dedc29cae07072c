"""Parameters that a table states row by row, against its kernels and channels, and its total against their sum."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ..read.facts import LayerFact, StatedModel

WAYS = ("without biases", "with biases", "with batch norm", "with biases and batch norm")
FEWEST = 2
"""Other rows that must follow the arithmetic before one that does not is called wrong."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A row whose count can be worked out: what it states, and what each way of counting gives."""

    fact: LayerFact
    stated: int
    ways: tuple[int, ...]

    @property
    def way(self) -> int | None:
        return self.ways.index(self.stated) if self.stated in self.ways else None


def counted(model: StatedModel) -> Iterator[Counted]:
    """The rows that state a count, a kernel and channels, their own or those of the row above."""
    made: int | None = None
    for fact in model.facts:
        ways, out = ways_of(fact, made)
        stated = fact.cells.get("params")
        if ways and isinstance(stated, int) and not fact.several:
            yield Counted(fact, stated, ways)
        made = out


def ways_of(fact: LayerFact, made: int | None) -> tuple[tuple[int, ...], int | None]:
    """The counts that a row may have, and the channels after it."""
    cells, stated = fact.cells, fact.cells.get("params")
    given = cells.get("ch_in", made)
    out = cells.get("ch_out")
    kernel, groups = cells.get("kernel_size"), cells.get("groups", 1)
    if out is None and (groups == given or fact.kind in ("pool", "global", "pointwise")):
        out = given
    channels = int(out) if isinstance(out, int) else None
    if (
        fact.kind == "conv"
        and isinstance(kernel, int)
        and isinstance(given, int)
        and channels
        and isinstance(groups, int)
    ):
        if not groups or given % groups:
            return (), channels
        bare = kernel * kernel * given // groups * channels
        return tuple(bare + extra * channels for extra in (0, 1, 2, 3)), channels
    if fact.kind == "flat" and stated != 0 and isinstance(cells.get("ch_in"), int) and channels:
        bare = int(cells["ch_in"]) * channels
        return (bare, bare + channels), channels
    return (), channels


def count_slips(model: StatedModel) -> tuple[list[tuple[Counted, int, str]], int]:
    """The counts that no way of counting gives, each with the right one as most rows count, and how many follow."""
    rows = list(counted(model))
    fits = Counter(row.way for row in rows if row.way is not None)
    good = fits.total()
    odd = [row for row in rows if row.way is None]
    if good < FEWEST or 2 * len(odd) > good:
        return [], good
    way = fits.most_common(1)[0][0] or 0
    return [(row, row.ways[min(way, len(row.ways) - 1)], sum_text(row, way)) for row in odd], good


def sum_text(row: Counted, way: int) -> str:
    cells = row.fact.cells
    kernel = f"{cells['kernel_size']}*{cells['kernel_size']} kernel, " if "kernel_size" in cells else ""
    return f"{kernel}{WAYS[way]} as most rows"


def added(model: StatedModel) -> int | None:
    """The sum of the rows' counts; None where a layer with weights states none, or numbers show that rows are left
    out."""
    total = 0
    for fact in model.facts:
        stated = fact.cells.get("params")
        if isinstance(stated, int):
            total += stated
        elif fact.kind in ("conv", "flat", "other", "join"):
            return None
    numbers = [int(match[1]) for fact in model.facts if (match := re.search(r"[A-Za-z]\dd?-(\d+)$", fact.name))]
    gaps = len(numbers) > 1 and numbers != list(range(numbers[0], numbers[0] + len(numbers)))
    return None if gaps else total or None


def whole(model: StatedModel) -> bool:
    """Whether the rows show every layer with weights: there is a total, or the norms have rows too."""
    return model.total is not None or any(fact.kind == "pointwise" and fact.cells.get("params") for fact in model.facts)
