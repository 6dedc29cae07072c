"""The torch module of a spec: its names, its figures, and what it refuses."""

from __future__ import annotations

import contextlib
import copy
import io
import pickle
import weakref
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import rfcalc
from rfcalc import Arch
from rfcalc.engine.arch import Node, image_axes
from rfcalc.engine.geometry import FeatureMap
from rfcalc.engine.layers import LAYERS, LINEAR_MODES, Join
from rfcalc.engine.layers.base import make
from rfcalc.errors import RfcalcError, SettingError, ShapeError
from rfcalc.network import JoinModule, Network, build
from rfcalc.readme.infer.infer import infer
from rfcalc.report.torchsummary import to_torchsummary
from rfcalc.testing import TORCH_OPS, archs
from rfcalc.testing.networks import suits
from rfcalc.testing.settings import DRAWN_JOINS, DRAWN_SETTINGS

from .oracle import Shape
from .printed_networks import plain
from .strategies import load

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")


def net(layers: str, shape: str = "[3, 8, 8]") -> Network:
    return build(rfcalc.loads(f"{{input: {shape}, layers: [{layers}]}}"), seed=0)


# --- names -------------------------------------------------------------------------------------------------------


def test_the_state_dict_reads_as_the_spec_does() -> None:
    keys = list(build(rfcalc.load("s9")).state_dict())
    assert keys[:3] == ["C1.conv.weight", "C1.conv.bias", "C1.batch_norm.weight"]
    assert "C8.weight" in keys  # a layer outside any block


def test_it_prints_layer_by_layer() -> None:
    text = repr(build(rfcalc.load("s9")))
    assert text.startswith("Network(\n  (C1): Block(\n    (conv): Conv2d(3, 32, kernel_size=(3, 3)")
    assert "(C10): Conv2d(64, 32, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(2, 2))" in text
    assert "(sum): JoinModule(add)" in repr(net("relu: {name: a}, add: {name: sum, from: [a, input]}"))


def test_layers_may_have_the_names_of_torchs_methods() -> None:
    made = net("conv: {name: train, out_channels: 2, kernel_size: 3}, relu: {name: type}, flatten: {name: forward}")
    assert list(made.state_dict()) == ["train.weight", "train.bias"]
    assert made.eval()(torch.zeros(1, 3, 8, 8)).shape == (1, 72)


def test_a_layer_and_a_block_of_one_name() -> None:
    relu = make("relu", 2)
    made = build(Arch("t", (1, 4, 4), (Node("a", relu, (0,)), Node("a.b", relu, (1,)), Node("a_b", relu, (2,)))))
    assert [name for name, _ in made.named_layers()] == ["a", "a.b", "a_b"]
    assert [name for name, _ in made.named_children()] == ["a", "a_b_", "a_b"]


# --- running -----------------------------------------------------------------------------------------------------


def test_a_linear_layer_flattens_its_map() -> None:
    made = net("linear: {name: a, out_features: 5}, linear: 2")
    assert made(torch.zeros(4, 3, 8, 8)).shape == (4, 2)
    assert made.state_dict()["a.weight"].shape == (5, 3 * 8 * 8)


def test_maps_go_after_their_last_use() -> None:
    """Of ten layers in a row two maps at most are alive at any time: the one read and the one made."""
    made = net(", ".join(["relu"] * 10))
    alive: list[weakref.ref[Tensor]] = []
    most = 0

    def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal most
        alive.append(weakref.ref(output))
        most = max(most, sum(ref() is not None for ref in alive))

    for _, module in made.named_layers():
        module.register_forward_hook(hook)
    with torch.no_grad():
        made(torch.zeros(1, 3, 8, 8))
    assert most == 2


def test_a_map_that_is_read_late_is_kept() -> None:
    made = net("relu: {name: a}, tanh, tanh, add: [a, tanh3], multiply: [add4, input]")
    x = torch.randn(2, 3, 8, 8)
    assert torch.allclose(made(x), (x.relu() + x.relu().tanh().tanh()) * x)


def test_a_layer_that_nothing_reads_still_runs() -> None:
    made = net("relu: {name: a}, conv: {name: aside, out_channels: 2, kernel_size: 1}, tanh: {from: a}")
    x = torch.randn(1, 3, 8, 8)
    assert torch.equal(made(x), x.relu().tanh())
    assert "aside.weight" in made.state_dict()


