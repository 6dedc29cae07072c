"""Comments beside, above and below layers, as public code has them: right as it stands, wrong with one slip."""

from __future__ import annotations

import pytest

from rfcalc.readme.audit.audit import audit
from rfcalc.readme.read.read import read_document

from .test_forms import found, network

GAN = network(
    "self.main = nn.Sequential(",
    "    # input is Z, going into a convolution",
    "    nn.ConvTranspose2d(nz, ngf * 4, 4, 1, 0, bias=False),",
    "    nn.BatchNorm2d(ngf * 4),",
    "    nn.ReLU(True),",
    "    # state size. (ngf*4) x {0} x {0}",
    "    nn.ConvTranspose2d(ngf * 4, ngf * 2, 4, 2, 1, bias=False),",
    "    nn.ReLU(True),",
    "    # state size. (ngf*2) x 8 x 8",
    "    nn.ConvTranspose2d(ngf * 2, nc, 4, 2, 1, bias=False),",
    "    nn.Tanh()",
    "    # state size. (nc) x 16 x 16",
    ")",
    forward="return self.main(x)",
)
CRITIC = network(
    "self.main = nn.Sequential(",
    "    # input is (nc) x 64 x 64",
    "    nn.Conv2d(nc, ndf, 4, 2, 1, bias=False),",
    "    nn.LeakyReLU(0.2),",
    "    # state size. (ndf) x 32 x 32",
    "    nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),",
    "    # state size. (ndf*2) x {0} x {0}",
    "    nn.Conv2d(ndf * 2, ndf * 4, 4, 2, 1, bias=False),",
    "    # state size. (ndf*4) x 8 x 8",
    "    nn.Conv2d(ndf * 4, 1, 4, 1, 1, bias=False),",
    "    # state size. 1 x 7 x 7",
    ")",
    forward="return self.main(x)",
)
SUMS = network(
    "self.a = nn.Sequential(",
    "    nn.Conv2d(3, 96, 11, stride=4, padding=2),  # (h,w): (w-k+2*padding)/stride+1=(224-11+2*2)/4+1=55",
    "    nn.MaxPool2d(3, 2),  # (w-k)/stride+1=(55-3)/2+1={0}",
    "    nn.Conv2d(96, 256, 5, padding=2),  # (w-k+2*padding)/stride+1=(27-5+2*2)/1+1=27",
    "    nn.MaxPool2d(3, 2),  # (w-k)/stride+1=(27-3)/2+1 = 13",
    ")",
    forward="return self.a(x)",
)
OP = network(
    "self.a = nn.Sequential(",
    "    nn.Conv2d(3, 32, 3, padding=1),  # RF: 3, OP: 32",
    "    nn.Conv2d(32, 32, 3, padding=1),  # RF: 5, OP: 32",
    "    nn.Conv2d(32, 32, 3, stride=2, padding=1),  # RF: 7, OP: {}",
    "    nn.Conv2d(32, 32, 3, padding=1),  # RF: 11, OP: 16",
    "    nn.Conv2d(32, 32, 3),  # RF: 15, OP: 14",
    ")",
    forward="return self.a(x)",
)
BESIDE_BARS = network(
    "self.a = nn.Conv2d(1, 8, 3)  # 28x28x1 > 26x26x8 | 3",
    "self.b = nn.Conv2d(8, 16, 3)  # 26x26x8 > 24x24x16 | 5",
    "self.p = nn.MaxPool2d(2)  # 24x24x16 > 12x12x16 | {}",
    "self.c = nn.Conv2d(16, 16, 3)  # 12x12x16 > 10x10x16 | 10",
    forward="return self.c(self.p(self.b(self.a(x))))",
)
FROM_AND_TO = network(
    "self.a = nn.Conv2d(1, 8, 3)  # 1x28x28 > 8x26x26 | RF 1 > 3 | J 1",
    "self.b = nn.Conv2d(8, 16, 3)  # 8x26x26 > 16x24x24 | RF 3 > {} | J 1",
    "self.c = nn.Conv2d(16, 16, 3)  # 16x24x24 > 16x22x22 | RF 5 > 7 | J 1",
    forward="return self.c(self.b(self.a(x)))",
)
MAP_BESIDE = network(
    "self.a = nn.Conv2d(3, 16, 3, padding=1)  # Receptive Field = 3 ; 16*32*32",
    "self.b = nn.Conv2d(16, 16, 3, stride=2, padding=1)  # Receptive Field = 5 ; 16*{0}*{0}",
    "self.c = nn.Conv2d(16, 32, 3, padding=1)  # Receptive Field = 9 ; 32*16*16",
    "self.d = nn.Conv2d(32, 32, 3, padding=1)  # Receptive Field = 13 ; 32*16*16",
    forward="return self.d(self.c(self.b(self.a(x))))",
)
SQUARES_WITHOUT_A_COLON = network(
    "self.a = nn.Conv2d(3, 16, 3, stride=2, padding=1)  # Output 16*16, RF:3",
    "self.b = nn.Conv2d(16, 24, 3, padding=1)  # Output 16*16, RF:7",
    "self.c = nn.Conv2d(24, 32, 3, stride=2, padding=1)  # Output {0}*{0}, RF:11",
    "self.d = nn.Conv2d(32, 48, 3, padding=1)  # Output 8*8, RF:19",
    forward="return self.d(self.c(self.b(self.a(x))))",
)
TUPLED = """class Net(nn.Module):
    def __init__(self):
        self.a = self.block(3, 8)  # output: 30x30, RF: 3
        self.b = self.block(8, 16)  # output: 28x28, RF: {}
        self.c = self.block(16, 16, padding=1)  # output: 28x28, RF: 7

    def block(self, i, o, k=3, padding=0):
        made = nn.Sequential(
            nn.Conv2d(in_channels=i, out_channels=o, kernel_size=(k, k), padding=padding),
            nn.ReLU(),
        )
        return made

    def forward(self, x):
        return self.c(self.b(self.a(x)))
"""
OUTPUT_OF_A_POOL = network(
    "self.a = nn.Conv2d(1, 16, 3, padding=1)  # input =(14*14*1)          output = 14*14*16",
    "self.p = nn.MaxPool2d(2)  # input =(14*14*16)          output = {0}*{0}*16",
    "self.b = nn.Conv2d(16, 16, 3, padding=1)  # input =(7*7*16)          output = 7*7*16",
    forward="return self.b(self.p(self.a(x)))",
)
TWICE = """class Net(nn.Module):
    def __init__(self):
        self.a = nn.Conv2d(1, 8, 3)  # output_size = 26
        self.b = nn.Conv2d(8, 8, 3)  # output_size = 24
        self.p = nn.MaxPool2d(2)  # output_size = 12
        self.c = nn.Conv2d(8, 16, 3)  # output_size = 10

    def forward(self, x):
        x = self.a(x)  # 28 -> 26 | 1>3 |
        x = self.b(x)  # 26 -> 24 | 3>5 |
        x = self.p(x)  # 24 -> 12 | 5>6 |
        x = self.c(x)  # 12 -> 10 | 6>{} |
        return x
"""
OTHERWISE = TWICE.replace("12 -> 10 | 6>{}", "12 -> {} | 6>10")
STARS = network(
    "self.model = nn.Sequential(",
    "    # 32*32*3->28*28*16  (32-5)/1+1=28",
    "    nn.Conv2d(3, 16, 5),",
    "    # 28*28*16-》14*14*16 (28-2)/2+1=14",
    "    nn.MaxPool2d(2, 2),",
    "    # 14 * 14 * 16->{0}*{0}*32 (14-3)/1+1=12",
    "    nn.Conv2d(16, 32, 3),",
    ")",
    forward="return self.model(x)",
)
BETWEEN = """class Net(nn.Module):
    def __init__(self):
        self.a = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.p = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.b = nn.Conv2d(64, 192, 3, padding=1)

    def forward(self, x):
        # N x 3 x 224 x 224
        x = self.a(x)
        # N x 64 x 112 x 112
        x = self.p(x)
        # N x 64 x {0} x {0}
        x = self.b(x)
        # N x 192 x 56 x 56
        return x
"""
SIGNAL = network(
    "self.encoder = nn.Sequential(",
    "    # (batch, 1, 720) -> (batch, 32, 360)",
    "    nn.Conv1d(1, 32, kernel_size=7, stride=2, padding=3),",
    "    # (batch, 32, 360) -> (batch, 64, {})",
    "    nn.Conv1d(32, 64, kernel_size=5, stride=2, padding=2),",
    "    # (batch, 64, 180) -> (batch, wide, 90)",
    "    nn.Conv1d(64, wide, kernel_size=3, stride=2, padding=1),",
    ")",
    forward="return self.encoder(x)",
)
SUMMARIZED = SQUARES_WITHOUT_A_COLON + "\nprint(summary(Net(), input_size=(3, 32, 32)))\n"
OUTLINE = """### Layer 1
The first part is a convolution of the input data.

    Input channel: 1
    Output channel: 32
    Kernel size: 3
    RF: 3

The second part is batch normalisation

    param: 64

### Layer 2
The first part is a convolution again

    Input channel: 32
    Output channel: 32
    Kernel size: 3
    RF: {}

The third part is maxpool.

    RF: 6

### Layer 3
A convolution

    Input channel: 32
    Output channel: 16
    Kernel size: 3
    RF: 10
"""


