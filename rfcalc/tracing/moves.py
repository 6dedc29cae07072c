"""What happens to a map between the layers: slices, padding, reductions, joins, and operations known by shape only.

Each function adds layers to a graph and returns where the result's values stand, or raises `Unsupported`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

from .dims import (
    BATCH_AXIS,
    CHANNEL,
    REPEAT,
    Atom,
    AtomRun,
    Dims,
    atoms_of,
    compact,
    renumbered,
    run_of,
    shape_of,
    size_of,
    with_run,
)
from .graph import Graph, Map, TakenApart, Unsupported
from .order import as_map, fold, settle, written_out

POOL_OF = {"mean": "avg_pool", "max": "max_pool", "amax": "max_pool"}


# --- parts of a tensor -------------------------------------------------------------------------------------------


def cut(graph: Graph, m: Map, ranges: dict[int, range]) -> Map:
    """Some places of the given dimensions: x[start:stop:step]; those of axes are cut by one layer."""
    ranges = {dim: kept for dim, kept in ranges.items() if len(kept) < size_of(m.dims[dim])}
    if not all(ranges.values()):
        raise Unsupported("an empty slice")
    if any(len(m.dims[dim]) > 1 for dim in ranges):
        m = settle(graph, m)
    if any(atoms_of([m.dims[dim]], REPEAT) for dim in ranges):
        m = written_out(graph, m)
    if any(len(m.dims[dim]) > 1 for dim in ranges):
        raise Unsupported("a slice across several axes")
    axes = {}
    for dim, kept in ranges.items():
        (atom,) = m.dims[dim]
        if atom.axis >= 0:
            axes[dim] = kept
        elif atom.axis == BATCH_AXIS:
            raise TakenApart
        elif atom.axis == CHANNEL:
            m = _cut_channels(graph, m, dim, kept)
        else:
            m = Map(m.node, with_run(m.dims, dim, _shorter(atom, kept)))
    return _cut_axes(graph, m, axes) if axes else m


def _shorter(atom: Atom, kept: range) -> AtomRun:
    return (atom._replace(size=len(kept)),) if len(kept) > 1 else ()


def _cut_channels(graph: Graph, m: Map, dim: int, kept: range) -> Map:
    (atom,), channels = m.dims[dim], graph.maps[m.node].channels
    if atom.size * atom.step == channels and (kept.step == 1 or atom.step == 1):
        stop = kept.start + (len(kept) - 1) * kept.step + 1
        bounds: dict[str, Any] = {"start": kept.start * atom.step, "stop": stop * atom.step, "step": kept.step}
    elif atom.step == 1 and len(kept) == 1:
        bounds = {"start": kept.start, "step": atom.size}
    else:
        bounds = {}
    if bounds:
        node = graph.emit("channel_slice", [m.node], **bounds)
    else:
        left = channels // atom.size * len(kept)
        node = graph.mix(m.node, "slice", left)
    return Map(node, compact(with_run(m.dims, dim, _shorter(atom, kept))))


def _cut_axes(graph: Graph, m: Map, ranges: dict[int, range]) -> Map:
    pads, strides, dims = [(0, 0)] * graph.axes, [1] * graph.axes, m.dims
    for dim, kept in ranges.items():
        (atom,) = m.dims[dim]
        size = graph.maps[m.node].sizes[atom.axis]
        first, step, count = _units(m, atom, kept)
        last = first + (count - 1) * step
        spare = size - 1 - last if size - 1 - last >= step else 0  # a stride passes over what is shorter
        pads[atom.axis], strides[atom.axis] = (-first, -spare), step
        dims = with_run(dims, dim, _shorter(atom, kept))
        if count > len(kept) and step > 1:  # of every patch one place: the patches are what is left
            dims = tuple(tuple(a._replace(step=1) if a.axis == atom.axis else a for a in run) for run in dims)
    node = m.node
    if any(map(any, pads)):
        node = graph.emit("pad", [node], label="slice", padding=pads)
    if max(strides) > 1:
        node = graph.emit("max_pool", [node], label="slice", kernel_size=1, stride=strides)
    return Map(node, dims)


def _units(m: Map, atom: Atom, kept: range) -> tuple[int, int, int]:
    """The units of an axis that a slice keeps, where the axis may have been cut into patches: first, step, count."""
    others = [other for other in atoms_of(m.dims, atom.axis) if other != atom]
    if not others:
        return kept.start, kept.step, len(kept)
    if len(others) == 1 and atom.step == 1 and len(kept) == 1:  # one place of every patch
        return kept.start, atom.size, others[0].size
    if len(others) == 1 and others[0].step == 1 and kept.step == 1:  # some of the patches
        return kept.start * atom.step, 1, len(kept) * atom.step
    raise Unsupported("an axis in parts")


def pad(graph: Graph, m: Map, sides: Sequence[tuple[int, int]], mode: str = "zeros") -> Map:
    """Each dimension of a tensor padded before and after; negative numbers cut off."""
    sizes = [size_of(run) for run in m.dims]
    kept = {i: range(max(-a, 0), sizes[i] - max(-b, 0)) for i, (a, b) in enumerate(sides) if min(a, b) < 0}
    if all(max(pair) <= 0 for pair in sides):
        return cut(graph, m, kept)
    m = as_map(graph, m)
    channel, spatial = graph.roles(m)
    m = cut(graph, m, {dim: places for dim, places in kept.items() if dim == channel})
    grown = [(max(a, 0), max(b, 0)) if dim == channel else (a, b) for dim, (a, b) in enumerate(sides)]
    axes = dict(zip(spatial, graph.places(m, spatial), strict=True))
    pads = [(0, 0)] * graph.axes
    for dim, pair in enumerate(grown):
        axis = axes.get(dim)
        if axis is not None:
            pads[axis] = pair
        elif any(pair) and (dim != channel or mode != "zeros"):
            raise Unsupported("padding of a dimension that is no axis")
    if any(map(any, pads)):
        m = graph.spread(graph.emit("pad", [m.node], padding=pads, mode=mode), m, axes)
    if channel is not None and any(grown[channel]):
        before, after = grown[channel]
        node = graph.emit("channel_pad", [m.node], before=before, after=after)
        m = Map(node, with_run(m.dims, channel, run_of(CHANNEL, graph.maps[node].channels)))
    return m


# --- many places into one, or each other -------------------------------------------------------------------------


def whole_atoms(graph: Graph, m: Map, dims: Sequence[int]) -> bool:
    """Whether the given dimensions hold whole axes only, beside channels and batch."""
    sizes = graph.maps[m.node].sizes
    return all(a.axis < 0 or a.size == sizes[a.axis] for dim in dims for a in m.dims[dim])


def reduced(graph: Graph, m: Map, dims: Sequence[int], keepdim: bool, operation: str) -> Map:
    """All places of the given dimensions into one."""
    if any(len(m.dims[dim]) > 1 for dim in dims) and not whole_atoms(graph, m, dims):
        m = settle(graph, m)
    atoms = [atom for dim in dims for atom in m.dims[dim]]
    node, left = m.node, m.dims
    if any(atom.axis >= 0 for atom in atoms):
        node, left = _reduced_axes(graph, m, [atom for atom in atoms if atom.axis >= 0], operation)
    gone = prod(atom.size for atom in atoms if atom.axis == CHANNEL)
    if gone > 1:
        node = graph.mix(node, operation, graph.maps[node].channels // gone)
    kept = tuple(() if i in dims else run for i, run in enumerate(left) if keepdim or i not in dims)
    return Map(node, compact(kept) if gone > 1 else kept)


def _reduced_axes(graph: Graph, m: Map, atoms: list[Atom], operation: str) -> tuple[int, Dims]:
    sizes, pool = graph.maps[m.node].sizes, POOL_OF.get(operation)
    flags = [any(atom.axis == i for atom in atoms) for i in range(graph.axes)]
    if not whole_atoms(graph, Map(m.node, (tuple(atoms),)), [0]):
        factors = [next((a.size for a in atoms if a.axis == i), 1) for i in range(graph.axes)]
        if pool is None or any(atom.step > 1 or atom.size == sizes[atom.axis] for atom in atoms):
            raise Unsupported("an axis in parts")
        node = graph.emit(pool, [m.node], kernel_size=factors, stride=factors)
        return node, tuple(
            tuple(a._replace(step=1) if a.axis >= 0 and flags[a.axis] and a not in atoms else a for a in run)
            for run in m.dims
        )
    if pool is None:
        node = graph.emit("reduce", [m.node], label=operation, operation=operation, axes=flags)
    elif all(flag or size == 1 for flag, size in zip(flags, sizes, strict=True)):
        node = graph.emit(f"global_{pool}", [m.node])
    else:
        output = [1 if flag else size for flag, size in zip(flags, sizes, strict=True)]
        node = graph.emit(f"adaptive_{pool}", [m.node], output_size=output)
    return node, m.dims


def along(graph: Graph, m: Map, dims: Sequence[int], operation: str, bound: bool = False) -> Map:
    """An operation that mixes the places of the given dimensions and leaves the shape as it is."""
    axes = {atom.axis for dim in dims for atom in m.dims[dim]}
    if max(axes, default=BATCH_AXIS) >= 0:
        flags = [i in axes for i in range(graph.axes)]
        bound = bound or not whole_atoms(graph, m, dims)
        node = graph.emit("whole", [m.node], label=operation, operation=operation, axes=flags, bound=bound)
    elif CHANNEL in axes:
        node = graph.mix(m.node, operation, graph.maps[m.node].channels)
    else:
        return graph.function(m, operation)
    return Map(node, m.dims)


# --- several tensors into one ------------------------------------------------------------------------------------


def joined_maps(graph: Graph, operation: str, maps: Sequence[Map]) -> Map:
    """Tensors value by value, broadcast as torch does, from the last dimension on."""
    length = max(len(m.dims) for m in maps)
    maps = [Map(m.node, lengthened(m, length)) for m in (fold(graph, m) for m in maps)]
    if any(map(only_repeated, zip(*(m.dims for m in maps), strict=True))):
        maps = [written_out(graph, m) for m in maps]
    maps = _alike(graph, maps)
    out: list[AtomRun] = []
    for runs in zip(*(m.dims for m in maps), strict=True):
        held = {run for run in runs if any(atom.axis != REPEAT for atom in run)}
        if len(held) > 1:
            raise Unsupported("values of different places")
        out.append(held.pop() if held else max(runs))
    channels = max(graph.maps[m.node].channels for m in maps)
    nodes = [_widened(graph, m, channels) for m in maps]
    if operation == "add" and len({(graph.maps[n].channels, graph.maps[n].sizes) for n in nodes}) == 1:
        node = graph.emit("add", nodes)
    elif operation == "mul":
        node = graph.emit("multiply", nodes)
    else:
        node = graph.emit("elementwise", nodes, label=operation, operation=operation)
    return Map(node, tuple(out))


def only_repeated(runs: Sequence[AtomRun]) -> bool:
    """Whether a dimension is longer than 1 in some tensors and holds places or channels in none."""
    atoms = [atom for run in runs for atom in run]
    return bool(atoms) and all(atom.axis == REPEAT for atom in atoms)


def _alike(graph: Graph, maps: list[Map]) -> list[Map]:
    """Flat maps beside maps with axes get axes, of size 1 unless the shape names others."""
    flat = [graph.maps[m.node].flat for m in maps]
    if len(set(flat)) == 1:
        return maps
    axes = {i for m, none in zip(maps, flat, strict=True) if not none for i in _spatial(m)}
    return [_with_axes(graph, m, axes) if none else m for m, none in zip(maps, flat, strict=True)]


def _spatial(m: Map) -> list[int]:
    return [i for i, run in enumerate(m.dims) if any(atom.axis >= 0 for atom in run)]


def _with_axes(graph: Graph, m: Map, axes: set[int]) -> Map:
    """A flat map with axes: of size 1, unless it has values where its partners have places."""
    if any(atom.axis != REPEAT for i in axes for atom in m.dims[i]):
        return as_map(graph, m)
    channels = graph.maps[m.node].channels
    return Map(graph.emit("unflatten", [m.node], view=m, out_channels=channels), m.dims)


def _widened(graph: Graph, m: Map, channels: int) -> int:
    """The node with its channels repeated to as many as its partners have."""
    if graph.maps[m.node].channels in (1, channels):
        return m.node
    return graph.mix(m.node, "expand", channels, view=m)


def structure(m: Map, dim: int) -> list[list[tuple[int, int]]]:
    """What the dimensions other than one hold, whatever the order of the channels."""
    return [[(a.axis, 0 if a.axis >= 0 else a.size) for a in run] for i, run in enumerate(m.dims) if i != dim]


def concatenated(graph: Graph, maps: Sequence[Map], dim: int) -> Map:
    """Tensors one after the other along one dimension."""
    if len(maps) == 1:
        return maps[0]
    maps = [fold(graph, m) for m in maps]
    if any(atoms_of(m.dims, REPEAT) for m in maps):
        maps = [as_map(graph, m) for m in maps]
    runs = [m.dims[dim] for m in maps]
    if any(structure(m, dim) != structure(maps[0], dim) for m in maps):
        raise Unsupported("maps that hold their axes in different dimensions")
    axis = any(atom.axis >= 0 for run in runs for atom in run)
    lone = not any(runs) and len(maps[0].dims) == graph.axes + 2 and dim >= 2 and not graph.maps[maps[0].node].flat
    if axis or lone:
        return _side_by_side(graph, maps, dim)
    if any(len(run) > 1 or any(atom.axis != CHANNEL for atom in run) for run in runs):
        raise Unsupported("a dimension in parts")
    maps = _alike(graph, maps)
    node = graph.emit("concat", [m.node for m in maps])
    total, count = graph.maps[node].channels, sum(map(size_of, runs))
    inner = total // count
    dims = with_run(maps[0].dims, dim, (Atom(CHANNEL, count, inner),))
    inward = [atoms_of(with_run(m.dims, dim, ()), CHANNEL) for m in maps]
    plain = all(not run or run[0].step == inner for run in runs)
    if not plain or any(atoms != inward[0] for atoms in inward):
        node = graph.mix(node, "permute", total)
        dims = renumbered(dims, atoms_of(dims, CHANNEL))
    return Map(node, dims)


def _side_by_side(graph: Graph, maps: Sequence[Map], dim: int) -> Map:
    """Maps one after the other along an axis: a unit sees what a unit of one of them sees, no more than the hull."""
    maps = [as_map(graph, m) for m in maps]
    spatial = graph.roles(maps[0]).spatial
    axes = dict(zip(spatial, graph.places(maps[0], spatial), strict=True))
    axis = axes.get(dim)
    if axis is None:
        raise Unsupported("maps side by side along no axis")
    sizes = list(graph.maps[maps[0].node].sizes)
    sizes[axis] = sum(graph.maps[m.node].sizes[axis] for m in maps)
    flags = [i == axis for i in range(graph.axes)]
    nodes = list(dict.fromkeys(m.node for m in maps))
    op = "whole" if len(nodes) == 1 else "whole_join"
    node = graph.emit(op, nodes, label="concat", operation="concat", size=sizes, axes=flags, bound=True)
    return graph.spread(node, maps[0], axes)


def with_constants(graph: Graph, found: Sequence[Map | None], sizes: Sequence[int], dim: int) -> Map:
    """Tensors one after the other along one dimension, `sizes` long each; those that hold nothing of the image (None)
    are padding, in front or after."""
    maps = [m for m in found if m is not None]
    first = next(i for i, m in enumerate(found) if m)
    last = len(found) - 1 - next(i for i, m in enumerate(reversed(found)) if m)
    if None in found[first:last]:
        raise Unsupported("a gap between maps")
    m = concatenated(graph, maps, dim) if len(maps) > 1 else maps[0]
    sides = [(0, 0)] * len(m.dims)
    sides[dim] = (sum(sizes[:first]), sum(sizes[last + 1 :]))
    return pad(graph, m, sides)


# --- operations of which the shape is known ----------------------------------------------------------------------


class TensorShape(NamedTuple):
    """A tensor's dimensions, and the map that they hold."""

    dims: Dims
    channels: int
    sizes: tuple[int, ...]
    flat: bool


