"""Figures that people write beside their tables: sums, chains, boxes, lists, comments, memory; worked out by hand."""

from __future__ import annotations

import pytest

from rfcalc.readme.audit.audit import audit

CHAIN = (
    "`Input 28x28x1 -> Conv 3x3 (26x26x8) -> ReLU -> MaxPool 2x2 ({0}x{0}x8) -> Conv 3x3 (11x11x16) -> GAP (1x1x16)`"
)

BOXES = """```
   +----------------------+
   |  Input 1 x 28 x 28   |
   +----------+-----------+
              |
   +----------v-----------+
   | Conv 5x5, 16, pad 2  |   16 x 28 x 28
   | MaxPool 2x2          |   16 x 14 x 14
   +----------+-----------+
              |
   +----------v-----------+
   | Conv 5x5, 32, pad 2  |   32 x 14 x 14
   | MaxPool 2x2          |   32 x {0} x {0}
   +----------------------+
```"""  # 14 / 2

NUMBERED = """The input is a 227x227x3 image.

1. The first conv layer has 96 kernels of size 11x11 with a stride of 4. Output: (227-11)/4+1 = 55, so 55x55x96.
2. Max pooling 3x3, stride 2: 27x27x96.
3. The second one has 256 kernels of 5x5, padding 2: 27x27x256.
4. Max pooling 3x3, stride 2: {0}x{0}x256.
5. Conv 384 kernels 3x3, padding 1: 13x13x384.
"""  # (27 - 3) / 2 + 1 = 13

VGG = """```
CONV3-64: [224x224x64]  memory: 224*224*64=3.2M  weights: (3*3*3)*64 = 1,728
CONV3-64: [224x224x64]  memory: 224*224*64=3.2M  weights: (3*3*64)*64 = 36,864
CONV3-64: [224x224x64]  memory: 224*224*64=3.2M  weights: (3*3*64)*64 = 36,864
POOL2: [112x112x64]  memory: 112*112*64=800K  weights: 0
CONV3-128: [{0}x{0}x128]  memory: {0}*{0}*128=1.6M  weights: (3*3*64)*128 = {1}
CONV3-128: [112x112x128]  memory: 112*112*128=1.6M  weights: (3*3*128)*128 = 147,456
POOL2: [56x56x128]  memory: 56*56*128=400K  weights: 0
```"""  # 3*3*64*128 = 73,728

GRID = """
| layer | kernel | stride | pad | output |
|---|---|---|---|---|
| conv1 | 5x5 | 1 | 2 | 32x32x32 |
| pool1 | 3x3 | 2 | 0 | {0}x{0}x32 |
| conv2 | 5x5 | 1 | 2 | 15x15x32 |
| pool2 | 3x3 | 2 | 0 | 7x7x32 |
"""  # (32 - 3) // 2 + 1 = 15, rounded up 16; (15 - 3) // 2 + 1

COUNTED = """
| layer | type | k | s | size | channels | params |
|---|---|---|---|---|---|---|
| conv1 | Conv | 3 | 1 | 28 -> 26 | 8 | 72 |
| conv2 | Conv | 3 | 1 | 26 -> 24 | 16 | {0} |
| pool | MaxPool | 2 | 2 | 24 -> 12 | 16 | 0 |
| conv3 | Conv | 3 | 1 | 12 -> 10 | 16 | 2304 |
| conv4 | Conv | 1 | 1 | 10 -> 10 | 10 | 160 |

Total parameters: {1}.
"""  # 9*8*16 = 1152; 72 + 1152 + 2304 + 160 = 3688; with batch norm 2 * (8 + 16 + 16 + 10) = 100 more

CALLS = """```python
model = Sequential()
model.add(Conv2D(32, (3, 3), padding='same', input_shape=(32, 32, 3)))  # 896 params, 32x32x32
model.add(Conv2D(32, (3, 3)))  # {params} params, 30x30x32
model.add(MaxPooling2D((2, 2)))  # {pool}x{pool}x32
model.add(Conv2D(64, (3, 3)))  # 18496 params, 13x13x64
model.add(MaxPooling2D((2, 2)))  # {last}x{last}x64
model.add(Flatten())
model.add(Dense(10))
```
Total: 51,690 trainable parameters.
"""  # 9*32*32 + 32 = 9248; 30/2; 13 // 2; 896 + 9248 + 18496 + (6*6*64 + 1)*10 = 51690

