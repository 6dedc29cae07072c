"""The network as it is trained: head, dropout, first weights; and the test of bf16 on this machine."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import rfcalc
from rfcalc.network import build
from rfcalc.train.data.batches import mean_and_std, normalization_tensors
from rfcalc.train.data.synthetic import draw
from rfcalc.train.fit import precision
from rfcalc.train.fit.dropout import FastDropout, dropped
from rfcalc.train.fit.model import near_identity, prepared, softmax_head, whiten
from rfcalc.train.fit.precision import Precision, decide, relative, right_way
from rfcalc.train.fit.precision import tested as found_wrong
from rfcalc.train.fit.target import Target
from rfcalc.train.recipe.reader import read

SPLIT = draw(60, 8, 8, 3, 4, seed=0)
NORMALIZATION = normalization_tensors(*mean_and_std(SPLIT), torch.device("cpu"))
HEAD = "{{name: t, input: [3, 8, 8], layers: [conv: {{out_channels: 8, kernel_size: 3}}, dropout: 0.3, {tail}]}}"


def arch(tail: str) -> rfcalc.Arch:
    return rfcalc.loads(HEAD.format(tail=tail))


def target(found: rfcalc.Arch) -> Target:
    return Target(found, "", lambda seed: build(found, seed=seed))


@pytest.mark.parametrize(
    ("tail", "head"),
    [
        ("global_avg_pool, softmax: {name: s}",              "s"),
        ("global_avg_pool, softmax: {name: s}, flatten",     "s"),
        ("softmax: {name: s}, global_avg_pool",              None),
        ("global_avg_pool, log_softmax",                     None),
        ("global_avg_pool",                                  None),
    ],
)  # fmt: skip
def test_a_softmax_at_the_end_is_found(tail: str, head: str | None) -> None:
    assert softmax_head(arch(tail)) == head


def test_the_head_is_trained_on_its_scores() -> None:
    """c12 ends in a softmax: what is trained must be its logarithm up to a constant, not the probabilities."""
    found = rfcalc.load("c12")
    trained = prepared(target(found), read({}, "t", "t"), 0, SPLIT, *NORMALIZATION).eval()
    whole = build(found, seed=0).eval()
    whole.load_state_dict(trained.state_dict())
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    scores, probabilities = trained(x).flatten(1), whole(x).flatten(1)
    assert probabilities.sum(1).tolist() == pytest.approx([1, 1])
    assert scores.softmax(1).flatten().tolist() == pytest.approx(probabilities.flatten().tolist(), abs=1e-6)
    assert scores.sum(1).tolist() != pytest.approx([1, 1])


def test_dropout_is_the_recipes() -> None:
    found = arch("global_avg_pool")
    kept, changed = (
        prepared(target(found), read(values, "t", "t"), 0, SPLIT, *NORMALIZATION) for values in ({}, {"dropout": 0.125})
    )
    assert [m.p for net in (kept, changed) for m in net.modules() if isinstance(m, nn.Dropout)] == [0.3, 0.125]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", ["plain", "channels_last", "cut"])
def test_dropout_drops_its_share_and_keeps_the_mean(dtype: torch.dtype, layout: str) -> None:
    """Of 400,000 entries, 0.3 are dropped to within five standard deviations, 0.0036; the others grow by 1 / 0.7."""
    dropout = FastDropout(0.3)
    x = torch.ones(10, 20, 40, 50, dtype=dtype)
    x = {"plain": x, "channels_last": x.contiguous(memory_format=torch.channels_last), "cut": x[:, :, ::2]}[layout]
    x = x.requires_grad_()
    torch.manual_seed(0)
    out = dropout(x)
    assert out.shape == x.shape
    assert float((out == 0).float().mean()) == pytest.approx(0.3, abs=0.0036 if layout != "cut" else 0.0052)
    assert float(out.detach().max()) == pytest.approx(1 / 0.7, rel=1e-4 if dtype == torch.float32 else 0.004)
    assert len(out.unique()) == 2
    (gradient,) = torch.autograd.grad(out.sum(), [x])
    assert torch.equal(gradient, out)
    again = dropout(x)
    torch.manual_seed(0)
    assert torch.equal(dropout(x), out)
    assert not torch.equal(again, out)
    assert torch.equal(dropout.eval()(x), x)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_dropout_of_nothing_and_of_all(p: float) -> None:
    assert float(FastDropout(p)(torch.ones(8)).sum()) == 8 * (1 - p)


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
def test_every_place_is_dropped_as_often_and_on_its_own(p: float) -> None:
    """Over 20,000 seeds, each of 30 places and each pair of them, to within five standard deviations."""
    fallen = np.zeros((20_000, 30))
    for seed, row in enumerate(fallen):
        places = dropped(30, p, seed)
        assert (np.diff(places) > 0).all()
        row[places] = 1
    both = np.where(np.eye(30, dtype=bool), p, p * p)
    assert (np.abs(fallen.T @ fallen / 20_000 - both) < 5 * (both * (1 - both) / 20_000) ** 0.5).all()


def test_what_falls_is_drawn_step_by_step() -> None:
    """Against one exponential number after another; where the first block of them did not suffice as well."""
    for seed in range(500):
        draw, place, expected = np.random.Generator(np.random.SFC64(seed)), -1, []
        while (place := place + 1 + int(draw.standard_exponential() / -math.log1p(-0.5))) < 30:
            expected.append(place)
        assert dropped(30, 0.5, seed).tolist() == expected


@pytest.mark.parametrize("p", [1e-20, 5e-324])
def test_a_tiny_p_drops_nothing(p: float) -> None:
    assert dropped(30, p, 0).tolist() == []


def test_a_gradient_in_another_layout_is_dropped_where_its_entry_was() -> None:
    x = torch.ones(2, 8, 5, 5).contiguous(memory_format=torch.channels_last).requires_grad_()
    out = FastDropout(0.5)(x)
    out.backward(torch.ones(2, 8, 5, 5))
    assert x.grad is not None
    assert torch.equal(x.grad, out.detach())


def test_a_seed_fixes_the_first_weights() -> None:
    def weights(seed: int, **values: object) -> list[float]:
        net = prepared(target(arch("global_avg_pool")), read(values, "t", "t"), seed, SPLIT, *NORMALIZATION)
        return next(net.parameters()).flatten().tolist()

    assert weights(0) == weights(0) != weights(1)
    assert weights(0, initialization="identity", whiten=True) == weights(0, initialization="identity", whiten=True)


def test_near_identity_hands_channels_on() -> None:
    conv = nn.Conv2d(4, 6, 3, padding=1, bias=False)
    near_identity(conv)
    x = torch.randn(1, 4, 5, 5)
    assert torch.allclose(conv(x)[:, :4], x, atol=1e-6)


def test_whitened_filters_give_equal_spread() -> None:
    net = nn.Sequential(nn.Conv2d(3, 20, 3, bias=False))
    split = draw(2000, 12, 12, 3, 10, seed=0)
    normalization = normalization_tensors(*mean_and_std(split), torch.device("cpu"))
    whiten(net, split, *normalization)
    x = torch.from_numpy(split.images[:2000]).permute(0, 3, 1, 2).float().sub(normalization[0]).div(normalization[1])
    out = net(x).detach().transpose(0, 1).flatten(1)
    assert torch.allclose(out[:10], -out[10:], atol=1e-4)
    spread = out[:10].std(1)
    assert float(spread.max() / spread.min()) < 1.5
    assert abs(torch.corrcoef(out[:10]) - torch.eye(10)).max() < 0.25


# --- precision -------------------------------------------------------------------------------------------------------

IMAGES = torch.randn(16, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def small() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(8, 4),
    )  # fmt: skip


class Garbled(nn.Conv2d):
    """A convolution whose weight gradient is garbage in bf16 and channels_last, as torch 2.13's is on some CPUs."""

    broken: tuple[str, ...] = ("channels_last",)

    def forward(self, input: Tensor) -> Tensor:
        made = super().forward(input)
        bf16 = torch.is_autocast_enabled("cpu")
        layout = "channels_last" if input.is_contiguous(memory_format=torch.channels_last) else "plain"
        if bf16 and layout in self.broken:
            made = made + (self.weight.sum() * 100 - (self.weight.sum() * 100).detach())
        return made


