"""Figures in comments of code, in the ways of public code: right as they stand, wrong with one slip."""

from __future__ import annotations

import pytest

from rfcalc.readme.audit.audit import audit


def cells_of(text: str) -> list[tuple[object, ...]]:
    return [(cell.line, cell.column, cell.stated, cell.computed) for cell in audit(text).cells]


BELOW = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        # Input Dimension : 32 * 32 * 3 (32 * 32 color images)
        # Initial Receptive Field: 1
        self.conv1 = nn.Sequential(

            nn.Conv2d(3, 8, 3, padding=1),

            # Input Dimension : 32 * 32 * 3
            # Output Dimension: (32 + (2 * 1) - 3)/1 + 1 -> 32 * 32 * 8
            # RF Calculation: 1 + (3 - 1) * 1 -> 3 * 3
            # JOut: 1 * 1 = 1

            nn.Conv2d(8, 16, 3, padding=1, stride=2),
            nn.ReLU(),
            nn.BatchNorm2d(16),
            nn.Dropout(0.1),

            # Input Dimension : 32 * 32 * {given}
            # Output Dimension: (32 + (2 * 1) - 3)/2 + 1 -> 16 * 16 * 16
            # RF Calculation: 3 + (3 - 1) * 1 -> 5 * 5
            # JOut: 1 * 2 = {jump}

            nn.Conv2d(16, 16, 3, padding=1),

            # Input Dimension : 16 * 16 * 16
            # Output Dimension: (16 + (2 * 1) - 3)/1 + 1 -> 16 * 16 * 16
            # RF Calculation: 5 + (3 - 1) * 2 -> {field} * {field}
            # JOut: 2 * 1 = 2
        )

    def forward(self, x):
        return self.conv1(x)
"""  # 1 + 2, 3 + 2, 5 + 2*2; jumps 1, 2, 2


@pytest.mark.parametrize(
    ("given", "jump", "field", "amiss"),
    [
        (8, 2, 9, []),
        (8, 2, 7, [(29, "r_out", 7, 9)]),
        (8, 4, 9, [(23, "j_out", 4, 2)]),
        (16, 2, 9, [(20, "ch_in", 16, 8)]),
    ],
)
def test_comments_of_several_lines_below_their_layers(given: int, jump: int, field: int, amiss: list[object]) -> None:
    assert cells_of(BELOW.format(given=given, jump=jump, field=field)) == amiss


FUSED = """def fused(conv, kind):
    made = nn.Conv2d(conv.in_channels, conv.out_channels, kernel_size=conv.kernel_size, stride=conv.stride,
                     padding=conv.padding, bias=conv.bias)
    return nn.Sequential(made, nn.BatchNorm2d(conv.out_channels))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Sequential(fused(nn.Conv2d(1, 8, 3, padding=1), "batch"), nn.ReLU())
        # output_size = 28x28x8
        # RF = 3

        self.pool1 = nn.MaxPool2d(2, 2)
        # output_size = 14x14x8
        # RF = {}

        self.conv2 = nn.Sequential(fused(nn.Conv2d(8, 8, 3), "batch"), nn.ReLU())
        # output_size = 12x12x8
        # RF = 8

    def forward(self, x):
        return self.conv2(self.pool1(self.conv1(x)))
"""  # 3 + 1, 4 + 2*2


def test_a_function_that_is_given_a_layer() -> None:
    assert cells_of(FUSED.format(4)) == []
    assert cells_of(FUSED.format(6)) == [(16, "r_out", 6, 4)]


USED_TWICE = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)  # input=30x30x1 OUtput=28x28x8  RF=3
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)  # input=30x30x8 OUtput=28x28x16  RF=5
        self.pool1 = nn.MaxPool2d(2, 2)  # input=28x28x16 OUtput=14x14x16  RF=6
        self.conv3 = nn.Conv2d(16, 16, 3)  # input=14x14x16 OUtput=12x12x16  RF={}

    def forward(self, x):
        return self.conv3(self.pool1(self.conv2(self.conv1(x))))

model = Net().to(device)
summary(model, input_size=(1, 28, 28))
model = Net().to(device)
optimizer = optim.SGD(model.parameters(), lr=0.01)
"""  # 6 + 2*2; 30 is 28 with its padding


