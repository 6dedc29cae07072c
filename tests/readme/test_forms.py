"""Forms of tables, drawings, prints and comments in public documents: right as they stand, wrong with one slip."""

from __future__ import annotations

import json

import pytest

from rfcalc.readme.audit.audit import audit


def found(text: str) -> list[tuple[object, ...]]:
    """The wrong claims beside those that only point at cells, and the cells."""
    seen = audit(text)
    wrong = [(c.quantity, c.stated, c.computed) for c in seen.claims if c.verdict == "wrong" and c.computed is not None]
    told = [claim for claim in wrong if "slip" not in str(claim[2])]
    return [*told, *((c.column, c.stated, c.computed) for c in seen.cells)]


FUSED = """| Layer | Operation | Input | Output | Parameters |
|-------|-----------|-------|--------|------------|
| L0 | Conv(3→16, 3×3) + BN + ReLU + Pool | 224×224×3 | 112×112×16 | 448 |
| L1 | Conv(16→32, 3×3) + BN + ReLU + Pool | 112×112×16 | 56×56×32 | 4,640 |
| L2 | Conv(32→64, 3×3) + BN + ReLU | 56×56×32 | 56×56×64 | 18,496 |
"""
CONCATENATED = """| Layer | Parameters | Output |
|---|---|---|
| Input | RGB | 32x32x3 |
| Convolution 1 | K=3, S=1, D=32 | 32x32x32 |
| MaxPool 1 | K=2, S=2 | 16x16x32 |
| Convolution 2 | K=3, S=1, D=64 | 16x16x64 |
| MaxPool 2 | K=2, S=2 | 8x8x64 |
| Flatten | concat MaxPool 1-2 | 12288 |
"""  # 16*16*32 + 8*8*64
STRIDES = """| Layer | Description |
|---|---|
| Input | 32x32x1 grayscale image |
| Convolution 5x5 | {} stride, valid padding, outputs 28x28x6 |
| RELU | |
| Max pooling | 2x2 stride, outputs 14x14x6 |
| Convolution 5x5 | 1x1 stride, valid padding, outputs 10x10x16 |
"""
SHORTCUT = """| # | Layer | K | s | Cin | Cout | Output |
|---|-------|---|---|-----|------|--------|
| 4 | ConvBNReLU | 3 | 1 | 8 | 8 | 160×160×8 |
| 5a | ConvBNReLU | 3 | 2 | 8 | 16 | 80×80×16 |
| 5b | ConvBN | 3 | 1 | 16 | 16 | 80×80×16 |
| 5c | ConvBNReLU | 1 | 2 | 8 | 16 | 80×80×16 |
| 6a | ConvBNReLU | 3 | 2 | 16 | 32 | {0}×{0}×32 |
"""
DRAWN = """```text
INPUT (32×32×3)
  ├── Conv2D(3→256, 3×3, pad=1) + ReLU  →  (32×32×256)
  ├── MaxPool2D(2×2)                    →  ({0}×{0}×256)
  ├── Conv2D(256→128, 3×3, pad=1)       →  (16×16×128)
  ├── Upsample2D(2×)                    →  (32×32×128)
  └── Conv2D(128→3, 3×3, pad=1)         →  (32×32×3)
```
"""
IN_WORDS = """|No.|Layer|Additional details|
|---|-----|------------------|
|1.|3x3 conv with padding 1|input size: 28 x 28 x 1, output size: 28 x 28 x 8, receptive field: 3|
|3.|3x3 conv with padding 1|input size: 28 x 28 x 8, output size: 28 x 28 x 8, receptive field: 3 + (3-1) * 1 = 5|
|5.|2x2 max pooling with stride 2|input size: 28 x 28 x 8, output size: 14 x 14 x 8, receptive field: 5 + (2-1) * 1 = 6|
|6.|1x1 conv with padding {}|input size: 14 x 14 x 8, output size: 14 x 14 x 8, receptive field: 6 + (1-1)*2 = 6|
|8.|3x3 conv with padding 1|input size: 14 x 14 x 8, output size: 14 x 14 x 8, receptive field: 6 + (3-1) * 2 = 10|
"""
COUNTED = """| Layer | Feature Map | Size | Kernel Size | Stride | Activation |
|---|---|---|---|---|---|
| Image | 1 | 32x32 | - | - | - |
| Convolution | 6 | 28x28 | 5x5 | 1 | tanh |
| Average Pooling | 6 | 14x14 | 2x2 | 2 | tanh |
| Convolution | 16 | {0}x{0} | 5x5 | 1 | tanh |
| Average Pooling | 16 | 5x5 | 2x2 | 2 | tanh |
| FC | - | 84 | - | - | tanh |
"""
WORDS = r"""| Layer | Weights |
|---|---|
| conv2 | (3\*3\*64)\*64={} |
| fc1 | (7\*7\*512)\*4096=98M |
"""  # 98 * 2**20


