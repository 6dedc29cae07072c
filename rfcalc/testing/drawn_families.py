"""Random families of networks, as the YAML that `rfcalc design` reads: choices of every kind, alternatives,
repetitions, blocks, joins and strides. They shrink to one layer and no choices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hypothesis import note
from hypothesis import strategies as st

from ..errors import RfcalcError
from .networks import yaml_text

DRAWN_VALUES: dict[str, list[Any]] = {
    "width": [4, 6, 8, 12],
    "kernel": [1, 3, 5, 2],
    "dilation": [1, 2, 3],
    "stride": [1, 2],
    "depth": [1, 2, 3],
    "kind": ["dense", "separable", "pooled"],
}
"""The choices of a family and the values that they are taken from."""
DRAWN_WIDTHS = ["$width", "2*$width", "$width // 2", 8, "$width + 2"]
DEEPEST_NESTING = 2
"""Alternatives and repetitions stand in one another so deep."""
DRAWN_UNIT = {
    "parameters": {"width": None, "kernel": 3},
    "layers": [
        {"conv": {"out_channels": "$width", "kernel_size": "$kernel", "padding": "same"}},
        "relu",
        {"conv": {"out_channels": "$width", "kernel_size": "$kernel", "padding": "$kernel // 2", "stride": "$stride"}},
    ],
}


class Family:
    """A family in the making; every kind of item is a method that draws one."""

    def __init__(self, draw: st.DrawFn, kinds: Sequence[str]) -> None:
        self.draw, self.kinds, self.skips = draw, kinds, 0

    def of(self, *values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def choice(self, name: str) -> Any:
        """A list of values, a range, or values chosen anew at each place."""
        if name == "depth":
            low = self.draw(st.integers(1, 2))
            return {"from": low, "to": self.draw(st.integers(low, 3))}
        most = len(DRAWN_VALUES[name])
        values = (
            DRAWN_VALUES[name]
            if name == "kind"
            else self.draw(st.permutations(DRAWN_VALUES[name]))[: self.of(1, 2, min(3, most))]
        )
        if self.draw(st.booleans()):
            return {"values": values if name == "kind" else values[:2], "each": True}
        return values

    def conv(self) -> list[Any]:
        settings: dict[str, Any] = {"out_channels": self.of(*DRAWN_WIDTHS), "kernel_size": self.of("$kernel", 3, 1)}
        settings["padding"] = self.of("same", "$kernel // 2", 1, 0)
        if settings["padding"] != "same":
            settings["stride"] = self.of(1, "$stride", 2)
        if self.draw(st.booleans()):
            settings["dilation"] = "$dilation"
        if self.of(False, False, True):
            settings["groups"] = self.of("depthwise", 2)
        return [{"conv": settings}]

    def plain(self) -> list[Any]:
        return [self.of("relu", "batch_norm", {"dropout": 0.1}, {"avg_pool": 2})]

    def residual(self) -> list[Any]:
        self.skips += 1
        name, width = f"skip{self.skips}", self.of("$width", 8)
        return [
            {"conv": {"name": name, "out_channels": width, "kernel_size": 1}},
            self.of("relu", "batch_norm"),
            {"conv": {"name": f"{name}b", "out_channels": width, "kernel_size": "$kernel", "padding": "same"}},
            {self.of("add", "concat"): [name, f"{name}b"]},
        ]

    def unit(self) -> list[Any]:
        return [{"unit": {"width": self.of("$width", "2*$width", 6), "kernel": "$kernel"}}]

    def choose(self, depth: int) -> list[Any]:
        ways = {
            "dense": self.layers(depth + 1, self.of(1, 0, 2)),
            "separable": [
                {"conv": {"out_channels": "$width", "kernel_size": 1}},
                {"conv": {"out_channels": "$width", "kernel_size": 3, "padding": 1, "groups": "depthwise"}},
                *self.of([], ["relu", "batch_norm"]),
                {"conv": {"out_channels": "$width", "kernel_size": 1}},
            ],
            "pooled": [{"max_pool": 2}, *self.layers(depth + 1, 1)],
        }
        return [{"choose": {"by": "kind", **{kind: ways[kind] for kind in self.kinds}}}]

    def repeat(self, depth: int) -> list[Any]:
        return [{"repeat": {"times": self.of(2, "$depth"), "layers": self.layers(depth + 1, 2)}}]

    def item(self, depth: int) -> list[Any]:
        kinds: list[Callable[[], list[Any]]] = [self.conv, self.conv, self.conv, self.plain, self.residual, self.unit]
        if depth < DEEPEST_NESTING:
            kinds += [partial(self.choose, depth), partial(self.repeat, depth)]
        found: list[Any] = self.of(*kinds)()
        return found

    def layers(self, depth: int, count: int) -> list[Any]:
        return [layer for _ in range(count) for layer in self.item(depth)]


@st.composite
def families(
    draw: st.DrawFn,
    input: Sequence[int] | None = None,
    max_layers: int = 4,
    choices: Sequence[str] = tuple(DRAWN_VALUES),
) -> str:
    """Families without targets, as YAML text; not every one of their members can be built.

    `input` is the shape of the image (channels, then sizes), by default a small one; `max_layers` the items of `layers`
    beside the first convolution and a head, an alternative or a repetition being one; `choices` what is left open:
    width, kernel, dilation, stride, depth, kind. The others have one value.

    >>> from hypothesis import find
    >>> print(find(families((3, 9, 9)), lambda text: "choose:" in text).splitlines()[0])
    input: [3, 9, 9]
    """
    if unknown := [name for name in choices if name not in DRAWN_VALUES]:
        raise RfcalcError(f"choices: there is no {unknown[0]}; there are {', '.join(DRAWN_VALUES)}")
    family = Family(draw, DRAWN_VALUES["kind"] if "kind" in choices else DRAWN_VALUES["kind"][:1])
    sides = st.sampled_from([9, 12, 16])
    shape = [3, draw(sides), draw(sides)] if input is None else list(input)
    body = family.layers(0, draw(st.integers(0, max_layers)))
    head = {"conv": {"out_channels": 4, "kernel_size": 1}}
    tails: list[list[Any]] = [[], ["global_avg_pool"], ["global_avg_pool", {"linear": 4}], [head]]
    stated = {name: family.choice(name) if name in choices else DRAWN_VALUES[name][:1] for name in DRAWN_VALUES}
    layers = [*family.conv(), *body, *family.of(*tails)]
    text = yaml_text({"input": shape, "choices": stated, "blocks": {"unit": DRAWN_UNIT}, "layers": layers})
    note(text)
    return text
