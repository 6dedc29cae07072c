"""Convolutions that take one printed shape to another with the printed number of parameters, and how unusual each is.

Sizes come from the engine's windows; what is searched here is only which window.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import gcd, isqrt

from ...engine.geometry import Window
from ...errors import ShapeError
from .priors import Candidate, Candidates, Case, Prior, Settings, Shape, candidate, shortest

DILATIONS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 18, 24, 36)
STRIDES = tuple(range(1, 9))
LARGEST_KERNEL = 31
ODDEST = 12.0
"""How much more unusual than the likeliest a candidate may be."""

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
UNSEEN_STRIDE = 0.7
"""What a stride costs more in a network whose other convolutions halve no map: then 5 to 3 is a valid one, as in
all five networks of public notebooks where both would do."""
STRIDE_COST = {1: 0.0, 2: 0.3, 3: 1.8, 4: 2.2}


def conv_candidates(row: Case) -> Candidates:
    """Convolutions with every kernel, number of groups, bias and window that fit."""
    found = conv_kernels(row)
    least = min((kernel[0] for kernel in found), default=0.0)
    for kernel in found:
        if kernel[0] <= least + ODDEST:
            yield from conv_windows(row, *kernel)


def conv_kernels(row: Case) -> list[tuple[float, tuple[int, ...], int, bool]]:
    """Cost, kernel, groups and bias: parameters / out channels = taps * in channels / groups, plus one with a bias."""
    given, out, prior = row.given, row.out, row.prior
    if not row.same_axes or row.params % out.channels:
        return []
    found = []
    for bias, groups in product((False, True), divisors(gcd(given.channels, out.channels))):
        weights, per_group = row.params // out.channels - bias, given.channels // groups
        if weights > 0 and weights % per_group == 0:
            base = groups_cost(groups, given, out, prior) + 2.0 * (prior.bias not in (None, bias))
            for kernel in kernels(weights // per_group, len(given.sizes)):
                scales = 3.5 * (groups == given.channels > 1 and max(kernel) == 1)  # one factor for each channel
                lost = 1.5 * (max(kernel) > 1 == max(given.sizes))  # all but one tap sees padding only
                found.append((base + scales + lost + kernel_cost(kernel, given, out, prior), kernel, groups, bias))
    return found


def conv_windows(row: Case, base: float, kernel: tuple[int, ...], groups: int, bias: bool) -> Iterator[Candidate]:
    word = "depthwise" if groups == row.given.channels > 1 else groups
    head = (("out_channels", row.out.channels), ("kernel_size", shortest(kernel)))
    tail = (("groups", word), ("bias", bias))
    for cost, window in costed_windows(kernel, row.given.sizes, row.out.sizes, row.prior):
        yield Candidate("conv", (*head, *window, *tail), base + cost)


@lru_cache(maxsize=16384)
def costed_windows(
    kernel: tuple[int, ...], sizes: tuple[int, ...], outs: tuple[int, ...], prior: Prior
) -> tuple[tuple[float, Settings], ...]:
    """Stride, padding and dilation of every window that fits, with how unusual each is, the likeliest first."""
    found = []
    for strides, paddings, dilations in windows(kernel, sizes, outs):
        cost = window_cost(kernel, strides, paddings, dilations, sizes, outs, prior)
        window = (("stride", shortest(strides)), ("padding", shortest(paddings)), ("dilation", shortest(dilations)))
        found.append((cost, window))
    if sizes == outs and len(set(kernel)) == 1 and kernel[0] % 2 == 0:  # no padding by numbers can do it
        found.append((3.0, (("stride", 1), ("padding", "same"), ("dilation", 1))))
    found.sort(key=lambda pair: pair[0])
    return tuple(pair for pair in found if pair[0] <= found[0][0] + ODDEST)


def kernel_cost(kernel: tuple[int, ...], given: Shape, out: Shape, prior: Prior) -> float:
    k = max(kernel)
    if len(set(kernel)) > 1:
        factor = 0.6 if prior.factored else 3.5
        return (factor if min(kernel) == 1 and k % 2 and k <= 9 else 6.5) + 0.05 * k
    if kernel == given.sizes and k > 1 and all(m == 1 for m in out.sizes):
        return 0.6
    return KERNEL_COST.get(k, 4.0 + 0.05 * k)


def groups_cost(groups: int, given: Shape, out: Shape, prior: Prior) -> float:
    if groups == 1:
        return 0.0
    if groups == given.channels:
        return 0.4 if out.channels == groups else 1.5
    return 2.5 if prior.grouped else 4.0


def window_cost(
    kernel: tuple[int, ...], strides: tuple[int, ...], paddings: tuple[int, ...], dilations: tuple[int, ...],
    sizes: tuple[int, ...], outs: tuple[int, ...], prior: Prior,
) -> float:  # fmt: skip
    k, s, p, d = kernel[0], strides[0], paddings[0], dilations[0]
    if len(set(kernel)) > 1:
        axis = kernel.index(max(kernel))
        k, s, p, d = kernel[axis], strides[axis], paddings[axis], dilations[axis]
    cost = 0.5 * (k > 1) if s == k and p == 0 and s > 2 else STRIDE_COST.get(s, 4.0)
    cost += 3.0 * (len(set(strides)) > 1) + 2.0 * (len(set(kernel)) == 1 and len(set(paddings)) > 1)
    if s == 2 and prior.strided is False:
        cost += UNSEEN_STRIDE
    if s > 1 and all(m == 1 for m in outs):  # a stride that no size shows
        cost += 2.0
    elif s > 1 and outs[0] * (s - 1) > sizes[0]:  # one that padding makes up for
        cost += 4.0
    if s > k > 1:
        cost += 1.0
    if d > 1:
        cost += (0.4 if prior.dilated else 3.5) + 0.8 * (d - 2)
    return cost + padding_cost(k, p, d, prior)


def padding_cost(k: int, p: int, d: int, prior: Prior) -> float:
    keeps = d * (k - 1) // 2
    if k == 1:
        return 3.0 + p if p else 0.0
    if dict(prior.padding).get(k) == p or p == keeps:
        return 0.0 if p != keeps or prior.pads in (None, True) else 0.6
    if p == 0:
        return {None: 0.4, True: 0.6, False: 0.0}[prior.pads]
    if p > keeps:
        return 2.8 + 1.0 * (p - keeps)
    return 1.2 if p == (k - 1) // 2 else 1.6 + 0.1 * p


def transpose_candidates(row: Case) -> Candidates:
    """Transposed convolutions: parameters = in channels * out channels / groups * taps, plus one each with a bias."""
    given, out = row.given, row.out
    if not row.same_axes:
        return
    for bias, groups in product((True, False), divisors(gcd(given.channels, out.channels))):
        weights, unit = row.params - bias * out.channels, given.channels * out.channels // groups
        square = [k[0] for k in kernels(weights // unit, len(given.sizes)) if len(set(k)) == 1] if weights > 0 else []
        for kernel in square if weights % unit == 0 else ():
            for stride, padding, extra in transposed(kernel, given.sizes, out.sizes):
                cost = groups_cost(groups, given, out, row.prior) + 0.3 * extra + 0.2 * padding + 0.1 * stride
                cost += 1.2 * (row.prior.bias not in (None, bias))
                yield candidate(
                    row.op, cost, out_channels=out.channels, kernel_size=kernel, stride=stride, padding=padding,
                    output_padding=extra, groups="depthwise" if groups == given.channels > 1 else groups, bias=bias,
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