def shape_like(graph: Graph, m: Map) -> TensorShape:
    x = graph.maps[m.node]
    return TensorShape(m.dims, x.channels, x.sizes, x.flat)


def assigned(graph: Graph, shape: Sequence[int], hints: Sequence[AtomRun]) -> TensorShape:
    """A map for a tensor of which only the shape is known. Hints tell what each dimension was before: the batch stays
    the batch, channels stay channels; what is left becomes axes, in their order, and channels where there are more."""
    runs = [*hints, *[()] * len(shape)][: len(shape)]
    only = [{atom.axis for atom in run} for run in runs]
    batch = [i for i, n in enumerate(shape) if n == graph.batch and only[i] == {BATCH_AXIS}][:1]
    if not batch and shape and shape[0] == graph.batch:
        batch = [0]
    if not batch and graph.batch > 1 and graph.strict:
        raise TakenApart
    rest = [i for i, n in enumerate(shape) if n > 1 and i not in batch]
    full = len(shape) == graph.axes + 2 and batch == [0]
    channel = [i for i in rest if CHANNEL in only[i]]
    if not channel:
        channel = [i for i in rest if i == 1] if full else rest[:1]
    places = [i for i in rest if i not in channel]
    channel += places[graph.axes :]
    places = places[: graph.axes]
    free = list(range(graph.axes))
    sizes, dims = [1] * graph.axes, [run_of(BATCH_AXIS, graph.batch) if i in batch else () for i in range(len(shape))]
    for i in places:
        wanted = i - 2 if full and channel == [1] else min(only[i], default=-1)
        axis = wanted if wanted in free else free[0]
        free.remove(axis)
        sizes[axis], dims[i] = shape[i], run_of(axis, shape[i])
    step = 1
    for i in sorted(channel, reverse=True):
        dims[i] = (Atom(CHANNEL, shape[i], step),)
        step *= shape[i]
    return TensorShape(tuple(dims), step, tuple(sizes), not places and len(shape) <= 2)


