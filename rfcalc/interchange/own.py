"""Operators on values by ONNX's definition, where the reference evaluator of the onnx package is wrong or refuses:
groups of transposed convolutions, dilated maxima, global maxima over other than two axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper

Array = NDArray[Any]


def attributes_of(node: NodeProto) -> dict[str, Any]:
    """Its attributes by name, texts as such."""
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return {key: value.decode() if isinstance(value, bytes) else value for key, value in given.items()}


def conv_transpose(node: NodeProto, x: Array, weight: Array, bias: Array | None = None) -> Array:
    """What a ConvTranspose makes of `x` (images, channels, sizes…) with a weight of (channels, channels out of a group,
    kernel…): each tap adds its share to the places that it reaches."""
    given = attributes_of(node)
    axes, groups = x.ndim - 2, given.get("group", 1)
    stride, dilation = (given.get(name) or [1] * axes for name in ("strides", "dilations"))
    more = given.get("output_padding") or [0] * axes
    full = [
        (n - 1) * s + (k - 1) * d + 1 + extra
        for n, s, k, d, extra in zip(x.shape[2:], stride, weight.shape[2:], dilation, more, strict=True)
    ]
    parts = x.reshape(len(x), groups, -1, *x.shape[2:])
    kernel = weight.reshape(groups, -1, *weight.shape[1:])
    out = np.zeros((len(x), groups, weight.shape[1], *full), x.dtype)
    for tap in np.ndindex(*weight.shape[2:]):
        first = [place * d for place, d in zip(tap, dilation, strict=True)]
        reached = tuple(slice(at, at + (n - 1) * s + 1, s) for at, n, s in zip(first, x.shape[2:], stride, strict=True))
        out[(slice(None),) * 3 + reached] += np.einsum(
            "ngc...,gco->ngo...", parts, kernel[(slice(None),) * 3 + tap], optimize=True
        )
    out = cut(out.reshape(len(x), -1, *full), cut_off(given, x.shape[2:], stride, full))
    return out if bias is None else out + bias.reshape(-1, *(1,) * axes)


def cut_off(
    given: dict[str, Any], sizes: Sequence[int], stride: Sequence[int], full: Sequence[int]
) -> list[tuple[int, int]]:
    """What is cut off along each axis before and behind, or added where it is less than 0: stated, or what is over the
    size that is asked for, an odd one behind for SAME_UPPER, else in front."""
    auto, axes = given.get("auto_pad", "NOTSET"), len(full)
    wanted = list(given.get("output_shape") or ())[-axes:]
    if not wanted and auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [n * s for n, s in zip(sizes, stride, strict=True)]
    if not wanted:
        pads = given.get("pads") or [0] * 2 * axes
        return list(zip(pads[:axes], pads[axes:], strict=True)) if auto == "NOTSET" else [(0, 0)] * axes
    halves = list[tuple[int, int]]()
    for size, n in zip(full, wanted, strict=True):
        less, over = max(size - n, 0) // 2, size - n
        halves.append((less, over - less) if over < 0 or auto == "SAME_UPPER" else (over - less, less))
    return halves


def cut(out: Array, sides: Sequence[tuple[int, int]]) -> Array:
    """Without what is cut off before and behind, and with zeros where that is less than 0."""
    more = [(max(-before, 0), max(-behind, 0)) for before, behind in sides]
    kept: Any = tuple(
        slice(max(before, 0), size - max(behind, 0))
        for (before, behind), size in zip(sides, out.shape[2:], strict=True)
    )
    return np.pad(out[(slice(None),) * 2 + kept], [(0, 0), (0, 0), *more])


def max_pool(node: NodeProto, x: Array) -> Array:
    """What a MaxPool makes of `x` (images, channels, sizes…): tap by tap the larger of two values."""
    given = attributes_of(node)
    kernel, axes = given["kernel_shape"], x.ndim - 2
    stride, dilation = (given.get(name) or [1] * axes for name in ("strides", "dilations"))
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes, front = [], []
    for i, (n, extent, step) in enumerate(zip(x.shape[2:], extents, stride, strict=True)):
        before, size = pooled(given, i, axes, n, extent, step)
        sizes.append(size)
        front.append(before)
    behind = [
        max((size - 1) * step + extent - n - before, 0)
        for size, step, extent, n, before in zip(sizes, stride, extents, x.shape[2:], front, strict=True)
    ]
    least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    padded = np.pad(x, [(0, 0), (0, 0), *zip(front, behind, strict=True)], constant_values=least)
    out = np.full((*x.shape[:2], *sizes), least, x.dtype)
    for tap in np.ndindex(*kernel):
        reached: Any = tuple(
            slice(t * d, t * d + (size - 1) * step + 1, step)
            for t, d, size, step in zip(tap, dilation, sizes, stride, strict=True)
        )
        np.maximum(out, padded[(slice(None),) * 2 + reached], out=out)
    return out


def pooled(given: dict[str, Any], axis: int, axes: int, n: int, extent: int, step: int) -> tuple[int, int]:
    """How many places of padding a pool has in front along an axis of size n, and how many units come out."""
    auto = given.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        size = -(-n // step)
        total = max((size - 1) * step + extent - n, 0)
        return (total if auto == "SAME_UPPER" else total + 1) // 2, size
    pads = (given.get("pads") if auto == "NOTSET" else None) or [0] * 2 * axes
    before, room = pads[axis], n + pads[axis] + pads[axis + axes] - extent
    size = (-(-room // step) if given.get("ceil_mode") else room // step) + 1
    late = given.get("ceil_mode") and (size - 1) * step >= n + before  # no window begins behind the image
    return before, size - bool(late)


def global_max(node: NodeProto, x: Array) -> Array:
    return np.asarray(x.max(axis=tuple(range(2, x.ndim)), keepdims=True))


OWN: dict[str, Callable[..., Array]] = {
    "ConvTranspose": conv_transpose,
    "MaxPool": max_pool,
    "GlobalMaxPool": global_max,
}
