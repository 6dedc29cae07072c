"""Programs that torch.export has written to a file (.pt2), as modules with the parts and names that they were exported
with.

torch.export.load reads a graph of torch's own operators, and tensors, without running code of the file's author; but
torch says of it what it says of every pickle: files from strangers are not to be trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from os import PathLike, fspath
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import RfcalcError, first_line
from .scripted import RENAMED, operator_of
from .user_code import from_signal


def read_program(path: str | PathLike[str]) -> tuple[nn.Module, tuple[int, ...] | None]:
    """The module in a .pt2 file with its weights, and the shape of its one input without the batch, where it is fixed.
    Raises RfcalcError."""
    where = fspath(path)
    try:
        program = torch.export.load(where)
        module = torch.export.unflatten(program)
    except OSError as error:
        raise RfcalcError(f"{where}: {error.strerror or error}") from error
    except Exception as error:  # whatever torch's reader stumbles over
        if from_signal(error):
            raise
        told = f"{type(error).__name__}: {first_line(error)}"
        raise RfcalcError(f"{where}: no exported program, or a damaged one ({told})") from error
    for part in module.modules():
        graph = getattr(part, "graph", None)
        if isinstance(graph, torch.fx.Graph):
            spell_out(graph)
    return module, fixed_shape(program)


def fixed_shape(program: Any) -> tuple[int, ...] | None:
    """The shape of the one input, without the batch; None where there are several, or its sizes are left open."""
    names = set(program.graph_signature.user_inputs)
    found = [n.meta["val"] for n in program.graph.nodes if n.op == "placeholder" and n.name in names]
    if len(found) != 1 or not isinstance(found[0], Tensor) or not all(isinstance(n, int) for n in found[0].shape[1:]):
        return None
    return tuple(int(n) for n in found[0].shape[1:])


def spell_out(graph: torch.fx.Graph) -> None:
    """Each operator of torch's core library by the function that people call."""
    for node in graph.nodes:
        if node.op == "call_function" and getattr(node.target, "namespace", "") == "aten":
            node.target = spelled(node.target)


def spelled(overload: Any) -> Callable[..., Any]:
    """The function that an operator stands for; the operator itself where there is none."""
    name = str(overload.overloadpacket.__name__)
    if name in RENAMED:
        return ordered(overload, RENAMED[name])
    found: Callable[..., Any] | None = operator_of(name)
    return overload if found is None else found


def ordered(overload: Any, call: Callable[..., Any]) -> Callable[..., Any]:
    """A function that takes all arguments of an operator in their order, those that are left out too."""
    arguments = overload._schema.arguments

    @wraps(call)
    def called(*args: Any, **kwargs: Any) -> Any:
        rest = [kwargs.get(a.name, a.default_value) for a in arguments[len(args) :]]
        return call(*args, *rest)

    return called
