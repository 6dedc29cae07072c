"""Transposed convolutions on values, by ONNX's definition: the reference evaluator of the onnx package mixes up groups,
and walks the outputs one by one in Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, helper

Array = NDArray[Any]


def conv_transpose(node: NodeProto, x: Array, weight: Array, bias: Array | None = None) -> Array:
    """What a ConvTranspose makes of `x` (images, channels, sizes…) with a weight of (channels, channels out of a group,
    kernel…): each tap adds its share to the places that it reaches."""
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
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
    auto, axes = given.get("auto_pad", b"NOTSET"), len(full)
    wanted = list(given.get("output_shape") or ())[-axes:]
    if not wanted and auto in (b"SAME_UPPER", b"SAME_LOWER"):
        wanted = [n * s for n, s in zip(sizes, stride, strict=True)]
    if not wanted:
        pads = given.get("pads") or [0] * 2 * axes
        return list(zip(pads[:axes], pads[axes:], strict=True)) if auto == b"NOTSET" else [(0, 0)] * axes
    halves = list[tuple[int, int]]()
    for size, n in zip(full, wanted, strict=True):
        less, over = max(size - n, 0) // 2, size - n
        halves.append((less, over - less) if over < 0 or auto == b"SAME_UPPER" else (over - less, less))
    return halves


def cut(out: Array, sides: Sequence[tuple[int, int]]) -> Array:
    """Without what is cut off before and behind, and with zeros where that is less than 0."""
    more = [(max(-before, 0), max(-behind, 0)) for before, behind in sides]
    kept: Any = tuple(
        slice(max(before, 0), size - max(behind, 0))
        for (before, behind), size in zip(sides, out.shape[2:], strict=True)
    )
    return np.pad(out[(slice(None),) * 2 + kept], [(0, 0), (0, 0), *more])
