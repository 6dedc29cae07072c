"""A tensor of the user's program, torch's or numpy's, in one order: images, then each axis of the map, then its
channels."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ..tracing.dims import BATCH_AXIS, CHANNEL, REPEAT, Dims


class WrongShape(Exception):
    """A tensor whose shape is not the one that its row states."""


def laid_out(tensor: Any, dims: Dims, sizes: Sequence[int], batch: int) -> Any:
    """The tensor as (batch, *sizes, channels); `dims` says how its dimensions hold the map, whose batch was traced with
    another number of images. Of a complex number both parts count as channels. Raises WrongShape.

    >>> import torch
    >>> from rfcalc.tracing.dims import canonical
    >>> laid_out(torch.zeros(5, 3 * 4), ((*canonical(2, 3, (4,), False)[0],), (canonical(2, 3, (4,), False)[1][0],
    ...     canonical(2, 3, (4,), False)[2][0])), (4,), 5).shape
    torch.Size([5, 4, 3])
    """
    atoms = [
        [
            (atom.axis, batch if atom.axis == BATCH_AXIS else atom.size, atom.step)
            for atom in run
            if atom.axis != BATCH_AXIS or batch
        ]
        for run in dims
    ]
    shape = tuple(prod(size for _, size, _ in run) for run in atoms)
    if shape != tuple(tensor.shape):
        raise WrongShape(f"{tuple(tensor.shape)}, not {shape}")
    parts = [atom for run in atoms for atom in run]
    x = complex_parts(tensor)
    x = x.reshape([size for _, size, _ in parts] + list(x.shape[len(shape) :]))
    for i in reversed([i for i, (axis, _, _) in enumerate(parts) if axis == REPEAT]):
        x = x[(slice(None),) * i + (0,)]
    kept = [atom for atom in parts if atom[0] != REPEAT]
    order = sorted(range(len(kept)), key=lambda i: rank(kept[i]))
    x = getattr(x, "permute", x.transpose)([*order, *range(len(kept), x.ndim)])
    images = prod(size for axis, size, _ in kept if axis == BATCH_AXIS)
    if images * prod(sizes) == 0 or prod(x.shape) % (images * prod(sizes)):
        raise WrongShape(f"{tuple(tensor.shape)} for a map of {tuple(sizes)}")
    return x.reshape(images, *sizes, -1)


def complex_parts(tensor: Any) -> Any:
    """A complex tensor of torch as pairs of numbers."""
    if getattr(tensor, "is_complex", None) and tensor.is_complex():
        import torch

        return torch.view_as_real(tensor)
    return tensor


def rank(atom: tuple[int, int, int]) -> tuple[int, int, int]:
    """Images first, then the axes, then the channels; of one axis the widest steps first."""
    axis, _, step = atom
    return ({BATCH_AXIS: 0, CHANNEL: 2}.get(axis, 1), axis, -step)
