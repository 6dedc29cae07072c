"""Every figure that a document states about networks, against the arithmetic: the journey from text to verdicts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from ...engine.arch import Arch
from ...engine.geometry import shape_text
from ...errors import RfcalcError
from ..infer.evidence import with_evidence
from ..infer.infer import infer_printout, infer_stated
from ..infer.inference import Inference
from ..read.cells import equations
from ..read.context import Context
from ..read.facts import LayerFact, StatedModel
from ..read.read import Document, read_document
from ..read.text import LONGEST_LINE
from .facts import Facts, of_model, of_summary
from .joined import with_kernels
from .listing import listing_claims
from .printout import SummaryAudit
from .sentences import class_mean, judge
from .shapes import mended_shapes
from .tables import ModelAudit, audit_model
from .totals import total_claims
from .verdict import Audit, Cell, Verdict, VerdictKind

MNIST = (1, 28, 28)
CIFAR10_CLASSES = 10
LINE_PLACE = re.compile(r"\{line (\d+)\}")
T = TypeVar("T", Verdict, Cell)


def audit_document(document: Document, image: Sequence[int] | None = None) -> Audit:
    """Every verdict on a document; `image` is the input's shape where the caller knows it."""
    claims: list[Verdict] = []
    cells: list[Cell] = []
    facts: list[Facts] = []
    archs: list[Arch] = []
    stated = tuple(image) if image else None
    with_rows = sum(bool(printout.rows) for printout in document.printouts)
    for printed in document.printouts:  # summaries: slips in shapes, the network behind each, then its rows and totals
        printout, shapes = mended_shapes(printed)
        context = document.around(printout.line, with_rows < 2)
        inference = inference_of(infer_printout, with_evidence(printout, document.models), context, stated)
        found = SummaryAudit(printout, inference, stated or named_image(inference, context), shapes).judge()
        claims += found.claims
        cells += found.cells
        facts.append(of_summary(found))
        archs += [inference.arch] if inference and inference.arch else []
    coded = {model.line: written_arch(model, document, stated) for model in document.models}
    archs += [arch for arch in coded.values() if arch]
    for model in document.models:  # tables, code, listings and prints of tools: the rows walked
        audited = audit_model(*with_kernels(model, archs))
        fact = of_model(audited, coded[model.line])
        if model.form == "listing":
            claims += listing_claims(audited, document)
        claims += [*audited.claims, *dataset_claims(fact, audited, datasets_above(document, fact.line))]
        cells += audited.cells
        facts.append(fact)
    claims += equation_claims(document)
    claims += [claim for claim in total_claims(document) if claim.line not in {one.line for one in claims}]
    claims += judge(document, facts)  # sentences: each against the models of its section
    if any(name.startswith("CIFAR") for name, _, _ in document.context.datasets):
        claims += class_mean(document.statements, CIFAR10_CLASSES)
    return Audit(tuple(at_its_place(c, document) for c in claims), tuple(at_its_place(c, document) for c in cells))


def equation_claims(document: Document) -> Iterator[Verdict]:
    """The arithmetic that the text writes out, but for summaries and tables, and for what a list or a comment states of
    its layers: each sum that is off, the rest together."""
    taken = [one.lines for one in document.printouts]
    taken += [model.lines for model in document.models if model.form == "table"]
    judged = frozenset[int]().union(*taken)
    walked = {(fact.line, value) for model in document.models for fact in model.facts for value in fact.cells.values()}
    lines = [line for line in document.text.lines if "=" in line.text and line.number not in judged]
    found = [(line.number, sum_) for line in lines if len(line.text) <= LONGEST_LINE for sum_ in equations(line.text)]
    found = [(line, sum_) for line, sum_ in found if (line, sum_.stated) not in walked]
    for line, sum_ in found:
        if sum_.amiss:
            yield Verdict("arithmetic", sum_.stated, sum_.value, "wrong", line, "what stands in front of it gives this")
    good = [line for line, sum_ in found if not sum_.amiss]
    if good:
        yield Verdict("arithmetic", f"{len(good)} sums", None, "right", good[0], "each gives what is stated")


