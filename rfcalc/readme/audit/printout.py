"""A printed summary against itself: the rows, their counts, the totals and the sizes in MB."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

from ...report.counting import counted
from ...report.torchsummary import BYTES, MEGA, MIB
from ...spec.stated import Stated
from ..infer.candidates import candidates
from ..infer.costs import ROUNDED
from ..infer.inference import Inference, Unexplained
from ..infer.priors import Candidate, Prior, Shape
from ..infer.states import Item, impossible, items_of
from ..read.facts import LayerFact, StatedModel
from ..read.printout import Printout
from ..read.rows import PrintedRow
from .counts import older_counts
from .shapes import USUAL_COST
from .tables import audit_model
from .verdict import Cell, Verdict, VerdictKind

ODD = 2.5
"""A layer that is more unusual than a usual one by that much is suspicious."""
MOST_UNUSUAL = 9.0
"""Rows that are all less unusual than this make sense as they stand."""
MOST_ROWS = 10**6
"""Numbers beyond this are no count of rows."""
SIZES = {
    "input_mb": "input size (MB)",
    "pass_mb": "forward/backward pass size (MB)",
    "params_mb": "params size (MB)",
    "total_mb": "estimated total size (MB)",
}
PARTS = tuple(SIZES)[:3]


class Megabytes(NamedTuple):
    """A size worked out, whether it is certain, the arithmetic, and how far rounding may take a stated one from it."""

    value: float
    certain: bool
    why: str
    slack: float = ROUNDED


@dataclass
class SummaryAudit:
    """One summary being judged, and its verdicts; `image` is the input's shape where it is known for certain, `shapes`
    the printed ones that are mended in it, `params` the total that the evidence supports, None where it is open."""

    printout: Printout
    inference: Inference | None
    image: tuple[int, ...] | None = None
    shapes: tuple[Cell, ...] = ()
    claims: list[Verdict] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    params: int | None = None
    complete: bool = False

    def __post_init__(self) -> None:
        self.items = items_of(self.printout.rows)
        self.added = sum(stated_count(item) for item in self.items if not item.row.recursive)

    def judge(self) -> SummaryAudit:
        """All verdicts, the rows first, for the totals depend on them."""
        if self.items:
            self.complete = self.numbered() and not self.cut_short() and not used_again(self.printout.rows)
            self.counts()
        self.totals()
        self.sizes()
        self.multiply_adds()
        self.further_columns()
        if any(cell.column == "params" for cell in self.cells):
            self.say("row params", f"{len(self.items)} counts", None, "wrong", self.printout.line, "see its cells")
        self.unexplained()
        if self.shapes:
            self.say("row shapes", f"{len(self.items)} shapes", None, "wrong", self.printout.line, "see its cells")
            self.cells += self.shapes
        return self

    def say(self, quantity: str, stated: object, computed: object, kind: VerdictKind, line: int, why: str) -> None:
        self.claims.append(Verdict(quantity, stated, computed, kind, line, why))

    # --- rows ----------------------------------------------------------------------------------------------------

    def numbered(self) -> bool:
        """Rows missing or repeated in the printed numbering; whether none is missing."""
        rows, gaps, line = self.printout.rows, self.printout.gaps, self.printout.line
        numbers = [row.index for row in rows if isinstance(row.index, int)]
        if len(numbers) < len(rows):
            return not gaps and tree_complete(rows)
        types: dict[int, set[str]] = {}
        for row in rows:
            types.setdefault(int(row.index), set()).add(row.type)
        shared, last = sum(len(found) > 1 for found in types.values()), max(numbers)
        if shared > 1 or (shared and len(types) == last):  # each class is numbered by itself
            return not gaps
        repeated = sorted(number for number, times in Counter(numbers).items() if times > 1)
        missing = sorted(set(range(1, last + 1)).difference(numbers)) if last < MOST_ROWS else []
        begins_late = missing == list(range(1, len(missing) + 1)) and not self.printout.headed
        stated = f"{len(rows)} rows"
        if repeated:
            at = next(row.line for row in rows if row.index == repeated[0])
            self.say("rows", stated, None, "wrong", at, f"{listed_numbers(repeated)} printed more than once")
        if missing and (gaps or begins_late or (len(missing) > 1 and not repeated)):
            why = f"{listed_numbers(missing)} left out" + (f" around line {gaps[0]}" if gaps else "")
            self.say("rows", stated, None, "undetermined", line, why)
        elif missing:
            after = next((row.line for row in reversed(rows) if int(row.index) < missing[0]), line)
            self.say("rows", stated, None, "wrong", after, f"{listed_numbers(missing)} missing from the numbering")
        elif not repeated:
            why = f"numbered from 1 to {last}, none missing or repeated"
            self.say("rows", stated, len(numbers), "right", line, why)
        return not missing and not gaps

    def cut_short(self) -> bool:
        """Whether rows are missing at the end: two totals that no one slip joins, of counts and of values, say more
        than the rows that stand there."""
        stated = self.printout.totals
        if not {"params", "pass_mb"} <= stated.keys() or self.printout.style != "torchsummary":
            return False
        values = sum(item.shape.elements * abs(item.row.batch) for item in self.items if item.shape)
        counts = sum(map(stated_count, self.items))
        more = stated["params"].value > counts and stated["pass_mb"].value > 2 * values * BYTES / MIB + ROUNDED
        if more:
            why = "the totals count more parameters and more values than the rows: some are left out"
            rows = self.printout.rows
            self.say("rows", f"{len(rows)} rows", None, "undetermined", rows[-1].line, why)
        return more

    def counts(self) -> None:
        """Counts that no layer of the printed class and shape can have."""
        for item in self.items:
            if found := impossible(item):
                computed, why = found
                if item.row.moving and computed == item.row.moving and self.norms_only_shift:
                    computed, why = computed // 2, "the other norms have one figure and two statistics a channel"
                right = self.nearest(item) if computed is None else computed + item.row.moving
                self.cells.append(slip(item, right, why))
        stated, line = f"{len(self.items)} counts", self.printout.line
        if self.printout.style != "keras" and any(item.row.moving for item in self.items):
            why = "norms are counted with their running mean and variance, which torch's summaries leave out"
            self.say("row params", stated, None, "convention", line, why)
        elif not self.cells:
            why = "each count is one that a layer of its class and shape can have"
            self.say("row params", stated, None, "right", line, why)

    @property
    def norms_only_shift(self) -> bool:
        """Whether more of Keras' norms leave out their scale, or their shift, than have both."""
        norms = [item for item in self.items if item.row.moving]
        return sum((2 * item.params == item.row.moving) - (item.params == item.row.moving) for item in norms) > 0

    def nearest(self, item: Item) -> int | None:
        """The count that a usual layer of the class and shape has after the row above, where one differs from the
        printed one by a slip of the pen only: a digit, or two exchanged."""
        given, out = self.given_to(item), item.shape
        if given is None or out is None:
            return None
        found: set[int] = set()
        if item.op == "linear":
            units = out.sizes[-1] if out.sizes else out.channels  # on a map, of each place alone
            taken = {given.channels, *given.sizes[-1:]} if out.sizes else {given.elements}
            found = {units * (n + bias) for n in taken for bias in (0, 1)}
        elif item.op == "conv" and given.sizes and out.sizes:
            found = {out.channels * (k**2 * given.channels + bias) for k in (1, 3, 5, 7) for bias in (0, 1)}
            found = {n for n in found if self.fits(item, n)}
        near = [n for n in found if one_slip(str(n), str(item.params))]
        return near[0] if len(near) == 1 else None

    def layer_of(self, item: Item, params: int) -> Candidate | None:
        """The likeliest layer with that count after the row above it; None where none fits."""
        given = self.given_to(item)
        if item.op is None or item.shape is None or params < 0 or not given:
            return None
        maps = [given]
        if item.op == "linear" and given.sizes:  # a pool that prints no row may stand between
            maps += [Shape(given.channels, (side,) * len(given.sizes)) for side in range(1, min(given.sizes))]
        found = (candidates(item.row.type, one, item.shape, params, Prior()) for one in maps)
        return next((layers[0] for layers in found if layers), None)

    def given_to(self, item: Item) -> Shape | None:
        """The map that the row above prints, or the image."""
        if item.place == 1:
            return self.inference.image if self.inference else None
        above = self.printout.rows[item.place - 2].shape
        return Shape(above[0], above[1:]) if above else None

    def unexplained(self) -> None:
        """Rows that no layer explains, those of one class and reason together, unless their count is a slip already
        named."""
        named = {cell.row for cell in self.cells}
        alike: dict[tuple[str, str], list[Unexplained]] = {}
        for row in self.inference.unexplained if self.inference else ():
            if row.row not in named:
                key = row.label.rpartition("-")[0], re.sub(r"\d[\d,x]*", "", row.why)
                alike.setdefault(key, []).append(row)
        for first, *more in alike.values():
            stated = first.label + (f" and {len(more)} more" if more else "")
            self.say("row", stated, None, "undetermined", first.line, first.why)

    # --- totals --------------------------------------------------------------------------------------------------

    def totals(self) -> None:
        """The stated totals against the sum of the rows and against each other."""
        keys = ("params", "trainable", "non_trainable")
        total, trainable, fixed = (int(t.value) if (t := self.printout.totals.get(key)) else None for key in keys)
        parts = None if trainable is None or fixed is None else trainable + fixed
        states = int(t.value) if (t := self.printout.totals.get("optimizer")) else 0
        if total is not None and states and total == (parts or self.added) + states:  # as Keras 3 prints a model in use
            why = f"{total - states:,} and the optimizer's {states:,}"
            self.say("params", total, total, "right", self.printout.totals["params"].line, why)
            total -= states
        if total is None:
            self.params = self.added if self.complete and not self.cells else None
            return
        line = self.printout.totals["params"].line
        if self.items:
            self.complete = self.complete and not (total > self.added and keras_gaps(self.printout.rows))
            if parts in (None, total):
                self.settle_rows(total, parts == total)
            self.say_total(total, parts, line)
            if trainable is not None and fixed is not None and self.params is not None:
                self.say_parts(trainable, fixed)
        else:
            self.params = total
            if parts is not None:
                kind: VerdictKind = "right" if parts == total else "wrong"
                self.say("params", total, parts, kind, line, "trainable and non-trainable parameters together")

    @property
    def mended(self) -> int:
        """The sum of the rows with the slips mended whose right count is known."""
        known = [(cell.computed, cell.stated or 0) for cell in self.cells if cell.computed is not None]
        return self.added + sum(int(right - stated) for right, stated in known)

    def settle_rows(self, total: int, confirmed: bool) -> None:
        """Names the one row whose count must be the slip: where mending that row by what the total has more turns an
        unusual layer, or an impossible count, into a usual one; or, the total being confirmed, a layer with a bias
        where no other has one into one without, or what no layer can be into one."""
        missing = total - self.mended
        if not missing or total == self.added or not self.complete:
            return
        open_rows = {cell.row for cell in self.cells if cell.computed is None}
        known = {cell.row for cell in self.cells} - open_rows
        mendable = [item for item in self.items if item.row.index in (open_rows or {item.row.index} - known)]
        suspects, usual = mendable, ""
        if len(open_rows) != 1 or any(impossible(item._replace(params=item.params + missing)) for item in mendable):
            usual = ", and the layer is a usual one"
            mended = [item for item in mendable if self.fits(item, item.params + missing)]
            suspects = [item for item in mended if not self.fits(item, item.params, USUAL_COST + ODD)]
            if confirmed and not suspects:
                suspects = [item for item in mended if self.stands_out(item, missing)]
                suspects = suspects or [item for item in mendable if self.fits_only(item, item.params + missing)]
        if len(suspects) != 1:
            return
        item = suspects[0]
        whole = [one for one in self.items if one.row.line == item.row.line]  # of a separable convolution two rows
        stated, right = (sum(map(stated_count, whole)) + more for more in (0, missing))
        self.cells = [cell for cell in self.cells if cell.row != item.row.index]
        why = f"with {right:,} the rows add up to the total{usual}"
        self.cells.append(Cell(whole[0].row.index, "params", stated, right, "local", item.row.line, why))

    def fits(self, item: Item, params: int, most: float = USUAL_COST) -> bool:
        """Whether a layer that is no more unusual than that has so many parameters there."""
        layer = self.layer_of(item, params)
        return layer is not None and layer.cost <= most

    def fits_only(self, item: Item, params: int) -> bool:
        """Whether some layer has so many parameters there, and none as many as are printed."""
        return self.layer_of(item, params) is not None and self.layer_of(item, item.params) is None

    def stands_out(self, item: Item, missing: int) -> bool:
        """Whether the count as printed is of a layer with a bias where all others (of its sort, if there are any) have
        none, or the other way round, and the mended one is not."""
        pairs = [(one, self.layer_of(one, one.params)) for one in self.items if one is not item]
        plain = [(one, layer) for one, layer in pairs if layer and layer["groups"] in (None, 1)]
        biased = [(one.op, layer["bias"]) for one, layer in plain if one.op in ("conv", "linear")]
        others = {bias for op, bias in biased if op == item.op} or {bias for _, bias in biased}
        printed, mended = self.layer_of(item, item.params), self.layer_of(item, item.params + missing)
        return printed is not None and mended is not None and others == {mended["bias"]} != {printed["bias"]}

    def say_total(self, total: int, parts: int | None, line: int) -> None:
        """The verdict on the total, and what it leaves for the network's number of parameters."""
        added, rows = self.added, self.printout.rows
        unknown = any(cell.computed is None for cell in self.cells)
        if total in (added, self.mended) and not unknown:
            self.params = total
            with_slips = ", the slips above mended" if total != added else ""
            self.say("params", total, total, "right", line, f"the {len(rows)} rows add up to {total:,}{with_slips}")
        elif not self.complete and parts != added:
            why = f"the rows that are printed add up to {added:,}; those left out would have {total - added:,}"
            self.say("params", total, None, "undetermined", line, why)
        elif unknown:
            why = f"the rows add up to {added:,}, one of them wrong by itself"
            self.say("params", total, None, "undetermined", line, why)
        elif total == sum({row.index: row.params or 0 for row in reversed(rows)}.values()):
            self.params = total
            why = f"the rows add up to {added:,} with the repeated ones counted twice"
            self.say("params", total, total, "right", line, why)
        elif parts == total:
            why = f"the rows add up to {added:,}, the totals say {total:,}: a row's count is wrong, or the totals are"
            self.say("sum of rows", total, added, "wrong", line, why)
        else:
            self.params = added if parts == added else None
            why = f"the {len(rows)} rows add up to {added:,}"
            why += (
                ", and so do trainable and non-trainable parameters" if self.params else "; the total or a row is wrong"
            )
            self.say("params", total, added, "wrong", line, why)

    def say_parts(self, trainable: int, fixed: int) -> None:
        """The verdict on trainable and non-trainable parameters, which make up the total."""
        total = self.params or 0
        line, fixed_line = (self.printout.totals[key].line for key in ("trainable", "non_trainable"))
        why = f"{total:,} in all less {fixed:,} non-trainable = {total - fixed:,}"
        if trainable + fixed == total:
            self.say("trainable params", trainable, trainable, "right", line, why)
        elif fixed == 0:
            self.say("trainable params", trainable, total, "wrong", line, why)
        elif trainable == total:
            self.say("non-trainable params", fixed, 0, "wrong", fixed_line, f"all {total:,} are trainable")
        else:
            both = trainable + fixed
            why = f"{trainable:,} and {fixed:,} add up to {both:,}, not to {total:,}: one of the two is wrong"
            self.say("trainable and non-trainable params", both, total, "wrong", line, why)

    # --- sizes in MB ---------------------------------------------------------------------------------------------

    def sizes(self) -> None:
        """The sizes in MB: four bytes a value, outputs counted twice for the backward pass."""
        exact = {key: size for key in PARTS if (size := self.size_of(key))}
        if total := self.whole_size(exact):
            exact["total_mb"] = total
        for key, name in SIZES.items():
            stated = self.printout.totals.get(key)
            if stated is None:
                continue
            if key not in exact:
                self.say(name, stated.text, None, "undetermined", stated.line, "not all of what it counts is printed")
                continue
            size = exact[key]
            near = abs(size.value - stated.value) <= size.slack
            kind: VerdictKind = "right" if near else "wrong" if size.certain else "undetermined"
            self.say(name, stated.text, round(size.value, 4), kind, stated.line, size.why)

    def whole_size(self, exact: dict[str, Megabytes]) -> Megabytes | None:
        """The estimated total: from exact parts where all are known, else from the stated ones, each rounded."""
        if all(key in exact and exact[key].certain for key in PARTS):
            return Megabytes(sum(exact[key].value for key in PARTS), True, "the three sizes together")
        if not all(key in self.printout.totals for key in PARTS):
            return None
        size = round(sum(self.printout.totals[key].value for key in PARTS), 2)
        certain = all(one.certain for one in exact.values())
        return Megabytes(size, certain, "the three stated sizes together", 4 * ROUNDED)

    def size_of(self, key: str) -> Megabytes | None:
        """One of the three parts; None where it cannot be told."""
        info, rows = self.printout.style == "torchinfo", self.printout.rows
        unit, name = (MEGA, "1,000,000") if info else (MIB, "1,048,576")
        if key == "params_mb" and self.params is not None:
            return Megabytes(self.params * BYTES / unit, not info, f"{self.params:,} * {BYTES} / {name}")
        if key == "input_mb" and (shape := self.image or self.guessed_image):
            shown = " * ".join(map(str, shape))
            batch = abs(rows[0].batch) if rows else 1
            certain = self.image is not None and self.at_most(USUAL_COST)  # odd rows may read another input
            return Megabytes(prod(shape) * batch * BYTES / unit, certain, f"{shown} * {BYTES} / {name}")
        if key == "pass_mb" and rows and self.complete and all(item.shape for item in self.items):
            counts = [row for row in rows if not info or (row.first is None and row.params)]
            values = sum(prod(row.shape or ()) * abs(row.batch) for row in counts)
            certain = not info and len({row.index for row in rows}) == len(rows) and self.ordinary
            return Megabytes(2 * values * BYTES / unit, certain, f"2 * {values:,} values * {BYTES} / {name}")
        return None

    @property
    def guessed_image(self) -> tuple[int, ...] | None:
        return (self.inference.image.channels, *self.inference.image.sizes) if self.inference else None

    @property
    def ordinary(self) -> bool:
        """Whether the rows make sense as they stand, so that no printed shape need be a slip."""
        return self.at_most(MOST_UNUSUAL)

    def at_most(self, cost: float) -> bool:
        """Whether every row is explained by a layer that is less unusual than that."""
        found = self.inference
        return bool(found and found.ok) and all(
            d.candidate and d.candidate.cost < cost for d in (found.decisions if found else ())
        )

    def multiply_adds(self) -> None:
        """The total of multiply-adds, as torchinfo counts them: for a whole batch, in one of its versions' ways."""
        total, arch = self.printout.totals.get("mult_adds"), self.inference.arch if self.inference else None
        if total is None:
            return
        count = counted(arch.rows, "torchinfo") if arch else None
        if arch is None or count is None:
            self.say("mult-adds", total.text, None, "undetermined", total.line, "not all rows are explained")
            return
        batch = abs(self.printout.rows[0].batch)
        stated = Stated.of(total.text)
        older = older_counts(arch.rows, batch, self.inference.depths if self.inference else ())
        fits = any(stated.agrees(way) for way in (count * batch, *older))
        known = self.complete and self.params == arch.params and self.ordinary
        kind: VerdictKind = "right" if fits else "wrong" if known else "undetermined"
        why = "each convolution's parameters at each place of its output, each other layer's once"
        self.say("mult-adds", total.text, count * batch, kind, total.line, why)

    # --- further columns -----------------------------------------------------------------------------------------

    def further_columns(self) -> None:
        """Fields, jumps and sizes that a print states in columns of its own, row by row, with the settings inferred."""
        inference = self.inference
        if inference is None or not inference.ok or not any(row.stated for row in self.printout.rows):
            return
        facts: list[LayerFact] = []
        for decision in inference.decisions:
            row, candidate = decision.item.row, decision.candidate
            if candidate is None:
                return
            known = {k: v for k in ("kernel_size", "stride", "dilation") if isinstance(v := candidate[k], int)}
            kind = next((kind for word, kind in STATED_KINDS.items() if candidate.op.startswith(word)), "pointwise")
            known |= {"stride": known["kernel_size"]} if kind == "pool" and "stride" not in known else {}
            shape = decision.item.shape
            known |= {"n_out": 1} if shape and shape.sizes and set(shape.sizes) == {1} else {}
            number = row.index if isinstance(row.index, int) else len(facts) + 1
            facts.append(LayerFact(number, row.line, row.label, kind, {**known, **dict(row.stated)}))
        found = audit_model(StatedModel("table", self.printout.line, (tuple(facts),)))
        self.claims += found.claims
        self.cells += found.cells


