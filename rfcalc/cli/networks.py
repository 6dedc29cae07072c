"""The verbs that read a network on paper: nothing here needs torch for a spec."""

from pathlib import Path
from typing import Annotated

import typer

from .. import zoo
from ..errors import need
from .app import app, network
from .output import PLOTS, emit, emit_json, show_grid, show_report
from .parameters import (
    CountOption,
    GridForm,
    GuardForm,
    InputsOption,
    Of,
    OutputOption,
    ReportForm,
    TableForm,
    TargetArgument,
    TargetsArgument,
)


@app.command()
def table(
    target: TargetArgument,
    inputs: InputsOption = None,
    of: Of = None,
    form: TableForm = "rich",
    all_layers: Annotated[bool, typer.Option("--all", help="a row for every layer")] = False,
    count: CountOption = "macs",
    output: OutputOption = None,
) -> None:
    """Size, channels, window, jump, receptive field, start, parameters and MACs of every layer."""
    show_grid(network(target, inputs, of).table(all_layers, count), form, output)


@app.command()
def guard(
    targets: Annotated[list[str], typer.Argument(help="YAML files, or folders of them", show_default=False)],
    against: Annotated[str, typer.Option(metavar="REF", help="a branch, tag or commit of this repository")] = "main",
    max_params: Annotated[int | None, typer.Option(help="a budget for every spec, beside its targets")] = None,
    max_macs: Annotated[int | None, typer.Option(help="the same for MACs")] = None,
    min_receptive_field: Annotated[int | None, typer.Option(help="the same for the field")] = None,
    form: GuardForm = "text",
    output: OutputOption = None,
) -> None:
    """What a change did to networks: parameters, MACs, field and layers, now and at another commit of this repository.

    Exit code 0 within budget, 1 where a target or budget is missed or a spec is broken, 2 for bad input.
    """
    from .. import guard

    given = {"max_params": max_params, "max_macs": max_macs, "min_receptive_field": min_receptive_field}
    found = guard.guard(targets, against, {key: bound for key, bound in given.items() if bound is not None})
    if form == "json":
        emit_json(found.to_json(), output)
    else:
        emit(getattr(found, f"to_{form}")(), output)
    raise typer.Exit(found.exit_code)


@app.command()
def doctor(form: ReportForm = "rich", output: OutputOption = None) -> None:
    """What is installed and what is missing, with the command for this environment; what this CPU can do.

    Exit code 0 when rfcalc can work, also without extras; 1 when it cannot.
    """
    from ..doctor import examine

    found = examine()
    show_report([found], form, output)
    raise typer.Exit(0 if found.ok else 1)


@app.command("list")
def list_specs(
    form: GridForm = "rich",
    recipes: Annotated[bool, typer.Option("--recipes", help="the shipped recipes instead")] = False,
    output: OutputOption = None,
) -> None:
    """The shipped specs: parameters, MACs, receptive field, and where each comes from; or the recipes."""
    from ..report.compare import catalogue
    from ..train.recipe.reader import recipes_side_by_side

    show_grid(recipes_side_by_side() if recipes else catalogue([zoo.load(name) for name in zoo.names()]), form, output)


@app.command()
def explain(
    target: TargetArgument,
    layer: Annotated[str, typer.Argument(help="the name of a layer or a block")],
    inputs: InputsOption = None,
) -> None:
    """One layer's row as arithmetic: r_out = 39 + (3-1)*2*4 = 55, and the same for the other figures."""
    from ..report import explain

    emit(explain.explain(network(target, inputs), layer))


@app.command()
def compare(
    targets: TargetsArgument, inputs: InputsOption = None, form: GridForm = "rich", output: OutputOption = None
) -> None:
    """Two or more networks side by side; or runs: what differs, what came of it, and as CSV or a plot their curves."""
    if all((Path(target) / "run.json").is_file() for target in targets):
        return show_runs(targets, form, output)
    from ..report import compare

    show_grid(compare.compare([network(target, inputs) for target in targets]), form, output)


def show_runs(targets: list[str], form: str, output: str | None) -> None:
    need("torch", "train")
    from ..train import compare_runs, plot_runs

    if output and Path(output).suffix.lower() in PLOTS:
        need("matplotlib", "train")
        return emit(str(plot_runs(targets, output)))
    return show_grid(compare_runs(targets), form, output)


@app.command("unit")
def unit_verb(
    target: TargetArgument,
    layer: Annotated[str | None, typer.Argument(help="a layer or a block")] = None,
    place: Annotated[str | None, typer.Argument(metavar="I,J", help="its unit; by default the centre one")] = None,
    source: Annotated[str | None, typer.Option("--from", metavar="LAYER", help="count in that layer's units")] = None,
    pixel: Annotated[str | None, typer.Option(metavar="Y,X", help="which units of every layer see this pixel")] = None,
    inputs: InputsOption = None,
    of: Of = None,
    form: ReportForm = "rich",
    output: OutputOption = None,
) -> None:
    """The exact rectangle of pixels that a unit sees, its holes, and what of it lies beyond the image; or, with
    --pixel, the units that see a pixel."""
    from ..report.unit import unit_or_pixel

    unit, at = (None if text is None else zoo.read_place("a unit or pixel", text) for text in (place, pixel))
    found = unit_or_pixel(network(target, inputs, of), layer, unit, source, at)
    show_report([found], form, output)


@app.command()
def convert(target: TargetArgument, inputs: InputsOption = None, output: OutputOption = None) -> None:
    """The network as a spec: what was seen of a torch model, or a spec with its blocks written out."""
    from ..spec.writer import dump

    emit(dump(network(target, inputs)), output)


@app.command()
def code(target: TargetArgument, inputs: InputsOption = None, output: OutputOption = None) -> None:
    """The network as a torch module to read, change and keep: Python that needs no rfcalc."""
    need("torch", "torch")
    from ..source.writer import source

    emit(source(network(target, inputs)), output)


@app.command()
def schema(output: OutputOption = None) -> None:
    """The JSON Schema of the spec language, for completion and checking in an editor."""
    from .. import api

    emit_json(api.schema(), output)
