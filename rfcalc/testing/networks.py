"""Random networks: chains of every operation, graphs that fork and join, 1 to 3 axes. They shrink to small ones.

A network is drafted step by step as the plain values that YAML gives, and each layer is put to a judge, which answers
with the shape that it makes or refuses it. The judge is the engine; our own tests put a second, slow one in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

from hypothesis import assume, note
from hypothesis import strategies as st

from ..engine.arch import Arch
from ..engine.geometry import TOO_MANY, Axis, FeatureMap
from ..engine.layers import Join, Layer
from ..engine.layers.base import LAYERS, make
from ..errors import RfcalcError, SettingError, ShapeError, unknown_name
from ..spec.reader import loads
from .settings import (
    DRAWN_PLAIN,
    DRAWN_SETTINGS,
    ENDS,
    MOST_AXES,
    MOVERS,
    NEEDS_TWO_AXES,
    DrawnSettings,
    Draws,
    ShapeLike,
)

Spec = dict[str, Any]
Judge = Callable[[Layer, Sequence[Any]], Any]
"""The shape that a layer makes of the given ones; raises ShapeError where torch refuses them."""
Input = Sequence[int] | st.SearchStrategy[tuple[int, ...]] | None

LARGEST_IMAGE = {1: 20, 2: 11, 3: 6}
"""The largest size of a drawn image with so many axes: larger maps cost time and show nothing new."""
MOST_CHANNELS, MOST_VALUES = 64, 4000
"""Larger maps are left out, but for images that are larger themselves."""
MOST_GROWTH = 8
"""A map may have so many times the channels and values of the image."""
MOST_DRAWN_LAYERS = 12


def yaml_text(spec: Spec) -> str:
    """A spec as YAML."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # libyaml's, where it is there, is much faster
    return str(yaml.dump(spec, Dumper=dumper, sort_keys=False, default_flow_style=None, width=120))


def image_without_fields(shape: Sequence[int]) -> FeatureMap:
    """An image whose fields nobody asks for: shapes alone are followed."""
    return FeatureMap(shape[0], tuple(Axis(size, (), TOO_MANY) for size in shape[1:]))


class DrawnSpec:
    """A spec in the making, with the shape of every map; `broken` when the judge refuses its last layer."""

    def __init__(self, draw: st.DrawFn, image: Any, ops: Sequence[str], most: int, judge: Judge, valid: bool) -> None:
        self.draw, self.judge, self.valid, self.most, self.broken = draw, judge, valid, most, False
        self.ops = frozenset(ops)
        self.layers: list[Any] = []
        self.names, self.shapes = ["input"], [image]
        self.channels = max(MOST_CHANNELS, MOST_GROWTH * image.channels)
        self.values = max(MOST_VALUES, MOST_GROWTH * image.channels * prod(image.sizes))

    @property
    def x(self) -> Any:
        return self.shapes[-1]

    @property
    def last(self) -> int:
        """The place of the last map."""
        return len(self.shapes) - 1

    def put(self, op: str, settings: DrawnSettings, *sources: int) -> bool:
        """Adds a layer that reads the given maps, by default the last one; false, and no layer, where there is no room
        for it, or it is refused and the spec must be valid."""
        if self.broken or op not in self.ops or len(self.layers) >= self.most:
            return False
        try:
            out = self.judge(make(op, len(self.x.sizes), **settings), [self.shapes[i] for i in sources or (-1,)])
            if out.channels > self.channels or out.channels * prod(out.sizes) > self.values:
                return False
        except (SettingError, ShapeError):
            if self.valid:
                return False
            out, self.broken = self.x, True
        name = f"L{self.last + 1}"
        names = [self.names[i] for i in sources]
        stated: DrawnSettings = {"name": name}
        if len(sources) > 1:
            stated["from"] = names
        elif sources and sources[0] % len(self.shapes) != self.last:
            stated["from"] = names[0]
        self.layers.append({op: stated | settings})
        self.names.append(name)
        self.shapes.append(out)
        return True

    def random(self, kinds: Draws, *sources: int) -> bool:
        """Adds one of the given operations that suits the map, if any of them may be used."""
        x = self.shapes[sources[0]] if sources else self.x
        known = [op for op in kinds if op in self.ops]
        fitting = [i for i, op in enumerate(known) if suits(op, x)]
        if not fitting:
            return False
        # an operation has one number on every map, so that it stays when Hypothesis takes a layer before it away
        drawn = self.draw(st.integers(fitting[0], fitting[-1]))
        op = known[next(i for i in fitting if i >= drawn)]
        return self.put(op, self.draw(kinds[op](x)), *sources)

    def back_to(self, count: int) -> None:
        """Takes away all layers but the first ones."""
        if not self.broken:
            del self.layers[count:], self.names[count + 1 :], self.shapes[count + 1 :]