def recurrence(
    graph: Graph, m: Map, sequence: AtomRun, width: int, both: bool, weights: int, macs: int | None, operation: str
) -> Map:
    """A recurrent layer, whose features stand in the last dimension: a step sees the steps before it, and with `both`
    directions all: the whole axis that the sequence runs along, and nothing on the others, which stand in the batch."""
    x, dims = graph.maps[m.node], with_run(m.dims, len(m.dims) - 1, run_of(CHANNEL, width))
    axes = {atom.axis for atom in sequence if atom.axis >= 0}
    if not axes:
        return Map(graph.mix(m.node, operation, width, weights, macs), dims)
    bound = not both or not whole_atoms(graph, Map(m.node, (sequence,)), [0])
    shape = TensorShape(dims, width, x.sizes, x.flat)
    flags = [i in axes for i in range(graph.axes)]
    return known_by_shape(graph, "whole", [m], shape, operation, weights, macs, axes=flags, bound=bound)


def known_by_shape(
    graph: Graph, op: str, maps: Sequence[Map], shape: TensorShape, operation: str, weights: int,
    macs: int | None = None, **settings: Any,
) -> Map:  # fmt: skip
    """A `whole` or `opaque` node, with as many inputs as there are maps."""
    nodes = list(dict.fromkeys(m.node for m in maps))
    node = graph.emit(
        op if len(nodes) == 1 else f"{op}_join", nodes, weights, macs, operation,
        operation=operation, out_channels=shape.channels, size=shape.sizes, flat=shape.flat, **settings,
    )  # fmt: skip
    return Map(node, shape.dims)


