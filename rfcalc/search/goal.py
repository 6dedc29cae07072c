"""What is asked of a family: its targets, its objective, and how networks are ranked by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .memo import UNCOUNTED
from .program import Program
from .small import HUGE, Caps

FRONT = (("minimize", "params"), ("minimize", "macs"), ("maximize", "receptive_field"))
"""The front that is told where there is no objective."""


class End(NamedTuple):
    """What tells networks apart where they end: the field (0: unknown, or it decides nothing), and whether the MACs of
    a layer are unknown."""

    field: int
    uncounted: bool


class Asked(NamedTuple):
    """The least field, the words that must be used, and those that must not (unknown MACs are such a word)."""

    field: int
    wanted: int
    unwanted: int

    def holds(self, field: int, words: int) -> bool:
        return field >= self.field and not self.wanted & ~words and not self.unwanted & words


@dataclass(frozen=True)
class Goal:
    """Targets and objective of a family. `field` is 0 without a target on it."""

    field: int
    caps: Caps
    must: tuple[str, ...]
    must_not: tuple[str, ...]
    objective: tuple[tuple[str, str], ...]

    @staticmethod
    def of(program: Program) -> Goal:
        targets = program.head.targets
        field = max(1, targets["min_receptive_field"]) if "min_receptive_field" in targets else 0
        caps = Caps(targets.get("max_params", HUGE), targets.get("max_macs", HUGE))
        must, must_not = (tuple(dict.fromkeys(targets.get(key, ()))) for key in ("must_use", "must_not_use"))
        return Goal(field, caps, must, must_not, program.objective)

    @property
    def words(self) -> tuple[str, ...]:
        """The features that are watched."""
        return tuple(dict.fromkeys((*self.must, *self.must_not)))

    @property
    def has_front(self) -> bool:
        """Whether a front is asked for rather than a ranking."""
        return len(self.objective) != 1

    @property
    def wants_field(self) -> bool:
        """Whether the field ranks networks."""
        return not self.objective or "receptive_field" in [figure for _, figure in self.objective]

    def bits(self, words: Sequence[str]) -> int:
        return sum(1 << self.words.index(word) for word in words)

    def asked(
        self, without: str = "", must: Sequence[str] | None = None, must_not: Sequence[str] | None = None
    ) -> Asked:
        """What a network must look like at its end, one target left out, or other words asked for."""
        field = 0 if without == "min_receptive_field" else self.field
        wanted = () if without == "must_use" else self.must if must is None else must
        unwanted = () if without == "must_not_use" else self.must_not if must_not is None else must_not
        counted = UNCOUNTED if self.caps.macs != HUGE else 0
        return Asked(field, self.bits(wanted), self.bits(unwanted) | counted)

    def order(self, field: Any, params: Any, macs: Any, uncounted: Any) -> tuple[Any, ...]:
        """The figures of the objective, less is better, of one network or of arrays of them. MACs that are unknown
        (0, `uncounted`) are worse than any."""
        values = {"params": params, "macs": macs, "receptive_field": field}
        found = []
        for sense, figure in self.objective or FRONT:
            value = -values[figure] if sense == "maximize" else values[figure]
            found.append(value + uncounted * HUGE if figure == "macs" else value)
        return tuple(found)
