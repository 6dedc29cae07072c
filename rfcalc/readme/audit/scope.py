"""Which models a claim can speak of: those of its own section, or of the nearest one around it that has any."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice

from ..read.read import Document
from ..read.text import LABEL_LEVEL
from .facts import Facts

VARIANT = re.compile(
    r"\b(?:model|net(?:work)?|version|attempt|iteration|experiment|trial|try|run|variant|v)s?(?![A-Za-z])[\s#:_-]*(?:\d|[A-D]\b|one|two|three|four|i{1,3}\b)|"
    r"\b(?:first|second|third|fourth|fifth|last|final|best|base\w*|previous|initial)\s+(?:model|net|network|version|attempt|try|iteration|run|step)|"
    r"\b(?:batch|group|layer|instance|ghost)[\s-]?norm|\b(?:BN|GN|LN|GBN|L1|L2)\b",
    re.IGNORECASE,
)
"""Titles that tell one network from another."""
PART = re.compile(
    r"\b(?:step|part|session|assignment|exercise|code|stage|phase)s?(?![A-Za-z])[\s#:_-]*\d", re.IGNORECASE
)
"""Titles that do so where there are several of them."""


CAPTION = 8
"""Lines after a model in which a sentence speaks of it, where its section holds others."""


class ClaimScope:
    """The models of a document by the sections that they stand in."""

    def __init__(self, document: Document, facts: Sequence[Facts]) -> None:
        self.text = document.text
        self.own: dict[int, list[Facts]] = {}
        self.inside: dict[int, list[Facts]] = {}
        for fact in facts:
            section = document.section(fact.line)
            self.own.setdefault(section, []).append(fact)
            for index in self.text.path(section):
                self.inside.setdefault(index, []).append(fact)
        titles = [section.title for section in self.text.sections]
        self.several = {p for p in (VARIANT, PART) if len(list(islice(filter(p.search, titles), 2))) > 1}
        """What the titles of several sections match."""

    def of(self, section: int) -> list[Facts]:
        """The models that a claim in a section may speak of."""
        for index in self.text.path(section):
            if index in self.inside:
                return self.inside[index]
            pattern = next((p for p in (VARIANT, PART) if p.search(self.text.sections[index].title)), None)
            if pattern in self.several:
                return self.up_to_next(index, pattern) if pattern else []
            if before := self.told_before(index):
                return before
        return []

    def told_before(self, index: int) -> list[Facts]:
        """The models under the last title in front of a section, beside it, that tells one network from another:
        "Model B", then "Training Logs"."""
        own = self.text.sections[index]
        beside = (place for place in range(index - 1, -1, -1) if self.text.sections[place].parent == own.parent)
        told = [p for p in (VARIANT, PART) if p in self.several]
        place = next((p for p in beside if any(q.search(self.text.sections[p].title) for q in told)), None)
        return self.inside.get(place, []) if place is not None and own.level != LABEL_LEVEL else []

    def up_to_next(self, index: int, pattern: re.Pattern[str]) -> list[Facts]:
        """The models between the title of one network and the next such title beside it, under titles of their own
        ("Model 1", "Analysis", "Model 2"); none where no other follows, for then they may be of all."""
        found: list[Facts] = []
        for place in range(index + 1, len(self.text.sections)):
            section = self.text.sections[place]
            if section.level < self.text.sections[index].level:
                return []
            if section.parent != self.text.sections[index].parent:
                continue
            if pattern.search(section.title):
                return found
            found += self.inside.get(place, ())
        return []

    def apart(self, section: int) -> bool:
        """Whether the section, with the heading that it stands under, holds no model."""
        headed = [i for i in self.text.path(section) if self.text.sections[i].level != LABEL_LEVEL]
        return headed[0] not in self.inside

    def nearest(self, line: int, section: int) -> Facts | None:
        """The model right above a sentence in its own section; None where it is far, or where none is."""
        above = [fact for fact in self.own.get(section, ()) if fact.line < line]
        last = max(above, key=lambda fact: fact.last, default=None)
        return last if last and 0 < line - last.last <= CAPTION else None
