"""The words of reading a summary: printed shapes, layers that fit a row, and what is likely before a row is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

from ...engine.layers import LAYERS, PAD_NAMES, Layer
from ...engine.layers.base import make
from ..read.context import Context

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


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known of how a network is written, from its own clear rows and from the text around it.

    `bias`: whether its convolutions have one; `padding`: the usual one for each kernel; `pads`: whether convolutions
    keep sizes; `strided`: whether one of them halves a map that is large enough to tell; `dilated`, `grouped`,
    `factored` (1x7 and 7x1): the text or other rows say so; `hidden_pool`, `hidden_upsample`, `reuse`: what a pool or
    an enlargement without a row costs, and a concatenation with a map that has been read already; `wide_stem`: it
    begins with a large strided kernel, as networks whose pools overlap do.
    """

    bias: bool | None = None
    padding: tuple[tuple[int, int], ...] = ()
    pads: bool | None = None
    strided: bool | None = None
    dilated: bool = False
    grouped: bool = False
    factored: bool = False
    hidden_pool: float = 9.0
    hidden_upsample: float = 9.0
    reuse: float = 5.0
    wide_stem: bool = False


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


@lru_cache(maxsize=16384)
def made(op: str, settings: Settings, axes: int) -> Layer:
    return make(op, axes, **dict(settings))


def shortest(values: tuple[Any, ...]) -> Any:
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
    pools = context.says("pools") and not context.says("no_pools") and not context.says("strided")
    return Prior(
        bias=False if context.says("no_bias") else None,
        dilated=context.says("dilated"),
        grouped=context.says("grouped"),
        hidden_pool=1.2 if pools else 9.0,
        hidden_upsample=2.5 if context.says("upsamples") else 9.0,
        reuse=2.5 if context.says("upsamples") or context.says("concatenates") else 5.0,
        wide_stem=context.says("wide_stem"),
    )
