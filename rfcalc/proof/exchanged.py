"""`rfcalc check model.onnx`: every row of the table held against the model itself, run by onnx's reference evaluator.

The method is that of torch modules (`proof.module`): the model runs on an image, then with one pixel raised, and every
row is compared bit for bit; weights are positive and keep the size of what a layer reads; norms over places keep their
statistics. No torch is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np
from onnx.external_data_helper import load_external_data_for_model

from ..engine.arch import Row
from ..errors import RfcalcError
from ..interchange.evaluate import Array, Run, over_places, redrawn, refused
from ..interchange.file import folder_of
from ..interchange.reader import Reading, inferred_shapes, reading_of
from ..replay.layout import Misfit, laid_out
from .module_report import ModuleReport
from .pixels import Pixel, plan
from .predict import GROWING, HELD, NOTHING, box, depths, largest_change, linear_by_name, predictions, rounds
from .tally import Tally
from .verdict import (
    CONFIRMED,
    GENTLE_PIXELS,
    Changes,
    Draw,
    Expected,
    Outcome,
    compare,
    keep_missing,
    portions,
    reported,
    tell,
)

ROUNDING = {np.float64: 1e-7, np.float32: 1e-3}
"""Behind an interpolation, or in single precision, what changes by less than this share of the largest change is
rounding."""


@dataclass(frozen=True, eq=False)
class Proof(Expected):
    """What a proof knows of its model before anything runs."""

    reading: Reading
    shapes: Mapping[str, tuple[int, ...]]
    """Of tensors, by onnx's own rules, where they tell."""

    @property
    def lanes(self) -> int:
        """How many images one run takes."""
        return self.reading.image.batch


@dataclass(eq=False)
class Program:
    """A model that is ready, and what the run on the unchanged image left of every row: its values in one order."""

    run: Run
    proof: Proof
    values: dict[int, Array] = field(default_factory=dict)
    misfits: dict[int, tuple[int, ...]] = field(default_factory=dict)
    weighed: set[int] = field(default_factory=set)
    """Rows whose weights are all positive."""

    def rows(self, images: Array) -> dict[int, Array]:
        """Every row as (images, *sizes, channels). Raises RfcalcError where the evaluator refuses a node."""
        sights = self.proof.reading.sights
        wanted: dict[str, list[int]] = {}
        for node, (name, _) in sights.items():
            wanted.setdefault(name, []).append(node)
        out: dict[int, Array] = {}
        at = "its first node"
        try:
            for made, tensors in self.run.tensors(images):
                at = f"the node after {made.name or made.output[0]}"
                for name in made.output:
                    for node in wanted.get(name, ()):
                        self.keep(out, node, tensors[name], [tensors[i] for i in made.input])
        except (
            AssertionError,
            RuntimeError,
            TypeError,
            ValueError,
            NotImplementedError,
            KeyError,
            IndexError,
            AttributeError,
        ) as error:
            raise refused(error, self.proof.arch.name, at) from error
        return out

    def keep(self, out: dict[int, Array], node: int, tensor: Array, inputs: Sequence[Any]) -> None:
        row, (name, m) = self.proof.arch.rows[node - 1], self.proof.reading.sights[node]
        try:
            out[node] = laid_out(tensor, m.dims, row.out.sizes, self.proof.lanes)
        except Misfit as misfit:
            stated = self.proof.shapes.get(name, tensor.shape)
            if stated != tensor.shape:  # nothing that it makes can tell what is right
                raise RuntimeError(f"the evaluator makes {tensor.shape} where ONNX's own rule is {stated}") from misfit
            self.misfits[node] = tensor.shape
        weights = [x for x in inputs[1:] if isinstance(x, np.ndarray) and x.ndim > 1 and x.dtype.kind == "f"]
        if row.layer.joins or all(bool((x > 0).all()) for x in weights):
            self.weighed.add(node)

    def changes(self, images: Array) -> Changes:
        """A run on images of which some differ from the unchanged one."""
        out = Changes()
        for node, values in self.rows(images).items():
            old = self.values[node]
            out.changed[node] = np.asarray(np.any(values != old, axis=-1))
            if values.dtype.kind == "f":
                fine = np.isfinite(values) & np.isfinite(old)
                if not fine.all():
                    out.broken[node] = np.asarray(~fine.all(-1))
        return out


def prove(path: str | PathLike[str], input: Any = None) -> ModuleReport:
    """Holds the table of an ONNX file against the model in it. Raises RfcalcError where it cannot be read or run."""
    reading = reading_of(path, input)
    try:
        load_external_data_for_model(reading.model, folder_of(path))
    except (OSError, ValueError) as error:
        raise RfcalcError(f"{path}: its weights cannot be read: {str(error).splitlines()[0]}") from error
    arch, chosen = reading.arch, plan(reading.arch)
    points = tuple(chosen.coordinates(i) for i in range(len(arch.sizes)))
    norms = {name for node in reading.model.graph.node if over_places(node, reading) for name in node.output}
    held = frozenset(node for node, (name, _) in reading.sights.items() if name in norms)
    proof = Proof(
        arch, chosen, points, predictions(arch, points), depths(arch), rounds(arch), frozenset(reading.sights), held,
        reading, inferred_shapes(reading.model, reading.inputs),
    )  # fmt: skip
    tally = Tally(arch)
    if arch.rows:
        tally.compare(arch.rows[-1], "params", arch.params, reading.charged, "all layers together")
    return in_some_type(proof, tally)


