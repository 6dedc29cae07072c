"""What torch's layer functions mean: convolutions, pools, norms, activations, resampling, matrix products."""

from __future__ import annotations

from fractions import Fraction
from math import floor, prod
from typing import Any, NamedTuple

from torch import Tensor
from torch.nn import functional

from .torch_call import Call, ops, pointwise_function
from .torch_graph import Graph, Map, Unfit
from .torch_layout import BATCH, CHANNEL, Atom, is_channels, run_of, size_of, values_of, with_run
from .torch_moves import along, contracted, known_by_shape, shape_like

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def tupled(value: Any, n: int) -> tuple[int, ...]:
    """A setting for n axes, given as one number, a list of one, or a list of n."""
    values = tuple(value) if isinstance(value, list | tuple) else (value,)
    return values * n if len(values) == 1 else values


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
    if all_channels and m.dims[first - 1] != run_of(CHANNEL, x.channels):
        raise Unfit("channels in parts")
    return Placed(m, first - 1, axes)


# --- convolutions ------------------------------------------------------------------------------------------------


@ops("conv1d conv2d conv3d", "input weight bias stride padding dilation groups")
def conv(call: Call) -> Map:
    graph, weight = call.graph, call.get("weight")
    if call.is_map("weight"):
        raise Unfit("a kernel made of the image")
    call.run()
    n = weight.dim() - 2
    kernel, padding = tuple(weight.shape[2:]), call.get("padding", 0)
    stride, dilation = (tupled(call.get(name, 1), n) for name in ("stride", "dilation"))
    lone = set(kernel) | set(stride) == {1} and padding in (0, "same", "valid", (0,) * n)
    if lone and (found := one_by_one(call, call.map(), len(call.map().dims) - n - 1, weight.shape[0])):
        return found
    m = graph.settle(call.map())
    if any(is_channels(run) for run in m.dims[len(m.dims) - n :]):
        return conv_over_channels(call, m, n)
    at = placed(call, n)
    pads: Any = padding
    if not isinstance(padding, str):
        pads = at.per_axis(graph, tuple((p, p) for p in tupled(padding, n)), (0, 0))
    at, pads, mode = with_pad(graph, at, pads)
    settings: dict[str, Any] = {
        "out_channels": weight.shape[0],
        "kernel_size": at.per_axis(graph, kernel, 1),
        "stride": at.per_axis(graph, stride, 1),
        "padding": pads,
        "dilation": at.per_axis(graph, dilation, 1),
        "groups": call.get("groups", 1),
        "bias": call.get("bias") is not None,
        "padding_mode": mode,
    }
    return at.after(graph, graph.emit("conv", [at.m.node], call.weights(), dead_macs(call, at, kernel), **settings))


def dead_macs(call: Call, at: Placed, kernel: tuple[int, ...]) -> int | None:
    """MACs where a kernel is longer than 1 along a dimension that is no axis (all but one tap meet padding)."""
    if all(axis is not None or k == 1 for axis, k in zip(at.axes.values(), kernel, strict=True)):
        return None
    weight = call.get("weight")
    return prod(call.shape()) // call.graph.batch * int(weight[0].numel())


def one_by_one(call: Call, m: Map, channel: int, out_channels: int) -> Map | None:
    """A layer that mixes the channels of each place, wherever the places stand; None where channels are in parts."""
    graph = call.graph
    x = graph.maps[m.node]
    if channel < 0 or x.flat or m.dims[channel] != run_of(CHANNEL, x.channels):
        return None
    settings = {"out_channels": out_channels, "kernel_size": 1, "groups": call.get("groups", 1)}
    node = graph.emit("conv", [m.node], call.weights(), bias=call.get("bias") is not None, **settings)
    return Map(node, with_run(m.dims, channel, run_of(CHANNEL, out_channels)))


