"""Muon against torch: its own for matrices, SGD for the rest, and the singular value decomposition."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from rfcalc.train.fit.muon import QUINTIC, Muon, orthogonal
from rfcalc.train.fit.optim import optimizer_of, parameter_groups
from rfcalc.train.recipe.reader import read
from rfcalc.train.recipe.recipe import Optimizer


def asked(**changes: Any) -> Optimizer:
    return read({"optimizer": {"name": "muon", "momentum": 0.9, "weight_decay": 0.01, **changes}}, "t", "t").optimizer


def seeded(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@given(st.integers(1, 4), st.integers(1, 40), st.integers(1, 40), st.floats(1e-4, 1e4), st.integers(0, 9))
def test_orthogonal_keeps_the_singular_vectors_and_levels_the_values(
    count: int, rows: int, columns: int, size: float, seed: int
) -> None:
    matrices = size * seeded(seed, count, rows, columns)
    u, values, v = torch.linalg.svd(matrices.double(), full_matrices=False)
    seen = u.mT @ orthogonal([matrices])[0].double() @ v.mT
    levelled = seen.diagonal(dim1=1, dim2=2)
    assert seen == pytest.approx(torch.diag_embed(levelled), abs=2e-3)
    # tiny values, against the Frobenius norm, need more than five turns to reach 1
    large = values > 0.02 * values.square().sum(1, keepdim=True).sqrt()
    assert ((levelled > 0.5) & (levelled < 1.3))[large].all()


@given(st.lists(st.tuples(*[st.integers(1, n) for n in (3, 9, 9)]), min_size=1, max_size=5), st.integers(0, 9))
def test_stacks_are_iterated_together_as_each_alone(shapes: list[tuple[int, int, int]], seed: int) -> None:
    """Against the post's own iteration, x after x, in float64."""
    a, b, c = QUINTIC
    stacks = [seeded(seed + place, *shape) for place, shape in enumerate(shapes)]
    for stack, found in zip(stacks, orthogonal(stacks), strict=True):
        x = stack.double() / stack.double().flatten(1).norm(dim=1)[:, None, None]
        for _ in range(5):
            x = a * x + b * x @ x.mT @ x + c * x @ x.mT @ x @ x.mT @ x
        assert found.double() == pytest.approx(x, abs=1e-3)


def test_orthogonal_leaves_zero_at_zero() -> None:
    assert not orthogonal([torch.zeros(2, 3, 5)])[0].any()


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("shape", [(6, 4), (4, 6)])
def test_a_matrix_moves_as_with_torchs_muon(shape: tuple[int, int], nesterov: bool) -> None:
    ours, theirs = (nn.Parameter(seeded(0, *shape)) for _ in range(2))
    settings = {"lr": 0.1, "momentum": 0.9, "nesterov": nesterov}
    here = Muon([{"params": [ours], "matrices": [1], "weight_decay": 0.3}], **settings)  # type: ignore[arg-type]
    there = torch.optim.Muon([theirs], weight_decay=0.3, **settings)  # type: ignore[arg-type]
    for step in range(5):
        ours.grad = seeded(step, *shape)
        theirs.grad = seeded(step, *shape)
        here.step()
        there.step()  # type: ignore[no-untyped-call]
        assert ours.detach() == pytest.approx(theirs.detach(), abs=0.01 * (step + 1))  # theirs reckons in bfloat16


def test_the_groups_of_a_convolution_move_as_convolutions_of_their_own() -> None:
    kernel, gradient = seeded(0, 6, 2, 3, 3), seeded(1, 6, 2, 3, 3)
    whole, parts = nn.Parameter(kernel.clone()), [nn.Parameter(part.clone()) for part in kernel.chunk(3)]
    whole.grad = gradient
    for part, grad in zip(parts, gradient.chunk(3), strict=True):
        part.grad = grad
    for parameters, counts in (([whole], [3]), (parts, [1, 1, 1])):
        Muon([{"params": parameters, "matrices": counts, "weight_decay": 0.1}], 0.1, 0.9, True).step()
    assert whole.detach() == pytest.approx(torch.cat([part.detach() for part in parts]), abs=1e-6)
    assert not torch.equal(whole.detach(), kernel)


@pytest.mark.parametrize("nesterov", [False, True])
def test_what_is_no_matrix_moves_as_with_sgd(nesterov: bool) -> None:
    ours, theirs = (nn.Parameter(seeded(0, 5)) for _ in range(2))
    here = Muon([{"params": [ours], "weight_decay": 0.01}], 0.1, 0.9, nesterov)
    there = torch.optim.SGD([theirs], 0.1, 0.9, weight_decay=0.01, nesterov=nesterov)
    for step in range(4):
        ours.grad = theirs.grad = seeded(step, 5)
        here.step()
        there.step()
        assert ours.detach() == pytest.approx(theirs.detach(), abs=1e-6)


def test_every_weight_but_the_last_is_a_matrix() -> None:
    first, grouped, last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, groups=2, bias=False), nn.Linear(4, 2)
    net = nn.Sequential(first, nn.BatchNorm2d(4), nn.PReLU(4), grouped, last)
    groups = parameter_groups(net, asked(matrix_lr=0.5))
    (matrices,) = (group for group in groups if "matrices" in group)
    assert [id(p) for p in matrices["params"]] == [id(first.weight), id(grouped.weight)]
    assert matrices["matrices"] == [1, 2]
    # at the learning rate 0.5 of 1, the decay with which SGD's momentum of 0.9 shrinks a weight: 0.01 * 10
    assert matrices["factor"] * matrices["weight_decay"] == pytest.approx(0.1)
    others = {id(p) for group in groups if group is not matrices for p in group["params"]}
    assert {id(last.weight), id(net[2].weight), id(first.bias), id(net[1].bias)} <= others
    assert sum(len(group["params"]) for group in groups) == len(list(net.parameters()))


def test_its_state_is_saved_and_restored() -> None:
    def stepped(net: nn.Module, optimizer: torch.optim.Optimizer, seeds: range) -> None:
        for seed in seeds:
            for place, parameter in enumerate(net.parameters()):
                parameter.grad = seeded(10 * seed + place, *parameter.shape)
            optimizer.step()

    straight, resumed = (nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1)) for _ in range(2))
    resumed.load_state_dict(straight.state_dict())
    one, two = (optimizer_of(net, asked()) for net in (straight, resumed))
    stepped(straight, one, range(4))
    stepped(resumed, two, range(2))
    again = optimizer_of(resumed, asked())
    again.load_state_dict(two.state_dict())
    stepped(resumed, again, range(2, 4))
    assert all(map(torch.equal, straight.parameters(), resumed.parameters()))
