"""Recurrent layers."""

from __future__ import annotations

from math import prod
from typing import Any

from ...tracing.dims import CHANNEL, Atom, run_of, shape_of
from ...tracing.graph import Map, Unsupported
from ...tracing.moves import recurrence
from ..node import Op, rule


@rule("LSTM GRU RNN")
def recurrent(op: Op) -> list[Any]:
    """Each step multiplies by every matrix once. Outputs: every step, by direction; the last states."""
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
    both = op.attr("direction", "forward") == "bidirectional"
    node = recurrence(graph, m, sequence, directions * hidden, both, op.weights(1, 2, 3, 7), op.macs, name).node
    sides = (Atom(CHANNEL, directions, hidden),) if directions > 1 else ()
    inner = run_of(CHANNEL, hidden)
    first, second, _ = m.dims
    return [Map(node, (first, second, sides, inner) if batch_first else (first, sides, second, inner))]
