"""Parameters that a table states row by row, against its kernels and channels, and its total against their sum."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import inf, prod

from ...engine.arch import Row
from ...engine.geometry import Number
from ...report.counting import biases
from ..read.facts import LayerFact, StatedModel
from .verdict import Cell

WAYS = ("without biases", "with biases", "with batch norm", "with biases and batch norm")
KERNELS = (1, 3, 5, 7)
LARGEST_KERNEL = 11
SEPARATED = re.compile(r"depth[\s-]?wise|separab|group|transpos|\d\s?[x×]\s?\d", re.IGNORECASE)
"""Convolutions whose channels do not all meet, or whose kernel is drawn and no square."""
CLASSES = (10, 100, 200, 1000)
"""Those of MNIST and CIFAR-10, CIFAR-100, Tiny ImageNet, ImageNet."""
FEWEST_RIGHT = 2
"""Other rows that must follow the arithmetic before one that does not is called wrong."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A row whose count can be worked out: what it states, and what each way of counting gives."""

    fact: LayerFact
    stated: int
    ways: tuple[int, ...]

    @property
    def way(self) -> int | None:
        return self.ways.index(self.stated) if self.stated in self.ways else None


def rows_with_counts(model: StatedModel) -> Iterator[Counted]:
    """The rows that state a count, a kernel and channels, their own or those of the row above; where that does not give
    the count, of any other row above, which they may read in its place. Where no row states a kernel the counts show
    it."""
    for fact, ways, _ in with_ways(with_kernels_of_counts(model.facts)):
        stated = fact.cells.get("params")
        if ways and isinstance(stated, int) and not fact.several:
            yield Counted(fact, stated, ways)


def with_kernels_of_counts(facts: Sequence[LayerFact]) -> Sequence[LayerFact]:
    """The rows of a table without any kernels, each convolution with the one that gives its count, or where none does
    the one that most have."""
    plain = [fact.kind == "conv" and not SEPARATED.search(fact.name) for fact in facts]
    if not any(plain) or any("kernel_size" in fact.cells for fact in facts):
        return facts

    def given(kernels: Iterable[int]) -> list[LayerFact]:
        rows = zip(facts, plain, kernels, strict=True)
        return [replace(fact, cells={**fact.cells, "kernel_size": k}) if conv else fact for fact, conv, k in rows]

    tried = {k: list(with_ways(given([k] * len(facts)))) for k in KERNELS}
    pairs: Counter[tuple[int, int]] = Counter()
    for k, rows in tried.items():
        ways = ((fact, found.index(n)) for fact, found, _ in rows if (n := fact.cells.get("params")) in found)
        pairs.update((k, way) for fact, way in ways if fact.kind == "conv")
    (usual, way), times = next(iter(pairs.most_common(1)), ((0, 0), 0))
    if times < FEWEST_RIGHT:
        return facts

    def kernel_of(place: int) -> int:
        stated, own = facts[place].cells.get("params"), tried[usual][place][1]
        others = (k for k in KERNELS if stated in tried[k][place][1][way : way + 1])
        return usual if stated in own else next(others, usual)

    return given(map(kernel_of, range(len(facts))))


def with_ways(facts: Sequence[LayerFact]) -> Iterator[tuple[LayerFact, tuple[int, ...], bool]]:
    """Each row with the counts that it may have, and whether they are known to be those of the map that it reads."""
    made: int | None = None
    above: dict[int, None] = {}
    side: Number = 1
    for fact in facts:
        ways, out = ways_of(fact, made, int(side))
        stated = fact.cells.get("params")
        sure = stated is None or stated in ways
        if not sure and "ch_in" not in fact.cells:
            others = (ways_of(fact, channels)[0] for channels in above)
            found = next((other for other in others if stated in other), ways)
            ways, sure = found, found is not ways
        yield fact, ways, sure
        made, side = out, 1 if fact.kind in ("flat", "global") else fact.cells.get("n_out", side)
        above |= {out: None} if out else {}


def ways_of(fact: LayerFact, made: int | None, side: int = 1) -> tuple[tuple[int, ...], int | None]:
    """The counts that a row may have, and the channels after it; `made` and `side` are channels and size of the map
    above, which a dense layer may be given whole."""
    cells, stated = fact.cells, fact.cells.get("params")
    out = cells.get("ch_out")
    kernel, groups = cells.get("kernel_size"), cells.get("groups", 1)
    given = cells.get("ch_in", made)
    if given is None and isinstance(kernel, int) and isinstance(out, int):  # an image comes in, if its count says so
        given = next((c for c in (1, 3) if stated in [(kernel**2 * c + more) * out for more in range(4)]), None)
    if out is None and (groups == given or fact.kind in ("pool", "global", "pointwise")):
        out = given
    channels = int(out) if isinstance(out, int) else None
    ways: tuple[int, ...] = ()
    if fact.kind in ("conv", "resample") and isinstance(kernel, int) and isinstance(given, int) and channels:
        if not isinstance(groups, int) or not groups or given % groups:
            return (), channels
        bare = kernel * kernel * given // groups * channels
        extras = (cells.get("bias", 1),) if fact.torch else range(4)  # code says which
        ways = tuple(int(bare + extra * channels) for extra in extras)
    elif fact.kind == "flat" and stated != 0 and isinstance(given, int) and channels:
        extras = (cells.get("bias", 1),) if fact.torch else range(2)
        ways = tuple(int((given + extra) * channels) for extra in extras)
        whole = tuple(int((given * side**2 + extra) * channels) for extra in extras)
        if "ch_in" not in cells and stated not in ways and stated in (*whole, whole[0] + 1):
            ways = whole
    plain = fact.kind == "conv" or (fact.kind == "flat" and ("ch_in" in cells or stated == (*ways, 0)[0] + 1))
    return (ways if plain or stated in ways else ()), channels


