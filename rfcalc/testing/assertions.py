"""Assertions on networks, with messages that explain: which layer, the figures, what would fix it where that is cheap.

A `target` is whatever stands for a network, as everywhere in rfcalc: the name of a shipped spec, the path of a YAML
file, `FILE.py:Name`, an `Arch`, or a torch module with the `input` that it takes. What is unknown satisfies nothing: a
field that is an upper bound passes `at_most`, never `at_least`. Bad arguments raise RfcalcError.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

from .. import zoo
from ..engine.arch import Arch, Row, features_of, fields_of
from ..engine.geometry import Axis, FeatureMap, shape_text
from ..errors import RfcalcError, listed
from ..report.cells import agreed, text
from ..report.claims import targets_of
from ..report.unit import last_row_of, pixel_view, unit_in
from .fixes import single_edit

if TYPE_CHECKING:
    from torch import nn

    Target = str | PathLike[str] | Arch | nn.Module

Limit = int | Sequence[int] | None
MOST_NAMED = 5
"""Layers that a message names."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What is known of a figure, on one axis, or of a count: it lies from `low` to `high`; None: nothing is known."""

    low: int | None
    high: int | None

    def __str__(self) -> str:
        if self.low == self.high:
            return text(self.low)
        return f"at most {text(self.high)}" if self.high is not None else f"at least {text(self.low)}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What is demanded of a figure, a number for each axis."""

    at_least: tuple[int, ...] | None
    at_most: tuple[int, ...] | None
    exact: bool = False
    """Whether one figure was demanded, and both bounds are it."""

    @staticmethod
    def of(at_least: Limit, at_most: Limit, equals: Limit, axes: int) -> Limits:
        if at_least is at_most is equals is None:
            raise RfcalcError("say at_least, at_most or equals")
        if equals is not None and not at_least is at_most is None:
            raise RfcalcError("equals stands alone, without at_least and at_most")
        low, high = (at_least, at_most) if equals is None else (equals, equals)
        return Limits(bound_per_axis("at_least", low, axes), bound_per_axis("at_most", high, axes), equals is not None)

    def broken(self, figures: Sequence[Figure]) -> str:
        """What does not hold, or cannot be told; nothing where all does."""
        for figure, low in zip(figures, self.at_least or (), strict=False):
            if figure.low is None or figure.low < low:
                return "at_least"
        for figure, high in zip(figures, self.at_most or (), strict=False):
            if figure.high is None or figure.high > high:
                return "at_most"
        return ""

    def wanted(self, which: str) -> str:
        return f"{'equals' if self.exact else which}={text(agreed(getattr(self, which)))}"

    def against(self, which: str) -> str:
        """How a figure fails it: `below at_least=44`, `not 44`."""
        if self.exact:
            return f"not {text(agreed(getattr(self, which)))}"
        return f"{'below' if which == 'at_least' else 'above'} {self.wanted(which)}"


def bound_per_axis(name: str, bound: Limit, axes: int) -> tuple[int, ...] | None:
    """A bound for each axis; raises RfcalcError for one that is no whole number."""
    if bound is None:
        return None
    values = tuple(bound) if isinstance(bound, Sequence) else (bound,) * axes
    if len(values) != axes or any(isinstance(v, bool) or not isinstance(v, int) for v in values):
        raise RfcalcError(f"{name}={bound!r}: must be a whole number" + (f", or {axes} of them" if axes > 1 else ""))
    return values


def fails(*lines: str) -> AssertionError:
    return AssertionError("\n".join(line for line in lines if line))


# --- the receptive field -------------------------------------------------------------------------------------------


