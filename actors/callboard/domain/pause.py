"""A pause: how it begins, how it ends, and what becomes of its slots."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from callboard.domain.misfire import (
    SlotPlan,
    decisions,
    is_due,
    pause_entries,
    plan_slots,
    planned,
)
from callboard.domain.timetable import MICROSECOND
from callboard.domain.trigger import Trigger, TriggerState
from callboard.errors import BugError


class Missed(StrEnum):
    """What a resume does with the slots of the pause."""

    SKIP = "skip"
    """They are skipped, with the reason `paused` (M05)."""
    CATCH_UP = "catch_up"
    """They are missed slots: the misfire policy decides them."""


def paused(trigger: Trigger, now: datetime, until: datetime | None) -> Trigger:
    """The trigger, which has no undecided slot before `now`, without slots until `until`.

    A paused one gets the new end. The pause is half-open: a slot at `until` fires.
    """
    if trigger.state not in (TriggerState.ACTIVE, TriggerState.PAUSED):
        raise BugError(f"trigger {trigger.id} is {trigger.state}, so it cannot be paused")
    return replace(trigger, state=TriggerState.PAUSED, next_slot=None, resume_at=until)


def resumed(trigger: Trigger, now: datetime, missed: Missed) -> SlotPlan:
    """The end of a pause at `now`: the decisions for its slots, and the active trigger.

    With `skip` the pause is one range entry; a slot exactly at `now` fires. Where there are more
    decisions than one plan holds, the trigger is due at once for the rest.
    """
    if trigger.state is not TriggerState.PAUSED:
        raise BugError(f"trigger {trigger.id} is {trigger.state}, so it cannot be resumed")
    if missed is Missed.CATCH_UP:
        return planned(trigger, decisions(trigger, trigger.cursor + MICROSECOND, now), now)
    if is_due(trigger, now):
        return plan_slots(trigger, now)
    before = now - MICROSECOND
    return planned(trigger, pause_entries(trigger, before), now, decided=before)
