"""Printed summaries as rows: the layouts of torchsummary and torchinfo, and the totals below them.

The two differ in where a container stands: torchsummary prints it behind its children, torchinfo in front of them.
Rows come out in torchsummary's order here, whatever their source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from .text import LONGEST_LINE, Line

SUMMARY_ROW = re.compile(
    r"(?<![\w-])([A-Za-z_]\w{0,80})-(\d{1,9})[\s|│]+(\[[-\d,\s\[\]]{0,300}\]|--)[\s|│]+(\d[\d,]{0,20}|--)(?![\w,.])"
)
INFO_ROW = re.compile(
    r"^(?P<tree>[\s│├└─|+-]{0,300})(?P<type>[A-Za-z_]\w{0,80})(?:\s\((?P<name>[^()]{0,80})\))?"
    r"(?::\s(?P<depth>\d{1,4})-(?P<place>\d{1,9}))?\s+(?P<cells>(?:\[|--|\(|\d).*)$"
)
INFO_HEADING = re.compile(r"^\s*Layer \(type.{0,30}(?:depth-idx|var_name)")
HEADING = re.compile(r"^[\s>|│#]*Layer \(type\)\s.*Output Shape.*Param #")
INFO_COLUMNS = {
    "input": "Input Shape",
    "output": "Output Shape",
    "params": "Param #",
    "share": "Param %",
    "kernel": "Kernel Shape",
    "macs": "Mult-Adds",
    "trainable": "Trainable",
}
INFO_CELL = re.compile(r"\[[^\[\]]{0,200}\]|\(recursive\)|--|True|False|Partial|[\d,.]+%?")
KERAS_ROW = re.compile(r"^\s*[│|]?\s*[\w./]{1,60}\s+\([A-Za-z]\w{1,40}\)?[^\[(]{0,20}[\[(]{1,2}None,")
TOTALS = {
    "params": r"total params",
    "trainable": r"trainable params",
    "non_trainable": r"non-trainable params",
    "input_mb": r"input size \(mb\)",
    "pass_mb": r"forward/backward pass size \(mb\)",
    "params_mb": r"params size \(mb\)",
    "total_mb": r"estimated total size \(mb\)",
}
TOTAL_NAMES = "|".join(f"(?P<{key}>{words})" for key, words in TOTALS.items())
TOTAL = re.compile(
    rf"(?<![\w-])(?:{TOTAL_NAMES})\s{{0,9}}:\s{{0,99}}(?P<figure>-?\d[\d,]{{0,25}}(?:\.\d{{1,9}})?)", re.IGNORECASE
)
ELLIPSIS = re.compile(r"^\W*(?:\.\.\.|…|\[\.\.\.\]|⋮|:|\bsnip\b|etc)\W*$")


@dataclass(frozen=True, slots=True)
class PrintedRow:
    """One printed row: `index` as printed (17 of Conv2d-17, "3-1" of torchinfo), the shape without the batch (None
    where none, or several, are printed), the number of parameters (None: not printed).

    `first` is, for a container of a tree, the place in the rows of its first child; None for a leaf and where the
    layout does not say.
    """

    index: int | str
    type: str
    shape: tuple[int, ...] | None
    params: int | None
    line: int
    batch: int = -1
    first: int | None = None
    given: tuple[int, ...] | None = None
    kernel: tuple[int, ...] | None = None
    recursive: bool = False

    @property
    def label(self) -> str:
        return f"{self.type}-{self.index}"


@dataclass(frozen=True, slots=True)
class Total:
    """A figure below a summary, as it is written."""

    text: str
    line: int

    @property
    def value(self) -> float:
        return float(self.text.replace(",", ""))


@dataclass(frozen=True, slots=True)
class Printout:
    """A summary as it stands in a document. `gaps` are the lines where something was left out."""

    style: str
    rows: tuple[PrintedRow, ...]
    totals: Mapping[str, Total]
    line: int
    gaps: tuple[int, ...] = ()
    headed: bool = False
    """Whether the headings stand above the rows, so that these are printed from the first one on."""


def find_printouts(lines: Iterable[Line]) -> list[Printout]:
    """Every summary in the document; a new one begins where numbering starts again or behind a total."""
    finder = _Finder()
    for line in lines:
        if line.text and len(line.text) <= LONGEST_LINE:
            finder.take(line)
    finder.close()
    return finder.found


def mentions_keras(lines: Iterable[Line]) -> int | None:
    """The line of the first row that looks like a Keras summary's."""
    return next((line.number for line in lines if len(line.text) <= LONGEST_LINE and KERAS_ROW.match(line.text)), None)


