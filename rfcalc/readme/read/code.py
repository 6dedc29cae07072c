"""Networks out of code: a class, or a block of code without one, is a model.

Where its `forward` can be followed, the layers stand in the order in which it calls them. Classes and functions of the
document's own stand for the layers that they make.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, takewhile
from math import prod
from typing import Any

from ...engine.geometry import Axis, Field, Number, Strand, Window
from .constructed import all_drafts, facts_of_call, literal
from .draft import Draft
from .facts import KEEPING, LARGEST_SETTING, LayerFact, StatedModel, numbered
from .forward import Step, layers_of_steps
from .notes import NOTES, OUTS, SAID, Notes, channels_in, map_in, notes_in, settled_sizes, sizes_chained, sizes_only
from .text import Line


def code_models(lines: Sequence[Line]) -> list[StatedModel]:
    """The layers that code constructs, a model for each class, or for each block that has none; a class or function
    that others call is a part of theirs."""
    own = frozenset(draft.title for draft in all_drafts(lines, ()))
    found = all_drafts(lines, own)
    parts = {draft.title: draft for draft in found if draft.title}
    used = {fact.torch for draft in found for fact in draft.facts}
    alone = [only_uses(draft, parts) for draft in found]
    kept = [draft for draft, only in zip(found, alone, strict=True) if not only or draft.title in used]
    called = {fact.torch for draft in kept for fact in draft.facts} & parts.keys()
    image, silenced = image_given(lines), {match[1] for line in lines if (match := SILENCED.match(line.text))}
    whole = [draft for draft in kept if draft.title not in called]
    models = [with_image(drafted_model(draft, parts), image) for draft in whole]
    return [
        replace(model, params=None) if silenced & {*draft.owners} else model
        for model, draft in zip(models, whole, strict=True)
    ]


def image_given(lines: Sequence[Line]) -> tuple[int, int, int] | None:
    """Channels and size of the image that calls give a network, and the line, where all are alike."""
    found = {(int(m["channels"]), int(m["n"])): line.number for line in lines for m in GIVEN_IMAGE.finditer(line.text)}
    return next(((*shape, line) for shape, line in found.items()), None) if len(found) == 1 else None


def with_image(model: StatedModel, image: tuple[int, int, int] | None) -> StatedModel:
    """A model whose comments do not say what comes in, with the image that calls give it, where the first layer makes
    of it the size that is stated."""
    place = next((i for i, fact in enumerate(model.facts) if fact.kind != "pointwise"), None)
    if image is None or place is None or not model.ordered or len(model.axes) > 1:
        return model
    first, (channels, n, line) = model.facts[place], image
    sized = any("n_out" in fact.cells for fact in model.facts)
    passed = takewhile(lambda fact: fact.kind == "pointwise", model.facts[place + 1 :])
    made = next((fact.cells["n_out"] for fact in (first, *passed) if "n_out" in fact.cells), None)
    off = sized and (made is None or first.size_behind(n) != made)
    if "n_in" in first.cells or first.cells.get("ch_in", channels) != channels or off:
        return model
    facts = (*model.facts[:place], first.noting({"n_in": n}, line), *model.facts[place + 1 :])
    return replace(model, axes=(facts,))


def only_uses(draft: Draft, parts: Mapping[str, Draft]) -> bool:
    """Whether a draft makes nothing but whole networks that are defined elsewhere, each for itself: model = Net(), or
    a function that returns one of several."""
    made = [parts.get(fact.torch) for fact in draft.facts]
    loose = not draft.title or (draft.steps is None and not any(draft.owners))
    whole = loose and not draft.sequences and all(part and part.steps is not None for part in made)
    return whole or (len(made) == 1 and made[0] is not None)


# --- the order in which layers run -------------------------------------------------------------------------------


Rows = tuple[tuple[LayerFact, tuple[int, ...]], ...]
"""Layers in an order in which they can run, each with the places of those that it reads; 0 is the input, -1 the second
one of several."""
BARE_NUMBER = re.compile(r"#\s*(?:R\.?F\W{0,3})?(\d{1,4})\s*$", re.IGNORECASE)
GIVEN_IMAGE = re.compile(
    r"\b(?:summary|randn|rand|zeros|ones)\((?:[\w.() ]{1,60},\s*)?(?:(?:input_)?size\s*=\s*)?[(\[]?\s*"
    r"(?:\d{1,3}\s*,\s*)?(?P<channels>[13])\s*,\s*(?P<n>\d{2,4})\s*,\s*(?P=n)\s*[)\]]"
)
"""An image in the call of a summary, or of what makes one: summary(net, (3, 32, 32)), torch.randn(1, 3, 32, 32)."""
SILENCED = re.compile(r"\s*#\s*\w+\s*=\s*self\.(\w+)\(")
"""A call that is commented out: a summary does not count its layer."""
MAP_ALONE = re.compile(
    r"^\s*#\s*[(\[]?\s*(?:(?:[A-Za-z]\w{0,5}|-1)\s?[x×,*]\s?)?(?P<map>\d{1,5}(?:\s?[x×,*]\s?\d{1,5}){2})\s*[)\]]?\s*$"
)
"""A map on a line of its own: # N x 64 x 112 x 112."""
WHOLE = {"n_out", "r_out", "j_out"}
"""What goes out of a layer, but for its channels."""
SHOWN = 2
"""Figures that show what those behind them are."""
MOST_DEPTH = 6
"""Definitions inside each other."""


