"""One layer's row as arithmetic."""

from __future__ import annotations

from collections.abc import Iterator

from ..engine.arch import Arch, Row
from ..engine.geometry import Axis, Window
from ..errors import RfcalcError, unknown_name
from .cells import DASH, cells_of, percent, text


def explain(arch: Arch, name: str) -> str:
    """The arithmetic of a layer, or of every layer of a block that changes something; raises RfcalcError with a near
    name where there is neither.

    >>> import rfcalc
    >>> "r_out = 39 + (3-1)*2*4 = 55" in explain(rfcalc.load("s9"), "C10")
    True
    """
    rows = arch.rows_of(name)
    if not rows:
        known = [row.name for row in arch.rows]
        blocks = [layer.rpartition(".")[0] for layer in known if "." in layer]
        raise RfcalcError(unknown_name(name, [*known, *dict.fromkeys(blocks)], f"{arch.name} has no layer"))
    shown = [row for row in rows if not row.keeps_all] or rows
    return "\n\n".join("\n".join(row_lines(arch, row)) for row in shown) + "\n"


def row_lines(arch: Arch, row: Row) -> Iterator[str]:
    """The lines on one layer: its settings, then size, jump, field, start, params and MACs, each worked out."""
    cells = cells_of(row)
    sources, maps = ", ".join(arch.sources(row)), " and ".join(map(str, row.inputs))
    yield f"{row.name}: {row.layer.op} from {sources}, {maps} -> {row.out}"
    axes = range(len(row.out.axes))
    same = all(row.out.axes[i] == row.out.axes[0] and row.x.axes[i] == row.x.axes[0] for i in axes)
    if same and len(set(row.windows)) <= 1:
        yield from (f"  {line}" for line in axis_lines(arch, row, 0))
    else:
        for i in axes:
            yield f"  axis {i}:"
            yield from (f"    {line}" for line in axis_lines(arch, row, i))
    params, macs = row.layer.sums(row.x, row.out)
    yield f"  params = {params + ' = ' if params else ''}{text(cells['params'])}"
    yield f"  macs = {macs + ' = ' if macs else ''}{text(cells['macs'])}"


def axis_lines(arch: Arch, row: Row, i: int) -> Iterator[str]:
    """Size, jump, field and start along one axis, then what of the field is read and what lies outside."""
    out, window = row.out.axes[i], row.windows[i] if row.windows else None
    if row.layer.pointwise:
        figures = f"j = {text(out.jump)}, r = {text(out.receptive_field)}, start = {text(out.start)}"
        yield f"works on each value by itself: n = {out.size}, {figures} as they come in"
    elif row.layer.joins or window is None or row.layer.transposed or not is_even(row.x.axes[i]) or not is_even(out):
        yield from described_axis(row, i)
    else:
        yield from computed(row.x.axes[i], out, window, row.out.flat)
    field, size = out.widest, arch.sizes[i]
    if field is None:
        return
    if field.mask:
        read = DASH if field.pixels is None else str(field.pixels)
        yield f"reads {read} of the {field.width} pixels: {pattern(field.mask, field.width)}"
    shares = " and ".join(
        f"{percent(out.outside(unit, size))} of unit {unit}'s ({place})"
        for unit, place in dict.fromkeys([(0, "corner"), (out.size // 2, "centre")])
    )
    yield f"outside the image of {size}: {shares}"


def is_even(axis: Axis) -> bool:
    """Whether all units look alike."""
    return len(axis.strands) == 1 == len(axis.strands[0].fields)


def computed(x: Axis, out: Axis, w: Window, flat: bool) -> Iterator[str]:
    """The four formulas with their numbers (Araujo, Norris, Sim 2019, equations 2 and 4, with dilation)."""
    before, after = w.padding
    k, d, s, j = w.kernel_size, w.dilation, w.stride, text(x.jump)
    spread = f"({k}-1)" + (f"*{d}" if d > 1 else "")
    if not flat:
        extent = f"{d}*({k}-1) - 1" if d > 1 else str(k)
        exact = w.output_size(x.size) == out.size
        rounding = "floor" if exact else "ceil"
        yield f"n_out = {rounding}(({x.size} + {before} + {after} - {extent}) / {s}) + 1 = {out.size}"
    yield f"j_out = {j}*{s} = {text(out.jump)}"
    yield f"r_out = {x.receptive_field} + {spread}*{j} = {text(out.receptive_field)}"
    yield f"start_out = {text(x.start)} + ({spread}/2 - {before})*{j} = {text(out.start)}"


def described_axis(row: Row, i: int) -> Iterator[str]:
    """What holds of a layer whose units differ, or that joins: its figures, and the field of each kind of unit."""
    x, out, layer = row.x.axes[i], row.out.axes[i], row.layer
    w = row.windows[i] if row.windows and not layer.joins else None
    jump = text(out.jump)
    if layer.joins:
        yield f"n_out = {out.size}"
        yield f"j_out = {jump}, from joined maps with {', '.join(text(m.axes[i].jump) for m in row.inputs)}"
    elif w and layer.transposed:
        extra = out.size - ((x.size - 1) * w.stride - sum(w.padding) + w.extent)
        tail = f" + {extra}" if extra else ""
        yield f"n_out = ({x.size}-1)*{w.stride} - {w.padding[0]} - {w.padding[1]} + {w.extent}{tail} = {out.size}"
        yield f"j_out = {text(x.jump)}/{w.stride} = {jump}"
    else:
        yield f"n_out = {out.size} from {x.size}"
        yield f"j_out = {f'{text(x.jump)}*{w.stride} = ' if w else ''}{jump}"
    yield from phases(row, i)
    yield f"start_out = {text(out.start)}, the centre of unit 0's field"


def phases(row: Row, i: int) -> Iterator[str]:
    """The field of a layer's first units, or of each map that it joins, and the largest."""
    out = row.out.axes[i]
    largest = DASH if out.receptive_field is None else str(out.receptive_field)
    if row.layer.joins:
        fields = [field_span(m.axes[i], 0) for m in row.inputs]
        yield f"r_out = {largest}, the hull; unit 0 of the joined maps sees {', '.join(fields)}"
        return
    units = min(max((len(strand.fields) for strand in out.strands), default=0), out.size, 8)
    fields = [f"unit {unit} sees {field_span(out, unit)}" for unit in range(units)]
    yield f"r_out = {largest}, the largest over the phases: {'; '.join(fields)}"


def field_span(axis: Axis, unit: int) -> str:
    field = axis.at(unit)
    return f"{field.first}…{field.last} ({field.width})" if field else "nothing"


def pattern(mask: int, width: int) -> str:
    """Which pixels are read, # for read and . for not; of long fields the start.

    >>> pattern(0b10101, 5)
    '#.#.#'
    """
    if mask < 0:
        return "too long a field to tell"
    shown = "".join("#" if mask >> i & 1 else "." for i in range(min(width, 60)))
    return shown + ("…" if width > 60 else "")
