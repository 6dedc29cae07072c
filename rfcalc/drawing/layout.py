"""Where everything of a drawing stands: our own layered layout, in points, without a drawing library.

Boxes stand in rows by longest path. Skips (edges beside which another path leads) run in lanes beside the boxes they
pass; all other edges keep a place in each row they cross. Rows are ordered by barycentre sweeps (Sugiyama, Tagawa,
Toda 1981), and places along a row follow the neighbours' means, kept apart by pooling (isotonic regression). A long
drawing is cut into columns where a single box leads on, as text is into lines; a chain with nested skips is folded in
its middle, down and up again. The drawing is worked out along the
network and across it, then turned: along is y in a vertical drawing, x in a horizontal one.
"""

from __future__ import annotations

from dataclasses import replace

from ..engine.arch import Arch
from .boxes import MOST_BOXES, box_groups, box_lines, box_names, collapsed, family, frames_of
from .columns import in_columns
from .fold import fold_of
from .parts import Box, Edge, Frame, Layout, box_sizes
from .routing import folded_in_two, placed_columns
from .rows import graph_of
from .sheet import Sheet

__all__ = ["Box", "Edge", "Frame", "Layout", "layout"]


def layout(arch: Arch, *, unfold: bool = False, horizontal: bool = False, columns: int | None = None) -> Layout:
    """The drawing of a network. `unfold` gives every layer a box of its own; otherwise norms, activations and dropout
    are folded in, and a network of more than MOST_BOXES boxes shows equal neighbouring blocks once. `columns` is their
    number; by default as many as make the drawing neither tall nor wide.

    >>> import rfcalc
    >>> drawn = layout(rfcalc.load("s9"))
    >>> len(drawn.boxes), drawn.boxes[1].name, drawn.boxes[1].layers
    (16, 'C1', ('C1.conv', 'C1.relu', 'C1.batch_norm', 'C1.dropout'))
    """
    groups = box_groups(arch, unfold)
    if not unfold and len(groups) > MOST_BOXES + 1:
        groups = collapsed(arch, groups)
    blocks = frames_of(arch, groups)
    names = box_names(arch, groups, blocks)
    lines = [box_lines(arch, group, name) for group, name in zip(groups, names, strict=True)]
    graph = graph_of([group.sources for group in groups])
    sheet = Sheet(graph, tuple(blocks), tuple(box_sizes(lines, horizontal)), horizontal)
    fold = fold_of(sheet) if columns is None else None
    drawn = folded_in_two(sheet, fold) if fold else placed_columns(sheet, in_columns(sheet, columns))
    boxes = tuple(
        replace(box, name=name, layers=tuple(arch.rows[i - 1].name for i in group.layers if i),
                family=family(arch.rows[group.mains[0] - 1] if group.mains[0] else None), lines=text,
                times=len(group.mains))
        for box, group, name, text in zip(drawn.boxes, groups, names, lines, strict=True)
    )  # fmt: skip
    return replace(drawn, name=arch.name, boxes=boxes)