def suits(op: str, x: ShapeLike) -> bool:
    """Whether the operation is at home on such a map at all: torch would read a flat map as one without a batch, and
    any four numbers as an image."""
    if op == "unflatten":
        return max(x.sizes) == 1  # of several places torch would make several images
    if x.flat:
        return LAYERS[op].keeps_flat and op not in MOVERS
    axes = len(x.sizes)
    return axes == 2 if op in NEEDS_TWO_AXES else axes <= MOST_AXES.get(op, axes)


# --- steps ---------------------------------------------------------------------------------------------------------


def bring_to(net: DrawnSpec, x: Any) -> None:
    """Brings the last map to the sizes of another: cropped or padded on either side, or resampled."""
    if net.x.sizes == x.sizes or net.x.flat or x.flat:
        return
    if net.draw(st.sampled_from([True, True, False])):
        missing = [want - have for want, have in zip(x.sizes, net.x.sizes, strict=True)]
        before = [net.draw(st.integers(min(m, 0), max(m, 0))) for m in missing]
        net.put("pad", {"padding": [[b, m - b] for b, m in zip(before, missing, strict=True)]})
    else:
        op, word = net.draw(st.sampled_from([("adaptive_avg_pool", "output_size"), ("upsample", "size")]))
        net.put(op, {word: list(x.sizes)})


def fork_and_join(net: DrawnSpec) -> None:
    """A second branch from some map above, brought to the size of the last one, and joined with it. Where that does not
    come about, the branch goes again."""
    trunk, first = net.last, net.draw(st.integers(0, net.last))
    if not branched(net, trunk, first):
        net.back_to(trunk)


def branched(net: DrawnSpec, trunk: int, first: int) -> bool:
    joins = [op for op in net.ops if issubclass(LAYERS[op], Join)]
    if not joins:
        return False
    grown = net.random(MOVERS, first)
    if grown and net.draw(st.booleans()):
        net.random(MOVERS)
    if grown:
        bring_to(net, net.shapes[trunk])
    other = net.last if grown else first
    have, want = net.shapes[other], net.shapes[trunk]
    if have.flat != want.flat:
        return False
    op = net.draw(st.sampled_from([op for op in DRAWN_SETTINGS if op in joins]))
    if op in ("add", "multiply", "elementwise") and have.channels != want.channels and not have.flat:
        net.put("conv", {"out_channels": want.channels, "kernel_size": 1}, other)
        other = net.last
    return net.put(op, net.draw(DRAWN_SETTINGS[op](want)), trunk, other)


def gate(net: DrawnSpec) -> None:
    """Squeeze-and-excitation: a product with one value for each channel, or for each place of some axes."""
    trunk, x = net.last, net.x
    if x.flat or net.broken:
        return
    sizes = [net.draw(st.sampled_from([1, 1, n])) for n in x.sizes]
    net.put("adaptive_avg_pool", {"output_size": sizes})
    net.put("conv", {"out_channels": net.draw(st.sampled_from([1, x.channels])), "kernel_size": 1})
    net.put("sigmoid", {})
    if not net.put("multiply", {}, net.last, trunk):
        net.back_to(trunk)


def widen(net: DrawnSpec) -> None:
    """A convolution with a wide window that keeps the sizes, as designs that must see far have them."""
    if not net.x.flat:
        kernel, dilation = net.draw(st.integers(2, 7)), net.draw(st.integers(1, 4))
        net.put("conv", {"out_channels": 1, "kernel_size": kernel, "padding": "same", "dilation": dilation})


