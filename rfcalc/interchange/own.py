"""Operators on values by ONNX's definition, where the reference evaluator of the onnx package is wrong or refuses:
groups of transposed convolutions, dilated and padded pools, global maxima over other than two axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
from onnx import NodeProto, helper

from .tensors import Array


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
    out = cut_sides(out.reshape(len(x), -1, *full), stated_cut(given, x.shape[2:], stride, full))
    return out if bias is None else out + bias.reshape(-1, *(1,) * axes)


def stated_cut(
    given: dict[str, Any], sizes: Sequence[int], stride: Sequence[int], full: Sequence[int]
) -> list[tuple[int, int]]:
    """What is cut off along each axis before and after, or added where it is less than 0: stated, or what is over the
    size that is asked for, an odd one after for SAME_UPPER, else in front."""
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


def cut_sides(out: Array, sides: Sequence[tuple[int, int]]) -> Array:
    """Without what is cut off before and after, and with zeros where that is less than 0."""
    more = [(max(-before, 0), max(-after, 0)) for before, after in sides]
    kept: Any = tuple(
        slice(max(before, 0), size - max(after, 0)) for (before, after), size in zip(sides, out.shape[2:], strict=True)
    )
    return np.pad(out[(slice(None),) * 2 + kept], [(0, 0), (0, 0), *more])


class Side(NamedTuple):
    """How a pool lies along one axis: its padding in front and after, what it reads beyond that, and its units."""

    front: int
    after: int
    beyond: int
    units: int


@dataclass(frozen=True, slots=True)
class PoolWindows:
    """Windows over an array of (images, channels, sizes…)."""

    kernel: Sequence[int]
    stride: Sequence[int]
    dilation: Sequence[int]
    sides: Sequence[Side]

    def padded(self, x: Array, padding: float, beyond: float) -> Array:
        """`x` with its padding, and beyond that what windows read that are rounded up."""
        inner = np.pad(x, [(0, 0), (0, 0), *((s.front, s.after) for s in self.sides)], constant_values=padding)
        return np.pad(inner, [(0, 0), (0, 0), *((0, s.beyond) for s in self.sides)], constant_values=beyond)

    def taps(self, padded: Array) -> Iterator[Array]:
        """For each tap what every unit reads there."""
        for tap in np.ndindex(*self.kernel):
            reached: Any = tuple(
                slice(t * d, t * d + (side.units - 1) * step + 1, step)
                for t, d, side, step in zip(tap, self.dilation, self.sides, self.stride, strict=True)
            )
            yield padded[(slice(None),) * 2 + reached]


def pool_of(node: NodeProto, sizes: Sequence[int]) -> PoolWindows:
    given = attributes_of(node)
    kernel, axes = given["kernel_shape"], len(sizes)
    stride, dilation = (given.get(name) or [1] * axes for name in ("strides", "dilations"))
    pads = (given.get("pads") if given.get("auto_pad", "NOTSET") == "NOTSET" else None) or [0] * 2 * axes
    extents = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    parts = zip(sizes, extents, stride, pads[:axes], pads[axes:], strict=True)
    return PoolWindows(kernel, stride, dilation, [side_of(given, *part) for part in parts])


def side_of(given: dict[str, Any], n: int, extent: int, step: int, front: int, after: int) -> Side:
    auto, ceils = given.get("auto_pad", "NOTSET"), bool(given.get("ceil_mode"))
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        units = -(-n // step)
        total = max((units - 1) * step + extent - n, 0)
        front = total // 2 if auto == "SAME_UPPER" else total - total // 2
        return Side(front, total - front, 0, units)
    room = n + front + after - extent
    units = (-(-room // step) if ceils else room // step) + 1
    units -= ceils and (units - 1) * step >= n + front  # no window begins after the image
    if units < 1:
        raise ValueError(f"a window of {extent} over {n} places leaves nothing")
    return Side(front, after, max((units - 1) * step - room, 0), units)


def max_pool(node: NodeProto, x: Array) -> Array:
    pool = pool_of(node, x.shape[2:])
    least = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return reduce(np.maximum, pool.taps(pool.padded(x, least, least)))


def average_pool(node: NodeProto, x: Array) -> Array:
    """The mean of what lies in the image, or in its padding too where the node counts that."""
    pool, counted = pool_of(node, x.shape[2:]), float(attributes_of(node).get("count_include_pad", 0))
    there = pool.padded(np.ones((1, 1, *x.shape[2:]), x.dtype), counted, 0)
    return np.asarray(sum(pool.taps(pool.padded(x, 0, 0))) / sum(pool.taps(there)))


def lp_pool(node: NodeProto, x: Array) -> Array:
    pool, p = pool_of(node, x.shape[2:]), attributes_of(node).get("p", 2)
    return np.asarray(sum(pool.taps(pool.padded(np.abs(x) ** p, 0, 0))) ** (1 / p))


def global_max(node: NodeProto, x: Array) -> Array:
    return np.asarray(x.max(axis=tuple(range(2, x.ndim)), keepdims=True))


OWN: dict[str, Callable[..., Array]] = {
    "ConvTranspose": conv_transpose,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "LpPool": lp_pool,
    "GlobalMaxPool": global_max,
}
