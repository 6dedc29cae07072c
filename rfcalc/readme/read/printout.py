"""Printed summaries as rows: the layouts of torchsummary, torchinfo and torchsummaryX, and the totals below them.

They differ in where a container stands: torchsummary prints it after its children, torchinfo in front of them. Rows
come out in torchsummary's order and in torch's class names here, whatever their source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from ...engine.geometry import Number
from ...spec.stated import Stated
from .cells import figures_in
from .headings import column_of
from .keras import LIKE, keras_rows
from .rows import PrintedRow, count_of, printed_shape
from .tables import is_rule
from .text import LONGEST_LINE, Line

SUMMARY_ROW = re.compile(
    r"(?<![\w-])([A-Za-z_]\w{0,80})-(\d{1,9})(?:\s?\([^()\d][^()]{0,40}\))?[\s|│]+(\[[-\d,\s\[\]]{0,300}\]|--)[\s|│]+(\d[\d,]{0,20}|--)(?![\w,.])"
)
INFO_ROW = re.compile(
    r"^(?:#\s?)?(?P<tree>[\s│├└─|+-]{0,300})(?P<type>[A-Za-z_]\w{0,80})(?:\s\((?P<name>[^()]{0,80})\))?"
    r"(?::\s(?P<depth>\d{1,4})-(?P<place>\d{1,9}))?\s+(?P<cells>(?:\[|--|\(|\d).*)$"
)
TENSORS = ("weight", "bias")
"""What torchinfo prints below a layer, whose row counts them."""
INFO_HEADING = re.compile(r"^[\s#>]*Layer \(type.{0,30}(?:depth-idx|var_name)")
TABLE_HEADING = re.compile(r"^[\s>|│┃#]*Layer \(type\)[\s|│┃].*Output Shape.*Param(?: #|eters?)(?P<more>.*)$")
WRAPPED = re.compile(r"\((?:None|\d+),[\d,\s]*,\s*(?:[│|]|$)")
"""A shape that its column cuts off."""
INPUT_HEADING = re.compile(r"^[\s>|│┃#]*Layer \(type\)[\s|│┃]+Input Shape", re.IGNORECASE)
"""Of a print that states what comes into each layer, and nothing of what goes out."""
X_HEADING = re.compile(r"^\s*Kernel Shape\s+Output Shape\s+Params")
X_ROW = re.compile(
    r"^\s*(?P<number>\d{1,5})_(?P<name>[\w.]{1,80})\s+(?P<kernel>\[[\d,\s]+\]|-)\s+(?P<shape>\[[\d,\s]+\])\s+(?P<params>[\d.,]+[kMG]?|-)"
)
INFO_COLUMNS = {
    "input": "Input Shape", "output": "Output Shape", "params": "Param #", "share": "Param %",
    "kernel": "Kernel Shape", "macs": "Mult-Adds", "trainable": "Trainable",
}  # fmt: skip
INFO_CELL = re.compile(r"\[[^\[\]]{0,200}\]|\(recursive\)|--|True|False|Partial|[\d,.]+%?")
TOTALS = {
    "params": r"total params",
    "trainable": r"trainable params",
    "non_trainable": r"non-trainable params",
    "optimizer": r"optimizer params",
    "mult_adds": r"total mult-adds(?: \((?P<scale>[kmgt]|units\.\w+)\))?",
    "input_mb": r"input size \(mb\)",
    "pass_mb": r"forward/backward pass size \(mb\)",
    "params_mb": r"params size \(mb\)",
    "total_mb": r"estimated total size \(mb\)",
}
TOTAL_NAMES = "|".join(f"(?P<{key}>{words})" for key, words in TOTALS.items())
TOTAL = re.compile(
    rf"(?<![\w-])(?:{TOTAL_NAMES})\s{{0,9}}:\s{{0,99}}(?P<figure>-?\d[\d,]{{0,25}}(?:\.\d{{1,9}})?)(?![\d.]*\s?[KkMm]\b)",
    re.IGNORECASE,
)
ELLIPSIS = re.compile(r"^\W*(?:\.\.\.|…|\[\.\.\.\]|⋮|:|\bsnip\b|etc)\W*$")
SCALES = {"k": 1_000, "M": 1_000_000, "G": 1_000_000_000, "": 1}


@dataclass(frozen=True, slots=True)
class Total:
    """A figure below a summary, as it is written."""

    text: str
    line: int

    @property
    def value(self) -> float:
        return float(Stated.of(self.text.removeprefix("-")).value) * (-1 if self.text.startswith("-") else 1)


@dataclass(frozen=True, slots=True)
class Printout:
    """A summary as it stands in a document. `gaps` are the lines where something was left out; `headed` says that the
    headings stand above the rows, so that these are printed from the first one on; `image` is the input, where a row
    states it."""

    style: str
    rows: tuple[PrintedRow, ...]
    totals: Mapping[str, Total]
    line: int
    gaps: tuple[int, ...] = ()
    headed: bool = False
    image: tuple[int, ...] | None = None
    lines: frozenset[int] = field(default=frozenset(), repr=False)


def find_printouts(lines: Iterable[Line]) -> list[Printout]:
    """Every summary in the document; a new one begins where numbering starts again, after a total, or in another
    block of code."""
    finder = _Finder()
    block = 0
    for line in lines:
        if line.block != block:
            block = line.block
            finder.close()
        if line.text and len(line.text) <= LONGEST_LINE:
            finder.take(line)
    finder.close()
    return finder.found


class _Finder:
    """Collects rows and totals line by line."""

    def __init__(self) -> None:
        self.found: list[Printout] = []
        self.reset()

    def reset(self) -> None:
        self.style = "torchsummary"
        self.columns: list[str] | None = None
        self.more: tuple[str | None, ...] = ()
        self.rows: list[PrintedRow] = []
        self.tree: list[tuple[int, PrintedRow]] = []
        self.totals: dict[str, Total] = {}
        self.gaps: list[int] = []
        self.lines: set[int] = set()
        self.line = 0
        self.heading: int | None = None
        self.ruled = False
        self.image: tuple[int, ...] | None = None

    def take(self, line: Line) -> None:
        if "**" in line.text or "`" in line.text or "<" in line.text:
            line = replace(line, text=re.sub(r"\*\*|`|</?[a-z]{1,6}/?>", "", line.text))
        text = line.text
        if INFO_HEADING.match(text):
            self.close()
            self.columns, self.style = info_columns(text), "torchinfo"
        elif INPUT_HEADING.match(text):
            self.close()
            self.style = "inputs"
        elif X_HEADING.match(text):
            self.close()
            self.style = "torchsummaryX"
        elif match := TABLE_HEADING.match(text):
            if self.rows or self.totals:
                self.close()
            self.heading = line.number
            self.more = tuple(map(column_of, filter(None, re.split(r"\s{2,}|[|│┃]", match["more"].strip()))))
        elif "[" in text or "--" in text or "None" in text or self.columns is not None or self.style == "keras":
            self.take_rows(line)
        if ":" in text or self.style == "torchsummaryX":
            self.take_totals(line)
        if self.rows or self.tree:
            self.ruled = self.ruled or (is_rule(text) and "=" in text)
            if not self.totals and ELLIPSIS.match(text):
                self.gaps.append(line.number)

    def take_totals(self, line: Line) -> None:
        text = re.sub(r"(?i)^(\s*(?:non-)?(?:total |trainable |optimizer )params)\s{2,}", r"\1: ", line.text)
        for match in TOTAL.finditer(text):
            self.columns = None
            key = next(key for key in TOTALS if match[key])
            if key in self.totals:
                self.close()
            self.line = self.line or line.number
            self.lines.add(line.number)
            scale = (match["scale"] or "").upper().removeprefix("UNITS.")[:1] if key == "mult_adds" else ""
            self.totals[key] = Total(match["figure"] + scale, line.number)

    def take_rows(self, line: Line) -> None:
        before = len(self.rows) + len(self.tree)
        if WRAPPED.search(line.text):  # the rest of the shape stands on the next line
            self.gaps.append(line.number)
        if self.columns is not None and (match := INFO_ROW.match(line.text)):
            row = info_row(match, self.columns, line.number) if match["type"] not in TENSORS else None
            self.tree += [row] if row else []
        elif self.style == "torchsummaryX" and (match := X_ROW.match(line.text)):
            self.rows.append(x_row(match, self.rows, line.number))
        elif ("None" in line.text or self.style == "keras") and (
            found := keras_rows(line.text, line.number, self.rows)
        ) is not None:
            if self.totals:
                self.close()
            self.style, self.image = "keras", found[1] or self.image
            self.rows += found[0]
            self.gaps += [row.line for row in found[0] if row.params is None]
        elif self.style == "keras" and not self.totals and LIKE.match(line.text):
            self.gaps.append(line.number)
        for match in SUMMARY_ROW.finditer(line.text) if self.style == "torchsummary" else ():
            row_ = summary_row(match, line, self.more)
            if self.totals or (len(self.rows) > 1 and row_.index == 1):
                self.close()
                before = 0
            self.rows.append(row_)
        if len(self.rows) + len(self.tree) > before or self.style == "keras":
            self.line = self.line or line.number
            self.lines.add(line.number)

    def close(self) -> None:
        """Ends the summary at hand. One with headings that ends without a rule or totals is an excerpt; Keras' rows
        without the column of counts are no summary."""
        if self.style == "keras" and all(row.params is None for row in self.rows) and not self.totals:
            self.rows = []
        if self.tree or self.rows or len(self.totals) > 1:
            rows = after_children(self.tree) if self.tree else tuple(self.rows)
            last = rows[-1].line if rows else self.line
            excerpt = [last] if self.heading is not None and not (self.totals or self.ruled) else []
            gaps = (*self.gaps, *excerpt)
            headed = self.heading is not None and not self.gaps
            lines = frozenset({*self.lines, *([self.heading] if self.heading else [])})
            self.found.append(Printout(self.style, rows, self.totals, self.line, gaps, headed, self.image, lines))
        self.reset()


def summary_row(match: re.Match[str], line: Line, more: Sequence[str | None]) -> PrintedRow:
    """A row of torchsummary, with the figures that further columns state after the count."""
    batch, shape = printed_shape(match[3])
    found: dict[str, Number] = {}
    if more:
        cells = [cell for cell in re.split(r"[\s|│]+", line.text[match.end() :].strip(" |│")) if cell]
        for key, cell in zip(more, cells, strict=False):
            if key and (numbers := figures_in(cell, key)):
                found[key] = numbers[0]
    return PrintedRow(
        int(match[2]), match[1], shape, count_of(match[4]), line.number, batch, stated=tuple(found.items())
    )


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
    batch, shape = printed_shape(cells.get("output", "--"))
    recursive = cells.get("params") == "(recursive)"
    kernel = tuple(map(int, re.findall(r"\d+", cells.get("kernel", "")))) or None
    index = f"{match['depth']}-{match['place']}" if match["depth"] else f"line {line}"
    params = count_of(cells.get("params", "--"))
    given = printed_shape(cells.get("input", "--"))[1]
    return depth, PrintedRow(
        index, match["type"], shape, params, line, batch, given=given, kernel=kernel, recursive=recursive
    )


def x_row(match: re.Match[str], above: Sequence[PrintedRow], line: int) -> PrintedRow:
    """A row of torchsummaryX: the class by its weights, else by its name or by what it does to the map; the exact
    count by the weights, where the rounded one allows it."""
    batch, shape = printed_shape(match["shape"])
    weights = [int(number) for number in re.findall(r"\d+", match["kernel"])]
    axes = len(weights) - 2
    weighed = {0: "Linear", -1: "BatchNorm2d"}.get(axes, f"Conv{axes}d")
    given = re.fullmatch(r"([\d.,]+)([kMG]?)", match["params"])
    rounded = float(given[1].replace(",", "")) * SCALES[given[2]] if given else 0.0
    kind = weighed if weights else match["name"] if rounded else plain_class(match["name"], shape, above)
    outs = (shape[-1] if axes == 0 else shape[0]) if shape else 0  # a dense layer's units stand last
    exact = [prod(weights) + extra for extra in ((0, outs) if axes >= 0 else (prod(weights),))] if weights else [0]
    params = min(exact, key=lambda count: abs(count - rounded))
    near = abs(params - rounded) <= 0.006 * 10 ** (len(str(int(rounded))) - 1) + 1
    kernel = tuple(weights[2:]) or None
    return PrintedRow(
        int(match["number"]) + 1,
        kind,
        shape,
        params if near else int(rounded),
        line,
        batch,
        kernel=kernel,
        recursive=bool(weights) and not given,
    )


def plain_class(name: str, shape: tuple[int, ...] | None, above: Sequence[PrintedRow]) -> str:
    """The class of a layer without weights."""
    known = re.search(r"(?:Max|Avg|Adaptive\w+)Pool\dd|ReLU6?|Dropout\w*|Sigmoid|Tanh|Flatten", name)
    if known:
        return known[0]
    pooled = shape and above and above[-1].shape and len(shape) > 2 and shape[1:] != above[-1].shape[1:]
    return "MaxPool2d" if pooled else "Dropout"


def after_children(tree: list[tuple[int, PrintedRow]]) -> tuple[PrintedRow, ...]:
    """A tree's rows with every container after its children. Iterative: trees may be deep."""
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
