"""What is wrong with a document: collected as it is read, each with its file and line, and raised together."""

from __future__ import annotations

from ..errors import SpecError, place

MAX_PROBLEMS = 50
"""How many are listed; reading stops there."""


class Stop(Exception):
    """Reading cannot go on; the problem is on the list."""


class ProblemList(list[str]):
    """The problems of one file, in the order they were found, each once."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def place(self, line: int | None) -> str:
        return place(self.path, line)

    def append(self, text: str) -> None:
        if text not in self:
            super().append(text)

    def add(self, line: int | None, fact: str) -> None:
        self.append(self.place(line) + fact)

    def raise_any(self) -> None:
        """Raises SpecError with all of them, or with the first and the count of the others."""
        if self:
            more = len(self) - MAX_PROBLEMS
            rest = [f"{self.place(None)}and {more:,} more problems"] if more > 0 else []
            raise SpecError(self[:MAX_PROBLEMS] + rest)