def assert_receptive_field(
    target: Target,
    input: Sequence[int] | None = None,
    *,
    at_least: Limit = None,
    at_most: Limit = None,
    equals: Limit = None,
    layer: str | None = None,
    after_global_pool: bool = False,
) -> None:
    """The receptive field in pixels, on every axis: of the map that enters the first layer that sees all of it, as the
    target `min_receptive_field` has it; with `after_global_pool` of the last layer; or of a `layer` or block.

    >>> assert_receptive_field("s9", at_least=44)
    >>> assert_receptive_field("s9", layer="C10", equals=47)
    Traceback (most recent call last):
    AssertionError: s9: the receptive field of C10 is 55, not 47: 8 pixels too many
    what adds to it: C1.conv 1 -> 3, C2.conv 3 -> 5, C3 5 -> 7, C4.conv 7 -> 11, … 4 more … and C10 39 -> 55
    """
    __tracebackhide__ = True
    arch = zoo.load(target, input)
    row, what = field_row(arch, layer, after_global_pool)
    x = row.out if row else FeatureMap(arch.input[0], tuple(Axis.image(size) for size in arch.sizes))
    limits = Limits.of(at_least, at_most, equals, len(x.axes))
    figures = [known_field(axis) for axis in x.axes]
    if broken := limits.broken(figures):
        targets = {"min_receptive_field": max(limits.at_least or (0,))}
        fixable = broken == "at_least" and layer is None and not after_global_pool
        raise fails(
            f"{arch.name}: {what} {field_fact(x, figures, limits, broken)}",
            growth(arch, row) if row else "",
            single_edit(arch, targets) if fixable else "",
        )


def field_row(arch: Arch, layer: str | None, after: bool) -> tuple[Row | None, str]:
    """The row whose map is asked for (None: the image itself), and what to call its field."""
    if layer is not None:
        return last_row_of(arch, layer), f"the receptive field of {layer}"
    if after or arch.global_row is None:
        return arch.rows[-1], "the receptive field of the last layer" if after else "the receptive field"
    source = arch.global_row.node.inputs[0]
    return arch.rows[source - 1] if source else None, f"the receptive field before {arch.global_row.name}"


def known_field(axis: Axis) -> Figure:
    if not axis.strands:
        return Figure(None, None)
    field = axis.receptive_field or 0
    return Figure(None if axis.doubt else field, field)


def field_fact(x: FeatureMap, figures: Sequence[Figure], limits: Limits, broken: str) -> str:
    """What is wrong with a field, or why it cannot be told."""
    doubt = next((axis.doubt for axis in x.axes if axis.doubt), "")
    if all(figure.low is None and figure.high is None for figure in figures):
        return f"is unknown ({doubt}): it is not known to be {limits.wanted(broken)}"
    shown = "x".join(dict.fromkeys(map(str, figures)))
    if broken == "at_least" and any(figure.low is None for figure in figures):
        return f"is {shown}, an upper bound ({doubt}): it is not known to be {limits.wanted(broken)}"
    sides = [f.low if broken == "at_least" else f.high for f in figures]
    bounds = limits.at_least if broken == "at_least" else limits.at_most
    off = max(abs((side or 0) - bound) for side, bound in zip(sides, bounds or (), strict=True))
    word = "missing" if broken == "at_least" else "too many"
    return f"is {shown}, {limits.against(broken)}: {off} pixel{'s' * (off > 1)} {word}"


def growth(arch: Arch, row: Row) -> str:
    """Which layers on the way widen the field, with the field before and after each."""
    needed, steps = {row.index}, []
    for other in reversed(arch.rows[: row.index]):
        if other.index not in needed:
            continue
        needed.update(other.node.inputs)
        before, after = fields_of(other.x), fields_of(other.out)
        if not other.layer.joins and before != after:
            steps.append(f"{other.name} {text(agreed(before))} -> {text(agreed(after))}")
    return f"what adds to it: {listed(steps[::-1])}" if steps else "no layer on the way adds to it"


# --- parameters and MACs -------------------------------------------------------------------------------------------


def assert_params(
    target: Target,
    input: Sequence[int] | None = None,
    *,
    at_least: int | None = None,
    at_most: int | None = None,
    equals: int | None = None,
    layer: str | None = None,
) -> None:
    """The number of parameters, of the network or of a `layer` or block.

    >>> assert_params("s9", at_most=200_000)
    """
    __tracebackhide__ = True
    assert_count("params", zoo.load(target, input), Limits.of(at_least, at_most, equals, 1), layer)