def test_more_than_a_thousand_layers() -> None:
    made = net("repeat: {times: 1500, layers: [conv: {out_channels: 1, kernel_size: 3, padding: 1}]}", "[1, 4, 4]")
    assert made(torch.zeros(1, 1, 4, 4)).shape == (1, 1, 4, 4)
    assert len(made.state_dict()) == 3000
    assert len(copy.deepcopy(made).steps) == 1500


def test_a_module_put_in_anothers_place_is_the_one_that_runs() -> None:
    made = net("relu: {name: a}, identity")
    made.a = nn.Tanh()
    x = torch.randn(1, 3, 8, 8)
    assert torch.equal(made(x), x.tanh())
    assert torch.equal(pickle.loads(pickle.dumps(made))(x), x.tanh())


def test_a_copy_runs_its_own_layers() -> None:
    made = net("conv: {name: a, out_channels: 2, kernel_size: 3}")
    twin = copy.deepcopy(made)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    x = torch.randn(1, 3, 8, 8)
    assert made(x).abs().sum() > 0
    assert twin(x).abs().sum() == 0


def test_a_seed_gives_the_same_weights_and_leaves_torchs_random_state() -> None:
    arch = rfcalc.load("mnist28")
    before = torch.get_rng_state()
    first, second, other = (build(arch, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_without_a_seed_it_draws_from_torchs_random_state() -> None:
    arch = rfcalc.load("mnist28")
    before = torch.get_rng_state()
    build(arch)
    assert not torch.equal(before, torch.get_rng_state())


def test_a_layer_that_torch_does_not_have_is_named() -> None:
    with pytest.raises(RfcalcError, match=r"up \(batch_norm\): torch cannot build it"):
        build(unbuildable())


def unbuildable() -> Arch:
    """A network with a layer of a class that torch has not: batch norm for maps with four axes."""
    norm = make("batch_norm", 4)
    return Arch("t", (1, 2, 2, 2, 2), (Node("up", norm, (0,)),))


# --- what torch makes of it --------------------------------------------------------------------------------------


@given(archs(ops=TORCH_OPS))
def test_random_networks_have_the_tables_shapes_and_parameters(arch: Arch) -> None:
    """A batch of two: torch refuses norms of a single value."""
    made = build(arch, seed=0).eval()
    shapes: list[tuple[int, ...]] = []
    for _, module in made.named_layers():
        module.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape[1:])))
    with torch.no_grad():
        made(torch.zeros(2, *arch.input))
    assert shapes == [row.out.shape for row in arch.rows]
    counts = [sum(p.numel() for p in module.parameters()) for _, module in made.named_layers()]
    assert counts == [row.params for row in arch.rows]
    assert sum(p.numel() for p in made.parameters()) == arch.params


@st.composite
def lone_layers(draw: st.DrawFn) -> tuple[FeatureMap, str, dict[str, Any]]:
    """A map, and a layer with settings that it may or may not take."""
    axes = draw(st.sampled_from([2, 1, 3]))
    x = Shape(draw(st.sampled_from([1, 2, 3, 4, 8])), tuple(draw(st.integers(1, 7)) for _ in range(axes)))
    fitting = [op for op in TORCH_OPS if op not in DRAWN_JOINS and suits(op, x)]
    op = draw(st.sampled_from([*fitting, "conv", "conv_transpose"]))
    return FeatureMap(x.channels, image_axes(x.sizes)), op, draw(DRAWN_SETTINGS[op](x))


@given(lone_layers())
def test_torch_and_the_engine_refuse_the_same(case: tuple[FeatureMap, str, dict[str, Any]]) -> None:
    """But for maps of size 0, which torch passes on and the engine refuses."""
    x, op, settings = case
    try:
        layer = make(op, len(x.axes), **settings)
    except SettingError:
        return  # below, one by one
    try:
        expected = layer.output([x]).shape
    except ShapeError:
        expected = None
    try:
        with torch.no_grad():
            image = torch.zeros(2, *x.shape)
            made = layer.module(nn, x).eval()(image.flatten(1) if op == "linear" else image)
        got = tuple(made.shape[1:])
    except (RuntimeError, ValueError):
        got = None
    assert expected == (None if got and 0 in got else got)


