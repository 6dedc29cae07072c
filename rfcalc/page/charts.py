"""How the field grows from layer to layer, against the image, and what each layer costs, as SVG in the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, isnan, log2

from ..drawing.boxes import box_groups, main_of, shortened
from ..drawing.growth import MARKS, Course, course_of, runs
from ..engine.arch import Arch, Row
from ..report.cells import agreed, text
from .markup import Markup, tag

LAYER_STEPS = 15.0, 44.0
"""Pixels from one layer to the next: room for an upright name, and what keeps the eye on a curve."""
CHART_WIDTH = 1080
"""Pixels that a few layers are spread over, or half as many beside another network."""
LEFT, RIGHT, TOP = 84, 72, 36
CURVE_HEIGHT, BAR_HEIGHT, CHART_GAP = 170, 52, 26
"""Heights: of the curves, of each row of bars, and between them."""
HATCH = 7
"""Between the lines of a hatched band."""
LETTER = 6.6
"""Pixels of a letter of a layer's name, about."""
NAME_LETTERS = 22
"""A longer name loses its middle."""
LINES = {"field": "receptive field, pixels", "jump": "jump, pixels"}


@dataclass(frozen=True, slots=True)
class ChartColumns:
    """The columns of a chart: the layers in each, and how far apart they stand."""

    course: Course
    layers: tuple[tuple[Row, ...], ...]
    step: float

    def left(self, place: float) -> float:
        return LEFT + place * self.step

    def middle(self, place: int) -> float:
        return self.left(place + 0.5)

    @property
    def right(self) -> float:
        return self.left(len(self.layers))

    @property
    def bottom(self) -> int:
        return TOP + CURVE_HEIGHT + 2 * CHART_GAP + 2 * BAR_HEIGHT


def chart(arch: Arch, number: int, narrow: bool = False) -> Markup:
    """Curves of field and jump, then bars of parameters and of MACs, a column for each box of the drawing."""
    groups = box_groups(arch)[1:]
    step = min(max(CHART_WIDTH / (2 if narrow else 1) / max(len(groups), 1), LAYER_STEPS[0]), LAYER_STEPS[1])
    sheet = ChartColumns(
        course_of(arch), tuple(tuple(arch.rows[i - 1] for i in group.layers) for group in groups), step
    )
    params = [sum(row.params for row in rows) for rows in sheet.layers]
    macs = [sum(row.macs or 0 for row in rows) for rows in sheet.layers]
    labels = [shortened(name, NAME_LETTERS) for name in sheet.course.names]
    parts = [
        *key(sheet),
        *bands(sheet),
        *value_lines(arch, sheet),
        *bars(sheet, "params", params, TOP + CURVE_HEIGHT + CHART_GAP),
        *bars(sheet, "MACs", macs, TOP + CURVE_HEIGHT + 2 * CHART_GAP + BAR_HEIGHT),
        *(name(sheet, place, label) for place, label in enumerate(labels)),
        *(hit_column(sheet, place, params[place], macs[place]) for place in range(len(groups))),
    ]
    width = round(max(sheet.right + RIGHT, LEFT + key_width(sheet)))
    height = round(sheet.bottom + 16 + LETTER * max(map(len, labels), default=0))
    return tag("svg", *parts, cls="chart", data_net=number, viewBox=f"0 0 {width} {height}", width=width, height=height,
               role="group", aria_label=f"field, jump, parameters and MACs of {arch.name} by layer")  # fmt: skip


def key(sheet: ChartColumns) -> Iterator[Markup]:
    """What the lines and bands are, above them."""
    at = float(LEFT)
    for kind, word in {**LINES, **shown_bands(sheet)}.items():
        if kind in LINES:
            yield tag("polyline", cls=kind, points=f"{at:.1f},12 {at + 24:.1f},12")
        else:
            yield tag("path", cls="hatching", d=hatching(at, at + 24, kind, 5, 14))
        yield tag("text", word, x=at + 30, y=12)
        at += entry_width(word)


def shown_bands(sheet: ChartColumns) -> dict[str, str]:
    return {kind: word for kind, word in MARKS.items() if sheet.course.marked[kind]}


def entry_width(word: str) -> float:
    return 46 + LETTER * len(word)


def key_width(sheet: ChartColumns) -> float:
    return sum(map(entry_width, (*LINES.values(), *shown_bands(sheet).values())))


def bands(sheet: ChartColumns) -> Iterator[Markup]:
    """Bands behind the layers that the findings name."""
    for kind, marked in sheet.course.marked.items():
        for first, last in runs(marked):
            left, right = sheet.left(first), sheet.left(last + 1)
            yield tag("rect", cls="band", x=left, y=TOP, width=right - left, height=CURVE_HEIGHT)
            yield tag("path", cls="hatching", d=hatching(left, right, kind, TOP, CURVE_HEIGHT))


