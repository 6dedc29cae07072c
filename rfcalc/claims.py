"""What a spec says its source states (`claims`) and its design must meet (`targets`), beside the computed figures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import yamlfile
from .ops import FEATURES, LAYERS
from .settings import describe

if TYPE_CHECKING:
    from .arch import Arch

FIELDS = ("before_global_pool", "after_global_pool")
TOTALS = ("params", "macs")
ROUNDED = {"K": 1_000, "M": 1_000_000, "G": 1_000_000_000}
LIMITS = ("max_params", "max_macs")
"""Figures that a source says it stays under."""
ACCURACIES = ("train_accuracy", "test_accuracy")
PER_LAYER = ("receptive_field", "size", "channels", "jump", "params", "macs")
Problems = Iterator[tuple[int | None, str]]


@dataclass(frozen=True, slots=True)
class Claim:
    """One stated figure beside the computed one; `holds` is None where only training can tell."""

    quantity: str
    layer: str | None
    stated: Any
    computed: Any
    holds: bool | None


def _bad_number(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return f"must be a whole number, not {describe(value)}"
    return None


def _bad_figure(value: Any) -> str | None:
    """None for a whole number, or for one rounded by its writer: 104K, 2.5M."""
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?[KMG]", value):
        return None
    problem = _bad_number(value)
    return problem and f"{problem} (or rounded, such as 104K)"


def read_claims(section: Any, layers: set[str]) -> Problems:
    """Problems of a claims section: (line, fact)."""
    for key, value in section.items():
        line, problem = section.lines[key], None
        if key in (*TOTALS, *LIMITS):
            problem = _bad_figure(value)
        elif key in ACCURACIES:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            problem = None if is_number and 0 <= value <= 100 else f"must be from 0 to 100, not {describe(value)}"
        elif key == "receptive_field":
            yield from _mapping(value, line, "claims.receptive_field", FIELDS)
        elif key == "layers":
            yield from _layer_claims(value, line, layers)
        else:
            problem = (
                f"is no claim; there are {', '.join((*TOTALS, *LIMITS, 'receptive_field', 'layers', *ACCURACIES))}"
            )
        if problem:
            yield line, f"claims.{key} {problem}"


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
        if name not in layers and not any(layer.startswith(f"{name}.") for layer in layers):
            yield value.lines[name], f"claims.layers: unknown layer {name!r}"
        yield from _mapping(figures, value.lines[name], f"claims.layers.{name}", PER_LAYER)


def read_targets(section: Any, layers: set[str]) -> Problems:
    """Problems of a targets section: (line, fact)."""
    for key, value in section.items():
        line, problem = section.lines[key], None
        if key in ("min_receptive_field", "max_params", "max_macs"):
            problem = _bad_number(value)
        elif key in ("must_use", "must_not_use"):
            bad = (
                value
                if not isinstance(value, list)
                else next((v for v in value if v not in (*FEATURES, *LAYERS)), None)
            )
            if bad is not None:
                problem = f"must list layer types or {', '.join(FEATURES)}, not {describe(bad)}"
        else:
            problem = "is no target; there are min_receptive_field, max_params, max_macs, must_use, must_not_use"
        if problem:
            yield line, f"targets.{key} {problem}"


def agrees(stated: Any, computed: int) -> bool:
    """Whether a figure, exact or rounded by its writer (104K), can stand for a computed one.

    >>> agrees("104K", 103_900), agrees("104K", 92_000), agrees("2.5M", 2_460_000)
    (True, False, True)
    """
    if not isinstance(stated, str):
        return bool(stated == computed)
    digits, unit = stated[:-1], ROUNDED[stated[-1]]
    places = len(digits.partition(".")[2])
    return bool(abs(float(digits) - computed / unit) <= 0.5 * 10**-places + 1e-9)


def exact(figure: Any) -> int:
    """A figure as a number: 50K is 50,000."""
    return round(float(figure[:-1]) * ROUNDED[figure[-1]]) if isinstance(figure, str) else figure


def claims_of(arch: Arch) -> list[Claim]:
    """Every figure that the spec's source states, beside the computed one."""
    found: list[Claim] = []
    for key, value in arch.claims.items():
        if key in TOTALS:
            computed = getattr(arch, key)
            found.append(Claim(key, None, value, computed, None if computed is None else agrees(value, computed)))
        elif key in LIMITS:
            computed = getattr(arch, key.removeprefix("max_"))
            found.append(Claim(key, None, value, computed, None if computed is None else computed <= exact(value)))
        elif key == "receptive_field":
            for which, stated in value.items():
                found.append(
                    _field_claim(f"receptive_field.{which}", None, stated, getattr(arch.receptive_field, which))
                )
        elif key == "layers":
            for name, figures in value.items():
                found += _claims_of_layer(arch, name, figures)
        else:
            found.append(Claim(key, None, value, None, None))
    return found


def _field_claim(quantity: str, layer: str | None, stated: Any, computed: tuple[Any, ...]) -> Claim:
    if None in computed:
        return Claim(quantity, layer, stated, None, None)
    shown = computed[0] if len(set(computed)) == 1 else list(computed)
    return Claim(quantity, layer, stated, shown, shown == stated)


def _claims_of_layer(arch: Arch, name: str, figures: Mapping[str, Any]) -> list[Claim]:
    rows = [row for row in arch.rows if row.name == name or row.name.startswith(f"{name}.")]
    axes, out = rows[-1].out.axes, rows[-1].out
    computed: dict[str, tuple[Any, ...]] = {
        "receptive_field": tuple(axis.receptive_field for axis in axes),
        "size": tuple(axis.size for axis in axes),
        "jump": tuple(axis.jump for axis in axes),
        "channels": (out.channels,),
        "params": (sum(row.params for row in rows),),
        "macs": (None if None in [row.macs for row in rows] else sum(row.macs or 0 for row in rows),),
    }
    return [_field_claim(key, name, stated, computed[key]) for key, stated in figures.items()]


def features_of(arch: Arch) -> set[str]:
    """What a network uses, in the words of must_use and must_not_use."""
    return {word for row in arch.rows for word in (row.layer.op, *row.layer.features(row.x))}


def targets_of(arch: Arch) -> list[Claim]:
    """Every target beside what the design reaches; the field is the one before global pooling, its smallest axis."""
    found: list[Claim] = []
    field = arch.receptive_field.before_global_pool
    reached = None if None in field else min(f for f in field if f is not None)
    used = features_of(arch)
    for key, value in arch.targets.items():
        if key == "min_receptive_field":
            found.append(Claim(key, None, value, reached, reached is not None and reached >= value))
        elif key in ("max_params", "max_macs"):
            computed = getattr(arch, key.removeprefix("max_"))
            found.append(Claim(key, None, value, computed, computed is not None and computed <= value))
        else:
            for feature in value:
                present = feature in used
                computed_word = "used" if present else "not used"
                found.append(Claim(key, None, feature, computed_word, present == (key == "must_use")))
    return found
