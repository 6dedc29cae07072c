"""Random specs as the plain values that YAML gives: every layer type, 1 to 3 axes, and graphs that fork and join.

`specs()` draws networks that torch accepts, `specs(valid=False)` networks whose last layer it may refuse. Neither asks
the engine: shapes come from the oracle. `archs()` and `load` hand them to the engine as YAML text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import yaml
from hypothesis import assume
from hypothesis import strategies as st

import rfcalc
from rfcalc import Arch
from rfcalc.errors import SettingError
from rfcalc.spec import make

from .oracle import NEEDS_AXES, Refused, Shape, shape

Spec = dict[str, Any]
Settings = dict[str, Any]
T = TypeVar("T")

LARGEST = {1: 20, 2: 11, 3: 6}
"""The largest size of an image with so many axes."""
MOST_CHANNELS, MOST_VALUES = 64, 4000
"""Larger maps are left out: they cost time and show nothing new."""
PLAIN = (
    "batch_norm", "instance_norm", "layer_norm", "group_norm", "identity", "relu", "relu6", "selu", "gelu", "silu",
    "mish", "hardswish", "hardsigmoid", "sigmoid", "tanh", "softplus", "softmax", "log_softmax", "leaky_relu", "elu",
    "prelu", "dropout", "dropout_spatial", "alpha_dropout",
)  # fmt: skip
LINEAR_MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


def spec_text(spec: Spec) -> str:
    """A spec as YAML."""
    return str(yaml.safe_dump(spec, sort_keys=False, default_flow_style=None, width=120))


def load(spec: Spec) -> Arch:
    """The engine's reading of a spec; raises SpecError."""
    return rfcalc.loads(spec_text(spec))


# --- the settings of one layer, for a map of a given shape -------------------------------------------------------


def per_axis(values: st.SearchStrategy[T], axes: int) -> st.SearchStrategy[T | list[T]]:
    """One value for all axes, or a list."""
    return st.one_of(values, values, st.lists(values, min_size=axes, max_size=axes))


def whole(low: int, high: int, axes: int) -> st.SearchStrategy[int | list[int]]:
    return per_axis(st.integers(low, high), axes)


def paddings(low: int, high: int, axes: int) -> st.SearchStrategy[Any]:
    """Symmetric, per axis, and different before and behind."""
    side = st.integers(low, high)
    pair = st.lists(side, min_size=2, max_size=2)
    return st.one_of(side, st.lists(side, min_size=axes, max_size=axes), st.lists(pair, min_size=axes, max_size=axes))


@st.composite
def grouped(draw: st.DrawFn, x: Shape) -> Settings:
    """out_channels and groups; the groups mostly divide."""
    kind = draw(st.sampled_from(["one", "one", "divisor", "depthwise", "any"]))
    out = draw(st.sampled_from([1, 2, 3, 4, 6, 8]))
    if kind == "divisor":
        groups = draw(st.sampled_from([g for g in range(1, x.channels + 1) if x.channels % g == 0]))
        return {"out_channels": groups * draw(st.integers(1, 2)), "groups": groups}
    if kind == "depthwise":
        return {"out_channels": x.channels * draw(st.integers(1, 2)), "groups": "depthwise"}
    return {"out_channels": out} if kind == "one" else {"out_channels": out, "groups": draw(st.integers(1, 4))}


@st.composite
def conv(draw: st.DrawFn, x: Shape) -> Settings:
    axes = len(x.sizes)
    words = st.sampled_from(["same", "valid", "tf_same"])
    optional = {
        "stride": whole(1, 4, axes),
        "padding": st.one_of(paddings(0, 3, axes), words),
        "dilation": whole(1, 3, axes),
        "bias": st.booleans(),
        "padding_mode": st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
    }
    settings = draw(st.fixed_dictionaries({"kernel_size": whole(1, 4, axes)}, optional=optional))
    return draw(grouped(x)) | settings


@st.composite
def conv_transpose(draw: st.DrawFn, x: Shape) -> Settings:
    axes = len(x.sizes)
    optional = {
        "stride": whole(1, 4, axes),
        "padding": paddings(0, 2, axes),
        "output_padding": whole(0, 2, axes),
        "dilation": whole(1, 3, axes),
        "bias": st.booleans(),
    }
    settings = draw(st.fixed_dictionaries({"kernel_size": whole(1, 4, axes)}, optional=optional))
    return draw(grouped(x)) | settings


