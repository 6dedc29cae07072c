"""Batches: an epoch's images in their order, augmented, on the device.

Without albumentations' transforms the images lie on the device and a batch is picked there. With them, batches are
made on the CPU, by worker processes where there are cores to spare. Either way a batch depends on (seed, epoch, batch,
rank) alone, so an epoch can begin at any batch.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .augment import Augmentation
from .formats import Split
from .seeds import order_of
from .transforms import Place


@dataclass(frozen=True)
class Share:
    """Which part of every batch this process takes."""

    rank: int = 0
    world: int = 1


class EpochBatches(Dataset[tuple[Tensor, Tensor]]):
    """The batches of one epoch as (images, their indexes), after albumentations' transforms."""

    def __init__(self, split: Split, augmentation: Augmentation, seed: int, epoch: int, size: int, share: Share):
        self.split, self.augmentation, self.seed, self.epoch, self.share = split, augmentation, seed, epoch, share
        self.size = min(size, len(split.labels))
        self.order = order_of(len(split.labels), seed, epoch)

    def __len__(self) -> int:
        return len(self.order) // self.size

    def indexes(self, batch: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        whole = self.order[batch * self.size : (batch + 1) * self.size]
        return whole[self.share.rank :: self.share.world]

    def __getitem__(self, batch: int) -> tuple[Tensor, Tensor]:
        indexes = self.indexes(batch)
        images = self.split.images[indexes]
        changed = self.augmentation.on_images(images, self.seed, self.epoch, batch, self.share.rank)
        return torch.from_numpy(changed), torch.from_numpy(indexes)


def quiet_worker(number: int) -> None:
    """Ctrl-C reaches every process of the terminal; workers leave it to the trainer, which then ends them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Batches:
    """Serves every epoch's batches as (images uint8 N x height x width x channels, labels) on the device."""

    def __init__(
        self, split: Split, augmentation: Augmentation, size: int, seed: int, device: torch.device,
        share: Share | None = None, workers: int | None = None,
    ) -> None:  # fmt: skip
        self.split, self.augmentation, self.size, self.seed = split, augmentation, size, seed
        self.share, self.device = share or Share(), device
        self.workers = default_workers(self.share) if workers is None else workers
        self.labels = torch.from_numpy(split.labels).to(device)
        self.resident = None if augmentation.singles else torch.from_numpy(split.images).to(device)

    def __len__(self) -> int:
        return len(self.split.labels) // min(self.size, len(self.split.labels))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of an epoch from number `start` on."""
        made = EpochBatches(self.split, self.augmentation, self.seed, epoch, self.size, self.share)
        numbers = range(start, len(made))
        if self.resident is None:
            loaded = self.loaded(made, numbers)
        else:
            loaded = ((torch.empty(0), torch.from_numpy(made.indexes(batch))) for batch in numbers)
        for batch, (images, indexes) in zip(numbers, loaded, strict=True):
            where = indexes.to(self.device, non_blocking=True)
            place = Place(self.seed, epoch, batch, self.share.rank, where)
            there = images.to(self.device, non_blocking=True) if self.resident is None else self.resident[where]
            yield self.augmentation.on_batch(there, place), self.labels[where]

    def loaded(self, made: EpochBatches, numbers: range) -> Iterator[tuple[Tensor, Tensor]]:
        if not self.workers:
            return (made[batch] for batch in numbers)
        return iter(
            DataLoader(
                made,
                batch_size=None,
                sampler=numbers,
                num_workers=self.workers,
                prefetch_factor=4,
                pin_memory=self.device.type == "cuda",
                worker_init_fn=quiet_worker,
            )
        )


def default_workers(share: Share) -> int:
    """Cores that this process can spare; on two cores a worker would only take turns with the training."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 0 if cores < 4 else min(8, cores // 2 // share.world)


def as_input(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """uint8 N x height x width x channels as the float N x channels x height x width that a network takes; laid out
    in memory as it came, which is torch's channels_last."""
    return (images.permute(0, 3, 1, 2) - mean).div_(std)


def normalization_tensors(
    mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation in pixel units, shaped to meet a batch."""
    return tuple(torch.tensor(v, device=device).mul(255).view(1, -1, 1, 1) for v in (mean, std))  # type: ignore[return-value]


def mean_and_std(split: Split) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, between 0 and 1, over the pixels of all images."""
    counts = [np.bincount(split.images[..., c].ravel(), minlength=256) for c in range(split.images.shape[-1])]
    values = np.arange(256) / 255
    means = [float((count * values).sum() / count.sum()) for count in counts]
    squares = [float((count * values**2).sum() / count.sum()) for count in counts]
    stds = [max((square - mean**2) ** 0.5, 1e-6) for mean, square in zip(means, squares, strict=True)]
    return tuple(round(m, 6) for m in means), tuple(round(s, 6) for s in stds)
