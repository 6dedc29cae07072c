"""The engine's speed: `python tests/benchmarks/engine.py`, with torch installed for the ratio and nothing else running.

Whole processes are compared in turns, so that a slow spell of the machine meets both; the median counts.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from statistics import median

import rfcalc
from rfcalc.engine.arch import walk
from rfcalc.spec.reader import loads

TURNS = 9


def seconds(*command: str) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def peak_megabytes(*command: str) -> float:
    """Resident memory of a process at its highest, in MB, as a small child of its own sees it."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code, *command], check=True, capture_output=True, text=True)
    return int(done.stdout) / 1024  # ru_maxrss is in KB on Linux


def milliseconds(arch: rfcalc.Arch) -> float:
    times = []
    for _ in range(30):
        begin = time.perf_counter()
        walk(arch.input, arch.nodes, arch.path)
        times.append(time.perf_counter() - begin)
    return 1000 * median(times)


def chain(layers: int) -> rfcalc.Arch:
    conv = "{conv: {out_channels: 4, kernel_size: 3, padding: 1}}"
    return loads(f"{{input: [4, 32, 32], layers: [repeat: {{times: {layers}, layers: [{conv}]}}]}}")


def main() -> None:
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores")
    table = (sys.executable, "-m", "rfcalc", "table", "s9")
    torch = (sys.executable, "-c", "import torch")
    pairs = [(seconds(*table), seconds(*torch)) for _ in range(TURNS)]
    ours, theirs = (median(times) for times in zip(*pairs, strict=True))
    print(f"rfcalc table s9 {ours:.3f} s, import torch {theirs:.3f} s: ratio {ours / theirs:.3f} (at most 0.2)")
    print(f"rfcalc table s9 peak memory {peak_megabytes(*table):.1f} MB (under 40)")
    for name, limit in (("s9", 1), ("resnet50", 10)):
        arch = rfcalc.load(name)
        print(f"tracing {name}, {len(arch.nodes)} layers: {milliseconds(arch):.2f} ms (under {limit})")
    costs = []
    for layers in (1_000, 10_000, 100_000):
        arch = chain(layers)
        begin = time.perf_counter()
        walk(arch.input, arch.nodes, arch.path)
        costs.append((time.perf_counter() - begin) / layers * 1e6)
    print(f"a chain of 1,000, 10,000, 100,000 layers: {', '.join(f'{cost:.1f}' for cost in costs)} us a layer")


if __name__ == "__main__":
    main()
