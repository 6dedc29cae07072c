"""Kinds of tables and prints of a fourth round of public documents: right as they stand, wrong with one slip."""

from __future__ import annotations

import pytest

from rfcalc.readme.audit.audit import audit
from rfcalc.readme.read.cells import equations


def accused(text: str) -> list[tuple[object, ...]]:
    found = audit(text)
    wrong = [
        (c.quantity, c.stated, c.computed) for c in found.claims if c.verdict == "wrong" and c.why != "see its cells"
    ]
    wrong = [claim for claim in wrong if claim[0] not in ("table", "list of layers")]
    return [*wrong, *((c.column, c.stated, c.computed) for c in found.cells)]


KERAS = """```
Layer (type)                    Output Shape         Param #     Connected to
==================================================================================================
{rows}
==================================================================================================
Total params: {total}
```
"""
CUT = """input_1 (InputLayer)            [(None, 256, 256, 3) 0
conv2d (Conv2D)                 (None, 256, 256, 64) 1792        input_1[0][0]
max_pooling2d (MaxPooling2D)    (None, 128, 128, 64) 0           conv2d[0][0]
conv2d_1 (Conv2D)               (None, 128, 128, 256 147712      max_pooling2d[0][0]
batch_normalization_1 (BatchNor (None, 128, 128, 256 1024        conv2d_1[0][0]
activation (Activation)         (None, 128, 128, 256 0           batch_normalization_1[0][0]
conv2d_2 (Conv2D)               (None, 128, 128, 256 590080      activation[0][0]"""
PLAIN_NORMS = """conv2d_1 (Conv2D)               (None, 30, 30, 32)   864         input_1[0][0]
batch_normalization_1 (BatchNor (None, 30, 30, 32)   96          conv2d_1[0][0]
conv2d_2 (Conv2D)               (None, 28, 28, 32)   9216        batch_normalization_1[0][0]
batch_normalization_2 (BatchNor (None, 28, 28, 32)   {}          conv2d_2[0][0]"""
ROWS_NORMED = """conv1 (Convolution2D)            (None, 23, 80, 32)    896         input_1[0][0]
bn0 (BatchNormalization)         (None, 23, 80, 32)    {}          conv1[0][0]"""
ABRIDGED = """conv2d_1 (Conv2D)               (None, 30, 30, 8)    224         input_1[0][0]
dropout_1 (Dropout)             (None, 30, 30, 8)    0           conv2d_1[0][0]
dropout_5 (Dropout)             (None, 30, 30, 8)    0           add_5[0][0]
dense_1 (Dense)                 (None, 10)           72010       flatten_1[0][0]"""


@pytest.mark.parametrize(
    ("rows", "total", "wrong"),
    [
        (CUT, "740,608", []),
        (CUT, "740,708", [("params", 740708, 740608)]),
        (PLAIN_NORMS.format(96), "10,272", []),  # 3 * 32: Keras' norm without its scale
        (PLAIN_NORMS.format(98), "10,272", [("params", 98, 96)]),
        (ROWS_NORMED.format(92), "988", []),  # 4 * 23: of the rows
        (ROWS_NORMED.format(93), "989", [("params", 93, 128)]),
        (ABRIDGED, "80,818", []),  # 80818 - 224 - 72010 = 8584 of the layers between
        (ABRIDGED, "72,134", [("params", 72134, 72234)]),  # fewer than the rows: none that is left out explains that
    ],
    ids=range(8),
)
def test_keras_prints(rows: str, total: str, wrong: list[object]) -> None:
    assert accused(KERAS.format(rows=rows, total=total)) == wrong


