"""The file that the live page edits: read as text, watched, and written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ..errors import RfcalcError, refusals_of

BOM = b"\xef\xbb\xbf"


class Saved(NamedTuple):
    """What the file holds: its text, with \\n as line ends, and a version, which differs where a byte does."""

    text: str
    version: str


class Changed(RfcalcError):
    """The file on disk is not what was read last."""


class SourceFile:
    """One file. All it does raises RfcalcError where the file is missing, no text, or larger than `most` bytes."""

    def __init__(self, path: str, most: int) -> None:
        self.path, self.most = path, most
        self.place = Path(path).resolve()  # of a link, the file that it leads to is replaced, never the link
        self.read()

    def read(self) -> Saved:
        """What the file holds now."""
        content = self.content()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise RfcalcError(f"{self.path}: is not UTF-8 text at byte {error.start}") from None
        return Saved(text.replace("\r\n", "\n"), version_of(content))

    def content(self) -> bytes:
        with refusals_of(self.path), self.place.open("rb") as file:
            content = file.read(self.most + 1)
        if len(content) > self.most:
            raise RfcalcError(f"{self.path}: is larger than {self.most:,} bytes, too large to edit here")
        return content

    def write(self, text: str, version: str | None) -> str:
        """Puts a text into the file and gives back its version; a byte order mark and line ends of \\r\\n stay. The
        text is written beside the file, which is then replaced at once, and keeps its mode. Raises Changed where the
        file has another version than `version`, unless that is None."""
        old = self.content() if version is not None or self.place.exists() else b""
        if version is not None and version_of(old) != version:
            raise Changed(f"{self.path} has changed on disk")
        content = encoded(text, old)
        if len(content) > self.most:
            raise RfcalcError(f"{self.path}: would be larger than {self.most:,} bytes")
        with refusals_of(self.path):
            replace_content(self.place, content)
        return version_of(content)


def version_of(content: bytes) -> str:
    return sha256(content).hexdigest()


def encoded(text: str, old: bytes) -> bytes:
    """A text as bytes like those that it replaces. Raises RfcalcError for half a character, which no file holds."""
    try:
        content = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise RfcalcError(f"the text cannot be saved: half a character at {error.start}") from None
    if b"\r\n" in old:
        content = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return BOM + content if old.startswith(BOM) else content


def replace_content(place: Path, content: bytes) -> None:
    """Writes a file beside the place, and moves it there: whoever reads sees the old file or the new one."""
    handle, beside = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(place.stat().st_mode & 0o7777 if place.exists() else 0o644)
        Path(beside).replace(place)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
