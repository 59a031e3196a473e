"""Which of the wanted retries there will be: within the time of the chain and the job's budget."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from callboard.changes.work import Work
from callboard.commands import EndedRun
from callboard.domain.run import RunError
from callboard.domain.states import ON_NODE


async def allowed_retries(
    work: Work, every: Sequence[EndedRun], *, but: Collection[int]
) -> Sequence[EndedRun]:
    """The same ends; one whose retry is refused has none, and its error says why.

    Decided before the ends are written, so that the error tells of it: the runs are locked.

    Args:
        but: ids of the runs that do not fail, whatever their nodes say.
    """
    if not any(_may_be_refused(one) for one in every):
        return every
    refused = {
        one.end.run_id: "the time of its chain of attempts is over by then"
        for one in every
        if _is_beyond_chain(one, work.now)
    }
    refused |= await _not_restartable(work, every)
    asking = {
        one.end.run_id: one
        for one in every
        if one.retry_after_s is not None and one.budget is not None
    }
    refused |= await _beyond_budget(work, asking, refused.keys() | set(but))
    return [
        _without_retry(one, why) if (why := refused.get(one.end.run_id)) is not None else one
        for one in every
    ]


def _may_be_refused(one: EndedRun) -> bool:
    return one.retry_after_s is not None and (one.budget is not None or one.run.terms is not None)


async def _not_restartable(work: Work, every: Sequence[EndedRun]) -> dict[int, str]:
    """Runs of batch jobs that are not restartable: the next attempt would be a restart."""
    batch = [one.run for one in every if one.retry_after_s is not None and one.run.is_batch]
    jobs = await work.tx.lock_jobs(sorted({(run.group, run.job) for run in batch})) if batch else {}
    return {
        run.id: "the job is not restartable"
        for run in batch
        if (job := jobs.get((run.group, run.job))) is not None
        and job.spec.get("restartable") is False
    }


def _is_beyond_chain(one: EndedRun, now: datetime) -> bool:
    until = None if one.run.terms is None else one.run.terms.chain_until
    if one.retry_after_s is None or until is None:
        return False
    return now + timedelta(seconds=one.retry_after_s) >= until


async def _beyond_budget(
    work: Work, asking: dict[int, EndedRun], but: Collection[int]
) -> dict[int, str]:
    """Why not, by run id, for what the budgets of the jobs have no room for; first come, first
    served. What is stopped, or not held any more, takes nothing of them."""
    wanted = sorted(asking.keys() - set(but))
    runs = await work.tx.lock_runs(wanted) if wanted else {}
    by_job: defaultdict[int, list[EndedRun]] = defaultdict(list)
    for run_id, one in asking.items():
        run = runs.get(run_id)
        if run is None or run.state not in ON_NODE:
            continue
        if not run.is_of_claim(one.end.epoch, one.end.started_at):
            continue
        if run.stop_mode is None:
            by_job[run.job_id].append(one)
    refused: dict[int, str] = {}
    for name, ends in sorted((f"retry:{job_id}", ends) for job_id, ends in by_job.items()):
        budget = ends[-1].budget
        assert budget is not None
        granted = await work.tx.take_rate(name, budget, len(ends))
        why = f"the job's retry budget of {budget.runs} in {budget.per_s:g} s is spent"
        refused |= {one.end.run_id: why for one in ends[granted:]}
    return refused


def _without_retry(one: EndedRun, why: str) -> EndedRun:
    error = one.end.error or RunError(type="NotRetried", message="it failed")
    error = replace(error, message=f"{error.message}; not retried: {why}")
    return replace(one, end=replace(one.end, error=error), retry_after_s=None)
