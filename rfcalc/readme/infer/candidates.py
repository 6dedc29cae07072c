"""Every layer that takes one printed shape to another with the printed number of parameters, the likeliest first."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import product

from ...engine.kinds import per_axis
from ...engine.layers import LINEAR_MODES
from . import costs
from .convolutions import (
    conv_candidates,
    divisors,
    transpose_candidates,
    window_size_after,
)
from .evidence import agreeing
from .priors import PRINTED, PRINTED_PAD_MODES, Candidate, Candidates, Case, Prior, Shape, candidate, one_or_all
from .states import Item


@lru_cache(maxsize=costs.CACHED)
def candidates(kind: str, given: Shape, out: Shape, params: int, prior: Prior) -> tuple[Candidate, ...]:
    """All layers of the printed class `kind` that make `out` of `given` with that many parameters, likeliest first.

    >>> candidates("Conv2d", Shape(3, (32, 32)), Shape(8, (30, 30)), 224, Prior())[0]["padding"]
    0
    """
    if kind not in PRINTED:  # a norm of units that no map is left of
        return ()
    row = Case(kind, PRINTED[kind], given, out, params, prior)
    find = FINDERS.get(row.op, same_map)
    keeps = not params and given.channels == out.channels and row.same_axes
    found = sorted(find(row) if keeps or find not in RESIZING else (), key=lambda candidate: candidate.cost)
    return tuple(
        candidate for candidate in found[: costs.MOST_CANDIDATES] if candidate.cost <= found[0].cost + costs.ODDEST
    )


def fitting(item: Item, given: Shape, prior: Prior) -> tuple[Candidate, ...]:
    """The layers that fit a row: of these only the ones with the kernel that is printed and the settings that the
    document states elsewhere, where any have them."""
    row = item.row
    found = candidates(row.type, given, item.shape, item.params, prior) if item.shape else ()
    if row.kernel and found and found[0]["kernel_size"] is not None:
        axes = len(row.kernel)
        found = tuple(f for f in found if tuple(per_axis(f["kernel_size"], axes)) == row.kernel) or found
    if row.known:
        found = tuple(f for f in found if agreeing(dict(f.settings), row.known)) or found
    return found


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
    plain = [next((window for window in axis if not window[-1]), None) for axis in each]
    if not common and all(plain):
        k_, s_, p_ = (
            one_or_all(values) for values in list(zip(*(window[:-1] for window in plain if window), strict=True))
        )
        yield candidate(row.op, costs.POOL_UNEVEN, kernel_size=k_, stride=s_, padding=p_)


@lru_cache(maxsize=costs.CACHED)
def pool_windows(n: int, m: int) -> tuple[tuple[int, int, int, bool], ...]:
    """(kernel, stride, padding, ceil_mode) of every pool that makes size m of size n, side by side ones first."""
    found = []
    sides = sorted({*costs.POOL_SIDES, n, max(1, n // m)})
    for k in sides:
        paddings = range(min(k // 2, costs.LARGEST_SPREAD) + 1)
        for s, p, ceil in product(sorted({k, *costs.STRIDES}, key=lambda s: s != k), paddings, (False, True)):
            if window_size_after(k, s, p, 1, n, ceil) == m and not (ceil and window_size_after(k, s, p, 1, n) == m):
                found.append((k, s, p, ceil))
    return tuple(sorted(found, key=lambda w: (w[-1], w[0] != w[1], w[0])))


def pool_cost(k: int, s: int, p: int, ceil: bool, n: int, m: int, overlaps: bool) -> float:
    """How unusual a pool from size n to m is; `overlaps` where kernels of 3 with a stride of 2 are expected."""
    rounded = (costs.POOL_CEIL_USUAL if overlaps else costs.POOL_CEIL) + costs.POOL_CEIL_PADDED * (p > 0) if ceil else 0
    if k == n and m == 1:
        return costs.POOL_WHOLE if s == k and not p else costs.POOL_WHOLE_APART + costs.POOL_WHOLE_STRIDE * s
    if (k, s, p) in costs.USUAL_POOLS:
        waste = costs.POOL_WASTE * (s == k and (n - k) % s > 0)
        return costs.USUAL_POOLS[k, s, p][overlaps] + waste + rounded
    strange = costs.POOL_APART * (s != k) + costs.POOL_STRANGE * ((k == 1) + (s > k))
    return costs.OTHER_POOL + costs.POOL_SIDE * k + costs.POOL_PADDING * p + strange + rounded


def adaptive_candidates(row: Case) -> Candidates:
    if all(m == 1 for m in row.out.sizes):
        yield candidate(row.op.replace("adaptive", "global"), 0.0)
    else:
        yield candidate(row.op, 0.0, output_size=one_or_all(row.out.sizes))


def upsample_candidates(row: Case) -> Candidates:
    each = [divmod(m, n) for n, m in zip(row.given.sizes, row.out.sizes, strict=True)]
    whole = not any(left for _, left in each)
    size = {"scale_factor": one_or_all(tuple(f for f, _ in each))} if whole else {"size": one_or_all(row.out.sizes)}
    yield candidate(row.op, 0.0, **size)
    yield candidate(row.op, costs.LINEAR_MODE, **size, mode=LINEAR_MODES[len(row.out.sizes) - 1])


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
        padding = sides if any(extra % 2 for extra in more) else one_or_all(sides)
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
    for groups in divisors(row.given.channels):
        cost = costs.NORM_GROUPS.get(groups, costs.NORM_OTHER + costs.NORM_LARGER * groups)
        yield candidate(row.op, cost, num_groups=groups, **affine)


def same_map(row: Case) -> Candidates:
    """Layers without settings of their own that leave the map as it is; one with a weight, or one for each channel."""
    if row.given == row.out and row.op == "prelu" and row.params in (1, row.given.channels):
        yield candidate(row.op, 0.0, num_parameters=row.params)
    elif row.given == row.out and row.op != "prelu" and not row.params:
        yield candidate(row.op, 0.0)


FINDERS: dict[str, Callable[[Case], Candidates]] = {
    "conv": conv_candidates, "conv_transpose": transpose_candidates, "linear": linear_candidates,
    "flatten": flatten_candidates, "upsample": upsample_candidates, "pad": pad_candidates,
    **dict.fromkeys(("max_pool", "avg_pool"), pool_candidates),
    **dict.fromkeys(("adaptive_avg_pool", "adaptive_max_pool"), adaptive_candidates),
    **dict.fromkeys(("pixel_shuffle", "pixel_unshuffle"), shuffle_candidates),
    **dict.fromkeys(("batch_norm", "instance_norm", "group_norm", "layer_norm"), norm_candidates),
}  # fmt: skip
RESIZING = frozenset((pool_candidates, adaptive_candidates, upsample_candidates, pad_candidates))
"""Finders of layers without parameters that keep the channels and the axes of a map."""
