"""Other people's code: a module found by name, and what goes wrong inside it, told in one message."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ..errors import RfcalcError, unknown_name
from .spellings import functions

OURS = str(Path(__file__).parent.parent)
TORCH = str(Path(torch.__file__).parent)
LARGE_WEIGHT = 2**12
"""Weights of more values than this are made without memory when a model is built only to look at its shapes."""


PROGRAM_ERRORS = (RuntimeError, TypeError, ValueError, AttributeError, IndexError)
"""What a program raises that cannot work with the numbers that it is given."""


def from_signal(error: BaseException) -> bool:
    """Whether a signal's own handler has raised an error (a timer that has run out): nobody's mistake, and not to be
    caught on its way."""
    handlers = {getattr(signal.getsignal(number), "__code__", None) for number in signal.valid_signals()}
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code in handlers:
            return True
        step = step.tb_next
    return False


class UserError(RfcalcError):
    """A program that is not rfcalc's went wrong: where, and with what."""


def is_users(filename: str) -> bool:
    """Whether a file is neither torch's, nor rfcalc's, nor Python's own machinery."""
    return not filename.startswith((OURS, TORCH, "<frozen", "<string>")) and "contextlib" not in filename


def users_place(error: BaseException) -> str:
    """`file:line: ` of the innermost of the user's own lines that an error went through; empty where there is none."""
    found, step = "", error.__traceback__
    while step is not None:
        filename = step.tb_frame.f_code.co_filename
        if is_users(filename):
            found = f"{short_path(filename)}:{step.tb_lineno}: "
        step = step.tb_next
    return found


def short_path(filename: str) -> str:
    """A path as short as it can be written from here."""
    near = os.path.relpath(filename)
    return filename if near.startswith("..") else near


def told(error: BaseException, doing: str) -> UserError:
    """An error of the user's code as one message: its own place, type and words, and what was being done."""
    if isinstance(error, SyntaxError) and error.filename:
        return UserError(f"{short_path(error.filename)}:{error.lineno}: {type(error).__name__}: {error.msg} ({doing})")
    words = " ".join(str(error).split("\n")[0].split())
    return UserError(f"{users_place(error)}{type(error).__name__}{': ' if words else ''}{words} ({doing})")


@contextmanager
def users_code(doing: str) -> Iterator[None]:
    """Runs the user's code: its errors, an exit included, become `UserError`; what it prints goes to stderr."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except RfcalcError:
        raise
    except (Exception, SystemExit) as error:
        if from_signal(error):
            raise
        raise told(error, doing) from error


class Chance:
    """The random states of Python, torch and, where it is loaded, numpy."""

    def __init__(self) -> None:
        self.numpy: Any = sys.modules.get("numpy")

    def state(self) -> tuple[Any, ...]:
        numbers = self.numpy.random.get_state() if self.numpy else None
        words = None if numbers is None else (numbers[0], bytes(numbers[1]), *numbers[2:])
        return random.getstate(), bytes(torch.get_rng_state().tolist()), words

    def seeded(self, seed: int) -> tuple[Any, ...]:
        """Sets all to a seed; the state that this is."""
        random.seed(seed)
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed the accelerators as well
        if self.numpy:
            self.numpy.random.seed(seed % 2**32)
        return self.state()


@contextmanager
def same_process() -> Iterator[Chance]:
    """Random states and torch's default type are afterwards what they were."""
    chance = Chance()
    states = random.getstate(), torch.get_rng_state(), torch.get_default_dtype()
    numbers = chance.numpy.random.get_state() if chance.numpy else None
    try:
        yield chance
    finally:
        random.setstate(states[0])
        torch.set_rng_state(states[1])
        torch.set_default_dtype(states[2])
        if chance.numpy:
            chance.numpy.random.set_state(numbers)


# --- finding it --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class ShapesOnly:
    """A module that was made to be traced: its large weights have shapes, but no values. It is no module itself, so
    that nothing which computes takes it for one."""

    module: nn.Module
    name: str


def load_module(target: str) -> nn.Module:
    """The module that `path/to/file.py:Name` or `package.module:Name` stands for, with its weights; raises RfcalcError.

    Name is a module, a class of modules, or a function that makes one without arguments.
    """
    found, label, _ = find(target)
    return made_from(found, label, lambda make: make())


def load_shapes(target: str) -> ShapesOnly:
    """The same for its shapes only: what is large takes neither memory nor time."""
    found, label, name = find(target)
    return ShapesOnly(made_from(found, label, made_weightless), name)


