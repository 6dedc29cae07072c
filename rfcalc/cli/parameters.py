"""The arguments and options that several verbs share, and the forms that they print in."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

SPEC = "a YAML file, the name of a shipped spec (rfcalc list), or a torch model: FILE.py:NAME or PACKAGE.MODULE:NAME"
TargetArgument = Annotated[str, typer.Argument(help=SPEC, show_default=False)]
TargetsArgument = Annotated[list[str], typer.Argument(help=SPEC, show_default=False)]
Designs = Annotated[list[str], typer.Argument(help=f"{SPEC}; or a folder of YAML files", show_default=False)]
ShapeOption = Annotated[
    str | None,
    typer.Option("--input", metavar="C,H,W", help="the input: for a torch model, or in place of a spec's own"),
]
InputsOption = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="C,H,W", help="an input: [NAME=][TYPE:]C,H,W; of a torch model, once for each"),
]
Of = Annotated[
    str | None, typer.Option("--of", metavar="NAME", help="of several inputs: the one whose fields are wanted")
]
OutputOption = Annotated[str | None, typer.Option("-o", "--output", metavar="FILE", help="write to a file")]


class TableFormat(StrEnum):
    """The forms of a network's table."""

    rich = "rich"
    markdown = "markdown"
    csv = "csv"
    json = "json"
    html = "html"
    latex = "latex"
    torchsummary = "torchsummary"


class CountedBy(StrEnum):
    """Whose count of multiply-adds a table shows, by the names of `report.counting`, which is not loaded for them."""

    macs = "macs"
    flops = "flops"
    fvcore = "fvcore"
    torchinfo = "torchinfo"
    ptflops = "ptflops"
    ptflops_aten = "ptflops-aten"
    thop = "thop"


class GridFormat(StrEnum):
    """The forms of any other table."""

    rich = "rich"
    markdown = "markdown"
    csv = "csv"
    json = "json"
    html = "html"
    latex = "latex"


class ReportFormat(StrEnum):
    """The forms of a report."""

    rich = "rich"
    json = "json"


class AuditFormat(StrEnum):
    """The forms of an audit: markdown for a comment, github for annotations."""

    rich = "rich"
    json = "json"
    markdown = "markdown"
    github = "github"


class GuardFormat(StrEnum):
    """The forms of what a change did: markdown for a comment, github for annotations."""

    text = "text"
    json = "json"
    markdown = "markdown"
    github = "github"


DOCUMENT = "Markdown, a notebook, HTML, CSV or plain text, known by content; - reads standard input"
Documents = Annotated[list[str], typer.Argument(help=DOCUMENT, show_default=False)]
DataOption = Annotated[
    str | None, typer.Option(metavar="DIR", help="a folder, a set, or synthetic; else RFCALC_DATA, else CIFAR-10")
]
RunArgument = Annotated[str, typer.Argument(help="the folder of a run", show_default=False)]
Checkpoint = Annotated[str, typer.Option(help="last or best")]
ReportForm = Annotated[ReportFormat, typer.Option("--format", help="the form of the report")]
