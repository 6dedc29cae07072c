"""Rows of a table that stand for several equal layers, as the layers that they are: conv3-5, conv 3x3 (x2),
[3x3, 64; 3x3, 64] x 2."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ...engine.geometry import Number
from .facts import IMAGE_SIZES, LayerFact

MOST = 12
"""Layers that one row stands for; a larger number is one of channels."""
NUMBER_WORDS = {word: number for number, word in enumerate(("two", "three", "four", "five", "six"), 2)}
TIMES = re.compile(
    r"\(\s?[x×*]\s?(?P<a>\d{1,2})\s?\)|(?:[\]}]|\([^()]*[a-wyz][^()]*\))\s?[x×*]\s?(?P<b>\d{1,2})\b|"
    r"(?<![\d.])(?P<c>\d{1,2})\s?[x×*]\s?(?:\((?=[^()]*conv)|\[|conv)|"
    r"\b[a-z]+\s+[x×*]\s?(?P<d>\d{1,2})\s*$|\b(?P<word>two|three|four|five|six)\s+(?:\d\s?[x×]\s?\d\s+)?conv",
    re.IGNORECASE,
)
RANGE = re.compile(
    r"^\D*?conv\D{0,10}?(?P<first>\d{1,2})\s?(?:-|–|—|to|~|\.\.\.?)\s?(?:conv\D{0,10}?)?(?P<last>\d{1,2})\b",
    re.IGNORECASE,
)
NUMBERED = re.compile(r"conv\D{0,10}?(?P<last>\d{1,2})\b", re.IGNORECASE)
ROW_UNIT = re.compile(r"\[(?P<unit>[^\[\]]{3,120})\]")
KERNEL = re.compile(r"\b(\d{1,2})\s?[x×]\s?\1\b")
INSIDE = ("n_in", "j_in", "r_in", "ch_in")
COMES_OUT = ("n", "j", "r", "n_out", "j_out", "r_out")
PADDED_IMAGE = 32
"""Images of so many pixels, or a multiple, come out of first layers that pad; 28 may be what is left of 32."""
SHRINKS = 1.5
"""How many times larger the map of the row above is, at least, where a stage begins with a stride."""


def opened_repeats(facts: Sequence[LayerFact]) -> tuple[LayerFact, ...]:
    """The rows with each that stands for several equal convolutions as so many: the first with what comes in, the last
    with what comes out. Rows stay closed whose layers are not plain, or whose counts would have to be divided."""
    found: list[LayerFact] = []
    before: re.Match[str] | None = None
    for place, fact in enumerate(facts):
        found += opened_row(fact, facts[place - 1] if place else None, kernels_of(fact, before))
        before = RANGE.search(fact.name) or NUMBERED.search(fact.name) or before
    return tuple(found)


def opened_row(fact: LayerFact, above: LayerFact | None, kernels: Sequence[int]) -> Iterator[LayerFact]:
    cells, size = fact.cells, fact.cells.get("n_out", fact.cells.get("n"))
    given = above.cells.get("n_out", above.cells.get("n")) if above else None
    padded = above is None and size in IMAGE_SIZES and not size % PADDED_IMAGE and cells.get("padding") != 0
    halved = bool(given and size and given >= SHRINKS * size)
    strided = halved or cells.get("stride", 1) > 1
    in_stage = ROW_UNIT.search(fact.name) is not None
    if (
        len(kernels) < 2 or fact.kind != "conv" or "params" in cells or "macs" in cells or "pool" in fact.name.lower()
        or cells.get("groups", 1) != 1 or (strided and (kernels[0] == 1 or not in_stage))
    ):  # fmt: skip
        yield fact
        return
    settings = {
        key: value for key, value in cells.items() if key not in (*INSIDE, *COMES_OUT, "kernel_size", "stride", "times")
    }
    size_key = "n_out" if "n_out" in cells else "n"
    for place, kernel in enumerate(kernels):
        own: dict[str, Number] = {**settings, "kernel_size": kernel}
        if place == 0:
            own |= {key: cells[key] for key in (*INSIDE, "stride") if key in cells}
        elif strided or "stride" in cells:
            own["stride"] = 1
        if place == len(kernels) - 1:
            own |= {key: cells[key] for key in COMES_OUT if key in cells}
        elif size is not None and (halved or padded or given == size):  # only the first changes the size
            own[size_key] = size
        yield replace(fact, cells=own, several=False)


def kernels_of(fact: LayerFact, before: re.Match[str] | None) -> tuple[int, ...]:
    """The kernels of all the convolutions of a row, one after the other; one or none where it is not told. `before` is
    the last number of a convolution in the rows above."""
    unit = ROW_UNIT.search(fact.name)
    kernel = fact.cells.get("kernel_size")
    kernels = tuple(int(k) for k in KERNEL.findall(unit["unit"])) if unit else ()
    kernels = kernels or ((int(kernel),) if isinstance(kernel, int) else ())
    times = fact.cells.get("times", times_of(fact, before))
    return kernels * int(times) if 0 < times <= MOST else ()


def times_of(fact: LayerFact, before: re.Match[str] | None) -> int:
    """How many times a row's layers stand one after the other, by its name; 1 where it does not say."""
    if match := TIMES.search(fact.name):
        groups = match.groupdict()
        return NUMBER_WORDS.get((groups.pop("word") or "").lower()) or int(next(filter(None, groups.values())))
    match = RANGE.search(fact.name)
    if not match or fact.worded:
        return 1
    first, last = int(match["first"]), int(match["last"])
    return last - first + 1 if last > first and goes_on(first, before) else 1


def goes_on(first: int, before: re.Match[str] | None) -> bool:
    """Whether a range begins where the numbers above end: conv1-2 may be block 1's second convolution."""
    return before is not None and int(before["last"]) == first - 1
