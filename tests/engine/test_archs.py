"""The shipped specs against the documents and publications that they come from: figures typed in, sums written out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from math import prod
from typing import Any

import pytest

from rfcalc import zoo
from rfcalc.engine.arch import Arch, Node, Row
from rfcalc.engine.layers import Layer
from rfcalc.engine.layers.base import make
from rfcalc.report.claims import claims_of, targets_of

# fmt: off
TOTALS = [  # name, input, params, MACs, field before and after global pooling, output
    ("c12",          (3, 32, 32),         92_784,     27_529_216,   59,   87, "10x1x1"),
    ("densenet121",  (3, 224, 224),    7_978_856,  2_834_161_664, 2071, 2263, "1000"),
    ("dilated93",    (3, 32, 32),        150_576,     24_265_344,   93,  117, "10x1x1"),
    ("googlenet",    (3, 224, 224),    6_624_904,  1_498_376_192,  379,  571, "1000"),
    ("mnist28",      (1, 28, 28),          7_410,      1_031_808,   18,   28, "10x1x1"),
    ("mobilenet_v2", (3, 224, 224),    3_504_872,    300_774_272,  491,  683, "1000"),
    ("ours_100k",    (3, 32, 32),         96_186,     32_145_888,   49,   77, "10"),
    ("ours_200k",    (3, 32, 32),        186_666,     48_071_296,   35,   63, "10"),
    ("ours_fast",    (3, 32, 32),        168_106,     22_119_040,   35,   63, "10"),
    ("resnet18",     (3, 224, 224),   11_689_512,  1_814_073_344,  435,  627, "1000"),
    ("resnet50",     (3, 224, 224),   25_557_032,  4_089_184_256,  427,  619, "1000"),
    ("s9",           (3, 32, 32),        180_298,     33_771_936,  103,  119, "10x1x1"),
    ("unet",         (3, 256, 256),   31_037_633, 48_167_387_136,  204,  204, "1x256x256"),
    ("valid149k",    (3, 32, 32),        149_584,     90_541_568,   29,   48, "10"),
    ("vgg16",        (3, 224, 224),  138_357_544, 15_470_264_320,  212,  404, "1000"),
]

LAYERS = [  # name, layer, size, jump, field with its sum
    ("s9", "C3",     16, 2, 1 + 3 * 2),                        # three 3x3 at jump 1
    ("s9", "C6",      7, 4, 7 + 2 * 2 * 2 + 2 * 2 * 2),        # two 3x3 at jump 2, one more dilated by 2
    ("s9", "C8",      7, 4, 23 + 2 * 2 * 4),
    ("s9", "C10",     3, 8, 39 + 2 * 2 * 4),
    ("s9", "C13",     3, 8, 55 + 3 * 2 * 8),
    ("s9", "pool",    1, 8, 103 + 2 * 8),
    ("c12", "C4",    32, 1, 1 + 4 * 2),
    ("c12", "pool1", 16, 2, 9 + 2),
    ("c12", "C8",    16, 2, 11 + 3 * 2 * 2),
    ("c12", "pool2",  8, 4, 23 + 2 * 2),
    ("c12", "C12",    8, 4, 27 + 2 * 2 * 4 + 2 * 2 * 4),
    ("c12", "gap",    1, 32, 59 + 7 * 4),                      # a stride of 8, as AvgPool2d(8) has it
    ("dilated93", "C1_4", 16, 2, 1 + 4 * 2),
    ("dilated93", "C2_4",  8, 4, 9 + 3 * 2 * 2),
    ("dilated93", "C3_4",  4, 8, 21 + 3 * 2 * 4),
    ("dilated93", "C4_2",  4, 8, 45 + 2 * 3 * 8),
    ("valid149k", "T1", 28, 1, 5 + 2 * 2),
    ("valid149k", "T2", 24, 1, 9 + 2 * 2 + 2 * 2),
    ("valid149k", "T3", 20, 1, 17 + 2 * 2 + 2 * 2),
    ("valid149k", "C8", 20, 1, 25 + 2 * 2),
    ("ours_100k", "R8",  32, 1, 1 + 9 * 2),
    ("ours_100k", "C2",  16, 2, 19 + 2),
    ("ours_100k", "R12", 16, 2, 21 + 4 * 2 * 2),
    ("ours_100k", "R13",  8, 4, 37 + 2 * 2 + 2 * 4),           # a 3x3 at jump 2, one at jump 4
    ("ours_200k", "R2", 32, 1, 1 + 3 * 2),
    ("ours_200k", "C2", 16, 2, 7 + 2),
    ("ours_200k", "R4", 16, 2, 9 + 2 * 2 * 2),
    ("ours_200k", "R5",  8, 4, 17 + 2 + 2 * 4),                # a pool, 3x3 at jump 4
    ("ours_200k", "R6",  8, 4, 27 + 2 * 4),
    ("ours_fast", "C2", 16, 2, 3 + 2),
    ("ours_fast", "R1", 16, 2, 5 + 2 * 2),
    ("ours_fast", "R2",  8, 4, 9 + 2 + 2 * 4),
    ("ours_fast", "R4",  8, 4, 19 + 2 * 4 + 2 * 4),
    ("vgg16", "stage1.pool", 112, 2, 1 + 2 * 2 + 1),
    ("vgg16", "stage2.pool",  56, 4, 6 + 2 * 2 * 2 + 2),
    ("vgg16", "stage3.pool",  28, 8, 16 + 3 * 2 * 4 + 4),
    ("vgg16", "stage4.pool", 14, 16, 44 + 3 * 2 * 8 + 8),
    ("vgg16", "stage5.pool",  7, 32, 100 + 3 * 2 * 16 + 16),
    ("resnet18", "conv1",   112, 2, 1 + 6),
    ("resnet18", "maxpool",  56, 4, 7 + 2 * 2),
    ("resnet18", "layer1",   56, 4, 11 + 4 * 2 * 4),
    ("resnet18", "layer2",   28, 8, 43 + 2 * 4 + 3 * 2 * 8),   # the first of four 3x3 strides, at the jump before
    ("resnet18", "layer3",  14, 16, 99 + 2 * 8 + 3 * 2 * 16),
    ("resnet18", "layer4",   7, 32, 211 + 2 * 16 + 3 * 2 * 32),
    ("resnet50", "layer1",   56, 4, 11 + 3 * 2 * 4),
    ("resnet50", "layer2",   28, 8, 35 + 2 * 4 + 3 * 2 * 8),
    ("resnet50", "layer3",  14, 16, 91 + 2 * 8 + 5 * 2 * 16),
    ("resnet50", "layer4",   7, 32, 267 + 2 * 16 + 2 * 2 * 32),
    ("mobilenet_v2", "stage1_project", 112, 2, 3 + 2 * 2),
    ("mobilenet_v2", "stage2",  56, 4, 7 + 2 * 2 + 2 * 4),
    ("mobilenet_v2", "stage3",  28, 8, 19 + 2 * 4 + 2 * 2 * 8),
    ("mobilenet_v2", "stage4", 14, 16, 59 + 2 * 8 + 3 * 2 * 16),
    ("mobilenet_v2", "stage5", 14, 16, 171 + 3 * 2 * 16),
    ("mobilenet_v2", "stage6",  7, 32, 267 + 2 * 16 + 2 * 2 * 32),
    ("mobilenet_v2", "stage7",  7, 32, 427 + 2 * 32),
    ("googlenet", "maxpool1",    56, 4, 7 + 2 * 2),
    ("googlenet", "maxpool2",    28, 8, 11 + 2 * 4 + 2 * 4),
    ("googlenet", "inception3b", 28, 8, 27 + 2 * 2 * 8),
    ("googlenet", "inception4e", 14, 16, 59 + 2 * 8 + 5 * 2 * 16),
    ("googlenet", "maxpool4",    7, 32, 235 + 16),
    ("googlenet", "inception5b", 7, 32, 251 + 2 * 2 * 32),
    ("densenet121", "denseblock1", 56, 4, 11 + 6 * 2 * 4),
    ("densenet121", "transition1", 28, 8, 59 + 4),
    ("densenet121", "denseblock2", 28, 8, 63 + 12 * 2 * 8),
    ("densenet121", "denseblock3", 14, 16, 255 + 8 + 24 * 2 * 16),
    ("densenet121", "denseblock4", 7, 32, 1031 + 16 + 16 * 2 * 32),
    ("unet", "inc",  256, 1, 1 + 2 * 2),
    ("unet", "down1", 128, 2, 5 + 1 + 2 * 2 * 2),
    ("unet", "down2",  64, 4, 14 + 2 + 2 * 2 * 4),
    ("unet", "down3",  32, 8, 32 + 4 + 2 * 2 * 8),
    ("unet", "down4", 16, 16, 68 + 8 + 2 * 2 * 16),
    # Going up, two 3x3 read 5 units, which rest on 3 of the map below; with its own two 3x3 that makes 3 + 4 = 7, which
    # rest on 4, then 4 + 4 = 8 on 5 (a pair may be cut), 5 + 4 = 9 on 5: each phase's reach, up to 4 jumps of 16 more.
    ("unet", "up1",  32, 8, 140 + 2 * 16),
    ("unet", "up4", 256, 1, 140 + 4 * 16),
]

JOINS = [  # name, how many, one of them, what it joins
    ("ours_100k",   13, "R9.add",                         "R9.change", "C2.silu"),
    ("ours_200k",    6, "R1.add",                         "R1.change", "C1.silu"),
    ("ours_200k",    6, "R6.add",                         "R6.change", "R5.add"),
    ("ours_fast",    4, "R1.add",                         "R1.change", "C2.silu"),
    ("ours_fast",    4, "R2.add",                         "R2.change", "max_pool11"),
    ("resnet18",     8, "layer1.0.basic.add",             "layer1.0.basic.bn2", "maxpool"),
    ("resnet18",     8, "layer2.0.add",                   "layer2.0.bn2", "layer2.downsample.1"),
    ("resnet18",     8, "layer2.1.add",                   "layer2.1.bn2", "layer2.0.relu"),
    ("resnet50",    16, "layer1.0.add",                   "layer1.0.bn3", "layer1.downsample.1"),
    ("resnet50",    16, "layer4.rest.0.bottleneck.add",   "layer4.rest.0.bottleneck.bn3", "layer4.0.relu"),
    ("mobilenet_v2", 10, "stage3.rest.0.add",             "stage3.first.batch_norm", "stage3.rest.0.conv.batch_norm"),
    ("mobilenet_v2", 10, "stage3.rest.1.add",             "stage3.rest.0.add", "stage3.rest.1.conv.batch_norm"),
    ("googlenet",    9, "inception3a.concat",             "inception3a.branch1.relu", "inception3a.branch2.1.relu",
                                                          "inception3a.branch3.1.relu", "inception3a.branch4.relu"),
    ("densenet121", 58, "denseblock1.denselayer.0.concat", "pool0", "denseblock1.denselayer.0.conv2"),
    ("densenet121", 58, "denseblock1.denselayer.1.concat", "denseblock1.denselayer.0.concat",
                                                          "denseblock1.denselayer.1.conv2"),
    ("unet",         4, "up1.concat",                     "down3.conv.double_conv.1.relu", "up1.up"),
    ("unet",         4, "up4.concat",                     "inc.double_conv.1.relu", "up4.up"),
]

MNIST28 = [  # the first document's table: N_in, N_out, Ch_in, Ch_out, padding, kernel, stride, j_in, j_out, r_in, r_out
    ("conv1",    28, 26,  1,  8, 0, 3, 1, 1, 1,  1,  3),
    ("conv2",    26, 24,  8, 16, 0, 3, 1, 1, 1,  3,  5),
    ("pool",     24, 12, 16, 16, 0, 2, 2, 1, 2,  5,  6),
    ("conv3",    12, 12, 16,  8, 0, 1, 1, 2, 2,  6,  6),
    ("conv4",    12, 10,  8, 12, 0, 3, 1, 2, 2,  6, 10),
    ("conv5",    10,  8, 12, 16, 0, 3, 1, 2, 2, 10, 14),
    ("conv6",     8,  6, 16, 20, 0, 3, 1, 2, 2, 14, 18),
    ("gap",       6,  1, 20, 20, 0, 6, 1, 2, 2, 18, 28),
    ("conv7",     1,  1, 20, 16, 0, 1, 1, 2, 2, 28, 28),
    ("conv8",     1,  1, 16, 10, 0, 1, 1, 2, 2, 28, 28),
]
# fmt: on

FALSE_CLAIMS = {  # what the sources state and the figures deny
    "c12": {
        ("params", None): ("104K", 92_784),
        ("receptive_field", "C12"): (23, 59),
        ("size", "C12"): (16, 8),
    },
    "valid149k": {("max_params", None): (50_000, 149_584)},
}

# Rows of the three printouts, in order: module, shape, parameters.
PRINTOUTS = {
    "s9": """
        Conv2d 32x32x32 896
        ReLU 32x32x32 0
        BatchNorm2d 32x32x32 64
        Dropout 32x32x32 0
        Conv2d 64x32x32 18,496
        ReLU 64x32x32 0
        BatchNorm2d 64x32x32 128
        Dropout 64x32x32 0
        Conv2d 32x16x16 18,464
        Conv2d 32x16x16 9,248
        ReLU 32x16x16 0
        BatchNorm2d 32x16x16 64
        Dropout 32x16x16 0
        Conv2d 64x16x16 18,496
        ReLU 64x16x16 0
        BatchNorm2d 64x16x16 128
        Dropout 64x16x16 0
        Conv2d 32x7x7 18,464
        Conv2d 32x7x7 9,248
        ReLU 32x7x7 0
        BatchNorm2d 32x7x7 64
        Dropout 32x7x7 0
        Conv2d 32x7x7 320
        Conv2d 64x7x7 2,112
        ReLU 64x7x7 0
        BatchNorm2d 64x7x7 128
        Dropout 64x7x7 0
        Conv2d 32x3x3 18,464
        Conv2d 32x3x3 9,248
        ReLU 32x3x3 0
        BatchNorm2d 32x3x3 64
        Dropout 32x3x3 0
        Conv2d 64x3x3 18,496
        ReLU 64x3x3 0
        BatchNorm2d 64x3x3 128
        Dropout 64x3x3 0
        Conv2d 64x3x3 36,928
        AdaptiveAvgPool2d 64x1x1 0
        Conv2d 10x1x1 650
    """,
    "dilated93": """
        Conv2d 16x32x32 432
        BatchNorm2d 16x32x32 32
        ReLU 16x32x32 0
        Dropout 16x32x32 0
        Conv2d 32x32x32 4,608
        BatchNorm2d 32x32x32 64
        ReLU 32x32x32 0
        Dropout 32x32x32 0
        Conv2d 32x32x32 320
        Conv2d 64x32x32 2,112
        BatchNorm2d 64x32x32 128
        ReLU 64x32x32 0
        Conv2d 64x16x16 36,864
        BatchNorm2d 64x16x16 128
        ReLU 64x16x16 0
        Dropout 64x16x16 0
        Conv2d 16x16x16 1,024
        BatchNorm2d 16x16x16 32
        ReLU 16x16x16 0
        Conv2d 32x16x16 4,608
        BatchNorm2d 32x16x16 64
        ReLU 32x16x16 0
        Dropout 32x16x16 0
        Conv2d 32x16x16 9,216
        BatchNorm2d 32x16x16 64
        ReLU 32x16x16 0
        Dropout 32x16x16 0
        Conv2d 64x8x8 18,432
        BatchNorm2d 64x8x8 128
        ReLU 64x8x8 0
        Dropout 64x8x8 0
        Conv2d 16x8x8 1,024
        BatchNorm2d 16x8x8 32
        ReLU 16x8x8 0
        Conv2d 32x8x8 4,608
        BatchNorm2d 32x8x8 64
        ReLU 32x8x8 0
        Dropout 32x8x8 0
        Conv2d 64x8x8 18,432
        BatchNorm2d 64x8x8 128
        ReLU 64x8x8 0
        Dropout 64x8x8 0
        Conv2d 64x4x4 36,864
        BatchNorm2d 64x4x4 128
        ReLU 64x4x4 0
        Dropout 64x4x4 0
        Conv2d 16x4x4 1,024
        BatchNorm2d 16x4x4 32
        ReLU 16x4x4 0
        Conv2d 64x4x4 9,216
        BatchNorm2d 64x4x4 128
        ReLU 64x4x4 0
        AdaptiveAvgPool2d 64x1x1 0
        Conv2d 10x1x1 640
    """,
    "valid149k": """
        Conv2d 32x32x32 864
        ReLU 32x32x32 0
        BatchNorm2d 32x32x32 64
        Dropout 32x32x32 0
        Conv2d 64x32x32 18,432
        ReLU 64x32x32 0
        BatchNorm2d 64x32x32 128
        Dropout 64x32x32 0
        Conv2d 16x32x32 1,040
        Conv2d 16x28x28 2,304
        ReLU 16x28x28 0
        BatchNorm2d 16x28x28 32
        Conv2d 32x28x28 4,608
        ReLU 32x28x28 0
        BatchNorm2d 32x28x28 64
        Dropout 32x28x28 0
        Conv2d 64x28x28 18,432
        ReLU 64x28x28 0
        BatchNorm2d 64x28x28 128
        Dropout 64x28x28 0
        Conv2d 32x28x28 2,080
        Conv2d 32x24x24 9,216
        ReLU 32x24x24 0
        BatchNorm2d 32x24x24 64
        Conv2d 64x24x24 18,432
        ReLU 64x24x24 0
        BatchNorm2d 64x24x24 128
        Dropout 64x24x24 0
        Conv2d 64x24x24 576
        Conv2d 256x24x24 16,384
        ReLU 256x24x24 0
        BatchNorm2d 256x24x24 512
        Dropout 256x24x24 0
        Conv2d 32x24x24 8,224
        Conv2d 32x20x20 9,216
        ReLU 32x20x20 0
        BatchNorm2d 32x20x20 64
        Conv2d 64x20x20 18,432
        ReLU 64x20x20 0
        BatchNorm2d 64x20x20 128
        Dropout 64x20x20 0
        Conv2d 64x20x20 576
        Conv2d 256x20x20 16,384
        ReLU 256x20x20 0
        BatchNorm2d 256x20x20 512
        Dropout 256x20x20 0
        AvgPool2d 256x1x1 0
        Linear 10 2,560
    """,
}


@pytest.fixture(scope="module")
def archs() -> dict[str, Arch]:
    return {name: zoo.load(name) for name in zoo.names()}


def same_on_all_axes(values: Iterable[Any]) -> Any:
    (value,) = set(values)
    return value


def last_row(arch: Arch, name: str) -> Row:
    """The row of a layer, or the last one of a block."""
    return [row for row in arch.rows if row.name == name or row.name.startswith(f"{name}.")][-1]


def test_the_tables_here_name_every_shipped_spec() -> None:
    assert [case[0] for case in TOTALS] == zoo.names()
    assert {case[0] for case in LAYERS} == {*zoo.names()} - {"mnist28"}  # which has a table of its own


@pytest.mark.parametrize("name", zoo.names())
def test_a_spec_bears_its_file_name_and_says_where_it_comes_from(archs: dict[str, Arch], name: str) -> None:
    arch = archs[name]
    assert arch.name == name
    assert len(arch.source) > 40
    assert arch.notes
    assert arch.claims


@pytest.mark.parametrize(("name", "shape", "params", "macs", "before", "after", "out"), TOTALS)
def test_totals(
    archs: dict[str, Arch], name: str, shape: tuple[int, ...], params: int, macs: int, before: int, after: int, out: str
) -> None:
    arch = archs[name]
    assert (arch.input, arch.params, arch.macs, str(arch.out)) == (shape, params, macs, out)
    assert arch.receptive_field == ((before, before), (after, after))


@pytest.mark.parametrize(("name", "layer", "size", "jump", "field"), LAYERS)
def test_named_layers(archs: dict[str, Arch], name: str, layer: str, size: int, jump: int, field: int) -> None:
    axes = last_row(archs[name], layer).out.axes
    assert same_on_all_axes((axis.size, axis.jump, axis.receptive_field) for axis in axes) == (size, jump, field)


@pytest.mark.parametrize("case", JOINS, ids=lambda case: f"{case[0]}-{case[2]}")
def test_joins_read_the_layers_that_they_should(archs: dict[str, Arch], case: tuple[Any, ...]) -> None:
    name, count, join, *joined = case
    arch = archs[name]
    names = ["input", *(node.name for node in arch.nodes)]
    assert [names[i] for i in arch[join].node.inputs] == joined
    assert sum(row.layer.joins for row in arch.rows) == count


def cells(row: Row) -> tuple[Any, ...]:
    x, out, window = row.x, row.out, same_on_all_axes(row.windows)
    ins = same_on_all_axes((axis.size, axis.jump, axis.receptive_field) for axis in x.axes)
    outs = same_on_all_axes((axis.size, axis.jump, axis.receptive_field) for axis in out.axes)
    padding = same_on_all_axes(window.padding)
    return (row.name, ins[0], outs[0], x.channels, out.channels, padding, window.kernel_size, window.stride,
            ins[1], outs[1], ins[2], outs[2])  # fmt: skip


def test_mnist28_is_the_documents_table_cell_for_cell(archs: dict[str, Arch]) -> None:
    assert [cells(row) for row in archs["mnist28"].rows] == MNIST28


@pytest.mark.parametrize("name", PRINTOUTS)
def test_rows_of_the_printouts(archs: dict[str, Arch], name: str) -> None:
    rows = [f"{row.layer.torch_class(row.x)} {row.out} {row.params:,}" for row in archs[name].rows]
    assert rows == [line.strip() for line in PRINTOUTS[name].strip().splitlines()]


@pytest.mark.parametrize("name", PRINTOUTS)
def test_the_printed_rows_add_up_to_the_printed_total(archs: dict[str, Arch], name: str) -> None:
    printed = [int(line.split()[-1].replace(",", "")) for line in PRINTOUTS[name].strip().splitlines()]
    assert sum(printed) == archs[name].claims["params"]


# --- sums and fields by another path ---


def counted(row: Row) -> tuple[int, int]:
    """Parameters and MACs from the shape of each layer's weight."""
    layer: Any = row.layer
    match layer.op:
        case "conv":
            weight = layer.out_channels * prod(layer.kernel_size) * row.x.channels // (layer.groups or row.x.channels)
            return weight + layer.out_channels * layer.bias, weight * prod(row.out.sizes)
        case "conv_transpose":
            weight = row.x.channels * prod(layer.kernel_size) * layer.out_channels
            return weight + layer.out_channels * layer.bias, weight * prod(row.x.sizes)
        case "linear":
            weight = layer.out_features * row.x.elements
            return weight + layer.out_features * layer.bias, weight
        case "batch_norm":
            return 2 * row.x.channels, 0
    return 0, 0


