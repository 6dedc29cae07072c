"""What a reader of the table should know about a design, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from .arch import Arch, Row, last_uses
from .geometry import Axis, whole


@dataclass(frozen=True, slots=True)
class Finding:
    """A remark on some layers. `kind` is one word: border, gridding, skips, misaligned, bias, size-1 or unused."""

    kind: str
    layers: tuple[str, ...]
    text: str


def find(arch: Arch) -> Iterator[Finding]:
    """All findings of a network, in the order of its layers within each kind."""
    yield from misaligned(arch)
    yield from border(arch)
    yield from gridding(arch)
    yield from skips(arch)
    yield from bias_before_norm(arch)
    yield from size_one(arch)
    yield from unused(arch)


def listed(names: list[str]) -> str:
    """Names in a sentence; of many, the first and the last.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    if len(names) > 8:
        names = [*names[:4], f"… {len(names) - 5} more …", names[-1]]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def reads_neighbours(row: Row) -> bool:
    """Whether a layer reads more than one unit for each unit it makes."""
    return any(w.kernel_size > 1 for w in row.windows)


def border(arch: Arch) -> Iterator[Finding]:
    """Layers whose input field is as large as the image on every axis already ("border layer", Richter et al. 2021)."""
    found = []
    for row in arch.rows:
        if row.layer.pointwise or row.layer.joins or row.sees_whole_map or not reads_neighbours(row):
            continue
        fields = [axis.receptive_field for axis in row.x.axes]
        if all(field is not None and field >= size for field, size in zip(fields, arch.sizes, strict=True)):
            found.append(row)
    if found:
        names = [row.name for row in found]
        first, image = found[0], "x".join(map(str, arch.sizes))
        field = "x".join(str(axis.receptive_field) for axis in first.x.axes)
        verb = "it adds" if len(found) == 1 else "they add"
        yield Finding(
            "border",
            tuple(names),
            f"from {first.name} on, the field that enters ({field}) already covers the whole image ({image}): {verb} "
            f"no new context (Richter et al. 2021): {listed(names)}",
        )


def gridding(arch: Arch) -> Iterator[Finding]:
    """Layers whose units first skip pixels within their field, and whether the skipping lasts to the output."""
    gaps = {}
    for row in arch.rows:
        fields = [axis.widest for axis in row.out.axes]
        before = [axis.widest for x in row.inputs for axis in x.axes]
        if any(f and f.mask > 0 for f in fields) and not any(f and f.mask for f in before):
            gaps[row.name] = next((f.pixels, f.width) for f in fields if f and f.mask > 0)
    if not gaps:
        return
    stays = any(f and f.mask for axis in arch.out.axes if (f := axis.widest))
    first, (read, width) = next(iter(gaps.items()))
    end = "to the output" if stays else "until later layers close the holes"
    yield Finding(
        "gridding",
        tuple(gaps),
        f"{listed([*gaps])}: dilation or stride leaves holes, {end}; a unit of {first} reads {read} of the {width} "
        "pixels that its field spans along an axis",
    )


def skips(arch: Arch) -> Iterator[Finding]:
    """Layers that never read some of the units in front of them."""
    for row in arch.rows:
        if row.layer.pointwise or row.x.flat:
            continue
        for w, axis, out in zip(row.windows, row.x.axes, row.out.axes, strict=False):
            if not row.layer.transposed and out.size > 1 and (missed := w.never_read()):
                yield Finding(
                    "skips",
                    (row.name,),
                    f"{row.name}: stride {w.stride} with kernel {w.kernel_size}"
                    + (f" and dilation {w.dilation}" if w.dilation > 1 else "")
                    + f" never reads {missed} of every {w.stride} units of the {axis.size} along an axis",
                )
                break


def misaligned(arch: Arch) -> Iterator[Finding]:
    """Joins whose branches look at different places."""
    for row in arch.rows:
        if not row.layer.joins:
            continue
        for axis_number, axes in enumerate(zip(*(x.axes for x in row.inputs), strict=True)):
            size = max(axis.size for axis in axes)
            looks = [(axis, *grid_of(axis)) for axis in axes if axis.size == size > 1 and axis.strands]
            if len({look[1:] for look in looks}) > 1:
                sources = [arch.nodes[i - 1].name if i else "input" for i in row.node.inputs]
                yield Finding("misaligned", (row.name,), misaligned_text(row, axis_number, sources, axes))
                break


def grid_of(axis: Axis) -> tuple[object, ...]:
    """Jump and centre of unit 0, per strand that moves: what must agree for two maps to be aligned."""
    return tuple(sorted((s.jump, s.offset()) for s in axis.strands if s.advance and s.offset() is not None))


def misaligned_text(row: Row, axis_number: int, sources: list[str], axes: tuple[Axis, ...]) -> str:
    parts = []
    for name, axis in zip(sources, axes, strict=True):
        strands = " and ".join(f"jump {s.jump}, unit 0 centred at {shown(s.offset())}" for s in axis.strands)
        parts.append(f"{name} ({strands or 'unknown'})")
    where = f" along axis {axis_number}" if len(row.out.axes) > 1 else ""
    return f"{row.name} joins maps that look at different places{where}: {'; '.join(parts)}"


def shown(value: Fraction | None) -> str:
    return "–" if value is None else str(whole(value)) if value.denominator == 1 else f"{float(value):g}"


def bias_before_norm(arch: Arch) -> Iterator[Finding]:
    """Convolutions with a bias that the batch norm behind them takes away again."""
    found = []
    for row in arch.rows:
        if row.layer.op == "batch_norm" and row.node.inputs[0]:
            source = arch.rows[row.node.inputs[0] - 1]
            if getattr(source.layer, "bias", False):
                found.append(source)
    if found:
        total = sum(row.out.channels for row in found)
        yield Finding(
            "bias",
            tuple(row.name for row in found),
            f"{listed([row.name for row in found])}: the batch norm behind subtracts the mean, and with it the bias: "
            f"{total:,} parameters to no effect",
        )


def size_one(arch: Arch) -> Iterator[Finding]:
    """Layers that reduce, or look around on, a map of size 1."""
    for row in arch.rows:
        if row.layer.pointwise or row.layer.joins or row.x.flat or any(axis.size > 1 for axis in row.x.axes):
            continue
        if any(w.kernel_size > 1 or w.stride > 1 for w in row.windows):
            w = max(row.windows, key=lambda window: (window.kernel_size, window.stride))
            fact = f"kernel {w.kernel_size}, stride {w.stride} on a map of size 1: only one tap meets a value"
            yield Finding("size-1", (row.name,), f"{row.name}: {fact}")
        elif row.layer.reduces:
            yield Finding("size-1", (row.name,), f"{row.name} reduces a map of size 1: it changes nothing")


def unused(arch: Arch) -> Iterator[Finding]:
    """Layers whose output nothing reads."""
    used = last_uses(arch.nodes)
    names = [node.name for index, node in enumerate(arch.nodes, 1) if index not in used]
    if names:
        yield Finding("unused", tuple(names), f"{listed(names)}: nothing that leads to the output reads what they make")
