"""DataParallel around one of two branches."""

import torch
import torch.nn as nn


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.sub = nn.DataParallel(
            nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1))
        )
        self.other = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())

    def forward(self, x):
        return torch.cat([self.sub(x), self.other(x)], dim=1)


def whole():
    return nn.DataParallel(Two())
