"""The processes of one training: one alone, or several that torchrun has started."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed.nn  # before there is a group: its functions keep the one they find as their default, for good
from torch import distributed as dist
from torch import nn

from ..data.batches import Share
from ..recipe.errors import TrainError
from ..recipe.options import DEVICES

Loaded = TypeVar("Loaded")


@dataclass(frozen=True)
class ProcessGroup:
    """This process among those that train together."""

    rank: int
    world: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether it is the one that evaluates, prints and writes."""
        return self.rank == 0

    @property
    def share(self) -> Share:
        return Share(self.rank, self.world)

    def wrap(self, net: nn.Module) -> nn.Module:
        if self.world == 1:
            return net
        devices = [self.device] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(net, device_ids=devices)

    def agree(self, value: Any) -> Any:
        """What the first rank says, in every process."""
        if self.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def first_then_others(self, load: Callable[[], Loaded]) -> Loaded:
        """Lets the first rank load, which may mean to download, while the others wait; then each loads for itself."""
        if self.is_first:
            loaded = load()
        self.agree(None)
        return loaded if self.is_first else load()

    def any(self, flag: bool) -> bool:
        """Whether any process says so."""
        if self.world == 1:
            return flag
        said = torch.tensor([float(flag)], device=self.device)
        dist.all_reduce(said, dist.ReduceOp.MAX)
        return bool(said.item())

    def total(self, *values: float) -> list[float]:
        if self.world == 1:
            return list(values)
        summed = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(summed)
        return [float(v) for v in summed]


@contextmanager
def process_group(device: str) -> Iterator[ProcessGroup]:
    """The processes that torchrun's variables tell of; gloo between CPUs, NCCL between GPUs."""
    world, rank, local = (int(os.environ.get(name, default)) for name, default in
                          (("WORLD_SIZE", "1"), ("RANK", "0"), ("LOCAL_RANK", "0")))  # fmt: skip
    place = device_of(device, local)
    if place.type == "cuda":
        torch.cuda.set_device(place)
    if world == 1:
        yield ProcessGroup(0, 1, place)
        return
    dist.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield ProcessGroup(rank, world, place)
    finally:
        # gloo's threads end with the last reference to the group. One that still releases a tensor while Python ends
        # would abort the process, so they end here: the network's circles of references go first.
        gc.collect()
        dist.destroy_process_group()


def device_of(device: str, local_rank: int = 0) -> torch.device:
    """The device of that name (options.DEVICES); raises TrainError where it is not there."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if device == "gpu" and not (cuda or mps):
        raise TrainError("--device gpu: torch finds no GPU here")
    name = {"auto": "cuda" if cuda else "cpu", "gpu": "cuda" if cuda else "mps"}.get(device, device)
    try:
        found = torch.device(name)
    except RuntimeError:
        found = None
    if found is None or found.type not in ("cpu", "cuda", "mps"):
        raise TrainError(f"--device {device}: no such device; there are {', '.join(DEVICES)}")
    if found.type == "mps" and not mps:
        raise TrainError(f"--device {device}: torch finds no such GPU here")
    if found.type == "cuda":
        count = torch.cuda.device_count()
        index = local_rank if found.index is None else found.index
        if index >= count:
            raise TrainError(f"--device {device}: GPU {index} is asked for, and torch finds {count}")
        found = torch.device("cuda", index)
    return found


def device_of_run(about: Mapping[str, Any]) -> torch.device:
    """The device that a run was trained on, where it is there, else the CPU."""
    try:
        return device_of(str(about["machine"]["device"]))
    except TrainError:
        return torch.device("cpu")
