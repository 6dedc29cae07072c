"""The way of code through its layers, and what comments say along it: right as it stands, wrong with one slip."""

from __future__ import annotations

from rfcalc.readme.audit.audit import audit


def cells_of(text: str) -> list[tuple[object, ...]]:
    return [(cell.column, cell.stated, cell.computed) for cell in audit(text).cells]


CHOSEN_NORMS = """class Net(nn.Module):
    def __init__(self, mode):
        super().__init__()
        if mode == "BN":
            norm1 = nn.BatchNorm2d(8)
        elif mode == "LN":
            norm1 = nn.LayerNorm([8, 32, 32])
        self.block1 = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),  # Input: 32x32x3 | Output: 32x32x8 | RF: 3x3
            norm1,
            nn.Conv2d(8, 8, 3, stride=2),  # Input: 32x32x8 | Output: {size}x{size}x8 | RF: 5x5
        )
        self.block2 = nn.Sequential(
            nn.Conv2d(8, 16, 3, padding=1),  # Input: 15x15x8 | Output: 15x15x16 | RF: {field}x{field}
        )

    def forward(self, x):
        return self.block2(self.block1(x))
"""  # (32 - 3) // 2 + 1 = 15; 1 + 2 + 2 + 2*2 = 9


def test_norms_that_a_condition_chooses_stand_in_no_order() -> None:
    assert cells_of(CHOSEN_NORMS.format(size=15, field=9)) == []
    assert cells_of(CHOSEN_NORMS.format(size=15, field=11)) == [("r_out", 11, 9)]


def test_convolutions_of_code_never_round_up() -> None:
    assert ("n_out", 16, 15) in cells_of(CHOSEN_NORMS.format(size=16, field=9))


DENSE = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)  # Input: 32x32x3, Output: 32x32x32, RF: 3
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)  # Input: 32x32x32, Output: 32x32x64, RF: 5
        self.conv3 = nn.Conv2d(96, 32, 1)  # Input: 32x32x96, Output: 32x32x32, RF: {squeezed}
        self.pool = nn.MaxPool2d(2)  # Input: 32x32x128, Output: 16x16x128, RF: 6
        self.conv4 = nn.Conv2d(128, 64, 3, padding=1)  # Input: 16x16x128, Output: 16x16x64, RF: {field}

    def forward(self, x):
        x1 = self.conv1(x)
        x2 = self.conv2(x1)
        x3 = self.conv3(torch.cat([x1, x2], 1))
        return self.conv4(self.pool(torch.cat([x1, x2, x3], 1)))
"""  # the longest way: 1 + 2 + 2, then 1x1, + 1, + 2*2


def test_concatenated_maps_have_the_field_of_the_longest_way() -> None:
    assert cells_of(DENSE.format(squeezed=5, field=10)) == []
    assert cells_of(DENSE.format(squeezed=5, field=12)) == [("r_out", 12, 10)]
    assert cells_of(DENSE.format(squeezed=7, field=10)) == [("r_out", 7, 5)]


SQUEEZED = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1 = nn.Sequential(
            # Convolution 1   28x28x1 -> 28x28x8 -> RF 3
            nn.Conv2d(1, 8, 3, padding=1, bias=False),
            nn.ReLU(),
            # Convolution 2   28x28x8 -> 26x26x16 -> RF 5
            nn.Conv2d(8, 16, 3, bias=False),
            nn.ReLU(),
        )
        self.transition1 = nn.Sequential(
            # Transition 1    26x26x16 -> 13x13x8 -> RF {field}
            nn.MaxPool2d(2, 2),
            nn.Conv2d(16, 8, 1, bias=False),
            nn.ReLU(),
        )
        self.block2 = nn.Sequential(
            # Convolution 3   13x13x8 -> 13x13x16 -> RF 10
            nn.Conv2d(8, 16, 3, padding=1, bias=False),
        )

    def forward(self, x):
        return self.block2(self.transition1(self.block1(x)))
"""  # 1 + 2 + 2 = 5, + 1 = 6 behind the pool and the 1x1, + 2*2 = 10


def test_a_comment_in_front_of_a_pool_and_a_1x1() -> None:
    assert cells_of(SQUEEZED.format(field=6)) == []
    assert cells_of(SQUEEZED.format(field=7)) == [("r_out", 7, 6)]


BARE = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=2, dilation=2)
        self.pool = nn.MaxPool2d(2)
        self.conv3 = nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        x = self.conv1(x)  # {}
        x = F.relu(self.conv2(x))  # {}
        x = self.pool(x)  # {}
        x = self.conv3(x)  # {}
        return x
"""  # 1 + 2, + 2*2, + 1, + 2*2


def test_bare_fields_behind_the_calls() -> None:
    assert cells_of(BARE.format(3, 7, 8, 12)) == []
    assert cells_of(BARE.format(3, 7, 9, 12)) == [("r_out", 9, 8)]
    assert cells_of(BARE.format(32, 32, 16, 16)) == []  # other figures
    assert cells_of(BARE.format(1, 2, 3, 4)) == []


LISTED = """```
C1:
  Conv2d(3->8, 3x3, p=1): RF = 3
  Conv2d(8->16, 3x3, p=1): RF = 5
C2:
  Conv2d(16->32, 3x3, p=0, d=1): RF = 7
  Conv2d(32->32, 3x3, p=2, d=2): RF = 11
  Conv2d(32->32, 3x3, p=0, d=1): RF = {}
```
"""


def test_layers_a_line_each_are_no_table_divided_by_commas() -> None:
    assert cells_of(LISTED.format(13)) == []
    assert cells_of(LISTED.format(21)) == [("r_out", 21, 13)]
