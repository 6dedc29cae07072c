"""What an audit says: a verdict on each stated figure, and the cells of tables that are off."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from textwrap import fill
from typing import TYPE_CHECKING, Any, Literal

from ...engine.geometry import Number
from ...report.cells import DASH, number
from ...report.grid import COLUMN_GAP, Column, Grid, Printed

if TYPE_CHECKING:
    from rich.console import RenderableType

VerdictKind = Literal["right", "wrong", "convention", "undetermined"]
VERDICTS: tuple[VerdictKind, ...] = ("right", "wrong", "convention", "undetermined")
RUN = "only a run can tell"
ABSENT = "nothing here to work it out from"
UNSHOWN = "no shape or count shows it"
OUT_OF_REACH = (RUN, ABSENT, UNSHOWN)
"""Why a claim stays open that nothing in the document reaches; such claims are counted, a line for each reason."""
PLAIN = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One claim. `computed` is None where nothing could be worked out; `line` is where it stands, `where` the same in
    words, `section` the titles above it."""

    quantity: str
    stated: Any
    computed: Any
    verdict: VerdictKind
    line: int
    why: str
    place: str = ""
    where: str = ""
    section: str = ""

    def to_json(self) -> dict[str, Any]:
        return fields_as_json(self, "quantity stated computed verdict where why section")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that is off: by a slip of its own (local), or because it follows from one above (inherited)."""

    row: int | str
    column: str
    stated: Number | None
    computed: Number | None
    kind: str
    line: int
    why: str = ""
    where: str = ""
    section: str = ""

    def to_json(self) -> dict[str, Any]:
        return fields_as_json(self, "row column stated computed kind where why section")


@dataclass(frozen=True)
class Audit(Printed):
    """The verdicts on every claim, and the cells that are off. Every model with such a cell has a wrong claim."""

    claims: tuple[Verdict, ...]
    cells: tuple[Cell, ...]
    name: str = field(default="", compare=False)

    @property
    def wrong(self) -> bool:
        """Whether any claim is wrong."""
        return any(claim.verdict == "wrong" for claim in self.claims)

    @property
    def exit_code(self) -> int:
        """1 when anything is wrong, else 0."""
        return int(self.wrong)

    def to_json(self) -> dict[str, Any]:
        """The contract of `rfcalc audit --format json`."""
        return {"claims": [claim.to_json() for claim in self.claims], "cells": [cell.to_json() for cell in self.cells]}

    @property
    def tally(self) -> tuple[str, ...]:
        """How many claims of each kind, and in lines of their own how many are out of reach."""
        shown = Counter(claim.verdict for claim in self.claims if claim.why not in OUT_OF_REACH)
        left = Counter(claim.why for claim in self.claims)
        counts = ", ".join(f"{shown[kind]} {kind}" for kind in VERDICTS if shown[kind])
        lines = (counts, *(f"{why}: {left[why]}" for why in OUT_OF_REACH if left[why]))
        return tuple(filter(None, lines)) or ("no figure found that could be checked",)

    @property
    def sections(self) -> Iterator[tuple[str, list[Verdict]]]:
        """The claims within reach, by section, in the order of the document."""
        found: dict[str, list[Verdict]] = {}
        for claim in sorted(self.claims, key=lambda claim: claim.line):
            if claim.why not in OUT_OF_REACH:
                found.setdefault(claim.section, []).append(claim)
        yield from found.items()

    @property
    def grids(self) -> tuple[Grid, ...]:
        """The claims, section by section where there are several, and the cells that are off."""
        heads = ("where", "quantity", "stated", "computed", "verdict", "why")
        columns = tuple(Column(head, left=head not in ("stated", "computed")) for head in heads)
        parts = list(self.sections)
        grids = []
        for title, claims in parts or [("", [])]:
            rows = tuple(
                (c.where, c.quantity, figure_in_words(c.stated), figure_in_words(c.computed), c.verdict, c.why)
                for c in claims
            )
            notes = (f"in: {title}",) if title and len(parts) > 1 else ()
            grids.append(Grid(columns, rows, notes))
        grids[-1] = Grid(columns, grids[-1].rows, (*grids[-1].caption, *self.tally))
        if self.cells:
            names = ("where", "row", "column", "stated", "computed", "kind", "why")
            cells = tuple(
                (c.where, str(c.row), c.column, figure_in_words(c.stated), figure_in_words(c.computed), c.kind, c.why)
                for c in self.cells
            )
            grids.append(Grid(tuple(Column(name, left=True) for name in names), cells))
        return tuple(grids)

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal of that width."""
        from rich.console import Group
        from rich.text import Text

        if width and any(sum(grid.widths()) + COLUMN_GAP * (len(grid.columns) - 1) > width for grid in self.grids):
            return Text("\n".join(self.lines(width)))
        parts: list[RenderableType] = []
        for grid in self.grids:
            parts += [grid.to_rich(width), Text()]
        return Group(*parts[:-1])

    def lines(self, width: int) -> Iterator[str]:
        """The claims and cells as paragraphs, for a terminal too narrow for a table; no word is split."""
        claims = (claim for _, found in self.sections for claim in found)
        texts = [
            f"{c.where}: {c.quantity} {figure_in_words(c.stated)}: {c.verdict}{answer(c)}; {c.why}" for c in claims
        ]
        texts += [f"{c.where}: {how_far_off(c)} ({c.kind}) {c.why}".rstrip() for c in self.cells]
        for text in (*texts, *self.tally):
            yield fill(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)

    def to_markdown(self) -> str:
        """A comment for a pull request: the tally, what is wrong, and the rest folded away."""
        parts = [f"**rfcalc audit{f' of {self.name}' if self.name else ''}**: " + "; ".join(self.tally)]
        grids = self.grids
        wrong = [
            f"- {c.where}: {c.quantity} {figure_in_words(c.stated)}{answer(c)} ({c.why})"
            for c in self.claims
            if c.verdict == "wrong"
        ]
        parts += ["\n".join(wrong)] if wrong else []
        if self.cells:
            parts.append(grids[-1].to_text("markdown"))
        rest = [grid.to_text("markdown") for grid in grids[: -1 if self.cells else None] if grid.rows]
        if rest:
            parts.append("<details><summary>all claims</summary>\n\n" + "\n\n".join(rest) + "\n\n</details>")
        return "\n\n".join(part.strip() for part in parts) + "\n"

    def to_github(self) -> str:
        """Annotations for GitHub Actions, one for each wrong claim and each slip of its own."""
        file = self.name or "document"
        lines = [
            f"::error file={file},line={c.line}::"
            + escaped(f"{c.quantity} {figure_in_words(c.stated)}{answer(c)}: {c.why}")
            for c in self.claims
            if c.verdict == "wrong"
        ]
        lines += [
            f"::error file={file},line={c.line}::{escaped(how_far_off(c))}" for c in self.cells if c.kind == "local"
        ]
        return "\n".join([*lines, f"::notice file={file}::{escaped('; '.join(self.tally))}"]) + "\n"


def how_far_off(cell: Cell) -> str:
    return f"row {cell.row}, {cell.column}: {figure_in_words(cell.stated)} should be {figure_in_words(cell.computed)}"


def answer(claim: Verdict) -> str:
    if isinstance(claim.computed, str):
        return f", {claim.computed}"
    return f", not {figure_in_words(claim.computed)}" if claim.verdict == "wrong" and claim.computed is not None else ""


def escaped(text: str) -> str:
    """A message as GitHub's annotations take it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def fields_as_json(found: Verdict | Cell, keys: str) -> dict[str, Any]:
    """The fields of those names; the two figures as numbers where they are."""
    values = {key: getattr(found, key) for key in keys.split()}
    return values | {key: as_number(values[key]) for key in ("stated", "computed")}


def as_number(value: Any) -> Any:
    """A figure as JSON has it: one that is written as a plain number becomes one."""
    if isinstance(value, str) and PLAIN.fullmatch(value):
        digits = value.replace(",", "")
        return float(digits) if "." in digits else int(digits)
    return number(value)


def figure_in_words(value: Any) -> str:
    """A figure for people: as it is written, a fraction as a decimal, thousands divided."""
    if value is None:
        return DASH
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Fraction):
        return f"{float(value):.6g}"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
