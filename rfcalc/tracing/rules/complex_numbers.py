"""What torch's functions on complex numbers mean in layers: real and imaginary parts are channels of the same place."""

from __future__ import annotations

from ..call import Call
from ..dims import CHANNEL
from ..graph import Map, Unsupported
from ..moves import embedded, joined_maps, reduced


def part(call: Call, name: str = "") -> Map:
    """Each number turned, its angle, or its other half (an attribute, which has no name of its own)."""
    call.run()
    return call.function(call.map(), name)


def complex_of(call: Call) -> Map:
    """Numbers out of two tensors, value by value."""
    call.run()
    maps = call.maps()
    return joined_maps(call.graph, call.operation, maps) if len(maps) > 1 else call.function(maps[0])


def view_as_real(call: Call) -> Map:
    """A last dimension of two: twice as many channels."""
    call.run()
    return embedded(call.graph, call.map(), 2, 0, "view_as_real")


def view_as_complex(call: Call) -> Map:
    """The last dimension, which is two long, is gone."""
    call.run()
    m = call.map()
    if any(atom.axis != CHANNEL for atom in m.dims[-1]):
        raise Unsupported("places as real and imaginary parts")
    return reduced(call.graph, m, [len(m.dims) - 1], False, "view_as_complex")
