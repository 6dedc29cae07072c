"""The spec language: what each way of writing a network means."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from pathlib import Path
from typing import Any

import pytest

import rfcalc
from rfcalc import Arch
from rfcalc.engine.geometry import Window
from rfcalc.engine.kinds import settings_of
from rfcalc.engine.layers import LAYERS
from rfcalc.engine.layers.base import make
from rfcalc.errors import SpecError
from rfcalc.report.torchsummary import to_torchsummary


def read(layers: str, image: str = "[4, 12, 12]", **sections: str) -> Arch:
    """A spec of the given layers, written as in YAML's list of one line, and other sections."""
    more = "".join(f"{key}: {text}\n" for key, text in sections.items())
    return rfcalc.loads(f"input: {image}\n{more}layers: [{layers}]", "net.yaml")


def names(arch: Arch) -> list[str]:
    return [node.name for node in arch.nodes]


def sources(arch: Arch) -> dict[str, list[str]]:
    """What each layer reads, by name."""
    known = ["input", *names(arch)]
    return {node.name: [known[i] for i in node.inputs] for node in arch.nodes}


# --- layer types -------------------------------------------------------------------------------------------------

COSTS = [
    # layer                                                        input          output      params          MACs
    ("conv: {out_channels: 8, kernel_size: 3}",                    "[4, 12, 12]", "8x10x10",  8*(9*4 + 1),    800*9*4),
    ("conv: {out_channels: 8, kernel_size: [3, 1], bias: false}",  "[4, 12, 12]", "8x10x12",  8*3*4,          960*3*4),
    ("conv: {out_channels: 8, kernel_size: 3, groups: 2}",         "[4, 12, 12]", "8x10x10",  8*(9*2 + 1),    800*9*2),
    ("conv: {out_channels: 8, kernel_size: 3, groups: depthwise}", "[4, 12, 12]", "8x10x10",  8*(9*1 + 1),    800*9*1),
    ("conv: {out_channels: 8, kernel_size: 5, padding: same}",     "[4, 9]",      "8x9",      8*(5*4 + 1),    72*5*4),
    ("conv: {out_channels: 2, kernel_size: 2, stride: 2}",         "[4, 6, 6, 4]", "2x3x3x2", 2*(8*4 + 1),    36*8*4),
    ("conv: {out_channels: 2, kernel_size: 3, stride: 2, padding: tf_same}",
                                                                   "[4, 12, 7]",  "2x6x4",    2*(9*4 + 1),    48*9*4),
    ("conv_transpose: {out_channels: 8, kernel_size: 2, stride: 2}", "[4, 3, 3]", "8x6x6",    4*8*4 + 8,      36*8*4),
    ("conv_transpose: {out_channels: 8, kernel_size: 3, stride: 2, padding: 1, output_padding: 1, groups: 4}",
                                                                   "[4, 3, 3]",   "8x6x6",    4*2*9 + 8,      36*2*9),
    ("linear: 10",                                                 "[4, 3, 3]",   "10",       10*(36 + 1),    10*36),
    ("linear: {out_features: 10, bias: false}",                    "[4, 3]",      "10",       10*12,          10*12),
    ("flatten",                                                    "[4, 3, 3]",   "36",       0,              0),
    ("max_pool: 2",                                                "[4, 13, 13]", "4x6x6",    0,              0),
    ("max_pool: {kernel_size: 2, ceil_mode: true}",                "[4, 13, 13]", "4x7x7",    0,              0),
    ("max_pool: {kernel_size: 3, stride: 1, dilation: 2}",         "[4, 13]",     "4x9",      0,              0),
    ("avg_pool: {kernel_size: 3, stride: 2, padding: 1}",          "[4, 12, 12]", "4x6x6",    0,              0),
    ("adaptive_avg_pool: [1, 7]",                                  "[4, 12, 12]", "4x1x7",    0,              0),
    ("adaptive_max_pool: 5",                                       "[4, 12, 12]", "4x5x5",    0,              0),
    ("global_avg_pool",                                            "[4, 12, 12]", "4x1x1",    0,              0),
    ("global_max_pool",                                            "[4, 6, 6, 6]", "4x1x1x1", 0,              0),
    ("upsample: 2",                                                "[4, 12, 5]",  "4x24x10",  0,              0),
    ("upsample: 0.5",                                              "[4, 12, 5]",  "4x6x2",    0,              0),
    ("upsample: {scale_factor: 0.29}",                             "[4, 100]",    "4x28",     0,              0),
    ("upsample: {size: [7, 9], mode: bilinear}",                   "[4, 12, 5]",  "4x7x9",    0,              0),
    ("pixel_shuffle: 2",                                           "[8, 3, 4]",   "2x6x8",    0,              0),
    ("pixel_unshuffle: 3",                                         "[2, 6, 9]",   "18x2x3",   0,              0),
    ("pad: [[1, 2], -3]",                                          "[4, 12, 12]", "4x15x6",   0,              0),
    ("batch_norm",                                                 "[4, 12, 12]", "4x12x12",  2*4,            0),
    ("batch_norm: {affine: false}",                                "[4, 12, 12]", "4x12x12",  0,              0),
    ("instance_norm",                                              "[4, 12, 12]", "4x12x12",  0,              0),
    ("instance_norm: {affine: true}",                              "[4, 12, 12]", "4x12x12",  2*4,            0),
    ("group_norm: 2",                                              "[4, 12, 12]", "4x12x12",  2*4,            0),
    ("layer_norm",                                                 "[4, 12, 12]", "4x12x12",  2*4*12*12,      0),
    ("prelu",                                                      "[4, 12, 12]", "4x12x12",  1,              0),
    ("prelu: 4",                                                   "[4, 12, 12]", "4x12x12",  4,              0),
    ("add: [input, input]",                                        "[4, 12, 12]", "4x12x12",  0,              0),
    ("concat: [input, input, input]",                              "[4, 12, 12]", "12x12x12", 0,              0),
    ("multiply: [input, input]",                                   "[4, 12, 12]", "4x12x12",  0,              0),
    *((op, "[4, 12, 12]", "4x12x12", 0, 0) for op in (
        "identity", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "hardswish", "hardsigmoid",
        "sigmoid", "tanh", "softplus", "softmax", "log_softmax", "dropout", "dropout_spatial", "alpha_dropout")),
]  # fmt: skip


