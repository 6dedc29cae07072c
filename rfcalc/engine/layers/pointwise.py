"""Norms, activations and dropout: layers that leave the geometry alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

from ...errors import RfcalcError, ShapeError
from ..geometry import FeatureMap
from ..kinds import Count, Flag, Integer, Real, Word, setting
from .base import Layer, layer


class Norm(Layer):
    """A norm counts as looking at one unit: its statistics mix places, but do not show where anything lies."""

    norm = True

    def weights(self, x: FeatureMap) -> int:
        """How many weights, and as many biases, it has when affine."""
        return x.channels

    def params(self, x: FeatureMap) -> int:
        return 2 * self.weights(x) if self.affine else 0  # type: ignore[attr-defined]

    def sums(self, x: FeatureMap, out: FeatureMap) -> tuple[str, str]:
        return f"2*{self.weights(x)}" if self.params(x) else "", ""

    def module(self, nn: Any, x: FeatureMap) -> Any:
        return getattr(nn, self.torch_class(x))(x.channels, affine=self.affine)  # type: ignore[attr-defined]


@layer("batch_norm")
@dataclass(frozen=True, slots=True)
class BatchNorm(Norm):
    """Batch normalisation (torch.nn.BatchNorm1d to 3d)."""

    torch_name = "BatchNorm"
    torch_axes = True
    affine: bool = setting(Flag(), True)


@layer("instance_norm")
@dataclass(frozen=True, slots=True)
class InstanceNorm(Norm):
    """Instance normalisation (torch.nn.InstanceNorm1d to 3d), without parameters unless affine."""

    torch_name = "InstanceNorm"
    torch_axes = True
    keeps_flat = False
    affine: bool = setting(Flag(), False)

    def check(self, x: FeatureMap) -> None:
        Layer.check(self, x)
        if prod(x.sizes) == 1:
            raise ShapeError("needs more than one unit in each channel: a map of size 1 has no variance")


@layer("group_norm")
@dataclass(frozen=True, slots=True)
class GroupNorm(Norm):
    """Group normalisation (torch.nn.GroupNorm)."""

    torch_name = "GroupNorm"
    scalar = "num_groups"
    num_groups: int = setting(Integer())
    affine: bool = setting(Flag(), True)

    def check(self, x: FeatureMap) -> None:
        if x.channels % self.num_groups:
            raise ShapeError(f"num_groups={self.num_groups} must divide {x.channels} channels")

    def module(self, nn: Any, x: FeatureMap) -> Any:
        return nn.GroupNorm(self.num_groups, x.channels, affine=self.affine)


@layer("layer_norm")
@dataclass(frozen=True, slots=True)
class LayerNorm(Norm):
    """Layer normalisation over channels and all axes, with a weight for each value (torch.nn.LayerNorm)."""

    torch_name = "LayerNorm"
    affine: bool = setting(Flag(), True)

    def weights(self, x: FeatureMap) -> int:
        return x.elements

    def module(self, nn: Any, x: FeatureMap) -> Any:
        return nn.LayerNorm(x.shape, elementwise_affine=self.affine)


def register_activation(
    name: str, torch_name: str, doc: str, arguments: tuple[Any, ...] = (), base: type[Layer] = Layer
) -> None:
    """Registers a layer type without settings that leaves geometry, channels and parameters alone."""

    def given(self: Layer, x: FeatureMap) -> tuple[Any, ...]:
        return arguments

    members = {"__doc__": f"{doc} (torch.nn.{torch_name}).", "torch_name": torch_name, "arguments": given}
    layer(name)(type(torch_name, (base,), members))


class OverChannels(Layer):
    """Each value depends on all channels at its place."""

    def reads_all_channels(self, x: FeatureMap) -> bool:
        return True


register_activation("identity", "Identity", "Nothing")
register_activation("relu", "ReLU", "max(x, 0)")
register_activation("relu6", "ReLU6", "min(max(x, 0), 6)")
register_activation("selu", "SELU", "Scaled exponential linear unit")
register_activation("gelu", "GELU", "Gaussian error linear unit")
register_activation("silu", "SiLU", "x * sigmoid(x), also called swish")
register_activation("mish", "Mish", "x * tanh(softplus(x))")
register_activation("hardswish", "Hardswish", "x * relu6(x + 3) / 6")
register_activation("hardsigmoid", "Hardsigmoid", "relu6(x + 3) / 6")
register_activation("sigmoid", "Sigmoid", "1 / (1 + exp(-x))")
register_activation("tanh", "Tanh", "Hyperbolic tangent")
register_activation("softplus", "Softplus", "log(1 + exp(x))")
register_activation("softmax", "Softmax", "Softmax over channels", (1,), OverChannels)
register_activation("log_softmax", "LogSoftmax", "Logarithm of the softmax over channels", (1,), OverChannels)


@layer("leaky_relu")
@dataclass(frozen=True, slots=True)
class LeakyReLU(Layer):
    """max(x, 0) + negative_slope * min(x, 0) (torch.nn.LeakyReLU)."""

    torch_name = "LeakyReLU"
    scalar = "negative_slope"
    negative_slope: float = setting(Real(0, 1), 0.01)


@layer("elu")
@dataclass(frozen=True, slots=True)
class ELU(Layer):
    """Exponential linear unit (torch.nn.ELU)."""

    torch_name = "ELU"
    scalar = "alpha"
    alpha: float = setting(Real(0, 100), 1.0)


@layer("prelu")
@dataclass(frozen=True, slots=True)
class PReLU(Layer):
    """Leaky ReLU with learned slopes: one, or one for each channel (torch.nn.PReLU)."""

    torch_name = "PReLU"
    scalar = "num_parameters"
    num_parameters: int = setting(Integer(), 1)

    def check(self, x: FeatureMap) -> None:
        if self.num_parameters not in (1, x.channels):
            raise ShapeError(f"num_parameters={self.num_parameters} must be 1 or the {x.channels} channels")

    def params(self, x: FeatureMap) -> int:
        return self.num_parameters


@layer("dropout")
@dataclass(frozen=True, slots=True)
class Dropout(Layer):
    """Zeroes single values in training (torch.nn.Dropout)."""

    torch_name = "Dropout"
    scalar = "p"
    p: float = setting(Real(0, 1), 0.5)


@layer("dropout_spatial")
@dataclass(frozen=True, slots=True)
class DropoutSpatial(Layer):
    """Zeroes whole channels in training (torch.nn.Dropout1d to 3d)."""

    torch_name = "Dropout"
    torch_axes = True
    keeps_flat = False
    scalar = "p"
    p: float = setting(Real(0, 1), 0.5)


@layer("alpha_dropout")
@dataclass(frozen=True, slots=True)
class AlphaDropout(Layer):
    """Dropout that keeps mean and variance after SELU (torch.nn.AlphaDropout)."""

    torch_name = "AlphaDropout"
    scalar = "p"
    p: float = setting(Real(0, 1), 0.5)


@layer("pointwise")
@dataclass(frozen=True, slots=True)
class Pointwise(Layer):
    """A function of each value by itself, known by name: exp, clamp, mul by a number."""

    scalar = "operation"
    operation: str = setting(Word())


@dataclass(frozen=True, slots=True)
class Learned(Layer):
    """Each value with a learned weight: one for all, one for each channel, or one for each value."""

    scalar = "weights"
    weights: int = setting(Count())

    def params(self, x: FeatureMap) -> int:
        return self.weights

    def sums(self, x: FeatureMap, out: FeatureMap) -> tuple[str, str]:
        return str(self.weights), ""

    def learned(self, x: FeatureMap, combine: Callable[[Any, Any], Any], start: float) -> Any:
        """A module that combines each value with its weight."""
        import torch

        sizes = () if x.flat else x.sizes
        shapes = {1: (), x.elements: (x.channels, *sizes), x.channels: (x.channels, *(1 for _ in sizes))}
        if self.weights not in shapes:
            raise RfcalcError(f"{self.weights} weights are not one for all, for each channel or for each value of {x}")

        class Learned(torch.nn.Module):
            def __init__(self, shape: tuple[int, ...]) -> None:
                super().__init__()
                self.weight = torch.nn.Parameter(torch.full(shape, start))

            def forward(self, x: Any) -> Any:
                return combine(x, self.weight)

        return Learned(shapes[self.weights])


@layer("scale")
class Scale(Learned):
    """Each value times a learned weight (layer scale); `weights` says how many there are."""

    def module(self, nn: Any, x: FeatureMap) -> Any:
        return self.learned(x, lambda t, weight: t * weight, 1.0)


@layer("shift")
class Shift(Learned):
    """Each value plus a learned weight (a bias, the embedding of a position); `weights` says how many there are."""

    def module(self, nn: Any, x: FeatureMap) -> Any:
        return self.learned(x, lambda t, weight: t + weight, 0.0)
