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
from rfcalc.readme.read.forward import Step, steps_of
from tests import printouts
from tests.printed_networks import Spec, plain
from tests.readme.test_kinds import LIST, SHARED_POOL
from tests.readme.written import code, windows
from tests.strategies import load

CHAINS = ("c12", "dilated93", "mnist28", "s9", "valid149k", "vgg16")
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


def test_joins_in_forward_are_no_chain() -> None:
    source = SHARED_POOL.format(second=8).replace("return self.conv3(x)", "return x + self.conv3(x)")
    found = infer(source, (1, 28, 28))
    assert found.arch is None
    assert "forward adds or multiplies maps" in found.summary[-1]


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
    found = steps_of(f"def forward(self, x):\n    {body}")
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
