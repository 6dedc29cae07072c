"""What writers count: one table of the conventions that turn a network's total into the figure that somebody states.

Ours: one multiply-add is one MAC, and biases, activations, norms and pools count none; parameters count weights, biases
and the norms' affine parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from typing import Any

from ..engine.arch import Row
from ..engine.layers import MaxPool
from ..errors import RfcalcError, unknown_name


@dataclass(frozen=True, slots=True)
class Convention:
    """One other way to count. `difference` is what it adds to our total over some rows, given that total."""

    name: str
    reason: str
    difference: Callable[[Sequence[Row], int], int]


def biases(rows: Sequence[Row], held: bool = True) -> int:
    """The biases of layers that have them or, with `held` False, those that the other such layers could have."""
    return sum(row.out.channels for row in rows if getattr(row.layer, "bias", None) is held)


def norms(rows: Sequence[Row]) -> int:
    return sum(row.params for row in rows if row.layer.norm)


def pools(rows: Sequence[Row]) -> int:
    """The weights of convolutions in the place of max pools, from all channels to as many."""
    return sum(prod(row.layer.kernel_size) * row.x.channels**2 for row in rows if isinstance(row.layer, MaxPool))


# --- what tools count ----------------------------------------------------------------------------------------------

CountRule = Callable[[Row], int]
"""What a tool counts for one layer, for one image, of the network that `rfcalc.build` makes."""


@dataclass(frozen=True, slots=True)
class Counter:
    """How a tool counts the multiply-adds or operations of a network: by the type of the layer; the others count their
    multiply-adds, `times` so many. `heading` is the column's, `sentence` the convention in one line."""

    tool: str
    heading: str
    sentence: str
    rules: Mapping[str, CountRule] = field(default_factory=dict)
    times: int = 1
    every: CountRule | None = None
    """The rule of the layers that no other names, in place of their multiply-adds."""

    def of(self, row: Row) -> int | None:
        """The count of one layer; None where its multiply-adds are unknown."""
        if row.macs is None:
            return None
        rule = self.rules.get(row.layer.op, self.every)
        return self.times * row.macs if rule is None else rule(row)


def is_affine(row: Row) -> bool:
    return bool(getattr(row.layer, "affine", False))


def biased(row: Row) -> int:
    """One for each value of a layer with a bias."""
    return row.out.elements if getattr(row.layer, "bias", False) else 0


def with_bias(row: Row) -> int:
    return (row.macs or 0) + biased(row)


def entering_values(times: int = 1, axes: int = 0) -> CountRule:
    """So many for each value that comes in; with `axes`, of maps with so many axes only."""
    return lambda row: times * row.x.elements if axes in (0, len(row.x.axes)) else 0


def values_out(times: int = 1) -> CountRule:
    return lambda row: times * row.out.elements


def norm_values(plain: int, more: int) -> CountRule:
    """So many for each value, and so many more with affine parameters."""
    return lambda row: (plain + more * is_affine(row)) * row.x.elements


def by_mode(axes: int = 0, **times: int) -> CountRule:
    """Of an upsampled map, so many for each value as its mode says; with `axes`, of maps with so many axes only."""
    return lambda row: (
        times.get(getattr(row.layer, "mode", ""), 0) * row.out.elements if axes in (0, len(row.x.axes)) else 0
    )


def weights_at_each_place(row: Row) -> int:
    """Parameters times the places of the output: of a transposed convolution too, whose windows lie on its output."""
    return row.params * prod(row.out.sizes)


