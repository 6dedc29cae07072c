"""What prefixes have cost, as labels of the nodes where they end: parameters and MACs.

Where less of both is better, a label that another one beats is dropped; where a capped figure is to be as large as
possible, every reachable value of it is kept (a subset sum), with the least of the other.
"""

from __future__ import annotations

import time
from math import gcd
from typing import Any, Literal, NamedTuple

from .small import HUGE, Caps, OutOfTime, RestCosts, Small

Direction = Literal["min", "max", "each"]
"""What is kept of a figure: the least, the most, or every value that can be reached."""


class LabelRule(NamedTuple):
    """What is worth keeping: a direction for each figure; which of them decides alone ("" where both do), how many of
    the best are asked for, and the total of the deciding figure that is known to be within reach."""

    params: Direction = "min"
    macs: Direction = "min"
    first: str = ""
    width: int = 1
    reached: int | None = None


LabelArrays = tuple[Any, Any]
"""Parameters and MACs, as arrays sorted by parameters, then MACs."""


def node_labels(
    small: Small, caps: Caps, rule: LabelRule, deadline: float, limit: int | None = None
) -> list[LabelArrays | None]:
    """The labels of every node that can be part of an answer; raises OutOfTime. With a limit, only some of them."""
    import numpy as np

    start = np.zeros(1, np.int64)
    found: list[LabelArrays | None] = [(start, start), *[None] * (len(small.incoming) - 1)]
    steps = [0] * len(small.incoming)
    for node, edges in enumerate(small.incoming):
        pairs = [(found[edge[0]], edge) for edge in {edge[:3] for edge in edges} if found[edge[0]] is not None]
        if not pairs:
            continue
        rest = small.rest[node]
        band = Band(*cost_span(rule, "params", caps.params, rest), *cost_span(rule, "macs", caps.macs, rest))
        labels = by_table(pairs, steps, node, rule, band) if uses_table(rule, limit) else None
        if labels is None:
            p = np.concatenate([had[0] + edge[1] for had, edge in pairs])  # type: ignore[index]
            m = np.concatenate([had[1] + edge[2] for had, edge in pairs])  # type: ignore[index]
            ok = (p >= band.least_params) & (p <= band.most_params) & (m >= band.least_macs) & (m <= band.most_macs)
            labels = kept_labels(p[ok], m[ok], rule, rest, caps) if ok.any() else (p[:0], m[:0])
        if len(labels[0]):
            found[node] = thinned_labels(labels, limit)
        if limit is None and not node % 64 and time.monotonic() > deadline:
            raise OutOfTime
    return found


class Band(NamedTuple):
    """What a label at a node may have cost, so that the rest can still lead to an answer."""

    least_params: int
    most_params: int
    least_macs: int
    most_macs: int


def cost_span(rule: LabelRule, figure: str, cap: int, rest: RestCosts) -> tuple[int, int]:
    """The least and the most of a figure: below the cap, and as good as what is known to be within reach."""
    least, most = (rest.least_params, rest.most_params) if figure == "params" else (rest.least_macs, rest.most_macs)
    if rule.reached is None or rule.first != figure:
        return 0, cap - least
    up = (rule.params if figure == "params" else rule.macs) != "min"
    return (rule.reached - most, cap - least) if up else (0, min(cap, rule.reached) - least)


MAX_TABLE = 20_000_000
"""Cells of a table of sums: 160 MB."""


def uses_table(rule: LabelRule, limit: int | None) -> bool:
    return limit is None and rule.width == 1 and (rule.params == "each") != (rule.macs == "each")


