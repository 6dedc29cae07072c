"""Printed shapes that must be slips: with other channels or another size the row and the one below are usual."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf, prod

from ...report.torchsummary import BYTES, MIB
from ..infer.candidates import fitting
from ..infer.costs import ROUNDED
from ..infer.priors import Prior, Shape
from ..infer.states import Item, impossible, items_of
from ..read.printout import Printout
from .verdict import Cell

USUAL_COST = 6.0
"""A layer at most as unusual is as expected: kernels up to 7 are, with a bias or without. Of 284 slips planted in
prints of random plain networks 210 were named with their value and 4 with another; with 2.7 it was 190 and 3."""
PLAIN_KERNELS = (1, 3, 5, 7)
KERAS_JOINS = ("Add", "Concatenate", "Multiply", "Average", "Merge")
NEAR_SIZE = 3
"""How far a mended size may be from the printed one where no row around has it."""


def mended_shapes(printout: Printout) -> tuple[Printout, tuple[Cell, ...]]:
    """The summary with the shapes that must be slips as they should be, and those slips: where no layer, however
    unusual, explains a row or the one below, and one other shape makes both usual, and the third one too. Where
    branches begin and maps are joined no other shape does; where the print has counted the values as they stand, a
    function without a row lies between."""
    found_items = items_of(printout.rows)
    if printout.style == "keras" and any(row.type in KERAS_JOINS for row in printout.rows):
        return printout, ()  # its rows stand in no order that shapes show
    items = [item for item in found_items if item.op and not item.row.recursive]
    unknown = {item.place for item in found_items if item.op is None and item.shape}
    numbers = [(item.place, item.row.index) for item in found_items if isinstance(item.row.index, int)]
    unknown |= {place for (place, n), (_, below) in pairwise(numbers) if below != n + 1}  # rows are left out there
    rows, slips = list(printout.rows), []
    for at, item in enumerate(items):
        around = (items[at - 1] if at else None, *items[at + 1 : at + 3])
        ends = [one.place for one in (*around, item) if one]
        if unknown & set(range(min(ends), max(ends))) or are_usual(around[0], item, *around[1:2], most=inf):
            continue
        mended = (item._replace(shape=shape) for shape in dict.fromkeys(shapes_for(around[0], item, *around[1:2])))
        found = [one for one in mended if are_usual(around[0], one, *around[1:])]
        if len(found) == 1 and (right := found[0].shape):
            slips.append(slip_of(item, right))
            items[at] = found[0]
            rows[item.place - 1] = replace(item.row, shape=(right.channels, *right.sizes))
    mended_print = replace(printout, rows=tuple(rows))
    if not slips or (counts_its_values(printout) and not counts_its_values(mended_print)):
        return printout, ()
    return mended_print, tuple(slips)


def counts_its_values(printout: Printout) -> bool:
    """Whether the printed size of all maps, forward and backward, is that of the rows."""
    stated = printout.totals.get("pass_mb")
    if stated is None or printout.style == "torchinfo":
        return False
    values = sum(prod(row.shape or ()) * abs(row.batch) for row in printout.rows)
    return abs(2 * values * BYTES / MIB - stated.value) <= ROUNDED


def are_usual(*rows: Item | None, most: float = USUAL_COST) -> bool:
    """Whether each row can be a layer behind the one above it that is no more unusual than that."""
    return all(is_usual(above, item, most) for above, item in pairwise(rows) if item)


def is_usual(above: Item | None, item: Item, most: float) -> bool:
    """Whether such a layer makes a row's map of the one above with its parameters; of the first row only whether any
    layer has them."""
    if above is None or above.shape is None or item.shape is None:
        return impossible(item) is None
    layer = next(iter(fitting(item, above.shape, Prior())), None)
    return layer is not None and layer.cost <= most


def shapes_for(above: Item | None, item: Item, below: Item | None = None) -> Iterator[Shape]:
    """The shapes that a row may have been meant to print: with one of its numbers as the rows around it have it, as its
    parameters have it, or a little off. Channels that follow from the row above are none of it: below them maps may be
    joined."""
    own = item.shape
    assert own is not None
    around = [one.shape for one in (above, below) if one and one.shape]
    others = () if are_usual(above, item) else (*(shape.channels for shape in around), *channels_by_count(above, item))
    for channels in others:
        if channels != own.channels:
            yield own._replace(channels=channels)
    square = own.sizes[:1] * len(own.sizes)
    near = (
        tuple(n + off for n in square) for off in range(-NEAR_SIZE, NEAR_SIZE + 1) if square and square[0] + off > 0
    )
    for sizes in (*(shape.sizes for shape in around), *near):
        if sizes != own.sizes and len(sizes) == len(own.sizes):
            yield own._replace(sizes=sizes)


def channels_by_count(above: Item | None, item: Item) -> Sequence[int]:
    """The channels that a plain convolution with the row's parameters makes of the map above."""
    if item.op != "conv" or above is None or above.shape is None:
        return ()
    weights = [k * k * above.shape.channels + bias for k in PLAIN_KERNELS for bias in (0, 1)]
    return [item.params // n for n in weights if item.params and item.params % n == 0]


def slip_of(item: Item, right: Shape) -> Cell:
    """The number that is off, under the engine's word."""
    own, row = item.shape, item.row
    assert own is not None
    axis = next((i for i, n in enumerate(own.sizes) if n != right.sizes[i]), 0)
    pair = ("ch_out", own.channels, right.channels)
    if own.channels == right.channels:
        pair = ("n_out", own.sizes[axis], right.sizes[axis])
    return Cell(row.index, *pair, "local", row.line, "with it the row and the one below are usual layers")
