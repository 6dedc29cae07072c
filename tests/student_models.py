"""Small networks as students and researchers write them: every way of saying a thing that is not a row of layers.

`CASES` holds each with the shape of its image, the operations that its table must list, and the status of the last
row.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Case(NamedTuple):
    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    ops: str
    status: str = "exact"


class Net(nn.Module):
    """Modules m0, m1, … and a forward that uses them."""

    def __init__(self, forward: Callable[..., Any], *parts: nn.Module) -> None:
        super().__init__()
        self.run = forward
        for i, part in enumerate(parts):
            self.add_module(f"m{i}", part)

    def forward(self, x: Tensor) -> Any:
        return self.run(self, x)


def net(forward: Callable[..., Any], *parts: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    return lambda: Net(forward, *(part() for part in parts))


def conv(i: int = 3, o: int = 4, k: Any = 3, **settings: Any) -> Callable[[], nn.Module]:
    return lambda: nn.Conv2d(i, o, k, **settings)


def lin(i: int, o: int) -> Callable[[], nn.Module]:
    return lambda: nn.Linear(i, o)


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kernel, self.bias = nn.Parameter(torch.randn(8, 3, 3, 3)), nn.Parameter(torch.zeros(8))
        self.weight = nn.Parameter(torch.randn(10, 128))

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(F.max_pool2d(F.relu(F.conv2d(x, self.kernel, self.bias, padding=1)), 2), 2)
        return F.linear(x.view(x.size(0), -1), self.weight)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
        self.b.weight = self.a.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x))  # type: ignore[no-any-return]


def shape_dependent(self: Any, x: Tensor) -> Tensor:
    while x.shape[-1] > 8:
        x = F.max_pool2d(self.m0(x), 2)
    return x + 1 if x.ndim == 4 and x.shape[2] % 2 == 0 else x


def squeeze_excite(self: Any, x: Tensor) -> Tensor:
    batch, channels, _, _ = x.size()
    y = F.adaptive_avg_pool2d(x, 1).view(batch, channels)
    y = torch.sigmoid(self.m1(F.relu(self.m0(y)))).view(batch, channels, 1, 1)
    return x * y.expand_as(x)


def channel_attention(self: Any, x: Tensor) -> Tensor:
    y: Tensor = self.m0(F.adaptive_avg_pool2d(x, 1).squeeze(-1).transpose(-1, -2))
    return x * y.transpose(-1, -2).unsqueeze(-1).sigmoid()


def place_attention(self: Any, x: Tensor) -> Tensor:
    mean, largest = torch.mean(x, dim=1, keepdim=True), torch.max(x, dim=1, keepdim=True)[0]
    return x * torch.sigmoid(self.m0(torch.cat([mean, largest], dim=1)))


def shuffle(x: Tensor, groups: int = 2) -> Tensor:
    b, c, h, w = x.shape
    return x.view(b, groups, c // groups, h, w).transpose(1, 2).reshape(b, c, h, w)


def up_by_view(self: Any, x: Tensor) -> Tensor:
    y: Tensor = self.m0(x)
    b, _, h, w = y.shape
    return y.view(b, 3, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(b, 3, 2 * h, 2 * w)


def down_by_view(self: Any, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    x = x.view(b, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4).reshape(b, 4 * c, h // 2, w // 2)
    return self.m0(x)  # type: ignore[no-any-return]


def focus(self: Any, x: Tensor) -> Tensor:
    corners = [x[..., i::2, j::2] for j in (0, 1) for i in (0, 1)]
    return self.m0(torch.cat(corners, 1))  # type: ignore[no-any-return]


def attention_by_hand(self: Any, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    q, k, v = self.m0(x.flatten(2).transpose(1, 2)).reshape(b, h * w, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
    weights = (q @ k.transpose(-2, -1) / math.sqrt(c // 2)).softmax(-1)
    y = self.m1((weights @ v).transpose(1, 2).reshape(b, h * w, c))
    return x + y.transpose(1, 2).reshape(b, c, h, w)  # type: ignore[no-any-return]


def attention_in_windows(self: Any, x: Tensor) -> Tensor:
    x, k = self.m0(x).permute(0, 2, 3, 1), 4
    b, h, w, c = x.shape
    x = x.view(b, h // k, k, w // k, k, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, k * k, c)
    q, key, v = self.m1(x).reshape(-1, k * k, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
    y = self.m2(F.scaled_dot_product_attention(q, key, v).transpose(1, 2).reshape(-1, k * k, c))
    y = y.view(b, h // k, w // k, k, k, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
    return y.permute(0, 3, 1, 2)  # type: ignore[no-any-return]


def non_local(self: Any, x: Tensor) -> Tensor:
    b, _, h, w = x.shape
    query = self.m0(x).view(b, 4, -1).permute(0, 2, 1)
    scores = torch.matmul(query, self.m1(x).view(b, 4, -1))
    y = torch.matmul(scores / scores.size(-1), self.m2(x).view(b, 4, -1).permute(0, 2, 1))
    return self.m3(y.permute(0, 2, 1).contiguous().view(b, 4, h, w)) + x  # type: ignore[no-any-return]


def mixer(self: Any, x: Tensor) -> Tensor:
    x = self.m0(x).flatten(2).transpose(1, 2)
    x = x + self.m1(self.m2(x).transpose(1, 2)).transpose(1, 2)
    out: Tensor = (x + self.m3(x)).mean(1)
    return out


def select_kernel(self: Any, x: Tensor) -> Tensor:
    both = torch.stack([self.m0(x), self.m1(x)], 1)
    means = both.sum(1).mean(-1).mean(-1)
    weights = torch.stack([self.m2(means), self.m3(means)], 1).softmax(1)
    return (both * weights[..., None, None]).sum(1)


def pyramid(self: Any, x: Tensor) -> Tensor:
    out = [x]
    for k in (1, 2, 3, 6):
        y = self.m0(F.adaptive_avg_pool2d(x, k))
        out.append(F.interpolate(y, size=x.shape[2:], mode="bilinear", align_corners=False))
    return torch.cat(out, 1)


def coordinates(self: Any, x: Tensor) -> Tensor:
    b, _, h, w = x.shape
    grid = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij")
    return self.m0(torch.cat([x, torch.stack(grid)[None].expand(b, -1, -1, -1).to(x)], 1))  # type: ignore[no-any-return]


def generator(self: Any, x: Tensor) -> Tensor:
    return self.m2(self.m1(self.m0(x).flatten(1)).view(-1, 4, 4, 4))  # type: ignore[no-any-return]


def written_into_zeros(self: Any, x: Tensor) -> Tensor:
    out = torch.zeros(x.shape[0], 4, x.shape[2] + 2, x.shape[3] + 2, device=x.device)
    out[:, 1:3, 1:-1, 1:-1] = self.m0(x)
    return out


def partial_convolution(self: Any, x: Tensor) -> Tensor:
    x = x.clone()
    x[:, :2] = self.m0(x[:, :2])
    x[:, 3] *= x[:, 0]
    return x


def on_a_graphics_card(self: Any, x: Tensor) -> Tensor:
    x = x.cuda()
    mask, shift = torch.ones(1, 3, 1, 1).cuda(), torch.zeros(1, 3, 1, 1, device="cuda")
    return self.m0((x * mask + shift).to("cuda:0"))  # type: ignore[no-any-return]


def axial(self: Any, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    y = self.m0(x.permute(0, 3, 1, 2).reshape(b * w, c, h))
    return y.reshape(b, w, c, h).permute(0, 2, 3, 1)  # type: ignore[no-any-return]


def spectral(self: Any, x: Tensor) -> Tensor:
    y = self.m1(self.m0(x.unsqueeze(1)))
    return self.m2(y.reshape(y.shape[0], -1, *y.shape[3:]))  # type: ignore[no-any-return]


def image_by_image(self: Any, x: Tensor) -> Tensor:
    return torch.stack([self.m0(image[None])[0] for image in x])


def standardised(self: Any, x: Tensor) -> Tensor:
    w = self.m0.weight
    w = (w - w.mean((1, 2, 3), keepdim=True)) / (w.std((1, 2, 3), keepdim=True) + 1e-5)
    return F.conv2d(x, w, self.m0.bias)


def fourier(self: Any, x: Tensor) -> Tensor:
    return self.m1(torch.fft.fft2(self.m0(x)).real)  # type: ignore[no-any-return]


class Blur(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.kernel: Tensor
        line = torch.tensor([1.0, 2.0, 1.0])
        self.register_buffer("kernel", (line[:, None] * line / 16).expand(3, 1, 3, 3).clone())

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.kernel, stride=2, groups=3)


def swish(self: Any, x: Tensor) -> Tensor:
    return x * torch.sigmoid(x)


CASES = {
    "functional": Case(Functional, (3, 16, 16), "conv relu max_pool avg_pool flatten linear"),
    "module twice": Case(net(lambda s, x: s.m0(F.relu(s.m0(x))), conv(3, 3, padding=1)), (3, 12, 12), "conv relu conv"),
    "tied weights": Case(Tied, (3, 12, 12), "conv conv"),
    "one axis": Case(
        net(lambda s, x: s.m1(F.max_pool1d(s.m0(x), 2).flatten(1)),
            lambda: nn.Conv1d(1, 4, 5, stride=2, dilation=2), lin(56, 2)),
        (1, 64), "conv max_pool flatten linear"),
    "three axes": Case(
        net(lambda s, x: s.m1(F.max_pool3d(s.m0(x), 2)), lambda: nn.Conv3d(1, 4, (3, 5, 1), padding=(1, 2, 0)),
            lambda: nn.AdaptiveAvgPool3d((1, 2, 2))),
        (1, 6, 6, 6), "conv max_pool adaptive_avg_pool"),
    "control flow on shapes": Case(net(shape_dependent, conv(3, 3, padding=1)), (3, 16, 16), "conv max_pool pointwise"),
    "padding same": Case(net(lambda s, x: s.m0(x), conv(k=4, padding="same")), (3, 9, 9), "conv"),
    "padding reflect": Case(
        net(lambda s, x: s.m0(x), conv(padding=1, padding_mode="reflect")), (3, 9, 9), "conv"),
    "two outputs": Case(
        net(lambda s, x: {"low": (y := s.m0(x)), "high": s.m1(y)}, conv(), conv(4)), (3, 9, 9), "conv conv identity"),
    "squeeze and excitation": Case(
        net(squeeze_excite, lin(8, 2), lin(2, 8)), (8, 6, 6),
        "global_avg_pool linear relu linear sigmoid unflatten multiply", "whole input"),
    "attention over channels": Case(
        net(channel_attention, lambda: nn.Conv1d(1, 1, 3, padding=1, bias=False)), (8, 6, 6),
        "global_avg_pool conv sigmoid multiply", "whole input"),
    "attention over places": Case(
        net(place_attention, conv(2, 1, 7, padding=3)), (4, 10, 10),
        "channel_mix channel_mix concat conv sigmoid multiply"),
    "shortcut by slices": Case(
        net(lambda s, x: s.m0(x) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2)), conv(4, 8, stride=2, padding=1)),
        (4, 12, 12), "conv max_pool channel_pad add"),
    "shuffle and chunk": Case(
        net(lambda s, x: torch.cat(shuffle(x).chunk(2, 1)[::-1], 1)), (4, 6, 6),
        "channel_shuffle channel_slice channel_slice concat"),
    "depth to space": Case(net(up_by_view, conv(3, 12, padding=1)), (3, 6, 6), "conv pixel_shuffle"),
    "space to depth": Case(net(down_by_view, conv(12, 4, padding=1)), (3, 8, 8), "pixel_unshuffle conv"),
    "focus": Case(
        net(focus, conv(12, 4, padding=1)), (3, 8, 8),
        "max_pool pad max_pool pad max_pool pad max_pool concat conv"),
    "crop and join": Case(
        net(lambda s, x: torch.cat([x[:, :, 1:-1, 1:-1], s.m0(x)], 1)[:, 1:6, 2:, :-1], conv()), (3, 10, 10),
        "pad conv concat channel_slice pad"),
    "attention by hand": Case(
        net(attention_by_hand, lin(8, 24), lin(8, 8)), (8, 3, 3),
        "conv channel_slice channel_slice channel_slice whole_join pointwise channel_mix whole_join conv add",
        "whole input"),
    "attention in windows": Case(
        net(attention_in_windows, conv(3, 8, padding=1), lin(8, 24), lin(8, 8)), (3, 8, 8),
        "conv conv channel_slice channel_slice channel_slice unfold unfold unfold whole_join channel_mix channel_mix "
        "upsample"),
    "non-local": Case(
        net(non_local, conv(8, 4, 1), conv(8, 4, 1), conv(8, 4, 1), conv(4, 8, 1)), (8, 4, 4),
        "conv conv whole_join pointwise conv whole_join conv add", "whole input"),
    "mixer": Case(
        net(mixer, conv(3, 8, 4, stride=4), lin(4, 4), lambda: nn.LayerNorm(8), lin(8, 8)), (3, 8, 8),
        "conv channel_norm whole add conv add global_avg_pool", "whole input"),
    "selective kernels": Case(
        net(select_kernel, conv(4, 4, padding=1), conv(4, 4, padding=2, dilation=2), lin(4, 4), lin(4, 4)), (4, 7, 7),
        "conv conv concat channel_mix adaptive_avg_pool global_avg_pool linear linear concat channel_mix unflatten "
        "multiply channel_mix", "whole input"),
    "pyramid of pools": Case(
        net(pyramid, conv(4, 2, 1)), (4, 12, 12),
        "global_avg_pool conv upsample adaptive_avg_pool conv upsample adaptive_avg_pool conv upsample "
        "adaptive_avg_pool conv upsample concat", "whole input"),
    "image-wide feature": Case(
        net(lambda s, x: torch.cat([x, x.mean((2, 3), keepdim=True).expand(-1, -1, *x.shape[2:])], 1)), (3, 6, 6),
        "global_avg_pool expand concat", "whole input"),
    "coordinates": Case(net(coordinates, conv(5)), (3, 8, 8), "channel_pad conv"),
    "generator": Case(
        net(generator, conv(3, 8, 4, stride=4), lin(32, 64), lambda: nn.ConvTranspose2d(4, 3, 4, 2, 1)), (3, 8, 8),
        "conv flatten linear unflatten conv_transpose", "whole input"),
    "written into zeros": Case(net(written_into_zeros, conv(3, 2, padding=1)), (3, 6, 6), "conv pad channel_pad"),
    "partial convolution": Case(
        net(partial_convolution, conv(2, 2, padding=1)), (4, 6, 6),
        "channel_slice conv channel_slice concat channel_slice channel_slice multiply channel_slice concat"),
    "hard-coded device": Case(net(on_a_graphics_card, conv()), (3, 8, 8), "pointwise pointwise conv"),
    "axial convolution": Case(net(axial, lambda: nn.Conv1d(4, 4, 3, padding=1)), (4, 6, 5), "conv"),
    "bands as depth": Case(
        net(spectral, lambda: nn.Conv3d(1, 2, (4, 3, 3)), lambda: nn.Conv3d(2, 3, (3, 3, 3)), conv(21, 4)), (12, 9, 9),
        "conv conv conv"),
    "image by image": Case(net(image_by_image, conv()), (3, 8, 8), "conv"),
    "standardised weights": Case(net(standardised, conv()), (3, 8, 8), "conv"),
    "weight norm": Case(
        net(lambda s, x: s.m1(s.m0(x)), lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)),
            lambda: nn.utils.parametrizations.spectral_norm(nn.Conv2d(4, 4, 3))), (3, 8, 8), "conv conv"),
    "fixed blur": Case(Blur, (3, 8, 8), "pad conv"),
    "transposed axes": Case(
        net(lambda s, x: s.m0(x.transpose(2, 3)).transpose(2, 3), conv(k=(3, 1))), (3, 8, 6), "conv"),
    "squeeze without a dimension": Case(
        net(lambda s, x: F.log_softmax(s.m1(F.adaptive_avg_pool2d(s.m0(x), 1).squeeze()), dim=1), conv(), lin(4, 2)),
        (3, 8, 8), "conv global_avg_pool linear log_softmax"),
    "batch of one": Case(net(lambda s, x: s.m0(x.view(1, -1)), lin(48, 2)), (3, 4, 4), "flatten linear"),
    "means of means": Case(net(lambda s, x: x.mean(-1).mean(-1)), (3, 6, 6), "adaptive_avg_pool global_avg_pool"),
    "maxout": Case(
        net(lambda s, x: s.m0(x.view(x.shape[0], 2, 2, *x.shape[2:]).max(2)[0]), conv(2)), (4, 6, 6),
        "channel_mix conv"),
    "settings per axis": Case(
        net(lambda s, x: F.max_pool2d(s.m0(x), (1, 2)), conv(k=(3, 5), stride=(2, 1), padding=(0, 2), dilation=(2, 1))),
        (3, 13, 8), "conv max_pool"),
    "scores against a crop": Case(
        net(lambda s, x: (x.flatten(2).transpose(1, 2) @ x[:, :, 2:4, 2:4].flatten(2)).transpose(1, 2)), (3, 6, 6),
        "pad whole_join", "upper bound (matmul)"),
    "a dimension that grows": Case(
        net(lambda s, x: s.m0(x.unsqueeze(2)), conv(1, 4, 3, padding=(2, 1))), (1, 8), "whole",
        "upper bound (conv2d)"),
    "unfold": Case(
        net(lambda s, x: F.unfold(x, 3, padding=1).view(x.shape[0], -1, 9, *x.shape[2:]).mean(2)), (2, 6, 6),
        "unfold channel_mix"),
    "einsum": Case(
        net(lambda s, x: torch.einsum("...chw,oc->...ohw", x, s.m0.weight), lambda: nn.Linear(3, 5, bias=False)),
        (3, 6, 6), "channel_mix"),
    "activation of two functions": Case(net(swish), (3, 6, 6), "sigmoid multiply"),
    "interpolation": Case(
        net(lambda s, x: F.interpolate(s.m0(x), scale_factor=2, mode="bilinear"), conv(padding=1)), (3, 6, 6),
        "conv upsample"),
    "linear along a row": Case(net(lambda s, x: s.m0(x), lin(6, 4)), (3, 5, 6), "whole"),
    "flip": Case(net(lambda s, x: torch.flip(s.m0(x), [3]), conv()), (3, 8, 8), "conv whole", "upper bound (flip)"),
    "side by side": Case(
        net(lambda s, x: torch.cat([s.m0(x), s.m0(x)], 3), conv()), (3, 8, 8), "conv conv whole_join",
        "upper bound (concat)"),
    "rotated": Case(net(lambda s, x: torch.rot90(s.m0(x), 1, (2, 3)), conv()), (3, 8, 8), "conv whole",
                    "upper bound (rot90)"),
    "bicubic": Case(net(lambda s, x: F.interpolate(x, scale_factor=2, mode="bicubic")), (3, 5, 5), "whole",
                    "upper bound (interpolate)"),
    "fourier": Case(net(fourier, conv(), conv(4)), (3, 8, 8), "conv opaque conv", "unknown (fft_fft2)"),
    "recurrent": Case(
        net(lambda s, x: s.m1(s.m0(x.transpose(1, 2))[0][:, -1]), lambda: nn.GRU(2, 6, batch_first=True), lin(6, 3)),
        (2, 10), "whole pad linear", "upper bound (gru)"),
    "embedding": Case(
        net(lambda s, x: s.m1(s.m0(x.long().squeeze(1)).transpose(1, 2)), lambda: nn.Embedding(9, 4),
            lambda: nn.Conv1d(4, 2, 3)), (1, 10), "channel_mix conv"),
}  # fmt: skip
