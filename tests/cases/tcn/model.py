"""A TCN: weight norm, padding on both sides, then the tail chopped off; two convolutions per block."""

import torch.nn as nn
from torch.nn.utils.parametrizations import weight_norm


class Chop(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.n = n

    def forward(self, x):
        return x[:, :, : -self.n].contiguous()


class Block(nn.Module):
    def __init__(self, i, o, k, d):
        super().__init__()
        pad = (k - 1) * d
        self.net = nn.Sequential(
            weight_norm(nn.Conv1d(i, o, k, padding=pad, dilation=d)),
            Chop(pad),
            nn.ReLU(),
            nn.Dropout(0.2),
            weight_norm(nn.Conv1d(o, o, k, padding=pad, dilation=d)),
            Chop(pad),
            nn.ReLU(),
            nn.Dropout(0.2),
        )
        self.skip = nn.Conv1d(i, o, 1) if i != o else None

    def forward(self, x):
        return nn.functional.relu(self.net(x) + (x if self.skip is None else self.skip(x)))


class TCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(*[Block(2 if i == 0 else 6, 6, 4, 2**i) for i in range(7)])
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.net(x)[:, :, -1])


def body():
    return TCN().net
