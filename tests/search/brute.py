"""The slow truth about a family: every assignment is written out as a plain spec, read and walked by itself.

Nothing here knows rfcalc.search: choices are put into the document's values by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import yaml

import rfcalc
from rfcalc.engine.arch import features_of

Values = dict[str, Any]


@dataclass(frozen=True)
class Member:
    """One assignment that builds: its figures, what it uses, and its place among all assignments."""

    params: int
    macs: int
    field: int
    words: frozenset[str]
    rank: int
    choices: Values
    first: bool
    """Whether all choices that decide nothing have their first value."""


def values_of(stated: Any) -> tuple[list[Any], bool]:
    if isinstance(stated, list):
        return stated, False
    values = stated["values"] if "values" in stated else list(range(stated["from"], stated["to"] + 1))
    return values, stated.get("each", False)


class Writer:
    """Writes out one assignment; each-choices are taken from `digits`, 0 after their end, and noted in `taken`."""

    def __init__(self, family: Any, shared: Values, digits: list[int]) -> None:
        self.choices = {name: values_of(stated) for name, stated in family.get("choices", {}).items()}
        self.shared, self.digits = shared, digits
        self.taken: list[tuple[int, int]] = []
        self.each: dict[str, list[Any]] = {}
        self.used: set[str] = set()

    def value_of(self, name: str, here: Values) -> Any:
        if name in here:
            return here[name]
        values, each = self.choices[name]
        if not each:
            self.used.add(name)
            return self.shared[name]
        digit = self.digits[len(self.taken)] if len(self.taken) < len(self.digits) else 0
        self.taken.append((digit, len(values)))
        self.each.setdefault(name, []).append(values[digit])
        here[name] = values[digit]
        return values[digit]

    def fill(self, value: Any, here: Values) -> Any:
        if isinstance(value, dict):
            return {key: self.fill(v, here) for key, v in value.items()}
        if isinstance(value, list):
            return [self.fill(v, here) for v in value]
        if not isinstance(value, str) or "$" not in value:
            return value
        if re.fullmatch(r"\$\w+", value):
            return self.value_of(value[1:], here)
        names = {name: self.value_of(name, here) for name in re.findall(r"\$(\w+)", value)}
        return eval(re.sub(r"\$(\w+)", r"\1", value), {}, names)  # the test's own texts

    def layers(self, items: list[Any], arguments: Values, blocks: Values) -> list[Any]:
        out: list[Any] = []
        for item in items:
            op: str
            value: Any
            op, value = next(iter(item.items())) if isinstance(item, dict) else (item, None)
            here = dict(arguments)
            if op == "choose":
                chosen = self.value_of(value["by"], here)
                out += self.layers(value[str(chosen)], arguments, blocks)
            elif op == "repeat":
                for _ in range(self.fill(value["times"], here)):
                    out += once(self.layers(value["layers"], arguments, blocks))
            elif op in blocks:
                given = {**(blocks[op].get("parameters") or {}), **self.fill(value, here)}
                out += once(self.layers(blocks[op]["layers"], given, blocks))
            else:
                out.append({op: self.fill(value, here)} if value is not None else op)
        return out


def once(layers: list[Any]) -> list[Any]:
    """Layers whose names are their own, as a turn of a repetition and a block have them."""
    return [{"repeat": {"times": 1, "layers": layers}}] if layers else []


def assignments(family: Any) -> Iterator[tuple[Values, list[Any], set[str]]]:
    """The choices and the layers of every assignment, in order, and the choices made once that decided anything."""
    shared = {
        name: values for name, s in family.get("choices", {}).items() for values, each in [values_of(s)] if not each
    }
    for values in product(*shared.values()):
        digits: list[int] | None = []
        while digits is not None:
            writer = Writer(family, dict(zip(shared, values, strict=True)), digits)
            layers = writer.layers(family["layers"], {}, family.get("blocks", {}))
            yield {**writer.shared, **writer.each}, layers, writer.used
            digits = following(writer.taken)


def following(taken: list[tuple[int, int]]) -> list[int] | None:
    digits = list(taken)
    while digits and digits[-1][0] + 1 == digits[-1][1]:
        digits.pop()
    return [*(digit for digit, _ in digits[:-1]), digits[-1][0] + 1] if digits else None


def members(family: Any) -> tuple[int, list[Member]]:
    """How many assignments there are, and those that build."""
    found, number = [], 0
    for number, (choices, layers, used) in enumerate(assignments(family), 1):
        try:
            arch = rfcalc.loads(yaml.safe_dump({"input": family["input"], "layers": layers}))
        except rfcalc.SpecError:
            continue
        field = int(min(f or 0 for f in arch.receptive_field.before_global_pool))
        assert arch.macs is not None
        found.append(
            Member(
                arch.params,
                arch.macs,
                field,
                frozenset(features_of(arch)),
                number,
                choices,
                first(family, choices, used),
            )
        )
    return number, found


def first(family: Any, choices: Values, used: set[str]) -> bool:
    stated = {name: values_of(s) for name, s in family.get("choices", {}).items()}
    return all(each or name in used or choices[name] == values[0] for name, (values, each) in stated.items())


def meets(member: Member, targets: Values, without: str = "") -> bool:
    tests: dict[str, Any] = {
        "min_receptive_field": lambda wanted: member.field >= wanted,
        "max_params": lambda wanted: member.params <= wanted,
        "max_macs": lambda wanted: member.macs <= wanted,
        "must_use": lambda wanted: set(wanted) <= member.words,
        "must_not_use": lambda wanted: not set(wanted) & member.words,
    }
    return all(tests[key](wanted) for key, wanted in targets.items() if key != without)


def bound(found: list[Member], targets: Values, target: str) -> Any:
    """The best of one target's figure among the members that meet the others."""
    others = [m for m in found if meets(m, targets, target)]
    if not others:
        return None
    if target == "min_receptive_field":
        return max(m.field for m in others) or None
    if target in ("max_params", "max_macs"):
        return min(getattr(m, target.removeprefix("max_")) for m in others)
    words = targets[target]
    if target == "must_use":
        return max(len(set(words) & m.words) for m in others)
    return min(len(set(words) & m.words) for m in others)


FIGURES = {"params": "params", "macs": "macs", "receptive_field": "field"}
FRONT = [("minimize", "params"), ("minimize", "macs"), ("maximize", "receptive_field")]


def order(member: Member, objective: list[tuple[str, str]]) -> tuple[int, ...]:
    return tuple(
        -getattr(member, FIGURES[f]) if sense == "maximize" else getattr(member, FIGURES[f]) for sense, f in objective
    )


def ranked(found: list[Member], objective: list[tuple[str, str]]) -> list[Member]:
    return sorted((m for m in found if m.first), key=lambda m: (order(m, objective), m.params, m.macs, m.rank))


def front(found: list[Member], objective: list[tuple[str, str]]) -> list[Member]:
    """For each set of figures that none beats, the first member."""
    kept: list[Member] = []
    for member in ranked(found, objective):
        figures = order(member, objective)
        if not any(all(a <= b for a, b in zip(order(k, objective), figures, strict=True)) for k in kept):
            kept.append(member)
    return kept
