"""The processes of one training: alone, or started together by torchrun."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed as dist
from torch import nn

from .batches import Share
from .kinds import TrainError


@dataclass(frozen=True)
class Team:
    """This process among those that train together."""

    rank: int
    world: int
    local_rank: int
    device: torch.device

    @property
    def leads(self) -> bool:
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
        """What the leading process says, in every process."""
        if self.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

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
def team(device: str) -> Iterator[Team]:
    """The processes that torchrun's variables tell of; gloo between CPUs, NCCL between GPUs."""
    world, rank, local = (int(os.environ.get(name, default)) for name, default in
                          (("WORLD_SIZE", "1"), ("RANK", "0"), ("LOCAL_RANK", "0")))  # fmt: skip
    place = device_of(device, local)
    if place.type == "cuda":
        torch.cuda.set_device(place)
    if world == 1:
        yield Team(0, 1, 0, place)
        return
    dist.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield Team(rank, world, local, place)
    finally:
        dist.destroy_process_group()


def device_of(device: str, local_rank: int = 0) -> torch.device:
    """`auto` is a GPU where torch finds one, else the CPU."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        found = torch.device(device)
    except RuntimeError:
        raise TrainError(f"--device {device}: no such device; there are auto, cpu, cuda and cuda:N") from None
    if found.type not in ("cpu", "cuda"):
        raise TrainError(f"--device {device}: training is tried on cpu and cuda only")
    if found.type == "cuda":
        count = torch.cuda.device_count()
        index = local_rank if found.index is None else found.index
        if index >= count:
            raise TrainError(f"--device {device}: GPU {index} is asked for, and torch finds {count}")
        found = torch.device("cuda", index)
    return found
