"""Random networks for our own tests: those that users get from `rfcalc.testing`, held to what the oracle knows.

`archs()` asks the engine which layers fit; `specs()` asks the oracle, so that the engine is not its own judge, and
`specs(valid=False)` ends with a layer that torch may refuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from hypothesis import strategies as st

import rfcalc
from rfcalc import Arch
from rfcalc.engine.layers import Layer
from rfcalc.errors import ShapeError
from rfcalc.testing import networks
from rfcalc.testing.networks import MOST_DRAWN_LAYERS, Spec, shapes, yaml_text
from rfcalc.testing.settings import DRAWN_PLAIN

from .oracle import ADAPTIVE, GLOBAL, JOINS, NEEDS_AXES, POOLS, WHOLE, Refused, Shape, shape

UNKNOWN_TO_ORACLE = ("channel_norm", "scale", "shift", "pointwise")
OPS = tuple(
    dict.fromkeys(
        [*NEEDS_AXES, *POOLS, *ADAPTIVE, *GLOBAL, *WHOLE, *JOINS, *(set(DRAWN_PLAIN) - set(UNKNOWN_TO_ORACLE))]
    )
)
"""The operations that the oracle knows."""


def load(spec: Spec) -> Arch:
    """The engine's reading of a spec; raises SpecError."""
    return rfcalc.loads(yaml_text(spec))


def by_oracle(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    try:
        return shape(layer, inputs)
    except Refused as refused:
        raise ShapeError(str(refused)) from None


def specs(valid: bool = True, axes: int | None = None, max_layers: int = MOST_DRAWN_LAYERS) -> st.SearchStrategy[Spec]:
    """A spec as YAML would give it; torch accepts it, or unless `valid` may refuse its last layer."""
    return networks.drafted(shapes(axes), max_layers, OPS, by_oracle, image, valid)


def image(sizes: Any) -> Shape:
    return Shape(sizes[0], tuple(sizes[1:]))


archs = partial(networks.archs, ops=OPS)
"""Networks of the operations that the oracle knows."""
