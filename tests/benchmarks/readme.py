"""The time that reading documents takes, by their length: `python -m tests.benchmarks.readme`. Linear means that ten
times the lines take ten times the time."""

from __future__ import annotations

import time
from collections.abc import Callable

from rfcalc.readme import audit, infer

from .. import printouts


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


def seconds(call: Callable[[str], object], text: str) -> float:
    begin = time.perf_counter()
    call(text)
    return time.perf_counter() - begin


def main() -> None:
    for name, make in (("prose", prose), ("summary", summary), ("table", table)):
        for verb in (audit, infer) if name == "summary" else (audit,):
            short, long = (seconds(verb, make(lines)) for lines in (10_000, 100_000))
            print(
                f"{verb.__name__} {name}: 10,000 lines {short:.1f} s, 100,000 lines {long:.1f} s, {long / short:.1f}x"
            )


if __name__ == "__main__":
    main()