STEP_MAKERS: tuple[Callable[[DrawnSpec], object], ...] = (
    *3 * (lambda net: net.random(MOVERS),), *2 * (lambda net: net.random(DRAWN_PLAIN),), fork_and_join, gate,
    lambda net: net.random(ENDS), widen,
)  # fmt: skip
"""Those with many operations to draw from stand here several times, so that a thousand networks show every one."""
STEPS_ON = 9
"""One time in so many a network ends where it is."""


@st.composite
def a_step(draw: st.DrawFn, net: DrawnSpec) -> bool:
    """Whether there was one more step. Each is drawn as a whole, so that Hypothesis can take it away as a whole."""
    if len(net.layers) >= net.most or net.broken or not draw(st.integers(0, STEPS_ON)):
        return False
    draw(st.sampled_from(STEP_MAKERS))(net)
    return True


# --- networks ------------------------------------------------------------------------------------------------------


@st.composite
def shapes(draw: st.DrawFn, axes: int | None = None) -> tuple[int, ...]:
    """The shape of an image: channels, then 1 to 3 sizes, or as many as `axes` says."""
    count = axes or draw(st.sampled_from([2, 1, 3]))
    return (draw(st.sampled_from([1, 2, 3, 4, 8])), *(draw(st.integers(1, LARGEST_IMAGE[count])) for _ in range(count)))


def chosen_ops(ops: Iterable[str] | None) -> tuple[str, ...]:
    """The operations to draw from, in the order in which they shrink; raises RfcalcError for an unknown one."""
    if ops is None:
        return tuple(DRAWN_SETTINGS)
    wanted = [ops] if isinstance(ops, str) else list(ops)
    for op in wanted:
        if op not in DRAWN_SETTINGS:
            raise RfcalcError(unknown_name(op, list(DRAWN_SETTINGS), "ops: there is no operation"))
    if not wanted:
        raise RfcalcError("ops: name at least one operation")
    return tuple(op for op in DRAWN_SETTINGS if op in wanted)


def drafted(
    input: Input, max_layers: int, ops: Iterable[str] | None, judge: Judge, image: Callable[[Any], Any], valid: bool
) -> st.SearchStrategy[Spec]:
    known = chosen_ops(ops)
    if max_layers < 1:
        raise RfcalcError(f"max_layers must be at least 1, not {max_layers}")
    given = shapes() if input is None else input if isinstance(input, st.SearchStrategy) else st.just(tuple(input))

    @st.composite
    def spec(draw: st.DrawFn) -> Spec:
        shape = draw(given)
        net = DrawnSpec(draw, image(shape), known, max_layers, judge, valid)
        while draw(a_step(net)):
            pass
        assume(net.layers)
        return {"input": list(shape), "layers": net.layers}

    return spec()


def specs(
    input: Input = None, max_layers: int = MOST_DRAWN_LAYERS, ops: Iterable[str] | None = None
) -> st.SearchStrategy[Spec]:
    """Specs as the plain values that YAML gives: `{"input": […], "layers": […]}`. Arguments as in `archs`."""
    return drafted(input, max_layers, ops, lambda layer, inputs: layer.output(inputs), image_without_fields, True)


def archs(
    input: Input = None, max_layers: int = MOST_DRAWN_LAYERS, ops: Iterable[str] | None = None
) -> st.SearchStrategy[Arch]:
    """Networks that the engine can work out: every operation, chains and graphs, on 1 to 3 axes.

    `input` is the shape of the image (channels, then sizes) or a strategy for it, by default small images; a network
    has 1 to `max_layers` layers; `ops` are the operations to draw from, by default all of the engine; TORCH_OPS are
    those of which `rfcalc.build` makes torch modules. A failing example is shown as the text of its spec. Raises
    RfcalcError for an operation that does not exist.

    >>> from hypothesis import find
    >>> arch = find(archs((3, 32, 32), ops=["conv", "relu"]), lambda a: a.receptive_field.after_global_pool[0] >= 7)
    >>> [str(row.layer.op) for row in arch.rows]
    ['conv']
    """

    def read(spec: Spec) -> Arch:
        text = yaml_text(spec)
        note(text)
        return loads(text)

    return specs(input, max_layers, ops).map(read)
