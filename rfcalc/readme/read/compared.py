"""Tables that compare models, a row each: what a row states belongs to the section that has its name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .headings import column_of
from .sentences import Statement, figure_of, plausible
from .tables import TextTable
from .text import Text

COMPARED_FIGURE = re.compile(r"^\W{0,3}(?P<number>\d[\d,]{0,15}(?:\.\d{1,6})?)\s?(?P<unit>[KkMm]?)\b(?!\s?[%/x×])")
SCALE = re.compile(r"\(\s?(?P<unit>[KkMm])\s?\)|\bin (?P<word>thousand|million)s?\b", re.IGNORECASE)
COMPARED_COLUMNS = {"params": "params", "r": "receptive_field", "r_out": "receptive_field"}
EXTRA = re.compile(r"\b(?:the|model|network|net)\b|\W", re.IGNORECASE)


def compared(tables: Sequence[TextTable], text: Text) -> Iterator[Statement]:
    """The counts and fields of rows whose name is the title of one section."""
    titles: dict[str, list[int]] = {}
    for index, section in enumerate(text.sections):
        titles.setdefault(bare(section.title), []).append(index)
    for table in tables:
        columns = {place: COMPARED_COLUMNS.get(column_of(h) or "") for place, h in enumerate(table.headings) if place}
        for cells, line in zip(table.rows, table.lines, strict=True):
            own = titles.get(bare(cells[0]), []) if cells and bare(cells[0]) else []
            if len(own) != 1 or own[0] == text.lines[line - 1].section:
                continue
            for place, quantity in columns.items():
                match = COMPARED_FIGURE.match(cells[place]) if quantity else None
                scale = SCALE.search(table.headings[place])
                if quantity and match:
                    unit = match["unit"] or (scale and (scale["unit"] or scale["word"])) or ""
                    figure = figure_of(quantity, match["number"].replace(",", ""), unit)
                    if plausible(quantity, float(figure.value), bool(unit) and quantity == "params", ""):
                        stated = match["number"] + match["unit"]
                        yield Statement(quantity, stated, "=", figure, line, section=own[0])


def bare(title: str) -> str:
    """A name without signs, articles and the word model."""
    return EXTRA.sub("", title).casefold()
