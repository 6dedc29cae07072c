"""Mistakes and habits of students' documents, each in a small one of its own with figures worked out by hand."""

from __future__ import annotations

import pytest

from rfcalc.readme.audit.audit import audit
from rfcalc.readme.audit.verdict import Audit
from rfcalc.readme.infer.infer import infer
from rfcalc.readme.read.headings import column_of


def cells(found: Audit) -> list[tuple[object, ...]]:
    return [(c.row, c.column, c.stated, c.computed) for c in found.cells if c.kind == "local"]


def verdicts(found: Audit, quantity: str) -> list[str]:
    return [claim.verdict for claim in found.claims if claim.quantity == quantity]


DOUBLED = """
```python
class Net(nn.Module):
    def __init__(self):
        self.a = nn.Conv2d(1, 8, 3)   # RF = 3
        self.b = nn.Conv2d(8, 8, 3)   # RF = 5
        self.p = nn.MaxPool2d(2, 2)   # RF = {}
        self.c = nn.Conv2d(8, 8, 3)   # RF = {}
        self.q = nn.MaxPool2d(2, 2)   # RF = {}
        self.d = nn.Conv2d(8, 10, 3)  # RF = {}

    def forward(self, x):
        x = self.p(self.b(self.a(x)))
        return self.d(self.q(self.c(x)))
```
"""


def test_a_field_that_doubles_at_each_pool() -> None:
    """5+1, 6+2*2, 10+2, 12+2*4: most comments are wrong, but the settings are those that run."""
    assert audit(DOUBLED.format(6, 10, 12, 20)).exit_code == 0
    wrong = [(3, "r_out", 10, 6), (4, "r_out", 12, 10), (5, "r_out", 24, 12), (6, "r_out", 26, 20)]
    assert cells(audit(DOUBLED.format(10, 12, 24, 26))) == wrong


def test_comments_that_state_each_kernel_s_own_field_are_no_mistakes() -> None:
    own = DOUBLED.replace("RF = 5", "RF = 3").format(2, 3, 2, 3)
    assert audit(own).exit_code == 0


BELOW = """
```python
class Net(nn.Module):
    def __init__(self):
        # RF = 1
        self.a = nn.Sequential(
            nn.Conv2d(1, 8, 3),
            nn.ReLU()
        )
        # input_size = 28x28x1
        # output_size = 26x26x8
        # RF = 3

        self.b = nn.Sequential(
            nn.Conv2d(8, 8, 3),
            nn.ReLU()
        )
        # input_size = 26x26x8
        # output_size = 24x24x8
        # RF = {}

        self.p = nn.MaxPool2d(2, 2)
        # input_size = 24x24x8
        # output_size = {}x{}x8
        # RF = 6

    def forward(self, x):
        return self.p(self.b(self.a(x)))
```
"""


def test_comments_of_several_lines_below_their_layers() -> None:
    """3+2 = 5; 24/2 = 12. The field of the image in front of the first layer does not turn them round."""
    assert verdicts(audit(BELOW.format(5, 12, 12)), "code comments") == ["right"]
    assert cells(audit(BELOW.format(7, 12, 12))) == [(2, "r_out", 7, 5)]
    assert cells(audit(BELOW.format(5, 14, 14))) == [(3, "n_out", 14, 12)]


SUMMARY = """
```
        Conv2d-1   [-1, 8, 26, 26]    72
          ReLU-2   [-1, 8, 26, 26]     0
        Conv2d-3  [-1, 16, 24, 24]  1,152
Total params: 1,224
```
"""
COMPARED = """
| Model | Target | Result |
|---|---|---|
| plain | see how it learns | Total parameters - 2,448 |
| smaller | the parameter count was {} | Total parameters - {} |
"""


@pytest.mark.parametrize(
    ("before", "stated", "found"),
    [
        ("above 2k", "1,624", ["undetermined", "undetermined", "undetermined"]),  # neither is the printed one
        ("above 2k", "1,224", ["undetermined", "undetermined", "right"]),         # 72 + 1152; the plain one's 2,448
        ("under 1k", "1,224", ["undetermined", "wrong", "right"]),                # no row's
    ],
)  # fmt: skip
def test_a_row_of_a_table_that_compares_models_speaks_of_its_own(before: str, stated: str, found: list[str]) -> None:
    claims = audit(COMPARED.format(before, stated) + SUMMARY).claims
    assert [claim.verdict for claim in claims if claim.quantity == "params" and claim.line < 7] == found


