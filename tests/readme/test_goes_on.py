"""Networks in several tables or from the middle on, rows drawn with arrows, encoders, docstrings, and arithmetic."""

from __future__ import annotations

import pytest

from rfcalc.readme.audit.audit import audit

from .test_forms import found

BLOCK = """### Block {number}

| Input Size | Kernel/Operation | Output Size | Receptive Field (RF) |
| :---: | :---: | :---: | :---: |
"""
BLOCKS = (
    "| $32 \\times 32 \\times 3$ | **(3x3x3)x32** | $32 \\times 32 \\times 32$ | $3 \\times 3$ |\n"
    "| $32 \\times 32 \\times 32$ | **(3x3x32)x64** | $32 \\times 32 \\times 64$ | $5 \\times 5$ |\n",
    "| $32 \\times 32 \\times 64$ | **(3x3x64)x32** | $32 \\times 32 \\times 32$ | $7 \\times 7$ |\n"
    "| $32 \\times 32 \\times 32$ | **(3x3x32)x32** | $32 \\times 32 \\times 32$ | $9 \\times 9$ |\n",
    "| $16 \\times 16 \\times 32$ | **(3x3x32)x32** | $16 \\times 16 \\times 32$ | $14 \\times 14$ |\n"
    "| $16 \\times 16 \\times 32$ | **(1x1x32)x32** | $16 \\times 16 \\times 32$ | $14 \\times 14$ |\n",
)
TABLES = "\n".join(BLOCK.format(number=number) + rows for number, rows in enumerate(BLOCKS, 1))


def test_a_network_in_a_table_for_each_block() -> None:
    assert found(TABLES) == []
    assert [claim.quantity for claim in audit(TABLES).claims if claim.verdict == "right"] == ["table"]
    assert found(TABLES.replace("$9 \\times 9$", "$10 \\times 10$")) == [("r_out", 10, 9)]


def test_behind_what_is_left_out_a_kernel_of_one_still_leaves_the_field() -> None:
    last = "| $32 \\times 32 \\times 32$ | **(1x1x32)x32**".replace("32 \\times 32 \\times", "16 \\times 16 \\times", 1)
    assert last in TABLES
    at = TABLES.rindex("$14 \\times 14$")
    assert found(TABLES[:at] + "$18 \\times 18$ |\n") == [("r_out", 18, 14)]


def test_the_same_network_again_is_another_table() -> None:
    first = BLOCK.format(number=1) + BLOCKS[0]
    assert found(first + "\n" + first) == []


def test_a_table_from_the_middle_of_a_network() -> None:
    table = """| layer | kernel | stride | rin | rout | jin | jout |
|---|---|---|---|---|---|---|
| pool1 | 2 | 2 | 5 | 6 | 1 | 2 |
| conv4 | 3 | 1 | 6 | 10 | 2 | 2 |
| conv5 | 3 | 1 | 10 | 14 | 2 | 2 |
"""
    assert found(table) == []
    assert found(table.replace("| 14 |", "| 12 |")) == [("r_out", 12, 14)]


def test_numbered_layers_with_their_sums_below() -> None:
    text = """1. convblock1: 3x3 conv, padding=0
   Input: 28x28
   RF_in = 1, j_in = 1
   RF = RF_in + (k-1)*j_in = 1 + (3-1)*1 = 3
   j_out = 1
   Output: 26x26

2. pool1: 2x2 MaxPool, stride=2
   RF_in = 3, j_in = 1
   RF = 3 + (2-1)*1 = 4
   j_out = 2
   Output: 13x13

3. convblock2: 3x3 conv, padding=0
   RF_in = 4, j_in = 2
   RF = 4 + (3-1)*2 = 8
   j_out = 2
   Output: 11x11

4. gap: 6x6 AvgPool
   RF_in = 8, j_in = 2
   RF = 8 + (6-1)*2 = 18
   Output: 1x1
"""
    assert found(text) == []
    assert found(text.replace("Output: 11x11", "Output: 12x12")) == [("n_out", 12, 11)]


