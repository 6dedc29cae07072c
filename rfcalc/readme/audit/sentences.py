"""Sentences against facts. A figure is called wrong only where it can speak of nothing but the one network at hand, and
no reading of that network gives it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import chain
from math import inf

from ...engine.geometry import shape_text
from ..read.read import Document
from ..read.sentences import Statement
from .facts import Facts, KnownFigure
from .scope import ClaimScope
from .verdict import ABSENT, RUN, UNSHOWN, Verdict, VerdictKind

HELD_QUANTITIES = ("params", "macs", "receptive_field")
"""The figures that a network is held to."""
FEWEST_OPERATIONS = 0.9
"""No way of counting has fewer operations for each multiply-add; half as many is a factor 2 on the wrong side."""
FAR_OFF = 4
"""How many times a figure may differ from that of a network in another section and still be a slip."""
OF_A_PART = 500
"""How many times less than all parameters a part has."""
PLACES = {"first": 0, "second": 1, "third": 2, "last": -1}
MOST_FIGURES = 64
"""How many different figures of one kind are compared with each other."""


WORKED_OUT = re.compile(
    r"(?:\bR\.?F|receptive field)\b[^=]{0,20}=[^=]{0,120}[-+*][^=]{0,120}=(?:.{0,120}=)?\s*(\d{1,4})\W*$", re.IGNORECASE
)
"""A field with its arithmetic: RF = 5 + (3-1)*2 = 9."""


@dataclass(frozen=True)
class ClaimCase:
    """The statements of a section beside the networks that they may speak of, the `nearest` of them right above the
    one that is judged. `fitting` holds, for each quantity, the stated figures that stand for one of the networks;
    `accuracies` the plainly stated ones of each split, a statement for each figure; `runs` says that the section seems
    to speak of several runs, whose accuracies differ by right."""

    facts: Sequence[Facts]
    nearest: Facts | None
    fitting: Mapping[str, frozenset[float]]
    accuracies: Mapping[str, Sequence[Statement]]
    runs: bool = False
    stated_params: frozenset[int] = frozenset()
    macs: Mapping[int, Sequence[Statement]] = field(default_factory=dict)
    """The multiply-adds, or operations, that each line states."""
    apart: bool = False
    """Whether the networks stand in other sections than the statements."""
    worked: frozenset[int] = frozenset()
    """The fields that sentences of the section work out."""


def case_of(statements: Sequence[Statement], facts: Sequence[Facts]) -> ClaimCase:
    figures = {
        q: [f.value for fact in facts for f in fact.figures.get(q, ()) if not f.exactly] for q in HELD_QUANTITIES
    }
    fitting: dict[str, set[float]] = {quantity: set() for quantity in (*HELD_QUANTITIES, "flops")}
    accuracies: dict[str, dict[float, Statement]] = {}
    macs: dict[int, list[Statement]] = {}
    for s in statements:
        if s.quantity == "macs":
            macs.setdefault(s.line, []).append(s)
        if s.quantity in HELD_QUANTITIES and s.relation in "=~" and any(map(s.allows, figures[s.quantity])):
            fitting["flops" if s.operations else s.quantity].add(s.value)
        elif s.quantity == "accuracy" and s.relation == "=" and not s.elsewhere and not s.required:
            accuracies.setdefault(s.split, {}).setdefault(s.value, s)
    others = any(s.elsewhere and s.quantity == "accuracy" for s in statements)
    return ClaimCase(
        facts,
        None,
        {quantity: frozenset(values) for quantity, values in fitting.items()},
        {split: tuple(found.values())[:MOST_FIGURES] for split, found in accuracies.items()},
        others or sum(len(v) > 1 for v in accuracies.values()) > 1,
        frozenset(int(s.value) for s in statements if s.quantity == "params" and s.relation == "=" and s.step <= 1),
        macs,
    )


def judge(document: Document, facts: Sequence[Facts]) -> Iterator[Verdict]:
    """A verdict on each statement, in the order of the text, beside the models and the statements of its section."""
    cases: dict[int, ClaimCase] = {}
    scope = ClaimScope(document, facts)
    worked_out: dict[int, set[int]] = {}
    for line in document.prose:
        worked_out.setdefault(line.section, set()).update(int(found[1]) for found in WORKED_OUT.finditer(line.text))
    beside: dict[int, list[Statement]] = {}
    for statement in document.statements:
        beside.setdefault(statement.section, []).append(statement)
    for section, stated in beside.items():
        # a row of a table that compares models speaks of a section elsewhere, which may show no model
        statements = [s for s in stated if document.section(s.line) == section or section in scope.inside]
        others = about_others(document, statements, scope.of(section))
        beside[section] = [replace(s, elsewhere=s.elsewhere or s in others) for s in statements]
        case, steps = case_of(beside[section], scope.of(section)), frozenset(worked_out.get(section, ()))
        cases[section] = replace(case, apart=scope.apart(section), worked=steps)
    for statement in sorted(chain.from_iterable(beside.values()), key=lambda s: s.line):
        section = statement.section
        yield from judged(statement, replace(cases[section], nearest=scope.nearest(statement.line, section)))


def about_others(document: Document, statements: Sequence[Statement], facts: Sequence[Facts]) -> set[Statement]:
    """In a table that compares models, a row each with its own count: what stands in a row whose count is no network's
    here, and what fits another row's count, belongs to a model that is not shown."""
    stated = [s for s in statements if s.quantity == "params" and s.relation == "="]
    counts = {s.line: s for s in stated if document.text.lines[s.line - 1].text.lstrip().startswith("|")}
    if len({s.value for s in counts.values()}) < 2:
        return set()
    figures = [figure.value for fact in facts for figure in fact.figures.get("params", ())]
    known = {line for line, s in counts.items() if any(map(s.allows, figures))}
    rows = [s for s in statements if s.line in counts]
    return {
        s
        for s in rows
        if s.line not in known
        or (s.quantity == "params" and any(s.allows(int(row.value)) for row in counts.values() if row.line != s.line))
    }


