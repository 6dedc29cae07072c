"""The settings of one layer, drawn for a map of a given shape: a strategy for every operation of the engine.

What is drawn mostly fits the map; whoever draws asks the engine whether it does. The first alternatives are the
simplest ones, towards which Hypothesis shrinks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

from ..engine.kinds import settings_of
from ..engine.layers.resampling import LINEAR_MODES, Resample

DrawnSettings = dict[str, Any]
T = TypeVar("T")


class ShapeLike(Protocol):
    """What is asked of a map: the engine's own maps answer it, and any other description of a shape may."""

    @property
    def channels(self) -> int: ...
    @property
    def sizes(self) -> tuple[int, ...]: ...
    @property
    def flat(self) -> bool: ...


Draws = Mapping[str, Callable[[Any], st.SearchStrategy[DrawnSettings]]]
"""By operation: the strategy for its settings, given the shape that enters."""

BORDER_MODES = ("zeros", "reflect", "replicate", "circular")
RESAMPLED = {name: settings_of(Resample)[name]["kind"].words for name in ("mode", "coordinates", "rounding")}
"""The words of each setting of a resampling by ONNX's rules."""


def per_axis(values: st.SearchStrategy[T], axes: int) -> st.SearchStrategy[T | list[T]]:
    """One value for all axes, or a list."""
    return st.one_of(values, values, st.lists(values, min_size=axes, max_size=axes))


def whole(low: int, high: int, axes: int) -> st.SearchStrategy[int | list[int]]:
    return per_axis(st.integers(low, high), axes)


def paddings(low: int, high: int, axes: int) -> st.SearchStrategy[Any]:
    """Symmetric, per axis, and different before and after."""
    side = st.integers(low, high)
    pair = st.lists(side, min_size=2, max_size=2)
    return st.one_of(side, st.lists(side, min_size=axes, max_size=axes), st.lists(pair, min_size=axes, max_size=axes))


def divisors(number: int) -> list[int]:
    return [g for g in range(1, number + 1) if number % g == 0]


# --- windows -------------------------------------------------------------------------------------------------------


@st.composite
def grouped(draw: st.DrawFn, x: ShapeLike) -> DrawnSettings:
    """out_channels and groups; the groups mostly divide."""
    kind = draw(st.sampled_from(["one", "one", "divisor", "depthwise", "any"]))
    out = draw(st.sampled_from([1, 2, 3, 4, 6, 8]))
    if kind == "divisor":
        groups = draw(st.sampled_from(divisors(x.channels)))
        return {"out_channels": groups * draw(st.integers(1, 2)), "groups": groups}
    if kind == "depthwise":
        return {"out_channels": x.channels * draw(st.integers(1, 2)), "groups": "depthwise"}
    return {"out_channels": out} if kind == "one" else {"out_channels": out, "groups": draw(st.integers(1, 4))}


@st.composite
def conv(draw: st.DrawFn, x: ShapeLike) -> DrawnSettings:
    axes = len(x.sizes)
    optional = {
        "stride": whole(1, 4, axes),
        "padding": st.one_of(paddings(0, 3, axes), st.sampled_from(["same", "valid", "tf_same"])),
        "dilation": whole(1, 3, axes),
        "bias": st.booleans(),
        "padding_mode": st.sampled_from(BORDER_MODES),
    }
    settings = draw(st.fixed_dictionaries({"kernel_size": whole(1, 4, axes)}, optional=optional))
    return draw(grouped(x)) | settings


@st.composite
def conv_transpose(draw: st.DrawFn, x: ShapeLike) -> DrawnSettings:
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


def pool(x: ShapeLike, **more: st.SearchStrategy[Any]) -> st.SearchStrategy[DrawnSettings]:
    axes = len(x.sizes)
    optional = {"stride": whole(1, 4, axes), "padding": whole(0, 2, axes), "ceil_mode": st.booleans(), **more}
    return st.fixed_dictionaries({"kernel_size": whole(1, 4, axes)}, optional=optional)


