"""The tensor that a layer with spatial dimensions is given: which of its dimensions is which axis of the map."""

from __future__ import annotations

from operator import index
from typing import Any, NamedTuple

from .torch_call import Call
from .torch_graph import Graph, Map, Unfit
from .torch_layout import CHANNEL, Atom, run_of, with_run


def tupled(value: Any, n: int) -> tuple[Any, ...]:
    """A setting for n axes, given as one number, a list of one, or a list of n."""
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    plain = tuple(v if v is None or isinstance(v, float) else index(v) for v in values)  # numpy's integers too
    return plain * n if len(plain) == 1 else plain


class Placed(NamedTuple):
    """The tensor that a layer with n spatial dimensions is given: its channels' dimension, the axis of each other."""

    m: Map
    channel: int
    axes: dict[int, int | None]

    def per_axis(self, graph: Graph, values: tuple[Any, ...], other: Any) -> list[Any]:
        """Settings in the order of the map's axes; `other` for an axis that is none of the tensor's dimensions."""
        found = dict(zip(self.axes.values(), values, strict=True))
        return [found.get(i, other) for i in range(graph.axes)]

    def after(self, graph: Graph, node: int) -> Map:
        """The layer's output, dimensions in the order of its input."""
        x = graph.maps[node]
        out = graph.spread(node, self.m, self.axes)
        return Map(node, with_run(out.dims, self.channel, run_of(CHANNEL, x.channels)))


def placed(call: Call, n: int, all_channels: bool = True) -> Placed:
    """The input of a layer with n spatial dimensions; the axes that are none of them must stand in the batch."""
    graph = call.graph
    m = graph.as_map(call.map())
    x, first = graph.maps[m.node], len(m.dims) - n
    if first < 1:
        raise Unfit("too few dimensions")
    axes = dict(zip(range(first, len(m.dims)), graph.places(m, range(first, len(m.dims))), strict=True))
    batch = {atom for run in m.dims[: first - 1] for atom in run}
    for i, size in enumerate(x.sizes):
        if size > 1 and i not in axes.values() and Atom(i, size) not in batch:
            raise Unfit("an axis among the channels")
    if None in axes.values():
        call.run()  # a dimension that is no axis must stay of size 1, which only its own window tells
    call.ordered = True
    if all_channels and m.dims[first - 1] != run_of(CHANNEL, x.channels):
        raise Unfit("channels in parts")
    return Placed(m, first - 1, axes)
