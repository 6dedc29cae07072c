"""Writes docs/conformance.md: `python -m tests.conformance [PART …]` runs the parts named, or all, and keeps what they
found in build/conformance; the page is written from all that is there."""

from __future__ import annotations

import json
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import rfcalc

from . import onnx_nodes, op_samples, public_models, published
from .lens import Lens
from .outcome import RIGHT, VERDICTS, WRONG, Outcome
from .public_models import Result

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "conformance.md"
KEPT = ROOT / "build" / "conformance"
LONGEST = 180
"""Letters of a reason."""

HEAD = """# Conformance

Written by `make conformance`: tables held against what others publish. Right: shape, parameters or field are those
published and, where the model can be run, every field holds on its own run. Unknown: a bound, an operation whose field
or MACs are not stated, or a model that cannot be run here. Refused: one clear message. Wrong: a figure that does not
hold; there must be none.
"""

NODES = """ONNX's node tests of convolutions, pools, resizes, pads and pixels to channels, built by the onnx package in
memory, all inputs but the first as weights: the shape against the expected one, every field against the model's own run
with one pixel changed at a time."""
SAMPLES = """torch's samples (OpInfo, of torch.testing) of the operations that move, join or reduce places, each as a
module of that one call: the output's shape against what the call returns for one image, every field against the call's
own runs. Samples without a batch, channels and places, and samples above 16,384 values, are left out; so are the
repetitions of pools' samples beyond the first 48 of each pool."""
PUBLISHED = """The tables and test networks of google-research/receptive_field, the library of Araujo, Norris, Sim,
"Computing Receptive Fields of Convolutional Neural Networks", [Distill 2019](https://doi.org/10.23915/distill.00021),
with their layouts written down as specs: receptive field, effective stride and effective padding of every end point;
Inception v3, v4 and Inception-ResNet v2 by their layouts in torchvision and timm, the field alone."""
MODELS = """Public models as their authors wrote them, for one image of their own size, made on torch's meta device:
parameters against the module's own, output shape against its own forward's, MACs against torch's FlopCounterMode in the
same run. Seconds are of one CPU; torchinfo's, on the same device, of torchvision's models; TorchLens', on real weights
(it takes no others), of the first by name in each of torchvision's files."""


def main(parts: Sequence[str]) -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    for part in parts or PARTS:
        with (KEPT / f"{part}.jsonl").open("w", encoding="utf-8") as out:
            for found in PARTS[part]():
                print(json.dumps(found), file=out, flush=True)
    PAGE.write_text("\n".join(page()), encoding="utf-8")


def plain(outcomes: Callable[[], Iterator[Outcome]]) -> Callable[[], Iterator[Any]]:
    return lambda: map(list, outcomes())


def of_models() -> Iterator[Any]:
    with Lens() as lens:  # to import torchlens here would wrap torch's functions
        for model in public_models.models():
            found = public_models.result(model, lens if find_spec("torchlens") else None)
            yield found._asdict() | {"model": [model.library, model.name]}


PARTS: dict[str, Callable[[], Iterator[Any]]] = {
    "nodes": plain(onnx_nodes.outcomes),
    "samples": plain(op_samples.outcomes),
    "published": plain(published.outcomes),
    "models": of_models,
}


# --- the page ----------------------------------------------------------------------------------------------------


def page() -> Iterator[str]:
    yield HEAD
    yield f"Made with {versions()}.\n"
    for part, title, about in (
        ("nodes", "ONNX node tests", NODES),
        ("samples", "torch's samples of operations", SAMPLES),
        ("published", "The published receptive fields", PUBLISHED),
    ):
        found = [Outcome(*entry) for entry in kept(part)]
        if found:
            yield section(title, about, found)
    results = list({tuple(entry["model"]): Result(**entry) for entry in kept("models")}.values())
    if results:
        yield "\n".join(models_section(results))


def kept(part: str) -> list[Any]:
    path = KEPT / f"{part}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def versions() -> str:
    names = ("torch", "onnx", "torchvision", "timm", "segmentation-models-pytorch", "torchinfo", "torchlens")
    found = [f"rfcalc {rfcalc.__version__}"]
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return f"{', '.join(found)}, Python {platform.python_version()} on {platform.system()} {platform.machine()}"


def counted(verdicts: Sequence[str]) -> list[str]:
    counts = Counter(verdicts)
    return [
        f"| cases | {' | '.join(VERDICTS)} |", "|---:|---:|---:|---:|---:|",
        f"| {len(verdicts)} | {' | '.join(str(counts[v]) for v in VERDICTS)} |",
    ]  # fmt: skip