def with_pad(graph: Graph, at: Placed, pads: Any) -> tuple[Placed, Any, str]:
    """A convolution and the padding that its own module has put before it (padding_mode) are one layer."""
    draft = graph.drafts[-1] if graph.drafts else None
    lone = draft is not None and draft.frame is graph.frame and draft.frame.path and draft.frame.count == 1
    if draft is None or not lone or draft.layer.op != "pad" or at.m.node != len(graph.drafts):
        return at, pads, "zeros"
    padding, mode = draft.layer.padding, draft.layer.mode  # type: ignore[attr-defined]
    if isinstance(pads, str) or (mode != "zeros" and any(map(any, pads))):
        return at, pads, "zeros"
    source = draft.inputs[0]
    graph.rewind(len(graph.drafts) - 1)
    at = at._replace(m=graph.spread(source, Map(source, at.m.dims), at.axes))
    return at, [(a + c, b + d) for (a, b), (c, d) in zip(padding, pads, strict=True)], mode


def conv_over_channels(call: Call, m: Map, n: int) -> Map:
    """A convolution some of whose dimensions are channels of the map (a spectrum's bands, an attention over channels):
    along those it mixes channels, along axes it is a window."""
    graph, weight = call.graph, call.get("weight")
    first = len(m.dims) - n
    spatial = [dim for dim in range(first, len(m.dims)) if not is_channels(m.dims[dim])]
    places = dict(zip(spatial, graph.places(m, spatial), strict=True))
    if any(atom.axis != CHANNEL for atom in m.dims[first - 1]) or any(
        size > 1 and i not in places.values() for i, size in enumerate(graph.maps[m.node].sizes)
    ):
        raise Unfit("an axis among the channels")
    shape = call.shape()
    names = {"stride": 1, "padding": 0, "dilation": 1}
    given = {name: tupled(call.get(name, default), n) for name, default in names.items()}
    given["kernel_size"] = tuple(weight.shape[2:])
    if isinstance(call.get("padding"), str):
        raise Unfit("padding by name over channels")
    settings: dict[str, Any] = {name: [names.get(name, 1)] * graph.axes for name in given}
    for dim, axis in places.items():
        for name, values in given.items():
            if axis is not None:
                settings[name][axis] = values[dim - first]
    channels = prod(n for dim, n in enumerate(shape) if dim >= first - 1 and dim not in places)
    macs = prod(shape) // graph.batch * int(weight[0].numel())
    bias = call.get("bias") is not None
    node = graph.emit("conv", [m.node], call.weights(), macs, out_channels=channels, bias=bias, **settings)
    out = graph.spread(node, m, places)
    dims, step = list(out.dims), 1
    for dim in reversed([d for d in range(first - 1, len(shape)) if d not in places]):
        dims[dim] = (Atom(CHANNEL, shape[dim], step),) if shape[dim] > 1 else ()
        step *= shape[dim]
    return Map(node, tuple(dims))


@ops(
    "conv_transpose1d conv_transpose2d conv_transpose3d",
    "input weight bias stride padding output_padding groups dilation",
)
def conv_transpose(call: Call) -> Map:
    graph, weight = call.graph, call.get("weight")
    if call.is_map("weight"):
        raise Unfit("a kernel made of the image")
    call.run()
    n = weight.dim() - 2
    at = placed(call, n)
    groups = call.get("groups", 1)
    settings: dict[str, Any] = {
        "kernel_size": at.per_axis(graph, tuple(weight.shape[2:]), 1),
        "stride": at.per_axis(graph, tupled(call.get("stride", 1), n), 1),
        "padding": at.per_axis(graph, tupled(call.get("padding", 0), n), 0),
        "output_padding": at.per_axis(graph, tupled(call.get("output_padding", 0), n), 0),
        "dilation": at.per_axis(graph, tupled(call.get("dilation", 1), n), 1),
    }
    bias, channels = call.get("bias") is not None, weight.shape[1] * groups
    node = graph.emit(
        "conv_transpose", [at.m.node], call.weights(), None,
        out_channels=channels, groups=groups, bias=bias, **settings,
    )  # fmt: skip
    return at.after(graph, node)


# --- matrix products ---------------------------------------------------------------------------------------------


