"""Tests of your own networks: assertions that explain, strategies for random networks, a pytest plugin.

In: networks. Out: failures that say which layer and what would help, and random networks that shrink. Read
assertions.py with fixes.py (what would help), strategies.py with networks.py, settings.py, drawn_families.py and
drawn_images.py, plugin.py with collected.py (specs as tests). The assertions need nothing more than rfcalc; the
strategies need Hypothesis, the plugin pytest (extra `testing`). Nothing is loaded before it is asked for: pytest loads
this package at every start.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .assertions import assert_macs, assert_meets_targets, assert_params, assert_receptive_field  # noqa: I001
    from .assertions import assert_same_geometry, assert_sees
    from .strategies import OPS, TORCH_OPS, archs, families, images, shapes, specs

ASSERTIONS = (
    "assert_macs", "assert_meets_targets", "assert_params", "assert_receptive_field", "assert_same_geometry",
    "assert_sees",
)  # fmt: skip
__all__ = [
    "OPS", "TORCH_OPS", "archs", "assert_macs", "assert_meets_targets", "assert_params", "assert_receptive_field",
    "assert_same_geometry", "assert_sees", "families", "images", "shapes", "specs",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """What is public is imported when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in ASSERTIONS:
        return getattr(import_module(".assertions", __name__), name)
    from ..errors import need

    need("hypothesis", "testing")
    return getattr(import_module(".strategies", __name__), name)


def __dir__() -> list[str]:
    return __all__
