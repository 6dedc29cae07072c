"""One run of a sweep: carried out by one process at a time, begun anew or gone on with, and known by its record."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rfcalc.errors import RfcalcError

from ..fit.loop import Stopped
from ..fit.record import Record
from ..run import train
from .plan import Job

RETRIES = 5
"""How often a run whose process was lost is begun again: a machine that is taken away now and then is no reason to
give a run up, one that kills its process each time (no memory left) is."""
FAILED = "failed.txt"


def carry_out(job: Job) -> None:
    """Trains, from the run's last checkpoint where there is one; returns at once when it is finished.

    What stops this run alone (a check that fails, a loss that is no number, no memory) is written to failed.txt in its
    folder. Raises Stopped when interrupted, TrainError where nothing can be written.
    """
    with alone_in(job.folder):
        if is_finished(job.folder):
            return
        record = Record(job.folder)
        (record / FAILED).unlink(missing_ok=True)
        try:
            train(job.target, job.options, out=job.folder, resume=record.has_state)
        except Stopped:
            raise
        except RfcalcError as error:
            record_failure(job, str(error))
        except Exception as error:
            record_failure(job, f"{type(error).__name__}: {error}\n\n{traceback.format_exc()}")


def record_failure(job: Job, why: str) -> None:
    Record(job.folder).write(FAILED, why.rstrip() + "\n")


def is_finished(folder: str) -> bool:
    """Whether the run has ended with its whole record: the report is what is written last."""
    return (Path(folder) / "report.md").is_file()


@contextmanager
def alone_in(folder: str) -> Iterator[None]:
    """Waits until no other process trains this run: two sweeps of one folder, or one whose parent was killed while
    it was stopping. The lock goes with the process, however that ends; where a file system has no locks, none is held.
    """
    place = Path(folder).parent / ".locks" / Path(folder).name
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb") as file:
        with suppress(ImportError, OSError):
            import fcntl  # not on Windows

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
