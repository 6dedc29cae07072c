"""Networks from tables with kernels, from lists and from code: right layer by layer, or a clear word why not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rfcalc
from rfcalc.errors import RfcalcError
from rfcalc.readme.infer.infer import infer, list_models
from rfcalc.readme.read.forward import Step, forward_steps
from tests import printouts
from tests.printed_networks import Spec, plain
from tests.readme.test_kinds import LIST, SHARED_POOL
from tests.readme.written import code, windows
from tests.strategies import load

CHAINS = ("c12", "dilated93", "mnist28", "s9", "valid149k", "vgg16")
GRAPHS = ("densenet121", "googlenet", "mobilenet_v2", "ours_100k", "resnet18", "resnet50", "unet")
KERAS = """
```python
model = Sequential()
model.add(Conv2D(32, (3, 3), activation='relu', input_shape=(28, 28, 1)))
model.add(layers.MaxPooling2D((2, 2)))
model.add(layers.SeparableConv2D(64, 3, strides=2, padding='same'))
model.add(BatchNormalization())
model.add(GlobalAveragePooling2D())
model.add(Dense(10, activation='softmax'))
```
"""


def windows_of(arch: Any) -> list[tuple[Any, ...]]:
    return [(row.layer.op, w.kernel_size, w.stride, w.padding, w.dilation, row.groups or 1) for row, w in windows(arch)]


@pytest.mark.parametrize("name", CHAINS)
def test_our_own_tables_are_networks_again(name: str) -> None:
    arch, found = rfcalc.load(name), infer(rfcalc.load(name).table().to_text("markdown"))
    assert found.arch is not None, found.summary
    assert (found.arch.params, found.arch.receptive_field) == (arch.params, arch.receptive_field)
    assert windows_of(found.arch) == windows_of(arch)
    assert found.range == (found.arch.receptive_field.before_global_pool[0],) * 2  # nothing is left open


@pytest.mark.parametrize("name", GRAPHS)
def test_our_own_tables_of_graphs_are_networks_again(name: str) -> None:
    """Branches by what comes in, joins by loose ends, channels and the names of blocks, ceil_mode by sizes."""
    arch, found = rfcalc.load(name), infer(rfcalc.load(name).table().to_text("markdown"))
    assert found.arch is not None, found.summary
    assert (found.arch.params, found.arch.macs) == (arch.params, arch.macs)
    assert found.arch.receptive_field == arch.receptive_field
    assert [(r.layer.op, r.out, sorted(r.node.inputs)) for r in found.arch.rows] == [
        (r.layer.op, r.out, sorted(r.node.inputs)) for r in arch.rows
    ]
    guessed = [note for note in found.notes if "is taken from names" in note]
    assert len(guessed) == (name != "googlenet")  # whose joins take all branches


def test_a_join_that_no_name_and_no_figure_tells_stays_open() -> None:
    rows = [("conv1", 32, 3, 8), ("conv2", 32, 8, 8), ("skip add", 32, 8, 8), ("conv3", 32, 8, 8)]
    text = printouts.markdown(
        ("layer", "n_in", "ch_in", "ch_out", "kernel", "stride", "padding"),
        [(name, n, given, out, *((3, 1, 1) if "conv" in name else ("", "", ""))) for name, n, given, out in rows],
    )
    found = infer(text)
    assert found.arch is None
    assert "which maps it joins is not stated" in found.summary[-1]


@settings(max_examples=40)
@given(plain(), st.integers(0, 10**9))
def test_random_networks_in_code(spec: Spec, seed: int) -> None:
    arch = load(spec)
    if sum(row.layer.op == "conv" for row, _ in windows(arch)) > 1:
        found = infer(code(arch, random.Random(seed)), arch.input)
        assert found.arch is not None, found.summary
        assert windows_of(found.arch) == windows_of(arch)


def test_the_first_documents_table() -> None:
    """Its ten rows: 18 in front of the pool over 6x6, 18 + 5*2 after."""
    found = infer(printouts.FIELD_TEXT)
    assert found.arch is not None
    assert found.arch.receptive_field == ((18, 18), (28, 28))
    assert "biases are not stated: taken as torch's default, with them" in found.notes


def test_keras_code() -> None:
    """32*9 + 32; 32*9 + 32*64 + 64; 2*64; 64*10 + 10; tf's same: 13 to 7."""
    found = infer(KERAS)
    assert found.arch is not None
    assert found.arch.params == 320 + (288 + 2048 + 64) + 128 + 650
    assert [str(row.out) for row in found.arch.rows if row.layer.op in ("conv", "max_pool")] == [
        "32x26x26", "32x13x13", "32x7x7", "64x7x7",
    ]  # fmt: skip


