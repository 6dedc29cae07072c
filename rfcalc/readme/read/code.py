"""Networks out of code: a class, or a block of code without one, is a model.

Where its `forward` can be followed, the layers stand in the order in which it calls them. Classes and functions of the
document's own stand for the layers that they make.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from math import prod
from typing import Any

from ...engine.geometry import Number
from .constructed import NOTES, Draft, all_drafts, layers_of, literal
from .facts import LayerFact, StatedModel
from .forward import Step
from .text import Line


def code_models(lines: Sequence[Line]) -> list[StatedModel]:
    """The layers that code constructs, a model for each class, or for each block that has none; a class or function
    that others call is a part of theirs."""
    own = frozenset(draft.title for draft in all_drafts(lines, ()))
    found = all_drafts(lines, own)
    parts = {draft.title: draft for draft in found if draft.title}
    alone = [len(draft.facts) == 1 and draft.facts[0].torch in parts for draft in found]  # model = Net()
    kept = [draft for draft, only in zip(found, alone, strict=True) if not only]
    called = {fact.torch for draft in kept for fact in draft.facts} & parts.keys()
    return [model_of(draft, parts) for draft in kept if draft.title not in called]


# --- the order in which layers run -------------------------------------------------------------------------------


def model_of(draft: Draft, parts: Mapping[str, Draft]) -> StatedModel:
    """A draft as a model, each norm with the number of the layer above it."""
    facts, problems, followed = in_order(draft, parts, {}, 0)
    numbers = accumulate(int(fact.kind != "pointwise") for fact in facts)
    facts = tuple(replace(fact, number=number) for number, fact in zip(numbers, facts, strict=True))
    first = min(fact.line for fact in draft.facts)
    lines = frozenset({fact.line for fact in draft.facts} | draft.noted)
    return StatedModel(
        "code", first, (facts,), lines=lines, title=draft.title, joins=problems, ordered=draft.ordered,
        followed=followed, params=params_of(constructed(draft, parts, {}, 0)),
    )  # fmt: skip


Ordered = tuple[tuple[LayerFact, ...], tuple[str, ...], bool]
MOST_DEPTH = 6
"""Definitions inside each other."""


def in_order(draft: Draft, parts: Mapping[str, Draft], known: Mapping[str, Any], depth: int) -> Ordered:
    """The layers as `forward` calls them, as they stand where it does not say; what it does beside that; and whether
    each join can be left out, since the longest way to it sees the most."""
    held: dict[str, list[LayerFact]] = {}
    plain: list[LayerFact] = []
    problems: list[str] = []
    followed = True
    for owner, fact, call in zip(draft.owners, draft.facts, draft.calls, strict=True):
        if fact.torch in parts and depth < MOST_DEPTH:
            part = parts[fact.torch]
            inner, below, right = in_order(part, parts, bound(part, call, known), depth + 1)
            problems, followed = [*problems, *below], followed and right
            made = with_notes(inner, fact)
        else:
            made = [fact] if not depth else list(layers_of(call, fact.name, fact.line, {}, known))
        plain += made
        held.setdefault(owner, []).extend(made)
    if draft.steps is None or not draft.ordered or not set(draft.owners) & layers_in(draft.steps):
        return tuple(plain), tuple(problems), followed
    facts, own, right = along(draft.steps, held, draft.facts[0].line)
    return facts, (*problems, *own), followed and right


def constructed(
    draft: Draft, parts: Mapping[str, Draft], known: Mapping[str, Any], depth: int
) -> list[LayerFact | None]:
    """All layers that a definition makes, used or not; None for one that depends on what is not known."""
    found: list[LayerFact | None] = [] if draft.settled else [None]
    for fact, call in zip(draft.facts, draft.calls, strict=True):
        if fact.torch in parts and depth < MOST_DEPTH:
            part = parts[fact.torch]
            found += constructed(part, parts, bound(part, call, known), depth + 1)
        else:
            found += layers_of(call, fact.name, fact.line, {}, known)
    return found


def params_of(facts: Sequence[LayerFact | None]) -> int | None:
    """The parameters of torch's layers together; None where one does not show its own, or none has any."""
    counts = [fact and weights_of(fact) for fact in facts]
    total = sum(count or 0 for count in counts)
    return total if total and None not in counts else None


