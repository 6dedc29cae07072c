"""The layout: every layer once, nothing over anything else, lines that end at their boxes, few crossings."""

import json
from itertools import combinations

import pytest

import rfcalc
from rfcalc.drawing.boxes import MOST_BOXES
from rfcalc.drawing.layout import Box, Edge, Layout, layout
from rfcalc.drawing.parts import text_width

LARGE = ("densenet121", "googlenet", "mobilenet_v2", "resnet50")
EACH = [
    pytest.param(name, unfold, flat, marks=[pytest.mark.deep] * (unfold and name in LARGE))
    for name in rfcalc.names()
    for unfold in (False, True)
    for flat in (False, True)
]
BRANCHES = """
input: [4, 16]
layers:
  - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1}
  - conv: {name: b, from: a, out_channels: 4, kernel_size: 3, padding: 1}
  - conv: {name: c, from: a, out_channels: 4, kernel_size: 1}
  - add: [b, c]
  - relu: {name: d}
  - conv: {name: e, from: b, out_channels: 4, kernel_size: 1}
  - add: {name: f, from: [d, e, a]}
"""


def drawn(name: str, unfold: bool = False, horizontal: bool = False) -> Layout:
    return layout(rfcalc.load(name), unfold=unfold, horizontal=horizontal)


def apart(one: Box, other: Box) -> bool:
    return (
        one.x + one.w <= other.x or other.x + other.w <= one.x or one.y + one.h <= other.y or other.y + other.h <= one.y
    )


def on_border(point: tuple[float, float], box: Box) -> bool:
    x, y = point
    inside = box.x - 0.01 <= x <= box.x + box.w + 0.01 and box.y - 0.01 <= y <= box.y + box.h + 0.01
    sides = (abs(x - box.x), abs(x - box.x - box.w), abs(y - box.y), abs(y - box.y - box.h))
    return inside and min(sides) < 0.01


def crosses(edge: Edge, box: Box) -> bool:
    """Whether a piece of the line runs through the inside of a box."""
    return any(
        (
            max(min(a[0], b[0]), box.x) < min(max(a[0], b[0]), box.x + box.w) - 0.01
            and box.y + 0.01 < a[1] < box.y + box.h - 0.01
        )
        or (
            max(min(a[1], b[1]), box.y) < min(max(a[1], b[1]), box.y + box.h) - 0.01
            and box.x + 0.01 < a[0] < box.x + box.w - 0.01
        )
        for a, b in zip(edge.points, edge.points[1:], strict=False)
    )


@pytest.mark.parametrize(("name", "unfold", "flat"), EACH)
def test_everything_has_its_place(name: str, unfold: bool, flat: bool) -> None:
    found = drawn(name, unfold, flat)
    arch = rfcalc.load(name)
    assert sorted(layer for box in found.boxes for layer in box.layers) == sorted(node.name for node in arch.nodes)
    assert unfold is (len(found.boxes) == len(arch.nodes) + 1) or name == "mnist28"
    assert all(apart(one, other) for one, other in combinations(found.boxes, 2))
    for edge in found.edges:
        assert on_border(edge.points[0], found.boxes[edge.source])
        assert on_border(edge.points[-1], found.boxes[edge.target])
        steps = list(zip(edge.points, edge.points[1:], strict=False))
        assert all(abs(a[0] - b[0]) < 0.02 or abs(a[1] - b[1]) < 0.02 for a, b in steps)
    assert all(b.x >= 0 and b.x + b.w <= found.width and b.y >= 0 and b.y + b.h <= found.height for b in found.boxes)


@pytest.mark.parametrize(("name", "unfold", "flat"), [each for each in EACH if each.values[0] != "densenet121"])
def test_lines_and_frames_keep_clear_of_other_boxes(name: str, unfold: bool, flat: bool) -> None:
    found = drawn(name, unfold, flat)
    for edge in found.edges:
        assert [i for i, box in enumerate(found.boxes) if crosses(edge, box)] == []
    for frame in found.frames:
        held = {i for i, box in enumerate(found.boxes) if not apart(Box("", (), "", 0, 0, frame.x, frame.y, frame.w,
                                                                        frame.h, ()), box)}  # fmt: skip
        assert held == set(frame.boxes)


@pytest.mark.parametrize("name", rfcalc.names())
def test_shipped_networks_cross_nothing(name: str) -> None:
    assert drawn(name).crossings == drawn(name, unfold=True).crossings == 0


