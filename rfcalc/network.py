"""A spec as a torch module, with the spec's layer names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .engine.arch import Arch, Row, demand_one_input, last_readers
from .engine.layers import Join
from .engine.layers.opaque import Opaque
from .errors import RfcalcError


class Block(nn.Module):
    """The layers of one block; it only holds them, the network runs them."""


class JoinModule(nn.Module):
    """A join of several maps: add, concat, multiply."""

    def __init__(self, layer: Join) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *tensors: Tensor) -> Tensor:
        joined: Tensor = self.layer.combine(torch, tensors)
        return joined

    def extra_repr(self) -> str:
        return self.layer.op


@dataclass(frozen=True, slots=True)
class ModuleStep:
    """One layer's turn: where its module hangs, which maps it takes (0 is the image, i what the i-th step made),
    whether a linear layer flattens its map first, and which maps nothing reads any more after it."""

    name: str
    path: tuple[str, ...]
    inputs: tuple[int, ...]
    flattens: bool
    done: tuple[int, ...]


class Network(nn.Module):
    """The layers of a spec as modules of the same names; it runs them in order and drops each map after its last use.

    Takes a tensor (batch, channels, sizes…) and returns what the last layer makes of it.
    """

    def __init__(self, arch: Arch) -> None:
        super().__init__()
        done = maps_done(arch)
        steps: list[ModuleStep] = []
        taken = {row.name for row in arch.rows}
        for row in arch.rows:
            module = module_of(row)
            path = path_of(row.name, taken)
            self._hang(path, module)
            flattens = isinstance(module, nn.Linear) and not row.x.flat
            steps.append(ModuleStep(row.name, path, row.node.inputs, flattens, tuple(done[row.index])))
        self.steps = tuple(steps)

    def _hang(self, path: tuple[str, ...], module: nn.Module) -> None:
        # straight into _modules: add_module refuses layers that are called train or type, which are nn.Module's methods
        holder: nn.Module = self
        for part in path[:-1]:
            holder = holder._modules.setdefault(part, Block())  # type: ignore[assignment]
        holder._modules[path[-1]] = module

    def module(self, step: ModuleStep) -> nn.Module:
        """The module of a step, looked up anew each time, so that a module put in its place is the one that runs."""
        found: nn.Module = self
        for part in step.path:
            found = found._modules[part]  # type: ignore[assignment]
        return found

    def put(self, step: ModuleStep, module: nn.Module) -> None:
        """Another module in the place of a step's."""
        self._hang(step.path, module)

    def named_layers(self) -> Iterator[tuple[str, nn.Module]]:
        """Every layer's name and module, in the order of the spec."""
        for step in self.steps:
            yield step.name, self.module(step)

    def forward(self, x: Tensor) -> Tensor:
        maps = {0: x}
        for index, step in enumerate(self.steps, 1):
            inputs = [maps[i] for i in step.inputs]
            if step.flattens:
                inputs = [inputs[0].flatten(1)]
            x = self.module(step)(*inputs)
            del inputs
            maps[index] = x
            for i in step.done:
                del maps[i]
        return x


def maps_done(arch: Arch) -> list[list[int]]:
    """For each layer, counted from 1, the maps that nothing reads any more once it has run; one that nothing reads at
    all goes at once."""
    last = last_readers([node.inputs for node in arch.nodes])
    done: list[list[int]] = [[] for _ in range(len(arch.nodes) + 1)]
    for index in range(len(arch.nodes) + 1):
        done[last.get(index, index)].append(index)
    return done


def path_of(name: str, taken: set[str]) -> tuple[str, ...]:
    """Where a module hangs: `C1.conv` inside the block C1, but beside a layer that is itself called C1."""
    parts = name.split(".")
    if all(parts) and not any(".".join(parts[:i]) in taken for i in range(1, len(parts))):
        return tuple(parts)
    flat = "_".join(parts)
    while flat in taken:
        flat += "_"
    taken.add(flat)
    return (flat,)


def module_of(row: Row) -> nn.Module:
    """The torch module of one layer; raises RfcalcError where torch has none, or refuses the settings."""
    if isinstance(row.layer, Join) and not isinstance(row.layer, Opaque):  # of those only the shapes are known
        return JoinModule(row.layer)
    try:
        module: nn.Module = row.layer.module(nn, row.x)
    except RfcalcError as error:
        raise RfcalcError(f"{row.name} ({row.layer.op}): {error}") from error
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        raise RfcalcError(f"{row.name} ({row.layer.op}): torch cannot build it: {error}") from error
    return module


def build(arch: Arch, seed: int | None = None) -> Network:
    """The network of a spec with torch's own initial weights; a seed makes them the same every time and leaves torch's
    random state as it was. Raises SpecError for a spec with problems, RfcalcError for a network of several inputs.

    >>> import rfcalc
    >>> net = build(rfcalc.load("s9"), seed=0)
    >>> sum(p.numel() for p in net.parameters()), tuple(net(torch.zeros(2, 3, 32, 32)).shape)
    (180298, (2, 10, 1, 1))
    """
    demand_one_input(arch, "a built module")
    if seed is None:
        return Network(arch)
    with seeded(seed):
        return Network(arch)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Runs a piece of work with a random state of its own; the caller's stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed the accelerators as well
        yield
