"""The tensor that a layer with windows is given: which of its dimensions holds the channels, and which axis each other
one is. Knows no framework."""

from __future__ import annotations

from typing import Any, NamedTuple

from .dims import CHANNEL, Atom, run_of, with_run
from .graph import Graph, Map, Unsupported
from .order import as_map, laid_anew


class PlacedTensor(NamedTuple):
    """The tensor that a layer with n spatial dimensions is given: its channels' dimension, the axis of each other."""

    m: Map
    channel: int
    axes: dict[int, int | None]

    def per_axis(self, graph: Graph, values: tuple[Any, ...], other: Any) -> list[Any]:
        """Settings in the order of the map's axes; `other` for an axis that is none of the tensor's dimensions."""
        found = dict(zip(self.axes.values(), values, strict=True))
        return [found.get(i, other) for i in range(graph.axes)]

    def windows(self, graph: Graph, **given: tuple[Any, ...]) -> dict[str, Any]:
        """Settings of windows in the same order; one unit at a time along an axis that is none of the dimensions."""
        return {
            name: self.per_axis(graph, values, 0 if name.endswith("padding") else 1) for name, values in given.items()
        }

    def after(self, graph: Graph, node: int) -> Map:
        """The layer's output, dimensions in the order of its input."""
        x = graph.maps[node]
        out = graph.spread(node, self.m, self.axes)
        return Map(node, with_run(out.dims, self.channel, run_of(CHANNEL, x.channels)))


def located(graph: Graph, m: Map, n: int, all_channels: bool = True) -> PlacedTensor:
    """The input of a layer with n spatial dimensions; what a program has laid out anew is flattened and given axes, as
    a layer takes its channels for channels, whatever they were."""
    mark = len(graph.drafts)
    try:
        return found_in(graph, as_map(graph, m), n, all_channels)
    except Unsupported:
        graph.rewind(mark)
        anew = laid_anew(graph, m)
        if anew is None:
            raise
        return found_in(graph, anew, n, all_channels)


def found_in(graph: Graph, m: Map, n: int, all_channels: bool) -> PlacedTensor:
    """The channels and axes of a tensor; the axes that are none of its last n dimensions must stand in the batch. A
    dimension that is no axis (None) must stay of size 1, which only its own window tells."""
    x, first = graph.maps[m.node], len(m.dims) - n
    if first < 1:
        raise Unsupported("too few dimensions")
    axes = dict(zip(range(first, len(m.dims)), graph.places(m, range(first, len(m.dims))), strict=True))
    batch = {atom for run in m.dims[: first - 1] for atom in run}
    for i, size in enumerate(x.sizes):
        if size > 1 and i not in axes.values() and Atom(i, size) not in batch:
            raise Unsupported("an axis among the channels")
    if all_channels and m.dims[first - 1] != run_of(CHANNEL, x.channels):
        raise Unsupported("channels in parts")
    return PlacedTensor(m, first - 1, axes)
