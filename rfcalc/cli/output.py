"""Printing: to the terminal in its width and colours, or to a file, whole or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RfcalcError, refusals_of
from ..report.grid import as_json

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ..report.compare import Comparison
    from ..report.table import Table
    from ..train.report.compare import RunComparison

PLOTS = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".pdf")


def terminal_width() -> int | None:
    """The width that output should fit, or None when it goes to a file or another program."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return None
    from shutil import get_terminal_size

    return get_terminal_size().columns


def show(renderable: RenderableType, output: str | None = None) -> None:
    """Prints to the terminal in its width and colours, or in full width, without colours, to a file."""
    from rich.console import Console

    if output is None:
        width = terminal_width()
        Console(width=width or 100_000, highlight=False, soft_wrap=width is None).print(renderable)
        return
    plain = Console(width=100_000, color_system=None, highlight=False)
    with plain.capture() as capture:
        plain.print(renderable)
    emit(capture.get(), output)


def emit(text: str, output: str | None = None) -> None:
    """Prints text as it is, or writes it to a file as a whole or not at all."""
    if output is None:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        return
    if Path(output).suffix.lower() in PLOTS:
        raise RfcalcError(f"{output}: this is text, which is not written under the ending of an image")
    partial = f"{output}.part"
    with refusals_of(output):
        Path(partial).write_text(text, encoding="utf-8")
        os.replace(partial, output)  # noqa: PTH105 - an output path is the user's text


def emit_json(value: Any, output: str | None = None) -> None:
    emit(as_json(value), output)


def show_grid(found: Table | Comparison | RunComparison, form: str, output: str | None) -> None:
    if form == "rich":
        show(found.render(None if output else terminal_width()), output)
    else:
        emit(found.to_text(form), output)


def show_report(reports: list[Any], form: str, output: str | None, listed: bool = False) -> None:
    """Reports one after another; as JSON a list of them, but one alone as such unless it is to be `listed` too."""
    if form == "json":
        figures = [report.to_json() for report in reports]
        emit_json(figures[0] if len(figures) == 1 and not listed else figures, output)
        return
    from rich.console import Group

    width = None if output else terminal_width()
    show(Group(*(report.render(width) for report in reports)), output)
