"""What two tables of one network share, whoever wrote its layers down."""

from __future__ import annotations

from rfcalc.engine.arch import Arch, Row


def assert_same(arch: Arch, again: Arch) -> None:
    """The output's shape, and where its units look on each axis; what it costs, in total and layer by layer."""
    assert again.outputs[0].shape == arch.outputs[0].shape
    assert (again.rows[-1].status, seen(again.rows[-1])) == (arch.rows[-1].status, seen(arch.rows[-1]))
    assert (again.params, again.macs) == (arch.params, arch.macs)
    assert costs(again) == costs(arch)


def seen(row: Row) -> list[object]:
    """Per axis; of a map that flatten left with channels only, an axis has one unit."""
    return [(a.size, a.receptive_field, a.jump, a.start, a.doubt) for a in row.out.axes]


def costs(arch: Arch) -> list[tuple[int, int | None]]:
    """Parameters and MACs of each layer that has any; those that only say how a view came to be have none."""
    return [(row.params, row.macs) for row in arch.rows if row.params or row.macs]
