"""Kinds of tables, lists, comments and sentences that public documents hold, each with figures worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from rfcalc.readme.audit.audit import audit
from rfcalc.readme.audit.verdict import Audit
from rfcalc.readme.read.cells import kind_of_operation
from rfcalc.spec.stated import Stated
from tests import printouts

BLOCKS = """
| Block | Layer | Input Size | Output Size | Receptive Field |
|---|---|---|---|---|
| Input Block | Conv2D(3x3) | 28x28x1 | 26x26x8 | 3x3 |
| Max pool block | Conv2D(1x1) | 26x26x8 | 26x26x4 | 3x3 |
| Convolution Block 1 | Max Pool(2x2) | 26x26x4 | 13x13x4 | 4x4 |
| Convolution Block 1 | Conv2D(3x3) | 13x13x4 | 11x11x8 | {field}x{field} |
| Output Block | GAP | 11x11x8 | 1x1x8 | 28x28 |
"""  # 1+2, 3, 3+1, 4+2*2, 8+10*2

TORN = """
| Input | Kernel | Output | Receptive Field |
|---|---|---|---|
64x64x3 | (3x3x3)x8 | 62x62x8 | RF of 3x3
62x62x8 | (3x3x8)x16 | 60x60x16 | RF of 5x5
Max Pooling
30x30x16 | (3x3x16)x32 | 28x28x32 | RF of {field}x{field}
Max Pooling
14x14x32 | (?x?x32)x16 | ?x? | RF of {open}x{open}
"""  # 5, in front of a pool 2/2; 6+2*2 = 10; 10+2 = 12 comes into the row of which nothing else is known

SECTIONS = """
#### Block 1
- **Conv2d**: 1 → 8 channels, 3x3 kernel, padding=1 (output shape: 8x24x24)
- **ReLU**

#### Block 2
- **Conv2d**: 8 → 16 channels, 3x3 kernel, padding=0 (output shape: 16x22x22)
- **ReLU**

#### Block 3
- **Conv2d**: 16 → 16 channels, 3x3 kernel, padding=0 (output shape: 16x{out}x{out})

#### Pooling
- **AdaptiveAvgPool2d**: reduces each map to 1x1 (output shape: 16x1x1)
"""  # 24 - 2 = 22, 22 - 2

ARROWED = """# A network for MNIST
* block 1: conv2d (1 channel -> 8 channels, kernel=3, padding=0) -> relu -> batchnorm -> dropout(0.1) # size is 26
* block 2: conv2d(8 channels -> 16 channels, kernel=3, padding=0) -> relu -> batchnorm # size is 24
* block 3: conv2d(16 channels -> 8 channels, kernel=1, padding=0) -> maxpool(2,2) # size is 12
* block 4: conv2d(8 channels -> 16 channels, kernel=3, padding=0) -> relu -> batchnorm # size is {size}
  * Avgpool2d(kernel_size=(10,10))
  * conv2d(16 channels -> 10 channels, kernel=1, padding=0)
