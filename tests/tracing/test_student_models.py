"""What students and researchers write, traced: rows and statuses, parameters counted once, and every field held against
the gradients of a real run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import rfcalc
from rfcalc.engine.arch import Arch, Row
from rfcalc.engine.geometry import FeatureMap
from rfcalc.spec.writer import dump
from rfcalc.tracing.dispatch import Tracer
from rfcalc.tracing.inputs import inputs_of
from rfcalc.tracing.outputs import conclude_outputs, tensors_of
from rfcalc.tracing.run import run
from rfcalc.tracing.trace import trace
from tests.student_models import CASES, Case


@cache
def traced(name: str) -> Arch:
    torch.manual_seed(0)
    return trace(CASES[name].make(), CASES[name].shape, name)


@pytest.mark.parametrize("name", CASES)
def test_rows_and_status(name: str) -> None:
    arch, case = traced(name), CASES[name]
    assert [row.layer.op for row in arch.rows] == case.ops.split()
    assert arch.rows[-1].status == case.status


@pytest.mark.parametrize("name", CASES)
def test_every_parameter_counts_once(name: str) -> None:
    have = sum(p.numel() for p in CASES[name].make().parameters())
    assert traced(name).params == have
    assert not traced(name).unused


def test_a_layer_that_is_used_again_holds_nothing_more() -> None:
    assert [row.params for row in traced("module twice").rows] == [84, 0, 0]
    assert [row.name for row in traced("module twice").rows] == ["m0", "relu", "m0_2"]
    assert [row.params for row in traced("tied weights").rows] == [84, 3]  # the second holds its bias alone
    assert [row.params for row in traced("fixed blur").rows] == [0, 0]  # a buffer is no parameter
    assert [row.params for row in traced("weight norm").rows] == [84 + 4 + 28, 4 * 4 * 9 + 4]


@pytest.mark.parametrize("name", CASES)
def test_shapes_equal_what_torch_works_out_itself(name: str) -> None:
    module, shape = CASES[name].make(), CASES[name].shape
    batch = 1 if name in ("batch of one", "image by image") else 2
    tracer = Tracer(module, inputs_of(module, shape), batch, verify=True)
    conclude_outputs(tracer, run(tracer, module), name)
    assert [draft.layer.op for draft in tracer.graph.drafts] == CASES[name].ops.split()


@pytest.mark.parametrize("name", CASES)
def test_specs_of_them_load_back(name: str) -> None:
    arch = traced(name)
    again = rfcalc.loads(dump(arch))
    assert [facts(row) for row in again.rows] == [facts(row) for row in arch.rows]


def facts(row: Row) -> tuple[object, ...]:
    return row.name, row.layer, row.node.inputs, row.inputs, row.out, row.params, row.macs, row.status


# --- gradients ---------------------------------------------------------------------------------------------------

UNGRADED = {
    "hard-coded device",  # needs the device
    "embedding",  # has no gradient
    "partial convolution",  # torch refuses gradients through what is written over
}


SEEDS, MOST_UNITS = 8, 9


def reached(module: nn.Module, case: Case, out: FeatureMap, units: list[tuple[int, ...]]) -> Tensor:
    """How strongly the given units depend on each pixel: (units, sizes…), over random positive weights and images, so
    that no ReLU blocks and every place of a max pool wins at times."""
    module = module.double().eval()
    total = torch.zeros(len(units), *case.shape[1:])
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        for p in module.parameters():
            p.data = torch.rand(p.shape, dtype=torch.float64) / 2 + 0.1
        x = torch.rand(2, *case.shape, dtype=torch.float64, requires_grad=True) + 0.0
        y = next(tensors_of(module(x))).reshape(-1, out.channels, *out.sizes)[0]
        weights = torch.rand(out.channels, dtype=torch.float64)  # not all one: a softmax sums to a constant
        for k, unit in enumerate(units):
            here: Any = (slice(None), *unit)
            value = (y[here] * weights).sum()
            grad = (
                torch.autograd.grad(value, x, retain_graph=True, allow_unused=True)[0] if value.requires_grad else None
            )
            total[k] += torch.zeros(case.shape[1:]) if grad is None else grad.abs().sum((0, 1))
    return total


def lines(name: str) -> Iterator[tuple[int, tuple[int, ...], Tensor]]:
    """For some units of the last map, corners among them, and each axis: which pixels they depend on along it."""
    case, out = CASES[name], traced(name).rows[-1].out
    module = case.make()
    if name in ("batch of one", "image by image"):
        module = nn.Sequential(First(), module)
    units: list[tuple[int, ...]] = list(itertools.product(*(sorted({0, n // 3, n // 2, n - 1}) for n in out.sizes)))
    units = units[:: -(-len(units) // MOST_UNITS)] + units[-1:]
    axes = len(case.shape) - 1
    for unit, pixels in zip(units, reached(module, case, out, units), strict=True):
        for axis in range(axes):
            others = [d for d in range(axes) if d != axis]
            yield axis, unit, (pixels.sum(others) if others else pixels) > 1e-14


class First(nn.Module):
    """The first image of the batch, as a batch of one."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:1]


@pytest.mark.parametrize("name", [name for name in CASES if name not in UNGRADED])
def test_fields_are_those_of_the_gradients(name: str) -> None:
    """An exact field ends where the gradients end, for every unit; a bound is never too small; unknown says nothing."""
    torch.set_default_dtype(torch.float64)  # some of the programs make constants of the default type
    try:
        found = list(lines(name))
    finally:
        torch.set_default_dtype(torch.float32)
    arch = traced(name)
    row = arch.rows[-1]
    exact = row.status in ("exact", "whole input")
    assert found
    for axis, unit, pixels in found:
        field = row.out.axes[axis].at(unit[axis])
        if field is None:
            assert row.status.startswith("unknown")
            continue
        seen = pixels.nonzero().flatten().tolist()
        if not seen and name == "written into zeros":
            continue  # a unit of the border, which holds a zero
        low, high = max(field.first, 0), min(field.last, arch.sizes[axis] - 1)
        assert low <= seen[0], (axis, unit)
        assert seen[-1] <= high, (axis, unit)
        if exact:
            assert (seen[0], seen[-1]) == (low, high), (axis, unit)
