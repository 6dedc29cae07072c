"""The runs of a sweep on this machine: in this process one after the other, or in several beside each other."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from ..fit.record import cores
from ..recipe.errors import TrainError
from .job import RETRIES, carry_out, record_failure
from .plan import Job

Told = Callable[[Job], None]
"""Called after each run, in the thread that started the sweep."""


def one_after_the_other(jobs: Sequence[Job], told: Told) -> None:
    for job in jobs:
        carry_out(job)
        told(job)


def threads_of(jobs: int) -> int:
    """Threads of each of so many processes: a fair share of the cores, and no more than OMP_NUM_THREADS asks for. Two
    torch processes with as many threads as cores each slow each other down many times over."""
    fair, asked = max(1, cores() // jobs), os.environ.get("OMP_NUM_THREADS", "")
    return min(fair, int(asked)) if asked.isdecimal() and int(asked) else fair


def in_processes(jobs: Sequence[Job], told: Told, count: int) -> None:
    """The runs in `count` processes. A process that dies takes its run with it no further than the last checkpoint:
    another goes on. Ctrl-C lets each finish its step and save; so does the death of this process."""
    served = Served(jobs, threads_of(count))
    crew = [threading.Thread(target=served.serve, daemon=True) for _ in range(min(count, len(jobs)))]
    try:
        for thread in crew:
            thread.start()
        for _ in jobs:
            done = served.done.get()
            if isinstance(done, BaseException):
                raise done
            told(done)
    finally:
        served.stop()
        for thread in crew:
            thread.join()


class Served:
    """Runs that wait, and the processes that carry them out; each process has a thread here that hands it its runs."""

    def __init__(self, jobs: Sequence[Job], threads: int) -> None:
        self.waiting, self.threads = deque(jobs), threads
        self.done: queue.Queue[Job | BaseException] = queue.Queue()
        self.stopping = threading.Event()
        self.processes: list[subprocess.Popen[str]] = []
        self.lock = threading.Lock()

    def serve(self) -> None:
        """Hands out runs until none waits."""
        process: subprocess.Popen[str] | None = None
        try:
            while not self.stopping.is_set() and (job := self.next()):
                process = self.carried_out(job, process)
                if process:
                    self.done.put(job)
        except (OSError, TrainError) as error:
            self.done.put(error)
        finally:
            if process:
                ended(process)

    def next(self) -> Job | None:
        with self.lock:
            return self.waiting.popleft() if self.waiting else None

    def carried_out(self, job: Job, process: subprocess.Popen[str] | None) -> subprocess.Popen[str] | None:
        """Has a run carried out, by another process where one dies; returns the one that lives, None when stopping."""
        for _ in range(1 + RETRIES):
            process = process or self.started()
            if process and asked_for(process, job):
                return process
            if process:
                ended(process)
            process = None
            if self.stopping.is_set():
                return None
        record_failure(job, f"its process was lost {1 + RETRIES} times (no memory left?)")
        return self.started()

    def started(self) -> subprocess.Popen[str] | None:
        """A new process, out of reach of the terminal's Ctrl-C; None when stopping."""
        count = str(self.threads)
        environment = {**os.environ, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count}
        with self.lock:
            if self.stopping.is_set():
                return None
            process = subprocess.Popen(
                [sys.executable, "-m", "rfcalc.train.sweep.worker", count], env=environment, text=True,
                encoding="utf-8", stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
            self.processes.append(process)
        return process

    def stop(self) -> None:
        """Has every process that trains finish its step, save and end."""
        with self.lock:
            self.stopping.set()
            self.waiting.clear()
            for process in self.processes:
                if process.poll() is None and process.stdin:
                    process.terminate()


def asked_for(process: subprocess.Popen[str], job: Job) -> bool:
    """Has a process carry out a run; false where it died over it."""
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(job.to_json() + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        return False
    return process.stdout.readline() == "done\n"


def ended(process: subprocess.Popen[str]) -> None:
    """Lets a process end, which it does when nothing more can come."""
    for pipe in (process.stdin, process.stdout):
        with suppress(BrokenPipeError):  # it has died with something still unread
            if pipe:
                pipe.close()
    process.wait()


def for_one_process(job: Job, threads: int) -> Job:
    """The run with no more processes that augment than its share of the cores allows."""
    share = 0 if threads < 4 else min(8, threads // 2)
    chosen = share if job.options.workers is None else job.options.workers
    return replace(job, options=replace(job.options, workers=chosen))
