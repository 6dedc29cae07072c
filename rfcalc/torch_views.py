"""What torch's functions on tensors mean: views, slices, joins, reductions, arithmetic, and what no layer can say."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

from .torch_call import Call, functions, ops, pointwise_function, tensors_in
from .torch_graph import Map, Unfit
from .torch_layout import CHANNEL, REPEAT, Atom, Dims, Run, reshaped, run_of, shape_of, size_of, with_run
from .torch_moves import along, assigned, concatenated, cut, joined, known_by_shape, pad, reduced, shape_like

VALUES = frozenset(
    functions(
        "item tolist numpy __bool__ __float__ __int__ __index__ __complex__ __array__ is_nonzero equal allclose "
        "nonzero argwhere masked_select unique unique_consecutive bincount histc __contains__"
    )
)
"""Functions whose result depends on the values of a tensor, not on its shape alone."""

FRESH = frozenset(
    functions(
        "zeros_like ones_like empty_like full_like rand_like randn_like randint_like new_zeros new_ones new_empty "
        "new_full new_tensor bernoulli_ uniform_ normal_ zero_ fill_ random_"
    )
)
"""Functions that take a tensor's shape and leave its values."""

MOVES = frozenset(functions("to cuda cpu type type_as float double half bfloat16 xpu mps int long"))
"""Functions that only change where a tensor lies or its type; the device is passed over, for there are shapes only."""

ABOUT = frozenset(
    functions(
        "shape size dim ndim numel nelement device dtype layout requires_grad is_cuda is_cpu is_meta stride "
        "is_contiguous is_floating_point is_complex __len__ ndimension get_device element_size storage_offset grad_fn "
        "is_leaf grad is_sparse is_quantized names __repr__ __str__ __format__ __hash__ is_tensor"
    )
)
"""What a program may ask about a tensor."""


# --- the same values ---------------------------------------------------------------------------------------------


@ops("contiguous clone detach alias data positive requires_grad_ resolve_conj resolve_neg __deepcopy__ real")
def same(call: Call) -> Map:
    call.run()
    return call.map()


@ops("view reshape flatten unflatten squeeze unsqueeze ravel view_as reshape_as unsafe_view atleast_2d atleast_3d")
def reshape(call: Call) -> Map:
    m = call.map()
    shape = call.shape()
    dims = reshaped(m.dims, shape)
    if dims is None:
        m = call.graph.settle(m)
        dims = reshaped(m.dims, shape)
    if dims is None:
        raise Unfit("a view across axes")
    return seen_from_here(call, Map(m.node, dims))


def seen_from_here(call: Call, m: Map) -> Map:
    """Remembers which module made a view, whose name a layer that says it in the end shall bear."""
    call.graph.viewed.setdefault(m, call.graph.frame)
    return m


@ops("permute transpose swapaxes swapdims movedim moveaxis t T mT H mH adjoint")
def permute(call: Call) -> Map:
    """The order of dimensions, read off a tensor whose sizes tell them apart."""
    m = call.map()
    call.run()
    probe = torch.empty(tuple(range(2, len(m.dims) + 2)), device="meta")
    rest = call.args[1:]
    kwargs = {key: value for key, value in call.kwargs.items() if not isinstance(value, Tensor)}
    out = call.func(probe, *rest, **kwargs)
    return seen_from_here(call, Map(m.node, tuple(m.dims[size - 2] for size in out.shape)))


@ops("expand expand_as broadcast_to", "input size")
def expand(call: Call) -> Map:
    m, shape = call.map(), call.shape()
    old = ((),) * (len(shape) - len(m.dims)) + m.dims
    return Map(m.node, tuple(grown(run, size) for run, size in zip(old, shape, strict=True)))


def grown(run: Run, size: int) -> Run:
    return run if size_of(run) == size else (Atom(REPEAT, size, 0),)


@ops("repeat tile", "input repeats")
def repeat(call: Call) -> Map:
    graph, m, shape = call.graph, call.map(), call.shape()
    old = ((),) * (len(shape) - len(m.dims)) + m.dims
    whole = [i for i, run in enumerate(old) if run and size_of(run) != shape[i]]
    if not whole:
        return Map(m.node, tuple(grown(run, size) for run, size in zip(old, shape, strict=True)))
    x = graph.maps[m.node]
    if len(whole) > 1 or old[whole[0]] != run_of(CHANNEL, x.channels):
        raise Unfit("places repeated side by side")
    node = graph.emit("channel_mix", [m.node], label="repeat", operation="repeat", out_channels=shape[whole[0]])
    return Map(node, with_run(old, whole[0], run_of(CHANNEL, shape[whole[0]])))


