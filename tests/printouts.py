"""Documents to read in tests: the printed networks of five student READMEs, typed from their facts in a rendering of
our own, and a few well-known layouts. Nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

Row = tuple[str, tuple[int, ...], int]
"""Class, shape without the batch, parameters."""

MIB = 1024**2


def summary(rows: Sequence[Row], image: tuple[int, ...] | None = None, sizes: bool = True) -> str:
    """Rows as torchsummary lays them out, totals below; sizes in MB where the input is given."""
    lines = ["-" * 64, f"{'Layer (type)':>20}  {'Output Shape':>25} {'Param #':>15}", "=" * 64]
    for number, (name, shape, params) in enumerate(rows, 1):
        lines.append(f"{f'{name}-{number}':>20}  {[-1, *shape]!s:>25} {params:>15,}")
    total = sum(params for _, _, params in rows)
    lines += ["=" * 64, f"Total params: {total:,}", f"Trainable params: {total:,}", "Non-trainable params: 0", "-" * 64]
    if image and sizes:
        given, passed = prod(image) * 4 / MIB, 2 * sum(prod(shape) for _, shape, _ in rows) * 4 / MIB
        lines += [
            f"Input size (MB): {given:.2f}",
            f"Forward/backward pass size (MB): {passed:.2f}",
            f"Params size (MB): {total * 4 / MIB:.2f}",
            f"Estimated Total Size (MB): {given + passed + total * 4 / MIB:.2f}",
            "-" * 64,
        ]
    return "\n".join(lines) + "\n"


def after(name: str, layers: str, shape: tuple[int, ...], params: int) -> list[Row]:
    """A convolution and what follows it: R for ReLU, B for batch norm, D for dropout."""
    classes = {"R": ("ReLU", 0), "B": ("BatchNorm2d", 2 * shape[0]), "D": ("Dropout", 0)}
    return [(name, shape, params), *((classes[c][0], shape, classes[c][1]) for c in layers)]


def stack(*convs: tuple[str, tuple[int, ...], int]) -> list[Row]:
    """Convolutions, each with the layers that follow it."""
    return [row for layers, shape, params in convs for row in after("Conv2d", layers, shape, params)]


def sides(channels: int, size: int) -> tuple[int, ...]:
    return channels, size, size


S9 = [
    *stack(
        ("RBD", sides(32, 32), 896), ("RBD", sides(64, 32), 18496), ("", sides(32, 16), 18464),
        ("RBD", sides(32, 16), 9248), ("RBD", sides(64, 16), 18496), ("", sides(32, 7), 18464),
        ("RBD", sides(32, 7), 9248), ("", sides(32, 7), 320), ("RBD", sides(64, 7), 2112), ("", sides(32, 3), 18464),
        ("RBD", sides(32, 3), 9248), ("RBD", sides(64, 3), 18496), ("", sides(64, 3), 36928),
    ),
    ("AdaptiveAvgPool2d", sides(64, 1), 0), ("Conv2d", sides(10, 1), 650),
]  # fmt: skip
"""The third document's network: 180,298 parameters, strided transitions, the later two dilated as well."""

DILATED = [
    *stack(
        ("BRD", sides(16, 32), 432), ("BRD", sides(32, 32), 4608), ("", sides(32, 32), 320),
        ("BR", sides(64, 32), 2112), ("BRD", sides(64, 16), 36864), ("BR", sides(16, 16), 1024),
        ("BRD", sides(32, 16), 4608), ("BRD", sides(32, 16), 9216), ("BRD", sides(64, 8), 18432),
        ("BR", sides(16, 8), 1024), ("BRD", sides(32, 8), 4608), ("BRD", sides(64, 8), 18432),
        ("BRD", sides(64, 4), 36864), ("BR", sides(16, 4), 1024), ("BR", sides(64, 4), 9216),
    ),
    ("AdaptiveAvgPool2d", sides(64, 1), 0), ("Conv2d", sides(10, 1), 640),
]  # fmt: skip
"""The fourth document's network: 150,576 parameters, a field of 93 by a dilation of 3 that no shape shows."""

