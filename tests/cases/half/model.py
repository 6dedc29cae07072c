"""Half precision: the whole model, or autocast in the middle; double; uint8 images."""

import torch
import torch.nn as nn


def half():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3, stride=2)
    ).half()


def double():
    return half().double()


class Auto(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)
        self.b = nn.Conv2d(8, 4, 3, stride=2)

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            x = self.a(x)
        return self.b(x.float())


class Bytes(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, x):
        if x.dtype != torch.uint8:
            x = (x * 255).round().to(torch.uint8)
        return self.a(x.float() / 255)
