"""What each torch module does along one axis when every weight is one: the kernels of a path-counting network.

Each is torch's own kernel, with the settings that stand on the built module, in float64. Tensors are (1, 1, rows,
units): each row is an image of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial, singledispatch
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules import conv as convs
from torch.nn.modules import padding as pads
from torch.nn.modules import pooling as pools


@dataclass(frozen=True, slots=True)
class ModulePlace:
    """Where a module stands along one axis of the network as it ran: which axis, of how many, and the sizes there."""

    axis: int
    axes: int
    shape_in: tuple[int, ...]
    """Channels and sizes; channels alone where the map is flat."""
    shape_out: tuple[int, ...]

    @property
    def flat(self) -> bool:
        return len(self.shape_in) == 1

    @property
    def size_in(self) -> int:
        return 1 if self.flat else self.shape_in[1 + self.axis]

    @property
    def size_out(self) -> int:
        return 1 if len(self.shape_out) == 1 else self.shape_out[1 + self.axis]


class Kernel:
    """One layer of the path counter. `rate` is how many units it makes of one; `unit` is the place, on the map that it
    is given, of the unit that is the first on the real map (0 but on a larger canvas)."""

    @property
    def rate(self) -> Fraction:
        return Fraction(1)

    @property
    def fixed(self) -> bool:
        """Whether every unit that it makes reads the same."""
        return False

    def run(self, x: Tensor, unit: int) -> Tensor:
        raise NotImplementedError


def ones(count: int) -> Tensor:
    return torch.ones(1, 1, 1, count, dtype=torch.float64)


def cut_to(x: Tensor, size: int) -> Tensor:
    return x if x.shape[-1] == size else x[..., :size]


@dataclass(frozen=True)
class Same(Kernel):
    """What leaves places alone: activations, norms, dropout, and everything on a flat map."""

    def run(self, x: Tensor, unit: int) -> Tensor:
        return x


@dataclass(frozen=True)
class Chain(Kernel):
    """Kernels that do not ask for the sizes on the real map: a pad with the convolution that it belongs to."""

    kernels: tuple[Kernel, ...]

    @property
    def rate(self) -> Fraction:
        return prod((kernel.rate for kernel in self.kernels), start=Fraction(1))

    @property
    def fixed(self) -> bool:
        return any(kernel.fixed for kernel in self.kernels)

    def run(self, x: Tensor, unit: int) -> Tensor:
        for kernel in self.kernels:
            x = kernel.run(x, unit)
            unit = int(unit * kernel.rate)
        return x


@dataclass(frozen=True)
class WindowKernel(Kernel):
    """A window that moves by its stride."""

    kernel_size: int
    stride: int

    @property
    def rate(self) -> Fraction:
        return Fraction(1, self.stride)


@dataclass(frozen=True)
class Convolve(WindowKernel):
    padding: int | str
    dilation: int
    border: tuple[int, int] = (0, 0)
    mode: str = "constant"

    def run(self, x: Tensor, unit: int) -> Tensor:
        if self.border != (0, 0):
            x = functional.pad(x, (*self.border, 0, 0), self.mode)
        padding = self.padding if isinstance(self.padding, str) else (0, self.padding)
        return functional.conv2d(x, ones(self.kernel_size), None, (1, self.stride), padding, (1, self.dilation))


@dataclass(frozen=True)
class Transpose(WindowKernel):
    padding: int
    output_padding: int
    dilation: int

    @property
    def rate(self) -> Fraction:
        return Fraction(self.stride)

    def run(self, x: Tensor, unit: int) -> Tensor:
        extra, dilation = (0, self.output_padding), (1, self.dilation)
        stride, padding = (1, self.stride), (0, self.padding)
        return functional.conv_transpose2d(x, ones(self.kernel_size), None, stride, padding, extra, 1, dilation)


@dataclass(frozen=True)
class AverageKernel(WindowKernel):
    """An average pool with divisor 1: the sum over each window."""

    padding: int
    ceil_mode: bool

    def run(self, x: Tensor, unit: int) -> Tensor:
        window = (1, self.kernel_size), (1, self.stride), (0, self.padding)
        return functional.avg_pool2d(x, *window, self.ceil_mode, divisor_override=1)


@dataclass(frozen=True)
class Maximum(WindowKernel):
    """A max pool as the sum over each window. torch's max pool says how many windows there are; a convolution sums."""

    padding: int
    dilation: int
    ceil_mode: bool

    def run(self, x: Tensor, unit: int) -> Tensor:
        window = (self.kernel_size, self.stride, self.padding, self.dilation)
        count = functional.max_pool1d(torch.zeros(1, 1, x.shape[-1]), *window, self.ceil_mode).shape[-1]
        extent = (count - 1) * self.stride + self.dilation * (self.kernel_size - 1) + 1
        x = functional.pad(x, (self.padding, extent - self.padding - x.shape[-1], 0, 0))
        return functional.conv2d(x, ones(self.kernel_size), None, (1, self.stride), 0, (1, self.dilation))


