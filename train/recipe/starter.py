"""`rfcalc new`: a first spec, commented, that passes its check and trains."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from rfcalc.spec import reader as spec

SCHEMA = "rfcalc.schema.json"
"""The file beside a new spec that editors check it by: `rfcalc schema` writes it."""
ROOM = 1.4
"""How many times its parameters a new spec may have: what the first changes to it need."""
STARTER = """\
# yaml-language-server: $schema={schema}
# A small network for images of {shape}. Look at it, prove it, train it:
#   rfcalc table {file}
#   rfcalc check {file}
#   rfcalc train {file} --data synthetic --epochs 2
name: {name}
input: [{input}]  # channels, then the sizes

blocks:
  # A group of layers with a name, and the settings that it takes.
  conv_bn:
    parameters: {{out_channels: null, stride: 1, dilation: 1}}
    layers:
      - conv: {{out_channels: $out_channels, kernel_size: 3, stride: $stride, padding: $dilation, dilation: $dilation,
               bias: false}}
      - batch_norm
      - relu

layers:
  - conv_bn: {{name: C1, out_channels: 16}}
  - conv_bn: {{name: C2, out_channels: 32, stride: 2}}  # half the size, twice the jump
  - conv_bn: {{name: C3, out_channels: 32, dilation: 2}}  # a wide field at no cost
  - add: [C2, C3]  # a skip connection
  - conv_bn: {{name: C4, out_channels: 64, stride: 2}}
  - global_avg_pool
  - linear: {classes}  # one value for each class

targets:  # what the design must meet: `rfcalc check` fails where it does not, and so does `rfcalc train`
  max_params: {max_params}K
  min_receptive_field: {field}

train:  # the recipe; `rfcalc recipe fast` shows what else can be set
  extends: fast
  epochs: 10
  augmentation:
    - alternating_flip
    - pad_crop: {{padding: 2}}
"""


def starter(name: str, input: Sequence[int], classes: int, file: str) -> str:
    """The text of a spec of that name for images of that shape (channels, height, width)."""
    shape = " x ".join(map(str, input))
    sizes = ", ".join(map(str, input))

    def text(max_params: int, field: int) -> str:
        return STARTER.format(schema=SCHEMA, name=name, file=file, shape=shape, input=sizes, classes=classes,
                              max_params=max_params, field=field)  # fmt: skip

    arch = spec.loads(text(1, 1))
    fields = [int(side) for side in arch.receptive_field.before_global_pool if side is not None]  # all are known here
    return text(10 * ceil(ROOM * arch.params / 10_000), min(fields))
