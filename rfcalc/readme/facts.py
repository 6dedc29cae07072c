"""What the tables, summaries and listings of a document come to, for sentences to be held against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from ..arch import Arch
from ..claims import features_of
from .cells import TableAudit
from .infer import Inference
from .listing import Listing, Variant, build
from .summary import SummaryAudit


@dataclass(frozen=True)
class Facts:
    """One network of the document. `params`, the counts that it may have, the plain reading first; `fields`, the
    receptive fields before and after global pooling; `span`, what likely settings allow before pooling, `least` the
    smallest that any do; `sure` and `possible`, the features that it surely has, and those that it may have; `note`
    goes with a mismatch."""

    source: str
    params: tuple[tuple[int, str], ...] = ()
    fields: tuple[int, int] | None = None
    span: tuple[int, int] | None = None
    least: int | None = None
    decided_by: int | None = None
    sure: frozenset[str] | None = None
    possible: frozenset[str] | None = None
    image: tuple[int, ...] | None = None
    note: str = ""


def of_summary(audit: SummaryAudit) -> Facts:
    """The network of a summary: its count, and its fields where every row is explained."""
    inference = audit.inference
    params = ((audit.params, "the summary"),) if audit.params is not None else ()
    source = f"the summary on line {audit.printout.line}"
    if inference is None or inference.arch is None:
        return Facts(source, params)
    fields = one_axis(inference.arch)
    sure, possible = features(inference)
    return Facts(source, params, fields, inference.range, inference.least, inference.decided_by, sure, possible)


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
        others = [alternative.fit for alternative in inference.options.get(row.index, ())]
        for word, key in (("dilation", "dilation"), ("strided", "stride"), ("depthwise", "groups")):
            plain = [fit for fit in others if fit.op == "conv" and fit[key] == 1]
            used = [fit for fit in others if fit.op == "conv" and fit[key] not in (None, 1)]
            likely = [fit for fit in plain if word != "depthwise" or fit.cost < 3.0]
            if word in found and not likely:
                sure.add(word)
            if used or word in found:
                possible.add(word)
    return frozenset(sure), frozenset(possible)


def of_table(audit: TableAudit) -> Facts:
    """The network of a receptive-field table: its fields, its first size, and the weights of its convolutions."""
    rows, trail = audit.rows, audit.trail
    start = next((row for row in rows if "n_in" in row.cells or "ch_in" in row.cells), None)
    image: tuple[int, ...] | None = None
    if start is rows[0] and "ch_in" in start.cells and "n_in" in start.cells:
        image = (int(start.cells["ch_in"]), int(start.cells["n_in"]), int(start.cells["n_in"]))
    last = trail[-1][1]["r"]
    pooled = next((i for i, row in enumerate(rows) if row.kind == "global"), None)
    before = trail[pooled][0]["r"] if pooled is not None else last
    known = isinstance(before, int) and isinstance(last, int) and not audit.slips and audit.understood
    fields = (before, last) if known and isinstance(before, int) and isinstance(last, int) else None
    return Facts(f"the table on line {audit.table.line}", tuple(weights(audit)), fields, image=image)


def weights(audit: TableAudit) -> Iterator[tuple[int, str]]:
    """The parameters that a table's convolutions have, with and without biases; nothing where a figure is missing."""
    bare = outs = 0
    for row in audit.rows:
        cells = row.cells
        if row.kind in ("pool", "global", "pointwise", "input"):
            continue
        k, given, made = cells.get("kernel_size"), cells.get("ch_in"), cells.get("ch_out")
        if row.kind != "conv" or k is None or given is None or made is None or cells.get("groups", 1) != 1:
            return
        bare += int(k * k * given * made)
        outs += int(made)
    if bare:
        yield bare, "the table's convolutions without biases"
        yield bare + outs, "the table's convolutions with biases"
        yield bare + 2 * outs, "the table's convolutions with batch norm"
        yield bare + 3 * outs, "the table's convolutions with biases and batch norm"


def of_listing(listing: Listing, image: tuple[int, ...]) -> tuple[Facts, Arch | None]:
    """The network of a listing, read plainly: no biases, batch norm where the text says so; and other readings."""
    plain = Variant(norms=listing.norms)
    arch, _, _ = build(listing, image, plain)
    counts: dict[int, str] = {}
    for bias, norms, separable in product((False, True), (True, False), (True, False)):
        variant = Variant(bias, norms and listing.norms, separable)
        other = build(listing, image, variant)[0]
        if other:
            counts.setdefault(other.params, describe(variant, listing))
    if arch is None:
        return Facts(f"the listing on line {listing.layers[0].line}"), None
    ordered = ((arch.params, "the listing"), *((n, why) for n, why in counts.items() if n != arch.params))
    used = frozenset(features_of(arch))
    note = pools_note(listing, image, arch.params)
    facts = Facts(
        f"the listing on line {listing.layers[0].line}",
        ordered,
        one_axis(arch),
        sure=used,
        possible=used,
        image=image,
        note=note,
    )
    return facts, arch


def describe(variant: Variant, listing: Listing) -> str:
    parts = ["with biases" if variant.bias else "without biases"]
    parts += ["batch norm counted" if variant.norms else "batch norm left out"] if listing.norms else []
    parts += [] if variant.separable or not listing.separable else ["no 1x1 convolution but those shown"]
    return "the listing " + ", ".join(parts)


def pools_note(listing: Listing, image: tuple[int, ...], plain: int) -> str:
    """What the count would be were the pools that state channels convolutions."""
    other = build(listing, image, Variant(norms=listing.norms, pools_weigh=True))[0]
    if other is None or other.params == plain:
        return ""
    return f"; were the pools, which state channels, convolutions, it would be {other.params:,}"
