"""What is asked of a family: its targets, its objective, and how networks are ranked by them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple, Self

from ..engine.arch import Arch
from .memo import UNCOUNTED
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
class Wanted:
    """What the targets of a spec demand. `field` is 0 without a target on it."""

    field: int
    caps: Caps
    must: tuple[str, ...]
    must_not: tuple[str, ...]

    @classmethod
    def of(cls, arch: Arch, *more: Any) -> Self:
        """Those of a network, or of a family's head."""
        targets = arch.targets
        field = max(1, targets["min_receptive_field"]) if "min_receptive_field" in targets else 0
        caps = Caps(targets.get("max_params", HUGE), targets.get("max_macs", HUGE))
        words = (tuple(dict.fromkeys(targets.get(key) or ())) for key in ("must_use", "must_not_use"))
        return cls(field, caps, *words, *more)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The features that are watched."""
        return tuple(dict.fromkeys((*self.must, *self.must_not)))


@dataclass(frozen=True)
class Goal(Wanted):
    """Targets and objective of a family."""

    objective: tuple[tuple[str, str], ...]

    @property
    def has_front(self) -> bool:
        """Whether a front is asked for rather than a ranking."""
        return len(self.objective) != 1

    @property
    def wants_field(self) -> bool:
        """Whether the field ranks networks."""
        return not self.objective or "receptive_field" in [figure for _, figure in self.objective]

    def bits(self, words: Iterable[str]) -> int:
        return sum(1 << self.words.index(word) for word in words)

    def asked(
        self, without: str = "", must: Iterable[str] | None = None, must_not: Iterable[str] | None = None
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


class TargetBounds(ABC):
    """What stands in the way: for each target the best that the others leave, however the networks are held. `met` says
    whether some network meets them all."""

    goal: Goal

    def bound(self, target: str, met: bool) -> object:
        """The best that the other targets leave to one; None where they leave no network."""
        match target:
            case "max_params" | "max_macs":
                figure, caps = target.removeprefix("max_"), self.goal.caps
                return self.least(figure, caps if met else caps._replace(**{figure: HUGE}))
            case "must_use" | "must_not_use":
                return self.bound_of_words(target, met)
        return self.largest_field()

    def bound_of_words(self, target: str, met: bool) -> list[str] | None:
        """The most of the wanted words that one network uses, or the fewest of the unwanted ones that it cannot do
        without; of as many, the first."""
        goal, wanted = self.goal, target == "must_use"
        words = goal.must if wanted else goal.must_not
        sizes = range(len(words) + 1)
        sets = [some for n in (reversed(sizes) if wanted else sizes) for some in combinations(words, n)]
        if met:
            return list(sets[0])
        is_possible = self.possible_but_for(target)
        for some in sets:
            if is_possible(goal.asked(must=some) if wanted else goal.asked(must_not=set(words).difference(some))):
                return list(some)
        return None

    @abstractmethod
    def least(self, figure: str, caps: Caps) -> int | None:
        """The least parameters or MACs within caps; networks whose MACs are unknown have no least ones."""

    @abstractmethod
    def largest_field(self) -> int | None:
        """The largest field within the caps."""

    @abstractmethod
    def possible_but_for(self, target: str) -> Callable[[Asked], bool]:
        """Whether any network that ends as asked, one target left out of it, stays within the caps."""
