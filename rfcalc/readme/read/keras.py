"""Keras' model.summary(): maps with the channels last, classes of other names, norms whose statistics count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from .rows import PrintedRow, count_of

ROW = re.compile(
    r"^[\s│|#>]*(?P<name>[\w./-]{1,60})(?:\s+\((?P<type>[A-Za-z]\w{1,40})\)?)?[\s│|]*"
    r"(?:[\[(]{1,2}\(?(?:None|\d+),(?:\s*(?P<shape>(?:(?:\d+|None)\s*,\s*)*(?:\d+|None)?)\s*(?:[)\]]{1,2}|(?=\s*(?:[│|]|$)))|[\s\d,None]{1,40}(?=\s\d+(?:\s|$)))"
    r"|multiple|\?)(?:,\s*\((?:(?:None|\d+),[\d,\s]*(?:\)|(?=\s\d[\d,]*(?:\s|$)))|N?o?n?e?,?(?=\s)))*[\]\s│|)]*(?P<params>\d[\d,]*)?(?![\d.])"
)
"""A shape that its column cuts off has no bracket at its end: its last figure is one no longer."""
LIKE = re.compile(r"^[\s│|]*[\w./-]{1,60}\s+\([A-Za-z]\w{1,40}\)?.*\s\d[\d,]*[\s│|]*$")
"""A row of another form: where one stands among the rows, not all are read."""
CLASSES = {
    "Conv1D": "Conv1d", "Conv2D": "Conv2d", "Conv3D": "Conv3d", "DepthwiseConv2D": "Conv2d",
    "SeparableConv2D": "Conv2d", "Conv2DTranspose": "ConvTranspose2d", "Convolution2D": "Conv2d",
    "MaxPooling1D": "MaxPool1d", "MaxPooling2D": "MaxPool2d", "MaxPooling3D": "MaxPool3d",
    "AveragePooling2D": "AvgPool2d", "GlobalAveragePooling2D": "AdaptiveAvgPool2d",
    "GlobalMaxPooling2D": "AdaptiveMaxPool2d", "Dense": "Linear", "Flatten": "Flatten",
    "BatchNormalization": "BatchNorm2d", "Dropout": "Dropout", "SpatialDropout2D": "Dropout2d",
    "Activation": "ReLU", "ReLU": "ReLU", "LeakyReLU": "LeakyReLU", "ELU": "ELU", "Softmax": "Softmax",
    "ZeroPadding2D": "ZeroPad2d", "UpSampling2D": "Upsample",
}  # fmt: skip
GLOBAL = ("AdaptiveAvgPool2d", "AdaptiveMaxPool2d")


def keras_rows(
    text: str, line: int, above: Sequence[PrintedRow]
) -> tuple[list[PrintedRow], tuple[int, ...] | None] | None:
    """The rows that a line of a Keras summary prints (a separable convolution is two) and the input, where the line
    states it; None for any other line."""
    match = ROW.match(text)
    bare = re.sub(r"_\d+$", "", match["name"]).replace("_", "") if match else ""
    class_ = match and (match["type"] or next((name for name in CLASSES if name.lower() == bare.lower()), None))
    if not match or not class_ or not (match["type"] or (above and match["params"])):
        return None
    stated = match["shape"] or "None"
    whole = "None" not in stated and not stated.rstrip().endswith(",")
    shape = tuple(int(number) for number in re.findall(r"\d+", stated)) if whole else ()
    dense = class_ == "Dense"  # whose units stand last in torch's order too
    shape = (shape[-1], *shape[:-1]) if shape and not dense else shape
    if class_.startswith("InputL"):
        return [], shape or None
    kind = next((name for name in CLASSES if name.startswith(class_)), class_)
    type_, params = CLASSES.get(kind, kind), count_of(match["params"] or "")
    if type_ in GLOBAL and len(shape) == 1:
        shape = (*shape, 1, 1)
    if type_ == "BatchNorm2d" and len(shape) == 1:
        type_ = "BatchNorm1d"
    moving = 2 * normed_channels(shape, params) if kind == "BatchNormalization" and shape else 0
    row = PrintedRow(match["name"], type_, shape or None, params, line, -1, moving=moving)
    if kind == "SeparableConv2D" and params is not None and shape:
        seen = [r.shape[0] for r in reversed(above) if r.shape] or [3, 1]
        split = next((pair for given in dict.fromkeys(seen) if (pair := separable(row, given, params))), None)
        return (split or [replace(row, type=kind)]), None
    return [row], None


def normed_channels(shape: tuple[int, ...], params: int | None) -> int:
    """How many channels a norm has: the map's own, or as many as another of its axes is long, where only that gives the
    count; with its mean and variance, each has two to four."""
    own = [n for n in shape if params in (2 * n, 3 * n, 4 * n)]
    return shape[0] if shape[0] in own else next((n for n in shape if params == 4 * n), shape[0])


def separable(row: PrintedRow, channels: int, params: int) -> list[PrintedRow] | None:
    """A separable convolution as the depthwise one without a bias and the 1x1 one with or without; None where it does
    not read that many channels."""
    assert row.shape is not None
    outs = row.shape[0]
    for bias in (outs, 0):
        point = channels * outs + bias
        if params - point in [k * k * channels for k in (2, 3, 4, 5, 7)]:
            depth = replace(row, shape=(channels, *row.shape[1:]), params=params - point)
            return [depth, replace(row, index=f"{row.index} 1x1", params=point, known=(("kernel_size", 1),))]
    return None
