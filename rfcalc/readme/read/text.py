"""A document as lines in sections, whatever its form: Markdown, plain text, a notebook. Forms are known by content."""

from __future__ import annotations

import html
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import RfcalcError

LONGEST_LINE = 4096
"""Prose on longer lines is not read: such a line is data, not a sentence."""
TAG = re.compile(r"<[^<>]{0,200}>")
LATEX_MATH = ((re.compile(r"\\(?:times|cdot|ast)(?![A-Za-z])\s?"), "x"),
         (re.compile(r"\\(?:rightarrow|to)(?![A-Za-z])"), "->"),
         (re.compile(r"\\(?:math|text)(?:rm|bf|it|tt|sf)?\s?(?=\{)"), ""), (re.compile(r"_\{(\w{1,12})\}"), r"_\1"),
         (re.compile(r"\{(\w{1,12})\}"), r"\1"))  # fmt: skip
"""What formulas write for a sign, and what stands for it."""
CELL_NOISE = re.compile(r"[`$\\]+|&nbsp;|^\s*#+\s")
EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3}|_{1,3})(?=\S)(.{1,300}?)(?<=\S)\1(?![\w*])")
FENCE = re.compile(r"^\s{0,12}(?:>\s?)?(`{3,}|~{3,})")
CONTROL = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
HEADING = re.compile(r"^\s{0,3}(#{1,6})\s*(\S.{0,200}?)\s*#*\s*$")
HTML_HEADING = re.compile(r"^\s*<h([1-6])\b[^<>]{0,200}>(.{1,200}?)</h\1>", re.IGNORECASE)
LABEL = re.compile(
    r"^\s{0,8}(?:[-*+]\s+|\d{1,2}[.)]\s+)?(?:(?:\*\*|__|<b>)(?P<bold>[^*<>:]{2,80}):?(?:\*\*|__|</b>)\s*:?"
    r"|(?P<plain>[A-Za-z][^:.,|=]{1,50}?)\s*:)\s*(?:\([^()\d]{1,80}\)\s*)?(?:<br/?>)?$"
)
UNDERLINE = re.compile(r"^\s{0,3}(={3,}|-{3,}|~{3,}|\^{3,})\s*$")
NO_TEXT = {
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"%PDF": "a PDF",
    b"PK\x03\x04": "an archive",
}
LABEL_LEVEL = 7
"""A line that ends in a colon, or is bold as a whole, opens a section below every heading."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a document. `number` counts from 1 through the whole text, `cell` is the notebook's; `code` says that
    it stands in a fenced block or is code or output of a notebook, `block` which one; `section` is an index."""

    number: int
    text: str
    code: bool = False
    block: int = 0
    section: int = 0


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it, up to the next of its level; `parent` is the index of the one around it."""

    title: str
    level: int
    line: int
    parent: int


@dataclass(frozen=True, slots=True)
class Text:
    """The lines, the tree of sections (0: the whole document), and for a notebook the place of each line."""

    lines: tuple[Line, ...]
    sections: tuple[Section, ...]
    places: tuple[str, ...] = ()

    def where(self, line: int) -> str:
        return self.places[line - 1] if 0 < line <= len(self.places) else f"line {line}"

    def path(self, index: int) -> Iterator[int]:
        """A section and those around it, the innermost first."""
        while True:
            yield index
            if index == 0:
                return
            index = self.sections[index].parent

    def title(self, index: int) -> str:
        """The titles from the outermost to this one."""
        titles = [self.sections[i].title for i in self.path(index) if self.sections[i].title]
        return " / ".join(titles[::-1])


def read_file(where: str) -> str:
    """The text of a file, or of standard input for `-`; a missing file or an address of the web is an error."""
    if re.match(r"[a-z][a-z0-9+.-]*://", where, re.IGNORECASE):
        raise RfcalcError(
            f"{where}: rfcalc reads files, not addresses: download it, or pipe it in (curl … | rfcalc audit -)"
        )
    try:
        data = sys.stdin.buffer.read() if where == "-" else Path(where).read_bytes()
    except OSError as error:
        raise RfcalcError(f"{where}: {error.strerror or error}") from None
    return decode(data, "" if where == "-" else where)


def decode(data: bytes, where: str = "") -> str:
    """The text of a document's bytes; raises RfcalcError for an image, a PDF or an archive."""
    for mark, what in NO_TEXT.items():
        if data.startswith(mark):
            way = "copy the figures out as text" if what != "an archive" else "unpack it and name the document inside"
            raise RfcalcError(f"{where or 'the input'}: this is {what}, not text: {way}")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


def clean_cell(cell: str) -> str:
    """A cell without markup: r<sub>out</sub> becomes r_out, **3** becomes 3; arithmetic (2 * 3) stays."""
    text = re.sub(r"<su[bp]>", "_", cell) if "<su" in cell else cell
    text = TAG.sub(" " if "<br" in text else "", text) if "<" in text else text
    text = html.unescape(text) if "&" in text else text
    if "$" in text or "\\" in text:
        for pattern, plain in LATEX_MATH:
            text = pattern.sub(plain, text)
    text = CELL_NOISE.sub("", text)
    if "*" in text or "_" in text:
        text = EMPHASIS.sub(r"\2", text)
        text = re.sub(r"\*{2,}", "", text)
    return " ".join(text.split())


