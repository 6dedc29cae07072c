"""What torch's convolutions and matrix products mean in layers."""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Tensor

from ..call import Call, placed, tupled
from ..contraction import contracted
from ..dims import BATCH_AXIS, CHANNEL, Atom, is_channels, shape_of, size_of
from ..graph import Graph, Map, TakenApart, Unsupported
from ..multiply import LETTERS, einsum_terms, groups_word, linear_on, one_by_one, products, sum_of_products
from ..order import mapped
from ..placing import PlacedTensor

# --- convolutions ------------------------------------------------------------------------------------------------


def conv(call: Call) -> Map:
    graph, weight = call.graph, call.get("weight")
    call.cost = lambda values: values * int(weight[0].numel())
    if call.is_map("weight"):
        raise Unsupported("a kernel made of the image")
    check_weight(call, weight.shape[1] * call.get("groups", 1), weight.shape[0])
    n = weight.dim() - 2
    kernel, padding = tuple(weight.shape[2:]), call.get("padding", 0)
    stride, dilation = call.windows(n, "stride dilation").values()
    lone = set(kernel) | set(stride) == {1} and padding in (0, "same", "valid", (0,) * n)
    m, bias = call.map(), call.get("bias") is not None
    channel, groups = len(m.dims) - n - 1, int(call.get("groups", 1))
    if lone and (found := one_by_one(graph, m, channel, weight.shape[0], groups, bias, call.weights)):
        return found
    m = mapped(graph, m)
    if any(is_channels(run) for run in m.dims[len(m.dims) - n :]):
        return conv_over_channels(call, m, n)
    at = placed(call, n)
    pads: Any = padding
    if not isinstance(padding, str):
        pads = at.per_axis(graph, tuple((p, p) for p in tupled(padding, n)), (0, 0))
    at, pads, mode = with_pad(graph, at, pads)
    settings: dict[str, Any] = {
        **at.windows(graph, kernel_size=kernel, stride=stride, dilation=dilation),
        "out_channels": weight.shape[0],
        "padding": pads,
        "groups": groups_word(groups, graph.maps[at.m.node].channels),
        "bias": bias,
        "padding_mode": mode,
    }
    return at.after(graph, graph.emit("conv", [at.m.node], call.weights(), dead_macs(call, at, kernel), **settings))


def check_weight(call: Call, channels: int, out_channels: int) -> None:
    """Leaves it to torch to refuse a weight or a bias that does not fit the input."""
    m, weight, bias = call.map(), call.get("weight"), call.get("bias")
    places = len(m.dims) - weight.dim()
    call.expect(places in (0, -1) and (bias is None or tuple(bias.shape) == (out_channels,)))
    found = size_of(m.dims[places + 1])
    if found != channels:  # in the words that torch has for it on values
        raise RuntimeError(
            f"Given groups={call.get('groups', 1)}, weight of size {list(weight.shape)}, expected "
            f"input{list(shape_of(m.dims))} to have {channels} channels, but got {found} channels instead"
        )


def dead_macs(call: Call, at: PlacedTensor, kernel: tuple[int, ...]) -> int | None:
    """MACs where a kernel is longer than 1 along a dimension that is no axis (all but one tap meet padding)."""
    if all(axis is not None or k == 1 for axis, k in zip(at.axes.values(), kernel, strict=True)):
        return None
    weight = call.get("weight")
    return prod(call.shape()) // call.graph.batch * int(weight[0].numel())


def with_pad(graph: Graph, at: PlacedTensor, pads: Any) -> tuple[PlacedTensor, Any, str]:
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
        raise Unsupported("an axis among the channels")
    shape = call.shape()
    if isinstance(call.get("padding"), str):
        raise Unsupported("padding by name over channels")
    given = call.windows(n, "stride padding dilation") | {"kernel_size": tuple(weight.shape[2:])}
    settings: dict[str, Any] = {name: [0 if name == "padding" else 1] * graph.axes for name in given}
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


def conv_transpose(call: Call) -> Map:
    graph, weight = call.graph, call.get("weight")
    call.cost = lambda values: prod(shape_of(call.map().dims)) // graph.batch * int(weight[0].numel())
    if call.is_map("weight"):
        raise Unsupported("a kernel made of the image")
    groups = call.get("groups", 1)
    check_weight(call, weight.shape[0], weight.shape[1] * groups)
    n = weight.dim() - 2
    at = placed(call, n)
    given = call.windows(n, "stride padding output_padding dilation") | {"kernel_size": tuple(weight.shape[2:])}
    windows = at.windows(graph, **given)
    bias, channels = call.get("bias") is not None, weight.shape[1] * groups
    node = graph.emit(
        "conv_transpose", [at.m.node], call.weights(), None,
        out_channels=channels, groups=groups, bias=bias, **windows,
    )  # fmt: skip
    return at.after(graph, node)


# --- matrix products ---------------------------------------------------------------------------------------------


