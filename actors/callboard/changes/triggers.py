"""Changes of triggers, but for the passing of their slots."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from callboard.changes.calendars import obeying
from callboard.changes.conditions import check_links, job_names, rewatch, watch_problems
from callboard.changes.creations import action_problems, create_trigger, job_problems
from callboard.changes.overlap import open_gate
from callboard.changes.run_starts import start_runs
from callboard.changes.sequence import policy_edited, trigger_deleted
from callboard.changes.settle import behind_runs, settle
from callboard.changes.versions import check_version
from callboard.changes.work import Work
from callboard.changes.workflow_begin import begun, open_workflows, start_actions, store_begun
from callboard.changes.workflow_members import open_members
from callboard.commands import (
    ActivateTrigger,
    CreateTrigger,
    DeactivateTrigger,
    DeleteTrigger,
    FireTrigger,
    ParkTrigger,
    ReplaceTrigger,
    StartRuns,
)
from callboard.domain.event_batches import gathering
from callboard.domain.job import Job
from callboard.domain.parameters import MOST_PROBLEMS
from callboard.domain.pause import paused
from callboard.domain.run import NewRun, Run, merge_arguments
from callboard.domain.trigger import Trigger, TriggerState, activated
from callboard.domain.workflow import is_inner
from callboard.errors import Conflict, FieldProblem, InvalidInput, NotFound, invalid


async def replace_trigger(work: Work, command: ReplaceTrigger) -> tuple[Trigger, bool]:
    wanted = await obeying(work, command.trigger)
    present = await work.tx.lock_trigger(wanted.group, wanted.name)
    if present is None:
        if command.expected_version is not None:
            raise NotFound("trigger", wanted.name)
        creation = CreateTrigger(trigger=wanted, activate=command.activate)
        return await create_trigger(work, creation), True
    check_version("trigger", present, command.expected_version)
    if wanted.workflow != present.workflow:
        place = "none" if present.workflow is None else f"workflow {present.workflow!r}"
        raise invalid("workflow", f"the trigger belongs to {place}, for good", "make another one")
    if _edited(present, wanted, work.now) == present:
        return present, False
    await _check_jobs(work, wanted, present)
    if wanted.workflow is not None:
        await _check_member(work, wanted)
    await check_links(work, wanted)
    if wanted.timing != present.timing:
        present = await _settled(work, present)
    stored = await _store(work, _edited(present, wanted, work.now))
    await rewatch(work, present, stored)
    await policy_edited(work, present, stored)
    return stored, False


async def _settled(work: Work, trigger: Trigger) -> Trigger:
    """The trigger with every slot up to now decided by its present definition (D09)."""
    return (await settle(work, [trigger]))[0]


def _edited(present: Trigger, wanted: Trigger, now: datetime) -> Trigger:
    """The new definition at the old one's place in time, unless the timing is another one."""
    edited = replace(
        present,
        schedule=wanted.schedule,
        actions=wanted.actions,
        description=wanted.description,
        misfire=wanted.misfire,
        overlap=wanted.overlap,
        start_at=wanted.start_at,
        end_at=wanted.end_at,
        max_firings=wanted.max_firings,
        jitter_s=wanted.jitter_s,
        flexible_window_s=wanted.flexible_window_s,
        calendars=wanted.calendars,
        deadlines=wanted.deadlines,
        on_missing=wanted.on_missing,
        labels=wanted.labels,
        annotations=wanted.annotations,
    )
    if edited.timing == present.timing:
        return edited
    edited = replace(edited, generation=present.generation + 1)
    if present.state is TriggerState.INACTIVE:
        return edited
    fresh = _gathering_on(present, activated(replace(edited, resume_at=None), now), now)
    if present.state is TriggerState.PAUSED and fresh.state is TriggerState.ACTIVE:
        return paused(fresh, now, present.resume_at)
    return fresh


def _gathering_on(present: Trigger, fresh: Trigger, now: datetime) -> Trigger:
    """The new definition with the events that the old one has gathered, where it takes any."""
    is_listening = fresh.schedule.kind == "event" and fresh.state is TriggerState.ACTIVE
    if present.gathered is None or not is_listening:
        return fresh
    return gathering(fresh, present.gathered, 0, now)


async def delete_trigger(work: Work, command: DeleteTrigger) -> None:
    trigger = await lock_trigger(work, command.group, command.name, command.expected_version)
    await _settled(work, trigger)
    await remove_trigger(work, trigger)


async def remove_trigger(work: Work, trigger: Trigger) -> None:
    """Delete a locked trigger, all of whose slots are decided."""
    await work.tx.delete_trigger(trigger.id)
    await trigger_deleted(work, trigger.id)
    work.trigger_deleted(_idle(trigger))


async def activate_trigger(work: Work, command: ActivateTrigger) -> Trigger:
    trigger = await lock_trigger(work, command.group, command.name, command.expected_version)
    if trigger.state is TriggerState.ACTIVE:
        return trigger
    _begun_again(trigger, work.now)  # refused, where it is, before anything is written
    await check_links(work, trigger)
    stored = await _store(work, _begun_again(await _settled(work, trigger), work.now))
    await rewatch(work, trigger, stored)
    return stored


def _begun_again(trigger: Trigger, now: datetime) -> Trigger:
    fresh = replace(trigger, generation=trigger.generation + 1, firings=0, resume_at=None)
    return activated(fresh, now)


async def deactivate_trigger(work: Work, command: DeactivateTrigger) -> Trigger:
    trigger = await lock_trigger(work, command.group, command.name, command.expected_version)
    if trigger.state is TriggerState.INACTIVE:
        return trigger
    return await _store(work, _idle(await _settled(work, trigger)))


