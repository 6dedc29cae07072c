"""Random networks: the engine against the oracle, and two ways to one answer."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from importlib.resources import files
from math import prod
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import rfcalc
from rfcalc import Arch
from rfcalc.engine.geometry import Axis, Field, Window
from rfcalc.engine.layers.base import make
from rfcalc.errors import SettingError
from rfcalc.testing.networks import Spec
from tests.oracle import Oracle, Refused, border, shape
from tests.strategies import archs, load, specs

FAR = 211
"""A unit so far out that a pattern which repeats too early or too late has gone wrong by then."""


def seen(field: Field | None) -> set[int]:
    """The pixels of a field."""
    if field is None:
        return set()
    return {field.first + i for i in range(field.width) if not field.mask or field.mask >> i & 1}


def hull(pixels: frozenset[int]) -> tuple[int, int] | None:
    return (min(pixels), max(pixels)) if pixels else None


# --- the engine against the oracle -------------------------------------------------------------------------------


@settings(max_examples=2 * settings().max_examples)
@given(archs())
def test_every_layer_and_axis(arch: Arch) -> None:
    oracle = Oracle(arch)
    for row in arch.rows:
        shape = oracle.shapes[row.index]
        assert (row.out.channels, row.out.sizes, row.out.flat) == (shape.channels, shape.sizes, shape.flat)
        for number, axis in enumerate(row.out.axes):
            check_units(axis, oracle, row.index, number)
            check_figures(axis, oracle, row.index, number)


def check_units(axis: Axis, oracle: Oracle, node: int, number: int) -> None:
    """Which pixels each unit sees: in the map, beside it, and far from it."""
    for unit in (*range(-2, axis.size + 2), FAR, -FAR):
        pixels, field = oracle.pixels(node, number, unit), axis.at(unit)
        assert seen(field) == pixels
        assert (field and (field.first, field.last)) == hull(pixels)
        assert not field or field.pixels == len(pixels)
        assert not field or (field.mask == 0) == (len(pixels) == field.width)


def check_figures(axis: Axis, oracle: Oracle, node: int, number: int) -> None:
    """Field, jump, start and the shares that follow from them."""
    image = oracle.shapes[0].sizes[number]
    spans = [hull(oracle.pixels(node, number, unit)) for unit in range(axis.size)]
    widths = [last - first + 1 for first, last in (span for span in spans if span)]
    assert axis.receptive_field == max(widths, default=None)
    widest = axis.widest_unit()
    assert widest is None or (spans[widest] is not None and axis.at(widest) == axis.widest)
    assert axis.start == (Fraction(spans[0][0] + spans[0][1] + 1, 2) if spans[0] else None)
    assert axis.covers(image) == all(span and span[0] <= 0 and span[1] >= image - 1 for span in spans)
    jumps = oracle.jumps(node, number)
    jumps = jumps - {0} or jumps
    assert axis.jump == (jumps.pop() if len(jumps) == 1 else None)
    for unit in (0, axis.size // 2):
        if span := spans[unit]:
            outside = sum(not 0 <= pixel < image for pixel in range(span[0], span[1] + 1))
            assert axis.outside(unit, image) == Fraction(outside, span[1] - span[0] + 1)


@settings(max_examples=2 * settings().max_examples)
@given(specs(valid=False))
def test_refuses_what_the_oracle_refuses(spec: Spec) -> None:
    """Only the last layer of such a spec can be wrong."""
    *above, last = spec["layers"]
    arch = load(spec | {"layers": [*above, "identity"]})
    if oracle_takes(arch, last):
        Oracle(load(spec))
    else:
        with pytest.raises(rfcalc.SpecError) as error:
            load(spec)
        assert len(error.value.problems) == 1


def oracle_takes(arch: Arch, item: Spec) -> bool:
    """Whether a layer that follows all but the last layer of a network has settings and inputs that go together."""
    ((op, stated),) = item.items()
    names = ["input", *(node.name for node in arch.nodes)]
    sources = stated.get("from", names[-2])
    shapes = Oracle(arch).shapes
    inputs = [shapes[names.index(name)] for name in (sources if isinstance(sources, list) else [sources])]
    values = {key: value for key, value in stated.items() if key not in ("name", "from")}
    try:
        shape(make(op, len(arch.sizes), **values), inputs)
    except (SettingError, Refused):
        return False
    return True


@given(archs(max_layers=4))
def test_what_reaches_a_unit_through_real_borders_is_in_its_field(arch: Arch) -> None:
    """Borders that copy nothing can only take pixels away, and take none from units whose field meets no border."""
    if any(border(node.layer) != "zeros" and node.layer.op != "upsample" for node in arch.nodes):
        return
    oracle = Oracle(arch)
    for number, axis in enumerate(arch.out.axes):
        for unit, pixels in enumerate(oracle.real(len(arch.nodes), number)):
            assert pixels <= seen(axis.at(unit))
            assert pixels == seen(axis.at(unit)) or not inside(oracle, len(arch.nodes), number, unit)


def inside(oracle: Oracle, node: int, number: int, unit: int) -> bool:
    """Whether nothing that reaches a unit lies beside its map."""
    if not 0 <= unit < oracle.shapes[node].sizes[number]:
        return False
    return node == 0 or all(inside(oracle, s, number, u) for s, u in oracle.sources(node, number, unit))


@pytest.mark.parametrize("name", ["s9", "dilated93", "valid149k", "mnist28", "c12", "vgg16", "resnet18", "unet"])
def test_shipped_networks(name: str) -> None:
    arch = rfcalc.load(name)
    oracle = Oracle(arch)
    for row in arch.rows:
        for unit in {0, row.out.axes[0].size - 1}:
            assert seen(row.out.axes[0].at(unit)) == oracle.pixels(row.index, 0, unit)
        assert row.out.sizes == oracle.shapes[row.index].sizes


# --- two ways to one answer --------------------------------------------------------------------------------------


def geometry(arch: Arch) -> list[Any]:
    """What must agree of two networks: the shape and the fields of the last map, parameters and MACs."""
    axes = [[axis.at(unit) for unit in range(-2, axis.size + 2)] for axis in arch.out.axes]
    return [arch.out.channels, arch.out.sizes, axes, [axis.jump for axis in arch.out.axes], arch.params, arch.macs]


def net(sizes: Sequence[int], *layers: Any, channels: int = 4, **more: Any) -> Arch:
    return load({"input": [channels, *sizes], "layers": list(layers), **more})


small = st.integers(1, 4)
windows = st.builds(Window, small, small, st.tuples(st.integers(0, 3), st.integers(0, 3)), small)
dense = st.builds(Window, small, small, st.tuples(st.integers(0, 3), st.integers(0, 3)))
sizes_2d = st.tuples(st.integers(8, 16), st.integers(8, 16))


@given(st.lists(windows, min_size=1, max_size=8))
def test_closed_formulas_of_a_chain(chain: list[Window]) -> None:
    """The sums of Araujo, Norris and Sim: r = 1 + sum of (k-1)*d*j, start = 1/2 + sum of ((k-1)*d/2 - before)*j."""
    axis, jumps = Axis.image(10**7), [prod(w.stride for w in chain[:i]) for i in range(len(chain) + 1)]
    for window in chain:
        axis = axis.through(window.taps(), window.output_size(axis.size))
    reach = [(w.kernel_size - 1) * w.dilation for w in chain]
    halves = [Fraction(r, 2) - w.padding[0] for r, w in zip(reach, chain, strict=True)]
    assert axis.receptive_field == 1 + sum(r * j for r, j in zip(reach, jumps, strict=False))
    assert axis.start == Fraction(1, 2) + sum(h * j for h, j in zip(halves, jumps, strict=False))
    assert axis.jump == jumps[-1]


@given(st.integers(30, 60), dense, dense)
def test_two_windows_are_one(n: int, first: Window, second: Window) -> None:
    """Windows without holes: k = k1 + (k2-1)*s1, s = s1*s2, padding = p1 + p2*s1."""
    (b1, a1), (b2, a2), s = first.padding, second.padding, first.stride
    one = Window(first.kernel_size + (second.kernel_size - 1) * s, s * second.stride, (b1 + b2 * s, a1 + a2 * s))
    size = first.output_size(n)
    two = Axis.image(n).through(first.taps(), size).through(second.taps(), second.output_size(size))
    for unit in range(two.size):
        both = two.at(unit), Axis.image(n).through(one.taps(), 1).at(unit)
        assert len({field and (field.first, field.last) for field in both}) == 1
    assert two.jump == one.stride
    assert two.size == one.output_size(n)


@given(windows)
def test_units_never_read(window: Window) -> None:
    read = {o * window.stride + t * window.dilation for o in range(-20, 40) for t in range(window.kernel_size)}
    assert window.never_read() == len(set(range(16, 16 + window.stride)) - read)


@given(sizes_2d, st.integers(1, 4), st.integers(1, 3))
def test_same_is_padding_by_half_the_extent(sizes: tuple[int, int], k: int, d: int) -> None:
    total = d * (k - 1)
    explicit = [[total // 2, total - total // 2]] * 2
    conv = {"out_channels": 4, "kernel_size": k, "dilation": d}
    same = net(sizes, {"conv": conv | {"padding": "same"}})
    assert same.out.sizes == sizes
    assert geometry(same) == geometry(net(sizes, {"conv": conv | {"padding": explicit}}))
    assert geometry(same) == geometry(net(sizes, {"conv": conv | {"padding": "tf_same"}}))


@given(sizes_2d, st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
def test_tf_same_gives_one_unit_for_each_stride(sizes: tuple[int, int], k: int, s: int, d: int) -> None:
    arch = net(sizes, {"conv": {"out_channels": 1, "kernel_size": k, "stride": s, "dilation": d, "padding": "tf_same"}})
    assert arch.out.sizes == tuple(-(-n // s) for n in sizes)
    padding = arch.rows[0].windows[0].padding
    assert padding[1] - padding[0] in (0, 1)


@given(sizes_2d, st.integers(1, 4), st.integers(1, 3), st.sampled_from(["conv", "conv_transpose"]))
def test_depthwise_is_one_group_for_each_channel(sizes: tuple[int, int], k: int, multiple: int, op: str) -> None:
    conv = {"out_channels": 6 * multiple, "kernel_size": k}
    arch = net(sizes, {op: conv | {"groups": "depthwise"}}, channels=6)
    assert geometry(arch) == geometry(net(sizes, {op: conv | {"groups": 6}}, channels=6))
    assert arch.params == 6 * multiple * (k * k + 1)


@given(specs(max_layers=4), st.sampled_from(["adaptive_avg_pool", "adaptive_max_pool"]))
def test_adaptive_pool_to_the_size_that_is_there_changes_nothing(spec: Spec, op: str) -> None:
    arch = load(spec)
    if not arch.out.flat:
        pooled = load(spec | {"layers": [*spec["layers"], {op: list(arch.out.sizes)}]})
        assert pooled.out == arch.out


@given(sizes_2d, st.integers(1, 4), st.integers(1, 4), st.sampled_from(["adaptive_avg_pool", "adaptive_max_pool"]))
def test_adaptive_pool_to_a_divisor_is_a_pool(sizes: tuple[int, int], out: int, share: int, op: str) -> None:
    pooled = net((out * share, out * share), {op: out})
    plain = net((out * share, out * share), {"avg_pool": share})
    assert [axis.at(0) for axis in pooled.out.axes] == [axis.at(0) for axis in plain.out.axes]
    assert pooled.out.sizes == plain.out.sizes
    assert out == 1 or geometry(pooled) == geometry(plain)


@given(
    st.tuples(st.integers(4, 12), st.integers(4, 12)),
    st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=2), min_size=2, max_size=2),
    st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
    st.integers(1, 4),
    st.integers(1, 3),
)
def test_padding_first_is_padding_within(
    sizes: tuple[int, int], padding: list[list[int]], mode: str, k: int, s: int
) -> None:
    conv = {"out_channels": 3, "kernel_size": k, "stride": s}
    within = net(sizes, {"conv": conv | {"padding": padding, "padding_mode": mode}})
    first = net(sizes, {"pad": {"padding": padding, "mode": mode}}, {"conv": conv | {"padding": "valid"}})
    assert geometry(within) == geometry(first)


@given(sizes_2d, st.integers(1, 4), st.integers(1, 4))
def test_nearest_upsampling_is_a_transposed_convolution(sizes: tuple[int, int], r: int, k: int) -> None:
    below = {"conv": {"out_channels": 4, "kernel_size": k, "stride": r}}
    transposed = net(sizes, below, {"conv_transpose": {"out_channels": 4, "kernel_size": r, "stride": r}})
    shuffled = net(sizes, below, {"conv": {"out_channels": 4 * r * r, "kernel_size": 1}}, {"pixel_shuffle": r})
    upsampled = net(sizes, below, {"upsample": r})
    assert geometry(upsampled)[:4] == geometry(transposed)[:4] == geometry(shuffled)[:4]


@given(sizes_2d)
def test_global_pool_three_ways(sizes: tuple[int, int]) -> None:
    conv = {"conv": {"out_channels": 4, "kernel_size": 3, "padding": 1}}
    ways = ["global_avg_pool", {"adaptive_avg_pool": 1}, {"avg_pool": {"kernel_size": list(sizes), "stride": 1}}]
    nets = [net(sizes, conv, way) for way in ways]
    assert geometry(nets[0]) == geometry(nets[1]) == geometry(nets[2])
    assert len({arch.receptive_field for arch in nets}) == 1
    assert nets[0].receptive_field.before_global_pool == (3, 3)
    assert nets[0].receptive_field.after_global_pool == tuple(n + 2 for n in sizes)


@given(specs(max_layers=5))
def test_block_is_its_layers_written_out(spec: Spec) -> None:
    block = spec | {"blocks": {"body": {"layers": spec["layers"]}}, "layers": [{"body": {"name": "B"}}]}
    written, wrapped = load(spec), load(block)
    assert [f"B.{row.name}" for row in written.rows] == [row.name for row in wrapped.rows]
    assert [(r.layer, r.node.inputs, r.out) for r in written.rows] == [
        (r.layer, r.node.inputs, r.out) for r in wrapped.rows
    ]


@given(st.integers(1, 4), st.lists(st.sampled_from([1, 3]), min_size=1, max_size=3), st.booleans())
def test_repeat_is_its_layers_written_out(times: int, kernels: list[int], residual: bool) -> None:
    body: list[Any] = [{"conv": {"out_channels": 4, "kernel_size": k, "padding": "same"}} for k in kernels]
    body[-1]["conv"]["name"] = "last"
    if residual:
        body.append({"add": ["last", "input"]})
    written: list[Any] = []
    for turn in range(times):
        above = f"end{turn - 1}" if turn else "input"
        written += [
            {"conv": layer["conv"] | {"name": f"c{turn}_{i}"}} for i, layer in enumerate(body) if "conv" in layer
        ]
        written.append({"add": {"name": f"end{turn}", "from": [f"c{turn}_{len(kernels) - 1}", above]}})
        if not residual:
            written[-1] = {"identity": {"name": f"end{turn}"}}
    repeated = net((9, 9), {"repeat": {"times": times, "layers": body}})
    assert geometry(repeated) == geometry(net((9, 9), *written))


@given(specs(axes=2))
def test_axes_do_not_meddle_with_each_other(spec: Spec) -> None:
    """A network on its side has its figures on their sides."""
    turned = {"input": [spec["input"][0], *spec["input"][:0:-1]], "layers": [on_its_side(x) for x in spec["layers"]]}
    upright, sideways = load(spec), load(turned)
    for one, other in zip(upright.rows, sideways.rows, strict=True):
        assert one.out.axes == other.out.axes[::-1]
        assert (one.params, one.macs) == (other.params, other.macs)


def on_its_side(item: Spec) -> Spec:
    ((op, values),) = item.items()
    turned = {key: v[::-1] if isinstance(v, list) and key not in ("from", "name") else v for key, v in values.items()}
    return {op: turned}


@given(archs(max_layers=8))
def test_order_of_the_joined_maps_does_not_matter(arch: Arch) -> None:
    nodes = [
        rfcalc.Node(node.name, node.layer, node.inputs[::-1] if node.layer.joins else node.inputs)
        for node in arch.nodes
    ]
    other = Arch(arch.name, arch.input, tuple(nodes))
    for axis, twin in zip(arch.out.axes, other.out.axes, strict=True):
        assert [axis.at(unit) for unit in range(axis.size)] == [twin.at(unit) for unit in range(axis.size)]
        assert axis.jump == twin.jump


# --- the S9 family -----------------------------------------------------------------------------------------------

S9: Spec = yaml.safe_load((files("rfcalc.archs") / "s9.yaml").read_text(encoding="utf-8"))


@given(st.lists(st.integers(1, 96), min_size=20, max_size=20), st.lists(st.integers(0, 20), max_size=3))
def test_s9_family_sees_at_least_44_pixels(widths: list[int], extra: list[int]) -> None:
    """Whatever the widths, and with more 3x3 layers anywhere before the pool, the structure of S9 sees enough."""
    layers = [resized(item, width) for item, width in zip(S9["layers"], widths + widths, strict=False)]
    pool = next(i for i, item in enumerate(layers) if "global_avg_pool" in item)
    for place in extra:
        layers.insert(place % pool, {"conv": {"out_channels": 8, "kernel_size": 3, "padding": 1}})
    spec = {"input": S9["input"], "blocks": S9["blocks"], "layers": depthwise_kept(layers)}
    field = load(spec).receptive_field
    assert all(axis is not None and axis >= 44 for axis in field.before_global_pool)
    assert extra or field == rfcalc.load("s9").receptive_field


def resized(item: Any, width: int) -> Any:
    """A layer or block with another number of channels."""
    if not isinstance(item, dict):
        return item
    ((op, values),) = item.items()
    return {op: values | {"out_channels": width}} if isinstance(values, dict) and "out_channels" in values else item


def depthwise_kept(layers: list[Any]) -> list[Any]:
    """The depthwise layer with as many channels as enter it."""
    width, kept = S9["input"][0], []
    for item in layers:
        values = next(iter(item.values())) if isinstance(item, dict) else None
        stated = values if isinstance(values, dict) else {}
        if stated.get("groups") == "depthwise":
            kept.append({"conv": stated | {"out_channels": width}})
        else:
            width = stated.get("out_channels", width)
            kept.append(item)
    return kept
