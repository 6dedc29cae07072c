"""The networks of tests/cases, traced: their right values, which were worked out without rfcalc; and real fields by the
slowest of all ways, one pixel changed at a time."""

from __future__ import annotations

import itertools
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import rfcalc
from rfcalc import Arch, RfcalcError, zoo
from rfcalc.report.findings import findings
from rfcalc.report.table import Table
from rfcalc.tracing.outputs import tensors_of
from rfcalc.tracing.trace import trace
from rfcalc.tracing.user_code import load_module
from tests.cases import CASES, FOLDER, Case

REFUSED = {
    ("lazy_shared_block:Denoise", "3,32,32"): "is lazy and has no weights yet",
    ("loops:ByValue", "4,16,16"): "a condition on a tensor needs the values of a tensor",
    ("distribution:Boxed", "4,84,84"): "returns no tensor but Box",
    ("spp_size:Neck", "3,75,75"): "RuntimeError",
}
INPUTS = {"dict_in_out:Strict": ["image=3,32,32"], "tokens:Chars": ["ids=int64:100"]}
OTHER_FIELD = {
    "shared_activation:Enc",  # the deepest map is the first output, which is the last row: checked all the same
    "spp_size:Neck",  # three outputs, the widest not the first
    "distribution:Policy",
}


def key_of(case: Case) -> str:
    return f"{case.file.removesuffix('/model.py')}:{case.name}"


def traced(case: Case) -> Arch:
    return zoo.load(f"{FOLDER}/{case.target}", zoo.read_inputs(INPUTS.get(key_of(case)) or list(case.inputs)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{key_of(case)} {' '.join(case.inputs)}")
def test_right_values(case: Case) -> None:
    refusal = REFUSED.get((key_of(case), " ".join(case.inputs)))
    if refusal:
        with pytest.raises(RfcalcError, match=refusal):
            traced(case)
        return
    arch = traced(case)
    if case.params is not None:
        assert arch.params + sum(arch.unused.values()) == case.params
    if case.macs is not None:
        assert arch.macs == case.macs
    if case.field is not None:
        fields = case.field if isinstance(case.field, tuple) else (case.field,) * len(arch.sizes)
        assert fields in [tuple(axis.receptive_field for axis in row.out.axes) for row in arch.rows]
        last = tuple(axis.receptive_field for axis in arch.out.axes)
        assert last == fields or key_of(case) in OTHER_FIELD
    assert not any("unknown" in row.status for row in arch.rows)


def load(name: str, *inputs: str) -> Arch:
    folder, attribute = name.split(":")
    return zoo.load(f"{FOLDER}/{folder}/model.py:{attribute}", zoo.read_inputs(inputs))


@pytest.mark.parametrize("name", ["Pool", "Nearest"])
def test_one_unit_resized_is_a_broadcast(name: str) -> None:
    axis = load(f"up_from_one:{name}", "1,32,32").out.axes[0]
    assert {(axis.at(unit).first, axis.at(unit).last) for unit in range(32)} == {(0, 31)}  # type: ignore[union-attr]
    assert load(f"up_from_one:{name}", "1,32,32").rows[-1].status == "whole input"


def test_several_inputs_have_a_field_each() -> None:
    found = Table(load("list_input:Neck", "8,56,56", "16,28,28", "32,14,14")).to_json()
    assert [port["name"] for port in found["inputs"]] == ["maps.0", "maps.1", "maps.2"]
    assert [port["shape"] for port in found["inputs"]] == [[8, 56, 56], [16, 28, 28], [32, 14, 14]]
    assert found["outputs"] == [
        {"name": "output", "shape": [32, 14, 14], "receptive_field": {"maps.0": 7, "maps.1": 3, "maps.2": 1}}
    ]
    pair = load("siamese:Pair", "left=1,81,81", "right=1,81,81")
    assert Table(pair).to_json()["outputs"][0]["receptive_field"] == {"left": 81, "right": 81}
    assert [row.params for row in pair.rows if row.layer.op == "conv"] == [1616, 25120, 16416, 0, 0, 0]
    assert pair["flatten"].x.axes[0].receptive_field == 41


def test_several_outputs_have_a_line_each() -> None:
    arch = load("dict_in_out:Strict", "image=3,32,32")
    found = Table(arch).to_json()["outputs"]
    assert [(port["name"], port["receptive_field"]) for port in found] == [
        ("scores.class", {"image": 35}),
        ("mask", {"image": 3}),
    ]
    assert "output mask: 1x16x16, receptive field 3" in Table(arch).totals
    assert "unused" not in [finding.kind for finding in findings(arch)]


def test_an_example_may_be_nested() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c, self.e = nn.Conv2d(3, 4, 3), nn.Embedding(10, 4)

        def forward(self, x: Any, extra: dict[str, Any]) -> Any:
            return self.c(x[0]) + self.c(x[1]) + self.e(extra["label"]).mean(1)[:, :, None, None]

    arch = trace(Net(), ([(3, 8, 8), torch.zeros(5, 3, 8, 8)], {"label": torch.zeros(5, 6, dtype=torch.int64)}))
    assert [(port.name, port.shape) for port in arch.inputs] == [
        ("x.0", (3, 8, 8)), ("x.1", (3, 8, 8)), ("extra.label", (6,)),
    ]  # fmt: skip
    assert Table(arch).to_json()["outputs"][0]["receptive_field"] == {"x.0": 3, "x.1": 3, "extra.label": 6}
    assert arch.params == 4 * 28 + 40


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((3, 8, 8), r"forward of Pair takes 2 inputs \(left, right\): right is missing; give each its own --input"),
        (((1, 81, 81),) * 3, r"forward of Pair takes 2 inputs \(left, right\), not 3"),
    ],
)
def test_inputs_that_do_not_fit_forward(given: Any, message: str) -> None:
    with pytest.raises(RfcalcError, match=message):
        zoo.load(f"{FOLDER}/siamese/model.py:Pair", given)