def kernel_at_each_value(row: Row) -> int:
    layer: Any = row.layer
    return int(row.out.elements * prod(layer.kernel_size) * (row.x.channels // layer.groups_of(row.x)))


def bins(row: Row) -> int:
    """Of an adaptive mean: the mean size of a bin, and one division, for each value that comes out."""
    size = prod((Fraction(x, n) for x, n in zip(row.x.sizes, row.out.sizes, strict=True)), start=Fraction(1))
    return int((size + 1) * row.out.elements)


def softmax_steps(row: Row) -> int:
    """Exponents, additions and divisions over the channels of each place."""
    return row.x.elements // row.x.channels * (3 * row.x.channels - 1)


def interpolated_twice(row: Row) -> int:
    """As a module, a value each; and as the function that it calls, which takes the factors' product as an integer."""
    factors = getattr(row.layer, "scale_factor", None)
    called = row.x.elements * int(prod(factors)) if factors else row.out.elements
    return row.out.elements + called


WEIGHTED = ("conv", "conv_transpose", "linear")
MEANS = ("adaptive_avg_pool", "global_avg_pool")
ALL_POOLS = ("max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool", "global_avg_pool", "global_max_pool")
COUNTERS = {
    "macs": Counter("rfcalc", "MACs", "multiply-adds; biases, norms, activations and pools count none"),
    "flops": Counter(
        "torch.utils.flop_counter", "FLOPs", "two operations for each multiply-add, and nothing else", times=2
    ),
    "fvcore": Counter(
        "fvcore 0.1.5", "FLOPs",
        "one for a multiply-add; batch norm 2 for each value (1 without affine parameters), other norms 5 (4), "
        "means of a whole or adaptive 2-D map 1 for each value that enters, 2-D upsampling 1 for each that leaves "
        "(bilinear 4)",
        {
            "batch_norm": norm_values(1, 1),
            **dict.fromkeys(("instance_norm", "group_norm", "layer_norm", "channel_norm"), norm_values(4, 1)),
            **dict.fromkeys(MEANS, entering_values(1, 2)),
            "upsample": by_mode(2, nearest=1, bilinear=4),
        },
    ),
    "torchinfo": Counter(
        "torchinfo 1.8", "mult-adds",
        "a convolution's parameters, biases too, at each place of its output; any other layer's parameters once",
        dict.fromkeys(("conv", "conv_transpose"), weights_at_each_place),
        every=lambda row: row.params,
    ),
    "ptflops": Counter(
        "ptflops 0.7", "MACs",
        "multiply-adds and one for each bias added; norms 1 for each value, 2 with affine parameters (layer norm 1); "
        "ReLU6, leaky ReLU, SiLU and softmax 1 for each value; ReLU, PReLU, ELU, GELU, pools (of what enters) and "
        "upsampling 2, as they are met as a module and again as the function that it calls",
        {
            **dict.fromkeys(WEIGHTED, with_bias),
            **dict.fromkeys(("batch_norm", "instance_norm", "group_norm"), norm_values(1, 1)),
            "layer_norm": entering_values(),
            **dict.fromkeys(("relu", "prelu", "elu", "gelu"), values_out(2)),
            **dict.fromkeys(("relu6", "leaky_relu", "silu", "softmax"), values_out()),
            **dict.fromkeys(ALL_POOLS, entering_values(2)),
            "upsample": interpolated_twice,
        },
    ),
    "ptflops-aten": Counter(
        "ptflops 0.7, backend aten", "MACs", "multiply-adds and one for each bias added",
        dict.fromkeys(WEIGHTED, with_bias),
    ),
    "thop": Counter(
        "thop 0.1.1", "MACs",
        "multiply-adds (of a transposed convolution, its kernel at each value that leaves); batch, layer and instance "
        "norm 2 for each value, 4 with affine parameters; PReLU 1, softmax 3 less 1 a place, average pools 1 for each "
        "value that leaves, adaptive ones the size of a bin and 1; upsampling 1, linear 5, bilinear 11",
        {
            **dict.fromkeys(("conv", "conv_transpose"), kernel_at_each_value),
            **dict.fromkeys(("batch_norm", "instance_norm", "layer_norm"), norm_values(2, 2)),
            "prelu": entering_values(),
            "softmax": softmax_steps,
            "avg_pool": values_out(),
            **dict.fromkeys(MEANS, bins),
            "upsample": by_mode(nearest=1, linear=5, bilinear=11),
        },
    ),
}  # fmt: skip
"""Whose count it is, by the words of `table --count`."""


def counter(name: str) -> Counter:
    """Raises RfcalcError for a name that nobody counts under."""
    if name not in COUNTERS:
        raise RfcalcError(unknown_name(name, list(COUNTERS), "count: there is no convention"))
    return COUNTERS[name]


def counted(rows: Sequence[Row], name: str) -> int | None:
    """What a tool counts for some layers; None where the multiply-adds of one are unknown.

    >>> import rfcalc
    >>> [counted(rfcalc.load("s9").rows, name) for name in ("macs", "flops", "fvcore", "torchinfo")]
    [33771936, 67543872, 34029408, 33913354]
    """
    counts = [counter(name).of(row) for row in rows]
    return None if None in counts else sum(count or 0 for count in counts)


def tool_convention(name: str) -> Convention:
    """A tool's count as a convention that somebody's figure may follow."""
    about = COUNTERS[name]
    return Convention(
        f"counted as {about.tool} does", about.sentence, lambda rows, total: (counted(rows, name) or total) - total
    )


# --- the conventions -----------------------------------------------------------------------------------------------

WEIGHED_POOLS = "max pools counted as convolutions of the same window"
COUNTED_PARAMS = (
    Convention("counted without biases", "formulas on paper often show weights only", lambda rows, _: -biases(rows)),
    Convention(
        "counted with biases that the layers do not have",
        "torch's layers have a bias unless told otherwise, and a hand count follows the default",
        lambda rows, _: biases(rows, held=False),
    ),
    Convention("counted without the norms", "papers count convolutions only", lambda rows, _: -norms(rows)),
    Convention(
        "counted without biases and norms",
        "both of the above: the weights of convolutions and linear layers",
        lambda rows, _: -norms(rows) - biases(rows),
    ),
    Convention(
        WEIGHED_POOLS,
        "tables that give pools a kernel and channels invite the same formula for every row",
        lambda rows, _: pools(rows),
    ),
)
COUNTED_MACS = (
    Convention(
        "two operations counted for one multiply-add",
        "FLOPs: one multiplication and one addition",
        lambda _, total: total,
    ),
    Convention(
        "biases counted as multiply-adds",
        "some counters add one for each output value",
        lambda rows, _: sum(map(biased, rows)),
    ),
    *(tool_convention(name) for name in ("fvcore", "torchinfo", "ptflops", "thop")),
)
CONVENTIONS = {"params": COUNTED_PARAMS, "macs": COUNTED_MACS}

PER_CHANNEL = (
    (0, "without biases"),
    (1, "with biases"),
    (2, "with batch norm"),
    (3, "with biases and batch norm"),
)
"""What a convolution holds for each output channel beside its kernel, where only kernel and channels are stated."""


def otherwise_counted(quantity: str, rows: Sequence[Row], total: int) -> Iterator[tuple[int, str]]:
    """Every other figure that the rows' total may be stated as, with the name of the convention."""
    for convention in CONVENTIONS[quantity]:
        if difference := convention.difference(rows, total):
            yield total + difference, convention.name
