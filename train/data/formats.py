"""Readers of published image sets: CIFAR's pickles, IDX files, and folders of class folders.

Each reads a folder into (images, labels, class names); images are uint8, N x height x width x channels. All raise
DataError, with the file and what is wrong with it, for anything but the promised files.
"""

from __future__ import annotations

import gzip
import pickle
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rfcalc.errors import need

from ..recipe.errors import DataError

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
MAX_FILE_BYTES = 2**28
"""No file of these sets is larger; reading stops there."""
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


class Split(NamedTuple):
    images: Images
    labels: Labels


class Read(NamedTuple):
    """What a folder holds: the two parts and the names of the classes."""

    train: Split
    test: Split
    classes: tuple[str, ...]


# --- CIFAR ---------------------------------------------------------------------------------------------------------


class _Unpickler(pickle.Unpickler):
    """Admits the three numpy names that CIFAR's files use. Unpickling anything else could run any code."""

    ADMITTED: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR file does")
        return self.ADMITTED[module, name]


def read_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    if len(content) > MAX_FILE_BYTES:
        raise DataError(f"{path}: is larger than {MAX_FILE_BYTES:,} bytes")
    return content


def unpickle(path: Path) -> dict[str, Any]:
    """A CIFAR file as a dict; its Python 2 strings become text."""
    import io

    try:
        found = _Unpickler(io.BytesIO(read_bytes(path)), encoding="latin1").load()
    except DataError:
        raise
    except Exception as error:  # a broken pickle can raise almost anything
        raise DataError(f"{path}: not a whole CIFAR file: {str(error) or type(error).__name__}") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: holds a {type(found).__name__}, not the dict of a CIFAR file")
    return found


def read_batch(path: Path, key: str, count: int, classes: int) -> Split:
    """One batch of CIFAR: `count` rows of 3072 bytes, channel by channel, and as many labels under `key`."""
    found = unpickle(path)
    data, labels = found.get("data"), found.get(key)
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072:
        shape = getattr(data, "shape", None)
        raise DataError(f"{path}: data must be rows of 3,072 bytes, not {shape or type(data).__name__}")
    if len(data) != count:
        raise DataError(f"{path}: {len(data):,} images instead of {count:,}")
    images = np.ascontiguousarray(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    return Split(images, labels_of(path, labels, count, classes))


def labels_of(path: Path, labels: Any, count: int, classes: int) -> Labels:
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise DataError(f"{path}: labels must be a list of integers")
    if len(labels) != count:
        raise DataError(f"{path}: {len(labels):,} labels for {count:,} images")
    return in_range(path, np.array(labels, dtype=np.int64), classes)


def in_range(path: Path, labels: Labels, classes: int) -> Labels:
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        worst = labels.max() if labels.max() >= classes else labels.min()
        raise DataError(f"{path}: label {worst} is not from 0 to {classes - 1}")
    return labels


def class_names(path: Path, key: str, count: int) -> tuple[str, ...]:
    found = unpickle(path).get(key)
    if not isinstance(found, list) or len(found) != count or not all(isinstance(name, str) for name in found):
        raise DataError(f"{path}: {key} must be a list of {count} names")
    return tuple(found)


def joined_splits(splits: Sequence[Split]) -> Split:
    return Split(np.concatenate([s.images for s in splits]), np.concatenate([s.labels for s in splits]))


def read_cifar10(folder: Path, count: int = 10_000) -> Read:
    """CIFAR-10 as published (python version): five training batches and a test batch, of `count` images each."""
    train = [read_batch(folder / f"data_batch_{i}", "labels", count, 10) for i in range(1, 6)]
    test = read_batch(folder / "test_batch", "labels", count, 10)
    return Read(joined_splits(train), test, class_names(folder / "batches.meta", "label_names", 10))


def read_cifar100(folder: Path, count: int = 10_000) -> Read:
    """CIFAR-100 as published (python version), by its 100 fine labels; training has 5 * count images."""
    train = read_batch(folder / "train", "fine_labels", 5 * count, 100)
    test = read_batch(folder / "test", "fine_labels", count, 100)
    return Read(train, test, class_names(folder / "meta", "fine_label_names", 100))


# --- IDX -----------------------------------------------------------------------------------------------------------


def idx_file(folder: Path, name: str) -> Path:
    plain, zipped = folder / name, folder / f"{name}.gz"
    return zipped if zipped.is_file() and not plain.is_file() else plain


def read_idx(path: Path, axes: int) -> Images:
    """An IDX file of bytes with that many axes: magic 0x0000 08 axes, a big-endian size for each, then the values."""
    content = read_bytes(path)
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path}: not a whole gzip file: {error}") from None
    head = 4 + 4 * axes
    if content[:4] != bytes([0, 0, 8, axes]) or len(content) < head:
        raise DataError(f"{path}: not an IDX file of bytes with {axes} axes: it begins with {content[:4].hex(' ')}")
    shape = tuple(int.from_bytes(content[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes))
    expected = head + int(np.prod([1, *shape], dtype=object))
    if len(content) != expected:
        raise DataError(f"{path}: {len(content):,} bytes, but its header says {expected:,}")
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape).copy()