@dataclass(frozen=True)
class Bins(Kernel):
    """An adaptive pool as the sum over each bin. To size 1 (flatten and linear are that too) it is a window as large as
    the real map; else its bins come round, and on a canvas they come round more often."""

    pool: Callable[..., Tensor]
    size_in: int
    size_out: int

    @property
    def rate(self) -> Fraction:
        return Fraction(1) if self.size_out == 1 else Fraction(self.size_out, self.size_in)

    def run(self, x: Tensor, unit: int) -> Tensor:
        if self.size_out == 1:
            return functional.conv2d(x, ones(self.size_in))
        size_out, size_in = self.rate.numerator, self.rate.denominator
        impulses = torch.eye(size_in, dtype=torch.float64).unsqueeze(1)
        reads = (self.pool(impulses, size_out) > 0).squeeze(1).to(torch.float64)
        turns = x.shape[-1] // size_in
        blocks = cut_to(x, turns * size_in).reshape(*x.shape[:-1], turns, size_in)
        return torch.matmul(blocks, reads).flatten(-2)


@dataclass(frozen=True)
class Nearest(Kernel):
    """Nearest interpolation; to a size it reads, on a canvas, in the pattern in which torch reads the real map."""

    size_in: int
    size_out: int
    factor: float | None

    @property
    def rate(self) -> Fraction:
        return resampling_rate(self.size_in, self.size_out, self.factor)

    def run(self, x: Tensor, unit: int) -> Tensor:
        if self.factor is not None:
            return functional.interpolate(x, scale_factor=(1.0, self.factor), mode="nearest")
        if x.shape[-1] == self.size_in:
            return functional.interpolate(x, size=(x.shape[-2], self.size_out), mode="nearest")
        numbers = torch.arange(self.size_in, dtype=torch.float64).reshape(1, 1, -1)
        pattern = functional.interpolate(numbers, size=self.size_out, mode="nearest").long().flatten()
        # torch multiplies in float32: further out on a canvas than on the real map, it would come to read other units
        units = torch.arange(int(x.shape[-1] * self.rate)) - int(unit * self.rate)
        reads = unit + pattern[units % self.size_out] + units // self.size_out * self.size_in
        return x[..., reads[reads < x.shape[-1]]]


def resampling_rate(size_in: int, size_out: int, factor: float | None) -> Fraction:
    return Fraction(size_out, size_in) if factor is None else Fraction(str(factor)).limit_denominator(4096)


