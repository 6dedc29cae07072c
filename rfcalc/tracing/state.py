"""What a tracer knows while a program runs, each part a class of its own; a call of a function is given all of it."""

from __future__ import annotations

from dataclasses import dataclass

from .charges import Charges
from .graph import Graph
from .known import Known
from .shapes import Shapes
from .writes import Writes


@dataclass(frozen=True, slots=True)
class TraceState:
    """The layers so far; which tensors hold what; writes into them; parameters counted; functions run on shapes alone.
    With `verify` every function is run, and the shape that its layers tell compared with what torch makes."""

    graph: Graph
    known: Known
    writes: Writes
    charges: Charges
    shapes: Shapes
    verify: bool

    def rewind(self, mark: int, charged: int) -> None:
        """Forgets the layers after the first `mark`, and which parameters they have counted."""
        self.graph.rewind(mark)
        self.charges.rewind(charged)
