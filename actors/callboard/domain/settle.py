"""Everything up to now decided, before the definition of a trigger changes (D09)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import islice

from callboard.domain.event_batches import behind_batches
from callboard.domain.ledger import LedgerEntry
from callboard.domain.misfire import (
    MOST_PER_PLAN,
    SlotPlan,
    decisions,
    is_due,
    pause_entries,
    plan_slots,
)
from callboard.domain.timetable import MICROSECOND
from callboard.domain.trigger import Trigger, TriggerState


def settled(trigger: Trigger, now: datetime) -> SlotPlan | None:
    """Decisions for slots up to `now` that are not decided yet; None: there are none (any more).

    To be called again with what comes behind the plan, until there is none. A paused trigger stays
    paused, unless the end of its pause has come; an active one that is not due keeps its next slot.
    """
    if is_due(trigger, now):
        return plan_slots(trigger, now)
    match trigger.state:
        case TriggerState.PAUSED:
            return _written(trigger, pause_entries(trigger, now))
        case TriggerState.ACTIVE:
            return _written(trigger, decisions(trigger, trigger.cursor + MICROSECOND, now))
        case _:
            return None


def _written(trigger: Trigger, entries: Iterable[LedgerEntry]) -> SlotPlan | None:
    kept = tuple(islice(entries, MOST_PER_PLAN))
    if not kept:
        return None
    after = replace(trigger, last_slot=kept[-1].until or kept[-1].slot)
    if trigger.schedule.kind == "event":
        after = behind_batches(after, kept, kept[-1].slot)
    return SlotPlan(before=trigger, after=after, entries=kept)