"""  # 28 - 2, 24, 24/2, 12 - 2

CHANNELS = """
| NAME | channel_in | channel_out | r_in | r_out | P | S | K |
|---|---|---|---|---|---|---|---|
| Conv1 | 28 | 26 | 1 | 3 | 0 | 1 | 3 |
| Conv2 | 26 | 24 | 3 | 5 | 0 | 1 | 3 |
| MaxPool | 24 | 12 | 5 | 6 | 0 | 2 | 2 |
| Conv3 | 12 | 10 | 6 | 10 | 0 | 1 | 3 |
"""  # 6 + 2*2

LIST = """
## Receptive field
```
C1 Block:
  Conv2d(3->8, 3x3, p=1): RF = 3
  Conv2d(8->16, 3x3, s=2, p=1): RF = 5
C2 Block:
  DepthwiseConv(16->16, 3x3, p=1): RF = 9
  PointwiseConv(16->32, 1x1): RF = 9 (unchanged)
  Conv2d(32->32, 3x3, p=2, d=2): RF = {dilated}
  Conv2d(32->64, 3x3, p=1): RF = 21
```
"""  # 3, 3+2, 5+2*2, 9, 9+2*2*2 = 17, 17+4

SHARED_POOL = """
```python
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.unused = nn.Conv2d(1, 8, 7)
        self.conv1 = nn.Conv2d(1, 8, 3)  # RF: 3
        self.conv2 = nn.Conv2d(8, 8, 3)  # RF: {second}
        self.conv3 = nn.Conv2d(8, 8, 3)  # RF: 18

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        return self.conv3(x)
```
"""  # 3; after a pool 4, 4+2*2 = 8; after the next 10, 10+2*4 = 18

USED_TWICE = """
```python
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3)  # output = 26*26*8
        self.pool = nn.MaxPool2d(2, 2)  # output = {pool}*{pool}*8
        self.conv2 = nn.Conv2d(8, 8, 3)  # output = 11*11*8 ==> MP = 5*5*8
        self.conv3 = nn.Conv2d(8, 10, 5)  # output = 1*1*10

    def forward(self, x):
        x = self.pool(self.conv1(x))
        x = self.pool(self.conv2(x))
        return self.conv3(x)
```
"""  # 28 - 2; 26/2 = 13 or, used again, 11/2 = 5; 13 - 2; 5 - 4

LEADING = """
```python
# Input: 28 | Output: 26 | RF: 3
self.conv1 = nn.Conv2d(1, 8, 3)

# Input: 26 | Output: 24 | RF: 5
self.conv2 = nn.Conv2d(8, 8, 3)

# Input: 24 | Output: 12 | RF: {pool}
self.pool1 = nn.MaxPool2d(2, 2)
```
"""  # 5+1

TRAILING = """
```python
self.conv1 = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU())
# output_size = 26, RF=3

self.conv2 = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1),
nn.ReLU(), nn.BatchNorm2d(8))
# output_size = 26, RF={second}

self.gap = nn.AvgPool2d(26)
# output_size = 1, RF=5
```
"""  # 3+2; the last leaves the field as global pooling is often written

ARROWS = """
```python
self.convblock = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=0),  # 28x28 >> 26x26 Rf = 3
    nn.ReLU(),
    nn.Conv2d(8, 8, 3, padding=0),  # 26x26 >> {out}x{out} Rf = 5
    nn.AvgPool2d(24),  # 24x24 >> 1x1 Rf = 5
)
```
"""


def cells(found: Audit) -> list[tuple[Any, ...]]:
    return [(c.row, c.column, c.stated, c.computed) for c in found.cells if c.kind == "local"]


@pytest.mark.parametrize(
    ("text", "right", "wrong", "cell"),
    [
        (BLOCKS,      {"field": 8},    {"field": 9},    (4, "r_out", 9, 8)),
        (TORN,        {"field": 10, "open": 12}, {"field": 12, "open": 12}, (4, "r_out", 12, 10)),
        (TORN,        {"field": 10, "open": 12}, {"field": 10, "open": 11}, (6, "r_out", 11, 12)),
        (LIST,        {"dilated": 17}, {"dilated": 18}, (5, "r_out", 18, 17)),
        (SHARED_POOL, {"second": 8},   {"second": 7},   (3, "r_out", 7, 8)),
        (SECTIONS,    {"out": 20},     {"out": 22},     (3, "n_out", 22, 20)),
        (ARROWED,     {"size": 10},    {"size": 12},    (5, "n_out", 12, 10)),
        (LEADING,     {"pool": 6},     {"pool": 7},     (3, "r_out", 7, 6)),
        (TRAILING,    {"second": 5},   {"second": 6},   (2, "r_out", 6, 5)),
        (ARROWS,      {"out": 24},     {"out": 25},     (2, "n_out", 25, 24)),
        (USED_TWICE,  {"pool": 13},    {"pool": 14},    (2, "n_out", 14, 13)),
    ],
    ids=[
        "blocks", "torn", "unknown kernel", "list", "shared pool", "sections", "arrowed",
        "leading", "trailing", "arrows", "used twice",
    ],
)  # fmt: skip
def test_right_is_right_and_a_slip_is_named(
    text: str, right: dict[str, int], wrong: dict[str, int], cell: tuple[Any, ...]
) -> None:
    found = audit(text.format(**right))
    assert (found.exit_code, cells(found)) == (0, [])
    assert any(c.verdict == "right" for c in found.claims)
    assert cells(audit(text.format(**wrong))) == [cell]


def test_a_kernel_that_is_not_known_may_see_more() -> None:
    assert audit(TORN.format(field=10, open=20)).exit_code == 0


@pytest.mark.parametrize(("stated", "verdict"), [("2,744", "right"), ("2,888", "wrong"), ("2,664", "convention")])
def test_what_a_listing_comes_to(stated: str, verdict: str) -> None:
    """72 + 1152 + 128 + 1152 + 160 = 2,664 weights, and 2 * (8 + 16 + 16) = 80 of norms."""
    found = audit(f"{ARROWED.format(size=10)}\nTotal parameters: {stated}")
    assert [c.verdict for c in found.claims if c.quantity == "params"] == [verdict]


@pytest.mark.parametrize(
    ("title", "sentence", "verdict"),
    [
        ("Assignment 5", "Parameters: 190,298", "wrong"),
        ("Assignment 5", "Parameters: less than 100,000", "undetermined"),  # the limit that was set
        ("The assignment's rules", "Parameters: 190,298", "undetermined"),
        ("Results", "Parameters: 1,80,298", "right"),  # grouped as in India
    ],
)
def test_what_was_handed_in_is_no_demand(title: str, sentence: str, verdict: str) -> None:
    found = audit(f"# {title}\n\n{sentence}\n\n{printouts.summary(printouts.S9, (3, 32, 32))}")
    assert [c.verdict for c in found.claims if c.line == 3] == [verdict]


def test_sizes_under_headings_of_channels_are_a_convention() -> None:
    found = audit(CHANNELS)
    assert (found.exit_code, found.cells) == (0, ())
    assert "the column headed ch_out holds sizes" in {c.why for c in found.claims if c.verdict == "convention"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Input Block Conv2D(3x3)", "conv"), ("Input 28x28", "input"), ("Input Layer", "input"),
        ("Image (32x32)", "input"), ("3x3, 64", "conv"), ("Transition Block Max Pool", "pool"),
    ],
)  # fmt: skip
def test_kinds_of_names(name: str, kind: str) -> None:
    assert kind_of_operation(name) == kind


@pytest.mark.parametrize(
    ("padding", "size", "stride"),
    [
        (0, 3, 1),     # 5 - 2
        (1, 3, 2),     # (5 + 2 - 3) // 2 + 1
        (1, 5, 1),
    ],
)  # fmt: skip
def test_a_stride_follows_from_sizes_and_padding(padding: int, size: int, stride: int) -> None:
    """The second convolution's field follows whatever the stride; the third's shows it."""
    rows = (
        f"| Conv1 (3x3, p=1) | 5 | 3 |\n| Conv2 (3x3, p={padding}) | {size} | 5 |\n| Conv3 (3x3, p=1) | {size} | {{}} |"
    )
    table = "| Layer | Output Size | Receptive Field |\n|---|---|---|\n| Input | 5 | 1 |\n" + rows
    assert audit(table.format(5 + 2 * stride)).exit_code == 0
    assert cells(audit(table.format(5 + 2 * stride + 1))) == [(4, "r_out", 6 + 2 * stride, 5 + 2 * stride)]


def test_dilation_left_out_is_no_convention() -> None:
    """A kernel of 3 with dilation 2 cannot hold its dilation: 3 + 4 = 7, not 5."""
    head = "| layer | kernel | stride | dilation | r_out |\n|---|---|---|---|---|\n"
    rows = "| c1 | 3 | 1 | 1 | 3 |\n| c2 | 3 | 1 | 2 | 5 |\n| c3 | 3 | 1 | 1 | 7 |\n| c4 | 3 | 1 | 1 | 9 |\n"
    assert cells(audit(head + rows)) == [(2, "r_out", 5, 7)]


# --- prints ------------------------------------------------------------------------------------------------------


def summary_without(*dropped: str) -> str:
    lines = printouts.summary(printouts.S9, (3, 32, 32)).split("\n")
    return "\n".join(line for line in lines if not any(f" {name} " in line for name in dropped))


def test_several_rows_left_out_are_no_slip() -> None:
    found = audit(summary_without("ReLU-2", "BatchNorm2d-3", "ReLU-6"))
    assert found.exit_code == 0
    assert ("rows", "undetermined") in {(c.quantity, c.verdict) for c in found.claims}


def test_a_print_cut_short_is_no_slip() -> None:
    """Both totals, of counts and of values, say more than the rows that are left."""
    lines = printouts.summary(printouts.S9, (3, 32, 32)).split("\n")
    at = next(i for i, line in enumerate(lines) if " ReLU-20 " in line)
    end = max(i for i, line in enumerate(lines) if line.startswith("===="))
    assert audit("\n".join(lines[:at] + lines[end:])).exit_code == 0


def test_a_tree_with_a_row_lost_is_not_complete() -> None:
    tree = (
        "Layer (type:depth-idx)  Output Shape  Param #\n"
        "├─Sequential: 1-1  [-1, 8, 26, 26]  --\n"
        "|    └─Conv2d: 2-1  [-1, 8, 26, 26]  72\n"
        "{lost}"
        "|    └─Conv2d: 2-3  [-1, 8, 24, 24]  576\n"
        "Total params: 664\nTrainable params: 664\nNon-trainable params: 0\n"
    )
    assert audit(tree.format(lost="")).exit_code == 0
    assert audit(tree.format(lost="|    └─BatchNorm2d: 2-2  [-1, 8, 26, 26]  16\n")).exit_code == 0
    assert audit(tree.format(lost="|    └─ReLU: 2-2  [-1, 8, 26, 26]  --\n")).exit_code == 1  # 648


def test_shapes_without_the_axes_of_their_class_tell_no_channels() -> None:
    rows = "Conv2d-1  [-1, 128, 8, 8]  6,272\nDropout-2  [-1, 65, 128]  0\nConv2d-3  [-1, 65, 2]  33,024\n"
    assert audit(rows).cells == ()


# --- sentences ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("There are 180,000 total parameters.",                                   "right"),  # rounded to thousands
        ("There are 181,000 total parameters.",                                   "wrong"),
        ("It has nearly 180,000 parameters, so 20000 more parameters can be used.", "undetermined right"),
        ("## 3. Strided convolutions",                                            "undetermined"),
        ("$$ rf_out = rf_in + (kernel-1)*j_{out} $$",                             ""),
        ("Rf = 29 + 16",                                                          ""),
        ("It has 180K parameters.",                                               "right"),
        ("930 parameters, 33,771,936 MACs for one image",                         "wrong right"),
        ("We tuned 3 parameters.",                                                ""),
        ("It has 179K parameters.",                                               "wrong"),
        ("It has 100,000 parameters.",                                            "wrong"),  # 79 % more
        ("It has 150K parameters.",                                               "wrong"),
        ("It has about 150K parameters.",                                         "wrong"),  # 17 % off
        ("The final lighter model has under 50k parameters.",                     "wrong"),
        ("A lighter model has under 50k parameters.",                             "undetermined"),
        ("178,944 parameters",                                                    "convention"),  # no biases, no norms
        ("33.77M MACs",                                                           "right"),
        ("It needs 67.5 MFLOPs.",                                                 "right"),  # two for a multiply-add
        ("FLOPs: 33,771,936",                                                     "convention"),  # one for each
        ("MACs: 33,913,354",                                                      "convention"),  # as torchinfo counts
        ("MACs: 12,345,678",                                                      "wrong"),
        ("It needs 1.2 GFLOPs.",                                                  "undetermined"),
        ("The GPU does 312 TFLOPS.",                                              ""),
    ],
)  # fmt: skip
def test_sentences_beside_a_summary(sentence: str, verdict: str) -> None:
    found = audit(f"{sentence}\n\n{printouts.summary(printouts.S9, (3, 32, 32))}")
    assert " ".join(c.verdict for c in found.claims if c.line == 1) == verdict


def test_digits_left_out() -> None:
    """180K is written of 180,900 by those who cut digits off, never of 181,000 or 179,999."""
    stated = Stated.of("180K")
    assert [stated.cuts(figure) for figure in (180_000, 180_900, 181_000, 179_999)] == [True, True, False, False]


CHANNEL_COMMENTS = """
```python
class Net(nn.Module):
    def __init__(self):
        # Input 1 channels, output=16 channels
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        # input= 16 channels, output=(32 channels)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        # Input=(28*28*32) output=({out}*{out}*32)
        self.pool = nn.MaxPool2d(2, 2)
        # Input=(14*14*32) output=(12*12*8)
        self.conv3 = nn.Conv2d(32, 8, 3)

    def forward(self, x):
        return self.conv3(self.pool(self.conv2(self.conv1(x))))
```
"""


def test_a_table_in_comments_in_front_of_the_layers() -> None:
    code = (
        "```\nclass Net(nn.Module):\n    # Pixel Size: 28x28\n"
        "    # r_in:1, n_in:28, s:1, r_out:3, n_out:28, j_out:1\n    self.c1 = nn.Conv2d(1, 8, 3, padding=1)\n\n"
        "    # r_in:3, n_in:28, j_in:1, s:2, r_out:{}, n_out:14, j_out:2\n    self.p1 = nn.MaxPool2d(2, 2)\n```"
    )
    assert audit(code.format(4)).exit_code == 0
    assert cells(audit(code.format(5))) == [(2, "r_out", 5, 4)]


def test_headings_in_comments_do_not_turn_the_figures_after_layers() -> None:
    """ "Input= 28" stands over a block; its output stands under it."""
    code = (
        "```\n#Input Block - Input= 28\nself.b1 = nn.Sequential(\n nn.Conv2d(1, 8, 3, padding=1),\n nn.ReLU()\n"
        ") #Output= 28 / ReceptiveField= 3\n\n#Block - Input= 28\nself.b2 = nn.Sequential(\n nn.Conv2d(8, 8, 3),\n"
        " nn.ReLU(),\n #Output= 26 / ReceptiveField= {}\n nn.Conv2d(8, 8, 3),\n) #Output= 24 / ReceptiveField= 7\n```"
    )
    assert audit(code.format(5)).exit_code == 0
    assert cells(audit(code.format(6))) == [(2, "r_out", 6, 5)]


def test_channels_in_comments_are_no_sizes() -> None:
    assert audit(CHANNEL_COMMENTS.format(out=14)).exit_code == 0
    assert cells(audit(CHANNEL_COMMENTS.format(out=15))) == [(3, "n_out", 15, 14)]


def test_a_forward_that_calls_none_of_the_layers() -> None:
    code = SHARED_POOL.format(second=8).replace("self.pool(", "self.other(").replace("self.conv", "self.block")
    code = code.replace("self.block1 =", "self.conv1 =").replace("self.block2 =", "self.conv2 =")
    assert audit(code).exit_code == 0


def test_rows_and_columns_of_the_first_keras() -> None:
    """Convolution2D(16, 3, 3) has no stride of 3: 1+2, 3+1, 4+2*2."""
    first = "Convolution2D(32, 3, 3, input_shape=(28,28,1)) # RF-{}\n"
    code = f"```\n{first}MaxPooling2D(2,2) # RF-4\nConvolution2D(16, 3, 3) # RF-8\n```"
    assert audit(code.format(3)).exit_code == 0
    assert cells(audit(code.format(4))) == [(1, "r_out", 4, 3)]


def test_a_pool_over_the_map_that_comes_in() -> None:
    """The pool states no sizes; the convolution in front of it says that 6x6 are left. Its field may stay as it was."""
    code = "\n".join((
        "```", "nn.Conv2d(1, 8, 3) # output: 8 RF: 3", "nn.Conv2d(8, 8, 3) # output: 6 RF: 5", "nn.AvgPool2d(6)",
        "nn.Conv2d(8, 10, 1) # RF: {}", "```",
    ))  # fmt: skip
    assert audit(code.format(5)).exit_code == audit(code.format(10)).exit_code == 0


SEQUENCE = """
# A small network on CIFAR-10

