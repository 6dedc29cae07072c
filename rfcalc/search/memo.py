"""The engine's answers, each asked for once: what a layer makes of a map, for layers and maps that come back many
thousand times in a search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..engine.arch import Node, carries_depthwise, image_of, mixes_channels, row_of
from ..engine.geometry import Axis, FeatureMap
from ..engine.layers import Conv, Layer
from ..engine.layers.base import Budget, output_within
from ..errors import ShapeError

SEPARABLE_WORD = "depthwise_separable"
UNCOUNTED = 1 << 61
"""Stands among the words for a layer whose MACs are unknown: what holds it has no number of MACs."""
BUDGET = Budget()
PHASES_ALLOWED = BUDGET.phases
"""The engine's own limit: networks whose units look in more ways are not searched."""


class Handle(NamedTuple):
    """A map in a state: which one, whether it comes from a depthwise layer (None for the image itself), and, once a
    layer has seen the whole map, which one and the field in front of it (0 where unknown)."""

    map: int
    depthwise: bool | None
    whole: tuple[int, int] | None


class Made(NamedTuple):
    """What a layer makes of its maps: the number of the map, whether it comes from a depthwise layer, costs, the wanted
    words it answers to, ways in which units look in turn, and the field in front of it if it sees the whole map."""

    map: int
    depthwise: bool
    params: int
    macs: int
    words: int
    phases: int
    whole: int | None


class Costs(NamedTuple):
    """What shapes alone decide about a layer: costs, the wanted words it answers to, whether what leaves it comes from
    a depthwise layer, and whether it sees the whole map."""

    params: int
    macs: int
    words: int
    depthwise: bool
    sees_whole: bool


