"""The command line itself, and how a verb gets its network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__, zoo
from .output import emit

if TYPE_CHECKING:
    from ..engine.arch import Arch


class Verbs(TyperGroup):
    """The list of verbs, each with the first sentence of its help: whole, on as many lines as it takes."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rows = [(name, first_sentence(self.get_command(ctx, name).help or "")) for name in self.list_commands(ctx)]  # type: ignore[union-attr]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def first_sentence(text: str) -> str:
    """Up to the first full stop that a new sentence follows.

    >>> first_sentence("The field (Luo et al. 2016) of a layer. And more.")
    'The field (Luo et al. 2016) of a layer.'
    """
    return re.split(r"(?<=\.)\s+(?=[A-Z])", " ".join(text.partition("\n\n")[0].split()), maxsplit=1)[0]


app = typer.Typer(
    cls=Verbs,
    help="Receptive fields, sizes, parameters and costs of convolutional networks: worked out, proved, trained.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="print the version")] = False
) -> None:
    if version:
        emit(f"rfcalc {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        emit(context.get_help())


def network(target: str, inputs: list[str] | None, of: str | None = None) -> Arch:
    return zoo.load(target, zoo.read_inputs(inputs, of))
