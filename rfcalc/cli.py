"""The command line: each verb reads its options, calls one function, prints, and sets the exit code."""

from __future__ import annotations

import json
import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import __version__, zoo
from .errors import RfcalcError, need
from .yamlfile import read_text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from .arch import Arch

app = typer.Typer(
    help="Receptive fields, sizes, parameters and costs of convolutional networks: worked out, proved, trained.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SPEC = "a YAML file, the name of a shipped spec (rfcalc list), or a torch model: FILE.py:NAME or PACKAGE.MODULE:NAME"
Target = Annotated[str, typer.Argument(help=SPEC, show_default=False)]
Targets = Annotated[list[str], typer.Argument(help=SPEC, show_default=False)]
Shape = Annotated[
    str | None,
    typer.Option("--input", metavar="C,H,W", help="the input: for a torch model, or in place of a spec's own"),
]
Output = Annotated[str | None, typer.Option("-o", "--output", metavar="FILE", help="write to a file")]


class TableFormat(StrEnum):
    """The forms of a network's table."""

    rich = "rich"
    markdown = "markdown"
    csv = "csv"
    json = "json"
    html = "html"
    latex = "latex"
    torchsummary = "torchsummary"


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


Document = Annotated[str, typer.Argument(help="Markdown or plain text; - reads standard input", show_default=False)]
Data = Annotated[
    str | None, typer.Option(metavar="DIR", help="a folder, a set, or synthetic; else RFCALC_DATA, else CIFAR-10")
]
Run = Annotated[str, typer.Argument(help="the folder of a finished run", show_default=False)]
Checkpoint = Annotated[str, typer.Option(help="last or best")]
ReportForm = Annotated[ReportFormat, typer.Option("--format", help="the form of the report")]


def network(target: str, shape: str | None) -> Arch:
    return zoo.load(target, None if shape is None else zoo.read_shape(shape))


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
    partial = f"{output}.part"
    try:
        with open(partial, "w", encoding="utf-8") as file:  # noqa: PTH123 - an output path is the user's text
            file.write(text)
        os.replace(partial, output)  # noqa: PTH105
    except OSError as error:
        raise RfcalcError(f"{output}: {error.strerror or error}") from None


def emit_json(value: Any, output: str | None = None) -> None:
    emit(json.dumps(value, indent=1, ensure_ascii=False), output)


@app.callback(invoke_without_command=True)
def options(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        emit(f"rfcalc {__version__}")
        raise typer.Exit


@app.command()
def table(
    target: Target,
    shape: Shape = None,
    form: Annotated[TableFormat, typer.Option("--format", help="the form of the table")] = TableFormat.rich,
    all_layers: Annotated[bool, typer.Option("--all", help="a row for every layer")] = False,
    output: Output = None,
) -> None:
    """Size, channels, window, jump, receptive field, start, parameters and MACs of every layer."""
    found = network(target, shape).table(all_layers)
    if form is TableFormat.rich:
        show(found.render(None if output else terminal_width()), output)
    else:
        emit(found.to_text(form), output)


@app.command("list")
def list_specs(
    form: Annotated[GridFormat, typer.Option("--format", help="the form of the list")] = GridFormat.rich,
    output: Output = None,
) -> None:
    """The shipped specs: parameters, MACs, receptive field, and where each comes from."""
    from .compare import catalogue

    show_grid(*catalogue([zoo.load(name) for name in zoo.names()]), form, output)


@app.command()
def explain(
    target: Target,
    layer: Annotated[str, typer.Argument(help="the name of a layer or a block")],
    shape: Shape = None,
) -> None:
    """One layer's row as arithmetic: r_out = 39 + (3-1)*2*4 = 55, and the same for the other figures."""
    from .explain import explain as explained

    emit(explained(network(target, shape), layer))


@app.command()
def compare(
    targets: Targets,
    shape: Shape = None,
    form: Annotated[GridFormat, typer.Option("--format", help="the form of the comparison")] = GridFormat.rich,
    output: Output = None,
) -> None:
    """Two or more networks side by side."""
    from .compare import compare as compared

    show_grid(*compared([network(target, shape) for target in targets]), form, output)


def show_grid(grid: Any, figures: Any, form: GridFormat, output: str | None) -> None:
    if form is GridFormat.rich:
        show(grid.to_rich(None if output else terminal_width()), output)
    elif form is GridFormat.json:
        emit_json(figures, output)
    else:
        emit(grid.to_text(form), output)


@app.command()
def check(
    targets: Annotated[list[str] | None, typer.Argument(help=SPEC, show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="every shipped spec")] = False,
    shape: Shape = None,
    form: ReportForm = ReportFormat.rich,
    output: Output = None,
) -> None:
    """Every figure of the table against torch: hooks, gradients, path counts; then what the spec states and demands.

    Exit code 0 when all holds, 1 when something does not, 2 for bad input.
    """
    need("torch", "torch")
    from .check import check as checked

    names = zoo.names() if every else targets
    if not names:
        raise RfcalcError("check needs a spec, or --all")
    reports = [checked(network(name, shape)) for name in names]
    found = [report.to_json() for report in reports]
    show_report(reports, found[0] if len(found) == 1 and not every else found, form, output)
    raise typer.Exit(0 if all(report.ok for report in reports) else 1)


def show_report(reports: list[Any], figures: Any, form: ReportFormat, output: str | None) -> None:
    if form is ReportFormat.json:
        emit_json(figures, output)
        return
    from rich.console import Group

    width = None if output else terminal_width()
    show(Group(*(report.render(width) for report in reports)), output)


@app.command()
def field(
    target: Target,
    layer: Annotated[str | None, typer.Argument(help="a layer; by default the last with more than one unit")] = None,
    shape: Shape = None,
    weights: Annotated[str | None, typer.Option(metavar="FILE", help="a state dict: trained weights")] = None,
    count: Annotated[int, typer.Option(min=1, help="random images to average over")] = 8,
    seed: Annotated[int, typer.Option(help="of the images, and of the weights when none are given")] = 0,
    form: ReportForm = ReportFormat.rich,
    output: Output = None,
) -> None:
    """The effective receptive field of a layer (Luo et al. 2016) beside what path counts predict."""
    need("torch", "torch")
    from .field import field_of

    given = None if shape is None else zoo.read_shape(shape)
    found = field_of(target, layer, given, count=count, seed=seed, weights=weights)
    show_report([found], found.to_json(), form, output)


@app.command()
def convert(target: Target, shape: Shape = None, output: Output = None) -> None:
    """The network as a spec: what was seen of a torch model, or a spec with its blocks written out."""
    from .specfile import dump

    emit(dump(network(target, shape)), output)


@app.command()
def infer(
    document: Document,
    shape: Shape = None,
    form: ReportForm = ReportFormat.rich,
    output: Annotated[str | None, typer.Option("-o", "--output", metavar="FILE", help="write the spec to it")] = None,
) -> None:
    """The network behind a printed summary (torchsummary, torchinfo): its spec, and where the print leaves a choice."""
    from .readme import infer as inferred
    from .specfile import dump

    found = inferred(read_document(document), None if shape is None else zoo.read_shape(shape))
    if output and found.arch:
        emit(dump(found.arch), output)
    show_report([found], found.to_json(), form, None)
    raise typer.Exit(found.exit_code)


@app.command()
def audit(document: Document, shape: Shape = None, form: ReportForm = ReportFormat.rich, output: Output = None) -> None:
    """Every figure that a README states, held against the arithmetic: right, wrong, a convention, or undetermined.

    Exit code 1 if anything is wrong.
    """
    from .readme import audit as audited

    found = audited(read_document(document), None if shape is None else zoo.read_shape(shape))
    show_report([found], found.to_json(), form, output)
    raise typer.Exit(found.exit_code)


def read_document(path: str) -> str:
    return sys.stdin.read() if path == "-" else read_text(path)


@app.command()
def train(
    target: Annotated[str, typer.Argument(help="a YAML file, or the name of a shipped spec", show_default=False)],
    recipe: Annotated[str | None, typer.Option(help="fast, best or a file; by default the spec's own")] = None,
    data: Data = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="in place of the recipe's")] = None,
    seed: Annotated[int | None, typer.Option(help="fixes everything")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
    out: Annotated[str | None, typer.Option(metavar="DIR", help="the record; by default runs/NAME")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on where the record stands")] = False,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="optimizer.lr=0.05")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="train on fewer pictures")] = None,
    val: Annotated[int | None, typer.Option(min=1, help="set training pictures apart for validation")] = None,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="train a spec that fails its check")] = False,
    precision: Annotated[str | None, typer.Option(help="float32, bf16, …; by default as a self-test finds")] = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="write TensorBoard events too")] = False,
) -> None:
    """Train a spec that has passed its check, and leave a complete record."""
    need_training()
    from .train import Stopped
    from .train import train as trained

    try:
        trained(
            target, recipe=recipe, data=data, epochs=epochs, seed=seed, device=device, out=out, resume=resume,
            settings=settings or (), limit=limit, val=val, unchecked=unchecked, precision=precision,
            tensorboard=tensorboard,
        )  # fmt: skip
    except Stopped as stopped:
        sys.stderr.write(f"rfcalc: {stopped}\n")
        raise typer.Exit(stopped.code) from None


