"""What tools that compute receptive fields print: a layer's name, and below or after it `jump: 4`, `n = 16`, …"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ...engine.geometry import Number
from .cells import CHANNELS_FROM_TO, figures_in, kind_of_operation
from .facts import LayerFact, StatedModel
from .headings import column_of
from .text import LONGEST_LINE, Line

PAIR = re.compile(
    r"(?<![\w.])([A-Za-z][A-Za-z_ ]{0,24}?)\s*[:=]\s*(\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?(?:\s?[x×]\s?\d+)?)(?![\w.])"
)
NAME = re.compile(
    r"^[\s|#*-]*(?:layer(?:[\s_]name)?\s*[:=]?\s*)?(?P<name>[A-Za-z][\w. /()-]{0,40}?)\s*[:,*-]*\s*$", re.IGNORECASE
)
LED = re.compile(r"^\s*(?P<name>[A-Za-z][\w.]{0,30})\s*:\s*(?=[A-Za-z][A-Za-z_ ]{0,24}\s*[:=])")
WINDOW_WORD = re.compile(r"conv|pool", re.IGNORECASE)
APART = 20
"""Lines from one layer to the next of a print, at most."""
FEWEST_PRINTED = 3
"""Layers that make such a print."""
OUTPUT_SIDE = {"n": "n_out", "n_in": "n_out", "j": "j_out", "r": "r_out", "stride": "product"}
"""These tools print what comes out of a layer, under any heading; a stride beside a field is the product so far, or
beside a kernel the layer's own: the figures show which."""


def tool_models(lines: Sequence[Line]) -> list[StatedModel]:
    """The prints of such tools: at least three layers in a row, each with its field and its jump or size."""
    found: list[StatedModel] = []
    facts: list[LayerFact] = []
    end = 0
    for fact, last in tool_facts(lines):
        if facts and fact.line - facts[-1].line > APART:
            found += tool_model(facts, end)
            facts = []
        facts.append(fact)
        end = last
    return [*found, *tool_model(facts, end)]


def tool_model(facts: Sequence[LayerFact], end: int) -> list[StatedModel]:
    if len(facts) < FEWEST_PRINTED:
        return []
    lines = frozenset(range(facts[0].line, end + 1))
    return [StatedModel("print of a tool", facts[0].line, (tuple(facts),), lines=lines)]


def tool_facts(lines: Sequence[Line]) -> Iterator[tuple[LayerFact, int]]:
    """The layers, each with the line of its last figure."""
    name, line, number, end = "", 0, 0, 0
    cells: dict[str, Number] = {}
    for at in [*lines, Line(0, "end")]:
        text = at.text if len(at.text) < min(300, LONGEST_LINE) else ""
        led = LED.match(text)
        pairs = pairs_in(text[led.end() :] if led else text)
        label = NAME.match(text) if not pairs else None
        words = not pairs and text.strip(" -=_#*\t")
        if led or label or words or at.number == 0:
            if name and "r_out" in cells:
                number += 1
                kind, known = kind_of_operation(name), "kernel_size" in cells
                kind = "conv" if known and kind == "other" else kind
                cells = {"j_out" if k == "product" and not known else k: v for k, v in cells.items()}
                yield LayerFact(number, line, name, kind, cells), end
            name, line, cells = (led or label or {"name": told_in(text)})["name"], at.number, {}
        cells, end = {**cells, **pairs} if name else {}, at.number if pairs else end


def told_in(text: str) -> str:
    """The layer whose figures stand below a sentence: the one that it names, where it names no other."""
    named = {word.lower() for word in WINDOW_WORD.findall(text)}
    return named.pop() if len(named) == 1 else ""


def pairs_in(text: str) -> dict[str, Number]:
    """The figures of a line that holds nothing but such pairs; empty for any other line."""
    found: dict[str, Number] = {}
    if ":" not in text and "=" not in text:
        return found
    for key, value in PAIR.findall(text):
        named = "r" if "recept" in key.lower() else "n" if re.search(r"features?$", key) else None
        column = named or column_of(key.strip())
        numbers = figures_in(value, "n")
        if column and column != "name" and numbers:
            found[OUTPUT_SIDE.get(column, column)] = numbers[0]
    if (pair := CHANNELS_FROM_TO.search(text)) and found.pop("ch", None):
        found |= {"ch_in": int(pair["a"]), "ch_out": int(pair["b"])}
    rest = PAIR.sub("", text)
    return found if len(re.sub(r"[\W_]", "", rest)) < 4 else {}