@pytest.mark.parametrize(
    ("text", "right", "slip", "column"),
    [
        (TWICE, 10, 8, "r_out"),
        (OTHERWISE, 10, 9, "n_out"),
        (STARS, 12, 13, "n_out"),
        (BETWEEN, 56, 58, "n_out"),
        (SIGNAL, 180, 181, "n_out"),
        (SUMMARIZED, 8, 16, "n_out"),
        (OUTLINE, 5, 4, "r_out"),
        (GAN, 4, 2, "n_out"),
        (CRITIC, 16, 18, "n_out"),
        (SUMS, 27, 26, "n_out"),
        (OP, 16, 17, "n_out"),
        (BESIDE_BARS, 6, 10, "r_out"),
        (FROM_AND_TO, 5, 6, "r_out"),
        (MAP_BESIDE, 16, 17, "n_out"),
        (SQUARES_WITHOUT_A_COLON, 8, 16, "n_out"),
        (TUPLED, 5, 6, "r_out"),
        (OUTPUT_OF_A_POOL, 7, 8, "n_out"),
    ],
    ids=[
        "twice",
        "otherwise",
        "stars",
        "between",
        "signal",
        "summarized",
        "outline",
        "gan",
        "critic",
        "sums",
        "op",
        "bars",
        "from and to",
        "beside",
        "squares",
        "tupled",
        "pool",
    ],
)
def test_remarks(text: str, right: int, slip: int, column: str) -> None:
    assert found(text.format(right)) == []
    assert (column, slip, right) in found(text.format(slip))