def drafted_model(draft: Draft, parts: Mapping[str, Draft]) -> StatedModel:
    """A draft as a model."""
    rows, problems = drafted_layers(draft, parts, {}, 0)
    places, followed = main_way(rows)
    main = numbered(as_they_stand([rows[place - 1][0] for place in places]))
    joined = any(fact.kind == "join" for fact, _ in rows)
    graph = zip(numbered(fact for fact, _ in rows), (reads for _, reads in rows), strict=True) if joined else ()
    first = min(fact.line for fact in draft.facts)
    if any(place < 0 for _, reads in rows for place in reads):
        problems = (*problems, "takes several maps")
    if draft.borrows:
        problems = (*problems, "runs layers of other attributes in a container")
    lines = frozenset({fact.line for fact in draft.facts} | draft.noted)
    return StatedModel(
        "code", first, (main,), lines=lines, title=draft.title, problems=problems, graph=tuple(graph),
        ordered=draft.ordered, followed=followed and not problems and calls_its_own(draft),
        params=params_of(constructed(draft, parts, {}, 0)),
    )  # fmt: skip


def drafted_layers(
    draft: Draft, parts: Mapping[str, Draft], known: Mapping[str, Any], depth: int
) -> tuple[Rows, tuple[str, ...]]:
    """The layers as `forward` calls them, as they stand where it does not say; and what it does beside that."""
    held: dict[str, list[Rows]] = {}
    plain: list[Rows] = []
    problems: list[str] = []
    for owner, fact, call in zip(draft.owners, draft.facts, draft.calls, strict=True):
        if fact.torch in parts and parts[fact.torch].chooses and parts[fact.torch].steps is None:
            made = chain([fact])  # which layers it makes is not known
        elif fact.torch in parts and depth < MOST_DEPTH:
            part = parts[fact.torch]
            inner, below = drafted_layers(part, parts, bound(part, call, known), depth + 1)
            problems += below
            made = with_notes(inner, fact)
        else:
            made = chain([fact] if not depth else facts_of_call(call, fact.name, fact.line, known))
        plain.append(made)
        held.setdefault(owner, []).append(made)
    graph = _Graph(held, draft.facts[0].line)
    if draft.steps is None or not draft.ordered or not calls_its_own(draft):
        graph.held[""] = plain
        graph.run([Step(layer="")], 0)
    else:
        graph.run(draft.steps, 0)
        graph.remark(draft.called)
        graph.bare_fields(draft.called)
    return tuple(graph.rows), (*problems, *graph.problems)


