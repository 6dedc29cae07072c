"""What a check found, as a person and a program read it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..report.cells import number, text
from ..report.claims import Claim
from ..report.grid import Column, Grid, Printed
from .tally import Ground, Mismatch, not_holding

if TYPE_CHECKING:
    from rich.console import RenderableType


FIGURE_KINDS = {
    "output_shape": ("output shapes", "forward hooks"),
    "params": ("parameter counts", "the modules' parameters"),
    "receptive_field": ("receptive fields", "gradients on the canvas"),
    "jump": ("jumps", "gradients on the canvas"),
    "start": ("starts", "gradients on the canvas"),
    "holes": ("holes in fields", "gradients on the canvas"),
    "paths_on_canvas": ("path counts, nothing clipped", "gradients on the canvas"),
    "paths_on_image": ("path counts, borders included", "gradients on the image"),
    "claims": ("stated figures", "the table"),
    "targets": ("targets", "the table"),
}
"""What is compared, by the words of `checked`: as the report calls it, and what it is held against."""


CHECK_COLUMNS = (Column("checked", left=True), Column("against", left=True), Column("figures"), Column("wrong"))


@dataclass(frozen=True)
class Report(Printed):
    """What `check` found: how many figures of each kind were compared, and each one that does not hold."""

    name: str
    layers: int
    checked: dict[str, int]
    findings: tuple[Mismatch, ...]
    claims: tuple[Claim, ...]
    targets: tuple[Claim, ...]
    grounds: tuple[Ground, ...]
    on_meta: bool
    advice: tuple[str, ...] = ()
    """What to do about missed targets."""

    @property
    def ok(self) -> bool:
        """Whether all holds: the table against torch, what the spec states and its targets against the table."""
        return not self.findings

    @property
    def proved(self) -> bool:
        """Whether torch agrees with every figure of the table, whatever the spec states."""
        return not any(finding.kind == "table" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """{"ok", "checked": {…}, "findings": [{"layer", "quantity", "expected", "measured"}]} and what else is told."""
        return {
            "name": self.name,
            "ok": self.ok,
            "proved": self.proved,
            "checked": {"layers": self.layers, **self.checked},
            "grounds": [ground_json(ground) for ground in self.grounds],
            "claims": [claim_json(claim) for claim in self.claims],
            "targets": [claim_json(claim) for claim in self.targets],
            "findings": [finding_json(finding) for finding in self.findings],
        }

    @property
    def grid(self) -> Grid:
        """What was checked, a row for each kind of figure."""
        wrong = Counter(counted_as(finding) for finding in self.findings)
        rows = tuple(
            (*FIGURE_KINDS[kind], text(count), text(wrong[kind] or "none")) for kind, count in self.checked.items()
        )
        return Grid(CHECK_COLUMNS, rows, tuple(ground_text(ground) for ground in self.grounds) + self.remarks)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was proved in another way, and what stays open."""
        lines = ["shapes: on torch's meta device, for the network is too large to run here"] if self.on_meta else []
        open_claims = [claim for claim in self.claims if claim.holds is None]
        if open_claims:
            names = ", ".join(f"{claim.quantity} {text(claim.stated)}" for claim in open_claims)
            lines.append(f"only training can tell: {names}")
        return tuple(lines)

    @property
    def claims_grid(self) -> Grid:
        """Each stated figure and target beside the computed figure."""
        columns = tuple(Column(name, left=True) for name in ("stated in the spec", "layer"))
        columns += (Column("stated"), Column("computed"), Column("holds", left=True))
        claims = [claim for claim in (*self.claims, *self.targets) if claim.holds is not None]
        rows = tuple(
            (c.quantity, c.layer or "", text(c.stated), text(c.computed), "yes" if c.holds else "no") for c in claims
        )
        return Grid(columns, rows)

    @property
    def verdict(self) -> str:
        """In a line whether all holds, and what can be done where it does not."""
        if self.ok:
            return f"{self.name}: all holds"
        tail = "; torch agrees with the table" if self.proved else ""
        return "\n".join([f"{self.name}: {not_holding(len(self.findings))}{tail}", *self.advice])

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal of that width: what was checked, what the spec states, what does not hold, the verdict."""
        from rich.console import Group
        from rich.text import Text

        parts: list[RenderableType] = [self.grid.to_rich(width), Text()]
        if self.claims_grid.rows:
            parts += [self.claims_grid.to_rich(width), Text()]
        if self.findings:
            parts += [findings_grid(self.findings).to_rich(), Text()]
        return Group(*parts, Text(self.verdict, "bold green" if self.ok else "bold red"))


def findings_grid(findings: tuple[Mismatch, ...]) -> Grid:
    """Each figure that does not hold, with its likely cause."""
    heads = ("layer", "quantity", "where", "expected", "measured", "likely cause")
    columns = tuple(Column(head, left=head not in ("expected", "measured")) for head in heads)
    rows = tuple((f.layer or "", f.quantity, f.where, text(f.expected), text(f.measured), f.cause) for f in findings)
    return Grid(columns, rows)


def counted_as(finding: Mismatch) -> str:
    """The kind of figure, as `checked` counts it, that a finding belongs to."""
    return {"claim": "claims", "target": "targets"}.get(finding.kind, finding.quantity)


def ground_text(ground: Ground) -> str:
    axes = "all axes" if len(ground.axes) > 1 else f"axis {ground.axes[0]}"
    units = f"all {ground.units:,} units" if ground.all_units else f"{ground.units:,} units, corners and centres"
    if ground.canvas:
        where = f"canvas {ground.canvas.size}, the image from pixel {ground.canvas.left} on: nothing is clipped"
    else:
        where = f"no canvas: {ground.reason}"
    beyond = f"; in {ground.beyond} layers whether, not how often, a pixel is reached" if ground.beyond else ""
    return f"{axes}: image {ground.image}, {units} of its maps; {where}{beyond}"


def ground_json(ground: Ground) -> dict[str, Any]:
    canvas = ground.canvas and {"size": ground.canvas.size, "image_from": ground.canvas.left}
    return {
        "axes": list(ground.axes),
        "image": ground.image,
        "units_on_image": ground.units,
        "all_units": ground.all_units,
        "canvas": canvas,
        "reason": ground.reason,
        "reach_only_layers": ground.beyond,
    }


def claim_json(claim: Claim) -> dict[str, Any]:
    return {
        "quantity": claim.quantity,
        "layer": claim.layer,
        "stated": claim.stated,
        "computed": number(claim.computed),
        "holds": claim.holds,
    }


def finding_json(finding: Mismatch) -> dict[str, Any]:
    return asdict(finding) | {"expected": number(finding.expected), "measured": number(finding.measured)}