def judged(statement: Statement, case: ClaimCase) -> Iterator[Verdict]:
    if statement.total and (case.nearest is None or case.nearest.form != "table"):
        return
    if statement.part and (counts := counts_of_part(statement.part, case.facts)):
        yield judge_part(statement, counts)
    elif statement.quantity in HELD_QUANTITIES:
        yield judge_figure(statement, case)
    elif statement.quantity == "size":
        yield judge_size(statement, case)
    elif statement.quantity == "fields":
        yield judge_growth(statement, case.facts)
    elif statement.quantity.startswith("uses_"):
        yield from judge_feature(statement, case)
    elif statement.quantity == "input" and statement.sizes:
        yield judge_input(statement, case.facts)
    elif statement.quantity == "accuracy":
        yield judge_accuracy(statement, case)


def verdict(statement: Statement, computed: object, kind: VerdictKind, why: str, quantity: str = "") -> Verdict:
    return Verdict(quantity or statement.quantity, statement.stated, computed, kind, statement.line, why)


# --- the count of one layer ---------------------------------------------------------------------------------------


def counts_of_part(part: tuple[str, str], facts: Sequence[Facts]) -> list[int]:
    """The counts of the layer that a sentence names, or calls the first or last of its kind, in each network near."""
    word, kind = part[0].lower(), "conv" if part[1].lower() == "conv" else "flat"
    found: list[int] = []
    for fact in facts:
        own = [count for name, _, count in fact.layers if name.lower() == word]
        if part[1]:
            alike = [count for _, sort, count in fact.layers if sort == kind]
            place = PLACES[word]
            own = alike[place : place + 1 or None] if len(alike) > max(place, 0) else []
        found += own if len(own) == 1 else []
    return found


def judge_part(statement: Statement, counts: Sequence[int]) -> Verdict:
    """The count of one layer against the networks near; wrong only where there is one, and the text states a fact."""
    name = " ".join(filter(None, statement.part or ()))
    for count in counts:
        if statement.allows(count):
            return verdict(statement, count, "right", f"{name}: {count:,}")
    sure = len(set(counts)) == 1 and statement.relation == "=" and not statement.required
    return verdict(statement, counts[0], "wrong" if sure else "undetermined", f"{name}: {counts[0]:,}")


# --- figures of a network: parameters, multiply-adds, receptive fields ---------------------------------------------


