"""The journey from an ONNX file to an `Arch`:

    open       the file, checked, its local functions written out (file.py)
    inputs     with all their sizes: the file's, and what a user adds; one of them is the image
    walk       each node in turn: what holds nothing of the image is worked out (tensors.py); of the rest a rule makes
               layers (rules/). Where no layer says what an operator does, what is true of any function is said: no unit
               sees more than all; and of an operator without a rule nothing but its shape, its field is unknown.
    conclude   the layer of the first output becomes the last one

A tensor whose shape depends on values is lost, and what is made of it; the notes say so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import prod
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NamedTuple

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, TypeProto, defs, helper, numpy_helper, shape_inference

from ..engine.arch import Arch, worked_out
from ..engine.layers.sources import Source
from ..engine.ports import Focus, Port
from ..errors import RfcalcError, listed
from ..tracing.dims import shape_of
from ..tracing.graph import CallFrame, Graph, Map, TakenApart, Unsupported
from ..tracing.moves import assigned, bounded_by_all, hints_of, known_by_shape
from ..tracing.order import conclude
from . import rules  # noqa: F401 - they register themselves
from .file import Given, folder_of, given_for, opset_of, program_alone, read_model, slots_of
from .names import clean, scope_of
from .node import OP_RULES, Op, Value, shape
from .tensors import Fixed, Origin, fixed, folded, of_file

STANDARD = ("", "ai.onnx")
RUNTIME = "com.microsoft"
"""The domain of onnxruntime's own operators; those with a rule are known."""


COUNT_SUFFIX = re.compile(r"_\d+$")
"""What an exporter adds to a name that it has given before."""
LARGE_TENSOR = 2**10
"""Numbers of a tensor; more are no shape, and are left out where shapes are inferred."""


DAMAGES = (ArithmeticError, LookupError, TypeError, ValueError)
"""What attributes that no checker looks at may lead to."""


class Lost(NamedTuple):
    """A tensor of which not even the shape is known, and the node that made it so."""

    maker: str


@dataclass(frozen=True)
class OnnxReading:
    """A file that was read: its table, the model, its inputs, the one of them that is the image, and by layer the
    tensor that holds it, and how."""

    arch: Arch
    model: ModelProto
    inputs: tuple[Given, ...]
    first: int
    sights: dict[int, tuple[str, Map]]
    maps: dict[str, Map]
    """What each tensor that depends on the image holds."""
    charged: int
    """The numbers of the file that count as parameters."""

    @property
    def image(self) -> Given:
        return self.inputs[self.first]


def read_onnx(path: str | PathLike[str], input: Any = None) -> Arch:
    """The network in an ONNX file. `input` states sizes that the file leaves open: a shape without the batch, several,
    or a mapping by name. Raises RfcalcError."""
    return reading_of(path, input).arch


def reading_of(path: str | PathLike[str], input: Any = None) -> OnnxReading:
    where = fspath(path)
    of, input = (input.of, input.given) if isinstance(input, Focus) else ("", input)
    model = read_model(where)
    given = given_for(where, slots_of(model), input)
    first = image_input(where, given, of)
    for strict in (True, False):
        reader = OnnxReader(where, model, given, first, strict)
        try:
            reader.walk(model.graph)
            return finished_reading(reader)
        except TakenApart:
            continue
    raise RfcalcError(f"{where}: the program lays out images of a batch among places")


def image_input(where: str, given: Sequence[Given], of: str) -> int:
    """The input whose field the table states: the one asked for, or the first with as many axes as any has, of numbers
    that are values where there is one."""
    if of:
        found = [i for i, one in enumerate(given) if one.slot.name == of and one.sizes]
        if not found:
            raise RfcalcError(f"{where}: has no input {of} with places; it has {listed([g.slot.name for g in given])}")
        return found[0]
    axes = max(len(one.sizes) for one in given)
    images = [i for i, one in enumerate(given) if len(one.sizes) == axes]
    return next((i for i in images if not given[i].slot.tokens), images[0])


