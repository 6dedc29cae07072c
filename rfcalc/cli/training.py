"""The verbs around training: train, sweep, and what is done with runs and recipes."""

import sys
from collections.abc import Callable
from dataclasses import fields
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from .. import zoo
from ..errors import RfcalcError, need
from ..train.recipe.options import Options
from ..train.sweep.options import SweepOptions
from .app import app
from .output import emit, emit_json, show, show_report, terminal_width
from .parameters import (
    Checkpoint,
    DataOption,
    Designs,
    OutputOption,
    ReportForm,
    RunArgument,
    ShapeOption,
    TargetArgument,
)


def with_options(cls: Any, name: str, argument: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes a verb of one argument and an option for each field of a class, such as the trainer's Options, which the
    verb gets as one object."""
    hints = get_type_hints(cls)
    parameters = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, annotation=argument)]
    for field in fields(cls):
        about = dict(field.metadata["typer"])
        option = typer.Option(*filter(None, [about.pop("flag", None)]), help=field.metadata["help"], **about)
        many = hints[field.name] == tuple[str, ...] or field.name in ONCE
        hint, default = (list[str] | None, None) if many else (hints[field.name], field.default)
        annotation: Any = Annotated[hint, option]
        parameters.append(Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation))

    def made(verb: Callable[..., None]) -> Callable[..., None]:
        def called(**given: Any) -> None:
            given |= {option: given_once(option, given[option]) for option in ONCE if option in given}
            verb(given.pop(name), cls().given(**given))

        called.__doc__, called.__signature__ = verb.__doc__, Signature(parameters)  # type: ignore[attr-defined]
        return called

    return made


ONCE = {"input": "a training takes one input"}
"""Options that other verbs take several times: here the last one would silently win."""


def given_once(name: str, values: list[str] | None) -> str | None:
    if values and len(values) > 1:
        raise RfcalcError(f"--{name} {f' --{name} '.join(values)}: {ONCE[name]}")
    return values[0] if values else None


@app.command("train")
@with_options(Options, "target", TargetArgument)
def train(target: str, options: Options) -> None:
    """Train a network that has passed its check, and leave a complete record."""
    need_training()
    from .. import train

    until_stopped(lambda: train.train(target, options))


def until_stopped(act: Callable[[], Any]) -> Any:
    """What comes of a training; one that is interrupted says how it goes on, and gives the shell's exit code."""
    from ..train import Stopped

    try:
        return act()
    except Stopped as stopped:
        sys.stderr.write(f"rfcalc: {stopped}\n")
        raise typer.Exit(stopped.code) from None


@app.command("sweep")
@with_options(SweepOptions, "targets", Designs)
def sweep(targets: list[str], options: SweepOptions) -> None:
    """Train every combination of networks, recipes, settings and seeds, here or on a cluster, and compare them.

    The same command goes on with what is unfinished. Exit code 0 when every run has finished, 1 when one failed.
    """
    need_training()
    from ..train import sweep

    found = until_stopped(lambda: sweep.sweep(targets, options))
    if not options.quiet:
        show(found.render(terminal_width()))
    raise typer.Exit(found.exit_code)


def need_training() -> None:
    for package in ("torch", "matplotlib"):
        need(package, "train")


@app.command()
def recipe(
    name: Annotated[str, typer.Argument(help="fast, best, a file, or a spec", show_default=False)],
    output: OutputOption = None,
) -> None:
    """A recipe as YAML, to read or to change: with all that it extends."""
    from ..train.recipe.reader import recipe_as_yaml

    emit(recipe_as_yaml(name), output)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="of the network", show_default=False)],
    shape: Annotated[str, typer.Option("--input", metavar="C,H,W")] = "3,32,32",
    classes: Annotated[int, typer.Option(min=2)] = 10,
    output: Annotated[str | None, typer.Option("-o", "--output", metavar="FILE", help="by default NAME.yaml")] = None,
) -> None:
    """A commented spec to begin with, with targets and a recipe."""
    from .. import api
    from ..train.recipe.starter import SCHEMA, starter

    path = output or f"{name}.yaml"
    if Path(path).exists():
        raise RfcalcError(f"{path}: is there already, and is not overwritten")
    emit(starter(name, zoo.read_shape(shape), classes, path), path)
    schema = Path(path).parent / SCHEMA
    if not schema.exists():
        emit_json(api.schema(), str(schema))
    emit(path)


@app.command("eval")
def evaluate(
    run: RunArgument,
    data: DataOption = None,
    checkpoint: Checkpoint = "last",
    out: Annotated[str | None, typer.Option(metavar="DIR", help="for plots; by default RUN/evaluation")] = None,
    form: ReportForm = "rich",
    output: OutputOption = None,
) -> None:
    """The accuracy of a finished run: in all, per class, and images of what it confuses."""
    need_training()
    from .. import train

    found = train.evaluate(run, data, checkpoint, out, write=form == "rich")
    show_report([found], form, output)


@app.command()
def preview(
    target: TargetArgument,
    shape: ShapeOption = None,
    data: DataOption = None,
    augment: Annotated[str | None, typer.Option(metavar="NAMES", help="HorizontalFlip,ToGray,…")] = None,
    recipe: Annotated[str | None, typer.Option(help="fast, best or a file; by default the spec's own")] = None,
    output: OutputOption = None,
) -> None:
    """Images of the data, and of what each augmentation makes of them."""
    need_training()
    from .. import train

    emit(str(train.preview(target, data, augment and augment.split(","), output, recipe, shape)))


@app.command()
def export(
    run: RunArgument,
    to: Annotated[
        list[str] | None,
        typer.Option(metavar="FORMAT", help="state-dict, safetensors, onnx (these three by default), hub-folder"),
    ] = None,
    checkpoint: Checkpoint = "last",
    out: Annotated[str | None, typer.Option(metavar="DIR", help="by default the run's own folder")] = None,
) -> None:
    """A run's network for use elsewhere: weights, ONNX, or a folder in the style of a model hub."""
    need_training()
    from .. import train

    given = {"formats": tuple(to)} if to else {}
    emit("\n".join(map(str, train.export(run, checkpoint=checkpoint, out=out, **given))))
