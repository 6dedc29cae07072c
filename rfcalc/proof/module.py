"""`rfcalc check` of a torch module: every row of its table held against the module itself, as its author wrote it.

The journey of `prove`:

    record      the module is traced: its table (`Arch`), and which call of its program makes which row (`Recorded`)
    plan        which pixels are changed (`Plan`): all of a small image, else those where a wrong field would show
    predictions per row, which units may change with a pixel, and which must (`Prediction`, from the engine alone)
    draws       the module's own forward runs on a copy, in float64 and evaluation mode, with positive weights: once on
                an image, then with one pixel raised (all its channels), and each row is compared bit for bit with the
                first run (`Program`, `Changes`). No gradient is needed. Norms over places keep their statistics.
    verdict     what changed and may not have is a finding, once it has been seen again; so is what must have changed
                and has not, where all in front of it is linear or chooses the largest. NaN and infinity prove nothing.

There are two draws of weights. In the gentle one a pixel grows by 1, so that gates and exponentials keep their shape;
in the loud one it grows so far that it stands out at the far end of the deepest field, and wins every maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..engine.arch import Row
from ..engine.ports import Focus
from ..replay.ready import borrowed, drawn
from ..replay.rows import Recorded, record
from ..tracing.trace import unwrapped
from ..tracing.user_code import from_signal, told
from .changes import Program, Still, changed_images
from .module_report import ModuleReport
from .pixels import Pixel, plan
from .predict import (
    GROWING,
    HELD,
    NOTHING,
    box,
    depths,
    largest_change,
    linear_by_name,
    predictions,
    rounds,
)
from .tally import Tally
from .verdict import (
    CONFIRMED,
    GENTLE_PIXELS,
    Draw,
    Expected,
    Outcome,
    compare,
    keep_missing,
    portions,
    reported,
    tell,
)

TYPES = (torch.float64, None)
"""The type of numbers of a run; None leaves the program its own, where it refuses float64."""
VALUES = 2**26
"""Values of all rows together that one run may hold in its batch: half a gigabyte."""
LANES = 32
"""Images in one run at most."""
ROUNDING = {torch.float64: 1e-7, None: 1e-3}
"""Behind an interpolation, or in single precision, what changes by less than this share of the largest change is
rounding."""


@dataclass(frozen=True, eq=False)
class Proof(Expected):
    """What a proof knows of its module before anything runs."""

    module: nn.Module
    recorded: Recorded

    @property
    def lanes(self) -> int:
        """How many images one run takes."""
        values = sum(row.out.elements for row in self.recorded.arch.rows)
        lanes = max(2, min(LANES, VALUES // max(values, 1), len(self.plan.pixels)))
        return lanes if self.recorded.batch > 1 else 1


def prove(module: nn.Module, input: Any, name: str = "", source: str = "") -> ModuleReport:
    """Holds the table of a module, for an image of that shape (or an example of all that it takes, as `rfcalc.trace`
    has it), against the module; of several inputs that have places, the fields on each. Raises RfcalcError where it
    cannot be traced or run. Leaves module and process as they were.

    >>> report = prove(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2)), (1, 9, 9))
    >>> report.ok, report.pixels, report.rows_in_full
    (True, 81, 3)
    """
    module, given = unwrapped(module), input.given if isinstance(input, Focus) else input
    recorded = record(module, input, name, source)
    first, *others = [recorded.arch.of, *(port.name for port in recorded.arch.images if port.node)]
    report = prove_recorded(module, recorded)
    if not others:  # one input, or one alone that has places
        return report
    also = (prove_recorded(module, record(module, Focus(given, of), name, source)) for of in others)
    return replace(report, image=first, others=tuple(replace(o, image=of) for o, of in zip(also, others, strict=True)))


def prove_recorded(module: nn.Module, recorded: Recorded) -> ModuleReport:
    """The proof of a module that has been traced."""
    arch = recorded.arch
    chosen = plan(arch)
    points = tuple(chosen.coordinates(i) for i in range(len(arch.sizes)))
    calls, observed = recorded.calls, recorded.observed
    held = frozenset(node for node, call in observed.items() if call < len(calls) and calls[call].holds)
    proof = Proof(
        arch, chosen, points, predictions(arch, points), depths(arch), rounds(arch), frozenset(observed), held, module,
        recorded,
    )  # fmt: skip
    tally = Tally(arch)
    compare_params(tally, module)
    return in_some_type(proof, tally)


def compare_params(tally: Tally, module: nn.Module) -> None:
    """All parameters of the module, each once, against those of the table and those that forward never uses; quantized
    layers pack theirs away, where nobody can count them from outside."""
    arch = tally.arch
    if any(hasattr(part, "_packed_params") for part in module.modules()):
        return
    held = sum({id(p): p.numel() for p in module.parameters()}.values())
    if arch.rows:
        tally.compare(arch.rows[-1], "params", arch.params + sum(arch.unused.values()), held, "all layers together")


def in_some_type(proof: Proof, tally: Tally) -> ModuleReport:
    """The draws in float64 or, where the program refuses that, in its own type of numbers."""
    refused: Exception | None = None
    for dtype in TYPES:
        try:
            return drawn_twice(proof, tally, dtype)
        except (RuntimeError, TypeError, ValueError, NotImplementedError, AttributeError, IndexError) as error:
            if from_signal(error):
                raise
            refused = refused or error
            last = error
    raise told(last, f"while {proof.recorded.arch.name} ran on values") from refused


def drawn_twice(proof: Proof, tally: Tally, dtype: torch.dtype | None) -> ModuleReport:
    """Both draws and, where a field was not reached in full, the loud one once more with other weights."""
    found = {row.index: Outcome() for row in proof.recorded.arch.rows}
    pixels = proof.plan.pixels
    gentle = pixels if proof.plan.every else pixels[:GENTLE_PIXELS]
    strayed = run_draw(proof, tally, Draw(1, 1.0, False), gentle, dtype, found)
    inputs = proof.recorded.inputs
    whole_numbers = not inputs.samples[inputs.first].dtype.is_floating_point
    if dtype is not None and strayed is None and not whole_numbers:
        step = largest_change(proof.recorded.arch, proof.depths)
        run_draw(proof, tally, Draw(2, step, True), pixels, dtype, found)
        again = {pixel for outcome in found.values() for pixel, _ in outcome.missing}
        if again:
            second = {row.index: Outcome() for row in proof.recorded.arch.rows}
            run_draw(proof, tally, Draw(3, step, True), sorted(again), dtype, second)
            keep_missing(tally, found, second)
    own = "" if dtype is not None else "its own type of numbers"
    return reported(proof, tally, found, own, strayed or "")


# --- one draw ----------------------------------------------------------------------------------------------------


def run_draw(
    proof: Proof, tally: Tally, draw: Draw, pixels: Sequence[Pixel], dtype: torch.dtype | None,
    found: dict[int, Outcome],
) -> str | None:  # fmt: skip
    """Runs the module with one draw of weights, with each pixel raised in turn; says where its program strayed."""
    generator = torch.Generator().manual_seed(draw.seed)
    with borrowed(proof.module, drawn(generator, dtype)) as ready:
        program = Program(ready, proof.recorded, dtype, proof.lanes)
        image = torch.rand(proof.recorded.arch.input, generator=generator, dtype=torch.float64) + 0.5
        image = image.to(dtype or own_type(ready))
        still = program.still(changed_images(image, (), 0.0, proof.lanes))
        if not draw.loud:
            compare_shapes(tally, still)
        full = followed(proof, program, still) if draw.loud else set()
        for part in portions(pixels, proof.lanes):
            changes = program.changes(changed_images(image, part, draw.step, proof.lanes), still)
            compare(proof, part, changes, full, found)
        confirm(proof, tally, program, image, draw.step, found)
        return None if still.strayed is None else str(still.strayed)


def own_type(module: nn.Module) -> torch.dtype:
    """The type of numbers of a module's first weight that has a fraction."""
    types = [p.dtype for p in module.parameters() if p.is_floating_point()]
    return types[0] if types else torch.float32


