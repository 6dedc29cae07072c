"""Rows as tables: for the terminal, for documents, for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

from .arch import Arch, Row
from .geometry import FeatureMap
from .grid import Column, Grid

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

FORMATS = ("rich", "markdown", "csv", "json", "html", "latex", "torchsummary")
UNKNOWN = "–"

COLUMNS = {
    "name": Column("layer", left=True),
    "op": Column("operation", 8, left=True),
    "n_in": Column("N_in", 13),
    "n_out": Column("N_out"),
    "ch_in": Column("Ch_in", 12),
    "ch_out": Column("Ch_out", 2),
    "padding": Column("padding", 7, short="pad"),
    "kernel_size": Column("kernel", 4, short="k"),
    "stride": Column("stride", 5, short="s"),
    "dilation": Column("dilation", 6, short="d"),
    "groups": Column("groups", 14),
    "j_in": Column("j_in", 15),
    "j_out": Column("j_out", 3),
    "r_in": Column("r_in", 11),
    "r_out": Column("r_out"),
    "start_out": Column("start", 10),
    "params": Column("params"),
    "macs": Column("MACs", 9),
    "status": Column("status", 1, left=True),
}


def number(value: Any) -> Any:
    """An exact figure as JSON knows it: fractions become floats."""
    return float(value) if isinstance(value, Fraction) else value


def agreed(values: tuple[Any, ...]) -> Any:
    """One value where all axes agree, else a list of them; None when there are none or any is unknown."""
    if not values or None in values:
        return None
    numbers = [list(map(number, v)) if isinstance(v, tuple) else number(v) for v in values]
    return numbers[0] if all(n == numbers[0] for n in numbers) else numbers


def cells_of(row: Row) -> dict[str, Any]:
    """One row under the keys of the JSON contract: a number, a list per axis, or None."""
    x, out, windows = row.x, row.out, row.windows
    pads = tuple(w.padding[0] if w.padding[0] == w.padding[1] else w.padding for w in windows)
    fields = {
        key + side: agreed(tuple(getattr(axis, attribute) for axis in which.axes))
        for key, attribute in (("j", "jump"), ("r", "receptive_field"), ("start", "start"))
        for side, which in (("_in", x), ("_out", out))
    }
    return {
        "index": row.index,
        "name": row.name,
        "op": row.layer.op,
        "n_in": sizes_of(x),
        "n_out": sizes_of(out),
        "ch_in": x.channels,
        "ch_out": out.channels,
        "kernel_size": agreed(tuple(w.kernel_size for w in windows)),
        "stride": agreed(tuple(w.stride for w in windows)),
        "padding": agreed(pads),
        "dilation": agreed(tuple(w.dilation for w in windows)),
        "groups": row.groups,
        **fields,
        "params": row.params,
        "macs": row.macs,
        "status": row.status,
    }


def sizes_of(x: FeatureMap) -> Any:
    return None if x.flat else agreed(x.sizes)


def text(value: Any) -> str:
    """A cell as people read it: – when unknown, 3x1 where axes differ, 2/3 where no decimal is exact."""
    if value is None:
        return UNKNOWN
    if isinstance(value, list | tuple):
        return "x".join(f"({','.join(map(text, v))})" if isinstance(v, list | tuple) else text(v) for v in value)
    if isinstance(value, float):
        exact = Fraction(value).limit_denominator(10_000)
        return f"{value:g}" if float(f"{value:g}") == value else str(exact)
    return f"{value:,}" if isinstance(value, int) else str(value)


@dataclass(frozen=True)
class Table:
    """The rows of a network; each is a mapping with the keys of the JSON contract.

    >>> import rfcalc
    >>> rfcalc.load("s9").table()[0]["r_out"]
    3
    """

    arch: Arch
    all_layers: bool = False

    @cached_property
    def rows(self) -> tuple[dict[str, Any], ...]:
        """One mapping a layer; unless all layers are asked for, those that change nothing are named in `op` of the
        row above."""
        shown: list[dict[str, Any]] = []
        for row in self.arch.rows:
            if not self.all_layers and shown and row.keeps_all and row.node.inputs == (row.index - 1,):
                shown[-1]["op"] += f", {row.layer.op}"
            else:
                shown.append(cells_of(row))
        return tuple(shown)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.rows[index]

    @property
    def totals(self) -> tuple[str, ...]:
        arch = self.arch
        before, after = (text(agreed(field)) for field in arch.receptive_field)
        shape = "x".join(map(str, arch.input))
        field = f"{before} before global pooling, {after} after" if arch.global_row else f"{after}, no global pooling"
        unused = ", ".join(f"{name} ({count:,})" for name, count in arch.unused.items())
        return (
            f"{arch.name}: input {shape}, output {arch.out}",
            f"params {arch.params:,}, MACs {self.macs}",
            f"receptive field {field}",
            *([f"parameters that forward never uses, not counted: {unused}"] if unused else []),
        )

    @property
    def macs(self) -> str:
        if not self.arch.uncounted:
            return f"{self.arch.known_macs:,}"
        return f"{UNKNOWN} (partial: {self.arch.known_macs:,} without {', '.join(self.arch.uncounted)})"

    @property
    def columns(self) -> dict[str, Column]:
        """The columns by key; the status only where it says more than that all is exact."""
        shows_status = any(row["status"] != "exact" for row in self.rows)
        return {key: column for key, column in COLUMNS.items() if key != "status" or shows_status}

    @property
    def grid(self) -> Grid:
        """The rows as text, the totals below them."""
        columns = self.columns
        rows = tuple(tuple(text(cells[key]) for key in columns) for cells in self.rows)
        return Grid(tuple(columns.values()), rows, self.totals)

    @property
    def document(self) -> Grid:
        """The rows as text, totals and findings below them."""
        grid = self.grid
        findings = (f"{finding.kind}: {finding.text}" for finding in self.arch.findings)
        return replace(grid, caption=(*grid.caption, *findings))

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal of that width: the rows, the totals, the findings."""
        from rich.console import Group
        from rich.text import Text

        findings = [Text.assemble((f"{f.kind}: ", "bold yellow"), f.text) for f in self.arch.findings]
        return Group(self.grid.to_rich(width), *([Text(), *findings] if findings else []))

    def to_json(self) -> dict[str, Any]:
        """The contract of `--format json`, which lists every layer."""
        arch = self.arch
        before, after = map(agreed, arch.receptive_field)
        return {
            "name": arch.name,
            "input": list(arch.input),
            "params": arch.params,
            "macs": arch.macs,
            "receptive_field": {"before_global_pool": before, "after_global_pool": after},
            "aligned": not any(finding.kind == "misaligned" for finding in arch.findings),
            "layers": [self._layer(row) for row in arch.rows],
            "findings": [{"kind": f.kind, "layers": list(f.layers), "text": f.text} for f in arch.findings],
        }

    def _layer(self, row: Row) -> dict[str, Any]:
        cells = cells_of(row)
        names = [self.arch.nodes[i - 1].name if i else "input" for i in row.node.inputs]
        head = {key: cells.pop(key) for key in ("index", "name", "op")}
        fields = [axis.widest for axis in row.out.axes]
        sizes = tuple(zip(row.out.axes, self.arch.sizes, strict=True))
        return {
            **head,
            "from": names,
            **cells,
            "pixels_read": agreed(tuple(field and field.pixels for field in fields)),
            "outside_corner": agreed(tuple(axis.outside(0, size) for axis, size in sizes)),
            "outside_centre": agreed(tuple(axis.outside(axis.size // 2, size) for axis, size in sizes)),
        }

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a DataFrame; a missing value is NA, a value that differs between axes a list."""
        import pandas as pd

        return pd.DataFrame(self.rows).convert_dtypes()

    def to_csv(self) -> str:
        """The rows for programs: the keys as headings, digits without separators, nothing for what is unknown."""
        rows = ((("" if c[key] is None else text(c[key]).replace(",", "")) for key in COLUMNS) for c in self.rows)
        return Grid(tuple(map(Column, COLUMNS)), tuple(map(tuple, rows))).to_csv()

    def to_torchsummary(self) -> str:
        return to_torchsummary(self.arch)

    def to_text(self, form: str) -> str:
        """The table in a text form: markdown, csv, json, html, latex or torchsummary."""
        if form == "json":
            import json

            return json.dumps(self.to_json(), indent=1) + "\n"
        if form == "torchsummary":
            return self.to_torchsummary()
        if form == "csv":
            return self.to_csv()
        return self.document.to_text(form)

    def _repr_html_(self) -> str:
        return self.document.to_html()

    def __str__(self) -> str:
        from rich.console import Console

        console = Console(width=max(80, sum(self.grid.widths()) + 2 * len(COLUMNS)), color_system=None)
        with console.capture() as capture:
            console.print(self.render())
        return capture.get()


def printed_modules(arch: Arch) -> Iterator[tuple[str, Row, int]]:
    """What leaves a row in torchsummary's print: class, the layer whose map it shows, its own parameters."""
    for row in arch.rows:
        if not (row.layer.joins or row.node.functional):
            yield row.layer.torch_class(row.x), row, row.params
        for name in row.node.containers:
            yield name, row, 0


def to_torchsummary(arch: Arch) -> str:
    """The layout that torchsummary prints: a row for every module (joins and functional layers leave none), four bytes
    a value, outputs counted twice for the backward pass, sizes in MiB."""
    line, double = "-" * 64, "=" * 64
    out = [line, f"{'Layer (type)':>20}  {'Output Shape':>25} {'Param #':>15}", double]
    modules = list(printed_modules(arch))
    for number_, (name, row, params) in enumerate(modules, 1):
        shape = [-1, row.out.channels, *([] if row.out.flat else row.out.sizes)]
        out.append(f"{f'{name}-{number_}':>20}  {shape!s:>25} {params:>15,}")
    mebi = 4 / 1024**2
    given, passed, held = prod(arch.input), 2 * sum(row.out.elements for _, row, _ in modules), arch.params
    out += [
        double,
        f"Total params: {arch.params:,}",
        f"Trainable params: {arch.params:,}",
        "Non-trainable params: 0",
        line,
        f"Input size (MB): {given * mebi:.2f}",
        f"Forward/backward pass size (MB): {passed * mebi:.2f}",
        f"Params size (MB): {held * mebi:.2f}",
        f"Estimated Total Size (MB): {(given + passed + held) * mebi:.2f}",
        line,
    ]
    return "\n".join(out) + "\n"