def by_table(pairs: list[Any], steps: list[int], node: int, rule: LabelRule, band: Band) -> LabelArrays | None:
    """The least of one figure for each value of the other, gathered in a table of all values, which lie `steps` apart;
    None where the table would be too large."""
    import numpy as np

    each, other = (0, 1) if rule.params == "each" else (1, 0)
    least, most = band[2 * each : 2 * each + 2]
    sign = -1 if (rule.macs if each == 0 else rule.params) == "max" else 1
    base = min(int(had[each].min()) + edge[1 + each] for had, edge in pairs)
    step = 0
    for had, edge in pairs:
        step = gcd(step, steps[edge[0]], int(had[each][0]) + edge[1 + each] - base)
    steps[node] = step
    step = step or 1
    first = max(0, -(-(least - base) // step))
    cells = (most - base) // step - first + 1
    if cells > MAX_TABLE:
        return None
    if cells < 1:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    table = np.full(cells, HUGE, np.int64)
    for had, edge in pairs:
        at = (had[each] + (edge[1 + each] - base)) // step - first
        inside = (at >= 0) & (at < cells)
        at, costs = at[inside], sign * (had[other][inside] + edge[1 + other])
        table[at] = np.minimum(table[at], costs)
    limits = sorted((sign * band[2 * other], sign * band[2 * other + 1]))
    full = np.flatnonzero((table >= limits[0]) & (table <= limits[1]) & (table < HUGE))
    values, costs = (full + first) * step + base, sign * table[full]
    if each == 0:
        return values, costs
    order = np.lexsort((values, costs))
    return costs[order], values[order]


def thinned_labels(labels: LabelArrays, limit: int | None) -> LabelArrays:
    import numpy as np

    if limit is None or len(labels[0]) <= limit:
        return labels
    some = np.linspace(0, len(labels[0]) - 1, limit).astype(int)
    return labels[0][some], labels[1][some]


def kept_labels(p: Any, m: Any, rule: LabelRule, rest: RestCosts, caps: Caps) -> LabelArrays:
    """The labels that no others make useless, sorted."""
    import numpy as np

    a, b = (-p if rule.params == "max" else p), (-m if rule.macs == "max" else m)
    if "each" in (rule.params, rule.macs):
        if rule.params != "each":
            best = least_for_each(b, a, rule.width)
        elif rule.macs != "each":
            best = least_for_each(a, b, rule.width)
        else:
            best = distinct_pairs(a, b)
    else:
        first, second = (b, a) if rule.first == "macs" else (a, b)
        best = distinct_pairs(first, second)
        within_macs = rule.first == "params" and int(m.max()) + rest.most_macs <= caps.macs
        alone = within_macs or (rule.first == "macs" and int(p.max()) + rest.most_params <= caps.params)
        best = best[: rule.width] if alone else best[fronts(first[best], second[best], rule.width)]
    p, m = p[best], m[best]
    order = np.lexsort((m, p))
    return p[order], m[order]


def distinct_pairs(a: Any, b: Any) -> Any:
    """Indexes of the different pairs, sorted."""
    import numpy as np

    order = np.lexsort((b, a))
    a, b = a[order], b[order]
    return order[np.concatenate(([True], (a[1:] != a[:-1]) | (b[1:] != b[:-1])))]


def least_for_each(a: Any, b: Any, most: int) -> Any:
    """Indexes of the pairs with, for each value of a, the `most` least of b."""
    import numpy as np

    order = distinct_pairs(a, b)
    sorted_a = a[order]
    start = np.flatnonzero(np.concatenate(([True], sorted_a[1:] != sorted_a[:-1])))
    place = np.arange(len(order)) - np.repeat(start, np.diff(np.append(start, len(order))))
    return order[place < most]


def fronts(a: Any, b: Any, most: int) -> Any:
    """Of pairs sorted by a, then b: which are beaten by fewer than `most` others one after the other."""
    import numpy as np

    left = np.arange(len(a))
    found = []
    for _ in range(most):
        if not len(left):
            break
        values = b[left]
        lowest = np.concatenate(([HUGE], np.minimum.accumulate(values)[:-1]))
        on = values < lowest
        found.append(left[on])
        left = left[~on]
    return np.sort(np.concatenate(found))
