"""`rfcalc design` against OR-tools' CP-SAT on chains of 14 layers: `python -m tests.benchmarks.design`.

CP-SAT is no dependency: `pip install ortools` in an environment of its own, with this repository on PYTHONPATH.
Both are asked the same in turn: kernel, dilation and one of eight widths for each layer, so that the receptive field
and the limit of parameters hold and MACs are least; on one thread each. What is printed is each one's answer, whether
it was proved, and the ratio of times.
"""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from typing import Any

from rfcalc.search.design import design
from rfcalc.search.family import loads

LAYERS, SIZE, IMAGE = 14, 32, 3
KERNELS, DILATIONS, WIDTHS = (3, 5), (1, 2, 3), (16, 24, 32, 40, 48, 64, 80, 96)
STRIDED = (4, 9)
"""The layers that halve the map."""
TARGETS = ((44, 200_000), (93, 150_000), (161, 120_000), (251, 200_000), (251, 45_000))
"""Receptive field and most parameters. The first three are met by networks of the very least MACs; a field of 251 is
not, and with so few parameters both limits bind."""


def family_text(field: int, params: int) -> str:
    layers = []
    for number in range(LAYERS):
        stride = ", stride: 2" if number in STRIDED else ""
        layers.append(
            "  - conv: {out_channels: $width, kernel_size: $kernel, dilation: $dilation, bias: false, "
            f"padding: $dilation * ($kernel // 2){stride}}}"
        )
    choices = {"kernel": KERNELS, "dilation": DILATIONS, "width": WIDTHS}
    stated = ", ".join(f"{name}: {{values: {list(values)}, each: true}}" for name, values in choices.items())
    return "\n".join(
        [
            f"input: [{IMAGE}, {SIZE}, {SIZE}]",
            f"choices: {{{stated}}}",
            "layers:",
            *layers,
            f"targets: {{min_receptive_field: {field}, max_params: {params}}}",
            "objective: {minimize: macs}",
        ]
    )


def ours(field: int, params: int, seconds: float) -> tuple[float, int | None, bool]:
    begin = time.process_time()
    answer = design(loads(family_text(field, params)), 1, seconds)
    best = answer.designs[0].arch.macs if answer.designs else None
    return time.process_time() - begin, best, answer.complete


def cp_sat(field: int, params: int, seconds: float) -> tuple[float, int | None, bool]:
    """Table constraints tie each layer's widths and kernel to its costs, its kernel and dilation to what it adds."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    costs: list[tuple[Any, Any]] = []
    growth: list[Any] = []
    before: Any = model.new_constant(IMAGE)
    size, jump = SIZE, 1
    channels: tuple[int, ...] = (IMAGE,)
    for number in range(LAYERS):
        size = size // 2 if number in STRIDED else size
        width, kernel = (model.new_int_var(0, max(v), "") for v in (WIDTHS, KERNELS))
        p, m, g = (model.new_int_var(0, 10**9, "") for _ in range(3))
        rows = [
            (a, b, k, k * k * a * b, k * k * a * b * size * size) for a in channels for b in WIDTHS for k in KERNELS
        ]
        model.add_allowed_assignments([before, width, kernel, p, m], rows)
        model.add_allowed_assignments([kernel, g], [(k, (k - 1) * d * jump) for k in KERNELS for d in DILATIONS])
        costs.append((p, m))
        growth.append(g)
        jump = 2 * jump if number in STRIDED else jump
        before, channels = width, WIDTHS
    model.add(sum(p for p, _ in costs) <= params)
    model.add(sum(growth) >= field - 1)
    model.minimize(sum(m for _, m in costs))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.num_workers = 1
    begin = time.process_time()
    status = solver.solve(model)
    found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    return time.process_time() - begin, int(solver.objective_value) if found else None, status == cp_model.OPTIMAL


def main(seconds: float = 600.0) -> None:
    if find_spec("ortools") is None:
        print("CP-SAT is not installed (pip install ortools, in an environment of its own): rfcalc alone")
    for field, params in TARGETS:
        spent, best, proved = ours(field, params, 10 * seconds)
        print(f"field {field}, {params:,} parameters: rfcalc {best:,} MACs, proved: {proved}, {spent:.1f} s")
        if find_spec("ortools") is None:
            continue
        other, theirs, sure = cp_sat(field, params, seconds)
        told = "nothing" if theirs is None else f"{theirs:,} MACs"
        print(f"  CP-SAT {told}, proved: {sure}, {other:.1f} s, {other / spent:.2f} x rfcalc")
        if sure and theirs != best:
            raise SystemExit(f"they disagree: {best} and {theirs}")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
