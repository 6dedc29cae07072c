"""The shipped specs by name, and the one door for whatever a user names."""

from __future__ import annotations

import ast
import os
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from .engine.arch import Arch
from .engine.ports import Focus, TypedInput, focused
from .errors import RfcalcError, need, unknown_name
from .spec import reader as spec
from .spec.yamlfile import SPEC_ENDINGS, names_in, read_text


def names() -> list[str]:
    """The shipped specs, in alphabetical order."""
    return names_in(files("rfcalc.archs"))


def family_names() -> list[str]:
    """The shipped families of networks, in alphabetical order."""
    return names_in(files("rfcalc.archs") / "families")


def family_text(target: str) -> tuple[str, str]:
    """The name and the text of a family: a path to a YAML file, or the name of a shipped one. Raises RfcalcError."""
    if is_file(target):
        return target, read_text(target)
    known = family_names()
    if target not in known:
        raise RfcalcError(unknown_name(target, known, "no such file and no shipped family"))
    return f"{target}.yaml", (files("rfcalc.archs") / "families" / f"{target}.yaml").read_text(encoding="utf-8")


def is_file(text: str) -> bool:
    """Whether a target is meant as a path."""
    return text.endswith(SPEC_ENDINGS) or os.sep in text or Path(text).is_file()


def reads_as_spec(text: str) -> bool:
    """Whether a YAML text has a spec's keys at its top level, and not those of a family.

    >>> reads_as_spec("input: [3, 8, 8]\\nlayers: [relu]"), reads_as_spec("services: {}")
    (True, False)
    """
    keys = {line.partition(":")[0] for line in text.splitlines()}
    return {"input", "layers"} <= keys and "choices" not in keys


def load(target: Any, input: Any = None) -> Arch:
    """The network that a target stands for: an `Arch`, a path to a YAML file, the name of a shipped spec, an ONNX file,
    a program of torch.export (.pt2), a torch model as `path/to/file.py:Name` or `package.module:Name`, or a torch
    module. `input` (channels, then sizes) is what a torch model is given, or an example of all that it takes (see
    `rfcalc.trace`); a spec is worked out for it in place of its own. Raises RfcalcError.

    >>> load("s9").params, load("s9", (3, 64, 64)).macs
    (180298, 137033632)

    The folder of a run stands for the network that was trained in it.
    """
    shape = as_given(input)
    if isinstance(target, Arch):
        return resized(target, shape)
    if not isinstance(target, str | os.PathLike):
        return traced_module(target, shape)
    text = os.fspath(target)
    if is_onnx(text):
        need("onnx", "onnx")
        from .interchange.reader import read_onnx

        return read_onnx(text, input)
    if is_exported(text):
        module, given = exported(text, shape)
        from .tracing.trace import trace

        return trace(module, given, Path(text).stem, f"traced from {Path(text).name}")
    if is_torch_model(text):
        need("torch", "torch")
        from .tracing.trace import load_target

        return load_target(text, shape)
    return resized(_load_spec(text), shape)


def resized(arch: Arch, input: Any) -> Arch:
    """The network worked out for another input; raises RfcalcError where that does not fit."""
    if isinstance(input, Focus):
        if input.of not in [port.name for port in arch.inputs if not port.node]:
            raise RfcalcError(f"{arch.name}: its fields are those of {arch.of or 'its one input'}, not of {input.of}")
        input = input.given
    if input is None or input == arch.input:
        return arch
    if not isinstance(input, tuple) or not all(isinstance(n, int) for n in input):
        raise RfcalcError(f"{arch.name} takes one input: channels and {len(arch.sizes)} sizes")
    if len(input) != len(arch.input):
        raise RfcalcError(f"{arch.name} takes an input of {len(arch.input)} numbers, not {len(input)}: {list(input)}")
    other = replace(arch, input=input)
    other.rows  # noqa: B018 - raises SpecError where the other size does not fit
    return other


def traced_module(module: Any, input: Any) -> Arch:
    need("torch", "torch")
    from .tracing.trace import trace

    if input is None:
        raise RfcalcError(f"{type(module).__name__}: say what it is given with input, such as input=(3, 224, 224)")
    return trace(module, input)


def is_onnx(target: Any) -> bool:
    """Whether a target is meant as an ONNX file."""
    return isinstance(target, str | os.PathLike) and os.fspath(target).lower().endswith(".onnx")


def as_given(input: Any) -> Any:
    """A shape given as a list of numbers as a tuple; any other example as it is."""
    return tuple(input) if isinstance(input, list) and all(isinstance(n, int) for n in input) else input


def is_exported(target: Any) -> bool:
    """Whether a target is meant as a file of torch.export."""
    return isinstance(target, str | os.PathLike) and os.fspath(target).lower().endswith(".pt2")


def exported(target: str, input: Any) -> tuple[Any, Any]:
    """The module in a file of torch.export, and what it is given: the user's input, or the shape that it was exported
    for. Raises RfcalcError."""
    need("torch", "torch")
    from .tracing.exported import read_program

    module, shape = read_program(target)
    return module, needed(target, shape if input is None else input)