@dataclass
class OnnxReader:
    """Walks the nodes of a model; `values` says what each tensor holds."""

    where: str
    model: ModelProto
    given: list[Given]
    first: int
    strict: bool
    values: dict[str, Value | Lost] = field(default_factory=dict)
    charged: dict[str, int] = field(default_factory=dict)
    frames: dict[tuple[str, ...], CallFrame] = field(default_factory=dict)
    inferred: dict[str, tuple[int, ...]] | None = None
    at: Op | None = None
    """The node at work."""
    readers: dict[str, int] = field(default_factory=dict)
    sources: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        image = self.given[self.first]
        self.graph = Graph((image.channels, *image.sizes), image.batch, self.strict)
        self.opset = opset_of(self.model)
        self.opsets = {entry.domain: entry.version for entry in self.model.opset_import}
        self.folder = folder_of(self.where)
        self.frames[()] = self.graph.frame
        for i, one in enumerate(self.given):
            self.values[one.slot.name] = self.source(one, i == self.first)
        for node in self.model.graph.node:
            for name in node.input:
                self.readers[name] = self.readers.get(name, 0) + 1

    def source(self, given: Given, image: bool) -> Value:
        """Where the values of an input stand: those of the image in node 0, others in a node of their own; a number
        alone holds nothing."""
        if not given.slot.dims:
            return Fixed((), fixed(0.0).dtype, None)
        m = Map(0, given.dims)
        if not image:
            m = self.graph.source(given.slot.name, Source, given.channels, given.sizes, m.dims)
        self.sources.append(m.node)
        return m

    # --- what rules ask ---

    def charge(self, origins: Sequence[Origin]) -> int:
        """Parameters among tensors of the file that no layer has counted yet."""
        new = {o.name: o.numbers for o in origins if o.name not in self.charged}
        self.charged.update(new)
        return sum(new.values())

    def uses(self, name: str) -> int:
        """How many nodes read a tensor."""
        return self.readers.get(name, 0)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor as onnx infers it from those of the inputs, or from what the node at work reads;
        Unsupported where it cannot."""
        if self.inferred is None:
            self.inferred = inferred_shapes(self.model, self.given)
        if name not in self.inferred and self.at:
            self.inferred.update(shapes_of_one(self.at, self.opsets, self.model.ir_version))
        if name not in self.inferred:
            raise Unsupported(f"{name} has a shape that depends on values")
        return self.inferred[name]

    # --- the walk ---

    def walk(self, graph: GraphProto) -> None:
        for tensor in graph.initializer:
            self.values[tensor.name] = of_file(tensor, self.folder, self.where)
        for sparse in graph.sparse_initializer:
            dense = of_file(sparse.values, self.folder, self.where)
            self.values[sparse.values.name] = Fixed(tuple(sparse.dims), dense.dtype, None, dense.origins)
        for node in graph.node:
            self.graph.frame = self.frame(self.scope(node))
            try:
                made = self.step(node)
            except DAMAGES as error:
                at = f"{self.where}: node {node.name or node.op_type} ({node.op_type})"
                raise RfcalcError(f"{at}: damaged, or not known here: {type(error).__name__}: {error}") from error
            for name, value in zip(node.output, made, strict=False):
                if name and value is not None:
                    self.values[name] = value

    def scope(self, node: NodeProto) -> tuple[str, ...]:
        """The modules that a node came from; where its own name tells less than the one of its weight (C1.conv.weight),
        that one's."""
        scope = scope_of(node)
        for value in (self.values.get(name) for name in node.input):
            for origin in value.origins if isinstance(value, Fixed) else ():
                path, _, last = origin.name.rpartition(".")
                if last == "weight" and path and (not scope or path.endswith("." + COUNT_SUFFIX.sub("", scope[-1]))):
                    return (clean(path),)
        return scope

    def frame(self, scope: tuple[str, ...]) -> CallFrame:
        if scope not in self.frames:
            self.frames[scope] = CallFrame(scope[-1], self.frame(scope[:-1]))
        return self.frames[scope]

    def step(self, node: NodeProto) -> list[Value | Lost | None]:
        """What one node makes."""
        found = [self.value(node, name) for name in node.input]
        captured = [self.values[name] for name in captures(node) if name in self.values]
        if lost := next((x for x in (*found, *captured) if isinstance(x, Lost)), None):
            return [lost] * len(node.output)
        inputs = [x for x in found if not isinstance(x, Lost)]
        if not any(isinstance(x, Map) for x in (*inputs, *captured)):
            return self.constant(node, inputs)
        if node.op_type == "If" and (branch := self.branch(node, inputs)) is not None:
            self.walk(branch)
            return [self.values[value.name] for value in branch.output]
        return self.operation(node, [*inputs, *(x for x in captured if isinstance(x, Map))])

    def value(self, node: NodeProto, name: str) -> Value | Lost | None:
        if name and name not in self.values:
            raise RfcalcError(f"{self.where}: node {node.name or node.op_type} reads {name}, which nothing makes")
        return self.values[name] if name else None

    def branch(self, node: NodeProto, inputs: Sequence[Value | None]) -> GraphProto | None:
        """The branch that is taken, where the condition does not depend on the image."""
        condition = inputs[0]
        if not isinstance(condition, Fixed) or condition.read is None:
            return None
        wanted = "then_branch" if bool(condition.values().reshape(-1)[0]) else "else_branch"
        return next((a.g for a in node.attribute if a.name == wanted), None)

    def constant(self, node: NodeProto, inputs: Sequence[Value | None]) -> list[Value | Lost | None]:
        """What holds nothing of the image either."""
        if node.op_type == "Constant" and any(a.name == "value" for a in node.attribute):
            tensor = next(a.t for a in node.attribute if a.name == "value")
            written = of_file(tensor, self.folder, self.where, initializer=False)
            origin = Origin(node.output[0], written.count, False)
            return [Fixed(written.shape, written.dtype, written.read, (origin,))]
        with suppress(Unsupported):  # then its shape may be known all the same
            return list(folded(node, [x for x in inputs if not isinstance(x, Map)], self.opsets))
        try:
            return [Fixed(self.shape(name), fixed(0.0).dtype, None) for name in node.output]
        except Unsupported:
            return [Lost(called(node))] * len(node.output)

    def operation(self, node: NodeProto, inputs: Sequence[Value | None]) -> list[Value | Lost | None]:
        """One operator on what holds something of the image: its layers, and what its outputs hold."""
        self.at = op = Op(self, node, tuple(inputs))
        known = node.domain in (*STANDARD, RUNTIME) and node.op_type in OP_RULES
        mark, charged = len(self.graph.drafts), len(self.charged)
        if known:
            try:
                return self.give(op, OP_RULES[node.op_type](op))
            except Unsupported:
                self.take_back(mark, charged)
        try:
            return self.by_shape(op, known)
        except Unsupported:
            self.take_back(mark, charged)
            return [Lost(called(node))] * len(node.output)

    def take_back(self, mark: int, charged: int) -> None:
        """Forgets the layers after the first `mark`, and which parameters they have counted."""
        self.graph.rewind(mark)
        while len(self.charged) > charged:
            self.charged.popitem()

    def give(self, op: Op, result: Any) -> list[Value | Lost | None]:
        out: list[Value | Lost | None] = list(result) if isinstance(result, list) else [result]
        for m in out:
            if isinstance(m, Map) and not self.graph.holds(m):
                raise Unsupported(f"{op.type}: layers of another size")
        rest = op.node.output[len(out) :]
        return out + [self.also(op, out[0], name) for name in rest]

    def also(self, op: Op, first: Value | Lost | None, name: str) -> Value | Lost | None:
        """A further output that no rule speaks of."""
        if not name or not self.uses(name) or not isinstance(first, Map):
            return Lost(called(op.node)) if name else None
        try:
            return bounded_by_all(self.graph, [first], self.shape(name), label_of(op.node), 0)
        except Unsupported:
            return Lost(called(op.node))

    def by_shape(self, op: Op, known: bool) -> list[Value | Lost | None]:
        """An operator of which the shape of its outputs is known: bounded by all it reads or, where nothing is known of
        it, unknown."""
        shapes = [self.shape(name) if name else None for name in op.node.output]
        weights = op.all_weights()
        label, out = label_of(op.node), list[Value | Lost | None]()
        for sizes in shapes:
            if sizes is None or not prod(sizes):
                out.append(None if sizes is None else Fixed(sizes, fixed(0.0).dtype, None))
            elif known:
                out.append(bounded_by_all(self.graph, op.maps, sizes, label, weights, op.macs))
            else:
                found = assigned(self.graph, sizes, hints_of(op.maps[0], sizes))
                out.append(known_by_shape(self.graph, "opaque", op.maps, found, label, weights))
            weights = 0
        return out


