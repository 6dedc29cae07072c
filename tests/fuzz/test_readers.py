"""Whatever is in a file, its reader reads it or says what is wrong, within bounds."""

import os
import random
import time
from hashlib import sha256
from pathlib import Path

import pytest

from .readers import HERE, READERS, hold, spoilt

NEEDS = {"checkpoint": "torch", "onnx": "onnx"}
FOUND = sorted((HERE / "corpus").glob("*.bin"))


def needed(name: str) -> None:
    """Skips a test whose reader's package is not installed."""
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])


@pytest.mark.parametrize("name", READERS)
def test_a_few_spoilt_files(name: str) -> None:
    needed(name)
    reader, files = READERS[name]
    chance = random.Random(1)
    for data in list(files())[:3]:
        hold(reader, data)
        hold(reader, spoilt(data, chance))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_what_was_found_once(path: Path) -> None:
    name = path.name.split("-")[0]
    needed(name)
    hold(READERS[name][0], path.read_bytes())


@pytest.mark.deep
@pytest.mark.parametrize("name", READERS)
def test_fuzz(name: str) -> None:
    """FUZZ_SECONDS for each reader, with a new seed each time; a file that breaks one is written to corpus/."""
    needed(name)
    reader, files = READERS[name]
    corpus, seed = list(files()), random.randrange(2**32)
    chance, until, tried = random.Random(seed), time.monotonic() + float(os.environ.get("FUZZ_SECONDS", "20")), 0
    while time.monotonic() < until or tried == 0:
        data = spoilt(chance.choice(corpus), chance)
        try:
            hold(reader, data)
        except BaseException:
            (HERE / "corpus" / f"{name}-{sha256(data).hexdigest()[:12]}.bin").write_bytes(data)
            raise
        tried += 1
    print(f"{name}: {tried:,} files, seed {seed}")
