"""Any torch module as an `Arch`: its forward runs once on shapes alone, and leaves the layers that it is made of.

No value of a picture or a large weight is computed or moved, and module and process are left as they were found.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from operator import is_not
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as module_hooks

from .arch import Arch
from .errors import RfcalcError
from .findings import listed
from .torch_graph import TakenApart, Unfit
from .torch_layout import BATCH, atoms_of
from .torch_tracer import Tracer
from .torch_user import UserError, load_module, place_of, same_process, told, users_code

BATCHES = (2, 1)
"""Images in the batch that a module is run on: two, as a program written for batches wants, or one."""


def trace(module: nn.Module, input: tuple[int, ...], name: str = "", source: str = "") -> Arch:
    """The layers of a torch module for an image of the given shape: channels, then 1 to 3 sizes.

    Its forward runs in evaluation mode, on shapes alone. The last layer is the one that makes the first tensor of what
    it returns. Parameters count at the first layer that uses them; `unused` holds those that none uses. What cannot be
    told of an operation stands in the status of its row and of those behind it. Raises RfcalcError where the program
    goes wrong, or asks for values.

    >>> arch = trace(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2)), (3, 32, 32))
    >>> [(row.name, str(row.out), row.out.axes[0].receptive_field) for row in arch.rows]
    [('0', '8x30x30', 3), ('1', '8x30x30', 3), ('2', '8x15x15', 4)]
    """
    module = unwrapped(module)
    check(module, input)
    first: UserError | None = None
    for batch in BATCHES:
        tracer = Tracer(module, tuple(input), batch)
        try:
            finish(tracer, run(tracer, module), type(module).__name__)
            return arch_of(tracer, name or type(module).__name__, source)
        except UserError as error:
            first = first or error
    raise first or RfcalcError(f"{type(module).__name__} was not run")


def load_target(target: str, input: tuple[int, ...] | None) -> Arch:
    """The network of a torch model named as `path/to/file.py:Name` or `package.module:Name`; raises RfcalcError."""
    if input is None:
        raise RfcalcError(f"{target} is a torch model: say what it is given with --input, such as --input 3,224,224")
    module, name = load_module(target)
    with users_code(f"while {target} was traced"):
        return trace(module, input, name, f"traced from {target}")


def unwrapped(module: nn.Module) -> nn.Module:
    """The module itself, out of what torch.compile and DataParallel put around it."""
    inner = getattr(module, "_orig_mod", None)
    if inner is None and isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        inner = module.module
    return unwrapped(inner) if isinstance(inner, nn.Module) else module


def check(module: nn.Module, shape: tuple[int, ...]) -> None:
    """Raises RfcalcError for what cannot be traced."""
    if not isinstance(module, nn.Module):
        raise RfcalcError(f"trace takes a torch module, not {type(module).__name__}")
    title = type(module).__name__
    if not 2 <= len(shape) <= 4 or any(not isinstance(n, int) or isinstance(n, bool) or n < 1 for n in shape):
        raise RfcalcError(f"input {list(shape)}: must be channels and 1 to 3 sizes, such as (3, 224, 224)")
    for path, part in module.named_modules():
        where = f"{title}.{path}".rstrip(".")
        if isinstance(part, torch.jit.ScriptModule):
            raise RfcalcError(f"{where} is a ScriptModule, which hides its steps: trace the module it was made from")
        if "_orig_mod" in part._modules:
            raise RfcalcError(f"{where} is compiled, which hides its steps: trace the module before torch.compile")
        if any(isinstance(p, nn.UninitializedParameter) for p in part.parameters(recurse=False)):
            raise RfcalcError(f"{where} is lazy and has no weights yet: run the module once on an image, then trace it")
    needed = [
        p.name
        for p in inspect.signature(module.forward).parameters.values()
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    if len(needed) > 1:
        raise RfcalcError(
            f"forward of {title} takes {len(needed)} inputs ({', '.join(needed)}); a model of one is traced"
        )


# --- running it --------------------------------------------------------------------------------------------------


def run(tracer: Tracer, module: nn.Module) -> Any:
    """What the module returns for an image without values."""
    title = type(module).__name__
    try:
        with same_process(), left_as_found(module), watched(tracer), quiet(), torch.no_grad(), tracer:
            return module(tracer.image)
    except UserError:
        raise
    except RfcalcError as error:
        raise RfcalcError(f"{place_of(error)}{error} ({in_module(tracer, title, error)})") from error
    except TakenApart:
        raise UserError(f"forward of {title} takes the images of a batch apart") from None
    except (Exception, SystemExit) as error:
        shape = "x".join(map(str, tracer.image.shape))
        raise told(error, f"{in_module(tracer, title, error)}, for images of {shape}") from error


def in_module(tracer: Tracer, title: str, error: BaseException) -> str:
    """Where in the module its forward stood."""
    path = tracer.failed if tracer.error is error else tracer.graph.frame.path
    return f"in {path} of {title}" if path else f"in forward of {title}"


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings: they are about a run on values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def watched(tracer: Tracer) -> Iterator[None]:
    """Every module that runs meanwhile tells the tracer, and none is changed."""
    hooks = [
        module_hooks.register_module_forward_pre_hook(tracer.enter),
        module_hooks.register_module_forward_hook(tracer.leave, always_call=True),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def left_as_found(module: nn.Module) -> Iterator[None]:
    """In evaluation mode meanwhile; afterwards each attribute of each module is what it was."""
    saved = [(part, dict(part.__dict__), contents(part)) for part in module.modules()]
    try:
        for part, attributes, _ in saved:
            if "training" in attributes:
                part.__dict__["training"] = False
            part.__dict__["_compiled_call_impl"] = None
        yield
    finally:
        for part, attributes, held in saved:
            restore(part.__dict__, attributes)
            for container, items in held:
                restore(container, items)


def contents(part: nn.Module) -> list[tuple[Any, Any]]:
    """The lists and dicts among a module's attributes, with what they hold."""
    return [(value, value.copy()) for value in part.__dict__.values() if isinstance(value, dict | list)]