def multiply_adds(rows: Sequence[LayerFact]) -> int | None:
    """The multiply-adds that rows state, or have by their weights and sizes, in all; None where one shows neither."""
    total = 0
    for row, ways, sure in with_ways(rows):
        bare = ways[0] if ways and sure else None
        stated, size = row.cells.get("macs"), 1 if row.kind == "flat" else row.cells.get("n_out")
        weightless = row.kind in ("pool", "global", "pointwise", "input", "join") or row.cells.get("params") == 0
        if isinstance(stated, int):
            total += stated
        elif bare is not None and isinstance(size, int):  # a transposed convolution is counted where it reads
            total += bare * (size // int(row.cells.get("stride", 1)) if row.kind == "resample" else size) ** 2
        elif not weightless:
            return None
    return total or None


def count_slips(model: StatedModel) -> tuple[list[Cell], int]:
    """The counts that no way of counting gives, each with the right one as most rows count, and how many follow. Where
    another kernel gives the stated count, the kernel is the slip: counts come from a print more often than kernels.
    Where all follow, but the total only with one row counted as all the others are, that row is the slip."""
    rows = list(rows_with_counts(model))
    fits = Counter(row.way for row in rows if row.way is not None)
    good = fits.total()
    odd = [row for row in rows if row.way is None]
    total, stated = added(model), model.total
    if not odd and good > FEWEST_RIGHT and total and stated and not stated.allows(total):
        way, others = fits.most_common(1)[0]
        amiss = [
            row for row in rows if row.way != way and counted_by(row, way) - row.stated == stated.figure.value - total
        ]
        if len(amiss) == 1 and others == good - 1:  # the total is right, and one row counted as no other
            return [count_slip(amiss[0], way)], others
    if model.form == "code" and len(odd) == 1:  # its settings are what runs
        return [count_slip(odd[0], 0)], good
    guessed = not any("kernel_size" in fact.cells for fact in model.facts)
    way = next(iter(fits.most_common(1)), (0, 0))[0] or 0
    odd = [row for row in odd if not guessed or no_layer(row, way)]
    strange = sum(not known_slip(row) for row in odd)
    if strange * (1 if guessed else 2) > good or (good < FEWEST_RIGHT and (strange or len(odd) < FEWEST_RIGHT)):
        return [], good
    return [count_slip(row, way if good else 1) for row in odd], good


def known_slip(row: Counted) -> str:
    """What a count leaves out that many leave out: the channels that come in, where they are as many as go out by no
    means (a depthwise convolution has such a count by right), or all biases but one."""
    if row.fact.torch:
        return ""
    kernel, outs, stated = row.fact.cells.get("kernel_size"), row.ways[1] - row.ways[0], row.stated
    if row.fact.kind == "conv" and kernel and not SEPARATED.search(row.fact.name):
        alone = int(kernel**2 * outs)
        if stated in (alone, alone + outs) and row.ways[0] not in (alone, alone * outs):
            return "the channels that come in are left out"
    return "one bias for all outputs" if row.fact.kind == "flat" and stated == row.ways[0] + 1 else ""


def no_layer(row: Counted, way: int) -> bool:
    """Whether no kernel at all gives a count, whatever is counted for each output channel beside the weights; where the
    others count no norms, and the row names none, a bias at most."""
    per_tap, outs = row.ways[0] // int(row.fact.cells.get("kernel_size", 1)) ** 2, row.ways[1] - row.ways[0]
    normed = way > 1 or re.search(r"norm|\bbn", row.fact.name, re.IGNORECASE)
    kernels, extras = range(1, LARGEST_KERNEL + 1), range(len(WAYS) + 2 if normed else 2)
    return all(row.stated != per_tap * k * k + extra * outs for k in kernels for extra in extras)


def counted_by(row: Counted, way: int) -> int:
    return row.ways[min(way, len(row.ways) - 1)]


def count_slip(row: Counted, way: int) -> Cell:
    fact, k = row.fact, row.fact.cells.get("kernel_size")
    right = counted_by(row, way)
    if isinstance(k, int) and k > 0 and fact.kind == "conv" and (not fact.worded or shown_otherwise(fact, k)):
        per_tap, rest = row.ways[0] // k**2, right - row.ways[0]
        kernel = next((n for n in KERNELS if per_tap * n**2 + rest == row.stated), None)
        if kernel:
            why = f"with it the row has its {row.stated:,} parameters"
            return Cell(fact.number, "kernel_size", k, kernel, "local", fact.line_of("kernel_size"), why)
    counted = known_slip(row) or ("as the code has it" if fact.torch else f"{WAYS[way]} as most rows")
    why = f"{k}*{k} kernel, " * (k is not None) + counted
    return Cell(fact.number, "params", row.stated, right, "local", fact.line_of("params"), why)


def shown_otherwise(fact: LayerFact, kernel: int) -> bool:
    """Whether a row's sizes are what a smaller kernel leaves without padding, and not this one."""
    less = fact.cells.get("n_in", 0) - fact.cells.get("n_out", 0)
    return "n_in" in fact.cells and 0 < less < kernel - 1 and not less % 2 and less + 1 in KERNELS


def added(model: StatedModel) -> int | None:
    """The sum of the rows' counts; None where a layer with weights states none, numbers show that rows are left out, or
    a row adds up others and the total is not that of all."""
    total = 0
    for fact in model.facts:
        stated = fact.cells.get("params")
        if isinstance(stated, int):
            total += stated
        elif fact.kind in ("conv", "flat", "other", "join"):
            return None
    counts = [n for fact in model.facts if isinstance(n := fact.cells.get("params"), int)]
    if model.total and not model.total.allows(total) and (adds_up_others(counts) or adds_up_others(counts[::-1])):
        return None
    numbers = [int(match[1]) for fact in model.facts if (match := re.search(r"[A-Za-z]\dd?-(\d+)$", fact.name))]
    gaps = len(numbers) > 1 and numbers != list(range(numbers[0], numbers[0] + len(numbers)))
    return None if gaps else total or None


def counted_through(rows: Sequence[LayerFact]) -> bool:
    """Whether the count of every row with weights follows, from the channels of an image to as many classes as usual
    data sets have: then no row is left out."""
    weighted = [(row.cells, ways) for row, ways, _ in with_ways(rows) if row.kind in ("conv", "flat", "other", "join")]
    ends = len(weighted) > 1 and weighted[0][0].get("ch_in", 1) in (1, 3) and weighted[-1][0].get("ch_out") in CLASSES
    return ends and all(cells.get("params") in ways for cells, ways in weighted)


def params_reach(rows: Sequence[LayerFact]) -> tuple[int, float] | None:
    """The fewest and the most parameters that the layers may have: from an image to classes without biases and with
    all that biases and norms have; where rows show less, no fewer than those that state their counts have together."""
    weighted = [(row, ways) for row, ways, _ in with_ways(rows) if row.kind in ("conv", "flat", "other", "join")]
    if sum(row.cells.get("ch_in") in (1, 3) for row, _ in weighted) > 1:  # first layers of several networks
        return None
    stated = [row.cells["params"] for row, _ in weighted if isinstance(row.cells.get("params"), int)]
    if stated:
        nested = adds_up_others(stated) or adds_up_others(stated[::-1])
        return (int(sum(stated)), inf) if len(stated) > FEWEST_RIGHT and not nested else None
    first = rows[0] if rows and rows[0].kind == "input" else weighted[0][0] if weighted else None
    begins = first is not None and first.cells.get("ch_in", first.cells.get("ch_out")) in (1, 3)
    if not begins or len(weighted) < 2 or weighted[-1][0].cells.get("ch_out") not in CLASSES:
        return None
    if not all(ways and not row.several for row, ways in weighted):
        return None
    return sum(ways[0] for _, ways in weighted), sum(ways[-1] for _, ways in weighted)


def adds_up_others(counts: Sequence[Number]) -> bool:
    """Whether one of the counts is the sum of two or more right behind it."""
    sums = [*accumulate(counts, initial=0)]
    ends = {total: place for place, total in enumerate(sums)}
    return any(ends.get(sums[place + 1] + n, 0) > place + 2 for place, n in enumerate(counts) if n)


def is_whole(model: StatedModel) -> bool:
    """Whether the rows show every layer with weights: there is a total, or the norms have rows too."""
    return model.total is not None or any(fact.kind == "pointwise" and fact.cells.get("params") for fact in model.facts)


def older_counts(rows: Sequence[Row], batch: int, depths: Sequence[int]) -> Iterator[int]:
    """The total of multiply-adds as older versions count it: without biases, and the batch for convolutions only, or
    not at all; torch-summary, weights alone, once more for each container that a layer stands in (`depths`)."""
    places = [prod(row.out.sizes) if row.layer.op.startswith("conv") else 1 for row in rows]
    weights = [row.params - biases([row]) for row in rows]
    for counts in ([row.params for row in rows], weights):
        convs = sum(n * at for n, at, row in zip(counts, places, rows, strict=True) if row.layer.op.startswith("conv"))
        once = sum(n for n, row in zip(counts, rows, strict=True) if not row.layer.op.startswith("conv"))
        yield from (convs * batch + once * batch, convs * batch + once, convs + once)
    if depths:
        scales = [n // 2 if row.layer.norm else n for n, row in zip(weights, rows, strict=True)]
        yield sum(n * (at + depth) for n, at, depth in zip(scales, places, depths, strict=True))
