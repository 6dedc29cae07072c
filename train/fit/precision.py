"""bf16 and channels_last, used only where a test on this very machine shows them right, layer by layer, and faster.

torch 2.13 on CPUs with AVX512-BF16 gives garbage weight gradients for dilated grouped convolutions in bf16 and
channels_last, and says nothing; bf16 without hardware for it is many times slower than float32. So nothing is
believed: every layer shape is run both ways, and whole steps are timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from . import compiled, fused, kept, tiled
from .record import said_of_cpu

GRADIENT_TOLERANCE = 0.03
"""Relative error of a bf16 gradient against float32: rounding to 8 bits leaves 0.002 to 0.003, the bug 1 or more."""
FASTER = 1.1
"""bf16 must be this many times faster than float32 to be chosen."""
SAMPLE = 8
"""Images in a test of one layer."""
TESTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, nn.Linear)
RUN_WAYS = ("bf16 channels_last", "bf16", "float32")
"""How a layer can be run when the rest runs in bf16 and channels_last, in the order in which they are tried."""


@dataclass(frozen=True)
class Precision:
    """How a network is run: float32 as it is, or bf16 (autocast; weights stay float32) and channels_last, with some
    layers otherwise where the test found them wrong."""

    name: str = "float32"
    exceptions: tuple[tuple[str, str], ...] = ()
    """(layer, way) where it is not the first of RUN_WAYS."""
    why: str = "asked for"
    layout: str = "plain"
    """How float32 lies in memory, plain or channels_last; bf16 always is in channels_last."""
    fused: bool = False
    """Whether batch norms run together with their activations (fused.py), where the machine can."""
    tiled: bool = False
    """Whether the CPU's tiles take weight gradients (tiled.py), where the machine can."""

    @property
    def channels_last(self) -> bool:
        return self.name == "bf16" or self.layout == "channels_last"

    def to_plain(self) -> dict[str, Any]:
        return {**vars(self), "exceptions": dict(self.exceptions)}

    @staticmethod
    def from_plain(value: dict[str, Any]) -> Precision:
        """Older records do not say what nobody chose then: layouts, fused norms, tiles. There, none of it was done."""
        return Precision(**{**value, "exceptions": tuple(value["exceptions"].items())})

    def describe(self) -> str:
        layers = "".join(f", {name} in {way}" for name, way in self.exceptions)
        kernels = ", norms fused with their activations" * self.fused + ", weight gradients in tiles" * self.tiled
        return f"{self.name}{' and channels_last' if self.channels_last else ''}{layers}{kernels} ({self.why})"

    def prepare(self, net: nn.Module) -> nn.Module:
        """Fuses, lays the weights out, and wraps the layers that run another way; the network itself is changed."""
        if self.fused:
            fused.fuse(net)
        if not self.channels_last:
            return net
        for parameter in net.parameters():
            if parameter.dim() == 4:  # only the kernels of 2-D convolutions have this layout
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        modules = dict(net.named_modules())
        if self.tiled:
            tiled.tile(net, dict(self.exceptions))
        for module in modules.values():
            if isinstance(module, nn.AdaptiveAvgPool2d):
                module.register_forward_pre_hook(lay_gradient_out)
        for name, way in self.exceptions:
            run_otherwise(modules[name], way)
        return net

    def lay_out(self, batch: Tensor) -> Tensor:
        layout = torch.channels_last if self.channels_last and batch.dim() == 4 else torch.contiguous_format
        return batch.contiguous(memory_format=layout)

    @contextmanager
    def running(self, device: torch.device) -> Iterator[None]:
        with torch.autocast(device.type, torch.bfloat16, enabled=self.name == "bf16"):
            yield


