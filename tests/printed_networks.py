"""Random networks to be printed and read back: plain ones, written as people write them, and wild ones, whose
convolutions have any settings. As the plain values that YAML gives; sizes are worked out here, not by the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

Layer = dict[str, Any] | str
Spec = dict[str, Any]
IMAGES = ((3, 32, 32), (1, 28, 28), (3, 64, 64), (3, 96, 96), (3, 224, 224))
WIDTHS = (8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 256)


def after(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """The size after a window; below 1 where it does not fit."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


@dataclass
class Draft:
    """A network so far: its layers, and the channels and size of its last map."""

    channels: int
    size: int
    layers: list[Layer]

    def conv(self, out_channels: int, kernel_size: int, **settings: Any) -> None:
        window = {key: settings.get(key, default) for key, default in (("stride", 1), ("padding", 0), ("dilation", 1))}
        self.size = after(self.size, kernel_size, **window)
        assume(self.size > 0)
        self.layers.append({"conv": {"out_channels": out_channels, "kernel_size": kernel_size, **settings}})
        self.channels = out_channels

    def pool(self, kernel_size: int, **settings: Any) -> None:
        self.size = after(self.size, kernel_size, settings.get("stride", kernel_size), settings.get("padding", 0))
        assume(self.size > 0)
        self.layers.append({"max_pool": {"kernel_size": kernel_size, **settings}})


@dataclass(frozen=True)
class Style:
    """What one author does throughout a network."""

    bias: bool
    padded: bool
    tail: tuple[str, ...]
    pools: bool


TAILS = (("relu",), ("batch_norm", "relu"), ("relu", "batch_norm"), ("relu", "batch_norm", "dropout"),
         ("batch_norm", "relu", "dropout"), ())  # fmt: skip


@st.composite
def plain(draw: st.DrawFn) -> Spec:
    """A chain as people write them: 3x3 padded by 1 or not at all, 1x1, now and then 5x5 or a 7x7 stem, separable
    pairs, strides or pools; biases in all or in none. No dilation but where sizes show it."""
    style = Style(draw(st.booleans()), draw(st.sampled_from([True, True, False])), draw(st.sampled_from(TAILS)),
                  draw(st.booleans()))  # fmt: skip
    image = draw(st.sampled_from(IMAGES))
    net = Draft(image[0], image[1], [])
    for place in range(draw(st.integers(2, 10))):
        add_plain(draw, net, style, place)
    add_head(draw, net, style)
    return {"name": "plain", "input": list(image), "layers": net.layers}


def add_plain(draw: st.DrawFn, net: Draft, style: Style, place: int) -> None:
    """One more block; its last layer may halve the map."""
    wide = draw(st.sampled_from(WIDTHS))
    kinds = ["3x3", "3x3", "3x3", "1x1", "5x5", "separable", "halve", "halve"]
    kind = draw(st.sampled_from(kinds + ["stem"] * (place == 0) + ["dilated"] * (not style.padded)))
    bias = {} if style.bias else {"bias": False}
    pad = {3: {"padding": 1}, 5: {"padding": 2}} if style.padded else {3: {}, 5: {}}
    if kind == "3x3":
        net.conv(wide, 3, **pad[3], **bias)
    elif kind == "1x1":
        net.conv(wide, 1, **bias)
    elif kind == "5x5":
        net.conv(wide, 5, **pad[5], **bias)
    elif kind == "dilated":
        net.conv(wide, 3, dilation=2, **bias)
    elif kind == "stem":
        net.conv(wide, 7, stride=2, padding=3, **bias)
    elif kind == "separable":
        net.conv(net.channels, 3, **pad[3], groups="depthwise", **bias)
        net.conv(wide, 1, **bias)
    elif style.pools:
        net.pool(2)
        return
    else:
        net.conv(wide, 3, stride=2, padding=1, **bias)
    net.layers += style.tail


def add_head(draw: st.DrawFn, net: Draft, style: Style) -> None:
    classes = draw(st.sampled_from([10, 100]))
    kind = draw(st.sampled_from(["conv after pool", "linear after pool", "flatten"]))
    if kind == "flatten":
        net.layers += ["flatten", {"linear": classes}]
    elif kind == "linear after pool":
        net.layers += ["global_avg_pool", "flatten", {"linear": classes}]
    else:
        net.layers.append("global_avg_pool")
        net.layers.append({"conv": {"out_channels": classes, "kernel_size": 1, "bias": style.bias}})


@st.composite
def wild(draw: st.DrawFn) -> Spec:
    """A chain of convolutions with any settings, norms, activations and pools."""
    image = (draw(st.sampled_from([1, 3])), *(draw(st.integers(12, 40)),) * 2)
    net = Draft(image[0], image[1], [])
    for _ in range(draw(st.integers(1, 6))):
        kernel = draw(st.integers(1, 7))
        groups = draw(st.sampled_from([g for g in range(1, net.channels + 1) if net.channels % g == 0]))
        net.conv(
            groups * draw(st.integers(1, 12)), kernel, groups=groups,
            stride=draw(st.integers(1, 3)), dilation=draw(st.integers(1, 3)) if kernel > 1 else 1,
            padding=draw(st.integers(0, kernel - 1)), bias=draw(st.booleans()),
        )  # fmt: skip
        net.layers += draw(st.sampled_from(TAILS))
        if draw(st.integers(0, 4)) == 0:
            net.pool(draw(st.sampled_from([2, 3])), stride=2)
    net.layers += ["global_avg_pool", {"conv": {"out_channels": 10, "kernel_size": 1}}]
    return {"name": "wild", "input": list(image), "layers": net.layers}
