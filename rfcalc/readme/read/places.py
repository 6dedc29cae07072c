"""Settings that prose states of a place in a network: "dilation 2 in block 3", "depthwise convolution in C3"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

WHERE = (
    r"(?P<between>[^.;!?\n]{0,40}?)\b(?:in|of|at|for|inside|within)\s+(?:the\s+)?(?P<kind>(?:conv\w*\s*)?(?:block|stage|layer)|conv|c)"
    r"[\s#_-]?(?P<number>\d{1,3})\b"
)
PLACED_SETTINGS = (
    ("dilation", re.compile(r"\bdilat(?:ion|ed)\b(?:\D{0,25}?(?P<value>\d{1,2})\b)?" + WHERE, re.IGNORECASE)),
    ("stride", re.compile(r"\bstride[sd]?\b\D{0,15}?(?P<value>\d{1,2})" + WHERE, re.IGNORECASE)),
    ("groups", re.compile(r"\bdepth[\s-]?wise\b(?P<value>)" + WHERE, re.IGNORECASE)),
)
NOT_PLACED = re.compile(
    r"\b(?:no|not|without|instead|never|rather than|remov\w*|replac\w*|if|could|would|should)\b", re.IGNORECASE
)


class Placed(NamedTuple):
    """A setting of some layer in a place: a block or a layer of that number. No value: any above 1."""

    setting: str
    value: int | None
    block: bool
    number: int


def places_in(sentence: str) -> Iterator[Placed]:
    """What a sentence states of places.

    >>> list(places_in("We use a dilation of 2 in block 3."))
    [Placed(setting='dilation', value=2, block=True, number=3)]
    >>> [tuple(place) for place in places_in("A depthwise convolution in C3, stride 2 in layer 4.")]
    [('stride', 2, False, 4), ('groups', None, True, 3)]
    """
    if NOT_PLACED.search(sentence):
        return
    for setting, pattern in PLACED_SETTINGS:
        for match in pattern.finditer(sentence):
            block = match["kind"].lower().endswith(("block", "stage")) or match["kind"].lower() == "c"
            yield Placed(setting, int(match["value"]) if match["value"] else None, block, int(match["number"]))
