"""The verdicts on a stated model: what its rows come to, and the cells that are off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from ...engine.geometry import Number
from ..read.facts import StatedModel
from .channels import FLATTENS, said_slips
from .counts import added, count_slips
from .repair import repaired
from .verdict import Cell, Verdict, VerdictKind
from .walk import best_walk, rewalked, row_of_slip
from .walked import Walked

WINDOWED = ("conv", "pool", "global", "resample")
NOTED = ("n_in", "n_out", "j_in", "j_out", "r_in", "r_out")
HEADED = {"j": "jump", "r": "field", "n": "size", "ch": "channels"}
MOST_AGREE, MOST_SIZED = 8, 4
"""Figures that agree for each that does not, where only they show in which order layers run: fewer will do where every
layer with a window states its own."""
FEWEST_CHECKED = 3
"""Figures of a list that follow from others, where most of them do not."""
LISTED = 4
"""Disagreeing figures that a sentence names."""


@dataclass(frozen=True)
class ModelAudit:
    """A stated model, its walk, the verdicts, and the parameters that its rows add up to."""

    model: StatedModel
    walked: Walked
    claims: tuple[Verdict, ...]
    cells: tuple[Cell, ...]
    params: int | None = None

    @property
    def trusted(self) -> bool:
        """Whether what it comes to can be held against sentences: blocks need not be all of a network."""
        return self.walked.windows > 0 and self.walked.understood and self.model.form != "blocks"


def audit_model(model: StatedModel, known: tuple[Cell, ...] = ()) -> ModelAudit:
    """All verdicts on a stated model; `known` are slips in settings that the document shows elsewhere."""
    walked = best_walk(model)
    backwards = turned_round(walked)
    walked = backwards or walked
    walked = replace(walked, slips=tuple(sorted((*known, *walked.slips), key=row_of_slip)))
    cells, claims = walk_findings(walked)
    if backwards:
        why = "each field is what one unit of the last row sees of that row's input"
        claims.append(Verdict("table", "from the last layer back", None, "convention", model.line, why))
    counts, more, total = count_findings(walked, {(cell.row, cell.column) for cell in cells})
    return ModelAudit(model, walked, (*claims, *more), (*cells, *counts), total)


def walk_findings(walked: Walked) -> tuple[list[Cell], list[Verdict]]:
    """The cells that are off by the walk, where enough of it can be believed, and its verdicts."""
    model, slips = walked.model, walked.slips
    mended = repaired(walked) if walked.windows and not walked.standalone else None
    believed = walked.understood or mended is not None
    if model.form == "code":  # its settings are what runs, however many comments are wrong
        sure = walked.begins_right or (model.ordered and not speaks_of_others(walked))
        believed = (believed or (model.followed and sure)) and order_known(walked)
    elif not believed:
        believed = all_stated(walked) and walked.checked >= FEWEST_CHECKED
    if mended:  # one story: what follows from it is inherited
        slips = tuple(replace(slip, kind="inherited") if place else slip for place, slip in enumerate(slips))
    wrong = believed and walked.windows > 0
    flat = {row.number for row in walked.rows if row.kind == "flat" and FLATTENS.search(row.name)}
    alone = model.form != "code" and not walked.windows  # units follow from the map, whatever made it
    units = [slip for slip in slips if alone and slip.column == "ch_out" and slip.row in flat]
    claims = [
        *window_claims(walked, mended[0] if mended else "", wrong),
        *(conventions(walked) if walked.windows else ()),
    ]
    if units:
        claims.append(Verdict("units", f"{len(walked.rows)} rows", None, "wrong", model.line, "see its cells"))
    return [*slips] if wrong else units, claims


def count_findings(walked: Walked, named: set[tuple[int | str, str]]) -> tuple[list[Cell], list[Verdict], int | None]:
    """The counts, channels and sums that are off beside what is named already, their verdicts, and what the rows add up
    to with those counts mended."""
    model, claims = walked.model, list[Verdict]()

    def say(quantity: str, stated: str, kind: VerdictKind, why: str = "see its cells") -> None:
        claims.append(Verdict(quantity, stated, None, kind, model.line, why))

    total = added(model)
    odd, good = count_slips(replace(model, axes=(walked.rows,)))  # its columns on their sides
    counts = [cell for cell in odd if cell.column == "params"]
    kernels = [cell for cell in odd if cell.column == "kernel_size" and (cell.row, cell.column) not in named]
    known = {*named, *((cell.row, cell.column) for cell in counts)}
    off = {row for row, _ in known}  # whose shape is no measure of its size
    derived = [cell for cell in sums(model) if cell.column != "volume" or cell.row not in off]
    extra = [cell for cell in [*derived, *spread_slips(model)] if (cell.row, cell.column) not in known]
    sizes = [row.cells[key] for row in walked.rows for key in ("n_in", "n_out") if key in row.cells]
    sized = len({*sizes}) > 1 and len(sizes) > MOST_SIZED and not any(s.column[0] == "n" for s in walked.slips)
    said, checked = said_slips(model, sized) if model.form == "code" else ([], 0)
    if extra:
        say("arithmetic", f"{len(extra)} cells", "wrong")
    if said:
        say("channels", f"{checked} counts", "wrong")
    stated = good + len(odd)
    if counts:
        say("row params", f"{stated} counts", "wrong")
    elif good and model.form == "table":
        say("row params", f"{stated} counts", "right", "each follows from its kernel and channels")
    if kernels:
        say("kernel_size", f"{stated} kernels", "wrong")
    mended = None if total is None else int(total + sum((c.computed or 0) - (c.stated or 0) for c in counts))
    claims += total_claims(model, total, mended)
    return [*counts, *kernels, *extra, *said], claims, mended


def sums(model: StatedModel) -> Iterator[Cell]:
    """The counts whose own arithmetic gives another figure, and the sizes of maps that are not their shapes'."""
    for number, line, column, stated, given in model.sums:
        why = "the product of its shape" if column == "volume" else "as the cell's own arithmetic has it"
        yield Cell(number, column, stated, given, "local", line, why)


