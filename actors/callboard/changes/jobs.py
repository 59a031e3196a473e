"""Changes of jobs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from callboard.changes.creations import action_problems
from callboard.changes.naming import first_of
from callboard.changes.stops import stop_unheld
from callboard.changes.versions import as_successor, check_version
from callboard.changes.work import Work
from callboard.commands import CreateJob, DeleteJob, ReplaceJob
from callboard.domain.job import Job
from callboard.domain.trigger import TriggerState
from callboard.errors import AlreadyExists, Conflict, NotFound
from callboard.store.contract import TriggerFilter

STOPPED_PER_STEP = 10_000
TRIGGERS_CHECKED = 1000
TRIGGERS_NAMED = 20

logger = logging.getLogger(__name__)


async def create_job(work: Work, command: CreateJob) -> Job:
    job = await work.tx.insert_job(command.job)
    if job is None:
        raise AlreadyExists("job", command.job.name)
    work.job_changed(job)
    return job


async def replace_job(work: Work, command: ReplaceJob) -> tuple[Job, bool]:
    wanted = command.job
    present = await _lock(work, wanted.group, wanted.name)
    if present is None:
        if command.expected_version is not None:
            raise NotFound("job", wanted.name)
        return await create_job(work, CreateJob(job=wanted)), True
    check_version("job", present, command.expected_version)
    wanted = as_successor(_with_known_parameters(wanted, present), present)
    if wanted == present:
        return present, False
    stored = await work.tx.update_job(wanted)
    if stored is None:
        raise NotFound("job", wanted.name)
    work.job_changed(stored)
    await _warn_of_triggers(work, present, stored)
    return stored, False


def _with_known_parameters(wanted: Job, present: Job) -> Job:
    """With the present ones where they are the handler's, and nobody here could ask it."""
    is_same = wanted.kind == present.kind == "python" and (
        wanted.spec.get("handler") == present.spec.get("handler")
    )
    if wanted.parameters is None and is_same:
        return replace(wanted, parameters=present.parameters)
    return wanted


async def _warn_of_triggers(work: Work, before: Job, job: Job) -> None:
    """Name those that give it what it does not take any more; to refuse would stop a deploy."""
    if job.parameters is None or _taken(before) == _taken(job):
        return
    filter = TriggerFilter(group=job.group, job=job.name, limit=TRIGGERS_CHECKED)
    triggers = await work.tx.lock_triggers(filter, tuple(TriggerState))
    jobs = {(job.group, job.name): job}
    misfits = [each.name for each in triggers if action_problems(each, jobs, work.checks)]
    if misfits:
        logger.warning(
            "the parameters of job %r changed; what these triggers give it does not fit them, and "
            "their runs will be parked: %s",
            job.name,
            first_of(misfits, TRIGGERS_NAMED),
        )


def _taken(job: Job) -> tuple[object, ...]:
    return job.parameters, job.arguments, job.fixed_arguments


async def delete_job(work: Work, command: DeleteJob) -> None:
    job = await _lock(work, command.group, command.name)
    if job is None:
        raise NotFound("job", command.name)
    check_version("job", job, command.expected_version)
    users = await work.tx.triggers_of_job(command.group, command.name)
    if users:
        raise _in_use(job, "started", users)
    watchers = await work.tx.triggers_watching(command.group, command.name)
    if watchers:
        raise _in_use(job, "watched", watchers)
    while ids := await work.tx.queued_run_ids(job.id, STOPPED_PER_STEP):
        await stop_unheld(
            work, list((await work.tx.lock_runs(ids)).values()), "its job was deleted"
        )
    await work.tx.delete_job(job.id)
    work.job_deleted(job)


def _in_use(job: Job, how: str, triggers: Sequence[str]) -> Conflict:
    names = first_of(triggers)
    return Conflict(
        "job_in_use", f"job {job.name!r} is {how} by {names}: delete or change those first"
    )


async def _lock(work: Work, group: str, name: str) -> Job | None:
    jobs = await work.tx.lock_jobs([(group, name)], for_change=True)
    return jobs.get((group, name))
