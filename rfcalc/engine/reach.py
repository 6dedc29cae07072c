"""Which places of a map the units after it really see, borders and padding included: exact, in integers.

`geometry` says where a unit looks on a canvas without end; here the map ends where it ends. What a unit sees is kept as
boxes: per axis a mask for each unit (bit i: it sees point i of those asked for), a unit of several axes sees the places
that the masks of all axes name. A join of maps whose boxes differ on more than one axis sees several boxes: a 5x1 and a
1x5 window side by side fill no square.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import starmap
from operator import or_
from typing import Any, NamedTuple

from .arch import Arch, Row
from .geometry import Taps
from .layers.opaque import OpaqueJoin, OpaqueLayer, WholeMap
from .paths import place_met

Masks = tuple[int, ...]
"""What each unit along one axis sees: bit i stands for point i."""
MaskBox = tuple[Masks, ...]
"""One entry per axis."""
MAX_BOXES = 8
"""More boxes of one map than that are put into the one that holds them all."""


class SeenPoints(NamedTuple):
    """What the units of a map see of the points asked for."""

    boxes: tuple[MaskBox, ...]
    clean: tuple[tuple[bool, ...], ...]
    """Per axis and unit: whether nothing that it reads, at any step, lies beyond a border."""
    hull: bool = False
    """Whether boxes were put into one: then it is a bound."""

    def along(self, axis: int) -> Masks:
        """The masks along one axis, all boxes taken together."""
        return tuple(reduce(or_, masks) for masks in zip(*(box[axis] for box in self.boxes), strict=True))


def reach(
    arch: Arch, points: Sequence[Sequence[int]], source: int = 0, *, copies: bool = True
) -> list[SeenPoints | None]:
    """What every map (0 is the image, i what the i-th layer makes) sees of the given points of one of them; None where
    that is unknown. `points` lists units of the source per axis; without `copies` what lies beyond a border that
    repeats the map (mirrored, clamped, wrapped) is left out.

    >>> import rfcalc
    >>> arch = rfcalc.loads("{input: [1, 5], layers: [conv: {out_channels: 1, kernel_size: 3, padding: 1}]}")
    >>> [bin(mask) for mask in reach(arch, [range(5)])[1].along(0)]
    ['0b11', '0b111', '0b1110', '0b11100', '0b11000']
    """
    sizes = [arch.sizes, *(row.out.sizes for row in arch.rows)]
    found: list[SeenPoints | None] = [nothing(size) for size in sizes[: source + 1]]
    start = tuple(masks_of(size, at) for size, at in zip(sizes[source], points, strict=True))
    found[source] = SeenPoints((start,), clean_all(sizes[source]))
    for row in arch.rows[source:]:
        found.append(points_through(row, [found[i] for i in row.node.inputs], copies))
    return found


def nothing(sizes: Sequence[int]) -> SeenPoints:
    """A map that holds nothing of the source."""
    return SeenPoints((tuple((0,) * size for size in sizes),), clean_all(sizes))


def clean_all(sizes: Sequence[int]) -> tuple[tuple[bool, ...], ...]:
    return tuple((True,) * size for size in sizes)


def masks_of(size: int, points: Sequence[int]) -> Masks:
    """Every unit of the source sees itself."""
    masks = [0] * size
    for i, point in enumerate(points):
        masks[point] |= 1 << i
    return tuple(masks)


def points_through(row: Row, inputs: Sequence[SeenPoints | None], copies: bool) -> SeenPoints | None:
    """What the units of a layer see, given what its inputs see."""
    layer = row.layer
    if not row.node.inputs:  # an input beside the image
        return nothing(row.out.sizes)
    if isinstance(layer, OpaqueLayer | OpaqueJoin) or None in inputs:
        return None
    seen = [shared_out(s, row.out.sizes) for s in inputs if s is not None]
    if isinstance(layer, WholeMap):
        return whole_points(seen, row.out.sizes, layer.axes)
    if layer.joins:
        return joined_points(seen)
    if layer.pointwise or (row.x.flat and row.out.flat):
        return seen[0]
    taps = layer.taps(row.x)
    first = inputs[0]
    assert first is not None
    boxes = tuple(
        tuple(masks_read(masks, tap, size, copies) for masks, tap, size in zip(box, taps, row.out.sizes, strict=True))
        for box in first.boxes
    )
    clean = tuple(starmap(read_clean, zip(first.clean, taps, row.out.sizes, strict=True)))
    return SeenPoints(distinct(boxes), clean, first.hull)


def shared_out(seen: SeenPoints, sizes: Sequence[int]) -> SeenPoints:
    """An axis of size 1 beside longer ones is broadcast: all units see what its one unit sees."""
    if all(len(masks) == size or len(masks) > 1 for masks, size in zip(seen.boxes[0], sizes, strict=True)):
        return seen

    def spread(values: tuple[Any, ...], size: int) -> tuple[Any, ...]:
        return values * size if len(values) == 1 else values

    boxes = tuple(tuple(map(spread, box, sizes)) for box in seen.boxes)
    return SeenPoints(boxes, tuple(map(spread, seen.clean, sizes)), seen.hull)


def joined_points(seen: Sequence[SeenPoints]) -> SeenPoints:
    boxes = distinct([box for s in seen for box in s.boxes])
    clean = tuple(tuple(map(all, zip(*axes, strict=True))) for axes in zip(*(s.clean for s in seen), strict=True))
    hull = any(s.hull for s in seen)
    if len(boxes) > MAX_BOXES:
        boxes, hull = (around(boxes),), True
    return SeenPoints(boxes, clean, hull)


def around(boxes: Sequence[MaskBox]) -> MaskBox:
    """The one box that holds all."""
    return tuple(tuple(reduce(or_, masks) for masks in zip(*sides, strict=True)) for sides in zip(*boxes, strict=True))


def distinct(boxes: Sequence[MaskBox]) -> tuple[MaskBox, ...]:
    """The boxes without those that another one holds."""
    kept: list[MaskBox] = []
    for box in dict.fromkeys(boxes):
        if not any(holds(other, box) for other in kept):
            kept = [other for other in kept if not holds(box, other)] + [box]
    return tuple(kept)


def holds(outer: MaskBox, inner: MaskBox) -> bool:
    """Whether one box holds all of another, on every axis and in every unit."""
    return all(a | b == a for outs, ins in zip(outer, inner, strict=True) for a, b in zip(outs, ins, strict=True))


def whole_points(seen: Sequence[SeenPoints], sizes: Sequence[int], axes: Sequence[bool]) -> SeenPoints:
    """Every unit sees what all units of all inputs see, on the axes that are marked."""
    boxes = [
        tuple(
            (reduce(or_, masks),) * size if mixed else masks
            for masks, size, mixed in zip(around(s.boxes), sizes, axes, strict=True)
        )
        for s in seen
    ]
    clean = tuple(
        tuple(all(all(s.clean[i]) for s in seen) for _ in range(size))
        if mixed
        else tuple(map(all, zip(*(s.clean[i] for s in seen), strict=True)))
        for i, (size, mixed) in enumerate(zip(sizes, axes, strict=True))
    )
    return SeenPoints((around(boxes),), clean, True)


def places_read(taps: Taps, unit: int) -> list[int]:
    """The places that a unit reads, beyond the map too; those of weight 0 are none."""
    if taps.weights is None:
        return list(taps.at(unit))
    return [place for place, weight in zip(taps.at(unit), taps.weights_at(unit), strict=True) if weight]


def masks_read(masks: Masks, taps: Taps, size: int, copies: bool) -> Masks:
    """What the units of the next map see."""
    border = taps.border if copies else "drop"
    length, out = len(masks), []
    for unit in range(size):
        seen = 0
        for place in places_read(taps, unit):
            at = place if 0 <= place < length else place_met(place, length, border)
            if at is not None:
                seen |= masks[at]
        out.append(seen)
    return tuple(out)


def read_clean(clean: tuple[bool, ...], taps: Taps, size: int) -> tuple[bool, ...]:
    length = len(clean)
    return tuple(all(0 <= p < length and clean[p] for p in places_read(taps, unit)) for unit in range(size))
