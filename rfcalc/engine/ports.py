"""What goes into a network and comes out of it, by name."""

from __future__ import annotations

from typing import Any, NamedTuple


class Port(NamedTuple):
    """An input or an output of a network: its name, the node that holds it (0: the image), its shape without batch."""

    name: str
    node: int
    shape: tuple[int, ...]


class TypedInput(NamedTuple):
    """An input as it is typed, `ids=int64:128`: the name of forward's argument, torch's name of its type, its shape
    without the batch."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class Focus(NamedTuple):
    """What a network of several inputs is given, and the name of the input whose fields are wanted."""

    given: Any
    of: str


def focused(given: Any, of: str | None) -> Any:
    """What a network is given, with the input whose fields are wanted, where one is named."""
    return given if of is None else Focus(given, of)
