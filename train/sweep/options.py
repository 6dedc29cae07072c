"""What a user asks of a sweep: the combinations, where they run, and what every run is given."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

from ..recipe.options import Options, at_the_door, option


def same_option(name: str) -> Any:
    """The option of a single run, with its default and its help."""
    about = Options.__dataclass_fields__[name]
    return field(default=about.default, metadata=about.metadata)


SAME_IN_A_RUN = ("epochs", "limit", "val", "precision", "unchecked", "input", "device", "workers")


@dataclass(frozen=True)
class SweepOptions:
    """What is asked of a sweep; None where the default holds."""

    recipe: tuple[str, ...] = option((), "fast, best or files; by default the spec's own", metavar="NAME,…")
    seeds: int = option(1, "runs of each combination, with the seeds 0, 1 and so on", min=1)
    settings: tuple[str, ...] = option((), "optimizer.lr=0.05,0.1", flag="--set", metavar="KEY=VALUE,…")
    data: str | None = same_option("data")
    epochs: int | None = same_option("epochs")
    limit: int | None = same_option("limit")
    val: int | None = same_option("val")
    halving: bool = option(
        False, "runs of 3, 8 and 24 epochs first; the better half by validation goes on", flag="--halving"
    )
    out: str = option("runs/sweep", "the runs, index.csv and report.md", metavar="DIR")
    jobs: int = option(1, "runs at a time on this machine, which share its cores", min=1)
    on: str | None = option(None, "ray, or ray://HOST:PORT: runs as tasks of a Ray cluster", metavar="ray")
    cpus: int = option(1, "with --on: CPUs, and threads, of a run", min=1)
    gpus: float = option(0.0, "with --on: GPUs of a run; 0.5 puts two runs on one", min=0)
    precision: str | None = same_option("precision")
    unchecked: bool = same_option("unchecked")
    input: str | None = same_option("input")
    device: str = same_option("device")
    workers: int | None = same_option("workers")
    quiet: bool = same_option("quiet")

    def given(self, **values: Any) -> SweepOptions:
        """These options with other values where they are not None; one recipe or setting may stand without a list.
        Raises TypeError for unknown names."""
        lists = {
            key: (os.fspath(values[key]),)
            for key in ("recipe", "settings")
            if isinstance(values.get(key), str | os.PathLike)
        }
        given = {key: at_the_door(value) for key, value in (values | lists).items() if value is not None}
        return replace(self, **given)

    def of_a_run(self) -> Options:
        """What every run of the sweep is given: paths as any process, wherever it runs, finds them."""
        data = self.data or os.environ.get("RFCALC_DATA")
        given = {name: getattr(self, name) for name in SAME_IN_A_RUN}
        return Options(**given, data=absolute(data) if data else None, quiet=True)


def absolute(name: str) -> str:
    """A path that is there, in full; any other name as it is. Of FILE.py:Name(arguments) the file counts."""
    file, rest = file_of(name)
    return os.path.abspath(file) + rest if os.path.exists(file) else name  # noqa: PTH100, PTH110


def file_of(name: str) -> tuple[str, str]:
    """The part of a target that may be a path, and what follows it.

    >>> file_of("models/net.py:Net(18)"), file_of("s9")
    (('models/net.py', ':Net(18)'), ('s9', ''))
    """
    head = name.partition("(")[0]
    cut = head.rfind(":")
    return (name, "") if cut < 0 or os.path.exists(name) else (name[:cut], name[cut:])  # noqa: PTH110
