"""Right figures that were once called wrong, each in the form in which a public document states them."""

from __future__ import annotations

import pytest

from rfcalc.readme.audit.audit import audit

NUMBERED_BY_CLASS = """
```
-------------------------------------------------------------
 Layer (type)       Output Shape          Param #
=============================================================
   Conv2D-9     [1, 8, 30, 30]        224
    ReLU-9      [1, 8, 30, 30]        0
 MaxPool2D-9    [1, 8, 15, 15]        0
   Conv2D-10    [1, 8, 13, 13]        584
    ReLU-10     [1, 8, 13, 13]        0
=============================================================
Total params: 808
```
"""
INPUTS_PRINTED = """
```
-----------------------------------------------------------------------
             Layer (type)                Input Shape         Param #
=======================================================================
                 Conv2d-1            [-1, 1, 28, 28]             260
                 Linear-2                  [-1, 320]          16,050
                 Linear-3                   [-1, 50]             510
=======================================================================
```
"""
WEIGHTS_SHOWN = """
```
===========================================================
            Kernel Shape   Output Shape   Params  Mult-Adds
Layer
0_embedding    [300, 20]  [100, 1, 300]     6000       6000
1_encoder              -  [100, 1, 512]  3768320    3760128
2_decoder      [512, 20]   [100, 1, 20]    10260      10240
-----------------------------------------------------------
                       Totals
Total params          3784580
```
"""
KERAS_WITHOUT_CLASSES = """
Layer (type) | Output Shape | Parameters
--- | --- | ---
conv2d (Conv2D) | (None, 30, 30, 8) | 224
batch_normalization | (None, 30, 30, 8) | 32
max_pooling2d_2 | (None, 15, 15, 8) | 0
conv2d_1 (Conv2D) | (None, 13, 13, 8) | 584

Total params: 840
"""
SEVERAL_CLASSES = """
| Layer | Output Size | Params |
|---|---|---|
| Conv2d 3→16 | 16x32x32 | 448 |
| AvgPool2d → BatchNorm2d → ReLU | 16x16x16 | 32 |
| Conv2d 16→16 | 16x16x16 | 2,320 |
| AvgPool2d → BatchNorm2d → ReLU | 16x8x8 | 32 |
"""
NO_SQUARE = """
| Layer | Output Shape | Params |
|---|---|---|
| Conv2d (1→16, 5x1) | [1, 16, 64, 130] | 96 |
| BatchNorm2d (16) | [1, 16, 64, 130] | 32 |
| Conv2d (16→64, 1x9) | [1, 64, 64, 130] | 9,280 |
| BatchNorm2d (64) | [1, 64, 64, 130] | 128 |
"""
LAST_BULLET = """
- Layer 1: 4x4 conv, stride=2 → 128x128x64
- Layer 2: 4x4 conv, stride=2 → 64x64x128
- Layer 3: 4x4 conv, stride=2 → 32x32x256
- Layer 4: 4x4 conv, stride=1 → 31x31x512
- Output: 4x4 conv, stride=1 → 30x30x1

The receptive field is 70x70.
"""
WITH_A_FORMULA = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3)  # r_in=1, j_in=1, j_out=1, r_out=r_in+(k-1)*j_in=3
        self.pool = nn.MaxPool2d(2, 2)  # r_in=3, j_in=1, j_out=2, r_out=r_in+(k-1)*j_in=4
        self.conv2 = nn.Conv2d(8, 8, 3)  # r_in=4, j_in=2, j_out=2, r_out=r_in+(k-1)*j_in=8

    def forward(self, x):
        return self.conv2(self.pool(self.conv1(x)))
"""
RANGES = """
class Net(nn.Module):
    '''The Net() class holds two blocks.'''
    def __init__(self):
        super().__init__()
        # C1: plain block (32x32x3 -> 16x16x16)
        self.block = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),  # RF: 3
            nn.Conv2d(8, 8, 3, padding=1),  # RF: 3 -> 5
            nn.Conv2d(8, 16, 3, padding=1, stride=2),  # RF: 5 -> 7
        )
        self.wide = nn.Conv2d(16, 16, 3)  # RF=11,15

    def forward(self, x):
        return self.wide(self.block(x))


def get_model():
    return Net().to("cpu")
