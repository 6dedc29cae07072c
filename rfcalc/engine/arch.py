"""The one graph that every door leads to: named nodes in topological order, and the walk that turns them into rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import RfcalcError, ShapeError, SpecError, place, unknown_name
from .geometry import Axis, FeatureMap, Number, Window, shape_text
from .layers import Conv, Layer
from .layers.base import Budget, output_within
from .layers.sources import blind, lit
from .ports import Port

if TYPE_CHECKING:
    from ..report.table import Table

PerAxisValue = tuple[Number | None, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """One layer in its place. `inputs` are indexes: 0 is the image, i the i-th node."""

    name: str
    layer: Layer
    inputs: tuple[int, ...]
    line: int | None = None
    """Where the spec states it."""
    params: int | None = None
    """What it holds where its type does not tell: weights shared with a layer above, computed or fixed weights."""
    macs: int | None = None


class PrintedAs(NamedTuple):
    """How torchsummary prints a layer, where that differs from one row of its own."""

    functional: bool = False
    """Called without a module (torch.nn.functional): no row."""
    containers: tuple[str, ...] = ()
    """Classes of modules that end with this layer and print a row of their own, the innermost first."""


class ReceptiveField(NamedTuple):
    """The field per axis: of the map that enters the first layer that sees the whole map, and of the last layer."""

    before_global_pool: PerAxisValue
    after_global_pool: PerAxisValue


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """One layer of a traced network: what comes in, what goes out, what it costs. Values are per axis."""

    index: int
    node: Node
    inputs: tuple[FeatureMap, ...]
    out: FeatureMap
    params: int
    macs: int | None
    """None when unknown."""
    image: tuple[int, ...] = ()
    """The spatial sizes of the input."""

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.node.name

    @property
    def layer(self) -> Layer:
        """The layer with its settings."""
        return self.node.layer

    @property
    def x(self) -> FeatureMap:
        """The map that comes in; of a join, which makes no window of its own, the joined one."""
        return self.out if self.layer.joins else self.inputs[0]

    @property
    def status(self) -> str:
        """What its field is worth: exact; whole input (every unit sees the whole image, through a value that all units
        share); upper bound, or unknown, with the operation that made it so.

        >>> import rfcalc
        >>> rfcalc.load("s9").rows[0].status
        'exact'
        """
        axes = self.out.axes
        for axis in axes:
            if not axis.strands:
                return f"unknown ({axis.doubt})"
        for axis in axes:
            if axis.doubt:
                return f"upper bound ({axis.doubt})"
        if all(axis.shared and axis.covers(size) for axis, size in zip(axes, self.image, strict=True)):
            return "whole input"
        return "exact"

    @property
    def windows(self) -> tuple[Window, ...]:
        """Its window on each axis; none where its units differ in turn."""
        return self.layer.windows(self.x)

    @property
    def groups(self) -> int | None:
        """The groups of a convolution; None for any other layer."""
        groups_of = getattr(self.layer, "groups_of", None)
        return groups_of(self.x) if groups_of else None

    def __str__(self) -> str:
        from ..report.table import line  # as in Arch.table

        return line(self)

    def __repr__(self) -> str:
        return f"<Row {self.index} {self.name}: {self.layer.op} -> {self.out}>"

    @property
    def keeps_all(self) -> bool:
        """Whether it leaves geometry, channels and parameters alone, so that a table may fold it away."""
        return self.layer.pointwise and not self.params

    @property
    def sees_whole_map(self) -> bool:
        """Whether its one unit on every axis reads the whole map that comes in."""
        if self.layer.pointwise or self.layer.joins or self.x.flat or any(axis.size > 1 for axis in self.out.axes):
            return False
        windows = self.windows
        return bool(windows) and all(
            w.padding[0] >= 0 and w.extent - w.padding[0] >= axis.size and (w.dilation == 1 or axis.size == 1)
            for w, axis in zip(windows, self.x.axes, strict=True)
        )


@dataclass(frozen=True, repr=False)
class Arch:
    """A network: the shape of its input, its layers in an order in which each follows what it reads, and what its
    spec says about it. Traced once, on first use; raises SpecError when a layer cannot take its input."""

    name: str
    input: tuple[int, ...]
    nodes: tuple[Node, ...]
    source: str = ""
    notes: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    targets: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    unused: Mapping[str, int] = field(default_factory=dict)
    """Of a traced module: the parts that its forward never uses, with their parameters, which no total counts."""
    constant_macs: int = 0
    """Of a traced module: the multiply-adds between weights alone, the same for every image, which no total counts."""
    printed: Mapping[str, PrintedAs] = field(default_factory=dict)
    """Of a network that was read from a torchsummary print: how that shows some of its layers, by their names."""
    blocks: Mapping[str, str] = field(default_factory=dict)
    """Of a spec: the block that a group of layers was written out of, by the group's name."""

    frozen: int = 0
    """Of a traced module: the parameters among those counted that no training changes."""
    functions: frozenset[str] = frozenset()
    """Of a traced module: the layers that are calls of functions, not modules of their own."""
    given: tuple[Port, ...] = ()
    """Of a traced module: its inputs, where it has more than the image."""
    returned: tuple[Port, ...] = ()
    """Of a traced module: every tensor that it returns, in its order."""
    one_draw: bool = False
    """Of a traced module: whether it is another network when it is called again (layers dropped by chance)."""

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """Every layer with the map that enters it and the one that leaves it. All problems that do not follow from one
        another are raised together, as SpecError."""
        rows, problems = walk(self.input, self.nodes, self.path)
        if problems:
            raise SpecError(problems)
        return tuple(rows)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The spatial sizes of the input; of a vector, one place."""
        return sizes_of(self.input)

    @property
    def inputs(self) -> tuple[Port, ...]:
        """What it reads: the image, and of a traced model all else that its forward takes."""
        return self.given or (Port("input", 0, self.input),)

    @property
    def images(self) -> tuple[Port, ...]:
        """The inputs that have places, and so fields: all but vectors and single numbers, and the one in node 0."""
        return tuple(port for port in self.inputs if not port.node or not self.rows[port.node - 1].out.flat)

    @property
    def of(self) -> str:
        """The input whose fields the rows state, where there are several to choose from; else nothing."""
        return next(port.name for port in self.inputs if not port.node) if len(self.images) > 1 else ""

    @property
    def outputs(self) -> tuple[Port, ...]:
        """What it returns: the last map, or all that a traced model's forward returns."""
        return self.returned or (Port("output", len(self.nodes), self.out.shape),)

    def seen_from(self, source: Port) -> tuple[FeatureMap, ...]:
        """Every map with the field that its units have on one of the inputs; maps[0] is the image, maps[i] the i-th
        layer's."""
        if not source.node:
            return (image_of(self.input), *(row.out for row in self.rows))
        maps, budget = [blind(image_of(self.input))], Budget()
        for row in self.rows:
            out, budget = output_within(row.layer, [maps[i] for i in row.node.inputs], budget)
            maps.append(lit(out) if row.index == source.node else out)
        return tuple(maps)

    @property
    def out(self) -> FeatureMap:
        """The last layer's map."""
        return self.rows[-1].out

    @cached_property
    def params(self) -> int:
        """Weights, biases and affine norm parameters; buffers do not count."""
        return sum(row.params for row in self.rows)

    @property
    def macs(self) -> int | None:
        """None when those of a layer are unknown; `known_macs` has the others."""
        return None if self.uncounted else self.known_macs

    @cached_property
    def known_macs(self) -> int:
        """Multiply-adds for one image, of the layers whose are known."""
        return sum(row.macs or 0 for row in self.rows)

    @cached_property
    def uncounted(self) -> tuple[str, ...]:
        """The layers whose MACs are unknown."""
        return tuple(row.name for row in self.rows if row.macs is None)

    @cached_property
    def live(self) -> Mapping[int, int]:
        """For every layer that the output depends on, and the image (0), the last layer that reads it."""
        return last_uses(self.nodes)

    @cached_property
    def global_row(self) -> Row | None:
        """The first layer that sees the whole map on every axis and that everything after it depends on alone."""
        spans = self.live
        reach = spans.get(0, 0)
        for row in self.rows:
            if row.index in spans:
                if reach <= row.index and row.sees_whole_map:
                    return row
                reach = max(reach, spans[row.index])
        return None

    @property
    def receptive_field(self) -> ReceptiveField:
        """
        >>> import rfcalc
        >>> rfcalc.load("s9").receptive_field
        ReceptiveField(before_global_pool=(103, 103), after_global_pool=(119, 119))
        """
        after = fields_of(self.out)
        return ReceptiveField(fields_of(self.global_row.x) if self.global_row else after, after)

    def __getitem__(self, name: str) -> Row:
        """The row of the layer with that name; raises RfcalcError with the names that are near."""
        for row in self.rows:
            if row.name == name:
                return row
        raise RfcalcError(unknown_name(name, [node.name for node in self.nodes], f"{self.name} has no layer"))

    def rows_of(self, name: str | None) -> tuple[Row, ...]:
        """The row of a layer, or the rows of a block; none where there is neither.

        >>> import rfcalc
        >>> [row.name for row in rfcalc.load("s9").rows_of("C1")]
        ['C1.conv', 'C1.relu', 'C1.batch_norm', 'C1.dropout']
        """
        return tuple([row for row in self.rows if name and belongs(row.name, name)])

    def sources(self, row: Row) -> tuple[str, ...]:
        """The names of the layers that a row reads; the image is called input."""
        return tuple([self.nodes[i - 1].name if i else "input" for i in row.node.inputs])

    # What people read is made in the report room, which knows this one. A notebook and `print` ask the value itself,
    # so here, and nowhere else, an arrow goes the other way; it is followed on first use.

    def table(self, all_layers: bool = False, count: str = "macs") -> Table:
        """The rows as a table; layers that change nothing are folded away unless `all_layers`. `count` says whose count
        the column of MACs holds (docs/counting.md)."""
        from ..report.table import Table

        return Table(self, all_layers, count)

    def __str__(self) -> str:
        return "\n".join(self.table().totals)

    def __repr__(self) -> str:
        return f"<Arch {self.name}: {len(self.nodes)} layers, input {shape_text(self.input)}>"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def belongs(layer: str, name: str) -> bool:
    """Whether a layer is the one of that name, or stands in the block of that name."""
    return layer == name or layer.startswith(f"{name}.")


