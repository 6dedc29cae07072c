"""Operators on values are torch's; where the file has a rule for the pads, those of the onnx package's evaluator, which
is right for one group and without dilation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")

from hypothesis import given
from hypothesis import strategies as st
from onnx import NodeProto, helper
from onnx.reference import ReferenceEvaluator

from rfcalc.interchange.own import average_pool, conv_transpose, lp_pool, max_pool
from rfcalc.proof.exchanged import prove_onnx
from tests.interchange.build import model, node, written


@st.composite
def settings(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same transposed convolution in torch's words and in ONNX's."""
    axes = draw(st.integers(1, 3))
    many = st.lists(st.integers(1, 3), min_size=axes, max_size=axes)
    stride, dilation, kernel = draw(many), draw(many), draw(many)
    padding = [draw(st.integers(0, (k - 1) * d // 2)) for k, d in zip(kernel, dilation, strict=True)]
    more = [draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)]
    groups, inner, outer, n = (draw(st.integers(1, 3)) for _ in range(4))
    weight = (groups * inner, outer, *kernel)
    shape = (n, groups * inner, *draw(st.lists(st.integers(2, 4), min_size=axes, max_size=axes)))
    torchs = {"stride": stride, "padding": padding, "output_padding": more, "groups": groups, "dilation": dilation}
    onnxs = {"strides": stride, "pads": padding * 2, "output_padding": more, "group": groups, "dilations": dilation}
    return {"x": shape, "w": weight, "b": (groups * outer,), **torchs}, onnxs


@given(settings())
def test_they_are_torchs(drawn: tuple[dict[str, Any], dict[str, Any]]) -> None:
    torch = pytest.importorskip("torch")
    torchs, onnxs = drawn
    generator = np.random.default_rng(0)
    x, w, b = (generator.random(torchs.pop(name)) for name in "xwb")
    call = getattr(torch.nn.functional, f"conv_transpose{x.ndim - 2}d")
    expected = call(*map(torch.from_numpy, (x, w, b)), **torchs).numpy()
    found = conv_transpose(helper.make_node("ConvTranspose", ["x", "w", "b"], ["y"], **onnxs), x, w, b)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-10)


PADS: list[dict[str, Any]] = [
    {"auto_pad": "SAME_UPPER", "strides": [2, 3]},
    {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
    {"auto_pad": "VALID", "strides": [2, 1]},
    {"pads": [2, 0, 0, 1], "output_padding": [1, 0], "strides": [2, 2]},
    {"auto_pad": "SAME_UPPER", "output_shape": [9, 8], "strides": [2, 2]},
    {},
]


@pytest.mark.parametrize("attributes", PADS)
def test_pads_by_rule_are_the_evaluators(attributes: dict[str, Any]) -> None:
    made: NodeProto = helper.make_node("ConvTranspose", ["x", "w"], ["y"], **attributes)
    generator = np.random.default_rng(0)
    x, w = generator.random((2, 3, 4, 5)).astype(np.float32), generator.random((3, 2, 4, 3)).astype(np.float32)
    built = model([made], x.shape, {"w": w})
    expected: Any = ReferenceEvaluator(built).run(None, {"x": x})[0]  # type: ignore[index]
    np.testing.assert_allclose(conv_transpose(made, x, w), expected, rtol=1e-5)


def test_an_output_longer_than_the_windows_reach_ends_in_zeros() -> None:
    made = helper.make_node("ConvTranspose", ["x", "w"], ["y"], output_shape=[6], strides=[2])
    assert conv_transpose(made, np.ones((1, 1, 2)), np.ones((1, 1, 3))).tolist() == [[[1, 1, 2, 1, 1, 0]]]


@st.composite
def pools(draw: st.DrawFn) -> tuple[tuple[int, ...], dict[str, Any], dict[str, Any]]:
    """A shape, and the same maximum over windows in torch's words and in ONNX's."""
    axes, ceils = draw(st.integers(1, 3)), draw(st.booleans())
    many = st.lists(st.integers(1, 3), min_size=axes, max_size=axes)
    stride, dilation, kernel = draw(many), draw(many), draw(many)
    padding = [draw(st.integers(0, k // 2)) for k in kernel]
    shape = [(k - 1) * d + 1 + draw(st.integers(0, 4)) for k, d in zip(kernel, dilation, strict=True)]
    torchs = {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceils}
    onnxs = {"kernel_shape": kernel, "strides": stride, "pads": padding * 2, "dilations": dilation, "ceil_mode": ceils}
    return (2, 3, *shape), torchs, onnxs


@given(pools())
def test_maxima_are_torchs(drawn: tuple[tuple[int, ...], dict[str, Any], dict[str, Any]]) -> None:
    torch = pytest.importorskip("torch")
    shape, torchs, onnxs = drawn
    x = np.random.default_rng(0).random(shape)
    expected = getattr(torch.nn.functional, f"max_pool{len(shape) - 2}d")(torch.from_numpy(x), **torchs).numpy()
    found = max_pool(helper.make_node("MaxPool", ["x"], ["y"], **onnxs), x)
    assert np.array_equal(found, expected)


@given(pools(), st.booleans())
def test_means_are_torchs(drawn: tuple[tuple[int, ...], dict[str, Any], dict[str, Any]], counted: bool) -> None:
    torch = pytest.importorskip("torch")
    shape, torchs, onnxs = drawn
    x = np.random.default_rng(0).random(shape)
    call = getattr(torch.nn.functional, f"avg_pool{len(shape) - 2}d")
    torchs.pop("dilation")
    plain = onnxs | {"dilations": [1] * (len(shape) - 2)}
    expected = call(torch.from_numpy(x), **torchs, count_include_pad=counted).numpy()
    made = helper.make_node("AveragePool", ["x"], ["y"], **plain, count_include_pad=int(counted))
    np.testing.assert_allclose(average_pool(made, x), expected, rtol=1e-12)


@given(pools(), st.booleans())
def test_dilated_means_and_norms_are_sums_over_a_kernel(
    drawn: tuple[tuple[int, ...], dict[str, Any], dict[str, Any]], counted: bool
) -> None:
    """A convolution with ones adds up the same places."""
    torch = pytest.importorskip("torch")
    shape, torchs, onnxs = drawn
    x = np.random.default_rng(0).random(shape)[:, :1]
    call = getattr(torch.nn.functional, f"conv{len(shape) - 2}d")
    more = {name: torchs[name] for name in ("stride", "padding", "dilation")}
    kernel = torch.ones((1, 1, *torchs["kernel_size"]), dtype=torch.float64)
    onnxs["ceil_mode"] = 0
    total = call(torch.from_numpy(x), kernel, **more).numpy()
    number = call(torch.ones_like(torch.from_numpy(x)), kernel, **more).numpy() if not counted else kernel.numel()
    made = helper.make_node("AveragePool", ["x"], ["y"], **onnxs, count_include_pad=int(counted))
    np.testing.assert_allclose(average_pool(made, x), total / number, rtol=1e-12)
    squares = call(torch.from_numpy(x * x), kernel, **more).numpy()
    made = helper.make_node("LpPool", ["x"], ["y"], **onnxs)
    np.testing.assert_allclose(lp_pool(made, x), squares**0.5, rtol=1e-12)


def padded_by(rule: str) -> NodeProto:
    made: NodeProto = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[4, 3], strides=[2, 3], auto_pad=rule)
    return made


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "VALID"])
def test_maxima_padded_by_rule_are_the_evaluators(auto_pad: str) -> None:
    made, x = padded_by(auto_pad), np.random.default_rng(0).random((2, 3, 9, 8)).astype(np.float32)
    expected: Any = ReferenceEvaluator(model([made], x.shape)).run(None, {"x": x})[0]  # type: ignore[index]
    assert np.array_equal(max_pool(made, x), expected)


def test_padding_in_front_is_padding_behind_in_a_mirror() -> None:
    """The evaluator makes two columns of eight by three, where ONNX's rule is the next whole number, three."""
    x = np.random.default_rng(0).random((2, 3, 9, 8))
    found = max_pool(padded_by("SAME_LOWER"), x)
    assert found.shape == (2, 3, 5, 3)
    assert np.array_equal(found, max_pool(padded_by("SAME_UPPER"), x[..., ::-1, ::-1])[..., ::-1, ::-1])


@pytest.mark.parametrize("groups", [2, 4])
def test_a_grouped_one_is_proved(groups: int, tmp_path: Any) -> None:
    nodes = [node("ConvTranspose", "x w b", strides=[2, 2], group=groups, pads=[1, 1, 1, 1])]
    built = model(nodes, (1, 4, 5, 5), {"w": (4, 3, 3, 3), "b": (3 * groups,)})
    report = prove_onnx(written(built, tmp_path))
    assert (report.ok, report.proved, report.rows[-1].in_full) == (True, True, True)