```python
model = nn.Sequential(
    nn.Conv2d(3, 32, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3, padding=1),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(64 * 8 * 8, 10),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
```

{claim}
"""


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ("The receptive field is 10.",                     "convention"),  # 3, 4, 4 + 2*2, 8 + 2; 38 after
        ("The receptive field is 12.",                     "wrong"),
        ("The receptive field is 8.",                      "undetermined"),  # the second convolution's
        ("It needs 5,644,288 MACs.",                       "right"),      # 864*1024 + 18432*256 + 40960 = 5,644,288
    ],
)  # fmt: skip
def test_a_sequence_in_code_settles_its_figures(claim: str, verdict: str) -> None:
    claims = audit(SEQUENCE.format(claim=claim)).claims
    assert [claim.verdict for claim in claims] == [verdict]
    beside = SEQUENCE.replace("optimizer =", "head = nn.Conv2d(64, 64, 3)\noptimizer =")
    assert [claim.verdict for claim in audit(beside.format(claim=claim)).claims] == ["undetermined"]


def test_layers_with_a_bar_in_front_of_their_figures() -> None:
    """6 + 4*2 = 14, not 12."""
    lines = ("CONV 5x5, 32 filters, stride 1 -> 32x32x32 | RF: 5", "MAXPOOL 2x2, stride 2 -> 16x16x32 | RF: 6",
             "CONV 5x5, 64 filters, stride 1 -> 16x16x64 | RF: {field}")  # fmt: skip
    text = "\n".join(["```", *lines, "```"])
    assert [claim.verdict for claim in audit(text.format(field=14)).claims] == ["right"]
    wrong = audit(text.format(field=12)).cells
    assert [(cell.row, cell.column, cell.stated, cell.computed) for cell in wrong] == [(3, "r_out", 12, 14)]


def test_code_accuses_no_other_network() -> None:
    """The code's field is 10; 47 is a later version's, and too far from it to be a slip."""
    for claim in ("A later version has a receptive field of 12.", "The receptive field is 47."):
        assert [c.verdict for c in audit(SEQUENCE.format(claim=claim)).claims] == ["undetermined"]


REFERENCES = """
| # | layer | input | k | s | r_in | r_out |
|---|---|---|---|---|---|---|
| 1 | conv | image | 3 | 1 | 1 | 3 |
| 2 | conv (branch a) | 1 | 3 | 1 | 3 | 5 |
| 3 | conv (branch a) | 2 | 3 | 1 | 5 | 7 |
| 4 | conv (branch b) | 1 | 5 | 1 | 3 | 7 |
| 5 | conv (branch b) | 4 | 5 | 1 | 7 | {field} |
"""  # 7 + 4


def test_a_column_of_row_numbers_is_no_size() -> None:
    assert [c.verdict for c in audit(REFERENCES.format(field=11)).claims] == ["right"]
    cells = audit(REFERENCES.format(field=12)).cells
    assert [(c.row, c.column, c.stated, c.computed) for c in cells] == [(5, "r_out", 12, 11)]


def test_sums_in_a_list() -> None:
    lines = ("- Conv1 (k=3, s=1): RF = 1 + (3-1)*1 = 3", "- Conv2 (k=3, s=1): RF = 3 + (3-1)*1 = 5",
             "- Pool1 (k=2, s=2): RF = 5 + (2-1)*1 = 6", "- Conv3 (k=3, s=1): RF = 6 + (3-1)*2 = {field}")  # fmt: skip
    assert [c.verdict for c in audit("\n".join(lines).format(field=10)).claims] == ["right"]
    cells = audit("\n".join(lines).format(field=12)).cells
    assert [(c.row, c.column, c.stated, c.computed) for c in cells] == [(4, "r_out", 12, 10)]


JOINED = """
# A digit network

