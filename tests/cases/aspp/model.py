"""ASPP whose dilations outgrow the map: at 14x14 a dilation of 18 leaves the middle tap alone."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class ASPP(nn.Module):
    def __init__(self, i, o, rates=(6, 12, 18), pooled=True):
        super().__init__()
        self.b = nn.ModuleList([nn.Conv2d(i, o, 1)] + [nn.Conv2d(i, o, 3, padding=r, dilation=r) for r in rates])
        self.p = nn.Conv2d(i, o, 1) if pooled else None
        self.out = nn.Conv2d(o * (len(rates) + 1 + pooled), o, 1)

    def forward(self, x):
        y = [b(x) for b in self.b]
        if self.p is not None:
            g = self.p(F.adaptive_avg_pool2d(x, 1))
            y.append(F.interpolate(g, size=x.shape[2:], mode="bilinear", align_corners=False))
        return self.out(torch.cat(y, dim=1))


class Seg(nn.Module):
    def __init__(self, pooled=False):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 7, 2, 3),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1, ceil_mode=True),
            nn.Conv2d(8, 16, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, 2, 1),
            nn.ReLU(),
        )
        self.aspp = ASPP(16, 8, pooled=pooled)

    def forward(self, x):
        y = self.aspp(self.stem(x))
        return F.interpolate(y, scale_factor=16, mode="bilinear", align_corners=False)


def pooled():
    return Seg(True)


class Only18(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(1, 1, 3, padding=18, dilation=18)

    def forward(self, x):
        return self.a(x)
