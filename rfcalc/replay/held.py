"""Norms whose statistics are kept still: each value is then changed by itself, as the table counts norms.

A norm over places reads all of them, but for two numbers only. The table calls it pointwise. A run that is to show
which places matter must hold those numbers constant: those of the run on the unchanged image are used again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

EPS = 1e-5
"""torch's default in each of these functions."""


class NormCall(NamedTuple):
    """How one call of a norm works: its input, the view whose last dimension shares a mean and a variance (a function
    of the input, and the dimensions), and what it does with the normed values."""

    x: Tensor
    shape: tuple[int, ...]
    dims: tuple[int, ...]
    weight: Tensor | None
    bias: Tensor | None
    eps: float
    centred: bool = True


def per_channel(values: Tensor | None, x: Tensor) -> Tensor | None:
    return None if values is None else values.reshape(1, -1, *(1 for _ in x.shape[2:]))


def over_channels(g: dict[str, Any], x: Tensor, shape: Sequence[int], dims: Sequence[int]) -> NormCall:
    """A norm whose weights belong to the channels, over these dimensions of that view."""
    weight, bias = (per_channel(g.get(name), x) for name in ("weight", "bias"))
    return NormCall(x, tuple(shape), tuple(dims), weight, bias, g.get("eps", EPS))


def group_norm_call(g: dict[str, Any], x: Tensor) -> NormCall:
    groups = (x.shape[0], g["num_groups"], x.shape[1] // g["num_groups"], *x.shape[2:])
    return over_channels(g, x, groups, range(2, len(groups)))


def instance_norm_call(g: dict[str, Any], x: Tensor) -> NormCall | None:
    return over_channels(g, x, x.shape, range(2, x.dim())) if g.get("use_input_stats", True) else None


def batch_norm_call(g: dict[str, Any], x: Tensor) -> NormCall | None:
    still = not g.get("training", False) and g.get("running_mean") is not None
    return None if still else over_channels(g, x, x.shape, (0, *range(2, x.dim())))


def layer_norm_call(g: dict[str, Any], x: Tensor) -> NormCall:
    dims = tuple(range(x.dim() - len(g["normalized_shape"]), x.dim()))
    return NormCall(x, tuple(x.shape), dims, g.get("weight"), g.get("bias"), g.get("eps", EPS))


def rms_norm_call(g: dict[str, Any], x: Tensor) -> NormCall:
    return layer_norm_call(g, x)._replace(eps=g.get("eps") or torch.finfo(x.dtype).eps, centred=False)


NORM_CALLS: dict[Any, tuple[Callable[[dict[str, Any], Tensor], NormCall | None], str]] = {
    functional.group_norm: (group_norm_call, "input num_groups weight bias eps"),
    torch.group_norm: (group_norm_call, "input num_groups weight bias eps"),
    functional.instance_norm: (
        instance_norm_call, "input running_mean running_var weight bias use_input_stats momentum eps"
    ),
    torch.instance_norm: (
        instance_norm_call, "input weight bias running_mean running_var use_input_stats momentum eps"
    ),
    functional.batch_norm: (batch_norm_call, "input running_mean running_var weight bias training momentum eps"),
    torch.batch_norm: (batch_norm_call, "input weight bias running_mean running_var training momentum eps"),
    functional.layer_norm: (layer_norm_call, "input normalized_shape weight bias eps"),
    torch.layer_norm: (layer_norm_call, "input normalized_shape weight bias eps"),
    torch.rms_norm: (rms_norm_call, "input normalized_shape weight eps"),
    functional.rms_norm: (rms_norm_call, "input normalized_shape weight eps"),
}  # fmt: skip
"""How each function that norms is called, and the names of its arguments in their order."""


class Statistics(NamedTuple):
    mean: Tensor
    scale: Tensor


def norm_call_of(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NormCall | None:
    """What a call norms; None for one that takes no statistics of its input."""
    if func not in NORM_CALLS:
        return None
    call, names = NORM_CALLS[func]
    given = dict(zip(names.split(), args, strict=False)) | kwargs
    return call(given, given["input"])


def statistics(norm: NormCall) -> Statistics:
    x = norm.x.reshape(norm.shape)
    mean = x.mean(norm.dims, keepdim=True) if norm.centred else torch.zeros((), dtype=x.dtype)
    variance = (x - mean).square().sum(norm.dims, keepdim=True) / prod(x.shape[d] for d in norm.dims)
    return Statistics(mean, (variance + norm.eps).rsqrt())


def normed_with(norm: NormCall, held: Statistics) -> Tensor:
    """The norm with statistics that are given."""
    out = ((norm.x.reshape(norm.shape) - held.mean) * held.scale).reshape(norm.x.shape)
    out = out if norm.weight is None else out * norm.weight
    return out if norm.bias is None else out + norm.bias