| layer | input size | output size | receptive field | jump in | jump out |
|---|---|---|---|---|---|
| Conv0 | 28x28x1 | 28x28x8 | 3 | 1 | 1 |
| Pool | 28x28x8 | 14x14x8 | {pool} | 1 | 2 |
| Conv1 | 14x14x8 | 14x14x{channels} | 8 | 2 | 2 |
| FC | 14x14x16 | 10 | - | - | - |

```
        Layer (type)               Output Shape         Param #
================================================================
            Conv2d-1            [-1, 8, 28, 28]              80
       BatchNorm2d-2            [-1, 8, 28, 28]              16
         MaxPool2d-3            [-1, 8, 14, 14]               0
            Conv2d-4           [-1, 16, 14, 14]           1,168
            Linear-5                   [-1, 10]          31,370
```
"""  # 3, 3 + 1, 4 + 2*2; 80 = 9*8 + 8, 1,168 = 9*8*16 + 16


@pytest.mark.parametrize(("pool", "channels", "verdict"), [(4, 16, "right"), (3, 16, "wrong"), (3, 32, "undetermined")])
def test_a_table_without_kernels_has_those_of_the_summary_with_its_maps(pool: int, channels: int, verdict: str) -> None:
    found = audit(JOINED.format(pool=pool, channels=channels))
    assert [claim.verdict for claim in found.claims if claim.quantity == "table"] == [verdict]
    assert [(cell.column, cell.stated, cell.computed) for cell in found.cells] == [("r_out", 3, 4)] * (
        verdict == "wrong"
    )


def test_a_stride_against_the_summary_with_the_same_maps() -> None:
    table = """
