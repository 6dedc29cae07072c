"""A network with one channel and all weights one, in torch, over all its axes at once: the gradient of a unit by the
image counts the paths between them. Written from torch's operations and the layers' settings; it asks no taps."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from rfcalc import Arch
from rfcalc.engine.layers import Layer
from tests.oracle import ADAPTIVE, GLOBAL, JOINS, Shape, border, pads, size, window

CONVS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


class Ones:
    """The maps of a network, made once, and gradients through them."""

    def __init__(self, arch: Arch) -> None:
        self.maps = run(arch, len(arch.nodes))

    def gradient(self, layer: int, unit: Sequence[int], source: int = 0) -> list[float]:
        """The gradient of a unit by the map `source`, place by place."""
        wanted, by = self.maps[layer][(0, 0, *unit)], self.maps[source]
        (found,) = torch.autograd.grad(wanted, by, allow_unused=True, retain_graph=True)
        return [0.0] * by.numel() if found is None else found.flatten().tolist()


def run(arch: Arch, last: int) -> list[Tensor]:
    """The image and the maps of the first layers."""
    image = torch.zeros(1, 1, *arch.sizes, dtype=torch.float64, requires_grad=True)
    maps = [image]
    for node in arch.nodes[:last]:
        inputs = [maps[i] for i in node.inputs]
        maps.append(joined(inputs) if node.layer.op in JOINS else made(node.layer, inputs[0]))
    return maps


def joined(inputs: Sequence[Tensor]) -> Tensor:
    return sum(inputs[1:], inputs[0])


def made(layer: Layer, x: Tensor) -> Tensor:
    axes, op = x.dim() - 2, layer.op
    shape = Shape(1, tuple(x.shape[2:]))
    if op == "conv":
        return summed(layer, around(layer, x, shape), stride=per(layer, axes, 1), dilation=per(layer, axes, 2))
    if op in ("max_pool", "avg_pool"):
        return pooled(layer, x, shape)
    if op == "conv_transpose":
        return transposed(layer, x, shape)
    if op == "pad":
        return around(layer, x, shape)
    if op in (*GLOBAL, "flatten", "linear"):
        return x.sum(tuple(range(2, x.dim())), keepdim=True)
    if op in ADAPTIVE:
        return adaptive(x, [size(layer, shape, axis) for axis in range(axes)])
    return moved(layer, x)


def moved(layer: Layer, x: Tensor) -> Tensor:
    """What brings places elsewhere, or leaves them."""
    if layer.op == "upsample":
        factors = layer.scale_factor and tuple(map(float, layer.scale_factor))  # type: ignore[attr-defined]
        corners = layer.align_corners if layer.mode != "nearest" else None  # type: ignore[attr-defined]
        resized: Tensor = F.interpolate(x, layer.size, factors, layer.mode, corners)  # type: ignore[attr-defined]
        return resized
    if layer.op == "pixel_shuffle":
        r = int(layer.upscale_factor)  # type: ignore[attr-defined]
        return x.repeat_interleave(r, 2).repeat_interleave(r, 3)
    if layer.op == "pixel_unshuffle":
        r = int(layer.downscale_factor)  # type: ignore[attr-defined]
        summed_up: Tensor = F.avg_pool2d(x, r) * r * r
        return summed_up
    assert layer.pointwise, layer.op
    return x.clone()  # a map of its own: a gradient by it is not one by the map before


def per(layer: Layer, axes: int, which: int) -> tuple[int, ...]:
    """Kernel size, stride or dilation on each axis."""
    return tuple(window(layer, axis)[which] for axis in range(axes))


def kernel(layer: Layer, axes: int) -> Tensor:
    return torch.ones(1, 1, *per(layer, axes, 0), dtype=torch.float64)


def summed(layer: Layer, x: Tensor, **more: Any) -> Tensor:
    axes = x.dim() - 2
    return CONVS[axes](x, kernel(layer, axes), None, **more)


def around(layer: Layer, x: Tensor, shape: Shape) -> Tensor:
    """The map with its padding, as torch's pad lays it: the last axis first."""
    sides = [pads(layer, shape, axis) for axis in range(len(shape.sizes))]
    flat = [side for pair in reversed(sides) for side in pair]
    mode = MODES[border(layer)]
    if mode == "constant" or not any(flat):
        return F.pad(x, flat)
    return F.pad(x, flat, mode)


def pooled(layer: Layer, x: Tensor, shape: Shape) -> Tensor:
    """Sums over the pool's windows; the last ones may stand over the map's end (ceil_mode)."""
    axes = len(shape.sizes)
    outs = [size(layer, shape, axis) for axis in range(axes)]
    sides = []
    for axis, out in enumerate(outs):
        k, s, d = window(layer, axis)
        before = pads(layer, shape, axis)[0]
        sides.append((before, (out - 1) * s + d * (k - 1) + 1 - before - shape.sizes[axis]))
    x = F.pad(x, [side for pair in reversed(sides) for side in pair])
    return summed(layer, x, stride=per(layer, axes, 1), dilation=per(layer, axes, 2))


def transposed(layer: Layer, x: Tensor, shape: Shape) -> Tensor:
    """The transposed convolution without padding, then cut, and filled with nothing where output_padding asks."""
    axes = len(shape.sizes)
    whole = TRANSPOSED[axes](x, kernel(layer, axes), None, stride=per(layer, axes, 1), dilation=per(layer, axes, 2))
    for axis in range(axes):
        before, out = pads(layer, shape, axis)[0], size(layer, shape, axis)
        missing = before + out - whole.shape[2 + axis]
        if missing > 0:
            whole = F.pad(whole, [0, 0] * (axes - 1 - axis) + [0, missing])
        whole = whole.narrow(2 + axis, before, out)
    return whole


def adaptive(x: Tensor, outs: Sequence[int]) -> Tensor:
    """Sums over torch's bins; unit i of m reads floor(i*n/m) to ceil((i+1)*n/m)."""
    for axis, out in enumerate(outs):
        n = x.shape[2 + axis]
        bins = [(floor(i * n / out), ceil((i + 1) * n / out)) for i in range(out)]
        x = torch.stack([x.narrow(2 + axis, a, b - a).sum(2 + axis) for a, b in bins], 2 + axis)
    return x
