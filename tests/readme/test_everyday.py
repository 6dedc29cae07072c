"""Everyday documents of students and engineers, a small one for each kind; figures worked out by hand."""

from __future__ import annotations

import pytest

from rfcalc.readme.audit.audit import audit
from rfcalc.readme.audit.verdict import Audit


def cells(found: Audit) -> list[tuple[object, ...]]:
    return [(c.row, c.column, c.stated, c.computed) for c in found.cells if c.kind == "local"]


def claims(found: Audit, quantity: str) -> list[tuple[object, str]]:
    return [(claim.stated, claim.verdict) for claim in found.claims if claim.quantity == quantity]


INS_AND_OUTS = """
```python
self.a = nn.Conv2d(1, 8, 3, padding=0)   # 28x28 output {} RF : 3x3
self.b = nn.Conv2d(8, 8, 3, padding=0)   # 26x26 output 24x24 RF : 5x5
self.p = nn.MaxPool2d(2, 2)              # 24x24 output 12x12 RF : 6x6
```
"""


def test_a_comment_that_states_both_sizes() -> None:
    """28 - 3 + 1 = 26."""
    assert audit(INS_AND_OUTS.format("26x26")).exit_code == 0
    assert cells(audit(INS_AND_OUTS.format("28x28"))) == [(1, "n_out", 28, 26)]
    first = INS_AND_OUTS.replace("28x28 output {}", "1x28x28 OUtput 8x26x26")  # channels in front
    assert audit(first).exit_code == 0


def test_fields_that_begin_right_are_believed_beside_wrong_sizes() -> None:
    """28, 26, 24, 12 and 3, 5, 6: the sizes that are stated pad, the layers do not."""
    padded = INS_AND_OUTS.format("28x28").replace("26x26 output 24x24", "28x28 output 28x28")
    found = cells(audit(padded.replace("24x24 output 12x12 RF : 6x6", "28x28 output 14x14 RF : 10x10")))
    assert {(3, "r_out", 10, 6), (1, "n_out", 28, 26)} <= set(found)


def test_a_layer_that_is_commented_out_says_nothing_of_the_one_above() -> None:
    code = INS_AND_OUTS.format("26x26").rstrip().removesuffix("```")
    assert audit(code + "# self.q = nn.Conv2d(8, 8, 3)  # 8x8 output 6x6 RF : 26x26\n```").exit_code == 0


PRINT = """
```
----------------------------------------------------------------
        Layer (type)               Output Shape         Param #
================================================================
            Conv2d-1            [-1, 8, 26, 26]              80
            Conv2d-2            [-1, 8, 24, 24]             584
         MaxPool2d-3            [-1, 8, 12, 12]               0
            Conv2d-4            [-1, 8, 10, 10]             584
================================================================
Total params: 1,248
----------------------------------------------------------------
```
"""


@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [  # 3, 5, 6, 10
        ("Before this we were pooling after a 7x7 receptive field, but now it is after 5x5.", "undetermined"),
        ("We pool at a receptive field of 7.", "undetermined"),
        ("We add layers until the receptive field is 7.", "undetermined"),
        ("The network ends at a receptive field of 8.", "wrong"),
        ("The receptive field is 8.", "wrong"),
        ("The receptive field is 10.", "right"),
    ],
)
def test_a_field_that_names_a_place(sentence: str, verdict: str) -> None:
    assert {found for _, found in claims(audit(sentence + "\n" + PRINT), "receptive_field")} == {verdict}


def test_a_size_beside_the_words_receptive_field() -> None:
    assert not claims(audit("Receptive field of every layer, input 28x28:\n" + PRINT), "receptive_field")


RANGES = """
| layers | kernel | stride | RF |
|---|---|---|---|
| conv1 | 5x5 | 1 | **5** |
| pool1 | 2x2 | 2 | **6** |
| conv2-4 | 3x3 | 1 | **18** |
| pool2 | 2x2 | 2 | **20** |
| conv5-6 | 3x3 | 1 | **{}** |
"""
TIMES = """
| Stage | Layers | Output | RF |
|---|---|---|---|
| 1 | 3x3 conv, 64 (x2) | 224x224 | 5 |
| | maxpool 2x2/2 | 112x112 | 6 |
| 2 | 3x3 conv, 128 (x2) | 112x112 | 14 |
| | maxpool 2x2/2 | 56x56 | 16 |
| 3 | 3x3 conv, 256 (x3) | 56x56 | {} |
"""
UNITS = """
| name | output size | layers | RF |
|---|---|---|---|
| stem | 32x32 | 3x3, 16 | 3 |
| conv2_x | 32x32 | [3x3, 16; 3x3, 16] x 3 | 15 |
| conv3_x | 16x16 | [3x3, 32; 3x3, 32] x 3 | 37 |
| conv4_x | 8x8 | [3x3, 64; 3x3, 64] x 3 | {} |
"""
BLOCKS = """
| block | dilation | kernel | convs per block | receptive field |
|---|---|---|---|---|
| 1 | 1 | 3 | 2 | 5 |
| 2 | 2 | 3 | 2 | 13 |
| 3 | 4 | 3 | 2 | 29 |
| 4 | 8 | 3 | 2 | {} |
"""