@pytest.mark.parametrize("name", zoo.names())
def test_the_columns_add_up_to_the_totals(archs: dict[str, Arch], name: str) -> None:
    arch = archs[name]
    params, macs = zip(*map(counted, arch.rows), strict=True)
    assert (sum(params), sum(macs)) == (arch.params, arch.macs)
    assert [row.params for row in arch.rows] == [*params]
    assert [row.macs for row in arch.rows] == [*macs]


def fields_by_recurrence(arch: Arch) -> list[tuple[int, int]]:
    """Field and jump after every layer: r + (k - 1) * dilation * j, j * stride, the largest field at a join. Right
    where branches are centred alike and nothing is upsampled."""
    found = [(1, 1)]
    for row in arch.rows:
        field, jump = max(found[i] for i in row.node.inputs)
        if row.windows and not row.layer.joins:
            window = same_on_all_axes(row.windows)
            field, jump = field + (window.kernel_size - 1) * window.dilation * jump, jump * window.stride
        found.append((field, jump))
    return found[1:]


@pytest.mark.parametrize("name", [name for name in zoo.names() if name != "unet"])
def test_every_field_by_the_recurrence_too(archs: dict[str, Arch], name: str) -> None:
    arch = archs[name]
    engine = [same_on_all_axes((a.receptive_field, a.jump) for a in row.out.axes) for row in arch.rows]
    assert engine == fields_by_recurrence(arch)


