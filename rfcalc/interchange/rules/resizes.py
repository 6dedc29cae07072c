"""Resize and Upsample, all coordinates and roundings of every opset."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import Any, NamedTuple

import numpy as np

from ...engine.layers import LINEAR_MODES, Resample
from ...tracing.dims import shape_of
from ...tracing.graph import Graph, Map, Unsupported
from ...tracing.placing import PlacedTensor, located
from ..node import Op, rule

CLOSE = 1e-6
"""A scale in single precision that lies so near to the ratio of two sizes was worked out from them."""


class Resizing(NamedTuple):
    """The sizes asked for, and the scales with which coordinates are worked out; None: the ratio of the sizes."""

    sizes: tuple[int, ...]
    scales: tuple[Fraction | None, ...]
    rounded: tuple[Fraction | None, ...] = ()
    """Scales that single precision, in which the file states them, does not hold; none where it states sizes."""


@rule("Upsample")
def upsample(op: Op) -> Map:
    """The older operator: output unit i stands at i over the scale."""
    scales = op.numbers("scales", 1)
    return resized_map(op, by_scales(scales, op.shape_in()), str(op.attr("mode", "nearest")), "asymmetric", "floor")


@rule("Resize")
def resize(op: Op) -> Map:
    mode = str(op.attr("mode", "nearest"))
    if op.program.opset < 11:
        return resized_map(op, by_scales(op.numbers("scales", 1), op.shape_in()), mode, "asymmetric", "floor")
    coordinates = str(op.attr("coordinate_transformation_mode", "half_pixel"))
    rounding = str(op.attr("nearest_mode", "round_prefer_floor"))
    if op.attr("antialias", 0):
        raise Unsupported("a resampling that reads more the more it shrinks")
    if coordinates == "tf_crop_and_resize":
        raise Unsupported("a crop at places between pixels")
    return resized_map(op, wanted(op), mode, coordinates, rounding)


def wanted(op: Op) -> Resizing:
    """What opset 11 and newer state: sizes or scales, of all dimensions or of those in `axes`."""
    shape = op.shape_in()
    axes = [op.dim(a, len(shape)) for a in op.ints("axes", None, range(len(shape)))]
    sizes = list(shape)
    if op.input(3) is not None and op.fixed(3).count:
        given = op.ints("sizes", 3)
        policy = op.attr("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            return kept_ratio(shape, axes, given, policy)
        for axis, size in zip(axes, given, strict=True):
            sizes[axis] = size
        return Resizing(tuple(sizes), (None,) * len(shape))
    scales: list[float] = [1.0] * len(shape)
    for axis, scale in zip(axes, op.numbers("scales", 2), strict=True):
        scales[axis] = scale
    return by_scales(scales, shape)


def by_scales(scales: list[float], shape: tuple[int, ...]) -> Resizing:
    if len(scales) != len(shape):
        raise Unsupported("scales for another number of dimensions")
    sizes = tuple(scaled(size, scale) for size, scale in zip(shape, scales, strict=True))
    exact: list[Fraction | None] = []
    rounded: list[Fraction | None] = []
    for size, out, scale in zip(shape, sizes, scales, strict=True):
        close = abs(scale * size - out) < CLOSE * out
        meant = Fraction(out, size) if close else ratio(scale)
        exact.append(None if close else meant)
        rounded.append(None if Fraction(float(np.float32(scale))) == meant else meant)
    return Resizing(sizes, tuple(exact), tuple(rounded))


def scaled(size: int, scale: float) -> int:
    """The size after a scale, where single and double precision agree on it."""
    single, double = floor(np.float32(size) * np.float32(scale)), floor(size * scale)
    if single != double:
        raise Unsupported(f"a size of {size} times {scale}, which rounds either way")
    return int(double)


def ratio(scale: float) -> Fraction:
    """A scale in single precision as the decimal that was written down."""
    return Fraction(str(np.float32(scale)))


def kept_ratio(shape: tuple[int, ...], axes: list[int], given: list[int], policy: str) -> Resizing:
    """One scale for all axes: the smallest (not_larger) or the largest one, sizes rounded."""
    factors = [Fraction(size, shape[axis]) for axis, size in zip(axes, given, strict=True)]
    factor = min(factors) if policy == "not_larger" else max(factors)
    sizes = [floor(n * factor + Fraction(1, 2)) if i in axes else n for i, n in enumerate(shape)]
    exact = [factor if i in axes and Fraction(sizes[i], n) != factor else None for i, n in enumerate(shape)]
    return Resizing(tuple(sizes), tuple(exact))


def resized_map(op: Op, to: Resizing, mode: str, coordinates: str, rounding: str) -> Map:
    graph, m = op.graph, op.map()
    shape, n = shape_of(m.dims), len(m.dims) - 2
    if n < 1 or to.sizes[:2] != shape[:2]:
        raise Unsupported("channels or images resized")
    mode = "linear" if mode in LINEAR_MODES else mode
    at = located(graph, m, n, all_channels=False)
    if any(axis is None and to.sizes[dim] != shape[dim] for dim, axis in at.axes.items()):
        raise Unsupported("a dimension that is no axis resized")
    refuse_rounded(to, shape, mode, coordinates)
    old = graph.maps[at.m.node].sizes
    sizes = [new or size for new, size in zip(at.per_axis(graph, to.sizes[2:], None), old, strict=True)]
    scales = at.per_axis(graph, to.scales[2:], None)
    if coordinates == "pytorch_half_pixel":  # else where an axis ends up with one unit, which stands at 0
        if any(size == 1 < before for size, before in zip(sizes, old, strict=True)):
            raise Unsupported("one unit left of many")
        coordinates = "half_pixel"
    node = as_torch(graph, at, sizes, scales, mode, coordinates, rounding)
    if node is None:
        settings: dict[str, Any] = {"mode": mode, "coordinates": coordinates, "rounding": rounding}
        if any(scales):
            factors = zip(scales, sizes, old, strict=True)
            settings["scale_factor"] = [scale or Fraction(size, before) for scale, size, before in factors]
        node = graph.emit("resample", [at.m.node], label="resize", size=sizes, **settings)
        refuse_ties(graph, node, at, sizes)
    return graph.spread(node, at.m, at.axes)


def as_torch(
    graph: Graph, at: PlacedTensor, sizes: list[int], scales: list[Fraction | None], mode: str, coordinates: str,
    rounding: str,
) -> int | None:  # fmt: skip
    """The layer where torch has the same interpolation; None where it has not."""
    old = graph.maps[at.m.node].sizes
    settings: dict[str, Any]
    if mode == "nearest" and (coordinates, rounding) == ("asymmetric", "floor"):
        settings = {"mode": "nearest"}
    elif mode == "linear" and coordinates in ("half_pixel", "align_corners"):
        settings = {"mode": LINEAR_MODES[graph.axes - 1], "align_corners": coordinates == "align_corners"}
    else:
        return None
    factors = [scale or Fraction(size, before) for scale, size, before in zip(scales, sizes, old, strict=True)]
    written = [Fraction(str(float(factor))) for factor in factors]
    exact = written == factors and all(f.numerator <= MOST_NUMERATOR for f in factors)
    if exact and all(int(n * f) == size for n, f, size in zip(old, factors, sizes, strict=True)):
        return graph.emit("upsample", [at.m.node], scale_factor=factors, **settings)
    return None if any(scales) else graph.emit("upsample", [at.m.node], size=sizes, **settings)


MOST_NUMERATOR = 4096
"""The largest numerator of a ratio that a spec states."""


def refuse_rounded(to: Resizing, shape: tuple[int, ...], mode: str, coordinates: str) -> None:
    """Runtimes differ where corners are aligned to a size that is no whole number; and of a scale that single precision
    does not hold, whether a unit that stands on a place reads its neighbour as well."""
    if coordinates == "align_corners":
        if any(to.scales):
            raise Unsupported("corners aligned to a size that is no whole number")
        return
    half = Fraction(0) if coordinates == "asymmetric" else Fraction(1, 2)
    for size, after, scale in zip(shape, to.sizes, to.rounded or (None,) * len(shape), strict=True):
        if mode != "nearest" and scale and size > 1:
            stands = (((unit + half) / scale - half).denominator == 1 for unit in range(after))
            if any(stands):
                raise Unsupported("units on places, by a scale that is rounded")


def refuse_ties(graph: Graph, node: int, at: PlacedTensor, sizes: list[int]) -> None:
    """Where a unit stands just where the rounding turns, and binary numbers do not hold the scale, programs differ in
    what they read."""
    layer, x = graph.drafts[node - 1].layer, graph.maps[at.m.node]
    if not isinstance(layer, Resample) or layer.mode != "nearest":
        return
    turn = Fraction(1, 2) if layer.rounding.startswith("round") else Fraction(0)
    for i, (before, size) in enumerate(zip(x.sizes, sizes, strict=True)):
        start, step = layer.line(i, before, size)
        held = not step or (1 / step).denominator & ((1 / step).denominator - 1) == 0
        if not held and any(
            (start + u * step - turn).denominator == 1 for u in range(1, min(size, step.denominator + 1))
        ):
            raise Unsupported("places just between two units")
