"""Stated layers walked through the engine's windows and axes, row by row.

Every row is worked out twice: from its own stated inputs, which shows a local slip, and from a correct start, which
shows what the row should have been. A row may read any row above that makes what it says comes in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise

from ...engine.geometry import Axis, Field, Number, Strand, Window
from ...errors import ShapeError
from ..read.facts import LayerFact, StatedModel
from .readings import IMAGE_SIZES, Reading, cost, first_reading, steps

LARGEST = 2**20
FIRST_ROWS = 200
"""Rows that decide how a table is meant."""
QUANTITIES = ("n", "j", "r")
State = dict[str, Number | None]
BRANCHED = re.compile(r"inception|branch|\(\d[a-e]\)|\b\d[a-e]\b|parallel|aspp|pyramid", re.IGNORECASE)
STRIDES = (1, 2, 3, 4, 8, 16)
LARGEST_SPREAD = 64
"""Kernels up to this reach are tried with every padding; larger ones are as large as their map."""
REPAIRS = {"kernel_size": range(1, 12), "stride": range(1, 5), "padding": range(6), "dilation": range(1, 7)}


@dataclass(frozen=True, slots=True)
class Slip:
    """A cell that differs from what it should be."""

    row: int
    column: str
    stated: Number
    computed: Number | None
    kind: str
    line: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """A row's window, as far as it is known; `passes` says that the row leaves jump and field as they are."""

    kernel_size: int | None = None
    stride: int | None = None
    padding: int | None = None
    dilation: int = 1
    same: bool = False
    ceil: bool = False
    passes: bool = False


@dataclass(frozen=True)
class Walked:
    """What a stated model comes to under one reading: its slips, and each row's map in and out as it should be.
    `checked` counts the figures that follow from others, `windows` the rows whose kernel or stride is stated."""

    model: StatedModel
    reading: Reading
    rows: tuple[LayerFact, ...]
    slips: tuple[Slip, ...]
    checked: int
    trail: tuple[tuple[State, State], ...] = field(repr=False)

    @property
    def local(self) -> tuple[Slip, ...]:
        return tuple(slip for slip in self.slips if slip.kind == "local")

    @property
    def oddness(self) -> float:
        inherited = len(self.slips) - len(self.local)
        return cost("local") * len(self.local) + cost("inherited") * inherited + self.reading.oddness

    @property
    def windows(self) -> int:
        known = ("kernel_size", "effective", "stride")
        return sum(any(key in row.cells for key in known) and row.kind != "input" for row in self.rows)

    @property
    def assumed(self) -> bool:
        """Whether a stride that nothing states was taken for 1."""
        return unstrided(self.rows)

    @property
    def standalone(self) -> bool:
        """Whether each row states the field of its own kernel alone, as tables that compare kernels do."""
        known = [row.cells for row in self.rows if "kernel_size" in row.cells and "r_out" in row.cells]
        alone = [cells["r_out"] == cells.get("dilation", 1) * (cells["kernel_size"] - 1) + 1 for cells in known]
        return len(alone) > 1 and all(alone) and bool(self.slips)

    @property
    def understood(self) -> bool:
        """Whether enough of the figures follow the arithmetic for the rest to be called wrong."""
        return not self.standalone and 2 * len(self.local) <= self.checked


def walk(model: StatedModel) -> Walked:
    """The model under the reading with the fewest slips; slips of all axes together."""

    def oddness(reading: Reading) -> float:
        return sum(_Walk(model, reading, axis[:FIRST_ROWS]).walked().oddness for axis in model.axes)

    best = first_reading(model)
    for choices in _settled(model, best, oddness):
        best = choices
    first, *others = [_Walk(model, best, axis).walked() for axis in model.axes]
    seen = {(slip.row, slip.column) for slip in first.slips}
    extra = [slip for walked in others for slip in walked.slips if (slip.row, slip.column) not in seen]
    return replace(first, slips=tuple(sorted((*first.slips, *extra), key=lambda slip: slip.row)))


