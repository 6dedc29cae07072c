"""The window of a stated row, and what the engine's arithmetic makes of a size, jump and field behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ...engine.geometry import Axis, Field, Number, Strand, Window
from ...errors import ShapeError
from ..infer.costs import LARGEST_SPREAD
from ..read.facts import LARGEST_SETTING, LayerFact
from .readings import TableReading

QUANTITIES = ("n", "j", "r")
StatedMap = dict[str, Number | None]
"""A map by its size, jump and field; None for what is unknown."""
POSSIBLE_STRIDES = (1, 2, 3, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class StatedSettings:
    """A row's window, as far as it is known; `passes` says that the row leaves jump and field as they are, `enlarges`
    that it makes a * n + b of a size n instead."""

    kernel_size: int | None = None
    stride: int | None = None
    padding: int | None = None
    dilation: int = 1
    same: bool = False
    ceil: bool = False
    passes: bool = False
    enlarges: tuple[int, int] | None = None


@lru_cache(maxsize=65536)
def step(
    n: Number | None, j: Number | None, r: Number | None, settings: StatedSettings, shift: int
) -> tuple[Number | None, ...]:
    """Size, jump and field after a window, by the engine; None for what is unknown, size 0 where the kernel does not
    fit. `shift` is 1 in a table whose fields count from 0."""
    k, s, d = settings.kernel_size, settings.stride, settings.dilation
    if settings.passes and k is None:
        return n, j, r
    if settings.enlarges and isinstance(n, int):
        return settings.enlarges[0] * n + settings.enlarges[1], None, None
    if k is None or not (0 < k <= LARGEST_SETTING and 0 < (s or 1) <= LARGEST_SETTING and 0 < d <= LARGEST_SETTING):
        return None, None if s is None or j is None else j * s, None
    window = Window(k, s or 1, (settings.padding or 0,) * 2, d)
    out = size_after(n, window, settings) if s else None
    if not isinstance(j, int) or not 0 < j <= LARGEST_SETTING:
        return out, None, r if k == 1 else None
    reach = r + shift if isinstance(r, int) and 0 <= r <= LARGEST_SETTING else None
    axis = Axis(1, (Strand(j, (Field(0, (reach or 1) - 1),)),)).through(window.taps(), 1)
    field_out = axis.receptive_field
    known = reach is not None and field_out is not None
    return (
        out,
        j if settings.passes else axis.jump if s else None,
        (r if settings.passes else field_out - shift if known and field_out else None),
    )


def size_after(n: Number | None, window: Window, settings: StatedSettings) -> int | None:
    if settings.same and isinstance(n, int) and n > 0:
        return -(-n // window.stride)
    known = settings.padding is not None and 0 <= settings.padding <= LARGEST_SETTING
    if not known or not isinstance(n, int) or not 0 < n <= LARGEST_SETTING:
        return None
    try:
        return window.output_size(n, settings.ceil and window.stride > 1)
    except ShapeError:
        return 0


def sum_of(quantity: str, state: StatedMap, settings: StatedSettings) -> str:
    """A size, jump or field after a window as arithmetic; empty where nothing has to be worked out."""
    k, s, p, d = settings.kernel_size, settings.stride, settings.padding, settings.dilation
    if settings.enlarges:
        times, more = settings.enlarges
        return f"{times} * {state['n']} {'-' if more < 0 else '+'} {abs(more)}"
    if k is None or settings.passes:
        return ""
    spread = f"{d} * ({k} - 1)" if d > 1 else f"({k} - 1)"
    if quantity == "j":
        return f"{state['j']} * {s}"
    if quantity == "r" and state["j"] is None:
        return f"a kernel of {k} leaves {state['r']} as it is"
    if quantity == "r":
        return f"{state['r']} + {spread} * {state['j']}"
    if settings.same:
        return f"{state['n']} / {s}, rounded up"
    if settings.ceil:
        return f"({state['n']} + 2 * {p} - {spread} - 1) / {s} + 1, rounded up"
    return f"({state['n']} + 2 * {p} - {spread} - 1) // {s} + 1"


class RowWindows:
    """The windows of a model's rows under one reading: stated, or shown by the figures themselves."""

    def __init__(self, reading: TableReading, rows: Sequence[LayerFact]) -> None:
        self.reading = reading
        self.shift = 1 if reading.start == "zero" else 0
        self.unstrided = unstrided(rows)

    def of(self, row: LayerFact, own: StatedMap, stated: Mapping[str, Number]) -> StatedSettings:
        """The row's window from its cells, its kind, and where they say nothing the figures themselves."""
        cells = row.cells
        if row.kind in ("input", "pointwise") and cells.get("kernel_size", 1) <= 1:  # an input's stride is often 0
            return StatedSettings(1, 1, 0)
        if row.kind == "resample":
            return StatedSettings(enlarges=enlargement(row))
        if row.kind in ("join", "flat", "other") and "kernel_size" not in cells:
            return StatedSettings(passes=row.kind == "join")
        size = own["n"] if row.kind == "global" else None
        spread = {"kernel_size", "dilation"} <= cells.keys()
        kernel = cells.get("effective" if not spread else "kernel_size", cells.get("kernel_size", size))
        k = int(kernel) if isinstance(kernel, int) and kernel > 0 else None
        padding, dilation = cells.get("padding"), cells.get("dilation", 1)
        plain = ("effective" in cells and not spread) or self.reading.effective
        stride = self.stride(row, own, stated)
        if row.kind == "pool" and k is None and not row.several:
            k = stride and stride + self.reading.overlapping
        return StatedSettings(
            kernel_size=k,
            stride=stride,
            padding=int(padding) if isinstance(padding, int) else 0 if row.kind == "global" else None,
            dilation=1 if plain or not isinstance(dilation, int) or dilation < 1 else int(dilation),
            same=row.same,
            ceil=self.reading.rounds_up or (row.kind == "pool" and bool(dict(row.settings).get("ceil_mode"))),
            passes=self.reading.ignores_pool and (row.kind == "global" or whole_map(row, own["n"])),
        )

    def stride(self, row: LayerFact, own: StatedMap, stated: Mapping[str, Number]) -> int | None:
        """The stated stride; else the one that jumps or sizes show, or that a pool of this kernel has."""
        if "stride" in row.cells:
            stride = row.cells["stride"]
            return int(stride) if isinstance(stride, int) and stride > 0 else None
        if row.kind == "global":
            k, n = row.cells.get("kernel_size"), own["n"]
            steps = isinstance(k, int) and isinstance(n, int) and 0 < k < n and stated.get("n") == n // k
            return int(k or 1) if steps else 1  # of a smaller window, torch's default
        before, after = own["j"], stated.get("j")
        if isinstance(before, int) and isinstance(after, int) and before > 0 and after % before == 0:
            return after // before or None
        n, m = own["n"], stated.get("n")
        known = "kernel_size" in row.cells
        if isinstance(n, int) and isinstance(m, int) and m > 1 and (known or row.kind == "pool"):
            return self.stride_between(n, m, row) if known else n // m if n // m > 1 else None
        kernel = row.cells.get("kernel_size")
        if row.kind == "pool":
            return int(kernel) if isinstance(kernel, int) and kernel > 0 else None
        return 1 if row.kind == "conv" and (kernel == 1 or self.unstrided) else None

    def stride_between(self, n: int, m: int, row: LayerFact) -> int:
        """The stride that makes one size of the other with the stated padding; where none is stated, that of a map
        cut to a whole part, else the smallest that any padding allows. A pool leaves out no value."""
        padding, dilation = row.cells.get("padding"), row.cells.get("dilation", 1)
        spread = int(dilation * (row.cells["kernel_size"] - 1))
        most = spread + 1 if row.kind == "pool" and spread > 0 else max(n, 1)
        if padding is None and (n % m == 0 or not 0 <= spread <= LARGEST_SPREAD):
            return min(n // m, most)
        paddings = range(spread + 1) if padding is None else [int(padding)]
        fitting = (s for s in POSSIBLE_STRIDES if any((n + 2 * p - spread - 1) // s + 1 == m for p in paddings))
        return min(next(fitting, max(1, round(n / m))), most)

    def step(self, state: StatedMap, settings: StatedSettings) -> StatedMap:
        """The map after a row's window."""
        return dict(zip(QUANTITIES, step(state["n"], state["j"], state["r"], settings, self.shift), strict=True))

    def accepts(
        self, quantity: str, row: LayerFact, entering: StatedMap, settings: StatedSettings, value: Number
    ) -> bool:
        """Whether a figure that differs is right in another way: a pool's size rounded up, a global pool's jump that
        counts its kernel as its stride."""
        if quantity == "n":
            return self.rounds_up(row, entering, settings, value)
        k, j = settings.kernel_size, entering["j"]
        if quantity == "j" and settings.passes and j is not None and value == j * (settings.stride or 1):
            return True
        single = row.kind in ("pool", "global") and (row.cells.get("n_out") == 1 or k == entering["n"] is not None)
        if quantity == "j" and single and value == j:
            return True  # beside one unit there is no other
        if quantity != "j" or row.kind != "global" or "stride" in row.cells or k is None or j is None:
            return False
        return value == k * j

    def rounds_up(self, row: LayerFact, entering: StatedMap, settings: StatedSettings, value: Number) -> bool:
        """Whether a pool's stated size is the one of ceil_mode, where no code says whether it has that."""
        if row.torch:
            return False
        return row.kind in ("pool", "global") and self.step(entering, replace(settings, ceil=True))["n"] == value


def possible_sizes(
    given: int, kernel: int, stride: int, dilation: int, rounds_up: bool, pool: bool = False
) -> set[int]:
    """The sizes that a window makes of another, whatever its padding; a pool's is at most half its kernel."""
    spread = dilation * (kernel - 1)
    most = kernel // 2 if pool else min(spread, LARGEST_SPREAD)
    rests = [given + 2 * p - spread - 1 for p in range(most + 1)]
    return (
        {rest // stride + 1 for rest in rests}
        | {-(-rest // stride) + 1 for rest in rests if rounds_up}
        | {-(-given // stride)}
    )


def enlargement(row: LayerFact) -> tuple[int, int] | None:
    """What a layer of code that enlarges makes of a size n, a * n + b; None where its settings do not show it."""
    cells, keys = row.cells, ("stride", "kernel_size", "padding", "dilation", "output_padding")
    if row.torch.startswith("ConvTranspose"):
        s, k, p, d, more = (cells.get(key, 0 if key == "output_padding" else None) for key in keys)
        if all(isinstance(n, int) and 0 <= n <= LARGEST_SETTING for n in (s, k, p, d, more)):
            return int(s), int(d * (k - 1) + more + 1 - 2 * p - s)  # type: ignore[operator, arg-type]
    scale = cells.get("upscale_factor" if row.torch == "PixelShuffle" else "scale_factor")
    return (scale, 0) if isinstance(scale, int) and 0 < scale <= LARGEST_SETTING else None


def whole_map(row: LayerFact, given: Number | None = None) -> bool:
    """Whether a pool's one unit reads the whole map, of the stated size or the given one."""
    size, made = row.cells.get("n_in", given), row.cells.get("n_out", 1)
    return row.kind == "pool" and made == 1 and row.cells.get("kernel_size") == size not in (None, 1)


def unstrided(rows: Sequence[LayerFact]) -> bool:
    """Whether no row shows a stride, by itself, by a size or by a jump: convolutions then have torch's 1."""
    return not any(key in row.cells for row in rows for key in ("stride", "n_in", "n_out", "j_in", "j_out"))
