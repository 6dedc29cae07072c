"""Rows as tables: for the terminal, for documents, for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..engine.arch import Arch, Row
from ..engine.geometry import FeatureMap, shape_text
from ..engine.ports import Port
from .cells import agreed, cells_of, text
from .claims import missed
from .counting import COUNTERS, counted, counter
from .findings import Finding, findings
from .grid import COLUMN_GAP, Column, Grid, as_json, rendered
from .torchsummary import to_torchsummary

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

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


def line(row: Row) -> str:
    """One row for `print`: its maps, its window, and what the table has of its field and its costs.

    >>> import rfcalc
    >>> print(rfcalc.load("s9")["C1.conv"])
    C1.conv (conv): 3x32x32 -> 32x32x32, kernel 3, padding 1, jump 1, r 3, params 896, MACs 884,736
    """
    cells = cells_of(row)
    shown = [
        f"{key.removesuffix('_size')} {text(cells[key])}"
        for key, usual in USUAL_WINDOW.items()
        if cells[key] not in (None, usual)
    ]
    figures = {"jump": "j_out", "r": "r_out", "params": "params", "MACs": "macs"}
    shown += [f"{word} {text(cells[key])}" for word, key in figures.items()]
    status = [] if row.status == "exact" else [row.status]
    maps = " and ".join(map(str, row.inputs))
    return f"{row.name} ({row.layer.op}): {maps} -> {', '.join([str(row.out), *shown, *status])}"


USUAL_WINDOW = {"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1}
"""Windows that do nothing go without saying."""


@dataclass(frozen=True)
class Table:
    """The rows of a network; each is a mapping with the keys of the JSON contract.

    >>> import rfcalc
    >>> rfcalc.load("s9").table()[0]["r_out"]
    3
    """

    arch: Arch
    all_layers: bool = False
    count: str = "macs"
    """Whose count the column of MACs holds: one of `rfcalc.report.counting.COUNTERS`."""

    def __post_init__(self) -> None:
        counter(self.count)  # raises for a name that nobody counts under

    def cells(self, row: Row) -> dict[str, Any]:
        """A row's figures by column; None for what is unknown."""
        return cells_of(row) | {"macs": COUNTERS[self.count].of(row)}

    @cached_property
    def rows(self) -> tuple[dict[str, Any], ...]:
        """One mapping a layer; unless all layers are asked for, those that change nothing are named in `op` of the
        row above."""
        shown: list[dict[str, Any]] = []
        for row in self.arch.rows:
            if not self.all_layers and shown and row.keeps_all and row.node.inputs == (row.index - 1,):
                shown[-1]["op"] += f", {row.layer.op}"
                more = COUNTERS[self.count].of(row)  # some tools count layers that change nothing
                shown[-1]["macs"] = None if None in (shown[-1]["macs"], more) else shown[-1]["macs"] + more
            else:
                shown.append(self.cells(row))
        return tuple(shown)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.rows[index]

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What a reader should know about the design."""
        return findings(self.arch)

    @property
    def totals(self) -> tuple[str, ...]:
        """Parameters, MACs and receptive field of the whole, a line each."""
        arch, same = self.arch, self.arch.constant_macs
        pooled = arch.global_row.x if arch.global_row else arch.out
        before, after = (
            at_most(x) + text(agreed(field)) for x, field in zip((pooled, arch.out), arch.receptive_field, strict=True)
        )
        field = f"{before} before global pooling, {after} after" if arch.global_row else f"{after}, no global pooling"
        unused = ", ".join(f"{name} ({text(count)})" for name, count in arch.unused.items())
        return (
            f"{arch.name}: input {shape_text(arch.input)}, output {arch.out}",
            f"params {text(arch.params)}, {self.macs}",
            f"receptive field{f' of {arch.of}:' if arch.of else ''} {field}",
            *output_lines(arch),
            *(["differs from call to call: this is one of the networks that it may be"] if arch.one_draw else []),
            *([f"MACs between weights alone, the same for every image, not counted: {same:,}"] if same else []),
            *([f"parameters that forward never uses, not counted: {unused}"] if unused else []),
        )

    @property
    def macs(self) -> str:
        """The total, under its own name; of what is known, where some of it is not."""
        about, arch = COUNTERS[self.count], self.arch
        known = counted([row for row in arch.rows if row.macs is not None], self.count)
        partial = f" (partial: {text(known)} without {', '.join(arch.uncounted)})" if arch.uncounted else ""
        whose = "" if self.count == "macs" else f" as {about.tool} counts"
        return f"{about.heading} {text(counted(arch.rows, self.count))}{partial}{whose}"

    @property
    def columns(self) -> dict[str, Column]:
        """The columns by key; the status only where it says more than that all is exact."""
        shows_status = any(row["status"] != "exact" for row in self.rows)
        shown = {key: column for key, column in COLUMNS.items() if key != "status" or shows_status}
        return shown | {"macs": replace(shown["macs"], heading=COUNTERS[self.count].heading)}

    @property
    def grid(self) -> Grid:
        """The rows as text, the totals below them."""
        columns = self.columns
        rows = tuple(tuple(text(cells[key]) for key in columns) for cells in self.rows)
        return Grid(tuple(columns.values()), rows, (*self.totals, *missed(self.arch)))

    @property
    def document(self) -> Grid:
        """The rows as text, totals and findings below them."""
        grid = self.grid
        findings = (f"{finding.kind}: {finding.text}" for finding in self.findings)
        return replace(grid, caption=(*grid.caption, *findings))

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal of that width: the rows, the totals, the findings."""
        from rich.console import Group
        from rich.text import Text

        findings = [Text.assemble((f"{f.kind}: ", "bold yellow"), f.text) for f in self.findings]
        return Group(self.grid.to_rich(width), *([Text(), *findings] if findings else []))

    def to_json(self) -> dict[str, Any]:
        """The contract of `--format json`, which lists every layer."""
        arch = self.arch
        before, after = map(agreed, arch.receptive_field)
        return {
            "name": arch.name,
            "input": list(arch.input),
            "params": arch.params,
            "macs": counted(arch.rows, self.count),
            **({} if self.count == "macs" else {"count": self.count}),
            "receptive_field": {"before_global_pool": before, "after_global_pool": after},
            "inputs": [{"name": port.name, "shape": list(port.shape)} for port in arch.inputs],
            "outputs": [
                {"name": port.name, "shape": list(port.shape), "receptive_field": fields_by_input(arch, port)}
                for port in arch.outputs
            ],
            **({"one_draw": True} if arch.one_draw else {}),
            "aligned": not any(finding.kind == "misaligned" for finding in self.findings),
            "layers": [self._layer(row) for row in arch.rows],
            "findings": [{"kind": f.kind, "layers": list(f.layers), "text": f.text} for f in self.findings],
        }

    def _layer(self, row: Row) -> dict[str, Any]:
        cells = self.cells(row)
        head = {key: cells.pop(key) for key in ("index", "name", "op")}
        fields = [axis.widest for axis in row.out.axes]
        sizes = tuple(zip(row.out.axes, self.arch.sizes, strict=True))
        return {
            **head,
            "from": list(self.arch.sources(row)),
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
        """As the package torchsummary prints it."""
        return to_torchsummary(self.arch)

    def to_text(self, form: str) -> str:
        """The table in a text form: markdown, csv, json, html, latex or torchsummary."""
        if form == "json":
            return as_json(self.to_json())
        if form == "torchsummary":
            return self.to_torchsummary()
        if form == "csv":
            return self.to_csv()
        return self.document.to_text(form)

    def _repr_html_(self) -> str:
        return self.document.to_html()

    def __str__(self) -> str:
        return rendered(self.render(), max(80, sum(self.grid.widths()) + COLUMN_GAP * len(COLUMNS)))


def at_most(x: FeatureMap) -> str:
    """What stands before a field that is an upper bound."""
    return "at most " if any(axis.doubt and axis.strands for axis in x.axes) else ""


def output_lines(arch: Arch) -> Iterator[str]:
    """A line for each output, where a network has several, or several inputs."""
    if len(arch.inputs) == len(arch.outputs) == 1:
        return
    maps = [(port, arch.seen_from(port)) for port in arch.images]
    for output in arch.outputs:
        fields = []
        for port, seen in maps:
            x = seen[output.node]
            fields.append(at_most(x) + text(field_on(arch, port, x)) + (f" of {port.name}" if len(maps) > 1 else ""))
        yield f"output {output.name}: {shape_text(output.shape) or 'one number'}, receptive field {', '.join(fields)}"


def fields_by_input(arch: Arch, output: Port) -> dict[str, Any]:
    """An output's field on each input: pixels per axis, 0 where it does not depend on it, None where it is unknown."""
    return {port.name: field_on(arch, port, arch.seen_from(port)[output.node]) for port in arch.inputs}


def field_on(arch: Arch, port: Port, x: FeatureMap) -> Any:
    if port.node and arch.rows[port.node - 1].out.flat:
        return None  # a vector has no axes
    axes = x.axes[: max(len(port.shape) - 1, 1)]
    return agreed(tuple((axis.receptive_field or 0) if axis.strands else None for axis in axes))