class Memo:
    """Maps, handles and layers by number, and what came of them. `words` are the features that are watched.

    Where units look does not depend on channels, and costs depend on shapes alone: a convolution's axes are worked out
    once for each window, its costs once for each shape, however many maps it meets.
    """

    def __init__(self, words: Sequence[str], with_field: bool) -> None:
        self.words = {word: 1 << i for i, word in enumerate(words)}
        self.with_field = with_field
        self.maps: list[FeatureMap] = []
        self.handles: list[Handle] = []
        self.refused: tuple[Node, str] | None = None
        """The first layer that could not take its maps, and why."""
        self._maps: dict[tuple[int, int, bool], int] = {}
        self._axes: list[int] = []
        """Of each map its axes, by number; of each its shape, likewise."""
        self._shapes: list[int] = []
        self._all_axes: list[tuple[Axis, ...]] = []
        self._axes_numbers: dict[tuple[Axis, ...], int] = {}
        self._shape_numbers: dict[tuple[int, tuple[int, ...], bool], int] = {}
        self._window_numbers: dict[tuple[Any, ...], int] = {}
        self._handles: dict[Handle, int] = {}
        self._bare: dict[int, int] = {}
        self._layers: dict[tuple[Layer, int | None, int | None], int] = {}
        self._made: dict[tuple[int, tuple[int, ...]], Made | None] = {}
        self._moved: dict[tuple[int, int], tuple[int, int] | None] = {}
        self._fits: dict[tuple[int, int], bool] = {}
        self._costs: dict[tuple[int, tuple[int, ...], int, bool], Costs] = {}

    def map_number(self, x: FeatureMap) -> int:
        axes = self._axes_numbers.setdefault(x.axes, len(self._all_axes))
        if axes == len(self._all_axes):
            self._all_axes.append(x.axes)
        return self._map(x.channels, axes, x.flat)

    def _map(self, channels: int, axes: int, flat: bool) -> int:
        """The number of the map with so many channels on axes that have a number."""
        key = channels, axes, flat
        number = self._maps.setdefault(key, len(self.maps))
        if number == len(self.maps):
            x = FeatureMap(channels, self._all_axes[axes], flat)
            self.maps.append(x)
            self._axes.append(axes)
            shape = channels, x.sizes, flat
            self._shapes.append(self._shape_numbers.setdefault(shape, len(self._shape_numbers)))
        return number

    def handle_number(self, handle: Handle) -> int:
        number = self._handles.setdefault(handle, len(self.handles))
        if number == len(self.handles):
            self.handles.append(handle)
        return number

    def image_handle(self, shape: tuple[int, ...]) -> int:
        return self.handle_number(Handle(self.map_number(image_of(shape)), None, None))

    def field_at(self, handle: int) -> int:
        """The field before global pooling of a network that ends there; 0 where it is unknown."""
        found = self.handles[handle]
        return found.whole[1] if found.whole else smallest_field(self.maps[found.map])

    def shape_alone(self, handle: int) -> int:
        """The handle of the same shape that says nothing of where units look."""
        if (found := self._bare.get(handle)) is None:
            at = self.handles[handle]
            x = self.maps[at.map]
            bare = FeatureMap(x.channels, tuple(Axis.image(size) for size in x.sizes), x.flat)
            found = self._bare[handle] = self.handle_number(Handle(self.map_number(bare), at.depthwise, None))
        return found

    def layer_number(self, node: Node) -> int:
        return self._layers.setdefault((node.layer, node.params, node.macs), len(self._layers))

    def common_whole(self, inputs: tuple[int, ...]) -> tuple[int, int] | None:
        """The first layer that saw the whole map and that all inputs depend on alone."""
        found = {self.handles[i].whole for i in inputs}
        return found.pop() if len(found) == 1 else None

    def output(self, number: int, node: Node, inputs: tuple[int, ...]) -> Made | None:
        """What the layer of that number makes of the maps of handles; None where it cannot take them."""
        key = (number, inputs)
        if key not in self._made:
            self._made[key] = self._walk(number, node, [self.handles[i] for i in inputs])
        return self._made[key]

    def _walk(self, number: int, node: Node, handles: list[Handle]) -> Made | None:
        inputs = tuple([handle.map for handle in handles])
        try:
            moved = (
                self._by_window(number, node, inputs[0]) if isinstance(node.layer, Conv) else self._out(node, inputs)
            )
        except ShapeError as error:
            self.refused = self.refused or (node, str(error))
            return None
        if moved is None:
            return None
        out, phases = moved
        key = number, tuple([self._shapes[i] for i in inputs]), self._shapes[out], bool(handles[0].depthwise)
        if (costs := self._costs.get(key)) is None:
            costs = self._costs[key] = self._costs_of(node, inputs, out, bool(handles[0].depthwise))
        whole = smallest_field(self.maps[inputs[0]]) if costs.sees_whole else None
        return Made(out, costs.depthwise, costs.params, costs.macs, costs.words, phases, whole)

    def _out(self, node: Node, inputs: tuple[int, ...]) -> tuple[int, int]:
        """The map that a layer makes, and ways in which units look in turn; raises ShapeError."""
        out, left = output_within(node.layer, tuple([self.maps[i] for i in inputs]), BUDGET)
        return self.map_number(out if self.with_field else without_looks(out)), PHASES_ALLOWED - left.phases

    def _by_window(self, number: int, node: Node, x: int) -> tuple[int, int] | None:
        """The same of a convolution, by its window. Raises ShapeError the first time that it does not fit, and returns
        None from then on."""
        layer = node.layer
        assert isinstance(layer, Conv)
        fit = number, self._shapes[x]
        if fit not in self._fits:
            self._fits[fit] = False
            layer.check(self.maps[x])
            self._fits[fit] = True
        if not self._fits[fit]:
            return None
        look = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.padding_mode)
        key = self._window_numbers.setdefault(look, len(self._window_numbers)), self._axes[x]
        if key not in self._moved:
            self._moved[key] = None
            out, phases = self._out(node, (x,))
            self._moved[key] = self._axes[out], phases
        moved = self._moved[key]
        return None if moved is None else (self._map(layer.out_channels, moved[0], False), moved[1])

    def _costs_of(self, node: Node, numbers: tuple[int, ...], out_number: int, paired: bool) -> Costs:
        row = row_of(0, node, tuple([self.maps[i] for i in numbers]), self.maps[out_number])
        layer, x = node.layer, row.x
        used = {layer.op, *layer.features(x)}
        if paired and mixes_channels(layer, x):
            used.add(SEPARABLE_WORD)
        depthwise = SEPARABLE_WORD in self.words and carries_depthwise(layer, x, paired)
        words = sum(bit for word, bit in self.words.items() if word in used)
        uncounted = UNCOUNTED if row.macs is None else 0
        return Costs(row.params, row.macs or 0, words | uncounted, depthwise, row.sees_whole_map)


def smallest_field(x: FeatureMap) -> int:
    """The receptive field on the smallest axis; 0 where it is unknown."""
    return min(axis.receptive_field or 0 for axis in x.axes)


def without_looks(x: FeatureMap) -> FeatureMap:
    """A map without where its units look, as far as no layer asks for it: units that look in step along every axis."""
    axes = tuple(Axis.image(a.size) if looks_in_step(a) else a for a in x.axes)
    return FeatureMap(x.channels, axes, x.flat)


def looks_in_step(axis: Axis) -> bool:
    return bool(axis.strands) and not axis.doubt and all(s.advance and len(s.fields) == 1 for s in axis.strands)
