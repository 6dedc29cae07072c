"""A printed summary against itself: the rows, their counts, the totals and the sizes in MB."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import prod

from ...engine.arch import Row
from ...report.counting import biases, counted
from ...spec.stated import Stated
from ..infer.candidates import candidates
from ..infer.image import MEGA, MIB, ROUNDED
from ..infer.inference import Inference
from ..infer.priors import Prior, Shape
from ..infer.states import Item, impossible, items_of
from ..read.facts import LayerFact, StatedModel
from ..read.printout import Printout
from ..read.rows import PrintedRow
from .tables import audit_model
from .verdict import Cell, Kind, Verdict

USUAL, ODD = 1.3, 2.5
"""A layer at most this unusual is as expected; one more unusual by that much is suspicious."""


@dataclass
class SummaryAudit:
    """The verdicts on one summary; `params` is the total that the evidence supports, None where it is open."""

    printout: Printout
    inference: Inference | None
    claims: list[Verdict] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    params: int | None = None
    complete: bool = False


def audit_summary(printout: Printout, inference: Inference | None, image: tuple[int, ...] | None) -> SummaryAudit:
    """All verdicts on a summary. `image` is the input's shape where it is known for certain."""
    audit = SummaryAudit(printout, inference)
    items = items_of(printout.rows)
    audit.complete = bool(items)
    if items:
        audit.complete = numbering(audit) and not cut_short(audit, items) and not used_again(printout.rows)
        counts(audit, items)
    totals(audit, items)
    sizes(audit, items, image)
    multiply_adds(audit)
    further_columns(audit)
    if any(cell.column == "params" for cell in audit.cells):
        say(audit, "row params", f"{len(items)} counts", None, "wrong", printout.line, "see its cells")
    return audit


def say(audit: SummaryAudit, quantity: str, stated: object, computed: object, kind: Kind, line: int, why: str) -> None:
    audit.claims.append(Verdict(quantity, stated, computed, kind, line, why))


# --- rows --------------------------------------------------------------------------------------------------------


def numbering(audit: SummaryAudit) -> bool:
    """Rows missing or repeated in the printed numbering; whether none is missing."""
    rows, gaps = audit.printout.rows, audit.printout.gaps
    numbers = [row.index for row in rows if isinstance(row.index, int)]
    if len(numbers) < len(rows):
        return not gaps and tree_complete(rows)
    line, stated = audit.printout.line, f"{len(rows)} rows"
    counted = Counter(numbers)
    repeated = sorted(number for number, times in counted.items() if times > 1)
    missing = [number for number in range(1, max(numbers) + 1) if number not in counted] if max(numbers) < 10**6 else []
    cut = missing and missing == list(range(1, len(missing) + 1))
    if repeated:
        at = next(row.line for row in rows if row.index == repeated[0])
        say(audit, "rows", stated, None, "wrong", at, f"{listed_numbers(repeated)} printed more than once")
    if missing and (gaps or (cut and not audit.printout.headed)):
        why = f"{listed_numbers(missing)} left out" + (f" around line {gaps[0]}" if gaps else "")
        say(audit, "rows", stated, None, "undetermined", line, why)
    elif len(missing) > 1 and not repeated:
        say(audit, "rows", stated, None, "undetermined", line, f"{listed_numbers(missing)} left out")
    elif missing:
        after = next((row.line for row in reversed(rows) if int(row.index) < missing[0]), line)
        say(audit, "rows", stated, None, "wrong", after, f"{listed_numbers(missing)} missing from the numbering")
    elif not repeated:
        why = f"numbered from 1 to {max(numbers)}, none missing or repeated"
        say(audit, "rows", stated, len(numbers), "right", line, why)
    return not missing and not gaps


def tree_complete(rows: Sequence[PrintedRow]) -> bool:
    """Whether the numbers of a tree, such as 2-9, run without a gap at each depth."""
    pairs = {tuple(map(int, str(row.index).split("-"))) for row in rows if re.fullmatch(r"\d+-\d+", str(row.index))}
    return all(place == 1 or (depth, place - 1) in pairs for depth, place in pairs)


