"""The path-counting network of a network along one axis, and the gradients that flow through it.

The path counter has one channel, and the kernels of the built modules with all weights one: no bias, pools as sums over
their windows, activations and norms as nothing. Geometry does not depend on channels, so they are tied to one: a
concatenation sums, as an addition does. The gradient of a unit by the image then counts the paths between them.

Tensors are (1, 1, rows, units): each row is an image of its own, so that one backward pass answers for as many units
as there are rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import NamedTuple

import torch
from torch import Tensor

from ..network import JoinModule, Network
from .kernels import Kernel, MeasuredKernel, ModulePlace, Same, cut_to, kernel_of

Sizes = tuple[int, ...]
MAX_MAP_VALUES = 2**23
"""The most values that the maps of one pass hold: 64 MiB; more where MIN_ROWS units at once need more."""
MIN_ROWS = 16


@dataclass(frozen=True, slots=True)
class KernelNode:
    """One layer of the path counter: its kernel, or a join (None); `shared` tells the inputs of a join that have one
    unit for all of its own."""

    kernel: Kernel | None
    inputs: tuple[int, ...]
    shared: tuple[bool, ...]


class PlacedUnit(NamedTuple):
    """A map, the place on it of the real map's first unit, and whether all its units see the same."""

    tensor: Tensor
    unit: int
    fixed: bool = False


@dataclass(frozen=True)
class PathCounter:
    """The path-counting network along one axis of a network that ran on an image of that size. Maps are numbered as
    the inputs of nodes: 0 is the image."""

    size: int
    nodes: tuple[KernelNode, ...]

    def rates(self) -> list[Fraction]:
        """Units of each map for each pixel; of a join of different rates, the lowest."""
        rates = [Fraction(1)]
        for node in self.nodes:
            if node.kernel:
                rates.append(rates[node.inputs[0]] * node.kernel.rate)
            else:
                rates.append(min(rates[i] for i, shared in zip(node.inputs, node.shared, strict=True) if not shared))
        return rates

    def measured(self) -> list[int]:
        """The layers that are known on the real map only, counted from 1."""
        return [index for index, node in enumerate(self.nodes, 1) if isinstance(node.kernel, MeasuredKernel)]

    def grid(self) -> int:
        """What the pixels in front of the image must be a multiple of, so that the units on a canvas stand where they
        stand on the image."""
        return lcm(*(rate.denominator for rate in self.rates()))

    def roots(self) -> list[int]:
        """For each map the one that it is a copy of, itself as a rule."""
        roots = [0]
        for index, node in enumerate(self.nodes, 1):
            roots.append(roots[node.inputs[0]] if isinstance(node.kernel, Same) else index)
        return roots

    def run(self, x: Tensor, left: int, count: int, gates: bool = True) -> list[PlacedUnit]:
        """The first `count` layers' maps, after the image. Without gates, what a join shares out is left out."""
        maps = [PlacedUnit(x, left)]
        for node in self.nodes[:count]:
            if node.kernel:
                x, unit, fixed = maps[node.inputs[0]]
                made = node.kernel.run(x, unit)
                maps.append(PlacedUnit(made, int(unit * node.kernel.rate), fixed or node.kernel.fixed))
            else:
                maps.append(joined_units([maps[i] for i in node.inputs], node.shared, gates))
        return maps


def joined_units(maps: list[PlacedUnit], shared: tuple[bool, ...], gates: bool) -> PlacedUnit:
    """The sum of maps, laid so that the real first units meet; on a canvas their ends may differ, and are cut."""
    trunk = [m for m, alone in zip(maps, shared, strict=True) if not alone]
    moving = [m for m in trunk if not m.fixed]
    if moving and not gates:
        trunk = moving
    unit = min(m.unit for m in trunk)
    tensors = [m.tensor[..., m.unit - unit :] for m in trunk]
    size = min(t.shape[-1] for t in tensors)
    out = sum((cut_to(t, size) for t in tensors[1:]), cut_to(tensors[0], size))
    for m, alone in zip(maps, shared, strict=True):
        if alone and gates:
            out = out + m.tensor[..., m.unit : m.unit + 1]
    return PlacedUnit(out, unit, not moving)