def judge_figure(statement: Statement, case: ClaimCase) -> Verdict:
    """A figure against each network that it may speak of: right, or a way of counting, where one has it; wrong where
    there is but one, and nothing speaks for another meaning."""
    quantity = statement.quantity
    known = [fact for fact in case.facts if fact.figures.get(quantity)]
    if quantity == "params":  # prints count what runs
        known = [fact for fact in known if fact.form != "code"] or known
    if found := judge_reach(statement, case):
        return found
    for fact in known:
        if found := fitting_verdict(statement, fact):
            return found
    if not known:
        return by_its_pair(statement, case) or verdict(statement, None, "undetermined", ABSENT)
    plain = [fact for fact in known if (first := fact.figures[quantity][0]).plain and not first.exactly]
    if quantity == "receptive_field":  # settings that are stated say more than those inferred
        plain = [fact for fact in known if fact.span is None] or plain
    chosen = [fact for fact in plain if fact is case.nearest] or plain
    fact = (chosen or known)[0]
    plainly, figure = in_words(fact, quantity), fact.figures[quantity][0].value
    if quantity == "params" and not (chosen and fact.whole):
        why = f"what is stated of the layers does not show all parameters; {plainly}"
        return verdict(statement, None, "undetermined", why)
    doubts = [*field_doubts(statement, fact, chosen), *doubts_of(statement, case, chosen)]
    if doubts:
        return verdict(statement, figure, "undetermined", f"{plainly}; {doubts[0]}")
    figure *= 1 + statement.operations
    return verdict(statement, figure, "wrong", plainly + fact.note * (quantity == "params"))


def judge_reach(statement: Statement, case: ClaimCase) -> Verdict | None:
    """A count against one network whose layers do not show all of theirs: wrong where they can have nothing like it,
    right where all that they can have is within a limit; None where that does not tell."""
    fact = case.facts[0] if len(case.facts) == 1 else None
    if statement.quantity != "params" or fact is None or fact.reach is None:
        return None
    (low, high), stated, step = fact.reach, statement.value, statement.step
    spans = {"<": (low > stated, high <= stated), ">": (high < stated, low >= stated)}
    amiss, met = spans.get(statement.relation, (stated + step <= low or stated - step >= high, False))
    if not met and (not amiss or statement.relation == "~" or any(doubts_of(statement, case, [fact]))):
        return None
    reach = f"from {low:,} to {high:,} with all biases and norms" if high < inf else f"at least {low:,}"
    return verdict(statement, low, "right" if met else "wrong", f"{fact.source}: its rows count {reach}")


def by_its_pair(statement: Statement, case: ClaimCase) -> Verdict | None:
    """The verdict on FLOPs beside the multiply-adds of the same line: they are as many, or two for each."""
    pair = case.macs.get(statement.line, ())
    if len(pair) != 2 or not statement.operations or any(s.operations == statement.operations for s in pair[:1]):
        return None
    macs, ratio = pair[0], statement.value / (pair[0].value or 1)
    slack = statement.step / statement.value + macs.step / (macs.value or 1)
    if any(abs(ratio - n) <= n * slack for n in (1, 2)):
        return verdict(
            statement, 2 * macs.figure.value, "right" if ratio > 1.5 else "convention", "two for each multiply-add"
        )
    if not 1 / 4 <= ratio <= 4 or statement.elsewhere or statement.relation != "=":
        return None
    return verdict(statement, 2 * macs.figure.value, "wrong", f"two for each of the {macs.stated} multiply-adds")


def fitting_verdict(statement: Statement, fact: Facts) -> Verdict | None:
    """The verdict where a network has the stated figure, in some way of counting it."""
    figures = fact.figures[statement.quantity]
    if statement.quantity == "receptive_field":
        return field_fits(statement, fact, *figures)
    for figure in figures:
        far = statement.value == figure.value or abs(figures[0].value - figure.value) > 2 * statement.step
        if not statement.allows(figure.value) or (figure.exactly and not (far and statement.relation == "=")):
            continue
        plain = figure.plain
        if statement.operations:  # of which a multiply-add is two
            plain = figure.value == 2 * figures[0].value
        exact = statement.relation != "=" or statement.value == figure.value
        why = f"{figure.what}: {figure.value:,}" + ("" if exact or not plain else ", which the text rounds")
        return verdict(statement, figure.value, "right" if plain else "convention", why)
    return None


def field_fits(statement: Statement, fact: Facts, before: KnownFigure, after: KnownFigure) -> Verdict | None:
    """The verdict where a statement holds for the field before or after global pooling."""
    holding = [figure for figure in (before, after) if statement.allows(figure.value)]
    if statement.relation == "=" and statement.value == fact.decided_by:
        figure = holding[0] if holding else after
        why = f"it is the field {figure.what} with settings that no shape shows, chosen to give this figure"
        return verdict(statement, figure.value, "undetermined", why)
    if not holding:
        return None
    figure = holding[0]
    told = len(holding) > 1 or figure.what.startswith(statement.side or "neither")
    return verdict(statement, figure.value, "right" if told else "convention", in_words(fact, statement.quantity))


