"""`rfcalc guard`: what a change did to the networks of a git repository, held against their budgets.

Each spec as it is in the working tree stands beside the one of another commit. Nothing of either is run, and the
repository is only read.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .engine.arch import Arch
from .errors import RfcalcError, SpecError
from .report.cells import agreed, text
from .report.changes import Change, changes, grid, rows_of
from .report.claims import targets_of
from .report.grid import Column, Grid
from .spec.reader import loads
from .spec.yamlfile import SPEC_ENDINGS, read_text
from .zoo import reads_as_spec

if TYPE_CHECKING:
    from rich.console import RenderableType

GUARDED = {"params": "params", "macs": "MACs", "receptive_field": "receptive field"}
BUDGET_WORDS = {"max_params": "params", "max_macs": "macs", "min_receptive_field": "receptive_field"}


@dataclass(frozen=True, slots=True)
class Guarded:
    """One spec before and after the change: None where it is not there, or where it cannot be read (`problems`)."""

    path: str
    old: Arch | None
    new: Arch | None
    problems: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        if self.problems:
            return "broken"
        if self.old is None:
            return "new"
        if self.new is None:
            return "deleted"
        return "changed" if self.changes else "same"

    @property
    def changes(self) -> tuple[Change, ...]:
        """The layers that differ."""
        if self.old is None or self.new is None:
            return ()
        return changes(rows_of(self.old), rows_of(self.new))

    @property
    def ok(self) -> bool:
        return not self.problems and not self.missed

    def figures(self) -> dict[str, tuple[Any, Any]]:
        """Params, MACs and field, old and new; None where there are none."""
        old, new = (figures_of(arch) if arch else dict.fromkeys(GUARDED) for arch in (self.old, self.new))
        return {key: (old[key], new[key]) for key in GUARDED}

    @property
    def told(self) -> str:
        """The change of the figures in a line."""
        if self.status == "broken":
            return "cannot be read"
        pairs = self.figures().items()
        if self.old is None or self.new is None:
            side = 1 if self.old is None else 0
            return f"{self.status}: " + ", ".join(f"{GUARDED[key]} {text(pair[side])}" for key, pair in pairs)
        return ", ".join(f"{GUARDED[key]} {arrow(*pair)}" for key, pair in pairs)

    def to_json(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "status": self.status,
            "figures": {key: {"old": old, "new": new} for key, (old, new) in self.figures().items()},
            "layers": [
                {"layer": c.layer, "change": {k: list(pair) for k, pair in c.cells.items()}, "new": c.old is None,
                 "gone": c.new is None}
                for c in self.changes
            ],
            "missed": list(self.missed),
            "problems": list(self.problems),
        }  # fmt: skip


def figures_of(arch: Arch) -> dict[str, Any]:
    return {
        "params": arch.params,
        "macs": arch.macs,
        "receptive_field": agreed(arch.receptive_field.before_global_pool),
    }


def arrow(old: Any, new: Any) -> str:
    """`180,298 -> 170,000 (-5.7%)`; where nothing changed, the figure."""
    if old == new:
        return text(new)
    share = f" ({(new - old) / old:+.1%})" if isinstance(old, int) and isinstance(new, int) and old else ""
    return f"{text(old)} -> {text(new)}{share}"


@dataclass(frozen=True, slots=True)
class Guard:
    """All guarded specs, and the commit that they are held against."""

    against: str
    specs: tuple[Guarded, ...]

    @property
    def exit_code(self) -> int:
        return 0 if all(spec.ok for spec in self.specs) else 1

    @property
    def verdict(self) -> str:
        wrong = sum(not spec.ok for spec in self.specs)
        count = f"{len(self.specs)} spec{'s' * (len(self.specs) != 1)}"
        return f"{count} against {self.against}: " + (
            f"{wrong} over budget or broken" if wrong else "all within budget"
        )

    def to_json(self) -> dict[str, Any]:
        return {"against": self.against, "ok": not self.exit_code, "specs": [spec.to_json() for spec in self.specs]}

    def to_text(self) -> str:
        lines = []
        for spec in self.specs:
            lines.append(f"{spec.path}: {spec.told}")
            lines += [f"  {change}" for change in spec.changes]
            lines += [f"  {fact}" for fact in (*spec.missed, *spec.problems)]
        return "\n".join([*lines, self.verdict]) + "\n"

    def to_markdown(self) -> str:
        """For a comment on a pull request: a line for each spec, then the layers that differ."""
        columns = tuple(Column(name, left=True) for name in ("spec", "", "params", "MACs", "receptive field", "budget"))
        rows = tuple(markdown_row(spec) for spec in self.specs)
        parts = [f"### Networks against `{self.against}`\n\n{Grid(columns, rows).to_markdown()}"]
        for spec in self.specs:
            if spec.problems:
                parts.append("\n".join(f"- {problem}" for problem in spec.problems) + "\n")
            if spec.changes:
                count = f"{len(spec.changes)} layer{'s' * (len(spec.changes) > 1)} of {spec.path}"
                body = grid(spec.changes).to_markdown()
                parts.append(f"<details><summary>{count}</summary>\n\n{body}\n</details>\n")
        return "\n".join([*parts, self.verdict]) + "\n"

    def to_github(self) -> str:
        """Annotations: an error for each miss and problem, a notice for each change."""
        lines = []
        for spec in self.specs:
            lines += [annotation("error", spec.path, fact) for fact in (*spec.missed, *spec.problems)]
            if spec.status in ("new", "deleted", "changed"):
                lines.append(annotation("notice", spec.path, spec.told))
        return "".join(f"{line}\n" for line in lines)

    def render(self, width: int | None = None) -> RenderableType:
        from rich.text import Text

        return Text(self.to_text().rstrip("\n"))


def markdown_row(spec: Guarded) -> tuple[str, ...]:
    figures = [arrow(old, new).replace("->", "→") for old, new in spec.figures().values()]
    if spec.old is None or spec.new is None:
        figures = [text(new if spec.old is None else old) for old, new in spec.figures().values()]
    return (spec.path, spec.status, *figures, "; ".join(spec.missed) or ("broken" if spec.problems else "met"))


def annotation(level: str, path: str, message: str) -> str:
    """A workflow command of GitHub's runner, with what would end it escaped."""
    body = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    place = path.replace("%", "%25").replace(":", "%3A").replace(",", "%2C")
    return f"::{level} file={place},title=rfcalc guard::{body}"


