"""What stands around the drawing and the tables: totals, findings with links to their layers, targets."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from ..engine.arch import Arch
from ..report.cells import text
from ..report.claims import Claim, targets_of
from ..report.compare import compare
from ..report.findings import Finding, findings
from ..report.table import Table
from .markup import Markup, markups, tag
from .rows import grid_of

MOST_LINKS = 12
"""Of a finding on more layers, the first ones are linked."""
SECTION_WORDS = {
    "min_receptive_field": "receptive field before global pooling, at least",
    "max_params": "parameters, at most",
    "max_macs": "MACs, at most",
    "must_use": "must use",
    "must_not_use": "must not use",
}


def totals(arch: Arch) -> Markup:
    """The lines below the table of the command line, the name as a heading."""
    first, *rest = Table(arch).totals
    lines = (first.removeprefix(f"{arch.name}: "), *rest)
    return tag("div", tag("h1", arch.name), *(tag("p", line) for line in lines), cls="totals")


def link(layer: str, number: int) -> Markup:
    return tag("a", layer, href="#" + urlencode({"net": number, "layer": layer}))


def finding(found: Finding, number: int) -> Markup:
    links = [link(layer, number) for layer in found.layers[:MOST_LINKS]]
    more = len(found.layers) - len(links)
    rest = f" and {more} more" if more > 0 else ""
    return tag(
        "li", tag("b", found.kind), f" {found.text} ", tag("span", "see ", markups(links, ", "), rest, cls="see")
    )


def findings_of(arch: Arch, number: int, title: str) -> Markup:
    found = findings(arch)
    said = tag("ul", *(finding(each, number) for each in found)) if found else tag("p", "none")
    return tag("section", tag("h2", f"Findings{title}"), said, cls="findings")


def target(claim: Claim) -> Markup:
    """A target in words: met or missed is said, not only coloured."""
    kind = "met" if claim.holds else "missed" if claim.holds is False else "open"
    words = SECTION_WORDS.get(claim.quantity, claim.quantity)
    reached = "" if claim.computed is None else f": {text(claim.computed)}"
    return tag("li", tag("b", kind), f" {words} {text(claim.stated)}{reached}", cls=f"target {kind}")


def targets(arch: Arch, title: str) -> Markup:
    claims = targets_of(arch)
    if not claims:
        return Markup("")
    return tag("section", tag("h2", f"Targets{title}"), tag("ul", *map(target, claims)), cls="targets")


def comparison_section(archs: Sequence[Arch]) -> Markup:
    """Two networks' figures beside each other."""
    if len(archs) < 2:
        return Markup("")
    return tag("section", tag("h2", "Compared"), tag("div", grid_of(compare(archs).grid, cls="compared"), cls="scroll"))
