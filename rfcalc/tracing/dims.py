"""Where the values of a map stand in a tensor, so that views, permutes and slices are followed without a framework.

Each dimension of a tensor is a run of atoms, the first one outermost: an atom walks along one axis of the map (or its
channels, or the images of the batch) in steps. A 2x3 map with 4 channels as torch has it is (batch)(c)(0)(1); after
`flatten(1)` it is (batch)(c 0 1), after `view(b, 2, 2, 2, 3)` (batch)(c: 2 of step 2)(c: 2 of step 1)(0)(1). A
dimension of size 1 has no atoms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import NamedTuple

CHANNEL = -1
BATCH_AXIS = -2
REPEAT = -3
"""No axis at all: the same value again and again (torch.Tensor.expand)."""


class Atom(NamedTuple):
    """`size` places along one axis of the map, `step` units apart."""

    axis: int
    size: int
    step: int = 1


AtomRun = tuple[Atom, ...]
Dims = tuple[AtomRun, ...]


def run_of(axis: int, size: int) -> AtomRun:
    """The one atom that is a whole axis; none where its size is 1."""
    return (Atom(axis, size),) if size > 1 else ()


def canonical(batch: int, channels: int, sizes: Sequence[int], flat: bool) -> Dims:
    """Batch, channels, then each axis: how torch's layers want a map.

    >>> shape_of(canonical(2, 3, (8, 1), False))
    (2, 3, 8, 1)
    """
    axes = () if flat else tuple(run_of(i, size) for i, size in enumerate(sizes))
    return (run_of(BATCH_AXIS, batch), run_of(CHANNEL, channels), *axes)


def size_of(run: AtomRun) -> int:
    return prod(atom.size for atom in run)


def shape_of(dims: Dims) -> tuple[int, ...]:
    return tuple(size_of(run) for run in dims)


def merged_atoms(atoms: Iterable[Atom]) -> AtomRun:
    """Neighbouring atoms as one where they walk on as one."""
    out: list[Atom] = []
    for atom in atoms:
        last = out[-1] if out else None
        if last and last.axis == atom.axis and last.step == atom.size * atom.step:
            out[-1] = Atom(atom.axis, last.size * atom.size, atom.step)
        else:
            out.append(atom)
    return tuple(out)


def reshaped(dims: Dims, shape: Sequence[int]) -> Dims | None:
    """The same values in the same order under another shape; None where a dimension would cut through an atom.

    >>> reshaped(((Atom(-1, 6),), (Atom(0, 4),)), (3, 2, 4))
    ((Atom(axis=-1, size=3, step=2),), (Atom(axis=-1, size=2, step=1),), (Atom(axis=0, size=4, step=1),))
    """
    rest = [atom for run in reversed(dims) for atom in reversed(run)]
    out = []
    for size in shape:
        run: list[Atom] = []
        left = size
        while left > 1:
            if not rest:
                return None
            atom = rest.pop()
            if left % atom.size == 0:
                run.append(atom)
                left //= atom.size
            elif atom.size % left == 0:
                inner = atom.size // left
                run.append(Atom(atom.axis, left, atom.step * inner))
                rest.append(Atom(atom.axis, inner, atom.step))
                left = 1
            else:
                return None
        out.append(merged_atoms(run))
    return None if rest else tuple(out)


def atoms_of(dims: Iterable[AtomRun], axis: int) -> list[Atom]:
    """The atoms that walk along one axis, in the order of the tensor."""
    return [atom for run in dims for atom in run if atom.axis == axis]


def is_channels(run: AtomRun) -> bool:
    """Whether a dimension holds channels and nothing else."""
    return bool(run) and all(atom.axis == CHANNEL for atom in run)


def values_of(dims: Dims) -> int:
    """How many values of one image's map the dimensions hold, each counted once."""
    return prod(atom.size for run in dims for atom in run if atom.axis > BATCH_AXIS)


def repeats(dims: Iterable[AtomRun]) -> int:
    """How often the dimensions hold each value.

    >>> repeats(((Atom(REPEAT, 5),), (Atom(CHANNEL, 3),)))
    5
    """
    return prod(atom.size for atom in atoms_of(dims, REPEAT))


def renumbered(dims: Dims, old: Iterable[Atom]) -> Dims:
    """The given atoms, in the order of the tensor, as the channels of a new map, the last one innermost."""
    wanted, step = set(old), 1
    out: list[AtomRun] = []
    for run in reversed(dims):
        atoms: list[Atom] = []
        for atom in reversed(run):
            if atom in wanted:
                atoms.append(Atom(CHANNEL, atom.size, step))
                step *= atom.size
            else:
                atoms.append(atom)
        out.append(merged_atoms(reversed(atoms)))
    return tuple(reversed(out))


def with_run(dims: Dims, dim: int, run: AtomRun) -> Dims:
    return (*dims[:dim], run, *dims[dim + 1 :])


def compact(dims: Dims) -> Dims:
    """Channels whose steps have gaps, because some of their atoms are gone, numbered without gaps in the same order."""
    step, steps = 1, {}
    for atom in sorted(atoms_of(dims, CHANNEL), key=lambda atom: atom.step):
        steps[atom] = atom._replace(step=step)
        step *= atom.size
    return tuple(tuple(steps.get(atom, atom) for atom in run) for run in dims)


def without(dims: Dims, axis: int) -> Dims:
    return tuple(tuple(atom for atom in run if atom.axis != axis) for run in dims)
