"""Norms whose statistics are kept still: each value is then changed by itself, as the table counts norms.

A norm over places reads all of them, but for two numbers only. The table calls it pointwise. A run that is to show
which places matter must hold those numbers constant: those of the run on the unchanged image are used again.
"""

from __future__ import annotations

from collections.abc import Callable
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


def named(args: tuple[Any, ...], kwargs: dict[str, Any], names: str) -> dict[str, Any]:
    return dict(zip(names.split(), args, strict=False)) | kwargs


def per_channel(values: Tensor | None, x: Tensor) -> Tensor | None:
    return None if values is None else values.reshape(1, -1, *(1 for _ in x.shape[2:]))


def group_norm(args: tuple[Any, ...], kwargs: dict[str, Any], names: str) -> NormCall | None:
    g = named(args, kwargs, names)
    x = g["input"]
    groups = (x.shape[0], g["num_groups"], x.shape[1] // g["num_groups"], *x.shape[2:])
    eps = g.get("eps", EPS)
    return NormCall(x, groups, tuple(range(2, len(groups))), *affine(g, x), eps)


def affine(g: dict[str, Any], x: Tensor) -> tuple[Tensor | None, Tensor | None]:
    return per_channel(g.get("weight"), x), per_channel(g.get("bias"), x)


def instance_norm(args: tuple[Any, ...], kwargs: dict[str, Any], names: str) -> NormCall | None:
    g = named(args, kwargs, names)
    x = g["input"]
    if not g.get("use_input_stats", True):
        return None
    return NormCall(x, tuple(x.shape), tuple(range(2, x.dim())), *affine(g, x), g.get("eps", EPS))


def batch_norm(args: tuple[Any, ...], kwargs: dict[str, Any], names: str) -> NormCall | None:
    g = named(args, kwargs, names)
    x = g["input"]
    if not g.get("training", False) and g.get("running_mean") is not None:
        return None
    return NormCall(x, tuple(x.shape), (0, *range(2, x.dim())), *affine(g, x), g.get("eps", EPS))


def last_dims(args: tuple[Any, ...], kwargs: dict[str, Any], names: str) -> NormCall | None:
    g = named(args, kwargs, names)
    x, n = g["input"], len(g["normalized_shape"])
    centred = "bias" in names.split()
    eps = g.get("eps", EPS) if centred else g.get("eps") or torch.finfo(x.dtype).eps
    return NormCall(x, tuple(x.shape), tuple(range(x.dim() - n, x.dim())), g.get("weight"), g.get("bias"), eps, centred)


NORM_CALLS: dict[Any, tuple[Callable[..., NormCall | None], str]] = {
    functional.group_norm: (group_norm, "input num_groups weight bias eps"),
    torch.group_norm: (group_norm, "input num_groups weight bias eps"),
    functional.instance_norm: (
        instance_norm,
        "input running_mean running_var weight bias use_input_stats momentum eps",
    ),
    torch.instance_norm: (instance_norm, "input weight bias running_mean running_var use_input_stats momentum eps"),
    functional.batch_norm: (batch_norm, "input running_mean running_var weight bias training momentum eps"),
    torch.batch_norm: (batch_norm, "input weight bias running_mean running_var training momentum eps"),
    functional.layer_norm: (last_dims, "input normalized_shape weight bias eps"),
    torch.layer_norm: (last_dims, "input normalized_shape weight bias eps"),
    torch.rms_norm: (last_dims, "input normalized_shape weight eps"),
    functional.rms_norm: (last_dims, "input normalized_shape weight eps"),
}
"""How each function that norms is called."""


class Statistics(NamedTuple):
    mean: Tensor
    scale: Tensor


def norm_of(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NormCall | None:
    """What a call norms; None for one that takes no statistics of its input."""
    entry = NORM_CALLS.get(func)
    return entry[0](args, kwargs, entry[1]) if entry else None


def statistics(norm: NormCall) -> Statistics:
    x = norm.x.reshape(norm.shape)
    mean = x.mean(norm.dims, keepdim=True) if norm.centred else torch.zeros((), dtype=x.dtype)
    variance = (x - mean).square().sum(norm.dims, keepdim=True) / prod(x.shape[d] for d in norm.dims)
    return Statistics(mean, (variance + norm.eps).rsqrt())


def normed(norm: NormCall, held: Statistics) -> Tensor:
    """The norm with statistics that are given."""
    out = ((norm.x.reshape(norm.shape) - held.mean) * held.scale).reshape(norm.x.shape)
    out = out if norm.weight is None else out * norm.weight
    return out if norm.bias is None else out + norm.bias
