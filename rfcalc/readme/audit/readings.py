"""The ways in which the headings of a stated model can be meant, and what each departure from the usual one costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ...engine.geometry import Number
from ..read.facts import IMAGE_SIZES, LayerFact, StatedModel

Start = Literal["image", "zero", "stated"]
COSTS = {
    "local": (10.0, "a slip: what every reading is measured by"),
    "inherited": (1.0, "it follows from a slip, so that it hardly counts again"),
    "zero": (8.0, "fields that count from 0 are rare: fewer than two slips must not look like it"),
    "stated": (15.0, "a table that begins in the middle of a network: dearer than one slip in the first row"),
    "inside": (5.0, "but where the first row's field follows from the one that it says comes in, less than a slip"),
    "pool": (8.0, "global pooling left out of the field, as if it saw nothing"),
    "ceil": (12.0, "sizes of convolutions rounded up: dearer than one slip, less than two"),
    "overlap": (1.0, "a pool without a kernel has that of its stride, as torch's default is"),
    "effective": (2.0, "kernels with their dilation in them"),
    "j": (1.0, "a jump column without a side holds what comes in about as often as what goes out"),
    "n": (1.0, "so does a size column"),
    "ch": (1.0, "and a channel column"),
    "r": (12.0, "a field without a side is nearly always the one after the layer: dearer than one slip"),
    "blank": (15.0, "an image of unknown size leaves figures unchecked: dearer than one slip, less than two"),
    "sizes": (3.0, "sizes under headings of channels: true channels hardly ever follow the arithmetic of sizes"),
    "sided": (6.0, "a heading that names the other side than its figures, beyond what one without a side costs"),
}  # fmt: skip
"""(cost in tenths of a slip, reason)."""


FIRST_STRIDES = (1, 2, 4)
"""Of the convolutions that read an image."""
FEWEST_FIELDS = 4
"""Fields that show a wrong guess of the first stride by more than one slip."""


def cost(word: str) -> float:
    return COSTS[word][0]


@dataclass(frozen=True, slots=True)
class TableReading:
    """How a model is meant where its headings leave it open: `sides` renames columns (j to j_in); `effective` says that
    the kernel holds its dilation already, `start` where the first row begins, `ignores_pool` that global pooling leaves
    the field alone, `rounds_up` that every size is rounded up, `overlapping` that pools which state sizes only have a
    kernel one larger than their stride, `image` the size that comes in where the first row does not state it, `blank`
    that it is left open though a usual one would fit."""

    sides: tuple[tuple[str, str], ...] = ()
    effective: bool = False
    start: Start = "image"
    ignores_pool: bool = False
    rounds_up: bool = False
    overlapping: bool = False
    image: int | None = None
    blank: bool = False

    @property
    def oddness(self) -> float:
        odd = sum(side_cost(column, meant) for column, meant in self.sides)
        odd += 0.0 if self.start == "image" else cost(self.start)
        odd += cost("ceil") * self.rounds_up + cost("overlap") * self.overlapping + cost("blank") * self.blank
        return odd + cost("effective") * self.effective + cost("pool") * self.ignores_pool

    def applied(self, fact: LayerFact) -> LayerFact:
        """The row with every column on its side."""
        names = dict(self.sides)
        return replace(fact, cells={names.get(key, key): value for key, value in fact.cells.items()})

    def with_side(self, column: str, meant: str) -> TableReading:
        kept = tuple(pair for pair in self.sides if pair[0] != column)
        return replace(self, sides=(*kept, (column, meant)))


def side_cost(column: str, meant: str) -> float:
    if column[:2] == "ch" and meant[0] == "n":
        return cost("sizes")
    if column in ("n", "j", "r", "ch"):
        return cost(column) if meant.endswith("_in") else 0.0
    return 0.0 if column == meant else cost("sided") + (cost("r") if column[0] == "r" else 0.0)


def sides_of(model: StatedModel) -> Mapping[str, Sequence[str]]:
    """For each column whose side is open, the sides that it may have, the usual one first."""
    keys = {key for fact in model.facts for key in fact.cells}
    found: dict[str, Sequence[str]] = {"product": ("j_out", "stride")} if "product" in keys else {}
    for quantity in ("n", "j", "r", "ch"):
        here = [side for side in ("in", "out") if f"{quantity}_{side}" in keys]
        if quantity in keys:
            free = [f"{quantity}_{side}" for side in ("out", "in") if side not in here]
            found[quantity] = free or [f"{quantity}_out"]
        elif len(here) == 1 and quantity in "jr" and model.form == "table":
            other = "in" if here == ["out"] else "out"
            found[f"{quantity}_{here[0]}"] = (f"{quantity}_{here[0]}", f"{quantity}_{other}")
    return found


def holds_dilation(cells: Mapping[str, Number]) -> bool:
    """Whether a kernel can be a usual one spread by its dilation, as 5 is 3 with dilation 2."""
    return (cells["kernel_size"] - 1) % cells["dilation"] == 0 and cells["kernel_size"] > 2 * cells["dilation"]


def may_see_all(cells: Mapping[str, Number]) -> bool:
    """Whether a pool may stand for a global one: it leaves one value, or is larger than pools that halve a map."""
    return cells.get("n_out", cells.get("n")) == 1 or cells.get("kernel_size", 0) > 3


def possible_images(cells: Mapping[str, Number]) -> Sequence[int]:
    """The usual sizes of images of which a first convolution, with some stride and padding, makes the size that it
    states; all of them where it states its padding, for then a size that does not follow is a slip."""
    if "padding" in cells:
        return IMAGE_SIZES
    spread, made = cells.get("dilation", 1) * (cells["kernel_size"] - 1), cells["n_out"]
    strides = [int(cells["stride"])] if cells.get("stride", 0) > 0 else FIRST_STRIDES
    padded = [(n, n + 2 * p - spread - 1) for n in IMAGE_SIZES for p in range(int(spread // 2) + 1)]
    return sorted({n for n, rest in padded if any(rest // s + 1 == made for s in strides)})


def images_of(windows: Sequence[LayerFact]) -> Sequence[int]:
    """The possible images, only those of which the first two windows make what they state, where any does: rather a row
    below is a slip than both."""
    usual = possible_images(windows[0].cells)
    first, made = windows[0], windows[0].cells["n_out"]
    below = windows[1].cells.get("n_out") if len(windows) > 1 else None
    follows = isinstance(made, int) and below is not None and windows[1].size_behind(made) == below
    both = [n for n in usual if first.size_behind(n) == made] if follows else []
    return both or usual


def begins_inside(cells: Mapping[str, Number]) -> bool:
    """Whether a first row's field follows from another one than a pixel's that it says comes in, so that rows are left
    out above it."""
    stated = ("kernel_size", "j_in", "r_in", "r_out")
    kernel, jump, given, made = (cells.get(key, 0) for key in stated)
    reach = cells.get("dilation", 1) * (kernel - 1) * jump
    return min(kernel, jump) >= 1 and made - given == reach and given > 1 and cells.get("ch_in") not in (1, 3)


def first_reading(model: StatedModel) -> TableReading:
    return TableReading(tuple((column, meant[0]) for column, meant in sides_of(model).items()))


def steps(model: StatedModel, reading: TableReading) -> Iterator[Sequence[TableReading]]:
    """The choices to settle one after the other, each among the readings that it allows: what depends on each other
    together."""
    sides, facts = sides_of(model), model.facts
    if not facts:
        return
    chained = [column for column in sides if column[0] in "jr" and len(sides[column]) > 1]
    starts: list[Start] = ["image", "zero", "stated"]
    if facts[0].cells.get("n_in") in IMAGE_SIZES and facts[0].cells.get("j_in", 1) == 1:
        starts.pop()  # it begins at an image
    together: list[TableReading] = [replace(reading, start=start) for start in starts]
    for column in chained:
        together = [one.with_side(column, meant) for one in together for meant in sides[column]]
    yield together
    if model.states("ch_out") and not any(model.states(key) for key in ("n", "n_in", "n_out")):
        sizes = tuple((column, f"n{column[2:]}") for column in ("ch_in", "ch_out"))
        yield [reading, replace(reading, sides=(*reading.sides, *sizes))]
    for column in sides:
        if column not in chained and len(sides[column]) > 1:
            yield [reading.with_side(column, meant) for meant in sides[column]]
    dilated = [fact.cells for fact in facts if fact.cells.get("dilation", 1) > 1 and "kernel_size" in fact.cells]
    if dilated and all(map(holds_dilation, dilated)) and not model.states("effective"):
        yield [replace(reading, effective=choice) for choice in (False, True)]
    if model.form != "code" and model.states("padding") and (model.states("n_out") or model.states("n")):
        yield [replace(reading, rounds_up=choice) for choice in (False, True)]
    if any(fact.kind == "pool" and "kernel_size" not in fact.cells for fact in facts):
        yield [replace(reading, overlapping=choice) for choice in (False, True)]
    first = next((fact for fact in facts if fact.kind != "pointwise"), facts[0])
    if "n_in" not in first.cells and first.kind == "conv" and {"n_out", "kernel_size"} <= first.cells.keys():
        windows = [fact for fact in facts if fact.kind != "pointwise"]
        usual, fields = images_of(windows), sum(bool({"r", "r_out"} & fact.cells.keys()) for fact in facts)
        told = bool(usual) and "padding" not in first.cells and fields >= FEWEST_FIELDS
        shown = [replace(reading, image=size) for size in usual]
        yield [replace(reading, blank=told), *shown]
    if any(fact.kind == "global" or may_see_all(fact.cells) for fact in facts if fact.kind in ("pool", "global")):
        yield [replace(reading, ignores_pool=choice) for choice in (False, True)]