# --- the end -----------------------------------------------------------------------------------------------------


def finished_reading(reader: OnnxReader) -> OnnxReading:
    """What a walked model comes to: its table, and what each tensor holds."""
    outputs = [(value.name, reader.values.get(value.name)) for value in reader.model.graph.output]
    if missing := [name for name, value in outputs if value is None]:
        raise RfcalcError(f"{reader.where}: nothing makes the output {missing[0]}")
    seen = [(name, value) for name, value in outputs if isinstance(value, Map)]
    lost = {value.maker: None for _, value in outputs if isinstance(value, Lost)}
    notes = [f"what follows {maker} is not worked out: its shape depends on values" for maker in lost]
    if not seen and not reader.graph.drafts:
        told = f"; {notes[0]}" if notes else ""
        raise RfcalcError(f"{reader.where}: no layer: no output that is worked out depends on the image{told}")
    returned: list[Port] = []
    if seen:
        last = conclude(reader.graph, seen[0][1])
        reader.values[seen[0][0]] = last
        nodes = [last, *(m for _, m in seen[1:])]
        returned = [Port(n, m.node, shape_of(m.dims)[1:]) for (n, _), m in zip(seen, nodes, strict=True)]
    maps = {name: m for name, m in reader.values.items() if isinstance(m, Map)}
    counted = sum(reader.charged.values())
    arch, sights = arch_read(reader, returned, notes), tensor_sights(reader.graph, maps)
    return OnnxReading(arch, reader.model, tuple(reader.given), reader.first, sights, maps, counted)