@pytest.mark.parametrize(
    ("text", "right", "slip", "amiss"),
    [
        (STRIDES, "1x1", "2x2", [("stride", 2, 1)]),
        (SHORTCUT, 40, 47, [("n_out", 47, 40)]),
        (DRAWN, 16, 15, [("n_out", 15, 16)]),
        (IN_WORDS, 0, 1, [("padding", 1, 0)]),
        (COUNTED, 10, 11, [("n_out", 11, 10)]),
        (WORDS, 36864, 36846, [("arithmetic", 36846, 36864)]),
    ],
    ids=["strides", "shortcut", "drawn", "in words", "counted", "escaped"],
)
def test_tables_and_drawings(text: str, right: object, slip: object, amiss: list[object]) -> None:
    assert found(text.format(right)) == []
    assert found(text.format(slip)) == amiss


def test_a_kernel_in_the_sum_that_the_layer_has_not() -> None:
    assert found(IN_WORDS.format(0).replace("5 + (2-1)", "5 + (3-1)")) == [("kernel_size", 3, 2)]
    assert found(IN_WORDS.format(0).replace("2 = 10", "2 = 12")) == [("r_out", 12, 10)]


def network(*lines: str, forward: str) -> str:
    inner = "\n".join(f"        {line}" for line in lines)
    return f"class Net(nn.Module):\n    def __init__(self):\n{inner}\n\n    def forward(self, x):\n        {forward}\n"


