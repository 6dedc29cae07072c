"""rfcalc beside its peers: `pip install torchinfo torchlens`, then `python tests/benchmarks/peers.py`.

ResNet-50 and MobileNetV2 at 224x224: the time of one table, warm (in process) and cold (whole process), as ratios
within one run, and beside the speed the correctness: each peer's parameters and receptive fields against the shipped
specs, which `rfcalc check` holds against torch's gradients. Peers get the model and the input that their manuals name.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from statistics import median
from typing import Any

import torch
from torch import nn

import rfcalc
from rfcalc.tracing.trace import trace
from tests import models

SHAPE = (3, 224, 224)
NETS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "ResNet-50": (models.resnet50, "resnet50"),
    "MobileNetV2": (models.mobilenet_v2, "mobilenet_v2"),
}
TURNS = 5


def ours(model: nn.Module) -> dict[str, Any]:
    arch = trace(model, SHAPE)
    return {"params": arch.params, "fields": [row["r_out"] for row in arch.table(all_layers=True)]}


def torchinfo_table(model: nn.Module) -> dict[str, Any]:
    from torchinfo import summary

    found = summary(model, (1, *SHAPE), verbose=0)
    str(found)
    return {"params": found.total_params, "fields": None}


def torchlens_table(model: nn.Module) -> dict[str, Any]:
    import torchlens

    frame = torchlens.trace(model, torch.zeros(1, *SHAPE)).receptive_fields().frame
    return {"params": sum(p.numel() for p in model.parameters()), "fields": [row[0] for row in frame["size"] if row]}


def timed(table: Callable[[nn.Module], dict[str, Any]], model: nn.Module) -> tuple[float, dict[str, Any]]:
    begin = time.perf_counter()
    found = table(model)
    return time.perf_counter() - begin, found


def verdict(found: dict[str, Any], spec: rfcalc.Arch) -> str:
    """Parameters, and the windowed fields that occur, against the spec's."""
    params = "params right" if found["params"] == spec.params else f"params {found['params']:,}, not {spec.params:,}"
    if found["fields"] is None:
        return f"{params}; states no receptive field"
    known = {row.out.axes[0].receptive_field for row in spec.rows}
    stated = {field for field in found["fields"] if field is not None}
    before = spec.receptive_field.before_global_pool[0]
    last = "right" if before in stated else "missing"
    return f"{params}; {len(stated - known)} fields wrong, {before} before global pooling {last}"


def warm() -> None:
    """One peer after the other, torchlens last: it wraps torch's functions for the rest of the process, which slows
    torchinfo and hides the functions from rfcalc."""
    base: dict[str, float] = {}
    for peer, table in (("rfcalc", ours), ("torchinfo", torchinfo_table), ("torchlens", torchlens_table)):
        for name, (factory, spec_name) in NETS.items():
            model = factory().eval()
            spent, found = zip(*(timed(table, model) for _ in range(TURNS + 1)), strict=True)
            mine = median(spent[1:])  # the first turn warms up
            ratio = f"{1000 * mine:8.1f} ms, {mine / base.setdefault(name, mine):6.1f} x rfcalc"
            print(f"{name:12} {peer:10} {ratio}: {verdict(found[-1], rfcalc.load(spec_name))}")


COLD = {
    "rfcalc, s9 from YAML": "from rfcalc.cli import main; import sys; sys.argv[1:] = ['table', 's9']; main()",
    "torchlens, s9": (
        "import torch, torchlens, rfcalc; from rfcalc.network import build;"
        "net = build(rfcalc.load('s9')).eval();"
        "print(torchlens.trace(net, torch.zeros(1, 3, 32, 32)).receptive_fields().frame)"
    ),
    "torchinfo, s9": (
        "import rfcalc; from torchinfo import summary; from rfcalc.network import build;"
        "print(summary(build(rfcalc.load('s9')).eval(), (1, 3, 32, 32), verbose=0))"
    ),
}


def cold() -> None:
    times: dict[str, list[float]] = {name: [] for name in COLD}
    for _ in range(TURNS):
        for name, code in COLD.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - begin)
    base = median(times["rfcalc, s9 from YAML"])
    for name, spent in times.items():
        print(f"cold, {name}: {median(spent):.2f} s, {median(spent) / base:.1f} x rfcalc")


if __name__ == "__main__":
    packages = ("torch", "torchinfo", "torchlens")
    print(f"Python {sys.version.split()[0]}, " + ", ".join(f"{name} {version(name)}" for name in packages))
    warm()
    cold()