def fields_of(x: FeatureMap) -> PerAxisValue:
    return tuple(axis.receptive_field for axis in x.axes)


def last_readers(inputs: Sequence[tuple[int, ...]]) -> dict[int, int]:
    """For every map that is read, the last layer that reads it, whether or not the output depends on that. `inputs`
    holds what each layer reads; the image is 0, layers count from 1."""
    return {source: index for index, sources in enumerate(inputs, 1) for source in sources}


def last_uses(nodes: Sequence[Node], outputs: Sequence[int] = ()) -> dict[int, int]:
    """For every node that the last one, or an output, depends on, and the image (0), the last node that reads it."""
    uses = {index: index for index in (len(nodes), *outputs)}
    for index in range(len(nodes), 0, -1):
        if index in uses:
            for source in nodes[index - 1].inputs:
                uses.setdefault(source, index)
    return uses


def worked_out(arch: Arch, maps: Sequence[FeatureMap]) -> Arch:
    """The network with its rows, where whoever made it knows already what flows between its layers (0: the image)."""
    rows = tuple(
        row_of(i, node, tuple([maps[k] for k in node.inputs]), maps[i], arch.sizes)
        for i, node in enumerate(arch.nodes, 1)
    )
    arch.__dict__["rows"] = rows  # the cached property, filled before its first use
    return arch


