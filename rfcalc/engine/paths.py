"""How many paths lead from each input pixel to a unit, along one axis: exact, in integers, without a framework.

A path picks one tap of every layer between a pixel and a unit; with all weights one, the number of paths is the
gradient of the unit by the pixel. A unit's counts are packed into one integer, `width` bits for each pixel, so that
adding all counts of two units is one addition. An interpolation reads with weights: its counts are numerators over
the `scale` of its map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import NamedTuple, TypeVar

from ..errors import RfcalcError
from .arch import Arch, Row, last_readers
from .geometry import MAX_PHASES, Taps

M = TypeVar("M")
"""What is known of a map: the counts of its units, or its strands."""
WORD = 64
"""Widths are multiples of this many bits, so that programs can read the packed integers as machine words."""


class PathStep(NamedTuple):
    """One layer along one axis: what it reads (None: each unit reads the unit at its place), and its sizes."""

    inputs: tuple[int, ...]
    taps: Taps | None
    sizes_in: tuple[int, ...]
    size: int


def step_of(row: Row, axis: int) -> PathStep:
    layer = row.layer
    alone = layer.pointwise or layer.joins or (row.x.flat and row.out.flat)
    sizes = tuple(x.axes[axis].size for x in row.inputs)
    return PathStep(row.node.inputs, None if alone else layer.taps(row.x)[axis], sizes, row.out.axes[axis].size)


def steps_of(arch: Arch, axis: int) -> tuple[PathStep, ...]:
    """The network along one axis, a step for each row."""
    return tuple(step_of(row, axis) for row in arch.rows)


class Counting(NamedTuple):
    """What bounds the counts: the bits that one count needs, and each map's scale and largest sum of counts; maps are
    numbered as the inputs of nodes are, the image being 0."""

    width: int
    scales: tuple[int, ...]
    totals: tuple[int, ...]


def counting(steps: Sequence[PathStep]) -> Counting:
    """No single count is larger than the sum of all counts of its unit, which is bounded layer by layer."""
    scales, totals = [1], [1]
    for step in steps:
        scale = lcm(*(scales[i] for i in step.inputs))
        total = sum(totals[i] * (scale // scales[i]) for i in step.inputs)
        if step.taps:
            total *= max(sum(step.taps.weights_at(p)) for p in range(len(step.taps.reads)))
            scale *= step.taps.scale
        scales.append(scale)
        totals.append(max(total, 1))
    bits = max(totals).bit_length()
    return Counting(-(-bits // WORD) * WORD, tuple(scales), tuple(totals))


def unpacked(packed: int, width: int) -> list[int]:
    """The counts that a packed integer holds, the first pixel's first."""
    size = width // 8
    data = packed.to_bytes(-(-packed.bit_length() // width) * size, "little")
    return [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]


# --- on the image: borders and padding included ------------------------------------------------------------------


def on_image(steps: Sequence[PathStep], size: int, width: int, scales: Sequence[int]) -> Iterator[list[int]]:
    """The packed counts of every unit, layer by layer; pixel i of the image stands at bit i*width.

    >>> from rfcalc import loads
    >>> text = "{input: [1, 4], layers: [conv: {out_channels: 1, kernel_size: 3, padding: 1}]}"
    >>> steps = steps_of(loads(text), 0)
    >>> (units,) = on_image(steps, 4, 64, [1, 1])
    >>> [unpacked(unit, 64) for unit in units]
    [[1, 1], [1, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1]]
    """

    def made(step: PathStep, sources: list[list[int]]) -> list[int]:
        return counts_read(sources[0], step.taps, step.size) if step.taps else joined_counts(sources, step, scales)

    return walked(steps, [1 << i * width for i in range(size)], made)


def walked(steps: Sequence[PathStep], image: M, made: Callable[[PathStep, list[M]], M]) -> Iterator[M]:
    """What each step makes of its sources, layer by layer; a map is kept until its last reader has run."""
    last = last_readers([step.inputs for step in steps])
    maps = {0: image}
    for index, step in enumerate(steps, 1):
        out = made(step, [maps[i] for i in step.inputs])
        yield out
        if index in last:
            maps[index] = out
        for source in {i for i in step.inputs if last[i] == index}:
            del maps[source]


def joined_counts(sources: list[list[int]], step: PathStep, scales: Sequence[int]) -> list[int]:
    """Unit i of a join sums unit i of its inputs; the one unit of an input of size 1 is shared by all."""
    if len(sources) == 1:
        return sources[0]
    scale = lcm(*(scales[i] for i in step.inputs))
    parts = []
    for units, i in zip(sources, step.inputs, strict=True):
        scaled = units if scales[i] == scale else [scale // scales[i] * unit for unit in units]
        parts.append(scaled * step.size if len(scaled) == 1 < step.size else scaled)
    return [sum(units) for units in zip(*parts, strict=True)]


def counts_read(units: list[int], taps: Taps, size: int) -> list[int]:
    """What the units of the next map read; the map is first laid out beyond its borders as far as reads go."""
    reads = [taps.at(unit) for unit in range(size)]
    low = min((r.start for r in reads if r), default=0)
    laid = [across(units, i, taps.border) for i in range(low, max((r.stop for r in reads if r), default=0))]
    slices = [laid[r.start - low : r.stop - low : r.step] if r else [] for r in reads]
    if not taps.weights:
        return [sum(seen) for seen in slices]
    weights = map(taps.weights_at, range(size))
    return [sum(w * unit for w, unit in zip(*pair, strict=True)) for pair in zip(weights, slices, strict=True)]


def across(units: list[int], i: int, border: str) -> int:
    """What a read at place i meets, on the map or beyond its border."""
    j = place_met(i, len(units), border)
    return 0 if j is None else units[j]


def place_met(i: int, size: int, border: str) -> int | None:
    """The unit that a read at place i meets; None for the zeros around the map."""
    if 0 <= i < size:
        return i
    if border == "replicate":
        return min(max(i, 0), size - 1)
    if border == "circular":
        return i % size
    if border == "reflect":
        i %= 2 * (size - 1) or 1
        return min(i, 2 * (size - 1) - i)
    return None


# --- on a canvas without end: nothing is clipped -----------------------------------------------------------------


class Counts(NamedTuple):
    """The counts of one unit: pixel first + i at bit i*width; 0 when the unit sees nothing."""

    first: int
    packed: int


@dataclass(frozen=True, slots=True)
class PathStrand:
    """Units in step, as `geometry.Strand`: unit p + q*period has `counts[p]`, shifted by q*advance pixels."""

    advance: int
    counts: tuple[Counts, ...]

    @property
    def jump(self) -> Fraction:
        return Fraction(self.advance, len(self.counts))

    def at(self, unit: int) -> Counts:
        turn, phase = divmod(unit, len(self.counts))
        first, packed = self.counts[phase]
        return Counts(first + turn * self.advance, packed)

    def times(self, factor: int) -> PathStrand:
        if factor == 1:
            return self
        return PathStrand(self.advance, tuple(Counts(first, packed * factor) for first, packed in self.counts))

    def through(self, taps: Taps, width: int) -> PathStrand:
        period = len(self.counts)
        turns = period // gcd(period, taps.advance)
        if turns * len(taps.reads) > MAX_PHASES:
            raise RfcalcError(f"units look {turns * len(taps.reads):,} different ways in turn, over {MAX_PHASES:,}")
        counts = tuple(
            total([self.at(i) for i in taps.at(unit)], taps.weights_at(unit), width)
            for unit in range(turns * len(taps.reads))
        )
        return PathStrand(taps.advance * turns // period * self.advance, counts)


def total(parts: Sequence[Counts], weights: Sequence[int], width: int) -> Counts:
    """The weighted sum of counts."""
    first = min((part.first for part in parts if part.packed), default=0)
    packed = 0
    for part, weight in zip(parts, weights, strict=True):
        if part.packed:
            packed += (weight * part.packed) << (part.first - first) * width
    return Counts(first, packed)


Strands = tuple[PathStrand, ...]


def unit_of(strands: Strands, unit: int, width: int) -> Counts:
    """The counts of one unit; beside branches of different jumps it sums what it has along each."""
    return total([strand.at(unit) for strand in strands], (1,) * len(strands), width)


def on_canvas(steps: Sequence[PathStep], width: int, scales: Sequence[int]) -> Iterator[Strands]:
    """The counts of all units, layer by layer, as if the image had no end; pixels count from its first one.

    >>> from rfcalc import loads
    >>> text = "{input: [1, 8], layers: [conv: {out_channels: 1, kernel_size: 3, padding: 1, stride: 2}]}"
    >>> (strands,) = on_canvas(steps_of(loads(text), 0), 64, [1, 1])
    >>> unit_of(strands, 3, 64).first, unpacked(unit_of(strands, 3, 64).packed, 64)
    (5, [1, 1, 1])
    """

    def made(step: PathStep, sources: list[Strands]) -> Strands:
        if step.taps:
            return tuple(strand.through(step.taps, width) for strand in sources[0])
        return sources[0] if len(sources) == 1 else joined_strands(sources, step, width, scales)

    return walked(steps, (PathStrand(1, (Counts(0, 1),)),), made)


def joined_strands(sources: list[Strands], step: PathStep, width: int, scales: Sequence[int]) -> Strands:
    scale = lcm(*(scales[i] for i in step.inputs))
    by_jump: dict[Fraction, list[PathStrand]] = {}
    for strands, i, size in zip(sources, step.inputs, step.sizes_in, strict=True):
        shared = size == 1 < step.size
        for strand in (PathStrand(0, (unit_of(strands, 0, width),)),) if shared else strands:
            by_jump.setdefault(strand.jump, []).append(strand.times(scale // scales[i]))
    return tuple(merged_strands(strands, width) for strands in by_jump.values())


def merged_strands(strands: list[PathStrand], width: int) -> PathStrand:
    """Strands of one jump as one."""
    period = lcm(*(len(strand.counts) for strand in strands))
    counts = tuple(unit_of(tuple(strands), p, width) for p in range(period))
    return PathStrand(strands[0].advance * (period // len(strands[0].counts)), counts)


# --- what the canvas must hold, and how a gradient spreads -------------------------------------------------------


def needed_spans(steps: Sequence[PathStep], wanted: Sequence[int]) -> list[tuple[int, int]]:
    """The first and the last unit of every map (the image is 0) that units 0 to wanted[i] of layer i depend on, borders
    left out of account. A step's own units are included."""
    spans = [(0, 0), *((0, most) for most in wanted)]
    for index in range(len(steps), 0, -1):
        step = steps[index - 1]
        for source, size in zip(step.inputs, step.sizes_in, strict=True):
            first, last = spans[index]
            if step.taps:
                first, last = ends_read(step.taps, first, last)
            elif size == 1 < step.size:
                first, last = 0, 0
            low, high = spans[source]
            spans[source] = min(low, first), max(high, last)
    return spans


def ends_read(taps: Taps, first: int, last: int) -> tuple[int, int]:
    """The hull of what units first to last read."""
    period = len(taps.reads)
    ends = [*range(first, min(first + period, last + 1)), *range(max(last - period + 1, first), last + 1)]
    places = [place for unit in ends if (read := taps.at(unit)) for place in (read[0], read[-1])]
    return (min(places), max(places)) if places else (0, 0)


def uniform_gradient(arch: Arch, axis: int, index: int, unit: int) -> list[float]:
    """The share of a unit's gradient that each pixel gets when every layer averages what it reads: its path counts
    under uniform weights, brought to the sum 1. `index` counts layers from 1; borders and padding are included.

    Backwards from the unit, so it costs one pass; a concatenation weighs its inputs by their channels.
    """
    rows = arch.rows
    shares: dict[int, list[float]] = {index: [0.0] * rows[index - 1].out.axes[axis].size}
    shares[index][unit] = 1.0
    for i in range(index, 0, -1):
        after = shares.pop(i, None)
        if after is None:
            continue
        row = rows[i - 1]
        step = step_of(row, axis)
        channels = sum(x.channels for x in row.inputs)
        for source, x, size in zip(step.inputs, row.inputs, step.sizes_in, strict=True):
            before = shares.setdefault(source, [0.0] * size)
            weight = x.channels / channels if row.layer.op == "concat" else 1.0
            hand_back(after, before, step.taps, weight)
    pixels = shares.get(0, [0.0] * arch.sizes[axis])
    whole = sum(pixels) or 1.0
    return [share / whole for share in pixels]


def hand_back(after: list[float], before: list[float], taps: Taps | None, weight: float) -> None:
    """Adds to each unit of the map before a layer what the units after it hand back."""
    if taps is None:
        for i, share in enumerate(after):
            before[i if len(before) > 1 else 0] += share * weight
        return
    even = weight / (taps.scale if taps.weights else max(map(len, taps.reads)))
    for i, share in enumerate(after):
        if share:
            for place, tap in zip(taps.at(i), taps.weights_at(i), strict=True):
                j = place_met(place, len(before), taps.border)
                if j is not None:
                    before[j] += share * even * tap
