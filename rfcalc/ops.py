"""Every layer type: its settings, geometry, parameters, MACs, and how torch spells it, one class each.

Adding a layer type is one class here; the keys of the spec language, the JSON Schema, the table's columns and the
torch module all come from it. Counts: one multiply-add is one MAC; biases, activations, norms and pools count none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm, prod
from typing import Any, ClassVar, TypeVar

from .errors import SettingError, ShapeError
from .geometry import MAX_PHASES, UNIT, Axis, Border, FeatureMap, Taps, Window, join
from .settings import (
    Choice,
    Factors,
    Flag,
    Integer,
    Integers,
    Optional,
    Padding,
    PaddingKind,
    PerAxis,
    Real,
    setting,
    settings_of,
)

LAYERS: dict[str, type[Layer]] = {}
FEATURES = ("depthwise", "grouped", "dilation", "strided", "bias")
"""What a design can use beside layer types."""
C = TypeVar("C", bound="type[Layer]")


def layer(name: str) -> Callable[[C], C]:
    """Registers a layer type under its name in the spec language."""

    def register(cls: C) -> C:
        cls.op = name
        LAYERS[name] = cls
        return cls

    return register


@dataclass(frozen=True, slots=True)
class Layer:
    """What every layer type says of itself; the defaults are those of a layer that works on each value by itself."""

    op: ClassVar[str] = ""
    torch_name: ClassVar[str] = ""
    torch_axes: ClassVar[bool] = False
    """Whether torch has a class for each number of axes: Conv1d, Conv2d, Conv3d."""
    scalar: ClassVar[str | None] = None
    """The setting that a bare value stands for: `- max_pool: 2`."""
    pointwise: ClassVar[bool] = True
    """Each output value reads the one input value at its place: geometry and channels stay as they are."""
    joins: ClassVar[bool] = False
    """Takes several inputs; in torch it is an operation, not a module."""
    norm: ClassVar[bool] = False
    reduces: ClassVar[bool] = False
    """A pool that takes the map to a size of its own."""
    transposed: ClassVar[bool] = False
    """Its windows lie on its output."""
    keeps_flat: ClassVar[bool] = True
    """Whether it takes a map that flatten has left with channels only."""

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        """The layer as a window on each axis; empty for a layer that is none (upsampling, uneven bins)."""
        return () if x.flat else (UNIT,) * len(x.axes)

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        """Which units of x each output unit reads, per axis."""
        return tuple(window.taps() for window in self.windows(x))

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return tuple(w.output_size(a.size) for w, a in zip(self.windows(x), x.axes, strict=True))

    def channels(self, x: FeatureMap) -> int:
        return x.channels

    def output(self, inputs: Sequence[FeatureMap]) -> FeatureMap:
        """The map behind the layer; raises ShapeError when it cannot take its input."""
        (x,) = inputs
        self.check(x)
        if self.pointwise:
            return x
        return FeatureMap(self.channels(x), through(x.axes, self.taps(x), self.sizes(x)))

    def check(self, x: FeatureMap) -> None:
        """Raises ShapeError when the layer cannot take x."""
        if x.flat and not self.keeps_flat:
            raise ShapeError(f"needs a map with axes; flattening left {x.channels} channels only")

    def params(self, x: FeatureMap) -> int:
        return 0

    def macs(self, x: FeatureMap, out: FeatureMap) -> int | None:
        """Multiply-adds for one image; None when nobody knows."""
        return 0

    def sums(self, x: FeatureMap, out: FeatureMap) -> tuple[str, str]:
        """Parameters and MACs as arithmetic; empty where there are none."""
        return "", ""

    def features(self, x: FeatureMap) -> tuple[str, ...]:
        """The words of must_use and must_not_use that it answers to, beside its own name."""
        return ()

    def torch_class(self, x: FeatureMap) -> str:
        return f"{self.torch_name}{1 if x.flat else len(x.axes)}d" if self.torch_axes else self.torch_name

    def module(self, nn: Any, x: FeatureMap) -> Any:
        """The torch module; nn is torch.nn, x the map that it will be given."""
        return getattr(nn, self.torch_class(x))(*self.arguments(x))

    def arguments(self, x: FeatureMap) -> tuple[Any, ...]:
        """What torch's class is called with: by default every setting, in order."""
        return tuple(getattr(self, name) for name in settings_of(type(self)))


def through(axes: tuple[Axis, ...], taps: tuple[Taps, ...], sizes: tuple[int, ...]) -> tuple[Axis, ...]:
    """Each axis through its taps; equal axes under equal taps are worked out once."""
    out: list[Axis] = []
    for i, (axis, tap, size) in enumerate(zip(axes, taps, sizes, strict=True)):
        if i and axis is axes[i - 1] and tap is taps[i - 1] and size == sizes[i - 1]:
            out.append(out[-1])
        else:
            out.append(axis.through(tap, size))
    return tuple(out)


