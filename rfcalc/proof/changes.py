"""Which units of every row change when a pixel of the image does: two runs of the program, compared bit for bit.

Each place in the batch is compared with the same place of the run on the unchanged image, for a library may add up in
another order at another place.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..replay.layout import WrongShape, laid_out
from ..replay.rows import Recorded, Sight
from ..replay.run import Memory, Sink, play
from .pixels import Pixel
from .verdict import Changes


def numbers(tensor: Tensor) -> Tensor:
    """The tensor, packed numbers as the whole numbers that they are."""
    return tensor.int_repr() if tensor.is_quantized else tensor


def is_finite(tensor: Tensor) -> bool:
    """Whether all values are finite: their sum tells, or each by itself where the sum alone overflows."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return True
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())


@dataclass(eq=False)
class DrawnModule:
    """A module with one draw of weights, an image, and what the run on it left of every row (`draws.Drawn`)."""

    module: nn.Module
    recorded: Recorded
    dtype: torch.dtype | None
    lanes: int
    """Images in one run."""
    image: Tensor
    values: dict[int, Tensor] = field(default_factory=dict)
    """As the program lays them out."""
    positives: set[int] = field(default_factory=set)
    """Rows none of whose values is below 0."""
    broken: set[int] = field(default_factory=set)
    """Rows that hold NaN or infinity."""
    misfits: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Rows whose tensor has another shape than the table states, with it."""
    strayed: str = ""
    memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        def sink(sight: Sight, tensor: Tensor) -> None:
            tensor = numbers(tensor.detach())
            try:
                self.laid_out(sight, torch.empty_like(tensor, device="meta"))
            except WrongShape:
                self.misfits[sight.node] = tuple(tensor.shape)
                return
            self.values[sight.node] = tensor.clone()
            if not is_finite(tensor):
                self.broken.add(sight.node)
            elif not tensor.is_complex() and bool((tensor >= 0).all()):
                self.positives.add(sight.node)

        self.strayed = self.play(self.images(), sink, first=True)

    def play(self, images: Tensor, sink: Sink, first: bool = False) -> str:
        """A run, each row shown to the sink; says where the program strayed, if it did."""
        with torch.no_grad():
            strayed = play(self.module, self.recorded, images, sink, self.dtype, self.memory, first)
        return "" if strayed is None else str(strayed)

    def images(self, pixels: Sequence[Pixel] = (), step: float = 0.0) -> Tensor:
        """As many copies of the image (channels, sizes…) as one run takes, in each of the first ones one pixel raised,
        in all channels."""
        images = self.image.unsqueeze(0).repeat(self.lanes, *(1 for _ in self.image.shape))
        for i, pixel in enumerate(pixels):
            images[i].movedim(0, -1)[pixel] += step
        return images

    def laid_out(self, sight: Sight, tensor: Tensor) -> Tensor:
        """The tensor of a row as (images, *sizes, channels); raises WrongShape."""
        images = self.lanes if self.recorded.batch > 1 else 1
        found: Tensor = laid_out(tensor, sight.dims, self.recorded.arch.rows[sight.node - 1].out.sizes, images)
        return found

    @property
    def double(self) -> bool:
        return self.dtype is not None

    @property
    def seen(self) -> Collection[int]:
        return self.values

    def weighed(self, node: int) -> bool:
        call = self.recorded.observed.get(node)
        return call is None or self.memory.weighed.get(call, True)

    def positive(self, node: int) -> bool:
        return node in self.positives

    def same(self, node: int, source: int) -> bool:
        new, old = self.values.get(node), self.values.get(source)
        return new is not None and old is not None and torch.equal(new, old)

    def changes(self, pixels: Sequence[Pixel], step: float) -> Changes:
        out = Changes()

        def sink(sight: Sight, tensor: Tensor) -> None:
            tensor, old = numbers(tensor.detach()), self.values.get(sight.node)
            if old is None or old.shape != tensor.shape:
                return
            out.changed[sight.node] = self.laid_out(sight, tensor != old).any(-1).numpy()
            if sight.node in self.broken or not is_finite(tensor):
                fine = torch.isfinite(tensor) & torch.isfinite(old)
                out.broken[sight.node] = ~self.laid_out(sight, fine).all(-1).numpy()

        self.play(self.images(pixels, step), sink)
        return out

    def of_row(self, images: Tensor, node: int) -> Tensor | None:
        """The values of one row: (images, *sizes, channels)."""
        out: list[Tensor] = []

        def sink(sight: Sight, tensor: Tensor) -> None:
            if sight.node == node:
                out.append(self.laid_out(sight, numbers(tensor.detach())).clone())

        self.play(images, sink)
        return out[0] if out else None

    def alone(self, node: int, pixel: Pixel, step: float) -> tuple[Any, Any] | None:
        still, raised = self.images(), self.images([pixel], step)
        old, again, new = (self.of_row(images, node) for images in (still, still, raised))
        if old is None or again is None or new is None or not torch.equal(old, again):
            return None
        return old[0].to(torch.float64).numpy(), new[0].to(torch.float64).numpy()
