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
