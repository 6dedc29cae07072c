"""A deformable convolution by hand: offsets from a convolution, nine samplings, one mixing weight."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Deform(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.offset = nn.Conv2d(i, 18, 3, padding=1)
        self.weight = nn.Parameter(torch.randn(o, i * 9, 1, 1) * 0.1)

    def forward(self, x):
        h, w = x.shape[2:]
        off = self.offset(x)
        ys, xs = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        taps = []
        for k in range(9):
            gy = (ys + k // 3 - 1 + off[:, 2 * k]) * 2 / (h - 1) - 1
            gx = (xs + k % 3 - 1 + off[:, 2 * k + 1]) * 2 / (w - 1) - 1
            taps.append(F.grid_sample(x, torch.stack([gx, gy], -1), align_corners=True))
        return F.conv2d(torch.cat(taps, 1), self.weight)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)
        self.d = Deform(8, 8)
        self.b = nn.Conv2d(8, 4, 3, padding=1)

    def forward(self, x):
        return self.b(self.d(self.a(x)))
