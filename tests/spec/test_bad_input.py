"""Specs that cannot be right: each is refused with one plain line for each problem: file, line, layer and numbers."""

from __future__ import annotations

import pytest

import rfcalc
from rfcalc import SpecError
from rfcalc.engine.kinds import settings_of
from rfcalc.engine.layers import LAYERS

IMAGE = "input: [3, 32, 32]\n"


def problems(text: str) -> list[str]:
    """What is said about a text; fails when it is taken for right."""
    with pytest.raises(SpecError) as error:
        rfcalc.loads(text, "net.yaml")
    assert str(error.value) == "\n".join(error.value.problems)
    return error.value.problems


def layer_problem(layer: str, image: str = "[3, 32, 32]") -> str:
    """What is said about the one layer on line 2, without its place."""
    (problem,) = problems(f"input: {image}\nlayers: [{layer}]\n")
    place, _, fact = problem.partition("net.yaml:2: ")
    assert place == ""
    return fact


# --- settings ----------------------------------------------------------------------------------------------------


def conv(**settings: str) -> str:
    values = {"out_channels": "8", "kernel_size": "3"} | settings
    return "conv: {" + ", ".join(f"{key}: {value}" for key, value in values.items()) + "}"


BIG = "1" + "0" * 60
CONV = [
    # setting         value                fact
    ("out_channels",  "0",                 "must be at least 1, not 0"),
    ("out_channels",  "-8",                "must be at least 1, not -8"),
    ("out_channels",  "1.5",               "must be an integer, not 1.5"),
    ("out_channels",  "8.0",               "must be an integer, not 8.0"),
    ("out_channels",  "true",              "must be an integer, not true"),
    ("out_channels",  "null",              "must be an integer, not null"),
    ("out_channels",  "'8'",               "must be an integer, not '8'"),
    ("out_channels",  "8e1",               "must be an integer, not '8e1'"),
    ("out_channels",  "2024-02-03",        "must be an integer, not '2024-02-03'"),
    ("out_channels",  ".nan",              "must be an integer, not nan"),
    ("out_channels",  "-.inf",             "must be an integer, not -inf"),
    ("out_channels",  "[8]",               "must be an integer, not [8]"),
    ("out_channels",  "{a: 1}",            "must be an integer, not {'a': 1}"),
    ("out_channels",  "1048577",           "must be at most 1,048,576, not 1048577"),
    ("out_channels",  BIG,                 f"must be at most 1,048,576, not {BIG[:37]}..."),
    ("out_channels",  "0x" + "f" * 5000,   f"must be an integer, not '0x{'f' * 34}..."),
    ("kernel_size",   "0",                 "must be at least 1, not 0"),
    ("kernel_size",   "[3]",               "needs one value for each of 2 axes, not 1: [3]"),
    ("kernel_size",   "[3, 3, 3]",         "needs one value for each of 2 axes, not 3: [3, 3, 3]"),
    ("kernel_size",   "[]",                "needs one value for each of 2 axes, not 0: []"),
    ("kernel_size",   "[3, 0]",            "must be at least 1, not 0"),
    ("kernel_size",   "[3, [3]]",          "must be an integer, not [3]"),
    ("stride",        "0",                 "must be at least 1, not 0"),
    ("stride",        "0.5",               "must be an integer, not 0.5"),
    ("padding",       "-1",                "must be at least 0, not -1"),
    ("padding",       "full",              "must be integers or one of same, valid, tf_same, not 'full'"),
    ("padding",       "[[1, 2, 3], 1]",    "must be an integer or [before, after] on each axis, not [1, 2, 3]"),
    ("padding",       "[[1, -2], 1]",      "must be at least 0, not -2"),
    ("padding",       "true",              "must be an integer, not true"),
    ("dilation",      "0",                 "must be at least 1, not 0"),
    ("groups",        "0",                 "must be at least 1, not 0"),
    ("groups",        "each",              "must be an integer, not 'each'"),
    ("bias",          "1",                 "must be true or false, not 1"),
    ("bias",          "'no'",              "must be true or false, not 'no'"),
    ("padding_mode",  "mirror",            "must be one of zeros, reflect, replicate, circular, not 'mirror'"),
    ("padding_mode",  "[zeros]",           "must be one of zeros, reflect, replicate, circular, not ['zeros']"),
]  # fmt: skip


