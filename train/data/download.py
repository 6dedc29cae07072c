"""Downloads with a progress bar, resumed where they were cut off, verified by MD5, unpacked safely."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from ..recipe.errors import DataError

CHUNK = 1 << 18
OFFLINE = "; without a network: --data DIR takes a copy that you have, --data synthetic images drawn on the fly"
TIMEOUT = 60
"""Seconds without a byte until a download counts as cut off."""


class Remote(NamedTuple):
    """A published file, and the MD5 that its publisher states."""

    url: str
    md5: str

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


Progress = Callable[[str, int, int | None], None]
"""Told the file's name, the bytes that are there, and how many there will be, if the server says."""


def fetch(remote: Remote, folder: Path, progress: Progress | None = None) -> Path:
    """The file in that folder; downloaded unless it is there and right. What a broken download has left is continued.

    Raises DataError when the server cannot be reached or sends something else."""
    path = folder / remote.name
    if path.is_file() and md5_of(path) == remote.md5:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        transfer(remote, part, progress)
    except OSError as error:  # URLError among them
        reason = getattr(error, "reason", None) or error.strerror or error
        kept = f"; {part.stat().st_size:,} bytes are kept and will be continued" if part.is_file() else ""
        raise DataError(f"{remote.url}: {reason}{kept}{OFFLINE}") from None
    found = md5_of(part)
    if found != remote.md5:
        part.unlink()
        raise DataError(f"{remote.url}: MD5 is {found}, published is {remote.md5}; the download was thrown away")
    part.replace(path)
    return path


def transfer(remote: Remote, part: Path, progress: Progress | None) -> None:
    """Appends to the part that is there what it lacks, or begins anew where the server cannot continue."""
    done = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(remote.url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and done:  # nothing is left to send: the part is whole, or wrong, as its MD5 will tell
            return
        raise
    with response, part.open("ab" if response.status == 206 else "wb") as file:
        done = file.tell()
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        while chunk := response.read(CHUNK):
            file.write(chunk)
            done += len(chunk)
            if progress:
                progress(remote.name, done, total)
    if total is not None and done < total:
        raise ConnectionError(f"cut off after {done:,} of {total:,} bytes")


def md5_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def unpack(archive: Path, folder: Path, inner: str) -> Path:
    """The folder `inner` of a tar archive as folder/inner: whole or not at all, and nothing outside it."""
    target = folder / inner
    if target.exists():
        return target
    scratch = Path(mkdtemp(dir=folder, prefix=".unpack-"))
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(scratch, filter="data")  # refuses links, devices and paths that lead out
        if not (scratch / inner).is_dir():
            raise DataError(f"{archive}: holds no folder {inner}")
        (scratch / inner).replace(target)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{archive}: cannot be unpacked: {error}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target
