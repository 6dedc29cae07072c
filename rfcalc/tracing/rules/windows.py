"""What torch's pools, resampling, norms and activations mean in layers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor, prod
from typing import Any

from torch import Tensor
from torch.nn import functional

from ...engine.layers import LINEAR_MODES
from ..call import Call, MemoryLayout, placed, tupled
from ..dims import BATCH_AXIS, CHANNEL, run_of, size_of, with_run
from ..graph import Map, Unsupported
from ..moves import along
from ..order import as_map, fold

# --- pools -------------------------------------------------------------------------------------------------------


def run_for_indices(call: Call) -> None:
    """A pool that returns indices too makes them itself."""
    if call.get("return_indices", False) or call.name.endswith("_with_indices"):
        call.run()


def pool(call: Call, n: int, op: str, label: str = "") -> Map:
    run_for_indices(call)
    graph, at = call.graph, placed(call, n, all_channels=False)
    kernel = tupled(call.get("kernel_size"), n)
    stride = tupled(call.get("stride") or kernel, n)
    windows = at.windows(graph, kernel_size=kernel, stride=stride, **call.windows(n, "padding dilation"))
    node = graph.emit(op, [at.m.node], label=label, ceil_mode=bool(call.get("ceil_mode", False)), **windows)
    return graph.spread(node, at.m, at.axes)


def adaptive_pool(call: Call, n: int, op: str) -> Map:
    run_for_indices(call)
    graph, at = call.graph, placed(call, n, all_channels=False)
    given = tupled(call.get("output_size", (None,) * n), n)
    wanted = zip(at.per_axis(graph, given, None), graph.maps[at.m.node].sizes, strict=True)
    sizes = [out or size for out, size in wanted]
    if set(sizes) == {1} and set(given) == {1}:
        node = graph.emit(f"global_{op}", [at.m.node])
    else:
        node = graph.emit(f"adaptive_{op}", [at.m.node], output_size=sizes)
    return graph.spread(node, at.m, at.axes)


def max_unpool(call: Call, n: int) -> Map:
    """Each place goes somewhere into its patch, and zeros around it: a patch sees at most what the place and its number
    see, through a gate."""
    graph, at, kernel = call.graph, placed(call, n), tupled(call.get("kernel_size"), n)
    if tupled(call.get("stride") or kernel, n) != kernel or any(tupled(call.get("padding", 0), n)):
        raise Unsupported("patches that overlap")
    numbers, factor = call.find(call.given["indices"]), at.per_axis(graph, kernel, 1)
    if numbers is not None and graph.maps[numbers.node].sizes != graph.maps[at.m.node].sizes:
        raise Unsupported("numbers of other places")
    sources = dict.fromkeys([at.m.node, *([numbers.node] if numbers is not None else [])])
    nodes = [graph.emit("upsample", [source], label="max_unpool", scale_factor=factor) for source in sources]
    op = "pointwise" if len(nodes) == 1 else "elementwise"
    node = graph.emit(op, nodes, label="max_unpool", operation="max_unpool")
    call.run()
    return graph.spread(node, at.m, at.axes)


# --- resampling --------------------------------------------------------------------------------------------------


def interpolate(call: Call) -> Map:
    graph, mode = call.graph, call.get("mode", "nearest")
    n = len(call.map().dims) - 2
    at = placed(call, n, all_channels=False)
    sizes = graph.maps[at.m.node].sizes
    given = call.get("scale_factor")
    factors = None if given is None else at.per_axis(graph, tuple(map(float, tupled(given, n))), 1.0)
    if factors is None:
        wanted = at.per_axis(graph, tupled(call.get("size"), n), None)
        size = [new or old for new, old in zip(wanted, sizes, strict=True)]
    else:
        size = [floor(float(old) * factor) for old, factor in zip(sizes, factors, strict=True)]
    if mode == "area":
        return graph.spread(graph.emit("adaptive_avg_pool", [at.m.node], output_size=size), at.m, at.axes)
    if mode == "nearest-exact" and all(new % old == 0 for new, old in zip(size, sizes, strict=True)):
        mode = "nearest"  # the two differ in rounding only, which whole factors do not meet
    if mode not in ("nearest", *LINEAR_MODES) or call.get("antialias", False):
        raise Unsupported(f"interpolation {mode}")
    word = mode if mode == "nearest" else LINEAR_MODES[graph.axes - 1]
    settings: dict[str, Any] = {"mode": word, "align_corners": bool(call.get("align_corners", False))}
    if factors and not call.get("recompute_scale_factor", False) and simple(factors, sizes, size):
        node = graph.emit("upsample", [at.m.node], scale_factor=factors, **settings)
    else:
        node = graph.emit("upsample", [at.m.node], size=size, **settings)
    return graph.spread(node, at.m, at.axes)


def simple(factors: list[float], sizes: tuple[int, ...], out: list[int]) -> bool:
    """Whether factors are ratios that a spec can state, and lead to the sizes that torch works out in floats."""
    ratios = [Fraction(str(factor)) for factor in factors]
    return all(r.numerator <= 4096 and int(n * r) == m for r, n, m in zip(ratios, sizes, out, strict=True))


def pixel_shuffle(call: Call) -> Map:
    call.run()
    at = placed(call, 2)
    return at.after(
        call.graph, call.graph.emit("pixel_shuffle", [at.m.node], upscale_factor=call.get("upscale_factor"))
    )


def pixel_unshuffle(call: Call) -> Map:
    at, factor = placed(call, 2), call.get("downscale_factor")
    return at.after(call.graph, call.graph.emit("pixel_unshuffle", [at.m.node], downscale_factor=factor))


def channel_shuffle(call: Call) -> Map:
    m = as_map(call.graph, call.map())
    if m.dims[1] != run_of(CHANNEL, call.graph.maps[m.node].channels):
        raise Unsupported("channels in parts")
    return Map(call.graph.emit("channel_shuffle", [m.node], groups=call.get("groups")), m.dims)


def contiguous(call: Call, m: Map) -> Map:
    """What a function makes that lays its result out anew."""
    call.memory = MemoryLayout.CONTIGUOUS
    return m


# --- norms -------------------------------------------------------------------------------------------------------


def normed(call: Call, settings: Sequence[str] = ()) -> Map:
    """A norm whose weights, where it has any, belong to the channels in dimension 1; `settings` are those of the layer
    beside."""
    graph = call.graph
    m = fold(graph, call.map())
    given = [call.get(name) for name in ("weight", "bias", "running_mean")]
    counts = {tensor.numel() for tensor in given if isinstance(tensor, Tensor)}
    if len(m.dims) < 2 or counts - {size_of(m.dims[1])}:
        call.run()  # torch says what is wrong
    if m.dims[1] == run_of(CHANNEL, graph.maps[m.node].channels):
        affine, named = isinstance(call.get("weight"), Tensor), {name: call.get(name) for name in settings}
        out = Map(graph.emit(call.operation, [m.node], call.weights(), affine=affine, **named), m.dims)
    else:
        out = call.function(m)
    call.memory = MemoryLayout.CHANNELS_LAST
    return out


def layer_norm(call: Call) -> Map:
    graph, m = call.graph, call.map()
    x, shape = graph.maps[m.node], tuple(call.get("normalized_shape"))
    last = m.dims[len(m.dims) - len(shape) :]
    if tuple(map(size_of, last)) != shape:
        call.run()  # torch says what is wrong
    weight = call.get("weight")
    affine = isinstance(weight, Tensor)
    if call.name == "layer_norm" and not any(atom.axis == BATCH_AXIS for run in last for atom in run):
        if prod(shape) == x.elements:
            return contiguous(call, call.pointwise(m, "layer_norm", call.weights(), affine=affine))
        if prod(shape) == x.channels and not any(atom.axis != CHANNEL for run in last for atom in run):
            return contiguous(call, call.pointwise(m, "channel_norm", call.weights(), affine=affine))
    return contiguous(call, call.function(m, call.name))


# --- activations -------------------------------------------------------------------------------------------------


def activation(call: Call, op: str = "", **settings: float) -> Map:
    """A layer type of its own; `settings` are those of its settings that the function takes, with torch's defaults."""
    given = {name: call.get(name, default) for name, default in settings.items()}
    return call.pointwise(call.map(), op or call.operation, **given)