VALID = [
    *stack(
        ("RBD", sides(32, 32), 864), ("RBD", sides(64, 32), 18432), ("", sides(16, 32), 1040),
        ("RB", sides(16, 28), 2304), ("RBD", sides(32, 28), 4608), ("RBD", sides(64, 28), 18432),
        ("", sides(32, 28), 2080), ("RB", sides(32, 24), 9216), ("RBD", sides(64, 24), 18432),
        ("", sides(64, 24), 576), ("RBD", sides(256, 24), 16384), ("", sides(32, 24), 8224),
        ("RB", sides(32, 20), 9216), ("RBD", sides(64, 20), 18432), ("", sides(64, 20), 576),
        ("RBD", sides(256, 20), 16384),
    ),
    ("AvgPool2d", sides(256, 1), 0), ("Linear", (10,), 2560),
]  # fmt: skip
"""The fifth document's network: 149,584 parameters, dilated convolutions without padding, a linear head."""

S9_TEXT = f"""# Classifying CIFAR-10

{summary(S9, (3, 32, 32))}
Four blocks of three convolutions; between them a transition that is strided and dilated. One convolution is depthwise
separable. The parameters stay below 200k, as the task asks.

Train Accuracy : 81.62
Test Accuracy : 85.47
"""
DILATED_TEXT = f"""# CIFAR-10: 85% accuracy with 150K parameters

- Strides are used instead of max pooling.
- A dilated convolution stands before the GAP layer to widen the receptive field.
- The first block has a depthwise separable convolution.
- The final receptive field is : 93

There are 150,576 trainable parameters.

```
{summary(DILATED, (3, 32, 32))}
```
"""
VALID_TEXT = f"""# A network for CIFAR 10

`model.py` holds the final model, with under 50k parameters; it reaches over 70% train and test accuracy.

```
{summary(VALID)}
```

- Training Accuracy: 81.63
- Test Accuracy: 86.00
"""

FIELD_HEADINGS = ("n_in", "n_out", "ch_in", "ch_out", "padding", "kernel", "stride", "j_in", "j_out", "r_in", "r_out")
FIELD_ROWS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("convolution", (28, 26, 1, 8, 0, 3, 1, 1, 1, 1, 3)),
    ("convolution", (26, 24, 8, 16, 0, 3, 1, 1, 1, 3, 5)),
    ("max pool", (24, 12, 16, 16, 0, 2, 2, 1, 2, 5, 6)),
    ("convolution", (12, 12, 16, 8, 0, 1, 1, 2, 2, 6, 6)),
    ("convolution", (12, 10, 8, 12, 0, 3, 1, 2, 2, 6, 10)),
    ("convolution", (10, 8, 12, 16, 0, 3, 1, 2, 2, 10, 14)),
    ("convolution", (8, 6, 16, 20, 0, 3, 1, 2, 2, 14, 18)),
    ("GAP", (6, 1, 20, 20, 0, 6, 1, 2, 2, 18, 28)),
    ("convolution", (1, 1, 20, 16, 0, 1, 1, 2, 2, 28, 28)),
    ("convolution", (1, 1, 16, 10, 0, 1, 1, 2, 2, 28, 28)),
)
"""The first document's receptive-field table, which starts from MNIST's 28x28x1 under a title that names CIFAR-10."""


