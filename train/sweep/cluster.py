"""The runs of a sweep as tasks of a Ray cluster; their folders lie on storage that every node sees."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch

from rfcalc.errors import need

from ..fit.loop import Stopped
from ..recipe.errors import TrainError
from .here import Told, for_one_process
from .job import RETRIES, carry_out, is_finished, record_failure
from .options import SweepOptions
from .plan import Job


class Interrupted(Exception):
    """A run was told to stop by its node, and has saved: Ray begins it again elsewhere."""


SAVING = 60.0
"""Seconds that cancelled runs have for their step and their checkpoint."""


def as_tasks(jobs: Sequence[Job], told: Told, options: SweepOptions) -> None:
    """Every run as a task that asks for CPUs and GPUs. One whose worker or node is lost is begun again elsewhere and
    goes on from its checkpoint. Ctrl-C has all that train finish their step and save."""
    ray = connected(options.on or "ray")
    task = ray.remote(
        num_cpus=options.cpus, num_gpus=options.gpus, max_retries=RETRIES, retry_exceptions=[Interrupted]
    )(carry_out_there)
    waiting = {task.remote(job, options.cpus): job for job in jobs}
    try:
        while waiting:
            (ended, *_), _ = ray.wait(list(waiting), num_returns=1)
            job = waiting.pop(ended)
            take_outcome(ray, ended, job)
            told(job)
    finally:
        if waiting:
            cancelled(ray, list(waiting))


def connected(address: str) -> Any:
    """Ray, connected to the cluster: that of this machine (begun here where there is none), or the one named."""
    need("ray", "sweep")
    import ray

    if not ray.is_initialized():
        try:
            ray.init(address=None if address == "ray" else address, logging_level=logging.WARNING)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise TrainError(f"--on {address}: {str(error).strip().splitlines()[0]}") from None
    return ray


def carry_out_there(job: Job, cpus: int) -> bool:
    """The task, on whichever node it is; returns whether that node left the whole record where the others see it."""
    torch.set_num_threads(cpus)
    try:
        carry_out(for_one_process(job, cpus))
    except Stopped as stopped:
        raise Interrupted(str(stopped)) from None
    return is_finished(job.folder)


def take_outcome(ray: Any, reference: Any, job: Job) -> None:
    """Takes what came of a task; a run that was lost for good is told so in its record."""
    try:
        there = ray.get(reference)
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError) as error:
        record_failure(job, f"its worker or node was lost {1 + RETRIES} times: {str(error).splitlines()[0]}")
        return
    except ray.exceptions.RayTaskError as error:
        if isinstance(error, Interrupted):
            return  # unfinished, and to be gone on with
        raise TrainError(f"{job.name}: {str(error).strip().splitlines()[-1]}") from None
    if there and not is_finished(job.folder):
        raise TrainError(f"{job.folder}: finished on another node, and not seen here; --out must lie on shared storage")


def cancelled(ray: Any, references: Sequence[Any]) -> None:
    """Interrupts every task as Ctrl-C would, and waits until those that train have saved."""
    for reference in references:
        ray.cancel(reference, force=False)
    with suppress(KeyboardInterrupt):  # a second Ctrl-C does not wait
        ray.wait(list(references), num_returns=len(references), timeout=SAVING)