class Hopeless(Garbled):
    broken = ("channels_last", "plain")


def test_right_layers_need_no_exception() -> None:
    assert found_wrong(small(), IMAGES) == ()


@pytest.mark.parametrize(("kind", "way"), [(Garbled, "bf16"), (Hopeless, "float32")])
def test_a_wrong_layer_is_found_and_run_another_way(kind: type[nn.Conv2d], way: str) -> None:
    def make() -> nn.Sequential:
        net = small()
        torch.manual_seed(1)
        net[2] = kind(8, 8, 3, padding=1)
        return net

    found = found_wrong(make(), IMAGES)
    assert found == (("2", way),)
    chosen = Precision("bf16", found)

    def gradient(how: Precision) -> Tensor:
        net = make()
        how.prepare(net)
        with how.running(torch.device("cpu")):
            scores = net(how.lay_out(IMAGES))
        scores.float().square().mean().backward()
        found = net[2].weight.grad
        assert isinstance(found, Tensor)
        return found

    plain = gradient(Precision())
    assert relative(gradient(chosen), plain) < 0.05
    assert relative(gradient(Precision("bf16")), plain) > 1  # so the exception is what mends it


def test_a_layer_in_plain_layout_has_its_weight_so_too() -> None:
    """A convolution takes its layout from its weight's strides, even a depthwise one's, which fit both."""
    net = nn.Sequential(*(nn.Conv2d(4, 4, 3, groups=groups) for groups in (1, 1, 4)))
    Precision("bf16", (("1", "bf16"), ("2", "bf16"))).prepare(net)
    strides = [parameter.stride() for parameter in net.parameters() if parameter.dim() == 4]
    assert strides == [(36, 1, 12, 4), (36, 9, 3, 1), (9, 9, 3, 1)]


