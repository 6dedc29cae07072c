"""What a printed table leaves open: other settings that fit a row, what each would mean for the receptive field, and
the choice that a stated receptive field makes among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from ...engine.arch import Arch, Node, PerAxisValue, ReceptiveField, fields_of, image_axes, last_uses
from ...engine.geometry import Axis, FeatureMap, Number
from ...engine.layers import Layer
from ...engine.layers.base import make
from ...errors import RfcalcError, SpecError
from .candidates import candidates
from .evidence import agreeing
from .priors import Candidate, Prior, Settings, Shape
from .rebuild import Assembly
from .search import filtered
from .states import Decision

OTHER_INPUT = 4
"""Alternatives listed for each other input."""
LISTED, LISTED_OF_MANY, MANY = 60, 8, 3000
"""Alternatives listed for a row, the likeliest first; fewer in a network of many rows."""
WALK_BUDGET = 100_000
"""Layers worked out again, in all, to tell what alternatives mean (each phase of a map's units counts)."""
MOST_DELTAS = 4096
LIKELY = 5.0
"""How much more unusual than the chosen layer a likely alternative may be."""


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
    def layers(self) -> tuple[Candidate, ...]:
        return (
            (Candidate("max_pool", (("kernel_size", self.pool),), 0.0), self.candidate)
            if self.pool
            else (self.candidate,)
        )


def alternatives_of(decision: Decision, given: Shape, prior: Prior) -> list[Alternative]:
    """Every other layer that fits the row after the map it reads, the likeliest first."""
    assert decision.item.shape is not None
    row, out, params = decision.item.row, decision.item.shape, decision.item.params
    own = layer_of(decision.candidate.op if decision.candidate else "identity", chosen(decision), len(given.sizes) or 2)
    found = [
        Alternative(candidate)
        for candidate in filtered(candidates(row.type, given, out, params, prior), row)
        if layer_of(candidate.op, candidate.settings, len(given.sizes) or 2) != own
    ]
    if row.known and agreeing(dict(chosen(decision)), row.known):
        return found[:LISTED]
    if decision.item.op == "conv" and given.sizes and out.sizes and min(given.sizes) > 1 and given.sizes != out.sizes:
        for factor in (2, 3):
            pooled = Shape(given.channels, tuple(n // factor for n in given.sizes))
            if min(pooled.sizes):
                after = candidates(row.type, pooled, out, params, prior)[:2]
                found += [
                    Alternative(replace(candidate, cost=candidate.cost + prior.hidden_pool), factor)
                    for candidate in after
                ]
    return sorted(found, key=lambda a: a.candidate.cost)[:LISTED]


def chosen(decision: Decision) -> Settings:
    return decision.candidate.settings if decision.candidate else ()


class Impact:
    """What exchanging one layer of a network means for its receptive fields.

    After a layer that everything passes through, the field grows by what the rest adds, in units of the layer's own
    jump: field' = width' + (field - width) * jump' / jump. So only the layers up to the next such one are worked out
    again.
    """

    def __init__(self, arch: Arch) -> None:
        self.arch, self.budget = arch, WALK_BUDGET
        self.base = arch.receptive_field
        self.maps = (FeatureMap(arch.input[0], image_axes(arch.sizes)), *(row.out for row in arch.rows))
        row = arch.global_row
        self.global_index = row.index if row else len(arch.nodes) + 1
        self.targets = (row.node.inputs[0] if row else len(arch.nodes), len(arch.nodes))
        self.cuts = tuple(cuts(arch.nodes, target) for target in self.targets)

    def of(self, index: int, alternative: Alternative) -> ReceptiveField | None:
        """The fields with the layer at `index` exchanged; None where that would cost too much to find out."""
        layers = self.layers(alternative)
        out = self.out(index, layers, alternative)
        if out is None:
            return None
        if index == self.global_index:  # another layer may not see the whole map any more
            return self.walked(index, layers)
        fields = [self.field(which, index, out) for which in (0, 1)]
        return ReceptiveField(*fields) if all(f is not None for f in fields) else None  # type: ignore[arg-type]

    def layers(self, alternative: Alternative) -> tuple[Layer, ...]:
        return tuple(
            layer_of(candidate.op, candidate.settings, len(self.arch.sizes)) for candidate in alternative.layers
        )

    def out(self, index: int, layers: Sequence[Layer], alternative: Alternative) -> FeatureMap | None:
        """The map that an alternative makes of what it reads."""
        own, source = self.arch.nodes[index - 1].inputs[0], alternative.source
        out = self.maps[own if source is None else source]
        if alternative.image:
            out = FeatureMap(alternative.image.channels, image_axes(alternative.image.sizes))
        try:
            for layer in layers:
                out = layer.output((out,))
        except RfcalcError:
            return None
        return out

    def walked(self, index: int, layers: Sequence[Layer]) -> ReceptiveField | None:
        self.budget -= len(self.arch.nodes)
        if self.budget < 0:
            return None
        try:
            return replace(self.arch, nodes=exchange(self.arch.nodes, {index: layers})).receptive_field
        except SpecError:
            return None

    def field(self, which: int, index: int, out: FeatureMap) -> PerAxisValue | None:
        """The field at one of the targets with another map after the node `index`."""
        target, changed = self.targets[which], {index: out}
        if index > target:
            return self.base[which]
        for place in range(index, target + 1):
            node = self.arch.nodes[place - 1]
            if place > index and any(i in changed for i in node.inputs):
                self.budget -= sum(len(s.fields) for axis in self.maps[place].axes for s in axis.strands)
                if self.budget < 0:
                    return None
                try:
                    changed[place] = node.layer.output([changed.get(i, self.maps[i]) for i in node.inputs])
                except RfcalcError:
                    return None
            if place in self.cuts[which] and place in changed:
                found = grown(self.base[which], self.maps[place].axes, changed[place].axes)
                if found is not None:
                    return found
        return fields_of(changed[target]) if target in changed else self.base[which]


@lru_cache(maxsize=16384)
def layer_of(op: str, settings: Settings, axes: int) -> Layer:
    return make(op, axes, **dict(settings))


def grown(fields: PerAxisValue, axes: Sequence[Axis], outs: Sequence[Axis]) -> PerAxisValue | None:
    found: list[Number] = []
    for place, (total, axis, out) in enumerate(zip(fields, axes, outs, strict=True)):
        if place and axis is axes[place - 1] and out is outs[place - 1] and total == fields[place - 1]:
            found.append(found[-1])
            continue
        if not (plain(axis) and plain(out)) or total is None or axis.jump in (None, 0):
            return None
        width, jump, width_, jump_ = axis.receptive_field, axis.jump, out.receptive_field, out.jump
        if width is None or jump is None or width_ is None or jump_ is None or (total - width) * jump_ % jump:
            return None
        found.append(width_ + (total - width) * jump_ // jump)
    return tuple(found)


def plain(axis: Axis) -> bool:
    """Whether all units look in step: one strand, one phase."""
    return len(axis.strands) == 1 and len(axis.strands[0].fields) == 1


def cuts(nodes: Sequence[Node], target: int) -> frozenset[int]:
    """The nodes, up to `target`, that every path from the image to it passes through."""
    uses = last_uses(nodes[:target])
    found, reach = set(), uses.get(0, 0)
    for index in range(1, target + 1):
        if index in uses:
            if reach <= index:
                found.add(index)
            reach = max(reach, uses[index])
    return frozenset(found)


def front_name(node: Node, number: int) -> str:
    """The name of a layer without a row in front of one."""
    return f"{node.name}_front{number}"


def exchange(nodes: Sequence[Node], changes: Mapping[int, Sequence[Layer]]) -> tuple[Node, ...]:
    """The nodes with some layers exchanged, each for one or a chain of several."""
    moved = {0: 0}
    made: list[Node] = []
    for index, node in enumerate(nodes, 1):
        inputs = tuple(moved[i] for i in node.inputs)
        *front, layer = changes.get(index, (node.layer,))
        for number, extra in enumerate(front):
            made.append(Node(front_name(node, number), extra, inputs))
            inputs = (len(made),)
        made.append(replace(node, layer=layer, inputs=inputs))
        moved[index] = len(made)
    return tuple(made)


# --- the range ---------------------------------------------------------------------------------------------------


def span(
    arch: Arch, options: Mapping[int, Sequence[Alternative]], costs: Mapping[int, float], impact: Impact
) -> tuple[int, int] | None:
    """The smallest and the largest field before global pooling that the alternatives allow: each of them alone, and
    the likely ones together."""
    likely = {i: [a for a in found if a.candidate.cost <= costs[i] + LIKELY] for i, found in options.items()}
    found = [*alone(options), together(arch, likely, impact, min), together(arch, likely, impact, max)]
    known = known_sizes(impact.base.before_global_pool, *found)
    return (min(known), max(known)) if known else None


def least(arch: Arch, options: Mapping[int, Sequence[Alternative]], impact: Impact) -> int | None:
    """The smallest field before global pooling that any of the alternatives allow, however unusual, together too."""
    known = known_sizes(impact.base.before_global_pool, *alone(options), together(arch, options, impact, min))
    return min(known, default=None)


def alone(options: Mapping[int, Sequence[Alternative]]) -> Iterator[PerAxisValue]:
    """The field before global pooling under each alternative, the other layers as chosen."""
    return (a.field.before_global_pool for found in options.values() for a in found if a.field)


def known_sizes(*fields: PerAxisValue) -> list[int]:
    return [int(f) for axes in fields for f in axes if f is not None]


def together(
    arch: Arch, options: Mapping[int, Sequence[Alternative]], impact: Impact, pick: Callable[..., Any]
) -> PerAxisValue:
    """The field before global pooling with every layer exchanged for the alternative whose own field is the least, or
    greatest; empty where they do not fit together."""
    own, changes = size_of(impact.base.before_global_pool), {}
    for index, found in options.items():
        here = [a for a in found if a.field and not a.reads_other]
        sizes = [(size, a) for a in here if a.field and (size := size_of(a.field.before_global_pool)) is not None]
        if sizes and own is not None:
            size, best = pick(sizes, key=lambda pair: pair[0])
            if pick(size, own) != own:
                changes[index] = impact.layers(best)
    try:
        return replace(arch, nodes=exchange(arch.nodes, changes)).receptive_field.before_global_pool
    except SpecError:
        return ()


def size_of(fields: PerAxisValue) -> int | None:
    """One figure for the fields of all axes, to compare them by."""
    return None if None in fields else int(sum(f for f in fields if f is not None))


# --- a stated field as a constraint ------------------------------------------------------------------------------


def choose_for(
    stated: int, impact: Impact, options: Mapping[int, Sequence[Alternative]], costs: Mapping[int, float], limit: float
) -> dict[int, Alternative] | None:
    """The least unusual exchange of layers that makes the field before (else after) global pooling the stated one;
    empty when it is that already, None when nothing within the cost limit does it."""
    base = impact.base
    if stated in (*base.before_global_pool, *base.after_global_pool):
        return {}
    for which in (0, 1):
        if (found := _cheapest(stated, which, impact, options, costs, limit)) is not None:
            return found
    return None


def _cheapest(
    stated: int, which: int, impact: Impact, options: Mapping[int, Sequence[Alternative]],
    costs: Mapping[int, float], limit: float,
) -> dict[int, Alternative] | None:  # fmt: skip
    """A shortest way through the rows: the state is how much the field has grown."""
    fields = impact.base[which]
    if len(set(fields)) != 1 or fields[0] is None:
        return None
    wanted = int(stated - fields[0])
    best: dict[int, tuple[float, tuple[object, ...]]] = {0: (0.0, ())}
    for index in sorted(options):
        if index not in impact.cuts[which]:
            continue
        following = dict(best)
        for delta, alternative in _growths(index, which, impact, options[index], int(fields[0])):
            extra = max(0.0, alternative.candidate.cost - costs[index]) + 0.05 - 1e-5 * index
            for grown_, (cost, picks) in best.items():
                total, size = cost + extra, grown_ + delta
                if abs(size) > 2 * abs(wanted) or total > limit:
                    continue
                if size not in following or total < following[size][0]:
                    following[size] = (total, (picks, index, alternative))
        best = following if len(following) <= MOST_DELTAS else best
    return dict(_unwound(best[wanted][1])) if wanted in best else None


def _growths(
    index: int, which: int, impact: Impact, alternatives: Sequence[Alternative], field: int
) -> Iterator[tuple[int, Alternative]]:
    """Alternatives that keep the row's jump, with what each adds to the field on all axes alike."""
    row = impact.arch.rows[index - 1]
    for alternative in alternatives:
        out = impact.out(index, impact.layers(alternative), alternative)
        if alternative.field is None or out is None or alternative.reads_other:
            continue
        same = [axis.jump for axis in out.axes] == [axis.jump for axis in row.out.axes]
        sizes = set(alternative.field[which])
        if same and len(sizes) == 1 and None not in sizes:
            yield int((sizes.pop() or 0) - field), alternative


def _unwound(picks: tuple[object, ...]) -> Iterator[tuple[int, Alternative]]:
    while picks:
        before, index, alternative = picks
        assert isinstance(before, tuple)
        assert isinstance(index, int)
        assert isinstance(alternative, Alternative)
        yield index, alternative
        picks = before


def with_fields(
    assembly: Assembly, impact: Impact, prior: Prior, shapes: Mapping[int, Shape], images: Sequence[Shape] = ()
) -> dict[int, list[Alternative]]:
    """The alternatives of every node that has any, each with the fields that it would mean; `images` are other inputs
    that the first layer may have."""
    options: dict[int, list[Alternative]] = {}
    listed = LISTED if len(assembly.nodes) <= MANY else LISTED_OF_MANY
    above: int | None = None
    for index, decision in enumerate(assembly.decisions, 1):
        if decision is None or decision.candidate is None:
            continue
        found = alternatives_of(decision, shapes[decision.source], prior)[:listed]
        reads_above = decision.forced or assembly.nodes[index - 1].inputs == (above,)
        if above is not None and decision.item.op == "conv" and not reads_above:
            found += straight(decision, assembly, above, prior)
        if decision.source == 0:
            found += [alternative for image in images for alternative in from_image(decision, image, prior)]
        if found:
            options[index] = [replace(a, field=impact.of(index, a)) for a in found[: 2 * listed]]
        above = index
    return options


def from_image(decision: Decision, image: Shape, prior: Prior) -> list[Alternative]:
    """Layers that fit a row if it reads another input than the one taken."""
    row, out = decision.item.row, decision.item.shape
    found = candidates(row.type, image, out, decision.item.params, prior) if out else ()
    return [Alternative(candidate, image=image) for candidate in found[:OTHER_INPUT]]


def straight(decision: Decision, assembly: Assembly, above: int, prior: Prior) -> list[Alternative]:
    """Layers that fit a row if it reads the row above after all."""
    row, out = decision.item.row, decision.item.shape
    front = assembly.decisions[above - 1]
    if front is None or front.item.shape is None or out is None:
        return []
    found = candidates(row.type, front.item.shape, out, decision.item.params, prior)
    return [Alternative(candidate, source=above) for candidate in found[: LISTED // 2]]
