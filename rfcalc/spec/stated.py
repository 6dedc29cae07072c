"""A figure as its writer states it, and how far the exact one may be from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from ..engine.kinds import describe
from ..errors import SettingError

UNIT_FACTORS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
PATTERN = r"\d+(\.\d+)?[KMG]"
"""A rounded figure in a spec: 104K, 2.5M."""
_FIGURE = re.compile(r"(?P<digits>\d[\d,]*(\.\d+)?)\s?(?P<unit>[KMG]?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stated:
    """A stated figure: its text, its value, and what one step of its last digit is worth (104K: 1,000; 0.12: 1/100).

    >>> [Stated.of(figure).agrees(103_900) for figure in ("104K", "92K", 103_900, 104_000)]
    [True, False, True, False]
    >>> Stated.of("2.5M").value, Stated.of("0.12").agrees(Fraction(1, 8))
    (Fraction(2500000, 1), True)
    """

    text: str
    value: Fraction
    step: Fraction

    @classmethod
    def of(cls, figure: int | float | str) -> Stated:
        """Raises SettingError for what is no figure."""
        match = _FIGURE.fullmatch(str(figure)) if not isinstance(figure, bool) else None
        if match is None:
            raise SettingError(f"must be a number, not {describe(figure)}")
        digits, scale = match["digits"].replace(",", ""), UNIT_FACTORS[match["unit"].upper()]
        step = Fraction(scale, 10 ** len(digits.partition(".")[2]))
        return cls(str(figure), Fraction(digits) * scale, step)

    @property
    def exact(self) -> bool:
        """Whether it is a whole number, written in full: then it stands for itself only."""
        return self.step == 1

    @property
    def slack(self) -> Fraction:
        """How far a figure that rounds to it can be: half a step; 0 for a whole number."""
        return Fraction(0) if self.exact else self.step / 2

    def agrees(self, computed: int | Fraction) -> bool:
        """Whether it can stand for a computed figure that its writer rounded."""
        return abs(self.value - computed) <= self.slack

    def cuts(self, computed: int | Fraction) -> bool:
        """Whether it can stand for a computed figure whose further digits its writer left out (180K for 180,900); a
        tenth of the figure is more than is left out (5K for 5,900)."""
        return 0 <= computed - self.value < min(self.step, Fraction(computed) / 10)
