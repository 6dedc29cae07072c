"""Batch norm and the activation behind it, or the ReLU before it, in one, for specs that train on a CPU.

torch reads and writes the whole map for each of the two, and in a small network that is most of a training step. The
kernels (norm.cpp) are compiled by the compiler of the machine that trains; without one, or where they are not right or
not faster, torch's own layers stay.
"""

from __future__ import annotations

import time
from ctypes import CDLL, c_double, c_int, c_long, c_void_p
from dataclasses import dataclass
from functools import cache
from math import gcd
from typing import Any

import torch
from torch import Tensor, nn

from rfcalc.network import ModuleStep, Network

from . import compiled

SOURCE = "norm.cpp"
PAIRS: dict[tuple[type[nn.Module], type[nn.Module]], int] = {
    (nn.Identity, nn.Identity): 0, (nn.Identity, nn.ReLU): 1, (nn.Identity, nn.SiLU): 2, (nn.ReLU, nn.Identity): 3,
}  # fmt: skip
"""What the kernels know before and behind a norm, and its number there."""
ROUNDING = {torch.float32: 1e-5, torch.bfloat16: 0.01}
"""The relative error that a map or a gradient may have against float64."""
LANES = 16
"""Numbers that the kernels work on at once."""
WIDE = 128
"""Numbers that one line of their loops has at least."""
WORTH = 500
"""Steps of a run that repay the seconds in which the kernels are compiled and tried out."""