def test_a_network_that_is_made_twice_and_sizes_with_their_padding() -> None:
    found = audit(USED_TWICE.format(10))
    assert not found.cells
    assert [c.why for c in found.claims if c.verdict == "convention"] == [
        "sizes that come in are stated with their padding"
    ]
    assert cells_of(USED_TWICE.format(8)) == [(7, "r_out", 8, 10)]


def comments(*lines: str) -> str:
    return "import torch.nn as nn\nclass Net(nn.Module):\n    def __init__(self):\n" + "\n".join(lines)


@pytest.mark.parametrize(
    ("style", "sized"),
    [
        ("# {n}x{n}x8 | {r}", True),
        ("# input Image Size - {given}; Output size- {n}, Receptive field (for Output) - {r}, Kernels", True),
        ("# output: {n}, RF: [{before}+({k}-1)*{j}] = {r}x{r}", True),
        ("# RF = {before} + ({k}-1)*{j} -> {r}", False),
    ],
)
def test_ways_of_stating_a_field(style: str, sized: bool) -> None:
    def text(pool: int) -> str:
        first = style.format(given=28, n=28, before=1, k=3, j=1, r=3)
        second = style.format(given=28, n=14, before=3, k=2, j=1, r=pool)
        third = style.format(given=14, n=14, before=4, k=3, j=2, r=8)
        return comments(
            f"        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)  {first}",
            f"        self.pool1 = nn.MaxPool2d(2, 2)  {second}",
            f"        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)  {third}",
            "    def forward(self, x):\n        return self.conv2(self.pool1(self.conv1(x)))",
        )

    assert cells_of(text(4)) == []
    assert cells_of(text(6)) == [(5, "r_out", 6, 4)]


CONTAINER = comments(
    "        self.conv1 = nn.Sequential(",
    "            nn.Conv2d(1, 8, 3),  # 26x26x8, RF: 3",
    "            nn.ReLU(),",
    "        )",
    "        self.trans1 = nn.Sequential(",
    "            nn.MaxPool2d(2, 2),  # output_size = 13, RF: 4",
    "            nn.Conv2d(8, 8, 1)  # input 13x13 output 13x13 RF: 4",
    "        )  # output_size = {}",
    "    def forward(self, x):\n        return self.trans1(self.conv1(x))",
)


def test_a_comment_behind_a_container_beside_its_last_layer_s_own() -> None:
    assert cells_of(CONTAINER.format(13)) == []
    assert cells_of(CONTAINER.format(24)) == [(11, "n_out", 24, 13)]


