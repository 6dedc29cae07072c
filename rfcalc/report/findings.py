"""What a reader of the table should know about a design, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from ..engine.arch import Arch, Row, last_uses
from ..engine.geometry import Axis, Number, Window, shape_text
from ..errors import listed
from .cells import text


@dataclass(frozen=True, slots=True)
class Finding:
    """A remark on some layers. `kind` is one word: border, gridding, dilation, skips, misaligned, bias,
    size-1 or unused."""

    kind: str
    layers: tuple[str, ...]
    text: str


def findings(arch: Arch) -> tuple[Finding, ...]:
    """All findings of a network: one kind after the other, each in the order of the layers."""
    kinds = (misaligned, border, gridding, off_the_map, skipped_units, bias_before_norm, size_one, unused)
    return tuple(finding for kind in kinds for finding in kind(arch))


def border(arch: Arch) -> Iterator[Finding]:
    """Layers whose input field is as large as the image on every axis already ("border layer", Richter et al. 2021)."""
    found = []
    for row in arch.rows:
        looks_around = any(w.kernel_size > 1 for w in row.windows)
        if row.layer.pointwise or row.layer.joins or row.sees_whole_map or not looks_around:
            continue
        fields = [axis.receptive_field for axis in row.x.axes]
        if all(field is not None and field >= size for field, size in zip(fields, arch.sizes, strict=True)):
            found.append(row)
    if found:
        names = [row.name for row in found]
        first, image = found[0], shape_text(arch.sizes)
        field = shape_text(axis.receptive_field or 0 for axis in first.x.axes)
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


def skipped_units(arch: Arch) -> Iterator[Finding]:
    """Layers that never read some of the units that come in."""
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
    """Joins whose branches look at different places: one finding for those that differ in jump, one for centres."""
    found: dict[bool, list[tuple[Row, int]]] = {}
    for row in arch.rows:
        for number, axes in enumerate(zip(*(x.axes for x in row.inputs), strict=True) if row.layer.joins else ()):
            size = max(axis.size for axis in axes)
            grids = {axis.grid for axis in axes if axis.size == size > 1 and axis.grid}
            if not is_aligned(grids):
                jumps = {tuple(jump for jump, _, _ in grid) for grid in grids}
                found.setdefault(len(jumps) > 1, []).append((row, number))
                break
    for joins in found.values():
        row, number = joins[0]
        sources = tuple(arch.nodes[i - 1].name if i else "input" for i in row.node.inputs)
        says = misaligned_text(row, number, sources, tuple(x.axes[number] for x in row.inputs))
        names = [row.name for row, _ in joins]
        more = f"; so do {len(names) - 1} more joins: {listed(names[1:])}" if len(names) > 1 else ""
        yield Finding("misaligned", tuple(names), says + more)


def is_aligned(grids: set[tuple[tuple[Number, Fraction, int], ...]]) -> bool:
    """Whether maps have one jump and one centre; or one jump and one last pixel, as the branches of causal networks
    have, which all look back from the same place."""
    centres = {tuple((jump, centre) for jump, centre, _ in grid) for grid in grids}
    lasts = {tuple((jump, last) for jump, _, last in grid) for grid in grids}
    return min(len(centres), len(lasts)) <= 1


def misaligned_text(row: Row, axis_number: int, sources: tuple[str, ...], axes: tuple[Axis, ...]) -> str:
    parts = []
    for name, axis in zip(sources, axes, strict=True):
        strands = " and ".join(f"jump {text(s.jump)}, unit 0 centred at {text(s.offset())}" for s in axis.strands)
        parts.append(f"{name} ({strands or 'unknown'})")
    where = f" along axis {axis_number}" if len(row.out.axes) > 1 else ""
    return f"{row.name} joins maps that look at different places{where}: {'; '.join(parts)}"


def bias_before_norm(arch: Arch) -> Iterator[Finding]:
    """Convolutions with a bias that the batch norm after them takes away again."""
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
            f"{listed([row.name for row in found])}: the batch norm that follows subtracts the mean, and with it the "
            f"bias: {total:,} parameters to no effect",
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


def off_the_map(arch: Arch) -> Iterator[Finding]:
    """Dilated layers some of whose taps meet nothing but padding, wherever they stand."""
    for row in arch.rows:
        for w, axis, out in zip(row.windows, row.x.axes, row.out.axes, strict=False):
            if w.dilation > 1 and not row.layer.transposed and (lost := lost_taps(w, axis.size, out.size)):
                yield Finding(
                    "dilation",
                    (row.name,),
                    f"{row.name}: with dilation {w.dilation} on a map of {axis.size}, {lost} of its {w.kernel_size} "
                    "taps along an axis never meet the map: their weights read padding alone",
                )
                break


def lost_taps(w: Window, size: int, out: int) -> int:
    """How many taps of a window lie outside a map of that size at each of its places."""
    firsts = [tap * w.dilation - w.padding[0] for tap in range(w.kernel_size)]
    return sum(first >= size or first + (out - 1) * w.stride < 0 for first in firsts)


def unused(arch: Arch) -> Iterator[Finding]:
    """Layers that no output depends on."""
    used = last_uses(arch.nodes, [port.node for port in arch.returned])
    names = [row.name for row in arch.rows if row.index not in used]
    if names:
        yield Finding("unused", tuple(names), f"{listed(names)}: no output depends on what they make")
