"""The strategies that users get: what they draw, how far they reach, and how small they shrink."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

import rfcalc
from rfcalc import Arch
from rfcalc.engine.layers import LAYERS
from rfcalc.errors import RfcalcError
from rfcalc.search import family
from rfcalc.testing import OPS, TORCH_OPS, archs, families, images
from rfcalc.testing.drawn_families import DRAWN_VALUES

DRAWS = 1000
QUICK = settings(
    max_examples=DRAWS, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
SMALL = (3, 8, 8)


def field(arch: Arch) -> int | Fraction:
    return min(f or 0 for f in arch.receptive_field.after_global_pool)


def smallest(strategy: st.SearchStrategy[Any], condition: Callable[[Any], bool]) -> Any:
    return find(strategy, condition, settings=QUICK)


@pytest.mark.deep
def test_every_operation_is_drawn_and_fields_above_44_within_a_thousand() -> None:
    seen, drawn = set[str](), 0
    largest: int | Fraction = 0

    @QUICK
    @given(archs())
    def draw(arch: Arch) -> None:
        nonlocal largest, drawn
        drawn += 1
        seen.update(node.layer.op for node in arch.nodes)
        largest = max(largest, min(f or 0 for f in arch.receptive_field.before_global_pool))

    draw()
    assert drawn <= DRAWS
    assert seen == set(LAYERS) == set(OPS)
    assert largest > 44


@pytest.mark.deep
@pytest.mark.parametrize("op", ["add", pytest.param("pixel_shuffle", marks=pytest.mark.deep), "unflatten"])
def test_a_network_shrinks_to_the_layer_that_matters(op: str) -> None:
    arch = smallest(archs(), lambda arch: any(node.layer.op == op for node in arch.nodes))
    assert [node.layer.op for node in arch.nodes] == [op]
    assert set(arch.sizes) == {1}


@pytest.mark.deep
def test_a_wide_field_shrinks_to_few_layers() -> None:
    arch = smallest(archs((1, 32), ops=["conv", "relu", "max_pool"]), lambda arch: field(arch) > 44)
    assert len(arch.nodes) <= 3
    assert {node.layer.op for node in arch.nodes} <= {"conv", "max_pool"}


@settings(max_examples=60)
@given(st.data())
def test_input_number_of_layers_and_operations_are_kept(data: st.DataObject) -> None:
    ops = data.draw(st.lists(st.sampled_from(["conv", "relu", "linear", "add", "flatten", "concat"]), min_size=2))
    most = data.draw(st.integers(1, 5))
    arch = data.draw(archs(SMALL, most, [*ops, "relu"]))
    assert arch.input == SMALL
    assert 1 <= len(arch.nodes) <= most
    assert {node.layer.op for node in arch.nodes} <= {*ops, "relu"}


@settings(max_examples=40)
@given(archs(st.tuples(st.just(5), st.integers(3, 6))))
def test_an_input_may_be_a_strategy(arch: Arch) -> None:
    assert arch.input[0] == 5
    assert 3 <= arch.input[1] <= 6


def test_a_failing_network_is_shown_as_its_spec() -> None:
    @settings(QUICK, max_examples=50, print_blob=False)
    @given(archs(SMALL, ops=["conv"]))
    def fails(arch: Arch) -> None:
        assert arch.params < 10

    with pytest.raises(AssertionError) as failure:
        fails()
    notes = "\n".join(failure.value.__notes__)
    assert "input: [3, 8, 8]\nlayers:\n- conv: {name: L1, out_channels: " in notes
    spec = notes[notes.index("input:") :].split("\n\n")[0]
    assert rfcalc.loads(spec).params >= 10


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(RfcalcError, match="ops: there is no operation 'convolution': did you mean"):
        archs(ops=["convolution"])
    with pytest.raises(RfcalcError, match="name at least one operation"):
        archs(ops=[])
    with pytest.raises(RfcalcError, match="max_layers must be at least 1, not 0"):
        archs(max_layers=0)
    with pytest.raises(RfcalcError, match="choices: there is no colour"):
        find(families(choices=["colour"]), lambda _: True)


def test_torch_builds_what_it_is_said_to_build() -> None:
    pytest.importorskip("torch")
    for op in set(LAYERS) - set(TORCH_OPS):
        arch = find(archs(ops=[op]), lambda _: True, settings=settings(QUICK, phases=[Phase.generate]))  # any will do
        with pytest.raises(RfcalcError, match=r"no torch module|not known"):
            rfcalc.build(arch)


# --- families and images -------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(families())
def test_families_are_read_by_the_search(text: str) -> None:
    assert {variable.name for variable in family.loads(text).variables} <= set(DRAWN_VALUES)


@settings(max_examples=40)
@given(st.lists(st.sampled_from(sorted(DRAWN_VALUES)), unique=True).flatmap(lambda names: families(choices=names)))
def test_families_with_some_choices_are_read_too(text: str) -> None:
    """Alternatives of which none is chosen are those of the first kind."""
    family.loads(text)


@pytest.mark.deep
def test_families_shrink_to_one_layer() -> None:
    text = smallest(families(SMALL), lambda _: True)
    assert len(yaml.safe_load(text)["layers"]) == 1
    fixed = yaml.safe_load(smallest(families(choices=["width"]), lambda _: True))
    assert all(len(values) == 1 for name, values in fixed["choices"].items() if name != "width")


def test_images_fit_the_network_and_are_the_same_again() -> None:
    torch = pytest.importorskip("torch")
    kinds = set()

    @settings(max_examples=60)
    @given(images("s9"), images((1, 5), batch=2))
    def check(x: Any, row: Any) -> None:
        assert x.shape[1:] == (3, 32, 32)
        assert row.shape == (2, 1, 5)
        assert x.dtype == torch.float32
        nonzero = int((x != 0).sum())
        kinds.add(0 if nonzero == 0 else 1 if nonzero == len(x) * 3 else 2 if bool((x == 1).all()) else 3)

    check()
    assert kinds == {0, 1, 2, 3}
    assert smallest(images((3, 4, 4)), lambda _: True).abs().sum() == 0
    with pytest.raises(RfcalcError, match=r"a shape has channels and 1 to 3 sizes, not \[3\]"):
        images((3,))
