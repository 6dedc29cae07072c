"""Tables of shapes, sizes and counts as courses write them, and comments that stand between two calls."""

from __future__ import annotations

import pytest

from .test_forms import found

COUNTS = {2: 608, 4: 3216, 6: 48120, 7: 10164, 8: 850}
LENET = (
    ("Input", "32, 32, 3", 3072),
    ("CONV1{}", "28, 28, 8", 6272),
    ("POOL1", "14, 14, 8", 1568),
    ("CONV2{}", "10, 10, 16", 1600),
    ("POOL2", "5, 5, 16", 400),
    ("FC3", "120, 1", 120),
    ("FC4", "84, 1", 84),
    ("Softmax", "10, 1", 10),
)


def lenet(
    counts: dict[int, int], first: str = "", setting: str = " (f=5, s=1)", volumes: dict[int, int] | None = None
) -> str:
    rows = [f"| {first} | Activation Shape | Activation Size | # parameters |", "|---|---|---|---|"]
    for number, (name, shape, volume) in enumerate(LENET, 1):
        size = (volumes or {}).get(number, volume)
        rows.append(f"| {name.format(setting)} | $({shape})$ | {size:,} | ${counts.get(number, 0):,}$ |")
    return "\n".join(rows)


@pytest.mark.parametrize("first", ["", "--", "Layer", "nn"])
def test_counts_that_leave_out_channels_or_biases_are_named(first: str) -> None:
    """Although none of the table is right; the published mistake of a course, which its readers copy."""
    copied = {2: 208, 4: 416, 6: 48001, 7: 10081, 8: 841}
    assert found(lenet(COUNTS, first)) == []
    assert found(lenet(copied, first)) == [("params", copied[row], COUNTS[row]) for row in COUNTS]


@pytest.mark.parametrize("name", ["Conv2", "DSConv"])
def test_a_depthwise_convolution_leaves_channels_out_by_right(name: str) -> None:
    table = f"""| Layer | Kernel | Output | Params |
|---|---|---|---|
| Input | | 32x32x3 | 0 |
| {name} | 3x3 | 32x32x3 | 27 |
| {name} | 3x3 | 32x32x3 | 30 |
"""
    assert found(table) == []


def test_one_count_among_right_ones_is_named() -> None:
    assert found(lenet({**COUNTS, 2: 606})) == [("params", 606, 608)]


def test_the_size_of_a_map_is_the_product_of_its_shape() -> None:
    assert found(lenet(COUNTS, volumes={2: 3272})) == [("volume", 3272, 6272)]


def test_settings_that_lead_to_the_next_row() -> None:
    table = """| | Activation shape | Activation Size | # parameters |
|---|---|---|---|
| Input (f=5, s=1, p=0) | (32 x 32 x 3) | 3072 | 0 |
| CONV1 (f=2, s=2, p=0) | (28 x 28 x 8) | 6272 | (5x5x3+1)x8 = 608 |
| POOL1 (f=5, s=1, p=0) | (14 x 14 x 8) | 1568 | 0 |
| CONV2 (f=2, s=2, p=0) | ({0} x {0} x 16) | 1600 | 3216 |
| POOL2 | (5 x 5 x 16) | 400 | 0 |
"""
    assert found(table.format(10)) == []
    assert found(table.format(12)) == [("n_out", 12, 10)]


def test_activation_sizes_beside_what_comes_out() -> None:
    table = """| Operation | nin | kernel | stride | padding | nout | Activation\\_Size |
|---|---|---|---|---|---|---|
| Convolution | 28 | 3 | 1 | 0 | 26 | 784 |
| Convolution | 26 | 3 | 1 | 0 | {} | 5408 |
| Max-Pooling | 24 | 2 | 2 | 0 | 12 | 9216 |
"""
    assert found(table.format(24)) == []
    assert found(table.format(22)) == [("n_out", 22, 24)]


def test_a_column_of_numbers_that_the_headings_leave_out() -> None:
    table = """| Layer | Feature map | size | kernel size | stride |
|---|---|---|---|---|
| input | 1 | 32 x 32 | - | - |
| 1 | convolution | 6 | 28 x 28 | 5 x 5 | 1 |
| 2 | average pooling | 6 | {0} x {0} | 2 x 2 | 2 |
| 3 | convolution | 16 | 10 x 10 | 5 x 5 | 1 |
"""
    assert found(table.format(14)) == []
    assert ("n_out", 13, 14) in [("n_out", *cell[1:]) for cell in found(table.format(13))]


def test_a_total_of_rows_that_hold_blocks_too() -> None:
    table = """Total parameters: {}

| Block | Operation | Parameters |
|---|---|---|
| **C1** | | 1,046 |
| | Conv2d (3→8) | 216 |
| | BatchNorm2d (8) | 16 |
| | Conv2d (8→11) | 792 |
| | BatchNorm2d (11) | 22 |
| **C2** | | 1,016 |
| | Conv2d (11→8) | 792 |
| | BatchNorm2d (8) | 16 |
| | Conv2d 1x1 (8→26) | 208 |
"""
    assert found(table.format("2,062")) == []
    assert found(table.format("2,162")) == [("params", "2,162", 4124)]


