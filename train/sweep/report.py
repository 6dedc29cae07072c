"""report.md of a sweep, and its plot of accuracy against parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from ..fit.record import Record
from ..report.images import figure_bytes
from .compared import Summary, Sweep

LABELS = 30
"""Points that are named in the plot; among more, those of the front alone."""
ROWS_LISTED = 200
"""Rows of a list in the report; index.csv has them all."""


def write_report(sweep: Sweep) -> None:
    """report.md, and accuracy.png where there is anything to draw."""
    record = Record(sweep.folder)
    if sweep.front():
        record.write("accuracy.png", accuracy_plot(sweep))
    record.write("report.md", sweep_page(sweep))


def sweep_page(sweep: Sweep) -> str:
    rows = sweep.rows
    cut = [row for row in rows if row["note"].startswith("cut ")]
    unfinished = [row for row in rows if row["state"] in ("unfinished", "waiting")]
    parts = [
        f"# {sweep.folder.name}: {len(sweep.plan.candidates)} combinations",
        sweep.grid().to_markdown(),
        "![accuracy against parameters](accuracy.png)" if sweep.front() else "",
        row_list("Cut", cut),
        row_list("Failed", sweep.failed),
        row_list("Not finished", unfinished),
        beside(sweep.others),
        "Every run has its whole record in the folder of its name; index.csv has a row for each.",
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def row_list(heading: str, rows: list[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    lines = [f"- {row['run']}: {row['note'] or 'not begun'}" for row in rows[:ROWS_LISTED]]
    more = [f"- … and {len(rows) - ROWS_LISTED} more in index.csv"] if len(rows) > ROWS_LISTED else []
    return "\n".join([f"## {heading}", "", *lines, *more])


def beside(others: tuple[str, ...]) -> str:
    if not others:
        return ""
    few = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
    one = len(others) == 1
    return (
        f"{len(others)} other run{'' if one else 's'} in this folder {'is' if one else 'are'} not of this sweep: {few}."
    )


def accuracy_plot(sweep: Sweep) -> bytes:
    """Mean accuracy against parameters, with the deviation over the seeds and the front."""
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes, name, front = figure.subplots(), sweep.plan.chosen_by, sweep.front()

    def point(summary: Summary) -> tuple[float, float]:
        return summary.candidate.arch.params, sweep.score(summary)

    for summary in sweep.known:
        good = summary in front
        axes.errorbar(
            *point(summary), yerr=summary.deviation(name) or 0.0, marker="o",
            color="#cc6677" if good else "#4477aa", capsize=3, linestyle="none", zorder=3 if good else 2,
        )  # fmt: skip
        if good or len(sweep.known) <= LABELS:
            axes.annotate(summary.candidate.title, point(summary), xytext=(6, 4), textcoords="offset points",
                          fontsize=7)  # fmt: skip
    axes.step(*zip(*(point(s) for s in front), strict=True), where="post", color="#cc6677", linewidth=0.9,
              label="front")  # fmt: skip
    axes.set(xlabel="parameters", ylabel=f"{name.replace('_', ' ')} (%), mean and deviation over the seeds")
    axes.xaxis.set_major_formatter(lambda value, place: f"{value:,.0f}")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure_bytes(figure)