"""
PADDED_INPUT = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=16)  # input size=64, RF=3, outputsize=62
        self.conv2 = nn.Conv2d(16, 16, 3)  # input size=62, RF=5, outputsize=60

    def forward(self, x):
        return self.conv2(self.conv1(x))
"""
SINGLE_UNIT = """
| Layer | k | s | n_out | RF | jump |
|---|---|---|---|---|---|
| Conv | 3 | 1 | 26 | 3 | 1 |
| MaxPool | 2 | 2 | 13 | 4 | 2 |
| Conv | 3 | 1 | 11 | 8 | 2 |
| AvgPool2d | 11 | 11 | 1 | 28 | 2 |
| Conv 1x1 | 1 | 1 | 1 | 28 | 2 |
"""
ROUNDED_UP = """
| Layer | k | s | p | n_in | n_out |
|---|---|---|---|---|---|
| Conv | 1 | 1 | 1 | 20 | 22 |
| Conv | 1 | 1 | 1 | 22 | 24 |
| Conv | 3 | 2 | 0 | 24 | 12 |
| Conv | 3 | 2 | 0 | 12 | 6 |
| Conv | 3 | 2 | 0 | 6 | 3 |
"""


@pytest.mark.parametrize(
    "text",
    [
        NUMBERED_BY_CLASS, INPUTS_PRINTED, WEIGHTS_SHOWN, KERAS_WITHOUT_CLASSES, SEVERAL_CLASSES, NO_SQUARE,
        LAST_BULLET, WITH_A_FORMULA, RANGES, PADDED_INPUT, SINGLE_UNIT, ROUNDED_UP,
    ],
    ids=lambda text: text.split()[1][:12],
)  # fmt: skip
def test_right_figures_are_not_accused(text: str) -> None:
    found = audit(text)
    assert [(c.quantity, c.stated, c.computed, c.why) for c in found.claims if c.verdict == "wrong"] == []
    assert found.cells == ()


@pytest.mark.parametrize(
    ("text", "right", "wrong", "computed"),
    [
        (KERAS_WITHOUT_CLASSES, "(None, 30, 30, 8) | 32", "(None, 30, 30, 8) | 48", 32),
        (WITH_A_FORMULA, "*j_in=8", "*j_in=10", 8),
        (RANGES, "RF: 3 -> 5", "RF: 3 -> 6", 5),
        (LAST_BULLET, "70x70", "71x71", 70),
        (SINGLE_UNIT, "| 8 | 2 |", "| 8 | 4 |", 2),
    ],
)
def test_slips_beside_them_still_are(text: str, right: str, wrong: str, computed: int) -> None:
    found = audit(text.replace(right, wrong, 1))
    shown = [c.computed for c in found.cells] + [c.computed for c in found.claims if c.verdict == "wrong"]
    assert computed in shown


TWO_LAYERS = "Conv 3x3, stride 1: RF = 3\nConv 3x3, stride 1: RF = 5\nPool 2x2, stride 2: RF = 6\nConv 3x3: RF = 10\n"


@pytest.mark.parametrize(
    "sentence",
    [
        "All layers use `stride = 1`; receptive field grows purely by dilation.",
        "The paper's authors mention on page 6 that the RF is 224x224.",
        "The network is not able to reach a receptive field of 44.",
        "Transition 2: RF = 5",
    ],
)
def test_sentences_that_state_nothing_of_the_network(sentence: str) -> None:
    found = audit(f"{sentence}\n\n{TWO_LAYERS}")
    assert [c for c in found.claims if c.verdict == "wrong"] == []


def test_differences_and_rounded_counts() -> None:
    """16*9*3+16 = 448 and 16*9*16+16 = 2,320, together 2,768."""
    rows = "Conv2d-1 [-1, 16, 32, 32] 448\nConv2d-2 [-1, 16, 32, 32] 2,320\n"
    text = f"```\n{rows}Total params: 2,768\n```\n{{}}\n"

    def verdicts(sentence: str) -> list[str]:
        return [c.verdict for c in audit(text.format(sentence), (3, 32, 32)).claims if str(c.stated) not in ("2768",)]

    assert "wrong" not in verdicts("+463 params vs the first model")
    assert "wrong" not in verdicts("It has about 2.8K parameters")
    assert verdicts("It has about 2,768 parameters")[-1] == "right"
    assert verdicts("It has about 2,871 parameters")[-1] != "right"


