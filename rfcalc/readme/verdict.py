"""What an audit says: a verdict on each stated figure, and the cells of tables that are off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..geometry import Number
from ..tables import number

Kind = Literal["right", "wrong", "convention", "undetermined"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One claim. `computed` is None where nothing could be worked out; `line` is where it stands."""

    quantity: str
    stated: Any
    computed: Any
    verdict: Kind
    line: int
    why: str
    place: str = ""

    @property
    def where(self) -> str:
        return f"line {self.line}" + (f", {self.place}" if self.place else "")

    def to_json(self) -> dict[str, Any]:
        return {
            "quantity": self.quantity,
            "stated": number(self.stated),
            "computed": number(self.computed),
            "verdict": self.verdict,
            "where": self.where,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that is off: by a slip of its own (local), or because it follows from one above (inherited)."""

    row: int | str
    column: str
    stated: Number | None
    computed: Number | None
    kind: str
    line: int
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "column": self.column,
            "stated": number(self.stated),
            "computed": number(self.computed),
            "kind": self.kind,
            "where": f"line {self.line}",
            "why": self.why,
        }
