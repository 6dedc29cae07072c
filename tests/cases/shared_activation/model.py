"""A 3-D residual encoder: lists of lists, and one activation (with a weight of its own) handed to every step."""

import torch.nn as nn


class Step(nn.Module):
    def __init__(self, ch, act):
        super().__init__()
        self.body = nn.ModuleList([nn.Conv3d(ch, ch, 3, padding=1, padding_mode="replicate") for _ in range(2)])
        self.act = act

    def forward(self, x):
        y = x
        for conv in self.body:
            y = self.act(conv(y))
        return x + y


class Stage(nn.Module):
    def __init__(self, i, o, n, act):
        super().__init__()
        self.enter = nn.Conv3d(i, o, 2, stride=2)
        self.steps = nn.ModuleList([Step(o, act) for _ in range(n)])

    def forward(self, x):
        x = self.enter(x)
        for s in self.steps:
            x = s(x)
        return x


class Enc(nn.Module):
    def __init__(self):
        super().__init__()
        act = nn.PReLU()
        self.stages = nn.ModuleList([Stage(1, 4, 1, act), Stage(4, 8, 2, act)])

    def forward(self, x):
        maps = []
        for s in self.stages:
            x = s(x)
            maps.append(x)
        return maps[::-1]
