"""Every figure that a document states about a network, against the arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..arch import Row
from ..errors import RfcalcError
from ..grid import Column, Grid
from ..tables import text as as_text
from .cells import TableAudit, audit_table
from .context import Context, read_context
from .facts import Facts, of_listing, of_summary, of_table
from .infer import Inference, infer_printout
from .judge import class_mean, judge
from .listing import Listing, Variant, build, chain_breaks, find_listing
from .printout import Printout, find_printouts
from .prose import Statement, read_statements
from .rftable import field_table
from .summary import SummaryAudit, audit_summary
from .text import Line, find_tables, read_lines
from .verdict import Cell, Kind, Verdict

if TYPE_CHECKING:
    from rich.console import RenderableType

MNIST = (1, 28, 28)
CIFAR10_CLASSES = 10


@dataclass(frozen=True)
class Document:
    """A text taken apart: summaries, receptive-field tables, a listed network, and the prose around them."""

    lines: tuple[Line, ...]
    printouts: tuple[Printout, ...]
    tables: tuple[TableAudit, ...]
    listing: Listing | None
    statements: tuple[Statement, ...]
    context: Context


def read(text: str) -> Document:
    """The parts of a document, found in time linear in its length."""
    lines = read_lines(text)
    printouts = find_printouts(lines)
    tables = find_tables(lines)
    audits = [audit_table(found) for table in tables if (found := field_table(table))]
    listing = find_listing(lines)
    taken = {row.line for printout in printouts for row in printout.rows}
    taken |= {total.line for printout in printouts for total in printout.totals.values()}
    taken |= {number for table in tables for number in (table.line, *table.lines)}
    taken |= listing.lines if listing else set()
    prose = [line for line in lines if line.number not in taken]
    statements = read_statements(prose)
    return Document(
        tuple(lines), tuple(printouts), tuple(audits), listing, tuple(statements),
        read_context(prose, stated_fields(statements)),
    )  # fmt: skip


def stated_fields(statements: Sequence[Statement]) -> list[int]:
    """The receptive fields stated for a whole network, those called final or global first."""
    found = [s for s in statements if s.quantity == "receptive_field" and s.relation == "=" and not s.elsewhere]
    fields = [int(s.value) for s in sorted(found, key=lambda s: not s.whole)]
    return fields if len(set(fields)) <= 2 else []


@dataclass(frozen=True)
class Audit:
    """The verdicts on every claim, and the cells that are off."""

    claims: tuple[Verdict, ...]
    cells: tuple[Cell, ...]

    @property
    def wrong(self) -> bool:
        return bool(self.cells) or any(claim.verdict == "wrong" for claim in self.claims)

    @property
    def exit_code(self) -> int:
        """1 when anything is wrong, else 0."""
        return int(self.wrong)

    def to_json(self) -> dict[str, Any]:
        """The contract of `rfcalc audit --format json`."""
        return {
            "claims": [claim.to_json() for claim in self.claims],
            "cells": [cell.to_json() for cell in self.cells],
        }

    @property
    def grids(self) -> tuple[Grid, ...]:
        """The claims, and where any cell is off, the cells."""
        heads = ("where", "quantity", "stated", "computed", "verdict", "why")
        columns = tuple(Column(head, left=head not in ("stated", "computed")) for head in heads)
        rows = tuple(
            (c.where, c.quantity, shown(c.stated), shown(c.computed), c.verdict, c.why)
            for c in sorted(self.claims, key=lambda claim: claim.line)
        )
        counts = ", ".join(
            f"{n} {kind}" for kind in KINDS if (n := sum(claim.verdict == kind for claim in self.claims))
        )
        grids = [Grid(columns, rows, (counts or "no figure found that could be checked",))]
        if self.cells:
            names = ("where", "row", "column", "stated", "computed", "kind", "why")
            cells = tuple(
                (f"line {c.line}", str(c.row), c.column, shown(c.stated), shown(c.computed), c.kind, c.why)
                for c in self.cells
            )
            grids.append(Grid(tuple(Column(name, left=True) for name in names), cells))
        return tuple(grids)

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal of that width."""
        from rich.console import Group
        from rich.text import Text

        parts: list[RenderableType] = []
        for grid in self.grids:
            parts += [grid.to_rich(width), Text()]
        return Group(*parts[:-1])


KINDS = ("right", "wrong", "convention", "undetermined")


def shown(value: Any) -> str:
    return value if isinstance(value, str) else as_text(value) if not isinstance(value, bool) else str(value).lower()