@ops("repeat_interleave", "input repeats dim")
def repeat_interleave(call: Call) -> Map:
    graph = call.graph
    m, times = graph.settle(call.map()), call.get("repeats")
    if not isinstance(times, int):
        raise Unfit("repeats that differ")
    dim, shape = call.dim("dim", m), call.shape()
    run = m.dims[dim]
    axis = run[0].axis if len(run) == 1 else None
    if not run:
        return Map(m.node, with_run(m.dims, dim, (Atom(REPEAT, times, 0),)))
    if axis == CHANNEL and run == run_of(CHANNEL, graph.maps[m.node].channels):
        node = graph.emit("channel_mix", [m.node], label="repeat", operation="repeat", out_channels=shape[dim])
    elif axis is not None and axis >= 0:
        factors = [times if i == axis else 1 for i in range(graph.axes)]
        node = graph.emit("upsample", [m.node], label="repeat_interleave", scale_factor=factors)
    else:
        raise Unfit("repeated parts")
    return Map(node, with_run(m.dims, dim, run_of(run[0].axis, shape[dim])))


# --- parts -------------------------------------------------------------------------------------------------------


@ops("chunk split split_with_sizes tensor_split unsafe_chunk unsafe_split unsafe_split_with_sizes", "input parts dim")
def split(call: Call) -> list[Map]:
    m = call.map()
    dim = call.dim("dim", m, 0)
    if len(m.dims[dim]) > 1:
        m = call.graph.settle(m)
    out, start = [], 0
    for part in call.run():
        stop = start + part.shape[dim]
        out.append(cut(call.graph, m, {dim: range(start, stop)}))
        start = stop
    return out


@ops("unbind", "input dim")
def unbind(call: Call) -> list[Map]:
    m = call.map()
    dim = call.dim("dim", m, 0)
    call.run()
    return [selected(call, m, dim, i) for i in range(size_of(m.dims[dim]))]


def selected(call: Call, m: Map, dim: int, index: int) -> Map:
    m = cut(call.graph, m, {dim: range(index, index + 1)})
    return Map(m.node, m.dims[:dim] + m.dims[dim + 1 :])


@ops("select", "input dim index")
def select(call: Call) -> Map:
    m = call.map()
    call.run()
    dim = call.dim("dim", m)
    return selected(call, m, dim, call.get("index") % size_of(m.dims[dim]))


@ops("narrow", "input dim start length")
def narrow(call: Call) -> Map:
    m = call.map()
    call.run()
    dim, start = call.dim("dim", m), call.get("start")
    start += size_of(m.dims[dim]) if start < 0 else 0
    return cut(call.graph, m, {dim: range(start, start + call.get("length"))})


def spelled_out(index: Any, dims: int) -> list[Any]:
    """An index as one entry for each dimension, and None for each new one."""
    entries = list(index) if isinstance(index, tuple) else [index]
    used = sum(entry is not None and entry is not Ellipsis for entry in entries)
    if Ellipsis in [e for e in entries if e is None or e is Ellipsis]:
        at = next(i for i, entry in enumerate(entries) if entry is Ellipsis)
        entries[at : at + 1] = [slice(None)] * (dims - used)
    else:
        entries += [slice(None)] * (dims - used)
    return entries


@ops("__getitem__", "input index")
def getitem(call: Call) -> Map:
    m = call.map()
    shape = call.shape()
    entries = spelled_out(call.args[1], len(m.dims))
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
        raise Unfit("places picked by number")
    if any(entry != slice(None) for i, entry in enumerate(entries) if i != listed[0]):
        raise Unfit("places picked by number and slice")
    return picked_channels(call, m, listed[0], shape[listed[0]])


def picked_channels(call: Call, m: Map, dim: int, count: int) -> Map:
    node = call.graph.emit("channel_mix", [m.node], label="index", operation="index", out_channels=count)
    return Map(node, with_run(m.dims, dim, run_of(CHANNEL, count)))


@ops("index_select", "input dim index")
def index_select(call: Call) -> Map:
    m, shape = call.map(), call.shape()
    dim = call.dim("dim", m)
    if call.is_map("index") or m.dims[dim] != run_of(CHANNEL, call.graph.maps[m.node].channels):
        raise Unfit("places picked by number")
    return picked_channels(call, m, dim, shape[dim])


