"""A spec's network with some settings changed, worked out thousands of times a second from kept answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ..engine.arch import Node
from ..engine.kinds import per_axis
from ..engine.layers import Conv, Layer
from ..engine.layers.base import make
from ..engine.layers.pooling import Pool
from ..errors import SettingError
from .edits import BEFORE, CONV, FOLLOW, SEPARABLE, SettingChange, edited_settings
from .memo import PHASES_ALLOWED, Handle, Memo
from .sites import Sites

EditPlan = Mapping[SettingChange, Any]


class WalkOutcome(NamedTuple):
    """What a changed network comes to: field before global pooling (0: unknown), parameters, MACs, watched words."""

    field: int
    params: int
    macs: int
    words: int


class Walker:
    """Walks one network under plans."""

    def __init__(self, sites: Sites, words: tuple[str, ...]) -> None:
        self.sites, self.axes = sites, len(sites.arch.sizes)
        self.memo = Memo(words, True)
        self.image = self.memo.image_handle(sites.arch.input)
        self.variants: dict[tuple[int, tuple[tuple[str, Any], ...]], list[tuple[int, Node]] | None] = {}
        self.plain = [[(self.memo.layer_number(b.node), b.node)] for b in sites.built]
        self.channels = [row.x.channels for row in sites.arch.rows]

    def outcome(self, plan: EditPlan) -> WalkOutcome | None:
        """The changed network's figures; None where it cannot be built."""
        by_layer = changes_by_layer(plan)
        handles, params, macs, words, phases = [self.image], 0, 0, 0, 0
        for number, plain in enumerate(self.plain, 1):
            layers = self.variant(number, by_layer[number]) if number in by_layer else plain
            if layers is None:
                return None
            inputs = tuple([handles[i] for i in self.sites.built[number - 1].node.inputs])
            for part, (layer, node) in enumerate(layers):
                made = self.memo.output(layer, node, inputs)
                if made is None:
                    return None
                params, macs = params + made.params, macs + made.macs
                words, phases = words | made.words, phases + made.phases
                whole = self.memo.common_whole(inputs)
                if whole is None and made.whole is not None:
                    whole = 4 * number + part, made.whole
                inputs = (self.memo.handle_number(Handle(made.map, made.depthwise, whole)),)
            handles.append(inputs[0])
        if phases > PHASES_ALLOWED:
            return None
        return WalkOutcome(self.memo.field_at(handles[-1]), params, macs, words)

    def variant(self, number: int, changes: dict[str, Any]) -> list[tuple[int, Node]] | None:
        key = number, tuple(sorted((k, repr(v)) for k, v in changes.items()))
        if key not in self.variants:
            nodes = self.nodes(number, changes)
            found = None if nodes is None else [(self.memo.layer_number(node), node) for node in nodes]
            self.variants[key] = found
        return self.variants[key]

    def nodes(self, number: int, changes: dict[str, Any]) -> list[Node] | None:
        """The layers that stand in a layer's place; None where one of them cannot be."""
        node = self.sites.built[number - 1].node
        try:
            op, settings = changes.get(BEFORE, ("", {}))
            before = [replace(node, layer=make(op, self.axes, **settings))] if op else []
            layer = self.changed(node.layer, changes)
            if CONV in changes:
                layer = as_conv(layer, self.channels[number - 1], self.axes)
            parts = separated(layer, self.channels[number - 1], self.axes) if SEPARABLE in changes else [layer]
        except SettingError:
            return None
        return [*before, *(replace(node, layer=part) for part in parts)]

    def changed(self, layer: Layer, changes: dict[str, Any]) -> Layer:
        new = {key: value for key, value in changes.items() if not key.startswith("@")}
        if not new:
            return layer
        settings = edited_settings(layer)
        if isinstance(layer, Pool) and layer.stride == layer.kernel_size and "kernel_size" in new:
            settings.pop("stride")  # it follows, unless the change states one
        moved = make(layer.op, self.axes, **{**settings, **new, **unsame(layer, new)})
        if FOLLOW not in changes or "padding" in new or not isinstance(layer, Conv | Pool):
            return moved
        pads = followed_padding(layer, moved)
        if pads is None:
            return moved
        try:
            return make(layer.op, self.axes, **{**settings, **new, "padding": pads})
        except SettingError:
            return moved


def changes_by_layer(plan: EditPlan) -> dict[int, dict[str, Any]]:
    """The changes of each layer, by its number."""
    found: dict[int, dict[str, Any]] = {}
    for (number, key), value in plan.items():
        found.setdefault(number, {})[key] = value
    return found


def unsame(layer: Layer, new: Mapping[str, Any]) -> dict[str, Any]:
    """Padding in numbers for a convolution padded `same` that gets a stride, which torch does not allow."""
    if not isinstance(layer, Conv) or layer.padding != "same" or max_of(new.get("stride", 1)) == 1:
        return {}
    return {"padding": [[t // 2, t - t // 2] for t in extents(layer, new)]}


def max_of(value: Any) -> int:
    return int(max(value) if isinstance(value, list | tuple) else value)


def extents(layer: Any, new: Mapping[str, Any]) -> list[int]:
    """Units from the first tap to the last, less one, on every axis."""
    axes = len(layer.kernel_size)
    kernel = per_axis(new.get("kernel_size", list(layer.kernel_size)), axes)
    dilation = per_axis(new.get("dilation", list(layer.dilation)), axes)
    return [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]


def followed_padding(old: Any, new: Any) -> list[Any] | None:
    """The padding with which a layer's map keeps its size; None where it is a word, stays, or cannot be."""
    if isinstance(old.padding, str) or isinstance(new.padding, str):
        return None
    grown = [b - a for a, b in zip(extents(old, {}), extents(new, {}), strict=True)]
    if not any(grown):
        return None
    pads = [[before + g // 2, after + g - g // 2] for (before, after), g in zip(new.padding, grown, strict=True)]
    if any(side < 0 for pair in pads for side in pair):
        return None
    if isinstance(new, Pool):
        return None if any(a != b for a, b in pads) else [a for a, _ in pads]
    return pads


def as_conv(pool: Layer, channels: int, axes: int) -> Layer:
    """A convolution with a pool's window, and as many channels out as in."""
    assert isinstance(pool, Pool)
    return make("conv", axes, out_channels=channels, kernel_size=list(pool.kernel_size), stride=list(pool.stride),
                padding=[list(pair) for pair in pool.padding], dilation=list(pool.dilation))  # fmt: skip


def separated(conv: Layer, channels: int, axes: int) -> list[Layer]:
    """A depthwise convolution with a convolution's window, and the 1x1 convolution after it."""
    assert isinstance(conv, Conv)
    first = {**edited_settings(conv), "out_channels": channels, "groups": "depthwise"}
    second = {"out_channels": conv.out_channels, "kernel_size": 1, "bias": conv.bias}
    return [make("conv", axes, **first), make("conv", axes, **second)]
