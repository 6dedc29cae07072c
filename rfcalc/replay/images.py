"""A user's own images as the tensor that a network takes: read with Pillow, resized, normalized."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ..errors import RfcalcError, need

PIXEL_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
"""Pillow's name for images of so many channels."""
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")


def read_images(
    paths: Sequence[str], shape: Sequence[int], mean: Sequence[float] = (), std: Sequence[float] = ()
) -> Tensor:
    """Images (count, channels, height, width) from files and folders, in the order of their names: values from 0 to 1,
    resized to the shape (channels, height, width), then less `mean` and over `std`, where they are given, each one
    number or one per channel. Raises RfcalcError."""
    if len(shape) != 3 or shape[0] not in PIXEL_MODES:
        raise RfcalcError(f"--images: images have 1, 3 or 4 channels and two sizes, not the shape {list(shape)}")
    files = [file for path in paths for file in files_of(Path(path))]
    x = torch.stack([replayed_image(file, shape) for file in files])
    for name, values in (("mean", mean), ("std", std)):
        if values and len(values) not in (1, shape[0]):
            raise RfcalcError(f"--{name}: {len(values)} numbers for {shape[0]} channels")
    if any(not value > 0 for value in std):
        raise RfcalcError(f"--std: must be above 0, not {', '.join(map(str, std))}")
    x = x - torch.tensor(list(mean) or [0.0]).reshape(1, -1, 1, 1)
    return x / torch.tensor(list(std) or [1.0]).reshape(1, -1, 1, 1)


def files_of(path: Path) -> list[Path]:
    """A file, or the images of a folder; raises RfcalcError where there are none."""
    if not path.is_dir():
        if not path.is_file():
            raise RfcalcError(f"{path}: no such file or folder")
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_ENDINGS)
    if not found:
        raise RfcalcError(f"{path}: holds no images ({', '.join(IMAGE_ENDINGS)})")
    return found


def replayed_image(file: Path, shape: Sequence[int]) -> Tensor:
    """One image as (channels, height, width), from 0 to 1."""
    need("PIL", "images")
    from PIL import Image, UnidentifiedImageError

    channels, height, width = shape
    try:
        with Image.open(file) as opened:
            image = opened.convert(PIXEL_MODES[channels]).resize((width, height), Image.Resampling.BILINEAR)
    except (OSError, UnidentifiedImageError, ValueError) as error:
        raise RfcalcError(f"{file}: no image that can be read ({type(error).__name__})") from error
    values = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).reshape(height, width, channels)
    return values.permute(2, 0, 1).float() / 255
