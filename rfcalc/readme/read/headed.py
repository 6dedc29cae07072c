"""Layers under headings of their own, with their properties in the points below, or in a table of properties:

### Layer 1: convolution
- Filter size: 5x5
- Output: 28x28x6
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from .cells import kind_of_operation, settings_in
from .facts import LayerFact, StatedModel
from .headings import SIDES, column_of
from .layer_lines import ARROWED, CODE
from .layer_table import SIZED, layer_table
from .tables import TextTable, is_rule, split_bars
from .text import HEADING, LONGEST_LINE, Line, clean_cell

PROPERTY = re.compile(
    r"^\s*(?:[-*+•·]\s+|\d{1,2}[.)]\s+)?\W{0,3}(?:则[:：])?(?P<key>[^\W\d][^:：=|]{0,40}?)\s{0,3}[:：=]\s*(?P<value>\S.{0,160})$"
)
TITLE = re.compile(r"^\s*(?:[-*+•]\s+|\d{1,2}[.)]\s+)?(?P<title>[^|]{2,100}?)\s*[:：]?\s*$")
NEXT = re.compile(r"[,;，；]\s*(?=[^\W\d][\w\s]{0,24}[:：=])")
"""Between two properties in a line: filters: 16, kernel: 3x3."""
NUMBERED = re.compile(r"^\s*(\d{1,2})[.)]\s+\S")
BOLD = re.compile(r"^\s*(?:[-*+•]\s+|\d{1,2}[.)]\s+)?(?:\*\*|__).*(?:\*\*|__):?\s*$")
REMARK = re.compile(r"(?<=\S)\s*[(（][^()（）]*[^\W\d_]{2}[^()（）]*[)）]?\W*$|[;；,，.。]\s*$")
"""What follows a value in words."""
SHAPE = re.compile(r"(?<![\w.])\d{1,5}(?:\s?[x×*]\s?\d{1,5}){1,2}(?![\w.])")
SUMMANDS = re.compile(r"\+[^+]*\+")
"""A count of three summands or more: of parts that see different channels."""
WINDOWS = ("conv", "pool")
INNER = (*WINDOWS, "flat", "global")
"""Kinds that a property does not name: such a line is a layer of a block."""
BARE = {word: f"n_{side}" for word, side in SIDES.items()}
"""What comes in and what comes out, in a word."""
EXAMPLE = re.compile(r"\b(?:problem|exercise|example|question|quiz|q\d+|task)\b|\?|例|习题|問題|문제", re.IGNORECASE)
"""A heading under which a layer stands for itself."""
APART = 8
"""Lines between a layer's heading and its properties, or between two of them: formulas and a sentence or two."""
FEWEST = 2
"""Windows with a kernel, and a figure that follows, that make such a list."""
FIGURES = {"n_out", "n", "r", "r_out", "params"}


@dataclass
class Headed:
    """A layer's heading, what marks it as one, and what the lines below state: the value and the line of each
    property, by its column."""

    title: str
    mark: str
    line: int
    last: int
    number: int
    """In its list; 1 where it stands in none."""
    found: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return kind_of_operation(self.title)

    @property
    def whole(self) -> bool:
        kernel = "kernel_size" in {*",".join(self.found).split(","), *settings_in(self.title)}
        return self.kind in WINDOWS and kernel and bool(FIGURES & self.found.keys())

    def take(self, column: str, value: str, line: int) -> None:
        """A property; the first of a kind counts."""
        counted = self.kind != "pool" and not SUMMANDS.search(value)  # coefficients of its own; a sparse connection
        if column not in self.found and (column != "params" or counted):
            self.found[column] = value_of(column, value), line
        self.last = line


def headed_models(lines: Sequence[Line]) -> list[StatedModel]:
    """The networks whose layers have a heading each, at least two of them with a kernel and a figure that follows."""
    models = []
    for run in runs_of(map(with_kernel, headed_layers(lines))):
        stated = {column: None for layer in run for column in layer.found}
        together = any("," in column for column in stated)
        columns = stated if together else {"kernel_size": None, "stride": None, **stated}
        rows = tuple((layer.title, *(layer.found.get(one, ("", 0))[0] for one in columns)) for layer in run)
        table = TextTable(("layer", *columns), rows, run[0].line, tuple(layer.line for layer in run))
        model = layer_table(table) if sum(layer.whole for layer in run) >= FEWEST else None
        if model:
            model = placed(model, {layer.line: layer for layer in run})
            above = (LayerFact(0, run[0].line, "", "other", {}, several=True),) if run[0].number > 1 else ()
            models.append(replace(model, axes=tuple((*above, *axis) for axis in model.axes)))
    return models


