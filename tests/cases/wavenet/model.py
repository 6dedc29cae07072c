"""WaveNet: one plain causal convolution in front of gated dilated ones of width 2; skips summed at the end."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Causal(nn.Conv1d):
    def forward(self, x):
        return super().forward(F.pad(x, ((self.kernel_size[0] - 1) * self.dilation[0], 0)))


class WaveNet(nn.Module):
    def __init__(self, ch=8, blocks=1, depth=10):
        super().__init__()
        self.first = Causal(1, ch, 2)
        d = [2**i for _ in range(blocks) for i in range(depth)]
        self.f = nn.ModuleList([Causal(ch, ch, 2, dilation=n) for n in d])
        self.g = nn.ModuleList([Causal(ch, ch, 2, dilation=n) for n in d])
        self.r = nn.ModuleList([nn.Conv1d(ch, ch, 1) for _ in d])
        self.s = nn.ModuleList([nn.Conv1d(ch, ch, 1) for _ in d])
        self.end = nn.Conv1d(ch, 16, 1)

    def forward(self, x):
        x = self.first(x)
        total = 0
        for f, g, r, s in zip(self.f, self.g, self.r, self.s):
            z = torch.tanh(f(x)) * torch.sigmoid(g(x))
            total = total + s(z)
            x = x + r(z)
        return self.end(F.relu(total))


class Cropped(nn.Module):
    """The same without padding: each skip is cut to what is left at the end."""

    def __init__(self, ch=4, depth=4, blocks=2):
        super().__init__()
        d = [2**i for _ in range(blocks) for i in range(depth)]
        self.first = nn.Conv1d(1, ch, 2)
        self.f = nn.ModuleList([nn.Conv1d(ch, 2 * ch, 2, dilation=n) for n in d])
        self.r = nn.ModuleList([nn.Conv1d(ch, ch, 1) for _ in d])

    def forward(self, x):
        x = self.first(x)
        skips = []
        for f, r in zip(self.f, self.r):
            a, b = f(x).chunk(2, dim=1)
            z = a.tanh() * b.sigmoid()
            skips.append(z)
            x = x[..., -z.size(-1) :] + r(z)
        n = skips[-1].size(-1)
        return sum(s[:, :, -n:] for s in skips)