def need_training() -> None:
    for package in ("torch", "albumentations", "matplotlib"):
        need(package, "train")


@app.command("eval")
def evaluate(
    run: Run,
    data: Data = None,
    checkpoint: Checkpoint = "last",
    form: ReportForm = ReportFormat.rich,
    output: Output = None,
) -> None:
    """The accuracy of a finished run: in all, per class, and the pictures of what it confuses."""
    need_training()
    from .train import evaluate as evaluated

    found = evaluated(run, data, checkpoint)
    show_report([found], found.to_json(), form, output)


@app.command()
def preview(
    target: Annotated[str, typer.Argument(help="a YAML file, or the name of a shipped spec", show_default=False)],
    data: Data = None,
    augment: Annotated[str | None, typer.Option(metavar="NAMES", help="HorizontalFlip,ToGray,…")] = None,
    recipe: Annotated[str | None, typer.Option(help="fast, best or a file; by default the spec's own")] = None,
    output: Output = None,
) -> None:
    """A picture of the data, and of what each augmentation makes of it."""
    need_training()
    from .train import preview as previewed

    emit(str(previewed(target, data, augment and augment.split(","), output, recipe)))


@app.command()
def export(run: Run, checkpoint: Checkpoint = "last") -> None:
    """A run's network for use elsewhere: a state dict, and ONNX."""
    need_training()
    from .train import export as exported

    emit("\n".join(map(str, exported(run, checkpoint=checkpoint))))


@app.command()
def schema(output: Output = None) -> None:
    """The JSON Schema of the spec language, for completion and checking in an editor."""
    from .schema import schema as described

    emit_json(described(), output)


def main() -> None:
    """Runs the command line; a user's mistake is one message on standard error and exit code 2."""
    try:
        app()
    except RfcalcError as error:
        sys.stderr.write(f"rfcalc: {error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
