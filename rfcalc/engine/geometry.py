"""Where the units of a feature map look, one spatial axis at a time, in integers and fractions only.

`Window` is how an operation is written down, `Taps` what it does (which units each output unit reads), `Axis`
where the units of a map look. One rule takes an axis through taps, one joins axes.

Sources: Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019;
Dumoulin & Visin, "A guide to convolution arithmetic for deep learning", 2016.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from math import gcd, lcm, prod
from typing import Literal, NamedTuple

from ..errors import ShapeError

Number = int | Fraction
Border = Literal["drop", "reflect", "replicate", "circular"]

MAX_SIZE = 2**31 - 1
MAX_PHASES = 2**16
MAX_READS = 2**18
"""The most phases of one map that those of the map after it may read between them; more would take many seconds."""
TOO_MANY = "too many phases"
"""Why a field is unknown whose units look different ways in turn too often to be worked out."""
MAX_HOLES = 2**14
"""The longest field, in pixels, whose holes are worked out; of a longer one with holes they are unknown."""
UNKNOWN = -1


class TooManyPhases(ShapeError):
    """The units of a map look different ways in turn too often: its size is known, its field is not worked out."""


def whole(value: Number) -> Number:
    """A fraction as an integer where it is one."""
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


@dataclass(frozen=True, slots=True)
class Taps:
    """Which input units each output unit reads: unit p + q*period reads `reads[p]`, shifted by q*advance.

    `border` says what a read outside the map meets: nothing, or the map reflected, clamped or wrapped.
    `weights` are the integer numerators, over `scale`, with which an interpolation reads; None: all one.
    """

    advance: int
    reads: tuple[range, ...]
    border: Border = "drop"
    weights: tuple[tuple[int, ...], ...] | None = None
    scale: int = 1

    def at(self, unit: int) -> range:
        """The places that a unit reads, beyond the map too."""
        turn, phase = divmod(unit, len(self.reads))
        read, shift = self.reads[phase], turn * self.advance
        return range(read.start + shift, read.stop + shift, read.step)

    def weights_at(self, unit: int) -> tuple[int, ...]:
        """With which weight it reads each of them."""
        phase = unit % len(self.reads)
        return self.weights[phase] if self.weights else (1,) * len(self.reads[phase])


@dataclass(frozen=True, slots=True)
class Window:
    """How one operation looks along one axis: torch's words, padding (before, after)."""

    kernel_size: int
    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    dilation: int = 1

    @property
    def extent(self) -> int:
        """Units from the first tap to the last, holes included."""
        return self.dilation * (self.kernel_size - 1) + 1

    def taps(self) -> Taps:
        return _window_taps(self.kernel_size, self.stride, self.padding[0], self.dilation)

    def output_size(self, size: int, ceil_mode: bool = False) -> int:
        """floor((size + padding - extent) / stride) + 1, torch's; raises ShapeError when the kernel does not fit.

        >>> Window(3, stride=2, padding=(1, 1)).output_size(32)
        16
        """
        before, after = self.padding
        room = size + before + after - self.extent
        out = (-(-room // self.stride) if ceil_mode else room // self.stride) + 1
        if out < 1:
            dilated = f" (dilated by {self.dilation} to {self.extent})" if self.dilation > 1 else ""
            padded = f" padded to {size + before + after}" if before or after else ""
            raise ShapeError(f"kernel_size={self.kernel_size}{dilated} does not fit a map of size {size}{padded}")
        # torch drops a last window that would start in the padding after the map
        return out - 1 if ceil_mode and (out - 1) * self.stride >= size + before else out

    def never_read(self) -> int:
        """How many of every `stride` neighbouring positions no window reads."""
        return self.stride - len({self.dilation * t % self.stride for t in range(min(self.kernel_size, self.stride))})


@lru_cache(maxsize=4096)
def _window_taps(kernel_size: int, stride: int, before: int, dilation: int) -> Taps:
    return Taps(stride, (range(-before, dilation * (kernel_size - 1) - before + 1, dilation),))


UNIT = Window(1)
SHARED = Taps(0, (range(1),))
"""Every unit reads unit 0: one unit resized or repeated to many. It has no neighbours to interpolate with."""


class Field(NamedTuple):
    """The input pixels that a unit sees: from `first` to `last`; bit i of `mask` says whether pixel first + i is read.

    Mask 0 stands for all of them, UNKNOWN for a field too long to tell.
    """

    first: int
    last: int
    mask: int = 0

    @property
    def width(self) -> int:
        return self.last - self.first + 1

    @property
    def pixels(self) -> int | None:
        """How many pixels are read; None when unknown."""
        return None if self.mask == UNKNOWN else self.mask.bit_count() or self.width

    @property
    def bits(self) -> int:
        return self.mask or (1 << self.width) - 1

    def moved(self, by: int) -> Field:
        return Field(self.first + by, self.last + by, self.mask)

    def repeated(self, count: int, step: int) -> Field:
        """All that `count` units see whose fields lie `step` pixels apart."""
        last = self.last + (count - 1) * step
        if not self.mask and step <= self.width:
            return Field(self.first, last)
        if self.mask == UNKNOWN or last - self.first >= MAX_HOLES:
            return Field(self.first, last, UNKNOWN)
        bits, done = self.bits, 1
        while done < count:
            more = min(done, count - done)
            bits |= bits << more * step
            done += more
        return _field(self.first, last, bits)


def _field(first: int, last: int, bits: int) -> Field:
    return Field(first, last, 0 if bits == (1 << last - first + 1) - 1 else bits)


def union(fields: Iterable[Field | None]) -> Field | None:
    """All that units with the given fields see between them; None where none of them sees anything."""
    seen = sorted({field for field in fields if field})
    if len(seen) <= 1:
        return seen[0] if seen else None
    first, last = seen[0].first, max(field.last for field in seen)
    reach = first
    for field in seen:
        if field.mask or field.first > reach:
            break
        reach = max(reach, field.last + 1)
    else:
        return Field(first, last)
    if any(field == (first, last, 0) for field in seen):
        return Field(first, last)
    if last - first >= MAX_HOLES or any(field.mask == UNKNOWN for field in seen):
        return Field(first, last, UNKNOWN)
    bits = 0
    for field in seen:
        bits |= field.bits << field.first - first
    return _field(first, last, bits)


@dataclass(frozen=True, slots=True)
class Strand:
    """Units that look in step: unit p + q*period sees `fields[p]`, shifted by q*advance pixels.

    The period is 1 except after an operation whose units differ in turn (transposed convolution, upsampling, an
    adaptive pool with uneven bins). An advance of 0 belongs to a value that every unit shares (a broadcast).
    """

    advance: int
    fields: tuple[Field | None, ...]

    @property
    def jump(self) -> Number:
        return whole(Fraction(self.advance, len(self.fields)))

    def at(self, unit: int) -> Field | None:
        turn, phase = divmod(unit, len(self.fields))
        field = self.fields[phase]
        return field.moved(turn * self.advance) if field and turn and self.advance else field

    def over(self, reads: range) -> Field | None:
        """All that the units see which `reads` names."""
        if not reads:
            return None
        period = len(self.fields)
        turn = period // gcd(period, reads.step)  # reads this far apart meet the same phase
        step = self.advance * reads.step * turn // period
        parts = []
        for k in range(min(turn, len(reads))):
            if field := self.at(reads[k]):
                count = -((k - len(reads)) // turn)
                parts.append(field if count == 1 else field.repeated(count, step))
        return parts[0] if len(parts) == 1 else union(parts)

    def work(self, taps: Taps) -> int:
        """How many fields `through` looks at."""
        period = len(self.fields)
        return period // gcd(period, taps.advance) * sum(min(period, len(r)) for r in taps.reads)

    def through(self, taps: Taps) -> Strand:
        period, reads = len(self.fields), taps.reads
        turns = period // gcd(period, taps.advance)
        if turns == 1 == len(reads):
            return Strand(taps.advance // period * self.advance, (self.over(reads[0]),))
        check_phases(turns * len(reads))
        if (work := self.work(taps)) > MAX_READS:
            raise TooManyPhases(f"its units read {work:,} units that look different ways in turn, over {MAX_READS:,}")
        fields = tuple(self.over(taps.at(unit)) for unit in range(turns * len(reads)))
        return Strand(taps.advance * turns // period * self.advance, fields)

    def offset(self) -> Fraction | None:
        """The centre of unit 0, were the centres of all phases on one line."""
        seen = [(p, f.first + f.last + 1) for p, f in enumerate(self.fields) if f]
        if not seen:
            return None
        centres, phases = (sum(column) for column in zip(*((ends, p) for p, ends in seen), strict=True))
        return Fraction(centres, 2 * len(seen)) - Fraction(self.advance * phases, len(self.fields) * len(seen))


@dataclass(frozen=True)
class Axis:
    """Where the units of a map look along one axis.

    `strands` holds one strand, but for a map that joins strands of different jumps, where a unit sees the hull of
    them all, and a map whose field is unknown, which has none.
    """

    size: int
    strands: tuple[Strand, ...]
    doubt: str = ""
    """The operation for whose sake the fields are an upper bound or, where there are no strands, unknown."""

    @staticmethod
    def image(size: int) -> Axis:
        """The input: unit i sees pixel i.

        >>> Axis.image(32).through(Window(3).taps(), 30).receptive_field
        3
        """
        return Axis(size, (Strand(1, (Field(0, 0),)),))

    def through(self, taps: Taps, size: int) -> Axis:
        """The axis after an operation, of the given size."""
        if not 0 < size <= MAX_SIZE:
            raise ShapeError(f"the map of size {self.size} would become one of size {size:,}")
        return Axis(size, together([strand.through(taps) for strand in self.strands]), self.doubt)

    def at(self, unit: int) -> Field | None:
        """The pixels that a unit sees, borders left out of account."""
        return union(strand.at(unit) for strand in self.strands)

    @cached_property
    def jump(self) -> Number | None:
        """Pixels from one unit's field to the next one's; None when the strands do not agree."""
        jumps = {strand.jump for strand in self.strands if strand.advance} or {s.jump for s in self.strands}
        return jumps.pop() if len(jumps) == 1 else None

    def widest_unit(self) -> int | None:
        """The first unit with the largest field. Between units of one phase the hull of strands is convex, so the
        largest is among the first or the last units."""
        turn = lcm(*(len(strand.fields) for strand in self.strands))
        units = [*range(min(turn, self.size))]
        if len(self.strands) > 1:
            units += range(max(self.size - turn, 0), self.size)
        seen = [(field.width, -unit) for unit in units if (field := self.at(unit))]
        return -max(seen)[1] if seen else None

    @cached_property
    def widest(self) -> Field | None:
        """The largest field among the units."""
        if len(self.strands) == 1 == len(self.strands[0].fields):
            return self.strands[0].fields[0]
        unit = self.widest_unit()
        return None if unit is None else self.at(unit)

    @property
    def receptive_field(self) -> int | None:
        """Pixels from the first to the last one that a unit sees; of units that differ, the largest."""
        field = self.widest
        return field and field.width

    @property
    def start(self) -> Number | None:
        """The centre of unit 0's field, pixel 0 being centred at 1/2."""
        field = self.at(0)
        return field and whole(Fraction(field.first + field.last + 1, 2))

    def covers(self, size: int) -> bool:
        """Whether every unit's field holds a whole image of the given size."""
        turn = lcm(*(len(strand.fields) for strand in self.strands))
        units = {*range(min(turn, self.size)), *range(max(self.size - turn, 0), self.size)}
        return all((f := self.at(unit)) is not None and f.first <= 0 and f.last >= size - 1 for unit in units)

    @cached_property
    def grid(self) -> tuple[tuple[Number, Fraction, int], ...]:
        """Jump, centre and last pixel of unit 0, of each strand that moves: what two aligned maps have in common."""
        found = [(s.jump, s.offset(), s.at(0)) for s in self.strands if s.advance]
        return tuple(
            sorted((jump, centre, field.last if field else 0) for jump, centre, field in found if centre is not None)
        )

    @property
    def shared(self) -> bool:
        """Whether all units see what one value brought them, so that their fields do not move from unit to unit."""
        return any(not strand.advance for strand in self.strands)

    def outside(self, unit: int, size: int) -> Fraction | None:
        """The share of a unit's field that lies outside an image of the given size."""
        field = self.at(unit)
        if field is None:
            return None
        inside = max(0, min(field.last, size - 1) - max(field.first, 0) + 1)
        return 1 - Fraction(inside, field.width)


def join(axes: Sequence[Axis]) -> Axis:
    """The axis of a map whose unit i sees what unit i of every given axis sees: the hull of the branches.

    An axis of size 1 beside longer ones is broadcast: all units see what its one unit sees.
    """
    if all(axis is axes[0] or axis == axes[0] for axis in axes):
        return axes[0]
    size = max(axis.size for axis in axes)
    if unknown := [axis for axis in axes if not axis.strands]:
        return Axis(size, (), unknown[0].doubt)
    doubt = next((axis.doubt for axis in axes if axis.doubt), "")
    by_jump: dict[Number, list[Strand]] = {}
    for axis in axes:
        shared = axis.size == 1 < size
        for strand in [Strand(0, (axis.at(0),))] if shared else axis.strands:
            by_jump.setdefault(strand.jump, []).append(strand)
    seeing = {jump: strands for jump, strands in by_jump.items() if any(f for s in strands for f in s.fields)}
    by_jump = seeing or by_jump  # what sees nothing of the image adds nothing
    return Axis(size, together([_merge(strands) for strands in by_jump.values()]), doubt)


def check_phases(phases: int) -> None:
    if phases > MAX_PHASES:
        raise TooManyPhases(f"its units look {phases:,} different ways in turn, over {MAX_PHASES:,}")


def together(strands: Sequence[Strand]) -> tuple[Strand, ...]:
    """The strands of one axis; raises ShapeError when it takes their phases too long to come round together."""
    if len(strands) > 1:
        check_phases(lcm(*(len(strand.fields) for strand in strands)))
    return tuple(strands)


def _merge(strands: list[Strand]) -> Strand:
    """Strands of one jump as one."""
    period = lcm(*(len(strand.fields) for strand in strands))
    check_phases(period)
    fields = tuple(union(strand.at(p) for strand in strands) for p in range(period))
    return Strand(strands[0].advance * (period // len(strands[0].fields)), fields)


def shape_text(sizes: Iterable[int]) -> str:
    """A shape as people write it.

    >>> shape_text((3, 32, 32))
    '3x32x32'
    """
    return "x".join(map(str, sizes))


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """What flows between layers: channels, and the axes along which its units look.

    A flat map (after flatten or linear) has channels only; its axes keep, with size 1, what its values see.
    """

    channels: int
    axes: tuple[Axis, ...]
    flat: bool = False
    apart: bool = False
    """Whether its channels come from places apart (flatten), so that one of them may see less than all do."""

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple([axis.size for axis in self.axes])

    @property
    def elements(self) -> int:
        """Values in the map of one image."""
        return self.channels * prod(self.sizes)

    @property
    def shape(self) -> tuple[int, ...]:
        """As torch has it, without the batch: channels, then sizes where there are axes."""
        return (self.channels,) if self.flat else (self.channels, *self.sizes)

    def __str__(self) -> str:
        return shape_text(self.shape)
