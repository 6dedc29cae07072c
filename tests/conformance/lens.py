"""What TorchLens says of torchvision's models: parameters, MACs, the fields of convolutions that it holds for exact.

It wraps torch's functions for the rest of its process, and takes no meta tensors: it works in a process of its own
(`python -m tests.conformance.lens`, a name a line in, an answer a line out), on real weights, within a time limit.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
import warnings
from pathlib import Path
from select import select
from types import TracebackType
from typing import Any

import torch
from torch import nn

from rfcalc.engine.arch import Arch

LIMIT = 120.0
"""Seconds for one model, by the clock: most take one to five, the largest hold hundreds of millions of numbers."""


class Lens:
    """The process that TorchLens works in; a new one after a model that took too long."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Lens:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def seen(self, name: str) -> dict[str, Any]:
        """What `traced` says of a model, or why there is nothing: {"refused": why}."""
        if self.process is None:
            command = [sys.executable, "-m", "tests.conformance.lens"]
            pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            self.process = subprocess.Popen(command, cwd=Path(__file__).parent.parent.parent, **pipes)
        asked, answers = self.process.stdin, self.process.stdout
        assert asked is not None
        assert answers is not None
        print(name, file=asked, flush=True)
        ready, _, _ = select([answers], [], [], LIMIT)
        line = answers.readline() if ready else ""
        if not line:
            self.stop()
            return {"refused": "its process ended" if ready else f"not done within {LIMIT:.0f} s"}
        found: dict[str, Any] = json.loads(line)
        return found


def traced(name: str) -> dict[str, Any]:
    """In TorchLens' own process: seconds, parameters, MACs, and of each convolution in turn its field along each axis,
    None where TorchLens does not hold it for exact."""
    from .public_models import installed, torchvision_models

    lens: Any = installed("torchlens")
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    model = next(one for one in torchvision_models() if one.name == name)
    try:
        module, image = model.make().eval(), torch.rand(1, *(model.input or ()))
        start = time.process_time()
        trace = lens.trace(module, image)
        frame = trace.receptive_fields().frame
        seconds = time.process_time() - start
    except Exception as error:  # whatever it stumbles over is its answer
        return {"refused": f"{type(error).__name__}: {error}".splitlines()[0]}
    rows = frame[frame["rule"].isin(["conv1d", "conv2d", "conv3d"])]
    fields = [list(size) if exact and size else None for exact, size in zip(rows["exact"], rows["size"], strict=True)]
    macs = trace.total_macs_forward
    return {"seconds": seconds, "params": trace.num_params, "macs": macs and int(macs), "fields": fields}


def held_against(found: dict[str, Any], module: nn.Module, arch: Arch) -> dict[str, Any]:
    """TorchLens' answer with its fields counted: those that both hold for exact, and the convolutions whose fields
    differ. Nothing is counted where a convolution runs more than once."""
    if "fields" not in found:
        return found
    parts = dict(module.named_modules())
    kinds = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    rows = [row for row in arch.rows if row.layer.op == "conv" and isinstance(parts.get(row.name), kinds)]
    fields, other, both = found.pop("fields"), [], 0
    for row, field in zip(rows, fields, strict=True) if len(rows) == len(fields) else ():
        if field and row.status == "exact":
            own = [axis.receptive_field for axis in row.out.axes]
            both += 1
            other += [f"{row.name}: {own}, not {field}"] if own != field else []
    return found | {"both": both, "other": other}


def main() -> None:
    out, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        print(json.dumps(traced(line.strip())), file=out, flush=True)
        gc.collect()  # a trace holds every tensor of its model


if __name__ == "__main__":
    main()
