"""A patch discriminator after a 3x3 average pool (the coarse one of two)."""

import torch.nn as nn


def disc(pool=True, stages=3, width=16):
    layers = [nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)] if pool else []
    i, o = 3, width
    for _ in range(stages):
        layers += [nn.Conv2d(i, o, 4, stride=2, padding=1), nn.LeakyReLU(0.2, True)]
        i, o = o, min(o * 2, width * 8)
    layers += [
        nn.Conv2d(i, o, 4, stride=1, padding=1),
        nn.LeakyReLU(0.2, True),
        nn.Conv2d(o, 1, 4, stride=1, padding=1),
    ]
    return nn.Sequential(*layers)


def fine():
    return disc(pool=False)


def coarse():
    return disc()
