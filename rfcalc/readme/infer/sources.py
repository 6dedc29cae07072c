"""What a row may read instead of the row above: earlier maps, several at once, or maps changed without a row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import prod

from . import costs
from .candidates import candidates
from .maps import Maps
from .priors import Prior, Shape
from .states import Item, MapSource, State, early_places, loose_rates


class Sources:
    """The sources of a row, each with what reading it costs and the loose ends that it takes up."""

    def __init__(self, maps: Maps, prior: Prior, items: Sequence[Item], blocks: Sequence[tuple[int, int]]) -> None:
        self.maps, self.prior = maps, prior
        self.early = early_places(items, blocks)
        self.rates = loose_rates(items)
        self.convs = [0]
        for item in items:
            self.convs.append(self.convs[-1] + (item.op == "conv"))

    def fuses(self, item: Item) -> bool:
        """Whether branches go on here until their container joins them."""
        return self.rates[item.place] != costs.LOOSE

    def of_row(self, state: State, item: Item, forced: bool) -> Iterator[MapSource]:
        """Maps other than the row above that the row may read; `forced` where it cannot be the row above."""
        wanted = channels_wanted(item)
        fusing = self.fuses(item)
        late = costs.EARLY * (item.place in self.early)
        for source in (
            *self.joined(state),
            *self.reused(state, wanted),
            *(self.three(state, wanted) if forced else ()),
        ):
            yield source._replace(cost=source.cost + costs.FUSING * fusing + late)
        for source in self.branches(state, item, wanted):
            fused = costs.BRANCH_FUSED + costs.FUSED_AGE * age_of(state, source.ref)
            yield source._replace(cost=fused) if fusing and source.ref in state.entries else source
        yield from self.resized(state, item, forced)
        yield from self.gated(state, item)

    def of_container(self, state: State, item: Item) -> Iterator[MapSource]:
        """Maps that a container may print: joins, and maps changed by an operation without a row."""
        assert item.shape is not None
        yield from self.joined(state)
        for source in self.reused(state, {item.shape.channels}):  # most of all beside what entered the container
            yield source._replace(cost=costs.REUSE_ENTRY) if source.takes[0] in state.entries[-1:] else source
        yield from self.gated(state, item)
        shape = self.maps[state.current]
        if item.shape.flat and not shape.flat:
            yield from self.flattened(MapSource(state.current, 0.0, (state.current,)), item.shape)
        elif not item.shape.flat and item.shape.channels == shape.channels and not shape.flat:
            up = self.maps.upsampled(state.current, item.shape.sizes)
            if up is not None:
                yield MapSource(up, costs.CONTAINER_UP, (state.current,))
            for pool in candidates("MaxPool2d", shape, item.shape, 0, self.prior)[:1]:
                ref = self.maps.hide(pool.op, pool.settings, (state.current,), item.shape)
                yield MapSource(ref, costs.CONTAINER_POOL, (state.current,))

    def joined(self, state: State) -> Iterator[MapSource]:
        """The loose ends and the row above as one: their sum, or one after the other."""
        shape = self.maps[state.current]
        same = [ref for ref in state.loose if self.maps[ref] == shape]
        for refs in {(same[-1],), tuple(same)} if same else ():
            total = self.maps.hide("add", (), (*refs, state.current), shape)
            yield MapSource(total, costs.ADDED, (*refs, state.current))
        yield from self.concatenated(state)

    def concatenated(self, state: State) -> Iterator[MapSource]:
        shape = self.maps[state.current]
        alike = [ref for ref in state.loose if self.maps[ref].sizes == shape.sizes and ref != state.current]
        for count in sorted({*costs.JOINED, len(alike)}):
            refs = (*alike[-count:], state.current)
            if 1 < len(refs) == count + 1:
                channels = sum(self.maps[ref].channels for ref in refs)
                both = self.maps.hide("concat", (), refs, Shape(channels, shape.sizes))
                yield MapSource(both, costs.CONCATENATED, refs)

    def branches(self, state: State, item: Item, wanted: set[int]) -> Iterator[MapSource]:
        """Earlier maps, the likely starts of a branch first."""
        for ref in self.maps.earlier(state, wanted):
            entry = ref in state.entries
            cost = costs.BRANCH
            if ref == state.fed:
                cost = costs.BRANCH_FED
            elif entry or ref < 0:
                cost = costs.BRANCH_ENTRY + costs.ENTRY_AGE * age_of(state, ref)
            cost += costs.INSIDE_CONTAINER * (
                not entry and ref > 0 and ref != state.fed and not self.maps.is_border(ref)
            )
            body = self.convs[item.place - 1] - self.convs[max(ref, 0)]
            long = costs.LONG_BODY * max(0, body - costs.USUAL_BODY)
            cost += costs.EMPTY_BODY if body < 1 else min(costs.LONGEST_BODY, long)
            yield MapSource(ref, cost, (ref,))

    def reused(self, state: State, wanted: set[int]) -> Iterator[MapSource]:
        """The row above, upsampled where it must be, beside an earlier map that has been read already."""
        shape = self.maps[state.current]
        if shape.flat:
            return
        for channels in wanted:
            missing = channels - shape.channels
            if missing <= 0:
                continue
            for ref in self.maps.earlier(state, {missing}):
                sizes = self.maps[ref].sizes
                current, cost = state.current, self.prior.reuse - costs.REUSE_KNOWN * (ref in state.entries or ref < 0)
                if sizes != shape.sizes:
                    up = self.maps.upsampled(state.current, sizes)
                    if up is None:
                        continue
                    current, cost = up, cost + min(self.prior.hidden_upsample, costs.FORCED)
                both = self.maps.hide("concat", (), (ref, current), Shape(channels, sizes))
                yield MapSource(both, cost, (ref, state.current))

    def three(self, state: State, wanted: set[int]) -> Iterator[MapSource]:
        """The row above beside two earlier maps of its size, printed ones first, then the latest."""
        shape = self.maps[state.current]
        for missing in {channels - shape.channels for channels in wanted if channels > shape.channels}:
            near = [r for r in self.maps.earlier(state, range(1, missing)) if self.maps[r].sizes == shape.sizes]
            pairs = [p for p in combinations(near, 2) if sum(self.maps[ref].channels for ref in p) == missing]
            if pairs and not shape.flat:
                refs = (*sorted(max(pairs, key=lambda p: (sum(ref > 0 for ref in p), max(p), min(p)))), state.current)
                both = self.maps.hide("concat", (), refs, Shape(missing + shape.channels, shape.sizes))
                yield MapSource(both, self.prior.reuse + costs.REUSE_THREE, refs)

    def resized(self, state: State, item: Item, forced: bool) -> Iterator[MapSource]:
        """The row above, or the join of loose ends, pooled or enlarged without a row."""
        assert item.shape is not None
        pool, enlarge = self.prior.hidden_pool, self.prior.hidden_upsample
        if forced:
            pool, enlarge = min(pool, costs.FORCED), min(enlarge, costs.FORCED)
        loose = list(self.joined(state)) if state.loose else []
        for ref, cost, takes in [MapSource(state.current, 0.0, (state.current,)), *loose[:2]]:
            shape = self.maps[ref]
            if shape.flat or ref == 0:
                continue
            for factor in costs.FACTORS:
                if min(shape.sizes) >= factor:
                    sizes = tuple(n // factor for n in shape.sizes)
                    pooled = self.maps.hide(
                        "max_pool", (("kernel_size", factor),), (ref,), Shape(shape.channels, sizes)
                    )
                    yield MapSource(pooled, cost + pool + costs.POOL_FACTOR * (factor - 2), takes)
            if item.op in ("linear", "conv") and prod(shape.sizes) > 1:
                ones = Shape(shape.channels, (1,) * len(shape.sizes))
                pooled = self.maps.hide("global_avg_pool", (), (ref,), ones)
                extra = costs.POOLED_LINEAR if item.op == "linear" else costs.POOLED_CONV
                yield MapSource(pooled, cost + extra, takes)
            if item.shape.flat and item.op != "linear":
                yield from self.flattened(MapSource(ref, cost, takes), item.shape)
            if item.op == "linear":
                yield from self.pooled_for_linear(item, MapSource(ref, cost, takes))
            for factor in costs.UP_FACTORS:
                if (up := self.maps.upsampled(ref, tuple(factor * n for n in shape.sizes))) is not None:
                    yield MapSource(up, cost + enlarge + costs.UP_FACTOR * (factor - 2), takes)

    def flattened(self, source: MapSource, flat: Shape) -> Iterator[MapSource]:
        """A map without its axes, pooled to one value for each channel first where that is what fits."""
        ref, cost, takes = source
        shape = self.maps[ref]
        if shape.elements == flat.channels:
            yield MapSource(self.maps.hide("flatten", (), (ref,), flat), cost + costs.FLATTENED, takes)
        elif shape.channels == flat.channels:
            ones = self.maps.hide("global_avg_pool", (), (ref,), Shape(shape.channels, (1,) * len(shape.sizes)))
            yield MapSource(self.maps.hide("flatten", (), (ones,), flat), cost + costs.FLATTENED_POOLED, takes)

    def pooled_for_linear(self, item: Item, source: MapSource) -> Iterator[MapSource]:
        """The pool without a row that leaves as many values as the layer's weights take."""
        shape = self.maps[source.ref]
        for features in channels_wanted(item):
            cells, left = divmod(features, shape.channels)
            side = round(cells ** (1 / len(shape.sizes)))
            if left or not 1 < side < min(shape.sizes) or side ** len(shape.sizes) != cells:
                continue
            smaller = Shape(shape.channels, (side,) * len(shape.sizes))
            kernel = shape.sizes[0] // side
            if all(n // kernel == side for n in shape.sizes):
                ref = self.maps.hide("max_pool", (("kernel_size", kernel),), (source.ref,), smaller)
            else:
                ref = self.maps.hide("adaptive_avg_pool", (("output_size", side),), (source.ref,), smaller)
            cost = source.cost + min(self.prior.hidden_pool, costs.FORCED) + costs.POOLED_SIDE
            yield MapSource(ref, cost, source.takes)

    def gated(self, state: State, item: Item) -> Iterator[MapSource]:
        """An earlier map times the row above, where that holds one value for each channel."""
        gate = self.maps[state.current]
        if gate.flat or prod(gate.sizes) != 1:
            return
        for ref in dict.fromkeys([state.pooled, *self.maps.earlier(state, {gate.channels})]):
            shape = self.maps[ref]
            if shape.channels != gate.channels:
                continue
            if not shape.flat and prod(shape.sizes) > 1:
                both = self.maps.hide("multiply", (), (ref, state.current), shape)
                yield MapSource(both, costs.GATE if ref == state.pooled else costs.GATE_OTHER, (ref, state.current))


def age_of(state: State, ref: int) -> int:
    """How many block inputs are younger; all of them for a map that is none."""
    return state.entries[::-1].index(ref) if ref in state.entries else costs.ENTRIES


def channels_wanted(item: Item) -> set[int]:
    """Channels that the row's input may have."""
    assert item.shape is not None
    out = item.shape.channels
    if item.op == "conv":
        found = {out}
        for weights in (item.params // out - bias for bias in (0, 1)):
            found |= {weights // taps for taps in costs.COMMON_TAPS if weights > 0 and weights % taps == 0}
        return found - {0}
    if item.op == "conv_transpose":
        return {item.params // (out * taps) for taps in costs.COMMON_TAPS} - {0}
    if item.op == "linear":
        return {item.params // out, item.params // out - 1} - {0, -1}
    return {out}
