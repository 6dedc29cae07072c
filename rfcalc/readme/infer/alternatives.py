"""What a printed table leaves open: other settings that fit a row, and what each would mean for the receptive field."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...engine.arch import PerAxisValue, ReceptiveField
from ...engine.geometry import FeatureMap
from ...engine.layers import Layer
from . import costs
from .candidates import candidates, fitting
from .evidence import agreeing
from .impact import Impact
from .priors import Candidate, Prior, Shape, candidate
from .rebuild import Assembly
from .states import Decision


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another layer that fits a row; `pool` is a pool without a row in front of it, or 0; `source` the node that it
    would read, and `image` the input, where that is another one than the chosen layer's."""

    candidate: Candidate
    pool: int = 0
    source: int | None = None
    image: Shape | None = None
    field: ReceptiveField | None = None

    @property
    def reads_other(self) -> bool:
        return self.source is not None or self.image is not None

    @property
    def chain(self) -> tuple[Candidate, ...]:
        """The layer, behind the pool if there is one."""
        front = (candidate("max_pool", 0.0, kernel_size=self.pool),) if self.pool else ()
        return (*front, self.candidate)

    def layers(self, axes: int) -> list[Layer]:
        return [found.layer(axes) for found in self.chain]

    def out(self, index: int, impact: Impact) -> FeatureMap | None:
        """The map that it makes in the place of the node at `index`."""
        return impact.out(index, self.layers(len(impact.arch.sizes)), self.source, self.image)


RowOptions = Mapping[int, Sequence[Alternative]]
"""For each node, by its index, the other layers that fit."""


def with_fields(
    assembly: Assembly, impact: Impact, prior: Prior, shapes: Mapping[int, Shape], images: Sequence[Shape] = ()
) -> dict[int, list[Alternative]]:
    """The alternatives of every node that has any, each with the fields that it would mean; `images` are other inputs
    that the first layer may have."""
    options: dict[int, list[Alternative]] = {}
    listed = costs.LISTED if len(assembly.nodes) <= costs.MANY else costs.LISTED_OF_MANY
    above: int | None = None
    for index, decision in enumerate(assembly.decisions, 1):
        if decision is None:
            continue
        found = alternatives_of(decision, shapes[decision.source], prior)[:listed]
        reads_above = decision.forced or assembly.nodes[index - 1].inputs == (above,)
        if above is not None and decision.item.op == "conv" and not reads_above:
            front = assembly.decisions[above - 1]
            if front and front.item.shape:
                straight = fitting(decision.item, front.item.shape, prior)[: costs.LISTED // 2]
                found += [Alternative(candidate, source=above) for candidate in straight]
        for image in images if decision.source == 0 else ():
            found += [Alternative(c, image=image) for c in fitting(decision.item, image, prior)[: costs.OTHER_INPUT]]
        if found:
            axes = len(impact.arch.sizes)
            options[index] = [
                replace(a, field=impact.of(index, a.layers(axes), a.out(index, impact))) for a in found[: 2 * listed]
            ]
        above = index
    return options


def alternatives_of(decision: Decision, given: Shape, prior: Prior) -> list[Alternative]:
    """Every other layer that fits the row after the map it reads, the likeliest first."""
    item, out, chosen = decision.item, decision.item.shape, decision.candidate
    assert chosen is not None
    assert out is not None
    axes = len(given.sizes) or 2
    found = [Alternative(c) for c in fitting(item, given, prior) if c.layer(axes) != chosen.layer(axes)]
    if item.row.known and agreeing(dict(chosen.settings), item.row.known):
        return found[: costs.LISTED]
    if item.op == "conv" and given.sizes and out.sizes and min(given.sizes) > 1 and given.sizes != out.sizes:
        for factor in costs.FRONT_POOLS:
            pooled = Shape(given.channels, tuple(n // factor for n in given.sizes))
            after = candidates(item.row.type, pooled, out, item.params, prior) if min(pooled.sizes) else ()
            after = after[: costs.FRONT_LAYERS]
            found += [Alternative(replace(c, cost=c.cost + prior.hidden_pool), factor) for c in after]
    return sorted(found, key=lambda a: a.candidate.cost)[: costs.LISTED]


# --- the range ---------------------------------------------------------------------------------------------------


def field_bounds(options: RowOptions, mixed: RowOptions, impact: Impact) -> tuple[int, int] | None:
    """The smallest and the largest field before global pooling that the alternatives allow: each of the options alone,
    the other layers as chosen, and together those of the `mixed` ones whose own fields are the least, or greatest."""
    fields = [impact.base.before_global_pool, fields_together(mixed, impact, min), fields_together(mixed, impact, max)]
    fields += [a.field.before_global_pool for found in options.values() for a in found if a.field]
    known = [int(f) for axes in fields for f in axes if f is not None]
    return (min(known), max(known)) if known else None


def likely(options: RowOptions, chosen: Mapping[int, float]) -> RowOptions:
    """The alternatives that are not much more unusual than the chosen layer."""
    return {i: [a for a in found if a.candidate.cost <= chosen[i] + costs.LIKELY] for i, found in options.items()}


def fields_together(options: RowOptions, impact: Impact, pick: Callable[..., Any]) -> PerAxisValue:
    """The field before global pooling with every layer exchanged for the alternative whose own field is the least, or
    greatest; empty where they do not fit together."""
    own, changes = field_size(impact.base.before_global_pool), {}
    for index, found in options.items():
        sizes = list(own_sizes(found))
        if sizes and own is not None:
            size, best = pick(sizes, key=lambda pair: pair[0])
            if pick(size, own) != own:
                changes[index] = best.layers(len(impact.arch.sizes))
    fields = impact.together(changes)
    return fields.before_global_pool if fields else ()


def own_sizes(found: Sequence[Alternative]) -> Iterator[tuple[int, Alternative]]:
    """The alternatives that read the same map as the chosen layer, each with its field."""
    for alternative in found:
        size = field_size(alternative.field.before_global_pool) if alternative.field else None
        if size is not None and not alternative.reads_other:
            yield size, alternative


def field_size(fields: PerAxisValue) -> int | None:
    """One figure for the fields of all axes, to compare them by."""
    return None if None in fields else int(sum(f for f in fields if f is not None))