def markdown(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with bars."""
    lines = [headings, [":--"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def field_table(
    headings: Sequence[str] = ("operation", *FIELD_HEADINGS), rows: Iterable[Sequence[object]] | None = None
) -> str:
    return markdown(headings, rows if rows is not None else ((name, *cells) for name, cells in FIELD_ROWS))


FIELD_TEXT = "# CIFAR10\n\nA convolutional network on the CIFAR10 data set\n\n" + field_table(
    ("OPERATION", "N<sub>in</sub>", "N<sub>out</sub>", "CH<sub>in</sub>", "CH<sub>out</sub>", "Padding", "Kernel",
     "Stride", "j<sub>in</sub>", "j<sub>out</sub>", "r<sub>in</sub>", "r<sub>out</sub>"),
)  # fmt: skip

LISTING_TEXT = """# A CNN for CIFAR-10

Total Parameters = 104K
C10 and C11 are depthwise separable convolution layers, C13 is the dilated one
Padding is '1' for all the layers; ReLU-BN-dropout after every layer but the last

Stem    = C1(in = 3, out = 16, kernel = 3) -> Relu-BN-DO   #RF = 3 #Size = 32
Block 1 = C2(16,16,3) -> C3(16,32,3) -> C4(32,32,3)        #RF = 9 #Size = 32
Trans 1 = C5(32,16,1) -> POOL1(16,16,3, stride = 2)        #RF = 11 #Size = 16
Block 2 = C6(16,16,3) -> C7(16,32,3) -> C8(32,64,3) ->     #RF = 23 #Size = 16
Trans 2 = C9(64,32,1) -> POOL1(32,32,3, stride = 2)        #RF = 27 #Size = 8
Block 3 = C10(32,64,3, groups = 32) : followed by 1x1 -> C11(64,64,3, groups = 32) -> C12(64,64,3, dilation = 2) \
  #RF = 23 #Size = 16
Output  = C10(64,10,1) -> GAP(8) -> Softmax

Average Test Accuracy in the last 5 epochs = 85%
Accuracy of   cat : 65 %
"""
"""The second document's listing: its count, its last block's field and size, and its second C10 are wrong."""


def basic_block(channels: int, size: int, given: int, first: bool) -> list[Row]:
    """A residual block as torchsummary prints it: the shortcut after the main path, the container last."""
    shape, norm = sides(channels, size), ("BatchNorm2d", sides(channels, size), 2 * channels)
    relu = ("ReLU", shape, 0)
    rows: list[Row] = [("Conv2d", shape, 9 * given * channels), norm, relu]
    rows += [("Conv2d", shape, 9 * channels * channels), norm]
    if first:
        rows += [("Conv2d", shape, given * channels), norm]
    return [*rows, relu, ("BasicBlock", shape, 0)]


def resnet18() -> list[Row]:
    """ResNet-18 on 224x224: 11,689,512 parameters, a field of 435 in front of the global pool."""
    stem = sides(64, 112)
    rows: list[Row] = [("Conv2d", stem, 9408), ("BatchNorm2d", stem, 128), ("ReLU", stem, 0)]
    rows.append(("MaxPool2d", sides(64, 56), 0))
    given = 64
    for channels, size in ((64, 56), (128, 28), (256, 14), (512, 7)):
        rows += basic_block(channels, size, given, first=channels != given)
        rows += basic_block(channels, size, channels, first=False)
        given = channels
    return [*rows, ("AdaptiveAvgPool2d", sides(512, 1), 0), ("Linear", (1000,), 513000)]


def inception() -> list[Row]:
    """A small Inception block: four branches from a pool, a container that prints their concatenation."""

    def conv(channels: int, params: int) -> list[Row]:
        shape = sides(channels, 16)
        return [("Conv2d", shape, params), ("BatchNorm2d", shape, 2 * channels), ("BasicConv2d", shape, 0)]

    return [
        ("Conv2d", sides(48, 32), 1296), ("ReLU", sides(48, 32), 0), ("MaxPool2d", sides(48, 16), 0),
        *conv(32, 48 * 32), *conv(24, 48 * 24), *conv(40, 9 * 24 * 40), *conv(8, 48 * 8), *conv(16, 25 * 8 * 16),
        ("MaxPool2d", sides(48, 16), 0), *conv(16, 48 * 16), ("Inception", sides(104, 16), 0),
        ("AdaptiveAvgPool2d", sides(104, 1), 0), ("Linear", (10,), 1050),
    ]  # fmt: skip


def dense() -> list[Row]:
    """Three layers that each append 12 channels to all that was there; no container shows it."""
    rows: list[Row] = [("Conv2d", sides(24, 32), 648)]
    for channels in (24, 36, 48):
        shape = sides(channels, 32)
        rows += [("BatchNorm2d", shape, 2 * channels), ("ReLU", shape, 0), ("Conv2d", sides(12, 32), 9 * channels * 12)]
    shape = sides(60, 32)
    return [*rows, ("BatchNorm2d", shape, 120), ("ReLU", shape, 0), ("Linear", (10,), 610)]


FUNCTIONAL: list[Row] = [
    ("Conv2d", sides(10, 24), 260), ("Conv2d", sides(20, 8), 5020), ("Dropout2d", sides(20, 8), 0),
    ("Linear", (50,), 16050), ("Linear", (10,), 510),
]  # fmt: skip
"""A digit classifier whose pools and flattening leave no row: 5x5 convolutions, each after a pool by 2 or in front."""
