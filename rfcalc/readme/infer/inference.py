"""What was inferred, as a person and a program read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...engine.arch import Arch, Row
from ...engine.geometry import shape_text
from ...engine.kinds import settings_of
from ...report.cells import agreed, cells_of, number, text
from ...report.grid import Column, Grid, Printed
from ..read.headings import WINDOW_SETTINGS
from ..read.printout import Printout
from ..read.rows import PrintedRow
from . import costs
from .alternatives import Alternative
from .priors import Candidate, Shape
from .rebuild import Assembly
from .states import Decision

if TYPE_CHECKING:
    from rich.console import RenderableType


KEYS = (*WINDOW_SETTINGS, "bias")


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A printed row that no layer fits, and why."""

    row: int | str
    label: str
    line: int
    why: str

    @classmethod
    def of(cls, row: PrintedRow, why: str) -> Unexplained:
        return cls(row.index, row.label, row.line, why)


@dataclass(frozen=True)
class Inference(Printed):
    """A network rebuilt from a summary. `arch` is None where a row stayed unexplained; `options` holds for each node
    (by its index) the other layers that fit; `decided_by` is the stated receptive field that decided between them, if
    one did."""

    printout: Printout
    image: Shape
    decisions: tuple[Decision, ...]
    unexplained: tuple[Unexplained, ...]
    arch: Arch | None = None
    assembly: Assembly | None = None
    options: Mapping[int, Sequence[Alternative]] = field(default_factory=dict)
    range: tuple[int, int] | None = None
    least: int | None = None
    """The smallest field before global pooling that any settings allow, unusual ones too; there is no largest."""
    decided_by: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether a network was found that all rows are layers of."""
        return self.arch is not None

    @property
    def exit_code(self) -> int:
        """0 when every row is explained, 1 when one is not."""
        return 0 if self.ok else 1

    @cached_property
    def params(self) -> int:
        """Of the network or, where none was found, of all printed rows."""
        return self.arch.params if self.arch else sum(d.item.params for d in self.decisions)

    def to_json(self) -> dict[str, Any]:
        """The contract of `rfcalc infer --format json`."""
        before, after = map(agreed, self.arch.receptive_field) if self.arch else (None, None)
        return {
            "input": [self.image.channels, *self.image.sizes],
            "layers": self._layers(),
            "receptive_field": {
                "before_global_pool": before,
                "after_global_pool": after,
                "range": list(self.range) if self.range else [None, None],
            },
            "params": self.params,
            "unexplained": [u.row for u in self.unexplained],
            "problems": [{"row": u.row, "line": u.line, "why": f"{u.label}: {u.why}"} for u in self.unexplained],
            "notes": list(self.notes),
        }

    @property
    def depths(self) -> tuple[int, ...]:
        """In how many containers of a printed tree each layer of the network stands; empty where no tree is printed."""
        indexes = [str(decision.item.row.index) if decision else "" for _, decision in self._nodes()]
        found = [re.match(r"(\d+)-\d+$", index) for index in indexes]
        return tuple(int(match[1]) - 1 if match else 0 for match in found) if any(found) else ()

    def _nodes(self) -> Iterator[tuple[Row | None, Decision | None]]:
        """The network's rows with the printed rows behind them; where there is no network, the printed rows alone."""
        if self.arch and self.assembly:
            yield from zip(self.arch.rows, self.assembly.decisions, strict=True)
        else:
            yield from ((None, decision) for decision in self.decisions)

    def _layers(self) -> list[dict[str, Any]]:
        return [
            self._layer(row, decision) for row, decision in self._nodes() if row or (decision and decision.candidate)
        ]

    def _layer(self, row: Row | None, decision: Decision | None) -> dict[str, Any]:
        found: dict[str, Any] = {"row": decision.item.row.index if decision else None}
        if self.arch and row:
            cells, known = cells_of(row), settings_of(type(row.layer))
            found |= {"name": row.name, "op": row.layer.op, "out_channels": row.out.channels}
            found |= {key: cells[key] if key in known else None for key in WINDOW_SETTINGS}
            found |= {"bias": getattr(row.layer, "bias", None), "from": list(self.arch.sources(row))}
            return found | {"alternatives": [self._alternative(a, row) for a in self.options.get(row.index, ())]}
        assert decision
        assert decision.candidate
        assert decision.item.shape
        found |= {"op": decision.candidate.op, "out_channels": decision.item.shape.channels}
        found |= {key: number(decision.candidate[key]) for key in KEYS}
        return found | {"from": [decision.source], "alternatives": []}

    def _alternative(self, alternative: Alternative, row: Row) -> dict[str, Any]:
        """One alternative: its settings, and the receptive fields that it would mean."""
        assert self.arch is not None
        settings = dict(alternative.candidate.settings)
        if settings.get("groups") == "depthwise":
            given = self.arch.rows[alternative.source - 1].out if alternative.source else row.x
            settings["groups"] = given.channels
        found: dict[str, Any] = {"op": alternative.candidate.op}
        found |= {key: number(value) for key, value in settings.items()}
        if alternative.pool:
            found["behind"] = {"op": "max_pool", "kernel_size": alternative.pool}
        if alternative.image:
            found["input"] = [alternative.image.channels, *alternative.image.sizes]
        if alternative.source:
            found["from"] = [self.arch.nodes[alternative.source - 1].name]
        fields = alternative.field
        found["receptive_field"] = {
            "before_global_pool": agreed(fields.before_global_pool) if fields else None,
            "after_global_pool": agreed(fields.after_global_pool) if fields else None,
        }
        return found

    @property
    def grid(self) -> Grid:
        """The layers with their settings, and how many others fit; totals and notes below."""
        columns = (
            Column("row"), Column("layer", left=True), Column("reads", 4, left=True), Column("out", left=True),
            Column("settings", left=True), Column("params", 2), Column("r_out", 3), Column("open", 1, left=True),
        )  # fmt: skip
        return Grid(columns, tuple(self._cells(row, decision) for row, decision in self._nodes()), self.summary)

    def _cells(self, row: Row | None, decision: Decision | None) -> tuple[str, ...]:
        candidate = decision.candidate if decision else None
        index = str(decision.item.row.index) if decision else ""
        if not self.arch or not row:
            assert decision
            shape, params = decision.item.shape, decision.item.params
            op = candidate.op if candidate else decision.item.row.type
            settings = settings_text(candidate) if candidate else "unexplained"
            out = shape_text((shape.channels, *shape.sizes)) if shape else ""
            return index, op, "", out, settings, f"{params:,}", "", ""
        found = self.options.get(row.index, ())
        more = f"; {len(found) - costs.SHOWN} more"
        near = [a for a in found if candidate and a.candidate.cost < candidate.cost + costs.LIKELY]
        likely = [alternative_text(a, candidate) for a in near if candidate]
        return (
            index,
            row.layer.op,
            "" if row.node.inputs == (row.index - 1,) else ", ".join(self.arch.sources(row)),
            str(row.out),
            settings_text(candidate) if candidate else hidden_text(row),
            text(row.params),
            text(agreed(tuple(axis.receptive_field for axis in row.out.axes))),
            "; ".join(likely[: costs.SHOWN]) + (more if len(likely) > costs.SHOWN else ""),
        )

    @property
    def summary(self) -> tuple[str, ...]:
        """Totals, what is open, and what stayed unexplained, a line each."""
        lines = [f"input {shape_text((self.image.channels, *self.image.sizes))}, params {self.params:,}"]
        if self.arch:
            before, after = (text(agreed(fields)) for fields in self.arch.receptive_field)
            lines.append(f"receptive field {before} before global pooling, {after} after")
        if self.range and self.range[0] != self.range[1]:
            lines.append(f"with the alternatives {self.range[0]:,} to {self.range[1]:,} before global pooling")
        lines += self.notes
        return (*lines, *(f"line {u.line}: {u.label}: {u.why}" for u in self.unexplained))

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal of that width."""
        return self.grid.to_rich(width)


USUAL = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "output_padding": 0, "mode": "nearest", "bias": True}


def setting_in_words(key: str, value: Any) -> str:
    """One setting as people write it: kernel 3x1, no bias."""
    if isinstance(value, bool):
        return key if value else f"no {key}"
    shown = shape_text(value) if isinstance(value, list | tuple) else str(value)
    return f"{key.removesuffix('_size')} {shown}"


def settings_text(candidate: Candidate) -> str:
    """The settings of a layer, without those that are as usual or stand in another column."""
    left_out = ("out_channels", "out_features", "affine")
    return ", ".join(setting_in_words(k, v) for k, v in candidate.settings if k not in left_out and USUAL.get(k) != v)


def hidden_text(row: Row) -> str:
    windows = [f"kernel {w.kernel_size}" for w in row.windows[:1] if w.kernel_size > 1 and not row.layer.joins]
    return ", ".join(["leaves no row", *windows])


def alternative_text(alternative: Alternative, chosen: Candidate) -> str:
    """What an alternative changes, and the field before global pooling that it would mean."""
    known = dict(chosen.settings)
    changes = [setting_in_words(key, value) for key, value in alternative.candidate.settings if known.get(key) != value]
    if alternative.image:
        changes.append(f"input {shape_text((alternative.image.channels, *alternative.image.sizes))}")
    if alternative.pool:
        changes.append(f"after a max_pool {alternative.pool} without a row")
    if alternative.source:
        changes.append("reading the row above")
    field_ = alternative.field
    return ", ".join(changes) + (f" (field {text(agreed(field_.before_global_pool))})" if field_ else "")
