"""What a module is given: the inputs that a user names or shows by example, each a tensor without values, in the
nesting in which forward takes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..engine.ports import Focus, TypedInput
from ..errors import RfcalcError, listed, unknown_name
from .dims import BATCH_AXIS, CHANNEL, Dims, run_of
from .shapes import instances_in, tensors_in

TAKEN_KINDS = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


class Sample(NamedTuple):
    """One input: its name, its shape without the batch (none: one number for each image), its type."""

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32

    @property
    def tokens(self) -> bool:
        """Whether it is a row of numbers that stand for something (letters, words): one place each, no channels."""
        return len(self.shape) == 1 and not (self.dtype.is_floating_point or self.dtype.is_complex)

    @property
    def channels(self) -> int:
        return self.shape[0] if self.shape and not self.tokens else 1

    @property
    def sizes(self) -> tuple[int, ...]:
        return self.shape if self.tokens else self.shape[1:]

    def tensor(self, batch: int) -> Tensor:
        return torch.empty((batch, *self.shape), dtype=self.dtype, device="meta")

    def dims(self, batch: int) -> Dims:
        """Where the values of the map stand in the tensor."""
        channels = (run_of(CHANNEL, self.channels),) if self.shape and not self.tokens else ()
        return (run_of(BATCH_AXIS, batch), *channels, *(run_of(i, size) for i, size in enumerate(self.sizes)))


@dataclass(frozen=True)
class Inputs:
    """The arguments of a module's forward, with a sample wherever a tensor stands."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    of: str = ""
    """The name of the input whose fields are wanted; empty for the usual one."""

    @property
    def samples(self) -> tuple[Sample, ...]:
        return tuple(instances_in(Sample, self.args, dict(self.kwargs)))

    @property
    def axes(self) -> int:
        """How many axes the map of the image has; a vector stands at one place of one axis."""
        return max([1, *(len(sample.sizes) for sample in self.samples)])

    @property
    def first(self) -> int:
        """The input whose field the table states: the one that is asked for; else the first with as many axes as any
        has, of numbers that are values where there is one."""
        if self.of:
            return next(i for i, sample in enumerate(self.samples) if sample.name == self.of)
        most = max(len(sample.sizes) for sample in self.samples)
        images = [i for i, s in enumerate(self.samples) if len(s.sizes) == most and s.shape]
        return next((i for i in images if not self.samples[i].tokens), images[0])

    def filled(self, tensors: list[Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments with a tensor for each sample, in order."""
        found = iter(tensors)
        args = with_samples(self.args, lambda sample: next(found))
        return args, with_samples(dict(self.kwargs), lambda sample: next(found))


def with_samples(value: Any, call: Callable[[Any], Any]) -> Any:
    """The same nesting, each sample replaced."""
    if isinstance(value, Sample):
        return call(value)
    if isinstance(value, list | tuple):
        parts = [with_samples(part, call) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return {key: with_samples(part, call) for key, part in value.items()} if isinstance(value, dict) else value


# --- from what the user gives ------------------------------------------------------------------------------------


def is_shape(value: Any) -> bool:
    """Whether a value is a shape: whole numbers, at least one."""
    whole = isinstance(value, list | tuple | torch.Size) and len(value) > 0
    return whole and all(isinstance(n, int) and not isinstance(n, bool) for n in value)


def samples_of(value: Any, name: str, batches: frozenset[int] = frozenset()) -> Any:
    """An example as samples: tensors (with their batch) and shapes (without) in any nesting; other values stay, as does
    a tensor without dimensions. `batches` holds how many images the example's tensors have: a tensor of that length
    holds one number for each image."""
    if isinstance(value, Sample):
        return value._replace(name=value.name or name)
    if isinstance(value, TypedInput):
        return Sample(value.name or name, checked(value.shape), type_of(value.dtype))
    if isinstance(value, Tensor):
        return sample_of(value, name, batches)
    if is_shape(value):
        return Sample(name, checked(tuple(value)))
    if isinstance(value, dict):
        return {key: samples_of(part, f"{name}.{key}".lstrip("."), batches) for key, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [samples_of(part, f"{name}.{i}".lstrip("."), batches) for i, part in enumerate(value)]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def sample_of(tensor: Tensor, name: str, batches: frozenset[int]) -> Sample | Tensor:
    """The sample that a tensor of an example stands for; raises RfcalcError for one that is no batch."""
    if tensor.dim() == 1 and len(tensor) != 1 and {len(tensor)} != batches:
        hint = f"one vector is (1, {len(tensor)})"
        if batches:
            hint = f"one number for each of {listed(sorted(map(str, batches)))} images is ({max(batches)},), and {hint}"
        raise RfcalcError(f"{name}: a tensor of shape {tuple(tensor.shape)} is no batch: {hint}")
    return Sample(name, tuple(tensor.shape[1:]), tensor.dtype) if tensor.dim() else tensor


def type_of(name: str) -> torch.dtype:
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise RfcalcError(f"--input: torch has no type {name}; int64, uint8 and float32 are some")
    return found


def checked(shape: tuple[int, ...]) -> tuple[int, ...]:
    if len(shape) > 4 or min(shape, default=1) < 1:
        raise RfcalcError(f"input {list(shape)}: must be channels and 1 to 3 sizes, such as (3, 224, 224)")
    return shape


def inputs_of(module: nn.Module, given: Any) -> Inputs:
    """The arguments that a user's example stands for: a shape or a tensor is the one argument; a tuple of such has one
    for each argument, a dict one by name; where forward takes one argument, list, tuple and dict may be that one. A
    `Focus` around them names the input whose fields are wanted. Raises RfcalcError where they do not fit forward."""
    title = type(module).__name__
    if isinstance(given, Focus):
        return focused_on(inputs_of(module, given.given), given.of, title)
    if isinstance(given, list | tuple) and given and not is_shape(given) and isinstance(given[0], int | float):
        raise RfcalcError(f"input {list(given)}: must be channels and 1 to 3 sizes, such as (3, 224, 224)")
    names, needed, open_ended = parameters_of(module)
    first = names[0] if names else "input"
    if isinstance(given, dict):
        by_name = set(given) <= set(names) or (open_ended and len(names) != 1)
        args, kwargs = ((), given) if by_name else ((given,), {})
    elif isinstance(given, Tensor | Sample | TypedInput) or is_shape(given):
        args, kwargs = (given,), {}
    else:
        one = len(given) > 1 and not open_ended and len(names) == 1
        args, kwargs = ((given,) if one else tuple(given)), {}
    if len(args) > len(names) and not open_ended:
        raise RfcalcError(f"forward of {title} takes {len(names)} inputs ({', '.join(names)}), not {len(args)}")
    missing = [name for name in needed[len(args) :] if name not in kwargs]
    if missing:
        raise RfcalcError(
            f"forward of {title} takes {len(needed)} inputs ({', '.join(needed)}): {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing; give each its own --input"
        )
    batches = frozenset(len(tensor) for tensor in tensors_in(args, kwargs) if tensor.dim() > 1)
    labels = [*names, *(f"input{i}" for i in range(len(names), len(args)))] or [first]
    found = Inputs(
        tuple(samples_of(arg, label, batches) for arg, label in zip(args, labels, strict=False)),
        {key: samples_of(value, key, batches) for key, value in kwargs.items()},
    )
    if not any(sample.shape for sample in found.samples):
        alone = listed([sample.name for sample in found.samples]) if found.samples else ""
        given = f"{alone} alone, one number for each image" if alone else "no tensor"
        raise RfcalcError(f"{title} is given {given}: give it an image, such as 3,224,224, or a vector, such as 16")
    return found


def focused_on(inputs: Inputs, of: str, title: str) -> Inputs:
    """The same inputs, the fields counted on the one of that name; raises RfcalcError for one that has no places."""
    names = [sample.name for sample in inputs.samples]
    if of not in names:
        raise RfcalcError(unknown_name(of, names, f"{title} has no input"))
    if not inputs.samples[names.index(of)].sizes:
        raise RfcalcError(f"{of} of {title} has no places: there are no fields on it")
    return replace(inputs, of=of)


def parameters_of(module: nn.Module) -> tuple[list[str], list[str], bool]:
    """The names that forward's arguments have, those that it cannot do without, and whether it takes any number."""
    try:
        parameters = list(inspect.signature(module.forward).parameters.values())
    except (TypeError, ValueError):
        return [], [], True
    names = [p.name for p in parameters if p.kind in TAKEN_KINDS]
    needed = [p.name for p in parameters if p.kind in TAKEN_KINDS and p.default is p.empty]
    return names, needed, len(names) < len(parameters)
