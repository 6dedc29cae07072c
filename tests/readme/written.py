"""Random networks written down as people write them: tables of many columns, spellings and drawings, and code."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from rfcalc.engine.arch import Arch, Row
from rfcalc.engine.geometry import Window

SPELLINGS = {
    "n_in": ("N_in", "n<sub>in</sub>", "Input size", "nin", "Input"),
    "n_out": ("N_out", "Output size", "n out", "Output"),
    "padding": ("Padding", "P", "pad"),
    "kernel_size": ("Kernel", "K", "kernel size", "Kernel_size"),
    "stride": ("Stride", "S", "strides"),
    "dilation": ("Dilation", "D"),
    "j_in": ("j_in", "Jin", "jump in"),
    "j_out": ("j_out", "J(out)", "Jump"),
    "r_in": ("r_in", "RF in", "RF (in)"),
    "r_out": ("r_out", "RF", "Receptive Field", "Receptive Field (RF)", "RF (out)"),
    "params": ("Params", "Param #", "Parameters"),
}
FORMS = ("markdown", "csv", "tsv", "html", "grid")
Cells = dict[str, int]


@dataclass(frozen=True)
class Written:
    """A table as written: its rows as figures, and the choices of its writer."""

    rows: tuple[tuple[str, Cells], ...]
    keys: tuple[str, ...]
    headings: tuple[str, ...]
    form: str
    named: bool
    together: bool
    sums: bool
    channels: bool

    def changed(self, row: int, key: str, value: int) -> Written:
        rows = list(self.rows)
        rows[row] = (rows[row][0], {**rows[row][1], key: value})
        return replace(self, rows=tuple(rows))

    def cell(self, row: int, key: str) -> str:
        cells, above = self.rows[row][1], self.rows[row - 1][1] if row else None
        if key == "k,p,s":
            return f"{cells['kernel_size']},{cells['padding']},{cells['stride']}"
        if self.sums and key == "r_out" and above:
            reach = f"({cells['kernel_size']} - 1) * {cells['dilation'] * above['j_out']}"
            return f"{above['r_out']} + {reach} = {cells['r_out']}"
        if self.sums and key == "j_out" and above:
            return f"{above['j_out']} * {cells['stride']} = {cells['j_out']}"
        if key == "n_out" and self.channels:
            return f"{cells['n_out']}x{cells['n_out']}x{cells['channels']}"
        return str(cells[key])

    def name(self, row: int) -> str:
        name, cells = self.rows[row]
        if not self.named:
            return name
        k = cells["kernel_size"]
        more = "".join(
            f" {letter}={cells[key]}" for letter, key in (("S", "stride"), ("P", "padding"), ("D", "dilation"))
        )
        return f"{name}({k}x{k}){more}"

    @property
    def text(self) -> str:
        table = [("Layer", *self.headings)]
        table += [(self.name(i), *(self.cell(i, key) for key in self.keys)) for i in range(len(self.rows))]
        return drawn(table, self.form)


def drawn(table: list[tuple[str, ...]], form: str) -> str:
    """Headings and rows in a form."""
    if form == "csv":
        return "\n".join(",".join(f'"{cell}"' if "," in cell else cell for cell in row) for row in table)
    if form == "tsv":
        return "\n".join("\t".join(row) for row in table)
    if form == "html":
        rows = ("".join(f"<td>{cell}</td>" for cell in row) for row in table)
        return "<table>\n" + "\n".join(f"<tr>{row}</tr>" for row in rows) + "\n</table>"
    if form == "grid":
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
        lines = ("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in table)
        return rule + "\n" + f"\n{rule}\n".join(lines) + f"\n{rule}"
    head, *rest = ["| " + " | ".join(row) + " |" for row in table]
    return "\n".join([head, "|" + "---|" * len(table[0]), *rest])


def windows(arch: Arch) -> list[tuple[Row, Window]]:
    """The rows that a table made by hand has: convolutions and pools, up to the first layer that sees the whole map."""
    rows = arch.rows[: arch.global_row.index - 1 if arch.global_row else None]
    return [(row, row.layer.windows(row.x)[0]) for row in rows if row.layer.op in ("conv", "max_pool")]


def figures(row: Row, window: Window) -> Cells:
    before, after = row.x.axes[0], row.out.axes[0]
    return {
        "n_in": before.size, "n_out": after.size, "padding": window.padding[0], "kernel_size": window.kernel_size,
        "stride": window.stride, "dilation": window.dilation,
        "j_in": int(before.jump or 0), "j_out": int(after.jump or 0),
        "r_in": int(before.receptive_field or 0), "r_out": int(after.receptive_field or 0),
        "channels": row.out.channels, "params": row.params,
    }  # fmt: skip


def written(arch: Arch, rng: random.Random) -> Written:
    """A network in a random style that states all that its fields need."""
    rows = tuple(
        ("conv" if row.layer.op == "conv" else "maxpool", figures(row, window)) for row, window in windows(arch)
    )
    dilated = any(cells["dilation"] != 1 for _, cells in rows)
    named = rng.random() < 0.25
    together = not named and not dilated and rng.random() < 0.3
    needed = [] if named else ["k,p,s"] if together else ["kernel_size", "stride", *(["dilation"] if dilated else [])]
    others = [k for k in ("n_in", "n_out", "padding", "j_in", "j_out", "r_in") if rng.random() < 0.5]
    others = [k for k in others if not (k == "padding" and (named or together))]
    keys = [*needed, "r_out", *others]
    rng.shuffle(keys)
    headings = ["K,P,S" if key == "k,p,s" else rng.choice(SPELLINGS[key]) for key in keys]
    styles: dict[str, Any] = {name: rng.random() < 0.3 for name in ("sums", "channels")}
    return Written(rows, tuple(keys), tuple(headings), rng.choice(FORMS), named, together, **styles)


def code(arch: Arch, rng: random.Random, slip: tuple[int, int] | None = None) -> str:
    """The windows of a network as constructor calls with comments; `slip` replaces the field of one row."""
    lines = []
    for place, (row, window) in enumerate(windows(arch)):
        cells = figures(row, window)
        field = slip[1] if slip and slip[0] == place else cells["r_out"]
        note = rng.choice([f"# Input: {cells['n_in']} Output: {cells['n_out']} RF: {field}", f"# RF = {field}"])
        settings = ", ".join(f"{k}={cells[k]}" for k in ("kernel_size", "stride", "padding", "dilation"))
        if row.layer.op == "conv":
            groups = row.groups or 1
            call = f"nn.Conv2d({row.x.channels}, {row.out.channels}, {settings}, groups={groups})"
        else:
            call = f"nn.MaxPool2d({settings})"
        lines.append(f"self.layer{place} = {call}  {note}")
    return "```python\n" + "\n".join(lines) + "\n```"
