"""ResNet, VGG, Inception and DenseNet as plain torch modules; see `models`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv_bn(
    i: int, o: int, kernel: int | tuple[int, int] = 1, stride: int = 1, groups: int = 1,
    act: Callable[[], nn.Module] | None = nn.ReLU,
) -> nn.Sequential:  # fmt: skip
    """Convolution padded to keep its size, batch norm, activation."""
    pad = kernel // 2 if isinstance(kernel, int) else (kernel[0] // 2, kernel[1] // 2)
    layers: list[nn.Module] = [nn.Conv2d(i, o, kernel, stride, pad, groups=groups, bias=False), nn.BatchNorm2d(o)]
    return nn.Sequential(*layers, *([act()] if act else []))


# --- ResNet, VGG -------------------------------------------------------------------------------------------------


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, i: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(i, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = conv_bn(i, width, 1, stride, act=None) if stride > 1 or i != width else None

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out: Tensor = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += identity
        return self.relu(out)  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, i: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = conv_bn(i, 4 * width, 1, stride, act=None) if stride > 1 or i != 4 * width else None

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)  # type: ignore[no-any-return]


class ResNet(nn.Module):
    def __init__(self, block: type[BasicBlock] | type[Bottleneck], depths: Sequence[int], classes: int = 1000) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        channels = 64
        for n, depth in enumerate(depths):
            layers = []
            for k in range(depth):
                layers.append(block(channels, 64 << n, 2 if n and not k else 1))
                channels = block.expansion * (64 << n)
            self.add_module(f"layer{n + 1}", nn.Sequential(*layers))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for n in range(1, 5):
            x = self.get_submodule(f"layer{n}")(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))  # type: ignore[no-any-return]


def resnet18() -> nn.Module:
    return ResNet(BasicBlock, (2, 2, 2, 2))


def resnet50() -> nn.Module:
    return ResNet(Bottleneck, (3, 4, 6, 3))


class VGG16(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width, times in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(times):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
            layers.append(nn.MaxPool2d(2, 2))
        self.features, self.avgpool = nn.Sequential(*layers), nn.AdaptiveAvgPool2d((7, 7))
        hidden = [nn.Linear(512 * 49, 4096), nn.ReLU(True), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(True)]
        self.classifier = nn.Sequential(*hidden, nn.Dropout(), nn.Linear(4096, 1000))

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        return self.classifier(x.view(x.size(0), -1))  # type: ignore[no-any-return]


# --- Inception v3 ------------------------------------------------------------------------------------------------


class BasicConv2d(nn.Module):
    def __init__(self, i: int, o: int, kernel: int | tuple[int, int] = 1, **kwargs: int | tuple[int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(i, o, kernel, bias=False, **kwargs)  # type: ignore[arg-type]
        self.bn = nn.BatchNorm2d(o, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


def across(i: int, o: int, k: int) -> BasicConv2d:
    return BasicConv2d(i, o, (1, k), padding=(0, k // 2))


def down(i: int, o: int, k: int) -> BasicConv2d:
    return BasicConv2d(i, o, (k, 1), padding=(k // 2, 0))


class Branches(nn.Module):
    """Branches side by side, their outputs concatenated; a branch may end in several ends of its own."""

    def __init__(self, **branches: nn.Module) -> None:
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.children()], 1)


def inception_a(i: int, pooled: int) -> nn.Module:
    double = nn.Sequential(BasicConv2d(i, 64), BasicConv2d(64, 96, 3, padding=1), BasicConv2d(96, 96, 3, padding=1))
    return Branches(
        branch1x1=BasicConv2d(i, 64),
        branch5x5=nn.Sequential(BasicConv2d(i, 48), BasicConv2d(48, 64, 5, padding=2)),
        branch3x3dbl=double,
        branch_pool=nn.Sequential(nn.AvgPool2d(3, 1, 1), BasicConv2d(i, pooled)),
    )


def inception_b(i: int) -> nn.Module:
    double = nn.Sequential(BasicConv2d(i, 64), BasicConv2d(64, 96, 3, padding=1), BasicConv2d(96, 96, 3, stride=2))
    return Branches(
        branch3x3=BasicConv2d(i, 384, 3, stride=2), branch3x3dbl=double, branch_pool=nn.MaxPool2d(3, stride=2)
    )


def inception_c(i: int, c: int) -> nn.Module:
    double = nn.Sequential(BasicConv2d(i, c), down(c, c, 7), across(c, c, 7), down(c, c, 7), across(c, 192, 7))
    return Branches(
        branch1x1=BasicConv2d(i, 192),
        branch7x7=nn.Sequential(BasicConv2d(i, c), across(c, c, 7), down(c, 192, 7)),
        branch7x7dbl=double,
        branch_pool=nn.Sequential(nn.AvgPool2d(3, 1, 1), BasicConv2d(i, 192)),
    )


def inception_d(i: int) -> nn.Module:
    long = nn.Sequential(
        BasicConv2d(i, 192), across(192, 192, 7), down(192, 192, 7), BasicConv2d(192, 192, 3, stride=2)
    )
    return Branches(
        branch3x3=nn.Sequential(BasicConv2d(i, 192), BasicConv2d(192, 320, 3, stride=2)),
        branch7x7x3=long,
        branch_pool=nn.MaxPool2d(3, stride=2),
    )


def inception_e(i: int) -> nn.Module:
    ends = partial(Branches, a=across(384, 384, 3), b=down(384, 384, 3))
    return Branches(
        branch1x1=BasicConv2d(i, 320),
        branch3x3=nn.Sequential(BasicConv2d(i, 384), ends()),
        branch3x3dbl=nn.Sequential(
            BasicConv2d(i, 448),
            BasicConv2d(448, 384, 3, padding=1),
            Branches(a=across(384, 384, 3), b=down(384, 384, 3)),
        ),
        branch_pool=nn.Sequential(nn.AvgPool2d(3, 1, 1), BasicConv2d(i, 192)),
    )


class InceptionV3(nn.Module):
    """With the second classifier, which forward uses in training only."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            BasicConv2d(3, 32, 3, stride=2), BasicConv2d(32, 32, 3), BasicConv2d(32, 64, 3, padding=1),
            nn.MaxPool2d(3, stride=2), BasicConv2d(64, 80), BasicConv2d(80, 192, 3), nn.MaxPool2d(3, stride=2),
        )  # fmt: skip
        self.mixed5 = nn.Sequential(inception_a(192, 32), inception_a(256, 64), inception_a(288, 64))
        self.mixed6 = nn.Sequential(inception_b(288), *(inception_c(768, c) for c in (128, 160, 160, 192)))
        self.aux_conv = nn.Sequential(BasicConv2d(768, 128), BasicConv2d(128, 768, 5))
        self.aux_fc = nn.Linear(768, 1000)
        self.mixed7 = nn.Sequential(inception_d(768), inception_e(1280), inception_e(2048))
        self.avgpool, self.dropout, self.fc = nn.AdaptiveAvgPool2d((1, 1)), nn.Dropout(), nn.Linear(2048, 1000)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        x = self.mixed6(self.mixed5(self.stem(x)))
        aux = None
        if self.training:
            aux = self.aux_fc(F.adaptive_avg_pool2d(self.aux_conv(F.avg_pool2d(x, 5, 3)), 1).flatten(1))
        out: Tensor = self.fc(torch.flatten(self.dropout(self.avgpool(self.mixed7(x))), 1))
        return out if aux is None else (out, aux)


# --- DenseNet ----------------------------------------------------------------------------------------------------


class DenseLayer(nn.Module):
    def __init__(self, i: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(i), nn.Conv2d(i, 4 * growth, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, features: list[Tensor]) -> Tensor:
        x = self.conv1(F.relu(self.norm1(torch.cat(features, 1))))
        return self.conv2(F.relu(self.norm2(x)))  # type: ignore[no-any-return]


class DenseBlock(nn.ModuleDict):
    def __init__(self, i: int, growth: int, depth: int) -> None:
        super().__init__({f"denselayer{k + 1}": DenseLayer(i + k * growth, growth) for k in range(depth)})

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features, 1)


class DenseNet121(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        channels = 64
        for n, depth in enumerate((6, 12, 24, 16)):
            self.features.add_module(f"denseblock{n + 1}", DenseBlock(channels, 32, depth))
            channels += 32 * depth
            if n < 3:
                halve = [nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels // 2, 1, bias=False)]
                self.features.add_module(f"transition{n + 1}", nn.Sequential(*halve, nn.AvgPool2d(2)))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.features(x), inplace=True)
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))  # type: ignore[no-any-return]
