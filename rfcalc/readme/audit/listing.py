"""What is said of a network that a text lists: names that stand for two layers or for none, one padding for all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ..read.read import Document
from .tables import ModelAudit
from .verdict import Verdict
from .walk import best_walk
from .walked import Walked

PADDING_FOR_ALL = re.compile(
    r"padding\W{1,4}(?:is|=|of)?\W{0,3}(?P<padding>\d)\W{0,3}.{0,12}\b(?:all|every|each)\b", re.IGNORECASE
)

OPERATION = re.compile(r"[A-Za-z_]+\d{1,2}x\d{1,2}")
"""What a layer does, with its kernel, and no name of its own: Conv1x1."""


def listing_claims(audit: ModelAudit, document: Document) -> Iterator[Verdict]:
    """The verdicts on a listing's names, and on what the prose around it says of its layers."""
    listed: dict[str, str] = {}
    for fact in audit.model.facts:
        if fact.kind != "conv" or not fact.name[-1].isdigit() or OPERATION.fullmatch(fact.name):
            continue
        channels = f"{fact.cells.get('ch_in', '?')} to {fact.cells.get('ch_out', '?')} channels"
        if fact.name in listed:
            why = f"{fact.name} names two layers: {listed[fact.name]} and {channels}"
            yield Verdict("layer name", fact.name, None, "wrong", fact.line, why, fact.name)
        listed.setdefault(fact.name, channels)
    prose = [line for line in document.prose if not line.code]
    alike = {re.compile(rf"\b{name.rstrip('0123456789')}\d{{1,3}}\b") for name in [*listed][:1]}
    mentioned = {name: line.number for line in reversed(prose) for p in alike for name in p.findall(line.text)}
    for name in sorted(mentioned.keys() - listed.keys()):
        why = f"the text names {name}, the listing has none"
        yield Verdict("layer name", name, None, "undetermined", mentioned[name], why)
    for line in prose:
        if match := PADDING_FOR_ALL.search(line.text):
            yield padding_claim(audit, int(match["padding"]), line.number)
            return


def padding_claim(audit: ModelAudit, padding: int, line: int) -> Verdict:
    """One padding said to be every layer's, against the stated sizes."""
    model = audit.model
    facts = tuple(
        replace(fact, cells={"padding": padding, **fact.cells}, same=False) if fact.kind in ("conv", "pool") else fact
        for fact in model.facts
    )
    sizes = sum("n_out" in fact.cells for fact in facts)
    kept, literal = sizes - cells_off(audit.walked), sizes - cells_off(best_walk(replace(model, axes=(facts,))))
    if literal < kept:
        why = f"with padding {padding} everywhere {literal} of {sizes} stated sizes follow, with kept maps {kept}"
        return Verdict("padding", padding, None, "wrong", line, why)
    right = sizes > 0 and literal == sizes
    why = f"{literal} of {sizes} stated sizes follow"
    return Verdict("padding", padding, padding, "right" if right else "undetermined", line, why)


def cells_off(walked: Walked) -> int:
    return sum(slip.column == "n_out" for slip in walked.slips)
