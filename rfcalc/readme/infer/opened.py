"""Rows of containers that print no children, opened into the layers that their shape and count can stand for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..read.printout import Printout
from ..read.rows import PrintedRow
from . import costs
from .priors import PRINTED

Layers = tuple[tuple[str, int], ...]


def opened_printout(printout: Printout) -> Printout:
    """The summary with such rows opened: a Sequential of 8,448 after 64 channels is a 1x1 convolution of 64*128 and a
    norm of 2*128. A writer's own norm with two values for each channel is a batch norm."""
    moved: list[int] = [0]
    rows: list[PrintedRow] = []
    given = {printout.image[0]} if printout.image else set(costs.CHANNELS)
    seen, above = set[int](), None
    for row in printout.rows:
        closed = row.first is None and row.type not in PRINTED and row.params and row.shape
        layers: Layers = ()
        if closed and row.shape == above and row.shape and row.params == 2 * row.shape[0]:
            layers = ((norm_of(row.shape), row.params),)  # a norm of the writer's own, by what it does
        elif closed:
            layers = next(ways_to_open(row, seen | given), ())
        first = None if row.first is None else moved[min(row.first, len(moved) - 1)]
        parts = [
            replace(row, type=kind, params=count, index=f"{row.index}.{place}")
            for place, (kind, count) in enumerate(layers)
        ]
        rows += parts or [replace(row, first=first)]
        moved.append(len(rows))
        seen |= {row.shape[0]} if row.shape else set()
        above = row.shape
    return replace(printout, rows=tuple(rows))


def norm_of(shape: tuple[int, ...]) -> str:
    return f"BatchNorm{max(1, len(shape) - 1)}d"


def ways_to_open(row: PrintedRow, channels: set[int]) -> Iterator[Layers]:
    """The layers that a closed container may hold, the simplest first; its maps come from rows with those channels."""
    assert row.shape is not None
    assert row.params is not None
    outs, count = row.shape[0], row.params
    if len(row.shape) == 1:
        yield from ((("Linear", count),) for given in channels for bias in (0, 1) if outs * (given + bias) == count)
        return
    conv, norm = f"Conv{len(row.shape) - 1}d", norm_of(row.shape)
    for extra, after in ((2, ((norm, 2 * outs),)), (0, ()), (1, ()), (2 + 1, ((norm, 2 * outs),))):
        weights = count - extra * outs
        if any(weights == given * taps * outs for given in channels for taps in costs.OPENED_TAPS):
            yield ((conv, count - sum(n for _, n in after)), *after)
    for bias in (0, 1):
        second = costs.OPENED_PAIR * outs * outs + bias * outs
        for given in channels:
            first = costs.OPENED_PAIR * given * outs + bias * outs
            if first + second + 2 * (2 * outs) == count:
                yield ((conv, first), (norm, 2 * outs), (conv, second), (norm, 2 * outs))
            if first + second == count:
                yield ((conv, first), (conv, second))
