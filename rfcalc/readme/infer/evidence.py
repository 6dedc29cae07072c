"""What code, tables and further columns of a document say of a printed summary's rows, joined to them as settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..read.facts import LayerFact, StatedModel
from ..read.headings import WINDOW_SETTINGS
from ..read.printout import Printout
from ..read.rows import PrintedRow
from . import costs
from .priors import PRINTED


def with_evidence(printout: Printout, models: Sequence[StatedModel]) -> Printout:
    """The summary with the settings that the nearest model of the same network states."""
    convs = [place for place, row in enumerate(printout.rows) if PRINTED.get(row.type) == "conv" and row.first is None]
    found: dict[int, Mapping[str, Any]] = {}
    for model in sorted(models, key=lambda model: -abs(model.line - printout.line)):
        facts = [fact for fact in model.facts if fact.kind == "conv" and fact.cells.keys() & set(WINDOW_SETTINGS)]
        if len(facts) == len(convs) >= costs.FEWEST_AGREEING and same_network([printout.rows[i] for i in convs], facts):
            found = {place: evident_settings(fact) for place, fact in zip(convs, facts, strict=True)}
    if not found:
        return printout
    rows = [replace(row, known=tuple(found[i].items())) if found.get(i) else row for i, row in enumerate(printout.rows)]
    return replace(printout, rows=tuple(rows))


def same_network(rows: Sequence[PrintedRow], facts: Sequence[LayerFact]) -> bool:
    """Whether every channel and every size that the facts state are the printed ones, and enough are stated."""
    stated = 0
    for row, fact in zip(rows, facts, strict=True):
        if row.shape is None:
            return False
        channels, sizes = fact.cells.get("ch_out"), {fact.cells[key] for key in ("n", "n_out") if key in fact.cells}
        if channels not in (None, row.shape[0]) or (sizes and not sizes & set(row.shape[1:])):
            return False
        stated += channels is not None or bool(sizes)
    return stated == len(rows)


def evident_settings(fact: LayerFact) -> dict[str, Any]:
    return {key: fact.cells[key] for key in WINDOW_SETTINGS if key in fact.cells}


def agreeing(settings: Mapping[str, Any], known: Sequence[tuple[str, Any]]) -> bool:
    """Whether a layer has the settings that are known of it; depthwise counts as any number of groups above 1."""
    usual = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "mode": "nearest"}
    if "out_channels" not in settings:  # a pool
        usual["stride"] = settings.get("kernel_size", 1)
    for key, value in known:
        here = settings.get(key, usual.get(key))
        alike = isinstance(here, tuple) and set(here) == {value}
        if not (here == value or alike or (key == "groups" and here == "depthwise" and value > 1)):
            return False
    return True