def assert_macs(
    target: Target,
    input: Sequence[int] | None = None,
    *,
    at_least: int | None = None,
    at_most: int | None = None,
    equals: int | None = None,
    layer: str | None = None,
) -> None:
    """The number of multiply-adds for one image, of the network or of a `layer` or block. Where those of a layer are
    unknown, what is known can be enough for `at_least`, never for `at_most`.

    >>> assert_macs("s9", at_most=40_000_000)
    """
    __tracebackhide__ = True
    assert_count("macs", zoo.load(target, input), Limits.of(at_least, at_most, equals, 1), layer)


COUNT_WORDS = {"params": "params", "macs": "MACs"}


def assert_count(quantity: str, arch: Arch, limits: Limits, layer: str | None) -> None:
    __tracebackhide__ = True
    rows = arch.rows if layer is None else (arch.rows_of(layer) or (last_row_of(arch, layer),))
    unknown = [row.name for row in rows if getattr(row, quantity) is None]
    total = sum(getattr(row, quantity) or 0 for row in rows)
    figure = Figure(total, None if unknown else total)
    if not (broken := limits.broken([figure])):
        return
    where = f"{arch.name}: " if layer is None else f"{arch.name}: {layer} has "
    if broken == "at_most" and unknown and total <= (limits.at_most or (0,))[0]:
        raise fails(
            f"{where}at least {total:,} {COUNT_WORDS[quantity]}: those of {listed(unknown)} are unknown, so that they "
            f"are not known to be {limits.wanted(broken)}"
        )
    bound = (getattr(limits, broken) or (0,))[0]
    off = f"{abs(total - bound):,} {'too many' if broken == 'at_most' else 'missing'}"
    fix = single_edit(arch, {f"max_{quantity}": bound}) if layer is None and broken == "at_most" else ""
    raise fails(f"{where}{figure} {COUNT_WORDS[quantity]}, {limits.against(broken)}: {off}", most(quantity, rows), fix)


def most(quantity: str, rows: Sequence[Row]) -> str:
    """The layers that hold most of a count."""
    ranked = sorted((row for row in rows if getattr(row, quantity)), key=lambda row: -getattr(row, quantity))
    shown = [f"{row.name} {getattr(row, quantity):,}" for row in ranked[:MOST_NAMED]]
    return f"most are in {listed(shown)}" if len(ranked) > 1 else ""


# --- targets -------------------------------------------------------------------------------------------------------


def assert_meets_targets(target: Target, input: Sequence[int] | None = None) -> None:
    """Everything that the spec's `targets` demand. Raises RfcalcError where it has none.

    >>> assert_meets_targets("s9")
    """
    __tracebackhide__ = True
    arch = zoo.load(target, input)
    if not arch.targets:
        raise RfcalcError(f"{arch.name} states no targets")
    missed = [claim for claim in targets_of(arch) if not claim.holds]
    if missed:
        used = ", ".join(sorted(features_of(arch)))
        named = any(claim.quantity in ("must_use", "must_not_use") for claim in missed)
        raise fails(
            f"{arch.name} misses {len(missed)} of {len(targets_of(arch))} targets:",
            *(f"  {c.quantity} {text(c.stated)}, but is {text(c.computed)}" for c in missed),
            f"it uses: {used}" if named else "",
            single_edit(arch, arch.targets),
        )


# --- what a unit sees ----------------------------------------------------------------------------------------------


