"""Batch norm and activation in one: the compiled kernels against torch in float64, and a network that has them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from ctypes import CDLL, memset
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import rfcalc
from rfcalc.network import Network
from rfcalc.train.fit import compiled, fused, precision
from rfcalc.train.fit.fused import ROUNDING, FusedNorm, Kernel, fuse
from rfcalc.train.fit.precision import Precision, settled_precision

CPU = torch.device("cpu")
SPEC = """
input: [3, 8, 8]
layers:
  - conv: {name: c1, out_channels: 12, kernel_size: 3, padding: 1, bias: false}
  - batch_norm: {name: n1}
  - silu: {name: a1}
  - conv: {name: c2, out_channels: 12, kernel_size: 3, padding: 1, bias: false}
  - batch_norm: {name: n2}
  - relu: {name: a2}
  - add: [a2, n2]
  - conv: {name: c3, out_channels: 5, kernel_size: 3, bias: false}
  - batch_norm: {name: n3}
  - gelu: {name: a3}
  - relu: {name: a4}
  - batch_norm: {name: n4}
  - global_avg_pool: {name: pool}
"""


@pytest.fixture(scope="module")
def library() -> CDLL:
    found = compiled.library(fused.SOURCE)
    assert found is not None, "a C++ compiler is needed to test the kernels"
    return found


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def maps(channels: int, side: int, dtype: torch.dtype, middle: float = 1.0) -> tuple[Tensor, Tensor]:
    torch.manual_seed(channels)
    x = torch.randn(16, channels, side, side).mul(3).add(middle).to(dtype)
    laid = x.contiguous(memory_format=torch.channels_last)
    return laid, torch.randn_like(laid)


def norm_of(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, eps=1e-3, momentum=0.3)
    nn.init.uniform_(norm.weight, -2, 2)
    nn.init.normal_(norm.bias)
    return norm


def copied(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    other = nn.BatchNorm2d(norm.num_features, norm.eps, norm.momentum)
    other.load_state_dict(norm.state_dict())
    return other


def silu_behind(library: CDLL, norm: nn.BatchNorm2d) -> FusedNorm:
    return FusedNorm(library, nn.Identity(), norm, nn.SiLU())


def errors(net: nn.Module, reference: nn.Module, x: Tensor, push: Tensor) -> list[float]:
    """Relative errors of the map made and of every gradient."""
    found = made_and_gradients(net, x, push)
    expected = made_and_gradients(reference.double(), x.double(), push.double())
    return [float((a - b).norm() / b.norm().clamp_min(1e-12)) for a, b in zip(found, expected, strict=True)]


def made_and_gradients(net: nn.Module, x: Tensor, push: Tensor) -> list[Tensor]:
    x = x.clone(memory_format=torch.channels_last).requires_grad_()
    made = net(x)
    return [made.detach(), *torch.autograd.grad(made, [x, *net.parameters()], push)]


@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
@pytest.mark.parametrize(("before", "behind"), fused.PAIRS)
@given(channels=st.integers(1, 140), side=st.sampled_from([4, 8, 12]))
@settings(max_examples=15, deadline=None)
def test_kernels_agree_with_float64(
    dtype: torch.dtype, before: type[nn.Module], behind: type[nn.Module], channels: int, side: int, library: CDLL
) -> None:
    """Map, gradients, running statistics; and in evaluation the map from those statistics."""
    norm = norm_of(channels)
    plain, own = copied(norm).double(), FusedNorm(library, before(), copied(norm), behind())
    x, push = maps(channels, side, dtype)
    assert own.kernel.takes(x)
    assert max(errors(own, nn.Sequential(before(), plain, behind()), x, push)) < ROUNDING[dtype]
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        torch.testing.assert_close(getattr(own, name).double(), getattr(plain, name).double(), rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        made, expected = own.eval()(x), behind()(plain.eval()(before()(x.double())))
    assert float((made - expected).norm() / expected.norm()) < ROUNDING[dtype]


def test_a_large_mean_takes_no_digits(library: CDLL) -> None:
    x, push = maps(8, 8, torch.float32, middle=3000.0)
    norm = norm_of(8)
    found = errors(silu_behind(library, copied(norm)), nn.Sequential(norm, nn.SiLU()), x, push)
    assert max(found) < 1e-3  # one step of float32 at 3,000 is 1e-4 of the spread


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
def test_what_is_no_number_stays_none(value: float, dtype: torch.dtype, library: CDLL) -> None:
    """In its own channel alone."""
    x, _ = maps(8, 8, dtype)
    x[3, 2, 1, 1] = value
    made = silu_behind(library, norm_of(8))(x)
    assert made[:, 2].isnan().all()
    assert made[:, [0, 1, 3, 4, 5, 6, 7]].isfinite().all()


@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
def test_extreme_values(dtype: torch.dtype, library: CDLL) -> None:
    """Where exp would overflow, SiLU is 0 or the value itself, and its slope 0 or 1."""
    kernel = Kernel(library, 2, 1, 0.0)
    x = torch.tensor([-1e30, -200.0, -88.0, 0.0, 88.0, 200.0, 1e30, 1.0]).to(dtype).repeat(16).view(1, 1, 16, 8)
    vectors = torch.ones(1), torch.zeros(1), torch.zeros(1), torch.ones(1)
    made = kernel.forward(x.contiguous(memory_format=torch.channels_last), vectors, measured=True)
    torch.testing.assert_close(made, nn.functional.silu(x), rtol=ROUNDING[dtype], atol=1e-6)


def test_other_maps_go_through_torch(library: CDLL) -> None:
    """Plain layout, float64, pixels that fill no whole lines; and gradients through given statistics."""
    norm = norm_of(12)
    own, plain = silu_behind(library, copied(norm)), nn.Sequential(norm, nn.SiLU())
    laid, push = maps(12, 4, torch.float32)
    for x in (laid.contiguous(), laid[:1, :, :3, :3].contiguous(memory_format=torch.channels_last)):
        assert not own.kernel.takes(x)
        assert torch.equal(own(x), plain(x))
    own.eval(), plain.eval()
    for found, expected in zip(made_and_gradients(own, laid, push), made_and_gradients(plain, laid, push), strict=True):
        assert torch.equal(found, expected)


def test_threads_change_nothing_but_rounding(library: CDLL) -> None:
    """And the same number of them gives the same bits every time, as a run that goes on needs."""
    x, push = maps(32, 64, torch.float32)  # each of two threads has its share
    norm = norm_of(32)

    def run(count: int) -> list[Tensor]:
        torch.set_num_threads(count)
        return made_and_gradients(silu_behind(library, copied(norm)), x, push)

    for one, two, again in zip(run(1), run(2), run(2), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-5)
        assert torch.equal(two, again)


def fresh() -> Network:
    return rfcalc.build(rfcalc.loads(SPEC), seed=1)


def test_a_spec_is_fused_where_the_activation_alone_reads_the_norm(library: CDLL) -> None:
    """Names, order and identity of parameters and buffers stay; so do the figures."""
    plain, own = fresh(), fresh()
    before = own.state_dict(keep_vars=True)
    fuse(own)
    after = own.state_dict(keep_vars=True)
    assert list(before) == list(after)
    assert all(before[name] is after[name] for name in before)
    kinds = {name: type(module).__name__ for name, module in own.named_layers()}
    assert [kinds[name] for name in ("n1", "a1")] == ["FusedNorm", "Identity"]
    assert [kinds[name] for name in ("n2", "a2")] == ["FusedNorm", "ReLU"]  # the sum reads n2 too
    assert [kinds[name] for name in ("n3", "a3")] == ["FusedNorm", "GELU"]  # not one that the kernels know
    assert [kinds[name] for name in ("a4", "n4")] == ["Identity", "FusedNorm"]
    x, _ = maps(3, 8, torch.float32)
    push = torch.randn(16, 5, 1, 1)
    assert max(errors(own, plain, x, push)) < 1e-4


def test_norms_that_kernels_do_not_cover_stay() -> None:
    net = fresh()
    others = (
        nn.BatchNorm2d(12, momentum=None),
        nn.BatchNorm2d(12, affine=False),
        nn.BatchNorm2d(5, track_running_stats=False),
    )
    norms = [step for step in net.steps if step.name in ("n1", "n2", "n3")]
    for step, norm in zip(norms, others, strict=True):
        net.put(step, norm)
    fuse(net)
    assert [net.module(step) for step in norms] == list(others)
    assert isinstance(fuse(nn.Sequential(nn.BatchNorm2d(3))), nn.Sequential)


class Zeros:
    """Kernels that find zeros backward. (Were nothing written, what a right one left there before could be found.)"""

    def __init__(self, library: CDLL) -> None:
        self.norm_forward = library.norm_forward

    def norm_backward(self, *about: Any) -> None:
        memset(about[2], 0, 4 * 32 * 24 * 16 * 16)


def test_wrong_or_slow_kernels_are_not_used(library: CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    own, torchs = fused.compared(library, nn.ReLU(), nn.Identity(), torch.float32)
    assert 0 < own < float("inf")
    assert torchs > 0
    assert fused.compared(Zeros(library), nn.Identity(), nn.SiLU(), torch.float32)[0] == float("inf")  # type: ignore[arg-type]
    for times, used in (((1.0, 2.0), True), ((2.0, 1.0), False)):
        monkeypatch.setattr(fused, "compared", lambda *about, times=times: times)
        fused.usable.cache_clear()
        assert (fused.usable() is library) == used
    fused.usable.cache_clear()


def test_two_libraries_of_threads_are_not_mixed(library: CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    """On several threads the kernels need torch's own, which they have here."""
    monkeypatch.setattr(fused, "compared", lambda *about: (1.0, 2.0))
    for threads, maps, used in ((2, "/proc/self/maps", True), (1, os.devnull, True), (2, os.devnull, False)):
        torch.set_num_threads(threads)
        monkeypatch.setattr(compiled, "MAPS", Path(maps))
        fused.usable.cache_clear()
        assert (fused.usable() is library) == used
    fused.usable.cache_clear()