RIGHT = {
    "a jump that lags": comments(
        "        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)  # Output= 32, RF=3, Jump =1",
        "        self.pool1 = nn.MaxPool2d(2, 2)  # Output= 16, RF=4, Jump =1",
        "        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)  # Output= 16, RF={}, Jump =2",
        "    def forward(self, x):\n        return self.conv2(self.pool1(self.conv1(x)))",
    ),
    "1x32 channels": comments(
        "        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)  # in = 32x32x3, out = 32x32x1x32, RF = 3",
        "        self.pool1 = nn.MaxPool2d(2, 2)  # in = 32x32x1X32, out = 16x16x1x32, RF = 4",
        "        self.conv2 = nn.Conv2d(32, 32, 3, padding=1)  # in = 16x16x1x32, out = 16x16x1x32, RF = {}",
        "    def forward(self, x):\n        return self.conv2(self.pool1(self.conv1(x)))",
    ),
    "from one size to the other": comments(
        "        self.conv1 = nn.Conv2d(1, 32, 3, padding=1)  # k:3, RF: 3 | Output: 28 -> 28 | Channels: (1 -> 32)",
        "        self.pool1 = nn.MaxPool2d(2, 2)  # k:2, RF: 4 | Output: 28 -> 14 | Channels: (32 -> 32)",
        "        self.conv2 = nn.Conv2d(32, 32, 3)  # k:3, RF: {} | Output: 14 -> 12 | Channels: (32 -> 32)",
        "    def forward(self, x):\n        return self.conv2(self.pool1(self.conv1(x)))",
    ),
    "a layer that is switched off": comments(
        "        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)  # output_size = 32x32x16, RF = 3",
        "        self.pool1 = nn.MaxPool2d(2, 2)  # output_size = 16x16x16, RF = 4",
        "        # self.extra = nn.Sequential(",
        "        #     nn.Conv2d(16, 16, 1),",
        "        # ) # input_size = 1x1x16, output_size = 1x1x16, RF = 38x38",
        "        self.conv2 = nn.Sequential(",
        "            nn.Conv2d(16, 8, 3, padding=1),",
        "        )  # output_size = 16x16x8, RF = {}",
        "    def forward(self, x):\n        return self.conv2(self.pool1(self.conv1(x)))",
    ),
}


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT.keys())
def test_figures_in_other_notations(text: str) -> None:
    assert cells_of(text.format(8)) == []
    assert [cell[1:] for cell in cells_of(text.format(10))] == [("r_out", 10, 8)]


KERAS_1 = """from keras.models import Sequential
model = Sequential()
model.add(Convolution2D(64, 3, 3, border_mode='same', input_shape=(32, 32, 3)))
model.add(MaxPooling2D(pool_size=(2, 2)))  # 16x16x64
model.add(Convolution2D(32, 3, 3, border_mode='same'))  # {0}x{0}x32
"""


def test_the_first_keras_s_padding() -> None:
    assert cells_of(KERAS_1.format(16)) == []
    assert [cell[1:] for cell in cells_of(KERAS_1.format(14))] == [("n_out", 14, 16)]


STALE = comments(
    "        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)  #input -28x28 Output-26x26 RF-3x3",
    "        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)  #input -26x26 Output-24x24 RF-5x5",
    "        self.pool1 = nn.MaxPool2d(2, 2)  #input -24x24 Output-14x14 RF-6x6",
    "        self.conv3 = nn.Conv2d(8, 8, 3, padding=1)  #input -14x14 Output-14x14 RF-10x10",
    "    def forward(self, x):\n        return self.conv3(self.pool1(self.conv2(self.conv1(x))))",
)


def test_sizes_without_the_padding_of_the_code_are_no_way_of_stating_it() -> None:
    local = [cell[1:] for cell in cells_of(STALE)]
    assert ("n_out", 26, 28) in local
    assert not any(stated == 14 for _, stated, _ in local)


METHODS = comments(
    "        # 28x28x1 => 28x28x4",
    "        self.conv_1 = nn.Conv2d(1, 4, 3, padding=1)",
    "        # 28x28x4 => 14x14x4",
    "        self.pool_1 = nn.MaxPool2d(2, 2)",
    "        # 14x14x4 => 14x14x8",
    "        self.conv_2 = nn.Conv2d(4, 8, 3, padding=1)",
    "        # 28x28x8 => 28x28x1",
    "        self.conv_3 = nn.Conv2d(8, 1, 3, padding=1)",
    "    def decoder(self, x):\n        return self.conv_3(F.interpolate(x, scale_factor=2))",
    "    def forward(self, x):\n        return self.decoder(self.encoder(x))",
)


def test_layers_that_other_methods_call() -> None:
    assert cells_of(METHODS) == []