def as_they_stand(facts: Sequence[LayerFact]) -> list[LayerFact]:
    """The layers with those that change a map in the order of the text, where it makes the same network: which of
    several equal layers is called first is all one, and comments follow the text."""
    places = [place for place, fact in enumerate(facts) if fact.kind not in KEEPING]
    ordered = sorted((facts[place] for place in places), key=lambda fact: fact.line)
    same = all(
        (facts[p].torch, facts[p].settings) == (o.torch, o.settings) for p, o in zip(places, ordered, strict=True)
    )
    found = list(facts)
    for place, fact in zip(places, ordered, strict=True) if same else ():
        found[place] = fact
    return found


def chain(facts: Iterable[LayerFact]) -> Rows:
    return tuple((fact, (place,)) for place, fact in enumerate(facts))


class _Graph:
    """The layers that steps call, each placed once for what it reads; `held` are the layers behind an attribute."""

    def __init__(self, held: dict[str, list[Rows]], line: int) -> None:
        self.held, self.line = held, line
        self.rows: list[tuple[LayerFact, tuple[int, ...]]] = []
        self.problems: list[str] = []
        self.placed: dict[tuple[int, Step], int] = {}
        self.used: set[str] = set()
        self.lines: dict[int, list[int]] = {}
        """The places of the layers that each line calls."""

    def remark(self, called: Sequence[Line]) -> None:
        """Adds what comments beside the calls state of the layers that their own comments do not: the map behind the
        last layer of the line, or a chain of sizes through all of them. Where one states the channels that come into
        its layer, they may all speak of what comes in."""
        between = maps_between(called, self.lines)
        comments = {
            line: called[line - 1].text.partition("#")[2].strip() or between.get(line, "") for line in self.lines
        }
        alone = [(line, self.rows[places[0]][0].cells) for line, places in self.lines.items() if len(places) == 1]
        if any(
            channels_in(comments[line]) == cells.get("ch_in", 0) != cells.get("ch_out")
            and "n_in" not in notes_in(comments[line])
            for line, cells in alone
        ):
            return
        again: dict[int, tuple[int, Notes]] = {}  # what is stated twice, and otherwise
        for line, places in self.lines.items():
            comment = comments[line]
            windowed = [place for place in places if self.rows[place][0].kind in ("conv", "pool", "resample")]
            if not windowed:
                continue
            spoken_of = any(self.rows[place][0].cells.keys() & NOTES.keys() for place in windowed)
            sizes, said = sizes_chained(comment), notes_in(comment)
            if len(sizes) == len(windowed) + 1:
                pairs = zip(windowed, pairwise(sizes), strict=True)
                notes = [(place, {"n_in": given, "n_out": made}) for place, (given, made) in pairs]
            else:  # what comes in comes into the first, what goes out leaves the last
                ins, outs = ({key: n for key, n in said.items() if (key in OUTS) == out} for out in (False, True))
                drawn = {} if ins else map_in(comment, self.rows[windowed[-1]][0])
                made = {**drawn, **outs}
                if self.rows[places[-1]][0].kind == "join":  # the channels are those of the maps together
                    made = {key: n for key, n in made.items() if key not in SAID}
                notes = [(windowed[0], ins), (windowed[-1], made)]
            for place, stated in notes:
                fact, reads = self.rows[place]
                if own := sizes_only(stated, fact.cells):
                    number = called[line - 1].number
                    other = {key: n for key, n in own.items() if key in WHOLE and fact.cells.get(key, n) != n}
                    again |= {place: (number, other)} if other else {}
                    fact = fact.noting(own, number if spoken_of else fact.line)
                    self.rows[place] = (fact if spoken_of else replace(fact, line=number)), reads
        cells = settled_sizes([fact.cells for fact, _ in self.rows])
        self.rows = [(replace(fact, cells=own), reads) for (fact, reads), own in zip(self.rows, cells, strict=True)]
        self.insert(again)

    def bare_fields(self, called: Sequence[Line]) -> None:
        """Adds the fields that stand alone behind the calls, `x = self.conv(x)  # 5`, as rows behind the layers that
        each line calls; none where the first are not those of the layers up to there."""
        said = {line: BARE_NUMBER.search(called[line - 1].text) for line in self.lines}
        ends = {places[-1]: (line, int(m[1])) for line, places in self.lines.items() if (m := said[line])}
        for place in sorted(ends)[:SHOWN]:
            layers = [fact for fact, _ in self.rows[: place + 1]]
            known = all("kernel_size" in fact.cells for fact in settled_windows(layers))
            if not known or field_of(layers) != ends[place][1] or len(ends) <= SHOWN:
                return
        self.insert({place: (called[line - 1].number, {"r_out": field}) for place, (line, field) in ends.items()})

    def insert(self, said: Mapping[int, tuple[int, Notes]]) -> None:
        """Adds rows that change nothing behind the layers at some places, with a line and what it states."""
        moved, rows = [0], self.rows
        self.rows = []
        for place, (fact, reads) in enumerate(rows):
            at = self.place(fact, tuple(moved[read] if read > 0 else read for read in reads))
            if place in said:
                line, notes = said[place]
                at = self.place(LayerFact(0, line, fact.name, "pointwise", notes, torch="Identity"), (at,))
            moved.append(at)
        self.lines = {line: [moved[place + 1] - 1 for place in places] for line, places in self.lines.items()}

    def run(self, steps: Sequence[Step], at: int) -> int:
        """The place of what comes out of steps that read the row at a place."""
        for step in steps:
            if (at, step) not in self.placed:
                self.placed[at, step] = self.after(step, at)
            at = self.placed[at, step]
        return at

    def after(self, step: Step, at: int) -> int:
        ends = tuple(self.run(way, at) for way in step.branches) or (at,)
        if step.problem:
            self.problems.append(step.problem)
        elif step.given:
            return -step.given
        elif step.join:
            return self.place(LayerFact(0, self.line, step.join, "join", {}), ends)
        elif step.call:
            for fact in facts_of_call(step.call, f"F.{step.name}", self.line):
                self.lines.setdefault(step.line, []).append(len(self.rows))
                at = self.place(fact, (at,))
        else:
            unknown = chain([LayerFact(0, self.line, step.layer, "other", {})])
            again = step.layer in self.used
            self.used.add(step.layer)
            for part in self.held.get(step.layer, [unknown]):
                base, at = len(self.rows), ends[0]
                for fact, reads in part:
                    seen = replace(fact, again=True) if again else fact
                    self.lines.setdefault(step.line, []).append(len(self.rows))
                    at = self.place(seen, tuple(base + i if i > 0 else ends[min(-i, len(ends) - 1)] for i in reads))
                ends = (at, *ends[1:])
            at = ends[0]
        return at

    def place(self, fact: LayerFact, reads: tuple[int, ...]) -> int:
        self.rows.append((fact, reads))
        return len(self.rows)