@pytest.mark.parametrize(("setting", "value", "fact"), CONV)
def test_value_that_a_setting_cannot_have(setting: str, value: str, fact: str) -> None:
    assert layer_problem(conv(**{setting: value})) == f"conv1 (conv): {setting} {fact}"


KEYS = [
    # layer                                              fact
    ("conv",                                             "conv1 (conv): needs out_channels and kernel_size"),
    ("conv: 8",                                          "conv1 (conv): needs kernel_size"),
    ("linear: {name: head}",                             "head (linear): needs out_features"),
    ("relu: 5",                                          "relu: takes no settings, not 5"),
    ("upsample",                                         "upsample1 (upsample): needs either scale_factor or size"),
    ("upsample: {size: 3, scale_factor: 2}",             "upsample1 (upsample): needs either scale_factor or size"),
    ("unknown",                                          "unknown layer 'unknown'"),
    ("convv: {out_channels: 8}",                         "unknown layer 'convv': did you mean conv?"),
    ("ReLU",                                             "unknown layer 'ReLU': did you mean relu?"),
    ("max_pol: 2",                                       "unknown layer 'max_pol': did you mean max_pool?"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "fact"), KEYS)
def test_layer_that_is_unknown_or_lacks_something(layer: str, fact: str) -> None:
    assert layer_problem(layer) == fact


def test_misspelt_and_unknown_keys() -> None:
    misspelt = layer_problem("conv: {name: C1, out_channels: 8, kernal_size: 3, kernel_size: 3}")
    assert misspelt == "C1 (conv): kernal_size: did you mean kernel_size?"
    unknown = layer_problem("max_pool: {kernel_size: 2, colour: red}")
    known = ", ".join(settings_of(LAYERS["max_pool"]))
    assert unknown.startswith(f"max_pool1 (max_pool): colour is no setting; there are {known}, name, from")


OTHERS = [
    # layer                                                      fact
    ("conv: {out_channels: 8, kernel_size: 3, stride: [1, 2], padding: same}",
     "padding: same needs stride 1, not 2 (torch's rule; see tf_same)"),
    ("conv_transpose: {out_channels: 8, kernel_size: 3, padding: same}", "padding must be integers, not 'same'"),
    ("conv_transpose: {out_channels: 8, kernel_size: 3, stride: 2, output_padding: 2}",
     "output_padding=2 must be smaller than the stride of 2 or the dilation of 1"),
    ("max_pool: {kernel_size: 3, padding: 2}",                   "padding=2 must be at most half of kernel_size=3"),
    ("max_pool: {kernel_size: 3, dilation: 3, padding: 2}",      "padding=2 must be at most half of kernel_size=3"),
    ("max_pool: {kernel_size: 3, padding: [[0, 1], 1]}",         "padding must be an integer on each axis, not [0, 1]"),
    ("adaptive_avg_pool: [1, 2, 3]",
     "output_size needs one value for each of 2 axes, not 3: [1, 2, 3]"),
    ("upsample: 0",
     "scale_factor must be above 0 and at most 1,048,576, not 0"),
    ("upsample: .nan",
     "scale_factor must be above 0 and at most 1,048,576, not nan"),
    ("upsample: .inf",
     "scale_factor must be above 0 and at most 1,048,576, not inf"),
    ("upsample: '2'",                                            "scale_factor must be a number, not '2'"),
    ("upsample: 1.23456789",
     "scale_factor must be a simple ratio, not 1.23456789; state the size instead"),
    ("upsample: {scale_factor: 2, mode: cubic}",
     "mode must be one of nearest, linear, bilinear, trilinear, not 'cubic'"),
    ("upsample: {scale_factor: 2, mode: linear}",
     "mode linear does not fit the axes of the input: nearest or bilinear does"),
    ("upsample: {scale_factor: 2, align_corners: true}",         "align_corners has no meaning with mode nearest"),
    ("pad: {padding: -1, mode: reflect}",
     "padding can be negative with mode zeros only, not with reflect"),
    ("dropout: 1.5",                                             "p must be from 0 to 1, not 1.5"),
    ("dropout: .nan",                                            "p must be from 0 to 1, not nan"),
    ("dropout: [0.5]",                                           "p must be a number, not [0.5]"),
    ("dropout: true",                                            "p must be a number, not true"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "fact"), OTHERS)