def hatching(left: float, right: float, kind: str, top: float, tall: float) -> str:
    """Slanted lines over a band, crossed for gridding, cut at its sides."""
    lines = []
    for i in range(int((right - left + tall) / HATCH) + 1):
        start = left - tall + i * HATCH
        a, b = max(start, left), min(start + tall, right)
        if a < b:
            lines.append(f"M{a:.1f},{top + tall - a + start:.1f}L{b:.1f},{top + tall - b + start:.1f}")
            if kind == "gridding":
                lines.append(f"M{a:.1f},{top + a - start:.1f}L{b:.1f},{top + b - start:.1f}")
    return "".join(lines)


def value_lines(arch: Arch, sheet: ChartColumns) -> Iterator[Markup]:
    """Field and jump on a scale of powers of two, a line for each axis where they differ; the image's size."""
    shown = sheet.course.lines
    lines = [("field", fields) for fields, _ in shown] + [("jump", jumps) for _, jumps in shown]
    known = [value for _, values in lines for value in values if value > 0] + [float(n) for n in arch.sizes]
    low, high = floor(log2(min([*known, 1.0]))), ceil(log2(max(known)))

    def height(value: float) -> float:
        return TOP + CURVE_HEIGHT * (1 - (log2(value) - low) / max(high - low, 1))

    for power in range(low, high + 1, max(ceil((high - low) / 6), 1)):
        at = height(2.0**power)
        yield tag("line", cls="rule", x1=LEFT, x2=sheet.right, y1=at, y2=at)
        yield tag("text", text(2**power if power >= 0 else 2.0**power), cls="tick", x=LEFT - 6, y=at)
    for size in sorted(set(arch.sizes)):
        at = height(float(size))
        yield tag("line", cls="image", x1=LEFT, x2=sheet.right, y1=at, y2=at)
        yield tag("text", f"image {size}", x=sheet.right + 5, y=at)
    for kind, values in lines:
        yield from value_line(sheet, kind, values, height)


def value_line(
    sheet: ChartColumns, kind: str, values: Sequence[float], height: Callable[[float], float]
) -> Iterator[Markup]:
    """A line with a gap where a value is unknown, and a dot for each that is known."""
    piece: list[str] = []
    for place, value in enumerate([*values, float("nan")]):
        if not isnan(value) and value > 0:
            piece.append(f"{sheet.middle(place):.1f},{height(value):.1f}")
            yield tag("circle", cls=kind, cx=sheet.middle(place), cy=height(value), r=2.4)
        elif piece:
            yield tag("polyline", cls=kind, points=" ".join(piece))
            piece = []


def bars(sheet: ChartColumns, name: str, values: Sequence[int], top: float) -> Iterator[Markup]:
    most = max(values, default=0) or 1
    yield tag("text", name, x=4, y=top - 6)
    yield tag("text", text(max(values, default=0)), cls="tick", x=LEFT - 6, y=top + 6)
    yield tag("line", cls="rule", x1=LEFT, x2=sheet.right, y1=top + BAR_HEIGHT, y2=top + BAR_HEIGHT)
    width = 0.66 * sheet.step
    for place, value in enumerate(values):
        if value:
            tall = max(BAR_HEIGHT * value / most, 0.75)
            left = sheet.middle(place) - width / 2
            yield tag("rect", cls=f"bar {name}", x=left, y=top + BAR_HEIGHT - tall, width=width, height=tall)


def name(sheet: ChartColumns, place: int, label: str) -> Markup:
    return tag("text", label, cls="name", transform=f"translate({sheet.middle(place):.1f} {sheet.bottom + 8}) "
               "rotate(-90)")  # fmt: skip


def hit_column(sheet: ChartColumns, place: int, params: int, macs: int) -> Markup:
    """What answers to the pointer: the whole height of one layer."""
    row, rows = sheet.course.rows[place], sheet.layers[place]
    axes = row.out.axes
    said = f"{sheet.course.names[place]}: field {text(agreed(tuple(axis.receptive_field for axis in axes)))}, jump "
    said += f"{text(agreed(tuple(axis.jump for axis in axes)))}, params {text(params)}, MACs {text(macs)}"
    numbers = " ".join(str(each.index) for each in rows)
    return tag("rect", tag("title", said), cls="hit", x=sheet.left(place), y=TOP - 6, width=sheet.step,
               height=sheet.bottom - TOP + 6, data_row=main_of(rows).index, data_rows=numbers)  # fmt: skip
