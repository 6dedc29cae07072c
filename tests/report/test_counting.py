"""One network as each tool counts it: held against the tools themselves where they are installed, and against what they
printed when they were: fvcore 0.1.5.post20221221, torchinfo 1.8.0, ptflops 0.7.5, thop 0.1.1.post2209072238 and
torch 2.13."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

import rfcalc
from rfcalc import Arch, RfcalcError
from rfcalc.cli.parameters import CountedBy
from rfcalc.report.counting import COUNTERS, counted, otherwise_counted
from tests.command import run

PAGE = (Path(__file__).parents[2] / "docs" / "counting.md").read_text(encoding="utf-8")
ORDER = ("flops", "fvcore", "torchinfo", "ptflops", "ptflops-aten", "thop")
NETWORKS = {
    "s9": ((3, 32, 32), (67543872, 34029408, 33913354, 34427530, 33912586, 34286368)),
    "resnet18": ((3, 64, 64), (297115648, 148965376, 148568424, 149476328, 148558824, 149371392)),
    "mobilenet_v2": ((3, 64, 64), (51457024, 26823936, 25763624, 27328488, 25729512, 27915520)),
    "googlenet": ((3, 64, 64), (246513664, 123787648, 123272392, 124788968, 123257832, 124315392)),
    "densenet121": ((3, 64, 64), (464601088, 234862592, 232385192, 237671400, 232301544, 237435904)),
}
LAYERS = {
    # one layer on a map of 4 x 6 x 6:               flops, fvcore, torchinfo, ptflops, aten, thop
    "conv: {out_channels: 6, kernel_size: 3, stride: 2}": (1728, 864, 888, 888, 888, 864),
    "conv_transpose: {out_channels: 6, kernel_size: 3, stride: 2}": (15552, 7776, 37518, 8790, 8790, 36504),
    "linear: 5": (1440, 720, 725, 725, 725, 720),
    "batch_norm": (0, 288, 8, 288, 0, 576),
    "batch_norm: {affine: false}": (0, 144, 0, 144, 0, 288),
    "group_norm: 2": (0, 720, 8, 288, 0, 0),
    "layer_norm": (0, 720, 288, 144, 0, 576),
    "instance_norm": (0, 576, 0, 144, 0, 288),
    "channel_norm": (0, 720, 8, 0, 0, 0),
    "relu": (0, 0, 0, 288, 0, 0),
    "relu6": (0, 0, 0, 144, 0, 0),
    "prelu": (0, 0, 1, 288, 0, 144),
    "gelu": (0, 0, 0, 288, 0, 0),
    "softmax": (0, 0, 0, 144, 0, 396),
    "sigmoid": (0, 0, 0, 0, 0, 0),
    "max_pool: 2": (0, 0, 0, 288, 0, 0),
    "avg_pool: 2": (0, 0, 0, 288, 0, 36),
    "adaptive_avg_pool: 3": (0, 144, 0, 288, 0, 180),
    "global_avg_pool": (0, 144, 0, 288, 0, 148),
    "upsample: 2": (0, 576, 0, 1152, 0, 576),
    "upsample: {size: 5}": (0, 100, 0, 200, 0, 100),
    "upsample: {scale_factor: 2, mode: bilinear}": (0, 2304, 0, 1152, 0, 6336),
    "scale: 4": (0, 0, 4, 0, 0, 0),
    "add: [input, input]": (0, 0, 0, 0, 0, 0),
}


def net(layers: str, shape: str = "[4, 6, 6]") -> Arch:
    return rfcalc.loads(f"{{name: t, input: {shape}, layers: [{layers}]}}")


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_as_each_tool_counted_them(name: str) -> None:
    shape, counts = NETWORKS[name]
    arch = rfcalc.load(name, shape)
    assert tuple(counted(arch.rows, tool) for tool in ORDER) == counts
    assert counted(arch.rows, "macs") == arch.macs


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_as_each_tool_counted_them(layer: str) -> None:
    assert tuple(counted(net(layer).rows, tool) for tool in ORDER) == LAYERS[layer]


def test_maps_of_one_and_three_axes() -> None:
    """fvcore knows means and upsampling of two axes only, thop no trilinear one."""
    assert counted(net("upsample: {scale_factor: 2, mode: linear}", "[4, 6]").rows, "fvcore") == 0
    assert counted(net("upsample: {scale_factor: 2, mode: linear}", "[4, 6]").rows, "thop") == 240
    assert counted(net("adaptive_avg_pool: 1", "[4, 6]").rows, "fvcore") == 0
    assert counted(net("adaptive_avg_pool: 1", "[4, 6]").rows, "thop") == 28
    assert counted(net("upsample: {scale_factor: 2, mode: trilinear}", "[4, 3, 3, 3]").rows, "thop") == 0


# --- the tools themselves --------------------------------------------------------------------------------------------


def by_fvcore(module: Any, image: Any) -> int:
    nn = pytest.importorskip("fvcore.nn", reason="fvcore is not installed: its recorded counts alone are held")
    found = nn.FlopCountAnalysis(module, image).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return int(found.tracer_warnings("none").total())


def by_torchinfo(module: Any, image: Any) -> int:
    torchinfo = pytest.importorskip(
        "torchinfo", reason="torchinfo is not installed: its recorded counts alone are held"
    )
    return int(torchinfo.summary(module, input_size=tuple(image.shape), verbose=0, device="cpu").total_mult_adds)


def by_ptflops(module: Any, image: Any, backend: str = "pytorch") -> int:
    ptflops = pytest.importorskip("ptflops", reason="ptflops is not installed: its recorded counts alone are held")
    info = ptflops.get_model_complexity_info
    return int(info(module, tuple(image.shape[1:]), as_strings=False, print_per_layer_stat=False, backend=backend)[0])


def by_aten(module: Any, image: Any) -> int:
    return by_ptflops(module, image, "aten")


def by_thop(module: Any, image: Any) -> int:
    thop = pytest.importorskip("thop", reason="thop is not installed: its recorded counts alone are held")
    return int(thop.profile(module, inputs=(image,), verbose=False)[0])


def by_torch(module: Any, image: Any) -> int:
    counter = pytest.importorskip("torch.utils.flop_counter").FlopCounterMode(display=False)
    with counter:
        module(image)
    return int(counter.get_total_flops())


TOOLS: dict[str, Callable[[Any, Any], int]] = dict(
    zip(ORDER, (by_torch, by_fvcore, by_torchinfo, by_ptflops, by_aten, by_thop), strict=True)
)


@pytest.mark.parametrize("tool", TOOLS)
def test_the_tool_itself_counts_so(tool: str, caplog: pytest.LogCaptureFixture) -> None:
    torch = pytest.importorskip("torch")
    caplog.set_level(logging.CRITICAL)
    for arch in (rfcalc.load("s9"), rfcalc.load("mnist28"), *map(net, LAYERS)):
        module = rfcalc.build(arch, seed=0).eval()
        with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
            found = TOOLS[tool](module, torch.zeros(1, *arch.input))
        assert counted(arch.rows, tool) == found, str(arch.rows[0])


# --- the table -------------------------------------------------------------------------------------------------------


def test_the_table_shows_a_tools_count_row_by_row() -> None:
    out = run("table", "s9", "--count", "ptflops").out
    assert "params 180,298, MACs 34,427,530 as ptflops 0.7 counts\n" in out
    found = json.loads(run("table", "s9", "--count", "fvcore", "--format", "json").out)
    assert (found["count"], found["macs"]) == ("fvcore", 34029408)
    assert sum(layer["macs"] for layer in found["layers"]) == found["macs"]
    assert "count" not in json.loads(run("table", "s9", "--format", "json").out)
    folded = rfcalc.table("s9", count="ptflops")
    assert sum(row["macs"] for row in folded) == 34427530  # what is folded away is counted with the row above it
    assert [column.heading for column in rfcalc.table("s9", count="flops").columns.values()][-1] == "FLOPs"


def test_the_command_line_knows_every_convention() -> None:
    assert list(get_args(CountedBy)) == list(COUNTERS)
    assert run("table", "s9", "--count", "caffe").code == 2
    with pytest.raises(RfcalcError, match="count: there is no convention 'fvcor': did you mean fvcore"):
        rfcalc.table("s9", count="fvcor")


def test_unknown_stays_unknown() -> None:
    arch = net("conv: {out_channels: 6, kernel_size: 3}, opaque: {name: rnn, operation: gru}")
    assert counted(arch.rows, "fvcore") is None
    assert "MACs – (partial: 3,552 without rnn) as ptflops 0.7 counts" in "\n".join(arch.table(count="ptflops").totals)


def test_a_stated_figure_is_known_by_the_tool_that_counts_so() -> None:
    arch = rfcalc.load("s9")
    names = dict(otherwise_counted("macs", arch.rows, arch.macs or 0))
    assert names[34029408] == "counted as fvcore 0.1.5 does"
    assert names[34286368] == "counted as thop 0.1.1 does"


@pytest.mark.parametrize("name", COUNTERS)
def test_the_page_states_each_convention_in_a_line(name: str) -> None:
    about = COUNTERS[name]
    assert f"| `{name}` | {about.tool} | {about.sentence} |\n" in PAGE
