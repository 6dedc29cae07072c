"""Tables as tutorials, lecture notes and model cards write them, each right as it stands and wrong with one slip."""

from __future__ import annotations

import pytest

from rfcalc.readme.audit.audit import audit
from rfcalc.readme.audit.verdict import Audit

KERAS_WORDS = """
| Layer | Output Shape | Params |
|---|---|---|
| Conv2D (16x3x3) + ReLU | {size}x62x16 | 448 |
| MaxPooling2D (2x2) | 31x31x16 | 0 |
| Conv2D (32 filters, 3x3, ReLU) | 29x29x32 | 4,640 |
| MaxPooling2D (2x2) | 14x14x32 | 0 |
| GlobalAvgPool | 32 | 0 |
| Dense (128) + ReLU | 128 | {dense} |
| Dense (4) + Softmax | 4 | 516 |

**Total params:** {total}
"""  # 27*16+16, 144*32+32, 32*128+128 = 4,224, 128*4+4; together 9,828
CHANNELS_FIRST = """
| Layer | Input | Output | Params |
|---|---|---|---|
| Conv2d(3,16) k=3 | 3x60x80 | 16x60x80 | 448 |
| BatchNorm2d | 16 | 16 | 32 |
| MaxPool2d(2) | 16x60x80 | 16x30x{width} | - |
| AdaptiveAvgPool(8,8) | 16x30x40 | 16x8x8 | - |
| Linear | 1,024 | 5 | 5,125 |
| **Total** | | | **{total}** |
"""  # 16*64 = 1,024 units; 448 + 32 + 5,125 = 5,605
ALONG_A_LINE = """
| Layer | Kernel | Stride | Output Shape | Params |
|---|---|---|---|---|
| Input | - | - | (9000,1) | 0 |
| Conv1D (32) | 7 | 2 | (4500,32) | 256 |
| MaxPool | 2 | 2 | ({size},32) | 0 |
| Conv1D (64) | 5 | 1 | (2250,64) | 10304 |
| Dense (1) | - | - | (1) | 65 |
"""  # 7*32+32, 5*32*64+64
FILTERS = """
| Layer | Type | Filters | Kernel | Stride | Output Size |
|---|---|---|---|---|---|
| 1 | Conv + ReLU | 96 | 11x11 | 4 | 55x55x96 |
| 2 | Max Pool | -- | 3x3 | 2 | {size}x{size}x96 |
| 3 | Conv + ReLU | 256 | 5x5 | 1 | 27x27x256 |
| 4 | FC + ReLU | 4096 | -- | -- | 4096 |
"""  # (55 - 3) / 2 + 1 = 27
LABELS = """
| Layer | Type | Output Shape | Params |
|---|---|---|---|
| Input | - | 1x28x28 | 0 |
| C1 | Conv 5x5, 6 | 6x24x24 | 156 |
| S2 | AvgPool 2x2 | 6x12x12 | 0 |
| C3 | Conv 5x5, 16 | 16x8x8 | 2,416 |
| S4 | AvgPool 2x2 | 16x{size}x{size} | 0 |
"""  # the S of S4 is no stride
LEDGER = """
| Component | Parameters |
|---|---:|
| Stem | 288 |
| Norm | 32 |
| Second stage | 4.6K |
| Classifier | 20,490 |
| **Total** | **{total}** |
"""
EXACT_LEDGER = LEDGER.replace("4.6K", "4,608")
FLATTENED = """
| Layer | Input | Kernel | Stride | Output | Parameters |
|---|---|---|---|---|---|
| Conv1 | 84x84x4 | 8x8x32 | 4 | 20x20x32 | 4*8*8*32 + 32 = 8,224 |
| Conv2 | 20x20x32 | 4x4x64 | 2 | 9x9x64 | 32*4*4*64 + 64 = {dense} |
| FC1 | 5,184 | - | - | 512 | 5184*512 + 512 = 2,654,720 |
"""  # (20 - 4) / 2 + 1 = 9; 9*9*64 = 5,184
WITH_ACTIVATIONS = """
| Layer | Input | Output | Parameters | Activation |
|---|---|---|---|---|
| Convolution | 28x28 | 26x26 | 10 | ReLU |
| Flatten | 26x26 | 676 | 0 | - |
| Hidden (FC) | 676 | 10 | 6,770 | Sigmoid |
| **Total** | | | **{total}** | |
"""