def test_settings_that_do_not_go_together(layer: str, fact: str) -> None:
    op = layer.partition(":")[0]
    assert layer_problem(layer) == f"{op}1 ({op}): {fact}"


# --- maps that a layer cannot take -------------------------------------------------------------------------------

MISFITS = [
    # layer                                                input            fact
    (conv(kernel_size="40"), "[3, 32, 32]",
     "kernel_size=40 does not fit a map of size 32"),
    (conv(kernel_size="[3, 40]", padding="2"), "[3, 32, 32]",
     "kernel_size=40 does not fit a map of size 32 padded to 36"),
    (conv(dilation="20"), "[3, 32, 32]",
     "kernel_size=3 (dilated by 20 to 41) does not fit a map of size 32"),
    (conv(groups="5"), "[3, 32, 32]",
     "groups=5 must divide 3 in and 8 out channels"),
    (conv(groups="depthwise"), "[3, 32, 32]",
     "groups=3 must divide 3 in and 8 out channels"),
    (conv(padding="32", padding_mode="reflect"), "[3, 32, 32]",
     "reflect padding of 32 on a map of size 32: at most 31"),
    (conv(padding="33", padding_mode="circular"), "[3, 32, 32]",
     "circular padding of 33 on a map of size 32: at most 32"),
    ("pad: -16", "[3, 32, 32]",
     "the map of size 32 would become one of size 0"),
    ("conv_transpose: {out_channels: 4, kernel_size: 3, padding: 20}", "[3, 32]",
     "the map of size 32 would become one of size -6"),
    ("upsample: 4096", "[3, 1048576]",
     "the map of size 1048576 would become one of size 4,294,967,296"),
    ("upsample: 0.01", "[3, 32]",
     "the map of size 32 would become one of size 0"),
    ("max_pool: 33", "[3, 32, 32]",
     "kernel_size=33 does not fit a map of size 32"),
    ("avg_pool: {kernel_size: 3, padding: 1}", "[3, 9, 9, 2]",
     "kernel_size=3 does not fit a map of size 2: on 3 axes padding does not help"),
    ("pixel_shuffle: 2",                                   "[6, 32, 32]",   "6 channels are no multiple of 2*2"),
    ("pixel_shuffle: 2",                                   "[4, 32]",       "needs a map with 2 axes, not 1"),
    ("pixel_unshuffle: 5", "[3, 30, 32]",
     "downscale_factor=5 must divide the map's size of 32"),
    ("group_norm: 2",                                      "[3, 32, 32]",   "num_groups=2 must divide 3 channels"),
    ("prelu: 2", "[3, 32, 32]",
     "num_parameters=2 must be 1 or the 3 channels"),
    ("instance_norm", "[3, 1, 1]",
     "needs more than one unit in each channel: a map of size 1 has no variance"),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "image", "fact"), MISFITS)
def test_map_that_a_layer_cannot_take(layer: str, image: str, fact: str) -> None:
    op = layer.partition(":")[0]
    assert layer_problem(layer, image) == f"{op}1 ({op}): {fact}"


