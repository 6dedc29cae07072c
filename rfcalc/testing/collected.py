"""Specs as tests: each file becomes a test of its table, its claims, its targets, and its proof."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from ..engine.arch import Arch
from ..errors import RfcalcError, install_command
from ..report.cells import text
from ..report.changes import changes, from_csv, lines, rows_of, to_csv
from ..report.claims import Claim, claims_of, missed, targets_of
from ..spec.reader import load
from ..spec.yamlfile import SPEC_ENDINGS
from ..zoo import reads_as_spec

KEPT = "__tables__"
"""The folder, beside the specs, of the tables that they are held against."""


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Files that are named on the command line, and in folders those that read as one network."""
    if file_path.suffix not in SPEC_ENDINGS:
        return None
    if parent.session.isinitpath(file_path) or is_spec(file_path):
        return SpecFile.from_parent(parent, path=file_path)
    return None


def is_spec(path: Path) -> bool:
    """Whether a file can be read, and reads as a spec."""
    try:
        return reads_as_spec(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


class SpecFile(pytest.File):
    """One spec."""

    def collect(self) -> Iterator[pytest.Item]:
        try:
            arch = load(str(self.path))
            arch.rows  # noqa: B018 - raises where a layer cannot take its input
        except RfcalcError as error:
            yield self.test("spec", partial(refuse_spec, error))
            return
        yield self.test("table", partial(table_is_kept, arch, self))
        if any(claim.holds is not None for claim in claims_of(arch)):
            yield self.test("claims", lambda: all_hold(arch, "states", claims_of(arch), ()))
        if arch.targets:
            yield self.test("targets", lambda: all_hold(arch, "demands", targets_of(arch), missed(arch)))
        yield self.test("proof", partial(torch_agrees, arch))

    def test(self, name: str, ask: Callable[[], None]) -> pytest.Item:
        found: pytest.Item = SpecTest.from_parent(self, name=name, ask=ask)
        return found


class SpecTest(pytest.Item):
    """One question about a spec; what fails says why without a traceback."""

    def __init__(self, *, ask: Callable[[], None], **known: Any) -> None:
        super().__init__(**known)
        self.ask = ask

    def runtest(self) -> None:
        self.ask()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, AssertionError | RfcalcError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str], int | None, str]:
        return self.path, None, f"{self.path.name}: {self.name}"


def refuse_spec(error: RfcalcError) -> None:
    """A file that is no spec, or a spec with problems."""
    raise error


def table_is_kept(arch: Arch, spec: SpecFile) -> None:
    """The table is the one that was kept; on request, it is kept."""
    kept = spec.path.parent / KEPT / f"{spec.path.stem}.csv"
    if spec.config.getoption("rfcalc_update"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(to_csv(arch), encoding="utf-8")
        return
    shown = shown_path(kept, spec.config)
    if not kept.exists():
        pytest.skip(f"no table is kept in {shown}: --rfcalc-update keeps this one")
    try:
        found = changes(from_csv(kept.read_text(encoding="utf-8")), rows_of(arch))
    except ValueError as error:
        raise RfcalcError(f"{shown}: {error}") from None
    if found:
        count = f"{len(found)} layers differ" if len(found) > 1 else "1 layer differs"
        raise AssertionError(
            f"{arch.name}: {count} from {shown} (- kept, + new)\n"
            f"{lines(found)}\nif this is meant, --rfcalc-update keeps the new table"
        )


def shown_path(path: Path, config: pytest.Config) -> str:
    root = config.invocation_params.dir
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def all_hold(arch: Arch, verb: str, claims: Sequence[Claim], advice: Sequence[str]) -> None:
    """What the spec states or demands is what the engine works out; what only training can tell is left out."""
    wrong = [claim for claim in claims if claim.holds is False]
    if wrong:
        facts = (
            f"  {' '.join(filter(None, (c.layer, c.quantity)))} {text(c.stated)}, but is {text(c.computed)}"
            for c in wrong
        )
        raise AssertionError("\n".join([f"{arch.name} {verb}:", *facts, *advice]))


def torch_agrees(arch: Arch) -> None:
    """Every figure of the table is what torch does (`rfcalc check`)."""
    if find_spec("torch") is None:
        pytest.skip(f"the proof needs torch, which is not installed: {install_command('torch', 'torch')}")
    from ..proof.check import check
    from ..proof.report import findings_grid

    report = check(arch)
    if not report.proved:
        wrong = tuple(finding for finding in report.findings if finding.kind == "table")
        raise AssertionError(f"{arch.name}: torch disagrees\n{findings_grid(wrong).plain()}")
