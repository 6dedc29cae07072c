"""`rfcalc eval` and `rfcalc export`: what can be done with a run's folder once it is there."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from rfcalc import spec
from rfcalc.arch import Arch
from rfcalc.errors import need
from rfcalc.network import Network, build

from .batches import colour_tensors
from .data import load_data
from .evaluate import Evaluation, Eye, evaluated
from .kinds import TrainError
from .model import scores_only
from .precision import Precision
from .recipe import Recipe, read
from .record import Record, load_whole
from .report import device_of_run, write_evaluation

FORMATS = ("state-dict", "onnx")


def opened(run: str | os.PathLike[str]) -> tuple[Record, dict[str, Any], Arch, Recipe]:
    record = Record(run)
    about = record.read_json("run.json")
    arch = spec.loads(record.read_text("spec.yaml"), str(record / "spec.yaml"))
    recipe = read(yaml.safe_load(record.read_text("recipe.yaml")), arch.name, str(record / "recipe.yaml"))
    return record, about, arch, recipe


def weights_of(record: Record, which: str) -> dict[str, Any]:
    """The weights that a run's last row, or its best one, was measured with: the average where there is one."""
    if which not in ("last", "best"):
        raise TrainError(f"checkpoint {which}: there are last and best")
    if which == "best":
        weights: dict[str, Any] = load_whole(record / "best.pt")["weights"]
        return weights
    state, problems = record.load()
    if state is None:
        raise TrainError("\n".join([*problems, f"{record.folder}: no whole checkpoint"]))
    return {**state["weights"], **(state["average"] or {})}


def network(record: Record, arch: Arch, which: str) -> Network:
    net = build(arch, seed=0)
    net.load_state_dict(weights_of(record, which))
    return net.eval()


def evaluate(
    run: str | os.PathLike[str], data: str | os.PathLike[str] | None = None, checkpoint: str = "last",
    out: str | os.PathLike[str] | None = None,
) -> Evaluation:  # fmt: skip
    """The accuracy of a run's network on test pictures: by default those it was tested on. Writes evaluation.json,
    confusion.png and misclassified.png to `out`, by default the folder `evaluation` in the run's."""
    record, about, arch, recipe = opened(run)
    options = about["options"]
    found = load_data(arch, data if data is not None else options["data"], options["limit"], options["val"] or 0)
    mean, std = recipe.normalization.mean, recipe.normalization.std
    if mean is None or std is None:
        mean, std = about["colours"]["mean"], about["colours"]["std"]
    device = device_of_run(about)
    precision = Precision.from_plain(about["precision"])
    net = network(record, arch, checkpoint)
    scores_only(net, arch)
    eye = Eye(*colour_tensors(tuple(mean), tuple(std), device), device, precision)
    result = evaluated(precision.prepare(net.to(device)), found.test, found.classes, eye)
    target = Record(out if out is not None else record / "evaluation")
    target.write_json("evaluation.json", {"data": found.name, "fingerprint": found.fingerprint, **result.to_json()})
    write_evaluation(target, result, found)
    return result


def export(
    run: str | os.PathLike[str], formats: Sequence[str] = FORMATS, checkpoint: str = "last",
    out: str | os.PathLike[str] | None = None,
) -> list[Path]:  # fmt: skip
    """Writes a run's network for use elsewhere: NAME.state-dict.pt, which torch.load(…, weights_only=True) reads and
    rfcalc.build's network takes, and NAME.onnx. The network is the spec's, a final softmax included; it expects
    normalised pictures, with the mean and deviation in run.json. Returns the paths."""
    record, _, arch, _ = opened(run)
    unknown = [form for form in formats if form not in FORMATS]
    if unknown:
        raise TrainError(f"no export called {unknown[0]}; there are {', '.join(FORMATS)}")
    net = network(record, arch, checkpoint)
    target, written = Record(out if out is not None else record.folder), []
    if "state-dict" in formats:
        buffer = io.BytesIO()
        torch.save(dict(net.state_dict()), buffer)
        written.append(target.write(f"{arch.name}.state-dict.pt", buffer.getvalue()))
    if "onnx" in formats:
        written.append(target.write(f"{arch.name}.onnx", onnx_bytes(net, arch)))
    return written


def onnx_bytes(net: Network, arch: Arch) -> bytes:
    """The network as ONNX, for any number of pictures; raises MissingExtra where onnx is not installed."""
    need("onnx", "train")
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the newer exporter needs onnxscript besides
        torch.onnx.export(
            net, (torch.zeros(1, *arch.input),), buffer,  # type: ignore[arg-type]
            dynamo=False, input_names=["image"], output_names=["scores"],
            dynamic_axes={"image": {0: "pictures"}, "scores": {0: "pictures"}},
        )  # fmt: skip
    return buffer.getvalue()
