"""The settings of one layer, drawn for a map of a given shape: a strategy for every operation of the engine.

What is drawn mostly fits the map; whoever draws asks the engine whether it does. The first alternatives are the
simplest ones, towards which Hypothesis shrinks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, Protocol

from hypothesis import strategies as st

from ..engine.kinds import settings_of
from ..engine.layers.resampling import LINEAR_MODES, Resample

DrawnSettings = dict[str, Any]
Strategy = st.SearchStrategy[Any]


class ShapeLike(Protocol):
    """What is asked of a map: the engine's own maps answer it, and any other description of a shape may."""

    @property
    def channels(self) -> int: ...
    @property
    def sizes(self) -> tuple[int, ...]: ...
    @property
    def flat(self) -> bool: ...


DrawSettings = Callable[[Any], st.SearchStrategy[DrawnSettings]]
Draws = Mapping[str, DrawSettings]
"""By operation: the strategy for its settings, given the shape that enters."""

BORDER_MODES = ("zeros", "reflect", "replicate", "circular")
RESAMPLED = {name: settings_of(Resample)[name]["kind"].words for name in ("mode", "coordinates", "rounding")}
"""The words of each setting of a resampling by ONNX's rules."""


def with_keys(needed: Mapping[str, Strategy] = {}, /, **optional: Strategy) -> st.SearchStrategy[DrawnSettings]:
    """Settings that are always stated, and others that may be."""
    return st.fixed_dictionaries(dict(needed), optional=optional)


def each_axis(values: Strategy, x: ShapeLike) -> Strategy:
    """One value for all axes, or a list."""
    return st.one_of(values, values, lists(values, x))


def lists(values: Strategy, x: ShapeLike) -> Strategy:
    return st.lists(values, min_size=len(x.sizes), max_size=len(x.sizes))


def integers(low: int, high: int, x: ShapeLike) -> Strategy:
    return each_axis(st.integers(low, high), x)


def paddings(low: int, high: int, x: ShapeLike) -> Strategy:
    """Symmetric, per axis, and different before and after."""
    side = st.integers(low, high)
    return st.one_of(side, lists(side, x), lists(st.lists(side, min_size=2, max_size=2), x))


def divisors_of(number: int) -> list[int]:
    return [g for g in range(1, number + 1) if number % g == 0]


# --- windows -------------------------------------------------------------------------------------------------------


@st.composite
def grouped(draw: st.DrawFn, x: ShapeLike) -> DrawnSettings:
    """out_channels and groups; the groups mostly divide."""
    kind = draw(st.sampled_from(["one", "one", "divisor", "depthwise", "any"]))
    out = draw(st.sampled_from([1, 2, 3, 4, 6, 8]))
    if kind == "divisor":
        groups = draw(st.sampled_from(divisors_of(x.channels)))
        return {"out_channels": groups * draw(st.integers(1, 2)), "groups": groups}
    if kind == "depthwise":
        return {"out_channels": x.channels * draw(st.integers(1, 2)), "groups": "depthwise"}
    return {"out_channels": out} if kind == "one" else {"out_channels": out, "groups": draw(st.integers(1, 4))}


@st.composite
def convolved(draw: st.DrawFn, /, x: ShapeLike, **more: Strategy) -> DrawnSettings:
    """Of a convolution, plain or transposed: what both have, and more."""
    looks = {"stride": integers(1, 4, x), "dilation": integers(1, 3, x), "bias": st.booleans(), **more}
    stated = draw(with_keys({"kernel_size": integers(1, 4, x)}, **looks))
    return draw(grouped(x)) | stated


def pooled(x: ShapeLike, **more: Strategy) -> st.SearchStrategy[DrawnSettings]:
    looks = {"stride": integers(1, 4, x), "padding": integers(0, 2, x), "ceil_mode": st.booleans(), **more}
    return with_keys({"kernel_size": integers(1, 4, x)}, **looks)


@st.composite
def upsampled(draw: st.DrawFn, x: ShapeLike) -> DrawnSettings:
    factors = each_axis(st.sampled_from([2, 3, 1, 1.5, 2.5, 0.5, 0.75]), x)
    by_size = draw(st.booleans())
    stated: DrawnSettings = {"size": draw(integers(1, 12, x))} if by_size else {"scale_factor": draw(factors)}
    if draw(st.booleans()):
        stated["mode"] = LINEAR_MODES[len(x.sizes) - 1]
        if draw(st.booleans()):
            stated["align_corners"] = True
    return stated


@st.composite
def resampled(draw: st.DrawFn, x: ShapeLike) -> DrawnSettings:
    """By the rules of ONNX; the size is mostly near the one that is there."""
    chosen = {name: draw(st.sampled_from(words)) for name, words in RESAMPLED.items()}
    return {"size": draw(integers(1, 12, x)), **chosen}


