"""The verbs that draw."""

from typing import Annotated, Literal

import typer

from .. import zoo
from ..errors import RfcalcError
from .app import app, network
from .parameters import InputsOption, Of, TargetArgument, TargetsArgument


@app.command()
def plot(
    target: TargetArgument,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="FILE.svg, FILE.pdf or FILE.png")],
    kind: Annotated[Literal["network", "growth", "unit", "effective"], typer.Option(help="what it shows")] = "network",
    layer: Annotated[list[str] | None, typer.Option(help="unit, effective: a layer; may be repeated")] = None,
    unit: Annotated[
        str | None, typer.Option(metavar="I,J", help="unit, effective: another than the centre one")
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="FILE", help="unit: the image that the fields are drawn on")
    ] = None,
    weights: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="effective: trained weights; may be repeated")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="effective: random images to average over")] = 8,
    seed: Annotated[int, typer.Option(help="effective: of images and initial weights")] = 0,
    unfold: Annotated[bool, typer.Option("--unfold", help="network: a box for every layer")] = False,
    horizontal: Annotated[bool, typer.Option("--horizontal", help="network: from left to right")] = False,
    dark: Annotated[bool, typer.Option("--dark", help="light on dark")] = False,
    inputs: InputsOption = None,
    of: Of = None,
) -> None:
    """The graph, the growth of fields, what units see, or the effective field, as SVG, PDF or PNG."""
    from .. import drawing

    given, at = zoo.read_inputs(inputs, of), None if unit is None else zoo.read_place("--unit", unit)
    drawing.plot(
        target, output, kind, layers=layer or (), unit=at, image=image, weights=weights or (), unfold=unfold,
        horizontal=horizontal, dark=dark, input=given, count=count, seed=seed,
    )  # fmt: skip


@app.command()
def explore(
    targets: TargetsArgument,
    output: Annotated[str | None, typer.Option("-o", "--output", metavar="FILE", help="FILE.html")] = None,
    inputs: InputsOption = None,
    live: Annotated[bool, typer.Option("--live", help="edit one YAML file in the browser")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="--live: of 127.0.0.1; 0 is any free one")] = 0,
) -> None:
    """A page to point at layers and units: what each reads, holes and path counts included; one network, or two side by
    side. One HTML file, without a server; or, with --live, served on this machine, with an editor of the spec."""
    from .. import page

    if live:
        from ..api import schema
        from ..page.live import serve

        if len(targets) != 1 or output or inputs:
            raise RfcalcError("explore --live: takes one YAML file, no -o and no --input")
        serve(targets[0], schema(), port)
        return
    if output is None:
        raise RfcalcError("explore: say where the page goes, -o FILE.html, or --live to edit a spec in the browser")
    page.explore([network(target, inputs) for target in targets]).save(output)
