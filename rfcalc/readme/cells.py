"""The cells of a receptive-field table against the arithmetic: slips of their own, and what follows from them.

Every row is worked out twice by the engine's windows and axes: from its own stated inputs, which shows a local slip,
and from a correct start, which shows what the row should have been.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from ..errors import ShapeError
from ..geometry import Axis, Field, Number, Strand, Window
from .rftable import FieldTable, Reading, TableRow

LARGEST = 2**20
FIRST_ROWS = 400
"""Rows that decide how a table is meant."""
QUANTITIES = ("n", "j", "r")
State = dict[str, Number | None]
SEVERAL = re.compile(
    r"block|stage|repeat|bottleneck|residual|inception|\bfire|dense|(?<![\d\s])\s{0,2}[x×*]\s?\d+\b|\b\d+\s?[x×]\s+[a-z]",
    re.IGNORECASE,
)
"""Names of rows that may stand for more than one layer."""
REPAIRS = {"kernel_size": range(1, 12), "stride": range(1, 5), "padding": range(6), "dilation": range(1, 7)}
IMAGE_SIZES = (28, 32, 64, 96, 112, 128, 160, 192, 224, 227, 256, 299, 320, 384, 416, 448, 512, 608, 640, 1024)


@dataclass(frozen=True, slots=True)
class Slip:
    """A cell that differs from what it should be. `own` is what the row's own inputs give, where that differs."""

    row: int
    column: str
    stated: Number
    computed: Number | None
    kind: str
    line: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """A row's window, as far as it is known."""

    kernel_size: int | None = None
    stride: int | None = None
    padding: int | None = None
    dilation: int = 1
    same: bool = False
    ceil: bool = False
    passes: bool = False
    """The row leaves jump and field as they are."""


@dataclass(frozen=True)
class TableAudit:
    """What a table comes to under the reading that fits it best: its slips, and each row's map in and out as it
    should be. `checked` counts the figures that could be worked out."""

    table: FieldTable
    reading: Reading
    rows: tuple[TableRow, ...]
    slips: tuple[Slip, ...]
    checked: int
    trail: tuple[tuple[State, State], ...] = field(repr=False)

    @property
    def local(self) -> tuple[Slip, ...]:
        return tuple(slip for slip in self.slips if slip.kind == "local")

    @property
    def oddness(self) -> float:
        inherited = len(self.slips) - len(self.local)
        return 10.0 * len(self.local) + inherited + self.reading.oddness

    @property
    def understood(self) -> bool:
        """Whether enough of the figures follow the arithmetic for the rest to be called wrong."""
        return 2 * len(self.local) <= self.checked


def audit_table(table: FieldTable) -> TableAudit:
    """The table under the reading with the fewest slips in its first rows; slips of all axes together."""

    def oddness(reading: Reading) -> float:
        return sum(_Walk(table, reading, axis[:FIRST_ROWS]).audit().oddness for axis in table.axes)

    best = min(table.readings(), key=oddness)
    first, *others = [_Walk(table, best, axis).audit() for axis in table.axes]
    seen = {(slip.row, slip.column) for slip in first.slips}
    extra = [slip for audit in others for slip in audit.slips if (slip.row, slip.column) not in seen]
    slips = sorted((*first.slips, *extra), key=lambda slip: slip.row)
    return replace(first, slips=tuple(slips))


@lru_cache(maxsize=65536)
def step(
    n: Number | None, j: Number | None, r: Number | None, settings: Settings, shift: int
) -> tuple[Number | None, ...]:
    """Size, jump and field behind a window; None for what is unknown, size 0 where the kernel does not fit.

    `shift` is 1 in a table whose fields count from 0.
    """
    k, s, d = settings.kernel_size, settings.stride, settings.dilation
    if settings.passes and k is None:
        return n, j, r
    if k is None or not (0 < k <= LARGEST and 0 < (s or 1) <= LARGEST and 0 < d <= LARGEST):
        return None, None if s is None or j is None else j * s, None
    window = Window(k, s or 1, (settings.padding or 0,) * 2, d)
    out = size_behind(n, window, settings) if s else None
    if not isinstance(j, int) or not 0 < j <= LARGEST:
        return out, None, None
    reach = r + shift if isinstance(r, int) and 0 <= r <= LARGEST else None
    axis = Axis(1, (Strand(j, (Field(0, (reach or 1) - 1),)),)).through(window.taps(), 1)
    field_out = axis.receptive_field
    known = reach is not None and field_out is not None
    return out, axis.jump if s else None, (r if settings.passes else field_out - shift if known and field_out else None)


def sum_of(quantity: str, state: State, settings: Settings) -> str:
    """A size, jump or field behind a window as arithmetic; empty where nothing has to be worked out."""
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