def arch_read(reader: OnnxReader, returned: list[Port], notes: list[str]) -> Arch:
    image, nodes = reader.given[reader.first], reader.graph.nodes()
    inputs = [one for one in reader.given if one.slot.dims]
    unused = unused_weights(reader.model)
    if unused:
        notes.append(f"{sum(unused.values()):,} weights are never used: {listed(list(unused))}")
    arch = Arch(
        name=Path(reader.where).stem,
        input=(image.channels, *image.sizes),
        nodes=nodes,
        source=f"read from {Path(reader.where).name}",
        notes=tuple(notes),
        unused=unused,
        functions=reader.graph.functions(nodes),
        given=tuple(Port(g.slot.name, n, g.shape) for g, n in zip(inputs, reader.sources, strict=True)),
        returned=tuple(returned),
    )
    return worked_out(arch, reader.graph.maps)


def unused_weights(model: ModelProto) -> dict[str, int]:
    """Weights that no node reads."""
    read = {name for node in model.graph.node for name in (*node.input, *captures(node))}
    read |= {value.name for value in model.graph.output}
    return {t.name: prod(t.dims) for t in model.graph.initializer if t.name not in read and prod(t.dims) > 1}


def tensor_sights(graph: Graph, maps: dict[str, Map]) -> dict[int, tuple[str, Map]]:
    """For every layer the first tensor that holds it, as it is or brought into order."""
    found: dict[int, tuple[str, Map]] = {}
    for name, m in maps.items():
        for form in (m, graph.settled.get(m), graph.shaped.get(m)):
            if form is not None and form.node and graph.holds(form):
                found.setdefault(form.node, (name, form))
    return found


