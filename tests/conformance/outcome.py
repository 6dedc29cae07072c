"""What became of one case."""

from __future__ import annotations

from typing import NamedTuple

from rfcalc.proof.module_report import ModuleReport
from rfcalc.proof.report import Report

RIGHT, WRONG, REFUSED, UNKNOWN = "right", "wrong", "refused", "unknown"
VERDICTS = (RIGHT, WRONG, REFUSED, UNKNOWN)


class Outcome(NamedTuple):
    """One case: right, wrong, refused, or unknown (a bound, or a field that is not stated), and why."""

    name: str
    verdict: str
    why: str = ""


def told(report: Report | ModuleReport) -> str:
    """What a proof found wrong, in a line."""
    return "; ".join(f"{f.layer}: {f.quantity} {f.expected} / {f.measured} ({f.where})" for f in report.findings)