def size_behind(n: Number | None, window: Window, settings: Settings) -> int | None:
    if settings.same and isinstance(n, int) and n > 0:
        return -(-n // window.stride)
    if (
        settings.padding is None
        or not isinstance(n, int)
        or not 0 < n <= LARGEST
        or not 0 <= settings.padding <= LARGEST
    ):
        return None
    try:
        return window.output_size(n, settings.ceil)
    except ShapeError:
        return 0


def exchanged(settings: Settings, column: str, value: int) -> Settings:
    """The settings with one of them changed."""
    kernel_size, stride, padding = (
        value if column == name else kept
        for name, kept in (
            ("kernel_size", settings.kernel_size),
            ("stride", settings.stride),
            ("padding", settings.padding),
        )
    )
    dilation = value if column == "dilation" else settings.dilation
    return replace(settings, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation)


class _Walk:
    """One axis of a table under one reading, from the top down."""

    def __init__(self, table: FieldTable, reading: Reading, rows: tuple[TableRow, ...]) -> None:
        self.table, self.reading = table, reading
        self.rows = tuple(reading.applied(row) for row in rows)
        self.shift = 1 if reading.start == "zero" else 0
        self.slips: list[Slip] = []
        self.checked = 0
        self.trail: list[tuple[State, State]] = []
        self.outs: list[State] = []
        self.branches = any(row.kind == "join" for row in rows)

    def audit(self) -> TableAudit:
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
        return TableAudit(self.table, self.reading, self.rows, slips, self.checked, tuple(self.trail))

    def first(self) -> State:
        """The map in front of the first row: the image, or what the row states."""
        row = self.rows[0]
        image: State = {"n": None, "j": 1, "r": 0 if self.shift else 1}
        side = "out" if row.kind == "input" and not row.cells.get("kernel_size") else "in"
        n = row.cells.get(f"n_{side}", row.cells.get("n_in"))
        if self.reading.start != "stated":
            return image | {"n": n}
        return {"n": n, **{q: row.cells.get(f"{q}_{side}", image[q]) for q in ("j", "r")}}

    def image_size(self, expected: State) -> None:
        """A first size that is no usual image's, where the one that fits the row is, must be the slip."""
        row = self.rows[0]
        n, m = row.cells.get("n_in"), row.cells.get("n_out")
        settings = self.settings(row, expected, {})
        if n is None or m is None or n in IMAGE_SIZES or self.step(expected, settings)["n"] in (None, m):
            return
        for size in IMAGE_SIZES:
            if self.step(expected | {"n": size}, settings)["n"] == m:
                self.slip(row, "n_in", n, size, "local", "with it the rows below fit")
                self.rows = (replace(row, cells={**row.cells, "n_in": size}), *self.rows[1:])
                expected["n"] = size
                return

    def enter(self, index: int, row: TableRow, expected: State, previous: State) -> State:
        """Checks the stated inputs against the row above; returns the map that should come in."""
        stated = {q: row.cells[f"{q}_in"] for q in QUANTITIES if f"{q}_in" in row.cells}
        if self.is_branch(index, stated, previous) or (index and self.rows[index - 1].kind == "resample"):
            return expected | stated
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

    def is_branch(self, index: int, stated: Mapping[str, Number], previous: State) -> bool:
        """Whether the row starts again from an earlier one, in a table that joins branches."""
        if not self.branches or index == 0 or all(previous[q] == value for q, value in stated.items()):
            return False
        return any(all(out[q] == value for q, value in stated.items()) for out in self.outs[:-1])

    def pass_row(self, index: int, row: TableRow, entering: State, previous: State) -> tuple[State, State]:
        """Checks the stated outputs; returns the map that should come out, and the one that the row states."""
        own: State = {q: row.cells.get(f"{q}_in", previous[q]) for q in QUANTITIES}
        stated = {q: row.cells[f"{q}_out"] for q in QUANTITIES if f"{q}_out" in row.cells}
        settings = self.settings(row, own, stated)
        repaired = self.repair(index, row, own, stated, settings)
        if repaired:
            column, value, settings = repaired
            self.slip(row, column, row.cells[column], value, "local", "with it the row's other figures fit")
        local, right = self.step(own, settings), self.step(entering, settings)
        for quantity, value in stated.items():
            should = right[quantity]
            if should is None:
                right[quantity] = value
                continue
            self.checked += 1
            if value == should or (quantity == "n" and self.rounds_up(row, entering, settings, value)):
                right[quantity] = value
                continue
            if SEVERAL.search(row.name):  # a row for several layers cannot be worked out as one
                right[quantity] = value
                continue
            kind = "inherited" if value == local[quantity] else "local"
            why = sum_of(quantity, entering, settings) if should else "the kernel does not fit"
            self.slip(row, f"{quantity}_out", value, should or None, kind, why)
            right[quantity] = should or value
        following: State = {q: stated.get(q, local[q] if local[q] is not None else right[q]) for q in QUANTITIES}
        return right, following

    def step(self, state: State, settings: Settings) -> State:
        return dict(zip(QUANTITIES, step(state["n"], state["j"], state["r"], settings, self.shift), strict=True))

    def slip(
        self, row: TableRow, column: str, stated: Number, computed: Number | None, kind: str, why: str = ""
    ) -> None:
        self.slips.append(Slip(row.number, column, stated, computed, kind, row.line, why))

    def rounds_up(self, row: TableRow, entering: State, settings: Settings, value: Number) -> bool:
        """Whether a pool's stated size is the one of ceil_mode."""
        return row.kind == "pool" and self.step(entering, replace(settings, ceil=True))["n"] == value

    # --- settings ---

    def settings(self, row: TableRow, own: State, stated: Mapping[str, Number]) -> Settings:
        """The row's window from its cells, its kind, and where they say nothing the figures themselves."""
        cells = row.cells
        if row.kind in ("input", "pointwise") and "kernel_size" not in cells:
            return Settings(1, 1, 0)
        if row.kind in ("resample", "join", "flat", "other") and "kernel_size" not in cells:
            return Settings(passes=row.kind == "join")
        whole_map = own["n"] if row.kind == "global" else None
        kernel = cells.get("effective", cells.get("kernel_size", whole_map))
        k = int(kernel) if isinstance(kernel, int) and kernel > 0 and row.kind != "resample" else None
        padding, dilation = cells.get("padding"), cells.get("dilation", 1)
        plain = "effective" in cells or self.reading.effective
        known = Settings(
            kernel_size=k,
            stride=self.stride(row, own, stated),
            padding=int(padding) if isinstance(padding, int) else 0 if row.kind == "global" else None,
            dilation=1 if plain or not isinstance(dilation, int) or dilation < 1 else int(dilation),
            same=row.same,
            passes=self.reading.ignores_pool and row.kind == "global",
        )
        return known

    @staticmethod
    def stride(row: TableRow, own: State, stated: Mapping[str, Number]) -> int | None:
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
            return max(1, round(n / m))
        kernel = row.cells.get("kernel_size")
        return int(kernel) if row.kind == "pool" and isinstance(kernel, int) and kernel > 0 else None

    def repair(
        self, index: int, row: TableRow, own: State, stated: Mapping[str, Number], settings: Settings
    ) -> tuple[str, Number, Settings] | None:
        """A stated setting that must be the slip: changed alone, it makes every output of the row right.

        With a single output amiss either may be the slip; then the setting is blamed only when it stands alone in
        its column and the value that fits is the usual one.
        """
        local = self.step(own, settings)
        amiss = [q for q in stated if local[q] is not None and local[q] != stated[q]]
        void = [column for column in ("kernel_size", "stride") if row.cells.get(column, 1) <= 0]
        if not void and (not amiss or (len(amiss) == 1 and self.rounds_up(row, own, settings, stated[amiss[0]]))):
            return None
        for column in void or REPAIRS:
            if column not in row.cells or (column == "dilation" and self.reading.effective):
                continue
            for value in REPAIRS[column]:
                changed = exchanged(settings, column, value)
                after = self.step(own, changed)
                if value != row.cells[column] and all(after[q] in (None, stated[q]) for q in stated):
                    if len(amiss) > 1 or void or self.usual(row, column, value):
                        return column, value, changed
                    break
        return None

    def usual(self, row: TableRow, column: str, value: Number) -> bool:
        """Whether most rows of the kind have `value` in a column and no other has what this row states; of a kind
        that stands alone, whether the value is the one that such a row has everywhere."""
        alike = [r.cells[column] for r in self.rows if r is not row and r.kind == row.kind and column in r.cells]
        if alike:
            return 2 * alike.count(value) > max(len(alike), 2) and row.cells[column] not in alike
        everywhere = {"padding": 0, "stride": 1 if row.kind == "global" else 2, "kernel_size": row.cells.get("stride")}
        others = [r.cells[column] for r in self.rows if r is not row and column in r.cells]
        return value == everywhere.get(column) and (column != "padding" or 2 * others.count(value) > len(others))

    # --- channels ---

    def channels(self) -> None:
        """Channels pass from row to row, and through pools unchanged."""
        for above, row in self.neighbours():
            given, taken = above.cells.get("ch_out"), row.cells.get("ch_in")
            if given is None or taken is None or self.branches:
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

    def neighbours(self) -> Iterator[tuple[TableRow, TableRow]]:
        return zip(self.rows, self.rows[1:], strict=False)


def roundness(channels: Number) -> int:
    """How often 2 divides a number of channels: 16 is a likelier choice than 17."""
    return (int(channels) & -int(channels)).bit_length() if channels == int(channels) and channels > 0 else 0
