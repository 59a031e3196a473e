"""Changes of triggers, but for the passing of their slots."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from callboard.changes.runs import start_runs
from callboard.changes.slots import fire_slots
from callboard.changes.work import Work
from callboard.commands import (
    ActivateTrigger,
    CreateTrigger,
    DeactivateTrigger,
    DeleteTrigger,
    FireSlots,
    FireTrigger,
    ParkTrigger,
    ReplaceTrigger,
    StartRuns,
)
from callboard.domain.misfire import is_due, plan_slots
from callboard.domain.run import NewRun, Run, merge_arguments
from callboard.domain.trigger import Trigger, TriggerState, activated
from callboard.errors import AlreadyExists, FieldProblem, InvalidInput, NotFound, StaleVersion


async def create_trigger(work: Work, command: CreateTrigger) -> Trigger:
    await _check_jobs(work, command.trigger)
    idle = replace(command.trigger, state=TriggerState.INACTIVE, next_slot=None)
    trigger = await work.tx.insert_trigger(activated(idle, work.now) if command.activate else idle)
    if trigger is None:
        raise AlreadyExists("trigger", command.trigger.name)
    work.trigger_changed(trigger)
    return trigger


async def replace_trigger(work: Work, command: ReplaceTrigger) -> tuple[Trigger, bool]:
    wanted = command.trigger
    present = await work.tx.lock_trigger(wanted.group, wanted.name)
    if present is None:
        if command.expected_version is not None:
            raise NotFound("trigger", wanted.name)
        creation = CreateTrigger(trigger=wanted, activate=command.activate)
        return await create_trigger(work, creation), True
    _check_version(present, command.expected_version)
    if _edited(present, wanted, work.now) == present:
        return present, False
    await _check_jobs(work, wanted)
    if wanted.timing != present.timing:
        present = await _settled(work, present)
    return await _store(work, _edited(present, wanted, work.now)), False


async def _settled(work: Work, trigger: Trigger) -> Trigger:
    """The trigger with every slot that is due already decided by its present definition (D09)."""
    while trigger.state is TriggerState.ACTIVE and is_due(trigger, work.now):
        plan = plan_slots(trigger, work.now)
        await fire_slots(work, [FireSlots(plans=(plan,))])
        trigger = plan.after
    return trigger


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
    )
    if edited.timing == present.timing:
        return edited
    edited = replace(edited, generation=present.generation + 1)
    if present.state is TriggerState.INACTIVE:
        return edited
    fresh = activated(edited, now)
    if present.state is TriggerState.PAUSED and fresh.state is TriggerState.ACTIVE:
        return replace(fresh, state=TriggerState.PAUSED)
    return fresh


async def delete_trigger(work: Work, command: DeleteTrigger) -> None:
    trigger = await _locked(work, command.group, command.name, command.expected_version)
    await _settled(work, trigger)
    await work.tx.delete_trigger(trigger.id)
    work.trigger_deleted(replace(trigger, state=TriggerState.INACTIVE, next_slot=None))


async def activate_trigger(work: Work, command: ActivateTrigger) -> Trigger:
    trigger = await _locked(work, command.group, command.name, command.expected_version)
    if trigger.state is TriggerState.ACTIVE:
        return trigger
    fresh = replace(trigger, generation=trigger.generation + 1, firings=0)
    return await _store(work, activated(fresh, work.now))


async def deactivate_trigger(work: Work, command: DeactivateTrigger) -> Trigger:
    trigger = await _locked(work, command.group, command.name, command.expected_version)
    if trigger.state is TriggerState.INACTIVE:
        return trigger
    trigger = await _settled(work, trigger)
    return await _store(work, replace(trigger, state=TriggerState.INACTIVE, next_slot=None))


async def park_trigger(work: Work, command: ParkTrigger) -> None:
    trigger = command.trigger
    parked = replace(
        trigger, state=TriggerState.PARKED, next_slot=None, reason=command.reason[:1000]
    )
    stored = await work.tx.update_trigger(parked)
    if stored is not None:
        work.trigger_changed(stored)


async def fire_trigger(work: Work, command: FireTrigger) -> tuple[Run, ...]:
    trigger = await _locked(work, command.group, command.name, None)
    runs = tuple(
        NewRun(
            job=action.job,
            group=trigger.group,
            arguments=merge_arguments(action.arguments, command.arguments),
            trigger_id=trigger.id,
            trigger=trigger.name,
        )
        for action in trigger.actions
    )
    return await start_runs(work, StartRuns(runs=runs))


async def _locked(work: Work, group: str, name: str, expected: int | None) -> Trigger:
    trigger = await work.tx.lock_trigger(group, name)
    if trigger is None:
        raise NotFound("trigger", name)
    _check_version(trigger, expected)
    return trigger


async def _store(work: Work, trigger: Trigger) -> Trigger:
    stored = await work.tx.update_trigger(trigger)
    if stored is None:
        raise NotFound("trigger", trigger.name)
    work.trigger_changed(stored)
    return stored


async def _check_jobs(work: Work, trigger: Trigger) -> None:
    names = sorted({(trigger.group, action.job) for action in trigger.actions})
    known = await work.tx.lock_jobs(names)
    problems = [
        FieldProblem(
            f"actions[{index}].job",
            f"there is no job {action.job!r} in the group {trigger.group!r}",
            "create it first",
        )
        for index, action in enumerate(trigger.actions)
        if (trigger.group, action.job) not in known
    ]
    if problems:
        raise InvalidInput(*problems)


def _check_version(trigger: Trigger, expected: int | None) -> None:
    if expected is not None and expected != trigger.version:
        raise StaleVersion("trigger", trigger.name, expected=expected, present=trigger.version)
