"""Sentences against facts. A figure is called wrong only where it can speak of nothing but the one network at hand, and
no reading of that network gives it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ...engine.geometry import shape_text
from ..read.read import Document
from ..read.sentences import Statement
from .facts import Facts
from .scope import Scope
from .verdict import RUN, Kind, Verdict

FEATURES = {
    "uses_depthwise": "depthwise",
    "uses_dilation": "dilation",
    "uses_strides": "strided",
    "uses_batch_norm": "batch_norm",
}
MOST_FIGURES = 64
"""How many different figures of one kind are compared with each other."""


@dataclass(frozen=True)
class Case:
    """All statements beside all facts. `fitting` holds, for each quantity, the stated figures that stand for one of
    the facts; `accuracies` the plainly stated ones of each split, a statement for each figure."""

    facts: Sequence[Facts]
    nearest: Facts | None
    fitting: Mapping[str, frozenset[float]]
    accuracies: Mapping[str, Sequence[Statement]]
    runs: bool = False
    """Whether the section seems to speak of several runs, whose accuracies differ by right."""


def case_of(statements: Sequence[Statement], facts: Sequence[Facts]) -> Case:
    figures = {
        "params": [figure for fact in facts for figure, _ in fact.params],
        "receptive_field": [figure for fact in facts for figure in fact.fields or ()],
        "macs": [figure for fact in facts for figure, _ in fact.macs],
    }
    fitting: dict[str, set[float]] = {quantity: set() for quantity in figures}
    accuracies: dict[str, dict[float, Statement]] = {}
    for s in statements:
        if s.quantity in figures and s.relation in "=~" and any(s.allows(figure) for figure in figures[s.quantity]):
            fitting[s.quantity].add(s.value)
        elif s.quantity == "accuracy" and s.relation == "=" and not s.elsewhere and not s.required:
            accuracies.setdefault(s.split, {}).setdefault(s.value, s)
    return Case(
        facts,
        None,
        {quantity: frozenset(values) for quantity, values in fitting.items()},
        {split: tuple(found.values())[:MOST_FIGURES] for split, found in accuracies.items()},
        any(s.elsewhere and s.quantity == "accuracy" for s in statements)
        or sum(len(v) > 1 for v in accuracies.values()) > 1,
    )


def judge(document: Document, facts: Sequence[Facts]) -> Iterator[Verdict]:
    """A verdict on each statement, in the order of the text, beside the models and the statements of its section."""
    cases: dict[int, Case] = {}
    scope = Scope(document, facts)
    beside: dict[int, list[Statement]] = {}
    for statement in document.statements:
        beside.setdefault(statement.section, []).append(statement)
    for statement in document.statements:
        section = statement.section
        if section not in cases:
            cases[section] = case_of(beside[section], scope.of(section))
        yield from judged(statement, replace(cases[section], nearest=scope.nearest(statement.line, section)))


def judged(statement: Statement, case: Case) -> Iterator[Verdict]:
    if statement.total and (case.nearest is None or not case.nearest.source.startswith("the table")):
        return
    if statement.quantity == "params":
        yield judge_params(statement, case)
    elif statement.quantity == "macs":
        yield judge_macs(statement, case)
    elif statement.quantity == "receptive_field":
        yield judge_field(statement, case)
    elif statement.quantity in FEATURES:
        yield from judge_feature(statement, case)
    elif statement.quantity == "input" and statement.sizes:
        yield judge_input(statement, case.facts)
    elif statement.quantity == "accuracy":
        yield judge_accuracy(statement, case)


def verdict(statement: Statement, computed: object, kind: Kind, why: str, quantity: str = "") -> Verdict:
    return Verdict(quantity or statement.quantity, statement.stated, computed, kind, statement.line, why)


def unsure(statement: Statement, case: Case, alone: bool) -> str:
    """Why a figure that does not fit may still be right; empty where nothing speaks for it."""
    if statement.elsewhere:
        return "the sentence may speak of a part, or of another network"
    if statement.required:
        return "the sentence states a demand"
    if not alone:
        return "the document holds several networks"
    if statement.relation in "=~" and case.fitting[statement.quantity] - {statement.value}:
        return "the document states several such figures, and this one may belong to something else"
    return ""


def judge_params(statement: Statement, case: Case) -> Verdict:
    known = [fact for fact in case.facts if fact.params]
    known = [fact for fact in known if not fact.source.startswith("the code")] or known  # prints count what runs
    for fact in known:
        for place, (figure, what) in enumerate(fact.params):
            if statement.allows(figure):
                if place == 0 and "convolutions" not in what:
                    return verdict(statement, figure, "right", f"{what}: {figure:,}{rounding(statement, figure)}")
                return verdict(statement, figure, "convention", f"{figure:,}: {what}")
        other = next((pair for pair in fact.others if stands_for(statement, *pair, fact.params[0][0])), None)
        if other:
            return verdict(statement, other[0], "convention", f"{other[0]:,}: {other[1]}; in all {fact.params[0][0]:,}")
    if not known:
        return verdict(statement, None, "undetermined", "nothing in its section gives a count")
    counted = [fact for fact in known if "convolutions" not in fact.params[0][1]]
    counted = [fact for fact in counted if fact is case.nearest] or counted
    figure, what = (counted or known)[0].params[0]
    if not counted or not counted[0].whole:
        why = f"what is stated of the layers does not show all parameters; {what}: {figure:,}"
        return verdict(statement, None, "undetermined", why)
    doubt = unsure(statement, case, len(counted) == 1)
    if not doubt and statement.hardly(figure):
        doubt = "the text says about, and no more"
    doubt = doubt or far_from_code(statement, counted[0], figure)
    if doubt:
        return verdict(statement, figure, "undetermined", f"{what}: {figure:,}, but {doubt}")
    return verdict(statement, figure, "wrong", f"{what}: {figure:,}{counted[0].note}")


def far_from_code(statement: Statement, fact: Facts, figure: int) -> str:
    """Code stands beside words about others more often than a print does: a figure far from its own is no slip."""
    near = figure / 2 < statement.value < 2 * figure
    return "the text may speak of another network than this code" if fact.source.startswith("the code") > near else ""


def stands_for(statement: Statement, figure: int, _: str, total: int) -> bool:
    """Whether a figure is one of another way of counting; a rounded one only where that is far from the total."""
    far = statement.value == figure or abs(total - figure) > 2 * statement.step
    return statement.relation == "=" and far and statement.allows(figure)


def judge_macs(statement: Statement, case: Case) -> Verdict:
    """Multiply-adds, or operations, against the network's: which way of counting they follow."""
    known = [fact for fact in case.facts if fact.macs]
    for fact in known:
        for figure, how in fact.macs:
            if statement.allows(figure):
                ours = figure == fact.macs[0][0]
                plain = ours != statement.operations and (ours or figure == 2 * fact.macs[0][0])
                return verdict(
                    statement, figure, "right" if plain else "convention", f"{fact.source}: {figure:,}, {how}"
                )
    if not known:
        return verdict(statement, None, "undetermined", "nothing in its section gives a count")
    figure = known[0].macs[0][0]
    doubt = unsure(statement, case, len(known) == 1)
    if statement.operations or known[0].source.startswith("the table"):
        doubt = doubt or "they are counted in many ways"
    why = f"{known[0].source}: {figure:,} multiply-adds, and no usual way of counting gives this"
    return verdict(statement, figure, "undetermined" if doubt else "wrong", f"{why}; {doubt}" if doubt else why)


