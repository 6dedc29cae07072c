"""One argument that is a list: three maps of a pyramid, or two clips of one video."""

import torch
import torch.nn as nn


class Neck(nn.Module):
    def __init__(self):
        super().__init__()
        self.p0 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.p1 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.q = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.mix = nn.Conv2d(32 + 32 + 32, 32, 1)

    def forward(self, maps):
        a = self.p1(self.p0(maps[0]))
        b = self.q(maps[1])
        return self.mix(torch.cat([a, b, maps[2]], 1))
