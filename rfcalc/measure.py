"""The effective receptive field: how much of a layer's centre unit really depends on each pixel.

Luo, Li, Urtasun, Zemel, "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", NeurIPS
2016. A pixel's mass is the mean, over images, of the absolute gradient of the centre unit, summed over the layer's
channels, by the pixel, summed over the image's channels. Beside it stands what the engine predicts for a network
whose layers average what they read: the unit's path counts under uniform weights. A network with random weights of
both signs, which cancel in part, comes near that but does not meet it; one with uniform weights does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from . import zoo
from .engine import paths
from .engine.arch import Arch, Row, fields_of
from .engine.geometry import shape_text
from .engine.reach import reach
from .errors import RfcalcError, unknown_name
from .network import build
from .replay.gradient import default_row, gradients_of
from .replay.images import read_images
from .replay.rows import Recorded, record
from .replay.weights import loaded
from .report.cells import agreed, text
from .report.grid import Column, Grid, Printed
from .report.unit import unit_in
from .tracing.trace import unwrapped
from .tracing.user_code import load_module, same_process

if TYPE_CHECKING:
    from rich.console import RenderableType

SHARES = (0.5, 0.95)
IMAGES_AT_ONCE = 4
"""Images that go through the network at once."""


@dataclass(frozen=True, slots=True)
class Mass:
    """How a distribution over pixels spreads: its centre and standard deviation per axis, in pixels, and the radii
    around the centre that hold 50 and 95 % of it."""

    centre: tuple[float, ...]
    std: tuple[float, ...]
    radii: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class OwnImages:
    """A user's own images: files and folders, and the normalization that they get."""

    paths: tuple[str, ...]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class EffectiveField(Printed):
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
    image: str = ""
    """Of a network of several inputs: the one that it is measured on."""

    def to_json(self) -> dict[str, Any]:
        """The figures: standard deviations and radii in pixels, shares of the whole gradient."""
        return {
            "name": self.name,
            "layer": self.layer,
            "unit": list(self.unit),
            **({"image": self.image} if self.image else {}),
            "images": self.images,
            "receptive_field": agreed(self.receptive_field),
            "measured": mass_json(self.measured),
            "predicted": self.predicted and mass_json(self.predicted),
            "map": self.gradient.tolist(),
        }

    @property
    def grid(self) -> Grid:
        """What was measured beside what path counts predict."""
        columns = (Column("pixels", left=True), Column("measured"), Column("predicted"))
        measured, predicted = cells(self.measured), cells(self.predicted)
        names = (*(f"standard deviation, axis {i}" for i in range(len(self.unit))), *map(radius_name, SHARES))
        rows = [(name, measured[i], predicted[i] if predicted else text(None)) for i, name in enumerate(names)]
        unit = ", ".join(map(str, self.unit))
        images = f"{self.images} images{f' of {self.image}' if self.image else ''}"
        caption = [f"{self.name}, {self.layer}, unit ({unit}): mean absolute gradient over {images}"]
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
    images: Tensor | OwnImages | None = None,
    count: int = 8,
    seed: int = 0,
    weights: str | PathLike[str] | Mapping[str, Any] | None = None,
    arch: Arch | None = None,
    unit: Sequence[int] | None = None,
    input: Any = None,
    name: str = "",
) -> EffectiveField:
    """The effective field of a unit of a layer, by default of the centre unit of the last layer in front of global
    pooling.

    `net` is a spec, which is built with the weights that `seed` gives or with those of a state dict (itself, its file,
    or the folder of a run); or a module, of which every row of its table can be asked for by its name, with `images` or
    its analysis `arch`. `images` has the shape (count, channels, sizes…); without them, `count` images of normal noise
    are drawn from `seed`. The module and torch's random state are left as they were. Raises RfcalcError for an unknown
    layer, wrong weights, or when no gradient reaches the image.

    >>> import rfcalc
    >>> found = effective_field(rfcalc.load("s9"), "C2", count=2)
    >>> found.receptive_field, [round(std, 2) for std in found.predicted.std]
    ((5, 5), [1.15, 1.15])
    """
    model: nn.Module = build(net, seed) if isinstance(net, Arch) else net
    need_values(model)
    if weights is not None:
        model = loaded(model, weights)
    model = unwrapped(model)
    stated = net if isinstance(net, Arch) else arch
    recorded = record(model, input_of(net, images, arch, input), name or (stated.name if stated else ""))
    if len(recorded.arch.input) == 1:
        raise RfcalcError(f"{recorded.arch.name} takes a vector: it has no places, and no field on it")
    x = images_for(recorded, images, count, seed)
    table = net if isinstance(net, Arch) else recorded.arch
    row = asked_row(recorded, table, layer)
    at = unit_in(row, unit)
    seen = seen_as(recorded, table, row)
    mass = gradients_of(model, recorded, seen, at, x, IMAGES_AT_ONCE).abs().sum(1).mean(0).to(torch.float64).cpu()
    if not mass.sum() > 0 or not torch.isfinite(mass).all():
        raise RfcalcError(f"{row.name}: its centre unit's gradient by the image is zero or not finite")
    mass = mass / mass.sum()
    measured = spread_of(mass)
    inside_field(recorded, seen, at, mass, measured)
    place = () if row.out.flat else at
    paths_too, of = predicted_mass(table, row, at), recorded.arch.of
    return EffectiveField(table.name, row.name, place, len(x), measured, mass, paths_too, fields_of(row.out), of)


