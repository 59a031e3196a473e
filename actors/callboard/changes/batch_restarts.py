"""RestartRun and StartNextInstance: what operators ask for beside plain starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from callboard.changes.batch_begin import last_parameters
from callboard.changes.batch_ends import settle_instances
from callboard.changes.job_room import check_room
from callboard.changes.retry_runs import restart_locked
from callboard.changes.run_starts import start_runs
from callboard.changes.runs import queued_run
from callboard.changes.work import Work
from callboard.commands import RestartRun, StartNextInstance, StartRuns
from callboard.domain.batch_increment import incremented, told
from callboard.domain.batch_parameter import rules_from_spec
from callboard.domain.batch_refusal import job_not_batch, not_batch
from callboard.domain.given_terms import GivenTerms
from callboard.domain.job import Job, OnFull
from callboard.domain.run import NewRun, Run
from callboard.domain.states import RunState
from callboard.errors import Conflict, InvalidInput, NotFound, RefusedError, UsageError
from callboard.store.contract import IdempotencyRecord

TRIES: Final = 100
"""How often the next instance is worked out anew because somebody else has just made it."""


async def restart_run(work: Work, command: RestartRun) -> Run:
    async def restart() -> Run:
        run = (await work.tx.lock_runs([command.run_id])).get(command.run_id)
        if run is None:
            run = await _left_the_history(work, command.run_id)
        if not run.is_batch:
            raise not_batch(run.id, run.job)
        return await restart_locked(work, run, command.steps)

    return await _once(work, command.idempotency_key, "restart", restart)


async def _left_the_history(work: Work, run_id: int) -> Run:
    """A stand-in for a run that was pruned: its instance has all that a restart needs."""
    batch = (await work.tx.find_batch_runs([run_id])).get(run_id)
    if batch is None:
        raise NotFound("run", run_id)
    instance = (await work.tx.find_instances([batch.instance_id]))[batch.instance_id]
    job = await _batch_job(work, instance.group, instance.job)
    run = queued_run(
        run_id,
        job,
        batch.arguments,
        work.new_trace_id(),
        work.now,
        work.now,
        given=GivenTerms(instance_id=instance.id),
    )
    return replace(run, state=RunState.FAILED, ended_at=work.now)


async def start_next_instance(work: Work, command: StartNextInstance) -> Run:
    async def start() -> Run:
        return await _start_next(work, command)

    return await _once(work, command.idempotency_key, "next", start)


async def _once(
    work: Work, key: str | None, what: str, change: Callable[[], Awaitable[Run]]
) -> Run:
    """The answer of the first time; of a key of its own: starts of runs have theirs."""
    if key is None:
        return await change()
    fresh = IdempotencyRecord(key=f"{what} {key}", digest="", created_at=work.now)
    present = await work.tx.insert_idempotency(fresh)
    known = present or fresh
    before = await work.tx.read_runs(known.run_ids) if known.run_ids else {}
    if before:
        return before[known.run_ids[0]]
    try:
        run = await change()
    except (RefusedError, UsageError):
        if present is None:
            await work.tx.delete_idempotency(fresh.key)
        raise
    await work.tx.update_idempotency(replace(known, run_ids=(run.id,)))
    return run


async def _start_next(work: Work, command: StartNextInstance) -> Run:
    job = await _batch_job(work, command.group, command.job)
    # Asked here, as of an operator's retry: a start by itself would only be decided at the end.
    await check_room(work, job)
    rules = rules_from_spec(job.spec)
    for _ in range(TRIES):
        await settle_instances(work)
        last_id, last = await last_parameters(work, job.group, job.name)
        arguments = incremented(
            rules, last, overrides=command.arguments, call=told(command.by_code)
        )
        terms = GivenTerms(on_full=OnFull.QUEUE)
        new = NewRun(job=job.name, group=job.group, arguments=arguments, terms=terms)
        try:
            (run,) = await start_runs(work, StartRuns(runs=(new,)))
        except InvalidInput as error:
            raise error.within("runs[0]") from None
        except Conflict as refusal:
            if refusal.code != "instance_already_exists":
                raise
            if await _last_id(work, job) == last_id:
                raise
        else:
            return run
    raise Conflict("unique_key_busy", f"too many instances of job {job.name!r} are made at once")


async def _batch_job(work: Work, group: str, name: str) -> Job:
    job = (await work.tx.lock_jobs([(group, name)])).get((group, name))
    if job is None:
        raise NotFound("job", name)
    if job.kind != "batch":
        raise job_not_batch(name)
    return job


async def _last_id(work: Work, job: Job) -> int:
    last = await work.tx.last_instance(job.group, job.name)
    return 0 if last is None else last.id
