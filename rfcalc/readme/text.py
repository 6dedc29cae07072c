"""A document as lines, tables and prose, found in one pass over its text: Markdown, HTML, or plain text."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import RfcalcError

LONGEST_LINE = 4096
"""Prose on longer lines is not read: such a line is data, not a sentence."""

TAG = re.compile(r"<[^<>]{0,200}>")
CELL_NOISE = re.compile(r"[*`$\\]+|&nbsp;|^\s*#+\s")
FENCE = re.compile(r"^\s{0,3}(?:>\s?)?(`{3,}|~{3,})")
RULE_MARKS, DASHES = frozenset(" \t|+:=-─━═┼╪│┃├┤╞╡"), frozenset("-─━═=")
BARS = re.compile(r"(?<!\\)[|│┃]")
CONTROL = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
HTML_PART = re.compile(r"<(/?)(table|tr|td|th)\b[^<>]{0,500}>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a document; `code` says that it stands in a fenced block."""

    number: int
    text: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class TextTable:
    """Headings and rows as cleaned text; `lines` are the line numbers of the rows, `line` that of the headings."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    line: int
    lines: tuple[int, ...]


def read_document(where: str) -> str:
    """The text of a file, or of standard input for `-`; unreadable bytes are replaced, a missing file is an error."""
    try:
        data = sys.stdin.buffer.read() if where == "-" else Path(where).read_bytes()
    except OSError as error:
        raise RfcalcError(f"{where}: {error.strerror or error}") from None
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


def clean(cell: str) -> str:
    """A cell without markup: r<sub>out</sub> becomes r_out, **3** becomes 3."""
    text = re.sub(r"<su[bp]>", "_", cell) if "<su" in cell else cell
    text = TAG.sub(" " if "<br" in text else "", text) if "<" in text else text
    text = html.unescape(text) if "&" in text else text
    return " ".join(CELL_NOISE.sub("", text).split())


def read_lines(text: str) -> list[Line]:
    """The lines, numbered from 1, without terminal codes; fences mark what is code."""
    lines, fence = [], ""
    for number, raw in enumerate(text.lstrip("\ufeff").split("\n"), 1):
        line = CONTROL.sub("", raw.rstrip("\r")) if CONTROL.search(raw) else raw
        mark = FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
            lines.append(Line(number, "", True))
        else:
            lines.append(Line(number, line, bool(fence)))
    return lines


def is_rule(text: str) -> bool:
    """Whether a line only divides: |---|:--:|."""
    marks = set(text)
    return marks <= RULE_MARKS and bool(marks & DASHES)


def find_tables(lines: list[Line]) -> list[TextTable]:
    """Every table drawn with bars, with tags, or set in columns, in the order of the document."""
    found = [*bar_tables(lines), *html_tables(lines), *column_tables(lines)]
    return sorted(found, key=lambda table: table.line)


def bar_tables(lines: list[Line]) -> Iterator[TextTable]:
    """Runs of lines whose cells bars divide; rules between them are passed over."""
    run: list[tuple[int, tuple[str, ...]]] = []
    for line in [*lines, Line(0, "")]:
        text = line.text.lstrip("> ") if line.text[:2] in ("> ", ">|") else line.text
        if "|" in text or "│" in text or "┃" in text:
            if not is_rule(text) and len(text) <= LONGEST_LINE:
                run.append((line.number, split_bars(text)))
        elif not (run and text.strip() and is_rule(text)):
            if len(run) > 1 and len(run[0][1]) > 1:
                yield as_table(run)
            run = []


def split_bars(text: str) -> tuple[str, ...]:
    cells = BARS.split(text.strip())
    if cells and not cells[0].strip():
        cells = cells[1:]
    if cells and not cells[-1].strip():
        cells = cells[:-1]
    return tuple(clean(cell.replace("\\|", "|")) for cell in cells)


def as_table(run: list[tuple[int, tuple[str, ...]]]) -> TextTable:
    (line, headings), *rest = run
    width = len(headings)
    rows = tuple((cells + ("",) * width)[:width] for _, cells in rest)
    return TextTable(headings, rows, line, tuple(number for number, _ in rest))


def html_tables(lines: list[Line]) -> Iterator[TextTable]:
    """Tables written with table, tr, td and th."""
    rows: list[tuple[int, list[str]]] = []
    inside, cell = False, False
    for line in lines:
        if line.code or not (inside or "<table" in line.text.lower()):
            continue
        start = 0
        for part in HTML_PART.finditer(line.text):
            closing, name = part[1], part[2].lower()
            if cell:
                rows[-1][1][-1] += line.text[start : part.start()]
            start, cell = part.end(), name in ("td", "th") and not closing
            if name == "table":
                if closing and len(rows) > 1:
                    yield as_table([(n, tuple(map(clean, cells))) for n, cells in rows])
                inside, rows = not closing, []
            elif name == "tr" and not closing:
                rows.append((line.number, []))
            elif cell:
                rows = rows or [(line.number, [])]
                rows[-1][1].append("")
        if cell:
            rows[-1][1][-1] += line.text[start:]


def column_tables(lines: list[Line]) -> Iterator[TextTable]:
    """Tables in plain text: a line of headings that the receptive-field vocabulary knows, and rows with as many
    fields, divided by tabs, commas, semicolons, runs of spaces, or single spaces."""
    from .columns import is_heading_line

    index = 0
    while index < len(lines):
        line = lines[index]
        index += 1
        if not 5 < len(line.text) <= LONGEST_LINE or "|" in line.text or "<t" in line.text:
            continue
        for divider in (r"\t+", r"[,;]", r"\s{2,}|\t", r"\s+"):
            headings = tuple(map(clean, re.split(divider, line.text.strip())))
            if len(headings) > 2 and is_heading_line(headings):
                run, index = take_rows(lines, index, divider, len(headings))
                if run:
                    yield as_table([(line.number, headings), *run])
                break


def take_rows(lines: list[Line], index: int, divider: str, width: int) -> tuple[list[tuple[int, tuple[str, ...]]], int]:
    """The rows below a line of headings, and the place of the first line behind them."""
    run: list[tuple[int, tuple[str, ...]]] = []
    while index < len(lines):
        text = lines[index].text
        if text.strip() and not is_rule(text):
            cells = re.split(divider, text.strip())
            if len(cells) != width or len(text) > LONGEST_LINE:
                break
            run.append((lines[index].number, tuple(map(clean, cells))))
        elif not text.strip() and run:
            break
        index += 1
    return run, index
