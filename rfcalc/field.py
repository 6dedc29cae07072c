"""The effective receptive field: how much of a layer's centre unit really depends on each pixel.

Luo, Li, Urtasun, Zemel, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", NeurIPS
2016. A pixel's mass is the mean, over images, of the absolute gradient of the centre unit, summed over the layer's
channels, by the pixel, summed over the image's channels. Beside it stands what the engine predicts for a network
whose layers average what they read: the unit's path counts under uniform weights. A network with random weights of
both signs, which cancel in part, comes near that but does not meet it; one with uniform weights does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import sqrt
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from . import paths, zoo
from .arch import Arch, Row, unknown_name
from .errors import RfcalcError
from .grid import Column, Grid
from .network import Network, build
from .tables import agreed, text
from .torch_user import load_module

if TYPE_CHECKING:
    from rich.console import RenderableType

SHARES = (0.5, 0.95)
BATCH = 4
"""Images that go through the network at once."""


@dataclass(frozen=True, slots=True)
class Mass:
    """How a distribution over pixels spreads: its centre and standard deviation per axis, in pixels, and the radii
    around the centre that hold 50 and 95 % of it."""

    centre: tuple[float, ...]
    std: tuple[float, ...]
    radii: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """The effective field of one layer's centre unit. `gradient` is the mass of each pixel, with the sum 1."""

    name: str
    layer: str
    unit: tuple[int, ...]
    images: int
    measured: Mass
    gradient: Tensor
    predicted: Mass | None
    receptive_field: tuple[Any, ...]
    """The layer's analytic field per axis; empty when it is not known."""

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "layer": self.layer,
            "unit": list(self.unit),
            "images": self.images,
            "receptive_field": agreed(self.receptive_field),
            "measured": mass_json(self.measured),
            "predicted": self.predicted and mass_json(self.predicted),
        }

    @property
    def grid(self) -> Grid:
        columns = (Column("pixels", left=True), Column("measured"), Column("predicted"))
        measured, predicted = cells(self.measured), cells(self.predicted)
        names = (*(f"standard deviation, axis {i}" for i in range(len(self.unit))), *map(radius_name, SHARES))
        rows = [(name, measured[i], predicted[i] if predicted else text(None)) for i, name in enumerate(names)]
        unit = ", ".join(map(str, self.unit))
        caption = [f"{self.name}, {self.layer}, unit ({unit}): mean absolute gradient over {self.images} images"]
        if self.receptive_field:
            caption.append(f"receptive field {text(agreed(self.receptive_field))}; predicted from path counts")
        return Grid(columns, tuple(rows), tuple(caption))

    def render(self, width: int | None = None) -> RenderableType:
        """For a terminal of that width: standard deviation and radii, measured beside predicted."""
        return self.grid.to_rich(width)


def radius_name(share: float) -> str:
    return f"radius holding {share:.0%}"


def cells(mass: Mass | None) -> list[str]:
    return [f"{value:.2f}" for value in (*mass.std, *mass.radii)] if mass else []


def mass_json(mass: Mass) -> dict[str, Any]:
    radii = {f"radius_{share:.0%}".rstrip("%"): radius for share, radius in zip(SHARES, mass.radii, strict=True)}
    return {"centre": list(mass.centre), "std": list(mass.std), **radii}


