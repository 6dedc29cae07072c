"""The one door to images: a folder, a published set by name, or synthetic ones, as one Data value that fits a spec.

The fingerprint does not depend on the order of the images, so a copy that is sorted differently is recognised.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rfcalc.engine.arch import Arch
from rfcalc.errors import unknown_name

from ..recipe.errors import DataError
from .download import Progress, Remote, fetch, unpack
from .formats import Images, Labels, Read, Split, read_cifar10, read_cifar100, read_folders, read_mnist
from .synthetic import SYNTHETIC_CLASSES, read_synthetic

PUBLISHED = {"cifar10": "8798454e487d1234b9e86ab26312487fe023128dfac22d50dcbeca8c0c4f07d9"}
"""Fingerprints of published sets, by `fingerprint` below: SHA-256 over the sorted SHA-256s of the training images,
then of the test images, each of the label's byte (its bytes from 256 on) and the image's bytes, row by row, RGB."""

FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
SYNTHETIC_TRAIN, SYNTHETIC_TEST = 10_000, 2_000


class Published(NamedTuple):
    """A set that can be named: where it is downloaded from, the folder it lies in, and its reader."""

    title: str
    folder: str
    read: Callable[[Path], Read]
    files: tuple[Remote, ...]


def idx_files(base: str, *sums: str) -> tuple[Remote, ...]:
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return tuple(Remote(f"{base}{name}-ubyte.gz", md5) for name, md5 in zip(names, sums, strict=True))


TORONTO = "https://www.cs.toronto.edu/~kriz/"
SETS = {
    "cifar10": Published(
        "CIFAR-10", "cifar-10-batches-py", read_cifar10,
        (Remote(f"{TORONTO}cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a"),),
    ),
    "cifar100": Published(
        "CIFAR-100", "cifar-100-python", read_cifar100,
        (Remote(f"{TORONTO}cifar-100-python.tar.gz", "eb9058c3a382ffc7106e4002c42a8d85"),),
    ),
    "mnist": Published(
        "MNIST", "mnist", read_mnist,
        idx_files(
            "https://ossci-datasets.s3.amazonaws.com/mnist/", "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432", "9fb629c4189551a2d022fa330f9573f3", "ec29112dd5afa0611ce80d1b7f02629c",
        ),
    ),
    "fashion_mnist": Published(
        "Fashion-MNIST", "fashion_mnist", lambda folder: read_mnist(folder, FASHION),
        idx_files(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/", "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe", "bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Data:
    """Images with labels in two or three parts; images are uint8, N x height x width x channels."""

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    fingerprint: str
    published: bool | None
    """Whether it is the published set; None where there is no fingerprint to compare with."""
    val: Split | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, height, width."""
        height, width, channels = self.train.images.shape[1:]
        return (channels, height, width)

    def describe(self) -> str:
        parts = f"{len(self.train.labels):,} training images"
        parts += f", {len(self.val.labels):,} for validation" if self.val else ""
        return f"{self.name}: {parts}, {len(self.test.labels):,} test images, {len(self.classes)} classes"


