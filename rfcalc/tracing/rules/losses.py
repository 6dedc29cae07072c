"""What torch's losses and distances mean in layers: values in step, then sums over lines or over everything."""

from __future__ import annotations

from ..call import Call
from ..graph import Map
from ..moves import joined_maps, reduced
from .values import in_step


def summed(call: Call, m: Map) -> Map:
    """The mean or the sum over all values, images included, unless `reduction` is none."""
    if call.get("reduction", "mean") == "none":
        return m
    return reduced(call.graph, m, range(len(m.dims)), False, call.operation)


def elementwise(call: Call) -> Map:
    """A loss of each value and its target."""
    return summed(call, in_step(call, call.operation))


def of_classes(call: Call) -> Map:
    """A loss of the classes of each place (dimension 1, or the only one), and the place's target."""
    m, target = call.map(), call.get("target")
    classes = min(1, len(m.dims) - 1)
    probabilities = target.dim() == len(m.dims)
    if probabilities and call.is_map("target"):
        m = joined_maps(call.graph, "mul", [m, call.map("target")])
    m = reduced(call.graph, m, [classes], False, call.operation)
    if not probabilities and call.is_map("target"):
        m = joined_maps(call.graph, call.operation, [m, call.map("target")])
    return summed(call, m)


def along_last(call: Call) -> Map:
    """A loss of the distances between lines of the last dimension."""
    m = in_step(call, call.operation)
    return summed(call, reduced(call.graph, m, [len(m.dims) - 1], False, call.operation))


def pairwise_distance(call: Call) -> Map:
    """The length of the difference along the last dimension."""
    m = in_step(call, call.operation)
    return reduced(call.graph, m, [len(m.dims) - 1], bool(call.get("keepdim", False)), call.operation)


def cosine_similarity(call: Call) -> Map:
    """The sum of products along a dimension, over the lengths of both lines."""
    m = in_step(call, "mul")
    return reduced(call.graph, m, [call.dim("dim", m, 1)], False, call.operation)
