"""The creation of runs: of those that were asked for, and as the next attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from callboard.changes.batch_starts import run_ids_for
from callboard.changes.job_room import is_refusable, seek_room
from callboard.changes.work import Work
from callboard.domain.amend import amended
from callboard.domain.given_terms import GivenTerms
from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.run import HELD, NewRun, Run, make_run
from callboard.domain.run_terms import RunTerms, renewed_terms, terms_of, waiting_terms
from callboard.domain.states import RunState
from callboard.errors import Conflict


async def create_runs(
    work: Work, wanted: Sequence[tuple[NewRun, Job]], *, is_admitted: bool = False
) -> list[Run]:
    """The stored runs in the given order; for a taken unique_key the live run that has it.

    Those that find their jobs full will end as failed, unless they were admitted.
    """
    if not wanted:
        return []
    ids = await run_ids_for(work, wanted)
    runs = [_queued(work, new, job, id) for (new, job), id in zip(wanted, ids, strict=True)]
    stored = await work.tx.insert_runs(runs)
    work.runs_changed([run for run in runs if run.id in stored])
    if not is_admitted:
        pairs = zip(wanted, runs, strict=True)
        asking = [
            (job, run) for (new, job), run in pairs if run.id in stored and is_refusable(new, job)
        ]
        seek_room(work, asking)
    if len(stored) == len(runs):
        return runs
    keys = [(run.job_id, run.unique_key) for run in runs if run.unique_key is not None]
    holders = await work.tx.live_runs_by_key(keys)
    return [run if run.id in stored else _holder(holders, run) for run in runs]


async def insert_fresh_runs(work: Work, runs: Sequence[Run]) -> None:
    """Store new queued runs without a unique_key, and tell of them.

    One that is held is told in full: its row will say something else when it is released. So is
    one whose trigger has just lost a run: it is told behind the end that it follows.
    """
    if not runs:
        return
    await work.tx.insert_runs(runs)
    for run in runs:
        if run.due_at == HELD or run.trigger_id in work.freed_by_runs:
            work.run_changed(run)
        else:
            work.queued.append(run)


def _holder(holders: dict[tuple[int, str], Run], run: Run) -> Run:
    holder = holders.get((run.job_id, run.unique_key or ""))
    if holder is None:
        # It ended between the two statements: the caller may simply try again.
        raise Conflict("unique_key_busy", f"a run with the key {run.unique_key!r} just ended")
    return holder


def _queued(work: Work, new: NewRun, job: Job, id: int) -> Run:
    arguments, due_at = job.arguments_with(new.arguments), new.due_at or work.now
    return queued_run(
        id,
        job,
        arguments,
        new.trace_id or work.new_trace_id(),
        work.now,
        due_at,
        trigger=new.trigger,
        trigger_id=new.trigger_id,
        slot=new.slot,
        attempt=new.attempt,
        previous_run_id=new.previous_run_id,
        chain_id=new.chain_id,
        unique_key=new.unique_key,
        priority=new.priority,
        given=new.terms,
    )


def queued_run(
    id: int,
    job: Job,
    arguments: JsonObject,
    trace_id: str,
    now: datetime,
    due_at: datetime,
    *,
    trigger: str | None = None,
    trigger_id: int | None = None,
    slot: datetime | None = None,
    attempt: int = 1,
    previous_run_id: int | None = None,
    chain_id: int | None = None,
    unique_key: str | None = None,
    priority: int | None = None,
    given: GivenTerms | None = None,
) -> Run:
    """A run of the job that is created now; without a `chain_id` it begins a chain."""
    terms = None
    if priority or given or job.has_terms:
        terms = terms_of(job, arguments, now, due_at, priority=priority, given=given)
    return make_run(
        id,
        job.name,
        job.group,
        job.id,
        trigger,
        trigger_id,
        slot,
        RunState.QUEUED,
        attempt,
        previous_run_id,
        chain_id or id,
        arguments,
        None,  # result
        None,  # error
        None,  # progress
        None,  # node
        None,  # epoch
        0,  # crashes
        unique_key,
        None,  # stop_mode
        None,  # stop_grace_s
        trace_id,
        now,
        due_at,
        None,  # started_at
        None,  # ended_at
        terms,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NextAttempt:
    """The attempt that follows an ended run."""

    run: Run
    after_s: float = 0.0
    is_held: bool = False
    """Until earlier firings of its trigger have ended."""
    is_restart: bool = False
    """By an operator: the time of its chain begins anew."""

    def due_at(self, now: datetime) -> datetime:
        return HELD if self.is_held else now + timedelta(seconds=self.after_s)

    def terms(self, now: datetime) -> RunTerms | None:
        if self.run.terms is None:
            return None
        make = renewed_terms if self.is_restart else waiting_terms
        return make(self.run.terms, now, self.due_at(now))


async def create_attempts(work: Work, wanted: Sequence[NextAttempt]) -> list[Run]:
    """The next attempts, in order: same arguments, slot, chain and trace."""
    if not wanted:
        return []
    ids = await work.tx.allocate_run_ids(len(wanted))
    runs = [
        amended(
            next.run,
            id=id,
            state=RunState.QUEUED,
            attempt=next.run.attempt + 1,
            previous_run_id=next.run.id,
            result=None,
            error=None,
            progress=None,
            node=None,
            epoch=None,
            crashes=0,
            stop_mode=None,
            stop_grace_s=None,
            created_at=work.now,
            due_at=next.due_at(work.now),
            started_at=None,
            ended_at=None,
            terms=next.terms(work.now),
        )
        for next, id in zip(wanted, ids, strict=True)
    ]
    stored = await work.tx.insert_runs(runs)
    created = [run for run in runs if run.id in stored]
    work.runs_changed(created)
    return created