def read_idx_pair(folder: Path, prefix: str, classes: int) -> Split:
    paths = [idx_file(folder, f"{prefix}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1")]
    images, numbers = read_idx(paths[0], 3), read_idx(paths[1], 1)
    if len(images) != len(numbers) or not len(images):
        raise DataError(f"{paths[1]}: {len(numbers):,} labels for {len(images):,} images")
    return Split(images[..., None], in_range(paths[1], numbers.astype(np.int64), classes))


def read_mnist(folder: Path, classes: Sequence[str] = tuple("0123456789")) -> Read:
    """MNIST, or any set in its four files, plain or as .gz."""
    train, test = (read_idx_pair(folder, prefix, len(classes)) for prefix in ("train", "t10k"))
    return of_one_size(folder, train, test, classes)


def of_one_size(folder: Path, train: Split, test: Split, classes: Sequence[str]) -> Read:
    """Both parts together; raises DataError where their images have different sizes."""
    if train.images.shape[1:] != test.images.shape[1:]:
        of_train, of_test = ("x".join(map(str, part.images.shape[1:3])) for part in (train, test))
        raise DataError(f"{folder}: training images are {of_train}, test images {of_test}")
    return Read(train, test, tuple(classes))


# --- folders -------------------------------------------------------------------------------------------------------


def read_folders(folder: Path) -> Read:
    """DIR/train/CLASS/*.png and DIR/test/CLASS/*.png (or .jpg, .bmp, .webp); all images of one size."""
    classes = [path.name for path in folders_in(folder / "train")]
    strangers = [path.name for path in folders_in(folder / "test") if path.name not in classes]
    if len(classes) < 2 or strangers:
        fact = f"class {strangers[0]} has no training folder" if strangers else "fewer than two class folders"
        raise DataError(f"{folder / ('test' if strangers else 'train')}: {fact}")
    train, test = (read_class_folders(folder / part, classes) for part in ("train", "test"))
    return of_one_size(folder, train, test, classes)


def folders_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def read_class_folders(folder: Path, classes: Sequence[str]) -> Split:
    """The classes take turns, so that the first images (--limit) are of all of them."""
    images: list[Images] = []
    labels: list[int] = []
    for _, label, path in sorted(
        (turn, label, path) for label, name in enumerate(classes) for turn, path in enumerate(images_in(folder / name))
    ):
        image = read_image(path)
        if images and image.shape != images[0].shape:
            found, first = (" x ".join(map(str, p.shape)) for p in (image, images[0]))
            raise DataError(f"{path}: is {found} (height x width x channels), the first image {first}")
        images.append(image)
        labels.append(label)
    if not images:
        raise DataError(f"{folder}: no images ({', '.join(SUFFIXES)}) in its class folders")
    return Split(np.stack(images), np.array(labels, dtype=np.int64))


def images_in(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob("*")) if path.suffix.lower() in SUFFIXES]


def read_image(path: Path) -> Images:
    """An image as height x width x channels: three in the order RGB, or one for a grey file."""
    need("cv2", "train")
    import cv2

    found = cv2.imdecode(np.frombuffer(read_bytes(path), np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.dtype != np.uint8:
        raise DataError(f"{path}: not an image of 8 bits per channel")
    if found.ndim == 2:
        return np.asarray(found, np.uint8)[..., None]
    return np.ascontiguousarray(np.asarray(found, np.uint8)[..., 2::-1])
