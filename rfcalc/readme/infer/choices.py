"""What the text decides among the layers that fit: the settings that it states of places, and the receptive field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...engine.arch import Arch
from ..read.places import Placed
from . import costs
from .alternatives import Alternative, RowOptions
from .impact import Impact

LayerChoices = Mapping[int, Alternative]


# --- settings stated of places -----------------------------------------------------------------------------------


def choose_placed(arch: Arch, options: RowOptions, places: Sequence[Placed]) -> LayerChoices:
    """The layers to exchange so that each place has the setting that the text states of it, the least unusual ones;
    nothing for a place that has it, or where no layer that fits does."""
    changes: dict[int, Alternative] = {}
    for place in places:
        inside = list(convolutions(arch, place))
        if any(is_stated(getattr(arch.rows[index - 1].layer, place.setting), place) for index in inside):
            continue
        found = [
            (alternative.candidate.cost, index, alternative)
            for index in inside
            for alternative in options.get(index, ())
            if alternative.candidate.op == "conv" and not alternative.reads_other
            if is_stated(alternative.candidate[place.setting], place)
        ]
        if found and (best := min(found, key=lambda choice: choice[:2]))[1] not in changes:
            changes[best[1]] = best[2]
    return changes


def convolutions(arch: Arch, place: Placed) -> Iterator[int]:
    """The convolutions of a place: the one of that number, or those of the block, a block being what stands between
    two maps of another size."""
    block, count, size, (part, whole) = 1, 0, None, costs.SMALLER_MAP
    for row in arch.rows:
        if row.layer.op != "conv" or row.out.flat:
            continue
        count += 1
        if size is not None and max(row.out.sizes) * whole <= max(size) * part:
            block += 1
        size = row.out.sizes
        if place.number == (block if place.block else count):
            yield row.index


def is_stated(value: object, place: Placed) -> bool:
    """Whether a setting is what the text states of it: that value, or any but 1 where it only says that there is one
    (groups are None, or a word, where each channel is its own)."""
    values = value if isinstance(value, tuple) else (value,)
    return place.value in values if place.value is not None else any(v != 1 for v in values)


# --- a stated field ----------------------------------------------------------------------------------------------


def choose_for(stated: int, impact: Impact, options: RowOptions, chosen: Mapping[int, float]) -> LayerChoices | None:
    """The least unusual exchange of layers that makes the field before (else after) global pooling the stated one;
    empty when it is that already, None when nothing within the cost limit does it."""
    base = impact.base
    if stated in (*base.before_global_pool, *base.after_global_pool):
        return {}
    return next((found for which in (0, 1) if (found := cheapest(stated, which, impact, options, chosen))), None)


def cheapest(
    stated: int, which: int, impact: Impact, options: RowOptions, chosen: Mapping[int, float]
) -> LayerChoices | None:
    """A shortest way through the rows: the state is how much the field has grown, with the cheapest changes to it."""
    fields = impact.base[which]
    if len(set(fields)) != 1 or fields[0] is None:
        return None
    wanted = int(stated - fields[0])
    best: dict[int, tuple[float, LayerChoices]] = {0: (0.0, {})}
    for index in sorted(options):
        if index not in impact.cuts[which]:
            continue
        following = dict(best)
        for delta, alternative in growths(index, which, impact, options[index], int(fields[0])):
            extra = max(0.0, alternative.candidate.cost - chosen[index]) + costs.EXCHANGE - costs.LATER * index
            for grown, (cost, changes) in best.items():
                total, size = cost + extra, grown + delta
                if abs(size) > 2 * abs(wanted) or total > costs.FIELD_LIMIT:
                    continue
                if size not in following or total < following[size][0]:
                    following[size] = (total, {**changes, index: alternative})
        best = following if len(following) <= costs.MOST_DELTAS else best
    return best[wanted][1] if wanted in best else None


def growths(
    index: int, which: int, impact: Impact, alternatives: Sequence[Alternative], field: int
) -> Iterator[tuple[int, Alternative]]:
    """Alternatives that keep the row's jump, with what each adds to the field on all axes alike."""
    jumps = [axis.jump for axis in impact.arch.rows[index - 1].out.axes]
    for alternative in alternatives:
        if alternative.field is None or alternative.reads_other:
            continue
        out, sizes = alternative.out(index, impact), set(alternative.field[which])
        if out and [axis.jump for axis in out.axes] == jumps and len(sizes) == 1 and None not in sizes:
            yield int((sizes.pop() or 0) - field), alternative
