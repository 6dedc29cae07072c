"""A text table whose rows are layers: its columns under the engine's words, its rows as facts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Literal

from ...engine.geometry import Number
from ...spec.stated import Stated
from .cells import (
    CHANNELS_FROM_TO,
    DEPTHWISE,
    FUSED,
    NAMED_CONV,
    SEVERAL,
    equations,
    figures_in,
    kind_of_operation,
    settings_in,
)
from .facts import IMAGE_SIZES, LayerFact, StatedModel
from .headings import SIDES, WINDOW_SETTINGS, column_of
from .repeats import opened_repeats
from .sentences import Statement, figure_of
from .tables import TextTable

SPATIAL = ("n", "n_in", "n_out", *WINDOW_SETTINGS[:4], "effective", "j", "j_in", "j_out", "r", "r_in", "r_out")
SIZED = ("n", "n_in", "n_out")
Order = Literal["first", "last", "line first", "line last"] | None
"""Where shapes have their channels; of a line: a length, and channels."""
BATCH = r"\bNone\s*,|-1\s*,"
ONE_AXIS = re.compile(r"conv\w{0,9}1d|pool\w{0,4}1d", re.IGNORECASE)
IMAGE = re.compile(r"\d{1,4}\s?[x×]\s?\d{1,4}\s?[x×]\s?\d{1,4}")
MEASURE = r"(?:\s(?:size|shape|dim\w*))?\s*(?:[:=]|of|is)?\s*\(?(\d{1,5}(?:\s?[x×*]\s?\d{1,5}){0,2})"
PHRASES = {
    "n_out": re.compile(r"\boutputs?\b" + MEASURE, re.IGNORECASE),
    "n_in": re.compile(r"\binputs?\b" + MEASURE, re.IGNORECASE),
    "stride": re.compile(r"\b(\d{1,2})(?:\s?[x×]\s?\d{1,2})?\s+strides?\b", re.IGNORECASE),
    "padding": re.compile(r"\b(same|valid)\b(?:[\s-]pad\w*)?|\bpad\w*\W{1,3}(same|valid)\b", re.IGNORECASE),
}
"""What descriptions of layers say in words, under the engine's."""
TORCH_CLASS = re.compile(r"\b(?:Conv|MaxPool|AvgPool|BatchNorm)[123]d\b")
OPERATION_HEADINGS = (re.compile(r"\bop|type|operation", re.IGNORECASE), re.compile("layer", re.IGNORECASE))
"""Headings of the columns that say what a row does, the plainest first; a column of blocks only says where."""
FEWEST_KERNELS = 3
"""Rows whose names hold a kernel, in a table that states sizes and no fields."""
SHARE = re.compile(r"\d\s?%\s*$")
"""Of a whole, in per cent: no figure of the layer's own."""
TENSOR = re.compile(r"\w\.(?:weight|bias)\b")
"""A row of a table of weights, whose shape is no map's."""
LAST_FACTOR = re.compile(r"\d\s?[x×*]\s?(\d{1,5})\s*(?:=|$)")
WORKED_OUT = re.compile(r"(?:\d{1,4}\s?[x×*]\s?){1,2}\d{1,5}\s?=\s?(?=\d)")
"""A product in front of its value: 5 * 5 * 32 = 800."""
TOTAL_ROW = re.compile(
    r"^\W*(?:sub\W?)?total\b|^\W*sum\b|all layers|^\W*(?:[总合小]计|[總合小]計|[합총소]계|итого)", re.IGNORECASE
)
TOTAL_FIGURE = re.compile(
    r"^\W{0,3}?(?P<about>[~≈]|about\b|approx\w*)?\W{0,3}(?P<number>\d[\d,]{0,15}(?:\.\d{1,6})?)\s?(?P<unit>[KkMm]?)(?![\w.])",
    re.IGNORECASE,
)


