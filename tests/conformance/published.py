"""The table and the test networks of google-research/receptive_field, the library of Araujo, Norris, Sim, "Computing
Receptive Fields of Convolutional Neural Networks", Distill 2019 (doi.org/10.23915/distill.00021), as far as their
layouts can be written down: receptive field, effective stride and effective padding.

Of networks with branches the widest branch of each block is written down. Paddings are TensorFlow's for an image of
224, where SAME with stride 2 pads an even size on one side alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import rfcalc
from rfcalc.engine.arch import Arch

from .outcome import REFUSED, RIGHT, WRONG, Outcome
from .public_models import installed

Layers = list[dict[str, Any]]


class Stated(NamedTuple):
    """What the table states of an end point; None where it states nothing."""

    point: str
    field: int
    stride: int
    padding: int | None


class Network(NamedTuple):
    name: str
    layers: Layers
    stated: tuple[Stated, ...]


# --- how the networks are written down ---------------------------------------------------------------------------


def window(op: str, name: str, kernel: int, stride: int, before: int, after: int | None = None) -> Layers:
    """A convolution or a pool; padding may differ from side to side."""
    side = before if after is None else [before, after]
    settings: dict[str, Any] = {"name": name, "kernel_size": kernel, "stride": stride, "padding": [side, side]}
    return [{op: settings | ({"out_channels": 1} if op == "conv" else {})}]


def conv(name: str, kernel: int, stride: int = 1, before: int | None = None, after: int | None = None) -> Layers:
    return window("conv", name, kernel, stride, kernel // 2 if before is None else before, after)


def pool(name: str, kernel: int, stride: int, before: int = 0, after: int | None = None) -> Layers:
    if after is None:
        return window("max_pool", name, kernel, stride, before)
    border: Layers = [{"pad": {"name": f"{name}_pad", "padding": [[before, after], [before, after]]}}]
    return border + window("max_pool", name, kernel, stride, 0)


def halved(name: str, kernel: int = 3) -> Layers:
    """A convolution with SAME padding and stride 2 on an even size."""
    return conv(name, kernel, 2, (kernel - 2) // 2, (kernel - 1) // 2)


def vgg(counts: tuple[int, ...]) -> Layers:
    out: Layers = []
    for block, count in enumerate(counts, 1):
        out += [layer for i in range(1, count + 1) for layer in conv(f"conv{block}_{i}", 3)] + pool(
            f"pool{block}", 2, 2
        )
    return out


def alexnet() -> Layers:
    return [
        *conv("conv1", 11, 4, 0), *pool("pool1", 3, 2), *conv("conv2", 5), *pool("pool2", 3, 2), *conv("conv3", 3),
        *conv("conv4", 3), *conv("conv5", 3), *pool("pool5", 3, 2),
    ]  # fmt: skip


def inception_v2() -> Layers:
    """Of each block the branch with two 3x3 convolutions; 4a and 5a halve."""
    out = [*halved("1a", 7), *pool("2a", 3, 2, 0, 1), *conv("2b", 1), *conv("2c", 3), *pool("3a", 3, 2, 0, 1)]
    for name in ("3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b", "5c"):
        out += [*conv(f"{name}_1", 3), *(halved(name) if name in ("4a", "5a") else conv(name, 3))]
    return out


def mobilenet_v1() -> Layers:
    strides = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
    out = halved("conv0")
    for i, stride in enumerate(strides, 1):
        out += halved(f"dw{i}") if stride == 2 else conv(f"dw{i}", 3)
    return out


def resnet_v1(counts: tuple[int, int, int, int]) -> Layers:
    """Of each unit the 3x3 convolution and the sum; the last unit of the first three blocks halves."""
    out = [*conv("conv1", 7, 2, 3), *pool("pool1", 3, 2, 0, 1)]
    for block, count in enumerate(counts, 1):
        for unit in range(1, count + 1):
            name, last = f"b{block}u{unit}", next(reversed(out[-1].values()))["name"]
            stride = 2 if block < 4 and unit == count else 1
            out += [*conv(f"{name}_conv", 3, stride, 1), {"conv": {"name": f"{name}_short", "from": last,
                    "out_channels": 1, "kernel_size": 1, "stride": stride}},
                    {"add": {"name": name, "from": [f"{name}_conv", f"{name}_short"]}}]  # fmt: skip
    return out


def two_ways(*rounds: tuple[str, int, str]) -> Layers:
    """The library's test networks: a 1x1 convolution beside a 3x3 one padded in front, with the same stride in all."""
    out: Layers = []
    for name, stride, source in rounds:
        left, right = f"{name}_left", f"{name}_right"
        out += [
            {"conv": {"name": left, "from": source, "out_channels": 1, "kernel_size": 1, "stride": stride}},
            {"pad": {"name": f"{name}_pad", "from": source, "padding": [[1, 0], [1, 0]]}}, *conv(f"{right}_3", 3, 2, 0),
            *conv(right, 1, stride // 2, 0), {"add": {"name": name, "from": [left, right]}},
        ]  # fmt: skip
    return out


# --- what is stated ----------------------------------------------------------------------------------------------


def stated(*rows: tuple[Any, ...]) -> tuple[Stated, ...]:
    return tuple(Stated(*row) for row in rows)


NETWORKS = (
    Network("alexnet_v2", alexnet(), stated(
        ("conv1", 11, 4, 0), ("pool1", 19, 8, 0), ("conv2", 51, 8, 16), ("conv3", 99, 16, 32), ("conv4", 131, 16, 48),
        ("conv5", 163, 16, 64), ("pool5", 195, 32, 64))),
    Network("vgg_a", vgg((1, 1, 2, 2, 2)), stated(
        ("conv1_1", 3, 1, 1), ("pool1", 4, 2, 1), ("conv2_1", 8, 2, 3), ("pool2", 10, 4, 3), ("conv3_1", 18, 4, 7),
        ("conv3_2", 26, 4, 11), ("pool3", 30, 8, 11), ("conv4_1", 46, 8, 19), ("conv4_2", 62, 8, 27),
        ("pool4", 70, 16, 27), ("conv5_1", 102, 16, 43), ("conv5_2", 134, 16, 59), ("pool5", 150, 32, 59))),
    Network("vgg_16", vgg((2, 2, 3, 3, 3)), stated(
        ("conv1_1", 3, 1, 1), ("pool1", 6, 2, 2), ("conv2_1", 10, 2, 4), ("pool2", 16, 4, 6), ("conv3_1", 24, 4, 10),
        ("conv3_2", 32, 4, 14), ("pool3", 44, 8, 18), ("conv4_1", 60, 8, 26), ("conv4_2", 76, 8, 34),
        ("pool4", 100, 16, 42), ("conv5_1", 132, 16, 58), ("conv5_2", 164, 16, 74), ("pool5", 212, 32, 90))),
    Network("inception_v2", inception_v2(), stated(
        ("1a", 7, 2, 2), ("2a", 11, 4, 2), ("2b", 11, 4, 2), ("2c", 19, 4, 6), ("3a", 27, 8, 6), ("3b", 59, 8, 22),
        ("3c", 91, 8, 38), ("4a", 123, 16, 46), ("4b", 187, 16, 78), ("4c", 251, 16, 110), ("4d", 315, 16, 142),
        ("4e", 379, 16, 174), ("5a", 443, 32, 190), ("5b", 571, 32, 254), ("5c", 699, 32, 318))),
    Network("mobilenet_v1", mobilenet_v1(), stated(
        ("conv0", 3, 2, 0), ("dw1", 7, 2, 2), ("dw2", 11, 4, 2), ("dw3", 19, 4, 6), ("dw4", 27, 8, 6),
        ("dw5", 43, 8, 14), ("dw6", 59, 16, 14), ("dw7", 91, 16, 30), ("dw8", 123, 16, 46), ("dw9", 155, 16, 62),
        ("dw10", 187, 16, 78), ("dw11", 219, 16, 94), ("dw12", 251, 32, 94), ("dw13", 315, 32, 126))),
    Network("resnet_v1_50", resnet_v1((3, 4, 6, 3)), stated(
        ("b1u3", 35, 8, 15), ("b2u4", 99, 16, 47), ("b3u6", 291, 32, 143), ("b4u3", 483, 32, 239))),
    Network("resnet_v1_101", resnet_v1((3, 4, 23, 3)), stated(
        ("b1u3", 35, 8, 15), ("b2u4", 99, 16, 47), ("b3u23", 835, 32, 415), ("b4u3", 1027, 32, 511))),
    Network("resnet_v1_152", resnet_v1((3, 8, 36, 3)), stated(
        ("b1u3", 35, 8, 15), ("b2u8", 163, 16, 79), ("b3u36", 1315, 32, 655), ("b4u3", 1507, 32, 751))),
    Network("resnet_v1_200", resnet_v1((3, 24, 36, 3)), stated(
        ("b1u3", 35, 8, 15), ("b2u24", 419, 16, 207), ("b3u36", 1571, 32, 783), ("b4u3", 1763, 32, 879))),
    Network("test network 1", two_ways(("sum", 4, "input")), stated(("sum", 3, 4, 1))),
    Network("test network 5", [
        {"conv": {"name": "a", "out_channels": 1, "kernel_size": [3, 5], "stride": 2}},
        {"conv": {"name": "b", "out_channels": 1, "kernel_size": [3, 1], "stride": 2}}], stated(("b", 5, 4, 0))),
)  # fmt: skip

TRACED = (
    ("inception_v3", "torchvision", lambda lib: lib.models.inception_v3(init_weights=False), "Mixed_7c", 1311),
    ("inception_v4", "timm", lambda lib: lib.create_model("inception_v4"), "features.21", 2071),
    ("inception_resnet_v2", "timm", lambda lib: lib.create_model("inception_resnet_v2"), "conv2d_7b", 3039),
)  # fmt: skip
"""Networks too branched to write down here: their layouts in other libraries, where they are installed."""


# --- held against the tables -------------------------------------------------------------------------------------


def outcomes() -> Iterator[Outcome]:
    for network in NETWORKS:
        arch = rfcalc.loads(spec(network))
        for at in network.stated:
            yield outcome(f"{network.name} {at.point}", arch, at)
    yield misaligned()
    for name, library, make, module, field in TRACED:
        yield from of_library(name, library, make, module, field)


def spec(network: Network) -> str:
    import yaml

    return yaml.safe_dump({"name": network.name, "input": [1, 224, 224], "layers": network.layers}, sort_keys=False)


def outcome(name: str, arch: Arch, at: Stated) -> Outcome:
    """The figures along the last axis, x, which the table states first."""
    axis = arch[at.point].out.axes[-1]
    seen = axis.at(0)
    found = (axis.receptive_field, axis.jump, None if at.padding is None or seen is None else -seen.first)
    expected = (at.field, at.stride, at.padding)
    same = found == expected
    return Outcome(name, RIGHT if same else WRONG, "" if same else f"field, stride, padding {found}, not {expected}")


def misaligned() -> Outcome:
    """Test network 3: the library refuses it, rfcalc reports the join as misaligned."""
    layers = [
        {"pad": {"padding": [[2, 1], [2, 1]]}}, *conv("left", 5, 2, 0),
        {"conv": {"name": "m", "from": "input", "out_channels": 1, "kernel_size": 3}}, *conv("right", 3, 1, 0),
    ]  # fmt: skip
    arch = rfcalc.loads(spec(Network("test network 3", layers, ())))
    jumps = [arch[name].out.axes[-1].jump for name in ("left", "right")]
    return Outcome("test network 3", RIGHT if jumps[0] != jumps[1] else WRONG, "")


def of_library(name: str, library: str, make: Callable[[Any], Any], module: str, field: int) -> Iterator[Outcome]:
    import torch

    found = installed(library)
    if found is None:
        return
    with torch.device("meta"):
        net = make(found).eval()
    try:
        arch = rfcalc.trace(net, (3, 299, 299))
    except rfcalc.RfcalcError as error:
        yield Outcome(name, REFUSED, str(error))
        return
    rows = [row for row in arch.rows if row.name.startswith(f"{module}.") or row.name == module]
    measured = rows[-1].out.axes[-1].receptive_field
    yield Outcome(
        f"{name} {module} ({library}'s)", RIGHT if measured == field else WRONG,
        "" if measured == field else f"field {measured}, not {field}",
    )  # fmt: skip
