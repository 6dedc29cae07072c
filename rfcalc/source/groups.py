"""Which layers belong together, as their names tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..engine.arch import Arch
from ..network import path_of


@dataclass(eq=False)
class LayerGroup:
    """Layers with the same names in front: layers (by number) and groups inside, by the next part of their names."""

    path: tuple[str, ...]
    children: dict[str, LayerGroup | int] = field(default_factory=dict)
    members: list[int] = field(default_factory=list)
    inputs: tuple[int, ...] = ()
    """The maps that it reads from outside."""
    outputs: tuple[int, ...] = ()
    """Its layers that are read outside."""
    runs: bool = False
    """Whether its layers can run one after the other, with nothing from outside in between."""

    @property
    def groups(self) -> list[LayerGroup]:
        return [child for child in self.children.values() if isinstance(child, LayerGroup)]

    @property
    def height(self) -> int:
        return 1 + max([group.height for group in self.groups], default=0)


def tree_of(arch: Arch) -> LayerGroup:
    """The groups of a network, as the names of its layers tell."""
    taken = {row.name for row in arch.rows}
    root = LayerGroup(())
    for row in arch.rows:
        path = path_of(row.name, taken)
        group = root
        group.members.append(row.index)
        for i, part in enumerate(path[:-1], 1):
            found = group.children.setdefault(part, LayerGroup(path[:i]))
            if isinstance(found, LayerGroup):  # path_of lets no layer stand where a group does
                group = found
                group.members.append(row.index)
        group.children[path[-1]] = row.index
    measure(arch, root, ancestors(arch))
    root.inputs, root.outputs, root.runs = (0,), (len(arch.nodes),), True
    return root


def ancestors(arch: Arch) -> list[int]:
    """For the image and each layer, the layers that it depends on, itself included, as a bit mask."""
    found = [0]
    for index, node in enumerate(arch.nodes, 1):
        mask = 1 << index
        for i in node.inputs:
            mask |= found[i]
        found.append(mask)
    return found


def measure(arch: Arch, group: LayerGroup, above: Sequence[int]) -> None:
    """Fills in what goes into a group and those inside it, what is read of them, and whether they run on their own."""
    inside, nodes = set(group.members), arch.nodes
    group.inputs = tuple(dict.fromkeys(i for m in group.members for i in nodes[m - 1].inputs if i not in inside))
    read = {i for n, node in enumerate(nodes, 1) if n not in inside for i in node.inputs} | {len(nodes)}
    group.outputs = tuple(m for m in group.members if m in read)
    mask = sum(1 << m for m in group.members)
    group.runs = bool(group.outputs) and not any(above[i] & mask for i in group.inputs)
    for child in group.groups:
        measure(arch, child, above)