def layer_table(table: TextTable, printed: bool = False) -> StatedModel | None:
    """The table as stated layers; None when its headings, or its cells, are not those of one. One that is read as a
    print needs more than shapes and counts."""
    table = spelled_out(lowered(table))
    columns = with_bare_sides(columns_of(table.headings), table)
    columns = {place: key for place, key in columns.items() if not any(SHARE.search(row[place]) for row in table.rows)}
    keys = set(columns.values())
    chained = {key for key in keys if key[0] in "jr" and key[1:] in ("", "_in", "_out")}
    settings = {key for key in keys if set(key.split(",")) & {"kernel_size", "effective", "stride"}}
    summed = any(TOTAL_ROW.search(" ".join(cells)) for cells in table.rows)
    words = [kind_of_operation(cells[0]) != "other" for cells in table.rows if cells]
    unnamed = summed or 2 * sum(words) > len(words)
    names = [place for place, key in columns.items() if key == "name"] or [0] * (unnamed and 0 not in columns)
    operations = next(
        (found for words in OPERATION_HEADINGS if (found := [p for p in names if words.search(table.headings[p])])),
        names,
    )
    written = any(settings_in(row_name(cells, names)) for cells in table.rows)
    mapped = not printed and {"n", "n_out"} & keys and order_of_shapes(table, columns)
    counts = "params" in keys and (settings or written or summed or mapped) and names
    kernels = sum("kernel_size" in settings_in(row_name(cells, operations)) for cells in table.rows)
    sizes = {"n", "n_out"} & keys and kernels >= FEWEST_KERNELS and 2 * kernels >= len(table.rows)
    named = sum("kernel_size" in settings_in(row_name(cells, names)) for cells in table.rows)
    windows = sum(kind_of_operation(row_name(cells, names)) in ("conv", "pool") for cells in table.rows)
    layers = names and windows >= FEWEST_KERNELS and 2 * windows >= len(table.rows)
    fields = chained and (settings or written or {"n", "n_out"} & keys or len(chained) > 1 or layers)
    strided = {"n_out", "stride"} <= keys and (named > 1 or windows >= FEWEST_KERNELS)
    tensors = sum(bool(TENSOR.search(row_name(cells, names))) for cells in table.rows)
    if not (fields or counts or sizes or strided or len(settings) > 1) or 2 * tensors > len(table.rows):
        return None
    facts, total = [], None
    order = order_of_shapes(table, columns)
    for number, (cells, line) in enumerate(zip(table.rows, table.lines, strict=True), 1):
        name = row_name(cells, names)
        if TOTAL_ROW.search(name) or (not name and TOTAL_ROW.search(" ".join(cells))):
            sums = [
                TOTAL_FIGURE.match(cells[place].rpartition("=")[2]) for place in columns if columns[place] == "params"
            ]
            total = next((total_of(match, line) for match in sums if match), total)
            continue
        facts.append(
            [fact_of(cells, columns, (name, row_name(cells, operations)), number, line, axis, order) for axis in (0, 1)]
        )
    if all(first.cells.get("n_in", 0) < first.number for first, _ in facts):  # the numbers of the rows that come in
        facts = [[replace(f, cells={k: v for k, v in f.cells.items() if k != "n_in"}) for f in pair] for pair in facts]
    counted = total is not None and len(facts) > 1 and all("params" in fact.cells for fact, _ in facts)
    if not any(fact.cells for fact, _ in facts) or not (counted or layered(facts, keys)):
        return None
    first, second = (opened_repeats([pair[axis] for pair in facts]) for axis in (0, 1))
    alike = all(a.cells == b.cells for a, b in zip(first, second, strict=True))
    lines = frozenset((table.line, *table.lines))
    axes = (first,) if alike else (first, second)
    amiss = tuple(sums_amiss(table, columns))
    return StatedModel("table", table.line, axes, total, lines, sums=amiss, outs=outs_of_products(table, columns))


def lowered(table: TextTable) -> TextTable:
    """A table whose names say in brackets what is done to reach the next row, "Input (f=5, s=1)", with these settings
    in that row's; any other as it is."""
    parts = [cells[0].partition("(") for cells in table.rows if cells]
    if len(parts) < 2 or len(parts) < len(table.rows):
        return table
    if kind_of_operation(parts[0][0]) != "input" or "stride" not in settings_in("".join(parts[0])):
        return table
    settings = ["", *(f"{bracket}{inside}" for _, bracket, inside in parts)]
    rows = [(name + given, *cells[1:]) for (name, *_), given, cells in zip(parts, settings, table.rows, strict=False)]
    return replace(table, rows=tuple(rows))


