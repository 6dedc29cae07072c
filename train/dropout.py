"""Dropout whose mask costs little on a CPU.

torch 2.13 draws a CPU's dropout mask one number after another on one thread: more than half of a training step of the
networks at hand (`python tests/benchmarks/training.py`). Here 64 random bits make four entries of a mask.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

LEVELS = 1 << 16
"""A mask entry is drawn with 16 bits, so a rate is met to within 1/131,072."""


class Dropout(nn.Dropout):
    """torch.nn.Dropout: the same distribution, drawn otherwise on a CPU. torch.manual_seed seeds it as well."""

    def forward(self, x: Tensor) -> Tensor:
        dropped = round(self.p * LEVELS)
        if not self.training or x.device.type != "cpu" or not 0 < dropped < LEVELS:
            return super().forward(x)
        return x * kept(x, dropped)


def kept(x: Tensor, dropped: int) -> Tensor:
    """A mask for `x`, in its shape, type and layout: 0 with probability `dropped` in 65,536, else the factor that keeps
    the mean."""
    draw = np.random.Generator(np.random.SFC64(int(torch.randint(2**63 - 1, ()))))
    words = draw.integers(0, 2**64 - 1, size=-(-x.numel() // 4), dtype=np.uint64, endpoint=True)
    bits = torch.from_numpy(words.view(np.int16)[: x.numel()])
    flat = bits.ge_(dropped - LEVELS // 2).to(x.dtype).mul_(LEVELS / (LEVELS - dropped))
    like = torch.empty_like(x)  # dense, whatever x is
    return flat.as_strided(like.shape, like.stride())


def exchange_dropout(net: nn.Module) -> None:
    """Puts this dropout in the place of torch's, everywhere inside `net`."""
    for module in net.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, Dropout(child.p))