def test_this_machines_dilated_grouped_convolutions_are_tried() -> None:
    """Whatever this machine does, the way that is chosen for the shape with the known bug is right."""
    torch.manual_seed(0)
    way = right_way(nn.Conv2d(32, 32, 3, padding=2, dilation=2, groups=32), torch.randn(8, 32, 32, 32))
    assert way in precision.RUN_WAYS


def test_bf16_must_be_faster_to_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    speeds = {"float32": 1.0, "bf16": 0.5}
    monkeypatch.setattr(precision, "step_seconds", lambda how, *rest: speeds[how.name])
    assert decide("auto", small, IMAGES).name == "bf16"
    assert decide("auto", small, IMAGES).why == "bf16 is 2.00 times as fast as float32 here"
    speeds["bf16"] = 0.95
    assert decide("auto", small, IMAGES).name == "float32"
    assert decide("bf16", small, IMAGES).name == "bf16"
    assert decide("float32", small, IMAGES).name == "float32"


def test_timing_leaves_randomness_alone() -> None:
    net = nn.Sequential(nn.Dropout(0.5), nn.Flatten(), nn.Linear(768, 2))
    before = torch.get_rng_state()
    decide("auto", lambda: net, IMAGES)
    assert torch.equal(before, torch.get_rng_state())


def test_precision_is_written_and_read_back() -> None:
    found = Precision("bf16", (("C8", "float32"),), "why")
    assert Precision.from_plain(found.to_plain()) == found
