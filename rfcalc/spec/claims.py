"""What a spec's claims and targets may state."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..engine.arch import belongs
from ..engine.kinds import describe
from ..engine.layers import LAYER_FEATURES, LAYERS
from ..errors import suggestion
from . import yamlfile
from .stated import PATTERN

FIELDS = ("before_global_pool", "after_global_pool")
TOTAL_CLAIMS = ("params", "macs")
LIMITS = ("max_params", "max_macs")
"""Figures that a source says it stays under."""
ACCURACIES = ("train_accuracy", "test_accuracy")
FEATURE_TARGETS = ("must_use", "must_not_use")
"""Targets that list layer types and features; all others are figures."""
PER_LAYER = ("receptive_field", "size", "channels", "jump", "params", "macs")
NICKNAMES = {
    "gap": "global_avg_pool", "gmp": "global_max_pool", "fc": "linear", "dense": "linear", "bn": "batch_norm",
    "gn": "group_norm", "ln": "layer_norm", "swish": "silu", "cat": "concat", "mul": "multiply", "shortcut": "add",
    "skip": "add", "residual": "add", "depthwise_separable": "depthwise", "separable": "depthwise", "dw": "depthwise",
    "dilated": "dilation", "atrous": "dilation", "stride": "strided",
}  # fmt: skip
"""What people call a layer type or a feature, where the two words are too unlike to be found by their letters."""
Problems = Iterator[tuple[int | None, str]]


def _bad_number(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return f"must be a whole number, not {describe(value)}"
    return None


def _bad_figure(value: Any) -> str | None:
    """None for a whole number, or for one rounded by its writer: 104K, 2.5M."""
    if isinstance(value, str) and re.fullmatch(PATTERN, value):
        return None
    problem = _bad_number(value)
    return problem and f"{problem} (or rounded, such as 104K)"


def _bad_share(value: Any) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return None if is_number and 0 <= value <= 100 else f"must be from 0 to 100, not {describe(value)}"


def _bad_features(value: Any) -> str | None:
    known = (*LAYER_FEATURES, *LAYERS)
    bad = next((v for v in value if v not in known), None) if isinstance(value, list) else value
    if bad is None:
        return None
    near = suggestion(bad, known, NICKNAMES) if isinstance(bad, str) else ""
    return f"must list layer types or {', '.join(LAYER_FEATURES)}, not {describe(bad)}{near}"


CLAIMS = {
    **dict.fromkeys((*TOTAL_CLAIMS, *LIMITS), _bad_figure), "receptive_field": None, "layers": None,
    **dict.fromkeys(ACCURACIES, _bad_share),
}  # fmt: skip
TARGETS = {
    "min_receptive_field": _bad_number, **dict.fromkeys(LIMITS, _bad_figure),
    **dict.fromkeys(FEATURE_TARGETS, _bad_features),
}  # fmt: skip
"""What says whether a figure is a bad one; None for what holds figures of its own."""


def read_claims(section: Any, layers: set[str]) -> Problems:
    """Problems of a claims section: (line, fact)."""
    for key, value in section.items():
        line = section.lines[key]
        if key == "receptive_field":
            yield from _mapping(value, line, "claims.receptive_field", FIELDS)
        elif key == "layers":
            yield from _layer_claims(value, line, layers)
        else:
            yield from _figure(key, value, line, "claim", CLAIMS)


def read_targets(section: Any) -> Problems:
    """Problems of a targets section: (line, fact)."""
    for key, value in section.items():
        yield from _figure(key, value, section.lines[key], "target", TARGETS)


def _figure(key: str, value: Any, line: int, word: str, known: Mapping[str, Any]) -> Problems:
    problem = known[key](value) if key in known else f"is no {word}; there are {', '.join(known)}"
    if problem:
        yield line, f"{word}s.{key} {problem}"


def _mapping(value: Any, line: int, where: str, known: tuple[str, ...]) -> Problems:
    if not isinstance(value, dict):
        yield line, f"{where} must be a mapping with {' or '.join(known)}, not {describe(value)}"
        return
    for key, figure in value.items():
        if key not in known:
            yield line, f"{where}.{key} is no figure; there are {', '.join(known)}"
        elif problem := _bad_number(figure):
            yield line, f"{where}.{key} {problem}"


def _layer_claims(value: Any, line: int, layers: set[str]) -> Problems:
    if not isinstance(value, yamlfile.Mapping):
        yield line, f"claims.layers must map layers to their figures, not {describe(value)}"
        return
    for name, figures in value.items():
        if not any(belongs(layer, name) for layer in layers):
            yield value.lines[name], f"claims.layers: unknown layer {name!r}"
        yield from _mapping(figures, value.lines[name], f"claims.layers.{name}", PER_LAYER)