STATED_KINDS = {
    "global": "global", "adaptive": "global", "max_pool": "pool", "avg_pool": "pool", "conv_transpose": "resample",
    "conv": "conv",
}  # fmt: skip
"""How operations begin, and the kind of row that they are in a table."""


def stated_count(item: Item) -> int:
    """The count as the row prints it: with the statistics that Keras counts too."""
    return item.params + item.row.moving


def slip(item: Item, right: int | None, why: str) -> Cell:
    return Cell(item.row.index, "params", stated_count(item), right, "local", item.row.line, why)


def tree_complete(rows: Sequence[PrintedRow]) -> bool:
    """Whether the numbers of a tree, such as 2-9, run without a gap at each depth."""
    pairs = {tuple(map(int, str(row.index).split("-"))) for row in rows if re.fullmatch(r"\d+-\d+", str(row.index))}
    return all(place == 1 or (depth, place - 1) in pairs for depth, place in pairs)


def keras_gaps(rows: Sequence[PrintedRow]) -> bool:
    """Whether the numbers of Keras' names jump, as dropout_4, dropout_9: layers between them are left out."""
    last: dict[str, int] = {}
    for row in rows:
        if found := re.fullmatch(r"(.*\D)_(\d{1,6})", str(row.index)):
            before = last.get(found[1])
            if before is not None and int(found[2]) > before + 1:
                return True
            last[found[1]] = int(found[2])
    return False


def used_again(rows: Sequence[PrintedRow]) -> bool:
    """Whether a row counts nothing since its layer was printed before, and it was not: a depth limit hides it."""
    printed = {row.type for row in rows if not row.recursive and row.params is not None}
    return any(row.recursive and row.type not in printed for row in rows)


def listed_numbers(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:6])) + (f" and {len(numbers) - 6} more" if len(numbers) > 6 else "")
    return f"row {shown} is" if len(numbers) == 1 else f"rows {shown} are"


def one_slip(right: str, printed: str) -> bool:
    """Whether two figures differ in one digit, or by two digits exchanged."""
    if len(right) != len(printed):
        return abs(len(right) - len(printed)) == 1 and (right in printed or printed in right)
    off = [place for place, (a, b) in enumerate(zip(right, printed, strict=True)) if a != b]
    swapped = len(off) == 2 and right[off[0]] == printed[off[1]] and right[off[1]] == printed[off[0]]
    return len(off) == 1 or swapped
