"""Successive halving (Jamieson & Talwalkar 2016, arXiv 1502.07943): short whole schedules first, and the better half
by validation accuracy goes on to longer ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from .plan import Contender, SweepPlan

BUDGETS = (3, 8, 24)
"""Epochs of the short schedules, each about three times the one before."""


@dataclass(frozen=True)
class RoundVerdict:
    """What a round found of one candidate: its rank, and why it is cut; no reason where it goes on."""

    rank: int
    cut: str = ""


def round_budgets(plan: SweepPlan) -> list[int | None]:
    """The budgets of a sweep's rounds, None for whole runs. A budget that no recipe exceeds would be a whole run."""
    longest = max(candidate.full for candidate in plan.candidates)
    return [*(budget for budget in BUDGETS if plan.options.halving and budget < longest), None]


def round_verdicts(
    candidates: Sequence[Contender], accuracy: Mapping[Contender, float | None], budget: int
) -> dict[Contender, RoundVerdict]:
    """The better half, rounded up, by mean validation accuracy over the seeds; of equals the one with fewer parameters,
    then fewer MACs, then the one named first. None stands for a candidate of which a run did not finish: it is cut."""
    ranked = sorted(candidates, key=lambda candidate: order(candidate, accuracy[candidate]))
    keep, count = (len(ranked) + 1) // 2, len(ranked)
    found = {}
    for rank, candidate in enumerate(ranked, 1):
        value = accuracy[candidate]
        if value is None:
            why = f"cut after {budget} epochs: a run did not finish"
        elif rank > keep:
            why = f"cut after {budget} epochs: validation accuracy {value:.2f} %, rank {rank} of {count}; {keep} go on"
        else:
            why = ""
        found[candidate] = RoundVerdict(rank, why)
    return found


def order(candidate: Contender, accuracy: float | None) -> tuple[float, float, float]:
    """What sorts the better candidate first; unknown costs come last."""
    macs = candidate.arch.macs
    return -accuracy if accuracy is not None else inf, candidate.arch.params, inf if macs is None else macs
