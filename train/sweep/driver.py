"""`rfcalc sweep`: from what is asked for to the index and report of all its runs."""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ..fit.loop import Stopped
from ..fit.memory import keep_memory
from ..fit.record import Record
from .cluster import as_tasks, connected
from .compared import Sweep, SweepRun, index_row, sweep_of
from .halving import round_budgets, round_verdicts
from .here import in_processes, one_after_the_other
from .job import is_finished
from .options import SweepOptions
from .plan import Contender, Job, SweepPlan, sweep_plan
from .report import write_report


def sweep(targets: Sequence[str], options: SweepOptions | None = None, **given: Any) -> Sweep:
    """Trains every combination of networks (specs, folders of specs, torch models), recipes, settings and seeds, each
    an ordinary run in its own folder of `out`, and compares them in index.csv and report.md there.

    The options are a SweepOptions, or its fields as keywords: recipe=["fast"], seeds=3. What is finished already is not
    run again, what is unfinished goes on. Raises an RfcalcError for what cannot be done, before anything runs; Stopped
    when interrupted.
    """
    options = (options or SweepOptions()).given(**given)
    # All combinations, each checked; where a cluster is asked for, it answers.
    plan = sweep_plan(targets, options)
    if options.on:
        connected(options.on)
    keep_memory()
    Record(plan.out).try_out()
    ledger = Ledger(plan)
    for note in plan.notes:
        ledger.say(note)
    # Round after round, of which only halving has more than one; the last is of whole runs.
    candidates: Sequence[Contender] = plan.candidates
    for number, budget in enumerate(round_budgets(plan), 1):
        runs = [
            SweepRun(candidate, seed, candidate.job(plan.out, seed, budget), number, budget)
            for candidate in candidates
            for seed in plan.seeds
        ]
        ledger.open(runs)
        try:
            carried_out(runs, ledger, options)
        except (KeyboardInterrupt, Stopped) as stop:
            ledger.close(candidates)
            raise stopped(stop, plan) from None
        if budget is not None:
            candidates = ledger.better_half(candidates, runs, budget)
    return ledger.close(candidates)


def carried_out(runs: Sequence[SweepRun], ledger: Ledger, options: SweepOptions) -> None:
    """Whatever is not finished yet, by the engine that was asked for."""
    todo = [run.job for run in runs if not is_finished(run.job.folder)]
    if options.on:
        as_tasks(todo, ledger.told, options)
    elif options.jobs > 1 and len(todo) > 1:
        in_processes(todo, ledger.told, options.jobs)
    else:
        one_after_the_other(todo, ledger.told)


def stopped(stop: BaseException, plan: SweepPlan) -> Stopped:
    """What is told when a sweep was interrupted."""
    code = stop.code if isinstance(stop, Stopped) else 128 + signal.SIGINT
    again = shlex.join(["rfcalc", *sys.argv[1:]]) if sys.argv[1:2] == ["sweep"] else "the same call"
    return Stopped(f"stopped; every run is saved in {plan.out} and goes on with: {again}", code)


class Ledger:
    """The rows of the index while a sweep runs; the file is written anew as each run ends."""

    def __init__(self, plan: SweepPlan) -> None:
        self.plan, self.record = plan, Record(plan.out)
        self.rows: dict[SweepRun, dict[str, Any]] = {}
        self.by_name: dict[str, SweepRun] = {}
        self.round: list[SweepRun] = []

    def open(self, runs: Sequence[SweepRun]) -> None:
        """The runs of a round come in. One that was whole in the round before, its budget above what its recipe has,
        stands in the index once, in the later round."""
        for run in runs:
            if earlier := self.by_name.get(run.job.name):
                del self.rows[earlier]
            self.by_name[run.job.name] = run
            self.rows[run] = index_row(run, self.plan.keys)
        self.round = list(runs)
        done = sum(self.rows[run]["state"] == "finished" for run in runs)
        whole = "" if runs[:1] and runs[0].budget is None else f" of {runs[0].budget} epochs" if runs else ""
        self.say(f"{len(runs)} runs{whole}" + (f", {done} finished before" if done else ""))
        self.write()

    def told(self, job: Job) -> None:
        """A run has ended, one way or another."""
        run = self.by_name[job.name]
        self.rows[run] = row = index_row(run, self.plan.keys)
        self.write()
        ended = sum(self.rows[run]["state"] in ("finished", "failed") for run in self.round)
        told = row["note"]
        if row["state"] == "finished":
            val = f"validation {row['val_accuracy']:.2f} %, " if row["val_accuracy"] is not None else ""
            told = f"{val}test {row['test_accuracy']:.2f} %, {row['seconds']:.1f} s"
        self.say(f"{ended}/{len(self.round)} {run.candidate.title} seed {run.seed}: {row['state']}: {told}")

    def better_half(self, candidates: Sequence[Contender], runs: Sequence[SweepRun], budget: int) -> list[Contender]:
        """The candidates that go on, in the order of the plan; why the others do not is noted in the index."""
        verdicts = round_verdicts(candidates, accuracies(candidates, {run: self.rows[run] for run in runs}), budget)
        for run in runs:
            self.rows[run]["note"] = verdicts[run.candidate].cut or self.rows[run]["note"] or "goes on"
        self.write()
        kept = [candidate for candidate in candidates if not verdicts[candidate].cut]
        self.say(
            f"{len(kept)} of {len(candidates)} go on: {', '.join(candidate.title for candidate in kept) or 'none'}"
        )
        return kept

    def write(self) -> None:
        self.record.write_csv("index.csv", list(self.rows.values()))

    def close(self, candidates: Sequence[Contender]) -> Sweep:
        """The index with all that is on the disk now, and the report."""
        for run in self.round:
            if self.rows[run]["state"] in ("unfinished", "waiting"):
                self.rows[run] = index_row(run, self.plan.keys)
        self.write()
        found = sweep_of(self.plan, self.rows, candidates)
        write_report(found)
        return found

    def say(self, text: str) -> None:
        if not self.plan.options.quiet:
            print(text, flush=True)


def accuracies(
    candidates: Sequence[Contender], rows: Mapping[SweepRun, Mapping[str, Any]]
) -> dict[Contender, float | None]:
    """Each candidate's mean validation accuracy in a round; None where a run of it failed."""
    found = {c: [row["val_accuracy"] for run, row in rows.items() if run.candidate is c] for c in candidates}
    return {c: None if None in values else sum(values) / len(values) for c, values in found.items()}