@dataclass(frozen=True)
class Kernel:
    """One layer's kernels, and what they are told besides the tensors."""

    library: CDLL
    around: int
    channels: int
    eps: float

    @property
    def fold(self) -> int:
        """Pixels that lie side by side in one line: as many as fill whole vectors, and enough of them."""
        fold = LANES // gcd(self.channels, LANES)
        while self.channels * fold < WIDE:
            fold *= 2
        return fold

    def takes(self, x: Tensor) -> bool:
        """Whether a map (N, C, H, W) has the type and the layout that the kernels know."""
        pixels = x.numel() // self.channels
        known = x.dtype in ROUNDING and x.is_contiguous(memory_format=torch.channels_last)
        return known and pixels > 1 and pixels % self.fold == 0

    def numbers(self, x: Tensor) -> tuple[Any, ...]:
        kind = c_int(x.dtype == torch.bfloat16), c_int(self.around), c_long(x.numel() // self.channels)
        return *kind, c_int(self.channels), c_int(self.fold), c_int(torch.get_num_threads())

    def forward(self, x: Tensor, vectors: tuple[Tensor, ...], measured: bool = False) -> Tensor:
        """The map made, with (weight, bias, mean, biased variance); writes the last two unless they were measured."""
        made, (weight, bias, mean, var) = torch.empty_like(x), vectors
        self.library.norm_forward(*places(x, made), *self.numbers(x), *places(weight, bias), c_double(self.eps),
                                  c_int(measured), *places(mean, var))  # fmt: skip
        return made

    def backward(self, x: Tensor, gradient: Tensor, vectors: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """The gradients of map, weight and bias."""
        weight, bias, mean, var = vectors
        found = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)
        self.library.norm_backward(*places(x, gradient, found[0]), *self.numbers(x), *places(weight, bias),
                                   c_double(self.eps), *places(mean, var, *found[1:]))  # fmt: skip
        return found


def places(*tensors: Tensor) -> list[c_void_p]:
    return [c_void_p(tensor.data_ptr()) for tensor in tensors]


class Normed(torch.autograd.Function):
    """Forward and backward by the kernels; the map before the norm is the only one kept between the two."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, kernel: Kernel) -> tuple[Tensor, Tensor, Tensor]:
        mean, var = torch.empty_like(weight), torch.empty_like(weight)
        made = kernel.forward(x, (weight, bias, mean, var))
        ctx.kernel = kernel
        ctx.save_for_backward(x, weight, bias, mean, var)
        ctx.mark_non_differentiable(mean, var)
        return made, mean, var

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, *vectors = ctx.saved_tensors
        gradient = gradients[0].to(x.dtype).contiguous(memory_format=torch.channels_last)
        return *ctx.kernel.backward(x, gradient, tuple(vectors)), None


class FusedNorm(nn.BatchNorm2d):
    """A batch norm with one of PAIRS around it; weights and buffers are those of the norm that it replaces.

    Maps that the kernels do not take, and gradients through statistics that are given, go through torch's own.
    """

    def __init__(self, library: CDLL, before: nn.Module, norm: nn.BatchNorm2d, behind: nn.Module) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self._parameters, self._buffers, self.training = norm._parameters, norm._buffers, norm.training
        self.kernel = Kernel(library, PAIRS[type(before), type(behind)], norm.num_features, norm.eps)
        self.around = before, behind  # in a tuple, so that they are no modules with names of their own

    def forward(self, x: Tensor) -> Tensor:
        mean, var, momentum = self.running_mean, self.running_var, self.momentum
        assert mean is not None
        assert var is not None
        assert momentum is not None
        if not self.kernel.takes(x) or (torch.is_grad_enabled() and not self.training):
            before, behind = self.around
            return behind(super().forward(before(x)))  # type: ignore[no-any-return]
        if not self.training:
            return self.kernel.forward(x, (self.weight, self.bias, mean, var), measured=True)
        made, batch_mean, batch_var = Normed.apply(x, self.weight, self.bias, self.kernel)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
            mean.lerp_(batch_mean, momentum)
            pixels = x.numel() // self.num_features
            var.lerp_(batch_var * (pixels / (pixels - 1)), momentum)
        return made  # type: ignore[no-any-return]


@cache
def usable() -> CDLL | None:
    """The kernels, where there are any, they are right, and they take less time than torch's own layers."""
    library = compiled.library(SOURCE)
    if library is None or not compiled.threads_agree():
        return None
    times = [compared(library, before(), behind(), dtype) for dtype in ROUNDING for before, behind in PAIRS]
    return library if sum(own for own, _ in times) < sum(torchs for _, torchs in times) else None


def compared(library: CDLL, before: nn.Module, behind: nn.Module, dtype: torch.dtype) -> tuple[float, float]:
    """Seconds of the kernels and of torch's own layers on one map, forward and backward; infinity where the kernels'
    map or gradients are wrong."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x = torch.randn(32, 24, 16, 16).mul(2).add(1).to(dtype).contiguous(memory_format=torch.channels_last)
        push = torch.randn_like(x)

    def run(net: nn.Module, number: torch.dtype) -> tuple[float, list[Tensor]]:
        best, given = float("inf"), x.to(number).requires_grad_()
        for _ in range(3):
            begin = time.perf_counter()
            made = net(given)
            found = torch.autograd.grad(made, [given, *net.parameters()], push.to(number))
            best = min(best, time.perf_counter() - begin)
        return best, [made.detach(), *found]

    norm = nn.BatchNorm2d(x.shape[1])
    _, expected = run(nn.Sequential(before, nn.BatchNorm2d(x.shape[1]).double(), behind), torch.float64)
    plain, _ = run(nn.Sequential(before, nn.BatchNorm2d(x.shape[1]), behind), dtype)
    own, found = run(FusedNorm(library, before, norm, behind), dtype)
    errors = [float((a - b).norm() / b.norm()) for a, b in zip(found, expected, strict=True)]
    return own if all(error < ROUNDING[dtype] for error in errors) else float("inf"), plain


def fuse(net: nn.Module) -> nn.Module:
    """Puts a FusedNorm in the place of each batch norm of a spec's network, and nothing in that of the activation that
    alone reads its map, or of the ReLU whose map it alone reads; the network is changed. Parameters and buffers keep
    their names, and stay the same tensors."""
    library = usable()
    if library is None or not isinstance(net, Network):
        return net
    for place, step in enumerate(net.steps, 1):
        norm = net.module(step)
        if type(norm) is not nn.BatchNorm2d or norm.momentum is None or not (norm.affine and norm.track_running_stats):
            continue
        above, below = net.steps[step.inputs[0] - 1], readers(net, place)
        before = net.module(above) if step.inputs[0] and len(readers(net, step.inputs[0])) == 1 else nn.Identity()
        behind = net.module(below[0]) if len(below) == 1 else nn.Identity()
        if type(behind) is not nn.Identity and (nn.Identity, type(behind)) in PAIRS:
            net.put(step, FusedNorm(library, nn.Identity(), norm, behind))
            net.put(below[0], nn.Identity())
        elif type(before) is nn.ReLU:
            net.put(step, FusedNorm(library, before, norm, nn.Identity()))
            net.put(above, nn.Identity())
        else:
            net.put(step, FusedNorm(library, nn.Identity(), norm, nn.Identity()))
    return net


def readers(net: Network, place: int) -> list[ModuleStep]:
    """The steps that read the map of a place."""
    return [step for step in net.steps if place in step.inputs]
