"""The layer types that traced modules need: shapes, parameters, fields and the torch modules that they stand for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import rfcalc
from rfcalc.engine.arch import Arch
from rfcalc.engine.layers import LAYERS
from rfcalc.errors import RfcalcError
from rfcalc.network import build
from tests.spec.test_spec import TRACED_ONLY


def one(layer: str, shape: str = "4, 6, 5", before: str = "") -> Arch:
    return rfcalc.loads(f"input: [{shape}]\nlayers:\n{before}- {layer}\n")


def figures(arch: Arch) -> tuple[str, list[object], int, str]:
    row = arch.rows[-1]
    return str(row.out), [axis.receptive_field for axis in row.out.axes], row.params, row.status


CONV = "- conv: {out_channels: 4, kernel_size: 3}\n"  # 4x4x3 after it, a field of 3, 148 parameters
TABLE = [
    # layer                                                          out       field     params  status
    ("channel_slice: {start: 1, stop: 3}", "2x4x3", [3, 3], 0, "exact"),
    ("channel_slice: {step: 2}", "2x4x3", [3, 3], 0, "exact"),
    ("channel_pad: {before: 1, after: 2}", "7x4x3", [3, 3], 0, "exact"),
    ("channel_shuffle: 2", "4x4x3", [3, 3], 0, "exact"),
    ("channel_mix: {operation: mean, out_channels: 1}", "1x4x3", [3, 3], 0, "exact"),
    ("channel_norm", "4x4x3", [3, 3], 8, "exact"),
    ("channel_norm: {affine: false}", "4x4x3", [3, 3], 0, "exact"),
    ("pointwise: exp", "4x4x3", [3, 3], 0, "exact"),
    ("scale: 4", "4x4x3", [3, 3], 4, "exact"),
    ("shift: 48", "4x4x3", [3, 3], 48, "exact"),
    ("roll: [1, 2]", "4x4x3", [3, 3], 0, "exact"),
    ("unfold: {kernel_size: 2, padding: 1}", "16x5x4", [4, 4], 0, "exact"),
    ("reduce: {operation: sum}", "4x1x1", [6, 5], 0, "exact"),
    ("reduce: {operation: sum, axes: [true, false]}", "4x1x3", [6, 3], 0, "exact"),
    ("whole: {operation: attention}", "4x4x3", [6, 5], 0, "whole input"),
    ("whole: {operation: softmax, axes: [false, true]}", "4x4x3", [3, 5], 0, "exact"),
    ("whole: {operation: flip, bound: true}", "4x4x3", [6, 5], 0, "upper bound (flip)"),
    ("whole: {operation: reshape, size: [2, 6], bound: true}", "4x2x6", [6, 5], 0, "upper bound (reshape)"),
    ("whole: {operation: pooled, out_channels: 9, flat: true}", "9", [6, 5], 0, "whole input"),
    ("opaque: {operation: fft, out_channels: 2, size: 3}", "2x3x3", [None, None], 0, "unknown (fft)"),
]


@pytest.mark.parametrize(("layer", "out", "field", "params", "status"), TABLE)
def test_figures(layer: str, out: str, field: list[object], params: int, status: str) -> None:
    assert figures(one(layer, before=CONV)) == (out, field, params, status)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("channel_slice: {start: 4}", "channels 4 to 4 are not among the 4"),
        ("channel_slice: {stop: 5}", "channels 0 to 5 are not among the 4"),
        ("channel_shuffle: 3", "groups=3 must divide 4 channels"),
        ("expand: {size: [6, 7]}", "cannot repeat 4x6x5 to 4x6x7"),
        ("unflatten: {out_channels: 2, size: 2}", "cannot make 2\\*2\\*2 values of 4x6x5"),
        ("whole: {operation: x, axes: [true, false], size: [3, 4]}", "x leaves axis 1 alone, but makes size 4 of 5"),
        ("whole: {operation: x, flat: true, size: 2}", "a flat map has no size of 2x2"),
        ("pointwise: 3", "operation must be the name of an operation, not 3"),
        ("scale: 0", "weights must be from 1 to"),
        ("reduce: {operation: sum, axes: [true]}", "axes needs one value for each of 2 axes"),
    ],
)
def test_what_does_not_fit_is_refused(layer: str, message: str) -> None:
    with pytest.raises(RfcalcError, match=message):
        one(layer)


def test_unknown_stays_unknown_and_stops_nothing() -> None:
    arch = rfcalc.loads(
        """
        input: [3, 8, 8]
        layers:
        - conv: {name: a, out_channels: 4, kernel_size: 3, padding: 1}
        - opaque: {name: b, operation: fft}
        - conv: {name: c, out_channels: 4, kernel_size: 3, padding: 1}
        - add: {name: d, from: [a, c]}
        - global_avg_pool: {name: e}
        - linear: {name: f, from: a, out_features: 2}
        """
    )
    assert [row.status for row in arch.rows] == ["exact", *["unknown (fft)"] * 4, "exact"]
    assert [str(row.out) for row in arch.rows] == ["4x8x8"] * 4 + ["4x1x1", "2"]
    assert arch.params == 112 + 148 + 2 * 257
    assert arch["c"].out.axes[0].jump is None
    assert arch.uncounted == ("b",)


def test_a_bound_is_passed_on_and_a_whole_ends_it_only_where_the_whole_is_known() -> None:
    flipped = "- whole: {operation: flip, bound: true}\n"
    assert one("conv: {out_channels: 2, kernel_size: 3}", before=flipped).rows[-1].status == "upper bound (flip)"
    # after a crop the flipped map's bound is no longer its hull, so that attention on it is a bound as well
    assert one("whole: {operation: attention}", before=flipped + "- pad: -1\n").rows[-1].status == "upper bound (flip)"
    # beside the map itself, whose hull is known and as large, it is not
    text = "input: [2, 6]\nlayers:\n- relu: {name: x}\n- whole: {name: y, operation: flip, bound: true}\n"
    joined = rfcalc.loads(text + "- whole_join: {from: [x, y], operation: attention}\n")
    assert joined.rows[-1].status == "whole input"
    assert rfcalc.loads(text + "- add: [x, y]\n").rows[-1].status == "upper bound (flip)"


def test_maps_of_one_unit_are_broadcast() -> None:
    text = "input: [2, 6]\nlayers:\n- relu: {name: x}\n- global_avg_pool: {name: mean}\n"
    row = rfcalc.loads(text + "- elementwise: {from: [x, mean], operation: sub}\n").rows[-1]
    assert (str(row.out), row.out.axes[0].receptive_field, row.status) == ("2x6", 6, "whole input")


BUILT: dict[str, Callable[[Tensor], Tensor]] = {
    "channel_slice: {start: 1, stop: 3}": lambda x: x[:, 1:3],
    "channel_slice: {start: 1, step: 2}": lambda x: x[:, 1::2],
    "channel_pad: {before: 1, after: 2}": lambda x: nn.functional.pad(x, (0, 0, 0, 0, 1, 2)),
    "channel_shuffle: 2": lambda x: torch.channel_shuffle(x, 2),
    "channel_norm": lambda x: nn.functional.layer_norm(x.movedim(1, -1), (4,)).movedim(-1, 1),
    "scale: 4": lambda x: x,
    "shift: 120": lambda x: x,
    "roll: [1, -2]": lambda x: x.roll((1, -2), (2, 3)),
    "unfold: {kernel_size: 3, padding: 1, stride: 2}": lambda x: nn.functional.unfold(x, 3, 1, 1, 2).view(-1, 36, 3, 3),
}


@pytest.mark.parametrize("layer", BUILT)
def test_built_modules_do_what_the_layer_says(layer: str) -> None:
    arch = one(layer)
    network = build(arch)
    x = torch.randn(2, 4, 6, 5)
    out = network(x)
    assert torch.allclose(out, BUILT[layer](x), atol=1e-6)
    assert tuple(out.shape[1:]) == (arch.out.channels, *arch.out.sizes)
    assert sum(p.numel() for p in network.parameters()) == arch.params


def test_broadcasts_are_built_as_torch_broadcasts() -> None:
    text = "input: [2, 6, 6]\nlayers:\n- global_avg_pool: {name: m}\n- expand: {name: e, size: 6}\n"
    network = build(rfcalc.loads(text + "- elementwise: {from: [input, e], operation: sub}\n"))
    x = torch.randn(3, 2, 6, 6)
    assert torch.allclose(network(x), x - x.mean((2, 3), keepdim=True), atol=1e-6)
    network = build(rfcalc.loads("input: [2, 6]\nlayers:\n- linear: 12\n- unflatten: {out_channels: 3, size: 4}\n"))
    assert network(torch.zeros(5, 2, 6)).shape == (5, 3, 4)


NAMED = ["channel_mix: {operation: mean, out_channels: 1}", "pointwise: exp", "reduce: {operation: sum}",
         "whole: {operation: attention}", "opaque: {operation: fft}"]  # fmt: skip


@pytest.mark.parametrize("layer", NAMED)
def test_what_is_known_by_name_only_is_not_built(layer: str) -> None:
    with pytest.raises(RfcalcError, match="is known by its shapes only: no torch module can be made of it"):
        build(one(layer))


def test_weights_that_fit_nothing_are_not_built() -> None:
    with pytest.raises(RfcalcError, match="7 weights are not one for all, for each channel or for each value of 4x6x5"):
        build(one("scale: 7"))


def test_every_type_of_this_module_is_registered_once() -> None:
    types = [LAYERS[op] for op in TRACED_ONLY]
    assert len(types) == 19
    assert all(cls.__doc__ for cls in types)