@pytest.mark.parametrize(
    ("table", "slip"),
    [
        (RANGES, (5, "r_out", 28, 36)),  # 20 + 2 * 2*4
        (TIMES,  (5, "r_out", 36, 40)),  # 16 + 3 * 2*4
        (UNITS,  (4, "r_out", 77, 81)),  # 37 + 2*2 with the stride, 5 * 2*4 behind it
        (BLOCKS, (4, "r_out", 59, 61)),  # 29 + 2 * 8*2
    ],
)  # fmt: skip
def test_rows_that_stand_for_several_layers(table: str, slip: tuple[int, str, int, int]) -> None:
    right, wrong = audit(table.format(slip[3])), audit(table.format(slip[2]))
    assert (right.exit_code, [claim.verdict for claim in right.claims if "rows" in str(claim.stated)]) == (0, ["right"])
    assert cells(wrong) == [slip]


def test_channels_and_names_of_blocks_are_no_repeats() -> None:
    """conv1-2 is block 1's second one, x8 its channels: 3, 5, 6, 10."""
    rows = "| conv1-1 | 3x3 x8 | 1 | 3 |\n| conv1-2 | 3x3 x8 | 1 | 5 |\n| pool | 2x2 | 2 | 6 |\n"
    found = audit("| layer | kernel | stride | RF |\n|---|---|---|---|\n" + rows + "| conv2-1 | 3x3 x8 | 1 | 10 |")
    assert (found.exit_code, found.claims[0].verdict) == (0, "right")


LATEX = """
| Layer | Kernel | Stride | Dilation | $r_{out}$ |
|:--|:-:|:-:|:-:|:-:|
| C1 | $3\\times3$ | 1 | 1 | $3\\times3$ |
| C2 | $3\\times3$ | 1 | 2 | $7\\times7$ |
| C3 | $3\\times 3$ | 1 | 4 | $FIELD\\times FIELD$ |
"""
LIST = """
- layer 1: kernel size 2, dilation 1, receptive field 2
- layer 2: kernel size 2, dilation 2, receptive field 4
- layer 3: kernel size 2, dilation 4, receptive field 8
- layer 4: kernel size 2, dilation 8, receptive field FIELD
"""
ARROWS = """
1. Conv 3x3, 16 filters, no padding -> 30x30x16 (RF 3)
2. Conv 3x3, 32 filters, no padding -> 28x28x32 (RF 5)
3. MaxPool 2x2 -> 14x14x32 (RF 6)
4. Conv 3x3, 32 filters, no padding -> 12x12x32 (RF FIELD)
"""
U_SHAPED = """
| Part | Layer | Output |
|---|---|---|
| Encoder 1 | conv 3x3, 64 | 570x570 |
| Encoder 1 | conv 3x3, 64 | 568x568 |
| Encoder 1 | conv 3x3, 64 | 566x566 |
| Encoder 1 | max pool 2x2 | 283x283 |
| Bottleneck | conv 3x3, 128 | FIELDxFIELD |
| Bottleneck | conv 3x3, 128 | 279x279 |
| Decoder 1 | up-conv 2x2, 64 | 558x558 |
"""


@pytest.mark.parametrize(
    ("text", "slip"),
    [
        (LATEX,    (3, "r_out", 13, 15)),  # 7 + 4*2
        (LIST,     (4, "r_out", 17, 16)),  # 8 + 8
        (ARROWS,   (4, "r_out", 9, 10)),   # 6 + 2*2
        (U_SHAPED, (5, "n_out", 282, 281)),  # 283 - 2
    ],
)  # fmt: skip
def test_forms_of_tables_and_lists(text: str, slip: tuple[int, str, int, int]) -> None:
    right, wrong = audit(text.replace("FIELD", str(slip[3]))), audit(text.replace("FIELD", str(slip[2])))
    assert (right.exit_code, right.claims[0].verdict) == (0, "right")
    assert cells(wrong) == [slip]