def spelled_out(table: TextTable) -> TextTable:
    """A table that describes its layers in words ("1x1 stride, valid padding, outputs 28x28x6") with columns for what
    they state; any other as it is."""
    columns = columns_of(table.headings)
    names = [place for place, key in columns.items() if key == "name"]
    worked = [[WORKED_OUT.sub("", cell) for cell in cells] for cells in table.rows]
    texts = [" ".join(cells[place] for place in names) for cells in worked]
    if {*columns.values()} & {*SIZED, "kernel_size"} or sum(
        map(bool, map(PHRASES["n_out"].search, texts))
    ) < FEWEST_KERNELS:
        return table
    rows = []
    for cells, text in zip(worked, texts, strict=True):
        own, more = list(cells), []
        for pattern in PHRASES.values():
            match = pattern.search(text)
            more.append(next(filter(None, match.groups())) if match else "")
            own = [pattern.sub(" ", cell) if place in names else cell for place, cell in enumerate(own)]
        if not any(more) and kind_of_operation(text) == "input" and (image := IMAGE.search(text)):
            more[0] = image[0]
        rows.append((*own, *more))
    return replace(table, headings=(*table.headings, *PHRASES), rows=tuple(rows))


def total_of(match: re.Match[str], line: int) -> Statement:
    figure = figure_of("params", match["number"].replace(",", ""), match["unit"])
    exact = Stated.of(match["number"].replace(",", "")) if not match["unit"] else figure
    return Statement("params", match["number"] + match["unit"], "~" if match["about"] else "=", exact, line)


def sums_amiss(table: TextTable, columns: Mapping[int, str]) -> Iterator[tuple[int, int, str, Number, Number]]:
    """The counts whose own arithmetic gives another figure, and the numbers of a map that are not the product of its
    shape; sizes, jumps and fields are held against the row above."""
    yield from volumes_amiss(table, columns)
    for number, (cells, line) in enumerate(zip(table.rows, table.lines, strict=True), 1):
        for place, key in columns.items():
            found = [*equations(cells[place])][-1:] if key in ("params", "macs") else []
            yield from ((number, line, key, sum_.stated, sum_.value) for sum_ in found if sum_.amiss)


def volumes_amiss(table: TextTable, columns: Mapping[int, str]) -> Iterator[tuple[int, int, str, Number, Number]]:
    """Of a column of activation sizes beside one of shapes, the rows that differ where most agree."""
    place = next(
        (i for i, heading in enumerate(table.headings) if VOLUME.fullmatch(heading) and i not in columns), None
    )
    shapes = next((i for i, key in columns.items() if key in SIZED), None)
    found = []
    for number, (cells, line) in enumerate(zip(table.rows, table.lines, strict=True), 1):
        stated = figures_in(cells[place]) if place is not None and shapes is not None else ()
        shape = figures_in(cells[shapes].strip("()[] "), "n") if stated and shapes is not None else ()
        if len(stated) == 1 and len(shape) > 1:
            found.append((number, line, "volume", stated[0], prod(shape)))
    amiss = [one for one in found if one[3] != one[4]]
    yield from amiss if len(found) - len(amiss) >= FEWEST_KERNELS * len(amiss) else []


def outs_of_products(table: TextTable, columns: Mapping[int, str]) -> int:
    """The last factors of counts that are products and no more, together: as many biases as such weights leave out."""
    cells = [row[place] for row in table.rows for place, key in columns.items() if key == "params"]
    products = [found for cell in cells if "+" not in cell and (found := LAST_FACTOR.search(cell))]
    return sum(int(found[1]) for found in products)


def layered(facts: Sequence[Sequence[LayerFact]], keys: set[str]) -> bool:
    """Whether the rows are layers one after the other: not epochs, models or runs side by side."""
    known = sum(pair[0].kind != "other" for pair in facts)
    bare = not any(key in pair[0].cells for pair in facts for key in ("kernel_size", "effective", "params"))
    windows = sum(pair[0].kind in ("conv", "pool") and "kernel_size" in pair[0].cells for pair in facts)
    blocks = windows > 1 and bool(keys & {"r", "r_in", "r_out", "j_in", "j_out"})  # the other rows may be named blocks
    return "name" not in keys or 2 * known >= len(facts) or {"kernel_size", "stride"} <= keys or bare or blocks