@ops("linear", "input weight bias")
def linear(call: Call) -> Map:
    m, weight = call.map(), call.get("weight")
    if call.is_map("weight"):
        raise Unfit("weights made of the image")
    call.run()
    return linear_on(call, m, weight.shape[0])


def linear_on(call: Call, m: Map, out_features: int) -> Map:
    """A matrix of weights on the last dimension."""
    graph = call.graph
    x, last, before = graph.maps[m.node], m.dims[-1], m.dims[:-1]
    bias = call.get("bias") is not None
    if size_of(last) == x.elements and not any(atom.axis == BATCH for atom in last):
        if x.elements > x.channels:
            m = Map(graph.emit("flatten", [m.node], view=m), (*before, run_of(CHANNEL, x.elements)))
        node = graph.emit("linear", [m.node], call.weights(), out_features=out_features, bias=bias)
        return Map(node, (*before, run_of(CHANNEL, out_features)))
    if size_of(last) == x.channels and not any(atom.axis != CHANNEL for atom in last):
        m = Map(m.node, (*before, run_of(CHANNEL, x.channels)))
        if found := one_by_one(call, m, len(before), out_features):
            return found
    letters = LETTERS[: len(m.dims)]
    shape = call.shape()
    macs = prod(shape) // graph.batch * size_of(last)
    return contracted(graph, [(m, letters), (None, "")], letters[:-1] + "z", shape, call.weights(), macs, "linear")


@ops("matmul mm bmm __matmul__ __rmatmul__", "input other")
def matmul(call: Call) -> Map:
    left, right = call.given.get("input"), call.given.get("other")
    if call.name == "__rmatmul__":
        left, right = right, left
    if not isinstance(left, Tensor) or not isinstance(right, Tensor):
        raise Unfit("a product of one tensor")
    m = call.tracer.find(left)
    if m and call.tracer.find(right) is None and right.dim() == 2:
        call.run()
        return linear_on(call, m, right.shape[1])
    if min(left.dim(), right.dim()) < 2:
        raise Unfit("a product with a vector")
    length = max(left.dim(), right.dim())
    batch = LETTERS[: length - 2]
    a, b = (batch[len(batch) - (t.dim() - 2) :] for t in (left, right))
    return product_of(call, [(left, a + "xy"), (right, b + "yz")], batch + "xz", int(left.shape[-1]))


def product_of(call: Call, operands: list[tuple[Tensor, str]], out: str, depth: int) -> Map:
    shape = call.shape()
    found = [(call.tracer.find(tensor), letters) for tensor, letters in operands]
    macs = prod(shape) // call.graph.batch * depth
    return contracted(call.graph, found, out, shape, call.weights(), macs, call.operation)


@ops("einsum", "equation")
def einsum(call: Call) -> Map:
    equation, operands = call.args[0], list(call.args[1:])
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = list(operands[0])
    if not isinstance(equation, str) or "." in equation:
        raise Unfit("an equation with dots")
    left, arrow, out = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow or any(len(set(term)) < len(term) for term in terms):
        raise Unfit("an equation without a result, or with a diagonal")
    sizes = {c: n for term, t in zip(terms, operands, strict=True) for c, n in zip(term, t.shape, strict=True)}
    depth = prod(n for letter, n in sizes.items() if letter not in out)
    return product_of(call, list(zip(operands, terms, strict=True)), out, depth)


@ops("scaled_dot_product_attention", "query key value attn_mask")
def attention(call: Call) -> Map:
    query, key, value = (call.given[name] for name in ("query", "key", "value"))
    batch = LETTERS[: query.dim() - 2]
    terms = [(query, batch + "xe"), (key, batch + "ye"), (value, batch + "yz")]
    shape = call.shape()
    found = [(call.tracer.find(tensor), letters) for tensor, letters in terms]
    length = int(key.shape[-2])
    macs = prod(query.shape) // call.graph.batch * length + prod(shape) // call.graph.batch * length
    return contracted(call.graph, found, batch + "xz", shape, call.weights(), macs, "attention")


