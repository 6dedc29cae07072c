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
    claims = [c for c in text.claims if c.verdict == "wrong" and c.computed and "slip" not in str(c.computed)]
    return slips + [(c.quantity, c.stated, c.computed) for c in claims]


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
    assert slip in found_in(bad)
    assert len(found_in(bad)) == 1


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


UNNAMED_KERNELS = """
| Layer | Input | Output | Parameters |
|---|---|---|---|
| Conv2D(16) | (96,96,1) | (96,96,16) | {first} |
| MaxPool | (96,96,16) | (48,48,16) | 0 |
| Conv2D(32) | (48,48,16) | (48,48,32) | 4,640 |
| MaxPool | (48,48,32) | (24,24,32) | 0 |
| Conv2D(32) | (24,24,32) | (24,24,32) | {third} |
| GlobalAvgPool | (24,24,32) | (32,) | 0 |
| Dense(64) | (32,) | (64,) | 2,112 |
"""  # 9*16+16 = 160, 144*32+32, 288*32+32 = 9,248, 32*64+64


@pytest.mark.parametrize(
    ("first", "third", "slips"),
    [
        ("160", "9,248", []),
        ("448", "9,248", [("params", 448, 160)]),  # that of three channels
        ("160", "9,284", [("params", 9284, 9248)]),
        ("416", "9,248", []),  # 5x5
    ],
)
def test_counts_show_the_kernels_of_a_table_without_them(first: str, third: str, slips: list[object]) -> None:
    assert found_in(audit(UNNAMED_KERNELS.format(first=first, third=third))) == slips


WORDED_KERNEL = """
| Layer | Input | Output | Params | Settings |
|---|---|---|---|---|
| Convolution2D | 31x98x24 | 14x47x36 | 21636 | 36 filters, 5x5 kernel, 2x2 stride, valid padding |
| Convolution2D | 14x47x36 | 5x22x48 | 43248 | 48 filters, 5x5 kernel, 2x2 stride, valid padding |
| Convolution2D | 5x22x48 | 3x20x64 | 27712 | 64 filters, {k}x{k} kernel, valid padding |
"""  # 25*24*36+36, 25*36*48+48, 9*48*64+64; 5 - 2 = 3


def test_a_kernel_that_sizes_and_count_deny() -> None:
    assert found_in(audit(WORDED_KERNEL.format(k=3))) == []
    assert ("kernel_size", 5, 3) in found_in(audit(WORDED_KERNEL.format(k=5)))


LISTED_MAPS = """
- Convolution 5x5, output 28x28x6
- Max pooling, stride 2x2, output 14x14x6
- Convolution 5x5, output 10x10x{made}
- Max pooling 2x2, output 5x5x16
- Flattening to 400
"""
INS_AND_OUTS = """
1. 5x5 convolution (32x32x1 in, 28x28x6 out)
2. 2x2 max pool (28x28x6 in, 14x14x6 out)
3. 5x5 convolution (14x14x6 in, 10x10x16 out)
4. 2x2 max pool (10x10x16 in, 5x5x16 out)
5. 5x5 convolution (5x5x{given} in, 1x1x400 out)
"""
BRANCHES = """
Filter 1: 128 1x1 --> Output: 28x28x128
Filter 2: 192 3x3 --> Output: 28x28x192
Filter 3: 96 5x5 --> Output: 28x28x96
Pooling: 3x3 --> Output: 28x28x256
"""


def test_channels_through_pools_of_lists() -> None:
    assert found_in(audit(LISTED_MAPS.format(made=16))) == []
    assert found_in(audit(LISTED_MAPS.format(made=6))) == [("ch_out", 6, 16)]
    assert found_in(audit(INS_AND_OUTS.format(given=16))) == []
    assert found_in(audit(INS_AND_OUTS.format(given=6))) == [("ch_in", 6, 16)]
    assert found_in(audit(BRANCHES)) == []