CHANNELS = network(
    "self.a = nn.Conv2d(1, 8, 3)  # Input Channels - 1, Output Channels - {}",
    "self.b = nn.Conv2d(8, 16, 3)  # Input Channels - 8, Output Channels - 16",
    "self.c = nn.Conv2d(16, 16, 3)  # Input Channels - 16, Output Channels - 16",
    forward="return self.c(self.b(self.a(x)))",
)
BEHIND_A_SUM = network(
    "self.a = nn.Conv2d(1, 32, 5)",
    "# O/P = (224-5)/1 + 1 = 220, (32,220,220)",
    "",
    "self.p = nn.MaxPool2d(2, 2)",
    "# O/P = (W - F)/S + 1 = (220 - 2)/2 + 1 = (32,110,110)",
    "",
    "self.b = nn.Conv2d(32, 64, 3)",
    "# O/P = (110-3)/1 + 1 = 108, ({},108,108)",
    "",
    "self.q = nn.MaxPool2d(2, 2)",
    "# O/P = (W - F)/S + 1 = (108 - 2)/2 + 1 = (64,54,54)",
    forward="return self.q(self.b(self.p(self.a(x))))",
)
OF_THE_NEXT = network(
    "self.a = nn.Sequential(",
    "    nn.Conv2d(3, 64, 1),",
    "    nn.ReLU()",
    ")  # output channels: 64",
    "# input channels: 64",
    "self.b = nn.Sequential(",
    "    nn.Conv2d(64, 10, 1)",
    ")  # output channels: {}",
    forward="return self.b(self.a(x))",
)
RESHAPED = """
dense = tf.keras.layers.Dense(7*7*512)
# Output: 7x7x{}
deconv1 = tf.keras.layers.Conv2DTranspose(256, kernel_size=3, strides=2, padding='same')
# Output: 14x14x256
deconv2 = tf.keras.layers.Conv2DTranspose(128, kernel_size=3, strides=2, padding='same')
# Output: 28x28x128
"""


@pytest.mark.parametrize(
    ("text", "right", "slip"), [(RESHAPED, 512, 256), (CHANNELS, 8, 12), (BEHIND_A_SUM, 64, 32), (OF_THE_NEXT, 10, 16)]
)
def test_channels_that_remarks_state(text: str, right: int, slip: int) -> None:
    assert found(text.format(right)) == []
    assert found(text.format(slip)) == [("ch_out", slip, right)]


