"""The words of reading a summary: printed shapes, layers that fit a row, and what is likely before a row is read."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import log, prod
from typing import Any, NamedTuple

from ...engine.layers import LAYERS, PAD_NAMES, Layer
from ...engine.layers.base import make
from ..read.context import Context
from . import costs

Settings = tuple[tuple[str, Any], ...]


class Shape(NamedTuple):
    """A map as printed: channels and sizes; no sizes once it is flat."""

    channels: int
    sizes: tuple[int, ...]

    @property
    def flat(self) -> bool:
        return not self.sizes

    @property
    def elements(self) -> int:
        return self.channels * prod(self.sizes)


Trait = tuple[str, Hashable]
"""A question about a layer, and its answer."""
Evidence = tuple[tuple[Trait, float], ...]


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known of how a network is written, from its own rows and from the text around it.

    `own`: how many of its rows, and words of the text, give each answer;
    `hidden_pool`, `hidden_upsample`, `reuse`: what a pool or an enlargement without a row costs, and a concatenation
    with a map that has been read already; `wide_stem`: it begins with a large strided kernel, as networks whose pools
    overlap do.
    """

    own: Evidence = ()
    hidden_pool: float = costs.HIDDEN
    hidden_upsample: float = costs.HIDDEN
    reuse: float = costs.REUSE
    wide_stem: bool = False

    def cost(self, answers: Iterable[Trait]) -> float:
        """How unusual the answers are, all together."""
        return sum(surprise(self.own, *answer) for answer in answers)


@lru_cache(maxsize=costs.CACHED)
def surprise(own: Evidence, question: str, answer: Hashable) -> float:
    """The odds of the likeliest answer to one, as a logarithm: by shares of what was counted, smoothed, as many rows as
    the counts are strong, and the network's own rows beside them."""
    strength, seen = costs.COUNTED_ANSWERS[question]
    rows = {said: count for (about, said), count in own if about == question}
    scale = strength / (sum(seen.values()) + costs.SMOOTHING * (len(seen) + 1))
    weights = {
        said: scale * (seen.get(said, 0) + costs.SMOOTHING) + rows.get(said, 0) for said in (*seen, *rows, answer)
    }
    return log(max(weights.values()) / weights[answer])


@dataclass(frozen=True, slots=True)
class Candidate:
    """One layer that fits: its type in the spec language, the settings, and how unusual it is (0: as expected)."""

    op: str
    settings: Settings
    cost: float

    def __getitem__(self, key: str) -> Any:
        return dict(self.settings).get(key)

    def layer(self, axes: int) -> Layer:
        """The engine's layer for maps with that many axes; raises RfcalcError where its settings are none."""
        return made(self.op, self.settings, axes)


Candidates = Iterator[Candidate]


class Case(NamedTuple):
    """A printed row as a layer is looked for: its class and type, the map it reads, what it makes, its parameters."""

    kind: str
    op: str
    given: Shape
    out: Shape
    params: int
    prior: Prior

    @property
    def same_axes(self) -> bool:
        """Whether both are maps, with as many axes."""
        return not self.given.flat and len(self.given.sizes) == len(self.out.sizes)


@lru_cache(maxsize=costs.CACHED)
def made(op: str, settings: Settings, axes: int) -> Layer:
    return make(op, axes, **dict(settings))


def one_or_all(values: tuple[Any, ...]) -> Any:
    """One value where all axes agree, else all of them."""
    return values[0] if len(set(values)) == 1 else values


def candidate(op: str, cost: float, **settings: Any) -> Candidate:
    return Candidate(op, tuple(settings.items()), cost)


def printed_types() -> dict[str, str]:
    """The layer type for each class name that torch prints."""
    found: dict[str, str] = {}
    for op, cls in LAYERS.items():
        names = [f"{cls.torch_name}{axes}d" for axes in (1, 2, 3)] if cls.torch_axes else [cls.torch_name]
        for name in names:
            found.setdefault(name, op)
    found |= {f"{name}{axes}d": "pad" for name in PAD_NAMES.values() for axes in (1, 2, 3)}
    return {name: op for name, op in found.items() if name and not name[0].isdigit() and name not in ("1d", "2d", "3d")}


PRINTED = printed_types()
PRINTED_PAD_MODES = {name: mode for mode, name in PAD_NAMES.items()}


def first_prior(context: Context) -> Prior:
    """What the text alone says of how the network is written."""
    said = [rows for word, rows in costs.TOLD.items() if context.says(word)]
    pools = context.says("pools") and not context.says("no_pools") and not context.says("strided")
    joins = context.says("upsamples") or context.says("concatenates")
    return Prior(
        tuple(pair for rows in said for pair in rows.items()),
        hidden_pool=costs.TOLD_POOL if pools else costs.HIDDEN,
        hidden_upsample=costs.TOLD_UPSAMPLE if context.says("upsamples") else costs.HIDDEN,
        reuse=costs.TOLD_REUSE if joins else costs.REUSE,
        wide_stem=context.says("wide_stem"),
    )
