"""The effective field of programs that write in place, are checkpointed within one another, or compiled."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from rfcalc.measure import effective_field
from rfcalc.tracing.trace import trace


class WritesImage(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x.sub_(0.5)
        x.mul_(2)
        out: Tensor = self.c(x)
        return out


class WritesSaved(nn.Module):
    """A sigmoid's backward needs its result, which is written over."""

    def __init__(self) -> None:
        super().__init__()
        self.c, self.d = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.sigmoid(self.c(x))
        y.mul_(2)
        out: Tensor = self.d(y)
        return out


class Checkpointed(nn.Module):
    """A checkpointed part in another one."""

    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.c, self.d = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

    def inner(self, x: Tensor) -> Tensor:
        out: Tensor = checkpoint(self.c, x, use_reentrant=self.reentrant)
        return out

    def outer(self, x: Tensor) -> Tensor:
        out: Tensor = self.d(self.inner(x)).relu()
        return out

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = checkpoint(self.outer, x, use_reentrant=self.reentrant)
        return out


class Plain(nn.Module):
    """The same without: what each of them must measure."""

    def __init__(self, net: Checkpointed) -> None:
        super().__init__()
        self.c, self.d = net.c, net.d

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.d(self.c(x)))


def test_a_program_may_write_into_its_image() -> None:
    """Half of the image's gradient at twice its size: the spread of the plain convolution's weights."""
    net = WritesImage()
    found = effective_field(net, input=(3, 8, 8), count=1)
    weights = net.c.weight.detach().sum(0).abs().sum(0).to(torch.float64)
    assert torch.allclose(found.gradient[3:6, 3:6], weights / weights.sum())


def test_a_program_may_write_over_what_backward_needs() -> None:
    found = effective_field(WritesSaved(), input=(3, 8, 8), count=1)
    assert (found.layer, found.receptive_field) == ("d", (5, 5))
    assert found.gradient[2:7, 2:7].min() > 0


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints_within_one_another(reentrant: bool) -> None:
    net = Checkpointed(reentrant)
    before = vars(torch.utils.checkpoint)["_checkpoint_without_reentrant_generator"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = effective_field(net, input=(3, 8, 8), count=2)
    plain = effective_field(Plain(net), input=(3, 8, 8), count=2)
    assert found.receptive_field == (5, 5)
    assert torch.equal(found.gradient, plain.gradient)
    assert vars(torch.utils.checkpoint)["_checkpoint_without_reentrant_generator"] is before
    assert "apply" not in vars(torch.utils.checkpoint.CheckpointFunction)


def test_nothing_of_ours_is_compiled() -> None:
    """A compiled part of a network runs as it was written while the network is traced: dynamo sees no call."""
    seen: list[int] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> object:
        seen.append(len(inputs))
        return graph.forward

    part = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    compiled: Any = torch.compile(part, backend=backend)
    net = nn.Sequential(compiled, nn.Conv2d(4, 4, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        arch = trace(net, (3, 8, 8))
    assert ([row.name for row in arch.rows], seen) == (["0.0", "0.1", "1"], [])