def audit_document(document: Document, image: Sequence[int] | None = None) -> Audit:
    """Every verdict on a document; `image` is the input's shape where the caller knows it."""
    claims: list[Verdict] = []
    cells: list[Cell] = []
    facts: list[Facts] = []
    stated = tuple(image) if image else None
    for printout in document.printouts:
        inference = inference_of(printout, document.context, stated)
        found = audit_summary(printout, inference, stated or named_image(inference, document.context))
        claims += [*found.claims, *unexplained(found)]
        cells += found.cells
        facts.append(of_summary(found))
    for table in document.tables:
        claims += table_claims(table)
        fact = of_table(table)
        claims += dataset_claims(fact, table, document.context)
        cells += table_cells(table)
        facts.append(fact)
    if document.listing:
        claims += listing_claims(document.listing, document, stated, facts)
    claims += judge(document.statements, facts)
    if any(name.startswith("CIFAR") for name, _, _ in document.context.datasets):
        claims += class_mean(document.statements, CIFAR10_CLASSES)
    return Audit(tuple(claims), tuple(cells))


def inference_of(printout: Printout, context: Context, image: tuple[int, ...] | None) -> Inference | None:
    try:
        return infer_printout(printout, context, image)
    except RfcalcError:
        return None  # what the summary states can be added up without the network behind it


def named_image(inference: Inference | None, context: Context) -> tuple[int, ...] | None:
    """The input's shape where the data set that the text names and the rows agree on it."""
    image = context.image
    return image if inference and image == (inference.image.channels, *inference.image.sizes) else None


def unexplained(audit: SummaryAudit) -> Iterator[Verdict]:
    """Rows that no layer explains, unless their count is a slip already named."""
    named = {cell.row for cell in audit.cells}
    for row in audit.inference.unexplained if audit.inference else ():
        if row.row not in named:
            yield Verdict("row", row.label, None, "undetermined", row.line, row.why)


# --- receptive-field tables --------------------------------------------------------------------------------------


def table_claims(audit: TableAudit) -> Iterator[Verdict]:
    """One verdict on the table as a whole, and one for each convention that it follows."""
    rows, line = len(audit.rows), audit.table.line
    stated = f"{rows} rows"
    if not audit.checked:
        yield Verdict("table", stated, None, "undetermined", line, "too few of its columns are there to work it out")
        return
    if not audit.understood:
        why = f"{len(audit.local)} of {audit.checked} figures do not follow from the others: it may mean something else"
        yield Verdict("table", stated, None, "undetermined", line, why)
        return
    inherited = len(audit.slips) - len(audit.local)
    if audit.slips:
        slips = f"{len(audit.local)} slip{'s' if len(audit.local) > 1 else ''}, {inherited} inherited"
        yield Verdict("table", stated, slips, "wrong", line, "see its cells")
    else:
        yield Verdict("table", stated, None, "right", line, f"all {audit.checked} figures that can be worked out agree")
    if audit.reading.start == "zero":
        yield Verdict(
            "table", "fields count from 0", None, "convention", line, "each field is 1 more when counted in pixels"
        )
    if audit.reading.start == "stated":
        yield Verdict("table", "first row", None, "undetermined", line, "it continues from layers that are not shown")
    if audit.reading.ignores_pool:
        why = "global pooling sees the whole map; the table leaves the field as it is in front of it"
        yield Verdict("table", "global pooling", None, "convention", line, why)
    if audit.reading.effective:
        yield Verdict("table", "kernels", None, "convention", line, "kernels are stated with their dilation in them")


def table_cells(audit: TableAudit) -> Iterator[Cell]:
    if audit.understood:
        for slip in audit.slips:
            yield Cell(slip.row, slip.column, slip.stated, slip.computed, slip.kind, slip.line, slip.why)


def dataset_claims(fact: Facts, audit: TableAudit, context: Context) -> Iterator[Verdict]:
    """The data set that the text names against the shape that a table starts from."""
    if fact.image is None or not context.datasets or audit.reading.start == "stated":
        return
    shapes = {shape for _, shape, _ in context.datasets}
    name, shape, line = context.datasets[0]
    starts = "x".join(map(str, fact.image))
    pictures = "x".join(map(str, shape))
    kind: Kind
    if fact.image in shapes:
        kind, why = "right", f"the table on line {audit.table.line} starts from {starts}"
    elif len(shapes) == 1 and fact.image[0] != shape[0] and fact.image[1:] != shape[1:]:
        mnist = ", MNIST's shape" if fact.image == MNIST else ""
        kind = "wrong" if mnist else "undetermined"
        why = f"{name}'s pictures are {pictures}; the table on line {audit.table.line} starts from {starts}{mnist}"
    else:
        kind, why = (
            "undetermined",
            f"{name}'s pictures are {pictures}, the table starts from {starts}: they may be resized",
        )
    yield Verdict("input", f"{name} ({pictures})", starts, kind, line, why)