# --- git -------------------------------------------------------------------------------------------------------------


def git(*arguments: str, folder: Path) -> str:
    """What git prints; raises RfcalcError with git's own words."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        raise RfcalcError("guard needs git, which is not installed") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise RfcalcError(f"git {arguments[0]}: {said[0] if said else 'failed'}")
    return done.stdout.decode(errors="replace")


def root_of(folder: Path) -> Path:
    """The top of the repository that a folder is in."""
    try:
        return Path(git("rev-parse", "--show-toplevel", folder=folder).strip())
    except RfcalcError as error:
        if "not a git repository" in str(error):
            raise RfcalcError(f"{folder.resolve()} is not in a git repository: guard compares with a commit") from None
        raise


def commit_of(ref: str, root: Path) -> str:
    """The commit that a name stands for; raises RfcalcError for none, and for what looks like an option."""
    try:
        return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", folder=root).strip()
    except RfcalcError:
        raise RfcalcError(f"--against {ref}: there is no such commit, branch or tag here") from None


def specs_of(target: str, root: Path, commit: str) -> Iterator[str]:
    """The paths from the root that a target stands for: a file, or all YAML files in a folder, now or then."""
    path = Path(target).resolve()
    if not path.is_relative_to(root.resolve()):
        raise RfcalcError(f"{target}: is not in the repository {root}")
    inside = path.relative_to(root.resolve()).as_posix()
    if path.suffix in SPEC_ENDINGS:
        yield inside
        return
    then = git("ls-tree", "-r", "--name-only", "-z", commit, "--", inside, folder=root).split("\0")
    now = git("ls-files", "-c", "-o", "--exclude-standard", "-z", "--", inside, folder=root).split("\0")
    found = {name for name in (*then, *now) if name.endswith(SPEC_ENDINGS)}
    if not found:
        raise RfcalcError(f"{target}: no YAML file is there, now or in {commit[:10]}")
    for name in sorted(found):
        texts = [old_text(name, root, commit), (root / name).read_text("utf-8") if (root / name).is_file() else None]
        if any(map(reads_as_spec, filter(None, texts))):
            yield name


def old_text(name: str, root: Path, commit: str) -> str | None:
    """A file as it was, or None where it was not there."""
    if not git("ls-tree", "--name-only", commit, "--", name, folder=root).strip():
        return None
    return git("show", f"{commit}:{name}", folder=root)


# --- the journey -----------------------------------------------------------------------------------------------------


def guard(targets: Sequence[str], against: str, budgets: dict[str, int] | None = None) -> Guard:
    """Each spec of the targets (files, or folders of them) now, beside the one of a commit. Its budget is what its
    `targets` demand and, for all alike, `budgets`: max_params, max_macs, min_receptive_field. Raises RfcalcError where
    there is no repository, no such commit, or no such file now or then."""
    root = root_of(Path.cwd())
    commit = commit_of(against, root)
    names = dict.fromkeys(name for target in targets for name in specs_of(target, root, commit))
    return Guard(against, tuple(guarded(name, root, commit, budgets or {}) for name in names))


def guarded(name: str, root: Path, commit: str, budgets: dict[str, int]) -> Guarded:
    then = old_text(name, root, commit)
    file = root / name
    if then is None and not file.is_file():
        raise RfcalcError(f"{name}: no such file, now or in {commit[:10]}")
    old, _ = read_spec(then, f"{name} (in {commit[:10]})") if then is not None else (None, ())
    new, problems = read_spec(read_text(str(file)), name) if file.is_file() else (None, ())
    return Guarded(name, old, new, problems, tuple(over(new, budgets)) if new else ())


def read_spec(text_: str, path: str) -> tuple[Arch | None, tuple[str, ...]]:
    try:
        arch = loads(text_, path)
        arch.rows  # noqa: B018 - raises where a layer cannot take its input
    except SpecError as error:
        return None, tuple(error.problems)
    return arch, ()


def over(arch: Arch, budgets: dict[str, int]) -> Iterator[str]:
    """Each target, and each budget, that is missed."""
    for claim in targets_of(arch):
        if claim.holds is False:
            yield f"misses {claim.quantity} {text(claim.stated)}: is {text(claim.computed)}"
    figures = figures_of(arch)
    for key, bound in budgets.items():
        value = figures[BUDGET_WORDS[key]]
        least = min(value) if isinstance(value, list) else value
        if least is None or (least < bound if key.startswith("min") else least > bound):
            yield f"misses --{key.replace('_', '-')} {bound:,}: is {text(value)}"