def in_some_type(proof: Proof, tally: Tally) -> ModuleReport:
    """The draws in float64 or, where the model refuses that, in its own type of numbers."""
    try:
        return drawn_twice(proof, tally, np.float64)
    except RfcalcError:
        return drawn_twice(proof, tally, np.float32)


def drawn_twice(proof: Proof, tally: Tally, dtype: Any) -> ModuleReport:
    """Both draws and, where a field was not reached in full, the loud one once more with other weights."""
    found = {row.index: Outcome() for row in proof.arch.rows}
    pixels = proof.plan.pixels
    run_draw(proof, tally, Draw(1, 1.0, False), pixels if proof.plan.every else pixels[:GENTLE_PIXELS], dtype, found)
    if dtype is np.float64 and not proof.reading.image.slot.dtype.startswith(("int", "uint", "bool")):
        step = largest_change(proof.arch, proof.depths)
        run_draw(proof, tally, Draw(2, step, True), pixels, dtype, found)
        again = {pixel for outcome in found.values() for pixel, _ in outcome.missing}
        if again:
            second = {row.index: Outcome() for row in proof.arch.rows}
            run_draw(proof, tally, Draw(3, step, True), sorted(again), dtype, second)
            keep_missing(tally, found, second)
    return reported(proof, tally, found, "" if dtype is np.float64 else "its own type of numbers", "")


def run_draw(
    proof: Proof, tally: Tally, draw: Draw, pixels: Sequence[Pixel], dtype: Any, found: dict[int, Outcome]
) -> None:
    """Runs the model with one draw of weights, with each pixel raised in turn."""
    reading = proof.reading
    program = Program(Run(redrawn(reading.model, draw.seed, dtype is np.float64), reading, dtype), proof)
    image = np.random.default_rng(draw.seed).random(proof.arch.input) + 0.5
    program.values = program.rows(images_of(image, (), 0.0, proof.lanes))
    if not draw.loud:
        for node in sorted({*program.values, *program.misfits}):
            row, other = proof.arch.rows[node - 1], program.misfits.get(node)
            tally.compare(row, "output_shape", str(row.out), str(row.out) if other is None else str(other))
    full = followed(program) if draw.loud else set()
    for part in portions(pixels, proof.lanes):
        compare(proof, part, program.changes(images_of(image, part, draw.step, proof.lanes)), full, found)
    confirm(program, tally, image, draw.step, found)


def images_of(image: Array, pixels: Sequence[Pixel], step: float, lanes: int) -> Array:
    """`lanes` copies of an image (channels, sizes…), in each of the first ones one pixel raised, in all channels."""
    images = np.repeat(image[None], lanes, axis=0)
    for i, pixel in enumerate(pixels):
        np.moveaxis(images[i], 0, -1)[pixel] += step
    return images


def followed(program: Program) -> set[int]:
    """The rows whose field must be reached in full: all in front of them is linear with positive weights, chooses the
    largest, grows with values that are positive, or changes nothing."""
    proof, full = program.proof, {0}
    for row in proof.arch.rows:
        if proof.depths[row.index].linear and full.issuperset(row.node.inputs) and follows(row, program):
            full.add(row.index)
    return {i for i in full if i and proof.arch.rows[i - 1].status in ("exact", "whole input")}


def follows(row: Row, program: Program) -> bool:
    """Whether a change that reaches the inputs of a row in full goes on through it in full."""
    if not row.node.inputs:
        return True
    source, op, values = row.node.inputs[0], row.layer.op, program.values
    if linear_by_name(row):
        seen = row.index in values
        return (op not in HELD or row.index in program.proof.held) and (not seen or row.index in program.weighed)
    if op in GROWING:
        return source in values and bool((values[source] >= 0).all())
    new, old = values.get(row.index), values.get(source)
    return op in NOTHING and new is not None and old is not None and np.array_equal(new, old)


def confirm(program: Program, tally: Tally, image: Array, step: float, found: dict[int, Outcome]) -> None:
    """Looks at the first rows that changed where they may not once more, value by value."""
    proof, confirmed = program.proof, 0
    for node, outcome in found.items():
        suspects, outcome.suspects = outcome.suspects, []
        if not suspects or confirmed >= CONFIRMED or node in tally.wrong:
            continue
        _, pixel = suspects[0]
        new = program.rows(images_of(image, [pixel], step, proof.lanes)).get(node)
        unit = None if new is None else outside(program, node, pixel, new)
        if unit is not None:
            confirmed += 1
            tell(tally, proof.arch.rows[node - 1], unit, pixel)


def outside(program: Program, node: int, pixel: Pixel, new: Array) -> tuple[int, ...] | None:
    """A unit that changes with a pixel that it may not see; None where that was rounding."""
    proof, dtype = program.proof, program.run.dtype
    by = np.abs(new[0].astype(np.float64) - program.values[node][0]).max(-1)
    may = box(proof.predicted[node].may, proof.columns([pixel]))[0]
    exact = dtype is np.float64 and node not in proof.rough
    least = 0.0 if exact else ROUNDING[dtype] * float(np.nan_to_num(by).max())
    units = np.argwhere(np.isfinite(by) & (by > least) & ~may)
    return tuple(units[0].tolist()) if len(units) else None
