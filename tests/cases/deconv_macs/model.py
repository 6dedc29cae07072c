"""Transposed convolutions: dense, grouped, depthwise with output_padding."""

import torch.nn as nn


class Up(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense = nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1)
        self.grouped = nn.ConvTranspose2d(6, 6, 2, stride=2, groups=3)
        self.depthwise = nn.ConvTranspose2d(6, 6, 3, stride=2, padding=1, output_padding=1, groups=6, bias=False)
        self.dil = nn.ConvTranspose2d(6, 2, 3, stride=3, padding=2, output_padding=2, dilation=2)

    def forward(self, x):
        return self.dil(self.depthwise(self.grouped(self.dense(x))))
