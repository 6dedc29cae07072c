"""What torch's functions on tensors mean: views, slices, joins, reductions, arithmetic, and what no layer can say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..call import Call, NeedsValues
from ..dims import CHANNEL, REPEAT, Atom, run_of, shape_of, size_of, with_run
from ..graph import Map, Unsupported
from ..moves import assigned, concatenated, cut, known_by_shape, lengthened, pad, shape_like, stretched
from ..order import laid_anew, settle, viewed

# --- the same values ---------------------------------------------------------------------------------------------


def same(call: Call) -> Map:
    call.run()
    return call.map()


def reshape(call: Call) -> Map:
    return call.graph.view(viewed(call.graph, call.map(), call.shape()))


def unflatten(call: Call) -> Map:
    """A dimension cut into several; of one that holds a whole map, a layer: its values get channels and places anew."""
    out = reshape(call)
    anew = laid_anew(call.graph, out) if len(call.map().dims) == 2 else None
    return anew or out


def permute(call: Call) -> Map:
    """The order of dimensions, read off a tensor whose sizes tell them apart."""
    m = call.map()
    call.run()
    probe = torch.empty(tuple(range(2, len(m.dims) + 2)), device="meta")
    rest = call.args[1:]
    kwargs = {key: value for key, value in call.kwargs.items() if not isinstance(value, Tensor)}
    out = call.func(probe, *rest, **kwargs)
    return call.graph.view(Map(m.node, tuple(m.dims[size - 2] for size in out.shape)))


def expand(call: Call) -> Map:
    return stretched(call.map(), call.shape())


def broadcast_tensors(call: Call) -> list[Map | None]:
    """Each tensor repeated to the shape that all have together."""
    found = [call.find(tensor) for tensor in call.tensors]
    shape = call.shape()
    return [m and stretched(m, shape) for m in found]


def repeat(call: Call) -> Map:
    graph, m, shape = call.graph, call.map(), call.shape()
    old = lengthened(m, len(shape))
    whole = [i for i, run in enumerate(old) if run and size_of(run) != shape[i]]
    if not whole:
        return stretched(m, shape)
    x = graph.maps[m.node]
    if len(whole) > 1 or old[whole[0]] != run_of(CHANNEL, x.channels):
        raise Unsupported("places repeated side by side")
    node = graph.mix(m.node, "repeat", shape[whole[0]])
    return Map(node, with_run(old, whole[0], run_of(CHANNEL, shape[whole[0]])))


def repeat_interleave(call: Call) -> Map:
    graph = call.graph
    m, times = settle(graph, call.map()), call.get("repeats")
    if not isinstance(times, int):
        raise Unsupported("repeats that differ")
    dim, shape = call.dim("dim", m), call.shape()
    run = m.dims[dim]
    axis = run[0].axis if len(run) == 1 else None
    if not run:
        return Map(m.node, with_run(m.dims, dim, (Atom(REPEAT, times, 0),)))
    if axis == CHANNEL and run == run_of(CHANNEL, graph.maps[m.node].channels):
        node = graph.mix(m.node, "repeat", shape[dim])
    elif axis is not None and axis >= 0:
        factors = [times if i == axis else 1 for i in range(graph.axes)]
        node = graph.emit("upsample", [m.node], label="repeat_interleave", scale_factor=factors)
    else:
        raise Unsupported("repeated parts")
    return Map(node, with_run(m.dims, dim, run_of(run[0].axis, shape[dim])))


# --- parts -------------------------------------------------------------------------------------------------------


def split(call: Call) -> list[Map | None]:
    m = call.map()
    dim = call.dim("dim", m, 0)
    if len(m.dims[dim]) > 1:
        m = settle(call.graph, m)
    out: list[Map | None] = []
    start = 0
    for part in call.run():
        stop = start + part.shape[dim]
        out.append(cut(call.graph, m, {dim: range(start, stop)}) if start < stop else None)
        start = stop
    return out


def unbind(call: Call) -> list[Map]:
    m = call.map()
    dim = call.dim("dim", m, 0)
    call.run()
    return [selected(call, m, dim, i) for i in range(size_of(m.dims[dim]))]


def selected(call: Call, m: Map, dim: int, index: int) -> Map:
    m = cut(call.graph, m, {dim: range(index, index + 1)})
    return Map(m.node, m.dims[:dim] + m.dims[dim + 1 :])


def select(call: Call) -> Map:
    m = call.map()
    call.run()
    dim = call.dim("dim", m)
    return selected(call, m, dim, call.get("index") % size_of(m.dims[dim]))


def narrow(call: Call) -> Map:
    m = call.map()
    call.run()
    dim, start = call.dim("dim", m), call.get("start")
    start += size_of(m.dims[dim]) if start < 0 else 0
    return cut(call.graph, m, {dim: range(start, start + call.get("length"))})


def index_entries(index: Any, dims: int) -> list[Any]:
    """An index as one entry for each dimension, and None for each new one."""
    entries = list(index) if isinstance(index, tuple) else [index]
    used = sum(entry is not None and entry is not Ellipsis for entry in entries)
    if Ellipsis in [e for e in entries if e is None or e is Ellipsis]:
        at = next(i for i, entry in enumerate(entries) if entry is Ellipsis)
        entries[at : at + 1] = [slice(None)] * (dims - used)
    else:
        entries += [slice(None)] * (dims - used)
    return entries


def getitem(call: Call) -> Map:
    m = call.map()
    entries = index_entries(call.args[1], len(m.dims))
    if any(isinstance(entry, Tensor) and entry.dtype in (torch.bool, torch.uint8) for entry in entries):
        raise NeedsValues("mask")
    shape = call.shape()
    if any(not isinstance(entry, int | slice | None) or isinstance(entry, bool) for entry in entries):
        return picked(call, m, entries, shape)
    ranges = {}
    for dim, entry in enumerate(entry for entry in entries if entry is not None):
        places = range(size_of(m.dims[dim]))
        ranges[dim] = places[entry] if isinstance(entry, slice) else places[entry : entry + 1 or None]
    m = cut(call.graph, m, ranges)
    runs = iter(m.dims)
    found = [(entry, () if entry is None else next(runs)) for entry in entries]
    return Map(m.node, tuple(run for entry, run in found if entry is None or isinstance(entry, slice)))


def picked(call: Call, m: Map, entries: list[Any], shape: tuple[int, ...]) -> Map:
    """Places picked by a list or a tensor of numbers: of channels, some of them; of an axis, nobody knows which."""
    graph = call.graph
    listed = [i for i, entry in enumerate(entries) if not isinstance(entry, slice)]
    whole = run_of(CHANNEL, graph.maps[m.node].channels)
    if len(listed) != 1 or len(shape) != len(m.dims) or m.dims[listed[0]] != whole:
        raise Unsupported("places picked by number")
    if any(entry != slice(None) for i, entry in enumerate(entries) if i != listed[0]):
        raise Unsupported("places picked by number and slice")
    return picked_channels(call, m, listed[0], shape[listed[0]])


def picked_channels(call: Call, m: Map, dim: int, count: int) -> Map:
    return Map(call.graph.mix(m.node, "index", count), with_run(m.dims, dim, run_of(CHANNEL, count)))


def index_select(call: Call) -> Map:
    m, shape = call.map(), call.shape()
    dim = call.dim("dim", m)
    if call.is_map("index") or m.dims[dim] != run_of(CHANNEL, call.graph.maps[m.node].channels):
        raise Unsupported("places picked by number")
    return picked_channels(call, m, dim, shape[dim])


def setitem(call: Call) -> None:
    """Writes part of a tensor: where a number stands, nothing is seen any more; a map brings along what it sees."""
    target, writes = call.args[0], call.state.writes
    value, m = call.find(call.args[2]), call.find(target)
    if value is None:
        if m is not None:  # what else is left sees what it saw, as after a gate
            call.state.known.bind(target, call.graph.function(m, "assignment"))
        return
    entries = index_entries(call.args[1], target.dim())
    plain = all(isinstance(entry, slice | int) and not isinstance(entry, bool) for entry in entries)
    if not plain or any(isinstance(entry, slice) and entry.step not in (None, 1) for entry in entries):
        writes.written(target, written_somewhere(call, m, value, target), call.tensors, mixes=True)
        return
    ranges, dims = [], list(value.dims)
    for dim, (entry, n) in enumerate(zip(entries, target.shape, strict=True)):
        ranges.append(range(n)[entry] if isinstance(entry, slice) else range(n)[entry : entry + 1 or None])
        if isinstance(entry, int):
            dims.insert(dim, ())
    found = written_box(call, m, Map(value.node, tuple(dims)), ranges, target)
    writes.written(target, found, call.tensors, mixes=True)


def written_somewhere(call: Call, m: Map | None, value: Map, target: Tensor) -> Map:
    graph, maps = call.graph, [x for x in (m, value) if x]
    shape = shape_like(graph, m) if m else assigned(graph, tuple(target.shape), value.dims)
    return known_by_shape(graph, "whole", maps, shape, "assignment", 0, bound=True)


def written_box(call: Call, m: Map | None, value: Map, ranges: Sequence[range], target: Tensor) -> Map:
    """A map written into a box of a tensor: padding around it where the tensor held nothing of the image, a concat
    where the box is a run of channels."""
    graph = call.graph
    mark = len(graph.drafts)
    sizes = tuple(target.shape)
    sides = [(r.start, n - r.stop) for r, n in zip(ranges, sizes, strict=True)]
    try:
        if shape_of(value.dims) != tuple(map(len, ranges)):
            raise Unsupported("a broadcast into part of a tensor")
        if m is None:
            return pad(graph, value, sides)
        (dim,) = [i for i, side in enumerate(sides) if any(side)] or [-1]
        if dim < 0:
            return value
        before, after = range(ranges[dim].start), range(ranges[dim].stop, sizes[dim])
        parts = [cut(graph, m, {dim: before})] if before else []
        parts += [value, *([cut(graph, m, {dim: after})] if after else [])]
        return concatenated(graph, parts, dim)
    except (Unsupported, ValueError):
        graph.rewind(mark)
        return written_somewhere(call, m, value, target)