def test_edges_are_those_of_the_network() -> None:
    found = layout(rfcalc.loads(BRANCHES))
    names = [box.name for box in found.boxes]
    edges = {(names[e.source], names[e.target], e.skip) for e in found.edges}
    add = next(name for name in names if name.startswith("add"))
    assert edges == {
        ("input", "a", False), ("a", "b", False), ("a", "c", False), ("b", add, False), ("c", add, False),
        ("b", "e", False), (add, "f", False), ("e", "f", False), ("a", "f", True),
    }  # fmt: skip
    assert next(box.layers for box in found.boxes if box.name == add) == (add, "d")


def test_a_box_says_what_the_table_says() -> None:
    box = next(box for box in drawn("s9").boxes if box.name == "C10")
    assert [(line.left, line.right) for line in box.lines] == [
        ("C10", "32×3×3"), ("conv 3×3", "field 55"), ("stride 2, dilation 2", ""),
    ]  # fmt: skip
    (box,) = (box for box in drawn("s9").boxes if box.name == "C8")
    assert box.lines[2].left == "depthwise"


def test_norms_in_front_are_folded_down_and_equal_blocks_drawn_once() -> None:
    found = drawn("densenet121")
    assert len(found.boxes) == 23 < MOST_BOXES
    conv1 = found.boxes[3]
    assert (conv1.name, conv1.times, len(conv1.layers)) == ("conv1", 6, 30)
    assert [line.left for line in conv1.lines[2:]] == ["first batch_norm, relu", "then batch_norm, relu"]
    assert conv1.lines[1].right == "field 11 → 51"  # 11 + 8 for each of five blocks of one 3x3 convolution at jump 4
    assert [frame.label for frame in found.frames][:2] == ["denseblock4 ×16", "transition3"]
    assert all(box.times == 1 for box in drawn("resnet18").boxes)


def test_text_fits_its_box() -> None:
    for name in rfcalc.names():
        for box in drawn(name).boxes:
            assert all(text_width(line.left) + text_width(line.right) < box.w for line in box.lines)
            assert len(box.lines) * 10 <= box.h + 2


def test_columns_can_be_chosen_and_json_is_plain() -> None:
    arch = rfcalc.load("s9")
    one, two = layout(arch, columns=1), layout(arch, columns=2)
    assert len({box.x for box in one.boxes}) == 1
    assert len({box.x for box in two.boxes}) == 2
    found = json.loads(json.dumps(two.to_json()))
    assert found["boxes"][1]["layers"] == ["C1.conv", "C1.relu", "C1.batch_norm", "C1.dropout"]
    assert set(found) == {"name", "boxes", "edges", "frames", "width", "height", "horizontal", "crossings"}
    assert found["edges"][0]["points"][0] == pytest.approx(two.edges[0].points[0], abs=0.01)


def test_the_same_network_gives_the_same_drawing() -> None:
    assert drawn("googlenet") == drawn("googlenet")


def test_an_encoder_and_its_decoder_are_folded_so_that_skips_are_straight() -> None:
    """Of unet's columns the left one goes down, the right one up, and each skip joins boxes of one level."""
    found = drawn("unet")
    skips = [edge for edge in found.edges if edge.skip]
    assert len(skips) == 4
    assert all(len(edge.points) == 2 and edge.points[0][1] == edge.points[1][1] for edge in skips)
    assert len({box.x for box in found.boxes}) == 2
    left = [box.y for box in found.boxes if box.x == found.boxes[0].x]
    right = [box.y for box in found.boxes if box.x != found.boxes[0].x]
    assert left == sorted(left)
    assert right == sorted(right, reverse=True)
    assert len({box.x for box in layout(rfcalc.load("unet"), columns=1).boxes}) == 1


@pytest.mark.parametrize("horizontal", [False, True])
def test_no_frame_is_lost_beside_a_box_of_another_and_none_is_torn_where_it_need_not_be(horizontal: bool) -> None:
    drawn = layout(rfcalc.load("resnet18"), horizontal=horizontal)
    labels = [frame.label for frame in drawn.frames]
    blocks = [f"layer{i}" for i in range(1, 5)]
    assert sorted(labels) == sorted([*blocks, *(f"{block}.{i}" for block in blocks for i in range(2))])