def maps_between(called: Sequence[Line], lines: Container[int]) -> dict[int, str]:
    """The maps that stand alone on lines between the calls, behind the call above them: # N x 64 x 112 x 112."""
    found: dict[int, str] = {}
    above = 0
    for number, line in enumerate(called, 1):
        if number in lines:
            above = number
        elif above and (match := MAP_ALONE.match(line.text)):
            found.setdefault(above, match["map"])
    return found


def main_way(rows: Rows) -> tuple[list[int], bool]:
    """The places along the way with the most windows, without joins, and whether all others only match it at each
    join: the longest way to it sees the most then."""
    back = [0]
    followed = True

    def way(place: int) -> list[int]:
        found = []
        while place > 0:
            found.append(place)
            place = back[place]
        return found[::-1]

    for fact, reads in rows:
        back.append(reads[0])
        if fact.kind == "join":
            ways = [way(place) for place in reads]
            shared = sum(1 for _ in takewhile(lambda step: len(set(step)) == 1, zip(*ways, strict=False)))
            own = [[rows[place - 1][0] for place in one[shared:]] for one in ways]
            longest = max(range(len(own)), key=lambda i: len(settled_windows(own[i])))
            back[-1] = reads[longest]
            followed = followed and all(matches(side, own[longest]) for i, side in enumerate(own) if i != longest)
    return [place for place in way(len(rows)) if rows[place - 1][0].kind != "join"], followed


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
            found += facts_of_call(call, fact.name, fact.line, known)
    return found


