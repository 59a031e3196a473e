"""A batch run begins on its node: it gets its instance, if it has none yet.

Steps that an earlier holder of the run left running have failed. A run that a trigger, a workflow
or a caller's transaction created has no instance: what it was not given of its parameters is filled
in now, by its slot or from the last instance.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from callboard.changes.batch_cuts import store_cuts
from callboard.changes.batch_ends import settle_instances
from callboard.changes.batch_held import held_run
from callboard.changes.work import Work
from callboard.commands import BeginBatchRun
from callboard.domain.batch_arguments import Parameters, canonical
from callboard.domain.batch_identity import identity_key
from callboard.domain.batch_increment import filled
from callboard.domain.batch_instance import BatchHistory, BatchInstance, BatchRun, BegunRun
from callboard.domain.batch_life import taken_over
from callboard.domain.batch_parameter import ParameterRule, rules_from_spec
from callboard.domain.batch_refusal import (
    definition_refusal,
    not_batch,
    run_not_held,
    start_refusal,
)
from callboard.domain.job import Job
from callboard.domain.json import JsonObject
from callboard.domain.run import Run
from callboard.domain.run_terms import RunTerms
from callboard.domain.schedule import slot_local
from callboard.errors import Conflict, InvalidInput, NotFound

FILLS: Final = 100
"""How often the next parameters are worked out anew because somebody else has just taken them."""


async def begin_batch_run(work: Work, command: BeginBatchRun) -> BegunRun:
    run = await held_run(work, command.run_id, command.epoch)
    if not run.is_batch:
        # Its job was of another kind when it was created: its end would settle no instance.
        raise not_batch(run.id, run.job)
    await settle_instances(work)
    if run.instance_id is None:
        return await _begin_new(work, run, command.definition)
    instance = (await work.tx.lock_instances([run.instance_id])).get(run.instance_id)
    if instance is None or instance.live_run_id != run.id:
        raise run_not_held(run.id)
    await _take_over(work, instance)
    outline = await read_outline(work, instance, run.id)
    (batch,) = outline.runs
    refusal = definition_refusal(outline, batch.definition, command.definition)
    if refusal is not None:
        raise refusal
    begun = replace(batch, definition=command.definition, begun_at=batch.begun_at or work.now)
    if begun != batch:
        await work.tx.update_batch_runs([begun])
    is_first = not outline.steps and not outline.moves
    return BegunRun(instance=instance, run=begun, is_first=is_first)


async def read_outline(work: Work, instance: BatchInstance, *run_ids: int) -> BatchHistory:
    """What the locked instance has done, as far as it says whether a run can go on: these of its
    runs, the last execution of each step and those that run, by which ways nodes were left. The
    whole would keep the job store for seconds where there are very many partitions, or rounds."""
    runs = await work.tx.find_batch_runs(run_ids)
    return BatchHistory(
        instance=instance,
        runs=tuple(runs[run_id] for run_id in sorted(runs)),
        steps=tuple(await work.tx.outline_of_instance(instance.id)),
        moves=tuple(await work.tx.ways_of_instance(instance.id)),
    )


async def live_run_of(work: Work, instance: BatchInstance) -> Run | None:
    """The run that the instance says is live; nothing is locked."""
    if instance.live_run_id is None:
        return None
    return (await work.tx.read_runs([instance.live_run_id])).get(instance.live_run_id)


async def last_parameters(work: Work, group: str, job: str) -> tuple[int, JsonObject | None]:
    """Of the last run of the job's last instance, and that instance's id; 0: there is none."""
    last = await work.tx.last_instance(group, job)
    if last is None:
        return 0, None
    batch = (await work.tx.find_batch_runs([last.last_run_id])).get(last.last_run_id)
    return last.id, last.parameters if batch is None else batch.arguments


async def _take_over(work: Work, instance: BatchInstance) -> None:
    """End the steps that an earlier holder left running."""
    left = await work.tx.lock_running_steps([instance.id])
    ended = [taken_over(step, work.now) for step in left]
    await store_cuts(work, {instance.id: instance}, ended)


async def _begin_new(work: Work, run: Run, definition: JsonObject) -> BegunRun:
    name = (run.group, run.job)
    job = (await work.tx.lock_jobs([name])).get(name)
    if job is None:
        raise NotFound("job", run.job)
    instance, parameters = await _new_instance(work, run, job)
    terms = replace(run.terms or RunTerms(), instance_id=instance.id)
    await work.tx.update_runs([replace(run, terms=terms)])
    batch = BatchRun(
        run_id=run.id,
        instance_id=instance.id,
        arguments=parameters.values,
        references=parameters.references,
        definition=definition,
        begun_at=work.now,
    )
    await work.tx.insert_batch_run(batch)
    return BegunRun(instance=instance, run=batch, is_first=True)


async def _new_instance(work: Work, run: Run, job: Job) -> tuple[BatchInstance, Parameters]:
    """A new instance with the run's parameters. Where they go on from the last instance's, and
    another run has taken them meanwhile, they go on from that one's."""
    rules = rules_from_spec(job.spec)
    slot = await _slot_of(work, run, rules)
    seen = -1
    for _ in range(FILLS):
        last_id, last = await last_parameters(work, run.group, run.job)
        given = filled(rules, run.arguments, slot=slot, last=last)
        parameters = canonical(rules, given)
        wanted = BatchInstance(
            group=run.group,
            job=run.job,
            key=identity_key(parameters),
            parameters=parameters.identifying,
            live_run_id=run.id,
            last_run_id=run.id,
        )
        instance, is_new = await work.tx.insert_instance(wanted)
        if is_new:
            return instance, parameters
        if last_id == seen or given == run.arguments:
            raise start_refusal(instance, await live_run_of(work, instance))
        seen = last_id
    raise Conflict("unique_key_busy", f"too many runs of job {run.job!r} begin at once")


async def _slot_of(
    work: Work, run: Run, rules: tuple[ParameterRule, ...] | None
) -> datetime | None:
    """The instant of its slot, in the zone of its trigger: a date by slot is the date there."""
    if run.slot is None or run.trigger is None or not any(rule.by_slot for rule in rules or ()):
        return run.slot
    trigger = await work.tx.lock_trigger(run.group, run.trigger)
    if trigger is None or trigger.id != run.trigger_id:
        return run.slot
    try:
        return slot_local(trigger.schedule, run.slot)
    except InvalidInput:  # its zone is gone since
        return run.slot