TRACED_ONLY = {
    "channel_slice", "channel_pad", "channel_shuffle", "channel_mix", "channel_norm",
    "pointwise", "scale", "shift", "elementwise",
    "expand", "unflatten", "roll", "resample", "unfold", "reduce", "opaque", "opaque_join", "whole", "whole_join",
}  # fmt: skip
"""What only a traced module needs; tests/tracing/test_opaque.py has their figures."""


@pytest.mark.parametrize(("layer", "image", "out", "params", "macs"), COSTS)
def test_what_a_layer_makes_and_costs(layer: str, image: str, out: str, params: int, macs: int) -> None:
    arch = read(layer, image)
    assert (str(arch.out), arch.params, arch.macs) == (out, params, macs)


def test_every_layer_type_of_the_language_is_in_the_table() -> None:
    tried = {layer.partition(":")[0] for layer, *_ in COSTS}
    assert tried == set(LAYERS) - TRACED_ONLY


SHORT = [
    # short                                 long
    ("relu",                                "relu: {}"),
    ("relu",                                "relu: null"),
    ("batch_norm",                          "batch_norm: {affine: true}"),
    ("max_pool: 2",
     "max_pool: {kernel_size: 2, stride: 2, padding: 0, dilation: 1, ceil_mode: false}"),
    ("max_pool: [2, 3]",                    "max_pool: {kernel_size: [2, 3], stride: [2, 3]}"),
    ("avg_pool: 2",                         "avg_pool: {kernel_size: [2, 2]}"),
    ("adaptive_avg_pool: 1",                "adaptive_avg_pool: {output_size: [1, 1]}"),
    ("adaptive_max_pool: [2, 3]",           "adaptive_max_pool: {output_size: [2, 3]}"),
    ("upsample: 2",                         "upsample: {scale_factor: 2, mode: nearest}"),
    ("pixel_shuffle: 2",                    "pixel_shuffle: {upscale_factor: 2}"),
    ("pixel_unshuffle: 2",                  "pixel_unshuffle: {downscale_factor: 2}"),
    ("pad: 1",                              "pad: {padding: [[1, 1], [1, 1]], mode: zeros}"),
    ("linear: 10",                          "linear: {out_features: 10, bias: true}"),
    ("group_norm: 2",                       "group_norm: {num_groups: 2, affine: true}"),
    ("leaky_relu",                          "leaky_relu: 0.01"),
    ("leaky_relu: 0.2",                     "leaky_relu: {negative_slope: 0.2}"),
    ("elu",                                 "elu: {alpha: 1}"),
    ("prelu",                               "prelu: {num_parameters: 1}"),
    ("dropout",                             "dropout: 0.5"),
    ("dropout: 0.05",                       "dropout: {p: 0.05}"),
    ("dropout_spatial: 0.1",                "dropout_spatial: {p: 0.1}"),
    ("alpha_dropout: 0",                    "alpha_dropout: {p: 0}"),
    ("add: [input, input]",                 "add: {from: [input, input]}"),
    ("concat: [input, input]",              "concat: {from: [input, input]}"),
    ("multiply: [input, input]",            "multiply: {from: [input, input]}"),
    ("conv: {out_channels: 8, kernel_size: 3}",
     "conv: {out_channels: 8, kernel_size: [3, 3], stride: 1, padding: 0, dilation: 1, groups: 1, bias: true, "
     "padding_mode: zeros}"),
    ("conv_transpose: {out_channels: 8, kernel_size: 3}",
     "conv_transpose: {out_channels: 8, kernel_size: [3, 3], stride: 1, padding: 0, output_padding: 0, groups: 1, "
     "bias: true, dilation: 1}"),
]  # fmt: skip