def written_arch(model: StatedModel, document: Document, image: tuple[int, ...] | None) -> Arch | None:
    """The network of code or a listing, where its layers' order and the input are known."""
    if not model.ordered or model.problems:
        return None
    context = document.around(model.line, len(document.models) == 1)
    off = {(cell.line, cell.column) for cell in audit_model(model).cells}

    def kept(fact: LayerFact) -> LayerFact:
        return replace(fact, cells={key: n for key, n in fact.cells.items() if (fact.line, key) not in off})

    graph = tuple((kept(fact), reads) for fact, reads in model.graph)
    model = replace(model, axes=(tuple(map(kept, model.facts)),), graph=graph)  # settings run, comments do not
    images = [image] if image else [None, *images_beside(document)]
    tried = (inference_of(infer_stated, model, replace(context, fields=(), places=()), one) for one in images)
    found = next((one for one in tried if one), None)
    return found.arch if found else None


def images_beside(document: Document) -> list[tuple[int, ...]]:
    """What comes into the first row of the document's lists and tables, where all agree."""
    firsts = [model.facts[0].cells for model in document.models if model.form in ("list", "table") and model.facts]
    shapes = {(int(c["ch_in"]), int(c["n_in"]), int(c["n_in"])) for c in firsts if {"ch_in", "n_in"} <= c.keys()}
    return [*shapes] if len(shapes) == 1 else []


def inference_of(infer: Callable[..., Inference], *given: object) -> Inference | None:
    """A network, or None where not even its input can be told: what is stated can be added up without it."""
    try:
        return infer(*given)
    except RfcalcError:
        return None


def at_its_place(found: T, document: Document) -> T:
    """A verdict or a cell with its place in words, and the titles above it."""
    text = document.text
    where = text.where(found.line)
    if isinstance(found, Verdict) and found.place:
        where += f", {found.place}"
    why = LINE_PLACE.sub(lambda match: text.where(int(match[1])), found.why)
    return replace(found, where=where, why=why, section=text.title(document.section(found.line)))


def named_image(inference: Inference | None, context: Context) -> tuple[int, ...] | None:
    """The input's shape where the data set that the text names and the rows agree on it."""
    image = context.image
    return image if inference and image == (inference.image.channels, *inference.image.sizes) else None


def datasets_above(document: Document, line: int) -> list[tuple[str, tuple[int, ...], int]]:
    """The data sets that the sections around a line name themselves."""
    around = set(document.text.path(document.section(line)))
    return [found for found in document.context.datasets if document.section(found[2]) in around]


def dataset_claims(
    fact: Facts, audit: ModelAudit, datasets: Sequence[tuple[str, tuple[int, ...], int]]
) -> Iterator[Verdict]:
    """The data set that the text names against the shape that a table starts from."""
    if fact.image is None or not datasets or audit.model.form != "table" or audit.walked.reading.start == "stated":
        return
    shapes = {shape for _, shape, _ in datasets}
    name, shape, line = datasets[0]
    starts = shape_text(fact.image)
    images = shape_text(shape)
    table = f"the table on {{line {fact.line}}} starts from {starts}"
    kind: VerdictKind
    if fact.image in shapes:
        kind, why = "right", table
    elif len(shapes) == 1 and fact.image[0] != shape[0] and fact.image[1:] != shape[1:]:
        mnist = ", MNIST's shape" if fact.image == MNIST else ""
        kind = "wrong" if mnist else "undetermined"
        why = f"{name}'s images are {images}; {table}{mnist}"
    else:
        kind, why = "undetermined", f"{name}'s images are {images}, the table starts from {starts}: they may be resized"
    yield Verdict("input", f"{name} ({images})", starts, kind, line, why)


def audit(text: str, input: Sequence[int] | None = None, name: str = "") -> Audit:
    """The verdicts on every figure that a text states about its networks; `name` is the document's.

    >>> audit("ReLU-1 [-1, 8, 32, 32] 3").cells[0].computed
    0
    """
    return replace(audit_document(read_document(text), input), name=name)
