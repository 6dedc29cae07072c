"""What the models of a document come to, for sentences to be held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ...engine.arch import Arch, features_of
from ...engine.layers.base import LAYER_FEATURES
from ...report.counting import PER_CHANNEL, WEIGHED_POOLS, otherwise_counted
from ..infer.inference import Inference
from ..read.code import weights_of
from ..read.facts import LayerFact, StatedModel
from ..read.printout import Printout
from .counts import counted_through, is_whole, multiply_adds, params_reach
from .printout import SummaryAudit
from .tables import ModelAudit
from .walked import Walked
from .window import whole_map

IMAGES, MOST_CLASSES = (1, 3), 1000
UNSIZED = "no size is stated, and behind global pooling the field grows with it"
RIVAL_COST = 3.0
"""A layer without groups that costs more than this is no rival to a depthwise one."""


class KnownFigure(NamedTuple):
    """A figure of a network, and what it is in words. `plain` says that it is counted as rfcalc counts; `exactly`, that
    a rounded figure stands for it only where it is far from the plain one."""

    value: int
    what: str
    plain: bool = True
    exactly: bool = False


@dataclass(frozen=True)
class Facts:
    """One network of the document: what it was read from (summary, table, code, listing), its first and last line.
    `figures` holds by quantity what it comes to, the plain reading first: params, macs, and the receptive fields before
    and after global pooling; `whole` says that all its layers are counted, `inner` are the fields after its layers;
    `span` is what likely settings allow before pooling, `least` the smallest that any do, `decided_by` a stated field
    that decided; `sure` and `possible` are the features that it surely has, and those that it may have; `note` goes
    with a mismatch, `doubt` says why its field may be another one; `layers` are those with weights whose count is
    known: name, kind, count; `reach` are the fewest and the most parameters that the layers may have, where their
    counts are open."""

    form: str
    line: int
    last: int
    figures: Mapping[str, tuple[KnownFigure, ...]] = field(default_factory=dict)
    whole: bool = True
    inner: frozenset[int] = frozenset()
    span: tuple[int, int] | None = None
    least: int | None = None
    decided_by: int | None = None
    sure: frozenset[str] | None = None
    possible: frozenset[str] | None = None
    image: tuple[int, ...] | None = None
    note: str = ""
    doubt: str = ""
    layers: tuple[tuple[str, str, int], ...] = ()
    reach: tuple[int, float] | None = None

    @property
    def source(self) -> str:
        return f"the {self.form} on {{line {self.line}}}"


# --- what a network comes to -------------------------------------------------------------------------------------


def counted_macs(arch: Arch) -> tuple[KnownFigure, ...]:
    if not arch.macs:
        return ()
    return (KnownFigure(arch.macs, "multiply-adds"), *others("macs", arch, arch.macs, exactly=False))


def others(quantity: str, arch: Arch, total: int, *, exactly: bool) -> Iterator[KnownFigure]:
    """A total as other ways of counting have it."""
    for value, how in otherwise_counted(quantity, arch.rows, total):
        yield KnownFigure(value, how if not exactly else f"{how}; in all {total:,}", False, exactly)


def known_fields(arch: Arch) -> tuple[KnownFigure, ...]:
    """Before and after global pooling, where all axes agree."""
    before, after = map(set, arch.receptive_field)
    if len(before) > 1 or len(after) > 1 or None in before | after:
        return ()
    return as_fields(int(before.pop() or 0), int(after.pop() or 0))


def as_fields(before: int, after: int) -> tuple[KnownFigure, ...]:
    return KnownFigure(before, "before global pooling"), KnownFigure(after, "after global pooling")


def inner_fields(arch: Arch) -> frozenset[int]:
    return frozenset(int(f) for row in arch.rows if (f := row.out.axes[0].receptive_field if row.out.axes else None))


# --- summaries ---------------------------------------------------------------------------------------------------


def of_summary(audit: SummaryAudit) -> Facts:
    """The network of a summary: its count, and its fields where every row is explained."""
    inference, line = audit.inference, audit.printout.line
    last = max(audit.printout.lines, default=line)
    known = audit.params is not None
    params = [KnownFigure(audit.params, "the summary")] if audit.params is not None else []
    if not known and audit.added and not audit.cells:  # rows may be left out: only their very sum speaks of them
        params = [KnownFigure(audit.added, "the rows that are printed", exactly=True)]
    params += tied(audit.printout, audit.params)
    for key in ("trainable", "non_trainable"):
        if known and (part := audit.printout.totals.get(key)) and part.value not in (0, audit.params):
            params.append(KnownFigure(int(part.value), f"{key.replace('_', '-')} parameters of the summary"))
    off = {cell.line for cell in audit.cells if cell.column == "params"}
    kinds = {"conv": "conv", "linear": "flat"}
    weighted = [item for item in audit.items if item.op in kinds and not item.row.recursive]
    layers = tuple((i.row.label, kinds[i.op or ""], i.params) for i in weighted if i.row.line not in off and i.params)
    layers = layers if known and len(layers) == len(weighted) else ()
    if inference is None or inference.arch is None:
        return Facts("summary", line, last, {"params": tuple(params)}, known, layers=layers)
    arch = inference.arch
    if audit.params == arch.params:
        params += others("params", arch, arch.params, exactly=True)
    figures = {"params": tuple(params), "macs": counted_macs(arch), "receptive_field": known_fields(arch)}
    sure, possible = features(inference)
    return Facts(
        "summary", line, last, figures, known, inner_fields(arch), span=inference.range, least=inference.least,
        decided_by=inference.decided_by, sure=sure, possible=possible, layers=layers,
    )  # fmt: skip


def tied(printout: Printout, total: int | None) -> Iterator[KnownFigure]:
    """The total of a language model whose last layer has the weights of its embedding, counted once: a print that does
    not know lists them twice."""
    embedded = {row.params for row in printout.rows if row.type == "Embedding" and row.params}
    for row in printout.rows[::-1]:
        if total and row.type == "Linear" and row.params in embedded:
            yield KnownFigure(
                total - row.params, f"with the embedding's weights in {row.label} too, counted once", False
            )
            return


def features(inference: Inference) -> tuple[frozenset[str], frozenset[str]]:
    """What the network surely uses, and what it may use under some alternative."""
    assert inference.arch is not None
    settings = {"dilation": "dilation", "strided": "stride", "depthwise": "groups"}
    possible = set(features_of(inference.arch))
    sure = possible - {*settings, "grouped", "bias"}
    for row in inference.arch.rows:
        found = set(row.layer.features(row.x))
        rivals = [alternative.candidate for alternative in inference.options.get(row.index, ())]
        rivals = [candidate for candidate in rivals if candidate.op == "conv"]
        for word, key in settings.items():
            plain = [c for c in rivals if c[key] == 1 and (word != "depthwise" or c.cost < RIVAL_COST)]
            if word in found and not plain:
                sure.add(word)
            if word in found or any(c[key] not in (None, 1) for c in rivals):
                possible.add(word)
    return frozenset(sure), frozenset(possible)


# --- tables and code ---------------------------------------------------------------------------------------------


def of_model(audit: ModelAudit, arch: Arch | None = None) -> Facts:
    """The network of a table or of code: its fields, its first size, its parameters as far as they show; `arch` is the
    network that code makes, where it can be built."""
    walked, model = audit.walked, audit.model
    rows, end_to_end = walked.rows, from_end_to_end(walked.rows, arch)
    fields, inner = fields_after(audit, built=arch is not None)
    doubt = "its strides are not stated" if walked.assumed else ""
    if not doubt and model.form == "code" and any(row.kind == "global" for row in rows):
        doubt = UNSIZED if all(made["n"] is None for _, made in walked.trail) else ""
    macs = rows_macs(rows) if model.form == "table" else ()
    if arch and arch.macs and not fields:
        fields, inner, macs = known_fields(arch), inner_fields(arch), counted_macs(arch)
        doubt = "" if end_to_end else "the code may be a part of it"
    count = model.params or (arch.params if arch else None)
    added = audit.params if model.form in ("table", "list") else None
    complete = bool(count and end_to_end) or bool(added and (is_whole(model) or counted_through(rows)))
    params, note = list(weights(walked)), ""
    if added or count:
        what = {"table": "the sum of the table's rows", "listing": "the listing"}
        params = [KnownFigure(added or count or 0, what.get(noun(model), "the layers that the code constructs"))]
    if added:
        outs = sum(int(row.cells.get("ch_out", 0)) for row in rows if row.kind == "conv")
        more = f"for each output channel, as biases and norms have, beside the {added:,} of its rows"
        biased = f"a bias for each of {model.outs:,} outputs, beside the {added:,} of its rows"
        params += [KnownFigure(added + model.outs, biased, False, True)] if model.outs else []
        params += [KnownFigure(added + n * outs, f"{n} {more}", False, True) for n in (1, 2, 3) if outs]
        blocks = any(row.cells.keys() == {"params"} and row.kind == "other" for row in rows) and not added % 2
        twice = f"half the {added:,} of its rows, which hold each layer in its block's sum once more"
        params += [KnownFigure(added // 2, twice, False, True)] if blocks else []
    if arch and count == arch.params:
        params += others("params", arch, arch.params, exactly=True)
    if model.form == "listing":  # in a network that is written out, pools with weights are a slip
        weighed = [figure for figure in params if figure.what.startswith(WEIGHED_POOLS)]
        note = "".join(
            f"; were the pools, which state channels, convolutions, it would be {f.value:,}" for f in weighed
        )
        params = [figure for figure in params if figure not in weighed]
    settled = not any(cell.column in ("ch_in", "ch_out", "kernel_size", "groups") for cell in audit.cells)
    open_counts = model.form in ("table", "list") and settled and not (complete or model.problems)
    reach = params_reach(rows) if open_counts else None
    if reach and not params:
        params = [KnownFigure(reach[0], "the counts that its rows state, together", False, True)]
    first = rows[0].cells if rows else {}
    image = tuple(int(first[key]) for key in ("ch_in", "n_in", "n_in")) if {"ch_in", "n_in"} <= first.keys() else None
    return Facts(
        noun(model), model.line, max(model.lines),
        {"params": tuple(params), "macs": macs, "receptive_field": fields}, whole=complete, inner=inner,
        image=image, sure=features_stated(rows), possible=frozenset(LAYER_FEATURES), note=note, doubt=doubt,
        layers=tuple(layers_counted(model)), reach=reach,
    )  # fmt: skip


def layers_counted(model: StatedModel) -> Iterator[tuple[str, str, int]]:
    """The layers of code with weights that run once, and their counts; nothing where one does not show its own. A
    name that several layers have, as those of a sequence, is none."""
    rows = [row for row in model.facts if row.kind in ("conv", "flat", "resample", "other") and not row.again]
    counts = [weights_of(row) for row in rows]
    if model.form == "code" and not model.graph and None not in counts:
        held = Counter(row.name for row in model.facts)
        yield from ((row.name * (held[row.name] == 1), row.kind, n) for row, n in zip(rows, counts, strict=True) if n)


def noun(model: StatedModel) -> str:
    return model.form if model.form in ("code", "listing") else "table"


def rows_macs(rows: Sequence[LayerFact]) -> tuple[KnownFigure, ...]:
    macs = multiply_adds(rows)
    if not macs:
        return ()
    return KnownFigure(macs, "multiply-adds of its rows"), KnownFigure(2 * macs, "two operations for each", False)


def from_end_to_end(rows: Sequence[LayerFact], arch: Arch | None) -> bool:
    """Whether layers lead from an image to classes, so that they are no part of a network only."""
    weighted = [row for row in rows if row.kind in ("conv", "flat") and "ch_out" in row.cells]
    ends = bool(weighted) and weighted[0].cells.get("ch_in") in IMAGES and weighted[-1].cells["ch_out"] <= MOST_CLASSES
    single = arch is not None and all(axis.size == 1 for axis in arch.rows[-1].out.axes)
    return ends and (single or weighted[-1].kind == "flat" or any(row.kind == "global" for row in rows))


def fields_after(audit: ModelAudit, built: bool) -> tuple[tuple[KnownFigure, ...], frozenset[int]]:
    """The fields before and after global pooling, and those after each row; of code that is `built` as a whole, only
    those that its comments state too."""
    walked = audit.walked
    trail, rows = walked.trail, walked.rows
    if not trail or not audit.trusted or walked.reading.start != "image":
        return (), frozenset()
    model = audit.model
    clear = not built and model.ordered and model.followed and all(row.kind != "other" for row in rows)
    if model.form == "code" and (walked.slips or not (clear or any("r_out" in row.cells for row in rows))):
        return (), frozenset()
    inner = frozenset(int(out["r"]) for _, out in trail if isinstance(out["r"], int))
    last = next((out["r"] for row, (_, out) in zip(rows[::-1], trail[::-1], strict=True) if row.kind != "flat"), None)
    pooled = next((i for i, row in enumerate(rows) if row.kind == "global" or whole_map(row)), None)
    before = trail[pooled][0]["r"] if pooled is not None else last
    if not isinstance(before, int):
        return (), inner
    return as_fields(before, last if isinstance(last, int) else before), inner


def features_stated(rows: Sequence[LayerFact]) -> frozenset[str]:
    """What rows surely use, by the settings that they state."""
    found = {"dilation" for row in rows if row.cells.get("dilation", 1) > 1}
    found |= {"strided" for row in rows if row.kind == "conv" and row.cells.get("stride", 1) > 1}
    return frozenset(found | {"depthwise" for row in rows if row.cells.get("groups", 1) == row.cells.get("ch_in") != 1})


def weights(walked: Walked) -> Iterator[KnownFigure]:
    """The parameters that a table's convolutions have, with and without biases; nothing where a figure is missing."""
    bare = outs = 0
    if walked.model.problems or walked.model.graph:
        return  # the layers on the other ways to a join are left out
    for row in walked.rows:
        k, given, made = (row.cells.get(key) for key in ("kernel_size", "ch_in", "ch_out"))
        if row.kind in ("pool", "global", "pointwise", "input"):
            continue
        if row.kind != "conv" or k is None or given is None or made is None or row.cells.get("groups", 1) != 1:
            return
        bare += int(k * k * given * made)
        outs += int(made)
    if bare:
        what = f"the {noun(walked.model)}'s convolutions"
        yield from (KnownFigure(bare + more * outs, f"{what} {name}", False) for more, name in PER_CHANNEL)
