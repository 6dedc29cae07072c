"""Tables of any drawing, as headings and cells of cleaned text: bars, HTML, grids, list tables, delimited columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .headings import column_of, is_heading_line
from .text import LONGEST_LINE, Line, clean_cell

RULE_MARKS, DASHES = frozenset(" \t|+:=-─━═┼╪│┃├┤╞╡┬┴┌┐└┘"), frozenset("-─━═=")
BARS = re.compile(r"(?<!\\)[|│┃]")
HTML_PART = re.compile(r"<(/?)(table|tr|td|th)\b[^<>]{0,500}>", re.IGNORECASE)
OTHER_BLOCK = re.compile(r"\s{0,3}(?:#{1,6}\s|[-*+]\s|\d{1,9}[.)]\s|>|<|!\[)")
"""What ends a Markdown table without an empty line: a heading, a list, a quotation, HTML, an image."""
LIST_ROW = re.compile(r"^\s*\*\s+-\s?(.*)$")
LIST_CELL = re.compile(r"^\s+-\s?(.*)$")
SIMPLE_RULE = re.compile(r"^\s*={2,}(?:\s+={2,})+\s*$")
NUMBERED = re.compile(r"\d{1,2}\W?")
"""A row's number, which the headings may leave out."""
DIVIDERS = (r"\t+", r"\s{2,}|\t", r"\s+")


@dataclass(frozen=True, slots=True)
class TextTable:
    """Headings and rows as cleaned text; `lines` are the line numbers of the rows, `line` that of the headings."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    line: int
    lines: tuple[int, ...]


Run = list[tuple[int, tuple[str, ...]]]


def is_rule(text: str) -> bool:
    """Whether a line only divides: |---|:--:|."""
    marks = set(text)
    return marks <= RULE_MARKS and bool(marks & DASHES)


def find_tables(lines: Sequence[Line]) -> list[TextTable]:
    """Every table of the document, in order; each line belongs to one at most."""
    found: list[TextTable] = []
    taken: set[int] = set()
    for reader in (bar_tables, html_tables, list_tables, simple_tables, column_tables):
        for table in reader([line for line in lines if line.number not in taken]):
            found.append(table)
            taken |= {table.line, *table.lines}
    return sorted(found, key=lambda table: table.line)


def as_table(run: Run) -> TextTable:
    (line, headings), *rest = run
    width = len(headings)
    numbered = sum(len(cells) == width + 1 and bool(NUMBERED.fullmatch(cells[0])) for _, cells in rest)
    if len(rest) > 1 and 2 * numbered > len(rest):
        rest = [(number, cells[1:] if len(cells) > width else cells) for number, cells in rest]
    rows = tuple((cells + ("",) * width)[:width] for _, cells in rest)
    return TextTable(headings, rows, line, tuple(number for number, _ in rest))


def bar_tables(lines: Sequence[Line]) -> Iterator[TextTable]:
    """Runs of lines whose cells bars divide; rules between them are passed over."""
    run: Run = []
    for place, line in enumerate([*lines, Line(0, "")]):
        text = unquoted(line)
        if barred(text):
            if not is_rule(text) and len(text) <= LONGEST_LINE and "├─" not in text and "└─" not in text:
                run.append((line.number, split_bars(text)))
        elif len(run) > 1 and place < len(lines) and between_rows(lines, place):
            run.append((line.number, (clean_cell(text),)))
        elif not (run and text.strip() and is_rule(text)):
            if len(run) > 1 and len(run[0][1]) > 1:
                yield as_table(run)
            run = []


def unquoted(line: Line) -> str:
    return line.text.lstrip("> ") if line.text[:2] in ("> ", ">|") else line.text


def barred(text: str) -> bool:
    return "|" in text or "│" in text or "┃" in text


def between_rows(lines: Sequence[Line], place: int) -> bool:
    """Whether a line without bars is a row of the Markdown table that it stands in, as GitHub draws it: it touches rows
    on both sides, and no other table begins below it."""
    before, line, *below = lines[max(0, place - 1) : place + 3]
    if not below or line.code or not line.text.strip() or OTHER_BLOCK.match(line.text) or is_rule(line.text):
        return False
    touching = before.number + 1 == line.number == below[0].number - 1
    barred_both = barred(unquoted(before)) and barred(unquoted(below[0]))
    return touching and barred_both and not any(is_rule(unquoted(one)) for one in below)


def split_bars(text: str) -> tuple[str, ...]:
    cells = BARS.split(text.strip().lstrip("#").strip() if text.lstrip().startswith("# |") else text.strip())
    if cells and not cells[0].strip():
        cells = cells[1:]
    if cells and not cells[-1].strip():
        cells = cells[:-1]
    return tuple(clean_cell(cell.replace("\\|", "|")) for cell in cells)


def html_tables(lines: Sequence[Line]) -> Iterator[TextTable]:
    """Tables written with table, tr, td and th."""
    rows: list[tuple[int, list[str]]] = []
    inside, cell = False, False
    for line in lines:
        if not (inside or "<table" in line.text.lower()):
            continue
        start = 0
        for part in HTML_PART.finditer(line.text):
            closing, name = part[1], part[2].lower()
            if cell:
                rows[-1][1][-1] += line.text[start : part.start()]
            start, cell = part.end(), name in ("td", "th") and not closing
            if name == "table":
                if closing and len(rows) > 1:
                    yield as_table([(n, tuple(map(clean_cell, cells))) for n, cells in rows])
                inside, rows = not closing, []
            elif name == "tr" and not closing:
                rows.append((line.number, []))
            elif cell:
                rows = rows or [(line.number, [])]
                rows[-1][1].append("")
        if cell:
            rows[-1][1][-1] += line.text[start:]


def list_tables(lines: Sequence[Line]) -> Iterator[TextTable]:
    """reStructuredText's list tables: `* - a` begins a row, `- b` is its next cell."""
    inside = False
    run: list[tuple[int, list[str]]] = []
    for line in [*lines, Line(0, "end")]:
        if line.text.lstrip().startswith(".. list-table::"):
            inside, run = True, []
        elif inside and (match := LIST_ROW.match(line.text)):
            run.append((line.number, [match[1]]))
        elif inside and run and (match := LIST_CELL.match(line.text)):
            run[-1][1].append(match[1])
        elif inside and line.text.strip() and not line.text[0].isspace():
            if len(run) > 1:
                yield as_table([(number, tuple(map(clean_cell, cells))) for number, cells in run])
            inside = False


