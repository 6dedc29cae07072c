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
    "ch_in": ("Ch_in", "Input channels", "in channels"),
    "ch_out": ("Ch_out", "Output channels", "Channels out"),
    "params": ("Params", "Param #", "Parameters"),
}
TOGETHER = {"kernel_size,padding,stride": "K,P,S", "kernel_size,stride,padding": "k/s/p", "kernel_size,stride": "K, S"}
FORMS = ("markdown", "csv", "tsv", "html", "grid", "list", "simple", "headed")
NAMES = ("", "letters", "words", "weights")
"""How a layer's name states its window: not at all, conv(3x3) S=2 P=1 D=1, 3x3 conv, 64, /2; (3x3x32)x64 stride 2."""
Cells = dict[str, int]


@dataclass(frozen=True)
class Written:
    """A table as written: its rows as figures, and the choices of its writer."""

    rows: tuple[tuple[str, Cells], ...]
    keys: tuple[str, ...]
    headings: tuple[str, ...]
    form: str
    named: str
    sums: bool
    channels: bool
    square: bool
    formulas: bool
    bold: bool
    biased: bool
    first: int
    """1 where a row for the image stands above the layers."""

    def changed(self, row: int, key: str, value: int) -> Written:
        rows = list(self.rows)
        rows[row] = (rows[row][0], {**rows[row][1], key: value})
        return replace(self, rows=tuple(rows))

    def cell(self, row: int, key: str) -> str:
        cells, above = self.rows[row][1], self.rows[row - 1][1] if row else None
        if key in TOGETHER:
            sign = "/" if "/" in TOGETHER[key] else ","
            return sign.join(str(cells[part]) for part in key.split(","))
        if self.sums and key == "r_out" and above:
            reach = f"({cells['kernel_size']} - 1) * {cells['dilation'] * above['j_out']}"
            return f"{above['r_out']} + {reach} = {cells['r_out']}"
        if self.sums and key == "j_out" and above:
            return f"{above['j_out']} * {cells['stride']} = {cells['j_out']}"
        if key == "n_out" and self.channels:
            return f"{cells['n_out']}x{cells['n_out']}x{cells['ch_out']}"
        if key == "params" and self.formulas and cells["params"] == cells["weights"] != 0 and not self.biased:
            k, given = cells["kernel_size"], cells["weights"] // (cells["kernel_size"] ** 2 * cells["ch_out"])
            return f"{k}*{k}*{given}*{cells['ch_out']}"
        if key == "params":
            return f"{cells[key]:,}"
        if self.square and key in ("r_in", "r_out", "kernel_size"):
            return f"{cells[key]}x{cells[key]}"
        return f"**{cells[key]}**" if self.bold and key == "r_out" and self.form == "markdown" else str(cells[key])

    def name(self, row: int) -> str:
        name, cells = self.rows[row]
        k, s, p, d = (cells[key] for key in ("kernel_size", "stride", "padding", "dilation"))
        if self.named == "letters":
            return f"{name}({k}x{k}) S={s} P={p} D={d}"
        if self.named == "words":
            return f"{k}x{k} {name}, {cells['ch_out']}, /{s}" + (f", dilation {d}" if d > 1 else "")
        if self.named == "weights" and name == "conv":
            given = cells["ch_in"]
            depthwise = " depthwise" if cells["groups"] == given > 1 else ""
            return f"({k}x{k}x{given})x{cells['ch_out']}{depthwise} stride {s} dilation {d}"
        return f"{name}({k}x{k}) stride {s}" if self.named == "weights" else name

    def image(self, key: str) -> str:
        """What the row for the image holds."""
        first = self.rows[0][1]
        known = {"n_out": str(first["n_in"]), "r_out": "1", "j_out": "1", "ch_out": str(first["ch_in"])}
        if key == "n_out" and self.channels:
            return f"{first['n_in']}x{first['n_in']}x{first['ch_in']}"
        return known.get(key, "-")

    @property
    def text(self) -> str:
        table = [("Layer", *self.headings)]
        table += [("Input", *map(self.image, self.keys))] * self.first
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
    if form == "list":
        rows = ("\n".join(f"   {'* ' if not i else '  '}- {cell}" for i, cell in enumerate(row)) for row in table)
        return ".. list-table::\n   :header-rows: 1\n\n" + "\n".join(rows) + "\n\nEnd."
    if form == "headed":
        headings, *layers = table
        points = ([f"- **{key}**: {cell}" for key, cell in zip(headings[1:], row[1:], strict=True)] for row in layers)
        titles = (f"### {number}. {row[0]}" for number, row in enumerate(layers, 1))
        return "\n\n".join("\n".join([title, *row]) for title, row in zip(titles, points, strict=True))
    if form == "simple":
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        rule = "  ".join("=" * width for width in widths)
        lines_ = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in table]
        return "\n".join([rule, lines_[0], rule, *lines_[1:], rule])
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
        "ch_in": row.x.channels, "ch_out": row.out.channels, "params": row.params, "groups": row.groups or 1,
        "weights": row.params - (row.out.channels if getattr(row.layer, "bias", False) else 0),
    }  # fmt: skip


def written(arch: Arch, rng: random.Random) -> Written:
    """A network in a random style that states all that its fields need."""
    rows = tuple(
        ("conv" if row.layer.op == "conv" else "maxpool", figures(row, window)) for row, window in windows(arch)
    )
    dilated = any(cells["dilation"] != 1 for _, cells in rows)
    grouped = any(cells["groups"] != 1 for _, cells in rows)
    padded = any(cells["padding"] != 0 for _, cells in rows)
    named = rng.choice(NAMES) if rng.random() < 0.4 else ""
    together = rng.choice(list(TOGETHER)) if not named and not dilated and rng.random() < 0.4 else ""
    plain = ["kernel_size", "stride", *(["dilation"] if dilated else [])]
    needed = [] if named else [together] if together else plain
    others = [k for k in ("n_in", "n_out", "padding", "j_in", "j_out", "r_in") if rng.random() < 0.5]
    stated = named == "letters" or "padding" in together
    others = [k for k in others if not (k == "padding" and stated) and not (k == "padding" and not padded)]
    if not grouped and rng.random() < 0.4:
        others += ["ch_in", "ch_out", "params"]
    keys = [*needed, "r_out", *others]
    rng.shuffle(keys)
    headings = [TOGETHER[key] if key in TOGETHER else rng.choice(SPELLINGS[key]) for key in keys]
    styles = ("sums", "channels", "square", "formulas", "bold")
    chosen: dict[str, Any] = {name: rng.random() < 0.3 for name in styles}
    biased = any(cells["params"] != cells["weights"] for _, cells in rows)
    first = int(bool({"n_out", "ch_out"} & set(keys)) and rng.random() < 0.2)
    form = rng.choice(FORMS)
    return Written(rows, tuple(keys), tuple(headings), form, named, **chosen, biased=biased, first=first)


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
