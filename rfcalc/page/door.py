"""The one door to the page: networks in, one HTML file out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from os import PathLike, fspath
from pathlib import Path

from ..engine.arch import Arch
from ..errors import RfcalcError, refusals_of
from .html import page

MOST_NETWORKS = 2
"""Networks side by side: more columns leave no room for any."""
HTML_ENDINGS = (".html", ".htm")
FRAME_HEIGHT = 900
"""Pixels of the frame in a notebook."""


@dataclass(frozen=True)
class Page:
    """A page, whole: `save` writes the file, a notebook shows it in place and keeps it when it is saved."""

    names: tuple[str, ...]
    html: str

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the file; raises RfcalcError for another ending than .html, or where it cannot."""
        if not fspath(path).lower().endswith(HTML_ENDINGS):
            raise RfcalcError(f"{fspath(path)}: a page is written as .html")
        with refusals_of(fspath(path)):
            Path(path).write_text(self.html, encoding="utf-8")

    def __repr__(self) -> str:
        return f"<Page {' and '.join(self.names)}: {len(self.html.encode()):,} bytes; save(path) writes it>"

    def _repr_html_(self) -> str:
        title = escape(" and ".join(self.names))
        return (
            f'<iframe srcdoc="{escape(self.html)}" title="{title}" width="100%" height="{FRAME_HEIGHT}" '
            'sandbox="allow-scripts allow-downloads allow-modals" allow="clipboard-write" frameborder="0"></iframe>'
        )


def explore(archs: Sequence[Arch]) -> Page:
    """The page of one network, or of two. Raises RfcalcError for more, or for networks whose layers do not fit.

    >>> import rfcalc
    >>> found = explore([rfcalc.load("mnist28")])
    >>> found.names, 'data-layer="conv1"' in found.html
    (('mnist28',), True)
    """
    if not 1 <= len(archs) <= MOST_NETWORKS:
        raise RfcalcError(f"a page shows one network, or two side by side, not {len(archs)}")
    return Page(tuple(arch.name for arch in archs), page(archs))