def spread_slips(model: StatedModel) -> Iterator[Cell]:
    """Effective kernels that do not follow from kernel and dilation, where most do."""
    rows = [row for row in model.facts if {"effective", "kernel_size", "dilation"} <= row.cells.keys()]
    right = [row.cells["dilation"] * (row.cells["kernel_size"] - 1) + 1 for row in rows]
    amiss = [(row, n) for row, n in zip(rows, right, strict=True) if row.cells["effective"] != n]
    for row, n in amiss if 2 * len(amiss) < len(rows) else ():
        why = f"{row.cells['dilation']} * ({row.cells['kernel_size']} - 1) + 1"
        yield Cell(row.number, "effective", row.cells["effective"], n, "local", row.line, why)


def turned_round(walked: Walked) -> Walked | None:
    """The walk of rows that work the field out from the output back, r = (r - 1) * stride + kernel, in the order in
    which the layers run; None for any others. With pools the same figures come of the slip that a pool doubles it."""
    rows = [row for row in walked.rows if row.kind in WINDOWED]
    plain = walked.model.form != "code" and all(row.kind == "conv" for row in rows)
    if not plain or len(rows) < FEWEST_CHECKED or not any(slip.column == "r_out" for slip in walked.slips):
        return None
    r: Number = 1
    for row in rows:
        stated = [row.cells.get(key) for key in ("kernel_size", "stride", "r_out")]
        if (
            row.cells.get("dilation", 1) != 1
            or None in stated
            or row.cells["r_out"] != (r := (r - 1) * row.cells["stride"] + row.cells["kernel_size"])
        ):
            return None
    bare = [replace(row, cells={k: v for k, v in row.cells.items() if k not in NOTED}) for row in rows[::-1]]
    return rewalked(walked, [*bare[:-1], replace(bare[-1], cells={**bare[-1].cells, "r_out": r})])


def speaks_of_others(walked: Walked) -> bool:
    """Whether the figures of each layer fit the one above it or below it much better, or another reading of fields."""
    rows = walked.rows
    places = [place for place, row in enumerate(rows) if row.kind in WINDOWED]
    for by in (-1, 1):
        moved = list(rows)
        for place, other in zip(places, places[by:] + places[:by], strict=True):
            kept = {key: n for key, n in rows[place].cells.items() if key not in NOTED}
            kept |= {key: n for key, n in rows[other].cells.items() if key in NOTED}
            moved[place] = replace(rows[place], cells=kept)
        if 2 * len(rewalked(walked, moved).slips) <= len(walked.slips):
            return True
    return walked.standalone


def all_stated(walked: Walked) -> bool:
    """Whether each row states its kernel, the first field is right, and a later one is smaller than the row makes of
    the one stated in front of it, with the stated strides or none: no row that is left out explains that."""
    rows = [row for row in walked.rows if row.kind in WINDOWED and row.kind != "global"]
    fields = [row.cells.get("r_out") for row in rows]
    explicit = all("kernel_size" in row.cells for row in rows) and None not in fields
    if not rows or walked.standalone or not explicit or any(slip.row == rows[0].number for slip in walked.slips):
        return False
    j, short = 1, False
    for above, row in pairwise(rows):
        j *= int(above.cells.get("stride", 1))
        grown = row.cells["r_out"] - above.cells["r_out"]
        short = short or 0 <= grown < row.cells.get("dilation", 1) * (row.cells["kernel_size"] - 1) * j
    return short


def order_known(walked: Walked) -> bool:
    """Whether layers in code run in the order in which they stand: `forward` says so, comments on every layer that has
    a window state what comes out of it, or nearly all the figures follow from each other."""
    bare = not walked.model.title and all(row.name == row.torch for row in walked.rows)  # what stands in a sequence
    if walked.model.ordered or bare or not walked.model.followed:
        return walked.model.followed
    last = max((place for place, row in enumerate(walked.rows) if "r_out" in row.cells), default=0)
    known = [row for row in walked.rows[: last + 1] if row.kind in WINDOWED]
    every = all("r_out" in row.cells for row in known) and len(known) > 1
    sized = all({"n_out", "r_out"} & row.cells.keys() for row in walked.rows if row.kind in WINDOWED)
    return every or len(walked.slips) * (MOST_SIZED if sized else MOST_AGREE) <= walked.checked