def padded(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    modes = st.sampled_from(["reflect", "replicate", "circular", "zeros"])
    return st.one_of(
        with_keys({"padding": paddings(-2, 3, x)}), with_keys({"padding": paddings(0, 3, x), "mode": modes})
    )


# --- what rearranges -----------------------------------------------------------------------------------------------


@st.composite
def slice_settings(draw: st.DrawFn, x: ShapeLike) -> DrawnSettings:
    start = draw(st.integers(0, x.channels - 1))
    stop = draw(st.one_of(st.none(), st.integers(start + 1, x.channels)))
    stated: DrawnSettings = {"start": start} if stop is None else {"start": start, "stop": stop}
    return stated | ({"step": draw(st.integers(1, 3))} if draw(st.booleans()) else {})


@st.composite
def expanded(draw: st.DrawFn, x: ShapeLike) -> DrawnSettings:
    """A channel or a place repeated, where there is one; what is there is kept."""
    channels = draw(st.integers(1, 4)) if x.channels == 1 else x.channels
    return {"out_channels": channels, "size": [draw(st.integers(1, 4)) if n == 1 else n for n in x.sizes]}


@st.composite
def unflatten_settings(draw: st.DrawFn, x: ShapeLike) -> DrawnSettings:
    """The values shared out among channels and places, as their number allows."""
    left, sizes = x.channels, []
    for _ in x.sizes:
        sizes.append(draw(st.sampled_from([n for n in divisors_of(left) if n <= 4])))
        left //= sizes[-1]
    return {"out_channels": left, "size": sizes}


# --- settings that hang on no map, or on little of it ----------------------------------------------------------------


def unstated(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    return st.just({})


def of_values(name: str, low: int, high: int) -> DrawSettings:
    return lambda x: with_keys({name: st.integers(low, high)})


def of_words(*words: str) -> DrawSettings:
    return lambda x: with_keys({"operation": st.sampled_from(words)})


def maybe_of(name: str, *values: float) -> DrawSettings:
    return lambda x: with_keys(**{name: st.sampled_from(values)})


def sized(*words: str) -> DrawSettings:
    """An operation of that name whose map may have any size."""

    def drawn(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
        size = {} if x.flat else {"size": lists(st.integers(1, 4), x)}
        return with_keys({"operation": st.sampled_from(words)}, out_channels=st.integers(1, 4), **size)

    return drawn


def mixed_on(*words: str, **more: Strategy) -> DrawSettings:
    """An operation of that name on some axes, whose sizes stay as they are."""
    return lambda x: with_keys({"operation": st.sampled_from(words)}, axes=each_axis(st.booleans(), x), **more)


def adaptive(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    return with_keys({"output_size": integers(1, 7, x)})


def affine_or_not(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    return with_keys(affine=st.booleans())


def learned(x: ShapeLike) -> st.SearchStrategy[DrawnSettings]:
    """One weight for all values, one for each channel, or one for each value."""
    values = x.channels * prod(() if x.flat else x.sizes)
    return with_keys({"weights": st.sampled_from([1, x.channels, values])})


DRAWN_ACTIVATIONS = (
    "identity", "relu", "relu6", "selu", "gelu", "silu", "mish", "hardswish", "hardsigmoid", "sigmoid", "tanh",
    "softplus", "softmax", "log_softmax",
)  # fmt: skip
MOVERS: Draws = {
    "conv": lambda x: convolved(
        x,
        padding=st.one_of(paddings(0, 3, x), st.sampled_from(["same", "valid", "tf_same"])),
        padding_mode=st.sampled_from(BORDER_MODES),
    ),
    "max_pool": lambda x: pooled(x, dilation=integers(1, 3, x)),
    "avg_pool": pooled,
    "conv_transpose": lambda x: convolved(x, padding=paddings(0, 2, x), output_padding=integers(0, 2, x)),
    "upsample": upsampled,
    "resample": resampled,
    "pad": padded,
    "adaptive_avg_pool": adaptive,
    "adaptive_max_pool": adaptive,
    "pixel_shuffle": of_values("upscale_factor", 1, 2),
    "pixel_unshuffle": of_values("downscale_factor", 1, 3),
    "unfold": lambda x: with_keys(
        {"kernel_size": integers(1, 3, x)},
        stride=integers(1, 3, x),
        padding=integers(0, 2, x),
        dilation=integers(1, 2, x),
    ),
    "roll": lambda x: with_keys({"shifts": integers(-2, 2, x)}),
    "expand": expanded,
    "channel_slice": slice_settings,
    "channel_pad": lambda x: with_keys(before=st.integers(0, 3), after=st.integers(0, 3)),
    "channel_shuffle": lambda x: with_keys({"groups": st.sampled_from(divisors_of(x.channels))}),
    "channel_mix": lambda x: with_keys(
        {"operation": st.sampled_from(["mean over channels", "glu"]), "out_channels": st.integers(1, 4)}
    ),
    "unflatten": unflatten_settings,
}
"""Operations after which a network goes on."""
DRAWN_PLAIN: Draws = {
    **dict.fromkeys(("batch_norm", "instance_norm", "layer_norm", "channel_norm"), affine_or_not),
    "group_norm": lambda x: with_keys({"num_groups": st.sampled_from([1, 2, x.channels])}, affine=st.booleans()),
    **dict.fromkeys(DRAWN_ACTIVATIONS, unstated),
    "leaky_relu": maybe_of("negative_slope", 0.1, 0.5, 1),
    "elu": maybe_of("alpha", 0.1, 0.5, 1),
    "prelu": lambda x: with_keys(num_parameters=st.sampled_from([1, x.channels, 2])),
    **dict.fromkeys(("dropout", "dropout_spatial", "alpha_dropout"), maybe_of("p", 0, 0.25, 0.5)),
    "scale": learned,
    "shift": learned,
    "pointwise": of_words("exp", "abs"),
}
"""Operations that leave the geometry alone."""
ENDS: Draws = {
    "global_avg_pool": unstated,
    "global_max_pool": unstated,
    "flatten": unstated,
    "linear": lambda x: with_keys({"out_features": st.integers(1, 8)}, bias=st.booleans()),
    "reduce": mixed_on("sum", "std"),
    "whole": mixed_on("attention", "flip", bound=st.booleans()),
    "opaque": sized("fft", "gru"),
}
"""Operations that take all places together."""
DRAWN_JOINS: Draws = {
    "add": unstated,
    "concat": unstated,
    "multiply": unstated,
    "elementwise": of_words("sub", "maximum"),
    "whole_join": mixed_on("attention", "matmul", bound=st.booleans()),
    "opaque_join": sized("gather", "grid_sample"),
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