def linear(call: Call) -> Map:
    weight = call.get("weight")
    call.cost = lambda values: values * int(weight.shape[-1])
    m = call.map()
    if call.is_map("weight"):
        raise Unsupported("weights made of the image")
    call.expect(weight.dim() == 2)
    rows, wanted = prod(shape_of(m.dims[:-1])), weight.shape[1]
    if size_of(m.dims[-1]) != wanted:  # in the words that torch has for it on values
        sizes = f"{rows}x{size_of(m.dims[-1])} and {wanted}x{weight.shape[0]}"
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({sizes})")
    return linear_on(call.graph, m, weight.shape[0], call.get("bias") is not None, call.weights)


def matmul(call: Call) -> Map:
    left, right = call.given.get("input"), call.given.get("other")
    if call.name == "__rmatmul__":
        left, right = right, left
    if not isinstance(left, Tensor) or not isinstance(right, Tensor):
        raise Unsupported("a product of one tensor")
    call.cost = lambda values: values * int(left.shape[-1])
    m = call.find(left)
    if m and call.find(right) is None and right.dim() == 2:
        call.expect(size_of(m.dims[-1]) == right.shape[0])
        return linear_on(call.graph, m, right.shape[1], False, call.weights)
    if min(left.dim(), right.dim()) < 2:
        raise Unsupported("a product with a vector")
    batch = LETTERS[: max(left.dim(), right.dim()) - 2]
    a, b = (batch[len(batch) - (t.dim() - 2) :] for t in (left, right))
    return product_of(call, [(left, a + "xy"), (right, b + "yz")], batch + "xz")


def product_of(call: Call, operands: list[tuple[Tensor, str]], out: str) -> Map:
    """A sum of products as einsum writes it; every value costs as many MACs as products are summed."""
    sizes: dict[str, int] = {}
    for tensor, letters in operands:
        for letter, size in zip(letters, tensor.shape, strict=True):
            call.expect(size in (1, sizes.get(letter, size)) or sizes[letter] == 1)
            sizes[letter] = max(size, sizes.get(letter, 1))
    macs = products([letters for _, letters in operands], out, sizes) // call.graph.batch
    call.cost = lambda values: macs
    found = [(call.find(tensor), letters) for tensor, letters in operands]
    return sum_of_products(call.graph, found, sizes, out, macs, call.weights, call.operation)


def einsum(call: Call) -> Map:
    equation, operands = call.args[0], list(call.args[1:])
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = list(operands[0])
    if not isinstance(equation, str):
        raise Unsupported("an equation in numbers")
    terms, out = einsum_terms(equation, [tensor.dim() for tensor in operands])
    call.expect([len(term) for term in terms] == [tensor.dim() for tensor in operands])
    return product_of(call, list(zip(operands, terms, strict=True)), out)


def attention(call: Call) -> Map:
    """softmax(query * key) * value: two products, the first over the query's channels, the second over the keys."""
    query, key, value = (call.given[name] for name in ("query", "key", "value"))
    macs = (query.numel() + query.numel() // query.shape[-1] * value.shape[-1]) // call.graph.batch * int(key.shape[-2])
    call.cost = lambda values: macs
    batch = LETTERS[: query.dim() - 2]
    terms = [(query, batch + "xe"), (key, batch + "ye"), (value, batch + "yz")]
    call.expect(query.dim() == key.dim() == value.dim() and query.shape[-1] == key.shape[-1])
    call.expect(key.shape[-2] == value.shape[-2])
    shape = (*query.shape[:-1], value.shape[-1])
    found = [(call.find(tensor), letters) for tensor, letters in terms]
    return contracted(call.graph, found, batch + "xz", shape, call.weights(), macs, "attention")


def multi_head_attention(call: Call) -> list[Map]:
    """Tokens first, then batch, then channels: each place of the batch (an image, a window of it) attends by itself.
    The projections cost tokens * channels^2 each, the two products of attention tokens * tokens * channels each."""
    graph, names = call.graph, ("query", "key", "value")
    query, key, value = (call.given[name] for name in names)
    width, length, source = int(query.shape[-1]), int(query.shape[0]), int(key.shape[0])
    places = prod(query.shape[1:-1])
    each = 2 * length * width**2 + source * width * (int(key.shape[-1]) + int(value.shape[-1]))
    macs = places * (each + 2 * length * source * width) // graph.batch
    call.cost = lambda values: macs
    found = [call.find(call.given[name]) for name in names]
    if graph.strict and any(atom.axis == BATCH_AXIS for m in found if m for atom in m.dims[0]):
        raise TakenApart  # images among the tokens: they attend to one another
    batch = LETTERS[: query.dim() - 2]
    terms = [f"x{batch}e", f"y{batch}e", f"y{batch}z"]
    shape = (*query.shape[:-1], width)
    out = contracted(
        graph, list(zip(found, terms, strict=True)), f"x{batch}z", shape, call.weights(), macs, "attention"
    )
    return [out]
