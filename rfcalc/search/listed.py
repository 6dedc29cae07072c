"""A program's networks one by one, in a table: for families so entangled that hardly two prefixes look alike.

A row is one prefix, each column an array: the values of choices that are still needed, the maps that may still be
read, the costs so far. A layer is worked out by the engine once for each different set of values and maps that stands
in the rows, and its results are handed out to them; so a million networks cost a sort per layer, not a walk each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from .memo import PHASES_ALLOWED, Memo
from .program import Cut, LayerStep, Program
from .runner import Reorder, Runner, Values, picks_of
from .small import OutOfTime

DENSE = 4
"""Different keys are found in a table of all that could be while that has at most so many times as many cells as there
are rows: it needs no sort."""
MOST_RANK = 2**62
"""Larger ranks do not fit an array's integers and are kept as Python's."""


@dataclass(frozen=True)
class PrefixTable:
    """Prefixes, one a row, in the order of a cut: values (-1: not chosen yet), handles (-1: there is none), costs, the
    words used, ways units look in turn, assignments it stands for (choices that it never makes), and its rank."""

    chosen: tuple[Any, ...]
    maps: tuple[Any, ...]
    params: Any
    macs: Any
    words: Any
    phases: Any
    ways: Any
    ranks: Any

    def __len__(self) -> int:
        return len(self.params)

    def rows(self, which: Any) -> PrefixTable:
        """The rows of those numbers, or those where a mask is true."""
        costs = {name: getattr(self, name)[which] for name in COST_COLUMNS}
        chosen, maps = (tuple([column[which] for column in columns]) for columns in (self.chosen, self.maps))
        return replace(self, chosen=chosen, maps=maps, **costs)


COST_COLUMNS = ("params", "macs", "words", "phases", "ways", "ranks")


class Listed(Runner[PrefixTable]):
    """Runs a program with a row for each assignment."""

    def __init__(self, program: Program, memo: Memo, deadline: float) -> None:
        super().__init__(program, memo)
        self.deadline = deadline
        most = max([weight * v.size for weight, v in zip(self.weights, self.variables, strict=True)], default=1)
        self.large = most > MOST_RANK

    def explore(self) -> PrefixTable:
        """All networks that can be built, each with its last map; raises OutOfTime."""
        import numpy as np

        none = [np.full(1, -1, np.int16) for _ in self.program.shared]
        params, macs, words, phases = (np.zeros(1, np.int64) for _ in range(4))
        rank = np.zeros(1, object if self.large else np.int64)
        image, ways = (np.full(1, self.image, np.int32),), np.ones(1, np.int64)
        one = PrefixTable(tuple(none), image, params, macs, words, phases, ways, rank)
        ends = self.whole(one, (0,))
        return ends.rows((ends.maps[0] >= 0) & (ends.maps[0] != self.image))  # else it has no layer at all

    def fields(self, ends: PrefixTable) -> Any:
        """The field before global pooling of every network; 0 where it is unknown."""
        import numpy as np

        handles, which = np.unique(ends.maps[0], return_inverse=True)
        return np.array([self.memo.field_at(h) for h in handles.tolist()], np.int64)[which]

    def within_budget(self, frontier: PrefixTable) -> PrefixTable:
        if time.monotonic() > self.deadline:
            raise OutOfTime
        return frontier

    # --- from cut to cut ---

    def reordered(self, frontier: PrefixTable, to: Reorder) -> PrefixTable:
        import numpy as np

        ways, none = frontier.ways * to.ways, len(frontier)
        for i, size in to.gone:
            ways = np.where(frontier.chosen[i] < 0, ways * size, ways)
        return replace(
            frontier,
            chosen=tuple([frontier.chosen[i] if i >= 0 else np.full(none, -1, np.int16) for i in to.chosen]),
            maps=tuple([frontier.maps[i] if i >= 0 else np.full(none, -1, np.int32) for i in to.maps]),
            ways=ways,
        )

    def bind(self, frontier: PrefixTable, order: tuple[int, ...], numbers: tuple[int, ...]) -> PrefixTable:
        import numpy as np

        for number in numbers:
            place, size = order.index(number), self.variables[number].size
            still_open = frontier.chosen[place] < 0
            if not still_open.any():
                continue
            copies = np.where(still_open, size, 1)
            rows = np.repeat(np.arange(len(frontier)), copies)
            value = np.arange(len(rows)) - np.repeat(np.cumsum(copies) - copies, copies)
            frontier = frontier.rows(rows)
            column = np.where(still_open[rows], value, frontier.chosen[place]).astype(np.int16)
            chosen = (*frontier.chosen[:place], column, *frontier.chosen[place + 1 :])
            weight = self.weights[number]
            more = (value.astype(object) if self.large else value) * weight
            frontier = replace(frontier, chosen=chosen, ranks=frontier.ranks + more)
        return frontier

    def parted(
        self, frontier: PrefixTable, places: Sequence[int], part: Callable[[Values], int | None], parts: int
    ) -> list[PrefixTable]:
        import numpy as np

        keys, which = different([frontier.chosen[i] for i in places], len(frontier))
        found = [part(values) for values in keys]
        numbers = np.array([-1 if number is None else number for number in found], np.int64)[which]
        return [frontier.rows(numbers == number) for number in range(parts)]

    def united(self, frontiers: list[PrefixTable]) -> PrefixTable:
        import numpy as np

        if len(filled := [one for one in frontiers if len(one)]) < 2:
            return filled[0] if filled else frontiers[0]

        def end_to_end(pick: Callable[[PrefixTable], Any]) -> Any:
            return np.concatenate([pick(one) for one in filled])

        first = filled[0]
        return PrefixTable(
            tuple([end_to_end(lambda t, i=i: t.chosen[i]) for i in range(len(first.chosen))]),  # type: ignore[misc]
            tuple([end_to_end(lambda t, i=i: t.maps[i]) for i in range(len(first.maps))]),  # type: ignore[misc]
            **{name: end_to_end(attrgetter(name)) for name in COST_COLUMNS},
        )

    # --- layers ---

    def step(self, step: LayerStep, frontier: PrefixTable) -> PrefixTable:
        import numpy as np

        new = tuple(v for v in step.uses if v not in step.before.variables)
        wide = Cut((*step.before.variables, *new), step.before.maps)
        table = self.bind(self.project(frontier, step.before, wide), wide.variables, step.uses)
        uses, inputs = picks_of(wide.variables, step.uses), picks_of(wide.maps, step.inputs)
        keys, which = different([*(table.chosen[i] for i in uses), *(table.maps[i] for i in inputs)], len(table))
        found = [self.results_of(step, key[: len(uses)], key[len(uses) :]) for key in keys]
        made = np.array([result[0][1:6] if result else (-1, 0, 0, 0, 0) for result in found], np.int64)
        handles, params, macs, words, phases = made.reshape(-1, 5)[which].T
        table = replace(
            table,
            maps=(*table.maps, handles.astype(np.int32)),
            params=table.params + params,
            macs=table.macs + macs,
            words=table.words | words,
            phases=table.phases + phases,
        )
        table = table.rows((handles >= 0) & (table.phases <= PHASES_ALLOWED))
        return self.project(table, Cut(wide.variables, (*wide.maps, step.number)), step.after)


def different(columns: Sequence[Any], rows: int) -> tuple[list[tuple[int, ...]], Any]:
    """The different rows of some columns of small integers from -1 on, and for each row which of them it is."""
    import numpy as np

    which, count = np.zeros(rows, np.int64), min(rows, 1)
    for column in columns:
        width = int(column.max(initial=-1)) + 2
        which, count = gapless(which * width + (column + 1), count * width)
    first = np.zeros(count, np.int64)
    first[which[::-1]] = np.arange(rows)[::-1]
    return list(zip(*(column[first].tolist() for column in columns), strict=True)) if columns else [()] * count, which


def gapless(codes: Any, limit: int) -> tuple[Any, int]:
    """Codes below a limit as numbers from 0 without gaps, in their order; and how many there are."""
    import numpy as np

    if limit > DENSE * len(codes):
        found, which = np.unique(codes, return_inverse=True)
        return which, len(found)
    used = np.zeros(limit, bool)
    used[codes] = True
    numbers = np.cumsum(used) - 1
    return numbers[codes], int(numbers[-1]) + 1 if limit else 0
