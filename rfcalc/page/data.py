"""What the page holds as data: the table's JSON of each network, the taps that it follows, and what it hands out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..engine.arch import Arch
from ..errors import RfcalcError
from ..report.explain import row_lines
from .taps import steps_json


def page_data(archs: Sequence[Arch]) -> dict[str, Any]:
    """{"networks": [what `table --format json` prints], "explore": [what the page needs beside it]}.

    >>> import rfcalc
    >>> data = page_data([rfcalc.load("s9")])
    >>> data["networks"][0] == rfcalc.table("s9").to_json(), sorted(data["explore"][0])
    (True, ['markdown', 'sizes', 'start', 'steps', 'sums', 'taps', 'yaml'])
    """
    return {"networks": [arch.table().to_json() for arch in archs], "explore": [explored(arch) for arch in archs]}


def explored(arch: Arch) -> dict[str, Any]:
    """The taps, each layer's arithmetic, the layer to begin with, and the network as YAML and its table as Markdown."""
    return {
        **steps_json(arch),
        "start": start_of(arch),
        "sums": ["\n".join(row_lines(arch, row)) for row in arch.rows],
        "yaml": yaml_of(arch),
        "markdown": arch.table().to_text("markdown"),
    }


def yaml_of(arch: Arch) -> str | None:
    """The spec; None where no spec can hold the network (several inputs, a setting that no text can hold)."""
    from ..spec.writer import dump

    try:
        return dump(arch)
    except RfcalcError:
        return None


def start_of(arch: Arch) -> int:
    """The layer that the page begins with: the last one in front of the global pool that changes something and whose
    field is known."""
    end = arch.global_row.node.inputs[0] if arch.global_row else len(arch.rows)
    known = [row for row in arch.rows if all(axis.strands for axis in row.out.axes)]
    shown = [row for row in known if row.index <= end and not row.layer.pointwise] or known or list(arch.rows)
    return shown[-1].index
