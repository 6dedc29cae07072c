"""The graph of a network as a drawing: the layout's boxes, edges and frames, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .parts import FONT, LABEL_HEIGHT, LINE_HEIGHT, NAME_SIZE, PAD, Box, Edge, Frame, Layout, Point
from .style import Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CORNER = 3.0
"""The radius of corners, in points."""
INCH = 72.0


def draw(drawn: Layout, look: Style) -> Figure:
    """A figure of exactly the layout's size, a point of it a point."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(drawn.width / INCH, drawn.height / INCH))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0.0, drawn.width), ylim=(drawn.height, 0.0))
    axes.axis("off")
    for depth, frame in enumerate(drawn.frames):
        draw_frame(axes, frame, look, depth)
    for edge in sorted(drawn.edges, key=lambda edge: not edge.skip):
        draw_edge(axes, edge, look)
    for box in drawn.boxes:
        draw_box(axes, box, look)
    return figure


def rounded_patch(x: float, y: float, w: float, h: float, radius: float = CORNER, **looks: Any) -> Any:
    from matplotlib.patches import FancyBboxPatch

    return FancyBboxPatch((x, y), w, h, boxstyle=f"round,pad=0,rounding_size={radius}", **looks)


def draw_frame(axes: Axes, frame: Frame, look: Style, depth: int) -> None:
    axes.add_patch(rounded_patch(frame.x, frame.y, frame.w, frame.h, CORNER + 1, facecolor=look.frame,
                                 edgecolor=look.frame_edge, linewidth=0.7, zorder=1 + depth / 1000))  # fmt: skip
    axes.text(frame.x + PAD, frame.y + LABEL_HEIGHT / 2 + 2, frame.label, va="center", ha="left", color=look.muted,
              fontsize=FONT, zorder=2)  # fmt: skip


def draw_box(axes: Axes, box: Box, look: Style) -> None:
    looks: dict[str, Any] = {"facecolor": look.fills[box.family], "edgecolor": look.edges[box.family], "linewidth": 0.9}
    for copy in range(min(box.times, 3) - 1, 0, -1):
        axes.add_patch(rounded_patch(box.x + 2 * copy, box.y + 2 * copy, box.w, box.h, zorder=2.5, **looks))
    axes.add_patch(rounded_patch(box.x, box.y, box.w, box.h, zorder=5, gid=f"layer-{box.layers[0]}" if box.layers else
                                 "input", **looks))  # fmt: skip
    top = box.y + (box.h - LINE_HEIGHT * len(box.lines)) / 2
    for i, line in enumerate(box.lines):
        at, font = top + (i + 0.5) * LINE_HEIGHT, line_looks(line.role, look)
        if line.left:
            axes.text(box.x + PAD, at, line.left, ha="left", va="center_baseline", zorder=6, **font)
        if line.right:
            accent = look.accent if i == 1 else look.ink
            axes.text(box.x + box.w - PAD, at, line.right, ha="right", va="center_baseline", fontsize=FONT,
                      color=accent, zorder=6)  # fmt: skip


def line_looks(role: str, look: Style) -> dict[str, Any]:
    if role == "name":
        return {"fontsize": NAME_SIZE, "fontweight": "bold", "color": look.ink}
    return {"fontsize": FONT, "color": look.muted if role == "folded" else look.ink}


def draw_edge(axes: Axes, edge: Edge, look: Style) -> None:
    """A line with round corners and a small arrow at its end."""
    from matplotlib.patches import PathPatch, Polygon

    colour = look.accent if edge.skip else look.muted
    axes.add_patch(PathPatch(smooth(edge.points), edgecolor=colour, facecolor="none", linewidth=1.0, zorder=3,
                             capstyle="round"))  # fmt: skip
    axes.add_patch(Polygon(arrow_head(edge.points), closed=True, facecolor=colour, edgecolor="none", zorder=3.5))


def smooth(points: Sequence[Point]) -> Any:
    """A path along the points whose corners are quarter curves."""
    from matplotlib.path import Path

    first, bends, last = rounded_line(points)
    codes = [Path.MOVETO, *[Path.LINETO, Path.CURVE3, Path.CURVE3] * len(bends), Path.LINETO]
    return Path([first, *(point for bend in bends for point in bend), last], codes)


def rounded_line(points: Sequence[Point]) -> tuple[Point, list[tuple[Point, Point, Point]], Point]:
    """Where a line with round corners begins, of each corner where its curve begins, itself and where the curve ends,
    and where the line ends."""
    kept = [p for i, p in enumerate(points) if not i or distance(p, points[i - 1]) > 0.01]
    bends = []
    for before, corner, after in zip(kept, kept[1:], kept[2:], strict=False):
        radius = min(CORNER + 1, distance(before, corner) / 2, distance(corner, after) / 2)
        bends.append((towards(corner, before, radius), corner, towards(corner, after, radius)))
    return kept[0], bends, kept[-1]


def distance(a: Point, b: Point) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def towards(a: Point, b: Point, by: float) -> Point:
    """The point on the way from a to b, which differ in one coordinate, `by` from a."""
    far = distance(a, b) or 1.0
    return a[0] + (b[0] - a[0]) * by / far, a[1] + (b[1] - a[1]) * by / far


def arrow_head(points: Sequence[Point], length: float = 4.5, width: float = 2.0) -> list[Point]:
    end = points[-1]
    start = next(p for p in reversed(points) if distance(p, end) > 0.01)
    x, y = (end[0] - start[0]) / distance(start, end), (end[1] - start[1]) / distance(start, end)
    back = end[0] - length * x, end[1] - length * y
    return [end, (back[0] + width * y, back[1] + width * x), (back[0] - width * y, back[1] - width * x)]
