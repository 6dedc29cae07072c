"""The time that reading documents takes, by their length: `python -m tests.benchmarks.readme`. Linear means that ten
times the lines take ten times the time."""

from __future__ import annotations

import time
from collections.abc import Callable

from rfcalc.readme.audit.audit import audit
from rfcalc.readme.infer.infer import infer

from .. import printouts

SHORT, LONG = 1_000, 10_000
"""Lines of each pair of documents."""
ROWS = 500
"""Rows of the long field table."""


def prose(lines: int) -> str:
    sentences = ("The network has 180,298 parameters.", "It is trained for 50 epochs with SGD.", "", "RF: 93",
                 "- a dilated convolution stands in front of the pool", "Test accuracy: 85.47")  # fmt: skip
    return "\n".join(sentences[i % len(sentences)] for i in range(lines))


def summary(lines: int) -> str:
    rows = printouts.stack(("RB", (8, 32, 32), 224), *[("RB", (8, 32, 32), 584)] * (lines // 3))
    return printouts.summary(rows)


def table(lines: int) -> str:
    first = (32, 32, 8, 8, 1, 3, 1, 1, 1)
    rows = [("conv", *first, 1 + 2 * i, 3 + 2 * i) for i in range(lines)]
    return printouts.markdown(("layer", *printouts.FIELD_HEADINGS), rows)


def sections(lines: int) -> str:
    """Many small networks, each with a heading, a table and a claim."""
    part = f"{table(4)}\nThe receptive field is 9.\n"
    return "\n".join(f"## Network {i}\n\n{part}" for i in range(lines // 11))


def code(lines: int) -> str:
    """Many classes, each with a forward."""
    layers = [f"        self.c{i} = nn.Conv2d(8, 8, 3)  # RF: {3 + 2 * i}" for i in range(6)]
    calls = ["    def forward(self, x):", *(f"        x = self.c{i}(x)" for i in range(6)), "        return x", ""]
    head = ["    def __init__(self):", "        super().__init__()"]
    body = [line for i in range(lines // 17) for line in (f"class Net{i}(nn.Module):", *head, *layers, *calls)]
    return "\n".join(["```python", *body, "```"])


def settings(lines: int) -> str:
    """Layers as Caffe writes them, line after line without a stop."""
    layer = 'layer {\n  name: "conv"\n  type: "Convolution"\n  convolution_param {\n    num_output: 64\n  }\n}'
    return "\n".join([layer] * (lines // 7))


def resnet50() -> str:
    """A bottleneck network of 50 weighted layers as torchsummary prints it, containers and all."""
    rows = [*printouts.stack(("RB", (64, 112, 112), 9_408)), ("MaxPool2d", (64, 56, 56), 0)]
    given = 64
    for width, size, blocks in ((64, 56, 3), (128, 28, 4), (256, 14, 6), (512, 7, 3)):
        for block in range(blocks):
            first = 56 if (block == 0 and size == 28) else 2 * size if (block == 0 and size < 56) else size
            rows += [
                ("Conv2d", (width, first, first), given * width), ("BatchNorm2d", (width, first, first), 2 * width),
                ("ReLU", (width, first, first), 0), ("Conv2d", (width, size, size), 9 * width**2),
                ("BatchNorm2d", (width, size, size), 2 * width), ("ReLU", (width, size, size), 0),
                ("Conv2d", (4 * width, size, size), 4 * width**2), ("BatchNorm2d", (4 * width, size, size), 8 * width),
            ]  # fmt: skip
            if block == 0:
                rows += [
                    ("Conv2d", (4 * width, size, size), given * 4 * width),
                    ("BatchNorm2d", (4 * width, size, size), 8 * width),
                ]
            rows += [("ReLU", (4 * width, size, size), 0), ("Bottleneck", (4 * width, size, size), 0)]
            given = 4 * width
    return printouts.summary([*rows, ("AdaptiveAvgPool2d", (2048, 1, 1), 0), ("Linear", (1000,), 2_049_000)])


def seconds(call: Callable[[str], object], text: str) -> float:
    """Of the processor, so that other programs do not count."""
    begin = time.process_time()
    call(text)
    return time.process_time() - begin


def main() -> None:
    for name, make in (
        ("prose", prose),
        ("summary", summary),
        ("table", table),
        ("sections", sections),
        ("code", code),
        ("settings", settings),
    ):
        for verb in (audit, infer) if name == "summary" else (audit,):
            short, long = (seconds(verb, make(lines)) for lines in (SHORT, LONG))
            print(
                f"{verb.__name__} {name}: {SHORT:,} lines {short:.2f} s, {LONG:,} lines {long:.2f} s, "
                f"{long / short:.1f}x"
            )
    for name, text in (("ResNet-50", resnet50()), (f"table of {ROWS} rows", table(ROWS))):
        print(f"audit {name}: {seconds(audit, text):.2f} s")


if __name__ == "__main__":
    main()