VOLUME = re.compile(r"\W*activation[\W_]*sizes?\W*", re.IGNORECASE)
MAPS, SIZE_ALONE = (re.compile(words, re.IGNORECASE) for words in (r"\W*feature\s?maps?\W*", r"\W*(?:map\s)?size\W*"))
"""Headings: beside a column of sizes, feature maps are counted."""


def columns_of(headings: Sequence[str]) -> dict[int, str]:
    """The quantity of each column that is known, by its place; a quantity stands for its first column only."""
    found: dict[int, str] = {}
    counted = any(SIZE_ALONE.fullmatch(heading) for heading in headings)
    known = [None if VOLUME.fullmatch(heading) else column_of(heading) for heading in headings]
    volumes = {"n", "n_in", "n_out"} & {*known}  # beside shapes, the numbers of a whole map
    for place, heading in enumerate(headings):
        column = "ch_out" if counted and MAPS.fullmatch(heading) else known[place] if volumes else column_of(heading)
        if column and (column == "name" or column not in found.values()):
            found[place] = column
        elif column in ("n_in", "n_out"):  # beside a column of sizes, shapes still tell the channels
            found[place] = f"shape{column[1:]}"
    return found


def with_bare_sides(columns: dict[int, str], table: TextTable) -> dict[int, str]:
    """The columns with those headed In and Out and no more: channels where an image's 1 or 3 come in first, sizes where
    a usual image's do."""
    bare = {
        SIDES[h.strip().casefold()]: place for place, h in enumerate(table.headings) if h.strip().casefold() in SIDES
    }
    first = next((n for cells in table.rows if "in" in bare and (n := figures_in(cells[bare["in"]], "ch"))), ())
    quantity = "ch" if first in ((1,), (3,)) else "n" if len(first) == 1 and first[0] in IMAGE_SIZES else ""
    free = {side: place for side, place in bare.items() if f"{quantity}_{side}" not in columns.values()}
    taken = {place: f"{quantity}_{side}" for side, place in free.items()} if quantity and len(free) == 2 else {}
    return dict(sorted({**columns, **taken}.items()))


BRANCH_NUMBER = re.compile(r"\d{1,2}[a-e]")
"""The number of a row that stands beside others: 5c."""


def row_name(cells: Sequence[str], names: Sequence[int]) -> str:
    """The row's name: what stands in the columns of words, or alone in the row."""
    stated = [cell for cell in cells if cell]
    alone = len(stated) == 1 and kind_of_operation(stated[0]) != "other"
    words = " ".join(cells[place] for place in names if cells[place])
    branch = "".join(cell for cell in cells[:1] if BRANCH_NUMBER.fullmatch(cell) and 0 not in names)
    return stated[0] if alone else f"{branch} {words}".strip()


def order_of_shapes(table: TextTable, columns: Mapping[int, str]) -> Order:
    """Where the shapes of a table have their channels, by the first that tells: of two figures in a table of layers
    along one axis, of three that are no square. None where no shape has any."""
    sized = [cells[place] for cells in table.rows for place, key in columns.items() if key in SIZED or "shape" in key]
    shapes = [figures_in(re.sub(BATCH, "", cell).replace("@", "x").strip("()[] "), "n") for cell in sized]
    lined = any(ONE_AXIS.search(cell) for cells in table.rows for cell in cells)
    pairs = [shape for shape in shapes if len(shape) == 2] if lined else []
    shapes = [shape[1:] if len(shape) == 4 else shape for shape in shapes]
    maps = [shape for shape in shapes if len(shape) == 3]
    if len(pairs) > 1 and not maps:
        return "line first" if pairs[0][0] < pairs[0][1] else "line last"
    square = [shape for shape in maps if len({*shape}) == 2]
    torch = any(TORCH_CLASS.search(cell) for cells in table.rows for cell in cells)
    if torch:  # whose maps have their channels first, unless each says otherwise
        return None if not maps else "last" if len(square) == len(maps) and all(a == b for a, b, _ in maps) else "first"
    image = any(s[0] in (1, 3) and s[2] > s[0] for s in maps[:1])
    first = any(a != b == c for a, b, c in square) if square else image
    return ("first" if first else "last") if maps else None


