"""Images that a program repeats: each row holds on the module's own run, and MACs count every copy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import rfcalc

SHAPE = (3, 9, 9)
CONV, LINEAR = 3 * 4 * 9 * 7 * 7, 3 * 5 * 9 * 9
"""MACs of one copy."""
CASES: dict[str, tuple[Callable[[nn.ModuleDict, Tensor], Tensor], int]] = {
    "a batch of one": (lambda net, x: net["conv"](x.expand(5, -1, -1, -1)).sum(0, keepdim=True), 5 * CONV),
    "in front": (lambda net, x: net["conv"](x.expand(5, *x.shape).flatten(0, 1)), 5 * CONV),
    "behind": (lambda net, x: net["conv"](x[:, None].expand(-1, 5, -1, -1, -1).flatten(0, 1)), 5 * CONV),
    "apart again": (
        lambda net, x: net["conv"](x.repeat_interleave(3, 0)).unflatten(0, (-1, 3)).mean(1) + net["conv"](x), 4 * CONV,
    ),
    "each place alone": (lambda net, x: net["linear"](x[:, None].expand(-1, 2, -1, -1, -1).movedim(2, -1)), 2 * LINEAR),
    "pooled, then a matrix": (
        lambda net, x: net["linear"](x.mean((2, 3))[:, None].expand(-1, 7, -1)), 7 * 15,
    ),
}  # fmt: skip


class Net(nn.Module):
    def __init__(self, run: Callable[[nn.ModuleDict, Tensor], Tensor]) -> None:
        super().__init__()
        self.run = run
        self.parts = nn.ModuleDict({"conv": nn.Conv2d(3, 4, 3), "linear": nn.Linear(3, 5)})

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self.parts, x)


@pytest.mark.parametrize("name", CASES)
def test_repeated_images(name: str) -> None:
    run, macs = CASES[name]
    net = Net(run)
    arch = rfcalc.trace(net, SHAPE)
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, *SHAPE))
    assert arch.macs == macs == counter.get_total_flops() // 2
    report = rfcalc.check(net, SHAPE)
    assert (report.ok, report.proved) == (True, True)
