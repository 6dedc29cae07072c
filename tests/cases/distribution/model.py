"""A policy that hands back a distribution; a named tuple; a plain object with a tensor in it."""

from typing import NamedTuple

import torch
import torch.nn as nn
from torch.distributions import Categorical, Normal


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.c = nn.Conv2d(4, 8, 8, stride=4)
        self.fc = nn.Linear(8 * 20 * 20, 6)

    def scores(self, x):
        return self.fc(self.c(x).relu().flatten(1))


class Policy(Base):
    def forward(self, x):
        return Categorical(logits=self.scores(x))


class Sampled(Base):
    def forward(self, x):
        d = Categorical(logits=self.scores(x))
        a = d.sample()
        return a, d.log_prob(a), d.entropy()


class Gauss(Base):
    def forward(self, x):
        mu, log_std = self.scores(x).chunk(2, -1)
        return Normal(mu, log_std.exp()).rsample()


class Out(NamedTuple):
    loss: object
    logits: torch.Tensor


class Named(Base):
    def forward(self, x):
        return Out(None, self.scores(x))


class Box:
    def __init__(self, t):
        self.t = t


class Boxed(Base):
    def forward(self, x):
        return Box(self.scores(x))