def simple_tables(lines: Sequence[Line]) -> Iterator[TextTable]:
    """Columns below rules of = signs (reStructuredText's simple tables)."""
    at = 0
    while at + 2 < len(lines):
        at += 1
        if not (SIMPLE_RULE.match(lines[at - 1].text) and SIMPLE_RULE.match(lines[at + 1].text)):
            continue
        spans = [match.span() for match in re.finditer(r"=+", lines[at - 1].text)]
        ends = [spans[i + 1][0] if i + 1 < len(spans) else None for i in range(len(spans))]
        run: Run = []
        for place in range(at, min(len(lines), at + 10_000)):
            text = lines[place].text
            if place > at + 1 and (SIMPLE_RULE.match(text) or not text.strip()):
                break
            if place != at + 1:
                cut = [clean_cell(text[span[0] : end]) for span, end in zip(spans, ends, strict=True)]
                run.append((lines[place].number, tuple(cut)))
        if len(run) > 1:
            yield as_table(run)
            at = place


BULLET = re.compile(r"\s*[-*+•]\s")


def column_tables(lines: Sequence[Line]) -> Iterator[TextTable]:
    """Tables in plain text: a line of headings that the vocabulary knows, and rows with as many fields, divided by
    commas or semicolons, tabs, runs of spaces, or single spaces."""
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not 5 < len(line.text) <= LONGEST_LINE or "|" in line.text or "<t" in line.text or BULLET.match(line.text):
            continue
        for split in splitters(line.text):
            cells = [part for cell in split(line.text.strip()) for part in divided_headings(cell)]
            if split.delimiter and any(cell.count("(") != cell.count(")") for cell in cells):
                continue  # it divides the arguments of a layer
            headings = tuple(map(clean_cell, cells))
            pair = split.sharp and {column_of(h) for h in headings} in ({"name", "r"}, {"name", "r_out"})
            if (pair and len(headings) == 2) or (len(headings) > 2 and is_heading_line(headings)):
                run, end = take_rows(lines, at, split, len(headings))
                if run:
                    at = end
                    yield as_table([(line.number, headings), *run])
                    break


def divided_headings(cell: str) -> list[str]:
    """Headings that single spaces divide in a line of wider gaps: none is known as one, each is alone."""
    words = cell.split()
    return words if len(words) > 1 and not column_of(cell) and all(map(column_of, words)) else [cell]


class Splitter:
    """A way to divide a line: by a quoted delimiter, or by a pattern."""

    def __init__(self, pattern: str, delimiter: str = "") -> None:
        self.pattern, self.delimiter = pattern, delimiter
        self.sharp = bool(delimiter) or pattern == DIVIDERS[0]

    def __call__(self, text: str) -> list[str]:
        if self.delimiter:
            return next(csv.reader([text], delimiter=self.delimiter, skipinitialspace=True), [])
        return re.split(self.pattern, text)


def splitters(text: str) -> Iterator[Splitter]:
    """The ways that a line of headings may be divided."""
    if "\t" in text:
        yield Splitter(DIVIDERS[0])
    yield from (Splitter("", delimiter) for delimiter in ",;" if delimiter in text)
    yield from (Splitter(pattern) for pattern in DIVIDERS)


def take_rows(lines: Sequence[Line], at: int, split: Splitter, width: int) -> tuple[Run, int]:
    """The rows below a line of headings, and the place of the first line after them."""
    run: Run = []
    while at < len(lines):
        text = lines[at].text
        if text.strip() and not is_rule(text):
            cells = split(text.strip()) if len(text) <= LONGEST_LINE else []
            if len(cells) != width:
                break
            run.append((lines[at].number, tuple(map(clean_cell, cells))))
        elif not text.strip() and run:
            break
        at += 1
    return run, at