def test_the_order_of_layers_drawn_by_chance_is_told() -> None:
    shuffled = load("loops:Shuffled", "4,16,16")
    assert shuffled.one_draw
    assert Table(shuffled).to_json()["one_draw"] is True
    assert shuffled.out.axes[0].receptive_field in (7, 9)  # 5 + 2*2, or 3 + (5 - 1)
    assert load("loops:Shuffled", "4,16,16").nodes == shuffled.nodes
    assert not load("loops:LayerDrop", "4,16,16").one_draw
    assert "one_draw" not in Table(load("loops:Fixed", "4,16,16")).to_json()


def test_causal_networks_are_aligned_and_upper_bounds_say_so() -> None:
    for name, shape in (("WaveNet", "1,1200"), ("Cropped", "1,64")):
        assert "misaligned" not in [finding.kind for finding in findings(load(f"wavenet:{name}", shape))]
    assert "receptive field at most 20, no global pooling" in Table(load("deformable:Net", "3,16,16")).totals


def test_taps_that_never_meet_the_map_are_told() -> None:
    (found,) = [f for f in findings(load("aspp:Only18", "1,14,14")) if f.kind == "dilation"]
    assert found.text == (
        "a: with dilation 18 on a map of 14, 2 of its 3 taps along an axis never meet the map: their weights read "
        "padding alone"
    )
    # 224 / 16 = 14: rate 6 reaches it, 12 reaches it (12 + 13 >= 0), 18 does not
    assert [f.layers for f in findings(load("aspp:Seg", "3,224,224")) if f.kind == "dilation"] == [("aspp.b.3",)]


def test_targets_with_arguments(tmp_path: Path) -> None:
    file = tmp_path / "nets.py"
    file.write_text(
        "import torch.nn as nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, width, kernel_size=3, label=':('):\n"
        "        super().__init__()\n"
        "        self.c = nn.Conv2d(3, width, kernel_size)\n"
        "    def forward(self, x):\n"
        "        return self.c(x)\n"
    )
    arch = zoo.load(f"{file}:Net(8, kernel_size=5, label='a:b')", (3, 8, 8))
    assert (arch.params, arch.name) == (8 * 3 * 25 + 8, "Net(8, kernel_size=5, label='a:b')")
    with pytest.raises(RfcalcError, match="arguments must be literals"):
        zoo.load(f"{file}:Net(open('x'))", (3, 8, 8))
    with pytest.raises(RfcalcError, match="needs width"):
        zoo.load(f"{file}:Net(kernel_size=5)", (3, 8, 8))


# --- MACs against torch's own counter ----------------------------------------------------------------------------

COUNTED = [case for case in CASES if key_of(case) + " " + " ".join(case.inputs) not in
           {f"{key} {shape}" for key, shape in REFUSED}
           and not key_of(case).startswith(("quantised", "tokens", "siamese", "list_input", "dict_in_out:Strict",
                                            "compiled_part", "loops:Shuffled", "scripted"))]  # fmt: skip