def in_words(fact: Facts, quantity: str) -> str:
    """What a network comes to, with its other readings."""
    first, *rest = fact.figures[quantity]
    if quantity == "receptive_field":
        return f"{fact.source}: {first.value:,} {first.what}, {rest[0].value:,} after"
    if quantity == "macs":
        return f"{fact.source}: {first.value:,} multiply-adds, and no usual way of counting gives this"
    return f"{first.what}: {first.value:,}"


def doubts_of(statement: Statement, case: ClaimCase, networks: Sequence[Facts]) -> Iterator[str]:
    """Why a figure that does not fit may still be right."""
    quantity, fact = statement.quantity, networks[0]
    figure = fact.figures[quantity][0].value
    rivals = case.fitting["flops" if statement.operations else quantity]
    if statement.elsewhere:
        yield "the sentence may speak of a part, or of another network"
    if statement.required:
        yield "the sentence states a demand"
    if len({one.figures[quantity][0].value for one in networks}) > 1:
        yield "the document holds several networks"
    if statement.relation in "=~" and rivals - {statement.value}:
        yield "the document states several such figures, and this one may belong to something else"
    if case.apart and statement.relation in "=~" and not figure / FAR_OFF <= statement.value <= FAR_OFF * figure:
        yield "the network stands in another section, and may be another one"
    if quantity == "params" and statement.value * OF_A_PART < figure and not lost_zeros(statement.value, figure):
        yield "so small a count may be of a part"
    if statement.hardly(figure):
        yield "the text says about, and no more"
    if quantity == "receptive_field" and statement.value in case.worked:
        yield "the text works it out, from layers that are not there"
    if quantity == "receptive_field" and fact.doubt:
        yield fact.doubt
    halved = statement.operations and figure / 4 <= statement.value <= FEWEST_OPERATIONS * figure
    if quantity == "macs" and (statement.operations or fact.form == "table") and not halved:
        yield "they are counted in many ways"
    if fact.form == "code" and not halved and not figure / 2 < statement.value < 2 * figure:
        # code stands beside words about others more often than a print does: a figure far from its own is no slip
        yield "the text may speak of another network than this code"


def lost_zeros(stated: float, figure: float) -> bool:
    """Whether a figure is another but for its unit: 7.8 of 7,800."""
    return any(abs(stated * 10**n - figure) <= figure / 100 for n in range(1, 10))


def field_doubts(statement: Statement, fact: Facts, networks: Sequence[Facts]) -> Iterator[str]:
    """Why a field that does not fit may still be right."""
    if statement.quantity != "receptive_field" or statement.elsewhere:
        return
    if fact.span and open_for(statement, fact):
        low, high = fact.span
        yield f"settings that no shape shows allow {low:,} to {high:,}, and more if unusual"
    if statement.relation == "=" and any(statement.allows(inner) for one in networks for inner in one.inner):
        yield "it is the field of a layer inside"


def open_for(statement: Statement, fact: Facts) -> bool:
    """Whether open settings could make the statement hold. A dilation that no size shows may be as large as it likes,
    so that only a field which is too small can be excluded."""
    if fact.span is None or fact.least is None or fact.span[0] == fact.span[1]:
        return False
    return statement.relation == ">" or statement.value >= fact.least


def judge_size(statement: Statement, case: ClaimCase) -> Verdict:
    """The memory of weights: parameters times the bytes of one, in thousands or in 1,024s; wrong only where the text
    says how wide a weight is, and there is one network."""
    figures = [fact.figures["params"][0].value for fact in case.facts if fact.whole and fact.figures.get("params")]
    params = next(iter(figures or case.stated_params), None)
    if params is None or len({*figures} or {*case.stated_params}) > 1:
        return verdict(statement, None, "undetermined", ABSENT)
    unit, powers = (1000, 1) if "K" in statement.stated.upper() else (1000**2, 2)
    for width in statement.sizes or (4, 2, 1):
        size = params * width
        if any(statement.allows(Fraction(size * unit, base)) for base in (unit, 1024**powers)):
            kind: VerdictKind = "right" if width == 4 or statement.sizes else "convention"
            return verdict(statement, size, kind, f"{params:,} parameters of {width} bytes")
    size = params * (statement.sizes or (4,))[0]
    shown = f"{size / unit:.4g} ({size / 1024**powers:.4g} of 1,024s)"
    sure = len(statement.sizes) == 1 and not (statement.elsewhere or statement.required)
    kind = "wrong" if sure and statement.relation == "=" else "undetermined"
    return verdict(statement, shown, kind, f"{params:,} parameters of {size // params} bytes")


