"""Convolutions, pools, norms, and pixels to channels and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from ...engine.geometry import Window
from ...errors import ShapeError
from ...tracing.dims import BATCH_AXIS, CHANNEL, run_of, shape_of, size_of
from ...tracing.graph import Graph, Map, Unsupported
from ...tracing.moves import along, reduced
from ...tracing.multiply import groups_word, one_by_one
from ...tracing.order import fold
from ...tracing.placing import PlacedTensor, located
from ..node import Op, rule

Pads = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Windows:
    """How an operator looks along each of its spatial dimensions, all in numbers."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]
    same: bool
    """Whether it pads as TensorFlow does, more after than before (SAME_UPPER)."""

    def window(self, i: int) -> Window:
        return Window(self.kernel[i], self.stride[i], self.pads[i], self.dilation[i])

    def along(self, at: PlacedTensor, graph: Graph) -> dict[str, Any]:
        """All but the padding in the order of the map's axes."""
        return at.windows(graph, kernel_size=self.kernel, stride=self.stride, dilation=self.dilation)

    def size(self, i: int, size: int, ceil_mode: bool = False) -> int:
        try:
            return self.window(i).output_size(size, ceil_mode)
        except ShapeError as error:
            raise Unsupported(str(error)) from None


def windows_of(op: Op, kernel: Sequence[int], sizes: Sequence[int]) -> Windows:
    """The windows of a node on a map of these sizes; pads that it leaves to a rule are worked out."""
    n = len(kernel)
    stride, dilation = (tuple(op.ints(name, None, (1,) * n)) for name in ("strides", "dilations"))
    given = op.ints("pads", None, (0,) * 2 * n)
    if not len(stride) == len(dilation) == len(sizes) == n or len(given) != 2 * n:
        raise Unsupported("settings for another number of axes")
    pads = list(zip(given[:n], given[n:], strict=True))
    auto = op.attr("auto_pad", "NOTSET")
    if auto == "VALID":
        pads = [(0, 0)] * n
    elif auto in ("SAME_UPPER", "SAME_LOWER"):
        bare = [Window(k, s, (0, 0), d) for k, s, d in zip(kernel, stride, dilation, strict=True)]
        pads = [same_pads(w, size, auto == "SAME_UPPER") for w, size in zip(bare, sizes, strict=True)]
    return Windows(tuple(kernel), stride, dilation, tuple(pads), auto == "SAME_UPPER")