VOLUMES = """
inputs = Input(shape=(11, 18, 50, 1))
x = conv_block(inputs, filters=32, kernel_size=(3,3,3), padding="same") #11x18x50
x = AveragePooling3D((1, 1, 2), padding='valid')(x) #11x18x25
x = ZeroPadding3D(((0,1),(0,0),(0,1)))(x) #12,18,26
x = conv_block(x, filters=32, kernel_size=(3,3,3), padding="valid") #10x16x24
x = AveragePooling3D((2, 2, 2), padding='valid')(x) #5x8x12
x = conv_block(x, filters=64, kernel_size=(3,3,3), padding="same") #5x8x12
"""
CALLED_VOLUMES = network(
    "self.a = nn.Conv3d(1, 8, 3, padding=1)  # 16x32x32",
    "self.p = nn.MaxPool3d(2)  # 8x16x16",
    "self.b = nn.Conv3d(8, 16, 3, padding=1)  # 8x16x16",
    "self.q = nn.MaxPool3d(2)  # 4x8x8",
    forward="return self.q(self.b(self.p(self.a(x))))",
)
EXAMPLES = """
```
Input=256, kernel=3, padding=1, stride=1 → Output=256
Input=256, kernel=3, padding=1, stride=2 → Output=128
Input=256, kernel=4, padding=1, stride=2 → Output=128
```
"""
TWO_LISTS = """### Encoder

```
Stem -> Conv(1, 64, 7x7, s=1) -> BN -> ReLU
Stage 1: Block(64, 128, s=2) -> Block(128, 16, s=1)
```

### Decoder

```
Stage 1: Upsample(2x) -> Conv1x1(16, 512) -> BN
Stage 2: Upsample(2x) -> Conv1x1(512, 256) -> BN
Stage 3: Upsample(2x) -> Conv1x1(256, 128) -> BN
```
"""
UNPOOLED = network(
    "# 28x28x1 => 14x14x8",
    "self.a = nn.Conv2d(1, 8, 3, stride=2, padding=1)",
    "# 14x14x8 => 7x7x8",
    "self.p = nn.MaxPool2d(2)",
    "# 7x7x8 => 14x14x8",
    "# Unpool",
    "",
    "# 14x14x8 => 14x14x4",
    "self.b = nn.Conv2d(8, 4, 3, padding=1)",
    forward="return self.b(F.interpolate(self.p(self.a(x)), scale_factor=2))",
)


