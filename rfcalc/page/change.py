"""What the live page is told of a text: what is wrong with it, and the page's parts of the network that it holds."""

from __future__ import annotations

from typing import Any

from ..engine.arch import Arch
from ..errors import RfcalcError
from ..report.claims import targets_of
from ..spec.draft import Problem, draft
from .data import page_data
from .html import parts

MOST_COMPARED = 1_500
"""A page of more layers takes seconds to make (resnet50's 177 take 0.4), too long for every key."""


def changed_page(text: str, path: str) -> dict[str, Any]:
    """{"problems": [{"line", "text"}], "whole", "missed": whether a target is, and, where something can be drawn,
    "title", "parts": the page's elements as HTML, "data": what the page follows}. Raises nothing.

    >>> found = changed_page("{input: [3, 8, 8], layers: [conv: {out_channels: 4, kernel_size: 3}, conv: 3]}", "x.yaml")
    >>> [layer["name"] for layer in found["data"]["networks"][0]["layers"]], found["problems"][0]["line"]
    (['conv1'], 1)
    """
    found = draft(text, path)
    problems = [problem_json(each) for each in found.problems]
    said = {"problems": problems, "whole": found.whole, "missed": False}
    if found.arch is None:
        return said
    try:
        return said | drawn_parts(found.arch)
    except RfcalcError as error:
        return said | {"problems": [*problems, problem_json(Problem(None, str(error)))]}


def problem_json(problem: Problem) -> dict[str, Any]:
    return {"line": problem.line, "text": problem.text}


def drawn_parts(arch: Arch) -> dict[str, Any]:
    """The parts of a page of one network. Raises RfcalcError for one that is too large to be drawn with every key."""
    if len(arch.nodes) > MOST_COMPARED:
        raise RfcalcError(f"{len(arch.nodes):,} layers are drawn by rfcalc explore -o FILE.html, not at every key: "
                          f"here {MOST_COMPARED:,} at most")  # fmt: skip
    missed = any(claim.holds is False for claim in targets_of(arch))
    return {"title": arch.name, "missed": missed, "parts": parts([arch]), "data": page_data([arch])}