@pytest.mark.parametrize("case", COUNTED, ids=key_of)
def test_macs_are_those_of_torchs_flop_counter(case: Case) -> None:
    module = load_module(f"{FOLDER}/{case.file}:{case.name}").eval()
    shape = zoo.read_shape(case.inputs[0])
    dtype = next((p.dtype for p in module.parameters()), torch.float32)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(torch.rand(1, *shape, dtype=dtype))
    assert traced(case).macs == counter.get_total_flops() // 2


def test_products_of_weights_alone_are_told_apart() -> None:
    class Hyper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Parameter(torch.rand(8, 5)), nn.Parameter(torch.rand(5, 27))

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.conv2d(x, (self.a @ self.b).view(8, 3, 3, 3))

    arch = trace(Hyper(), (3, 8, 8))
    assert (arch.params, arch.macs, arch.constant_macs) == (40 + 135, 36 * 8 * 27, 8 * 5 * 27)
    assert "MACs between weights alone, the same for every image, not counted: 1,080" in Table(arch).totals


def test_images_folded_among_the_places_count_once() -> None:
    class Folded(nn.Module):
        """Patches become a batch of their own (transformer in transformer)."""

        def __init__(self) -> None:
            super().__init__()
            self.c = nn.Conv2d(4, 6, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            n, c, h, w = x.shape
            patches = nn.functional.unfold(x, 4, stride=4).transpose(1, 2).reshape(n * h * w // 16, c, 4, 4)
            found: Tensor = self.c(patches)
            return found.reshape(n, h * w // 16, -1)

    module = Folded()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(torch.rand(1, 4, 16, 16))
    assert trace(module, (4, 16, 16)).macs == counter.get_total_flops() // 2


def test_images_multiplied_with_one_another_are_traced_alone() -> None:
    class Squeezed(nn.Module):
        """Attention over one channel, whose batch a squeeze has made a channel of."""

        def forward(self, x: Tensor) -> Tensor:
            y = x.flatten(1)
            return (y @ y.mT).softmax(-1) @ y

    arch = trace(Squeezed(), (1, 4, 4))
    assert arch.macs == 16 + 16


# --- fields, one pixel at a time ---------------------------------------------------------------------------------


class Resized(nn.Module):
    """A map made small on some axes, and back."""

    def __init__(self, pooled: tuple[int, int], mode: str, size: tuple[int, int], corners: bool | None = None) -> None:
        super().__init__()
        self.pooled, self.mode, self.size, self.corners = pooled, mode, size, corners
        self.c, self.d = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.adaptive_avg_pool2d(self.c(x), self.pooled)
        found: Tensor = self.d(nn.functional.interpolate(y, self.size, mode=self.mode, align_corners=self.corners))
        return found


class Grown(nn.Module):
    """One place grown by other means: bins, shuffled channels, a stride that leaves one."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way, self.c = way, nn.Conv2d(1, 4, 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.adaptive_max_pool2d(self.c(x), 1)
        if self.way == "bins":
            return nn.functional.adaptive_avg_pool2d(y, (3, 5))
        if self.way == "shuffle":
            return nn.functional.pixel_shuffle(y, 2)
        return y.expand(-1, -1, 4, 4) if self.way == "expand" else y.repeat_interleave(3, 2)


SIZE = 12
RESIZED = [
    Resized((1, 1), "bilinear", (6, 6), False), Resized((1, 1), "nearest", (6, 6)),
    Resized((1, 1), "bilinear", (6, 6), True), Resized((1, 4), "bilinear", (8, 8), False),
    Resized((3, 1), "nearest", (7, 8)), Resized((2, 2), "bilinear", (12, 12), False),
    Resized((5, 7), "bilinear", (12, 12), True), Resized((1, 1), "bilinear", (1, 1), False),
    Grown("bins"), Grown("shuffle"), Grown("expand"), Grown("interleave"),
]  # fmt: skip


def reached(module: nn.Module, size: int) -> Tensor:
    """Which pixels each unit of the output depends on: (rows, columns, rows of pixels, columns of pixels)."""
    torch.manual_seed(0)
    module = module.double().eval()
    for parameter in module.parameters():
        parameter.data = torch.rand(parameter.shape, dtype=torch.float64) + 0.1
    with torch.no_grad():
        image = torch.rand(1, 1, size, size, dtype=torch.float64)
        before = next(tensors_of(module(image)))
        found = torch.zeros(*before.shape[2:], size, size, dtype=torch.bool)
        for y, x in itertools.product(range(size), repeat=2):
            changed = image.clone()
            changed[0, 0, y, x] += 50  # so that a maximum pool lets it through
            found[:, :, y, x] = (next(tensors_of(module(changed))) != before).any(1)[0]
    return found


@pytest.mark.parametrize("module", RESIZED, ids=lambda m: f"{getattr(m, 'way', '')}{getattr(m, 'pooled', '')}")
def test_no_pixel_outside_a_field_matters_and_those_inside_do(module: nn.Module) -> None:
    arch = trace(module, (1, SIZE, SIZE))
    found = reached(module, SIZE)
    for axis, other in ((0, 1), (1, 0)):
        seen = found.any(dim=3 - axis if axis == 0 else 2).any(dim=other)
        for unit in range(found.shape[axis]):
            field = arch.out.axes[axis].at(unit)
            assert field is not None
            pixels = [p for p in range(SIZE) if seen[unit, p]]
            assert (pixels[0], pixels[-1]) >= (max(field.first, 0), 0)
            assert pixels[-1] <= field.last
            if arch.rows[-1].status == "whole input":
                assert pixels == [*range(SIZE)]


# --- nothing hangs -----------------------------------------------------------------------------------------------


class Alarm(Exception):
    pass


def test_a_timer_ends_a_trace() -> None:
    """It rings again: what is raised in a callback of the garbage collector, as hypothesis has one, is dropped."""
    until = time.monotonic() + 60

    class Slow(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            while time.monotonic() < until:
                x = x + 1
            raise AssertionError("nobody heard the alarm")

    def ring(number: int, frame: Any) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.3, 5)
    try:
        with pytest.raises(Alarm):
            trace(Slow(), (1, 4, 4))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_beyond_the_budget_only_the_field_is_unknown() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c = nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            for size in (997, 1009, 500):
                x = self.c(nn.functional.interpolate(x[..., 1:, 1:], (size, size), mode="bilinear"))
            return x

    arch = trace(Net(), (1, 991, 991))
    assert arch.rows[-1].status == "unknown (too many phases)"
    assert (arch.params, arch.out.sizes) == (10, (500, 500))
    assert arch.macs == 9 * sum(n * n for n in (997, 1009, 500))
    assert rfcalc.loads(rfcalc.dump(arch)).rows[-1].status == "unknown (too many phases)"


# --- memory ------------------------------------------------------------------------------------------------------

ZEROS, ONES = torch.zeros(9), torch.ones(9)
LAYOUTS: list[Callable[[Tensor], Tensor]] = [
    lambda x: nn.functional.linear(x, torch.ones(5, x.shape[-1])), lambda x: x.relu(), lambda x: x * 2,
    lambda x: x.softmax(-1), lambda x: nn.functional.layer_norm(x, x.shape[-1:]), lambda x: x + x.contiguous(),
    nn.functional.gelu, lambda x: x.sum(1, keepdim=True), lambda x: x @ x.mT, lambda x: x.exp(),
    lambda x: torch.cat([x, x], 1), lambda x: nn.functional.batch_norm(x, ZEROS[: x.shape[1]], ONES[: x.shape[1]]),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(LAYOUTS)))
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 3, 1), (0, 1, 3, 2), (0, 3, 1, 2)])
def test_results_lie_in_memory_as_torchs_do(number: int, order: tuple[int, ...]) -> None:
    found = []

    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = LAYOUTS[number](x.permute(order))
            found.append(y.stride())
            return y

    Net()(torch.rand(2, 3, 4, 5))
    trace(Net(), (3, 4, 5))
    assert found[0] == found[1]


# --- the print that torchsummary made familiar -------------------------------------------------------------------


def test_torchsummary_knows_what_is_frozen_and_prints_modules_only() -> None:
    lines = Table(load("bare_parameters:Gated", "4,16,16")).to_torchsummary().splitlines()
    assert [line.split()[0] for line in lines if line.strip()[:1].isalpha() and "[" in line] == [
        "Conv2d-1", "Conv2d-2", "BatchNorm2d-3",
    ]  # fmt: skip
    assert "Trainable params: 562" in lines
    assert "Non-trainable params: 12" in lines
