"""The effective receptive field, measured (Luo et al. 2016), beside what path counts predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.arch import Arch
from ..errors import RfcalcError, need
from ..zoo import is_torch_model
from .boxes import shortened
from .counts import is_countable, path_counts
from .style import Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..measure import Mass

PANEL = 2.5
MOST_PANELS = 12
"""Panels side by side."""


@dataclass(frozen=True)
class EffectivePanel:
    """One column: what it is called, both maps over the pixels, each with the sum 1, and the exact field per axis as
    (first, last)."""

    title: str
    measured: Any
    predicted: Any
    field: tuple[tuple[int, int], ...]


def measured_panels(
    target: Any, arch: Arch, layers: Sequence[str], weights: Sequence[str | PathLike[str]], given: Mapping[str, Any]
) -> list[EffectivePanel]:
    """A column for every layer under every state dict, in that order; `given` is what `measure.field_of` takes beside
    them. Needs torch."""
    need("torch", "torch")
    from ..measure import field_of

    runs: list[str | PathLike[str] | None] = [*weights] or [None]
    names: list[str | None] = [*layers] or [None]
    if len(runs) * len(names) > MOST_PANELS:
        raise RfcalcError(f"{len(runs) * len(names)} effective fields side by side: at most {MOST_PANELS}")
    built = target is arch or (isinstance(target, str | PathLike) and not is_torch_model(fspath(target)))
    own = f"initial weights, seed {given['seed']}" if built else "its own weights"
    return [
        panel_of(arch, field_of(target, layer, weights=run, **given), own if run is None else run_name(run))
        for layer in names
        for run in runs
    ]


def panel_of(arch: Arch, found: Any, run: str) -> EffectivePanel:
    row = next((row for row in arch.rows if row.name == found.layer), None)
    title = f"{shortened(found.layer, 24)}, {run}"
    predicted, field = None, tuple[tuple[int, int], ...]()
    if row and is_countable(row):
        unit = tuple(found.unit) or (0,) * len(arch.sizes)
        predicted = path_counts(arch, row, unit, even=True)
        seen = [axis.at(i) for axis, i in zip(row.out.axes, unit, strict=True)]
        field = tuple((f.first, f.last) for f in seen if f)
    return EffectivePanel(title, found.gradient.numpy(), predicted, field)


def run_name(run: str | PathLike[str]) -> str:
    """A state dict by its file, with its folder: runs keep theirs under one name."""
    return shortened("/".join(Path(fspath(run)).parts[-2:]), 24)


def mass_of(mass: Any) -> Mass:
    """The centre of a map per axis, and the radii around it that hold 50 and 95 % of it."""
    import torch

    from ..measure import spread_of

    return spread_of(torch.as_tensor(mass, dtype=torch.float64))


# --- the figure --------------------------------------------------------------------------------------------------


def draw(arch: Arch, columns: Sequence[EffectivePanel], look: Style) -> Figure:
    """Above what was measured, below what is predicted, both of a column on one scale."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    if len(arch.sizes) == 1:
        return draw_line_panels(arch, columns, look)
    height, width = arch.sizes[-2:]
    tall = PANEL * min(max(height / width, 0.3), 2.0) + 0.35
    figure = Figure(figsize=(PANEL * len(columns) + 0.9 * len(columns), 2 * tall + 0.6), layout="constrained")
    grid = figure.subplots(2, len(columns), squeeze=False)
    for n, each in enumerate(columns):
        maps = [flat_map(each.measured), None if each.predicted is None else flat_map(each.predicted)]
        top = max(float(m.max()) for m in maps if m is not None)
        for axes, mass, name in zip(grid[:, n], maps, ("measured", "predicted from path counts"), strict=True):
            axes.set_title(f"{each.title}\n{name}" if name == "measured" else name, loc="left")
            drawn = draw_map(axes, mass, each.field[-2:], top, look)
        if drawn is not None:
            bar = figure.colorbar(
                drawn, ax=list(grid[:, n]), shrink=0.7, label="share of the gradient per pixel (\N{PER MILLE SIGN})"
            )
            bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{1000 * value:g}"))
            bar.outline.set_visible(False)
    legend(figure, look)
    return figure