ON_MAPS = """dense (Dense)                   (None, 22, 22, 8)    128         input_1[0][0]
dense_1 (Dense)                 (None, 22, 22, 9)    {}          dense[0][0]"""
STATES = """dense_1 (Dense)                 (None, 30, 1)        257         input_1[0][0]
lstm_1 (LSTM)                   [(None, 128), (None,  131584     dense_1[0][0]"""
VERBOSE = """```
==========================================================================================
Layer (type:depth-idx)                   Kernel Shape   Param #   Param %   Mult-Adds
==========================================================================================
├─Conv2d: 1-1                            [3, 3]         320       47.76%    250,880
│    └─weight                            [1, 32, 3, 3]  ├─288
│    └─bias                              [32]           └─32
├─Conv2d: 1-2                            [1, 1]         330       49.25%    258,720
│    └─weight                            [32, 10, 1, 1] ├─320
│    └─bias                              [10]           └─10
==========================================================================================
Total params: {}
```
"""
TENSORS = """
| Name | Shape | Squeezed shape | Number of parameters | Form |
|---|---|---|---|---|
| blocks.0.se.conv_reduce.weight | (8, 32, 1, 1) | (8, 32) | 256 | a |
| blocks.0.se.conv_reduce.bias | (8,) | (8,) | 8 | a |
| blocks.1.conv_pw.weight | (96, 16, 1, 1) | (96, 16) | 1536 | a |
| blocks.1.normalization.weight | (256,) | (256,) | 256 | a |
"""
DARKNET = """
   15 conv    256  1 x 1 / 1    13 x 13 x1024   ->    13 x 13 x 256
   16 conv    512  3 x 3 / 1    13 x 13 x 256   ->    13 x 13 x 512
   18 conv    128  1 x 1 / 1    13 x 13 x 256   ->    13 x 13 x 128
   19 upsample            2x    13 x 13 x 128   ->    26 x 26 x 128
   20 route  19 8
   21 conv    256  3 x 3 / 1    26 x 26 x 384   ->    26 x 26 x 256
   22 conv    255  1 x 1 / 1    26 x 26 x 256   ->    26 x 26 x 255
"""


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (KERAS.format(rows=ON_MAPS.format(81), total=209), []),  # (8 + 1) * 9
        (KERAS.format(rows=ON_MAPS.format(91), total=219), [("params", 91, 81)]),
        (KERAS.format(rows=STATES, total="131,841"), []),
        (VERBOSE.format(650), []),
        (VERBOSE.format(560), [("params", 560, 650)]),
        (TENSORS, []),
        (DARKNET, []),
        ("# ! RF Start = 1\n" + ABRIDGED, []),
    ],
    ids=range(8),
)
def test_right_figures_of_a_fifth_round(text: str, wrong: list[object]) -> None:
    assert accused(text) == wrong


def test_the_optimizer_s_own_parameters() -> None:
    text = KERAS.format(
        rows="dense (Dense)                   (None, 10)           7850        input_1[0][0]", total="{}"
    )
    states = "Trainable params: 7,850\nNon-trainable params: 0\nOptimizer params: 15,702\n```"
    text = text.replace("```\n", "```\n", 1).rstrip().removesuffix("```") + states
    assert accused(text.format("23,552")) == []  # 7850 + 15702
    assert [found[0] for found in accused(text.format("23,562"))] != []


