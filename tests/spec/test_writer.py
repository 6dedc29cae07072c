"""Networks written as specs: what is written loads back to the same rows, and is short."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest
from hypothesis import given

import rfcalc
from rfcalc.engine.arch import Arch, Node, Row
from rfcalc.engine.layers import Upsample
from rfcalc.engine.layers.base import make
from rfcalc.errors import RfcalcError
from rfcalc.spec.reader import loads
from rfcalc.spec.writer import dump
from rfcalc.testing import archs


def facts(row: Row) -> tuple[object, ...]:
    return row.name, row.layer, row.node.inputs, row.inputs, row.out, row.params, row.macs


@pytest.mark.parametrize("name", rfcalc.names())
def test_shipped_specs_survive(name: str) -> None:
    arch = rfcalc.load(name)
    again = loads(dump(arch))
    assert [facts(row) for row in again.rows] == [facts(row) for row in arch.rows]
    for key in ("name", "input", "source", "notes", "claims", "targets", "train"):
        assert getattr(again, key) == getattr(arch, key)
    assert dump(again) == dump(arch)
    assert max(map(len, dump(arch).splitlines())) <= 125  # yaml breaks a line after the word that passes its width


@given(archs())
def test_random_specs_survive(arch: Arch) -> None:
    again = loads(dump(arch))
    assert [facts(row)[1:] for row in again.rows] == [facts(row)[1:] for row in arch.rows]
    assert [row.name for row in again.rows] == [row.name for row in arch.rows]


TEXT = """\
name: all ways
input: [4, 8, 8]
layers:
- conv: {out_channels: 8, kernel_size: 3, padding: 1}
- relu
- max_pool: 2
- conv: {name: stem.out, out_channels: 8, kernel_size: [3, 1], padding: [[2, 0], 0], groups: depthwise, params: 0,
    macs: 7}
- add: [max_pool3, stem.out]
- conv: {name: side, from: input, out_channels: 8, kernel_size: 3, stride: 2, padding: 1}
- concat: {name: '0', from: [add5, side]}
- dropout: 0.25
- upsample: {scale_factor: 1.5, mode: bilinear}
- channel_slice: {stop: 8}
- whole: {operation: attention, axes: [true, false]}
- opaque: {operation: fft}
"""


def test_each_way_of_writing_a_layer() -> None:
    assert dump(loads(TEXT)) == TEXT


def test_counts_that_a_type_does_not_tell() -> None:
    arch = loads(TEXT)
    assert (arch["stem.out"].params, arch["stem.out"].macs) == (0, 7)
    assert arch["conv1"].params == 8 * 37
    with pytest.raises(RfcalcError, match="params must be a whole number, not -1"):
        loads("{input: [1, 8], layers: [linear: {out_features: 3, params: -1}]}")
    with pytest.raises(RfcalcError, match="macs must be a whole number, not true"):
        loads("{input: [1, 8], layers: [linear: {out_features: 3, macs: true}]}")


def test_dots_in_names_are_for_the_outermost_layers() -> None:
    arch = loads("{input: [1, 8], layers: [relu: {name: a.0.b}, relu: {from: a.0.b}]}")
    assert [row.name for row in arch.rows] == ["a.0.b", "relu2"]
    for name in (".a", "a.", "a..b"):
        with pytest.raises(RfcalcError, match="name must be a word without dots"):
            loads(f"{{input: [1, 8], layers: [relu: {{name: {name!r}}}]}}")
    block = "{layers: [relu: {name: a.b}]}"
    with pytest.raises(RfcalcError, match="name must be a word without dots"):
        loads(f"{{input: [1, 8], blocks: {{B: {block}}}, layers: [B]}}")
    twice = "{input: [1, 8], blocks: {B: {layers: [relu: {name: b}]}}, layers: [relu: {name: C.b}, B: {name: C}]}"
    with pytest.raises(RfcalcError, match=r"the name C\.b stands twice"):
        loads(twice)


def test_names_that_no_spec_can_state_are_changed() -> None:
    relu = make("relu", 1)
    names = ["input", "a b", "a_b", "x$", ".", "conv2d..1"]
    arch = Arch("odd", (1, 8), tuple(Node(name, relu, (i,)) for i, name in enumerate(names)))
    again = loads(dump(arch))
    assert [row.name for row in again.rows] == ["input_2", "a_b", "a_b_2", "x_", "_", "conv2d.1"]
    assert [row.node.inputs for row in again.rows] == [row.node.inputs for row in arch.rows]


def test_a_setting_that_no_text_can_hold_is_refused() -> None:
    double = make("upsample", 1, scale_factor=2)
    assert isinstance(double, Upsample)
    third = dataclasses.replace(double, scale_factor=(Fraction(1, 3),))
    arch = Arch("thirds", (1, 9), (Node("up", third, (0,)),))
    with pytest.raises(RfcalcError, match=r"up \(upsample\): no spec can state scale_factor="):
        dump(arch)