def cut_short(audit: SummaryAudit, items: list[Item]) -> bool:
    """Whether rows are missing at the end: two totals that no one slip joins, of counts and of values, say more than
    the rows that stand there."""
    stated, values = (
        audit.printout.totals,
        sum(item.shape.elements * abs(item.row.batch) for item in items if item.shape),
    )
    if not {"params", "pass_mb"} <= stated.keys() or audit.printout.style != "torchsummary":
        return False
    counted = sum(item.params + item.row.moving for item in items)
    more = stated["params"].value > counted and stated["pass_mb"].value > 2 * values * 4 / MIB + ROUNDED
    if more:
        why = "the totals count more parameters and more values than the rows: some are left out"
        say(audit, "rows", f"{len(items)} rows", None, "undetermined", audit.printout.rows[-1].line, why)
    return more


def used_again(rows: Sequence[PrintedRow]) -> bool:
    """Whether a row counts nothing since its layer was printed before, and it was not: a depth limit hides it."""
    printed = {row.type for row in rows if not row.recursive and row.params is not None}
    return any(row.recursive and row.type not in printed for row in rows)


def listed_numbers(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:6])) + (f" and {len(numbers) - 6} more" if len(numbers) > 6 else "")
    return f"row {shown} is" if len(numbers) == 1 else f"rows {shown} are"


def counts(audit: SummaryAudit, items: list[Item]) -> None:
    """Counts that no layer of the printed class and shape can have."""
    found = 0
    buffered = audit.printout.style != "keras" and any(item.row.moving for item in items)
    if buffered:
        why = "norms are counted with their running mean and variance, which torch's summaries leave out"
        say(audit, "row params", f"{len(items)} counts", None, "convention", audit.printout.line, why)
    for item in items:
        right = impossible(item)
        if right is not None:
            found += 1
            computed, why = right
            mended = nearest(audit, item) if computed is None else computed + item.row.moving
            stated = item.params + item.row.moving
            audit.cells.append(Cell(item.row.index, "params", stated, mended, "local", item.row.line, why))
    if not found and not buffered:
        why = "each count is one that a layer of its class and shape can have"
        say(audit, "row params", f"{len(items)} counts", None, "right", audit.printout.line, why)


def nearest(audit: SummaryAudit, item: Item) -> int | None:
    """The count that a usual layer of the class and shape has after the row above, where one differs from the printed
    one by a slip of the pen only: a digit, or two exchanged."""
    given, out = given_to(audit, item), item.shape
    if given is None or out is None:
        return None
    found: set[int] = set()
    if item.op == "linear":
        found = {out.channels * (given.elements + bias) for bias in (0, 1)}
    elif item.op == "conv" and given.sizes and out.sizes:
        found = {k**2 * given.channels * out.channels + bias * out.channels for k in (1, 3, 5, 7) for bias in (0, 1)}
        found = {n for n in found if (cost := cost_of(audit, item, n)) is not None and cost <= USUAL}
    near = [n for n in found if one_slip(str(n), str(item.params))]
    return near[0] if len(near) == 1 else None


def one_slip(right: str, printed: str) -> bool:
    """Whether two figures differ in one digit, or by two digits exchanged."""
    if len(right) != len(printed):
        return abs(len(right) - len(printed)) == 1 and (right in printed or printed in right)
    off = [place for place, (a, b) in enumerate(zip(right, printed, strict=True)) if a != b]
    swapped = len(off) == 2 and right[off[0]] == printed[off[1]] and right[off[1]] == printed[off[0]]
    return len(off) == 1 or swapped


COUNTED = ("params", "trainable", "non_trainable")


# --- totals ------------------------------------------------------------------------------------------------------


def totals(audit: SummaryAudit, items: list[Item]) -> None:
    """The stated totals against the sum of the rows and against each other."""
    stated = {key: int(total.value) for key, total in audit.printout.totals.items() if key in COUNTED}
    lines = {key: total.line for key, total in audit.printout.totals.items()}
    total, added = stated.get("params"), sum(item.params + item.row.moving for item in items if not item.row.recursive)
    parts = stated["trainable"] + stated["non_trainable"] if {"trainable", "non_trainable"} <= stated.keys() else None
    settle_rows(audit, items, total, added, parts)
    if total is None:
        audit.params = added if audit.complete and not audit.cells else None
        return
    rows_right = added + sum(map(correction, audit.cells))
    if not items:
        audit.params = total
        if parts is not None:
            kind: Kind = "right" if parts == total else "wrong"
            say(audit, "params", total, parts, kind, lines["params"], "trainable and non-trainable parameters together")
        return
    unknown = any(cell.computed is None for cell in audit.cells)
    say_total(audit, total, added, int(rows_right), parts, unknown, lines["params"])
    if parts is not None and audit.params is not None:
        say_parts(audit, stated["trainable"], stated["non_trainable"], lines)


