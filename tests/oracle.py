"""A slow second opinion: follows pixels one by one, with sets, from torch's definitions of its operations.

It knows nothing of `rfcalc.engine.geometry`: of an `Arch` it reads names, inputs and the settings of the layers.
Along one spatial axis it answers two questions:

- `Oracle.pixels(node, axis, unit)`: which input pixels reach a unit, were there no borders: units and pixels outside
  the maps exist and continue the pattern. This is what the engine's algebra states.
- `Oracle.real(node, axis)`: which pixels of the real image reach each unit of the real map: what lies outside a map is
  nothing, or the mirrored, clamped or wrapped unit where the layer pads that way.

Maps are numbered as in `Node.inputs`: 0 is the image, i the i-th node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, prod
from typing import Any

from rfcalc import Arch
from rfcalc.engine.layers import Layer

POOLS = ("max_pool", "avg_pool")
ADAPTIVE = ("adaptive_avg_pool", "adaptive_max_pool")
GLOBAL = ("global_avg_pool", "global_max_pool")
WHOLE = (*GLOBAL, "flatten", "linear")
RESIZES = ("upsample", "pixel_shuffle", *ADAPTIVE)
JOINS = ("add", "concat", "multiply")
NEEDS_AXES = (
    "conv", "conv_transpose", *POOLS, *ADAPTIVE, *GLOBAL, "upsample", "pixel_shuffle", "pixel_unshuffle", "pad",
    "instance_norm", "dropout_spatial",
)  # fmt: skip


class Refused(Exception):
    """torch would not take this map through this layer."""


@dataclass(frozen=True)
class Shape:
    """Channels and spatial sizes; a flat map keeps a size of 1 on every axis."""

    channels: int
    sizes: tuple[int, ...]
    flat: bool = False


# --- shapes ------------------------------------------------------------------------------------------------------


def shape(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    """The shape of a layer's output; raises Refused."""
    if layer.op in JOINS:
        return joined(layer.op, inputs)
    (x,) = inputs
    if x.flat and layer.op in NEEDS_AXES:
        raise Refused("no axes left")
    if layer.op == "flatten":
        return Shape(x.channels * prod(x.sizes), (1,) * len(x.sizes), True)
    if layer.op == "linear":
        return Shape(setting(layer, "out_features"), (1,) * len(x.sizes), True)
    check(layer, x)
    sizes = x.sizes if x.flat else tuple(size(layer, x, axis) for axis in range(len(x.sizes)))
    if min(sizes) < 1:
        raise Refused(f"a map of sizes {sizes}")
    return Shape(channels(layer, x), sizes, x.flat)


def joined(op: str, inputs: Sequence[Shape]) -> Shape:
    if len({x.flat for x in inputs}) > 1:
        raise Refused("flat with unflattened maps")
    if op == "concat":
        if len({x.sizes for x in inputs}) > 1:
            raise Refused("sizes differ")
        return Shape(sum(x.channels for x in inputs), inputs[0].sizes, inputs[0].flat)
    values = [(x.channels, *x.sizes) for x in inputs]
    together = tuple(max(column) for column in zip(*values, strict=True))
    if op == "add" and len(set(values)) > 1:
        raise Refused("shapes differ")
    if any(v not in (1, t) for value in values for v, t in zip(value, together, strict=True)):
        raise Refused("shapes do not broadcast")
    return Shape(together[0], together[1:], inputs[0].flat)


def setting(layer: Layer, name: str) -> Any:
    return getattr(layer, name)