def effective_field(
    net: Arch | nn.Module,
    layer: str | None = None,
    *,
    images: Tensor | None = None,
    count: int = 8,
    seed: int = 0,
    weights: str | PathLike[str] | Mapping[str, Any] | None = None,
    arch: Arch | None = None,
) -> EffectiveField:
    """The effective field of a layer, by default the last one whose map has more than one unit.

    `net` is a spec, which is built with the weights that `seed` gives or with those of a state dict (itself, or its
    file), or a module with `arch`, its analysis, or `images`. `images` has the shape (count, channels, sizes…);
    without them, `count` images of normal noise are drawn from `seed`. The module and torch's random state are left as
    they were. Raises RfcalcError for an unknown layer, wrong weights, or when no gradient reaches the image.

    >>> import rfcalc
    >>> found = effective_field(rfcalc.load("s9"), "C2", count=2)
    >>> found.receptive_field, [round(std, 2) for std in found.predicted.std]
    ((5, 5), [1.15, 1.15])
    """
    arch = net if isinstance(net, Arch) else arch
    model: nn.Module = build(net, seed) if isinstance(net, Arch) else net
    if weights is not None:
        model = loaded(model, weights)
    x = images_for(arch, images, count, seed)
    name, gradients, sizes = gradient_of(model, layer_name(arch, layer), x)
    mass = gradients.abs().sum(1).mean(0).to(torch.float64).cpu()
    if not mass.sum() > 0 or not torch.isfinite(mass).all():
        raise RfcalcError(f"{name}: its centre unit's gradient by the image is zero or not finite")
    mass = mass / mass.sum()
    unit = tuple(size // 2 for size in sizes)
    row = next((row for row in arch.rows if row.name == name), None) if arch else None
    fields = tuple(axis.receptive_field for axis in row.out.axes) if row else ()
    title = arch.name if arch else type(model).__name__
    return EffectiveField(title, name, unit, len(x), spread_of(mass), mass, predicted(arch, row, unit), fields)


def field_of(
    target: str,
    layer: str | None = None,
    input: tuple[int, ...] | None = None,
    *,
    count: int = 8,
    seed: int = 0,
    weights: str | None = None,
) -> EffectiveField:
    """The effective field of a layer of whatever a target names: a spec, or a torch model with its own weights."""
    arch = zoo.load(target, input)
    net = load_module(target)[0] if zoo.is_torch_model(target) else arch
    return effective_field(net, layer, count=count, seed=seed, weights=weights, arch=arch)


def predicted(arch: Arch | None, row: Row | None, unit: Sequence[int]) -> Mass | None:
    """The spread of a unit's path counts under uniform weights; axes are taken as independent, which they are but
    where branches join. None for a layer whose reads are not known."""
    if arch is None or row is None or any(not axis.strands or axis.doubt for axis in row.out.axes):
        return None
    mass = torch.ones((), dtype=torch.float64)
    for axis in range(len(arch.sizes)):
        place = unit[axis] if axis < len(unit) else 0
        shares = torch.tensor(paths.uniform_gradient(arch, axis, row.index, place), dtype=torch.float64)
        mass = mass.unsqueeze(-1) * shares
    return spread_of(mass)


def spread_of(mass: Tensor) -> Mass:
    """Centre, standard deviations and radii of a distribution over pixels; pixel 0 is centred at 1/2."""
    places = [torch.arange(size, dtype=torch.float64) + 0.5 for size in mass.shape]
    centre, std = [], []
    for axis, place in enumerate(places):
        shares = mass.movedim(axis, 0).reshape(len(place), -1).sum(1)
        mean = float(shares @ place)
        centre.append(mean)
        std.append(sqrt(max(float(shares @ (place - mean) ** 2), 0.0)))
    squares = sum(
        ((place - mean) ** 2).reshape([-1 if other == axis else 1 for other in range(mass.dim())])
        for axis, (place, mean) in enumerate(zip(places, centre, strict=True))
    )
    distances, order = torch.as_tensor(squares).flatten().sqrt().sort()
    held = mass.flatten()[order].cumsum(0)
    radii = [float(distances[int(torch.searchsorted(held, share * float(held[-1])))]) for share in SHARES]
    return Mass(tuple(centre), tuple(std), tuple(radii))


# --- the gradient ------------------------------------------------------------------------------------------------


def images_for(arch: Arch | None, images: Tensor | None, count: int, seed: int) -> Tensor:
    """The given images, or noise; raises RfcalcError for images that do not fit."""
    if images is None:
        if arch is None:
            raise RfcalcError("a module needs images, or an arch that tells the shape of its input")
        if count < 1:
            raise RfcalcError(f"needs at least one image, not {count}")
        return torch.randn(count, *arch.input, generator=torch.Generator().manual_seed(seed))
    if arch and tuple(images.shape[1:]) != arch.input:
        given, wanted = ("x".join(map(str, shape)) for shape in (images.shape[1:], arch.input))
        raise RfcalcError(f"the images are {given}, {arch.name} takes {wanted}")
    if not len(images):
        raise RfcalcError("needs at least one image, not 0")
    return images


def layer_name(arch: Arch | None, layer: str | None) -> str | None:
    """The full name of a layer or, of a block, of its last layer; by default the last one before global pooling."""
    if arch is None:
        return layer
    if layer is None:
        row = arch.global_row
        source = row.node.inputs[0] if row else len(arch.rows)
        return arch.rows[source - 1].name if source else arch.rows[0].name
    rows = [row for row in arch.rows if row.name == layer or row.name.startswith(f"{layer}.")]
    return rows[-1].name if rows else layer


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    return dict(model.named_layers()) if isinstance(model, Network) else dict(model.named_modules())


def gradient_of(model: nn.Module, layer: str | None, images: Tensor) -> tuple[str, Tensor, tuple[int, ...]]:
    """The layer that was asked for, the gradient of its centre unit by each image, and its map's sizes."""
    layers = layers_of(model)
    if layer is not None and layer not in layers:
        raise RfcalcError(unknown_name(layer, list(layers), f"{type(model).__name__} has no layer"))
    watched = layers if layer is None else {layer: layers[layer]}
    device = next((parameter.device for parameter in model.parameters()), images.device)
    parts = []
    found = Centre("", None, ())
    with evaluating(model), torch.enable_grad():
        for batch in torch.split(images, BATCH):
            x = batch.detach().to(device, copy=True).requires_grad_()
            found = centre_of(model, watched, x)
            (gradient,) = torch.autograd.grad(found.value, x, allow_unused=True) if found.value is not None else (None,)
            if gradient is None:
                raise RfcalcError(f"{layer or type(model).__name__}: it does not depend on the image")
            parts.append(gradient)
    return found.name, torch.cat(parts), found.sizes


@dataclass(frozen=True, slots=True)
class Centre:
    """A layer's centre unit, its channels and images summed up, and the sizes of its map."""

    name: str
    value: Tensor | None
    sizes: tuple[int, ...]


def centre_of(model: nn.Module, watched: Mapping[str, nn.Module], x: Tensor) -> Centre:
    """Runs the model; of several watched layers it takes the last one whose map has more than one unit."""
    seen = [Centre("", None, ())]

    def hook(name: str, output: Any) -> None:
        if not isinstance(output, Tensor):
            return
        sizes = tuple(output.shape[2:])
        if len(watched) == 1 or any(size > 1 for size in sizes):
            # taken at once: a layer that follows may work in place
            centre = output
            for size in sizes:
                centre = centre.select(2, size // 2)
            seen.append(Centre(name, centre.sum(), sizes))

    handles = [
        module.register_forward_hook(lambda module, inputs, output, name=name: hook(name, output))
        for name, module in watched.items()
    ]
    try:
        model(x)
    finally:
        for handle in handles:
            handle.remove()
    return seen[-1]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode, so that nothing in it changes; every part's own mode comes back behind."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def loaded(model: nn.Module, weights: str | PathLike[str] | Mapping[str, Any]) -> nn.Module:
    """The model with the weights of a state dict, or of its file; a given module is copied first."""
    from copy import deepcopy

    where = "weights" if isinstance(weights, Mapping) else fspath(weights)
    state: Any = weights
    if not isinstance(weights, Mapping):
        try:
            state = torch.load(weights, map_location="cpu", weights_only=True)
        except OSError as error:
            raise RfcalcError(f"{where}: {error.strerror or error}") from error
        except Exception as error:  # whatever torch's unpickler stumbles over
            told = f"{type(error).__name__}: {error}".splitlines()[0]
            raise RfcalcError(f"{where}: no state dict ({told})") from error
    for key in ("state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    if not isinstance(state, Mapping):
        raise RfcalcError(f"{where}: no state dict but {type(state).__name__}")
    copy = deepcopy(model)
    try:
        copy.load_state_dict(state)
    except RuntimeError as error:
        raise RfcalcError(f"{where}: {' '.join(str(error).split())}") from error
    return copy