JOINED = [
    # layers                                                                 fact
    ("flatten, {conv: {out_channels: 8, kernel_size: 3}}",
     "conv2 (conv): needs a map with axes; flattening left 3072 channels only"),
    ("linear: 10, max_pool: 2",
     "max_pool2 (max_pool): needs a map with axes; flattening left 10 channels only"),
    ("flatten, add: [input, flatten1]",
     "add2 (add): joins flat and unflattened maps: 3x32x32 and 3072"),
    ("max_pool: 2, add: [input, max_pool1]",
     "add2 (add): joins maps of different sizes: 3x32x32 and 3x16x16"),
    ("max_pool: 2, concat: [input, max_pool1, input]",
     "concat2 (concat): joins maps of different sizes: 3x32x32 and 3x16x16 and 3x32x32"),
    ("max_pool: 2, multiply: [input, max_pool1]",
     "multiply2 (multiply): joins maps that do not broadcast: 3x32x32 and 3x16x16"),
    ("conv: {name: c, out_channels: 8, kernel_size: 1}, add: [input, c]",
     "add2 (add): joins maps of different channels: 3x32x32 and 8x32x32"),
    ("add",
     "add1 (add): needs a list of at least two layers to join"),
    ("add: input",
     "add1 (add): needs a list of at least two layers to join"),
    ("add: [input]",
     "add1 (add): needs a list of at least two layers to join"),
    ("add: [input, 3]",
     "add1 (add): from must hold names of layers, not 3"),
    ("add: [input, [input]]",
     "add1 (add): from must hold names of layers, not ['input']"),
    ("add: [input, {a: 1}]",
     "add1 (add): from must hold names of layers, not {'a': 1}"),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "fact"), JOINED)
def test_maps_that_do_not_go_together(layers: str, fact: str) -> None:
    assert layer_problem(layers) == fact


# --- names -------------------------------------------------------------------------------------------------------

NAMES = [
    # layers                                             fact
    ("relu: {from: nowhere}",                            "relu1 (relu): from: unknown layer 'nowhere'"),
    ("conv: {name: C1, out_channels: 1, kernel_size: 1}, relu: {from: C2}",
     "relu2 (relu): from: unknown layer 'C2': did you mean C1?"),
    ("relu: {from: late}, tanh: {name: late}",           "relu1 (relu): from late: that layer comes later, on line 2"),
    ("relu: {from: 3}",                                  "relu1 (relu): from must be the name of one layer, not 3"),
    ("relu: {from: [input]}",
     "relu1 (relu): from must be the name of one layer, not ['input']"),
    ("relu: {name: input}",                              "relu: name: input is what enters the network or the block"),
    ("relu: {name: .b}",                                 "relu: name must be a word without dots, not '.b'"),
    ("relu: {name: 'a b'}",                              "relu: name must be a word, not 'a b'"),
    ("relu: {name: ''}",                                 "relu: name must be a word, not ''"),
    ("relu: {name: 3}",                                  "relu: name must be a word, not 3"),
    ("relu: {name: [a]}",                                "relu: name must be a word, not ['a']"),
    ("relu: {name: $a}",                                 "relu: unknown parameter '$a'"),
    ("dropout: $p",                                      "dropout: unknown parameter '$p'"),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "fact"), NAMES)
def test_names_that_stand_for_nothing(layers: str, fact: str) -> None:
    assert layer_problem(layers) == fact


def test_name_that_stands_twice() -> None:
    layers = "layers:\n  - relu: {name: a}\n  - tanh\n  - gelu: {name: a}\n"
    assert problems(IMAGE + layers) == ["net.yaml:5: gelu: the name a stands twice, first on line 3"]


SHAPES_OF_LAYERS = ["3", "null", "true", "[relu]", "{}", "1.5"]


@pytest.mark.parametrize("item", SHAPES_OF_LAYERS)
def test_what_is_no_layer(item: str) -> None:
    shown = {"[relu]": "['relu']"}.get(item, item)
    assert layer_problem(item) == f"a layer is written as `- relu` or `- conv: {{out_channels: 8, …}}`, not {shown}"


def test_two_layers_in_one_item() -> None:
    fact = layer_problem("{relu: null, tanh: null}")
    assert fact == "a layer is written as `- relu` or `- conv: {out_channels: 8, …}`; it has relu, tanh side by side"


# --- blocks and repeats ------------------------------------------------------------------------------------------

