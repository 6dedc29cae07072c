"""Views, parts, and tensors one after the other."""

from __future__ import annotations

from itertools import accumulate, pairwise
from math import prod
from typing import Any

import numpy as np

from ...tracing.dims import CHANNEL, run_of, shape_of, size_of, with_run
from ...tracing.graph import Map, Unsupported
from ...tracing.moves import along, broadcast, concatenated, cut, embedded, pad, stretched, with_constants
from ...tracing.order import settle, viewed
from ..node import Op, rule, shape
from ..tensors import Fixed, fixed

# --- shapes ------------------------------------------------------------------------------------------------------


@rule("Shape")
def shape_rule(op: Op) -> Fixed:
    sizes = op.shape_in()
    return fixed(np.array(sizes[slice(op.attr("start", 0), op.attr("end", None))], dtype=np.int64))


@rule("Size")
def size_rule(op: Op) -> Fixed:
    return fixed(np.array(prod(op.shape_in()), dtype=np.int64))


@rule("Reshape")
def reshape(op: Op) -> Map:
    """0 keeps a dimension, -1 takes what is left."""
    old, wanted = op.shape_in(), op.ints("shape", 1)
    if not op.attr("allowzero", 0):
        wanted = [old[i] if n == 0 and i < len(old) else n for i, n in enumerate(wanted)]
    known = prod(n for n in wanted if n != -1)
    if wanted.count(-1) > 1 or known < 1 or prod(old) % known:
        raise Unsupported(f"a tensor of shape {old} as {wanted}")
    return op.graph.view(viewed(op.graph, op.map(), tuple(prod(old) // known if n == -1 else n for n in wanted)))


@rule("Flatten")
def flatten(op: Op) -> Map:
    sizes = op.shape_in()
    axis = int(op.attr("axis", 1))
    axis += len(sizes) if axis < 0 else 0
    return op.graph.view(viewed(op.graph, op.map(), (prod(sizes[:axis]), prod(sizes[axis:]))))


@rule("Squeeze")
def squeeze(op: Op) -> Map:
    sizes = op.shape_in()
    axes = {op.dim(a, len(sizes)) for a in op.ints("axes", 1, [i for i, n in enumerate(sizes) if n == 1])}
    return op.graph.view(viewed(op.graph, op.map(), tuple(n for i, n in enumerate(sizes) if i not in axes)))


@rule("Unsqueeze")
def unsqueeze(op: Op) -> Map:
    axes = op.ints("axes", 1)
    sizes = iter(op.shape_in())
    length = len(op.shape_in()) + len(axes)
    new = {op.dim(a, length) for a in axes}
    return op.graph.view(viewed(op.graph, op.map(), tuple(1 if i in new else next(sizes) for i in range(length))))


@rule("Transpose")
def transpose(op: Op) -> Map:
    m = op.map()
    order = op.ints("perm", None, range(len(m.dims))[::-1])
    return op.graph.view(Map(m.node, tuple(m.dims[i] for i in order)))


@rule("Expand")
def expand(op: Op) -> Map:
    m = op.map()
    return stretched(m, broadcast(shape_of(m.dims), tuple(op.ints("shape", 1))))


# --- parts -------------------------------------------------------------------------------------------------------


@rule("Slice")
def slice_rule(op: Op) -> Map | Fixed:
    m = op.map()
    starts, ends = op.ints("starts", 1), op.ints("ends", 2)
    axes = op.ints("axes", 3, range(len(starts)))
    steps = op.ints("steps", 4, (1,) * len(starts))
    ranges, turned = {}, []
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        dim = op.dim(axis, len(m.dims))
        kept = range(size_of(m.dims[dim]))[bounds(start, end, step)]
        if step < 0 and len(kept) > 1:
            turned.append(dim)
        ranges[dim] = kept[::-1] if step < 0 else kept
    if not all(ranges.values()):
        sizes = tuple(len(ranges[i]) if i in ranges else n for i, n in enumerate(shape_of(m.dims)))
        return Fixed(sizes, np.dtype(np.float32), None)
    m = cut(op.graph, m, ranges)
    return along(op.graph, m, turned, "flip", bound=True) if turned else m


def bounds(start: int, end: int, step: int) -> slice:
    """ONNX clamps an end that lies in front of the first place for a negative step, where Python counts it from the
    back."""
    return slice(start, None if step < 0 and end < -TO_THE_END else end, step)


TO_THE_END = 2**31 - 2
"""No dimension is longer; an end in front of minus that means the beginning."""


@rule("Split")
def split(op: Op) -> list[Any]:
    m, outputs = op.map(), len(op.node.output)
    dim = op.dim(int(op.attr("axis", 0)), len(m.dims))
    size = size_of(m.dims[dim])
    if op.given("split", 1):
        parts = op.ints("split", 1)
    else:
        each = -(-size // int(op.attr("num_outputs", outputs)))
        parts = [min(each, size - i * each) for i in range(outputs)]
    if sum(parts) != size or len(parts) != outputs:
        raise Unsupported(f"{size} places in parts of {parts}")
    if len(m.dims[dim]) > 1:
        m = settle(op.graph, m)
    sizes, starts = shape_of(m.dims), [0, *accumulate(parts)]
    nothing = Fixed((*sizes[:dim], 0, *sizes[dim + 1 :]), np.dtype("f4"), None)
    return [cut(op.graph, m, {dim: range(a, b)}) if a < b else nothing for a, b in pairwise(starts)]


@rule("Gather")
def gather(op: Op) -> Map:
    """Places picked by number: one, several in a row, some of the channels; or rows of weights for numbers that come
    in."""
    if not isinstance(op.input(0), Map):
        return embedding(op)
    m, numbers = op.map(), op.fixed(1).values()
    dim = op.dim(int(op.attr("axis", 0)), len(m.dims))
    size = size_of(m.dims[dim])
    places = [int(n) % size for n in numbers.reshape(-1)]
    if numbers.ndim == 0:
        m = cut(op.graph, m, {dim: range(places[0], places[0] + 1)})
        return Map(m.node, m.dims[:dim] + m.dims[dim + 1 :])
    if numbers.ndim > 1:
        raise Unsupported("places picked by a table of numbers")
    step = places[1] - places[0] if len(places) > 1 else 1
    if step > 0 and places == list(range(places[0], places[-1] + 1, step)):
        return cut(op.graph, m, {dim: range(places[0], places[-1] + 1, step)})
    if m.dims[dim] != run_of(CHANNEL, op.graph.maps[m.node].channels):
        raise Unsupported("places picked by number")
    return Map(op.graph.mix(m.node, "index", len(places)), with_run(m.dims, dim, run_of(CHANNEL, len(places))))


def embedding(op: Op) -> Map:
    """A row of weights for each number: more channels at the same place."""
    m, table = op.map(1), op.fixed(0)
    if int(op.attr("axis", 0)) % len(table.shape) or len(table.shape) != 2:
        raise Unsupported("a table of another shape")
    return embedded(op.graph, m, table.shape[1], op.weights(0))


# --- together ----------------------------------------------------------------------------------------------------


@rule("Concat")
def concat(op: Op) -> Map:
    """Tensors one after the other; those that hold nothing of the image are padding."""
    values = [value for value in op.inputs if value is not None and 0 not in shape(value)]
    dim = op.dim(int(op.attr("axis", 1)), len(shape(values[0])))
    found = [value if isinstance(value, Map) else None for value in values]
    if None in found:
        if op.learned():
            raise Unsupported("learned values beside a map")
        return with_constants(op.graph, found, [shape(value)[dim] for value in values], dim)
    return concatenated(op.graph, op.maps, dim)


PAD_MODE_OF = {"constant": "zeros", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


@rule("Pad")
def pad_rule(op: Op) -> Map:
    m = op.map()
    name = "paddings" if "paddings" in op.attributes else "pads"
    given = op.ints(name, 1)
    axes = [op.dim(a, len(m.dims)) for a in op.ints("axes", 3, range(len(given) // 2))]
    sides = [(0, 0)] * len(m.dims)
    for axis, before, after in zip(axes, given[: len(axes)], given[len(axes) :], strict=True):
        sides[axis] = (before, after)
    return pad(op.graph, m, sides, PAD_MODE_OF.get(str(op.attr("mode", "constant")), "zeros"))
