"""Well-known layouts as plain torch modules, in the manner of torchvision and timm, to trace in tests.

Each is written for its shape: weights are torch's defaults. `LAYOUTS` holds them with the size of their images and
the number of parameters that is published for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .classic_models import VGG16, DenseNet121, InceptionV3, conv_bn, resnet18, resnet50

__all__ = ["LAYOUTS", "layout", "mobilenet_v2", "resnet18", "resnet50"]


def rounded(value: float) -> int:
    """The multiple of 8 nearest to a channel count, at most a tenth below it."""
    near = max(8, int(value + 4) // 8 * 8)
    return near + 8 if near < 0.9 * value else near


class SqueezeExcite(nn.Module):
    """Each channel times a weight worked out from all channels' means."""

    def __init__(self, channels: int, squeezed: int, act: type[nn.Module], gate: type[nn.Module]) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)
        self.act, self.gate = act(), gate()

    def forward(self, x: Tensor) -> Tensor:
        scale: Tensor = self.gate(self.fc2(self.act(self.fc1(self.avgpool(x)))))
        return scale * x


# --- MobileNet, EfficientNet -------------------------------------------------------------------------------------


class Inverted(nn.Module):
    """Widen by 1x1, convolve each channel by itself, squeeze and excite if wanted, narrow by 1x1, add the input."""

    def __init__(
        self, i: int, hidden: int, o: int, kernel: int, stride: int, act: type[nn.Module], se: nn.Module | None = None
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv_bn(i, hidden, act=act)] if hidden != i else []
        layers.append(conv_bn(hidden, hidden, kernel, stride, hidden, act))
        self.conv = nn.Sequential(*layers, *([se] if se else []), conv_bn(hidden, o, act=None))
        self.adds = stride == 1 and i == o

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.adds else self.conv(x)  # type: ignore[no-any-return]


class Mobile(nn.Module):
    """A stem, inverted blocks, a last 1x1 convolution, a pool and a classifier."""

    def __init__(self, features: Sequence[nn.Module], channels: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.features = nn.Sequential(*features)
        extra: list[nn.Module] = [nn.Linear(channels, hidden), nn.Hardswish()] if hidden else []
        self.classifier = nn.Sequential(*extra, nn.Dropout(dropout), nn.Linear(hidden or channels, 1000))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))  # type: ignore[no-any-return]


def mobilenet_v2() -> nn.Module:
    blocks: list[nn.Module] = [conv_bn(3, 32, 3, 2, act=nn.ReLU6)]
    channels = 32
    table = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for t, c, n, s in table:
        for k in range(n):
            blocks.append(Inverted(channels, t * channels, c, 3, 1 if k else s, nn.ReLU6))
            channels = c
    return Mobile([*blocks, conv_bn(320, 1280, act=nn.ReLU6)], 1280, 0, 0.2)


V3_LARGE = (
    "3 16 16 - relu 1, 3 64 24 - relu 2, 3 72 24 - relu 1, 5 72 40 se relu 2, 5 120 40 se relu 1, 5 120 40 se relu 1, "
    "3 240 80 - hs 2, 3 200 80 - hs 1, 3 184 80 - hs 1, 3 184 80 - hs 1, 3 480 112 se hs 1, 3 672 112 se hs 1, "
    "5 672 160 se hs 2, 5 960 160 se hs 1, 5 960 160 se hs 1"
)
V3_SMALL = (
    "3 16 16 se relu 2, 3 72 24 - relu 2, 3 88 24 - relu 1, 5 96 40 se hs 2, 5 240 40 se hs 1, 5 240 40 se hs 1, "
    "5 120 48 se hs 1, 5 144 48 se hs 1, 5 288 96 se hs 2, 5 576 96 se hs 1, 5 576 96 se hs 1"
)


