"""The edits that `repair` may make: what each changes in the network, and what of it is written where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import gcd
from typing import Any

from ..engine.arch import Row
from ..engine.kinds import settings_of
from ..engine.layers import LAYERS, Concat, Conv, Join, Layer
from ..engine.layers.pooling import Pool
from .sites import Built, SettingOrigin, Sites, Written, YamlPlace

KERNELS, STRIDES, DILATIONS = range(1, 8), range(1, 5), range(1, 9)
WIDEST = 4
"""Channels go up to so many times the widest layer's."""
EDIT_KINDS = {
    "kernel_size": "kernel 1 to 7",
    "stride": "stride 1 to 4",
    "dilation": "dilation 1 to 8",
    "groups": "groups: a divisor, or depthwise",
    "channels": f"channels 1 to {WIDEST} times the widest",
    "pool": "a pool turned into a strided convolution",
    "separable": "a convolution made depthwise separable",
    "layer": "a layer put in",
}
"""What one edit can be; `--only` takes these words."""
TOLD_WORDS = {"kernel": "kernel_size", "out_channels": "channels", "conv": "layer"}
CONV, SEPARABLE, BEFORE, FOLLOW = "@conv", "@separable", "@before", "@follow"
SettingChange = tuple[int, str]
"""A layer (its number, from 1) and a setting, or one of the signs above."""


@dataclass(frozen=True)
class Edit:
    """One edit as it is told, and what it changes."""

    kind: str
    layer: str
    setting: str
    old: Any
    new: Any
    changes: Mapping[SettingChange, Any]
    place: YamlPlace | None = None
    """Of an edit that changes a whole item: where it stands."""

    def to_json(self) -> dict[str, Any]:
        return {"layer": self.layer, "setting": self.setting, "from": self.old, "to": self.new}

    def __str__(self) -> str:
        if self.kind == "layer":
            return f"in front of {self.layer}: {self.new}"
        return f"{self.layer}: {self.setting} {self.old} -> {self.new}"


@dataclass(frozen=True)
class Channels:
    """An edit of channels whose number is still open: all layers that must have as many."""

    layer: str
    old: int
    changes: frozenset[SettingChange]

    def to(self, number: int) -> Edit:
        return Edit("channels", self.layer, "out_channels", self.old, number, dict.fromkeys(self.changes, number))


def edited_settings(layer: Layer) -> dict[str, Any]:
    """A layer's settings as YAML writes them."""
    return {key: meta["kind"].write(getattr(layer, key)) for key, meta in settings_of(type(layer)).items()}


