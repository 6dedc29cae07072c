"""Programs that run in torch: a view of what a layer gives, whose input was laid out otherwise in memory."""

import torch.nn as nn


class Lin(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.l = nn.Conv2d(3, 16, 4, 4), nn.Linear(16, 16)

    def forward(self, x):
        t = self.l(self.a(x).flatten(2).transpose(1, 2))
        return t.view(t.shape[0], -1)


class Bn(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.l = nn.Conv1d(12, 8, 3, padding=1), nn.BatchNorm1d(20)

    def forward(self, x):
        return self.l(self.a(x).transpose(1, 2)).view(x.shape[0], -1)


class Sm(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv1d(12, 8, 3, padding=1)

    def forward(self, x):
        return self.a(x).transpose(1, 2).softmax(-1).view(x.shape[0], -1)
