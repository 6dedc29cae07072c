"""A table of text cells, and the forms in which one can be printed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import RenderableType

COLUMN_GAP = 2
LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    c: "\\" + c for c in "&%$#_{}"
}


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, the short one for narrow terminals, and the rank of a column where there is no room for all: the
    lower the better (0 always stays)."""

    heading: str
    rank: int = 0
    left: bool = False
    short: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: tuple[str, ...] = ()
    """Lines that follow the rows."""

    def cells(self) -> list[tuple[str, ...]]:
        """The headings and the rows."""
        return [tuple(column.heading for column in self.columns), *self.rows]

    def widths(self) -> list[int]:
        """The columns of a terminal that each column takes."""
        from rich.cells import cell_len

        return [max(map(cell_len, column)) for column in zip(*self.cells(), strict=True)]

    def fitted(self, width: int | None) -> tuple[Grid, list[str]]:
        """The grid within `width` characters, and the headings of the columns that had to go for it.

        Headings are shortened first; then the columns are taken in the order of their rank as long as they fit.
        """
        if not width or sum(self.widths()) + COLUMN_GAP * (len(self.columns) - 1) <= width:
            return self, []
        grid = replace(self, columns=tuple(replace(c, heading=c.short or c.heading) for c in self.columns))
        widths, kept, left = grid.widths(), [], width + COLUMN_GAP
        for i in sorted(range(len(grid.columns)), key=lambda i: (grid.columns[i].rank, i)):
            if widths[i] + COLUMN_GAP <= left or not grid.columns[i].rank:
                kept.append(i)
                left -= widths[i] + COLUMN_GAP
        dropped = [column.heading for i, column in enumerate(self.columns) if i not in kept]
        rows = tuple(tuple(row[i] for i in sorted(kept)) for row in grid.rows)
        return Grid(tuple(grid.columns[i] for i in sorted(kept)), rows, self.caption), dropped

    def to_rich(self, width: int | None = None) -> RenderableType:
        """For a terminal `width` characters wide; columns are dropped to fit, and named below the table."""
        from rich.console import Group
        from rich.text import Text

        grid, dropped = self.fitted(width)
        head, *rows = grid.lines(width)  # laid out here: a table of rich's takes a millisecond for each row
        note = f"no room for: {', '.join(dropped)} (a wider terminal or --format shows them)"
        lines = [*self.caption, *([note] if dropped else [])]
        below = [Text(), *map(Text, lines)] if lines else []
        return Group(Text(head, "bold", overflow="fold"), *(Text(row, overflow="fold") for row in rows), *below)

    def lines(self, width: int | None = None) -> list[str]:
        """The headings and the rows, each column as wide as its widest cell; the widest column is folded to fit."""
        from rich.cells import chop_cells, set_cell_size

        widths = self.widths()
        over = sum(widths) + COLUMN_GAP * (len(widths) - 1) - (width or sum(widths) * COLUMN_GAP)
        if over > 0:
            widest = widths.index(max(widths))
            widths[widest] = max(widths[widest] - over, 1)
        out = []
        for row in self.cells():
            parts = [chop_cells(cell, n) or [""] for cell, n in zip(row, widths, strict=True)]
            for line in zip_longest(*parts, fillvalue=""):
                padded = [set_cell_size(part, n) for part, n in zip(line, widths, strict=True)]
                whole = zip(self.columns, padded, line, strict=True)
                out.append((" " * COLUMN_GAP).join(p if c.left else p[len(part) :] + part for c, p, part in whole))
        return out

    def plain(self) -> str:
        """The whole grid as text, whatever its width."""
        return rendered(self.to_rich(), max(80, sum(self.widths()) + COLUMN_GAP * len(self.columns)))

    def to_markdown(self) -> str:
        head = [column.heading for column in self.columns]
        rule = [":--" if column.left else "--:" for column in self.columns]
        lines = ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in (head, rule, *self.rows)]
        return "\n".join(lines + ([""] if self.caption else []) + [f"{line}  " for line in self.caption]) + "\n"

    def to_csv(self) -> str:
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([column.heading for column in self.columns])
        writer.writerows(self.rows)
        return out.getvalue()

    def to_html(self) -> str:
        def cells(tag: str, row: Sequence[str]) -> str:
            pairs = zip(["left" if column.left else "right" for column in self.columns], row, strict=True)
            return "".join(f'<{tag} style="text-align:{side}">{escape(cell)}</{tag}>' for side, cell in pairs)

        head = cells("th", [column.heading for column in self.columns])
        body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in self.rows)
        caption = "".join(f"<p>{escape(line)}</p>\n" for line in self.caption)
        return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n{caption}"

    def to_latex(self) -> str:
        def line(cells: Sequence[str]) -> str:
            return " & ".join("".join(LATEX.get(c, c) for c in cell) for cell in cells) + r" \\"

        form = "".join("l" if column.left else "r" for column in self.columns)
        head = line([column.heading for column in self.columns])
        caption = [r"\par " + "".join(LATEX.get(c, c) for c in text) for text in self.caption]
        lines = [rf"\begin{{tabular}}{{{form}}}", r"\hline", head, r"\hline", *map(line, self.rows), r"\hline"]
        return "\n".join([*lines, r"\end{tabular}", *caption]) + "\n"

    def to_text(self, form: str) -> str:
        """The grid in a text form: markdown, csv, html or latex."""
        text: str = getattr(self, f"to_{form}")()
        return text


def as_json(value: Any) -> str:
    """Figures as JSON text."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def rendered(renderable: RenderableType, width: int) -> str:
    """What a terminal of that width would show, without colours."""
    from rich.console import Console

    console = Console(width=width, color_system=None, force_jupyter=False)  # text in a notebook, too
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


class Printed:
    """What prints, in Python and in a notebook, as its verb prints it: a base of results that have a `render`."""

    def render(self, width: int | None = None) -> RenderableType:
        raise NotImplementedError

    def __str__(self) -> str:
        return rendered(self.render(), 100_000).rstrip("\n")

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """In a notebook: the same text, in place of a dump of the fields."""
        shown = str(self)
        return {"text/plain": shown, "text/html": f"<pre>{escape(shown)}</pre>"}
