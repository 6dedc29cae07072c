"""Layers under headings of their own, their properties in points, lines or tables below them."""

from __future__ import annotations

import pytest

from rfcalc.readme.audit.audit import audit

ALEXNET = """# AlexNet

### Input Layer
- Input: RGB images of size 227×227×3

### Layer 1: Convolutional Layer with ReLU Activation
- **Filter Size**: 11×11
- **Stride**: 4
- **Number of Filters**: 96
- **Output Size**: 55×55×96

### Max Pooling after Layer 1
- **Pool Size**: 3×3
- **Stride**: 2
- **Output Size**: 27×27×96

### Layer 2: Convolutional Layer with ReLU Activation
- **Filter Size**: 5×5
- **Padding**: 2
- **Stride**: 1
- **Number of Filters**: 256
- **Output Size**: 27×27×256

### Max Pooling after Layer 2
- **Pool Size**: 3×3
- **Stride**: 2
- **Output Size**: 13×13×256
"""
DIGITS = """Convolutional Layer #1:
- Filter size: 5x5
- Num Filters: 32
- Feature Map (Output): 28 - 5 + 1 = 24x24

Max Pooling Layer #1:
- Filter size: 2x2
- Num Filters 32
- Output: 24 / 2 = 12x12

Convolutional Layer #2:
- Filter size: 5x5
- Num Filters: 64
- Feature Map (Output): 12 - 5 + 1 = 8x8

Max Pooling Layer #2:
- Filter size: 2x2
- Output: 8 / 2 = 4x4
"""
COUNTED = """## Conv1
- In channels: 1
- Out channels: 16
- Kernel size: 3
- Stride: 1
- Padding: 1
- Output shape: 16x28x28
- Parameters: 160

## Pool1
- Kernel size: 2
- Stride: 2
- Output shape: 16x14x14

## Conv2
- In channels: 16
- Out channels: 32
- Kernel size: 3
- Stride: 1
- Padding: 1
- Output shape: 32x14x14
- Parameters: 4,640

## FC1
- Input: 32*14*14 = 6272
- Output: 128
- Parameters: 802,944
"""
TABLES = """**Layer 1 (Conv)**

| Property | Value |
|---|---|
| Input | 32×32×3 |
| Filters | 32 |
| Kernel | 3×3 |
| Stride | 1 |
| Padding | 0 |
| Output | 30×30×32 |

**Layer 2 (MaxPool)**

| Property | Value |
|---|---|
| Kernel | 2×2 |
| Stride | 2 |
| Output | 15×15×32 |

**Layer 3 (Conv)**

| Property | Value |
|---|---|
| Filters | 64 |
| Kernel | 3×3 |
| Stride | 1 |
| Padding | 0 |
| Output | 13×13×64 |
"""
TOGETHER = """### 1: Convolution 2d
size: (5*5), filters: 6, padding: 0, output: (28*28*6)
### 2: Max Pooling 2d
size: (2*2), output: (14*14*6)
### 3: Convolution 2d
size: (5*5), filters: 16, padding: 0, output: (10*10*16)
### 4: Max Pooling 2d
size: (2*2), output: (5*5*16)
"""
CHINESE = """## C1层-卷积层

    输入图片：32*32

    卷积核大小：5*5

    卷积核种类：6

    步长：1

    填充：0

    输出featuremap大小：28*28 （32-5+1）=28

## S2层-池化层（下采样层）

    输入：28*28

    采样区域：2*2，步长：2

    可训练参数：2*6（和的权+偏置）

    输出featureMap大小：14*14（28/2）

## C3层-卷积层

    卷积核大小：5*5

    卷积核种类：16

    输出featureMap大小：10*10 (14-5+1)=10

    则：可训练参数：6*(3*5*5+1)+6*(4*5*5+1)+3*(4*5*5+1)+1*(6*5*5+1)=1516
"""
DOCUMENTS = {
    "points": ALEXNET, "digits": DIGITS, "counted": COUNTED, "tables": TABLES, "together": TOGETHER, "chinese": CHINESE,
}  # fmt: skip


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_right_is_right(name: str) -> None:
    found = audit(DOCUMENTS[name])
    assert (found.exit_code, found.cells) == (0, ())
    assert "right" in {claim.verdict for claim in found.claims}


@pytest.mark.parametrize(
    ("name", "right", "wrong", "cell"),
    [
        ("points", "27×27×256", "28×28×256", (22, "n_out", 28, 27)),
        ("digits", "= 8x8", "= 9x9", (14, "n_out", 9, 8)),
        ("counted", "4,640", "4,610", (22, "params", 4610, 4640)),
        ("counted", "32x14x14", "32x15x15", (21, "n_out", 15, 14)),
        ("tables", "13×13×64", "12×12×64", (28, "n_out", 12, 13)),
        ("together", "10*10*16", "12*12*16", (6, "n_out", 12, 10)),
        ("chinese", "14*14（", "13*13（", (23, "n_out", 13, 14)),
    ],
)
def test_a_slip_is_named_on_its_own_line(name: str, right: str, wrong: str, cell: tuple[int, str, int, int]) -> None:
    found = audit(DOCUMENTS[name].replace(right, wrong))
    assert [(c.line, c.column, c.stated, c.computed) for c in found.cells if c.kind == "local"] == [cell]


def test_a_block_under_one_heading_is_no_layer() -> None:
    """Nothing follows from what is said of a block's last layer alone."""
    block = "### Conv Block {0}\n- Kernel: 3x3\n- Conv2D: {1} filters\n- MaxPool2D: 2x2\n- Output: {2}x{2}x{1}\n"
    text = "".join(block.format(*row) for row in ((1, 32, 15), (2, 64, 6), (3, 128, 2)))
    found = audit(text)
    assert (found.exit_code, found.cells) == (0, ())
    assert "right" not in {claim.verdict for claim in found.claims}


def test_problems_stand_for_themselves() -> None:
    problem = "### Problem {0}: Convolution\n- Input: {1}x{1} image\n- Filter: 3x3\n- Stride: 1\n- Padding: 0\n"
    text = "".join(
        f"{problem.format(n, size)}- Output: {size - 2}x{size - 2}\n" for n, size in ((1, 8), (2, 10), (3, 16))
    )
    assert audit(text).cells == ()


def test_a_numbered_list_that_begins_further_down() -> None:
    """What comes into its first layer is not known."""
    layers = "{0}. conv{0}: 3x3 conv, padding=0\n   RF_in = {1}, j_in = 2\n   RF = {1} + (3-1)*2 = {2}\n   j_out = 2\n"
    text = "\n".join(layers.format(*row) for row in ((4, 6, 10), (5, 10, 14), (6, 14, 18)))
    assert audit(text).cells == ()
    slips = [(c.stated, c.computed) for c in audit(text.replace("= 18", "= 20")).cells if c.kind == "local"]
    assert slips == [(20, 18)]