def assert_sees(
    target: Target,
    layer: str,
    pixel: Sequence[int],
    input: Sequence[int] | None = None,
    *,
    unit: Sequence[int] | None = None,
) -> None:
    """Some unit of a layer or block depends on a pixel of the image, borders and padding included; with `unit`, that
    one does. Pixels and units are counted from 0, one number for each axis.

    >>> assert_sees("s9", "C10", (0, 31))
    """
    __tracebackhide__ = True
    from ..engine.reach import reach

    arch = zoo.load(target, input)
    row = last_row_of(arch, layer)
    watchers = pixel_view(arch, pixel).layers[row.index - 1]  # which says what is wrong with a pixel
    seen = reach(arch, [[p] for p in pixel])[row.index]
    at = None if unit is None else unit_in(row, unit)
    place = f"pixel ({', '.join(map(str, pixel))})"
    who = f"unit ({', '.join(map(str, at))}) of {row.name}" if at else f"no unit of {row.name}"
    if seen is None:
        raise fails(f"{arch.name}: it is unknown whether {row.name} sees {place}: {row.status}")
    sees = any(all(any(m) if at is None else m[at[i]] for i, m in enumerate(box)) for box in seen.boxes)
    if sees and (not seen.hull or row.status == "whole input"):
        return
    if sees:
        raise fails(f"{arch.name}: {row.name} may see {place}: what it sees is known as a bound only, {row.status}")
    verb = "does not see" if at else "sees"
    spans = [f"{first}…{last}" for first, last, _ in watchers.spans or ()]
    known = f"units {' x '.join(spans)} of {shape_text(row.out.sizes)} see it" if spans and at else ""
    raise fails(f"{arch.name}: {who} {verb} {place}", known or next(lost_at(arch, row, pixel), ""))


def lost_at(arch: Arch, row: Row, pixel: Sequence[int]) -> Iterator[str]:
    """The first layer on the way to a layer no unit of which sees the pixel any more."""
    for watchers in pixel_view(arch, pixel).layers[: row.index]:
        if watchers.known and watchers.spans is None:
            yield f"it is lost in {watchers.layer}: {arch[watchers.layer]}"


# --- geometry ------------------------------------------------------------------------------------------------------


def assert_same_geometry(a: Target, b: Target, input: Sequence[int] | None = None) -> None:
    """Two networks look alike: in the same order, the layers that change something have maps of the same sizes, jump,
    receptive field and start. Names, channels and costs may differ, and layers that leave the geometry alone.

    >>> assert_same_geometry("s9", "s9")
    """
    __tracebackhide__ = True
    first, second = zoo.load(a, input), zoo.load(b, input)
    if first.sizes != second.sizes:
        raise fails(
            f"{first.name} takes images of {shape_text(first.sizes)}, {second.name} of {shape_text(second.sizes)}"
        )
    ones, others = moving(first), moving(second)
    for one, other in zip(ones, others, strict=False):
        mine, its = looks_of(one), looks_of(other)
        if differ := [key for key in mine if mine[key] != its[key]]:
            what = ", ".join(f"{key} {text(mine[key])} and {text(its[key])}" for key in differ)
            raise fails(
                f"{first.name} and {second.name} differ from {one.name} ({one.layer.op}) and {other.name} "
                f"({other.layer.op}) on: {what}",
                f"  {first.name}: {one}",
                f"  {second.name}: {other}",
            )
    if len(ones) != len(others):
        longer, rest = (first, ones[len(others) :]) if len(ones) > len(others) else (second, others[len(ones) :])
        raise fails(
            f"{first.name} has {len(ones)} layers that change the geometry, {second.name} {len(others)}: "
            f"{longer.name} goes on with {listed([row.name for row in rest])}"
        )


def moving(arch: Arch) -> list[Row]:
    """The rows after which units look elsewhere than before."""
    return [row for row in arch.rows if row.layer.joins or row.out.axes != row.x.axes]


def looks_of(row: Row) -> dict[str, Any]:
    axes = row.out.axes
    return {
        "size": agreed(row.out.sizes),
        "jump": agreed(tuple(axis.jump for axis in axes)),
        "receptive field": agreed(tuple(axis.receptive_field for axis in axes)),
        "start": agreed(tuple(axis.start for axis in axes)),
        "pixels read": agreed(tuple(axis.widest and axis.widest.pixels for axis in axes)),
        "status": row.status,
    }
