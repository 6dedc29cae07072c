"""What exchanging a layer of a network for another means for the network's receptive fields.

After a layer that everything passes through, the field grows by what the rest adds, in units of the layer's own jump:
field' = width' + (field - width) * jump' / jump. So only the layers up to the next such one are worked out again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...engine.arch import Arch, Node, PerAxisValue, ReceptiveField, fields_of, image_axes, last_uses
from ...engine.geometry import Axis, FeatureMap, Number
from ...engine.layers import Layer
from ...errors import RfcalcError, SpecError
from . import costs
from .priors import Shape
from .rebuild import exchange


class Impact:
    """The fields of a network with one layer exchanged for one or a chain of several."""

    def __init__(self, arch: Arch) -> None:
        self.arch, self.budget = arch, costs.WALK_BUDGET
        self.base = arch.receptive_field
        self.maps = (FeatureMap(arch.input[0], image_axes(arch.sizes)), *(row.out for row in arch.rows))
        row = arch.global_row
        self.global_index = row.index if row else len(arch.nodes) + 1
        self.targets = (row.node.inputs[0] if row else len(arch.nodes), len(arch.nodes))
        self.cuts = tuple(cuts(arch.nodes, target) for target in self.targets)

    def of(self, index: int, layers: Sequence[Layer], out: FeatureMap | None) -> ReceptiveField | None:
        """The fields with the node at `index` exchanged for layers that make `out`; None where there is no such map,
        or where it would cost too much to find out."""
        if out is None:
            return None
        if index == self.global_index:  # another layer may not see the whole map any more
            self.budget -= len(self.arch.nodes)
            return self.together({index: layers}) if self.budget >= 0 else None
        before, after = (self.field(which, index, out) for which in (0, 1))
        return None if before is None or after is None else ReceptiveField(before, after)

    def together(self, changes: dict[int, Sequence[Layer]]) -> ReceptiveField | None:
        """The fields with several nodes exchanged at once; None where the layers do not fit together."""
        try:
            return replace(self.arch, nodes=exchange(self.arch.nodes, changes)).receptive_field
        except SpecError:
            return None

    def out(self, index: int, layers: Sequence[Layer], source: int | None, image: Shape | None) -> FeatureMap | None:
        """The map that layers make of what the node at `index` reads, or of another node or image; None where they
        cannot read that."""
        out = self.maps[self.arch.nodes[index - 1].inputs[0] if source is None else source]
        if image:
            out = FeatureMap(image.channels, image_axes(image.sizes))
        try:
            for layer in layers:
                out = layer.output((out,))
        except RfcalcError:
            return None
        return out

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
                found = grown_fields(self.base[which], self.maps[place].axes, changed[place].axes)
                if found is not None:
                    return found
        return fields_of(changed[target]) if target in changed else self.base[which]


def grown_fields(fields: PerAxisValue, axes: Sequence[Axis], outs: Sequence[Axis]) -> PerAxisValue | None:
    """The fields of the whole once a cut makes `outs` instead of `axes`; None where units do not look in step."""
    found: list[Number] = []
    for place, (total, axis, out) in enumerate(zip(fields, axes, outs, strict=True)):
        if place and axis is axes[place - 1] and out is outs[place - 1] and total == fields[place - 1]:
            found.append(found[-1])
            continue
        if not (moves_in_step(axis) and moves_in_step(out)) or total is None or axis.jump in (None, 0):
            return None
        width, jump, width_, jump_ = axis.receptive_field, axis.jump, out.receptive_field, out.jump
        if width is None or jump is None or width_ is None or jump_ is None or (total - width) * jump_ % jump:
            return None
        found.append(width_ + (total - width) * jump_ // jump)
    return tuple(found)


def moves_in_step(axis: Axis) -> bool:
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