def compare_shapes(tally: Tally, still: Still) -> None:
    """The shape of every row's tensor: those that hold their map are right, for `laid_out` has found all its values."""
    for node in sorted({*still.values, *still.misfits}):
        row = tally.arch.rows[node - 1]
        measured = still.misfits.get(node)
        tally.compare(row, "output_shape", str(row.out), str(row.out) if measured is None else str(measured))


def followed(proof: Proof, program: Program, still: Still) -> set[int]:
    """The rows whose field must be reached in full: all in front of them is linear with positive weights, chooses the
    largest, grows with values that are positive, or changes nothing."""
    recorded = proof.recorded
    full = {0}
    for row in recorded.arch.rows:
        if proof.depths[row.index].linear and full.issuperset(row.node.inputs) and follows(row, program, still):
            full.add(row.index)
    return {i for i in full if i and recorded.arch.rows[i - 1].status in ("exact", "whole input")}


def follows(row: Row, program: Program, still: Still) -> bool:
    """Whether a change that reaches the inputs of a row in full goes on through it in full."""
    if not row.node.inputs:  # an input beside the image, which nothing reaches
        return True
    recorded, source, op = program.recorded, row.node.inputs[0], row.layer.op
    call = recorded.observed.get(row.index)
    if linear_by_name(row):
        held = op not in HELD or (call is not None and recorded.calls[call].holds)
        return held and (call is None or program.memory.weighed.get(call, True))
    if op in GROWING:
        return source in still.positive
    new, old = still.values.get(row.index), still.values.get(source)
    return op in NOTHING and new is not None and old is not None and torch.equal(new, old)


# --- what is wrong, seen again -----------------------------------------------------------------------------------


def confirm(
    proof: Proof, tally: Tally, program: Program, image: Tensor, step: float, found: dict[int, Outcome]
) -> None:
    """Looks at the first rows that changed where they may not once more, alone in their batch and value by value, and
    at whether the program repeats itself."""
    confirmed = 0
    for node, outcome in found.items():
        suspects, outcome.suspects = outcome.suspects, []
        if not suspects or confirmed >= CONFIRMED or node in tally.wrong:
            continue
        _, pixel = suspects[0]
        still = changed_images(image, (), 0.0, proof.lanes)
        old, again, new = (
            program.of_row(images, node) for images in (still, still, changed_images(image, [pixel], step, proof.lanes))
        )
        unit = outside(proof, program, node, pixel, old, again, new)
        if unit is not None:
            confirmed += 1
            tell(tally, proof.recorded.arch.rows[node - 1], unit, pixel)


def outside(
    proof: Proof, program: Program, node: int, pixel: Pixel, old: Tensor | None, again: Tensor | None,
    new: Tensor | None,
) -> tuple[int, ...] | None:  # fmt: skip
    """A unit that changes with a pixel that it may not see; None where that was rounding, chance, or another image."""
    if old is None or again is None or new is None or not torch.equal(old, again):
        return None
    by = (new[0] - old[0]).to(torch.float64).abs().amax(-1)
    may = torch.from_numpy(box(proof.predicted[node].may, proof.columns([pixel]))[0])
    exact = program.dtype is not None and node not in proof.rough
    least = 0.0 if exact else ROUNDING[program.dtype] * float(by.nan_to_num().max())
    units = (torch.isfinite(by) & (by > least) & ~may).nonzero().tolist()
    return tuple(units[0]) if units else None
