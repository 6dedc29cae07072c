"""Which units of every row change when a pixel of the image does: two runs of the program, compared bit for bit.

Each place in the batch is compared with the same place of the run on the unchanged image, for a library may add up in
another order at another place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ..engine.arch import Row
from ..replay.layout import WrongShape, laid_out
from ..replay.rows import Recorded, Sight
from ..replay.run import Memory, Strayed, play
from .verdict import Changes


@dataclass(slots=True)
class Still:
    """What the run on the unchanged image leaves of every row."""

    values: dict[int, Tensor] = field(default_factory=dict)
    """As the program lays them out."""
    positive: set[int] = field(default_factory=set)
    """Rows none of whose values is below 0."""
    broken: set[int] = field(default_factory=set)
    """Rows that hold NaN or infinity."""
    misfits: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Rows whose tensor has another shape than the table states, with it."""
    strayed: Strayed | None = None


def numbers(tensor: Tensor) -> Tensor:
    """The tensor, packed numbers as the whole numbers that they are."""
    return tensor.int_repr() if tensor.is_quantized else tensor


def is_finite(tensor: Tensor) -> bool:
    """Whether all values are finite: their sum tells, or each by itself where the sum alone overflows."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return True
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())


@dataclass(frozen=True, eq=False)
class ReadyModule:
    """A module that is ready, with what is known of it."""

    module: nn.Module
    recorded: Recorded
    dtype: torch.dtype | None
    lanes: int
    """Images in one run."""
    memory: Memory = field(default_factory=Memory)

    def row(self, node: int) -> Row:
        return self.recorded.arch.rows[node - 1]

    def laid_out(self, sight: Sight, tensor: Tensor) -> Tensor:
        """The tensor of a row as (images, *sizes, channels); raises Misfit."""
        images = self.lanes if self.recorded.batch > 1 else 1
        found: Tensor = laid_out(tensor, sight.dims, self.row(sight.node).out.sizes, images)
        return found

    def still(self, images: Tensor) -> Still:
        """The run on the unchanged image."""
        out = Still()

        def sink(sight: Sight, tensor: Tensor) -> None:
            tensor = numbers(tensor.detach())
            try:
                self.laid_out(sight, torch.empty_like(tensor, device="meta"))
            except WrongShape:
                out.misfits[sight.node] = tuple(tensor.shape)
                return
            out.values[sight.node] = tensor.clone()
            if not is_finite(tensor):
                out.broken.add(sight.node)
            elif not tensor.is_complex() and bool((tensor >= 0).all()):
                out.positive.add(sight.node)

        with torch.no_grad():
            out.strayed = play(self.module, self.recorded, images, sink, self.dtype, self.memory, first=True)
        return out

    def changes(self, images: Tensor, still: Still) -> Changes:
        """A run on images of which some differ from the unchanged one."""
        out = Changes()

        def sink(sight: Sight, tensor: Tensor) -> None:
            tensor, old = numbers(tensor.detach()), still.values.get(sight.node)
            if old is None or old.shape != tensor.shape:
                return
            out.changed[sight.node] = self.laid_out(sight, tensor != old).any(-1).numpy()
            if sight.node in still.broken or not is_finite(tensor):
                fine = torch.isfinite(tensor) & torch.isfinite(old)
                out.broken[sight.node] = ~self.laid_out(sight, fine).all(-1).numpy()

        with torch.no_grad():
            play(self.module, self.recorded, images, sink, self.dtype, self.memory, first=False)
        return out

    def of_row(self, images: Tensor, node: int) -> Tensor | None:
        """The values of one row: (images, *sizes, channels)."""
        out: list[Tensor] = []

        def sink(sight: Sight, tensor: Tensor) -> None:
            if sight.node == node:
                out.append(self.laid_out(sight, numbers(tensor.detach())).clone())

        with torch.no_grad():
            play(self.module, self.recorded, images, sink, self.dtype, self.memory, first=False)
        return out[0] if out else None


def changed_images(image: Tensor, pixels: Sequence[tuple[int, ...]], step: float, lanes: int) -> Tensor:
    """`lanes` copies of an image (channels, sizes…), in each of the first ones one pixel raised, in all channels."""
    images = image.unsqueeze(0).repeat(lanes, *(1 for _ in image.shape))
    for i, pixel in enumerate(pixels):
        images[i].movedim(0, -1)[pixel] += step
    return images
