"""The readers under test, the files that they begin with, and how a file is spoilt."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import rfcalc
from rfcalc.errors import RfcalcError

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SECONDS = 20.0
"""Processor time that one file of at most BYTES may take; docs/security.md promises it."""
MEGABYTES = 1_000
"""What the process may hold at its peak after any file, torch included."""
BYTES = 40_000
"""Files are cut to this length: a fault shows in small ones."""
WORDS = (
    b"0", b"-1", b"99999999999999999999", b"1e308", b"nan", b"null", b"[]", b"{}", b"&a", b"*a", b"<<: *a", b"$x",
    b"\x00", b"\xff", b"\n", b"\t", b"|", b"---\n", b"```\n", b"((((((((",
    b"- conv: {out_channels: 8, kernel_size: 3}\n",
    b"- repeat: {times: 1000000, layers: [relu]}\n", b"<td>", b"<br>", b"Conv2d-1", b"[-1, 64, 8, 8]",
    b"\xe2\x80\xa8",
)  # fmt: skip
"""What is put in: numbers at the edges, the marks of YAML, Markdown and HTML, and pieces of specs and prints."""


def read_spec(data: bytes) -> None:
    rfcalc.loads(data.decode("utf-8", "replace"), "fuzzed.yaml").table()


def read_document(data: bytes) -> None:
    from rfcalc.readme.read.text import decode

    text = decode(data)
    rfcalc.audit(text)
    with suppress(RfcalcError):
        rfcalc.infer(text)


def read_checkpoint(data: bytes) -> None:
    import tempfile

    from rfcalc.replay.weights import read_state

    with tempfile.NamedTemporaryFile(suffix=".pt") as file:
        file.write(data)
        file.flush()
        read_state(file.name)


def read_onnx(data: bytes) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(data)
        file.flush()
        rfcalc.load(file.name).table()


def specs() -> Iterator[bytes]:
    for path in sorted([*(ROOT / "archs").glob("*.yaml"), *(ROOT / "archs" / "families").glob("*.yaml")]):
        yield path.read_bytes()


def documents() -> Iterator[bytes]:
    for path in sorted(ROOT.glob("tests/cases/readme/*")):
        yield path.read_bytes()
    for form in ("markdown", "torchsummary", "html", "csv"):
        yield rfcalc.load("s9").table().to_text(form).encode()


def checkpoints() -> Iterator[bytes]:
    import io

    import torch

    for weights in ({"a": torch.ones(3, 2)}, dict(rfcalc.build(rfcalc.load("mnist28")).state_dict())):
        file = io.BytesIO()
        torch.save(weights, file)
        yield file.getvalue()


def onnx_models() -> Iterator[bytes]:
    """A chain with a branch, sizes worked out from shapes, and a resize."""
    import numpy as np

    from tests.interchange.build import model, node

    weight = np.ones((4, 3, 3, 3), np.float32)
    yield model(
        [
            node("Conv", "x w", "a", pads=[1, 1, 1, 1], strides=[2, 2]), node("Relu", "a", "b"),
            node("MaxPool", "b", "c", kernel_shape=[3, 3], pads=[1, 1, 1, 1]), node("Add", "b c", "d"),
            node("GlobalAveragePool", "d", "e"), node("Flatten", "e", "y"),
        ],
        (1, 3, 16, 16), {"w": weight},
    ).SerializeToString()  # fmt: skip
    yield model(
        [
            node("Shape", "x", "s"), node("Slice", "s from to", "n"), node("Concat", "n rest", "t", axis=0),
            node("Reshape", "x t", "r"), node("Resize", "x - scales", "y", mode="linear"),
        ],
        (1, 3, 8, 8),
        {"from": np.array([0]), "to": np.array([2]), "rest": np.array([-1]), "scales": np.array([1, 1, 2, 2], "f")},
    ).SerializeToString()  # fmt: skip


READERS: dict[str, tuple[Callable[[bytes], None], Callable[[], Iterator[bytes]]]] = {
    "spec": (read_spec, specs),
    "document": (read_document, documents),
    "checkpoint": (read_checkpoint, checkpoints),
    "onnx": (read_onnx, onnx_models),
}


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """The file with one to eight edits: bytes cut, doubled, moved, changed, or words put in."""
    found = bytearray(data[:BYTES])
    for _ in range(chance.randint(1, 8)):
        start = chance.randrange(len(found) + 1)
        end = min(len(found), start + chance.choice((1, 1, 4, 20, 200)))
        piece = bytes(found[start:end])
        match chance.randrange(5):
            case 0:
                del found[start:end]
            case 1:
                found[start:start] = piece * chance.choice((1, 2, 30))
            case 2:
                found[start:end] = chance.randbytes(len(piece))
            case 3:
                found[start:start] = chance.choice(WORDS)
            case _:
                at = chance.randrange(len(found) + 1)
                found[at:at] = piece
    return bytes(found[:BYTES])


def hold(reader: Callable[[bytes], None], data: bytes) -> None:
    """Raises AssertionError where a file takes too much, and whatever a reader raises but the errors it may raise."""
    began = time.process_time()
    with suppress(RfcalcError):
        reader(data)
    took, peak = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert took < SECONDS, f"{took:.1f} s"
    assert peak < MEGABYTES, f"{peak:.0f} MB"