# --- listings ----------------------------------------------------------------------------------------------------


def listing_claims(
    listing: Listing, document: Document, image: tuple[int, ...] | None, facts: list[Facts]
) -> Iterator[Verdict]:
    """Fields, sizes, names and channels of a listed network; adds what it comes to to the facts."""
    shape = image or listing_image(listing, document.context)
    if shape is None:
        return
    fact, arch = of_listing(listing, shape)
    _, rows, problem = build(listing, shape, Variant(norms=listing.norms))
    facts.append(fact)
    if arch is None:
        line = listing.layers[0].line
        yield Verdict("listing", f"{len(listing.layers)} layers", None, "undetermined", line, problem)
    for note in listing.notes:
        row = rows[note.after - 1] if note.after <= len(rows) else None
        if row is None:
            continue
        axis = row.out.axes[0]
        computed = axis.size if note.what == "size" else axis.receptive_field
        kind: Kind = "right" if computed == note.stated else "wrong"
        name = listing.layers[note.after - 1].name
        why = f"behind {name} the {'map' if note.what == 'size' else 'field'} is {computed}"
        yield Verdict(note.what, note.stated, computed, kind, note.line, why, note.label)
    yield from name_claims(listing)
    for broken, given, made in chain_breaks(listing):
        why = f"the layer in front of {broken.name} makes {made} channels"
        yield Verdict("in_channels", given, made, "wrong", broken.line, why, broken.name)
    yield from padding_claims(listing, shape)


def listing_image(listing: Listing, context: Context) -> tuple[int, ...] | None:
    """The input of a listed network: the channels of its first layer, and the size of the data set or first note."""
    channels = listing.layers[0].settings.get("in_channels")
    size = next((note.stated for note in listing.notes if note.what == "size"), None)
    if context.image and channels in (None, context.image[0]):
        return context.image
    return (channels, size, size) if channels and size else None


def name_claims(listing: Listing) -> Iterator[Verdict]:
    """Names that stand for two layers with weights, and names that the text uses for none."""
    seen: dict[str, dict[str, int]] = {}
    for layer in listing.layers:
        if layer.op != "conv":
            continue
        first = seen.setdefault(layer.name, layer.settings)
        if first is not layer.settings:
            why = f"{layer.name} names two layers: " + " and ".join(map(settings_of, (first, layer.settings)))
            yield Verdict("layer name", layer.name, None, "wrong", layer.line, why, layer.name)
    for name, line in listing.mentioned:
        yield Verdict("layer name", name, None, "undetermined", line, f"the text names {name}, the listing has none")


def settings_of(settings: dict[str, int]) -> str:
    return f"{settings.get('in_channels', '?')} to {settings.get('out_channels', '?')} channels"


def size_behind(rows: Sequence[Row | None], after: int) -> int | None:
    """The size of the map behind a listed layer; None where the network does not get so far."""
    row = rows[after - 1] if after <= len(rows) else None
    return row.out.axes[0].size if row else None


def padding_claims(listing: Listing, image: tuple[int, ...]) -> Iterator[Verdict]:
    """One padding said to be every layer's, against the stated sizes."""
    if listing.padding is None:
        return
    padding, line = listing.padding
    sizes = [note for note in listing.notes if note.what == "size"]
    _, plain, _ = build(listing, image, Variant(norms=listing.norms))
    _, literal, _ = build(listing, image, Variant(norms=listing.norms, padding=padding))
    agree = [sum(size_behind(rows, n.after) == n.stated for n in sizes) for rows in (plain, literal)]
    if agree[1] >= agree[0]:
        kind: Kind = "right" if sizes and agree[1] == len(sizes) else "undetermined"
        yield Verdict("padding", padding, padding, kind, line, f"{agree[1]} of {len(sizes)} stated sizes follow")
        return
    kept = "with each layer padded to keep its map"
    why = f"with padding {padding} everywhere {agree[1]} of {len(sizes)} stated sizes follow, {kept} {agree[0]}"
    yield Verdict("padding", padding, None, "wrong", line, why)
