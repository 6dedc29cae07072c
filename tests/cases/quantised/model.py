"""A statically quantised network, and a dynamically quantised one."""

import torch
import torch.ao.quantization as q
import torch.nn as nn


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.quant = q.QuantStub()
        self.a = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.r = nn.ReLU()
        self.b = nn.Conv2d(8, 16, 3)
        self.fc = nn.Linear(16, 10)
        self.dequant = q.DeQuantStub()

    def forward(self, x):
        x = self.b(self.r(self.a(self.quant(x))))
        return self.dequant(self.fc(x.mean((2, 3))))


def static():
    torch.backends.quantized.engine = "fbgemm"
    m = Small().eval()
    m.qconfig = q.get_default_qconfig("fbgemm")
    q.prepare(m, inplace=True)
    m(torch.rand(1, 3, 16, 16))
    return q.convert(m)


def aware():
    m = Small().train()
    m.qconfig = q.get_default_qat_qconfig("fbgemm")
    return q.prepare_qat(m)
