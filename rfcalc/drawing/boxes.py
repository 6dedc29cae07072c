"""What a drawing shows of a network: a box for each layer with the norms, activations and dropout beside it folded in,
equal neighbouring blocks drawn once, the blocks that get a frame, and the lines of text in each box."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..engine.arch import Arch, Row
from ..report.cells import agreed, text

MOST_BOXES = 40
"""A larger drawing shows equal neighbouring blocks once: what stays legible on one page."""
MAX_NAME = 30
"""Characters of a name that a box shows; longer ones lose their middle."""
TOLD_SETTINGS = ("stride", "dilation")
FAMILY_OF = {
    "conv": "conv", "conv_transpose": "up", "upsample": "up", "resample": "up", "pixel_shuffle": "up",
    "linear": "linear", "flatten": "place", "global_avg_pool": "pool", "global_max_pool": "pool",
    "adaptive_avg_pool": "pool", "adaptive_max_pool": "pool", "max_pool": "pool", "avg_pool": "pool", "reduce": "pool",
}  # fmt: skip
"""What colours a box; joins and layers that work on each value by itself are told by what they are."""


@dataclass(frozen=True, slots=True)
class BoxLine:
    """One line of a box: text on the left in one role (name, op, detail, folded), text on the right (map, field)."""

    left: str
    role: str
    right: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The layers of one box, by index (0 is the image). `mains` holds the layer that gives the box its name, one for
    each of the equal blocks that it stands for; `sources` are the places of the groups that it reads."""

    layers: tuple[int, ...]
    mains: tuple[int, ...]
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FramedBlock:
    """A block that gets a frame: its dotted name, its label, and the places of its groups."""

    name: str
    label: str
    groups: frozenset[int]


def parent(name: str) -> str:
    return name.rpartition(".")[0]


# --- folding -----------------------------------------------------------------------------------------------------


def stands_alone(row: Row) -> bool:
    return row.layer.pointwise and len(row.node.inputs) == 1


def box_groups(arch: Arch, unfold: bool = False) -> list[Group]:
    """The boxes in topological order, the image's first. A layer that works on each value by itself joins the box
    above, or the one below where that is in its own block (a norm in front of its convolution)."""
    readers = readers_of(arch)
    members: list[list[int]] = [[0]]
    owner = {0: 0}
    for row in arch.rows:
        source = owner[row.node.inputs[0]] if row.node.inputs else 0
        if not unfold and joins_above(arch, row, readers, members[source]):
            members[source].append(row.index)
            owner[row.index] = source
        else:
            members.append([row.index])
            owner[row.index] = len(members) - 1
    order = sorted(range(len(members)), key=lambda place: members[place][-1])
    places = {old: new for new, old in enumerate(order)}
    return [finished_group(arch, members[old], {i: places[g] for i, g in owner.items()}) for old in order]


def finished_group(arch: Arch, layers: list[int], owner: dict[int, int]) -> Group:
    here = owner[layers[0]]
    main = next((i for i in layers if i and not stands_alone(arch.rows[i - 1])), layers[0])
    read = [owner[s] for i in layers if i for s in arch.rows[i - 1].node.inputs if owner[s] != here]
    return Group(tuple(layers), (main,), tuple(dict.fromkeys(read)))


def readers_of(arch: Arch) -> dict[int, list[Row]]:
    readers: dict[int, list[Row]] = {}
    for row in arch.rows:
        for source in dict.fromkeys(row.node.inputs):
            readers.setdefault(source, []).append(row)
    return readers


def joins_above(arch: Arch, row: Row, readers: dict[int, list[Row]], above: list[int]) -> bool:
    """Whether a layer goes into the box of what it reads; so does one whose box above holds norms and activations
    that wait for it."""
    if len(row.node.inputs) != 1 or not (source := row.node.inputs[0]) or len(readers[source]) > 1:
        return False
    waiting = all(stands_alone(arch.rows[i - 1]) for i in above)
    if not stands_alone(row):
        return waiting
    below = taker(row, readers)
    near, home = parent(row.name), parent(arch.rows[source - 1].name)
    return waiting or below is None or near == home or parent(below.name) != near


def taker(row: Row, readers: dict[int, list[Row]]) -> Row | None:
    """The layer below that could take a norm or activation into its box."""
    while stands_alone(row):
        after = readers.get(row.index, [])
        if len(after) != 1 or after[0].layer.joins or len(after[0].node.inputs) > 1:
            return None
        row = after[0]
    return row


def main_of(rows: Sequence[Row]) -> Row:
    """Of the layers of a box the one that a click on it chooses: the first that is not folded in."""
    return next((row for row in rows if not row.layer.pointwise), rows[0])


# --- equal blocks ------------------------------------------------------------------------------------------------


def blocks_by_name(arch: Arch, groups: Sequence[Group]) -> dict[str, list[int]]:
    """The places of the groups of every block, by dotted name, outer blocks first."""
    found: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        name = parent(arch.rows[group.mains[0] - 1].name) if group.mains[0] else ""
        while name:
            found.setdefault(name, []).append(place)
            name = parent(name)
    return dict(sorted(found.items(), key=lambda item: (item[0].count("."), item[1])))