def flat_map(mass: Any) -> Any:
    """A map over the last two axes; of three, summed over the first."""
    return mass.sum(0) if mass.ndim == 3 else mass


def draw_map(axes: Axes, mass: Any, field: Sequence[tuple[int, int]], top: float, look: Style) -> Any:
    """The map, the outline of the exact field, and the circles that hold 50 and 95 %."""
    from matplotlib.patches import Circle, Rectangle

    axes.set(xticks=[], yticks=[])
    if mass is None:
        axes.axis("off")
        axes.text(0.5, 0.5, "unknown: its reads\nare not known", ha="center", va="center", transform=axes.transAxes)
        return None
    height, width = mass.shape
    drawn = axes.imshow(mass, extent=(0, width, height, 0), cmap=look.heat, vmin=0, vmax=top, interpolation="nearest")
    seen = mass_of(mass)
    for radius, dash in zip(seen.radii, ("-", (0, (4, 2))), strict=True):
        axes.add_patch(Circle((seen.centre[1], seen.centre[0]), radius, fill=False, edgecolor="white", linewidth=1.3,
                              linestyle=dash))  # fmt: skip
    if len(field) == 2:
        (top_row, bottom), (left, right) = field
        axes.add_patch(Rectangle((left, top_row), right + 1 - left, bottom + 1 - top_row, fill=False,
                                 edgecolor="#ff8c42", linewidth=1.3, linestyle=(0, (1, 1.2))))  # fmt: skip
    exact = "\N{MULTIPLICATION SIGN}".join(str(last - first + 1) for first, last in field)
    told = f"radii {seen.radii[0]:.1f} and {seen.radii[1]:.1f}; exact field {exact or 'unknown'}"
    axes.set(xlim=(0, width), ylim=(height, 0), xlabel=told)
    return drawn


def legend(figure: Figure, look: Style) -> None:
    from matplotlib.lines import Line2D

    circle: dict[str, Any] = {"color": look.muted, "linewidth": 1.3}
    handles = [
        Line2D([], [], linestyle="-", label="holds 50 %", **circle),
        Line2D([], [], linestyle=(0, (4, 2)), label="holds 95 %", **circle),
        Line2D([], [], linestyle=(0, (1, 1.2)), color="#ff8c42", linewidth=1.3, label="exact field"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


def draw_line_panels(arch: Arch, columns: Sequence[EffectivePanel], look: Style) -> Figure:
    """A 1-D network: both as lines over the positions, the exact field shaded."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 1.9 * len(columns) + 0.3), layout="constrained")
    for axes, each in zip(figure.subplots(len(columns), 1, squeeze=False)[:, 0], columns, strict=True):
        places = [i + 0.5 for i in range(arch.sizes[0])]
        if each.field:
            first, last = each.field[0]
            axes.axvspan(max(first, 0), min(last + 1, arch.sizes[0]), facecolor=look.rule, alpha=0.5, linewidth=0,
                         label="exact field")  # fmt: skip
        pairs = ((each.measured, "measured"), (each.predicted, "predicted"))
        for n, (mass, name) in enumerate(pair for pair in pairs if pair[0] is not None):
            seen = mass_of(mass)
            line: dict[str, Any] = {"color": look.series[n], "linestyle": look.dashes[n]}
            said = f"{name}, radii {seen.radii[0]:.1f} and {seen.radii[1]:.1f}"
            axes.plot(places, mass, linewidth=1.4, label=said, **line)
            for radius, width in zip(seen.radii, (1.2, 0.7), strict=True):
                axes.vlines(
                    [seen.centre[0] - radius, seen.centre[0] + radius], 0, mass.max() / 8, linewidth=width, **line
                )
        axes.set(xlabel="position", ylabel="share per position", xlim=(0, arch.sizes[0]), ylim=(0, None))
        axes.set_title(each.title, loc="left")
        axes.legend(loc="upper right")
    return figure
