"""Every layer that takes one printed shape to another with the printed number of parameters, the likeliest first."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product

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
from .priors import PAD_MODES, PRINTED, Candidate, Candidates, Prior, Shape, candidate, shortest
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
    op = PRINTED[kind]
    find = FINDERS.get(op, same_map)
    found = sorted(find(kind, op, given, out, params, prior), key=lambda candidate: candidate.cost)
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


def per_axis(value: object, axes: int) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,) * axes


@lru_cache(maxsize=65536)
def likeliest(kind: str, given: Shape, out: Shape, params: int, prior: Prior) -> Candidate | None:
    """The first of all candidates, found without the others."""
    if PRINTED[kind] != "conv":
        found = candidates(kind, given, out, params, prior)
        return found[0] if found else None
    best: Candidate | None = None
    for base, kernel, groups, bias in sorted(conv_kernels(given, out, params, prior), key=lambda combo: combo[0]):
        if base >= (STRANGEST if best is None else best.cost):
            break
        first = next(conv_windows(base, kernel, groups, bias, given, out, prior), None)
        if first is not None and (best is None or first.cost < best.cost):
            best = first
    return best


def same_map(kind: str, op: str, given: Shape, out: Shape, params: int, prior: Prior) -> Candidates:
    """Layers without settings of their own that leave the map as it is."""
    if given == out and params == 0:
        yield candidate(op, 0.0)


def linear_candidates(kind: str, op: str, given: Shape, out: Shape, params: int, prior: Prior) -> Candidates:
    if out.flat:
        for bias in (True, False):
            if params == out.channels * (given.elements + bias):
                yield candidate(op, 0.0, out_features=out.channels, bias=bias)


def flatten_candidates(kind: str, op: str, given: Shape, out: Shape, params: int, prior: Prior) -> Candidates:
    if out.flat and given.elements == out.channels and not params:
        yield candidate(op, 0.0)


def pool_candidates(kind: str, op: str, given: Shape, out: Shape, params: int, prior: Prior) -> Candidates:
    """Pools of any kernel; the usual ones first, the whole map next."""
    if params or given.flat or out.flat or given.channels != out.channels or len(given.sizes) != len(out.sizes):
        return
    common = None
    for n, m in zip(given.sizes, out.sizes, strict=True):
        found = pool_windows(n, m)
        common = found if common is None else tuple(w for w in common if w in found)
    for k, s, p, ceil in common or ():
        cost = pool_cost(k, s, p, ceil, given, out, prior.wide_stem and op == "max_pool")
        settings = {"kernel_size": k, **({"stride": s} if s != k else {}), **({"padding": p} if p else {})}
        yield candidate(op, cost, **settings, **({"ceil_mode": True} if ceil else {}))
    if not common:
        each = [pool_windows(n, m) for n, m in zip(given.sizes, out.sizes, strict=True)]
        plain = [[w for w in axis if not w[3]][:1] for axis in each]
        if all(plain):
            k_, s_, p_ = (tuple(axis[0][i] for axis in plain) for i in range(3))
            yield candidate(op, 3.0, kernel_size=shortest(k_), stride=shortest(s_), padding=shortest(p_))


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


def adaptive_candidates(kind: str, op: str, given: Shape, out: Shape, params: int, prior: Prior) -> Candidates:
    if params or given.flat or out.flat or given.channels != out.channels or len(given.sizes) != len(out.sizes):
        return
    if all(m == 1 for m in out.sizes):
        yield candidate(op.replace("adaptive", "global"), 0.0)
    else:
        yield candidate(op, 0.0, output_size=shortest(out.sizes))


def upsample_candidates(kind: str, op: str, given: Shape, out: Shape, params: int, prior: Prior) -> Candidates:
    if params or given.flat or out.flat or given.channels != out.channels or len(given.sizes) != len(out.sizes):
        return
    whole = all(m % n == 0 for n, m in zip(given.sizes, out.sizes, strict=True))
    factors = tuple(m // n for n, m in zip(given.sizes, out.sizes, strict=True))
    size = {"scale_factor": shortest(factors)} if whole else {"size": shortest(out.sizes)}
    yield candidate(op, 0.0, **size)
    yield candidate(op, 0.5, **size, mode=LINEAR_MODES[len(out.sizes) - 1])


def shuffle_candidates(kind: str, op: str, given: Shape, out: Shape, params: int, prior: Prior) -> Candidates:
    small, large = (given, out) if op == "pixel_shuffle" else (out, given)
    if params or len(given.sizes) != 2 or len(out.sizes) != 2:
        return
    r = large.sizes[0] // small.sizes[0]
    if (
        r
        and large == Shape(small.channels // (r * r), tuple(n * r for n in small.sizes))
        and small.channels % (r * r) == 0
    ):
        yield candidate(op, 0.0, **{"upscale_factor" if op == "pixel_shuffle" else "downscale_factor": r})


def pad_candidates(kind: str, op: str, given: Shape, out: Shape, params: int, prior: Prior) -> Candidates:
    """Padding alone: as much in front as after, one more after where it is odd."""
    if params or given.channels != out.channels or len(given.sizes) != len(out.sizes) or given.flat:
        return
    mode = PAD_MODES[kind[:-2]]
    more = [m - n for n, m in zip(given.sizes, out.sizes, strict=True)]
    if min(more) < 0:
        return
    sides = tuple(extra // 2 if extra % 2 == 0 else (extra // 2, extra - extra // 2) for extra in more)
    yield candidate(op, 0.0, padding=shortest(sides) if not any(extra % 2 for extra in more) else sides, mode=mode)


def norm_candidates(kind: str, op: str, given: Shape, out: Shape, params: int, prior: Prior) -> Candidates:
    """Norms: a weight and a bias for each channel (layer norm: for each value), or none."""
    each = given.elements if op == "layer_norm" else given.channels
    if given != out or params not in (0, 2 * each):
        return
    affine = {"affine": params > 0}
    if op != "group_norm":
        yield candidate(op, 0.0, **affine)
        return
    usual = {32: 0.0, 8: 0.2, 16: 0.3, 4: 0.4, 2: 0.6, 1: 0.8}
    for groups in divisors(given.channels):
        yield candidate(op, usual.get(groups, 1.0 + 0.001 * groups), num_groups=groups, **affine)


def prelu_candidates(kind: str, op: str, given: Shape, out: Shape, params: int, prior: Prior) -> Candidates:
    if given == out and params in (1, given.channels):
        yield candidate(op, 0.0, num_parameters=params)


FINDERS: dict[str, Callable[[str, str, Shape, Shape, int, Prior], Candidates]] = {
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
    "prelu": prelu_candidates,
}