def test_a_table_with_one_total_speaks_of_the_print() -> None:
    table = "| What | Figure |\n|---|---|\n| data | MNIST |\n| size | Total parameters: 1,284 |\n"
    assert "wrong" in [claim.verdict for claim in audit(table + SUMMARY).claims if claim.quantity == "params"]


COLUMNS = """
| Layer | N in | p | k | s | n out | r | Output Shape | Param # |
|---|---|---|---|---|---|---|---|---|
| Conv2d-1 | 28 | 0 | 3 | 1 | {first} | 3 | [-1, 8, 26, 26] | 72 |
| Conv2d-2 | {first} | 0 | 3 | 1 | {second} | 5 | [-1, 16, 24, 24] | 1152 |
| Conv2d-3 | {second} | 0 | {kernel} | 1 | {third} | {field} | [-1, 8, 24, 24] | 128 |
| Conv2d-4 | {third} | 0 | 3 | 1 | {fourth} | {last} | [-1, 8, 22, 22] | 576 |
"""  # 28 - 2 = 26, 24, 24 after the 1x1, 22; 72 = 9*8, 1152 = 9*8*16, 128 = 16*8, 576 = 9*8*8


def test_a_kernel_that_the_row_s_own_count_contradicts() -> None:
    right = {"first": 26, "second": 24, "third": 24, "fourth": 22, "field": 5, "last": 7}
    assert audit(COLUMNS.format(kernel=1, **right)).exit_code == 0
    assert cells(audit(COLUMNS.format(kernel=3, **right))) == [(3, "kernel_size", 3, 1)]
    assert verdicts(audit(COLUMNS.format(kernel=3, **right)), "row params") == ["right"]
    followed = {**right, "third": 22, "fourth": 20, "field": 7, "last": 9}  # as if the kernel were 3
    assert (3, "kernel_size", 3, 1) in cells(audit(COLUMNS.format(kernel=3, **followed)))


def test_no_repair_contradicts_what_its_row_states() -> None:
    """The first row's output is not cut and its field is left out, so that all below follows from a kernel of 1 there;
    but 72 = 9*1*8 says 3."""
    late = COLUMNS.replace("{first} | 3 |", "{first} | |", 1).replace("{second} | 5 |", "{second} | 3 |")
    found = audit(late.format(kernel=1, first=28, second=26, third=26, fourth=24, field=3, last=5))
    assert cells(found) == [(1, "n_out", 28, 26), (2, "r_out", 3, 5)]
    assert not any("kernel_size" in claim.why for claim in found.claims)


OWN_NORMS = """
        Conv2d-1   [-1, 8, 26, 26]    72
 GhostBatchNorm-2  [-1, 8, 26, 26]    {count}
          ReLU-3   [-1, 8, 26, 26]     0
        Conv2d-4   [-1, 8, 24, 24]   576
 GhostBatchNorm-5  [-1, 8, 24, 24]    {count}
"""


def test_a_writer_s_own_norm_is_a_norm() -> None:
    """Two values for each of 8 channels."""
    found = infer(OWN_NORMS.format(count=16), (1, 28, 28))
    assert found.ok
    assert found.params == 72 + 16 + 576 + 16
    assert verdicts(audit(OWN_NORMS.format(count=16)), "row") == []


def test_rows_that_nothing_explains_are_named_together() -> None:
    rows = [claim for claim in audit(OWN_NORMS.format(count=17)).claims if claim.quantity == "row"]
    assert [(row.stated, row.verdict) for row in rows] == [("GhostBatchNorm-2 and 1 more", "undetermined")]


PLAIN = """
        Conv2d-1    [-1, 8, 26, 26]    72
          ReLU-2    [-1, 8, 26, 26]     0
        Conv2d-3   [-1, 10, 24, 24]   {count}
        Conv2d-4   [-1, 16, 22, 22]  1,440
Total params: {total}
Trainable params: {total}
Non-trainable params: 0
"""


def test_the_row_that_alone_would_have_a_bias() -> None:
    """730 = 10 * (9*8 + 1) is a count too, but of a layer with a bias, which no other has."""
    assert audit(PLAIN.format(count=720, total="2,232")).exit_code == 0
    assert cells(audit(PLAIN.format(count=730, total="2,232"))) == [(3, "params", 730, 720)]
    assert cells(audit(PLAIN.format(count=720, total="2,242"))) == []  # the totals, or a bias


