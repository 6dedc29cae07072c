"""`rfcalc eval` and `rfcalc export`: what can be done with a run's folder once it is there."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from rfcalc.engine.arch import Arch
from rfcalc.errors import need

from ..data.batches import normalization_tensors
from ..data.sets import load_data
from ..fit.evaluate import Evaluation, Preprocessing, evaluated
from ..fit.model import scores_only
from ..fit.record import Record
from ..fit.trained import same_classes, trained_network
from ..recipe.errors import TrainError
from . import hub
from .report import write_evaluation

EXPORTS = ("state-dict", "safetensors", "onnx", "hub-folder")
DEFAULT_EXPORTS = EXPORTS[:3]
"""What is written unless something is asked for."""


def evaluate(
    run: str | os.PathLike[str], data: str | os.PathLike[str] | None = None, checkpoint: str = "last",
    out: str | os.PathLike[str] | None = None, write: bool = True,
) -> Evaluation:  # fmt: skip
    """The accuracy of a run's network on test images, without test-time augmentation: by default those it was tested
    on, with --limit as it was then. `run` may also be a shipped spec that has weights.

    Writes evaluation.json, and confusion and misclassified as PNG and SVG to `out`, by default the folder `evaluation`
    in the run's, unless `write` is false. Raises TrainError where the data's classes are not those of the run."""
    found = trained_network(run, checkpoint)
    limit, val = (found.limit, found.val) if data is None else (None, 0)
    images = load_data(found.target.arch, data if data is not None else found.data, limit, val)
    same_classes(found.title, found.facts["classes"], images)
    net = found.network()
    scores_only(net, found.target.arch)
    mean, std = (tuple(found.facts[key]) for key in ("mean", "std"))
    preprocessing = Preprocessing(*normalization_tensors(mean, std, found.device), found.device, found.precision)
    result = evaluated(found.precision.prepare(net.to(found.device)), images.test, images.classes, preprocessing)
    few = f", as few as with the run's --limit {limit}" if limit else ""
    notes = [f"{len(images.test.labels):,} test images of {images.name}{few}"]
    where = Path(out) if out is not None else found.folder if write else None
    if where is not None:
        folder, facts = Record(where), {"data": images.name, "fingerprint": images.fingerprint}
        folder.write_json("evaluation.json", {**facts, **result.to_json()})
        write_evaluation(folder, result, images)
        notes.append(f"written to {where}: evaluation.json, confusion and misclassified as png and svg")
    return replace(result, notes=tuple(notes))


def export(
    run: str | os.PathLike[str], formats: Sequence[str] = DEFAULT_EXPORTS, checkpoint: str = "last",
    out: str | os.PathLike[str] | None = None,
) -> list[Path]:  # fmt: skip
    """Writes a run's network, or a shipped one with its weights, for use elsewhere, and returns the paths:
    NAME.state-dict.pt, which torch.load(…, weights_only=True) reads and rfcalc.build's network takes; NAME.safetensors,
    the same weights with the normalization and the classes in its metadata; NAME.onnx; and of a run, as `hub-folder`,
    NAME-hub (hub.py). By default they lie in the run's folder, those of a shipped network here.

    The network is the spec's, a final softmax included; it expects normalised images, with mean and std in run.json."""
    unknown = [form for form in formats if form not in EXPORTS]
    if unknown:
        raise TrainError(f"no export called {unknown[0]}; there are {', '.join(EXPORTS)}")
    record, found = Record(run), trained_network(run, checkpoint)
    if found.folder is None and "hub-folder" in formats:
        raise TrainError(f"{found.title}: a hub folder is made of the folder of a run")
    net, arch = found.network(), found.target.arch
    folder, written = Record(out if out is not None else record.folder if found.folder else "."), []
    writers: dict[str, Callable[[], Path]] = {
        "state-dict": lambda: folder.write_tensors(f"{arch.name}.state-dict.pt", net.state_dict()),
        "safetensors": lambda: folder.write(f"{arch.name}.safetensors", hub.safetensors_bytes(net, found.facts)),
        "onnx": lambda: folder.write(f"{arch.name}.onnx", onnx_bytes(net, arch)),
        "hub-folder": lambda: hub.write_folder(
            Record(folder / f"{arch.name}-hub"), record, found.target, net, record.about()
        ),
    }
    for form in formats:
        if form in ("safetensors", "hub-folder"):
            need("safetensors", "train")
        written.append(writers[form]())
    return written


def onnx_bytes(net: nn.Module, arch: Arch) -> bytes:
    """The network as ONNX, for any number of images; raises MissingExtra where onnx is not installed."""
    need("onnx", "train")
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the newer exporter needs onnxscript besides
        torch.onnx.export(
            net, (torch.zeros(1, *arch.input),), buffer,  # type: ignore[arg-type]
            dynamo=False, input_names=["image"], output_names=["scores"],
            dynamic_axes={"image": {0: "images"}, "scores": {0: "images"}},
        )  # fmt: skip
    return buffer.getvalue()
