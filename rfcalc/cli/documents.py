"""The verbs that read documents."""

from typing import Annotated

import typer

from .. import zoo
from .app import app
from .output import emit, show_report
from .parameters import AuditForm, Documents, OutputOption, ReportForm

Image = Annotated[
    str | None,
    typer.Option("--input", metavar="C,H,W", help="the image that the document's networks read, where it does not say"),
]


@app.command()
def infer(
    documents: Documents,
    shape: Image = None,
    form: ReportForm = "rich",
    model: Annotated[
        str | None, typer.Option(metavar="N|HEADING", help="of several models this one: a number, or words above it")
    ] = None,
    named: Annotated[bool, typer.Option("--list", help="name the models, and stop")] = False,
    output: Annotated[str | None, typer.Option("-o", "--output", metavar="FILE", help="write the spec to it")] = None,
) -> None:
    """The network that a document prints, tabulates or codes: its spec, and what stays open.

    Summaries (torchsummary, torchinfo, Keras), tables and lists with kernels and channels, torch and Keras code.
    """
    from ..readme.infer import infer
    from ..readme.read.text import read_file
    from ..spec.writer import dump

    texts = [read_file(document) for document in documents]
    if named:
        emit("\n".join(line for text in texts for line in infer.list_models(text)))
        return
    reports = [infer.infer(text, None if shape is None else zoo.read_shape(shape), model) for text in texts]
    if output and reports[0].arch:
        emit(dump(reports[0].arch), output)
    show_report(reports, form, None)
    raise typer.Exit(max(report.exit_code for report in reports))


@app.command()
def audit(documents: Documents, shape: Image = None, form: AuditForm = "rich", output: OutputOption = None) -> None:
    """Every figure that a README states, held against the arithmetic: right, wrong, a convention, or undetermined.

    Exit code 1 if anything is wrong.
    """
    from ..readme.audit import audit
    from ..readme.read.text import read_file

    image = None if shape is None else zoo.read_shape(shape)
    reports = [audit.audit(read_file(document), image, document.removeprefix("-")) for document in documents]
    if form in ("markdown", "github"):
        emit("".join(getattr(report, f"to_{form}")() for report in reports), output)
    else:
        show_report(reports, form, output)
    raise typer.Exit(max(report.exit_code for report in reports))