def params_of(facts: Sequence[LayerFact | None]) -> int | None:
    """The parameters of torch's layers together; None where one does not show its own, or none has any."""
    counts = [fact and weights_of(fact) for fact in facts]
    total = sum(count or 0 for count in counts)
    return total if total and None not in counts else None


def weights_of(fact: LayerFact) -> int | None:
    given, family = dict(fact.settings), re.sub(r"[123]d$", "", fact.torch)
    made, taken, extra = given.get("ch_out"), given.get("ch_in"), bool(given.get("bias", True))
    if family == "Linear" or (family in ("Conv", "ConvTranspose") and family != fact.torch):
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


def calls_its_own(draft: Draft) -> bool:
    """Whether `forward`, where there is one, calls any of the layers itself; else other methods may, in any order."""
    return draft.steps is None or bool(set(draft.owners) & layers_of_steps(draft.steps))


def settled_windows(facts: Sequence[LayerFact]) -> list[LayerFact]:
    return [fact for fact in facts if fact.kind not in KEEPING]


def matches(side: Sequence[LayerFact], main: Sequence[LayerFact]) -> bool:
    """Whether a way round layers takes the same steps as they do and sees no more."""
    ways = [settled_windows(way) for way in (side, main)]
    known = all(fact.kind in ("conv", "pool") and "kernel_size" in fact.cells for way in ways for fact in way)
    if not known or strides(side) != strides(main):
        return False
    narrow, wide = field_of(side), field_of(main)
    return narrow is not None and wide is not None and narrow <= wide


def field_of(facts: Sequence[LayerFact]) -> int | None:
    """The field of layers one after the other, by the engine; None where a setting is none of a layer."""
    axis = Axis(1, (Strand(1, (Field(0, 0),)),))
    for cells in (fact.cells for fact in settled_windows(facts)):
        settings = (cells["kernel_size"], cells.get("stride", 1), cells.get("dilation", 1))
        if not all(isinstance(n, int) and 0 < n <= LARGEST_SETTING for n in settings):
            return None
        kernel, stride, dilation = map(int, settings)
        axis = axis.through(Window(kernel, stride, (0, 0), dilation).taps(), 1)
    return axis.receptive_field


def strides(facts: Sequence[LayerFact]) -> Number:
    return prod(fact.cells.get("stride", 1) for fact in settled_windows(facts))


def bound(part: Draft, call: ast.Call, known: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a definition's parameters at a call, as far as they are known."""
    if part.parameters is None:
        return {}
    names = [argument.arg for argument in part.parameters.args if argument.arg != "self"]
    defaults = part.parameters.defaults
    found = {name: literal(node) for name, node in zip(names[len(names) - len(defaults) :], defaults, strict=True)}
    found |= dict(zip(names, (literal(node, known) for node in call.args), strict=False))
    return found | {keyword.arg: literal(keyword.value, known) for keyword in call.keywords if keyword.arg}


def with_notes(rows: Rows, call: LayerFact) -> Rows:
    """The layers that a call makes, on its line, with what comments say of it: what comes in of the first along the
    main way, what comes out of the last."""
    found = [replace(fact, line=call.line) for fact, _ in rows]
    main = [place - 1 for place in main_way(rows)[0]]
    places = [place for place in main if found[place].kind not in KEEPING] or main
    for place, side in ((places[0], "_in"), (places[-1], "_out")) if places else ():
        notes = {key: value for key, value in call.cells.items() if key in NOTES and key.endswith(side)}
        found[place] = replace(found[place], cells={**found[place].cells, **notes}, places=call.places)
    return tuple((fact, reads) for fact, (_, reads) in zip(found, rows, strict=True)) or chain([call])
