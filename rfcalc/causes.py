"""Why a figure may be wrong: what a stated figure, or one of the engine's, most likely stands for instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from .arch import Arch, Row
from .claims import Claim
from .ops import Pool
from .tables import agreed

OWN = {
    "output_shape": "this layer's size rule: kernel_size, stride, padding or ceil_mode, or its channels",
    "receptive_field": "this layer's kernel_size or dilation",
    "jump": "this layer's stride",
    "start": "this layer's padding",
    "holes": "this layer's dilation or stride: fields end where they should, but are read in other places",
    "paths_on_canvas": "this layer's taps: which units it reads, and how often",
}
"""By quantity, what is to blame when a layer differs whose inputs agree."""


def cause_of(arch: Arch, row: Row, quantity: str, expected: Any, measured: Any, wrong: Mapping[int, set[str]]) -> str:
    """Why a layer's figure differs from what torch does; `wrong` names the quantities that differ, by layer."""
    sources = [i for i in row.node.inputs if quantity in wrong.get(i, ())]
    if sources:
        return f"follows from {arch.nodes[sources[0] - 1].name}"
    if quantity == "params":
        return "; ".join(param_causes(row, expected, measured)) or "this layer's kernel_size, channels or groups"
    if quantity == "paths_on_image":
        if "paths_on_canvas" in wrong.get(row.index, ()):
            return OWN["paths_on_canvas"]
        return "this layer's padding or border: what a read outside the map meets"
    return OWN.get(quantity, "")


def param_causes(row: Row, expected: int, measured: int) -> Iterator[str]:
    if abs(expected - measured) == row.out.channels:
        yield f"a bias of {row.out.channels:,} that only one side counts"
    elif row.layer.norm and 0 in (expected, measured):
        yield "weights and biases of the norm that only one side counts"


# --- claims ------------------------------------------------------------------------------------------------------


def cause_of_claim(arch: Arch, claim: Claim) -> str:
    """What a stated figure that does not hold may stand for; empty when nothing fits."""
    quantity, _, which = claim.quantity.partition(".")
    stated = as_number(claim.stated)
    if stated is None or claim.computed is None:
        return ""
    if quantity == "receptive_field":
        guesses = field_causes(arch, claim, stated, which)
    elif quantity in ("size", "channels", "jump"):
        guesses = neighbour_causes(arch, claim, stated)
    elif quantity in ("params", "macs"):
        guesses = total_causes(arch, claim, stated)
    else:
        return ""
    return next(guesses, "")


def as_number(stated: Any) -> float | None:
    """A stated figure, rounded ones written out: 104K is 104,000."""
    from .claims import ROUNDED

    if isinstance(stated, str) and stated[:-1] and stated[-1] in ROUNDED:
        return float(stated[:-1]) * ROUNDED[stated[-1]]
    return stated if isinstance(stated, int | float) else None


def rows_of(arch: Arch, name: str | None) -> list[Row]:
    return [row for row in arch.rows if name and (row.name == name or row.name.startswith(f"{name}."))]


def field_causes(arch: Arch, claim: Claim, stated: float, which: str) -> Iterator[str]:
    fields = {row.name: agreed(tuple(axis.receptive_field for axis in row.out.axes)) for row in arch.rows}
    rows = rows_of(arch, claim.layer)
    if rows and (entering := agreed(tuple(axis.receptive_field for axis in rows[0].x.axes))) == stated:
        yield f"the field that enters {claim.layer}, {entering}, not the one that leaves it"
    before, after = map(agreed, arch.receptive_field)
    if which and stated == (after if which == "before_global_pool" else before):
        yield f"the other convention: {before} before global pooling, {after} after"
    same = [name for name, field in fields.items() if field == stated]
    if same:
        earlier = f"the field of {block_of(same[0])}"
        yield f"{earlier}: copied from an earlier layer" if comes_first(arch, same[0], claim.layer) else earlier
    pixels = [field.pixels for row in rows[-1:] for axis in row.out.axes if (field := axis.widest)]
    if stated in pixels:
        yield "the pixels that are read, without the holes between them"


def comes_first(arch: Arch, name: str, layer: str | None) -> bool:
    rows = rows_of(arch, layer)
    return not rows or arch[name].index < rows[0].index


def block_of(name: str) -> str:
    return name.rpartition(".")[0] or name


def neighbour_causes(arch: Arch, claim: Claim, stated: float) -> Iterator[str]:
    """Sizes, channels and jumps: the figure in front of the layer, or of an earlier one."""

    def figure(x: Any) -> Any:
        if claim.quantity == "channels":
            return x.channels
        return agreed(tuple(getattr(axis, claim.quantity) for axis in x.axes))

    rows = rows_of(arch, claim.layer)
    if rows and figure(rows[0].x) == stated:
        yield f"the {claim.quantity} that enters {claim.layer}, not the one that leaves it"
    for row in arch.rows:
        if rows and row.index < rows[0].index and figure(row.out) == stated:
            yield f"the {claim.quantity} of {block_of(row.name)}: copied from an earlier layer"


def total_causes(arch: Arch, claim: Claim, stated: float) -> Iterator[str]:
    rows, quantity = rows_of(arch, claim.layer) or list(arch.rows), claim.quantity
    slack = rounding(claim.stated)

    def fits(value: float) -> bool:
        return abs(value - stated) <= slack

    total = sum(getattr(row, quantity) for row in rows)
    if quantity == "macs":
        biased = total + sum(row.out.elements for row in rows if getattr(row.layer, "bias", False))
        yield from (text for value, text in ((2 * total, "two operations counted for one multiply-add"),
                                             (biased, "biases counted as multiply-adds")) if fits(value))  # fmt: skip
    else:
        biases = sum(row.out.channels for row in rows if getattr(row.layer, "bias", False))
        unbiased = sum(row.out.channels for row in rows if getattr(row.layer, "bias", None) is False)
        norms = sum(row.params for row in rows if row.layer.norm)
        pools = sum(prod(row.layer.kernel_size) * row.x.channels**2 for row in rows if isinstance(row.layer, Pool))
        guesses = {
            total + pools: "pools counted as convolutions of the same window",
            total - biases: "counted without biases",
            total + unbiased: "counted with biases that the layers do not have",
            total - norms: "counted without the norms",
            total - norms - biases: "counted without biases and norms",
            total - rows[-1].params: f"counted without the last layer, {rows[-1].name}",
        }
        yield from (text for value, text in guesses.items() if value != total and fits(value))
    if claim.layer is None:
        for row in rows:
            if getattr(row, quantity) and fits(total + getattr(row, quantity)):
                yield f"{row.name} counted twice"
            if getattr(row, quantity) and fits(total - getattr(row, quantity)):
                yield f"counted without {row.name}"


def rounding(stated: Any) -> float:
    """Half a unit of the last place of a rounded figure; 0 for an exact one."""
    from .claims import ROUNDED

    if not isinstance(stated, str):
        return 0.0
    places = len(stated[:-1].partition(".")[2])
    return 0.5 * ROUNDED[stated[-1]] / 10.0**places