def test_a_field_that_the_text_works_out_from_layers_below_the_table() -> None:
    text = """| Layer | Kernel | Stride |
|---|---|---|
| Conv1 | 3x3 | 1 |
| Conv2 | 3x3 | 2 |
| Conv3 | 3x3 | 1 |

- Conv4 (s=2): RF = 9 + (3-1)*2 = 13

Final receptive field: {0}x{0} pixels
"""
    assert [claim.verdict for claim in audit(text.format(13)).claims if claim.stated == "13"] == ["undetermined"]
    assert [claim.verdict for claim in audit(text.format(15)).claims if claim.stated == "15"] == ["wrong"]


def test_rows_of_what_comes_in_the_weights_and_what_comes_out() -> None:
    rows = """28X28X1 | 3X3X1X8 -> 26X26X8       | GRF - 3 </br>
26X26X8 | 3X3X8X16 -> 24X24X16     | GRF - 5 </br>
24X24X16 | 3X3X16X32 -> 22X22X32   | GRF - 7 </br>
22X22X32 ->Max Pooling -> 11X11X32 | GRF - 8 </br>
11X11X32 | 3X3X32X10 -> 9X9X10     | GRF -12 </br>
"""
    assert found(rows) == []
    assert found(rows.replace("GRF - 8", "GRF - 14")) == [("r_out", 14, 8)]


def test_a_chain_that_begins_with_the_image() -> None:
    chain = """```
Input: 28x28 → Conv(3x3) → 28x28 (RF: 3x3)
      → Conv(3x3) → 28x28 (RF: 5x5)
      → MaxPool(2x2) → 14x14 (RF: 6x6)
      → Conv(3x3) → 14x14 (RF: 10x10)
```
"""
    assert found(chain) == []
    assert found(chain.replace("6x6", "10x10", 1)) == [("r_out", 10, 6)]


ENCODER = """class VAE(nn.Module):
    def __init__(self):
        self.conv1 = nn.Conv2d(3, 32, kernel_size=4, stride=2)  # 96x96x3 -> 47x47x32
        self.conv2 = nn.Conv2d(32, 64, kernel_size=4, stride=2)  # 47x47x32 -> 22x22x64
        self.conv3 = nn.Conv2d(64, 128, kernel_size=4, stride=2)  # 22x22x64 -> 10x10x128
        self.fc = nn.Linear(10 * 10 * 128, 20)

    def encode(self, x):
        h = F.relu(self.conv1(x))
        h = F.relu(self.conv2(h))
        h = F.relu(self.conv3(h))
        return self.fc(h.view(h.size(0), -1))

    def forward(self, x):
        return self.decode(self.encode(x))
"""


def test_an_encoder_says_in_which_order_layers_run() -> None:
    assert found(ENCODER) == []
    assert found(ENCODER.replace("22x22", "16x16").replace("10x10x", "8x8x"))[0] == ("n_out", 16, 22)


def test_words_in_a_docstring_are_no_layers() -> None:
    code = """class Block(nn.Module):
    '''
    Add(X, R)
    '''
    def __init__(self, cin, cout):
        self.first = nn.Sequential(nn.Conv2d(cin, cout, 3, 1, padding=1), nn.MaxPool2d(2, 2))
        self.conv = nn.Conv2d(cout, cout, 3, padding=1)

    def forward(self, x):
        x = self.first(x)
        return x + self.conv(x)

class Net(nn.Module):
    def __init__(self):
        self.prep = nn.Conv2d(3, 64, 3, 1, padding=1) # RF = 3
        self.layer1 = Block(64, 128) # RF = 10
        self.layer2 = nn.Conv2d(128, 256, 3, 1, padding=1) # RF = 14

    def forward(self, x):
        return self.layer2(self.layer1(self.prep(x)))
"""
    assert found(code) == []
    assert found(code.replace("RF = 10", "RF = 7")) == [("r_out", 7, 10)]


def test_padding_by_its_word_valid_is_none() -> None:
    code = """m = models.Sequential([
  layers.Conv2D(32, (3, 3), padding='valid'), # 15x15x3 -> 13x13x32
  layers.Conv2D(64, (3, 3), padding='valid'), # 13x13x32 -> {0}x{0}x64
])
"""
    assert found(code.format(11)) == []
    assert found(code.format(9)) == [("n_out", 9, 11)]