class _Finder:
    """Collects rows and totals line by line."""

    def __init__(self) -> None:
        self.found: list[Printout] = []
        self.columns: list[str] | None = None
        self.reset()

    def reset(self) -> None:
        self.rows: list[PrintedRow] = []
        self.tree: list[tuple[int, PrintedRow]] = []
        self.totals: dict[str, Total] = {}
        self.gaps: list[int] = []
        self.line = 0
        self.heading: int | None = None

    def take(self, line: Line) -> None:
        if INFO_HEADING.match(line.text):
            self.close()
            self.columns = info_columns(line.text)
        elif HEADING.match(line.text):
            if self.rows or self.totals:
                self.close()
            self.heading = line.number
        elif "[" in line.text or "--" in line.text or self.columns is not None:
            self.take_rows(line)
        if ":" in line.text:
            for match in TOTAL.finditer(line.text):
                self.columns = None
                key = next(key for key in TOTALS if match[key])
                if key in self.totals:
                    self.close()
                self.line = self.line or line.number
                self.totals[key] = Total(match["figure"], line.number)
        if (self.rows or self.tree) and not self.totals and ELLIPSIS.match(line.text):
            self.gaps.append(line.number)

    def take_rows(self, line: Line) -> None:
        if self.columns is not None and (match := INFO_ROW.match(line.text)):
            row = info_row(match, self.columns, line.number)
            if row:
                self.line = self.line or line.number
                self.tree.append(row)
                return
        for match in SUMMARY_ROW.finditer(line.text):
            row_ = summary_row(match, line.number)
            if self.totals or (len(self.rows) > 1 and row_.index == 1):
                self.close()
            self.line = self.line or line.number
            self.rows.append(row_)

    def close(self) -> None:
        """Ends the summary at hand."""
        self.columns = None
        if self.tree or self.rows or self.totals:
            style = "torchinfo" if self.tree else "torchsummary"
            rows = behind_children(self.tree) if self.tree else tuple(self.rows)
            headed = self.heading is not None and not self.gaps
            self.found.append(Printout(style, rows, self.totals, self.line, tuple(self.gaps), headed))
        self.reset()


def summary_row(match: re.Match[str], line: int) -> PrintedRow:
    batch, shape = shape_of(match[3])
    return PrintedRow(int(match[2]), match[1], shape, count_of(match[4]), line, batch)


def shape_of(text: str) -> tuple[int, tuple[int, ...] | None]:
    """The batch and the rest of a printed shape; None for no shape, several, or sizes below 1."""
    numbers = [int(part) for part in re.findall(r"-?\d+", text)] if text.count("[") == 1 else []
    batch, *rest = numbers or [-1]
    return batch, tuple(rest) if rest and min(rest) > 0 else None


def count_of(text: str) -> int | None:
    digits = text.replace(",", "")
    return int(digits) if digits.isdigit() else None


def info_columns(heading: str) -> list[str]:
    """The columns of a torchinfo heading, in their order."""
    places = {key: heading.find(title) for key, title in INFO_COLUMNS.items()}
    return sorted((key for key in places if places[key] >= 0), key=lambda key: places[key])


def info_row(match: re.Match[str], columns: list[str], line: int) -> tuple[int, PrintedRow] | None:
    """A row of a torchinfo tree and its depth."""
    cells = dict(zip(columns, INFO_CELL.findall(match["cells"]), strict=False))
    if "output" not in cells and "params" not in cells:
        return None
    depth = int(match["depth"]) if match["depth"] else (len(match["tree"].rstrip(" ")) + 4) // 5
    batch, shape = shape_of(cells.get("output", "--"))
    recursive = cells.get("params") == "(recursive)"
    kernel = tuple(map(int, re.findall(r"\d+", cells.get("kernel", "")))) or None
    index = f"{match['depth']}-{match['place']}" if match["depth"] else f"line {line}"
    params = count_of(cells.get("params", "--"))
    given = shape_of(cells.get("input", "--"))[1]
    return depth, PrintedRow(
        index, match["type"], shape, params, line, batch, given=given, kernel=kernel, recursive=recursive
    )


def behind_children(tree: list[tuple[int, PrintedRow]]) -> tuple[PrintedRow, ...]:
    """A tree's rows with every container behind its children. Iterative: trees may be deep."""
    rows: list[PrintedRow] = []
    open_ones: list[tuple[int, PrintedRow, int]] = []

    def close_down_to(depth: int) -> Iterator[PrintedRow]:
        while open_ones and open_ones[-1][0] >= depth:
            _, row, first = open_ones.pop()
            yield replace(row, first=first) if len(rows) > first else row

    for depth, row in tree:
        for closed in close_down_to(depth):
            rows.append(closed)
        open_ones.append((depth, row, len(rows)))
    for closed in close_down_to(-1):
        rows.append(closed)
    return tuple(rows)
