"""Dropout that costs little on a CPU.

torch 2.13 draws a CPU's dropout mask one number after another on one thread: more than half of a training step of the
networks at hand (`python tests/benchmarks/training.py`). It is cheaper to draw which entries are dropped than to ask
every entry: from one dropped entry to the next it is a geometric step.
"""

from __future__ import annotations

from math import isqrt, log1p
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class FastDropout(nn.Dropout):
    """torch.nn.Dropout: the same distribution, drawn otherwise on a CPU. torch.manual_seed seeds it as well."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or x.device.type != "cpu" or not 0 < self.p < 1 or not x.numel():
            return super().forward(x)
        places = torch.from_numpy(dropped(x.numel(), self.p, int(torch.randint(2**63 - 1, ()))))
        return Thinned.apply(x, places, 1 / (1 - self.p))  # type: ignore[no-any-return, no-untyped-call]


def dropped(count: int, p: float, seed: int) -> NDArray[np.int64]:
    """Places from 0 to count - 1 in order, each there with probability p and on its own.

    The steps between them are geometric: an exponential number over -log(1 - p), rounded up (Devroye 1986, Non-Uniform
    Random Variate Generation, chapter X.2).
    """
    draw, rate = np.random.Generator(np.random.SFC64(seed)), -log1p(-p)
    expected = int(count * p)
    size = expected + 2 * isqrt(expected) + 1
    found, last = [], -1
    while last < count:
        far = np.minimum(draw.standard_exponential(size), (count + 1) * rate)  # a tiny p makes steps beyond any integer
        found.append(((far / rate).astype(np.int64) + 1).cumsum() + last)
        last = int(found[-1][-1])
    places = np.concatenate(found)
    return places[: np.searchsorted(places, count)]


class Thinned(torch.autograd.Function):
    """x times a factor, and 0 at the places given, counted as the entries lie in memory; so is the gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, places: Tensor, factor: float) -> Tensor:
        made = torch.empty_like(x)  # dense, whatever x is
        ctx.stride, ctx.factor = made.stride(), factor
        ctx.save_for_backward(places)
        return thinned_tensor(x, made, places, factor)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        made = torch.empty_strided(grad.shape, ctx.stride, dtype=grad.dtype)
        (places,) = ctx.saved_tensors
        return thinned_tensor(grad, made, places, ctx.factor), None, None


def thinned_tensor(x: Tensor, made: Tensor, places: Tensor, factor: float) -> Tensor:
    torch.mul(x, factor, out=made)
    made.as_strided((made.numel(),), (1,)).index_fill_(0, places, 0)
    return made


def exchange_dropout(net: nn.Module) -> None:
    """Puts this dropout in the place of torch's, everywhere inside `net`."""
    for module in net.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, FastDropout(child.p))
