"""Which call of a program makes which row of its table: remembered while the module is traced.

A program that runs again calls the same torch functions in the same order. So a row is found by the number of the call
that made it, and its values by how the dimensions of that call's tensor hold the map (`tracing.dims`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from torch import Tensor, nn

from ..engine.arch import Arch
from ..tracing.dims import CHANNEL, Dims
from ..tracing.dispatch import Tracer
from ..tracing.graph import LayerDraft, Map
from ..tracing.inputs import Inputs, inputs_of
from ..tracing.outputs import tensors_of
from ..tracing.rules.kinds import ABOUT_TENSORS
from ..tracing.shapes import tensors_in
from ..tracing.spellings import is_in_place, name_of
from ..tracing.trace import SEEDS, check_traceable, traced, traced_arch, unwrapped
from .held import NORM_CALLS, norm_call_of


class Sight(NamedTuple):
    """A tensor of one call that holds a map: its place among the call's tensors (those given, or those it returns),
    the map's node, and its dimensions."""

    given: bool
    place: int
    node: int
    dims: Dims


@dataclass(frozen=True, slots=True)
class CallSeen:
    """One call: the function's name, and which of the tensors that it is given hold something of the image."""

    name: str
    images: tuple[int, ...]
    holds: bool = False
    """Whether it is a norm that takes its statistics over places or images."""


@dataclass(frozen=True)
class Recorded:
    """A traced module: its table, the calls of its program, and where each row can be seen."""

    arch: Arch
    inputs: Inputs
    batch: int
    calls: tuple[CallSeen, ...]
    sights: dict[int, tuple[Sight, ...]]
    """By call; those of the tensors that the module returns stand at the number of calls."""

    @cached_property
    def observed(self) -> dict[int, int]:
        """The rows that can be seen, and the call in which."""
        return {sight.node: call for call, sights in self.sights.items() for sight in sights}


@dataclass(slots=True)
class Note:
    """What one call showed, with the layers as they were then: some are taken back later."""

    call: CallSeen
    found: list[tuple[bool, int, Map, LayerDraft]] = field(default_factory=list)


SCRIPT = "the scripted "
"""How a call of scripted code is named: what happens inside it cannot be seen when it runs on values."""


class Recorder(Tracer):
    """A tracer that remembers what each call was given and what it returned."""

    def __init__(self, module: nn.Module, inputs: Inputs, batch: int, strict: bool = True) -> None:
        self.notes: list[Note] = []
        self.inside = 0
        super().__init__(module, inputs, batch, strict)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in ABOUT_TENSORS or self.inside:
            return super().__torch_function__(func, types, args, kwargs)
        given = list(tensors_in(args, kwargs or {}))
        before = [self.known.held(tensor) for tensor in given]
        self.inside += 1  # what the tracer itself runs to find out what a call means is no call of the program
        try:
            result = super().__torch_function__(func, types, args, kwargs)
        finally:
            self.inside -= 1
        changed = is_in_place(name_of(func)) or any(result is tensor for tensor in given)
        maps = before if changed else [self.known.held(tensor) for tensor in given]
        images = tuple(i for i, m in enumerate(maps) if m)
        holds = func in NORM_CALLS and bool(images) and call_over_places(func, args, kwargs or {}, maps[0])
        self.note(CallSeen(name_of(func), images, holds), maps, results_of(args, result))
        return result

    def follow(self, script: Any, args: tuple[Any, ...], kwargs: dict[str, Any], call: Callable[..., Any]) -> Any:
        given = list(tensors_in(args, kwargs))
        self.inside += 1
        try:
            result = super().follow(script, args, kwargs, call)
        finally:
            self.inside -= 1
        if not self.inside:
            maps = [self.known.held(tensor) for tensor in given]
            self.note(CallSeen(f"{SCRIPT}{script.name}", ()), maps, list(tensors_in(result)))
        return result

    def note(self, call: CallSeen, maps: Sequence[Map | None], results: Sequence[Tensor]) -> None:
        """Remembers one call."""
        note = Note(call)
        for i, m in enumerate(maps):
            self.saw(note, True, i, m)
        for i, tensor in enumerate(results):
            self.saw(note, False, i, self.known.held(tensor))
        self.notes.append(note)

    def saw(self, note: Note, given: bool, index: int, m: Map | None) -> None:
        """Notes a tensor's map, and what it was read as: settled, or given axes."""
        for form in dict.fromkeys((m, self.graph.settled.get(m), self.graph.shaped.get(m)) if m else ()):
            if form is not None and form.node:
                note.found.append((given, index, form, self.graph.drafts[form.node - 1]))


def call_over_places(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], m: Map | None) -> bool:
    """Whether a norm's statistics mix places, or images, of the map that it is given."""
    norm = norm_call_of(func, args, kwargs) if m else None
    if norm is None or m is None:
        return False
    last = len(norm.dims) if norm.shape == tuple(norm.x.shape) and 0 not in norm.dims else len(m.dims) - 2
    return any(atom.axis != CHANNEL for run in m.dims[len(m.dims) - last :] for atom in run)


def results_of(args: tuple[Any, ...], result: Any) -> list[Tensor]:
    """The tensors that a call returns or, where it only writes, the one that it writes to."""
    if result is None and args and isinstance(args[0], Tensor):
        return [args[0]]
    return list(tensors_in(result))


def record(module: nn.Module, input: Any, name: str = "", source: str = "") -> Recorded:
    """Traces a module as `trace` does, for the same inputs, and remembers where its rows can be seen. Raises
    RfcalcError."""
    module = unwrapped(module)
    check_traceable(module)
    inputs = inputs_of(module, input)
    ran = traced(module, inputs, SEEDS[0], Recorder)
    recorder = ran.tracer
    arch = traced_arch(ran, name or type(module).__name__, source, recorder.charges.constant_macs)
    at_end = Note(CallSeen("output", ()))
    for i, tensor in enumerate(tensors_of(ran.output)):
        recorder.saw(at_end, False, i, recorder.known.held(tensor))
    notes = [*recorder.notes, at_end]
    calls = tuple(note.call for note in recorder.notes)
    return Recorded(arch, inputs, recorder.graph.batch, calls, first_sights(recorder, notes, arch))


def first_sights(recorder: Recorder, notes: list[Note], arch: Arch) -> dict[int, tuple[Sight, ...]]:
    """For every row the first place where it can be seen; a layer that only repeats another is seen where that is."""
    drafts, done = recorder.graph.drafts, set[int]()
    found: dict[int, list[Sight]] = {}
    for call, given, index, m in still_there(notes, drafts):
        if m.node not in done and recorder.graph.holds(m):
            done.add(m.node)
            found.setdefault(call, []).append(Sight(given, index, m.node, m.dims))
    by_node = {sight.node: (call, sight) for call, sights in found.items() for sight in sights}
    for row in arch.rows:
        if row.index not in done and row.layer.op == "identity" and row.node.inputs[0] in by_node:
            call, sight = by_node[row.node.inputs[0]]
            by_node[row.index] = call, sight._replace(node=row.index)
            found[call].append(by_node[row.index][1])
    return {call: tuple(sights) for call, sights in found.items()}


def still_there(notes: list[Note], drafts: list[LayerDraft]) -> Iterator[tuple[int, bool, int, Map]]:
    for call, note in enumerate(notes):
        for given, index, m, draft in note.found:
            if m.node <= len(drafts) and drafts[m.node - 1] is draft:
                yield call, given, index, m