def test_a_pool_that_divides_the_map_has_no_stride_of_one() -> None:
    table = """| Layer | channels | size | kernel size | stride |
|---|---|---|---|---|
| input | 1 | 32x32 | | |
| convolution | 6 | 28x28 | 5x5 | 1 |
| average pooling | 6 | 14x14 | 2x2 | {} |
| convolution | 16 | 10x10 | 5x5 | 1 |
"""
    assert found(table.format(2)) == []
    assert found(table.format(1)) == [("stride", 1, 2)]


@pytest.mark.parametrize("word", ["Total", "합계", "合計", "总计", "Итого"])
def test_totals_in_other_languages(word: str) -> None:
    table = """| Layer | Input | Output | Params |
|---|---|---|---|
| Conv1 | 28×28×1 | 28×28×4 | 40 |
| Pool1 | 28×28×4 | 14×14×4 | 0 |
| Conv2 | 14×14×4 | 14×14×6 | 222 |
| Conv3 | 14×14×6 | 14×14×8 | 440 |
| **{}** | | | **{}** |
"""
    assert found(table.format(word, 702)) == []
    assert found(table.format(word, 708)) == [("params", 708, 702)]


BEHIND = """model.add(Conv2D(32, (3, 3), input_shape=(32, 32, 3)))#30
#RF=3
model.add(BatchNormalization())
model.add(Conv2D(32, 3))#28
#RF={}
model.add(BatchNormalization())
model.add(Conv2D(32, 3))#26
#RF=7
model.add(BatchNormalization())
"""
DASHED = """class Net(nn.Module):
    def __init__(self):
        self.a = nn.Conv2d(1, 16, 3, padding=1)  # input -28*28*1 Output - 28*28*16 RF - 3x3
        self.b = nn.Conv2d(16, 16, 3, padding=1)  # input -28*28*16 Output - 28*28*16 RF - {0}*{0}
        self.c = nn.MaxPool2d(2, 2)  # input -28*28*16 output - 14*14*16 RF - 6*6

    def forward(self, x):
        return self.c(self.b(self.a(x)))
"""
MINUS = """class Net(nn.Module):
    def __init__(self):
        self.a = nn.Sequential(
            nn.Conv2d(1, 8, 3),
        ) # output_size = 26
        #RF=1+(3−1)×1=3
        self.b = nn.Sequential(
            nn.Conv2d(8, 8, 3),
        ) # output_size = 24
        #RF=3+(3−1)×1={}

    def forward(self, x):
        return self.b(self.a(x))
"""


@pytest.mark.parametrize("text", [BEHIND, DASHED, MINUS], ids=["behind a remark", "behind a dash", "typographic minus"])
def test_fields_in_comments(text: str) -> None:
    assert found(text.format(5)) == []
    assert ("r_out", 6, 5) in found(text.format(6))


def test_sizes_behind_a_field() -> None:
    """A slip is named where it stands: what follows from the right size is right."""
    code = """class Net(nn.Module):
    def __init__(self):
        self.a = nn.Conv2d(1, 16, 3)  # RF - 3x3 # 26x26
        self.b = nn.Conv2d(16, 16, 3, padding=1)  # RF - 5x5 # {0}x{0}
        self.c = nn.Conv2d(16, 16, 3)  # RF - 7x7 # 24x24
        self.d = nn.Conv2d(16, 16, 3)  # RF - 9x9 # 22x22

    def forward(self, x):
        return self.d(self.c(self.b(self.a(x))))
"""
    assert found(code.format(26)) == []
    assert found(code.format(24)) == [("n_out", 24, 26)]


def test_keras_short_names_of_pools() -> None:
    code = """model = Sequential([
    # Block 1: 128x128 -> 64x64
    Conv2D(32, (3, 3), padding='same'),
    MaxPool2D((2, 2)),
    # Block 2: 64x64 -> {0}x{0}
    Conv2D(64, (3, 3), padding='same'),
    MaxPool2D((2, 2)),
])
"""
    assert found(code.format(32)) == []
    assert found(code.format(31)) == [("n_out", 31, 32)]


def test_a_keras_print_without_its_counts_states_none() -> None:
    rows = ("conv2d (Conv2D)               (None, 26, 26, 28)", "max_pooling2d (MaxPooling2D)  (None, 13, 13, 28)",
            "flatten (Flatten)             (None, 4732)", "dense (Dense)                 (None, 128)")  # fmt: skip
    assert found("\n".join(("```", *rows, "```"))) == []


def test_a_heading_of_three_maps_is_no_layers() -> None:
    code = """# Encoder: 28x28 -> 14x14 -> 7x7
self.encoder = nn.Sequential(
    nn.Conv2d(1, 32, kernel_size=4, stride=2, padding=1),
    nn.Conv2d(32, 64, kernel_size=4, stride=2, padding=1),
    nn.Conv2d(64, 32, kernel_size=3, padding=1),
)
"""
    assert found(code) == []
