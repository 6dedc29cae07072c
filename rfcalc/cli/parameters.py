"""The arguments and options that several verbs share, and the forms that they print in."""

from __future__ import annotations

from typing import Annotated, Literal

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


GridFormat = Literal["rich", "markdown", "csv", "json", "html", "latex"]
TableFormat = Literal[GridFormat, "torchsummary"]
GridForm = Annotated[GridFormat, typer.Option("--format", help="the form of the table")]
TableForm = Annotated[TableFormat, typer.Option("--format", help="the form of the table")]
ReportForm = Annotated[Literal["rich", "json"], typer.Option("--format", help="the form of the report")]
CommentFormat = Literal["json", "markdown", "github"]
"""Markdown for a comment, github for annotations."""
AuditForm = Annotated[Literal["rich", CommentFormat], typer.Option("--format", help="the form of the report")]
GuardForm = Annotated[Literal["text", CommentFormat], typer.Option("--format", help="the form of the report")]
CountedBy = Literal["macs", "flops", "fvcore", "torchinfo", "ptflops", "ptflops-aten", "thop"]
"""Whose count of multiply-adds a table shows, by the names of `report.counting`, which is not loaded for them."""
CountOption = Annotated[CountedBy, typer.Option(help="whose count the last column holds (docs/counting.md)")]
DOCUMENT = "Markdown, a notebook, HTML, CSV or plain text, known by content; - reads standard input"
Documents = Annotated[list[str], typer.Argument(help=DOCUMENT, show_default=False)]
DataOption = Annotated[
    str | None, typer.Option(metavar="DIR", help="a folder, a set, or synthetic; else RFCALC_DATA, else CIFAR-10")
]
RunArgument = Annotated[
    str, typer.Argument(help="the folder of a run, or a shipped network with weights", show_default=False)
]
Checkpoint = Annotated[str, typer.Option(help="last or best")]
