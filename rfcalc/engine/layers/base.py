"""What every layer type says of itself, the registry, and what several layer types share.

Counts: one multiply-add is one MAC; biases, activations, norms and pools count none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple, TypeVar

from ...errors import RfcalcError, SettingError, ShapeError
from ..geometry import SHARED, TOO_MANY, UNIT, Axis, FeatureMap, Taps, TooManyPhases, Window
from ..kinds import PerAxis, required_settings, settings_of

LAYERS: dict[str, type[Layer]] = {}
LAYER_FEATURES = ("depthwise", "depthwise_separable", "grouped", "dilation", "strided", "bias")
"""What a design can use beside layer types."""
LayerClass = TypeVar("LayerClass", bound="type[Layer]")


def layer(name: str) -> Callable[[LayerClass], LayerClass]:
    """Registers a layer type under its name in the spec language."""

    def register(cls: LayerClass) -> LayerClass:
        cls.op = name
        LAYERS[name] = cls
        return cls

    return register


@dataclass(frozen=True, slots=True)
class Layer:
    """What every layer type says of itself; the defaults are those of a layer that works on each value by itself."""

    op: ClassVar[str] = ""
    torch_name: ClassVar[str] = ""
    torch_axes: ClassVar[bool] = False
    """Whether torch has a class for each number of axes: Conv1d, Conv2d, Conv3d."""
    scalar: ClassVar[str | None] = None
    """The setting that a bare value stands for: `- max_pool: 2`."""
    pointwise: ClassVar[bool] = True
    """Each output value reads the one input value at its place: geometry and channels stay as they are."""
    joins: ClassVar[bool] = False
    """Takes several inputs; in torch it is an operation, not a module."""
    norm: ClassVar[bool] = False
    reduces: ClassVar[bool] = False
    """A pool that takes the map to a size of its own."""
    transposed: ClassVar[bool] = False
    """Its windows lie on its output."""
    windowed: ClassVar[bool] = True
    """Whether it is a window on each axis; else `taps` says what its units read, and `sizes` how many there are."""
    keeps_flat: ClassVar[bool] = True
    """Whether it takes a map that flatten has left with channels only."""

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        """The layer as a window on each axis; empty for a layer that is none (upsampling, uneven bins)."""
        return (UNIT,) * len(x.axes) if self.windowed and not x.flat else ()

    def taps(self, x: FeatureMap) -> tuple[Taps, ...]:
        """Which units of x each output unit reads, per axis."""
        return tuple(window.taps() for window in self.windows(x))

    def sizes(self, x: FeatureMap) -> tuple[int, ...]:
        return tuple(w.output_size(a.size) for w, a in zip(self.windows(x), x.axes, strict=True))

    def channels(self, x: FeatureMap) -> int:
        """As many as its setting `out_channels` says, where it has one; else as come in."""
        stated: int | None = getattr(self, "out_channels", None)
        return stated or x.channels

    def output(self, inputs: Sequence[FeatureMap]) -> FeatureMap:
        """The map that the layer makes; raises ShapeError when it cannot take its input."""
        (x,) = inputs
        self.check(x)
        if self.pointwise:
            return replace(x, apart=False) if x.apart and self.reads_all_channels(x) else x
        sizes = self.sizes(x)
        if all(axis.doubt == TOO_MANY and not axis.strands for axis in x.axes):  # then the taps may be too many as well
            axes = axes_through(x.axes, (SHARED,) * len(sizes), sizes)
        else:
            axes = axes_through(x.axes, self.taps(x), sizes)
        return FeatureMap(self.channels(x), axes, apart=x.apart and not self.reads_all_channels(x))

    def reads_all_channels(self, x: FeatureMap) -> bool:
        """Whether each channel that it makes reads all that come in."""
        groups_of = getattr(self, "groups_of", None)
        return groups_of is not None and groups_of(x) == 1

    def check(self, x: FeatureMap) -> None:
        """Raises ShapeError when the layer cannot take x."""
        if x.flat and not self.keeps_flat:
            raise ShapeError(f"needs a map with axes; flattening left {x.channels} channels only")

    def params(self, x: FeatureMap) -> int:
        return 0

    def macs(self, x: FeatureMap, out: FeatureMap) -> int | None:
        """Multiply-adds for one image; None when nobody knows."""
        return 0

    def sums(self, x: FeatureMap, out: FeatureMap) -> tuple[str, str]:
        """Parameters and MACs as arithmetic; empty where there are none."""
        return "", ""

    def features(self, x: FeatureMap) -> tuple[str, ...]:
        """The words of must_use and must_not_use that it answers to, beside its own name."""
        return ()

    def torch_class(self, x: FeatureMap) -> str:
        return f"{self.torch_name}{1 if x.flat else len(x.axes)}d" if self.torch_axes else self.torch_name

    def module(self, nn: Any, x: FeatureMap) -> Any:
        """The torch module; nn is torch.nn, x the map that it will be given; raises RfcalcError if there is none."""
        name = self.torch_class(x)
        if not name:
            raise unbuildable(getattr(self, "operation", self.op))
        return getattr(nn, name)(*self.arguments(x))

    def arguments(self, x: FeatureMap) -> tuple[Any, ...]:
        """What torch's class is called with: by default every setting, in order."""
        return tuple(getattr(self, name) for name in settings_of(type(self)))


