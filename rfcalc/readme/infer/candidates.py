"""Every layer that takes one printed shape to another with the printed number of parameters, the likeliest first."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import Any

from ...engine.layers import LINEAR_MODES
from .convolutions import (
    ODDEST,
    STRIDES,
    conv_candidates,
    conv_kernels,
    conv_windows,
    divisors,
    size_of,
    transpose_candidates,
)
from .evidence import agreeing
from .priors import PRINTED, PRINTED_PAD_MODES, Candidate, Candidates, Case, Prior, Shape, candidate, shortest
from .states import Item

MOST_CANDIDATES = 64
STRANGEST = 11.0
"""What a kernel and its groups may cost where a single layer is looked for."""


@lru_cache(maxsize=16384)
def candidates(kind: str, given: Shape, out: Shape, params: int, prior: Prior) -> tuple[Candidate, ...]:
    """All layers of the printed class `kind` that make `out` of `given` with that many parameters, likeliest first.

    >>> candidates("Conv2d", Shape(3, (32, 32)), Shape(8, (30, 30)), 224, Prior())[0]["padding"]
    0
    """
    row = Case(kind, PRINTED[kind], given, out, params, prior)
    find = FINDERS.get(row.op, same_map)
    keeps = not params and given.channels == out.channels and row.same_axes
    found = sorted(find(row) if keeps or find not in RESIZING else (), key=lambda candidate: candidate.cost)
    return tuple(candidate for candidate in found[:MOST_CANDIDATES] if candidate.cost <= found[0].cost + ODDEST)


def fitting(item: Item, given: Shape, prior: Prior) -> tuple[Candidate, ...]:
    """The layers that fit a row: of these only the ones with the kernel that is printed and the settings that the
    document states elsewhere, where any have them."""
    row = item.row
    found = candidates(row.type, given, item.shape, item.params, prior) if item.shape else ()
    if row.kernel and found and found[0]["kernel_size"] is not None:
        axes = len(row.kernel)
        found = tuple(f for f in found if per_axis(f["kernel_size"], axes) == row.kernel) or found
    if row.known:
        found = tuple(f for f in found if agreeing(dict(f.settings), row.known)) or found
    return found


def per_axis(value: Any, axes: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,) * axes


@lru_cache(maxsize=65536)
def likeliest(kind: str, given: Shape, out: Shape, params: int, prior: Prior) -> Candidate | None:
    """The first of all candidates, found without the others."""
    if PRINTED[kind] != "conv":
        found = candidates(kind, given, out, params, prior)
        return found[0] if found else None
    best: Candidate | None = None
    row = Case(kind, "conv", given, out, params, prior)
    for kernel in sorted(conv_kernels(row), key=lambda kernel: kernel[0]):
        if kernel[0] >= (STRANGEST if best is None else best.cost):
            break
        first = next(conv_windows(row, *kernel), None)
        if first is not None and (best is None or first.cost < best.cost):
            best = first
    return best


def linear_candidates(row: Case) -> Candidates:
    for bias in (True, False):
        if row.out.flat and row.params == row.out.channels * (row.given.elements + bias):
            yield candidate(row.op, 0.0, out_features=row.out.channels, bias=bias)


def flatten_candidates(row: Case) -> Candidates:
    if row.out.flat and row.given.elements == row.out.channels and not row.params:
        yield candidate(row.op, 0.0)


def pool_candidates(row: Case) -> Candidates:
    """Pools of any kernel; the usual ones first, the whole map next."""
    sizes = list(zip(row.given.sizes, row.out.sizes, strict=True))
    each = [pool_windows(n, m) for n, m in sizes]
    common = [window for window in each[0] if all(window in other for other in each)]
    overlaps = row.prior.wide_stem and row.op == "max_pool"
    for k, s, p, ceil in common:
        settings = {"kernel_size": k, **({"stride": s} if s != k else {}), **({"padding": p} if p else {})}
        cost = pool_cost(k, s, p, ceil, *sizes[0], overlaps)
        yield candidate(row.op, cost, **settings, **({"ceil_mode": True} if ceil else {}))
    plain = [next((window for window in axis if not window[3]), None) for axis in each]
    if not common and all(plain):
        k_, s_, p_ = (shortest(values) for values in list(zip(*filter(None, plain), strict=True))[:3])
        yield candidate(row.op, 3.0, kernel_size=k_, stride=s_, padding=p_)


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


def pool_cost(k: int, s: int, p: int, ceil: bool, n: int, m: int, overlaps: bool) -> float:
    """How unusual a pool from size n to m is; `overlaps` where kernels of 3 with a stride of 2 are expected."""
    waste = 0.3 if (n + 2 * p - k) % s else 0.0
    ceil_cost = (0.4 if overlaps else 1.3) * ceil
    if k == n and m == 1:
        return 0.2 if s == k and not p else 1.0 + 0.1 * s
    if (k, s, p) == (2, 2, 0):
        return waste + ceil_cost + (0.5 if overlaps and m > 1 else 0.0)
    if (k, s) == (3, 2):
        return (0.1 if overlaps else 0.7) + (0.2 if ceil and p else 0.0) + ceil_cost
    if (k, s, p) == (3, 1, 1):
        return 0.3 + ceil_cost
    return 1.0 + 0.2 * k + (0.0 if s == k else 0.8) + 0.5 * p + ceil_cost + 2.0 * (k == 1) + 2.0 * (s > k)


def adaptive_candidates(row: Case) -> Candidates:
    if all(m == 1 for m in row.out.sizes):
        yield candidate(row.op.replace("adaptive", "global"), 0.0)
    else:
        yield candidate(row.op, 0.0, output_size=shortest(row.out.sizes))


def upsample_candidates(row: Case) -> Candidates:
    each = [divmod(m, n) for n, m in zip(row.given.sizes, row.out.sizes, strict=True)]
    whole = not any(left for _, left in each)
    size = {"scale_factor": shortest(tuple(f for f, _ in each))} if whole else {"size": shortest(row.out.sizes)}
    yield candidate(row.op, 0.0, **size)
    yield candidate(row.op, 0.5, **size, mode=LINEAR_MODES[len(row.out.sizes) - 1])


def shuffle_candidates(row: Case) -> Candidates:
    up = row.op == "pixel_shuffle"
    small, large = (row.given, row.out) if up else (row.out, row.given)
    if row.params or len(row.given.sizes) != 2 or len(row.out.sizes) != 2:
        return
    r = large.sizes[0] // small.sizes[0]
    if small.channels == large.channels * r * r and large.sizes == tuple(n * r for n in small.sizes):
        yield candidate(row.op, 0.0, **{"upscale_factor" if up else "downscale_factor": r})


def pad_candidates(row: Case) -> Candidates:
    """Padding alone: as much in front as after, one more after where it is odd."""
    more = [m - n for n, m in zip(row.given.sizes, row.out.sizes, strict=True)]
    if min(more) >= 0:
        sides = tuple(extra // 2 if extra % 2 == 0 else (extra // 2, extra - extra // 2) for extra in more)
        padding = sides if any(extra % 2 for extra in more) else shortest(sides)
        yield candidate(row.op, 0.0, padding=padding, mode=PRINTED_PAD_MODES[row.kind[:-2]])


def norm_candidates(row: Case) -> Candidates:
    """Norms: a weight and a bias for each channel (layer norm: for each value), or none."""
    each = row.given.elements if row.op == "layer_norm" else row.given.channels
    if row.given != row.out or row.params not in (0, 2 * each):
        return
    affine = {"affine": row.params > 0}
    if row.op != "group_norm":
        yield candidate(row.op, 0.0, **affine)
        return
    usual = {32: 0.0, 8: 0.2, 16: 0.3, 4: 0.4, 2: 0.6, 1: 0.8}
    for groups in divisors(row.given.channels):
        yield candidate(row.op, usual.get(groups, 1.0 + 0.001 * groups), num_groups=groups, **affine)


def same_map(row: Case) -> Candidates:
    """Layers without settings of their own that leave the map as it is; one with a weight, or one for each channel."""
    if row.given == row.out and row.op == "prelu" and row.params in (1, row.given.channels):
        yield candidate(row.op, 0.0, num_parameters=row.params)
    elif row.given == row.out and row.op != "prelu" and not row.params:
        yield candidate(row.op, 0.0)


FINDERS: dict[str, Callable[[Case], Candidates]] = {
    "conv": conv_candidates,
    "conv_transpose": transpose_candidates,
    "linear": linear_candidates,
    "flatten": flatten_candidates,
    "max_pool": pool_candidates,
    "avg_pool": pool_candidates,
    "adaptive_avg_pool": adaptive_candidates,
    "adaptive_max_pool": adaptive_candidates,
    "upsample": upsample_candidates,
    "pixel_shuffle": shuffle_candidates,
    "pixel_unshuffle": shuffle_candidates,
    "pad": pad_candidates,
    "batch_norm": norm_candidates,
    "instance_norm": norm_candidates,
    "group_norm": norm_candidates,
    "layer_norm": norm_candidates,
}
RESIZING = frozenset((pool_candidates, adaptive_candidates, upsample_candidates, pad_candidates))
"""Finders of layers without parameters that keep the channels and the axes of a map."""