def test_arguments_that_are_lists_of_lists() -> None:
    text = comments(
        "        self.pad = keras.layers.ZeroPadding2D(padding=[[1, 1], [1, 1]])",
        "        self.conv = nn.Conv2d(3, 16, kernel_size=3, padding=[[1, 1], [1, 1]])  # 30x30x16",
    )
    assert audit(text).cells == ()


SQUARES = comments(
    "        self.a = nn.Conv2d(3, 32, 3, padding=1)  # output: 32x32",
    "        self.b = nn.Conv2d(32, 32, 3, padding=1)  # output: {0}x{0}",
    "        self.c = nn.Conv2d(32, 64, 3, stride=2, padding=1)  # output: 16x16",
    "        self.d = nn.Conv2d(64, 64, 3)  # output: 14x14",
    "        self.e = nn.Conv2d(64, 64, 3)  # output: 12x12",
)


def test_a_square_size_is_no_count_of_channels() -> None:
    assert cells_of(SQUARES.format(32)) == []
    assert [cell[1:] for cell in cells_of(SQUARES.format(31))] == [("n_out", 31, 32)]
    assert [cell[1:] for cell in cells_of(SQUARES.format(64))] == [("n_out", 64, 32)]


TWO_IN_ONE = comments(
    "        # input_size: 32 output_size = 32",
    "        # rf_in: 1, k=3, s = 1, p=1, j_in = 1, j_out = 1, rf_out = 3",
    "        self.a = self.conv(3, 16)",
    "        # Max Pool",
    "        # input_size: 32 output_size = 16",
    "        # rf_in: 3, k=2, s = 2, p=0, j_in = 1, j_out = 2, rf_out = 4",
    "        # 1 x 1",
    "        # input_size: 16 output_size = 16",
    "        # rf_in: 4, k=1, s = 1, p=0, j_in = 2, j_out = 2, rf_out = 4",
    "        self.b = self.transition(16, 8)",
    "        # input_size: 16 output_size = 16",
    "        # rf_in: 4, k=3, s = 1, p=1, j_in = 2, j_out = 2, rf_out = {}",
    "        self.c = self.conv(8, 16)",
    "    def forward(self, x):",
    "        return self.c(self.b(self.a(x)))",
    "    def conv(self, i, o):",
    "        return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU())",
    "    def transition(self, i, o):",
    "        return nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(i, o, 1))",
)


def test_lines_above_a_call_that_makes_several_layers() -> None:
    """What comes in comes into the first of them, what goes out leaves the last."""
    assert cells_of(TWO_IN_ONE.format(8)) == []
    assert [cell[1:] for cell in cells_of(TWO_IN_ONE.format(9))] == [("r_out", 9, 8)]


ADDED = comments(
    "        self.a = nn.Conv2d(3, 3, 3, padding=1)",
    "        self.b = nn.Conv2d(3, 3, 3, padding=1)",
    "        self.pool = nn.MaxPool2d(2, 2)",
    "        self.c = nn.Conv2d(3, 8, 3, padding=1)",
    "    def forward(self, x1):",
    "        x2 = self.a(x1)  # input: 32x32x3 output: 32x32x3",
    "        x3 = self.b(torch.sum(torch.stack([x1, x2]), dim=0))  # input: 32x32x3 output: 32x32x3",
    "        x4 = self.pool({})  # input: 32x32x3 output: {}x{}x3",
    "        return self.c(x4)  # input: 16x16x3 output: 16x16x8",
)


@pytest.mark.parametrize(
    "sum_of_maps",
    ["sum([x1, x2, x3])", "torch.stack([x1, x2, x3]).sum(0)", "torch.sum(torch.stack((x1, x2, x3)), axis=0)"],
)
def test_maps_that_are_summed(sum_of_maps: str) -> None:
    assert cells_of(ADDED.format(sum_of_maps, 16, 16)) == []
    assert [cell[1:] for cell in cells_of(ADDED.format(sum_of_maps, 18, 18))] == [("n_out", 18, 16)]
