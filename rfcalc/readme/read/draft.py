"""The layers of one class or block of code while they are found, and the comments that speak of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from .facts import LayerFact
from .forward import Path, Step, layers_of_steps
from .notes import NOTES, OUTS, SAID, Notes, sizes_only
from .text import Line

HALVED = 1.5
"""How many times smaller a map is behind a pool, at least."""
NEAR = 4
"""Lines between a layer and a comment that still speaks of it."""
IDENTITY = ast.Call(ast.Name("Identity"), [], [])


@dataclass
class Draft:
    """The layers of one class, or of one block of code, as they are found: each fact with the attribute that holds it.

    Comments on lines of their own stand after the layer that they speak of, or in front of it: as the first one of
    the block does."""

    title: str
    facts: list[LayerFact] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    calls: list[ast.Call] = field(default_factory=list)
    owner: str = ""
    renewed: bool = False
    """Whether the attribute is assigned anew, so that what it held before is gone."""
    branches: dict[str, int] = field(default_factory=dict)
    """How many layers stand in front of each `if`, by its indent."""
    chooses: bool = False
    """Whether a condition chooses between layers that change a map."""
    parameters: ast.arguments | None = None
    settled: bool = True
    """Whether no condition or loop says which layers are made, and no parameter stands alone."""
    steps: tuple[Step, ...] | None = None
    called: Sequence[Line] = ()
    """The lines of `forward`."""
    sequences: int = 0
    """How many containers that run their layers in turn begin in it."""
    beside: bool = False
    """Whether layers stand beside a container."""
    borrows: bool = False
    """Whether a container is given layers that other attributes hold."""
    opened: dict[str, tuple[int, Notes]] = field(default_factory=dict)
    """What a comment says on the line where an attribute's container begins."""
    block: tuple[int, Notes, int] = (0, {}, 0)
    """How many layers stand in front of the block at hand, and what its heading says on which line."""
    leads: bool | None = None
    waiting: list[tuple[Notes, int]] = field(default_factory=list)
    waits_for: str = ""
    """The kind of layer that such a comment names."""
    led: int | None = None
    told: int = 0
    """The line of the last comment that was taken for a layer's."""
    bare: bool = True
    """Whether the last comment with figures stood on a line of its own."""
    burst: list[tuple[Notes, int]] = field(default_factory=list)
    """What comments on lines of their own say that stand below each other, each with its line."""
    unsaid: list[LayerFact] = field(default_factory=list)
    """The layers as they were in front of these."""
    behind: bool = False
    """Whether the first such field is that of the one layer above it, although that has a comment of its own."""
    remarked: set[int] = field(default_factory=set)
    """The lines of layers with a comment of their own, readable or not."""
    noted: set[int] = field(default_factory=set)
    remarks: list[LayerFact] = field(default_factory=list)
    """What comments say of layers, should no call stand beside them."""

    def begin(self, owner: str) -> None:
        """The next layers are kept by an attribute, or, in brackets, by a list."""
        self.owner, self.renewed = owner, owner in self.owners and not owner.startswith("[")

    def unpack(self, name: str) -> None:
        """The attribute at hand takes the layers that were kept in a list until now."""
        self.owners = [self.owner if owner == f"[{name}]" else owner for owner in self.owners]

    def open(self, line: int, notes: Notes) -> None:
        """A container begins, with what is said of it there, or on the line in front of it."""
        if len(self.waiting) == 1 and not notes:
            (notes, line), self.waiting = self.waiting[0], []
        self.opened[self.owner] = line, notes

    def add(self, fact: LayerFact, call: ast.Call) -> None:
        if self.renewed:
            self.forget(self.owner)
        window, last = fact.kind != "pointwise", len(self.facts) - 1
        if not window and self.windows_behind in ("global", "flat"):  # they are units
            fact = replace(fact, cells={key: n for key, n in fact.cells.items() if key not in ("n_in", "n_out")})
        if self.waiting and window:
            told = self.waiting if self.waits_for in ("", fact.kind) else []
            if fact.kind == "other":  # several layers: what comes in comes into the first, the rest leaves the last
                ins = [({key: n for key, n in notes.items() if key not in OUTS}, line) for notes, line in told]
                told = [*told, *ins[::-1]]
            for notes, line in told[::-1]:
                fact = fact.noting(sizes_only(notes, fact.cells), line)
            self.waiting, self.waits_for = [], ""
            self.led = last + 1
        elif window and self.led == last and fact.line == self.facts[last].line + 1 and not fact.cells.keys() & OUTS:
            above = self.facts[last]  # what comes out may come out of both
            alike = fact.kind == "conv" and fact.cells.get("kernel_size") == fact.cells.get("stride") == 1
            kept = OUTS - {*SAID} if alike and fact.cells.get("padding") == 0 else ()
            outs = {k: v for k, v in above.cells.items() if k not in OUTS or k in kept}
            self.facts[last] = replace(above, cells=outs)
        elif window and self.led is not None and fact.kind == "pool" and self.led_alone():
            led = self.facts[self.led]
            if led.cells.get("n_in", 0) >= HALVED * led.cells.get("n_out", inf):  # as only the pool makes it
                self.facts[self.led] = replace(led, cells={k: v for k, v in led.cells.items() if k not in OUTS})
        self.led = None if window and self.led != last + 1 else self.led
        self.facts.append(fact)
        self.owners.append(self.owner)
        self.calls.append(call)

    def follow(self, steps: Path | None, called: Sequence[Line], forward: bool) -> None:
        """The order in which a method runs the layers; an encoder's counts where `forward` calls none itself."""
        kept = {*self.owners} & layers_of_steps(self.steps or ())
        if {*self.owners} & layers_of_steps(steps or ()) or (forward and not kept):
            self.steps, self.called = steps, called

    @property
    def windows_behind(self) -> str:
        """The kind of the last layer that may change a map; empty for none."""
        return next((fact.kind for fact in self.facts[::-1] if fact.kind != "pointwise"), "")

    def led_alone(self) -> bool:
        """Whether nothing but layers without a window follows the one that a comment stands in front of."""
        assert self.led is not None
        led, *after = self.facts[self.led :]
        return led.cells.get("stride", 1) == 1 and all(fact.kind == "pointwise" for fact in after)

    def forget(self, owner: str) -> None:
        """Takes out what an attribute held until it is assigned anew."""
        kept = [place for place, name in enumerate(self.owners) if name != owner]
        self.facts, self.calls = [self.facts[place] for place in kept], [self.calls[place] for place in kept]
        self.owners, self.renewed = [self.owners[place] for place in kept], False

    def decided(self, match: re.Match[str]) -> bool:
        """Whether a branch in front of this one makes layers already: of several that exclude each other the first one
        counts."""
        if match["word"] == "if":
            self.branches[match["indent"]] = len(self.facts)
        return bool(self.windows_since(match["indent"]))

    @property
    def windows(self) -> list[tuple[str, tuple[tuple[str, Any], ...]]]:
        """Classes and arguments of the layers that may change a map."""
        return [(fact.torch, fact.settings) for fact in self.facts if fact.kind != "pointwise"]

    def windows_since(self, indent: str) -> list[tuple[str, tuple[tuple[str, Any], ...]]]:
        """Those of the branch at an indent."""
        return replace(self, facts=self.facts[self.branches.get(indent, len(self.facts)) :]).windows

    def note(self, notes: Notes, line: int, bare: bool, kind: str = "", above: bool = False) -> None:
        """Figures in a comment without a call: after the bracket that closes a layer, or on a line of their own, which
        may stand right `above` a layer."""
        if bare and not notes and self.waiting and line - 1 == self.told:
            self.told = line  # the lines above and below speak of one call
        if not notes or (bare and notes.get("r_out") == 1):
            return
        self.noted.add(line)
        self.block = (*self.block[:1], {} if bare else self.block[1], *self.block[2:])  # where it ends is not clear
        goes_on = bare and line - 1 == self.told  # the comment has several lines
        if bare and "r_out" in notes and len(notes) > 1:
            self.remarks.append(LayerFact(0, line, "", "other", notes))
        remarked = bool(self.facts) and self.facts[-1].line in self.remarked
        windows = [fact.cells.get("kernel_size") for fact in self.facts if fact.kind != "pointwise"]
        self.behind = self.behind or (remarked and windows == [notes.get("r_out")] and windows != [1])
        unlayered = all(fact.kind == "pointwise" for fact in self.facts)
        alone = not (goes_on and self.bare) and (above or unlayered)
        comes_in = alone and not notes.keys() & OUTS  # into the layer below
        self.bare = bare
        if bare and (self.leads or comes_in or (above and remarked and not self.behind)):
            self.waiting, self.waits_for = [*(self.waiting if goes_on else ()), (notes, line)], kind
            self.told = line
            return
        place = next((i for i in range(len(self.facts) - 1, -1, -1) if self.facts[i].kind != "pointwise"), None)
        if bare and place is not None and self.lists_layers(place, notes, line):
            return
        self.burst, self.unsaid = ([(notes, line)], list(self.facts)) if bare else ([], [])
        if kind and place is not None and self.facts[place].kind != kind:
            return
        near = place is not None and line - self.facts[-1].line <= NEAR
        if place is not None and near and not bare and self.spoken_of(place) and self.owner == self.owners[place] != "":
            made = {key: n for key, n in notes.items() if key in OUTS}  # of the container, beside its last layer's own
            self.add(LayerFact(0, line, self.owner, "pointwise", made, torch="Identity"), IDENTITY)
        elif place is not None and (goes_on or (near and not self.spoken_of(place, notes))):
            self.told = line
            first, owner = place, self.owners[place]
            while first and owner == self.owners[first - 1] != "" and not (goes_on or self.spoken_of(first - 1)):
                first -= 1
            # what comes in comes into the first of a container, what goes out leaves the last
            for at in {first, place}:
                own = {key: n for key, n in notes.items() if at == (place if key in OUTS else first)}
                own.pop("params", None)  # of all that the container holds
                self.facts[at] = self.facts[at].noting(own, line)

    def lists_layers(self, last: int, notes: Notes, line: int) -> bool:
        """Whether comments on lines of their own, one below the other, each speak of one layer of the container above
        them, for they state the same figures; then each layer has its own."""
        said = [*self.burst, (notes, line)]
        alike = line - 1 == said[-2:][0][1] and all(own.keys() & OUTS & notes.keys() - {SAID[1]} for own, _ in said)
        owned = [
            i for i, fact in enumerate(self.unsaid) if self.owners[i] == self.owners[last] and fact.kind != "pointwise"
        ]
        if not (alike and self.burst and len(self.unsaid) == len(self.facts) and len(owned) >= len(said)):
            return False
        self.facts, self.burst, self.told = list(self.unsaid), said, line
        for place, (own, at) in zip(owned[-len(said) :], said, strict=True):
            self.facts[place] = self.facts[place].noting(own, at)
        return True

    def begin_block(self, notes: Notes, line: int) -> None:
        """A heading says what a block of layers makes, those up to the next heading: its figures stand behind the last
        of them."""
        first, made, said_at = self.block
        last = max((i for i in range(first, len(self.facts)) if self.facts[i].kind != "pointwise"), default=None)
        if made and last is not None:
            self.noted.add(said_at)
            whole = LayerFact(0, said_at, self.owners[last], "pointwise", made, torch="Identity")
            self.facts.insert(last + 1, whole)
            self.owners.insert(last + 1, self.owners[last])
            self.calls.insert(last + 1, IDENTITY)
        self.block = len(self.facts), {key: n for key, n in notes.items() if key in OUTS and key != SAID[1]}, line

    def open_up(self) -> None:
        """Gives what was said where containers begin to their first window and to their last, as far as they have none
        of their own."""
        self.begin_block({}, 0)
        windows: dict[str, list[int]] = {}
        for place, owner in enumerate(self.owners) if self.opened else ():
            if self.facts[place].kind != "pointwise":
                windows.setdefault(owner, []).append(place)
        for owner, (line, notes) in self.opened.items():
            places = windows.get(owner, [])
            if places and notes and not any(map(self.spoken_of, places)):
                self.noted.add(line)
                for place in {places[0], places[-1]}:
                    own = {key: n for key, n in notes.items() if place == places[-1 if key in OUTS else 0]}
                    fact = self.facts[place]
                    self.facts[place] = fact.noting(sizes_only(own, fact.cells), line)

    def spoken_of(self, place: int, notes: Notes | None = None) -> bool:
        """Whether comments state figures of a layer already; where some are of what goes out, others of that."""
        said = self.facts[place].cells.keys() & NOTES.keys()
        return bool(said & OUTS if notes and notes.keys() & OUTS else said)

    @property
    def ordered(self) -> bool:
        """Whether it is known in which order the layers run."""
        alone = not self.title and self.sequences == 1 and not self.beside
        held = (
            owner[:1] not in ("", "[") or fact.kind == "pointwise"
            for owner, fact in zip(self.owners, self.facts, strict=True)
        )
        return alone if self.steps is None else all(held)