TIMES = [
    # times     fact
    ("0",       "must be at least 1, not 0"),
    ("-1",      "must be at least 1, not -1"),
    ("1.5",     "must be an integer, not 1.5"),
    ("true",    "must be an integer, not true"),
    ("null",    "must be an integer, not null"),
    ("'3'",     "must be an integer, not '3'"),
    ("$n",      None),
]  # fmt: skip


@pytest.mark.parametrize(("times", "fact"), TIMES)
def test_times_that_cannot_be(times: str, fact: str | None) -> None:
    expected = f"again (repeat): times {fact}" if fact else "repeat: unknown parameter '$n'"
    assert layer_problem(f"repeat: {{name: again, times: {times}, layers: [relu]}}") == expected


REPEATS = [
    ("repeat",                                           "repeat must be a mapping with times and layers"),
    ("repeat: 3",                                        "repeat must be a mapping with times and layers"),
    ("repeat: {times: 3}",                               "repeat must be a mapping with times and layers"),
    ("repeat: {times: 3, layers: relu}",                 "repeat must be a mapping with times and layers"),
    ("repeat: {times: 3, layers: []}",                   "repeat must be a mapping with times and layers"),
    ("repeat: {times: 3, layer: 1, layers: [relu]}",     "repeat: layer: did you mean layers?"),
    ("repeat: {times: 1048576, layers: [relu]}",         "the spec makes more than 250,000 layers"),
    ("repeat: {times: 2, layers: [conv: 8]}",            "repeat1.0.conv (conv): needs kernel_size"),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "fact"), REPEATS)
def test_repeat_that_cannot_be(layers: str, fact: str) -> None:
    assert layer_problem(layers) == fact


BLOCKS = [
    # blocks                                                             layers        line  fact
    ("3", "relu", 2,
     "blocks must be a mapping, not 3"),
    ("{b: 3}", "relu", 2,
     "block b must be a mapping with layers, and parameters if it has any"),
    ("{b: {layers: []}}", "b", 2,
     "block b must be a mapping with layers, and parameters if it has any"),
    ("{b: {parameters: {x: 1}}}", "b", 2,
     "block b must be a mapping with layers, and parameters if it has any"),
    ("{b: {params: {}, layers: [relu]}}", "b", 2,
     "block b: params: did you mean parameters?"),
    ("{b: {parameters: [x], layers: [relu]}}", "b", 2,
     "block b: parameters must map names to defaults (null: none)"),
    ("{b: {parameters: {name: x}, layers: [relu]}}", "b", 2,
     "block b: no parameter can be called name, which every layer has"),
    ("{conv: {layers: [relu]}}", "relu", 2,
     "block conv: there is a layer of that name"),
    ("{repeat: {layers: [relu]}}", "relu", 2,
     "block repeat: there is a layer of that name"),
    ("{b: {layers: [relu]}}", "b: 3", 3,
     "b: takes no parameters, not 3"),
    ("{b: {parameters: {x: null, y: null}, layers: [dropout: $x]}}", "b", 3,
     "b1 (b): needs x; needs y"),
    ("{b: {parameters: {size: 1}, layers: [relu]}}", "b: {siz: 1}", 3,
     "b1 (b): siz: did you mean size?"),
    ("{b: {parameters: {rate: 1}, layers: [dropout: $rat]}}", "b", 2,
     "dropout: unknown parameter '$rat': did you mean $rate?"),
    ("{b: {parameters: {x: 0}, layers: [dropout: $x]}}", "b: [1, 2]", 2,
     "b1.dropout (dropout): p must be a number, not [1, 2]"),
    ("{b: {parameters: {x: $x}, layers: [dropout: $x]}}", "b", 2,
     "b1.dropout (dropout): p must be a number, not '$x'"),
    ("{b: {layers: [relu: {from: C}]}}", "b", 2,
     "b1.relu (relu): from: unknown layer 'C'"),
    ("{b: {layers: [b]}}", "b", 2,
     "b: blocks and repeats more than 32 deep; a block may not use itself"),
    ("{a: {layers: [b]}, b: {layers: [a, a]}}", "a", 2,
     "a: blocks and repeats more than 32 deep; a block may not use itself"),
]  # fmt: skip


