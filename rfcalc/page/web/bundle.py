"""Puts the page's script and style together: `python rfcalc/page/web/bundle.py` writes what rfcalc/page/built holds.

The modules are laid one after the other in one scope, each after those that it imports; nothing is shortened, so that
what is shipped can be read. Every module takes its imports by their own names, so no name may stand twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from graphlib import TopologicalSorter
from pathlib import Path

WEB = Path(__file__).parent
BUILT = WEB.parent / "built"
IMPORT = re.compile(r'^import \{ ([\w, $]+) \} from "\./([\w./-]+)";\n', re.M)
DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function|const|let) (\w+)", re.M)
EXPORTED = re.compile(r"export\s*\{([^}]*)\};?\s*$")
VENDORED = "vendor/"
"""What stands there is a whole of its own: its imports are in it, its short names nobody else's business."""
ENTRIES = {"explore.js": "explore.js", "live.js": "live.js"}
"""The built scripts, by the module that each begins with: the page from disk, and the one with an editor."""


def modules(first: str) -> list[str]:
    """The modules that the first one needs, each after those that it imports itself."""
    graph: dict[str, list[str]] = {}
    waiting = [first]
    while waiting:
        name = waiting.pop()
        if name not in graph:
            graph[name] = [] if is_vendored(name) else [used for _, used in IMPORT.findall(module_text(name))]
            waiting += graph[name]
    return list(TopologicalSorter({name: sorted(uses) for name, uses in sorted(graph.items())}).static_order())


def is_vendored(name: str) -> bool:
    return name.startswith(VENDORED)


def module_text(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")


def inlined(name: str, used: Sequence[str] = ()) -> str:
    """One module without imports and exports; raises ValueError for an import in another form."""
    if is_vendored(name):
        return enclosed(name, used)
    text = IMPORT.sub("", module_text(name))
    if re.search(r"^import\b|^export (default|\{|\*)|\bimport\(", text, re.M):
        raise ValueError(f'{name}: imports are written as import {{ a, b }} from "./x.js"; on one line')
    return re.sub(r"^export ", "", text, flags=re.M)


def enclosed(name: str, used: Sequence[str]) -> str:
    """A vendored module in a function of its own, its short names apart from ours; what is used of it comes out."""
    text = module_text(name)
    found = EXPORTED.search(text)
    if not found:
        raise ValueError(f"{name}: no list of exports at its end")
    pairs = [each.split(" as ") for each in found[1].split(",")]
    inner = {pair[-1].strip(): pair[0].strip() for pair in pairs}
    given = ", ".join(f"{each}: {inner[each]}" for each in used)
    return f"const {{ {', '.join(used)} }} = (() => {{\n{text[: found.start()]}\nreturn {{ {given} }};\n}})();\n"


def used_of(order: Sequence[str]) -> dict[str, list[str]]:
    """The names that ours import of each vendored module."""
    found: dict[str, set[str]] = {name: set() for name in order if is_vendored(name)}
    for name in order:
        for names, source in [] if is_vendored(name) else IMPORT.findall(module_text(name)):
            if source in found:
                found[source] |= {each.strip() for each in names.split(",")}
    return {name: sorted(names) for name, names in found.items()}


def script(first: str = "explore.js") -> str:
    """A whole script; raises ValueError where two modules declare one name, or where it would end its own element."""
    order = modules(first)
    used = used_of(order)
    owners: dict[str, str] = {}
    for name in order:
        for each in used[name] if is_vendored(name) else DECLARED.findall(module_text(name)):
            if each in owners:
                raise ValueError(f"{each} is declared in {owners[each]} and in {name}")
            owners[each] = name
    parts = [notices([*used]), *(f"// --- {name}\n{inlined(name, used.get(name, ()))}" for name in order)]
    text = '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
    if re.search(r"</script|<!--", text, re.I):
        raise ValueError(f"{first}: it holds </script or <!--, which may not stand within a script element")
    return text


def notices(held: Sequence[str]) -> str:
    """Whose work the page holds, for each page carries it on; packages of one licence and author together."""
    said = json.loads(module_text("vendor/versions.json"))["packages"]
    names: dict[str, list[str]] = {}
    for name, each in said.items():
        if VENDORED + each["held"] in held:
            licence = module_text(f"vendor/LICENSE.{name.removeprefix('@').replace('/', '-')}")
            names.setdefault(licence, []).append(f"{name} {each['version']} ({each['licence']})")
    lines = [f"// {', '.join(packages)}:\n{comment(licence)}" for licence, packages in names.items()]
    return "// This script holds, under these licences:\n" + "".join(lines)


def comment(text: str) -> str:
    return "".join(f"// {line}".rstrip() + "\n" for line in text.strip().splitlines())


def built_files() -> dict[str, str]:
    """What rfcalc/page/built holds, by file."""
    scripts = {name: script(first) for name, first in ENTRIES.items()}
    return {**scripts, "explore.css": module_text("explore.css"), "live.css": module_text("live.css")}


if __name__ == "__main__":
    BUILT.mkdir(exist_ok=True)
    for name, text in built_files().items():
        (BUILT / name).write_text(text, encoding="utf-8")
