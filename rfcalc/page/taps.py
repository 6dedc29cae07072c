"""What the page follows: which units every layer reads, as the engine says it, as plain lists.

The page knows no layer types and no algebra: a layer is, for each of its inputs and each axis, the engine's taps, or
nothing where each unit reads the unit at its place. `web/follow.js` follows that from a unit to the image.
"""

from __future__ import annotations

from typing import Any

from ..drawing.counts import is_countable
from ..engine.arch import Arch, Row
from ..engine.geometry import Taps
from ..engine.layers.opaque import Opaque, WholeMap
from ..engine.paths import step_of

Reads = tuple[Taps | None, ...]
"""Along each axis what the units of a layer read of one input; None: the unit at their place, or the only one."""


def reads_of(row: Row) -> tuple[Reads, ...] | None:
    """What a layer reads of each of its inputs; None where nobody knows, or where its field is not worked out.

    >>> import rfcalc
    >>> reads_of(rfcalc.load("s9")["C3"])[0][1]
    Taps(advance=2, reads=(range(-1, 2),), border='drop', weights=None, scale=1)
    """
    if any(not axis.strands for axis in row.out.axes):
        return None
    if isinstance(row.layer, WholeMap):
        marked = row.layer.axes
        return tuple(
            tuple(Taps(0, (range(n),)) if all_of_it else None for n, all_of_it in zip(x.sizes, marked, strict=True))
            for x in row.inputs
        )
    axes = range(len(row.out.axes))
    return (tuple(step_of(row, axis).taps for axis in axes),) * len(row.inputs)


def countable(arch: Arch) -> list[bool]:
    """For each layer whether its paths can be counted: whether all that leads to it is known tap by tap. What an
    attention or a softmax over places reads is known, how often it does is not."""
    found = [True]
    for row in arch.rows:
        found.append(is_countable(row) and not isinstance(row.layer, Opaque) and all(found[i] for i in row.node.inputs))
    return found[1:]


def taps_json(taps: Taps) -> dict[str, Any]:
    """Taps as numbers: unit p + q*period reads `reads[p]` = [first, how many, step], shifted by q*advance."""
    found: dict[str, Any] = {"advance": taps.advance, "reads": [[r.start, len(r), r.step] for r in taps.reads]}
    if taps.border != "drop":
        found["border"] = taps.border
    if taps.weights is not None:
        found |= {"weights": [list(weights) for weights in taps.weights], "scale": taps.scale}
    return found


def steps_json(arch: Arch) -> dict[str, Any]:
    """{"sizes": of every map, the image first, "taps": the different ones, "steps": for each layer its inputs and, for
    each input, the place of its taps in that list along each axis}.

    >>> import rfcalc
    >>> text = "{input: [1, 4], layers: [conv: {out_channels: 1, kernel_size: 3}, relu]}"
    >>> steps_json(rfcalc.loads(text))["steps"]
    [{'inputs': [0], 'reads': [[0]], 'counted': True}, {'inputs': [1], 'reads': [[None]], 'counted': True}]
    """
    places: dict[Taps, int] = {}
    steps = []
    for row, counted in zip(arch.rows, countable(arch), strict=True):
        reads = reads_of(row)
        numbered = None
        if reads is not None:
            numbered = [[None if t is None else places.setdefault(t, len(places)) for t in each] for each in reads]
        steps.append({"inputs": list(row.node.inputs), "reads": numbered, "counted": counted})
    sizes = [list(arch.sizes), *(list(row.out.sizes) for row in arch.rows)]
    return {"sizes": sizes, "taps": [taps_json(taps) for taps in places], "steps": steps}
