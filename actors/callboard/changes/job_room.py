"""Whether a job with `on_full=refuse` has room for one more live run (max_concurrent_runs).

Live is what is queued, running or stopping. A parked run waits for an operator, maybe for days: it
does not count. Nor does a held one, which its trigger's overlap policy has told to wait: when it is
released, it takes the place of the one that it has waited for.

Runs are refused where they are created: a start, or an operator's retry, is answered with Conflict
job_full; any other run (of a slot, a fire by hand, a condition, a backfill, a start within a
caller's transaction) is created, and ends at once as failed, error JobFull. Never refused are next
attempts, runs that are queued again, and held ones. They count, once they wait for a node, so a job
may come to have more live runs than its limit; the claim never lets more of them run.

Exact also when nodes race: whoever counts has the job's room to itself until the commit
(`lock_job_room`). Whatever is created without that lock is never refused, and ends only make room,
so a count that misses some of those is one of a moment before.

The lock is an advisory one, of the transaction. It excludes nobody but others who count: claims and
ends of the job's runs go on, the shared locks of `lock_jobs` do not conflict with it. It is taken
behind all other locks of a transaction, but for claims and the events: at the end, for all jobs
together, in one order; what follows from the end of a refused run is locked already. So who waits
for it waits for transactions that are about to commit. Only an operator's retry takes it where it
stands: where that shares its transaction with changes that lock triggers, a rare deadlock is found
by the database, and tried again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from callboard.changes.suspended_start import SuspendedStart
from callboard.changes.work import Work
from callboard.domain.job import Job
from callboard.domain.run import HELD, NewRun, Run, RunError
from callboard.domain.states import RunEvent, RunState, advance
from callboard.errors import Conflict
from callboard.store.contract import RunEnd

JOB_FULL: Final = "JobFull"
"""Type of the error of a run that found no room."""


def is_refusable(new: NewRun, job: Job) -> bool:
    """Whether the run depends on the room; an action of a trigger has no say in it."""
    if job.max_concurrent_runs is None or new.due_at == HELD:
        return False
    own = None if new.terms is None or new.trigger_id is not None else new.terms.on_full
    return job.live_limit(own) is not None


def is_refused_whole(new: NewRun, job: Job) -> bool:
    """Whether the run's start is refused without room; one of a trigger is created all the same."""
    return new.trigger_id is None and is_refusable(new, job)


def seek_room(work: Work, created: Iterable[tuple[Job, Run]]) -> None:
    """Have those of the runs that were just created end as failed which find their jobs full."""
    work.seeking += [
        (job, run)
        for job, run in created
        # Every run of a slot is asked: most need no call to be let through.
        if job.max_concurrent_runs is not None
        and job.live_limit() is not None
        and run.due_at != HELD
    ]


async def check_room(work: Work, job: Job) -> None:
    """Raises Conflict job_full, where another run of the job would be refused; of a locked job."""
    limit = job.live_limit()
    if limit is None:
        return
    counts = await work.tx.lock_job_room({job.id: limit})
    if counts[job.id] >= limit:
        raise job_full(job)


def job_full(job: Job) -> Conflict:
    return Conflict("job_full", f"job {job.name!r} is full: {_said(job)}")


def _said(job: Job) -> str:
    return f"as many of its runs are live as its max_concurrent_runs allows, {_limit(job)}"


def _limit(job: Job) -> int:
    limit = job.max_concurrent_runs
    assert limit is not None
    return limit


class JobRoom:
    """What is left of the room of jobs, which is nobody else's until the commit."""

    def __init__(self, left: dict[int, int]) -> None:
        self._left = left
        """By job id; negative where there are too many already."""

    def lacks(self, wanted: Sequence[tuple[NewRun, Job]]) -> Job | None:
        """The first job that has no room for one of the runs, which are to come one by one."""
        used = Counter[int]()
        for new, job in wanted:
            if job.id in self._left:
                if is_refusable(new, job) and used[job.id] >= self._left[job.id]:
                    return job
                used[job.id] += 1
        return None

    def take(self, wanted: Sequence[tuple[NewRun, Job]]) -> None:
        """Take the room for runs, all of them."""
        for _, job in wanted:
            if job.id in self._left:
                self._left[job.id] -= 1

    async def refuse(self, work: Work, seeking: Sequence[tuple[Job, Run]]) -> None:
        """End the last ones of the created runs for which there is no room: those have failed."""
        full = {job.id for job, _ in seeking if self._left[job.id] < 0}
        asking = [(job, run) for job, run in seeking if job.id in full]
        if not asking:
            return
        found = await work.tx.lock_runs(sorted(run.id for _, run in asking))
        over: list[RunEnd] = []
        for job, created in reversed(asking):
            run = found.get(created.id)
            if run is not None and run.state is RunState.QUEUED and self._left[job.id] < 0:
                self._left[job.id] += 1
                over.append(_refused(work, job, run))
        ended = await work.tx.end_runs(over[::-1])
        work.runs_changed(ended)
        work.refused |= {run.id: run for run in ended}


async def open_room(
    work: Work, seeking: Sequence[tuple[Job, Run]], suspended: Sequence[SuspendedStart]
) -> JobRoom:
    """The room of the jobs of created runs, and of starts that are to be decided."""
    limits = {job.id: _limit(job) for job, _ in seeking}
    limits |= {
        job.id: _limit(job)
        for start in suspended
        for new, job in start.wanted()
        if is_refusable(new, job)
    }
    own = Counter(job.id for job, _ in seeking)
    counts = await work.tx.lock_job_room(
        {job_id: limit + own[job_id] for job_id, limit in limits.items()}
    )
    return JobRoom({job_id: limit - counts[job_id] for job_id, limit in limits.items()})


def _refused(work: Work, job: Job, run: Run) -> RunEnd:
    return RunEnd(
        run_id=run.id,
        epoch=None,
        state=advance(run.state, RunEvent.REFUSE),
        error=RunError(type=JOB_FULL, message=_said(job)),
        ended_at=work.now,
    )