def path_counter_of(net: Network, shapes: Sequence[Sizes], axis: int) -> PathCounter:
    """The path counter of a network along one axis; `shapes` are those of the image and of every layer's output as the
    network ran, with the batch."""
    axes = len(shapes[0]) - 2
    sizes = [1 if len(shape) == 2 else shape[2 + axis] for shape in shapes]
    nodes = []
    for index, step in enumerate(net.steps, 1):
        module, source = net.module(step), step.inputs[0]
        if isinstance(module, JoinModule):
            nodes.append(KernelNode(None, step.inputs, tuple(sizes[i] == 1 < sizes[index] for i in step.inputs)))
        else:
            place = ModulePlace(axis, axes, shapes[source][1:], shapes[index][1:])
            stays = place.flat and len(place.shape_out) == 1
            nodes.append(KernelNode(Same() if stays else kernel_of(module, place), step.inputs, (False,)))
    return PathCounter(sizes[0], tuple(nodes))


def counted_maps(counter: PathCounter, size: int, left: int) -> list[PlacedUnit]:
    """Every map of the path counter for an image of `size`, with one row."""
    with torch.no_grad():
        return counter.run(torch.zeros(1, 1, 1, size, dtype=torch.float64), left, len(counter.nodes))


class Probe(NamedTuple):
    """A map, and the units of it, in the real map's numbers, whose gradient is wanted."""

    map: int
    units: tuple[int, ...]


@dataclass(frozen=True)
class Canvas:
    """The image that gradients are taken on: `left` pixels in front of the real one, `size` in all."""

    size: int
    left: int = 0


class Mode(NamedTuple):
    """How a backward pass runs: it starts from 2**-shift, which moves counts too large for float64 into its range and
    changes no digit of them; whether every map's gradient is brought to 0 and 1, for networks whose counts no shift
    brings there; and whether joins take what they share out."""

    shift: int = 0
    reach_only: bool = False
    gates: bool = True


def gradients(counter: PathCounter, canvas: Canvas, probes: Sequence[Probe], mode: Mode) -> dict[int, Tensor]:
    """The gradient by the image of every wanted unit, as the mode scales it: (units, pixels) for each map."""
    lengths = [m.tensor.shape[-1] for m in counted_maps(counter, canvas.size, canvas.left)]
    found: dict[int, list[Tensor]] = {}
    for part in probe_portions(sorted(probes), lengths):
        for probe, gradient in zip(part, backward(counter, canvas, part, mode), strict=True):
            found.setdefault(probe.map, []).append(gradient)
    return {index: torch.cat(parts) for index, parts in found.items()}


def probe_portions(probes: Sequence[Probe], lengths: Sequence[int]) -> Iterator[list[Probe]]:
    """The probes in portions that one pass can take: its rows times the values of all maps that it makes."""
    part: list[Probe] = []
    rows = values = 0
    done = 0
    for index, units in probes:
        values += sum(lengths[done : index + 1])
        done = index + 1
        most = max(MIN_ROWS, MAX_MAP_VALUES // values)
        start = 0
        while start < len(units):
            if rows >= most:
                yield part
                part, rows = [], 0
            taken = units[start : start + most - rows]
            part.append(Probe(index, taken))
            rows += len(taken)
            start += len(taken)
    if part:
        yield part


def backward(counter: PathCounter, canvas: Canvas, probes: Sequence[Probe], mode: Mode) -> list[Tensor]:
    """One forward and one backward pass: each wanted unit has a row of its own. The image is zero: a linear network's
    gradients do not depend on it."""
    rows = sum(len(probe.units) for probe in probes)
    image = torch.zeros(1, 1, rows, canvas.size, dtype=torch.float64, requires_grad=True)
    maps = counter.run(image, canvas.left, max(probe.map for probe in probes), mode.gates)
    if mode.reach_only:
        for tensor in {id(m.tensor): m.tensor for m in maps[1:]}.values():
            tensor.register_hook(lambda g: (g > 0).to(g.dtype))  # type: ignore[no-untyped-call]
    # one number, in which each row has one unit: torch.autograd.grad loads sympy when it is given tensors as seeds
    wanted, row = [], 0
    for index, units in probes:
        tensor, first, _ = maps[index]
        places = torch.tensor([first + unit for unit in units])
        wanted.append(tensor[0, 0, torch.arange(row, row + len(units)), places].sum())
        row += len(units)
    (gradient,) = torch.autograd.grad(torch.stack(wanted).sum() * 2.0**-mode.shift, image)
    return list(torch.split(gradient[0, 0], [len(probe.units) for probe in probes]))