def test_fields_of_a_list_without_strides() -> None:
    """28 to 28 twice with two more each, so that nothing has a stride above the pools: 6, 6+2*2, 10+2, 12+2*4."""
    text = (
        "Conv2d(1->6, 3x3) # 28x28x6, RF: 3x3\nConv2d(6->6, 3x3) # 28x28x6, RF: 5x5\n"
        "MaxPool2d(2x2) # 14x14x6, RF: 6x6\nConv2d(6->8, 3x3) # 14x14x8, RF: 10x10\n"
        "MaxPool2d(2x2) # 7x7x8, RF: 12x12\nConv2d(8->8, 3x3) # 7x7x8, RF: {}x{}\n"
    )
    assert found_in(audit(text.format(20, 20))) == []
    assert found_in(audit(text.format(16, 16))) == [("r_out", 16, 20)]


CHANNEL_NOTES = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)  # 28,1>28,8|RF:3,J:1
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)  # 28,8>28,{made}|RF:5,J:1
        self.pool1 = nn.MaxPool2d(2, 2)  # 28x28x16 > 14x14x{pooled} : RF 6x6
        self.conv3 = nn.Conv2d(16, 16, 3)  # 14 > 12 | {field}
        self.conv4 = nn.Conv2d(16, 10, 3)  # rf 14 -> {size}x{size}

    def forward(self, x):
        return self.conv4(self.conv3(self.pool1(self.conv2(self.conv1(x)))))
"""


@pytest.mark.parametrize(
    ("changed", "slips"),
    [
        ({}, []),
        ({"made": 18}, [("ch_out", 18, 16)]),
        ({"pooled": 32}, [("ch_out", 32, 16)]),
        ({"field": 12}, [("r_out", 12, 10)]),
        ({"size": 9}, [("n_out", 9, 10)]),
    ],
)
def test_channels_and_terse_figures_in_comments(changed: dict[str, int], slips: list[object]) -> None:
    text = CHANNEL_NOTES.format(**{"made": 16, "pooled": 16, "field": 10, "size": 10, **changed})
    assert found_in(audit(text)) == slips


def test_products_beside_their_figures() -> None:
    text = "Separable: (8*3*3*8) + (8*12) = {} + 96 = {}\n"
    assert found_in(audit(text.format(576, 672))) == []
    assert found_in(audit(text.format(672, 768))) == [("arithmetic", 672, 576)]


@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("**20×20 Pixel Receptive Field** (> 18 requirement)", "right"),
        ("**94×94 Pixel Receptive Field** (> 18 requirement)", "wrong"),
        ("the receptive field of an output pixel (30×30 grid)", None),
    ],
)
def test_a_demand_beside_a_figure(sentence: str, verdict: str | None) -> None:
    rows = (
        "Conv 3x3, stride 1: RF = 3\nConv 3x3, stride 1: RF = 5\nPool 2x2, stride 2: RF = 6\n"
        "Conv 3x3, stride 1: RF = 10\nConv 3x3, stride 1: RF = 14\nPool 2x2, stride 2: RF = 16\n"
        "Conv 2x2, stride 1: RF = 20\n"
    )
    claims = audit(f"- {sentence}\n\n{rows}").claims
    found = [c.verdict for c in claims if c.quantity == "receptive_field" and not str(c.stated).startswith(">")]
    assert found == [verdict] * (verdict is not None)


def test_thousands_with_spaces() -> None:
    text = KERAS_WORDS.replace("4,640", "4 640").replace("**Total params:** {total}", "Total {total} parameters")
    assert found_in(audit(text.format(size="62", dense="4,224", total="9 828"))) == []
    assert ("params", "9 282", 9828) in found_in(audit(text.format(size="62", dense="4,224", total="9 282")))


DESCRIBED = """
| Layer | Description |
|---|---|
| Input | 32x32x3 RGB image |
| Convolution 5x5 | 1x1 stride, valid padding, outputs 28x28x{first} |
| RELU | |
| Max pooling | 2x2 stride, outputs 14x14x6 |
| Convolution 5x5 | 1x1 stride, valid padding, outputs {second}x{second}x16 |
| Max pooling | kernel: 2x2, stride: 2x2, output: {third}x{third}x16 |
| Flatten | outputs {units} |
| Fully connected | input: 400, output: 43 |
"""


@pytest.mark.parametrize(
    ("changed", "slips"),
    [
        ({}, []),
        ({"first": 16}, [("ch_out", 6, 16)]),  # one of the two is the slip, and 16 is the likelier choice
        ({"second": 12}, [("n_out", 12, 10)]),
        ({"third": 6}, [("n_out", 6, 5)]),
        ({"units": 380}, [("ch_out", 380, 400)]),
    ],
)
def test_layers_described_in_words(changed: dict[str, int], slips: list[object]) -> None:
    figures = {"first": 6, "second": 10, "third": 5, "units": 400, **changed}
    assert found_in(audit(DESCRIBED.format(**figures))) == slips


def test_a_size_that_the_rows_below_do_not_read() -> None:
    text = """