def _idle(trigger: Trigger) -> Trigger:
    return replace(
        trigger, state=TriggerState.INACTIVE, next_slot=None, resume_at=None, gathered=None
    )


async def park_trigger(work: Work, command: ParkTrigger) -> None:
    seen = command.trigger
    trigger = await work.tx.lock_trigger(seen.group, seen.name)
    if trigger is None or (trigger.id, trigger.generation) != (seen.id, seen.generation):
        return
    if (trigger.state, trigger.wake_at) == (seen.state, seen.wake_at):
        await _store(work, parked(trigger, command.reason))


def parked(trigger: Trigger, reason: str) -> Trigger:
    """The trigger as it waits for an operator."""
    return replace(
        trigger,
        state=TriggerState.PARKED,
        next_slot=None,
        resume_at=None,
        reason=reason[:1000],
    )


async def fire_trigger(work: Work, command: FireTrigger) -> tuple[Run, ...]:
    await work.tx.lock_old_runs([(command.group, command.name)])
    trigger = await lock_trigger(work, command.group, command.name, None)
    if trigger.workflow is not None:
        return await fire_start(work, trigger, command)
    if not trigger.needs_its_jobs:
        await _lock_all_jobs(work, trigger)
    gate = await open_gate(work, [trigger] if command.overlap == "trigger" else [])
    trace_id = work.new_trace_id()
    due_at = gate.due_at(trigger.id, trace_id)
    runs = tuple(
        NewRun(
            job=action.job,
            group=trigger.group,
            arguments=merge_arguments(action.arguments, command.arguments),
            due_at=due_at,
            trigger_id=trigger.id,
            trigger=trigger.name,
            trace_id=trace_id,
            terms=action.terms,
        )
        for action in trigger.actions
    )
    try:
        started = await start_runs(work, StartRuns(runs=runs))
    except InvalidInput as error:
        raise InvalidInput(*_of_fire(error)) from None
    await gate.stop_old()
    return started


async def fire_start(work: Work, trigger: Trigger, command: FireTrigger) -> tuple[Run, ...]:
    """Begin a run of the workflow of the locked trigger, by hand."""
    if is_inner(trigger):
        raise Conflict(
            "not_start_trigger",
            f"trigger {trigger.name!r} fires within the runs of workflow {trigger.workflow!r}: "
            "start one of those",
        )
    jobs = await _lock_all_jobs(work, trigger)
    problems = [
        problem
        for action in trigger.actions
        for problem in work.checks.problems(
            jobs[trigger.group, action.job],
            merge_arguments(action.arguments, command.arguments),
            "arguments",
        )
    ]
    if problems:
        raise InvalidInput(*dict.fromkeys(problems[:MOST_PROBLEMS]))
    name = trigger.workflow or ""
    room = await open_workflows(work, [(trigger.group, name)])
    workflow = room.take(trigger.group, name)
    gate = await open_gate(work, [trigger] if command.overlap == "trigger" else [])
    trace_id = work.new_trace_id()
    due_at = gate.due_at(trigger.id, trace_id)
    run = await begun(work, workflow)
    runs, missing = await start_actions(
        work,
        run,
        trigger,
        jobs,
        arguments=command.arguments,
        due_at=due_at,
        trace_id=trace_id,
    )
    await store_begun(work, run, trigger, runs, missing)
    await gate.stop_old()
    return tuple(runs)


async def _lock_all_jobs(work: Work, trigger: Trigger) -> dict[tuple[str, str], Job]:
    """The jobs of its actions. Raises NotFound, naming the first that is not there."""
    jobs = await work.tx.lock_jobs(sorted({(trigger.group, each.job) for each in trigger.actions}))
    for action in trigger.actions:
        if (trigger.group, action.job) not in jobs:
            raise NotFound("job", action.job)
    return jobs


def _of_fire(error: InvalidInput) -> list[FieldProblem]:
    """The problems where whoever fires sees them: one set of arguments is for all the runs."""
    return list(
        dict.fromkeys(
            problem.within(problem.field.partition(".")[0])
            if problem.field.startswith("runs[")
            else problem
            for problem in error.problems
        )
    )


async def lock_trigger(work: Work, group: str, name: str, expected: int | None) -> Trigger:
    """The locked trigger. Raises NotFound, StaleVersion."""
    trigger = await work.tx.lock_trigger(group, name)
    if trigger is None:
        raise NotFound("trigger", name)
    check_version("trigger", trigger, expected)
    return trigger


async def _store(work: Work, trigger: Trigger) -> Trigger:
    (trigger,) = await behind_runs(work, [trigger])
    stored = await work.tx.update_trigger(trigger)
    if stored is None:
        raise NotFound("trigger", trigger.name)
    work.trigger_changed(stored)
    return stored


async def _check_member(work: Work, trigger: Trigger) -> None:
    """Raises InvalidInput, Conflict start_trigger for what its workflow cannot have."""
    members = await open_members(work, [trigger])
    problems = members.problems(trigger)
    if problems:
        raise InvalidInput(*problems)
    conflict = members.conflict(trigger)
    if conflict is not None:
        raise conflict


async def _check_jobs(work: Work, trigger: Trigger, present: Trigger) -> None:
    """Arguments only where the edit is about them: others may have ceased to fit since long."""
    jobs = await work.tx.lock_jobs(sorted(job_names(trigger)))
    problems = [*job_problems(trigger, jobs), *watch_problems(trigger, jobs)]
    if trigger.actions != present.actions:
        problems += action_problems(trigger, jobs, work.checks)
    if problems:
        raise InvalidInput(*problems)
