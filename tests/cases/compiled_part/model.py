"""torch.compile around the whole, around a part, and as a decorator of a method or function."""

import torch
import torch.nn as nn


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.b = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        return self.b(torch.relu(self.a(x)))


def whole():
    return torch.compile(Plain())


class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.front = torch.compile(Plain())
        self.c = nn.Conv2d(8, 4, 3)

    def forward(self, x):
        return self.c(self.front(x))


class InPlaceCompiled(nn.Module):
    def __init__(self):
        super().__init__()
        self.front = Plain()
        self.front.compile()
        self.c = nn.Conv2d(8, 4, 3)

    def forward(self, x):
        return self.c(self.front(x))


@torch.compile
def mix(x, y):
    return torch.nn.functional.silu(x) * y


class Decorated(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)
        self.b = nn.Conv2d(3, 8, 5, padding=2)

    def forward(self, x):
        return mix(self.a(x), self.b(x))


class Method(Plain):
    @torch.compile
    def forward(self, x):
        return self.b(torch.relu(self.a(x)))