| layer | r_in | n_in | j_in | s | r_out | n_out | j_out |
|---|---|---|---|---|---|---|---|
| conv1 | 1 | 32 | 1 | 1 | 3 | 32 | 1 |
| conv2 | 3 | 32 | 1 | 1 | 5 | 32 | 1 |
| conv3 | 5 | 32 | 1 | 1 | 7 | 32 | 2 |
| conv4 | 7 | 16 | 2 | 1 | 12 | 16 | 2 |

```
        Layer (type)               Output Shape         Param #
================================================================
            Conv2d-1            [-1, 8, 32, 32]             224
            Conv2d-2            [-1, 8, 32, 32]             584
            Conv2d-3            [-1, 8, 16, 16]             584
            Conv2d-4            [-1, 8, 16, 16]             584
```
"""  # 3, 5, 7, 7 + 2*2; 224 = 9*3*8 + 8, 584 = 9*8*8 + 8
    cells = [(cell.row, cell.column, cell.computed) for cell in audit(table).cells]
    assert cells == [(3, "stride", 2), (3, "n_out", 16), (4, "r_out", 11)]


@pytest.mark.parametrize("size", [32, 31])
def test_a_branch_that_begins_again_from_the_image(size: int) -> None:
    table = f"""
| Operation | n_in | channels in | channels out | padding | kernel | stride | n_out | j_in | j_out | r_in | r_out |
|---|---|---|---|---|---|---|---|---|---|---|---|
| Conv-1A | 32 | 3 | 12 | 0 | 5 | 1 | 28 | 1 | 1 | 1 | 5 |
| Conv-2A | 28 | 12 | 24 | 1 | 3 | 2 | 14 | 1 | 2 | 5 | 7 |
| Conv-1B | {size} | 3 | 12 | 0 | 5 | 1 | 28 | 1 | 1 | 1 | 5 |
| Conv-2B | 28 | 12 | 24 | 1 | 3 | 2 | 14 | 1 | 2 | 5 | 7 |
| Conv-3 | 14 | 48 | 48 | 0 | 3 | 1 | 12 | 2 | 2 | 7 | 11 |
"""  # 1+4, 5+2, the same again, 7+2*2
    found = audit(table)
    assert [(cell.row, cell.column, cell.computed) for cell in found.cells] == [(3, "n_in", 32)] * (size != 32)


def test_counts_in_millions_are_no_counts_of_ones() -> None:
    printed = "Trainable params: 75.1 M\nNon-trainable params: 0\nTotal params: 75.1 M\nParams size (MB): 300\n"
    assert not [claim for claim in audit(printed).claims if claim.computed is not None]


def test_code_without_a_layer_that_has_weights() -> None:
    code = "class Net(nn.Module):\n    def __init__(self):\n        self.act = nn.ReLU()\n"
    code += "    def forward(self, x):\n        return self.act(x)\n"
    assert not audit(f"```python\n{code}```").wrong


@pytest.mark.parametrize("stride", [0, 1])
def test_an_input_row_has_no_window(stride: int) -> None:
    table = f"""