BELOW = network(
    "self.block1 = nn.Sequential(",
    "    nn.Conv2d(3, 8, 3, padding=1),",
    "    nn.ReLU(),",
    "    nn.Conv2d(8, 16, 3, padding=1),",
    "    nn.ReLU(),",
    ")",
    "# Conv1 -Input-32x32x3, Output-32x32x8, RF-3",
    "# Conv2 -Input-32x32x8, Output-32x32x16, RF-{}",
    "",
    "self.pool1 = nn.Sequential(nn.MaxPool2d(2, 2), nn.Conv2d(16, 8, 1))",
    "# Max Pooling 1- Input-32x32x16, Output-16x16x16, RF-6",
    "# Transition 1- Input-16x16x16, Output-16x16x8, RF-6",
    forward="return self.pool1(self.block1(x))",
)
LISTS = network(
    "first = [nn.Conv2d(3, 8, 3)]",
    "if self.norm:",
    "    first.append(nn.BatchNorm2d(8))",
    "self.conv1 = nn.Sequential(*first)  # output_size = 30 receptive_field = 3",
    "second = [nn.Conv2d(8, 16, 3)]",
    "second.append(nn.ReLU())",
    "self.conv2 = nn.Sequential(*second)  # input_size =",
    "# 30 output_size = 28 receptive_field = {}",
    forward="return self.conv2(self.conv1(x))",
)
LONG_ARROWS = network(
    "self.a = nn.Conv2d(1, 12, 3)  # 28x28x1 --> 26x26x12 --> 3x3",
    "self.b = nn.Conv2d(12, 16, 3)  # 26x26x12 --> 24x24x16 --> {0}x{0}",
    "self.c = nn.Conv2d(16, 16, 3)  # 24x24x16> op=22*22*16",
    forward="return self.c(self.b(self.a(x)))",
)
LOADED = f"""{LONG_ARROWS}
class Loader:
    def models(name):
        if name == "a":
            return Net()
        return Net()
"""
TOLD = network(
    "self.a = nn.Conv2d(1, 16, 3)  # after convolving, this will become 26*26",
    "# RF here will be {0}*{0}",
    "self.b = nn.Conv2d(16, 16, 3)",
    "# RF has become 7*7",
    "self.c = nn.Conv2d(16, 16, 3)",
    forward="return self.c(self.b(self.a(x)))",
)
BLOCKS = network(
    "# Block 1: 28x28 -> 14x14 (RF: {})",
    "self.a = nn.Conv2d(1, 8, 3, padding=1)  # 28x28x1 -> 28x28x8",
    "self.b = nn.Conv2d(8, 8, 3, padding=1)  # 28x28x8 -> 28x28x8",
    "self.p = nn.MaxPool2d(2, 2)",
    "# Block 2: 14x14 -> 14x14 (RF: 14)",
    "self.c = nn.Conv2d(8, 16, 3, padding=1)  # 14x14x8 -> 14x14x16",
    "self.d = nn.Conv2d(16, 16, 3, padding=1)  # 14x14x16 -> 14x14x16",
    forward="return self.d(self.c(self.p(self.b(self.a(x)))))",
)
WORDED = network(
    "# 1 input image channel, {} output channels, 5x5 square convolution kernel,",
    "# output size = (32-5)/1 + 1 = 28",
    "self.a = nn.Conv2d(1, 6, 5)",
    "# 6 input image channels, 16 output channels",
    "self.b = nn.Conv2d(6, 16, 5)",
    forward="return self.b(self.a(x))",
)


@pytest.mark.parametrize(
    ("text", "right", "slip", "column", "amiss"),
    [
        (BELOW, 5, 6, "r_out", 5),
        (LISTS, 5, 7, "r_out", 5),
        (LONG_ARROWS, 5, 6, "r_out", 5),
        (LOADED, 5, 6, "r_out", 5),
        (TOLD, 5, 6, "r_out", 5),
        (BLOCKS, 6, 3, "r_out", 6),
        (WORDED, 6, 8, "ch_out", 6),
    ],
    ids=["below", "lists", "arrows", "loaded", "told", "blocks", "worded"],
)
def test_comments(text: str, right: int, slip: int, column: str, amiss: int) -> None:
    assert found(text.format(right)) == []
    assert found(text.format(slip)) == [(column, slip, amiss)]


CHOSEN = """class Net(nn.Module):
    def __init__(self):
        self.all = nn.Sequential(
            # 16x16 -> 8x8
            self._block(3, 8),
            # 8x8 -> 4x4
            self._block(8, 16),
            # 4x4 -> 1x1
            self._block(16, 1, last=True),
        )

    def _block(
        self,
        given,
        made,
        last=False,
    ):
        if last:
            return nn.Sequential(nn.Conv2d(given, made, 4, 2, 0))
        else:
            return nn.Sequential(nn.Conv2d(given, made, 4, 2, 1))

    def forward(self, x):
        return self.all(x)
"""
CHANNELS = """layers = nn.Sequential(
    # conv1: 3 -> 96, 11x11, stride 4, pad 2
    Conv2D(3, 96, kernel_size=11, stride=4, padding=2),
    # L2: 96→20, 3×3 conv at 8×8
    nn.Conv2d(96, 20, 3, padding=1),
    # Block 1: keep 32x32, 96 -> 96
    nn.Conv2d(channels, channels, 3, padding=1),
)
"""
BETWEEN = """net = tf.keras.Sequential([
    D_block(64), # Output: (32, 32, 64)
    D_block(128), # Outupt: (16, 16, 64 * 2)
    # Output: (13, 13, 1)
    tf.keras.layers.Conv2D(1, kernel_size=4)
])
"""
CHAIN = network(
    "# For 64x64: 4x4 -> 8x8 -> 16x16 -> 32x32 -> 64x64",
    "self.a = nn.ConvTranspose2d(100, 64, 4, 1, 0)",
    "# size: 64 x 4 x 4",
    "self.b = nn.ConvTranspose2d(64, 32, 4, 2, 1)",
    forward="return self.b(self.a(x))",
)
PER_CHANNEL = "conv = nn.Conv2d(3, 64, kernel_size=7)  # 7×7 = 49 params per channel\n"


