"""`rfcalc check`: every figure of a network's table held against what torch does, and every figure that its spec states
against the table. A torch model is proved by `module`, a spec by the network that it builds."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .. import zoo
from ..engine.arch import Arch
from ..network import Network, build
from ..report.claims import Claim, claims_of, missed, targets_of
from ..tracing.user_code import load_module, users_code
from .axis import AxisProof, alike
from .causes import cause_of_claim
from .module import prove
from .module_report import ModuleReport
from .path_counting import Sizes, path_counter_of
from .report import FIGURE_KINDS, Report
from .tally import Ground, Mismatch, Tally

MAX_RUN_BYTES = 2**31
MAX_MACS = 2 * 10**11
"""Networks that need more memory, or more multiply-adds for one image, run on torch's meta device: shapes only."""


def check_target(target: str | PathLike[str] | Arch | nn.Module, given: Any = None) -> Report | ModuleReport:
    """The proof of whatever a target stands for: a spec is built and compared path by path; a torch model is run as its
    author wrote it. `given` is its input, as `rfcalc.trace` takes it; of a spec, in place of its own. Raises
    RfcalcError."""
    if isinstance(target, nn.Module):
        return prove(target, zoo.needed(type(target).__name__, given))
    text = "" if isinstance(target, Arch) else fspath(target)
    if zoo.is_exported(text):
        module, given = zoo.exported(text, given)
        return prove(module, given, Path(text).stem, f"traced from {Path(text).name}")
    if isinstance(target, Arch) or not zoo.is_torch_model(text):
        return check(zoo.load(target, given))
    given = zoo.needed(text, given)
    module = load_module(text)
    with users_code(f"while {text} was checked"):
        return prove(module, given, text.rpartition(":")[2], f"traced from {text}")


# --- checking ----------------------------------------------------------------------------------------------------


def check(arch: Arch) -> Report:
    """Builds the network and compares; raises RfcalcError for a spec with problems, or that torch cannot build.

    Leaves torch's random state as it was.

    >>> import rfcalc
    >>> report = check(rfcalc.load("s9"))
    >>> report.ok, report.checked["receptive_field"]
    (True, 39)
    """
    tally = Tally(arch)
    # The network of the spec, run once: what every hook sees, and what torch refuses.
    on_meta = too_large(arch)
    with torch.device("meta" if on_meta else "cpu"):
        net = build(arch, seed=0)
        shapes, refusal = observed(net, torch.zeros(1, *arch.input))
        if refusal:  # a norm of one value has nothing to compare it with, but in a larger batch
            shapes, refusal = observed(net, torch.zeros(2, *arch.input))
    # Shapes and parameters row by row, then the geometry along each axis, where there is any to see.
    compare_modules(tally, net, shapes)
    grounds: list[Ground] = []
    if refusal:
        row = arch.rows[len(shapes) - 1]
        tally.mismatches.append(Mismatch(row.name, "output_shape", str(row.out), "torch refuses", cause=refusal))
    else:
        grounds = prove_axes(tally, net, shapes)
    # What the spec states and demands, against the table that has been proved.
    claims, targets = claims_of(arch), targets_of(arch)
    found = [*tally.mismatches, *unmet(arch, claims, "claim"), *unmet(arch, targets, "target")]
    tally.checked["claims"] = sum(claim.holds is not None for claim in claims)
    tally.checked["targets"] = len(targets)
    checked = {kind: tally.checked[kind] for kind in FIGURE_KINDS}
    return Report(
        arch.name, len(arch.rows), checked, tuple(found), tuple(claims), tuple(targets), tuple(grounds), on_meta,
        tuple(missed(arch)),
    )  # fmt: skip


def prove_axes(tally: Tally, net: Network, shapes: Sequence[Sizes]) -> list[Ground]:
    """Compares the geometry along each axis; axes that nothing tells apart are compared once."""
    counters = [path_counter_of(net, shapes, axis) for axis in range(len(tally.arch.sizes))]
    return [
        AxisProof(tally.arch, counters[axes[0]], axes[0], tally, axes).run() for axes in alike(tally.arch, counters)
    ]


def too_large(arch: Arch) -> bool:
    """Whether running the network on one image takes too much memory or time."""
    values = arch.params + 3 * max((row.x.elements + row.out.elements for row in arch.rows), default=0)
    return 4 * values > MAX_RUN_BYTES or arch.known_macs > MAX_MACS


def observed(net: Network, image: Tensor) -> tuple[list[Sizes], str]:
    """The shapes of the image and of every layer's output, seen by forward hooks, and what torch says when a layer
    refuses its input; that layer is the first without a shape."""
    shapes: list[Sizes] = [tuple(image.shape)]

    def seen(module: nn.Module, inputs: Any, output: Tensor) -> None:
        shapes.append(tuple(output.shape))

    hooks = [module.register_forward_hook(seen) for _, module in net.named_layers()]
    refusal = ""
    try:
        with torch.no_grad():
            net.eval()(image)
    except (RuntimeError, ValueError) as error:  # a layer's own complaint becomes a finding
        refusal = str(error).splitlines()[0]
    finally:
        for hook in hooks:
            hook.remove()
    return shapes, refusal


def compare_modules(tally: Tally, net: Network, shapes: Sequence[Sizes]) -> None:
    for row, shape in zip(tally.arch.rows, shapes[1:], strict=False):
        tally.compare(row, "output_shape", row.out.shape, shape[1:])
    for row, (_, module) in zip(tally.arch.rows, net.named_layers(), strict=True):
        if row.node.params is None:  # else it shares weights, which a module built by itself cannot show
            tally.compare(row, "params", row.params, sum(p.numel() for p in module.parameters()))


def unmet(arch: Arch, claims: Sequence[Claim], kind: str) -> list[Mismatch]:
    return [
        Mismatch(c.layer, c.quantity, c.stated, c.computed, kind, cause=cause_of_claim(arch, c))
        for c in claims
        if c.holds is False
    ]
