"""`rfcalc repair`: the fewest edits after which a spec meets its targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from .. import zoo
from ..engine.arch import Arch
from ..errors import RfcalcError, SpecError, unknown_name
from ..report.cells import agreed, text
from ..report.claims import claims_of, targets_of
from ..spec.reader import loads
from .edits import EDIT_KINDS, TOLD_WORDS, Edit
from .hunt import Hunt, Solution, Targets
from .memo import UNCOUNTED
from .sites import Sites, read_sites
from .written import rewritten

if TYPE_CHECKING:
    from rich.console import RenderableType

SECONDS = 30.0
ALTERNATIVES = 5


# --- the report -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Repaired:
    """One way to repair a spec: its edits, the text with them, and what it no longer claims."""

    edits: tuple[Edit, ...]
    arch: Arch
    spec: str
    claims_dropped: tuple[str, ...]


@dataclass(frozen=True)
class Repair:
    """What `repair` found: the smallest repair, if any, and others as small."""

    arch: Arch
    missed: tuple[str, ...]
    ways: tuple[Repaired, ...]
    proved_smallest: bool
    spec: str
    only: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        return 0 if self.ways or not self.missed else 1

    def to_json(self) -> dict[str, Any]:
        unchanged = Repaired((), self.arch, self.spec, ())
        best = self.ways[0] if self.ways else unchanged
        return {
            "edits": [edit.to_json() for edit in best.edits],
            "count": len(best.edits),
            "proved_smallest": self.proved_smallest,
            "claims_dropped": list(best.claims_dropped),
            "spec": best.spec if self.ways or not self.missed else None,
        }

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal: what was missed, the edits with their effect, other ways, and what was allowed."""
        from rich.text import Text

        return Text("\n".join(self.lines()))

    def lines(self) -> Iterator[str]:
        name = self.arch.name
        if not self.missed:
            yield f"{name}: every target is met, nothing to repair"
            return
        yield f"{name} misses {'; '.join(self.missed)}"
        if not self.ways:
            yield "no repair was found" + (" in the time allowed" if not self.proved_smallest else "")
        for number, way in enumerate(self.ways):
            if number == 0:
                count = len(way.edits)
                proof = "proved the fewest" if self.proved_smallest else "not proved the fewest"
                yield f"\nrepaired by {count} edit{'s' * (count > 1)} ({proof}):"
            elif number == 1:
                yield "\nothers with as few edits:"
            yield from (f"  {line}" for line in repair_lines(self.arch, way))
        yield "\none edit is: " + "; ".join(EDIT_KINDS[kind] for kind in self.only or EDIT_KINDS)
        yield "padding follows where it keeps sizes, and channels where layers are added; neither is an edit"


def repair_lines(arch: Arch, way: Repaired) -> Iterator[str]:
    """A repair in words, with its effect."""
    before, after = arch, way.arch
    fields = [text(agreed(a.receptive_field.before_global_pool)) for a in (before, after)]
    figures = (
        ("field", *fields), ("params", f"{before.params:,}", f"{after.params:,}"),
        ("MACs", text(before.macs), text(after.macs)), ("output", str(before.out), str(after.out)),
    )  # fmt: skip
    effects = [f"{name} {old} -> {new}" if old != new else f"{name} {old} kept" for name, old, new in figures]
    yield f"{'; '.join(map(str, way.edits))}: {', '.join(effects)}"
    if way.claims_dropped:
        yield f"  no longer claimed: {', '.join(way.claims_dropped)}"


def repair(target: str, keep: Sequence[str] = (), only: Sequence[str] = (), seconds: float = SECONDS) -> Repair:
    """The smallest repair of a spec's file or name; raises RfcalcError for bad input, a spec with problems included."""
    path, source = zoo.spec_text(target)
    return repair_text(source, path, keep, only, seconds)


def repair_text(
    source: str, path: str, keep: Sequence[str] = (), only: Sequence[str] = (), seconds: float = SECONDS
) -> Repair:
    """The same of a spec's text; `path` is what it is called."""
    sites = read_sites(source, path)
    arch = sites.arch
    names = [name for built in sites.built for name in blocks_of_name(built.node.name)]
    for name in keep:
        if name not in names:
            raise RfcalcError(unknown_name(name, names, f"--keep: {arch.name} has no layer"))
    kinds = tuple(TOLD_WORDS.get(word, word) for word in only)
    for kind in kinds:
        if kind not in EDIT_KINDS:
            raise RfcalcError(unknown_name(kind, [*EDIT_KINDS], "--only: there is no kind of edit"))
    if arch.uncounted and "max_macs" in arch.targets:
        raise RfcalcError(f"{arch.name}: the MACs of {arch.uncounted[0]} are unknown, and with them max_macs")
    missed = tuple(f"{c.quantity} {text(c.stated)} ({text(c.computed)})" for c in targets_of(arch) if c.holds is False)
    if not missed:
        return Repair(arch, (), (), True, source, kinds)
    hunt = Hunt(sites, Targets.of(arch), keep, kinds, seconds)
    found, _ = hunt.run()
    found.sort(key=lambda s: (abs(s.outcome.params - hunt.params), s.layers_changed))
    ways = tuple(islice(distinct_repairs(sites, found), ALTERNATIVES))
    return Repair(arch, missed, ways, hunt.proved, source, kinds)


def blocks_of_name(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:i]) for i in range(1, len(parts) + 1))


def distinct_repairs(sites: Sites, found: Sequence[Solution]) -> Iterator[Repaired]:
    """The solutions as texts, the best for each set of layers and settings; what does not read back is left out."""
    seen = set()
    for solution in found:
        key = tuple(sorted((edit.layer, edit.setting, str(edit.place)) for edit in solution.edits))
        if key not in seen and (way := written_repair(sites, solution)):
            seen.add(key)
            yield way


def written_repair(sites: Sites, solution: Solution) -> Repaired | None:
    """A solution's text, walked by the engine again; None where the text does not come to the same figures."""
    plan = {change: value for edit in solution.edits for change, value in edit.changes.items()}
    places = {edit.place: edit for edit in solution.edits if edit.place}
    text_ = rewritten(sites, plan, places, [])
    try:
        arch = loads(text_, sites.arch.path)
    except SpecError:
        return None
    macs = None if solution.outcome.words & UNCOUNTED else solution.outcome.macs
    if (arch.params, arch.macs) != (solution.outcome.params, macs):
        return None
    if any(claim.holds is False for claim in targets_of(arch)):
        return None
    paths = [claim_path(c.layer, c.quantity) for c in claims_of(arch) if c.holds is False]
    text_ = rewritten(sites, plan, places, paths)
    return Repaired(solution.edits, replace(arch, claims={}), text_, tuple(".".join(path) for path in paths))


def claim_path(layer: str | None, quantity: str) -> tuple[str, ...]:
    """Where a claim stands in the section."""
    return ("layers", layer, quantity) if layer else tuple(quantity.split("."))
