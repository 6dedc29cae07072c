"""The geometry of every layer along one axis, held against the gradients of the path-counting network.

On a canvas, a larger image on which no unit of the real network is clipped, the gradients give each layer's
receptive field, jump, start and holes; there and on the image itself they count paths, as `paths` does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm, ldexp
from typing import Any

import torch
from torch import Tensor

from ..engine import paths
from ..engine.arch import Arch, Row
from ..engine.geometry import UNKNOWN, Axis, whole
from ..engine.paths import M
from .path_counting import MAX_MAP_VALUES, Canvas, Mode, PathCounter, Probe, counted_maps, gradients
from .tally import Ground, Tally

EXACT = 2**53
"""Counts below it are held to equality; larger ones, which a float rounds, to TOLERANCE."""
TOLERANCE = 1e-12
COUNTABLE = 1000
"""The bits of the largest counts that a backward pass holds as they are; with a shift as far it holds twice as many."""
MAX_CANVAS = 2**15
"""The largest canvas in pixels, or four times the image if that is more."""
SLACK = 8
"""Pixels that a canvas has beyond what the engine's figures ask for, so that fields can be measured where they err."""
MAX_CANVAS_PHASES = 256
"""The most units of one layer that are probed on the canvas."""


@dataclass(frozen=True)
class AxisProof:
    """One axis of a network: the engine's figures and the path counter's gradients, compared into a tally."""

    arch: Arch
    counter: PathCounter
    axis: int
    tally: Tally
    axes: tuple[int, ...]

    @cached_property
    def steps(self) -> tuple[paths.PathStep, ...]:
        return paths.steps_of(self.arch, self.axis)

    @cached_property
    def counting(self) -> paths.Counting:
        return paths.counting(self.steps)

    @cached_property
    def roots(self) -> list[int]:
        return self.counter.roots()

    @property
    def label(self) -> str:
        if len(self.axes) == len(self.arch.sizes):
            return ""
        return f"axis {', '.join(map(str, self.axes))}"

    def where(self, *parts: str) -> str:
        return ", ".join(part for part in (self.label, *parts) if part)

    def axis_of(self, row: Row) -> Axis:
        return row.out.axes[self.axis]

    def bits(self, index: int) -> int:
        """The binary digits of a map's largest possible count."""
        return self.counting.totals[index].bit_length() - self.counting.scales[index].bit_length() + 1

    def exact(self, index: int) -> bool:
        """Whether floats hold every count of a map."""
        scale = self.counting.scales[index]
        return self.counting.totals[index] < EXACT and scale & (scale - 1) == 0

    def mode(self, index: int) -> Mode:
        bits = self.bits(index)
        return Mode(0 if bits <= COUNTABLE else COUNTABLE, bits > 2 * COUNTABLE)

    def run(self) -> Ground:
        canvas, reason = self.canvas_or_reason()
        units, all_units = self.image()
        beyond = sum(self.mode(row.index).reach_only for row in self.arch.rows)
        return Ground(self.axes, self.counter.size, units, all_units, canvas, reason, beyond)

    def canvas_or_reason(self) -> tuple[Canvas | None, str]:
        if known := self.counter.measured():
            return None, f"the units that {self.arch.rows[known[0] - 1].name} reads are known on the image only"
        canvas = self.canvas()
        return canvas, "" if canvas else "one on which nothing is clipped would be too large"

    def gradients(self, canvas: Canvas, wanted: dict[int, tuple[int, ...]]) -> dict[int, Tensor]:
        """The gradients of the wanted units of each map; maps whose counts need another mode have passes of their
        own."""
        by_mode: dict[Mode, list[Probe]] = {}
        for index, units in wanted.items():
            by_mode.setdefault(self.mode(index), []).append(Probe(index, units))
        found: dict[int, Tensor] = {}
        for mode, probes in by_mode.items():
            found |= gradients(self.counter, canvas, probes, mode)
        return found

    def own_maps(self, found: Iterator[M]) -> Iterator[tuple[Row, int, M]]:
        """The rows with what the engine finds of their maps, and the maps' roots, without the layers that leave their
        map alone, here and in the engine."""
        compared: dict[int, M] = {}
        for row, known in zip(self.arch.rows, found, strict=True):
            root = self.roots[row.index]
            if compared.get(root) is not known:
                compared[root] = known
                yield row, root, known

    # --- on the image ---

    def image(self) -> tuple[int, bool]:
        """Compares the path counts of the image; returns how many units were probed, and whether that is all."""
        canvas = Canvas(self.counter.size)
        lengths = [m.tensor.shape[-1] for m in counted_maps(self.counter, canvas.size, 0)]
        maps = {self.roots[row.index] for row in self.arch.rows}
        wanted = self.image_units({index: lengths[index] for index in maps})
        measured = self.gradients(canvas, wanted)
        width, scales = self.counting.width, self.counting.scales
        for row, root, units in self.own_maps(paths.on_image(self.steps, canvas.size, width, scales)):
            probed = [unit for unit in wanted[root] if unit < len(units)]
            expected = self.tensor([units[unit] for unit in probed], canvas.size, row.index)
            self.compare_paths(row, "paths_on_image", expected, measured[root][: len(probed)], probed, 0)
        return sum(map(len, wanted.values())), all(len(wanted[index]) == lengths[index] for index in maps)

    def image_units(self, lengths: dict[int, int]) -> dict[int, tuple[int, ...]]:
        """Which units of each map are probed: all, or of a large network the corners, the centre and some between."""
        values = sum(lengths.values())
        most = max(9, 4 * MAX_MAP_VALUES // (values * len(lengths)))
        if values * values <= 4 * MAX_MAP_VALUES:
            most = max(lengths.values())
        return {index: sampled(length, most) for index, length in lengths.items()}

    def tensor(self, packed: Sequence[int], pixels: int, index: int) -> Tensor:
        """Packed counts as (units, pixels), scaled as the map's pass is; 0 or 1 where that only tells reach."""
        width, mode = self.counting.width, self.mode(index)
        data = bytearray().join(unit.to_bytes(pixels * width // 8, "little") for unit in packed)
        if not data:
            return torch.zeros(len(packed), pixels, dtype=torch.float64)
        words = torch.frombuffer(data, dtype=torch.int32).reshape(len(packed), pixels, width // 32)
        if mode.reach_only:
            return words.any(-1).to(torch.float64)
        digits = (words.to(torch.int64) & 0xFFFFFFFF).to(torch.float64)
        digit = [32 * i - mode.shift for i in range(width // 32)]
        places = [ldexp(1.0, exponent) if exponent < 1023 else 0.0 for exponent in digit]
        return (digits @ torch.tensor(places, dtype=torch.float64)) / self.counting.scales[index]

    def compare_paths(
        self, row: Row, quantity: str, expected: Tensor, measured: Tensor, units: Sequence[int], left: int
    ) -> None:
        self.tally.checked[quantity] += expected.numel()
        mode = self.mode(row.index)
        if mode.reach_only:
            measured = (measured > 0).to(torch.float64)
        if self.exact(row.index) or mode.reach_only:
            wrong = expected != measured
        else:
            wrong = (expected - measured).abs() > TOLERANCE * expected
        if wrong.any():
            unit, pixel = torch.nonzero(wrong)[0].tolist()
            counts = [exact_number(float(t[unit, pixel]) * 2.0**mode.shift) for t in (expected, measured)]
            where = self.where(f"unit {units[unit]}", f"pixel {pixel - left}")
            self.tally.differ(row, quantity, counts[0], counts[1], where)

    # --- on the canvas ---

    def canvas(self) -> Canvas | None:
        """Compares fields, jumps, starts, holes and path counts on a canvas; None where that would be too large."""
        units = {row.index: units_of(self.axis_of(row)) for row in self.arch.rows}
        most = [max([self.axis_of(row).size - 1, *units[row.index]]) for row in self.arch.rows]
        canvas = canvas_for(self.counter, paths.needed_spans(self.steps, most))
        if canvas is None:
            return None
        wanted: dict[int, tuple[int, ...]] = {}
        for index, seen in units.items():
            root = self.roots[index]
            wanted[root] = tuple(sorted({*wanted.get(root, ()), *seen}))
        measured = self.gradients(canvas, wanted)
        for row in self.arch.rows:
            if self.axis_of(row).strands:
                root = self.roots[row.index]
                self.compare_fields(row, Seen(wanted[root], measured[root], canvas.left))
        self.canvas_paths(canvas, wanted, measured)
        self.jumps_of_trunks(canvas)
        return canvas

    def canvas_paths(self, canvas: Canvas, wanted: dict[int, tuple[int, ...]], measured: dict[int, Tensor]) -> None:
        width, scales = self.counting.width, self.counting.scales
        for row, root, strands in self.own_maps(paths.on_canvas(self.steps, width, scales)):
            counts = [paths.unit_of(strands, unit, width) for unit in wanted[root]]
            packed = [c.packed << (c.first + canvas.left) * width for c in counts]
            expected = self.tensor(packed, canvas.size, row.index)
            self.compare_paths(row, "paths_on_canvas", expected, measured[root], wanted[root], canvas.left)

    def compare_fields(self, row: Row, seen: Seen) -> None:
        axis, where = self.axis_of(row), self.where()
        self.tally.compare(row, "receptive_field", axis.receptive_field, seen.widest(own_units(axis)), where)
        self.tally.compare(row, "start", plain_figure(axis.start), plain_figure(seen.centre(0)), where)
        if len(axis.strands) == 1:
            self.compare_jump(row, seen)
        unit, widest = axis.widest_unit(), axis.widest
        if unit is not None and widest is not None and widest.mask != UNKNOWN:
            bits = seen.bits(unit)
            self.tally.checked["holes"] += 1
            if bits != widest.bits:
                place = self.where(f"unit {unit}", first_difference(bits, widest.bits))
                self.tally.differ(row, "holes", holes(widest.bits), holes(bits), place)

    def compare_jump(self, row: Row, seen: Seen) -> None:
        axis = self.axis_of(row)
        if (pair := jump_units(axis)) and axis.jump is not None:
            self.tally.compare(row, "jump", plain_figure(axis.jump), plain_figure(seen.jump(*pair)), self.where())

    def jumps_of_trunks(self, canvas: Canvas) -> None:
        """The jumps of maps that share a gate: what the gate brings moves with no unit, so it is left out."""
        rows = [row for row in self.arch.rows if len(self.axis_of(row).strands) > 1]
        pairs = {row.index: pair for row in rows if (pair := jump_units(self.axis_of(row)))}
        if not pairs:
            return
        probes = [Probe(index, pair) for index, pair in pairs.items()]
        found = gradients(self.counter, canvas, probes, Mode(0, True, False))
        for row in rows:
            if row.index in pairs:
                self.compare_jump(row, Seen(pairs[row.index], found[row.index], canvas.left))


@dataclass(frozen=True)
class Seen:
    """What units of one map see on a canvas: their gradients (units, pixels), and the image's first pixel."""

    units: tuple[int, ...]
    gradients: Tensor
    left: int

    @cached_property
    def fields(self) -> dict[int, tuple[int, int] | None]:
        """The first and the last pixel that each unit sees."""
        reached = self.gradients > 0
        size = reached.shape[-1]
        first = reached.to(torch.uint8).argmax(-1).tolist()
        last = reached.flip(-1).to(torch.uint8).argmax(-1).tolist()
        some = reached.any(-1).tolist()
        return {
            unit: (a - self.left, size - 1 - b - self.left) if any_ else None
            for unit, a, b, any_ in zip(self.units, first, last, some, strict=True)
        }

    def widest(self, units: Sequence[int]) -> int | None:
        return max((f[1] - f[0] + 1 for unit in units if (f := self.fields[unit])), default=None)

    def centre(self, unit: int) -> Fraction | None:
        seen = self.fields[unit]
        return seen and Fraction(seen[0] + seen[1] + 1, 2)

    def jump(self, unit: int, other: int) -> Fraction | None:
        """Pixels from one unit's field to that of the next, from two units whose fields look alike."""
        a, b = self.fields[unit], self.fields[other]
        return Fraction(b[0] - a[0], other - unit) if a and b else None

    def bits(self, unit: int) -> int:
        """Which pixels from the first to the last one a unit reads: bit 0 is the first."""
        seen = self.fields[unit]
        if seen is None:
            return 0
        row = self.gradients[self.units.index(unit), seen[0] + self.left : seen[1] + self.left + 1] > 0
        return int("".join("1" if bit else "0" for bit in reversed(row.tolist())), 2)


def sampled(length: int, most: int) -> tuple[int, ...]:
    """Up to `most` of the units 0 to length-1: a third at each end, the rest around the centre."""
    if length <= most:
        return tuple(range(length))
    third = most // 3
    middle = (length - third) // 2
    return (*range(third), *range(middle, middle + third), *range(length - third, length))


def own_units(axis: Axis) -> tuple[int, ...]:
    """The units of a map that show its figures: each phase once, at the front and, where strands differ, at the end;
    the widest; the last."""
    turn = lcm(*(len(strand.fields) for strand in axis.strands))
    units = {*sampled(min(turn, axis.size), MAX_CANVAS_PHASES), axis.size - 1, 0}
    if len(axis.strands) > 1:
        units |= {max(axis.size - 1 - unit, 0) for unit in units}
    if (unit := axis.widest_unit()) is not None:
        units.add(unit)
    return tuple(sorted(units))


def units_of(axis: Axis) -> tuple[int, ...]:
    """The units to probe on the canvas: also those that show the jump, one of which may lie after the real map."""
    return tuple(sorted({*own_units(axis), *(jump_units(axis) or ())}))


def jump_units(axis: Axis) -> tuple[int, int] | None:
    """Two units of one phase that see something; None where no one jump is defined."""
    moving = [strand for strand in axis.strands if strand.advance] or list(axis.strands)
    if len(moving) != 1:
        return None
    (strand,) = moving
    unit = next((p for p, seen in enumerate(strand.fields) if seen), None)
    return None if unit is None else (unit, unit + len(strand.fields))


def canvas_for(counter: PathCounter, spans: Sequence[tuple[int, int]]) -> Canvas | None:
    """The image, enlarged until every map holds the units that `spans` names, and somewhat more; None when that takes
    too much."""
    rates, grid = counter.rates(), counter.grid()
    left = max(0, *(-(first // rate) for (first, _), rate in zip(spans, rates, strict=True) if rate))
    right = max(0, *(-(-(last + 1) // rate) for (_, last), rate in zip(spans, rates, strict=True) if rate))
    slack = SLACK + -SLACK % grid
    left, size = int(-(-left // grid) * grid) + slack, int(max(right, counter.size)) + slack
    refusal = None
    while left + size <= max(MAX_CANVAS, 4 * counter.size):
        try:
            maps, refusal = counted_maps(counter, left + size, left), None
        except RuntimeError as error:  # a map is still smaller than the next layer's window
            maps, refusal = [], error
        if not maps or any(m.unit + last >= m.tensor.shape[-1] for m, (_, last) in zip(maps, spans, strict=True)):
            size += max(grid, size // 4)
        elif any(m.unit + first < 0 for m, (first, _) in zip(maps, spans, strict=True)):
            left += max(grid, left // 4 // grid * grid)
        else:
            return Canvas(left + size, left)
    if refusal:
        raise refusal
    return None


def plain_figure(value: Any) -> Any:
    """A figure as the report shows it: an integer where it is one."""
    return None if value is None else whole(Fraction(value))


def exact_number(value: float) -> int | float:
    return int(value) if value == int(value) and abs(value) < EXACT else value


def holes(bits: int) -> int:
    return bits.bit_length() - bits.bit_count()


def first_difference(bits: int, others: int) -> str:
    """The first pixel of a field that one says is read and the other not."""
    differing = bits ^ others
    return f"pixel {(differing & -differing).bit_length() - 1} of the field"


def alike(arch: Arch, counters: Sequence[PathCounter]) -> Iterator[tuple[int, ...]]:
    """The axes in groups that the path counter, the engine's windows and its figures do not tell apart."""
    left = list(range(len(counters)))
    while left:
        first = left[0]
        told, counter = axis_figures(arch, first), counters[first]
        same = [axis for axis in left if counters[axis] == counter and axis_figures(arch, axis) == told]
        yield tuple(same)
        left = [axis for axis in left if axis not in same]


def axis_figures(arch: Arch, axis: int) -> list[Any]:
    steps = paths.steps_of(arch, axis)
    return [(step, row.out.axes[axis]) for step, row in zip(steps, arch.rows, strict=True)]