def fact_of(
    cells: Sequence[str],
    columns: Mapping[int, str],
    names: tuple[str, str],
    number: int,
    line: int,
    axis: int,
    order: Order = None,
) -> LayerFact:
    """One row along one axis; `names` are all that name it, and what names its operation."""
    found: dict[str, Number] = {}
    same, name = False, names[0]
    words, kind = name, kind_of_operation(names[1])
    kind = kind_of_operation(name) if kind == "conv" and not NAMED_CONV.search(names[1]) else kind  # only a kernel
    unknown = {key for place, key in columns.items() if "?" in cells[place]}
    for place, key in columns.items():
        cell = cells[place]
        if key == "name" or not cell:
            continue
        if "," in key:
            found |= settings_together(cell, key)
            words += " " + cell
        elif key == "padding" and re.fullmatch(r"same|valid|none|yes|no", cell, re.IGNORECASE):
            same = cell.lower() == "same"
            found |= {"padding": 0} if cell.lower() in ("valid", "none") else {}
        else:
            found |= dict(figures(cell, key, axis, order))
            words += f" {cell}" * (key == "kernel_size" and kind_of_operation(cell) == "pool")  # Max Pooling, as such
    if found.get("kernel_size") == 0 and "kernel_size" in settings_in(words):
        del found["kernel_size"]  # what some write for a pool's
    written, worded = settings_in(words), "kernel_size" not in found
    kind = kind_of_operation(words) if kind == "other" else kind
    kind = "flat" if kind == "pointwise" and "softmax" in words.lower() and found.get("params") else kind
    kind, found = with_units(kind, words, found, order)
    if kind in ("flat", "pointwise"):
        maps = [shape_in(cells[place], order) for place, key in columns.items() if key in ("ch_in", "n_in")]
        found = with_units_of(maps, found) if kind == "flat" else found
        written = {key: value for key, value in written.items() if key in ("ch_in", "ch_out")}
        found = {**written, **found}
        if kind == "flat" and "ch_out" not in found and found.get("n_out", found.get("n", 1)) > 1:
            found["ch_out"] = found.pop("n_out" if "n_out" in found else "n")  # it has channels only
    else:
        windowed = found.keys() & {"kernel_size", "effective"} or kind in ("resample", "input")
        left_out = ("kernel_size", "padding") if windowed else ()
        found = {**{key: value for key, value in written.items() if key not in left_out}, **found}
    if kind in ("other", "join") and "kernel_size" in found and not re.search(r"add|concat|skip", name, re.IGNORECASE):
        kind = "conv" if kind == "other" else kind
    if kind in ("other", "conv") and {"kernel_size", "n_out"} <= unknown and not unknown & found.keys():
        kind = "input"  # with kernel and output unknown, its figures are those of what comes in
    if DEPTHWISE.search(words) and "ch_in" in found and "groups" not in found:
        found["groups"] = found["ch_in"]
    kind = "join" if kind == "flat" and "concat" in " ".join(cells).lower() else kind
    fused = bool(FUSED.search(name))
    kind = "conv" if fused and kind == "pool" else kind
    return LayerFact(number, line, name, kind, found, same, fused or bool(SEVERAL.search(name)), worded)


def with_units_of(
    maps: Sequence[tuple[tuple[Number, ...], Number | None]], found: dict[str, Number]
) -> dict[str, Number]:
    """The figures of a dense layer that may be given a whole map: 7x7x512 are 25,088 units."""
    units = [prod(sizes) * channels for sizes, channels in maps if channels and prod(sizes) > 1]
    return {key: n for key, n in found.items() if key != "n_in"} | {"ch_in": units[0]} if units else found


def with_units(kind: str, words: str, found: dict[str, Number], order: Order) -> tuple[str, dict[str, Number]]:
    """The kind and the figures of a row that may state how many units there are: beside maps with channels, one figure
    of a layer without a window counts them; what only looks pointwise and changes it is dense; a pool to another size
    than 1 is no global one."""
    if kind == "pointwise" and {"n_in", "n_out"} <= found.keys() and found["n_in"] != found["n_out"]:
        kind = "flat"
    if kind in ("flat", "global", "pointwise") and order:
        made = [key for key in SIZED if kind != "global" or key != "n_in"]
        alone = {key: f"ch{key[1:]}" for key in made if found.get(key, 1) != 1 and f"ch{key[1:]}" not in found}
        found = {alone.get(key, key): n for key, n in found.items()}
    sized = found.get("n_out", found.get("n", 1)) != 1 and "kernel_size" not in found
    return "other" if kind == "global" and sized and "adaptive" in words.lower() else kind, found