@pytest.mark.parametrize(("short", "long"), SHORT)
def test_short_forms_and_defaults(short: str, long: str) -> None:
    one, other = read(short).nodes[0], read(long).nodes[0]
    assert one == other


def test_settings_are_normalised_to_one_value_for_each_axis() -> None:
    layer = make("conv", 3, out_channels=8, kernel_size=3, stride=[1, 2, 1], padding=[0, [1, 2], 3])
    values: dict[str, Any] = {name: getattr(layer, name) for name in settings_of(type(layer))}
    assert values["kernel_size"] == (3, 3, 3)
    assert values["stride"] == (1, 2, 1)
    assert values["padding"] == ((0, 0), (1, 2), (3, 3))
    assert values["dilation"] == (1, 1, 1)


PADDINGS = [
    # padding             kernel  stride  dilation  windows' (before, after) on axes of 12 and 7
    ("0",                 3,      1,      1,        [(0, 0), (0, 0)]),
    ("2",                 3,      1,      1,        [(2, 2), (2, 2)]),
    ("[1, 2]",            3,      1,      1,        [(1, 1), (2, 2)]),
    ("[[1, 2], [3, 0]]",  3,      1,      1,        [(1, 2), (3, 0)]),
    ("[[1, 2], 3]",       3,      1,      1,        [(1, 2), (3, 3)]),
    ("valid",             3,      2,      1,        [(0, 0), (0, 0)]),
    ("same",              3,      1,      1,        [(1, 1), (1, 1)]),
    ("same",              4,      1,      1,        [(1, 2), (1, 2)]),  # 3 in all, the larger half after
    ("same",              3,      1,      3,        [(3, 3), (3, 3)]),
    ("tf_same",           3,      1,      1,        [(1, 1), (1, 1)]),
    ("tf_same",           3,      2,      1,        [(0, 1), (1, 1)]),  # 6*2 + 1 - 12 = 1; 3*2 + 3 - 7 = 2
    ("tf_same",           2,      3,      1,        [(0, 0), (0, 1)]),  # 3*3 + 2 - 12 < 0; 2*3 + 2 - 7 = 1
    ("tf_same",           3,      2,      2,        [(1, 2), (2, 2)]),  # 5*2 + 5 - 12 = 3; 3*2 + 5 - 7 = 4
]  # fmt: skip


