"""torch's own samples (OpInfo) of the operations that move, join or reduce places: a module of the one call, its
table's output shape against what the call returns, and every field against the call's own runs."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

import rfcalc
from rfcalc.errors import RfcalcError

from .outcome import REFUSED, RIGHT, UNKNOWN, WRONG, Outcome, told

SPATIAL = {
    **dict.fromkeys(("conv1d", "conv_transpose1d", "avg_pool1d", "max_pool1d"), 1),
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_max_pool1d"), 1),
    **dict.fromkeys(("conv2d", "conv_transpose2d", "avg_pool2d", "max_pool2d"), 2),
    **dict.fromkeys(("adaptive_avg_pool2d", "adaptive_max_pool2d", "pixel_shuffle", "pixel_unshuffle", "unfold"), 2),
    **dict.fromkeys(("conv3d", "conv_transpose3d", "avg_pool3d", "max_pool3d"), 3),
    **dict.fromkeys(("adaptive_avg_pool3d", "adaptive_max_pool3d"), 3),
}
"""torch.nn.functional's operations with a number of axes of their own."""
ANY = (
    *(f"nn.functional.{name}" for name in ("interpolate", "upsample_nearest", "upsample_bilinear", "pad")),
    *("nn.functional.channel_shuffle", "constant_pad_nd", "flip", "roll", "narrow", "slice", "select", "diff"),
    *("transpose", "permute", "movedim", "flatten", "unflatten", "unfold", "repeat", "tile", "expand", "chunk"),
    *("split", "unbind", "mean", "sum", "amax", "cumsum", "softmax", "squeeze", "unsqueeze", "rot90", "fliplr"),
)
"""Operations that work on any axes; the first dimension of a sample is taken as its batch."""
MOST_VALUES = 2**14
MOST_OF_POOLS = 48
"""Samples of one pool: torch has up to 576, every combination of its settings."""


class OneCall(nn.Module):
    """A function with the arguments of a sample, its tensors as parameters."""

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        super().__init__()
        self.function, self.args, self.kwargs = function, list(args), dict(kwargs)
        for key in range(len(self.args)):
            if isinstance(self.args[key], Tensor):
                self.args[key] = self.held(self.args[key], f"argument_{key}")
        for name in list(self.kwargs):
            if isinstance(self.kwargs[name], Tensor):
                self.kwargs[name] = self.held(self.kwargs[name], name)

    def held(self, tensor: Tensor, name: str) -> str:
        self.register_parameter(f"p_{name}", nn.Parameter(tensor.detach().clone(), tensor.is_floating_point()))
        return f"p_{name}"

    def given(self, value: Any) -> Any:
        return getattr(self, value) if isinstance(value, str) and value.startswith("p_") else value

    def forward(self, x: Tensor) -> Any:
        args = [self.given(value) for value in self.args]
        return self.function(x, *args, **{key: self.given(value) for key, value in self.kwargs.items()})


def outcomes() -> Iterator[Outcome]:
    from torch.testing._internal.common_methods_invocations import op_db

    wanted = {f"nn.functional.{name}": axes for name, axes in SPATIAL.items()} | dict.fromkeys(ANY)
    for operation in op_db:
        if operation.name in wanted:
            most = MOST_OF_POOLS if "pool" in operation.name else None
            yield from islice(of_operation(operation, wanted[operation.name]), most)


def of_operation(operation: Any, axes: int | None) -> Iterator[Outcome]:
    """Its samples that have a batch, channels and places."""
    seen = set()
    for sample in operation.sample_inputs("cpu", torch.float64):
        x = sample.input
        if not isinstance(x, Tensor) or not takes(x, axes) or 0 in x.shape or x.numel() > MOST_VALUES:
            continue
        name = f"{operation.name}({', '.join([shape_of(x), *map(shown, written(sample))])})"
        if name not in seen:
            seen.add(name)
            yield outcome(name, OneCall(operation.op, sample.args, sample.kwargs), x.detach())


def takes(x: Tensor, axes: int | None) -> bool:
    return x.dim() == axes + 2 if axes else 3 <= x.dim() <= 5


def written(sample: Any) -> list[Any]:
    return [*sample.args, *(f"{key}={shown(value)}" for key, value in sample.kwargs.items())]


def shown(value: Any) -> str:
    return shape_of(value) if isinstance(value, Tensor) else str(value)


def shape_of(x: Tensor) -> str:
    return "x".join(map(str, x.shape)) or "1"


def outcome(name: str, module: nn.Module, x: Tensor) -> Outcome:
    shape = tuple(x.shape[1:])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, that an operation is old
            arch = rfcalc.trace(module.double(), shape)
            report = rfcalc.check(module, shape)
    except RfcalcError as error:
        return Outcome(name, REFUSED, str(error))
    returned = of_one(module, x)
    if returned is None:
        return Outcome(name, UNKNOWN, f"it works on the images of a batch together: {arch.rows[-1].status}")
    for port, shape in zip(arch.outputs, returned, strict=True):
        if tuple(port.shape) != shape:
            return Outcome(name, WRONG, f"{tuple(port.shape)} is stated, {shape} returned")
    if not report.ok:
        return Outcome(name, WRONG, told(report))
    status = arch.rows[-1].status
    return Outcome(name, RIGHT if status in ("exact", "whole input") else UNKNOWN, status)


def of_one(module: nn.Module, x: Tensor) -> list[tuple[int, ...]] | None:
    """The shapes of what a call returns for one image, without the dimension that counts the images; None where it does
    not take the images one by one."""
    try:
        once, twice = tensors_of(module(x[:1])), tensors_of(module(torch.cat([x[:1], x[:1]])))
    except (RuntimeError, IndexError, ValueError):
        return None
    out = []
    for one, two in zip(once, twice, strict=False):
        grown = [i for i, (a, b) in enumerate(zip(one.shape, two.shape, strict=False)) if a != b]
        if len(once) != len(twice) or one.dim() != two.dim() or len(grown) != 1:
            return None
        if two.shape[grown[0]] != 2 * one.shape[grown[0]]:  # a part of the batch
            return None
        at = grown[0]
        out.append(tuple(n for i, n in enumerate(one.shape) if i != at or n > 1))  # n places, once for each image
    return out


def tensors_of(value: Any) -> list[Tensor]:
    return [y for y in (value if isinstance(value, tuple | list) else [value]) if isinstance(y, Tensor)]