def mobilenet_v3(table: str, last: int, hidden: int) -> nn.Module:
    blocks: list[nn.Module] = [conv_bn(3, 16, 3, 2, act=nn.Hardswish)]
    channels = 16
    for line in table.split(", "):
        kernel, wide, out, se, word, stride = line.split()
        act: type[nn.Module] = nn.ReLU if word == "relu" else nn.Hardswish
        gate = SqueezeExcite(int(wide), rounded(int(wide) / 4), nn.ReLU, nn.Hardsigmoid) if se == "se" else None
        blocks.append(Inverted(channels, int(wide), int(out), int(kernel), int(stride), act, gate))
        channels = int(out)
    return Mobile([*blocks, conv_bn(channels, last, act=nn.Hardswish)], last, hidden, 0.2)


def mobilenet_v3_large() -> nn.Module:
    return mobilenet_v3(V3_LARGE, 960, 1280)


def mobilenet_v3_small() -> nn.Module:
    return mobilenet_v3(V3_SMALL, 576, 1024)


def efficientnet_b0() -> nn.Module:
    blocks: list[nn.Module] = [conv_bn(3, 32, 3, 2, act=nn.SiLU)]
    channels = 32
    table = "1 3 1 16 1, 6 3 2 24 2, 6 5 2 40 2, 6 3 2 80 3, 6 5 1 112 3, 6 5 2 192 4, 6 3 1 320 1"
    for t, k, s, c, n in (map(int, line.split()) for line in table.split(", ")):
        for j in range(n):
            se = SqueezeExcite(t * channels, channels // 4, nn.SiLU, nn.Sigmoid)
            blocks.append(Inverted(channels, t * channels, c, k, 1 if j else s, nn.SiLU, se))
            channels = c
    return Mobile([*blocks, conv_bn(320, 1280, act=nn.SiLU)], 1280, 0, 0.2)


# --- ConvNeXt, RegNet, ShuffleNet --------------------------------------------------------------------------------


class LayerNorm2d(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = super().forward(x.permute(0, 2, 3, 1))
        return normed.permute(0, 3, 1, 2)


class ConvNeXtBlock(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dwconv, self.norm = nn.Conv2d(dim, dim, 7, padding=3, groups=dim), nn.LayerNorm(dim, eps=1e-6)
        self.pwconv1, self.act, self.pwconv2 = nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim)
        self.gamma = nn.Parameter(1e-6 * torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.gamma * self.pwconv2(self.act(self.pwconv1(y)))
        out: Tensor = x + y.permute(0, 3, 1, 2)
        return out


def convnext_tiny() -> nn.Module:
    dims, layers = (96, 192, 384, 768), list[nn.Module]()
    for n, (dim, depth) in enumerate(zip(dims, (3, 3, 9, 3), strict=True)):
        if n == 0:
            layers.append(nn.Sequential(nn.Conv2d(3, dim, 4, 4), LayerNorm2d(dim, eps=1e-6)))
        else:
            layers.append(nn.Sequential(LayerNorm2d(dims[n - 1], eps=1e-6), nn.Conv2d(dims[n - 1], dim, 2, 2)))
        layers.append(nn.Sequential(*(ConvNeXtBlock(dim) for _ in range(depth))))
    head = [nn.AdaptiveAvgPool2d(1), LayerNorm2d(768, eps=1e-6), nn.Flatten(1), nn.Linear(768, 1000)]
    return nn.Sequential(*layers, *head)


class RegNetBlock(nn.Module):
    def __init__(self, i: int, o: int, stride: int, group: int) -> None:
        super().__init__()
        self.proj = conv_bn(i, o, 1, stride, act=None) if i != o or stride > 1 else None
        squeeze = SqueezeExcite(o, round(i / 4), nn.ReLU, nn.Sigmoid)
        self.f = nn.Sequential(conv_bn(i, o), conv_bn(o, o, 3, stride, o // group), squeeze, conv_bn(o, o, act=None))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu((x if self.proj is None else self.proj(x)) + self.f(x))


def regnet_y_400mf() -> nn.Module:
    layers: list[nn.Module] = [conv_bn(3, 32, 3, 2)]
    channels = 32
    for width, depth in ((48, 1), (104, 3), (208, 6), (440, 6)):
        for k in range(depth):
            layers.append(RegNetBlock(channels, width, 1 if k else 2, 8))
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(440, 1000))


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    batch, channels, height, width = x.size()
    x = x.view(batch, groups, channels // groups, height, width)
    return torch.transpose(x, 1, 2).contiguous().view(batch, channels, height, width)


class ShuffleBlock(nn.Module):
    def __init__(self, i: int, o: int, stride: int) -> None:
        super().__init__()
        half, self.stride = o // 2, stride
        depthwise = conv_bn(i, i, 3, stride, i, act=None)
        self.branch1 = nn.Sequential(depthwise, conv_bn(i, half)) if stride > 1 else nn.Sequential()
        entry = i if stride > 1 else half
        self.branch2 = nn.Sequential(
            conv_bn(entry, half), conv_bn(half, half, 3, stride, half, None), conv_bn(half, half)
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 1:
            x1, x2 = x.chunk(2, dim=1)
            out = torch.cat((x1, self.branch2(x2)), dim=1)
        else:
            out = torch.cat((self.branch1(x), self.branch2(x)), dim=1)
        return channel_shuffle(out, 2)


class ShuffleNetV2(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv_bn(3, 24, 3, 2), nn.MaxPool2d(3, 2, 1))
        blocks, channels = [], 24
        for width, depth in ((116, 4), (232, 8), (464, 4)):
            for k in range(depth):
                blocks.append(ShuffleBlock(channels, width, 1 if k else 2))
                channels = width
        self.stages, self.conv5, self.fc = nn.Sequential(*blocks), conv_bn(464, 1024), nn.Linear(1024, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv5(self.stages(self.stem(x)))
        return self.fc(x.mean([2, 3]))  # type: ignore[no-any-return]


# --- U-Net -------------------------------------------------------------------------------------------------------


def double_conv(i: int, o: int) -> nn.Sequential:
    return nn.Sequential(*conv_bn(i, o, 3), *conv_bn(o, o, 3))


class UNet(nn.Module):
    """Four levels down and up again; maps that do not fit are padded before they are joined."""

    def __init__(self, classes: int = 1, width: int = 64) -> None:
        super().__init__()
        widths = [width << n for n in range(5)]
        self.inc = double_conv(3, width)
        self.down = nn.ModuleList(double_conv(i, o) for i, o in pairwise(widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, 2) for w in reversed(widths[:4]))
        self.conv = nn.ModuleList(double_conv(2 * w, w) for w in reversed(widths[:4]))
        self.outc = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        maps = [self.inc(x)]
        for level in self.down:
            maps.append(level(F.max_pool2d(maps[-1], 2)))
        x = maps.pop()
        for up, conv in zip(self.up, self.conv, strict=True):
            skip, x = maps.pop(), up(x)
            high, wide = (skip.size(d) - x.size(d) for d in (2, 3))
            x = F.pad(x, [wide // 2, wide - wide // 2, high // 2, high - high // 2])
            x = conv(torch.cat([skip, x], dim=1))
        return self.outc(x)  # type: ignore[no-any-return]


LAYOUTS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "resnet18": (resnet18, (3, 224, 224), 11_689_512),
    "resnet50": (resnet50, (3, 224, 224), 25_557_032),
    "vgg16": (VGG16, (3, 224, 224), 138_357_544),
    "inception_v3": (InceptionV3, (3, 299, 299), 27_161_264),
    "densenet121": (DenseNet121, (3, 224, 224), 7_978_856),
    "mobilenet_v2": (mobilenet_v2, (3, 224, 224), 3_504_872),
    "mobilenet_v3_large": (mobilenet_v3_large, (3, 224, 224), 5_483_032),
    "mobilenet_v3_small": (mobilenet_v3_small, (3, 224, 224), 2_542_856),
    "efficientnet_b0": (efficientnet_b0, (3, 224, 224), 5_288_548),
    "convnext_tiny": (convnext_tiny, (3, 224, 224), 28_589_128),
    "regnet_y_400mf": (regnet_y_400mf, (3, 224, 224), 4_344_144),
    "shufflenet_v2": (ShuffleNetV2, (3, 224, 224), 2_278_604),
    "unet": (UNet, (3, 256, 256), 31_037_633),
}


def layout(name: str) -> nn.Module:
    """One of the layouts, its weights without memory: shapes are enough to trace it."""
    with torch.device("meta"):
        return LAYOUTS[name][0]()