def field_of(
    target: str | PathLike[str] | Arch | nn.Module,
    layer: str | None = None,
    input: Any = None,
    *,
    images: Tensor | OwnImages | None = None,
    count: int = 8,
    seed: int = 0,
    weights: str | PathLike[str] | Mapping[str, Any] | None = None,
    unit: Sequence[int] | None = None,
) -> EffectiveField:
    """The effective field of a layer of whatever a target stands for: a spec, a torch model with its own weights, or
    the folder of a run with those that were trained. `seed` also fixes those that a model's class draws for itself."""
    zoo.refuse_onnx(target, "a measured field")
    if zoo.is_exported(target):
        target, input = zoo.exported(fspath(target), input)  # type: ignore[arg-type]
    model = model_of(target, seed)
    if weights is None and zoo.is_run(target):
        weights = fspath(target)  # type: ignore[arg-type]
    given: dict[str, Any] = {"images": images, "count": count, "seed": seed, "weights": weights, "unit": unit}
    if model is None:
        return effective_field(zoo.load(target, input), layer, **given)
    name = "" if isinstance(target, Arch | nn.Module) else fspath(target)
    if not isinstance(images, Tensor):
        input = zoo.needed(name or type(model).__name__, input)
    return effective_field(model, layer, **given, input=input, name=name.rpartition(":")[2])


def input_of(net: Arch | nn.Module, images: Tensor | OwnImages | None, arch: Arch | None, input: Any) -> Any:
    """What a network is given: what is said, or what images or an analysis tell; raises RfcalcError for nothing."""
    if isinstance(net, Arch):
        return net.input
    if input is not None:
        return input
    if arch is not None:
        return arch.input
    if not isinstance(images, Tensor):
        raise RfcalcError("a module needs images, or an arch that tells the shape of its input")
    return tuple(images.shape[1:])


def model_of(target: str | PathLike[str] | Arch | nn.Module, seed: int) -> nn.Module | None:
    """The module that a target stands for, its initial weights drawn from the seed; None for a spec."""
    if isinstance(target, nn.Module):
        return target
    if isinstance(target, Arch) or not zoo.is_torch_model(fspath(target)):
        return None
    with same_process() as chance:
        chance.seeded(seed)
        return load_module(fspath(target))


def asked_row(recorded: Recorded, table: Arch, layer: str | None) -> Row:
    """The row of that name or, of a block, its last one; by default the last in front of global pooling, of a module
    the last of them that can be seen in its run and has more than one unit. Raises RfcalcError."""
    if layer is None and table is recorded.arch:
        return default_row(recorded)
    if layer is None:
        source = table.global_row.node.inputs[0] if table.global_row else len(table.rows)
        return table.rows[max(source, 1) - 1]
    rows = table.rows
    found = [row for row in rows if row.name == layer] or [r for r in rows if r.name.startswith(f"{layer}.")]
    if not found:
        raise RfcalcError(unknown_name(layer, [row.name for row in rows], f"{table.name} has no layer"))
    return found[-1]