@ops("multi_head_attention_forward", "query key value embed_dim_to_check num_heads")
def multi_head_attention(call: Call) -> list[Map]:
    """Tokens first, then batch, then channels. The projections cost tokens * channels^2 each, the two products of
    attention tokens * tokens * channels each."""
    graph, m = call.graph, call.map("query")
    query, key = call.given["query"], call.given["key"]
    width, length, source = int(query.shape[-1]), int(query.shape[0]), int(key.shape[0])
    macs = 2 * length * width**2 + 2 * source * width**2 + 2 * length * source * width
    channels = graph.maps[m.node].channels
    if m.dims[-1] != run_of(CHANNEL, channels) or values_of(m.dims) != graph.maps[m.node].elements:
        raise Unfit("channels in parts")
    node = known_by_shape(graph, "whole", call.maps(), shape_like(graph, m), "attention", call.weights(), macs)
    return [node]


# --- pools -------------------------------------------------------------------------------------------------------


@ops(
    "max_pool1d max_pool2d max_pool3d max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices",
    "input kernel_size stride padding dilation ceil_mode return_indices",
)
def max_pool(call: Call) -> Map:
    return pool(call, "max_pool", {"padding": 0, "dilation": 1})


@ops("avg_pool1d avg_pool2d avg_pool3d", "input kernel_size stride padding ceil_mode")
def avg_pool(call: Call) -> Map:
    return pool(call, "avg_pool", {"padding": 0})


@ops("lp_pool1d lp_pool2d lp_pool3d", "input norm_type kernel_size stride ceil_mode")
def lp_pool(call: Call) -> Map:
    return pool(call, "avg_pool", {})


def pool(call: Call, op: str, extras: dict[str, int]) -> Map:
    graph, n = call.graph, int(call.name.rstrip("_")[call.name.index("pool") + 4])
    call.run()
    at = placed(call, n, all_channels=False)
    kernel = tupled(call.get("kernel_size"), n)
    stride = tupled(call.get("stride") or kernel, n)
    settings: dict[str, Any] = {name: at.per_axis(graph, tupled(call.get(name, d), n), d) for name, d in extras.items()}
    settings |= {"kernel_size": at.per_axis(graph, kernel, 1), "stride": at.per_axis(graph, stride, 1)}
    node = graph.emit(op, [at.m.node], ceil_mode=bool(call.get("ceil_mode", False)), **settings)
    return graph.spread(node, at.m, at.axes)


@ops("adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d", "input output_size")
def adaptive_avg_pool(call: Call) -> Map:
    return adaptive_pool(call, "avg_pool")


@ops(
    "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d adaptive_max_pool1d_with_indices "
    "adaptive_max_pool2d_with_indices adaptive_max_pool3d_with_indices",
    "input output_size",
)
def adaptive_max_pool(call: Call) -> Map:
    call.run()
    return adaptive_pool(call, "max_pool")


def adaptive_pool(call: Call, op: str) -> Map:
    graph, n = call.graph, int(call.name[call.name.index("pool") + 4])
    at = placed(call, n, all_channels=False)
    x = graph.maps[at.m.node]
    given = tupled(call.get("output_size", (None,) * n), n)
    sizes = [out or size for out, size in zip(at.per_axis(graph, given, None), x.sizes, strict=True)]
    if set(sizes) == {1} and set(given) == {1}:
        node = graph.emit(f"global_{op}", [at.m.node])
    else:
        node = graph.emit(f"adaptive_{op}", [at.m.node], output_size=sizes)
    return graph.spread(node, at.m, at.axes)


@ops("max_unpool1d max_unpool2d max_unpool3d", "input indices kernel_size stride padding output_size")
def max_unpool(call: Call) -> Map:
    """Each place goes somewhere into its patch, so that a patch sees what the place sees."""
    graph, n = call.graph, int(call.name[call.name.index("pool") + 4])
    at, kernel = placed(call, n), tupled(call.get("kernel_size"), n)
    if tupled(call.get("stride") or kernel, n) != kernel or any(tupled(call.get("padding", 0), n)):
        raise Unfit("patches that overlap")
    factors = at.per_axis(graph, kernel, 1)
    node = graph.emit("upsample", [at.m.node], label="max_unpool", scale_factor=factors)
    call.run()
    return graph.spread(node, at.m, at.axes)


