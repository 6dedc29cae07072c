"""A detector's neck: pyramid pooling with stride 1, then two doublings that must meet their siblings."""

import torch
import torch.nn as nn


def cb(i, o, k=1, s=1, p=None):
    return nn.Sequential(
        nn.Conv2d(i, o, k, s, k // 2 if p is None else p, bias=False), nn.BatchNorm2d(o), nn.SiLU(inplace=True)
    )


class SPPF(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.a, self.b = cb(c, c // 2), cb(c * 2, c)
        self.m = nn.MaxPool2d(5, 1, 2)

    def forward(self, x):
        x = self.a(x)
        y = self.m(x)
        z = self.m(y)
        return self.b(torch.cat([x, y, z, self.m(z)], 1))


class Neck(nn.Module):
    def __init__(self):
        super().__init__()
        self.s = nn.ModuleList([cb(3, 8, 6, 2, 2), cb(8, 16, 3, 2), cb(16, 32, 3, 2), cb(32, 64, 3, 2)])
        self.spp = SPPF(64)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.l1, self.l2 = cb(64 + 32, 32), cb(32 + 16, 16)

    def forward(self, x):
        x = self.s[1](self.s[0](x))
        y = self.s[2](x)
        z = self.spp(self.s[3](y))
        p4 = self.l1(torch.cat([self.up(z), y], 1))
        p3 = self.l2(torch.cat([self.up(p4), x], 1))
        return p3, p4, z