def hints_of(m: Map, shape: tuple[int, ...]) -> Dims:
    """What the dimensions of a result were before: those of the input, perhaps with new channels after them."""
    if len(shape) == len(m.dims):
        return m.dims
    if shape[:-1] == shape_of(m.dims):
        return (*m.dims, (Atom(CHANNEL, shape[-1]),))
    return ()


def bounded_by_all(
    graph: Graph, maps: Sequence[Map], shape: tuple[int, ...], operation: str, weights: int, macs: int | None = None
) -> Map:
    """What is true of any function: no unit sees more than all of its inputs. Where its shape stays, so do the places
    of its dimensions."""
    if shape == shape_of(maps[0].dims) and graph.holds(maps[0]):
        found = shape_like(graph, maps[0])
    else:
        found = assigned(graph, shape, hints_of(maps[0], shape))
    return known_by_shape(graph, "whole", maps, found, operation, weights, macs, bound=True)


# --- values in step ----------------------------------------------------------------------------------------------


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that values of these shapes have together; Unsupported where they do not go together."""
    length = max(map(len, shapes))
    sizes = [set(n) - {1} for n in zip(*((1,) * (length - len(s)) + s for s in shapes), strict=True)]
    if any(len(n) > 1 for n in sizes):
        raise Unsupported("sizes that do not go together")
    return tuple(n.pop() if n else 1 for n in sizes)


def lengthened(m: Map, length: int) -> Dims:
    """Dimensions of size 1 in front, so that there are as many as asked for."""
    return ((),) * (length - len(m.dims)) + m.dims


def stretched(m: Map, shape: Sequence[int]) -> Map:
    """A map repeated to the shape that it has together with others."""
    runs = zip(lengthened(m, len(shape)), shape, strict=True)
    return Map(m.node, tuple(run if size_of(run) == size else (Atom(REPEAT, size, 0),) for run, size in runs))


def with_numbers(graph: Graph, m: Map, shapes: Sequence[tuple[int, ...]], name: str, weights: int) -> Map:
    """A map that meets numbers of these shapes, `weights` of them learned."""
    out = stretched(m, broadcast(shape_of(m.dims), *shapes))
    learned = {"mul": "scale", "add": "shift"}.get(name)
    if learned and weights and weights == sum(map(prod, shapes)):
        return Map(graph.emit(learned, [m.node], weights, weights=weights), out.dims)
    return graph.function(m, name, weights)._replace(dims=out.dims)


def embedded(graph: Graph, m: Map, width: int, weights: int, operation: str = "embedding") -> Map:
    """A row of values for each number, in a last dimension of its own: more channels at the same place."""
    node = graph.mix(m.node, operation, graph.maps[m.node].channels * width, weights)
    inner = tuple(tuple(a._replace(step=a.step * width) if a.axis == CHANNEL else a for a in run) for run in m.dims)
    dims = (*inner, (Atom(CHANNEL, width),) if width > 1 else ())
    return Map(node, renumbered(dims, atoms_of(dims, CHANNEL)))
