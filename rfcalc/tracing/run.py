"""One run of a module's forward on shapes alone: module and process are left as they were found, and what goes wrong is
told with its place."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from operator import is_not
from typing import Any

import torch
from torch import nn

from ..errors import RfcalcError
from .dispatch import Tracer
from .graph import TakenApart
from .scripted import followed
from .user_code import UserError, from_signal, same_process, told, users_place


def run(tracer: Tracer, module: nn.Module, seed: int = 0) -> Any:
    """What the module returns for an image without values."""
    title = type(module).__name__
    try:
        with same_process() as chance, left_as_found(module), tracer.modules.watched(), torch.no_grad():
            before = chance.seeded(seed)
            args, kwargs = tracer.inputs.filled(tracer.tensors)
            with quiet(), eager(), unchecked(), followed(tracer.follow), tracer:
                output = module(*args, **kwargs)
            tracer.by_chance = chance.state() != before
            return output
    except UserError:
        raise
    except RfcalcError as error:
        raise RfcalcError(f"{users_place(error)}{error} ({in_module(tracer, title, error)})") from error
    except TakenApart:
        raise UserError(f"forward of {title} takes the images of a batch apart") from None
    except (Exception, SystemExit) as error:
        if from_signal(error):
            raise
        shape = " and ".join("x".join(map(str, tensor.shape)) for tensor in tracer.tensors)
        raise told(error, f"{in_module(tracer, title, error)}, for images of {shape}") from error


def in_module(tracer: Tracer, title: str, error: BaseException) -> str:
    """Where in the module its forward stood."""
    path = tracer.modules.path_of(error)
    return f"in {path} of {title}" if path else f"in forward of {title}"


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings: they are about a run on values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def eager() -> Iterator[None]:
    """What torch.compile has been put around runs as it was written: nothing is compiled, neither the module nor what
    watches it."""
    if "torch._dynamo" not in sys.modules:  # nothing has been compiled, and the import takes seconds
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


@contextmanager
def unchecked() -> Iterator[None]:
    """torch.distributions do not look at the values of their arguments meanwhile."""
    distributions: Any = sys.modules.get("torch.distributions")
    if distributions is None:
        yield
        return
    before = distributions.Distribution._validate_args
    distributions.Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        distributions.Distribution.set_default_validate_args(before)


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