def _settled(model: StatedModel, reading: Reading, oddness: object) -> Iterator[Reading]:
    """The reading after each choice; the choices are those of the reading so far."""
    assert callable(oddness)
    at = 0
    while at < len(choices := list(steps(model, reading))):
        reading = min(choices[at], key=oddness)
        yield reading
        at += 1


def rewalked(walked: Walked, rows: Sequence[LayerFact]) -> Walked:
    """The same reading over other rows (of the first axis)."""
    plain = replace(walked.reading, sides=())
    return _Walk(walked.model, plain, tuple(rows)).walked()


@lru_cache(maxsize=65536)
def step(
    n: Number | None, j: Number | None, r: Number | None, settings: Settings, shift: int
) -> tuple[Number | None, ...]:
    """Size, jump and field after a window, by the engine; None for what is unknown, size 0 where the kernel does not
    fit. `shift` is 1 in a table whose fields count from 0."""
    k, s, d = settings.kernel_size, settings.stride, settings.dilation
    if settings.passes and k is None:
        return n, j, r
    if k is None or not (0 < k <= LARGEST and 0 < (s or 1) <= LARGEST and 0 < d <= LARGEST):
        return None, None if s is None or j is None else j * s, None
    window = Window(k, s or 1, (settings.padding or 0,) * 2, d)
    out = size_after(n, window, settings) if s else None
    if not isinstance(j, int) or not 0 < j <= LARGEST:
        return out, None, None
    reach = r + shift if isinstance(r, int) and 0 <= r <= LARGEST else None
    axis = Axis(1, (Strand(j, (Field(0, (reach or 1) - 1),)),)).through(window.taps(), 1)
    field_out = axis.receptive_field
    known = reach is not None and field_out is not None
    return out, axis.jump if s else None, (r if settings.passes else field_out - shift if known and field_out else None)


