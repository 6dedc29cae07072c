"""A document read once: everything in it that the other rooms judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from .block_lists import block_models
from .code import code_models
from .compared import compared
from .context import Context, read_context
from .continued import continued
from .facts import StatedModel
from .headed import headed_models
from .headings import column_of
from .layer_lines import facts_of, line_models
from .layer_table import layer_table
from .listing import listing_models
from .printed_table import printed_tables
from .printout import Printout, find_printouts
from .sentences import Statement, read_statements
from .tables import TextTable, find_tables
from .text import LABEL_LEVEL, Line, Text, read_lines
from .tools import tool_models

FEW_BARS = 3
"""Bars in a line that make it a row of a table, and no line of a list."""


@dataclass(frozen=True)
class Document:
    """A text taken apart: printed summaries, stated models (tables, code, listings, prints of tools), and what the
    prose around them states."""

    text: Text
    printouts: tuple[Printout, ...]
    models: tuple[StatedModel, ...]
    statements: tuple[Statement, ...]
    context: Context
    prose: tuple[Line, ...]
    contexts: dict[int, Context] = field(default_factory=dict, repr=False, compare=False)
    """What was asked for before: the context of a section."""

    def section(self, line: int) -> int:
        """The index of the section that a line stands in."""
        return self.text.lines[line - 1].section if 0 < line <= len(self.text.lines) else 0

    def around(self, line: int, alone: bool) -> Context:
        """What the text says of a model on a line: all of it where the document holds no other, else its section."""
        if alone:
            return self.context
        own = self.section(line)
        top = [i for i in self.text.path(own) if self.text.sections[i].level not in (0, LABEL_LEVEL)]
        chosen = top[0] if top else own
        if chosen not in self.contexts:
            near = {i for i in range(len(self.text.sections)) if chosen in self.text.path(i)}
            inside = [s for s in self.statements if self.section(s.line) in near]
            words = read_context([p for p in self.prose if p.section in near], stated_fields(inside))
            self.contexts[chosen] = words if words.datasets else replace(words, datasets=self.context.datasets)
        return self.contexts[chosen]


def read_document(text: str) -> Document:
    """The parts of a document, found in time linear in its length."""
    found = read_lines(text)
    lines = found.lines
    printouts = find_printouts(lines)
    taken = {number for printout in printouts for number in printout.lines}
    code = code_models([line for line in lines if line.number not in taken])
    taken |= {number for model in code for number in model.lines}
    tables = find_tables([line for line in lines if line.number not in taken])
    printed = list(printed_tables(tables))
    printouts = sorted([*printouts, *printed], key=lambda printout: printout.line)
    taken |= {
        number for table in tables for number in (table.line, *table.lines) if any(map(column_of, table.headings))
    }
    printed_lines = {one.line for one in printed}
    layered = [(table, layer_table(table, table.line in printed_lines)) for table in tables]
    models = [*code, *continued([model for _, model in layered if model])]
    worded = {number for table, model in layered if not model and said_in_words(table, lines) for number in table.lines}
    barred = {number for table in tables for number in table.lines if lines[number - 1].text.count("|") >= FEW_BARS}
    for reader in (tool_models, headed_models, block_models, line_models, listing_models):
        left = (taken | barred) - worded if reader is line_models else taken
        models += reader([line for line in lines if line.number not in left])
        taken |= {number for model in models for number in model.lines}
    prose = [line for line in lines if line.number not in taken]
    statements = [*read_statements(prose, found), *compared([table for table, model in layered if not model], found)]
    return Document(
        found, tuple(printouts), tuple(sorted(models, key=lambda model: model.line)), tuple(statements),
        read_context(prose, stated_fields(statements)), tuple(prose),
    )  # fmt: skip


def said_in_words(table: TextTable, lines: Sequence[Line]) -> bool:
    """Whether at least half of a table's rows say all of a layer in words."""
    rows = [lines[number - 1] for number in table.lines]
    return 2 * len({line.number for line, _ in facts_of(rows)}) >= len(rows)


def stated_fields(statements: Sequence[Statement]) -> list[int]:
    """The receptive fields stated for a whole network, those called final or global first."""
    found = [
        s
        for s in statements
        if s.quantity == "receptive_field" and s.relation == "=" and not s.elsewhere and not s.required
    ]
    fields = [int(s.value) for s in sorted(found, key=lambda s: not s.whole)]
    return fields if len(set(fields)) <= 2 else []