def restore(container: Any, items: Any) -> None:
    """Puts back what a list or dict held, unless it still does."""
    if isinstance(container, list):
        if len(container) != len(items) or any(map(is_not, container, items)):
            container[:] = items
    elif len(container) != len(items) or any(map(is_not, container, items)) or values_differ(container, items):
        container.clear()
        container.update(items)


def values_differ(container: dict[Any, Any], items: dict[Any, Any]) -> bool:
    return any(map(is_not, container.values(), items.values()))


# --- what came out -----------------------------------------------------------------------------------------------


def tensors_of(output: Any) -> Iterator[Tensor]:
    """The tensors in what a module returns, in their order: lists, tuples, dicts and dataclasses are looked into."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, dict):
        for value in output.values():
            yield from tensors_of(value)
    elif isinstance(output, list | tuple):
        for value in output:
            yield from tensors_of(value)
    elif is_dataclass(output):
        for field in fields(output):
            yield from tensors_of(getattr(output, field.name))


def finish(tracer: Tracer, output: Any, title: str) -> None:
    """Makes the layer of the first tensor that is returned the last one."""
    first = next(tensors_of(output), None)
    if first is None:
        raise RfcalcError(f"forward of {title} returns no tensor but {type(output).__name__}")
    m, graph = tracer.find(first), tracer.graph
    if m is None:
        raise RfcalcError(f"what forward of {title} returns first does not depend on the image")
    if graph.batch > 1 and any(len(run) > 1 and atoms_of([run], BATCH) for run in m.dims):
        raise UserError(f"forward of {title} returns the images of a batch run together")
    mark = len(graph.drafts)
    try:
        m = graph.settle(m)
    except Unfit:
        graph.rewind(mark)
    if m.node != len(graph.drafts) or not m.node:
        graph.emit("identity", [m.node], label="output")


def arch_of(tracer: Tracer, name: str, source: str) -> Arch:
    unused = unused_of(tracer)
    notes = []
    if unused:
        notes.append(f"{sum(unused.values()):,} parameters are never used in forward: {listed(list(unused))}")
    shape, nodes = tuple(tracer.image.shape[1:]), tracer.graph.nodes()
    return Arch(name=name, input=shape, nodes=nodes, source=source, notes=tuple(notes), unused=unused)


def unused_of(tracer: Tracer) -> dict[str, int]:
    """Parameters that no layer has used: by the outermost module none of whose parameters is used, or by name."""
    used: set[str] = set()
    for key in tracer.charged:
        parts = tracer.parameters[key][0].split(".")
        used |= {".".join(parts[:i]) for i in range(1, len(parts) + 1)}
    found: dict[str, int] = {}
    for key, (name, parameter) in tracer.parameters.items():
        if key not in tracer.charged:
            parts = name.split(".")
            owner = next(p for i in range(1, len(parts) + 1) if (p := ".".join(parts[:i])) not in used)
            found[owner] = found.get(owner, 0) + parameter.numel()
    return found