def walk(shape: tuple[int, ...], nodes: Sequence[Node | None], path: str) -> tuple[list[Row], list[str]]:
    """Rows of the layers that can be worked out, and a problem for each that cannot take its input; what depends on
    such a layer, or on one that could not be read (None), is passed over."""
    maps: list[FeatureMap | None] = [image_of(shape)]
    rows, problems, budget = [], [], Budget()
    for index, node in enumerate(nodes, 1):
        out = None
        if node and None not in (inputs := tuple([maps[i] for i in node.inputs])):
            layer = node.layer
            try:
                out, budget = output_within(layer, inputs, budget)  # type: ignore[arg-type]
            except ShapeError as error:
                problems.append(f"{place(path, node.line)}{node.name} ({layer.op}): {error}")
            else:
                rows.append(row_of(index, node, inputs, out, sizes_of(shape)))  # type: ignore[arg-type]
        maps.append(out)
    return rows, problems


def row_of(index: int, node: Node, inputs: tuple[FeatureMap, ...], out: FeatureMap, image: tuple[int, ...] = ()) -> Row:
    layer = node.layer
    x = out if layer.joins else inputs[0]
    params = layer.params(x) if node.params is None else node.params
    macs = layer.macs(x, out) if node.macs is None else node.macs
    return Row(index, node, inputs, out, params, macs, image)


def image_axes(sizes: tuple[int, ...]) -> tuple[Axis, ...]:
    axes = {size: Axis.image(size) for size in sizes}
    return tuple(axes[size] for size in sizes)


def sizes_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The spatial sizes of an input: channels, then sizes; a vector has channels at one place."""
    return shape[1:] or (1,)


def image_of(shape: tuple[int, ...]) -> FeatureMap:
    """An input as the map that it is, each of its units seeing itself.

    >>> str(image_of((3, 32, 32))), str(image_of((16,)))
    ('3x32x32', '16')
    """
    return FeatureMap(shape[0], image_axes(sizes_of(shape)), flat=len(shape) == 1)


def demand_one_input(arch: Arch, what: str) -> None:
    """Raises RfcalcError for a network of several inputs, which `what` (a spec, a written module) cannot hold."""
    if len(arch.inputs) > 1:
        names = ", ".join(port.name for port in arch.inputs)
        raise RfcalcError(f"{arch.name} has {len(arch.inputs)} inputs ({names}): {what} has one")


def features_of(arch: Arch) -> set[str]:
    """What a network uses, in the words of must_use and must_not_use."""
    rows = [row for row in arch.rows if row.node.inputs]  # a further input of the network is no layer of it
    words = {word for row in rows for word in (row.layer.op, *row.layer.features(row.x))}
    after: set[int] = set()
    for row in rows:
        before = row.node.inputs[0] in after
        if before and mixes_channels(row.layer, row.x):
            words.add("depthwise_separable")
        if carries_depthwise(row.layer, row.x, before):
            after.add(row.index)
    return words


def carries_depthwise(layer: Layer, x: FeatureMap, before: bool) -> bool:
    """Whether what leaves a layer comes from a depthwise one, with norms and activations between at most; `before` says
    so of the map that enters."""
    return "depthwise" in layer.features(x) or (layer.pointwise and before)


def mixes_channels(layer: Layer, x: FeatureMap) -> bool:
    """Whether a layer can end a depthwise separable pair: a 1x1 convolution that is not depthwise itself."""
    is_1x1 = isinstance(layer, Conv) and max(layer.kernel_size) == 1
    return is_1x1 and "depthwise" not in layer.features(x)
