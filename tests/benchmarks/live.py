"""How long an edit takes in the live page: `python -m tests.benchmarks.live [NAME …]`.

For each network a file is served as `rfcalc explore --live` serves it, and its text sent again and again, with another
number of channels in its first layer each time, so that nothing is the same twice. Printed are the median and the
slowest of the time from the request to the whole answer, the engine's share of it, and the processor time that the same
answer takes here, which other programs on the machine do not change.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rfcalc.page.change import changed_page
from tests.page.live import Live

ARCHS = Path(__file__).parent.parent.parent / "archs"
EDITS = 50
WARM = 5


def measured(name: str) -> None:
    text = (ARCHS / f"{name}.yaml").read_text("utf-8")
    found = re.search(r"out_channels: (\d+)", text)
    assert found is not None, name
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        live = Live(path)
        whole, engine, processor = [], [], []
        for number in range(WARM + EDITS):
            edited = f"{text[: found.start(1)]}{int(found[1]) + 8 * (number % 7)}{text[found.end(1) :]}"
            start = time.perf_counter()
            said = live.change(edited)
            whole.append(1000 * (time.perf_counter() - start))
            engine.append(said["milliseconds"])
            start = time.process_time()
            json.dumps(changed_page(edited, path.name))
            processor.append(1000 * (time.process_time() - start))
        live.end()
    print(
        f"{name}: {statistics.median(whole[WARM:]):.0f} ms from request to answer ({max(whole[WARM:]):.0f} at most, "
        f"{EDITS} edits), {statistics.median(engine[WARM:]):.0f} ms of it the engine and the drawing; "
        f"{statistics.median(processor[WARM:]):.0f} ms of processor time"
    )


if __name__ == "__main__":
    for each in sys.argv[1:] or ["s9"]:
        measured(each)