SHARES = """
| Name | Input shape | Output shape | MACs | Params | Description |
|---|---|---|---|---|---|
| stem.conv0 | 3x224x224 | 64x112x112 | 4.07 % | 0.12 % | Conv2d k=7 p=3 s=2 |
| stem.pool0 | 64x112x112 | 64x56x56 | 0.06 % | 0.00 % | MaxPool2d k=3 p=1 s=2 |
| block.layer1.norm1 | 64x56x56 | 64x56x56 | 0.02 % | 0.00 % | BatchNorm2d |
| block.layer1.conv1 | 64x56x56 | 32x56x56 | 0.90 % | 0.10 % | Conv2d k=1 p=0 s=1 |
| block.layer2.norm1 | 96x56x56 | 96x56x56 | 0.03 % | 0.00 % | BatchNorm2d |
| block.branch_pool.conv | 96x56x56 | 32x56x56 | 0.90 % | 0.10 % | Conv2d k=1 p=0 s=1 |
"""
EXAMPLES = """
| Input | Filter | Stride | Padding | Output |
|---|---|---|---|---|
| 32 | 3 | 1 | 1 | 32 |
| 32 | 3 | 2 | 1 | 16 |
| 224 | 7 | 2 | 3 | 112 |
| 227 | 11 | 4 | 0 | {} |
| 56 | 2 | 2 | 0 | 28 |
"""
CONFIGURATIONS = """```
Configuration                         RF Size    Params (K)   Efficiency
================================================================================
Standard 3x3 (3 layers)               7          110.6        0.063
Dilated 3x3 (d=1,2,4)                 15         110.6        0.136
Dilated 3x3 (d=1,2,4,8)               31         147.5        0.210
Large 7x7 (3 layers)                  19         602.1        0.032
```
"""
VOLUMES = """
| Layer | Input Depth | Filters | Filter Size | Parameters |
|---|---|---|---|---|
| CONV1 | 3 (RGB) | 64 | 3x3 | (3x3x3+1)x64 = 1,792 |
| CONV2 | 64 | 128 | 3x3 | (3x3x64+1)x128 = {} |
| FC | 7x7x512 | 4096 | - | (7x7x512+1)x4096 = 102,764,544 |
"""
PARTS = """
| Component | Parameters | Percentage |
|---|---|---|
| Conv1 | 1×3×3×8 = 72 | 0.3% |
| FC1 | 216×88 = 19,008 | 77.0% |
| **Total** | **{}** | **100%** |
"""
DESCRIBED = """
| Layer | Description |
|---|---|
| Input | 32x32x1 |
| Convolution 5x5 | 1x1 stride, {} padding, outputs 28x28x6 |
| RELU | |
| Max pooling | 2x2 stride, outputs 14x14x6 |
| Convolution 5x5 | 1x1 stride, valid padding, outputs 10x10x16 |
| Max pooling | 2x2 stride, outputs 5x5x{} |
| Flatten | Input = 5x5x16. Output = 5 * 5 * 16 = 400 |
| Fully connected | Input = 400. Output = 120. |
"""
UNNAMED_KERNELS = """
| Layer | Description |
|---|---|
| Input | 32x32x3 RGB image |
| Convolution 1 | 1x1 stride, valid padding, outputs 28x28x6 |
| Max pooling | 2x2 stride, outputs 14x14x6 |
| Convolution 2 | {0}x{0} stride, valid padding, output = 10x10x16 |
| Max pooling | Input = 10x10x16. Output = 5x5x16. |
"""
DRAWN = """```mermaid
graph TD
    A2["Input Image<br/>28×28×1"] --> B2["Conv1<br/>1→16 channels<br/>3×3 kernel, pad=1<br/>144 params"]
    C2["BatchNorm1"] --> D2["ReLU + MaxPool2D<br/>14×14×16"]
    F2["BatchNorm2"] --> G2["ReLU + MaxPool2D<br/>7×7×32"]
    I2["BatchNorm3"] --> J2["ReLU + MaxPool2D<br/>3×3×64"]
    J2 --> K2["Global Average Pooling<br/>1×1×64"]
```
"""
MAPS_FIRST = """
0. [227 * 227 * 3]INPUT
1. [55 * 55 * 96]CONV1:96 11 * 11 filters at stride 4,pad 0
2. [27 * 27 * 96]MAX POOL 1:3 * 3 filters at stride {}
3. [27 * 27 * 256]CONV2:256 5 * 5 filters at stride 1,pad 2
4. [13 * 13 * 256]MAX POOL 2:3 * 3 filters at stride 2
5. [13 * 13 * 384]CONV3:384 3 * 3 filters at stride 1,pad 1
"""


DENSE_ROWS = """The network has fewer than 200,000 parameters.
- Conv1: 3x3, 1 → 16 channels (output shape: 16x26x26)
- Conv2: 3x3, 16 → 16 channels (output shape: 16x24x24)
- MaxPool 2x2 (output shape: 16x12x12)
- Flatten: 16x12x12 → 2304
- Linear: {:,} → 64
- FC ({}x10)
"""


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (DENSE_ROWS.format(2304, 64), []),
        (DENSE_ROWS.format(23040, 64), [("ch_in", 23040, 2304)]),
        (DENSE_ROWS.format(2304, 128), [("ch_in", 128, 64)]),
        (SHARES, []),
        (EXAMPLES.format(55), []),
        (EXAMPLES.format(54), [("n_out", 54, 55)]),
        (CONFIGURATIONS, []),
        (VOLUMES.format("73,856"), []),
        (VOLUMES.format("73,586"), [("params", 73586, 73856)]),
        (PARTS.format("19,080"), []),
        (PARTS.format("19,176"), []),  # 8 + 88 biases
        (PARTS.format("19,180"), [("params", 19180, 19080)]),
        (DESCRIBED.format("valid", 16), []),
        (DESCRIBED.format("valid", 6), [("ch_out", 6, 16)]),
        (DESCRIBED.format("same", 16), [("padding", 2, 0)]),
        (UNNAMED_KERNELS.format(1), []),
        (UNNAMED_KERNELS.format(2), [("stride", 2, 1)]),
        (DRAWN, []),
        (MAPS_FIRST.format(2), []),
    ],
    ids=range(19),
)
def test_tables_and_lists(text: str, wrong: list[object]) -> None:
    assert accused(text) == wrong