def max_pool(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    return pool(x, dilation=whole(1, 3, len(x.sizes)))


def unfold(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    axes = len(x.sizes)
    optional = {"stride": whole(1, 3, axes), "padding": whole(0, 2, axes), "dilation": whole(1, 2, axes)}
    return st.fixed_dictionaries({"kernel_size": whole(1, 3, axes)}, optional=optional)


@st.composite
def upsample(draw: st.DrawFn, x: ShapeLike) -> DrawnSettings:
    axes = len(x.sizes)
    factors = per_axis(st.sampled_from([2, 3, 1, 1.5, 2.5, 0.5, 0.75]), axes)
    by_size = draw(st.booleans())
    settings: DrawnSettings = {"size": draw(whole(1, 12, axes))} if by_size else {"scale_factor": draw(factors)}
    if draw(st.booleans()):
        settings["mode"] = LINEAR_MODES[axes - 1]
        if draw(st.booleans()):
            settings["align_corners"] = True
    return settings


@st.composite
def resample(draw: st.DrawFn, x: ShapeLike) -> DrawnSettings:
    """By the rules of ONNX; the size is mostly near the one that is there."""
    chosen = {name: draw(st.sampled_from(words)) for name, words in RESAMPLED.items()}
    return {"size": draw(whole(1, 12, len(x.sizes))), **chosen}


def pad(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    axes = len(x.sizes)
    zeros = st.fixed_dictionaries({"padding": paddings(-2, 3, axes)})
    modes = st.sampled_from(["reflect", "replicate", "circular", "zeros"])
    return st.one_of(zeros, st.fixed_dictionaries({"padding": paddings(0, 3, axes), "mode": modes}))


# --- what rearranges -----------------------------------------------------------------------------------------------


def one(name: str, low: int, high: int) -> Callable[[ShapeLike], st.SearchStrategy[DrawnSettings]]:
    return lambda x: st.fixed_dictionaries({name: st.integers(low, high)})


def named(*names: str) -> Callable[[ShapeLike], st.SearchStrategy[DrawnSettings]]:
    return lambda x: st.fixed_dictionaries({"operation": st.sampled_from(names)})


def adaptive(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    return st.fixed_dictionaries({"output_size": whole(1, 7, len(x.sizes))})


def none(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    return st.just({})


def linear(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    return st.fixed_dictionaries({"out_features": st.integers(1, 8)}, optional={"bias": st.booleans()})


@st.composite
def channel_slice(draw: st.DrawFn, x: ShapeLike) -> DrawnSettings:
    start = draw(st.integers(0, x.channels - 1))
    stop = draw(st.one_of(st.none(), st.integers(start + 1, x.channels)))
    settings: DrawnSettings = {"start": start} if stop is None else {"start": start, "stop": stop}
    return settings | ({"step": draw(st.integers(1, 3))} if draw(st.booleans()) else {})


def channel_pad(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    return st.fixed_dictionaries({}, optional={"before": st.integers(0, 3), "after": st.integers(0, 3)})


def channel_shuffle(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    return st.fixed_dictionaries({"groups": st.sampled_from(divisors(x.channels))})


def channel_mix(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    return st.fixed_dictionaries(
        {"operation": st.sampled_from(["mean over channels", "glu"]), "out_channels": st.integers(1, 4)}
    )


@st.composite
def expand(draw: st.DrawFn, x: ShapeLike) -> DrawnSettings:
    """A channel or a place repeated, where there is one; what is there is kept."""
    channels = draw(st.integers(1, 4)) if x.channels == 1 else x.channels
    return {"out_channels": channels, "size": [draw(st.integers(1, 4)) if n == 1 else n for n in x.sizes]}


@st.composite
def unflatten(draw: st.DrawFn, x: ShapeLike) -> DrawnSettings:
    """The values shared out among channels and places, as their number allows."""
    left, sizes = x.channels, []
    for _ in x.sizes:
        sizes.append(draw(st.sampled_from([n for n in divisors(left) if n <= 4])))
        left //= sizes[-1]
    return {"out_channels": left, "size": sizes}


def roll(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    return st.fixed_dictionaries({"shifts": whole(-2, 2, len(x.sizes))})


def reduce(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    optional = {"axes": per_axis(st.booleans(), len(x.sizes))}
    return st.fixed_dictionaries({"operation": st.sampled_from(["sum", "std"])}, optional=optional)


def opaque(*names: str) -> Callable[[ShapeLike], st.SearchStrategy[DrawnSettings]]:
    def drawn(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
        optional: dict[str, st.SearchStrategy[Any]] = {"out_channels": st.integers(1, 4)}
        if not x.flat:
            optional["size"] = st.lists(st.integers(1, 4), min_size=len(x.sizes), max_size=len(x.sizes))
        return st.fixed_dictionaries({"operation": st.sampled_from(names)}, optional=optional)

    return drawn


def whole_map(*names: str) -> Callable[[ShapeLike], st.SearchStrategy[DrawnSettings]]:
    """Mixed on some axes, whose sizes stay as they are."""

    def drawn(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
        optional: dict[str, st.SearchStrategy[Any]] = {
            "axes": per_axis(st.booleans(), len(x.sizes)),
            "bound": st.booleans(),
        }
        return st.fixed_dictionaries({"operation": st.sampled_from(names)}, optional=optional)

    return drawn


# --- what leaves the geometry alone --------------------------------------------------------------------------------


def normed(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    return st.fixed_dictionaries({}, optional={"affine": st.booleans()})


def group_norm(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    return st.fixed_dictionaries(
        {"num_groups": st.sampled_from([1, 2, x.channels])}, optional={"affine": st.booleans()}
    )


def prelu(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    return st.fixed_dictionaries({}, optional={"num_parameters": st.sampled_from([1, x.channels, 2])})


def maybe(name: str, *values: float) -> Callable[[ShapeLike], st.SearchStrategy[DrawnSettings]]:
    return lambda x: st.fixed_dictionaries({}, optional={name: st.sampled_from(values)})


@st.composite
def learned(draw: st.DrawFn, x: ShapeLike) -> DrawnSettings:
    """One weight for all values, one for each channel, or one for each value."""
    values = x.channels
    for n in () if x.flat else x.sizes:
        values *= n
    return {"weights": draw(st.sampled_from([1, x.channels, values]))}


DRAWN_ACTIVATIONS = (
    "identity", "relu", "relu6", "selu", "gelu", "silu", "mish", "hardswish", "hardsigmoid", "sigmoid", "tanh",
    "softplus", "softmax", "log_softmax",
)  # fmt: skip
MOVERS: Draws = {
    "conv": conv,
    "max_pool": max_pool,
    "avg_pool": pool,
    "conv_transpose": conv_transpose,
    "upsample": upsample,
    "resample": resample,
    "pad": pad,
    "adaptive_avg_pool": adaptive,
    "adaptive_max_pool": adaptive,
    "pixel_shuffle": one("upscale_factor", 1, 2),
    "pixel_unshuffle": one("downscale_factor", 1, 3),
    "unfold": unfold,
    "roll": roll,
    "expand": expand,
    "channel_slice": channel_slice,
    "channel_pad": channel_pad,
    "channel_shuffle": channel_shuffle,
    "channel_mix": channel_mix,
    "unflatten": unflatten,
}
"""Operations after which a network goes on."""
DRAWN_PLAIN: Draws = {
    **dict.fromkeys(("batch_norm", "instance_norm", "layer_norm", "channel_norm"), normed),
    "group_norm": group_norm,
    **dict.fromkeys(DRAWN_ACTIVATIONS, none),
    "leaky_relu": maybe("negative_slope", 0.1, 0.5, 1),
    "elu": maybe("alpha", 0.1, 0.5, 1),
    "prelu": prelu,
    **dict.fromkeys(("dropout", "dropout_spatial", "alpha_dropout"), maybe("p", 0, 0.25, 0.5)),
    "scale": learned,
    "shift": learned,
    "pointwise": named("exp", "abs"),
}
"""Operations that leave the geometry alone."""
ENDS: Draws = {
    "global_avg_pool": none,
    "global_max_pool": none,
    "flatten": none,
    "linear": linear,
    "reduce": reduce,
    "whole": whole_map("attention", "flip"),
    "opaque": opaque("fft", "gru"),
}
"""Operations that take all places together."""
DRAWN_JOINS: Draws = {
    "add": none,
    "concat": none,
    "multiply": none,
    "elementwise": named("sub", "maximum"),
    "whole_join": whole_map("attention", "matmul"),
    "opaque_join": opaque("gather", "grid_sample"),
}
DRAWN_SETTINGS: Draws = {**MOVERS, **DRAWN_PLAIN, **ENDS, **DRAWN_JOINS}
"""Every operation of the engine."""
NEEDS_TWO_AXES = ("pixel_shuffle", "pixel_unshuffle")
"""torch takes any four numbers for an image."""
MOST_AXES = {"unfold": 2}
"""torch.nn.Unfold takes maps of one or two axes."""
NO_MODULE = ("resample", "pointwise", "channel_mix", "reduce", "whole", "opaque", "whole_join", "opaque_join")
"""Operations of traced modules that are known by their name only: `rfcalc.build` refuses them."""
TORCH_OPS = tuple(op for op in DRAWN_SETTINGS if op not in NO_MODULE)
"""Operations of which `rfcalc.build` makes torch modules."""