def collapsed(arch: Arch, groups: list[Group]) -> list[Group]:
    """Neighbouring equal blocks as one, from the outermost blocks in."""
    again = True
    while again:
        again = False
        siblings: dict[str, list[list[int]]] = {}
        for name, places in blocks_by_name(arch, groups).items():
            siblings.setdefault(parent(name), []).append(places)
        for blocks in siblings.values():
            run = equal_run(arch, groups, blocks)
            if len(run) > 1:
                groups, again = merged_run(groups, run), True
                break
    return groups


def equal_run(arch: Arch, groups: Sequence[Group], blocks: list[list[int]]) -> list[list[int]]:
    """The first run of equal blocks, each of which reads nothing but the one in front."""
    run: list[list[int]] = []
    for block in blocks:
        if run and repeats_block(arch, groups, run[-1], block):
            run.append(block)
        elif len(run) > 1:
            break
        else:
            run = [block]
    return run


def repeats_block(arch: Arch, groups: Sequence[Group], first: list[int], second: list[int]) -> bool:
    """Whether the second block does the same to what the first one makes, and nobody else reads the first."""
    if len(first) != len(second) or len(first) < 2:
        return False
    at = {place: i for i, place in enumerate(second)}
    before = {place: i for i, place in enumerate(first)}
    outer = {s for place in second for s in groups[place].sources if s not in at}
    enters = {s for place in first for s in groups[place].sources if s not in before}
    if len(outer) != 1 or len(enters) != 1 or not outer <= set(first):
        return False
    if any(s in before for i, g in enumerate(groups) if i not in at and i not in before for s in g.sources):
        return False
    return all(same_group(arch, groups[a], groups[b], before, at) for a, b in zip(first, second, strict=True))


def same_group(arch: Arch, one: Group, other: Group, before: dict[int, int], at: dict[int, int]) -> bool:
    rows = [[arch.rows[i - 1] for i in group.layers[-len(one.layers) :]] for group in (one, other)]
    return (
        len(one.layers) == len(other.layers) * len(one.mains)
        and all(a.layer == b.layer and a.out.sizes == b.out.sizes for a, b in zip(rows[0][-len(rows[1]) :], rows[1],
                                                                                 strict=True))
        and [before.get(s) for s in one.sources] == [at.get(s) for s in other.sources]
    )  # fmt: skip


def merged_run(groups: list[Group], run: list[list[int]]) -> list[Group]:
    """The groups with a run of equal blocks as its first one."""
    target = {place: first for block in run for place, first in zip(block, run[0], strict=True)}
    gone = {place for block in run[1:] for place in block}
    kept = [place for place in range(len(groups)) if place not in gone]
    new = {place: i for i, place in enumerate(kept)}
    made = []
    for place in kept:
        group = groups[place]
        if place in target:
            parts = [groups[block[run[0].index(place)]] for block in run]
            layers = tuple(i for part in parts for i in part.layers)
            group = Group(layers, tuple(i for part in parts for i in part.mains), group.sources)
        sources = [new[target.get(s, s)] for s in group.sources]
        made.append(replace(group, sources=tuple(dict.fromkeys(sources))))
    return made


# --- frames and names --------------------------------------------------------------------------------------------


def frames_of(arch: Arch, groups: Sequence[Group]) -> list[FramedBlock]:
    """The blocks that get a frame: those of two boxes or more, within one of them those of three or more."""
    found: list[FramedBlock] = []
    everything = frozenset(range(1, len(groups)))
    for name, places in blocks_by_name(arch, groups).items():
        inside = frozenset(places)
        around = [block for block in found if name.startswith(f"{block.name}.")]
        times = {len(groups[place].mains) for place in places}
        if around and around[-1].groups == inside:
            label = frame_label(around[-1].name, times)
            found[found.index(around[-1])] = replace(around[-1], label=label)
        elif worth_a_frame(inside, around, max(times)) and inside != everything:
            found.append(FramedBlock(name, frame_label(name, times), inside))
    return found


def worth_a_frame(inside: frozenset[int], around: list[FramedBlock], times: int) -> bool:
    """Two boxes are; within another frame, three that leave two outside, or a repeated block. No third frame."""
    if not around:
        return len(inside) > 1
    return len(around) < 2 and len(inside) > 2 and (times > 1 or len(around[-1].groups - inside) > 1)


def frame_label(name: str, times: set[int]) -> str:
    count = times.pop() if len(times) == 1 else 1
    return f"{shortened(name)} \N{MULTIPLICATION SIGN}{count}" if count > 1 else shortened(name)


def shortened(name: str, most: int = MAX_NAME) -> str:
    """A name that fits: a long one without its middle; what would end a line or turn its direction is left out.

    >>> shortened("features.denseblock1.denselayer12.conv2")
    'features.dense…elayer12.conv2'
    """
    plain = "".join(c for c in name if c.isprintable())
    keep = (most - 1) // 2
    return plain if len(plain) <= most else f"{plain[:keep]}\N{HORIZONTAL ELLIPSIS}{plain[-keep:]}"


