"""The gradient of one unit of any row of a module's table by its images: the module's own forward and backward."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..engine.arch import Row
from ..engine.layers.sources import is_blind
from ..engine.reach import places_read
from ..errors import RfcalcError
from ..tracing.user_code import PROGRAM_ERRORS, from_signal, told
from .layout import WrongShape, complex_parts, laid_out
from .ready import as_it_is, borrowed
from .rows import Recorded, Sight
from .run import play

LOWER = (torch.float16, torch.bfloat16)
"""Types of numbers too coarse for a gradient to be read off; the same weights are then taken in float32."""


class Spot(NamedTuple):
    """What of a row is looked at: units along each axis, and the channels."""

    node: int
    units: tuple[tuple[int, ...], ...]
    channels: slice = slice(None)


def spot_of(recorded: Recorded, row: Row, unit: Sequence[int]) -> Spot | None:
    """Where a unit of a row can be seen: in its own tensor or, for a row that is made and used inside one call and
    only moves values about, in the row that it takes them from. None where it cannot."""
    spot = Spot(row.index, tuple((u,) for u in unit))
    while spot.node not in recorded.observed:
        row = recorded.arch.rows[spot.node - 1]
        if row.layer.joins or row.node.inputs[0] == 0:
            return None
        before = before_move(row, spot)
        if before is None:
            return None
        spot = before
    return spot


MOVING_OPS = frozenset(["unflatten", "pad", "unfold", "pixel_unshuffle", "pixel_shuffle", "upsample", "expand"])
STAYS = frozenset(["channel_mix", "channel_shuffle", "identity"])


def before_move(row: Row, spot: Spot) -> Spot | None:
    """The same values one row further up; None for a row that works something out."""
    source, op = row.node.inputs[0], row.layer.op
    if op == "channel_slice" and spot.channels == slice(None):
        layer: Any = row.layer
        return Spot(source, spot.units, slice(layer.start, layer.stop, layer.step))
    if op in STAYS:
        return spot._replace(node=source, channels=slice(None))
    sizes = row.x.sizes
    if op == "flatten":
        return Spot(source, tuple(tuple(range(size)) for size in sizes))
    if op not in MOVING_OPS and not (op == "max_pool" and max(w.kernel_size for w in row.windows) == 1):
        return None
    taps = row.layer.taps(row.x)
    units = [
        tuple(sorted({p for u in us for p in places_read(tap, u) if 0 <= p < size}))
        for us, tap, size in zip(spot.units, taps, sizes, strict=True)
    ]
    return Spot(source, tuple(units)) if all(units) else None


def run_type(module: nn.Module) -> torch.dtype:
    """The type of numbers in which a module is measured: its own, but float32 for a coarser one."""
    types = [p.dtype for p in module.parameters() if p.is_floating_point() or p.is_complex()]
    first = types[0] if types else torch.float32
    return {torch.complex64: torch.float32, torch.complex128: torch.float64}.get(
        first, torch.float32 if first in LOWER or not first.is_floating_point else first
    )


def gradients_of(
    module: nn.Module, recorded: Recorded, row: Row, unit: Sequence[int], images: Tensor, batch: int
) -> Tensor:
    """The gradient of a unit, its channels added up, by each of the images: (images, channels, sizes…). The module runs
    with its own weights in evaluation mode, on a copy. Raises RfcalcError where no gradient leads to the image."""
    spot = spot_of(recorded, row, unit)
    if spot is None:
        raise RfcalcError(f"{row.name}: its values are made and used inside one call, where they cannot be seen")
    dtype = run_type(module)
    parts = []
    with borrowed(module, as_it_is(dtype)) as ready:
        for portion in torch.split(images, batch if recorded.batch > 1 else 1):
            x = portion.detach().to(dtype, copy=True).requires_grad_()
            parts.append(one_batch(ready, recorded, row, spot, x, dtype))
    return torch.cat(parts)


GRADIENT_WAYS: tuple[Callable[[], AbstractContextManager[Any]], ...] = (
    torch.enable_grad,
    torch.autograd.graph.allow_mutation_on_saved_tensors,
)
"""Ways to run a program for its gradient: as it is or, where it writes into what its own backward needs, with that kept
from its writes, which costs a copy of each."""
OVERWRITTEN = "modified by an inplace operation"
"""What torch says of such a program."""


def one_batch(module: nn.Module, recorded: Recorded, row: Row, spot: Spot, x: Tensor, dtype: torch.dtype) -> Tensor:
    for number, way in enumerate(GRADIENT_WAYS):
        try:
            with torch.enable_grad(), way():
                return gradient_of_one(module, recorded, row, spot, x, dtype)
        except WrongShape as error:
            raise RfcalcError(f"{row.name}: its tensor has another shape on values: {error}") from None
        except PROGRAM_ERRORS as error:
            if from_signal(error):
                raise
            if number or OVERWRITTEN not in str(error):
                raise told(error, f"while {recorded.arch.name} ran on values") from error
    raise AssertionError("the last way has returned or raised")


def gradient_of_one(
    module: nn.Module, recorded: Recorded, row: Row, spot: Spot, x: Tensor, dtype: torch.dtype
) -> Tensor:
    """The gradient by one batch of images; raises RfcalcError where there is none, and whatever the program raises."""
    found: list[Tensor] = []
    sizes = recorded.arch.rows[spot.node - 1].out.sizes

    def sink(sight: Sight, tensor: Tensor) -> None:
        if sight.node == spot.node and tensor.requires_grad:
            # taken at once: a layer that follows may work in place
            found.append((complex_parts(tensor) * chosen(tensor, sight, spot, sizes, len(x))).sum())

    with plain_checkpoints():
        strayed = play(module, recorded, x.clone(), sink, dtype, tiles=True)  # a copy, which the program may write into
    value = found[0] if found else None
    gradient = None if value is None else torch.autograd.grad(value, x, allow_unused=True)[0]
    if gradient is None:
        why = f" ({strayed})" if strayed and not found else ""
        raise RfcalcError(f"{row.name}: it does not depend on the image by any gradient{why}")
    return gradient


@contextmanager
def plain_checkpoints() -> Iterator[None]:
    """Checkpointed parts are called as they are meanwhile: one kind gives no gradient of single values, the other
    counts what its parts keep for backward, and what looks at a row keeps more."""
    checkpoint: Any = sys.modules.get("torch.utils.checkpoint")
    if checkpoint is None:
        yield
        return
    generator = checkpoint._checkpoint_without_reentrant_generator
    checkpoint._checkpoint_without_reentrant_generator = lambda *args, **kwargs: iter([None])  # nothing around the call
    checkpoint.CheckpointFunction.apply = staticmethod(lambda run, preserve, *args: run(*args))
    try:
        yield
    finally:
        checkpoint._checkpoint_without_reentrant_generator = generator
        del checkpoint.CheckpointFunction.apply  # what is inherited shows again


def chosen(tensor: Tensor, sight: Sight, spot: Spot, sizes: Sequence[int], images: int) -> Tensor:
    """1 where a tensor holds a value of the spot, else 0, laid out in memory as the tensor is: batch norm's backward on
    CPUs (torch 2.13) gives garbage for one image whose gradient is laid out otherwise."""
    numbers = torch.arange(tensor.numel()).reshape(tensor.shape)
    values = laid_out(numbers, sight.dims, sizes, images)[..., spot.channels]
    for axis, units in enumerate(spot.units):
        values = values.index_select(axis + 1, torch.tensor(units))
    flat = torch.zeros(tensor.numel(), dtype=complex_parts(tensor).dtype)
    flat[values.flatten()] = 1
    mask = torch.zeros_like(complex_parts(tensor.detach()))
    mask[...] = flat.reshape(tensor.shape).reshape(*tensor.shape, *(1 for _ in mask.shape[tensor.dim() :]))
    return mask


def default_row(recorded: Recorded) -> Row:
    """The last row in front of global pooling that can be seen, depends on the image and has more than one unit; else
    the last that can be seen and depends on it."""
    arch = recorded.arch
    last = arch.global_row.node.inputs[0] if arch.global_row else len(arch.rows)
    seen = [row for row in arch.rows if row.index in recorded.observed and not is_blind(row.out)]
    wide = [row for row in seen if row.index <= max(last, 1) and max(row.out.sizes) > 1]
    if not seen:
        raise RfcalcError(f"{arch.name}: none of its rows can be seen in its run")
    return (wide or seen)[-1]
