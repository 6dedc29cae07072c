"""Attention whose keys come from a pooled map."""

import torch.nn as nn
import torch.nn.functional as F


class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.k = nn.Conv2d(3, 8, 1), nn.Linear(8, 8)

    def forward(self, x):
        t = self.a(x).flatten(2).transpose(1, 2)
        k = self.k(F.avg_pool1d(t.transpose(1, 2), 4).transpose(1, 2))
        q, k = t.unsqueeze(1), k.unsqueeze(1)
        return F.scaled_dot_product_attention(q, k, k).squeeze(1).transpose(1, 2)