def settings_together(cell: str, key: str) -> dict[str, Number]:
    """Several settings in one cell: 3,1,1 or 3/1/1; what follows in brackets is words."""
    bare = re.sub(r"\([^()]*\)|[A-Za-z=]+", " ", cell)
    numbers = [int(number) for number in re.findall(r"\d+", bare)]
    names = key.split(",")
    return dict(zip(names, numbers, strict=True)) if len(numbers) == len(names) else {}


def figures(cell: str, key: str, axis: int, order: Order = None) -> Iterator[tuple[str, Number]]:
    """The figures that a cell gives its column, along one axis; a shape with channels gives those too."""
    if key.startswith("shape"):
        channels = shape_in(cell, order)[1]
        if channels:
            yield f"ch{key[5:]}", channels
        return
    if key.startswith("n") and key in SPATIAL:
        if key == "n" and len(sides := re.split(r"→|-+>|=>|➡|⇒", cell)) == 2:
            yield from (
                pair
                for side, part in zip(("n_in", "n_out"), sides, strict=True)
                for pair in figures(part, side, axis, order)
            )
            return
        sizes, channels = shape_in(cell, order)
        if sizes:
            yield key, sizes[min(axis, len(sizes) - 1)]
        if channels:
            yield "ch" + key[1:], channels
        return
    if key in WINDOW_SETTINGS and re.search(r"[A-Za-z]{3}", cell):
        yield from ((k, v) for k, v in settings_in(cell).items())
        return
    if key in ("ch_in", "ch_out") and (shape := shape_in(cell, order))[1]:  # a whole map
        yield from ((f"n{key[2:]}", shape[0][min(axis, len(shape[0]) - 1)]), (key, shape[1]))
        return
    if key[:2] == "ch" and (pair := CHANNELS_FROM_TO.search(cell)):
        yield from (("ch_in", int(pair["a"])), ("ch_out", int(pair["b"])))
        return
    numbers = figures_in(cell, key)
    if key == "kernel_size" and len(numbers) in (3, 4):
        yield from settings_in(cell).items()
        if len(numbers) == 4 and "(" not in cell:
            yield from (("ch_in", numbers[2]), ("ch_out", numbers[3]))
        numbers = numbers[:2]
    if numbers and (len(numbers) == 1 or (key in SPATIAL and len(numbers) < 4)):
        value = numbers[min(axis, len(numbers) - 1)] if key in SPATIAL else numbers[0]
        yield key, value


def shape_in(cell: str, order: Order = None) -> tuple[tuple[Number, ...], Number | None]:
    """Sizes and channels of a printed map: 28x28x64 and 64x28x28 both have 64 channels; a batch in front is left out.
    `order` says where they stand in shapes that do not tell.

    >>> shape_in("28x28x64"), shape_in("[1, 64, 28, 28]"), shape_in("28x28"), shape_in("28")
    (((28, 28), 64), ((28, 28), 64), ((28, 28), None), ((28,), None))
    """
    text = re.sub(BATCH, "", cell).replace("@", "x")
    numbers = figures_in(text.strip("()[] "), "n") or figures_in(text, "n")
    if len(numbers) == 4 and numbers[0] == numbers[1] and numbers[2] != numbers[3]:
        return (), None  # a kernel with its channels: 3x3x32x64
    if len(numbers) == 4:
        numbers = numbers[1:]
    if len(numbers) == 2 and order and order.startswith("line"):
        n, channels = numbers[::-1] if order == "line first" else numbers
        return (n,), channels
    if len(numbers) != 3:
        return numbers, None
    first, second, third = numbers
    if order == "first" and not (first == second != third and third in (1, 3)):  # an image's colours are its last
        return (second, third), first
    return ((second, third), first) if second == third != first else ((first, second), third)
