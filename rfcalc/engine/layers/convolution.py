"""Convolution and transposed convolution."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from math import gcd, prod
from typing import Any

from ...errors import SettingError, ShapeError
from ..geometry import MAX_PHASES, FeatureMap, Taps, TooManyPhases, Window
from ..kinds import Choice, EachAxis, Flag, Integer, Optional, Padding, PaddingKind, PerAxis, setting
from .base import Layer, WindowLayer, layer, make_windows, product_text
from .padding import PAD_NAMES, before, check_border, pad_argument, symmetric, with_border


class GroupedWindows(WindowLayer):
    """A convolution of some kind: windows over the channels of each group."""

    torch_axes = True
    scalar = "out_channels"
    out_channels: int
    groups: int | None

    def groups_of(self, x: FeatureMap) -> int:
        return x.channels if self.groups is None else self.groups

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        groups, out_channels = self.groups_of(x), self.out_channels
        if x.channels % groups or out_channels % groups:
            raise ShapeError(f"groups={groups} must divide {x.channels} in and {out_channels} out channels")


@layer("conv")
@dataclass(frozen=True, slots=True)
class Conv(GroupedWindows):
    """Convolution (torch.nn.Conv1d to Conv3d); `tf_same` pads as TensorFlow does, by size, more after than before."""

    torch_name = "Conv"
    out_channels: int = setting(Integer())
    kernel_size: PerAxis = setting(EachAxis(Integer()))
    stride: PerAxis = setting(EachAxis(Integer()), 1)
    padding: Padding = setting(PaddingKind(("same", "valid", "tf_same")), 0)
    dilation: PerAxis = setting(EachAxis(Integer()), 1)
    groups: int | None = setting(Optional(Integer(), "depthwise"), 1)
    bias: bool = setting(Flag(), True)
    padding_mode: str = setting(Choice(("zeros", "reflect", "replicate", "circular")), "zeros")

    def __post_init__(self) -> None:
        if self.padding == "same" and max(self.stride) > 1:
            raise SettingError(f"padding: same needs stride 1, not {max(self.stride)} (torch's rule; see tf_same)")

    def pads(self, x: FeatureMap) -> Any:
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

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return with_border([window.taps() for window in self.windows(x)], self.padding_mode)

    def check(self, x: FeatureMap) -> None:
        GroupedWindows.check(self, x)
        check_border(self.padding_mode, self.pads(x), x)

    def params(self, x: FeatureMap) -> int:
        per_output = prod(self.kernel_size) * (x.channels // self.groups_of(x))
        return self.out_channels * (per_output + self.bias)

    def macs(self, x: FeatureMap, out: FeatureMap) -> int:
        return out.elements * prod(self.kernel_size) * (x.channels // self.groups_of(x))

    def sums(self, x: FeatureMap, out: FeatureMap) -> tuple[str, str]:
        weights = product_text(*self.kernel_size, x.channels // self.groups_of(x))
        return f"{out.channels}*({weights}{' + 1' * self.bias})", f"{product_text(*out.sizes, out.channels)}*{weights}"

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


@layer("conv_transpose")
@dataclass(frozen=True, slots=True)
class ConvTranspose(GroupedWindows):
    """Transposed convolution (torch.nn.ConvTranspose1d to 3d); its padding is cut off, before and after."""

    torch_name = "ConvTranspose"
    transposed = True
    out_channels: int = setting(Integer())
    kernel_size: PerAxis = setting(EachAxis(Integer()))
    stride: PerAxis = setting(EachAxis(Integer()), 1)
    padding: Any = setting(PaddingKind(), 0)
    output_padding: PerAxis = setting(EachAxis(Integer(0)), 0)
    groups: int | None = setting(Optional(Integer(), "depthwise"), 1)
    bias: bool = setting(Flag(), True)
    dilation: PerAxis = setting(EachAxis(Integer()), 1)

    def __post_init__(self) -> None:
        for extra, stride, dilation in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(stride, dilation):
                raise SettingError(
                    f"output_padding={extra} must be smaller than the stride of {stride} or the dilation of {dilation}"
                )

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        return tuple(transposed_taps(window) for window in self.windows(x))

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return tuple(
            (axis.size - 1) * w.stride + w.extent + extra - sum(w.padding)
            for w, axis, extra in zip(self.windows(x), x.axes, self.output_padding, strict=True)
        )

    def params(self, x: FeatureMap) -> int:
        per_group = self.out_channels // self.groups_of(x)
        return x.channels * per_group * prod(self.kernel_size) + self.out_channels * self.bias

    def macs(self, x: FeatureMap, out: FeatureMap) -> int:
        return x.elements * prod(self.kernel_size) * (self.out_channels // self.groups_of(x))

    def sums(self, x: FeatureMap, out: FeatureMap) -> tuple[str, str]:
        per_input = product_text(*self.kernel_size, self.out_channels // self.groups_of(x))
        bias = f" + {self.out_channels}" * self.bias
        return f"{x.channels}*{per_input}{bias}", f"{product_text(*x.sizes, x.channels)}*{per_input}"

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
        raise TooManyPhases(f"stride={stride:,} gives units that look {stride:,} different ways in turn")
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
