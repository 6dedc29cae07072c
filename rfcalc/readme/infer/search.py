"""Which map each printed row reads: the likeliest network through all rows, by a search that keeps several readings.

A row may read the row above, an earlier one (a branch), several at once (add, concat, multiply), or any of these
after an operation that leaves no row (pooling, upsampling, flattening). Each reading has a cost; an end that nothing
reads costs too, until it is joined. Work is linear in the rows: a bounded number of readings goes on from each.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from math import prod

from ...engine.layers import LAYERS
from ..read.rows import PrintedRow
from .candidates import fits, likeliest
from .evidence import agreeing
from .priors import Fit, Habits, Settings, Shape
from .states import LOOSE, LOOSE_AT_END, Decision, Hidden, Item, Reading, Source, State, early_places, loose_rates

WIDTH = 16
"""Readings kept from row to row."""
RECENT_SHAPES = 24
UNEXPLAINED = 14.0
ABSURD = 9.0
"""A layer as unusual as this explains nothing."""
FORCED = 4.0
"""The most that a resizing without a row costs where the row above cannot be read as it is."""
EASY = 1.3
COMMON_TAPS = (1, 9, 25, 49, 4, 16, 3, 7, 5, 121)


class Search:
    """Reads the rows from the first to the last, with `image` in front. `blocks` are the (first, container) places of
    containers; `thorough` looks for other sources even where the row above explains everything."""

    def __init__(
        self, items: Sequence[Item], image: Shape, habits: Habits, blocks: Iterable[tuple[int, int]], thorough: bool
    ) -> None:
        self.items, self.habits, self.thorough = items, habits, thorough
        self.shapes: dict[int, Shape] = {0: image}
        self.hidden: list[Hidden] = []
        self.known: dict[Hidden, int] = {}
        self.by_shape: dict[Shape, list[int]] = {image: [0]}
        self.recent: OrderedDict[Shape, None] = OrderedDict({image: None})
        blocks = list(blocks)
        self.starts = {first for first, _ in blocks}
        self.early = early_places(items, blocks)
        self.boundaries = {item.place - 1 for item in items if item.op is None}
        self.convs = [0]
        for item in items:
            self.convs.append(self.convs[-1] + (item.op == "conv"))
        self.rates = loose_rates(items)

    def run(self) -> Reading:
        states = [State(0.0, 0)]
        for item in self.items:
            following: dict[tuple[object, ...], State] = {}
            for state in states:
                for after in self.leaf(state, item) if item.op else self.container(state, item):
                    kept = following.get(after.key)
                    if kept is None or after.cost < kept.cost:
                        following[after.key] = after
            rate = self.rates[item.place]
            states = sorted(following.values(), key=lambda state: state.cost + rate * len(state.loose))[:WIDTH]
            self.remember(item)
        return self.outcome(min((self.ended(state) for state in states), key=lambda state: state.cost))

    def remember(self, item: Item) -> None:
        if item.shape is None:
            return
        self.shapes[item.place] = item.shape
        if item.op:
            self.by_shape.setdefault(item.shape, []).append(item.place)
            self.recent[item.shape] = None
            self.recent.move_to_end(item.shape)
            if len(self.recent) > RECENT_SHAPES:
                self.recent.popitem(last=False)

    def ended(self, state: State) -> State:
        """The state with its loose ends joined where one more sum can do it, the others paid for."""
        shape = self.shapes.get(state.current)
        same = [ref for ref in state.loose if self.shapes[ref] == shape]
        if same and shape:
            joined = self.hide("add", (), (*same, state.current), shape)
            rest = tuple(ref for ref in state.loose if ref not in same)
            state = state._replace(current=joined, loose=rest, cost=state.cost + 0.5)
        return state._replace(cost=state.cost + LOOSE_AT_END * len(state.loose))

    def outcome(self, state: State) -> Reading:
        decisions = []
        step: State | None = state
        while step:
            if step.decision:
                decisions.append(step.decision)
            step = step.parent
        return Reading(decisions[::-1], self.hidden, state.current, state.cost, self.shapes)

    def hide(self, op: str, settings: Settings, inputs: tuple[int, ...], shape: Shape) -> int:
        """The reference of a hidden operation, the same for the same operation."""
        made = Hidden(op, settings, inputs, shape)
        if made not in self.known:
            self.hidden.append(made)
            self.known[made] = -len(self.hidden)
            self.shapes[-len(self.hidden)] = shape
        return self.known[made]

    # --- rows that are layers ---

    def fit(self, item: Item, given: Shape) -> Fit | None:
        """The likeliest layer that fits, as far as the printed input shape and kernel allow."""
        assert item.shape is not None
        row = item.row
        if row.given is not None and not agrees(row.given, given, item.op == "linear"):
            return None
        first = likeliest(row.type, given, item.shape, item.params, self.habits)
        if first is None or first["kernel_size"] is None or not (row.kernel or row.known):
            return first
        return filtered(fits(row.type, given, item.shape, item.params, self.habits), row)[0]

    def leaf(self, state: State, item: Item) -> Iterator[State]:
        """The states after a row, for every map that it may read."""
        straight = self.fit(item, self.shapes[state.current])
        easy = (
            straight is not None
            and straight.cost <= EASY
            and (self.follows(item, state) or not self.may_fork(state, item))
        )
        if straight:
            yield self.after(state, item, Source(state.current, 0.0, ()), straight, False)
        if easy:
            return
        forced = straight is None or straight.cost > ABSURD
        for source in self.sources(state, item, forced):
            found = self.fit(item, self.shapes[source.ref])
            if found:
                yield self.after(state, item, source, found, forced)
        if not straight:
            yield self.unread(state, item)

    @staticmethod
    def unread(state: State, item: Item) -> State:
        """The state in which nothing explains a row; what follows goes on from the map that it prints."""
        current = item.place if item.shape else state.current
        decision = Decision(item, state.current, None)
        cost = state.cost + UNEXPLAINED
        return state._replace(cost=cost, current=current, parent=state, decision=decision)

    def follows(self, item: Item, state: State) -> bool:
        """Whether the row is an activation, norm or dropout right after the layer above, which it then reads."""
        return LAYERS[item.op or ""].pointwise and state.current == item.place - 1 and not self.ends(state)

    def ends(self, state: State) -> bool:
        """Whether a loose end could be added to the row above."""
        return any(self.shapes[ref] == self.shapes[state.current] for ref in state.loose)

    def may_fork(self, state: State, item: Item) -> bool:
        return bool(state.loose) or self.thorough or self.rates[item.place] != LOOSE

    def after(self, state: State, item: Item, source: Source, chosen: Fit, forced: bool) -> State:
        """The state in which the row reads `source`."""
        left = tuple(ref for ref in state.loose if ref not in source.takes)
        forks = source.ref != state.current and state.current not in source.takes
        if forks and state.current:
            left = (*left, state.current)
        joins = (*state.joins, source.ref)[-6:] if source.ref < 0 and source.ref not in state.joins else state.joins
        entries = state.entries
        if item.place in self.starts or forks:
            entries = (*(e for e in entries if e != source.ref), source.ref)[-4:]
        cost = state.cost + source.cost + chosen.cost
        if source.ref < 0 and item.op == "batch_norm" and state.current == item.place - 1:
            cost += 1.0  # a norm follows its convolution, joins do not come between
        fed = source.ref if item.op == "conv" else state.fed
        pooled = source.ref if chosen.op.startswith("global") else state.pooled
        decision = Decision(item, source.ref, chosen, forced)
        return State(cost, item.place, left, joins, entries, state, decision, fed, pooled)

    def sources(self, state: State, item: Item, forced: bool) -> Iterator[Source]:
        """Maps other than the row above that the row may read; `forced` where it cannot be the row above."""
        wanted = self.wanted(item)
        fusing = self.rates[item.place] != LOOSE  # branches go on until the container joins them
        late = 1.0 * (item.place in self.early)
        for source in (*self.joined(state), *self.reused(state, wanted)):
            yield source._replace(cost=source.cost + 2.0 * fusing + late)
        for source in self.branches(state, item, wanted):
            age = state.entries[::-1].index(source.ref) if source.ref in state.entries else 9
            yield source._replace(cost=1.2 + 0.4 * age) if fusing and age < 9 else source
        yield from self.resized(state, item, forced)
        yield from self.gated(state, item)

    @staticmethod
    def wanted(item: Item) -> set[int]:
        """Channels that the row's input may have."""
        assert item.shape is not None
        out = item.shape.channels
        if item.op == "conv":
            found = {out}
            for weights in (item.params // out - bias for bias in (0, 1)):
                found |= {weights // taps for taps in COMMON_TAPS if weights > 0 and weights % taps == 0}
            return found - {0}
        if item.op == "conv_transpose":
            return {item.params // (out * taps) for taps in COMMON_TAPS} - {0}
        if item.op == "linear":
            return {item.params // out, item.params // out - 1} - {0, -1}
        return {out}

    def joined(self, state: State) -> Iterator[Source]:
        """The loose ends and the row above as one."""
        shape = self.shapes[state.current]
        same = [ref for ref in state.loose if self.shapes[ref] == shape]
        for refs in {(same[-1],), tuple(same)} if same else ():
            yield Source(self.hide("add", (), (*refs, state.current), shape), 0.5, (*refs, state.current))
        yield from self.concatenated(state, state.loose)

    def concatenated(self, state: State, loose: Sequence[int]) -> Iterator[Source]:
        shape = self.shapes[state.current]
        alike = [ref for ref in loose if self.shapes[ref].sizes == shape.sizes and ref != state.current]
        for count in sorted({1, 2, 3, len(alike)}):
            refs = (*alike[-count:], state.current)
            if 1 < len(refs) == count + 1:
                channels = sum(self.shapes[ref].channels for ref in refs)
                yield Source(self.hide("concat", (), refs, Shape(channels, shape.sizes)), 0.8, refs)

    def branches(self, state: State, item: Item, wanted: set[int]) -> Iterator[Source]:
        """Earlier maps, the likely starts of a branch first."""
        for ref in self.candidates(state, wanted):
            age = state.entries[::-1].index(ref) if ref in state.entries else 4
            cost = 1.8 if ref == state.fed else 2.0 + 0.1 * age if age < 4 or ref < 0 else 2.3
            cost += 0.4 * (age == 4 and ref > 0 and ref != state.fed and not self.is_border(ref))
            body = self.convs[item.place - 1] - self.convs[max(ref, 0)]
            cost += 0.5 if body < 1 else min(2.0, 0.5 * max(0, body - 3))
            yield Source(ref, cost, (ref,))

    def candidates(self, state: State, wanted: set[int]) -> list[int]:
        found = [ref for ref in (*state.entries, *state.joins, *state.loose) if self.shapes[ref].channels in wanted]
        for shape in self.recent:
            if shape.channels in wanted:
                places = self.by_shape[shape]
                found += places[-3:]
                found += [ref for ref in places[-24:-3] if self.is_border(ref)][-2:]
        return [ref for ref in dict.fromkeys(found) if ref != state.current]

    def is_border(self, ref: int) -> bool:
        """Whether a container ends there, or a pool or the image stands there."""
        return ref == 0 or ref in self.boundaries or (ref > 0 and (self.items[ref - 1].op or "").endswith("pool"))

    def reused(self, state: State, wanted: set[int]) -> Iterator[Source]:
        """The row above, upsampled where it must be, beside an earlier map that has been read already."""
        shape = self.shapes[state.current]
        if shape.flat:
            return
        for channels in wanted:
            missing = channels - shape.channels
            if missing <= 0:
                continue
            for ref in self.candidates(state, {missing}):
                sizes = self.shapes[ref].sizes
                current, cost = state.current, self.habits.reuse - 0.5 * (ref in state.entries or ref < 0)
                if sizes != shape.sizes:
                    up = self.upsampled(state.current, sizes)
                    if up is None:
                        continue
                    current, cost = up, cost + min(self.habits.hidden_upsample, FORCED)
                both = self.hide("concat", (), (ref, current), Shape(channels, sizes))
                yield Source(both, cost, (ref, state.current))

    def upsampled(self, ref: int, sizes: tuple[int, ...]) -> int | None:
        """A map enlarged by a whole factor, the same along all axes."""
        shape = self.shapes[ref]
        if len(sizes) != len(shape.sizes) or not sizes:
            return None
        if prod(shape.sizes) == 1:  # one value for each channel is a gate, or the end
            return None
        factor, left = divmod(sizes[0], shape.sizes[0])
        if left or not 1 < factor <= 32 or any(m != factor * n for n, m in zip(shape.sizes, sizes, strict=True)):
            return None
        return self.hide("upsample", (("scale_factor", factor),), (ref,), Shape(shape.channels, sizes))

    def resized(self, state: State, item: Item, forced: bool) -> Iterator[Source]:
        """The row above, or the join of loose ends, pooled or enlarged without a row."""
        assert item.shape is not None
        pool, enlarge = self.habits.hidden_pool, self.habits.hidden_upsample
        if forced:
            pool, enlarge = min(pool, FORCED), min(enlarge, FORCED)
        loose = list(self.joined(state)) if state.loose else []
        for ref, cost, takes in [Source(state.current, 0.0, (state.current,)), *loose[:2]]:
            shape = self.shapes[ref]
            if shape.flat or ref == 0:
                continue
            for factor in (2, 3, 4):
                if min(shape.sizes) >= factor:
                    sizes = tuple(n // factor for n in shape.sizes)
                    pooled = self.hide("max_pool", (("kernel_size", factor),), (ref,), Shape(shape.channels, sizes))
                    yield Source(pooled, cost + pool + 0.8 * (factor - 2), takes)
            if item.op in ("linear", "conv") and prod(shape.sizes) > 1:
                ones = Shape(shape.channels, (1,) * len(shape.sizes))
                pooled = self.hide("global_avg_pool", (), (ref,), ones)
                yield Source(pooled, cost + (1.0 if item.op == "linear" else 6.0), takes)
            if item.shape.flat and item.op != "linear":
                yield from self.flattened(Source(ref, cost, takes), item.shape)
            if item.op == "linear":
                yield from self.pooled_for_linear(state, item, Source(ref, cost, takes))
            for factor in (2, 4):
                if (up := self.upsampled(ref, tuple(factor * n for n in shape.sizes))) is not None:
                    yield Source(up, cost + enlarge + 0.5 * (factor - 2), takes)

    def flattened(self, source: Source, flat: Shape) -> Iterator[Source]:
        """A map without its axes, pooled to one value for each channel first where that is what fits."""
        ref, cost, takes = source
        shape = self.shapes[ref]
        if shape.elements == flat.channels:
            yield Source(self.hide("flatten", (), (ref,), flat), cost + 0.3, takes)
        elif shape.channels == flat.channels:
            ones = self.hide("global_avg_pool", (), (ref,), Shape(shape.channels, (1,) * len(shape.sizes)))
            yield Source(self.hide("flatten", (), (ones,), flat), cost + 0.8, takes)

    def pooled_for_linear(self, state: State, item: Item, source: Source) -> Iterator[Source]:
        """The pool without a row that leaves as many values as the layer's weights take."""
        shape = self.shapes[source.ref]
        for features in self.wanted(item):
            cells, left = divmod(features, shape.channels)
            side = round(cells ** (1 / len(shape.sizes)))
            if left or not 1 < side < min(shape.sizes) or side ** len(shape.sizes) != cells:
                continue
            smaller = Shape(shape.channels, (side,) * len(shape.sizes))
            kernel = shape.sizes[0] // side
            if all(n // kernel == side for n in shape.sizes):
                ref = self.hide("max_pool", (("kernel_size", kernel),), (source.ref,), smaller)
            else:
                ref = self.hide("adaptive_avg_pool", (("output_size", side),), (source.ref,), smaller)
            yield Source(ref, source.cost + min(self.habits.hidden_pool, FORCED) + 0.3, source.takes)

    def gated(self, state: State, item: Item) -> Iterator[Source]:
        """An earlier map times the row above, where that holds one value for each channel."""
        gate = self.shapes[state.current]
        if gate.flat or prod(gate.sizes) != 1:
            return
        for ref in dict.fromkeys([state.pooled, *self.candidates(state, {gate.channels})]):
            shape = self.shapes[ref]
            if shape.channels != gate.channels:
                continue
            if not shape.flat and prod(shape.sizes) > 1:
                both = self.hide("multiply", (), (ref, state.current), shape)
                yield Source(both, 0.8 if ref == state.pooled else 2.5, (ref, state.current))

    # --- rows that are containers, or unknown ---

    def container(self, state: State, item: Item) -> Iterator[State]:
        """The states after a row that prints what its children, or an operation without a row, made."""
        shape = self.shapes[state.current]
        if item.params and item.row.first is None:
            yield self.unread(state, item)
            return
        if item.shape is None or item.shape == shape:
            yield state
        if item.shape is None:
            return
        found = False
        for source in self.inside(state, item):
            if self.shapes[source.ref] == item.shape:
                found = True
                yield self.joined_state(state, source)
        if item.shape != shape:
            yield state._replace(cost=state.cost + (8.0 if found else 5.0 + self.passed_over(item)))
            if not found:
                yield self.unread(state, item)

    def passed_over(self, item: Item) -> float:
        """What it costs to pass over a row: more where the next row seems to read it."""
        following = self.items[item.place] if item.place < len(self.items) else None
        return 4.0 if following and following.shape == item.shape else 0.0

    def inside(self, state: State, item: Item) -> Iterator[Source]:
        """Maps that a container may print: joins, and maps changed by an operation without a row."""
        assert item.shape is not None
        yield from self.joined(state)
        for source in self.reused(state, {item.shape.channels}):  # most of all beside what entered the container
            yield source._replace(cost=0.8) if source.takes[0] in state.entries[-1:] else source
        yield from self.gated(state, item)
        shape = self.shapes[state.current]
        if item.shape.flat and not shape.flat:
            yield from self.flattened(Source(state.current, 0.0, (state.current,)), item.shape)
        elif not item.shape.flat and item.shape.channels == shape.channels and not shape.flat:
            up = self.upsampled(state.current, item.shape.sizes)
            if up is not None:
                yield Source(up, 1.0, (state.current,))
            for pool in fits("MaxPool2d", shape, item.shape, 0, self.habits)[:1]:
                ref = self.hide(pool.op, pool.settings, (state.current,), item.shape)
                yield Source(ref, 2.0, (state.current,))

    def joined_state(self, state: State, source: Source) -> State:
        left = tuple(ref for ref in state.loose if ref not in source.takes)
        joins = (*state.joins, source.ref)[-6:] if source.ref not in state.joins else state.joins
        return state._replace(
            cost=state.cost + source.cost, current=source.ref, loose=left, joins=joins, entries=(source.ref,),
            parent=state, decision=None,
        )  # fmt: skip


def agrees(printed: tuple[int, ...], given: Shape, flattens: bool) -> bool:
    """Whether a map is the printed input, which a linear layer flattens first."""
    return given == Shape(printed[0], printed[1:]) or (flattens and printed == (given.elements,))


def filtered(found: tuple[Fit, ...], row: PrintedRow) -> tuple[Fit, ...]:
    """Only the fits with the kernel that is printed and the settings that the document states elsewhere; all where
    none has them."""
    kernel = row.kernel
    if kernel and found and found[0]["kernel_size"] is not None:
        found = tuple(f for f in found if as_tuple(f["kernel_size"], len(kernel)) == kernel) or found
    if row.known:
        found = tuple(f for f in found if agreeing(dict(f.settings), row.known)) or found
    return found


def as_tuple(value: object, axes: int) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,) * axes