@ops("__setitem__", "input index value")
def setitem(call: Call) -> None:
    """Writes part of a tensor: a number leaves its places what they were; a map brings along what it sees."""
    tracer, target = call.tracer, call.args[0]
    value = tracer.find(call.args[2])
    m = tracer.find(target)
    if value is None:
        return
    entries = spelled_out(call.args[1], target.dim())
    if any(not isinstance(entry, slice) or entry.step not in (None, 1) for entry in entries):
        tracer.bind(target, written_somewhere(call, m, value, target))
        return
    ranges = [range(n)[entry] for entry, n in zip(entries, target.shape, strict=True)]
    tracer.bind(target, written(call, m, value, ranges, target))


def written_somewhere(call: Call, m: Map | None, value: Map, target: Tensor) -> Map:
    graph, maps = call.graph, [x for x in (m, value) if x]
    shape = shape_like(graph, m) if m else assigned(graph, tuple(target.shape), value.dims)
    return known_by_shape(graph, "whole", maps, shape, "assignment", 0, bound=True)


def written(call: Call, m: Map | None, value: Map, ranges: Sequence[range], target: Tensor) -> Map:
    """A map written into a box of a tensor: padding around it where the tensor held nothing of the image, a concat
    where the box is a run of channels."""
    graph = call.graph
    mark = len(graph.drafts)
    sizes = tuple(target.shape)
    sides = [(r.start, n - r.stop) for r, n in zip(ranges, sizes, strict=True)]
    try:
        if shape_of(value.dims) != tuple(map(len, ranges)):
            raise Unfit("a broadcast into part of a tensor")
        if m is None:
            return pad(graph, value, sides)
        (dim,) = [i for i, side in enumerate(sides) if any(side)] or [-1]
        if dim < 0:
            return value
        before, after = range(ranges[dim].start), range(ranges[dim].stop, sizes[dim])
        parts = [cut(graph, m, {dim: before})] if before else []
        parts += [value, *([cut(graph, m, {dim: after})] if after else [])]
        return concatenated(graph, parts, dim)
    except (Unfit, ValueError):
        graph.rewind(mark)
        return written_somewhere(call, m, value, target)


# --- joins -------------------------------------------------------------------------------------------------------


@ops("cat concat concatenate", "tensors dim")
def cat(call: Call) -> Map:
    """Tensors one behind the other; those that hold nothing of the image are padding."""
    tensors = list(call.args[0] if call.args else call.kwargs["tensors"])
    tensors = [tensor for tensor in tensors if tensor.numel()]
    call.run()
    dim = call.get("dim", 0) % tensors[0].dim()
    return behind_one_another(call, tensors, dim)


def behind_one_another(call: Call, tensors: list[Tensor], dim: int) -> Map:
    graph, tracer = call.graph, call.tracer
    found = [tracer.find(tensor) for tensor in tensors]
    maps = [m for m in found if m is not None]
    weights = call.weights()
    if weights:
        raise Unfit("learned values beside a map")
    first = next(i for i, m in enumerate(found) if m)
    last = len(found) - 1 - next(i for i, m in enumerate(reversed(found)) if m)
    if None in found[first:last]:
        raise Unfit("a gap between maps")
    m = concatenated(graph, maps, dim) if len(maps) > 1 else maps[0]
    sides = [(0, 0)] * len(m.dims)
    sides[dim] = (sum(t.shape[dim] for t in tensors[:first]), sum(t.shape[dim] for t in tensors[last + 1 :]))
    return pad(graph, m, sides)


@ops("stack", "tensors dim")
def stack(call: Call) -> Map:
    tensors = list(call.args[0] if call.args else call.kwargs["tensors"])
    call.run()
    dim = call.get("dim", 0) % (tensors[0].dim() + 1)
    maps = [call.tracer.find(tensor) for tensor in tensors]
    if None in maps:
        raise Unfit("a gap between maps")
    opened = [Map(m.node, (*m.dims[:dim], (), *m.dims[dim:])) for m in maps if m]
    return concatenated(call.graph, opened, dim)


COMPARISONS = "eq ne lt le gt ge greater less logical_and logical_or logical_xor __and__ __or__ __xor__"


