"""What a network may cost whose units look in ever more ways: bounded time and memory, measured in a process of its
own."""

from __future__ import annotations

import json
import subprocess
import sys

SECONDS, MEGABYTES = 10, 500
"""Of processor time and of memory, for one network however built."""

PROGRAM = """
import json, time
from rfcalc.spec.reader import loads

sizes = [997, 1009, 983, 1013, 977, 1019, 971, 1021, 967, 1031, 953, 1033, 947, 1039, 941, 1049]
layers = [
    layer
    for size in sizes
    for layer in (
        f"upsample: {{size: [{size}, {size}], mode: bilinear}}",
        "conv: {out_channels: 2, kernel_size: 3, padding: 1, dilation: 2}",
    )
]
arch = loads("input: [1, 991, 991]\\nlayers:\\n" + "".join(f"- {layer}\\n" for layer in layers))
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))  # ru_maxrss keeps the parent's
statuses = [row.status for row in arch.rows]
print(json.dumps({
    "statuses": statuses, "params": arch.params, "macs": arch.macs,
    "seconds": time.process_time(), "megabytes": int(peak.split()[1]) / 1024,
}))
"""


def test_a_network_of_very_many_phases_takes_bounded_time_and_memory() -> None:
    """Resized from one prime size to the next, every unit of every map looks another way. 2 * (9 * 2) + 2 weights
    and biases a convolution, 18 weights for the first, whose input has one channel; each costs its weights at each
    place."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["statuses"][0] == "exact"
    assert found["statuses"][-1] == "unknown (too many phases)"
    assert found["params"] == 20 + 15 * 38
    shrunk = [997, 1009, 983, 1013, 977, 1019, 971, 1021, 967, 1031, 953, 1033, 947, 1039, 941, 1049]
    assert found["macs"] == sum((18 if i == 0 else 36) * (size - 2) ** 2 for i, size in enumerate(shrunk))
    assert found["seconds"] < SECONDS
    assert found["megabytes"] < MEGABYTES