@pytest.mark.parametrize("name", zoo.names())
def test_every_join_is_aligned(archs: dict[str, Arch], name: str) -> None:
    for row in archs[name].rows:
        if row.layer.joins:
            offsets = [[strand.offset() for axis in x.axes for strand in axis.strands] for x in row.inputs]
            assert all(offset == offsets[0] for offset in offsets), row.name


# --- what the sources claim ---


@pytest.mark.parametrize("name", zoo.names())
def test_claims_hold_but_for_those_that_the_source_got_wrong(archs: dict[str, Arch], name: str) -> None:
    claims = claims_of(archs[name])
    false = {(c.quantity, c.layer): (c.stated, c.computed) for c in claims if c.holds is False}
    assert false == FALSE_CLAIMS.get(name, {})
    assert any(c.holds for c in claims)


@pytest.mark.parametrize("name", zoo.names())
def test_targets_are_met(archs: dict[str, Arch], name: str) -> None:
    assert [target for target in targets_of(archs[name]) if not target.holds] == []


def test_s9_sees_at_least_44_pixels(archs: dict[str, Arch]) -> None:
    assert min(f for f in archs["s9"].receptive_field.before_global_pool if f is not None) >= 44


def edited(arch: Arch, changes: dict[str, Layer]) -> Arch:
    """The network with other settings for some of its layers."""

    def change(node: Node) -> Node:
        more = changes.get(node.name)
        return dataclasses.replace(node, layer=more) if more else node

    return dataclasses.replace(arch, nodes=tuple(map(change, arch.nodes)))


