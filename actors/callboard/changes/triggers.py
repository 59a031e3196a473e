"""Changes of triggers, but for the passing of their slots."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from callboard.changes.calendars import obeying
from callboard.changes.conditions import check_links, job_names, rewatch, watch_problems
from callboard.changes.creations import action_problems, create_trigger, job_problems
from callboard.changes.overlap import open_gate
from callboard.changes.runs import start_runs
from callboard.changes.sequence import policy_edited, trigger_deleted
from callboard.changes.settle import behind_runs, settle
from callboard.changes.versions import check_version
from callboard.changes.work import Work
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
from callboard.domain.pause import paused
from callboard.domain.run import NewRun, Run, merge_arguments
from callboard.domain.trigger import Trigger, TriggerState, activated
from callboard.errors import FieldProblem, InvalidInput, NotFound


async def replace_trigger(work: Work, command: ReplaceTrigger) -> tuple[Trigger, bool]:
    wanted = await obeying(work, command.trigger)
    present = await work.tx.lock_trigger(wanted.group, wanted.name)
    if present is None:
        if command.expected_version is not None:
            raise NotFound("trigger", wanted.name)
        creation = CreateTrigger(trigger=wanted, activate=command.activate)
        return await create_trigger(work, creation), True
    check_version("trigger", present, command.expected_version)
    if _edited(present, wanted, work.now) == present:
        return present, False
    await _check_jobs(work, wanted, present)
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
    )
    if edited.timing == present.timing:
        return edited
    edited = replace(edited, generation=present.generation + 1)
    if present.state is TriggerState.INACTIVE:
        return edited
    fresh = activated(replace(edited, resume_at=None), now)
    if present.state is TriggerState.PAUSED and fresh.state is TriggerState.ACTIVE:
        return paused(fresh, now, present.resume_at)
    return fresh


async def delete_trigger(work: Work, command: DeleteTrigger) -> None:
    trigger = await lock_trigger(work, command.group, command.name, command.expected_version)
    await _settled(work, trigger)
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
    return replace(trigger, state=TriggerState.INACTIVE, next_slot=None, resume_at=None)


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
        )
        for action in trigger.actions
    )
    try:
        started = await start_runs(work, StartRuns(runs=runs))
    except InvalidInput as error:
        raise InvalidInput(*_of_fire(error)) from None
    await gate.stop_old()
    return started


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


async def _check_jobs(work: Work, trigger: Trigger, present: Trigger) -> None:
    """Arguments only where the edit is about them: others may have ceased to fit since long."""
    jobs = await work.tx.lock_jobs(sorted(job_names(trigger)))
    problems = [*job_problems(trigger, jobs), *watch_problems(trigger, jobs)]
    if trigger.actions != present.actions:
        problems += action_problems(trigger, jobs, work.checks)
    if problems:
        raise InvalidInput(*problems)
