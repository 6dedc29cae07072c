"""A scripted part, a scripted function, and a traced whole."""

import torch
import torch.nn as nn


class Squash(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        return x * torch.sigmoid(self.c(x))


@torch.jit.script
def swish(x):
    return x * torch.sigmoid(x)


class WithScriptedPart(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)
        self.s = torch.jit.script(Squash())

    def forward(self, x):
        return self.s(self.a(x))


class WithScriptedFunction(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)
        self.b = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        return self.b(swish(self.a(x)))


def traced():
    m = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    return torch.jit.trace(m, torch.zeros(1, 3, 16, 16))
