"""The graph that a running module leaves behind: its layers, what flows between them, and how tensors hold it.

Works on shapes alone. What cannot be said in layers raises `Unfit`; the caller then falls back to what is true of any
function of its inputs: no unit sees more than all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

from .arch import Node, image_axes
from .errors import RfcalcError
from .geometry import FeatureMap
from .ops import Layer
from .spec import make
from .torch_layout import (
    BATCH,
    CHANNEL,
    REPEAT,
    Atom,
    Dims,
    atoms_of,
    canonical,
    is_channels,
    renumbered,
    run_of,
    shape_of,
    size_of,
    values_of,
    with_run,
    without,
)


class Unfit(Exception):
    """No layer type says what an operation does with the dimensions of its tensor."""


class TakenApart(Exception):
    """The program takes the images of a batch one by one, so that it must be given one."""


class Map(NamedTuple):
    """A tensor that holds what a node made: the node (0: the image), and where its values stand."""

    node: int
    dims: Dims


class Roles(NamedTuple):
    """Which dimension of a tensor holds the channels, and which the axes; the others hold the batch."""

    channel: int | None
    spatial: tuple[int, ...]


@dataclass(slots=True, eq=False)
class Frame:
    """One call of a module: its path, the call that it is part of, and how many layers came out of it, those of its
    parts included. Layers that only say how a view came to be count for none."""

    path: str
    outer: Frame | None = None
    count: int = 0

    def add(self, number: int) -> None:
        frame: Frame | None = self
        while frame is not None:
            frame.count += number
            frame = frame.outer


class Draft(NamedTuple):
    """A layer before it has a name."""

    layer: Layer
    inputs: tuple[int, ...]
    params: int | None
    macs: int | None
    frame: Frame
    label: str
    aside: bool


@lru_cache(maxsize=4096)
def made(op: str, axes: int, settings: tuple[tuple[str, Any], ...]) -> Layer:
    return make(op, axes, **dict(settings))


def hashable(value: Any) -> Any:
    return tuple(map(hashable, value)) if isinstance(value, list | tuple) else value


class Graph:
    """Grows a layer at a time; `maps[i]` is what node i makes, `maps[0]` the image."""

    def __init__(self, shape: tuple[int, ...], batch: int) -> None:
        self.axes, self.batch = len(shape) - 1, batch
        self.maps = [FeatureMap(shape[0], image_axes(shape[1:]))]
        self.drafts: list[Draft] = []
        self.frame = Frame("")
        self.viewed: dict[Map, Frame] = {}
        self.settled: dict[Map, Map] = {}
        self.shaped: dict[Map, Map] = {}

    def emit(
        self, op: str, inputs: Sequence[int], params: int = 0, macs: int | None = None, label: str = "",
        view: Map | None = None, **settings: Any,
    ) -> int:  # fmt: skip
        """A new layer; `params` is what it holds, `label` its name where no module gives one, `view` the view that it
        says in layers. Returns its node."""
        try:
            layer = made(op, self.axes, tuple((key, hashable(value)) for key, value in settings.items()))
            maps = tuple([self.maps[i] for i in inputs])
            out = layer.output(maps)
        except RfcalcError as error:
            raise Unfit(str(error)) from None
        x = out if layer.joins else maps[0]
        held = None if params == layer.params(x) else params
        macs = None if macs is None or macs == layer.macs(x, out) else macs
        frame = self.frame if view is None else self.viewed.get(view, self.frame)
        self.drafts.append(Draft(layer, tuple(inputs), held, macs, frame, label or op, view is not None))
        self.maps.append(out)
        if view is None:
            frame.add(1)
        return len(self.drafts)

    def rewind(self, mark: int) -> None:
        """Takes back the layers behind the first `mark`."""
        for draft in self.drafts[mark:]:
            if not draft.aside:
                draft.frame.add(-1)
        del self.drafts[mark:], self.maps[mark + 1 :]
        for found in (self.settled, self.shaped):
            for m in [m for m, out in found.items() if out.node > mark]:
                del found[m]

    def nodes(self) -> tuple[Node, ...]:
        """The layers, named: after their module where it made no other, else after the module and what they do."""
        taken = {"input": 1}
        out = []
        for draft in self.drafts:
            alone = draft.frame.path and draft.frame.count == (0 if draft.aside else 1)
            base = draft.frame.path if alone else f"{draft.frame.path}.{draft.label}".lstrip(".")
            name = base = "".join("_" if c.isspace() or c == "$" else c for c in base)
            while name in taken:
                taken[base] = taken.get(base, 1) + 1
                name = f"{base}_{taken[base]}"
            taken[name] = 1
            out.append(Node(name, draft.layer, draft.inputs, None, draft.params, draft.macs))
        return tuple(out)

    def home(self, node: int) -> Map:
        """What a node makes, as torch's layers have it."""
        x = self.maps[node]
        return Map(node, canonical(self.batch, x.channels, x.sizes, x.flat))

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
        batch = [i for i, run in enumerate(m.dims) if any(atom.axis == BATCH for atom in run)]
        if not batch and full and channel != 0:
            batch = [0]
        return Roles(channel, tuple(i for i in range(length) if i != channel and i not in batch))

    def places(self, m: Map, dims: Iterable[int]) -> list[int | None]:
        """The axis that each of the given dimensions is; None for one of size 1 that is none."""
        x = self.maps[m.node]
        free = [i for i, size in enumerate(x.sizes) if size == 1 and not x.flat]
        found: list[int | None] = []
        for place, dim in enumerate(dims):
            run = m.dims[dim]
            axis = run[0].axis if run else None
            if axis is not None and (axis < 0 or run != run_of(axis, x.sizes[axis])):
                raise Unfit("a dimension that is no axis")
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

    # --- dimensions brought into order ---

    def settle(self, m: Map) -> Map:
        """The tensor with channels and axes each in a dimension of their own again, wherever a layer says how its
        dimensions came to be: flatten, space to depth, depth to space, channel shuffle."""
        if len(m.dims) > 2 and all(len(run) < 2 and (not run or run[0].step == 1) for run in m.dims):
            return m
        if m not in self.settled:
            out = m
            for step in (self._flattened, self._space_to_depth, self._depth_to_space, self._shuffled):
                out = step(out)
            self.settled[m] = out
        return self.settled[m]

    def _flattened(self, m: Map) -> Map:
        x = self.maps[m.node]
        for i, run in enumerate(m.dims):
            plain = all(atom.axis >= CHANNEL for atom in run) and (len(run) > 1 or len(m.dims) <= 2)
            if plain and size_of(run) == x.elements > x.channels:
                return Map(self.emit("flatten", [m.node], view=m), with_run(m.dims, i, run_of(CHANNEL, x.elements)))
        return m

    def _space_to_depth(self, m: Map) -> Map:
        """An axis cut into patches, whose places stand by themselves: they become channels."""
        x, factors = self.maps[m.node], [1] * self.axes
        inner: list[Atom] = []
        for axis in range(self.axes):
            atoms = sorted(atoms_of(m.dims, axis), key=lambda atom: atom.step)
            if len(atoms) > 2:
                raise Unfit("an axis in more than two parts")
            if len(atoms) == 2:
                factors[axis] = atoms[0].size
                inner.append(atoms[0])
        if not inner:
            return m
        exact = len(set(factors)) == 1 and (*run_of(CHANNEL, x.channels), *inner) in m.dims
        if exact and self.axes == 2:
            node = self.emit("pixel_unshuffle", [m.node], view=m, downscale_factor=factors[0])
        else:
            node = self.emit("unfold", [m.node], view=m, kernel_size=factors, stride=factors)
        return Map(node, self._unstepped(renumbered(m.dims, [*inner, *atoms_of(m.dims, CHANNEL)])))

    @staticmethod
    def _unstepped(dims: Dims) -> Dims:
        """What is left of axes whose inner parts have gone elsewhere."""
        return tuple(tuple(atom._replace(step=1) if atom.axis >= 0 else atom for atom in run) for run in dims)

    def _depth_to_space(self, m: Map) -> Map:
        """Channels that stand behind the places of an axis: each place becomes a patch."""
        x, factors = self.maps[m.node], [1] * self.axes
        behind = [run[1:] for run in m.dims if len(run) > 1 and run[0].axis >= 0 and is_channels(run[1:])]
        for run in m.dims:
            if run[1:] in behind:
                factors[run[0].axis] = size_of(run[1:])
        if not behind:
            return m
        rest, r = x.channels // prod(factors), factors[0]
        exact = behind == [(Atom(CHANNEL, r, r),), (Atom(CHANNEL, r, 1),)] and self.axes == 2
        if exact and (rest == 1 or (Atom(CHANNEL, rest, r * r),) in m.dims):
            node = self.emit("pixel_shuffle", [m.node], view=m, upscale_factor=r)
        else:
            named: dict[str, Any] = {"label": "rearrange", "operation": "rearrange"}
            node = self.emit("channel_mix", [m.node], view=m, out_channels=rest, **named)
            node = self.emit("upsample", [node], view=m, scale_factor=factors)
        grown = tuple(
            (Atom(run[0].axis, run[0].size * factors[run[0].axis]),) if run[1:] in behind else run for run in m.dims
        )
        return Map(node, renumbered(grown, atoms_of(grown, CHANNEL)))

    def _shuffled(self, m: Map) -> Map:
        """Channels in another order."""
        channels = self.maps[m.node].channels
        for i, run in enumerate(m.dims):
            if len(run) > 1 and is_channels(run) and size_of(run) == channels:
                if len(run) == 2 and run[0].step == 1:
                    node = self.emit("channel_shuffle", [m.node], view=m, groups=run[1].size)
                else:
                    named: dict[str, Any] = {"label": "permute", "operation": "permute"}
                    node = self.emit("channel_mix", [m.node], view=m, out_channels=channels, **named)
                return Map(node, with_run(m.dims, i, run_of(CHANNEL, channels)))
        return m

    def as_map(self, m: Map) -> Map:
        """The tensor as a map with axes: settled, repeats written out, and given axes where it has lost them but its
        shape (batch, channels, sizes…) names them."""
        if m not in self.shaped:
            self.shaped[m] = self._as_map(self.settle(m))
        return self.shaped[m]

    def _as_map(self, m: Map) -> Map:
        if len(m.dims) != self.axes + 2:
            return m
        x, home, plain = self.maps[m.node], self.home(m.node), without(m.dims, REPEAT)
        channels, *sizes = shape_of(plain)[1:]
        out = Map(m.node, plain)
        if x.flat or max(x.sizes) == 1 < max(sizes):
            values = [atom for run in plain[1:] for atom in run]
            if any(atom.axis != CHANNEL for atom in values) or values != sorted(values, key=lambda atom: -atom.step):
                raise Unfit("a flat map's values in another order")
            out = self.home(self.emit("unflatten", [m.node], view=m, out_channels=channels, size=sizes))
        elif plain not in (m.dims, home.dims):
            raise Unfit("repeated values")
        if plain != m.dims:
            channels, *sizes = shape_of(m.dims)[1:]
            out = self.home(self.emit("expand", [out.node], view=m, out_channels=channels, size=sizes))
        return out

    def fold(self, m: Map) -> Map:
        """The tensor as a map or, where no layer says how, as it is: it may meet its like."""
        mark = len(self.drafts)
        try:
            return self.settle(m)
        except Unfit:
            self.rewind(mark)
            return m
