"""What a module returns: its tensors, each by its place, and the layers that make them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

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


Outputs = list[tuple[str, int, tuple[int, ...]]]
"""Each tensor that a module returns and that depends on what it is given: place, node, shape without the batch."""


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
    for key, value in parts_of(output):
        yield from named_tensors(value, f"{place}.{key}".lstrip("."))


def parts_of(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list | tuple):
        return zip(getattr(value, "_fields", range(len(value))), value, strict=True)
    if is_distribution(value):  # what it is not given, it works out when asked
        return [(name, value.__dict__[name]) for name in value.arg_constraints if name in value.__dict__]
    if is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in fields(value)]
    return []


def finish(tracer: Tracer, output: Any, title: str) -> Outputs:
    """Makes the layer of the first tensor that is returned the last one; the outputs by name."""
    found, graph = list(named_tensors(output)), tracer.graph
    if not found:
        raise RfcalcError(f"forward of {title} returns no tensor but {type(output).__name__}")
    maps = [tracer.known.find(tensor) for _, tensor in found]
    m = maps[0]
    if m is None:
        raise RfcalcError(f"what forward of {title} returns first does not depend on the image")
    if graph.batch > 1 and any(len(run) > 1 and atoms_of([run], BATCH_AXIS) for run in m.dims):
        raise UserError(f"forward of {title} returns the images of a batch run together")
    m = conclude(graph, m)
    nodes = [m.node, *(other and other.node for other in maps[1:])]
    pairs = zip(found, nodes, strict=True)
    rank = graph.axes + 2
    shapes = [shape_of_one(tensor, m, graph.batch, rank) for (_, tensor), m in zip(found, maps, strict=True)]
    return [(place, node, shape) for ((place, _), node), shape in zip(pairs, shapes, strict=True) if node is not None]


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