def window_claims(walked: Walked, mended: str, wrong: bool) -> Iterator[Verdict]:
    """One verdict on the walk as a whole."""
    model, rows = walked.model, walked.rows
    what = {"code": "code comments", "list": "list of layers", "blocks": "list of blocks", "listing": "listing"}.get(
        model.form, "table"
    )
    noted = sum(any(key in row.cells for key in NOTED) for row in rows)
    lines = len({row.number for row in rows}) if model.form == "table" else len(rows)
    stated = f"{noted} layers" if model.form == "code" else f"{lines} rows"
    if noted or (model.form != "code" and any(map(model.states, "njr"))) or (wrong and walked.slips):
        kind, computed, why = walk_verdict(walked, mended, wrong)
        yield Verdict(what, stated, computed, kind, model.line, why)


def walk_verdict(walked: Walked, mended: str, wrong: bool) -> tuple[VerdictKind, str | None, str]:
    """The verdict on a walk, what is off in all, and the reason."""
    slips, local = len(walked.slips), len(walked.local)
    if not walked.windows:
        return "undetermined", None, "no kernel or stride is stated: nothing to compute with"
    if not walked.checked:
        return "undetermined", None, "no figure follows from another: nothing to compute with"
    if not slips:
        return "right", None, f"all {walked.checked} figures that follow from others agree"
    if not wrong:
        off = "; ".join(f"row {s.row} {s.column} {s.stated}, not {s.computed}" for s in walked.local[:LISTED])
        return "undetermined", None, f"{slips} of {walked.checked} figures do not follow from the others ({off})"
    if mended:
        return "wrong", f"1 slip, {slips - 1} inherited", f"with {mended} all {len(walked.rows)} rows are right"
    return "wrong", f"{local} slip{'s' if local != 1 else ''}, {slips - local} inherited", "see its cells"


def conventions(walked: Walked) -> Iterator[Verdict]:
    """The ways of counting that a model follows, each named."""
    reading, line = walked.reading, walked.model.line

    def convention(stated: str, why: str) -> Verdict:
        return Verdict("table", stated, None, "convention", line, why)

    if reading.start == "zero":
        yield convention("fields count from 0", "each field is 1 more when counted in pixels")
    if reading.start == "stated":
        yield Verdict("table", "first row", None, "undetermined", line, "it continues from layers that are not shown")
    if reading.ignores_pool:
        why = "global pooling sees the whole map; the table leaves the field as it is in front of it"
        yield convention("global pooling", why)
    if reading.rounds_up:
        yield convention("sizes", "sizes that do not divide are rounded up; torch's convolutions round down")
    yield from (convention("jumps" if "jump" in way else "sizes", way) for way in walked.ways)
    if reading.effective:
        yield convention("kernels", "kernels are stated with their dilation in them")
    for column, meant in reading.sides:
        quantity = HEADED.get(column.partition("_")[0], column)
        rows = [row for row in walked.rows if meant in row.cells]
        if column[:2] == "ch" and meant[0] == "n":
            yield convention("channel column", f"the column headed {column} holds sizes")
        if not rows or column[0] not in "jr":
            continue
        if meant.endswith("_in") and len(column) == 1:
            yield convention(f"{quantity} column", f"it lags a row: each {quantity} is the one that comes in")
        elif len(column) > 1 and column != meant:
            side = "comes in" if meant.endswith("_in") else "goes out"
            places = [(place, row) for place, row in enumerate(walked.rows) if meant in row.cells]
            told = next((pair for pair in places if differs(walked, pair[0], meant)), None)
            own = walked.trail[told[0]][column.endswith("out")][meant[0]] if told else None
            other = f"; row {told[1].number}'s own is {own}" if told else ""
            yield convention(f"{quantity} column", f"the column headed {column} holds what {side}{other}")


def differs(walked: Walked, place: int, column: str) -> bool:
    before, after = walked.trail[place]
    return before[column[0]] != after[column[0]]


def total_claims(model: StatedModel, total: int | None, mended: int | None) -> Iterator[Verdict]:
    """A row of totals against the sum of the rows above it."""
    if model.total is None or total is None:
        return
    stated = model.total
    fits = next((n for n in (total, mended) if n is not None and stated.allows(n)), None)
    if not fits and model.outs and stated.allows(total + model.outs):
        why = f"the rows add up to {total:,} and have {model.outs:,} outputs, a bias for each"
        yield Verdict("params", int(stated.value), total + model.outs, "convention", stated.line, why)
        return
    kind: VerdictKind = "right" if fits else "undetermined" if stated.hardly(total) else "wrong"
    shown = int(stated.value) if stated.step == 1 else stated.stated
    yield Verdict("params", shown, fits or mended, kind, stated.line, f"the rows add up to {fits or total:,}")