def test_padding_is_no_part_of_sizes_that_pass_from_layer_to_layer() -> None:
    code = """self.conv1 = nn.Sequential(
    nn.Conv2d(3, 32, 3, padding=1),  # 28x28 output 26x26 RF : 3x3
    nn.ReLU(),
    nn.Conv2d(32, 32, 3, padding=1), # 26x26 output 24x24 RF : 5x5
    nn.ReLU(),
)
"""
    assert ("n_out", 26, 28) in found(code)


def test_a_comment_above_a_dense_layer_may_be_of_a_pool_that_is_only_called() -> None:
    code = """class Net(nn.Module):
    def __init__(self):
        # r_in:1, n_in:28, j_in:1, s:1, r_out:3, n_out:26, j_out:1
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3)
        # r_in:3, n_in:26, j_in:1, s:1, r_out:5, n_out:24, j_out:1
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3)
        # r_in:5, n_in:24, j_in:1, s:2, r_out:6, n_out:12, j_out:2
        # n_in: 64*12*12, n_out: 50
        self.fc1 = nn.Linear(64*12*12, 50)
        # n_in: 50, n_out: 10
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x):
        x = F.max_pool2d(self.conv2(self.conv1(x)), 2)
        return self.fc2(self.fc1(x.view(-1, 64*12*12)))
"""
    assert found(code) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Output width = 7 − 3 + 1 = 5", []),
        ("Output width = 7 − 3 + 1 = 6", [(6, 5)]),
        ("linear1: 4^2*16=256 units", []),
        ("linear1: 4^2*16=64 units", [(64, 256)]),
        ("8×8×3×3×64×128 = 4,718,592 MACs", []),
        ("8×8×3×3×64×128 = 37,748,736 MACs", [(37748736, 4718592)]),
        ("2352 × 784 = 1 843 968 paramètres", []),
        ("2352 × 784 = 1 842 048 paramètres", [(1842048, 1843968)]),
        ("3*3*64 = 112x112 of them", []),
        ("200 × 150 × 100 × 32 = 96 triệu bit", []),
    ],
)
def test_arithmetic_in_sentences(text: str, wrong: list[tuple[int, int]]) -> None:
    found = [claim for claim in audit(text).claims if claim.quantity == "arithmetic" and claim.verdict == "wrong"]
    assert [(claim.stated, claim.computed) for claim in found] == wrong


BLOCKS_OF_LAYERS = """| Layer | Output | Receptive Field | jumpIn |
| --- | --- | --- | --- |
| Conv(7*7,stride=2) | 112 | 7 | 1 |
| Maxpooling(3*3,Stride=2) | 56 | 11 | 2 |
| Inception3A | 56 | 11 | 4 |
| Inception3B | 56 | 11 | 4 |
| Inception3C | 56 | 11 | 4 |
"""
SUMMED = """| Layer | Kernel | Stride | Cumulative RF |
|---|---|---|---|
| Conv1 | 3x3 | 1 | 1+2=3 |
| Conv2 | 3x3 | 2 | 3+2=5 |
| Conv3 | 3x3 | 1 | 5+4=9 |
| Conv4 | 3x3 | 1 | 9+4=13 |
"""
NAMELESS = """| Input | Kernel | Output | RF |
|---|---|---|---|
| 28x28x1 | 3x3x1x8 | 26x26x8 | 3 |
| 26x26x8 | 3x3x8x16 | 24x24x16 | 5 |
| 24x24x16 | Max Pooling | 12x12x16 | 6 |
| 12x12x16 | 3x3x16x10 | 10x10x10 | 10 |
"""


@pytest.mark.parametrize(
    ("table", "right", "wrong", "slip"),
    [
        (BLOCKS_OF_LAYERS, "| 7 |", "| 8 |", ("r_out", 8, 7)),
        (SUMMED, "3+2=5", "3+4=7", ("r_out", 7, 5)),
        (NAMELESS, "| 6 |", "| 10 |", ("r_out", 10, 6)),
    ],
)
def test_tables_with_named_blocks_sums_or_no_names(
    table: str, right: str, wrong: str, slip: tuple[object, ...]
) -> None:
    assert found(table) == []
    assert found(table.replace(right, wrong))[0] == slip


