"""Two modules that hold the same weight, and a decoder that borrows the encoder's weight."""

import torch.nn as nn
import torch.nn.functional as F


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.a = nn.Conv2d(8, 8, 3, padding=1)
        self.b = nn.Conv2d(8, 8, 3, padding=2, dilation=2)
        self.b.weight = self.a.weight  # same tensor in two modules; biases of their own
        self.down = nn.Conv2d(8, 16, 4, stride=2, padding=1, bias=False)

    def forward(self, x):
        x = F.relu(self.b(F.relu(self.a(self.stem(x)))))
        z = F.relu(self.down(x))
        return F.conv_transpose2d(z, self.down.weight, stride=2, padding=1)
