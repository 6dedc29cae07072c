"""`rfcalc check model.onnx`: every row of the table held against the model itself, run by onnx's reference evaluator.

The method is that of torch modules (`proof.module`): the model runs on an image, then with one pixel raised, and every
row is compared bit for bit; weights are positive and keep the size of what a layer reads; norms over places keep their
statistics. No torch is needed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from os import PathLike
from typing import Any

import numpy as np
from onnx.external_data_helper import load_external_data_for_model

from ..errors import RfcalcError
from ..interchange.evaluate import ModelRun, node_over_places, redrawn, refused
from ..interchange.file import folder_of
from ..interchange.reader import OnnxReading, inferred_shapes, reading_of
from ..interchange.tensors import Array
from ..replay.layout import WrongShape, laid_out
from .draws import drawn_twice
from .module_report import ModuleReport
from .pixels import Pixel, plan
from .predict import depths, predictions, rounds
from .tally import Tally
from .verdict import Changes, Expected, WeightDraw

EVALUATOR_ERRORS = (AssertionError, RuntimeError, TypeError, ValueError, KeyError, IndexError, AttributeError)
"""What onnx's evaluator raises of a node that it cannot run."""


@dataclass(frozen=True, eq=False)
class OnnxProof(Expected):
    """What a proof knows of its model before anything runs."""

    reading: OnnxReading
    shapes: Mapping[str, tuple[int, ...]]
    """Of tensors, by onnx's own rules, where they tell."""

    @property
    def lanes(self) -> int:
        """How many images one run takes."""
        return self.reading.image.batch


@dataclass(eq=False)
class DrawnModel:
    """A model with one draw of weights, an image, and the run on it (`draws.Drawn`): each row's values in one order."""

    run: ModelRun
    proof: OnnxProof
    image: Array
    values: dict[int, Array] = field(default_factory=dict)
    misfits: dict[int, tuple[int, ...]] = field(default_factory=dict)
    positively: set[int] = field(default_factory=set)
    """Rows whose weights are all positive."""
    strayed = ""
    """A graph always goes the same way."""

    @property
    def double(self) -> bool:
        return self.run.dtype is np.float64

    @property
    def lanes(self) -> int:
        return self.proof.lanes

    @property
    def seen(self) -> Collection[int]:
        return self.values

    def weighed(self, node: int) -> bool:
        return node not in self.values or node in self.positively

    def positive(self, node: int) -> bool:
        return node in self.values and bool((self.values[node] >= 0).all())

    def same(self, node: int, source: int) -> bool:
        new, old = self.values.get(node), self.values.get(source)
        return new is not None and old is not None and np.array_equal(new, old)

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
        except EVALUATOR_ERRORS as error:
            raise refused(error, self.proof.arch.name, at) from error
        return out

    def keep(self, out: dict[int, Array], node: int, tensor: Array, inputs: Sequence[Any]) -> None:
        row, (name, m) = self.proof.arch.rows[node - 1], self.proof.reading.sights[node]
        try:
            out[node] = laid_out(tensor, m.dims, row.out.sizes, self.proof.lanes)
        except WrongShape as wrong:
            stated = self.proof.shapes.get(name, tensor.shape)
            if stated != tensor.shape:  # nothing that it makes can tell what is right
                raise RuntimeError(f"the evaluator makes {tensor.shape} where ONNX's own rule is {stated}") from wrong
            self.misfits[node] = tensor.shape
        weights = [x for x in inputs[1:] if isinstance(x, np.ndarray) and x.ndim > 1 and x.dtype.kind == "f"]
        if row.layer.joins or all(bool((x > 0).all()) for x in weights):
            self.positively.add(node)

    def changes(self, pixels: Sequence[Pixel], step: float) -> Changes:
        out = Changes()
        for node, values in self.rows(raised_copies(self.image, pixels, step, self.lanes)).items():
            old = self.values[node]
            out.changed[node] = np.asarray(np.any(values != old, axis=-1))
            if values.dtype.kind == "f":
                fine = np.isfinite(values) & np.isfinite(old)
                if not fine.all():
                    out.broken[node] = np.asarray(~fine.all(-1))
        return out

    def alone(self, node: int, pixel: Pixel, step: float) -> tuple[Any, Any] | None:
        new = self.rows(raised_copies(self.image, [pixel], step, self.lanes)).get(node)
        return None if new is None else (self.values[node][0].astype(np.float64), new[0].astype(np.float64))


def prove_onnx(path: str | PathLike[str], input: Any = None) -> ModuleReport:
    """Holds the table of an ONNX file against the model in it. Raises RfcalcError where it cannot be read or run."""
    reading = reading_of(path, input)
    try:
        load_external_data_for_model(reading.model, folder_of(path))
    except (OSError, ValueError) as error:
        raise RfcalcError(f"{path}: its weights cannot be read: {str(error).splitlines()[0]}") from error
    arch, chosen = reading.arch, plan(reading.arch)
    points = chosen.points
    norms = {name for node in reading.model.graph.node if node_over_places(node, reading) for name in node.output}
    held = frozenset(node for node, (name, _) in reading.sights.items() if name in norms)
    proof = OnnxProof(
        arch, chosen, points, predictions(arch, points), depths(arch), rounds(arch), frozenset(reading.sights), held,
        reading, inferred_shapes(reading.model, reading.inputs),
    )  # fmt: skip
    tally = Tally(arch)
    if arch.rows:
        tally.compare(arch.rows[-1], "params", arch.params, reading.charged, "all layers together")
    return in_either_type(proof, tally)


def in_either_type(proof: OnnxProof, tally: Tally) -> ModuleReport:
    """The draws in float64 or, where the model refuses that, in its own type of numbers."""
    loud = not proof.reading.image.slot.dtype.startswith(("int", "uint", "bool"))
    try:
        return drawn_twice(proof, tally, partial(drawn_model, proof, np.float64), loud, True)
    except RfcalcError:
        return drawn_twice(proof, tally, partial(drawn_model, proof, np.float32), False, False)


@contextmanager
def drawn_model(proof: OnnxProof, dtype: Any, draw: WeightDraw) -> Iterator[DrawnModel]:
    """The model with one draw of weights, run on an image."""
    reading = proof.reading
    image = np.random.default_rng(draw.seed).random(proof.arch.input) + 0.5
    program = DrawnModel(ModelRun(redrawn(reading.model, draw.seed, dtype is np.float64), reading, dtype), proof, image)
    program.values = program.rows(raised_copies(image, (), 0.0, proof.lanes))
    yield program


def raised_copies(image: Array, pixels: Sequence[Pixel], step: float, lanes: int) -> Array:
    """`lanes` copies of an image (channels, sizes…), in each of the first ones one pixel raised, in all channels."""
    images = np.repeat(image[None], lanes, axis=0)
    for i, pixel in enumerate(pixels):
        np.moveaxis(images[i], 0, -1)[pixel] += step
    return images
