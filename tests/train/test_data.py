"""Images: every format in small, every way in which it can be wrong, and downloads from a server of our own."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import rfcalc
from rfcalc.train.data import sets as data_module
from rfcalc.train.data.download import Remote, fetch, unpack
from rfcalc.train.data.formats import Read, Split, read_cifar10, read_cifar100, read_folders, read_idx, read_mnist
from rfcalc.train.data.sets import PUBLISHED, fingerprint, load_data, recognised
from rfcalc.train.recipe.errors import DataError

# --- CIFAR's pickles, opcode for opcode as Python 2 wrote them ------------------------------------------------------


def old_text(value: bytes) -> bytes:
    return b"T" + struct.pack("<i", len(value)) + value


def old_list(items: list[bytes]) -> bytes:
    return b"](" + b"".join(items) + b"e"


def old_array(values: np.ndarray[Any, Any], name: bytes = b"numpy.core.multiarray\n_reconstruct\n") -> bytes:
    kind = b"cnumpy\ndtype\n" + old_text(b"u1") + b"K\x00K\x01\x87R(K\x03" + old_text(b"|") + b"NNN"
    kind += b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    sizes = b"".join(b"J" + struct.pack("<i", n) for n in values.shape) + b"\x86"
    begin = b"c" + name + b"cnumpy\nndarray\nK\x00\x85" + old_text(b"b") + b"\x87R"
    return begin + b"(K\x01" + sizes + kind + b"\x89" + old_text(values.tobytes()) + b"tb"


def old_dict(items: dict[bytes, bytes]) -> bytes:
    return b"\x80\x02}(" + b"".join(old_text(key) + value for key, value in items.items()) + b"u."


def old_batch(count: int, seed: int, key: bytes = b"labels", classes: int = 10) -> bytes:
    random = np.random.default_rng(seed)
    data = random.integers(0, 256, (count, 3072), dtype=np.uint8)
    labels = [b"K" + bytes([int(y)]) for y in random.integers(0, classes, count)]
    return old_dict({b"data": old_array(data), key: old_list(labels)})


COUNT = 6


@pytest.fixture
def cifar(tmp_path: Path) -> Path:
    """A folder like cifar-10-batches-py, with COUNT images in each batch."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for i, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        (folder / name).write_bytes(old_batch(COUNT, i))
    names = old_list([old_text(b"class %d" % i) for i in range(10)])
    (folder / "batches.meta").write_bytes(old_dict({b"label_names": names}))
    return folder


def test_cifar10_is_read_as_published(cifar: Path) -> None:
    found = read_cifar10(cifar, COUNT)
    assert found.train.images.shape == (5 * COUNT, 32, 32, 3)
    assert found.test.images.shape == (COUNT, 32, 32, 3)
    first = np.random.default_rng(0).integers(0, 256, (COUNT, 3072), dtype=np.uint8)
    assert (found.train.images[0, 2, 5] == first[0].reshape(3, 32, 32)[:, 2, 5]).all()  # channel by channel
    assert found.classes[3] == "class 3"


def test_cifar100_takes_the_fine_labels(tmp_path: Path) -> None:
    for name, count in (("train", 5 * COUNT), ("test", COUNT)):
        (tmp_path / name).write_bytes(old_batch(count, 1, b"fine_labels", 100))
    names = old_list([old_text(b"n%d" % i) for i in range(100)])
    (tmp_path / "meta").write_bytes(old_dict({b"fine_label_names": names}))
    found = read_cifar100(tmp_path, COUNT)
    assert len(found.classes) == 100
    assert found.train.labels.max() > 10