| Layer | Kernel Size | Strides | Image Size | Receptive Field | Jump In | Jump Out |
|---|---|---|---|---|---|---|
| input | 1 | {stride} | 224 | 1 | 1 | 1 |
| convolution | 7 | 2 | 112 | 7 | 1 | 2 |
| max pool | 3 | 2 | 56 | 11 | 2 | 4 |
| convolution | 3 | 1 | 56 | 20 | 4 | 4 |
"""  # 7, 7 + 2*2, 11 + 2*4 = 19
    assert [(cell.row, cell.computed) for cell in audit(table).cells] == [(4, 19)]


@pytest.mark.parametrize(("stated", "verdict"), [("2,880", "convention"), ("3,840", "right"), ("2,100", "wrong")])
def test_weights_that_embedding_and_last_layer_share(stated: str, verdict: str) -> None:
    text = f"""
The model has {stated} parameters.

```
        Layer (type)               Output Shape         Param #
================================================================
         Embedding-1               [-1, 16, 32]             960
            Linear-2               [-1, 16, 30]             990
            Linear-3               [-1, 16, 30]             930
            Linear-4               [-1, 16, 32]             960
================================================================
Total params: 3,840
```
"""
    assert [claim.verdict for claim in audit(text).claims if claim.line == 2] == [verdict]


def test_a_size_that_the_row_below_contradicts_is_the_slip() -> None:
    """Not the kernel, though 3 for 2 would make 7 of 16, and 12 of the 8 that is wrong too."""
    table = """
| Layer | Kernel | Stride | Padding | Output | Receptive field |
|---|---|---|---|---|---|
| Conv 1 | 3x3 | 1 | 1 | 32x32x32 | 3x3 |
| Conv 2 | 3x3 | 1 | 1 | 32x32x32 | 5x5 |
| Pool 1 | 2x2 | 2 | 0 | 16x16x32 | 6x6 |
| Conv 3 | 3x3 | 1 | 1 | 16x16x64 | 8x8 |
| Pool 2 | 2x2 | 2 | 0 | 7x7x64 | 12x12 |
| Conv 4 | 3x3 | 1 | 1 | 8x8x64 | 20x20 |
"""
    found = [(cell.row, cell.column, cell.stated, cell.computed) for cell in audit(table).cells]
    assert found == [(4, "r_out", 8, 10), (5, "n_out", 7, 8)]


FORWARD = """
```python
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))  # 32x32 -> 28x28 -> 14x14
        x = self.pool(F.relu(self.conv2(x)))  # 14x14 -> {size}x{size} -> 5x5
        return self.fc1(x.view(-1, 400))      # 400 -> 10
```
"""  # 32 - 4 = 28, 28 / 2, 14 - 4 = 10


@pytest.mark.parametrize(("size", "amiss"), [(10, []), (12, [("conv2", 13, 12, 10)])])
def test_sizes_in_comments_beside_the_calls(size: int, amiss: list[object]) -> None:
    local = [cell for cell in audit(FORWARD.format(size=size)).cells if cell.kind == "local"]
    assert [("conv2", cell.line, cell.stated, cell.computed) for cell in local] == amiss


DECODER = """
```python
class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 16, 3, stride=2, padding=1),                              # (16, 14, 14)
            nn.Conv2d(16, 32, 3, stride=2, padding=1),                             # (32, 7, 7)
            nn.ConvTranspose2d(32, 16, 3, stride=2, padding=1, output_padding=1),  # (16, {size}, {size})
            nn.ConvTranspose2d(16, 1, 3, stride=2, padding=1, output_padding=1),   # (1, 28, 28)
        )

    def forward(self, x):
        return self.layers(x)
```
"""  # (7 - 1) * 2 - 2 + 2 + 1 + 1 = 14, (14 - 1) * 2 - 2 + 2 + 1 + 1 = 28


@pytest.mark.parametrize(("size", "amiss"), [(14, []), (13, [(13, 14)])])
def test_sizes_after_transposed_convolutions(size: int, amiss: list[object]) -> None:
    assert [(cell.stated, cell.computed) for cell in audit(DECODER.format(size=size)).cells] == amiss


@pytest.mark.parametrize(
    ("sentence", "verdicts"),
    [
        ("`conv2` has 2,416 parameters.", ["right"]),  # 16 * (5*5*6 + 1)
        ("`conv2` has 2,400 parameters.", ["wrong"]),
        ("fc1 has 400 inputs and 4,010 parameters.", ["right"]),
        ("- conv1: 450 parameters", ["wrong"]),  # 6 * (5*5*3 + 1) = 456
        ("The last convolution has 2,416 parameters.", ["right"]),
        ("The first convolution holds 460 of them.", ["wrong"]),
        ("conv7 has 9,999 parameters.", ["undetermined"]),
        ("conv2 has 2,400 weights.", []),  # without biases
        ("It has 1,940 fewer parameters.", ["undetermined"]),
        ("We saved 1,940 parameters.", ["undetermined"]),
    ],
)
def test_the_count_of_one_layer(sentence: str, verdicts: list[str]) -> None:
    claims = audit(FORWARD.format(size=10) + "\n" + sentence).claims
    assert [claim.verdict for claim in claims if claim.quantity == "params"] == verdicts


STEPS = """
1. conv1: $r = 1 + (3-1) \\cdot 1 = 3$
2. conv2: $r = 3 + (3-1) \\cdot 1 = 5$
3. pool1: $r = 5 + (2-1) \\cdot 1 = 6$
4. conv3: $r = 6 + (3-1) \\cdot {jump} = {field}$
"""


@pytest.mark.parametrize(("jump", "field", "amiss"), [(2, 10, []), (1, 8, [("j_in", 2), ("r_out", 10)])])
def test_fields_worked_out_step_by_step(jump: int, field: int, amiss: list[object]) -> None:
    cells = audit(STEPS.format(jump=jump, field=field)).cells
    assert [(cell.column, cell.computed) for cell in cells] == amiss


COUNTS = """
| Layer | Filter | Output | Parameters |
|---|---|---|---|
| conv1 | 3x3 | 32x32x16 | 448 |
| conv2 | 3x3 | 32x32x16 | {params} |
| conv3 | 3x3 | 32x32x32 | 4,640 |
| conv4 | 3x3 | 32x32x32 | 9,248 |
| Total | | | 16,656 |
"""  # 448 + 2,320 + 4,640 + 9,248


@pytest.mark.parametrize(("params", "amiss"), [("2,320", []), ("2,304", [(2304, 2320)])])
def test_a_bias_left_out_in_one_row_only(params: str, amiss: list[object]) -> None:
    found = audit(COUNTS.format(params=params))
    assert [(cell.stated, cell.computed) for cell in found.cells] == amiss
    assert [claim.verdict for claim in found.claims if claim.quantity == "params"] == ["right"]


def test_steps_over_pools_that_overlap() -> None:
    steps = (
        "1. conv1 (stride 4): 1 + (11-1)*1 = 11\n2. pool1 (stride 2): 11 + (3-1)*4 = 19\n3. conv2: 19 + (5-1)*8 = 51\n"
    )
    steps += "4. pool2: 51 + (3-1)*8 = 67\n5. conv3: 67 + (3-1)*16 = 99\n"
    assert not audit(steps).wrong


@pytest.mark.parametrize(("count", "amiss"), [("295040 params", []), ("294912 params", [(294912, 295040)])])
def test_a_count_in_a_comment_beside_a_dense_layer(count: str, amiss: list[object]) -> None:
    code = f"```python\nmodel = nn.Sequential(\n    nn.Flatten(),\n    nn.Linear(2304, 128),  # {count}\n)\n```\n"
    assert [(cell.stated, cell.computed) for cell in audit(code).cells] == amiss  # 2304 * 128 + 128


@pytest.mark.parametrize(("field", "verdict"), [(10, "right"), (12, "wrong")])
def test_what_a_pixel_sees(field: int, verdict: str) -> None:
    text = STEPS.format(jump=2, field=10) + f"\nSo one pixel of the last map sees {field}x{field} pixels.\n"
    assert [c.verdict for c in audit(text).claims if c.quantity == "receptive_field"] == [verdict]


def test_comments_that_state_what_comes_in() -> None:
    text = FORWARD.format(size=10).replace("x = self.pool(F.relu(self.conv1(x)))  # 32x32 -> 28x28 -> 14x14", "{}")
    lines = ["x = self.conv1(x)  # [-1, 3, 32, 32]", "        x = self.pool(x)  # [-1, 6, 28, 28]"]
    assert not audit(text.replace("{}", "\n".join(lines)).replace("# 14x14 -> 10x10 -> 5x5", "")).wrong


def test_a_sequence_on_one_line_is_no_layer() -> None:
    code = "        self.conv2 = nn.Sequential(nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16))\n"
    text = FORWARD.format(size=10).replace("        self.conv2 = nn.Conv2d(6, 16, 5)\n", code)
    assert not audit(f"{text}\nconv2 has 2,448 parameters.").wrong  # 2,416 + 2 * 16


@pytest.mark.parametrize(("below", "computed"), [("15x15x32", []), ("14x14x32", [14])])
def test_a_padded_pool_without_its_padding(below: str, computed: list[int]) -> None:
    """MaxPool2d(2, 2, padding=1) makes 15 of 28; where the row below has 14, 15 is the slip."""
    table = f"""
