"""The one graph that every door leads to: named nodes in topological order, and the walk that turns them into rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import RfcalcError, ShapeError, SpecError
from .geometry import Axis, FeatureMap, Number, Window
from .ops import Layer

if TYPE_CHECKING:
    from .findings import Finding
    from .tables import Table

MAX_PHASES = 2**18
"""The most fields, beside the first of each map, that are worked out in one network; more would take minutes."""

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
    functional: bool = False
    """Called without a module of its own (torch.nn.functional): a torchsummary print has no row for it."""
    containers: tuple[str, ...] = ()
    """Classes of modules that end with this layer and print a row of their own, the innermost first."""


class ReceptiveField(NamedTuple):
    """The field per axis: of the map that enters the first layer that sees the whole map, and of the last layer."""

    before_global_pool: PerAxisValue
    after_global_pool: PerAxisValue


@dataclass(frozen=True, slots=True)
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
        return self.node.name

    @property
    def layer(self) -> Layer:
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
        return self.layer.windows(self.x)

    @property
    def groups(self) -> int | None:
        groups_of = getattr(self.layer, "groups_of", None)
        return groups_of(self.x) if groups_of else None

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


@dataclass(frozen=True)
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

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        return trace(self)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The spatial sizes of the input."""
        return self.input[1:]

    @property
    def out(self) -> FeatureMap:
        return self.rows[-1].out

    @cached_property
    def params(self) -> int:
        return sum(row.params for row in self.rows)

    @property
    def macs(self) -> int | None:
        """None when those of a layer are unknown; `known_macs` has the others."""
        return None if self.uncounted else self.known_macs

    @cached_property
    def known_macs(self) -> int:
        return sum(row.macs or 0 for row in self.rows)

    @cached_property
    def uncounted(self) -> tuple[str, ...]:
        """The layers whose MACs are unknown."""
        return tuple(row.name for row in self.rows if row.macs is None)

    @cached_property
    def global_row(self) -> Row | None:
        """The first layer that sees the whole map on every axis and that everything behind it depends on alone."""
        spans = last_uses(self.nodes)
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

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        from .findings import find

        return tuple(find(self))

    def table(self, all_layers: bool = False) -> Table:
        """The rows as a table; layers that change nothing are folded away unless `all_layers`."""
        from .tables import Table

        return Table(self, all_layers)

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    def __getitem__(self, name: str) -> Row:
        """The row of the layer with that name; raises RfcalcError with the names that are near."""
        for row in self.rows:
            if row.name == name:
                return row
        raise RfcalcError(unknown_name(name, [node.name for node in self.nodes], f"{self.name} has no layer"))


def unknown_name(name: str, known: Sequence[str], fact: str) -> str:
    from difflib import get_close_matches

    near = [other for other in known if other.lower() == name.lower()] or get_close_matches(name, known[:5000], 1, 0.5)
    return f"{fact} {name!r}" + (f": did you mean {near[0]}?" if near else "")


def fields_of(x: FeatureMap) -> PerAxisValue:
    return tuple(axis.receptive_field for axis in x.axes)


def last_uses(nodes: Sequence[Node]) -> dict[int, int]:
    """For every node that the last one depends on, and the image (0), the last node that reads it."""
    uses = {len(nodes): len(nodes)}
    for index in range(len(nodes), 0, -1):
        if index in uses:
            for source in nodes[index - 1].inputs:
                uses.setdefault(source, index)
    return uses


def trace(arch: Arch) -> tuple[Row, ...]:
    """Walks the layers once. All problems that do not follow from one another are raised together, as SpecError."""
    rows, problems = walk(arch.input, arch.nodes, arch.path)
    if problems:
        raise SpecError(problems)
    return tuple(rows)


def walk(shape: tuple[int, ...], nodes: Sequence[Node | None], path: str) -> tuple[list[Row], list[str]]:
    """Rows of the layers that can be worked out, and a problem for each that cannot take its input; what depends on
    such a layer, or on one that could not be read (None), is passed over."""
    maps: list[FeatureMap | None] = [FeatureMap(shape[0], image_axes(shape[1:]))]
    rows, problems, phases = [], [], 0
    for index, node in enumerate(nodes, 1):
        out = None
        if node and None not in (inputs := tuple([maps[i] for i in node.inputs])):
            layer = node.layer
            try:
                made = layer.output(inputs)  # type: ignore[arg-type]
                if not layer.pointwise and (phases := phases + phases_of(made)) > MAX_PHASES:
                    raise ShapeError(f"up to here units look {phases:,} different ways in turn, over {MAX_PHASES:,}")
                out = made
            except ShapeError as error:
                problems.append(f"{place(path, node.line)}{node.name} ({layer.op}): {error}")
            else:
                x: FeatureMap = out if layer.joins else inputs[0]  # type: ignore[assignment]
                params = layer.params(x) if node.params is None else node.params
                macs = layer.macs(x, out) if node.macs is None else node.macs
                rows.append(Row(index, node, inputs, out, params, macs, shape[1:]))  # type: ignore[arg-type]
        maps.append(out)
    return rows, problems


def phases_of(x: FeatureMap) -> int:
    return sum([len(strand.fields) - 1 for axis in x.axes for strand in axis.strands])


def image_axes(sizes: tuple[int, ...]) -> tuple[Axis, ...]:
    axes = {size: Axis.image(size) for size in sizes}
    return tuple(axes[size] for size in sizes)


def place(path: str, line: int | None = None) -> str:
    """`file:line: `, as much of it as is known."""
    parts = [path] if path else []
    if line is not None:
        parts.append(str(line) if path else f"line {line}")
    return ":".join(parts) + ": " if parts else ""
