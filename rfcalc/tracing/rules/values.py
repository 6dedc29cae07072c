"""What torch's arithmetic, joins and reductions mean in layers, and what holds for any operation."""

from __future__ import annotations

import torch
from torch import Tensor

from ..call import Call, MemoryLayout
from ..dims import shape_of
from ..graph import Map, Unsupported
from ..moves import along, concatenated, joined_maps, pad, reduced, with_constants, with_numbers
from ..order import as_map

# --- joins -------------------------------------------------------------------------------------------------------


def cat(call: Call) -> Map:
    """Tensors one after the other; those that hold nothing of the image are padding."""
    tensors = list(call.args[0] if call.args else call.kwargs["tensors"])
    tensors = [tensor for tensor in tensors if tensor.numel()]
    dim = call.get("dim", 0) % tensors[0].dim()
    call.expect(len({(*t.shape[:dim], *t.shape[dim + 1 :]) for t in tensors}) == 1)
    return one_after_another(call, tensors, dim)


def one_after_another(call: Call, tensors: list[Tensor], dim: int) -> Map:
    call.memory = MemoryLayout.CHANNELS_LAST
    if call.weights():
        raise Unsupported("learned values beside a map")
    found = [call.find(tensor) for tensor in tensors]
    return with_constants(call.graph, found, [int(tensor.shape[dim]) for tensor in tensors], dim)


def stack(call: Call) -> Map:
    tensors = list(call.args[0] if call.args else call.kwargs["tensors"])
    dim = call.get("dim", 0) % (tensors[0].dim() + 1)
    call.expect(len({t.shape for t in tensors}) == 1)
    maps = [call.find(tensor) for tensor in tensors]
    if None in maps:
        raise Unsupported("a gap between maps")
    opened = [Map(m.node, (*m.dims[:dim], (), *m.dims[dim:])) for m in maps if m]
    return concatenated(call.graph, opened, dim)


def arithmetic(call: Call) -> Map:
    """Values in step, with the weights among them."""
    operation = SPELLINGS.get(call.operation, call.operation)
    call.memory = MemoryLayout.KEPT
    m = in_step(call, operation)
    weights = call.weights()  # of several maps; one that meets them alone has counted them
    return call.graph.function(m, operation, weights) if weights else m


def in_step(call: Call, operation: str) -> Map:
    """Values in step: several maps join; one map keeps its places, whatever numbers or weights it meets."""
    maps = call.maps()
    return joined_maps(call.graph, operation, maps) if len(maps) > 1 else meeting_numbers(call, maps[0], operation)


def meeting_numbers(call: Call, m: Map, operation: str) -> Map:
    others = [tuple(t.shape) for t in call.tensors if call.find(t) is None]
    return with_numbers(call.graph, m, others, operation, call.weights())


def comparison(call: Call) -> Map:
    """Values in step that give a truth each."""
    call.dtype = torch.bool
    return arithmetic(call)


SPELLINGS = {
    "multiply": "mul", "divide": "div", "true_divide": "div", "subtract": "sub", "rsub": "sub", "clip": "clamp",
}  # fmt: skip
"""Other names of functions, by the one that layers have."""


def values(call: Call) -> Map:
    """A function of each value that no layer type stands for."""
    return call.function(call.map())


# --- many places into one ----------------------------------------------------------------------------------------


PAIRS = ("max", "min", "median", "mode")


def reduction(call: Call) -> Map | list[Map]:
    operation = call.operation
    if operation in ("max", "min") and call.maps()[1:]:
        return joined_maps(call.graph, {"max": "maximum", "min": "minimum"}[operation], call.maps())
    if operation == "matrix_norm" and "dim" not in call.given:
        call.given["dim"] = (-2, -1)
    if isinstance(call.given.get("dim"), Tensor):
        return meeting_numbers(call, call.map(), operation)
    m = call.map()
    dims = call.dims("dim", m)
    if operation in ("any", "all", "argmax", "argmin"):
        call.dtype = torch.bool if operation in ("any", "all") else torch.int64
    out = reduced(call.graph, m, dims, bool(call.get("keepdim", False)), operation)
    if operation in ("std_mean", "var_mean") or (operation in PAIRS and call.given.get("dim") is not None):
        return both(call, out)
    return out


def normalize(call: Call) -> Map:
    """Each value over the length of its line along a dimension; along channels it stays in its place."""
    m = call.map()
    return along(call.graph, m, [call.dim("dim", m, 1)], "normalize")


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
    if kind is None or call.state.verify:
        call.run()
    else:
        shape, dtype = shape_of(m.dims), call.tensors[0].dtype
        pair = [torch.empty(shape, dtype=t, device="meta") for t in (dtype, torch.int64)]
        call.result, call.ran = kind(pair), True
    return [m, m]


def roll(call: Call) -> Map:
    graph = call.graph
    m, shifts, dims = as_map(graph, call.map()), call.get("shifts"), call.get("dims")
    if dims is None:
        raise Unsupported("a roll of the flattened tensor")
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