def correction(cell: Cell) -> int:
    """What mending a count adds to the sum; 0 where the right one is unknown."""
    return 0 if cell.computed is None else int(cell.computed - (cell.stated or 0))


def say_parts(audit: SummaryAudit, trainable: int, fixed: int, lines: dict[str, int]) -> None:
    """The verdict on trainable and non-trainable parameters, which make up the total."""
    total = audit.params or 0
    why = f"{total:,} in all less {fixed:,} non-trainable = {total - fixed:,}"
    if trainable + fixed == total:
        say(audit, "trainable params", trainable, trainable, "right", lines["trainable"], why)
    elif fixed == 0:
        say(audit, "trainable params", trainable, total, "wrong", lines["trainable"], why)
    elif trainable == total:
        why = f"all {total:,} are trainable"
        say(audit, "non-trainable params", fixed, 0, "wrong", lines["non_trainable"], why)
    else:
        why = f"{trainable:,} and {fixed:,} add up to {trainable + fixed:,}, not to {total:,}: one of the two is wrong"
        say(audit, "trainable and non-trainable params", trainable + fixed, total, "wrong", lines["trainable"], why)


def say_total(
    audit: SummaryAudit, total: int, added: int, rows_right: int, parts: int | None, unknown: bool, line: int
) -> None:
    """The verdict on the total, and what it leaves for the network's number of parameters."""
    count = len(audit.printout.rows)
    if total in (added, rows_right) and not unknown:
        audit.params = total
        with_slips = ", the slips above mended" if total != added else ""
        say(audit, "params", total, total, "right", line, f"the {count} rows add up to {total:,}{with_slips}")
    elif not audit.complete:
        why = f"the rows that are printed add up to {added:,}; those left out would have {total - added:,}"
        say(audit, "params", total, None, "undetermined", line, why)
    elif unknown:
        why = f"the rows add up to {added:,}, one of them wrong by itself"
        say(audit, "params", total, None, "undetermined", line, why)
    elif repeated_explain(audit, total, added):
        audit.params = total
        why = f"the rows add up to {added:,} with the repeated ones counted twice"
        say(audit, "params", total, total, "right", line, why)
    elif parts == total:
        why = f"the rows add up to {added:,}, the totals say {total:,}: a row's count is wrong, or the totals are"
        say(audit, "sum of rows", total, added, "wrong", line, why)
    else:
        audit.params = added if parts == added else None
        why = f"the {count} rows add up to {added:,}" + (
            ", and so do trainable and non-trainable parameters" if parts == added else "; the total or a row is wrong"
        )
        say(audit, "params", total, added, "wrong", line, why)


def repeated_explain(audit: SummaryAudit, total: int, added: int) -> bool:
    """Whether the total is the sum with rows of one number counted once."""
    once: dict[object, int] = {}
    for row in audit.printout.rows:
        once.setdefault(row.index, row.params or 0)
    return sum(once.values()) == total != added


def settle_rows(audit: SummaryAudit, items: list[Item], total: int | None, added: int, parts: int | None) -> None:
    """Names the one row whose count must be the slip: where the total is confirmed, and mending that row by the
    difference turns an unusual layer, or an impossible count, into a usual one."""
    if total is None or total == added or not audit.complete or (parts is not None and parts != total):
        return
    known = {cell.row: cell for cell in audit.cells}
    missing = total - added - sum(map(correction, audit.cells))
    if not missing:
        return
    open_cells = [cell for cell in audit.cells if cell.computed is None]
    suspects = [item for item in items if len(open_cells) == 1 and item.row.index == open_cells[0].row]
    if suspects and impossible(suspects[0]._replace(params=suspects[0].params + int(missing))):
        suspects = []
    items = [] if suspects else items
    for item in items:
        cell = known.get(item.row.index)
        if (open_cells and cell not in open_cells) or (cell and cell.computed is not None):
            continue
        cost, mended = cost_of(audit, item, item.params), cost_of(audit, item, item.params + int(missing))
        if mended is not None and mended <= USUAL and (cost is None or cost > mended + ODD):
            suspects.append(item)
    if len(suspects) != 1:
        return
    item = suspects[0]
    right = item.params + item.row.moving + missing
    why = f"with {right:,} the rows add up to the total" + (", and the layer is a usual one" if items else "")
    audit.cells[:] = [cell for cell in audit.cells if cell.row != item.row.index]
    stated = item.params + item.row.moving
    audit.cells.append(Cell(item.row.index, "params", stated, right, "local", item.row.line, why))