@pytest.fixture
def anew() -> Iterator[None]:
    """Nothing is known of compiler and kernels, before and after."""
    known = compiled.compiled_file, compiled.library, fused.usable
    for function in known:
        function.cache_clear()
    yield
    for function in known:
        function.cache_clear()


@pytest.mark.parametrize("compiler", ["/nowhere/c++", "false"])
def test_without_a_compiler_torchs_own_layers_run(compiler: str, anew: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a run that was begun where there was one."""
    monkeypatch.setenv("CXX", compiler)
    monkeypatch.setattr(precision, "cpu_flags", lambda: {"avx2"})
    said: list[str] = []
    found = settled_precision("auto", CPU, fresh, lambda: torch.ones(1), said.append, fused.WORTH)
    assert (found.fused, said) == (False, [])
    net = Precision(fused=True).prepare(fresh())
    assert not any(isinstance(module, FusedNorm) for module in net.modules())


def test_a_compiler_that_fails_is_none(anew: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "c++"
    script.write_text('#!/bin/sh\n[ "$1" = --version ] && echo 1\n')
    script.chmod(0o755)
    monkeypatch.setenv("CXX", str(script))
    assert fused.usable() is None


def test_long_runs_on_a_cpu_are_fused(library: CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    """Announced where the kernels must be compiled first; runs of a few steps, and float32 that was asked for, not."""
    monkeypatch.setattr(precision, "cpu_flags", lambda: {"avx2"})
    monkeypatch.setattr(fused, "usable", lambda: library)

    def find(wanted: str, steps: int) -> tuple[bool, list[str]]:
        said: list[str] = []
        found = settled_precision(wanted, CPU, fresh, lambda: torch.ones(1), said.append, steps)
        return found.fused, said

    monkeypatch.setattr(compiled, "compiled", lambda source: False)
    assert find("auto", fused.WORTH) == (True, ["precision: compiling kernels, once on this machine"])
    monkeypatch.setattr(compiled, "compiled", lambda source: True)
    assert find("auto", fused.WORTH) == (True, [])
    assert find("auto", fused.WORTH - 1) == (False, [])
    assert find("float32", fused.WORTH) == (False, [])
    assert Precision.from_plain(Precision(fused=True).to_plain()) == Precision(fused=True)
    assert not Precision.from_plain({"name": "float32", "exceptions": {}, "why": ""}).fused


def test_where_the_cache_cannot_be_written_a_folder_ends_with_the_process(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told = (
        "from rfcalc.train.fit.compiled import library_folder as f; print(f()); assert f() == f(); assert f().is_dir()"
    )
    asked = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "file")}
    run = subprocess.run([sys.executable, "-c", told], env=asked, capture_output=True, text=True, check=True)
    assert not Path(run.stdout.strip()).exists()