BLOCKS = """
**block1**
- kernel: 3x3
- stride: 1
- channels: 3 → 24
- output: 32x32
- receptive field: 3

**block2**
- kernel: 3x3
- stride: 2
- channels: 24 → 48
- output: 16x16
- receptive field: 5

**block3**
- kernel: 3x3
- stride: 2
- channels: 48 → 96
- output: 8x8
- receptive field: {0}

The weights are stored on the board.
"""  # 3, 3 + 2, 5 + 2*2

SEPARABLE = """Model: "functional"
_________________________________________________________________
Layer (type)                 Output Shape              Param #
=================================================================
conv2d (Conv2D)              (None, 32, 32, 16)        448
separable_conv2d (SeparableConv2D) (None, 32, 32, 32)  688
separable_conv2d_1 (SeparableConv2D) (None, 32, 32, 64) {0}
global_average_pooling2d (GlobalAveragePooling2D) (None, 64) 0
dense (Dense)                (None, 10)                650
=================================================================
Total params: 4,186
Trainable params: 4,186
Non-trainable params: 0
"""  # 16*9 + 16*32 + 32; 32*9 + 32*64 + 64 = 2400; 448 + 688 + 2400 + 650


def slips(text: str) -> list[tuple[str, object, object]]:
    """Quantity or column, what is stated, and what is right, of everything that is called wrong."""
    found = audit(text)
    said = [
        (c.quantity, c.stated, c.computed) for c in found.claims if c.verdict == "wrong" and c.why != "see its cells"
    ]
    return said + [(cell.column, cell.stated, cell.computed) for cell in found.cells]


@pytest.mark.parametrize(
    ("text", "right", "wrong", "slip"),
    [
        ("It has (5*5*6 + 1)*16 = {0} parameters.",               ("2416",), ("2410",), ("arithmetic", 2410, 2416)),
        ("In total 156 + 2416 + 850 = {0} weights.",              ("3422",), ("3442",), ("arithmetic", 3442, 3422)),
        ("Each block adds **12*12 = {0}** channels.",             ("144",),  ("124",),  ("arithmetic", 124, 144)),
        ("The values are 224*224*64 = {0}M.",                     ("3.2",), ("3.4",), ("arithmetic", 3400000, 3211264)),
        (CHAIN,                                                   (13,),     (12,),     ("n_out", 12, 13)),
        (BOXES,                                                   (7,),      (8,),      ("n_out", 8, 7)),
        (NUMBERED,                                                (13,),     (12,),     ("n_out", 12, 13)),
        (VGG,                                           (112, "73,728"), (112, "73,782"), ("arithmetic", 73782, 73728)),
        (VGG,                                            (112, "73,728"), (111, "73,728"), ("n_out", 111, 112)),
        (GRID,                                                    (15,),     (16,),     ("n_out", 16, 15)),
        (COUNTED,                                      (1152, "3,688"), (1125, "3,688"), ("params", 1125, 1152)),
        (COUNTED,                                      (1152, "3,688"), (1152, "3,868"), ("params", "3,868", 3688)),
        (COUNTED,                                      (1152, "3,788"), (1152, "3,738"), None),  # with norms, biases
        (BLOCKS,                                                  (9,),      (7,),      ("r_out", 7, 9)),
        (SEPARABLE,                                               (2400,),   (2336,),   ("params", 2336, 2400)),
        ("6,218 parameters\n\nThe weights take {0} KB in float32.", ("24.3",), ("12.1",),
         ("size", "12.1 KB", "24.87 (24.29 of 1,024s)")),
        ("It needs 0.56 GMACs, i.e. {0} GFLOPs.",               ("1.11",), ("0.28",), ("macs", "0.28G", 1_120_000_000)),
    ],
)  # fmt: skip
def test_a_slip_is_named_and_nothing_else(
    text: str, right: tuple[object, ...], wrong: tuple[object, ...], slip: tuple[str, object, object] | None
) -> None:
    assert slips(text.format(*right)) == []
    assert slips(text.format(*wrong)) == ([slip] if slip else [])