| Layer | Kernel | Stride | Output | Receptive field |
|---|---|---|---|---|
| Conv 1 | 3x3 | 1 | 28x28x16 | 3 |
| Pool 1 | 2x2 | 2 | 15x15x16 | 4 |
| Conv 2 | 3x3 | 1 | {below} | 8 |
| Conv 3 | 3x3 | 1 | {below} | 12 |
"""
    assert [cell.computed for cell in audit(table).cells] == computed


def test_a_pool_that_only_padding_explains_beside_plain_ones() -> None:
    """The last row, so that no row below tells: the pool above it has no padding."""
    rows = ["Conv 1 | 3x3 | 1 | 28x28x16 | 3", "Pool 1 | 2x2 | 2 | 14x14x16 | 4", "Pool 2 | 2x2 | 2 | 8x8x16 | 6"]
    table = "| Layer | Kernel | Stride | Output | Receptive field |\n|---|---|---|---|---|\n"
    (slip,) = audit(table + "\n".join(f"| {row} |" for row in rows)).cells
    assert (slip.stated, slip.computed, slip.why) == (8, 7, "only padding makes 8 of 14")


UNCOUNTED = """
| Layer | In | Out | Kernel | Stride | Padding | RF |
|---|---|---|---|---|---|---|
| conv1 | 3 | 16 | 3 | 1 | 1 | 3 |
| conv2 | 16 | 32 | 3 | 1 | 1 | 5 |
| pool1 | 32 | 32 | 2 | 2 | 0 | 6 |
| conv3 | 32 | 32 | 3 | 1 | 1 | 10 |
| conv4 | 32 | 10 | 1 | 1 | 0 | 10 |

The network has {total} parameters.
"""  # 432 + 4,608 + 9,216 + 320 = 14,576; with biases and two for each of 90 channels of norms 14,846

PARTLY_COUNTED = """
| Layer | Output Size | Parameters |
|---|---|---|
| Convolution 1 (3x3) | 32x32x8 | 224 |
| Residual Block | 32x32x8 | - |
| Convolution 2 (3x3) | 32x32x8 | 584 |
| Convolution 3 (3x3) | 32x32x16 | {third} |
| Fully Connected | 10 | 170 |