def test_forward_says_the_order() -> None:
    """The pool stands first and runs twice; a layer that forward never calls is none."""
    found = infer(SHARED_POOL.format(second=8), (1, 28, 28))
    assert found.arch is not None
    assert [row.layer.op for row in found.arch.rows] == ["conv", "max_pool", "conv", "max_pool", "conv"]
    assert found.arch.receptive_field.before_global_pool == (18, 18)


def test_a_list() -> None:
    found = infer(LIST.format(dilated=17), (3, 32, 32))
    assert found.arch is not None
    assert found.arch.receptive_field.before_global_pool == (21, 21)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nn.Conv2d(3, 8, 5)\nnn.Conv2d(16, 8, 3)", "line 3: Conv2d: takes 16 channels, the layer above makes 8"),
        ("nn.Conv2d(3, 8, k)\nnn.Conv2d(8, 8, 3)\nnn.Conv2d(8, 8, 3)", "nothing to build layers of"),
        ("nn.Conv2d(3, 8, 5)\nnn.LSTM(8, 8)\nnn.Conv2d(8, 8, 3)", "LSTM: rfcalc cannot tell what it does: LSTM"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_named(text: str, why: str) -> None:
    try:
        said = "; ".join(infer(f"```\n{text}\n```", (3, 32, 32)).summary)
    except RfcalcError as error:
        said = str(error)
    assert why in said


def test_the_input_must_be_known() -> None:
    with pytest.raises(RfcalcError, match=r"line 2: the input's size is not stated: state the input with --input"):
        infer("```\nnn.Conv2d(3, 8, 5)\nnn.Conv2d(8, 8, 3)\n```")
    found = infer("On CIFAR-10:\n```\nnn.Conv2d(3, 8, 5)\nnn.Conv2d(8, 8, 3)\n```")
    assert (found.image.channels, found.image.sizes) == (3, (32, 32))


JOINED = """
```python
class Block(nn.Module):
    def __init__(self, a, b, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(a, b, 3, stride=stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(b, b, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(a, b, 1, stride=stride, bias=False)

    def forward(self, x):
        out = self.conv2(F.relu(self.conv1(x)))
        out += self.shortcut(x)
        return F.relu(out)


class Merge(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.fuse = nn.Conv2d(a, b, 1, bias=False)

    def forward(self, x, skip):
        return self.fuse(torch.cat([F.interpolate(x, scale_factor=2), skip], dim=1))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.block = Block(8, 16, 2)
        self.left = nn.Conv2d(16, 4, 1, bias=False)
        self.right = nn.Conv2d(16, 12, 5, padding=2, bias=False)
        self.merge = Merge(24, 10)
        self.shared = nn.Conv2d(10, 10, 3, padding=1, bias=False)

    def forward(self, x):
        x = self.stem(x)
        deep = self.block(x)
        deep = {join}
        x = self.merge(deep, x)
        return self.shared(self.shared(x))
```
"""


def test_joins_in_forward_are_read() -> None:
    """Fields 3; 5, 9 beside 3; 9 beside 9 + 4*2 = 17; up and joined with 3: 17; then 19 and 21 by one convolution.
    216 + (1152 + 2304 + 128) + (64 + 4800) + 240 + 900."""
    found = infer(JOINED.replace("{join}", "torch.cat([self.left(deep), self.right(deep)], 1)"), (3, 32, 32))
    assert found.arch is not None
    assert [row.layer.op for row in found.arch.rows if row.layer.joins] == ["add", "concat", "concat"]
    rows = {row.name: row for row in found.arch.rows}
    assert {row.out.axes[0].receptive_field for row in rows.values() if row.layer.op == "concat"} == {17}
    assert found.params == 216 + (1152 + 2304 + 128) + (64 + 4800) + 240 + 900
    assert not found.options


@pytest.mark.parametrize(
    ("join", "why"),
    [
        ("torch.cat([self.left(deep), deep], 2)",         "forward joins maps along dimension 2: no layer does that"),
        ("torch.cat(outs, 1)",                            "forward joins a list of maps"),
        ("self.left(deep) + self.right(deep)",            "joins maps of different channels: 4x16x16 and 12x16x16"),
        ("torch.cat([self.left(deep), self.table], 1)",   "forward uses self.table"),
    ],
)  # fmt: skip
def test_joins_that_cannot_be_told(join: str, why: str) -> None:
    found = infer(JOINED.replace("{join}", join), (3, 32, 32))
    assert found.arch is None
    assert any(why in line for line in found.summary)


BRANCHES = """
Trained on CIFAR-10.

| layer | k | s | in channels | out channels | r_in | r_out | size |
|---|---|---|---|---|---|---|---|
| conv | 3 | 1 | 3 | 32 | 1 | 3 | 32 |
| branch 1: conv 1x1 | 1 | 1 | 32 | 16 | 3 | 3 | 32 |
| branch 2: conv 3x3 | 3 | 1 | 32 | 24 | 3 | 5 | 32 |
| branch 3: conv 1x1 | 1 | 1 | 32 | 8 | 3 | 3 | 32 |
| branch 3: conv 5x5 | 5 | 1 | 8 | 12 | 3 | 7 | 32 |
| concat | | | | 52 | | 7 | 32 |
| conv | 3 | 2 | 52 | 64 | 7 | 9 | 16 |
"""


@pytest.mark.parametrize("left_out", ["", "concat"])
def test_branches_of_a_table(left_out: str) -> None:
    """Each branch reads the first row, the last row all three: 16 + 24 + 12 = 52 channels, with a row for it or
    without. 896 + 528 + 6936 + 264 + 2412 + 30016."""
    lines = [line for line in BRANCHES.split("\n") if not left_out or left_out not in line]
    found = infer("\n".join(lines))
    assert found.arch is not None
    assert found.params == 896 + 528 + 6936 + 264 + 2412 + 30016
    assert found.arch.receptive_field.before_global_pool == (9, 9)
    assert [row.node.inputs for row in found.arch.rows] == [(0,), (1,), (1,), (1,), (4,), (2, 3, 5), (6,)]


def test_prints_come_first_in_the_list() -> None:
    text = f"# Table\n\n{printouts.FIELD_TEXT}\n# Code\n{SHARED_POOL}\n# Print\n\n{printouts.S9_TEXT}"
    titles = [line.partition(" (")[0] for line in list_models(text)]
    assert [title.rpartition(" / ")[2] for title in titles][1:] == ["2: CIFAR10", "3: Code"]
    assert infer(text, (1, 28, 28), model="Code").arch is not None
    assert infer(text).params == 180_298


@pytest.mark.parametrize(
    ("body", "steps"),
    [
        ("x = self.a(x)\n    return self.b(F.relu(x)).view(-1, 10)", ["a", "b"]),
        ("return self.b(self.a(x))",                                 ["a", "b"]),
        ("x = x + self.a(x)\n    return x",                         [[[], ["a"]]]),
        ("x = self.a(x)\n    x += self.b(x)\n    return self.c(x)", ["a", [[], ["b"]], "c"]),
        ("return torch.cat([self.a(x), self.b(x)], 1)",              [[["a"], ["b"]]]),
        ("return mystery(self.a(x))",                                ["a", "calls mystery"]),
        ("x +",                                                      None),
    ],
)  # fmt: skip
def test_steps_of_forward(body: str, steps: list[Any] | None) -> None:
    found = forward_steps(f"def forward(self, x):\n    {body}")
    assert steps == (None if found is None else named(found))


def named(steps: Sequence[Step]) -> list[Any]:
    """The steps by name; of a join what lies on each way to it."""
    return [[named(way) for way in s.branches] if s.branches else s.layer or s.problem or s.name for s in steps]


def test_prose_about_a_place_decides() -> None:
    """A 3x3 convolution with padding and dilation 2 prints the map of one with padding 1: the text says which."""
    rows = [
        ("Conv2d", (8, 32, 32), 224), ("Conv2d", (8, 32, 32), 584), ("MaxPool2d", (8, 16, 16), 0),
        ("Conv2d", (16, 16, 16), 1168), ("Conv2d", (16, 16, 16), 2320),
    ]  # fmt: skip
    printed = printouts.summary(rows, (3, 32, 32))

    def dilations(sentence: str) -> list[int]:
        found = infer(f"{sentence}\n\n{printed}", (3, 32, 32))
        assert found.arch is not None
        return [row.windows[0].dilation for row in found.arch.rows if row.layer.op == "conv"]

    assert dilations("") == [1, 1, 1, 1]
    assert dilations("There is a dilation of 2 in layer 2.") == [1, 2, 1, 1]
    assert dilations("Dilation is not used in layer 2.") == [1, 1, 1, 1]
    assert sorted(dilations("We use dilation 2 in block 2.")[2:]) == [1, 2]
    assert dilations("We use dilation 2 in block 2.")[:2] == [1, 1]


def test_layers_on_one_line() -> None:
    """432 + 16, 32, 4608 + 32, 64, 320 + 10."""
    text = """On CIFAR-10:
```
nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(),
    nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU(),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
```"""
    assert infer(text).params == 448 + 32 + 4640 + 64 + 330


@pytest.mark.parametrize(("name", "channels"), [("conv ({a} -> {b})", "-"), ("conv", "{a} → {b}")])
def test_channels_with_an_arrow(name: str, channels: str) -> None:
    """432 + 16 and 4608 + 32."""
    heads = ("| layer | kernel | stride | channels | size |", "|---|---|---|---|---|")
    rows = (f"| {name} | 3 | 1 | {channels} | 32 |".format(a=a, b=b) for a, b in ((3, 16), (16, 32)))
    assert infer("On CIFAR-10:\n\n" + "\n".join((*heads, *rows))).params == 448 + 4640