# --- resampling --------------------------------------------------------------------------------------------------

LINEAR = ("linear", "bilinear", "trilinear")


@ops("interpolate", "input size scale_factor mode align_corners recompute_scale_factor antialias")
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
    if mode not in ("nearest", *LINEAR) or call.get("antialias", False):
        raise Unfit(f"interpolation {mode}")
    word = mode if mode == "nearest" else LINEAR[graph.axes - 1]
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


@ops("pixel_shuffle", "input upscale_factor")
def pixel_shuffle(call: Call) -> Map:
    call.run()
    at = placed(call, 2)
    return at.after(
        call.graph, call.graph.emit("pixel_shuffle", [at.m.node], upscale_factor=call.get("upscale_factor"))
    )


@ops("pixel_unshuffle", "input downscale_factor")
def pixel_unshuffle(call: Call) -> Map:
    call.run()
    at, factor = placed(call, 2), call.get("downscale_factor")
    return at.after(call.graph, call.graph.emit("pixel_unshuffle", [at.m.node], downscale_factor=factor))


@ops("channel_shuffle native_channel_shuffle", "input groups")
def channel_shuffle(call: Call) -> Map:
    m = call.graph.settle(call.map())
    if m.dims[1] != run_of(CHANNEL, call.graph.maps[m.node].channels):
        raise Unfit("channels in parts")
    return Map(call.graph.emit("channel_shuffle", [m.node], groups=call.get("groups")), m.dims)


# --- norms -------------------------------------------------------------------------------------------------------


def normed(call: Call, op: str, **settings: Any) -> Map:
    """A norm whose weights, where it has any, belong to the channels in dimension 1."""
    graph = call.graph
    m = graph.fold(call.map())
    x = graph.maps[m.node]
    given = [call.get(name) for name in ("weight", "bias", "running_mean")]
    counts = {tensor.numel() for tensor in given if isinstance(tensor, Tensor)}
    if len(m.dims) < 2 or counts - {size_of(m.dims[1])}:
        call.run()  # torch says what is wrong
    if m.dims[1] != run_of(CHANNEL, x.channels):
        return pointwise_function(call, graph, m, op)
    affine = isinstance(call.get("weight"), Tensor)
    return Map(graph.emit(op, [m.node], call.weights(), affine=affine, **settings), m.dims)


@ops("batch_norm", "input running_mean running_var weight bias training momentum eps")
def batch_norm(call: Call) -> Map:
    return normed(call, "batch_norm")


@ops("instance_norm", "input running_mean running_var weight bias use_input_stats momentum eps")
def instance_norm(call: Call) -> Map:
    return normed(call, "instance_norm")


@ops("group_norm", "input num_groups weight bias eps")
def group_norm(call: Call) -> Map:
    return normed(call, "group_norm", num_groups=call.get("num_groups"))


@ops("layer_norm rms_norm", "input normalized_shape weight bias eps")
def layer_norm(call: Call) -> Map:
    graph, m = call.graph, call.map()
    x, shape = graph.maps[m.node], tuple(call.get("normalized_shape"))
    last = m.dims[len(m.dims) - len(shape) :]
    if tuple(map(size_of, last)) != shape:
        call.run()  # torch says what is wrong
    weight = call.get("weight")
    affine = isinstance(weight, Tensor)
    if call.name == "layer_norm" and not any(atom.axis == BATCH for run in last for atom in run):
        if prod(shape) == x.elements:
            return call.pointwise(m, "layer_norm", call.weights(), affine=affine)
        if prod(shape) == x.channels and not any(atom.axis != CHANNEL for run in last for atom in run):
            return call.pointwise(m, "channel_norm", call.weights(), affine=affine)
    return pointwise_function(call, graph, m, call.name)


