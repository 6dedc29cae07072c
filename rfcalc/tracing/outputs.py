"""What a module returns: its tensors, each by its place, and the layers that make them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from math import prod
from typing import Any

from torch import Tensor

from ..engine.layers.sources import Weights
from ..errors import RfcalcError
from .dims import BATCH_AXIS, atoms_of, run_of
from .dispatch import Tracer
from .graph import Map
from .order import conclude
from .user_code import UserError


def is_distribution(value: Any) -> bool:
    """Whether a value is one of torch.distributions, which takes long to import and is asked of only where it is."""
    distributions: Any = sys.modules.get("torch.distributions")
    return distributions is not None and isinstance(value, distributions.Distribution)


Output = tuple[str, int, tuple[int, ...]]
"""A tensor that a module returns: place, node, shape without the batch."""
Outputs = list[Output]


def tensors_of(output: Any) -> Iterator[Tensor]:
    """The tensors in what a module returns, in their order."""
    for _, tensor in named_tensors(output):
        yield tensor


def named_tensors(output: Any, place: str = "") -> Iterator[tuple[str, Tensor]]:
    """The tensors in what a module returns, each with its place: lists, tuples, dicts, dataclasses and distributions
    are looked into."""
    if isinstance(output, Tensor):
        yield place or "output", output
        return
    for key, value in inner_values(output):
        yield from named_tensors(value, f"{place}.{key}".lstrip("."))


def inner_values(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return zip(getattr(value, "_fields", range(len(value))), value, strict=True)
    if is_distribution(value):  # what it is not given, it works out when asked
        return [(name, value.__dict__[name]) for name in value.arg_constraints if name in value.__dict__]
    if is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in fields(value)]
    return []


def conclude_outputs(tracer: Tracer, output: Any, title: str) -> Outputs:
    """Makes the layer of the first tensor that depends on the image the last one; the outputs by name."""
    found, graph = list(named_tensors(output)), tracer.graph
    if not found:
        raise RfcalcError(f"forward of {title} returns no tensor but {type(output).__name__}")
    maps = [tracer.known.find(tensor) for _, tensor in found]
    first = next((i for i, m in enumerate(maps) if m is not None), None)
    if first is None:
        raise RfcalcError(f"what forward of {title} returns first does not depend on the image")
    m = maps[first]
    assert m is not None
    if graph.batch > 1 and any(len(run) > 1 and atoms_of([run], BATCH_AXIS) for run in m.dims):
        raise UserError(f"forward of {title} returns the images of a batch run together")
    held: dict[int, Output] = {}
    for (place, tensor), other in zip(found, maps, strict=True):
        if other is None and tensor.numel() and id(tensor) not in held:
            held[id(tensor)] = of_weights(tracer, place, tensor)
    m = conclude(graph, m)
    rank, outputs = graph.axes + 2, []
    for i, ((place, tensor), other) in enumerate(zip(found, maps, strict=True)):
        if other is not None:
            node = m.node if i == first else other.node
            outputs.append((place, node, shape_of_one(tensor, m if i == first else other, graph.batch, rank)))
        elif id(tensor) in held:
            outputs.append((place, *held[id(tensor)][1:]))
    return outputs


def of_weights(tracer: Tracer, place: str, tensor: Tensor) -> Output:
    """The output that a tensor is which holds nothing of the image; its parameters count here where no layer before has
    counted them."""
    graph, charges, shape = tracer.graph, tracer.charges, tuple(tensor.shape)
    name, _ = charges.parameters.get(id(tensor), (place, None))
    if shape[:1] == (graph.batch,) and not charges.behind_of(tensor) and not tracer.known.owns(tensor):
        shape = shape[1:]  # made anew for each image
    sizes = shape[max(1, len(shape) - graph.axes) :]
    channels = prod(shape) // prod(sizes)
    return place, graph.source(name, Weights, channels, sizes, (), charges.charge([tensor])).node, shape


def shape_of_one(tensor: Tensor, m: Map | None, batch: int, rank: int) -> tuple[int, ...]:
    """What a tensor holds of one image: its shape without the dimension in which the images stand, the first one unless
    the program has moved them. `rank` is how many dimensions the images have that went in."""
    shape = tuple(tensor.shape)
    if batch == 1 and shape[:1] != (1,):  # one image, that the program has moved or taken out of its batch
        if tensor.dim() < rank:
            return shape
        at = shape.index(1) if 1 in shape else 0
    else:
        moved = [i for i, run in enumerate(m.dims) if run == run_of(BATCH_AXIS, batch)] if m and batch > 1 else []
        at = moved[0] if moved else 0
    return tuple(size for i, size in enumerate(shape) if i != at)
