"""A map divided by its own norm over places, three ways of spelling it."""

import torch
import torch.nn as nn


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, x):
        y = self.c(x)
        return y * self.norm(y)

    def norm(self, y):
        return y.norm(dim=(2, 3), keepdim=True)


class VectorNorm(Norm):
    def norm(self, y):
        return torch.linalg.vector_norm(y, ord=2, dim=(2, 3), keepdim=True)


class LinalgNorm(Norm):
    def norm(self, y):
        return torch.linalg.norm(y, dim=(2, 3), keepdim=True)