BATCHED = """self.conv2 = nn.Conv2d(in_channels=32, out_channels=64, kernel_size=3, padding=1)
# 출력크기 [batch_size, 64, 16, 16]
self.pool2 = nn.MaxPool2d(kernel_size=2, stride=2)
# 출력크기 [batch_size, 64, 8, 8]
self.conv3 = nn.Conv2d(in_channels=64, out_channels=128,
                       kernel_size=3, stride=1, padding=1)
# 출력크기 [batch_size, 128, 8, 8]
self.pool3 = nn.MaxPool2d(kernel_size=2, stride=2)
# 출력크기 [batch_size, 128, 4, 4]
"""
DENSE = """self.conv1 = nn.Conv2d(1, 16, 3) # input: 12x12x1, output: 10x10x16, RF = 3
self.conv2 = nn.Conv2d(16, 8, 3) # input: 10x10x16, output: 8x8x8, RF = 5
self.fc = nn.Linear(8*8*8, 10) # 512 -> 10
"""
ON_THE_WAY = """m = models.Sequential([
  layers.Conv2D(32, (3, 3), strides=2), # 1024x1024 -> (1024-3)/2 + 1 => 511x511x32
  layers.Conv2D(64, (3, 3), strides=2), # 511x511x32 -> (511-3)/2 + 1 => 255x255x64
])
"""
SAID = """self.conv1 = nn.Conv2d(1, 12, 3, padding=1) # Input Channels - 1, Output Channels - 12
self.conv2 = nn.Conv2d(12, 32, 3, padding=1) # Input Channels - 12, Output Channels - 32
self.conv3 = nn.Conv2d(32, 12, 1) # Input Channels - 32, Output Channels - 12
"""
MAPS = """self.conv1 = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1),    # In - 28x28x1, Out - 28x28x8, RF - 3x3
    nn.Conv2d(8, 16, 3, padding=1),   # In - 28x28x8, Out - 28x28x16, RF - 5x5
    nn.MaxPool2d(2, 2),               # In - 28x28x16, Out - 14x14x16, RF - 6x6
    nn.Conv2d(16, 32, 3, padding=1),  # In - 14x14x16, Out - 14x14x32, RF - 10x10
)
"""


@pytest.mark.parametrize(
    ("code", "right", "wrong", "slip"),
    [
        (BATCHED, "128, 8, 8", "64, 8, 8", ("ch_out", 64, 128)),
        (DENSE, "512 ->", "400 ->", ("ch_in", 400, 512)),
        (ON_THE_WAY, "511", "512", ("n_out", 512, 511)),
        (SAID, "Channels - 32", "Channels - 24", ("ch_out", 24, 32)),
        (MAPS, "x16", "x12", ("ch_out", 12, 16)),
    ],
)
def test_comments_beside_the_calls_that_they_contradict(
    code: str, right: str, wrong: str, slip: tuple[str, int]
) -> None:
    assert found(code) == []
    assert found(code.replace(right, wrong))[0] == slip


def test_channels_that_are_wrong_in_most_comments_are_still_wrong() -> None:
    stale = MAPS.replace("x8", "x6").replace("x16", "x12").replace("x32", "x24").replace("28x28x", "28x28x", 1)
    assert [cell[0] for cell in found(stale)] == ["ch_out", "ch_in", "ch_out", "ch_in", "ch_out", "ch_in", "ch_out"]


def test_a_count_of_parts_that_see_different_channels_is_no_plain_one() -> None:
    text = '''"""
Layer C1 (Convolutional):
    Input size: 32x32
    Output size: 28x28
    Input channels: 1
    Output channels: 6
    Kernel size: 5x5
    Stride: 1
    Trainable parameters: (5*5*1 + 1)*6 = 156
Layer C3 (Convolutional):
    Input size: 28x28
    Output size: 24x24
    Input channels: 6
    Output channels: 16
    Kernel size: 5x5
    Stride: 1
    Trainable parameters (Original): (5*5)*(3*6 + 4*9 + 6*1) + 16 = 1516
"""'''
    assert found(text) == []


