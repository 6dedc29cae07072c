"""A module made ready to be run: a copy or, where there can be none, the module itself, restored afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import RfcalcError
from ..tracing.run import left_as_found, quiet
from ..tracing.user_code import same_process

UNCOPIED = (RuntimeError, TypeError, NotImplementedError, AttributeError, ValueError, RecursionError)
"""What deepcopy raises on a module that holds what cannot be copied: tensors with a history, locks, files."""
LOW = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""The types of numbers that are brought to one type for a run."""

WeightChange = Callable[[str, nn.Module | None, Tensor], Tensor]
"""What a parameter or buffer of that name, in its module, becomes for the run."""


def refuse_without_values(module: nn.Module) -> None:
    """Raises RfcalcError for weights that have shapes only: nothing that was built to be looked at may be measured."""
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if isinstance(tensor, nn.UninitializedParameter | nn.UninitializedBuffer):
            raise RfcalcError(f"{name} is lazy and has no weights yet: run the module once on an image")
        if tensor.is_meta:
            raise RfcalcError(f"{name} has a shape but no values (torch's meta device)")


@contextmanager
def borrowed(module: nn.Module, change: WeightChange) -> Iterator[nn.Module]:
    """A copy of the module (or itself) in evaluation mode, its tensors changed; afterwards module and process are what
    they were: parameters, buffers, modes, hooks, and random states."""
    refuse_without_values(module)
    with ExitStack() as stack:
        stack.enter_context(same_process())
        try:
            with quiet():
                module = deepcopy(module)
        except UNCOPIED:
            stack.enter_context(kept(module))
        stack.enter_context(left_as_found(module))
        for part in module.modules():
            if part.training:
                part.training = False
        replace(module, change)
        yield module


@contextmanager
def kept(module: nn.Module) -> Iterator[None]:
    """The values, gradients and modes of a module that is used itself come back afterwards."""
    held = [(p, p.data, p.grad, p.requires_grad) for p in module.parameters()]
    modes = [(part, part.training) for part in module.modules()]
    buffers = [(b, b.detach().clone()) for b in module.buffers()]
    try:
        yield
    finally:
        for part, mode in modes:
            if part.training != mode:  # scripted parts keep it elsewhere
                part.training = mode
        for p, data, grad, wanted in held:
            p.data, p.grad = data, grad
            p.requires_grad_(wanted)
        with torch.no_grad():
            for buffer, values in buffers:
                buffer.copy_(values)


def replace(module: nn.Module, change: WeightChange) -> None:
    """Changes each parameter, buffer and tensor attribute once, however many modules share it."""
    made: dict[int, tuple[Tensor, Tensor]] = {}

    def new(name: str, part: nn.Module | None, tensor: Tensor) -> Tensor:
        if id(tensor) not in made:
            made[id(tensor)] = (tensor, change(name, part, tensor.detach()))
        return made[id(tensor)][1]

    with torch.no_grad():
        for path, part in module.named_modules():
            for name, parameter in part._parameters.items():
                if parameter is not None and id(parameter) not in made:
                    parameter.data = new(f"{path}.{name}", part, parameter)
            for name, buffer in part._buffers.items():
                if buffer is not None:
                    part._buffers[name] = new(f"{path}.{name}", part, buffer)
            for name, value in part.__dict__.items():
                if not name.startswith("_") and isinstance(value, Tensor | list | tuple | dict):
                    part.__dict__[name] = replaced(value, lambda t: new("", None, t))


def replaced(value: Any, new: Callable[[Tensor], Tensor]) -> Any:
    """A tensor, or a plain list, tuple or dict with its tensors replaced."""
    if isinstance(value, nn.Parameter):
        return value
    if isinstance(value, Tensor):
        return new(value)
    if type(value) in (list, tuple):
        return type(value)(replaced(item, new) for item in value)
    if type(value) is dict:
        return {key: replaced(item, new) for key, item in value.items()}
    return value


def in_type(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    """The tensor in the run's type of numbers; whole and packed numbers stay, complex ones keep their two parts."""
    if dtype is None or tensor.is_quantized or not (tensor.dtype in LOW or tensor.is_complex()):
        return tensor.clone()
    if tensor.is_complex():
        return tensor.to(torch.complex128 if dtype == torch.float64 else torch.complex64)
    return tensor.to(dtype, copy=True)


def drawn_weights(generator: torch.Generator, dtype: torch.dtype | None) -> WeightChange:
    """Positive weights: from 1/2 to 3/2 over the number of values that each output adds up, so that a layer keeps the
    size of what it reads; biases small; the running statistics of norms neutral."""

    def change(name: str, part: nn.Module | None, tensor: Tensor) -> Tensor:
        if not isinstance(part, nn.Module) or tensor.is_quantized or not (tensor.dtype in LOW or tensor.is_complex()):
            return in_type(tensor, dtype)
        last = name.rpartition(".")[2]
        if last in ("running_mean", "running_var"):
            return torch.full_like(in_type(tensor, dtype), float(last == "running_var"))
        if last in part._buffers:
            return in_type(tensor, dtype)
        values = torch.rand(tensor.shape, generator=generator, dtype=torch.float64) + 0.5
        values = values * (0.1 if last.startswith("bias") else 1 / fan_in(part, tensor))
        return in_type(values + 1j * values if tensor.is_complex() else values, dtype or tensor.dtype)

    return change


def fan_in(part: nn.Module, tensor: Tensor) -> float:
    """How many values an output of a layer with this weight adds up."""
    if tensor.dim() < 2:
        return 1.0
    transposed = getattr(part, "transposed", False) is True
    outputs = tensor.shape[1] * part.groups if transposed else tensor.shape[0]  # type: ignore[operator]
    return max(tensor.numel() / max(int(outputs), 1), 1.0)


def as_it_is(dtype: torch.dtype | None) -> WeightChange:
    """The module's own values, in the run's type of numbers."""
    return lambda name, part, tensor: in_type(tensor, dtype)
