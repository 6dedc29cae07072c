"""The one door to all plots."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, get_args

from .. import zoo
from ..engine.arch import Arch
from ..errors import RfcalcError, need
from . import effective, growth, network, unit
from .layout import layout
from .style import DARK, LIGHT, drawing_style, format_of, save_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import nn

    from .style import Style

Drawing = Literal["network", "growth", "unit", "effective"]
BELONGS = {
    "unfold": ("network",), "horizontal": ("network",), "layers": ("unit", "effective"), "unit": ("unit", "effective"),
    "image": ("unit",), "weights": ("effective",),
}  # fmt: skip
"""The kinds that an option has a meaning for."""


def plot(
    target: str | PathLike[str] | Arch | nn.Module,
    path: str | PathLike[str],
    kind: Drawing = "network",
    *,
    layers: Sequence[str] = (),
    unit: Sequence[int] | None = None,
    image: str | PathLike[str] | None = None,
    weights: Sequence[str | PathLike[str]] = (),
    unfold: bool = False,
    horizontal: bool = False,
    dark: bool = False,
    input: Any = None,
    count: int = 8,
    seed: int = 0,
) -> None:
    """Writes a plot of a network to an SVG, PDF or PNG file, as its ending says.

    `target` is whatever `rfcalc.load` takes, a network, or a torch module with `input`. Kinds: `network`, its graph;
    `growth`, field and jump by layer; `unit`, the fields of `layers` on an `image`, and path counts; `effective`, the
    measured effective field of `layers`, under each of `weights` (needs torch; `count` random images from `seed`).
    Raises RfcalcError for an ending, a kind or an option that it does not know, or a file that it cannot write.
    """
    format_of(path)
    if kind not in get_args(Drawing):
        raise RfcalcError(f"no kind of plot {kind!r}: there are {', '.join(get_args(Drawing))}")
    options = {"unfold": unfold, "horizontal": horizontal, "layers": layers, "unit": unit, "image": image,
               "weights": weights}  # fmt: skip
    check_options(kind, options)
    need("matplotlib", "plot")
    arch = zoo.load(target, input)
    look = DARK if dark else LIGHT
    with drawing_style(look):
        if kind == "effective":
            given = {"input": input, "count": count, "seed": seed, "unit": unit}
            figure = effective.draw(arch, effective.measured_panels(target, arch, layers, weights, given), look)
        else:
            figure = figure_by_kind(kind, arch, look, options)
        save_figure(figure, path)


def check_options(kind: str, options: dict[str, Any]) -> None:
    for name, kinds in BELONGS.items():
        if kind not in kinds and options[name] not in (None, False, (), []):
            flag = f"--{name.removesuffix('s') if name == 'layers' else name}"
            raise RfcalcError(f"{flag} belongs to a plot of kind {' or '.join(kinds)}, not {kind}")


def figure_by_kind(kind: str, arch: Arch, look: Style, options: dict[str, Any]) -> Figure:
    if kind == "network":
        return network.draw(layout(arch, unfold=options["unfold"], horizontal=options["horizontal"]), look)
    if kind == "growth":
        return growth.draw(arch, look)
    return unit.draw(arch, look, options["layers"], options["unit"], options["image"])