def same_pads(window: Window, size: int, upper: bool) -> tuple[int, int]:
    """What makes the output as large as the map over the stride, rounded up; an odd one goes after it (upper), or in
    front."""
    total = max((-(-size // window.stride) - 1) * window.stride + window.extent - size, 0)
    less = total // 2
    return (less, total - less) if upper else (total - less, less)


def lone_dims(at: PlacedTensor, windows: Windows) -> bool:
    """Whether a kernel is longer than 1 along a dimension that is no axis, which must stay of size 1."""
    first = len(at.m.dims) - len(windows.kernel)
    longer = False
    for dim, axis in at.axes.items():
        if axis is None:
            if windows.size(dim - first, 1) != 1:
                raise Unsupported("a dimension of size 1 that is no axis becomes longer")
            longer = longer or windows.kernel[dim - first] > 1
    return longer


# --- convolutions ------------------------------------------------------------------------------------------------


CONV_PLACES = {"QLinearConv": (3, 8), "ConvInteger": (1, 99)}
"""Where weight and bias stand among an operator's inputs, if not second and third; ConvInteger has no bias."""


@rule("Conv FusedConv QLinearConv ConvInteger")
def conv(op: Op) -> Map:
    w, b = CONV_PLACES.get(op.type, (1, 2))
    graph, m, weight = op.graph, op.map(), op.fixed(w)
    n, groups, bias = len(weight.shape) - 2, int(op.attr("group", 1)), op.input(b) is not None
    out_channels, per_output = weight.shape[0], prod(weight.shape[1:])
    windows = windows_of(op, weight.shape[2:], shape_of(m.dims)[2:])
    if len(m.dims) != n + 2 or size_of(m.dims[1]) != weight.shape[1] * groups:
        raise Unsupported(f"a kernel of shape {weight.shape} on a tensor of shape {shape_of(m.dims)}")
    shape = (out_channels, *(windows.size(i, size) for i, size in enumerate(shape_of(m.dims)[2:])))
    op.macs = prod(shape) * per_output * size_of(m.dims[0]) // graph.batch
    if set(windows.kernel) | set(windows.stride) == {1} and not any(map(any, windows.pads)):
        found = one_by_one(graph, m, 1, out_channels, groups, bias, lambda: op.weights(w, b))
        if found:
            return found
    at = located(graph, m, n)
    macs = op.macs if lone_dims(at, windows) else None
    same = windows.same and n == graph.axes and any(before != after for before, after in windows.pads)
    settings: dict[str, Any] = {
        **windows.along(at, graph),
        "out_channels": out_channels,
        "padding": "tf_same" if same else at.per_axis(graph, windows.pads, (0, 0)),
        "groups": groups_word(groups, graph.maps[at.m.node].channels),
        "bias": bias,
    }
    return at.after(graph, graph.emit("conv", [at.m.node], op.weights(w, b), macs, **settings))


@rule("ConvTranspose")
def conv_transpose(op: Op) -> Map:
    graph, m, weight = op.graph, op.map(), op.fixed(1)
    n, groups, bias = len(weight.shape) - 2, int(op.attr("group", 1)), op.input(2) is not None
    op.macs = prod(shape_of(m.dims)) // graph.batch * prod(weight.shape[1:])
    if len(m.dims) != n + 2 or size_of(m.dims[1]) != weight.shape[0]:
        raise Unsupported(f"a kernel of shape {weight.shape} on a tensor of shape {shape_of(m.dims)}")
    at = located(graph, m, n)
    kernel = weight.shape[2:]
    stride, dilation = (tuple(op.ints(name, None, (1,) * n)) for name in ("strides", "dilations"))
    more = tuple(op.ints("output_padding", None, (0,) * n))
    bare = [Window(k, s, (0, 0), d) for k, s, d in zip(kernel, stride, dilation, strict=True)]
    pads = cut_off(op, bare, shape_of(at.m.dims)[-n:], more)
    for i, (dim, axis) in enumerate(at.axes.items()):
        if axis is None and bare[i].extent + more[i] - sum(pads[i]) != 1:
            raise Unsupported(f"dimension {dim} of size 1 that is no axis becomes longer")
    named: dict[str, Any] = {"out_channels": weight.shape[1] * groups, "groups": groups, "bias": bias}
    named |= at.windows(
        graph, kernel_size=kernel, stride=stride, dilation=dilation, padding=tuple(pads), output_padding=more
    )
    return at.after(graph, graph.emit("conv_transpose", [at.m.node], op.weights(1, 2), **named))


def cut_off(op: Op, windows: Sequence[Window], sizes: Sequence[int], more: Sequence[int]) -> Pads:
    """What is cut off the full result, before and after: stated, or what is over the size that is asked for. An odd
    one goes after for SAME_UPPER, else in front."""
    n, auto = len(windows), op.attr("auto_pad", "NOTSET")
    wanted = op.ints("output_shape", None, ())
    if not wanted and auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [size * w.stride for size, w in zip(sizes, windows, strict=True)]
    if not wanted:
        given = op.ints("pads", None, (0,) * 2 * n) if auto == "NOTSET" else [0] * 2 * n
        return list(zip(given[:n], given[n:], strict=True))
    pads = []
    for size, w, extra, out in zip(sizes, windows, more, wanted[-n:], strict=True):
        total = (size - 1) * w.stride + extra + w.extent - out
        if total < 0:
            raise Unsupported(f"an output of size {out}, longer than the windows reach")
        less = total // 2
        pads.append((less, total - less) if auto == "SAME_UPPER" else (total - less, less))
    return pads


# --- pools -------------------------------------------------------------------------------------------------------


@rule("MaxPool")
def max_pool(op: Op) -> list[Any]:
    m = pool(op, "max_pool")
    return [m, m] if len(op.node.output) > 1 else [m]


@rule("AveragePool QLinearAveragePool LpPool")
def avg_pool(op: Op) -> Map:
    """A mean, or one of powers, which sees what a mean sees."""
    return pool(op, "avg_pool", "lp_pool" if op.type == "LpPool" else "")


def pool(op: Op, kind: str, label: str = "") -> Map:
    graph = op.graph
    kernel = op.ints("kernel_shape")
    at = located(graph, op.map(), len(kernel), all_channels=False)
    sizes = shape_of(at.m.dims)[len(at.m.dims) - len(kernel) :]
    windows = windows_of(op, kernel, sizes)
    lone_dims(at, windows)
    ceils = bool(op.attr("ceil_mode", 0)) and op.attr("auto_pad", "NOTSET") in ("NOTSET", "VALID")
    settings = windows.along(at, graph)
    node, pads = at.m.node, list(windows.pads)
    if all(before == after and 2 * before <= k for (before, after), k in zip(pads, kernel, strict=True)):
        settings |= {"padding": at.per_axis(graph, tuple(b for b, _ in pads), 0), "ceil_mode": ceils}
    else:
        pads = [
            (before, cells_after(windows, i, size, ceils))
            for i, ((before, _), size) in enumerate(zip(pads, sizes, strict=True))
        ]
        node = graph.emit("pad", [node], label="pad", padding=at.per_axis(graph, tuple(pads), (0, 0)))
    return graph.spread(graph.emit(kind, [node], label=label, **settings), at.m, at.axes)


def cells_after(windows: Windows, i: int, size: int, ceils: bool) -> int:
    """The padding after a map with which a pool that has none of its own ends where this one does."""
    if not ceils:
        return windows.pads[i][1]
    window = windows.window(i)
    last = (windows.size(i, size, True) - 1) * window.stride + window.extent
    return last - size - window.padding[0]


@rule("GlobalLpPool")
def global_lp_pool(op: Op) -> Map:
    m = op.map()
    return reduced(op.graph, m, range(2, len(m.dims)), True, "norm")


@rule("GlobalAveragePool QLinearGlobalAveragePool GlobalMaxPool")
def global_pool(op: Op) -> Map:
    graph, m, kind = op.graph, op.map(), "max_pool" if op.type == "GlobalMaxPool" else "avg_pool"
    at = located(graph, m, len(m.dims) - 2, all_channels=False)
    output = at.per_axis(graph, (1,) * (len(m.dims) - 2), None)
    wanted = [out or size for out, size in zip(output, graph.maps[at.m.node].sizes, strict=True)]
    if set(wanted) == {1}:
        node = graph.emit(f"global_{kind}", [at.m.node])
    else:
        node = graph.emit(f"adaptive_{kind}", [at.m.node], output_size=wanted)
    return graph.spread(node, at.m, at.axes)


# --- norms -------------------------------------------------------------------------------------------------------


CHANNEL_NORMS = {
    "BatchNormalization": "batch_norm", "InstanceNormalization": "instance_norm", "GroupNormalization": "group_norm",
}  # fmt: skip
"""Norms whose weights belong to the channels in dimension 1; the means and variances of a batch are no parameters."""


@rule(" ".join(CHANNEL_NORMS))
def channel_norm(op: Op) -> Map:
    graph, m, name = op.graph, fold(op.graph, op.map()), CHANNEL_NORMS[op.type]
    if len(m.dims) < 2 or m.dims[1] != run_of(CHANNEL, graph.maps[m.node].channels):
        return op.graph.function(m, name, op.weights(1, 2))
    settings: dict[str, Any] = {"num_groups": int(op.attr("num_groups", 1))} if name == "group_norm" else {}
    return Map(graph.emit(name, [m.node], op.weights(1, 2), affine=True, **settings), m.dims)


@rule("LayerNormalization RMSNormalization SimplifiedLayerNormalization")
def layer_norm(op: Op) -> Map:
    graph, m = op.graph, op.map()
    x, axis = graph.maps[m.node], op.dim(int(op.attr("axis", -1)), len(m.dims))
    last = m.dims[axis:]
    many = prod(map(size_of, last))
    images = any(atom.axis == BATCH_AXIS for run in last for atom in run)
    if op.type == "LayerNormalization" and not images and op.input(2) is not None:
        if many == x.elements:
            return op.graph.pointwise(m, "layer_norm", op.weights(1, 2), affine=True)
        if many == x.channels and not any(atom.axis != CHANNEL for run in last for atom in run):
            return op.graph.pointwise(m, "channel_norm", op.weights(1, 2), affine=True)
    return op.graph.function(m, "layer_norm" if op.type == "LayerNormalization" else "rms_norm", op.weights(1, 2))


@rule("MeanVarianceNormalization LRN")
def other_norm(op: Op) -> Map:
    return op.graph.function(op.map(), {"LRN": "local_response_norm"}.get(op.type, "mean_variance_norm"))


@rule("LpNormalization")
def lp_norm(op: Op) -> Map:
    m = op.map()
    return along(op.graph, m, [op.dim(int(op.attr("axis", -1)), len(m.dims))], "normalize")


# --- pixels to channels ------------------------------------------------------------------------------------------


@rule("DepthToSpace")
def depth_to_space(op: Op) -> Map:
    """DCR has the place in a patch as the outer part of the channels; torch's pixel_shuffle as the inner one (CRD)."""
    graph, block = op.graph, int(op.attr("blocksize"))
    at = located(graph, op.map(), 2)
    node = at.m.node
    if op.attr("mode", "DCR") == "DCR" and graph.maps[node].channels > block * block > 1:
        node = graph.emit("channel_shuffle", [node], groups=block * block)
    return at.after(graph, graph.emit("pixel_shuffle", [node], upscale_factor=block))


@rule("SpaceToDepth")
def space_to_depth(op: Op) -> Map:
    graph, block = op.graph, int(op.attr("blocksize"))
    at = located(graph, op.map(), 2)
    channels = graph.maps[at.m.node].channels
    node = graph.emit("pixel_unshuffle", [at.m.node], downscale_factor=block)
    if channels > 1 < block:
        node = graph.emit("channel_shuffle", [node], groups=channels)
    return at.after(graph, node)