@pytest.mark.parametrize(
    "text",
    [VOLUMES, CALLED_VOLUMES, EXAMPLES, TWO_LISTS, UNPOOLED],
    ids=["volumes", "called", "examples", "lists", "unpooled"],
)
def test_what_is_no_slip(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(("stated", "right"), [("409700", False), ("40970000", False), ("4097000", True)])
def test_a_zero_lost_in_a_product(stated: str, right: bool) -> None:
    seen = audit(f"The last layer has (4096+1)*1000 = {stated} parameters.")
    assert [claim.computed for claim in seen.claims if claim.verdict == "wrong"] == ([] if right else [4_097_000])


def test_a_figure_in_front_of_arithmetic_is_none_of_it() -> None:
    seen = audit("12*12*256 -> 12*12*384 (12-3)/1+1=12")
    assert [(claim.stated, claim.computed) for claim in seen.claims if claim.verdict == "wrong"] == [(12, 10)]


FIELDS_ALONE = """
| Layer | Receptive field |
|---|---|
| Conv1 | 3 x 3 |
| Conv2 | 5 x 5 |
| Pool1 | 6 x 6 |
| Conv3 | {} x {} |

```python
class Net(nn.Module):
    def __init__(self):
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.pool1 = nn.MaxPool2d(2)
        self.conv3 = nn.Conv2d(8, 16, 3, padding=1)

    def forward(self, x):
        return self.conv3(self.pool1(self.conv2(self.conv1(x))))

summary(Net(), (3, 32, 32))
```
"""


def test_a_table_of_fields_takes_its_kernels_from_the_code() -> None:
    assert found(FIELDS_ALONE.format(10, 10)) == []
    assert found(FIELDS_ALONE.format(8, 8)) == [("r_out", 8, 10)]


HIDDEN_POOL = """
        Layer (type)               Output Shape         Param #
================================================================
            Conv2d-1           [-1, 16, 26, 26]             160
       BatchNorm2d-2           [-1, 16, 26, 26]              32
            Conv2d-3           [-1, 32, 24, 24]           4,640
       BatchNorm2d-4           [-1, 32, 12, 12]              64
            Conv2d-5           [-1, 32, 10, 10]           9,248
       BatchNorm2d-6             [-1, 32, 5, 5]              64
           Conv2d-7              [-1, 16, 5, 5]             528
           Linear-8                    [-1, 10]           4,010
================================================================
Total params: 18,746
Trainable params: 18,746
Non-trainable params: 0
----------------------------------------------------------------
Input size (MB): 0.00
Forward/backward pass size (MB): {:.2f}
Params size (MB): 0.07
"""  # of 48,650 values: 2 * (2*10,816 + 18,432 + 4,608 + 3,200 + 800 + 400 + 10) * 4 / 2**20 = 0.374


def test_shapes_that_the_print_itself_has_counted() -> None:
    """Between a convolution and its norm a function may halve the map, and leaves no row."""
    values = 2 * 16 * 26**2 + 32 * (24**2 + 12**2 + 10**2 + 5**2) + 16 * 5**2 + 10
    assert found(HIDDEN_POOL.format(2 * values * 4 / 2**20)) == []
    assert ("n_out", 24, 12) in found(HIDDEN_POOL.format(0.30))


TREE = """
==========================================================================================
Layer (type:depth-idx)                   Output Shape              Param #
==========================================================================================
├─Sequential: 1-1                        [-1, 10, 24, 24]          --
|    └─Conv2d: 2-1                       [-1, 8, 26, 26]           72
|    └─BatchNorm2d: 2-2                  [-1, 8, 26, 26]           16
|    └─Conv2d: 2-3                       [-1, 10, 24, 24]          720
├─AdaptiveAvgPool2d: 1-2                 [-1, 10, 1, 1]            --
==========================================================================================
Total params: 808
Trainable params: 808
Non-trainable params: 0
Total mult-adds (M): {:.4f}
==========================================================================================
"""


def test_the_multiply_adds_of_torch_summary() -> None:
    """Each weight of a container counts once more there; a norm's shifts count nowhere (its version 1.4.5)."""
    convs, scales, held = 72 * 26**2 + 720 * 24**2, 8, 72 + 8 + 720
    assert found(TREE.format((convs + scales + held) / 10**6)) == []
    assert found(TREE.format((convs + scales + 3 * held) / 10**6)) != []


GROWING = network(
    "# C1: Initial features (3→16)",
    "self.c1 = nn.Sequential(",
    "    nn.Conv2d(3, 16, 3, padding=1),  # RF: 3",
    ")",
    "# C2: Depthwise Separable (16→32)",
    "self.c2 = nn.Sequential(",
    "    nn.Conv2d(16, 16, 3, padding=1, groups=16),  # RF: {}",
    "    nn.Conv2d(16, 32, 1),  # RF: 5",
    ")",
    "# C3: Dilated (32→48)",
    "self.c3 = nn.Sequential(",
    "    nn.Conv2d(32, 48, 3, padding=2, dilation=2),  # RF: 9",
    ")",
    forward="return self.c3(self.c2(self.c1(x)))",
)
TIMES_A_KERNEL = network(
    "self.a = nn.Conv2d(3, 32, 3, padding=1)  # in = 32x32x3 * 3x3x3 , out = 32x32x32, RF = {}",
    "self.b = nn.Conv2d(32, 32, 3, padding=1)  # in = 32x32x32 * 3x3x32 , out = 32x32x32, RF = 5",
    "self.c = nn.Conv2d(32, 64, 3, padding=1)  # in = 32x32x32 * 3x3x32 , out = 32x32x64, RF = 7",
    forward="return self.c(self.b(self.a(x)))",
)


@pytest.mark.parametrize(("text", "right", "slip"), [(GROWING, 5, 7), (TIMES_A_KERNEL, 3, 5)])
def test_arrows_of_channels_and_maps_beside_kernels(text: str, right: int, slip: int) -> None:
    assert found(text.format(right)) == []
    assert ("r_out", slip, right) in found(text.format(slip))


SILENT = """
The network has {} parameters.

```python
class Net(nn.Module):
    def __init__(self):
        self.a = nn.Conv2d(1, 8, 3)
        self.b = nn.Conv2d(8, 16, 3)
        self.c = nn.Conv2d(16, 10, 1)

    def forward(self, x):
        x = self.b(self.a(x))
        {}x = self.c(x)
        return x
```
"""  # 80 + 1,168 + 170


def test_a_call_that_is_commented_out_leaves_the_count_open() -> None:
    assert [model.params for model in read_document(SILENT.format("1,418", "")).models] == [1_418]
    assert [model.params for model in read_document(SILENT.format("1,248", "# ")).models] == [None]
    assert found(SILENT.format("1,248", "# ")) == []


def test_what_a_design_should_be_is_no_result() -> None:
    text = network("self.a = nn.Conv2d(3, 8, 3)", "self.b = nn.Conv2d(8, 8, 3)", forward="return self.b(self.a(x))")
    claim = "Design the network such that the final receptive field is around 64x64.\n\n```python\n{}```\n"
    assert found(claim.format(text)) == []
