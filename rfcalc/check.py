"""`rfcalc check`: every figure of a network's table held against what torch does, and every figure that its spec states
against the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .arch import Arch, Row
from .causes import cause_of_claim
from .claims import Claim, claims_of, targets_of
from .grid import Column, Grid
from .network import Network, build
from .probe import Shape, double_of
from .proof import AxisProof, Ground, Mismatch, Tally, alike
from .tables import text

if TYPE_CHECKING:
    from rich.console import RenderableType

MAX_BYTES = 2**31
MAX_MACS = 2 * 10**11
"""Networks that need more memory, or more multiply-adds for one image, run on torch's meta device: shapes only."""

KINDS = {
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


@dataclass(frozen=True)
class Report:
    """What `check` found: how many figures of each kind were compared, and each one that does not hold."""

    name: str
    layers: int
    checked: dict[str, int]
    findings: tuple[Mismatch, ...]
    claims: tuple[Claim, ...]
    targets: tuple[Claim, ...]
    grounds: tuple[Ground, ...]
    on_meta: bool

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
            (*KINDS[kind], f"{count:,}", f"{wrong[kind]:,}" if wrong[kind] else "none")
            for kind, count in self.checked.items()
        )
        columns = (Column("checked", left=True), Column("against", left=True), Column("figures"), Column("wrong"))
        return Grid(columns, rows, tuple(ground_text(ground) for ground in self.grounds) + self.remarks)

    @property
    def remarks(self) -> tuple[str, ...]:
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
    def findings_grid(self) -> Grid:
        """Each figure that does not hold, with its likely cause."""
        heads = ("layer", "quantity", "where", "expected", "measured", "likely cause")
        columns = tuple(Column(head, left=head not in ("expected", "measured")) for head in heads)
        rows = tuple(
            (f.layer or "", f.quantity, f.where, text(f.expected), text(f.measured), f.cause) for f in self.findings
        )
        return Grid(columns, rows)

    @property
    def verdict(self) -> str:
        if self.ok:
            return f"{self.name}: all holds"
        count = len(self.findings)
        tail = "; torch agrees with the table" if self.proved else ""
        return f"{self.name}: {count:,} figure{'s' * (count > 1)} {'do' if count > 1 else 'does'} not hold{tail}"

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal of that width: what was checked, what the spec states, what does not hold, the verdict."""
        from rich.console import Group
        from rich.text import Text

        parts: list[RenderableType] = [self.grid.to_rich(width), Text()]
        if self.claims_grid.rows:
            parts += [self.claims_grid.to_rich(width), Text()]
        if self.findings:
            parts += [self.findings_grid.to_rich(), Text()]
        return Group(*parts, Text(self.verdict, "bold green" if self.ok else "bold red"))


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


def shown(value: Any) -> Any:
    """A figure as JSON knows it."""
    if isinstance(value, Fraction):
        return float(value)
    return [shown(v) for v in value] if isinstance(value, tuple | list) else value


def claim_json(claim: Claim) -> dict[str, Any]:
    return {
        "quantity": claim.quantity,
        "layer": claim.layer,
        "stated": claim.stated,
        "computed": shown(claim.computed),
        "holds": claim.holds,
    }


def finding_json(finding: Mismatch) -> dict[str, Any]:
    return {
        "layer": finding.layer,
        "quantity": finding.quantity,
        "expected": shown(finding.expected),
        "measured": shown(finding.measured),
        "kind": finding.kind,
        "where": finding.where,
        "cause": finding.cause,
    }


# --- checking ----------------------------------------------------------------------------------------------------


def check(arch: Arch) -> Report:
    """Builds the network and compares; raises RfcalcError for a spec with problems, or that torch cannot build.

    Leaves torch's random state as it was.

    >>> import rfcalc
    >>> report = check(rfcalc.load("s9"))
    >>> report.ok, report.checked["receptive_field"]
    (True, 39)
    """
    tally = Tally(arch)
    on_meta = too_large(arch)
    with torch.device("meta" if on_meta else "cpu"):
        net = build(arch, seed=0)
        shapes, refusal = observed(net, torch.zeros(1, *arch.input))
        if refusal:  # a norm of one value has nothing to compare it with, but in a larger batch
            shapes, refusal = observed(net, torch.zeros(2, *arch.input))
    compare_modules(tally, net, shapes)
    grounds: list[Ground] = []
    if refusal:
        row = arch.rows[len(shapes) - 1]
        tally.mismatches.append(Mismatch(row.name, "output_shape", str(row.out), "torch refuses", refusal))
    else:
        grounds = prove(tally, net, shapes)
    claims, targets = claims_of(arch), targets_of(arch)
    found = [*tally.mismatches, *unmet(arch, claims, "claim"), *unmet(arch, targets, "target")]
    tally.checked["claims"] = sum(claim.holds is not None for claim in claims)
    tally.checked["targets"] = len(targets)
    checked = {kind: tally.checked[kind] for kind in KINDS}
    return Report(
        arch.name, len(arch.rows), checked, tuple(found), tuple(claims), tuple(targets), tuple(grounds), on_meta
    )


def prove(tally: Tally, net: Network, shapes: Sequence[Shape]) -> list[Ground]:
    """Compares the geometry along each axis; axes that nothing tells apart are compared once."""
    doubles = [double_of(net, shapes, axis) for axis in range(len(tally.arch.sizes))]
    return [AxisProof(tally.arch, doubles[axes[0]], axes[0], tally, axes).run() for axes in alike(tally.arch, doubles)]


def too_large(arch: Arch) -> bool:
    """Whether running the network on one image takes too much memory or time."""
    values = arch.params + 3 * max((row.x.elements + row.out.elements for row in arch.rows), default=0)
    return 4 * values > MAX_BYTES or arch.known_macs > MAX_MACS


def observed(net: Network, image: Tensor) -> tuple[list[Shape], str]:
    """The shapes of the image and of every layer's output, seen by forward hooks, and what torch says when a layer
    refuses its input; that layer is the first without a shape."""
    shapes: list[Shape] = [tuple(image.shape)]

    def seen(module: nn.Module, inputs: Any, output: Tensor) -> None:
        shapes.append(tuple(output.shape))

    hooks = [module.register_forward_hook(seen) for _, module in net.named_layers()]
    refusal = ""
    try:
        with torch.no_grad():
            net.eval()(image)
    except (RuntimeError, ValueError) as error:  # a layer's own complaint becomes a finding
        refusal = str(error).splitlines()[0]
    finally:
        for hook in hooks:
            hook.remove()
    return shapes, refusal


def compare_modules(tally: Tally, net: Network, shapes: Sequence[Shape]) -> None:
    for row, shape in zip(tally.arch.rows, shapes[1:], strict=False):
        tally.compare(row, "output_shape", shape_of(row), shape[1:])
    for row, (_, module) in zip(tally.arch.rows, net.named_layers(), strict=True):
        if row.node.params is None:  # else it shares weights, which a module built by itself cannot show
            tally.compare(row, "params", row.params, sum(p.numel() for p in module.parameters()))


def shape_of(row: Row) -> Shape:
    return (row.out.channels,) if row.out.flat else (row.out.channels, *row.out.sizes)


def unmet(arch: Arch, claims: Sequence[Claim], kind: str) -> list[Mismatch]:
    return [
        Mismatch(c.layer, c.quantity, c.stated, c.computed, cause_of_claim(arch, c), kind=kind)
        for c in claims
        if c.holds is False
    ]
