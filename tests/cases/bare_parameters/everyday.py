import torch
import torch.nn as nn


class B(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 4, 3, padding=1)
        self.d = nn.Conv2d(3, 4, 3, padding=1)


class MinusHalf(B):
    def forward(self, x):
        return self.c(x - 0.5)


class Times255(B):
    def forward(self, x):
        return self.c(x * 255)


class SumOfList(B):
    def forward(self, x):
        return sum([self.c(x), self.d(x)])


class Difference(B):
    def forward(self, x):
        return self.c(x) - self.d(x)


class Gamma(B):
    def __init__(self):
        super().__init__()
        self.g = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.c(x) * self.g + self.d(x)


class Clamp(B):
    def forward(self, x):
        return self.c(x).clamp(0, 1)


class Halved(B):
    def forward(self, x):
        return (self.c(x) + self.d(x)) / 2


class Maximum(B):
    def forward(self, x):
        return torch.maximum(self.c(x), self.d(x))
