"""What a table of all of a family's networks answers: how many meet every target, which are best, what stands in the
way. The questions are those of graph_search.py; here each is a look at every network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .best import Found
from .goal import Asked, End, Goal, TargetBounds
from .listed import Listed
from .memo import UNCOUNTED, Memo
from .program import Program
from .small import HUGE, Caps


class ListSearch(TargetBounds):
    """All networks of a family that can be built, and what is asked of them. Raises OutOfTime."""

    complete, covered = True, ""

    def __init__(self, program: Program, goal: Goal, deadline: float) -> None:
        import numpy as np

        self.program, self.goal = program, goal
        runner = Listed(program, Memo(goal.words, True), deadline)
        table = runner.explore()
        self.params, self.words, self.ways = table.params, table.words, table.ways
        self.fields, self.ranks = runner.fields(table), table.ranks
        self.no_macs = ((self.words & UNCOUNTED) != 0).astype(np.int64)
        self.macs = np.where(self.no_macs, 0, table.macs)
        self.uncounted = bool(self.no_macs.any())
        self.refused = None if len(table) else runner.memo.refused

    def which(self, asked: Asked, caps: Caps | None = None) -> Any:
        """The rows that meet what is asked and stay within the caps, or within others."""
        most = caps or self.goal.caps
        inside = (self.params <= most.params) & (self.macs <= most.macs) & (self.fields >= asked.field)
        words = ((self.words & asked.wanted) == asked.wanted) & ((self.words & asked.unwanted) == 0)
        return (inside & words).nonzero()[0]

    # --- how many, and the best ---

    def feasible(self) -> int:
        return int(self.ways[self.which(self.goal.asked())].sum())

    def best(self, most: int | None, count: int) -> list[Found]:
        """The `count` best networks, or the whole front; at most `most`."""
        rows = self.which(self.goal.asked())
        params, macs, uncounted = self.params[rows], self.macs[rows], self.no_macs[rows]
        order = self.goal.order(self.fields[rows], params, macs, uncounted)
        first = sorted_by([*order, params, macs + uncounted * HUGE, self.ranks[rows]])
        if self.goal.has_front:
            first, limit = first[unbeaten_rows([column[first] for column in order])], most
        else:
            limit = most or count
        return [self.found(row) for row in rows[first[:limit]].tolist()]

    def found(self, row: int) -> Found:
        end = End(int(self.fields[row]), bool(self.no_macs[row]))
        return Found(end, int(self.params[row]), int(self.macs[row]), int(self.ranks[row]))

    # --- bounds ---

    def bounds(self, met: bool) -> dict[str, object]:
        """For each target the best that the others leave."""
        return {target: self.bound(target, met) for target in self.program.head.targets}

    def least(self, figure: str, caps: Caps) -> int | None:
        rows = self.which(self.goal.asked(), caps)
        return int(getattr(self, figure)[rows].min()) if len(rows) else None

    def largest_field(self) -> int | None:
        rows = self.which(self.goal.asked("min_receptive_field"))
        return int(self.fields[rows].max(initial=0)) or None

    def possible_but_for(self, target: str) -> Callable[[Asked], bool]:
        return lambda asked: len(self.which(asked)) > 0


def sorted_by(columns: Sequence[Any]) -> Any:
    """Indexes of the rows in the order of some columns, the first decides first. Large ranks are Python's integers."""
    import numpy as np

    plain = [np.unique(c, return_inverse=True)[1] if c.dtype.hasobject else c for c in columns]
    return np.lexsort(tuple(reversed(plain)))


def unbeaten_rows(columns: Sequence[Any]) -> list[int]:
    """Of rows sorted by columns of which less is better, those that no other beats; of equal ones the first."""
    import numpy as np

    left, found = np.arange(len(columns[0])), []
    while len(left):  # of what is left, nothing beats the first
        found.append(int(left[0]))
        worse = np.ones(len(left), bool)
        for column in columns:
            worse &= column[left] >= column[left[0]]
        left = left[~worse]
    return found