REFUSED_SETTINGS = [
    # layer type, axes, settings, the same in torch
    ("max_pool", 2, {"kernel_size": 3, "padding": 2}, lambda: nn.MaxPool2d(3, padding=2)),
    ("avg_pool", 1, {"kernel_size": 2, "padding": 2}, lambda: nn.AvgPool1d(2, padding=2)),
    ("max_pool", 2, {"kernel_size": [3, 1], "padding": 1}, lambda: nn.MaxPool2d((3, 1), padding=1)),
    ("conv", 2, {"out_channels": 1, "kernel_size": 3, "stride": 2, "padding": "same"},
     lambda: nn.Conv2d(2, 1, 3, 2, padding="same")),
    ("conv_transpose", 1, {"out_channels": 1, "kernel_size": 3, "stride": 2, "output_padding": 2},
     lambda: nn.ConvTranspose1d(2, 1, 3, 2, output_padding=2)),
    ("upsample", 2, {"scale_factor": 2, "mode": "linear"}, lambda: nn.Upsample(scale_factor=2, mode="linear")),
    ("upsample", 2, {"scale_factor": 2, "align_corners": True},
     lambda: nn.Upsample(scale_factor=2, align_corners=True)),
    ("upsample", 2, {}, nn.Upsample),
    ("upsample", 1, {"scale_factor": 2, "size": 3}, lambda: nn.Upsample(size=3, scale_factor=2.0)),
    ("pad", 1, {"padding": -1, "mode": "circular"}, lambda: nn.CircularPad1d(-9)),
]  # fmt: skip


@pytest.mark.parametrize(("op", "axes", "settings", "torchs"), REFUSED_SETTINGS)
def test_settings_that_both_refuse(op: str, axes: int, settings: dict[str, Any], torchs: Any) -> None:
    with pytest.raises(SettingError):
        make(op, axes, **settings)
    with pytest.raises((RuntimeError, ValueError)):
        torchs()(torch.zeros(1, 2, *[8] * axes))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[str, list[FeatureMap]]:
    """A join and two maps, which often fit."""
    axes = draw(st.sampled_from([2, 1]))
    first = FeatureMap(draw(st.integers(1, 3)), image_axes(tuple(draw(st.integers(1, 3)) for _ in range(axes))))
    sizes = tuple(draw(st.sampled_from([size, size, 1, 2])) for size in first.sizes)
    second = FeatureMap(draw(st.sampled_from([first.channels, 1, 2])), image_axes(sizes))
    return draw(st.sampled_from(["add", "concat", "multiply"])), draw(st.permutations([first, second]))


@given(pairs())
def test_torch_and_the_engine_join_the_same(case: tuple[str, list[FeatureMap]]) -> None:
    """But for additions that broadcast, which the engine refuses: they are mistakes more often than not."""
    op, maps = case
    layer = LAYERS[op]()
    assert isinstance(layer, Join)
    try:
        expected = layer.output(maps).shape
    except ShapeError:
        expected = None
    try:
        got = tuple(JoinModule(layer)(*(torch.zeros(2, *x.shape) for x in maps)).shape[1:])
    except RuntimeError:
        got = None
    if op != "add" or expected:
        assert expected == got


def test_every_axis_of_linear_upsampling_has_its_word() -> None:
    for axes, word in enumerate(LINEAR_MODES, 1):
        made = make("upsample", axes, scale_factor=2, mode=word).module(nn, FeatureMap(1, image_axes((3,) * axes)))
        assert made(torch.zeros(1, 1, *[3] * axes)).shape == (1, 1, *[6] * axes)


def printed_by_torchsummary(arch: rfcalc.Arch) -> str:
    import torchsummary  # type: ignore[import-untyped]

    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        torchsummary.summary(build(arch), arch.input, device="cpu")
    return out.getvalue()


@settings(max_examples=15)
@given(plain())
def test_random_networks_print_as_torchsummary_prints_them_and_come_back(spec: dict[str, Any]) -> None:
    """The package's own print of the built module: line by line the engine's, and what infer rebuilds prints it too."""
    arch = load(spec)
    printed = printed_by_torchsummary(arch)

    def lines(text: str) -> list[str]:
        return [line.rstrip() for line in text.splitlines() if line.strip()]

    assert lines(printed) == lines(to_torchsummary(arch))
    found = infer(printed)
    assert found.arch is not None
    assert lines(to_torchsummary(found.arch)) == lines(printed)