def read_lines(text: str) -> Text:
    """The lines of a document, each in its section; a notebook's cells one after the other."""
    text = text.lstrip("\ufeff")
    data = data_of(text)
    if isinstance(cells := data.get("cells"), list):
        return read_notebook(cells)
    lines, fence, block = [], "", 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = visible(raw)
        mark = FENCE.match(line) if not data else None
        if mark and (not fence or mark[1].startswith(fence)):
            block += 1
            fence = "" if fence else mark[1]
            lines.append(Line(number, "", True, block))
        else:
            lines.append(Line(number, line, bool(fence or data), block))
    return in_sections(lines)


def visible(raw: str) -> str:
    line = raw.rstrip("\r").replace("\r", " ").replace("\\*", "×")  # which Markdown shows as a plain *
    line = line.replace("\N{MINUS SIGN}", "-")
    return CONTROL.sub("", line) if CONTROL.search(line) else line


def data_of(text: str) -> dict[str, Any]:
    """What a text in JSON holds, as a Jupyter notebook does; nothing of any other text."""
    try:
        data = json.loads(text) if text.lstrip().startswith("{") else {}
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def read_notebook(cells: Sequence[Any]) -> Text:
    """The lines of a notebook: Markdown as prose, code and text outputs as code; lines are counted in each cell."""
    lines: list[Line] = []
    places: list[str] = []
    block = 0
    for number, cell in enumerate(cells, 1):
        for kind, text in cell_parts(cell) if isinstance(cell, dict) else ():
            block += 1
            what = f"cell {number}" + (" output" if kind == "output" else "")
            inner = read_text_lines(text, kind != "markdown", block, len(lines))
            lines += inner
            block = inner[-1].block if inner else block
            places += [f"{what}, line {at}" for at in range(1, len(inner) + 1)]
    return replace(in_sections(lines), places=tuple(places))


def read_text_lines(text: str, code: bool, block: int, before: int) -> list[Line]:
    found, fenced = [], False
    for at, raw in enumerate(text.split("\n"), 1):
        line = visible(raw)
        if not code and FENCE.match(line):
            fenced, block, line = not fenced, block + 1, ""
        found.append(Line(before + at, line, code or fenced, block))
    return found


def cell_parts(cell: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(markdown, code or output, text) of a notebook's cell."""
    kind = "markdown" if cell.get("cell_type") in ("markdown", "raw") else "code"
    yield kind, joined_source(cell.get("source"))
    outputs = cell.get("outputs")
    streamed = ""
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict):
            data = output.get("data")
            plain = data.get("text/plain") if isinstance(data, dict) else None
            if output.get("output_type") == "stream" and output.get("name") == "stdout":  # it may be cut anywhere
                streamed += whole_source(output.get("text"))
            elif found := joined_source(output.get("text") or plain):
                if streamed:
                    yield "output", streamed.removesuffix("\n")
                streamed = ""
                yield "output", found
    if streamed:
        yield "output", streamed.removesuffix("\n")


def joined_source(source: Any) -> str:
    return whole_source(source).removesuffix("\n")


def whole_source(source: Any) -> str:
    return "".join(map(str, source)) if isinstance(source, list) else source if isinstance(source, str) else ""


def in_sections(lines: Sequence[Line]) -> Text:
    """The lines with their sections: Markdown, underlined and HTML headings, and lines that only label what follows."""
    sections, current, placed = [Section("", 0, 0, 0)], 0, []
    for at, line in enumerate(lines):
        found = None if line.code else heading_of(lines, at)
        if found:
            level, title = found
            while sections[current].level >= level:
                current = sections[current].parent
            sections.append(Section(title, level, line.number, current))
            current = len(sections) - 1
        placed.append(replace(line, section=current) if current else line)
    return Text(tuple(placed), tuple(sections))


def heading_of(lines: Sequence[Line], at: int) -> tuple[int, str] | None:
    """The level and the title of a heading; None for any other line."""
    text = lines[at].text
    if not text.strip() or len(text) > 300:
        return None
    if match := HEADING.match(text):
        return len(match[1]), clean_cell(match[2])
    if match := HTML_HEADING.match(text):
        return int(match[1]), clean_cell(match[2])
    if at + 1 < len(lines) and not lines[at + 1].code and (under := UNDERLINE.match(lines[at + 1].text)):
        plain = (
            len(text) < 120 and "|" not in text and re.search(r"[A-Za-z]", text) and len(text.strip().split("  ")) < 2
        )
        alone = at == 0 or not lines[at - 1].text.strip()
        if plain and alone and 3 <= len(lines[at + 1].text.strip()) <= len(text.strip()) + 8:
            return ("=-~^".index(under[1][0]) + 1), clean_cell(text)
    if match := LABEL.match(text):
        return LABEL_LEVEL, clean_cell(match["bold"] or match["plain"])
    return None
