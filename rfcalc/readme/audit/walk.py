"""Stated layers walked through the engine's windows and axes, row by row.

Every row is worked out twice: from its own stated inputs, which shows a local slip, and from a correct start, which
shows what the row should have been. A row may read any row above that makes what it says comes in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, takewhile

from ...engine.geometry import Number
from ..read.facts import IMAGE_SIZES, LARGEST_SETTING, LayerFact, StatedModel
from .blame import blamed
from .channels import channel_slips
from .readings import TableReading, first_reading, steps
from .verdict import Cell
from .walked import Walked
from .window import QUANTITIES, RowWindows, StatedMap, StatedSettings, possible_sizes, sum_of

FIRST_ROWS = 200
"""Rows that decide how a table is meant."""
PADDED = "sizes that come in are stated with their padding"
LAGGING = "each jump is the one that comes in"
SEVERAL = 2
"""Rows that show a way of stating sizes."""
LOOKED_AT = 3
"""Rows that show the stride of the first of them."""
BRANCHED = re.compile(
    r"inception|branch|\(\d[a-e]\)|\b\d{1,2}[a-e]\b|parallel|aspp|pyramid|downsample|\.ds\b|shortcut", re.IGNORECASE
)


def best_walk(model: StatedModel) -> Walked:
    """The model under the reading with the fewest slips; slips of all axes together."""

    def oddness(reading: TableReading) -> float:
        return sum(_Walk(model, reading, axis[:FIRST_ROWS]).walked().oddness for axis in model.axes)

    best, settled = first_reading(model), 0
    while settled < len(choices := list(steps(model, best))):  # what is left to settle depends on the reading so far
        best = min(choices[settled], key=oddness)
        settled += 1
    first, *others = [_Walk(model, best, axis).walked() for axis in model.axes]
    seen = {(slip.row, slip.column) for slip in first.slips}
    extra = [slip for walked in others for slip in walked.slips if (slip.row, slip.column) not in seen]
    return replace(first, slips=tuple(sorted((*first.slips, *extra), key=row_of_slip)))


def with_size(row: LayerFact, slip: Cell | None) -> LayerFact:
    """The row with the size that it should state."""
    return replace(row, cells={**row.cells, "n_out": slip.computed}) if slip and slip.computed else row


def row_of_slip(slip: Cell) -> int:
    return int(slip.row)


def rewalked(walked: Walked, rows: Sequence[LayerFact]) -> Walked:
    """The same reading over other rows (of the first axis)."""
    plain = replace(walked.reading, sides=())
    return _Walk(walked.model, plain, tuple(rows)).walked()


class _Walk:
    """One axis of a model under one reading, from the top down."""

    def __init__(self, model: StatedModel, reading: TableReading, rows: tuple[LayerFact, ...]) -> None:
        self.model, self.reading = model, reading
        applied = with_first_stride([reading.applied(row) for row in rows])
        unpadded = without_padding(applied)
        self.rows = with_lagging_jumps(unpadded) if model.form == "code" else unpadded
        ways = ((unpadded, applied, PADDED), (self.rows, unpadded, LAGGING))
        self.ways = tuple(words for after, before, words in ways if after != before)
        self.windows = RowWindows(reading, self.rows)
        self.slips: list[Cell] = []
        self.checked = 0
        self.phased = False
        """After an enlargement units look different ways in turn, so that no one field follows from a kernel."""
        self.trail: list[tuple[StatedMap, StatedMap]] = []
        self.outs: list[StatedMap] = []
        self.kept, self.cut = 0, 0
        """How many rows leave the size as it is, and how many convolutions make it smaller as those without padding."""
        self.plain_pools: set[tuple[Number | None, Number]] = set()
        """Of the pools that divide the size: their kernel, or their stride where they state none, and by how much."""
        self.branches = branches(self.rows)
        self.apart = model.form in ("table", "list") and self.are_examples()
        """Whether the rows are examples of the arithmetic, none of which reads another."""

    def walked(self) -> Walked:
        expected = self.first()
        self.image_size(expected)
        previous: StatedMap = dict(expected)
        for index, row in enumerate(self.rows):
            entering = self.enter(index, row, expected, previous)
            expected, previous = self.pass_row(index, row, entering, previous)
            self.trail.append((entering, dict(expected)))
            self.count(row, entering["n"], expected["n"])
            self.outs.append(dict(previous))
        if self.model.form != "code":
            square = len(self.model.axes) == 1
            found, checked = channel_slips(self.rows, self.branches, square)
            named = {(slip.row, slip.column): slip for slip in self.slips}
            rows = [with_size(row, named.get((row.number, "n_out"))) for row in self.rows]
            again = found if rows == [*self.rows] else channel_slips(rows, self.branches, square)[0]
            mended = {(slip.row, slip.column): slip for slip in again}  # units may be those of the right size
            both = ((slip.row, slip.column) for slip in found)
            self.slips += [mended[place] for place in both if place in mended and place not in named]
            self.checked += checked
        slips = tuple(sorted(once(self.slips, self.rows), key=row_of_slip))
        return Walked(self.model, self.reading, self.rows, slips, self.checked, tuple(self.trail), self.ways)

    def first(self) -> StatedMap:
        """The map in front of the first row: the image, or what the row states."""
        image: StatedMap = {"n": None, "j": 1, "r": 0 if self.windows.shift else 1}
        if not self.rows:
            return image
        row = self.rows[0]
        side = "out" if row.kind == "input" and not row.cells.get("kernel_size") else "in"
        n = row.cells.get(f"n_{side}", row.cells.get("n_in", self.reading.image))
        padding, k = row.cells.get("padding", 0), row.cells.get("kernel_size", 1)
        if "n_in" in row.cells and padding > k and row.cells["n_in"] - row.cells.get("n_out", 0) == k - 1:
            n = row.cells["n_in"] - 2 * padding  # it is stated with its padding
            self.rows = (replace(row, cells={**row.cells, "n_in": n}), *self.rows[1:])
        if self.reading.start != "stated":
            return image | {"n": n}
        return {"n": n, **{q: row.cells.get(f"{q}_{side}", image[q]) for q in ("j", "r")}}

    def are_examples(self) -> bool:
        """Whether rows without fields and jumps work out each by itself, and most do not read what the one above
        makes, or all begin with the same size although one above makes another."""
        rows = [row for row in self.rows if {"n_in", "n_out"} <= row.cells.keys()]
        if len(rows) < max(len(self.rows), SEVERAL) or any(key[0] in "jr" for row in rows for key in row.cells):
            return False
        made = []
        for row in rows:
            own: StatedMap = {"n": row.cells["n_in"], "j": None, "r": None}
            made.append(self.windows.step(own, self.windows.of(row, own, {"n": row.cells["n_out"]}))["n"])
        alone = sum(n in (None, row.cells["n_out"]) for n, row in zip(made, rows, strict=True))
        linked = sum(above.cells["n_out"] == row.cells["n_in"] for above, row in pairwise(rows))
        if len({row.cells["n_in"] for row in rows}) == 1 and linked < len(rows) - 1:
            return alone == len(rows)
        return len(rows) > SEVERAL and alone > linked + 1 and 2 * linked < len(rows) - 1

    def image_size(self, expected: StatedMap) -> None:
        """A first size that is no usual image's, where the one that fits the row is, must be the slip."""
        row = self.rows[0] if self.rows else None
        n, m = (row.cells.get("n_in"), row.cells.get("n_out")) if row else (None, None)
        if row is None or n is None or m is None or n in IMAGE_SIZES:
            return
        settings = self.windows.of(row, expected, {})
        made = self.windows.step(expected, settings)["n"]
        if made in (None, m) or self.windows.rounds_up(row, expected, settings, m):
            return
        for size in IMAGE_SIZES:
            if self.windows.step(expected | {"n": size}, settings)["n"] == m:
                self.slip(row, "n_in", n, size, "local", "with it the rows below fit")
                self.rows = (replace(row, cells={**row.cells, "n_in": size}), *self.rows[1:])
                expected["n"] = size
                return

    def enter(self, index: int, row: LayerFact, expected: StatedMap, previous: StatedMap) -> StatedMap:
        """Checks the stated inputs against the row above; returns the map that should come in."""
        stated = {q: row.cells[f"{q}_in"] for q in QUANTITIES if f"{q}_in" in row.cells}
        if self.apart or (
            index and self.rows[index - 1].kind in ("resample", "flat", "other") and self.outs[-1]["r"] is None
        ):
            return expected | stated
        read = self.branch(index, stated, previous)
        expected = read or expected
        for quantity, value in stated.items():
            if expected[quantity] is None:
                expected = expected | {quantity: value}
                continue
            self.checked += 1
            before, after = self.trail[-1] if index else (expected, expected)
            if quantity == "j" and after["n"] == 1 and value == before["j"]:  # beside one unit there is no other
                expected = expected | {"j": value}
            if value != expected[quantity]:
                inherited = previous[quantity] == value
                above = f"as row {self.rows[index - 1].number} makes it" if index else ""
                why = "as the map has it that it reads" if read else above
                self.slip(row, f"{quantity}_in", value, expected[quantity], "inherited" if inherited else "local", why)
        return expected

    def branch(self, index: int, stated: Mapping[str, Number], previous: StatedMap) -> StatedMap | None:
        """The map of an earlier row that the row reads, in a table with branches; None where it reads the row above."""
        if not self.branches or index == 0:
            return None
        if stated and all(previous[q] in (value, None) for q, value in stated.items()):
            return None
        row = self.rows[index]
        earlier = [*(out for _, out in self.trail[-2::-1]), self.trail[0][0]]
        for out in earlier:
            if stated and all(out[q] == value for q, value in stated.items()):
                return dict(out)
        if starts_again(self.rows[0], row, previous):  # with a size that is a slip
            return dict(self.trail[0][0])
        outs = {q: row.cells[f"{q}_out"] for q in ("j", "r") if f"{q}_out" in row.cells}
        if not stated and "r" in outs:
            for place, out in enumerate([self.trail[-1][1], *earlier]):
                after = self.windows.step(out, self.windows.of(row, out, outs))
                if all(after[q] in (value, None) for q, value in outs.items()):
                    return dict(out) if place else None
        return None

    def pass_row(
        self, index: int, row: LayerFact, entering: StatedMap, previous: StatedMap
    ) -> tuple[StatedMap, StatedMap]:
        """Checks the stated outputs; returns the map that should come out, and the one that the row states."""
        own: StatedMap = {q: row.cells.get(f"{q}_in", previous[q]) for q in QUANTITIES}
        stated = {q: row.cells[f"{q}_out"] for q in QUANTITIES if f"{q}_out" in row.cells}
        shown: Mapping[str, Number] = stated if "n" in stated else stated | self.size_below(index, entering["n"])
        settings = self.windows.of(row, own | ({"n": entering["n"]} if entering["n"] else {}), shown)
        size, made = stated.get("n"), self.windows.step(own, settings)["n"]
        refused = size is not None and size != made and self.fits_below(index, size) is False
        judged = self.model.form != "code" and not refused  # a size that the row below contradicts is the slip itself
        read = size is not None and self.fits_below(self.last_pointwise(index), size) is True
        repaired = blamed(self.windows, self.rows, row, own, stated, settings, read) if judged else None
        if repaired:
            column, value, settings = repaired
            self.slip(row, column, row.cells[column], value, "local", "with it the row's other figures fit")
        if size is not None and entering["n"] and (stride := other_stride(row, entering["n"], size, settings)):
            why = f"{'no kernel' if stride == 1 else 'no pool'} without padding makes {size} of {entering['n']} with it"
            self.slip(row, "stride", row.cells["stride"], stride, "local", why)
            settings = replace(settings, stride=stride)
        if row.same and size is not None and (bare := self.without_same(index, row, entering, settings, size)):
            why = f"padding that keeps the size would make {self.windows.step(entering, settings)['n']}"
            self.slip(row, "padding", (bare.kernel_size or 1) // 2, 0, "local", why)
            settings = bare
        local, right = self.windows.step(own, settings), self.windows.step(entering, settings)
        if right["n"] is None and shown.get("n") == entering["n"] and not self.sized(index, index + 1):
            right["n"] = entering["n"]
        for quantity, value in stated.items():
            should = right[quantity] if quantity != "r" or not self.phased else None
            if should is None and quantity == "n":
                should = self.size(index, row, entering["n"], settings, value)
            if should is None:
                right[quantity] = value
                continue
            self.checked += 1
            accepted = self.windows.accepts(quantity, row, entering, settings, value)
            if accepted and quantity == "n" and self.fits_below(index, value) is False:
                accepted = not self.fits_below(index, should)  # sizes are not rounded up here
            unknown = row.kind == "input" and index > 0 and quantity == "r" and value > should  # of any kernel
            if value == should or row.several or accepted or unknown:
                right[quantity] = value  # a row for several layers cannot be worked out as one
                continue
            kind = "inherited" if value == local[quantity] else "local"
            why = sum_of(quantity, entering, settings) if should else "the kernel does not fit"
            if quantity == "n" and settings.padding is None and not (settings.same or settings.enlarges):
                alone = value in self.sizes_of(row, entering["n"], settings)
                why = f"{'only' if alone else 'no'} padding makes {value} of {entering['n']}"
                why += f", and the row below reads {should}" * (alone and self.fits_below(index, should or 0) is True)
            self.slip(row, f"{quantity}_out", value, should or None, kind, why)
            right[quantity] = should or value
        self.phased = self.phased or row.kind == "resample"
        following: StatedMap = {q: stated.get(q, local[q] if local[q] is not None else right[q]) for q in QUANTITIES}
        return right, following

    def without_same(
        self, index: int, row: LayerFact, entering: StatedMap, settings: StatedSettings, size: Number
    ) -> StatedSettings | None:
        """The window without the padding that is said to keep the size, where the stated size is what it makes then,
        and the row below reads that; None anywhere else."""
        bare = replace(settings, same=False, padding=0)
        right, cut = (self.windows.step(entering, one)["n"] for one in (settings, bare))
        fits = self.fits_below(self.last_pointwise(index), size)
        return bare if size == cut != right is not None and fits else None

    def last_pointwise(self, index: int) -> int:
        """The last of the rows without a window that follow one, itself where none does."""
        return index + sum(1 for _ in takewhile(lambda row: row.kind == "pointwise", self.rows[index + 1 :]))

    def size_below(self, index: int, given: Number | None = None) -> dict[str, Number]:
        """The size that the row below says comes in; where it does not say, a row further down: the given one then
        passes all between."""
        below = next((at for at in range(index + 1, len(self.rows)) if self.sized(at)), None)
        n = self.rows[below].cells.get("n_in") if below and not self.branches else None
        return {} if n is None or (n != given and below != index + 1) else {"n": n}

    def sized(self, *places: int) -> bool:
        """Whether one of the rows at these places states a size."""
        return any({"n_in", "n_out"} & row.cells.keys() for at in places for row in self.rows[at : at + 1])

    def size(
        self, index: int, row: LayerFact, given: Number | None, settings: StatedSettings, value: Number
    ) -> int | None:
        """The size after a row whose padding is not stated, where no padding makes the stated one and the row below or
        the table's other rows tell which it is; None where it may be right."""
        k, s = settings.kernel_size, settings.stride
        if k is None or s is None or row.several or k > LARGEST_SETTING:
            return None
        if not isinstance(given, int) or not isinstance(value, int):
            return None
        possible = self.sizes_of(row, given, settings)
        bare = row.kind == "pool" and value == (given - settings.dilation * (k - 1) - 1) // s + 1
        if value in possible and not bare and (read := self.told_below(index, value, possible)):
            return read
        keeps = self.kept
        unpadded = self.unpadded(given, k, s, settings.dilation)
        if (
            (value in possible and not self.padded_alone(index, row, given, value, settings))
            or value == 1
            or row.kind == "global"
        ):
            self.checked += value in (given // s, -(-given // s)) and k > 1 and value != unpadded
            return unpadded if value == unpadded else None
        if self.branches and "n_in" not in row.cells:  # it may read any row above
            made = {n for _, out in self.trail if isinstance(n := out["n"], int)}
            if any(value in possible_sizes(n, k, s, settings.dilation, True) for n in made):
                return None
        told = {n: self.fits_below(index, n) for n in sorted(possible)}
        if list(told.values()).count(True) == 1:
            return next(n for n in told if told[n])
        if self.size_below(index):
            return None
        if row.kind == "pool" and k == s:
            return given // s
        return -(-given // s) if keeps > 1 else unpadded

    def told_below(self, index: int, value: int, possible: set[int]) -> int | None:
        """The one size that the row below reads, where it is not the stated one and the row after it fits what the row
        below states."""
        below = self.rows[index + 1].cells.get("n_out") if index + 1 < len(self.rows) else None
        if below is None or self.fits_below(index, value) is not False or self.fits_below(index + 1, below) is not True:
            return None
        fitting = [n for n in possible if self.fits_below(index, n)]
        return fitting[0] if len(fitting) == 1 else None

    def sizes_of(self, row: LayerFact, given: Number | None, settings: StatedSettings) -> set[int]:
        """The sizes that a row can make of another, whatever its padding; none where its window is not known."""
        k, s, pool = settings.kernel_size, settings.stride, row.kind == "pool"
        if not k or not s or k > LARGEST_SETTING or not isinstance(given, int):
            return set()
        return possible_sizes(given, k, s, settings.dilation, s > 1 or pool, pool)

    def padded_alone(self, index: int, row: LayerFact, given: int, value: int, settings: StatedSettings) -> bool:
        """Whether padding alone makes the size of a pool, which few have: the row below makes its own of another one,
        or, where it does not say, a pool like it above has none."""
        s = int(settings.stride or 1)
        if row.kind != "pool" or value in (given // s, -(-given // s)):
            return False
        plain = (settings.kernel_size, s) in self.plain_pools
        fits = self.fits_below(index, value)
        return fits is False or (plain and fits is None)

    def fits_below(self, index: int, n: Number) -> bool | None:
        """Whether the row below makes what it states of a map of that size; None where it does not show it."""
        row = self.rows[index + 1] if index + 1 < len(self.rows) and not self.branches else None
        if row is None or "n_in" in row.cells or "n_out" not in row.cells:
            return None if row is None or "n_in" not in row.cells else row.cells["n_in"] == n
        given: StatedMap = {"n": n, "j": None, "r": None}
        settings = self.windows.of(row, given, {"n": row.cells["n_out"]})
        made = self.windows.step(given, settings)["n"]
        accepted = self.windows.rounds_up(row, given, settings, row.cells["n_out"])
        if made is None and not row.several and (sizes := self.sizes_of(row, n, settings)):
            return row.cells["n_out"] in sizes
        return None if made is None or row.several else made == row.cells["n_out"] or accepted

    def unpadded(self, given: int, k: int, s: int, dilation: int) -> int | None:
        """The size without padding, where at least two convolutions above have none and no map is kept."""
        return (given - dilation * (k - 1) - 1) // s + 1 if self.cut > 1 and not self.kept else None

    def count(self, row: LayerFact, given: Number | None, made: Number | None) -> None:
        """What a row shows of how the table pads."""
        if given is None or made is None:
            return
        kernel = row.cells.get("kernel_size")
        self.kept += given == made
        self.cut += row.kind == "conv" and kernel is not None and given - made == kernel - 1 > 0
        if row.kind == "pool" and made > 0 and given % made == 0:
            self.plain_pools.add((row.cells.get("kernel_size", row.cells.get("stride")), given // made))

    def slip(
        self, row: LayerFact, column: str, stated: Number, computed: Number | None, kind: str, why: str = ""
    ) -> None:
        self.slips.append(Cell(row.number, column, stated, computed, kind, row.line_of(column), why))


def without_padding(rows: tuple[LayerFact, ...]) -> tuple[LayerFact, ...]:
    """The rows with the sizes that come in as they are in front of the padding, where several state them with it in
    them, and none without: not the size that the row above states."""
    padded = [row for row in rows if row.kind == "conv" and {"n_in", "n_out", "padding", "kernel_size"} <= {*row.cells}]
    padded = [row for row in padded if row.cells["padding"] > 0 and row.cells.get("stride", 1) == 1]
    cut = [
        row.cells["n_in"] - row.cells["n_out"] == row.cells.get("dilation", 1) * (row.cells["kernel_size"] - 1)
        for row in padded
    ]
    taken = {
        below.number: below.cells["n_in"] == above.cells["n_out"]
        for above, below in pairwise(row for row in rows if row.cells.keys() & {"n_in", "n_out"})
        if "n_out" in above.cells and "n_in" in below.cells
    }
    if len(cut) < SEVERAL or not all(cut) or any(taken.get(row.number) for row in padded):
        return rows
    bare = {row.number: row.cells["n_in"] - 2 * row.cells["padding"] for row in padded}
    found = [row.number in bare and row.kind == "conv" for row in rows]
    return tuple(
        replace(row, cells={**row.cells, "n_in": bare[row.number]}) if cut else row
        for row, cut in zip(rows, found, strict=True)
    )


def other_stride(row: LayerFact, given: Number, made: Number, settings: StatedSettings) -> int | None:
    """The stride of a convolution whose kernel is not stated that makes a map which with its own and without padding no
    kernel makes, 1; that of a pool with stride 1, and no figure but its size, that divides the map by its kernel."""
    s, k = row.cells.get("stride"), settings.kernel_size
    if row.kind == "pool" and s == 1 and k and k > 1 and made * k == given and not {*row.cells} & {"r_out", "j_out"}:
        return int(k)
    known = row.kind == "conv" and row.cells.get("padding") == 0 and k is None and settings.stride is not None
    return 1 if known and (given - 1) // (settings.stride or 1) + 1 < made <= given and settings.stride != 1 else None


def with_lagging_jumps(rows: tuple[LayerFact, ...]) -> tuple[LayerFact, ...]:
    """The rows of code with the jumps that come in under their own word, where each that is said to go out is one."""
    j, lagging, leading = 1, [], []
    for row in rows:
        stride = int(row.cells.get("stride", 1)) if row.kind not in ("pointwise", "input") else 1
        if "j_out" in row.cells:
            lagging.append(row.cells["j_out"] == j)
            leading.append(row.cells["j_out"] == j * stride)
        j *= stride
    if not lagging or not all(lagging) or all(leading):
        return rows
    return tuple(
        replace(row, cells={"j_in" if key == "j_out" else key: n for key, n in row.cells.items()}) for row in rows
    )


def once(slips: Sequence[Cell], rows: Sequence[LayerFact]) -> list[Cell]:
    """The slips, those of a layer that runs several times as one: its comment is right where one of its uses is."""
    names = {row.number: row.name for row in rows}
    again = {(row.line, row.name) for row in rows if row.again}
    stated = Counter((row.line, row.name, column) for row in rows for column in row.cells)
    keys = [(slip.line, names.get(int(slip.row), ""), slip.column) for slip in slips]
    amiss, first = Counter(keys), dict(zip(keys[::-1], slips[::-1], strict=True))
    return [
        slip
        for slip, key in zip(slips, keys, strict=True)
        if key[:2] not in again or (slip is first[key] and amiss[key] == stated[key])
    ]


def with_first_stride(rows: Sequence[LayerFact]) -> tuple[LayerFact, ...]:
    """The rows, the first with the stride that the fields after the next two show where it and the image's size are not
    stated: each grows by its kernel less one for every jump."""
    windowed = [row.cells for row in rows if row.kind in ("conv", "pool")]
    if (
        len(windowed) < LOOKED_AT
        or windowed[0] is not rows[0].cells
        or {"stride", "n_in", "j_out"} & rows[0].cells.keys()
    ):
        return tuple(rows)
    first, second, third = windowed[:LOOKED_AT]
    jumps = [jump_in(*pair) for pair in ((first, second), (second, third))]
    sizes = [cells.get("n_out") for cells in (first, second)]
    if None in (*jumps, *sizes) or jumps[0] != jumps[1] or sizes[0] != sizes[1] or "kernel_size" not in first:
        return tuple(rows)
    return (replace(rows[0], cells={**first, "stride": jumps[0]}), *rows[1:])  # type: ignore[dict-item]


def jump_in(above: Mapping[str, Number], cells: Mapping[str, Number]) -> int | None:
    """The jump in front of a window, by what it adds to the field; None where that is not told."""
    if "r_out" not in above or "r_out" not in cells or cells.get("kernel_size", 1) <= 1 or cells.get("dilation", 1) < 1:
        return None
    jump, rest = divmod(cells["r_out"] - above["r_out"], cells.get("dilation", 1) * (cells["kernel_size"] - 1))
    return int(jump) if jump >= 1 and not rest else None


def branches(rows: Sequence[LayerFact]) -> bool:
    """Whether rows stand beside each other: joins, names of branches, two rows that state what comes in as an earlier
    row does, or one that begins again from the image."""
    if any(row.kind == "join" or BRANCHED.search(row.name) for row in rows):
        return True
    if any(starts_again(rows[0], row, {q: above.cells.get(f"{q}_out") for q in "jr"}) for above, row in pairwise(rows)):
        return True
    ins = [(a.cells.get("r_in"), b.cells.get("r_in"), a.cells.get("r_out")) for a, b in pairwise(rows)]
    again = Counter(second for first, second, made in ins if second is not None and first == second != made)
    return sum(again.values()) > 1


def starts_again(first: LayerFact, row: LayerFact, above: Mapping[str, Number | None]) -> bool:
    """Whether a row states the channels, jump and field that come into the first one, and not those made above it."""
    same = all(key in row.cells and row.cells[key] == first.cells.get(key) for key in ("ch_in", "j_in", "r_in"))
    return same and row.cells["r_in"] != above["r"] is not None
