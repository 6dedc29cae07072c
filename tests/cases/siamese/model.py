"""One tower, two images."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 16, 10)
        self.c2 = nn.Conv2d(16, 32, 7)
        self.c3 = nn.Conv2d(32, 32, 4)
        self.fc = nn.Linear(32 * 6 * 6, 64)
        self.out = nn.Linear(64, 1)

    def tower(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        x = F.max_pool2d(F.relu(self.c3(x)), 2)
        return torch.sigmoid(self.fc(x.flatten(1)))

    def forward(self, left, right):
        return self.out((self.tower(left) - self.tower(right)).abs())
