"""What torch's functions on complex numbers mean in layers: real and imaginary parts are channels of the same place."""

from __future__ import annotations

from typing import Any

from ..call import Call, MemoryLayout, pointwise_function
from ..dims import CHANNEL, Atom, renumbered
from ..graph import Map, Unsupported
from ..moves import joined, reduced


def whole(call: Call) -> Map:
    """What keeps each number as it is, as far as its place goes."""
    call.run()
    return call.map()


def imaginary(call: Call) -> Map:
    """The other half of each number (an attribute, which has no name of its own)."""
    call.run()
    return pointwise_function(call, call.graph, call.map(), "imag")


def part(call: Call) -> Map:
    """Each number turned, or its angle."""
    call.run()
    return made_of(call, call.map())


def made_of(call: Call, m: Map) -> Map:
    return pointwise_function(call, call.graph, m, call.operation)


def complex_of(call: Call) -> Map:
    """Numbers out of two tensors, value by value."""
    call.run()
    maps = call.maps()
    return joined(call.graph, call.operation, maps) if len(maps) > 1 else made_of(call, maps[0])


def view_as_real(call: Call) -> Map:
    """A last dimension of two: twice as many channels."""
    call.run()
    m, graph = call.map(), call.graph
    named: dict[str, Any] = {"operation": "view_as_real", "out_channels": 2 * graph.maps[m.node].channels}
    node = graph.emit("channel_mix", [m.node], label="view_as_real", **named)
    inner = tuple(tuple(a._replace(step=2 * a.step) if a.axis == CHANNEL else a for a in run) for run in m.dims)
    dims = (*inner, (Atom(CHANNEL, 2),))
    return Map(node, renumbered(dims, [atom for run in dims for atom in run if atom.axis == CHANNEL]))


def view_as_complex(call: Call) -> Map:
    """The last dimension, which is two long, is gone."""
    call.run()
    m = call.map()
    if any(atom.axis != CHANNEL for atom in m.dims[-1]):
        raise Unsupported("places as real and imaginary parts")
    return reduced(call.graph, m, [len(m.dims) - 1], False, "view_as_complex")


def rounded(call: Call) -> Map:
    """Each value rounded to one of few: quantisation, real or pretended. What it makes counts as plain numbers here."""
    call.memory = MemoryLayout.KEPT
    return made_of(call, call.map())