def refuse_onnx(target: Any, what: str) -> None:
    """Raises RfcalcError for an ONNX file where a torch module is needed."""
    if is_onnx(target):
        file = os.fspath(target)
        raise RfcalcError(
            f"{file}: {what} needs a torch module: rfcalc code {file} writes one, without the file's weights, and "
            f"rfcalc convert {file} a spec; rfcalc check {file} proves the fields of the table on the file itself"
        )


def is_torch_model(target: str) -> bool:
    """Whether a target names a torch model rather than a spec."""
    return ":" in target and not Path(target).exists()


def needed(target: str, input: Any) -> Any:
    """What a torch model is given; raises RfcalcError where that is nothing."""
    if input is None:
        raise RfcalcError(f"{target} is a torch model: say what it is given with --input, such as --input 3,224,224")
    return input


def read_shape(text: str) -> tuple[int, ...]:
    """The shape of an input as it is typed: channels, then 1 to 3 sizes; raises RfcalcError.

    >>> read_shape("3,224,224")
    (3, 224, 224)
    """
    parts = text.replace("x", ",").split(",")
    if not 2 <= len(parts) <= 4 or not all(part.strip().isdecimal() and int(part) for part in parts):
        raise RfcalcError(f"--input {text}: must be channels and 1 to 3 sizes, such as 3,224,224")
    return tuple(map(int, parts))


def spec_text(target: str) -> tuple[str, str]:
    """The name and the text of a spec: a path to a YAML file, or the name of a shipped one. Raises RfcalcError."""
    if is_file(target):
        return target, read_text(target)
    if target not in names():
        if target in family_names():
            raise RfcalcError(f"{target} is a family of networks, not one: rfcalc design {target} answers for it")
        fact = unknown_name(target, names(), "no such file and no shipped spec")
        raise RfcalcError(f"{fact} (rfcalc list shows them)")
    return f"{target}.yaml", (files("rfcalc.archs") / f"{target}.yaml").read_text(encoding="utf-8")


def read_place(option: str, text: str) -> tuple[int, ...]:
    """A unit or a pixel as it is typed, counted from 0, one number per axis; raises RfcalcError.

    >>> read_place("--unit", "3,0")
    (3, 0)
    """
    parts = [part.strip() for part in text.split(",")]
    if not 1 <= len(parts) <= 3 or not all(part.isdecimal() for part in parts):
        raise RfcalcError(f"{option} {text}: must be one number per axis, counted from 0, such as 3,5")
    return tuple(map(int, parts))


def read_inputs(texts: Sequence[str] | None, of: str | None = None) -> Any:
    """The inputs as they are typed, each `[NAME=][TYPE:]C,H,W`: one shape, or what `rfcalc.trace` takes, with the input
    whose fields are wanted, where one is named; raises RfcalcError.

    >>> read_inputs(["3,224,224"])
    (3, 224, 224)
    >>> read_inputs(["ids=int64:128"])
    {'ids': TypedInput(name='ids', dtype='int64', shape=(128,))}
    >>> read_inputs(["3,8,8", "int64:"])[1]
    TypedInput(name='', dtype='int64', shape=())

    A vector is typed by its length alone (`16`); of one number for each image, the type stands alone (`t=int64:`).
    """
    return focused(all_read([read_input(text) for text in texts or ()]), of)


def all_read(found: Sequence[TypedInput]) -> Any:
    """Inputs that have been read, as `rfcalc.trace` takes them."""
    if len(found) == 1 and not found[0].name and found[0].dtype == "float32":
        return found[0].shape
    if any(given.name for given in found):
        if not all(given.name for given in found):
            raise RfcalcError("--input: name every input, or none")
        return {given.name: given for given in found}
    return tuple(found) or None


def read_input(text: str) -> TypedInput:
    name, _, rest = text.rpartition("=")
    dtype, typed, shape = rest.rpartition(":")
    parts = [part for part in shape.replace("x", ",").split(",") if shape.strip()]
    if len(parts) > 4 or not all(part.strip().isdecimal() and int(part) for part in parts):
        if dtype:
            raise RfcalcError(f"--input {text}: after the type must come sizes, such as {name or 'ids'}={dtype}:128")
        read_shape(shape)  # says what a shape must be
    if not parts and not typed:
        raise RfcalcError(
            f"--input {text}: must be channels and 1 to 3 sizes, such as 3,224,224; the length of a vector, "
            f"such as 16; or a type alone for one number, such as t=int64:"
        )
    return TypedInput(name.strip(), dtype.strip() or "float32", tuple(map(int, parts)))


def example_of(path: Path) -> str:
    """How a model in a file is named: its last class of modules, by its words alone; nothing in it is run."""
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except (OSError, ValueError, SyntaxError):
        body = []
    found = [c.name for c in body if isinstance(c, ast.ClassDef) and any("Module" in ast.unparse(b) for b in c.bases)]
    return f"such as {path}:{found[-1] if found else 'Name'}"


def is_run(target: object) -> bool:
    """Whether a target is the folder of a run."""
    return isinstance(target, str | os.PathLike) and (Path(target) / "spec.yaml").is_file()


def _load_spec(text: str) -> Arch:
    if text.endswith(".py"):
        raise RfcalcError(f"{text} is Python: name the model in it, {example_of(Path(text))}, and its --input")
    if is_run(text):
        return spec.load(str(Path(text) / "spec.yaml"))
    path, source = spec_text(text)
    return spec.loads(source, path)
