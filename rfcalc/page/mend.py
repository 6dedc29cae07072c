"""Repairs for the live page, in a process of its own: it can be ended, and takes no time from the page's engine.

`python -m rfcalc.page.mend` reads {"text", "path"} from standard input and writes what `mended` gives.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from ..errors import RfcalcError
from ..search.repair import repair_lines, repair_text

MEND_SECONDS = 6.0
"""Somebody waits. `rfcalc repair` takes 30."""


def mended(text: str, path: str) -> dict[str, Any]:
    """{"said": what was found, "ways": [{"said": a repair and its effect, "text": the spec with it}]}; {"error"} for a
    text that is no network.

    >>> layer = "conv: {name: a, out_channels: 4, kernel_size: 3}"
    >>> found = mended(f"{{input: [3, 16, 16], layers: [{layer}], targets: {{min_receptive_field: 5}}}}", "x.yaml")
    >>> found["ways"][0]["said"].partition(": f")[0]
    'a: dilation 1 -> 2'
    """
    try:
        found = repair_text(text, path, seconds=MEND_SECONDS)
    except RfcalcError as error:
        return {"error": str(error)}
    ways = [{"said": "\n".join(repair_lines(found.arch, way)), "text": way.spec} for way in found.ways]
    return {"said": said_of(len(found.ways), found.proved_smallest, bool(found.missed)), "ways": ways}


def said_of(ways: int, proved: bool, missed: bool) -> str:
    if not missed:
        return "every target is met"
    if not ways:
        return "no repair was found" + ("" if proved else " in the time allowed")
    return "the fewest edits that meet every target" + ("" if proved else ", as far as the time allowed")


def main() -> None:
    asked = json.load(sys.stdin)
    json.dump(mended(asked["text"], asked["path"]), sys.stdout)


if __name__ == "__main__":
    main()
