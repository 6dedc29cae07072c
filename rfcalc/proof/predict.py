"""What the table predicts of one changed pixel: which units may change, and which must.

May: the fields that the table states, on every axis, and beyond them only what a border that repeats the map brings in.
Must: what the engine's reads lead to with the borders of the real map (`engine.reach`), and of units whose reads meet
no border, all that the table states.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import log2, prod

import numpy as np
from numpy.typing import NDArray

from ..engine.arch import Arch, Row
from ..engine.geometry import UNKNOWN, Axis, Field
from ..engine.layers import Resample, Upsample
from ..engine.layers.opaque import Opaque
from ..engine.reach import SeenPoints, reach

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Prediction:
    """One row: per axis which units may see which of the points, and boxes of units that must. Arrays are (units,
    points), points in the order of the plan's coordinates along that axis."""

    may: tuple[BoolArray, ...]
    must: tuple[tuple[BoolArray, ...], ...]
    stated: tuple[BoolArray, ...] | None
    """What units must see by the table's own fields: those that meet no border, where the row has one box."""


def stated_by(axis: Axis, points: Sequence[int]) -> BoolArray:
    """Which units see which points, as the table states their fields: (units, points)."""
    out = np.zeros((axis.size, len(points)), dtype=bool)
    at = np.array(points)
    for strand in axis.strands:
        period = len(strand.fields)
        for phase in range(min(period, axis.size)):
            field = strand.fields[phase]
            if field:
                turns = np.arange(-(-(axis.size - phase) // period))[:, None] * strand.advance
                out[phase::period] |= within(field, at[None] - turns)
    return out


def within(field: Field, places: NDArray[np.int64]) -> BoolArray:
    """Whether a field, holes left out, holds each place."""
    inside: BoolArray = (places >= field.first) & (places <= field.last)
    if field.mask in (0, UNKNOWN):
        return inside
    bits = np.array([bit == "1" for bit in format(field.mask, "b")[::-1].ljust(field.width, "0")])
    found: BoolArray = inside & bits[(places - field.first).clip(0, field.width - 1)]
    return found


def matrix(masks: Sequence[int], points: int) -> BoolArray:
    """Masks as (units, points)."""
    width = -(-points // 8)
    packed = np.frombuffer(b"".join(mask.to_bytes(width, "little") for mask in masks), dtype=np.uint8)
    bits = np.unpackbits(packed.reshape(len(masks), width), axis=1, bitorder="little")
    return bits[:, :points].astype(bool)


def predictions(arch: Arch, points: Sequence[Sequence[int]]) -> dict[int, Prediction]:
    """For every row whose field is known: what its units may and must see of the given places along each axis."""
    seen = reach(arch, points)
    bare = reach(arch, points, copies=False) if repeats_a_border(arch) else seen
    out: dict[int, Prediction] = {}
    cached: dict[tuple[Axis, int], BoolArray] = {}
    for row in arch.rows:
        found, plain = seen[row.index], bare[row.index]
        if all(axis.strands for axis in row.out.axes):
            for i, axis in enumerate(row.out.axes):
                if (axis, i) not in cached:
                    cached[axis, i] = stated_by(axis, points[i])
            claims = tuple(cached[axis, i] for i, axis in enumerate(row.out.axes))
            out[row.index] = prediction_of(claims, found, plain, points)
    return out


def repeats_a_border(arch: Arch) -> bool:
    """Whether any border repeats the map instead of dropping what lies beyond it."""
    known = [row for row in arch.rows if not row.layer.pointwise and not row.layer.joins]
    return any(
        getattr(row.layer, "padding_mode", "zeros") != "zeros"
        or getattr(row.layer, "mode", "zeros") not in ("zeros", "nearest")
        or row.layer.op in ("roll", "resample")
        for row in known
    )


def prediction_of(
    claims: tuple[BoolArray, ...], seen: SeenPoints | None, bare: SeenPoints | None, points: Sequence[Sequence[int]]
) -> Prediction:
    if seen is None or bare is None:
        return Prediction(claims, (), None)
    counts = [len(p) for p in points]
    may = list(claims)
    if seen is not bare:
        for i, count in enumerate(counts):
            may[i] = may[i] | (matrix(seen.along(i), count) & ~matrix(bare.along(i), count))
    if seen.hull:
        return Prediction(tuple(may), (), None)
    must = tuple(tuple(matrix(masks, count) for masks, count in zip(box, counts, strict=True)) for box in seen.boxes)
    clean = [np.array(flags)[:, None] for flags in seen.clean]
    stated = tuple(c & flags for c, flags in zip(claims, clean, strict=True)) if len(must) == 1 else None
    return Prediction(tuple(may), must, stated)


Columns = Sequence[NDArray[np.int64]]
"""Per axis, each image's point."""


def box(sides: Sequence[BoolArray], columns: Columns) -> BoolArray:
    """The units that a box names for each image: (images, *sizes)."""
    grids = [side.T[column] for side, column in zip(sides, columns, strict=True)]  # (images, units) each
    shaped = [
        grid.reshape(len(grid), *(grid.shape[1] if i == axis else 1 for i in range(len(grids))))
        for axis, grid in enumerate(grids)
    ]
    return reduce(np.logical_and, shaped)


def required(prediction: Prediction, columns: Columns) -> BoolArray | None:
    """The units that must change for each image; None where nobody says."""
    boxes = [*prediction.must, *([prediction.stated] if prediction.stated else [])]
    return reduce(np.logical_or, (box(sides, columns) for sides in boxes)) if boxes else None


# --- where a field must be reached in full -----------------------------------------------------------------------


LINEAR_OPS = {
    "conv", "conv_transpose", "linear", "flatten", "unflatten", "pad", "roll", "expand", "unfold", "upsample",
    "resample", "avg_pool", "adaptive_avg_pool", "global_avg_pool", "max_pool", "adaptive_max_pool", "global_max_pool",
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "scale", "shift", "identity", "add", "concat",
    "channel_slice", "channel_pad", "channel_shuffle", "pixel_shuffle", "pixel_unshuffle",
}  # fmt: skip
"""Layers that add up what they read with weights that can be made positive, take the largest, or move it about."""
HELD = frozenset(["group_norm", "instance_norm", "layer_norm"])
"""Of these, linear when their statistics are held."""
GROWING = frozenset(["relu", "silu", "gelu", "mish", "hardswish", "softplus", "elu", "selu", "leaky_relu", "prelu"])
"""Functions that grow about as fast as a value above 0 does."""
IDENTITIES = frozenset(["dropout", "dropout_spatial", "alpha_dropout"])
"""Functions that may change nothing: dropout in evaluation mode."""
SAFE_MIXES = frozenset(["permute", "rearrange", "repeat", "expand"])
LINEAR_POINTWISE = frozenset(["add", "sub", "mul", "div"])
SPREADS = frozenset(["concat", "pixel_unshuffle", "unfold", "channel_pad", "flatten", "channel_mix"])
"""Layers whose channels see different things, so that a part of them may see less than all."""
PARTIAL = frozenset(["channel_slice", "unflatten", "pixel_shuffle"])
"""Layers that hand on a part of the channels to a unit."""
ROOM = 60.0
"""Binary digits by which a change at the far end of a field must stand out."""
MOST_DIGITS = 700.0
"""The binary digits of the largest change; float64 has 1,023 before it overflows."""


@dataclass(frozen=True, slots=True)
class Depth:
    """How far a row can be followed: whether it and all in front of it are linear or choose the largest (`linear`), all
    but pointwise functions that may prove to change nothing; whether each channel sees all that any does (`uniform`);
    and how many binary digits the weakest path to it may lose."""

    linear: bool = True
    uniform: bool = True
    digits: float = 0.0


def depths(arch: Arch) -> list[Depth]:
    """For the image and every row."""
    out = [Depth()]
    for row in arch.rows:
        sources = [out[i] for i in row.node.inputs]
        if not sources:  # an input beside the image, which stays the same
            out.append(Depth())
            continue
        digits = max(s.digits for s in sources) + lost(row)
        linear = all(s.linear for s in sources) and may_be_linear(row, sources) and digits <= MOST_DIGITS - ROOM
        out.append(Depth(linear, uniform(row, sources), digits))
    return out


def lost(row: Row) -> float:
    """Digits that the weakest tap of a layer loses against the sum: one over the taps, at half or one and a half of the
    mean weight; in a sum one over the maps, of channels side by side the share of the smallest map."""
    if row.layer.op == "concat":
        return log2(row.out.channels / min(x.channels for x in row.inputs)) + 1
    if row.layer.joins:
        return log2(len(row.inputs)) + 1
    if row.layer.pointwise or isinstance(row.layer, Opaque) or (row.x.flat and row.out.flat):
        return 2.0
    return log2(prod(tap.scale if tap.weights else max(map(len, tap.reads)) for tap in row.layer.taps(row.x))) + 2


def may_be_linear(row: Row, sources: Sequence[Depth]) -> bool:
    op, layer = row.layer.op, row.layer
    if isinstance(layer, Resample) and layer.mode == "cubic":  # some of its weights are negative
        return False
    if op == "channel_mix":
        return getattr(layer, "operation", "") in SAFE_MIXES
    if op == "reduce":
        return getattr(layer, "operation", "") == "sum"
    if op in PARTIAL and not all(s.uniform for s in sources):
        return False
    return op in LINEAR_OPS or layer.pointwise


def uniform(row: Row, sources: Sequence[Depth]) -> bool:
    if row.layer.op in ("linear",) or (row.layer.op == "conv" and row.groups == 1):
        return True
    return row.layer.op not in SPREADS and all(s.uniform for s in sources)


def linear_by_name(row: Row) -> bool:
    """Whether a layer is linear whatever its values; of other pointwise ones only the run can tell that they changed
    nothing."""
    if row.layer.op == "pointwise":
        return getattr(row.layer, "operation", "") in LINEAR_POINTWISE
    return not row.layer.pointwise or row.layer.op in LINEAR_OPS


def rounds(arch: Arch) -> set[int]:
    """Rows after an interpolation, whose weights are rounded: a weight of 0 may come out as 1e-16."""
    out: set[int] = set()
    for row in arch.rows:
        rough = isinstance(row.layer, Upsample | Resample) and row.layer.mode != "nearest"
        if rough or isinstance(row.layer, Opaque) or any(i in out for i in row.node.inputs):
            out.add(row.index)
    return out


def largest_change(found: Sequence[Depth]) -> float:
    """A change of the image that stands out at the far end of every field that must be reached in full."""
    digits = [d.digits for d in found if d.linear]
    return float(2.0 ** min(max(digits) + ROOM, MOST_DIGITS))