# --- activations -------------------------------------------------------------------------------------------------


@ops("relu relu6 selu gelu silu mish hardswish hardsigmoid sigmoid tanh softplus")
def activation(call: Call) -> Map:
    return call.pointwise(call.map(), call.operation)


@ops("hardtanh", "input min_val max_val inplace")
def hardtanh(call: Call) -> Map:
    m = call.map()
    if (call.get("min_val", -1), call.get("max_val", 1)) == (0, 6):
        return call.pointwise(m, "relu6")
    return pointwise_function(call, call.graph, m, "hardtanh")


@ops("leaky_relu", "input negative_slope inplace")
def leaky_relu(call: Call) -> Map:
    return call.pointwise(call.map(), "leaky_relu", negative_slope=call.get("negative_slope", 0.01))


@ops("elu", "input alpha inplace")
def elu(call: Call) -> Map:
    return call.pointwise(call.map(), "elu", alpha=call.get("alpha", 1.0))


@ops("prelu", "input weight")
def prelu(call: Call) -> Map:
    m, weight = call.map(), call.get("weight")
    if call.is_map("weight"):
        raise Unfit("slopes made of the image")
    if weight.numel() != 1 and (len(m.dims) < 2 or weight.numel() != size_of(m.dims[1])):
        call.run()  # torch says what is wrong
    if weight.numel() not in (1, call.graph.maps[m.node].channels):
        return pointwise_function(call, call.graph, m, "prelu")
    return call.pointwise(m, "prelu", call.weights(), num_parameters=weight.numel())


@ops("dropout", "input p training inplace")
def dropout(call: Call) -> Map:
    return call.pointwise(call.map(), "dropout", p=call.get("p", 0.5))


@ops("dropout1d dropout2d dropout3d feature_dropout", "input p training inplace")
def dropout_spatial(call: Call) -> Map:
    m = call.map()
    flat = call.graph.maps[m.node].flat
    return call.pointwise(m, "dropout" if flat else "dropout_spatial", p=call.get("p", 0.5))


@ops("alpha_dropout feature_alpha_dropout", "input p training inplace")
def alpha_dropout(call: Call) -> Map:
    return call.pointwise(call.map(), "alpha_dropout", p=call.get("p", 0.5))


@ops("softmax log_softmax softmin", "input dim")
def softmax(call: Call) -> Map:
    m = call.map()
    dim = call.dim("dim", m, 0 if len(m.dims) in (0, 1, 3) else 1)  # torch's own choice where none is given
    if call.operation != "softmin" and m.dims[dim] == run_of(CHANNEL, call.graph.maps[m.node].channels):
        return call.pointwise(m, call.operation)
    return along(call.graph, m, [dim], call.operation)


@ops("glu", "input dim")
def glu(call: Call) -> Map:
    graph, m = call.graph, call.map()
    dim = call.dim("dim", m, -1)
    x, shape = graph.maps[m.node], call.shape()
    if m.dims[dim] != run_of(CHANNEL, x.channels):
        raise Unfit("halves of something else than channels")
    node = graph.emit("channel_mix", [m.node], label="glu", operation="glu", out_channels=shape[dim])
    return Map(node, with_run(m.dims, dim, run_of(CHANNEL, shape[dim])))


@ops("unfold", "input kernel_size dilation padding stride")
def unfold(call: Call) -> Map:
    """torch.nn.functional.unfold: windows as channels, their places in one dimension."""
    if call.func is not functional.unfold:
        raise Unfit("torch.Tensor.unfold")
    graph = call.graph
    at = placed(call, 2)
    names = {"kernel_size": 1, "dilation": 1, "padding": 0, "stride": 1}
    settings: dict[str, Any] = {name: at.per_axis(graph, tupled(call.get(name, d), 2), d) for name, d in names.items()}
    node = graph.emit("unfold", [at.m.node], **settings)
    out = at.after(graph, node)
    return Map(node, (*out.dims[:2], (*out.dims[2], *out.dims[3])))
