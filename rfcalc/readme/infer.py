"""A printed summary back into a network: the layers, what they read, and what the print leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..arch import Arch, Row
from ..errors import RfcalcError
from ..grid import Column, Grid
from ..ops import Conv, ConvTranspose
from ..settings import settings_of
from ..tables import agreed, cells_of, text
from .assemble import (
    Assembler,
    Assembly,
    add_shortcuts,
    alternate,
    find_blocks,
    first_habits,
    images,
    learned_habits,
    misfits,
)
from .context import Context
from .graph import Search
from .habits import Fit, Habits, Shape
from .options import LIKELY, Alternative, Impact, choose_for, exchange, least, span, with_fields
from .printout import Printout
from .reading import Decision, Item, Reading, impossible, items_of

if TYPE_CHECKING:
    from rich.console import RenderableType

PASSES = 3
OTHER_INPUTS = 6
"""Other inputs for which the first layer's alternatives are listed."""
THOROUGH_ROWS = 3000
KEYS = ("kernel_size", "stride", "padding", "dilation", "groups", "bias")
SHOWN = 1
"""Alternatives shown in a row of the table; JSON has them all."""
CONSTRAINT_LIMIT = 6.0
"""How unusual the layers may be, in all, that a stated receptive field asks for."""


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A printed row that no layer fits, and why."""

    row: int | str
    label: str
    line: int
    why: str


@dataclass(frozen=True)
class Inference:
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
        return self.arch is not None

    @property
    def exit_code(self) -> int:
        """0 when every row is explained, 1 when one is not."""
        return 0 if self.ok else 1

    @cached_property
    def params(self) -> int:
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

    def _layers(self) -> list[dict[str, Any]]:
        if not self.arch or not self.assembly:
            return [self._bare_layer(d) for d in self.decisions if d.fit]
        names = ["input", *(node.name for node in self.arch.nodes)]
        return [
            self._layer(row, decision, [names[i] for i in row.node.inputs])
            for row, decision in zip(self.arch.rows, self.assembly.decisions, strict=True)
        ]

    def _layer(self, row: Row, decision: Decision | None, sources: list[str]) -> dict[str, Any]:
        cells, known = cells_of(row), settings_of(type(row.layer))
        settings = {key: cells[key] if key in known else None for key in KEYS[:5]}
        return {
            "row": decision.item.row.index if decision else None,
            "name": row.name,
            "op": row.layer.op,
            "out_channels": row.out.channels,
            **settings,
            "bias": row.layer.bias if isinstance(row.layer, Conv | ConvTranspose) else getattr(row.layer, "bias", None),
            "from": sources,
            "alternatives": [self._alternative(a, row) for a in self.options.get(row.index, ())],
        }

    def _alternative(self, alternative: Alternative, row: Row) -> dict[str, Any]:
        """One alternative: its settings, and the receptive fields that it would mean."""
        assert self.arch is not None
        settings = dict(alternative.fit.settings)
        if settings.get("groups") == "depthwise":
            settings["groups"] = (
                self.arch.rows[alternative.source - 1].out.channels if alternative.source else row.x.channels
            )
        found: dict[str, Any] = {"op": alternative.fit.op, **{key: plain(value) for key, value in settings.items()}}
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

    @staticmethod
    def _bare_layer(decision: Decision) -> dict[str, Any]:
        assert decision.fit is not None
        assert decision.item.shape is not None
        return {
            "row": decision.item.row.index,
            "op": decision.fit.op,
            "out_channels": decision.item.shape.channels,
            **{key: plain(decision.fit[key]) for key in KEYS},
            "from": [decision.source],
            "alternatives": [],
        }

    @property
    def grid(self) -> Grid:
        """The layers with their settings, and how many others fit; totals and notes below."""
        columns = (
            Column("row"), Column("layer", left=True), Column("reads", 4, left=True), Column("out", left=True),
            Column("settings", left=True), Column("params", 2), Column("r_out", 3), Column("open", 1, left=True),
        )  # fmt: skip
        if self.arch and self.assembly:
            pairs = zip(self.arch.rows, self.assembly.decisions, strict=True)
            rows = tuple(self._cells(row, decision) for row, decision in pairs)
        else:
            rows = tuple(bare_cells(d) for d in self.decisions)
        return Grid(columns, rows, self.summary)

    def _cells(self, row: Row, decision: Decision | None) -> tuple[str, ...]:
        assert self.arch is not None
        names = [self.arch.nodes[i - 1].name if i else "input" for i in row.node.inputs]
        straight = row.node.inputs == (row.index - 1,)
        found = self.options.get(row.index, ())
        fit = decision.fit if decision else None
        likely = [alternative_text(a, fit) for a in found if fit and a.fit.cost < fit.cost + LIKELY]
        return (
            str(decision.item.row.index) if decision else "",
            row.layer.op,
            "" if straight else ", ".join(names),
            str(row.out),
            settings_text(fit) if fit else hidden_text(row),
            f"{row.params:,}",
            text(agreed(tuple(axis.receptive_field for axis in row.out.axes))),
            "; ".join(likely[:SHOWN]) + (f"; {len(found) - SHOWN} more" if len(likely) > SHOWN else ""),
        )

    @property
    def summary(self) -> tuple[str, ...]:
        """Totals, what is open, and what stayed unexplained, a line each."""
        lines = [f"input {'x'.join(map(str, (self.image.channels, *self.image.sizes)))}, params {self.params:,}"]
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


def plain(value: Any) -> Any:
    """A setting as JSON has it: tuples become lists."""
    return [plain(v) for v in value] if isinstance(value, tuple) else value


USUAL = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, "output_padding": 0, "mode": "nearest", "bias": True}


def setting_text(key: str, value: Any) -> str:
    """One setting as people write it: kernel 3x1, no bias."""
    if isinstance(value, bool):
        return key if value else f"no {key}"
    shown = "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return f"{key.removesuffix('_size')} {shown}"


def settings_text(fit: Fit) -> str:
    """The settings of a layer, without those that are as usual or stand in another column."""
    left_out = ("out_channels", "out_features", "affine")
    return ", ".join(setting_text(k, v) for k, v in fit.settings if k not in left_out and USUAL.get(k) != v)


def hidden_text(row: Row) -> str:
    windows = [f"kernel {w.kernel_size}" for w in row.windows[:1] if w.kernel_size > 1 and not row.layer.joins]
    return ", ".join(["leaves no row", *windows])


def alternative_text(alternative: Alternative, chosen: Fit) -> str:
    """What an alternative changes, and the field before global pooling that it would mean."""
    known = dict(chosen.settings)
    changes = [setting_text(key, value) for key, value in alternative.fit.settings if known.get(key) != value]
    if alternative.image:
        changes.append(f"input {'x'.join(map(str, (alternative.image.channels, *alternative.image.sizes)))}")
    if alternative.pool:
        changes.append(f"behind a max_pool {alternative.pool} without a row")
    if alternative.source:
        changes.append("reading the row above")
    field_ = alternative.field
    return ", ".join(changes) + (f" (field {text(agreed(field_.before_global_pool))})" if field_ else "")


def bare_cells(decision: Decision) -> tuple[str, ...]:
    """A row of the table where no network could be built."""
    row, shape = decision.item.row, decision.item.shape
    out = "x".join(map(str, (shape.channels, *shape.sizes))) if shape else ""
    fit = decision.fit
    settings = settings_text(fit) if fit else "unexplained"
    return str(row.index), fit.op if fit else row.type, "", out, settings, f"{decision.item.params:,}", "", ""


# --- finding it --------------------------------------------------------------------------------------------------


def infer_printout(printout: Printout, context: Context, image: Sequence[int] | None = None) -> Inference:
    """The network behind one printout; raises RfcalcError where not even the input can be told."""
    items = items_of(printout.rows)
    if not any(item.op for item in items):
        raise RfcalcError(f"line {printout.line}: the summary has no layer that rfcalc knows")
    habits = first_habits(context)
    shape = Shape(image[0], tuple(image[1:])) if image else next(iter(images(items, printout, context, habits)), None)
    if shape is None:
        first = next(item for item in items if item.op)
        wrong = impossible(first)
        why = wrong[1] if wrong else "no input fits it; state it with --input"
        raise RfcalcError(f"line {first.row.line}: {first.row.label}: {why}")
    reading, habits = _read(items, shape, context)
    others: list[Shape] = []
    if not image:  # the network's habits may point to another input
        others = images(items, printout, context, learned_habits(reading, first_habits(context), skip=1))
        for other in others[: 1 if reading_ok(reading) else 2]:
            if other != shape:
                again, learned = _read(items, other, context)
                if again.cost < reading.cost + 0.5 * reading_ok(reading):
                    reading, habits, shape = again, learned, other
    if not reading_ok(reading) and len(items) <= THOROUGH_ROWS:
        again = Search(items, shape, habits, block_places(items), thorough=True).run()
        reading = min(reading, again, key=lambda r: r.cost)
    partial = _partial(printout, items, shape, reading, habits)
    return _conclude(partial, reading, habits, context, [other for other in others[:OTHER_INPUTS] if other != shape])


def reading_ok(reading: Reading) -> bool:
    return all(d.fit for d in reading.decisions)


def _read(items: Sequence[Item], image: Shape, context: Context) -> tuple[Reading, Habits]:
    """The likeliest reading, with the habits that it shows fed back until they stay."""
    habits, blocks = first_habits(context), block_places(items)
    reading = Search(items, image, habits, blocks, thorough=False).run()
    for _ in range(PASSES - 1):
        learned = learned_habits(reading, habits)
        again = Search(items, image, learned, blocks, thorough=False).run()
        settled = [d.fit and d.fit.settings for d in again.decisions] == [
            d.fit and d.fit.settings for d in reading.decisions
        ]
        reading, habits = again, learned
        if settled:
            break
    return reading, habits


def block_places(items: Sequence[Item]) -> list[tuple[int, int]]:
    return [(block.first, block.row) for block in find_blocks(items)]


def _partial(printout: Printout, items: Sequence[Item], image: Shape, reading: Reading, habits: Habits) -> Inference:
    """The rows as read, with the shortcuts that no row shows."""
    notes = []
    alternate(reading, habits)
    shortcuts = add_shortcuts(reading, items, find_blocks(items))
    if shortcuts:
        names = sorted({block.type for block in shortcuts})
        notes.append(f"{len(shortcuts)} shortcuts in {', '.join(names)} are taken from the name: no shape shows them")
    return Inference(printout, image, tuple(reading.decisions), tuple(explain(reading)), notes=tuple(notes))


def _conclude(
    partial: Inference, reading: Reading, habits: Habits, context: Context, others: Sequence[Shape]
) -> Inference:
    """The network, if every row is explained; `others` are other inputs that would do."""
    if partial.unexplained:
        return partial
    try:
        assembly = Assembler(reading, partial.image, partial.printout).assembly()
        amiss = misfits(assembly)
    except RfcalcError as error:
        row = reading.decisions[0].item.row
        return replace(partial, unexplained=(Unexplained(row.index, row.label, row.line, str(error)),))
    if amiss:
        rows = [(d.item.row, why) for d, why in amiss]
        return replace(partial, unexplained=tuple(Unexplained(r.index, r.label, r.line, why) for r, why in rows))
    return _weigh(partial, assembly, reading, habits, context, others)


def _weigh(
    partial: Inference, assembly: Assembly, reading: Reading, habits: Habits, context: Context, others: Sequence[Shape]
) -> Inference:
    """Adds what is open, and lets a stated receptive field decide among it."""
    arch = arch_of(partial, assembly)
    impact = Impact(arch)
    options = with_fields(assembly, impact, habits, reading.shapes, others)
    costs = {i: d.fit.cost for i, d in enumerate(assembly.decisions, 1) if d and d.fit}
    smallest = least(arch, options, impact)
    range_, decided_by, notes = span(arch, options, costs, impact), None, list(partial.notes)
    if context.fields:
        stated = context.fields[0]
        changes = choose_for(stated, impact, options, costs, CONSTRAINT_LIMIT)
        if changes is None:
            notes.append(f"no likely reading gives the stated receptive field of {stated}")
        elif changes:
            decided_by, assembly = stated, changed(assembly, changes)
            arch = arch_of(partial, assembly)
            rows = [d.item.row.label for i in changes if (d := assembly.decisions[i - 1])]
            notes.append(f"the stated receptive field of {stated} decides {', '.join(rows)}, which no shape shows")
            options = with_fields(assembly, Impact(arch), habits, reading.shapes, others)
        else:
            notes.append(f"it has the stated receptive field of {stated}")
    decisions = tuple(d for d in assembly.decisions if d)
    return replace(
        partial, arch=arch, assembly=assembly, options=options, range=range_, least=smallest, decided_by=decided_by,
        notes=tuple(notes), decisions=decisions,
    )  # fmt: skip


def changed(assembly: Assembly, changes: Mapping[int, Alternative]) -> Assembly:
    """The assembly with some layers exchanged for alternatives."""
    axes = len(assembly.image.sizes)
    from ..spec import make

    layers = {
        index: [make(fit.op, axes, **dict(fit.settings)) for fit in alternative.layers]
        for index, alternative in changes.items()
    }
    decisions: list[Decision | None] = []
    for index, decision in enumerate(assembly.decisions, 1):
        alternative = changes.get(index)
        if alternative and decision:
            decisions += [None] * (len(alternative.layers) - 1)
            decisions.append(replace(decision, fit=alternative.fit))
        else:
            decisions.append(decision)
    return Assembly(assembly.image, exchange(assembly.nodes, layers), tuple(decisions))


def arch_of(partial: Inference, assembly: Assembly) -> Arch:
    """The network as a spec: its claims are the printed total."""
    total = partial.printout.totals.get("params")
    claims = {"params": int(total.value)} if total and total.value >= 0 else {}
    image = (assembly.image.channels, *assembly.image.sizes)
    source = f"rebuilt from a summary printed in the style of {partial.printout.style}"
    return Arch("inferred", image, assembly.nodes, source, partial.notes, claims)


def explain(reading: Reading) -> list[Unexplained]:
    """Why no layer fits the rows that stayed unexplained."""
    found = []
    for decision in reading.decisions:
        if decision.fit is None:
            item = decision.item
            why = reason(item, reading.shapes.get(decision.source))
            found.append(Unexplained(item.row.index, item.row.label, item.row.line, why))
    return found


def reason(item: Item, given: Shape | None) -> str:
    """Why no layer fits a row behind the map that it reads."""
    if wrong := impossible(item):
        return wrong[1]
    if item.op is None or item.shape is None:
        what = f"with {item.params:,} parameters" if item.params else "that changes the map"
        return f"rfcalc knows no layer of this class {what}"
    behind = "x".join(map(str, (given.channels, *given.sizes))) if given else "nothing"
    out = "x".join(map(str, (item.shape.channels, *item.shape.sizes)))
    return f"no setting makes {out} with {item.params:,} parameters of {behind}, nor of any likely earlier map"