| Layer | Description |
|---|---|
| Input | 32x32x1 image |
| Convolution | kernel: 3x3, output: {}x{}x64 |
| Max pooling | kernel: 2x2, stride: 2x2, output: {}x{}x64 |
| Convolution | kernel: 3x3, output: 13x13x128 |
| Max pooling | kernel: 2x2, stride: 2x2, output: 6x6x128 |
"""  # 30, 15, 13, 6
    assert found_in(audit(text.format(30, 30, 15, 15))) == []
    assert found_in(audit(text.format(32, 32, 15, 15))) == [("n_out", 32, 30)]
    assert found_in(audit(text.format(30, 30, 16, 16))) == [("n_out", 16, 15)]


MAPS_AS_CHANNELS = """
Input Channels/Image | Conv2d/Transform | Output Channels | RF
---|---|---|---
`28x28x1` | `(3x3x1)x8` | `26x26x8` | `3x3`
` ` | `ReLU` | ` ` | ` `
**26x26x8** | **(3x3x8)x16** | **24x24x16** | **5x5**
*24x24x16* | *MP(2x2)* | *12x12x16* | *{field}x{field}*
*12x12x16* | *(3x3x16)x10* | *10x10x10* | *10x10*
"""  # 5 + 1, 6 + 2*2


def test_maps_under_headings_of_channels() -> None:
    assert found_in(audit(MAPS_AS_CHANNELS.format(field=6))) == []
    assert found_in(audit(MAPS_AS_CHANNELS.format(field=10))) == [("r_out", 10, 6)]


def test_a_pool_whose_kernel_is_said_to_be_none() -> None:
    table = (
        "| # | Layer | k | s | RF |\n|---|---|---|---|---|\n"
        "| 1 | Conv 3x3 | 3 | 1 | 3 |\n| 2 | Conv 3x3 | 3 | 1 | 5 |\n"
        "| 3 | MaxPool 2x2 | 0 | 2 | {} |\n| 4 | Conv 3x3 | 3 | 1 | {} |\n| 5 | MaxPool 2x2 | 0 | 2 | {} |\n"
    )
    assert found_in(audit(table.format(6, 10, 12))) == []
    assert found_in(audit(table.format(5, 11, 11))) == [("r_out", 5, 6), ("r_out", 11, 10), ("r_out", 11, 12)]


LANGUAGES = [
    "層|カーネルサイズ|ストライド|パディング|入力サイズ|出力サイズ|受容野",
    "레이어|커널 크기|스트라이드|패딩|입력 크기|출력 크기|수용 영역",
    "слой|размер ядра|шаг|отступ|вход|выход|рецептивное поле",
    "camada|tamanho do kernel|passo|preenchimento|entrada|saída|campo receptivo",
    "層|卷積核大小|步長|填充|輸入大小|輸出大小|感受野",
]


@pytest.mark.parametrize("headings", LANGUAGES)
def test_headings_of_many_languages(headings: str) -> None:
    table = f"|{headings}|\n{'|---' * 7}|\n|a|3|1|1|32|32|3|\n|b|3|2|1|32|16|5|\n|c|3|1|1|{{}}|{{}}|{{}}|"
    assert found_in(audit(table.format(16, 16, 9))) == []
    assert found_in(audit(table.format(16, 16, 11))) == [("r_out", 11, 9)]
    assert found_in(audit(table.format(16, 14, 9))) == [("n_out", 14, 16)]