def pool(x: Shape, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[Settings]:
    axes = len(x.sizes)
    optional = {"stride": whole(1, 4, axes), "padding": whole(0, 2, axes), "ceil_mode": st.booleans(), **more}
    return st.fixed_dictionaries({"kernel_size": whole(1, 4, axes)}, optional=optional)


def max_pool(x: Shape) -> st.SearchStrategy[Settings]:
    return pool(x, dilation=whole(1, 3, len(x.sizes)))


@st.composite
def upsample(draw: st.DrawFn, x: Shape) -> Settings:
    axes = len(x.sizes)
    factors = per_axis(st.sampled_from([2, 3, 1, 1.5, 2.5, 0.5, 0.75]), axes)
    by_size = draw(st.booleans())
    settings: Settings = {"size": draw(whole(1, 12, axes))} if by_size else {"scale_factor": draw(factors)}
    if draw(st.booleans()):
        settings["mode"] = LINEAR_MODES[axes]
        if draw(st.booleans()):
            settings["align_corners"] = True
    return settings


def pad(x: Shape) -> st.SearchStrategy[Settings]:
    axes = len(x.sizes)
    zeros = st.fixed_dictionaries({"padding": paddings(-2, 3, axes)})
    modes = st.sampled_from(["reflect", "replicate", "circular", "zeros"])
    return st.one_of(zeros, st.fixed_dictionaries({"padding": paddings(0, 3, axes), "mode": modes}))


def one(name: str, low: int, high: int) -> Callable[[Shape], st.SearchStrategy[Settings]]:
    return lambda x: st.fixed_dictionaries({name: st.integers(low, high)})


def adaptive(x: Shape) -> st.SearchStrategy[Settings]:
    return st.fixed_dictionaries({"output_size": whole(1, 7, len(x.sizes))})


def none(x: Shape) -> st.SearchStrategy[Settings]:
    return st.just({})


def linear(x: Shape) -> st.SearchStrategy[Settings]:
    return st.fixed_dictionaries({"out_features": st.integers(1, 8)}, optional={"bias": st.booleans()})


def plain_settings(op: str, x: Shape) -> st.SearchStrategy[Settings]:
    """Settings of a layer that leaves the geometry alone."""
    if op == "group_norm":
        return st.fixed_dictionaries(
            {"num_groups": st.sampled_from([1, 2, x.channels])}, optional={"affine": st.booleans()}
        )
    if op.endswith("norm"):
        return st.fixed_dictionaries({}, optional={"affine": st.booleans()})
    if op == "prelu":
        return st.fixed_dictionaries({}, optional={"num_parameters": st.sampled_from([1, x.channels, 2])})
    if "dropout" in op:
        return st.fixed_dictionaries({}, optional={"p": st.sampled_from([0, 0.25, 0.5])})
    name = {"leaky_relu": "negative_slope", "elu": "alpha"}.get(op)
    return st.fixed_dictionaries({}, optional={name: st.sampled_from([0.1, 0.5, 1])}) if name else st.just({})


MOVERS: dict[str, Callable[[Shape], st.SearchStrategy[Settings]]] = {
    "conv": conv,
    "max_pool": max_pool,
    "avg_pool": pool,
    "conv_transpose": conv_transpose,
    "upsample": upsample,
    "pad": pad,
    "adaptive_avg_pool": adaptive,
    "adaptive_max_pool": adaptive,
    "pixel_shuffle": one("upscale_factor", 1, 2),
    "pixel_unshuffle": one("downscale_factor", 1, 3),
}
ENDS: dict[str, Callable[[Shape], st.SearchStrategy[Settings]]] = {
    "global_avg_pool": none,
    "global_max_pool": none,
    "flatten": none,
    "linear": linear,
}


# --- networks ----------------------------------------------------------------------------------------------------


class Net:
    """A spec in the making, with the shape of every map; `broken` when torch refuses its last layer."""

    def __init__(self, draw: st.DrawFn, image: Shape, valid: bool) -> None:
        self.draw, self.valid, self.broken = draw, valid, False
        self.layers: list[Any] = []
        self.names, self.shapes = ["input"], [image]

    @property
    def x(self) -> Shape:
        return self.shapes[-1]

    def put(self, op: str, settings: Settings, *sources: int) -> bool:
        """Adds a layer that reads the given maps, by default the last one; false, and no layer, where torch refuses
        it and the spec must be valid."""
        if self.broken:
            return False
        inputs = [self.shapes[i] for i in sources or (-1,)]
        try:
            out = shape(make(op, len(self.x.sizes), **settings), inputs)
            values = out.channels
            for n in out.sizes:
                values *= n
            if out.channels > MOST_CHANNELS or values > MOST_VALUES:
                return False
        except (SettingError, Refused):
            if self.valid:
                return False
            out, self.broken = self.x, True
        last = len(self.shapes) - 1
        names = [self.names[i] for i in sources]
        stated: Settings = {"name": f"L{last + 1}"}
        if len(sources) > 1:
            stated["from"] = names
        elif sources and sources[0] % len(self.shapes) != last:
            stated["from"] = names[0]
        self.layers.append({op: stated | settings})
        self.names.append(f"L{last + 1}")
        self.shapes.append(out)
        return True

    def random(self, kinds: dict[str, Callable[[Shape], st.SearchStrategy[Settings]]], *sources: int) -> bool:
        x = self.shapes[sources[0]] if sources else self.x
        fitting = [op for op in kinds if suits(op, x)]
        if not fitting:
            return False
        op = self.draw(st.sampled_from(fitting))
        return self.put(op, self.draw(kinds[op](x)), *sources)

    def index(self) -> int:
        """The place of the last map."""
        return len(self.shapes) - 1


def suits(op: str, x: Shape) -> bool:
    """Whether the layer type is at home on such a map at all: torch would read a flat map as one without a batch, and
    any four numbers as a picture."""
    if x.flat:
        return op not in NEEDS_AXES
    return len(x.sizes) == 2 or not op.startswith("pixel")


def move(net: Net) -> None:
    net.random(MOVERS)


def stay(net: Net) -> None:
    op = net.draw(st.sampled_from([op for op in PLAIN if suits(op, net.x)]))
    net.put(op, net.draw(plain_settings(op, net.x)))


def end(net: Net) -> None:
    net.random(ENDS)


def fit(net: Net, x: Shape) -> None:
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


def join(net: Net) -> None:
    """A second branch from some map above, brought to the size of the last one, and joined with it."""
    trunk, first = net.index(), net.draw(st.integers(0, net.index()))
    grown = net.random(MOVERS, first)
    if grown and net.draw(st.booleans()):
        net.random(MOVERS)
    other = net.index() if grown else first
    if other == first and net.shapes[first].sizes != net.shapes[trunk].sizes:
        return
    if grown:
        fit(net, net.shapes[trunk])
        other = net.index()
    have, want = net.shapes[other], net.shapes[trunk]
    if have.flat != want.flat:
        return
    op = net.draw(st.sampled_from(["add", "concat", "multiply"]))
    if op != "concat" and have.channels != want.channels and not have.flat:
        net.put("conv", {"out_channels": want.channels, "kernel_size": 1}, other)
        other = net.index()
    net.put(op, {}, trunk, other)


def gate(net: Net) -> None:
    """Squeeze-and-excitation: a product with one value for each channel, or for each place of some axes."""
    trunk, x = net.index(), net.x
    if x.flat or net.broken:
        return
    sizes = [net.draw(st.sampled_from([1, 1, n])) for n in x.sizes]
    if net.put("adaptive_avg_pool", {"output_size": sizes}):
        net.put("conv", {"out_channels": net.draw(st.sampled_from([1, x.channels])), "kernel_size": 1})
        net.put("sigmoid", {})
        net.put("multiply", {}, net.index(), trunk)


STEPS = (move, move, move, stay, join, gate, end)


@st.composite
def specs(draw: st.DrawFn, valid: bool = True, axes: int | None = None, steps: int = 6) -> Spec:
    """A spec as YAML would give it; torch accepts it, or unless `valid` may refuse its last layer."""
    count = axes or draw(st.sampled_from([2, 1, 3]))
    channels = draw(st.sampled_from([1, 2, 3, 4, 8]))
    sizes = [draw(st.integers(1, LARGEST[count])) for _ in range(count)]
    net = Net(draw, Shape(channels, tuple(sizes)), valid)
    for _ in range(draw(st.integers(1, steps))):
        draw(st.sampled_from(STEPS))(net)
    if not net.layers:
        net.put("identity", {})
    return {"input": [channels, *sizes], "layers": net.layers}


@st.composite
def archs(draw: st.DrawFn, axes: int | None = None, steps: int = 6) -> Arch:
    """A network that torch and the engine accept."""
    spec = draw(specs(axes=axes, steps=steps))
    try:
        return load(spec)
    except rfcalc.SpecError:
        assume(False)
        raise