@pytest.mark.parametrize(
    "text",
    [
        "A map of floor((28-3)/2)+1 = 13 pixels, k*3*3 = 8 taps, 2**5*3 = 96, 1e-3 * 10 = 0.01.",
        "We get (27-3)/2+1 = 13, 5*5*16*4 = 1.6 KB, 28x28 conv 3x3 = 26, 3*3*64 = 112x112.",
        "Trained for 60000/128 = 469 batches; 25/2*8 = 96.",
        "The first version has 94 KB of weights as int8, the others 18.5 KB.",
        "It must fit into 32 KB, and the model takes 24 KB.",
    ],
)
def test_other_equations_and_sizes_are_left_alone(text: str) -> None:
    assert audit(text).exit_code == 0


PRINTED = """
layer conv1
  kernel: 11
  stride: 4
  receptive field: 11
layer pool1
  kernel: 3
  stride: 8
  receptive field: 19
layer conv2
  kernel: 5
  stride: {stride}
  receptive field: {field}
"""  # strides multiplied up: 11 + 2*4, 19 + 4*8


def test_strides_of_a_print_are_its_own_or_the_product() -> None:
    assert slips(PRINTED.format(stride=8, field=51)) == []
    assert slips(PRINTED.format(stride=8, field=53)) == [("r_out", 53, 51)]


@pytest.mark.parametrize(
    "text",
    [
        "Input 572x572x1 -> Conv 3x3 (570x570x64) -> MaxPool 2x2 (285x285x64) -> UpConv 2x2 (570x570x64) -> "
        "concat (570x570x128) -> Conv 3x3 (568x568x64) -> Conv 3x3 (566x566x64)",
        "- Conv 7x7, stride 2: 112x112x64\n- MaxPool 3x3, stride 2: 56x56x64\n"
        "- Stage 1: 3 bottleneck blocks (1x1, 3x3, 1x1): 56x56x256\n- Stage 2: 4 blocks (3x3): 28x28x512",
        "1. Conv 3x3, 16 filters, pad 1: 416x416x16\n2. MaxPool 2x2: 208x208x16\n"
        "3. Conv 1x1, 255 filters on the 208x208x16 map: 208x208x255\n4. Conv 3x3 and max pool 2x2: 103x103x64",
        "The checkpoint takes 14.6 MB with the optimizer, the model 4.8 MB (fp32). It has 1.2M parameters.",
    ],
)
def test_lists_of_other_networks_are_left_alone(text: str) -> None:
    assert slips(text) == []


def test_comments_beside_calls() -> None:
    """What runs decides the total, whatever the comments say."""
    right = {"params": 9248, "pool": 15, "last": 6}
    assert slips(CALLS.format(**right)) == []
    assert slips(CALLS.format(**right | {"params": 9216})) == [("params", 9216, 9248)]
    assert slips(CALLS.format(**right | {"last": 7})) == [("n_out", 7, 6)]


def test_a_layer_s_count_is_not_the_network_s() -> None:
    text = "The first layer has (3*3*3+1)*32 = 896 parameters."
    found = audit(CALLS.format(params=9248, pool=15, last=6) + text)
    assert [(c.quantity, c.verdict) for c in found.claims if c.line == 12] == [
        ("arithmetic", "right"),
        ("params", "undetermined"),
    ]


def test_growing_linearly_is_not_about() -> None:
    found = audit("The parameters grow linearly (7,578 in total).")
    assert [c.stated for c in found.claims] == ["7,578"]


def test_operations_are_no_half_multiply_adds() -> None:
    calls = (
        "```python\nnn.Sequential(nn.Conv2d(3, 16, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10))\n```\n"
    )
    image = "CIFAR-10: 3x32x32. "  # 30*30*16*27 + 160 = 388,960
    assert slips(calls + image + "388,960 MACs, 777,920 FLOPs.") == []
    assert slips(calls + image + "388,960 MACs, 194,480 FLOPs.") == [("macs", "194,480", 777_920)]
