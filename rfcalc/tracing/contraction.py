"""A sum of products (einsum, matmul, attention) as one layer: which axes stay in place, and which are read whole."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ..engine.geometry import union
from ..engine.layers.opaque import hull
from .dims import BATCH_AXIS, CHANNEL, REPEAT, Atom, AtomRun, Dims, atoms_of, renumbered, run_of, size_of
from .graph import Graph, Map
from .moves import TensorShape, known_by_shape, whole_atoms
from .order import fold


def contracted(
    graph: Graph, operands: Sequence[tuple[Map | None, str]], out: str, shape: Sequence[int], weights: int, macs: int,
    operation: str,
) -> Map:  # fmt: skip
    """A sum of products, dimensions named by letters as in einsum; None stands for an operand that is no map.

    On an axis that has one letter throughout, and keeps it, each unit reads the units at its place; on any other it
    reads all units, of an operand whose places are summed over or laid out as channels.
    """
    found = [(_in_order(graph, m), letters) for m, letters in operands if m is not None]
    maps = [m for m, _ in found]
    sizes = tuple(max(graph.maps[m.node].sizes[i] for m in maps) for i in range(graph.axes))
    flags = [size > 1 and not _stays(found, out, i, size) for i, size in enumerate(sizes)]
    dims, used = _outcome(found, out, shape, sizes)
    given = TensorShape(
        renumbered(dims, atoms_of(dims, CHANNEL)),
        prod(atom.size for atom in atoms_of(dims, CHANNEL)),
        tuple(prod(a.size for a in atoms_of(dims, i)) for i in range(graph.axes)),
        not used and all(graph.maps[m.node].flat for m in maps),
    )
    if not any(flags) and len({m.node for m in maps}) == 1:
        return Map(graph.mix(maps[0].node, operation, given.channels, weights, macs), given.dims)
    bound = any(
        flag
        and _hull(graph, [m for m, letters in found if not _kept(m, letters, out, dims, i)], i) != _hull(graph, maps, i)
        for i, flag in enumerate(flags)
    )
    return known_by_shape(graph, "whole", maps, given, operation, weights, macs, axes=flags, bound=bound)


def _in_order(graph: Graph, m: Map) -> Map:
    """An axis in patches as a map of patches, whose places are channels: what stays in a patch is in place."""
    return m if whole_atoms(graph, m, range(len(m.dims))) else fold(graph, m)


def _stays(found: Sequence[tuple[Map, str]], out: str, axis: int, size: int) -> bool:
    """Whether an axis, whole, stands under one letter in every operand and in the result."""
    pairs = {
        (letter, run)
        for m, letters in found
        for letter, run in zip(letters, m.dims, strict=True)
        if any(atom.axis == axis for atom in run)
    }
    return len(pairs) == 1 and all(
        letter in out and Atom(axis, size) in run and all(atom.axis not in (CHANNEL, REPEAT) for atom in run)
        for letter, run in pairs
    )


def _outcome(
    found: Sequence[tuple[Map, str]], out: str, shape: Sequence[int], sizes: Sequence[int]
) -> tuple[Dims, set[int]]:
    """The result's dimensions: batch and axes where they were, or where axes of that size were summed over, the rest
    as channels (with steps still to be numbered); and the axes that are in use."""
    runs: dict[str, AtomRun] = {}
    for m, letters in found:
        for letter, run in zip(letters, m.dims, strict=True):
            runs[letter] = runs.get(letter) or run
    gone = [run for letter, run in runs.items() if letter not in out and run and all(a.axis >= 0 for a in run)]
    dims: list[AtomRun] = []
    used: set[int] = set()
    for letter, n in zip(out, shape, strict=True):
        run = runs.get(letter, ())
        if letter not in runs and n > 1 and gone:
            run = gone.pop(0)
            run = run if size_of(run) == n else run_of(run[0].axis, n)
        elif any(a.axis >= 0 and a.size != sizes[a.axis] for a in run):
            run = ()
        axes = {atom.axis for atom in run} - {BATCH_AXIS}
        if run and min(axes, default=0) >= 0 and not axes & used:
            used |= axes
        else:
            run = (Atom(CHANNEL, n, len(dims)),) if n > 1 else ()
        dims.append(run)
    return tuple(dims), used


def _kept(m: Map, letters: str, out: str, dims: Dims, axis: int) -> bool:
    """Whether an operand's places on an axis stay where they are in the result."""
    kept = dict(zip(out, dims, strict=True))
    return any(
        kept.get(letter) == run and any(atom.axis == axis for atom in run)
        for letter, run in zip(letters, m.dims, strict=True)
    )


def _hull(graph: Graph, maps: Sequence[Map], axis: int) -> Any:
    """What all units of the maps see between them along one axis."""
    return union(hull(graph.maps[m.node].axes[axis]).at(0) for m in maps)