def rounding(statement: Statement, figure: float) -> str:
    exact = statement.relation != "=" or statement.value == figure
    return "" if exact else ", which the text rounds"


def judge_field(statement: Statement, case: Case) -> Verdict:
    known = [fact for fact in case.facts if fact.fields]
    for fact in known:
        assert fact.fields is not None
        if found := field_fits(statement, fact, *fact.fields):
            return found
    if not known:
        return verdict(statement, None, "undetermined", "nothing in its section gives its receptive field")
    explicit = [fact for fact in known if fact.span is None]
    known = [fact for fact in known if fact is case.nearest] or explicit or known
    fact = known[0]
    before, after = fact.fields or (0, 0)
    plainly = f"{fact.source}: {before} before global pooling, {after} after"
    if fact.span and not statement.elsewhere and open_for(statement, fact):
        why = f"{plainly}; settings that no shape shows allow {fact.span[0]:,} to {fact.span[1]:,}, and more if unusual"
        return verdict(statement, before, "undetermined", why)
    if (
        statement.relation == "="
        and not statement.elsewhere
        and any(statement.allows(inner) for one in known for inner in one.inner)
    ):
        return verdict(statement, before, "undetermined", f"{plainly}; it is the field of a layer inside")
    doubt = unsure(statement, case, len(known) == 1) or fact.doubt
    doubt = doubt or far_from_code(statement, fact, before)
    if doubt:
        return verdict(statement, before, "undetermined", f"{plainly}; {doubt}")
    return verdict(statement, before, "wrong", plainly)


def field_fits(statement: Statement, fact: Facts, before: int, after: int) -> Verdict | None:
    """The verdict where a statement holds for the field before or after global pooling."""
    holds_before, holds_after = statement.allows(before), statement.allows(after)
    if statement.relation == "=" and statement.value == fact.decided_by:
        figure = before if holds_before else after
        which = "before" if holds_before else "after"
        why = f"it is the field {which} global pooling with settings that no shape shows, chosen to give this figure"
        return verdict(statement, figure, "undetermined", why)
    if holds_before and holds_after:
        return verdict(statement, before, "right", f"{fact.source}: {before} before global pooling, {after} after")
    if holds_before or holds_after:
        which, other = ("before", "after") if holds_before else ("after", "before")
        if statement.side == which:
            return verdict(
                statement, before if holds_before else after, "right", f"{fact.source}, {which} global pooling"
            )
        figure, rest = (before, after) if holds_before else (after, before)
        why = f"{fact.source}: {figure} {which} global pooling, {rest} {other} it"
        return verdict(statement, figure, "convention", why)
    return None


