"""Figures in sentences: what a number counts, and where it ends."""

from __future__ import annotations

import pytest

from rfcalc.readme.read.sentences import PATTERNS


@pytest.mark.parametrize(
    ("sentence", "number"),
    [
        ("930 parameters, 811,088 MACs for one image", None),
        ("parameters and 1.8 GMACs", None),
        ("parameters, 12 million multiply-adds", None),
        ("params: 811 M FLOPs", None),
        ("params: 930, MACs: 811", "930"),
        ("params: 930 MACs: 811", "930"),
        ("params 180,298, MACs 33,771,936", "180,298"),
        ("parameters: 92,784.", "92,784"),
    ],
)
def test_multiply_adds_are_no_parameters(sentence: str, number: str | None) -> None:
    found = PATTERNS["params"][0].search(sentence)
    assert (found and found["number"]) == number