def size_after(n: Number | None, window: Window, settings: Settings) -> int | None:
    if settings.same and isinstance(n, int) and n > 0:
        return -(-n // window.stride)
    known = settings.padding is not None and 0 <= settings.padding <= LARGEST
    if not known or not isinstance(n, int) or not 0 < n <= LARGEST:
        return None
    try:
        return window.output_size(n, settings.ceil)
    except ShapeError:
        return 0


def sum_of(quantity: str, state: State, settings: Settings) -> str:
    """A size, jump or field after a window as arithmetic; empty where nothing has to be worked out."""
    k, s, p, d = settings.kernel_size, settings.stride, settings.padding, settings.dilation
    if k is None or settings.passes:
        return ""
    spread = f"{d} * ({k} - 1)" if d > 1 else f"({k} - 1)"
    if quantity == "j":
        return f"{state['j']} * {s}"
    if quantity == "r":
        return f"{state['r']} + {spread} * {state['j']}"
    if settings.same:
        return f"{state['n']} / {s}, rounded up"
    return f"({state['n']} + 2 * {p} - {spread} - 1) // {s} + 1"


class _Walk:
    """One axis of a model under one reading, from the top down."""

    def __init__(self, model: StatedModel, reading: Reading, rows: tuple[LayerFact, ...]) -> None:
        self.model, self.reading = model, reading
        self.rows = tuple(reading.applied(row) for row in rows)
        self.shift = 1 if reading.start == "zero" else 0
        self.slips: list[Slip] = []
        self.checked = 0
        self.phased = False
        """After an enlargement units look different ways in turn, so that no one field follows from a kernel."""
        self.trail: list[tuple[State, State]] = []
        self.outs: list[State] = []
        self.branches, self.unstrided = branches(self.rows), unstrided(self.rows)

    def walked(self) -> Walked:
        expected = self.first()
        self.image_size(expected)
        previous: State = dict(expected)
        for index, row in enumerate(self.rows):
            entering = self.enter(index, row, expected, previous)
            expected, previous = self.pass_row(index, row, entering, previous)
            self.trail.append((entering, dict(expected)))
            self.outs.append(dict(previous))
        self.channels()
        slips = tuple(sorted(self.slips, key=lambda slip: slip.row))
        return Walked(self.model, self.reading, self.rows, slips, self.checked, tuple(self.trail))

    def first(self) -> State:
        """The map in front of the first row: the image, or what the row states."""
        image: State = {"n": None, "j": 1, "r": 0 if self.shift else 1}
        if not self.rows:
            return image
        row = self.rows[0]
        side = "out" if row.kind == "input" and not row.cells.get("kernel_size") else "in"
        n = row.cells.get(f"n_{side}", row.cells.get("n_in", self.reading.image))
        if self.reading.start != "stated":
            return image | {"n": n}
        return {"n": n, **{q: row.cells.get(f"{q}_{side}", image[q]) for q in ("j", "r")}}

    def image_size(self, expected: State) -> None:
        """A first size that is no usual image's, where the one that fits the row is, must be the slip."""
        row = self.rows[0] if self.rows else None
        n, m = (row.cells.get("n_in"), row.cells.get("n_out")) if row else (None, None)
        if row is None or n is None or m is None or n in IMAGE_SIZES:
            return
        settings = self.settings(row, expected, {})
        if self.step(expected, settings)["n"] in (None, m) or self.rounds_up(row, expected, settings, m):
            return
        for size in IMAGE_SIZES:
            if self.step(expected | {"n": size}, settings)["n"] == m:
                self.slip(row, "n_in", n, size, "local", "with it the rows below fit")
                self.rows = (replace(row, cells={**row.cells, "n_in": size}), *self.rows[1:])
                expected["n"] = size
                return

    def enter(self, index: int, row: LayerFact, expected: State, previous: State) -> State:
        """Checks the stated inputs against the row above; returns the map that should come in."""
        stated = {q: row.cells[f"{q}_in"] for q in QUANTITIES if f"{q}_in" in row.cells}
        if index and self.rows[index - 1].kind in ("resample", "flat", "other") and self.outs[-1]["r"] is None:
            return expected | stated
        if (earlier := self.branch(index, stated, previous)) is not None:
            return earlier
        for quantity, value in stated.items():
            if expected[quantity] is None:
                expected = expected | {quantity: value}
                continue
            self.checked += 1
            if value != expected[quantity]:
                inherited = previous[quantity] == value
                why = f"as row {self.rows[index - 1].number} makes it" if index else ""
                self.slip(row, f"{quantity}_in", value, expected[quantity], "inherited" if inherited else "local", why)
        return expected

    def branch(self, index: int, stated: Mapping[str, Number], previous: State) -> State | None:
        """The map of an earlier row that the row reads, in a table with branches; None where it reads the row above."""
        if not self.branches or index == 0:
            return None
        if stated and all(previous[q] in (value, None) for q, value in stated.items()):
            return None
        for place in range(index - 2, -1, -1):
            out = self.trail[place][1]
            if stated and all(out[q] == value for q, value in stated.items()):
                return dict(out)
        row = self.rows[index]
        outs = {q: row.cells[f"{q}_out"] for q in ("j", "r") if f"{q}_out" in row.cells}
        if not stated and "r" in outs:
            for place in (index - 1, *range(index - 2, -1, -1)):
                out = self.trail[place][1]
                after = self.step(out, self.settings(row, out, outs))
                if all(after[q] in (value, None) for q, value in outs.items()):
                    return dict(out) if place != index - 1 else None
        return None

    def pass_row(self, index: int, row: LayerFact, entering: State, previous: State) -> tuple[State, State]:
        """Checks the stated outputs; returns the map that should come out, and the one that the row states."""
        own: State = {q: row.cells.get(f"{q}_in", previous[q]) for q in QUANTITIES}
        stated = {q: row.cells[f"{q}_out"] for q in QUANTITIES if f"{q}_out" in row.cells}
        settings = self.settings(row, own | ({"n": entering["n"]} if entering["n"] else {}), stated)
        repaired = None if self.model.form == "code" else self.repair(row, own, stated, settings)
        if repaired:
            column, value, settings = repaired
            self.slip(row, column, row.cells[column], value, "local", "with it the row's other figures fit")
        local, right = self.step(own, settings), self.step(entering, settings)
        for quantity, value in stated.items():
            should = right[quantity] if quantity != "r" or not self.phased else None
            if should is None and quantity == "n":
                should = self.size(index, row, entering["n"], settings, value)
            if should is None:
                right[quantity] = value
                continue
            self.checked += 1
            if value == should or row.several or self.accepts(quantity, row, entering, settings, value):
                right[quantity] = value  # a row for several layers cannot be worked out as one
                continue
            kind = "inherited" if value == local[quantity] else "local"
            why = sum_of(quantity, entering, settings) if should else "the kernel does not fit"
            if quantity == "n" and settings.padding is None and not settings.same:
                why = f"no padding makes {value} of {entering['n']}"
            self.slip(row, f"{quantity}_out", value, should or None, kind, why)
            right[quantity] = should or value
        self.phased = self.phased or row.kind == "resample"
        following: State = {q: stated.get(q, local[q] if local[q] is not None else right[q]) for q in QUANTITIES}
        return right, following

    def size(self, index: int, row: LayerFact, given: Number | None, settings: Settings, value: Number) -> int | None:
        """The size after a row whose padding is not stated, where no padding makes the stated one and the row below or
        the habit of the table tells which it is; None where it may be right."""
        k, s = settings.kernel_size, settings.stride
        if (
            k is None
            or s is None
            or row.several
            or not isinstance(given, int)
            or not isinstance(value, int)
            or k > LARGEST
        ):
            return None
        possible = possible_sizes(given, k, s, settings.dilation, s > 1 or row.kind == "pool")
        if value in possible or value == 1 or row.kind == "global":
            return None
        if self.branches and "n_in" not in row.cells:  # it may read any row above
            made = {n for _, out in self.trail if isinstance(n := out["n"], int)}
            if any(value in possible_sizes(n, k, s, settings.dilation, True) for n in made):
                return None
        below = self.rows[index + 1].cells.get("n_in") if index + 1 < len(self.rows) else None
        if isinstance(below, int) and below in possible:
            return below
        keeps = sum(enter["n"] == out["n"] is not None for enter, out in self.trail)
        return -(-given // s) if below is None and keeps > 1 else None

    def accepts(self, quantity: str, row: LayerFact, entering: State, settings: Settings, value: Number) -> bool:
        """Whether a figure that differs is right in another way: a pool's size rounded up, a global pool's jump that
        counts its kernel as its stride."""
        if quantity == "n":
            return self.rounds_up(row, entering, settings, value)
        k, j = settings.kernel_size, entering["j"]
        if quantity != "j" or row.kind != "global" or "stride" in row.cells or k is None or j is None:
            return False
        return value == k * j

    def step(self, state: State, settings: Settings) -> State:
        return dict(zip(QUANTITIES, step(state["n"], state["j"], state["r"], settings, self.shift), strict=True))

    def slip(
        self, row: LayerFact, column: str, stated: Number, computed: Number | None, kind: str, why: str = ""
    ) -> None:
        self.slips.append(Slip(row.number, column, stated, computed, kind, row.line, why))

    def rounds_up(self, row: LayerFact, entering: State, settings: Settings, value: Number) -> bool:
        """Whether a pool's stated size is the one of ceil_mode."""
        return row.kind in ("pool", "global") and self.step(entering, replace(settings, ceil=True))["n"] == value

    # --- settings ---

    def settings(self, row: LayerFact, own: State, stated: Mapping[str, Number]) -> Settings:
        """The row's window from its cells, its kind, and where they say nothing the figures themselves."""
        cells = row.cells
        if row.kind in ("input", "pointwise") and "kernel_size" not in cells:
            return Settings(1, 1, 0)
        if row.kind == "resample":
            return Settings()
        if row.kind in ("join", "flat", "other") and "kernel_size" not in cells:
            return Settings(passes=row.kind == "join")
        size = own["n"] if row.kind == "global" else None
        kernel = cells.get("effective", cells.get("kernel_size", size))
        k = int(kernel) if isinstance(kernel, int) and kernel > 0 else None
        padding, dilation = cells.get("padding"), cells.get("dilation", 1)
        plain = "effective" in cells or self.reading.effective
        return Settings(
            kernel_size=k,
            stride=self.stride(row, own, stated),
            padding=int(padding) if isinstance(padding, int) else 0 if row.kind == "global" else None,
            dilation=1 if plain or not isinstance(dilation, int) or dilation < 1 else int(dilation),
            same=row.same,
            ceil=self.reading.rounds_up,
            passes=self.reading.ignores_pool and (row.kind == "global" or whole_map(row, own["n"])),
        )

    def stride(self, row: LayerFact, own: State, stated: Mapping[str, Number]) -> int | None:
        """The stated stride; else the one that jumps or sizes show, or that a pool of this kernel has."""
        if "stride" in row.cells:
            stride = row.cells["stride"]
            return int(stride) if isinstance(stride, int) and stride > 0 else None
        if row.kind == "global":
            return 1
        before, after = own["j"], stated.get("j")
        if isinstance(before, int) and isinstance(after, int) and before > 0 and after % before == 0:
            return after // before or None
        n, m = own["n"], stated.get("n")
        if isinstance(n, int) and isinstance(m, int) and m > 1 and "kernel_size" in row.cells:
            return self.stride_between(n, m, row)
        kernel = row.cells.get("kernel_size")
        if row.kind == "pool":
            return int(kernel) if isinstance(kernel, int) and kernel > 0 else None
        return 1 if row.kind == "conv" and (kernel == 1 or self.unstrided) else None

    def stride_between(self, n: int, m: int, row: LayerFact) -> int:
        """The stride that makes one size of the other with the stated padding; where none is stated, that of a map
        cut to a whole part, else the smallest that any padding allows."""
        padding, dilation = row.cells.get("padding"), row.cells.get("dilation", 1)
        spread = int(dilation * (row.cells["kernel_size"] - 1))
        if padding is None and (n % m == 0 or not 0 <= spread <= LARGEST_SPREAD):
            return n // m
        paddings = range(spread + 1) if padding is None else [int(padding)]
        fitting = (s for s in STRIDES if any((n + 2 * p - spread - 1) // s + 1 == m for p in paddings))
        return next(fitting, max(1, round(n / m)))

    def repair(
        self, row: LayerFact, own: State, stated: Mapping[str, Number], settings: Settings
    ) -> tuple[str, Number, Settings] | None:
        """A stated setting that must be the slip: changed alone, it makes every output of the row right.

        With a single output amiss either may be the slip; then the setting is blamed only when it stands alone in
        its column and the value that fits is the usual one.
        """
        local = self.step(own, settings)
        amiss = [q for q in stated if local[q] is not None and local[q] != stated[q]]
        void = [column for column in ("kernel_size", "stride") if row.cells.get(column, 1) <= 0]
        if not void and (not amiss or all(self.accepts(q, row, own, settings, stated[q]) for q in amiss)):
            return None
        for column in void or REPAIRS:
            if (
                column not in row.cells
                or row.several
                or (row.worded and len(amiss) == 1)
                or (column == "dilation" and self.reading.effective)
            ):
                continue
            for value in REPAIRS[column]:
                changed = replace(settings, **{column: value})  # type: ignore[arg-type]
                after = self.step(own, changed)
                if value != row.cells[column] and all(after[q] in (None, stated[q]) for q in stated):
                    if len(amiss) > 1 or void or self.usual(row, column, value):
                        return column, value, changed
                    break
        return None

    def usual(self, row: LayerFact, column: str, value: Number) -> bool:
        """Whether most rows of the kind have `value` in a column and no other has what this row states; of a kind
        that stands alone, whether the value is the one that such a row has everywhere."""
        peers = [r for r in self.rows if r is not row and r.kind == row.kind and column in r.cells]
        if column == "dilation":  # nobody writes one down by accident
            return False
        if column == "padding" and value == 0 and row.cells.get("kernel_size") == 1:
            return True
        if column == "padding":  # it goes with the kernel
            peers = [r for r in peers if r.cells.get("kernel_size") == row.cells.get("kernel_size")]
        alike = [r.cells[column] for r in peers]
        if alike:
            return 2 * alike.count(value) > max(len(alike), 2) and row.cells[column] not in alike
        everywhere = {"padding": 0, "stride": 1 if row.kind == "global" else 2, "kernel_size": row.cells.get("stride")}
        others = [r.cells[column] for r in self.rows if r is not row and column in r.cells]
        return value == everywhere.get(column) and (column != "padding" or 2 * others.count(value) > len(others))

    # --- channels ---

    def channels(self) -> None:
        """Channels pass from row to row, and through pools unchanged."""
        if self.model.form == "code":
            return
        for above, row in zip(self.rows, self.rows[1:], strict=False):
            given, taken = above.cells.get("ch_out"), row.cells.get("ch_in")
            if given is None or taken is None or self.branches or above.several or above.kind in ("flat", "join"):
                continue
            self.checked += 1
            if given != taken and above.kind in ("pool", "global") and above.cells.get("ch_in") == taken:
                continue  # the pool's own ch_out is the slip
            if given != taken:
                late = row.kind in ("pool", "global") and row.cells.get("ch_out") == taken
                blame_above = late or (above.kind == "conv" and roundness(given) < roundness(taken))
                why = "" if late else f"rows {above.number} and {row.number} disagree; one of the two is the slip"
                if blame_above:
                    self.slip(above, "ch_out", given, taken, "local", why)
                else:
                    self.slip(row, "ch_in", taken, given, "local", why)
        for row in self.rows:
            given, made = row.cells.get("ch_in"), row.cells.get("ch_out")
            if row.kind in ("pool", "global") and given is not None and made is not None:
                self.checked += 1
                if made != given and not any(s.row == row.number and s.column.startswith("ch_") for s in self.slips):
                    self.slip(row, "ch_out", made, given, "local", "a pool keeps its channels")


def possible_sizes(given: int, kernel: int, stride: int, dilation: int, rounds_up: bool) -> set[int]:
    """The sizes that a window makes of another, whatever its padding."""
    spread = dilation * (kernel - 1)
    made = {(given + 2 * p - spread - 1) // stride + 1 for p in range(min(spread, LARGEST_SPREAD) + 1)}
    return made | {n + 1 for n in made if rounds_up} | {-(-given // stride)}


def whole_map(row: LayerFact, given: Number | None = None) -> bool:
    """Whether a pool's one unit reads the whole map, of the stated size or the given one."""
    size, made = row.cells.get("n_in", given), row.cells.get("n_out", 1)
    return row.kind == "pool" and made == 1 and row.cells.get("kernel_size") == size not in (None, 1)


def branches(rows: Sequence[LayerFact]) -> bool:
    """Whether rows stand beside each other: joins, names of branches, or two rows that state what comes in as an
    earlier row does."""
    if any(row.kind == "join" or BRANCHED.search(row.name) for row in rows):
        return True
    ins = [(a.cells.get("r_in"), b.cells.get("r_in"), a.cells.get("r_out")) for a, b in pairwise(rows)]
    again = Counter(second for first, second, made in ins if second is not None and first == second != made)
    return sum(again.values()) > 1


def unstrided(rows: Sequence[LayerFact]) -> bool:
    """Whether no row shows a stride, by itself, by a size or by a jump: convolutions then have torch's 1."""
    return not any(key in row.cells for row in rows for key in ("stride", "n_in", "n_out", "j_in", "j_out"))


def roundness(channels: Number) -> int:
    """How often 2 divides a number of channels: 16 is a likelier choice than 17."""
    return (int(channels) & -int(channels)).bit_length() if channels == int(channels) and channels > 0 else 0
