"""The maps that a row may read: the image, the rows above, and what operations without a row made of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container, Sequence
from math import prod

from . import costs
from .priors import Settings, Shape
from .states import Hidden, Item, State


class Maps:
    """Every map known so far, by its reference: 0 the image, i > 0 the i-th row, -i the i-th hidden operation."""

    def __init__(self, items: Sequence[Item], image: Shape) -> None:
        self.items = items
        self.shapes: dict[int, Shape] = {0: image}
        self.hidden: list[Hidden] = []
        self.known: dict[Hidden, int] = {}
        self.by_shape: dict[Shape, list[int]] = {image: [0]}
        self.recent: OrderedDict[Shape, None] = OrderedDict({image: None})
        self.boundaries = {item.place - 1 for item in items if item.op is None}

    def __getitem__(self, ref: int) -> Shape:
        return self.shapes[ref]

    def remember(self, item: Item) -> None:
        """Takes in the map that a row prints."""
        if item.shape is None:
            return
        self.shapes[item.place] = item.shape
        if item.op:
            self.by_shape.setdefault(item.shape, []).append(item.place)
            self.recent[item.shape] = None
            self.recent.move_to_end(item.shape)
            if len(self.recent) > costs.RECENT_SHAPES:
                self.recent.popitem(last=False)

    def hide(self, op: str, settings: Settings, inputs: tuple[int, ...], shape: Shape) -> int:
        """The reference of a hidden operation, the same for the same operation."""
        made = Hidden(op, settings, inputs, shape)
        if made not in self.known:
            self.hidden.append(made)
            self.known[made] = -len(self.hidden)
            self.shapes[-len(self.hidden)] = shape
        return self.known[made]

    def upsampled(self, ref: int, sizes: tuple[int, ...]) -> int | None:
        """A map enlarged by a whole factor, the same along all axes."""
        shape = self.shapes[ref]
        if len(sizes) != len(shape.sizes) or not sizes:
            return None
        if prod(shape.sizes) == 1:  # one value for each channel is a gate, or the end
            return None
        factor, left = divmod(sizes[0], shape.sizes[0])
        alike = all(m == factor * n for n, m in zip(shape.sizes, sizes, strict=True))
        if left or not alike or not 1 < factor <= costs.LARGEST_FACTOR:
            return None
        return self.hide("upsample", (("scale_factor", factor),), (ref,), Shape(shape.channels, sizes))

    def earlier(self, state: State, wanted: Container[int]) -> list[int]:
        """Maps other than the current one with as many channels as wanted, what the state remembers first."""
        found = [ref for ref in (*state.entries, *state.joins, *state.loose) if self.shapes[ref].channels in wanted]
        for shape in self.recent:
            if shape.channels in wanted:
                places = self.by_shape[shape]
                older = places[-costs.OLDER : -costs.LATEST]
                found += [*places[-costs.LATEST :], *[r for r in older if self.is_border(r)][-costs.OLDER_BORDERS :]]
        return [ref for ref in dict.fromkeys(found) if ref != state.current]

    def is_border(self, ref: int) -> bool:
        """Whether a container ends there, or a pool or the image stands there."""
        return ref == 0 or ref in self.boundaries or (ref > 0 and (self.items[ref - 1].op or "").endswith("pool"))
