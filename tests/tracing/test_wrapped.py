"""Functions of torch's that another library has wrapped for the rest of the process are still seen."""

from __future__ import annotations

import subprocess
import sys
from functools import wraps
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import rfcalc


class Shifted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.a(x)) - 0.5
        return torch.cat([x, x.roll(1, 2)], 1)[:, :4].mean((2, 3))


def wrapped(function: Any, mark: bool) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    if mark:
        return wraps(function)(call)
    call.__name__ = function.__name__
    return call


@pytest.mark.parametrize("mark", [True, False])
def test_wrapped_methods_are_what_they_wrap(mark: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Shifted()
    before = rfcalc.trace(module, (3, 8, 8))
    for name in ("roll", "mean", "__getitem__", "sub", "__sub__"):
        monkeypatch.setattr(Tensor, name, wrapped(getattr(Tensor, name), mark))
    monkeypatch.setattr(torch, "relu", wrapped(torch.relu, mark))
    after = rfcalc.trace(module, (3, 8, 8))
    assert [(row.name, row.status, row.macs) for row in after.rows] == [
        (row.name, row.status, row.macs) for row in before.rows
    ]
    assert all(row.status in ("exact", "whole input") for row in after.rows)


TORCHLENS = """
import torch, torchlens
from tests.tracing.test_wrapped import Shifted
if {early}:
    import rfcalc.tracing.dispatch
torchlens.trace(Shifted(), torch.rand(1, 3, 8, 8))
import rfcalc
assert type(torch.Tensor.roll).__name__ == "function", "not wrapped"
rows = rfcalc.trace(Shifted(), (3, 8, 8)).rows
print([row.status for row in rows if row.status not in ("exact", "whole input")])
"""


@pytest.mark.parametrize("early", [True, False])
def test_torchlens_leaves_the_tracer_its_sight(early: bool) -> None:
    pytest.importorskip("torchlens")
    code = TORCHLENS.format(early=early)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["[]"]), done.stderr


class Moved(nn.Module):
    def __init__(self, order: tuple[int, ...]) -> None:
        super().__init__()
        self.order = order

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.order)


@pytest.mark.parametrize("order", [(0, 2, 3, 1), (1, 0, 2, 3), (2, 1, 3, 0)])
def test_an_output_has_the_shape_of_one_image_wherever_the_images_stand(order: tuple[int, ...]) -> None:
    module = Moved(order)
    one = module(torch.zeros(1, 3, 5, 7)).shape
    expected = tuple(size for dim, size in zip(order, one, strict=True) if dim)
    assert rfcalc.trace(module, (3, 5, 7)).outputs[0].shape == expected
