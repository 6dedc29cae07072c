"""What a search through printed rows works with: the rows, the operations that left none, and one way to read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ...engine.layers import LAYERS
from ..read.rows import PrintedRow
from . import costs
from .priors import PRINTED, Candidate, Settings, Shape


class Item(NamedTuple):
    """One printed row in the search: its layer type (None: a container, or a class that rfcalc does not know)."""

    place: int
    row: PrintedRow
    op: str | None
    shape: Shape | None
    params: int


class Hidden(NamedTuple):
    """An operation that left no row. Inputs are references: 0 the image, i > 0 the i-th row, -i the i-th hidden one."""

    op: str
    settings: Settings
    inputs: tuple[int, ...]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Decision:
    """What a row reads, and the layer that it is; no candidate for a row that nothing explains."""

    item: Item
    source: int
    candidate: Candidate | None
    forced: bool = False
    """The row above could not be what it reads, or the text says what is."""


class State(NamedTuple):
    """One reading of the rows so far. `current` is the last row's map, `loose` the ends that nothing reads yet,
    `joins` and `entries` the latest hidden maps and block inputs, `fed` and `pooled` what the latest convolution and
    the latest global pool read; `parent` and `decision` lead back."""

    cost: float
    current: int
    loose: tuple[int, ...] = ()
    joins: tuple[int, ...] = ()
    entries: tuple[int, ...] = ()
    parent: State | None = None
    decision: Decision | None = None
    fed: int = 0
    pooled: int = 0

    @property
    def key(self) -> tuple[object, ...]:
        return self.current, self.loose, self.joins[-2:], self.entries[-1:]


class MapSource(NamedTuple):
    """A map that a row may read, what reading it costs, and the ends that it takes up."""

    ref: int
    cost: float
    takes: tuple[int, ...]


@dataclass
class Reading:
    """The outcome: a decision for every row but containers, the hidden operations, and what the reading costs."""

    decisions: list[Decision]
    hidden: list[Hidden]
    last: int
    cost: float
    shapes: dict[int, Shape] = field(repr=False, default_factory=dict)


def items_of(rows: Sequence[PrintedRow]) -> list[Item]:
    """The rows for the search; a row used again takes the count of its first use, statistics of norms are left out."""
    counts: dict[tuple[str, int | str], int] = {}
    items = []
    for place, row in enumerate(rows, 1):
        outs = row.shape[0] if row.shape else 0
        keys = ((row.type, row.index), (row.type, f"of {outs}"))
        params = row.params if row.params is not None else 0
        if row.recursive:
            params = next((counts[key] for key in keys if key in counts), 0)
        for key in keys:
            counts[key] = params
        leaf = row.first is None and row.type in PRINTED and row.shape is not None
        shape = Shape(row.shape[0], row.shape[1:]) if row.shape else None
        items.append(Item(place, row, PRINTED[row.type] if leaf else None, shape, params - row.moving))
    return items


def loose_rates(items: Sequence[Item]) -> list[float]:
    """For each place, what a loose end costs there: little in front of a container that prints more channels than
    the layer above it, for which ends of branches must be joined."""
    rates = [costs.LOOSE] * (len(items) + 1)
    ahead: Shape | None = None
    for item in reversed(items):
        rates[item.place] = costs.LOOSE_BEFORE_FUSION if ahead else costs.LOOSE
        sight = items[max(item.place - costs.FUSION_SIGHT - 1, 0) : item.place - 1]
        above = next((near.shape for near in reversed(sight) if near.op), None)
        if item.op is None and item.shape and above and not item.shape.flat and item.shape.sizes == above.sizes:
            if item.shape.channels > above.channels:
                ahead, rates[item.place] = item.shape, costs.LOOSE
        elif item.op and item.shape and ahead and item.shape.sizes != ahead.sizes:
            ahead, rates[item.place] = None, costs.LOOSE
    return rates


def early_places(items: Sequence[Item], blocks: Sequence[tuple[int, int]]) -> set[int]:
    """Places inside containers of several convolutions, but for an activation at the end: a shortcut joins in front
    of that, or after all."""
    early: set[int] = set()
    for first, row in blocks:
        leaves = [place for place in range(first, row) if items[place - 1].op]
        if sum(items[place - 1].op == "conv" for place in leaves) > 1 and len(leaves) <= costs.LONGEST_BLOCK:
            ends_active = LAYERS[items[leaves[-1] - 1].op or ""].pointwise and not items[leaves[-1] - 1].params
            early.update(leaves[:-1] if ends_active else leaves)
    return early


def misprinted(item: Item) -> bool:
    """Whether the printed shape has other axes than the class, as where a batch of sequences is printed: what its
    channels are cannot be told."""
    axes = re.fullmatch(r"(?:Conv\w*|BatchNorm|InstanceNorm)([123])d", item.row.type)
    return axes is not None and item.shape is not None and len(item.shape.sizes) not in (0, int(axes[1]))


def impossible(item: Item) -> tuple[int | None, str] | None:
    """For a count of parameters that no layer of the printed class and shape has, whatever it reads: the right count
    where it is known, and the reason. None for a possible count."""
    op, shape, params = item.op, item.shape, item.params
    if op is None or shape is None or misprinted(item):
        return None
    if op in ("conv", "linear"):
        outputs = shape.sizes[-1] if op == "linear" and shape.sizes else shape.channels
        possible = params and params % outputs == 0
        return None if possible else (None, f"{params:,} parameters are no multiple of its {outputs} outputs")
    if op in ("batch_norm", "group_norm", "instance_norm"):
        right = item.row.moving or 2 * shape.channels
        why = f"a norm of {shape.channels} channels has {right:,} parameters or none, not {params:,}"
        partly = item.row.moving // 2  # Keras may leave out either of the two
        return None if params in (0, right) or (params and params == partly) else (right, why)
    if not params or op in ("conv_transpose", "layer_norm", "prelu"):
        return None
    return 0, f"such a layer has no parameters, but {params:,} are printed"
