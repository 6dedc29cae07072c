"""Dimensions brought into order: channels and axes each in a dimension of their own again, wherever layers say how a
tensor's dimensions came to be (flatten, space to depth, depth to space, channel shuffle).

Each function adds layers to a graph and returns where the values stand then, or raises `Unsupported`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from .dims import (
    CHANNEL,
    REPEAT,
    Atom,
    Dims,
    atoms_of,
    is_channels,
    renumbered,
    repeats,
    reshaped,
    run_of,
    shape_of,
    size_of,
    with_run,
    without,
)
from .graph import Graph, Map, Unsupported


def settle(graph: Graph, m: Map) -> Map:
    """The tensor with channels and axes each in a dimension of their own again, wherever a layer says how its
    dimensions came to be: flatten, space to depth, depth to space, channel shuffle."""
    if len(m.dims) > 2 and all(len(run) < 2 and (not run or run[0].step == 1) for run in m.dims):
        return m
    if m not in graph.settled:
        out = m
        for step in ORDER_STEPS:
            out = step(graph, out)
        graph.settled[m] = out
    return graph.settled[m]


def viewed(graph: Graph, m: Map, shape: Sequence[int]) -> Map:
    """The same values in the same order under another shape; raises Unsupported where that cuts through an axis."""
    dims = reshaped(m.dims, shape)
    if dims is None:
        m = settle(graph, m)
        dims = reshaped(m.dims, shape)
    if dims is None:
        raise Unsupported("a view across axes")
    return Map(m.node, dims)


def _flattened(graph: Graph, m: Map) -> Map:
    x = graph.maps[m.node]
    for i, run in enumerate(m.dims):
        plain = all(atom.axis >= CHANNEL for atom in run) and (len(run) > 1 or len(m.dims) <= 2)
        if plain and size_of(run) == x.elements > x.channels:
            return Map(graph.emit("flatten", [m.node], view=m), with_run(m.dims, i, run_of(CHANNEL, x.elements)))
    return m


def _space_to_depth(graph: Graph, m: Map) -> Map:
    """An axis cut into patches, whose places stand by themselves: they become channels."""
    x, factors = graph.maps[m.node], [1] * graph.axes
    inner: list[Atom] = []
    for axis in range(graph.axes):
        atoms = sorted(atoms_of(m.dims, axis), key=lambda atom: atom.step)
        if len(atoms) > 2:
            raise Unsupported("an axis in more than two parts")
        if len(atoms) == 2:
            factors[axis] = atoms[0].size
            inner.append(atoms[0])
    if not inner:
        return m
    exact = len(set(factors)) == 1 and (*run_of(CHANNEL, x.channels), *inner) in m.dims
    if exact and graph.axes == 2:
        node = graph.emit("pixel_unshuffle", [m.node], view=m, downscale_factor=factors[0])
    else:
        node = graph.emit("unfold", [m.node], view=m, kernel_size=factors, stride=factors)
    return Map(node, _unstepped(renumbered(m.dims, [*inner, *atoms_of(m.dims, CHANNEL)])))


def _unstepped(dims: Dims) -> Dims:
    """What is left of axes whose inner parts have gone elsewhere."""
    return tuple(tuple(atom._replace(step=1) if atom.axis >= 0 else atom for atom in run) for run in dims)


def _depth_to_space(graph: Graph, m: Map) -> Map:
    """Channels that stand after the places of an axis: each place becomes a patch."""
    x, factors = graph.maps[m.node], [1] * graph.axes
    inner = [run[1:] for run in m.dims if len(run) > 1 and run[0].axis >= 0 and is_channels(run[1:])]
    for run in m.dims:
        if run[1:] in inner:
            factors[run[0].axis] = size_of(run[1:])
    if not inner:
        return m
    rest, r = x.channels // prod(factors), factors[0]
    exact = inner == [(Atom(CHANNEL, r, r),), (Atom(CHANNEL, r, 1),)] and graph.axes == 2
    if exact and (rest == 1 or (Atom(CHANNEL, rest, r * r),) in m.dims):
        node = graph.emit("pixel_shuffle", [m.node], view=m, upscale_factor=r)
    else:
        node = graph.mix(m.node, "rearrange", rest, view=m)
        node = graph.emit("upsample", [node], view=m, scale_factor=factors)
    grown = tuple(
        (Atom(run[0].axis, run[0].size * factors[run[0].axis]),) if run[1:] in inner else run for run in m.dims
    )
    return Map(node, renumbered(grown, atoms_of(grown, CHANNEL)))


def _shuffled(graph: Graph, m: Map) -> Map:
    """Channels in another order."""
    channels = graph.maps[m.node].channels
    for i, run in enumerate(m.dims):
        if len(run) > 1 and is_channels(run) and size_of(run) == channels:
            if len(run) == 2 and run[0].step == 1:
                node = graph.emit("channel_shuffle", [m.node], view=m, groups=run[1].size)
            else:
                node = graph.mix(m.node, "permute", channels, view=m)
            return Map(node, with_run(m.dims, i, run_of(CHANNEL, channels)))
    return m


ORDER_STEPS = (_flattened, _space_to_depth, _depth_to_space, _shuffled)
"""In the order in which they must be tried: what is flat has no axes left to bring into order."""


def as_map(graph: Graph, m: Map) -> Map:
    """The tensor as a map with axes: settled, repeats written out, and given axes where it has lost them but its
    shape (batch, channels, sizes…) names them."""
    if m not in graph.shaped:
        graph.shaped[m] = _as_map(graph, settle(graph, m))
    return graph.shaped[m]


def _as_map(graph: Graph, m: Map) -> Map:
    if len(m.dims) != graph.axes + 2:
        return m
    x, home, plain = graph.maps[m.node], graph.home(m.node).dims, without(m.dims, REPEAT)
    out = m
    if x.flat or max(x.sizes) == 1 < max(shape_of(plain)[2:]):
        values = [atom for run in plain[1:] for atom in run]
        if any(atom.axis != CHANNEL for atom in values) or values != sorted(values, key=lambda atom: -atom.step):
            raise Unsupported("a flat map's values in another order")
        channels, *sizes = shape_of(plain)[1:]
        out = graph.home(graph.emit("unflatten", [m.node], view=m, out_channels=channels, size=sizes))
    elif plain != without(home, REPEAT) and (plain != m.dims or repeats(home) > 1):
        raise Unsupported("repeated values")
    own = graph.home(out.node).dims
    if repeats((*m.dims, *own)) > 1 and shape_of(m.dims) != shape_of(own):
        channels, *sizes = shape_of(m.dims)[1:]
        settings: dict[str, Any] = {"out_channels": channels, "size": sizes}
        out = graph.home(graph.emit("expand", [out.node], view=m, batch=m.dims[0], **settings))
    return out


def tried(step: Callable[[Graph, Map], Map], graph: Graph, m: Map) -> Map:
    """What a step makes of a tensor; the tensor as it is where no layer says it."""
    mark = len(graph.drafts)
    try:
        return step(graph, m)
    except Unsupported:
        graph.rewind(mark)
        return m


def fold(graph: Graph, m: Map) -> Map:
    """The tensor settled or, where no layer says how, as it is: it may meet its like."""
    return tried(settle, graph, m)


def mapped(graph: Graph, m: Map) -> Map:
    """The tensor as a map with axes or, where no layer says how, settled or as it is."""
    return tried(as_map, graph, fold(graph, m))


def written_out(graph: Graph, m: Map) -> Map:
    """The tensor with its repeats as a layer, where it has any and is a map."""
    repeated = len(m.dims) == graph.axes + 2 and atoms_of(m.dims[1:], REPEAT)
    return tried(as_map, graph, m) if repeated else m


def laid_anew(graph: Graph, m: Map) -> Map | None:
    """A tensor with as many dimensions as a map, that holds the values of one in their order: flattened, and given to
    channels and places in turn. None for any other tensor."""
    x, home, (batch, *shape) = graph.maps[m.node], graph.home(m.node).dims, shape_of(m.dims)
    if len(m.dims) != graph.axes + 2 or m.dims[0] != home[0] or reshaped(home, (batch, *shape)) != m.dims:
        return None
    node = m.node if x.elements == x.channels else graph.emit("flatten", [m.node], view=m)
    return graph.home(graph.emit("unflatten", [node], view=m, out_channels=shape[0], size=shape[1:]))


def conclude(graph: Graph, m: Map) -> Map:
    """Makes the layer of what a program returns first the last one."""
    m = mapped(graph, m)
    if m.node != len(graph.drafts) or not m.node:
        m = m._replace(node=graph.emit("identity", [m.node], label="output"))
    return m