def box_names(arch: Arch, groups: Sequence[Group], frames: Sequence[FramedBlock]) -> list[str]:
    """What each box is called: its block where that is the box's alone, and of that the shortest end that is unique
    within its frame and no mere number."""
    counts = Counter(parts for row in arch.rows for parts in prefixes(row.name))
    homes = [max((b.name for b in frames if i in b.groups), key=len, default="") for i in range(len(groups))]
    full = [own_name(arch, group, counts, home) for group, home in zip(groups, homes, strict=True)]
    ends = Counter((home, end) for name, home in zip(full, homes, strict=True) for end in suffixes(name))
    names = []
    for name, home in zip(full, homes, strict=True):
        choices = [end for end in suffixes(name) if ends[home, end] == 1 and not end.split(".")[0].isdigit()]
        names.append(shortened((choices[0] if home and choices else name) or "input"))
    return names


def titles(arch: Arch, groups: Sequence[Group]) -> dict[int, str]:
    """What each layer's box is called in full, by the layer's index."""
    counts = Counter(parts for row in arch.rows for parts in prefixes(row.name))
    return {i: own_name(arch, group, counts, "") for group in groups for i in group.layers}


def own_name(arch: Arch, group: Group, counts: Counter[str], home: str) -> str:
    """The name of the box's layer, or of the largest block that the box holds all of."""
    if not group.mains[0]:
        return ""
    name = arch.rows[group.mains[0] - 1].name
    held = Counter(parts for i in group.layers for parts in prefixes(arch.rows[i - 1].name))
    for block in reversed(prefixes(name)[:-1]):
        if counts[block] == held[block] and block != home:
            name = block
    return name


def prefixes(name: str) -> list[str]:
    """A dotted name and its blocks, the outermost first."""
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def suffixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[i:]) for i in range(len(parts) - 1, -1, -1)]


# --- text --------------------------------------------------------------------------------------------------------


def family(row: Row | None) -> str:
    """What colours the box: input, conv, pool, up, join, linear, place, value or other."""
    if row is None:
        return "input"
    if row.layer.joins:
        return "join"
    known = FAMILY_OF.get(row.layer.op)
    return known or ("value" if row.layer.pointwise else "up" if row.layer.transposed else "other")


def box_lines(arch: Arch, group: Group, name: str) -> tuple[BoxLine, ...]:
    """Name and map, operation and field, then the settings that are not the usual ones, then what is folded in."""
    if not group.mains[0]:
        return (BoxLine("input", "name", times(arch.input)),)
    rows = [arch.rows[i - 1] for i in group.mains]
    row = rows[0]
    single = group.layers[: len(group.layers) // len(group.mains)]
    shown = name.rsplit(".", maxsplit=1)[-1]
    op = " ".join(filter(None, [row.layer.op, told_kernel(row)]))
    lines = [
        BoxLine(name, "name", first_to_last([times(r.out.shape) for r in rows])),
        BoxLine("" if op == shown else op, "op", f"field {first_to_last([box_field(r) for r in rows])}"),
    ]
    if settings := told_settings(row):
        lines.append(BoxLine(settings, "detail"))
    at = single.index(row.index)
    first, after = (", ".join(arch.rows[i - 1].layer.op for i in part) for part in (single[:at], single[at + 1 :]))
    if first:
        lines.append(BoxLine(f"first {first}", "folded"))
    if after:
        lines.append(BoxLine(f"then {after}" if first else after, "folded"))
    if not lines[1].left and len(lines) > 2:
        lines[1:3] = [replace(lines[2], right=lines[1].right)]
    return tuple(lines)


def box_field(row: Row) -> str:
    return text(agreed(tuple(axis.receptive_field for axis in row.out.axes))).replace("x", "\N{MULTIPLICATION SIGN}")


def times(values: Sequence[int]) -> str:
    return "\N{MULTIPLICATION SIGN}".join(map(str, values))


def first_to_last(values: Sequence[str]) -> str:
    """One value, or the first and the last."""
    return values[0] if values[0] == values[-1] else f"{values[0]} \N{RIGHTWARDS ARROW} {values[-1]}"


def told_kernel(row: Row) -> str:
    windows = row.windows if row.inputs else ()
    if not windows or row.layer.joins or row.layer.pointwise or row.layer.op == "linear":
        return ""
    if row.sees_whole_map and row.layer.op.startswith(("global", "adaptive")):
        return ""
    return times([w.kernel_size for w in windows])


def told_settings(row: Row) -> str:
    """Stride, dilation and groups where they are not 1."""
    if not row.inputs or row.layer.joins or row.layer.pointwise:
        return ""
    parts = []
    for key in TOLD_SETTINGS:
        values = tuple(getattr(w, key) for w in row.windows)
        if any(value != 1 for value in values):
            parts.append(f"{key} {text(agreed(values))}".replace("x", "\N{MULTIPLICATION SIGN}"))
    if row.groups and row.groups > 1:
        parts.append("depthwise" if row.groups == row.x.channels else f"groups {row.groups}")
    return ", ".join(parts)
