"""Settings that the text states of a place, as a choice among the layers that fit its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...engine.arch import Arch
from ..read.places import Placed
from .alternatives import Alternative

Options = Mapping[int, Sequence[Alternative]]


def choose_placed(arch: Arch, options: Options, places: Sequence[Placed]) -> dict[int, Alternative]:
    """The layers to exchange so that each place has the setting that the text states of it, the least unusual ones;
    nothing for a place that has it, or where no layer that fits does."""
    changes: dict[int, Alternative] = {}
    for place in places:
        inside = list(convolutions(arch, place))
        if any(has(arch.rows[index - 1].layer, place) for index in inside):
            continue
        found = [
            (alternative.candidate.cost, index, alternative)
            for index in inside
            for alternative in options.get(index, ())
            if alternative.candidate.op == "conv" and not alternative.reads_other and stated(alternative, place)
        ]
        if found and (best := min(found, key=lambda choice: choice[:2]))[1] not in changes:
            changes[best[1]] = best[2]
    return changes


def convolutions(arch: Arch, place: Placed) -> Iterator[int]:
    """The convolutions of a place: the one of that number, or those of the block, a block being what stands between
    two maps of another size."""
    block, count, size = 1, 0, None
    for row in arch.rows:
        if row.layer.op != "conv" or row.out.flat:
            continue
        count += 1
        if size is not None and max(row.out.sizes) * 3 <= max(size) * 2:
            block += 1
        size = row.out.sizes
        if place.number == (block if place.block else count):
            yield row.index


def has(layer: object, place: Placed) -> bool:
    value = getattr(layer, place.setting)
    values = value if isinstance(value, tuple) else (value,)
    return place.value in values if place.value is not None else any(v not in (1,) for v in values)


def stated(alternative: Alternative, place: Placed) -> bool:
    value = alternative.candidate[place.setting]
    return value == place.value if place.value is not None else value not in (None, 1)
