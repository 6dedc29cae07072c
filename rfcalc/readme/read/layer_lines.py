"""Layers written a line each, with the field or the size that they lead to: Conv2d(8->16, 3x3, s=2): RF = 7."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ...engine.geometry import Number
from .cells import kind_of_operation, settings_in
from .constructed import notes_in
from .facts import LayerFact, StatedModel
from .layer_table import shape_in
from .text import Line, clean_cell

LAYER_LINE = re.compile(
    r"^[\s>*+-]*(?:\d{1,2}[.)]\s+)?\W{0,4}(?P<words>[A-Za-z].{2,120}?)\s*(?:[:=,|–-]|→|->|=>|➡|⇒)?\s*$"
)
STATEMENT = re.compile(
    r"\b(?:in(?:put)?\s*[:=]|R\.?F\b|receptive\b|output\b|out\b|jump\b|(?<!kernel.)(?<!filter.)(?<!pool.)size\b)",
    re.IGNORECASE,
)
ARROWED = re.compile(r"(?:→|->|=>|➡|⇒)\s*[(\[]?(\d{1,4}\s?[x×]\s?\d{1,4}(?:\s?[x×]\s?\d{1,5})?)")
"""What comes out, behind an arrow: Conv 3x3, 16 filters -> 30x30x16."""
LINE_KINDS = ("conv", "pool", "global")
LONGEST = 300
"""Characters of such a line; longer ones are prose."""
FEWEST_LINES = 3
"""Layers that make such a list."""
LINES_APART = 6
"""Lines between two layers of one list."""
CODE = re.compile(r"\bself\.|\bnn\.|^\s*[)#]|\bdef\b|\bimport\b|\w\(\w+_\w+\s*=")
TWO = re.compile(r"\bconv|pool", re.IGNORECASE)
"""A name of a window; a line with three of them speaks of several layers."""
WINDOW_WORDS = re.compile(r"(?:^|\W)(?:\d{1,2}\s?[x×]\s?\d{1,2}|kernel|k\s?=|gap\b|global|adaptive)", re.IGNORECASE)


def line_models(lines: Sequence[Line]) -> list[StatedModel]:
    """The lists of such lines: at least three layers, with a kernel and a field or a size each. A list of sizes may
    have a heading for each layer."""
    runs: list[list[LayerFact]] = [[]]
    section = None
    for line, fact in facts_of(lines):
        run = runs[-1]
        goes_on = bool(run) and fact.cells.get("n_in", 0) == run[-1].cells.get("n_out")
        anew = line.section != section and "r_out" in fact.cells and not goes_on
        if run and (anew or fact.line - run[-1].line > LINES_APART):
            runs.append([])
        section = line.section
        runs[-1].append(fact)
    return [model_of_lines(run) for run in runs if len(run) >= FEWEST_LINES]


def model_of_lines(run: Sequence[LayerFact]) -> StatedModel:
    """The list as a model: where some rows state a stride above 1, the other convolutions have 1."""
    strided = any(fact.cells.get("stride", 1) > 1 for fact in run)
    facts = tuple(numbered_fact(place, fact, strided) for place, fact in enumerate(run, 1))
    return StatedModel("list", run[0].line, (facts,), lines=frozenset(fact.line for fact in run))


def numbered_fact(place: int, fact: LayerFact, strided: bool) -> LayerFact:
    plain = {"stride": 1} if strided and fact.kind == "conv" else {}
    return LayerFact(place, fact.line, fact.name, fact.kind, {**plain, **fact.cells})


def facts_of(lines: Sequence[Line]) -> Iterator[tuple[Line, LayerFact]]:
    """The lines that name a window and state what comes out of it; two windows in a line are none."""
    for line in lines:
        text = clean_cell(line.text) if len(line.text) <= LONGEST and not CODE.search(line.text) else ""
        if not text or text[0] == "|" or not STATEMENT.search(text) or not WINDOW_WORDS.search(text):
            continue
        words, notes = split_notes(text)
        kind = kind_of_operation(words)
        settings = settings_in(words)
        kind = "conv" if kind == "other" and "kernel_size" in settings else kind
        sized = "n_out" in notes and ("ch_out" in settings or kind != "conv")
        if kind in LINE_KINDS and ("r_out" in notes or sized) and len(TWO.findall(words)) < 3:
            match = LAYER_LINE.match(words)
            if kind == "global" and settings.get("kernel_size") == 1:  # what it leaves: 1x1
                settings = {key: value for key, value in settings.items() if key != "kernel_size"}
            yield line, LayerFact(1, line.number, match["words"] if match else words, kind, {**settings, **notes})


def split_notes(text: str) -> tuple[str, dict[str, Number]]:
    """The words that describe the layer, and the figures stated after them."""
    at = STATEMENT.search(text)
    assert at
    words, notes = text[: at.start()], notes_in(text[at.start() :])
    if (made := ARROWED.search(words)) and "n_out" not in notes:
        sizes, channels = shape_in(made[1])
        notes |= {"n_out": sizes[0]} | ({"ch_out": channels} if channels else {})
        words = words[: made.start()]
    return words, notes
