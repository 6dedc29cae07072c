"""What a drawing is made of, in points: boxes, edges, frames; and how wide its text is, about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .boxes import BoxLine

FONT = 8.0
"""The size of all text but names, in points: the smallest that journals take."""
LINE_HEIGHT = 10.5
NAME_SIZE = 9.0
PAD = 5.0
"""Between a box's border and its text."""
BOX_GAP = 15.0
"""Between rows: room for an arrow."""
BOXES_APART = 12.0
"""Between boxes of a row."""
LANE = 11.0
"""Between lanes of skips, and between a lane and what it passes."""
FRAME = 6.0
"""Between a frame and what it holds."""
LABEL_HEIGHT = 11.0
"""Room for a frame's name."""
TRACK = 5.0
"""Between lines across a gap."""
DRAWING_MARGIN = 4.0
"""Around the drawing."""
GUTTER = 26.0
"""Between columns, where the edge from one to the next runs."""
NARROW_LETTERS = frozenset("fijlrtI.,:;|!'()[] ")
WIDE_LETTERS = frozenset("mwMWOQ@%\N{MULTIPLICATION SIGN}\N{RIGHTWARDS ARROW}")

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """The box of one layer, or of equal layers of repeated blocks, with all that are folded into it. x and y are its
    left upper corner, in points; `order` is its place in its row."""

    name: str
    layers: tuple[str, ...]
    family: str
    rank: int
    order: int
    x: float
    y: float
    w: float
    h: float
    lines: tuple[BoxLine, ...]
    times: int = 1


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from one box to another, by their places; `skip` where another path leads there as well."""

    source: int
    target: int
    skip: bool
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame of a block, or of its part in one column."""

    name: str
    label: str
    x: float
    y: float
    w: float
    h: float
    boxes: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """A whole drawing, in points from its left upper corner; boxes in the order of the network, the image first."""

    name: str
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    frames: tuple[Frame, ...]
    width: float
    height: float
    horizontal: bool
    crossings: int
    """Between neighbouring rows, skips left out of account: they run beside the rows."""

    def to_json(self) -> dict[str, Any]:
        """Everything as plain lists and numbers, rounded to a hundredth of a point."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)), parse_float=lambda digits: round(float(digits), 2))
        return found


# --- sizes -------------------------------------------------------------------------------------------------------


def text_width(text: str, size: float = FONT, bold: bool = False) -> float:
    """About how wide a text is, in points, from above: the font that shows it is not known here.

    >>> round(text_width("conv 3x3"), 1)
    37.6
    """
    ems = sum(0.36 if c in NARROW_LETTERS else 0.9 if c in WIDE_LETTERS or ord(c) > 0x2E80 else 0.62 for c in text)
    return ems * size * (1.1 if bold else 1.0)


def line_width(line: BoxLine) -> float:
    left = text_width(line.left, NAME_SIZE if line.role == "name" else FONT, line.role == "name")
    return left + text_width(line.right) + (8.0 if line.left and line.right else 0.0)


def box_sizes(lines: Sequence[Sequence[BoxLine]], horizontal: bool) -> list[tuple[float, float]]:
    """Each box's size along the network and across it. Boxes are equally wide, as tall as their text."""
    width = max(line_width(line) for box in lines for line in box) + 2 * PAD
    tall = [LINE_HEIGHT * len(box) + 2 * PAD - 2 for box in lines]
    return [(width, max(tall)) if horizontal else (h, width) for h in tall]