UNSEEN_POOL = """
        Conv2d-1    [-1, 8, 26, 26]    72
        Conv2d-2   [-1, 10, 22, 22]   {conv}
        Linear-3           [-1, 10]   {linear}
Total params: 14,182
Trainable params: 14,182
Non-trainable params: 0
"""  # 72 + 5*5*8*10 + 10*(10*11*11 + 1)


def test_a_count_that_no_layer_can_have() -> None:
    """The pool in front of the linear layer prints no row: 22x22 become 11x11."""
    assert audit(UNSEEN_POOL.format(conv="2,000", linear="12,110")).exit_code == 0
    assert cells(audit(UNSEEN_POOL.format(conv="2,000", linear="13,110"))) == [(3, "params", 13_110, 12_110)]
    assert cells(audit(UNSEEN_POOL.format(conv="2,100", linear="12,110"))) == [(2, "params", 2_100, 2_000)]


def test_a_layer_norm_over_the_last_axis() -> None:
    """52 = 2 * 26, where one over all would have 2 * 8 * 26 * 26."""
    rows = audit("Conv2d-1 [-1, 8, 26, 26] 72\nLayerNorm-2 [-1, 8, 26, 26] 52\nReLU-3 [-1, 8, 26, 26] 0\n").claims
    assert [row.why for row in rows if row.quantity == "row" and "over its last axes" in row.why]


PRINT = """
        Layer (type)               Output Shape         Param #
================================================================
            Conv2d-1            [-1, 8, 26, 26]              72
       BatchNorm2d-2            [-1, 8, 26, 26]              16
              ReLU-3            [-1, 8, 26, 26]               0
            Conv2d-4           [-1, 16, 24, 24]           1,152
              ReLU-5           [-1, 16, 24, 24]               0
         MaxPool2d-6           [-1, 16, 12, 12]               0
            Conv2d-7           [-1, 10, 10, 10]           1,440
================================================================
Total params: 2,680
"""


@pytest.mark.parametrize(
    ("printed", "instead", "slip"),
    [
        ("8, 26, 26]              16", "9, 26, 26]              16", (2, "ch_out", 9, 8)),
        ("8, 26, 26]               0", "8, 25, 25]               0", (3, "n_out", 25, 26)),
        ("16, 24, 24]           1,152", "15, 24, 24]           1,152", (4, "ch_out", 15, 16)),
        ("16, 24, 24]               0", "18, 24, 24]               0", (5, "ch_out", 18, 16)),
        ("16, 12, 12]", "14, 12, 12]", (6, "ch_out", 14, 16)),
        ("10, 10, 10]", "11, 10, 10]", (7, "ch_out", 11, 10)),
    ],
)
def test_a_slip_in_a_printed_shape(printed: str, instead: str, slip: tuple[object, ...]) -> None:
    """The shape is the slip, not the count beside it, nor the rows that follow."""
    assert audit(PRINT).exit_code == 0
    found = audit(PRINT.replace(printed, instead))
    assert cells(found) == [slip]
    assert [claim.quantity for claim in found.claims if claim.verdict == "wrong"] == ["row shapes"]


UNUSUAL = """
        Layer (type)               Output Shape         Param #
================================================================
            Conv2d-1             [-1, 9, 5, 5]              90
            Conv2d-2             [-1, 7, 2, 2]           1,582
         MaxPool2d-3             [-1, 7, 1, 1]               0
            Conv2d-4            [-1, 10, 1, 1]              80
================================================================
Total params: 1,752
"""


def test_an_unusual_shape_that_a_layer_explains_is_no_slip() -> None:
    """A 5x5 with 7 * (9 * 25 + 1) = 1,582 parameters makes 2 of 5 with a padding of 1 and a stride of 2; a usual one
    makes 1."""
    assert audit(UNUSUAL).exit_code == 0


SWAPPED = """
```python
class Net(nn.Module):
    def __init__(self):
        self.a = nn.Conv2d(1, 8, 3)     # 28 -> 26
        self.p2 = nn.MaxPool2d(2, 2)    # 26 -> 13
        self.b = nn.Conv2d(8, 16, 3)    # 13 -> 11
        self.p1 = nn.MaxPool2d(2, 2)    # 11 -> 5
        self.c = nn.Conv2d(16, 10, 3)   # 5 -> {}

    def forward(self, x):
        return self.c(self.p2(self.b(self.p1(self.a(x)))))
```
"""