@pytest.mark.parametrize(("blocks", "layers", "line", "fact"), BLOCKS)
def test_block_that_cannot_be(blocks: str, layers: str, line: int, fact: str) -> None:
    assert problems(f"{IMAGE}blocks: {blocks}\nlayers: [{layers}]\n") == [f"net.yaml:{line}: {fact}"]


def test_problem_in_a_block_is_named_after_the_use_that_has_it() -> None:
    blocks = "blocks:\n  b:\n    parameters: {k: 3}\n    layers:\n      - conv: {out_channels: 1, kernel_size: $k}\n"
    layers = "layers:\n  - b: {name: fits}\n  - b: {name: large, k: 31}\n"
    fact = "large.conv (conv): kernel_size=31 does not fit a map of size 30"
    assert problems(IMAGE + blocks + layers) == [f"net.yaml:6: {fact}"]


# --- the document ------------------------------------------------------------------------------------------------

MUST_LIST = "it must list channels and 1 to 3 sizes, such as [3, 32, 32], or the length of a vector, [16]"
DOCUMENTS = [
    # text                                         problems
    ("",                                           ["net.yaml: is empty; a spec has at least input and layers"]),
    ("# a comment\n",                              ["net.yaml: is empty; a spec has at least input and layers"]),
    ("just words",
     ["net.yaml: is no mapping but 'just words'; a spec has at least input and layers"]),
    ("[1, 2]",
     ["net.yaml: is no mapping but [1, 2]; a spec has at least input and layers"]),
    ("input: [3, 32]",                             ["net.yaml: layers must be a list with at least one layer"]),
    ("input: [3, 32]\nlayers: []",                 ["net.yaml:2: layers must be a list with at least one layer"]),
    ("input: [3, 32]\nlayers: relu",               ["net.yaml:2: layers must be a list with at least one layer"]),
    ("layers: [relu]",                             [f"net.yaml: input is missing: {MUST_LIST}"]),
    ("input: 3\nlayers: [relu]",                   [f"net.yaml:1: input is 3: {MUST_LIST}"]),
    ("input: [3, 4, 4, 4, 4]\nlayers: [relu]",     [f"net.yaml:1: input is [3, 4, 4, 4, 4]: {MUST_LIST}"]),
    ("input: [3, 0]\nlayers: [relu]",              ["net.yaml:1: input must be at least 1, not 0"]),
    ("input: [3, 1.5]\nlayers: [relu]",            ["net.yaml:1: input must be an integer, not 1.5"]),
    ("input: [3, 2000000]\nlayers: [relu]",        ["net.yaml:1: input must be at most 1,048,576, not 2000000"]),
    (IMAGE + "layers: [relu]\nlayrs: 3",           ["net.yaml:3: layrs: did you mean layers?"]),
    (IMAGE + "name: 3\nlayers: [relu]",            ["net.yaml:2: name must be text, not 3"]),
    (IMAGE + "notes: [1]\nlayers: [relu]",         ["net.yaml:2: notes must be a list of sentences"]),
    (IMAGE + "train: 3\nlayers: [relu]",           ["net.yaml:2: train must be a mapping, not 3"]),
    (IMAGE + "claims: 3\nlayers: [relu]",          ["net.yaml:2: claims must be a mapping, not 3"]),
    (IMAGE + "claims: {params: some}\nlayers: [relu]",
     ["net.yaml:2: claims.params must be a whole number, not 'some' (or rounded, such as 104K)"]),
    (IMAGE + "claims: {receptive_field: 44}\nlayers: [relu]",
     ["net.yaml:2: claims.receptive_field must be a mapping with before_global_pool or after_global_pool, not 44"]),
    (IMAGE + "claims: {layers: {C1: {size: 3}}}\nlayers: [relu]", ["net.yaml:2: claims.layers: unknown layer 'C1'"]),
    (IMAGE + "claims: {test_accuracy: .nan}\nlayers: [relu]",
     ["net.yaml:2: claims.test_accuracy must be from 0 to 100, not nan"]),
    (IMAGE + "targets: {max_params: few}\nlayers: [relu]",
     ["net.yaml:2: targets.max_params must be a whole number, not 'few' (or rounded, such as 104K)"]),
    ("a: 1\na: 2",                                 ["net.yaml:2: a stands twice, first on line 1"]),
    ("input: [3, 32\n",                            ["net.yaml:2: not YAML: did not find expected ',' or ']'"]),
    ("input:\n\t- 3",
     ["net.yaml:2: not YAML: found character that cannot start any token"]),
    ("1: 2",                                       ["net.yaml:1: a key must be a word, not 1"]),
    ("true: 2",                                    ["net.yaml:1: a key must be a word, not True"]),
    ("[1]: 2",                                     ["net.yaml:1: a key must be a word, not a list or mapping"]),
    ("a: 1\n--- 2\n",                              ["net.yaml:2: a second document; a file holds one"]),
    ("a: *x",                                      ["net.yaml:1: *x stands for nothing yet: &x must end before it"]),
    ("a: &x [*x]",                                 ["net.yaml:1: *x stands for nothing yet: &x must end before it"]),
    ("a: !!int many",                              ["net.yaml:1: cannot read 'many' as int"]),
    ("a: !!int ''",                                ["net.yaml:1: cannot read '' as int"]),
    ("a: !!bool maybe",                            ["net.yaml:1: cannot read 'maybe' as bool"]),
    ("a: !mine 3",                                 ["net.yaml:1: unknown tag '!mine'"]),
    ("a: 1\nb: \x07",                              ["net.yaml:2: not YAML: the character 0x07 cannot stand in it"]),
    ("a: \ud800",                                  ["net.yaml: not YAML: surrogates not allowed at 3"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "facts"), DOCUMENTS)
def test_document_that_is_no_spec(text: str, facts: list[str]) -> None:
    assert problems(text) == facts


def test_independent_problems_come_together_and_dependent_ones_not_at_all() -> None:
    text = """\
input: [3, 32, 32]
lyers: 1
blocks: {bad: {layers: []}}
layers:
  - conv: {name: a, out_channels: 8, kernel_size: 3, groups: 5}
  - max_pool: 2
  - conv: {name: b, from: input, kernal_size: 3, kernel_size: 3}
  - relu: {from: b}
  - conv: {name: c, from: input, out_channels: 0, kernel_size: [3, 3, 3]}
  - bad
  - conv: {name: d, from: input, out_channels: 8, kernel_size: 33}
  - tanh: {from: nowhere}
  - add: [a, b]
claims: {parms: 3}
"""
    assert problems(text) == [
        "net.yaml:2: lyers: did you mean layers?",
        "net.yaml:3: block bad must be a mapping with layers, and parameters if it has any",
        "net.yaml:7: b (conv): kernal_size: did you mean kernel_size?; needs out_channels",
        "net.yaml:9: c (conv): out_channels must be at least 1, not 0; "
        "kernel_size needs one value for each of 2 axes, not 3: [3, 3, 3]",
        "net.yaml:12: tanh8 (tanh): from: unknown layer 'nowhere'",
        "net.yaml:5: a (conv): groups=5 must divide 3 in and 8 out channels",
        "net.yaml:11: d (conv): kernel_size=33 does not fit a map of size 32",
        "net.yaml:14: claims.parms is no claim; there are params, macs, max_params, max_macs, receptive_field, layers, "
        "train_accuracy, test_accuracy",
    ]


def test_many_problems_are_cut_short() -> None:
    layers = "".join(f"  - conv: {{name: c{i}, from: input, out_channels: 1, kernel_size: 99}}\n" for i in range(70))
    said = problems(f"{IMAGE}layers:\n{layers}")
    assert len(said) == 51
    assert said[0] == "net.yaml:3: c0 (conv): kernel_size=99 does not fit a map of size 32"
    assert said[-1] == "net.yaml: and 20 more problems"
    unreadable = problems(f"{IMAGE}layers:\n" + "  - conv: {from: input}\n" * 70)
    assert len(unreadable) == 50