class SpatialLayer(Layer):
    """A layer on the axes of a map: it changes where units look, or how many there are."""

    pointwise = False
    keeps_flat = False


class WindowLayer(SpatialLayer):
    """A window on each axis, as its settings have it."""

    kernel_size: PerAxis
    stride: PerAxis
    padding: Any
    dilation: PerAxis

    def pads(self, x: FeatureMap) -> Any:
        """Padding (before, after) on each axis, in numbers."""
        return self.padding

    def windows(self, x: FeatureMap) -> tuple[Window, ...]:
        return make_windows(self.kernel_size, self.stride, self.pads(x), self.dilation)


class Budget(NamedTuple):
    """What one network may still cost where its units look different ways in turn: fields held, fields looked at."""

    phases: int = 2**18
    """A field takes 0.2 KiB, with holes up to 2 KiB more, which few have: 50 to 500 MiB in all."""
    reads: int = 2**21
    """About 4 µs each."""

    def less(self, layer: Layer, inputs: Sequence[FeatureMap], out: FeatureMap) -> Budget:
        """What is left after a layer."""
        old = {id(axis) for x in inputs for axis in x.axes}
        new = {id(axis): axis for axis in out.axes if id(axis) not in old}
        phases = sum([len(strand.fields) - 1 for axis in new.values() for strand in axis.strands])
        if not phases:
            return self
        if layer.joins:
            return Budget(self.phases - phases, self.reads - phases * len(inputs))
        found = zip(inputs[0].axes, layer.taps(inputs[0]), strict=True)
        reads = sum(strand.work(taps) for axis, taps in found for strand in axis.strands)
        return Budget(self.phases - phases, self.reads - reads)


def output_within(layer: Layer, inputs: Sequence[FeatureMap], budget: Budget) -> tuple[FeatureMap, Budget]:
    """The map after a layer, and what is left of the budget; where it is spent, the shape is known and the field is
    not. Raises ShapeError when the layer cannot take its input."""
    with suppress(TooManyPhases):  # no room for the field: what follows says that it is unknown
        out = layer.output(inputs)
        left = budget.less(layer, inputs, out)
        if min(left) >= 0:
            return out, left
    return layer.output([without_fields(x) for x in inputs]), budget


def without_fields(x: FeatureMap) -> FeatureMap:
    return FeatureMap(x.channels, tuple(Axis(axis.size, (), TOO_MANY) for axis in x.axes), x.flat, x.apart)


def axes_through(axes: tuple[Axis, ...], taps: tuple[Taps, ...], sizes: tuple[int, ...]) -> tuple[Axis, ...]:
    """Each axis through its taps; equal axes under equal taps are worked out once."""
    out: list[Axis] = []
    for i, (axis, tap, size) in enumerate(zip(axes, taps, sizes, strict=True)):
        if i and axis is axes[i - 1] and tap is taps[i - 1] and size == sizes[i - 1]:
            out.append(out[-1])
        else:
            out.append(axis.through(tap, size))
    return tuple(out)


@lru_cache(maxsize=4096)
def make_windows(kernel_size: PerAxis, stride: PerAxis, padding: Any, dilation: PerAxis) -> tuple[Window, ...]:
    return tuple(map(Window, kernel_size, stride, padding, dilation))


def product_text(*factors: int) -> str:
    return "*".join(map(str, factors))


RESERVED = ("name", "from")


COUNTS = ("params", "macs")
"""Keys of a layer, not of a block: a count where the layer's type does not tell it (shared or fixed weights)."""


LAYER_KEYS = (*RESERVED, *COUNTS, "functional", "containers")
"""What every layer takes beside its settings."""


def function_module(nn: Any, call: Callable[[Any], Any], text: str) -> Any:
    """A torch module without weights that does `call`."""

    class Function(nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return call(x)

        def extra_repr(self) -> str:
            return text

    return Function()


def unbuildable(operation: str) -> RfcalcError:
    return RfcalcError(f"{operation} is known by its shapes only: no torch module can be made of it")


def make(op: str, axes: int, /, **values: Any) -> Layer:
    """A layer of the given type for maps with that many axes, its settings as the spec language writes them.

    >>> make("conv", 2, out_channels=8, kernel_size=3).kernel_size
    (3, 3)
    """
    cls = LAYERS[op]
    known = settings_of(cls)
    problems = [unknown_key(key, [*known, *LAYER_KEYS]) for key in values if key not in known]
    missing = [key for key in required_settings(cls) if key not in values]
    if missing:
        problems.append("needs " + " and ".join(missing))
    read: dict[str, Any] = {}
    for key, meta in known.items():
        if key in missing or (meta["like"] and key not in values and meta["like"] not in read):
            continue
        try:
            if key in values:
                read[key] = meta["kind"].read(values[key], axes)
            else:
                read[key] = read[meta["like"]] if meta["like"] else meta["kind"].read(meta["default"], axes)
        except SettingError as error:
            problems.append(f"{key} {error}")
    if problems:
        raise SettingError("; ".join(problems))
    return cls(**read)


def unknown_key(key: str, known: list[str]) -> str:
    near = get_close_matches(key, known, 1)
    return f"{key}: did you mean {near[0]}?" if near else f"{key} is no setting; there are {', '.join(known)}"