def test_c12_with_convolutions_for_pools_has_the_stated_104k(archs: dict[str, Arch]) -> None:
    pools = {
        name: make("conv", 2, out_channels=channels, kernel_size=3, stride=2, padding=1, bias=False)
        for name, channels in (("pool1", 16), ("pool2", 32))
    }
    strided = edited(archs["c12"], pools)
    assert strided.params == 92_784 + 9 * 16 * 16 + 9 * 32 * 32 == 104_304
    assert [row.out.axes for row in strided.rows] == [row.out.axes for row in archs["c12"].rows]


def test_c12_cannot_pad_every_layer_by_1(archs: dict[str, Arch]) -> None:
    arch = archs["c12"]
    c5: Any = arch["C5.conv"].layer
    grown = edited(arch, {"C5.conv": dataclasses.replace(c5, padding=((1, 1), (1, 1)))})
    assert grown["C5.conv"].out.sizes == (34, 34)


@pytest.mark.parametrize(("dilation", "field"), [(1, 45 + 2 * 8), (2, 45 + 2 * 2 * 8), (3, 93), (4, 45 + 2 * 4 * 8)])
def test_only_dilation_3_gives_dilated93_its_field(archs: dict[str, Arch], dilation: int, field: int) -> None:
    arch = archs["dilated93"]
    last = make("conv", 2, out_channels=64, kernel_size=3, padding=dilation, dilation=dilation, bias=False)
    other = edited(arch, {"C4_2.conv": last})
    assert other.receptive_field.before_global_pool == (field, field)
    assert other["C4_2.conv"].out.sizes == (4, 4)