@pytest.mark.parametrize(
    "text",
    [FUSED, CONCATENATED, CHOSEN, CHANNELS, BETWEEN, CHAIN, PER_CHANNEL],
    ids=["fused", "concatenated", "chosen", "channels", "between", "chain", "per channel"],
)
def test_figures_that_are_right_in_another_way(text: str) -> None:
    assert found(text) == []


KERNEL_ALONE = """| Layer | Operation | Output Shape | Parameters |
|-------|-----------|--------------|------------|
| Input | - | (28, 28, 1) | 0 |
| Conv1 | 3×3, 32 filters, stride=1, padding=same | (28, 28, 32) | 320 |
| MaxPool1 | 2×2, stride=2 | (14, 14, 32) | 0 |
| Conv2 | 3×3, 64 filters, stride=1, padding=same | (14, 14, 64) | {} |
| Flatten | - | (12544,) | 0 |
| Dense1 | 10 units | (10,) | 125,450 |
"""  # 3*3*32*64 + 64
DARKNET = """```
layer     filters    size              input                output
   0 conv     32  3 x 3 / 1   448 x 448 x   3   ->   448 x 448 x  32
   1 max          2 x 2 / 2   448 x 448 x  32   ->   {0} x {0} x  32
   2 conv     64  3 x 3 / 1   224 x 224 x  32   ->   224 x 224 x  64
   3 max          2 x 2 / 2   224 x 224 x  64   ->   112 x 112 x  64
   ...
  29 conv   1024  3 x 3 / 1    13 x  13 x1280   ->    13 x  13 x1024
  30 conv    425  1 x 1 / 1    13 x  13 x1024   ->    13 x  13 x 425
```
"""
WIDE = network(
    "self.all = nn.Sequential(",
    "    nn.Conv2d(1, 32, kernel_size=3, padding=1),  # -> (B, 32, 128, 431)",
    "    nn.MaxPool2d((2, 2)),  # -> (B, 32, 64, 215)",
    "    nn.Conv2d(32, 64, kernel_size=3, padding=1),  # -> (B, 64, {}, 215)",
    ")",
    forward="return self.all(x)",
)
LED = network(
    "self.a = nn.Conv2d(1, 8, 3)  # Output: 28x28 -> {0}x{0}",
    "self.p = nn.MaxPool2d(2)  # Output: 26x26 -> 13x13",
    "self.b = self._make_layer(8, 16, stride=2)",
    "self.c = nn.Conv2d(16, 8, 3)  # 7x7 -> 5x5",
    forward="return self.c(self.b(self.p(self.a(x))))",
)


@pytest.mark.parametrize(
    ("text", "right", "slip", "column"),
    [
        (KERNEL_ALONE, 18496, 18469, "params"),
        (DARKNET, 224, 220, "n_out"),
        (WIDE, 64, 62, "n_out"),
        (LED, 26, 27, "n_out"),
    ],
    ids=["kernel alone", "darknet", "wide", "led"],
)
def test_forms_with_a_slip(text: str, right: int, slip: int, column: str) -> None:
    assert found(text.format(right)) == []
    assert (column, slip, right) in found(text.format(slip))