@pytest.mark.parametrize(("padding", "kernel", "stride", "dilation", "sides"), PADDINGS)
def test_forms_of_padding(padding: str, kernel: int, stride: int, dilation: int, sides: list[tuple[int, int]]) -> None:
    settings = f"kernel_size: {kernel}, stride: {stride}, dilation: {dilation}, padding: {padding}"
    arch = read(f"conv: {{out_channels: 1, {settings}}}", "[4, 12, 7]")
    assert arch.rows[0].windows == tuple(Window(kernel, stride, side, dilation) for side in sides)


def test_factors_are_exact() -> None:
    assert make("upsample", 2, scale_factor=[0.1, 3]).scale_factor == (Fraction(1, 10), Fraction(3))  # type: ignore[attr-defined]


# --- names and from ----------------------------------------------------------------------------------------------


def test_unnamed_layers_are_called_after_operation_and_place() -> None:
    assert names(read("relu, relu, {conv: {name: C3, out_channels: 4, kernel_size: 1}}, relu")) == [
        "relu1", "relu2", "C3", "relu4",
    ]  # fmt: skip


def test_an_automatic_name_steps_aside_for_a_stated_one() -> None:
    assert names(read("relu: {name: relu2}, relu, tanh")) == ["relu2", "relu3", "tanh3"]


def test_from_defaults_to_the_layer_above() -> None:
    arch = read(
        "relu: {name: a}, tanh: {name: b}, sigmoid: {name: c, from: a}, add: {name: d, from: [b, c, input]}, gelu"
    )
    assert sources(arch) == {"a": ["input"], "b": ["a"], "c": ["a"], "d": ["b", "c", "input"], "gelu5": ["d"]}


def test_any_layer_can_be_joined_with_itself() -> None:
    assert str(read("relu: {name: a}, concat: [a, a]").out) == "8x12x12"


# --- blocks ------------------------------------------------------------------------------------------------------

CONV = "conv: {out_channels: $out, kernel_size: $k, padding: [$p, 0], stride: 1}"


def test_block_with_parameters() -> None:
    blocks = f"{{b: {{parameters: {{out: null, k: 3, p: 1}}, layers: [{CONV}, relu]}}}}"
    arch = read("b: {name: B, out: 8, k: 5}, b: 6", blocks=blocks)
    assert names(arch) == ["B.conv", "B.relu", "b3.conv", "b3.relu"]
    assert [str(row.out) for row in arch.rows] == ["8x10x8", "8x10x8", "6x10x6", "6x10x6"]


def test_bare_value_is_the_first_parameter() -> None:
    blocks = "{pool: {parameters: {size: 2, unused: 1}, layers: [max_pool: $size]}}"
    assert str(read("pool", blocks=blocks).out) == "4x6x6"
    assert str(read("pool: 3", blocks=blocks).out) == "4x4x4"
    assert str(read("pool: [3, 4]", blocks=blocks).out) == "4x4x3"


def test_parameter_may_stand_for_the_settings_of_a_layer() -> None:
    blocks = "{b: {parameters: {c: null}, layers: [conv: $c]}}"
    assert str(read("b: {c: {out_channels: 3, kernel_size: 1}}", blocks=blocks).out) == "3x12x12"


def test_blocks_use_blocks() -> None:
    inner = "inner: {parameters: {n: 1}, layers: [{conv: {out_channels: $n, kernel_size: 1}}, relu]}"
    outer = "outer: {parameters: {n: 2}, layers: [{inner: {name: first, n: $n}}, {inner: $n}, inner]}"
    arch = read("outer: {name: O, n: 7}", blocks=f"{{{outer}, {inner}}}")
    assert names(arch) == [
        "O.first.conv", "O.first.relu", "O.inner.conv", "O.inner.relu", "O.inner5.conv", "O.inner5.relu",
    ]  # fmt: skip
    assert [row.out.channels for row in arch.rows] == [7, 7, 7, 7, 1, 1]


