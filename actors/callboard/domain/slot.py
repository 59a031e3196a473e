"""Slots of one trigger as people look at them: the ledger for the past, then the preview."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from callboard.domain.ledger import Decision, LedgerEntry, SkipReason
from callboard.domain.schedule import count_slots, slot_local, slot_marks
from callboard.domain.trigger import Trigger, TriggerState


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotView:
    """One slot, or a stretch of skipped ones."""

    slot: datetime
    local: datetime
    """The same instant in the trigger's zone."""
    decision: Decision
    reason: SkipReason | None = None
    fired_at: datetime | None = None
    run_ids: tuple[int, ...] = ()
    until: datetime | None = None
    """Last slot of a stretch."""
    count: int = 1
    marks: tuple[str, ...] = ()


def view_slots(
    trigger: Trigger,
    entries: Sequence[LedgerEntry],
    *,
    since: datetime,
    until: datetime,
    limit: int,
) -> list[SlotView]:
    """Decided slots, then pending ones, in [since, until), by slot, at most `limit`."""
    views = [_decided(trigger, entry) for entry in entries[:limit]]
    for slot in pending_slots(trigger, since=since, until=until):
        if len(views) >= limit:
            break
        views.append(_pending(trigger, slot))
    return views


def pending_slots(trigger: Trigger, *, since: datetime, until: datetime) -> Iterator[datetime]:
    """Slots in [since, until) that wait for their decision or their time, as scheduled now."""
    slot = trigger.next_slot
    if trigger.state is not TriggerState.ACTIVE or slot is None:
        return
    left = None if trigger.max_firings is None else trigger.max_firings - trigger.firings
    if slot < since:
        # Not slot by slot: `since` may be a century away.
        before = since - timedelta(microseconds=1)
        if left is not None:
            left -= 1 + _count(trigger, slot, before)
        slot = trigger.slot_after(before)
    while slot is not None and slot < until and (left is None or left > 0):
        yield slot
        slot = trigger.slot_after(slot)
        left = None if left is None else left - 1


def _count(trigger: Trigger, after: datetime, until: datetime) -> int:
    anchor = trigger.anchor_at or after
    return count_slots(trigger.schedule, after=after, until=until, anchor=anchor)[0]


def _decided(trigger: Trigger, entry: LedgerEntry) -> SlotView:
    return SlotView(
        slot=entry.slot,
        local=slot_local(trigger.schedule, entry.slot),
        decision=entry.decision,
        reason=entry.reason,
        fired_at=entry.decided_at if entry.decision is Decision.FIRED else None,
        run_ids=entry.run_ids,
        until=entry.until,
        count=entry.count,
        marks=slot_marks(trigger.schedule, entry.slot),
    )


def _pending(trigger: Trigger, slot: datetime) -> SlotView:
    return SlotView(
        slot=slot,
        local=slot_local(trigger.schedule, slot),
        decision=Decision.PENDING,
        marks=slot_marks(trigger.schedule, slot),
    )
