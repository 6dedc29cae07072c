"""A detector as they are written today: maps of three sizes, a head that lays them behind one another, anchors worked
out from the shapes it meets, distances read off a distribution, and a dict beside the boxes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import rfcalc

BINS, CLASSES = 4, 3


def block(channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out_channels, 3, stride, 1, bias=False), nn.BatchNorm2d(out_channels), nn.SiLU(inplace=True)
    )


class Split(nn.Module):
    """Half of the channels pass by, the other half goes on, and all parts meet in the end."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList(block(channels // 2, channels // 2, 1) for _ in range(2))
        self.last = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        parts = list(x.chunk(2, 1))
        parts.extend(step(parts[-1]) for step in self.steps)
        out: Tensor = self.last(torch.cat(parts, 1))
        return out


class Attention(nn.Module):
    """Every place attends to every other, heads by `view`, positions by a convolution of the values."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads, self.width = heads, channels // heads
        self.qkv, self.out = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)
        self.position = nn.Conv2d(channels, channels, 3, 1, 1, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        q, k, v = torch.split(self.qkv(x).view(b, self.heads, 3 * self.width, h * w), [self.width] * 3, 2)
        weights = (q.transpose(-2, -1) @ k * self.width**-0.5).softmax(-1)
        mixed = (v @ weights.transpose(-2, -1)).view(b, c, h, w)
        out: Tensor = x + self.out(mixed + self.position(v.reshape(b, c, h, w)))
        return out


class Detector(nn.Module):
    stride: Tensor
    shape: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.two = block(3, 8, 2), nn.Sequential(block(8, 16, 2), Split(16))
        self.four, self.eight = block(16, 16, 2), nn.Sequential(block(16, 16, 2), Attention(16, 2))
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.up = nn.Upsample(scale_factor=2.0)
        self.boxes = nn.ModuleList(nn.Conv2d(c, 4 * BINS, 1) for c in (16, 32, 16))
        self.scores = nn.ModuleList(nn.Conv2d(c, CLASSES, 1) for c in (16, 32, 16))
        self.register_buffer("stride", torch.tensor([4.0, 8.0, 16.0]))

    def anchors(self, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        """The centre of every place, and its stride; kept as long as the image stays as large."""
        if self.shape != maps[0].shape:
            points, strides = [], []
            for m, stride in zip(maps, self.stride, strict=True):
                y, x = (torch.arange(n, device=m.device, dtype=m.dtype) + 0.5 for n in m.shape[2:])
                grid = torch.meshgrid(y, x, indexing="ij")
                points.append(torch.stack((grid[1], grid[0]), -1).view(-1, 2))
                strides.append(m.new_full((m.shape[2] * m.shape[3], 1), stride))
            self.points, self.strides = torch.cat(points).T, torch.cat(strides).T
            self.shape = maps[0].shape
        return self.points, self.strides

    def forward(self, x: Tensor) -> tuple[Tensor, dict[str, Any]]:
        fine = self.two(self.stem(x))
        middle = self.four(fine)
        coarse = self.eight(middle)
        coarse = coarse + self.pool(coarse)
        maps = [fine, torch.cat((middle, self.up(coarse)), 1), coarse]
        flat = [
            torch.cat((box(m), score(m)), 1).view(m.shape[0], 4 * BINS + CLASSES, -1)
            for box, score, m in zip(self.boxes, self.scores, maps, strict=True)
        ]
        boxes, scores = torch.split(torch.cat(flat, 2), [4 * BINS, CLASSES], 1)
        bins = torch.arange(BINS, device=x.device, dtype=x.dtype)
        spread = boxes.view(x.shape[0], 4, BINS, -1).transpose(2, 1).softmax(1)
        low, high = (spread * bins.view(1, -1, 1, 1)).sum(1).chunk(2, 1)
        points, strides = self.anchors(maps)
        found = torch.cat((points - low, points + high), 1) * strides
        return torch.cat((found, scores.sigmoid()), 1), {"maps": maps, "scores": scores}


@pytest.mark.parametrize("size", [(64, 64), (64, 96)])
def test_a_detector_has_a_table_that_holds(size: tuple[int, int]) -> None:
    net = Detector().eval()
    arch = rfcalc.trace(net, (3, *size))
    with FlopCounterMode(display=False) as counter:
        found, beside = net(torch.zeros(1, 3, *size))
    assert arch.params == sum(p.numel() for p in net.parameters())
    assert arch.macs == counter.get_total_flops() // 2
    returned = [found, *beside["maps"], beside["scores"]]
    assert [o.shape for o in arch.outputs] == [tuple(t.shape[1:]) for t in returned]
    assert not [row.name for row in arch.rows if "unknown" in row.status]
    assert rfcalc.check(net, (3, *size)).ok
