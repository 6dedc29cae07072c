"""Quantised functions (torch.ops.quantized) as the plain functions that they stand for, on weights taken out of their
packing, which count as parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ...errors import RfcalcError
from ..state import TraceState

Unpack = Callable[[Any], tuple[Tensor, Tensor | None]]
"""Weights and biases of what packs them, the same tensors each time."""


def is_quantised(func: Any) -> bool:
    return str(getattr(func, "__module__", "")).startswith("torch._ops.quantized")


def unpacked_weights(state: TraceState, packed: Any) -> tuple[Tensor, Tensor | None]:
    """Weights and biases of a quantised layer, as parameters without values."""

    def unpack() -> dict[str, Tensor]:
        given = dict(zip(("weight", "bias"), packed.unpack(), strict=True))
        made = {key: torch.empty(t.shape, device="meta") for key, t in given.items() if t is not None}
        return {key: state.known.keep(tensor) for key, tensor in made.items()}

    found = state.charges.unpacked(packed, state.graph.frame.path, unpack)
    return found["weight"], found.get("bias")


def plain_call(func: Any, args: tuple[Any, ...], unpack: Unpack) -> Any:
    """What a quantised function makes, by the plain one; raises RfcalcError for one that has none here."""
    name = str(func.__name__).partition(".")[0]
    base = name.removesuffix("_dynamic_fp16").removesuffix("_dynamic")
    fused = base.endswith("_relu")
    base = base.removesuffix("_relu") if fused else base
    out = CALLS[base](unpack, base, args) if base in CALLS else by_name(base, args)
    return torch.relu(out) if fused else out


def by_name(name: str, args: tuple[Any, ...]) -> Any:
    """A function of one tensor that torch has under the same name; scale and zero point are passed over."""
    call = getattr(functional, name, None) or getattr(torch, name, None)
    if call is None or not args or not isinstance(args[0], Tensor):
        raise RfcalcError(f"quantized::{name} is not known: trace the module before it is converted")
    return call(args[0])


def plain_convolution(unpack: Unpack, name: str, args: tuple[Any, ...]) -> Tensor:
    packed = args[1]
    weight, bias = unpack(packed)
    settings = packed.stride(), packed.padding(), packed.dilation(), packed.groups()
    call: Callable[..., Tensor] = getattr(functional, name)
    return call(args[0], weight, bias, *settings)


CALLS: dict[str, Callable[[Unpack, str, tuple[Any, ...]], Any]] = {
    "conv1d": plain_convolution,
    "conv2d": plain_convolution,
    "conv3d": plain_convolution,
    "linear": lambda unpack, name, args: functional.linear(args[0], *unpack(args[1])),
    "add": lambda unpack, name, args: args[0] + args[1],
    "add_scalar": lambda unpack, name, args: args[0] + args[1],
    "mul": lambda unpack, name, args: args[0] * args[1],
    "mul_scalar": lambda unpack, name, args: args[0] * args[1],
    "matmul": lambda unpack, name, args: args[0] @ args[1],
    "cat": lambda unpack, name, args: torch.cat(list(args[0]), args[1]),
    "batch_norm2d": lambda unpack, name, args: functional.batch_norm(args[0], args[3], args[4], args[1], args[2]),
    "batch_norm3d": lambda unpack, name, args: functional.batch_norm(args[0], args[3], args[4], args[1], args[2]),
}
"""Quantised functions whose arguments are not those of the plain one."""