def test_names_in_a_block_are_local_and_input_is_what_enters_it() -> None:
    blocks = "{res: {layers: [relu: {name: a}, tanh: {name: b}, add: [b, input], multiply: [a, stem]]}}"
    arch = read(
        "identity: {name: stem}, relu: {name: a}, res: {name: R}, gelu: {from: a}, gelu: {from: R}", blocks=blocks
    )
    found = sources(arch)
    assert found["R.a"] == ["a"]
    assert found["R.add"] == ["R.b", "a"]
    assert found["R.multiply"] == ["R.a", "stem"]
    assert (found["gelu7"], found["gelu8"]) == (["a"], ["R.multiply"])


def test_from_moves_the_entry_of_a_block() -> None:
    blocks = "{res: {layers: [relu, add: [relu, input]]}}"
    arch = read("identity: {name: a}, tanh: {name: b}, res: {name: R, from: a}", blocks=blocks)
    assert sources(arch)["R.relu"] == ["a"]
    assert sources(arch)["R.add"] == ["R.relu", "a"]


def test_layers_inside_a_block_are_known_by_their_full_names() -> None:
    blocks = "{b: {layers: [relu, tanh]}, two: {layers: [b: {name: x}, gelu: {from: x.relu}, gelu: {from: C.tanh}]}}"
    arch = read("b: {name: C}, relu: {from: C.relu}, two: {name: D}, add: [D.x.relu, D.x, C]", blocks=blocks)
    found = sources(arch)
    assert found["relu3"] == ["C.relu"]
    assert (found["D.gelu"], found["D.gelu7"]) == (["D.x.relu"], ["C.tanh"])
    assert found["add8"] == ["D.x.relu", "D.x.tanh", "C.tanh"]


# --- repeat ------------------------------------------------------------------------------------------------------


def test_repeat() -> None:
    body = "repeat: {name: body, times: 2, layers: [relu, add: [relu, input]]}"
    arch = read(f"{body}, tanh: {{from: body}}, repeat: {{times: 1, layers: [tanh]}}")
    assert sources(arch) == {
        "body.0.relu": ["input"],
        "body.0.add": ["body.0.relu", "input"],
        "body.1.relu": ["body.0.add"],
        "body.1.add": ["body.1.relu", "body.0.add"],
        "tanh5": ["body.1.add"],
        "repeat6.0.tanh": ["tanh5"],
    }


def test_repeat_in_a_block_as_often_as_a_parameter_says() -> None:
    conv = "conv: {out_channels: $out, kernel_size: 1}"
    blocks = f"{{stage: {{parameters: {{n: null, out: 4}}, layers: [repeat: {{times: $n, layers: [{conv}]}}]}}}}"
    arch = read("stage: {name: S, n: 3, out: 5}", blocks=blocks)
    assert names(arch) == [f"S.repeat.{i}.conv" for i in range(3)]
    assert arch.params == 5 * 5 + 2 * (5 * 6)


def test_repeats_within_repeats() -> None:
    arch = read("repeat: {name: a, times: 2, layers: [repeat: {name: b, times: 3, layers: [relu]}, tanh]}")
    turns = [[f"a.{i}.b.{j}.relu" for j in range(3)] + [f"a.{i}.tanh"] for i in range(2)]
    assert names(arch) == turns[0] + turns[1]


def test_long_chain_needs_no_recursion() -> None:
    arch = read("repeat: {times: 20000, layers: [conv: {out_channels: 4, kernel_size: 3, padding: 1}, relu]}")
    assert len(arch.rows) == 40_000
    assert arch.out.axes[0].receptive_field == 1 + 20_000 * 2


def test_jump_far_larger_than_the_image() -> None:
    arch = read("repeat: {times: 60, layers: [conv: {out_channels: 1, kernel_size: 1, stride: 2}]}", "[1, 1, 1]")
    assert (arch.out.axes[0].jump, arch.out.axes[0].receptive_field) == (2**60, 1)
    pool = read("repeat: {times: 40, layers: [max_pool: {kernel_size: 2, stride: 4, padding: 1}]}", "[1, 1]")
    assert pool.out.axes[0].receptive_field == 1 + sum(4**i for i in range(40))


