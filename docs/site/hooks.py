"""What the documentation site makes while it is built: the start page, the reference, the gallery.

mkdocs calls `on_files` with the pages in docs/. Nothing made here is kept: the README, the command line, `dir(rfcalc)`
and the shipped specs are the only sources.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
TOP = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changes.md": "CHANGELOG.md"}
"""Pages of the site that stand in the top folder."""
sys.path.insert(0, str(ROOT))


def on_files(files: Any, config: Any) -> Any:
    from mkdocs.structure.files import File

    for place, content in pages():
        files.append(File.generated(config, place, content=content))
    return files


def pages() -> Iterator[tuple[str, str | bytes]]:
    """Every generated page or drawing: its place in the site, and what it holds."""
    for place, name in TOP.items():
        yield place, at_home((ROOT / name).read_text("utf-8"))
    yield "reference/commands.md", commands()
    yield "reference/api.md", api()
    yield from gallery()


def at_home(text: str) -> str:
    """A page of the top folder with its links as they are from inside docs/."""
    text = text.replace("](docs/", "](").replace("](docs)", "](reference/commands.md)")
    return text.replace("](CONTRIBUTING.md)", "](contributing.md)")


def commands() -> str:
    """Every verb's help, as the command line itself prints it."""
    import typer

    from rfcalc.cli import app

    group: Any = typer.main.get_command(app)
    top = group.make_context("rfcalc", ["--version"], resilient_parsing=True)
    out = ["# Every command\n\nAs `rfcalc VERB --help` prints it.\n"]
    for name in group.list_commands(top):
        verb = group.commands[name]
        inner = type(top)(verb, info_name=name, parent=top, terminal_width=100, max_content_width=100)
        out.append(f"## {name}\n\n```text\n{verb.get_help(inner).replace('Usage: root ', 'Usage: rfcalc ')}\n```\n")
    return "\n".join(out)


def api() -> str:
    """Every public name of the package, and the functions of the trainer."""
    import rfcalc

    out = ["# The Python API\n\n`dir(rfcalc)` lists all of it; what is heavy loads when it is first used.\n"]
    for name in sorted(dir(rfcalc), key=lambda name: (name[0].isupper(), name)):
        out.append(f"## `rfcalc.{name}`\n\n::: {getattr(rfcalc, name).__module__}.{name}\n")
    return "\n".join(out)


def gallery() -> Iterator[tuple[str, str | bytes]]:
    """The shipped networks, each with its figures and its drawing."""
    from rfcalc import drawing, load, names

    out = ["# The shipped networks\n"]
    with tempfile.TemporaryDirectory() as folder:
        for name in names():
            arch, file = load(name), f"{folder}/{name}.svg"
            drawing.plot(name, file, "network")
            yield f"gallery/{name}.svg", Path(file).read_bytes()
            out.append(f"## {name}\n\n{arch.source}\n\n```text\n{arch}\n```\n\n![The network {name}]({name}.svg)\n")
    yield "gallery/index.md", "\n".join(out)