@ops(
    "add sub subtract rsub mul multiply div divide true_divide floor_divide pow maximum minimum fmod remainder fmax "
    "fmin atan2 lerp addcmul addcdiv where clamp clip masked_fill __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ "
    "__div__ __rdiv__ __truediv__ __rtruediv__ __pow__ __rpow__ hypot xlogy copysign heaviside __mod__ __rmod__ "
    f"threshold {COMPARISONS}",
    "input other",
)
def arithmetic(call: Call) -> Map:
    """Values in step: several maps join; one map keeps its places, whatever numbers or weights it meets."""
    operation = SPELLINGS.get(call.operation, call.operation)
    maps = call.maps()
    if operation in COMPARISONS.split():
        call.dtype = torch.bool
    if len(maps) > 1:
        m = joined(call.graph, operation, maps)
        return m if not call.weights() else pointwise_function(call, call.graph, m, operation)
    return with_numbers(call, maps[0], operation)


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that torch gives values of these shapes; Unfit where they do not go together."""
    length = max(map(len, shapes))
    sizes = [set(n) - {1} for n in zip(*((1,) * (length - len(s)) + s for s in shapes), strict=True)]
    if any(len(n) > 1 for n in sizes):
        raise Unfit("sizes that do not go together")
    return tuple(n.pop() if n else 1 for n in sizes)


SPELLINGS = {
    "multiply": "mul",
    "divide": "div",
    "true_divide": "div",
    "subtract": "sub",
    "rsub": "sub",
    "clip": "clamp",
}


def with_numbers(call: Call, m: Map, operation: str) -> Map:
    others = [t for t in tensors_in(call.args, call.kwargs) if call.tracer.find(t) is None]
    shape = broadcast(shape_of(m.dims), *(tuple(t.shape) for t in others))
    dims = ((),) * (len(shape) - len(m.dims)) + m.dims
    dims = tuple(grown(run, size) for run, size in zip(dims, shape, strict=True))
    weights = call.weights()
    learned = {"mul": "scale", "add": "shift"}.get(operation)
    if learned and weights and weights == sum(t.numel() for t in others):
        return Map(call.graph.emit(learned, [m.node], weights, weights=weights), dims)
    node = call.graph.emit("pointwise", [m.node], weights, None, operation, operation=operation)
    return Map(node, dims)


@ops(
    "abs absolute neg negative exp exp2 expm1 log log2 log10 log1p sqrt rsqrt square reciprocal sin cos tan asin acos "
    "atan sinh cosh asinh acosh atanh erf erfc sign sgn round floor ceil trunc frac celu logsigmoid softsign "
    "hardshrink softshrink tanhshrink rrelu clamp_min clamp_max nan_to_num logit isnan isinf isfinite logical_not "
    "__invert__ bitwise_not local_response_norm sinc expit deg2rad rad2deg"
)
def values(call: Call) -> Map:
    """A function of each value that no layer type stands for."""
    return pointwise_function(call, call.graph, call.map(), call.operation)


# --- many places into one ----------------------------------------------------------------------------------------


@ops(
    "mean sum amax amin prod std var logsumexp any all median argmax argmin nansum nanmean norm std_mean var_mean max "
    "min mode quantile count_nonzero",
    "input dim keepdim",
)
def reduction(call: Call) -> Map | list[Map]:
    operation = call.operation
    if operation in ("max", "min") and call.maps()[1:]:
        return joined(call.graph, {"max": "maximum", "min": "minimum"}[operation], call.maps())
    names = {"norm": "input p dim keepdim", "std": "input dim", "var": "input dim", "quantile": "input q dim keepdim"}
    if operation in names:  # their second argument may be something else than a dimension
        call.given = dict(zip(names[operation].split(), call.args, strict=False)) | call.kwargs
    if isinstance(call.given.get("dim"), Tensor):
        return with_numbers(call, call.map(), operation)
    m = call.map()
    dims = call.dims("dim", m)
    if operation in ("any", "all", "argmax", "argmin"):
        call.dtype = torch.bool if operation in ("any", "all") else torch.int64
    elif operation not in ("mean", "sum", "amax", "amin"):
        call.run()
    out = reduced(call.graph, m, dims, bool(call.get("keepdim", False)), operation)
    return [out] * len(list(tensors_in(call.run()))) if call.ran else out


@ops("normalize cosine_similarity", "input p dim")
def normalize(call: Call) -> Map:
    """Each value over the length of its line along a dimension; along channels it stays in its place."""
    m = call.map()
    dims = [call.dim("dim", m, 1)]
    if len(call.maps()) > 1:
        raise Unfit("two maps")
    return along(call.graph, m, dims, call.operation)


@ops("cumsum cumprod flip sort argsort fliplr flipud logcumsumexp cummax cummin", "input dim")
def mixed_along(call: Call) -> Map | list[Map]:
    """Places of a dimension that change places or add up: a unit sees some of them."""
    m, result = call.map(), call.run()
    name = call.operation
    given = {"fliplr": [1], "flipud": [0]}.get(name)
    if name == "flip":
        values = call.args[1:] or (call.kwargs["dims"],)
        given = list(values[0]) if isinstance(values[0], list | tuple) else list(values)
    elif given is None:
        given = [call.dim("dim", m, -1)]
    out = along(call.graph, m, [dim % len(m.dims) for dim in given], name, bound=True)
    return [out] * len(list(tensors_in(result)))


@ops("roll", "input shifts dims")
def roll(call: Call) -> Map:
    graph = call.graph
    m, shifts, dims = graph.as_map(call.map()), call.get("shifts"), call.get("dims")
    if dims is None:
        raise Unfit("a roll of the flattened tensor")
    shifts = list(shifts) if isinstance(shifts, list | tuple) else [shifts]
    named = call.dims("dims", m)
    call.run()
    spatial = graph.roles(m).spatial
    places = dict(zip(spatial, graph.places(m, spatial), strict=True))
    by_axis = [0] * graph.axes
    for dim, shift in zip(named, shifts, strict=True):
        axis = places.get(dim)
        if axis is None:
            m = along(graph, m, [dim], "roll")
        else:
            by_axis[axis] += shift
    return Map(graph.emit("roll", [m.node], shifts=by_axis), m.dims) if any(by_axis) else m


@ops("pad constant_pad_nd", "input pad mode value")
def padding(call: Call) -> Map:
    m, given = call.map(), list(call.get("pad"))
    mode = call.get("mode", "constant")
    if call.name == "constant_pad_nd" or mode == "constant":
        mode = "zeros"
    call.run()
    sides = [(0, 0)] * len(m.dims)
    for i in range(len(given) // 2):
        sides[len(m.dims) - 1 - i] = (given[2 * i], given[2 * i + 1])
    return pad(call.graph, m, sides, mode)


# --- what no layer can say ---------------------------------------------------------------------------------------


def unknown(call: Call, operation: str, macs: int | None = None) -> list[Map]:
    """An operation that is known by name only; what leads on from it stays unknown."""
    graph, maps = call.graph, call.maps()
    shape = call.shape()
    weights = call.weights()
    found = assigned(graph, shape, hints_of(maps[0], shape))
    return [known_by_shape(graph, "opaque", maps, found, operation, weights, macs)]


def hints_of(m: Map, shape: tuple[int, ...]) -> Dims:
    """What the dimensions of a result were before: those of the input, perhaps with new channels behind them."""
    if len(shape) == len(m.dims):
        return m.dims
    if shape[:-1] == shape_of(m.dims):
        return (*m.dims, (Atom(CHANNEL, shape[-1]),))
    return ()


@ops("lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell")
def recurrent(call: Call) -> list[Map]:
    """Each step multiplies by every matrix once; a tensor of two dimensions is one step."""
    m = call.map()
    steps = prod(shape_of(m.dims)[:-1]) // call.graph.batch if len(m.dims) > 2 else 1
    weights = [t for t in tensors_in(call.args, call.kwargs) if call.tracer.find(t) is None and t.dim() == 2]
    return unknown(call, call.operation, steps * sum(t.numel() for t in weights if t.shape[0] != call.graph.batch))


def sees_all(call: Call, operation: str) -> list[Map]:
    """What is true of any function: no unit sees more than all of its inputs. Where its shape stays, so do the places
    of its dimensions."""
    graph, maps = call.graph, call.maps()
    shape = call.shape()
    weights = call.weights()
    if shape == shape_of(maps[0].dims) and graph.holds(maps[0]):
        found = shape_like(graph, maps[0])
    else:
        found = assigned(graph, shape, hints_of(maps[0], shape))
    return [known_by_shape(graph, "whole", maps, found, operation, weights, bound=True)]


@ops("grid_sample affine_grid gather take_along_dim scatter scatter_add index_add topk rot90 fold masked_scatter cdist")
def moved_about(call: Call) -> list[Map]:
    return sees_all(call, call.operation)