The total number of parameters is {total}.
"""  # 27*8+8, 72*8+8, 72*16+16 = 1,168; together 2,146


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (UNCOUNTED.format(total="14,576"), "convention"),
        (UNCOUNTED.format(total="14,700"), "undetermined"),
        (UNCOUNTED.format(total="19,700"), "wrong"),
        (UNCOUNTED.format(total="14,500"), "wrong"),
        (UNCOUNTED.format(total="under 14,000"), "wrong"),
        (UNCOUNTED.format(total="less than 14,700"), "convention"),
        (UNCOUNTED.format(total="less than 20K"), "right"),
        (UNCOUNTED.format(total="over 10K"), "right"),
        (UNCOUNTED.format(total="about 20,000"), "undetermined"),
        (PARTLY_COUNTED.format(third="1,168", total="2,140"), "wrong"),
        (PARTLY_COUNTED.format(third="1,168", total="2,500"), "undetermined"),
        (PARTLY_COUNTED.format(third="808", total="1,700"), "undetermined"),  # of the two above it
    ],
)
def test_a_total_beside_rows_whose_counts_are_open(text: str, verdict: str) -> None:
    found = audit(text, input=(3, 32, 32))
    assert [claim.verdict for claim in found.claims if claim.quantity == "params"] == [verdict]


BLOCK_COMMENTS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.Conv2d(1, 14, 3, padding=0, bias=False),
            nn.ReLU(),
            nn.Dropout2d(p=0.1) # Input=28, Output=26, rf=3
        )
        self.separable = nn.Sequential(
            nn.Conv2d(14, 14, 3, padding=0, groups=14, bias=False),
            nn.Conv2d(14, 14, 1, bias=False),
            nn.BatchNorm2d(14),
        ) # Input={given}, Output={made}, rf=5
        self.conv2 = nn.Sequential(
            nn.Conv2d(14, 10, 3, padding=0, bias=False),
        ) # Input=24, Output=22, rf=7

    def forward(self, x):
        return self.conv2(self.separable(self.conv1(x)))
"""


@pytest.mark.parametrize(
    ("given", "made", "amiss"), [(26, 24, []), (26, 26, [("n_out", 26, 24)]), (28, 24, [("n_in", 28, 26)])]
)
def test_the_comment_behind_a_container_speaks_of_all_of_it(given: int, made: int, amiss: list[object]) -> None:
    found = audit(BLOCK_COMMENTS.format(given=given, made=made))
    assert [(c.column, c.stated, c.computed) for c in found.cells if c.kind == "local"] == amiss


SIGNED = """
| Layer | k/s/p | H×W | RF | jump |
|---|---|---|---:|---:|
| Input | – | 28×28 | 1 | 1 |
| Conv3→16 | 3/1/0 | 26×26 | 3 | 1 |
| Conv3→32 | 3/1/0 | 24×24 | 5 | 1 |
| 1×1→10 | 1/1/0 | 24×24 | 5 | 1 |
| MaxPool2 | 2/2/0 | 12×12 | 6 | 2 |
| Conv3(pad1)→16 | 3/1/1 | 12×12 | {field} | 2 |
"""


@pytest.mark.parametrize(("field", "amiss"), [(10, []), (12, [("r", 12, 10)])])
def test_a_kernel_with_the_channels_that_it_makes(field: int, amiss: list[object]) -> None:
    found = audit(SIGNED.format(field=field))
    assert [(c.column.removesuffix("_out"), c.stated, c.computed) for c in found.cells] == amiss


def test_a_model_of_another_number_is_another_model() -> None:
    text = "### Model_1: first\nThe final receptive field is 32.\n\n### Model_2: second\n" + SIGNED.format(field=10)
    assert [c.verdict for c in audit(text).claims if c.quantity == "receptive_field"] == ["undetermined"]
    assert [c.verdict for c in audit(text.replace("Model_1", "Text")).claims if c.stated == "32"] == ["wrong"]


LISTED_FIELDS = """
- **Conv1:** 3x3, stride 1 → RF = 3
- **Depthwise (stride 2):** 3x3, stride 2 → RF = {second}
- **Dilated Conv (dilation 2):** 3x3, stride 1, dilation 2 → RF = {third}
- **Conv4 (stride 2):** 3x3, stride 2 → RF = {fourth}
"""  # 3, 5, 5+2*2*2 = 13, 13+2*2 = 17


@pytest.mark.parametrize(
    ("fields", "amiss"),
    [
        ((5, 13, 17), []),
        ((7, 11, 19), [(7, 5), (11, 13), (19, 17)]),
        ((9, 21, 31), []),  # layers may be left out: nothing is too small
    ],
)
def test_a_list_that_states_every_setting(fields: tuple[int, ...], amiss: list[object]) -> None:
    found = audit(LISTED_FIELDS.format(**dict(zip(("second", "third", "fourth"), fields, strict=True))))
    assert [(c.stated, c.computed) for c in found.cells] == amiss


TEMPLATE_COMMENTS = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block1 = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.Conv2d(16, 16, 3, padding=1),
        )  # input_size = 28 output_size = 26 receptive_field = 3
        self.pool1 = nn.Sequential(nn.MaxPool2d(2, 2))  # input_size = 24 output_size = 12 receptive_field = 5
        self.block2 = nn.Sequential(
            nn.Conv2d(16, 16, 3, padding=1),
            nn.Conv2d(16, 16, 3, padding=1),
        )  # input_size = 26 output_size = 24 receptive_field = 5

    def forward(self, x):
        x = self.pool1(self.block1(x))
# x = self.dropped(x)
        x = self.block2(x)
        return x
"""  # 28 and 5, 14 and 6, 14 and 14


def test_comments_left_from_another_network() -> None:
    found = {(c.line, c.column, c.stated, c.computed) for c in audit(TEMPLATE_COMMENTS).cells}
    assert {(8, "n_out", 26, 28), (8, "r_out", 3, 5), (9, "r_out", 5, 6), (13, "r_out", 5, 14)} <= found
