"""Recurrent layers."""

from __future__ import annotations

from math import prod
from typing import Any

from ...tracing.dims import CHANNEL, Atom, AtomRun, run_of, shape_of
from ...tracing.graph import Map, Unsupported
from ...tracing.moves import TensorShape, known_by_shape, whole_atoms
from ..node import Op, rule


@rule("LSTM GRU RNN")
def recurrent(op: Op) -> list[Any]:
    """A step sees the steps before it, and with both directions all: the whole axis that the sequence runs along, and
    nothing on the others, which stand in the batch. Each step multiplies by every matrix once. Outputs: every step, by
    direction; the last states."""
    graph, m = op.graph, op.map()
    matrices = [op.fixed(1), op.fixed(2)]
    directions, hidden = matrices[1].shape[0], matrices[1].shape[2]
    batch_first = bool(op.attr("layout", 0))
    steps = prod(shape_of(m.dims)[:-1]) // graph.batch
    op.macs = steps * sum(x.count for x in matrices)
    if len(m.dims) != 3 or any(a.axis != CHANNEL for a in m.dims[-1]):
        raise Unsupported("features that are places")
    if any(atom.axis == CHANNEL for run in m.dims[:-1] for atom in run):
        raise Unsupported("channels among the steps")
    name, sequence = op.type.lower(), m.dims[1 if batch_first else 0]
    node = layer_of(op, m, sequence, directions * hidden, name)
    sides = (Atom(CHANNEL, directions, hidden),) if directions > 1 else ()
    inner = run_of(CHANNEL, hidden)
    if batch_first:
        return [Map(node, (m.dims[0], m.dims[1], sides, inner))]
    return [Map(node, (m.dims[0], sides, m.dims[1], inner))]


def layer_of(op: Op, m: Map, sequence: AtomRun, width: int, name: str) -> int:
    graph = op.graph
    weights, macs = op.weights(1, 2, 3, 7), op.macs
    axes = {atom.axis for atom in sequence if atom.axis >= 0}
    if not axes:
        named: dict[str, Any] = {"operation": name, "out_channels": width}
        return graph.emit("channel_mix", [m.node], weights, macs, name, **named)
    both = op.attr("direction", "forward") == "bidirectional"
    bound = not both or not whole_atoms(graph, Map(m.node, (sequence,)), [0])
    x = graph.maps[m.node]
    made = TensorShape((*m.dims[:-1], run_of(CHANNEL, width)), width, x.sizes, x.flat)
    flags = [i in axes for i in range(graph.axes)]
    return known_by_shape(graph, "whole", [m], made, name, weights, macs, axes=flags, bound=bound).node