def hardtanh(call: Call) -> Map:
    m = call.map()
    if (call.get("min_val", -1), call.get("max_val", 1)) == (0, 6):
        return call.pointwise(m, "relu6")
    return call.function(m, "hardtanh")


def prelu(call: Call) -> Map:
    m, weight = call.map(), call.get("weight")
    if call.is_map("weight"):
        raise Unsupported("slopes made of the image")
    if weight.numel() != 1 and (len(m.dims) < 2 or weight.numel() != size_of(m.dims[1])):
        call.run()  # torch says what is wrong
    if weight.numel() not in (1, call.graph.maps[m.node].channels):
        return call.function(m, "prelu")
    return call.pointwise(m, "prelu", call.weights(), num_parameters=weight.numel())


def dropout_spatial(call: Call) -> Map:
    m = call.map()
    flat = call.graph.maps[m.node].flat
    return call.pointwise(m, "dropout" if flat else "dropout_spatial", p=call.get("p", 0.5))


def softmax(call: Call) -> Map:
    m = call.map()
    dim = call.dim("dim", m, 0 if len(m.dims) in (0, 1, 3) else 1)  # torch's own choice where none is given
    m = fold(call.graph, m) if len(m.dims) == 2 else m  # of a flattened map, over all that it holds
    if call.operation != "softmin" and m.dims[dim] == run_of(CHANNEL, call.graph.maps[m.node].channels):
        return contiguous(call, call.pointwise(m, call.operation))
    return along(call.graph, m, [dim], call.operation)


def glu(call: Call) -> Map:
    graph, m = call.graph, call.map()
    dim = call.dim("dim", m, -1)
    channels = graph.maps[m.node].channels
    if m.dims[dim] != run_of(CHANNEL, channels) or channels % 2:
        raise Unsupported("halves of something else than channels")
    return Map(graph.mix(m.node, "glu", channels // 2), with_run(m.dims, dim, run_of(CHANNEL, channels // 2)))


def unfold(call: Call) -> Map:
    """torch.nn.functional.unfold: windows as channels, their places in one dimension."""
    if call.func is not functional.unfold:
        raise Unsupported("torch.Tensor.unfold")
    graph = call.graph
    at = placed(call, 2)
    windows = at.windows(graph, **call.windows(2, "kernel_size dilation padding stride"))
    node = graph.emit("unfold", [at.m.node], **windows)
    out = at.after(graph, node)
    return Map(node, (*out.dims[:2], (*out.dims[2], *out.dims[3])))
