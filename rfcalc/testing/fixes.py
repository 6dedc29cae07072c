"""What would fix a network that misses a figure, where it is cheap to say: one edit of those that `repair` knows."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain, takewhile
from typing import TYPE_CHECKING, Any

from ..engine.arch import Arch
from ..errors import RfcalcError
from ..report.cells import text
from ..spec.writer import dump

if TYPE_CHECKING:
    from ..search.hunt import Solution

FIX_SECONDS = 1.0
"""A failing test may take that much longer to say what helps; s9 takes a fifth of it."""
MOST_FIXED_LAYERS = 80
"""Of larger networks one walk alone takes a good part of that."""


def among_many() -> bool:
    """Whether a Hypothesis test runs: it fails again and again while it shrinks, and would wait each time."""
    hypothesis = sys.modules.get("hypothesis")
    return bool(hypothesis and hypothesis.currently_in_test_context())


def single_edit(arch: Arch, targets: Mapping[str, Any]) -> str:
    """A sentence on the one edit with the least change of parameters, then of MACs, that meets the targets; nothing
    where there is none, or none was found in time, or the network cannot be written as a spec."""
    from ..search.hunt import Hunt, Targets
    from ..search.sites import read_sites

    if arch.uncounted or len(arch.nodes) > MOST_FIXED_LAYERS or among_many():
        return ""
    wanted = replace(arch, targets=dict(targets), claims={}, train={})
    try:
        hunt = Hunt(read_sites(dump(wanted), arch.path), Targets.of(wanted), (), (), FIX_SECONDS)
    except RfcalcError:  # what was traced may hold what no spec can state
        return ""
    found: list[Solution] = []
    deadline = time.monotonic() + FIX_SECONDS
    open_channels = hunt.channels if "min_receptive_field" not in targets else []
    edits = chain(hunt.edits, (hunt.best_channels({}, channels) for channels in open_channels))
    for edit in takewhile(lambda _: time.monotonic() <= deadline, edits):
        if edit:
            hunt.add(hunt.first, edit, found, [])
    if not found:
        return ""
    best = min(found, key=lambda s: (abs(s.outcome.params - arch.params), abs(s.outcome.macs - arch.known_macs)))
    figures = f"field {text(best.outcome.field)}, params {text(best.outcome.params)}, MACs {text(best.outcome.macs)}"
    return f"one edit that does it: {best.edits[0]} (then {figures})"