# --- the document ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", ["[3, 32]", "[3, 32, 16]", "[3, 32, 16, 8]"])
def test_input_fixes_the_number_of_axes(image: str) -> None:
    arch = read("conv: {out_channels: 2, kernel_size: 3, padding: 1}", image)
    assert arch.sizes == arch.out.sizes
    assert arch.params == 2 * (3 ** len(arch.sizes) * arch.input[0] + 1)
    assert arch.macs == 2 * 3 ** len(arch.sizes) * prod(arch.input)


def test_what_a_spec_says_about_itself() -> None:
    arch = rfcalc.loads(
        "name: mine\nsource: >-\n  a book,\n  page 3\nnotes: [one, two]\ninput: [1, 8]\nlayers: [relu]\n"
        "claims: {params: 0}\ntargets: {max_params: 1}\ntrain: {epochs: 3}\n"
    )
    assert (arch.name, arch.source, arch.notes) == ("mine", "a book, page 3", ("one", "two"))
    assert (arch.claims, arch.targets, arch.train) == ({"params": 0}, {"max_params": 1}, {"epochs": 3})


def test_lines_are_remembered() -> None:
    arch = rfcalc.loads(
        "input: [1, 8]\nlayers:\n  - relu\n\n  - conv:\n      out_channels: 1\n      kernel_size: 1\n  - tanh\n"
    )
    assert [node.line for node in arch.nodes] == [3, 5, 8]


def test_a_file_without_a_name_is_called_after_itself(tmp_path: Path) -> None:
    file = tmp_path / "tiny.yaml"
    file.write_bytes(b"\xef\xbb\xbfinput: [1, 8]\r\nlayers:\r\n  - relu\r\n")  # a byte order mark, and Windows' lines
    arch = rfcalc.load(file)
    assert (arch.name, arch.path, names(arch)) == ("tiny", str(file), ["relu1"])


def test_anchors_and_aliases() -> None:
    arch = rfcalc.loads(
        "input: [2, 8]\nlayers:\n  - conv: &c {out_channels: 2, kernel_size: 3}\n  - conv: *c\n  - &r relu\n  - *r\n"
    )
    assert [node.layer.op for node in arch.nodes] == ["conv", "conv", "relu", "relu"]
    assert arch.nodes[0].layer == arch.nodes[1].layer


@pytest.mark.parametrize(("text", "number"), [("0x10", 16), ("0o10", None), ("010", 8), ("1_6", 16), ("+16", 16)])
def test_numbers_as_yaml_writes_them(text: str, number: int | None) -> None:
    if number is None:
        with pytest.raises(rfcalc.SpecError, match="out_features must be an integer, not '0o10'"):
            read(f"linear: {text}")
    else:
        assert read(f"linear: {text}").out.channels == number


def test_network_by_name_and_by_path(tmp_path: Path) -> None:
    assert rfcalc.load("s9").name == "s9"
    file = tmp_path / "s9.yml"
    file.write_text("input: [1, 8]\nlayers: [relu]", encoding="utf-8")
    assert rfcalc.load(str(file)).input == (1, 8)


def test_a_functional_layer_leaves_no_row_in_a_torchsummary_print() -> None:
    text = "{{input: [3, 8, 8], layers: [conv: {{out_channels: 4, kernel_size: 3}}, {}, {}]}}"
    one, other = (
        rfcalc.loads(text.format(f"max_pool: {{kernel_size: 2, functional: {word}}}", "relu"), "t")
        for word in ("true", "false")
    )
    assert one.params == other.params
    assert one.receptive_field == other.receptive_field
    found = [[line.split()[0] for line in to_torchsummary(arch).splitlines() if "[-1" in line] for arch in (one, other)]
    assert found == [["Conv2d-1", "ReLU-2"], ["Conv2d-1", "MaxPool2d-2", "ReLU-3"]]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("batch_norm: {functional: true}", "functional: a layer that can hold parameters needs a module for them"),
        ("relu: {functional: 1}",          "functional must be true or false, not 1"),
        ("relu: {containers: Block}",      "containers must list names of classes, not"),
        ("relu: {containers: ['a b']}",    "containers must list names of classes, not"),
    ],
)  # fmt: skip
def test_functional_layers_that_cannot_be(layer: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        rfcalc.loads(f"{{input: [3, 8, 8], layers: [{layer}]}}", "t")