BARE_LISTS = """# A network
### Layers
- **C1 block**
  - Conv1.1: 3×3, channels: 3→24
  - Conv1.2: 3×3, channels: 24→32
  - Conv1.3: 3×3, stride=2, channels: 32→48
- **C2 block**
  - DWConv2.1: 3×3, channels: 48→48, dropout=0.05
  - Conv2.2: 3×3, dilation=2, channels: 48→48
  - Conv2.3: 3×3, stride=2, channels: 48→64
### Meeting the requirements
1. **Receptive Field > 20**:
   - Final RF: {0}×{0}.
"""  # 3, 5, 7; 7 + 2*2, 11 + 2*4, 19 + 2*2


def test_a_list_of_settings_settles_the_field() -> None:
    assert accused(BARE_LISTS.format(23)) == []
    assert accused(BARE_LISTS.format(31)) == [("receptive_field", "31", 23)]


FORMULA_HEADED = """
| Layers | K | P | S | n_in | n_out | J_in | J_out | R_in | R_out=<br />R_in + (K-1)*J_in |
|---|---|---|---|---|---|---|---|---|---|
| conv | 3 | 1 | 1 | 56 | 56 | 1 | 1 | 1 | 1+(3-1)*1=3 |
| pool | 2 | 0 | 2 | 56 | 28 | 1 | 2 | 3 | 3+(2-1)*1=4 |
| conv | 3 | 1 | 2 | 28 | 14 | 2 | 4 | 4 | 4+(3-1)*{0}={1} |
| conv | 5 | 2 | 1 | 14 | 14 | 4 | 4 | {1} | {1}+(5-1)*4={2} |
"""


def test_a_heading_with_its_formula() -> None:
    assert accused(FORMULA_HEADED.format(2, 8, 24)) == []
    assert accused(FORMULA_HEADED.format(4, 12, 28)) == [("r_out", 12, 8), ("r_in", 12, 8), ("r_out", 28, 24)]


def test_a_stride_in_a_list_with_its_maps_in_front() -> None:
    claims = [c.why for c in audit(MAPS_FIRST.format(3)).claims if c.verdict == "wrong"]
    assert claims == ["with stride 2 in row 3 all 6 rows are right"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("13 x 13 = 225 places", [(225, 169)]),
        ("conv2d_1: 34,954=(3*11*11+1)*96", [(34954, 34944)]),
        ("conv2d_1: 156=(1×5×5+1)×6, 28·28 = 784 = 28 x 28", []),
        ("13 = (28-3)/2+1", []),
        ("64 = 3x3x64 filters, 3 x 3 = 9", []),
    ],
)
def test_arithmetic_in_more_forms(text: str, found: list[object]) -> None:
    assert [(sum_.stated, sum_.value) for sum_ in equations(text) if sum_.amiss] == found


SEVERAL = """# Four networks
## Testing Model A
```
{a}
```
## Training Logs
### Analysis
Results: (must include best accuracies and total parameters)
 - Parameters: 1,360
## Testing Model B
```
{b}
```
## Training Logs
### Analysis
Results: (must include best accuracies and total parameters)
 - Parameters: {stated}
## Testing Model C
```
{a}
```
"""
PRINT = """        Layer (type)               Output Shape         Param #
            Conv2d-1           [-1, {c}, 26, 26]             {n}
            Conv2d-2           [-1, 8, 24, 24]             {m:,}
Total params: {total:,}"""


def test_a_claim_belongs_to_the_network_titled_before_its_section() -> None:
    a, b = (PRINT.format(c=c, n=10 * c, m=8 * (9 * c + 1), total=10 * c + 8 * (9 * c + 1)) for c in (16, 24))
    assert accused(SEVERAL.format(a=a, b=b, stated="1,976")) == [("params", "1,360", 1320)]
    found = accused(SEVERAL.format(a=a, b=b, stated="1,967"))
    assert ("params", "1,967", 1976) in found


def test_digits_grouped_with_a_stroke_and_products_are_no_totals() -> None:
    text = PRINT.format(c=16, n=160, m=1160, total=1320)
    said = "\n```\nAll variants have a total of 1_320 parameters. The dense layer has 40*12 parameters, that is, 480.\n"
    assert accused("```\n" + text + said) == []
    assert accused("```\n" + text + said.replace("1_320", "1_230")) == [("params", "1,230", 1320)]
