"""The page's follower against the engine: its fields, its path counts along each axis, its units that see a place; and
against torch's gradient with all weights one, over all axes at once."""

import random
from collections.abc import Iterator
from fractions import Fraction
from math import prod
from typing import Any

import pytest
from hypothesis import given, settings

import rfcalc
from rfcalc import Arch
from rfcalc.engine.arch import Row
from rfcalc.engine.paths import counting, on_image, steps_of, unpacked
from rfcalc.engine.reach import reach
from rfcalc.report.unit import unit_view
from tests.page.node import along, ask, taps
from tests.strategies import archs

EXACT = 2**53
RESIDUAL = "{input: [1, 5, 5], layers: [conv: {out_channels: 1, kernel_size: 3, padding: 1}, add: [conv1, input]]}"


def units(arch: Arch, count: int, seed: int = 0) -> list[tuple[Row, tuple[int, ...]]]:
    """Random units of random layers, the corners of the last one among them."""
    draw = random.Random(f"{arch.name} {seed}")
    rows = [arch.rows[-1], arch.rows[-1], *(draw.choice(arch.rows) for _ in range(count - 2))]
    found = [(row, tuple(draw.randrange(n) for n in row.out.sizes)) for row in rows]
    ends = [tuple(0 for _ in arch.rows[-1].out.sizes), tuple(n - 1 for n in arch.rows[-1].out.sizes)]
    return [*((arch.rows[-1], end) for end in ends), *found[2:]]


def asked(what: str, row: Row, unit: Any, **more: Any) -> dict[str, Any]:
    return {"what": what, "layer": row.index, "unit": unit, **more}


# --- along each axis, against the engine's own integers -----------------------------------------------------------


def counts_along(arch: Arch, axis: int) -> list[list[list[Fraction]]]:
    """The engine's path counts of all units of all layers along one axis."""
    steps = steps_of(arch, axis)
    width, scales, _ = counting(steps)
    size = arch.sizes[axis]
    found = []
    for index, packed in enumerate(on_image(steps, size, width, scales), 1):
        rows = [[Fraction(n, scales[index]) for n in unpacked(unit, width)] for unit in packed]
        found.append([row + [Fraction(0)] * (size - len(row)) for row in rows])
    return found


def equal(found: float, exact: Fraction) -> bool:
    """Whole numbers below 2^53 are exact, all else is to 1e-12."""
    if exact.denominator == 1 and exact < EXACT:
        return found == exact
    return abs(Fraction(found) - exact) <= exact * Fraction(1, 10**12)


def check_axes(arch: Arch, picked: list[tuple[Row, tuple[int, ...]]]) -> None:
    net = taps(arch)
    for axis in range(len(arch.sizes)):
        exact = counts_along(arch, axis)
        alone = ask(along(net, axis), [asked("paths", row, [unit[axis]]) for row, unit in picked])
        fields = ask(net, [asked("span", row, unit[axis], axis=axis) for row, unit in picked])
        for (row, unit), found, span in zip(picked, alone, fields, strict=True):
            assert all(map(equal, found, exact[row.index - 1][unit[axis]])), (row, unit, axis)
            field = row.out.axes[axis].at(unit[axis])
            assert span == (field and [field.first, field.last]), (row, unit, axis)


def small(name: str) -> Arch:
    """A shipped spec on an image of 32 pixels, where its own is large."""
    arch = rfcalc.load(name)
    return arch if arch.sizes[0] <= 32 else rfcalc.load(name, (3, 32, 32))


@pytest.mark.parametrize("name", rfcalc.names())
def test_shipped_specs_along_each_axis(name: str) -> None:
    check_axes(small(name), units(small(name), 8))


@pytest.mark.deep
@pytest.mark.parametrize("name", rfcalc.names())
def test_shipped_specs_at_their_own_size_along_each_axis(name: str) -> None:
    arch = rfcalc.load(name)
    check_axes(arch, units(arch, 40))


@settings(max_examples=20)
@given(archs())
def test_random_networks_along_each_axis(arch: Arch) -> None:
    check_axes(arch, units(arch, 6))


@pytest.mark.deep
@settings(max_examples=1000)
@given(archs(max_layers=16))
def test_many_random_networks_along_each_axis(arch: Arch) -> None:
    check_axes(arch, units(arch, 12))


# --- over all axes, against torch ---------------------------------------------------------------------------------


