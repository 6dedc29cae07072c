"""Which pixels of the image are changed, so that a wrong field shows: all of them where that costs little, else
corners, the centre, both sides of fields' ends, the borders of their holes, and some drawn at random."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

from ..engine.arch import Arch
from ..engine.geometry import Axis, Field

Pixel = tuple[int, ...]

COST = 3 * 10**9
"""Multiply-adds that the runs with one draw of weights may take before pixels are left out: a second or two on two
cores, where torch's convolutions in float64 do some 2*10**9 in a second."""
VALUE = 8
"""Multiply-adds that looking at one value of a row costs as much as."""
LEAST_PIXELS = 18
"""Pixels that are changed in a network however large; ResNet-50 at 224 takes about a second for each."""
MOST_UNITS = 512
"""Units of one map whose fields' ends are looked for."""
MOST_PIXELS = 1024
"""Pixels that are changed at most: an image of 32 by 32."""


@dataclass(frozen=True, slots=True)
class PixelPlan:
    """The pixels, and whether they are all that the image has."""

    pixels: tuple[Pixel, ...]
    every: bool

    @property
    def points(self) -> tuple[tuple[int, ...], ...]:
        """Their coordinates along each axis."""
        return tuple(tuple(sorted(set(along))) for along in zip(*self.pixels, strict=True))


def plan(arch: Arch) -> PixelPlan:
    """The pixels for a network, as many as it can afford."""
    total = prod(arch.sizes)
    cost = arch.known_macs + VALUE * sum(row.out.elements for row in arch.rows)
    afford = max(LEAST_PIXELS, min(COST // max(cost, 1), MOST_PIXELS))
    if total <= afford:
        return PixelPlan(tuple(product(*map(range, arch.sizes))), True)
    chosen: dict[Pixel, None] = {}
    for pixel in pixels_in_order(arch):
        chosen.setdefault(pixel)
        if len(chosen) >= afford:
            break
    return PixelPlan(tuple(chosen), False)


def pixels_in_order(arch: Arch) -> Iterator[Pixel]:
    """Pixels in the order of what they are worth, without end: some occur again."""
    sizes = arch.sizes
    yield tuple(size // 2 for size in sizes)
    yield from product(*((0, size - 1) for size in sizes))
    draw = random.Random(0)
    telling = [coordinates(arch, axis) for axis in range(len(sizes))]
    while True:
        yield tuple(at.pop(0) if at else draw.randrange(size) for at, size in zip(telling, sizes, strict=True))


def coordinates(arch: Arch, axis: int) -> list[int]:
    """Places along one axis that, one after the other, show most that none before has shown: of every field both sides
    of both ends, and the borders of its holes. A place shows an end when it is the end of any unit's field."""
    wanted = {
        (number, end): places
        for number, found in enumerate(dict.fromkeys(row.out.axes[axis] for row in arch.rows))
        for end, places in ends(found, arch.sizes[axis]).items()
        if places
    }
    chosen = []
    while wanted:
        counts = Counter(place for places in wanted.values() for place in places)
        best = max(counts, key=lambda place: (counts[place], -abs(2 * place - arch.sizes[axis])))
        chosen.append(best)
        wanted = {key: places for key, places in wanted.items() if best not in places}
    return chosen


def ends(axis: Axis, size: int) -> dict[str, set[int]]:
    """By end: the places that are that end of some unit's field, as far as they lie on the image."""
    found: dict[str, set[int]] = {}
    step = max(axis.size // MOST_UNITS, 1)
    for unit in range(0, axis.size, step):
        field = axis.at(unit)
        if field is None:
            continue
        for end, place in both_sides(field):
            if 0 <= place < size:
                found.setdefault(end, set()).add(place)
    return found


def both_sides(field: Field) -> Iterator[tuple[str, int]]:
    """Both sides of both ends of a field, and of its first hole."""
    yield from (("first", field.first), ("last", field.last))
    yield from (("in front", field.first - 1), ("after", field.last + 1))
    if field.mask > 0:
        hole = (~field.mask & field.mask + 1).bit_length() - 1
        yield from (("hole", field.first + hole), ("at the hole", field.first + hole - 1))
