"""A total below the counts of the parts that it adds up: FC1: 256*8 + 8 = 2,056 … Total: 3,295,928 parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...spec.stated import Stated
from ..read.cells import equations
from ..read.read import Document
from ..read.text import LONGEST_LINE
from .counts import adds_up_others
from .verdict import Verdict

COUNT = r"(?<![\w.,])(?P<figure>\d{1,3}(?:,\d{3})+|\d{2,})(?![\w.,]*\d|\s?[KkMm%x×])"
TOTAL = re.compile(rf"^\W*(?:grand\s)?total\b(?:\s\w+){{0,2}}(?:\s?\([^()]{{1,40}}\))?\W{{1,6}}{COUNT}", re.IGNORECASE)
PART = re.compile(rf"^\W*(?:param\w*\W{{1,6}}|[A-Za-z].*=\s*){COUNT}\W*(?:param\w*)?\W*$", re.IGNORECASE)
"""A part's count, alone or behind its arithmetic."""
COUNTED = re.compile(r"param|weights|参数|參數|パラメータ|파라미터|매개변수", re.IGNORECASE)
OTHERS = re.compile(
    r"\b(?:macs?|g?flops?|mult\w*|operations?|activations?|memory|bytes|neurons?|units|features?|outputs?|inputs?|sizes?|shape|"
    r"R\.?F|receptive|images?|steps?|epochs?|samples?|batch\w*|connections?)\b",
    re.IGNORECASE,
)
"""What else is counted: such a line is no part."""
APART = 6
"""Lines between two parts, or the last and the total."""
FEWEST = 3
"""Parts."""


def total_claims(document: Document) -> Iterator[Verdict]:
    """The totals of parameters that are less than their parts together: no part that is left out explains that. A part
    may be the sum of those in front of it, then nothing is said."""
    parts: list[int] = []
    last = 0
    for line in document.text.lines:
        text = line.text if len(line.text) <= LONGEST_LINE else ""
        if parts and line.number - last > APART:
            parts = []
        total = TOTAL.match(text) if COUNTED.search(text) else None
        part = None if total or OTHERS.search(text) else PART.match(text)
        if part and ("=" not in text or any(not one.amiss for one in equations(text))):
            parts.append(int(part["figure"].replace(",", "")))
            last = line.number
        elif total and len(parts) >= FEWEST:
            stated, added = Stated.of(total["figure"].replace(",", "")), sum(parts)
            if stated.value < added and not adds_up_others(parts) and not adds_up_others(parts[::-1]):
                why = f"the {len(parts)} parts above it are {added:,} together"
                yield Verdict("params", total["figure"], added, "wrong", line.number, why)
            parts = []
