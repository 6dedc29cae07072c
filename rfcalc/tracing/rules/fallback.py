"""What is said of an operation that no rule explains."""

from __future__ import annotations

from math import prod

from ..call import Call
from ..graph import Map
from ..moves import assigned, bounded_by_all, hints_of, known_by_shape


def unknown(call: Call) -> list[Map]:
    """An operation that is known by name only; what leads on from it stays unknown."""
    graph, maps = call.graph, call.maps()
    shape = call.shape()
    weights = call.weights()
    found = assigned(graph, shape, hints_of(maps[0], shape))
    return [known_by_shape(graph, "opaque", maps, found, call.operation, weights)]


def sees_all(call: Call) -> list[Map]:
    """What is true of any function: no unit sees more than all of its inputs. Where its shape stays, so do the places
    of its dimensions."""
    graph, maps = call.graph, call.maps()
    shape = call.shape()
    weights = call.weights()
    macs = call.cost(prod(shape) // graph.batch) if call.cost else None
    return [bounded_by_all(graph, maps, shape, call.operation, weights, macs)]