# --- what nodes say ----------------------------------------------------------------------------------------------


def label_of(node: NodeProto) -> str:
    """An operator's name as layers have theirs: GridSample is grid_sample."""
    name = node.op_type
    parts = [
        f"_{c.lower()}" if c.isupper() and i and not name[i - 1].isupper() else c.lower() for i, c in enumerate(name)
    ]
    return "".join(parts)


def called(node: NodeProto) -> str:
    return f"{node.name or node.output[0]} ({node.op_type})"


def captures(node: NodeProto) -> list[str]:
    """Tensors of the graph around that the branches or the body of a node read."""
    found: dict[str, None] = {}
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs) if attribute.type in (5, 10) else ():  # GRAPH, GRAPHS
            for inner in graph.node:
                found.update(dict.fromkeys((*inner.input, *captures(inner))))
    return list(found)


def shapes_of_one(op: Op, opsets: dict[str, int], ir_version: int) -> dict[str, tuple[int, ...]]:
    """The shapes of what one node makes, as onnx infers them from the shapes and the numbers that it reads."""
    if op.node.domain not in STANDARD or not defs.has(op.type):
        return {}
    types, data = dict[str, TypeProto](), dict[str, TensorProto]()
    for name, value in zip(op.node.input, op.inputs, strict=False):
        if isinstance(value, Fixed) and not value.fractional:
            types[name] = helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            if value.read and value.count <= LARGE_TENSOR:
                data[name] = numpy_helper.from_array(value.values(), name)
        elif value is not None:
            types[name] = helper.make_tensor_type_proto(TensorProto.FLOAT, shape(value))
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    schema = defs.get_schema(op.type, max(opsets.get(domain, 1) for domain in STANDARD), "")
    try:
        found = shape_inference.infer_node_outputs(
            schema, op.node, types, data, opset_imports=imports, ir_version=ir_version
        )
    except (shape_inference.InferenceError, RuntimeError, ValueError):
        return {}
    return stated(found.items())


def stated(types: Iterable[tuple[str, TypeProto]]) -> dict[str, tuple[int, ...]]:
    """The shapes that are known in full."""
    out: dict[str, tuple[int, ...]] = {}
    for name, kind in types:
        dims = kind.tensor_type.shape.dim
        if kind.tensor_type.HasField("shape") and all(d.HasField("dim_value") for d in dims):
            out.setdefault(name, tuple(d.dim_value for d in dims))
    return out


def inferred_shapes(model: ModelProto, given: Sequence[Given]) -> dict[str, tuple[int, ...]]:
    """The shapes of all tensors as onnx infers them, each input with its sizes."""
    copy = program_alone(model, LARGE_TENSOR)
    by_name = {one.slot.name: one for one in given}
    for value in copy.graph.input:
        one = by_name.get(value.name)
        if one and one.slot.dims:
            for dim, size in zip(value.type.tensor_type.shape.dim, (one.batch, *one.shape), strict=True):
                dim.dim_value = size
    for value in copy.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        done = shape_inference.infer_shapes(copy, data_prop=True)
    except (shape_inference.InferenceError, RuntimeError, ValueError):
        return {}
    values = (*done.graph.value_info, *done.graph.output, *model.graph.value_info, *model.graph.output)
    return stated((value.name, value.type) for value in values)