def check_torch(arch: Arch, picked: list[tuple[Row, tuple[int, ...]]]) -> None:
    """Path counts from the image and from an earlier layer, and the same paths followed from the place forward."""
    double = pytest.importorskip("tests.page.ones").Ones(arch)
    net = taps(arch)
    asks, expected = [], []
    for row, unit in picked:
        for source in {0, row.index // 2}:
            asks.append(asked("paths", row, unit, source=source))
            expected.append(double.gradient(row.index, unit, source))
    for question, found, exact in zip(asks, ask(net, asks), expected, strict=True):
        assert found == pytest.approx(exact, rel=1e-12, abs=0), question
        if all(value == int(value) < EXACT for value in exact):
            assert found == exact, question
    check_forward(net, arch, picked)


def check_forward(net: dict[str, Any], arch: Arch, picked: list[tuple[Row, tuple[int, ...]]]) -> None:
    """A place counts as many paths to a unit as the unit counts from it."""
    for row, unit in picked:
        place = [n // 3 for n in arch.sizes]
        back, forth = ask(net, [asked("paths", row, unit), asked("watchers", row, place)])
        one, other = back[flat(place, arch.sizes)], forth[flat(unit, row.out.sizes)]
        assert one == pytest.approx(other, rel=1e-12, abs=0), (row, unit)


def flat(place: Any, sizes: Any) -> int:
    index = 0
    for at, size in zip(place, sizes, strict=True):
        index = index * size + at
    return index


@pytest.mark.parametrize("name", rfcalc.names())
def test_shipped_specs_against_torch(name: str) -> None:
    pytest.importorskip("torch")
    check_torch(small(name), units(small(name), 4))


@pytest.mark.deep
@pytest.mark.parametrize("name", rfcalc.names())
def test_shipped_specs_at_their_own_size_against_torch(name: str) -> None:
    pytest.importorskip("torch")
    arch = rfcalc.load(name)
    check_torch(arch, units(arch, 12))


@settings(max_examples=20)
@given(archs())
def test_random_networks_against_torch(arch: Arch) -> None:
    pytest.importorskip("torch")
    check_torch(arch, units(arch, 4))


@pytest.mark.deep
@settings(max_examples=1000)
@given(archs(max_layers=16))
def test_many_random_networks_against_torch(arch: Arch) -> None:
    pytest.importorskip("torch")
    check_torch(arch, units(arch, 8))


def test_a_residual_adds_in_the_plane() -> None:
    arch = rfcalc.loads(RESIDUAL)
    (found,) = ask(taps(arch), [asked("paths", arch.rows[1], (2, 2))])
    assert [found[i : i + 5] for i in range(5, 20, 5)] == [[0, 1, 1, 1, 0], [0, 1, 2, 1, 0], [0, 1, 1, 1, 0]]


THIRDS = """
input: [1, 2]
layers:
  - upsample: {name: up, scale_factor: 3, mode: linear}
  - adaptive_avg_pool: {name: all, output_size: 1}
  - multiply: {name: both, from: [up, all]}
"""


def test_thirds_that_come_to_a_whole_come_to_exactly_that() -> None:
    """Each of two pixels is worth three of the six places between them: 1 + 1 + 2/3 + 1/3."""
    arch = rfcalc.loads(THIRDS)
    asks = [asked("paths", arch["all"], (0,)), *(asked("paths", arch["both"], (unit,)) for unit in range(6))]
    pool, *both = ask(taps(arch), asks)
    assert pool == [3, 3]
    assert (both[0], both[5]) == ([4, 3], [3, 4])  # the outer places are a pixel alone


# --- what is said of a unit ---------------------------------------------------------------------------------------


def expected_readout(arch: Arch, row: Row, unit: tuple[int, ...]) -> str:
    """The sentence by the engine alone: its field clipped to the image, and of that what its boxes hold."""
    names = {1: ["columns"], 2: ["rows", "columns"], 3: ["planes", "rows", "columns"]}[len(unit)]
    fields = [axis.at(at) for axis, at in zip(row.out.axes, unit, strict=True)]
    head = f"{row.name} unit {','.join(map(str, unit))}"
    sides = []
    for field, size in zip(fields, arch.sizes, strict=True):
        assert field is not None
        sides.append((max(field.first, 0), min(field.last, size - 1)))
    seen = reach(arch, [range(a, b + 1) for a, b in sides])[row.index]
    assert seen is not None
    assert not seen.hull
    read = {place for box in seen.boxes for place in places([box[a][at] for a, at in enumerate(unit)])}
    where = ", ".join(f"{name} {a}-{b}" for name, (a, b) in zip(names, sides, strict=True))
    return f"{head}: {where}, {len(read)} of {prod(b - a + 1 for a, b in sides)} pixels read"


def places(masks: list[int]) -> Iterator[tuple[int, ...]]:
    if not masks:
        yield ()
        return
    for i in range(masks[0].bit_length()):
        if masks[0] >> i & 1:
            for rest in places(masks[1:]):
                yield (i, *rest)


@pytest.mark.parametrize("name", ["s9", "resnet18", "googlenet", "unet", "valid149k"])
@pytest.mark.parametrize("count", [5, pytest.param(200, marks=pytest.mark.deep)])
def test_readouts_are_the_engines(name: str, count: int) -> None:
    arch = rfcalc.load(name)
    picked = units(arch, count, seed=1)
    said = ask(taps(arch), [asked("readout", row, unit) for row, unit in picked])
    for (row, unit), found in zip(picked, said, strict=True):
        assert found == expected_readout(arch, row, unit)


def test_the_sentence_of_the_contract() -> None:
    arch = rfcalc.load("s9")
    (said,) = ask(taps(arch), [asked("readout", arch["C6"], (3, 4))])
    assert said == "C6 unit 3,4: rows 3-25, columns 7-29, 529 of 529 pixels read"


SAID = """
input: [1, 9, 9]
layers:
  - conv: {name: holes, out_channels: 1, kernel_size: 3, dilation: 2, padding: 2}
  - conv: {name: wrap, from: input, out_channels: 1, kernel_size: 3, padding: 1, padding_mode: circular}
  - pad: {name: out, from: input, padding: 3}
"""


@pytest.mark.parametrize(
    "said",
    [
        "holes unit 4,4: rows 2-6, columns 2-6, 9 of 25 pixels read",
        "holes unit 0,4: rows 0-2, columns 2-6, 6 of 15 pixels read",
        "wrap unit 0,4: rows 0-1, columns 3-5, 6 of 6 pixels read, 3 more by copies behind the border",
        "out unit 0,0: sees only what lies outside the image",
        "out unit 3,4: rows 0-0, columns 1-1, 1 of 1 pixels read",
    ],
)
def test_what_is_said(said: str) -> None:
    arch = rfcalc.loads(SAID)
    layer, _, place = said.partition(":")[0].split()
    unit = tuple(map(int, place.split(",")))
    assert ask(taps(arch), [asked("readout", arch[layer], unit)]) == [said]


def test_a_field_on_an_earlier_layer() -> None:
    arch = rfcalc.load("s9")
    view = unit_view(arch, "C6", (3, 4), "C3")
    (said,) = ask(taps(arch), [asked("readout", arch["C6"], (3, 4), source=arch["C3"].index)])
    assert view.fields is not None
    rows, columns = ((max(f.first, 0), min(f.last, 15)) for f in view.fields)
    assert said.startswith(f"C6 unit 3,4: rows {rows[0]}-{rows[1]}, columns {columns[0]}-{columns[1]} of C3, ")
    assert said.endswith("units read")


# --- the state in the address -------------------------------------------------------------------------------------


def test_the_address_says_the_state_and_reads_back() -> None:
    net = taps(rfcalc.load("s9")) | {"start": 37}
    state = {"net": 0, "layer": 18, "unit": [3, 4], "from": 9, "pixel": [5, 7], "heat": "reads",
             "pins": [{"net": 0, "layer": 18, "unit": [1, 2]}, {"net": 0, "layer": 9, "unit": [0, 0]}]}  # fmt: skip
    (text,) = ask(net, [{"what": "fragment", "state": state}])
    start = {"net": 0, "layer": 37, "unit": [1, 1], "from": 0, "pixel": None, "heat": "paths", "pins": []}
    (read,) = ask(net, [{"what": "parsed", "text": f"#{text}", "state": start}])
    assert start | read == state


NOTHING = ("#layer=nothing&unit=9", "#unit=7,1&pin=0/C6@99,1&pin=5/C6@1,1&pin=x", "#net=7&heat=red", "#%")


@pytest.mark.parametrize("text", NOTHING)
def test_an_address_that_names_nothing_changes_nothing(text: str) -> None:
    net = taps(rfcalc.load("s9")) | {"start": 37}
    start = {"net": 0, "layer": 18, "unit": [3, 4], "from": 0, "pixel": None, "heat": "paths", "pins": []}
    (read,) = ask(net, [{"what": "parsed", "text": text, "state": start}])
    assert start | read == start
