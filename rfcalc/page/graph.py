"""The drawing of a network as SVG in the page: the layout of the plots, its boxes to be pointed at and clicked."""

from __future__ import annotations

from collections.abc import Sequence

from ..drawing.boxes import main_of
from ..drawing.layout import layout
from ..drawing.network import CORNER, arrow_head, rounded_line
from ..drawing.parts import FONT, LABEL_HEIGHT, LINE_HEIGHT, NAME_SIZE, PAD, Box, Edge, Frame, Point
from ..engine.arch import Arch
from .markup import Markup, tag

COPIES = 3
"""Of a box that stands for equal blocks, as many are drawn behind one another at most."""


def graph_drawing(arch: Arch, number: int, narrow: bool = False) -> Markup:
    """The drawing of one of the page's networks, in a single column where two stand side by side."""
    drawn = layout(arch, columns=1 if narrow else None)
    places = {row.name: row.index for row in arch.rows}
    parts = (
        *(frame_of(frame) for frame in drawn.frames),
        *(edge_of(edge) for edge in sorted(drawn.edges, key=lambda edge: not edge.skip)),
        *(box_of(box, [places[name] for name in box.layers], mains(arch, box)) for box in drawn.boxes),
    )
    return tag(
        "svg", *parts, cls="graph", data_net=number, viewBox=f"0 0 {drawn.width:.2f} {drawn.height:.2f}",
        width=drawn.width * 4 / 3, height=drawn.height * 4 / 3, role="group", tabindex=0,
        aria_label=f"the graph of {arch.name}, {len(drawn.boxes) - 1} boxes; arrow keys choose one",
    )  # fmt: skip


def mains(arch: Arch, box: Box) -> list[int]:
    """The layers that a click on a box chooses, one for each block that it stands for: those that are not folded."""
    if not box.layers:
        return []
    each = len(box.layers) // box.times
    copies = [box.layers[i * each : (i + 1) * each] for i in range(box.times)]
    return [main_of([arch[name] for name in copy]).index for copy in copies]


def frame_of(frame: Frame) -> Markup:
    edges = tag("rect", x=frame.x, y=frame.y, width=frame.w, height=frame.h, rx=CORNER + 1)
    at = frame.y + LABEL_HEIGHT / 2 + 2
    return tag("g", edges, tag("text", frame.label, x=frame.x + PAD, y=at, font_size=FONT), cls="frame")


def box_of(box: Box, layers: Sequence[int], chosen: Sequence[int]) -> Markup:
    """A box; it holds the numbers of its layers, and of those that a click chooses."""
    copies = range(min(box.times, COPIES) - 1, -1, -1)
    shapes = [
        tag("rect", x=box.x + 2 * c, y=box.y + 2 * c, width=box.w, height=box.h, rx=CORNER) for c in copies
    ]  # fmt: skip
    top = box.y + (box.h - LINE_HEIGHT * len(box.lines)) / 2
    texts = []
    for i, line in enumerate(box.lines):
        at, size = top + (i + 0.5) * LINE_HEIGHT, NAME_SIZE if line.role == "name" else FONT
        if line.left:
            texts.append(tag("text", line.left, cls=line.role, x=box.x + PAD, y=at, font_size=size))
        if line.right:
            side = "right field" if i == 1 else "right"
            texts.append(tag("text", line.right, cls=side, x=box.x + box.w - PAD, y=at, font_size=FONT))
    label = ", ".join(part for line in box.lines for part in (line.left, line.right) if part)
    if not layers:
        return tag("g", *shapes, *texts, cls=f"box {box.family}", aria_label=label)
    return tag(
        "g", *shapes, *texts, cls=f"box {box.family}", role="button", aria_label=label,
        data_row=" ".join(map(str, chosen)), data_rows=" ".join(map(str, layers)),
    )  # fmt: skip


def edge_of(edge: Edge) -> Markup:
    head = " ".join(f"{x:.2f},{y:.2f}" for x, y in arrow_head(edge.points))
    kind = "edge skip" if edge.skip else "edge"
    return tag("g", tag("path", d=path_data(edge.points)), tag("polygon", points=head), cls=kind)


def path_data(points: Sequence[Point]) -> str:
    """A path along the points whose corners are quarter curves."""
    first, bends, last = rounded_line(points)
    curves = "".join(f"L{point_text(start)}Q{point_text(corner)} {point_text(end)}" for start, corner, end in bends)
    return f"M{point_text(first)}{curves}L{point_text(last)}"


def point_text(point: Point) -> str:
    return f"{point[0]:.2f},{point[1]:.2f}"
