"""READMEs: the network behind a printed summary, and every stated figure against the arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..errors import RfcalcError
from .audit import Audit, Document, audit_document, read
from .infer import Inference, infer_printout
from .printout import mentions_keras
from .text import read_document

__all__ = ["Audit", "Inference", "audit", "infer", "read_document"]


def infer(text: str, input: Sequence[int] | None = None) -> Inference:
    """The network behind the first summary printed in a text; `input` is its shape, channels first. Raises
    RfcalcError where the text holds no summary.

    >>> rows = "Conv2d-1 [-1, 8, 32, 32] 224\\nReLU-2 [-1, 8, 32, 32] 0"
    >>> infer(rows, (3, 32, 32)).to_json()["layers"][0]["kernel_size"]
    3
    """
    document = read(text)
    with_rows = [printout for printout in document.printouts if printout.rows]
    if not with_rows:
        raise RfcalcError(nothing_found(document))
    found = infer_printout(with_rows[0], document.context, input)
    if len(with_rows) > 1:
        lines = ", ".join(str(printout.line) for printout in with_rows)
        note = f"the text holds {len(with_rows)} summaries (lines {lines}); this is the first"
        found = replace(found, notes=(*found.notes, note))
    return found


def audit(text: str, input: Sequence[int] | None = None) -> Audit:
    """The verdicts on every figure that a text states about its networks.

    >>> audit("ReLU-1 [-1, 8, 32, 32] 3").cells[0].computed
    0
    """
    return audit_document(read(text), input)


def nothing_found(document: Document) -> str:
    """What to say of a text without a summary, by what it holds instead."""
    keras = mentions_keras(document.lines)
    if keras:
        return f"line {keras}: this is a Keras summary; rfcalc reads those of torchsummary and torchinfo"
    if document.tables:
        line = document.tables[0].table.line
        return f"line {line}: a receptive-field table, but no printed summary to infer from; rfcalc audit checks tables"
    return "no printed summary found: rows such as `Conv2d-1  [-1, 32, 32, 32]  896`"
