"""What event triggers are told, kept until it makes a slot."""

from __future__ import annotations

from datetime import datetime

from callboard.changes.triggers import lock_trigger
from callboard.changes.work import Work
from callboard.commands import TellEvent
from callboard.domain.event_batches import told
from callboard.domain.misfire import SlotPlan
from callboard.domain.trigger import Trigger, TriggerState
from callboard.errors import Conflict


async def tell_event(work: Work, command: TellEvent) -> Trigger:
    trigger = await lock_trigger(work, command.group, command.name, None)
    _check_listening(trigger, work.now)
    after = told(trigger, command.count, work.now)
    await work.tx.gather_events([after])
    if after.next_slot != trigger.next_slot:
        await work.tx.advance_triggers([SlotPlan(before=trigger, after=after, entries=())])
        work.trigger_moved(after)
    return after


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
