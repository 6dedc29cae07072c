"""Weight gradients by the CPU's tiles: the compiled kernels against torch in float64, and networks that have them."""

from __future__ import annotations

from collections.abc import Iterator
from ctypes import CDLL, memset
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rfcalc.train.fit import compiled, fused, precision, tiled
from rfcalc.train.fit.precision import Precision, settled_precision
from rfcalc.train.fit.tiled import laid_out, suits, tile, weight_gradient

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def library() -> CDLL:
    if not tiled.has_tiles():
        pytest.skip("this CPU has no tiles")
    found = compiled.library(tiled.SOURCE)
    assert found is not None, "a C++ compiler is needed to test the kernels"
    assert found.may_use_tiles()
    return found


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before, asked = torch.get_num_threads(), tiled.usable
    yield
    torch.set_num_threads(before)
    asked.cache_clear()


def maps(layer: nn.Conv2d, images: int, height: int, width: int) -> tuple[Tensor, Tensor]:
    """x and the gradient of what the layer makes of it."""
    torch.manual_seed(images)
    x = laid_out(torch.randn(images, layer.in_channels, height, width).bfloat16())
    return x, laid_out(torch.randn_like(layer(x.float())).bfloat16())


def exact(layer: nn.Conv2d, x: Tensor, push: Tensor) -> Tensor:
    made = layer.double()(x.double())
    return torch.autograd.grad(made, layer.weight, push.double())[0]


pairs = st.tuples
blocks = st.sampled_from([32, 64, 96])


@given(
    channels=blocks, filters=blocks, images=st.integers(1, 5), side=pairs(st.integers(4, 17), st.integers(4, 17)),
    kernel=pairs(st.integers(1, 5), st.integers(1, 5)), stride=pairs(st.integers(1, 3), st.integers(1, 3)),
    padding=pairs(st.integers(0, 3), st.integers(0, 3)), dilation=pairs(st.integers(1, 2), st.integers(1, 2)),
    count=st.integers(1, 2),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_gradients_agree_with_float64(
    channels: int, filters: int, images: int, side: tuple[int, int], kernel: tuple[int, int],
    stride: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int], count: int, library: CDLL,
) -> None:  # fmt: skip
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    assume(all(s + 2 * p >= r for s, p, r in zip(side, padding, reach, strict=True)))
    layer = nn.Conv2d(channels, filters, kernel, stride, padding, dilation, bias=False)
    assert suits(layer)
    x, push = maps(layer, images, *side)
    torch.set_num_threads(count)
    found = weight_gradient(library, layer, x, push)
    assert found.shape == layer.weight.shape
    assert found.is_contiguous(memory_format=torch.channels_last)
    expected = exact(layer, x, push)
    assert float((found - expected).norm() / expected.norm()) < 1e-5


def test_many_images_make_several_strips(library: CDLL) -> None:
    """And threads change nothing but rounding, the same number of them nothing at all, as a run that goes on needs."""
    layer = nn.Conv2d(64, 32, 3, padding="same", bias=False)
    x, push = maps(layer, 70, 16, 16)

    def run(count: int) -> Tensor:
        torch.set_num_threads(count)
        return weight_gradient(library, layer, x, push)

    one, two, again = run(1), run(2), run(2)
    torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-3)
    assert torch.equal(two, again)
    expected = exact(layer, x, push)
    assert float((one - expected).norm() / expected.norm()) < 1e-5


@pytest.mark.parametrize(
    ("layer", "known"),
    [
        (nn.Conv2d(32, 64, 3, bias=False), True),
        (nn.Conv2d(32, 64, 4, padding="same", bias=False), False),  # one zero more on one side
        (nn.Conv2d(32, 64, 3), False),
        (nn.Conv2d(32, 48, 3, bias=False), False),
        (nn.Conv2d(3, 32, 3, bias=False), False),
        (nn.Conv2d(32, 32, 3, groups=32, bias=False), False),
        (nn.Conv2d(32, 32, 3, padding=1, padding_mode="reflect", bias=False), False),
        (nn.ConvTranspose2d(32, 32, 3, bias=False), False),
        (nn.Conv1d(32, 32, 3, bias=False), False),
    ],
)
def test_layers_that_the_kernels_know(layer: nn.Module, known: bool) -> None:
    assert suits(layer) == known


def net() -> nn.Sequential:
    torch.manual_seed(1)
    convolutions = [nn.Conv2d(3, 32, 3, bias=False), nn.Conv2d(32, 32, 3, 2, 1, bias=False), nn.Conv2d(32, 64, 1)]
    return nn.Sequential(*convolutions, nn.ReLU(), nn.Conv2d(64, 32, 3, bias=False))


def gradients(network: nn.Module, way: Precision, x: Tensor) -> list[Tensor]:
    with way.running(CPU):
        made = network(way.lay_out(x))
    return [made.detach(), *torch.autograd.grad(made.float().square().sum(), [*network.parameters()])]


