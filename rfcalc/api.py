"""The Python API: one plain function for each thing that rfcalc does, each with an example that runs.

A `target` is whatever stands for a network: the name of a shipped spec, the path of a YAML file, a torch model as
`path/to/file.py:Name` or `package.module:Name`, an ONNX file, an `Arch`, or a torch module with the `input` that it
takes (channels, then 1 to 3 sizes). Every function raises RfcalcError, with place and numbers, for what the caller can
mend. Nothing heavy is loaded before a function needs it: only trace, build, check and effective_field load torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from . import zoo
from .engine.arch import Arch
from .engine.ports import focused
from .errors import need
from .report.compare import Comparison
from .report.findings import Finding
from .report.table import Table

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .measure import EffectiveField
    from .network import Network
    from .page.door import Page
    from .proof.module_report import ModuleReport
    from .proof.report import Report
    from .readme.audit.verdict import Audit
    from .readme.infer.inference import Inference

    Target = str | PathLike[str] | Arch | nn.Module

InputShape = Sequence[int]


# --- doors: everything becomes an Arch -----------------------------------------------------------------------------


def names() -> list[str]:
    """The shipped specs, in alphabetical order.

    >>> names()[:3]
    ['c12', 'densenet121', 'dilated93']
    """
    return zoo.names()


def load(target: Target, input: InputShape | None = None) -> Arch:
    """The network that a target stands for; a spec is worked out for `input` in place of its own.

    >>> load("s9").params, load("s9", (3, 64, 64)).macs
    (180298, 137033632)
    """
    return zoo.load(target, input)


def loads(text: str, path: str = "<text>") -> Arch:
    """The network in a YAML text; `path` is what error messages call it. Raises SpecError with every problem.

    >>> loads("{input: [3, 32, 32], layers: [conv: {out_channels: 8, kernel_size: 3}]}").params
    224
    """
    from .spec import reader

    return reader.loads(text, path)


def trace(module: nn.Module, input: Any, name: str = "", of: str | None = None) -> Arch:
    """The layers of a torch module for an image of that shape, seen in one run of its forward on shapes alone. `input`
    may also be an example of all that it takes: shapes (without the batch) or tensors (with it), in tuples, lists and
    dicts. Of several inputs `of` names the one whose fields are wanted; the first image by default.

    >>> from torch import nn
    >>> arch = trace(nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2)), (3, 32, 32))
    >>> [str(row.out) for row in arch.rows], arch.receptive_field.after_global_pool
    (['8x30x30', '8x15x15'], (4, 4))
    """
    need("torch", "torch")
    from .tracing import trace

    return trace.trace(module, focused(zoo.as_given(input), of), name)


# --- what an Arch is asked -----------------------------------------------------------------------------------------


def table(target: Target, input: InputShape | None = None, *, all_layers: bool = False, count: str = "macs") -> Table:
    """Size, jump, receptive field, parameters and MACs of every layer; those that change nothing are folded away unless
    `all_layers`. `print` shows it; to_json, to_pandas, to_csv and to_text give its other forms. `count` says
    whose count the column of MACs holds: macs, flops, fvcore, torchinfo, ptflops, ptflops-aten or thop.

    >>> rows = table("s9")
    >>> rows[0]["op"], rows[0]["r_out"], rows[0]["params"]
    ('conv, relu', 3, 896)
    """
    return load(target, input).table(all_layers, count)


def findings(target: Target, input: InputShape | None = None) -> tuple[Finding, ...]:
    """What a reader should know about a design: layers that add no context, gridding, skipped pixels and more.

    >>> [finding.kind for finding in findings("s9")]
    ['border', 'skips', 'skips']
    """
    from .report import findings

    return findings.findings(load(target, input))


def explain(target: Target, layer: str, input: InputShape | None = None) -> str:
    """The arithmetic of a layer, or of every layer of a block.

    >>> print(explain("s9", "C10").splitlines()[3])
      r_out = 39 + (3-1)*2*4 = 55
    """
    from .report import explain

    return explain.explain(load(target, input), layer)


def compare(*targets: Target, input: InputShape | None = None) -> Comparison:
    """Networks side by side: parameters, MACs, fields, the size of the last map, how the depth is spent.

    >>> [(each["name"], each["params"]) for each in compare("s9", "c12").to_json()]
    [('s9', 180298), ('c12', 92784)]
    """
    from .report import compare

    return compare.compare([load(target, input) for target in targets])


def explore(target: Target, *others: Target, input: InputShape | None = None) -> Page:
    """A page to explore a network, or two side by side: point at a layer and a unit, and see the pixels that it reads.
    One HTML file without a server; in a notebook it shows itself in place.

    >>> explore("mnist28").save("mnist28.html")  # doctest: +SKIP
    >>> explore("s9", "c12").names
    ('s9', 'c12')
    """
    from .page import door

    return door.explore([load(each, input) for each in (target, *others)])


def dump(target: Target, input: InputShape | None = None) -> str:
    """The text of a spec; `loads` makes the same rows of it.

    >>> print(dump(loads("{name: small, input: [3, 8, 8], layers: [conv: {out_channels: 4, kernel_size: 3}]}")))
    name: small
    input: [3, 8, 8]
    layers:
    - conv: {out_channels: 4, kernel_size: 3}
    <BLANKLINE>
    """
    from .spec import writer

    return writer.dump(load(target, input))


# --- torch ---------------------------------------------------------------------------------------------------------


def build(target: Target, input: InputShape | None = None, *, seed: int | None = None) -> Network:
    """The network as a torch module with the same layer names, and torch's own initial weights; a `seed` makes them the
    same every time and leaves torch's random state as it was.

    >>> sum(p.numel() for p in build("s9", seed=0).parameters())
    180298
    """
    need("torch", "torch")
    from . import network

    return network.build(load(target, input), seed)


def check(target: Target, input: InputShape | None = None) -> Report | ModuleReport:
    """Holds every figure of the table against torch, and what the spec states and demands against the table. A torch
    module is proved itself: its own forward runs on a copy, with one pixel of the image changed; an ONNX model is run
    by onnx's own evaluator in the same way, and needs no torch.

    >>> report = check("mnist28")
    >>> report.ok, report.proved, report.checked["claims"] > 10
    (True, True, True)
    """
    if zoo.is_onnx(target):
        need("onnx", "onnx")
        from .proof.exchanged import prove_onnx

        return prove_onnx(fspath(target), input)  # type: ignore[arg-type]
    need("torch", "torch")
    from .proof.check import check_target

    return check_target(target, input)


def effective_field(
    target: Target,
    layer: str | None = None,
    input: InputShape | None = None,
    *,
    images: Tensor | None = None,
    count: int = 8,
    seed: int = 0,
    weights: str | PathLike[str] | Mapping[str, Any] | None = None,
    unit: Sequence[int] | None = None,
    of: str | None = None,
) -> EffectiveField:
    """How much of a layer's centre unit (or another `unit`) really depends on each pixel (Luo et al. 2016), beside what
    path counts predict: over the given images, or `count` images of noise. `weights` is a state dict, its file, or the
    folder of a run. Of several inputs `of` names the one to measure on.

    >>> found = effective_field("s9", "C2", count=2)
    >>> found.receptive_field, [round(std, 2) for std in found.predicted.std]
    ((5, 5), [1.15, 1.15])
    """
    need("torch", "torch")
    from . import measure

    given: dict[str, Any] = {"images": images, "count": count, "seed": seed, "weights": weights, "unit": unit}
    return measure.field_of(target, layer, focused(input, of), **given)


# --- documents -----------------------------------------------------------------------------------------------------


def infer(text: str, input: InputShape | None = None) -> Inference:
    """The network that a summary (torchsummary, torchinfo) was printed from, and where the print leaves a choice.

    >>> found = infer(table("vgg16").to_torchsummary())
    >>> found.ok, found.params, found.arch.receptive_field.before_global_pool
    (True, 138357544, (212, 212))
    """
    from .readme.infer import infer

    return infer.infer(text, None if input is None else tuple(input))


def audit(text: str, input: InputShape | None = None) -> Audit:
    """Every figure that a README states, held against the arithmetic: right, wrong, a convention, or undetermined.

    >>> found = audit(table("s9").to_torchsummary())
    >>> found.wrong, {claim.verdict for claim in found.claims}
    (False, {'right'})
    """
    from .readme.audit import audit

    return audit.audit(text, None if input is None else tuple(input))


def schema() -> dict[str, Any]:
    """The JSON Schema of a spec file, recipes (`train:`) included: for completion and checking in editors.

    >>> schema()["required"], "optimizer" in schema()["properties"]["train"]["properties"]
    (['input', 'layers'], True)
    """
    from .spec.schema import spec_schema
    from .train.recipe.schema import recipe_schema  # it loads no torch

    return spec_schema(recipe_schema())