HEADS = """```
Conv2d(3 → 32, k=4, s=2) → (N, 32, 31, 31) → ReLU
Conv2d(32 → 64, k=4, s=2) → (N, 64, 14, 14) → ReLU
Conv2d(64 → 128, k=4, s=2) → (N, 128, 6, 6) → ReLU
Conv2d(128 → 256, k=4, s=2) → (N, 256, 2, 2) → ReLU
Linear(1024 → 32) → mu (N, 32)
Linear(1024 → 32) → log_var (N, 32)
```
"""
SIZES_AS_FIELDS = """
1. Image size: 28x28x1
2. Layer 1: Kernel: 3x3x1,32: output: 26x26x32, r_out: (28+20-3)/1+1= 26
3. Layer 2: Kernel: 3x3x32,64: output: 24x24x64, r_out: (26+20-3)/1+1= 24
4. Max pool Layer1: Kernel: 2x2x64,64: output: 12x12x64, r_out: (24+20-3)/2+1= 12
5. Layer 3: Kernel: 3x3x64,128: output: 10x10x128, r_out: (12+20-3)/1+1= 10
"""
PARTS = """| Layer | Kernel | Input | Output | Parameters |
|---|---|---|---|---|
| Conv1 | 3 | 1×28×28 | 4×28×28 | 40 |
| FC1 | - | 3136 | 50 | 156,850 |

Total parameters: 156,890
- Large parameter count in FC1 (156,850 params = 99.9% of total)
- The model of 156,890 parameters takes 250 KB in flash with INT8 weights.
"""


@pytest.mark.parametrize("text", [HEADS, SIZES_AS_FIELDS, PARTS], ids=["heads", "sizes", "parts"])
def test_forms_that_are_right(text: str) -> None:
    assert found(text) == []


SUMMARY = """```
Layer (type)                 Output Shape              Param #
=================================================================
encoder_input (InputLayer)   (None, 28, 28, 1)         0
_________________________________________________________________
encoder (Model)              [(None, 2), (None, 2), (N 17208
_________________________________________________________________
decoder (Model)              (None, 28, 28, 1)         9137
=================================================================
Total params: {}
```
"""


def test_a_list_of_shapes_that_is_cut_off_keeps_its_count() -> None:
    assert found(SUMMARY.format("26,345")) == []
    assert ("params", 26354, 26345) in found(SUMMARY.format("26,354"))


def test_a_summary_that_a_stream_cuts_is_one() -> None:
    text = SUMMARY.format("26,345").replace("```\n", "")
    parts = [text[:300], text[300:]]
    outputs = [{"output_type": "stream", "name": "stdout", "text": part} for part in parts]
    notebook = {"cells": [{"cell_type": "code", "source": "", "outputs": outputs}]}
    assert found(json.dumps(notebook)) == []
    outputs[1]["text"] = parts[1].replace("26,345", "26,354")
    assert ("params", 26354, 26345) in found(json.dumps(notebook))


SENTENCES = """# Model
Full-scale with that decoder and a compression of 0.5
yields approximately 10.4M trainable parameters.
Total SRAM macros: 2 (1x param 2048 words + 1x buffer 1024 words).
The model has {} parameters.

| layer | kernel | ch_in | ch_out | params |
|---|---|---|---|---|
| conv1 | 3 | 1 | 8 | 72 |
| conv2 | 3 | 8 | 16 | 1152 |
| total | | | | 1224 |
"""


def test_sentences_of_another_scale_and_of_memory() -> None:
    assert found(SENTENCES.format("1,224")) == []
    assert [claim[1:] for claim in found(SENTENCES.format("1,242"))] == [("1,242", 1224)]
