"""What the runs of a program show, held against what its table predicts: the same for torch modules and ONNX models.

No framework is needed here: who runs the program hands over which units changed, as arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np

from ..engine.arch import Arch, Row
from ..engine.layers.sources import Weights
from .module_report import ModuleReport, RowReport
from .pixels import Pixel, PixelPlan
from .predict import BoolArray, Columns, Depth, Prediction, box, required
from .tally import Tally

GENTLE_PIXELS = 4
"""In the gentle draw of a large network, so many pixels."""
CONFIRMED = 8
"""Rows whose wrong field is looked at again, value by value; what is wrong further back follows from them."""


class WeightDraw(NamedTuple):
    """A draw of weights, and how far a pixel is raised."""

    seed: int
    step: float
    loud: bool


@dataclass(slots=True)
class Changes:
    """What one run shows of every row beside the one on the unchanged image: (images, *sizes)."""

    changed: dict[int, BoolArray] = field(default_factory=dict)
    broken: dict[int, BoolArray] = field(default_factory=dict)
    """The units that hold NaN or infinity, if any."""


@dataclass(slots=True)
class Outcome:
    """What all runs showed of one row."""

    compared: int = 0
    reached: int = 0
    expected: int = 0
    in_full: bool = False
    """Whether all of its field had to be reached."""
    fine: int = 0
    """Of what was compared, what was finite."""
    suspects: list[tuple[int, Pixel]] = field(default_factory=list)
    missing: list[tuple[Pixel, tuple[int, ...]]] = field(default_factory=list)
    """Pixels, and a unit of the row that they do not reach though they must."""


@dataclass(frozen=True, eq=False)
class Expected:
    """What is known before anything runs: the table, the pixels that are changed, what each row may and must show, the
    rows that can be seen, and the norms whose statistics are held."""

    arch: Arch
    plan: PixelPlan
    points: tuple[tuple[int, ...], ...]
    predicted: dict[int, Prediction]
    depths: list[Depth]
    rough: set[int]
    observed: frozenset[int]
    held: frozenset[int]

    def columns(self, pixels: Sequence[Pixel]) -> Columns:
        """Per axis, where each pixel's coordinate stands among the points."""
        return [np.array([at.index(p[i]) for p in pixels]) for i, at in enumerate(self.points)]


def compare_changes(
    proof: Expected, pixels: Sequence[Pixel], changes: Changes, full: set[int], found: dict[int, Outcome]
) -> None:
    """Holds what changed in every row against what may change and, in the rows of `full`, must."""
    columns, count = proof.columns(pixels), len(pixels)
    for node, prediction in proof.predicted.items():
        if node not in changes.changed:
            continue
        outcome, changed = found[node], changes.changed[node][:count]
        broken = changes.broken.get(node)
        fine = np.ones_like(changed) if broken is None else ~broken[:count]
        wrong = (changed & fine & ~box(prediction.may, columns)).reshape(count, -1).any(1)
        outcome.suspects += [(i, pixels[i]) for i in np.flatnonzero(wrong).tolist()]
        outcome.compared += changed.size
        outcome.fine += int(fine.sum())
        must = required(prediction, columns)
        if must is not None:
            outcome.reached += int((must & changed).sum())
            outcome.expected += int(must.sum())
            if node in full:
                outcome.in_full = True
                note_missing(outcome, must & ~changed & fine, pixels)


def note_missing(outcome: Outcome, missing: BoolArray, pixels: Sequence[Pixel]) -> None:
    for i, *unit in np.argwhere(missing).tolist():
        if not outcome.missing or outcome.missing[-1][0] != pixels[i]:
            outcome.missing.append((pixels[i], tuple(unit)))


def keep_missing(tally: Tally, first: dict[int, Outcome], second: dict[int, Outcome]) -> None:
    """What was reached under neither draw is a finding."""
    for node, outcome in first.items():
        missing = [m for m in outcome.missing if m in second[node].missing]
        if missing and node not in tally.wrong:
            pixel, unit = missing[0]
            row = tally.arch.rows[node - 1]
            where = f"unit {bracketed(unit)}, pixel {bracketed(pixel)}; {len(missing):,} pixels in all"
            tally.differ(row, "receptive_field", "a pixel that is read", "it has no effect", where)


def bracketed(place: Sequence[int]) -> str:
    return f"({', '.join(map(str, place))})"


def pixel_portions(pixels: Sequence[Pixel], lanes: int) -> Iterator[list[Pixel]]:
    rest = iter(pixels)
    while part := list(islice(rest, lanes)):
        yield part


def tell(tally: Tally, row: Row, unit: tuple[int, ...], pixel: Pixel) -> None:
    """Adds the finding: the axis on which the unit's field does not hold the pixel."""
    where = f"unit {bracketed(unit)}, pixel {bracketed(pixel)}"
    for axis, (place, at) in enumerate(zip(unit, pixel, strict=True)):
        seen = row.out.axes[axis].at(place)
        if seen is None or not (seen.first <= at <= seen.last and (seen.mask <= 0 or seen.mask >> at - seen.first & 1)):
            stated = f"{seen.first}…{seen.last}" + (" with holes" if seen.mask > 0 else "") if seen else "nothing"
            tally.differ(row, "receptive_field", stated, f"pixel {at} matters", f"axis {axis}, {where}")
            return
    tally.differ(row, "receptive_field", "nothing", "it matters", where)


# --- the report --------------------------------------------------------------------------------------------------


def reported(proof: Expected, tally: Tally, found: dict[int, Outcome], own: str, strayed: str) -> ModuleReport:
    """What all draws showed, row by row; `own` names the type of numbers where float64 was refused."""
    arch = proof.arch
    seen = {i for i in proof.observed if found[i].compared}
    readers: dict[int, list[int]] = {}
    for row in arch.rows:
        for source in row.node.inputs:
            readers.setdefault(source, []).append(row.index)

    def one(row: Row) -> RowReport:
        outcome = found[row.index]
        read = readers.get(row.index, [])
        return RowReport(
            row.name, row.index in proof.predicted, row.index in seen, outcome.compared, outcome.expected,
            outcome.reached, outcome.in_full, outcome.fine < outcome.compared // 2, row.index in proof.held,
            row.index not in proof.observed and bool(read) and seen.issuperset(read),
        )  # fmt: skip

    shown = [row for row in arch.rows if not isinstance(row.layer, Weights)]  # which have no field to show
    return ModuleReport(
        arch.name, len(arch.rows), dict(tally.checked), tuple(tally.mismatches), len(proof.plan.pixels),
        proof.plan.every, tuple(map(one, shown)), strayed, own,
    )  # fmt: skip
