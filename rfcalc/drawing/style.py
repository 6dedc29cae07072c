"""Colours, fonts and lines of every drawing: told apart by colour-blind readers, in greyscale, in light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RfcalcError, need, refusals_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "pdf", "png")
FONTS = ("DejaVu Sans", "Verdana", "Arial", "Helvetica", "sans-serif")
"""The first one is measured; those after it are no wider, so that text stays in its box where it is missing."""
SIZE = 8.0
"""Points; nothing is smaller."""
DPI = 200
"""Of a PNG."""
METADATA: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
"""What would make two plots of the same thing differ, left out."""


@dataclass(frozen=True, slots=True)
class Style:
    """The colours of a drawing. `fills` are a box's by family, in steps of lightness; `series` are lines in the order
    in which they are told apart (Okabe and Ito 2008), with their dashes."""

    paper: str
    ink: str
    muted: str
    rule: str
    frame: str
    frame_edge: str
    accent: str
    warning: str
    fills: Mapping[str, str]
    edges: Mapping[str, str]
    series: tuple[str, ...]
    dashes: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (8, 2)), (0, (3, 1, 1, 1)))
    heat: str = "viridis"


FAMILIES = ("input", "conv", "pool", "up", "join", "linear", "place", "value", "other")
LIGHT = Style(
    paper="#ffffff",
    ink="#1a1a1a",
    muted="#595959",
    rule="#d5d5d5",
    frame="#f6f6f4",
    frame_edge="#c2c2bd",
    accent="#0060a0",
    warning="#b34700",
    fills=dict(zip(FAMILIES, ("#ffffff", "#dcebf7", "#fbdcb4", "#e9cfe3", "#c5e6da", "#f7efb5", "#ececec", "#f4f4f4",
                              "#dddddd"), strict=True)),
    edges=dict(zip(FAMILIES, ("#7a7a7a", "#3f7fb0", "#bf7200", "#a0588c", "#007f5f", "#9a8a00", "#8a8a8a", "#a0a0a0",
                              "#707070"), strict=True)),
    series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#8a6d00"),
)  # fmt: skip
DARK = Style(
    paper="#15181c",
    ink="#f0f0f0",
    muted="#b4b8bd",
    rule="#3a3f46",
    frame="#1e2227",
    frame_edge="#4a515a",
    accent="#7cc4f5",
    warning="#ff9c57",
    fills=dict(zip(FAMILIES, ("#15181c", "#1f3f5a", "#5e3f10", "#55304b", "#11503f", "#4f4a10", "#33373c", "#282c31",
                              "#404449"), strict=True)),
    edges=dict(zip(FAMILIES, ("#8a9098", "#6fb3e0", "#e8a13c", "#d391c0", "#3fc79d", "#d8c640", "#8a9098", "#7a8088",
                              "#a0a6ad"), strict=True)),
    series=("#56b4e9", "#ff9c57", "#3fc79d", "#e59cc6", "#f0e442", "#b4b8bd"),
)  # fmt: skip


def format_of(path: str | PathLike[str]) -> str:
    """The format that a file's ending names; raises RfcalcError with those that there are."""
    ending = Path(fspath(path)).suffix.lower().lstrip(".")
    if ending not in FORMATS:
        said = f"ends in .{ending}" if ending else "has no ending"
        raise RfcalcError(f"{fspath(path)} {said}: a plot is written as .{', .'.join(FORMATS[:-1])} or .{FORMATS[-1]}")
    return ending


@contextmanager
def drawing_style(look: Style) -> Iterator[None]:
    """matplotlib with this project's settings, and as it was afterwards: text stays text, the same file every time."""
    need("matplotlib", "plot")
    import matplotlib as mpl

    settings: Any = {
        "font.family": "sans-serif",
        "font.sans-serif": list(FONTS),
        "axes.titlesize": SIZE + 1,
        "figure.titlesize": SIZE + 2,
        "axes.linewidth": 0.6,
        "grid.color": look.rule,
        "grid.linewidth": 0.5,
        "hatch.linewidth": 0.6,
        "svg.fonttype": "none",
        "svg.hashsalt": "rfcalc",
        "pdf.fonttype": 42,
        "axes.unicode_minus": True,
        **dict.fromkeys(("font.size", "legend.fontsize"), SIZE),
        **{f"{part}.labelsize": SIZE for part in ("axes", "xtick", "ytick")},
        **{f"{part}.facecolor": look.paper for part in ("figure", "savefig", "axes")},
        **{f"{part}.labelcolor": look.ink for part in ("axes", "xtick", "ytick")},
        **dict.fromkeys(("text.color", "axes.titlecolor"), look.ink),
        **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), look.muted),
        **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon", "text.parse_math"), False),
    }
    with mpl.rc_context(settings):
        yield


def save_figure(figure: Figure, path: str | PathLike[str]) -> None:
    """Writes a figure in the format of the file's ending, without a date; raises RfcalcError when it cannot."""
    form = format_of(path)
    with refusals_of(fspath(path)):
        figure.savefig(fspath(path), format=form, dpi=DPI, metadata=METADATA[form])