@dataclass
class Catalogue:
    """All edits of one spec."""

    sites: Sites
    keep: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    fed: dict[SettingOrigin, set[SettingChange]] = field(default_factory=dict)
    made: dict[YamlPlace, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, built in enumerate(self.sites.built, 1):
            self.made.setdefault(built.item.place, []).append(number)
            for use in built.uses:
                if number not in self.made.setdefault(use.place, []):
                    self.made[use.place].append(number)
            for setting in settings_of(type(built.node.layer)):
                if origin := built.origin(setting):
                    self.fed.setdefault(origin, set()).add((number, setting))

    def built(self, number: int) -> Built:
        return self.sites.built[number - 1]

    def row(self, number: int) -> Row:
        return self.sites.arch.rows[number - 1]

    def allowed(self, kind: str, changes: Mapping[SettingChange, Any] | frozenset[SettingChange]) -> bool:
        if self.only and kind not in self.only:
            return False
        names = {self.built(number).node.name for number, _ in changes}
        return not any(name == kept or name.startswith(f"{kept}.") for name in names for kept in self.keep)

    # --- one setting ---

    def edits(self, words: tuple[str, ...]) -> Iterator[Edit]:
        """Every edit but those of channels. `words` are layer types that must be used and are not."""
        for origin, changes in self.fed.items():
            yield from self.of_setting(origin, changes)
        for place in self.made:
            yield from self.of_item(self.sites.items[place], words)

    def of_setting(self, origin: SettingOrigin, changes: set[SettingChange]) -> Iterator[Edit]:
        number, _ = min(changes)
        layer = self.built(number).node.layer
        if not isinstance(layer, Conv | Pool):
            return
        ranges: dict[str, Any] = {"kernel_size": KERNELS, "stride": STRIDES}
        if isinstance(layer, Conv):
            ranges |= {"dilation": DILATIONS, "groups": self.groups(number)}
        for key, values in ranges.items():
            if not any(s == key for _, s in changes):
                continue
            old = edited_settings(layer)[key]
            first = next(n for n, s in sorted(changes) if s == key)
            for value in values:
                if value != old and setting_fits(changes, key):
                    found: dict[SettingChange, Any] = dict.fromkeys(changes, value)
                    following = {(n, FOLLOW): True for n in self.followers(changes)}
                    if self.allowed(key, found):
                        yield Edit(key, self.shown(origin, first), key, old, value, found | following)
                        if following and not keeps_size(layer):
                            yield Edit(key, self.shown(origin, first), key, old, value, found)

    def shown(self, origin: SettingOrigin, number: int) -> str:
        """The edited item as the network calls it: the layer itself where the item makes one layer only."""
        item = self.sites.items[origin.place]
        return self.built(number).node.name if len(self.made[item.place]) == 1 else item.label

    def followers(self, changes: set[SettingChange]) -> Iterator[int]:
        """The layers whose padding may follow: those whose padding no other layer's text decides."""
        numbers = {number for number, _ in changes}
        for number in numbers:
            origin = self.built(number).origin("padding")
            if origin and {n for n, _ in self.fed.get(origin, ())} <= numbers:
                yield number

    def groups(self, number: int) -> list[Any]:
        row = self.row(number)
        layer = row.layer
        assert isinstance(layer, Conv)
        common = gcd(row.x.channels, layer.out_channels)
        values: list[Any] = [n for n in range(1, common + 1) if common % n == 0 and n != row.x.channels]
        return [*values, *(["depthwise"] if layer.out_channels % row.x.channels == 0 and row.x.channels > 1 else [])]

    # --- a whole item ---

    def of_item(self, item: Written, words: tuple[str, ...]) -> Iterator[Edit]:
        numbers = self.made[item.place]
        heads = [n for n in numbers if self.is_head(n, item)]
        channels = {self.row(n).x.channels for n in heads}
        if len(channels) != 1:
            return
        shown = self.shown(SettingOrigin(item.place, ""), numbers[0])
        for kind, sign, new, fits in (
            ("pool", CONV, "conv", isinstance(self.built(numbers[0]).node.layer, Pool)),
            ("separable", SEPARABLE, "depthwise_separable", self.dense(numbers)),
        ):
            changes: dict[SettingChange, Any] = {(n, sign): True for n in numbers}
            if item.op in LAYERS and fits and self.allowed(kind, changes):
                yield Edit(kind, shown, "operation", item.op, new, changes, item.place)
        stated_from, _ = item.raw("from")
        if stated_from or issubclass(LAYERS.get(item.op, Layer), Join):
            return
        for op, settings in new_layers(channels.pop(), words):
            changes = {(n, BEFORE): (op, settings) for n in heads}
            if self.allowed("layer", changes):
                text = f"{op}: {settings}" if settings else op
                yield Edit("layer", item.label, "put_in", None, text.replace("'", ""), changes, item.place)

    def is_head(self, number: int, item: Written) -> bool:
        """Whether a layer is the first that an item makes: itself, or the first of one use of a block."""
        built = self.built(number)
        if built.item.place == item.place:
            return True
        turn = next(turn for use, turn in zip(built.uses, built.turns, strict=True) if use.place == item.place)
        return number == 1 or turn not in self.built(number - 1).turns

    def dense(self, numbers: list[int]) -> bool:
        layers = [self.row(n) for n in numbers]
        return all(
            isinstance(row.layer, Conv) and row.groups == 1 and max(row.layer.kernel_size) > 1 and row.x.channels > 1
            for row in layers
        )

    # --- channels ---

    def channels(self) -> Iterator[Channels]:
        """Every set of layers whose channels must be as many, in the order of the network."""
        rows = self.sites.arch.rows
        class_of = {n: {n} for n in range(len(rows) + 1)}

        def unite(numbers: Iterable[int]) -> None:
            whole = set[int]().union(*(class_of[n] for n in numbers))
            class_of.update(dict.fromkeys(whole, whole))

        for row in rows:
            if isinstance(row.layer, Join):
                if not isinstance(row.layer, Concat):
                    unite([row.index, *row.node.inputs])
            elif keeps_channels(row):
                unite([row.index, row.node.inputs[0]])
        for changes in self.fed.values():
            unite(n for n, setting in changes if setting == "out_channels")
        for first, numbers in class_of.items():
            shared = first == min(numbers) and not {0, len(rows)} & numbers
            if shared and (found := self.channel_edit(sorted(numbers))):
                yield found

    def channel_edit(self, numbers: list[int]) -> Channels | None:
        """The edit that changes the channels of these layers; None where something else decides them."""
        changes: set[SettingChange] = set()
        for n in numbers:
            row = self.row(n)
            if not isinstance(row.layer, Conv):
                if not isinstance(row.layer, Join) and not keeps_channels(row):
                    return None
                continue
            settings = ["out_channels"]
            if keeps_channels(row) and row.layer.groups is not None:
                settings.append("groups")
            for setting in settings:
                origin = self.built(n).origin(setting)
                if origin is None:
                    return None
                changes |= self.fed[origin]
        convs = [n for n in numbers if isinstance(self.row(n).layer, Conv)]
        if not convs or any(setting not in ("out_channels", "groups") for _, setting in changes):
            return None
        if not self.allowed("channels", frozenset(changes)):
            return None
        origin = self.built(convs[0]).origin("out_channels")
        assert origin is not None
        return Channels(self.shown(origin, convs[0]), self.row(convs[0]).out.channels, frozenset(changes))

    @property
    def most_channels(self) -> int:
        return WIDEST * max((row.out.channels for row in self.sites.arch.rows if not row.out.flat), default=1)


def keeps_size(layer: Conv | Pool) -> bool:
    """Whether padding makes up for the window; else it may as well have been meant for another window, and stay."""
    if isinstance(layer.padding, str):
        return layer.padding == "same"
    windows = zip(layer.padding, layer.kernel_size, layer.dilation, strict=True)
    return all(before + after == dilation * (kernel - 1) for (before, after), kernel, dilation in windows)


def setting_fits(changes: set[SettingChange], key: str) -> bool:
    """Whether one value may stand for all that a text decides: groups and channels are edits of their own."""
    return key != "groups" or {setting for _, setting in changes} == {"groups"}


def keeps_channels(row: Row) -> bool:
    """Whether a layer has as many channels as it is given because it must."""
    layer = row.layer
    if isinstance(layer, Conv):
        return row.groups == row.x.channels == layer.out_channels > 1
    return "out_channels" not in settings_of(type(layer)) and row.out.channels == row.x.channels and not row.out.flat


def new_layers(channels: int, words: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The layers that may be put in: convolutions that keep channels and sizes, and layer types that must be used."""
    for kernel in KERNELS:
        for dilation in DILATIONS if kernel > 1 else (1,):
            for groups in (1, "depthwise") if channels > 1 else (1,):
                settings: dict[str, Any] = {"out_channels": channels, "kernel_size": kernel, "padding": "same"}
                settings |= {"dilation": dilation} if dilation > 1 else {}
                settings |= {"groups": groups} if groups != 1 else {}
                yield "conv", settings
    for word in words:
        if word in ("max_pool", "avg_pool"):
            yield word, {"kernel_size": 3, "stride": 1, "padding": 1}
        elif word in LAYERS and not issubclass(LAYERS[word], Join):
            yield word, {}
