"""`rfcalc check` of a torch module: every row of its table held against the module itself, as its author wrote it.

The journey of `prove`:

    record      the module is traced: its table (`Arch`), and which call of its program makes which row (`Recorded`)
    plan        which pixels are changed (`Plan`): all of a small image, else those where a wrong field would show
    predictions per row, which units may change with a pixel, and which must (`Prediction`, from the engine alone)
    draws       the module's own forward runs on a copy, in float64 and evaluation mode, with positive weights: once on
                an image, then with one pixel raised (all its channels), and each row is compared bit for bit with the
                first run (`DrawnModule`, `Changes`). No gradient is needed. Norms over places keep their statistics.
    verdict     what changed and may not have is a finding, once it has been seen again; so is what must have changed
                and has not, where all in front of it is linear or chooses the largest. NaN and infinity prove nothing.

There are two draws of weights. In the gentle one a pixel grows by 1, so that gates and exponentials keep their shape;
in the loud one it grows so far that it stands out at the far end of the deepest field, and wins every maximum.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import nn

from ..engine.ports import Focus
from ..replay.ready import borrowed, drawn_weights
from ..replay.rows import Recorded, record
from ..tracing.trace import unwrapped
from ..tracing.user_code import PROGRAM_ERRORS, from_signal, told
from .changes import DrawnModule
from .draws import drawn_twice
from .module_report import ModuleReport
from .pixels import plan
from .predict import depths, predictions, rounds
from .tally import Tally
from .verdict import Expected, WeightDraw

TYPES = (torch.float64, None)
"""The type of numbers of a run; None leaves the program its own, where it refuses float64."""
VALUES_AT_ONCE = 2**26
"""Values of all rows together that one run may hold in its batch: half a gigabyte."""
LANES = 32
"""Images in one run at most."""


@dataclass(frozen=True, eq=False)
class ModuleProof(Expected):
    """What a proof knows of its module before anything runs."""

    module: nn.Module
    recorded: Recorded

    @property
    def lanes(self) -> int:
        """How many images one run takes."""
        values = sum(row.out.elements for row in self.recorded.arch.rows)
        lanes = max(2, min(LANES, VALUES_AT_ONCE // max(values, 1), len(self.plan.pixels)))
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
    points = chosen.points
    calls, observed = recorded.calls, recorded.observed
    held = frozenset(node for node, call in observed.items() if call < len(calls) and calls[call].holds)
    proof = ModuleProof(
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


def in_some_type(proof: ModuleProof, tally: Tally) -> ModuleReport:
    """The draws in float64 or, where the program refuses that, in its own type of numbers."""
    refused: Exception | None = None
    sample = proof.recorded.inputs.samples[proof.recorded.inputs.first]
    for dtype in TYPES:
        try:
            loud = dtype is not None and sample.dtype.is_floating_point
            return drawn_twice(proof, tally, partial(drawn_module, proof, dtype), loud, dtype is not None)
        except PROGRAM_ERRORS as error:
            if from_signal(error):
                raise
            refused = refused or error
            last = error
    raise told(last, f"while {proof.recorded.arch.name} ran on values") from refused


# --- one draw ----------------------------------------------------------------------------------------------------


@contextmanager
def drawn_module(proof: ModuleProof, dtype: torch.dtype | None, draw: WeightDraw) -> Iterator[DrawnModule]:
    """The module with one draw of weights, run on an image."""
    generator = torch.Generator().manual_seed(draw.seed)
    with borrowed(proof.module, drawn_weights(generator, dtype)) as module:
        image = torch.rand(proof.recorded.arch.input, generator=generator, dtype=torch.float64) + 0.5
        yield DrawnModule(module, proof.recorded, dtype, proof.lanes, image.to(dtype or own_type(module)))


def own_type(module: nn.Module) -> torch.dtype:
    """The type of numbers of a module's first weight that has a fraction."""
    types = [p.dtype for p in module.parameters() if p.is_floating_point()]
    return types[0] if types else torch.float32
