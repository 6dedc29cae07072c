"""The lines of a forward: steps in order, and a variable for each map."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from ..engine.arch import Row, fields_of
from ..report.cells import agreed, text

TAKEN_NAMES = {"self", "torch", "nn", "F", "x", "out"}
"""Variables that mean something else in a forward."""


@dataclass(frozen=True)
class ForwardLine:
    """One line of a forward: what is done (`{0}` stands for the first input), what goes in, what comes out under which
    names, and the layer that makes the last of it."""

    form: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    names: tuple[str, ...]
    row: Row


def is_name(part: str) -> bool:
    """Whether `self.part = nn.…` is allowed: a Python name that nn.Module does not use itself."""
    return part.isidentifier() and not keyword.iskeyword(part) and not hasattr(nn.Module(), part)


def attribute_path(holder: str, part: str) -> str:
    """A part of a module by its name, as it is reached."""
    return f"{holder}.{part}" if is_name(part) else f"{holder}._modules[{json.dumps(part, ensure_ascii=False)}]"


def variable(part: str) -> str:
    """A layer's name as that of a variable."""
    found = re.sub(r"\W", "_", part)
    return (
        found
        if found.isidentifier() and not keyword.iskeyword(found) and found not in TAKEN_NAMES
        else f"{found}_"
        if found[:1].isalpha()
        else f"map_{found}"
    )


def forward(steps: Sequence[ForwardLine], inputs: Sequence[int], outputs: Sequence[int], comments: bool) -> list[str]:
    """The lines of a forward. A map goes by `x` or `out` while one of them is free, else by its layer's name."""
    last = {i: n for n, step in enumerate(steps) for i in step.inputs} | dict.fromkeys(outputs, len(steps))
    names = {index: "x" if n == 0 else f"x{n + 1}" for n, index in enumerate(inputs)}
    lines = [f"def forward(self, {', '.join(names.values())}):"]
    for number, step in enumerate(steps):
        held = {name for index, name in names.items() if last.get(index, -1) > number}
        made = []
        for index, part in zip(step.outputs, step.names, strict=True):
            name = next((n for n in ("x", "out") if n not in held), "")
            if not name or len(step.outputs) > 1 or (last.get(index, 0) > number + 2 and index not in outputs):
                name = variable(part)
                while name in held:
                    name += "_"
            held.add(name)
            made.append((index, name))
        call = step.form.format(*(names[i] for i in step.inputs))
        names.update(made)
        note = f"  # {step.row.out}, field {text(agreed(fields_of(step.row.out)))}" if comments else ""
        end = number == len(steps) - 1 and tuple(step.outputs) == tuple(outputs)
        lines.append(f"    return {call}{note}" if end else f"    {', '.join(n for _, n in made)} = {call}{note}")
    if not steps or tuple(steps[-1].outputs) != tuple(outputs):
        lines.append(f"    return {', '.join(names[i] for i in outputs)}")
    return lines