def weights_of(fact: LayerFact) -> int | None:
    given, family = dict(fact.settings), re.sub(r"[123]d$", "", fact.torch)
    made, taken, extra = given.get("ch_out"), given.get("ch_in"), bool(given.get("bias", True))
    if family in ("Conv", "ConvTranspose", "Linear"):
        axes = int(fact.torch[-2]) if family != "Linear" else 0
        kernel, groups = given.get("kernel_size", 1), given.get("groups", 1)
        sides = tuple(kernel) if isinstance(kernel, list | tuple) else (kernel,) * axes
        if not all(isinstance(n, int) and n > 0 for n in (made, taken, groups, *sides)) or len(sides) != axes:
            return None
        return int(prod(sides) * made * taken // groups + made * extra)  # type: ignore[operator]
    if family in ("BatchNorm", "GroupNorm"):
        channels = given.get("num_features" if family == "BatchNorm" else "num_channels")
        return (2 * channels if given.get("affine", True) else 0) if isinstance(channels, int) else None
    bare = fact.kind in ("pool", "global", "resample") or family == "Flatten"
    return 0 if bare or (fact.kind == "pointwise" and not re.search("Norm|PReLU", family)) else None


def layers_in(steps: Sequence[Step]) -> set[str]:
    return {step.layer for step in steps} | {name for step in steps for b in step.branches for name in layers_in(b)}


def along(steps: Sequence[Step], held: Mapping[str, Sequence[LayerFact]], line: int) -> Ordered:
    """The layers on a path; at a join those of the way with the most windows, where the others only match it."""
    found: list[LayerFact] = []
    problems: list[str] = []
    followed = True
    for step in steps:
        if step.layer:
            found += held.get(step.layer, [LayerFact(0, line, step.layer, "other", {})])
        elif step.call:
            found += layers_of(step.call, f"F.{step.name}", line, {})
        if step.problem:
            problems.append(step.problem)
            ways = [along(branch, held, line) for branch in step.branches]
            longest = max(ways, key=lambda way: len(windows(way[0])), default=((), (), False))
            found += longest[0]
            problems += [problem for way in ways for problem in way[1]]
            matched = all(matches(way[0], longest[0]) for way in ways if way is not longest)
            followed = followed and bool(ways) and matched and all(way[2] for way in ways)
    return tuple(found), tuple(problems), followed


def windows(facts: Sequence[LayerFact]) -> list[LayerFact]:
    return [fact for fact in facts if fact.kind != "pointwise"]


def matches(side: Sequence[LayerFact], main: Sequence[LayerFact]) -> bool:
    """Whether a way round layers sees one pixel only and takes the same steps as they do."""
    plain = all(fact.kind == "conv" and fact.cells.get("kernel_size") == 1 for fact in windows(side))
    whole = all(fact.kind in ("conv", "pool") and "kernel_size" in fact.cells for fact in windows(main))
    return plain and whole and strides(side) == strides(main)


def strides(facts: Sequence[LayerFact]) -> Number:
    return prod(fact.cells.get("stride", 1) for fact in windows(facts))


def bound(part: Draft, call: ast.Call, known: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a definition's parameters at a call, as far as they are known."""
    if part.parameters is None:
        return {}
    names = [argument.arg for argument in part.parameters.args if argument.arg != "self"]
    defaults = part.parameters.defaults
    found = {name: literal(node) for name, node in zip(names[len(names) - len(defaults) :], defaults, strict=True)}
    found |= dict(zip(names, (literal(node, known) for node in call.args), strict=False))
    return found | {keyword.arg: literal(keyword.value, known) for keyword in call.keywords if keyword.arg}


def with_notes(facts: Sequence[LayerFact], call: LayerFact) -> list[LayerFact]:
    """The layers that a call makes, on its line, with what comments say of it: what comes in of the first, what comes
    out of the last."""
    found = [replace(fact, line=call.line) for fact in facts]
    places = [place for place, fact in enumerate(found) if fact.kind != "pointwise"] or ([0] if found else [])
    for place, side in ((places[0], "_in"), (places[-1], "_out")) if places else ():
        notes = {key: value for key, value in call.cells.items() if key in NOTES and key.endswith(side)}
        found[place] = replace(found[place], cells={**found[place].cells, **notes})
    return found or [call]