def lay_gradient_out(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Has the gradient of a global pool's map lie as the map does: the one that a mean makes lies plain, and so would
    every sum that it comes into, down to the next convolution."""
    if inputs[0].requires_grad:
        inputs[0].register_hook(  # type: ignore[no-untyped-call]
            lambda gradient: gradient.contiguous(memory_format=torch.channels_last)
        )


def run_otherwise(module: nn.Module, way: str) -> None:
    """Makes one layer run in plain layout, in bf16 or float32, and hand its output on in channels_last."""
    plain: Callable[[Tensor], Tensor] = module.forward
    with torch.no_grad():
        for parameter in module.parameters():  # a convolution takes its layout from its weight too
            parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)

    def forward(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=way == "bf16"):
            made = plain((x if way == "bf16" else x.float()).contiguous())
        return made.contiguous(memory_format=torch.channels_last) if made.dim() == 4 else made

    module.forward = forward


def settled_precision(
    wanted: str, device: torch.device, make: Callable[[], nn.Module], batch: Callable[[], Tensor],
    say: Callable[[str], None], steps: int = 0,
) -> Precision:  # fmt: skip
    """The precision of a run of so many steps: at once where there is nothing to test, else as it was found before for
    this machine and network, else as a test finds now, which takes some seconds. float32 that was asked for is torch's
    own alone."""
    if wanted == "float32":
        return Precision(layout=float32_layout(device))
    found = found_precision(wanted, device, make, batch, say)
    if device.type != "cpu" or not found.channels_last or steps < fused.WORTH:
        return found
    tiles = found.name == "bf16" and tiled.has_tiles()
    if not all(map(compiled.compiled, (fused.SOURCE, *(tiled.SOURCE,) * tiles))):
        say("precision: compiling kernels, once on this machine")
    return replace(found, fused=fused.usable() is not None, tiled=tiles and tiled.usable() is not None)


def found_precision(
    wanted: str, device: torch.device, make: Callable[[], nn.Module], batch: Callable[[], Tensor],
    say: Callable[[str], None],
) -> Precision:  # fmt: skip
    """What is known of the machine, was found before, or is found by a test."""
    if wanted == "auto" and (why := without_bf16(device)):
        return Precision(why=why, layout=float32_layout(device))
    images = batch()
    key = kept.verdict_key(wanted, device, make(), images)
    if known := kept.kept_verdict(key):
        return Precision.from_plain(known)
    say("precision: testing bf16 against float32 on this machine, once for each network")
    found = decide(wanted, make, images)
    kept.keep_verdict(key, found.to_plain())
    return found


def without_bf16(device: torch.device) -> str:
    """Why there is no use in testing bf16; empty where there may be."""
    if device.type == "mps":
        return "bf16 is not tried on mps"
    if device.type == "cuda":
        return "" if torch.cuda.is_bf16_supported() else "this GPU has no bf16"
    flags = cpu_flags()
    known = {"avx512_bf16", "amx_bf16", "bf16", "svebf16"}  # x86's names, then ARM's
    return "this CPU has neither AVX512-BF16 nor AMX" if flags and not flags & known else ""


def float32_layout(device: torch.device) -> str:
    """channels_last on a CPU without bf16, where whole steps of twenty networks were 1.01 to 1.57 times as fast in it
    (AVX2, docs/training.md); plain elsewhere, where nothing was measured."""
    return "channels_last" if device.type == "cpu" and without_bf16(device) else "plain"


def cpu_flags() -> set[str]:
    """What Linux says that the CPU can do; empty where it does not say."""
    return set(said_of_cpu("flags", "Features").split())  # x86's word, then ARM's


def decide(wanted: str, make: Callable[[], nn.Module], batch: Tensor) -> Precision:
    """The precision of a run on the device where `batch`, one batch as the network takes it, lies. `make` gives
    a network on that device to try it on. With `auto`, bf16 where it is right and
    faster; `bf16` leaves out the timing only."""
    if wanted == "float32":
        return Precision()
    found = tested(make(), batch)
    if isinstance(found, str):
        return Precision(why=found)
    if wanted == "bf16":
        return Precision("bf16", found, "asked for")
    plain, fast = (step_seconds(p, make(), batch) for p in (Precision(), Precision("bf16", found)))
    why = f"bf16 is {plain / fast:.2f} times as fast as float32 here"
    return Precision("bf16", found, why) if plain > FASTER * fast else Precision(why=why)


def tested(net: nn.Module, batch: Tensor) -> tuple[tuple[str, str], ...] | str:
    """The layers that must not run in bf16 and channels_last, and how they may; or why no way is right."""
    exceptions: dict[str, str] = {}
    known: dict[Any, str | None] = {}
    for name, module, x in met_layers(net, batch):
        shape = (type(module), module.extra_repr(), tuple(x.shape))
        if shape not in known:
            known[shape] = right_way(module, x)
        way = known[shape]
        if way is None:
            return f"{name} is wrong in every way of running it"
        if way != RUN_WAYS[0]:
            exceptions[name] = way
    return tuple(exceptions.items())


def met_layers(net: nn.Module, batch: Tensor) -> list[tuple[str, nn.Module, Tensor]]:
    """Every layer that can go wrong, with a small map of the shape that it meets."""
    found: list[tuple[str, nn.Module, Tensor]] = []
    hooks = [
        module.register_forward_pre_hook(
            lambda m, inputs, name=name: found.append((name, m, torch.randn_like(inputs[0], dtype=torch.float32)))
        )
        for name, module in net.named_modules()
        if isinstance(module, TESTED)
    ]
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net.eval()(batch[:SAMPLE].float())
    for hook in hooks:
        hook.remove()
    return found


def right_way(module: nn.Module, x: Tensor) -> str | None:
    """The first of RUN_WAYS in which the layer's output and gradients agree with float32."""
    x = x.bfloat16().float()  # both sides get the same numbers: what differs is the arithmetic alone
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        push = torch.randn_like(module(x)).bfloat16().float()
    reference = made_and_gradients(deepcopy(module), x, push, Precision())
    for way in RUN_WAYS:
        precision = Precision("bf16", (("0", way),) if way != RUN_WAYS[0] else ())
        found = made_and_gradients(deepcopy(module), x, push, precision)
        errors = [relative(a, b) for a, b in zip(found, reference, strict=True)]
        if all(error < GRADIENT_TOLERANCE for error in errors):  # false for nan too
            return way
    return None


def made_and_gradients(module: nn.Module, x: Tensor, push: Tensor, precision: Precision) -> list[Tensor]:
    """The layer's output and the gradients of its input and parameters; it is the precision's layer "0"."""
    x = x.clone().requires_grad_()
    module = precision.prepare(nn.Sequential(module))
    with precision.running(x.device):
        made = module(precision.lay_out(x))
    push = precision.lay_out(push)
    parameters = [p for p in module.parameters() if p.requires_grad]
    found = torch.autograd.grad(made, [x, *parameters], push.to(made.dtype))
    return [made.detach().float(), *(g.float() for g in found)]


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm().clamp_min(1e-12))


def step_seconds(precision: Precision, net: nn.Module, batch: Tensor, steps: int = 5) -> float:
    """Seconds of the fastest of some whole training steps, after one that warms up."""
    precision.prepare(net).train()
    best = float("inf")
    with torch.random.fork_rng(devices=[batch.device] if batch.device.type == "cuda" else []):
        for step in range(steps):
            begin = time.perf_counter()
            with precision.running(batch.device):
                scores = net(precision.lay_out(batch))
            scores.float().logsumexp(1).sum().backward()
            if batch.device.type == "cuda":
                torch.cuda.synchronize(batch.device)
            best = min(best, time.perf_counter() - begin) if step else best
    return best
