"""Lazy norms, and one block put six times into a list."""

import torch
import torch.nn as nn


class Denoise(nn.Module):
    def __init__(self, ch=16):
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(3, ch, 3, padding=1), nn.LazyBatchNorm2d(), nn.ReLU())
        block = nn.Sequential(nn.Conv2d(ch, ch, 3, padding=1), nn.ReLU(), nn.LazyBatchNorm2d())
        self.middle = nn.ModuleList([block for _ in range(6)])
        self.tail = nn.Sequential(nn.Conv2d(ch, 3, 3, padding=1), nn.LazyBatchNorm2d())

    def forward(self, image):
        h = torch.relu(self.head(image))
        for b in self.middle:
            h = b(h)
        return self.tail(h) + image


def ready():
    m = Denoise()
    m(torch.zeros(2, 3, 32, 32))
    return m
