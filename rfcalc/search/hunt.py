"""The search for the smallest set of edits after which a spec meets its targets: single edits, pairs, then those that
come nearest. A number of channels is open until the other edits are known."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from .edits import EDIT_KINDS, Catalogue, Channels, Edit
from .goal import Wanted
from .sites import Sites
from .small import HUGE
from .walker import EditPlan, Walker, WalkOutcome

MOST_AT_ONCE = 4
HUNT_BEAM = 60
"""Sets of edits that are carried on where not all sets can be tried."""
CHANNELS_TRIED = 64
"""Numbers of channels tried one after the other for one that the layers can have."""
SCAN = 256
"""Numbers tried for the first of two open numbers of channels."""


class Targets(Wanted):
    """What must be met, over the words that the walker watches."""

    def missed(self, found: WalkOutcome) -> dict[str, float]:
        """Each target that is missed, and by what share."""
        out: dict[str, float] = {}
        if found.field < self.field:
            out["field"] = 1 - found.field / self.field
        for figure, cap in self.caps._asdict().items():
            if (cost := getattr(found, figure)) > cap:
                out[figure] = cost / max(cap, 1) - 1
        for sign, words, missing in (("+", self.must, 0), ("-", self.must_not, 1)):
            for word in words:
                if found.words >> self.words.index(word) & 1 == missing:
                    out[sign + word] = 1
        return out


# --- which edits can mend what --------------------------------------------------------------------------------------

WINDOWS = {"kernel_size", "stride", "dilation"}
MENDS = {
    "field": {*WINDOWS, "pool", "layer"},
    "params": {*WINDOWS, "groups", "channels", "separable", "pool", "layer"},
    "macs": {*WINDOWS, "groups", "channels", "separable", "pool", "layer"},
    "dilation": {"dilation", "pool", "layer"},
    "strided": {"stride", "pool", "kernel_size", "layer"},
    "bias": {"pool", "layer"},
    "conv": {"pool", "layer"},
}
"""The kinds of edit that can change whether a target is met; for other words, all of them."""


@dataclass(frozen=True)
class Solution:
    """A set of edits that meets all targets."""

    edits: tuple[Edit, ...]
    outcome: WalkOutcome

    @property
    def layers_changed(self) -> int:
        return len({number for edit in self.edits for number, _ in edit.changes})


@dataclass(frozen=True)
class EditSet:
    """A set of edits that does not."""

    edits: tuple[Edit, ...]
    plan: EditPlan
    missed: Mapping[str, float]


def joined_plans(first: EditPlan, second: EditPlan) -> EditPlan | None:
    """Two plans as one; None where they change the same."""
    if any(key in first and key[1] != "@follow" for key in second):
        return None
    return {**first, **second}


class Hunt:
    """The search for the smallest set of edits."""

    def __init__(
        self, sites: Sites, targets: Targets, keep: Sequence[str], only: Sequence[str], seconds: float
    ) -> None:
        self.targets, self.seconds, self.deadline = targets, seconds, time.monotonic() + seconds
        self.walker = Walker(sites, targets.words)
        self.start = self.walker.outcome({})
        catalogue = Catalogue(sites, tuple(keep), tuple(only))
        self.most_channels = catalogue.most_channels
        self.first = EditSet((), {}, self.missed({}) or {})
        missing = tuple(word[1:] for word in self.first.missed if word.startswith("+"))
        self.edits = list(catalogue.edits(missing))
        self.channels = list(catalogue.channels())
        self.proved = True

    @property
    def params(self) -> int:
        assert self.start is not None
        return self.start.params

    def missed(self, plan: EditPlan) -> dict[str, float] | None:
        """What a changed network misses; None where it cannot be built."""
        found = self.walker.outcome(plan)
        return None if found is None else self.targets.missed(found)

    def late(self) -> bool:
        return time.monotonic() > self.deadline

    # --- sets of edits, the small ones first ---

    def run(self) -> tuple[list[Solution], int]:
        """The solutions with the fewest edits, and how few; none where none was found."""
        found, singles = self.widened([self.first])
        if found:
            return found, 1
        if found := self.pairs(singles):
            self.proved = True  # no single edit does it
            return found, 2
        self.deadline = max(self.deadline, time.monotonic() + self.seconds / 2)
        level = self.best_of(singles)
        for count in range(2, MOST_AT_ONCE + 1):
            found, near = self.widened(level)
            if found:
                self.proved = count == 2 or (self.proved and count == 3)  # all single edits were tried, maybe all pairs
                return found, count
            level = self.best_of(near)
        self.proved = False
        return [], 0

    def widened(self, level: list[EditSet]) -> tuple[list[Solution], list[EditSet]]:
        """Every set of a level with one more edit: those that meet all targets, and the others."""
        found: list[Solution] = []
        near: list[EditSet] = []
        for base in level:
            for edit in self.edits:
                self.add(base, edit, found, near)
            for channels in self.channels:
                if edit_ := self.best_channels(base.plan, channels):
                    self.add(base, edit_, found, near)
            if base.edits and self.late():
                self.proved = False
                break
        return found, near

    def add(self, base: EditSet, edit: Edit, found: list[Solution], near: list[EditSet]) -> None:
        plan = joined_plans(base.plan, edit.changes)
        outcome = None if plan is None else self.walker.outcome(plan)
        if plan is None or outcome is None:
            return
        missed = self.targets.missed(outcome)
        if missed:
            near.append(EditSet((*base.edits, edit), plan, missed))
        else:
            found.append(Solution((*base.edits, edit), outcome))

    def best_of(self, near: list[EditSet]) -> list[EditSet]:
        """The sets that come nearest, some for each target that they leave missed."""
        ranked = sorted(near, key=lambda c: (len(c.missed), sum(c.missed.values())))
        by_rest: dict[frozenset[str], list[EditSet]] = {}
        for one in ranked:
            by_rest.setdefault(frozenset(one.missed), []).append(one)
        share = max(1, HUNT_BEAM // max(1, len(by_rest)))
        return [one for group in by_rest.values() for one in group[:share]]

    def pairs(self, singles: list[EditSet]) -> list[Solution]:
        """All pairs of edits that can mend between them what is missed."""
        missed = self.first.missed
        found: list[Solution] = []
        ranked = sorted(singles, key=lambda c: (len(c.missed), sum(c.missed.values())))
        plain = [one for one in ranked if one.edits[0].kind != "channels"]
        alone = {id(one.edits[0]) for one in plain}
        stuck = [edit for edit in self.edits if id(edit) not in alone]  # which only another edit may make possible
        plain += [EditSet((edit,), edit.changes, {}) for edit in stuck]
        for number, first in enumerate(plain):
            if self.late():
                self.proved = bool(found)
                return found
            kind = first.edits[0].kind
            for channels in self.channels if covers(missed, kind, "channels") else ():
                if edit := self.best_channels(first.plan, channels):
                    self.add(first, edit, found, [])
            for second in plain[number + 1 :]:
                if covers(missed, kind, second.edits[0].kind):
                    self.add(first, second.edits[0], found, [])
        if covers(missed, "channels", "channels"):
            for number, one in enumerate(self.channels):
                for other in self.channels[number + 1 :]:
                    found += self.two_channels(one, other)
        return found

    # --- open numbers of channels ---

    def best_channels(self, plan: EditPlan, channels: Channels) -> Edit | None:
        """The number of channels that meets the caps with the least change of parameters; else the fewest there can be.

        Parameters and MACs grow with the number, so the largest that fits is found by halving.
        """
        if joined_plans(plan, channels.to(1).changes) is None:
            return None

        def fits(outcome: WalkOutcome) -> bool:
            caps = self.targets.caps
            return outcome.params <= caps.params and outcome.macs <= caps.macs

        largest = self.largest(plan, channels, fits)
        if largest is None:
            return self.buildable(plan, channels, 1, 1)
        below = self.largest(plan, channels, lambda o: fits(o) and o.params <= self.params)
        above = self.buildable(plan, channels, below.new + 1, 1) if below and below.new < self.most_channels else None
        options = [edit for edit in (largest, below, above) if edit]
        return min(options, key=lambda edit: self.change(plan, edit))

    def change(self, plan: EditPlan, edit: Edit) -> tuple[int, int]:
        """Targets missed, and the change of parameters."""
        outcome = self.walker.outcome({**plan, **edit.changes})
        if outcome is None:
            return len(EDIT_KINDS), HUGE
        return len(self.targets.missed(outcome)), abs(outcome.params - self.params)

    def largest(self, plan: EditPlan, channels: Channels, fits: Callable[[WalkOutcome], bool]) -> Edit | None:
        low, high, best = 1, self.most_channels, None
        while low <= high:
            middle = (low + high) // 2
            edit = self.buildable(plan, channels, middle, -1) or self.buildable(plan, channels, middle, 1)
            outcome = self.walker.outcome({**plan, **edit.changes}) if edit else None
            if edit and outcome and fits(outcome):
                best = edit if best is None or edit.new > best.new else best
                low = max(middle, edit.new) + 1
            else:
                high = min(middle, edit.new if edit else middle) - 1
        return best

    def buildable(self, plan: EditPlan, channels: Channels, number: int, step: int) -> Edit | None:
        """The nearest number that the layers can have, other than the one they have."""
        for n in islice(range(number, 0 if step < 0 else self.most_channels + 1, step), CHANNELS_TRIED):
            if n != channels.old:
                edit = channels.to(n)
                if self.walker.outcome({**plan, **edit.changes}):
                    return edit
        return None

    def two_channels(self, one: Channels, other: Channels) -> list[Solution]:
        """Two open numbers: the first is tried out, the second follows."""
        lowest = self.buildable({}, one, 1, 1)
        if lowest is None or joined_plans(one.to(1).changes, other.to(1).changes) is None:
            return []
        found: list[Solution] = []
        least = self.best_channels(lowest.changes, other)
        if least is None or self.missed({**lowest.changes, **least.changes}) != {}:
            return []
        step = max(1, one.old // SCAN)
        for number in range(one.old - 1, 0, -step):
            if self.late():
                self.proved = False
                break
            first = one.to(number)
            base = EditSet((first,), first.changes, {})
            if self.walker.outcome(first.changes) and (edit := self.best_channels(first.changes, other)):
                self.add(base, edit, found, [])
        return found


def covers(missed: Mapping[str, float], *kinds: str) -> bool:
    """Whether these kinds of edit can between them mend all that is missed."""
    return all(MENDS.get(one.lstrip("+-"), EDIT_KINDS.keys()) & set(kinds) for one in missed)
