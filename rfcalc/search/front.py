"""What `design` found, as a person reads it: the truth about the family, the best designs or the front as a table, what
stands in the way, and the front as a plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.arch import Arch
from ..errors import need, refusals_of
from ..report.cells import agreed, clipped, text
from ..report.grid import Column, Grid
from .program import Program

if TYPE_CHECKING:
    from rich.console import RenderableType

OBSTACLES = {
    "min_receptive_field": "no network that meets the others reaches more than {}",
    "max_params": "no network that meets the others has fewer than {} parameters",
    "max_macs": "no network that meets the others has fewer than {} MACs",
    "must_use": "with the others at best used: {}",
    "must_not_use": "with the others at best used all the same: {}",
}
"""What the best that the others leave to a target says of it."""
FRONT_PLOTS = (".svg", ".png", ".pdf")
LONG = 24
"""Characters of a choice's value that fit a table."""


@dataclass(frozen=True)
class Design:
    """One network of a family: the values of its choices, its figures, and its spec."""

    choices: Mapping[str, Any]
    arch: Arch
    spec: str

    @property
    def figures(self) -> tuple[Any, ...]:
        """Parameters, MACs, the field before global pooling and after it."""
        return (self.arch.params, self.arch.macs, *map(agreed, self.arch.receptive_field))

    def to_json(self) -> dict[str, Any]:
        params, macs, before, after = self.figures
        return {
            "choices": dict(self.choices),
            "params": params,
            "macs": macs,
            "receptive_field": {"before_global_pool": before, "after_global_pool": after},
            "spec": self.spec,
        }


@dataclass(frozen=True)
class Bound:
    """A target, and the best that the others leave; None where they leave nothing."""

    wanted: Any
    best: Any


@dataclass(frozen=True)
class Answer:
    """What `design` found out about a family."""

    program: Program
    choices: int
    feasible: int | None
    complete: bool
    covered: str
    designs: tuple[Design, ...]
    bounds: Mapping[str, Bound]
    uncounted: bool = False
    """Whether the MACs of some of its networks are unknown."""
    refused: str = ""
    """Where no network of the family can be built, the first reason."""

    @property
    def exit_code(self) -> int:
        return 0 if self.designs else 1

    @property
    def has_front(self) -> bool:
        """Whether the designs are a front rather than a ranking."""
        return len(self.program.objective) != 1

    def to_json(self) -> dict[str, Any]:
        return {
            "choices": self.choices,
            "feasible": self.feasible,
            "complete": self.complete,
            "designs": [design.to_json() for design in self.designs],
            "bounds": {key: {"wanted": b.wanted, "best": b.best} for key, b in self.bounds.items()},
        }

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal of that width."""
        from rich.console import Group
        from rich.text import Text

        parts: list[RenderableType] = [Text(line) for line in answer_lines(self)]
        if self.designs:
            title = "no other network beats these" if self.has_front else sense(self)
            return Group(*parts, Text(), Text(f"{title}:"), designs_grid(self).to_rich(width))
        parts += [Text(), Text(no_design(self), "bold red")]
        return Group(*parts, *([Text(), *map(Text, obstacles(self))] if self.bounds else []))


def designs_grid(answer: Answer) -> Grid:
    """The designs, a row each: figures, then the values of the choices."""
    names = list(dict.fromkeys(name for one in answer.designs for name in one.choices))
    heads = [Column(head) for head in ("", "params", "MACs", "r before pool", "r after")]
    heads += [Column(name, rank, left=True) for rank, name in enumerate(names, 1)]
    rows = tuple(
        (str(i), *map(text, one.figures), *(clipped(choice_words(one.choices.get(name, "")), LONG) for name in names))
        for i, one in enumerate(answer.designs, 1)
    )
    return Grid(tuple(heads), rows)


def choice_words(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def answer_lines(answer: Answer) -> Iterator[str]:
    """How many networks there are, how many meet every target, and whether everything was looked at."""
    name = answer.program.head.name
    feasible = "not counted" if answer.feasible is None else f"{answer.feasible:,}"
    yield f"{name}: {answer.choices:,} networks; meeting every target: {feasible}"
    if answer.program.unused:
        yield f"no layer uses the choice{'s' * (len(answer.program.unused) > 1)} {', '.join(answer.program.unused)}"
    if not answer.complete:
        yield f"not complete, the time or memory allowed was spent; covered: {answer.covered}"
    if answer.uncounted:
        limited = "max_macs" in answer.program.head.targets
        place = "are not known to meet max_macs" if limited else "come last by their MACs"
        yield f"networks with a layer whose MACs are unknown {place}"


def obstacles(answer: Answer) -> Iterator[str]:
    """For each target the best that the others leave, in words."""
    for target, bound in answer.bounds.items():
        none = "no network of this family meets the other targets"
        said = none if bound.best is None else OBSTACLES[target].format(shown_bound(bound.best))
        yield f"{target} {shown_bound(bound.wanted)}: {said}"


def shown_bound(value: Any) -> str:
    return ", ".join(value) or "none" if isinstance(value, list) else f"{value:,}"


def no_design(answer: Answer) -> str:
    """Why there is no design."""
    if not answer.complete:
        return "none was found in what was covered"
    if answer.refused:
        return f"no network of this family can be built; the first reason: {answer.refused}"
    return "no network of this family meets every target"


def sense(answer: Answer) -> str:
    way, figure = answer.program.objective[0]
    return f"{'most' if way == 'maximize' else 'least'} {figure.replace('_', ' ')} first"


def plot_designs(answer: Answer, path: str) -> None:
    """The designs whose MACs are known as a plot of parameters against MACs, coloured by receptive field (grey where it
    is unknown), into an svg, png or pdf file. Raises RfcalcError where that is not possible."""
    need("matplotlib", "plot")
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    known = [(str(number), one) for number, one in enumerate(answer.designs, 1) if one.arch.macs is not None]
    x, y = [one.arch.params for _, one in known], [(one.arch.macs or 0) / 1e6 for _, one in known]
    colours = colormaps["viridis"].with_extremes(bad="lightgray")
    fields = [plotted_field(one) for _, one in known]
    dots = axes.scatter(x, y, c=fields, cmap=colours, plotnonfinite=True, zorder=3)
    for (number, _), right, up in zip(known, x, y, strict=True):
        axes.annotate(number, (right, up), textcoords="offset points", xytext=(4, 4), fontsize=8)
    axes.set(xlabel="parameters", ylabel="MACs, millions", title=answer.program.head.name)
    axes.grid(alpha=0.3)
    figure.colorbar(dots, label="receptive field before global pooling")
    with refusals_of(path):
        figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)


def plotted_field(one: Design) -> float:
    """The field before global pooling on the smallest axis; no number where it is unknown."""
    return float(min(nan if f is None else f for f in one.arch.receptive_field.before_global_pool))


def is_plot(path: str) -> bool:
    return Path(path).suffix in FRONT_PLOTS
