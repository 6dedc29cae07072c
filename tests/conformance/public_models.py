"""Public models as their authors wrote them (torchvision, timm, segmentation-models-pytorch, where installed), each
made on torch's meta device: parameters against the module's own, output shapes and MACs against its own forward."""

from __future__ import annotations

import importlib
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import rfcalc
from rfcalc.engine.arch import Arch
from rfcalc.errors import RfcalcError

from .lens import Lens, held_against
from .outcome import REFUSED, RIGHT, UNKNOWN, WRONG


class Model(NamedTuple):
    """A model: its library, its name, what makes it, and the shape of its image."""

    library: str
    name: str
    make: Callable[[], nn.Module]
    input: tuple[int, ...] | None = None
    lens: bool = False
    """Whether TorchLens is asked, which takes 20 to 100 times as long as the table."""


class Result(NamedTuple):
    """What rfcalc said of a model, beside what torch, torchinfo and TorchLens did."""

    model: Model
    verdict: str
    why: str = ""
    params: int = 0
    exact: float = 0.0
    """The share of rows whose field is exact."""
    seconds: float = 0.0
    macs: int | None = None
    torch_macs: int | None = None
    constant_macs: int = 0
    """Products of weights alone, which torch counts and no total of rfcalc does."""
    torchinfo_seconds: float | None = None
    torchinfo_params: int | None = None
    torchlens: dict[str, Any] | None = None
    """What TorchLens says (lens.py), where it was run."""


def installed(name: str) -> Any:
    """A library, or None. torchvision's wheels for other torch builds stop at registering operators for shapes alone,
    which no classifier needs: that module is left empty."""
    if name in ("torchvision", "timm", "segmentation_models_pytorch"):
        sys.modules.setdefault("torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations"))
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


# --- which models ------------------------------------------------------------------------------------------------


def models() -> Iterator[Model]:
    yield from torchvision_models()
    yield from timm_models()
    yield from segmentation_models()


def torchvision_models() -> Iterator[Model]:
    """Every classification and segmentation model; TorchLens is asked for the first, by name, of each file."""
    library = installed("torchvision")
    if library is None:
        return
    for folder in (library.models, library.models.segmentation):
        names = library.models.list_models(module=folder)
        files = {name: library.models.get_model_builder(name).__module__ for name in names}
        first = {files[name]: name for name in sorted(names, key=lambda name: (len(name), name), reverse=True)}
        for name in names:
            more: dict[str, Any] = {"weights_backbone": None} if folder is not library.models else {}
            more |= {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
            side = 299 if name == "inception_v3" else 224
            yield Model(
                "torchvision",
                name,
                lambda name=name, more=more: library.models.get_model(name, weights=None, **more),  # type: ignore[misc]
                (3, side, side),
                first[files[name]] == name,
            )


def timm_models() -> Iterator[Model]:
    """The first model, by name, of each file of timm's."""
    library = installed("timm")
    if library is None:
        return
    for family in library.list_modules():
        names = [name for name in library.list_models(module=family) if not name.startswith("test_")]
        for name in sorted(names, key=lambda name: (len(name), name))[:1]:
            yield Model("timm", name, lambda name=name: library.create_model(name))  # type: ignore[misc]


def segmentation_models() -> Iterator[Model]:
    """Every decoder on ResNet-18."""
    library = installed("segmentation_models_pytorch")
    if library is None:
        return
    for decoder in ("Unet", "UnetPlusPlus", "MAnet", "Linknet", "FPN", "PSPNet", "PAN", "DeepLabV3", "DeepLabV3Plus",
                    "UPerNet", "Segformer"):  # fmt: skip
        make = getattr(library, decoder, None)
        if make:
            yield Model(
                "segmentation-models-pytorch",
                decoder,
                lambda make=make: make("resnet18", encoder_weights=None),  # type: ignore[misc]
                (3, 256, 256),
            )


# --- one of them -------------------------------------------------------------------------------------------------


def result(model: Model, lens: Lens | None = None) -> Result:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            module = made(model)
        except (RuntimeError, TypeError, ValueError, OSError, ImportError, AttributeError) as error:
            return Result(model, UNKNOWN, f"it cannot be made here: {type(error).__name__}: {error}")
        shape = model.input or tuple(getattr(module, "default_cfg", {}).get("input_size") or (3, 224, 224))
        start = time.process_time()
        try:
            arch = rfcalc.trace(module, shape)
        except RfcalcError as error:
            return Result(model, REFUSED, str(error), seconds=time.process_time() - start)
        seconds = time.process_time() - start
        found = judged(model, module, shape, arch)._replace(seconds=seconds)
        if lens is not None and model.lens:
            found = found._replace(torchlens=held_against(lens.seen(model.name), module, arch))
        return found


def made(model: Model) -> nn.Module:
    try:
        with torch.device("meta"):
            return model.make().eval()
    except (RuntimeError, NotImplementedError, TypeError):  # it works with values while it is made
        return model.make().eval()


def judged(model: Model, module: nn.Module, shape: tuple[int, ...], arch: Arch) -> Result:
    params = sum(p.numel() for p in module.parameters())
    exact = sum(row.status in ("exact", "whole input") for row in arch.rows) / max(len(arch.rows), 1)
    base = Result(model, RIGHT, "", arch.params, exact, macs=arch.macs, constant_macs=arch.constant_macs)
    if model.library == "torchvision":
        base = base._replace(**torchinfo_of(module, shape))
    if arch.params + sum(arch.unused.values()) != params:
        return base._replace(verdict=WRONG, why=f"{arch.params:,} parameters, not {params:,}")
    try:
        returned, macs = forward(module, shape)
    except (RuntimeError, NotImplementedError, TypeError, ValueError, AssertionError) as error:
        return base._replace(verdict=UNKNOWN, why=f"its own forward fails here: {str(error).splitlines()[0]}")
    base = base._replace(torch_macs=macs)
    stated = arch.outputs[0].shape
    if tuple(stated) != returned:
        return base._replace(verdict=WRONG, why=f"{stated} comes out, not {returned}")
    if arch.macs is None:
        return base._replace(verdict=UNKNOWN, why=f"MACs unknown of {', '.join(arch.uncounted[:3])}")
    return base


def forward(module: nn.Module, shape: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """The shape of the first tensor that a module returns for one image, and torch's count of multiply-adds."""
    meta = all(p.is_meta for p in module.parameters())
    counter = FlopCounterMode(display=False)
    with counter:  # with gradients: its record of modules hangs on them
        out = module(torch.empty(1, *shape, device="meta" if meta else "cpu"))
    first = next(tensors(out))
    return tuple(first.shape[1:]), counter.get_total_flops() // 2


def tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors(part)


def torchinfo_of(module: nn.Module, shape: tuple[int, ...]) -> dict[str, Any]:
    """What torchinfo takes and says, on the same device. Of torchvision's models alone: it takes up to 40 times as long
    as the table."""
    torchinfo = installed("torchinfo")
    if torchinfo is None:
        return {}
    device = "meta" if all(p.is_meta for p in module.parameters()) else "cpu"
    start = time.process_time()
    try:
        found = torchinfo.summary(module, (1, *shape), device=device, verbose=0)
    except (RuntimeError, TypeError, ValueError, AssertionError):  # it wraps every error in one of its own
        return {}
    return {"torchinfo_seconds": time.process_time() - start, "torchinfo_params": found.total_params}