def in_ratio(x: Tensor, rate: Fraction, ends: int = 0) -> tuple[Tensor, int]:
    """A map, made longer at its end until it has an exact size at that rate, and the size; `ends` units beside."""
    turns = -(-(x.shape[-1] - ends) // rate.denominator)
    missing = turns * rate.denominator + ends - x.shape[-1]
    return functional.pad(x, (0, missing)) if missing else x, turns * rate.numerator + ends


@dataclass(frozen=True)
class LinearKernel(Kernel):
    """Linear interpolation between the two units around a place."""

    size_in: int
    size_out: int
    factor: float | None
    align_corners: bool

    @property
    def rate(self) -> Fraction:
        if not self.align_corners:
            return resampling_rate(self.size_in, self.size_out, self.factor)
        if self.fixed:
            return Fraction(1)
        return Fraction(self.size_out - 1, self.size_in - 1)

    @property
    def fixed(self) -> bool:
        return self.align_corners and 1 in (self.size_in, self.size_out)

    def run(self, x: Tensor, unit: int) -> Tensor:
        if self.fixed:
            size = self.size_out if x.shape[-1] == self.size_in else x.shape[-1]
            return x[..., unit : unit + 1].expand(*x.shape[:-1], size)
        if self.align_corners:
            x, size = in_ratio(x, self.rate, 1)
            return interpolated(x, self.rate.numerator, size=size, align_corners=True)
        if self.factor is not None:
            return interpolated(x, 2 * self.rate.numerator, scale_factor=self.factor)
        x, size = in_ratio(x, self.rate)
        return interpolated(x, 2 * self.rate.numerator, size=size)


def interpolated(x: Tensor, parts: int, **arguments: Any) -> Tensor:
    """x read at the places that torch's interpolation gives for a ramp. They are multiples of 1/parts and, but for
    rounding, torch's are that: as they come they would show paths of weight 1e-16 where there are none."""
    ramp = torch.arange(x.shape[-1], dtype=torch.float64).reshape(1, 1, -1)
    places = (functional.interpolate(ramp, mode="linear", **arguments) * parts).round().long().flatten()
    low, after = places // parts, (places % parts).to(torch.float64) / parts
    return x[..., low] * (1 - after) + x[..., (low + 1).clamp(max=x.shape[-1] - 1)] * after


@dataclass(frozen=True)
class Broadcast(Kernel):
    """One unit resized to many: torch finds no neighbour to interpolate with, so none may stand beside it here."""

    size_out: int
    fixed = True

    def run(self, x: Tensor, unit: int) -> Tensor:
        size = self.size_out if x.shape[-1] == 1 else x.shape[-1]
        return x[..., unit : unit + 1].expand(*x.shape[:-1], size)


@dataclass(frozen=True)
class Shuffle(Kernel):
    """Channels to space; the channels are copies of the one there is."""

    factor: int
    axis: int

    @property
    def rate(self) -> Fraction:
        return Fraction(self.factor)

    def run(self, x: Tensor, unit: int) -> Tensor:
        rows, size = x.shape[-2:]
        shape = (rows, 1, size, 1) if self.axis == 0 else (rows, 1, 1, size)
        made = functional.pixel_shuffle(x.reshape(shape).expand(-1, self.factor**2, -1, -1), self.factor)
        return made.select(3 if self.axis == 0 else 2, 0).reshape(1, 1, rows, -1)


@dataclass(frozen=True)
class Unshuffle(Kernel):
    """Space to channels; the channels that it makes are summed."""

    factor: int
    axis: int

    @property
    def rate(self) -> Fraction:
        return Fraction(1, self.factor)

    def run(self, x: Tensor, unit: int) -> Tensor:
        rows, r = x.shape[-2], self.factor
        size = x.shape[-1] // r * r
        x = cut_to(x, size).reshape((rows, 1, size, 1) if self.axis == 0 else (rows, 1, 1, size))
        x = functional.pad(x, (0, r - 1) if self.axis == 0 else (0, 0, 0, r - 1))
        return functional.pixel_unshuffle(x, r).sum(1).reshape(1, 1, rows, -1)


@dataclass(frozen=True)
class PadKernel(Kernel):
    before: int
    after: int
    mode: str

    def run(self, x: Tensor, unit: int) -> Tensor:
        return functional.pad(x, (self.before, self.after, 0, 0), self.mode)


@dataclass(frozen=True)
class MeasuredKernel(Kernel):
    """A module of which is known only which units of the real map each of its own reads: none of its own on a canvas.
    `reads[i][u]` tells whether unit u reads unit i."""

    reads: tuple[tuple[bool, ...], ...]

    def run(self, x: Tensor, unit: int) -> Tensor:
        return x @ torch.tensor(self.reads, dtype=torch.float64)


# --- which kernel a module has -----------------------------------------------------------------------------------


def at(value: Any, axis: int) -> Any:
    """A setting of a torch module along one axis: torch keeps one number, or one for each axis."""
    return value[axis] if isinstance(value, tuple | list) else value


def padding_sides(padding: Sequence[int], place: ModulePlace) -> tuple[int, int]:
    """Padding before and after, from torch's list, which has the last axis first."""
    i = 2 * (place.axes - 1 - place.axis)
    return padding[i], padding[i + 1]


def grown(place: ModulePlace) -> Kernel | None:
    """What a module that resizes does where there is one unit to resize; None elsewhere."""
    return Broadcast(place.size_out) if place.size_in == 1 < place.size_out else None


@singledispatch
def kernel_of(module: nn.Module, place: ModulePlace) -> Kernel:
    """A module along one axis: what leaves places alone as such, an unknown one as it answers on the real map."""
    return Same() if type(module).__module__ in POINTWISE_MODULES else measured_places(module, place)


POINTWISE_MODULES = frozenset(
    f"torch.nn.modules.{name}"
    for name in ("activation", "batchnorm", "channelshuffle", "dropout", "instancenorm", "linear", "normalization")
)
"""Where torch keeps what leaves places alone; norms count as that, though their statistics mix places."""


def measured_places(module: nn.Module, place: ModulePlace) -> Kernel:
    """A module by what changes: the units at each place along the axis take other values in turn, and those that change
    after the module read them."""
    if any(parameter.is_meta for parameter in module.parameters()):
        return Same()
    random = torch.Generator().manual_seed(0)
    real, other = (torch.rand(1, *place.shape_in, generator=random) + low for low in (0.5, 2.0))
    with torch.no_grad():
        before = by_place(module(real), place.axis)
        reads = []
        for i in range(place.size_in):
            moved = real.clone()
            by_place(moved, place.axis)[i] = by_place(other, place.axis)[i]
            changed = (by_place(module(moved), place.axis) - before).abs().flatten(1).amax(1) > 1e-6
            reads.append(tuple(changed.tolist()))
    same = all(read == (i == j) for i, row in enumerate(reads) for j, read in enumerate(row))
    return Same() if same and place.size_in == place.size_out else MeasuredKernel(tuple(reads))


def by_place(x: Tensor, axis: int) -> Tensor:
    """A map of one image as a view (places along the axis, values); a flat one has one place."""
    return x[:1] if x.dim() == 2 else x[0].movedim(1 + axis, 0)


@kernel_of.register
def _(module: convs._ConvNd, place: ModulePlace) -> Kernel:
    a = place.axis
    window = module.kernel_size[a], module.stride[a]
    if module.padding_mode == "zeros":
        return Convolve(*window, at(module.padding, a) if module.padding != "same" else "same", module.dilation[a])
    border = padding_sides(module._reversed_padding_repeated_twice, place)
    return Convolve(*window, 0, module.dilation[a], border, module.padding_mode)


@kernel_of.register
def _(module: convs._ConvTransposeNd, place: ModulePlace) -> Kernel:
    a = place.axis
    window = (module.kernel_size[a], module.stride[a], int(module.padding[a]), module.output_padding[a])
    return Transpose(*window, module.dilation[a])


@kernel_of.register
def _(module: pools._MaxPoolNd, place: ModulePlace) -> Kernel:
    a, pool = place.axis, module
    window = at(pool.kernel_size, a), at(pool.stride, a), at(pool.padding, a), at(pool.dilation, a)
    return Maximum(*window, pool.ceil_mode)


@kernel_of.register
def _(module: pools._AvgPoolNd, place: ModulePlace) -> Kernel:
    a, pool = place.axis, module
    return AverageKernel(at(pool.kernel_size, a), at(pool.stride, a), at(pool.padding, a), bool(pool.ceil_mode))


@kernel_of.register
def _(module: pools._AdaptiveAvgPoolNd, place: ModulePlace) -> Kernel:
    return grown(place) or Bins(functional.adaptive_avg_pool1d, place.size_in, place.size_out)


@kernel_of.register
def _(module: pools._AdaptiveMaxPoolNd, place: ModulePlace) -> Kernel:
    return grown(place) or Bins(functional.adaptive_max_pool1d, place.size_in, place.size_out)


@kernel_of.register
def _(module: nn.Upsample, place: ModulePlace) -> Kernel:
    factor = None if module.scale_factor is None else at(module.scale_factor, place.axis)
    sizes = place.size_in, place.size_out, factor
    return grown(place) or (
        Nearest(*sizes) if module.mode == "nearest" else LinearKernel(*sizes, bool(module.align_corners))
    )


@kernel_of.register
def _(module: nn.Unflatten, place: ModulePlace) -> Kernel:
    return grown(place) or Same()


@kernel_of.register
def _(module: nn.PixelShuffle, place: ModulePlace) -> Kernel:
    return grown(place) or Shuffle(module.upscale_factor, place.axis)


@kernel_of.register
def _(module: nn.PixelUnshuffle, place: ModulePlace) -> Kernel:
    return Unshuffle(module.downscale_factor, place.axis)


PAD_MODES: dict[type, str] = {
    pads._ConstantPadNd: "constant", pads._ReflectionPadNd: "reflect", pads._ReplicationPadNd: "replicate",
    pads._CircularPadNd: "circular",
}  # fmt: skip


def pad_kernel(module: Any, place: ModulePlace, mode: str) -> Kernel:
    return PadKernel(*padding_sides(module.padding, place), mode)


for pad_class, pad_mode in PAD_MODES.items():
    kernel_of.register(pad_class, partial(pad_kernel, mode=pad_mode))


@kernel_of.register(nn.Linear)
@kernel_of.register(nn.Flatten)
def _(module: nn.Module, place: ModulePlace) -> Kernel:
    return Same() if place.flat else Bins(functional.adaptive_avg_pool1d, place.size_in, 1)


@kernel_of.register
def _(module: nn.Sequential, place: ModulePlace) -> Kernel:
    return Chain(tuple(kernel_of(part, place) for part in module))