def channels(layer: Layer, x: Shape) -> int:
    if layer.op in ("conv", "conv_transpose"):
        return int(setting(layer, "out_channels"))
    if layer.op == "pixel_shuffle":
        return int(x.channels // setting(layer, "upscale_factor") ** 2)
    if layer.op == "pixel_unshuffle":
        return int(x.channels * setting(layer, "downscale_factor") ** 2)
    return x.channels


def check(layer: Layer, x: Shape) -> None:
    """Raises Refused for what torch refuses apart from maps without units."""
    op = layer.op
    if op in ("conv", "conv_transpose"):
        groups = setting(layer, "groups") or x.channels
        if x.channels % groups or setting(layer, "out_channels") % groups:
            raise Refused("groups do not divide")
    if op in ("conv", "pad"):
        for axis, n in enumerate(x.sizes):
            check_border(border(layer), max(pads(layer, x, axis)), n)
    if op == "pad" and any(n + sum(min(s, 0) for s in pads(layer, x, a)) < 0 for a, n in enumerate(x.sizes)):
        raise Refused("more cut off than there is")
    if op == "avg_pool" and len(x.sizes) == 3 and any(k > n for k, n in zip(kernel(layer), x.sizes, strict=True)):
        raise Refused("AvgPool3d wants the kernel within the map, padding or not")
    if op in ("pixel_shuffle", "pixel_unshuffle") and len(x.sizes) != 2:
        raise Refused("two axes only")
    if op == "pixel_shuffle" and x.channels % setting(layer, "upscale_factor") ** 2:
        raise Refused("channels do not divide")
    if op == "pixel_unshuffle" and any(n % setting(layer, "downscale_factor") for n in x.sizes):
        raise Refused("sizes do not divide")
    if op == "group_norm" and x.channels % setting(layer, "num_groups"):
        raise Refused("groups do not divide")
    if op == "prelu" and setting(layer, "num_parameters") not in (1, x.channels):
        raise Refused("one slope, or one for each channel")
    if op == "instance_norm" and prod(x.sizes) == 1:
        raise Refused("one value has no variance")


def check_border(mode: str, padding: int, n: int) -> None:
    if (mode == "reflect" and padding >= n) or (mode == "circular" and padding > n):
        raise Refused(f"{mode} padding of {padding} on {n}")


def size(layer: Layer, x: Shape, axis: int) -> int:
    """The size of the output along an axis, as torch's documentation of the module states it."""
    n, op = x.sizes[axis], layer.op
    if op in ADAPTIVE:
        return int(setting(layer, "output_size")[axis])
    if op in GLOBAL:
        return 1
    if op == "upsample":
        stated = setting(layer, "size")
        return int(stated[axis]) if stated else floor(n * float(setting(layer, "scale_factor")[axis]))
    if op == "pixel_shuffle":
        return int(n * setting(layer, "upscale_factor"))
    if op == "pixel_unshuffle":
        return int(n // setting(layer, "downscale_factor"))
    if op == "pad":
        return n + sum(pads(layer, x, axis))
    if op == "conv_transpose":
        k, s, d = window(layer, axis)
        return (n - 1) * s - sum(pads(layer, x, axis)) + d * (k - 1) + int(setting(layer, "output_padding")[axis]) + 1
    if op in ("conv", *POOLS):
        k, s, d = window(layer, axis)
        before, after = pads(layer, x, axis)
        steps = Fraction(n + before + after - d * (k - 1) - 1, s)
        if not getattr(layer, "ceil_mode", False):
            return floor(steps) + 1
        out = ceil(steps) + 1  # windows that start after the map and its left padding do not count
        return out - 1 if (out - 1) * s >= n + before else out
    return n


def kernel(layer: Layer) -> Sequence[int]:
    return tuple(setting(layer, "kernel_size"))


def window(layer: Layer, axis: int) -> tuple[int, int, int]:
    dilation = getattr(layer, "dilation", None)
    return kernel(layer)[axis], setting(layer, "stride")[axis], dilation[axis] if dilation else 1


def pads(layer: Layer, x: Shape, axis: int) -> tuple[int, int]:
    padding = setting(layer, "padding")
    if not isinstance(padding, str):
        before, after = padding[axis]
        return int(before), int(after)
    k, s, d = window(layer, axis)
    total = 0
    if padding == "same":
        total = d * (k - 1)
    elif padding == "tf_same":  # TensorFlow's SAME: ceil(n / s) windows, what is missing split, the larger half after
        total = max((ceil(Fraction(x.sizes[axis], s)) - 1) * s + d * (k - 1) + 1 - x.sizes[axis], 0)
    return total // 2, total - total // 2


def border(layer: Layer) -> str:
    """What a layer finds outside the map."""
    if layer.op == "upsample":
        return "replicate"
    return str(getattr(layer, "padding_mode", getattr(layer, "mode", "zeros")))


# --- what one unit reads -----------------------------------------------------------------------------------------


def reads(layer: Layer, x: Shape, axis: int, unit: int) -> Sequence[int]:
    """The units of x that one unit of the output reads, those outside the map included."""
    op, n = layer.op, x.sizes[axis]
    if op in RESIZES and n == 1 < size(layer, x, axis):  # torch has one unit to read
        return [0]
    if op in ("conv", *POOLS):
        k, s, d = window(layer, axis)
        return [unit * s - pads(layer, x, axis)[0] + t * d for t in range(k)]
    if op == "conv_transpose":
        return gathered(*window(layer, axis), pads(layer, x, axis)[0], unit)
    if op == "pad":
        return [unit - pads(layer, x, axis)[0]]
    if op == "upsample":
        return interpolated(layer, n, axis, unit)
    if op == "pixel_shuffle":
        return [unit // setting(layer, "upscale_factor")]
    if op == "pixel_unshuffle":
        r = setting(layer, "downscale_factor")
        return [unit * r + t for t in range(r)]
    if op in ADAPTIVE and setting(layer, "output_size")[axis] > 1:
        m = setting(layer, "output_size")[axis]
        return range(floor(Fraction(unit * n, m)), ceil(Fraction((unit + 1) * n, m)))
    if op in (*WHOLE, *ADAPTIVE):  # by convention a window of the whole map with stride 1
        return range(unit, unit + n)
    return [unit]


def gathered(k: int, s: int, d: int, padding: int, unit: int) -> list[int]:
    """The units that a transposed convolution scatters to `unit`: unit i adds to i*s - padding + t*d."""
    near = range(floor(Fraction(unit + padding - d * (k - 1), s)), floor(Fraction(unit + padding, s)) + 1)
    return [i for i in near if any(i * s - padding + t * d == unit for t in range(k))]


def interpolated(layer: Layer, n: int, axis: int, unit: int) -> list[int]:
    """The units with a weight above zero."""
    place, linear = Fraction(unit), setting(layer, "mode") != "nearest"
    ratio = step(layer, n, axis)
    if not linear:
        return [floor(place * ratio)]
    place = place * ratio if setting(layer, "align_corners") else (place + Fraction(1, 2)) * ratio - Fraction(1, 2)
    low = floor(place)
    return [low] if place == low else [low, low + 1]


def step(layer: Layer, n: int, axis: int) -> Fraction:
    """How far apart two neighbouring units of an upsampled map look, in units of the map below."""
    stated, factors = setting(layer, "size"), setting(layer, "scale_factor")
    m = stated[axis] if stated else floor(n * float(factors[axis]))
    if setting(layer, "align_corners"):
        return Fraction(n - 1, m - 1) if m > 1 else Fraction(0)
    return Fraction(n, m) if stated else 1 / Fraction(factors[axis])


def ratio(layer: Layer, x: Shape, axis: int) -> Fraction:
    """By how much the layer multiplies the jump."""
    op = layer.op
    if op in RESIZES and x.sizes[axis] == 1 < size(layer, x, axis):
        return Fraction(0)
    if op in ("conv", *POOLS):
        return Fraction(window(layer, axis)[1])
    if op == "conv_transpose":
        return Fraction(1, window(layer, axis)[1])
    if op == "upsample":
        return step(layer, x.sizes[axis], axis)
    if op == "pixel_shuffle":
        return Fraction(1, setting(layer, "upscale_factor"))
    if op == "pixel_unshuffle":
        return Fraction(setting(layer, "downscale_factor"))
    if op in ADAPTIVE and setting(layer, "output_size")[axis] > 1:
        return Fraction(x.sizes[axis], setting(layer, "output_size")[axis])
    return Fraction(1)


def landed(position: int, n: int, mode: str) -> int | None:
    """Where a read beside the map lands, None for nothing."""
    if 0 <= position < n:
        return position
    if mode == "reflect":
        return -position if position < 0 else 2 * (n - 1) - position
    if mode == "replicate":
        return min(max(position, 0), n - 1)
    return position % n if mode == "circular" else None


# --- whole networks ----------------------------------------------------------------------------------------------


class Oracle:
    """The answers for one network; raises Refused when torch would refuse it."""

    def __init__(self, arch: Arch) -> None:
        self.nodes = arch.nodes
        self.shapes = [Shape(arch.input[0], arch.input[1:])]
        for node in arch.nodes:
            self.shapes.append(shape(node.layer, [self.shapes[i] for i in node.inputs]))
        self.seen: dict[tuple[int, int, int], frozenset[int]] = {}

    def sources(self, node: int, axis: int, unit: int) -> list[tuple[int, int]]:
        """The units (map, unit) that a unit reads directly."""
        layer, inputs = self.nodes[node - 1].layer, self.nodes[node - 1].inputs
        if layer.op in JOINS:
            return [(i, 0 if self.shares(node, i, axis) else unit) for i in inputs]
        return [(inputs[0], position) for position in reads(layer, self.shapes[inputs[0]], axis, unit)]

    def shares(self, node: int, source: int, axis: int) -> bool:
        """Whether a join broadcasts a map along an axis."""
        return self.shapes[source].sizes[axis] == 1 < self.shapes[node].sizes[axis]

    def pixels(self, node: int, axis: int, unit: int) -> frozenset[int]:
        """The input pixels that reach a unit, borders left out of account."""
        if node == 0:
            return frozenset([unit])
        key = node, axis, unit
        if key not in self.seen:
            found = [self.pixels(source, axis, place) for source, place in self.sources(node, axis, unit)]
            self.seen[key] = frozenset().union(*found)
        return self.seen[key]

    def real(self, node: int, axis: int) -> list[frozenset[int]]:
        """The pixels of the image that reach each unit of the map, through maps that end where they end."""
        maps = [[frozenset([unit]) for unit in range(self.shapes[0].sizes[axis])]]
        for index in range(1, node + 1):
            mode = border(self.nodes[index - 1].layer)
            units = []
            for unit in range(self.shapes[index].sizes[axis]):
                places = [
                    (source, landed(place, len(maps[source]), mode))
                    for source, place in self.sources(index, axis, unit)
                ]
                units.append(frozenset().union(*(maps[s][p] for s, p in places if p is not None)))
            maps.append(units)
        return maps[node]

    def jumps(self, node: int, axis: int) -> set[Fraction]:
        """The jumps of all paths from the image; 0 for one through a value that all units share."""
        jumps: list[set[Fraction]] = [{Fraction(1)}]
        for index in range(1, node + 1):
            layer, inputs = self.nodes[index - 1].layer, self.nodes[index - 1].inputs
            if layer.op in JOINS:
                parts = [{Fraction(0)} if self.shares(index, i, axis) else jumps[i] for i in inputs]
                jumps.append(set().union(*parts))
            else:
                factor = ratio(layer, self.shapes[inputs[0]], axis)
                jumps.append({jump * factor for jump in jumps[inputs[0]]})
        return jumps[node]