def load_data(
    arch: Arch, data: str | os.PathLike[str] | None, limit: int | None = None, val: int = 0,
    progress: Progress | None = None,
) -> Data:  # fmt: skip
    """The data of a run: `data` is a folder, a set's name (downloaded on first use) or `synthetic`; None means the
    folder in RFCALC_DATA, else CIFAR-10. `limit` keeps that many training images, and a fifth as many for testing;
    `val` sets that many of the training images aside.

    Raises DataError where the files are not what they should be, or the spec does not fit them.
    """
    if limit is not None and limit < 1:
        raise DataError(f"--limit {limit}: must be at least 1")
    found = read_data(arch, data if data is not None else os.environ.get("RFCALC_DATA") or "cifar10", limit, progress)
    fits(arch, found)
    if limit is not None:
        found = replace(found, train=first(found.train, limit), test=first(found.test, max(limit // 5, 1)))
    if not val:
        return found
    if not 0 < val < len(found.train.labels):
        raise DataError(f"--val {val:,}: must leave some of the {len(found.train.labels):,} training images")
    order = np.random.default_rng(0).permutation(len(found.train.labels))
    return replace(found, val=taken(found.train, order[:val]), train=taken(found.train, np.sort(order[val:])))


def read_data(arch: Arch, data: str | os.PathLike[str], limit: int | None, progress: Progress | None = None) -> Data:
    text = os.fspath(data)
    if text == "synthetic":
        return synthetic(arch, limit)
    if text in SETS and not Path(text).is_dir():
        kept = Path(os.environ["RFCALC_DATA"]) if "RFCALC_DATA" in os.environ else cache_folder()
        return published_set(text, kept, progress)
    folder = Path(text)
    if not folder.is_dir():
        if folder.exists() or os.sep in text:
            raise DataError(f"{text}: {'not a' if folder.exists() else 'no such'} folder")
        raise DataError(unknown_name(text, ["synthetic", *SETS], "no such folder, and no set called"))
    kind, place = recognised(folder)
    if kind == "folders":
        return finished(folder.resolve().name, kind, read_folders(place))
    return finished(SETS[kind].title, kind, SETS[kind].read(place))


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rfcalc"


def published_set(name: str, folder: Path, progress: Progress | None) -> Data:
    """A published set from the folder where it was kept, or downloaded into it."""
    about = SETS[name]
    place = folder / about.folder
    if not place.is_dir() or about.files[0].name.endswith("ubyte.gz"):
        for remote in about.files:
            if remote.name.endswith(".tar.gz"):
                unpack(fetch(remote, folder, progress), folder, about.folder)
            elif not idx_present(place, remote):
                fetch(remote, place, progress)
    return finished(about.title, name, about.read(place))


def idx_present(place: Path, remote: Remote) -> bool:
    return (place / remote.name).is_file() or (place / remote.name.removesuffix(".gz")).is_file()


def recognised(folder: Path) -> tuple[str, Path]:
    """Which set a folder holds, itself or in the folder that the set is published in."""
    found = [(kind, place) for kind in ("cifar10", "cifar100") for place in (folder, folder / SETS[kind].folder)
             if is_cifar(place, kind)]  # fmt: skip
    for kind in ("mnist", "fashion_mnist"):
        found += [(kind, p) for p in (folder / SETS[kind].folder,) if is_idx(p)]
    if is_idx(folder):
        found.append(("fashion_mnist" if "fashion" in folder.resolve().as_posix().lower() else "mnist", folder))
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        found.append(("folders", folder))
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(f"{folder}: holds several sets ({', '.join(kind for kind, _ in found)}); name one's own folder")
    raise DataError(
        f"{folder}: holds no data known here: cifar-10-batches-py or cifar-100-python as published, MNIST's IDX files, "
        "or train and test with a folder for each class"
    )


def is_cifar(place: Path, kind: str) -> bool:
    """Any of its files is enough: what is missing is then named by the reader."""
    if kind == "cifar10":
        return any((place / name).is_file() for name in ("test_batch", "batches.meta"))
    return (place / "meta").is_file() and (place / "train").is_file()


def is_idx(place: Path) -> bool:
    return any((place / f"train-images-idx3-ubyte{end}").is_file() for end in ("", ".gz"))


def synthetic(arch: Arch, limit: int | None) -> Data:
    if len(arch.input) != 3:
        raise DataError(f"{arch.name} takes {len(arch.input) - 1} spatial axes; images have two")
    classes = outputs(arch)
    if not 2 <= classes <= len(SYNTHETIC_CLASSES):
        raise DataError(f"{arch.name} gives {classes} classes; the synthetic images have 2 to {len(SYNTHETIC_CLASSES)}")
    train = SYNTHETIC_TRAIN if limit is None else min(limit, SYNTHETIC_TRAIN)
    read = read_synthetic(arch.input, classes, train, max(min(train // 5, SYNTHETIC_TEST), 1))
    return finished("synthetic", "synthetic", read)


def finished(title: str, kind: str, read: Read) -> Data:
    mark = fingerprint(read)
    return Data(title, *read, mark, mark == PUBLISHED[kind] if kind in PUBLISHED else None)


def outputs(arch: Arch) -> int:
    """How many values the network gives for each image; raises DataError unless it is one for each class."""
    out = arch.out
    if not out.flat and any(size != 1 for size in out.sizes):
        raise DataError(f"{arch.name} ends in a map of {out}, not in one value for each class; pool it first")
    return out.channels


def fits(arch: Arch, data: Data) -> None:
    """Raises DataError where the spec's input or classes differ from the data's."""
    wanted, there = (" x ".join(map(str, shape)) for shape in (arch.input, data.shape))
    if arch.input != data.shape:
        raise DataError(f"{arch.name} takes images of {wanted} (channels, height, width); {data.name} has {there}")
    if outputs(arch) != len(data.classes):
        raise DataError(f"{arch.name} gives {outputs(arch)} classes; {data.name} has {len(data.classes)}")


def first(split: Split, count: int) -> Split:
    return Split(split.images[:count], split.labels[:count])


def taken(split: Split, indexes: Labels) -> Split:
    return Split(split.images[indexes], split.labels[indexes])


def fingerprint(read: Read) -> str:
    """The same for the same labelled images in the same parts, whatever their order; see PUBLISHED."""
    whole = hashlib.sha256()
    for part in (read.train, read.test):
        for digest in sorted(image_hashes(part.images, part.labels)):
            whole.update(digest)
        whole.update(b"end of part")
    return whole.hexdigest()


def image_hashes(images: Images, labels: Labels) -> list[bytes]:
    flat = np.ascontiguousarray(images).reshape(len(images), -1)
    return [hashlib.sha256(label_bytes(int(label)) + row.tobytes()).digest()
            for label, row in zip(labels, flat, strict=True)]  # fmt: skip


def label_bytes(label: int) -> bytes:
    return label.to_bytes(max((label.bit_length() + 7) // 8, 1), "little")