def cost_of(audit: SummaryAudit, item: Item, params: int) -> float | None:
    """How unusual the likeliest layer with that count is after the row above it; None where none fits."""
    if item.op is None or item.shape is None or params < 0:
        return None
    given = given_to(audit, item)
    found = candidates(item.row.type, given, item.shape, params, Prior()) if given else ()
    return found[0].cost if found else None


def given_to(audit: SummaryAudit, item: Item) -> Shape | None:
    """The map that the row above prints, or the image."""
    rows = audit.printout.rows
    above = rows[item.place - 2].shape if 1 < item.place <= len(rows) else None
    image = audit.inference.image if audit.inference else None
    return Shape(above[0], above[1:]) if above else image if item.place == 1 else None


# --- sizes in MB -------------------------------------------------------------------------------------------------


def sizes(audit: SummaryAudit, items: list[Item], image: tuple[int, ...] | None) -> None:
    """The sizes in MB: four bytes a value, outputs counted twice for the backward pass."""
    exact = {key: size for key in SIZES if (size := size_of(key, audit, items, image)) is not None}
    stated = {key: total for key, total in audit.printout.totals.items() if key in SIZES}
    for key, total in stated.items():
        if key == "total_mb":
            continue
        if key not in exact:
            say(audit, SIZES[key], total.text, None, "undetermined", total.line, "not all of what it counts is printed")
            continue
        fits_ = abs(exact[key][0] - total.value) <= ROUNDED
        kind: Kind = "right" if fits_ else "wrong" if exact[key][1] else "undetermined"
        say(audit, SIZES[key], total.text, round(exact[key][0], 4), kind, total.line, exact[key][2])
    if "total_mb" in stated:
        whole_size(audit, exact)


def whole_size(audit: SummaryAudit, exact: dict[str, tuple[float, bool, str]]) -> None:
    """The estimated total: from exact parts where all are known, else from the stated ones, each rounded."""
    total, parts = audit.printout.totals["total_mb"], ("input_mb", "pass_mb", "params_mb")
    if all(key in exact and exact[key][1] for key in parts):
        size = sum(exact[key][0] for key in parts)
        kind: Kind = "right" if abs(size - total.value) <= ROUNDED else "wrong"
        say(audit, SIZES["total_mb"], total.text, round(size, 4), kind, total.line, "the three sizes together")
    elif all(key in audit.printout.totals for key in parts):
        size = sum(audit.printout.totals[key].value for key in parts)
        near = abs(size - total.value) <= 4 * ROUNDED
        kind = (
            "right" if near else "wrong" if all(key not in exact or exact[key][1] for key in parts) else "undetermined"
        )
        say(audit, SIZES["total_mb"], total.text, round(size, 2), kind, total.line, "the three stated sizes together")
    else:
        say(audit, SIZES["total_mb"], total.text, None, "undetermined", total.line, "its parts are not all printed")


SIZES = {
    "input_mb": "input size (MB)",
    "pass_mb": "forward/backward pass size (MB)",
    "params_mb": "params size (MB)",
    "total_mb": "estimated total size (MB)",
}


