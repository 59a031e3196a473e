"""What event triggers are told, kept until it makes a slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from callboard.changes.work import Work
from callboard.commands import TellEvent
from callboard.domain.event_batches import told
from callboard.domain.misfire import SlotPlan
from callboard.domain.trigger import Trigger, TriggerState
from callboard.errors import Conflict, NotFound, RefusedError

Triggers: TypeAlias = Mapping[tuple[str, str], Trigger]
"""By group and name."""


async def tell_events(work: Work, commands: Sequence[TellEvent]) -> list[Trigger | RefusedError]:
    """The answers to all that is told in one commit, in its order: nodes may be told much at once,
    of many triggers, and one lock of them all hinders nobody."""
    names = sorted({(each.group, each.name) for each in commands})
    locked = await work.tx.lock_triggers_by_name(names)
    present, answers = dict(locked), list[Trigger | RefusedError]()
    for command in commands:
        name = command.group, command.name
        try:
            present[name] = _told(present.get(name), command, work.now)
        except RefusedError as refusal:
            answers.append(refusal)
        else:
            answers.append(present[name])
    await _store(work, locked, present)
    return answers


def _told(trigger: Trigger | None, command: TellEvent, now: datetime) -> Trigger:
    if trigger is None:
        raise NotFound("trigger", command.name)
    _check_listening(trigger, now)
    return told(trigger, command.count, now)


async def _store(work: Work, before: Triggers, present: Triggers) -> None:
    plans = [
        SlotPlan(before=trigger, after=after, entries=())
        for name, trigger in before.items()
        if (after := present[name]) is not trigger
    ]
    plans.sort(key=lambda plan: plan.before.id)
    if not plans:
        return
    await work.tx.gather_events([plan.after for plan in plans])
    moved = [plan for plan in plans if plan.after.next_slot != plan.before.next_slot]
    await work.tx.advance_triggers(moved)
    for plan in moved:
        work.trigger_moved(plan.after)


def _check_listening(trigger: Trigger, now: datetime) -> None:
    """Nothing is taken on that would not come to anything."""
    name = f"trigger {trigger.name!r}"
    if trigger.schedule.kind != "event":
        reason = f"{name} is of the kind {trigger.schedule.kind}: only event triggers are told"
        raise Conflict("not_event_trigger", reason)
    if trigger.state is not TriggerState.ACTIVE:
        raise Conflict("trigger_not_active", f"{name} is {trigger.state}, not active")
    if trigger.start_at is not None and now < trigger.start_at:
        raise Conflict("trigger_not_active", f"{name} starts at {trigger.start_at.isoformat()}")
    if trigger.end_at is not None and now >= trigger.end_at:
        raise Conflict("trigger_not_active", f"{name} ended at {trigger.end_at.isoformat()}")