def seen_as(recorded: Recorded, table: Arch, row: Row) -> Row:
    """The row of a spec among those of the network that it builds, where what does nothing (identity, a second flatten)
    is no call: then the row in front of it."""
    if table is recorded.arch:
        return row
    by_name = {found.name: found for found in recorded.arch.rows}
    while row.name not in by_name and row.node.inputs[0] and not row.layer.joins:
        row = table.rows[row.node.inputs[0] - 1]
    if row.name not in by_name:
        raise RfcalcError(f"{row.name}: it is nothing but the image, whose gradient is the image's own")
    return by_name[row.name]


class Impossible(RfcalcError):
    """A measurement that contradicts the table: a fault of rfcalc's."""


STRAY = 1e-6
"""The share of a gradient that may lie outside a field: interpolations round weights of 0 to 1e-8 in float32."""


def inside_field(recorded: Recorded, row: Row, unit: Sequence[int], mass: Tensor, measured: Mass) -> None:
    """Raises Impossible for a gradient that reaches beyond the field of its unit. A norm over places in front of a row
    does that rightly, for its statistics mix all places, and so is passed over."""
    arch = recorded.arch
    if any(not axis.strands for axis in row.out.axes) or behind_norm(recorded, row):
        return
    seen = reach(arch, [range(size) for size in arch.sizes])[row.index]
    if seen is None:
        return
    inside = torch.ones((), dtype=torch.bool)
    for axis, size in enumerate(arch.sizes):
        mask = seen.along(axis)[unit[axis]]
        inside = inside.unsqueeze(-1) & torch.tensor([bool(mask >> i & 1) for i in range(size)])
    outside = float(mass[~inside].sum())
    if outside > STRAY:
        stated = text(agreed(fields_of(row.out)))
        spread = ", ".join(f"{std:.2f}" for std in measured.std)
        raise Impossible(
            f"internal error: {row.name}: {outside:.1%} of the gradient of unit {tuple(unit)} lies outside its field "
            f"of {stated}, with a spread of {spread}: please report it"
        )


def behind_norm(recorded: Recorded, row: Row) -> bool:
    """Whether statistics over places flow into a row."""
    wanted = {row.index}
    for other in reversed(recorded.arch.rows[: row.index]):
        if other.index in wanted:
            call = recorded.observed.get(other.index, len(recorded.calls))
            if call < len(recorded.calls) and recorded.calls[call].holds:
                return True
            wanted |= set(other.node.inputs)
    return False


def predicted_mass(arch: Arch, row: Row, unit: Sequence[int]) -> Mass | None:
    """The spread of a unit's path counts under uniform weights; axes are taken as independent, which they are but
    where branches join. None for a layer whose reads are not known."""
    if any(not axis.strands or axis.doubt for axis in row.out.axes):
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


def need_values(model: nn.Module) -> None:
    """Raises RfcalcError for what cannot compute: no module, or one whose weights have shapes only."""
    if not isinstance(model, nn.Module):
        raise RfcalcError(f"a field is measured on a network or a torch module, not on {type(model).__name__}")
    if empty := [name for name, tensor in model.state_dict().items() if isinstance(tensor, Tensor) and tensor.is_meta]:
        raise RfcalcError(f"{type(model).__name__}: {empty[0]} has a shape only (torch's meta device): give it values")


def images_for(recorded: Recorded, images: Tensor | OwnImages | None, count: int, seed: int) -> Tensor:
    """The given images, a user's own ones, or noise; raises RfcalcError for images that do not fit."""
    arch = recorded.arch
    if not recorded.inputs.samples[recorded.inputs.first].dtype.is_floating_point:
        raise RfcalcError(f"{arch.name} takes whole numbers, by which there is no gradient")
    if isinstance(images, OwnImages):
        images = read_images(images.paths, arch.input, images.mean, images.std)
    if images is None:
        if count < 1:
            raise RfcalcError(f"needs at least one image, not {count}")
        return torch.randn(count, *arch.input, generator=torch.Generator().manual_seed(seed))
    if tuple(images.shape[1:]) != arch.input:
        given, wanted = shape_text(images.shape[1:]), shape_text(arch.input)
        raise RfcalcError(f"the images are {given}, {arch.name} takes {wanted}")
    if not len(images):
        raise RfcalcError("needs at least one image, not 0")
    return images
