"""An operator's retry: another attempt after an ended run, or a parked run queued again.

Of a run of a batch job it is a restart of its instance, see batch_restart_checks.py.
"""

from __future__ import annotations

from dataclasses import replace

from callboard.changes.batch_restart_checks import (
    NO_NAMES,
    batch_job_of,
    check_restart,
    prepared,
    rename_steps,
)
from callboard.changes.job_room import check_room
from callboard.changes.overlap import Gate, open_gate
from callboard.changes.runs import NextAttempt, create_attempts
from callboard.changes.work import Work
from callboard.commands import RetryRun
from callboard.domain.batch_refusal import unbegun_refusal
from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.run import HELD, Run
from callboard.domain.run_terms import renewed_terms
from callboard.domain.states import UNSUCCESSFUL, RunEvent, RunState, advance
from callboard.errors import Conflict, NotFound


async def retry_run(work: Work, command: RetryRun) -> Run:
    run = (await work.tx.lock_runs([command.run_id])).get(command.run_id)
    if run is None:
        raise NotFound("run", command.run_id)
    return await retry_locked(work, run)


async def check_retry(work: Work, run: Run) -> Job | None:
    """Its job; None for a parked run, which can be queued again without it.

    Raises Conflict for a run that is neither parked nor such that its job can try it again.
    """
    if run.state is RunState.PARKED:
        return None
    if run.instance_id is not None:
        return (await check_restart(work, run)).job
    if run.state not in UNSUCCESSFUL:
        raise Conflict("not_retryable", f"run {run.id} is {run.state}; only an ended, failed one")
    job = (await work.tx.lock_jobs([(run.group, run.job)])).get((run.group, run.job))
    if job is None or job.id != run.job_id:
        raise Conflict("job_gone", f"the job {run.job!r} of run {run.id} was deleted")
    if job.disabled:
        raise Conflict("job_disabled", f"job {run.job!r} is disabled")
    return job


async def retry_locked(work: Work, run: Run) -> Run:
    """As RetryRun, of a run that is locked."""
    if run.instance_id is not None and run.state is not RunState.PARKED:
        return await restart_locked(work, run)
    job = await check_retry(work, run)
    if job is None:
        return await _release(work, run)
    return await _try_again(work, run, job, await _gate_of(work, run))


async def restart_locked(work: Work, run: Run, names: JsonObject = NO_NAMES) -> Run:
    """As RestartRun, of a locked run of a batch job; one that never got an instance has another
    attempt to get one."""
    if run.instance_id is None:
        return await _retry_unbegun(work, run)
    # Locked in the order of a slot's begin: the job, its trigger, the instance.
    await batch_job_of(work, run)
    gate = await _gate_of(work, run)
    restart = await check_restart(work, run, names)
    created = await _try_again(work, await prepared(work, run, restart), restart.job, gate)
    await rename_steps(work, restart)
    return created


async def _retry_unbegun(work: Work, run: Run) -> Run:
    if refusal := unbegun_refusal(run):
        raise refusal
    job = await check_retry(work, run)
    assert job is not None
    return await _try_again(work, run, job, await _gate_of(work, run))


async def _try_again(work: Work, run: Run, job: Job, gate: Gate) -> Run:
    again = NextAttempt(run=run, is_held=gate.holds(run), is_restart=True)
    if not again.is_held:
        await check_room(work, job)
    created = await create_attempts(work, [again])
    if not created:
        raise Conflict(
            "unique_key_busy", f"a live run has the key {run.unique_key!r} of run {run.id}"
        )
    await gate.stop_old()
    return created[0]


async def _release(work: Work, run: Run) -> Run:
    state = advance(run.state, RunEvent.REQUEUE)
    gate = await _gate_of(work, run)
    due_at = HELD if gate.holds(run) else work.now
    terms = renewed_terms(run.terms, work.now, due_at)
    queued = replace(
        run, state=state, crashes=0, error=None, progress=None, due_at=due_at, terms=terms
    )
    await work.tx.update_runs([queued])
    work.run_changed(queued)
    await gate.stop_old()
    return queued


async def _gate_of(work: Work, run: Run) -> Gate:
    """The gate of the run's trigger, which is locked, if there still is one."""
    if run.trigger is None:
        return await open_gate(work, [])
    await work.tx.lock_old_runs([(run.group, run.trigger)])
    trigger = await work.tx.lock_trigger(run.group, run.trigger)
    is_its_own = trigger is not None and trigger.id == run.trigger_id
    return await open_gate(work, [trigger] if trigger is not None and is_its_own else [])