def test_a_network_trains_with_them_as_without(library: CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only steps in bf16 and channels last go through the kernels; parameters stay the same tensors."""
    monkeypatch.setattr(tiled, "usable", lambda: library)
    calls: list[nn.Conv2d] = []
    monkeypatch.setattr(
        tiled, "weight_gradient", lambda *about: (calls.append(about[1]), weight_gradient(*about))[1]  # type: ignore[func-returns-value]
    )  # fmt: skip
    x, plain, own = torch.randn(4, 3, 9, 9), net(), net()
    before = own.state_dict(keep_vars=True)
    with_tiles, without = Precision("bf16", tiled=True), Precision("bf16")
    with_tiles.prepare(own), without.prepare(plain)
    assert all(before[name] is value for name, value in own.state_dict(keep_vars=True).items())
    for found, expected in zip(gradients(own, with_tiles, x), gradients(plain, without, x), strict=True):
        assert float((found - expected).norm() / expected.norm()) < 0.01
    assert calls == [own[4], own[1]]
    calls.clear()
    for way in (Precision(), Precision(layout="channels_last")):  # float32 and bf16 in plain layout: torch's own
        gradients(own, way, x)
    with torch.no_grad(), without.running(CPU):
        assert torch.equal(own(without.lay_out(x)), plain(without.lay_out(x)))
    assert not calls


def test_layers_that_run_another_way_keep_it(library: CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiled, "usable", lambda: library)
    network = tile(net(), {"1": "bf16"})
    assert isinstance(network, nn.Sequential)
    assert ["forward" in vars(network[place]) for place in (0, 1, 2, 4)] == [False, False, False, True]


class Zeros:
    """Kernels that find zeros. (Were nothing written, what a right one left there before could be found.)"""

    def weight_gradient(self, *about: Any) -> None:
        memset(about[-1], 0, 4 * 64 * 64 * 3 * 3)


def test_wrong_or_slow_kernels_are_not_used(library: CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    own, torchs = tiled.compared(library)
    assert 0 < own < float("inf")
    assert torchs > 0
    assert tiled.compared(Zeros())[0] == float("inf")  # type: ignore[arg-type]
    for times, used in (((1.0, 2.0), True), ((2.0, 1.0), False), ((float("inf"), 1.0), False)):
        monkeypatch.setattr(tiled, "compared", lambda found, times=times: times)
        tiled.usable.cache_clear()
        assert (tiled.usable() is library) == used


@pytest.mark.parametrize("flags", ["", "avx512_bf16 amx_tile"])
def test_a_cpu_without_tiles_compiles_nothing(flags: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiled, "said_of_cpu", lambda *keys: flags)
    monkeypatch.setattr(compiled, "library", lambda source: pytest.fail("compiled"))
    tiled.usable.cache_clear()
    assert tiled.usable() is None
    network = net()
    assert Precision("bf16", tiled=True).prepare(network) is network  # also in a run that was begun elsewhere
    assert not any("forward" in vars(layer) for layer in network)


@pytest.mark.parametrize(
    ("name", "there", "used"), [("bf16", True, True), ("bf16", False, False), ("float32", True, False)]
)
def test_long_runs_in_bf16_use_them(name: str, there: bool, used: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Announced where they alone must be compiled first."""
    monkeypatch.setattr(precision, "found_precision", lambda *about: Precision(name, layout="channels_last"))
    monkeypatch.setattr(compiled, "compiled", lambda source: source != tiled.SOURCE)
    monkeypatch.setattr(tiled, "has_tiles", lambda: there)
    monkeypatch.setattr(tiled, "usable", lambda: CDLL(None))
    monkeypatch.setattr(fused, "usable", lambda: None)

    def find(steps: int) -> tuple[Precision, list[str]]:
        said: list[str] = []
        return settled_precision("auto", CPU, net, lambda: torch.ones(1), said.append, steps), said

    found, said = find(fused.WORTH)
    assert found.tiled == ("weight gradients in tiles" in found.describe()) == used
    assert said == ["precision: compiling kernels, once on this machine"] * used
    assert not find(fused.WORTH - 1)[0].tiled


def test_the_gradient_behind_a_global_pool_lies_as_its_map_does() -> None:
    """Else each sum of gradients down to the next convolution mixes two layouts, which takes five times as long."""
    for way, strides in ((Precision("bf16"), (128, 1, 32, 8)), (Precision(), (128, 16, 4, 1))):
        convolution, pool = nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1)
        way.prepare(nn.Sequential(convolution, pool))
        made = convolution(way.lay_out(torch.randn(2, 3, 6, 6)))
        seen: list[Tensor] = []
        total = pool(made).sum()
        made.register_hook(seen.append)  # behind the pool's own
        total.backward()
        assert [made.stride(), *(gradient.stride() for gradient in seen)] == [strides, strides]