def size_of(
    key: str, audit: SummaryAudit, items: list[Item], image: tuple[int, ...] | None
) -> tuple[float, bool, str] | None:
    """A size in MB, whether it is certain, and the arithmetic; None where it cannot be told."""
    info = audit.printout.style == "torchinfo"
    unit, name = (MEGA, "1,000,000") if info else (MIB, "1,048,576")
    batch = abs(audit.printout.rows[0].batch) if items else 1
    if key == "params_mb" and audit.params is not None:
        return audit.params * 4 / unit, not info, f"{audit.params:,} * 4 / {name}"
    if key == "input_mb":
        guess = audit.inference.image if audit.inference else None
        shape = image or ((guess.channels, *guess.sizes) if guess else None)
        if shape:
            shown = " * ".join(map(str, shape))
            return prod(shape) * batch * 4 / unit, image is not None, f"{shown} * 4 / {name}"
    if key == "pass_mb" and items and audit.complete and all(item.shape for item in items):
        counted = [row for row in audit.printout.rows if not info or (row.first is None and row.params)]
        values = sum(prod(row.shape or ()) * abs(row.batch) for row in counted)
        sure = not info and not repeated(audit.printout.rows) and ordinary(audit.inference)
        return 2 * values * 4 / unit, sure, f"2 * {values:,} values * 4 / {name}"
    return None


def repeated(rows: tuple[PrintedRow, ...]) -> bool:
    return len({row.index for row in rows}) < len(rows)


def ordinary(inference: Inference | None) -> bool:
    """Whether the rows make sense as they stand, so that no printed shape need be a slip."""
    return (
        inference is not None
        and inference.ok
        and all(d.candidate and d.candidate.cost < 5.0 for d in inference.decisions)
    )


def multiply_adds(audit: SummaryAudit) -> None:
    """The total of multiply-adds, as torchinfo counts them: for a whole batch, in one of its versions' ways."""
    total, arch = audit.printout.totals.get("mult_adds"), audit.inference.arch if audit.inference else None
    if total is None:
        return
    count = counted(arch.rows, "torchinfo") if arch else None
    if arch is None or count is None:
        say(audit, "mult-adds", total.text, None, "undetermined", total.line, "not all rows are explained")
        return
    batch = abs(audit.printout.rows[0].batch)
    ways = [count * batch, *older_counts(arch.rows, batch)]
    fits_ = any(Stated.of(total.text).agrees(way) for way in ways)
    known = audit.complete and audit.params == arch.params and ordinary(audit.inference)
    kind: Kind = "right" if fits_ else "wrong" if known else "undetermined"
    why = "each convolution's parameters at each place of its output, each other layer's once"
    say(audit, "mult-adds", total.text, count * batch, kind, total.line, why)


def older_counts(rows: Sequence[Row], batch: int) -> Iterator[int]:
    """The total as older versions count it: without biases, and the batch for convolutions only, or not at all."""
    convs = [row for row in rows if row.layer.op.startswith("conv")]
    others = [row for row in rows if not row.layer.op.startswith("conv")]
    for biased in (True, False):
        each = sum((row.params - (not biased) * biases([row])) * prod(row.out.sizes) for row in convs)
        once = sum(row.params - (not biased) * biases([row]) for row in others)
        yield from (each * batch + once * batch, each * batch + once, each + once)


# --- further columns ---------------------------------------------------------------------------------------------


def further_columns(audit: SummaryAudit) -> None:
    """Fields, jumps and sizes that a print states in columns of its own, row by row, with the settings inferred."""
    inference = audit.inference
    if inference is None or not inference.ok or not any(row.stated for row in audit.printout.rows):
        return
    facts: list[LayerFact] = []
    for decision in inference.decisions:
        row, candidate = decision.item.row, decision.candidate
        if candidate is None:
            return
        known = {k: v for k in ("kernel_size", "stride", "dilation") if isinstance(v := candidate[k], int)}
        kinds = {"global": "global", "adaptive": "global", "max_pool": "pool", "avg_pool": "pool"}
        kind = next((kind for word, kind in kinds.items() if candidate.op.startswith(word)), "pointwise")
        kind = "conv" if candidate.op == "conv" else kind
        known |= {"stride": known["kernel_size"]} if kind == "pool" and "stride" not in known else {}
        number = row.index if isinstance(row.index, int) else len(facts) + 1
        facts.append(LayerFact(number, row.line, row.label, kind, {**known, **dict(row.stated)}))
    found = audit_model(StatedModel("table", audit.printout.line, (tuple(facts),)))
    audit.claims += found.claims
    audit.cells += found.cells
