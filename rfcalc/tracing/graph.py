"""The graph that a running module leaves behind: its layers, what flows between them, and how tensors hold it.

Works on shapes alone. What cannot be said in layers raises `Unsupported`; the caller then falls back to what is true of
any function of its inputs: no unit sees more than all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from ..engine.arch import Node, image_of
from ..engine.geometry import FeatureMap
from ..engine.layers import Layer
from ..engine.layers.base import Budget, make, output_within
from ..engine.layers.sources import Source
from ..errors import RfcalcError
from .dims import BATCH_AXIS, CHANNEL, AtomRun, Dims, canonical, repeats, run_of, values_of


class Unsupported(Exception):
    """No layer type says what an operation does with the dimensions of its tensor."""


class TakenApart(Exception):
    """The program takes the images of a batch one by one, or lays them out among its places, where nobody could tell
    them from places: it must be given one image."""


class Map(NamedTuple):
    """A tensor that holds what a node made: the node (0: the image), and where its values stand."""

    node: int
    dims: Dims


class Roles(NamedTuple):
    """Which dimension of a tensor holds the channels, and which the axes; the others hold the batch."""

    channel: int | None
    spatial: tuple[int, ...]


@dataclass(slots=True, eq=False)
class CallFrame:
    """One call of a module: its path, the call that it is part of, and how many layers came out of it, those of its
    parts included. Layers that only say how a view came to be count for none."""

    path: str
    outer: CallFrame | None = None
    count: int = 0

    def add(self, number: int) -> None:
        frame: CallFrame | None = self
        while frame is not None:
            frame.count += number
            frame = frame.outer


class LayerDraft(NamedTuple):
    """A layer before it has a name."""

    layer: Layer
    inputs: tuple[int, ...]
    params: int | None
    macs: int | None
    frame: CallFrame
    label: str
    aside: bool


def is_alone(draft: LayerDraft) -> bool:
    """Whether a layer is the only one that its module makes, whose name it bears."""
    return bool(draft.frame.path) and draft.frame.count == (0 if draft.aside else 1)


@lru_cache(maxsize=4096)
def made_layer(op: str, axes: int, settings: tuple[tuple[str, Any], ...]) -> Layer:
    return make(op, axes, **dict(settings))


def hashable(value: Any) -> Any:
    return tuple(map(hashable, value)) if isinstance(value, list | tuple) else value


class Graph:
    """Grows a layer at a time; `maps[i]` is what node i makes, `maps[0]` the image."""

    def __init__(self, shape: tuple[int, ...], batch: int, strict: bool = True) -> None:
        self.batch, self.strict = batch, strict
        self.maps: list[FeatureMap] = [image_of(shape)]
        self.axes = len(self.maps[0].axes)
        self.budgets = [Budget()]
        self.batches: list[AtomRun] = [run_of(BATCH_AXIS, batch)]
        self.drafts: list[LayerDraft] = []
        self.frame = CallFrame("")
        self.viewed: dict[Map, CallFrame] = {}
        self.settled: dict[Map, Map] = {}
        self.shaped: dict[Map, Map] = {}

    def pointwise(self, m: Map, op: str, params: int = 0, **settings: Any) -> Map:
        """A layer that works on each value where it stands."""
        out = Map(self.emit(op, [m.node], params, **settings), m.dims)
        if m in self.viewed:
            self.viewed[out] = self.viewed[m]
        return out

    def function(self, m: Map, name: str, params: int = 0) -> Map:
        """A function of each value that has no layer type of its own, with the weights it may hold."""
        return Map(self.emit("pointwise", [m.node], params, None, name, operation=name), m.dims)

    def view(self, m: Map) -> Map:
        """Remembers which module made a view, whose name a layer that says it in the end shall bear."""
        self.viewed.setdefault(m, self.frame)
        return m

    def mix(
        self, node: int, operation: str, out_channels: int, params: int = 0, macs: int | None = None,
        view: Map | None = None,
    ) -> int:  # fmt: skip
        """A layer that makes channels of the channels at the same place, by the named operation; its node."""
        named: dict[str, Any] = {"operation": operation, "out_channels": out_channels}
        return self.emit("channel_mix", [node], params, macs, operation, view, **named)

    def emit(
        self, op: str, inputs: Sequence[int], params: int = 0, macs: int | None = None, label: str = "",
        view: Map | None = None, batch: AtomRun | None = None, copies: int = 0, **settings: Any,
    ) -> int:  # fmt: skip
        """A new layer; `params` is what it holds, `label` its name where no module gives one, `view` the view that it
        says in layers, `batch` the dimension of its images where it differs from its inputs', `copies` how often it
        works on each image where its inputs do not tell. Returns its node."""
        try:
            layer = made_layer(op, self.axes, tuple((key, hashable(value)) for key, value in settings.items()))
            maps = tuple([self.maps[i] for i in inputs])
            out, left = output_within(layer, maps, self.budgets[-1])
        except RfcalcError as error:
            raise Unsupported(str(error)) from None
        x = out if layer.joins else maps[0]
        held = None if params == layer.params(x) else params
        batch = max((self.batches[i] for i in inputs), key=lambda run: repeats([run])) if batch is None else batch
        own, copies = layer.macs(x, out), copies or repeats([batch])
        macs = own * copies if macs is None and own and copies > 1 else macs
        macs = None if macs == own else macs
        frame = self.frame if view is None else self.viewed.get(view, self.frame)
        self.drafts.append(LayerDraft(layer, tuple(inputs), held, macs, frame, label or op, view is not None))
        self.maps.append(out)
        self.budgets.append(left)
        self.batches.append(batch)
        if view is None:
            frame.add(1)
        return len(self.drafts)

    def source(
        self, name: str, kind: type[Source], channels: int, sizes: tuple[int, ...], dims: Dims, params: int = 0
    ) -> Map:
        """A further input, or what holds nothing of the image but so many parameters; flat without sizes."""
        layer = kind(channels, sizes + (1,) * (self.axes - len(sizes)), not sizes)
        self.drafts.append(LayerDraft(layer, (), params or None, None, self.frame, name, False))
        self.maps.append(layer.output(()))
        self.budgets.append(self.budgets[-1])
        self.batches.append(self.batches[0])
        return Map(len(self.drafts), dims)

    def rewind(self, mark: int) -> None:
        """Takes back the layers after the first `mark`."""
        for draft in self.drafts[mark:]:
            if not draft.aside:
                draft.frame.add(-1)
        del self.drafts[mark:], self.maps[mark + 1 :], self.budgets[mark + 1 :]
        del self.batches[mark + 1 :]
        for found in (self.settled, self.shaped):
            for m in [m for m, out in found.items() if out.node > mark]:
                del found[m]

    def nodes(self) -> tuple[Node, ...]:
        """The layers, named: after their module where it made no other, else after the module and what they do."""
        taken = {"input": 1}
        out = []
        for draft in self.drafts:
            alone = is_alone(draft)
            base = draft.frame.path if alone else f"{draft.frame.path}.{draft.label}".lstrip(".")
            name = base = "".join("_" if c.isspace() or c == "$" else c for c in base)
            while name in taken:
                taken[base] = taken.get(base, 1) + 1
                name = f"{base}_{taken[base]}"
            taken[name] = 1
            out.append(Node(name, draft.layer, draft.inputs, None, draft.params, draft.macs))
        return tuple(out)

    def functions(self, nodes: Sequence[Node]) -> frozenset[str]:
        """The names of the layers that are calls of functions, or tensors joined, not modules of their own."""
        return frozenset(
            node.name for node, draft in zip(nodes, self.drafts, strict=True) if draft.aside or not is_alone(draft)
        )

    def home(self, node: int) -> Map:
        """What a node makes, as torch's layers have it."""
        x = self.maps[node]
        return Map(node, (self.batches[node], *canonical(self.batch, x.channels, x.sizes, x.flat)[1:]))

    def holds(self, m: Map) -> bool:
        """Whether the dimensions hold each value of the map once."""
        return values_of(m.dims) == self.maps[m.node].elements

    def roles(self, m: Map) -> Roles:
        """What the dimensions of a settled tensor stand for."""
        x, length = self.maps[m.node], len(m.dims)
        whole = run_of(CHANNEL, x.channels)
        full = length == self.axes + 2
        if whole:
            channel = next((i for i, run in enumerate(m.dims) if run == whole), None)
        else:  # one channel: where torch has it, or last where its place holds an axis
            channel = None if not full else 1 if not m.dims[1] else length - 1 if not m.dims[-1] else None
        batch = [i for i, run in enumerate(m.dims) if any(atom.axis == BATCH_AXIS for atom in run)]
        if not batch and full and channel != 0:
            batch = [0]
        return Roles(channel, tuple(i for i in range(length) if i != channel and i not in batch))

    def places(self, m: Map, dims: Iterable[int]) -> list[int | None]:
        """The axis that each of the given dimensions is; None for one of size 1 that is none: where there are more
        dimensions than axes, those in front were added."""
        x, dims = self.maps[m.node], list(dims)
        free = [i for i, size in enumerate(x.sizes) if size == 1 and not x.flat]
        found: list[int | None] = []
        for place, dim in enumerate(dims, min(self.axes - len(dims), 0)):
            run = m.dims[dim]
            axis = run[0].axis if run else None
            if axis is not None and (axis < 0 or run != run_of(axis, x.sizes[axis])):
                raise Unsupported("a dimension that is no axis")
            if axis is None and place in free:
                axis = place
                free.remove(place)
            found.append(axis)
        return [free.pop(0) if axis is None and free else axis for axis in found]

    def spread(self, node: int, m: Map, axes: dict[int, int | None]) -> Map:
        """The map of a node that left the order of dimensions alone: channels and axes in their new sizes."""
        x = self.maps[node]
        old = self.maps[m.node].channels
        dims = [run_of(CHANNEL, x.channels) if run and run == run_of(CHANNEL, old) else run for run in m.dims]
        for dim, axis in axes.items():
            dims[dim] = () if axis is None else run_of(axis, x.sizes[axis])
        return Map(node, tuple(dims))