def test_a_comment_behind_a_pool_may_speak_of_its_block() -> None:
    code = """self.conv1 = nn.Conv2d(3, 32, kernel_size=3, padding=1)
self.bn1 = nn.BatchNorm2d(32)
self.pool1 = nn.MaxPool2d(kernel_size=2, stride=2)
# 64x64x3 -> 32x32x32

self.conv2 = nn.Conv2d(32, 64, kernel_size=3, padding=1)
self.bn2 = nn.BatchNorm2d(64)
self.pool2 = nn.MaxPool2d(kernel_size=2, stride=2)
# 32x32x32 -> 16x16x64

self.conv3 = nn.Conv2d(64, 128, kernel_size=3, padding=1)
self.pool3 = nn.MaxPool2d(kernel_size=2, stride=2)
# 16x16x64 -> 8x8x128
"""
    assert found(code) == []


def test_a_list_in_a_docstring_takes_its_kernels_from_the_code_below() -> None:
    code = '''class Net(nn.Module):
    def __init__(self):
        """It has the following layers:
        1. Convolution layer 1: Input: 28x28x1, Output: 26x26x16, RF: 3x3
        2. Convolution layer 2: Input: 26x26x16, Output: 24x24x32, RF: 5x5
        3. MaxPooling layer 1: Input: 24x24x32, Output: 12x12x32, RF: 6x6
        4. Convolution layer 3: Input: 12x12x32, Output: 10x10x16, RF: 10x10"""
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3)
        self.pool1 = nn.MaxPool2d(2, 2)
        self.conv3 = nn.Conv2d(32, 16, kernel_size=3)

    def forward(self, x):
        return self.conv3(self.pool1(self.conv2(self.conv1(x))))
'''
    assert found(code) == []
    assert found(code.replace("RF: 6x6", "RF: 10x10")) == [("r_out", 10, 6)]


def test_fields_that_no_stride_makes_so_small() -> None:
    first, *others = (f"- Layer {n}: kernel=3, dilation={2 ** (n - 1)}, RF=" for n in (1, 2, 3))
    text = f"{first}3\n" + "".join(f"{other}{{}}\n" for other in others)
    assert found(text.format(7, 15)) == []
    assert found(text.format(5, 7)) == [("r_out", 5, 7), ("r_out", 7, 15)]


PARTS = """Conv1: 3×3×1×32 + 32 = 320
Conv2: 3×3×32×64 + 64 = 18,496
FC1: 12800×256 + 256 = 3,277,056
FC2: 256×8 + 8 = 2,056

Total: ~{} parameters
"""


@pytest.mark.parametrize(
    ("total", "wrong"),
    [
        ("3,297,928", []),
        ("3,295,928", [("3,295,928", 3297928)]),
        ("3,300,000", []),  # layers may be left out
    ],
)
def test_a_total_is_no_less_than_its_parts(total: str, wrong: list[tuple[str, int]]) -> None:
    found = [claim for claim in audit(PARTS.format(total)).claims if claim.verdict == "wrong"]
    assert [(claim.stated, claim.computed) for claim in found] == wrong


@pytest.mark.parametrize(
    "text",
    [
        "conv1 MACs: 26*26*9*32 = 194,688\nconv2 MACs: 24*24*9*32 = 165,888\nfc MACs: 9*100 = 900\nTotal params: 5,000",
        "RF = 5 + (3-1)*4 = 13\nRF = 13 + (3-1)*4 = 21\nRF = 21 + (3-1)*4 = 29\nTotal RF: 29",
        "Conv1: 3*3*1*32 = 288\nConv2: 3*3*32*32 = 9216\nFC: 32*10 = 320\nTotal images: 5000",
    ],
)
def test_a_total_of_something_else(text: str) -> None:
    assert found(text) == []


def test_a_sum_of_parts_among_them_says_nothing() -> None:
    text = PARTS.format("3,297,928").replace("FC1", "Convs: 320 + 18496 = 18,816\nFC1")
    assert found(text) == []


