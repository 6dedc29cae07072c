"""`rfcalc doctor`: what is installed, what this CPU can do, what is missing, and the command that installs it here.

Versions come from the packages' metadata: nothing heavy is loaded to be looked at.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from shlex import join
from typing import TYPE_CHECKING, Any

from . import __version__
from .errors import DISTRIBUTION, installed, pip_command, requirements
from .report.cells import DASH
from .report.grid import Column, Grid

if TYPE_CHECKING:
    from rich.console import RenderableType

CPU_FLAGS = {
    "AVX2": ("avx2",),
    "AVX512": ("avx512f",),
    "bf16": ("avx512_bf16", "amx_bf16", "bf16"),
    "AMX": ("amx_tile",),
}
"""What training takes notice of, with the flags that the kernel shows for it (x86; bf16 is ARM's word too)."""
INSTALLER_MARKS = {"uv-receipt.toml": "uv tool", "pipx_metadata.json": "pipx", "conda-meta": "conda"}
"""The kinds of environment, by what lies at their root."""
REQUIREMENT = re.compile(r"\s*([A-Za-z0-9._-]+)(?:\[[^]]*\])?\s*([^;]*?)\s*(?:;.*extra\s*==\s*['\"]([^'\"]+)['\"].*)?$")


@dataclass(frozen=True, slots=True)
class Package:
    """A package that rfcalc asks for: of itself, or for an extra; `version` is None where it is not installed."""

    name: str
    wanted: str
    extra: str
    version: str | None


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found."""

    python: str
    environment: str
    prefix: str
    system: str
    cpu: Mapping[str, bool | None]
    packages: tuple[Package, ...]

    @property
    def ok(self) -> bool:
        """Whether rfcalc itself can work; extras may be missing."""
        return not any(p.version is None and not p.extra for p in self.packages)

    @property
    def missing(self) -> dict[str, list[str]]:
        """By extra ("" is rfcalc itself): the requirements that are not installed."""
        found: dict[str, list[str]] = {}
        for package in self.packages:
            if package.version is None:
                found.setdefault(package.extra, []).append(package.name + package.wanted)
        return found

    def command(self, names: Sequence[str]) -> str:
        """What installs packages into this environment."""
        if self.environment == "pipx":
            return join(["pipx", "inject", Path(self.prefix).name, *names])
        return pip_command(names)

    def to_json(self) -> dict[str, Any]:
        """{"ok", "rfcalc", "python", "environment", "prefix", "system", "cpu": {feature: true, false or null},
        "packages": [{"name", "wanted", "extra", "version"}], "missing": [{"extra", "packages", "command"}]}."""
        packages = [asdict(package) | {"extra": package.extra or None} for package in self.packages]
        missing = [
            {"extra": extra or None, "packages": names, "command": self.command(names)}
            for extra, names in self.missing.items()
        ]
        return {"ok": self.ok, "rfcalc": __version__, **asdict(self), "packages": packages, "missing": missing}

    @property
    def grid(self) -> Grid:
        columns = tuple(Column(name, left=True) for name in ("package", "for", "wanted", "installed"))
        rows = tuple((p.name, p.extra or "rfcalc", p.wanted or "any", p.version or "missing") for p in self.packages)
        return Grid(columns, rows)

    @property
    def lines(self) -> list[str]:
        words = {True: "yes", False: "no", None: DASH}
        features = ", ".join(f"{name} {words[has]}" for name, has in self.cpu.items())
        return [
            f"rfcalc {__version__}, Python {self.python}, in a {self.environment} environment: {self.prefix}",
            f"{self.system}; CPU: {features}",
        ]

    @property
    def advice(self) -> list[str]:
        if not self.packages:
            return ["rfcalc is not installed here, but run from its folder: what it asks for is in pyproject.toml"]
        lines = [
            f"{'extra ' + extra if extra else 'rfcalc itself'}: {self.command(names)}"
            for extra, names in self.missing.items()
        ]
        return ["to install what is missing:", *(f"  {line}" for line in lines)] if lines else ["nothing is missing"]

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal: the environment, the packages, and what to do."""
        from rich.console import Group
        from rich.text import Text

        parts: list[RenderableType] = [Text("\n".join(self.lines)), Text()]
        if self.packages:
            parts += [self.grid.to_rich(), Text()]
        return Group(*parts, Text("\n".join(self.advice)))


def examine() -> Examination:
    """Looks at this Python, its packages and its CPU.

    >>> examine().ok
    True
    """
    return Examination(
        platform.python_version(),
        environment_of(Path(sys.prefix)),
        sys.prefix,
        f"{platform.system()} {platform.machine()}",
        cpu_features(Path("/proc/cpuinfo")),
        tuple(packages_of(requirements())),
    )


def environment_of(prefix: Path) -> str:
    """The kind of an environment, by what lies at its root."""
    for mark, kind in INSTALLER_MARKS.items():
        if (prefix / mark).exists():
            return kind
    return "venv" if (prefix / "pyvenv.cfg").exists() else "system"


def cpu_features(path: Path) -> dict[str, bool | None]:
    """What the kernel says of the CPU; None where it says nothing, as on systems without /proc."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return dict.fromkeys(CPU_FLAGS)
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.M)
    if found is None:
        return dict.fromkeys(CPU_FLAGS)
    flags = set(found[1].split())
    return {name: any(word in flags for word in words) for name, words in CPU_FLAGS.items()}


def packages_of(stated: Sequence[str]) -> list[Package]:
    """The packages of all requirements; an extra that stands for others is left out.

    >>> [(p.name, p.wanted, p.extra) for p in packages_of(["pyyaml>=6", "torch>=2.4; extra == 'torch'"])]
    [('pyyaml', '>=6', ''), ('torch', '>=2.4', 'torch')]
    """
    found = []
    for text in stated:
        match = REQUIREMENT.match(text)
        if match and match[1] != DISTRIBUTION:
            found.append(Package(match[1], match[2], match[3] or "", installed(match[1])))
    return found
