"""Runs that callers started in transactions of their own, made when those are committed."""

from __future__ import annotations

from collections.abc import Sequence

from callboard.changes.job_room import seek_room
from callboard.changes.runs import insert_fresh_runs, queued_run
from callboard.changes.stops import stop_unheld
from callboard.changes.work import Work
from callboard.commands import AdoptStarts
from callboard.domain.amend import amended
from callboard.domain.job import Job
from callboard.domain.run import Run
from callboard.domain.start_request import StartRequest


async def adopt_starts(work: Work, command: AdoptStarts) -> int:
    """Each request becomes a run, whatever has happened since: it was promised to its caller."""
    requests = await work.tx.take_start_requests(command.limit)
    if not requests:
        return 0
    jobs = await work.tx.lock_jobs(sorted({(each.group, each.job) for each in requests}))
    runs, of_jobs, gone = list[Run](), list[Job](), list[Run]()
    for request in requests:
        job = jobs.get((request.group, request.job))
        if job is not None and job.id == request.job_id:
            runs.append(_run(request, job, work))
            of_jobs.append(job)
        else:
            gone.append(_run(request, _deleted(request), work))
    await _insert(work, runs)
    seek_room(work, zip(of_jobs, runs, strict=True))
    await _stop(work, gone, "JobGone", "its job was deleted before it could begin")
    return len(requests)


def _run(request: StartRequest, job: Job, work: Work) -> Run:
    return queued_run(
        request.run_id,
        job,
        request.arguments,
        request.trace_id,
        work.now,
        request.due_at or work.now,
        unique_key=request.unique_key,
        priority=request.priority,
    )


def _deleted(request: StartRequest) -> Job:
    """A stand-in: of a job that is gone, its runs need the name alone."""
    return Job(
        id=request.job_id,
        name=request.job,
        group=request.group,
        kind="command",
        spec={"argv": [request.job]},
    )


async def _insert(work: Work, runs: Sequence[Run]) -> None:
    stored = await work.tx.insert_runs(runs) if runs else set()
    work.runs_changed([run for run in runs if run.id in stored])
    late = [run for run in runs if run.id not in stored]
    if not late:
        return
    keys = [(run.job_id, run.unique_key) for run in late if run.unique_key is not None]
    holders = await work.tx.live_runs_by_key(keys)
    for run in late:
        holder = holders.get((run.job_id, run.unique_key or ""))
        other = "another run" if holder is None else f"run {holder.id}"
        await _stop(work, [run], "UniqueKey", f"{other} has its unique key {run.unique_key!r}")


async def _stop(work: Work, runs: Sequence[Run], type: str, reason: str) -> None:
    """Have the history tell of runs that were never to begin."""
    keyless = [amended(run, unique_key=None) for run in runs]
    await insert_fresh_runs(work, keyless)
    if keyless:
        await stop_unheld(work, keyless, reason, type=type)
