"""The algebra of windows and axes, against tables worked out by hand; the sum stands beside each case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import pytest

from rfcalc.engine.geometry import MAX_HOLES, UNKNOWN, Axis, FeatureMap, Field, Strand, Taps, Window, join, union, whole
from rfcalc.engine.layers import adaptive_taps, interpolation_taps, transposed_taps
from rfcalc.errors import ShapeError
from rfcalc.spec.reader import loads

HALF = Fraction(1, 2)


def through(*windows: Window, size: int = 1000) -> Axis:
    """An image after windows; its size does not matter here."""
    axis = Axis.image(size)
    for window in windows:
        axis = axis.through(window.taps(), window.output_size(axis.size))
    return axis


@contextmanager
def refused(fact: str) -> Iterator[None]:
    """Holds when the block raises ShapeError with exactly this text."""
    with pytest.raises(ShapeError) as error:
        yield
    assert str(error.value) == fact


def span(axis: Axis, unit: int) -> tuple[int, int] | None:
    field = axis.at(unit)
    return field and (field.first, field.last)


# --- sizes -------------------------------------------------------------------------------------------------------

SIZES = [
    # n    window                                    size   (n + before + after - ((k-1)*d + 1)) / s + 1
    (32,   Window(3),                                30),   # (32 + 0 - 3) / 1 + 1
    (32,   Window(3, 1, (1, 1)),                     32),   # (32 + 2 - 3) / 1 + 1
    (32,   Window(3, 2, (1, 1)),                     16),   # floor(31 / 2) + 1
    (33,   Window(3, 2, (1, 1)),                     17),   # 32 / 2 + 1
    (8,    Window(3, 2, (1, 1), 2),                  3),    # floor((8 + 2 - 5) / 2) + 1
    (16,   Window(3, 2, (1, 1), 2),                  7),    # floor((16 + 2 - 5) / 2) + 1
    (28,   Window(3, 1, (0, 0), 2),                  24),   # (28 - 5) / 1 + 1
    (224,  Window(7, 2, (3, 3)),                     112),  # floor((224 + 6 - 7) / 2) + 1
    (224,  Window(11, 4, (2, 2)),                    55),   # floor((224 + 4 - 11) / 4) + 1
    (32,   Window(2, 2),                             16),   # 30 / 2 + 1
    (33,   Window(2, 2),                             16),   # floor(31 / 2) + 1
    (7,    Window(7),                                1),    # 0 / 1 + 1
    (1,    Window(1),                                1),    # 0 / 1 + 1
    (1,    Window(3, 1, (1, 1)),                     1),    # (1 + 2 - 3) / 1 + 1
    (5,    Window(2, 1, (0, 1)),                     5),    # (5 + 1 - 2) / 1 + 1
    (5,    Window(2, 1, (3, 0)),                     7),    # (5 + 3 - 2) / 1 + 1
    (5,    Window(1, 1, (-1, -1)),                   3),    # (5 - 2 - 1) / 1 + 1
    (5,    Window(1, 5),                             1),    # floor(4 / 5) + 1
    (10,   Window(1, 3),                             4),    # 9 / 3 + 1
]  # fmt: skip

CEILED = [
    # n   window                     size   ceil(…) + 1, one less where the last window would start after n + before
    (112, Window(3, 2),              56),   # ceil(109 / 2) + 1 = 56
    (6,   Window(2, 2),              3),    # 4 / 2 + 1
    (7,   Window(2, 2),              4),    # ceil(5 / 2) + 1 = 4, starting at 6 < 7
    (5,   Window(1, 3),              2),    # ceil(4 / 3) + 1 = 3, starting at 6 >= 5: 2
    (6,   Window(2, 3, (1, 1)),      3),    # 6 / 3 + 1 = 3, starting at 6 < 7
    (4,   Window(2, 3, (1, 1)),      2),    # ceil(4 / 3) + 1 = 3, starting at 6 >= 5: 2
    (2,   Window(3, 2),              1),    # ceil(-1 / 2) + 1 = 1: the window may stick out by less than its stride
    (2,   Window(5, 4),              1),    # ceil(-3 / 4) + 1 = 1
]  # fmt: skip

MISFITS = [
    # n  window                       ceil   fact
    (2,  Window(3),                   False, "kernel_size=3 does not fit a map of size 2"),
    (2,  Window(3),                   True,  "kernel_size=3 does not fit a map of size 2"),
    (2,  Window(3, 2),                False, "kernel_size=3 does not fit a map of size 2"),
    (2,  Window(6, 4),                True,  "kernel_size=6 does not fit a map of size 2"),
    (4,  Window(3, 1, (0, 0), 2),     False, "kernel_size=3 (dilated by 2 to 5) does not fit a map of size 4"),
    (2,  Window(7, 1, (1, 2)),        False, "kernel_size=7 does not fit a map of size 2 padded to 5"),
]  # fmt: skip


@pytest.mark.parametrize(("n", "window", "size"), SIZES)
def test_size(n: int, window: Window, size: int) -> None:
    assert window.output_size(n) == size


@pytest.mark.parametrize(("n", "window", "size"), CEILED)
def test_size_rounded_up(n: int, window: Window, size: int) -> None:
    assert window.output_size(n, ceil_mode=True) == size


@pytest.mark.parametrize(("n", "window", "ceil", "fact"), MISFITS)
def test_kernel_that_does_not_fit(n: int, window: Window, ceil: bool, fact: str) -> None:
    with refused(fact):
        window.output_size(n, ceil)


@pytest.mark.parametrize(("size", "shown"), [(0, "0"), (-3, "-3"), (2**31, "2,147,483,648")])
def test_size_that_no_map_has(size: int, shown: str) -> None:
    with pytest.raises(ShapeError, match=f"^the map of size 8 would become one of size {shown}$"):
        Axis.image(8).through(Window(1).taps(), size)


# --- chains of windows -------------------------------------------------------------------------------------------

CHAINS = [
    # windows                                                     r    j   start
    ([],                                                          1,   1,  HALF),
    ([Window(1)],                                                 1,   1,  HALF),
    ([Window(3)],                                                 3,   1,  3 * HALF),   # 1/2 + 2/2*1
    ([Window(3, 1, (1, 1))],                                      3,   1,  HALF),       # 1/2 + (2/2 - 1)*1
    ([Window(2, 2)],                                              2,   2,  1),          # 1/2 + 1/2*1
    ([Window(3, 1, (2, 2), 2)],                                   5,   1,  HALF),       # 1 + 2*2; 1/2 + (4/2 - 2)
    ([Window(5, 3, (0, 4))],                                      5,   3,  5 * HALF),   # 1/2 + 4/2
    ([Window(3), Window(3)],                                      5,   1,  5 * HALF),   # 1 + 2 + 2
    ([Window(3, 2, (1, 1)), Window(3, 1, (1, 1))],                7,   2,  HALF),       # 1 + 2*1 + 2*2
    ([Window(7, 2, (3, 3)), Window(3, 2, (1, 1))],                11,  4,  HALF),       # 1 + 6*1 + 2*2
    ([Window(3), Window(2, 2), Window(3), Window(2, 2)],          10,  4,  5),          # 1 + 2 + 1 + 2*2 + 1*2
    ([Window(3, 1, (1, 1), 4), Window(2, 2), Window(3, 1, (0, 0), 2)], 18, 2, 8),       # 1+2*4 +1 +2*2*2; .5+3+.5+4
    ([Window(1, 2), Window(1, 2), Window(1, 2)],                  1,   8,  HALF),       # jumps multiply, nothing adds
    ([Window(1, 1, (-2, -2)), Window(3)],                         3,   1,  7 * HALF),   # cropped by 2: 1/2 + 2 + 1
    ([Window(4, 1, (1, 2))],                                      4,   1,  1),          # 1/2 + 3/2 - 1
]  # fmt: skip


@pytest.mark.parametrize(("windows", "field", "jump", "start"), CHAINS)
def test_chain(windows: list[Window], field: int, jump: int, start: Fraction) -> None:
    axis = through(*windows)
    assert (axis.receptive_field, axis.jump, axis.start) == (field, jump, start)


def test_fields_of_neighbours_lie_a_jump_apart() -> None:
    axis = through(Window(3, 2, (1, 1)), Window(3, 2, (1, 1)))  # r = 1 + 2 + 2*2 = 7, j = 4, first = -1 - 1*2 = -3
    assert [span(axis, unit) for unit in (-1, 0, 1, 2)] == [(-7, -1), (-3, 3), (1, 7), (5, 11)]


def test_same_taps_for_same_window() -> None:
    assert Window(3, 2, (1, 1), 2).taps() == Taps(2, (range(-1, 4, 2),))
    assert list(Window(3, 2, (1, 1), 2).taps().reads[0]) == [-1, 1, 3]


def test_whole() -> None:
    assert (whole(Fraction(4, 2)), type(whole(Fraction(4, 2)))) == (2, int)
    assert whole(Fraction(1, 2)) == HALF
    assert whole(7) == 7


# --- operations whose units differ -------------------------------------------------------------------------------

TRANSPOSED = [
    # window                       reads of o = 0, 1, 2, …    i with i*s - before + t*d = o
    (Window(2, 2),                 [[0], [0]]),               # 0*2 + t
    (Window(3, 2, (1, 1)),         [[0], [0, 1]]),            # o=0: 0*2 - 1 + 1; o=1: 0*2 - 1 + 2 and 1*2 - 1 + 0
    (Window(4, 2, (1, 1)),         [[-1, 0], [0, 1]]),        # o=0: -1*2 - 1 + 3, 0*2 - 1 + 1; o=1: t = 2, t = 0
    (Window(3, 1),                 [[-2, -1, 0]]),            # o=0: 0+0, -1+1, -2+2
    (Window(1, 3),                 [[0], [], []]),            # only o = 0, 3, … get anything
    (Window(2, 3, (1, 0)),         [[0], [], [1]]),           # o=0: 0*3 - 1 + 1; o=2: 1*3 - 1 + 0
    (Window(3, 2, (0, 0), 2),      [[-2, -1, 0], []]),        # taps 0, 2, 4: even places only
    (Window(2, 2, (0, 0), 3),      [[0], [-1]]),              # o=1: -1*2 + 3
    (Window(2, 4, (0, 0), 6),      [[0], [], [-1], []]),      # o=2: -1*4 + 6
]  # fmt: skip


@pytest.mark.parametrize(("window", "reads"), TRANSPOSED)
def test_transposed_reads(window: Window, reads: list[list[int]]) -> None:
    taps = transposed_taps(window)
    assert (taps.advance, [list(r) for r in taps.reads]) == (1, reads)


RESAMPLED = [
    # ratio            linear corners reads                            weights (numerators)           places
    (Fraction(1, 2),   False, False, [[0], [0]],                       None),                         # 0, 1/2
    (Fraction(2, 3),   False, False, [[0], [0], [1]],                  None),                         # 0, 2/3, 4/3
    (Fraction(2),      False, False, [[0]],                            None),                         # 0, 2, …
    (Fraction(1, 2),   True,  False, [[-1, 0], [0, 1]],                [(1, 3), (3, 1)]),             # -1/4, 1/4
    (Fraction(2),      True,  False, [[0, 1]],                         [(1, 1)]),                     # 1/2
    (Fraction(1, 3),   True,  False, [[-1, 0], [0], [0, 1]],           [(1, 2), (3,), (2, 1)]),       # -1/3, 0, 1/3
    (Fraction(3, 7),   True,  True,  [[0], *[[i, i + 1] for i in (0, 0, 1, 1, 2, 2)]],
                       [(7,), (4, 3), (1, 6), (5, 2), (2, 5), (6, 1), (3, 4)]),                       # 0, 3/7, …, 18/7
    (Fraction(0),      True,  True,  [[0]],                            [(1,)]),                       # one unit: 0
]  # fmt: skip


@pytest.mark.parametrize(("ratio", "linear", "corners", "reads", "weights"), RESAMPLED)
def test_resampled_reads(
    ratio: Fraction, linear: bool, corners: bool, reads: list[list[int]], weights: list[tuple[int, ...]] | None
) -> None:
    taps = interpolation_taps(ratio, linear, corners)
    assert [list(r) for r in taps.reads] == reads
    assert taps.advance == ratio.numerator
    assert (taps.weights and list(taps.weights)) == weights
    assert all(sum(w) == taps.scale for w in taps.weights or ())


BINS = [
    # n   m   advance reads                          floor(i*n/m) … ceil((i+1)*n/m) - 1
    (7,   1,  1,      [[0, 1, 2, 3, 4, 5, 6]]),      # the whole map, as a window with stride 1
    (7,   7,  1,      [[0]]),                        # the identity
    (8,   4,  2,      [[0, 1]]),                     # equal bins: a pool with kernel and stride 2
    (7,   3,  7,      [[0, 1, 2], [2, 3, 4], [4, 5, 6]]),  # 0…7/3, 7/3…14/3, 14/3…7
    (5,   4,  5,      [[0, 1], [1, 2], [2, 3], [3, 4]]),   # 0…5/4, 5/4…10/4, 10/4…15/4, 15/4…5
    (2,   4,  1,      [[0], [0]]),                   # more bins than units
    (6,   4,  3,      [[0, 1], [1, 2]]),             # the pattern repeats after 2 bins and 3 units
]  # fmt: skip


@pytest.mark.parametrize(("n", "m", "advance", "reads"), BINS)
def test_adaptive_bins(n: int, m: int, advance: int, reads: list[list[int]]) -> None:
    taps = adaptive_taps(n, m)
    assert (taps.advance, [list(r) for r in taps.reads]) == (advance, reads)


def test_transposed_axis_takes_the_largest_field_of_its_phases() -> None:
    below = through(Window(3, 2, (1, 1)))  # r = 3, j = 2, units see -1…1, 1…3, …
    axis = below.through(transposed_taps(Window(3, 2, (1, 1))), 999)
    assert [span(axis, unit) for unit in range(4)] == [(-1, 1), (-1, 3), (1, 3), (1, 5)]
    assert (axis.receptive_field, axis.jump, axis.start) == (5, 1, HALF)  # 2 units: -1 … 3; jump 2/2; (-1 + 1 + 1)/2
    assert axis.widest_unit() == 1


def test_stride_behind_upsampling_picks_one_phase() -> None:
    doubled = Axis.image(8).through(interpolation_taps(Fraction(1, 2), False, False), 16)
    assert [span(doubled, unit) for unit in range(4)] == [(0, 0), (0, 0), (1, 1), (1, 1)]
    back = doubled.through(Window(1, 2).taps(), 8)
    assert back == Axis.image(8)


def test_units_that_see_nothing() -> None:
    axis = Axis.image(4).through(transposed_taps(Window(1, 3)), 10)
    assert [span(axis, unit) for unit in range(5)] == [(0, 0), None, None, (1, 1), None]
    assert (axis.receptive_field, axis.jump) == (1, Fraction(1, 3))
    nothing = axis.through(Window(1, 3, (-1, 0)).taps(), 3)  # units 1, 4, 7
    assert (nothing.receptive_field, nothing.start, nothing.outside(0, 4), nothing.covers(4)) == (
        None,
        None,
        None,
        False,
    )


# --- joins -------------------------------------------------------------------------------------------------------


def test_join_takes_the_hull() -> None:
    trunk = through(Window(3, 1, (1, 1)), Window(3, 1, (1, 1)))
    axis = join([trunk, Axis.image(1000)])
    assert (axis.receptive_field, axis.jump, axis.start) == (5, 1, HALF)
    assert axis == trunk  # the shortcut's pixel lies in the trunk's field


def test_join_of_equals_is_the_same() -> None:
    axis = through(Window(3, 2))
    assert join([axis, axis]) is axis
    assert join([axis, through(Window(3, 2))]) == axis


def test_misaligned_join_of_one_jump() -> None:
    near, far = through(Window(3)), through(Window(1, 1, (0, -2)))  # centres 3/2 and 1/2, fields 0…2 and 0…0
    assert span(join([near, far]), 0) == (0, 2)
    moved = through(Window(1, 1, (-5, 0)))  # unit 0 sees pixel 5
    axis = join([through(Window(3, 1, (0, -3))), moved])
    assert axis.at(0) == Field(0, 5, 0b100111)  # 0…2 and 5
    assert (axis.receptive_field, axis.start, axis.jump) == (6, 3, 1)


def test_join_of_two_jumps_grows_along_the_map() -> None:
    slow, fast = Axis(4, Axis.image(4).strands), through(Window(3, 2), size=9)  # i…i and 2i…2i+2
    axis = join([slow, fast])
    assert [span(axis, unit) for unit in range(4)] == [(0, 2), (1, 4), (2, 6), (3, 8)]
    assert axis.jump is None
    assert (axis.receptive_field, axis.widest_unit()) == (6, 3)  # 3 … 8
    assert axis.at(3) == Field(3, 8, 0b111001)  # 3, then 6…8
    after = axis.through(Window(2).taps(), 3)
    assert [span(after, unit) for unit in range(3)] == [(0, 4), (1, 6), (2, 8)]


def test_join_with_a_broadcast_value() -> None:
    pooled = Axis.image(6).through(Window(6).taps(), 1)
    axis = join([Axis.image(6), pooled])
    assert [span(axis, unit) for unit in (0, 5)] == [(0, 5), (0, 5)]
    assert (axis.jump, axis.receptive_field, axis.start, axis.shared) == (1, 6, 3, True)
    assert axis.covers(6)


def test_join_with_an_unknown_axis_is_unknown() -> None:
    axis = join([Axis.image(6), Axis(6, ())])
    assert (axis.size, axis.strands) == (6, ())


# --- holes -------------------------------------------------------------------------------------------------------

HOLES = [
    # windows                                             width  pixels read, from the first on
    ([Window(3)],                                         3,     0),
    ([Window(3, 1, (0, 0), 2)],                           5,     0b10101),
    ([Window(2, 1, (0, 0), 4)],                           5,     0b10001),
    ([Window(3, 1, (0, 0), 2), Window(3, 1, (0, 0), 2)],  9,     0b101010101),  # gridding stays
    ([Window(3, 1, (0, 0), 2), Window(2)],                6,     0),            # 0 2 4 and 1 3 5
    ([Window(2), Window(3, 1, (0, 0), 2)],                6,     0),            # 0 1, 2 3, 4 5
    ([Window(2, 1, (0, 0), 3), Window(2)],                5,     0b11011),      # 0 3 and 1 4
    ([Window(1, 3), Window(2)],                           4,     0b1001),       # units 0 and 1 see 0 and 3
    ([Window(2, 3), Window(2)],                           5,     0b11011),      # 0 1 and 3 4
    ([Window(3, 1, (0, 0), 3), Window(3, 1, (0, 0), 1)],  9,     0),            # 0 3 6, 1 4 7, 2 5 8
]  # fmt: skip


@pytest.mark.parametrize(("windows", "width", "mask"), HOLES)
def test_holes(windows: list[Window], width: int, mask: int) -> None:
    field = through(*windows).at(0)
    assert field is not None
    assert (field.width, field.mask) == (width, mask)
    assert field.pixels == (bin(mask).count("1") if mask else width)


def test_holes_of_a_field_too_long_to_tell() -> None:
    field = through(Window(2, 1, (0, 0), MAX_HOLES), size=40_000).at(0)
    assert field == Field(0, MAX_HOLES, UNKNOWN)
    assert field.pixels is None
    dense = through(Window(MAX_HOLES + 5), size=40_000).at(0)
    assert dense == Field(0, MAX_HOLES + 4, 0)


def test_union_of_fields() -> None:
    assert union([]) is None
    assert union([None, Field(1, 2)]) == Field(1, 2)
    assert union([Field(0, 1), Field(2, 3)]) == Field(0, 3)
    assert union([Field(0, 0), Field(2, 2)]) == Field(0, 2, 0b101)
    assert union([Field(0, 2, 0b101), Field(1, 1)]) == Field(0, 2)
    assert union([Field(0, 9), Field(2, 4, 0b101)]) == Field(0, 9)
    assert union([Field(0, MAX_HOLES), Field(1, 2), Field(MAX_HOLES + 1, MAX_HOLES + 3)]) == Field(0, MAX_HOLES + 3)
    assert union([Field(0, MAX_HOLES), Field(MAX_HOLES + 2, MAX_HOLES + 2)]) == Field(0, MAX_HOLES + 2, UNKNOWN)


def test_repeated_field() -> None:
    assert Field(0, 2).repeated(3, 2) == Field(0, 6)
    assert Field(0, 0).repeated(3, 2) == Field(0, 4, 0b10101)
    assert Field(5, 7, 0b101).repeated(2, 1) == Field(5, 8)  # 5 7 and 6 8
    assert Field(0, 1).repeated(1, 100) == Field(0, 1)
    assert Field(0, 0).repeated(5, 0) == Field(0, 0)


NEVER_READ = [
    # window                     of every s units
    (Window(3, 2),               0),
    (Window(2, 2),               0),
    (Window(1, 2),               1),   # odd units
    (Window(2, 3),               1),   # units 2, 5, …
    (Window(3, 2, (1, 1), 2),    1),   # taps 0, 2, 4: even units only
    (Window(2, 4, (0, 0), 2),    2),   # 0 and 2 of 0 1 2 3
    (Window(3, 3, (0, 0), 2),    0),   # 0, 2, 4 = 0, 2, 1 modulo 3
    (Window(9, 1),               0),
]  # fmt: skip


@pytest.mark.parametrize(("window", "count"), NEVER_READ)
def test_units_that_no_window_reads(window: Window, count: int) -> None:
    assert window.never_read() == count


# --- borders -----------------------------------------------------------------------------------------------------


def test_share_outside_the_image() -> None:
    axis = through(Window(5, 1, (2, 2)), size=6)  # units see -2…2, -1…3, …, 3…7 of pixels 0…5
    shares = [axis.outside(unit, 6) for unit in range(6)]
    assert shares == [Fraction(2, 5), Fraction(1, 5), 0, 0, Fraction(1, 5), Fraction(2, 5)]
    wide = through(Window(9, 1, (4, 4)), size=3)  # the middle unit sees -3…5 of pixels 0…2: 3 of 9 inside
    assert wide.outside(1, 3) == Fraction(6, 9)
    assert through(Window(1, 1, (3, 0)), size=4).outside(0, 4) == 1  # it sees the padding alone


def test_covers_when_every_unit_sees_the_whole_image() -> None:
    axis = through(Window(5, 1, (2, 2)), size=3)  # -2…2, -1…3, 0…4: pixels 0…2 are in all of them
    assert axis.covers(3)
    assert not through(Window(5, 1, (2, 2)), size=4).covers(4)  # unit 0 sees -2…2, not pixel 3
    assert not through(Window(5, 1, (2, 3)), size=3).covers(3)  # unit 3 sees 1…5, not pixel 0
    assert axis.through(Window(3).taps(), 1).covers(3)


# --- limits ------------------------------------------------------------------------------------------------------


def test_jumps_and_fields_of_any_size_are_exact() -> None:
    axis = Axis.image(1)
    for _ in range(60):
        axis = axis.through(Window(2, 4, (1, 1)).taps(), 1)
    assert axis.jump == 4**60
    assert axis.receptive_field == 1 + sum(4**i for i in range(60))
    assert axis.start == HALF + (HALF - 1) * sum(4**i for i in range(60))
    assert axis.at(0) == Field(-sum(4**i for i in range(60)), 0, UNKNOWN)


def test_too_many_phases() -> None:
    axis = Axis.image(1).through(transposed_taps(Window(1, 1000)), 1000)
    with refused("its units look 1,000,000 different ways in turn, over 65,536"):
        axis.through(transposed_taps(Window(1, 1000)), 1000)
    with refused("stride=65,537 gives units that look 65,537 different ways in turn"):
        transposed_taps(Window(1, 65_537))
    with refused("a pool from size 65,539 to 65,537 has 65,537 different bins"):
        adaptive_taps(65_539, 65_537)
    with refused("a resampling by 65537/2 gives units that look 65,537 different ways in turn"):
        interpolation_taps(Fraction(2, 65_537), False, False)


def test_too_many_phases_read_between_them() -> None:
    axis = Axis.image(1).through(interpolation_taps(Fraction(1, 4096), False, False), 4096)
    with refused("its units read 16,777,216 units that look different ways in turn, over 262,144"):
        axis.through(Window(4096).taps(), 1)


def test_strands_whose_phases_come_round_together_too_late() -> None:
    first, second = (Axis.image(1).through(transposed_taps(Window(1, s)), 500) for s in (499, 503))
    with refused("its units look 250,997 different ways in turn, over 65,536"):
        join([first, second])  # 499 * 503
    joined = join([Axis.image(500), Axis.image(250).through(transposed_taps(Window(1, 251)), 500)])
    with refused("its units look 125,249 different ways in turn, over 65,536"):
        joined.through(transposed_taps(Window(1, 499)), 500)  # 499 and 251 * 499


# --- maps --------------------------------------------------------------------------------------------------------


def test_feature_map() -> None:
    x = FeatureMap(3, (Axis.image(4), Axis.image(5)))
    assert (x.sizes, x.elements, str(x)) == ((4, 5), 60, "3x4x5")
    flat = FeatureMap(7, (Axis(1, ()),), flat=True)
    assert (flat.elements, str(flat)) == (7, "7")


@pytest.mark.parametrize(
    ("between", "status"),
    [
        ("", "upper bound (unflatten)"),  # value 0 sees pixels 0 to 2, all of them together 0 to 5
        ("relu: , channel_shuffle: 2", "upper bound (unflatten)"),
        ("unflatten: {out_channels: 4}, conv: {out_channels: 4, kernel_size: 1, groups: 4}", "upper bound (unflatten)"),
        ("unflatten: {out_channels: 4}, conv: {out_channels: 4, kernel_size: 1}", "whole input"),
        ("linear: 4", "whole input"),
        ("softmax: ", "whole input"),
    ],
)
def test_values_of_places_apart_see_at_most_what_all_of_them_see(between: str, status: str) -> None:
    layers = ["conv: {out_channels: 1, kernel_size: 3}", "flatten: ", between, "unflatten: {out_channels: 2, size: 2}"]
    arch = loads(f"{{input: [1, 6], layers: [{', '.join(filter(None, layers))}]}}")
    assert arch.rows[-1].status == status
    assert span(arch.out.axes[0], 1) == (0, 5)


def test_strand_offset_is_the_line_through_the_centres() -> None:
    assert Strand(1, (Field(0, 0),)).offset() == HALF
    assert Strand(1, (Field(0, 0), Field(0, 0))).offset() == Fraction(1, 4)  # 1/2 and 1/2 - 1/2
    assert Strand(2, (None,)).offset() is None
