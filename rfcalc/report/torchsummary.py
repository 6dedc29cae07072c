"""A network in the layout of the package torchsummary."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from ..engine.arch import Arch, PrintedAs, Row

BYTES, MIB, MEGA = 4, 1024**2, 10**6
"""The bytes of a value; what torchsummary calls an MB, and what torchinfo does."""


def printed_modules(arch: Arch) -> Iterator[tuple[str, Row, int]]:
    """What leaves a row in torchsummary's print: class, the layer whose map it shows, its own parameters."""
    for row in arch.rows:
        functional, containers = arch.printed.get(row.name, PrintedAs())
        function = row.layer.joins or functional or row.name in arch.functions
        if not function and row.layer.torch_class(row.x):
            yield row.layer.torch_class(row.x), row, row.params
        for name in containers:
            yield name, row, 0


def to_torchsummary(arch: Arch) -> str:
    """The layout that torchsummary prints: a row for every module (joins and functional layers leave none), four bytes
    a value, outputs counted twice for the backward pass, sizes in MiB."""
    line, double = "-" * 64, "=" * 64
    out = [line, f"{'Layer (type)':>20}  {'Output Shape':>25} {'Param #':>15}", double]
    modules = list(printed_modules(arch))
    for number_, (name, row, params) in enumerate(modules, 1):
        shape = [-1, row.out.channels, *([] if row.out.flat else row.out.sizes)]
        out.append(f"{f'{name}-{number_}':>20}  {shape!s:>25} {params:>15,}")
    mebi = BYTES / MIB
    given, passed, held = prod(arch.input), 2 * sum(row.out.elements for _, row, _ in modules), arch.params
    out += [
        double,
        f"Total params: {arch.params:,}",
        f"Trainable params: {arch.params - arch.frozen:,}",
        f"Non-trainable params: {arch.frozen:,}",
        line,
        f"Input size (MB): {given * mebi:.2f}",
        f"Forward/backward pass size (MB): {passed * mebi:.2f}",
        f"Params size (MB): {held * mebi:.2f}",
        f"Estimated Total Size (MB): {(given + passed + held) * mebi:.2f}",
        line,
    ]
    return "\n".join(out) + "\n"
