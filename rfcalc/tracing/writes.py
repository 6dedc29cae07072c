"""What a write into a tensor does to it, and to the others that share its memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from .graph import Graph, Map
from .known import Known, base_of
from .moves import assigned, known_by_shape, shape_like


class Writes:
    """Follows writes: in-place functions, `x[…] = y`, `x.data = y`, fills."""

    def __init__(self, graph: Graph, known: Known) -> None:
        self.graph, self.known = graph, known

    def written(self, target: Tensor, m: Map, given: Sequence[Tensor], mixes: bool) -> None:
        """A tensor whose values are those of `m` now. Where other values than its own went into it (`mixes`), those
        that share its memory, but for what the function was given, may have been written with it: they see at most what
        they saw and what has been written."""
        self.known.bind(target, m)
        for other in self.known.beside(target) if mixes else ():
            if not any(other is tensor for tensor in given):
                before = self.known.before(other)
                self.known.put_off(other, self.both(other, m, before), before)

    def both(self, tensor: Tensor, m: Map, before: Map | None) -> Callable[[], Map]:
        """The layer of a tensor that may have been written into: what it was, and what was written."""

        def make() -> Map:
            found = shape_like(self.graph, before) if before else assigned(self.graph, tuple(tensor.shape), ())
            maps = [before, m] if before else [m]
            return known_by_shape(self.graph, "whole", maps, found, "assignment", 0, bound=True)

        return make

    def written_back(self, target: Tensor, value: Any) -> None:
        """x[0] += y writes into a view of x, and then the view into x: what x was before must still be known."""
        held = self.known.later.get(id(target))
        if held is not None and held.before and isinstance(value, Tensor) and base_of(value) is base_of(target):
            self.known.bind(target, held.before)

    def replaced(self, target: Tensor, value: Any) -> None:
        """x.data = y: a tensor that stands for another one from now on."""
        m = self.known.find(value)
        if m is not None:
            self.known.bind(target, m)
        elif isinstance(value, Tensor):
            self.known.forget(target)
            self.known.keep(target)

    def blanked(self, target: Tensor) -> Tensor:
        """A tensor full of what holds nothing of the image. Others that share its memory see what they saw, but for
        what is filled now."""
        self.known.forget(target)
        for other in self.known.beside(target):
            if (m := self.known.held(other)) is not None:
                self.known.bind(other, self.graph.function(m, "assignment"))
        return self.known.keep(target)
