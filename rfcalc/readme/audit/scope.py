"""Which models a claim can speak of: those of its own section, or of the nearest one around it that has any."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from ..read.read import Document
from .facts import Facts

VARIANT = re.compile(
    r"\b(?:model|net(?:work)?|version|attempt|iteration|experiment|trial|try|run|variant|v)s?\b[\s#:_-]*(?:\d|[A-D]\b|one|two|three|four|i{1,3}\b)|"
    r"\b(?:first|second|third|fourth|fifth|last|final|best|base\w*|previous|initial)\s+(?:model|net|network|version|attempt|try|iteration|run|step)|"
    r"\b(?:batch|group|layer|instance|ghost)[\s-]?norm|\b(?:BN|GN|LN|GBN|L1|L2)\b",
    re.IGNORECASE,
)
"""Titles that tell one network from another."""
PART = re.compile(r"\b(?:step|part|session|assignment|exercise|code|stage|phase)s?\b[\s#:_-]*\d", re.IGNORECASE)
"""Titles that do so where there are several of them."""


def in_scope(document: Document, facts: Sequence[Facts], within: int) -> list[Facts]:
    """The models that a claim in a section may speak of."""
    text = document.text
    paths = [frozenset(text.path(document.section(fact.line))) for fact in facts]
    for index in text.path(within):
        inside = [fact for fact, path in zip(facts, paths, strict=True) if index in path]
        pattern = next((p for p in (VARIANT, PART) if p.search(text.sections[index].title)), None)
        if inside:
            return inside
        if pattern and several(pattern, document):
            return []
    return []


def several(pattern: re.Pattern[str], document: Document) -> bool:
    """Whether two titles of the document match."""
    return len(list(islice((s for s in document.text.sections if pattern.search(s.title)), 2))) > 1


CAPTION = 8
"""Lines after a model in which a sentence speaks of it, where its section holds others."""


def nearest(document: Document, facts: Sequence[Facts], line: int, section: int) -> Facts | None:
    """The model right above a sentence in its own section; None where it is far, or where none is."""
    above = [fact for fact in facts if fact.line < line and document.section(fact.line) == section]
    last = max(above, key=lambda fact: fact.last, default=None)
    return last if last and 0 < line - last.last <= CAPTION else None
