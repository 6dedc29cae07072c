"""Convolutions that take one printed shape to another with the printed number of parameters, and how unusual each is.

Sizes come from the engine's windows; what is searched here is only which window.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import lru_cache
from itertools import product
from math import gcd, isqrt

from ...engine.geometry import Window
from ...errors import ShapeError
from . import costs
from .priors import Candidate, Candidates, Case, Prior, Settings, Shape, Trait, candidate, one_or_all

MOST_AXES = 3

# --- windows -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=costs.CACHED)
def axis_windows(kernel: int, n: int, m: int) -> tuple[tuple[int, int, int], ...]:
    """(stride, padding, dilation) of every window of that kernel that makes size m of size n."""
    found = []
    for dilation in costs.DILATIONS if kernel > 1 else (1,):
        if dilation > max(costs.SMALL_DILATION, n):
            break
        extent = Window(kernel, dilation=dilation).extent
        for stride in (*costs.STRIDES, *((kernel,) if kernel > costs.STRIDES[-1] else ())):
            least = (m - 1) * stride + extent - n
            padding = max(0, -(-least // 2))
            while padding <= max(extent, 2) and window_size_after(kernel, stride, padding, dilation, n) == m:
                found.append((stride, padding, dilation))
                padding += 1
    return tuple(found)


def window_size_after(
    kernel: int, stride: int, padding: int, dilation: int, n: int, ceil_mode: bool = False
) -> int | None:
    try:
        return Window(kernel, stride, (padding, padding), dilation).output_size(n, ceil_mode)
    except ShapeError:
        return None


@lru_cache(maxsize=costs.CACHED)
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
    return tuple(found[: costs.UNEVEN_WINDOWS])


@lru_cache(maxsize=costs.CACHED)
def axis_likely(kernel: int, n: int, m: int) -> tuple[tuple[int, int, int], ...]:
    """The few windows of an axis with the least dilation, stride and padding."""
    return tuple(
        sorted(axis_windows(kernel, n, m), key=lambda window: (window[2], window[0], window[1]))[: costs.AXIS_WINDOWS]
    )


@lru_cache(maxsize=costs.CACHED)
def kernels(taps: int, axes: int) -> tuple[tuple[int, ...], ...]:
    """Kernels with that many taps, the square one first; none of more axes than torch's convolutions have."""
    sides = [k for k in divisors(taps) if k <= costs.LARGEST_KERNEL]
    if axes == 1:
        return ((taps,),) if taps <= costs.LARGEST_KERNEL else ()
    if axes == 2:
        pairs = [(k, taps // k) for k in sides if taps // k <= costs.LARGEST_KERNEL]
        return tuple(sorted(pairs, key=lambda pair: abs(pair[0] - pair[1])))
    found = {(k, *rest) for k in sides for rest in kernels(taps // k, 2)} if axes <= MOST_AXES else set()
    return tuple(sorted(found, key=lambda kernel: max(kernel) - min(kernel)))


@lru_cache(maxsize=costs.CACHED)
def divisors(number: int) -> tuple[int, ...]:
    small = [d for d in range(1, isqrt(number) + 1) if number % d == 0]
    return tuple(sorted({*small, *(number // d for d in small)}))


# --- convolutions ------------------------------------------------------------------------------------------------


def conv_candidates(row: Case) -> Candidates:
    """Convolutions with every kernel, number of groups, bias and window that fit."""
    found = conv_kernels(row)
    least = min((kernel[0] for kernel in found), default=0.0)
    for kernel in found:
        if kernel[0] <= least + costs.ODDEST:
            yield from conv_windows(row, *kernel)


def conv_kernels(row: Case) -> list[tuple[float, tuple[int, ...], int | str, bool]]:
    """Cost, kernel, groups and bias: parameters / out channels = taps * in channels / groups, plus one with a bias."""
    given, out, prior = row.given, row.out, row.prior
    if not row.same_axes or row.params % out.channels:
        return []
    found = []
    for bias, groups in product((False, True), divisors(gcd(given.channels, out.channels))):
        weights, per_group = row.params // out.channels - bias, given.channels // groups
        if weights > 0 and weights % per_group == 0:
            word = "depthwise" if groups == given.channels > 1 else groups
            base = groups_cost(word, prior) + prior.cost((("bias", bias),))
            base += costs.MULTIPLIED * (word == "depthwise" and out.channels > groups)
            for kernel in kernels(weights // per_group, len(given.sizes)):
                scales = costs.DEPTHWISE_POINT * (word == "depthwise" and max(kernel) == 1)
                lost = costs.LOST_TAPS * (max(kernel) > 1 == max(given.sizes))
                found.append((base + scales + lost + kernel_cost(kernel, given, out, prior), kernel, word, bias))
    return found


def conv_windows(row: Case, base: float, kernel: tuple[int, ...], groups: int | str, bias: bool) -> Iterator[Candidate]:
    head = (("out_channels", row.out.channels), ("kernel_size", one_or_all(kernel)))
    tail = (("groups", groups), ("bias", bias))
    for cost, window in costed_windows(kernel, row.given.sizes, row.out.sizes, row.prior):
        yield Candidate("conv", (*head, *window, *tail), base + cost)


WINDOW = ("stride", "padding", "dilation")


@lru_cache(maxsize=costs.CACHED)
def costed_windows(
    kernel: tuple[int, ...], sizes: tuple[int, ...], outs: tuple[int, ...], prior: Prior
) -> tuple[tuple[float, Settings], ...]:
    """Stride, padding and dilation of every window that fits, with how unusual each is, the likeliest first."""
    found = []
    for strides, paddings, dilations in windows(kernel, sizes, outs):
        cost = window_cost(kernel, strides, paddings, dilations, sizes, outs, prior)
        window = tuple(zip(WINDOW, map(one_or_all, (strides, paddings, dilations)), strict=True))
        found.append((cost, window))
    if sizes == outs and len(set(kernel)) == 1 and kernel[0] % 2 == 0:
        found.append((costs.EVEN_SAME, (("stride", 1), ("padding", "same"), ("dilation", 1))))
    found.sort(key=lambda pair: pair[0])
    return tuple(pair for pair in found if pair[0] <= found[0][0] + costs.ODDEST)


# --- how unusual they are ----------------------------------------------------------------------------------------


def answers_of(conv: Candidate) -> Iterator[Trait]:
    """What a convolution answers to the questions that were counted; of its window only where it is the same on all
    axes and padded by numbers."""
    kernel = conv["kernel_size"]
    yield "bias", conv["bias"]
    if conv["groups"] != "depthwise":
        yield "groups", groups_answer(conv["groups"])
    yield "kernel", kernel_answer(kernel if isinstance(kernel, tuple) else (kernel,))
    if all(isinstance(conv[key], int) for key in ("kernel_size", "stride", "padding", "dilation")):
        yield from window_answers(kernel, conv["stride"], conv["padding"], conv["dilation"])


def groups_answer(groups: int | str) -> str:
    return "one" if groups == 1 else "some"


def groups_cost(groups: int | str, prior: Prior) -> float:
    return costs.DEPTHWISE_CONV if groups == "depthwise" else prior.cost((("groups", groups_answer(groups)),))


def kernel_answer(kernel: tuple[int, ...]) -> Hashable:
    k = max(kernel)
    if len(set(kernel)) == 1:
        return k
    return "factored" if min(kernel) == 1 and k % 2 and k <= costs.LONGEST_FACTOR else "oblong"


def window_answers(k: int, s: int, p: int, d: int) -> Iterator[Trait]:
    yield "strided", s > 1
    if s > 1:
        yield "stride", s
    if k == 1:
        yield "padded point", p > 0
        return
    keeps = d * (k - 1) // 2
    word = "keeps" if p == keeps else "none" if p == 0 else "undilated" if p == (k - 1) // 2 else "less"
    yield "dilated", d > 1
    yield "padding" if d == 1 else "dilated padding", "more" if p > keeps else word


def kernel_cost(kernel: tuple[int, ...], given: Shape, out: Shape, prior: Prior) -> float:
    if kernel == given.sizes and max(kernel) > 1 and all(m == 1 for m in out.sizes):
        return costs.WHOLE_MAP
    answer = kernel_answer(kernel)
    return prior.cost((("kernel", answer),)) + costs.LARGER * max(kernel) + costs.OBLONG * (answer == "oblong")


def window_cost(
    kernel: tuple[int, ...], strides: tuple[int, ...], paddings: tuple[int, ...], dilations: tuple[int, ...],
    sizes: tuple[int, ...], outs: tuple[int, ...], prior: Prior,
) -> float:  # fmt: skip
    axis = kernel.index(max(kernel))
    k, s, p, d = kernel[axis], strides[axis], paddings[axis], dilations[axis]
    answers = dict(window_answers(k, s, p, d))
    shown = sizes[axis] - (k - 1) > outs[axis]  # the kernel alone does not make it so small
    if shown:
        answers.pop("strided")
    patches = s == k >= costs.SMALLEST_PATCH and p == 0
    cost = costs.PATCH if patches else prior.cost(answers.items()) + costs.HALVING * (shown and s > 1)
    cost += costs.UNSTRIDED * (s == 1 < outs[axis] < sizes[axis] / 2)
    cost += costs.UNEVEN * (len(set(strides)) > 1)
    cost += costs.UNEVEN_PADDING * (len(set(kernel)) == 1 and len(set(paddings)) > 1)
    if s > 1 and all(m == 1 for m in outs):
        cost += costs.UNSEEN_STRIDE
    elif s > 1 and outs[0] * (s - 1) > sizes[0]:
        cost += costs.MADE_UP_STRIDE
    cost += costs.SKIPPING * (s > k > 1) + costs.LARGER_DILATION * max(0, d - 2)
    return cost + costs.MORE_PADDING * max(0, p - d * (k - 1) // 2 - 1)


def transpose_candidates(row: Case) -> Candidates:
    """Transposed convolutions: parameters = in channels * out channels / groups * taps, plus one each with a bias."""
    given, out = row.given, row.out
    if not row.same_axes:
        return
    for bias, groups in product((True, False), divisors(gcd(given.channels, out.channels))):
        weights, unit = row.params - bias * out.channels, given.channels * out.channels // groups
        word = "depthwise" if groups == given.channels > 1 else groups
        square = [k[0] for k in kernels(weights // unit, len(given.sizes)) if len(set(k)) == 1] if weights > 0 else []
        for kernel in square if weights % unit == 0 else ():
            for stride, padding, extra in transposed(kernel, given.sizes, out.sizes):
                cost = groups_cost(word, row.prior) + costs.TRANSPOSED_EXTRA * extra
                cost += costs.TRANSPOSED_PADDING * padding + costs.TRANSPOSED_STRIDE * stride
                cost += costs.OTHER_BIAS * (row.prior.cost((("bias", bias),)) > 0)
                yield candidate(
                    row.op, cost, out_channels=out.channels, kernel_size=kernel, stride=stride, padding=padding,
                    output_padding=extra, groups=word, bias=bias,
                )  # fmt: skip


@lru_cache(maxsize=costs.CACHED)
def transposed(kernel: int, sizes: tuple[int, ...], outs: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
    """(stride, padding, output padding) of transposed windows: the size in front is the one that the same window,
    laid over what comes out, would make."""
    found = []
    for stride, padding in product(costs.STRIDES, range(kernel)):
        window = Window(kernel, stride, (padding, padding))
        extras = set()
        for n, m in zip(sizes, outs, strict=True):
            room = m + 2 * padding - kernel
            fits_back = room >= 0 and window.output_size(m) == n
            extras.add(room % stride if fits_back else -1)
        if len(extras) == 1 and (extra := extras.pop()) >= 0:
            found.append((stride, padding, extra))
    return tuple(found)
