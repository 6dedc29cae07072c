"""The page that says which function has which rule."""

import pytest
import torch
from torch.nn import functional

from rfcalc.tracing.rules import kinds, values, windows
from rfcalc.tracing.rules.table import RULES, TABLE, Rule, by_function
from rfcalc.tracing.spellings import functions


def test_every_spelling_of_a_function_has_its_rule() -> None:
    assert [RULES[f].handler for f in (torch.add, torch.Tensor.add_, torch.Tensor.__radd__)] == [values.arithmetic] * 3
    assert RULES[functional.relu].handler is RULES[torch.Tensor.relu_].handler is windows.activation
    assert RULES[torch.linalg.vector_norm].arguments == ("input", "ord", "dim", "keepdim")
    assert RULES[torch.Tensor.T.__get__].arguments == ("input",)  # type: ignore[attr-defined]


def test_every_name_on_the_page_is_one_of_torchs() -> None:
    names = [name for rule in TABLE for name in rule.names.split()]
    assert len(names) > 300
    assert [name for name in names if not list(functions(name))] == []
    assert len(set(names)) == len(names)


def test_a_function_in_two_lines_is_refused() -> None:
    twice = (Rule("relu gelu", windows.activation), Rule("gelu", values.values))
    with pytest.raises(ValueError, match=r"gelu.* has two rules: relu gelu; gelu"):
        by_function(twice)


def test_what_is_only_asked_or_wants_values_has_no_rule() -> None:
    assert [
        f for kind in (kinds.ABOUT_TENSORS, kinds.CASTS, kinds.READ_VALUES, kinds.FACTORIES) for f in kind if f in RULES
    ] == []
