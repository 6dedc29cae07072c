"""What the models of a document come to, for sentences to be held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...engine.arch import Arch, features_of
from ...engine.layers.base import LAYER_FEATURES
from ...report.counting import PER_CHANNEL, WEIGHED_POOLS, otherwise_counted
from ..infer.inference import Inference
from ..read.facts import LayerFact, StatedModel
from .counts import multiply_adds, whole
from .printout import SummaryAudit
from .tables import ModelAudit
from .walked import Walked
from .window import whole_map


@dataclass(frozen=True)
class Facts:
    """One network of the document, and its line. `params`, the counts that it may have, the plain reading
    first (`whole`: that all its layers are counted); `others`, its parameters in other ways of counting, `macs` its
    multiply-adds, ours first; `fields`, the receptive fields before and after global pooling;
    `inner` those after its layers; `span`, what likely settings allow before pooling, `least` the
    smallest that any do; `sure` and `possible`, the features that it surely has, and those that it may have; `note`
    goes with a mismatch, `last` is its last line, `doubt` says why its field may be another one."""

    source: str
    line: int
    params: tuple[tuple[int, str], ...] = ()
    others: tuple[tuple[int, str], ...] = ()
    macs: tuple[tuple[int, str], ...] = ()
    whole: bool = True
    fields: tuple[int, int] | None = None
    inner: frozenset[int] = frozenset()
    span: tuple[int, int] | None = None
    least: int | None = None
    decided_by: int | None = None
    sure: frozenset[str] | None = None
    possible: frozenset[str] | None = None
    image: tuple[int, ...] | None = None
    note: str = ""
    last: int = 0
    doubt: str = ""


def of_summary(audit: SummaryAudit) -> Facts:
    """The network of a summary: its count, and its fields where every row is explained."""
    inference, line = audit.inference, audit.printout.line
    last = max(audit.printout.lines, default=line)
    params = ((audit.params, "the summary"),) if audit.params is not None else ()
    source = f"the summary on {{line {line}}}"
    if inference is None or inference.arch is None:
        return Facts(source, line, params, last=last)
    fields = one_axis(inference.arch)
    sure, possible = features(inference)
    inner = inner_fields(inference.arch)
    rows, count, macs = inference.arch.rows, inference.arch.params, inference.arch.macs
    others = tuple(otherwise_counted("params", rows, count)) if audit.params == count else ()
    return Facts(
        source, line, params, others, ((macs, "multiply-adds"), *otherwise_counted("macs", rows, macs)) if macs else (),
        True, fields, inner, inference.range, inference.least, inference.decided_by, sure, possible, last=last,
    )  # fmt: skip


def inner_fields(arch: Arch) -> frozenset[int]:
    return frozenset(int(f) for row in arch.rows if (f := row.out.axes[0].receptive_field if row.out.axes else None))


def one_axis(arch: Arch) -> tuple[int, int] | None:
    """Before and after, where all axes agree."""
    before, after = arch.receptive_field
    if len(set(before)) > 1 or len(set(after)) > 1 or None in (*before, *after):
        return None
    return int(before[0] or 0), int(after[0] or 0)


def features(inference: Inference) -> tuple[frozenset[str], frozenset[str]]:
    """What the network surely uses, and what it may use under some alternative."""
    assert inference.arch is not None
    chosen = features_of(inference.arch)
    possible = set(chosen)
    sure: set[str] = {word for word in chosen if word not in ("dilation", "strided", "depthwise", "grouped", "bias")}
    for row in inference.arch.rows:
        found = set(row.layer.features(row.x)) & {"dilation", "strided", "depthwise"}
        others = [alternative.candidate for alternative in inference.options.get(row.index, ())]
        for word, key in (("dilation", "dilation"), ("strided", "stride"), ("depthwise", "groups")):
            plain = [candidate for candidate in others if candidate.op == "conv" and candidate[key] == 1]
            used = [candidate for candidate in others if candidate.op == "conv" and candidate[key] not in (None, 1)]
            likely = [candidate for candidate in plain if word != "depthwise" or candidate.cost < 3.0]
            if word in found and not likely:
                sure.add(word)
            if used or word in found:
                possible.add(word)
    return frozenset(sure), frozenset(possible)


def of_model(audit: ModelAudit, arch: Arch | None = None) -> Facts:
    """The network of a table or of code: its fields, its first size, its parameters as far as they show; `arch` is the
    network that code makes, where it can be built."""
    walked, model = audit.walked, audit.model
    rows = walked.rows
    start = next((row for row in rows if "n_in" in row.cells or "ch_in" in row.cells), None)
    image: tuple[int, ...] | None = None
    if rows and start is rows[0] and "ch_in" in start.cells and "n_in" in start.cells:
        image = (int(start.cells["ch_in"]), int(start.cells["n_in"]), int(start.cells["n_in"]))
    fields, inner = fields_after(audit)
    doubt = "its strides are not stated" if walked.assumed else ""
    macs = rows_macs(rows) if model.form == "table" else ()
    if arch and arch.macs and fields is None:
        fields, inner = one_axis(arch), inner_fields(arch)
        macs = ((arch.macs, "multiply-adds"), *otherwise_counted("macs", arch.rows, arch.macs))
        doubt = "" if from_end_to_end(rows, arch) else "the code may be a part of it"
    params = ((audit.params, "the sum of the table's rows"),) if audit.params and model.form == "table" else ()
    source = f"the {noun(model)} on {{line {model.line}}}"
    count = model.params or (arch.params if arch else None)
    what = "the listing" if model.form == "listing" else "the layers that the code constructs"
    built = ((count, what),) if count else ()
    others = tuple(otherwise_counted("params", arch.rows, arch.params)) if arch and count == arch.params else ()
    note = ""
    if model.form == "listing":  # in a network that is written out, pools with weights are a slip
        weighed = [n for n, why in others if why == WEIGHED_POOLS]
        note = "".join(f"; were the pools, which state channels, convolutions, it would be {n:,}" for n in weighed)
        others = tuple(other for other in others if other[1] != WEIGHED_POOLS)
    known = params or built or tuple(weights(walked))
    return Facts(
        source,
        model.line,
        known,
        others,
        macs,
        (bool(built) and from_end_to_end(rows, arch)) or (bool(params) and whole(model)),
        fields,
        inner,
        image=image,
        sure=features_stated(rows),
        possible=frozenset(LAYER_FEATURES),
        last=max(model.lines),
        note=note,
        doubt=doubt,
    )


def noun(model: StatedModel) -> str:
    return model.form if model.form in ("code", "listing") else "table"


def rows_macs(rows: Sequence[LayerFact]) -> tuple[tuple[int, str], ...]:
    macs = multiply_adds(rows)
    return ((macs, "multiply-adds of its rows"), (2 * macs, "two operations for each")) if macs else ()


IMAGES, MOST_CLASSES = (1, 3), 1000


def from_end_to_end(rows: Sequence[LayerFact], arch: Arch | None) -> bool:
    """Whether layers lead from an image to classes, so that they are no part of a network only."""
    weighted = [row for row in rows if row.kind in ("conv", "flat") and "ch_out" in row.cells]
    ends = bool(weighted) and weighted[0].cells.get("ch_in") in IMAGES and weighted[-1].cells["ch_out"] <= MOST_CLASSES
    single = arch is not None and all(axis.size == 1 for axis in arch.rows[-1].out.axes)
    return ends and (single or weighted[-1].kind == "flat" or any(row.kind == "global" for row in rows))


def fields_after(audit: ModelAudit) -> tuple[tuple[int, int] | None, frozenset[int]]:
    """The fields before and after global pooling, and after each row."""
    walked = audit.walked
    trail, rows = walked.trail, walked.rows
    if not trail or not audit.trusted or walked.reading.start != "image":
        return None, frozenset()
    if audit.model.form == "code" and (walked.slips or not any("r_out" in row.cells for row in rows)):
        return None, frozenset()
    inner = frozenset(int(out["r"]) for _, out in trail if isinstance(out["r"], int))
    last = next((out["r"] for row, (_, out) in zip(rows[::-1], trail[::-1], strict=True) if row.kind != "flat"), None)
    pooled = next((i for i, row in enumerate(rows) if row.kind == "global" or whole_map(row)), None)
    before = trail[pooled][0]["r"] if pooled is not None else last
    known = isinstance(before, int) and isinstance(last, int)
    return ((before, last) if known and isinstance(before, int) and isinstance(last, int) else None), inner


def features_stated(rows: Sequence[LayerFact]) -> frozenset[str]:
    """What rows surely use, by the settings that they state."""
    found = {"dilation" for row in rows if row.cells.get("dilation", 1) > 1}
    found |= {"strided" for row in rows if row.kind == "conv" and row.cells.get("stride", 1) > 1}
    return frozenset(found | {"depthwise" for row in rows if row.cells.get("groups", 1) == row.cells.get("ch_in") != 1})


def weights(walked: Walked) -> Iterator[tuple[int, str]]:
    """The parameters that a table's convolutions have, with and without biases; nothing where a figure is missing."""
    bare = outs = 0
    if walked.model.problems or walked.model.graph:
        return  # the layers on the other ways to a join are left out
    for row in walked.rows:
        cells = row.cells
        if row.kind in ("pool", "global", "pointwise", "input"):
            continue
        k, given, made = cells.get("kernel_size"), cells.get("ch_in"), cells.get("ch_out")
        if row.kind != "conv" or k is None or given is None or made is None or cells.get("groups", 1) != 1:
            return
        bare += int(k * k * given * made)
        outs += int(made)
    if bare:
        yield from (
            (bare + more * outs, f"the {noun(walked.model)}'s convolutions {name}") for more, name in PER_CHANNEL
        )
