"""The verbs that search for a network."""

from typing import Annotated

import typer

from .app import app
from .output import emit, show_report
from .parameters import ReportForm


@app.command()
def design(
    family: Annotated[str, typer.Argument(help="a YAML file with choices, or a shipped family", show_default=False)],
    count: Annotated[int | None, typer.Option(min=1, help="designs told; by default 5, or the whole front")] = None,
    seconds: Annotated[float, typer.Option(min=0, help="then it says what was covered")] = 300,
    form: ReportForm = "rich",
    output: Annotated[
        list[str] | None,
        typer.Option("-o", "--output", metavar="DIR|FILE", help="a folder for the specs; a .svg, .png or .pdf plot"),
    ] = None,
) -> None:
    """The networks of a family that meet its targets: how many, the best of them, or what stands in the way.

    Exit code 0 when some do, 1 when none does, 2 for bad input.
    """
    from ..search.design import designed

    found = designed(family, count, seconds, output or [])
    show_report([found], form, None)
    raise typer.Exit(found.exit_code)


@app.command()
def repair(
    target: Annotated[str, typer.Argument(help="a YAML file, or the name of a shipped spec", show_default=False)],
    keep: Annotated[str | None, typer.Option(metavar="NAMES", help="layers or blocks left alone: C1,C2")] = None,
    only: Annotated[str | None, typer.Option(metavar="KINDS", help="kinds of edit: dilation,stride,channels,…")] = None,
    seconds: Annotated[float, typer.Option(min=0, help="then it says what was not proved")] = 30,
    form: ReportForm = "rich",
    output: Annotated[str | None, typer.Option("-o", "--output", metavar="FILE", help="write the spec to it")] = None,
) -> None:
    """The smallest change with which a spec meets its targets.

    Exit code 0 when it is repaired or misses nothing, 1 when no repair was found, 2 for bad input.
    """
    from ..search import repair

    found = repair.repair(target, (keep or "").split(",") if keep else (), only.split(",") if only else (), seconds)
    if output and (spec := found.to_json()["spec"]):
        emit(spec, output)
    show_report([found], form, None)
    raise typer.Exit(found.exit_code)
