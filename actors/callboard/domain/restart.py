"""Slots that something else than an instant makes: a start of the cluster, the end of a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from callboard.domain.schedule import next_slot
from callboard.domain.timetable import MICROSECOND
from callboard.domain.trigger import Trigger, TriggerState, left_without_slots, with_next_slot


def restarted(trigger: Trigger, now: datetime) -> Trigger:
    """An active @reboot trigger with the slot of a start of the cluster at `now` (C19).

    The slot is later than every decided one, also where the clock has not moved on. One that still
    waits for its first slot keeps it.
    """
    if trigger.next_slot is not None and trigger.next_slot > now:
        return trigger
    at = now if trigger.last_slot is None else max(now, trigger.last_slot + MICROSECOND)
    return _anchored(trigger, at, at)


def rearmed(trigger: Trigger, ended_at: datetime) -> Trigger:
    """A delay trigger after the end of its last live run: its next slot counts from there.

    A paused one keeps that in mind; one that does not fire any more is left alone.
    """
    if trigger.last_slot is not None:
        ended_at = max(ended_at, trigger.last_slot)
    if trigger.state is TriggerState.PAUSED:
        return replace(trigger, anchor_at=ended_at)
    if trigger.state is not TriggerState.ACTIVE:
        return trigger
    slot = next_slot(trigger.schedule, after=ended_at, anchor=ended_at)
    return _anchored(trigger, ended_at, slot)


def deferred(trigger: Trigger, now: datetime) -> Trigger:
    """A delay trigger after a slot that started nothing: as if a run had ended at `now`.

    Where its calendars leave `now` out, as if one ended together with that stretch; where that
    does not end, it is parked.
    """
    exclusion = trigger.timetable.exclusion
    if exclusion is not None:
        excluded, until = exclusion.stretch(now)
        if excluded:
            return left_without_slots(trigger) if until is None else rearmed(trigger, until)
    return rearmed(trigger, now)


def _anchored(trigger: Trigger, anchor: datetime, slot: datetime | None) -> Trigger:
    """The trigger counting from `anchor`, its slot without regard to bounds and calendars."""
    fresh = replace(trigger, anchor_at=anchor)
    if slot is None or (trigger.end_at is not None and slot >= trigger.end_at):
        return replace(fresh, state=TriggerState.COMPLETED, next_slot=None)
    return with_next_slot(fresh, fresh.slot_after(fresh.cursor))
