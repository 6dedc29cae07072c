"""Weight gradients of convolutions by the CPU's tiles (AMX), for networks that train in bf16 and channels_last.

torch's own take most of a training step there, two to four times what their multiplications take in the forward pass.
The kernels (tiles.cpp) sum in float32 and hand the sums on as they are, where torch's are rounded to bf16.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from ctypes import CDLL, c_int, c_void_p
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from . import compiled
from .record import said_of_cpu

SOURCE = "tiles.cpp"
BLOCK = 32
"""Channels, and filters, that the kernels multiply at once."""
ROUNDING = 1e-4
"""The relative error that a gradient may have against float64; bf16's own rounding leaves 0.002."""
Pair = tuple[int, int]


def has_tiles() -> bool:
    """Whether the CPU has tiles, as Linux tells it."""
    return "amx_bf16" in said_of_cpu("flags").split()


@cache
def usable() -> CDLL | None:
    """The kernels, where the CPU has tiles that this process may use, they are right, and faster than torch's own."""
    library = compiled.library(SOURCE) if has_tiles() else None
    if library is None or not compiled.threads_agree() or not library.may_use_tiles():
        return None
    own, torchs = compared(library)
    return library if own < torchs else None


def compared(library: CDLL) -> tuple[float, float]:
    """Seconds of the kernels and of torch's own for one convolution; infinity where the kernels are wrong."""
    layer = nn.Conv2d(64, 64, 3, padding=1, bias=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        x, push = (laid_out(torch.randn(32, 64, 8, 8).bfloat16()) for _ in range(2))
    weight = laid_out(layer.weight.detach())
    exact = torchs_own(layer, x.double(), weight.double(), push.double(), [False, True, False])[1]
    error = float((weight_gradient(library, layer, x, push) - exact).norm() / exact.norm())

    def best(run: Callable[[], Any]) -> float:
        seconds = []
        for _ in range(5):
            begin = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - begin)
        return min(seconds)

    own = best(lambda: weight_gradient(library, layer, x, push))
    torchs = best(lambda: torchs_own(layer, x, weight.bfloat16(), push, [False, True, False]))
    return own if error < ROUNDING else float("inf"), torchs


def weight_gradient(library: CDLL, layer: nn.Conv2d, x: Tensor, push: Tensor) -> Tensor:
    """The gradient (filters, channels, height, width) in float32, channels last, of maps x and push (N, C, H, W) in
    bf16, channels last."""
    (rows, columns), shape = layer.kernel_size, (*x.shape, *push.shape[1:])
    made = torch.empty(push.shape[1], rows, columns, x.shape[1])
    about = (*shape, rows, columns, *layer.stride, *pads(layer), *layer.dilation)
    library.weight_gradient(
        *(c_void_p(tensor.data_ptr()) for tensor in (x, push)),
        (c_int * len(about))(*about),
        c_int(torch.get_num_threads()),
        c_void_p(made.data_ptr()),
    )
    return made.permute(0, 3, 1, 2)


def torchs_own(layer: nn.Conv2d, x: Tensor, weight: Tensor, push: Tensor, asked: list[bool]) -> tuple[Tensor, ...]:
    """torch's gradients of map, weight and bias, those that are asked for."""
    return torch.ops.aten.convolution_backward(  # type: ignore[no-any-return]
        push, x, weight, None, layer.stride, pads(layer), layer.dilation, False, [0, 0], 1, asked
    )


def pads(layer: nn.Conv2d) -> Pair:
    """The zeros around a map, which suits() has found to be the same on both sides of it."""
    height, width = layer._reversed_padding_repeated_twice[::-2]
    return height, width


def suits(layer: nn.Module) -> bool:
    """Whether the kernels know a layer."""
    if type(layer) is not nn.Conv2d or layer.groups > 1 or layer.bias is not None or layer.padding_mode != "zeros":
        return False
    around = layer._reversed_padding_repeated_twice
    return around[::2] == around[1::2] and not (layer.in_channels % BLOCK or layer.out_channels % BLOCK)


class Convolved(torch.autograd.Function):
    """A convolution in bf16 whose weight gradient the kernels take; the rest is torch's."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, layer: nn.Conv2d, library: CDLL) -> Tensor:
        half = weight.to(x.dtype)
        ctx.about = layer, library
        ctx.save_for_backward(x, half)
        return nn.functional.conv2d(x, half, None, layer.stride, pads(layer), layer.dilation)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (x, half), (layer, library) = ctx.saved_tensors, ctx.about
        push = laid_out(gradients[0].to(x.dtype))
        found = torchs_own(layer, x, half, push, [True, False, False])[0] if ctx.needs_input_grad[0] else None
        return found, weight_gradient(library, layer, x, push), None, None


def laid_out(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def tile(net: nn.Module, others: Collection[str] = ()) -> nn.Module:
    """Has the kernels take the weight gradients of the convolutions that they know, but for the `others`; the network
    is changed, its parameters stay the same tensors."""
    if (library := usable()) is not None:
        for name, layer in net.named_modules():
            if name not in others and isinstance(layer, nn.Conv2d) and suits(layer):
                layer.forward = tiled(layer, library)  # type: ignore[method-assign,assignment]
    return net


def tiled(layer: nn.Conv2d, library: CDLL) -> Callable[[Tensor], Tensor]:
    plain: Callable[[Tensor], Tensor] = layer.forward

    def forward(x: Tensor) -> Tensor:
        """Maps in bf16 and channels last, in a step that learns, through the kernels; others through torch's own."""
        learns = torch.is_grad_enabled() and layer.weight.requires_grad and torch.is_autocast_enabled("cpu")
        if learns and x.dtype == torch.bfloat16 and x.is_contiguous(memory_format=torch.channels_last):
            return Convolved.apply(x, layer.weight, layer, library)  # type: ignore[no-any-return,no-untyped-call]
        return plain(x)

    return forward