def test_equal_layers_may_be_called_in_another_order() -> None:
    """Which of two equal pools is which is all one: their comments follow the text."""
    assert audit(SWAPPED.format(3)).exit_code == 0
    assert cells(audit(SWAPPED.format(4))) == [(5, "n_out", 4, 3)]


def test_the_numbers_of_channels_are_no_sizes() -> None:
    found = audit("```python\na = nn.Conv2d(1, 8, 3)  # 1 -> 8\nb = nn.Conv2d(8, 16, 3)  # 8 -> 16\n```")
    assert (found.exit_code, found.cells) == (0, ())


CHOSEN = """
```python
class Net(nn.Module):
    def __init__(self):
        self.a = self.block(1, 8)       # RF 3
        self.b = self.block(8, 16)      # RF 5
        self.p = nn.MaxPool2d(2, 2)     # RF 6
        self.c = self.block(16, 16)     # RF {}
        self.p = nn.MaxPool2d(2, 2)

    def block(self, given, made):
        if self.norm == "batch":
            layers = nn.Sequential(nn.Conv2d(given, made, 3), nn.BatchNorm2d(made))
        elif self.norm == "group":
            layers = nn.Sequential(nn.Conv2d(given, made, 3), nn.GroupNorm(4, made))
        else:
            layers = nn.Conv2d(given, made, 3)
        return layers

    def forward(self, x):
        return self.c(self.p(self.b(self.a(x))))
```
"""


def test_branches_that_exclude_each_other_are_one_layer() -> None:
    """3, 5, then a pool: 6, and 6+2*2 = 10. An attribute that is assigned twice holds one pool."""
    assert audit(CHOSEN.format(10)).exit_code == 0
    assert cells(audit(CHOSEN.format(12))) == [(4, "r_out", 12, 10)]


LINES = """
**Block 1:**
conv-1: input: 28x28x1 output: 26x26x32 RF: 3x3 kernel 3
conv-2: input: 26x26x32 output: 24x24x64 RF: 5x5 kernel 3
MP-1: Max Pool with stride=2 output: 12x12x64 RF: {}

**Block 2:**
conv-3: Input: 12x12x64 output: 10x10x128 RF: 10x10 kernel 3
"""


def test_a_list_goes_on_in_the_next_block() -> None:
    """The size that comes in is no kernel, and the map of the block above comes in."""
    assert audit(LINES.format("6x6")).exit_code == 0
    assert cells(audit(LINES.format("10x10"))) == [(3, "r_out", 10, 6)]


@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("The model has 2.7k params.", "right"),
        ("The model has 2.73k params.", "wrong"),
        ("The parameters can be reduced to less than 2k.", "undetermined"),
    ],
)
def test_sentences_below_a_print(sentence: str, verdict: str) -> None:
    assert verdicts(audit(PRINT + "\n" + sentence), "params")[-1] == verdict


@pytest.mark.parametrize(("stated", "verdict"), [("18.5k", "right"), ("18.6k", "wrong"), ("18,500", "wrong")])
def test_figures_rounded_up(stated: str, verdict: str) -> None:
    """18,448 is nearer to 18.4k, and not so far from 18.5k; what is written in full is not rounded."""
    totals = "Total params: 18,448\nTrainable params: 18,448\nNon-trainable params: 0\n\n"
    assert verdicts(audit(f"{totals}It has {stated} params."), "params")[-1] == verdict


def test_what_is_out_of_reach_is_counted() -> None:
    found = audit("Ours has 97,530 parameters. An older one had 12,345 parameters, and a receptive field of 33.")
    assert (found.tally, list(found.sections)) == (("nothing here to work it out from: 3",), [])


MISSPELT = """
| | r_in | n_in | j_in | s | recptive-field out | n_out | j_out | kernal_size | paddng |
|---|---|---|---|---|---|---|---|---|---|
| Conv | 1 | 32 | 1 | 1 | 3 | 32 | 1 | 3 | 1 |
| Conv | 3 | 32 | 1 | 2 | 5 | 16 | 2 | 3 | 1 |
| Conv | 5 | 16 | 2 | 1 | {} | 16 | 2 | 3 | 1 |
"""


def test_misspelt_headings() -> None:
    """5 + 2*2."""
    assert audit(MISSPELT.format(9)).exit_code == 0
    assert cells(audit(MISSPELT.format(10))) == [(3, "r_out", 10, 9)]


def test_words_like_headings_are_none() -> None:
    assert [column_of(word) for word in ("Activation", "Accuracy", "Outcome", "Parametrs")] == [
        None,
        None,
        None,
        "params",
    ]
