"""The whole page as one HTML text: a policy that forbids every connection, the drawing and the tables as they are, the
data, and the script that follows units."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from importlib.resources import files
from typing import Any

from ..drawing.style import DARK, LIGHT, Style
from ..engine.arch import Arch
from .charts import chart
from .data import page_data
from .graph import graph_drawing
from .markup import Markup, markups, tag
from .rows import layers_table, row_pairs
from .sections import comparison_section, findings_of, targets, totals

NO_SCRIPT = "Following units needs JavaScript; the drawing and the tables do not."
UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""What could end a script element, or a line of one, within JSON."""


def page(archs: Sequence[Arch]) -> str:
    """The page of one network, or of two side by side."""
    style, script = Markup(palette() + built_file("explore.css")), Markup(built_file("explore.js"))
    names = " and ".join(arch.name for arch in archs)
    meta = tag("meta", http_equiv="Content-Security-Policy", content=policy(style, script))
    body = (*regions(parts(archs)), script_data("rfcalc-data", page_data(archs)), tag("script", script))
    return document(f"{names}: receptive fields", style, body, "two" if len(archs) > 1 else None, meta)


def document(title: str, style: Markup, body: Sequence[str], kind: str | None, *meta: Markup) -> str:
    """An HTML text with its head."""
    head = (
        tag("meta", charset="utf-8"),
        *meta,
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="generator", content="rfcalc explore"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", style),
    )
    return f'<!doctype html>\n<html lang="en">{tag("head", *head)}{tag("body", *body, cls=kind)}</html>\n'


def built_file(name: str) -> str:
    return (files(__package__) / "built" / name).read_text(encoding="utf-8")


def only_this(text: str) -> str:
    """The source of a policy that allows this very text."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def policy(style: str, script: str) -> str:
    """Nothing may be loaded, sent or embedded; only this very style and script count, and images that are at hand."""
    return (
        f"default-src 'none'; script-src {only_this(script)}; style-src {only_this(style)}; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def palette() -> str:
    """The plots' colours as variables, light and dark."""
    dark = variables(DARK)
    return f":root{{{variables(LIGHT)}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def variables(look: Style) -> str:
    colours = {
        **{name.replace("_", "-"): said for name, said in asdict(look).items() if str(said).startswith("#")},
        **{f"fill-{family}": colour for family, colour in look.fills.items()},
        **{f"edge-{family}": colour for family, colour in look.edges.items()},
        **{f"series-{i}": colour for i, colour in enumerate(look.series)},
    }  # fmt: skip
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


def script_data(name: str, data: dict[str, Any]) -> Markup:
    text = json.dumps(data, separators=(",", ":"))
    for char, safe in UNSAFE.items():
        text = text.replace(char, safe)
    return tag("script", Markup(text), type="application/json", id=name)


def parts(archs: Sequence[Arch]) -> dict[str, Markup]:
    """What the networks put into the page, by the element that holds it."""
    each, many = list(enumerate(archs)), len(archs) > 1
    beside = row_pairs(archs[0], archs[1]) if many else []
    title = [f" of {arch.name}" if many else "" for arch in archs]
    return {
        "totals": markups(totals(arch) for arch in archs),
        "drawings": markups(tag("div", graph_drawing(arch, i, narrow=many), cls="pane") for i, arch in each),
        "charts": markups(tag("div", chart(arch, i, narrow=many), cls="pane") for i, arch in each),
        "notes": markups(tag("div", targets(arch, title[i]), findings_of(arch, i, title[i])) for i, arch in each),
        "comparison": comparison_section(archs),
        "tables": markups(tag("div", layers_table(arch, i, beside), cls="pane", tabindex=0, role="region",
                             aria_label=f"the layers of {arch.name}") for i, arch in each),
    }  # fmt: skip


def regions(held: Mapping[str, Markup]) -> list[Markup]:
    """Header, drawing and view, curves, findings and targets, tables, and the line that says what is seen."""

    def part(name: str, cls: str | None = None) -> Markup:
        return tag("div", held.get(name, Markup("")), id=name, cls=cls)

    unscripted = tag("noscript", tag("p", NO_SCRIPT))
    return [
        tag("header", part("totals"), tag("div", id="tools")),
        tag(
            "main",
            tag("section", tag("h2", "Network"), tag("div", id="fits"), part("drawings", "beside"), id="network"),
            tag("section", tag("h2", "What a unit sees"), tag("div", unscripted, id="view"), id="seen"),
            tag("section", tag("h2", "By layer"), part("charts", "beside"), id="growth"),
            part("notes", "beside"),
            part("comparison"),
            tag("section", tag("h2", "Layers"), tag("div", id="rowtools"), part("tables", "beside"), id="layers"),
        ),
        tag("footer", tag("output", id="readout", aria_live="polite"), tag("span", id="hint")),
    ]
