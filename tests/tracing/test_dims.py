"""Where values stand: the layout of views, permutes and slices against torch, on tensors that hold their own places."""

from __future__ import annotations

from math import prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rfcalc.tracing.dims import BATCH_AXIS, CHANNEL, Atom, Dims, canonical, reshaped, shape_of
from rfcalc.tracing.graph import Graph, Map, Unsupported
from rfcalc.tracing.moves import concatenated, cut
from rfcalc.tracing.order import settle

BATCH_SIZE = 2


def places(shape: tuple[int, ...]) -> Tensor:
    """A tensor whose every value names its own place: batch, channel, then each axis."""
    grids = torch.meshgrid(*(torch.arange(n) for n in (BATCH_SIZE, *shape)), indexing="ij")
    return torch.stack(grids, -1)


def expected(dims: Dims, axes: int) -> Tensor:
    """What the layout says stands at each place of the tensor."""
    out = torch.zeros(*shape_of(dims), axes + 2, dtype=torch.long)
    for dim, run in enumerate(dims):
        index = torch.arange(prod(atom.size for atom in run))
        rest = prod(atom.size for atom in run)
        for atom in run:
            rest //= atom.size
            column = {BATCH_AXIS: 0, CHANNEL: 1}.get(atom.axis, atom.axis + 2)
            value = (index // rest % atom.size) * atom.step
            out[..., column] += value.view(-1, *[1] * (len(dims) - dim - 1))
    return out


@st.composite
def factored(draw: st.DrawFn, total: int) -> list[int]:
    """Sizes whose product is the given number."""
    sizes: list[int] = []
    rest = total
    while rest > 1 and len(sizes) < 5:
        size = draw(st.sampled_from([n for n in range(1, rest + 1) if rest % n == 0]))
        sizes.append(size)
        rest //= size
    return [*sizes, rest]


@given(st.data())
def test_views_and_permutes_follow_torch(data: st.DataObject) -> None:
    axes = data.draw(st.integers(1, 2))
    shape = (
        data.draw(st.sampled_from([1, 2, 8, 12])),
        *(data.draw(st.sampled_from([1, 2, 3, 4])) for _ in range(axes)),
    )
    tensor = places(shape)
    dims = canonical(BATCH_SIZE, shape[0], shape[1:], False)
    for _ in range(data.draw(st.integers(1, 5))):
        if data.draw(st.booleans()):
            order = data.draw(st.permutations(range(len(dims))))
            dims = tuple(dims[i] for i in order)
            tensor = tensor.permute(*order, -1)
        else:
            sizes = data.draw(factored(prod(shape_of(dims))))
            found = reshaped(dims, sizes)
            if found is None:
                continue
            dims, tensor = found, tensor.reshape(*sizes, axes + 2)
        assert torch.equal(expected(dims, axes), tensor)


def test_a_view_across_axes_has_no_layout() -> None:
    assert reshaped(((Atom(CHANNEL, 3),), (Atom(0, 4),)), (4, 3)) is None
    assert reshaped(((Atom(CHANNEL, 3),), (Atom(0, 4),)), (13,)) is None
    assert reshaped(((Atom(CHANNEL, 3),), (Atom(0, 4),)), (6, 2)) is not None


# --- what slices and joins do to channels: the layers' own arithmetic against torch's --------------------------------


def run_layers(graph: Graph, x: Tensor) -> list[Tensor]:
    """What the graph's layers make of a tensor (batch, channels, sizes…)."""
    out = [x]
    for draft in graph.drafts:
        inputs = [out[i] for i in draft.inputs]
        if draft.layer.joins:
            out.append(draft.layer.combine(torch, inputs))  # type: ignore[attr-defined]
        else:
            out.append(draft.layer.module(torch.nn, graph.maps[draft.inputs[0]])(inputs[0]))
    return out


def held(m: Map, out: list[Tensor], graph: Graph) -> Tensor:
    """The tensor that a layout picks out of what its node made."""
    x = out[m.node]
    grid = expected(m.dims, graph.axes)
    index = tuple(grid[..., i] for i in range(x.dim()))
    return x[index]


CUTS = [(slice(1, 3), 1), (slice(0, 6, 2), 1), (slice(5, 6), 1), (slice(1, None), 2), (slice(None, None, 2), 2),
        (slice(1, None, 3), 3), (slice(2, 5), 3)]  # fmt: skip


@pytest.mark.parametrize(("places_kept", "dim"), CUTS)
def test_slices_are_the_layers_that_torch_would_run(places_kept: slice, dim: int) -> None:
    graph = Graph((6, 5, 7), BATCH_SIZE)
    m = graph.home(0)
    x = torch.randn(BATCH_SIZE, 6, 5, 7)
    kept = range(*places_kept.indices(x.shape[dim]))
    found = cut(graph, m, {dim: kept})
    index = [slice(None)] * 4
    index[dim] = places_kept
    assert torch.equal(held(found, run_layers(graph, x), graph), x[tuple(index)])


@pytest.mark.parametrize("view", [(2, 3, 4, 6, 6), (2, 12, 2, 3, 2, 3)])
@pytest.mark.parametrize("dim", [1, 2, 3, 4])
@pytest.mark.parametrize("index", [0, 1])
def test_parts_of_a_view_are_the_layers_that_torch_would_run(view: tuple[int, ...], dim: int, index: int) -> None:
    graph = Graph((12, 6, 6), BATCH_SIZE)
    dims = reshaped(graph.home(0).dims, view)
    assert dims
    x = torch.randn(BATCH_SIZE, 12, 6, 6)
    found = cut(graph, Map(0, dims), {dim: range(index, index + 1)})
    want = x.view(view).narrow(dim, index, 1)
    assert torch.equal(held(found, run_layers(graph, x), graph), want)


@pytest.mark.parametrize(
    ("view", "order"),
    [
        ((2, 3, 4, 5, 6), (0, 2, 1, 3, 4)),  # channel shuffle
        ((2, 3, 2, 2, 5, 6), (0, 1, 4, 2, 5, 3)),  # depth to space
        ((2, 12, 5, 6), (0, 1, 2, 3)),
    ],
)
def test_what_settles_is_the_layers_that_torch_would_run(view: tuple[int, ...], order: tuple[int, ...]) -> None:
    graph = Graph((12, 5, 6), BATCH_SIZE)
    x = torch.randn(BATCH_SIZE, 12, 5, 6)
    dims = reshaped(graph.home(0).dims, view)
    assert dims
    permuted = tuple(dims[i] for i in order)
    shape = {5: (2, 12, 5, 6), 6: (2, 3, 10, 12), 4: (2, 12, 5, 6)}[len(view)]
    joined = reshaped(permuted, shape)
    assert joined
    found = settle(graph, Map(0, joined))
    assert torch.equal(held(found, run_layers(graph, x), graph), x.view(view).permute(order).reshape(shape))
    assert all(len(run) < 2 for run in found.dims)


def test_space_to_depth_settles_as_torch_runs_it() -> None:
    graph = Graph((3, 4, 6), BATCH_SIZE)
    x = torch.randn(BATCH_SIZE, 3, 4, 6)
    dims = reshaped(graph.home(0).dims, (2, 3, 2, 2, 3, 2))
    assert dims
    joined = reshaped(tuple(dims[i] for i in (0, 1, 3, 5, 2, 4)), (2, 12, 2, 3))
    assert joined
    found = settle(graph, Map(0, joined))
    want = x.view(2, 3, 2, 2, 3, 2).permute(0, 1, 3, 5, 2, 4).reshape(2, 12, 2, 3)
    assert torch.equal(held(found, run_layers(graph, x), graph), want)
    assert [draft.layer.op for draft in graph.drafts] == ["pixel_unshuffle"]


def test_joins_of_maps_in_several_dimensions() -> None:
    graph = Graph((4, 3, 3), BATCH_SIZE)
    x = torch.randn(BATCH_SIZE, 4, 3, 3)
    dims = reshaped(graph.home(0).dims, (2, 2, 2, 3, 3))
    assert dims
    first = cut(graph, Map(0, dims), {1: range(1)})
    found = concatenated(graph, [first, Map(0, dims)], 1)
    want = torch.cat([x.view(2, 2, 2, 3, 3)[:, :1], x.view(2, 2, 2, 3, 3)], 1)
    assert torch.equal(held(found, run_layers(graph, x), graph), want)
    with pytest.raises(Unsupported):
        concatenated(graph, [Map(0, dims), Map(0, tuple(dims[i] for i in (0, 1, 2, 4, 3)))], 1)
