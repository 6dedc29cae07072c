"""What the tests of `rfcalc check` share: small networks, their reports, and ways to break the engine."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

import rfcalc
from rfcalc import Arch
from rfcalc.engine import geometry
from rfcalc.engine.geometry import Taps
from rfcalc.proof import check
from rfcalc.proof.report import Report

GEOMETRY = ("receptive_field", "jump", "start", "holes")
CONV = "conv: {name: c, out_channels: 2, kernel_size: 3, padding: 2, dilation: 2}"
NET = f"relu, {CONV}, max_pool: {{name: p, kernel_size: 2}}"


def net(layers: str, shape: str = "[2, 16]") -> Arch:
    return rfcalc.loads(f"{{name: t, input: {shape}, layers: [{layers}]}}")


def checked(layers: str, shape: str = "[2, 16]") -> Report:
    return check.check(net(layers, shape))


def found(report: Report) -> list[tuple[str | None, str, Any, Any]]:
    return [(f.layer, f.quantity, f.expected, f.measured) for f in report.findings]


def printed(report: Report) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(report.render(200))
    return capture.get()


def break_taps(monkeypatch: pytest.MonkeyPatch, reads: Any = None, advance: int = 0) -> None:
    """Makes the engine read other units than it should through windows of more than one tap."""
    window_taps = geometry._window_taps

    def broken(kernel_size: int, stride: int, before: int, dilation: int) -> Taps:
        taps = window_taps(kernel_size, stride, before, dilation)
        if kernel_size == 1:
            return taps
        return Taps(taps.advance + advance, tuple(map(reads, taps.reads)) if reads else taps.reads)

    monkeypatch.setattr(geometry, "_window_taps", broken)
