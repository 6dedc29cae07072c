"""What the proof of a module found, as a person and a program read it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import listed
from ..report.grid import Grid, Printed
from .report import CHECK_COLUMNS, finding_json, findings_grid
from .tally import Mismatch, not_holding

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, slots=True)
class RowReport:
    """One row of the table: whether its field is known, whether the run showed it, units times pixels that were
    compared, how many units had to change and did, whether all had to, whether values overflowed, and whether it is a
    norm whose statistics were held."""

    name: str
    known: bool
    seen: bool
    compared: int
    expected: int
    reached: int
    in_full: bool
    broken: bool
    held: bool
    through: bool = False
    """Made and used inside one call, so that only the rows that read it could be seen."""


CHOSEN_PIXELS = "corners, centre, ends of fields"


@dataclass(frozen=True)
class ModuleReport(Printed):
    """The proof of a module: what was compared, what does not hold, and what could not be shown."""

    name: str
    layers: int
    counts: dict[str, int]
    findings: tuple[Mismatch, ...]
    pixels: int
    every_pixel: bool
    rows: tuple[RowReport, ...]
    strayed: str
    numbers: str
    image: str = ""
    """Of a module of several inputs: the one whose fields these are."""
    others: tuple[ModuleReport, ...] = ()
    """Of a module of several inputs: the same for the fields on each other one."""

    @property
    def ok(self) -> bool:
        """Whether nothing contradicts the table."""
        return not self.findings and all(other.ok for other in self.others)

    @property
    def proved(self) -> bool:
        """Whether nothing contradicts the table, and every row whose field is known was seen."""
        whole = not self.unseen and not self.unproved
        return self.ok and whole and all(other.proved for other in self.others)

    @property
    def unknown(self) -> list[str]:
        """Rows whose field is unknown."""
        return [row.name for row in self.rows if not row.known]

    @property
    def unseen(self) -> list[str]:
        """Rows whose field is known, but which no run showed."""
        return [row.name for row in self.rows if row.known and not row.seen and not row.through]

    @property
    def unproved(self) -> list[str]:
        """Rows that gave NaN or infinity."""
        return [row.name for row in self.rows if row.seen and row.broken]

    @property
    def rows_in_full(self) -> int:
        """How many rows had to be reached by all of their field."""
        return sum(row.in_full for row in self.rows)

    @property
    def checked(self) -> dict[str, int]:
        """How many figures were compared, by kind."""
        seen = self.seen_rows
        return {
            "output_shape": self.counts.get("output_shape", 0),
            "params": self.counts.get("params", 0),
            "receptive_field": len(seen),
            "units": sum(row.compared for row in seen),
            "reached_in_full": self.rows_in_full,
        }

    def to_json(self) -> dict[str, Any]:
        """{"ok", "checked": {…}, "findings": [{"layer", "quantity", "expected", "measured"}]} and what else is told; of
        several inputs "image", the one whose fields these are, and "others", the same for each other one."""
        return {
            "name": self.name,
            "ok": self.ok,
            "proved": self.proved,
            "checked": {"layers": self.layers, **self.checked},
            "pixels": self.pixels,
            "all_pixels": self.every_pixel,
            "reached": [
                {"layer": row.name, "share": row.reached / row.expected}
                for row in self.rows
                if row.expected and not row.in_full
            ],
            "unknown": self.unknown,
            "seen_through_others": [row.name for row in self.rows if row.through],
            "not_observed": self.unseen,
            "not_finite": self.unproved,
            "statistics_held": [row.name for row in self.rows if row.held],
            "strayed": self.strayed or None,
            "findings": [finding_json(finding) for finding in self.findings],
            **({"image": self.image} if self.image else {}),
            **({"others": [other.to_json() for other in self.others]} if self.others else {}),
        }

    @property
    def grid(self) -> Grid:
        """What was checked, a row for each kind of figure."""
        wrong = Counter(finding.quantity for finding in self.findings)
        checked = self.checked
        kinds = (
            ("output_shape", "output shapes", "the module's own run", checked["output_shape"]),
            ("params", "parameters, all together", "the module's own", checked["params"]),
            ("receptive_field", "receptive fields", "the module's own run, one pixel changed", len(self.seen_rows)),
        )
        rows = tuple(
            (what, against, f"{count:,}", f"{wrong[kind]:,}" if wrong[kind] else "none")
            for kind, what, against, count in kinds
        )
        return Grid(CHECK_COLUMNS, rows, self.remarks)

    @property
    def seen_rows(self) -> list[RowReport]:
        """Rows whose field is known, and which a run showed."""
        return [row for row in self.rows if row.known and row.seen]

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was compared, and what could not be shown."""
        which = f"all {self.pixels:,} pixels" if self.every_pixel else f"{self.pixels:,} pixels: {CHOSEN_PIXELS}"
        which += f" of {self.image}" if self.image else ""
        lines = [f"{which}, one at a time; every unit of every row compared bit for bit"]
        many, full = f"{len(self.seen_rows):,} rows", f"{self.rows_in_full:,} rows"
        lines.append(f"nothing outside a field may change: {many}; all of it must: {full}")
        part = [row for row in self.seen_rows if row.expected and not row.in_full]
        if part:
            least = min(part, key=lambda row: row.reached / row.expected)
            share = sum(row.reached for row in part) / sum(row.expected for row in part)
            lines.append(
                f"in {len(part):,} rows after gates, attention and the like {share:.1%} of the fields was reached, "
                f"least in {least.name}: {least.reached / least.expected:.1%}"
            )
        held = [row.name for row in self.rows if row.held]
        if held:
            lines.append(f"statistics over places held constant: {listed(held)}")
        for names, why in (
            (self.unknown, "unknown, left out"),
            ([row.name for row in self.rows if row.through], "seen through the layers that read them"),
            (self.unseen, "not observed"),
            (self.unproved, "not proved, values overflowed"),
        ):
            if names:
                lines.append(f"{why}: {listed(names)}")
        if self.strayed:
            lines.append(f"not proved from there on: {self.strayed}")
        if self.numbers:
            lines.append(f"run in {self.numbers}, for it refuses float64; what rounding may change is let pass")
        return tuple(lines)

    @property
    def verdict(self) -> str:
        """In a line whether all holds."""
        if self.ok:
            return f"{self.name}: all holds" if self.proved else f"{self.name}: nothing contradicts the table"
        count = sum(len(report.findings) for report in (self, *self.others))
        return f"{self.name}: {not_holding(count)}"

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal of that width: what was checked, what does not hold, the verdict."""
        from rich.console import Group
        from rich.text import Text

        parts: list[RenderableType] = []
        for report in (self, *self.others):
            parts += [report.grid.to_rich(width), Text()]
            if report.findings:
                parts += [findings_grid(report.findings).to_rich(), Text()]
        return Group(*parts, Text(self.verdict, "bold green" if self.ok else "bold red"))
