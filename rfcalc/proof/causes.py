"""Why a figure may be wrong: what a stated figure, or one of the engine's, most likely stands for instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..engine.arch import Arch, Row
from ..engine.geometry import FeatureMap
from ..report.cells import agreed
from ..report.claims import Claim
from ..report.counting import otherwise_counted
from ..spec.claims import FEATURE_TARGETS
from ..spec.stated import Stated

CAUSE_OF = {
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
            return CAUSE_OF["paths_on_canvas"]
        return "this layer's padding or border: what a read outside the map meets"
    return CAUSE_OF.get(quantity, "")


def param_causes(row: Row, expected: int, measured: int) -> Iterator[str]:
    if abs(expected - measured) == row.out.channels:
        yield f"a bias of {row.out.channels:,} that only one side counts"
    elif row.layer.norm and 0 in (expected, measured):
        yield "weights and biases of the norm that only one side counts"


# --- claims ------------------------------------------------------------------------------------------------------


def cause_of_claim(arch: Arch, claim: Claim) -> str:
    """What a stated figure that does not hold may stand for; empty when nothing fits."""
    quantity, _, which = claim.quantity.partition(".")
    if quantity in FEATURE_TARGETS or claim.computed is None:
        return ""
    stated = Stated.of(claim.stated)
    guesses = GUESSES.get(quantity)
    found = next(guesses(arch, claim, stated, which), "") if guesses else ""
    return found or copied(arch, claim)


def figure(x: FeatureMap, quantity: str) -> Any:
    """A map's figure in the words of claims."""
    return x.channels if quantity == "channels" else agreed(tuple(getattr(axis, quantity) for axis in x.axes))


def copied(arch: Arch, claim: Claim) -> str:
    """The earlier layer whose figures were copied: the last of those that have most of what is stated here, and are
    themselves stated."""
    layers = arch.claims.get("layers", {})
    stated = layers.get(claim.layer, {})
    names = [name for name in ("receptive_field", "size", "channels", "jump") if name in stated]
    rows = arch.rows_of(claim.layer)
    if claim.quantity not in names or not rows:
        return ""
    best, most = "", 0
    for row in arch.rows[: rows[0].index - 1]:
        same = [name for name in names if figure(row.out, name) == stated[name]]
        name = block_of(row.name)
        weight = 2 * len(same) + (name in layers)
        if claim.quantity in same and weight >= most:
            best, most = name, weight
    return f"copied from an earlier layer: {best} has {claim.quantity} {claim.stated}" if best else ""


def block_of(name: str) -> str:
    return name.rpartition(".")[0] or name


def field_causes(arch: Arch, claim: Claim, stated: Stated, which: str) -> Iterator[str]:
    """Of a stated receptive field; `which` names the convention when it is the network's."""
    rows = arch.rows_of(claim.layer)
    if rows and figure(rows[0].x, "receptive_field") == stated.value:
        yield f"the field that enters {claim.layer}, not the one that leaves it"
    if which:
        before, after = map(agreed, arch.receptive_field)
        if stated.value == (after if which == "before_global_pool" else before):
            yield f"the other convention: {before} before global pooling, {after} after"
        same = [row.name for row in arch.rows if figure(row.out, "receptive_field") == stated.value]
        if same:
            yield f"the field of {block_of(same[-1])}"
    out = rows[-1].out if rows else arch.out
    if stated.value in [field.pixels for axis in out.axes if (field := axis.widest)]:
        yield "the pixels that are read, without the holes between them"


def entering_causes(arch: Arch, claim: Claim, stated: Stated, which: str) -> Iterator[str]:
    """Of a stated size, channels or jump."""
    rows = arch.rows_of(claim.layer)
    if rows and figure(rows[0].x, claim.quantity) == stated.value:
        yield f"the {claim.quantity} that enters {claim.layer}, not the one that leaves it"


def total_causes(arch: Arch, claim: Claim, stated: Stated, which: str) -> Iterator[str]:
    """Of stated parameters or MACs, of a layer or of the network."""
    rows = arch.rows_of(claim.layer) or arch.rows
    costs = [getattr(row, claim.quantity) for row in rows]
    total = sum(costs)
    yield from (name for value, name in otherwise_counted(claim.quantity, rows, total) if stated.agrees(value))
    for row, cost in zip(rows, costs, strict=True):
        if len(rows) > 1 and cost and stated.agrees(total - cost):
            yield f"counted without {row.name}"
        if cost and stated.agrees(total + cost):
            yield f"{row.name} counted twice"


GUESSES = {
    "receptive_field": field_causes, **dict.fromkeys(("size", "channels", "jump"), entering_causes),
    **dict.fromkeys(("params", "macs"), total_causes),
}  # fmt: skip
"""By quantity of a claim, what names the figures that it may stand for."""