def find(target: str) -> tuple[Any, str, str]:
    """What a target names, how messages call it, and its name; raises RfcalcError."""
    head, given = target, ""
    if target.endswith(")") and "(" in target:
        head, given = target[: target.index("(")], target[target.index("(") :]
    where, _, name = head.rpartition(":")
    if not where or not name:
        raise RfcalcError(f"{target}: a torch model is named as path/to/file.py:Name or package.module:Name")
    is_file = where.endswith(".py") or os.sep in where
    namespace = import_file(where) if is_file else import_module(where)
    found: Any = namespace
    for part in name.split("."):
        if not hasattr(found, part):
            raise RfcalcError(unknown_name(part, offered(found), f"{where} has no model"))
        found = getattr(found, part)
    label = f"{where}:{name}"
    return (called_with(found, given, label) if given else found), label, name + given


def called_with(found: Any, given: str, label: str) -> Any:
    """A class or function with the arguments that stand after its name, which must be literals."""
    try:
        call = ast.parse(f"f{given}", mode="eval").body
        if not isinstance(call, ast.Call) or any(keyword.arg is None for keyword in call.keywords):
            raise ValueError("no call")
        args = [ast.literal_eval(arg) for arg in call.args]
        kwargs = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (ValueError, SyntaxError):
        raise RfcalcError(
            f"{label}{given}: arguments must be literals, such as (18, width=0.5, norm='batch')"
        ) from None
    if isinstance(found, nn.Module) or not callable(found):
        raise RfcalcError(f"{label} is {kind_of(found)} and takes no arguments")
    return partial(found, *args, **kwargs)


def offered(namespace: Any) -> list[str]:
    """The names in a file that could be meant: modules, classes of modules, functions."""

    def is_model(value: Any) -> bool:
        return isinstance(value, nn.Module) or (inspect.isclass(value) and issubclass(value, nn.Module))

    found = [name for name, value in vars(namespace).items() if is_model(value)]
    found += [name for name, value in vars(namespace).items() if inspect.isfunction(value)]
    return [name for name in found if not name.startswith("_")]


def made_from(found: Any, label: str, call: Callable[[Any], Any]) -> nn.Module:
    """The module itself, or the one that a class or a function makes when it is called by `call`."""
    if isinstance(found, nn.Module):
        return found
    if not callable(found) or (inspect.isclass(found) and not issubclass(found, nn.Module)):
        raise RfcalcError(f"{label} is {kind_of(found)}, no torch module, class of modules, or function that makes one")
    if missing := needed_arguments(found):
        raise RfcalcError(
            f"{label} needs {' and '.join(missing)}: write a function without arguments that makes it, and name that"
        )
    with same_process(), users_code(f"while {label} was made"):
        module = call(found)
    if not isinstance(module, nn.Module):
        raise RfcalcError(f"{label} makes {kind_of(module)}, no torch module")
    return module


def kind_of(value: Any) -> str:
    return f"the class {value.__name__}" if inspect.isclass(value) else f"something of type {type(value).__name__}"


def needed_arguments(call: Any) -> list[str]:
    """The arguments that a callable cannot do without."""
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in kinds]


def import_file(path: str) -> ModuleType:
    """A Python file, run under a name of its own; its folder can be imported from meanwhile, and only then."""
    file = Path(path)
    if not file.is_file():
        raise RfcalcError(f"{path}: no such file")
    full = file.resolve()
    name = f"_rfcalc_user_{abs(hash(str(full))):x}"
    spec = importlib.util.spec_from_file_location(name, full)
    if spec is None or spec.loader is None:
        raise RfcalcError(f"{path}: is no Python file")
    module = importlib.util.module_from_spec(spec)
    with importing(str(full.parent)), same_process(), users_code(f"while {path} was imported"):
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return module


def import_module(name: str) -> ModuleType:
    with importing(str(Path.cwd())), same_process(), users_code(f"while {name} was imported"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and (name == error.name or name.startswith(f"{error.name}.")):
                raise RfcalcError(f"there is no module {error.name}; a file is named with its ending, .py") from None
            raise


@contextmanager
def importing(folder: str) -> Iterator[None]:
    """Imports from a folder; afterwards its modules are forgotten again, and it has been given no compiled files."""
    before, path, wrote = set(sys.modules), list(sys.path), sys.dont_write_bytecode
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.path[:], sys.dont_write_bytecode = path, wrote
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if file.startswith(folder + os.sep):
                del sys.modules[name]


# --- making it ---------------------------------------------------------------------------------------------------


class Weightless(TorchFunctionMode):
    """Large tensors are made without memory, and stay where they are made: only their shapes are wanted."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in MAKERS:
            wanted = func(*args, **{**kwargs, "device": "meta"})
            if wanted.numel() > LARGE_WEIGHT:
                return wanted
            kwargs["device"] = "cpu"
        return func(*args, **kwargs)


MAKERS = frozenset(functions("empty zeros ones full rand randn"))


def made_weightless(make: Any) -> Any:
    """What a class or a function makes, its large weights without memory; where that goes wrong, with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # loading weights into tensors without memory says that it does nothing
        try:
            with Weightless():
                return make()
        except Exception as error:  # whatever asked for values: the plain way shows whether it is the user's own error
            if from_signal(error):
                raise
    return make()