# --- words about layers, inputs, accuracies ------------------------------------------------------------------------


def judge_feature(statement: Statement, case: ClaimCase) -> Iterator[Verdict]:
    """Words about layers say nothing that could be checked where no network is near."""
    word, facts = statement.quantity.removeprefix("uses_").replace("strides", "strided"), case.facts
    known = [fact for fact in facts if fact.sure is not None]
    if any(word in (fact.sure or ()) for fact in known):
        yield verdict(statement, True, "right", "a layer can be nothing else")
        return
    if not known:
        return
    possible = any(word in (fact.possible or ()) for fact in known)
    if statement.titled:
        yield verdict(statement, None, "undetermined", "a heading may name another network")
    elif possible or word == "batch_norm" or len(facts) > 1:
        yield verdict(statement, None, "undetermined", UNSHOWN)
    else:
        yield verdict(statement, False, "wrong", f"{known[0].source}: no layer can be so")


def judge_growth(statement: Statement, facts: Sequence[Facts]) -> Verdict:
    """Fields that a sentence lists one after the other, against those after the layers of the one network whose
    settings are stated."""
    known = [fact for fact in facts if fact.inner and fact.span is None]
    if len(known) != 1 or len(facts) > 1 or statement.elsewhere or statement.required:
        return verdict(statement, None, "undetermined", ABSENT)
    fields = sorted(known[0].inner)
    shown = " to ".join(map(str, fields))
    inside = set(statement.sizes) <= {1, *fields}
    return verdict(statement, shown, "right" if inside else "wrong", f"{known[0].source}: {shown}")


def judge_input(statement: Statement, facts: Sequence[Facts]) -> Verdict:
    known = [fact.image for fact in facts if fact.image]
    shown = shape_text(statement.sizes)
    for image in known:
        if statement.sizes in (image, image[1:], (*image[1:], image[0]), image[1:3]):
            return Verdict("input", shown, shape_text(image), "right", statement.line, "as the table starts")
    why = "the tables start from another shape; images may be resized" if known else "no table states its input"
    return Verdict("input", shown, None, "undetermined", statement.line, why)


def judge_accuracy(statement: Statement, case: ClaimCase) -> Verdict:
    """Accuracies against each other: a threshold against stated figures, and two figures of one kind."""
    quantity = f"{statement.split or 'some'} accuracy".replace("some accuracy", "accuracy")
    splits = statement.split.split(" and ") if statement.split else []
    if statement.elsewhere or statement.required:
        return verdict(statement, None, "undetermined", RUN, quantity)
    if statement.relation in "<>" and splits:
        held_out = {"test": "validation", "validation": "test"}  # writers take one for the other in targets
        kinds = [case.accuracies.get(split) or case.accuracies.get(held_out.get(split, ""), ()) for split in splits]
        if all(kinds):
            low = min(s.figure.value for kind in kinds for s in kind)
            high = max(s.figure.value for kind in kinds for s in kind)
            met = statement.allows(low) and statement.allows(high)
            kind: VerdictKind = "right" if met else "undetermined" if any(len(k) > 1 for k in kinds) else "wrong"
            figure = float(low if statement.relation == ">" else high)
            return verdict(statement, figure, kind, f"the document states {kinds_in_words(kinds)}", quantity)
    clash = [s for s in case.accuracies.get(statement.split, ()) if statement.split and cannot_agree(s, statement)]
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
        kind: VerdictKind = "right"
        why = f"the {classes} class accuracies average {mean:g}, rounding apart"
    else:
        kind = "undetermined"
        why = f"the {classes} class accuracies average {mean:g}"
        cut_off = mean - stated.step < stated.value < mean + slack + stated.step / 2
        why += ", which fits only if their digits were cut off" if cut_off else "; they may be of another moment"
    yield verdict(stated, round(mean, 4), kind, why, "mean of the class accuracies")


def cannot_agree(one: Statement, other: Statement) -> bool:
    """Whether two figures cannot be roundings of each other."""
    return abs(one.value - other.value) >= max(one.step, other.step)


def kinds_in_words(kinds: Sequence[Sequence[Statement]]) -> str:
    return ", ".join(f"{s.value:g} ({s.split})" for kind in kinds for s in kind)
