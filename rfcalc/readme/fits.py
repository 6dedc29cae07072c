"""Every setting of a layer that takes one printed shape to another with the printed number of parameters.

Sizes come from the engine's windows; what is searched here is only which window. Each fit carries how unusual it is,
so that the least unusual one is the first choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import gcd, isqrt, prod
from typing import Any, NamedTuple

from ..errors import ShapeError
from ..geometry import Window
from ..ops import LAYERS, PAD_NAMES

DILATIONS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 18, 24, 36)
STRIDES = tuple(range(1, 9))
LARGEST_KERNEL = 31
MOST_FITS = 64
STRANGEST = 11.0
"""What a kernel and its groups may cost where a single layer is looked for."""
ODDEST = 12.0
"""How much more unusual than the likeliest a fit may be."""
Settings = tuple[tuple[str, Any], ...]


class Shape(NamedTuple):
    """A map as printed: channels and sizes; no sizes once it is flat."""

    channels: int
    sizes: tuple[int, ...]

    @property
    def flat(self) -> bool:
        return not self.sizes

    @property
    def elements(self) -> int:
        return self.channels * prod(self.sizes)


@dataclass(frozen=True, slots=True)
class Habits:
    """What is known of how a network is written, from its own clear rows and from the text around it.

    `bias`: whether its convolutions have one; `padding`: the usual one for each kernel; `pads`: whether convolutions
    keep sizes; `dilated`, `grouped`: the text or other rows say so; `hidden_pool`, `hidden_upsample`, `reuse`: what a
    pool or an enlargement without a row costs, and a concatenation with a map that has been read already; `wide_stem`:
    it begins with a large strided kernel, as networks whose pools overlap do.
    """

    bias: bool | None = None
    padding: tuple[tuple[int, int], ...] = ()
    pads: bool | None = None
    dilated: bool = False
    grouped: bool = False
    hidden_pool: float = 9.0
    hidden_upsample: float = 9.0
    reuse: float = 5.0
    wide_stem: bool = False


@dataclass(frozen=True, slots=True)
class Fit:
    """One layer that fits: its type in the spec language, the settings, and how unusual it is (0: as expected)."""

    op: str
    settings: Settings
    cost: float

    def __getitem__(self, key: str) -> Any:
        return dict(self.settings).get(key)


def printed_types() -> dict[str, str]:
    """The layer type for each class name that torch prints."""
    found: dict[str, str] = {}
    for op, cls in LAYERS.items():
        names = [f"{cls.torch_name}{axes}d" for axes in (1, 2, 3)] if cls.torch_axes else [cls.torch_name]
        for name in names:
            found.setdefault(name, op)
    found |= {f"{name}{axes}d": "pad" for name in PAD_NAMES.values() for axes in (1, 2, 3)}
    return {name: op for name, op in found.items() if name and not name[0].isdigit() and name not in ("1d", "2d", "3d")}


PRINTED = printed_types()
PAD_MODES = {name: mode for mode, name in PAD_NAMES.items()}


@lru_cache(maxsize=16384)
def fits(kind: str, given: Shape, out: Shape, params: int, habits: Habits) -> tuple[Fit, ...]:
    """All layers of the printed class `kind` that make `out` of `given` with that many parameters, likeliest first.

    >>> fits("Conv2d", Shape(3, (32, 32)), Shape(8, (30, 30)), 224, Habits())[0]["padding"]
    0
    """
    op = PRINTED[kind]
    find = FINDERS.get(op, same_map)
    found = sorted(find(kind, op, given, out, params, habits), key=lambda fit: fit.cost)
    return tuple(fit for fit in found[:MOST_FITS] if fit.cost <= found[0].cost + ODDEST)


@lru_cache(maxsize=65536)
def likeliest(kind: str, given: Shape, out: Shape, params: int, habits: Habits) -> Fit | None:
    """The first of all fits, found without the others."""
    if PRINTED[kind] != "conv":
        found = fits(kind, given, out, params, habits)
        return found[0] if found else None
    best: Fit | None = None
    for base, kernel, groups, bias in sorted(conv_kernels(given, out, params, habits), key=lambda combo: combo[0]):
        if base >= (STRANGEST if best is None else best.cost):
            break
        first = next(conv_windows(base, kernel, groups, bias, given, out, habits), None)
        if first is not None and (best is None or first.cost < best.cost):
            best = first
    return best


def shortest(values: tuple[Any, ...]) -> Any:
    """One value where all axes agree, else all of them."""
    return values[0] if len(set(values)) == 1 else values


Found = Iterator[Fit]


def fit(op: str, cost: float, **settings: Any) -> Fit:
    return Fit(op, tuple(settings.items()), cost)


def same_map(kind: str, op: str, given: Shape, out: Shape, params: int, habits: Habits) -> Found:
    """Layers without settings of their own that leave the map as it is."""
    if given == out and params == 0:
        yield fit(op, 0.0)


# --- windows -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=65536)
def axis_windows(kernel: int, n: int, m: int) -> tuple[tuple[int, int, int], ...]:
    """(stride, padding, dilation) of every window of that kernel that makes size m of size n."""
    found = []
    for dilation in DILATIONS if kernel > 1 else (1,):
        if dilation > max(8, n):
            break
        extent = Window(kernel, dilation=dilation).extent
        for stride in (*STRIDES, *((kernel,) if kernel > STRIDES[-1] else ())):
            least = (m - 1) * stride + extent - n
            padding = max(0, -(-least // 2))
            while padding <= max(extent, 2) and size_of(kernel, stride, padding, dilation, n) == m:
                found.append((stride, padding, dilation))
                padding += 1
    return tuple(found)


def size_of(kernel: int, stride: int, padding: int, dilation: int, n: int, ceil_mode: bool = False) -> int | None:
    try:
        return Window(kernel, stride, (padding, padding), dilation).output_size(n, ceil_mode)
    except ShapeError:
        return None


@lru_cache(maxsize=65536)
def windows(
    kernel: tuple[int, ...], sizes: tuple[int, ...], outs: tuple[int, ...]
) -> tuple[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]], ...]:
    """(strides, paddings, dilations) per axis; the same on all axes where that fits, else each axis by itself."""
    axes = [axis_windows(k, n, m) for k, n, m in zip(kernel, sizes, outs, strict=True)]
    if len(set(kernel)) == 1:
        shared = [w for w in axes[0] if all(w in other for other in axes[1:])]
        if shared:
            return tuple(((s,) * len(kernel), (p,) * len(kernel), (d,) * len(kernel)) for s, p, d in shared)
    found = []
    for each in product(*(axis_likely(k, n, m) for k, n, m in zip(kernel, sizes, outs, strict=True))):
        strides, paddings, dilations = map(tuple, zip(*each, strict=True))
        spread = max(dilations)
        dilations = tuple(spread if k == 1 else d for k, d in zip(kernel, dilations, strict=True))
        if len(set(dilations)) == 1 and (len(set(strides)) == 1 or len(set(sizes)) > 1 or len(set(outs)) > 1):
            found.append((strides, paddings, dilations))
    return tuple(found[:12])


@lru_cache(maxsize=65536)
def axis_likely(kernel: int, n: int, m: int) -> tuple[tuple[int, int, int], ...]:
    """The few windows of an axis with the least dilation, stride and padding."""
    return tuple(sorted(axis_windows(kernel, n, m), key=lambda window: (window[2], window[0], window[1]))[:4])


@lru_cache(maxsize=4096)
def kernels(taps: int, axes: int) -> tuple[tuple[int, ...], ...]:
    """Kernels with that many taps, the square one first."""
    sides = [k for k in divisors(taps) if k <= LARGEST_KERNEL]
    if axes == 1:
        return ((taps,),) if taps <= LARGEST_KERNEL else ()
    if axes == 2:
        pairs = [(k, taps // k) for k in sides if taps // k <= LARGEST_KERNEL]
        return tuple(sorted(pairs, key=lambda pair: abs(pair[0] - pair[1])))
    found = {(k, *rest) for k in sides for rest in kernels(taps // k, 2)}
    return tuple(sorted(found, key=lambda kernel: max(kernel) - min(kernel)))


@lru_cache(maxsize=4096)
def divisors(number: int) -> tuple[int, ...]:
    small = [d for d in range(1, isqrt(number) + 1) if number % d == 0]
    return tuple(sorted({*small, *(number // d for d in small)}))


# --- convolutions ------------------------------------------------------------------------------------------------

KERNEL_COST = {1: 0.0, 2: 1.5, 3: 0.0, 4: 2.0, 5: 0.8, 6: 3.0, 7: 1.0, 9: 2.5, 11: 2.5}
STRIDE_COST = {1: 0.0, 2: 0.3, 3: 1.8, 4: 2.2}


def conv_fits(kind: str, op: str, given: Shape, out: Shape, params: int, habits: Habits) -> Found:
    """Convolutions with every kernel, number of groups, bias and window that fit."""
    found = conv_kernels(given, out, params, habits)
    least = min((cost for cost, *_ in found), default=0.0)
    for cost, kernel, groups, bias in found:
        if cost <= least + ODDEST:
            yield from conv_windows(cost, kernel, groups, bias, given, out, habits)


def conv_kernels(
    given: Shape, out: Shape, params: int, habits: Habits
) -> list[tuple[float, tuple[int, ...], int, bool]]:
    """Cost, kernel, groups and bias: parameters / out channels = taps * in channels / groups, plus one with a bias."""
    if given.flat or out.flat or len(given.sizes) != len(out.sizes) or params % out.channels:
        return []
    found = []
    for bias, groups in product((False, True), divisors(gcd(given.channels, out.channels))):
        weights, per_group = params // out.channels - bias, given.channels // groups
        if weights > 0 and weights % per_group == 0:
            base = groups_cost(groups, given, out, habits) + 2.0 * (habits.bias not in (None, bias))
            for kernel in kernels(weights // per_group, len(given.sizes)):
                scales = 3.5 * (groups == given.channels > 1 and max(kernel) == 1)  # one factor for each channel
                found.append((base + scales + kernel_cost(kernel, given, out), kernel, groups, bias))
    return found


def conv_windows(
    base: float, kernel: tuple[int, ...], groups: int, bias: bool, given: Shape, out: Shape, habits: Habits
) -> Iterator[Fit]:
    word = "depthwise" if groups == given.channels > 1 else groups
    head = (("out_channels", out.channels), ("kernel_size", shortest(kernel)))
    tail = (("groups", word), ("bias", bias))
    for cost, window in costed_windows(kernel, given.sizes, out.sizes, habits):
        yield Fit("conv", (*head, *window, *tail), base + cost)


@lru_cache(maxsize=16384)
def costed_windows(
    kernel: tuple[int, ...], sizes: tuple[int, ...], outs: tuple[int, ...], habits: Habits
) -> tuple[tuple[float, Settings], ...]:
    """Stride, padding and dilation of every window that fits, with how unusual each is, the likeliest first."""
    found = []
    for strides, paddings, dilations in windows(kernel, sizes, outs):
        cost = window_cost(kernel, strides, paddings, dilations, sizes, outs, habits)
        window = (("stride", shortest(strides)), ("padding", shortest(paddings)), ("dilation", shortest(dilations)))
        found.append((cost, window))
    if sizes == outs and len(set(kernel)) == 1 and kernel[0] % 2 == 0:  # no padding by numbers can do it
        found.append((3.0, (("stride", 1), ("padding", "same"), ("dilation", 1))))
    found.sort(key=lambda pair: pair[0])
    return tuple(pair for pair in found if pair[0] <= found[0][0] + ODDEST)


def kernel_cost(kernel: tuple[int, ...], given: Shape, out: Shape) -> float:
    k = max(kernel)
    if len(set(kernel)) > 1:
        return (5.0 if min(kernel) == 1 and k % 2 else 6.5) + 0.05 * k
    if kernel == given.sizes and k > 1 and all(m == 1 for m in out.sizes):
        return 0.6
    return KERNEL_COST.get(k, 4.0 + 0.05 * k)


def groups_cost(groups: int, given: Shape, out: Shape, habits: Habits) -> float:
    if groups == 1:
        return 0.0
    if groups == given.channels:
        return 0.4 if out.channels == groups else 1.5
    return 2.5 if habits.grouped else 4.0


def window_cost(
    kernel: tuple[int, ...], strides: tuple[int, ...], paddings: tuple[int, ...], dilations: tuple[int, ...],
    sizes: tuple[int, ...], outs: tuple[int, ...], habits: Habits,
) -> float:  # fmt: skip
    k, s, p, d = kernel[0], strides[0], paddings[0], dilations[0]
    if len(set(kernel)) > 1:
        axis = kernel.index(max(kernel))
        k, s, p, d = kernel[axis], strides[axis], paddings[axis], dilations[axis]
    cost = 0.5 * (k > 1) if s == k and p == 0 and s > 2 else STRIDE_COST.get(s, 4.0)
    cost += 3.0 * (len(set(strides)) > 1) + 2.0 * (len(set(kernel)) == 1 and len(set(paddings)) > 1)
    if s > 1 and all(m == 1 for m in outs):  # a stride that no size shows
        cost += 2.0
    elif s > 1 and outs[0] * (s - 1) > sizes[0]:  # one that padding makes up for
        cost += 4.0
    if s > k > 1:
        cost += 1.0
    if d > 1:
        cost += (0.4 if habits.dilated else 3.5) + 0.3 * (d - 2)
    return cost + padding_cost(k, p, d, habits)


def padding_cost(k: int, p: int, d: int, habits: Habits) -> float:
    keeps = d * (k - 1) // 2
    if k == 1:
        return 3.0 + p if p else 0.0
    if dict(habits.padding).get(k) == p or p == keeps:
        return 0.0 if p != keeps or habits.pads in (None, True) else 0.6
    if p == 0:
        return {None: 0.4, True: 0.6, False: 0.0}[habits.pads]
    if p > keeps:
        return 3.5 + 0.3 * (p - keeps)
    return 1.2 if p == (k - 1) // 2 else 1.6 + 0.1 * p


def transpose_fits(kind: str, op: str, given: Shape, out: Shape, params: int, habits: Habits) -> Found:
    """Transposed convolutions: parameters = in channels * out channels / groups * taps, plus one each with a bias."""
    if given.flat or out.flat or len(given.sizes) != len(out.sizes):
        return
    for bias, groups in product((True, False), divisors(gcd(given.channels, out.channels))):
        weights, unit = params - bias * out.channels, given.channels * out.channels // groups
        if weights <= 0 or weights % unit:
            continue
        for kernel in kernels(weights // unit, len(given.sizes)):
            if len(set(kernel)) > 1:
                continue
            for stride, padding, extra in transposed(kernel[0], given.sizes, out.sizes):
                cost = groups_cost(groups, given, out, habits) + 0.3 * extra + 0.2 * padding + 0.1 * stride
                cost += 1.2 * (habits.bias not in (None, bias))
                word = "depthwise" if groups == given.channels > 1 else groups
                yield fit(
                    op, cost, out_channels=out.channels, kernel_size=kernel[0], stride=stride, padding=padding,
                    output_padding=extra, groups=word, bias=bias,
                )  # fmt: skip


@lru_cache(maxsize=4096)
def transposed(kernel: int, sizes: tuple[int, ...], outs: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
    """(stride, padding, output padding) of transposed windows: the size in front is the one that the same window,
    laid over what comes out, would make."""
    found = []
    for stride, padding in product(STRIDES, range(kernel)):
        window = Window(kernel, stride, (padding, padding))
        extras = set()
        for n, m in zip(sizes, outs, strict=True):
            room = m + 2 * padding - kernel
            fits_back = room >= 0 and window.output_size(m) == n
            extras.add(room % stride if fits_back else -1)
        if len(extras) == 1 and (extra := extras.pop()) >= 0:
            found.append((stride, padding, extra))
    return tuple(found)


# --- the other layers --------------------------------------------------------------------------------------------


def linear_fits(kind: str, op: str, given: Shape, out: Shape, params: int, habits: Habits) -> Found:
    if out.flat:
        for bias in (True, False):
            if params == out.channels * (given.elements + bias):
                yield fit(op, 0.0, out_features=out.channels, bias=bias)


def flatten_fits(kind: str, op: str, given: Shape, out: Shape, params: int, habits: Habits) -> Found:
    if out.flat and given.elements == out.channels and not params:
        yield fit(op, 0.0)


def pool_fits(kind: str, op: str, given: Shape, out: Shape, params: int, habits: Habits) -> Found:
    """Pools of any kernel; the usual ones first, the whole map next."""
    if params or given.flat or out.flat or given.channels != out.channels or len(given.sizes) != len(out.sizes):
        return
    common = None
    for n, m in zip(given.sizes, out.sizes, strict=True):
        found = pool_windows(n, m)
        common = found if common is None else tuple(w for w in common if w in found)
    for k, s, p, ceil in common or ():
        cost = pool_cost(k, s, p, ceil, given, out, habits.wide_stem and op == "max_pool")
        settings = {"kernel_size": k, **({"stride": s} if s != k else {}), **({"padding": p} if p else {})}
        yield fit(op, cost, **settings, **({"ceil_mode": True} if ceil else {}))
    if not common:
        each = [pool_windows(n, m) for n, m in zip(given.sizes, out.sizes, strict=True)]
        plain = [[w for w in axis if not w[3]][:1] for axis in each]
        if all(plain):
            k_, s_, p_ = (tuple(axis[0][i] for axis in plain) for i in range(3))
            yield fit(op, 3.0, kernel_size=shortest(k_), stride=shortest(s_), padding=shortest(p_))


@lru_cache(maxsize=8192)
def pool_windows(n: int, m: int) -> tuple[tuple[int, int, int, bool], ...]:
    """(kernel, stride, padding, ceil_mode) of every pool that makes size m of size n, side by side ones first."""
    found = []
    sides = sorted({2, 3, 4, 5, 6, 7, 8, n, max(1, n // m), 1})
    for k in sides:
        for s, p, ceil in product(sorted({k, *STRIDES}, key=lambda s: s != k), range(k // 2 + 1), (False, True)):
            if size_of(k, s, p, 1, n, ceil) == m and not (ceil and size_of(k, s, p, 1, n) == m):
                found.append((k, s, p, ceil))
    return tuple(sorted(found, key=lambda w: (w[3], w[0] != w[1], w[0])))


def pool_cost(k: int, s: int, p: int, ceil: bool, given: Shape, out: Shape, overlaps: bool) -> float:
    waste = 0.3 if (given.sizes[0] + 2 * p - k) % s else 0.0
    ceil_cost = (0.4 if overlaps else 1.3) * ceil
    if k == given.sizes[0] and out.sizes[0] == 1:
        return 0.2 if s == k and not p else 1.0 + 0.1 * s
    if (k, s, p) == (2, 2, 0):
        return waste + ceil_cost + (0.5 if overlaps and out.sizes[0] > 1 else 0.0)
    if (k, s) == (3, 2):
        return (0.1 if overlaps else 0.7) + (0.2 if ceil and p else 0.0) + ceil_cost
    if (k, s, p) == (3, 1, 1):
        return 0.3 + ceil_cost
    return 1.0 + 0.2 * k + (0.0 if s == k else 0.8) + 0.5 * p + ceil_cost + 2.0 * (k == 1) + 2.0 * (s > k)


def adaptive_fits(kind: str, op: str, given: Shape, out: Shape, params: int, habits: Habits) -> Found:
    if params or given.flat or out.flat or given.channels != out.channels or len(given.sizes) != len(out.sizes):
        return
    if all(m == 1 for m in out.sizes):
        yield fit(op.replace("adaptive", "global"), 0.0)
    else:
        yield fit(op, 0.0, output_size=shortest(out.sizes))


def upsample_fits(kind: str, op: str, given: Shape, out: Shape, params: int, habits: Habits) -> Found:
    if params or given.flat or out.flat or given.channels != out.channels or len(given.sizes) != len(out.sizes):
        return
    whole = all(m % n == 0 for n, m in zip(given.sizes, out.sizes, strict=True))
    factors = tuple(m // n for n, m in zip(given.sizes, out.sizes, strict=True))
    size = {"scale_factor": shortest(factors)} if whole else {"size": shortest(out.sizes)}
    yield fit(op, 0.0, **size)
    yield fit(op, 0.5, **size, mode=("linear", "bilinear", "trilinear")[len(out.sizes) - 1])


def shuffle_fits(kind: str, op: str, given: Shape, out: Shape, params: int, habits: Habits) -> Found:
    small, large = (given, out) if op == "pixel_shuffle" else (out, given)
    if params or len(given.sizes) != 2 or len(out.sizes) != 2:
        return
    r = large.sizes[0] // small.sizes[0]
    if (
        r
        and large == Shape(small.channels // (r * r), tuple(n * r for n in small.sizes))
        and small.channels % (r * r) == 0
    ):
        yield fit(op, 0.0, **{"upscale_factor" if op == "pixel_shuffle" else "downscale_factor": r})


def pad_fits(kind: str, op: str, given: Shape, out: Shape, params: int, habits: Habits) -> Found:
    """Padding alone: as much in front as behind, one more behind where it is odd."""
    if params or given.channels != out.channels or len(given.sizes) != len(out.sizes) or given.flat:
        return
    mode = PAD_MODES[kind[:-2]]
    more = [m - n for n, m in zip(given.sizes, out.sizes, strict=True)]
    if min(more) < 0:
        return
    sides = tuple(extra // 2 if extra % 2 == 0 else (extra // 2, extra - extra // 2) for extra in more)
    yield fit(op, 0.0, padding=shortest(sides) if not any(extra % 2 for extra in more) else sides, mode=mode)


def norm_fits(kind: str, op: str, given: Shape, out: Shape, params: int, habits: Habits) -> Found:
    """Norms: a weight and a bias for each channel (layer norm: for each value), or none."""
    each = given.elements if op == "layer_norm" else given.channels
    if given != out or params not in (0, 2 * each):
        return
    affine = {"affine": params > 0}
    if op != "group_norm":
        yield fit(op, 0.0, **affine)
        return
    usual = {32: 0.0, 8: 0.2, 16: 0.3, 4: 0.4, 2: 0.6, 1: 0.8}
    for groups in divisors(given.channels):
        yield fit(op, usual.get(groups, 1.0 + 0.001 * groups), num_groups=groups, **affine)


def prelu_fits(kind: str, op: str, given: Shape, out: Shape, params: int, habits: Habits) -> Found:
    if given == out and params in (1, given.channels):
        yield fit(op, 0.0, num_parameters=params)


FINDERS: dict[str, Callable[[str, str, Shape, Shape, int, Habits], Found]] = {
    "conv": conv_fits,
    "conv_transpose": transpose_fits,
    "linear": linear_fits,
    "flatten": flatten_fits,
    "max_pool": pool_fits,
    "avg_pool": pool_fits,
    "adaptive_avg_pool": adaptive_fits,
    "adaptive_max_pool": adaptive_fits,
    "upsample": upsample_fits,
    "pixel_shuffle": shuffle_fits,
    "pixel_unshuffle": shuffle_fits,
    "pad": pad_fits,
    "batch_norm": norm_fits,
    "instance_norm": norm_fits,
    "group_norm": norm_fits,
    "layer_norm": norm_fits,
    "prelu": prelu_fits,
}