def with_kernel(layer: Headed) -> Headed:
    """The layer with the size that stands beside what comes out as its kernel, where no other is stated."""
    if layer.kind in WINDOWS and "n_out" in layer.found and "kernel_size" not in layer.found and "n" in layer.found:
        layer.found["kernel_size"] = layer.found.pop("n")
    return layer


def placed(model: StatedModel, layers: dict[int, Headed]) -> StatedModel:
    """The model with each figure on its own line."""
    axes = tuple(tuple(with_places(fact, layers[fact.line]) for fact in axis) for axis in model.axes)
    properties = (line for layer in layers.values() for _, line in layer.found.values())
    return replace(model, axes=axes, lines=frozenset((*layers, *properties)))


def with_places(fact: LayerFact, layer: Headed) -> LayerFact:
    lines = {column: line for column, (_, line) in layer.found.items()}
    own = ((figure, lines.get(figure, lines.get(figure.partition("_")[0]))) for figure in fact.cells)
    return replace(fact, places=tuple((figure, line) for figure, line in own if line))


def runs_of(layers: Iterable[Headed]) -> list[list[Headed]]:
    """The layers of one network each: those that follow each other, up to the last that states anything."""
    runs: list[list[Headed]] = [[]]
    for layer in layers:
        if not layer.found and layer.kind in ("other", "pointwise", "input"):
            continue
        if runs[-1] and (layer.line - runs[-1][-1].last > APART or EXAMPLE.search(layer.title)):
            runs.append([])
        if runs[-1] or layer.kind in (*INNER, "input"):
            runs[-1].append(layer)
    return [run for run in runs if run]


def headed_layers(lines: Sequence[Line]) -> Iterator[Headed]:
    """The headings that may name a layer, each with the properties below it."""
    layer: Headed | None = None
    for line in (one for one in lines if len(one.text) <= LONGEST_LINE):
        stated = [(column_of(key) or BARE.get(key.casefold()), key, value) for key, value in properties_of(line)]
        mark = mark_of(line)
        if any(column not in (None, "name") for column, *_ in stated[: None if mark != "1." else 1]):
            mark = ""
        title = TITLE.match(clean_cell(line.text)) if mark else None
        if title and (not layer or mark == layer.mark or kind_of_operation(title["title"]) in (*INNER, "input")):
            if layer:
                yield layer
            number = NUMBERED.match(line.text) if mark == "1." else None
            layer = Headed(title["title"], mark, line.number, line.number, int(number[1]) if number else 1)
        elif layer and line.number - layer.last <= APART:
            for column, key, value in stated:
                if column == "name" or (not column and kind_of_operation(key) in INNER):
                    layer.title, layer.last = f"{layer.title} block", line.number
                elif column:
                    layer.take(column, value, line.number)
    if layer:
        yield layer


def mark_of(line: Line) -> str:
    """What marks a line as a heading: its number signs, bold type, a colon at its end, the number in front of a layer;
    empty for none."""
    if match := HEADING.match(line.text):
        return match[1]
    if NUMBERED.match(line.text) and kind_of_operation(line.text) in INNER and not ARROWED.search(line.text):
        return "1."
    return "**" if BOLD.match(line.text) else ":" if line.text.rstrip().endswith((":", "：")) else ""


def properties_of(line: Line) -> list[tuple[str, str]]:
    """The names and values of the properties that a line states, none of them a heading."""
    if line.text.lstrip().startswith("|"):
        cells = split_bars(line.text)
        return [(cells[0], cells[1])] if len(cells) == 2 and not is_rule(line.text) else []
    found = None if CODE.search(line.text) or HEADING.match(line.text) else PROPERTY.match(clean_cell(line.text))
    value, *others = NEXT.split(found["value"]) if found else [""]
    more = [match for match in map(PROPERTY.match, others) if match]
    return [(found["key"], value), *((match["key"], match["value"]) for match in more)] if found else []


def value_of(column: str, words: str) -> str:
    """A property's value without the words around it."""
    shapes = SHAPE.findall(words.rpartition("=")[2]) if column in (*SIZED, "kernel_size") else []
    return shapes[0].replace("*", "x") if len(shapes) == 1 else REMARK.sub("", words)
