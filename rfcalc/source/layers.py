"""How one layer is spelt: the call that makes its module, or the expression that it is."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..engine.arch import Row

if TYPE_CHECKING:
    from torch.nn import Module

NOT_SETTINGS = {"self", "device", "dtype", "args", "kwargs"}
"""Arguments of torch's classes that say nothing of what a layer does."""
ALL_SIZES = {"normalized_shape", "unflattened_size"}
"""Arguments whose number of values says over how many axes: (8, 8) is not 8."""
JOIN_SIGNS = {"add": " + ", "multiply": " * "}
HELPERS = {
    "channel_norm": '''class ChannelNorm(nn.LayerNorm):
    """Layer normalization over the channels of each place alone."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
''',
    "scale": '''class Scale(nn.Module):
    """Each value times a learned weight."""

    def __init__(self, shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape))

    def forward(self, x):
        return x * self.weight
''',
    "shift": '''class Shift(nn.Module):
    """Each value plus a learned weight."""

    def __init__(self, shape):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self, x):
        return x + self.weight
''',
}
"""Layer types that torch has no class for and that hold weights."""


@dataclass(frozen=True)
class ClassCall:
    """A call of a class: `nn.Conv2d(3, 8, 3, bias=False)`. `required` arguments come first and stand without names."""

    name: str
    arguments: Mapping[str, str]
    defaults: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()

    def __str__(self) -> str:
        placed = [self.arguments[key] for key in self.required]
        named = [
            f"{key}={value}"
            for key, value in self.arguments.items()
            if key not in self.required and value != self.defaults.get(key)
        ]
        return f"{self.name}({', '.join([*placed, *named])})"


def setting_text(value: Any) -> str:
    """A setting as one writes it: `3` for (3, 3), `2` for 2.0."""
    if isinstance(value, tuple | list):
        values = tuple(map(setting_text, value))
        return values[0] if values and len(set(values)) == 1 else f"({', '.join(values)}{',' * (len(values) == 1)})"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return repr(value)


def call_of(module: Module) -> ClassCall:
    """How torch's own class is called to make a module like this one; its attributes carry the arguments' names."""
    if isinstance(module, nn.Sequential):  # a convolution beside padding of its own, a map flattened and given axes
        return ClassCall(
            "nn.Sequential",
            {"": f"OrderedDict({', '.join(f'{k}={call_of(m)}' for k, m in module.named_children())})"},
            {},
            ("",),
        )
    arguments, defaults, required = {}, {}, []
    for name, parameter in inspect.signature(type(module).__init__).parameters.items():
        if name in NOT_SETTINGS or not hasattr(module, name):
            continue
        value = getattr(module, name)
        if isinstance(value, nn.Parameter) or name == "bias":
            value = value is not None and value is not False
        if name == "bias" and getattr(module, "elementwise_affine", True) is False:
            continue
        arguments[name] = repr(value) if name in ALL_SIZES else setting_text(value)
        if parameter.default is inspect.Parameter.empty:
            required.append(name)
        else:
            defaults[name] = setting_text(parameter.default)
    if "stride" in arguments and defaults.get("stride") == "None":  # a pool's stride is its kernel unless stated
        defaults["stride"] = arguments["kernel_size"]
    return ClassCall(f"nn.{type(module).__name__}", arguments, defaults, tuple(required))


def expression(row: Row, inputs: Sequence[str]) -> str | None:
    """What a layer without a module does to its inputs; None for one that is a module."""
    layer, x = row.layer, inputs[0]
    sizes = row.out.sizes
    match layer.op:
        case "add" | "multiply":
            return JOIN_SIGNS[layer.op].join(inputs)
        case "concat":
            return f"torch.cat([{', '.join(inputs)}], dim=1)"
        case "elementwise":
            if not hasattr(torch, layer.operation):  # type: ignore[attr-defined]
                return None
            found = x
            for other in inputs[1:]:
                found = f"torch.{layer.operation}({found}, {other})"  # type: ignore[attr-defined]
            return found
        case "channel_slice":
            stop, step = layer.stop or "", f":{layer.step}" if layer.step > 1 else ""  # type: ignore[attr-defined]
            return f"{x}[:, {layer.start or ''}:{stop}{step}]"  # type: ignore[attr-defined]
        case "channel_pad":
            sides = (0, 0) * (0 if row.x.flat else len(row.x.axes)) + (layer.before, layer.after)  # type: ignore[attr-defined]
            return f"F.pad({x}, {sides})"
        case "expand":
            return f"{x}.expand({', '.join(map(str, (-1, row.out.channels, *sizes)))})"
        case "roll":
            shifts = layer.shifts  # type: ignore[attr-defined]
            return f"{x}.roll({shifts}, dims={tuple(range(2, 2 + len(shifts)))})"
        case "unfold":
            windows = [(w.kernel_size, w.stride, w.dilation, w.padding[0]) for w in row.windows]
            alone = len(windows) == 1  # torch takes two axes: one gets a second one of size 1 in front
            both = [(1, 1, 1, 0), *windows] if alone else windows
            kernel, stride, dilation, padding = (setting_text(values) for values in zip(*both, strict=True))
            settings = f"{kernel}, dilation={dilation}, padding={padding}, stride={stride}"
            return f"F.unfold({x}{'.unsqueeze(2)' if alone else ''}, {settings})" + (
                "" if alone else f".unflatten(2, {sizes})"
            )
    return None


def flattens(row: Row) -> bool:
    """Whether its map must be flattened first: a linear layer of a spec takes a map with axes too."""
    return row.layer.op == "linear" and not row.x.flat
