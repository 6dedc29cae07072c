"""Path counts and their even shares over all axes at once: backwards from one unit to the image, borders included.

Joins add in the joint space, never along one axis at a time: x + conv3x3(x) counts 2 in the centre and 1 around it.
The taps are the engine's (`engine.paths`); doubles hold counts exactly below 2^53. Interpolations weigh by fractions:
counts are whole numerators over a scale until the end, so that thirds that come to a whole come to exactly that.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm
from typing import TYPE_CHECKING, Any, NamedTuple

from ..engine.arch import Arch, Row
from ..engine.geometry import Taps
from ..engine.paths import place_met, step_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


MOST_SCALE = 2**24
"""A larger scale is divided away, for numerators must stay below 2^53 as well."""


class Held(NamedTuple):
    """What reaches a map: counts as numerators over a scale."""

    values: Array
    scale: int = 1

    def over(self, scale: int) -> Array:
        return self.values * (scale / self.scale) if scale <= MOST_SCALE else self.values / self.scale

    def plus(self, other: Held) -> Held:
        scale = lcm(self.scale, other.scale)
        return Held(self.over(scale) + other.over(scale), scale if scale <= MOST_SCALE else 1)

    def times(self, scale: int) -> Held:
        """The same values over a scale that is so many times as large."""
        held = Held(self.values, self.scale * scale)
        return held if held.scale <= MOST_SCALE else Held(held.values / held.scale)


def is_countable(row: Row) -> bool:
    """Whether a layer's reads are known, so that its paths can be counted."""
    return all(axis.strands and not axis.doubt for axis in row.out.axes)


def path_counts(arch: Arch, row: Row, unit: Sequence[int], even: bool = False) -> Array:
    """The number of paths from every pixel of the image to a unit, with the image's spatial shape. With `even`, each
    layer averages what it reads and a concatenation weighs its inputs by their channels: shares, with the sum 1.

    >>> import rfcalc
    >>> text = "{input: [1, 3, 3], layers: [conv: {out_channels: 1, kernel_size: 3, padding: 1}, add: [conv1, input]]}"
    >>> arch = rfcalc.loads(text)
    >>> path_counts(arch, arch.rows[1], (1, 1)).tolist()
    [[1.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1.0, 1.0, 1.0]]
    """
    import numpy as np

    start = np.zeros(row.out.sizes)
    start[tuple(unit)] = 1.0
    maps = {row.index: Held(start)}
    for index in range(row.index, 0, -1):
        after = maps.pop(index, None)
        if after is not None and arch.rows[index - 1].inputs:
            hand_back_maps(arch.rows[index - 1], after, maps, even)
    held = maps.get(0, Held(np.zeros(arch.sizes)))
    found: Array = held.values / held.scale
    return found / found.sum() if even and found.sum() else found


def hand_back_maps(row: Row, after: Held, maps: dict[int, Held], even: bool) -> None:
    """Adds to the maps that a layer reads what each of their units gets from those after."""
    channels = sum(x.channels for x in row.inputs)
    steps = [step_of(row, axis) for axis in range(len(row.out.axes))]
    for n, (source, x) in enumerate(zip(row.node.inputs, row.inputs, strict=True)):
        share = x.channels / channels if even and row.layer.op == "concat" else 1
        there = after._replace(values=after.values * share)
        for axis, step in enumerate(steps):
            if step.taps:
                weights = read_matrix(step.taps, step.size, step.sizes_in[n], even)
                there = there._replace(values=through_axis(there.values, weights, axis))
                there = there.times(1 if even else step.taps.scale)
            elif step.sizes_in[n] == 1 < step.size:
                there = there._replace(values=there.values.sum(axis, keepdims=True))
        maps[source] = maps[source].plus(there) if source in maps else there


def through_axis(values: Array, weights: Array, axis: int) -> Array:
    """One axis of the values through a matrix (units after, units in front)."""
    import numpy as np

    return np.moveaxis(np.tensordot(values, weights, axes=(axis, 0)), -1, axis)


def read_matrix(taps: Taps, size: int, size_in: int, even: bool) -> Array:
    """How often each unit after reads each unit in front, over the taps' scale; of an even average, the share of each
    read."""
    import numpy as np

    found = np.zeros((size, size_in))
    scale = (taps.scale if taps.weights else max(map(len, taps.reads))) if even else 1
    for unit in range(size):
        for place, weight in zip(taps.at(unit), taps.weights_at(unit), strict=True):
            met = place_met(place, size_in, taps.border)
            if met is not None:
                found[unit, met] += weight / scale
    return found