UNITS = """#layer 1
#input shape = 28x28x1
#output shape = 26x26x32
model.add(Conv2D(32, kernel_size=(3, 3), input_shape=in_shape))

#pooling layer 1
#input shape = 26x26x32
#output shape = 13x13x32
model.add(MaxPooling2D(pool_size=(2, 2)))

#flatten layer
#input shape = 13x13x32
#output shape = 5408
model.add(Flatten())

#Dense layer 1
#input shape = 5408
#output shape = 128
model.add(Dense(128, activation='relu'))
"""
ABOVE = """class Encoder(nn.Module):
    def __init__(self, input_channels):
        # 64x64xinput_channels -> 31x31x32
        self.conv1 = nn.Conv2d(input_channels, 32, kernel_size=4, stride=2, padding=0)
        # 31x31x32 -> 14x14x64
        self.conv2 = nn.Conv2d(32, 64, kernel_size=4, stride=2, padding=0)
        # 14x14x64 -> 6x6x128
        self.conv3 = nn.Conv2d(64, 128, kernel_size=4, stride=2, padding=0)
        # 6x6x128 -> 2x2x256
        self.conv4 = nn.Conv2d(128, 256, kernel_size=4, stride=2, padding=0)
"""
BELOW = """self.conv = torch.nn.Sequential(
    torch.nn.Conv2d(in_channels=channels, kernel_size=3, out_channels=32), #26x26
    # conv out: [26 x 26 x 32]
    torch.nn.ReLU(),
    torch.nn.Conv2d(in_channels=32, kernel_size=3, out_channels=64),
    # conv out: [24 x 24 x 64]
    torch.nn.ReLU(),
    torch.nn.MaxPool2d(kernel_size=3)
    # max pool out: [8 x 8 x 64]
)
"""
FLATTENED = """# in: 16x16x128
layers["c3"] = nn.Conv2d(128, 256, kernel_size=3, stride=2, padding=1)
# in: 8x8x256
layers["p3"] = nn.MaxPool2d(2, stride=2)
# in: 4x4x256
layers["c4"] = nn.Conv2d(256, 512, kernel_size=3, stride=2, padding=1)
# in: 2x2x512
layers["f"] = nn.Flatten()
# in: 1x2048
layers["l"] = nn.Linear(2048, latent_size)
"""
OBLONG = """self.conv = nn.Sequential(
  nn.Conv2d(128, 64, 5),
  # output: 64x102x106
  nn.MaxPool2d(2),
  # output: 64x51x53
)
"""
OLD_KERAS = """model1 = Sequential()
#output shape: 32x32 , receptive field: 3
model1.add(SeparableConv2D(48, 3,3,border_mode='same',input_shape=(32, 32, 3)))
#output shape: 30x30 , receptive field: 5
model1.add(SeparableConv2D(96, 3,3))
#output shape: 15x15 , receptive field: 6
model1.add(MaxPooling2D(pool_size=(2, 2)))
"""
SWITCHED_OFF = """self.convblock1 = nn.Sequential(
    nn.Conv2d(in_channels=3, out_channels=32, kernel_size=(3, 3), padding=1, stride=1),
    #depthwise_separable_conv(nin=3, nout=32, kernel_size = 3, padding = "same", stride=1),
    nn.ReLU(),
) # output_size = 32 , RF =  3, J_out=1
self.convblock2 = nn.Sequential(
    nn.Conv2d(in_channels=32, out_channels=64, kernel_size=(3, 3), padding=1, stride=2),
    nn.ReLU(),
) # output_size = 16 , RF = 5 , j_out= 2
self.gap = nn.Sequential(
    nn.AvgPool2d(kernel_size=16)
) # output_size = 1
self.convblock10 = nn.Sequential(
    nn.Conv2d(64, 10, 1),
)# output_size = 1 , RF = 5 , j_out= 2
"""
CLASSES = """model = Sequential()
model.add(Conv2D(96, 3, input_shape=(32, 32, 3)))  # output: 30x30x96, RF: 3x3
model.add(MaxPooling2D(pool_size=(2, 2)))          # output: 15x15x96, RF: 4x4
model.add(Conv2D(10, 3))                           # output: 13x13x10, RF: 8x8
model.add(GlobalAveragePooling2D())                # output: 10, RF: 32x32
model.add(Activation('softmax'))                   # output: 10, RF: 32x32
"""
POOL_BETWEEN = """convolution block1
28x28x1 | (3x3x1)x16 | 26x26x16
batch normalization
convolution block2
26x26x16 | (3x3x16)x32 | 24x24x32
Maxpooling(2x2)
convolution block4
12x12x32 | (3x3x32)x16 | 10x10x16
batch normalization
convolution block5
10x10xx16 | (3x3x16)x16 | 8x8x16
convolution block6
8x8x16 | (3x3x16)x10 | 6x6x10
"""
COLOURS_LAST = """|Layer|Name|Kernel|Stride|Padding|Output|
|---|---|---|---|---|---|
|1|Input|-|-|-|(32,32,3)|
|2|Convolution/Relu|5x5|1|2|(32,32,32)|
|3|Max Pool|2x2|2|0|(32,16,16)|
|4|Convolution/Relu|5x5|1|2|(64,16,16)|
"""
POOLED = """class Net(nn.Module):
    def __init__(self):
        # First block
        # RF: 3x3
        # Input: [batch, 1, 28, 28] -> Output: [batch, 4, 28, 28]
        self.conv1 = nn.Conv2d(1, 4, kernel_size=3, padding=1)
        # Second block
        # RF: 6x6 after pooling
        # Input: [batch, 4, 28, 28] -> Output: [batch, 16, 14, 14]
        self.conv4 = nn.Conv2d(4, 16, kernel_size=3, padding=1)
        self.bn4 = nn.BatchNorm2d(16)
        self.pool4 = nn.MaxPool2d(kernel_size=2, stride=2)

    def forward(self, x):
        return self.pool4(self.bn4(self.conv4(self.conv1(x))))
"""
PART = """- GAP creates only 128 parameters

| Layer Type | Output Shape | Parameters |
|------------|--------------|------------|
| Input | (28, 28, 1) | 0 |
| Conv2D | (28, 28, 32) | 320 |
| MaxPool | (14, 14, 32) | 0 |
| Dense | (128,) | 802,944 |
| **Total** | - | **803,264** |
"""
RIGHT = {
    "units": UNITS, "above": ABOVE, "below": BELOW, "flattened": FLATTENED, "oblong": OBLONG, "old keras": OLD_KERAS,
    "switched off": SWITCHED_OFF, "classes": CLASSES, "pool between": POOL_BETWEEN, "colours last": COLOURS_LAST,
    "pooled": POOLED, "part": PART,
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_documents_that_were_accused(name: str) -> None:
    assert found(RIGHT[name]) == []


@pytest.mark.parametrize(
    ("name", "right", "wrong", "slip"),
    [
        ("units", "26x26x32\nmodel", "25x25x32\nmodel", ("n_out", 25, 26)),
        ("old keras", "15x15 ", "14x14 ", ("n_out", 14, 15)),
        ("switched off", "RF = 5 , j_out= 2\nself.gap", "RF = 7 , j_out= 2\nself.gap", ("r_out", 7, 5)),
        ("classes", "13x13x10", "12x12x10", ("n_out", 12, 13)),
        ("pool between", "x16 | 10x10", "x16 | 11x11", ("n_out", 11, 10)),
        ("colours last", "(64,16,16)", "(64,14,14)", ("n_out", 14, 16)),
    ],
)
def test_their_slips_are_named(name: str, right: str, wrong: str, slip: tuple[object, ...]) -> None:
    assert right in RIGHT[name]
    assert found(RIGHT[name].replace(right, wrong))[0] == slip


def test_a_class_that_a_function_makes() -> None:
    code = """def network():
  class Net(nn.Module):
      def __init__(self):
          self.conv = nn.Sequential(
              nn.Conv2d(3, 32, 3, padding=1),  #32x32x3 > 32x32x32 : RF: 3x3
              nn.MaxPool2d(2,2),              #32x32x32 > 16x16x32 : RF: 4x4
              nn.AvgPool2d(3, 2),       #16x16x32> 7x7x32 : RF: {}
          )

      def forward(self, x):
          return self.conv(x)

  return Net
"""
    assert found(code.format("8x8")) == []
    assert found(code.format("6x6")) == [("r_out", 6, 8)]
