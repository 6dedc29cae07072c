"""A spec that is still being written: the network up to the first thing that is wrong, and all that is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..engine.arch import Arch, Node, walk
from ..errors import SpecError
from . import yamlfile
from .reader import Reader, loads
from .yamlfile import NotYaml

MOST_CUTS = 50
"""How often a text that is no YAML is cut further, each time at an earlier line."""
BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
"""The line breaks of YAML."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong: its line, counted from 1, where it has one, and what."""

    line: int | None
    text: str


@dataclass(frozen=True)
class SpecDraft:
    """What can be read of a text: the network as far as it goes, None where not one layer can be worked out; what is
    wrong; and whether the network is whole, so that what is wrong lies beside its layers."""

    arch: Arch | None
    problems: tuple[Problem, ...] = ()
    whole: bool = False


def draft(text: str, path: str = "<text>") -> SpecDraft:
    """As much of a network as its text says before the first thing that is wrong. Raises nothing.

    >>> found = draft("input: [3, 8, 8]\\nlayers:\\n- conv: {out_channels: 4, kernel_size: 3}\\n- conv: {out_chan")
    >>> found.arch.params, found.problems[0].line, found.whole
    (112, 4, False)
    """
    try:
        return SpecDraft(loads(text, path), whole=True)
    except NotYaml as error:
        problem = Problem(error.line, problem_of(error.problems[0], path).text)
        return SpecDraft(begun(text, path, error.line), (problem,))
    except SpecError as error:
        problems = tuple(problem_of(problem, path) for problem in error.problems)
        arch, whole = as_far_as(text, path)
        return SpecDraft(arch, problems, whole)


def problem_of(problem: str, path: str) -> Problem:
    """A problem as the reader writes it, its line apart."""
    found = re.match(rf"{re.escape(path)}(?::(\d+))?: (.*)", problem, re.S)
    if found is None:
        return Problem(None, problem)
    return Problem(int(found[1]) if found[1] else None, found[2])


# --- what is no YAML ------------------------------------------------------------------------------------------------


def begun(text: str, path: str, line: int) -> Arch | None:
    """The network in front of the layer in which a text ceases to be YAML."""
    lines = BREAK.split(text)
    for _ in range(MOST_CUTS):
        lines = lines[: item_start(lines, line)]
        if not lines:
            return None
        try:
            arch, _ = as_far_as("\n".join(lines), path)
        except NotYaml as error:
            line = min(error.line, len(lines))
        else:
            return arch and replace(arch, claims={}, targets={})  # they speak of a network that is not whole yet
    return None


def item_start(lines: Sequence[str], line: int) -> int:
    """How many lines stand in front of the item of a list that holds a line, or of the line, where it is in none.

    >>> item_start(["layers:", "- relu", "- conv:", "    stride: [", "targets: ["], 4)
    2
    >>> item_start(["layers:", "- relu", "targets: ["], 3)
    2
    """
    for number in range(min(line, len(lines)) - 1, -1, -1):
        bare = lines[number].lstrip()
        if bare.startswith("-"):
            return number
        if bare and bare == lines[number]:
            break
    return min(line, len(lines)) - 1


# --- what is no network ---------------------------------------------------------------------------------------------


def as_far_as(text: str, path: str) -> tuple[Arch | None, bool]:
    """The network; or, where something is wrong, its layers up to the first that cannot be read or worked out, without
    claims and targets; and whether that is all of its layers. Raises NotYaml."""
    document: Any = yamlfile.parse(text, path)
    if not isinstance(document, yamlfile.Mapping):
        return None, False
    reader = Reader(document, path)
    try:
        return reader.arch(), True
    except SpecError:
        nodes = first_nodes(reader)
    if not nodes:
        return None, False
    name = document.get("name")
    names = [node.name for node in nodes]
    arch = Arch(
        name=name if isinstance(name, str) and name else "unnamed",
        input=reader.input,
        nodes=nodes,
        path=path,
        printed={key: value for key, value in reader.printed.items() if key in names},
        blocks={key: value for key, value in reader.used.items() if any(n.startswith(f"{key}.") for n in names)},
    )
    return arch, len(nodes) == len(reader.nodes)


def first_nodes(reader: Reader) -> tuple[Node, ...]:
    """The nodes in front of the first one that is missing, or that cannot take its input."""
    nodes = []
    for node in reader.nodes:
        if node is None:
            break
        nodes.append(node)
    rows, _ = walk(reader.input, nodes, reader.path) if nodes else ([], [])
    count = 0
    while count < len(rows) and rows[count].index == count + 1:
        count += 1
    return tuple(nodes[:count])