def wrong_global() -> bytes:
    """A pickle that would run a command where anything is admitted."""
    return b"\x80\x02cos\nsystem\n" + old_text(b"echo run > /tmp/never") + b"\x85R."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda whole: whole[:1000], "not a whole CIFAR file: "),
        (lambda whole: b"", "not a whole CIFAR file: Ran out of input"),
        (lambda whole: wrong_global(), "it asks for os.system, which no CIFAR file does"),
        (lambda whole: pickle.dumps({"data": np.zeros(3)}, 2), "which no CIFAR file does"),
        (lambda whole: pickle.dumps([1], 2), "holds a list, not the dict of a CIFAR file"),
        (lambda whole: old_batch(COUNT - 1, 0), "5 images instead of 6"),
        (lambda whole: old_batch(COUNT, 0, classes=200), "is not from 0 to 9"),
        (lambda whole: old_batch(COUNT, 0, b"fine_labels"), "labels must be a list of integers"),
        (lambda whole: old_dict({b"labels": b"]"}), "data must be rows of 3,072 bytes, not NoneType"),
        (
            lambda whole: old_dict({b"data": old_array(np.zeros((6, 3), np.uint8)), b"labels": b"]"}),
            "data must be rows of 3,072 bytes, not (6, 3)",
        ),
    ],
)
def test_a_wrong_cifar_file_is_one_clear_message(cifar: Path, content: Callable[[bytes], bytes], message: str) -> None:
    path = cifar / "data_batch_1"
    path.write_bytes(content(path.read_bytes()))
    with pytest.raises(DataError) as caught:
        read_cifar10(cifar, COUNT)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(cifar: Path) -> None:
    (cifar / "data_batch_3").unlink()
    with pytest.raises(DataError, match="data_batch_3: No such file"):
        read_cifar10(cifar, COUNT)


# --- the fingerprint -------------------------------------------------------------------------------------------------


def shuffled(read: Read, seed: int) -> Read:
    def turned(split: Split) -> Split:
        order = np.random.default_rng(seed).permutation(len(split.labels))
        return Split(split.images[order], split.labels[order])

    return Read(turned(read.train), turned(read.test), read.classes)


def test_the_fingerprint_knows_images_in_any_order(cifar: Path) -> None:
    read = read_cifar10(cifar, COUNT)
    assert fingerprint(shuffled(read, 1)) == fingerprint(shuffled(read, 2)) == fingerprint(read)


def test_the_fingerprint_sees_every_change(cifar: Path) -> None:
    read = read_cifar10(cifar, COUNT)
    pixel, label = read.train.images.copy(), read.test.labels.copy()
    pixel[3, 4, 5, 1] ^= 1
    label[0] = (label[0] + 1) % 10
    changed = [
        read._replace(train=Split(pixel, read.train.labels)),
        read._replace(test=Split(read.test.images, label)),
        read._replace(train=read.test, test=read.train),
    ]
    assert len({fingerprint(each) for each in [read, *changed]}) == 4


def test_the_published_fingerprint_is_compared(cifar: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = read_cifar10(cifar, COUNT)
    assert data_module.finished("CIFAR-10", "cifar10", read).published is False
    monkeypatch.setitem(PUBLISHED, "cifar10", fingerprint(read))
    assert data_module.finished("CIFAR-10", "cifar10", shuffled(read, 1)).published is True
    assert data_module.finished("MNIST", "mnist", read).published is None


# --- IDX and folders -------------------------------------------------------------------------------------------------


def idx(values: np.ndarray[Any, Any]) -> bytes:
    sizes = b"".join(struct.pack(">i", n) for n in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.astype(np.uint8).tobytes()


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """Images as .gz, labels plain."""
    for prefix, count in (("train", 20), ("t10k", 5)):
        images = np.arange(count * 28 * 28).reshape(count, 28, 28) % 251
        (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
        (tmp_path / f"{prefix}-labels-idx1-ubyte").write_bytes(idx(np.arange(count) % 10))
    return tmp_path


def test_mnist_is_read(mnist: Path) -> None:
    found = read_mnist(mnist)
    assert found.train.images.shape == (20, 28, 28, 1)
    assert found.train.images[1, 0, 0, 0] == 28 * 28 % 251
    assert recognised(mnist) == ("mnist", mnist)
    assert load_data(rfcalc.load("mnist28"), mnist).describe().startswith("MNIST: 20 training images, 5 test")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file of bytes with 1 axes"),
        (bytes([0, 0, 13, 1]) + bytes(24), "it begins with 00 00 0d 01"),
        (idx(np.zeros(20))[:-3], "25 bytes, but its header says 28"),
        (idx(np.zeros(19)), "19 labels for 20 images"),
        (idx(np.full(20, 10)), "label 10 is not from 0 to 9"),
    ],
)
def test_a_wrong_idx_file_is_one_clear_message(mnist: Path, content: bytes, message: str) -> None:
    (mnist / "train-labels-idx1-ubyte").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_mnist(mnist)
    assert message in str(caught.value)


def test_a_cut_off_gzip_file(mnist: Path) -> None:
    path = mnist / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="not a whole gzip file"):
        read_idx(path, 3)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for part, count in (("train", 4), ("test", 2)):
        for label, name in enumerate(("blue", "red")):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(count):
                image = np.zeros((6, 8, 3), np.uint8)
                image[..., 2 * label] = 200 + i  # OpenCV writes BGR
                cv2.imwrite(str(tmp_path / part / name / f"{i}.png"), image)
    return tmp_path


