"""One layer in a loop; how often: a number, the size of the image, chance, or the values of the image."""

import random

import torch.nn as nn


class Fixed(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        for _ in range(5):
            x = self.c(x).relu_()
        return x


class BySize(Fixed):
    def forward(self, x):
        while x.shape[-1] > 8:
            x = self.c(x)[..., ::2, ::2]
        return x


class LayerDrop(nn.Module):
    """Layers are left out by chance, in training only."""

    def __init__(self):
        super().__init__()
        self.c = nn.ModuleList([nn.Conv2d(4, 4, 3, padding=1) for _ in range(4)])

    def forward(self, x):
        for c in self.c:
            if self.training and random.random() < 0.2:
                continue
            x = x + c(x)
        return x


class Shuffled(nn.Module):
    """The order of two different layers is drawn at every call."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 5, stride=2, padding=2)

    def forward(self, x):
        for c in random.sample([self.a, self.b], 2):
            x = c(x)
        return x


class ByValue(Fixed):
    def forward(self, x):
        n = 0
        while x.norm() > 1 and n < 10:
            x, n = self.c(x), n + 1
        return x
