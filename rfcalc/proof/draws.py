"""The draws of a proof, the same for torch modules and ONNX models: a gentle one and a loud one.

A program that is ready runs on an image, then with one pixel raised; which units changed is held against the table. No
framework is needed here: who runs the program (`Drawn`) hands arrays over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np

from ..engine.arch import Row
from .module_report import ModuleReport
from .pixels import Pixel
from .predict import GROWING, HELD, IDENTITIES, box, largest_change, linear_by_name
from .tally import Tally
from .verdict import (
    CONFIRMED,
    GENTLE_PIXELS,
    Changes,
    Expected,
    Outcome,
    WeightDraw,
    compare_changes,
    keep_missing,
    pixel_portions,
    reported,
    tell,
)

ROUNDING, ROUNDING_SINGLE = 1e-7, 1e-3
"""After an interpolation, or in single precision, what changes by less than this share of the largest change is
rounding."""
OWN_TYPE = "its own type of numbers"


class Drawn(Protocol):
    """A program that is ready with one draw of weights, and what its run on the unchanged image left of every row."""

    @property
    def double(self) -> bool:
        """Whether it runs in float64."""

    @property
    def lanes(self) -> int:
        """How many images one run takes."""

    @property
    def strayed(self) -> str:
        """Where its run went another way than the one that was traced; empty where it did not."""

    @property
    def seen(self) -> Collection[int]:
        """The rows whose values the run left."""

    @property
    def misfits(self) -> Mapping[int, tuple[int, ...]]:
        """The rows whose tensor has another shape than the table states, with it."""

    def weighed(self, node: int) -> bool:
        """Whether all weights of a row are positive, as far as it was seen."""

    def positive(self, node: int) -> bool:
        """Whether a row was seen, and none of its values is below 0."""

    def same(self, node: int, source: int) -> bool:
        """Whether two rows were seen, and hold the same values."""

    def changes(self, pixels: Sequence[Pixel], step: float) -> Changes:
        """A run on as many images as it takes, with one of the pixels raised in each."""

    def alone(self, node: int, pixel: Pixel, step: float) -> tuple[Any, Any] | None:
        """A row's values (*sizes, channels) in float64 as they were and with a pixel raised, run once more; None where
        it was not seen or does not repeat itself."""


def drawn_twice(
    proof: Expected,
    tally: Tally,
    program: Callable[[WeightDraw], AbstractContextManager[Drawn]],
    loud: bool,
    double: bool,
) -> ModuleReport:
    """Both draws and, where a field was not reached in full, the loud one once more with other weights. Without `loud`
    there is the gentle one alone; `double` says that the program runs in float64."""

    def run(draw: WeightDraw, pixels: Sequence[Pixel], found: dict[int, Outcome]) -> str:
        with program(draw) as drawn:
            return run_draw(proof, tally, drawn, draw, pixels, found)

    found = {row.index: Outcome() for row in proof.arch.rows}
    pixels = proof.plan.pixels
    strayed = run(WeightDraw(1, 1.0, False), pixels if proof.plan.every else pixels[:GENTLE_PIXELS], found)
    if loud and not strayed:
        step = largest_change(proof.depths)
        run(WeightDraw(2, step, True), pixels, found)
        again = {pixel for outcome in found.values() for pixel, _ in outcome.missing}
        if again:
            second = {row.index: Outcome() for row in proof.arch.rows}
            run(WeightDraw(3, step, True), sorted(again), second)
            keep_missing(tally, found, second)
    return reported(proof, tally, found, "" if double else OWN_TYPE, strayed)


def run_draw(
    proof: Expected, tally: Tally, drawn: Drawn, draw: WeightDraw, pixels: Sequence[Pixel], found: dict[int, Outcome]
) -> str:
    """Holds one draw against the table, each pixel raised in turn; says where its program strayed."""
    if not draw.loud:
        compare_shapes(tally, drawn)
    full = rows_in_full(proof, drawn) if draw.loud else set()
    for part in pixel_portions(pixels, drawn.lanes):
        compare_changes(proof, part, drawn.changes(part, draw.step), full, found)
    confirm(proof, tally, drawn, draw.step, found)
    return drawn.strayed


def compare_shapes(tally: Tally, drawn: Drawn) -> None:
    """The shape of every row's tensor: those that hold their map are right, for `laid_out` has found all its values."""
    for node in sorted({*drawn.seen, *drawn.misfits}):
        row = tally.arch.rows[node - 1]
        measured = drawn.misfits.get(node)
        tally.compare(row, "output_shape", str(row.out), str(row.out) if measured is None else str(measured))


def rows_in_full(proof: Expected, drawn: Drawn) -> set[int]:
    """The rows whose field must be reached in full: all in front of them is linear with positive weights, chooses the
    largest, grows with values that are positive, or changes nothing."""
    full = {0}
    for row in proof.arch.rows:
        if proof.depths[row.index].linear and full.issuperset(row.node.inputs) and follows(proof, row, drawn):
            full.add(row.index)
    return {i for i in full if i and proof.arch.rows[i - 1].status in ("exact", "whole input")}


def follows(proof: Expected, row: Row, drawn: Drawn) -> bool:
    """Whether a change that reaches the inputs of a row in full goes on through it in full."""
    if not row.node.inputs:  # an input beside the image, which nothing reaches
        return True
    source, op = row.node.inputs[0], row.layer.op
    if linear_by_name(row):
        return (op not in HELD or row.index in proof.held) and drawn.weighed(row.index)
    if op in GROWING:
        return drawn.positive(source)
    return op in IDENTITIES and drawn.same(row.index, source)


def confirm(proof: Expected, tally: Tally, drawn: Drawn, step: float, found: dict[int, Outcome]) -> None:
    """Looks at the first rows that changed where they may not once more, alone in their batch and value by value."""
    confirmed = 0
    for node, outcome in found.items():
        suspects, outcome.suspects = outcome.suspects, []
        if not suspects or confirmed >= CONFIRMED or node in tally.wrong:
            continue
        _, pixel = suspects[0]
        unit = outside(proof, drawn, node, pixel, step)
        if unit is not None:
            confirmed += 1
            tell(tally, proof.arch.rows[node - 1], unit, pixel)


def outside(proof: Expected, drawn: Drawn, node: int, pixel: Pixel, step: float) -> tuple[int, ...] | None:
    """A unit that changes with a pixel that it may not see; None where that was rounding, chance, or another image."""
    values = drawn.alone(node, pixel, step)
    if values is None:
        return None
    by = np.abs(values[1] - values[0]).max(-1)
    may = box(proof.predicted[node].may, proof.columns([pixel]))[0]
    exact = drawn.double and node not in proof.rough
    least = 0.0 if exact else (ROUNDING if drawn.double else ROUNDING_SINGLE) * float(np.nan_to_num(by).max())
    units = np.argwhere(np.isfinite(by) & (by > least) & ~may)
    return tuple(units[0].tolist()) if len(units) else None