def section(title: str, about: str, found: Sequence[Outcome]) -> str:
    lines = [f"## {title}", "", about, "", *counted([o.verdict for o in found])]
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for o in found:
        if o.verdict != RIGHT:
            groups.setdefault((o.name.split("(")[0], o.verdict, shortened(o.why)), []).append(o)
    if groups:
        lines += ["", "| not right | cases | verdict | why |", "|---|---:|---|---|"]
        lines += [
            f"| {safe(cases[0].name)} | {len(cases)} | {verdict} | {why} |"
            for (_, verdict, why), cases in groups.items()
        ]
    return "\n".join(lines) + "\n"


def shortened(text: str) -> str:
    text = safe(text)
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"


def safe(text: str) -> str:
    return " ".join(text.replace("|", "/").replace("<", "‹").replace(str(ROOT), "").split())


def models_section(results: Sequence[Result]) -> Iterator[str]:
    listed = sum(1 for _ in public_models.models())
    yield f"## Public models\n\n{MODELS}\n"
    yield f"Run so far: {len(results)}, of {listed} that the list has in the versions above.\n"
    yield from counted([r.verdict for r in results])
    done = [r for r in results if r.params]
    same = sum(r.macs == r.torch_macs for r in done)
    right = sum(r.verdict != WRONG for r in done)
    seconds, exact = [r.seconds for r in done], sum(r.exact == 1 for r in done)
    yield (
        f"\nParameters and shapes are the module's in {right} of {len(done)} traced; MACs are torch's to the unit in "
        f"{same}. The table took {median(seconds):.2f} s in the median, {max(seconds):.1f} s at most. In {exact} every "
        "row's field is exact.\n"
    )
    rest = [r for r in results if r.verdict != RIGHT]
    if rest:
        yield "| not right | verdict | why |\n|---|---|---|"
        yield from (f"| {r.model[0]} {r.model[1]} | {r.verdict} | {shortened(r.why)} |" for r in rest)
        yield ""
    other = [r for r in done if r.torch_macs is not None and r.macs != r.torch_macs]
    if other:
        yield DIFFERENCES
        yield "| model | MACs | FlopCounterMode | of weights alone | unexplained |\n|---|---:|---:|---:|---:|"
        for r in other:
            name, counts = f"{r.model[0]} {r.model[1]}", f"{number(r.macs)} | {r.torch_macs:,} | {r.constant_macs:,}"
            yield f"| {name} | {counts} | {difference(r)} |"
        yield ""
    yield from lens_lines([r for r in done if r.torchlens])
    yield "| model | parameters | MACs | rows exact | seconds | torchinfo's | TorchLens' |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for r in done:
        cells = (f"{r.model[0]} {r.model[1]}", f"{r.params:,}", number(r.macs), f"{r.exact:.0%}", f"{r.seconds:.2f}")
        others = taken(r.torchinfo_seconds), taken((r.torchlens or {}).get("seconds"))
        yield f"| {' | '.join((*cells, *others))} |"
    yield ""


def lens_lines(results: Sequence[Result]) -> Iterator[str]:
    """What became of the models that TorchLens was given, and the list of what it says otherwise."""
    pairs = [(r, r.torchlens or {}) for r in results]
    done = [(r, found) for r, found in pairs if "refused" not in found]
    if not done:
        return
    fields, other = sum(found["both"] for _, found in done), sum(len(found["other"]) for _, found in done)
    params = sum(found["params"] == r.params for r, found in done)
    macs = sum(found["macs"] == r.macs for r, found in done)
    seconds = median(found["seconds"] for _, found in done)
    yield (
        f"TorchLens traced {len(done)} of {len(pairs)} models, in {seconds:.1f} s in the median: its parameters are "
        f"those of the table in {params}, its MACs in {macs}; of the {fields:,} fields of convolutions that both hold "
        f"for exact, {fields - other:,} are the same. It counts weights that no forward uses, too: the table names "
        "them aside.\n"
    )
    rest = [(r, why) for r, found in pairs if (why := told_otherwise(r, found))]
    if rest:
        yield "| model | what TorchLens says otherwise |\n|---|---|"
        yield from (f"| {r.model[0]} {r.model[1]} | {shortened(why)} |" for r, why in rest)
        yield ""


def told_otherwise(r: Result, found: dict[str, Any]) -> str:
    if "refused" in found:
        return f"refused: {found['refused']}"
    parts = [f"{number(found[key])} {key}, not {number(own)}" for key, own in (("params", r.params), ("macs", r.macs))
             if found[key] != own]  # fmt: skip
    return "; ".join(parts + found["other"])


DIFFERENCES = """Where the counts of MACs differ, torch counts products of weights alone (tables of positions worked
out by a small network, rotations), the same for every image: they stand in `Arch.constant_macs`, and no total counts
them ([what is counted](counting.md)). The last column is what that leaves unexplained.
"""


def number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def difference(r: Result) -> str:
    return "–" if r.macs is None or r.torch_macs is None else f"{r.torch_macs - r.macs - r.constant_macs:,}"


def taken(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.2f}"


if __name__ == "__main__":
    main(sys.argv[1:])
