"""What a spec says its source states (`claims`) and its design must meet (`targets`), beside the computed figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..engine.arch import features_of
from ..spec.claims import LIMITS, TOTAL_CLAIMS
from ..spec.stated import Stated
from .cells import text

if TYPE_CHECKING:
    from ..engine.arch import Arch


@dataclass(frozen=True, slots=True)
class Claim:
    """One stated figure beside the computed one; `holds` is None where only training can tell."""

    quantity: str
    layer: str | None
    stated: Any
    computed: Any
    holds: bool | None


def claims_of(arch: Arch) -> list[Claim]:
    """Every figure that the spec's source states, beside the computed one.

    >>> import rfcalc
    >>> [(claim.stated, claim.computed, claim.holds) for claim in claims_of(rfcalc.load("s9"))][:1]
    [(180298, 180298, True)]
    """
    found: list[Claim] = []
    for key, value in arch.claims.items():
        if key in (*TOTAL_CLAIMS, *LIMITS):
            computed, stated = getattr(arch, key.removeprefix("max_")), Stated.of(value)
            agrees = stated.value.__ge__ if key in LIMITS else stated.agrees
            found.append(Claim(key, None, value, computed, None if computed is None else agrees(computed)))
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
    rows = arch.rows_of(name)
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
            found.append(Claim(key, None, value, computed, computed is not None and computed <= Stated.of(value).value))
        else:
            for feature in value:
                present = feature in used
                computed_word = "used" if present else "not used"
                found.append(Claim(key, None, feature, computed_word, present == (key == "must_use")))
    return found


def missed(arch: Arch) -> list[str]:
    """What to say where targets are missed: which, and the command that looks for the smallest change; else nothing."""
    unmet = [claim for claim in targets_of(arch) if claim.holds is False]
    if not unmet:
        return []
    what = "; ".join(f"{claim.quantity} {text(claim.stated)} (is {text(claim.computed)})" for claim in unmet)
    return [f"misses {what}: rfcalc repair {arch.path or arch.name} looks for the smallest change"]
