"""Which map each printed row reads: the likeliest network through all rows, by a search that keeps several readings.

A row may read the row above, an earlier one (a branch), several at once (add, concat, multiply), or any of these
after an operation that leaves no row (pooling, upsampling, flattening). Each reading has a cost; an end that nothing
reads costs too, until it is joined. Work is linear in the rows: a bounded number of readings goes on from each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...engine.layers import LAYERS
from . import costs
from .candidates import fitting
from .maps import Maps
from .priors import Candidate, Prior, Shape
from .sources import Sources
from .states import Decision, Item, MapSource, Reading, State


class Search:
    """Reads the rows from the first to the last, with `image` in front. `blocks` are the (first, container) places of
    containers; `thorough` looks for other sources even where the row above explains everything."""

    def __init__(
        self, items: Sequence[Item], image: Shape, prior: Prior, blocks: Iterable[tuple[int, int]], thorough: bool
    ) -> None:
        blocks = list(blocks)
        self.items, self.prior, self.thorough = items, prior, thorough
        self.starts = {first for first, _ in blocks}
        self.maps = Maps(items, image)
        self.sources = Sources(self.maps, prior, items, blocks)

    def run(self) -> Reading:
        states = [State(0.0, 0)]
        for item in self.items:
            following: dict[tuple[object, ...], State] = {}
            for state in states:
                for after in self.leaf(state, item) if item.op else self.container(state, item):
                    kept = following.get(after.key)
                    if kept is None or after.cost < kept.cost:
                        following[after.key] = after
            rate = self.sources.rates[item.place]
            states = sorted(following.values(), key=lambda state: state.cost + rate * len(state.loose))[: costs.WIDTH]
            self.maps.remember(item)
        return self.outcome(min((self.ended(state) for state in states), key=lambda state: state.cost))

    def ended(self, state: State) -> State:
        """The state with its loose ends joined where one more sum can do it, the others paid for."""
        shape = self.maps.shapes.get(state.current)
        same = [ref for ref in state.loose if self.maps[ref] == shape]
        if same and shape:
            joined = self.maps.hide("add", (), (*same, state.current), shape)
            rest = tuple(ref for ref in state.loose if ref not in same)
            state = state._replace(current=joined, loose=rest, cost=state.cost + costs.ADDED)
        return state._replace(cost=state.cost + costs.LOOSE_AT_END * len(state.loose))

    def outcome(self, state: State) -> Reading:
        decisions = []
        step: State | None = state
        while step:
            if step.decision:
                decisions.append(step.decision)
            step = step.parent
        return Reading(decisions[::-1], self.maps.hidden, state.current, state.cost, self.maps.shapes)

    # --- rows that are layers ---

    def candidate(self, item: Item, given: Shape) -> Candidate | None:
        """The likeliest layer that fits, as far as the printed input shape and kernel allow."""
        assert item.shape is not None
        row = item.row
        if row.given is not None and not agrees(row.given, given, item.op == "linear"):
            return None
        return next(iter(fitting(item, given, self.prior)), None)

    def leaf(self, state: State, item: Item) -> Iterator[State]:
        """The states after a row, for every map that it may read."""
        straight = self.candidate(item, self.maps[state.current])
        if straight:
            yield self.after(state, item, MapSource(state.current, 0.0, ()), straight, False)
            if straight.cost <= costs.EASY and (self.follows(item, state) or not self.may_fork(state, item)):
                return
        forced = straight is None or straight.cost > costs.ABSURD
        for source in self.sources.of_row(state, item, forced):
            found = self.candidate(item, self.maps[source.ref])
            if found:
                yield self.after(state, item, source, found, forced)
        if not straight:
            yield self.unread(state, item)

    @staticmethod
    def unread(state: State, item: Item) -> State:
        """The state in which nothing explains a row; what follows goes on from the map that it prints."""
        current = item.place if item.shape else state.current
        decision = Decision(item, state.current, None)
        cost = state.cost + costs.UNEXPLAINED
        return state._replace(cost=cost, current=current, parent=state, decision=decision)

    def follows(self, item: Item, state: State) -> bool:
        """Whether the row is an activation, norm or dropout right after the layer above, which it then reads."""
        return LAYERS[item.op or ""].pointwise and state.current == item.place - 1 and not self.ends(state)

    def ends(self, state: State) -> bool:
        """Whether a loose end could be added to the row above."""
        return any(self.maps[ref] == self.maps[state.current] for ref in state.loose)

    def may_fork(self, state: State, item: Item) -> bool:
        return bool(state.loose) or self.thorough or self.sources.fuses(item)

    def after(self, state: State, item: Item, source: MapSource, chosen: Candidate, forced: bool) -> State:
        """The state in which the row reads `source`."""
        left = tuple(ref for ref in state.loose if ref not in source.takes)
        forks = source.ref != state.current and state.current not in source.takes
        if forks and state.current:
            left = (*left, state.current)
        joins = with_join(state.joins, source.ref)
        entries = state.entries
        if item.place in self.starts or forks:
            entries = (*(e for e in entries if e != source.ref), source.ref)[-costs.ENTRIES :]
        cost = state.cost + source.cost + chosen.cost
        if source.ref < 0 and item.op == "batch_norm" and state.current == item.place - 1:
            cost += costs.JOIN_BEFORE_NORM
        fed = source.ref if item.op == "conv" else state.fed
        pooled = source.ref if chosen.op.startswith("global") else state.pooled
        decision = Decision(item, source.ref, chosen, forced)
        return State(cost, item.place, left, joins, entries, state, decision, fed, pooled)

    # --- rows that are containers, or unknown ---

    def container(self, state: State, item: Item) -> Iterator[State]:
        """The states after a row that prints what its children, or an operation without a row, made."""
        shape = self.maps[state.current]
        if item.params and item.row.first is None:
            yield self.unread(state, item)
            return
        if item.shape is None or item.shape == shape:
            yield state
        if item.shape is None:
            return
        found = False
        for source in self.sources.of_container(state, item):
            if self.maps[source.ref] == item.shape:
                found = True
                yield self.joined_state(state, source)
        if item.shape != shape:
            yield state._replace(cost=state.cost + (costs.PASSED_FOUND if found else self.passed_over(item)))
            if not found:
                yield self.unread(state, item)

    def passed_over(self, item: Item) -> float:
        """What it costs to pass over a row: more where the next row seems to read it."""
        following = self.items[item.place] if item.place < len(self.items) else None
        return costs.PASSED_OVER + costs.PASSED_READ * (following is not None and following.shape == item.shape)

    def joined_state(self, state: State, source: MapSource) -> State:
        left = tuple(ref for ref in state.loose if ref not in source.takes)
        joins = with_join(state.joins, source.ref)
        return state._replace(
            cost=state.cost + source.cost, current=source.ref, loose=left, joins=joins, entries=(source.ref,),
            parent=state, decision=None,
        )  # fmt: skip


def with_join(joins: tuple[int, ...], ref: int) -> tuple[int, ...]:
    """The latest joins, with a hidden map that a row reads."""
    return (*joins, ref)[-costs.JOINS :] if ref < 0 and ref not in joins else joins


def agrees(printed: tuple[int, ...], given: Shape, flattens: bool) -> bool:
    """Whether a map is the printed input, which a linear layer flattens first."""
    return given == Shape(printed[0], printed[1:]) or (flattens and printed == (given.elements,))
