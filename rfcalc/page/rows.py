"""The page's tables: every layer of a network with its figures, and what differs between two."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from ..engine.arch import Arch, Row
from ..report.cells import cells_of, text
from ..report.grid import Grid
from ..report.table import COLUMNS, Table
from .markup import Markup, markups, tag

LEAST_ALIKE = 0.3
"""Networks that share fewer names than that are matched by what their layers do."""


class Pair(NamedTuple):
    """A row of one network beside the row of the other that it corresponds to; None where there is none."""

    one: Row | None
    other: Row | None

    @property
    def differing(self) -> frozenset[str]:
        """The columns in which both rows differ; the name is none."""
        if self.one is None or self.other is None:
            return frozenset()
        cells = cells_of(self.one), cells_of(self.other)
        return frozenset(key for key in COLUMNS if key != "name" and cells[0][key] != cells[1][key])


def row_pairs(one: Arch, other: Arch) -> list[Pair]:
    """The rows of two networks beside one another: by their names or, of networks that share few, by what they do.

    >>> import rfcalc
    >>> arch = rfcalc.load("s9")
    >>> {pair.differing for pair in row_pairs(arch, arch)}
    {frozenset()}
    """
    matcher = matched([row.name for row in one.rows], [row.name for row in other.rows])
    if matcher.ratio() < LEAST_ALIKE:
        matcher = matched(*([f"{row.layer.op} {row.out.channels}" for row in arch.rows] for arch in (one, other)))
    found: list[Pair] = []
    for _, a, a_end, b, b_end in matcher.get_opcodes():
        rows = one.rows[a:a_end], other.rows[b:b_end]
        for i in range(max(map(len, rows))):
            found.append(Pair(*(part[i] if i < len(part) else None for part in rows)))
    return found


def matched(one: Sequence[str], other: Sequence[str]) -> SequenceMatcher[str]:
    return SequenceMatcher(None, one, other, autojunk=False)


def layers_table(arch: Arch, number: int, beside: Sequence[Pair] = ()) -> Markup:
    """Every layer with its figures; `beside` is, for the first or second of two networks, what it is matched with."""
    full = Table(arch, all_layers=True)
    columns = full.columns
    first, *rest = (tag("th", column.heading, scope="col", cls=text_side(column.left)) for column in columns.values())
    sums = tag("th", tag("span", "arithmetic", cls="hidden"), scope="col", cls="tool")
    head = tag("tr", first, sums, *rest)
    lines = beside or [Pair(row, None) if not number else Pair(None, row) for row in arch.rows]
    body = [layer_link(pair, number, tuple(columns), compared=bool(beside)) for pair in lines]
    caption = tag("caption", f"{arch.name}: {len(arch.rows)} layers")
    return tag("table", caption, tag("thead", head), tag("tbody", *body), cls="rows", data_net=number)


def text_side(left: bool) -> str:
    return "left" if left else "right"


def layer_link(pair: Pair, number: int, keys: Sequence[str], compared: bool) -> Markup:
    row = (pair.one, pair.other)[number]
    if row is None:
        return tag("tr", tag("td", colspan=len(keys) + 1), cls="blank", aria_hidden="true")
    cells, differing = cells_of(row), pair.differing
    alone = compared and None in pair
    word, sign = ("only here", "+") if alone else ("differs", "\N{NOT EQUAL TO}") if differing else ("", "")
    mark = tag(
        "span", tag("span", f"{word}: ", cls="hidden"), tag("span", sign, aria_hidden="true"), cls="mark", title=word
    )
    first = tag("th", *([mark] if word else []),
                tag("button", row.name, type="button", cls="pick", tabindex=-1), scope="row")  # fmt: skip
    rest = [
        tag("td", text(cells[key]), cls=f"{text_side(COLUMNS[key].left)}{' changed' if key in differing else ''}")
        for key in keys
        if key != "name"
    ]
    sums = tag("td", tag("button", "=", type="button", cls="sum", tabindex=-1,
                         aria_label=f"the arithmetic of {row.name}"), cls="tool")  # fmt: skip
    looks = ["keeps"] if row.keeps_all else []
    looks += ["only"] if alone else ["differs"] if differing else []
    return tag("tr", first, sums, *rest, cls=" ".join(looks) or None, data_layer=row.name, data_row=row.index)


def grid_of(content: Grid, **attributes: str) -> Markup:
    """Any grid of the reports as a table."""
    head = tag("tr", *(tag("th", c.heading, scope="col", cls=text_side(c.left)) for c in content.columns))
    body = [
        tag("tr", tag("th", cells[0], scope="row"), *(tag("td", cell, cls="right") for cell in cells[1:]))
        for cells in content.rows
    ]
    return tag("table", tag("thead", head), tag("tbody", markups(body)), **attributes)