def test_figures_between_two_titles_belong_to_the_first() -> None:
    """64*9*3+64 = 1,792; results below the title of one network, its print under a title of its own before the next."""
    text = (
        "## Assignment 7:\n### Model 1\n**Results:**\n* Parameters: {}\n### Analysis\nIt learns.\n"
        "```\nConv2d-1 [-1, 64, 32, 32] 1,792\nReLU-2 [-1, 64, 32, 32] 0\nTotal params: 1,792\n```\n"
        "### Model 2\n**Results:**\n* Parameters: 9,873\n"
    )
    found = audit(text.format("1,972"), (3, 32, 32)).claims
    assert [(c.stated, c.computed, c.verdict) for c in found if c.line in (4, 14)] == [
        ("1,972", 1792, "wrong"), ("9,873", None, "undetermined")
    ]  # fmt: skip
    assert [c.verdict for c in audit(text.format("1,792"), (3, 32, 32)).claims if c.line == 4] == ["right"]


def test_a_comment_that_names_another_layer() -> None:
    text = (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        # r_in:1, n_in:28, r_out:3, n_out:26\n        self.conv1 = nn.Conv2d(1, 8, 3)\n"
        "        # r_in:3, n_in:26, r_out:{}, n_out:24\n        self.conv2 = nn.Conv2d(8, 8, 3)\n"
        "        ## MaxPool2D (r_in:5, n_in:24, j_in:1, r_out:6, n_out:12)\n        self.fc1 = nn.Linear(1152, 10)\n"
    )
    assert audit(text.format(5)).exit_code == 0
    assert [(c.column, c.stated, c.computed) for c in audit(text.format(7)).cells] == [("r_out", 7, 5)]


LEVELS = "1. Conv 3x3 -> 128x128 x 64\n2. Pool -> 64x64 x 128\n3. Pool -> 32x32 x 256\n4. Pool -> 16x16 x 512\n"
BRACKETS = (
    "[1x1,256] -> [3x3,256] -> [1x1,1024]\n[1x1,512] -> [3x3,512] -> [1x1,2048]\nGlobal Average Pool -> 1x1x2048\n"
)
DRAWN_FILTERS = (
    "Conv2 (5x5x256) -> ReLU -> MaxPool -> 13x13x256\nConv3 (3x3x384) -> ReLU -> 13x13x384\n"
    "Conv4 (3x3x384) -> ReLU -> 13x13x384\nConv5 (3x3x256) -> ReLU -> 13x13x256\n"
)
OTHERS = """
**Total for Conv1 block:** 1,792 + 36,928 = 38,720 parameters

All layers together have 38,720 parameters.

## Comparison
| Layer Type | Input | Filters | Kernel | Parameters |
|---|---|---|---|---|
| VGG Conv1_1 | 224x224x3 | 64 | 3x3 | 1,792 |
| AlexNet Conv1 | 224x224x3 | 96 | 11x11 | 34,944 |
| ResNet Conv1 | 224x224x3 | 64 | 7x7 | 9,472 |
"""
CUT_OFF = """
```
│ conv2d (Conv2D)     │ (None, 1, 400,    │        216 │ reshape[0][0]     │
│                     │ 24)               │            │                   │
│ max_pooling2d       │ (None, 1, 200,    │          0 │ conv2d[0][0]      │
 Total params: 57,066 (222.91 KB)
```
"""
FLATTENED = """
model = Sequential([
    Conv2D(24, (5, 5), strides=(2, 2), input_shape=(66, 200, 3)),
    Conv2D(64, (3, 3)),
    # Flatten Layer (output=1152)
    Flatten(),
])
"""
OPENED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.x2 = nn.Sequential( # RF=3
            nn.Conv2d(3, 64, 3, padding=1),
            nn.ReLU(),
        )
        self.x3 = nn.Sequential( # RF={}
            nn.Conv2d(64, 64, 3, padding=1),
        )
        self.x4 = nn.Sequential( # RF=7
            nn.Conv2d(64, 64, 3, padding=1),
        )

    def forward(self, x):
        return self.x4(self.x3(self.x2(x)))
