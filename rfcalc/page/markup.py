"""HTML and SVG as strings that cannot be forgotten to escape: text is escaped unless a tag made it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

VOID = frozenset({"meta", "link", "input", "br", "col"})
"""Elements of HTML that never have an end."""
CLOSED = frozenset({"rect", "path", "line", "circle", "polyline", "polygon"})
"""Elements of SVG that close themselves where they hold nothing."""


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(element: str, /, *children: str, **attributes: str | int | float | bool | None) -> Markup:
    """An element. An attribute's underscore is a hyphen, `cls` is class; None and False leave it out.

    >>> tag("td", "<b>", cls="name", data_layer='"x"', hidden=False)
    '<td class="name" data-layer="&quot;x&quot;">&lt;b&gt;</td>'
    """
    said = "".join(
        attribute_text(key, value) for key, value in attributes.items() if value is not None and value is not False
    )
    if element in VOID or (element in CLOSED and not children):
        return Markup(f"<{element}{said}{'/' if element in CLOSED else ''}>")
    return Markup(f"<{element}{said}>{markups(children)}</{element}>")


def attribute_text(key: str, value: str | int | float | bool) -> str:
    name = "class" if key == "cls" else key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    shown = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f' {name}="{escape(shown)}"'


def markups(parts: Iterable[str], between: str = "") -> Markup:
    """Parts one after the other, those that are plain text escaped."""
    return Markup(between.join(part if isinstance(part, Markup) else escape(part) for part in parts))
