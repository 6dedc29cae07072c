"""The verbs that run the network: its figures held against torch, and its measured field."""

from typing import Annotated

import typer

from .. import zoo
from ..errors import RfcalcError, need
from .app import app
from .output import show_report
from .parameters import SPEC, InputsOption, Of, OutputOption, ReportForm, TargetArgument


@app.command()
def check(
    targets: Annotated[list[str] | None, typer.Argument(help=SPEC, show_default=False)] = None,
    every: Annotated[bool, typer.Option("--all", help="every shipped spec")] = False,
    inputs: InputsOption = None,
    form: ReportForm = "rich",
    output: OutputOption = None,
) -> None:
    """Every figure of the table against torch. A spec: hooks, gradients, path counts, then what it states and demands.
    A torch model: its own forward, run with one pixel changed; an ONNX model: onnx's evaluator, without torch.

    Exit code 0 when all holds, 1 when something does not, 2 for bad input.
    """
    from .. import api

    names = zoo.names() if every else targets
    if not names:
        raise RfcalcError("check needs a spec, or --all")
    reports = [api.check(name, zoo.read_inputs(inputs)) for name in names]
    show_report(reports, form, output, listed=every)
    raise typer.Exit(0 if all(report.ok for report in reports) else 1)


@app.command()
def field(
    target: TargetArgument,
    layer: Annotated[str | None, typer.Argument(help="a layer; by default the last with more than one unit")] = None,
    inputs: InputsOption = None,
    unit: Annotated[str | None, typer.Option(metavar="I,J", help="another unit than the centre one")] = None,
    weights: Annotated[str | None, typer.Option(metavar="FILE|RUN", help="trained weights, loaded strictly")] = None,
    images: Annotated[list[str] | None, typer.Option(metavar="DIR|FILE", help="your own images, one or more")] = None,
    mean: Annotated[str | None, typer.Option(metavar="M,…", help="of your images: taken off, per channel")] = None,
    std: Annotated[str | None, typer.Option(metavar="S,…", help="of your images: divided by, per channel")] = None,
    count: Annotated[int, typer.Option(min=1, help="random images to average over")] = 8,
    seed: Annotated[int, typer.Option(help="of the images, and of the weights when none are given")] = 0,
    of: Of = None,
    form: ReportForm = "rich",
    output: OutputOption = None,
) -> None:
    """The effective receptive field of a layer (Luo et al. 2016) beside what path counts predict."""
    need("torch", "torch")
    from ..measure import OwnImages, field_of

    own = OwnImages(tuple(images), read_numbers("--mean", mean), read_numbers("--std", std)) if images else None
    place = None if unit is None else zoo.read_place("--unit", unit)
    given = zoo.read_inputs(inputs, of)
    found = field_of(target, layer, given, images=own, count=count, seed=seed, weights=weights, unit=place)
    show_report([found], form, output)


def read_numbers(option: str, typed: str | None) -> tuple[float, ...]:
    try:
        return tuple(map(float, typed.split(","))) if typed else ()
    except ValueError:
        raise RfcalcError(f"{option} {typed}: must be numbers, such as 0.5,0.5,0.5") from None