@lru_cache(maxsize=4096)
def make_windows(kernel_size: PerAxis, stride: PerAxis, padding: Any, dilation: PerAxis) -> tuple[Window, ...]:
    return tuple(map(Window, kernel_size, stride, padding, dilation))


def product(*factors: int) -> str:
    return "*".join(map(str, factors))


def symmetric(padding: Any) -> bool:
    return all(before == after for before, after in padding)


def before(padding: Any) -> tuple[int, ...]:
    return tuple(pair[0] for pair in padding)


def pad_argument(padding: Any) -> tuple[int, ...]:
    """Padding as torch's pad takes it: the last axis first."""
    return tuple(side for pair in reversed(padding) for side in pair)


# --- convolutions ------------------------------------------------------------------------------------------------


def check_groups(groups: int, channels_in: int, channels_out: int) -> None:
    if channels_in % groups or channels_out % groups:
        raise ShapeError(f"groups={groups} must divide {channels_in} in and {channels_out} out channels")


@layer("conv")
@dataclass(frozen=True, slots=True)
class Conv(Layer):
    """Convolution (torch.nn.Conv1d to Conv3d); `tf_same` pads as TensorFlow does, by size, more behind than before."""

    torch_name = "Conv"
    torch_axes = True
    scalar = "out_channels"
    pointwise = False
    keeps_flat = False
    out_channels: int = setting(Integer())
    kernel_size: PerAxis = setting(Integers())
    stride: PerAxis = setting(Integers(), 1)
    padding: Padding = setting(PaddingKind(("same", "valid", "tf_same")), 0)
    dilation: PerAxis = setting(Integers(), 1)
    groups: int | None = setting(Optional(Integer(), "depthwise"), 1)
    bias: bool = setting(Flag(), True)
    padding_mode: str = setting(Choice(("zeros", "reflect", "replicate", "circular")), "zeros")

    def __post_init__(self) -> None:
        if self.padding == "same" and max(self.stride) > 1:
            raise SettingError(f"padding: same needs stride 1, not {max(self.stride)} (torch's rule; see tf_same)")

    def groups_of(self, x: FeatureMap) -> int:
        return x.channels if self.groups is None else self.groups

    def channels(self, x: FeatureMap) -> int:
        return self.out_channels

    def pads(self, x: FeatureMap) -> Any:
        """Padding (before, after) on each axis, in numbers."""
        if not isinstance(self.padding, str):
            return self.padding
        if self.padding == "valid":
            return ((0, 0),) * len(x.axes)
        bare = make_windows(self.kernel_size, self.stride, ((0, 0),) * len(x.axes), self.dilation)
        totals = [  # stride 1: extent - 1, the same for both words
            max((-(-axis.size // w.stride) - 1) * w.stride + w.extent - axis.size, 0)
            for w, axis in zip(bare, x.axes, strict=True)
        ]
        return tuple((total // 2, total - total // 2) for total in totals)

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return make_windows(self.kernel_size, self.stride, self.pads(x), self.dilation)

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return with_border([window.taps() for window in self.windows(x)], self.padding_mode)

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        check_groups(self.groups_of(x), x.channels, self.out_channels)
        check_border(self.padding_mode, self.pads(x), x)

    def params(self, x: FeatureMap) -> int:
        per_output = prod(self.kernel_size) * (x.channels // self.groups_of(x))
        return self.out_channels * (per_output + self.bias)

    def macs(self, x: FeatureMap, out: FeatureMap) -> int:
        return out.elements * prod(self.kernel_size) * (x.channels // self.groups_of(x))

    def sums(self, x: FeatureMap, out: FeatureMap) -> tuple[str, str]:
        weights = product(*self.kernel_size, x.channels // self.groups_of(x))
        return f"{out.channels}*({weights}{' + 1' * self.bias})", f"{product(*out.sizes, out.channels)}*{weights}"

    def features(self, x: FeatureMap) -> tuple[str, ...]:
        groups = self.groups_of(x)
        found = {
            "dilation": max(self.dilation) > 1,
            "strided": max(self.stride) > 1,
            "grouped": groups > 1,
            "depthwise": groups == x.channels > 1,
            "bias": self.bias,
        }
        return tuple(word for word, used in found.items() if used)

    def module(self, nn: Any, x: FeatureMap) -> Any:
        pads, modes = self.pads(x), {"padding_mode": self.padding_mode}
        split = not symmetric(pads) and self.padding != "same"
        padding: Any = "same" if self.padding == "same" else (0,) * len(x.axes) if split else before(pads)
        shape = (x.channels, self.out_channels, self.kernel_size, self.stride, padding, self.dilation)
        conv = getattr(nn, self.torch_class(x))(*shape, self.groups_of(x), self.bias, **({} if split else modes))
        if not split:
            return conv
        pad = getattr(nn, f"{PAD_NAMES[self.padding_mode]}{len(x.axes)}d")(pad_argument(pads))
        return nn.Sequential(OrderedDict(pad=pad, conv=conv))


BORDERS: dict[str, Border] = {
    "zeros": "drop",
    "constant": "drop",
    "reflect": "reflect",
    "replicate": "replicate",
    "circular": "circular",
}
PAD_NAMES = {"zeros": "ZeroPad", "reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}


def with_border(taps: list[Taps], mode: str) -> tuple[Taps, ...]:
    if BORDERS[mode] == "drop":
        return tuple(taps)
    return tuple(Taps(tap.advance, tap.reads, BORDERS[mode]) for tap in taps)


def check_border(mode: str, padding: Any, x: FeatureMap) -> None:
    """Mirrored padding must be smaller than the map, wrapped padding no larger: there is nothing more to copy."""
    limits = {"reflect": -1, "circular": 0}
    for pair, axis in zip(padding, x.axes, strict=True) if mode in limits else ():
        limit = axis.size + limits[mode]
        if max(pair) > limit:
            raise ShapeError(f"{mode} padding of {max(pair)} on a map of size {axis.size}: at most {limit}")


@layer("conv_transpose")
@dataclass(frozen=True, slots=True)
class ConvTranspose(Layer):
    """Transposed convolution (torch.nn.ConvTranspose1d to 3d); its padding is cut off, before and after."""

    torch_name = "ConvTranspose"
    torch_axes = True
    scalar = "out_channels"
    transposed = True
    pointwise = False
    keeps_flat = False
    out_channels: int = setting(Integer())
    kernel_size: PerAxis = setting(Integers())
    stride: PerAxis = setting(Integers(), 1)
    padding: Any = setting(PaddingKind(), 0)
    output_padding: PerAxis = setting(Integers(0), 0)
    groups: int | None = setting(Optional(Integer(), "depthwise"), 1)
    bias: bool = setting(Flag(), True)
    dilation: PerAxis = setting(Integers(), 1)

    def __post_init__(self) -> None:
        for extra, stride, dilation in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(stride, dilation):
                raise SettingError(
                    f"output_padding={extra} must be smaller than the stride of {stride} or the dilation of {dilation}"
                )

    def groups_of(self, x: FeatureMap) -> int:
        return x.channels if self.groups is None else self.groups

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return make_windows(self.kernel_size, self.stride, self.padding, self.dilation)

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return tuple(transposed_taps(window) for window in self.windows(x))

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return tuple(
            (axis.size - 1) * w.stride + w.extent + extra - sum(w.padding)
            for w, axis, extra in zip(self.windows(x), x.axes, self.output_padding, strict=True)
        )

    def channels(self, x: FeatureMap) -> int:
        return self.out_channels

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        check_groups(self.groups_of(x), x.channels, self.out_channels)

    def params(self, x: FeatureMap) -> int:
        per_group = self.out_channels // self.groups_of(x)
        return x.channels * per_group * prod(self.kernel_size) + self.out_channels * self.bias

    def macs(self, x: FeatureMap, out: FeatureMap) -> int:
        return x.elements * prod(self.kernel_size) * (self.out_channels // self.groups_of(x))

    def sums(self, x: FeatureMap, out: FeatureMap) -> tuple[str, str]:
        per_input = product(*self.kernel_size, self.out_channels // self.groups_of(x))
        bias = f" + {self.out_channels}" * self.bias
        return f"{x.channels}*{per_input}{bias}", f"{product(*x.sizes, x.channels)}*{per_input}"

    def module(self, nn: Any, x: FeatureMap) -> Any:
        cut = before(self.padding) if symmetric(self.padding) else (0,) * len(x.axes)
        conv = getattr(nn, self.torch_class(x))(
            x.channels, self.out_channels, self.kernel_size, self.stride, cut, self.output_padding, self.groups_of(x),
            self.bias, self.dilation,
        )  # fmt: skip
        if symmetric(self.padding):
            return conv
        crop = getattr(nn, f"ZeroPad{len(x.axes)}d")(tuple(-side for side in pad_argument(self.padding)))
        return nn.Sequential(OrderedDict(conv=conv, crop=crop))


@lru_cache(maxsize=4096)
def transposed_taps(window: Window) -> Taps:
    """Output unit o reads input unit (o + padding - dilation*t) / stride for every tap t where that is whole."""
    stride, dilation = window.stride, window.dilation
    if stride > MAX_PHASES:
        raise ShapeError(f"stride={stride:,} gives units that look {stride:,} different ways in turn")
    common = gcd(stride, dilation)
    apart = stride // common
    inverse = pow(dilation // common, -1, apart)
    reads = []
    for phase in range(stride):
        shifted = phase + window.padding[0]
        tap = shifted // common * inverse % apart  # the first of the taps that meet a unit, `apart` from one another
        count = len(range(tap, window.kernel_size, apart)) if shifted % common == 0 else 0
        last = (shifted - dilation * tap) // stride  # the first tap reads the last unit
        step = dilation // common
        reads.append(range(last - (count - 1) * step, last + 1, step) if count else range(0))
    return Taps(1, tuple(reads))


@layer("linear")
@dataclass(frozen=True, slots=True)
class Linear(Layer):
    """Fully connected layer on the whole map, flattened first where it is not flat yet (torch.nn.Linear)."""

    torch_name = "Linear"
    scalar = "out_features"
    pointwise = False
    out_features: int = setting(Integer())
    bias: bool = setting(Flag(), True)

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return whole_map(x)

    def output(self, inputs: Sequence[FeatureMap]) -> FeatureMap:
        return FeatureMap(self.out_features, flattened(inputs[0]), flat=True)

    def params(self, x: FeatureMap) -> int:
        return self.out_features * (x.elements + self.bias)

    def macs(self, x: FeatureMap, out: FeatureMap) -> int:
        return self.out_features * x.elements

    def sums(self, x: FeatureMap, out: FeatureMap) -> tuple[str, str]:
        return f"{self.out_features}*({x.elements}{' + 1' * self.bias})", product(self.out_features, x.elements)

    def arguments(self, x: FeatureMap) -> tuple[Any, ...]:
        return x.elements, self.out_features, self.bias


@layer("flatten")
class Flatten(Layer):
    """All axes into channels (torch.nn.Flatten); each value counts as seeing what any of them sees."""

    torch_name = "Flatten"
    pointwise = False

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return whole_map(x)

    def output(self, inputs: Sequence[FeatureMap]) -> FeatureMap:
        return FeatureMap(inputs[0].elements, flattened(inputs[0]), flat=True)


def whole_map(x: FeatureMap) -> tuple[Window, ...]:
    return () if x.flat else tuple(Window(axis.size) for axis in x.axes)


def flattened(x: FeatureMap) -> tuple[Axis, ...]:
    return x.axes if x.flat else through(x.axes, tuple(w.taps() for w in whole_map(x)), (1,) * len(x.axes))


# --- pools -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pool(Layer):
    """A pool over windows of its own kernel_size, by default side by side."""

    torch_axes = True
    scalar = "kernel_size"
    pointwise = False
    keeps_flat = False
    kernel_size: PerAxis = setting(Integers())
    stride: PerAxis = setting(Integers(), like="kernel_size")
    padding: Any = setting(PaddingKind(pairs=False), 0)

    @property
    def dilations(self) -> PerAxis:
        return (1,) * len(self.kernel_size)

    @property
    def ceils(self) -> bool:
        raise NotImplementedError

    def __post_init__(self) -> None:
        for kernel, (side, _) in zip(self.kernel_size, self.padding, strict=True):
            if 2 * side > kernel:  # torch's rule, which leaves dilation out of account
                raise SettingError(f"padding={side} must be at most half of kernel_size={kernel}")

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return make_windows(self.kernel_size, self.stride, self.padding, self.dilations)

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return tuple(w.output_size(a.size, self.ceils) for w, a in zip(self.windows(x), x.axes, strict=True))


@layer("max_pool")
@dataclass(frozen=True, slots=True)
class MaxPool(Pool):
    """Maximum over each window (torch.nn.MaxPool1d to 3d)."""

    torch_name = "MaxPool"
    dilation: PerAxis = setting(Integers(), 1)
    ceil_mode: bool = setting(Flag(), False)

    @property
    def dilations(self) -> PerAxis:
        return self.dilation

    @property
    def ceils(self) -> bool:
        return self.ceil_mode

    def arguments(self, x: FeatureMap) -> tuple[Any, ...]:
        return self.kernel_size, self.stride, before(self.padding), self.dilation, False, self.ceil_mode


@layer("avg_pool")
@dataclass(frozen=True, slots=True)
class AvgPool(Pool):
    """Mean over each window (torch.nn.AvgPool1d to 3d)."""

    torch_name = "AvgPool"
    ceil_mode: bool = setting(Flag(), False)

    @property
    def ceils(self) -> bool:
        return self.ceil_mode

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        for kernel, axis in zip(self.kernel_size, x.axes, strict=True):
            if len(x.axes) == 3 and kernel > axis.size:
                raise ShapeError(
                    f"kernel_size={kernel} does not fit a map of size {axis.size}: on 3 axes padding does not help"
                )

    def arguments(self, x: FeatureMap) -> tuple[Any, ...]:
        return self.kernel_size, self.stride, before(self.padding), self.ceil_mode


@dataclass(frozen=True, slots=True)
class AdaptivePool(Layer):
    """A pool to a size of its own: unit i of m reads floor(i*n/m) to ceil((i+1)*n/m), torch's bins.

    To size 1 it is one window as large as the map with stride 1 (the convention of the hand-made tables), to the size
    that is already there the identity.
    """

    reduces = True
    torch_axes = True
    pointwise = False
    keeps_flat = False
    scalar = "output_size"
    output_size: PerAxis = setting(Integers())

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return self.output_size

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        if any(axis.size % size for axis, size in zip(x.axes, self.sizes(x), strict=True)):
            return ()
        shares = [(axis.size // size, size) for axis, size in zip(x.axes, self.sizes(x), strict=True)]
        return tuple(Window(share, 1 if size == 1 else share) for share, size in shares)

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return tuple(map(adaptive_taps, (axis.size for axis in x.axes), self.sizes(x)))


def adaptive_taps(size: int, out: int) -> Taps:
    common = gcd(size, out)
    if out // common > MAX_PHASES:
        raise ShapeError(f"a pool from size {size:,} to {out:,} has {out // common:,} different bins")
    if out == 1:
        return Window(size).taps()
    return Taps(size // common, tuple(range(i * size // out, -(-(i + 1) * size // out)) for i in range(out // common)))


@layer("adaptive_avg_pool")
class AdaptiveAvgPool(AdaptivePool):
    """Mean to a fixed size (torch.nn.AdaptiveAvgPool1d to 3d)."""

    torch_name = "AdaptiveAvgPool"


@layer("adaptive_max_pool")
class AdaptiveMaxPool(AdaptivePool):
    """Maximum to a fixed size (torch.nn.AdaptiveMaxPool1d to 3d)."""

    torch_name = "AdaptiveMaxPool"


class GlobalPool(Layer):
    """A pool of the whole map to size 1: a window as large as the map, stride 1."""

    reduces = True
    torch_axes = True
    pointwise = False
    keeps_flat = False

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return whole_map(x)

    def arguments(self, x: FeatureMap) -> tuple[Any, ...]:
        return (1,)


@layer("global_avg_pool")
class GlobalAvgPool(GlobalPool):
    """Mean of the whole map (torch.nn.AdaptiveAvgPool2d(1))."""

    torch_name = "AdaptiveAvgPool"


@layer("global_max_pool")
class GlobalMaxPool(GlobalPool):
    """Maximum of the whole map (torch.nn.AdaptiveMaxPool2d(1))."""

    torch_name = "AdaptiveMaxPool"


# --- resampling --------------------------------------------------------------------------------------------------


@layer("upsample")
@dataclass(frozen=True, slots=True)
class Upsample(Layer):
    """Interpolation to a size or by a factor (torch.nn.Upsample): the nearest unit, or the two around, per axis."""

    torch_name = "Upsample"
    pointwise = False
    keeps_flat = False
    scalar = "scale_factor"
    scale_factor: tuple[Fraction, ...] | None = setting(Optional(Factors()), None)
    size: PerAxis | None = setting(Optional(Integers()), None)
    mode: str = setting(Choice(("nearest", "linear", "bilinear", "trilinear")), "nearest")
    align_corners: bool = setting(Flag(), False)

    def __post_init__(self) -> None:
        if (self.scale_factor is None) == (self.size is None):
            raise SettingError("needs either scale_factor or size")
        linear = ("linear", "bilinear", "trilinear")[len(self.scale_factor or self.size or ()) - 1]
        if self.mode not in ("nearest", linear):
            raise SettingError(f"mode {self.mode} does not fit the axes of the input: nearest or {linear} does")
        if self.align_corners and self.mode == "nearest":
            raise SettingError("align_corners has no meaning with mode nearest")

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return ()

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        if self.size is not None:
            return self.size
        factors = self.scale_factor or ()
        # in floats, as torch does: 100 * 0.29 is 28.99…, and the map has size 28
        return tuple(int(axis.size * float(factor)) for axis, factor in zip(x.axes, factors, strict=True))

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        if self.scale_factor is None or self.align_corners:
            sizes = [axis.size for axis in x.axes]
            ends = 1 if self.align_corners else 0
            outs = self.sizes(x)
            ratios = [
                Fraction(n - ends, m - ends) if m > ends else Fraction(0) for n, m in zip(sizes, outs, strict=True)
            ]
        else:
            ratios = [1 / factor for factor in self.scale_factor]
        return tuple(interpolation_taps(ratio, self.mode != "nearest", self.align_corners) for ratio in ratios)

    def arguments(self, x: FeatureMap) -> tuple[Any, ...]:
        factors = None if self.scale_factor is None else tuple(map(float, self.scale_factor))
        return self.size, factors, self.mode, self.align_corners if self.mode != "nearest" else None


@lru_cache(maxsize=4096)
def interpolation_taps(ratio: Fraction, linear: bool, align_corners: bool) -> Taps:
    """Output unit i reads around i*ratio (corners aligned, or nearest) or (i + 1/2)*ratio - 1/2, torch's rule."""
    if ratio.denominator > MAX_PHASES:
        raise ShapeError(
            f"a resampling by {1 / ratio} gives units that look {ratio.denominator:,} different ways in turn"
        )
    shift = Fraction(0) if align_corners or not linear else (ratio - 1) / 2
    places = [i * ratio + shift for i in range(ratio.denominator)]
    if not linear:
        return Taps(ratio.numerator, tuple(range(int(p), int(p) + 1) for p in places))
    scale = lcm(*(p.denominator for p in places))
    reads, weights = [], []
    for place in places:
        low = place.numerator // place.denominator
        behind = int((place - low) * scale)
        reads.append(range(low, low + (2 if behind else 1)))
        weights.append((scale - behind, behind) if behind else (scale,))
    return Taps(ratio.numerator, tuple(reads), "replicate", tuple(weights), scale)


@layer("pixel_shuffle")
@dataclass(frozen=True, slots=True)
class PixelShuffle(Layer):
    """Channels to space: r*r channels become an r x r patch (torch.nn.PixelShuffle)."""

    torch_name = "PixelShuffle"
    pointwise = False
    keeps_flat = False
    scalar = "upscale_factor"
    upscale_factor: int = setting(Integer())

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        check_two_axes(x)
        if x.channels % self.upscale_factor**2:
            raise ShapeError(f"{x.channels} channels are no multiple of {self.upscale_factor}*{self.upscale_factor}")

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return ()

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return tuple(axis.size * self.upscale_factor for axis in x.axes)

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return (interpolation_taps(Fraction(1, self.upscale_factor), False, False),) * len(x.axes)

    def channels(self, x: FeatureMap) -> int:
        return x.channels // self.upscale_factor**2


@layer("pixel_unshuffle")
@dataclass(frozen=True, slots=True)
class PixelUnshuffle(Layer):
    """Space to channels: each r x r patch becomes r*r channels (torch.nn.PixelUnshuffle)."""

    torch_name = "PixelUnshuffle"
    pointwise = False
    keeps_flat = False
    scalar = "downscale_factor"
    downscale_factor: int = setting(Integer())

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        check_two_axes(x)
        for axis in x.axes:
            if axis.size % self.downscale_factor:
                raise ShapeError(f"downscale_factor={self.downscale_factor} must divide the map's size of {axis.size}")

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return (Window(self.downscale_factor, self.downscale_factor),) * len(x.axes)

    def channels(self, x: FeatureMap) -> int:
        return x.channels * self.downscale_factor**2


def check_two_axes(x: FeatureMap) -> None:
    if len(x.axes) != 2:
        raise ShapeError(f"needs a map with 2 axes, not {len(x.axes)}")


@layer("pad")
@dataclass(frozen=True, slots=True)
class Pad(Layer):
    """Padding alone; negative numbers cut off (torch.nn.ZeroPad2d, ReflectionPad2d, …)."""

    torch_axes = True
    pointwise = False
    keeps_flat = False
    scalar = "padding"
    padding: Any = setting(PaddingKind(minimum=-(2**20)))
    mode: str = setting(Choice(("zeros", "reflect", "replicate", "circular")), "zeros")

    def __post_init__(self) -> None:
        if self.mode != "zeros" and min(min(pair) for pair in self.padding) < 0:
            raise SettingError(f"padding can be negative with mode zeros only, not with {self.mode}")

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        check_border(self.mode, self.padding, x)
        for pair, axis in zip(self.padding, x.axes, strict=True):
            if (cut := -sum(min(side, 0) for side in pair)) > axis.size:  # torch cuts before it pads
                raise ShapeError(f"cuts {cut} off a map of size {axis.size}")

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        ones = (1,) * len(x.axes)
        return make_windows(ones, ones, self.padding, ones)

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return tuple(axis.size + sum(pair) for axis, pair in zip(x.axes, self.padding, strict=True))

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return with_border([window.taps() for window in self.windows(x)], self.mode)

    def torch_class(self, x: FeatureMap) -> str:
        return f"{PAD_NAMES[self.mode]}{len(x.axes)}d"

    def arguments(self, x: FeatureMap) -> tuple[Any, ...]:
        return (pad_argument(self.padding),)


# --- norms, activations, dropout ---------------------------------------------------------------------------------


class Norm(Layer):
    """A norm counts as looking at one unit: its statistics mix places, but carry no picture of them."""

    norm = True

    def weights(self, x: FeatureMap) -> int:
        """How many weights, and as many biases, it has when affine."""
        return x.channels

    def params(self, x: FeatureMap) -> int:
        return 2 * self.weights(x) if self.affine else 0  # type: ignore[attr-defined]

    def sums(self, x: FeatureMap, out: FeatureMap) -> tuple[str, str]:
        return f"2*{self.weights(x)}" if self.params(x) else "", ""


@layer("batch_norm")
@dataclass(frozen=True, slots=True)
class BatchNorm(Norm):
    """Batch normalisation (torch.nn.BatchNorm1d to 3d)."""

    torch_name = "BatchNorm"
    torch_axes = True
    affine: bool = setting(Flag(), True)

    def module(self, nn: Any, x: FeatureMap) -> Any:
        return getattr(nn, self.torch_class(x))(x.channels, affine=self.affine)


@layer("instance_norm")
@dataclass(frozen=True, slots=True)
class InstanceNorm(Norm):
    """Instance normalisation (torch.nn.InstanceNorm1d to 3d), without parameters unless affine."""

    torch_name = "InstanceNorm"
    torch_axes = True
    keeps_flat = False
    affine: bool = setting(Flag(), False)

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        if prod(x.sizes) == 1:
            raise ShapeError("needs more than one unit in each channel: a map of size 1 has no variance")

    def module(self, nn: Any, x: FeatureMap) -> Any:
        return getattr(nn, self.torch_class(x))(x.channels, affine=self.affine)


@layer("group_norm")
@dataclass(frozen=True, slots=True)
class GroupNorm(Norm):
    """Group normalisation (torch.nn.GroupNorm)."""

    torch_name = "GroupNorm"
    scalar = "num_groups"
    num_groups: int = setting(Integer())
    affine: bool = setting(Flag(), True)

    def check(self, x: FeatureMap) -> None:
        if x.channels % self.num_groups:
            raise ShapeError(f"num_groups={self.num_groups} must divide {x.channels} channels")

    def module(self, nn: Any, x: FeatureMap) -> Any:
        return nn.GroupNorm(self.num_groups, x.channels, affine=self.affine)


@layer("layer_norm")
@dataclass(frozen=True, slots=True)
class LayerNorm(Norm):
    """Layer normalisation over channels and all axes, with a weight for each value (torch.nn.LayerNorm)."""

    torch_name = "LayerNorm"
    affine: bool = setting(Flag(), True)

    def weights(self, x: FeatureMap) -> int:
        return x.elements

    def module(self, nn: Any, x: FeatureMap) -> Any:
        return nn.LayerNorm((x.channels,) if x.flat else (x.channels, *x.sizes), elementwise_affine=self.affine)


def activation(name: str, torch_name: str, doc: str, arguments: tuple[Any, ...] = ()) -> None:
    """Registers a layer type without settings that leaves geometry, channels and parameters alone."""

    def given(self: Layer, x: FeatureMap) -> tuple[Any, ...]:
        return arguments

    members = {"__doc__": f"{doc} (torch.nn.{torch_name}).", "torch_name": torch_name, "arguments": given}
    layer(name)(type(torch_name, (Layer,), members))


activation("identity", "Identity", "Nothing")
activation("relu", "ReLU", "max(x, 0)")
activation("relu6", "ReLU6", "min(max(x, 0), 6)")
activation("selu", "SELU", "Scaled exponential linear unit")
activation("gelu", "GELU", "Gaussian error linear unit")
activation("silu", "SiLU", "x * sigmoid(x), also called swish")
activation("mish", "Mish", "x * tanh(softplus(x))")
activation("hardswish", "Hardswish", "x * relu6(x + 3) / 6")
activation("hardsigmoid", "Hardsigmoid", "relu6(x + 3) / 6")
activation("sigmoid", "Sigmoid", "1 / (1 + exp(-x))")
activation("tanh", "Tanh", "Hyperbolic tangent")
activation("softplus", "Softplus", "log(1 + exp(x))")
activation("softmax", "Softmax", "Softmax over channels", (1,))
activation("log_softmax", "LogSoftmax", "Logarithm of the softmax over channels", (1,))


@layer("leaky_relu")
@dataclass(frozen=True, slots=True)
class LeakyReLU(Layer):
    """max(x, 0) + negative_slope * min(x, 0) (torch.nn.LeakyReLU)."""

    torch_name = "LeakyReLU"
    scalar = "negative_slope"
    negative_slope: float = setting(Real(0, 1), 0.01)


@layer("elu")
@dataclass(frozen=True, slots=True)
class ELU(Layer):
    """Exponential linear unit (torch.nn.ELU)."""

    torch_name = "ELU"
    scalar = "alpha"
    alpha: float = setting(Real(0, 100), 1.0)


@layer("prelu")
@dataclass(frozen=True, slots=True)
class PReLU(Layer):
    """Leaky ReLU with learned slopes: one, or one for each channel (torch.nn.PReLU)."""

    torch_name = "PReLU"
    scalar = "num_parameters"
    num_parameters: int = setting(Integer(), 1)

    def check(self, x: FeatureMap) -> None:
        if self.num_parameters not in (1, x.channels):
            raise ShapeError(f"num_parameters={self.num_parameters} must be 1 or the {x.channels} channels")

    def params(self, x: FeatureMap) -> int:
        return self.num_parameters


@layer("dropout")
@dataclass(frozen=True, slots=True)
class Dropout(Layer):
    """Zeroes single values in training (torch.nn.Dropout)."""

    torch_name = "Dropout"
    scalar = "p"
    p: float = setting(Real(0, 1), 0.5)


@layer("dropout_spatial")
@dataclass(frozen=True, slots=True)
class DropoutSpatial(Layer):
    """Zeroes whole channels in training (torch.nn.Dropout1d to 3d)."""

    torch_name = "Dropout"
    torch_axes = True
    keeps_flat = False
    scalar = "p"
    p: float = setting(Real(0, 1), 0.5)


@layer("alpha_dropout")
@dataclass(frozen=True, slots=True)
class AlphaDropout(Layer):
    """Dropout that keeps mean and variance behind SELU (torch.nn.AlphaDropout)."""

    torch_name = "AlphaDropout"
    scalar = "p"
    p: float = setting(Real(0, 1), 0.5)


# --- joins -------------------------------------------------------------------------------------------------------


class Join(Layer):
    """Several maps into one: unit i sees what unit i of each input sees."""

    joins = True
    pointwise = False

    def output(self, inputs: Sequence[FeatureMap]) -> FeatureMap:
        if len({x.flat for x in inputs}) > 1:
            raise ShapeError(f"joins flat and unflattened maps: {self.shapes(inputs)}")
        self.check_shapes(inputs)
        axes = zip(*(x.axes for x in inputs), strict=True)
        return FeatureMap(self.joined_channels(inputs), tuple(join(a) for a in axes), inputs[0].flat)

    @staticmethod
    def shapes(inputs: Sequence[FeatureMap]) -> str:
        return " and ".join(map(str, inputs))

    def check_shapes(self, inputs: Sequence[FeatureMap]) -> None:
        if len({x.sizes for x in inputs}) > 1:
            raise ShapeError(f"joins maps of different sizes: {self.shapes(inputs)}")

    def joined_channels(self, inputs: Sequence[FeatureMap]) -> int:
        raise NotImplementedError

    def combine(self, torch: Any, tensors: Sequence[Any]) -> Any:
        """The tensor that torch makes of the inputs' tensors."""
        raise NotImplementedError


@layer("add")
class Add(Join):
    """The sum of maps of one shape."""

    def joined_channels(self, inputs: Sequence[FeatureMap]) -> int:
        if len({x.channels for x in inputs}) > 1:
            raise ShapeError(f"joins maps of different channels: {self.shapes(inputs)}")
        return inputs[0].channels

    def combine(self, torch: Any, tensors: Sequence[Any]) -> Any:
        return sum(tensors[1:], tensors[0])


@layer("concat")
class Concat(Join):
    """Maps of one size, their channels behind one another."""

    def joined_channels(self, inputs: Sequence[FeatureMap]) -> int:
        return sum(x.channels for x in inputs)

    def combine(self, torch: Any, tensors: Sequence[Any]) -> Any:
        return torch.cat(list(tensors), 1)


@layer("multiply")
class Multiply(Join):
    """The product of maps; an axis of size 1, or a single channel, is broadcast (squeeze-and-excitation, gates)."""

    def check_shapes(self, inputs: Sequence[FeatureMap]) -> None:
        for sizes in zip(*((x.channels, *x.sizes) for x in inputs), strict=True):
            if len(set(sizes) - {1}) > 1:
                raise ShapeError(f"joins maps that do not broadcast: {self.shapes(inputs)}")

    def joined_channels(self, inputs: Sequence[FeatureMap]) -> int:
        return max(x.channels for x in inputs)

    def combine(self, torch: Any, tensors: Sequence[Any]) -> Any:
        return prod(tensors[1:], start=tensors[0])