def found_in(text: Audit) -> list[tuple[str, object, object]]:
    """The figures that are wrong, with the right ones."""
    slips = [(cell.column, cell.stated, cell.computed) for cell in text.cells if cell.kind == "local"]
    return slips + [(c.quantity, c.stated, c.computed) for c in text.claims if c.verdict == "wrong" and c.computed]


@pytest.mark.parametrize(
    ("text", "right", "wrong", "slip"),
    [
        (KERAS_WORDS, ("62", "4,224", "9,828"), ("62", "4,224", "9,728"), ("params", "9,728", 9828)),
        (CHANNELS_FIRST, ("40", "5,605"), ("40", "5,505"), ("params", 5505, 5605)),
        (ALONG_A_LINE, ("2250",), ("2240",), ("n_out", 2240, 2250)),
        (FILTERS, ("27",), ("29",), ("n_out", 29, 27)),
        (LABELS, ("4",), ("3",), ("n_out", 3, 4)),
        (EXACT_LEDGER, ("25,418",), ("25,481",), ("params", 25481, 25418)),
        (EXACT_LEDGER, ("~25K",), ("~35K",), ("params", "35K", 25418)),
        (EXACT_LEDGER.replace("Total", "合计"), ("25,418",), ("25,481",), ("params", 25481, 25418)),
        (FLATTENED, ("32,832",), ("32,382",), ("params", 32382, 32832)),
        (WITH_ACTIVATIONS, ("6,780",), ("6,790",), ("params", 6790, 6780)),
    ],
)
def test_tables_of_other_writers(
    text: str, right: tuple[str, ...], wrong: tuple[str, ...], slip: tuple[str, object, object]
) -> None:
    def filled(values: tuple[str, ...]) -> str:
        names = [name for name in ("size", "dense", "width", "total") if f"{{{name}}}" in text]
        return text.format(**dict(zip(names, values, strict=True)))

    good, bad = audit(filled(right)), audit(filled(wrong))
    assert (good.exit_code, found_in(good)) == (0, [])
    assert any(claim.verdict == "right" for claim in good.claims)
    assert slip in found_in(bad) and len(found_in(bad)) <= 2


BACKWARDS = """
- After C1 (kernel 4, stride 1): RF = 4
- After C512 (kernel 4, stride 1): RF = 7
- After C256 (kernel 4, stride 2): RF = 16
- After C128 (kernel 4, stride 2): RF = {field}
- After C64 (kernel 4, stride 2): RF = 70

The receptive field is {whole}x{whole}.
"""  # (7 - 1) * 2 + 4 = 16, 34, 70


def test_fields_worked_out_from_the_output_back() -> None:
    found = audit(BACKWARDS.format(field=34, whole=70))
    assert (found.exit_code, found.cells) == (0, ())
    assert [c.verdict for c in found.claims] == ["right", "convention", "right"]
    assert [c.computed for c in audit(BACKWARDS.format(field=34, whole=71)).claims if c.stated == "71"] == [70]


def test_validation_and_test_images_are_not_the_same() -> None:
    text = "The validation accuracy is 96.8 %.\n\nThe {} accuracy is 95.9 %.\n"
    assert audit(text.format("test")).exit_code == 0
    assert audit(text.format("validation")).exit_code == 1


def test_a_network_in_another_section_may_be_another_one() -> None:
    table = "## Ours\n" + KERAS_WORDS.format(size="62", dense="4,224", total="9,828")
    text = "## {}\nIt has {} parameters.\n\n" + table
    verdicts = [c.verdict for c in audit(text.format("LeNet-5", "60k")).claims if c.stated == "60k"]
    assert verdicts == ["undetermined"]
    assert audit(text.format("Results", "9,282")).exit_code == 1


def test_a_print_whose_rows_read_several_inputs() -> None:
    """28x28 behind 16x16: no layer of a chain; what the inputs take is not known."""
    rows = (
        "Conv2d-1 [-1, 1, 16, 16] 10\nReLU-2 [-1, 1, 16, 16] 0\nConv2d-3 [-1, 1, 28, 28] 10\nReLU-4 [-1, 1, 28, 28] 0\n"
    )
    text = f"MNIST\n```\n{rows}Total params: 20\nInput size (MB): 0.77\n```\n"
    assert audit(text).exit_code == 0
