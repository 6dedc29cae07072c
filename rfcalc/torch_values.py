"""What torch's arithmetic, joins and reductions mean in layers, and what holds for any operation."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from .torch_call import Call, ops, pointwise_function
from .torch_graph import Map, Unfit
from .torch_layout import CHANNEL, Atom, Dims, shape_of
from .torch_moves import along, assigned, concatenated, joined, known_by_shape, pad, reduced, shape_like
from .torch_views import grown

# --- joins -------------------------------------------------------------------------------------------------------


@ops("cat concat concatenate", "tensors dim")
def cat(call: Call) -> Map:
    """Tensors one behind the other; those that hold nothing of the image are padding."""
    tensors = list(call.args[0] if call.args else call.kwargs["tensors"])
    tensors = [tensor for tensor in tensors if tensor.numel()]
    dim = call.get("dim", 0) % tensors[0].dim()
    call.expect(len({(*t.shape[:dim], *t.shape[dim + 1 :]) for t in tensors}) == 1)
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
    dim = call.get("dim", 0) % (tensors[0].dim() + 1)
    call.expect(len({t.shape for t in tensors}) == 1)
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
    others = [t for t in call.tensors if call.tracer.find(t) is None]
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


PAIRS = ("max", "min", "median", "mode")


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
    out = reduced(call.graph, m, dims, bool(call.get("keepdim", False)), operation)
    if operation in ("std_mean", "var_mean") or (operation in PAIRS and call.given.get("dim") is not None):
        return both(call, out)
    return out


@ops("normalize cosine_similarity", "input p dim")
def normalize(call: Call) -> Map:
    """Each value over the length of its line along a dimension; along channels it stays in its place."""
    m = call.map()
    if call.operation == "normalize":
        return along(call.graph, m, [call.dim("dim", m, 1)], "normalize")
    call.given = dict(zip(("x1", "x2", "dim"), call.args, strict=False)) | call.kwargs
    m = joined(call.graph, "mul", call.maps()) if len(call.maps()) > 1 else m
    return reduced(call.graph, m, [call.dim("dim", m, 1)], False, "cosine_similarity")


@ops("cumsum cumprod flip sort argsort fliplr flipud logcumsumexp cummax cummin", "input dim")
def mixed_along(call: Call) -> Map | list[Map]:
    """Places of a dimension that change places or add up: a unit sees some of them."""
    m, name = call.map(), call.operation
    given = {"fliplr": [1], "flipud": [0]}.get(name)
    if name == "flip":
        values = call.args[1:] or (call.kwargs["dims"],)
        given = list(values[0]) if isinstance(values[0], list | tuple) else list(values)
    elif given is None:
        given = [call.dim("dim", m, -1)]
    call.expect(all(-len(m.dims) <= dim < len(m.dims) for dim in given))
    out = along(call.graph, m, [dim % len(m.dims) for dim in given], name, bound=True)
    return out if name in ("flip", "fliplr", "flipud", "cumsum", "cumprod", "logcumsumexp") else both(call, out)


def both(call: Call, m: Map) -> list[Map]:
    """Values and their indices, as torch returns them from max, sort, …"""
    kind = getattr(torch.return_types, call.operation, None)
    if kind is None or call.tracer.verify:
        call.run()
    else:
        shape, dtype = shape_of(m.dims), call.tensors[0].dtype
        pair = [torch.empty(shape, dtype=t, device="meta") for t in (dtype, torch.int64)]
        call.result, call.ran = kind(pair), True
    return [m, m]


@ops("roll", "input shifts dims")
def roll(call: Call) -> Map:
    graph = call.graph
    m, shifts, dims = graph.as_map(call.map()), call.get("shifts"), call.get("dims")
    if dims is None:
        raise Unfit("a roll of the flattened tensor")
    shifts = list(shifts) if isinstance(shifts, list | tuple) else [shifts]
    named = call.dims("dims", m)
    call.expect(len(named) == len(shifts))
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
    call.expect(len(given) <= 2 * len(m.dims) and not len(given) % 2)
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
    weights = [t for t in call.tensors if call.tracer.find(t) is None and t.dim() == 2]
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
    macs = call.cost(prod(shape) // graph.batch) if call.cost else None
    return [known_by_shape(graph, "whole", maps, found, operation, weights, macs, bound=True)]


@ops("grid_sample affine_grid gather take_along_dim scatter scatter_add index_add topk rot90 fold masked_scatter cdist")
def moved_about(call: Call) -> list[Map]:
    return sees_all(call, call.operation)
