"""One network in several tables, a block in each: a table that reads what the one above it makes goes on with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .facts import LayerFact, StatedModel

APART = 40
"""Lines between two such tables."""
PASSED = (("ch_out", "ch_in"), ("n_out", "n_in"), ("r_out", "r_in"), ("j_out", "j_in"))
FEWEST = 2
"""Figures that pass from one to the next."""


def continued(models: Sequence[StatedModel]) -> list[StatedModel]:
    """The models with tables that go on with the one above as one."""
    found: list[StatedModel] = []
    for model in models:
        above = found[-1] if found else None
        if above and follows(above, model) and (whole := passes(above, model)) is not None:
            found[-1] = together(above, model, whole)
        else:
            found.append(model)
    return found


def follows(above: StatedModel, model: StatedModel) -> bool:
    """Whether a table stands below one with the same columns, and does not begin at an image again."""
    alike = above.form == model.form == "table" and len(above.axes) == len(model.axes) and above.total is None
    if not alike or model.line - max(above.lines) > APART or columns(above) != columns(model):
        return False
    first = model.facts[0].cells
    again = above.facts[0].cells.items() <= first.items() or first.get("ch_in") in (1, 3)
    return not again and 1 not in (first.get("r_in"), first.get("r"), first.get("r_out"))


def passes(above: StatedModel, model: StatedModel) -> bool | None:
    """Whether a table reads all that the last row above makes; False where its fields only go on from there, so that
    rows are left out between them; None for neither."""
    last, first = above.facts[-1].cells, model.facts[0].cells
    passed = [first[into] == last[out] for out, into in PASSED if out in last and into in first]
    fields = [cells.get("r_out", cells.get("r", 0)) for cells in (last, first)]
    kernel = first.get("kernel_size", 1)
    if len(passed) >= FEWEST and all(passed) and (not fields[1] or fields[1] >= fields[0]):
        return True
    return False if fields[1] >= fields[0] > kernel else None


def columns(model: StatedModel) -> set[str]:
    return {key for fact in model.facts for key in fact.cells} - {"stride", "padding", "dilation", "groups"}


def together(above: StatedModel, model: StatedModel, whole: bool) -> StatedModel:
    """Both as one, the rows numbered through, with an unknown one between them where they are not the whole."""
    shift = above.facts[-1].number
    gap = () if whole else (LayerFact(shift, model.line, "", "other", {}, several=True),)
    axes = tuple((*a, *gap, *moved(b, shift)) for a, b in zip(above.axes, model.axes, strict=True))
    below = ((number + shift, line, column, stated, made) for number, line, column, stated, made in model.sums)
    lines, sums = above.lines | model.lines, (*above.sums, *below)
    return replace(above, axes=axes, total=model.total, lines=lines, sums=sums, outs=above.outs + model.outs)


def moved(facts: Sequence[LayerFact], shift: int) -> Iterator[LayerFact]:
    return (replace(fact, number=fact.number + shift) for fact in facts)