def test_folders_are_read_in_rgb(folders: Path) -> None:
    found = read_folders(folders)
    assert found.classes == ("blue", "red")
    assert found.train.images.shape == (8, 6, 8, 3)
    assert found.train.images[0, 0, 0].tolist() == [0, 0, 200]
    assert found.train.images[-1, 0, 0].tolist() == [203, 0, 0]
    assert found.test.labels.tolist() == [0, 1, 0, 1]  # in turn: the first images are of every class
    assert recognised(folders) == ("folders", folders)


def test_a_set_of_more_than_256_classes_has_a_fingerprint() -> None:
    def read(label: int) -> Read:
        part = Split(np.zeros((1, 2, 2, 3), np.uint8), np.array([label]))
        return Read(part, part, tuple(map(str, range(300))))

    assert len({fingerprint(read(label)) for label in (0, 1, 255, 256, 299)}) == 5


def test_wrong_folders(folders: Path) -> None:
    cv2.imwrite(str(folders / "train" / "red" / "9.png"), np.zeros((6, 9, 3), np.uint8))
    with pytest.raises(DataError, match=r"9\.png: is 6 x 9 x 3 \(height x width x channels\), the first image 6 x 8"):
        read_folders(folders)
    (folders / "train" / "red" / "9.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="not an image of 8 bits per channel"):
        read_folders(folders)
    (folders / "test" / "green").mkdir()
    with pytest.raises(DataError, match="class green has no training folder"):
        read_folders(folders)


# --- the door --------------------------------------------------------------------------------------------------------


def test_synthetic_images_fit_any_spec() -> None:
    found = load_data(rfcalc.load("mnist28"), "synthetic", limit=50)
    assert (found.shape, len(found.train.labels), len(found.test.labels)) == ((1, 28, 28), 50, 10)
    again = load_data(rfcalc.load("mnist28"), "synthetic", limit=50)
    assert found.fingerprint == again.fingerprint
    assert sorted(set(found.train.labels)) == list(range(10))


def test_a_folder_of_several_sets(mnist: Path, cifar: Path) -> None:
    with pytest.raises(DataError, match=r"holds several sets \(cifar10, mnist\); name one's own folder"):
        load_data(rfcalc.load("s9"), mnist)


def test_what_does_not_fit_says_how(mnist: Path) -> None:
    with pytest.raises(DataError, match=r"s9 takes images of 3 x 32 x 32 \(channels, height, width\); "):
        load_data(rfcalc.load("s9"), mnist)
    small = rfcalc.loads("{name: three, input: [1, 28, 28], layers: [conv: {out_channels: 3, kernel_size: 28}]}")
    with pytest.raises(DataError, match="three gives 3 classes; MNIST has 10"):
        load_data(small, mnist)
    with pytest.raises(DataError, match="unet ends in a map of"):
        load_data(rfcalc.load("unet"), "synthetic")


def test_unknown_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no set called 'cifar11': did you mean cifar10"):
        load_data(rfcalc.load("s9"), "cifar11")
    with pytest.raises(DataError, match="holds no data known here"):
        load_data(rfcalc.load("s9"), tmp_path)


def test_validation_images_are_set_aside() -> None:
    whole = load_data(rfcalc.load("mnist28"), "synthetic", limit=60)
    parted = load_data(rfcalc.load("mnist28"), "synthetic", limit=60, val=20)
    assert parted.val is not None
    both = np.concatenate([parted.train.images, parted.val.images])
    assert len(parted.train.labels) == 40
    assert {p.tobytes() for p in both} == {p.tobytes() for p in whole.train.images}
    assert (parted.test.images == whole.test.images).all()
    with pytest.raises(DataError, match="--val 60: must leave some of the 60"):
        load_data(rfcalc.load("mnist28"), "synthetic", limit=60, val=60)


# --- downloads -------------------------------------------------------------------------------------------------------

BODY = bytes(range(256)) * 4096


class Server(BaseHTTPRequestHandler):
    """Serves BODY: /whole ignores ranges, /range honours them, /cut ends early, /wrong sends something else."""

    seen: list[str | None] = []  # noqa: RUF012 - one server for all tests

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.seen.append(wanted)
        if "missing" in self.path:
            self.send_error(404)
            return
        body, begin = BODY, 0
        if "range" in self.path and wanted:
            begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if begin >= len(body):
                self.send_error(416)
                return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(body) - begin))
        self.end_headers()
        body = body[::-1] if "wrong" in self.path else body[begin:]
        self.wfile.write(body[: len(body) // 3] if "cut" in self.path else body)

    def log_message(self, format: str, *args: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        Server.seen.clear()
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


MD5 = hashlib.md5(BODY, usedforsecurity=False).hexdigest()


def test_a_download_is_whole_shown_and_kept(server: str, tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    path = fetch(Remote(f"{server}/whole", MD5), tmp_path, lambda *about: told.append(about))
    assert path.read_bytes() == BODY
    assert told[-1] == ("whole", len(BODY), len(BODY))
    assert fetch(Remote(f"{server}/whole", MD5), tmp_path) == path
    assert len(Server.seen) == 1


@pytest.mark.parametrize("name", ["range", "whole"])
def test_a_broken_download_is_continued(server: str, tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.part").write_bytes(BODY[:1000])
    assert fetch(Remote(f"{server}/{name}", MD5), tmp_path).read_bytes() == BODY
    assert Server.seen == ["bytes=1000-"]
    assert not (tmp_path / f"{name}.part").exists()


def test_a_part_that_is_whole_already(server: str, tmp_path: Path) -> None:
    (tmp_path / "range.part").write_bytes(BODY)
    assert fetch(Remote(f"{server}/range", MD5), tmp_path).read_bytes() == BODY


def test_a_cut_off_download_keeps_what_came(server: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"bytes are kept and will be continued"):
        fetch(Remote(f"{server}/cut", MD5), tmp_path)
    assert (tmp_path / "cut.part").stat().st_size == len(BODY) // 3


def test_wrong_downloads(server: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"published is {MD5}; the download was thrown away"):
        fetch(Remote(f"{server}/wrong", MD5), tmp_path)
    with pytest.raises(DataError, match="missing: Not Found"):
        fetch(Remote(f"{server}/missing", MD5), tmp_path)
    with pytest.raises(DataError, match="refused"):
        fetch(Remote("http://127.0.0.1:9/x", MD5), tmp_path)
    assert list(tmp_path.iterdir()) == []


def archive(path: Path, group: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in group.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            tar.addfile(about, io.BytesIO(content))
    return path


def test_archives_are_unpacked_whole_or_not_at_all(tmp_path: Path) -> None:
    good = archive(tmp_path / "good.tar.gz", {"set/a": b"1", "set/b": b"2"})
    assert (unpack(good, tmp_path, "set") / "b").read_bytes() == b"2"
    evil = archive(tmp_path / "evil.tar.gz", {"other/a": b"1", "../outside": b"2"})
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack(evil, tmp_path, "other")
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(good.read_bytes()[:60])
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack(cut, tmp_path, "third")
    with pytest.raises(DataError, match="holds no folder fourth"):
        unpack(good, tmp_path, "fourth")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"good.tar.gz", "evil.tar.gz", "cut.tar.gz", "set"}
    assert not (tmp_path.parent / "outside").exists()


def test_a_published_set_is_downloaded_on_first_use(
    server: str, tmp_path: Path, cifar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole road, with an archive of our own in the place of the published one."""
    whole = archive(
        tmp_path / "cifar.tar.gz", {f"cifar-10-batches-py/{p.name}": p.read_bytes() for p in cifar.iterdir()}
    )
    monkeypatch.setitem(globals(), "BODY", whole.read_bytes())
    about = data_module.SETS["cifar10"]._replace(
        read=lambda folder: read_cifar10(folder, COUNT),
        files=(Remote(f"{server}/range.tar.gz", hashlib.md5(whole.read_bytes(), usedforsecurity=False).hexdigest()),),
    )
    monkeypatch.setitem(data_module.SETS, "cifar10", about)
    monkeypatch.setenv("RFCALC_DATA", "")
    monkeypatch.delenv("RFCALC_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = load_data(rfcalc.load("s9"), None)
    assert (found.name, len(found.train.labels), found.published) == ("CIFAR-10", 5 * COUNT, False)
    load_data(rfcalc.load("s9"), "cifar10")
    assert len(Server.seen) == 1
