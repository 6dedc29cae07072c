"""einsum in four roles: mixing channels, a dynamic filter, attention along the width only, a bilinear pooling."""

import torch
import torch.nn as nn


class Mix(nn.Module):
    """A 1x1 convolution written as einsum, then a real one."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(12, 6))
        self.c = nn.Conv2d(12, 6, 3, padding=1)

    def forward(self, x):
        return self.c(torch.einsum("oc,nchw->nohw", self.w, x))


class PerPlace(nn.Module):
    """Nine weights for each place, worked out from the map itself; windows by unfold."""

    def __init__(self):
        super().__init__()
        self.k = nn.Conv2d(6, 9, 1)

    def forward(self, x):
        n, c, h, w = x.shape
        k = self.k(x).softmax(1).view(n, 9, h * w)
        p = nn.functional.unfold(x, 3, padding=1).view(n, c, 9, h * w)
        return torch.einsum("nckl,nkl->ncl", p, k).view(n, c, h, w)


class AlongWidth(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Conv2d(6, 18, 1)
        self.out = nn.Conv2d(6, 6, 1)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, 1)
        a = torch.einsum("nchi,nchj->nhij", q, k).softmax(-1)
        return self.out(torch.einsum("nhij,nchj->nchi", a, v)) + x


class Bilinear(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(6, 4, 3, padding=1)
        self.fc = nn.Linear(16, 3)

    def forward(self, x):
        x = self.c(x)
        g = torch.einsum("nahw,nbhw->nab", x, x) / (x.shape[2] * x.shape[3])
        return self.fc(g.flatten(1))
