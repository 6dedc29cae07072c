"""Shipped specs with one to three settings spoilt, and targets that the unspoilt ones meet exactly."""

from __future__ import annotations

import re
from importlib.resources import files
from random import Random

import rfcalc
from rfcalc.engine.arch import features_of
from rfcalc.report.claims import targets_of

SETTING = re.compile(r"(kernel_size|dilation|stride|out_channels): (\d+)")
WATCHED = ("depthwise", "dilation", "strided", "depthwise_separable")


def targets(name: str) -> str:
    arch = rfcalc.load(name)
    used = [word for word in WATCHED if word in features_of(arch)]
    field = min(f or 0 for f in arch.receptive_field.before_global_pool)
    return (
        f"targets: {{min_receptive_field: {field}, max_params: {arch.params}, max_macs: {arch.macs}, "
        f"must_use: [{', '.join(used)}]}}\n"
    )


def spoil(text: str, random: Random, count: int) -> str:
    """The text with so many numbers of its layers changed for the worse."""
    start, end = text.index("\nlayers:"), len(text)
    found = [m for m in SETTING.finditer(text, start, end) if worse(m[1], int(m[2]), random)]
    for match in sorted(random.sample(found, min(count, len(found))), key=lambda m: -m.start()):
        value = worse(match[1], int(match[2]), random)
        text = f"{text[: match.start(2)]}{value}{text[match.end(2) :]}"
    return text


def worse(setting: str, value: int, random: Random) -> int | None:
    if setting == "kernel_size":
        return random.choice([1, value - 2]) if value >= 3 else None
    if setting in ("dilation", "stride"):
        return value - 1 if value > 1 else None
    return value * random.choice([2, 3]) if value >= 16 else None


def broken(seed: int, names: list[str]) -> tuple[str, str, int] | None:
    """A spec's name, its text, and how many settings were spoilt; None where it cannot be built or misses none."""
    random = Random(seed)
    name, count = names[seed % len(names)], random.randint(1, 3)
    text = (files("rfcalc.archs") / f"{name}.yaml").read_text(encoding="utf-8")
    head = re.sub(r"^(targets|train|claims):.*?(?=^\S|\Z)", "", text, flags=re.M | re.S)
    spoilt = spoil(head, random, count) + targets(name)
    try:
        arch = rfcalc.loads(spoilt)
    except rfcalc.SpecError:
        return None
    return (name, spoilt, count) if any(c.holds is False for c in targets_of(arch)) else None
