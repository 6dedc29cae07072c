"""Opening an ONNX file: one message for whatever is wrong with it; what its inputs are, and what a user must add."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NamedTuple

import onnx
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped, unused-ignore]
from onnx import ModelProto, ValueInfoProto, inliner

from ..engine.ports import TypedInput
from ..errors import RfcalcError, first_line, listed
from ..tracing.dims import BATCH_AXIS, CHANNEL, Dims, run_of

Dimension = int | str
"""A size, or the name of one that the file leaves open."""
MAX_AXES = 3
"""Axes of a map beside its channels."""


class Slot(NamedTuple):
    """An input as the file states it: name, type of numbers (onnx's name in small letters), dimensions with the batch,
    and whether the program moves its channels from the last place to the first."""

    name: str
    dtype: str
    dims: tuple[Dimension, ...]
    channels_last: bool

    @property
    def tokens(self) -> bool:
        """Whether it is a row of numbers that stand for something (words): one place each, no channels."""
        return len(self.dims) == 2 and self.dtype.startswith(("int", "uint"))

    def __str__(self) -> str:
        return f"{self.name} ({', '.join(map(str, self.dims))})"


class Given(NamedTuple):
    """An input with all of its sizes: the number of images, and its shape without them, as the file lays it out."""

    slot: Slot
    batch: int
    shape: tuple[int, ...]

    @property
    def channels(self) -> int:
        return 1 if self.slot.tokens else self.shape[-1 if self.slot.channels_last else 0]

    @property
    def sizes(self) -> tuple[int, ...]:
        if self.slot.tokens:
            return self.shape
        return self.shape[:-1] if self.slot.channels_last else self.shape[1:]

    @property
    def dims(self) -> Dims:
        """Where the values of its map stand in the tensor."""
        places = [run_of(i, size) for i, size in enumerate(self.sizes)]
        channels = [] if self.slot.tokens else [run_of(CHANNEL, self.channels)]
        inner = [*places, *channels] if self.slot.channels_last else [*channels, *places]
        return (run_of(BATCH_AXIS, self.batch), *inner)


def read_model(path: str | PathLike[str]) -> ModelProto:
    """The model in a file, its local functions written out; weights in files beside it are not read. Raises
    RfcalcError."""
    where = fspath(path)
    try:
        model = onnx.load(where, load_external_data=False)
    except OSError as error:
        raise RfcalcError(f"{where}: {error.strerror or error}") from error
    except (DecodeError, ValueError, RuntimeError) as error:
        raise RfcalcError(f"{where}: no ONNX model, or a damaged one ({first_line(error)})") from error
    if not model.graph.node:
        raise RfcalcError(f"{where}: no ONNX model: it holds no graph")
    if undecoded(model):
        raise RfcalcError(f"{where}: no ONNX model, or a damaged one (a name in it is not UTF-8)")
    version, newest = opset_of(model), onnx.defs.onnx_opset_version()
    if version > newest:
        raise RfcalcError(f"{where}: written for opset {version}; the onnx installed here knows up to {newest}")
    if model.functions:
        model = inliner.inline_local_functions(model)
    count_from_front(model)
    validate(where, model)
    return model


def count_from_front(model: ModelProto) -> None:
    """Dimensions of a Transpose that torch's exporter counts from the back: onnx's inference of shapes reads past its
    list of sizes there."""
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Transpose" and attribute.name == "perm":
                attribute.ints[:] = [n % len(attribute.ints) for n in attribute.ints]


def undecoded(message: Message) -> bool:
    """Whether a text anywhere in it is no text: protobuf hands such ones out as bytes, or tells when they are read."""
    try:
        for kind, value in message.ListFields():
            values = value if kind.is_repeated else [value]
            if kind.type == kind.TYPE_STRING and not all(isinstance(text, str) for text in values):
                return True
            if kind.type == kind.TYPE_MESSAGE and any(map(undecoded, values)):
                return True
    except UnicodeDecodeError:
        return True
    return False


def opset_of(model: ModelProto) -> int:
    """The version of the standard operators that a model was written for."""
    return max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)


def validate(where: str, model: ModelProto) -> None:
    """Raises RfcalcError for nodes that lack what their operator demands, or read what nothing makes."""
    try:
        onnx.checker.check_model(program_alone(model, 0))
    except (onnx.checker.ValidationError, ValueError) as error:
        raise RfcalcError(f"{where}: no valid ONNX model: {first_line(error)}") from error


def program_alone(model: ModelProto, keep: int) -> ModelProto:
    """The same program; tensors of more than `keep` numbers come in from outside, so that nothing large is copied."""
    out = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    graph = model.graph
    out.graph.name = graph.name or "graph"
    out.graph.node.extend(graph.node)
    out.graph.output.extend(graph.output)
    for value in out.graph.output:
        value.type.tensor_type.shape.SetInParent()  # a shape that is not stated is none to complain of
    listed_too = {value.name for value in graph.input}
    out.graph.input.extend(graph.input)
    for tensor in graph.initializer:
        if prod(tensor.dims) <= keep and tensor.data_location != onnx.TensorProto.EXTERNAL:
            out.graph.initializer.append(tensor)
        elif tensor.name not in listed_too:
            value = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
            out.graph.input.append(value)
    for sparse in graph.sparse_initializer:
        values = sparse.values
        out.graph.input.append(onnx.helper.make_tensor_value_info(values.name, values.data_type, list(sparse.dims)))
    return out


# --- inputs ------------------------------------------------------------------------------------------------------


def slots_of(model: ModelProto) -> list[Slot]:
    """The inputs of a model; weights may be listed among its inputs and are none."""
    held = {tensor.name for tensor in model.graph.initializer}
    held |= {tensor.values.name for tensor in model.graph.sparse_initializer}
    return [slot_of(model, value) for value in model.graph.input if value.name not in held]


def slot_of(model: ModelProto, value: ValueInfoProto) -> Slot:
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not kind.HasField("shape"):
        raise RfcalcError(f"input {value.name}: the file states no shape for it")
    dims = tuple(
        int(d.dim_value) if d.HasField("dim_value") and d.dim_value > 0 else d.dim_param or f"dimension {i}"
        for i, d in enumerate(kind.shape.dim)
    )
    if kind.elem_type not in onnx.TensorProto.DataType.values():
        raise RfcalcError(f"input {value.name}: it holds numbers of type {kind.elem_type}, which ONNX does not know")
    dtype = onnx.TensorProto.DataType.Name(kind.elem_type).lower()
    return Slot(value.name, dtype, dims, moves_channels(model, value.name, len(dims)))


def moves_channels(model: ModelProto, name: str, length: int) -> bool:
    """Whether all that reads an input brings its last dimension to the place of the channels first."""
    readers = [node for node in model.graph.node if name in node.input]
    wanted = [0, length - 1, *range(1, length - 1)]
    orders = [list(a.ints) for node in readers for a in node.attribute if a.name == "perm"]
    return length > 2 and bool(readers) and all(n.op_type == "Transpose" for n in readers) and orders == [
        wanted
    ] * len(readers)  # fmt: skip


def given_for(where: str, slots: Sequence[Slot], input: Any) -> list[Given]:
    """Every input with its sizes: those of the file, and those that a user gives, as one shape, several in their order,
    or by name. Raises RfcalcError with the dimensions that are missing or do not fit."""
    if not slots:
        raise RfcalcError(f"{where}: the model takes no input")
    shapes = shapes_of(where, slots, input)
    found = [sized_input(where, slot, shapes.get(slot.name)) for slot in slots]
    missing = [text for text in found if isinstance(text, str)]
    if missing:
        raise RfcalcError(f"{where}: {'; '.join(missing)}; give {example(slots)}")
    ready = [given for given in found if isinstance(given, Given)]
    for given in ready:
        if not 1 <= len(given.shape) <= MAX_AXES + 1:
            raise RfcalcError(f"{where}: input {given.slot}: must be a batch, channels and 1 to 3 sizes")
    if not any(len(given.sizes) for given in ready):
        raise RfcalcError(f"{where}: input {ready[0].slot}: no input has a size beside channels: nothing has a field")
    return ready


def shapes_of(where: str, slots: Sequence[Slot], input: Any) -> Mapping[str, tuple[int, ...]]:
    names = [slot.name for slot in slots]
    if input is None:
        return {}
    if isinstance(input, Mapping):
        unknown = [name for name in input if name not in names]
        if unknown:
            raise RfcalcError(f"{where}: has no input {listed(unknown)}; it has {listed(names)}")
        return {name: given_shape(where, value) for name, value in input.items()}
    if isinstance(input, TypedInput) or all(isinstance(n, int) for n in input):
        return {names[0]: given_shape(where, input)}
    if len(input) > len(names):
        raise RfcalcError(f"{where}: takes {len(names)} inputs ({listed(names)}), not {len(input)}")
    return {name: given_shape(where, value) for name, value in zip(names, input, strict=False)}


def given_shape(where: str, value: Any) -> tuple[int, ...]:
    shape = value.shape if isinstance(value, TypedInput) else value
    if not isinstance(shape, Iterable) or not all(isinstance(n, int) and n > 0 for n in shape):
        raise RfcalcError(f"{where}: the shape of an input must be whole numbers, not {value!r}")
    return tuple(shape)


def sized_input(where: str, slot: Slot, shape: tuple[int, ...] | None) -> Given | str:
    """An input with its sizes, or what is missing of it."""
    if not slot.dims:
        return Given(slot, 1, ())
    first, *rest = slot.dims
    batch = first if isinstance(first, int) else 1
    if shape is None:
        open_ones = [str(d) for d in rest if not isinstance(d, int)]
        if open_ones:
            return f"input {slot} leaves {listed(open_ones)} open"
        return Given(slot, batch, tuple(d for d in rest if isinstance(d, int)))
    typed = ",".join(map(str, shape))
    if len(shape) != len(rest):
        raise RfcalcError(f"{where}: input {slot} takes {len(rest)} numbers beside the batch, not --input {typed}")
    if wrong := [(d, n) for d, n in zip(rest, shape, strict=True) if isinstance(d, int) and d != n]:
        raise RfcalcError(f"{where}: input {slot} is {wrong[0][0]} where --input {typed} says {wrong[0][1]}")
    return Given(slot, batch, shape)


def example(slots: Sequence[Slot]) -> str:
    """How the sizes of the inputs are given."""
    texts = []
    for slot in slots:
        sizes = ",".join(str(d) if isinstance(d, int) else "224" for d in slot.dims[1:])
        texts.append(f"--input {slot.name + '=' if len(slots) > 1 else ''}{sizes}")
    return f"its sizes, such as {' '.join(texts)}"


def folder_of(path: str | PathLike[str]) -> str:
    """Where the files of weights lie beside a model."""
    return str(Path(path).parent)