"""
BORROWED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.depthwise = nn.Conv2d(3, 3, 3, padding=2, dilation=2, groups=3)
        self.pointwise = nn.Conv2d(3, 8, 1)
        self.block = nn.Sequential(self.depthwise, nn.ReLU(), self.pointwise)
        self.pool = nn.MaxPool2d(2, 2)  # RF=6

    def forward(self, x):
        return self.pool(self.block(x))
"""
GROUPED = """
self.encoder = nn.Sequential(
    # 3 x 56 x 56 -> 64 x 28 x 28
    nn.Conv2d(3, 64, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(kernel_size=2),
    # 64 x 28 x 28 -> 128 x 14 x 14
    nn.Conv2d(64, 128, kernel_size=3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(kernel_size=2),
)
"""
LEFT_OUT = """
```
        Layer (type)               Output Shape         Param #
================================================================
            Conv2d-1           [-1, 16, 12, 12]             448
            Conv2d-2           [-1, 32, 10, 10]           4,640
              ReLU-3           [-1, 32, 10, 10]               0
       BatchNorm2d-7             [-1, 32, 8, 8]              64
            Conv2d-8             [-1, 32, 6, 6]           9,248
```
"""
STARTS = "We track `RF_out = RF_in + (k-1)*d*jump` (start RF=1, jump=1).\n\n" + TWO_LAYERS
ABOVE = "- 3x3 s1 -> RF=3, jump=1\n- 3x3 s1 -> RF=5, jump=1\n- 3x3 s1 d2 -> RF=9, jump=1 <- (dilated; RF > 7)\n"
SWITCHED_OFF = """
self.block = nn.Sequential(
    nn.Conv2d(3, 8, 3), # Input: 32x32x3 | Output: 30x30x8 | RF: 3x3
    nn.Conv2d(8, 8, 3), # Input: 30x30x8 | Output: 28x28x8 | RF: 5x5
    #nn.Conv2d(8, 8, 3, dilation=2), # Input: 28x28x8 | Output: 24x24x8 | RF: 9x9
)
"""
PARTS = """
```
Linear-1 [-1, 100] 78,500
Linear-2 [-1, 10] 1,010
Total params: 79,510
Trainable params: 1,010
Non-trainable params: 78,500
```
There are now only 1,010 trainable parameters, and 78,500 non-trainable parameters.
"""


@pytest.mark.parametrize(
    "text",
    [
        LEVELS, BRACKETS, DRAWN_FILTERS, OTHERS, CUT_OFF, FLATTENED, OPENED.format(5), BORROWED, GROUPED, LEFT_OUT,
        STARTS, ABOVE, SWITCHED_OFF, PARTS,
    ],
    ids=range(14),
)  # fmt: skip
def test_right_figures_of_other_layouts_are_not_accused(text: str) -> None:
    found = audit(text)
    assert [(c.quantity, c.stated, c.computed, c.why) for c in found.claims if c.verdict == "wrong"] == []
    assert found.cells == ()


def test_a_slip_where_a_container_begins() -> None:
    assert [(c.line, c.stated, c.computed) for c in audit(OPENED.format(6)).cells] == [(9, 6, 5)]


@pytest.mark.parametrize(
    "text",
    [
        "```python\nconv2d = nn.Conv(1, kernel_size=(1, 2), use_bias=False, padding='VALID')\n```\n",
        "class Dice(nn.Module):\n    def __init__(self):\n        self.bn = nn.BatchNorm1d(8)\n"
        "        self.sigmoid = nn.Sigmoid()\n    def forward(self, x):\n        if self.dim == 2:\n"
        "            out = self.alpha * (1 - x_p) * x + x_p * x\n            x_p = self.sigmoid(self.bn(x))\n"
        "            out = self.alpha * (1 - x_p) * x + x_p * x\n        return out\nclass Identity(nn.Module):\n",
        "keras.datasets.cifar10.load_data()\n\nmodel = keras.models.Sequential()\n"
        "model.add(keras.layers.Flatten(input_shape=[32, 32, 3]))\nmodel.add(keras.layers.BatchNormalization())\n"
        "model.add(keras.layers.Dense(10))\n",
        "class Net(nn.Module):\n    def __init__(self):\n        self.a = nn.Conv2d(1, 4, [3, 3], [2, 2])\n"
        "        self.b = nn.ConvTranspose2d(4, 1, [3, 3], [2, 2], [1, 1])\n"
        "    def forward(self, x):\n        return self.b(self.a(x))\n",
    ],
    ids=("flax", "alpha", "units", "lists"),
)
def test_code_that_once_broke_the_reading(text: str) -> None:
    assert audit(text, (1, 28, 28)).exit_code == 0
