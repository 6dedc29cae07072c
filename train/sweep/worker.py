"""A process that carries out runs for a sweep: a line of JSON in for each, `done` out after each.

Started by here.py as `python -m rfcalc.train.sweep.worker THREADS`. When its standard input ends while it trains, its
parent is gone: it then finishes the step, saves and ends, as on SIGTERM.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from typing import TextIO

import torch

from ..fit.loop import Stopped
from .here import for_one_process
from .job import carry_out
from .plan import Job


def main() -> None:
    threads = int(sys.argv[1])
    torch.set_num_threads(threads)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a user's model prints is no answer
    lines: queue.Queue[str] = queue.Queue()
    busy = threading.Event()
    threading.Thread(target=listen, args=(sys.stdin, lines, busy), daemon=True).start()
    while line := lines.get():
        busy.set()
        try:
            carry_out(for_one_process(Job.from_json(line), threads))
        except Stopped as stopped:
            sys.exit(stopped.code)
        busy.clear()
        answers.write("done\n")
        answers.flush()


def listen(given: TextIO, lines: queue.Queue[str], busy: threading.Event) -> None:
    """Passes on what is asked, at last an empty line."""
    for line in given:
        lines.put(line)
    lines.put("")
    if busy.is_set():
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
