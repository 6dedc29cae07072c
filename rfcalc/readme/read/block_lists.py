"""Lists of layers in blocks, each closed by what comes out of it:

- Conv2d(32→32, 3×3, padding=2, dilation=2) + BN + ReLU
- **Output**: 32×32×32, RF=21
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .cells import SEVERAL, kind_of_operation, settings_in
from .facts import LayerFact, StatedModel
from .layer_lines import ARROWED, BULLET, LINE_KINDS, LONGEST, SEPARATED, STATEMENT, TWO, model_of_lines
from .notes import MAP, notes_in
from .text import Line, clean_cell

CLOSING = re.compile(r"^\W*(?:final\s|block\s)?out(?:put)?(?:\s(?:size|shape))?\W{0,4}[:=→]", re.IGNORECASE)
"""What comes out of the layers above it: Output: 16x16x48, RF=5."""
REMARK = re.compile(r"\s[+⭐✅*]|\s[-–—]\s|\bR\.?F\b")
UNKNOWN = re.compile(
    r"dilat|atrous|branch|parallel|incept|skip|shortcut|residual|concat|block|bottleneck|up-?sampl|transpos|deconv",
    re.IGNORECASE,
)
"""Layers, or what goes around layers, whose settings a list does not state."""
WINDOW = re.compile(r"conv|pool", re.IGNORECASE)
FIGURES = {"n_out", "r_out"}
SIDES = re.compile(r"\d\s?[x×]\s?\d")
APART = 6
"""Lines between two of one list: a heading and what it says of its block."""
FEWEST_BLOCKS = 2


def block_models(lines: Sequence[Line]) -> list[StatedModel]:
    """The lists with at least two blocks that state the size or the field that comes out; what each states stands with
    its last layer."""
    runs: list[list[LayerFact]] = [[]]
    for fact in facts_of_blocks(lines):
        run = runs[-1]
        last = run[-1] if run else fact
        anew = fact.cells.get("ch_in") in (1, 3) and last.cells.get("ch_out") != fact.cells["ch_in"]
        if run and (anew or fact.line - max(last.line, *dict(last.places).values(), 0) > APART):
            runs.append([])
        if fact.kind != "output":
            runs[-1].append(fact)
        elif runs[-1] and not is_closed(last):
            runs[-1][-1] = last.noting(fact.cells, fact.line)
    ends = [max((place for place, fact in enumerate(run, 1) if is_closed(fact)), default=0) for run in runs]
    blocks = [sum(map(is_closed, run)) for run in runs]
    kept = [run[:end] for run, end, n in zip(runs, ends, blocks, strict=True) if n >= FEWEST_BLOCKS]
    return [model_of_lines(run, "blocks") for run in kept]


def is_closed(fact: LayerFact) -> bool:
    return bool(FIGURES & fact.cells.keys())


def facts_of_blocks(lines: Sequence[Line]) -> Iterator[LayerFact]:
    """The layers in points of lists that state nothing of a map themselves, those that stay unknown as such, and the
    outputs of blocks under their own kind."""
    for line in lines:
        text = clean_cell(line.text) if BULLET.match(line.text) and len(line.text) <= LONGEST else ""
        if CLOSING.match(text):
            notes = {key.replace("said", "ch"): n for key, n in notes_in(text).items()}
            notes = notes if SIDES.search(text) else {key: n for key, n in notes.items() if key != "n_out"}
            if FIGURES & notes.keys():
                yield LayerFact(0, line.number, "output", "output", notes)
        elif (WINDOW.search(text) or UNKNOWN.search(text)) and not text.endswith(":"):
            yield listed(text, line.number)


def listed(text: str, line: int) -> LayerFact:
    """The layer that a point of a list names; of kind other where it does not show which."""
    words = REMARK.split(text.strip(" -*+•"), maxsplit=1)[0]
    kind, cells = kind_of_operation(words), dict(settings_in(words))
    several = SEVERAL.search(words) or len({name.lower() for name in TWO.findall(words)}) > 1
    told = "dilation" in cells or not UNKNOWN.search(text)
    mapped = STATEMENT.search(text) or MAP.search(text) or ARROWED.search(text)
    whole = kind == "global" or "kernel_size" in cells
    if kind not in LINE_KINDS or several or not told or mapped or not whole:
        return LayerFact(0, line, words, "other", {})
    return LayerFact(0, line, words, kind, cells, several=bool(SEPARATED.search(words)))