def open_for(statement: Statement, fact: Facts) -> bool:
    """Whether open settings could make the statement hold. A dilation that no size shows may be as large as it likes,
    so that only a field which is too small can be excluded."""
    if fact.span is None or fact.least is None or fact.span[0] == fact.span[1]:
        return False
    return statement.relation == ">" or statement.value >= fact.least


def judge_feature(statement: Statement, case: Case) -> Iterator[Verdict]:
    """Words about layers say nothing that could be checked where no network is near."""
    word, facts = FEATURES[statement.quantity], case.facts
    known = [fact for fact in facts if fact.sure is not None]
    if any(word in (fact.sure or ()) for fact in known):
        yield verdict(statement, True, "right", "a layer can be nothing else")
        return
    if not known:
        return
    possible = any(word in (fact.possible or ()) for fact in known)
    if statement.titled:
        yield verdict(statement, None, "undetermined", "a heading may name another network")
    elif possible or word == "batch_norm" or len(known) > 1 or len(facts) > 1:
        yield verdict(statement, None, "undetermined", "the layers may be so, but no shape or count shows it")
    else:
        yield verdict(statement, False, "wrong", f"{known[0].source}: no layer can be so")


def judge_input(statement: Statement, facts: Sequence[Facts]) -> Verdict:
    known = [fact.image for fact in facts if fact.image]
    shown = shape_text(statement.sizes)
    for image in known:
        if statement.sizes in (image, image[1:], (*image[1:], image[0]), image[1:3]):
            return Verdict("input", shown, shape_text(image), "right", statement.line, "as the table starts")
    why = "the tables start from another shape; images may be resized" if known else "no table states its input"
    return Verdict("input", shown, None, "undetermined", statement.line, why)


def judge_accuracy(statement: Statement, case: Case) -> Verdict:
    """Accuracies against each other: a threshold against stated figures, and two figures of one kind."""
    quantity = f"{statement.split or 'some'} accuracy".replace("some accuracy", "accuracy")
    splits = statement.split.split(" and ") if statement.split else []
    if statement.elsewhere or statement.required:
        return verdict(statement, None, "undetermined", RUN, quantity)
    if statement.relation in "<>" and splits:
        kinds = [case.accuracies.get(split, ()) for split in splits]
        if all(kinds):
            low = min(s.figure.value for kind in kinds for s in kind)
            high = max(s.figure.value for kind in kinds for s in kind)
            met = statement.allows(low) and statement.allows(high)
            kind: Kind = "right" if met else "undetermined" if any(len(k) > 1 for k in kinds) else "wrong"
            figure = float(low if statement.relation == ">" else high)
            return verdict(statement, figure, kind, f"the document states {listed(kinds)}", quantity)
    clash = [s for s in case.accuracies.get(statement.split, ()) if statement.split and apart(s, statement)]
    if statement.relation == "=" and clash and not case.runs:
        other = clash[0]
        why = f"line {other.line} states {other.stated} for the same: at most one of the two is right"
        return verdict(statement, other.value, "wrong", why, quantity)
    return verdict(statement, None, "undetermined", RUN, quantity)


def class_mean(statements: Sequence[Statement], classes: int) -> Iterator[Verdict]:
    """The accuracies of all classes against the one stated in front of them: on a test set with as many images of
    each class, such as CIFAR's, their mean is the accuracy of the whole. Never wrong: they may be of another moment."""
    accuracies = [s for s in statements if s.quantity == "accuracy" and s.relation == "="]
    parts = [s for s in accuracies if s.of_class]
    whole = [s for s in accuracies if not s.of_class and "train" not in s.split and parts and s.line < parts[0].line]
    if len(parts) != classes or not whole:
        return
    stated, mean = whole[-1], sum(s.value for s in parts) / classes
    slack = sum(s.step for s in parts) / classes
    if abs(mean - stated.value) < (slack + stated.step) / 2:
        kind: Kind = "right"
        why = f"the {classes} class accuracies average {mean:g}, rounding apart"
    else:
        kind = "undetermined"
        why = f"the {classes} class accuracies average {mean:g}"
        cut_off = mean - stated.step < stated.value < mean + slack + stated.step / 2
        why += ", which fits only if their digits were cut off" if cut_off else "; they may be of another moment"
    yield verdict(stated, round(mean, 4), kind, why, "mean of the class accuracies")


def apart(one: Statement, other: Statement) -> bool:
    """Whether two figures cannot be roundings of each other."""
    return abs(one.value - other.value) >= max(one.step, other.step)


def listed(kinds: Sequence[Sequence[Statement]]) -> str:
    return ", ".join(f"{s.value:g} ({s.split})" for kind in kinds for s in kind)