COUNTS = """
| Layer | Kernel | In channels | Out channels | Parameters |
|---|---|---|---|---|
| conv1 | 3x3 | 3 | 16 | 3*3*3*16 + 16 = 448 |
| conv2 | 3x3 | 16 | 32 | 3*3*16*32 + 32 = FIELD |
| conv3 | 1x1 | 32 | 64 | 1*1*32*64 + 64 = 2112 |
"""
SPREAD = """
| RF | Layer | k | dilation | Eff. kernel |
|---|---|---|---|---|
| 3 | conv_a | 3 | 1 | 3 |
| 7 | conv_b | 3 | 2 | 5 |
| 13 | conv_c | 3 | 3 | 7 |
| 23 | conv_d | 3 | 5 | FIELD |
"""


@pytest.mark.parametrize(
    ("text", "slip"),
    [
        (COUNTS, (2, "params", 4608, 4640)),  # 9 * 16 * 32 + 32, though 4608 has no biases
        (SPREAD, (4, "effective", 9, 11)),  # 5 * 2 + 1
    ],
)
def test_cells_that_do_not_follow_from_their_own_row(text: str, slip: tuple[int, str, int, int]) -> None:
    right, wrong = audit(text.replace("FIELD", str(slip[3]))), audit(text.replace("FIELD", str(slip[2])))
    assert (right.exit_code, cells(right)) == (0, [])
    assert (wrong.exit_code, cells(wrong)) == (1, [slip])


def test_arithmetic_that_rounds_or_draws_a_shape_is_right() -> None:
    """(28 - 3) / 2 + 1 = 13.5, of which torch keeps 13; 26*26 is a map."""
    rows = "| conv | 3x3 | 2 | (28 - 3)/2 + 1 = 13 |\n| conv | 3x3 | 1 | 13 - 2 = 11 |\n| conv | 3x3 | 1 | 9*9 = 9 |"
    assert not cells(audit("| layer | kernel | stride | output |\n|---|---|---|---|\n" + rows))


TREE = """
```
=========================================================================
Layer (type:depth-idx)                   Output Shape              Param #
=========================================================================
Net                                      [1, 10]                   --
├─Conv2d: 1-1                            [1, 16, 26, 26]           160
├─MaxPool2d: 1-2                         [1, 16, 13, 13]           --
├─Conv2d: 1-3                            [1, 32, 11, 11]           4,640
├─AdaptiveAvgPool2d: 1-4                 [1, 32, 1, 1]             --
├─Linear: 1-5                            [1, 10]                   FIELD
=========================================================================
Total params: 5,130
Trainable params: 5,130
Non-trainable params: 0
=========================================================================
```
"""


def test_a_linear_layer_without_its_bias_beside_convolutions_with_one() -> None:
    """160 + 4,640 + 32 * 10 + 10 = 5,130."""
    assert audit(TREE.replace("FIELD", "330")).exit_code == 0
    assert cells(audit(TREE.replace("FIELD", "320"))) == [("1-5", "params", 320, 330)]


COMPARED = """
| Model | Params (K) | Accuracy |
|---|---|---|
| Small | {} | 98.9% |
| Large | 77.5 | 99.3% |

## Small
{}

## Large
It did not train.
"""


def test_a_table_of_models_speaks_of_the_sections_that_it_names() -> None:
    """1,248 of the small one; nothing is shown of the large one."""
    assert claims(audit(COMPARED.format("1.25", PRINT)), "params") == [(1248, "right"), ("1.25", "right")]
    wrong = audit(COMPARED.format("1.52", PRINT))
    assert [(c.stated, c.computed) for c in wrong.claims if c.verdict == "wrong"] == [("1.52", 1248)]


GROWS = """
The receptive field grows from 3 to 5 to 6 to {}.

```python
class Net(nn.Module):
    def __init__(self):
        self.a = nn.Conv2d(3, 16, 3)
        self.b = nn.Conv2d(16, 16, 3)
        self.p = nn.MaxPool2d(2, 2)
        self.c = nn.Conv2d(16, 10, 3)

    def forward(self, x):
        x = self.p(self.b(self.a(x)))
        return F.adaptive_avg_pool2d(self.c(x), 1)
```
"""


@pytest.mark.parametrize(("field", "verdict"), [(10, "right"), (8, "wrong")])  # 6 + 2*2
def test_fields_that_grow(field: int, verdict: str) -> None:
    assert claims(audit(GROWS.format(field)), "fields") == [(f"3 to 5 to 6 to {field}", verdict)]


@pytest.mark.parametrize(("field", "verdict"), [(10, "right"), (8, "undetermined")])
def test_code_whose_image_is_not_stated_still_has_its_field(field: int, verdict: str) -> None:
    """10 in front of global pooling; what a unit sees behind it depends on the image."""
    text = GROWS.replace("grows from 3 to 5 to 6 to {}", "is {}").format(field)
    assert [found for _, found in claims(audit(text), "receptive_field")] == [verdict]
