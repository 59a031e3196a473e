"""Whether a run of an instance can follow, and what it begins with."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from callboard.changes.batch_begin import live_run_of, read_outline
from callboard.changes.batch_ends import settle_instances
from callboard.changes.work import Work
from callboard.domain.amend import amended
from callboard.domain.batch_instance import BatchInstance, BatchRun
from callboard.domain.batch_refusal import job_not_batch
from callboard.domain.batch_restart_check import checked_definition
from callboard.domain.batch_step import EXECUTING
from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.run import Run
from callboard.errors import NotFound

NO_NAMES: Final[JsonObject] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """A restart that nothing stands in the way of, until the commit."""

    job: Job
    instance: BatchInstance
    of: BatchRun
    """The run that is restarted: the new one has its parameters."""
    last: BatchRun
    """The last run of the instance: the new one goes on with its context."""
    definition: JsonObject
    """Steps and flow as the job has them now."""
    names: JsonObject = field(default_factory=dict)


async def check_restart(work: Work, run: Run, names: JsonObject = NO_NAMES) -> Restart:
    """The restart of a run of an instance; nothing is written.

    Raises:
        NotFound: the job, the instance.
        InvalidInput: of a name at `steps.name`.
        Conflict: as of RestartRun.
    """
    await settle_instances(work)
    job = await batch_job_of(work, run)
    instance_id = run.instance_id or 0
    instance = (await work.tx.lock_instances([instance_id])).get(instance_id)
    if instance is None:
        raise NotFound("instance", instance_id)
    outline = await read_outline(work, instance, run.id, instance.last_run_id)
    live = await live_run_of(work, instance)
    definition = checked_definition(outline, job, run.id, live, names)
    runs = {batch.run_id: batch for batch in outline.runs}
    return Restart(
        job=job,
        instance=instance,
        of=runs[run.id],
        last=runs[instance.last_run_id],
        definition=definition,
        names=dict(names),
    )


async def prepared(work: Work, run: Run, restart: Restart) -> Run:
    """The run that the next attempt is made of; what that begins with is noted, nothing written."""
    work.drafts[restart.instance.id] = BatchRun(
        run_id=0,
        instance_id=restart.instance.id,
        arguments=restart.of.arguments,
        references=restart.of.references,
        context=restart.last.context,
        exit_code=EXECUTING,
        definition=restart.definition,
        mapped=restart.names or None,
    )
    last = (await work.tx.read_runs([restart.last.run_id])).get(restart.last.run_id)
    attempt = run.attempt if last is None else max(run.attempt, last.attempt)
    return amended(run, job_id=restart.job.id, attempt=attempt, arguments=restart.of.arguments)


async def rename_steps(work: Work, restart: Restart) -> None:
    """Let the history have the names that it was mapped to, once the new run is there."""
    if restart.names:
        await work.tx.rename_steps(restart.instance.id, restart.names)


async def batch_job_of(work: Work, run: Run) -> Job:
    """The run's job, locked. By name: one that was deleted and made anew goes on with the instances
    of the old one. Raises NotFound, Conflict not_batch."""
    name = (run.group, run.job)
    job = (await work.tx.lock_jobs([name])).get(name)
    if job is None:
        raise NotFound("job", run.job)
    if job.kind != "batch":
        raise job_not_batch(job.name)
    return job
