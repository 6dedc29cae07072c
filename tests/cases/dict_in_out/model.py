"""A dict goes in, a dict of dicts comes out."""

import torch.nn as nn
import torch.nn.functional as F


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.deep = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.mask = nn.Conv2d(8, 1, 1)
        self.cls = nn.Linear(16, 5)

    def forward(self, batch):
        x = batch["image"] if isinstance(batch, dict) else batch
        low = F.relu(self.stem(x))
        high = F.relu(self.deep(low))
        return {"scores": {"class": self.cls(high.mean((-2, -1)))}, "mask": self.mask(low), "names": ["a", "b"]}


class Strict(Heads):
    def forward(self, batch):
        return super().forward({"image": batch["image"]})


class OutOnly(Heads):
    def forward(self, x):
        return super().forward(x)
